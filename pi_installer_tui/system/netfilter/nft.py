"""What `nft --json list ruleset` prints, as tables. Source: libnftables-json(5)."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pi_installer_tui.system.netfilter.iptables import networks
from pi_installer_tui.system.netfilter.rules import Chain, Condition, Kind, Rule, Table

_UNSURE = Condition("unsure")
_ALWAYS = Condition("always")
_NEVER = Condition("always", negated=True)
_PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
#: statements that decide nothing
_NOTHING = frozenset(
    (
        "counter",
        "log",
        "notrack",
        "mangle",
        "flow",
        "set",
        "secmark",
        "comment",
        "ct helper",
        "ct timeout",
        "fwd",
        "dup",
    )
)
_SERVICES = {"ssh": 22, "http": 80, "https": 443, "domain": 53}


def parse(text: str) -> tuple[Table, ...]:
    """The tables. Raises ValueError, KeyError or TypeError for what isn't such a document; an expression that isn't
    known makes its rule unsure."""
    entries: list[Mapping[str, Any]] = json.loads(text)["nftables"]
    sets: dict[tuple[str, str, str], Any] = {}
    chains: dict[tuple[str, str], dict[str, tuple[Mapping[str, Any], list[Rule]]]] = {}
    for entry in entries:
        ((kind, body),) = entry.items()
        if kind in ("set", "map"):
            sets[body["family"], body["table"], body["name"]] = body
        elif kind == "table":
            chains.setdefault((body["family"], body["name"]), {})
        elif kind == "chain":
            chains.setdefault((body["family"], body["table"]), {})[body["name"]] = (body, [])
    for entry in entries:
        if "rule" in entry:
            body = entry["rule"]
            place = (body["family"], body["table"])
            here = {name: found for (*of, name), found in sets.items() if tuple(of) == place}
            chains[place][body["chain"]][1].extend(_rules(body["expr"], here))
    return tuple(
        Table(family, name, {chain: _chain(body, rules) for chain, (body, rules) in found.items()})
        for (family, name), found in chains.items()
    )


def _chain(body: Mapping[str, Any], rules: list[Rule]) -> Chain:
    priority = body.get("prio", 0)
    if not isinstance(priority, int):
        priority = _PRIORITIES.get(str(priority), 0)
    policy = body.get("policy", "accept") if "hook" in body else ""
    return Chain(tuple(rules), policy, body.get("hook", ""), priority, body.get("type") == "nat")


def _rules(expressions: list[Any], sets: Mapping[str, Any]) -> list[Rule]:
    """One rule; of a verdict map one for each of its elements."""
    conditions: list[Condition] = []
    for expression in expressions:
        if not isinstance(expression, dict):
            continue
        ((kind, body),) = list(expression.items())[:1]
        if kind == "match":
            conditions += _match(body, sets)
        elif kind == "limit":
            conditions.append(_NEVER if isinstance(body, dict) and body.get("inv") else _ALWAYS)
        elif kind == "vmap":
            made = []
            for value, verdict in _elements(body["data"], sets):
                action, target = _verdict(verdict)
                made.append(Rule((*conditions, *_compare(body["key"], value, sets)), action, target))
            return made if made else [Rule((*conditions, _UNSURE), "unsure")]
        elif kind in ("accept", "drop", "return", "jump", "goto", "continue"):
            action, target = _verdict({kind: body})
            return [Rule(tuple(conditions), action, target)]
        elif kind == "reject":
            return [Rule(tuple(conditions), "drop")]
        elif kind in ("dnat", "redirect"):
            return [Rule(tuple(conditions), "dnat", _where(body))]
        elif kind in ("snat", "masquerade"):
            return [Rule(tuple(conditions), "accept")]
        elif kind in ("queue", "tproxy", "synproxy"):
            return [Rule(tuple(conditions), "unsure")]
        elif kind not in _NOTHING:
            conditions.append(_UNSURE)
    return [Rule(tuple(conditions))]


def _verdict(verdict: Any) -> tuple[str, str]:
    if not isinstance(verdict, dict):
        return "unsure", ""
    ((kind, body),) = list(verdict.items())[:1]
    if kind in ("jump", "goto"):
        return kind, str(body["target"])
    return ("", "") if kind == "continue" else (kind, "") if kind in ("accept", "drop", "return") else ("unsure", "")


def _where(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    address, port = body.get("addr", ""), body.get("port", "")
    return f"{address}:{port}" if isinstance(address, str) and isinstance(port, int | str) else ""


def _elements(data: Any, sets: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    if isinstance(data, str) and data.startswith("@"):
        data = {"set": sets.get(data[1:], {}).get("elem", [])}
    for element in data.get("set", []) if isinstance(data, dict) else []:
        if isinstance(element, list) and len(element) == 2:
            yield element[0], element[1]


def _match(body: Mapping[str, Any], sets: Mapping[str, Any]) -> tuple[Condition, ...]:
    *implied, condition = _compare(body["left"], body["right"], sets)
    if body["op"] in ("==", "in"):
        return (*implied, condition)
    if body["op"] == "!=":
        return (*implied, replace(condition, negated=not condition.negated))
    return (*implied, _UNSURE)


_META: dict[str, Kind] = {"iifname": "iif", "iif": "iif", "oifname": "oif", "oif": "oif"}


def _compare(left: Any, right: Any, sets: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The conditions that `left` is (one of) `right`: the last one says so, those before it are implied."""
    if not isinstance(left, dict):
        return (_UNSURE,)
    try:
        values = list(_values(right, sets))
        if "payload" in left and "field" in left["payload"]:
            return _payload(left["payload"]["protocol"], left["payload"]["field"], values)
        if "meta" in left:
            key = left["meta"]["key"]
            if key in _META:
                return (Condition(_META[key], tuple(map(str, values))),)
            if key == "l4proto":
                return (Condition("proto", tuple(map(str, values))),)
            if key in ("nfproto", "protocol"):
                return (Condition("saddr", tuple(_EVERY[v] for v in values if v in _EVERY)),)
            if key == "pkttype":
                return (_ALWAYS if values in (["unicast"], ["host"]) else _NEVER,)
        if "ct" in left and left["ct"]["key"] in ("state", "status"):
            return (Condition("state", tuple(map(str, values))),)
        if "fib" in left and left["fib"].get("result") == "type" and "daddr" in left["fib"].get("flags", ()):
            return (Condition("dst-type", tuple(map(str, values))),)
    except (ValueError, TypeError, KeyError):
        pass
    return (_UNSURE,)


_EVERY = {
    name: ipaddress.ip_network(network)
    for name, network in (("ipv4", "0.0.0.0/0"), ("ip", "0.0.0.0/0"), ("ipv6", "::/0"), ("ip6", "::/0"))
}


def _payload(protocol: str, field: str, values: list[Any]) -> tuple[Condition, ...]:
    if protocol in ("tcp", "udp", "th") and field in ("dport", "sport"):
        ports = Condition("dport" if field == "dport" else "sport", tuple(_range(value) for value in values))
        return (Condition("proto", ("tcp", "udp") if protocol == "th" else (protocol,)), ports)
    if protocol in ("ip", "ip6") and field in ("saddr", "daddr"):
        found = tuple(network for value in values for network in networks(_network(value)))
        return _version(protocol), Condition("saddr" if field == "saddr" else "daddr", found)
    if protocol in ("ip", "ip6") and field in ("protocol", "nexthdr"):
        return _version(protocol), Condition("proto", tuple(map(str, values)))
    if protocol in ("icmp", "icmpv6"):
        return (_NEVER, _ALWAYS)
    return (_UNSURE,)


def _version(protocol: str) -> Condition:
    return Condition("saddr", (_EVERY[protocol],))


def _range(value: Any) -> tuple[int, int]:
    if isinstance(value, dict):
        first, last = value["range"]
        return _port(first), _port(last)
    return _port(value), _port(value)


def _port(value: Any) -> int:
    return _SERVICES[value] if value in _SERVICES else int(value)


def _network(value: Any) -> str:
    if isinstance(value, dict) and "prefix" in value:
        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
    if isinstance(value, dict) and "range" in value:
        return "-".join(map(str, value["range"]))
    return str(value)


def _values(right: Any, sets: Mapping[str, Any]) -> Iterator[Any]:
    """The values on a right side: one, a set, a named set; elements with a time or a counter are unwrapped."""
    if isinstance(right, str) and right.startswith("@"):
        right = {"set": sets[right[1:]].get("elem", [])}
    if isinstance(right, dict) and "set" in right:
        right = right["set"]
    for value in right if isinstance(right, list) else [right]:
        if isinstance(value, dict) and "elem" in value:
            value = value["elem"]["val"]
        yield value
