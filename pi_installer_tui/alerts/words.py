"""An alert in words: title and text of a message, from the facts that are kept. Command line and screens say it
likewise."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.metrics import names

SEVERITIES = {"info": N_("info"), "warning": N_("warning"), "critical": N_("critical")}


def title(facts: Mapping[str, Any]) -> str:
    """One line, with the machine's name: `attic: warning: /srv: space in use 96 %`."""
    kind = facts["kind"]
    if kind == "test":
        return _("{host}: this is a test").format(host=facts["host"])
    what = said(facts)
    if kind == "recovered":
        return _("{host}: over: {what}").format(host=facts["host"], what=subject(facts))
    if kind == "repeated":
        return _("{host}: still {severity}: {what}").format(
            host=facts["host"], severity=severity(facts["severity"]), what=what
        )
    return _("{host}: {severity}: {what}").format(host=facts["host"], severity=severity(facts["severity"]), what=what)


def text(facts: Mapping[str, Any]) -> str:
    """What it is about in a few lines: what was found, since when, which rule says so."""
    if facts["kind"] == "test":
        return _("Messages of pi-installer-tui arrive here. Nothing is wrong.")
    lines = [said(facts)]
    if facts["kind"] == "recovered":
        lines = [_("{what} is as it should be again.").format(what=subject(facts)), said(facts)]
    if facts["detail"] and facts["kind"] != "recovered":
        lines.append(str(facts["detail"]))
    lines.append(_("since {time}").format(time=when(facts["fired"])))
    if facts["kind"] == "recovered":
        lines.append(_("until {time}").format(time=when(facts["at"])))
    lines.append(_("rule {name}").format(name=facts["rule"]))
    return "\n".join(lines) + "\n"


def severity(name: str) -> str:
    """A severity in words."""
    return _(SEVERITIES[name])


def subject(facts: Mapping[str, Any]) -> str:
    """What it is about: `/srv: space in use`, `nginx.service`."""
    of, what = str(facts["of"]), facts["what"]
    if what == "metric":
        try:
            kind = names.kind(of)
        except KeyError:
            return of
        _family, place, _field = names.parts(of)
        return f"{place}: {_(kind.title)}" if place else _(kind.title)
    if what == "certificate":
        return _("certificate {of}").format(of=of)
    if what == "updates":
        return _("security updates")
    if what == "log":
        return _("log lines of the rule {name}").format(name=facts["rule"])
    return of


def said(facts: Mapping[str, Any]) -> str:
    """What was found: `/srv: space in use 96 %`, `nginx.service: failed`."""
    of, what, value = str(facts["of"]), facts["what"], facts["value"]
    if value is None:
        return _("{what}: unknown").format(what=subject(facts))
    if what == "metric":
        try:
            kind = names.kind(of)
        except KeyError:
            return f"{of} {number(value, '')}"
        if kind.flag:
            return (
                _("{what}: yes").format(what=subject(facts)) if value else _("{what}: no").format(what=subject(facts))
            )
        return f"{subject(facts)} {number(value, kind.unit)}"
    if what == "service":
        return _("{of} doesn't run").format(of=of) if value else _("{of} is as it should be").format(of=of)
    if what == "reach":
        return _("{of} doesn't answer").format(of=of) if value else _("{of} answers").format(of=of)
    count = int(value)
    if what == "certificate":
        if value < 0:
            return _("{what} has ended").format(what=subject(facts))
        return ngettext("{what} ends in {n} day", "{what} ends in {n} days", count).format(what=subject(facts), n=count)
    if what == "updates":
        return ngettext("{n} security update is pending", "{n} security updates are pending", count).format(n=count)
    return ngettext("{n} line of {of} matches", "{n} lines of {of} match", count).format(n=count, of=of)


def number(value: float, unit: str) -> str:
    """A value with its unit: `96 %`, `1.5 GiB`, `81.2 °C`, `26 h`."""
    if unit in ("B", "B/s"):
        size, prefixes = value, ["", "Ki", "Mi", "Gi", "Ti"]
        while abs(size) >= 1024 and len(prefixes) > 1:
            size /= 1024
            prefixes.pop(0)
        shown = f"{size:.0f}" if not prefixes[0] else f"{size:.1f}"
        return f"{shown} {prefixes[0]}{unit}"
    if unit == "s":
        for seconds, longer in ((86400, "d"), (3600, "h"), (60, "min")):
            if value >= 2 * seconds:
                return f"{value // seconds:.0f} {longer}"
    shown = f"{value:.1f}".removesuffix(".0") if abs(value) < 1000 else f"{value:.0f}"
    return f"{shown} {unit}".strip()


def when(at: float) -> str:
    """A time of this machine's clock: `2026-11-27 16:15`."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
