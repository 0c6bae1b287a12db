"""The narrow forms of single values: a schedule, a command, the names of jobs, users, files, units and variables. None
of them can make a second line of a crontab or of a unit file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.values import plain, text
from pi_installer_tui.system.cron import fields
from pi_installer_tui.system.cron.lines import LONGEST_COMMAND
from pi_installer_tui.system.cron.read import CRONTAB, FOLDER

#: tabs are as good as blanks for cron; what else is below a blank would change what a terminal shows. Surrogates are
#: bytes that aren't UTF-8
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x80-\x9f\u2028\u2029\ud800-\udfff]")
#: useradd(8), and what Debian's adduser(8) takes besides
USER = r"[A-Za-z_][A-Za-z0-9_.-]{0,31}"
_CALENDAR = re.compile(r"[A-Za-z0-9*,./:~ _+-]{1,200}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
DAY = 86_400


def _schedule(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError(_("can't have line breaks, control characters, or bytes that aren't UTF-8"))
    try:
        return fields.parse(value).text
    except fields.Mistake as mistake:
        raise ValueError(_("{what} (column {column})").format(what=mistake.what, column=mistake.column)) from None


def _one_line(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError(_("can't have line breaks, control characters, or bytes that aren't UTF-8"))
    return value


def _command(value: str) -> str:
    _one_line(value)
    if len(value.encode()) >= LONGEST_COMMAND:
        raise ValueError(_("is too long: cron takes {most} bytes").format(most=LONGEST_COMMAND - 1))
    if not value.strip():
        raise ValueError(_("can't be empty"))
    return value


def _calendar(value: str) -> str:
    if not _CALENDAR.fullmatch(value) or value != value.strip():
        raise ValueError(_("isn't a calendar expression, such as Mon..Fri 08:00"))
    return value


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value) or _CONTROL.search(value):
        raise ValueError(_("isn't NAME=value, the name of letters, digits and _"))
    return value


def _or_nothing(check: Callable[[str], str]) -> AfterValidator:
    """Of a value that needn't be there: "" stands for that."""
    return AfterValidator(lambda value: check(value) if value else value)


Schedule = Annotated[str, BeforeValidator(text), Field(max_length=1000), AfterValidator(_schedule)]
#: what cron takes as a command, or the shell: one line
Command = Annotated[str, BeforeValidator(text), AfterValidator(_command)]
#: a word of a timer's command
Word = Annotated[str, BeforeValidator(text), Field(max_length=4096), AfterValidator(_one_line)]
User = Annotated[str, BeforeValidator(text), Field(pattern=rf"^{USER}\$?$")]
#: /etc/crontab, or a file of /etc/cron.d with a name that cron takes
File = Annotated[str, Field(pattern=rf"^({CRONTAB}|{FOLDER}/[A-Za-z0-9_-]{{1,100}})$")]
Unit = Annotated[str, BeforeValidator(text), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9:_.-]{0,199}$")]
Calendar = Annotated[str, BeforeValidator(text), AfterValidator(_calendar)]
Variable = Annotated[str, BeforeValidator(text), Field(max_length=4096), AfterValidator(_variable)]
#: the same where they needn't be there, which "" says
AnySchedule = Annotated[str, BeforeValidator(text), Field(max_length=1000), _or_nothing(_schedule)]
AnyCommand = Annotated[str, BeforeValidator(text), _or_nothing(_command)]
AnyUser = Annotated[str, BeforeValidator(text), Field(pattern=rf"^({USER}\$?)?$")]
AnyFile = Annotated[str, Field(pattern=rf"^({CRONTAB}|{FOLDER}/[A-Za-z0-9_-]{{1,100}})?$")]
AnyName = Annotated[str, BeforeValidator(text), Field(pattern=r"^([a-z0-9][a-z0-9_-]{0,39})?$")]
AnyWords = Annotated[str, BeforeValidator(text), Field(max_length=200), _or_nothing(plain)]
#: what names a row of the list (listing.Row.key)
Key = Annotated[str, Field(min_length=1, max_length=4200, pattern=r"^[^\x00-\x1f\x7f]+$")]
#: what a line said when it was looked at
Said = Annotated[str, Field(max_length=100_000, pattern=r"^[^\x00\n]*$")]

#: lax, since an action is told text; a setting is strict
Timeout = Annotated[int, Field(ge=0, le=7 * DAY)]
Retries = Annotated[int, Field(ge=0, le=20)]
Wait = Annotated[int, Field(ge=0, le=DAY)]
Keep = Annotated[int, Field(ge=4096, le=64 * 2**20)]
Delay = Annotated[int, Field(ge=0, le=7 * DAY)]


def slug(name: str) -> str:
    """A part of a step's id, another one for each name."""
    words = re.sub(r"[^a-z0-9._-]", "-", name.lower())[:60]
    return words if words == name else f"{words}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"
