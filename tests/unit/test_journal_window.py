"""Paging through a log: whatever is pressed, what is kept is a piece of the log without gaps and without anything
twice. Against the demo machine's journal, and against files."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.screens.monitoring.logs_window import MOST, STEP, Window
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.entries import Entry, Wanted
from pi_installer_tui.system.host import Process
from pi_installer_tui.system.journal import Journal
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.logfiles import LogFile
from tests.unit.paging import wander, whole


class _Prints(Process):
    def __init__(self, argv: Sequence[str], data: bytes) -> None:
        self.argv = tuple(argv)
        self.pid = 0
        self._data = data

    async def chunks(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._data), 100):
            yield self._data[at : at + 100]

    async def wait(self) -> int:
        return 0

    async def end(self, grace: float = 5.0) -> None:
        return None


class Said(LocalHost):
    """A host whose commands print these lines, as far as --lines lets them. asked: the commands."""

    def __init__(self, lines: Sequence[str], *, error: Exception | None = None, without_pcre: bool = False) -> None:
        super().__init__()
        self._lines = lines
        self._error = error
        self._without_pcre = without_pcre
        self.asked: list[tuple[str, ...]] = []

    @contextlib.asynccontextmanager
    async def start(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        grace: float = 5.0,
    ) -> AsyncIterator[Process]:
        self.asked.append(tuple(argv))
        if self._error is not None:
            raise self._error
        lines = self._lines
        if self._without_pcre and any(word.startswith("--grep") for word in argv):
            lines = ["Compiled without pattern matching support"]
        yield _Prints(argv, "".join(f"{line}\n" for line in lines).encode())


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    return DemoHost.create(str(tmp_path / "demo"))


@pytest.fixture
def file(tmp_path: Path) -> LogFile:
    """A file of three parts, one of them packed."""
    import gzip

    folder = tmp_path / "root/var/log"
    folder.mkdir(parents=True)
    numbers = [f"2026-11-27 10:00:00 line {n} {'x' * (n * 37 % 400)}\n".encode() for n in range(3000)]
    (folder / "app.log.2.gz").write_bytes(gzip.compress(b"".join(numbers[:900])))
    (folder / "app.log.1").write_bytes(b"".join(numbers[900:1700]))
    (folder / "app.log").write_bytes(b"".join(numbers[1700:]))
    return LogFile(LocalHost(str(tmp_path / "root")), "/var/log/app.log")


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(unit="ssh.service"),
        Wanted(unit="kernel", priority=4),
        Wanted(text="/invalid user/"),
        Wanted(text="nothing like it"),
    ],
)
async def test_the_journal_scrolls_without_gaps(demo: DemoHost, wanted: Wanted) -> None:
    await wander(Journal(demo), wanted, seed=1)


async def test_a_range_bounds_both_ends(demo: DemoHost) -> None:
    every = await whole(Journal(demo), Wanted())
    since, until = every[100].at, every[300].at
    wanted = Wanted(since=since, until=until)
    found = await whole(Journal(demo), wanted)
    assert found[0] == every[100] and found[-1].at == until and 200 <= len(found) - 1 <= 202
    await wander(Journal(demo), wanted, seed=2)


async def test_one_boot_is_read_alone(demo: DemoHost) -> None:
    journal = Journal(demo)
    found = await journal.boots()
    assert [boot.number for boot in found] == [0, -1, -2]
    counted = [len(await whole(journal, Wanted(boot=boot.id))) for boot in found]
    assert sum(counted) == len(await whole(journal, Wanted())) and min(counted) > 10


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(text="/line .*7 /")])
async def test_a_file_scrolls_through_its_parts_without_gaps(file: LogFile, wanted: Wanted) -> None:
    if not wanted.text:
        assert len(await whole(file, wanted)) == 3000
    await wander(file, wanted, seed=3)


async def test_a_search_goes_through_the_whole_log(demo: DemoHost, file: LogFile) -> None:
    window = Window(file, Wanted())
    await window.to_end()
    found = await window.find("line 12 ", len(window.entries) - 1, -1)
    assert found is not None and found.message.startswith("line 12 ")
    await window.around(found)
    at = window.entries.index(found)
    assert await window.find("line 12 ", at, -1) is None
    down = await window.find("/line 2999/", at, 1)
    assert down is not None and down.message.startswith("line 2999")
    journal = Window(Journal(demo), Wanted(text="user"))
    await journal.to_end()
    both = await journal.find("oracle", len(journal.entries) - 1, -1)
    assert both is not None and "invalid user oracle" in both.message.lower()


async def test_what_arrives_pushes_the_oldest_out(file: LogFile) -> None:
    window = Window(file, Wanted())
    await window.to_end()
    assert len(window.entries) == STEP
    new = [Entry(f"new:{n}", None, "x") for n in range(MOST)]
    assert window.arrived(new) == STEP and window.entries == new and not window.at_start


async def test_the_fields_of_an_entry_are_all_there(demo: DemoHost) -> None:
    journal = Journal(demo)
    entry = next(e for e in await whole(journal, Wanted()) if "Zürich" in e.message)
    fields: dict[str, Any] = {field.name: field.value for field in await journal.fields(entry)}
    assert fields["MESSAGE"] == entry.message and fields["_SYSTEMD_UNIT"] == "weather.service"
    assert next(iter(fields)) == "MESSAGE" and "\x1b[32m" in fields["MESSAGE"]


async def test_units_are_listed_without_sessions(demo: DemoHost) -> None:
    units = await Journal(demo).units()
    assert "ssh.service" in units and not any(unit.endswith(".scope") for unit in units)
