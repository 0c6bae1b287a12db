"""A job that is run now: with that environment and no other, in its folder, with its standard input, as the line says
at that moment. As root, which alone can become another user."""

from __future__ import annotations

import asyncio
import os
import pwd
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.system.cron import environment
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.before import Before
from pi_installer_tui.tasks.steps import Overlay, RunAsCron, StepContext, StepError, cron_run
from pi_installer_tui.tasks.steps.crontab import coded

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a job as cron does")


class Machine:
    """This machine, with a crontab somewhere else."""

    def __init__(self, folder: Path) -> None:
        self.at = folder / "own"
        self.host = LocalHost()
        self.output = b""
        self.reported: dict[str, Any] = {}
        self.kept = Before(folder / "before", self.host)

    def step(self, data: bytes, line: int, **more: Any) -> RunAsCron:
        self.at.write_bytes(data)
        text = coded(Table(data, system=True).text(line))
        return RunAsCron(id="run", path=str(self.at), line=line, text=text, **more)

    def context(self) -> StepContext:
        def output(chunk: bytes) -> None:
            self.output += chunk

        def report(values: Mapping[str, Any]) -> None:
            self.reported |= values

        made = StepContext(
            host=self.host,
            before=self.kept,
            output=output,
            progress=lambda *args: None,
            waiting=lambda what, holder: None,
            reached=lambda point: None,
        )
        return replace(made, report=report)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_it_has_crons_environment_folder_and_standard_input(machine: Machine, tmp_path: Path) -> None:
    data = f"HOME={tmp_path}\nA='b  c'\n* * * * * root env; pwd; cat%one\\%%two\n".encode()
    step = machine.step(data, 3)
    preview = await step.preview(machine.host, Overlay())
    assert "b  c" not in preview.text and "A, HOME" in preview.text and f"in {tmp_path}" in preview.text
    await step.apply(machine.context())
    lines = machine.output.decode().splitlines()
    assert lines[-3:] == [str(tmp_path), "one%", "two"]
    env = dict(line.split("=", 1) for line in lines[:-3])
    assert env["A"] == "b  c" and env["PATH"] == "/usr/bin:/bin" and env["SHELL"] == "/bin/sh"
    assert env["LOGNAME"] == "root" and not env.keys() & {"DEBIAN_FRONTEND", "TERM", "USER"}
    assert machine.reported["status"] == 0


@pytest.mark.parametrize("home", ["/no/such/folder", '""', "/etc/passwd", "no/such"])
async def test_without_a_home_it_begins_where_cron_is(
    machine: Machine, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "CRONS", str(tmp_path))
    await machine.step(f"HOME={home}\n* * * * * root pwd\n".encode(), 2).apply(machine.context())
    assert machine.output.decode() == f"{tmp_path}\n"


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may write to, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def owners(folder: Path) -> set[int]:
    return {each.stat().st_uid for each in folder.iterdir()}


async def test_no_variable_of_a_crontab_reaches_what_runs_as_root(machine: Machine, public: Path) -> None:
    settings = f'HOME=/\n""=nameless\nLD_DEBUG=statistics\nLD_DEBUG_OUTPUT={public}/ld\nA.B=odd\n'  # ld.so(8)
    await machine.step(f"{settings}* * * * * nobody env\n".encode(), 6).apply(machine.context())
    assert owners(public) == {pwd.getpwnam("nobody").pw_uid}, "LD_PRELOAD is as strong as LD_DEBUG"
    names = {line.partition("=")[0] for line in machine.output.decode().splitlines()}
    assert names >= {"LD_DEBUG", "LD_DEBUG_OUTPUT", "HOME", "LOGNAME"} and not any("job:" in name for name in names)


async def test_signals_are_as_cron_leaves_them(machine: Machine) -> None:
    await machine.step(b"* * * * * root grep SigIgn /proc/self/status; yes | head -n 1\n", 1).apply(machine.context())
    assert machine.output == b"SigIgn:\t0000000000000000\ny\n"


async def test_its_status_is_told_and_ends_the_step(machine: Machine) -> None:
    with pytest.raises(StepError) as caught:
        await machine.step(b"* * * * * root echo no; exit 7\n", 1).apply(machine.context())
    assert (caught.value.reason, caught.value.values, caught.value.tail) == ("job-failed", {"status": "7"}, ("no",))
    with pytest.raises(StepError) as caught:
        await machine.step(b"* * * * * root kill -9 $$\n", 1).apply(machine.context())
    assert (caught.value.reason, caught.value.values) == ("job-killed", {"signal": "9"})


async def test_of_endless_output_the_begin_and_the_last_lines_are_kept(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cron_run, "MOST_OUTPUT", 10_000)
    await machine.step(b"* * * * * root echo first; seq 100000; echo last\n", 1).apply(machine.context())
    assert machine.output.startswith(b"first\n1\n2\n") and machine.output.endswith(b"\n99999\n100000\nlast\n")
    assert b"\n[...]\n" in machine.output and len(machine.output) < 11_000
    assert machine.reported["left_out"] == len("first\nlast\n") + sum(len(f"{n}\n") for n in range(1, 100_001)) - 10_000


@pytest.mark.parametrize(
    ("command", "leaves"),
    [("a & b", True), ("nohup a", True), ("a && b", False), ("a 2>&1", False), ("a &>b", False), ("a |& b", False)],
)
async def test_that_what_it_leaves_running_is_ended_is_told(machine: Machine, command: str, leaves: bool) -> None:
    preview = await machine.step(f"* * * * * root {command}\n".encode(), 1).preview(machine.host, Overlay())
    assert ("cron would let it go on" in preview.text) == leaves


async def test_a_line_that_says_something_else_is_not_run(machine: Machine, tmp_path: Path) -> None:
    step = machine.step(b"* * * * * root true\n", 1)
    before = await step.fingerprint(machine.host)
    machine.at.write_bytes(f"* * * * * root touch {tmp_path}/ran\n".encode())
    assert await step.fingerprint(machine.host) != before
    with pytest.raises(StepError) as caught:
        await step.apply(machine.context())
    assert caught.value.reason == "line-changed" and not (tmp_path / "ran").exists()


async def test_a_cancelled_run_ends_the_whole_job(machine: Machine, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    step = machine.step(f"* * * * * root sleep 600 & echo $! >{pid}.new; mv {pid}.new {pid}; wait\n".encode(), 1)
    task = asyncio.create_task(step.apply(machine.context()))
    while not pid.exists():
        assert not task.done()
        await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _gone(int(pid.read_text()))


def _gone(pid: int) -> bool:
    """A zombie that nobody has waited for yet is no process any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
