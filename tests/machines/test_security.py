"""Hardening that locks nobody out, on real machines and over real SSH connections."""

from __future__ import annotations

import json
import random
import re
import socket
import subprocess
from typing import Any

import pytest
from pydantic import ValidationError

from pi_installer_tui.modules.security.plans.rules import Edit, rule_of
from pi_installer_tui.modules.security.settings import RuleSettings
from pi_installer_tui.modules.security.ufw import Rule

from .machine import Machine, run_on_host
from .program import LEFT_OUT, Before, newest_job, says, tui, undo, until

STATE = "/var/lib/pi-installer-tui"
OWN = "/etc/ssh/sshd_config.d/00-pi-installer-tui.conf"


@pytest.fixture
def pi(installed: Machine) -> Machine:
    """A machine with cloud-init's file, which lets passwords in and comes before sshd_config's own lines."""
    installed.write("/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n")
    installed.run(["systemctl", "reload", "ssh.service"])
    until(lambda: installed.ssh(["true"], check=False).ok)  # sshd runs itself anew, and doesn't listen meanwhile
    return installed


def setup_of(security: dict[str, Any]) -> str:
    return json.dumps({"version": 1, "security": security})


class Change:
    """A change that is asked for over an SSH connection, which stays open, or by root in the machine."""

    def __init__(
        self, machine: Machine, security: dict[str, Any], *options: str, over_ssh: bool = True, env: str = ""
    ) -> None:
        self.machine = machine
        machine.write("/root/setup.yaml", setup_of(security))
        argv = ["env", *([env] if env else []), "pi-installer-tui", "apply", "/root/setup.yaml", "--yes"]
        argv += ["--confirm", "wait", *options]
        command = machine.ssh_command(["sudo", *argv]) if over_ssh else machine.enter(argv)
        quiet = subprocess.DEVNULL
        self.line = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)

    @property
    def job(self) -> str:
        folders = sorted((self.machine.root / f"{STATE}/jobs".lstrip("/")).glob("2*-*"))
        return folders[-1].name if folders else ""

    def standing(self) -> str:
        folder = self.machine.root / f"{STATE}/jobs/{self.job}/probation".lstrip("/")
        for name in ("reverted", "reverting", "confirmed", "armed"):
            if self.job and (folder / name).exists():
                return "asking" if name == "armed" and (folder / "asking").exists() else name
        return ""

    def wait_for(self, *standings: str, seconds: float = 120) -> None:
        until(lambda: self.standing() in standings, seconds)

    def status(self) -> str:
        jobs = json.loads(tui(self.machine, "jobs", "--json").stdout)["jobs"]
        return str(next(job["status"] for job in jobs if job["id"] == self.job))


def changes(machine: Machine, security: dict[str, Any]) -> bool:
    said = json.loads(tui(machine, "plan", "-", "--json", setup=setup_of(security)).stdout)
    return bool(said["changed"])


def sshd(machine: Machine, keyword: str, user: str = "") -> str:
    more = ["-C", f"user={user},host=x,addr=10.0.0.1"] if user else []
    lines = says(machine, "sshd", "-T", *more).splitlines()
    return " ".join(line.partition(" ")[2] for line in lines if line.startswith(f"{keyword.lower()} "))


SSH = {
    "root_login": "no",
    "password_login": False,
    "users": ["pi"],
    "max_auth_tries": 4,
    "x11_forwarding": False,
    "tcp_forwarding": "local",
    "idle_timeout": 3600,
    "algorithms": "modern",
}


@pytest.mark.long
def test_only_a_new_login_confirms_a_change_of_sshd_and_an_undo_gives_every_byte_back(pi: Machine) -> None:
    before = Before(pi)
    was = says(pi, "sshd", "-T")
    change = Change(pi, {"ssh": SSH}, "--within", "120")
    change.wait_for("asking")
    job = change.job
    refused = pi.run(["pi-installer-tui", "confirm", job], check=False)
    assert refused.status == 1 and "logged in anew" in refused.stderr, refused
    anyway = pi.run(["pi-installer-tui", "confirm", job, "--anyway"], check=False)
    assert anyway.status == 1, "nobody sits at this machine"
    assert change.standing() == "asking", "the connection that started it is no proof"

    assert pi.ssh(["sudo", "pi-installer-tui", "confirm", job]).ok
    until(lambda: change.status() == "done")
    assert change.line.wait(30) == 0, "the first connection lives on to the end"
    assert sshd(pi, "PasswordAuthentication", "pi") == "no", "50-cloud-init.conf comes too late"
    assert sshd(pi, "AllowUsers") == "pi"
    assert sshd(pi, "PermitRootLogin") == "no"
    assert "sha1" not in sshd(pi, "MACs") and sshd(pi, "MACs")
    assert pi.ssh(["true"]).ok
    without_key = [part for part in pi.ssh_command(["true"]) if part not in ("-i", str(pi.image.private_key))]
    asked = subprocess.run([*without_key[:1], "-v", *without_key[1:]], capture_output=True, text=True, check=False)
    assert asked.returncode == 255 and "(publickey)" in asked.stderr, asked.stderr
    assert not changes(pi, {"ssh": SSH})
    exported = tui(pi, "export", "security").stdout
    pi.write("/root/exported.yaml", exported)
    assert json.loads(tui(pi, "plan", "/root/exported.yaml", "--json").stdout)["changed"] is False

    undo(pi, job)
    before.assert_as_before()
    assert says(pi, "sshd", "-T") == was
    assert pi.ssh(["true"]).ok


@pytest.mark.long
def test_a_key_owner_who_is_shut_out_is_let_in_again_by_itself(pi: Machine) -> None:
    pi.run(["useradd", "-m", "-s", "/bin/bash", "-G", "sudo", "maria"])
    pi.run(["chpasswd"], stdin="maria:a long secret\n")
    before = Before(pi)
    change = Change(pi, {"ssh": {"users": ["maria"]}}, "--within", "12", over_ssh=False)
    change.wait_for("asking")
    assert not pi.ssh(["true"], check=False).ok, "pi isn't among the allowed users"
    assert pi.run(["pi-installer-tui", "confirm", change.job], check=False).status == 1
    change.wait_for("reverted")
    change.line.wait(30)
    assert pi.ssh(["true"]).ok
    before.assert_as_before()
    assert sshd(pi, "AllowUsers") == ""


@pytest.mark.long
def test_what_would_lock_out_is_refused_before_anything_is_done(pi: Machine) -> None:

    def wrong(ssh: dict[str, Any]) -> str:
        done = pi.run(["pi-installer-tui", "plan", "-", "--json"], stdin=setup_of({"ssh": ssh}), check=False)
        assert done.status == 3, done
        return done.stdout

    assert "nobody who may use sudo" in wrong({"users": ["nobody"]})
    pi.run(["sh", "-c", "useradd -m -s /bin/bash otto"])
    assert "nobody who may use sudo" in wrong({"users": ["otto"]})
    plan = ["sudo", "pi-installer-tui", "plan", "-", "--json"]
    by_pi = pi.ssh(plan, stdin=setup_of({"ssh": {"users": ["otto"]}}), check=False)
    assert by_pi.status == 3 and "that is you" in by_pi.stdout, by_pi
    pi.run(["chmod", "g+w", "/home/pi/.ssh/authorized_keys"])
    assert "by a key" in wrong({"password_login": False}), "sshd takes no key from a file that others may write"
    pi.run(["chmod", "g-w", "/home/pi/.ssh/authorized_keys"])
    pi.run(["sh", "-c", "userdel -r otto 2>/dev/null; sed -i '1s/^/command=\"date\" /' /home/pi/.ssh/authorized_keys"])
    assert "by a key" in wrong({"password_login": False}), "a key for one command is no way in"
    assert not [path for path in pi.listing("/etc/ssh") if "pi-installer" in path]


# firewall -------------------------------------------------------------------------------------------------------------


def kernel_rules(machine: Machine) -> list[str]:
    """The packet rules that do something: without counters, and without the empty chains of ufw, which stay in the
    kernel until the next boot, and the ways into them."""
    said = machine.run(["sh", "-c", "iptables -S; ip6tables -S"], check=False).stdout.splitlines()
    return sorted(line for line in said if "ufw-" not in line)


FIREWALL: dict[str, Any] = {
    "enabled": True,
    "incoming": "deny",
    "outgoing": "allow",
    "rules": {
        "web": {"action": "allow", "protocol": "tcp", "port": "80,443"},
        "dns": {"action": "allow", "port": "53", "source": "10.0.0.0/8", "comment": "names; for us"},
        "six": {"action": "deny", "source": "fd00::/8", "place": "first"},
        "mail": {"action": "reject", "direction": "out", "protocol": "tcp", "port": "25"},
    },
}


def listen(machine: Machine, port: int) -> subprocess.Popen[bytes]:
    code = f"import socket; s = socket.create_server(('', {port})); [s.accept() for _ in range(9)]"
    started = machine.start_process(["/opt/pi-installer-tui/current/bin/python", "-c", code])
    until(lambda: f":{port} " in says(machine, "ss", "-Hltn"))
    return started


def reaches(machine: Machine, port: int) -> bool:
    try:
        socket.create_connection((machine.addr, port), timeout=2).close()
    except OSError:
        return False
    return True


@pytest.mark.long
def test_the_firewall_keeps_ssh_open_and_goes_as_it_came(pi: Machine) -> None:
    before, rules = Before(pi), kernel_rules(pi)
    open_port, closed_port = listen(pi, 443), listen(pi, 8080)
    try:
        assert reaches(pi, 443) and reaches(pi, 8080)
        change = Change(pi, {"firewall": FIREWALL}, "--within", "300")
        change.wait_for("asking", seconds=240)
        assert pi.run(["pi-installer-tui", "confirm", change.job], check=False).status == 1
        assert pi.ssh(["sudo", "pi-installer-tui", "confirm", change.job]).ok, "a new connection gets through"
        until(lambda: change.status() == "done")
        assert change.line.wait(30) == 0, "the first connection lives on to the end"
        assert reaches(pi, 443) and not reaches(pi, 8080)
        assert "-P INPUT DROP" in says(pi, "iptables", "-S")
        assert "22/tcp" in says(pi, "ufw", "status")
        assert not changes(pi, {"firewall": FIREWALL})
        pi.write("/root/exported.yaml", tui(pi, "export", "security").stdout)
        assert json.loads(tui(pi, "plan", "/root/exported.yaml", "--json").stdout)["changed"] is False

        undo(pi, change.job)
        assert reaches(pi, 8080)
    finally:
        for process in (open_port, closed_port):
            process.kill()
    before.assert_as_before()
    assert kernel_rules(pi) == rules


@pytest.mark.long
def test_a_rule_that_shuts_somebody_out_goes_back_by_itself(pi: Machine) -> None:
    tui(pi, "apply", "-", "--yes", "--confirm", "none", setup=setup_of({"firewall": FIREWALL}))
    before, rules = Before(pi), says(pi, "iptables-save", "-t", "filter").count("ufw-user-input")
    other = str(pi.network.subnet[250])
    run_on_host("ip", "addr", "add", f"{other}/{pi.network.subnet.prefixlen}", "dev", pi.network.name)

    def from_there() -> bool:
        command = pi.ssh_command(["true"])
        return subprocess.run([command[0], "-b", other, *command[1:]], check=False, capture_output=True).returncode == 0

    assert from_there()
    wrong = {"firewall": {"rules": {"wrong": {"action": "deny", "source": other, "place": "first"}}}}
    change = Change(pi, wrong, "--within", "15")
    change.wait_for("asking")
    change.line.kill()
    assert not from_there()
    change.wait_for("reverted")
    until(from_there)
    before.assert_as_before()
    assert says(pi, "iptables-save", "-t", "filter").count("ufw-user-input") == rules
    assert says(pi, "ufw", "status").startswith("Status: active")


@pytest.mark.long
def test_a_rule_against_ones_own_connection_is_refused(pi: Machine) -> None:
    for rule in ({"action": "deny", "port": "22"}, {"action": "reject", "source": pi.network.gateway}):
        setup = setup_of({"firewall": {"enabled": True, "rules": {"wrong": {**rule, "place": "first"}}}})
        asked = pi.ssh(["sudo", "pi-installer-tui", "plan", "-", "--json"], stdin=setup, check=False)
        assert asked.status == 3 and "would shut out SSH" in asked.stdout, asked


@pytest.mark.long
def test_off_is_off_in_every_language_and_no_permission_is_unknown(pi: Machine) -> None:
    tui(pi, "apply", "-", "--yes", "--confirm", "none", setup=setup_of({"firewall": {"enabled": True}}))

    def firewall(user: str = "root") -> Any:
        env = {"LANGUAGE": "de", "LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8"}
        said = pi.run(["pi-installer-tui", "status", "security", "--json"], user=user, env=env)
        return json.loads(said.stdout)["modules"]["security"]["firewall"]["enabled"]["effective"]

    assert firewall() is True
    pi.run(["ufw", "--force", "disable"])
    assert firewall() is False
    assert "unknown" in firewall("pi")


def some_rules(count: int) -> dict[str, dict[str, Any]]:
    """Seeded rules that the settings take, no two about the same packets."""
    dice = random.Random(20261124)
    rules: dict[str, dict[str, Any]] = {}
    seen: set[Rule] = set()

    def ports() -> str:
        low = dice.randint(1000, 60000)
        several = [str(low), f"{low}:{low + 9}", f"{low},{low - 5},{low + 20}:{low + 30}"]
        return dice.choice(several if "protocol" in rule else several[:1])

    while len(rules) < count:
        rule: dict[str, Any] = {"action": dice.choice(["allow", "deny", "reject", "limit"])}
        if dice.random() < 0.6:
            rule["direction"] = dice.choice(["in", "out", "route"])
        if dice.random() < 0.7:
            rule["protocol"] = dice.choice(["tcp", "udp", "tcp", "udp", "esp", "gre", "ah", "igmp"])
        if dice.random() < 0.7 and rule.get("protocol") in (None, "tcp", "udp"):
            rule["port"] = ports()
        elif "protocol" not in rule and dice.random() < 0.3:
            rule["application"] = "OpenSSH"
        if dice.random() < 0.3 and rule.get("protocol") in (None, "tcp", "udp") and "application" not in rule:
            rule["source_port"] = ports()
        if dice.random() < 0.5:
            rule["source"] = dice.choice([f"10.{dice.randint(0, 255)}.0.0/16", f"192.0.2.{dice.randint(1, 254)}"])
        elif dice.random() < 0.2:
            rule["source"] = dice.choice([f"2001:db8:{dice.randint(1, 9999):x}::/48", "::ffff:192.0.2.1"])
        if dice.random() < 0.2:
            rule["destination"] = "2001:db8::1" if ":" in rule.get("source", "") else "198.51.100.0/25"
        if dice.random() < 0.3:
            rule["interface"] = dice.choice(["eth0", "wg0", "wlan0.7", "out", "log"])
        if dice.random() < 0.3 and rule.get("direction") == "route":
            rule["out_interface"] = dice.choice(["eth0", "wg0", "in"])
        if dice.random() < 0.3:
            rule["log"] = dice.choice(["log", "log-all"])
        if dice.random() < 0.3:
            words = ["a b", "x; id", "web (80)", "a/b+c", "in", "log", "comment", "come in on eth0", "delete", "$(id)"]
            rule["comment"] = dice.choice(words)
        try:
            about = rule_of("r", RuleSettings.model_validate(rule)).about
        except ValidationError:
            continue
        if about not in seen:
            seen.add(about)
            rules[f"r{len(rules)}"] = rule
    return rules


#: ufw's own parser, in ufw's own process: what it makes of each list of arguments
UFW = """
import gettext, json, sys
gettext.install("ufw")
from ufw.frontend import parse_command
for argv in json.load(sys.stdin):
    made = parse_command(argv).data
    rule = made["rule"]
    rule.set_v6(made["iptype"] == "v6")
    rule.normalize()
    print(json.dumps([rule.action, "route" if rule.forward else rule.direction, rule.protocol, rule.dport, rule.dapp,
        rule.src, rule.sport, rule.dst, rule.interface_in, rule.interface_out, rule.logtype, rule.get_comment(),
        made["iptype"]]))
"""


def assert_understood(machine: Machine, settings: dict[str, dict[str, Any]]) -> None:
    """ufw's parser reads out of our arguments what was meant."""
    rules = [rule_of(name, RuleSettings.model_validate(rule)) for name, rule in settings.items()]
    argvs = json.dumps([Edit("", rule).argv for rule in rules])
    said = machine.run(["python3", "-c", UFW], stdin=argvs).stdout.splitlines()
    assert len(said) == len(rules)
    for line, rule in zip(said, rules, strict=True):
        anywhere = "::/0" if not rule.v4 else "0.0.0.0/0"
        ways = [rule.interface, rule.out_interface]
        if rule.direction == "out":
            ways = ["", rule.interface]
        port = rule.application or rule.port or "any"
        meant = [
            rule.action,
            rule.direction,
            rule.protocol or "any",
            port,
            rule.application,
            rule.source or "0.0.0.0/0",
        ]
        meant += [rule.source_port or "any", rule.destination or "0.0.0.0/0", *ways, rule.log, rule.comment]
        version = "both" if rule.v4 and rule.v6 else "v4" if rule.v4 else "v6"
        assert [anywhere if each == "0.0.0.0/0" and not rule.v4 else each for each in json.loads(line)] == [
            *(anywhere if each == "0.0.0.0/0" else each for each in meant),
            version,
        ], (line, rule)


@pytest.mark.long
def test_every_rule_is_kept_as_it_was_meant(pi: Machine) -> None:
    """A seeded fuzz of the fields: what the settings take is what ufw understands and keeps, and nothing else."""
    setup = setup_of({"firewall": {"rules": some_rules(60)}})
    before = Before(pi)
    tui(pi, "apply", "-", "--yes", "--confirm", "none", setup=setup)
    job = newest_job(pi)
    said = json.loads(tui(pi, "plan", "-", "--json", setup=setup).stdout)
    assert said["changed"] is False, said
    pi.write("/root/exported.yaml", tui(pi, "export", "security").stdout)
    assert pi.read("/root/exported.yaml").decode().count("action:") == 60
    assert tui(pi, "plan", "/root/exported.yaml").status == 0
    assert_understood(pi, some_rules(2000))
    undo(pi, job)
    before.assert_as_before()


ORDERED: dict[str, dict[str, Any]] = {
    "a": {"action": "allow", "protocol": "tcp", "port": "1001"},
    "b": {"action": "deny", "port": "1002", "source": "192.0.2.0/24"},
    "c": {"action": "deny", "port": "1003", "source": "2001:db8::/32", "log": "log"},
    "d": {"action": "allow", "direction": "route", "interface": "eth0", "out_interface": "wg0"},
}
PLACED: dict[str, dict[str, Any]] = {
    "e": {"action": "allow", "port": "1005", "before": "b"},
    "f": {"action": "deny", "port": "1006", "after": "a"},
    "g": {"action": "reject", "port": "1007", "source": "2001:db8:1::/48", "before": "c"},
    "h": {"action": "allow", "direction": "route", "port": "1008", "number": 2},
    "i": {"action": "deny", "port": "1009", "source": "192.0.2.9", "after": "e"},
}


@pytest.mark.long
def test_a_rule_stands_where_it_was_put_and_an_exclusive_table_leaves_only_ssh(pi: Machine) -> None:
    def names(path: str) -> list[str]:
        found = re.findall(r"### tuple ### .* comment=([0-9a-f]+)", pi.read(path).decode())
        return [bytes.fromhex(each).decode() for each in found]

    def apply(rules: dict[str, dict[str, Any]], **more: Any) -> None:
        setup = setup_of({"firewall": {"enabled": True, "rules": rules, **more}})
        tui(pi, "apply", "-", "--yes", "--confirm", "none", setup=setup)
        assert json.loads(tui(pi, "plan", "-", "--json", setup=setup).stdout)["changed"] is False

    apply(ORDERED)
    assert names("/etc/ufw/user.rules") == ["a", "b", "d", "SSH"]
    assert names("/etc/ufw/user6.rules") == ["a", "c", "d", "SSH"]
    apply(PLACED)
    assert names("/etc/ufw/user.rules") == ["a", "h", "f", "e", "i", "b", "d", "SSH"]
    assert names("/etc/ufw/user6.rules") == ["a", "g", "c", "d", "SSH", "h", "f", "e"]
    apply({"a": {**ORDERED["a"], "after": "SSH"}, "b": {**ORDERED["b"], "before": "f"}})
    assert names("/etc/ufw/user.rules") == ["h", "b", "f", "e", "i", "d", "SSH", "a"]
    assert "1002" in says(pi, "iptables", "-S", "ufw-user-input"), "the kernel has it too"
    apply({"b": ORDERED["b"], "d": ORDERED["d"]}, exclusive=True)
    assert names("/etc/ufw/user.rules") == ["b", "d", "SSH"]
    assert names("/etc/ufw/user6.rules") == ["d", "SSH"]
    apply({"ssh": {"action": "limit", "protocol": "tcp", "port": "22", "source": pi.network.gateway}}, exclusive=True)
    assert "ssh" in names("/etc/ufw/user.rules") and "SSH" in names("/etc/ufw/user.rules"), "who asks isn't known here"


# all of it ------------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_the_profile_internet_from_a_fresh_machine_and_back(pi: Machine) -> None:
    before, rules = Before(pi), kernel_rules(pi)
    change = Change(pi, {"profile": "internet"}, "--within", "600")
    change.wait_for("asking", seconds=400)
    assert pi.run(["pi-installer-tui", "confirm", change.job], check=False).status == 1
    assert pi.ssh(["sudo", "pi-installer-tui", "confirm", change.job]).ok
    until(lambda: change.status() not in ("running", "waiting"), 90)
    shown = tui(pi, "jobs", "show", change.job).stdout
    assert change.status() == "done", shown
    assert pi.ssh(["sudo", "id", "-u"]).stdout.strip() == "0"
    assert sshd(pi, "PasswordAuthentication", "pi") == "no"
    assert "-P INPUT DROP" in says(pi, "iptables", "-S")
    jail = says(pi, "fail2ban-client", "get", "sshd", "ignoreip")
    assert str(pi.network.subnet) in jail, "its own network is never banned"
    assert "Journal matches" in says(pi, "fail2ban-client", "status", "sshd"), "fed from the journal"
    dump = says(pi, "apt-config", "dump").splitlines()
    assert 'APT::Periodic::Unattended-Upgrade "1";' in dump
    assert 'Unattended-Upgrade::Automatic-Reboot-Time "04:00";' in dump
    assert "kernel.kptr_restrict = 2" in pi.read("/etc/sysctl.d/99-zz-pi-installer-tui.conf").decode()
    assert not changes(pi, {"profile": "internet"})
    pi.write("/root/exported.yaml", tui(pi, "export", "security").stdout)
    assert json.loads(tui(pi, "plan", "/root/exported.yaml", "--json").stdout)["changed"] is False

    undo(pi, change.job)
    left = pi.listing("/etc")
    changed = {path for path in {*left, *before.etc} if left.get(path) != before.etc.get(path)}
    own = re.compile(r"/etc/(.*fail2ban.*|monit(/monitrc\.d)?)")  # what fail2ban leaves, where it is removed
    assert not [path for path in changed if not LEFT_OUT.fullmatch(path) and not own.fullmatch(path)], changed
    assert not [path for path in changed if "pi-installer" in path], "fail2ban's own files stay, for it made data"
    assert kernel_rules(pi) == rules
    assert pi.ssh(["true"]).ok
