"""What can be wanted of monitoring: the collector, rules, channels, quiet hours, a dead-man ping, an exporter. None
leaves a setting alone, and a rule or channel that isn't named is left alone too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, model_validator

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.base import Settings
from pi_installer_tui.modules.monitoring.channels import AnyChannel
from pi_installer_tui.modules.monitoring.rules import AnyRule
from pi_installer_tui.modules.monitoring.values import DAY, Address, SecretName
from pi_installer_tui.modules.values import Name, Time
from pi_installer_tui.tasks.frozen import Frozen


class QuietHours(Frozen):
    """When alerts wait."""

    enabled: StrictBool | None = Field(
        default=None, title=N_("Quiet hours"), description=N_("Whether alerts that aren't critical wait at night.")
    )
    since: Time | None = Field(default=None, title=N_("Since"), description=N_("Local time: 22:00."))
    until: Time | None = Field(default=None, title=N_("Until"), description=N_("Local time: 07:00."))


class DeadMan(Frozen):
    """A ping that goes out while the machine lives."""

    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Sign of life"),
        description=N_("Whether a URL is asked again and again, so that somebody elsewhere notices when that stops."),
    )
    url: SecretName | None = Field(
        default=None,
        title=N_("URL"),
        description=N_("The name of a secret: the URL that is asked, since whoever has it could feign the machine."),
        json_schema_extra={"widget": "secret"},
    )
    every: Annotated[StrictInt, Field(ge=30, le=DAY)] | None = Field(
        default=None, title=N_("Every"), description=N_("300 when left out."), json_schema_extra={"unit": "s"}
    )


class Exporter(Frozen):
    """Metrics for Prometheus."""

    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Exporter"),
        description=N_("Whether Prometheus can fetch the metrics here over HTTP. Off when left out."),
    )
    address: Address | None = Field(
        default=None,
        title=N_("Address"),
        description=N_(
            "Where it listens. 127.0.0.1: only this machine itself. Any other: who reaches it reads all metrics, "
            "without a password and unencrypted."
        ),
        json_schema_extra={"widget": "address"},
    )
    port: Annotated[StrictInt, Field(ge=1024, le=65535)] | None = Field(
        default=None, title=N_("Port"), description=N_("9105 when left out.")
    )


class MonitoringSettings(Settings):
    """The key `monitoring` of a setup file."""

    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Collector"),
        description=N_(
            "Whether a small service keeps a history of this machine's numbers and watches the rules. Switched off, "
            "it is removed; rules, channels and history stay."
        ),
    )
    interval: Annotated[StrictInt, Field(ge=2, le=300)] | None = Field(
        default=None,
        title=N_("Interval"),
        description=N_("The time between two readings; 10 s are usual."),
        json_schema_extra={"unit": "s"},
    )
    usual_rules: StrictBool | None = Field(
        default=None,
        title=N_("Usual rules"),
        description=N_(
            "The rules that make sense on every machine: full file systems, memory, swap, heat, under-voltage, failed "
            "services, security updates that wait. One of them that is there already stays as it is."
        ),
    )
    rules: Mapping[Name, AnyRule] | None = Field(
        default=None,
        title=N_("Rules"),
        description=N_("When an alert is sent. A rule that isn't named here is left alone."),
        json_schema_extra={"key_title": N_("Rule")},
    )
    channels: Mapping[Name, AnyChannel] | None = Field(
        default=None,
        title=N_("Channels"),
        description=N_("How alerts reach you. A channel that isn't named here is left alone."),
        json_schema_extra={"key_title": N_("Channel")},
    )
    quiet_hours: QuietHours | None = Field(
        default=None, title=N_("Quiet hours"), description=N_("When alerts wait that aren't critical.")
    )
    dead_man: DeadMan | None = Field(
        default=None, title=N_("Sign of life"), description=N_("A ping that goes out while the machine lives.")
    )
    exporter: Exporter | None = Field(
        default=None, title=N_("Exporter"), description=N_("Metrics in Prometheus' text format, over HTTP.")
    )
    history: Literal["keep", "remove"] | None = Field(
        default=None,
        title=N_("History, once off"),
        description=N_("What becomes of the history of a collector that is switched off; keep when left out."),
    )

    @model_validator(mode="after")
    def _only_once_off(self) -> MonitoringSettings:
        if self.history == "remove" and self.enabled is not False:
            raise ValueError(_("the history is removed only together with the collector: `enabled: false`"))
        return self
