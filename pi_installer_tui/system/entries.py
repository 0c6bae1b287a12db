"""What a log is read into, whether it is the journal or a file: entries, what is asked for, and pages of them. A log is
never read whole: a page starts beside an entry that is known by its cursor."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Literal

from pi_installer_tui.i18n import N_, _

#: Source: syslog(3), systemd.journal-fields(7)
PRIORITIES: tuple[str, ...] = (
    N_("emergency"),
    N_("alert"),
    N_("critical"),
    N_("error"),
    N_("warning"),
    N_("notice"),
    N_("info"),
    N_("debug"),
)

#: why an entry's text isn't what was logged: journalctl leaves out what is longer than 4096 bytes, a file's line is
#: cut, the bytes aren't text, there is no message
Note = Literal["", "left-out", "cut", "binary", "no-message"]

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


class LogError(Exception):
    """A log can't be read; the message is a sentence in words."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. cursor: where it stands, for the log that it comes from. at: seconds since 1970, None: not known.
    priority: 0 emergency to 7 debug, None: the log has none. who: the program. message: as logged, control characters
    included; it has to be made printable before it is shown."""

    cursor: str
    at: float | None
    message: str
    priority: int | None = None
    who: str = ""
    unit: str = ""
    pid: int | None = None
    note: Note = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. unit: "" all, `kernel` the kernel's own. priority: this and what is worse. boot: its id.
    since, until: seconds since 1970. text: what an entry's message has to have, `/.../` is a regular expression; small
    and capital letters are alike in a text, and in an expression that has no capital letter."""

    unit: str = ""
    priority: int | None = None
    boot: str = ""
    since: float | None = None
    until: float | None = None
    text: str = ""

    def having(self, text: str) -> Wanted:
        """The same, for a text."""
        return replace(self, text=text)


@dataclass(frozen=True, slots=True)
class Page:
    """Entries one after another, oldest first. more: there may be more beyond them in the direction that was read.
    said: what the reader of the log said beside them, in words."""

    entries: tuple[Entry, ...] = ()
    more: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an entry. binary: its bytes aren't text."""

    name: str
    value: str
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """A wanted text as an expression. source: in the syntax that PCRE and Python share. folded: letters alike. plain:
    it was given as a text."""

    source: str
    folded: bool
    plain: bool
    compiled: re.Pattern[str] = field(compare=False)


def pattern(text: str) -> Pattern | None:
    """A wanted text, None for none. Raises LogError for an expression that is none."""
    if not text:
        return None
    expression = len(text) > 2 and text.startswith("/") and text.endswith("/")
    source = text[1:-1] if expression else re.escape(text)
    folded = not expression or source == source.lower()
    try:
        return Pattern(source, folded, not expression, re.compile(source, re.IGNORECASE if folded else 0))
    except re.error as error:
        raise LogError(_("{text} is no regular expression: {why}").format(text=text, why=error.msg)) from None


def uncoloured(text: str) -> str:
    """A message without the colours (SGR, ECMA-48 8.3.117) that a program wrote into it."""
    return _COLOUR.sub("", text) if "\x1b" in text else text


def visible(text: str) -> str:
    """A text whose control characters can be seen and do nothing: an escape is `\\x1b`. Line breaks stay."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape", "replace").decode() for c in text
    )


class Log(ABC):
    """A log that is read page by page. What can't be read raises LogError.

    title: what it is called.
    """

    title: str

    @abstractmethod
    async def last(self, wanted: Wanted, count: int) -> Page:
        """The newest entries."""

    @abstractmethod
    async def first(self, wanted: Wanted, count: int) -> Page:
        """The oldest entries."""

    @abstractmethod
    async def before(self, cursor: str, wanted: Wanted, count: int) -> Page:
        """The entries next to one, towards the start."""

    @abstractmethod
    async def after(self, cursor: str, wanted: Wanted, count: int) -> Page:
        """The entries next to one, towards the end."""

    @abstractmethod
    def follow(self, cursor: str, wanted: Wanted) -> AsyncIterator[list[Entry]]:
        """What is logged after an entry ("": from now on), as it comes, until it is cancelled."""

    @abstractmethod
    async def fields(self, entry: Entry) -> tuple[Field, ...]:
        """All that the log has of an entry, the message first."""
