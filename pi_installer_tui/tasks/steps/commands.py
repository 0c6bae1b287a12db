"""Steps that start or tell something: RunCommand and Unit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.steps.base import AbsolutePath, Argument, StepBase

#: systemd.unit(5): the name, with its type
UnitName = Annotated[str, Field(pattern=r"^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]*)?\.[a-z]+$", max_length=255)]


class Probe(Frozen):
    """A command that tells whether another one is done: by its exit status and, with `output`, by its whole standard
    output (stripped)."""

    argv: Annotated[tuple[Argument, ...], Field(min_length=1)]
    status: int = 0
    output: str | None = None


class RunCommand(StepBase):
    """A command. It says how to tell that it is done (`probe`, or `repeatable`: running it again does no harm), which
    files it changes (`touches`: kept and restored by undo) and what takes it back: `undo`, or `again`: the undo runs
    the same command after the files of the steps before it were put back (a reload)."""

    kind: Literal["run-command"] = "run-command"
    argv: Annotated[tuple[Argument, ...], Field(min_length=1)]
    probe: Probe | Literal["repeatable"]
    touches: tuple[AbsolutePath, ...] = ()
    undo_argv: tuple[Argument, ...] = ()
    again: bool = False

    @model_validator(mode="after")
    def _one_way_back(self) -> RunCommand:
        if self.again and self.undo_argv:
            raise ValueError("`again` and `undo_argv` exclude each other")
        return self


class Unit(StepBase):
    """A systemd unit's state. None leaves it as it is. `restart` restarts one that runs (and starts one that should be
    active); `reload` asks it to read its files again (reload-or-restart)."""

    kind: Literal["unit"] = "unit"
    name: UnitName
    enabled: bool | None = None
    active: bool | None = None
    restart: bool = False
    reload: bool = False
