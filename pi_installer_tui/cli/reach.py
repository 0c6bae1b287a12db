"""The verbs `vpn verdict`, `vpn doctor` and `vpn map`: whether the machine can be reached, what is in the way, and the
port at the router. `map --renew`, as a timer calls it, asks nobody."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pi_installer_tui.cli import documents
from pi_installer_tui.cli.printing import Printer, print_json
from pi_installer_tui.cli.status import Exit, Stop
from pi_installer_tui.i18n import _
from pi_installer_tui.modules.vpn import MODULE, mapping
from pi_installer_tui.system.reading import Unknown
from pi_installer_tui.system.router.mapped import Mapped, RouterError

if TYPE_CHECKING:
    from pi_installer_tui.cli.machine import Machine
    from pi_installer_tui.modules.vpn.findings import Finding
    from pi_installer_tui.modules.vpn.judgement import Seen, Verdict
    from pi_installer_tui.modules.vpn.state import State

_STYLES = {"ok": "good", "wrong": "bad", "unknown": "warn"}
#: where nothing is said: WireGuard's usual port
_PORT = 51820


async def reach(args: Namespace, machine: Machine) -> int:
    """All three."""
    match args.vpn_verb:
        case "verdict":
            return await _verdict(args, machine)
        case "doctor":
            return await _doctor(args, machine)
    return await _map(args, machine)


def _json(args: Namespace) -> bool:
    return bool(getattr(args, "json", False))


async def _verdict(args: Namespace, machine: Machine) -> int:
    from pi_installer_tui.modules.vpn import verdict

    state = await MODULE.read(machine.host)
    name = args.tunnel or next(iter(state.by_name), "wg0")
    port = state.by_name[name].port if name in state.by_name else _PORT
    seen = await verdict.look(machine.host, port, args.ask, tunnel=name)
    found = verdict.judge(seen)
    values = mapping.values_for_router(seen.way4.source, port, tunnel=name)
    if _json(args):
        print_json(documents.document(**_verdict_json(seen, found)))
        return Exit.DONE
    printer = Printer()
    for words in found.words:
        printer.sentence(words)
    if found.todo:
        printer.line()
        printer.line(_("What to do"), "bold")
        for number, words in enumerate(found.todo, 1):
            printer.sentence(words, "     ", f"  {number}. ")
    if found.mapping == "by-hand":
        printer.line()
        printer.line(_("To type in at the router"), "bold")
        printer.pairs(values)
        for router, steps in mapping.steps_for_router(seen.way4.source, port, tunnel=name, maker=seen.maker):
            printer.line(f"  {router}:")
            for number, words in enumerate(steps, 1):
                printer.sentence(words, "       ", f"    {number}. ")
    printer.line()
    printer.line(_("What it rests on"), "bold")
    printer.pairs((one.what, f"{one.value} ({one.source})") for one in found.evidence)
    return Exit.DONE


def _verdict_json(seen: Seen, found: Verdict) -> dict[str, Any]:
    mapped = seen.kept.mapped if seen.kept is not None else None
    return {
        "kind": found.kind,
        "mapping": found.mapping,
        "address": found.address or None,
        "address6": found.address6 or None,
        "port": seen.port,
        "seen": {
            "gateway": seen.way4.gateway or None,
            "own": seen.way4.source or None,
            "own6": [one.partition("/")[0] for one in seen.way6.addresses],
            "router": seen.router,
            "router_by": seen.router_by or None,
            "router_model": seen.maker or None,
            "answers": list(seen.answers),
            "refused": list(seen.refused),
            "outside": seen.outside or None,
            "outside6": seen.outside6 or None,
            "outside_is_router": seen.at_router,
            "beyond": seen.beyond or None,
            "came": seen.came or None,
            "mapped": _mapped(mapped) if mapped is not None else None,
            "answers6": list(seen.answers6),
            "pinhole": _mapped(seen.kept6.mapped) if seen.kept6 is not None else None,
        },
    }


async def _doctor(args: Namespace, machine: Machine) -> int:
    from pi_installer_tui.modules.vpn import doctor

    state = await MODULE.read(machine.host)
    if isinstance(state.tunnels, Unknown):
        raise Stop(Exit.FAILED, state.tunnels.reason)
    found = await doctor.examine(machine.host, state, ask=args.ask)
    if _json(args):
        print_json(documents.document(findings=[_plain(one) for one in found]))
        return Exit.DONE
    printer = Printer()
    if not found:
        printer.line(_("There is no tunnel."))
    words = {"ok": _("ok"), "wrong": _("wrong"), "unknown": _("unknown")}
    for one in found:
        printer.sentence(one.question, " " * 10, f"{words[one.verdict]:8}  ", _STYLES[one.verdict])
        if one.verdict == "ok":
            continue
        printer.sentence(one.why, " " * 10)
        if one.fix_words:
            printer.sentence(one.fix_words, " " * 16, f"{'':10}{_('fix')}:  ")
        if one.undo:
            printer.sentence(one.undo, " " * 16, f"{'':10}{_('back')}: ")
        for receipt in one.evidence:
            printer.line(f"{'':10}$ {receipt.asked[:200]}", "faint")
            for line in receipt.answer.splitlines()[:20]:
                printer.line(f"{'':12}{line[:200]}", "faint")
    return Exit.DONE


def _mapped(mapped: Mapped) -> dict[str, Any]:
    """Without what is needed to ask for it again: by its nonce a mapping is changed."""
    return {
        name: value for name, value in asdict(mapped).items() if name not in ("nonce", "control", "service", "pinhole")
    }


def _plain(one: Finding) -> dict[str, Any]:
    return {
        "id": one.id,
        "verdict": one.verdict,
        "evidence": [asdict(receipt) for receipt in one.evidence],
        "settings": dict(one.settings),
        "action": {"name": one.action[0], "arguments": dict(one.action[1])} if one.action else None,
    }


async def _map(args: Namespace, machine: Machine) -> int:
    state = await MODULE.read(machine.host)
    rows: list[tuple[dict[str, Any], str]] = []
    if args.back:
        names = [args.tunnel] if args.tunnel else await _kept(machine)
        rows = [await _back(machine, name) for name in names]
    else:
        wanted = _wanted(state, args)
        rows = [await _ask(machine, state, name, how) for name, how in wanted.items()]
        if args.renew:
            gone = [name for name in await _kept(machine) if name not in wanted]
            rows += [await _back(machine, name) for name in gone]
    if _json(args):
        print_json(documents.document(tunnels=[row for row, _said in rows]))
    else:
        printer = Printer()
        for row, said in rows:
            printer.sentence(f"{row['tunnel']}: {said}", "  ", "", "" if row["done"] else "bad")
        if not rows:
            printer.line(_("No tunnel wants a port at the router."))
    return Exit.DONE if all(row["done"] for row, _said in rows) else Exit.FAILED


async def _kept(machine: Machine) -> list[str]:
    """The tunnels for which a router has granted something."""
    what = await mapping.memory(machine.host)
    return list(dict.fromkeys((*what.tunnels, *what.pinholes)))


def _wanted(state: State, args: Namespace) -> dict[str, str]:
    """The tunnels whose port is asked for, and in which way. --renew: those whose settings say so; otherwise the one
    that is named, or all of ours."""
    told = state.settings.tunnels or {}
    found = {}
    for name in state.by_name:
        how = told[name].mapping if name in told else None
        if args.renew:
            if how not in (None, "none"):
                found[name] = str(how)
        elif args.tunnel in ("", name):
            found[name] = args.how or ("auto" if how in (None, "none") else str(how))
    if args.tunnel and not found and not args.renew:
        raise Stop(Exit.INPUT, _("there is no tunnel {tunnel}").format(tunnel=args.tunnel))
    return found


async def _ask(machine: Machine, state: State, name: str, how: str) -> tuple[dict[str, Any], str]:
    """By IPv4, and by IPv6 where the machine has a public address of it; one of them is enough."""
    tunnel = state.by_name[name]
    told = (state.settings.tunnels or {}).get(name)
    before = await mapping.kept(machine.host, name)
    outer = (told.endpoint_port if told is not None else None) or tunnel.port
    try:
        kept = await mapping.ask_router(machine.host, name, tunnel.port, how=how, outer_port=outer)
    except mapping.NotMapped as error:
        await mapping.note_failure(machine.host, name, str(error))
        refused = {one.protocol: one.reason for one in error.refusals}
        row: dict[str, Any] = {"tunnel": name, "done": False, "refused": refused}
        said = str(error)
    else:
        mapped = kept.mapped
        said = _("the router passes {address} UDP port {outer} on to this machine ({protocol})").format(
            address=mapped.outer_address or "?", outer=mapped.outer_port, protocol=mapped.protocol
        )
        moved = before is not None and before.mapped.outer_port != mapped.outer_port
        row = {"tunnel": name, "done": True, "moved": moved, "mapped": _mapped(mapped)}
    six, more = await _ask_firewall(machine, name, tunnel.port, how)
    return {**row, **six, "done": row["done"] or "pinhole" in six}, "; ".join(filter(None, (said, more)))


async def _ask_firewall(machine: Machine, name: str, port: int, how: str) -> tuple[dict[str, Any], str]:
    """The port in the router's firewall for IPv6; nothing where nobody reaches this machine by it."""
    from pi_installer_tui.modules.vpn import pinholes

    try:
        kept = await pinholes.ask_router(machine.host, name, port, how=how)
    except mapping.NotMapped as error:
        refused = {one.protocol: one.reason for one in error.refusals}
        return {"pinhole_refused": refused}, _("by IPv6: {why}").format(why=error)
    if kept is None:
        return {}, ""
    said = _("its firewall lets {address} UDP port {port} through by IPv6 ({protocol})").format(
        address=kept.mapped.inner_address, port=port, protocol=kept.mapped.protocol
    )
    return {"pinhole": _mapped(kept.mapped)}, said


async def _back(machine: Machine, name: str) -> tuple[dict[str, Any], str]:
    from pi_installer_tui.modules.vpn import pinholes

    done = {"tunnel": name, "done": True, "mapped": None}
    silent = ""
    try:
        closed = await pinholes.take_back(machine.host, name)
    except RouterError as error:
        closed, silent = False, str(error)
    try:
        gone = await mapping.take_back(machine.host, name)
    except RouterError as error:
        if await mapping.kept(machine.host, name) is not None:
            return {"tunnel": name, "done": False, "refused": {error.protocol: error.reason}}, str(error)
        gone, silent = False, str(error)
    if silent:
        return done, _("{why}; it forgets the port by itself").format(why=silent)
    return done, _("given back") if gone or closed else _("nothing was granted")
