"""What can be wanted of the system: its name, time, language, keyboard and addresses. None leaves a setting alone.

Every text ends up in a file or an argument list of the machine, so each has a narrow form: no blank, control character,
separator or leading dash gets past this file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, ValidationInfo, field_validator

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.base import Settings
from pi_installer_tui.modules.values import Text, no_doubles, text
from pi_installer_tui.tasks.frozen import Frozen

#: RFC 1123 2.1, RFC 952: a label of a host or domain name
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
#: tz database, theory.html: names of at most three parts
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9][A-Za-z0-9_+-]*){0,2}")
#: the names in /usr/share/i18n/SUPPORTED: de_DE.UTF-8, ca_ES@valencia, C.UTF-8, eo
_LOCALE = re.compile(r"(?:C|POSIX|[a-z]{2,3}(?:_[A-Z]{2,3})?)(?:\.[A-Za-z0-9-]{1,20})?(?:@[a-z]{1,20})?")
#: xkeyboard-config(7): names of layouts, variants and models
_XKB = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+-]{0,39}")
#: net/core/dev.c, dev_valid_name: up to 15 bytes, no slash, colon or blank. Narrower here: what udev and people make.
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")

#: include/uapi/asm-generic: __NEW_UTS_LEN
MAX_HOSTNAME = 64
MAX_NAMESERVERS = 8
MAX_SEARCH = 6


def _whole(pattern: re.Pattern[str], value: str) -> bool:
    return pattern.fullmatch(value) is not None


def is_domain(name: str) -> bool:
    """Whether a name is made of RFC 1123 labels, 253 characters at most."""
    return len(name) <= 253 and all(_whole(_LABEL, label) for label in name.split("."))


def _hostname(name: str) -> str:
    if len(name) > MAX_HOSTNAME:
        raise ValueError(_("is longer than the {count} characters Linux allows").format(count=MAX_HOSTNAME))
    if not is_domain(name):
        raise ValueError(
            _("may have letters, digits and hyphens, none first or last, up to 63 between dots (RFC 1123)")
        )
    if name.rpartition(".")[2].isdigit():
        raise ValueError(_("must not end in a number alone, it would be taken for an address"))
    if name.lower().partition(".")[0] == "localhost":
        raise ValueError(_("localhost is every machine's name for itself"))
    return name


def _timezone(name: str) -> str:
    if len(name) > 64 or not _whole(_ZONE, name):
        raise ValueError(_("isn't the name of a time zone, such as Europe/Berlin"))
    return name


def _locale(name: str) -> str:
    name = re.sub(r"\.utf-?8(?=@|$)", ".UTF-8", name, flags=re.IGNORECASE)
    if not _whole(_LOCALE, name):
        raise ValueError(_("isn't the name of a locale, such as de_DE.UTF-8"))
    return name


def _xkb_list(empty: bool) -> Callable[[str], str]:
    def check(value: str) -> str:
        parts = value.split(",")
        if len(parts) > 4 or not all(_whole(_XKB, part) or (empty and not part) for part in parts):
            raise ValueError(_("may have letters, digits, _, and later + and -; up to four, separated by commas"))
        return value

    return check


def _xkb(value: str) -> str:
    if not _whole(_XKB, value):
        raise ValueError(_("may have letters, digits, _, and later + and -"))
    return value


def _interface(name: str) -> str:
    if not _whole(_INTERFACE, name):
        raise ValueError(_("isn't the name of an interface: up to 15 letters, digits, _, . and -"))
    if name in ("lo", "all", "default"):
        raise ValueError(_("{name} can't be set up here").format(name=name))
    return name


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value if isinstance(value, IPv4Interface) else text(value)
    address, slash, prefix = value.partition("/")
    if not slash:
        raise ValueError(_("the prefix is missing: {value}/24, for example").format(value=_shown(address)))
    if not re.fullmatch(r"[0-9]{1,2}", prefix) or int(prefix) > 32:
        raise ValueError(_("the prefix after the / must be a number from 8 to 31"))
    try:
        return IPv4Interface(value)
    except ValueError:
        raise ValueError(_("isn't an IPv4 address with prefix, such as 192.168.1.10/24")) from None


def _host_address(value: IPv4Interface) -> IPv4Interface:
    prefix, network = value.network.prefixlen, value.network
    if not 8 <= prefix <= 31:
        raise ValueError(_("the prefix after the / must be a number from 8 to 31"))
    if value.ip.is_loopback or value.ip.is_multicast or value.ip.is_link_local or value.ip.is_unspecified:
        raise ValueError(_("{address} can't be a machine's own address").format(address=value.ip))
    if value.ip.is_reserved or value.ip in _THIS_NETWORK:
        raise ValueError(_("{address} lies in a reserved range").format(address=value.ip))
    if prefix < 31 and value.ip == network.network_address:
        raise ValueError(
            _("{address} is the address of the network {network} itself").format(address=value.ip, network=network)
        )
    if prefix < 31 and value.ip == network.broadcast_address:
        raise ValueError(_("{address} is the broadcast address of {network}").format(address=value.ip, network=network))
    return value


_THIS_NETWORK = IPv4Interface("0.0.0.0/8").network


def _shown(address: str) -> str:
    """An address to repeat in a message, if it is one: nothing else that was typed is ever repeated."""
    try:
        return str(IPv4Address(address))
    except ValueError:
        return "192.168.1.10"


def _gateway(value: object) -> object:
    if not isinstance(value, str):
        return value if isinstance(value, IPv4Address) else text(value)
    try:
        return IPv4Address(value)
    except ValueError:
        raise ValueError(_("isn't an IPv4 address, such as 192.168.1.1")) from None


def _nameserver(value: object) -> object:
    if not isinstance(value, str):
        return value if isinstance(value, IPv4Address | IPv6Address) else text(value)
    try:
        address = ip_address(value)
    except ValueError:
        raise ValueError(_("isn't an IP address")) from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError(_("an address with %interface can't be set up here"))
    if address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255":
        raise ValueError(_("{address} can't be a DNS server").format(address=address))
    return address


def _search_domain(name: str) -> str:
    name = name.removesuffix(".")
    if not is_domain(name):
        raise ValueError(_("isn't a domain name, such as home.arpa"))
    return name.lower()


InterfaceName = Annotated[Text, AfterValidator(_interface)]
Nameserver = Annotated[IPv4Address | IPv6Address, BeforeValidator(_nameserver)]
SearchDomain = Annotated[Text, AfterValidator(_search_domain)]
Nameservers = Annotated[tuple[Nameserver, ...], Field(max_length=MAX_NAMESERVERS), AfterValidator(no_doubles)]
SearchDomains = Annotated[tuple[SearchDomain, ...], Field(max_length=MAX_SEARCH), AfterValidator(no_doubles)]
Ipv6Method = Literal["auto", "link-local", "disabled"]

_DNS = Field(
    default=None,
    title=N_("DNS servers"),
    description=N_(
        "Who is asked for names, the first one first; IPv4 or IPv6 addresses. An empty list means only those that "
        "DHCP or the router name."
    ),
    json_schema_extra={"widget": "address"},
)
_SEARCH = Field(
    default=None,
    title=N_("Search domains"),
    description=N_("Domains that are tried for a name without a dot, such as home.arpa."),
)
_IPV6 = Field(
    default=None,
    title=N_("IPv6"),
    description=N_(
        "auto: addresses from the router's announcements. link-local: only the address for the own cable. "
        "disabled: no IPv6 on this interface."
    ),
)


class Dhcp(Frozen):
    """An interface that asks the network for its IPv4 address."""

    method: Literal["dhcp"] = Field(
        title=N_("Method"), description=N_("dhcp: the router gives the address. static: it always is the one set here.")
    )
    dns: Nameservers | None = _DNS
    search: SearchDomains | None = _SEARCH
    ipv6: Ipv6Method | None = _IPV6


class Static(Frozen):
    """An interface that always has the same IPv4 address."""

    method: Literal["static"] = Field(
        title=N_("Method"), description=N_("dhcp: the router gives the address. static: it always is the one set here.")
    )
    address: Annotated[IPv4Interface, BeforeValidator(_address), AfterValidator(_host_address)] = Field(
        title=N_("Address"),
        description=N_(
            "The machine's own address and the length of its network's prefix: 192.168.1.10/24. Choose one outside the "
            "range that the router gives out by DHCP."
        ),
        json_schema_extra={"widget": "address"},
    )
    gateway: Annotated[IPv4Address, BeforeValidator(_gateway)] | None = Field(
        default=None,
        title=N_("Gateway"),
        description=N_("The router that leads out of this network. It lies in the same subnet as the address."),
        json_schema_extra={"widget": "address"},
    )
    dns: Nameservers | None = _DNS
    search: SearchDomains | None = _SEARCH
    ipv6: Ipv6Method | None = _IPV6

    @field_validator("gateway")
    @classmethod
    def _reachable(cls, gateway: IPv4Address | None, info: ValidationInfo) -> IPv4Address | None:
        address = info.data.get("address")
        if gateway is None or address is None:
            return gateway
        if wrong := gateway_mistake(gateway, address):
            raise ValueError(wrong)
        return gateway


def gateway_mistake(gateway: IPv4Address, address: IPv4Interface) -> str:
    """Why a gateway can't serve an address, in words; "" where it can."""
    network = address.network
    if gateway not in network:
        return _("{gateway} is outside {network}").format(gateway=gateway, network=network)
    if gateway == address.ip:
        return _("{gateway} is the machine's own address").format(gateway=gateway)
    if network.prefixlen < 31 and gateway in (network.network_address, network.broadcast_address):
        return _("{gateway} isn't a host's address in {network}").format(gateway=gateway, network=network)
    return ""


Interface = Annotated[Dhcp | Static, Field(discriminator="method")]


class Keyboard(Frozen):
    """The layout of the keyboard at the machine itself."""

    layout: Annotated[Text, AfterValidator(_xkb_list(empty=False))] = Field(
        title=N_("Layout"),
        description=N_("The country or language of the keys: de, gb, us. Two or more are separated by commas."),
        json_schema_extra={"choices": "keyboard_layouts"},
    )
    variant: Annotated[Text, AfterValidator(_xkb_list(empty=True))] | None = Field(
        default=None,
        title=N_("Variant"),
        description=N_(
            "A form of that layout, such as nodeadkeys; empty for its basic form. Left out it stays as it is, "
            "but a new layout starts with its basic form."
        ),
        json_schema_extra={"choices": "keyboard_variants"},
    )
    model: Annotated[Text, AfterValidator(_xkb)] | None = Field(
        default=None,
        title=N_("Model"),
        description=N_("The kind of keyboard: pc105 fits nearly all."),
        json_schema_extra={"choices": "keyboard_models"},
    )


class SystemSettings(Settings):
    """The key `system` of a setup file."""

    hostname: Annotated[Text, AfterValidator(_hostname)] | None = Field(
        default=None,
        title=N_("Hostname"),
        description=N_("The machine's name in the network: letters, digits and hyphens, such as attic."),
        json_schema_extra={"widget": "text"},
    )
    timezone: Annotated[Text, AfterValidator(_timezone)] | None = Field(
        default=None,
        title=N_("Time zone"),
        description=N_("The region whose clock the machine shows, such as Europe/Berlin."),
        json_schema_extra={"choices": "timezones"},
    )
    ntp: StrictBool | None = Field(
        default=None,
        title=N_("Time synchronisation"),
        description=N_("Set the clock from the network (NTP). A Raspberry Pi without it starts with a wrong date."),
    )
    locale: Annotated[Text, AfterValidator(_locale)] | None = Field(
        default=None,
        title=N_("Locale"),
        description=N_(
            "The language and the forms of dates and numbers that programs use, such as de_DE.UTF-8. It is built when "
            "it isn't there; others stay."
        ),
        json_schema_extra={"choices": "locales"},
    )
    keyboard: Keyboard | None = Field(
        default=None,
        title=N_("Keyboard"),
        description=N_("The keyboard at the machine itself. Over SSH and a serial cable your own computer's counts."),
    )
    network: Mapping[InterfaceName, Interface] | None = Field(
        default=None,
        title=N_("Network"),
        description=N_("Interfaces by name. One that isn't named here is left alone."),
        json_schema_extra={"key_title": N_("Interface"), "widget": "interface", "choices": "interfaces"},
    )

    @field_validator("network")
    @classmethod
    def _one_address_each(cls, network: Mapping[str, Dhcp | Static] | None) -> Mapping[str, Dhcp | Static] | None:
        owners: dict[IPv4Address, str] = {}
        for name, interface in (network or {}).items():
            if not isinstance(interface, Static):
                continue
            address = interface.address.ip
            if address in owners:
                both = _("{one} and {other} can't both have {address}")
                raise ValueError(both.format(one=owners[address], other=name, address=address))
            owners[address] = name
        return network
