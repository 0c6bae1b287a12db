"""The doctor's judgements about the way to the outside: sizes, the endpoint's name, the port at the router. Pure, as
those in findings.py."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.vpn import timers
from pi_installer_tui.modules.vpn.findings import Facts, Finding, Receipt, again, mended
from pi_installer_tui.modules.vpn.judgement import judge
from pi_installer_tui.modules.vpn.mapping import PATH
from pi_installer_tui.modules.vpn.ranges import family
from pi_installer_tui.modules.vpn.settings import TunnelSettings
from pi_installer_tui.modules.vpn.state import State, Tunnel

#: bytes around a packet in the tunnel, by the version of IP that carries it (WireGuard's white paper, 5.4.6)
AROUND = {4: 60, 6: 80}


def mtu(tunnel: Tunnel, facts: Facts) -> Finding:
    name, question = f"{tunnel.name}.mtu", _("Do the tunnel's packets fit through the way out?")
    own = facts.mtus.get(tunnel.name, 0)
    if not own or not facts.path:
        return Finding(name, question, "unknown", (), _("The sizes aren't known while it doesn't run."))
    six = any(peer.live and peer.live.endpoint.startswith("[") for peer in tunnel.peers.values())
    around = AROUND[6 if six else 4]
    evidence = [Receipt(f"ip -json link show dev {tunnel.name}", f"mtu {own}")]
    if facts.path_said is not None:
        evidence.append(facts.path_said)
    if own + around <= facts.path:
        why = _("Packets of {own} bytes, with {around} around them, are no more than the {path} that get out.")
        return Finding(name, question, "ok", tuple(evidence), why.format(own=own, around=around, path=facts.path))
    best = max(1280, facts.path - AROUND[6])
    why = _(
        "Packets of {own} bytes, with {around} around them, are more than the {path} that get out: large things hang."
    )
    fix = _("Set the tunnel's MTU to {best}. Peers are told by a new configuration.").format(best=best)
    return Finding(
        name, question, "wrong", tuple(evidence), why.format(own=own, around=around, path=facts.path), fix,
        **again(tunnel, mtu=best),
    )  # fmt: skip


def endpoint(tunnel: str, told: TunnelSettings, facts: Facts) -> Iterator[Finding]:
    """Whether the name that peers are told leads here."""
    if not told.endpoint:
        return
    name, question = f"{tunnel}.endpoint", _("Does {name} lead here?").format(name=told.endpoint)
    resolved = facts.resolved.get(tunnel)
    asked = f"getent ahosts {told.endpoint}"
    if resolved is None:
        yield Finding(name, question, "unknown", (Receipt(asked, "-"),), _("Names can't be asked for here."))
        return
    evidence = [Receipt(asked, " ".join(resolved) or _("no address"))]
    if not resolved:
        why = _("The name has no address: a name server doesn't know it, or none answers.")
        yield Finding(name, question, "wrong", tuple(evidence), why, _("Look after the name, or the dynamic DNS."))
        return
    if all(family(one) != "public" for one in resolved):
        why = _("It is an address that is found at home only.")
        fix = _("Take a name or an address that is found from outside.")
        yield Finding(name, question, "wrong", tuple(evidence), why, fix)
        return
    seen = facts.seen.get(tunnel)
    verdict = judge(seen) if seen is not None else None
    here = {one for one in ((verdict.address, verdict.address6) if verdict else ()) if one}
    if seen is not None:
        here |= {one.partition("/")[0] for one in seen.way6.addresses if family(one) == "public"}
    evidence.append(Receipt(_("the verdict"), " ".join(sorted(here)) or _("the address outside isn't known")))
    known_versions = {":" in one for one in here}
    asked_for = [one for one in resolved if family(one) == "public" and (":" in one) in known_versions]
    if not asked_for:
        yield Finding(name, question, "unknown", tuple(evidence), _("The machine's own address outside isn't known."))
    elif all(one in here for one in asked_for):
        yield Finding(name, question, "ok", tuple(evidence), _("It does."))
    else:
        why = _("It leads to {there}, and this machine is at {here}.").format(
            there=" ".join(one for one in asked_for if one not in here), here=" ".join(sorted(here))
        )
        fix = _("Look after the dynamic DNS: the address has changed since. Or tell peers another endpoint.")
        yield Finding(name, question, "wrong", tuple(evidence), why, fix)


def mapped(state: State, tunnel: Tunnel, told: TunnelSettings, facts: Facts) -> Iterator[Finding]:
    """Whether the router still passes the port on."""
    if told.mapping in (None, "none"):
        return
    name, question = f"{tunnel.name}.mapping", _("Does the router still pass the port on?")
    seen = facts.seen.get(tunnel.name)
    kept = seen.kept if seen is not None else None
    verdict = judge(seen) if seen is not None else None
    if verdict is not None and verdict.mapping == "needless":
        yield Finding(name, question, "ok", (), _("Nothing translates: there is nothing to be passed on."))
        return
    fix = _("Ask the router again: pi-installer-tui vpn map.")
    if seen is not None and seen.kept6 is not None and verdict is not None and verdict.kind == "ipv6-only":
        through = f"{seen.kept6.mapped.protocol} [{seen.kept6.mapped.inner_address}]:{seen.kept6.mapped.inner_port}"
        receipt = (Receipt(f"cat {PATH}", through),)
        if verdict.mapping == "granted" and facts.now <= seen.kept6.until:
            why = _("It is reached by IPv6 only, and the router's firewall lets the port through.")
            yield Finding(name, question, "ok", receipt, why)
        else:
            why = seen.kept6.failed or _("The router's firewall for IPv6 was asked, and not again in time.")
            yield Finding(name, question, "wrong", receipt, why, fix)
        return
    if kept is None:
        why = "; ".join(dict.fromkeys(seen.refused.values())) if seen and seen.refused else _("It was never granted.")
        yield Finding(name, question, "wrong", (Receipt(f"cat {PATH}", _("nothing of this tunnel")),), why, fix)
        return
    outer = f"{kept.mapped.protocol} {kept.mapped.outer_address or '?'}:{kept.mapped.outer_port}"
    evidence = [Receipt(f"cat {PATH}", outer)]
    if kept.failed:
        yield Finding(name, question, "wrong", tuple(evidence), kept.failed, fix)
        return
    if facts.now > kept.until:
        why = _("The time that it was granted for is over, and nobody has asked again.")
        yield Finding(name, question, "wrong", tuple(evidence), why, fix)
        return
    listed = facts.listed.get(tunnel.name)
    if listed is not None:
        asked = f"GetSpecificPortMappingEntry {kept.mapped.outer_port} UDP"
        evidence.append(Receipt(asked, _("there") if listed else _("not there")))
        if not listed:
            yield Finding(name, question, "wrong", tuple(evidence), _("The router has forgotten it."), fix)
            return
    told_port = told.endpoint_port or tunnel.port
    if kept.mapped.outer_port != told_port:
        why = _("Peers are told port {told}, and the router passes {outer} on.").format(
            told=told_port, outer=kept.mapped.outer_port
        )
        fix = _("Tell peers the other port: those that are connected already need a new configuration.")
        more = again(tunnel, endpoint_port=kept.mapped.outer_port)
        yield Finding(name, question, "wrong", tuple(evidence), why, fix, **more)
        return
    timer = f"{timers.MAPPING}.timer"
    evidence.append(Receipt(f"systemctl is-active {timer}", "active" if state.timers.get(timer) else "inactive"))
    if not state.timers.get(timer) and kept.mapped.lifetime:
        why = _("It does now, but nobody asks again before the router forgets it.")
        yield Finding(name, question, "wrong", tuple(evidence), why, mended(tunnel), **again(tunnel))
        return
    yield Finding(name, question, "ok", tuple(evidence), _("It was granted, and is asked for again in time."))


def usable(text: str) -> bool:
    """Whether a text is an address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
