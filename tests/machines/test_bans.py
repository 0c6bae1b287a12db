"""Bans, the audit log and single settings of the kernel on real machines: set up, proven, used and taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .machine import Machine
from .program import Before, newest_job, says, tui, undo, until

ADDRESS, OTHER = "203.0.113.77", "203.0.113.88"
SECURITY: dict[str, Any] = {
    "bans": {
        "enabled": True,
        "tries": 4,
        "ban_time": 3600,
        "jails": {"nginx-botsearch": {"enabled": False}, "recidive": {"enabled": True}, "dovecot": {"tries": 2}},
    },
    "kernel": {"values": {"net.ipv4.tcp_rmem": "4096 65536 4194304", "net.ipv4.conf.all.log_martians": 1}},
    "audit_log": {"enabled": True, "rules": "baseline"},
}
SETUP = json.dumps({"version": 1, "security": SECURITY})


def fail2ban(machine: Machine) -> Any:
    return json.loads(tui(machine, "status", "security", "--json").stdout)["modules"]["security"]["fail2ban"]


def changed(machine: Machine, setup: str) -> Any:
    return json.loads(tui(machine, "plan", "-", "--json", setup=setup).stdout)["changed"]


@pytest.mark.long
def test_bans_rules_and_settings_are_set_up_proven_used_and_taken_back(installed: Machine) -> None:
    installed.run(["apt-get", "update", "-qq"])
    installed.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "nginx"])
    before, martians = Before(installed), says(installed, "sysctl", "-n", "net.ipv4.conf.all.log_martians")
    done = json.loads(tui(installed, "apply", "-", "--yes", "--json", "--confirm", "none", setup=SETUP).stdout)
    assert done["outcome"] == "done" and {check["status"] for check in done["checks"]} == {"ok"}, done
    job = done["job"]

    jails = says(installed, "fail2ban-client", "status").rpartition("\t")[2].split(", ")
    assert sorted(jails) == ["nginx-http-auth", "recidive", "sshd"], "dovecot isn't here"
    assert says(installed, "fail2ban-client", "get", "sshd", "maxretry") == "4"
    for jail in jails:
        assert str(installed.network.subnet) in says(installed, "fail2ban-client", "get", jail, "ignoreip")
    assert "tcp_rmem = 4096 65536 4194304" in installed.read("/etc/sysctl.d/99-zz-pi-installer-tui.conf").decode()
    assert says(installed, "sysctl", "-n", "net.ipv4.conf.all.log_martians") == "1"
    merged = installed.read("/etc/audit/audit.rules").decode()
    assert "-w /etc/shadow -p wa -k identity" in merged and "-D" in merged
    assert not changed(installed, SETUP)
    assert not changed(installed, tui(installed, "export", "security").stdout)

    who_keeps_failing_is_banned(installed)
    lift_a_ban(installed)

    tui(installed, "undo", job, "--yes", "--delete-data")
    before.assert_as_before()
    assert says(installed, "sysctl", "-n", "net.ipv4.conf.all.log_martians") == martians


def who_keeps_failing_is_banned(machine: Machine) -> None:
    """By the jail of a log, four times in what nginx writes of a wrong password; never somebody of the own network."""
    line = (
        '%s [error] 1#1: *1 user "root": password mismatch, client: %s, server: _, request: "GET / HTTP/1.1", host: "x"'
    )
    now = says(machine, "date", "+%Y/%m/%d %H:%M:%S")
    lines = [line % (now, client) for client in (OTHER, machine.network.gateway) for _try in range(5)]
    machine.run(["tee", "-a", "/var/log/nginx/error.log"], stdin="\n".join(lines) + "\n")
    until(lambda: fail2ban(machine)["banned"]["nginx-http-auth"] == [OTHER])
    assert says(machine, "fail2ban-client", "get", "nginx-http-auth", "banned", machine.network.gateway) == "0"
    tui(machine, "act", "security", "unban", f"address={OTHER}", "jail=nginx-http-auth", "--yes")


def lift_a_ban(machine: Machine) -> None:
    """An address is banned, seen with its times, let in, and banned again by the undo."""
    machine.run(["fail2ban-client", "set", "sshd", "banip", ADDRESS])
    until(lambda: fail2ban(machine)["banned"]["sshd"] == [ADDRESS])  # its own threads do it later
    (ban,) = fail2ban(machine)["bans"]
    assert (ban["jail"], ban["address"]) == ("sshd", ADDRESS)
    assert ban["until"] - ban["since"] == 3600 and abs(ban["since"] - float(says(machine, "date", "+%s"))) < 60
    blocked = ["sh", "-c", "iptables -S; nft list ruleset 2>/dev/null"]
    until(lambda: ADDRESS in machine.run(blocked, check=False).stdout)

    tui(machine, "act", "security", "unban", f"address={ADDRESS}", "--yes")
    lifted = newest_job(machine)
    assert fail2ban(machine)["bans"] == []
    assert ADDRESS not in machine.run(blocked, check=False).stdout, "its packets get through"
    assert "everything is as wanted" in tui(machine, "act", "security", "unban", f"address={ADDRESS}", "--yes").stdout
    undo(machine, lifted)
    until(lambda: fail2ban(machine)["banned"]["sshd"] == [ADDRESS])
