"""The verdict as a table: what was seen, what it is, how the port can be had, and that something is said to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_installer_tui.modules.vpn.judgement import Seen, judge
from pi_installer_tui.modules.vpn.mapping import Kept
from pi_installer_tui.modules.vpn.ranges import family
from pi_installer_tui.modules.vpn.routers import steps_for_router, values_for_router
from pi_installer_tui.modules.vpn.verdict import told_address
from pi_installer_tui.system.router.mapped import PROTOCOLS, Mapped
from pi_installer_tui.system.router.uplink import Way

HOME = Way("eth0", "192.168.178.1", ("192.168.178.20/24",), "192.168.178.20", 1500)
SIX = Way("eth0", "fe80::1", ("2a02:8109:1:2::20/64", "fd00::20/64"), "2a02:8109:1:2::20", 1500)
ULA = Way("eth0", "fe80::1", ("fd00::20/64",), "fd00::20", 1500)
SERVER = Way("eth0", "88.198.1.1", ("88.198.1.7/26",), "88.198.1.7", 1500)
STICK = Way("wwan0", "100.70.1.1", ("100.70.1.2/30",), "100.70.1.2", 1500)
CLAT = Way("clat", "192.0.0.1", ("192.0.0.2/29",), "192.0.0.2", 1480)
KEPT = Kept(Mapped("pcp", "192.168.178.1", "192.168.178.20", 51820, "88.1.2.3", 51820, 7200), 1_800_000_000)
OTHER_PORT = Kept(Mapped("upnp", "192.168.178.1", "192.168.178.20", 51820, "88.1.2.3", 40000, 7200), 1_800_000_000)
THROUGH = Kept(
    Mapped("upnp", "fe80::1%eth0", "2a02:8109:1:2::20", 51820, "2a02:8109:1:2::20", 51820, 7200), 1_800_000_000
)
EVERY = PROTOCOLS

CASES: dict[str, tuple[Seen, str, str, str]] = {
    "a server": (Seen(way4=SERVER, way6=SIX), "direct", "needless", "88.198.1.7"),
    "a server, seen so": (Seen(way4=SERVER, outside="88.198.1.7"), "direct", "needless", "88.198.1.7"),
    "a server, seen otherwise": (Seen(way4=SERVER, outside="88.9.9.9"), "unknown", "unknown", "88.198.1.7"),
    "home, PCP": (Seen(way4=HOME, router="88.1.2.3", answers=EVERY), "one-nat", "pcp", "88.1.2.3"),
    "home, NAT-PMP": (Seen(way4=HOME, router="88.1.2.3", answers=("nat-pmp",)), "one-nat", "nat-pmp", "88.1.2.3"),
    "home, UPnP, seen": (
        Seen(way4=HOME, router="88.1.2.3", answers=("upnp",), outside="88.1.2.3"),
        "one-nat",
        "upnp",
        "88.1.2.3",
    ),
    "home, PCP refused": (
        Seen(way4=HOME, router="88.1.2.3", answers=("pcp", "upnp"), refused={"pcp": "NOT_AUTHORIZED"}),
        "one-nat",
        "upnp",
        "88.1.2.3",
    ),
    "home, all refused": (
        Seen(way4=HOME, router="88.1.2.3", answers=("upnp",), refused={"upnp": "606"}, maker="AVM FRITZ!Box"),
        "one-nat",
        "by-hand",
        "88.1.2.3",
    ),
    "home, granted": (
        Seen(way4=HOME, router="88.1.2.3", answers=EVERY, kept=KEPT),
        "one-nat",
        "granted",
        "88.1.2.3",
    ),
    "home, a peer came": (Seen(way4=HOME, router="88.1.2.3", came="1.1.1.9"), "one-nat", "proven", "88.1.2.3"),
    "home, silent": (Seen(way4=HOME), "unknown", "unknown", ""),
    "home, silent, seen": (Seen(way4=HOME, outside="88.1.2.3"), "unknown", "unknown", "88.1.2.3"),
    "home, silent, its own": (
        Seen(way4=HOME, outside="88.1.2.3", at_router=True),
        "one-nat",
        "by-hand",
        "88.1.2.3",
    ),
    "home, silent, not its own, carrier": (
        Seen(way4=HOME, outside="88.1.2.3", at_router=False, beyond="100.64.0.1"),
        "carrier-nat",
        "impossible",
        "",
    ),
    "home, silent, not its own, second router": (
        Seen(way4=HOME, outside="88.1.2.3", at_router=False, beyond="192.168.0.1"),
        "two-nats",
        "by-hand",
        "88.1.2.3",
    ),
    "home, silent, a peer came": (Seen(way4=HOME, came="1.1.1.9"), "one-nat", "proven", ""),
    "the inner router tells none": (Seen(way4=HOME, router="", beyond="192.168.0.1"), "two-nats", "by-hand", ""),
    "the inner router tells none, IPv6": (
        Seen(way4=HOME, way6=SIX, router="", beyond="192.168.0.1"),
        "two-nats",
        "by-hand",
        "",
    ),
    "carrier NAT, the router tells none": (
        Seen(way4=HOME, router="", beyond="100.64.0.1"),
        "carrier-nat",
        "impossible",
        "",
    ),
    "DS-Lite, seen behind": (
        Seen(way4=HOME, way6=SIX, router="", beyond="10.1.1.1"),
        "ipv6-only",
        "impossible",
        "",
    ),
    "two routers": (Seen(way4=HOME, router="192.168.0.12", answers=("upnp",)), "two-nats", "by-hand", ""),
    "two routers, both pass it on": (Seen(way4=HOME, router="10.0.0.2", came="1.1.1.9"), "two-nats", "proven", ""),
    "carrier NAT": (Seen(way4=HOME, router="100.70.1.2", answers=EVERY), "carrier-nat", "impossible", ""),
    "carrier NAT with public addresses": (
        Seen(way4=HOME, router="88.1.2.3", outside="88.9.9.9"),
        "carrier-nat",
        "impossible",
        "",
    ),
    "a stick on carrier NAT": (Seen(way4=STICK, way6=SIX), "carrier-nat", "impossible", ""),
    "DS-Lite, told": (Seen(way4=HOME, way6=SIX, router="192.0.0.2"), "ipv6-only", "impossible", ""),
    "DS-Lite, no address": (Seen(way4=HOME, way6=SIX, router=""), "ipv6-only", "impossible", ""),
    "DS-Lite without IPv6 here": (Seen(way4=HOME, router=""), "carrier-nat", "impossible", ""),
    "IPv6 alone": (Seen(way6=SIX), "ipv6-only", "impossible", ""),
    "IPv6 alone, the firewall can be asked": (Seen(way6=SIX, answers6=("upnp",)), "ipv6-only", "upnp", ""),
    "IPv6 alone, let through": (Seen(way6=SIX, kept6=THROUGH), "ipv6-only", "granted", ""),
    "464XLAT": (Seen(way4=CLAT, way6=SIX), "ipv6-only", "impossible", ""),
    "nothing": (Seen(), "unknown", "unknown", ""),
    "unique local IPv6 alone": (Seen(way6=ULA), "unknown", "unknown", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_the_verdict(name: str) -> None:
    seen, kind, how, address = CASES[name]
    verdict = judge(seen)
    assert (verdict.kind, verdict.mapping, verdict.address) == (kind, how, address)
    assert verdict.words and all(words.endswith((".", ")")) for words in (*verdict.words, *verdict.todo))
    assert verdict.todo or how in ("granted", "proven")
    assert not any("{" in words for words in (*verdict.words, *verdict.todo))
    assert bool(verdict.address6) == (seen.way6 is SIX)


def test_who_must_do_something_at_a_router_is_told_where() -> None:
    for name in ("home, silent", "home, all refused", "home, NAT-PMP"):
        said = " ".join(judge(CASES[name][0]).todo)
        assert "Internet > Freigaben > Portfreigaben" in said and "51820" in said and "192.168.178.20" in said
    assert "Selbstständige Portfreigaben" in " ".join(judge(CASES["home, all refused"][0]).todo)


def test_the_firewall_for_ipv6_is_told_of() -> None:
    """What can be asked needn't be typed in; what is open needs nothing; what couldn't be renewed isn't open."""
    asked = " ".join(judge(Seen(way4=HOME, router="88.1.2.3", way6=SIX, answers6=("pcp",))).todo)
    assert "firewall for IPv6 (PCP)" in asked and "Internetzugriff über IPv4 und IPv6" not in asked
    seen = Seen(way4=HOME, router="100.70.1.2", way6=SIX, kept6=THROUGH)
    assert "lets UDP port 51820 through to it (UPnP)" in " ".join(judge(seen).words)
    for old in (
        replace(THROUGH, failed="silent"),
        replace(THROUGH, mapped=replace(THROUGH.mapped, inner_address="::9")),
    ):
        verdict = judge(replace(seen, kept6=old))
        assert "lets UDP port" not in " ".join(verdict.words) and "firewall for IPv6" in " ".join(verdict.todo)


def test_another_outer_port_is_said() -> None:
    seen = Seen(way4=HOME, router="88.1.2.3", kept=OTHER_PORT)
    assert "40000" in " ".join(judge(seen).todo)


def test_a_mapping_that_failed_since_counts_no_more() -> None:
    failed = Kept(KEPT.mapped, KEPT.granted, failed="silent")
    assert judge(Seen(way4=HOME, router="88.1.2.3", answers=("pcp",), kept=failed)).mapping == "pcp"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("100.63.255.255", "public"),
        ("100.64.0.0", "carrier"),
        ("100.127.255.255", "carrier"),
        ("100.128.0.0", "public"),
        ("172.15.0.1", "public"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.1", "public"),
        ("192.0.0.1", "ds-lite"),
        ("192.0.0.8", "none"),
        ("10.1.2.3/8", "private"),
        ("169.254.1.1", "none"),
        ("0.0.0.0", "none"),
        ("224.0.0.1", "none"),
        ("fe80::1", "none"),
        ("fd00::1", "private"),
        ("2a02::1/64", "public"),
        ("", "none"),
        ("fritz.box", "none"),
    ],
)
def test_what_a_range_says(address: str, found: str) -> None:
    assert family(address) == found


@pytest.mark.parametrize(
    ("body", "version", "address"),
    [
        (b"88.1.2.3\n", 4, "88.1.2.3"),
        (b'{"ip": "88.1.2.3", "country": "DE"}', 4, "88.1.2.3"),
        (b"2a02::1", 6, "2a02::1"),
        (b"2a02::1", 4, ""),
        (b"<html>88.1.2.3</html>", 4, ""),
        (b'{"ip": ["88.1.2.3"]}', 4, ""),
        (b"{" * 5000, 4, ""),
        (b"", 4, ""),
    ],
)
def test_what_a_public_service_answers(body: bytes, version: int, address: str) -> None:
    assert told_address(body, version) == address


@settings(max_examples=500)
@given(st.binary(max_size=400))
def test_no_answer_of_a_service_does_more_than_none(body: bytes) -> None:
    for version in (4, 6):
        told_address(body, version)


def test_the_values_for_a_router_by_hand() -> None:
    values = dict(values_for_router("192.168.178.20", 51820, 443, tunnel="wg1"))
    assert list(values.values()) == ["WireGuard wg1", "UDP", "443", "192.168.178.20", "51820"]
    every = steps_for_router("192.168.178.20", 51820)
    assert every[0][0] == "FRITZ!Box" and len(every) == 4
    assert all("{" not in step for _name, steps in every for step in steps)
    assert [name for name, _steps in steps_for_router("192.168.178.20", 51820, maker="AVM Berlin FRITZ!Box")] == [
        "FRITZ!Box"
    ]
