"""How far a peer has come, as a table of numbers before and now."""

from __future__ import annotations

import base64

import pytest

from pi_installer_tui.modules.vpn.waiting import INITIATION, KEEPALIVE, RESPONSE, Numbers, compare
from pi_installer_tui.system.wireguard.live import LivePeer

PHONE, LAPTOP = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
SINCE = 1_800_000_000.0


def peer(
    key: str = PHONE, handshake: float = 0, received: int = 0, sent: int = 0, endpoint: str = "1.1.1.9:5"
) -> LivePeer:
    return LivePeer(key, endpoint if handshake else "", ("10.86.0.2/32",), int(handshake), received, sent)


def numbers(packets: int | None, size: int, *peers: LivePeer, exact: bool = True) -> Numbers:
    return Numbers(packets, size, {one.public_key: one for one in peers}, True, exact)


IDLE = numbers(7, 1000, peer(), peer(LAPTOP, SINCE - 20, 5000, 5000))
LAPTOP_ON = peer(LAPTOP, SINCE - 20, 5000 + 10 * 128, 9000)

CASES: dict[str, tuple[Numbers, Numbers, str, str]] = {
    "nothing came": (IDLE, IDLE, "nothing", "No packet"),
    "nobody counts": (numbers(None, 0, peer()), numbers(None, 0, peer()), "nothing", "Nobody counts"),
    "the tunnel is down": (IDLE, Numbers(), "nothing", "doesn't run"),
    "the tunnel doesn't know it": (IDLE, numbers(9, 2000), "nothing", "doesn't know"),
    "one packet": (IDLE, numbers(8, 1176, peer(), peer(LAPTOP, SINCE - 20, 5000, 5000)), "no-handshake", "A packet"),
    "some packets": (numbers(0, 0, peer()), numbers(4, 704, peer()), "no-handshake", "4 packets"),
    "the rules were loaded anew": (IDLE, numbers(2, 352, peer(), peer(LAPTOP, 0, 5000)), "no-handshake", "2 packets"),
    "those of another peer": (IDLE, numbers(17, 1000 + 10 * 156, peer(), LAPTOP_ON), "nothing", "No packet"),
    "those of another peer, and some": (
        IDLE,
        numbers(18, 1000 + 10 * 156 + 176, peer(), LAPTOP_ON),
        "no-handshake",
        "packet",
    ),
    "those of another peer, uncounted padding": (
        numbers(7, 1000, peer(), peer(LAPTOP, SINCE, 5000), exact=False),
        numbers(107, 1000 + 100 * 156, peer(), peer(LAPTOP, SINCE, 5000 + 100 * 120), exact=False),
        "nothing",
        "No packet",
    ),
    "a handshake": (
        IDLE,
        numbers(9, 1300, peer(PHONE, SINCE + 3, INITIATION + KEEPALIVE, RESPONSE)),
        "handshake",
        "passed yet",
    ),
    "it only sends": (
        IDLE,
        numbers(30, 5000, peer(PHONE, SINCE + 3, INITIATION + 20 * 128, RESPONSE + KEEPALIVE)),
        "handshake",
        "nothing goes back",
    ),
    "a page": (IDLE, numbers(30, 5000, peer(PHONE, SINCE + 3, INITIATION + 20 * 128, 20_000)), "works", "both"),
    "two pings": (IDLE, numbers(12, 2000, peer(PHONE, SINCE + 1, 148 + 32 + 256, 92 + 256)), "works", "both"),
    "it was there before": (
        numbers(7, 1000, peer(PHONE, SINCE - 60, 90_000, 90_000)),
        numbers(8, 1060, peer(PHONE, SINCE - 60, 90_032, 90_032)),
        "handshake",
        "passed yet",
    ),
    "it was there long ago": (
        numbers(7, 1000, peer(PHONE, SINCE - 6000, 90_000, 90_000)),
        numbers(7, 1000, peer(PHONE, SINCE - 6000, 90_000, 90_000)),
        "nothing",
        "No packet",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_stage(name: str) -> None:
    first, now, kind, words = CASES[name]
    found = compare(first, now, PHONE, SINCE, SINCE + 5)
    assert found.kind == kind and words in " ".join(found.words)
    assert found.kind == "works" or found.todo


def test_keepalives_alone_never_look_like_something() -> None:
    """Ten minutes of a peer that says nothing but that it is there."""
    for seconds in range(0, 601, 5):
        handshakes, keeps = 1 + seconds // 120, 1 + seconds // 10
        quiet = peer(PHONE, SINCE + seconds, handshakes * 148 + keeps * 32, handshakes * 92 + keeps * 32)
        assert compare(IDLE, numbers(99, 9999, quiet), PHONE, SINCE, SINCE + seconds).kind == "handshake"
