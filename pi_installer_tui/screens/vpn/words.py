"""The VPN in words: states with their signs, ages, rates, expiries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.lines import Cell, Tone

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.screens.vpn.seen import PeerSeen

#: days before its end that an expiry is warned of
SOON = 7


def standing(code: str, signs: Glyphs) -> Cell:
    """A peer's state as a sign and a word."""
    words: Mapping[str, tuple[str, str, Tone]] = {
        "connected": (signs.ok, _("connected"), "good"),
        "away": (signs.todo, _("away"), "plain"),
        "stale": (signs.waiting, _("long gone"), "warn"),
        "never": (signs.todo, _("never yet"), "quiet"),
        "paused": (signs.failed, _("paused"), "warn"),
        "expired": (signs.failed, _("expired"), "warn"),
        "down": (signs.failed, _("no tunnel"), "bad"),
        "unknown": (signs.unknown, _("unknown"), "warn"),
    }
    sign, word, tone = words[code]
    return Cell(f"{sign} {word}", tone)


def age(seconds: float | None) -> str:
    """How long ago, in the largest unit: `now` is within WireGuard's own three minutes, so that a table doesn't change
    with each look."""
    from pi_installer_tui.screens.vpn.seen import FRESH

    if seconds is None:
        return "-"
    if seconds < FRESH:
        return _("now")
    if seconds < 3600:
        return _("{n} min").format(n=int(seconds // 60))
    if seconds < 2 * 86_400:
        return _("{n} h").format(n=int(seconds // 3600))
    return _("{n} d").format(n=int(seconds // 86_400))


def rate(bytes_a_second: float) -> str:
    """`310 kB/s`; below 10 bytes a second, which is what a tunnel says by itself, nothing."""
    return f"{size(int(bytes_a_second))}/s" if bytes_a_second >= 10 else "-"


def expiry(days: int | None) -> Cell:
    """When a peer is cut off."""
    if days is None:
        return Cell("-", "quiet")
    if days < 0:
        return Cell(_("over"), "bad")
    said = _("today") if days == 0 else _("{n} d").format(n=days)
    return Cell(said, "warn" if days <= SOON else "plain")


def keeping(code: str) -> str:
    """What becomes of a private key, in words."""
    return {
        "forget": _("shown once, then forgotten"),
        "encrypted": _("kept under a passphrase"),
        "plain": _("kept, readable by root"),
    }.get(code, code)


def reach(code: str) -> str:
    """What a peer may reach."""
    return {
        "everything": _("everything: all of its traffic goes through here"),
        "lan": _("the networks that this machine is in"),
        "machine": _("this machine alone"),
    }.get(code, code)


def counted(found: list[PeerSeen]) -> str:
    """`7 peers, 3 connected`."""
    said = ngettext("{n} peer", "{n} peers", len(found)).format(n=len(found))
    inside = sum(1 for one in found if one.standing == "connected")
    return said + ", " + _("{n} connected").format(n=inside)
