"""What to know of a tunnel before agreeing to it: keys that are shown once, endpoints that nobody finds, networks that
many have at home, firewalls of others."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.modules.vpn import addresses
from pi_installer_tui.modules.vpn.settings import TunnelSettings
from pi_installer_tui.modules.vpn.state import State
from pi_installer_tui.system.reading import Known

#: RFC 1918, RFC 6598 (carrier NAT), RFC 4193, link-local
_INSIDE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10")


def of(
    state: State, name: str, tunnel: TunnelSettings, given: TunnelSettings, shown: Sequence[str], *, new: bool
) -> Iterator[str]:
    """The sentences. given: what is asked for now; shown: the peers that get keys; new: the tunnel isn't there yet."""
    if shown:
        text = ngettext(
            "the private key of {peers} is shown once after the job",
            "the private keys of {peers} are shown once after the job",
            len(shown),
        )
        yield text.format(peers=", ".join(shown))
    if shown and tunnel.endpoint is None:
        yield _("{tunnel} has no endpoint: peers can't be told where to connect").format(tunnel=name)
    if given.endpoint is not None and private(given.endpoint):
        text = _("{endpoint} is a private address: from elsewhere peers don't find this machine by it")
        yield text.format(endpoint=given.endpoint)
    elif name in state.leads:
        yield state.leads[name]
    if new and given.address is None:
        text = _("the network in {tunnel} will be {networks}")
        yield text.format(tunnel=name, networks=", ".join(tunnel.address or ()))
    for own in given.address or ():
        if usual := next((net for net in addresses.USUAL if addresses.overlaps(own, net)), ""):
            text = _("{net} is a network that many have at home, or in another VPN: a peer that is in it finds nothing")
            yield text.format(net=usual)
    if state.firewall == Known("nftables") and (new or given.port is not None):
        text = _(
            "another program filters packets here, and drops what it isn't told of: packets to port {port}/udp, and "
            "those that come through {tunnel}"
        )
        yield text.format(port=tunnel.port, tunnel=name)
    if new and state.flannel:
        yield _("k3s has WireGuard's usual port here; {tunnel} has {port}").format(tunnel=name, port=tunnel.port)


def private(endpoint: str) -> bool:
    """Whether an endpoint is an address that isn't routed between networks."""
    try:
        ipaddress.ip_address(endpoint)
    except ValueError:
        return False
    return any(addresses.overlaps(endpoint, net) for net in _INSIDE)
