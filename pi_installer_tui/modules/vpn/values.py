"""The narrow forms of single values of the VPN's settings."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.values import Text
from pi_installer_tui.system.wireguard.keys import is_key

#: an interface's name: 15 characters (IFNAMSIZ), and what wg-quick(8) takes; wg0, not a name for systemd to escape
_TUNNEL = re.compile(r"[a-z][a-z0-9_]{0,14}")


def _tunnel(text: str) -> str:
    if not _TUNNEL.fullmatch(text):
        raise ValueError(_("has up to 15 small letters, digits and _, and starts with a letter: wg0"))
    return text


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text if "%" not in text else ""))
    except ValueError:
        raise ValueError(_("isn't an address, such as 10.86.0.7")) from None


def _net(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text if "%" not in text else ""))
    except ValueError:
        raise ValueError(_("isn't a network, such as 192.168.1.0/24")) from None


def _inside(text: str) -> str:
    wrong = _("isn't an address with its network, such as 10.86.0.1/24")
    try:
        found = ipaddress.ip_interface(text if "%" not in text and "/" in text else "")
    except ValueError:
        raise ValueError(wrong) from None
    if found.network.num_addresses < 4:
        raise ValueError(_("leaves no room for peers"))
    if found.ip in (found.network.network_address, found.network.broadcast_address):
        raise ValueError(_("is the network's own address, not one of the machine's"))
    return str(found)


def _key(text: str) -> str:
    if not is_key(text):
        raise ValueError(_("isn't a key of WireGuard's: 44 characters that end with ="))
    return text


TunnelName = Annotated[Text, AfterValidator(_tunnel)]
Address = Annotated[Text, AfterValidator(_address)]
Net = Annotated[Text, AfterValidator(_net)]
Inside = Annotated[Text, AfterValidator(_inside)]
PublicKey = Annotated[Text, AfterValidator(_key)]
