"""The cells of a terminal: what Textual drew, what the terminal shows, and the least bytes from one to the other.

`Canvas` takes Textual's output (a small grammar: cursor position, SGR, text) into cells, mapped to what the profile can
show. `Painter` knows what the terminal shows and encodes the difference of a row. Both are pure: no file, no thread.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from rich.cells import get_character_cell_size, split_graphemes

#: a colour as Textual writes it: None the terminal's own, 0..255 an index, (r, g, b)
Colour: TypeAlias = int | tuple[int, int, int] | None

BOLD, DIM, ITALIC, UNDERLINE, BLINK, REVERSE, CONCEAL, STRIKE = (1 << n for n in range(8))
_ON: Final = {1: BOLD, 2: DIM, 3: ITALIC, 4: UNDERLINE, 5: BLINK, 7: REVERSE, 8: CONCEAL, 9: STRIKE}
_OFF: Final = {22: BOLD | DIM, 23: ITALIC, 24: UNDERLINE, 25: BLINK, 27: REVERSE, 28: CONCEAL, 29: STRIKE}


class Style(NamedTuple):
    """How a cell looks: colours and attribute bits."""

    fg: Colour = None
    bg: Colour = None
    flags: int = 0


PLAIN: Final = Style()

_TOKEN: Final = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f]+)"
    r"|\x1b\[(?P<params>[0-9;:<=>?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]"
    r"|(?P<control>[\x00-\x1f\x7f])"
)


@lru_cache(maxsize=4096)
def sgr(style: Style, params: str) -> Style:
    """The style after a Select Graphic Rendition sequence (ECMA-48 8.3.117, ISO 8613-6 for 38 and 48)."""
    fg, bg, flags = style
    codes = iter([int(p) if p.isdigit() else 0 for p in params.replace(":", ";").split(";")])
    for code in codes:
        if code == 0:
            fg, bg, flags = PLAIN
        elif code in _ON:
            flags |= _ON[code]
        elif code in _OFF:
            flags &= ~_OFF[code]
        elif 30 <= code <= 37:
            fg = code - 30
        elif 90 <= code <= 97:
            fg = code - 82
        elif 40 <= code <= 47:
            bg = code - 40
        elif 100 <= code <= 107:
            bg = code - 92
        elif code == 39:
            fg = None
        elif code == 49:
            bg = None
        elif code in (38, 48):
            colour = _extended(codes)
            fg, bg = (colour, bg) if code == 38 else (fg, colour)
    return Style(fg, bg, flags)


def _extended(codes: Iterator[int]) -> Colour:
    form = next(codes, 0)
    if form == 5:
        return next(codes, 0)
    if form == 2:
        return (next(codes, 0), next(codes, 0), next(codes, 0))
    return None


#: Latin letters, line drawing and blocks: each a cell wide, and never joined to a neighbour
_SIMPLE: Final = re.compile("[ -~\u00a0-\u02ff\u2500-\u259f]*")
#: what joins or alters emoji (UTS #51): variation selectors, zero width joiner, skin tones; and the halves of flags
_JOINED: Final = re.compile("[\ufe00-\ufe0f\u200d\U0001f3fb-\U0001f3ff\U0001f1e6-\U0001f1ff]")


def clusters(text: str) -> Iterator[tuple[str, int]]:
    """The characters of a text, each with the combining characters after it and its width in cells."""
    if _SIMPLE.fullmatch(text):
        for char in text:
            yield char, 1
    else:
        for start, end, size in split_graphemes(text)[0]:
            yield unicodedata.normalize("NFC", text[start:end]), size


@lru_cache(maxsize=1024)
def agreed(text: str) -> str:
    """The same width without the emoji sequences whose width terminals disagree about: their first emoji alone, filled
    with a blank where the sequence was wider; a flag is its two letters."""
    if not _JOINED.search(text):
        return text
    out: list[str] = []
    for start, end, size in split_graphemes(text)[0]:
        cluster = text[start:end]
        if _JOINED.search(cluster):
            first = cluster[0]
            if "\U0001f1e6" <= first <= "\U0001f1ff":
                first = chr(ord(first) - 0x1F1E6 + ord("A"))
            cluster = "" if _JOINED.match(first) else first + " " * (size - get_character_cell_size(first))
        out.append(cluster)
    return "".join(out)


@dataclass
class Row:
    """One line of cells. A wide character stands in its first cell, "" in its second."""

    chars: list[str]
    styles: list[Style]

    @classmethod
    def blank(cls, width: int) -> Row:
        return cls([" "] * width, [PLAIN] * width)

    def copy(self) -> Row:
        return Row(self.chars[:], self.styles[:])

    def same(self, other: Row) -> bool:
        return self.chars == other.chars and self.styles == other.styles


class Canvas:
    """What Textual drew, as the profile can show it."""

    def __init__(
        self,
        width: int,
        height: int,
        *,
        style: Callable[[Style], Style],
        text: Callable[[str], str],
    ) -> None:
        """style: maps a style to one that the terminal has. text: maps glyphs, cell for cell (same width)."""
        self._style = style
        self._text = text
        self.bell = False
        #: how a blank of the terminal's own colours looks here
        self.plain = style(PLAIN)
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        """A new size; everything is blank until it is drawn again."""
        self.width, self.height = width, height
        self.rows = [Row.blank(width) for _ in range(height)]
        self.dirty: set[int] = set(range(height))
        self._x = self._y = 0
        self._raw = PLAIN
        self._cell = self._style(PLAIN)

    def feed(self, data: str) -> None:
        """Takes what Textual writes. What a full-screen drawing doesn't need (modes, queries, OSC) is dropped here."""
        for token in _TOKEN.finditer(data):
            kind = token.lastgroup
            if kind == "text":
                self._write(token["text"])
            elif kind == "final":
                self._sequence(token["final"], token["params"])
            elif kind == "control":
                self._control(token["control"])

    def _sequence(self, final: str, params: str) -> None:
        if final == "m":
            self._raw = sgr(self._raw, params)
            self._cell = self._style(self._raw)
        elif final == "H" and not params.startswith("?"):
            y, _, x = params.partition(";")
            self._y = int(y or 1) - 1
            self._x = int(x or 1) - 1
        elif final == "J" and params == "2":
            for row in self.rows:
                row.chars[:] = [" "] * self.width
                row.styles[:] = [self._style(PLAIN)] * self.width
            self.dirty.update(range(self.height))

    def _control(self, control: str) -> None:
        if control == "\n":
            self._y += 1
            self._x = 0
        elif control == "\r":
            self._x = 0
        elif control == "\a":
            self.bell = True

    def _write(self, text: str) -> None:
        x, y, width = self._x, self._y, self.width
        if text.isascii():
            self._x = x + len(text)
            if not 0 <= y < self.height or x >= width:
                return
            text = text[: width - x]
            row = self.rows[y]
            end = x + len(text)
            self._heal(row, x, end)
            row.chars[x:end] = text
            row.styles[x:end] = [self._cell] * len(text)
        else:
            row = self.rows[y] if 0 <= y < self.height else Row.blank(width)
            cell = self._cell
            for char, size in clusters(self._text(agreed(text))):
                if size == 0:
                    if 0 < x <= width and row.chars[x - 1]:
                        row.chars[x - 1] += char
                    continue
                if x + size <= width:
                    self._heal(row, x, x + size)
                    row.chars[x : x + size] = [char, *[""] * (size - 1)]
                    row.styles[x : x + size] = [cell] * size
                elif x < width:
                    self._heal(row, x, width)
                    row.chars[x:width] = [" "] * (width - x)
                    row.styles[x:width] = [cell] * (width - x)
                x += size
            self._x = x
        if 0 <= y < self.height:
            self.dirty.add(y)

    @staticmethod
    def _heal(row: Row, start: int, end: int) -> None:
        """Half of a wide character that is overwritten leaves a blank."""
        chars = row.chars
        if start < len(chars) and chars[start] == "" and start > 0:
            chars[start - 1] = " "
        if end < len(chars) and chars[end] == "":
            chars[end] = " "


@dataclass(frozen=True)
class Abilities:
    """What the terminal understands beyond VT100: CUP, CUF, CUD, EL, SGR 0 1 4 7."""

    #: ECMA-48 REP (CSI n b) repeats the character before: xterm, tmux, not the Linux console, not a VT220
    repeat: bool = False
    #: EL erases with the present background (xterm, tmux, Linux; not GNU screen)
    erase_coloured: bool = False
    #: SGR 22 24 27 39 49 take single attributes back: VT220 and later, Linux, xterm
    attributes_off: bool = False


@dataclass
class Painter:
    """What the terminal shows, and the bytes that bring a row up to date."""

    width: int
    height: int
    abilities: Abilities = field(default_factory=Abilities)
    encoding: Callable[[str], bytes] = str.encode

    def __post_init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Nothing is known of the terminal any more: the next paint starts with `clear()`."""
        self.front = [Row.blank(self.width) for _ in range(self.height)]
        self._at: tuple[int, int] | None = None
        self._style: Style | None = None

    def clear(self) -> bytes:
        """Erases the screen; afterwards every cell is a plain blank."""
        self.forget()
        self._style = PLAIN
        self._at = (0, 0)
        return b"\x1b[m\x1b[H\x1b[2J"

    def paint(self, y: int, want: Row) -> bytes:
        """The bytes that make row `y` show `want`; `front` has it afterwards."""
        have = self.front[y]
        if have.same(want):
            return b""
        out: list[str] = []
        width = self.width
        chars, styles, old_chars, old_styles = want.chars, want.styles, have.chars, have.styles
        differs = [
            a != b or s != t
            for a, b, s, t in zip(chars, old_chars, styles, old_styles, strict=True)
        ]  # fmt: skip
        # from here to the end of the line every cell is a blank of one erasable style
        tail = width
        tail_style = styles[-1]
        if self._erasable(tail_style):
            while tail > 0 and chars[tail - 1] == " " and styles[tail - 1] == tail_style:
                tail -= 1
        x = 0
        while x < width:
            if not differs[x]:
                x += 1
                continue
            if chars[x] == "":  # the second half of a wide character: write it whole
                x -= 1
            if x >= tail and sum(differs[x:]) > 3:
                self._move(out, y, x)
                self._dress(out, tail_style)
                out.append("\x1b[K")
                break
            end = self._run_end(differs, chars, styles, x, tail)
            self._move(out, y, x)
            self._text(out, chars, styles, x, end)
            wide = any(len(c) != 1 or not c.isascii() for c in chars[x:end])
            # after the last column a terminal may or may not hang on the line; after glyphs whose width terminals
            # disagree about nobody knows the column
            self._at = None if end >= width or (wide and not self._narrow(chars[x:end])) else (y, end)
            x = end
        self.front[y] = want.copy()
        return self.encoding("".join(out))

    @staticmethod
    def _narrow(chars: list[str]) -> bool:
        """Line drawing, blocks and Latin letters, whose width everybody agrees on."""
        return all(len(c) == 1 and (c < "\u0300" or "\u2500" <= c <= "\u259f") for c in chars)

    def _erasable(self, style: Style) -> bool:
        return style == PLAIN or (
            self.abilities.erase_coloured and not style.flags & (UNDERLINE | REVERSE | STRIKE | BLINK)
        )

    def _run_end(self, differs: list[bool], chars: list[str], styles: list[Style], x: int, tail: int) -> int:
        """Where writing from `x` pauses. A gap of unchanged cells of the same style that is cheaper to write again
        than to jump over (CUF is 4 bytes and more) is part of the run."""
        width = len(differs)
        end = x + 1
        while True:
            while end < width and (differs[end] or chars[end] == ""):
                if end >= tail and sum(differs[end:]) > 3:
                    return end
                end += 1
            gap = end
            while gap < width and gap - end < 4 and not differs[gap] and styles[gap] == styles[end - 1]:
                gap += 1
            if gap < width and gap > end and differs[gap] and gap - end < 4 and chars[gap] != "":
                end = gap
            else:
                return end

    def _move(self, out: list[str], y: int, x: int) -> None:
        if self._at == (y, x):
            return
        options = [f"\x1b[{y + 1 if y else ''};{x + 1}H" if x else (f"\x1b[{y + 1}H" if y else "\x1b[H")]
        if self._at is not None:
            at_y, at_x = self._at
            if at_y == y:
                if x > at_x:
                    options.append("\x1b[C" if x - at_x == 1 else f"\x1b[{x - at_x}C")
                elif at_x - x <= 4:
                    options.append("\b" * (at_x - x))
                if x == 0:
                    options.append("\r")
            elif y > at_y and y - at_y <= 4:
                down = "\n" * (y - at_y)
                if x == at_x:
                    options.append(down)
                if x == 0:
                    options.append("\r" + down)
        out.append(min(options, key=len))
        self._at = (y, x)

    def _dress(self, out: list[str], style: Style) -> None:
        if self._style != style:
            out.append(transition(self._style, style, self.abilities.attributes_off))
            self._style = style

    def _text(self, out: list[str], chars: list[str], styles: list[Style], x: int, end: int) -> None:
        start = x
        while start < end:
            style = styles[start]
            stop = start + 1
            while stop < end and styles[stop] == style:
                stop += 1
            self._dress(out, style)
            text = "".join(chars[start:stop])
            out.append(self._repeats(text) if self.abilities.repeat else text)
            start = stop

    @staticmethod
    def _repeats(text: str) -> str:
        return _RUN.sub(lambda m: f"{m[1]}\x1b[{len(m[0]) - 1}b", text)


#: tmux 3.3 repeats ASCII only
_RUN: Final = re.compile(r"([ -~])\1{6,}")


@lru_cache(maxsize=4096)
def transition(old: Style | None, new: Style, attributes_off: bool) -> str:
    """The shortest SGR sequence from one style to another; `old` None: unknown."""
    whole = [*_flag_codes(new.flags), *_colour_codes(new.fg, 30), *_colour_codes(new.bg, 40)]
    options = ["\x1b[" + (";".join(["0", *whole]) if whole else "") + "m"]
    if old is not None:
        gone = old.flags & ~new.flags
        lost = (old.fg is not None and new.fg is None) or (old.bg is not None and new.bg is None)
        if attributes_off or not (gone or lost):
            codes: list[str] = []
            added = new.flags & ~old.flags
            for code, bits in _OFF.items():
                if gone & bits:
                    codes.append(str(code))
                    added |= new.flags & bits
            codes += _flag_codes(added)
            if new.fg != old.fg:
                codes += _colour_codes(new.fg, 30) or ["39"]
            if new.bg != old.bg:
                codes += _colour_codes(new.bg, 40) or ["49"]
            options.append("\x1b[" + ";".join(codes) + "m")
    return min(options, key=len)


def _flag_codes(flags: int) -> list[str]:
    return [str(code) for code, bit in _ON.items() if flags & bit]


def _colour_codes(colour: Colour, base: int) -> list[str]:
    if colour is None:
        return []
    if isinstance(colour, tuple):
        return [str(base + 8), "2", *map(str, colour)]
    if colour < 8:
        return [str(base + colour)]
    if colour < 16:
        return [str(base + 60 + colour - 8)]
    return [str(base + 8), "5", str(colour)]
