"""What runs, as `wg show all dump` tells it (wg(8), show). Its private and preshared keys are dropped here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LivePeer:
    """handshake: seconds since 1970 of the newest one, 0 for none yet. received, sent: bytes since it came up.
    endpoint: `address:port` that it came from last, "" for none. preshared: it has such a key."""

    public_key: str
    endpoint: str = ""
    allowed: tuple[str, ...] = ()
    handshake: int = 0
    received: int = 0
    sent: int = 0
    keepalive: int = 0  # seconds, 0: off
    preshared: bool = False


@dataclass(frozen=True, slots=True)
class LiveTunnel:
    """An interface that runs. public_key: "" while it has no key. port: where it listens, by UDP."""

    name: str
    public_key: str
    port: int
    peers: Mapping[str, LivePeer] = field(default_factory=dict)  # by public key


def parse(dump: str) -> dict[str, LiveTunnel]:
    """The interfaces by name, out of `wg show all dump`: tab-separated, an interface's line has five columns (name,
    private key, public key, port, fwmark), a peer's nine. Raises ValueError for what isn't one, without its text."""
    found: dict[str, tuple[str, int, dict[str, LivePeer]]] = {}
    for line in dump.splitlines():
        match line.split("\t"):
            case [name, _private, public, port, _mark]:
                found[name] = ("" if public == "(none)" else public, int(port), {})
            case [name, public, preshared, endpoint, allowed, handshake, received, sent, keepalive] if name in found:
                found[name][2][public] = LivePeer(
                    public,
                    "" if endpoint == "(none)" else endpoint,
                    () if allowed == "(none)" else tuple(allowed.split(",")),
                    int(handshake),
                    int(received),
                    int(sent),
                    0 if keepalive == "off" else int(keepalive),
                    preshared != "(none)",
                )
            case _:
                raise ValueError("isn't the output of wg show all dump")
    return {name: LiveTunnel(name, public, port, peers) for name, (public, port, peers) in found.items()}
