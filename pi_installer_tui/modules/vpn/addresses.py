"""Addresses inside a tunnel: the next free one, and networks for a new tunnel that nobody here uses."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Collection, Iterable, Iterator, Sequence

Net = ipaddress.IPv4Network | ipaddress.IPv6Network

#: networks that homes and other tunnels have so often that a peer would be in one of them: routers' own (Fritz!Box,
#: Speedport, Vodafone Station, many others), PiVPN's, wg-easy's, OpenVPN's
USUAL = ("10.0.0.0/24", "10.0.1.0/24", "10.6.0.0/24", "10.8.0.0/24", "10.10.10.0/24", "10.42.0.0/16", "10.43.0.0/16")


def net(text: str) -> Net:
    """The network of an address with or without its prefix. Raises ValueError."""
    return ipaddress.ip_interface(text).network


def overlaps(one: str, other: str) -> bool:
    """Whether two networks share addresses."""
    a, b = net(one), net(other)
    return a.version == b.version and (a.subnet_of(b) or b.subnet_of(a))  # type: ignore[arg-type]


def propose(seed: str, name: str, taken: Collection[str]) -> tuple[str, str]:
    """The machine's own addresses in a new tunnel, with their networks: a /24 of 10.0.0.0/8 and a /64 of a unique
    local prefix (RFC 4193, 3.2.2: 40 bits that are as good as random). Both are made of `seed`, which no other machine
    has, so they are the same each time. taken: networks that they must not meet."""
    for number in range(1000):
        digest = hashlib.sha256(f"{seed}/{name}/{number}".encode()).digest()
        four = f"10.{digest[0]}.{digest[1]}.0/24"
        if not any(overlaps(four, each) for each in (*USUAL, *taken)):
            break
    prefix = bytes((0xFD, *hashlib.sha256(f"{seed}/{name}".encode()).digest()[2:7]))
    six = ipaddress.IPv6Address(prefix + bytes(9) + b"\x01")
    return f"{ipaddress.ip_network(four)[1]}/24", f"{six}/64"


def free(inside: Sequence[str], used: Iterable[str], *, six: bool = True) -> tuple[str, ...]:
    """The next free address in each of a tunnel's networks. inside: the machine's own addresses there; used: those
    that peers have. Raises ValueError where a network is full."""
    found = []
    has = {ipaddress.ip_interface(each).ip for each in used} | {ipaddress.ip_interface(each).ip for each in inside}
    for each in inside:
        network = net(each)
        if network.version == 4 or six:
            found.append(str(next(one for one in _hosts(network) if one not in has)))
    return tuple(found)


def _hosts(network: Net) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    last = int(network.broadcast_address) - (network.version == 4)
    for number in range(int(network.network_address) + 1, min(last, int(network.network_address) + 70_000) + 1):
        yield ipaddress.ip_address(number) if network.version == 4 else ipaddress.IPv6Address(number)
    raise ValueError(f"{network} is full")


def whole(address: str) -> str:
    """An address as a network of its own: 10.86.0.2/32."""
    return str(ipaddress.ip_network(address))


def is_single(allowed: str) -> bool:
    """Whether a network is one address."""
    network = net(allowed)
    return network.prefixlen == network.max_prefixlen
