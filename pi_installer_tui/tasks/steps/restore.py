"""Restore: takes back one step of an earlier job. Undo is a plan of these, so it is reviewed, run, journalled and can
itself be undone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.tasks.steps.base import AbsolutePath, StepBase, StepId

JobId = Annotated[str, Field(pattern=r"^[0-9]{8}-[0-9]{6}-[a-z0-9]{4}$")]


class Restore(StepBase):
    """Gives back what `step` of job `job` replaced. `files`: the paths that step kept. The journal of that job and its
    before/ folder are all it needs."""

    kind: Literal["restore"] = "restore"
    job: JobId
    step: StepId
    files: tuple[AbsolutePath, ...] = ()
