"""Which terminal this is, and how to draw on it: its glyphs and its theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.dom import DOMNode


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs that screens draw with, each one cell wide (`more`: two).

    UNICODE holds only what the Linux kernel's own console font has (CP437); all else that is drawn is ASCII.
    """

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
    more: str = ".."


UNICODE = Glyphs(
    line="─",
    vertical="│",
    full="█",
    empty="░",
    cursor="►",
    ok="√",
    failed="x",
    warning="!",
    unknown="?",
    running="»",
    waiting="~",
    todo="·",
    degree="°",
)

ASCII = Glyphs(
    line="-",
    vertical="|",
    full="#",
    empty=".",
    cursor=">",
    ok="+",
    failed="x",
    warning="!",
    unknown="?",
    running="*",
    waiting="~",
    todo=".",
    degree=" ",
)


@dataclass(frozen=True, slots=True)
class Profile:
    """How to draw on this terminal. name: `ssh`, `hdmi` or `serial`, as `--console` takes it."""

    name: str
    glyphs: Glyphs


SSH = Profile("ssh", UNICODE)
HDMI = Profile("hdmi", UNICODE)
SERIAL = Profile("serial", ASCII)

PROFILES = {profile.name: profile for profile in (SSH, HDMI, SERIAL)}


def choose(wanted: str | None, term: str) -> Profile:
    """The profile of `--console`, else the one that TERM speaks for. Raises KeyError for a name that isn't one."""
    if wanted:
        return PROFILES[wanted]
    if term == "linux":
        return HDMI
    if term in {"", "dumb", "unknown", "ansi"} or term.startswith("vt"):
        return SERIAL
    return SSH


def glyphs(node: DOMNode) -> Glyphs:
    """The signs that the app of a widget draws with."""
    profile: Profile = getattr(node.app, "profile", SSH)
    return profile.glyphs
