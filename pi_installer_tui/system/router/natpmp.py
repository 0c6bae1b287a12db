"""NAT Port Mapping Protocol (RFC 6886), the client's side: the router's address outside, and a port of its."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from pi_installer_tui.system.host import Datagram, Host
from pi_installer_tui.system.router.mapped import LIFETIME, Mapped, Reason, RouterError

PORT = 5351
_ADDRESS, _MAP_UDP, _ANSWER = 0, 1, 128
_REQUEST = struct.Struct("!BBHHHI")
_ADDRESS_REPLY = struct.Struct("!BBHI4s")
_MAP_REPLY = struct.Struct("!BBHIHHI")
#: seconds: as RFC 6886, 3.1 says, twice as long each time; the RFC goes on to a minute, we don't
WAITS = (0.25, 0.5, 1.0, 2.0)

#: result codes (3.5)
_REASONS: dict[int, Reason] = {1: "unsupported", 2: "refused", 3: "failed", 4: "full", 5: "unsupported"}
_NAMES = {
    1: "Unsupported Version", 2: "Not Authorized/Refused", 3: "Network Failure", 4: "Out of resources",
    5: "Unsupported opcode",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Granted:
    """An answer to a mapping's request that says yes. lifetime, epoch: seconds."""

    inner_port: int
    outer_port: int
    lifetime: int
    epoch: int


def address_request() -> bytes:
    """What is your address outside (3.2)?"""
    return bytes((0, _ADDRESS))


def request(port: int, outer_port: int, lifetime: int) -> bytes:
    """A UDP port of ours is to be mapped (3.3). lifetime: seconds, 0 (and outer port 0) takes it back."""
    return _REQUEST.pack(0, _MAP_UDP, 0, port, outer_port, lifetime)


def is_answer(data: bytes, opcode: int) -> bool:
    """Whether this is an answer to such a request of ours: also one that says no."""
    if len(data) < 8 or data[0] > 2 or not data[1] & _ANSWER:
        return False
    refused = data[2:4] != b"\0\0"
    if data[0] != 0 or refused:
        return data[1] in (opcode | _ANSWER, _ANSWER)
    size = _ADDRESS_REPLY.size if opcode == _ADDRESS else _MAP_REPLY.size
    return data[1] == opcode | _ANSWER and len(data) == size


def check(data: bytes) -> None:
    """Raises RouterError where an answer says no."""
    code = 1 if data[0] != 0 else int.from_bytes(data[2:4])
    if code:
        name = _NAMES.get(code, str(code))
        raise RouterError("nat-pmp", _REASONS.get(code, "failed"), f"the router answers by NAT-PMP: {name}", code)


def address(data: bytes) -> str:
    """The router's address outside. Raises RouterError."""
    if len(data) < 8:
        raise _malformed()
    check(data)
    if len(data) != _ADDRESS_REPLY.size or data[1] != _ADDRESS | _ANSWER:
        raise _malformed()
    return str(ipaddress.IPv4Address(_ADDRESS_REPLY.unpack(data)[4]))


def granted(data: bytes) -> Granted:
    """The answer to a mapping's request. Raises RouterError."""
    if len(data) < 8:
        raise _malformed()
    check(data)
    if len(data) != _MAP_REPLY.size or data[1] != _MAP_UDP | _ANSWER:
        raise _malformed()
    _version, _opcode, _code, epoch, inner, outer, lifetime = _MAP_REPLY.unpack(data)
    if not inner or (lifetime and not outer):
        raise _malformed()
    return Granted(inner, outer, lifetime, epoch)


async def outer_address(host: Host, gateway: str) -> str:
    """The router's address outside. Raises RouterError."""
    return address(await _ask(host, gateway, address_request(), _ADDRESS))


async def map_port(
    host: Host, gateway: str, ours: str, port: int, *, outer_port: int, lifetime: int = LIFETIME
) -> Mapped:
    """Asks for a port, or again for one that was granted. lifetime: seconds. Raises RouterError."""
    found = granted(await _ask(host, gateway, request(port, outer_port, lifetime), _MAP_UDP))
    if found.inner_port != port:
        raise RouterError("nat-pmp", "malformed", "the router's answer is about another port")
    if not found.lifetime:
        raise RouterError("nat-pmp", "failed", "the router granted the port for no time at all")
    try:
        outside = await outer_address(host, gateway)
    except RouterError:
        outside = ""
    return Mapped("nat-pmp", gateway, ours, port, outside, found.outer_port, found.lifetime)


async def take_back(host: Host, mapped: Mapped) -> None:
    """Gives the port back (3.4). Raises RouterError."""
    check(await _ask(host, mapped.gateway, request(mapped.inner_port, 0, 0), _MAP_UDP))


async def _ask(host: Host, gateway: str, data: bytes, opcode: int) -> bytes:
    def wanted(came: Datagram) -> bool:
        return is_answer(came.data, opcode)

    if ":" in gateway:
        raise RouterError("nat-pmp", "unsupported", "NAT-PMP knows IPv4 only")
    try:
        came = await host.datagram(gateway, PORT, data, waits=WAITS, wanted=wanted)
    except ConnectionRefusedError:
        raise RouterError("nat-pmp", "closed", "nothing at the router listens for NAT-PMP") from None
    except OSError as error:
        raise RouterError("nat-pmp", "silent", f"the router can't be reached: {error.strerror}") from None
    if came is None:
        raise RouterError("nat-pmp", "silent", "the router doesn't answer NAT-PMP")
    return came.data


def _malformed() -> RouterError:
    return RouterError("nat-pmp", "malformed", "the router's answer isn't one of NAT-PMP's")
