"""What can be wanted of backup: places where repositories lie, and jobs: what, when, where to, how long it is kept, and
how it is proven. None leaves a setting alone, and a place or job that isn't named is left alone too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt, model_validator

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.backup.places import AnyPlace
from pi_installer_tui.modules.backup.values import Count, Paths, Patterns, Span, Tags, Whats
from pi_installer_tui.modules.base import Settings
from pi_installer_tui.modules.values import Name, State, Time, no_doubles
from pi_installer_tui.tasks.frozen import Frozen

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
#: how often something is done that isn't bound to a day
Often = Literal["never", "daily", "weekly", "monthly", "quarterly"]


class Schedule(Frozen):
    """When a job runs: at each of the times, on each of the days."""

    times: Annotated[tuple[Time, ...], Field(max_length=24), AfterValidator(no_doubles)] | None = Field(
        default=None,
        title=N_("Times"),
        description=N_("Local times: 03:00. Several run it several times a day."),
        json_schema_extra={"usual": N_("not by itself")},
    )
    days: Annotated[tuple[Day, ...], Field(max_length=7), AfterValidator(no_doubles)] | None = Field(
        default=None,
        title=N_("On"),
        description=N_("Days of the week; every day when left out."),
        json_schema_extra={"usual": N_("every day")},
    )
    monthly: Annotated[StrictInt, Field(ge=1, le=28)] | None = Field(
        default=None,
        title=N_("Day of the month"),
        description=N_("Only on that day, from 1 to 28, instead of weekdays."),
        json_schema_extra={"usual": N_("every day")},
    )
    delay: Annotated[StrictInt, Field(ge=0, le=24 * 60)] | None = Field(
        default=None,
        title=N_("Random delay"),
        description=N_("Up to so much later, so that not all machines come at once. 15 when left out."),
        json_schema_extra={"usual": N_("15 min"), "unit": "min"},
    )
    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Enabled"),
        description=N_("Whether it runs by itself; by hand it always can."),
        json_schema_extra={"usual": N_("on, where there are times")},
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Schedule:
        if self.days and self.monthly is not None:
            raise ValueError(_("it runs on days of the week or on a day of the month, not both"))
        return self


def _keep(title: str, description: str) -> Any:
    return Field(default=None, title=title, description=description)


class Keep(Frozen):
    """Which snapshots stay. What none of these keeps goes; the newest good one always stays."""

    last: Count | None = _keep(N_("Last"), N_("So many of the newest, whatever their age."))
    daily: Count | None = _keep(N_("Daily"), N_("The newest of so many days that have one."))
    weekly: Count | None = _keep(N_("Weekly"), N_("The newest of so many weeks that have one."))
    monthly: Count | None = _keep(N_("Monthly"), N_("The newest of so many months that have one."))
    yearly: Count | None = _keep(N_("Yearly"), N_("The newest of so many years that have one."))
    within: Span | None = _keep(N_("Within"), N_("All that are younger than this: 14d, 6m, 1y."))


class Proof(Frozen):
    """How a job's snapshots are proven."""

    structure: Often | None = Field(
        default=None,
        title=N_("Structure"),
        description=N_(
            "How often the repository is looked through for what is missing or doesn't fit. weekly when left out."
        ),
        json_schema_extra={"usual": N_("weekly")},
    )
    data: Often | None = Field(
        default=None,
        title=N_("Data"),
        description=N_("How often a share of the data is read again and compared. monthly when left out."),
        json_schema_extra={"usual": N_("monthly")},
    )
    share: Annotated[StrictInt, Field(ge=1, le=100)] | None = Field(
        default=None,
        title=N_("Share of the data"),
        description=N_("What is read each time; 10 when left out, 100: all of it."),
        json_schema_extra={"usual": "10 %", "unit": "%"},
    )
    drill: Often | None = Field(
        default=None,
        title=N_("Restore drill"),
        description=N_(
            "How often files and the newest dump are really restored, to a scratch place, and compared. weekly when "
            "left out."
        ),
        json_schema_extra={"usual": N_("weekly")},
    )
    files: Annotated[StrictInt, Field(ge=1, le=10_000)] | None = Field(
        default=None,
        title=N_("Files of a drill"),
        description=N_("How many are picked at random; 20 when left out."),
        json_schema_extra={"usual": "20"},
    )


class JobSettings(Frozen):
    """A job: a set of what belongs together."""

    what: Whats | None = Field(
        default=None,
        title=N_("What"),
        description=N_(
            "What is known to be worth keeping: system, home, state, web, mail, wireguard, postgresql, mariadb, "
            "sqlite:/srv/app.db, volume:grafana, compose:/srv/stack."
        ),
        json_schema_extra={"usual": N_("choose"), "choices": "worthwhile", "widget": "several"},
    )
    paths: Paths | None = Field(
        default=None, title=N_("Files and folders"), description=N_("What else: whole paths, such as /srv/photos.")
    )
    exclude: Patterns | None = Field(
        default=None,
        title=N_("Leave out"),
        description=N_("Patterns as restic knows them: *.tmp, /home/*/.cache, node_modules."),
        json_schema_extra={"usual": N_("nothing"), "widget": "lines"},
    )
    one_file_system: StrictBool | None = Field(
        default=None,
        title=N_("One file system"),
        description=N_("Whether what is mounted below the paths is left out."),
        json_schema_extra={"usual": N_("off")},
    )
    stop: (
        Annotated[
            tuple[Annotated[str, Field(pattern=r"^(unit|container):[A-Za-z0-9:_.@\\-]{1,200}$")], ...],
            Field(max_length=50),
            AfterValidator(no_doubles),
        ]
        | None
    ) = Field(
        default=None,
        title=N_("Stop meanwhile"),
        description=N_("unit:grafana-server.service, container:wiki: stopped before, started again whatever happens."),
        json_schema_extra={"usual": N_("nothing"), "choices": "stoppable", "widget": "several"},
    )
    tags: Tags | None = Field(default=None, title=N_("Tags"), description=N_("Words that its snapshots carry."))
    places: Annotated[tuple[Name, ...], Field(max_length=20), AfterValidator(no_doubles)] | None = Field(
        default=None,
        title=N_("Places"),
        description=N_("Where to, one after the other; one that fails stops none of the others."),
        json_schema_extra={"usual": N_("all"), "choices": "places", "widget": "several"},
    )
    schedule: Schedule | None = Field(default=None, title=N_("Schedule"), description=N_("When it runs by itself."))
    keep: Keep | None = Field(default=None, title=N_("Retention"), description=N_("Which of its snapshots stay."))
    proof: Proof | None = Field(default=None, title=N_("Proof"), description=N_("How they are proven."))
    state: State | None = Field(
        default=None,
        title=N_("State"),
        description=N_("absent: the job goes away. Its snapshots stay where they are."),
    )

    @model_validator(mode="after")
    def _alone(self) -> JobSettings:
        if self.state == "absent" and self.model_dump(exclude_none=True).keys() - {"state"}:
            raise ValueError(_("an absent job has no other settings"))
        return self


class BackupSettings(Settings):
    """The key `backup` of a setup file."""

    places: Mapping[Name, AnyPlace] | None = Field(
        default=None,
        title=N_("Places"),
        description=N_("Where backups are kept. A place that isn't named here is left alone."),
        json_schema_extra={"key_title": N_("Place")},
    )
    jobs: Mapping[Name, JobSettings] | None = Field(
        default=None,
        title=N_("Jobs"),
        description=N_("What is backed up, and when. A job that isn't named here is left alone."),
        json_schema_extra={"key_title": N_("Job")},
    )
