"""What can be wanted of monitoring: the collector, rules, channels, quiet hours, a dead-man ping, an exporter. None
leaves a setting alone, and a rule or channel that isn't named is left alone too.

Every text ends up in the collector's file or in a request that it sends, so each has a narrow form here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictFloat,
    StrictInt,
    model_validator,
)

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.metrics import names
from pi_installer_tui.modules.base import Settings
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.secrets import reference

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
#: systemd.unit(5), or a pattern of them; no dash first, for it becomes an argument
_UNIT = re.compile(r"[A-Za-z0-9:_.*?@\\][A-Za-z0-9:_.*?@\\-]{0,250}")
#: RFC 1123 2.1: a label of a host's name
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_MAIL = re.compile(r"(?!-)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}(?:@[A-Za-z0-9.-]{1,189})?")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
#: of files, or a pattern of them
_PATH = re.compile(r"(?:/[A-Za-z0-9._+@*?-]+)+")
DAY = 86400


def _text(value: object) -> object:
    """YAML makes numbers and booleans of what looks like one, and of 22:00 a number in older readers."""
    if isinstance(value, bool | int | float):
        raise ValueError(_('must be text; put a number or true/false in quotes ("…")'))
    return value


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(_("may have small letters, digits, _ and -, and starts with a letter or digit"))
    return text


def _plain(text: str) -> str:
    if not text.isprintable() or text != text.strip() or not text:
        raise ValueError(_("can't be empty, or have line breaks, control characters, or blanks around it"))
    return text


def _metric(text: str) -> str:
    try:
        if not text.isprintable() or " " in text:
            raise KeyError(text)
        names.kind(text)
    except KeyError:
        raise ValueError(_("isn't a metric, such as cpu.used, disk./.used, or disk.*.used for each of them")) from None
    return text


def _unit(text: str) -> str:
    if not _UNIT.fullmatch(text):
        raise ValueError(_("isn't a unit's name, such as ssh.service, or a pattern of them"))
    return text


def _expression(text: str) -> str:
    _plain(text)
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(_("isn't a regular expression: {error}").format(error=error)) from None
    return text


def is_host(text: str) -> bool:
    """A host's name (RFC 1123) or address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _HOST.fullmatch(text) is not None
    return "%" not in text


def _host(text: str) -> str:
    if not is_host(text):
        raise ValueError(_("isn't a host's name or address"))
    return text


def _endpoint(text: str) -> str:
    """`host`, `host:port` or `[address]:port`."""
    host, port = split_endpoint(text)
    if not is_host(host) or (port and not (port.isdecimal() and 1 <= int(port) <= 65535)):
        raise ValueError(_("isn't a host, or host:port, such as 192.168.1.1, example.org:443 or [fd00::1]:22"))
    return text


def split_endpoint(text: str) -> tuple[str, str]:
    """Host and port ("" for none) of `host:port`; an IPv6 address with a port stands in brackets."""
    if text.startswith("["):
        host, _bracket, port = text[1:].partition("]")
        return host, port.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    host, _colon, port = text.partition(":")
    return host, port


def _certificate(text: str) -> str:
    if text.startswith("/"):
        if len(text) > 1000 or not _PATH.fullmatch(text) or "/../" in f"{text}/" or "/./" in f"{text}/":
            raise ValueError(_("isn't the whole path of a file, such as /etc/ssl/certs/home.pem"))
        return text
    if not split_endpoint(text)[1]:
        raise ValueError(_("is a file, or host:port, such as example.org:443"))
    return _endpoint(text)


#: where the token goes in a webhook's URL
_PLACE = "{secret}"


def _webhook(text: str) -> str:
    if text.count(_PLACE) > 1:
        raise ValueError(_("has {place} twice").format(place=_PLACE))
    _url(text.replace(_PLACE, "secret"))
    return text


def _url(text: str) -> str:
    wrong = _("isn't a URL, such as https://ntfy.sh/my-topic")
    if len(text) > 2000 or not text.isascii() or not text.isprintable() or set(text) & set(' "<>\\^`{|}'):
        raise ValueError(wrong)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(wrong) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_host(parts.hostname) or port == 0:
        raise ValueError(wrong)
    if parts.username is not None or parts.password is not None:
        raise ValueError(_("can't have a name and password in it; a token is given as a secret of its own"))
    return text


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(_("isn't an address, such as 127.0.0.1")) from None


def _mail(text: str) -> str:
    if not _MAIL.fullmatch(text):
        raise ValueError(_("isn't a mail address"))
    return text


def _time(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise ValueError(_("is a time of the day, such as 22:00"))
    return text


def _no_doubles(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(_("{value} is there twice").format(value=value))
    return values


def _shortest(value: float) -> int | float:
    return int(value) if value.is_integer() else value


Name = Annotated[str, BeforeValidator(_text), AfterValidator(_name)]
Words = Annotated[str, BeforeValidator(_text), Field(max_length=200), AfterValidator(_plain)]
Metric = Annotated[str, BeforeValidator(_text), Field(max_length=200), AfterValidator(_metric)]
UnitName = Annotated[str, BeforeValidator(_text), AfterValidator(_unit)]
OfUnit = Annotated[str, BeforeValidator(_text), AfterValidator(lambda text: text and _unit(text))]
Expression = Annotated[str, BeforeValidator(_text), Field(max_length=500), AfterValidator(_expression)]
HostName = Annotated[str, BeforeValidator(_text), AfterValidator(_host)]
Endpoint = Annotated[str, BeforeValidator(_text), AfterValidator(_endpoint)]
Certificate = Annotated[str, BeforeValidator(_text), AfterValidator(_certificate)]
Url = Annotated[str, BeforeValidator(_text), AfterValidator(_url)]
Webhook = Annotated[str, BeforeValidator(_text), AfterValidator(_webhook)]
Address = Annotated[str, BeforeValidator(_text), AfterValidator(_address)]
Mail = Annotated[str, BeforeValidator(_text), AfterValidator(_mail)]
Time = Annotated[str, BeforeValidator(_text), AfterValidator(_time)]
Chat = Annotated[str, BeforeValidator(_text), Field(pattern=r"^(-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64})$")]
Number = Annotated[
    StrictFloat,
    Field(ge=-1e15, le=1e15, allow_inf_nan=False),
    PlainSerializer(_shortest, return_type=int | float),
]
Seconds = Annotated[StrictInt, Field(ge=0, le=31 * DAY)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
SecretName = Annotated[str, *reference("monitoring"), Field(max_length=100)]
Severity = Literal["info", "warning", "critical"]
State = Literal["present", "absent"]


# rules ------------------------------------------------------------------------------------------------------------


class _Rule(Frozen):
    """What all rules have."""

    severity: Severity | None = Field(
        default=None,
        title=N_("Severity"),
        description=N_("info, warning (so it is when left out), or critical, which doesn't wait for quiet hours."),
    )
    repeats: Seconds | None = Field(
        default=None,
        title=N_("Told again"),
        description=N_("So often it is told again while it lasts; 0: once."),
        json_schema_extra={"unit": "s"},
    )
    quiet: StrictBool | None = Field(
        default=None,
        title=N_("Waits in quiet hours"),
        description=N_("Whether it is told only when the quiet hours are over. Critical ones never wait."),
    )
    channels: Annotated[tuple[Name, ...], Field(max_length=20), AfterValidator(_no_doubles)] | None = Field(
        default=None,
        title=N_("Channels"),
        description=N_("By which channels it is told; an empty list means all."),
        json_schema_extra={"choices": "channels"},
    )
    enabled: StrictBool | None = Field(
        default=None, title=N_("Watched"), description=N_("Whether it is watched; one that isn't stays in the list.")
    )
    state: State | None = Field(
        default=None, title=N_("State"), description=N_("absent: the rule goes away. Its history stays.")
    )

    @model_validator(mode="after")
    def _alone(self) -> _Rule:
        # `what` stands in what the absent one has, too
        if self.state == "absent" and self.model_dump(exclude_none=True).keys() - {"state", "what"}:
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
        description=N_("ssh.service: told while it has failed, or doesn't run though enabled. *: any service."),
        json_schema_extra={"choices": "units"},
    )
    lasts: Seconds | None = Field(default=None, title=N_("Lasts"), description=_LASTS, json_schema_extra={"unit": "s"})


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


class ReachRule(_Rule):
    """A host doesn't answer."""

    what: Literal["reach"] = _ABOUT
    host: Endpoint | None = Field(
        default=None,
        title=N_("Host"),
        description=N_("192.168.1.1 is pinged; nas.home:445 is connected to."),
    )
    lasts: Seconds | None = Field(default=None, title=N_("Lasts"), description=_LASTS, json_schema_extra={"unit": "s"})


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


class UpdatesRule(_Rule):
    """Security updates wait to be installed."""

    what: Literal["updates"] = _ABOUT
    more_than: Annotated[StrictInt, Field(ge=0, le=1000)] | None = Field(
        default=None, title=N_("More than"), description=N_("So many may wait; 0 when left out.")
    )
    lasts: Seconds | None = Field(
        default=None, title=N_("Lasts"), description=N_("So long they may wait."), json_schema_extra={"unit": "s"}
    )


def _whatever(discriminator: str, kind: str) -> BeforeValidator:
    """An entry that only goes away needn't say what it is."""

    def fill(value: object) -> object:
        if isinstance(value, Mapping) and value.get("state") == "absent" and discriminator not in value:
            return {discriminator: kind, **value}
        return value

    return BeforeValidator(fill)


RuleSettings: TypeAlias = MetricRule | ServiceRule | LogRule | ReachRule | CertificateRule | UpdatesRule
AnyRule = Annotated[RuleSettings, Field(discriminator="what"), _whatever("what", "metric")]

# channels ---------------------------------------------------------------------------------------------------------


class _Channel(Frozen):
    """What all channels have."""

    least: Severity | None = Field(
        default=None, title=N_("From"), description=N_("Less severe alerts aren't sent by it; info: all are.")
    )
    state: State | None = Field(
        default=None, title=N_("State"), description=N_("absent: the channel goes away, and its password or token.")
    )

    @model_validator(mode="after")
    def _alone(self) -> _Channel:
        if self.state == "absent" and self.model_dump(exclude_none=True).keys() - {"state", "by"}:
            raise ValueError(_("an absent channel has no other settings"))
        return self


_BY: Any = Field(
    title=N_("By"),
    description=N_(
        "mail (SMTP), ntfy, webhook (JSON to a URL), telegram, gotify, or login-message: what everybody reads who "
        "logs in here."
    ),
)


class MailChannel(_Channel):
    """Mail, over a server that takes it (SMTP)."""

    by: Literal["mail"] = _BY
    host: HostName | None = Field(
        default=None, title=N_("Server"), description=N_("The mail server that takes it: smtp.example.org.")
    )
    port: Port | None = Field(
        default=None, title=N_("Port"), description=N_("587 when left out; 465 is usual with tls, 25 with none.")
    )
    tls: Literal["starttls", "tls", "none"] | None = Field(
        default=None,
        title=N_("Encrypted by"),
        description=N_(
            "starttls (so it is when left out), tls from the first byte, or none: only for a server on this machine."
        ),
    )
    user: Words | None = Field(
        default=None, title=N_("User"), description=N_("Whom the server knows; not always asked.")
    )
    password: SecretName | None = Field(
        default=None,
        title=N_("Password"),
        description=N_("The name of a secret: the user's password. It is kept here, root's, and never shown again."),
        json_schema_extra={"widget": "secret"},
    )
    sender: Mail | None = Field(default=None, title=N_("From whom"), description=N_("The sender's address."))
    to: Annotated[tuple[Mail, ...], Field(max_length=20), AfterValidator(_no_doubles)] | None = Field(
        default=None, title=N_("To"), description=N_("Who gets it.")
    )


_TOKEN = N_("The name of a secret: the token. It is kept here, root's, and never shown again.")


class NtfyChannel(_Channel):
    """ntfy."""

    by: Literal["ntfy"] = _BY
    url: Url | None = Field(
        default=None, title=N_("URL"), description=N_("The server with the topic: https://ntfy.sh/my-topic.")
    )
    user: Words | None = Field(
        default=None, title=N_("User"), description=N_("Where the server knows users: the token is its password then.")
    )
    token: SecretName | None = Field(
        default=None, title=N_("Token"), description=_TOKEN, json_schema_extra={"widget": "secret"}
    )


class WebhookChannel(_Channel):
    """JSON, sent to a URL."""

    by: Literal["webhook"] = _BY
    url: Webhook | None = Field(
        default=None,
        title=N_("URL"),
        description=N_("Where the JSON is sent to (POST). {secret} in it stands for the token, which is hidden so."),
    )
    token: SecretName | None = Field(
        default=None, title=N_("Token"), description=_TOKEN, json_schema_extra={"widget": "secret"}
    )


class TelegramChannel(_Channel):
    """A bot of Telegram."""

    by: Literal["telegram"] = _BY
    chat: Chat | None = Field(
        default=None, title=N_("Chat"), description=N_("The chat's number in quotes, or @channel.")
    )
    token: SecretName | None = Field(
        default=None, title=N_("Token"), description=_TOKEN, json_schema_extra={"widget": "secret"}
    )
    url: Url | None = Field(default=None, title=N_("Server"), description=N_("https://api.telegram.org when left out."))


class GotifyChannel(_Channel):
    """Gotify."""

    by: Literal["gotify"] = _BY
    url: Url | None = Field(default=None, title=N_("URL"), description=N_("The server: https://gotify.example.org."))
    token: SecretName | None = Field(
        default=None, title=N_("Token"), description=_TOKEN, json_schema_extra={"widget": "secret"}
    )


class LoginChannel(_Channel):
    """What is read by who logs in on this machine."""

    by: Literal["login-message"] = _BY


ChannelSettings: TypeAlias = MailChannel | NtfyChannel | WebhookChannel | TelegramChannel | GotifyChannel | LoginChannel
AnyChannel = Annotated[ChannelSettings, Field(discriminator="by"), _whatever("by", "login-message")]

# the rest ---------------------------------------------------------------------------------------------------------


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
