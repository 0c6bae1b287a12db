"""Whether this machine can be reached from outside, and if not, why: `look` gathers what the machine, its router and,
if the owner allows it, a public service say; `judge` (judgement.py) is pure and puts it into words."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.modules.vpn import mapping, pinholes
from pi_installer_tui.modules.vpn.judgement import Evidence, How, Kind, Seen, Verdict, judge
from pi_installer_tui.modules.vpn.ranges import family, public
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.system.router.mapped import Protocol
from pi_installer_tui.system.router.uplink import way
from pi_installer_tui.system.wireguard import live

__all__ = ["Evidence", "How", "Kind", "Seen", "Verdict", "judge", "look"]

#: bytes that a public service answers at most
_ANSWER_MAX = 64 * 1024
_NOBODY = "192.0.2.1"


# -- looked for ------------------------------------------------------------------------------------------------------


async def look(host: Host, port: int, ask: str = "", *, tunnel: str = "wg0") -> Seen:
    """Gathers the facts for a UDP port. ask: the URL of a public service that answers with the address that it sees; ""
    asks nobody but the router. Takes some seconds where the router is silent. Raises HostError where not even ip(8)
    can be asked."""
    way4, way6 = await asyncio.gather(way(host, 4), way(host, 6))
    evidence = [
        Evidence(_("Way out by IPv4"), way4.said or _("none"), "ip -4 route show default"),
        *(Evidence(_("Own address"), one, f"ip -4 address show dev {way4.interface}") for one in way4.addresses),
        Evidence(_("Way out by IPv6"), way6.said or _("none"), "ip -6 route show default"),
        *(Evidence(_("Own address"), one, f"ip -6 address show dev {way6.interface}") for one in way6.addresses),
    ]
    translated = bool(way4.gateway and way4.source) and family(way4.source) in ("private", "carrier")
    memory = await mapping.memory(host)
    told, told6, outside, outside6, came = await asyncio.gather(
        mapping.listen(host, way4.gateway, way4.source) if translated else _nothing(),
        _firewall(host),
        _asked(host, ask, 4) if ask and way4.source else _silence(),
        _asked(host, ask, 6) if ask and way6.source else _silence(),
        _came(host, tunnel, (*way4.addresses, *way6.addresses)),
    )
    names6 = {"pcp": f"PCP, {way6.gateway}", "nat-pmp": "", "upnp": f"UPnP, {way4.gateway}"}
    router, by, maker = None, "", ""
    answers: tuple[Protocol, ...] = ()
    if told is not None:
        answers = told.answers
        maker = f"{told.igd.maker} {told.igd.model}".strip() if told.igd else ""
        router, by = _best(told.addresses)
        names = {"pcp": "PCP", "nat-pmp": "NAT-PMP", "upnp": "UPnP"}
        for protocol, address in told.addresses.items():
            value = address or _("none, it says")
            evidence.append(Evidence(_("The router's address"), value, f"{names[protocol]}, {way4.gateway}"))
        for protocol, wrong in told.wrong.items():
            evidence.append(Evidence(names[protocol], str(wrong), way4.gateway))
        if "pcp" in answers:
            evidence.append(Evidence("PCP", _("the router answers"), way4.gateway))
        if maker:
            evidence.append(Evidence(_("The router"), maker, f"UPnP, {way4.gateway}"))
    for said, version in ((outside, 4), (outside6, 6)):
        if said is not None:
            evidence.append(Evidence(_("Seen from outside"), said.value or said.wrong, f"{ask} (IPv{version})"))
    seen4, seen6 = (one.value if one else "" for one in (outside, outside6))
    at_router, beyond = None, ""
    if translated and not router:
        at_router, beyond, found = await _first_hops(host, seen4, way4.gateway)
        evidence.extend(found)
    kept = memory.tunnels.get(tunnel)
    if kept is not None:
        outer = f"{kept.mapped.outer_address or '?'}:{kept.mapped.outer_port} ({kept.mapped.protocol})"
        evidence.append(Evidence(_("Granted by the router"), outer, mapping.PATH))
        if router is None and kept.mapped.outer_address and kept.mapped.gateway == way4.gateway and not kept.failed:
            router, by = kept.mapped.outer_address, kept.mapped.protocol
    for protocol in told6:
        evidence.append(Evidence(_("Its firewall for IPv6"), _("the router answers"), names6[protocol]))
    if (kept6 := memory.pinholes.get(tunnel)) is not None:
        through = f"[{kept6.mapped.inner_address}]:{kept6.mapped.inner_port} ({kept6.mapped.protocol})"
        evidence.append(Evidence(_("Let through by IPv6"), through, mapping.PATH))
    if came:
        evidence.append(Evidence(_("A peer came in from"), came, "wg show all dump"))
    return Seen(
        port, way4, way6, router, by, maker, answers, memory.refused.get(way4.gateway, {}), seen4, seen6, at_router,
        beyond, kept, came, told6, memory.pinholes.get(tunnel), tuple(evidence),
    )  # fmt: skip


async def _nothing() -> mapping.Told | None:
    return None


async def _firewall(host: Host) -> tuple[Protocol, ...]:
    """How the router's firewall for IPv6 can be asked."""
    own = await pinholes.ours(host)
    return (await pinholes.listen(host, own)).answers if own is not None else ()


async def _silence() -> _Service | None:
    return None


def _best(addresses: Mapping[Protocol, str]) -> tuple[str | None, str]:
    """Of what the protocols told the address, before that there is none."""
    for protocol, address in addresses.items():
        if address:
            return address, protocol
    return ("", next(iter(addresses))) if addresses else (None, "")


@dataclass(frozen=True, slots=True)
class _Service:
    value: str = ""
    wrong: str = ""


async def _asked(host: Host, url: str, version: int) -> _Service:
    try:
        got = await host.fetch(url, version=version, most=_ANSWER_MAX)
    except HostError as error:
        return _Service(wrong=str(error))
    if got.status != 200:
        return _Service(wrong=_("the service answers with {status}").format(status=got.status))
    found = told_address(got.body, version)
    return _Service(found) if found else _Service(wrong=_("the service's answer has no address in it"))


def told_address(body: bytes, version: int) -> str:
    """The address in a service's answer: text, or JSON with it under `ip`, `address` or `query`; "" where none is."""
    text = body.decode("utf-8", "replace").strip()
    found: object = text
    if text.startswith("{"):
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return ""
        found = next((data[name] for name in ("ip", "address", "query") if name in data), "")
    try:
        address = ipaddress.ip_address(str(found).strip())
    except ValueError:
        return ""
    return str(address) if address.version == version else ""


async def _came(host: Host, tunnel: str, own: tuple[str, ...]) -> str:
    """From where, outside of our own networks, a peer came by IPv4 and shook hands; "" where none did."""
    try:
        done = await host.run(("wg", "show", "all", "dump"))
        found = live.parse(done.stdout) if done.ok else {}
    except (HostError, ValueError):
        return ""
    peers = found[tunnel].peers.values() if tunnel in found else ()
    nets = [ipaddress.ip_interface(one).network for one in own]
    for peer in sorted(peers, key=lambda one: -one.handshake):
        address = peer.endpoint.rpartition(":")[0]
        if peer.handshake and "." in address and public(address):
            there = ipaddress.ip_address(address)
            if not any(there in net for net in nets):
                return address
    return ""


async def _first_hops(host: Host, outside: str, gateway: str) -> tuple[bool | None, str, list[Evidence]]:
    """Whether the router itself has the address outside: a packet to it that may make one step is answered by who has
    it there, or by the router where it died (ping(8), -t). And who stands behind the router, by a packet to nobody
    (RFC 5737) that may make two."""
    at_router: bool | None = None
    evidence: list[Evidence] = []
    if outside:
        answered, died, found = await _step(host, outside, 1)
        evidence.append(found)
        at_router = True if answered else False if died else None
    beyond = ""
    if not at_router:
        _answered, beyond, found = await _step(host, _NOBODY, 2)
        evidence.append(found)
    return at_router, beyond if beyond != gateway else "", evidence


async def _step(host: Host, to: str, steps: int) -> tuple[bool, str, Evidence]:
    """Whether it was answered; by whom it was said that it got no further."""
    argv = ("ping", "-n", "-c", "1", "-W", "2", "-t", str(steps), to)
    what = ngettext("A packet that may make {count} step", "A packet that may make {count} steps", steps)
    try:
        lines = (await host.run(argv)).stdout.splitlines()
    except CommandNotFound as error:
        return False, "", Evidence(what.format(count=steps), str(error), " ".join(argv))
    answered = next((line for line in lines if " bytes from " in line), "")
    ended = next((line for line in lines if line.startswith("From ")), "")
    said = Evidence(what.format(count=steps), answered or ended or _("no answer"), " ".join(argv))
    by = ended.split()[1].rstrip(":") if ended else ""
    return bool(answered), by if family(by) != "none" else "", said
