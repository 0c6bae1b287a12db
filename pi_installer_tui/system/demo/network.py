"""Players of the network: NetworkManager's nmcli, ip, ping, arping. NetworkManager's memory (the profiles as it last
read them, what is active) is /run/demo/network.json; addresses and routes that `ip` shows follow from it."""

from __future__ import annotations

import configparser
import ipaddress
import json
import re
import time
import uuid
from collections.abc import Iterable
from typing import Any, TypeAlias

from pi_installer_tui.system.demo import wireguard
from pi_installer_tui.system.demo.players import Call, Options, Refused, player, table
from pi_installer_tui.system.demo.tree import Machine

KEYFILES = ("/etc/NetworkManager/system-connections", "/run/NetworkManager/system-connections")
#: keyfile types and what nmcli calls them in lists
TYPES = {"ethernet": "802-3-ethernet", "wifi": "802-11-wireless", "loopback": "loopback"}
FOREVER = 4294967295
#: NetworkManager's own profile of the loopback device
LOOPBACK = {
    "NAME": "lo",
    "UUID": "f821cc63-4508-4626-84f3-1ce0112dd167",
    "TYPE": "loopback",
    "TIMESTAMP": "0",
    "AUTOCONNECT": "no",
    "READONLY": "no",
    "ACTIVE": "yes",
    "DEVICE": "lo",
    "STATE": "activated",
    "FILENAME": "/run/NetworkManager/system-connections/lo.nmconnection",
}

Profile: TypeAlias = dict[str, dict[str, str]]


# NetworkManager -----------------------------------------------------------------------------------------------


def start_up(machine: Machine) -> None:
    """NetworkManager starts: it reads its profiles and brings up those that ask for it."""
    machine.remember("network", {"profiles": {}, "active": {}, "paths": 1})
    reload(machine)
    for path in profiles(machine):
        profile = profiles(machine)[path]
        device = device_of(machine, profile)
        busy = machine.memory("network")["active"]
        if device and device not in busy and profile["connection"].get("autoconnect", "true") != "false":
            activate(machine, path, device)


def reload(machine: Machine) -> None:
    """Reads the keyfiles again. One that others can read is ignored, as NetworkManager does."""
    memory = machine.memory("network")
    memory["profiles"] = {}
    for folder in KEYFILES:
        for name in machine.files.listdir(folder):
            path = f"{folder}/{name}"
            found = machine.files.stat(path)
            if name.endswith(".nmconnection") and found and found.kind == "file" and not found.mode & 0o077:
                memory["profiles"][path] = machine.text(path)
    machine.remember("network", memory)


def profiles(machine: Machine) -> dict[str, Profile]:
    """The profiles that NetworkManager knows, by their file."""
    found = {}
    for path, text in machine.memory("network").get("profiles", {}).items():
        parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
        try:
            parser.read_string(text)
        except configparser.Error:
            continue
        profile = {section: dict(parser[section]) for section in parser.sections()}
        connection = profile.setdefault("connection", {})
        connection.setdefault("id", path.rpartition("/")[2].removesuffix(".nmconnection"))
        connection.setdefault("uuid", str(uuid.uuid5(uuid.NAMESPACE_URL, path)))
        connection.setdefault("type", "ethernet")
        found[path] = profile
    return found


def device_of(machine: Machine, profile: Profile) -> str | None:
    """The device that a profile fits: the named one, else the first of its kind."""
    kind = {"802-3-ethernet": "ethernet", "802-11-wireless": "wifi"}.get(*(profile["connection"]["type"],) * 2)
    named = profile["connection"].get("interface-name", "")
    devices = [name for name in interfaces(machine) if kind_of(machine, name) == kind]
    return named if named in devices else devices[0] if devices and not named else None


def interfaces(machine: Machine) -> list[str]:
    """The kernel's interfaces, by their index."""
    names = machine.files.listdir("/sys/class/net")
    return sorted(names, key=lambda name: int(machine.text(f"/sys/class/net/{name}/ifindex") or "0"))


def kind_of(machine: Machine, name: str) -> str:
    """ethernet, wifi or loopback, as nmcli calls a device's type."""
    if (machine.text(f"/sys/class/net/{name}/type") or "").strip() == "772":
        return "loopback"
    return "wifi" if machine.exists(f"/sys/class/net/{name}/wireless") else "ethernet"


def activate(machine: Machine, path: str, device: str) -> int:
    """Brings a profile up on a device. Returns the number of the active connection."""
    profile = profiles(machine)[path]
    memory = machine.memory("network")
    ipv4, ipv6 = profile.get("ipv4", {}), profile.get("ipv6", {})
    leases = dict(line.split(" ", 1) for line in (machine.text("/run/demo/leases") or "").splitlines())
    lease = leases.get(device, "").split() if ipv4.get("method", "auto") == "auto" else []
    addresses, gateway = _addresses(ipv4)
    static = list(addresses)
    dns, search = _list(ipv4.get("dns")), _list(ipv4.get("dns-search"))
    domains = []
    if lease:
        addresses = [lease[0], *addresses]
        gateway = gateway or lease[1]
        if ipv4.get("ignore-auto-dns", "false") != "true":
            dns, domains = [*dns, lease[2]], [lease[3]]
    six, gateway6 = _addresses(ipv6)
    method6 = ipv6.get("method", "auto")
    if method6 not in ("disabled",):
        six = [*six, link_local(machine, device)]
    number = int(memory["paths"]) + 1
    memory["paths"] = number
    memory["active"][device] = {
        "path": path,
        "uuid": profile["connection"]["uuid"],
        "id": profile["connection"]["id"],
        "number": number,
        "since": int(time.time()),
        "addresses": addresses,
        "static": static,
        "gateway": gateway,
        "addresses6": six,
        "gateway6": gateway6,
        "dns": [*dns, *_list(ipv6.get("dns"))],
        "search": search,
        "domains": domains,
        "lease": lease,
    }
    machine.remember("network", memory)
    disabled = f"/proc/sys/net/ipv6/conf/{device}/disable_ipv6"
    machine.write(disabled, "1\n" if method6 == "disabled" else "0\n")
    _resolv_conf(machine, memory["active"])
    return number


def deactivate(machine: Machine, device: str) -> int:
    """Takes a device's connection down."""
    memory = machine.memory("network")
    number: int = memory["active"].pop(device)["number"]
    machine.remember("network", memory)
    _resolv_conf(machine, memory["active"])
    return number


def _addresses(section: dict[str, str]) -> tuple[list[str], str]:
    """Addresses with prefix and the gateway of [ipv4] or [ipv6] (nm-settings-keyfile(5): `address1=ADDRESS/PREFIX[,
    GATEWAY]`, `gateway=`)."""
    addresses, gateway = [], section.get("gateway", "")
    if section.get("method") not in ("manual", "auto", None):
        return [], ""
    for key in sorted(section):
        if re.fullmatch(r"address(es)?\d*", key):
            for value in filter(None, section[key].split(";")):
                address, _, rest = value.partition(",")
                addresses.append(address.strip())
                gateway = gateway or rest.strip()
    return addresses, gateway


def _list(value: str | None) -> list[str]:
    return [part.strip() for part in re.split("[;,]", value or "") if part.strip()]


def link_local(machine: Machine, device: str) -> str:
    """The address that the kernel makes of the MAC address (RFC 4291, appendix A)."""
    mac = (machine.text(f"/sys/class/net/{device}/address") or "00:00:00:00:00:00").strip().split(":")
    eui = [f"{int(mac[0], 16) ^ 2:02x}", *mac[1:3], "ff", "fe", *mac[3:]]
    groups = ":".join("".join(pair) for pair in zip(eui[::2], eui[1::2], strict=True))
    return f"{ipaddress.IPv6Address(f'fe80::{groups}')}/64"


def _resolv_conf(machine: Machine, active: dict[str, Any]) -> None:
    """NetworkManager writes the file when it is a plain one (rc-manager=symlink in NetworkManager.conf(5))."""
    found = machine.files.stat("/etc/resolv.conf")
    text = "".join(machine.text(f"/etc/NetworkManager/{name}") or "" for name in _conf_names(machine))
    if (found and found.kind == "link") or re.search(r"^\s*dns\s*=\s*none", text, re.MULTILINE):
        return
    servers = list(dict.fromkeys(server for one in active.values() for server in one["dns"]))
    search = list(dict.fromkeys(domain for one in active.values() for domain in (*one["search"], *one["domains"])))
    lines = ["# Generated by NetworkManager", *([f"search {' '.join(search)}"] if search else [])]
    machine.write("/etc/resolv.conf", "\n".join([*lines, *(f"nameserver {s}" for s in servers)]) + "\n")


def _conf_names(machine: Machine) -> list[str]:
    more = [f"conf.d/{n}" for n in machine.files.listdir("/etc/NetworkManager/conf.d") if n.endswith(".conf")]
    return ["NetworkManager.conf", *more]


# nmcli --------------------------------------------------------------------------------------------------------

OBJECTS = ("general", "networking", "radio", "connection", "device")
VERBS = {
    "connection": ("show", "up", "down", "reload", "load", "delete", "modify"),
    "device": ("status", "show", "reapply", "connect", "disconnect", "set"),
}


@player("nmcli", package="network-manager")
async def nmcli(call: Call) -> int:
    options = call.options(
        *("-t", "--terse", "-p", "--pretty", "-s", "--show-secrets", "-a", "--ask", "--version", "-v", "--active"),
        *("-f=", "--fields=", "-g=", "--get-values=", "-m=", "--mode=", "-e=", "--escape=", "-c=", "--colors="),
        *("-w=", "--wait="),
    )
    if options.has("--version", "-v"):
        await call.out("nmcli tool, version 1.52.1")
        return 0
    from pi_installer_tui.system.demo import units

    if not units.is_active(call.machine, "NetworkManager.service"):
        raise Refused("Error: NetworkManager is not running.", 8)
    word, *words = options.words or ["general"]
    kind = next((name for name in OBJECTS if name.startswith(word)), None)
    if kind is None:
        raise Refused(f"Error: argument '{word}' not understood. Try passing --help instead.", 2)
    default = "show" if kind == "connection" else "status"
    verb = words.pop(0) if words else default
    verb = next((name for name in VERBS.get(kind, ()) if name.startswith(verb)), verb)
    if kind == "connection":
        return await _nm_connection(call, options, verb, words)
    if kind == "device":
        return await _nm_device(call, options, verb, words)
    if kind == "general" and verb == "status":
        row = {
            "RUNNING": "running",
            "VERSION": "1.52.1",
            "STATE": "connected" if call.machine.memory("network")["active"] else "disconnected",
            "CONNECTIVITY": "full",
            "NETWORKING": "enabled",
            "WIFI-HW": "enabled",
            "WIFI": "enabled",
        }
        await _rows(call, options, [row], ("STATE", "CONNECTIVITY", "WIFI-HW", "WIFI"), "general status")
        return 0
    if kind == "networking":
        await call.out("full" if verb == "connectivity" else "enabled")
        return 0
    raise Refused(f"Error: argument '{verb}' not understood. Try passing --help instead.", 2)


async def _nm_connection(call: Call, options: Options, verb: str, words: list[str]) -> int:
    machine = call.machine
    active = machine.memory("network")["active"]
    if verb == "show" and not words:
        devices = {one["uuid"]: (device, one) for device, one in active.items()}
        rows = []
        for at, (path, profile) in enumerate(profiles(machine).items(), 1):
            device, one = devices.get(profile["connection"]["uuid"], ("", {}))
            if options.has("--active") and not device:
                continue
            connection = profile["connection"]
            rows.append(
                {
                    "NAME": connection["id"],
                    "UUID": connection["uuid"],
                    "TYPE": TYPES.get(connection["type"], connection["type"]),
                    "TIMESTAMP": str(one.get("since", 0)),
                    "AUTOCONNECT": "no" if connection.get("autoconnect") == "false" else "yes",
                    "AUTOCONNECT-PRIORITY": connection.get("autoconnect-priority", "0"),
                    "READONLY": "no",
                    "DBUS-PATH": f"/org/freedesktop/NetworkManager/Settings/{at}",
                    "ACTIVE": "yes" if device else "no",
                    "DEVICE": device,
                    "STATE": "activated" if device else "",
                    "FILENAME": path,
                }
            )
        rows.sort(key=lambda row: row["ACTIVE"] != "yes")
        rows.append({**dict.fromkeys(rows[0] if rows else LOOPBACK, ""), **LOOPBACK})
        await _rows(call, options, rows, ("NAME", "UUID", "TYPE", "DEVICE"), "connection show")
        return 0
    if verb == "reload":
        with machine.locked():
            reload(machine)
        return 0
    if verb == "load":
        with machine.locked():
            memory = machine.memory("network")
            for path in words:
                found = machine.files.stat(path)
                if found is None or found.mode & 0o077:
                    raise Refused(f"Could not load file '{path}'", 4)
                memory["profiles"][path] = machine.text(path)
            machine.remember("network", memory)
        return 0
    if verb in ("show", "up", "down", "delete", "modify"):
        if verb == "up" and words[:1] == ["ifname"]:
            path, device = _for_device(machine, words[1]), words[1]
        else:
            path, words = _named(machine, words, verb)
            device = words[1] if words[:1] == ["ifname"] else device_of(machine, profiles(machine)[path]) or ""
        profile = profiles(machine)[path]
        used = next((d for d, one in active.items() if one["uuid"] == profile["connection"]["uuid"]), None)
        name, the_uuid = profile["connection"]["id"], profile["connection"]["uuid"]
        if verb == "show":
            await _fields(call, options, _profile_values(profile, path, used, active.get(used or "")))
        elif verb == "up":
            if not device:
                raise Refused("Error: Connection activation failed: No suitable device found for this connection.", 4)
            await call.pause(1.2)
            with machine.locked():
                number = activate(machine, path, device)
            await call.out(f"Connection successfully activated ({_dbus(number)})")
        elif verb == "down":
            if used is None:
                raise Refused(
                    f"Error: '{name}' is not an active connection.\nError: no active connection provided.", 10
                )
            await call.pause(0.4)
            with machine.locked():
                number = deactivate(machine, used)
            await call.out(f"Connection '{name}' successfully deactivated ({_dbus(number)})")
        elif verb == "delete":
            with machine.locked():
                if used:
                    deactivate(machine, used)
                machine.remove(path)
                reload(machine)
            await call.out(f"Connection '{name}' ({the_uuid}) successfully deleted.")
        else:
            with machine.locked():
                _modify(machine, path, words)
        return 0
    raise Refused(f"Error: argument '{verb}' not understood. Try passing --help instead.", 2)


async def _nm_device(call: Call, options: Options, verb: str, words: list[str]) -> int:
    machine = call.machine
    active = machine.memory("network")["active"]
    if verb == "status":
        rows = []
        for at, name in enumerate(interfaces(machine), 1):
            kind, one = kind_of(machine, name), active.get(name)
            state = "connected (externally)" if kind == "loopback" else "connected" if one else "disconnected"
            connection = "lo" if kind == "loopback" else one["id"] if one else ""
            rows.append(
                {
                    "DEVICE": name,
                    "TYPE": kind,
                    "STATE": state,
                    "IP4-CONNECTIVITY": "full" if one else "none",
                    "IP6-CONNECTIVITY": "limited" if one else "none",
                    "DBUS-PATH": f"/org/freedesktop/NetworkManager/Devices/{at}",
                    "CONNECTION": connection,
                    "CON-UUID": one["uuid"] if one else "",
                    "CON-PATH": f"/org/freedesktop/NetworkManager/ActiveConnection/{one['number']}" if one else "",
                }
            )
        rows.sort(key=lambda row: (row["STATE"] != "connected", row["TYPE"] == "loopback"))
        await _rows(call, options, rows, ("DEVICE", "TYPE", "STATE", "CONNECTION"), "device status")
        return 0
    device = words[0] if words else ""
    if words and device not in interfaces(machine):
        raise Refused(f"Error: Device '{device}' not found.", 10)
    if verb == "show":
        for at, name in enumerate([device] if device else interfaces(machine)):
            if at:
                await call.out()
            await _fields(call, options, _device_values(machine, name, active.get(name)))
        return 0
    if verb == "reapply":
        if device not in active:
            raise Refused(f"Error: Reapplying connection to device '{device}' failed: Device is not activated", 6)
        await call.pause(0.4)
        with machine.locked():
            activate(machine, active[device]["path"], device)
        await call.out(f"Connection successfully reapplied to device '{device}'.")
    elif verb == "connect":
        await call.pause(1.2)
        with machine.locked():
            activate(machine, _for_device(machine, device), device)
        the_uuid = machine.memory("network")["active"][device]["uuid"]
        await call.out(f"Device '{device}' successfully activated with '{the_uuid}'.")
    elif verb == "disconnect":
        if device not in active:
            raise Refused(f"Error: Device '{device}' is not active.", 6)
        with machine.locked():
            deactivate(machine, device)
        await call.out(f"Device '{device}' successfully disconnected.")
    elif verb != "set":
        raise Refused(f"Error: argument '{verb}' not understood. Try passing --help instead.", 2)
    return 0


def _dbus(number: int) -> str:
    return f"D-Bus active path: /org/freedesktop/NetworkManager/ActiveConnection/{number}"


def _for_device(machine: Machine, device: str) -> str:
    for path, profile in profiles(machine).items():
        if device_of(machine, profile) == device:
            return path
    raise Refused(f"Error: Device '{device}' not found or has no suitable connection.", 10)


def _named(machine: Machine, words: list[str], verb: str) -> tuple[str, list[str]]:
    """The profile that `[id | uuid | path] NAME` means, and the words behind it."""
    by = words.pop(0) if len(words) > 1 and words[0] in ("id", "uuid", "path") else ""
    name = words[0] if words else ""
    for path, profile in profiles(machine).items():
        connection = profile["connection"]
        if (by in ("", "id") and connection["id"] == name) or (by in ("", "uuid") and connection["uuid"] == name):
            return path, words[1:]
    if verb == "show":
        raise Refused(f"Error: {name} - no such connection profile.", 10)
    more = f"\nError: cannot delete unknown connection(s): '{name}'." if verb == "delete" else ""
    raise Refused(f"Error: unknown connection '{name}'.{more}", 10)


def _modify(machine: Machine, path: str, words: list[str]) -> None:
    """`ipv4.dns VALUE ...`: changes the keyfile, as NetworkManager writes it."""
    profile = profiles(machine)[path]
    aliases = {"ipv4.addresses": "address1", "ipv6.addresses": "address1"}
    for name, value in zip(words[::2], words[1::2], strict=True):
        section, _, key = name.partition(".")
        if section not in ("connection", "ipv4", "ipv6", "802-3-ethernet", "ethernet"):
            raise Refused(f"Error: invalid property '{name}'.", 2)
        key = aliases.get(name, key)
        values = profile.setdefault({"802-3-ethernet": "ethernet"}.get(section, section), {})
        if value:
            values[key] = f"{value.replace(',', ';').replace(' ', ';').strip(';')};" if key.startswith("dns") else value
        else:
            values.pop(key, None)
    text = "\n".join(
        "\n".join([f"[{section}]", *(f"{key}={value}" for key, value in values.items()), ""])
        for section, values in profile.items()
    )
    machine.write(path, text, 0o600)
    reload(machine)


def _profile_values(profile: Profile, path: str, device: str | None, one: dict[str, Any] | None) -> dict[str, str]:
    connection, ipv4, ipv6 = profile["connection"], profile.get("ipv4", {}), profile.get("ipv6", {})
    values = {
        "connection.id": connection["id"],
        "connection.uuid": connection["uuid"],
        "connection.type": TYPES.get(connection["type"], connection["type"]),
        "connection.interface-name": connection.get("interface-name", ""),
        "connection.autoconnect": "no" if connection.get("autoconnect") == "false" else "yes",
        "connection.autoconnect-priority": connection.get("autoconnect-priority", "0"),
    }
    for family, section in (("ipv4", ipv4), ("ipv6", ipv6)):
        addresses, gateway = _addresses(section)
        values |= {
            f"{family}.method": section.get("method", "auto"),
            f"{family}.dns": ",".join(_list(section.get("dns"))),
            f"{family}.dns-search": ",".join(_list(section.get("dns-search"))),
            f"{family}.addresses": ", ".join(addresses),
            f"{family}.gateway": gateway,
            f"{family}.route-metric": section.get("route-metric", "-1"),
            f"{family}.ignore-auto-dns": "yes" if section.get("ignore-auto-dns") == "true" else "no",
            f"{family}.never-default": "yes" if section.get("never-default") == "true" else "no",
            f"{family}.may-fail": "no" if section.get("may-fail") == "false" else "yes",
        }
    if device and one:
        values |= {"GENERAL.NAME": connection["id"], "GENERAL.UUID": connection["uuid"], "GENERAL.DEVICES": device}
        values |= {"GENERAL.STATE": "activated", **_ip_values(one)}
    return values


def _device_values(machine: Machine, name: str, one: dict[str, Any] | None) -> dict[str, str]:
    folder = f"/sys/class/net/{name}"
    kind = kind_of(machine, name)
    state = "100 (connected)" if one else "100 (connected (externally))" if kind == "loopback" else "30 (disconnected)"
    values = {
        "GENERAL.DEVICE": name,
        "GENERAL.TYPE": kind,
        "GENERAL.HWADDR": (machine.text(f"{folder}/address") or "").strip().upper(),
        "GENERAL.MTU": (machine.text(f"{folder}/mtu") or "").strip(),
        "GENERAL.STATE": state,
        "GENERAL.CONNECTION": one["id"] if one else "",
        "GENERAL.CON-UUID": one["uuid"] if one else "",
        "GENERAL.CON-PATH": f"/org/freedesktop/NetworkManager/ActiveConnection/{one['number']}" if one else "",
        "GENERAL.NM-MANAGED": "yes",
    }
    return values | (_ip_values(one) if one else {})


def _ip_values(one: dict[str, Any]) -> dict[str, str]:
    values = {f"IP4.ADDRESS[{at}]": address for at, address in enumerate(one["addresses"], 1)}
    values["IP4.GATEWAY"] = one["gateway"]
    values |= {f"IP4.DNS[{at}]": server for at, server in enumerate((s for s in one["dns"] if ":" not in s), 1)}
    values |= {f"IP4.SEARCHES[{at}]": domain for at, domain in enumerate(one["search"], 1)}
    values |= {f"IP4.DOMAIN[{at}]": domain for at, domain in enumerate(one["domains"], 1)}
    if one["lease"]:
        address, gateway, server, domain = one["lease"]
        lease = {"dhcp_lease_time": "86400", "domain_name": domain, "domain_name_servers": server}
        lease |= {"ip_address": address.partition("/")[0], "routers": gateway}
        values |= {f"DHCP4.OPTION[{at}]": f"{name} = {value}" for at, (name, value) in enumerate(lease.items(), 1)}
    values |= {f"IP6.ADDRESS[{at}]": address for at, address in enumerate(one["addresses6"], 1)}
    return values | {"IP6.GATEWAY": one["gateway6"]}


async def _rows(call: Call, options: Options, rows: list[dict[str, str]], usual: Iterable[str], what: str) -> None:
    """A table: terse with `-t` or `-g`, the columns of `-f`."""
    asked = options.value("-g", "--get-values") or options.value("-f", "--fields")
    allowed = list(rows[0]) if rows else list(usual)
    columns = allowed if asked.lower() == "all" else asked.upper().split(",") if asked else list(usual)
    for column in columns:
        if column not in allowed:
            raise Refused(f"Error: '{what}': invalid field '{column}'; allowed fields: {','.join(allowed)}", 2)
    if options.has("-t", "--terse", "-g", "--get-values"):
        for row in rows:
            await call.out(":".join(row[c].replace("\\", "\\\\").replace(":", "\\:") for c in columns))
        return
    short = {long: name for name, long in TYPES.items()}
    cells = [list(columns), *([short.get(row[c], row[c]) or "--" for c in columns] for row in rows)]
    await call.out("\n".join(f"{line} " for line in table(cells)))


async def _fields(call: Call, options: Options, values: dict[str, str]) -> None:
    """One thing's properties, a line each: all, or those that `-f` names, whole groups (`IP4`) or single ones."""
    bare = options.has("-g", "--get-values")
    asked = options.value("-g", "--get-values") or options.value("-f", "--fields")
    names = [n for n in asked.split(",") if n and n.lower() != "all"]

    def wanted(name: str) -> bool:
        plain = re.sub(r"\[\d+\]$", "", name)
        return not names or any(plain.lower() == n.lower() or name.startswith(f"{n}.") for n in names)

    for name, value in values.items():
        if wanted(name):
            terse = options.has("-t", "--terse")
            await call.out(value if bare else f"{name}:{value}" if terse else f"{name + ':':<40}{value or '--'}")


# ip and its like ----------------------------------------------------------------------------------------------


def addresses_of(machine: Machine) -> list[dict[str, Any]]:
    """`ip -j addr`."""
    active = machine.memory("network").get("active", {})
    found = []
    for name in interfaces(machine):
        folder = f"/sys/class/net/{name}"
        loopback = kind_of(machine, name) == "loopback"
        one = active.get(name, {})
        infos: list[dict[str, Any]] = []
        four = ["127.0.0.1/8"] if loopback else one.get("addresses", [])
        six = ["::1/128"] if loopback else one.get("addresses6", [])
        for address in four:
            interface = ipaddress.IPv4Interface(address)
            info = {"family": "inet", "local": str(interface.ip), "prefixlen": interface.network.prefixlen}
            if not loopback:
                info["broadcast"] = str(interface.network.broadcast_address)
            info |= {"scope": "host" if loopback else "global"}
            leased = not loopback and address not in one.get("static", [])
            if leased:
                info["dynamic"] = True
            if not loopback:
                info["noprefixroute"] = True
            life = 85_000 if leased else FOREVER
            infos.append({**info, "label": name, "valid_life_time": life, "preferred_life_time": life})
        for address in one.get("kept", []):
            interface = ipaddress.IPv4Interface(address)
            info = {"family": "inet", "local": str(interface.ip), "prefixlen": interface.network.prefixlen}
            info |= {"scope": "global", "deprecated": True, "dynamic": True, "label": name}
            infos.append({**info, "valid_life_time": 3600, "preferred_life_time": 0})
        for address in six:
            six_interface = ipaddress.IPv6Interface(address)
            local = six_interface.ip.is_link_local
            infos.append(
                {
                    "family": "inet6",
                    "local": str(six_interface.ip),
                    "prefixlen": six_interface.network.prefixlen,
                    "scope": "host" if loopback else "link" if local else "global",
                    "valid_life_time": FOREVER,
                    "preferred_life_time": FOREVER,
                }
            )
        up = (machine.text(f"{folder}/carrier") or "").strip() == "1"
        flags = ["LOOPBACK"] if loopback else ["BROADCAST", "MULTICAST"]
        found.append(
            {
                "ifindex": int(machine.text(f"{folder}/ifindex") or "0"),
                "ifname": name,
                "flags": [*flags, "UP", "LOWER_UP"] if up else ["NO-CARRIER", *flags, "UP"],
                "mtu": int(machine.text(f"{folder}/mtu") or "1500"),
                "qdisc": "noqueue" if loopback else "mq",
                "operstate": (machine.text(f"{folder}/operstate") or "").strip().upper(),
                "group": "default",
                "txqlen": 1000,
                "link_type": "loopback" if loopback else "ether",
                "address": (machine.text(f"{folder}/address") or "").strip(),
                "broadcast": "00:00:00:00:00:00" if loopback else "ff:ff:ff:ff:ff:ff",
                "addr_info": infos,
            }
        )
    return [*found, *wireguard.links(machine)]


def routes_of(machine: Machine, six: bool = False) -> list[dict[str, Any]]:
    """`ip -j route`: default routes first, by their metric."""
    defaults, links = [], []
    for device, one in machine.memory("network").get("active", {}).items():
        metric = 600 if kind_of(machine, device) == "wifi" else 100
        gateway = one["gateway6"] if six else one["gateway"]
        leased = not six and not one["static"]
        for address in one["addresses6"] if six else one["addresses"]:
            interface = ipaddress.ip_interface(address)
            scope = {} if six else {"scope": "link", "prefsrc": str(interface.ip)}
            links.append({"dst": str(interface.network), "dev": device, "protocol": "kernel", **scope,
                          "metric": 1024 if six else metric, "flags": []})  # fmt: skip
        if gateway:
            protocol = "dhcp" if leased else "static"
            source = {"prefsrc": one["addresses"][0].split("/")[0]} if leased else {}
            defaults.append({"dst": "default", "gateway": gateway, "dev": device, "protocol": protocol, **source,
                             "metric": metric, "flags": []})  # fmt: skip
    ordered = sorted(defaults, key=lambda r: int(r["metric"])) + sorted(links, key=lambda r: int(r["metric"]))
    return ordered + wireguard.routes(machine, six)


@player("ip", folder="/usr/sbin")
async def ip(call: Call) -> int:
    as_json, six, four = False, False, False
    words = []
    for argument in call.argv[1:]:
        as_json |= argument in ("-j", "-json", "--json")
        six |= argument == "-6"
        four |= argument == "-4"
        if not argument.startswith("-"):
            words.append(argument)
    kinds = ("address", "route", "link", "neighbour", "neighbor")
    kind = next((name for name in kinds if words and name.startswith(words[0])), "")
    rest = [word for word in words[1:] if word not in ("show", "list", "ls", "dev")]
    machine = call.machine
    if kind == "address" and words[1:2] in (["add"], ["del"]):
        return _change_address(machine, words[1:])
    if (
        kind == "route"
        and words[1:2]
        and words[1] in ("add", "replace", "del")
        and words[-1] in wireguard.tunnels(machine)
    ):
        with machine.locked():
            wireguard.change_route(machine, words[1], words[2], words[-1])
        return 0
    if kind == "route" and words[1:2] == ["get"]:
        rows = [_route_to(machine, words[2])]
    elif kind == "route":
        rows = routes_of(machine, six)
        rows = [row for row in rows if not rest or row["dst"] == rest[0] or row["dev"] == rest[0]]
    elif kind in ("address", "link"):
        rows = addresses_of(machine)
        if rest and rest[0] not in [row["ifname"] for row in rows]:
            raise Refused(f'Device "{rest[0]}" does not exist.')
        rows = [row for row in rows if not rest or row["ifname"] == rest[0]]
        for row in rows:
            if kind == "link":
                del row["addr_info"]
            elif four or six:
                row["addr_info"] = [a for a in row["addr_info"] if a["family"] == ("inet6" if six else "inet")]
    elif kind:
        near = neighbours(machine)
        rows = [{"dst": dst, "dev": "eth0", "lladdr": mac, "state": ["REACHABLE"]} for dst, mac in near.items()]
    else:
        raise Refused(f'Object "{words[0] if words else ""}" is unknown, try "ip help".')
    if as_json:
        await call.out(json.dumps(rows, separators=(",", ":")))
        return 0
    for row in rows:
        if kind == "route":
            via = f" via {row['gateway']}" if row.get("gateway") else ""
            await call.out(f"{row['dst']}{via} dev {row['dev']} proto {row.get('protocol', 'kernel')}")
        elif kind in ("address", "link"):
            await call.out(f"{row['ifindex']}: {row['ifname']}: <{','.join(row['flags'])}> mtu {row['mtu']}")
            for info in row.get("addr_info", ()):
                await call.out(f"    {info['family']} {info['local']}/{info['prefixlen']} scope {info['scope']}")
        else:
            await call.out(f"{row['dst']} dev {row['dev']} lladdr {row['lladdr']} REACHABLE")
    return 0


def _change_address(machine: Machine, words: list[str]) -> int:
    """`ip address add|del ADDRESS dev DEVICE [valid_lft SECONDS preferred_lft SECONDS]`."""
    verb, address, _dev, device = words[:4]
    memory = machine.memory("network")
    one = memory["active"].get(device)
    if one is None:
        raise Refused(f'Cannot find device "{device}"')
    kept = one.setdefault("kept", [])
    if verb == "add":
        if address in [*one["addresses"], *kept]:
            raise Refused("Error: ipv4: Address already assigned.", 2)
        kept.append(address)
    elif address in kept or address in one["addresses"]:
        (kept if address in kept else one["addresses"]).remove(address)
    else:
        raise Refused("Error: ipv4: Address not found.", 2)
    machine.remember("network", memory)
    return 0


def _route_to(machine: Machine, target: str) -> dict[str, Any]:
    try:
        address = ipaddress.ip_address(target)
    except ValueError:
        raise Refused(f'Error: any valid prefix is expected rather than "{target}".') from None
    routes = routes_of(machine, address.version == 6)
    for route in sorted(routes, key=lambda one: bool(one["dst"] == "default")):
        if route["dst"] == "default" or address in ipaddress.ip_network(route["dst"]):
            gateway = {"gateway": route["gateway"]} if "gateway" in route else {}
            source = machine.memory("network")["active"][route["dev"]]["addresses"][0].split("/")[0]
            return {
                "dst": target,
                **gateway,
                "dev": route["dev"],
                "prefsrc": source,
                "flags": [],
                "uid": 0,
                "cache": [],
            }
    raise Refused("RTNETLINK answers: Network is unreachable", 2)


def neighbours(machine: Machine) -> dict[str, str]:
    """The other machines on the segment: address and hardware address."""
    lines = (line.split() for line in (machine.text("/run/demo/neighbours") or "").splitlines())
    return {line[0]: line[1] for line in lines}


def answers(machine: Machine, target: str) -> str | None:
    """The address that answers for a target: a neighbour, ourselves, or anything beyond a gateway that answers."""
    names = {"localhost": "127.0.0.1", "mirror.example.org": "151.101.2.132"}
    target = names.get(target, target)
    try:
        address = ipaddress.ip_address(target)
    except ValueError:
        raise Refused(f"ping: {target}: Name or service not known", 2) from None
    own = [info["local"] for row in addresses_of(machine) for info in row["addr_info"]]
    near = neighbours(machine)
    networks = [ipaddress.ip_network(r["dst"]) for r in routes_of(machine) if r["dst"] != "default"]
    if target in own or address.is_loopback:
        return target
    if any(address in network for network in networks):
        return target if target in near else None
    default = next((r for r in routes_of(machine) if r["dst"] == "default"), None)
    return target if default and default["gateway"] in near and not address.is_private else None


#: bytes of data in a ping that the router's DSL takes (PPPoE: 1492)
_DSL = 1464


@player("ping")
async def ping(call: Call) -> int:
    options = call.options("-c=", "-W=", "-w=", "-i=", "-I=", "-n", "-q", "-4", "-6", "-s=", "-t=", "-M=")
    target = options.words[-1]
    default = next((route for route in routes_of(call.machine) if route["dst"] == "default"), None)
    if default and options.value("-M") == "do" and int(options.value("-s", default="56")) > _DSL:
        size, gateway = options.value("-s"), default["gateway"]
        await call.out(f"PING {target} ({target}) {size}({int(size) + 28}) bytes of data.")
        await call.out(f"From {gateway} icmp_seq=1 Frag needed and DF set (mtu = {_DSL + 28})\n")
        await call.out(f"--- {target} ping statistics ---")
        await call.out("1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms\n")
        return 1
    if answers(call.machine, target):
        await call.pause(0.02)
        await call.out(f"PING {target} ({target}) 56(84) bytes of data.")
        await call.out(f"64 bytes from {target}: icmp_seq=1 ttl=64 time=0.434 ms\n\n--- {target} ping statistics ---")
        await call.out("1 packets transmitted, 1 received, 0% packet loss, time 0ms")
        return 0
    await call.pause(float(options.value("-W", "-w", default="10")))
    await call.out(f"PING {target} ({target}) 56(84) bytes of data.\n\n--- {target} ping statistics ---")
    await call.out("1 packets transmitted, 0 received, 100% packet loss, time 0ms\n")
    return 1


@player("arping", package="iputils-arping")
async def arping(call: Call) -> int:
    """iputils' arping; -D ends with 1 when somebody has the address."""
    options = call.options("-c=", "-w=", "-W=", "-I=", "-D", "-q", "-f", "-b")
    target, device = options.words[-1], options.value("-I", default="eth0")
    if device not in interfaces(call.machine):
        raise Refused(f'arping: Interface "{device}" is not found', 2)
    near = neighbours(call.machine)
    source = "0.0.0.0" if options.has("-D") else "192.168.1.23"
    await call.out(f"ARPING {target} from {source} {device}")
    if target in near:
        await call.out(f"Unicast reply from {target} [{near[target].upper()}]  0.741ms")
    else:
        await call.pause(float(options.value("-w", default="1")))
    await call.out(f"Sent 1 probes (1 broadcast(s))\nReceived {int(target in near)} response(s)")
    return int((target in near) == options.has("-D"))


@player("python3")
async def python3(call: Call) -> int:
    """Python with the one script that the modules run (`arp.py INTERFACE ADDRESS`, who has an address), and with our
    own modules that work with databases."""
    if call.argv[1:3] == ("-I", "-m"):
        from pi_installer_tui.system.demo.databases import MODULES

        if call.argv[3] in MODULES:
            return await MODULES[call.argv[3]](call)
    words = [word for word in call.argv[1:] if not word.startswith("-")]
    if len(words) != 3 or not words[0].endswith("/arp.py"):
        raise Refused(f"python3: can't open file '{words[0] if words else ''}': [Errno 2] No such file or directory", 2)
    _script, device, address = words
    if device not in interfaces(call.machine):
        raise Refused("[Errno 19] No such device", 2)
    mac = neighbours(call.machine).get(address)
    await call.pause(0.1 if mac else 0.9)
    await call.out(mac or "")
    return 0 if mac else 1
