"""A service's and a container's state in words: a sign and a word for the list, sentences for the detail."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.signs import clock, moment, span
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.lines import Cell, Prose, Tone
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.system.containers import Container, Usage
    from pi_installer_tui.system.reading import Reading
    from pi_installer_tui.system.services import LogLine, Service

_DAY = 86400

#: systemd.service(5) and org.freedesktop.systemd1(5), Result
_RESULTS: Mapping[str, str] = {
    "protocol": N_("it didn't report as systemd was told that it would (Type=)"),
    "timeout": N_("it took too long to start or to stop"),
    "exit-code": N_("its program ended with an error"),
    "signal": N_("its program was ended by a signal"),
    "core-dump": N_("its program crashed and left a core dump"),
    "watchdog": N_("it stopped giving signs of life, and was ended"),
    "exec-condition": N_("a condition that it has itself (ExecCondition=) wasn't met"),
    "oom-kill": N_("the kernel ended it because memory had run out"),
    "resources": N_("systemd lacked something that it needs: a file, a permission, memory"),
    "start-limit-hit": N_("it failed too often in a short time: systemd doesn't try again"),
    "condition": N_("a condition wasn't met"),
    "assert": N_("something that it asserts (Assert...=) isn't so"),
}

#: statuses with which systemd ends what it couldn't start (systemd.exec(5), Process Exit Codes), and the shell's
_STATUSES: Mapping[int, str] = {
    126: N_("a program in it may not be run"),
    127: N_("a program in it wasn't found"),
    200: N_("its folder (WorkingDirectory=) can't be entered"),
    202: N_("a file can't be handed to it"),
    203: N_("its program isn't there or can't be run"),
    206: N_("its user's limits can't be set"),
    209: N_("where its output goes (StandardOutput=) can't be opened"),
    214: N_("its priority or its scheduling isn't possible here"),
    216: N_("its group (Group=) isn't there"),
    217: N_("its user (User=) isn't there"),
    219: N_("its control group can't be set up"),
    226: N_("its view of the files can't be set up: a folder that it names is missing"),
    228: N_("its filter of system calls can't be set"),
    233: N_("its folder below /run can't be made"),
    238: N_("its folder below /var/lib can't be made"),
    239: N_("its folder below /var/cache can't be made"),
    240: N_("its folder below /var/log can't be made"),
    243: N_("a credential that it needs is missing"),
}

_SWITCH: Mapping[str, str] = {
    "enabled": N_("it starts with the machine"),
    "enabled-runtime": N_("it is enabled until the next start"),
    "disabled": N_("it doesn't start with the machine"),
    "static": N_("others start it when they need it"),
    "indirect": N_("what it comes with is enabled or not"),
    "generated": N_("it was made at this start out of another file"),
    "transient": N_("a program made it while the machine runs"),
    "masked": N_("it is masked: nothing can start it"),
    "masked-runtime": N_("it is masked until the next start"),
    "linked": N_("its file is only linked"),
    "alias": N_("it is another unit's name"),
    "bad": N_("its file can't be read by systemd"),
}

_CONTAINER: Mapping[str, tuple[str, Tone]] = {
    "running": (N_("running"), "good"),
    "restarting": (N_("restarting"), "bad"),
    "dead": (N_("dead"), "bad"),
    "paused": (N_("paused"), "warn"),
    "created": (N_("created"), "quiet"),
    "exited": (N_("ended"), "quiet"),
}


def state(unit: Service, signs: Glyphs) -> Cell:
    """A service's state as a sign and a word."""
    if unit.restarting:
        return Cell(f"{signs.failed} {_('restarts')}", "bad")
    match unit.active:
        case "failed":
            return Cell(f"{signs.failed} {_('failed')}", "bad")
        case "active" if unit.sub == "exited":
            return Cell(f"{signs.ok} {_('done')}", "good")
        case "active":
            return Cell(f"{signs.ok} {_('running')}", "good")
        case "reloading" | "refreshing":
            return Cell(f"{signs.running} {_('reloads')}", "key")
        case "activating":
            return Cell(f"{signs.running} {_('starts')}", "key")
        case "deactivating":
            return Cell(f"{signs.running} {_('stops')}", "key")
        case "inactive" if unit.load == "masked":
            return Cell(f"{signs.todo} {_('masked')}", "quiet")
        case "inactive":
            return Cell(f"{signs.todo} {_('stopped')}", "quiet")
        case other:
            return Cell(f"{signs.unknown} {other}", "warn")


def container_state(one: Container, signs: Glyphs) -> Cell:
    """A container's state as a sign and a word."""
    word, tone = _CONTAINER.get(one.state, (one.state, "warn"))
    if one.troubled:
        word = _("ill") if "(unhealthy)" in one.status else _("failed") if one.state == "exited" else _(word)
        return Cell(f"{signs.failed} {word}", "bad")
    sign = {"good": signs.ok, "quiet": signs.todo}.get(tone, signs.unknown)
    return Cell(f"{sign} {_(word)}", tone)


def why(unit: Service) -> str:
    """Why a service's last run ended badly, "" where it didn't."""
    if unit.load in ("error", "bad-setting"):
        return _("its file can't be read by systemd")
    if unit.result == "success":
        return ""
    said = _(_RESULTS[unit.result]) if unit.result in _RESULTS else unit.result
    if unit.code == "exited" and unit.status:
        said += ", " + _("status {status}").format(status=unit.status)
        if unit.status in _STATUSES:
            said += f": {_(_STATUSES[unit.status])}"
    elif unit.code in ("killed", "dumped") and unit.status:
        said += ", " + _signal(unit.status)
    return said


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return _("signal {number}").format(number=number)


def detail(unit: Service, now: float, signs: Glyphs, warnings: tuple[str, ...]) -> Iterator[Cell]:
    """All that is known of a service, but for its log. now: seconds since 1970; warnings: what stopping it does."""
    shown = state(unit, signs)
    said = [shown.text]
    if unit.since is not None:
        said.append(_("since {when}, {span}").format(when=moment(unit.since), span=span(max(0.0, now - unit.since))))
    if unit.pid:
        said.append(_("process {pid}").format(pid=unit.pid))
    if unit.memory is not None and unit.runs:
        told = _("{size} in its main process") if unit.main_only else "{size}"
        said.append(told.format(size=size(unit.memory)))
    yield Prose(", ".join(said), shown.tone)
    if reason := why(unit):
        yield Prose(_("Why: {reason}").format(reason=reason), "bad" if unit.failed else "plain")
    if unit.restarts:
        text = ngettext(
            "systemd started it again once by itself.", "systemd started it again {n} times by itself.", unit.restarts
        )
        yield Prose(text.format(n=unit.restarts), "warn")
    said = [_(_SWITCH.get(unit.enabled, unit.enabled)) or _("it has no file")]
    if unit.triggered_by:
        said.append(_("started by {units}").format(units=", ".join(unit.triggered_by)))
    if needs := [name for name in unit.requires if not name.endswith((".slice", ".target", ".mount"))]:
        said.append(_("needs {units}").format(units=", ".join(needs)))
    if unit.takes_along:
        said.append(_("stopped with it: {units}").format(units=", ".join(unit.takes_along)))
    yield Prose(_("At boot: {switch}").format(switch="; ".join(map(printable, said))))
    if unit.stale:
        yield Prose(_("Its file has changed since systemd read it."), "warn")
    for text in warnings:
        yield Prose(f"{signs.warning} {_('Stopping it:')} {printable(text)}", "warn")


def log_lines(found: Reading[tuple[LogLine, ...]], now: float) -> Iterator[Cell]:
    """The last lines of a log; who wrote them is said where that isn't clear."""
    if not isinstance(found, Known):
        yield Prose(found.reason if isinstance(found, Unknown) else "", "warn")
        return
    if not found.value:
        yield Cell(_("The journal has no line of it."), "quiet")
    for line in found.value:
        when = clock(line.at) if abs(now - line.at) < _DAY else moment(line.at)
        tone: Tone = "bad" if line.priority <= 3 else "warn" if line.priority == 4 else "plain"
        yield Prose(printable(f"{when} {line.source}: {line.text}"), tone)


def container_detail(one: Container, used: Reading[Usage] | None, signs: Glyphs) -> Iterator[Cell]:
    """All that is known of a container. used: None while it is asked."""
    shown = container_state(one, signs)
    yield Prose(f"{shown.text}, {printable(one.status)}" if one.status else shown.text, shown.tone)
    yield Prose(_("Image: {image}").format(image=printable(one.image)))
    if one.ports:
        yield Prose(_("Published: {ports}").format(ports=printable(one.ports)))
    if used is None and one.state == "running":
        yield Cell(_("Asking what it takes ..."), "quiet")
    elif isinstance(used, Known):
        text = _("Takes {cpu} of a processor and {memory} of memory.")
        if not used.value.memory:
            text = _("Takes {cpu} of a processor; its memory isn't counted here.")
        yield Prose(text.format(cpu=printable(used.value.cpu), memory=printable(used.value.memory)))
    elif isinstance(used, Unknown):
        yield Prose(used.reason, "warn")
    yield Cell(f"{one.engine} {one.id[:12]}", "quiet")
