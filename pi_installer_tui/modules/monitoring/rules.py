"""Rules as settings: a table by name, of six kinds. What is left out stays as a rule has it, or as it starts."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StrictBool, StrictInt, model_validator

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.monitoring.values import (
    DAY,
    Certificate,
    Endpoint,
    Expression,
    Metric,
    Number,
    OfUnit,
    RuleChannels,
    Seconds,
    Severity,
    UnitName,
)
from pi_installer_tui.modules.values import State, whatever
from pi_installer_tui.tasks.frozen import Frozen

_SEVERITY: Any = Field(
    default=None,
    title=N_("Severity"),
    description=N_("info, warning (so it is when left out), or critical, which doesn't wait for quiet hours."),
)
_REPEATS: Any = Field(
    default=None,
    title=N_("Told again"),
    description=N_("So often it is told again while it lasts; 0: once."),
    json_schema_extra={"unit": "s"},
)
_QUIET: Any = Field(
    default=None,
    title=N_("Waits in quiet hours"),
    description=N_("Whether it is told only when the quiet hours are over. Critical ones never wait."),
)
_CHANNELS: Any = Field(
    default=None,
    title=N_("Channels"),
    description=N_("By which channels it is told; an empty list means all."),
    json_schema_extra={"choices": "channels"},
)
_ENABLED: Any = Field(
    default=None, title=N_("Watched"), description=N_("Whether it is watched; one that isn't stays in the list.")
)
_STATE: Any = Field(default=None, title=N_("State"), description=N_("absent: the rule goes away. Its history stays."))


class _Rule(Frozen):
    """What all rules have."""

    @model_validator(mode="after")
    def _alone(self) -> _Rule:
        # `what` stands in what the absent one has, too
        if getattr(self, "state", None) == "absent" and self.model_dump(exclude_none=True).keys() - {"state", "what"}:
            raise ValueError(_("an absent rule has no other settings"))
        return self


_LASTS = N_("So long it must have been so, without a gap, before it is told; and back again before that is told.")


_ABOUT: Any = Field(
    title=N_("About"),
    description=N_(
        "metric: a number of this machine. service: a unit that fails. log: lines of the journal. reach: a host that "
        "doesn't answer. certificate: one near its end. updates: those for security that wait."
    ),
)


class MetricRule(_Rule):
    """A number of the machine is beyond a threshold."""

    what: Literal["metric"] = _ABOUT
    metric: Metric | None = Field(
        default=None,
        title=N_("Metric"),
        description=N_("Which number: cpu.used, or several: disk.*.used, each for itself."),
        json_schema_extra={"choices": "metrics"},
    )
    side: Literal["above", "below"] | None = Field(
        default=None,
        title=N_("Side"),
        description=N_("Whether it is told above the threshold (so it is when left out) or below it."),
    )
    at: Number | None = Field(default=None, title=N_("Threshold"), description=N_("In the metric's unit: %, °C, B."))
    clears: Number | None = Field(
        default=None,
        title=N_("Clears at"),
        description=N_("It is over only once the number is back beyond this one, so that it doesn't come and go."),
    )
    lasts: Seconds | None = Field(default=None, title=N_("Lasts"), description=_LASTS, json_schema_extra={"unit": "s"})
    severity: Severity | None = _SEVERITY
    repeats: Seconds | None = _REPEATS
    quiet: StrictBool | None = _QUIET
    channels: RuleChannels | None = _CHANNELS
    enabled: StrictBool | None = _ENABLED
    state: State | None = _STATE

    @model_validator(mode="after")
    def _beyond(self) -> MetricRule:
        side, at, clears = self.side or "above", self.at, self.clears
        if at is not None and clears is not None and (clears > at if side == "above" else clears < at):
            raise ValueError(_("it clears on the other side of the threshold"))
        return self


class ServiceRule(_Rule):
    """A unit fails, or doesn't run though it should."""

    what: Literal["service"] = _ABOUT
    unit: UnitName | None = Field(
        default=None,
        title=N_("Unit"),
        description=N_("ssh.service: told while it has failed, or doesn't run though enabled. *: any that failed."),
        json_schema_extra={"choices": "units"},
    )
    lasts: Seconds | None = Field(default=None, title=N_("Lasts"), description=_LASTS, json_schema_extra={"unit": "s"})
    severity: Severity | None = _SEVERITY
    repeats: Seconds | None = _REPEATS
    quiet: StrictBool | None = _QUIET
    channels: RuleChannels | None = _CHANNELS
    enabled: StrictBool | None = _ENABLED
    state: State | None = _STATE


class LogRule(_Rule):
    """Lines of the journal match."""

    what: Literal["log"] = _ABOUT
    pattern: Expression | None = Field(
        default=None,
        title=N_("Pattern"),
        description=N_("A regular expression that lines match, as `journalctl --grep` takes it."),
    )
    unit: OfUnit | None = Field(
        default=None,
        title=N_("Unit"),
        description=N_("Only lines of this unit; left out: of all."),
        json_schema_extra={"choices": "units"},
    )
    count: Annotated[StrictInt, Field(ge=1, le=10000)] | None = Field(
        default=None, title=N_("Lines"), description=N_("So many have to match.")
    )
    within: Annotated[StrictInt, Field(ge=1, le=DAY)] | None = Field(
        default=None,
        title=N_("Within"),
        description=N_("The time in which they count together."),
        json_schema_extra={"unit": "s"},
    )
    severity: Severity | None = _SEVERITY
    repeats: Seconds | None = _REPEATS
    quiet: StrictBool | None = _QUIET
    channels: RuleChannels | None = _CHANNELS
    enabled: StrictBool | None = _ENABLED
    state: State | None = _STATE


class ReachRule(_Rule):
    """A host doesn't answer."""

    what: Literal["reach"] = _ABOUT
    host: Endpoint | None = Field(
        default=None,
        title=N_("Host"),
        description=N_("192.168.1.1 is pinged; nas.home:445 is connected to."),
    )
    lasts: Seconds | None = Field(default=None, title=N_("Lasts"), description=_LASTS, json_schema_extra={"unit": "s"})
    severity: Severity | None = _SEVERITY
    repeats: Seconds | None = _REPEATS
    quiet: StrictBool | None = _QUIET
    channels: RuleChannels | None = _CHANNELS
    enabled: StrictBool | None = _ENABLED
    state: State | None = _STATE


class CertificateRule(_Rule):
    """A certificate is near its end."""

    what: Literal["certificate"] = _ABOUT
    certificate: Certificate | None = Field(
        default=None,
        title=N_("Certificate"),
        description=N_("A file, or where a server shows it: /etc/ssl/certs/home.pem, example.org:443."),
    )
    days: Annotated[StrictInt, Field(ge=1, le=365)] | None = Field(
        default=None,
        title=N_("Days left"),
        description=N_("It is told when fewer are left; 14 when left out."),
        json_schema_extra={"unit": N_("days")},
    )
    severity: Severity | None = _SEVERITY
    repeats: Seconds | None = _REPEATS
    quiet: StrictBool | None = _QUIET
    channels: RuleChannels | None = _CHANNELS
    enabled: StrictBool | None = _ENABLED
    state: State | None = _STATE


class UpdatesRule(_Rule):
    """Security updates wait to be installed."""

    what: Literal["updates"] = _ABOUT
    more_than: Annotated[StrictInt, Field(ge=0, le=1000)] | None = Field(
        default=None, title=N_("More than"), description=N_("So many may wait; 0 when left out.")
    )
    lasts: Seconds | None = Field(
        default=None, title=N_("Lasts"), description=N_("So long they may wait."), json_schema_extra={"unit": "s"}
    )
    severity: Severity | None = _SEVERITY
    repeats: Seconds | None = _REPEATS
    quiet: StrictBool | None = _QUIET
    channels: RuleChannels | None = _CHANNELS
    enabled: StrictBool | None = _ENABLED
    state: State | None = _STATE


RuleSettings: TypeAlias = MetricRule | ServiceRule | LogRule | ReachRule | CertificateRule | UpdatesRule
AnyRule = Annotated[RuleSettings, Field(discriminator="what"), whatever("what", "metric")]
