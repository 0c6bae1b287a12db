"""The program on a test machine, as the tests use it: setup files in, jobs out, and the machine before and after."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import time
from collections.abc import Callable
from typing import Any

from pi_installer_tui.system.host import Completed

from .machine import Machine, run_on_host

#: what an undo doesn't give back, and why: docs/undo.md
LEFT_OUT = re.compile(r"/etc/(?:passwd|group|shadow|gshadow|subuid|subgid)-|/etc/ld\.so\.cache|/etc/\.pwd\.lock")


def tui(machine: Machine, *argv: str, status: int = 0, setup: str | None = None) -> Completed:
    done = machine.run(["pi-installer-tui", *argv], stdin=setup, check=False)
    assert done.status == status, f"{shlex.join(argv)} ended with {done.status}\n{done.stdout}\n{done.stderr}"
    return done


def setup_of(system: dict[str, Any]) -> str:
    return json.dumps({"version": 1, "system": system})  # JSON is YAML


def apply(machine: Machine, system: dict[str, Any]) -> str:
    """Applies a setup with nothing on probation, and says which job did it."""
    argv = ("apply", "-", "--yes", "--json", "--confirm", "none")
    done = json.loads(tui(machine, *argv, setup=setup_of(system)).stdout)
    assert done["changed"] and not done["failed"], done
    return str(newest_job(machine))


def newest_job(machine: Machine) -> str:
    return str(json.loads(tui(machine, "jobs", "--json").stdout)["jobs"][0]["id"])


def undo(machine: Machine, job: str) -> None:
    tui(machine, "undo", job, "--yes", "--confirm", "none")


class Before:
    """A machine as it was: /etc with contents, modes, owners and links, and its packages with their marks."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        until(lambda: machine.knows_its_name_servers)
        self.etc, self.packages = self._look()

    def _look(self) -> tuple[dict[str, str], tuple[dict[str, str], dict[str, str]]]:
        etc = {p: d for p, d in self.machine.listing("/etc").items() if not LEFT_OUT.fullmatch(p)}
        return etc, (self.machine.packages(), self.machine.packages("manual"))

    def assert_as_before(self, *, upgraded: bool = False) -> None:
        """upgraded: packages that came newer with others may stay so, which the review says (docs/undo.md). What
        NetworkManager writes some time after a connection is up is waited for."""
        names = "/etc/resolv.conf"
        with contextlib.suppress(AssertionError):  # which the comparison says in more words
            until(lambda: self.machine.listing(names).get(names) == self.etc.get(names))
        etc, packages = self._look()
        assert etc == self.etc, sorted(set(etc.items()) ^ set(self.etc.items()))
        for now, then in zip(packages, self.packages, strict=True):
            for name in now.keys() & then.keys() if upgraded else ():
                if now[name] != then[name]:
                    assert now[name].endswith(" ii ") and then[name].endswith(" ii "), (name, then[name], now[name])
                    newer = (now[name].split()[0], "gt", then[name].split()[0])
                    assert self.machine.run(["dpkg", "--compare-versions", *newer], check=False).ok, (name, newer)
                    then = {**then, name: now[name]}
            assert now == then, sorted(set(now.items()) ^ set(then.items()))


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Waits; the time is one that only what never comes takes, also on a busy host."""
    end = time.monotonic() + seconds
    began = time.monotonic()
    while not true():
        asked = time.monotonic()
        assert asked < end, "it never came true"
        time.sleep(min(max(0.2, 2 * (asked - began)), 3))  # to ask isn't what a busy host is busy with
        began = time.monotonic()


def reboot(machine: Machine) -> None:
    """An interface has no addresses when a machine starts; the network namespace that a test machine keeps has."""
    machine.poweroff()
    run_on_host("ip", "-n", machine.network.namespace(machine.number), "address", "flush", "dev", "eth0")
    machine.start()


def says(machine: Machine, *argv: str) -> str:
    return machine.run(argv).stdout.strip()


def address_of(machine: Machine, host: int) -> str:
    return str(machine.network.subnet[host])


def static(machine: Machine, host: int, **more: Any) -> dict[str, Any]:
    """A static address in the machines' network."""
    address = f"{address_of(machine, host)}/{machine.network.subnet.prefixlen}"
    return {"method": "static", "address": address, "gateway": machine.network.gateway, **more}


def assert_address(machine: Machine, host: int) -> None:
    """The kernel has that address and no other, the way out is there, and it is reached by ssh from outside."""
    (link,) = json.loads(says(machine, "ip", "-json", "-4", "address", "show", "dev", "eth0"))
    assert [i["local"] for i in link["addr_info"]] == [address_of(machine, host)]
    routes = json.loads(says(machine, "ip", "-json", "-4", "route", "show", "default"))
    assert [r["gateway"] for r in routes] == [machine.network.gateway]
    assert machine.ssh(["hostname"], address=address_of(machine, host)).ok


NETPLAN = "/etc/netplan/50-cloud-init.yaml"


def install_netplan(machine: Machine) -> None:
    machine.run(["apt-get", "update", "-qq"])
    machine.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "netplan.io"])


def with_netplan(machine: Machine, renderer: str) -> None:
    """netplan in place of NetworkManager's own profile, rendering to it or to networkd."""
    if not machine.run(["which", "netplan"], check=False).ok:
        install_netplan(machine)
    network = machine.network
    machine.write(
        NETPLAN,
        f"# the way home\nnetwork:\n  version: 2\n  renderer: {renderer}\n  ethernets:\n    eth0:\n"
        f"      addresses: [{machine.addr}/{network.subnet.prefixlen}]  # fixed\n"
        f"      routes:\n        - to: default\n          via: {network.gateway}\n"
        f"      nameservers: {{addresses: [{network.nameservers[0]}]}}\n",
        0o600,
    )
    machine.run(["sh", "-c", "rm /etc/NetworkManager/system-connections/*"])
    if renderer == "networkd":
        with_networkd(machine)
    reboot(machine)
    until(lambda: machine.ssh(["true"], check=False).ok, 60)


def with_networkd(machine: Machine) -> None:
    machine.run(["systemctl", "disable", "NetworkManager.service"])
    machine.run(["systemctl", "enable", "systemd-networkd.service"])


def with_networkd_alone(machine: Machine) -> None:
    """systemd-networkd with a file of its own in place of NetworkManager."""
    network = machine.network
    machine.write(
        "/etc/systemd/network/10-eth0.network",
        f"[Match]\nName=eth0\n\n[Network]\n# home\nAddress={machine.addr}/{network.subnet.prefixlen}\n"
        f"Gateway={network.gateway}\nDNS={network.nameservers[0]}\n",
    )
    with_networkd(machine)
    reboot(machine)
    until(lambda: machine.ssh(["true"], check=False).ok, 60)
