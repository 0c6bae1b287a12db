"""A template's parameters: what each kind takes, and what is wrong with a value, in words."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, model_validator

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.tasks.frozen import Frozen

#: path: of a file or a folder; name: of a database, a service, an account; secret: the path of a file that has it
Kind = Literal["path", "name", "host", "url", "number", "choice", "text", "time", "secret"]

#: the machine's own: nothing below them is anyone's to clear away
SYSTEM = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys", "/usr"),
    *("/var/lib", "/var/spool", "/var/cache/apt", "/opt/pi-installer-tui"),
)
#: folders in which everything lies; what is in them is another matter
WHOLE = (
    *("/", "/home", "/root", "/var", "/var/log", "/var/cache", "/var/mail", "/var/backups", "/var/www", "/opt"),
    *("/srv", "/mnt", "/media", "/tmp", "/var/tmp"),
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
#: a query with such a name has a secret in its value; so has a part of a path that long without a blank or a dot
_TELLING = re.compile(r"(?i)(token|key|secret|pass(word|wd)?|auth|sig(nature)?|credential)s?$|^(pw|pwd|t|k)$")
_LONG = re.compile(r"(?=[^/]*\d)[A-Za-z0-9_-]{24,}")
_LONGEST = 400


def _shown(value: str) -> str:
    """As one line: YAML's folded texts end with a line break."""
    line = " ".join(value.split())
    if not line.isprintable():
        raise ValueError(_("has characters that can't be printed"))
    return line


#: what is shown as it is
Shown = Annotated[str, AfterValidator(_shown)]


class Parameter(Frozen):
    """A value that a template asks for. title, help: marked with N_ in templates of the program. default: what stands
    there first, "" nothing: then it has to be given. least, most: of a number. system: of a path; False: it can't be
    a folder of the machine's, nor one that holds everything, such as /home."""

    kind: Kind
    title: Annotated[Shown, Field(min_length=1, max_length=60)]
    help: Annotated[Shown, Field(max_length=400)] = ""
    default: str = ""
    unit: Annotated[Shown, Field(max_length=20)] = ""
    least: int = 0
    most: int = 1_000_000
    choices: tuple[str, ...] = ()
    system: bool = True

    @model_validator(mode="after")
    def _sound(self) -> Parameter:
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError(_("a choice has choices, and nothing else has"))
        if self.least > self.most:
            raise ValueError(_("the least is more than the most"))
        for choice in self.choices:
            if why := _text(choice):
                raise ValueError(why)
        if self.default and (why := mistake(self, self.default)):
            raise ValueError(_("its default {why}").format(why=why))
        return self


def mistake(parameter: Parameter, value: str) -> str:
    """What is wrong with a value, as a phrase that follows its title; "" where nothing is. A value is never repeated:
    it may be a secret that somebody typed into the wrong field."""
    if not value:
        return _("is needed")
    if len(value) > _LONGEST:
        return _("is longer than {most} characters").format(most=_LONGEST)
    match parameter.kind:
        case "path" | "secret":
            return _path(value) or ("" if parameter.system else _kept(value))
        case "name":
            return "" if _NAME.fullmatch(value) else _("has other characters than letters, digits, _, ., @ and -")
        case "host":
            return _host(value)
        case "url":
            return _url(value)
        case "number":
            return _number(parameter, value)
        case "choice":
            known = ", ".join(parameter.choices)
            return "" if value in parameter.choices else _("is none of {choices}").format(choices=known)
        case "time":
            return "" if _TIME.fullmatch(value) else _("is no time of the day, such as 03:30")
        case "text":
            return _text(value)


def as_written(parameter: Parameter, value: str) -> str:
    """A value that has no mistake as a command has it: a path without what doubles in it."""
    if parameter.kind in ("path", "secret"):
        return _normal(value)
    return str(int(value)) if parameter.kind == "number" else value


def in_schedule(parameter: Parameter, value: str) -> str:
    """A value as a schedule has it: of a time its minute and its hour. Raises ValueError for what can't stand there."""
    if parameter.kind == "time":
        hour, _colon, minute = value.partition(":")
        return f"{int(minute)} {int(hour)}"
    if parameter.kind == "number":
        return str(int(value))
    raise ValueError(_("Only a time or a number can stand in a schedule."))


def within(path: str, folder: str) -> bool:
    """Whether a path is a folder or in it, by their names."""
    path, folder = _normal(path), _normal(folder)
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def refused(path: str) -> str:
    """Why nothing may be cleared away in a folder, "" where it may. path: without links in it."""
    return _kept(path)


def _normal(path: str) -> str:
    return posixpath.normpath("/" + path.lstrip("/"))


def _path(value: str) -> str:
    if why := _text(value):
        return why
    if not value.startswith("/"):
        return _("isn't a whole path, which begins with /")
    if ".." in value.split("/"):
        return _("has .. in it")
    return ""


def _kept(value: str) -> str:
    path = _normal(value)
    if path in WHOLE:
        return _("is a folder in which everything lies: name one below it")
    if any(within(path, folder) for folder in SYSTEM):
        return _("belongs to the system")
    if any(within(folder, path) for folder in SYSTEM):
        return _("has folders of the system in it")
    return ""


def _host(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return "" if len(value) <= 253 and _HOST.fullmatch(value) else _("is no host's name and no address")
    return ""


def _url(value: str) -> str:
    if _text(value) or " " in value or not value.isascii():
        return _("has blanks or other characters that a URL has as %xx")
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return _("is no URL")
    if parts.scheme not in ("http", "https") or _host(host):
        return _("is no URL that begins with https:// or http:// and a host")
    secret = parts.username is not None or parts.password is not None
    secret = secret or any(_TELLING.search(name) for name, _value in parse_qsl(parts.query, keep_blank_values=True))
    if secret or _LONG.search(parts.path):
        return _("seems to have a secret in it, which everybody who looks at the processes would see")
    return ""


def _number(parameter: Parameter, value: str) -> str:
    if not re.fullmatch(r"[0-9]{1,12}", value, re.ASCII):
        return _("is no whole number")
    if not parameter.least <= int(value) <= parameter.most:
        return _("isn't from {least} to {most}").format(least=parameter.least, most=parameter.most)
    return ""


def _text(value: str) -> str:
    if any(not c.isprintable() for c in value):
        return _("has characters that can't be printed")
    if value.startswith("-"):
        return _("begins with -, which programs take for an option")
    return ""


#: kinds in words
KINDS: dict[Kind, str] = {
    "path": N_("a whole path"),
    "name": N_("a name"),
    "host": N_("a host's name or address"),
    "url": N_("a URL"),
    "number": N_("a whole number"),
    "choice": N_("a choice"),
    "text": N_("a text"),
    "time": N_("a time of the day, HH:MM"),
    "secret": N_("the path of a file that has it"),
}
