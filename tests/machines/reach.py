"""A small internet out of network namespaces: somebody outside, a carrier's NAT, routers with miniupnpd, a LAN, and us.
No packet of it leaves: the namespaces are joined to each other only, so their addresses may be anybody's.

The programs (miniupnpd, wireguard-go, wg, ping) are Debian's, unpacked beside the images and not installed here.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .lab import CACHE, CannotRun, _locked
from .machine import PATH, run_on_host

REPOSITORY = Path(__file__).parents[2]
#: what they are linked with, nft and systemd are too (libnftnl, libmnl, libidn2, libcap)
_PACKAGES = ("miniupnpd", "miniupnpd-nftables", "wireguard-go", "wireguard-tools", "iputils-ping")
_PROGRAMS = ("miniupnpd", "wg", "wg-quick", "wireguard-go", "ping")
US, GATEWAY = "192.168.178.20", "192.168.178.1"
SERVICE, WAN, PHONE = "9.8.7.6", "8.20.30.2", "8.20.40.9"
SIX = "2a02:8109:1:2::20"
PORT = 51820

_MINIUPNPD = """\
ext_ifname=wan
listening_ip=lan
enable_natpmp={pmp}
enable_upnp={upnp}
secure_mode=yes
system_uptime=yes
uuid=00000000-1111-2222-3333-444444444444
friendly_name=A router of the tests
upnp_table_name=upnp
upnp_nat_table_name=upnp
upnp_forward_chain=granted
upnp_nat_chain=granted_in
upnp_nat_postrouting_chain=granted_out
{permission}
deny 0-65535 0.0.0.0/0 0-65535
"""
_ROUTER = """\
table inet upnp {
    chain forward { type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname lan accept
        iifname wan ct status dnat accept
        jump granted
    }
    chain granted { }
    chain prerouting { type nat hook prerouting priority -100;
        jump granted_in
    }
    chain postrouting { type nat hook postrouting priority 100;
        jump granted_out
        oifname wan meta nfproto ipv4 masquerade
    }
    chain granted_in { }
    chain granted_out { }
}
"""


def programs() -> Path:
    """The folder of the unpacked programs. CannotRun says why there is none."""
    done = CACHE / "reach-programs"
    CACHE.mkdir(parents=True, exist_ok=True)
    with _locked(CACHE / "reach-programs.lock"):
        if not done.exists():
            making = CACHE / f".reach-programs-{os.getpid()}"
            shutil.rmtree(making, ignore_errors=True)
            (making / "debs").mkdir(parents=True)
            (making / "bin").mkdir()
            got = subprocess.run(
                ["apt-get", "-qq", "download", *_PACKAGES],
                cwd=making / "debs", capture_output=True, text=True, check=False,
            )  # fmt: skip
            if got.returncode:
                raise CannotRun(f"the packages {' '.join(_PACKAGES)} can't be had: {got.stderr.strip()[-300:]}")
            for deb in (making / "debs").glob("*.deb"):
                run_on_host("dpkg", "-x", str(deb), str(making / "root"))
            for name in _PROGRAMS:
                found = next((making / "root").glob(f"**/*bin/{name}"), None)
                if found is None:
                    raise CannotRun(f"Debian's packages have no {name} here")
                shutil.copy2(found, making / "bin" / name)
            making.rename(done)
    return done


class Reach:
    """Namespaces and what runs in them. Everything is named after `name` and gone at the end."""

    def __init__(self, folder: Path, name: str, tools: Path) -> None:
        self.folder = folder
        self.name = name
        self.tools = tools
        self._spaces: list[str] = []
        self._running: list[subprocess.Popen[bytes]] = []
        self._upnp = 0

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[Reach]:
        tools = programs()
        _clear_leftovers()
        reach = cls(folder, f"pir{os.getpid()}x{time.monotonic_ns() % 100_000}", tools)
        try:
            yield reach
        finally:
            reach.close()

    def close(self) -> None:
        for process in self._running:
            self._end(process)
        for space in self._spaces:
            run_on_host("ip", "netns", "del", f"{self.name}-{space}", check=False)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)

    # -- spaces ----------------------------------------------------------------------------------------------------

    def space(self, *names: str) -> None:
        for name in names:
            run_on_host("ip", "netns", "add", f"{self.name}-{name}")
            self._spaces.append(name)
            self.run(name, "ip", "link", "set", "lo", "up")
            self.run(name, "sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")

    def join(
        self, one: str, link: str, addresses: Sequence[str], other: str, link2: str, addresses2: Sequence[str]
    ) -> None:
        """A cable between two spaces."""
        self.run(one, "ip", "link", "add", link, "type", "veth", "peer", "name", link2, "netns", f"{self.name}-{other}")
        for name, device, own in ((one, link, addresses), (other, link2, addresses2)):
            for address in own:
                nodad = ("nodad",) if ":" in address else ()
                self.run(name, "ip", "address", "add", address, "dev", device, *nodad)
            self.run(name, "ip", "link", "set", device, "up")

    def route(self, name: str, *words: str) -> None:
        self.run(name, "ip", *(("-6",) if any(":" in word for word in words) else ()), "route", "add", *words)

    def routes(self, name: str, *rules: str) -> None:
        """Makes a space a router."""
        self.run(name, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        if rules:
            self.run(name, "nft", "-f", "-", stdin="\n".join(rules))

    def argv(self, name: str, argv: Sequence[str]) -> list[str]:
        own = self.folder / name
        for folder in ("wireguard", "state"):
            (own / folder).mkdir(parents=True, exist_ok=True)
        Path("/run/wireguard").mkdir(mode=0o700, exist_ok=True)
        mounts = f"mount --bind {self.tools / 'bin'} /usr/local/sbin && mount --bind {own / 'wireguard'} /run/wireguard"
        shell = ["sh", "-c", f'{mounts} && exec "$@"', "sh"]
        return ["ip", "netns", "exec", f"{self.name}-{name}", *shell, *argv]

    def _environment(self, name: str) -> dict[str, str]:
        return {
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(REPOSITORY),
            "PI_INSTALLER_TUI_STATE": str(self.folder / name / "state"),
        }

    def run(self, name: str, *argv: str, stdin: str | None = None, check: bool = True) -> str:
        done = subprocess.run(
            self.argv(name, argv), input=stdin, capture_output=True, text=True, check=False, timeout=120,
            env=self._environment(name), stdin=None if stdin is not None else subprocess.DEVNULL,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{' '.join(argv)} in {name} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, name: str, *argv: str) -> Path:
        """Starts what goes on beside the test; returns the file with what it says."""
        log = self.folder / f"{name}-{len(self._running)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.argv(name, argv), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env=self._environment(name),
            )  # fmt: skip
        self._running.append(process)
        return log

    def ask(self, name: str, verb: str, *arguments: str) -> object:
        """Runs tests/machines/reach_driver.py in a space, and returns what it found."""
        return json.loads(self.run(name, sys.executable, "-m", "tests.machines.reach_driver", verb, *arguments))

    # -- the parts -------------------------------------------------------------------------------------------------

    def outside(self) -> None:
        """The rest of the world, with a service that tells who asks, and a phone in another network."""
        self.space("world", "phone")
        self.routes("world")
        self.run("world", "ip", "address", "add", f"{SERVICE}/32", "dev", "lo")
        self.join(
            "world",
            "mobile",
            [f"{PHONE[:-1]}1/24", "2a01:4f8:9::1/64"],
            "phone",
            "eth0",
            [f"{PHONE}/24", "2a01:4f8:9::9/64"],
        )
        self.route("phone", "default", "via", f"{PHONE[:-1]}1")
        self.route("phone", "default", "via", "2a01:4f8:9::1")
        log = self.start("world", sys.executable, "-m", "tests.machines.reach_driver", "serve", SERVICE)
        wait_for(lambda: "serving" in log.read_text())

    def home(
        self, *, wan: str = f"{WAN}/24", gateway: str = "8.20.30.1", upstream: str = "world", via: str = "dsl"
    ) -> None:
        """A router with a LAN in which we are. wan: its address outside."""
        self.space("home", "us")
        self.join(upstream, via, [f"{gateway}/{wan.partition('/')[2]}"], "home", "wan", [wan])
        self.join("home", "lan", [f"{GATEWAY}/24"], "us", "eth0", [f"{US}/24"])
        self.route("home", "default", "via", gateway)
        self.route("us", "default", "via", GATEWAY)
        self.routes("home", _ROUTER)

    def six(self) -> None:
        """The same by IPv6: nothing is translated, and the router's firewall lets nobody in."""
        for name, device, address in (
            ("world", "dsl", "2a02:8109:1:1::1/64"), ("home", "wan", "2a02:8109:1:1::2/64"),
            ("home", "lan", "2a02:8109:1:2::1/64"), ("home", "lan", "fe80::1/64"), ("us", "eth0", f"{SIX}/64"),
        ):  # fmt: skip
            self.run(name, "ip", "address", "add", address, "dev", device, "nodad")
        self.route("home", "default", "via", "2a02:8109:1:1::1")
        self.route("world", "2a02:8109:1:2::/64", "via", "2a02:8109:1:1::2")
        self.route("us", "default", "via", "fe80::1", "dev", "eth0")

    def upnp(self, *, pmp: bool = True, upnp: bool = True, grants: bool = True) -> None:
        """The router's miniupnpd."""
        config = self.folder / "miniupnpd.conf"
        words = {True: "yes", False: "no"}
        permission = "allow 1024-65535 192.168.178.0/24 1024-65535" if grants else ""
        config.write_text(_MINIUPNPD.format(pmp=words[pmp], upnp=words[upnp], permission=permission))
        self._upnp = len(self._running)
        log = self.start("home", "/usr/local/sbin/miniupnpd", "-d", "-f", str(config), "-P", str(self.folder / "pid"))
        wait_for(lambda: self.listens("home", 1900 if upnp else 5351), lambda: log.read_text())

    def restart_upnp(self, *, pmp: bool = True, upnp: bool = True, grants: bool = True) -> None:
        """Ends miniupnpd, and starts it again with nothing that it knew."""
        self._end(self._running[self._upnp])
        self.upnp(pmp=pmp, upnp=upnp, grants=grants)

    def forward_by_hand(self, port: int = PORT) -> None:
        """The router's rule that its owner makes."""
        rule = ("iifname", "wan", "udp", "dport", str(port), "dnat", "ip", "to", US)
        self.run("home", "nft", "add", "rule", "inet", "upnp", "granted_in", *rule)

    def wireguard(self, name: str, address: str, key: str, port: int = 0) -> str:
        """A tunnel wg0 by wireguard-go, up and without peers; returns its public key."""
        self.run(name, "wireguard-go", "wg0")
        self.run(
            name,
            "wg",
            "set",
            "wg0",
            "private-key",
            "/dev/stdin",
            *(("listen-port", str(port)) if port else ()),
            stdin=key,
        )
        self.run(name, "ip", "address", "add", address, "dev", "wg0")
        self.run(name, "ip", "link", "set", "wg0", "up", "mtu", "1420")
        return self.run(name, "wg", "pubkey", stdin=key).strip()

    def listens(self, name: str, port: int) -> bool:
        return f":{port} " in self.run(name, "ss", "-Hlun")

    def granted(self) -> str:
        """The router's own rules that lead in."""
        return self.run("home", "nft", "list", "chain", "inet", "upnp", "granted_in")

    def arrives(self, address: str, port: int = PORT) -> str:
        """From where a datagram of the phone's to an address outside gets to our port; "" where it doesn't."""
        log = self.start("us", sys.executable, "-m", "tests.machines.reach_driver", "hear", str(port))
        wait_for(lambda: "ready" in log.read_text())
        for _try in range(3):
            self.ask("phone", "send", address, str(port))
            until = time.monotonic() + 1
            while time.monotonic() < until:
                if found := log.read_text().partition("ready\n")[2].strip():
                    return found
                time.sleep(0.05)
        self._end(self._running[-1])
        return ""


def wait_for(what: object, said: object = lambda: "", seconds: float = 60) -> None:
    """Until a condition holds."""
    assert callable(what) and callable(said)
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            raise AssertionError(f"it didn't come to be in {seconds} s\n{said()}")
        time.sleep(0.05)


def _clear_leftovers() -> None:
    for one in json.loads(run_on_host("ip", "-json", "netns", "list").stdout or "[]"):
        name = one["name"]
        if (
            name.startswith("pir")
            and (pid := name[3:].partition("x")[0]).isdigit()
            and not Path(f"/proc/{pid}").exists()
        ):
            for left in run_on_host("ip", "netns", "pids", name, check=False).stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(left), signal.SIGKILL)
            run_on_host("ip", "netns", "del", name, check=False)
