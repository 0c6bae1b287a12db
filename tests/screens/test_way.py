"""The way of a change through the screens: from home over a module to the review, the job, its proof and its undo. All
on a demo machine, with real jobs in processes of their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from pi_installer_tui.screens.history import HistoryScreen
from pi_installer_tui.screens.home import HomeScreen
from pi_installer_tui.screens.job import JobScreen
from pi_installer_tui.screens.message import Problem
from pi_installer_tui.screens.palette import WIDTHS, commands
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.tasks import jobs
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import Reviewed
from pi_installer_tui.tasks.steps import InstallPackages, Preview, RemovePackages, RunCommand, WriteFile
from pi_installer_tui.tasks.steps.base import PackageChange
from pi_installer_tui.widgets.rows import Rows
from pi_installer_tui.widgets.text import Text
from tests.screens import golden
from tests.screens.conftest import Program

Start = Callable[..., AbstractAsyncContextManager[Program]]

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])

MOTD = WriteFile(id="motd", setting="system.motd", path="/etc/motd", content="Welcome\n")
CHECK = CommandSays(id="says", argv=("cat", "/etc/motd"), line="Welcome")


def command(*argv: str) -> RunCommand:
    return RunCommand(id="command", setting="system.motd", argv=argv, probe="repeatable", needs=("motd",))


async def to_review(program: Program, name: str = "attic") -> None:
    """Home, System, another hostname, plan."""
    await program.until("NetworkManager")
    await program.press("enter")
    await program.until("Hostname")
    await program.press("enter", *("backspace",) * 11)
    await program.type(name)
    await program.press("enter", "p")
    await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
    await program.until("write /etc/hostname")


@SIZES
async def test_home_shows_the_machine_and_its_modules(start: Start, size: tuple[int, int]) -> None:
    async with start(size) as program:
        await program.until("NetworkManager")
        await program.until("of 30.9 GB")
        await program.until("load ")
        await program.until("none yet")
        await program.until("up 4 h")
        await program.until("was under-voltage")
        await program.until(" arm64")
        await program.until("never proven restorable")
        await golden.check(program.app, "home")


@SIZES
async def test_a_setting_is_changed_seen_proven_and_undone(start: Start, size: tuple[int, int]) -> None:
    async with start(size) as program:
        before = await program.host.read("/etc/hostname"), await program.host.read("/etc/hosts")
        await to_review(program)
        await golden.check(program.app, "review")
        assert await program.host.read("/etc/hostname") == before[0]

        await program.press("y")
        await program.until("Done.")
        await program.until("2 of 2 checks proven")
        await program.until(" attic [DEMO]")
        await program.until("u undo")
        assert await program.host.read("/etc/hostname") == b"attic\n"
        await golden.check(program.app, "job-done")
        await program.press("down")
        await program.until("+attic")
        await golden.check(program.app, "job-step")
        await program.press("end")
        await program.until("Evidence")
        await golden.check(program.app, "job-evidence")

        await program.press("u")
        await program.until("undo of")
        await program.until("-127.0.1.1")
        await golden.check(program.app, "review-undo")
        await program.press("y")
        await program.until(lambda: [job.status for job in program.store.jobs()] == ["done", "done"])
        await program.until("Done.")
        assert (await program.host.read("/etc/hostname"), await program.host.read("/etc/hosts")) == before

        await program.press("q")
        await program.until("(undone)")
        await program.until(" raspberrypi [DEMO]")
        await program.until("raspberrypi, Europe/London, NetworkManager")
        await golden.check(program.app, "home-after")
        await program.press("h")
        await program.until("History: 2 jobs")
        await golden.check(program.app, "history")


async def test_read_only_reads_and_plans_and_changes_nothing(start: Start) -> None:
    async with start(read_only="that takes root") as program:
        await to_review(program)
        assert "[READ-ONLY]" in program.text
        assert "It can't be run: that takes root." in program.text
        await program.press("y")
        await program.until(lambda: isinstance(program.app.screen, Problem))
        await golden.check(program.app, "read-only")
        assert program.store.jobs() == []
        assert await program.host.read("/etc/hostname") == b"raspberrypi\n"


async def test_only_packages_that_come_are_said_to_be_downloaded(start: Start) -> None:
    def previews(action: str, size: int) -> tuple[Preview, ...]:
        return (Preview("packages", packages=(PackageChange("htop", action),), download=size),)

    plan = Plan(steps=(InstallPackages(id="htop", packages=("htop",)),))
    async with start() as program:
        program.app.push_screen(ReviewScreen(Reviewed(plan, previews("purge", 0))))
        await program.until("1 step")
        assert "to download" not in program.text.split("Steps")[0]
        program.app.push_screen(ReviewScreen(Reviewed(plan, previews("install", 2_000))))
        await program.until("2.0 kB to download")


@SIZES
async def test_a_failed_step_says_what_happened_what_stayed_and_what_next(start: Start, size: tuple[int, int]) -> None:
    async with start(size) as program:
        job = await program.ran(MOTD, command("cat", "/etc/nothing-here"), checks=[CHECK])
        await program.until("failed")
        program.app.show_job(job)
        await program.until(lambda: isinstance(program.app.screen, JobScreen))
        await program.until("ended with status 1")
        assert "No such file or directory" in program.text
        assert "The steps before it stay" in program.text
        assert "u undo" in program.text
        await golden.check(program.app, "job-failed")
        await program.press("u")
        await program.until("undo of")
        assert isinstance(program.app.screen, ReviewScreen)


async def test_a_running_job_is_left_and_found_again_and_cancelled(start: Start) -> None:
    async with start() as program:
        job = await program.ran(MOTD, command("sleep", "60"), settle=False)
        await program.until("Running", 30)
        await program.press("home", "enter")
        await program.until(lambda: isinstance(program.app.screen, JobScreen))
        await program.until("1 of 2 steps")
        await program.until("c cancel")
        await program.until("» running      run sleep 60")
        await golden.check(program.app, "job-running")
        await program.press("q")
        await program.until(lambda: isinstance(program.app.screen, HomeScreen))
        assert program.store.alive(job)

        await program.press("home", "enter")
        await program.until("1 of 2 steps")
        await program.press("c")
        await program.until("Stop this job?")
        await golden.check(program.app, "ask-cancel")
        await program.press("n")
        assert program.store.alive(job)
        await program.press("c", "y")
        await program.until("cancelled")
        assert not program.store.alive(job)
        assert program.store.summary(job).status == "cancelled"
        await program.until("u undo")


async def test_a_stale_job_changed_nothing_and_offers_the_new_plan(start: Start) -> None:
    async with start() as program:
        await to_review(program)
        await program.host.replace("/etc/hostname", b"somebody\n", mode=0o644, uid=0, gid=0)
        await program.press("y")
        await program.until("the machine changed since the review")
        assert await program.host.read("/etc/hostname") == b"somebody\n"
        assert "p try again" in program.text
        await program.press("p")
        await program.until("-somebody")
        assert isinstance(program.app.screen, ReviewScreen)
        await program.press("y")
        await program.until("Done.")
        assert await program.host.read("/etc/hostname") == b"attic\n"


async def test_an_interrupted_job_is_offered_and_goes_on(start: Start) -> None:
    async with start() as program:
        job = await program.ran(MOTD, command("sleep", "3"), checks=[CHECK], settle=False)
        pid = int((program.store.folder(job) / "worker.lock").read_text())
        await program.until(lambda: program.store.progress(job).in_flight == "command")
        os.kill(pid, signal.SIGKILL)
        await program.until("Interrupted: continue, undo or leave", 30)
        await program.until("NetworkManager")
        await program.until("up 4 h")
        await program.until("of 30.9 GB")
        await program.until("was under-voltage")
        await program.until(" arm64")
        await golden.check(program.app, "home-interrupted")
        await program.press("home", "enter")
        await program.until("r continue")
        assert "u undo" in program.text
        await program.press("r")
        await program.until("Done.", 30)
        assert program.store.summary(job).status == "done"


async def test_a_wait_says_for_what_and_since_when(start: Start) -> None:
    async with start() as program:
        first = await program.ran(MOTD, command("sleep", "60"), settle=False)
        second = await program.ran(MOTD.model_copy(update={"path": "/etc/motd2"}), settle=False)
        program.app.show_job(second)
        await program.until(f"waiting for job {first}")
        await program.until(" s")
        await jobs.cancel(program.store, first, "maria")
        await program.until("Done.", 30)


async def test_history_opens_any_job_and_undoes_it(start: Start) -> None:
    async with start() as program:
        first = await program.ran(MOTD)
        await program.ran(WriteFile(id="issue", setting="system.issue", path="/etc/issue", content="x\n"))
        await program.press("h")
        await program.until("History: 2 jobs")
        assert isinstance(program.app.screen, HistoryScreen)
        await program.press("end", "enter")
        await program.until("write /etc/motd")
        await program.press("down")
        await program.until("+Welcome")
        await program.press("q")
        await program.until("History: 2 jobs")
        await program.press("u")
        await program.until(f"undo of {first}")


@pytest.mark.parametrize(
    ("key", "seen"), [("n", "removed, not purged, so that"), ("y", "purged; that deletes for good")]
)
async def test_undo_asks_by_name_and_size_before_it_deletes_data(start: Start, key: str, seen: str) -> None:
    async with start() as program:
        await program.ran(InstallPackages(id="fail2ban", setting="security.fail2ban", packages=("fail2ban",)))
        await program.host.mkdir("/var/lib/fail2ban", mode=0o755, uid=0, gid=0)
        await program.host.replace("/var/lib/fail2ban/bans", b"x" * 2500, mode=0o600, uid=0, gid=0)
        await program.press("h")
        await program.until("History: 1 job")
        await program.press("u")
        await program.until("Delete the data too that was made since?")
        assert "/var/lib/fail2ban/bans (2.5 kB)" in " ".join(program.text.split())
        await program.press(key)
        await program.until("Review: undo of")
        await program.until(seen)
        await program.press("end")
        await program.until("purge     fail2ban" if key == "y" else "remove    fail2ban")


async def test_the_review_shows_what_comes_with_packages_beside_them(start: Start) -> None:
    async with start() as program:
        job = await program.ran(RemovePackages(id="gone", packages=("systemd-timesyncd",)))
        program.app.show_undo(job)
        await program.until("systemd-timesyncd.service enabled active")


async def test_output_is_searched(start: Start) -> None:
    async with start() as program:
        await program.host.replace(
            "/etc/many", b"".join(b"line %d of many\n" % n for n in range(1, 301)), mode=0o644, uid=0, gid=0
        )
        job = await program.ran(MOTD, command("cat", "/etc/many"))
        program.app.show_job(job)
        await program.until("line 300 of many")
        await program.press("tab", "slash")
        await program.type("line 12")
        await program.press("enter")
        await program.until("found in line 12 of 300")
        assert "line 12 of many" in program.text
        await program.press("n")
        await program.until("found in line 120 of 300")
        await golden.check(program.app, "job-search")
        await program.press("N")
        await program.until("found in line 12 of 300")
        await program.press("slash")
        await program.type("nowhere")
        await program.press("enter")
        await program.until("nowhere: not found")
        assert isinstance(program.app.screen.focused, Text)


@SIZES
async def test_help_explains_the_screen_and_its_keys(start: Start, size: tuple[int, int]) -> None:
    async with start(size) as program:
        await program.press("question_mark")
        await program.until("The machine at a glance")
        await golden.check(program.app, "help")
        await program.press("q")
        assert isinstance(program.app.screen, HomeScreen)


@SIZES
async def test_the_palette_finds_modules_and_what_is_valid_now(start: Start, size: tuple[int, int]) -> None:
    async with start(size) as program:
        await program.until("NetworkManager")
        await program.press("colon")
        await program.until("history")
        await golden.check(program.app, "palette")
        assert "agree" not in program.text
        await program.type("keyb")
        await program.until(lambda: len(program.app.screen.query_one(Rows).rows) == 1)
        await program.press("enter")
        await program.until("Hostname")


async def test_the_palette_shows_every_title_whole(start: Start) -> None:
    async with start() as program:
        titles = [command.title for command in commands(program.app.screen)]  # type: ignore[arg-type]
        assert len(titles) > 30
        assert not [title for title in titles if len(title) > WIDTHS[0]]


async def test_the_palette_runs_an_action_of_the_screen_below(start: Start) -> None:
    async with start() as program:
        await program.until("NetworkManager")
        await program.press("colon")
        await program.type("history")
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, HistoryScreen))
        await program.press("colon", "escape")
        assert isinstance(program.app.screen, HistoryScreen)


async def test_q_goes_back_out_of_everything_and_then_ends(start: Start) -> None:
    async with start() as program:
        await program.press("h", "question_mark")
        assert len(program.app.screen_stack) == 3
        await program.press("q", "q")
        assert isinstance(program.app.screen, HomeScreen)
        await program.press("escape")
        assert isinstance(program.app.screen, HomeScreen)
        await program.press("q")
        assert not program.app.is_running


async def test_only_root_can_read_the_history_and_it_says_so(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start(read_only="that takes root") as program:

        def refused() -> list[object]:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(program.store, "jobs", refused)
        await program.press("h")
        await program.until("takes root")


async def test_history_names_a_damaged_job_and_says_why_it_cant_be_opened(start: Start) -> None:
    async with start() as program:
        damaged = await program.ran(MOTD)
        await program.ran(WriteFile(id="issue", setting="system.issue", path="/etc/issue", content="x\n"))
        (program.store.folder(damaged) / "job.json").write_text("{")
        await program.press("h")
        await program.until("History: 1 job")
        (line,) = [line for line in program.text.splitlines() if damaged in line]
        assert "damaged" in line
        assert "can't be read" in line
        await program.press("end", "u", "enter")
        await program.until("job.json is damaged")
        await program.until("Nothing was changed.")
        await program.press("enter", "q")
        await program.until(lambda: isinstance(program.app.screen, HomeScreen))


async def test_a_job_that_cant_be_read_says_so(start: Start) -> None:
    async with start() as program:
        job = await program.ran(MOTD)
        (program.store.folder(job) / "plan.json").write_text("{")
        program.app.show_job(job)
        await program.until("This job can't be read.")
        await program.press("q")
        await program.until(lambda: isinstance(program.app.screen, HomeScreen))
