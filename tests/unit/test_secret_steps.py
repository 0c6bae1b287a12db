"""SecretFile: a value that was given is afterwards in its file and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.tasks.events import JobEnded, StepFailed
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.steps import SecretFile
from pi_installer_tui.tasks.steps.base import Overlay, StepError

from .jobs import Run
from .test_account_steps import Jobs

PATH, NAME = "/etc/own/secrets/monitoring.phone", "monitoring.phone"
STEP = SecretFile(id="phone", path=PATH, name=NAME)
VALUE = "tk_correct-horse"


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv(PACE, "0")
    return Jobs(tmp_path)


async def test_a_given_secret_is_in_its_file_and_nowhere_else(jobs: Jobs) -> None:
    before = jobs.whole()
    jobs.secrets.give(NAME, VALUE)
    job = await jobs.run(STEP)
    found = await jobs.host.stat(PATH)
    assert found is not None and (found.mode, found.uid, found.gid) == (0o600, 0, 0)
    assert await jobs.host.read(PATH) == VALUE.encode(), "no line end is added"
    assert jobs.secrets.given(NAME) is None
    for path in jobs.store.root.rglob("*"):
        assert not path.is_file() or VALUE.encode() not in path.read_bytes(), path
    await jobs.undo(job)
    assert jobs.whole() == before


async def test_another_value_takes_its_place_and_the_undo_brings_the_old_one_back(jobs: Jobs) -> None:
    jobs.secrets.give(NAME, VALUE)
    await jobs.run(STEP)
    jobs.secrets.give(NAME, "other")
    second = await jobs.run(STEP)
    assert await jobs.host.read(PATH) == b"other"
    undone = await jobs.undo(second)
    assert await jobs.host.read(PATH) == VALUE.encode()
    previews = (await review(undone, jobs.host)).previews
    assert not [preview for preview in previews if VALUE in preview.text or "other" in preview.text]


async def test_without_a_value_it_fails_and_changes_nothing(jobs: Jobs) -> None:
    before = jobs.whole()
    run = Run(jobs.store, (await review(Plan(steps=(STEP,)), jobs.host)).plan, jobs.host)
    ended = await run.run()
    assert isinstance(ended, JobEnded) and ended.outcome == "failed"
    (failed,) = [event for event in jobs.store.events(run.id) if isinstance(event, StepFailed)]
    assert (failed.reason, failed.values, failed.partly) == ("secret-missing", {"name": NAME}, False)
    assert jobs.whole() == before


async def test_neither_a_preview_nor_the_plan_shows_it(jobs: Jobs) -> None:
    jobs.secrets.give(NAME, VALUE)
    shown = await STEP.preview(jobs.host, Overlay())
    assert VALUE not in shown.text and VALUE not in STEP.model_dump_json()


async def test_a_link_or_a_folder_in_its_place_is_refused(jobs: Jobs) -> None:
    await jobs.host.mkdir("/etc/own", mode=0o755, uid=0, gid=0)
    await jobs.host.symlink("/etc/own/link", "/etc/hostname")
    for path in ("/etc/own/link", "/etc/own"):
        with pytest.raises(StepError):
            await STEP.model_copy(update={"path": path}).preview(jobs.host, Overlay())
    assert await jobs.host.text("/etc/hostname") == "raspberrypi\n"
