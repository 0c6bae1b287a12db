"""One packet's way through all of a machine's tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pi_installer_tui.system.netfilter.rules import Packet, Table, walk

_FAMILIES = {4: ("ip", "inet", "netdev"), 6: ("ip6", "inet", "netdev")}
_HOOKS = {False: ("ingress", "prerouting", "input"), True: ("ingress", "prerouting", "forward")}


@dataclass(frozen=True, slots=True)
class Passing:
    """How it ends. where: family, table and base chain that drop it, or in which that isn't sure; "" where it
    passes."""

    outcome: Literal["passes", "dropped", "unknown"]
    where: str = ""


def passing(tables: Iterable[Table], packet: Packet) -> Passing:
    """The way through the base chains of its hooks, in their order: a drop in any of them is the end. What a rule asks
    that isn't understood makes the outcome unknown where it matters."""
    hooks = _HOOKS[packet.forwarded]
    chains = [
        (hooks.index(chain.hook), chain.priority, f"{table.family} {table.name} {name}", table, name)
        for table in tables
        if table.family in _FAMILIES[packet.version]
        for name, chain in table.chains.items()
        if chain.hook in hooks and not chain.nat
    ]
    unsure = ""
    for *_order, where, table, name in sorted(chains, key=lambda each: each[:3]):
        kinds = {kind for kind, _sure in walk(table, name, packet, anyone=True)}
        if kinds == {"drop"}:
            return Passing("dropped", where)
        if "drop" in kinds:
            unsure = unsure or where
    return Passing("unknown", unsure) if unsure else Passing("passes")
