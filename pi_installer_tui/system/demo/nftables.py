"""The player of nft: tables of files that are loaded with -f, and those that iptables made. Rules are kept as they were
written; the counter `arrived` counts what came in by the tunnel that the table is named after."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

from pi_installer_tui.system.demo.players import Call, Refused, player
from pi_installer_tui.system.demo.tree import Machine

_ABOUT = {"version": "1.1.3", "release_name": "Commodore Bullmoose #4", "json_schema_version": 1}
_TUNNELS = "pi_installer_tui_"
#: bytes of a packet, in the mean
_PACKET = 600
#: of IPv4 and UDP, which the counter sees and WireGuard doesn't count
_HEADERS = 28


def load(machine: Machine, text: str) -> None:
    """`nft -f`: all of it or nothing. Raises Refused."""
    known = machine.memory("nft")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    while lines:
        line = lines.pop(0)
        if found := re.fullmatch(r"(?:add )?table (\w+) (\w+) \{", line):
            table = known.setdefault(f"{found[1]} {found[2]}", {"chains": {}, "counters": []})
            _block(table, lines)
        elif found := re.fullmatch(r"(flush|delete|destroy|add) table (\w+) (\w+)", line):
            _verb(known, found[1], f"{found[2]} {found[3]}")
        else:
            raise Refused(f"Error: syntax error, unexpected string: {line}")
    machine.remember("nft", known)


def _verb(known: dict[str, Any], verb: str, name: str) -> None:
    if verb == "add":
        known.setdefault(name, {"chains": {}, "counters": []})
    elif verb == "destroy":
        known.pop(name, None)
    elif name not in known:
        raise Refused(f"Error: No such file or directory\n{verb} table {name}")
    elif verb == "delete":
        del known[name]
    else:
        for chain in known[name]["chains"].values():
            chain["rules"] = []


def _block(table: dict[str, Any], lines: list[str]) -> None:
    """The inside of a table, up to its brace."""
    while lines:
        line = lines.pop(0)
        if line == "}":
            return
        if found := re.fullmatch(r"counter (\w+) \{ ?\}", line):
            table["counters"] = list(dict.fromkeys([*table["counters"], found[1]]))
        elif found := re.fullmatch(r"chain (\w+) \{(.*)\}", line):
            table["chains"].setdefault(found[1], {"hook": "", "rules": []})["hook"] = found[2].strip()
        elif found := re.fullmatch(r"chain (\w+) \{", line):
            chain = table["chains"].setdefault(found[1], {"hook": "", "rules": []})
            while lines and (rule := lines.pop(0)) != "}":
                if rule.startswith("type "):
                    chain["hook"] = rule
                else:
                    chain["rules"].append(rule)
        else:
            raise Refused(f"Error: syntax error, unexpected string: {line}")
    raise Refused("Error: syntax error, unexpected end of file")


def counted(machine: Machine, table: str) -> tuple[int, int]:
    """Packets and bytes that a tunnel's counter has."""
    from pi_installer_tui.system.demo import wireguard

    name = table.removeprefix(_TUNNELS)
    if name not in wireguard.tunnels(machine):
        return 0, 0
    came = wireguard.received(machine, name, time.time())
    packets = -(-came // _PACKET)
    return packets, came + packets * _HEADERS


def _text(machine: Machine, name: str, table: dict[str, Any]) -> str:
    """`nft list table`."""
    rows = [f"table {name} {{"]
    for counter in table["counters"]:
        packets, came = counted(machine, name.split()[1])
        rows += [f"\tcounter {counter} {{", f"\t\tpackets {packets} bytes {came}", "\t}", ""]
    for chain, found in table["chains"].items():
        inside = [found["hook"]] if found["hook"] else []
        rows += [f"\tchain {chain} {{", *(f"\t\t{line}" for line in (*inside, *found["rules"])), "\t}", ""]
    return "\n".join([*rows[:-1], "}"])


def _objects(machine: Machine, kind: str) -> Iterator[dict[str, Any]]:
    """Tables, chains or counters, as nft writes them in JSON; of iptables' what -S says. kind: `ruleset` has all."""
    handle = 0
    for family, program in (("ip", "iptables"), ("ip6", "ip6tables")):
        lines = machine.memory("netfilter").get(program, [])
        if not lines:
            continue
        handle += 1
        if kind in ("tables", "ruleset"):
            yield {"table": {"family": family, "name": "filter", "handle": handle}}
        for line in lines if kind == "chains" else ():
            if found := re.fullmatch(r"-P (\w+) (\w+)", line):
                base = {"type": "filter", "hook": found[1].lower(), "prio": 0, "policy": found[2].lower()}
                yield {"chain": {"family": family, "table": "filter", "name": found[1], "handle": handle, **base}}
    for name, table in machine.memory("nft").items():
        family, called = name.split()
        handle += 1
        if kind in ("tables", "ruleset"):
            yield {"table": {"family": family, "name": called, "handle": handle}}
        for counter in table["counters"] if kind == "counters" else ():
            packets, came = counted(machine, called)
            yield {"counter": {"family": family, "name": counter, "table": called, "handle": handle,
                               "packets": packets, "bytes": came}}  # fmt: skip
        for chain, found in table["chains"].items() if kind in ("chains", "ruleset") else ():
            one = {"family": family, "table": called, "name": chain, "handle": handle}
            if hook := re.match(r"type (\w+) hook (\w+) priority .*?; policy (\w+);", found["hook"]):
                one |= {"type": hook[1], "hook": hook[2], "prio": 0, "policy": hook[3]}
            yield {"chain": one}


@player("nft", package="nftables", folder="/usr/sbin")
async def nft(call: Call) -> int:
    options = call.options("-j", "--json", "-f=", "--file=")
    machine, words = call.machine, options.words
    as_json = options.has("-j", "--json")
    if path := options.value("-f", "--file"):
        text = call.input.decode("utf-8", "replace") if path in ("-", "/dev/stdin") else machine.text(path)
        if text is None:
            raise Refused(f'Error: Could not open file "{path}": No such file or directory')
        with machine.locked():
            load(machine, text)
        return 0
    match words:
        case ["list", ("ruleset" | "tables" | "chains" | "counters") as kind, *_rest] if as_json:
            await call.out(json.dumps({"nftables": [{"metainfo": _ABOUT}, *_objects(machine, kind)]}))
        case ["list", "counter", family, table, name] if as_json:
            found = [
                each
                for each in _objects(machine, "counters")
                if (each["counter"]["family"], each["counter"]["table"], each["counter"]["name"])
                == (family, table, name)
            ]
            if not found:
                raise Refused(f"Error: No such file or directory\nlist counter {family} {table} {name}")
            await call.out(json.dumps({"nftables": [{"metainfo": _ABOUT}, *found]}))
        case ["list", "table", family, table] if f"{family} {table}" in machine.memory("nft"):
            await call.out(_text(machine, f"{family} {table}", machine.memory("nft")[f"{family} {table}"]))
        case ["list", "table", family, table]:
            raise Refused(f"Error: No such file or directory\nlist table {family} {table}")
        case [("delete" | "flush" | "destroy" | "add"), "table", _family, _table]:
            with machine.locked():
                load(machine, " ".join(words))
        case _:
            raise Refused(f"nft: {' '.join(call.argv[1:])} isn't played")
    return 0
