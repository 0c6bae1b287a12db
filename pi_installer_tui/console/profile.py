"""Which console the owner sits at, and what it can show: decided once, before Textual is imported.

`detect` is pure: it looks at an environment and at what is known of the terminal (`Terminal`, gathered by probe.py).
What it decides can be overridden: `--console serial,glyphs=dec,baud=9600`, PI_INSTALLER_TUI_CONSOLE in the same words,
a line in /etc/pi-installer-tui/console.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final, Literal, get_args

from pi_installer_tui.console.cells import Abilities
from pi_installer_tui.console.glyphs import Glyphs, GlyphSet, signs
from pi_installer_tui.i18n import _

Name = Literal["hdmi", "ssh", "serial"]
Colours = Literal["true", "256", "16", "8", "none"]

ENVIRONMENT: Final = "PI_INSTALLER_TUI_CONSOLE"
#: an administrator's own choice for a terminal, see `setting`
SETTINGS: Final = "/etc/pi-installer-tui/console"
_SERIAL_TTY: Final = re.compile(r"^/dev/(tty(S|AMA|USB|ACM|GS|O|mxc|PS|SAC|HS|THS|LP)\d+|serial\d+|hvc\d+|xvc\d+)$")
_VIRTUAL_TTY: Final = re.compile(r"^/dev/(tty\d+|console)$")
_SPEEDS: Final = range(300, 4_000_001)


@dataclass(frozen=True, slots=True)
class Terminal:
    """What is known of the terminal itself.

    tty: its device. speed: bits a second that termios says, None where that means nothing (a pty). size: columns and
    rows that it reported to us, None where it didn't. utf8: whether it took a multibyte character as one, None where
    it didn't answer. font: the characters that the kernel console's font has.
    """

    tty: str = ""
    speed: int | None = None
    size: tuple[int, int] | None = None
    utf8: bool | None = None
    font: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """How to draw on a console.

    baud: bits a second to pace the output to, None: as fast as the terminal reads. fps: frames a second at the most.
    tick: seconds between refreshes of live values. escape: seconds after which a lone Esc is the key.
    """

    name: Name
    term: str
    colours: Colours
    glyph_set: GlyphSet
    baud: int | None = None
    fps: int = 30
    tick: float = 2.0
    escape: float = 0.1
    mouse: bool = False
    alternate_screen: bool = False
    bracketed_paste: bool = False
    abilities: Abilities = field(default_factory=Abilities)
    font: frozenset[str] | None = None
    #: columns and rows, where the terminal was asked; None: what the kernel says
    size: tuple[int, int] | None = None

    @property
    def glyphs(self) -> Glyphs:
        """The signs that screens and widgets draw with."""
        return signs(self.glyph_set, self.font)

    def __str__(self) -> str:
        counts = {"true": _("true colour"), "none": _("no colour")}
        said = [counts.get(self.colours) or _("{count} colours").format(count=self.colours), self.glyph_set]
        if self.baud:
            said.append(_("{baud} baud").format(baud=self.baud))
        return f"{self.name}: " + ", ".join(said)


class ProfileError(ValueError):
    """An override that isn't understood."""


def detect(environment: Mapping[str, str], terminal: Terminal, wish: str = "") -> Profile:
    """The profile for a terminal. `wish` outranks the environment variable, which outranks what is detected.

    Raises ProfileError for a wish that isn't understood.
    """
    _name_of, overrides = parse_wish(wish or environment.get(ENVIRONMENT, ""))
    term = environment.get("TERM", "").lower()
    profile = _base(kind(environment, terminal.tty, wish), term, environment, terminal)
    if environment.get("NO_COLOR"):
        profile = replace(profile, colours="none")
    if overrides.get("glyph_set", profile.glyph_set) != profile.glyph_set:
        overrides["font"] = None
    return replace(profile, **overrides)  # type: ignore[arg-type]


def kind(environment: Mapping[str, str], tty: str, wish: str = "") -> Name:
    """Only the name of the profile."""
    name, _overrides = parse_wish(wish or environment.get(ENVIRONMENT, ""))
    return name or _name(environment.get("TERM", "").lower(), tty)


def setting(text: str, tty: str) -> str:
    """The wish for a terminal in the text of the settings file, "" where there is none. A line is a pattern of devices
    and a wish, `/dev/ttyS* serial,baud=9600`; the first that fits counts; # begins a comment."""
    for line in text.splitlines():
        pattern, _blank, wish = line.partition("#")[0].strip().partition(" ")
        if wish and fnmatchcase(tty, pattern):
            return wish.strip()
    return ""


def parse_wish(wish: str) -> tuple[Name | None, dict[str, object]]:
    """`serial,colours=8,glyphs=dec,baud=9600,size=80x24`; each part may be left out. Raises ProfileError."""
    name: Name | None = None
    overrides: dict[str, object] = {}
    for part in filter(None, wish.strip().split(",")):
        key, eq, value = part.partition("=")
        if not eq and key in get_args(Name):
            name = key  # type: ignore[assignment]
        elif key == "colours" and value in get_args(Colours):
            overrides["colours"] = value
        elif key == "glyphs" and value in get_args(GlyphSet):
            overrides["glyph_set"] = value
        elif key == "baud" and value.isascii() and value.isdigit() and len(value) < 8 and int(value) in _SPEEDS:
            overrides["baud"] = int(value)
        elif key == "baud" and value == "none":
            overrides["baud"] = None
        elif key == "size" and (m := re.fullmatch(r"(\d{1,3})x(\d{1,3})", value)) and int(m[1]) and int(m[2]):
            overrides["size"] = (int(m[1]), int(m[2]))
        else:
            raise ProfileError(
                f"{part[:40]!r} is no console: hdmi, ssh or serial, then colours=true|256|16|8|none, "
                "glyphs=utf8|kernel|lat15|dec|ascii, baud=9600, size=80x24, separated by commas"
            )
    return name, overrides


def _name(term: str, tty: str) -> Name:
    if _SERIAL_TTY.match(tty):
        return "serial"
    if _VIRTUAL_TTY.match(tty) or term == "linux":
        return "hdmi"
    if term in ("", "dumb", "unknown", "ansi", "network", "dialup") or re.match(r"vt\d", term):
        return "serial"
    return "ssh"


def _base(name: Name, term: str, environment: Mapping[str, str], terminal: Terminal) -> Profile:
    linux = Abilities(erase_coloured=True, attributes_off=True)
    if name == "hdmi":
        # what comes over the wire of an ssh started on a console can't be asked for its font: the kernel's then
        return Profile(
            "hdmi", term, "16", "kernel", fps=20, abilities=linux, font=terminal.font, size=terminal.size
        )  # fmt: skip
    if name == "serial":
        colours: Colours = "16" if term == "linux" else "none"
        modern = bool(re.match(r"vt[2-5]\d\d", term)) or term == "linux"
        return Profile(
            "serial", term, colours, "ascii", baud=_baud(terminal), fps=10, tick=5.0, escape=0.4,
            abilities=linux if term == "linux" else Abilities(attributes_off=modern),
            size=terminal.size or (80, 24),
        )  # fmt: skip
    screen = term.startswith("screen")
    return Profile(
        "ssh", term, _colours(term, environment), "utf8" if terminal.utf8 else "ascii", mouse=True,
        alternate_screen=True, bracketed_paste=True,
        abilities=Abilities(
            repeat=term.startswith(("xterm", "tmux", "foot", "alacritty", "kitty")),
            erase_coloured=not screen, attributes_off=True,
        ),
    )  # fmt: skip


def _baud(terminal: Terminal) -> int:
    """What the line does; 115200 for one that can't tell (a console server, a pty)."""
    return terminal.speed if terminal.speed and _SERIAL_TTY.match(terminal.tty) else 115_200


def _colours(term: str, environment: Mapping[str, str]) -> Colours:
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit") or "direct" in term:
        return "true"
    if "256" in term or term.startswith(("xterm", "tmux", "alacritty", "kitty", "foot")):
        return "256"
    return "16" if term.startswith(("screen", "rxvt", "putty", "cygwin", "konsole")) else "8"
