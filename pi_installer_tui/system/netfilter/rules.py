"""Chains of rules, and the walk of the first packet of a connection through them.

Two walks answer two questions: what happens to anyone, whose address no rule names; and whether somebody gets through
whose address, interface or source port a rule does name. A condition that can't be decided makes both outcomes
possible, and the verdict unknown where it matters.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Kind = Literal[
    "proto",
    "dport",
    "origport",
    "sport",
    "saddr",
    "daddr",
    "iif",
    "oif",
    "state",
    "dst-type",
    "always",
    "some",
    "unsure",
]

#: outcomes of a walk: that, and whether it is sure
Outcome: TypeAlias = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule asks of a packet. values: names, port ranges `(from, to)` or networks, by the kind. `some`: it
    holds for somebody but not for anyone; `unsure`: nobody here knows."""

    kind: Kind
    values: tuple[object, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """conditions that all have to hold. action: accept, drop, return, jump, goto, dnat, unsure, or "" (it only
    counts or logs); target: a chain's name, or where dnat leads (`172.17.0.2:80`)."""

    conditions: tuple[Condition, ...]
    action: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """policy and hook are a base chain's. priority: the lower one comes first."""

    rules: tuple[Rule, ...]
    policy: str = ""
    hook: str = ""
    priority: int = 0
    nat: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of one family: `ip`, `ip6`, `inet`, `netdev`."""

    family: str
    name: str
    chains: Mapping[str, Chain]


@dataclass(frozen=True, slots=True)
class Packet:
    """The first packet of a connection from outside, or an answer in one (established). own: this machine's addresses
    that it may be sent to; forwarded: it goes on to `own`, which is a container's where it was sent to the port
    `origport` and led on. source: where it comes from, "" anyone's address."""

    version: Literal[4, 6]
    proto: str
    dport: int
    iif: str
    own: tuple[str, ...] = ()
    oif: str = ""
    forwarded: bool = False
    origport: int = 0
    source: str = ""
    established: bool = False


@dataclass
class _Walk:
    table: Table
    packet: Packet
    anyone: bool
    open: list[str] = field(default_factory=list)

    def chain(self, name: str) -> set[Outcome]:
        """How a chain ends; `continue` where it comes to its end."""
        chain = self.table.chains.get(name)
        if chain is None or name in self.open:
            return {("accept", False), ("drop", False)}
        self.open.append(name)
        try:
            return self._rules(chain.rules)
        finally:
            self.open.pop()

    def _rules(self, rules: Iterable[Rule]) -> set[Outcome]:
        outcomes: set[Outcome] = set()
        for rule in rules:
            holds = matches(rule.conditions, self.packet, anyone=self.anyone)
            if holds is False or not rule.action:
                continue
            ends = self._action(rule)
            if holds == "unsure":
                ends = {(kind, False) for kind, _sure in ends} | {("continue", False)}
            passed = {end for end in ends if end[0] == "continue"}
            outcomes |= ends - passed
            if holds is True and not passed:
                return outcomes
            if holds is True and all(not sure for _k, sure in passed):
                # whether the rules below are come to isn't sure, so nothing of them is
                return outcomes | {(kind, False) for kind, _sure in self._rules(_after(rules, rule))}
        return outcomes | {("continue", True)}

    def _action(self, rule: Rule) -> set[Outcome]:
        match rule.action:
            case "accept" | "drop":
                return {(rule.action, True)}
            case "return":
                return {("return", True)}
            case "dnat":
                return {(f"dnat {rule.target}", True)}
            case "jump" | "goto":
                ends = self.chain(rule.target)
                after = "continue" if rule.action == "jump" else "return"
                return {(after if kind in ("continue", "return") else kind, sure) for kind, sure in ends}
        return {("accept", False), ("drop", False)}


def _after(rules: Iterable[Rule], rule: Rule) -> list[Rule]:
    kept = list(rules)
    at = next(i for i, each in enumerate(kept) if each is rule)
    return kept[at + 1 :]


def walk(table: Table, name: str, packet: Packet, *, anyone: bool) -> set[Outcome]:
    """How a packet ends in a base chain: accept, drop or `dnat WHERE`, each sure or not."""
    policy = table.chains[name].policy or "accept"
    ends = _Walk(table, packet, anyone).chain(name)
    return {(policy if kind in ("continue", "return") else kind, sure) for kind, sure in ends}


Holds: TypeAlias = Literal[True, False, "some", "unsure"]


def matches(conditions: Iterable[Condition], packet: Packet, *, anyone: bool) -> Holds:
    """Whether all conditions hold; `some`: for somebody."""
    result: Holds = True
    for condition in conditions:
        holds = _holds(condition, packet)
        if holds == "some" and anyone:
            holds = condition.negated
        elif condition.negated and isinstance(holds, bool):
            holds = not holds
        if holds is False:
            return False
        if holds == "unsure" or (holds == "some" and result is True):
            result = holds
    return result


def _holds(condition: Condition, packet: Packet) -> Holds:
    values = condition.values
    match condition.kind:
        case "always":
            return True
        case "proto":
            return packet.proto in values or "all" in values
        case "dport":
            return any(isinstance(v, tuple) and v[0] <= packet.dport <= v[1] for v in values)
        case "origport":
            port = packet.origport or packet.dport
            return any(isinstance(v, tuple) and v[0] <= port <= v[1] for v in values)
        case "state":
            return ("established" if packet.established else "new") in values or bool(
                packet.origport and "dnat" in values
            )
        case "dst-type":
            return "unicast" in values if packet.forwarded else "local" in values
        case "iif":
            return any(_named(packet.iif, str(v)) for v in values)
        case "oif":
            return any(_named(packet.oif, str(v)) for v in values) if packet.oif else False
        case "saddr":
            return _sent_by(values, packet) if packet.source else _everyone(values, packet.version)
        case "daddr":
            return _sent_to(values, packet)
        case "sport":
            whole = any(isinstance(v, tuple) and v[0] == 0 and v[1] == 65535 for v in values)
            return True if whole else "some"
        case "some":
            return "some"
    return "unsure"


def _named(name: str, pattern: str) -> bool:
    """Interfaces: `eth+` (iptables) and `eth*` (nft) stand for all that start so."""
    return name.startswith(pattern[:-1]) if pattern.endswith(("+", "*")) else name == pattern


def _everyone(values: tuple[object, ...], version: int) -> Holds:
    networks = [v for v in values if isinstance(v, ipaddress.IPv4Network | ipaddress.IPv6Network)]
    here = [n for n in networks if n.version == version]
    if len(networks) == len(values) and not here:
        return False
    return True if any(n.prefixlen == 0 for n in here) else "some"


def _sent_by(values: tuple[object, ...], packet: Packet) -> Holds:
    networks = [v for v in values if isinstance(v, ipaddress.IPv4Network | ipaddress.IPv6Network)]
    source = ipaddress.ip_address(packet.source)
    if any(network.version == source.version and source in network for network in networks):
        return True
    return False if len(networks) == len(values) else "unsure"


def _sent_to(values: tuple[object, ...], packet: Packet) -> Holds:
    networks = [v for v in values if isinstance(v, ipaddress.IPv4Network | ipaddress.IPv6Network)]
    if len(networks) != len(values):
        return "unsure"
    here = [n for n in networks if n.version == packet.version]
    own = [a for a in map(ipaddress.ip_address, packet.own) if a.version == packet.version]
    if not here or all(n.is_multicast for n in here):
        return False
    if any(n.prefixlen == 0 for n in here):
        return True
    if not own:
        return "unsure"
    inside = [any(address in n for n in here) for address in own]
    return True if all(inside) else "unsure" if any(inside) else False
