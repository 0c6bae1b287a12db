"""The way back: what was backed up, what changed, what is chosen, what would be overwritten, from a real repository."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.app import Opened
from pi_installer_tui.console import SSH, Profile, Terminal, detect
from pi_installer_tui.modules.backup import applied
from pi_installer_tui.restic.answers import Snapshot
from pi_installer_tui.restic.index import Index, Total
from pi_installer_tui.restic.place import Place
from pi_installer_tui.screens.backup import came_back
from pi_installer_tui.screens.backup.chosen import MOST, Chosen, TooMany
from pi_installer_tui.screens.backup.compare import CompareScreen
from pi_installer_tui.screens.backup.existing import Preview, look
from pi_installer_tui.screens.backup.library import SHOWN, Library
from pi_installer_tui.screens.backup.restore import RestoreScreen
from pi_installer_tui.screens.backup.search import InsideScreen, SearchScreen
from pi_installer_tui.screens.backup.snapshots import SnapshotsScreen
from pi_installer_tui.screens.backup.taken import ago, database, together, with_proofs
from pi_installer_tui.screens.backup.text import FileScreen
from pi_installer_tui.screens.backup.tree import TreeScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.screens.watch import JobView
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.events import Reported
from pi_installer_tui.widgets.listing import Listing
from pi_installer_tui.widgets.rows import Rows
from tests.restic.ready import ready
from tests.screens import golden
from tests.screens.conftest import Program

Start = Callable[..., AbstractAsyncContextManager[Program]]
SERIAL = detect({"TERM": "vt220"}, Terminal(utf8=False), "serial")

#: names that a terminal, a shell or a pattern would take for something else
ODD = (b"line\nbreak", b"caf\xe9.txt", b"bell\x07\x1b[2J", b"st*r[1]", b"back\\slash", b"q\"uote'", "grün".encode())
#: a file that is longer than what is shown of one
LINE, LINES = "a line of text\n", 200_000


class Kept:
    """A repository with three runs of the job `home`, and what was backed up, as it is after the third."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "home"
        self.cache = str(folder / "cache")
        password = folder / "password"
        password.write_text("a real one\n")
        self.place = Place("usb", "folder", str(password), path=str(folder / "repository"))
        self.shared = Library(LocalHost(), [self.place], cache=self.cache)
        self._env = {
            **os.environ,
            "RESTIC_REPOSITORY": self.place.repository,
            "RESTIC_PASSWORD_FILE": str(password),
            "RESTIC_CACHE_DIR": self.cache,
        }
        ready(folder / "repository", "a real one")
        notes = self.source / "notes"
        notes.mkdir(parents=True)
        (notes / "todo.txt").write_text("milk\nbread\n")
        (notes / "old.txt").write_text("gone later\n")
        (self.source / "photo.jpg").write_bytes(b"\xff\xd8\0" * 1000)
        (self.source / "long.log").write_text(LINE * LINES)
        odd = self.source / "odd"
        odd.mkdir()
        for name in ODD:
            (odd / os.fsdecode(name)).write_bytes(name)
        (self.source / "link").symlink_to("notes/todo.txt")
        self._run("r1", "2026-11-20 02:00:00")
        (notes / "todo.txt").write_text("milk\nbread\neggs\n")
        (notes / "old.txt").unlink()
        (notes / "new report.txt").write_text("new\n")
        self._run("r2", "2026-11-21 02:00:00")
        self._restic(
            *("backup", "--stdin", "--stdin-filename", "/databases-postgresql-app.sql", "--host", "raspberrypi"),
            *("--tag", "job=home,run=r2,database=postgresql:app", "--time", "2026-11-21 02:01:00"),
            piped=b"create table t ();\n",
        )
        self._run("r3", "2026-11-22 02:00:00", "--tag", "before the move")

    def _run(self, run: str, when: str, *more: str) -> None:
        tags = ("--tag", f"job=home,run={run}", "--host", "raspberrypi", "--time", when)
        self._restic("backup", *tags, *more, str(self.source))

    def _restic(self, *argv: str, piped: bytes = b"") -> None:
        done = subprocess.run(["restic", *argv], env=self._env, input=piped, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def library(self, *more: Place) -> Library:
        """The one that the tests share, so that each doesn't wait for restic again; with other places a new one."""
        return Library(LocalHost(), [self.place, *more], cache=self.cache) if more else self.shared


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    kept = Kept(tmp_path_factory.mktemp("kept"))
    yield kept
    kept.shared.close()


@pytest.fixture
def kept(keeping: Kept) -> Kept:
    """Nothing is chosen from another test."""
    keeping.shared._chosen.clear()
    return keeping


def home_of_mine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> pwd.struct_passwd:
    """An account with that home directory, which is there for the test."""
    mine = pwd.getpwuid(os.getuid())
    account = pwd.struct_passwd((mine.pw_name, "x", mine.pw_uid, mine.pw_gid, "", str(folder), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _name: account)
    return account


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def opened(program: Program, kept: Kept, *more: Place, **of: str) -> SnapshotsScreen:
    await program.until(lambda: program.app.is_open)
    screen = SnapshotsScreen(library=kept.library(*more), **of)
    await program.app.push_screen(screen)
    await program.until(lambda: screen.ready)
    return screen


async def at(program: Program, screen: Any, path: str) -> None:
    """Goes to an entry of the folder that is shown."""
    listing = screen.query_one(Listing)
    assert listing.select(path), [row.id for row in listing.rows]
    await program.pilot.pause()


async def files(program: Program, kept: Kept) -> TreeScreen:
    """The files of the newest run."""
    await opened(program, kept)
    await program.press("enter")
    await program.until("photo.jpg")
    tree = program.app.screen
    assert isinstance(tree, TreeScreen)
    return tree


def acts(program: Program, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Mapping[str, object]]]:
    """What is asked to be planned."""
    asked: list[tuple[str, str, Mapping[str, object]]] = []
    monkeypatch.setattr(program.app, "act", lambda module, action, told: asked.append((module, action, dict(told))))
    return asked


# snapshots --------------------------------------------------------------------------------------------------------


async def test_a_run_is_one_line_with_its_dumps_and_the_newest_is_first(start: Start, kept: Kept) -> None:
    async with start() as program:
        screen = await opened(program, kept)
        rows = [row for row in screen.query_one(Rows).rows if row.id]
        assert [row.cells[2].text for row in rows] == ["11-22 02:00", "11-21 02:00", "11-20 02:00"]
        assert "1 database" not in rows[0].cells[-1].text and "1 database" in rows[1].cells[-1].text
        await program.press("down")
        await program.until("postgresql:app")


async def test_what_is_typed_chooses_the_runs(start: Start, kept: Kept) -> None:
    async with start() as program:
        screen = await opened(program, kept)
        await program.press("slash")
        await program.type("move")
        assert len([row for row in screen.query_one(Rows).rows if row.id]) == 1
        await program.press("escape")
        assert len([row for row in screen.query_one(Rows).rows if row.id]) == 3
    async with start() as program:
        await opened(program, kept, job="another")
        assert "there is none like that" in program.text


async def test_a_place_that_cannot_be_read_says_why_and_stops_no_other(
    start: Start, kept: Kept, tmp_path: Path
) -> None:
    gone = Place("nas", "folder", kept.place.password, path=str(tmp_path / "nothing"))
    async with start() as program:
        screen = await opened(program, kept, gone)
        assert len([row for row in screen.query_one(Rows).rows if row.id]) == 3
        await program.until("No repository is at nas")
        await program.press("s")
        await program.type("todo")
        await program.press("enter")
        await program.until("2 are found")
        await program.until("No repository is at nas")
        await program.press("q", "p", "p")
        assert len([row for row in screen.query_one(Rows).rows if row.id]) == 0, "only nas is shown"


# the tree ---------------------------------------------------------------------------------------------------------


async def test_looking_again_sees_places_that_somebody_else_removed(start: Start, machine: Opened) -> None:
    async with start() as program:
        await program.until(lambda: program.app.is_open)
        screen = SnapshotsScreen()
        await program.app.push_screen(screen)
        await program.until("14 runs")
        settings = (await machine.host.text(applied.PATH)) or ""
        await machine.host.replace(applied.PATH, b"version: 1\nplaces: {}\n", mode=0o600, uid=0, gid=0)
        await program.press("i")
        await program.until("There is no place for backups yet")
        await machine.host.replace(applied.PATH, settings.encode(), mode=0o600, uid=0, gid=0)
        await program.press("i")
        await program.until("14 runs")


async def test_it_opens_where_the_files_are_and_goes_in_and_out(start: Start, kept: Kept) -> None:
    async with start() as program:
        tree = await files(program, kept)
        assert tree._folder == str(kept.source)
        await at(program, tree, f"{kept.source}/notes")
        await program.press("right")
        await program.until("new report.txt")
        await program.press("left")
        row = tree.query_one(Listing).row
        assert row is not None and row.id == f"{kept.source}/notes", "the cursor is on the folder that it came from"


async def test_a_folder_stands_for_all_in_it_and_single_files_are_taken_out_again(start: Start, kept: Kept) -> None:
    async with start() as program:
        tree = await files(program, kept)
        await at(program, tree, f"{kept.source}/odd")
        await program.press("space")
        assert tree._chosen is not None
        assert tree._chosen.paths == (f"{kept.source}/odd",)
        assert f"Chosen: {len(ODD)} files, {sum(map(len, ODD))} B" in program.text
        await at(program, tree, f"{kept.source}/odd")
        await program.press("enter", "space")
        assert len(tree._chosen.paths) == len(ODD) - 1
        await program.press("left")
        assert "[-]" in program.text
        await at(program, tree, f"{kept.source}/odd")
        await program.press("space")
        assert tree._chosen.paths == (f"{kept.source}/odd",), "the folder takes the place of what was chosen in it"
        await program.press("x")
        assert "Nothing is chosen" in program.text


async def test_what_is_chosen_is_still_chosen_after_a_look_elsewhere(start: Start, kept: Kept) -> None:
    async with start() as program:
        tree = await files(program, kept)
        await at(program, tree, f"{kept.source}/odd")
        await program.press("space", "q", "enter")
        await program.until("Chosen: ")


@pytest.mark.parametrize("profile", [SSH, SERIAL], ids=lambda p: p.name)
async def test_odd_names_do_no_harm(start: Start, kept: Kept, profile: Profile) -> None:
    async with start(profile=profile) as program:
        tree = await files(program, kept)
        await at(program, tree, f"{kept.source}/odd")
        await program.press("enter")
        await program.until("st*r[1]")
        assert "line?break" in program.text and "bell??[2J" in program.text
        assert all(char.isprintable() or char == "\n" for char in program.text)
        await program.press("slash")
        await program.type("uote")
        await program.until(lambda: len(tree._entries) == 1)


async def test_a_name_is_found_in_the_whole_snapshot_and_chosen_there(start: Start, kept: Kept) -> None:
    async with start() as program:
        tree = await files(program, kept)
        await program.press("s")
        await program.type("REPORT")
        await program.press("enter")
        assert isinstance(program.app.screen, InsideScreen)
        await program.until("1 is found")
        await program.press("space")
        assert tree._chosen is not None and tree._chosen.paths == (f"{kept.source}/notes/new report.txt",)
        await program.press("enter")
        assert tree.is_current and tree._folder == f"{kept.source}/notes"
        assert "[x]" in program.text


async def test_a_text_is_shown_and_what_is_none_is_not(start: Start, kept: Kept) -> None:
    async with start() as program:
        tree = await files(program, kept)
        await at(program, tree, f"{kept.source}/photo.jpg")
        await program.press("enter")
        await program.until("This isn't text.")
        assert isinstance(program.app.screen, FileScreen)
        await program.press("q")
        await at(program, tree, f"{kept.source}/notes")
        await program.press("enter")
        await at(program, tree, f"{kept.source}/notes/todo.txt")
        await program.press("enter")
        await program.until("eggs")


async def test_a_file_is_written_to_the_home_of_whoever_asks_and_replaces_nothing(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = home_of_mine(tmp_path, monkeypatch)
    library = kept.library()
    newest = (await library.snapshots("usb"))[-1]
    (tmp_path / "photo.jpg").write_text("mine")
    told: list[int] = []
    path = await library.save("usb", newest.id, f"{kept.source}/photo.jpg", account.pw_name, told.append)
    assert path.read_bytes() == (kept.source / "photo.jpg").read_bytes()
    assert path.name == "photo-2.jpg" and (tmp_path / "photo.jpg").read_text() == "mine"
    assert path.stat().st_uid == account.pw_uid
    assert path.stat().st_mode & 0o777 == 0o600 and told[-1] == 3000
    assert names(tmp_path) == ["photo-2.jpg", "photo.jpg"], "nothing else is left"


async def test_a_file_whose_name_is_not_utf8_is_read_and_written_as_any_other(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = home_of_mine(tmp_path, monkeypatch)
    library = kept.library()
    newest = (await library.snapshots("usb"))[-1]
    tree = await library.tree("usb", newest.id)
    for entry in tree.children(f"{kept.source}/odd"):
        shown = await library.text("usb", newest.id, entry.path)
        assert shown.whole and shown.text is not None and shown.text.encode("utf-8", "replace")
        path = await library.save("usb", newest.id, entry.path, account.pw_name, lambda _size: None)
        assert path.read_bytes() == os.fsencode(path.name)
    assert {os.fsencode(name) for name in names(tmp_path)} == set(ODD)


async def test_of_a_long_file_only_the_beginning_is_read(kept: Kept) -> None:
    library = kept.library()
    newest = (await library.snapshots("usb"))[-1]
    shown = await library.text("usb", newest.id, f"{kept.source}/long.log")
    assert not shown.whole and shown.text is not None
    assert shown.text == (LINE * LINES)[:SHOWN]
    assert await running(kept.place.repository) == 0, "restic is ended"


async def running(repository: str) -> int:
    """How many processes of restic work on a repository."""
    found = 0
    for pid in await LocalHost().listdir("/proc"):
        if pid.isdigit():
            with contextlib.suppress(OSError):
                env = await LocalHost().read(f"/proc/{pid}/environ")
                found += f"RESTIC_REPOSITORY={repository}\0".encode() in env
    return found


async def test_leaving_while_a_tree_is_read_ends_the_reading(
    start: Start, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as program:
        screen = await opened(program, kept)
        library = screen._library
        assert library is not None
        ended = asyncio.Event()

        async def slow(*_args: Any) -> Any:
            try:
                await asyncio.sleep(600)
            finally:
                ended.set()

        library.close()
        monkeypatch.setattr(library, "_read", slow)
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, TreeScreen))
        await program.press("q")
        assert program.app.screen is screen
        await asyncio.wait_for(ended.wait(), 10)


async def test_a_tree_is_read_once(start: Start, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start() as program:
        tree = await files(program, kept)
        await program.press("q")

        async def never(*_args: Any) -> Any:
            raise AssertionError("it is there already")

        monkeypatch.setattr(tree._library, "_read", never)
        await program.press("enter")
        await program.until("photo.jpg")


async def test_a_large_folder_is_shown_and_filtered_by_pieces(start: Start, kept: Kept) -> None:
    many = 25_000
    with closing(index((f"/d/{number:05}" for number in range(many)), ["/d"])) as large:
        library = Library(LocalHost(), [kept.place], cache=kept.cache)
        newest = (await kept.library().snapshots("usb"))[-1]
        library._trees[("usb", newest.id)] = large
        async with start() as program:
            await program.until(lambda: program.app.is_open)
            tree = TreeScreen(library, "usb", newest, "/d/12345")
            await program.app.push_screen(tree)
            await program.until("25,000 entries")
            row = tree.query_one(Listing).row
            assert row is not None and row.id == "/d/12345"
            await program.press("slash")
            await program.type("777")
            await program.until("only 777")
            await program.until(lambda: len(tree._entries) == sum("777" in f"{n:05}" for n in range(many)))
            await program.press("escape")
            await program.until("25,000 entries")


# what changed -----------------------------------------------------------------------------------------------------


async def test_what_changed_is_shown_with_signs_and_sizes(start: Start, kept: Kept) -> None:
    async with start() as program:
        screen = await opened(program, kept)
        await program.press("down", "c")
        await program.until(lambda: isinstance(program.app.screen, CompareScreen))
        await program.until("shown: all")
        compare = program.app.screen
        assert isinstance(compare, CompareScreen)
        await program.until(lambda: all(compare._trees))
        await program.pilot.pause()
        assert "/tmp/" not in [row.id for row in compare.query_one(Listing).rows], "only its time changed"
        lines = {row.id.rpartition("/")[2]: row.cells for row in compare.query_one(Listing).rows}
        assert [cell.text.strip() for cell in lines["todo.txt"][:3]] == ["M changed", "11 B", "16 B"]
        assert [cell.text.strip() for cell in lines["old.txt"][:3]] == ["- removed", "11 B", ""]
        assert [cell.text.strip() for cell in lines["new report.txt"][:3]] == ["+ new", "", "4 B"]
        await program.press("v")
        assert [row.id.rpartition("/")[2] for row in compare.query_one(Listing).rows] == ["new report.txt"]
        await program.press("v", "enter")
        await program.until(lambda: isinstance(program.app.screen, TreeScreen))
        await program.until("old.txt")
        await program.press("q", "q")
        assert program.app.screen is screen
        await program.press("down", "c")
        await program.until("It is the first run")


async def test_two_that_are_marked_are_compared(start: Start, kept: Kept) -> None:
    async with start() as program:
        await opened(program, kept)
        await program.press("m", "down", "down", "c")
        await program.until(lambda: isinstance(program.app.screen, CompareScreen))
        await program.until("from 2026-11-20 02:00 to 2026-11-22 02:00")
        await program.until("todo.txt")


# searching --------------------------------------------------------------------------------------------------------


async def test_a_name_is_found_over_all_snapshots_each_state_once(start: Start, kept: Kept) -> None:
    async with start() as program:
        await opened(program, kept)
        await program.press("s")
        await program.until(lambda: isinstance(program.app.screen, SearchScreen))
        await program.type("TODO")
        await program.press("enter")
        await program.until("2 are found")
        search = program.app.screen
        rows = search.query_one(Listing).rows
        assert [row.cells[2].text for row in rows] == ["2 x", "1 x"], "the newest state first"
        await program.press("down", "enter")
        await program.until("old.txt")
        tree = program.app.screen
        assert isinstance(tree, TreeScreen)
        row = tree.query_one(Listing).row
        assert row is not None and row.id == f"{kept.source}/notes/todo.txt"
        await program.press("q", "slash")
        await program.press(*["backspace"] * 4)
        await program.type("odd")
        await program.press("enter")
        await program.until("1 is found.")
        await program.press("slash", *["backspace"] * 3)
        await program.type("nowhere")
        await program.press("enter")
        await program.until("nowhere: not found.")


# restoring --------------------------------------------------------------------------------------------------------


async def preview(kept: Kept, paths: tuple[str, ...], target: str = "", number: int = -1) -> Preview:
    library = kept.library()
    snapshots = [each for each in await library.snapshots("usb") if not each.tagged("database")]
    tree = await library.tree("usb", snapshots[number].id)
    return await look(LocalHost(), tree, paths, target, lambda _found: None)


async def test_what_is_there_and_the_same_is_told_from_what_differs(kept: Kept) -> None:
    found = await preview(kept, (str(kept.source),))
    assert (found.same, found.differ, found.absent.files) == (5 + len(ODD), 0, 0), "odd names too are found there"
    found = await preview(kept, (str(kept.source),), number=0)
    assert found.absent.files == 1 and found.absent.size == len("gone later\n")
    assert [(each.path, each.here, each.there, each.newer) for each in found.listed] == [
        (f"{kept.source}/notes/todo.txt", 16, 11, True)
    ]


async def test_elsewhere_another_kind_of_file_is_seen_and_an_empty_folder_has_nothing(
    kept: Kept, tmp_path: Path
) -> None:
    found = await preview(kept, (str(kept.source),), str(tmp_path))
    assert (found.same, found.differ, found.absent.files) == (0, 0, 5 + len(ODD))
    there = Path(f"{tmp_path}{kept.source}")
    (there / "photo.jpg").mkdir(parents=True)
    (there / "notes").write_text("a file where a folder was")
    found = await preview(kept, (str(kept.source),), str(tmp_path))
    assert {(each.path, each.how) for each in found.listed} == {
        (f"{there}/photo.jpg", "kind"),
        (f"{there}/notes", "kind"),
    }


async def test_the_plan_is_asked_for_exactly_what_was_chosen(
    start: Start, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as program:
        asked = acts(program, monkeypatch)
        tree = await files(program, kept)
        for name in ("notes", "odd"):
            await at(program, tree, f"{kept.source}/{name}")
            await program.press("space")
        await program.press("r")
        assert isinstance(program.app.screen, RestoreScreen)
        await program.until("nothing there differs")
        assert f"2 are chosen: {2 + len(ODD)} files" in program.text
        await program.press("e", "p")
        whole = tree._snapshot.id
        paths = [f"{kept.source}/notes", f"{kept.source}/odd"]
        told = {"place": "usb", "snapshot": whole, "paths": paths, "existing": "keep"}
        assert asked == [("backup", "restore", told)]
        await program.press("t")
        await program.until("Where to?")
        await program.type("relative")
        await program.press("enter")
        await program.until("isn't the whole path")
        await program.press("enter", "t")
        await program.type("/srv/back")
        await program.press("enter")
        await program.until("/srv/back")
        await program.press("p")
        assert asked[1:] == [("backup", "restore", {**told, "target": "/srv/back"})]


async def test_without_a_choice_what_is_under_the_cursor_is_restored(start: Start, kept: Kept) -> None:
    async with start() as program:
        tree = await files(program, kept)
        await at(program, tree, f"{kept.source}/photo.jpg")
        await program.press("r")
        restore = program.app.screen
        assert isinstance(restore, RestoreScreen) and restore._paths == (f"{kept.source}/photo.jpg",)


async def test_a_database_comes_back_under_its_name_or_another(
    start: Start, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as program:
        asked = acts(program, monkeypatch)
        screen = await opened(program, kept)
        assert screen.check_action("restore_database", ()) is False, "the newest run dumped none"
        await program.press("down", "d")
        await program.until("Restore postgresql:app")
        await program.press("enter")
        await program.until("Under which name?")
        await program.press("enter")
        dump = next(each for each in await kept.library().snapshots("usb") if each.tagged("database"))
        told = {"place": "usb", "snapshot": dump.id}
        assert asked == [("backup", "restore-database", {**told, "into": "app_restored"})]
        await program.press("d", "up", "enter")
        await program.pilot.pause()
        assert asked[1:] == [("backup", "restore-database", told)]


PLAN = "/home/pi/garden/plan.md"


@pytest.mark.parametrize(("size", "profile"), [((80, 24), SSH), ((120, 40), SSH), ((80, 24), SERIAL)])
async def test_a_file_comes_back_from_the_first_key_to_the_end_of_its_job(
    start: Start, machine: Opened, size: tuple[int, int], profile: Profile
) -> None:
    was = await machine.host.read(PLAN)
    await machine.host.replace(PLAN, was + b"spoilt\n", mode=0o644, uid=1000, gid=1000)
    async with start(size=size, profile=profile) as program:
        await program.until(lambda: program.app.is_open)
        screen = SnapshotsScreen()
        await program.app.push_screen(screen)
        await program.until(lambda: screen.ready)
        rows = [row for row in screen.query_one(Rows).rows if row.id]
        assert len(rows) == 14
        assert 0 < sum("yes" in row.cells[5].text for row in rows) < 14, "those are proven that drills took"
        await program.press("enter")
        await program.until("entries")
        await program.press("s")
        await program.type("plan.md")
        await program.press("enter")
        await program.until("1 is found")
        await program.press("enter")
        await program.until("robin.jpg")
        await program.press("space", "r")
        await program.until("1 of them is newer than the snapshot's")
        await program.press("e", "e")
        await golden.check(program.app, f"restore-{profile.name}")
        await program.press("p")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        await program.press("y")
        await program.until("1 file was compared with the snapshot", 60)
        await program.until("1 replaced")
    assert await machine.host.read(PLAN) == was


def test_a_job_says_what_was_compared_and_what_became_of_what_was_there() -> None:
    view = JobView()
    told = {
        "compared": 1200,
        "differ": 0,
        "size": 5_000_000,
        "new": 3,
        "replaced": 2,
        "same": 1195,
        "aside": "/home/.x",
    }
    view.apply(Reported(step="files", values={"files": 1200}, seq=1, at=1.0))
    view.apply(Reported(step="files", values=told, seq=2, at=2.0))
    said = [cell.text for cell in came_back.lines(view.steps["files"].reported)]
    assert said[0] == "1,200 files were compared with the snapshot, 5.0 MB: 0 differ"
    assert said[1] == "3 came back, 2 replaced, 0 renamed, 1,195 were the same, 0 kept"
    assert "/home/.x" in said[2]
    assert came_back.lines({"made": True}) == [], "a step that restores nothing says nothing here"


# what is chosen, and what belongs together ------------------------------------------------------------------------

PATHS = ("/a", "/a/1", "/a/2", "/a/b", "/a/b/1", "/a/b/2", "/c", "/c/1", "/ab", "/ab/1")
LEAVES = tuple(path for path in PATHS if path[-1].isdigit())


def index(files: Iterable[str], folders: Iterable[str]) -> Index:
    """A tree as restic lists it, each file of 10 bytes."""
    lines = [(path, {"type": "file", "size": 10}) for path in files] + [(path, {"type": "dir"}) for path in folders]
    tree = Index()
    tree._add(json.dumps({"path": path, "struct_type": "node", **of}) for path, of in sorted(lines))
    tree._finish()
    return tree


@pytest.fixture(scope="module")
def small() -> Iterator[Index]:
    with closing(index(LEAVES, (path for path in PATHS if path not in LEAVES))) as tree:
        yield tree


@given(marks=st.lists(st.sampled_from(PATHS), max_size=12))
def test_what_is_chosen_is_what_was_marked_and_each_file_once(small: Index, marks: list[str]) -> None:
    chosen, wanted = Chosen(small), set[str]()
    for path in marks:
        inside = {leaf for leaf in LEAVES if leaf == path or leaf.startswith(f"{path}/")}
        wanted = wanted - inside if chosen.state(path) == "all" else wanted | inside
        chosen.toggle(path)
    for leaf in LEAVES:
        assert (chosen.state(leaf) == "all") is (leaf in wanted)
    assert chosen.total == Total(len(wanted), 10 * len(wanted))
    assert not any(one != other and one.startswith(f"{other}/") for one in chosen.paths for other in chosen.paths)
    for folder in ("/a", "/a/b", "/c", "/ab"):
        inside = {leaf for leaf in LEAVES if leaf.startswith(f"{folder}/")}
        assert (chosen.state(folder) == "none") is (not inside & wanted)


def test_the_way_back_is_not_made_of_thousands_of_names() -> None:
    with closing(index((f"/d/{number:05}" for number in range(MOST + 2)), ["/d"])) as tree:
        chosen = Chosen(tree)
        chosen.toggle("/d")
        with pytest.raises(TooMany):
            chosen.toggle("/d/00007")
        assert chosen.paths == ("/d",)


def snapshot(name: str, when: float, *tags: str) -> Snapshot:
    return Snapshot(name * 64, when, "pi", "root", ("/home",), tags)


def test_a_drill_proves_the_newest_run_of_its_job_at_that_time() -> None:
    found = together("usb", [snapshot(n, t, "job=home", f"run=r{n}") for n, t in (("1", 10), ("2", 20), ("3", 30))])
    proven = with_proofs(found, [("home", "usb", 25.0), ("other", "usb", 35.0), ("home", "nas", 35.0)])
    assert [(one.first.id[0], one.proven) for one in proven] == [("3", None), ("2", 25.0), ("1", None)]


def test_what_the_program_did_not_take_is_shown_too_and_a_dump_alone_is_a_run() -> None:
    foreign, dump = snapshot("1", 10), snapshot("2", 20, "job=home", "run=r", "database=sqlite:/srv/a%2Cb.db")
    found = together("usb", [foreign, dump])
    assert [(one.job, one.files is None, len(one.dumps)) for one in found] == [("home", True, 1), ("", False, 0)]
    assert database(dump) == "sqlite:/srv/a,b.db"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (5, "just now"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (3 * 86400, "3 days ago"),
        (61 * 86400, "2 months ago"),
    ],
)
def test_ages_are_said_in_words(seconds: float, said: str) -> None:
    assert ago(seconds) == said
