"""RunCommand with real commands, and what Unit would run."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from pi_installer_tui.system.host import CommandNotFound
from pi_installer_tui.system.local import LocalHost, group_lives
from pi_installer_tui.tasks.before import Before
from pi_installer_tui.tasks.steps import Overlay, Probe, RunCommand, StepContext, StepError, Unit


class Job:
    """A step's context on this machine."""

    def __init__(self, folder: Path) -> None:
        self.host = LocalHost()
        self.output: list[bytes] = []
        self.folder = folder
        self.context = StepContext(
            host=self.host,
            before=Before(folder, self.host),
            output=self.output.append,
            progress=lambda *args: None,
            waiting=lambda what, holder: None,
            reached=lambda point: None,
        )


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path / "before")


def command(*argv: str, **fields: object) -> RunCommand:
    return RunCommand.model_validate({"id": "c", "argv": argv, "probe": "repeatable", **fields})


async def test_a_command_streams_its_output(job: Job) -> None:
    await command("sh", "-c", "echo out; echo err >&2").apply(job.context)
    assert sorted(b"".join(job.output).split()) == [b"err", b"out"]


async def test_a_failing_command_shows_itself_its_status_and_its_last_lines(job: Job) -> None:
    script = r"seq 100; printf 'a\rb\033[2J\n'; exit 7"
    with pytest.raises(StepError) as caught:
        await command("sh", "-c", script).apply(job.context)
    assert caught.value.reason == "command-failed"
    assert caught.value.values["status"] == "7"
    assert caught.value.values["command"].startswith("sh -c ")
    assert caught.value.tail == (*map(str, range(77, 101)), "b\\x1b[2J")


async def test_a_missing_program_is_not_installed_and_its_probe_not_done(job: Job) -> None:
    step = command("no-such-program", probe=Probe(argv=("no-such-program", "--is-done")))
    assert not await step.done(job.host)
    with pytest.raises(CommandNotFound):
        await step.apply(job.context)


@pytest.mark.parametrize(
    ("probe", "done"),
    [
        (Probe(argv=("true",)), True),
        (Probe(argv=("false",)), False),
        (Probe(argv=("false",), status=1), True),
        (Probe(argv=("echo", " yes "), output="yes"), True),
        (Probe(argv=("echo", "yes no"), output="yes"), False),
        ("repeatable", False),
    ],
)
async def test_a_probe_tells_whether_it_is_done(job: Job, probe: Probe | str, done: bool) -> None:
    assert await command("true", probe=probe).done(job.host) is done


async def test_undo_runs_the_way_back_and_then_restores_what_it_touched(job: Job, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    touched.write_bytes(b"before\xff")
    step = command(
        "sh", "-c", f"echo after > {touched}",
        touches=(str(touched),), undo_argv=("sh", "-c", f"cat {touched}; echo nearly > {touched}"),
    )  # fmt: skip
    await step.capture(job.context)
    await step.apply(job.context)
    assert touched.read_text() == "after\n"
    await step.undo(job.context, job.context.before)
    assert b"".join(job.output) == b"after\n"
    assert touched.read_bytes() == b"before\xff"


async def test_cancelling_ends_everything_the_command_started(job: Job) -> None:
    printed = asyncio.Event()

    def output(chunk: bytes) -> None:
        job.output.append(chunk)
        printed.set()

    context = replace(job.context, output=output)
    running = asyncio.create_task(command("sh", "-c", "sleep 600 & echo $$; wait").apply(context))
    await printed.wait()
    group = int(job.output[0])
    assert group_lives(group)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not group_lives(group)


async def test_the_preview_is_the_exact_command_and_its_way_back(job: Job) -> None:
    shown = await command("echo", "it's", "\x1b[2J\n", undo_argv=("echo", "no")).preview(job.host, Overlay())
    assert shown.text == "echo 'it'\"'\"'s' '\\x1b[2J\\n'"
    assert shown.undo_text == "echo no"
    again = command("locale-gen", again=True)
    assert (await again.preview(job.host, Overlay())).undo_text == "locale-gen"
    assert again.activation() == again


def unit(**fields: object) -> Unit:
    return Unit.model_validate({"id": "u", "name": "ssh.service", **fields})


@pytest.mark.parametrize(
    ("fields", "verbs", "words"),
    [
        ({"enabled": True, "active": True}, ["enable", "start"], "enable, start ssh.service"),
        ({"enabled": False, "active": False}, ["disable", "stop"], "disable, stop ssh.service"),
        ({"restart": True}, ["try-restart"], "restart ssh.service"),
        ({"restart": True, "active": True}, ["restart"], "restart ssh.service"),
        ({"reload": True}, ["try-reload-or-restart"], "reload ssh.service"),
        ({"reload": True, "active": True}, ["reload-or-restart"], "reload ssh.service"),
    ],
)
def test_a_units_commands(fields: dict[str, object], verbs: list[str], words: str) -> None:
    assert [argv[1] for argv in unit(**fields).commands()] == verbs
    assert unit(**fields).describe() == words


def test_only_what_makes_others_take_effect_is_run_again_after_an_undo() -> None:
    assert unit(restart=True).activates
    assert not unit(restart=True, enabled=True).activates
    assert unit(restart=True, enabled=True, active=True).activation() == unit(restart=True)
    assert unit(enabled=True, active=True).activation() is None
    assert unit(active=False, restart=True).activation() is None
    assert command("true").activation() is None


@pytest.mark.parametrize(
    "name", ["--root=/x.service", "a b.service", "a\n.service", "ssh", "../x.service", "a/b.mount"]
)
def test_a_units_name_is_no_option_and_no_path(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Unit(id="u", name=name)
