"""What can be wanted of the VPN: tunnels, and the peers of each. None leaves a setting alone, and a tunnel or peer that
isn't named is left alone too."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt, model_validator

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.base import Settings
from pi_installer_tui.modules.values import HostName, Name, Port, State, Text, Words, no_doubles
from pi_installer_tui.modules.vpn.values import Address, Inside, Net, PublicKey, TunnelName
from pi_installer_tui.tasks.frozen import Frozen

#: what a peer may reach: all that the machine does, the networks that it is in, the machine alone
Reach = Literal["everything", "lan", "machine"]
#: what becomes of a peer's private key after it was handed over
Keeping = Literal["forget", "encrypted", "plain"]
#: how the router is asked for the port
Mapping_ = Literal["auto", "pcp", "nat-pmp", "upnp", "none"]

_RESOLVERS: Any = {"choices": "resolvers", "widget": "several"}


class PeerSettings(Frozen):
    """One peer: a phone, a laptop, another network."""

    state: State | None = Field(
        default=None, title=N_("State"), description=N_("absent: it is revoked. Its keys and addresses are gone.")
    )
    paused: StrictBool | None = Field(
        default=None, title=N_("Paused"), description=N_("It keeps its keys and addresses, but can't connect.")
    )
    address: Annotated[tuple[Address, ...], Field(max_length=2), AfterValidator(no_doubles)] | None = Field(
        default=None,
        title=N_("Addresses"),
        description=N_("Its own in the tunnel, one of each kind; the next free ones when left out."),
    )
    reach: Reach | None = Field(
        default=None,
        title=N_("May reach"),
        description=N_("everything, lan, machine; the tunnel's choice when left out."),
    )
    nets: Annotated[tuple[Net, ...], Field(max_length=32), AfterValidator(no_doubles)] | None = Field(
        default=None, title=N_("And these"), description=N_("Networks that it may reach besides: 10.20.0.0/16.")
    )
    behind: Annotated[tuple[Net, ...], Field(max_length=32), AfterValidator(no_doubles)] | None = Field(
        default=None, title=N_("Behind it"), description=N_("Networks that are reached through it: its own LAN.")
    )
    dns: Annotated[tuple[HostName, ...], Field(max_length=6), AfterValidator(no_doubles)] | None = Field(
        default=None,
        title=N_("DNS"),
        description=N_("Servers and search domains; the tunnel's when left out."),
        json_schema_extra={**_RESOLVERS, "usual": N_("the tunnel's")},
    )
    keepalive: Annotated[StrictInt, Field(ge=0, le=65535)] | None = Field(
        default=None,
        title=N_("Keepalive"),
        description=N_("Says something so often, which keeps its router's door open. 25 when left out, 0: never."),
        json_schema_extra={"unit": "s"},
    )
    preshared: StrictBool | None = Field(
        default=None,
        title=N_("Preshared key"),
        description=N_("A second key, against machines that don't exist yet. It has one when left out."),
    )
    ipv6: StrictBool | None = Field(
        default=None, title=N_("IPv6"), description=N_("Whether it has an IPv6 address too, where the tunnel has.")
    )
    expires: date | None = Field(
        default=None, title=N_("Expires"), description=N_("The day at whose end it is cut off: 2027-03-01.")
    )
    note: Words | None = Field(default=None, title=N_("Note"), description=N_("Whose it is, or what for."))
    keeping: Keeping | None = Field(
        default=None,
        title=N_("Private key"),
        description=N_(
            "forget: it is shown once, and gone. encrypted: kept under a passphrase, plain: kept, root's. forget when "
            "left out."
        ),
    )
    public_key: PublicKey | None = Field(
        default=None,
        title=N_("Public key"),
        description=N_("Of a peer that made its keys itself; made here when left out."),
    )

    @model_validator(mode="after")
    def _fits(self) -> PeerSettings:
        if self.state == "absent" and self.model_dump(exclude_none=True).keys() - {"state"}:
            raise ValueError(_("an absent peer has no other settings"))
        if self.address and len({ipaddress.ip_address(one).version for one in self.address}) < len(self.address):
            raise ValueError(_("a peer has one address of each kind"))
        if self.public_key is not None and self.keeping in ("encrypted", "plain"):
            raise ValueError(_("who made its keys itself has the private one too; nothing of it is here to be kept"))
        return self


class TunnelSettings(Frozen):
    """One interface of WireGuard's, and who connects to it."""

    state: State | None = Field(
        default=None, title=N_("State"), description=N_("absent: it goes away, with its keys and its peers.")
    )
    enabled: StrictBool | None = Field(
        default=None, title=N_("Enabled"), description=N_("Whether it runs, now and after each start.")
    )
    address: Annotated[tuple[Inside, ...], Field(max_length=2), AfterValidator(no_doubles)] | None = Field(
        default=None,
        title=N_("Addresses"),
        description=N_("The machine's own in the tunnel, with the network: 10.86.0.1/24, fd86:1:2::1/64."),
    )
    port: Port | None = Field(
        default=None, title=N_("Port"), description=N_("Where it listens, by UDP. 51820 is WireGuard's usual one.")
    )
    endpoint: HostName | None = Field(
        default=None,
        title=N_("Endpoint"),
        description=N_("The name or address by which peers find this machine from outside: home.example.org."),
    )
    endpoint_port: Port | None = Field(
        default=None,
        title=N_("Outer port"),
        description=N_("Where the router takes it from outside; the same port when left out."),
    )
    dns: Annotated[tuple[HostName, ...], Field(max_length=6), AfterValidator(no_doubles)] | None = Field(
        default=None,
        title=N_("DNS for peers"),
        description=N_(
            "Servers and search domains that peers are told: one that runs here, that of the LAN, any other."
        ),
        json_schema_extra={**_RESOLVERS, "usual": N_("none named")},
    )
    reach: Reach | None = Field(
        default=None,
        title=N_("Peers may reach"),
        description=N_("everything (all of their traffic goes through here), lan, machine."),
    )
    between: StrictBool | None = Field(
        default=None, title=N_("Each other"), description=N_("Whether peers may reach each other.")
    )
    upstream: Annotated[Text, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}$")] | None = Field(
        default=None,
        title=N_("Upstream"),
        description=N_("The interface to the rest of the world; that of the default route when left out."),
        json_schema_extra={"choices": "interfaces"},
    )
    mtu: Annotated[StrictInt, Field(ge=1280, le=9000)] | None = Field(
        default=None, title=N_("MTU"), description=N_("The largest packet; WireGuard's own choice when left out.")
    )
    mapping: Mapping_ | None = Field(
        default=None,
        title=N_("Port at the router"),
        description=N_(
            "How the router is asked to pass the port on, and asked again before it forgets: auto tries PCP, NAT-PMP "
            "and UPnP; none: it is set at the router by hand."
        ),
    )
    peers: Mapping[Name, PeerSettings] | None = Field(
        default=None,
        title=N_("Peers"),
        description=N_("Who connects. A peer that isn't named here is left alone."),
        json_schema_extra={"key_title": N_("Peer")},
    )

    @model_validator(mode="after")
    def _fits(self) -> TunnelSettings:
        if self.state == "absent" and self.model_dump(exclude_none=True).keys() - {"state"}:
            raise ValueError(_("an absent tunnel has no other settings"))
        if self.address and len({ipaddress.ip_interface(one).version for one in self.address}) < len(self.address):
            raise ValueError(_("a tunnel has one address of each kind"))
        return self


class VpnSettings(Settings):
    """The key `vpn` of a setup file."""

    tunnels: Mapping[TunnelName, TunnelSettings] | None = Field(
        default=None,
        title=N_("Tunnels"),
        description=N_("WireGuard's interfaces. A tunnel that isn't named here is left alone."),
        json_schema_extra={"key_title": N_("Tunnel")},
    )
