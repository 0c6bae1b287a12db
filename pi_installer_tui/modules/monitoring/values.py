"""The narrow forms of texts and numbers in the settings: each ends up in the collector's file, an argument or a
request, so nothing gets past here that would be something else there."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer, StrictFloat, StrictInt

from pi_installer_tui.i18n import _
from pi_installer_tui.metrics import names
from pi_installer_tui.modules.values import Name, Text, is_host, no_doubles, plain, url
from pi_installer_tui.tasks.secrets import reference

#: systemd.unit(5), or a pattern of them; no dash first, for it becomes an argument
_UNIT = re.compile(r"[A-Za-z0-9:_.*?@\\][A-Za-z0-9:_.*?@\\-]{0,250}")
_MAIL = re.compile(r"(?!-)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}(?:@[A-Za-z0-9.-]{1,189})?")
#: of files, or a pattern of them
_PATH = re.compile(r"(?:/[A-Za-z0-9._+@*?-]+)+")
DAY = 86400


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
    plain(text)
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(_("isn't a regular expression: {error}").format(error=error)) from None
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
    url(text.replace(_PLACE, "secret"))
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


def _shortest(value: float) -> int | float:
    return int(value) if value.is_integer() else value


Metric = Annotated[Text, Field(max_length=200), AfterValidator(_metric)]
UnitName = Annotated[Text, AfterValidator(_unit)]
OfUnit = Annotated[Text, AfterValidator(lambda text: text and _unit(text))]
Expression = Annotated[Text, Field(max_length=500), AfterValidator(_expression)]
Endpoint = Annotated[Text, AfterValidator(_endpoint)]
Certificate = Annotated[Text, AfterValidator(_certificate)]
Webhook = Annotated[Text, AfterValidator(_webhook)]
Address = Annotated[Text, AfterValidator(_address)]
Mail = Annotated[Text, AfterValidator(_mail)]
Chat = Annotated[Text, Field(pattern=r"^(-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64})$")]
Number = Annotated[
    StrictFloat,
    Field(ge=-1e15, le=1e15, allow_inf_nan=False),
    PlainSerializer(_shortest, return_type=int | float),
]
Seconds = Annotated[StrictInt, Field(ge=0, le=31 * DAY)]
SecretName = Annotated[str, *reference("monitoring"), Field(max_length=100)]
Severity = Literal["info", "warning", "critical"]
RuleChannels = Annotated[tuple[Name, ...], Field(max_length=20), AfterValidator(no_doubles)]
Mails = Annotated[tuple[Mail, ...], Field(max_length=20), AfterValidator(no_doubles)]
