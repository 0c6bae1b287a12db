"""Reads what is: files of WireGuard's and what runs, the machine's networks and ports, what it forwards."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.interpreter import python
from pi_installer_tui.modules.vpn import adopting, applied, keeping, surroundings, timers
from pi_installer_tui.modules.vpn.settings import VpnSettings
from pi_installer_tui.modules.vpn.state import Found, Peer, State, Tunnel
from pi_installer_tui.modules.vpn.surroundings import FORWARD, FORWARD6, text
from pi_installer_tui.modules.vpn.surroundings import names as names_in
from pi_installer_tui.system import seat, sockets
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown, Value, known
from pi_installer_tui.system.wireguard import live
from pi_installer_tui.system.wireguard.conf import Conf, names

FOLDER = "/etc/wireguard"
SYSCTL = "/etc/sysctl.d/60-pi-installer-tui-vpn.conf"
_PROGRAMS = ("wg", "wg-quick", "wireguard-go", "nft", "gpg")
#: ports of k3s's flannel where it uses WireGuard (k3s documentation, requirements: networking)
_FLANNEL = (51820, 51821)
#: before the names of what PiVPN gave to its clients, among those of secrets
_PIVPN = "pivpn/"


def unit(tunnel: str) -> str:
    """The unit that has a tunnel."""
    return f"wg-quick@{tunnel}.service"


async def read(host: Host) -> State:
    """The state. Of what only root may see the reason why it isn't known."""
    config, mode = await applied.read(host)
    programs = frozenset([name for name in _PROGRAMS if await host.which(name) is not None])
    running, links, routes, listening, secrets, firewall = await asyncio.gather(
        _live(host),
        surroundings.links(host),
        surroundings.routes(host),
        sockets.listening(host),
        names_in(host, keeping.SECRETS),
        surroundings.firewall(host),
    )
    texts = await _files(host)
    secrets = (*secrets, *(f"{_PIVPN}{name}" for name in await names_in(host, keeping.PIVPN)))
    tunnels = await _tunnels(host, texts, running, secrets, known(config) or VpnSettings())
    inner = {each for name in (known(tunnels) or {}) for each in (name,)} | set(known(running) or {})
    units = await _units(host)
    uplink = surroundings.uplink(links, routes)
    lan = surroundings.lan(links, inner)
    unix = {} if isinstance(listening, Unknown) else {s.port: s.process for s in listening if s.proto == "udp"}
    configured = await surroundings.sysctls(host)
    k3s = "k3s" in unix.values() or await host.stat("/etc/rancher/k3s") is not None
    return State(
        wg=await _version(host) if "wg" in programs else MISSING,
        kernel=await _kernel(host),
        applied=config,
        tunnels=tunnels,
        uplink=uplink,
        interfaces=tuple(link["ifname"] for link in links if "ifname" in link),
        nets=surroundings.nets(links, inner),
        lan=lan,
        resolvers=await surroundings.resolvers(host, lan),
        ports=unix,
        forwards=await surroundings.forwards(host, FORWARD, "ipv4/ip_forward", configured),
        forwards6=await surroundings.forwards(host, FORWARD6, "ipv6/conf/all/forwarding", configured),
        firewall=firewall,
        docker=await host.which("dockerd") is not None,
        flannel=k3s and any(port in unix for port in _FLANNEL),
        programs=programs,
        rules=texts.rules if isinstance(texts, _Texts) else {},
        tables=await surroundings.tables(host, programs),
        units=units,
        timers=await _timers(host, [name for name in units if name.endswith(".timer")]),
        sysctl=await text(host, SYSCTL),
        slaac=await surroundings.slaac(host, known(uplink)),
        seed=await _seed(host),
        today=date.today(),
        python=python(host.kind),
        mode=mode,
        found=await _found(host, tunnels),
        seat=await seat.with_interface(seat.at(host), host),
    )


async def _units(host: Host) -> dict[str, str]:
    found = {}
    for name in await names_in(host, timers.FOLDER):
        if name.startswith(timers.PREFIX) and name.endswith((".service", ".timer")):
            found[name] = await text(host, f"{timers.FOLDER}/{name}")
    return found


async def _states(host: Host, units: Sequence[str]) -> Mapping[str, tuple[bool, bool]] | None:
    """Whether units are enabled and active, by name; None where systemd doesn't say (systemctl(1), show)."""
    if not units:
        return {}
    try:
        shown = await host.run(["systemctl", "show", "--property=Id,UnitFileState,ActiveState", *units])
    except HostError:
        return None
    found = {}
    for block in shown.stdout.split("\n\n"):
        said = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if name := said.get("Id"):
            found[name] = said.get("UnitFileState") == "enabled", said.get("ActiveState") == "active"
    return found if shown.ok else None


async def _timers(host: Host, units: Sequence[str]) -> dict[str, bool]:
    return {name: all(each) for name, each in (await _states(host, units) or {}).items()}


# tunnels -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Texts:
    """The files of tunnels and of their rules, by tunnel, with their modes."""

    tunnels: Mapping[str, tuple[str, int]]
    rules: Mapping[str, str]


async def _files(host: Host) -> _Texts | Unknown:
    try:
        there = await host.listdir(FOLDER)
        tunnels, packet = {}, {}
        for name in there:
            path, tunnel = f"{FOLDER}/{name}", name.rpartition(".")[0]
            if name.endswith(".conf"):
                found = await host.stat(path)
                if found is not None and found.kind in ("file", "link"):
                    tunnels[tunnel] = await host.text(path) or "", found.mode
            elif name.endswith(".nft"):
                packet[tunnel] = await host.text(path) or ""
    except PermissionError:
        return Unknown(_("no permission for {path}").format(path=FOLDER))
    except OSError as error:
        return Unknown(f"{FOLDER}: {error.strerror}")
    return _Texts(tunnels, packet)


async def _tunnels(
    host: Host,
    texts: _Texts | Unknown,
    running: Reading[Mapping[str, live.LiveTunnel]],
    secrets: Sequence[str],
    settings: VpnSettings,
) -> Reading[Mapping[str, Tunnel]]:
    if isinstance(texts, Unknown):
        return texts
    states = await _states(host, [unit(name) for name in texts.tunnels])
    found = {}
    for name, (content, mode) in texts.tunnels.items():
        runs = (known(running) or {}).get(name)
        said = (states or {}).get(unit(name))
        enabled: Value[bool] = Value(Unknown(_("systemd doesn't say")), Unknown(_("systemd doesn't say")))
        if said is not None:
            enabled = Value(Known(said[0]), Known(said[1] or runs is not None))
        pivpn = frozenset(each.removeprefix(_PIVPN) for each in secrets if each.startswith(_PIVPN))
        kept = keeping.kept(name, secrets)
        found[name] = await _tunnel(host, name, content, mode, runs, enabled, kept, pivpn, settings)
    return Known(found)


async def _tunnel(
    host: Host,
    name: str,
    text: str,
    mode: int,
    runs: live.LiveTunnel | None,
    enabled: Value[bool],
    kept: Mapping[str, str],
    pivpn: frozenset[str],
    settings: VpnSettings,
) -> Tunnel:
    conf = Conf(text)
    own = conf.interface
    private = own.one("privatekey") if own is not None else ""
    public = runs.public_key if runs is not None else ""
    if private and not public:
        public = await _public(host, private)
    peers = {
        peer: Peer(
            name=peer,
            public_key=each.public_key,
            allowed=each.get("allowedips"),
            keepalive=_number(each.one("persistentkeepalive")),
            preshared=bool(each.one("presharedkey")),
            paused=each.paused,
            kept=kept.get(peer) or ("pivpn" if each.named and f"{each.name}.conf" in pivpn else ""),
            named=each.named,
            title=each.name,
            line=each.first + 1,
            live=runs.peers.get(each.public_key) if runs is not None and not each.paused else None,
        )
        for peer, each in names(conf).items()
    }
    return Tunnel(
        name=name,
        file=f"{FOLDER}/{name}.conf",
        mode=mode,
        address=own.get("address") if own is not None else (),
        port=_number(own.one("listenport")) if own is not None else 0,
        mtu=_number(own.one("mtu")) if own is not None else 0,
        has_key=bool(private),
        ours=name in (settings.tunnels or {}),
        peers=peers,
        enabled=enabled,
        live=runs,
        text=conf.redacted,
        public_key=public,
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0


async def _public(host: Host, private: str) -> str:
    try:
        done = await host.run(["wg", "pubkey"], input=f"{private}\n".encode())
    except CommandNotFound:
        return ""
    return done.stdout.strip() if done.ok else ""


async def _live(host: Host) -> Reading[Mapping[str, live.LiveTunnel]]:
    try:
        done = await host.run(["wg", "show", "all", "dump"])
        return Known(live.parse(done.stdout)) if done.ok else Unknown(_("the kernel tells it to root only"))
    except CommandNotFound:
        return MISSING
    except ValueError as error:
        return Unknown(str(error))


async def _version(host: Host) -> Reading[str]:
    """`wireguard-tools v1.0.20210914 - https://git.zx2c4.com/wireguard-tools/`"""
    words = (await host.run(["wg", "--version"])).stdout.split()
    return Known(words[1].removeprefix("v")) if len(words) > 1 else Unknown(_("wg doesn't say its version"))


async def _kernel(host: Host) -> Reading[bool]:
    """Whether the kernel has WireGuard: loaded, built in, or a module that can be (kernel documentation, kbuild:
    modules.builtin, modules.dep)."""
    if await host.stat("/sys/module/wireguard") is not None:
        return Known(True)
    release = (await text(host, "/proc/sys/kernel/osrelease")).strip()
    texts = [await text(host, f"/lib/modules/{release}/{name}") for name in ("modules.builtin", "modules.dep")]
    if not release:
        return Unknown(_("the kernel's release isn't known"))
    return Known(any("/wireguard.ko" in text for text in texts))


async def _seed(host: Host) -> str:
    """A text that only this machine has and that doesn't tell its id (machine-id(5) wants it hashed)."""
    machine = (await text(host, "/etc/machine-id")).strip()
    return hashlib.sha256(f"pi-installer-tui vpn {machine}".encode()).hexdigest()


async def _found(host: Host, tunnels: Reading[Mapping[str, Tunnel]]) -> tuple[Found, ...]:
    """Tunnels that others made."""
    foreign = [each for each in (known(tunnels) or {}).values() if not each.ours]
    pivpn = await adopting.is_pivpn(host)
    return tuple(Found("pivpn" if pivpn else "hand", each.name, each.file) for each in foreign)
