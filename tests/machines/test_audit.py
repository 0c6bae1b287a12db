"""The audit on real machines: each fault turns its own check and no other, and what it says of a port is what whoever
connects from outside finds."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest

from .lab import Lab
from .machine import Image, Machine
from .program import tui, until

#: a machine on which every check that can be good is: hardened by hand, as its owner would
GOOD = r"""
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get full-upgrade -y -qq
apt-get install -y -qq --no-install-recommends ufw fail2ban python3-systemd unattended-upgrades rpcbind iptables
systemctl disable -q --now rpcbind.socket rpcbind.service
printf 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n' \
    > /etc/apt/apt.conf.d/20auto-upgrades
systemctl enable -q --now apt-daily.timer apt-daily-upgrade.timer
printf '[DEFAULT]\nbackend = systemd\n' > /etc/fail2ban/jail.local
cat > /etc/ssh/sshd_config.d/00-good.conf <<'X'
PasswordAuthentication no
MaxAuthTries 4
X11Forwarding no
MACs -*sha1*,umac-64*
HostKeyAlgorithms -ssh-rsa
X
useradd -m -s /bin/bash guest
rm /etc/sudoers.d/010_pi-nopasswd
echo 'pi:only the tests know' | chpasswd
su pi -c "ssh-keygen -q -t ed25519 -N '' -f /home/pi/.ssh/id_ed25519"
sed -i 's/^IPV6=.*/IPV6=yes/' /etc/default/ufw
ufw allow 22/tcp
ufw --force enable
systemctl restart fail2ban
# an archive that brings security updates, with a package that is up to date
mkdir -p /srv/archive /tmp/p/DEBIAN
for version in 1.0 2.0; do
    printf 'Package: audited\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example.net>\nDescription: x\n' \
        $version > /tmp/p/DEBIAN/control
    dpkg-deb -b /tmp/p /srv/archive/audited_$version.deb >/dev/null
done
cd /srv/archive
dpkg -i audited_2.0.deb
{ dpkg-deb -f audited_2.0.deb; printf 'Filename: ./audited_2.0.deb\nSize: %s\nSHA256: %s\n' \
    "$(stat -c %s audited_2.0.deb)" "$(sha256sum audited_2.0.deb | cut -d' ' -f1)"; } > Packages
printf 'Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nSHA256:\n %s %s Packages\n' \
    "$(sha256sum Packages | cut -d' ' -f1)" "$(stat -c %s Packages)" > Release
echo 'deb [trusted=yes] file:/srv/archive ./' > /etc/apt/sources.list.d/audited.list
apt-get update -qq
"""


@dataclass(frozen=True)
class Fault:
    """check: the one that has to turn. plant, mend: shell lines."""

    check: str
    plant: str
    mend: str


def listener(name: str, program: str, port: int, address: str = "0.0.0.0") -> str:
    """A program that listens, under systemd."""
    return (
        f"systemd-run --quiet --collect --unit={name} {program} -m http.server --bind {address} {port} && "
        f"until ss -H -tln sport = :{port} | grep -q .; do sleep 0.1; done"
    )


def sshd(line: str) -> tuple[str, str]:
    """A setting that wins over what is good, and the way back."""
    path = "/etc/ssh/sshd_config.d/0-fault.conf"
    return f"echo '{line}' > {path}", f"rm {path}"


PYTHON = "/usr/bin/python3"
STRAY = f"install -m 755 $(readlink -f {PYTHON}) /opt/stray && "

FAULTS = (
    Fault("firewall.ipv4", "iptables -I INPUT -j ACCEPT", "iptables -D INPUT -j ACCEPT"),
    Fault("firewall.ipv6", "ip6tables -P INPUT ACCEPT && ip6tables -F INPUT", "ufw reload"),
    Fault("firewall.boot", "systemctl disable -q ufw.service", "systemctl enable -q ufw.service"),
    Fault(
        "listening.databases",
        f"ufw allow 6379/tcp && {listener('redis', PYTHON, 6379)}",
        "systemctl stop redis; ufw delete allow 6379/tcp",
    ),
    Fault(
        "listening.strays",
        f"ufw allow 8000/tcp && {STRAY}{listener('stray', '/opt/stray', 8000)}",
        "systemctl stop stray; ufw delete allow 8000/tcp; rm /opt/stray",
    ),
    Fault("ssh.root-login", *sshd("PermitRootLogin yes")),
    Fault("ssh.passwords", *sshd("PasswordAuthentication yes")),
    Fault("ssh.empty-passwords", *sshd("PermitEmptyPasswords yes")),
    Fault("ssh.max-auth-tries", *sshd("MaxAuthTries 20")),
    Fault("ssh.x11-forwarding", *sshd("X11Forwarding yes")),
    Fault("ssh.strict-modes", *sshd("StrictModes no")),
    Fault("ssh.algorithms", *sshd("Ciphers +aes128-cbc")),
    Fault(
        "services.fail2ban",
        "systemctl stop fail2ban",
        "systemctl start fail2ban; until fail2ban-client ping; do sleep 1; done",
    ),
    Fault("updates.security", "dpkg -i /srv/archive/audited_1.0.deb", "dpkg -i /srv/archive/audited_2.0.deb"),
    Fault("updates.automatic", "systemctl stop apt-daily-upgrade.timer", "systemctl start apt-daily-upgrade.timer"),
    Fault("accounts.empty-password", "usermod -p '' guest", "usermod -p '*' guest"),
    Fault(
        "accounts.default-password",
        "echo pi:raspberry | chpasswd",
        "echo 'pi:only the tests know' | chpasswd",
    ),
    Fault("accounts.second-root", "useradd -o -u 0 -s /bin/sh toor", "userdel -f toor"),
    Fault(
        "sudo.no-password",
        "echo 'pi ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/pi && chmod 440 /etc/sudoers.d/pi",
        "rm /etc/sudoers.d/pi",
    ),
    Fault("permissions.password-files", "chmod 644 /etc/shadow", "chmod 640 /etc/shadow"),
    Fault("permissions.sudoers", "chown pi /etc/sudoers.d", "chown root /etc/sudoers.d"),
    Fault("permissions.host-keys", "chmod 644 /etc/ssh/ssh_host_ecdsa_key", "chmod 600 /etc/ssh/ssh_host_ecdsa_key"),
    Fault(
        "permissions.authorized-keys",
        "chmod g+w /home/pi/.ssh/authorized_keys",
        "chmod g-w /home/pi/.ssh/authorized_keys",
    ),
    Fault("permissions.private-keys", "chmod 644 /home/pi/.ssh/id_ed25519", "chmod 600 /home/pi/.ssh/id_ed25519"),
    Fault(
        "permissions.stored-secrets",
        "chmod 644 /etc/NetworkManager/system-connections/*",
        "chmod 600 /etc/NetworkManager/system-connections/*",
    ),
    Fault("files.world-writable", "chmod o+w /etc/issue", "chmod o-w /etc/issue"),
    Fault("files.folders-not-sticky", "mkdir -m 777 /srv/everybody", "rmdir /srv/everybody"),
    Fault("files.set-uid", "install -m 4755 /bin/dash /usr/local/bin/door", "rm /usr/local/bin/door"),
    Fault(
        "services.clear-text",
        "printf '[Socket]\\nListenStream=23\\nAccept=yes\\n' > /run/systemd/system/telnet.socket && "
        "printf '[Service]\\nExecStart=/bin/cat\\nStandardInput=socket\\n' > /run/systemd/system/telnet@.service && "
        "systemctl daemon-reload && systemctl start telnet.socket",
        "systemctl stop telnet.socket; rm /run/systemd/system/telnet*; systemctl daemon-reload",
    ),
    Fault("services.needless", "systemctl start rpcbind.socket", "systemctl stop rpcbind.socket rpcbind.service"),
    Fault("mounts.tmp", "mount -o remount,suid,nodev /tmp", "mount -o remount,nosuid,nodev /tmp"),
    Fault("mounts.shm", "mount -o remount,dev,nosuid /dev/shm", "mount -o remount,nosuid,nodev /dev/shm"),
    Fault(
        "kernel.network",
        "sysctl -qw net.ipv4.conf.all.accept_redirects=1",
        "sysctl -qw net.ipv4.conf.all.accept_redirects=0",
    ),
)


def harden(machine: Machine) -> None:
    machine.run(["sh", "-c", GOOD])


@pytest.fixture(scope="session")
def good_image(lab: Lab, installed_image: Image) -> Image:
    return lab.layer(installed_image, "hardened", sha256(GOOD.encode()).hexdigest(), harden)


@pytest.fixture
def good(lab: Lab, good_image: Image) -> Iterator[Machine]:
    with lab.machine(good_image) as machine:
        sh(machine, "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0")
        sh(machine, "ip -6 address add fd00:1::2/64 dev eth0 nodad")
        sh(machine, "sysctl -qw net.ipv4.conf.all.accept_redirects=0 net.ipv6.conf.all.accept_redirects=0")
        until(lambda: machine.run(["fail2ban-client", "status", "sshd"], check=False).ok)
        yield machine


def sh(machine: Machine, line: str) -> str:
    return machine.run(["sh", "-c", line]).stdout


def audit(machine: Machine, *argv: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(tui(machine, "audit", "--json", *argv).stdout)
    return document


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {finding["id"]: finding["verdict"] for finding in document["findings"]}


@pytest.mark.long(every=20)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.plant[:40])
def test_a_fault_turns_its_own_check_and_no_other(good: Machine, fault: Fault) -> None:
    before = audit(good)
    assert {f["id"]: (f["items"], f["evidence"]) for f in before["findings"] if f["verdict"] == "bad"} == {}
    assert before["unknown"] == [] and before["score"] == 100
    sh(good, fault.plant)
    found = audit(good)
    assert turned(before, found) == {fault.check: ("good", "bad")}
    finding = next(f for f in found["findings"] if f["id"] == fault.check)
    assert finding["items"] and finding["evidence"]
    assert found["score"] < 100 and found["score"] + finding["gain"] == 100
    sh(good, fault.mend)
    mended = audit(good)
    assert turned(before, mended) == {}
    assert mended["score"] == 100


def turned(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[str, str]]:
    old, new = verdicts(before), verdicts(after)
    return {check: (old[check], new[check]) for check in old if old[check] != new[check]}


@pytest.mark.long
def test_nothing_is_bad_of_what_a_container_can_not_show(good: Machine) -> None:
    found = {f["id"]: f for f in audit(good)["findings"]}
    for check in ("kernel.memory", "kernel.links", "services.auditd"):
        assert found[check]["verdict"] == "not-here"


@pytest.mark.long
def test_no_receipt_holds_a_hash_or_a_key(good: Machine) -> None:
    text = json.dumps(audit(good))
    for line in good.read("/etc/shadow").decode().splitlines():
        secret = line.split(":")[1]
        assert len(secret) < 8 or secret not in text
    assert "PRIVATE KEY" not in text


@pytest.mark.long
def test_without_root_what_cannot_be_read_is_unknown(good: Machine) -> None:
    done = good.run(["runuser", "-u", "pi", "--", "pi-installer-tui", "audit", "--json"])
    found = verdicts(json.loads(done.stdout))
    for check in ("firewall.ipv4", "accounts.empty-password", "accounts.default-password", "sudo.no-password"):
        assert found[check] == "unknown", check


# who reaches what ---------------------------------------------------------------------------------------------------

NFT = """
table inet mine {
  set friends { type ipv4_addr; flags interval; elements = { HOST } }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iif lo accept
    tcp dport vmap { 22 : accept, 8001 : jump web }
    ip saddr @friends tcp dport 8003 accept
    counter reject
  }
  chain web {
    accept
  }
}
"""

FIREWALLS = {
    "ufw": "ufw --force reset; ufw allow 22/tcp; ufw allow 8000:8001/tcp;"
    "ufw allow from HOST to any port 8003 proto tcp; ufw --force enable",
    "nft": f"ufw disable; nft flush ruleset; printf '%s' '{NFT}' | nft -f -",
    "iptables": "ufw disable; iptables -F; iptables -P INPUT DROP; iptables -A INPUT -i lo -j ACCEPT;"
    "iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT;"
    "iptables -A INPUT -p tcp -m multiport --dports 22,8001 -m comment --comment 'a b' -j ACCEPT;"
    "iptables -A INPUT -p tcp --dport 8003 -s HOST -j ACCEPT",
    "none": "ufw disable",
}


@pytest.mark.long
@pytest.mark.parametrize("firewall", FIREWALLS)
def test_a_port_is_as_reachable_as_the_exposure_says(good: Machine, firewall: str) -> None:
    if firewall == "nft":
        sh(good, "apt-get install -y -qq --no-install-recommends nftables")
    host = good.network.gateway
    sh(good, FIREWALLS[firewall].replace("HOST", host))
    for port, address in ((8001, "0.0.0.0"), (8002, "0.0.0.0"), (8003, "0.0.0.0"), (8004, "127.0.0.1")):
        sh(good, listener(f"listener{port}", PYTHON, port, address))
    rows = {row["port"]: row for row in audit(good, "--quick")["exposure"] if row["proto"] == "tcp"}
    shut, some = ("open", "open") if firewall == "none" else ("closed", "limited")
    assert {port: rows[port]["ipv4"] for port in (8001, 8002, 8003, 8004)} == {
        8001: "open",
        8002: shut,
        8003: some,
        8004: "local",
    }
    assert rows[8001]["ipv6"] == "none"
    assert rows[8001]["process"] == "python3" and rows[8001]["unit"] == "listener8001.service"
    assert rows[8001]["package"].startswith("python3")
    # HOST is where the rules let 8003 in from, and where this test connects from
    assert connects(good, 8001) and connects(good, 8003) and not connects(good, 8004)
    assert connects(good, 8002) is (firewall == "none")


def connects(machine: Machine, port: int) -> bool:
    try:
        with closing(socket.create_connection((machine.addr, port), timeout=2)):
            return True
    except OSError:
        return False


@pytest.mark.long
@pytest.mark.parametrize("userland_proxy", [True, False])
def test_what_docker_publishes_past_ufw_is_told(good: Machine, userland_proxy: bool) -> None:
    sh(good, "apt-get install -y -qq --no-install-recommends docker.io")
    sh(good, "which docker || apt-get install -y -qq --no-install-recommends docker-cli")
    good.write("/etc/docker/daemon.json", json.dumps({"userland-proxy": userland_proxy}))
    sh(good, "systemctl restart docker")
    sh(good, "tar -C / -c bin sbin lib lib64 usr/bin usr/lib usr/lib64 usr/sbin etc | docker import - all")
    run = "docker run -d --name {name} -p {port}:80 all " + PYTHON + " -m http.server 80"
    sh(good, run.format(name="web", port="8080"))
    sh(good, run.format(name="own", port="127.0.0.1:8081"))
    until(lambda: connects(good, 8080))
    found = audit(good, "--quick")
    rows = {row["port"]: row for row in found["exposure"] if row["proto"] == "tcp" and row["ipv4"] != "none"}
    assert rows[8080]["ipv4"] == "open" and rows[8080]["published"].endswith(":80")
    assert verdicts(found)["firewall.docker"] == "bad" and verdicts(found)["firewall.ipv4"] == "good"
    assert [f["items"] for f in found["findings"] if f["id"] == "firewall.docker"] == [["tcp 8080"]]
    assert not connects(good, 8081) and rows.get(8081, {"ipv4": "local"})["ipv4"] == "local"
    sh(good, "iptables -I DOCKER-USER -i eth0 -p tcp -m conntrack --ctorigdstport 8080 -j DROP")
    assert not connects(good, 8080)
    assert verdicts(audit(good, "--quick"))["firewall.docker"] == "good"
