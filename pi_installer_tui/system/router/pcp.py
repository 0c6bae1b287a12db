"""Port Control Protocol (RFC 6887), the client's side: MAP, and ANNOUNCE to see whether anybody is there. A server that
knows NAT-PMP only says so, and isn't asked again. By IPv6 a mapping is a hole in the firewall (11.3)."""

from __future__ import annotations

import ipaddress
import secrets
import struct
from dataclasses import dataclass

from pi_installer_tui.system.host import Datagram, Host
from pi_installer_tui.system.router.mapped import LIFETIME, Mapped, Reason, RouterError

PORT = 5351
VERSION = 2
UDP = 17
_ANNOUNCE, _MAP, _ANSWER = 0, 1, 0x80
_HEADER = struct.Struct("!BBHI16s")
_REPLY = struct.Struct("!BBBBII12s")
_MAPPING = struct.Struct("!12sB3xHH16s")
#: octets of an answer, which are a multiple of four (7)
_LEAST, _MOST = 24, 1100
#: seconds: the first repetition as RFC 6887, 8.1.1 says (IRT), then once more and no longer
WAITS = (3.0, 1.0)

#: result codes (7.4)
_REASONS: dict[int, Reason] = {
    1: "unsupported", 2: "refused", 3: "failed", 4: "unsupported", 5: "unsupported", 6: "failed", 7: "failed",
    8: "full", 9: "unsupported", 10: "full", 11: "conflict", 12: "refused", 13: "full",
}  # fmt: skip
_NAMES = {
    1: "UNSUPP_VERSION", 2: "NOT_AUTHORIZED", 3: "MALFORMED_REQUEST", 4: "UNSUPP_OPCODE", 5: "UNSUPP_OPTION",
    6: "MALFORMED_OPTION", 7: "NETWORK_FAILURE", 8: "NO_RESOURCES", 9: "UNSUPP_PROTOCOL", 10: "USER_EX_QUOTA",
    11: "CANNOT_PROVIDE_EXTERNAL", 12: "ADDRESS_MISMATCH", 13: "EXCESSIVE_REMOTE_PEERS",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Granted:
    """An answer to MAP that says yes. lifetime, epoch: seconds."""

    nonce: bytes
    inner_port: int
    outer_port: int
    outer_address: str
    lifetime: int
    epoch: int


def _packed(address: str) -> bytes:
    found = ipaddress.ip_address(address)
    return found.packed if found.version == 6 else b"\0" * 10 + b"\xff\xff" + found.packed


def announce(ours: str) -> bytes:
    """A request that changes nothing (14.1)."""
    return _HEADER.pack(VERSION, _ANNOUNCE, 0, 0, _packed(ours))


def request(nonce: bytes, ours: str, port: int, *, lifetime: int, outer_port: int, outer_address: str = "") -> bytes:
    """A request to map a UDP port of ours (11.1). lifetime: seconds, 0 takes it back. outer_port, outer_address: what
    is wished, 0 and "" for any."""
    wished = outer_address or ("::" if ":" in ours else "0.0.0.0")  # all zeros: no wish
    return _HEADER.pack(VERSION, _MAP, 0, lifetime, _packed(ours)) + _MAPPING.pack(
        nonce, UDP, port, outer_port, _packed(wished)
    )


def is_answer(data: bytes, opcode: int = _MAP, nonce: bytes = b"") -> bool:
    """Whether this is an answer to such a request of ours: also one that says no, or that it is of another version
    (9: versions may differ then, NAT-PMP's answer is eight octets and more)."""
    if len(data) < 8 or len(data) > _MOST or not data[1] & _ANSWER:
        return False
    if data[0] != VERSION:
        return data[0] < VERSION and data[3] == 1  # UNSUPP_VERSION, in PCP's and NAT-PMP's place
    if len(data) < _LEAST or len(data) % 4 or data[1] != opcode | _ANSWER:
        return False
    if opcode == _MAP and len(data) >= _LEAST + _MAPPING.size:
        return data[_LEAST : _LEAST + 12] == nonce
    return opcode != _MAP or data[3] != 0


def check(data: bytes) -> None:
    """Raises RouterError where an answer says no."""
    code = 1 if data[0] != VERSION else data[3]
    if code:
        name = _NAMES.get(code, str(code))
        raise RouterError("pcp", _REASONS.get(code, "failed"), f"the router answers by PCP: {name}", code)


def granted(data: bytes) -> Granted:
    """The answer to MAP. Raises RouterError for one that says no, or isn't one."""
    malformed = RouterError("pcp", "malformed", "the router's answer isn't one of PCP's")
    if len(data) < 4:
        raise malformed
    check(data)
    if len(data) < _REPLY.size + _MAPPING.size or len(data) > _MOST or len(data) % 4 or data[1] != _MAP | _ANSWER:
        raise malformed
    *_, lifetime, epoch, _reserved = _REPLY.unpack_from(data)
    nonce, protocol, inner, outer, address = _MAPPING.unpack_from(data, _REPLY.size)
    found = ipaddress.IPv6Address(address)
    if protocol != UDP or not inner or (lifetime and not outer):
        raise malformed
    return Granted(nonce, inner, outer, str(found.ipv4_mapped or found), lifetime, epoch)


async def speaks(host: Host, gateway: str, ours: str) -> None:
    """Whether the router speaks PCP; nothing is changed. Raises RouterError where it doesn't."""
    check(await _ask(host, gateway, announce(ours), _ANNOUNCE, b""))


async def map_port(
    host: Host,
    gateway: str,
    ours: str,
    port: int,
    *,
    outer_port: int,
    lifetime: int = LIFETIME,
    nonce: str = "",
    outer_address: str = "",
) -> Mapped:
    """Asks for a port, or again for one that was granted (by its nonce). lifetime: seconds. Raises RouterError."""
    number = bytes.fromhex(nonce) if nonce else secrets.token_bytes(12)
    asked = request(number, ours, port, lifetime=lifetime, outer_port=outer_port, outer_address=outer_address)
    found = granted(await _ask(host, gateway, asked, _MAP, number))
    if found.inner_port != port:
        raise RouterError("pcp", "malformed", "the router's answer is about another port")
    if not found.lifetime:
        raise RouterError("pcp", "failed", "the router granted the port for no time at all")
    return Mapped("pcp", gateway, ours, port, found.outer_address, found.outer_port, found.lifetime, nonce=number.hex())


async def take_back(host: Host, mapped: Mapped) -> None:
    """Gives the port back (15: a lifetime of 0). Raises RouterError."""
    number = bytes.fromhex(mapped.nonce)
    asked = request(
        number, mapped.inner_address, mapped.inner_port, lifetime=0, outer_port=mapped.outer_port,
        outer_address=mapped.outer_address,
    )  # fmt: skip
    check(await _ask(host, mapped.gateway, asked, _MAP, number))


async def _ask(host: Host, gateway: str, data: bytes, opcode: int, nonce: bytes) -> bytes:
    def wanted(came: Datagram) -> bool:
        return is_answer(came.data, opcode, nonce)

    # by IPv6 the gateway is the link's, and it wants to be asked from the address that the port is for (8.3)
    source = str(ipaddress.IPv6Address(data[8:24])) if ":" in gateway else ""
    try:
        came = await host.datagram(gateway, PORT, data, waits=WAITS, wanted=wanted, source=source)
    except ConnectionRefusedError:
        raise RouterError("pcp", "closed", "nothing at the router listens for PCP") from None
    except OSError as error:
        raise RouterError("pcp", "silent", f"the router can't be reached: {error.strerror}") from None
    if came is None:
        raise RouterError("pcp", "silent", "the router doesn't answer PCP")
    return came.data
