"""Players of WireGuard: wg and wg-quick. What the kernel has of a tunnel is /run/demo/wireguard.json; handshakes and
transfer are made up from the time since it came up, by what tunnel.py says of each peer, and of a peer that nobody
there is called: it connects some seconds after it was added."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import cos
from typing import Any

from pi_installer_tui.system.demo import curve
from pi_installer_tui.system.demo.players import PACE, Call, Refused, player
from pi_installer_tui.system.demo.tree import Machine

FOLDER = "/etc/wireguard"
UNIT = "/usr/lib/systemd/system/wg-quick@.service"
UNIT_TEXT = """\
[Unit]
Description=WireGuard via wg-quick(8) for %I
After=network-online.target nss-lookup.target
Wants=network-online.target nss-lookup.target
PartOf=wg-quick.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/wg-quick up %i
ExecStop=/usr/bin/wg-quick down %i
ExecReload=/bin/bash -c 'exec /usr/bin/wg syncconf %i <(exec /usr/bin/wg-quick strip %i)'
Environment=WG_ENDPOINT_RESOLUTION_RETRIES=infinity

[Install]
WantedBy=multi-user.target
"""
#: keys of [Interface] that are wg-quick's own (wg-quick(8))
_QUICK = ("address", "mtu", "dns", "table", "preup", "postup", "predown", "postdown", "saveconfig")
_NONE = "(none)"
#: seconds after which a new peer of the demo connects, and between two handshakes of one that is connected
SOON, AGAIN = 12, 120


@dataclass(frozen=True, slots=True)
class Plays:
    """How a peer behaves. ago: seconds since its last handshake when the tunnel was made; 0: it is connected, -1: it
    never was. down, up: bytes a second that it sends and is sent, in the mean; had: bytes before that."""

    endpoint: str = ""
    ago: int = -1
    down: int = 0
    up: int = 0
    had: tuple[int, int] = (0, 0)


_NEW = Plays("192.168.1.40:51820", 0, 900, 2600)


def plays(public: str) -> Plays | None:
    """What tunnel.py says of a peer."""
    from pi_installer_tui.system.demo import tunnel

    return tunnel.played().get(public)


# files ----------------------------------------------------------------------------------------------------------


def parse(text: str, *, quick: bool = False) -> dict[str, Any]:
    """A configuration as the kernel would have it: private, port, and peers by their public key. quick: keys of
    wg-quick are passed over. Raises Refused."""
    found: dict[str, Any] = {"private": "", "port": 0, "peers": {}}
    section = ""
    peer: dict[str, Any] = {}
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if not line:
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        key = key.casefold()
        if line.casefold() in ("[interface]", "[peer]"):
            section, peer = line.casefold(), {"preshared": "", "endpoint": "", "allowed": [], "keepalive": 0}
        elif not equals or not section:
            raise Refused(f"Line unrecognized: `{line}'\nConfiguration parsing error")
        elif section == "[interface]" and key == "privatekey":
            found["private"] = _key(value)
        elif section == "[interface]" and key == "listenport":
            found["port"] = int(value)
        elif section == "[interface]" and (key == "fwmark" or (quick and key in _QUICK)):
            continue
        elif section == "[peer]" and key == "publickey":
            found["peers"][_key(value)] = peer
        elif section == "[peer]" and key in ("presharedkey", "endpoint"):
            peer["preshared" if key == "presharedkey" else key] = _key(value) if key == "presharedkey" else value
        elif section == "[peer]" and key == "allowedips":
            peer["allowed"] += [each.strip() for each in value.split(",") if each.strip()]
        elif section == "[peer]" and key == "persistentkeepalive":
            peer["keepalive"] = 0 if value == "off" else int(value)
        else:
            raise Refused(f"Line unrecognized: `{line}'\nConfiguration parsing error")
    return found


def _key(text: str) -> str:
    try:
        if len(base64.b64decode(text, validate=True)) == 32:
            return text
    except ValueError:
        pass
    raise Refused("Key is not the correct length or format")


def _values(text: str, name: str) -> list[str]:
    """The values of one of wg-quick's keys, those of several lines one after another."""
    found: list[str] = []
    for line in text.splitlines():
        key, equals, value = line.partition("#")[0].partition("=")
        if equals and key.strip().casefold() == name:
            found += [part.strip() for part in value.split(",")] if name in ("address", "dns") else [value.strip()]
    return found


def strip(text: str) -> str:
    """What `wg-quick strip` leaves: every line but those that only wg-quick knows, comments too."""
    lines, inside = [], False
    for line in text.splitlines():
        bare = line.partition("#")[0].strip()
        if bare.startswith("["):
            inside = bare.casefold() == "[interface]"
        if not (inside and bare.partition("=")[0].strip().casefold() in _QUICK):
            lines.append(line)
    return "\n".join(lines) + "\n"


# the kernel -----------------------------------------------------------------------------------------------------


def tunnels(machine: Machine) -> dict[str, Any]:
    """What the kernel has, by interface."""
    return machine.memory("wireguard")


def _at(machine: Machine, name: str) -> dict[str, Any]:
    known = tunnels(machine)
    if name not in known:
        raise Refused("Unable to access interface: No such device")
    found: dict[str, Any] = known[name]
    return found


def _synced(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration on top of what runs: who stays keeps what it has."""
    now = time.time()
    peers = {}
    for key, peer in new["peers"].items():
        before = old["peers"].get(key)
        peers[key] = {**peer, "added": before["added"] if before is not None else now}
    return {**old, "private": new["private"], "port": new["port"] or old["port"] or 51_820, "peers": peers}


def up(machine: Machine, name: str, since: float | None = None) -> None:
    """Brings a tunnel up from its file. Raises Refused."""
    text = machine.text(f"{FOLDER}/{name}.conf")
    if text is None:
        raise Refused(f"wg-quick: `{FOLDER}/{name}.conf' does not exist")
    known = tunnels(machine)
    if name in known:
        raise Refused(f"wg-quick: `{name}' already exists")
    found = parse(text, quick=True)
    addresses = _values(text, "address")
    known[name] = _synced({"peers": {}, "port": 0, "addresses": addresses, "index": 10 + len(known)}, found)
    mtu = _values(text, "mtu")
    known[name]["mtu"] = int(mtu[0]) if mtu else 1420
    for peer in known[name]["peers"].values() if since is not None else ():
        peer["added"] = since
    covered = [ipaddress.ip_interface(address).network for address in addresses]
    allowed = [
        ipaddress.ip_network(one, strict=False) for peer in known[name]["peers"].values() for one in peer["allowed"]
    ]
    known[name]["routes"] = [str(net) for net in allowed if not any(_inside(net, each) for each in covered)]
    machine.remember("wireguard", known)
    _hooks(machine, _values(text, "postup"))


def _inside(net: Any, other: Any) -> bool:
    return net.version == other.version and bool(net.subnet_of(other))


def _hooks(machine: Machine, commands: list[str]) -> None:
    """Of what a tunnel's file has run, nft's tables are played."""
    from pi_installer_tui.system.demo import nftables

    for command in commands:
        words = command.split()
        if words[:2] == ["nft", "-f"]:
            nftables.load(machine, machine.text(words[2]) or "")
        elif words[:3] == ["nft", "delete", "table"]:
            nftables.load(machine, " ".join(words[1:]))


def down(machine: Machine, name: str) -> None:
    """Takes a tunnel away. Raises Refused."""
    known = tunnels(machine)
    if known.pop(name, None) is None:
        raise Refused(f"wg-quick: `{name}' is not a WireGuard interface")
    machine.remember("wireguard", known)
    _hooks(machine, _values(machine.text(f"{FOLDER}/{name}.conf") or "", "postdown"))


def switched(machine: Machine, name: str, on: bool) -> bool:
    """What the unit wg-quick@NAME does; False: it failed."""
    try:
        if name in tunnels(machine):
            down(machine, name)
        if on:
            up(machine, name)
    except Refused:
        return not on
    return True


def lives(public: str, added: float, now: float) -> tuple[str, int, int, int]:
    """Endpoint, time of the last handshake, bytes received and sent of a peer at a time."""
    plan = plays(public)
    if plan is None:
        plan, added = _NEW, added + SOON * float(os.environ.get(PACE, "1"))
    since = now - added
    if plan.ago < 0 or since < 0:
        return "", 0, 0, 0
    if plan.ago:
        return plan.endpoint, int(added - plan.ago), *plan.had
    # it swings about its mean, and never runs backwards
    swings = since - 17 * (cos(since / 17) - 1) * 0.9
    received, sent = (had + int(rate * swings) for had, rate in zip(plan.had, (plan.down, plan.up), strict=True))
    return plan.endpoint, int(now - since % AGAIN), received + 148, sent + 92


def dump(machine: Machine, name: str, now: float) -> list[list[str]]:
    """The rows of `wg show NAME dump`."""
    found = _at(machine, name)
    public = curve.public(found["private"]) if found["private"] else _NONE
    rows = [[found["private"] or _NONE, public, str(found["port"]), "off"]]
    for key, peer in found["peers"].items():
        endpoint, handshake, received, sent = lives(key, peer["added"], now)
        rows.append([
            key, peer["preshared"] or _NONE, endpoint or peer["endpoint"] or _NONE, ",".join(peer["allowed"]) or _NONE,
            str(handshake), str(received), str(sent), str(peer["keepalive"] or "off"),
        ])  # fmt: skip
    return rows


def received(machine: Machine, name: str, now: float) -> int:
    """Bytes that came in by a tunnel, of all peers."""
    return sum(int(row[5]) for row in dump(machine, name, now)[1:])


# the programs -----------------------------------------------------------------------------------------------------


@player("wg", package="wireguard-tools")
async def wg(call: Call) -> int:
    machine, words = call.machine, list(call.argv[1:]) or ["show"]
    match words:
        case ["genkey"] | ["genpsk"]:
            made = os.urandom(32)
            await call.out(base64.b64encode(curve.clamped(made) if words == ["genkey"] else made).decode())
        case ["pubkey"]:
            try:
                await call.out(curve.public(_key(call.input.decode("ascii", "replace").strip())))
            except Refused:
                raise Refused("wg: Key is not the correct length or format") from None
        case ["--version"] | ["-v"] | ["version"]:
            await call.out("wireguard-tools v1.0.20210914 - https://git.zx2c4.com/wireguard-tools/")
        case ["show", "interfaces"]:
            await call.out(" ".join(tunnels(machine)))
        case ["show", "all", "dump"]:
            now = time.time()
            for name in tunnels(machine):
                for row in dump(machine, name, now):
                    await call.out("\t".join((name, *row)))
        case ["show", name, "dump"]:
            for row in dump(machine, name, time.time()):
                await call.out("\t".join(row))
        case ["show", name, ("public-key" | "listen-port") as what]:
            await call.out(dump(machine, name, 0)[0][1 if what == "public-key" else 2])
        case ["show", name, "peers"]:
            await call.out("\n".join(_at(machine, name)["peers"]))
        case ["show", name, "allowed-ips"]:
            for key, peer in _at(machine, name)["peers"].items():
                await call.out(f"{key}\t{' '.join(peer['allowed']) or _NONE}")
        case ["show", name, "latest-handshakes"]:
            await call.out("\n".join(f"{row[0]}\t{row[4]}" for row in dump(machine, name, time.time())[1:]))
        case ["show", name, "transfer"]:
            await call.out("\n".join(f"{row[0]}\t{row[5]}\t{row[6]}" for row in dump(machine, name, time.time())[1:]))
        case ["showconf", name]:
            await call.out(_conf(_at(machine, name)), end="")
        case [("syncconf" | "setconf") as verb, name, path]:
            text = call.input.decode("utf-8", "replace") if path == "/dev/stdin" else machine.text(path)
            if text is None:
                raise Refused(f"fopen: {path}: No such file or directory")
            with machine.locked():
                known, old = tunnels(machine), _at(machine, name)
                new = parse(text)
                known[name] = _synced({**old, "peers": {}} if verb == "setconf" else old, new)
                machine.remember("wireguard", known)
        case ["set", name, *rest]:
            with machine.locked():
                known = tunnels(machine)
                _at(machine, name)
                _set(call, known[name], rest)
                machine.remember("wireguard", known)
        case _:
            raise Refused(f"Invalid subcommand: `{words[0]}'")
    return 0


def _set(call: Call, tunnel: dict[str, Any], words: list[str]) -> None:
    """`wg set`: the interface's own values, then those of peers."""
    peer: dict[str, Any] = {}
    key = ""
    while words:
        word = words.pop(0)
        value = words.pop(0) if words and word != "remove" else ""
        match word:
            case "listen-port":
                tunnel["port"] = int(value)
            case "private-key":
                tunnel["private"] = _key(_file(call, value))
            case "peer":
                key = _key(value)
                empty = {"preshared": "", "endpoint": "", "allowed": [], "keepalive": 0, "added": time.time()}
                peer = tunnel["peers"].setdefault(key, empty)
            case "remove" if key:
                tunnel["peers"].pop(key, None)
            case "preshared-key" if key:
                peer["preshared"] = _key(_file(call, value))
            case "endpoint" if key:
                peer["endpoint"] = value
            case "persistent-keepalive" if key:
                peer["keepalive"] = 0 if value == "off" else int(value)
            case "allowed-ips" if key:
                peer["allowed"] = [each for each in value.split(",") if each]
            case _:
                raise Refused(f"Invalid argument: {word}")


def _file(call: Call, path: str) -> str:
    text = call.input.decode("ascii", "replace") if path == "/dev/stdin" else call.machine.text(path)
    if text is None:
        raise Refused(f"fopen: {path}: No such file or directory")
    return text.strip()


def _conf(tunnel: Mapping[str, Any]) -> str:
    """`wg showconf`."""
    lines = ["[Interface]", f"ListenPort = {tunnel['port']}", f"PrivateKey = {tunnel['private']}", ""]
    for key, peer in tunnel["peers"].items():
        lines += ["[Peer]", f"PublicKey = {key}"]
        lines += [f"PresharedKey = {peer['preshared']}"] if peer["preshared"] else []
        lines.append(f"AllowedIPs = {', '.join(peer['allowed'])}")
        lines += [f"Endpoint = {peer['endpoint']}"] if peer["endpoint"] else []
        lines += [f"PersistentKeepalive = {peer['keepalive']}"] if peer["keepalive"] else []
        lines.append("")
    return "\n".join(lines) + "\n"


@player("wg-quick", package="wireguard-tools")
async def wg_quick(call: Call) -> int:
    match call.argv[1:]:
        case (("up" | "down" | "strip" | "save") as verb, given):
            name = re.sub(r"^.*/|\.conf$", "", given)
        case _:
            raise Refused("Usage: wg-quick [ up | down | save | strip ] [ CONFIG_FILE | INTERFACE ]")
    machine, path = call.machine, given if "/" in given else f"{FOLDER}/{given}.conf"
    if verb in ("strip", "save"):
        text = machine.text(path)
        if text is None:
            raise Refused(f"wg-quick: `{path}' does not exist")
        if verb == "save":
            raise Refused("wg-quick: save isn't played")
        await call.out(strip(text), end="")
        return 0
    with machine.locked():
        if verb == "up":
            up(machine, name)
        else:
            down(machine, name)
    said = [f"[#] ip link add {name} type wireguard", f"[#] wg setconf {name} /dev/fd/63", f"[#] ip link set {name} up"]
    await call.err("\n".join(said) if verb == "up" else f"[#] ip link delete dev {name}")
    return 0


# ip ---------------------------------------------------------------------------------------------------------------


def links(machine: Machine) -> list[dict[str, Any]]:
    """The tunnels' rows of `ip -j addr`."""
    rows = []
    for name, found in tunnels(machine).items():
        infos = []
        for text in found["addresses"]:
            address = ipaddress.ip_interface(text)
            infos.append({
                "family": "inet" if address.version == 4 else "inet6", "local": str(address.ip),
                "prefixlen": address.network.prefixlen, "scope": "global",
                **({"label": name} if address.version == 4 else {}),
                "valid_life_time": 4294967295, "preferred_life_time": 4294967295,
            })  # fmt: skip
        rows.append({
            "ifindex": found["index"], "ifname": name, "flags": ["POINTOPOINT", "NOARP", "UP", "LOWER_UP"],
            "mtu": found["mtu"], "qdisc": "noqueue", "operstate": "UNKNOWN", "group": "default", "txqlen": 1000,
            "link_type": "none", "addr_info": infos,
        })  # fmt: skip
    return rows


def routes(machine: Machine, six: bool) -> list[dict[str, Any]]:
    """The tunnels' rows of `ip -j route`."""
    rows: list[dict[str, Any]] = []
    for name, found in tunnels(machine).items():
        for one in (ipaddress.ip_interface(text) for text in found["addresses"]):
            if (one.version == 6) == six:
                own: dict[str, Any] = {"metric": 256} if six else {"scope": "link", "prefsrc": str(one.ip)}
                rows.append({"dst": str(one.network), "dev": name, "protocol": "kernel", **own, "flags": []})
        rows += [
            {"dst": net, "dev": name, "scope": "link", "flags": []} for net in found["routes"] if (":" in net) is six
        ]
    return rows


def change_route(machine: Machine, verb: str, net: str, name: str) -> None:
    """`ip route replace|add|del NET dev NAME`. Raises Refused."""
    known = tunnels(machine)
    there = known[name]["routes"]
    if verb == "del" and net not in there:
        raise Refused("RTNETLINK answers: No such process", 2)
    if verb == "add" and net in there:
        raise Refused("RTNETLINK answers: File exists", 2)
    known[name]["routes"] = [one for one in there if one != net] + ([] if verb == "del" else [net])
    machine.remember("wireguard", known)
