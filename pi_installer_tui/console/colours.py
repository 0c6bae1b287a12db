"""From the colours a screen is drawn in to those the console has."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from rich.color import Color, ColorSystem, ColorType

from pi_installer_tui.console.cells import BOLD, DIM, REVERSE, STRIKE, UNDERLINE, Colour, Style
from pi_installer_tui.console.profile import Colours

_SYSTEM = {"256": ColorSystem.EIGHT_BIT, "16": ColorSystem.STANDARD, "8": ColorSystem.STANDARD}


def mapper(colours: Colours) -> Callable[[Style], Style]:
    """A function from the styles that are drawn to styles of the console. Text never gets its background's colour
    unless it was drawn so."""
    if colours == "true":
        return _same
    if colours == "none":
        return _mono
    return _sixteen if colours == "16" else _eight if colours == "8" else _palette


def _same(style: Style) -> Style:
    return style


@lru_cache(maxsize=4096)
def _palette(style: Style) -> Style:
    return style._replace(fg=_down(style.fg, "256"), bg=_down(style.bg, "256"))


@lru_cache(maxsize=4096)
def _sixteen(style: Style) -> Style:
    fg, bg = _down(style.fg, "16"), _down(style.bg, "16")
    if fg == bg and style.fg != style.bg:
        fg = 0 if _light(style.bg) else 15
    return style._replace(fg=fg, bg=bg, flags=style.flags & (BOLD | UNDERLINE | REVERSE))


@lru_cache(maxsize=4096)
def _eight(style: Style) -> Style:
    fg, bg, flags = _sixteen(style)
    if isinstance(fg, int) and fg >= 8:
        fg, flags = fg - 8, flags | BOLD
    if isinstance(bg, int) and bg >= 8:
        bg -= 8
    if fg == bg and style.fg != style.bg:
        fg = 0 if _light(style.bg) else 7
    return Style(fg, bg, flags)


@lru_cache(maxsize=4096)
def _mono(style: Style) -> Style:
    """A light background, or light text's colour as a background, is reverse video; bright is bold."""
    flags = style.flags & (BOLD | UNDERLINE)
    if bool(style.flags & REVERSE) != _light(style.bg):
        flags |= REVERSE
    if style.flags & STRIKE:
        flags |= UNDERLINE
    if style.flags & DIM:
        flags &= ~BOLD
    return Style(None, None, flags)


def _down(colour: Colour, to: str) -> Colour:
    if colour is None or (isinstance(colour, int) and (to == "256" or colour < 16)):
        return colour
    rich = Color("", ColorType.EIGHT_BIT, number=colour) if isinstance(colour, int) else Color.from_rgb(*colour)
    return rich.downgrade(_SYSTEM[to]).number


def _light(colour: Colour) -> bool:
    """Whether a background stands out from a dark terminal's own."""
    if colour is None:
        return False
    if isinstance(colour, int):
        if colour < 16:
            return colour not in (0, 8)
        red, green, blue = Color("", ColorType.EIGHT_BIT, number=colour).get_truecolor()
    else:
        red, green, blue = colour
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 72
