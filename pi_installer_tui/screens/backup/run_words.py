"""Runs and times of backups as screens show them: signs, words, ages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.signs import moment, sign, span
from pi_installer_tui.tasks import words
from pi_installer_tui.widgets.lines import Cell, Prose, Tone
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.tasks.plan import Asked
    from pi_installer_tui.tasks.runs import Run

#: what was done, by the action's name
ACTIONS: Mapping[str, str] = {
    "run": N_("backup"),
    "verify": N_("verification"),
    "drill": N_("restore drill"),
    "keep": N_("retention"),
    "restore": N_("restoration"),
    "restore-database": N_("database restored"),
    "unlock": N_("unlocking"),
    "kit": N_("kit read back"),
    "clone": N_("disk cloned"),
}


def action(name: str) -> str:
    """What a run did."""
    return _(ACTIONS[name]) if name in ACTIONS else printable(name)


def asked(what: Asked | None) -> str:
    """What a job that still runs was asked for: `backup: home, usb`; "" where it is another."""
    if what is None or what.module != "backup":
        return ""
    about = [str(what.arguments[name]) for name in ("job", "place") if what.arguments.get(name)]
    return printable(f"{action(what.action)}: {', '.join(about)}" if about else action(what.action))


def age(seconds: float) -> str:
    """A length of time in its largest unit, short: `5 min`, `3 h`, `12 d`."""
    if seconds < 60:
        return _("now")
    if seconds < 3600:
        return _("{n} min").format(n=int(seconds // 60))
    if seconds < 2 * 86400:
        return _("{n} h").format(n=int(seconds // 3600))
    return _("{n} d").format(n=int(seconds // 86400))


def lasting(seconds: float) -> str:
    """How long something took, short: `35 s`, `5 min`, `3 h`."""
    return _("{n} s").format(n=int(max(0.0, seconds))) if seconds < 60 else age(seconds)


def ago(at: float, now: float) -> str:
    """How long ago, in words: `3 days ago`, `2 hours ago`, `just now`."""
    minutes = int(max(0.0, now - at) // 60)
    if minutes < 1:
        return _("just now")
    if minutes < 60:
        return ngettext("{n} minute ago", "{n} minutes ago", minutes).format(n=minutes)
    hours = minutes // 60
    if hours < 48:
        return ngettext("{n} hour ago", "{n} hours ago", hours).format(n=hours)
    return ngettext("{n} day ago", "{n} days ago", hours // 24).format(n=hours // 24)


def arguments(run: Run) -> Mapping[str, Any]:
    """What its action was told."""
    return run.arguments


def job_of(run: Run) -> str:
    """The job that a run belongs to, "" for none."""
    return str(arguments(run).get("job") or "")


def place_of(run: Run) -> str:
    """The place that a run had to do with, "" for none."""
    return str(arguments(run).get("place") or "")


def went_well(run: Run) -> bool:
    """Whether what it was for was done: a drill that proved nothing didn't go well, though it ended."""
    return run.outcome == "done" and run.reported.get("proven") is not False and not run.reported.get("errors")


def standing(run: Run, signs: Glyphs) -> Cell:
    """How a run ended, as a sign and a word."""
    if run.outcome == "done" and not went_well(run):
        word = _("damaged") if run.action == "verify" else _("differs")
        return Cell(f"{signs.failed} {word}", "bad")
    if run.outcome == "done" and run.reported.get("unread"):
        return Cell(f"{signs.warning} {_('not all')}", "warn")
    mark, tone = sign(run.outcome, signs)
    return Cell(f"{mark} {words.status(run.outcome)}", tone)


def size(value: object) -> str:
    """A count of bytes: `12 MB`, `-` where it isn't known."""
    return words.size(value) if isinstance(value, int) else "-"


def details(run: Run, now: float) -> list[Cell]:
    """All that is known of a run, in lines."""
    lasted = f", {span(run.ended - run.started)}" if run.ended else ""
    who = ", " + _("by {who}").format(who=printable(run.who)) if run.who else ""
    lines: list[Cell] = [Prose(f"{moment(run.started)} ({ago(run.started, now)}){lasted}{who}")]
    if run.reason:
        lines.append(Prose(printable(words.failure(run.reason, run.values)), "bad"))
    lines += [Prose(text, tone) for text, tone in reported(run.reported)]
    if run.reported.get("errors"):
        lines.append(Prose(_("What to do next stands on its job's screen: `u` on the overview, then Enter."), "warn"))
    return lines


def reported(found: Mapping[str, Any]) -> list[tuple[str, Tone]]:
    """What the steps of a run reported, in sentences."""
    lines: list[tuple[str, Tone]] = []
    if "files" in found and "size" in found:
        files = ngettext("{n} file", "{n} files", found["files"]).format(n=found["files"])
        lines.append((f"{files}, {size(found['size'])}", "plain"))
    if "new" in found:
        said = _("{new} new, {changed} changed, {same} as before; {added} were added to the repository")
        numbers = {name: found.get(name, 0) for name in ("new", "changed", "same")}
        lines.append((said.format(**numbers, added=size(found.get("added"))), "plain"))
    if found.get("unread"):
        count = found["unread"]
        lines.append(
            (ngettext("{n} file could not be read", "{n} files could not be read", count).format(n=count), "warn")
        )
    if "proven" in found:
        lines.append(_drill(found))
    if "errors" in found:
        count = found["errors"]
        if count:
            said = ngettext("{n} thing is damaged or missing", "{n} things are damaged or missing", count)
            lines.append((said.format(n=count), "bad"))
        else:
            share = found.get("share") or 0
            whole = _("the structure is whole")
            lines.append(
                (whole + (", " + _("{share} % of the data read again").format(share=share) if share else ""), "good")
            )
    if "removed" in found:
        count = found["removed"]
        went = ngettext("{n} snapshot went", "{n} snapshots went", count).format(n=count)
        said = _("{went}, {kept} stayed; {freed} were freed") if "freed" in found else _("{went}, {kept} stayed")
        lines.append((said.format(went=went, kept=found.get("kept", 0), freed=size(found.get("freed"))), "plain"))
    if found.get("snapshot"):
        lines.append((_("snapshot {id}").format(id=str(found["snapshot"])[:8]), "quiet"))
    return lines


def _drill(found: Mapping[str, Any]) -> tuple[str, Tone]:
    count, databases = found.get("files", 0), found.get("databases") or 0
    said = ngettext("{n} file came back and was compared", "{n} files came back and were compared", count)
    text = said.format(n=count)
    if databases:
        loaded = ngettext("{n} database was loaded", "{n} databases were loaded", databases).format(n=databases)
        text += f", {loaded}"
    if found.get("proven"):
        return text, "good"
    differ = found.get("differ") or 0
    return text + "; " + ngettext("{n} differs", "{n} differ", differ).format(n=differ), "bad"


def in_days(at: float, now: float | None = None) -> str:
    """When something will be: `in 5 h`; `now` where it is due."""
    left = at - (time.time() if now is None else now)
    return age(left) if left < 60 else _("in {span}").format(span=age(left))
