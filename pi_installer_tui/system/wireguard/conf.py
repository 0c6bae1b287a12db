"""wg-quick's files (wg-quick(8), wg(8) CONFIGURATION FILE FORMAT), read and edited line by line: what isn't edited
stays byte by byte. Peers have names by a comment in one of three ways, and a paused one's lines are comments.

    # Name = phone                    the first line of the peer's section: this program's
    ### begin phone ###  (… end …)    around it: PiVPN's, which marks paused lines by `#[disabled] ` too
    # Client: phone (7)               before it: wg-easy's
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

PAUSED = "#[disabled] "
SECRET = "(secret)"
#: keys whose values go into one line, with commas between
_LISTS = frozenset({"address", "allowedips", "dns"})
_NAMES = (
    re.compile(r"#+\s*Name\s*[=:]\s*(?P<name>.*\S)\s*", re.IGNORECASE),
    re.compile(r"###\s*begin (?P<name>.*\S) ###\s*"),
    re.compile(r"#\s*Client: (?P<name>.*\S) \([^()]*\)\s*"),
)
_END = re.compile(r"###\s*end .* ###\s*")
_KEY = re.compile(r"[A-Za-z0-9+/]{43}=")
#: letters and digits of a name that is made of a key
_OF_KEY = 8

Kind = Literal["interface", "peer"]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with its end. said: what it says without the mark of a paused one, `#` and what follows it; key: in small
    letters and without blanks, "" where it sets nothing."""

    raw: str = field(repr=False)
    paused: bool = False
    said: str = field(default="", repr=False)
    key: str = ""
    value: str = field(default="", repr=False)

    @property
    def comment(self) -> bool:
        return not self.said and self.text.startswith("#")

    @property
    def blank(self) -> bool:
        return not self.raw.strip()

    @property
    def text(self) -> str:
        """The line without the mark of a paused one and without blanks around it."""
        return _unmarked(self.raw).strip()


@dataclass(frozen=True, slots=True)
class Section:
    """A section. lines: the numbers (from 0) of its head and of what it sets; first, last: from where to where it
    reaches, the comments that name it included. paused: all of it is a comment. named: by one of the three ways;
    remark: another comment that stands where a name could, "" for none."""

    kind: Kind
    paused: bool
    lines: tuple[int, ...]
    first: int
    last: int
    name: str = ""
    named: bool = False
    remark: str = ""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def get(self, key: str) -> tuple[str, ...]:
        """All values of a key, those in one line taken apart where the key takes a list."""
        return self.values.get(key.lower(), ())

    def one(self, key: str) -> str:
        """The value that counts: the last one; "" where it isn't set."""
        return (self.get(key) or ("",))[-1]

    @property
    def public_key(self) -> str:
        """A peer's."""
        return self.one("publickey")


class Conf:
    """A file. Each edit gives a new one. Nothing of its keys is in its repr."""

    __slots__ = ("_lines", "interface", "peers")

    def __init__(self, text: str = "") -> None:
        self._lines = tuple(_line(raw) for raw in _split(text))
        found = tuple(_sections(self._lines))
        self.interface: Section | None = next((each for each in found if each.kind == "interface"), None)
        self.peers: tuple[Section, ...] = tuple(each for each in found if each.kind == "peer")

    def __repr__(self) -> str:
        return f"Conf({len(self._lines)} lines, {len(self.peers)} peers)"

    @property
    def text(self) -> str:
        """The whole file."""
        return "".join(line.raw for line in self._lines)

    @property
    def redacted(self) -> str:
        """The file with `(secret)` in place of what is a private or preshared key, or may be one."""
        return "".join(_redacted(line) for line in self._lines)

    def peer(self, public_key: str) -> Section | None:
        """The peer with this key; of two the one that isn't paused."""
        found = sorted((each for each in self.peers if each.public_key == public_key), key=lambda each: each.paused)
        return found[0] if found else None

    # edits ------------------------------------------------------------------------------------------------------------

    def with_values(self, section: Section | None, key: str, values: Sequence[str]) -> Conf:
        """The same with these values of a key and no others, none to leave it unset. section: one of this object's;
        None: its interface, which is made where there is none. Raises ValueError for what can't stand in a file."""
        values = tuple(_value(each) for each in values)
        _value(key)
        if section is None:
            section = self.interface
            if section is None:
                made = self._inserted(0, ["[Interface]"] + ([""] if self._lines and not self._lines[0].blank else []))
                return made.with_values(made.interface, key, values)
        if section.get(key) == values:
            return self
        mine = [n for n in section.lines if self._lines[n].key == key.lower()]
        mark = PAUSED if section.paused else ""
        if key.lower() in _LISTS:
            values = (", ".join(values),) if values else ()
        new = [f"{mark}{key} = {each}" for each in values]
        at = mine[0] if mine else section.lines[-1] + 1
        kept = Conf._of(line for n, line in enumerate(self._lines) if n not in mine)
        return kept._inserted(at, new)

    def with_line(self, key: str, value: str) -> Conf:
        """The same with this line in the interface's section, beside others of its key (PostUp): behind the last of
        them."""
        assert self.interface is not None
        if value in self.interface.get(key):
            return self
        mine = [n for n in self.interface.lines if self._lines[n].key == key.lower()]
        return self._inserted((mine or self.interface.lines)[-1] + 1, [f"{_value(key)} = {_value(value)}"])

    def without_line(self, key: str, value: str) -> Conf:
        """The same without such a line."""
        assert self.interface is not None
        gone = [
            n
            for n in self.interface.lines
            if (self._lines[n].key, self._lines[n].value) == (key.lower(), value.strip())
        ]
        return Conf._of(line for n, line in enumerate(self._lines) if n not in gone)

    def with_peer(self, name: str, settings: Sequence[tuple[str, str]], *, paused: bool = False) -> Conf:
        """The same with a new peer at the end. settings: keys as they are written, with their values."""
        mark = PAUSED if paused else ""
        new = ["[Peer]", f"# Name = {_name(name)}", *(f"{_value(key)} = {_value(value)}" for key, value in settings)]
        blank = [""] if self._lines and not self._lines[-1].blank else []
        return self._inserted(len(self._lines), [*blank, *(mark + each for each in new)])

    def without_peer(self, peer: Section) -> Conf:
        """The same without a peer: its section, the comments that name it, and a blank line before them."""
        first = peer.first - 1 if peer.first and self._lines[peer.first - 1].blank else peer.first
        return Conf._of((*self._lines[:first], *self._lines[peer.last + 1 :]))

    def renamed(self, peer: Section, name: str) -> Conf:
        """The same with another name in front of a peer, in the way that it has one."""
        new, old = _name(name), peer.name
        for n in range(peer.first, peer.last + 1):
            line = self._lines[n]
            for way in _NAMES:
                if line.comment and (found := way.fullmatch(line.text)) and found["name"] == old:
                    return self._renamed(peer, n, old, new)
        mark = PAUSED if peer.paused else ""
        return self._inserted(peer.lines[0] + 1, [f"{mark}# Name = {new}"])

    def _renamed(self, peer: Section, number: int, old: str, new: str) -> Conf:
        lines = list(self._lines)
        last = [n for n in (peer.last,) if n != number and _END.fullmatch(lines[n].text)]
        for n in (number, *last):
            before, _sep, after = lines[n].raw.rpartition(old)
            lines[n] = _line(before + new + after)
        return Conf._of(lines)

    def paused(self, peer: Section, *, on: bool) -> Conf:
        """The same with all lines of a peer made comments, or lines again."""
        if peer.paused == on:
            return self
        lines = list(self._lines)
        for n in range(peer.first, peer.last + 1):
            if on:
                lines[n] = _line(PAUSED + lines[n].raw)
            elif lines[n].paused:
                lines[n] = _line(_unmarked(lines[n].raw))
        return Conf._of(lines)

    def _inserted(self, at: int, new: Iterable[str]) -> Conf:
        """New lines before line `at`, with the line ends that the file has."""
        end = "\r\n" if self._lines and self._lines[0].raw.endswith("\r\n") else "\n"
        lines = list(self._lines)
        added = [f"{each}{end}" for each in new]
        if added and at == len(lines) and lines and not lines[-1].raw.endswith("\n"):
            lines[-1] = replace(lines[-1], raw=lines[-1].raw + end)
        lines[at:at] = [_line(raw) for raw in added]
        return Conf._of(lines)

    @classmethod
    def _of(cls, lines: Iterable[_Line]) -> Conf:
        return cls("".join(line.raw for line in lines))


def _split(text: str) -> list[str]:
    """The lines with their ends; a line ends with a line feed only, as wg(8) and bash have it."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _unmarked(raw: str) -> str:
    return raw.removeprefix(PAUSED)


def _line(raw: str) -> _Line:
    paused = raw.startswith(PAUSED)
    said = _unmarked(raw).partition("#")[0].strip()
    name, equals, value = said.partition("=")
    key = re.sub(r"\s+", "", name).lower() if equals and not said.startswith("[") else ""
    return _Line(raw, paused, said, key, value.strip() if key else "")


def _head(line: _Line) -> str:
    """`[peer]`, "" for a line that begins no section. wg(8) leaves blanks out wherever they are."""
    said = re.sub(r"\s+", "", line.said).lower()
    return said if said.startswith("[") else ""


def _sections(lines: Sequence[_Line]) -> Iterable[Section]:
    """The sections, in the order of their heads. A line that is active is of the last active section, whatever paused
    ones stand between."""
    heads: list[tuple[int, str, list[int]]] = []
    active: list[int] | None = None
    paused: list[int] | None = None
    for number, line in enumerate(lines):
        if head := _head(line):
            mine = [number]
            heads.append((number, head, mine))
            if line.paused:
                paused = mine
            else:
                active, paused = mine, None
        elif line.key and line.paused and paused is not None:
            paused.append(number)
        elif line.key and not line.paused and active is not None:
            active.append(number)
    owners = {n: head for head, _kind, mine in heads for n in mine}
    for number, head, mine in heads:
        if head in ("[interface]", "[peer]"):
            yield _section(lines, "peer" if head == "[peer]" else "interface", number, mine, owners)


def _section(lines: Sequence[_Line], kind: Kind, head: int, mine: list[int], owners: Mapping[int, int]) -> Section:
    last = head
    while last + 1 < len(lines) and last < mine[-1] and owners.get(last + 1, head) == head:
        last += 1
    first, paused = head, lines[head].paused
    name, remark = "", ""
    if kind == "peer":
        while first and lines[first - 1].comment and lines[first - 1].paused == paused and not _ends(lines[first - 1]):
            first -= 1
        if last + 1 < len(lines) and lines[last + 1].paused == paused and _ends(lines[last + 1]):
            last += 1
        comments = [lines[n].text for n in range(first, last + 1) if lines[n].comment]
        found = [way["name"] for text in comments for each in _NAMES if (way := each.fullmatch(text))]
        name = found[0] if found else ""
        near = [lines[n].text for n in (head + 1, head - 1) if first <= n <= last and lines[n].comment]
        remark = next((text.strip("# \t") for text in near), "")
    values: dict[str, list[str]] = {}
    for n in mine[1:]:
        parts = lines[n].value.split(",") if lines[n].key in _LISTS else [lines[n].value]
        values.setdefault(lines[n].key, []).extend(part.strip() for part in parts if part.strip())
    fixed = {key: tuple(each) for key, each in values.items()}
    return Section(kind, paused, tuple(mine), first, last, name, bool(name), remark, fixed)


def _ends(line: _Line) -> bool:
    return line.comment and _END.fullmatch(line.text) is not None


def _redacted(line: _Line) -> str:
    bare = re.sub(r"\s+", "", line.raw).lower()
    for key in ("privatekey=", "presharedkey="):
        if key in bare:
            end = line.raw[len(line.raw.rstrip()) :]
            return f"{line.raw.partition('=')[0]}= {SECRET}{end}"
    return line.raw if "publickey=" in bare else _KEY.sub(SECRET, line.raw)


def _value(text: str) -> str:
    """Raises ValueError for what would end a line, begin a comment, or be nothing."""
    if not text.isprintable() or not text.strip() or "#" in text or text != text.strip():
        raise ValueError("can't stand in a file of wg-quick's")
    return text


def _name(text: str) -> str:
    if not text.isprintable() or not text.strip() or text != text.strip():
        raise ValueError("can't be a name")
    return text


def slug(text: str) -> str:
    """A name as settings have it: small letters, digits, _ and -; "" where nothing of it is left."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:40].strip("-_")


def names(conf: Conf) -> dict[str, Section]:
    """The peers by the names that settings know them by: as named, else as remarked, else made of their keys; of two
    with the same name the later one has a number behind it. A peer without a public key isn't one."""
    found: dict[str, Section] = {}
    for peer in conf.peers:
        if not peer.public_key:
            continue
        made = "peer-" + re.sub(r"[^a-z0-9]", "", peer.public_key.lower())[:_OF_KEY]
        name = wanted = slug(peer.name) or (slug(peer.remark) if not peer.named else "") or made
        number = 1
        while name in found:
            number += 1
            name = f"{wanted[:36]}-{number}"
        found[name] = peer
    return found
