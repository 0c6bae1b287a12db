"""A job's output on the screen: bounded, in batches, and never in the way of the keyboard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from textual import events

from pi_installer_tui.app import Opened, PiInstallerApp
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks import jobs
from pi_installer_tui.tasks.events import StepStarted
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.steps import RunCommand
from pi_installer_tui.tasks.store import Store
from pi_installer_tui.widgets.rows import Rows
from pi_installer_tui.widgets.text import MOST, Text
from tests.screens.conftest import Program

Start = Callable[..., AbstractAsyncContextManager[Program]]

LINES = 100_000
SECONDS = 3.0
#: a key is answered within, in the middle and at worst
ANSWER, WORST = 0.2, 1.0


def waited() -> float:
    """Seconds that this thread could have run and others had the processor, such as other tests. Source: the kernel's
    Documentation/scheduler/sched-stats.rst; 0 where it doesn't count them."""
    path = Path("/proc/thread-self/schedstat")
    return int(path.read_text().split()[1]) / 1e9 if path.exists() else 0.0


@asynccontextmanager
async def flood(tmp_path: Path, lines: int) -> AsyncIterator[tuple[Program, str]]:
    """The screen of a job that will print lines: `seq` of this machine, which changes nothing."""
    opened = Opened(LocalHost(), Store(tmp_path / "state"))

    async def opening() -> Opened:
        return opened

    app = PiInstallerApp(opening)
    async with app.run_test() as pilot:
        program = Program(app, pilot, opened)
        await app._imported.wait()
        seq = RunCommand(id="seq", argv=("seq", "1", str(lines)), probe="repeatable")
        reviewed = await review(Plan(steps=(seq,)), opened.host)
        job = opened.store.create(reviewed.plan, who="maria", host_kind="local", host_address="/")
        app.show_job(job)
        await program.until("Output of all steps")
        await jobs.launch(opened.store, job, opened.host)
        yield program, job


async def test_100000_lines_go_through_a_job_in_3_s(tmp_path: Path) -> None:
    async with flood(tmp_path, LINES) as (program, job):
        await program.until(f"{LINES} lines")
        took = time.time() - next(e.at for e in program.store.events(job) if isinstance(e, StepStarted))
        await program.until(str(LINES))
        assert len(program.app.screen.query_one(Text).lines) == MOST
        assert took < SECONDS


async def test_the_keyboard_answers_all_the_while(tmp_path: Path) -> None:
    answers = []
    async with flood(tmp_path, 30 * LINES) as (program, job):
        rows = program.app.screen.query_one(Rows)
        watch = program.app.follow_job(job)
        while watch.view.total < 30 * LINES:
            before, asked, lost = rows.row, time.monotonic(), waited()
            program.app.post_message(events.Key("down" if before and before.id == "output" else "up", None))
            while rows.row is before:
                await asyncio.sleep(0)
                assert time.monotonic() - asked < 5
            answers.append(time.monotonic() - asked - (waited() - lost))
            await asyncio.sleep(0.02)
    assert len(answers) > 5
    assert sorted(answers)[len(answers) // 2] < ANSWER
    assert max(answers) < WORST


async def test_output_is_followed_until_it_is_scrolled_and_then_stays(start: Start) -> None:
    async with start() as program:
        await program.host.replace(
            "/etc/many", b"".join(b"line %d of many\n" % n for n in range(1, 101)), mode=0o644, uid=0, gid=0
        )
        job = await program.ran(RunCommand(id="cat", argv=("cat", "/etc/many"), probe="repeatable"))
        program.app.show_job(job)
        await program.until("line 100 of many")
        text = program.app.screen.query_one(Text)
        assert text.follow
        text.focus()
        await program.press("home")
        assert not text.follow
        await program.until("line 1 of many")
        text.append(())
        assert "line 1 of many" in program.text
        await program.press("end")
        assert text.follow


async def test_output_cant_steer_the_terminal(start: Start) -> None:
    async with start() as program:
        await program.host.replace("/etc/evil", b"\x1b[2Jgone\x9b31m\x07\r\n", mode=0o644, uid=0, gid=0)
        job = await program.ran(RunCommand(id="cat", argv=("cat", "/etc/evil"), probe="repeatable"))
        program.app.show_job(job)
        await program.until("gone")
        assert program.text.replace("\n", "").isprintable()
