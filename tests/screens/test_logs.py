"""The log viewer on a demo machine: the list, its filters, searching, one entry, and the export."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from pi_installer_tui.console import Terminal, detect
from pi_installer_tui.screens.monitoring.entry import EntryScreen
from pi_installer_tui.screens.monitoring.logs import Logs
from pi_installer_tui.screens.monitoring.logs_export import LogExport
from pi_installer_tui.screens.monitoring.logs_view import LogView
from pi_installer_tui.system.journal import Journal
from tests.screens import golden
from tests.screens.conftest import Program

Start = Callable[..., AbstractAsyncContextManager[Program]]
SERIAL = detect({"TERM": "vt220"}, Terminal())


@pytest.fixture(autouse=True)
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is logged while one looks."""
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")


def logs(program: Program) -> Logs:
    screen = program.app.screen
    assert isinstance(screen, Logs)
    return screen


def view(program: Program) -> LogView:
    return logs(program).query_one(LogView)


async def still(program: Program) -> None:
    """Until nothing is read any more."""
    await program.until(lambda: isinstance(program.app.screen, Logs) and not logs(program)._reading)


async def to_logs(program: Program, screen: Logs | None = None) -> None:
    await program.until("NetworkManager")
    if screen is None:
        await program.press("l")
    else:
        await program.app.push_screen(screen)
    await still(program)


def message(program: Program) -> str:
    entry = view(program).entry
    return "" if entry is None else entry.message


class AppLog:
    """A file under the demo machine's /var/log."""

    def __init__(self, program: Program) -> None:
        self._path = Path(program.host.address, "root/var/log/app.log")

    def write(self, text: str) -> None:
        with self._path.open("a") as file:
            file.write(text)

    def rotate(self) -> None:
        self._path.rename(f"{self._path}.1")


async def test_the_journal_stands_at_its_newest_entries(start: Start) -> None:
    async with start() as program:
        await to_logs(program)
        assert view(program).is_last
        await golden.check(program.app, "logs")


async def test_on_a_serial_line(start: Start) -> None:
    async with start(profile=SERIAL) as program:
        await to_logs(program)
        await golden.check(program.app, "logs-serial")


async def test_what_is_known_of_an_entry_is_explained(start: Start) -> None:
    async with start() as program:
        await to_logs(program, Logs(grep="Out of memory"))
        await program.until("the kernel killed a process")
        await program.press("enter")
        await program.until("_TRANSPORT")
        assert isinstance(program.app.screen, EntryScreen)
        assert "What it means" in program.text and "Priority 3 error" in program.text
        await golden.check(program.app, "log-entry")


async def test_going_up_reads_on_and_comes_back(start: Start) -> None:
    async with start() as program:
        await to_logs(program)
        every = (await Journal(program.host).last(logs(program)._wanted, 10**6)).entries
        assert len(every) > 700, "more than the window keeps"
        for _page in range(len(every) // 18 + 2):
            await program.press("pageup")
            await still(program)
        assert message(program) == every[0].message and "Linux version" in message(program)
        for _page in range(len(every) // 18 + 2):
            await program.press("pagedown")
            await still(program)
        assert view(program).entry == every[-1]
        await program.press("g")
        await still(program)
        assert view(program).entry == every[0]
        await program.press("G")
        await still(program)
        assert view(program).entry == every[-1]


async def test_every_entry_is_passed_once_on_the_way(start: Start) -> None:
    async with start() as program:
        await to_logs(program)
        every = list((await Journal(program.host).last(logs(program)._wanted, 10**6)).entries)
        passed = [view(program).entry]
        for _step in range(215):
            await program.pilot.press("up")
            await still(program)
            passed.append(view(program).entry)
        assert passed == every[::-1][:216]


async def test_a_unit_is_chosen_by_typing(start: Start) -> None:
    async with start() as program:
        await to_logs(program)
        await program.press("u")
        await program.until("type a part of its name")
        await program.type("weath")
        await program.press("enter")
        await program.until("unit weather")
        await still(program)
        assert {e.unit for e in view(program)._entries} == {"weather.service"}
        assert "東京" in message(program) and "OK Zürich" in program.text and "\x1b" not in program.text
        await program.press("c")
        await program.until("unit all")


async def test_without_its_filters_an_entry_stands_among_its_neighbours(start: Start) -> None:
    async with start() as program:
        await to_logs(program, Logs(grep="Out of memory"))
        await program.press("up", "up")
        entry = view(program).entry
        await program.press("c")
        await still(program)
        assert view(program).entry == entry and entry is not None
        every = (await Journal(program.host).last(logs(program)._wanted, 10**6)).entries
        await program.press("down")
        assert view(program).entry == every[every.index(entry) + 1]


async def test_priorities_boots_and_times_are_chosen(start: Start) -> None:
    async with start() as program:
        await to_logs(program)
        await program.press("p")
        await program.until("As bad as that")
        await program.press("down", "down", "down", "down", "enter")
        await program.until("3 error")
        await still(program)
        assert {e.priority for e in view(program)._entries} == {3}
        await program.press("o")
        await program.until(" -2 ")
        await program.press("end", "enter")
        await still(program)
        boots = {(await Journal(program.host).boots())[-1].id}
        assert {logs(program)._wanted.boot} == boots and view(program)._entries
        await program.press("c")
        await still(program)
        await program.press("t")
        await program.until("last hour")
        await program.type("yesterday")
        await program.press("enter")
        await program.until("is no time")


async def test_a_search_marks_goes_up_and_says_where_nothing_is(start: Start) -> None:
    async with start() as program:
        await to_logs(program)
        await program.press("slash")
        await program.type("/Mach.ne model/")
        await program.press("enter")
        await still(program)
        found = [message(program)]
        await program.press("n")
        await still(program)
        found.append(message(program))
        assert all("Machine model" in each for each in found)
        first = view(program).entry
        await program.press("N")
        await still(program)
        assert view(program).entry != first and "Machine model" in message(program)
        await program.press("slash")
        await program.type("no such thing")
        await program.press("enter")
        await program.until("no such thing: not found above")
        await program.press("slash")
        await program.type("/(/")
        await program.press("enter")
        await program.until("is no regular expression")
        await program.press("slash", "escape")
        assert view(program).has_focus


async def test_a_file_is_a_log_without_priorities(start: Start) -> None:
    async with start() as program:
        await to_logs(program)
        await program.press("l")
        await program.until("dpkg.log")
        await program.press("end", "enter")
        await program.until("Logs: /var/log/dpkg.log")
        await still(program)
        assert "status installed libc-bin:arm64" in program.text and "upgrade base-files" in program.text
        await program.press("p")
        await program.until("A file has no priorities")
        await golden.check(program.app, "logs-file")


async def test_what_is_logged_comes_by_itself_until_the_cursor_leaves(start: Start) -> None:
    async with start() as program:
        file = AppLog(program)
        file.write("one\n")
        await to_logs(program, Logs(path="/var/log/app.log"))
        await program.press("f")
        await program.until("following")
        file.write("two\n")
        await program.until("two")
        assert message(program) == "two"
        file.rotate()
        file.write("three\n")
        await program.until("three")
        await program.press("up")
        await program.until(lambda: "following" not in program.text)
        assert message(program) == "two"


HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m \x9b31m \x1bP1$r\x1b\\ end",
    "東京" * 60,
    "القاهرة שלום \u202eabc\u2066 " * 9,
    "e\u0301\u0302\u0303" * 50 + "\u200b\u200d",
    "👩\u200d👩\u200d👧 🇩🇪 👍🏽 " * 12,
    "tab\tand\rreturn\bback\x00null\x7f",
    "x" * 70_000,
)


async def test_no_message_moves_the_cursor_or_leaves_its_line(start: Start) -> None:
    async with start() as program:
        file = AppLog(program)
        file.write("\n".join(HOSTILE) + "\n")
        await to_logs(program, Logs(path="/var/log/app.log"))
        assert len(view(program)._entries) == len(HOSTILE)
        for _right in range(3):
            strips = program.app.screen._compositor.render_strips()
            assert all(strip.cell_length == 80 for strip in strips)
            assert all(segment.text.isprintable() for strip in strips for segment in strip)
            await program.press("right")
        await program.press("g", "enter")
        await program.until("\\x1b]0;owned\\x07")
        for _page in range(3):
            strips = program.app.screen._compositor.render_strips()
            assert all(segment.text.isprintable() for strip in strips for segment in strip)
            await program.press("pagedown")


async def test_a_service_and_a_time_are_jumped_to(start: Start) -> None:
    async with start() as program:
        await to_logs(program)
        every = (await Journal(program.host).last(logs(program)._wanted, 10**6)).entries
        since = every[-200].at
        await program.press("q")
        await to_logs(program, Logs(unit="ssh.service", since=since))
        first = view(program).entry
        assert first is not None and first.at is not None and since is not None and first.at >= since
        assert first == next(e for e in every if e.at is not None and e.at >= since and e.unit == "ssh.service")


async def test_an_export_is_shown_counted_and_written(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = pwd.struct_passwd(("maria", "x", os.getuid(), os.getgid(), "", str(tmp_path), "/bin/sh"))
    async with start() as program:
        await to_logs(program, Logs(grep="/root from|upload to/"))
        await program.press("x")
        await program.until(lambda: isinstance(program.app.screen, LogExport))
        await program.until("taken out")
        await program.until("w write")
        assert "203.0.113" not in program.text and "s3cret" not in program.text
        await golden.check(program.app, "log-export")
        monkeypatch.setattr(pwd, "getpwnam", {"maria": account}.__getitem__)
        await program.press("w")
        await program.until("for you alone")
        await program.press("enter")
        await program.until("left in: others could read them")
        await program.until("2001:db8:77::5")
        await program.until("w write")
        await program.press("w")
        await program.until(lambda: exports(tmp_path) == 2)
    check_export(tmp_path)


def exports(folder: Path) -> int:
    return len(list(folder.glob("log-*.txt")))


def check_export(folder: Path) -> None:
    closed, opened = sorted(folder.glob("log-*.txt"), key=lambda path: path.stat().st_mtime_ns)
    assert closed.stat().st_mode & 0o777 == 0o600
    assert "[IPv6 1]" in closed.read_text() and "2001:db8" not in closed.read_text()
    assert "2001:db8:77::5" in opened.read_text() and "s3cret" not in opened.read_text()
    assert len(closed.read_text().splitlines()) == len(opened.read_text().splitlines()) > 20
