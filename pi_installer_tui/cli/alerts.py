"""The verb `alerts`: what fires, what fired, who has seen it, and a test of a channel."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pi_installer_tui.alerts import config, history, outbox, words
from pi_installer_tui.cli import documents
from pi_installer_tui.cli.printing import Printer, print_json
from pi_installer_tui.cli.status import Exit, Stop
from pi_installer_tui.i18n import _
from pi_installer_tui.metrics.places import FOLDER
from pi_installer_tui.system.caller import caller

if TYPE_CHECKING:
    from pi_installer_tui.cli.machine import Machine

_STYLES = {"critical": "bad", "warning": "warn", "info": ""}


async def alerts(args: Namespace, machine: Machine) -> int:
    """All of them: without a further word those that fire."""
    try:
        match args.alerts_verb:
            case "ack":
                return _acknowledge(args, _folder(machine))
            case "test":
                return await _test(args, machine)
            case "history":
                return _list(args, history.alerts(_folder(machine)))
            case _:
                return _list(args, history.alerts(_folder(machine), firing=True))
    except ValueError as error:
        raise Stop(Exit.FAILED, str(error)) from None


def _folder(machine: Machine) -> Path:
    root = Path(machine.host.address, "root" if machine.host.kind == "demo" else "")
    return root / str(FOLDER).lstrip("/")


def _list(args: Namespace, found: Sequence[history.Alert]) -> int:
    if args.json:
        print_json(documents.document(alerts=[document(alert) for alert in found]))
        return Exit.DONE
    printer = Printer()
    if not found:
        printer.line(_("No alert yet.") if args.alerts_verb == "history" else _("No alert fires."))
    for alert in found:
        _one(printer, alert)
    return Exit.DONE


def document(alert: history.Alert) -> dict[str, Any]:
    """An alert for programs."""
    return {**asdict(alert), "firing": alert.firing}


def _one(printer: Printer, alert: history.Alert) -> None:
    said = words.said(asdict(alert))
    style = _STYLES[alert.severity] if alert.firing else "faint"
    printer.line(f"{alert.id:>5}  {words.when(alert.fired)}  {words.severity(alert.severity):8}  {said}", style)
    notes = [_("rule {name}").format(name=alert.rule)]
    if alert.ended is not None:
        ending = _("over {time}") if alert.ending == "recovered" else _("its rule was taken away {time}")
        notes.append(ending.format(time=words.when(alert.ended)))
    if alert.acknowledged is not None:
        seen = _("{who} has seen it {time}").format(who=alert.acknowledged_by, time=words.when(alert.acknowledged))
        notes.append(f"{seen}: {alert.note}" if alert.note else seen)
    for sending in alert.sendings:
        if sending.given_up is not None:
            notes.append(_("{channel}: given up: {said}").format(channel=sending.channel, said=sending.said))
        elif sending.sent is None:
            waits = _("{channel}: waits, tried {n} times: {said}") if sending.tries else _("{channel}: waits")
            notes.append(waits.format(channel=sending.channel, n=sending.tries, said=sending.said))
    printer.sentence("; ".join(notes), " " * 7)
    if alert.detail:
        printer.sentence(alert.detail, " " * 7, style="faint")


def _acknowledge(args: Namespace, folder: Path) -> int:
    if not history.acknowledge(args.alert, caller(), args.note, time.time(), folder):
        raise Stop(Exit.INPUT, _("there is no alert {id}; `alerts history` lists them").format(id=args.alert))
    print(_("Alert {id} isn't told again.").format(id=args.alert))
    return Exit.DONE


async def _test(args: Namespace, machine: Machine) -> int:
    if machine.host.kind == "demo":
        raise Stop(Exit.FAILED, _("the demo sends nothing"))
    text = await machine.host.text(config.PATH)
    known = {channel.name: channel for channel in (config.load(text).channels if text is not None else ())}
    channel = known.get(args.channel)
    if channel is None:
        listed = ", ".join(sorted(known)) or _("none")
        raise Stop(Exit.INPUT, _("there is no such channel; there are: {names}").format(names=listed))
    if channel.by == "login-message":
        raise Stop(Exit.INPUT, _("nothing is sent by it: it is shown at the next login while an alert fires"))
    hostname = (await machine.host.text("/etc/hostname") or "").strip() or "localhost"
    given = outbox.trial_request(channel, hostname, time.time())
    done = await machine.host.run(outbox.ARGV, input=given.encode())
    answer = outbox.trial_answer(done.stdout)
    if not answer.taken:
        raise Stop(Exit.FAILED, _("it wasn't sent: {said}").format(said=answer.said))
    print(_("Sent. The server answered: {said}").format(said=answer.said))
    return Exit.DONE
