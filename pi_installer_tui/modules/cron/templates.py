"""Templates of jobs: a command with typed parameters, when it usually runs, and what is advised beside it. Those of the
program are in templates_usual.py, own ones are files (templates_own.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from pi_installer_tui.i18n import _
from pi_installer_tui.system.cron import fields
from pi_installer_tui.system.cron.lines import LONGEST_COMMAND, escaped
from pi_installer_tui.tasks.frozen import Frozen

from . import templates_command as commands
from .templates_command import CannotFill
from .templates_parameters import Parameter, Shown, as_written, in_schedule, mistake, within

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_IN_SCHEDULE = re.compile(r"\{([a-z][a-z0-9_]{0,31})\}")
_USER = r"^[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?$"
_PARAMETER = r"^[a-z][a-z0-9_]{0,31}$"


class Recommended(Frozen):
    """How its runs should be recorded. timeout, wait: seconds; keep: bytes."""

    lock: bool = False
    timeout: Annotated[int, Field(ge=0, le=30 * 86400)] = 0
    retries: Annotated[int, Field(ge=0, le=20)] = 0
    wait: Annotated[int, Field(ge=1, le=86400)] = 60
    keep: Annotated[int, Field(ge=4096, le=64 * 1024 * 1024)] = 256 * 1024


class Template(Frozen):
    """title, summary: marked with N_ in templates of the program. schedule: `{name}` stands for a time (minute and
    hour) or a number. user: as whom it runs. needs: programs by their paths, without which it can't. apart: pairs of
    paths, the first of which must not be in the second. before: what has to be there first, in words."""

    title: Annotated[Shown, Field(min_length=1, max_length=60)]
    summary: Annotated[Shown, Field(max_length=600)] = ""
    before: Annotated[Shown, Field(max_length=600)] = ""
    schedule: Annotated[str, Field(min_length=1, max_length=200)]
    user: Annotated[str, Field(pattern=_USER)] = "root"
    command: Annotated[str, Field(min_length=1, max_length=LONGEST_COMMAND)]
    parameters: Mapping[Annotated[str, Field(pattern=_PARAMETER)], Parameter] = Field(default_factory=dict)
    needs: tuple[Annotated[str, Field(pattern=r"^/[^\x00-\x20\x7f]+$")], ...] = ()
    apart: tuple[tuple[str, str], ...] = ()
    record: Recommended | None = None

    @model_validator(mode="after")
    def _sound(self) -> Template:
        named = set(commands.places(self.command))
        of_schedule = set(_IN_SCHEDULE.findall(self.schedule))
        for name in sorted(named | of_schedule | {each for pair in self.apart for each in pair}):
            if name not in self.parameters:
                raise ValueError(_("{{{name}}} is no parameter of it").format(name=name))
        for name in self.parameters:
            if name not in named | of_schedule:
                raise ValueError(_("its parameter {name} is used nowhere").format(name=name))
        for name in of_schedule:
            if self.parameters[name].kind not in ("time", "number"):
                raise ValueError(_("only a time or a number can stand in a schedule, not {name}").format(name=name))
        try:
            fields.parse(self._scheduled({name: _sample(self.parameters[name]) for name in of_schedule}))
        except fields.Mistake as error:
            raise ValueError(_("its schedule isn't one: {why}").format(why=error.what)) from None
        return self

    def _scheduled(self, values: Mapping[str, str]) -> str:
        return _IN_SCHEDULE.sub(lambda m: in_schedule(self.parameters[m[1]], values[m[1]]), self.schedule)


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with its values: what a line of a crontab is made of. command: for the shell (`%` not escaped)."""

    schedule: str
    command: str
    user: str
    record: Recommended | None = None


def mistakes(template: Template, values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the values, by parameter, in words."""
    found = {}
    for name, parameter in template.parameters.items():
        if why := mistake(parameter, values.get(name, parameter.default)):
            found[name] = why
    for inner, outer in template.apart:
        both = (
            values.get(inner, template.parameters[inner].default),
            values.get(outer, template.parameters[outer].default),
        )
        if inner not in found and outer not in found and within(*both):
            found[inner] = _("lies in {title}").format(title=_(template.parameters[outer].title))
    if not found:
        try:
            text = _filled(template, values).command
        except CannotFill as error:
            return {"": str(error)}
        if len(escaped(text).encode("utf-8", "surrogateescape")) >= LONGEST_COMMAND:
            found[""] = _("the command gets too long: cron takes {most} bytes").format(most=LONGEST_COMMAND - 1)
    return found


def fill(template: Template, values: Mapping[str, str]) -> Filled:
    """The job that a template makes. Raises ValueError where `mistakes` has any."""
    if wrong := mistakes(template, values):
        name, why = next(iter(wrong.items()))
        raise ValueError(f"{name} {why}".strip())
    return _filled(template, values)


def _filled(template: Template, values: Mapping[str, str]) -> Filled:
    given = {
        name: as_written(parameter, values.get(name, parameter.default))
        for name, parameter in template.parameters.items()
    }
    command = commands.filled(template.command, given)
    return Filled(template._scheduled(given), command, template.user, template.record)


def _sample(parameter: Parameter) -> str:
    return parameter.default or ("00:00" if parameter.kind == "time" else str(parameter.least))
