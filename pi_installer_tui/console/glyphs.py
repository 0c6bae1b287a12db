"""Which glyphs a console can show, and what stands in for the others.

Everything on a screen is written in the richest form; `Glyphs` gives widgets the signs that suit the console (bars,
sparklines, ticks), and `translator` replaces, cell for cell, whatever else the console lacks: a name from outside, a
border of the toolkit.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Final, Literal

from rich.cells import get_character_cell_size

GlyphSet = Literal["utf8", "kernel", "lat15", "dec", "ascii"]

#: the Linux kernel's own 8x16 font (lib/fonts/font_8x16.c with drivers/tty/vt/cp437.uni): code page 437
_CP437: Final = (
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀"
    "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
)
#: Latin 1 and 9, and what Debian's Lat15 console fonts (console-setup, Terminus and Fixed) have besides
_LAT15: Final = (
    "".join(chr(n) for n in range(0xA1, 0x100))
    + "€ŠšŽžŒœŸ─│┌┐└┘├┤┬┴┼━┃┏┓┗┛┣┫┳┻╋═║╔╗╚╝╠╣╦╩╬╭╮╯╰░▒▓█←↑→↓•◆…–—‘’“”‚„†‡‰‹›™▲▼◀▶■●○✓✔"
)
#: DEC Special Graphics (VT220 Programmer Reference, table 2-4): the byte sent while it is shifted in
DEC: Final = {
    "◆": "`", "▒": "a", "°": "f", "±": "g", "┘": "j", "┐": "k", "┌": "l", "└": "m", "┼": "n", "─": "q", "├": "t",
    "┤": "u", "┴": "v", "┬": "w", "│": "x", "≤": "y", "≥": "z", "π": "{", "≠": "|", "£": "}", "·": "~",
}  # fmt: skip

SETS: Final[dict[str, frozenset[str]]] = {
    "kernel": frozenset(_CP437),
    "lat15": frozenset(_LAT15),
    "dec": frozenset(DEC),
    "ascii": frozenset(),
}

#: stand-ins, nearest first; each is tried until the console has it (ASCII always)
_STAND_INS: Final[dict[str, str]] = {
    **dict.fromkeys("━╌╍┄┅┈┉╴╶╸╺╼╾", "─-"),
    **dict.fromkeys("┃╎╏┆┇┊┋╵╷╹╻╽╿", "│|"),
    **dict.fromkeys("╭┏┍┎╒╓", "┌+"),
    **dict.fromkeys("╮┓┑┒╕╖", "┐+"),
    **dict.fromkeys("╰┗┕┖╘╙", "└+"),
    **dict.fromkeys("╯┛┙┚╛╜", "┘+"),
    **dict.fromkeys("┣┝┠╞╟", "├+"),
    **dict.fromkeys("┫┥┨╡╢", "┤+"),
    **dict.fromkeys("┳┯┰╤╥", "┬+"),
    **dict.fromkeys("┻┷┸╧╨", "┴+"),
    **dict.fromkeys("╋┿╂╪╫", "┼+"),
    "─": "-", "│": "|", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+",
    "═": "─=", "║": "│|", "╔": "┌+", "╗": "┐+", "╚": "└+", "╝": "┘+", "╠": "├+", "╣": "┤+", "╦": "┬+", "╩": "┴+",
    "╬": "┼+", "█": "▓#", "▓": "▒#", "▒": "░:", "░": ".", "■": "█#", "□": "o", "●": "•*", "○": "o", "•": "∙·*",
    "∙": "·.", "·": ".", "◆": "♦*", "▶": "►>", "►": "▶>", "◀": "◄<", "◄": "◀<", "▲": "^", "▼": "v", "▸": "►▶>",
    "▾": "▼v", "▴": "▲^", "→": ">", "←": "<", "↑": "^", "↓": "v", "↵": "<", "✓": "√+", "✔": "√+", "√": "✓+", "✗": "x",
    "✘": "x", "…": ".", "–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-", "‘": "'", "’": "'", "‚": ",", "“": '"',
    "”": '"', "„": '"', "«": "<", "»": ">", "‹": "<", "›": ">", "×": "x", "÷": "/", "€": "E", "£": "L", "°": "o",
    "µ": "u", "ß": "s", "æ": "a", "Æ": "A", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "ð": "d", "þ": "p",
    "œ": "o", "Œ": "O", "ı": "i", "±": "+", "≤": "<", "≥": ">", "≠": "#", "≈": "~", "∞": "8", "\u00a0": " ",
    **dict.fromkeys("▁▂▃▄▅▆▇", "▄_"), "▀": "▔\"", "▔": '"',
    **dict.fromkeys("▏▎▍▌", "▌|"), **dict.fromkeys("▕▐", "▐|"),
    **dict.fromkeys("▉▊▋", "█#"), **dict.fromkeys("▖▗▘▝▚▞", "░:"), **dict.fromkeys("▙▛▜▟", "▓#"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs that screens and widgets draw with, each one cell wide."""

    line: str
    vertical: str
    full: str
    empty: str
    cursor: str
    ok: str
    failed: str
    warning: str
    unknown: str
    running: str
    waiting: str
    todo: str
    degree: str
    ellipsis: str
    arrow: str
    up: str
    down: str
    #: a sparkline's or a column's levels, lowest first; the first is "nothing"
    levels: str
    #: whether ▀ ▄ █ are there: two modules of a QR code in one cell
    half_blocks: bool

    @property
    def more(self) -> str:
        """What stands for text that was cut off."""
        return self.ellipsis if self.ellipsis != "." else ".."


_ASCII: Final = Glyphs(
    "-", "|", "#", ".", ">", "+", "x", "!", "?", "*", "~", ".", " ", ".", ">", "^", "v", " .-=#", half_blocks=False
)  # fmt: skip

GLYPHS: Final[dict[GlyphSet, Glyphs]] = {
    "utf8": Glyphs(
        "─", "│", "█", "░", "►", "√", "x", "!", "?", "»", "~", "·", "°", "…", "→", "↑", "↓", " ▁▂▃▄▅▆▇█",
        half_blocks=True,
    ),
    "kernel": Glyphs(
        "─", "│", "█", "░", "►", "√", "x", "!", "?", "»", "~", "·", "°", ".", "→", "↑", "↓", " ░▒▓█", half_blocks=True
    ),
    "lat15": Glyphs(
        "─", "│", "█", "░", ">", "+", "x", "!", "?", "»", "~", "·", "°", "…", "→", "↑", "↓", " ░▒▓█", half_blocks=False
    ),
    "dec": replace(_ASCII, line="─", vertical="│", full="▒", empty="·", todo="·", degree="°"),
    "ascii": _ASCII,
}  # fmt: skip


def signs(glyph_set: GlyphSet, font: frozenset[str] | None = None) -> Glyphs:
    """The signs of a set, those that the console's font lacks in ASCII."""
    rich = GLYPHS[glyph_set]
    if font is None or glyph_set == "utf8":
        return rich
    found: dict[str, str | bool] = {}
    for part in fields(Glyphs):
        sign = getattr(rich, part.name)
        if isinstance(sign, str):
            there = all(" " <= char <= "~" or char in font for char in sign)
            found[part.name] = sign if there else getattr(_ASCII, part.name)
    return replace(rich, half_blocks={"▀", "▄", "█"} <= font, **found)  # type: ignore[arg-type]


def translator(glyphs: GlyphSet, font: frozenset[str] | None = None) -> Callable[[str], str]:
    """A function that replaces what the console can't show; every character keeps its width in cells.

    font: the characters of the console's own font, where the kernel told (GIO_UNIMAP); it outranks the set's list.
    """
    if glyphs == "utf8":
        return _printable
    has = font if font is not None else SETS[glyphs]

    @lru_cache(maxsize=4096)
    def one(char: str) -> str:
        if char in has or " " <= char <= "~":
            return char
        for instead in _STAND_INS.get(char, ""):
            if instead in has or instead.isascii():
                return instead
        size = get_character_cell_size(char)
        if size != 1:
            return "?" * size
        base = unicodedata.normalize("NFKD", char)[:1]
        return base if " " <= base <= "~" else "?"

    return lambda text: text if text.isascii() else "".join(map(one, text))


def _printable(text: str) -> str:
    """Even a UTF-8 terminal gets no C1 control and no bidirectional or other format character (Cc, Cf, Cs, Co)."""
    if text.isascii() or text.isprintable():
        return text
    return "".join(c if c.isprintable() else "?" * get_character_cell_size(c) for c in text)
