"""Statuses as signs, and times and counts as people read them. The words for events are in tasks/words.py."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _, ngettext

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.widgets.lines import Tone


def span(seconds: float) -> str:
    """A length of time: `35 s`, `4 min`, `2 h 5 min`, `3 d 4 h`."""
    whole = int(seconds)
    if whole < 60:
        return _("{n} s").format(n=whole)
    minutes = whole // 60
    if minutes < 60:
        return _("{n} min").format(n=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return _("{h} h {m} min").format(h=hours, m=minutes)
    return _("{d} d {h} h").format(d=hours // 24, h=hours % 24)


def moment(at: float) -> str:
    """A time, local: `2026-11-23 14:02`."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else ""


def clock(at: float) -> str:
    """A time of today: `14:02:11`."""
    return time.strftime("%H:%M:%S", time.localtime(at)) if at else ""


def sign(code: str, signs: Glyphs) -> tuple[str, Tone]:
    """The sign and the tone of a job's, a step's or a check's status."""
    match code:
        case "done" | "ok" | "confirmed":
            return signs.ok, "good"
        case "nothing":
            return signs.ok, "quiet"
        case "failed":
            return signs.failed, "bad"
        case "running":
            return signs.running, "key"
        case "waiting" | "queued":
            return signs.waiting, "warn"
        case "interrupted" | "stale" | "cancelled" | "reverted":
            return signs.warning, "warn"
        case "unknown":
            return signs.unknown, "warn"
        case _:
            return signs.todo, "quiet"


def step_status(code: str) -> str:
    """A step's status."""
    return {
        "todo": _("to do"),
        "running": _("running"),
        "done": _("done"),
        "nothing": _("was so"),
        "failed": _("failed"),
        "skipped": _("not run"),
        "reverted": _("taken back"),
        "confirmed": _("confirmed"),
    }.get(code, code)


def steps_of(done: int, count: int) -> str:
    """`3 of 7 steps`."""
    return ngettext("{done} of {count} step", "{done} of {count} steps", count).format(done=done, count=count)
