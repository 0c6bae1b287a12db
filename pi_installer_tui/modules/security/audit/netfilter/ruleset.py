"""All rule sets of a machine, and their verdict on a port."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.netfilter import iptables, nft
from pi_installer_tui.system.netfilter.rules import (
    Condition,
    Network,
    Outcome,
    Packet,
    Table,
    matches,
    walk,
)
from pi_installer_tui.system.reading import Unknown

#: limited: closed to anyone, open to somebody whose address, interface or source port a rule names
Passage: TypeAlias = Literal["open", "limited", "closed", "unknown"]

_FAMILIES = {4: ("ip", "inet", "netdev"), 6: ("ip6", "inet", "netdev")}
_HOOKS = {False: ("ingress", "prerouting", "input"), True: ("ingress", "prerouting", "forward")}


@dataclass(frozen=True, slots=True)
class Ruleset:
    """tables: by IP version. outside: interfaces that a default route or no other one leads through; inside: the
    others but lo. addresses: this machine's, by IP version. asked: the commands. networks:
    those that its interfaces are in, with the interface's name."""

    tables: Mapping[int, tuple[Table, ...] | Unknown]
    outside: tuple[str, ...]
    inside: tuple[str, ...]
    addresses: Mapping[int, tuple[str, ...]]
    asked: tuple[str, ...] = ()
    networks: tuple[tuple[Network, str], ...] = ()


async def read(host: Host) -> Ruleset:
    """Reads the rule sets as the kernel has them: nft's own, and iptables' by its own program."""
    listed, four, six, addresses = await asyncio.gather(
        base.say(host, "nft", "--json", "list", "ruleset"),
        base.say(host, "iptables-save"),
        base.say(host, "ip6tables-save"),
        base.say(host, "ip", "-json", "address", "show"),
    )
    legacy4, legacy6, routes4, routes6, *programs = await asyncio.gather(
        base.text(host, "/proc/net/ip_tables_names"),
        base.text(host, "/proc/net/ip6_tables_names"),
        base.text(host, "/proc/net/route"),
        base.text(host, "/proc/net/ipv6_route"),
        *(host.which(program) for program in PROGRAMS),
    )
    nothing = not any(programs)
    there = {program for program, path in zip(PROGRAMS, programs, strict=True) if path}
    if not there & {"nft", "firewalld"}:
        listed = ""
    if not there & {"iptables", "iptables-save"}:
        four = six = ""
    try:
        outside, inside, own = interfaces(addresses, routes4, routes6)
    except ValueError:
        why = addresses if isinstance(addresses, Unknown) else Unknown(_("no interface leads outside"))
        return Ruleset({4: why, 6: why}, (), (), {4: (), 6: ()}, ASKED)
    tables: dict[int, tuple[Table, ...] | Unknown] = {}
    for version, saved, legacy in ((4, four, legacy4), (6, six, legacy6)):
        tables[version] = () if nothing else combine(version, listed, saved, legacy)
    return Ruleset(
        tables,
        outside,
        inside,
        own,
        ("which nft iptables-save firewalld",) if nothing else ASKED,
        networks(addresses),
    )


#: where none of them is installed there is nothing that sets up a packet filter
PROGRAMS = ("nft", "iptables-save", "iptables", "firewalld")
ASKED = ("nft --json list ruleset", "iptables-save", "ip6tables-save")


def interfaces(
    addresses: str | Unknown, routes4: str | Unknown | None, routes6: str | Unknown | None
) -> tuple[tuple[str, ...], tuple[str, ...], Mapping[int, tuple[str, ...]]]:
    """Interfaces that a default route leads through (without one: all that aren't bridges, tunnels or pairs), the
    others, and the addresses by IP version. Raises ValueError where they aren't known."""
    if isinstance(addresses, Unknown):
        raise ValueError(addresses.reason)
    links = [link for link in json.loads(addresses) if "LOOPBACK" not in link.get("flags", ())]
    own: dict[int, list[str]] = {4: [], 6: []}
    for link in links:
        for info in link.get("addr_info", ()):
            own[6 if info.get("family") == "inet6" else 4].append(info["local"])
    names = [link["ifname"] for link in links]
    # proc(5): the default route's destination is all zeros; the interface stands first, of IPv6 last
    fields4 = [line.split() for line in (routes4 if isinstance(routes4, str) else "").splitlines()[1:]]
    fields6 = [line.split() for line in (routes6 if isinstance(routes6, str) else "").splitlines()]
    default = {f[0] for f in fields4 if len(f) > 2 and f[1] == "0" * 8}
    default |= {f[9] for f in fields6 if len(f) == 10 and f[:2] == ["0" * 32, "00"]}
    outside = tuple(n for n in names if n in default)
    if not outside:
        outside = tuple(n for n in names if not n.startswith(("docker", "br-", "veth", "wg", "tun", "tailscale")))
    if not outside:
        raise ValueError("no interface")
    return outside, tuple(n for n in names if n not in outside), {v: tuple(a) for v, a in own.items()}


def networks(addresses: str | Unknown) -> tuple[tuple[Network, str], ...]:
    """The networks that the interfaces are in."""
    links = [] if isinstance(addresses, Unknown) else json.loads(addresses)
    return tuple(
        (ipaddress.ip_network(f"{info['local']}/{info['prefixlen']}", strict=False), str(link["ifname"]))
        for link in links
        for info in link.get("addr_info", ())
    )


def combine(
    version: int, listed: str | Unknown, saved: str | Unknown, legacy: str | Unknown | None
) -> tuple[Table, ...] | Unknown:
    """The tables of one IP version. nft shows iptables' tables too, but not all of their matches, so those that
    iptables-save knows are taken from there. listed, saved: "" where nothing is installed that makes such tables.
    Where listed is unknown, iptables' tables tell enough if they drop: whatever else there is can only drop more."""
    family: Literal["ip", "ip6"] = "ip" if version == 4 else "ip6"
    known: tuple[Table, ...] = ()
    if isinstance(saved, str):
        try:
            known = iptables.parse(saved, family)
        except (ValueError, KeyError, IndexError):
            return Unknown(_("{program}'s answer can't be read").format(program="iptables-save"))
    elif isinstance(legacy, str) and legacy.strip():
        return saved
    if isinstance(listed, Unknown):
        return listed if not _dropping(known) else known
    if not listed:
        if isinstance(saved, Unknown):
            return saved
        hidden = Unknown(_("{program} is not installed").format(program="nft"))
        return hidden if "use 'nft' tool" in saved else known
    try:
        tables = nft.parse(listed)
    except (ValueError, KeyError, TypeError):
        return Unknown(_("{program}'s answer can't be read").format(program="nft"))
    names = {(t.family, t.name) for t in known}
    return (*known, *(t for t in tables if t.family in _FAMILIES[version] and (t.family, t.name) not in names))


def _dropping(tables: tuple[Table, ...]) -> bool:
    """An iptables INPUT chain that drops by itself."""
    return any(t.name == "filter" and t.chains["INPUT"].policy == "drop" for t in tables if "INPUT" in t.chains)


def passage(rules: Ruleset, version: Literal[4, 6], proto: str, port: int, address: str = "") -> Passage:
    """What happens to a new connection from outside to a port of this machine. address: that it is bound to, ""
    every one."""
    tables = rules.tables[version]
    if isinstance(tables, Unknown):
        return "unknown"
    own = (address,) if address else rules.addresses[version]
    packet = Packet(version, proto, port, "", own)
    return _through(tables, rules, packet)


def _through(tables: tuple[Table, ...], rules: Ruleset, packet: Packet) -> Passage:
    seen = [_one(tables, replace(packet, iif=name)) for name in rules.outside]
    order: tuple[Passage, ...] = ("open", "unknown", "limited")
    for verdict in order:
        if verdict in seen:
            return verdict
    if not packet.forwarded and any(
        _one(tables, replace(packet, iif=name)) in ("open", "limited") for name in rules.inside
    ):
        return "limited"
    return "closed"


def _one(tables: tuple[Table, ...], packet: Packet) -> Passage:
    anyone = _all(tables, packet, anyone=True)
    kinds = {kind for kind, _sure in anyone}
    if kinds == {"accept"}:
        return "open"
    if kinds != {"drop"}:
        return "unknown"
    accepted = [sure for kind, sure in _all(tables, packet, anyone=False) if kind == "accept"]
    if not accepted:
        return "closed"
    return "limited" if any(accepted) else "unknown"


def _all(tables: tuple[Table, ...], packet: Packet, *, anyone: bool) -> set[Outcome]:
    """The outcomes after every base chain that a packet passes: a drop in any of them is one."""
    chains = [
        (_HOOKS[packet.forwarded].index(chain.hook), chain.priority, table, name)
        for table in tables
        for name, chain in table.chains.items()
        if chain.hook in _HOOKS[packet.forwarded] and not chain.nat
    ]
    outcomes: set[Outcome] = set()
    sure = True
    for _hook, _priority, table, name in sorted(chains, key=lambda each: each[:2]):
        ends = walk(table, name, packet, anyone=anyone)
        outcomes |= {("drop", certain) for kind, certain in ends if kind == "drop"}
        passed = [certain for kind, certain in ends if kind != "drop"]
        if not passed:
            return outcomes
        sure = sure and any(passed)
    return outcomes | {("accept", sure)}


# published ports ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Published:
    """A port that is led on to another address: a container's. passage: through the rules for what is forwarded."""

    version: Literal[4, 6]
    proto: str
    port: int
    to: str
    passage: Passage


def published(rules: Ruleset) -> tuple[Published, ...]:
    """The ports that a nat table leads on to another machine or container. They never come to the rules for this
    machine's own ports, which are all that ufw's rules are."""
    found: dict[tuple[int, str, int], Published] = {}
    for version in (4, 6):
        tables = rules.tables[version]
        if isinstance(tables, Unknown):
            continue
        for table in tables:
            for chain in table.chains.values():
                for rule in chain.rules:
                    if rule.action == "dnat" and not rule.target.startswith(":"):
                        for one in _published(rules, tables, version, rule.conditions, rule.target):
                            found[one.version, one.proto, one.port] = one
    return tuple(found.values())


def _published(
    rules: Ruleset, tables: tuple[Table, ...], version: int, conditions: tuple[Condition, ...], target: str
) -> list[Published]:
    container, to = _destination(target)
    protos = [str(v) for c in conditions if c.kind == "proto" for v in c.values]
    ports = [v for c in conditions if c.kind == "dport" for v in c.values if isinstance(v, tuple)]
    bridge = next((name for network, name in rules.networks if container in network), "") if container else ""
    found = []
    for proto in protos:
        for first, last in ports:
            for port in range(first, min(last, first + 255) + 1):
                outer = Packet(4 if version == 4 else 6, proto, port, rules.outside[0], rules.addresses[version])
                if matches(conditions, outer, anyone=False) is False:
                    continue
                inner = replace(
                    outer,
                    dport=to or port,
                    own=(str(container),),
                    oif=bridge,
                    forwarded=True,
                    origport=port,
                )
                through: Passage = _through(tables, rules, inner) if container else "unknown"
                found.append(Published(outer.version, proto, port, target, through))
    return found


def _destination(target: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address | None, int]:
    """`172.17.0.2:80`, `[fd00::2]:80`, `172.17.0.2`: address and port, 0 the same one; None where it is another form
    (a range of addresses)."""
    matched = re.fullmatch(r"\[([0-9a-f:.]+)\](?::(\d+))?|([0-9.]+)(?::(\d+))?", target)
    if matched is None:
        return None, 0
    try:
        return ipaddress.ip_address(matched[1] or matched[3]), int(matched[2] or matched[4] or 0)
    except ValueError:
        return None, 0
