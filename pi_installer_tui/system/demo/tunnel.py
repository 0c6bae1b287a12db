"""A demo machine with a tunnel and seven peers, each of which does what peers do: connected, not seen for weeks, about
to expire, paused, never connected, behind IPv6 only, another network."""

from __future__ import annotations

import time
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from pi_installer_tui.system.demo import curve, units, wireguard
from pi_installer_tui.system.demo.tree import Machine
from pi_installer_tui.system.demo.wireguard import Plays

NAME = "wg0"
_HOUR, _DAY, _MIB, _GIB = 3600, 86_400, 2**20, 2**30

#: name, allowed addresses, keepalive, paused, what it does
PEERS: tuple[tuple[str, tuple[str, ...], int, bool, Plays], ...] = (
    ("phone", ("10.86.0.2/32", "fd86:1:2::2/128"), 0, False,
     Plays("203.0.113.44:51720", 0, 21_000, 310_000, (212 * _MIB, 3 * _GIB))),
    ("tablet", ("10.86.0.3/32", "fd86:1:2::3/128"), 0, False,
     Plays("203.0.113.80:61822", 47 * _DAY, had=(18 * _MIB, 240 * _MIB))),
    ("guest", ("10.86.0.4/32", "fd86:1:2::4/128"), 0, False,
     Plays("198.51.100.9:40112", 3 * _HOUR + 600, had=(4 * _MIB, 61 * _MIB))),
    ("anna", ("10.86.0.5/32", "fd86:1:2::5/128"), 0, True, Plays()),
    ("doorbell", ("10.86.0.6/32", "fd86:1:2::6/128"), 25, False, Plays()),
    ("travel", ("10.86.0.7/32", "fd86:1:2::7/128"), 0, False,
     Plays("[2001:db8:77::5]:51820", 0, 1_400, 2_300, (9 * _MIB, 12 * _MIB))),
    ("cabin", ("10.86.0.8/32", "fd86:1:2::8/128", "192.168.30.0/24"), 25, False,
     Plays("198.51.100.201:51820", 0, 640_000, 88_000, (41 * _GIB, 6 * _GIB))),
)  # fmt: skip

#: the packet rules of this tunnel, as the module VPN writes them
RULES = Path(__file__).with_name("tunnel.nft")
_EXPIRY = "pi-installer-tui-vpn-expiry"
_SYSCTL = """\
# Made by pi-installer-tui: this machine passes on what comes from its VPN.
net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1
"""
_SERVICE = """\
# Made by pi-installer-tui.
[Unit]
Description=Peers of the VPN that have expired are paused (pi-installer-tui)
After=network-online.target time-sync.target
Wants=network-online.target
CollectMode=inactive-or-failed

[Service]
Type=oneshot
ExecStart=/opt/pi-installer-tui/current/bin/python -I -m pi_installer_tui vpn expire
WorkingDirectory=/
"""
_TIMER = """\
# Made by pi-installer-tui.
[Unit]
Description=When peers of the VPN expire (pi-installer-tui)

[Timer]
OnCalendar={day} 00:00:00
Persistent=true
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


@cache
def played() -> dict[str, Plays]:
    """What the peers do, by their public keys."""
    return {curve.public(curve.private(f"{NAME} {name}")): plays for name, _nets, _keep, _paused, plays in PEERS}


def conf(more: int = 0) -> str:
    """The tunnel's file, as wg-quick(8) reads it. more: so many further peers, which come and go as phones do."""
    lines = [
        "[Interface]",
        f"PrivateKey = {curve.private(NAME)}",
        "Address = 10.86.0.1/24, fd86:1:2::1/64",
        "ListenPort = 51820",
        f"PostUp = nft -f {wireguard.FOLDER}/{NAME}.nft",
        f"PostDown = nft delete table inet pi_installer_tui_{NAME}",
    ]
    others = tuple((f"device-{n:03}", (f"10.86.0.{n + 9}/32",), 0, False, Plays()) for n in range(more))
    for name, allowed, keepalive, paused, _plays in (*PEERS, *others):
        private = curve.private(f"{NAME} {name}")
        section = [
            "[Peer]",
            f"# Name = {name}",
            f"PublicKey = {curve.public(private)}",
            f"PresharedKey = {curve.private(f'{NAME} {name} preshared')}",
            f"AllowedIPs = {', '.join(allowed)}",
        ]
        section += [f"PersistentKeepalive = {keepalive}"] if keepalive else []
        lines += ["", *(f"#[disabled] {line}" if paused else line for line in section)]
    return "\n".join(lines) + "\n"


def make(machine: Machine, *, since: float | None = None, today: date | None = None, more: int = 0) -> None:
    """Puts WireGuard and the tunnel on a demo machine. since: seconds since 1970 at which it came up, half an hour ago
    unless said. more: further peers."""
    from pi_installer_tui.system.demo import packages

    began = time.time() - 1800 if since is None else since
    expires = (today or date.fromtimestamp(time.time())) + timedelta(days=5)
    for name in ("wireguard-tools", "nftables"):
        packages.set_status(machine, name, "install ok installed")
    unpacked(machine)
    machine.write(f"{wireguard.FOLDER}/{NAME}.conf", conf(more), 0o600)
    machine.write(f"{wireguard.FOLDER}/{NAME}.nft", RULES.read_text("utf-8"), 0o600)
    machine.write("/etc/pi-installer-tui/vpn.yaml", _applied(expires), 0o600)
    machine.write("/etc/sysctl.d/60-pi-installer-tui-vpn.conf", _SYSCTL)
    for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        machine.write(f"/proc/sys/net/{name}", "1\n")
    machine.write(f"{units.ETC}/{_EXPIRY}.service", _SERVICE)
    machine.write(f"{units.ETC}/{_EXPIRY}.timer", _TIMER.format(day=expires + timedelta(days=1)))
    units.set_enabled(machine, f"{_EXPIRY}.timer", True)
    units.set_active(machine, f"{_EXPIRY}.timer", True)
    # the key of one peer is kept
    machine.write("/etc/pi-installer-tui/secrets/vpn.wg0.cabin", curve.private(f"{NAME} cabin") + "\n", 0o600)
    units.set_enabled(machine, f"wg-quick@{NAME}", True)
    units.set_active(machine, f"wg-quick@{NAME}", True)
    wireguard.down(machine, NAME)
    wireguard.up(machine, NAME, since=began)


def unpacked(machine: Machine) -> None:
    """What comes with the package."""
    if not machine.exists(wireguard.FOLDER):
        machine.files.mkdir(wireguard.FOLDER, mode=0o700, uid=0, gid=0)
    if not machine.exists(wireguard.UNIT):
        machine.write(wireguard.UNIT, wireguard.UNIT_TEXT)


def _applied(expires: date) -> str:
    lines = [
        "# Made by pi-installer-tui: the VPN's tunnels and peers. Keys lie in files of their own.",
        "version: 1",
        "tunnels:",
        f"  {NAME}:",
        "    enabled: true",
        "    address:",
        "    - 10.86.0.1/24",
        "    - fd86:1:2::1/64",
        "    port: 51820",
        "    endpoint: home.example.org",
        "    dns:",
        "    - 10.86.0.1",
        "    reach: everything",
        "    between: false",
        "    mapping: none",
        "    peers:",
    ]
    own = {
        "guest": (f"      expires: '{expires}'", "      note: a friend's laptop"),
        "anna": ("      paused: true",),
        "doorbell": ("      reach: machine",),
        "cabin": ("      behind:", "      - 192.168.30.0/24", "      keeping: plain"),
    }
    for name, allowed, keepalive, _paused, _plays in PEERS:
        rows = ["      address:", *(f"      - {one.partition('/')[0]}" for one in allowed[:2])]
        rows += [*own.get(name, ()), f"      keepalive: {keepalive}", "      preshared: true"]
        lines += [f"      {name}:", *(f"  {row}" for row in rows)]
    return "\n".join(lines) + "\n"
