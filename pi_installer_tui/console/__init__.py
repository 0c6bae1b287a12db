"""Which terminal this is, and how to draw on it: its profile, its glyphs, its theme, its driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi_installer_tui.console.glyphs import Glyphs
from pi_installer_tui.console.profile import Profile, Terminal, detect

if TYPE_CHECKING:
    from textual.dom import DOMNode

__all__ = ["SSH", "Glyphs", "Profile", "Terminal", "detect", "glyphs"]

#: where nothing is known: a terminal emulator with UTF-8
SSH = detect({"TERM": "xterm-256color"}, Terminal(utf8=True))


def glyphs(node: DOMNode) -> Glyphs:
    """The signs that the app of a widget draws with."""
    profile: Profile = getattr(node.app, "profile", SSH)
    return profile.glyphs
