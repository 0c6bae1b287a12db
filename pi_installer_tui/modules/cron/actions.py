"""What actions on scheduled jobs are told. A job is named by its key in the list (listing.Row.key); of a line of a
crontab `text` says what it was when somebody looked at it (listing.Row.text), since line numbers move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from pi_installer_tui.i18n import N_
from pi_installer_tui.modules.base import Arguments
from pi_installer_tui.modules.cron.values import (
    AnyCommand,
    AnyFile,
    AnyName,
    AnySchedule,
    AnyUser,
    AnyWords,
    Calendar,
    Command,
    Delay,
    Keep,
    Key,
    Retries,
    Said,
    Schedule,
    Timeout,
    Unit,
    Variable,
    Wait,
    Word,
)
from pi_installer_tui.modules.values import Name

_JOB: Any = Field(
    title=N_("Job"),
    description=N_("As `cron list` names it: /var/spool/cron/crontabs/pi:12, apt-daily.timer, at:5."),
    json_schema_extra={"choices": "jobs"},
)
_LINE: Any = Field(
    title=N_("Job"),
    description=N_("A line of a crontab: /var/spool/cron/crontabs/pi:12."),
    json_schema_extra={"choices": "lines"},
)
_TEXT: Any = Field(
    default="",
    title=N_("What it says"),
    description=N_("The whole line. Nothing is done where it says something else by now; not compared when left out."),
)
_USER: Any = Field(
    default="",
    title=N_("User"),
    description=N_("Whose crontab."),
    json_schema_extra={"choices": "users"},
)
_FILE: Any = Field(
    default="",
    title=N_("File"),
    description=N_("Instead of a user's crontab: /etc/crontab, or a file of /etc/cron.d."),
    json_schema_extra={"choices": "files"},
)
_AS_USER: Any = Field(
    default="",
    title=N_("Runs as"),
    description=N_("For a file of /etc, whose lines name a user; root when left out."),
    json_schema_extra={"choices": "users"},
)
_RAW: Any = Field(
    default=False,
    title=N_("As in a crontab"),
    description=N_("Whether the command is written as cron wants it: its first % ends it, standard input follows."),
)
_NAME: Any = Field(
    default="",
    title=N_("Name"),
    description=N_("A comment above the line has it; a job is found again by it. Small letters, digits, _ and -."),
)


class _Kept(Arguments):
    """How a job's runs are recorded."""

    lock: bool = Field(
        default=False,
        title=N_("Only one at a time"),
        description=N_("Whether a run is left out while the one before still works."),
    )
    timeout: Timeout = Field(
        default=0,
        title=N_("Time limit"),
        description=N_("It is ended after that. 0: never."),
        json_schema_extra={"unit": "s"},
    )
    retries: Retries = Field(
        default=0, title=N_("Further tries"), description=N_("How often a run that failed is tried again.")
    )
    wait: Wait = Field(
        default=60,
        title=N_("Before a further try"),
        description=N_("So long nothing is done."),
        json_schema_extra={"unit": "s"},
    )
    ping: bool = Field(
        default=False,
        title=N_("Ping"),
        description=N_("Whether a URL is asked when it begins and ends: the secret cron.USER.NAME.ping."),
    )
    keep: Keep = Field(
        default=256 * 1024,
        title=N_("Size of the record"),
        description=N_("At the most."),
        json_schema_extra={"unit": N_("bytes")},
    )


class Create(_Kept):
    """cron create"""

    user: AnyUser = _USER
    file: AnyFile = _FILE
    schedule: Schedule = Field(
        title=N_("Schedule"), description=N_("Five fields, or a form such as @daily: 30 3 * * 1-5.")
    )
    command: Command = Field(title=N_("Command"), description=N_("As the shell gets it: % is nothing special."))
    raw: bool = _RAW
    name: AnyName = _NAME
    as_user: AnyUser = _AS_USER
    enabled: bool = Field(
        default=True, title=N_("Switched on"), description=N_("Off: its line is there, and cron leaves it out.")
    )
    record: bool = Field(
        default=False,
        title=N_("Record"),
        description=N_("Whether result, duration and output of each run are kept. That takes a name."),
    )


class Change(Arguments):
    """cron change"""

    job: Key = _LINE
    text: Said = _TEXT
    schedule: AnySchedule = Field(
        default="",
        title=N_("Schedule"),
        description=N_("Five fields, or a form such as @daily; as it is when left out."),
    )
    command: AnyCommand = Field(
        default="", title=N_("Command"), description=N_("As the shell gets it; as it is when left out.")
    )
    raw: bool = _RAW
    name: AnyName = Field(
        default="", title=N_("Name"), description=N_("Another name, or its first; as it is when left out.")
    )
    as_user: AnyUser = Field(
        default="",
        title=N_("Runs as"),
        description=N_("In a file of /etc, whose lines name a user; as it is when left out."),
        json_schema_extra={"choices": "users"},
    )


class Elsewhere(Arguments):
    """cron copy|move"""

    job: Key = _LINE
    text: Said = _TEXT
    user: AnyUser = _USER
    file: AnyFile = _FILE
    as_user: AnyUser = Field(
        default="",
        title=N_("Runs as"),
        description=N_("For a file of /etc, whose lines name a user; as it runs now when left out."),
        json_schema_extra={"choices": "users"},
    )


class Several(Arguments):
    """cron enable|disable|delete"""

    jobs: Annotated[tuple[Key, ...], Field(min_length=1, max_length=1000)] = Field(
        title=N_("Jobs"),
        description=N_("As `cron list` names them: /var/spool/cron/crontabs/pi:12, apt-daily.timer, at:5."),
        json_schema_extra={"choices": "jobs", "widget": "several"},
    )
    texts: Annotated[tuple[Said, ...], Field(max_length=1000)] = Field(
        default=(),
        title=N_("What they say"),
        description=N_("Of each its whole line, or nothing. Nothing is done where one says something else by now."),
        json_schema_extra={"widget": "lines"},
    )


class Record(_Kept):
    """cron record"""

    job: Key = _LINE
    text: Said = _TEXT
    name: Name = Field(title=N_("Name"), description=N_("What its record is called; small letters, digits, _ and -."))


class OfLine(Arguments):
    """cron unrecord"""

    job: Key = _LINE
    text: Said = _TEXT


class Run(Arguments):
    """cron run"""

    job: Key = _JOB
    text: Said = _TEXT
    where: Literal["cron", "shell"] = Field(
        default="cron",
        title=N_("How"),
        description=N_("cron: with cron's environment and shell. shell: by the user's login shell, to compare."),
    )


class OfTimer(Arguments):
    """cron timer"""

    name: Unit = Field(title=N_("Name"), description=N_("The timer's, without .timer; its service has the same."))
    calendars: Annotated[tuple[Calendar, ...], Field(max_length=50)] = Field(
        default=(),
        title=N_("Times"),
        description=N_("Calendar expressions, each of which counts: Mon..Fri 08:00; *-*-1 04:00."),
        json_schema_extra={"widget": "lines"},
    )
    persistent: bool = Field(
        default=False,
        title=N_("Make up for it"),
        description=N_("Whether a run that was missed while the machine was off is made up for."),
    )
    random_delay: Delay = Field(
        default=0,
        title=N_("Random delay"),
        description=N_("Each run waits at random for so long at the most."),
        json_schema_extra={"unit": "s"},
    )
    on_boot: Delay | None = Field(
        default=None,
        title=N_("After the start"),
        description=N_("It also starts so long after the machine has."),
        json_schema_extra={"unit": "s"},
    )
    command: AnyCommand = Field(
        default="", title=N_("Command"), description=N_("A line for /bin/sh. Instead of it there may be words.")
    )
    words: Annotated[tuple[Word, ...], Field(max_length=200)] = Field(
        default=(),
        title=N_("Program and arguments"),
        description=N_("Without a shell: the whole path of a program, and each of its arguments."),
        json_schema_extra={"widget": "lines"},
    )
    user: AnyUser = Field(
        default="",
        title=N_("Runs as"),
        description=N_("root when left out."),
        json_schema_extra={"choices": "users"},
    )
    description: AnyWords = Field(
        default="", title=N_("Description"), description=N_("What systemd calls it; its name when left out.")
    )
    environment: Annotated[tuple[Variable, ...], Field(max_length=100)] = Field(
        default=(),
        title=N_("Environment"),
        description=N_("Variables that it has: NAME=value. Nothing secret: everybody can read them."),
        json_schema_extra={"widget": "lines"},
    )
    enabled: bool = Field(
        default=True, title=N_("Switched on"), description=N_("Whether it waits for its times from now on.")
    )


class ToTimer(Arguments):
    """cron to-timer"""

    job: Key = _LINE
    text: Said = _TEXT
    name: Unit = Field(title=N_("Name"), description=N_("The timer's, without .timer; its service has the same."))
    persistent: bool = Field(
        default=True,
        title=N_("Make up for it"),
        description=N_("Whether a run that was missed while the machine was off is made up for."),
    )
    random_delay: Delay = Field(
        default=0,
        title=N_("Random delay"),
        description=N_("Each run waits at random for so long at the most."),
        json_schema_extra={"unit": "s"},
    )


class ToCron(Arguments):
    """cron to-cron"""

    job: Key = Field(
        title=N_("Timer"), description=N_("Its name, with .timer."), json_schema_extra={"choices": "timers"}
    )
    user: AnyUser = _USER
    file: AnyFile = _FILE


ARGUMENTS: Mapping[str, type[Arguments]] = {
    "create": Create,
    "change": Change,
    "copy": Elsewhere,
    "move": Elsewhere,
    "enable": Several,
    "disable": Several,
    "delete": Several,
    "record": Record,
    "unrecord": OfLine,
    "run": Run,
    "timer": OfTimer,
    "to-timer": ToTimer,
    "to-cron": ToCron,
}
