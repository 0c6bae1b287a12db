"""Kinds of values that the settings of several modules have."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Hashable, Mapping
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt

from pi_installer_tui.i18n import _

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
#: RFC 1123 2.1: a label of a host's name
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


def text(value: object) -> object:
    """YAML makes numbers and booleans of what looks like one: `0123`, and in older readers `no` and `1:30`. Raises
    ValueError for what isn't text."""
    if isinstance(value, bool | int | float):
        raise ValueError(_('must be text; put a number or true/false in quotes ("…")'))
    return value


def no_doubles(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Raises ValueError where one is there twice."""
    seen: set[Hashable] = set()
    for value in values:
        if value in seen:
            raise ValueError(_("{value} is there twice").format(value=value))
        seen.add(value)
    return values


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(_("may have small letters, digits, _ and -, and starts with a letter or digit"))
    return text


def plain(text: str) -> str:
    """One line of text without blanks around it. Raises ValueError."""
    if not text.isprintable() or text != text.strip() or not text:
        raise ValueError(_("can't be empty, or have line breaks, control characters, or blanks around it"))
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


def url(text: str) -> str:
    """The URL of a web server, without a login in it. Raises ValueError."""
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


def _time(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise ValueError(_("is a time of the day, such as 22:00"))
    return text


Text: TypeAlias = Annotated[str, BeforeValidator(text)]
Name = Annotated[Text, AfterValidator(_name)]
Words = Annotated[Text, Field(max_length=200), AfterValidator(plain)]
HostName = Annotated[Text, AfterValidator(_host)]
Url = Annotated[Text, AfterValidator(url)]
Time = Annotated[Text, AfterValidator(_time)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
State = Literal["present", "absent"]


def whatever(discriminator: str, kind: str) -> BeforeValidator:
    """An entry that only goes away needn't say what it is."""

    def fill(value: object) -> object:
        if isinstance(value, Mapping) and value.get("state") == "absent" and discriminator not in value:
            return {discriminator: kind, **value}
        return value

    return BeforeValidator(fill)
