"""A template's command: what a shell is given, with `{name}` where a parameter's value goes. A value stands there as a
part of one word, whatever is in it; where quoting couldn't promise that, the command is refused."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pi_installer_tui.i18n import _

_PLACE = re.compile(r"\{([a-z][a-z0-9_]{0,31})\}")
#: what needs no quotes anywhere in a command; none of the shell's words looks like it but those below
_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+-]+")
#: POSIX, "Reserved Words", and bash's
_RESERVED = frozenset(
    (
        *("if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "in"),
        *("select", "function", "time", "coproc"),
    )
)
#: where words are read anew, or otherwise than as words: pattern, and what to say
_REFUSED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"`"), "`"),
    (re.compile(r"<<"), "<<"),
    (re.compile(r"\(\("), "(("),
    (re.compile(r"\[\[(?=\s)"), "[["),
    (re.compile(r"\$['\"]"), "$'"),
    (re.compile(r"\$\{(?![A-Za-z_]\w*\})"), "${"),
    (re.compile(r"\$\["), "$["),
    (re.compile(r"(?:^|[\s;&|(])(eval|let)(?=\s|$)"), "eval"),
)


class CannotFill(ValueError):
    """A template's command can't be used. at: where, from 0; the message is a sentence in words."""

    def __init__(self, text: str, at: int = 0) -> None:
        super().__init__(text)
        self.at = at


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value goes."""

    name: str


def parse(command: str) -> tuple[str | Place, ...]:
    """A command taken apart into what the shell is given as it is (`{{` and `}}` as one bracket), and places. Raises
    CannotFill: a place that is in quotes, behind a `$` or a backslash, or what isn't taken in a template at all."""
    if any(c < " " or c == "\x7f" for c in command):
        raise CannotFill(_("A command is one line, without control characters."))
    parts: list[str | Place] = []
    text = quote = ""
    at = 0
    while at < len(command):
        letter = command[at]
        if letter in "{}":
            if command.startswith(letter * 2, at):
                text, at = text + letter, at + 2
                continue
            found = _PLACE.match(command, at)
            if found is None:
                raise CannotFill(_("A bracket of the shell's is written twice: {{ and }}."), at)
            if why := _amiss(text, quote):
                raise CannotFill(why.format(name=found[1]), at)
            parts += [text, Place(found[1])]
            text, at = "", found.end()
            continue
        step = 1
        if letter == "\\" and quote != "'" and command[at + 1 : at + 2] not in ("", "{", "}"):
            step = 2
        elif letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
        elif quote == '"' and command.startswith("$(", at):
            raise CannotFill(_("$( in double quotes isn't taken in a template: keep it in a variable first."), at)
        text, at = text + command[at : at + step], at + step
    if quote:
        raise CannotFill(_("A quote isn't closed."), len(command))
    parts.append(text)
    _all_taken(parts)
    return tuple(part for part in parts if part != "")


def _amiss(before: str, quote: str) -> str:
    """Why no value can stand behind this text, "" where one can."""
    if quote:
        return _(
            "{{{name}}} stands in quotes: values are quoted by themselves, and a bracket of the shell's is written "
            "twice."
        )
    if before.endswith("$"):
        return _("For the shell's own variable it is ${{{{{name}}}}}.")
    if before.endswith("\\"):
        return _("{{{name}}} stands behind a backslash.")
    return ""


def _all_taken(parts: list[str | Place]) -> None:
    # a place is no part of what is refused: a letter stands for it
    whole = "".join("x" if isinstance(part, Place) else part for part in parts)
    for pattern, name in _REFUSED:
        if pattern.search(whole):
            raise CannotFill(_("{what} isn't taken in a template's command.").format(what=name))


def places(command: str) -> Iterator[str]:
    """The names of a command's places. Raises CannotFill."""
    return (part.name for part in parse(command) if isinstance(part, Place))


def filled(command: str, values: Mapping[str, str]) -> str:
    """The command with values in its places, each quoted where it has to be. Raises CannotFill, KeyError."""
    parts = parse(command)
    done: list[str] = []
    for number, part in enumerate(parts):
        if isinstance(part, str):
            done.append(part)
            continue
        behind = parts[number + 1] if number + 1 < len(parts) else ""
        done.append(quoted(values[part.name], before=behind if isinstance(behind, str) else ""))
    return "".join(done)


def quoted(value: str, *, before: str = "") -> str:
    """A value as a part of a word of the shell's. before: what follows it: digits in front of `>` would be a file
    descriptor. Raises CannotFill for what can't stand in a command of one line."""
    if "\n" in value or "\0" in value or "\r" in value:
        raise CannotFill(_("A value has no line break and no NUL byte in it."))
    if _PLAIN.fullmatch(value) and value not in _RESERVED and not before.startswith(("<", ">")):
        return value
    return shlex.quote(value) if not _PLAIN.fullmatch(value) else f"'{value}'"
