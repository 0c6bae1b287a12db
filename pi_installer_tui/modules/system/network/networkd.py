"""systemd-networkd: the .network file (systemd.network(5)) that an interface runs on is edited, then networkd is told
to read it and set the interface up anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, ip_address
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.system import ask
from pi_installer_tui.modules.system.network.base import Addressing, Interface, Link, in_effect, setting_of, step_id
from pi_installer_tui.system.formats import FormatError, ini
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Known, Missing, Reading, Source, Unknown
from pi_installer_tui.tasks.plan import Blocked
from pi_installer_tui.tasks.steps import Edit, EditFile, RunCommand, Step

NAME = "systemd-networkd"
UNIT = "systemd-networkd.service"
FILES = "/etc/systemd/network"

_TRUE = ("yes", "true", "1", "on", "ipv4")
_WITH_IPV6 = ("yes", "true", "1", "on", "ipv6")
_LINK_LOCAL = {"no": "disabled", "false": "disabled", "0": "disabled", "off": "disabled", "ipv4": "disabled"}


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """The .network file of an interface and its text."""

    path: str
    text: str


# reading --------------------------------------------------------------------------------------------------------


async def interfaces(host: Host, links: Mapping[str, Link]) -> dict[str, Interface] | Unknown:
    """The interfaces that networkd manages, by name."""
    running = await running_by_networkd(host)
    if isinstance(running, Unknown):
        return running
    found: dict[str, Interface] = {}
    for name, there in links.items():
        link = running.get(name, {})
        path = link.get("NetworkFile")
        if link.get("AdministrativeState") == "unmanaged" or not isinstance(path, str):
            continue
        effective = _effective(there, link)
        content = await ask.text(host, path)
        refused = ""
        places: dict[str, Source] = {}
        configured: Reading[Addressing]
        if isinstance(content, Unknown):
            configured = content
        else:
            configured, places = configuration(content or "", path)
        dropins = await host.listdir(f"{path}.d")
        if not path.startswith(f"{FILES}/"):
            refused = _("its file {path} is made by another program").format(path=path)
        elif dropins:
            refused = _("its file {path} has additions in {path}.d").format(path=path)
        form = NetworkFile(path, content if isinstance(content, str) else "")
        connected = isinstance(effective, Known)
        found[name] = Interface(name, there.kind, connected, NAME, configured, effective, "", places, form, refused)
    return found


async def running_by_networkd(host: Host) -> dict[str, dict[str, Any]] | Unknown:
    """What networkd knows of each link (`networkctl --json`), by name."""
    said = await ask.say(host, "networkctl", "--json=short", "list")
    if isinstance(said, Unknown):
        return said
    try:
        return {link["Name"]: link for link in json.loads(said)["Interfaces"]}
    except (ValueError, KeyError, TypeError):
        return Unknown(_("networkctl's answer can't be read"))


def _effective(there: Link, link: Mapping[str, Any]) -> Reading[Addressing]:
    """What the kernel has, with the DNS servers and domains that networkd adds."""
    if not isinstance(there.effective, Known):
        return there.effective
    return Known(
        replace(
            there.effective.value,
            dns=tuple(ip_address(bytes(d["Address"])) for d in link.get("DNS", ())),
            search=tuple(d["Domain"] for d in link.get("SearchDomains", ())),
            ipv6="auto" if there.ipv6 else "disabled",
        )
    )


def configuration(content: str, path: str) -> tuple[Reading[Addressing], dict[str, Source]]:
    """What a .network file says of addresses, and where."""
    places: dict[str, Source] = {}

    def values(key: str, field: str, section: str = "Network") -> list[str]:
        entry = ini.get(content, (section, key))
        if entry is None:
            return []
        places.setdefault(field, Source(path, entry.line))
        lines = entry.value if isinstance(entry.value, tuple) else (str(entry.value),)
        found: list[str] = []
        for line in lines:
            # systemd.network(5): an empty assignment takes back those before it
            found = [*found, *str(line).split()] if line else []
        return found

    try:
        if ini.get(content, ("Address", "Address")) or ini.get(content, ("Route", "Gateway")):
            return Unknown(_("{path} has sections [Address] or [Route]").format(path=path)), {}
        dhcp = (values("DHCP", "method") or ["no"])[-1].lower()
        addresses = [a for a in values("Address", "address") if ":" not in a]
        gateways = [g for g in values("Gateway", "gateway") if ":" not in g]
        if gateways and not gateways[0][0].isdigit():
            return Unknown(_("{path} has a gateway by {word}").format(path=path, word="_dhcp4")), {}
        method = "dhcp" if dhcp in _TRUE else "static" if addresses else "off"
        return Known(
            Addressing(
                method=method,
                addresses=tuple(IPv4Interface(a) for a in addresses),
                gateway=IPv4Address(gateways[0]) if gateways else None,
                dns=tuple(ip_address(d) for d in values("DNS", "dns")),
                search=tuple(d for d in values("Domains", "search") if not d.startswith("~")),
                ipv6=_ipv6(values("LinkLocalAddressing", "ipv6"), values("IPv6AcceptRA", "ipv6"), dhcp),
            ),
            Source(path),
        ), places
    except (FormatError, ValueError) as error:
        return Unknown(f"{path}: {error}"), {}


def _ipv6(link_local: list[str], accept: list[str], dhcp: str) -> str:
    local = _LINK_LOCAL.get(link_local[-1].lower(), "link-local") if link_local else "link-local"
    announced = not accept or accept[-1].lower() in _TRUE
    if dhcp in _WITH_IPV6 or (local == "link-local" and announced):
        return "auto"
    return local if not announced else "auto"


# planning -------------------------------------------------------------------------------------------------------


def steps(interface: Interface, want: Addressing) -> tuple[list[Step], list[Blocked]]:
    """The way from what is to `want`; nothing where it is so already."""
    file: NetworkFile = interface.form
    assert isinstance(interface.configured, Known | Missing)
    plan: list[Step] = []
    if interface.configured != Known(want, Source(file.path)):
        plan.append(
            EditFile(
                id=step_id(interface.name, "file"),
                setting=setting_of(interface.name),
                path=file.path,
                format="ini",
                edits=_edits(file.text, want),
            )
        )
    elif in_effect(want, interface):
        return [], []
    return [*plan, *activation(interface.name, tuple(s.id for s in plan))], []


def activation(name: str, needs: tuple[str, ...]) -> list[Step]:
    """networkd reads its files and sets the interface up anew."""
    reload = RunCommand(
        id=step_id(name, "reload"),
        setting=setting_of(name),
        needs=needs,
        risks=("connection",),
        cuts=(f"interface:{name}",),
        argv=("networkctl", "reload"),
        probe="repeatable",
        again=True,
    )
    reconfigure = RunCommand(
        id=step_id(name, "apply"),
        setting=setting_of(name),
        needs=(reload.id,),
        risks=("connection",),
        cuts=(f"interface:{name}",),
        argv=("networkctl", "reconfigure", name),
        probe="repeatable",
        again=True,
    )
    return [reload, reconfigure]


def _edits(text: str, want: Addressing) -> tuple[Edit, ...]:
    now, _places = configuration(text, "")
    same = now.value if isinstance(now, Known) else Addressing("")

    def kept(key: str, keep: str) -> tuple[str, ...]:
        """The values of a key that are none of ours: IPv6 addresses, routing domains."""
        entry = ini.get(text, ("Network", key))
        lines = () if entry is None else entry.value if isinstance(entry.value, tuple) else (str(entry.value),)
        return tuple(v for line in lines for v in str(line).split() if keep in v)

    values: dict[str, object] = {}
    entry = ini.get(text, ("Network", "DHCP"))
    dhcp = str(entry.value).lower() if entry else "no"
    too_much = want.ipv6 != "auto" and dhcp in _WITH_IPV6
    if (want.method == "dhcp") != (dhcp in _TRUE) or too_much:
        values["DHCP"] = ("yes" if want.ipv6 == "auto" else "ipv4") if want.method == "dhcp" else None
    if same.addresses != want.addresses:
        values["Address"] = (*map(str, want.addresses), *kept("Address", ":"))
    if same.gateway != want.gateway:
        values["Gateway"] = (*([str(want.gateway)] if want.gateway else ()), *kept("Gateway", ":"))
    if same.dns != want.dns:
        values["DNS"] = tuple(map(str, want.dns))
    if same.search != want.search:
        values["Domains"] = " ".join([*want.search, *kept("Domains", "~")])
    if same.ipv6 != want.ipv6:
        values["LinkLocalAddressing"] = "no" if want.ipv6 == "disabled" else "ipv6"
        values["IPv6AcceptRA"] = "yes" if want.ipv6 == "auto" else "no"
    return tuple(Edit(key=("Network", key), value=_one_or_all(value)) for key, value in values.items())


def _one_or_all(value: object) -> str | tuple[object, ...] | None:
    """A list as an edit has it: None where it is empty, its value alone where it is one."""
    if isinstance(value, tuple):
        return value if len(value) > 1 else str(value[0]) if value else None
    return str(value) if value else None
