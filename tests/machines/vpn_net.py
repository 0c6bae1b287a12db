"""Peers, a LAN and the world around a machine, as network namespaces in it: what a tunnel's packets meet."""

from __future__ import annotations

import json
from typing import Any

from pi_installer_tui.system.host import Completed

from .machine import Machine
from .program import until

#: where the machine is reached by peers
OUTSIDE = "198.51.100.1"
LAN, LAN_HOST = "192.168.77.1", "192.168.77.2"
LAN6, LAN_HOST6 = "fd77::1", "fd77::2"
#: what is reached through a router of the LAN's only
WORLD, WORLD6 = "203.0.113.9", "2001:db8:9::9"


class Around:
    """The LAN with one host, which also leads to the world, and a net outside by which peers come."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.peers = machine, 0
        # NetworkManager would ask for an address by DHCP on each new cable, and take away what it has a while after
        cables = "[device-cables]\nmatch-device=interface-name:v-*\nmanaged=0\n"
        machine.write("/run/NetworkManager/conf.d/cables.conf", cables)
        machine.run(["nmcli", "general", "reload"])
        self.wire("outside", OUTSIDE, "198.51.100.2", 24)
        self.inside("outside", "ip", "link", "add", "bridge", "type", "bridge")
        self.inside("outside", "ip", "link", "set", "eth0", "master", "bridge")
        self.inside("outside", "ip", "link", "set", "bridge", "up")
        self.wire("lan", LAN, LAN_HOST, 24, LAN6, LAN_HOST6)
        for address in (f"{WORLD}/32", f"{WORLD6}/128"):
            self.inside("lan", "ip", "address", "add", address, "dev", "lo")
        machine.run(["ip", "route", "add", f"{WORLD}/32", "via", LAN_HOST, "dev", "v-lan", "onlink"])
        machine.run(["ip", "-6", "route", "add", f"{WORLD6}/128", "via", LAN_HOST6, "dev", "v-lan", "onlink"])

    def wire(self, name: str, here: str, there: str, bits: int, here6: str = "", there6: str = "") -> None:
        """A namespace with a cable to the machine."""
        run = self.machine.run
        run(["ip", "netns", "add", name])
        run(["ip", "link", "add", f"v-{name}", "type", "veth", "peer", "name", "eth0", "netns", name])
        for namespace, device, address, six in ((None, f"v-{name}", here, here6), (name, "eth0", there, there6)):
            where = [] if namespace is None else ["-n", namespace]
            run(["ip", *where, "address", "add", f"{address}/{bits}", "dev", device])
            if six:
                run(["ip", *where, "address", "add", f"{six}/64", "dev", device, "nodad"])
            run(["ip", *where, "link", "set", device, "up"])
        run(["ip", "-n", name, "link", "set", "lo", "up"])

    def inside(self, namespace: str, *argv: str, check: bool = True, stdin: str | None = None) -> Completed:
        """A command in a namespace."""
        return self.machine.run(["ip", "netns", "exec", namespace, *argv], check=check, stdin=stdin)

    @property
    def seen(self) -> str:
        """What the machine has, for who asks why something fails."""
        return self.machine.run(["sh", "-c", "wg show; nft list ruleset; ip address; ip route"], check=False).stdout

    def peer(self, name: str) -> Peer:
        """Somebody outside."""
        self.peers += 1
        run = self.machine.run
        run(["ip", "netns", "add", name])
        cable = ["ip", "-n", "outside", "link", "add", f"v-{name}", "type", "veth", "peer", "name", "eth0"]
        run([*cable, "netns", name])
        run(["ip", "-n", "outside", "link", "set", f"v-{name}", "master", "bridge", "up"])
        run(["ip", "-n", name, "address", "add", f"198.51.100.{10 + self.peers}/24", "dev", "eth0"])
        run(["ip", "-n", name, "link", "set", "eth0", "up"])
        run(["ip", "-n", name, "link", "set", "lo", "up"])
        return Peer(self, name)


class Peer:
    """A peer that connects with wireguard-go."""

    def __init__(self, around: Around, name: str) -> None:
        self.around, self.name, self.device = around, name, f"t{name}"

    def connect(self, configuration: str) -> None:
        """With the configuration that it was given."""
        interface, peer = parsed(configuration)
        text = f"[Interface]\nPrivateKey = {interface['PrivateKey']}\n[Peer]\n"
        text += "".join(f"{key} = {value}\n" for key, value in peer.items())
        inside = self.around.inside
        if not inside(self.name, "ip", "link", "show", self.device, check=False).ok:
            inside(self.name, "wireguard-go", self.device)
        inside(self.name, "wg", "setconf", self.device, "/dev/stdin", stdin=text)
        for address in interface["Address"].replace(" ", "").split(","):
            inside(self.name, "ip", "address", "replace", address, "dev", self.device, "nodad")
        inside(self.name, "ip", "link", "set", self.device, "up", "mtu", interface.get("MTU", "1380"))
        for net in peer["AllowedIPs"].replace(" ", "").split(","):
            for half in {"0.0.0.0/0": ("0.0.0.0/1", "128.0.0.0/1"), "::/0": ("::/1", "8000::/1")}.get(net, (net,)):
                family = "-6" if ":" in half else "-4"
                inside(self.name, "ip", family, "route", "replace", half, "dev", self.device)

    def reaches(self, address: str, seconds: int = 1) -> bool:
        """Whether one of some pings is answered."""
        done = self.around.inside(self.name, "ping", "-n", "-c1", f"-W{seconds}", address, check=False)
        return done.ok

    def soon(self, address: str) -> None:
        """It is answered within a while: a first handshake takes its time on a machine that is at work."""
        try:
            until(lambda: self.reaches(address, 2), 40)
        except AssertionError:
            said = self.around.inside(self.name, "sh", "-c", "wg show; ip route; ip -6 route").stdout
            raise AssertionError(f"{self.name} doesn't reach {address}\n{said}\n{self.around.seen}") from None

    @property
    def received(self) -> int:
        """Bytes that came through the tunnel."""
        (line,) = self.around.inside(self.name, "wg", "show", self.device, "transfer").stdout.splitlines()
        return int(line.split("\t")[1])


def parsed(configuration: str) -> tuple[dict[str, str], dict[str, str]]:
    """The two sections of a peer's configuration."""
    parts: list[dict[str, str]] = []
    for line in configuration.splitlines():
        if line.startswith("["):
            parts.append({})
        elif line:
            key, _equals, value = line.partition("=")
            parts[-1][key.strip()] = value.strip()
    interface, peer = parts
    return interface, peer


def setup_of(tunnel: dict[str, Any], name: str = "wg0", **more: Any) -> str:
    return json.dumps({"version": 1, "vpn": {"tunnels": {name: tunnel}}, **more})
