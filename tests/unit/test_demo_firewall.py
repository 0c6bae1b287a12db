"""The demo machine's firewall: ufw and iptables say there what they say on a Debian 13 (recorded), and the program
reads back what it has asked for."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from pi_installer_tui.modules.security import ufw
from pi_installer_tui.modules.security.audit.netfilter import ruleset
from pi_installer_tui.modules.security.plans.rules import Edit, line_of, rule_of
from pi_installer_tui.modules.security.settings import RuleSettings
from pi_installer_tui.modules.security.ufw import Rule
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.reading import Known, Unknown, known

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture
async def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    made = DemoHost.create(str(tmp_path / "demo"))
    await made.run(["apt-get", "install", "-y", "ufw"], check=True)
    return made


@pytest.mark.parametrize(("recording", "count"), [("ufw.txt", 39), ("ufw-places.txt", 29)])
async def test_each_command_says_what_the_real_one_says(host: DemoHost, recording: str, count: int) -> None:
    parts = (RECORDED / recording).read_text("utf-8").removeprefix("$ ").split("\n$ ")
    assert len(parts) == count
    for part in parts:
        command, _, expected = part.partition("\n")
        done = await host.run(shlex.split(command))
        assert (done.stdout + done.stderr).rstrip("\n") == expected.rstrip("\n"), command


RULES = {
    "port": {"port": "53"},
    "web": {"protocol": "tcp", "port": "80,443", "place": "first"},
    "range": {"protocol": "udp", "port": "6000:6010", "source": "10.0.0.0/8", "action": "deny", "log": "log"},
    "six": {"port": "53", "source": "fd00::/64", "action": "reject"},
    "there": {"destination": "10.0.0.1", "interface": "eth0", "action": "limit", "log": "log-all"},
    "from": {"protocol": "tcp", "source_port": "68"},
    "esp": {"protocol": "esp"},
    "igmp": {"protocol": "igmp", "direction": "out"},
    "out": {"direction": "out", "interface": "wlan0", "action": "deny"},
    "way": {"direction": "route", "interface": "eth0", "out_interface": "wg0"},
    "back": {"direction": "route", "out_interface": "eth0", "action": "reject", "port": "25"},
    "profile": {"application": "WWW Full", "comment": "the web server"},
    "profiles": {"application": "CIFS", "action": "deny"},
}


def rule(name: str) -> Rule:
    return rule_of(name, RuleSettings.model_validate({"action": "allow", **RULES[name]}))


async def rules(host: DemoHost) -> list[Rule]:
    """As the program reads them. A profile with several ports has a rule for each."""
    found = known((await ufw.read(host)).rules)
    return [] if found is None else list(dict.fromkeys(found))


@pytest.mark.parametrize("name", RULES)
async def test_a_rule_is_read_back_and_taken_away(host: DemoHost, name: str) -> None:
    await host.run(["ufw", "--force", "enable"], check=True)
    wanted = rule(name)
    await host.run(Edit(name, wanted, place="prepend").argv, check=True)
    found = await ufw.read(host)
    assert await rules(host) == [wanted] and found.in_kernel == Known(True)
    if not wanted.application:
        for path, six, there in ((ufw.RULES, False, wanted.v4), (ufw.RULES6, True, wanted.v6)):
            assert (line_of(wanted, six=six) in (await host.text(path) or "").splitlines()) is there
    await host.run(Edit(name, wanted, delete=True).argv, check=True)
    assert await rules(host) == []


async def test_it_is_off_then_on_then_off_and_keeps_its_policies(host: DemoHost) -> None:
    for verb, on in (("disable", False), ("enable", True), ("disable", False)):
        await host.run(["ufw", "--force", verb], check=True)
        await host.run(["ufw", "default", "reject", "incoming"], check=True)
        found = await ufw.read(host)
        assert known(found.enabled.configured) is on and found.enabled.effective == Known(on)
        assert {name: known(value.effective) for name, value in found.policies.items()} == {
            "incoming": "reject",
            "outgoing": "allow",
            "routed": "deny",
        }


async def test_the_audit_reads_it_from_the_kernel(host: DemoHost) -> None:
    await host.run(Edit("ssh", Rule("allow", protocol="tcp", port="22", comment="SSH")).argv, check=True)
    for verb, others in (("enable", "closed"), ("disable", "open")):
        await host.run(["ufw", "--force", verb], check=True)
        rules = await ruleset.read(host)
        for version in (4, 6):
            assert ruleset.passage(rules, version, "tcp", 22) == "open"
            assert ruleset.passage(rules, version, "tcp", 8080) == others


async def test_with_the_package_its_files_and_its_rules_go(host: DemoHost) -> None:
    await host.run(["ufw", "--force", "enable"], check=True)
    await host.run(["apt-get", "purge", "-y", "ufw"], check=True)
    assert not (await ufw.read(host)).installed and await host.stat("/etc/ufw") is None
    assert "ufw-user" not in (await host.run(["iptables", "-S"], check=True)).stdout


async def test_what_bans_by_nft_finds_it_once_it_is_installed(host: DemoHost) -> None:
    assert await host.which("nft") == "/usr/sbin/nft"
    said = json.loads((await host.run(["nft", "--json", "list", "ruleset"], check=True)).stdout)
    assert [*said["nftables"][0]] == ["metainfo"]
    await host.run(["ufw", "--force", "enable"], check=True)
    both = (await ruleset.read(host)).tables
    assert all(not isinstance(tables, Unknown) and tables for tables in both.values())
