"""What is around a tunnel on the machine: its networks and the way out, what it forwards, who filters packets."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.vpn import addresses
from pi_installer_tui.modules.vpn.state import Uplink
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown, Value

FORWARD, FORWARD6 = "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
#: interfaces that Docker, Podman, libvirt, LXC, Kubernetes and other tunnels make
_VIRTUAL = re.compile(r"(docker|br-|veth|podman|cni|virbr|vnet|lxc|lxd|flannel|cali|tailscale|zt|tun|tap|wg)")

_RESOLV_CONF = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf")


async def text(host: Host, path: str) -> str:
    """A file's text, "" where it can't be had."""
    try:
        return await host.text(path) or ""
    except OSError:
        return ""


async def names(host: Host, folder: str) -> tuple[str, ...]:
    """The names in a folder, none where it can't be read."""
    try:
        return await host.listdir(folder)
    except OSError:
        return ()


async def _json(host: Host, *words: str) -> list[dict[str, Any]]:
    try:
        done = await host.run(["ip", "-json", *words])
        found = json.loads(done.stdout or "[]") if done.ok else []
    except (HostError, ValueError):
        return []
    return [row for row in found if isinstance(row, dict)]


async def links(host: Host) -> list[dict[str, Any]]:
    return await _json(host, "address", "show")


async def routes(host: Host) -> list[dict[str, Any]]:
    return [*await _json(host, "route", "show", "default"), *await _json(host, "-6", "route", "show", "default")]


def _addresses(link: Mapping[str, Any]) -> list[str]:
    infos = link.get("addr_info") or ()
    return [f"{each['local']}/{each['prefixlen']}" for each in infos if "local" in each and "prefixlen" in each]


def uplink(links: Sequence[Mapping[str, Any]], routes: Sequence[Mapping[str, Any]]) -> Reading[Uplink]:
    """The interface of the default route, IPv4's before IPv6's; of several the one with the least metric."""
    ways = sorted(routes, key=lambda r: (":" in str(r.get("gateway", "")), r.get("metric", 0)))
    if not ways:
        return MISSING
    name = str(ways[0].get("dev", ""))
    own = [each for link in links if link.get("ifname") == name for each in _addresses(link)]
    six = [ipaddress.ip_interface(each) for each in own if ":" in each]
    return Known(
        Uplink(name, str(ways[0].get("gateway", "")), tuple(own), tuple(str(one.ip) for one in six if one.ip.is_global))
    )


def nets(links: Sequence[Mapping[str, Any]], tunnels: set[str]) -> tuple[str, ...]:
    """The networks of all interfaces but tunnels and the loopback."""
    found: dict[str, None] = {}
    for link in links:
        if link.get("ifname") not in tunnels and "LOOPBACK" not in (link.get("flags") or ()):
            for each in _addresses(link):
                net = ipaddress.ip_interface(each).network
                if not net.is_link_local and net.prefixlen < net.max_prefixlen:
                    found[str(net)] = None
    return tuple(found)


def lan(links: Sequence[Mapping[str, Any]], tunnels: set[str]) -> tuple[str, ...]:
    """The private networks (RFC 1918, RFC 4193) of interfaces that aren't bridges and cables of containers and virtual
    machines: these come and go. A public network isn't the owner's, and a peer couldn't reach the endpoint any more
    that went into its own tunnel."""
    own = [link for link in links if not _VIRTUAL.match(str(link.get("ifname", "")))]
    return tuple(net for net in nets(own, tunnels) if any(addresses.overlaps(net, each) for each in _PRIVATE))


async def resolvers(host: Host, lan: Sequence[str]) -> tuple[str, ...]:
    """Name servers in the LAN that this machine itself asks (resolv.conf(5)); where it asks a program of its own, those
    that this one asks (systemd-resolved(8); NetworkManager.conf(5), rc-manager)."""
    for path in _RESOLV_CONF:
        asked = _elsewhere(await text(host, path))
        if asked:
            return tuple(dict.fromkeys(one for one in asked if any(addresses.overlaps(one, net) for net in lan)))
    return ()


def _elsewhere(text: str) -> list[str]:
    """The name servers in a resolv.conf(5) that aren't this machine itself."""
    found = []
    for words in (line.split() for line in text.splitlines()):
        if len(words) > 1 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):
                found += [words[1]] if not ipaddress.ip_address(words[1]).is_loopback else []
    return found


async def sysctls(host: Host) -> Mapping[str, Known[bool]]:
    """What is said about forwarding where sysctl.d(5) looks; of several files the last one by name counts."""
    files: dict[str, str] = {}
    for folder in ("/usr/lib/sysctl.d", "/run/sysctl.d", "/etc/sysctl.d"):
        files |= {name: f"{folder}/{name}" for name in await names(host, folder) if name.endswith(".conf")}
    found: dict[str, Known[bool]] = {}
    for path in (*(files[name] for name in sorted(files)), "/etc/sysctl.conf"):
        for number, line in enumerate((await text(host, path)).splitlines(), 1):
            name, equals, value = line.strip().removeprefix("-").partition("=")
            if equals and name[:1] not in "#;":
                key = name.strip().replace("/", ".")
                if key in (FORWARD, FORWARD6):
                    found[key] = Known(value.strip() != "0", Source(path, number))
    return found


async def forwards(host: Host, key: str, path: str, configured: Mapping[str, Known[bool]]) -> Value[bool]:
    said = (await text(host, f"/proc/sys/net/{path}")).strip()
    return Value(configured.get(key, MISSING), Known(said != "0") if said else MISSING)


async def slaac(host: Host, uplink: Uplink | None) -> bool:
    """ip-sysctl: accept_ra 1 takes advertisements only while the interface doesn't forward; 2 takes them anyway."""
    if uplink is None or not uplink.interface:
        return False
    return (await text(host, f"/proc/sys/net/ipv6/conf/{uplink.interface}/accept_ra")).strip() == "1"


async def firewall(host: Host) -> Reading[str]:
    """Who filters: ufw by its own file, else whoever has a base chain that drops what it isn't told of."""
    said = await text(host, "/etc/ufw/ufw.conf")
    if any(line.strip().lower().replace('"', "") == "enabled=yes" for line in said.splitlines()):
        return Known("ufw")
    if not host.privileged:
        return Unknown(_("the kernel tells its packet rules to root only"))
    try:
        done = await host.run(["nft", "-j", "list", "chains"])
        chains = json.loads(done.stdout or "{}").get("nftables", []) if done.ok else []
    except CommandNotFound:
        return Known("none")
    except (HostError, ValueError, AttributeError):
        return Unknown(_("{program}'s answer can't be read").format(program="nft"))
    drops = [each["chain"] for each in chains if each.get("chain", {}).get("policy") == "drop"]
    return Known("nftables" if any(chain.get("hook") in ("input", "forward") for chain in drops) else "none")


async def tables(host: Host, programs: frozenset[str]) -> Reading[frozenset[str]]:
    if "nft" not in programs:
        return MISSING
    if not host.privileged:
        return Unknown(_("the kernel tells its packet rules to root only"))
    try:
        done = await host.run(["nft", "-j", "list", "tables"], check=True)
        found = [each["table"] for each in json.loads(done.stdout or "{}").get("nftables", []) if "table" in each]
    except (HostError, ValueError, AttributeError):
        return Unknown(_("{program}'s answer can't be read").format(program="nft"))
    return Known(frozenset(each["name"] for each in found if each.get("family") == "inet"))
