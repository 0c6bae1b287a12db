"""The verb `vpn`: who connects, and what becomes of them. What changes something goes the way of every action;
`expire`, as a timer calls it, asks nobody."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pi_installer_tui import planning
from pi_installer_tui.cli import documents
from pi_installer_tui.cli.printing import Printer, print_json
from pi_installer_tui.cli.status import Exit, Stop
from pi_installer_tui.i18n import _
from pi_installer_tui.modules.vpn import MODULE, handover, keeping, timers
from pi_installer_tui.modules.vpn.present import connected, state_json
from pi_installer_tui.modules.vpn.settings import PeerSettings
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.system.reading import Unknown
from pi_installer_tui.tasks.plan import Mistake
from pi_installer_tui.tasks.secrets import Secrets

if TYPE_CHECKING:
    from pi_installer_tui.cli.machine import Machine
    from pi_installer_tui.modules.vpn.state import Peer, State, Tunnel


async def vpn(args: Namespace, machine: Machine) -> int:
    """All of them: without a further word who connects."""
    match args.vpn_verb:
        case "add":
            return await _add(args, machine)
        case "pause" | "resume" | "revoke" | "rotate" | "rename":
            return await _act(args, machine, args.vpn_verb)
        case "show" | "link":
            return await _show(args, machine)
        case "expire":
            return await _expire(args, machine)
        case "verdict" | "doctor" | "map":
            from pi_installer_tui.cli.reach import reach

            return await reach(args, machine)
    return await _list(args, machine)


async def _state(machine: Machine) -> State:
    state = await MODULE.read(machine.host)
    for reading in (state.applied, state.tunnels):
        if isinstance(reading, Unknown):
            raise Stop(Exit.FAILED, reading.reason)
    return state


def _tunnel(state: State, named: str) -> Tunnel:
    """The tunnel that is named, or the only one. Raises SetupError."""
    ours = [each for each in state.by_name.values() if each.ours]
    found = [each for each in ours if named in ("", each.name)]
    if len(found) != 1:
        names = ", ".join(each.name for each in ours) or _("none")
        raise SetupError(Mistake("tunnel", _("name one of: {names}").format(names=names)))
    return found[0]


def _peer(tunnel: Tunnel, name: str) -> Peer:
    if name not in tunnel.peers:
        names = ", ".join(tunnel.peers) or _("none")
        raise SetupError(Mistake("peer", _("there is no such peer; there are: {names}").format(names=names)))
    return tunnel.peers[name]


# what changes something -------------------------------------------------------------------------------------------


async def _add(args: Namespace, machine: Machine) -> int:
    state = await _state(machine)
    tunnel = _tunnel(state, args.tunnel)
    if args.peer in tunnel.peers:
        raise SetupError(Mistake("peer", _("there is a peer of this name already")))
    return await _plan(args, machine, {tunnel.name: {"peers": {args.peer: typed_settings(args.told)}}})


def typed_settings(told: Sequence[tuple[str, str]]) -> dict[str, object]:
    """A peer's settings as plain data, from keys and values as somebody types them. Raises SetupError."""
    fields = PeerSettings.model_fields
    if unknown := [key for key, _value in told if key not in fields]:
        raise SetupError(*(Mistake(key, _("there is no such setting")) for key in unknown))
    found = {key: planning.typed(fields[key].annotation, value) for key, value in told}
    keepalive = found.get("keepalive")
    if isinstance(keepalive, str) and keepalive.isascii() and keepalive.isdecimal():
        found["keepalive"] = int(keepalive)
    return found


async def _plan(args: Namespace, machine: Machine, tunnels: Mapping[str, Any]) -> int:
    from pi_installer_tui.cli.verbs import agree_and_run

    settings = planning.validated("vpn", {"tunnels": tunnels})
    planned = await planning.plan(machine.host, planning.of({"vpn": settings}))
    if planned.reviewed is None:
        raise SetupError(*planned.mistakes)
    return await agree_and_run(args, machine, planned.reviewed)


async def _act(args: Namespace, machine: Machine, action: str) -> int:
    from pi_installer_tui.cli.verbs import agree_and_run

    told_of = {"peer": args.peer, "tunnel": args.tunnel, **({"to": args.to} if action == "rename" else {})}
    told = planning.arguments("vpn", action, told_of)
    planned = await planning.plan_action(machine.host, "vpn", action, told)
    if planned.reviewed is None:
        raise SetupError(*planned.mistakes)
    return await agree_and_run(args, machine, planned.reviewed)


async def _expire(args: Namespace, machine: Machine) -> int:
    """Pauses those that have expired and aren't paused yet."""
    state, found = await _state(machine), dict[str, dict[str, Any]]()
    for name, tunnel in (state.settings.tunnels or {}).items():
        there = state.by_name.get(name)
        for peer, said in (tunnel.peers or {}).items():
            now = there.peers.get(peer) if there is not None else None
            if said.expires is not None and timers.over(said.expires) <= state.today and now and not now.paused:
                found.setdefault(name, {"peers": {}})["peers"][peer] = {"paused": True}
    if not found:
        if getattr(args, "json", False):
            print_json(documents.document())
        else:
            Printer().line(_("Nobody has expired."))
        return Exit.DONE
    args.yes = True
    return await _plan(args, machine, found)


# what is ----------------------------------------------------------------------------------------------------------


async def _list(args: Namespace, machine: Machine) -> int:
    state = await _state(machine)
    if getattr(args, "json", False):
        print_json(documents.document(tunnels=state_json(state)["tunnels"] or {}))
        return Exit.DONE
    printer, now = Printer(), time.time()
    if not state.by_name:
        printer.line(_("There is no tunnel."))
    for name, tunnel in state.by_name.items():
        about = ", ".join(filter(None, (", ".join(tunnel.address), f"{tunnel.port}/udp")))
        printer.line(f"{name}  {about}", "bold")
        applied = (state.settings.tunnels or {}).get(name)
        said = (applied.peers if applied is not None else None) or {}
        printer.pairs((peer, _line(each, said.get(peer, PeerSettings()), now)) for peer, each in tunnel.peers.items())
    return Exit.DONE


def _line(peer: Peer, said: PeerSettings, now: float) -> str:
    """`connected, 10.86.0.2/32, until 2027-03-01`"""
    if peer.paused:
        state = _("paused")
    elif connected(peer, now):
        state = _("connected")
    elif peer.live is not None and peer.live.handshake:
        minutes = int(now - peer.live.handshake) // 60
        state = _("last seen {minutes} min ago").format(minutes=minutes)
    else:
        state = _("never connected")
    until = _("until {date}").format(date=said.expires.isoformat()) if said.expires is not None else ""
    return ", ".join(filter(None, (state, " ".join(peer.allowed), until, said.note)))


async def _show(args: Namespace, machine: Machine) -> int:
    """Prints what a peer is given. A key that was made and isn't kept is taken when it is shown: for the only time."""
    state = await _state(machine)
    tunnel = _tunnel(state, args.tunnel)
    peer = _peer(tunnel, args.peer)
    secret, secrets = keeping.secret(tunnel.name, args.peer), Secrets(machine.store.root)
    private = await _here(machine, tunnel, peer, secrets.made(secret))
    if private is None and peer.kept == "encrypted":
        private = await _decrypted(machine, tunnel.name, args.peer)
    if private is None:
        text = _("the private key of {peer} isn't here any more; `vpn rotate {peer}` gives it new ones")
        raise Stop(Exit.FAILED, text.format(peer=args.peer))
    try:
        text = await handover.configuration(machine.host, state, tunnel.name, args.peer, private)
    except ValueError:
        missing = _("{tunnel} has no endpoint: nobody can be told where to connect").format(tunnel=tunnel.name)
        raise Stop(Exit.FAILED, missing) from None
    if args.vpn_verb == "link":
        from pi_installer_tui.cli.vpn_link import hand

        if not await hand(machine, state, args.peer, text):
            return Exit.FAILED  # a key that was made stays for another try
    elif args.qr:
        import qrcode

        code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_L, border=2)
        code.add_data(text)
        code.print_ascii(invert=True)
    elif getattr(args, "json", False):
        print_json(documents.document(configuration=text))
    else:
        print(text, end="")
    secrets.show(secret)
    return Exit.DONE


async def _here(machine: Machine, tunnel: Tunnel, peer: Peer, made: str | None) -> str | None:
    """Its private key, kept or made and not shown yet; None where none of these is its own."""
    for private in (made, await keeping.private_key(machine.host, tunnel.name, peer.name, peer.title)):
        if private is not None and await handover.belongs(machine.host, private, peer.public_key):
            return private
    return None


async def _decrypted(machine: Machine, tunnel: str, peer: str) -> str | None:
    """A key that is kept encrypted, with the passphrase that somebody types (or that standard input has)."""
    import getpass
    import sys

    asks = _("Passphrase: ")
    passphrase = getpass.getpass(asks) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        return await keeping.decrypted(machine.host, tunnel, peer, passphrase)
    except ValueError:
        raise Stop(Exit.FAILED, _("that isn't the passphrase")) from None
