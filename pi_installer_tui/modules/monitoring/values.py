"""The narrow forms of texts and numbers in the settings: each ends up in the collector's file, an argument or a
request, so nothing gets past here that would be something else there."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StrictFloat, StrictInt

from pi_installer_tui.i18n import _
from pi_installer_tui.metrics import names
from pi_installer_tui.modules.values import Text, no_doubles
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


def _shortest(value: float) -> int | float:
    return int(value) if value.is_integer() else value


Name = Annotated[Text, AfterValidator(_name)]
Words = Annotated[Text, Field(max_length=200), AfterValidator(_plain)]
Metric = Annotated[Text, Field(max_length=200), AfterValidator(_metric)]
UnitName = Annotated[Text, AfterValidator(_unit)]
OfUnit = Annotated[Text, AfterValidator(lambda text: text and _unit(text))]
Expression = Annotated[Text, Field(max_length=500), AfterValidator(_expression)]
HostName = Annotated[Text, AfterValidator(_host)]
Endpoint = Annotated[Text, AfterValidator(_endpoint)]
Certificate = Annotated[Text, AfterValidator(_certificate)]
Url = Annotated[Text, AfterValidator(_url)]
Webhook = Annotated[Text, AfterValidator(_webhook)]
Address = Annotated[Text, AfterValidator(_address)]
Mail = Annotated[Text, AfterValidator(_mail)]
Time = Annotated[Text, AfterValidator(_time)]
Chat = Annotated[Text, Field(pattern=r"^(-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64})$")]
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
RuleChannels = Annotated[tuple[Name, ...], Field(max_length=20), AfterValidator(no_doubles)]
Mails = Annotated[tuple[Mail, ...], Field(max_length=20), AfterValidator(no_doubles)]


def whatever(discriminator: str, kind: str) -> BeforeValidator:
    """An entry that only goes away needn't say what it is."""

    def fill(value: object) -> object:
        if isinstance(value, Mapping) and value.get("state") == "absent" and discriminator not in value:
            return {discriminator: kind, **value}
        return value

    return BeforeValidator(fill)
