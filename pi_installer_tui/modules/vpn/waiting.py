"""Waiting for a peer: whether a packet came to the port at all, whether its keys fit, whether something passes. Each
with what to do where it doesn't come on."""

from __future__ import annotations

import json
import secrets
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.modules.vpn import applied, rules
from pi_installer_tui.system.host import Datagram, Host, HostError
from pi_installer_tui.system.wireguard import live
from pi_installer_tui.system.wireguard.conf import Conf, names
from pi_installer_tui.system.wireguard.keys import is_key

#: nothing: no packet at the port; no-handshake: packets, but none that this peer's keys fit; handshake: the keys fit,
#: and nothing passes; works
Kind = Literal["nothing", "no-handshake", "handshake", "works"]

#: bytes of WireGuard's messages (its white paper, 5.4): the first of a handshake, its answer, one that only keeps open
INITIATION, RESPONSE, KEEPALIVE = 148, 92, 32
#: seconds: a handshake is good for so long, and is made again after so many (white paper, 6.1: REJECT_AFTER_TIME,
#: REKEY_AFTER_TIME); a keepalive is sent after so many without an answer (KEEPALIVE_TIMEOUT)
_GOOD, _AGAIN, _KEEP = 180, 120, 10
#: bytes that are too few for a packet with something in it
_LITTLE = 32
#: bytes before WireGuard's own in a packet: IPv4's header or IPv6's, and UDP's
_HEADERS = {4: 28, 6: 48}
#: bytes that a packet is filled up with at most (white paper, 5.4.6)
_PADDING = 15
#: waits whose first numbers are remembered
_WAITS_MAX = 50


@dataclass(frozen=True, slots=True)
class Numbers:
    """What has been counted. packets, size (bytes): that came to the port, None where nobody counts. peers: as they
    run, by their keys; runs: the tunnel is up. exact: the kernel counts (wireguard-go leaves the padding out)."""

    packets: int | None = None
    size: int = 0
    peers: Mapping[str, live.LivePeer] = field(default_factory=dict)
    runs: bool = False
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Stage:
    """How far it has come. words: what is known, todo: what to do, both in sentences."""

    kind: Kind
    words: tuple[str, ...]
    todo: tuple[str, ...] = ()


_first: dict[tuple[str, str, str, float], Numbers] = {}


async def stage(host: Host, tunnel: str, peer: str, since: float) -> Stage:
    """How far a peer has come. peer: its name or its public key; since: seconds since 1970 of when waiting began. What
    came before counts for nothing: the numbers of the first call for a wait are remembered, and compared with. Raises
    LookupError where there is no such peer, PermissionError where its file may not be read."""
    key = peer if is_key(peer) else await _key(host, tunnel, peer)
    wait = (host.address, tunnel, key, since)
    if wait not in _first:
        while len(_first) >= _WAITS_MAX:
            del _first[next(iter(_first))]
        _first[wait] = await count(host, tunnel, dump_first=True)
    now = await count(host, tunnel)
    found = compare(_first[wait], now, key, since, time.time())
    if found.kind == "works":
        return await _with_dns(host, tunnel, peer, found)
    return found


async def _key(host: Host, tunnel: str, peer: str) -> str:
    text = await host.text(f"/etc/wireguard/{tunnel}.conf") or ""
    found = names(Conf(text)).get(peer)
    if found is None:
        raise LookupError(_("there is no peer {peer}").format(peer=peer))
    return found.public_key


async def count(host: Host, tunnel: str, *, dump_first: bool = False) -> Numbers:
    """The numbers as they are. What arrives while they are read is better missed than counted twice: the first time
    the kernel is asked before the counter, later the counter before the kernel."""
    if dump_first:
        runs = await _live(host, tunnel)
        packets, size = await _arrived(host, tunnel)
    else:
        packets, size = await _arrived(host, tunnel)
        runs = await _live(host, tunnel)
    kernel = await host.stat("/sys/module/wireguard") is not None
    return Numbers(packets, size, runs.peers if runs else {}, runs is not None, kernel)


async def _live(host: Host, tunnel: str) -> live.LiveTunnel | None:
    try:
        done = await host.run(("wg", "show", "all", "dump"))
        return live.parse(done.stdout).get(tunnel) if done.ok else None
    except (HostError, ValueError):
        return None


async def _arrived(host: Host, tunnel: str) -> tuple[int | None, int]:
    """The named counter of the tunnel's rules (nft(8), counters)."""
    try:
        done = await host.run(("nft", "-j", "list", "counter", "inet", rules.table(tunnel), rules.COUNTER))
        found = json.loads(done.stdout)["nftables"] if done.ok else []
        one = next(each["counter"] for each in found if "counter" in each)
        return int(one["packets"]), int(one["bytes"])
    except (HostError, ValueError, KeyError, TypeError, StopIteration):
        return None, 0


# -- compared --------------------------------------------------------------------------------------------------------


def compare(first: Numbers, now: Numbers, key: str, since: float, moment: float) -> Stage:
    """What the numbers mean. since, moment: seconds since 1970 of when waiting began and of now. Pure."""
    if not now.runs:
        return Stage("nothing", (_("The tunnel doesn't run."),), (_("Start it, or let the doctor say why it can't."),))
    peer = now.peers.get(key)
    if peer is None:
        return Stage(
            "nothing",
            (_("The running tunnel doesn't know this peer: it is paused, or was never brought in."),),
            (_("Resume it, or apply the settings again."),),
        )
    if peer.handshake and peer.handshake >= min(since, moment - _GOOD):
        return _shaken(first.peers.get(key), peer, since, moment)
    foreign = _foreign(first, now)
    if foreign:
        said = ngettext(
            "A packet arrived at the port, but no handshake with this peer came of it.",
            "{count} packets arrived at the port, but no handshake with this peer came of them.",
            foreign,
        ).format(count=foreign)
        return Stage("no-handshake", (said, *_sent_to(peer)), _when_refused())
    words = [
        _("No packet of this peer has arrived at the port.")
        if now.packets is not None
        else _("There was no handshake. Nobody counts what arrives at the port: the tunnel's rules aren't loaded.")
    ]
    return Stage("nothing", tuple(words), _when_nothing())


def _when_nothing() -> tuple[str, ...]:
    return (
        _("Is the tunnel switched on at the peer? It sends nothing before it has something to send."),
        _("Take the phone out of the Wi-Fi, into the mobile network: not every router leads its own address back."),
        _("Does the endpoint in the peer's configuration lead here? See the verdict and the doctor."),
        _("Is the port passed on at the router, by UDP? See the verdict."),
        _("Some networks (hotels, offices) let UDP out to few ports only. Try another one."),
    )


def _when_refused() -> tuple[str, ...]:
    return (
        _("Hand the configuration over again: a key of an older one, or of another tunnel, doesn't fit."),
        _("See whether the clock of the peer is right: a handshake older than the last one is refused, as a replay."),
        _("With a preshared key: both sides need the same one."),
        _("Does an answer get back? A firewall of this machine may hold it: see the doctor."),
    )


def _sent_to(peer: live.LivePeer) -> tuple[str, ...]:
    return (_("Its last known address is {address}.").format(address=peer.endpoint),) if peer.endpoint else ()


def _foreign(first: Numbers, now: Numbers) -> int:
    """Packets that arrived and weren't of peers whose keys fit, as far as can be told: all of them where no peer
    received anything meanwhile, else 1 where there are more bytes than the peers received."""
    if now.packets is None or first.packets is None:
        return 0
    packets, size = now.packets - first.packets, now.size - first.size
    if packets < 0:  # the rules were loaded anew
        packets, size = now.packets, now.size
    known = 0
    versions = set()
    for key, peer in now.peers.items():
        before = first.peers.get(key)
        more = peer.received - (before.received if before else 0)
        if more < 0:
            more = peer.received
        if more:
            known += more
            versions.add(6 if peer.endpoint.startswith("[") else 4)
    if not known:
        return packets
    if len(versions) > 1:
        return 0
    each = _HEADERS[versions.pop()] + (0 if now.exact else _PADDING)
    return int(size - packets * each - known >= INITIATION - 20)


def _shaken(before: live.LivePeer | None, peer: live.LivePeer, since: float, moment: float) -> Stage:
    """The keys fit. Handshakes and keepalives are bytes too: what is more than those is something that passed."""
    received = peer.received - (before.received if before and before.received <= peer.received else 0)
    sent = peer.sent - (before.sent if before and before.sent <= peer.sent else 0)
    seconds = max(0.0, moment - since)
    again, keep = 1 + seconds / _AGAIN, 2 + seconds / _KEEP
    comes = received > again * INITIATION + keep * KEEPALIVE + _LITTLE
    goes = sent > again * RESPONSE + keep * KEEPALIVE + _LITTLE
    where = _("It comes from {address}.").format(address=peer.endpoint) if peer.endpoint else ""
    shaken = " ".join(word for word in (_("The keys fit: there was a handshake."), where) if word)
    if comes and goes:
        return Stage("works", (shaken, _("Something passes in both directions.")))
    if comes:
        return Stage(
            "handshake",
            (shaken, _("Its packets come in, but nothing goes back to it.")),
            (
                _("This machine doesn't pass them on, or what answers doesn't find back: forwarding, NAT, a firewall."),
                _("The doctor looks at all of them, and says what mends it."),
                _("Does what it asks for exist? Try the machine's own address in the tunnel first."),
            ),
        )
    return Stage(
        "handshake",
        (shaken, _("Nothing has passed yet.")),
        (
            _("Open something on the peer: a page, or a ping to the machine's address in the tunnel."),
            _("Are the allowed addresses in its configuration those that it is to reach?"),
            _(
                "Do small things work and large ones hang? Then the MTU is too large: the doctor compares it with the "
                "way out."
            ),
        ),
    )


# -- DNS -------------------------------------------------------------------------------------------------------------


async def _with_dns(host: Host, tunnel: str, peer: str, found: Stage) -> Stage:
    """And whether the DNS servers that the peer was told answer, as far as this machine can ask them."""
    silent: list[str] = []
    answered: list[str] = []
    for server in await _servers(host, tunnel, peer):
        (answered if await dns_answers(host, server) else silent).append(server)
    if silent:
        why = _("But the DNS server that it was told doesn't answer here: {servers}.").format(servers=", ".join(silent))
        return Stage(
            found.kind,
            (*found.words, why),
            (_("Names won't work at the peer. Start the server, let it listen in the tunnel, or tell another one."),),
        )
    if answered:
        said = _("The DNS server that it was told answers: {servers}.").format(servers=", ".join(answered))
        return Stage(found.kind, (*found.words, said))
    return found


async def _servers(host: Host, tunnel: str, peer: str) -> tuple[str, ...]:
    try:
        settings = applied.load(await host.text(applied.PATH) or "")
    except (OSError, ValueError):
        return ()
    one = (settings.tunnels or {}).get(tunnel)
    if one is None:
        return ()
    own = (one.peers or {}).get(peer)
    told = (own.dns if own is not None and own.dns is not None else one.dns) or ()
    return tuple(server for server in told if server.replace(".", "").isdigit() or ":" in server)


async def dns_answers(host: Host, server: str) -> bool:
    """Whether somebody answers DNS at an address (RFC 1035: a question for the root's name servers)."""
    number = secrets.token_bytes(2)
    question = number + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + b"\0" + struct.pack("!HH", 2, 1)

    def wanted(came: Datagram) -> bool:
        return came.data[:2] == number and len(came.data) >= 12 and bool(came.data[2] & 0x80)

    try:
        return await host.datagram(server, 53, question, waits=(1.0, 1.5), wanted=wanted) is not None
    except (OSError, HostError):
        return False
