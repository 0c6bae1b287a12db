"""What can be wanted: jobs of users' crontabs, which are found again by their name, and timers of the system. None
leaves a setting alone, and what isn't named stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StrictBool

from pi_installer_tui.i18n import N_
from pi_installer_tui.modules.base import Settings
from pi_installer_tui.modules.cron.values import (
    Calendar,
    Command,
    Delay,
    Keep,
    Retries,
    Schedule,
    Timeout,
    Unit,
    User,
    Variable,
    Wait,
    Word,
)
from pi_installer_tui.modules.values import Name, State, Words
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.secrets import SecretName, reference


class RecordSettings(Frozen):
    """That a job's runs are recorded, and how."""

    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Recorded"),
        description=N_("Whether result, duration and output of each run are kept. Yes when left out."),
    )
    lock: StrictBool | None = Field(
        default=None,
        title=N_("Only one at a time"),
        description=N_("Whether a run is left out while the one before still works. No when left out."),
    )
    timeout: Annotated[Timeout, Field(strict=True)] | None = Field(
        default=None,
        title=N_("Time limit"),
        description=N_("It is ended after that. 0: never, as when left out."),
        json_schema_extra={"unit": "s"},
    )
    retries: Annotated[Retries, Field(strict=True)] | None = Field(
        default=None,
        title=N_("Further tries"),
        description=N_("How often a run that failed is tried again. 0 when left out."),
    )
    wait: Annotated[Wait, Field(strict=True)] | None = Field(
        default=None,
        title=N_("Before a further try"),
        description=N_("60 when left out."),
        json_schema_extra={"unit": "s"},
    )
    ping: Annotated[SecretName, *reference("cron")] | None = Field(
        default=None,
        title=N_("Ping"),
        description=N_(
            "The name of a secret, cron.USER.JOB.ping: the URL that is asked when the job begins and ends, so that "
            "somebody elsewhere notices when it doesn't."
        ),
        json_schema_extra={"widget": "secret"},
    )
    keep: Annotated[Keep, Field(strict=True)] | None = Field(
        default=None,
        title=N_("Size of the record"),
        description=N_("At the most; 262144 when left out."),
        json_schema_extra={"unit": N_("bytes")},
    )


class JobSettings(Frozen):
    """A job of a user's crontab."""

    state: State | None = Field(
        default=None, title=N_("State"), description=N_("absent: its line goes. Anything else: it is there.")
    )
    user: User | None = Field(
        default=None,
        title=N_("User"),
        description=N_("In whose crontab it is. A new job needs one."),
        json_schema_extra={"choices": "users"},
    )
    schedule: Schedule | None = Field(
        default=None, title=N_("Schedule"), description=N_("Five fields, or a form such as @daily: 30 3 * * 1-5.")
    )
    command: Command | None = Field(
        default=None, title=N_("Command"), description=N_("As the shell gets it: % is nothing special.")
    )
    raw: StrictBool | None = Field(
        default=None,
        title=N_("As in a crontab"),
        description=N_("Whether the command is written as cron wants it: its first % ends it, standard input follows."),
    )
    enabled: StrictBool | None = Field(
        default=None, title=N_("Switched on"), description=N_("Off: its line stays, and cron leaves it out.")
    )
    record: RecordSettings | None = Field(default=None, title=N_("Record"), description=N_("What is kept of its runs."))


class TimerSettings(Frozen):
    """A timer of the system, in /etc/systemd/system."""

    state: State | None = Field(
        default=None, title=N_("State"), description=N_("absent: it and its service go. Anything else: it is there.")
    )
    calendars: tuple[Calendar, ...] | None = Field(
        default=None,
        title=N_("Times"),
        description=N_("Calendar expressions, each of which counts: Mon..Fri 08:00, *-*-1 04:00."),
        json_schema_extra={"widget": "lines"},
    )
    on_boot: Annotated[Delay, Field(strict=True)] | None = Field(
        default=None,
        title=N_("After the start"),
        description=N_("It also starts so long after the machine has."),
        json_schema_extra={"unit": "s"},
    )
    persistent: StrictBool | None = Field(
        default=None,
        title=N_("Make up for it"),
        description=N_("Whether a run that was missed while the machine was off is made up for. No when left out."),
    )
    random_delay: Annotated[Delay, Field(strict=True)] | None = Field(
        default=None,
        title=N_("Random delay"),
        description=N_("Each run waits at random for so long at the most. 0 when left out."),
        json_schema_extra={"unit": "s"},
    )
    command: Command | None = Field(
        default=None, title=N_("Command"), description=N_("A line for /bin/sh. Instead of it there may be words.")
    )
    words: Annotated[tuple[Word, ...], Field(min_length=1, max_length=200)] | None = Field(
        default=None,
        title=N_("Program and arguments"),
        description=N_("Without a shell: the whole path of a program, and each of its arguments."),
        json_schema_extra={"widget": "lines"},
    )
    user: User | None = Field(
        default=None,
        title=N_("Runs as"),
        description=N_("root when left out."),
        json_schema_extra={"choices": "users"},
    )
    description: Words | None = Field(
        default=None, title=N_("Description"), description=N_("What systemd calls it; its name when left out.")
    )
    environment: tuple[Variable, ...] | None = Field(
        default=None,
        title=N_("Environment"),
        description=N_("Variables that it has: NAME=value. Nothing secret: everybody can read them."),
        json_schema_extra={"widget": "lines"},
    )
    enabled: StrictBool | None = Field(
        default=None, title=N_("Switched on"), description=N_("Whether it waits for its times. Yes when left out.")
    )


class CronSettings(Settings):
    """The key `cron` of a setup file."""

    jobs: Mapping[Name, JobSettings] | None = Field(
        default=None,
        title=N_("Jobs"),
        description=N_("Jobs of crontabs by their names. One that isn't named here is left alone."),
        json_schema_extra={"key_title": N_("Job")},
    )
    timers: Mapping[Unit, TimerSettings] | None = Field(
        default=None,
        title=N_("Timers"),
        description=N_("Timers of systemd by their names, without .timer. One that isn't named here is left alone."),
        json_schema_extra={"key_title": N_("Timer")},
    )
