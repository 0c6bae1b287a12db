"""Every setting of System on real machines: applied, read back by the tools that own it, kept over a reboot, applied
again without any change, and taken back to the byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .machine import Image, Machine
from .program import (
    NETPLAN,
    Before,
    address_of,
    apply,
    assert_address,
    newest_job,
    reboot,
    says,
    setup_of,
    static,
    tui,
    undo,
    until,
    with_netplan,
    with_networkd_alone,
)

#: systemd-timesyncd doesn't start in a container, which has its host's clock; here it only has to run
TIMESYNCD = """[Unit]
ConditionVirtualization=
ConditionCapability=

[Service]
ExecStart=
ExecStart=/bin/sleep infinity
Type=simple
User=root
DynamicUser=no
AmbientCapabilities=
CapabilityBoundingSet=
WatchdogSec=0
"""


@pytest.fixture
def pi(installed: Machine) -> Machine:
    """A machine with the program in it, whose time service can run."""
    installed.write("/etc/systemd/system/systemd-timesyncd.service.d/container.conf", TIMESYNCD)
    installed.run(["systemctl", "daemon-reload"])
    installed.run(["systemctl", "restart", "systemd-timesyncd.service"])
    return installed


def assert_settled(machine: Machine, system: dict[str, Any]) -> None:
    """Applying it again has nothing to do, and does nothing."""
    before = newest_job(machine)
    plan = tui(machine, "plan", "-", "--json", setup=setup_of(system))
    assert json.loads(plan.stdout)["changed"] is False
    again = json.loads(tui(machine, "apply", "-", "--yes", "--json", setup=setup_of(system)).stdout)
    assert again["changed"] is False and newest_job(machine) == before


# every setting at once ----------------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_whole_setup_is_applied_proven_kept_and_taken_back(pi: Machine, suite: str) -> None:
    system = {
        "hostname": "attic",
        "timezone": "Europe/Berlin",
        "ntp": False,
        "locale": "de_DE.UTF-8",
        "keyboard": {"layout": "de", "variant": "nodeadkeys"},
        "network": {"eth0": static(pi, 200, dns=[pi.network.gateway, "9.9.9.9"], search=["lan"], ipv6="link-local")},
    }
    pi.run(["sh", "-c", "printf '# mine\\n10.1.2.3 nas # far\\n' >> /etc/hosts"])
    pi.run(["sed", "-i", "s/^# en_GB.UTF-8 UTF-8/en_GB.UTF-8 UTF-8/", "/etc/locale.gen"])
    pi.run(["locale-gen"])
    before = Before(pi)

    job = apply(pi, system)

    def assert_in_effect() -> None:
        assert says(pi, "hostnamectl", "--static") == says(pi, "hostname") == "attic"
        assert says(pi, "getent", "hosts", "127.0.1.1").split() == ["127.0.1.1", "attic"]
        assert pi.read("/etc/hosts").endswith(b"# mine\n10.1.2.3 nas # far\n")
        assert says(pi, "timedatectl", "show", "-p", "Timezone", "--value") == "Europe/Berlin"
        assert says(pi, "date", "+%Z") in ("CET", "CEST")
        assert says(pi, "systemctl", "is-active", "cron") == "active"
        if suite == "bookworm":
            assert pi.read("/etc/timezone") == b"Europe/Berlin\n"
        else:
            assert pi.run(["test", "-e", "/etc/timezone"], check=False).status == 1
        assert pi.run(["systemctl", "is-enabled", "systemd-timesyncd"], check=False).stdout.strip() == "disabled"
        assert pi.run(["systemctl", "is-active", "systemd-timesyncd"], check=False).stdout.strip() == "inactive"
        locale = says(pi, "localectl", "status")
        assert "System Locale: LANG=de_DE.UTF-8" in locale
        assert {"de_DE.utf8", "en_GB.utf8"} <= set(says(pi, "locale", "-a").split())
        assert says(pi, "env", "LC_ALL=de_DE.UTF-8", "locale", "-k", "decimal_point").endswith('","')
        assert "X11 Layout: de" in locale and "X11 Variant: nodeadkeys" in locale
        assert_address(pi, 200)
        shown = dict(x.split(":", 1) for x in says(pi, "nmcli", "-t", "device", "show", "eth0").splitlines())
        assert shown["IP4.DNS[1]"] == pi.network.gateway and shown["IP4.DNS[2]"] == "9.9.9.9"
        assert shown["IP4.SEARCHES[1]"] == "lan"

    until(lambda: pi.ssh(["true"], address=address_of(pi, 200), check=False).ok)
    assert_in_effect()
    assert_settled(pi, system)
    reboot(pi)
    until(lambda: pi.ssh(["true"], address=address_of(pi, 200), check=False).ok)
    assert_in_effect()
    assert_settled(pi, system)

    undo(pi, job)
    before.assert_as_before()
    assert says(pi, "hostname") == says(pi, "hostnamectl", "--static") == "raspberrypi"
    assert says(pi, "timedatectl", "show", "-p", "Timezone", "--value") == "Etc/UTC"
    assert says(pi, "systemctl", "is-active", "systemd-timesyncd") == "active"
    assert "de_DE.utf8" not in says(pi, "locale", "-a").split()
    assert "en_GB.utf8" in says(pi, "locale", "-a").split()
    assert_address(pi, pi.number)


def test_what_is_exported_is_what_is(pi: Machine) -> None:
    exported = tui(pi, "export", "system").stdout
    assert "hostname: raspberrypi" in exported and "method: static" in exported
    plan = tui(pi, "plan", "-", "--json", setup=exported)
    assert json.loads(plan.stdout)["changed"] is False


@pytest.mark.long
def test_packages_that_are_missing_come_and_go(pi: Machine) -> None:
    pi.run(["apt-get", "update", "-qq"])
    gone = ["locales", "console-setup", "keyboard-configuration", "systemd-timesyncd"]
    pi.run(["apt-get", "purge", "-y", "-qq", "--autoremove", *gone])
    pi.run(["rm", "-rf", "/etc/systemd/system/systemd-timesyncd.service.d", "/var/lib/locales"])
    pi.run(["systemctl", "daemon-reload"])
    before = Before(pi)
    system = {"locale": "de_DE.UTF-8", "keyboard": {"layout": "de"}}

    job = apply(pi, system)
    assert "LANG=de_DE.UTF-8" in says(pi, "localectl", "status")
    assert "X11 Layout: de" in says(pi, "localectl", "status")
    assert_settled(pi, system)

    undo(pi, job)
    before.assert_as_before()


# who owns it --------------------------------------------------------------------------------------------------------

USER_DATA = """#cloud-config
# by Raspberry Pi Imager
hostname: raspberrypi
preserve_hostname: false
manage_etc_hosts: true
"""


def with_cloud_init(machine: Machine) -> None:
    """cloud-init as Raspberry Pi OS has it: its seed on the boot partition."""
    machine.run(["apt-get", "update", "-qq"])
    machine.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "cloud-init"])
    machine.write("/boot/firmware/user-data", USER_DATA)
    machine.write("/boot/firmware/meta-data", "instance-id: pi-1\n")
    machine.write(
        "/etc/cloud/cloud.cfg.d/99-raspberry-pi.cfg",
        "datasource_list: [NoCloud]\ndatasource: {NoCloud: {seedfrom: 'file:///boot/firmware/'}}\n"
        "network: {config: disabled}\n",
    )
    reboot(machine)
    machine.run(["cloud-init", "status", "--wait"], check=False)


@pytest.mark.long
def test_a_hostname_that_cloud_init_owns_stays_over_reboots(pi: Machine) -> None:
    with_cloud_init(pi)
    before = Before(pi)
    status = json.loads(tui(pi, "status", "system", "--json").stdout)["modules"]["system"]["hostname"]
    assert status["owner"] == "cloud-init"

    job = apply(pi, {"hostname": "attic"})
    for _boot in range(2):
        reboot(pi)
        pi.run(["cloud-init", "status", "--wait"], check=False)
        assert says(pi, "hostname") == says(pi, "hostnamectl", "--static") == "attic"
        assert "attic" in says(pi, "getent", "hosts", "127.0.1.1").split()
        assert_settled(pi, {"hostname": "attic"})

    # cloud-init has written /etc/hosts at boot: that file is its own now, and is said to stay
    done = tui(pi, "undo", job, "--yes", status=1)
    assert "/etc/hosts stays as it is: somebody has changed it since" in done.stdout
    assert pi.read("/boot/firmware/user-data").decode() == USER_DATA
    assert {p for p, d in Before(pi).etc.items() if before.etc.get(p) != d} == {"/etc/hosts"}
    assert says(pi, "hostname") == "raspberrypi"
    reboot(pi)
    pi.run(["cloud-init", "status", "--wait"], check=False)
    assert says(pi, "hostname") == says(pi, "hostnamectl", "--static") == "raspberrypi"
    assert "raspberrypi" in says(pi, "getent", "hosts", "127.0.1.1").split()


# addresses ----------------------------------------------------------------------------------------------------------


def test_an_address_that_somebody_has_is_refused_and_nothing_is_written(pi: Machine) -> None:
    before = Before(pi)
    taken = {"network": {"eth0": static(pi, 1)}}
    taken["network"]["eth0"]["gateway"] = address_of(pi, 3)
    done = tui(pi, "apply", "-", "--yes", setup=setup_of(taken), status=3)
    assert f"system.network.eth0.address: {pi.network.gateway} is taken" in done.stdout + done.stderr
    before.assert_as_before()
    assert_address(pi, pi.number)


def test_a_gateway_outside_the_subnet_is_refused_in_words(pi: Machine) -> None:
    setup = "version: 1\nsystem:\n  network: {eth0: {method: static, address: 192.168.1.10/24, gateway: 192.168.2.1}}\n"
    done = tui(pi, "apply", "-", "--yes", setup=setup, status=3)
    assert "system.network.eth0.gateway: 192.168.2.1 is outside 192.168.1.0/24" in done.stdout + done.stderr


@pytest.fixture
def router(boot: Callable[[Image], Machine], bare_image: Image) -> Iterator[Machine]:
    """A machine in the same network that gives out addresses 230 to 240 by DHCP."""
    machine = boot(bare_image)
    machine.run(["apt-get", "update", "-qq"])
    machine.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "dnsmasq-base"])
    low, high = address_of(machine, 230), address_of(machine, 240)
    options = [f"--dhcp-option=3,{machine.network.gateway}", f"--dhcp-option=6,{machine.network.nameservers[0]}"]
    argv = ["dnsmasq", "--no-daemon", "--port=0", f"--dhcp-range={low},{high},1h", "--interface=eth0", *options]
    process = machine.start_process(argv)
    yield machine
    process.kill()
    process.wait()


@pytest.mark.long
def test_an_interface_goes_to_dhcp_and_back(pi: Machine, router: Machine) -> None:
    before = Before(pi)
    system = {"network": {"eth0": {"method": "dhcp", "dns": ["9.9.9.9"]}}}
    job = apply(pi, system)

    def leased() -> bool:
        links = json.loads(says(pi, "ip", "-json", "-4", "address", "show", "dev", "eth0"))
        return any(230 <= int(i["local"].split(".")[-1]) <= 240 for link in links for i in link["addr_info"])

    until(leased)
    assert says(pi, "nmcli", "-g", "ipv4.method", "connection", "show", "wired") == "auto"
    assert "9.9.9.9" in says(pi, "nmcli", "-g", "IP4.DNS", "device", "show", "eth0")
    assert_settled(pi, system)
    reboot(pi)
    until(leased)
    assert_settled(pi, system)

    undo(pi, job)
    before.assert_as_before()
    until(lambda: pi.ssh(["true"], check=False).ok)
    assert_address(pi, pi.number)
    assert router.running


@pytest.mark.long
def test_a_profile_that_lies_in_memory_gets_a_file_and_its_undo_takes_it_away(pi: Machine) -> None:
    pi.run(["sh", "-c", "rm /etc/NetworkManager/system-connections/*"])
    address = f"{pi.addr}/{pi.network.subnet.prefixlen}"
    values = ["ipv4.method", "manual", "ipv4.addresses", address, "ipv4.gateway", pi.network.gateway]
    memory = ["connection", "add", "save", "no", "type", "ethernet", "ifname", "eth0", "con-name", "Wired connection 1"]
    pi.run(["nmcli", *memory, *values])
    pi.run(["nmcli", "connection", "reload"])
    pi.run(["nmcli", "connection", "up", "Wired connection 1"])
    before = Before(pi)
    system = {"network": {"eth0": static(pi, 204, dns=["9.9.9.9"])}}

    job = apply(pi, system)
    until(lambda: pi.ssh(["true"], address=address_of(pi, 204), check=False).ok)
    assert_address(pi, 204)
    assert says(pi, "stat", "-c", "%a", "/etc/NetworkManager/system-connections/eth0.nmconnection") == "600"
    assert_settled(pi, system)

    undo(pi, job)
    before.assert_as_before()
    until(lambda: pi.ssh(["true"], check=False).ok)
    assert_address(pi, pi.number)
    assert says(pi, "nmcli", "-g", "GENERAL.CONNECTION", "device", "show", "eth0") == "Wired connection 1"


# the other backends -------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("renderer", ["NetworkManager", "networkd"])
def test_netplan_is_written_at_the_top_of_its_chain(pi: Machine, renderer: str) -> None:
    with_netplan(pi, renderer)
    before = Before(pi)
    service = {"NetworkManager": "netplan (NetworkManager)", "networkd": "netplan (systemd-networkd)"}[renderer]
    assert json.loads(tui(pi, "status", "system", "--json").stdout)["modules"]["system"]["network_service"] == service
    system = {"network": {"eth0": static(pi, 201, dns=["9.9.9.9"], search=["lan"], ipv6="disabled")}}

    job = apply(pi, system)
    until(lambda: pi.ssh(["true"], address=address_of(pi, 201), check=False).ok)
    assert_address(pi, 201)
    text = pi.read(NETPLAN).decode()
    assert "# the way home" in text and "# fixed" in text
    assert not json.loads(says(pi, "ip", "-json", "-6", "address", "show", "dev", "eth0", "scope", "link"))
    assert_settled(pi, system)
    reboot(pi)
    until(lambda: pi.ssh(["true"], address=address_of(pi, 201), check=False).ok)
    assert_address(pi, 201)
    assert_settled(pi, system)

    undo(pi, job)
    before.assert_as_before()
    until(lambda: pi.ssh(["true"], check=False).ok)
    assert_address(pi, pi.number)


@pytest.mark.long
def test_networkd_on_its_own_is_written_in_its_file(pi: Machine) -> None:
    with_networkd_alone(pi)
    before = Before(pi)
    system = {"network": {"eth0": static(pi, 202, dns=["9.9.9.9", "1.1.1.1"], ipv6="disabled")}}

    job = apply(pi, system)
    until(lambda: pi.ssh(["true"], address=address_of(pi, 202), check=False).ok)
    assert_address(pi, 202)
    assert_settled(pi, system)
    reboot(pi)
    until(lambda: pi.ssh(["true"], address=address_of(pi, 202), check=False).ok)
    assert_settled(pi, system)

    undo(pi, job)
    before.assert_as_before()
    until(lambda: pi.ssh(["true"], check=False).ok)
    assert_address(pi, pi.number)


@pytest.mark.parametrize("suite", ["trixie"], indirect=True)
def test_ifupdown_is_named_and_refused_and_nothing_is_written(pi: Machine) -> None:
    pi.run(["apt-get", "update", "-qq"])
    pi.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "ifupdown"])
    network = pi.network
    pi.write(
        "/etc/network/interfaces",
        f"auto eth0\niface eth0 inet static\n  address {pi.addr}/{network.subnet.prefixlen}\n"
        f"  gateway {network.gateway}\n",
    )
    pi.run(["sh", "-c", "rm /etc/NetworkManager/system-connections/*; systemctl disable NetworkManager"])
    reboot(pi)
    before = Before(pi)
    status = json.loads(tui(pi, "status", "system", "--json").stdout)["modules"]["system"]
    assert status["network_service"] == "ifupdown"
    setup = setup_of({"network": {"eth0": static(pi, 203)}})
    done = json.loads(tui(pi, "plan", "-", "--json", setup=setup, status=1).stdout)
    assert not done["changed"]
    (blocked,) = done["unknown"]
    assert blocked["setting"] == "system.network.eth0" and "ifupdown" in blocked["reason"]
    before.assert_as_before()
