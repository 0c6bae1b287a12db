"""What an address says by its range about where it can be reached from."""

from __future__ import annotations

import ipaddress
from typing import Literal

#: public: from everywhere; carrier: a carrier's NAT (RFC 6598); ds-lite: the router's end of DS-Lite (RFC 6333, 5.7);
#: private: RFC 1918 and unique local ones; none: all zeros, link-local, and what isn't an address
Family = Literal["public", "carrier", "ds-lite", "private", "none"]

_CARRIER = ipaddress.ip_network("100.64.0.0/10")
_DS_LITE = ipaddress.ip_network("192.0.0.0/29")
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")  # RFC 6890; ipaddress says so since Python 3.12 only
_PRIVATE = tuple(ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))


def family(text: str) -> Family:
    """The range that an address lies in."""
    try:
        address = ipaddress.ip_address(text.partition("/")[0])
    except ValueError:
        return "none"
    if address in _CARRIER:
        return "carrier"
    if address in _DS_LITE:
        return "ds-lite"
    if any(address in net for net in _PRIVATE):
        return "private"
    return "public" if address.is_global and not address.is_multicast and address not in _PROTOCOLS else "none"


def public(text: str) -> bool:
    """Whether an address can be reached from everywhere, as far as its range says."""
    return family(text) == "public"
