"""What iptables-save and ip6tables-save print, as tables. Source: iptables-save(8), iptables-extensions(8)."""

from __future__ import annotations

import ipaddress
import shlex
from typing import Literal

from pi_installer_tui.system.netfilter.rules import Chain, Condition, Kind, Network, Rule, Table

#: built-in chains and their hooks
_HOOKS = {"PREROUTING": "prerouting", "INPUT": "input", "FORWARD": "forward", "OUTPUT": "output"}
_PRIORITY = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_ALWAYS = Condition("always")
_NEVER = Condition("always", negated=True)
_UNSURE = Condition("unsure")
_SOME = Condition("some")

#: targets that don't decide about a packet
_NOTHING = frozenset(
    [
        "LOG",
        "NFLOG",
        "ULOG",
        "MARK",
        "CONNMARK",
        "SECMARK",
        "CONNSECMARK",
        "TRACE",
        "AUDIT",
        "CHECKSUM",
        "CLASSIFY",
        "CT",
        "DSCP",
        "ECN",
        "NOTRACK",
        "SET",
        "TCPMSS",
        "TOS",
        "TTL",
        "HL",
        "TEE",
        "MASQUERADE",
        "SNAT",
    ]
)
_DROPS = frozenset(("DROP", "REJECT", "TARPIT", "CHAOS", "DELUDE"))
#: options that have no value; any other one has one
_FLAGS = frozenset(
    [
        "--rsource",
        "--rdest",
        "--set",
        "--update",
        "--rcheck",
        "--remove",
        "--rttl",
        "--reap",
        "--syn",
        "--invert",
        "--validmark",
        "--loose",
        "--log-uid",
        "--log-ip-options",
        "--log-tcp-options",
        "--log-tcp-sequence",
        "--accept-local",
        "--random",
        "--random-fully",
        "--persistent",
        "--save-mark",
        "--restore-mark",
        "--limit-iface-in",
        "--limit-iface-out",
        "--kerneltz",
        "--contiguous",
        "--physdev-is-bridged",
        "--physdev-is-in",
        "--physdev-is-out",
        "--return-nomatch",
        "-f",
        "--fragment",
        "--rt-0-res",
        "--soft",
        "--nowildcard",
        "--transparent",
        "--hashlimit-rate-match",
    ]
)


def parse(text: str, family: Literal["ip", "ip6"]) -> tuple[Table, ...]:
    """The tables. Raises ValueError for what isn't such a text; an option that isn't known makes its rule unsure."""
    tables: list[Table] = []
    name = ""
    policies: dict[str, str] = {}
    rules: dict[str, list[Rule]] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("*"):
            name, policies, rules = line[1:], {}, {}
        elif line.startswith(":"):
            chain, policy = line[1:].split(" ")[:2]
            policies[chain] = "" if policy == "-" else policy.lower()
            rules[chain] = []
        elif line == "COMMIT":
            tables.append(_table(family, name, policies, rules))
        elif line.startswith("-A "):
            words = shlex.split(line)
            rules[words[1]].append(_rule(words[2:]))
        else:
            raise ValueError(line)
    return tuple(tables)


def _table(family: str, name: str, policies: dict[str, str], rules: dict[str, list[Rule]]) -> Table:
    chains = {
        chain: Chain(
            tuple(rules[chain]),
            policies[chain],
            _HOOKS.get(chain, "") if policies[chain] else "",
            _PRIORITY.get(name, 0),
            name == "nat",
        )
        for chain in policies
    }
    return Table(family, name, chains)


def _rule(words: list[str]) -> Rule:
    conditions: list[Condition] = []
    action, target = "", ""
    todo = list(words)
    negated = False
    matched: set[str] = set()
    while todo:
        option = todo.pop(0)
        if option == "!":
            negated = True
            continue
        if option in ("-j", "-g"):
            name = todo.pop(0)
            action, target = _target(option, name, todo)
            break
        if option == "-m":
            matched.add(todo.pop(0))
            continue
        value = "" if option in _FLAGS else todo.pop(0) if todo else ""
        if option in ("--tcp-flags", "--match-set", "--set-name"):
            value = f"{value} {todo.pop(0)}" if todo else value
        if option == "--physdev-in":
            value = value or ""
        conditions += _condition(option, value, negated, frozenset(matched))
        negated = False
    return Rule(tuple(conditions), action, target)


def _target(option: str, name: str, todo: list[str]) -> tuple[str, str]:
    if option == "-g":
        return "goto", name
    if name == "ACCEPT":
        return "accept", ""
    if name in _DROPS:
        return "drop", ""
    if name == "RETURN":
        return "return", ""
    if name == "DNAT":
        return "dnat", todo[todo.index("--to-destination") + 1] if "--to-destination" in todo else ""
    if name == "REDIRECT":
        return "dnat", ":" + (todo[todo.index("--to-ports") + 1] if "--to-ports" in todo else "")
    if name in _NOTHING:
        return "", ""
    if name in ("QUEUE", "NFQUEUE", "TPROXY", "NETMAP", "DNPT", "SNPT", "SYNPROXY", "CLUSTERIP"):
        return "unsure", ""
    return "jump", name


def _ports(text: str) -> tuple[object, ...]:
    ranges: list[object] = []
    for part in text.split(","):
        first, _colon, last = part.partition(":")
        ranges.append((int(first or 0), int(last if last else (65535 if _colon else first))))
    return tuple(ranges)


def networks(text: str) -> tuple[Network, ...]:
    """`192.168.1.0/24`, `10.0.0.1-10.0.0.9`; a mask written as an address too."""
    if "-" in text:
        first, last = (ipaddress.ip_address(part) for part in text.split("-"))
        return tuple(ipaddress.summarize_address_range(first, last))
    return (ipaddress.ip_network(text, strict=False),)


_PLAIN: dict[str, Kind] = {"-i": "iif", "-o": "oif"}
#: matches that the first packet of somebody who behaves meets, and those that it doesn't
_FIRST = ("--limit", "--limit-burst", "--hashlimit-upto", "--connlimit-upto", "--set", "--name", "--mask", "--rsource")
_LATER = ("--update", "--rcheck", "--hashlimit-above", "--connlimit-above", "--hl-eq", "--rt-type", "-f", "--fragment")
_REMARKS = (
    "--comment",
    "--seconds",
    "--hitcount",
    "--rdest",
    "--rttl",
    "--reap",
    "--connlimit-mask",
    "--connlimit-saddr",
)


def _condition(option: str, value: str, negated: bool, matched: frozenset[str]) -> list[Condition]:
    try:
        if option == "-p":
            return [Condition("proto", (value,), negated)]
        if option in _PLAIN:
            return [Condition(_PLAIN[option], (value,), negated)]
        if option in ("-s", "--src-range"):
            return [Condition("saddr", networks(value), negated)]
        if option in ("-d", "--dst-range"):
            return [Condition("daddr", networks(value), negated)]
        if option in ("--dport", "--dports"):
            return [Condition("dport", _ports(value), negated)]
        if option in ("--sport", "--sports"):
            return [Condition("sport", _ports(value), negated)]
        if option == "--ports":
            return [Condition("unsure")]
        if option in ("--ctstate", "--state"):
            return [Condition("state", tuple(value.lower().split(",")), negated)]
        if option == "--dst-type":
            return [Condition("dst-type", tuple(value.lower().split(",")), negated)]
        if option == "--src-type":
            return [_ALWAYS if ("UNICAST" in value.split(",")) is not negated else _NEVER]
        if option == "--pkt-type":
            return [_ALWAYS if (value == "unicast") is not negated else _NEVER]
        if option == "--ctorigdstport":
            return [Condition("origport", _ports(value), negated)]
        if option == "--ctdir":
            return [_ALWAYS if (value == "ORIGINAL") is not negated else _NEVER]
        if option == "--match-set":
            return [Condition("some", negated=negated) if value.endswith(" src") else _UNSURE]
        if option == "--syn":
            return [_NEVER if negated else _ALWAYS]
        if option == "--tcp-flags":
            mask, wanted = value.split(" ")
            only = {"SYN"} & (set(mask.split(",")) if mask != "ALL" else {"SYN"})
            return [_ALWAYS if (only == ({*wanted.split(",")} - {"NONE"})) is not negated else _NEVER]
    except ValueError:
        return [_UNSURE]
    if option in _REMARKS or option.startswith("--hashlimit-"):
        if option == "--hashlimit-above":
            return [_NEVER]
        return []
    if option == "--invert" and "rpfilter" in matched:
        return [_NEVER]
    if option in ("--loose", "--validmark", "--accept-local") and "rpfilter" in matched:
        return []
    if option in _FIRST:
        return [_ALWAYS] if not negated or option in ("--name", "--mask") else [_UNSURE]
    if option in _LATER:
        return [_NEVER] if not negated else [_ALWAYS]
    if option in ("--source-country", "--src-cc", "--timestart", "--timestop", "--weekdays", "--mac-source"):
        return [_SOME]
    return [_UNSURE]
