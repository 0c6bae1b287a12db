"""Words in a unit file's lines: quoted so that systemd reads each as one, and read as it reads them. Source:
systemd.syntax(7), QUOTING; systemd.unit(5), SPECIFIERS."""

from __future__ import annotations

import re

_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
    "s": " ",
}
_BACK = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"'}
_CODED = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})")


def expand_nothing(text: str) -> str:
    """A text whose percent signs are no specifiers."""
    return text.replace("%", "%%")


def unescaped_percent(text: str) -> bool:
    """Whether a specifier is in it."""
    return "%" in text.replace("%%", "")


def quoted(word: str) -> str:
    """A word of any characters but a zero byte, as one word, no specifier in it."""
    if _SAFE.fullmatch(word):
        return expand_nothing(word)
    said = "".join(_BACK.get(c) or (f"\\x{ord(c):02x}" if c < " " or c == "\x7f" else c) for c in word)
    return f'"{expand_nothing(said)}"'


def split(line: str, *, one_command: bool = False) -> tuple[str, ...]:
    """The words of a line. Raises ValueError for a quote that isn't closed; with one_command for a bare `;` too."""
    words: list[str] = []
    word: list[str] | None = None
    quote, at = "", 0
    while at < len(line):
        c = line[at]
        at += 1
        if c == "\\":
            taken, at = _escape(line, at)
            word = [*(word or []), taken]
        elif quote:
            quote = "" if c == quote else quote
            if quote:
                word = [*(word or []), c]
        elif one_command and word is None and c == ";" and line[at : at + 1] in ("", " ", "\t"):
            raise ValueError("it has several commands")
        elif c in "\"'":
            quote, word = c, word if word is not None else []
        elif c in " \t\n\r":
            if word is not None:
                words.append("".join(word))
            word = None
        else:
            word = [*(word or []), c]
    if quote:
        raise ValueError("a quote isn't closed")
    return (*words, "".join(word)) if word is not None else tuple(words)


def _escape(line: str, at: int) -> tuple[str, int]:
    """What a backslash before this place makes, and where it goes on. An escape that is none stays as it is."""
    if match := _CODED.match(line, at):
        hexa = match[1] or match[2] or match[3]
        return chr(int(hexa, 16) if hexa else int(match[4], 8)), match.end()
    if at < len(line) and line[at] in _ESCAPES:
        return _ESCAPES[line[at]], at + 1
    if at < len(line) and line[at] == ";":
        return ";", at + 1
    return "\\", at
