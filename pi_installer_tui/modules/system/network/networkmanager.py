"""NetworkManager: its keyfiles (nm-settings-keyfile(5)) are edited, then it is told to read and apply them.

A profile that lives in memory only (`Wired connection 1`, one made at boot) gets a keyfile of its own in /etc.
"""

from __future__ import annotations

import re
import uuid as _uuid
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, ip_address
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.system import ask
from pi_installer_tui.modules.system.network.base import Addressing, Interface, in_effect, setting_of, step_id
from pi_installer_tui.system.formats import FormatError, ini
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Known, Missing, Reading, Source, Unknown
from pi_installer_tui.tasks.plan import Blocked
from pi_installer_tui.tasks.steps import Edit, EditFile, Probe, RunCommand, Step, Unit, WriteFile

NAME = "NetworkManager"
UNIT = "NetworkManager.service"
KEYFILES = "/etc/NetworkManager/system-connections"
#: where NetworkManager keeps profiles that nobody saved
RUNTIME = "/run/NetworkManager/system-connections"

_OURS = _uuid.UUID("5c0a5a44-0f27-4b6e-9c39-3a53a4f0f6a5")
_METHODS = {"auto": "dhcp", "manual": "static", "disabled": "off"}
_KEYFILE_METHOD = {"dhcp": "auto", "static": "manual"}
_KINDS = {"802-3-ethernet": "ethernet", "802-11-wireless": "wifi"}
#: nm-settings-keyfile(5) reads all of these; NetworkManager itself writes address1, address2…
_ADDRESS_KEYS = ("address", "addresses", *(f"{w}{n}" for n in range(10) for w in ("address", "addresses")))
_SECRET = re.compile(r"^\s*(?:psk|password|wep-key\d|private-key-password|secrets?|pin|private-key)\s*=", re.M | re.I)
_LOADED = "ipv4.method,ipv4.addresses,ipv4.gateway,ipv4.dns,ipv4.dns-search,ipv6.method,ipv6.dns,ipv6.dns-search"


@dataclass(frozen=True, slots=True)
class Profile:
    """The connection profile of an interface.

    path: its keyfile. saved: it lies where changes stay (else in memory only, and gets a new file).
    text: its keyfile's content, "" where there is none. loaded: what NetworkManager has read of it.
    active: the interface runs on it now.
    """

    uuid: str
    path: str
    saved: bool
    text: str
    loaded: Addressing | None
    active: bool
    taken: bool = False  # the name of a new keyfile is in use


# reading --------------------------------------------------------------------------------------------------------


def fields(line: str) -> list[str]:
    r"""The fields of a line of `nmcli --terse`: separated by colons, with \: and \\ for a colon and a backslash."""
    return [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"(?:^|:)((?:[^:\\]|\\.)*)", line)]


def pairs(output: str) -> list[tuple[str, str]]:
    """The lines `KEY:value` of `nmcli --terse`; a value may hold colons."""
    return [(key, re.sub(r"\\(.)", r"\1", value)) for key, _c, value in (x.partition(":") for x in output.splitlines())]


async def interfaces(host: Host) -> dict[str, Interface] | Unknown:
    """The ethernet and Wi-Fi interfaces that NetworkManager manages, by name."""
    devices = await ask.say(host, "nmcli", "--terse", "--fields", "GENERAL,IP4,DHCP4", "device", "show")
    if isinstance(devices, Unknown):
        return devices
    listed = await ask.say(host, "nmcli", "--terse", "--fields", "UUID,TYPE,DEVICE,FILENAME", "connection", "show")
    if isinstance(listed, Unknown):
        return listed
    profiles = [f for f in map(fields, listed.splitlines()) if len(f) == 4]
    found: dict[str, Interface] = {}
    for block in devices.split("\n\n"):
        device = pairs(block)
        single = dict(device)
        name, kind = single.get("GENERAL.DEVICE", ""), single.get("GENERAL.TYPE", "")
        if not name or kind not in _KINDS.values() or single.get("GENERAL.NM-MANAGED", "yes") != "yes":
            continue
        if "externally" in single.get("GENERAL.STATE", ""):
            why = _("NetworkManager only watches it: something else has set it up")
            found[name] = Interface(name, kind, True, NAME, Unknown(why), Known(_running(device, "")), refused=why)
        else:
            found[name] = await _interface(host, name, kind, device, profiles)
    return found


async def _interface(
    host: Host, name: str, kind: str, device: list[tuple[str, str]], profiles: list[list[str]]
) -> Interface:
    single = dict(device)
    connected = single.get("GENERAL.STATE", "").startswith("100")
    off = await ask.text(host, f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6")
    ipv6 = "disabled" if isinstance(off, str) and off.strip() == "1" else "auto"
    effective: Reading[Addressing] = Known(_running(device, ipv6)) if connected else Missing()
    own, content = await _profile_of(host, name, single.get("GENERAL.CON-UUID", ""), profiles)
    if own is None:
        refused = "" if kind == "ethernet" else _("it isn't connected and has no saved network")
        form = Profile("", "", False, "", None, False, await _exists(host, _new_path(name)))
        return Interface(name, kind, connected, NAME, Missing(Source(KEYFILES)), effective, form=form, refused=refused)
    uuid, path = own[0], own[3]
    loaded = await _loaded(host, uuid)
    saved = path.startswith(f"{KEYFILES}/")
    form = Profile(
        uuid=uuid,
        path=path,
        saved=saved,
        text=content if isinstance(content, str) else "",
        loaded=loaded if isinstance(loaded, Addressing) else None,
        active=uuid == single.get("GENERAL.CON-UUID"),
        taken=not saved and await _exists(host, _new_path(name)),
    )
    refused = ""
    places: dict[str, Source] = {}
    configured: Reading[Addressing]
    if isinstance(content, Unknown):
        refused = content.reason
    elif sum(1 for p in profiles if p[0] == uuid and p[2]) > 1:
        refused = _("its profile serves other interfaces too")
    if isinstance(content, str):
        configured, places = configuration(content, path)
    elif isinstance(loaded, Addressing):
        configured = Known(loaded, Source(path) if path else None)
    else:
        configured = loaded
    return Interface(name, kind, connected, NAME, configured, effective, "", places, form, refused)


async def _exists(host: Host, path: str) -> bool:
    try:
        return await host.stat(path) is not None
    except PermissionError:
        return False


async def _profile_of(
    host: Host, name: str, active: str, profiles: list[list[str]]
) -> tuple[list[str] | None, str | Unknown | None]:
    """The profile that is active on an interface, else the saved one that names it; and its keyfile's content."""
    for profile in profiles:
        if active and profile[0] == active:
            return profile, await ask.text(host, profile[3]) if profile[3] else None
    for profile in profiles:
        if profile[1] in _KINDS and not profile[2] and profile[3]:
            content = await ask.text(host, profile[3])
            if ask.entry(ini, content, profile[3], "connection", "interface-name") == _named(content, profile[3], name):
                return profile, content
    return None, None


def _named(content: object, path: str, name: str) -> Reading[object]:
    found = ask.entry(ini, content if isinstance(content, str) else None, path, "connection", "interface-name")
    return found if isinstance(found, Known) and found.value == name else Unknown("another")


def _running(device: list[tuple[str, str]], ipv6: str) -> Addressing:
    addresses = [v for k, v in device if k.startswith("IP4.ADDRESS")]
    leased = any(k.startswith("DHCP4.OPTION") for k, _v in device)
    gateway = dict(device).get("IP4.GATEWAY", "")
    return Addressing(
        method="dhcp" if leased else "static" if addresses else "off",
        addresses=tuple(IPv4Interface(a) for a in addresses),
        gateway=IPv4Address(gateway) if gateway else None,
        dns=tuple(ip_address(v) for k, v in device if k.startswith("IP4.DNS")),
        search=tuple(v for k, v in device if k.startswith("IP4.SEARCHES")),
        ipv6=ipv6,
    )


async def _loaded(host: Host, uuid: str) -> Addressing | Unknown:
    said = await ask.say(host, "nmcli", "--terse", "--fields", _LOADED, "connection", "show", "uuid", uuid)
    if isinstance(said, Unknown):
        return said
    values = dict(pairs(said))
    try:
        return Addressing(
            method=_METHODS.get(values.get("ipv4.method", ""), values.get("ipv4.method", "")),
            addresses=tuple(IPv4Interface(a) for a in _list(values.get("ipv4.addresses", ""), ",")),
            gateway=IPv4Address(values["ipv4.gateway"]) if values.get("ipv4.gateway") else None,
            dns=tuple(ip_address(a) for k in ("ipv4.dns", "ipv6.dns") for a in _list(values.get(k, ""), ",")),
            search=_search(values.get("ipv4.dns-search", ""), values.get("ipv6.dns-search", ""), ","),
            ipv6=values.get("ipv6.method", ""),
        )
    except ValueError as error:
        return Unknown(f"nmcli: {error}")


def configuration(content: str, path: str) -> tuple[Reading[Addressing], dict[str, Source]]:
    """What a keyfile says of addresses, and where."""
    places: dict[str, Source] = {}

    def value(section: str, key: str, field: str) -> str:
        entry = ini.get(content, (section, key))
        if entry is None:
            return ""
        places.setdefault(field, Source(path, entry.line))
        return entry.value if isinstance(entry.value, str) else str(entry.value[-1])  # type: ignore[index]

    try:
        addresses: list[IPv4Interface] = []
        gateway = value("ipv4", "gateway", "gateway")
        for key in _ADDRESS_KEYS:
            for one in _list(value("ipv4", key, "address"), ";"):
                address, _comma, via = one.partition(",")
                addresses.append(IPv4Interface(address.strip()))
                gateway = gateway or via.split(",")[0].strip()
        method, ipv6 = value("ipv4", "method", "method"), value("ipv6", "method", "ipv6")
        dns = [a for s in ("ipv4", "ipv6") for a in _list(value(s, "dns", "dns"), ";")]
        search = _search(value("ipv4", "dns-search", "search"), value("ipv6", "dns-search", "search"), ";")
        return Known(
            Addressing(
                # nm-settings-keyfile(5): without a method an IPv4 section with addresses is manual, else automatic
                method=_METHODS.get(method, method) or ("static" if addresses else "dhcp"),
                addresses=tuple(addresses),
                gateway=IPv4Address(gateway) if gateway and gateway != "0.0.0.0" else None,
                dns=tuple(ip_address(a) for a in dns),
                search=search,
                ipv6=ipv6 or "auto",
            ),
            Source(path),
        ), places
    except (FormatError, ValueError) as error:
        return Unknown(f"{path}: {error}"), {}


def _list(text: str, separator: str) -> list[str]:
    return [part.strip() for part in text.split(separator) if part.strip()]


def _search(ipv4: str, ipv6: str, separator: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*_list(ipv4, separator), *_list(ipv6, separator)]))


# planning -------------------------------------------------------------------------------------------------------


def steps(interface: Interface, want: Addressing) -> tuple[list[Step], list[Blocked]]:
    """The way from what is to `want`; nothing where it is so already."""
    profile: Profile = interface.form
    written = isinstance(interface.configured, Known) and interface.configured.value == want
    if written and profile.saved and in_effect(want, interface) and profile.loaded in (None, want):
        return [], []
    if written and not profile.saved and in_effect(want, interface):
        return [], []
    if profile.saved:
        return _edit(interface, profile, want, written), []
    return _save(interface, profile, want)


def _edit(interface: Interface, profile: Profile, want: Addressing, written: bool) -> list[Step]:
    name, setting = interface.name, setting_of(interface.name)
    plan: list[Step] = []
    if not written:
        plan.append(
            EditFile(
                id=step_id(name, "profile"),
                setting=setting,
                path=profile.path,
                format="ini",
                edits=_edits(profile.text, want),
                sensitive=_SECRET.search(profile.text) is not None,
            )
        )
    plan.append(_reload(name, tuple(s.id for s in plan)))
    if interface.connected and profile.active:
        plan.append(
            RunCommand(
                id=step_id(name, "apply"),
                setting=setting,
                needs=(plan[-1].id,),
                risks=("connection",),
                cuts=(f"interface:{name}",),
                argv=("nmcli", "device", "reapply", name),
                probe="repeatable",
                again=True,
            )
        )
    return plan


def _save(interface: Interface, profile: Profile, want: Addressing) -> tuple[list[Step], list[Blocked]]:
    name, setting = interface.name, setting_of(interface.name)
    if _SECRET.search(profile.text):
        why = _("its profile lies in memory only and holds a password; save it first: nmcli connection modify {uuid}")
        return [], [Blocked(setting=setting, why=why.format(uuid=profile.uuid))]
    if profile.taken:
        why = _("{path} is there already and isn't what the interface runs on").format(path=_new_path(name))
        return [], [Blocked(setting=setting, why=why)]
    own = str(_uuid.uuid5(_OURS, name))
    text = re.sub(r"^\[\.nmmeta\]\n(?:[^\[].*\n|\n)*", "", profile.text, flags=re.M)
    head: Mapping[str, str] = {
        "id": name,
        "uuid": own,
        "type": "ethernet" if interface.kind == "ethernet" else interface.kind,
        "interface-name": name,
        "autoconnect-priority": "100",
        "timestamp": "",
    }
    for key, value in head.items():
        text = ini.edit(text, ("connection", key), value or None)
    for edit in _edits(text, want):
        text = ini.edit(text, edit.key, edit.value)
    file = WriteFile(id=step_id(name, "profile"), setting=setting, path=_new_path(name), content=text, mode=0o600)
    reload = _reload(name, (file.id,))
    plan: list[Step] = [file, reload]
    if interface.connected:
        plan.append(
            RunCommand(
                id=step_id(name, "apply"),
                setting=setting,
                needs=(reload.id,),
                risks=("connection",),
                cuts=(f"interface:{name}",),
                argv=("nmcli", "connection", "up", "uuid", own, "ifname", name),
                probe=Probe(argv=("nmcli", "--get-values", "GENERAL.CON-UUID", "device", "show", name), output=own),
                covered=True,
            )
        )
    # its undo takes the keyfile away: only a NetworkManager that starts anew makes its own profile again
    plan.append(
        Unit(
            id=step_id(name, "restart"),
            setting=setting,
            needs=(plan[-1].id,),
            risks=("connection",),
            cuts=(f"interface:{name}",),
            name=UNIT,
            restart=True,
        )
    )
    return plan, []


def _new_path(name: str) -> str:
    return f"{KEYFILES}/{name}.nmconnection"


def _reload(name: str, needs: tuple[str, ...]) -> RunCommand:
    return RunCommand(
        id=step_id(name, "reload"),
        setting=setting_of(name),
        needs=needs,
        argv=("nmcli", "connection", "reload"),
        probe="repeatable",
        again=True,
    )


def _edits(text: str, want: Addressing) -> tuple[Edit, ...]:
    """The keys to change in a keyfile, those only that differ."""
    values: dict[tuple[str, str], str | None] = {("ipv4", "method"): _KEYFILE_METHOD.get(want.method, want.method)}
    values |= {("ipv4", key): None for key in _ADDRESS_KEYS}
    values |= {("ipv4", f"address{n}"): str(a) for n, a in enumerate(want.addresses, 1)}
    entry = ini.get(text, ("ipv4", "address1"))
    if want.addresses and want.gateway and entry is not None and "," in str(entry.value):
        # an older form, which NetworkManager on Debian 12 still writes
        values["ipv4", "address1"] = f"{want.addresses[0]},{want.gateway}"
        values["ipv4", "gateway"] = None
    else:
        values["ipv4", "gateway"] = str(want.gateway) if want.gateway else None
    values["ipv4", "dns"] = _joined(str(a) for a in want.dns if a.version == 4)
    values["ipv4", "dns-search"] = _joined(want.search)
    values["ipv6", "method"] = want.ipv6 or "auto"
    values["ipv6", "dns"] = _joined(str(a) for a in want.dns if a.version == 6)
    values["ipv6", "dns-search"] = None

    now, _places = configuration(text, "")
    same = now.value if isinstance(now, Known) else None
    if same and (same.addresses, same.gateway) == (want.addresses, want.gateway):
        for key in ("gateway", *_ADDRESS_KEYS):
            values.pop(("ipv4", key), None)
    if same and same.search == want.search:
        values = {k: v for k, v in values.items() if k[1] != "dns-search"}

    def is_now(key: tuple[str, str]) -> object:
        entry = ini.get(text, key)
        return entry.value if entry else None

    return tuple(Edit(key=k, value=v) for k, v in values.items() if is_now(k) != v)


def _joined(values: Any) -> str | None:
    """A list as keyfiles have it: each value followed by a semicolon."""
    return "".join(f"{value};" for value in values) or None
