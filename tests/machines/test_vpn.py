"""WireGuard on real machines, with wireguard-go and peers in namespaces: a tunnel comes by a setup file, peers connect
with what they read from the screen and reach what they may, changes leave the others alone, and in the end nothing is
left."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .camera import Photographed, compact, skip_without_reader
from .machine import Image, Machine
from .program import Before, newest_job, reboot, says, tui, undo, until
from .vpn_net import LAN_HOST, LAN_HOST6, OUTSIDE, WORLD, WORLD6, Around, Peer, parsed, setup_of

CONF = "/etc/wireguard/wg0.conf"
#: a further machine with the program installed
Another = Callable[[], Machine]


def applied(machine: Machine, wanted: str, *options: str) -> Any:
    done = json.loads(tui(machine, "apply", "-", "--yes", "--json", *options, setup=wanted).stdout)
    assert done["outcome"] == "done" and {check["status"] for check in done["checks"]} <= {"ok"}, done
    return done


def changes(machine: Machine, wanted: str) -> bool:
    said = json.loads(tui(machine, "plan", "-", "--json", setup=wanted).stdout)
    assert not said["failed"], said
    return bool(said["changed"])


def act(machine: Machine, *words: str) -> Any:
    done = json.loads(tui(machine, "vpn", *words, "--yes", "--json").stdout)
    assert done["outcome"] == "done" and {check["status"] for check in done["checks"]} <= {"ok"}, done
    return done


def connected(machine: Machine, around: Around, name: str) -> Peer:
    peer = around.peer(name)
    peer.connect(tui(machine, "vpn", "show", name).stdout)
    return peer


class Transfer:
    """A peer's transfer that goes on: pings, ten a second, each of which has to be answered."""

    def __init__(self, peer: Peer, to: str) -> None:
        self.peer = peer
        argv = ["ip", "netns", "exec", peer.name, "ping", "-n", "-i0.1", "-W5", to]
        self.process = peer.around.machine.start_process(argv)

    def lost(self) -> str:
        """Ends it; the share that wasn't answered."""
        machine = self.peer.around.machine
        machine.run(["pkill", "-INT", "-f", "ping -n -i0.1"])
        output = self.process.communicate(timeout=20)[0]
        text = output.decode() if isinstance(output, bytes) else output
        return next(part for part in text.split(", ") if "packet loss" in part).split("%")[0]


class Download:
    """A peer fetches a file of a web server in the LAN, slowly, by one TCP connection."""

    #: bytes that may be on their way at a time, and then some
    UNDER_WAY = 65_536

    def __init__(self, peer: Peer, address: str) -> None:
        self.peer, self.machine = peer, peer.around.machine
        self.to = f"/var/tmp/{peer.name}-{6 if ':' in address else 4}"
        # what curl holds back is to wait at the server, not here
        peer.around.inside(peer.name, "sysctl", "-qw", "net.ipv4.tcp_rmem=4096 16384 16384")
        host = f"[{address}]" if ":" in address else address
        argv = [
            "curl",
            "--silent",
            "--globoff",
            "--limit-rate",
            "200k",
            "--output",
            self.to,
            f"http://{host}:8080/zeros",
        ]
        self.process = self.machine.start_process(["ip", "netns", "exec", peer.name, *argv])
        self.goes_on()

    @staticmethod
    def serve(around: Around) -> None:
        """The web server, with a file that takes hours."""
        around.machine.run(["sh", "-c", "mkdir -p /var/tmp/served; truncate -s 4G /var/tmp/served/zeros"])
        serve = "python3 -m http.server --bind :: --directory /var/tmp/served 8080 >/dev/null 2>&1 &"
        around.inside("lan", "sh", "-c", serve)
        ask = "curl --silent --fail --head http://127.0.0.1:8080/zeros"
        until(lambda: around.inside("lan", *shlex.split(ask), check=False).ok)

    @property
    def bytes(self) -> int:
        """That have arrived."""
        path = self.machine.root / self.to.lstrip("/")
        return path.stat().st_size if path.exists() else 0

    def goes_on(self) -> None:
        """The same connection brings much more than what was under way."""
        before = self.bytes
        until(lambda: self.bytes > before + 4 * self.UNDER_WAY or self.process.poll() is not None)
        assert self.process.poll() is None, f"{self.peer.name}'s transfer broke off"

    def end(self) -> None:
        self.machine.run(["pkill", "-f", f"output {self.to}"], check=False)
        self.process.communicate(timeout=20)


def private_key(machine: Machine) -> str:
    lines = machine.read(CONF).decode().splitlines()
    return next(line for line in lines if line.startswith("PrivateKey")).partition(" = ")[2]


def addresses(machine: Machine) -> tuple[str, str]:
    """The machine's own in the tunnel."""
    state = json.loads(tui(machine, "status", "vpn", "--json").stdout)["modules"]["vpn"]["tunnels"]["wg0"]
    own, own6 = (each.partition("/")[0] for each in state["address"])
    return own, own6


def left(machine: Machine) -> str:
    """What of tunnels is in the kernel and in systemd."""
    links = says(machine, "sh", "-c", "ip -o link show wg0 2>/dev/null || true")
    tables = says(machine, "sh", "-c", "nft list tables 2>/dev/null | grep pi_installer || true")
    # those that do nothing are only systemd's memory of them; what is enabled stands in /etc
    units = says(machine, "systemctl", "list-units", "--plain", "--no-legend", "pi-installer-tui-vpn-*", "wg-*")
    return links + tables + units


@pytest.mark.long
def test_a_tunnel_comes_outlives_a_reboot_and_goes_without_a_trace(installed: Machine) -> None:
    machine = installed
    before = Before(machine)
    wanted = setup_of(
        {
            "endpoint": OUTSIDE,
            "peers": {
                "phone": {"expires": "2098-01-01"},
                "safe": {"keeping": "encrypted"},
                "plain": {"keeping": "plain"},
            },
        }
    )
    machine.write("/root/secrets.yaml", json.dumps({"vpn.wg0.safe.passphrase": "correct horse"}), 0o600)
    done = applied(machine, wanted, "--secrets=/root/secrets.yaml")
    job = newest_job(machine)
    told = json.dumps(done) + tui(machine, "jobs", "show", job).stdout
    for path in machine.root.joinpath("var/lib/pi-installer-tui/jobs").rglob("*"):
        if path.is_file() and path.name in ("plan.json", "events.jsonl"):
            told += path.read_text()
    assert private_key(machine) not in told and "correct horse" not in told
    assert says(machine, "stat", "--format=%a %U", CONF) == "600 root"
    assert not changes(machine, wanted)
    exported = tui(machine, "export", "vpn").stdout
    assert "phone" in exported and not changes(machine, exported)
    shown_is_gone_or_kept(machine)

    reboot(machine)
    until(lambda: says(machine, "sh", "-c", "systemctl is-active wg-quick@wg0 || true") == "active", 60)
    assert "chain peers" in says(machine, "nft", "list", "table", "inet", "pi_installer_tui_wg0")
    assert "2098-01-02" in says(machine, "systemctl", "list-timers", "--all", "pi-installer-tui-vpn-expiry.timer")
    assert not changes(machine, wanted)
    undo(machine, job)
    before.assert_as_before(upgraded=True)
    assert left(machine) == ""


def shown_is_gone_or_kept(machine: Machine) -> None:
    """What is given to a peer: once, or as often as one likes, or with the passphrase."""
    first = tui(machine, "vpn", "show", "phone").stdout
    again = machine.run(["pi-installer-tui", "vpn", "show", "phone"], check=False)
    assert "PrivateKey = " in first and not again.ok and "isn't here any more" in again.stderr
    assert tui(machine, "vpn", "show", "plain").stdout == tui(machine, "vpn", "show", "plain").stdout
    safe = tui(machine, "vpn", "show", "safe").stdout
    assert tui(machine, "vpn", "show", "safe", setup="correct horse\n").stdout == safe
    assert not machine.run(["pi-installer-tui", "vpn", "show", "safe"], stdin="wrong\n", check=False).ok
    key = parsed(safe)[0]["PrivateKey"]
    kept = machine.read("/etc/pi-installer-tui/secrets/vpn.wg0.safe.gpg").decode()
    assert key not in kept and kept.startswith("-----BEGIN PGP MESSAGE-----")
    assert not machine.run(["test", "-e", "/root/.gnupg"], check=False).ok
    act(machine, "rotate", "safe")
    act(machine, "revoke", "plain")
    for _undone in range(2):
        undo(machine, newest_undoable(machine))
    assert tui(machine, "vpn", "show", "safe", setup="correct horse\n").stdout == safe


@pytest.mark.long
def test_peers_reach_what_they_may_and_changes_leave_the_others_alone(installed: Machine, tmp_path: Path) -> None:
    skip_without_reader()
    machine = installed
    around = Around(machine)
    before = Before(machine)
    wanted = setup_of(
        {
            "endpoint": OUTSIDE,
            "dns": [LAN_HOST],
            "peers": {"phone": {}, "laptop": {"reach": "lan"}, "sensor": {"reach": "machine", "keeping": "plain"}},
        }
    )
    applied(machine, wanted)
    phone, laptop, sensor = (around.peer(name) for name in ("phone", "laptop", "sensor"))
    for peer, console in ((phone, "ssh"), (laptop, "hdmi"), (sensor, "serial")):
        peer.connect(photographed(peer, console, tmp_path))
    own, own6 = addresses(machine)
    for peer in (phone, laptop, sensor):
        peer.soon(own)
        peer.soon(own6)
    assert_reach(phone, laptop, sensor)
    Download.serve(around)
    downloads = Download(phone, WORLD), Download(phone, WORLD6)
    a_peer_is_added_while_another_one_is_at_work(machine, around, own)
    paused_and_revoked_are_cut_at_once(machine, laptop, own, downloads)
    expiry_needs_nobody(machine, laptop, own)
    for download in downloads:
        download.goes_on()
        download.end()
    applied(machine, setup_of({"state": "absent"}))
    etc = {path for path, _digest in set(machine.listing("/etc").items()) - set(before.etc.items())}
    etc -= {"/etc/pi-installer-tui", "/etc/pi-installer-tui/secrets"}  # the program's own folders, empty
    assert not [path for path in etc if "pi-installer-tui" in path or path.startswith("/etc/wireguard/")], etc
    assert left(machine) == ""


def with_ufw_the_tunnel_gets_its_rules_and_gives_them_back(
    installed: Machine, _another: Another, _folder: Path
) -> None:
    machine = installed
    around = Around(machine)
    firewall = {"version": 1, "security": {"firewall": {"enabled": True}}}
    tui(machine, "apply", "-", "--yes", "--json", "--confirm", "none", setup=json.dumps(firewall))
    before = machine.read("/etc/ufw/user.rules"), machine.read("/etc/ufw/user6.rules")
    wanted = setup_of({"endpoint": OUTSIDE, "peers": {"phone": {}}})
    applied(machine, wanted)
    assert not changes(machine, wanted)
    phone = connected(machine, around, "phone")
    own, own6 = addresses(machine)
    for address in (own, own6, LAN_HOST, WORLD, LAN_HOST6, WORLD6):
        phone.soon(address)
    exclusive = {"version": 1, "security": {"firewall": {"enabled": True, "rules": {}, "exclusive": True}}}
    planned = json.loads(tui(machine, "plan", "-", "--json", setup=json.dumps(exclusive)).stdout)
    assert not planned["changed"], "what another module needs isn't one of the other rules"
    applied(machine, setup_of({"state": "absent"}))
    assert (machine.read("/etc/ufw/user.rules"), machine.read("/etc/ufw/user6.rules")) == before
    assert left(machine) == ""


BY_HAND = """# mine
[Interface]
Address = 10.9.0.1/24
PrivateKey = {private}
ListenPort = 51999
PostUp = touch /run/by-hand
SaveConfig = true

# Ada's phone
[Peer]
PublicKey = {phone}
AllowedIPs = 10.9.0.2/32

### begin tablet ###
[Peer]
PublicKey = {tablet}
AllowedIPs = 10.9.0.3/32
### end tablet ###
"""


def a_tunnel_that_others_made_is_adopted_with_its_keys_and_nobody_is_dropped(
    installed: Machine, _another: Another, _folder: Path
) -> None:
    machine = installed
    around = Around(machine)
    machine.run(["apt-get", "update", "-qq"])
    machine.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "wireguard-tools", "wireguard-go"])
    keys = {name: says(machine, "wg", "genkey") for name in ("server", "phone", "tablet")}
    public = {name: says(machine, "sh", "-c", f"echo {key} | wg pubkey") for name, key in keys.items()}
    text = BY_HAND.format(private=keys["server"], phone=public["phone"], tablet=public["tablet"])
    machine.write(CONF, text, 0o644)
    machine.run(["systemctl", "enable", "--now", "wg-quick@wg0"])
    machine.run(["mkdir", "-p", "/etc/pivpn/wireguard", "/etc/wireguard/configs"])
    machine.write("/etc/pivpn/wireguard/setupVars.conf", f"pivpnHOST={OUTSIDE}\npivpnDNS1=9.9.9.9\nPLAT=$(reboot)\n")
    machine.write("/etc/wireguard/configs/tablet.conf", f"[Interface]\nPrivateKey = {keys['tablet']}\n", 0o600)
    phone = around.peer("phone")
    phone.connect(
        f"[Interface]\nPrivateKey = {keys['phone']}\nAddress = 10.9.0.2/32\n\n[Peer]\nPublicKey = {public['server']}\n"
        f"AllowedIPs = 10.9.0.0/24\nEndpoint = {OUTSIDE}:51999\nPersistentKeepalive = 25\n"
    )
    phone.soon("10.9.0.1")
    refused = machine.run(["pi-installer-tui", "apply", "-", "--yes"], stdin=setup_of({"port": 51998}), check=False)
    assert refused.status == 3 and "adopt it first" in refused.stderr
    transfer = Transfer(phone, "10.9.0.1")
    done = json.loads(tui(machine, "act", "vpn", "adopt", "--yes", "--json").stdout)
    assert done["outcome"] == "done", done
    assert transfer.lost() == "0"
    adopted = machine.read(CONF).decode()
    assert adopted == text.replace("SaveConfig = true", "SaveConfig = false").replace(
        f"[Peer]\nPublicKey = {public['phone']}", f"[Peer]\n# Name = ada-s-phone\nPublicKey = {public['phone']}"
    )
    assert says(machine, "stat", "--format=%a", CONF) == "600"
    shown = parsed(tui(machine, "vpn", "show", "tablet").stdout)
    assert shown[0]["PrivateKey"] == keys["tablet"] and shown[0]["DNS"] == "9.9.9.9"
    assert shown[1]["Endpoint"] == f"{OUTSIDE}:51999" and shown[1]["PublicKey"] == public["server"]
    exported = tui(machine, "export", "vpn").stdout
    assert "ada-s-phone" in exported and not changes(machine, exported)
    act(machine, "pause", "ada-s-phone")
    assert not phone.reaches("10.9.0.1")
    undo(machine, newest_job(machine))
    phone.soon("10.9.0.1")
    undo(machine, newest_undoable(machine))
    assert machine.read(CONF).decode() == text
    assert phone.reaches("10.9.0.1", 5)


def wg_easys_peers_connect_here_with_what_they_have(installed: Machine, _another: Another, _folder: Path) -> None:
    machine = installed
    around = Around(machine)
    before = Before(machine)
    machine.run(["apt-get", "update", "-qq"])
    machine.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "wireguard-tools"])
    keys = {name: says(machine, "wg", "genkey") for name in ("server", "phone")}
    public = {name: says(machine, "sh", "-c", f"echo {key} | wg pubkey") for name, key in keys.items()}
    machine.run(["apt-get", "purge", "-y", "-qq", "--autoremove", "wireguard-tools"])
    client = {"name": "Ada's phone", "address": "10.8.0.2", "publicKey": public["phone"], "privateKey": keys["phone"]}
    kept = {
        "server": {"privateKey": keys["server"], "publicKey": public["server"], "address": "10.8.0.1"},
        "clients": {"1": {**client, "preSharedKey": keys["server"], "enabled": True}},
    }
    machine.write("/srv/wg0.json", json.dumps(kept), 0o600)
    done = json.loads(tui(machine, "act", "vpn", "adopt", "path=/srv/wg0.json", "--yes", "--json").stdout)
    assert done["outcome"] == "done" and {check["status"] for check in done["checks"]} == {"ok"}, done
    assert keys["server"] not in json.dumps(done)
    phone = around.peer("phone")
    phone.connect(
        f"[Interface]\nPrivateKey = {keys['phone']}\nAddress = 10.8.0.2/32\n\n[Peer]\n"
        f"PublicKey = {public['server']}\nPresharedKey = {keys['server']}\nAllowedIPs = 0.0.0.0/0\n"
        f"Endpoint = {OUTSIDE}:51820\n"
    )
    for address in ("10.8.0.1", LAN_HOST, WORLD):
        phone.soon(address)
    exported = tui(machine, "export", "vpn").stdout
    assert "ada-s-phone" in exported and not changes(machine, exported)
    undo(machine, newest_job(machine))
    before.assert_as_before(upgraded=True)
    assert left(machine) == ""


def the_owners_own_way_in_comes_back(installed: Machine, _another: Another, _folder: Path) -> None:
    """The owner is here through the tunnel (SSH says so) and moves its port, then takes the own peer out: each goes
    back by itself, without this program, and the peer that couldn't connect any more can again. Confirmed it stays."""
    machine = installed
    around = Around(machine)
    applied(machine, setup_of({"endpoint": OUTSIDE, "peers": {"phone": {}, "hut": {"behind": ["10.99.7.0/24"]}}}))
    phone, (own, _own6) = connected(machine, around, "phone"), addresses(machine)
    phone.soon(own)
    kept = Before(machine)
    here = says(machine, "sh", "-c", "wg show wg0 allowed-ips; ip route show dev wg0; wg show wg0 listen-port")
    peer = next(line for line in here.splitlines() if "10.99.7.0" not in line and "/32" in line)
    client = next(net for net in peer.split() if net.endswith("/32") and "." in net).removesuffix("/32")
    seat = ["env", f"SSH_CONNECTION={client} 50000 {own} 22", "pi-installer-tui"]

    def asked(*words: str, setup: str = "", seconds: str = "8") -> Any:
        argv = [*seat, *words, "--yes", "--json", "--confirm", "wait", "--within", seconds]
        return json.loads(machine.run(argv, stdin=setup, check=False).stdout)

    for words, setup in (
        (("apply", "-"), setup_of({"port": 51999})),
        (("act", "vpn", "revoke", "peer=phone"), ""),
        (("apply", "-"), setup_of({"enabled": False, "peers": {"hut": {"state": "absent"}}})),
    ):
        done = asked(*words, setup=setup)
        assert (done["outcome"], done["probation"]["outcome"]) == ("failed", "taken-back"), done
        kept.assert_as_before()
        now = says(machine, "sh", "-c", "wg show wg0 allowed-ips; ip route show dev wg0; wg show wg0 listen-port")
        assert sorted(now.splitlines()) == sorted(here.splitlines()), done
        # whoever heard from the new port goes on sending there until something comes from the old one
        machine.run(["ping", "-n", "-c1", "-W1", client], check=False)
        phone.soon(own)
    waiting = machine.start_process([*seat, "vpn", "revoke", "phone", "--yes", "--json"])
    until(lambda: "phone" not in machine.read(CONF).decode(), 60)
    confirmed = lambda: machine.run(["pi-installer-tui", "confirm", newest_job(machine), "--anyway"], check=False).ok  # noqa: E731
    until(confirmed, 60)
    assert json.loads(waiting.communicate(timeout=300)[0])["outcome"] == "done"
    assert not phone.reaches(own, 3)


def restored_onto_a_bare_machine_the_same_peers_connect_again(first: Machine, another: Another, folder: Path) -> None:
    around = Around(first)
    peers = {"phone": {"keeping": "plain", "note": "Ada's", "expires": "2098-01-01"}, "sensor": {"reach": "machine"}}
    applied(first, setup_of({"endpoint": OUTSIDE, "peers": peers}))
    given = {name: tui(first, "vpn", "show", name).stdout for name in peers}
    own, _own6 = addresses(first)
    around.peer("phone").connect(given["phone"])
    place = {"usb": {"kind": "folder", "path": "/srv/place"}}
    job = {"vpn": {"what": ["wireguard"], "places": ["usb"]}}
    applied(first, json.dumps({"version": 1, "backup": {"places": place, "jobs": job}}))
    tui(first, "backup", "run", "vpn", "--yes")
    password = first.read("/etc/pi-installer-tui/secrets/backup.usb").decode()
    exported = tui(first, "export", "vpn").stdout
    shutil.copytree(first.root / "srv/place", folder / "place")
    first.poweroff()

    bare = another()
    shutil.copytree(folder / "place", bare.root / "srv/place")
    bare.write("/root/secrets.yaml", json.dumps({"backup.usb": password}), 0o600)
    applied(bare, json.dumps({"version": 1, "backup": {"places": place}}), "--secrets=/root/secrets.yaml")
    tui(bare, "backup", "restore", "usb", "latest", "/", "--yes")
    applied(bare, setup_of({}))
    around = Around(bare)
    for name, configuration in given.items():
        peer = around.peer(name)
        peer.connect(configuration)
        peer.soon(own)
    assert not around_reaches(around, "sensor") and around_reaches(around, "phone")
    assert tui(bare, "vpn", "show", "phone").stdout == given["phone"], "its key was kept"
    assert tui(bare, "export", "vpn").stdout == exported and not changes(bare, exported)
    assert "2098-01-02" in says(bare, "systemctl", "list-timers", "--all", "pi-installer-tui-vpn-expiry.timer")


def around_reaches(around: Around, name: str) -> bool:
    """Whether a peer gets on to the world."""
    return around.inside(name, "ping", "-n", "-c1", "-W5", WORLD, check=False).ok


def newest_undoable(machine: Machine) -> str:
    """The newest job that changed something, isn't an undo, and wasn't taken back."""
    jobs = json.loads(tui(machine, "jobs", "--json").stdout)["jobs"]
    return str(next(j["id"] for j in jobs if not j["undoes"] and not j["undone_by"] and j["status"] == "done"))


def assert_reach(phone: Peer, laptop: Peer, sensor: Peer) -> None:
    """everything, lan, machine: each over IPv4 and IPv6."""
    phone.soon(LAN_HOST)
    phone.soon(WORLD)
    assert phone.reaches(LAN_HOST6, 5) and phone.reaches(WORLD6, 5)
    laptop.soon(LAN_HOST)
    assert laptop.reaches(LAN_HOST6, 5)
    for peer, others in ((laptop, (WORLD, WORLD6)), (sensor, (LAN_HOST, LAN_HOST6, WORLD, WORLD6))):
        for address in others:
            family = "-6" if ":" in address else "-4"
            peer.around.inside(peer.name, "ip", family, "route", "replace", address, "dev", peer.device)
    others6 = {LAN_HOST: "0.0.0.0/0", LAN_HOST6: "::/0"}
    for peer in (laptop, sensor):  # the peer's own side lets everything through: the machine must refuse it
        (key,) = peer.around.inside(peer.name, "wg", "show", peer.device, "peers").stdout.split()
        allowed = ",".join(others6.values())
        peer.around.inside(peer.name, "wg", "set", peer.device, "peer", key, "allowed-ips", allowed)
    laptop.soon(LAN_HOST)
    assert not laptop.reaches(WORLD) and not laptop.reaches(WORLD6)
    for address in (LAN_HOST, LAN_HOST6, WORLD, WORLD6):
        assert not sensor.reaches(address), address


def photographed(peer: Peer, console: str, folder: Path) -> str:
    """What a peer reads from the screen of a console: a terminal as large as its code needs."""
    machine = peer.around.machine
    with Photographed(machine, console) as screen:
        screen.hand_over(peer.name)
        if console == "hdmi":
            given = [fetched_by_link(peer, screen, folder)]
            screen.key("l", "the QR code needs")
            screen.key("f", f"Written to ~/{peer.name}.conf")
            given.append(machine.read(f"/root/{peer.name}.conf").decode())
        screen.enlarge()
        read = screen.code(folder)
        if console == "hdmi":
            assert [compact(text) for text in given] == [compact(read)] * 2
        screen.terminal.type("q")
        if peer.name != "sensor":  # whose key is kept
            screen.terminal.wait_for("Has it been handed over?")
            screen.terminal.type("y")
        screen.terminal.wait_for("by name")
    shown = machine.run(["pi-installer-tui", "vpn", "show", peer.name], check=False)
    assert shown.ok == (peer.name == "sensor"), shown
    return read


def fetched_by_link(peer: Peer, screen: Photographed, folder: Path) -> str:
    """By the link that its code on 80x24 leads to, from the peer's own namespace."""
    machine, inside = peer.around.machine, peer.around.inside
    machine.run(["ip", "-n", peer.name, "route", "add", machine.addr, "via", OUTSIDE])
    screen.key("l", "It works once")
    url = screen.code(folder)
    assert url.startswith(f"http://{machine.addr}:"), url
    assert "Fetch it" in inside(peer.name, "curl", "--silent", url).stdout
    fetched = inside(peer.name, "curl", "--silent", "--data", "take=yes", url).stdout
    screen.terminal.wait_for("has fetched it; the link is dead.")
    assert "PrivateKey" not in inside(peer.name, "curl", "--silent", "--data", "take=yes", url).stdout
    machine.run(["ip", "-n", peer.name, "route", "del", machine.addr])
    return fetched


def a_peer_is_added_while_another_one_is_at_work(machine: Machine, around: Around, own: str) -> None:
    behind = "behind=192.168.40.0/24"
    act(machine, "add", "tablet", "reach=machine", "note=the one in the kitchen", "expires=2099-01-01", behind)
    assert "dev wg0" in says(machine, "ip", "route", "get", "192.168.40.7")
    act(machine, "pause", "sensor")
    act(machine, "resume", "sensor")
    tablet = connected(machine, around, "tablet")
    tablet.soon(own)


def paused_and_revoked_are_cut_at_once(
    machine: Machine, laptop: Peer, own: str, others: tuple[Download, Download]
) -> None:
    """While something is under way, and the others' connections go on."""
    cut = Download(laptop, LAN_HOST)
    act(machine, "pause", "laptop")
    assert_cut(cut, others)
    assert not laptop.reaches(own)
    assert "#[disabled] [Peer]" in machine.read(CONF).decode()
    act(machine, "resume", "laptop")
    laptop.soon(own)
    cut.end()
    cut = Download(laptop, LAN_HOST6)
    act(machine, "revoke", "laptop")
    assert_cut(cut, others)
    assert not laptop.reaches(own)
    undo(machine, newest_job(machine))
    laptop.soon(own)
    cut.end()
    act(machine, "revoke", "tablet")
    assert "dev wg0" not in says(machine, "ip", "route", "get", "192.168.40.7")
    assert "tablet" not in machine.read(CONF).decode()


def assert_cut(cut: Download, others: tuple[Download, Download]) -> None:
    """Since just now one peer receives no more than what was under way, and the others much more."""
    arrived = cut.peer.received
    for other in others:
        other.goes_on()
    assert cut.peer.received - arrived <= cut.UNDER_WAY


def expiry_needs_nobody(machine: Machine, laptop: Peer, own: str) -> None:
    """The timer pauses who has expired, and nobody else does anything. A day that is over can't be set, so it is
    written, and the timer's moment is brought near."""
    applied(machine, setup_of({"peers": {"laptop": {"expires": "2098-01-01"}}}))
    timer = "pi-installer-tui-vpn-expiry.timer"
    assert "2098-01-02" in says(machine, "systemctl", "list-timers", "--all", timer)
    path = "/etc/pi-installer-tui/vpn.yaml"
    machine.write(path, machine.read(path).decode().replace("2098-01-01", "2020-01-01"), 0o600)
    assert laptop.reaches(own, 5)
    unit = f"/etc/systemd/system/{timer}"
    written = machine.read(unit).decode()
    (soon,) = machine.run(["date", "--date=3 seconds", "+%F %T"]).stdout.splitlines()
    machine.write(unit, written.replace("2098-01-02 00:00:00", soon))
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["systemctl", "restart", timer])
    until(lambda: "#[disabled] # Name = laptop" in machine.read(CONF).decode(), 60)
    until(lambda: not laptop.reaches(own), 30)
    machine.write(unit, written)
    applied(machine, setup_of({"peers": {"laptop": {"expires": "2097-01-01", "paused": False}}}))
    laptop.soon(own)


@pytest.mark.long
@pytest.mark.parametrize(
    ("suite", "case"),
    [
        ("trixie", with_ufw_the_tunnel_gets_its_rules_and_gives_them_back),
        ("bookworm", a_tunnel_that_others_made_is_adopted_with_its_keys_and_nobody_is_dropped),
        ("trixie", wg_easys_peers_connect_here_with_what_they_have),
        ("bookworm", the_owners_own_way_in_comes_back),
        ("trixie", restored_onto_a_bare_machine_the_same_peers_connect_again),
    ],
    indirect=["suite"],
)
def test_it_fits_in(
    installed: Machine,
    case: Callable[[Machine, Another, Path], None],
    boot: Callable[[Image], Machine],
    installed_image: Image,
    tmp_path: Path,
) -> None:
    """With the firewall, with what was there before, on another machine, and with who is here through it."""
    case(installed, lambda: boot(installed_image), tmp_path)
