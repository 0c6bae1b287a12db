"""What restic 0.14 (Debian 12) and 0.18 (Debian 13) answer, as recorded by tests/restic/record.py: each is understood,
whichever of them is installed here."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.restic.answers import Progress, Reason, Trouble
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.host import Completed, Process
from pi_installer_tui.system.local import LocalHost
from tests.restic import record

RECORDED = Path(record.__file__).with_name("recorded")
VERSIONS = sorted(path.stem for path in RECORDED.glob("*.json"))


class Answering(LocalHost):
    """restic is a shell that prints what was recorded and ends as restic did; the next answers are in `cases`. asked:
    its commands, without the options that come first."""

    def __init__(self, folder: Path, version: str) -> None:
        super().__init__()
        self._folder = folder
        found = json.loads((RECORDED / f"{version}.json").read_text())
        self.version: str = found["version"]
        self.said: dict[str, Any] = found["said"]
        self.cases: list[str] = []
        self.asked: list[list[str]] = []
        self.then = "true"

    async def run(self, argv: Sequence[str], **values: Any) -> Completed:
        if list(argv) == ["restic", "version"]:
            return Completed(("restic", "version"), 0, f"restic {self.version} compiled with go\n", "")
        return await super().run(argv, **values)

    @asynccontextmanager
    async def start(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        grace: float = 5.0,
    ) -> AsyncIterator[Process]:
        assert list(argv[:2]) == ["restic", "--cache-dir"], argv
        self.asked.append(list(argv[3:]))
        answer = self.said[self.cases.pop(0)]
        printed = self._folder / "printed"
        printed.write_text(answer["printed"])
        script = ["sh", "-c", f'cat "$1"; {self.then}; exit "$2"', "restic", str(printed), str(answer["status"])]
        async with super().start(script, env=env, grace=grace) as process:
            yield process


@pytest.fixture(params=VERSIONS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Answering:
    return Answering(tmp_path, request.param)


@pytest.fixture
def restic(host: Answering, tmp_path: Path) -> Restic:
    (tmp_path / "password").write_text("correct horse\n")
    return Restic(host, Place("attic", "folder", str(tmp_path / "password"), path=str(tmp_path / "there")), patience=1)


def test_both_versions_are_recorded() -> None:
    found = {each: json.loads((RECORDED / f"{each}.json").read_text()) for each in VERSIONS}
    assert [each["version"] for each in found.values()] == ["0.14.0", "0.18.0"]
    assert found["0.14"]["said"].keys() == found["0.18"]["said"].keys()


@pytest.mark.parametrize(
    ("case", "reason"), [("wrong password", "wrong-password"), ("locked", "locked"), ("nothing there", "no-repository")]
)
async def test_the_end_of_restic_says_why(host: Answering, restic: Restic, case: str, reason: Reason) -> None:
    host.cases = [case]
    with pytest.raises(Trouble) as caught:
        await (restic.check() if case == "locked" else restic.snapshots())
    assert caught.value.reason == reason
    newer = {"wrong password": "12", "locked": "11", "nothing there": "10"}
    assert caught.value.values["status"] == ("1" if host.version == "0.14.0" else newer[case])


async def test_a_repository_that_is_not_there_can_be_made(host: Answering, restic: Restic) -> None:
    host.cases = ["nothing there"]
    assert not await restic.initialised()


async def test_a_snapshot_is_known_by_its_whole_id(host: Answering, restic: Restic) -> None:
    host.cases = ["backup", "snapshots"]
    made = await restic.back_up(["/bench/source/deep"], tags=["job=attic", "run=7"])
    assert host.asked[0][:2] == ["backup", "--json"]
    assert (made.files_new, made.size, made.incomplete, made.unread) == (1, 5, False, ())
    assert made.added > 2000 and made.seconds > 0
    first, second = await restic.snapshots()
    assert (first.host, first.user, first.paths) == ("pi", "root", ("/bench/source/deep",))
    assert (first.tagged("job"), first.tagged("run"), second.tags) == ("attic", "7", ())
    assert first.time < second.time and len(first.tree) == len(first.id) == 64

    host.cases, host.asked = ["ids"], []
    assert await restic.whole([made.snapshot, second.short, "f" * 8]) == [first.id, second.id, "f" * 8]
    host.asked = []
    assert await restic.whole([first.id]) == [first.id] and not host.asked


async def test_what_could_not_be_read_is_named(host: Answering, restic: Restic) -> None:
    host.cases = ["backup, one unreadable"]
    said: list[str] = []
    made = await restic.back_up(["/bench/source/deep", record.UNREADABLE], said=said.append)
    assert made.incomplete and made.unread == (record.UNREADABLE,)
    assert said[0].startswith(f"{record.UNREADABLE}: ") and said[0].lower().endswith(": invalid argument"), said


async def test_an_id_that_is_forgotten_already_is_no_mistake(host: Answering, restic: Restic) -> None:
    host.cases = ["forgotten"]
    await restic.forget(["0" * 64])


async def test_a_tree_is_listed(host: Answering, restic: Restic) -> None:
    host.cases = ["tree"]
    async with aclosing(restic.tree("latest")) as entries:
        found = {entry.path: entry async for entry in entries}
    assert list(found)[-1] == "/bench/source/deep/er/Notes.txt"
    notes, tmp = found["/bench/source/deep/er/Notes.txt"], found["/var/tmp"]
    assert (notes.kind, notes.size, notes.uid, notes.mode) == ("file", 5, 0, 0o644)
    assert (tmp.kind, tmp.size, tmp.mode) == ("dir", None, 0o1777)


async def test_a_search_and_a_comparison_are_read(host: Answering, restic: Restic) -> None:
    host.cases = ["found", "compared"]
    ((snapshot, entry),) = await restic.find("NOTES*")
    assert (entry.path, entry.size, len(snapshot)) == ("/bench/source/deep/er/Notes.txt", 5, 64)
    found = await restic.compare("1" * 64, "2" * 64)
    signs = {change.path: change.sign for change in found.changes}
    assert signs["/bench/source/large"] == "+" and signs["/bench/source/deep/er/Notes.txt"] == "-"
    assert found.statistics["added"]["bytes"] > 3_000_000


async def test_sizes_and_what_pruning_would_free_are_read(host: Answering, restic: Restic) -> None:
    host.cases = ["sizes", "would free"]
    sizes = await restic.stats(what="raw-data")
    assert sizes.size > 3_000_000 and sizes.blobs > 3
    freed = await restic.would_free(["2" * 64])
    assert freed.freed is not None and abs(freed.freed - 3_000_000) < 10_000
    assert freed.remaining is not None and 0 < freed.remaining < 10_000
    assert "--dry-run" in host.asked[-1]


async def test_a_restoration_says_what_it_restored(host: Answering, restic: Restic) -> None:
    host.cases = ["restored"]
    seen: list[Progress] = []
    done = await restic.restore("latest", ["/"], "/bench/record/out", progress=seen.append)
    assert done.errors == ()
    assert (done.files, done.size) == ((None, None) if host.version == "0.14.0" else (7, 5))
    assert ("--sparse" in host.asked[0]) == (host.version != "0.14.0")


async def test_a_restoration_says_what_could_not_be_restored(host: Answering, restic: Restic) -> None:
    host.cases = ["restored, one damaged"]
    done = await restic.restore("latest", ["/"], "/bench/record/damaged")
    ((path, why),) = done.errors
    assert path == "/bench/source/large" and "ciphertext verification failed" in why


async def test_a_restoration_that_only_replaces_what_is_older_needs_0_17(host: Answering, restic: Restic) -> None:
    if host.version == "0.14.0":
        with pytest.raises(Trouble, match="not-able"):
            await restic.restore("latest", ["/"], "/bench/record/out", overwrite="if-newer")
        return
    host.cases = ["restored"]
    await restic.restore("latest", ["/"], "/bench/record/out", overwrite="if-newer")
    assert host.asked[0][host.asked[0].index("--overwrite") + 1] == "if-newer"


async def test_a_check_that_finds_nothing_is_good(host: Answering, restic: Restic) -> None:
    host.cases = ["whole"]
    seen: list[Progress] = []
    found = await restic.check(100, progress=seen.append)
    assert found.good and found.packs == () and not found.index and found.read == 100
    assert ("--json" in host.asked[0]) == (host.version == "0.18.0")
    assert bool(seen) == (host.version == "0.14.0")


@pytest.mark.parametrize(
    ("case", "line", "pack", "index"),
    [
        ("a flipped bit", r"(?i)pack (?:ID does not match|\w+ contains 2 errors)", True, False),
        ("a missing pack", "does not exist", True, False),
        ("a damaged index", "error loading index", False, True),
    ],
)
async def test_a_check_names_what_is_damaged(
    host: Answering, restic: Restic, case: str, line: str, pack: bool, index: bool
) -> None:
    host.cases = [case]
    found = await restic.check(100)
    assert len(found.errors) == 1 and not found.good, found
    assert re.search(line, found.errors[0])
    assert (len(found.packs), found.index) == (int(pack), index)
    assert all(each in host.said[case]["printed"] and len(each) == 64 for each in found.packs)


RETRIES = (
    'Stat(<config/>) returned error, retrying after 9.1s: Head "http://nas:8000/config": dial tcp: lookup nas: {}\n'
)


async def test_silence_between_two_tries_is_what_the_last_try_was(host: Answering, restic: Restic) -> None:
    """0.18 waits longer from try to try."""
    for said, cause in ((RETRIES.format("no such host"), "name"), ("", "timeout")):
        host.said["silent"] = {"printed": said, "status": 1}
        host.cases, host.then = ["silent"], "exec sleep 10"
        with pytest.raises(Trouble) as caught:
            await restic.initialised()
        assert (caught.value.reason, caught.value.values["cause"]) == ("unreachable", cause)
