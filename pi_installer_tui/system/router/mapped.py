"""What a router granted, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pi_installer_tui.system.host import HostError

Protocol = Literal["pcp", "nat-pmp", "upnp"]
#: silent: nothing came; closed: it says that nobody listens; unsupported: another version, or not this question;
#: refused: it may not be asked by us; conflict: somebody else has the port; full: it has no room, or no address;
#: permanent: it knows mappings without an end only; malformed: what came isn't an answer; failed: it couldn't
Reason = Literal["silent", "closed", "unsupported", "refused", "conflict", "full", "permanent", "malformed", "failed"]
PROTOCOLS: tuple[Protocol, ...] = ("pcp", "nat-pmp", "upnp")
#: the asked lifetime of a mapping, in seconds: RFC 6886, 3.3 recommends two hours
LIFETIME = 7200


class RouterError(HostError):
    """The router gave no answer, or none that helps. code: its own number for it, 0 where it told none."""

    def __init__(self, protocol: Protocol, reason: Reason, what: str, code: int = 0) -> None:
        super().__init__(what)
        self.protocol = protocol
        self.reason = reason
        self.code = code


@dataclass(frozen=True, slots=True)
class Mapped:
    """A port of the router's that leads to one of ours, by UDP. outer_address: "" where the protocol doesn't tell it.
    lifetime: seconds, from when it was granted; 0: until the router starts again, or for ever. nonce: PCP's, in hex,
    by which it is renewed and taken back. control, service: of UPnP, where and how it was asked; pinhole: its number of
    a hole in a firewall for IPv6, where nothing is translated."""

    protocol: Protocol
    gateway: str
    inner_address: str
    inner_port: int
    outer_address: str
    outer_port: int
    lifetime: int
    nonce: str = ""
    control: str = ""
    service: str = ""
    pinhole: str = ""
