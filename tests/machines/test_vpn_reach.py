"""The verdict and the port at the router, in a small internet with real NAT and a real miniupnpd."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from pi_installer_tui.modules.vpn import rules
from pi_installer_tui.system.netfilter import nft
from pi_installer_tui.system.netfilter.passing import passing
from pi_installer_tui.system.netfilter.rules import Packet

from .lab import CannotRun
from .reach import GATEWAY, PHONE, PORT, SERVICE, SIX, US, WAN, Reach, wait_for

NAT = "table ip nat { chain post { type nat hook postrouting priority 100; oifname wan masquerade; }; }"
ASK = f"http://{SERVICE}/"


@pytest.fixture
def reach(tmp_path: Path) -> Iterator[Reach]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    try:
        with Reach.open(tmp_path) as opened:
            yield opened
    except CannotRun as error:
        pytest.skip(str(error))


def look(reach: Reach, ask: str = "") -> tuple[str, str, dict[str, Any]]:
    found = cast(dict[str, Any], reach.ask("us", "look", str(PORT), ask))
    return found["kind"], found["mapping"], found


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["pcp", "nat-pmp", "upnp"])
def test_the_router_is_asked(reach: Reach, protocol: str) -> None:
    """The verdict says that it can be asked; what is granted stands in the router's own rules and serves from outside;
    it is renewed and given back."""
    reach.outside()
    reach.home()
    reach.upnp()
    kind, how, found = look(reach)
    assert (kind, how, found["address"]) == ("one-nat", "pcp", WAN), found
    mapped = cast(dict[str, Any], reach.ask("us", "map", protocol, str(PORT)))
    assert (mapped["protocol"], mapped["outer_address"], mapped["outer_port"]) == (protocol, WAN, PORT), mapped
    assert 0 < mapped["lifetime"] <= 7200
    assert f"{US}:{PORT}" in reach.granted()
    assert look(reach)[:2] == ("one-nat", "granted")
    assert reach.arrives(WAN) == PHONE
    assert reach.ask("us", "renew") == [["wg0", False, "", PORT]]
    assert reach.granted().count(f"{US}:{PORT}") == 1
    assert reach.ask("us", "back") is True
    assert US not in reach.granted() and reach.ask("us", "renew") == []
    assert reach.arrives(WAN) == ""


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["pcp", "upnp"])
def test_the_routers_firewall_for_ipv6_is_asked(reach: Reach, protocol: str) -> None:
    """By IPv6 a router's firewall lets nobody in; asked for, it does, and asked again, until the port is given back."""
    reach.outside()
    reach.home()
    reach.six()
    reach.upnp()
    _kind, _how, found = look(reach)
    assert "2a02:8109:1:2::20" in " ".join(found["words"]) and "firewall for IPv6 (PCP)" in " ".join(found["todo"]), (
        found
    )
    assert reach.arrives(SIX) == ""
    opened = cast(dict[str, Any], reach.ask("us", "hole", protocol, str(PORT)))
    assert (opened["protocol"], opened["inner_address"], opened["outer_port"]) == (protocol, SIX, PORT), opened
    assert 0 < opened["lifetime"] <= 7200
    assert reach.arrives(SIX) == "2a01:4f8:9::9"
    again = cast(dict[str, Any], reach.ask("us", "hole", "auto", str(PORT)))
    assert again == opened, "the one that served, by its number"
    assert "lets UDP port 51820 through" in " ".join(look(reach)[2]["words"])
    assert reach.ask("us", "close") is True and reach.ask("us", "close") is False
    if protocol == "upnp":  # by PCP this miniupnpd can only be asked for its shortest time, of two minutes
        assert reach.arrives(SIX) == ""


def test_a_second_router(reach: Reach) -> None:
    reach.outside()
    reach.space("outer")
    reach.join("world", "dsl", ["8.20.30.1/24"], "outer", "wan", [f"{WAN}/24"])
    reach.route("outer", "default", "via", "8.20.30.1")
    reach.home(wan="192.168.0.12/24", gateway="192.168.0.1", upstream="outer", via="lan")
    reach.routes("outer", NAT)
    reach.upnp()
    assert look(reach, ASK)[:2] == ("two-nats", "by-hand")
    refused = reach.ask("us", "map", "upnp", str(PORT))
    assert set(cast(dict[str, str], refused)) == {"upnp"}


def test_carrier_nat(reach: Reach) -> None:
    reach.outside()
    carrier(reach)
    reach.upnp()
    kind, how, found = look(reach)
    assert (kind, how) == ("carrier-nat", "impossible") and "100.70.0.1" in " ".join(found["words"])


def test_waiting_for_a_peer(reach: Reach) -> None:
    """No packet; packets of a wrong key; the keys fit, and nothing goes back; works. The port is passed on by hand,
    which the verdict knows from the peer that came in."""
    reach.outside()
    reach.home()
    key, wrong, phones = (reach.run("us", "wg", "genkey").strip() for _n in range(3))
    ours = reach.wireguard("us", "10.86.0.1/24", key, PORT)
    phone = reach.wireguard("phone", "10.86.0.2/24", phones)
    reach.run("us", "wg", "set", "wg0", "peer", phone, "allowed-ips", "10.86.0.2/32")
    allowed = rules.Allowed(("10.86.0.2/32",), "everything")
    table = rules.text("wg0", PORT, ("10.86.0.0/24",), (allowed,), lan=("192.168.178.0/24",), between=True)
    reach.run("us", "nft", "-f", "-", stdin=table)
    log = reach.start("us", sys.executable, "-m", "tests.machines.reach_driver", "watch", phone)

    def stands(words: str) -> None:
        wait_for(lambda: words in (log.read_text().splitlines() or [""])[-1], log.read_text)

    def connect(public: str) -> None:
        for peer in reach.run("phone", "wg", "show", "wg0", "peers").split():
            reach.run("phone", "wg", "set", "wg0", "peer", peer, "remove")
        right = ("peer", public, "endpoint", f"{WAN}:{PORT}", "allowed-ips", "10.86.0.0/24,192.168.178.0/24")
        reach.run("phone", "wg", "set", "wg0", *right)

    stands("nothing: No packet")
    reach.forward_by_hand()
    connect(reach.run("us", "wg", "pubkey", stdin=wrong).strip())
    reach.route("phone", "192.168.178.0/24", "dev", "wg0")
    reach.start("phone", "ping", "-i", "0.2", "-s", "200", GATEWAY)
    stands("no-handshake: ")
    connect(ours)
    stands("handshake: Its packets come in, but nothing goes back")
    assert look(reach)[:2] == ("one-nat", "proven")
    reach.routes("us")
    stands("works: Something passes")
    stages = [line.partition(":")[0] for line in log.read_text().splitlines()]
    assert list(dict.fromkeys(stages)) == ["nothing", "no-handshake", "handshake", "works"]


def carrier(reach: Reach) -> None:
    reach.space("carrier")
    reach.join("world", "isp", ["8.20.30.1/24"], "carrier", "wan", [f"{WAN}/24"])
    reach.route("carrier", "default", "via", "8.20.30.1")
    reach.home(wan="100.70.0.2/24", gateway="100.70.0.1", upstream="carrier", via="access")
    reach.routes("carrier", NAT)


@pytest.mark.long
@pytest.mark.parametrize(
    "case", ["direct", "by hand", "refused", "silent carrier", "ipv6 only", "upnp alone", "changed router", "silent"]
)
def test_the_other_cases(reach: Reach, case: str) -> None:
    reach.outside()
    OTHERS[case](reach)


def _direct(reach: Reach) -> None:
    reach.space("us")
    reach.join("world", "dsl", ["8.20.30.1/24"], "us", "eth0", [f"{WAN}/24"])
    reach.route("us", "default", "via", "8.20.30.1")
    kind, how, found = look(reach, ASK)
    assert (kind, how, found["address"]) == ("direct", "needless", WAN)
    assert reach.arrives(WAN) == PHONE


def _by_hand(reach: Reach) -> None:
    """A router that can't be asked; the port is passed on by hand. A public service tells the address, and a packet
    that gets no further than the router reaches it."""
    reach.home()
    kind, how, _found = look(reach)
    assert (kind, how) == ("unknown", "unknown")
    kind, how, found = look(reach, ASK)
    assert (kind, how, found["address"]) == ("one-nat", "by-hand", WAN), found
    assert reach.arrives(WAN) == ""
    reach.forward_by_hand()
    assert reach.arrives(WAN) == PHONE


def _refused(reach: Reach) -> None:
    reach.home()
    reach.upnp(pmp=False, grants=False)
    assert look(reach)[:2] == ("one-nat", "upnp")
    refused = cast(dict[str, str], reach.ask("us", "map", "auto", str(PORT)))
    assert refused == {"pcp": "closed", "nat-pmp": "closed", "upnp": "refused"}
    kind, how, found = look(reach)
    assert (kind, how) == ("one-nat", "by-hand") and "Portfreigaben" in " ".join(found["todo"])
    assert US not in reach.granted()


def _silent_carrier(reach: Reach) -> None:
    carrier(reach)
    assert look(reach)[:2] == ("unknown", "unknown")
    kind, how, found = look(reach, ASK)
    assert (kind, how) == ("carrier-nat", "impossible"), found


def _silent(reach: Reach) -> None:
    """A second router behind one that tells nothing."""
    reach.space("outer")
    reach.join("world", "dsl", ["8.20.30.1/24"], "outer", "wan", [f"{WAN}/24"])
    reach.route("outer", "default", "via", "8.20.30.1")
    reach.home(wan="192.168.0.12/24", gateway="192.168.0.1", upstream="outer", via="lan")
    reach.routes("outer", NAT)
    assert look(reach, ASK)[:2] == ("two-nats", "by-hand")


def _ipv6_only(reach: Reach) -> None:
    reach.space("us")
    reach.join("world", "dsl", ["2a02:8109:1:2::1/64"], "us", "eth0", ["2a02:8109:1:2::20/64"])
    reach.route("us", "default", "via", "2a02:8109:1:2::1")
    kind, how, found = look(reach)
    assert (kind, how, found["address6"]) == ("ipv6-only", "impossible", "2a02:8109:1:2::20")
    assert reach.arrives("2a02:8109:1:2::20") == "2a01:4f8:9::9"


def _upnp_alone(reach: Reach) -> None:
    reach.home()
    reach.upnp(pmp=False)
    assert look(reach)[:2] == ("one-nat", "upnp")
    mapped = cast(dict[str, Any], reach.ask("us", "map", "auto", str(PORT)))
    assert (mapped["protocol"], mapped["outer_port"]) == ("upnp", PORT)
    entry = cast(dict[str, Any], reach.ask("us", "listed"))
    assert (entry["inner_address"], entry["inner_port"], entry["description"]) == (
        US,
        PORT,
        "WireGuard (pi-installer-tui)",
    )


def _changed_router(reach: Reach) -> None:
    """The router has forgotten everything: asked again, it passes the port on again."""
    reach.home()
    reach.upnp()
    assert cast(dict[str, Any], reach.ask("us", "map", "auto", str(PORT)))["protocol"] == "pcp"
    reach.run("home", "nft", "flush", "chain", "inet", "upnp", "granted_in")
    assert reach.arrives(WAN) == ""
    reach.restart_upnp(pmp=False)
    assert reach.ask("us", "renew") == [["wg0", False, "", PORT]]
    assert reach.arrives(WAN) == PHONE


OTHERS = {
    "direct": _direct,
    "by hand": _by_hand,
    "refused": _refused,
    "silent carrier": _silent_carrier,
    "ipv6 only": _ipv6_only,
    "upnp alone": _upnp_alone,
    "changed router": _changed_router,
    "silent": _silent,
}

RULES = {
    "nothing": "",
    "policy drop": "policy drop;",
    "the port": "policy drop; udp dport 51820 accept;",
    "a range": "policy drop; udp dport { 500, 51800-51899 } accept;",
    "another port": "policy drop; udp dport 51821 accept;",
    "tcp": "policy drop; tcp dport 51820 accept;",
    "the interface": 'policy drop; iifname "eth*" accept;',
    "not the interface": 'policy drop; iifname != "eth0" accept;',
    "the sender": "policy drop; ip saddr 10.99.0.0/24 udp dport 51820 accept;",
    "not the sender": "policy drop; ip saddr 10.98.0.0/24 udp dport 51820 accept;",
    "established": "policy drop; ct state established,related accept;",
    "rejected": "udp dport 51820 reject;",
    "jump": "policy drop; jump more;",
    "jump and return": "jump more; udp dport 51820 drop;",
    "protocol": "policy drop; meta l4proto { tcp, udp } accept;",
    "family": "policy drop; meta nfproto ipv6 accept;",
}


def outcome(reach: Reach) -> str:
    """What became of the packet, which a busy kernel may still have in its hands."""
    counted = reach.run("us", "nft", "list", "chain", "inet", "own", "behind")
    return "dropped" if "packets 0 " in counted else "passes"


def test_the_kernel_agrees_about_packet_rules(reach: Reach) -> None:
    """A packet is sent through rules, and counted behind them; the same packet is thought through what nft tells."""
    reach.space("us", "there")
    reach.join("us", "eth9", ["10.99.0.1/24"], "there", "eth0", ["10.99.0.2/24"])
    packet = Packet(4, "udp", PORT, "eth9", ("10.99.0.1",), source="10.99.0.2")
    behind = "chain behind { type filter hook input priority 10; udp dport 51820 counter\n }"
    more = "chain more { ip saddr 10.99.0.2 udp dport 51820 accept\n }"
    outcomes = set()
    for name, text in RULES.items():
        chain = f"chain c {{ type filter hook input priority 0; {text}\n }}"
        table = f"flush ruleset\ntable inet own {{\n{more}\n{chain}\n{behind}\n}}\n"
        reach.run("us", "nft", "-f", "-", stdin=table)
        reach.run("there", "bash", "-c", f"echo hello > /dev/udp/10.99.0.1/{PORT}", check=False)
        found = passing(nft.parse(reach.run("us", "nft", "-j", "list", "ruleset")), packet)
        wait_for(lambda found=found: outcome(reach) == found.outcome, lambda name=name: name, 10)
        outcomes.add(found.outcome)
    assert outcomes == {"passes", "dropped"}
