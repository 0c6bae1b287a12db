"""One packet's way through packet rules, as nft and iptables tell them: one that arrives, one that is passed on, an
answer to it."""

from __future__ import annotations

import json

import pytest

from pi_installer_tui.system.netfilter import iptables, nft
from pi_installer_tui.system.netfilter.passing import passing
from pi_installer_tui.system.netfilter.rules import Packet

ARRIVES = Packet(4, "udp", 51820, "eth0", ("192.168.178.20",), source="1.1.1.9")
OUT = Packet(4, "tcp", 443, "wg0", ("1.1.1.1",), "eth0", forwarded=True, source="10.86.0.2")
BACK = Packet(4, "tcp", 40000, "eth0", ("10.86.0.2",), "wg0", forwarded=True, source="1.1.1.1", established=True)

UFW = """\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before-input - [0:0]
:ufw-before-forward - [0:0]
:ufw-user-input - [0:0]
:ufw-user-forward - [0:0]
:ufw-not-local - [0:0]
:ufw-skip-to-policy-input - [0:0]
-A INPUT -j ufw-before-input
-A FORWARD -j ufw-before-forward
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "
-A ufw-not-local -j DROP
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
{more}
COMMIT
"""
DOCKER = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
{more}
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
"""


@pytest.mark.parametrize(
    ("text", "packet", "outcome"),
    [
        (UFW.format(more=""), ARRIVES, "dropped"),
        (UFW.format(more="-A ufw-user-input -p udp -m udp --dport 51820 -j ACCEPT"), ARRIVES, "passes"),
        (
            UFW.format(more="-A ufw-user-input -p udp -m multiport --dports 500,51800:51899 -j ACCEPT"),
            ARRIVES,
            "passes",
        ),
        (
            UFW.format(more="-A ufw-user-input -s 192.168.178.0/24 -p udp -m udp --dport 51820 -j ACCEPT"),
            ARRIVES,
            "dropped",
        ),
        (UFW.format(more="-A ufw-user-input -p tcp -m tcp --dport 51820 -j ACCEPT"), ARRIVES, "dropped"),
        (UFW.format(more="-A ufw-user-input -m bpf --bytecode x -j ACCEPT"), ARRIVES, "unknown"),
        (UFW.format(more=""), OUT, "dropped"),
        (UFW.format(more=""), BACK, "passes"),
        (UFW.format(more="-A ufw-user-forward -i wg0 -j ACCEPT"), OUT, "passes"),
        (UFW.format(more="-A ufw-user-forward -i wg+ -o eth0 -j ACCEPT"), OUT, "passes"),
        (DOCKER.format(more=""), OUT, "dropped"),
        (DOCKER.format(more=""), BACK, "dropped"),
        (DOCKER.format(more=""), ARRIVES, "passes"),
        (DOCKER.format(more="-A FORWARD -i wg0 -j ACCEPT"), OUT, "passes"),
        (DOCKER.format(more="-A DOCKER-USER -i eth1 -j DROP"), OUT, "dropped"),
        ("", OUT, "passes"),
    ],
)
def test_iptables(text: str, packet: Packet, outcome: str) -> None:
    assert passing(iptables.parse(text, "ip"), packet).outcome == outcome


def test_who_dropped_it_is_told() -> None:
    assert passing(iptables.parse(DOCKER.format(more=""), "ip"), OUT).where == "ip filter FORWARD"


def ruled(*rules: list[object], hook: str = "forward", policy: str = "drop", more: tuple[object, ...] = ()) -> str:
    base = {"family": "inet", "table": "own", "name": "c", "type": "filter", "hook": hook, "prio": 0, "policy": policy}
    made = [{"rule": {"family": "inet", "table": "own", "chain": "c", "expr": expressions}} for expressions in rules]
    return json.dumps(
        {"nftables": [{"metainfo": {}}, {"table": {"family": "inet", "name": "own"}}, {"chain": base}, *more, *made]}
    )


def meta(key: str, right: object, op: str = "==") -> dict[str, object]:
    return {"match": {"op": op, "left": {"meta": {"key": key}}, "right": right}}


def payload(protocol: str, field: str, right: object, op: str = "==") -> dict[str, object]:
    return {"match": {"op": op, "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}}


STATE = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}
ACCEPT: dict[str, object] = {"accept": None}


@pytest.mark.parametrize(
    ("rules", "packet", "outcome"),
    [
        ([], OUT, "dropped"),
        ([[STATE, ACCEPT]], OUT, "dropped"),
        ([[STATE, ACCEPT]], BACK, "passes"),
        ([[meta("iifname", "wg0"), ACCEPT]], OUT, "passes"),
        ([[meta("iifname", {"set": ["eth1", "wg0"]}), ACCEPT]], OUT, "passes"),
        ([[meta("iifname", "wg*"), {"counter": {}}, ACCEPT]], OUT, "passes"),
        ([[meta("iifname", "wg0", "!="), ACCEPT]], OUT, "dropped"),
        ([[payload("ip", "saddr", {"prefix": {"addr": "10.86.0.0", "len": 24}}), ACCEPT]], OUT, "passes"),
        ([[payload("ip6", "saddr", {"prefix": {"addr": "fd00::", "len": 8}}), ACCEPT]], OUT, "dropped"),
        ([[payload("tcp", "dport", {"set": [{"range": [400, 500]}]}), ACCEPT]], OUT, "passes"),
        ([[{"limit": {"rate": 1}}, ACCEPT]], OUT, "passes"),
        ([[{"match": {"op": "==", "left": {"fib": {}}, "right": 1}}, {"drop": None}], [ACCEPT]], OUT, "unknown"),
        ([[{"reject": {}}]], OUT, "dropped"),
    ],
)
def test_nft(rules: list[list[object]], packet: Packet, outcome: str) -> None:
    assert passing(nft.parse(ruled(*rules)), packet).outcome == outcome


def test_another_family_is_no_matter() -> None:
    text = ruled().replace('"inet"', '"ip6"')
    assert passing(nft.parse(text), OUT).outcome == "passes"
