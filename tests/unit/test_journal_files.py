"""Files under /var/log: which are offered, how lines of every kind are read, and what is new while one looks."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import lzma
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_installer_tui.system import logfiles
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.entries import LogError, Wanted
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.logfiles import LogFile, decoded
from pi_installer_tui.system.logparts import BLOCK, LINE, Line, Part, lines_after, lines_before
from pi_installer_tui.system.logtimes import Clock
from tests.unit.paging import whole

PATH = "/var/log/app.log"


class Folder:
    """/var/log of a machine that has nothing else."""

    def __init__(self, root: Path) -> None:
        self.host = LocalHost(str(root))
        self.path = root / "var/log"
        self.path.mkdir(parents=True)

    def put(self, name: str, data: bytes) -> None:
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)

    def add(self, name: str, text: str) -> None:
        with (self.path / name).open("a") as file:
            file.write(text)

    def rotate(self) -> None:
        (self.path / "app.log").rename(self.path / "app.log.1")


@pytest.fixture
def log(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def messages(found: list[object]) -> list[str]:
    return [getattr(each, "message", "") for each in found]


# a part of a file -------------------------------------------------------------------------------------------------


@pytest.fixture(params=["local", "demo"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Host, Path]:
    if request.param == "demo":
        demo = DemoHost.create(str(tmp_path / "demo"))
        return demo, tmp_path / "demo/root"
    return LocalHost(str(tmp_path)), tmp_path


async def test_a_piece_of_a_file_is_read_with_its_size_and_identity(host: tuple[Host, Path]) -> None:
    machine, root = host
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/part").write_bytes(b"0123456789")
    found = (root / "etc/part").stat()
    part = await machine.read_part("/etc/part", 3, 4)
    assert (part.data, part.size, part.identity) == (b"3456", 10, (found.st_dev, found.st_ino))
    assert (await machine.read_part("/etc/part", 8, 100)).data == b"89"
    assert (await machine.read_part("/etc/part", 100, 5)).data == b""
    with pytest.raises(FileNotFoundError):
        await machine.read_part("/etc/nothing", 0, 1)
    with pytest.raises(IsADirectoryError):
        await machine.read_part("/etc", 0, 1)
    (root / "etc/link").symlink_to("part")
    with pytest.raises(OSError, match="Too many levels"):
        await machine.read_part("/etc/link", 0, 1)


# lines ------------------------------------------------------------------------------------------------------------


class Bytes(Part):
    """A part that is in memory."""

    def __init__(self, data: bytes) -> None:
        super().__init__(LocalHost(), "/x", (0, 0), len(data))
        self._data = data

    async def length(self) -> int:
        return len(self._data)

    async def read(self, start: int, length: int) -> bytes:
        return self._data[start : start + length]


LINES = st.lists(
    st.one_of(
        st.binary(max_size=40).map(lambda line: line.replace(b"\n", b" ")),
        st.sampled_from([b"x" * (LINE + 1), b"y" * BLOCK, b"z" * (3 * BLOCK + 7), b"", b"w" * (BLOCK - 1)]),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(LINES, st.booleans())
def test_lines_are_the_same_forwards_and_backwards(lines: list[bytes], ended: bool) -> None:
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()

    async def read() -> None:
        part = Bytes(data)
        forwards: list[Line] = []
        backwards: list[Line] = []
        at = 0
        while found := await lines_after(part, at):
            forwards += found
            at = found[-1].end
        end = len(data)
        while found := await lines_before(part, end):
            backwards[:0] = found
            end = found[0].start
        assert at == len(data) and end == 0
        assert [(x.start, x.end) for x in forwards] == [(x.start, x.end) for x in backwards]
        for got in (forwards, backwards):
            assert [x.data.rstrip(b"\r") for x in got] == [line[:LINE].rstrip(b"\r") for line in expected]
            assert [x.cut for x in got] == [len(line) > LINE for line in expected]

    asyncio.run(read())


def test_bytes_become_text_whatever_they_are() -> None:
    assert decoded("größe 東京".encode()) == ("größe 東京", False)
    assert decoded("größe".encode("latin-1")) == ("größe", False)
    assert decoded(b"a\0b") == ("a\0b", True)
    cut = ("ü" * LINE).encode()[: LINE - 1] + b"\xc3"
    assert decoded(b"x" + cut[: LINE - 1])[0].endswith("ü")


@pytest.mark.parametrize(
    ("line", "rest", "at"),
    [
        ("2026-11-27T10:00:00.123456+01:00 attic sshd[1]: x", "attic sshd[1]: x", 1795770000),
        ("2026-11-27T09:00:00Z x", "x", 1795770000),
        ("2026-11-27 09:00:00,123 fail2ban x", "fail2ban x", 1795770000),
        ("2026/11/27 09:00:00 [error] x", "[error] x", 1795770000),
        ("[2026-11-27 09:00:00] x", "x", 1795770000),
        ("Nov 27 09:00:00 attic x", "attic x", 1795770000),
        ("Dec 31 23:59:59 attic x", "attic x", 1767225599),
        ("Feb 29 00:00:00 attic x", "attic x", 1709164800),
        (
            '10.0.0.1 - - [27/Nov/2026:10:00:00 +0100] "GET /"',
            '10.0.0.1 - - [27/Nov/2026:10:00:00 +0100] "GET /"',
            1795770000,
        ),
        ("no time", "no time", None),
        ("2026-13-45 99:00:00 x", "2026-13-45 99:00:00 x", None),
        ("", "", None),
    ],
)
def test_times_of_all_daemons_are_read(line: str, rest: str, at: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert Clock(1795775000.0).read(line) == (at, rest)


# which files ------------------------------------------------------------------------------------------------------


async def test_text_files_are_offered_and_nothing_else(log: Folder) -> None:
    for name in ("syslog", "syslog.1", "syslog.2.gz", "nginx/access.log", "nginx/access.log-20261101", "empty.log"):
        log.put(name, b"" if name == "empty.log" else b"text\n")
    log.put("wtmp", b"text\n")
    log.put("btmp.1", b"text\n")
    log.put("lastlog", b"\0" * 300)
    log.put("binary.log", bytes(range(256)))
    (log.path / "journal").mkdir()
    log.put("journal/abc/text-here-is-not-for-us", b"text\n")
    log.put("after-a-power-cut.log", b"\0" * 100 + b"text " * 100)
    (log.path / "link.log").symlink_to("/etc/shadow")
    offered = [path.removeprefix("/var/log/") for path in await logfiles.found(log.host)]
    assert offered == ["after-a-power-cut.log", "empty.log", "nginx/access.log", "syslog"]


async def test_parts_are_read_oldest_first(log: Folder) -> None:
    log.put("app.log.10", b"zero\n")
    log.put("app.log.3.xz", lzma.compress(b"one\n"))
    log.put("app.log.2.bz2", bz2.compress(b"two\n"))
    log.put("app.log.1.gz", gzip.compress(b"three\n") + gzip.compress(b"four\n"))
    log.put("app.log", b"five\nsix")
    log.put("app.log.bak", b"no part\n")
    file = LogFile(log.host, PATH)
    assert messages([*await whole(file, Wanted())]) == ["zero", "one", "two", "three", "four", "five", "six"]


async def test_a_damaged_part_gives_what_can_be_read(log: Folder) -> None:
    packed = gzip.compress(os.urandom(200_000).hex().encode() + b"\nend\n")
    log.put("app.log.1.gz", packed[:-50_000])
    log.put("app.log", b"after\n")
    found = await whole(LogFile(log.host, PATH), Wanted())
    assert len(found) == 2 and found[0].note == "cut" and found[1].message == "after"


async def test_a_packed_part_is_never_held_whole(log: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pi_installer_tui.system.logparts.KEPT", 256 * 1024)
    lines = [f"line {n} {'x' * 90}" for n in range(20_000)]
    log.put("app.log.1.gz", gzip.compress("\n".join(lines).encode() + b"\n"))
    log.put("app.log", b"")
    file = LogFile(log.host, PATH)
    assert messages([*await whole(file, Wanted())]) == lines
    parts = await file._look()
    assert len(parts[0].__dict__["_kept"]) <= 512 * 1024


async def test_a_range_of_time_ends_the_reading(log: Folder) -> None:
    log.put("app.log", b"".join(b"2026-11-27T10:%02d:00Z n\n  more of it\n" % n for n in range(60)))
    file = LogFile(log.host, PATH)
    at = 1795773600.0 + 600
    found = await whole(file, Wanted(since=at, until=at + 60))
    assert [each.at for each in found if each.at] == [at, at + 60]


async def test_what_is_gone_or_forbidden_is_said(log: Folder) -> None:
    with pytest.raises(LogError, match="isn't there any more"):
        await LogFile(log.host, PATH).last(Wanted(), 5)
    (log.path / "app.log").symlink_to("/etc/hostname")
    with pytest.raises(LogError, match="can't be read"):
        await LogFile(log.host, PATH).last(Wanted(), 5)


# following --------------------------------------------------------------------------------------------------------


class Follower:
    """Follows the file; got: the messages so far."""

    def __init__(self, log: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logfiles, "LOOK", 0.01)
        self._file = LogFile(log.host, PATH)
        self.got: list[str] = []

    async def begin(self) -> None:
        newest = (await self._file.last(Wanted(), 1)).entries
        self._task = asyncio.ensure_future(self._run(newest[0].cursor if newest else ""))
        await asyncio.sleep(0.05)

    async def _run(self, cursor: str) -> None:
        async for entries in self._file.follow(cursor, Wanted()):
            self.got += messages([*entries])

    async def until(self, *wanted: str) -> None:
        async with asyncio.timeout(5):
            while self.got != list(wanted):  # noqa: ASYNC110  (it looks at a file)
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})


async def test_a_rotation_loses_nothing(log: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    log.put("app.log", b"zero\n")
    follower = Follower(log, monkeypatch)
    await follower.begin()
    log.add("app.log", "one\n")
    await follower.until("one")
    log.add("app.log", "two\nlast wor")
    log.rotate()
    log.add("app.log.1", "ds\n")
    await asyncio.sleep(0.05)
    log.add("app.log", "three\n")
    await follower.until("one", "two", "last words", "three")
    log.add("app.log", "half a li")
    await asyncio.sleep(0.05)
    assert len(follower.got) == 4, "a line is shown when it is whole"
    log.add("app.log", "ne\n")
    await follower.until("one", "two", "last words", "three", "half a line")
    await follower.end()


async def test_a_file_that_is_emptied_in_its_place_is_read_from_its_start(
    log: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.put("app.log", b"a long line that was there\n")
    follower = Follower(log, monkeypatch)
    await follower.begin()
    os.truncate(log.path / "app.log", 0)
    await asyncio.sleep(0.05)
    log.add("app.log", "new\n")
    await follower.until("new")
    await follower.end()
