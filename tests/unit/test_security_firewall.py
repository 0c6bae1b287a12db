"""The plan for the firewall as a table, what the settings take, and profiles. Pure: no machine is needed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pi_installer_tui.modules.security import MODULE, ufw
from pi_installer_tui.modules.security.plans.rules import arguments, line_of, rule_of
from pi_installer_tui.modules.security.profiles import PROFILES, resolved
from pi_installer_tui.modules.security.settings import RuleSettings, SecuritySettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.modules.security.ufw import Rule, Ufw
from pi_installer_tui.system.reading import Known, Unknown, Value, known
from pi_installer_tui.system.seat import Seat
from pi_installer_tui.tasks.plan import OpenPort, Others, Plan
from pi_installer_tui.tasks.steps import InstallPackages, Probation, RunCommand

from .test_security_ssh import state as without_firewall

SSH = Rule("allow", protocol="tcp", port="22", comment="SSH")


def state(*rules: Rule, on: bool = False, incoming: str = "deny", client: str = "", **more: Any) -> State:
    policies = {name: Value(Known(p), Known(p)) for name, p in (("incoming", incoming), ("outgoing", "allow"))}
    enabled = Value(Known(on), Known(on))
    kernel = Known(True) if on else Known(False)
    found = Ufw(
        True,
        enabled,
        policies,
        Known(tuple(rules)),
        kernel if on else Known(True),
        applications={"OpenSSH": ("22/tcp",)},
    )
    seat = Seat("ssh", client, 4711, "10.0.0.2", 22) if client else Seat("unknown")
    return replace(without_firewall(), ufw=replace(found, **more), seat=seat)


def plan(state: State, **firewall: Any) -> Plan:
    return MODULE.plan(state, SecuritySettings.model_validate({"firewall": firewall}), Others())


def commands(made: Plan) -> list[str]:
    return [" ".join(step.argv) for step in made.flat if isinstance(step, RunCommand)]


def mistakes(state: State, **firewall: Any) -> list[str]:
    return [m.place for m in MODULE.validate(state, SecuritySettings.model_validate({"firewall": firewall}))]


KEEP = "ufw allow in proto tcp from any to any port 22 comment SSH"
ON, OFF, RELOAD = "ufw --force enable", "ufw --force disable", "ufw reload"


@pytest.mark.parametrize(
    ("found", "firewall", "argvs"),
    [
        (state(), {"enabled": True}, [KEEP, ON, RELOAD]),
        (state(SSH), {"enabled": True}, [ON, RELOAD]),
        (state(Rule("limit", application="OpenSSH")), {"enabled": True}, [ON, RELOAD]),
        (state(Rule("allow", port="22", source="192.168.1.0/24")), {"enabled": True}, [KEEP, ON, RELOAD]),
        (
            state(Rule("allow", port="22", source="192.168.1.0/24"), client="192.168.1.7"),
            {"enabled": True},
            [ON, RELOAD],
        ),
        (state(incoming="allow"), {"enabled": True}, [ON, RELOAD]),
        (state(incoming="allow", on=True), {"incoming": "deny"}, ["ufw default deny incoming", KEEP, RELOAD]),
        (state(SSH, on=True), {"enabled": True}, []),
        (state(SSH, on=True), {"enabled": False}, [OFF, RELOAD]),
        (state(SSH, on=True, in_kernel=Known(False)), {"enabled": True}, [RELOAD]),
        (
            state(SSH, on=True),
            {"rules": {"web": {"action": "allow", "protocol": "tcp", "port": "443,80", "place": "first"}}},
            ["ufw prepend allow in proto tcp from any to any port 80,443 comment web", RELOAD],
        ),
        (
            state(SSH, Rule("allow", protocol="tcp", port="80", comment="web"), on=True),
            {"rules": {"web": {"action": "allow", "protocol": "tcp", "port": 8080}}},
            [
                "ufw --force delete allow in proto tcp from any to any port 80",
                "ufw allow in proto tcp from any to any port 8080 comment web",
                RELOAD,
            ],
        ),
        (
            state(SSH, Rule("allow", protocol="tcp", port="80", comment="mine"), on=True),
            {"rules": {"web": {"action": "deny", "protocol": "tcp", "port": "80"}}},
            ["ufw deny in proto tcp from any to any port 80 comment web", RELOAD],
        ),
        (
            state(SSH, Rule("allow", protocol="tcp", port="80"), on=True),
            {"rules": {"web": {"action": "allow", "protocol": "tcp", "port": "80"}}},
            [],
        ),
        (
            state(SSH, Rule("allow", protocol="tcp", port="80"), on=True),
            {"rules": {"web": {"action": "allow", "protocol": "tcp", "port": "80", "state": "absent"}}},
            ["ufw --force delete allow in proto tcp from any to any port 80", RELOAD],
        ),
        (
            state(SSH, on=True),
            {"rules": {"web": {"action": "allow", "protocol": "tcp", "port": "80", "state": "absent"}}},
            [],
        ),
    ],
)
def test_only_what_differs_is_changed_and_ssh_stays_open(
    found: State, firewall: dict[str, Any], argvs: list[str]
) -> None:
    made = plan(found, **firewall)
    assert commands(made) == argvs
    assert all(isinstance(step, Probation) and step.login is not None for step in made.steps)


def test_a_firewall_that_is_not_there_is_installed_first_and_only_the_rest_is_on_probation() -> None:
    made = plan(without_firewall(), enabled=True, incoming="deny")
    package, trial = made.steps
    assert isinstance(package, InstallPackages) and isinstance(trial, Probation)
    assert commands(made) == [KEEP, ON, RELOAD]
    assert plan(without_firewall(), enabled=False).empty


def test_what_is_unknown_is_blocked() -> None:
    unknown = Unknown("the kernel tells its packet rules to root only")
    made = plan(state(enabled=Value(Known(False), unknown)), enabled=True)
    assert made.empty and made.blocked[0].why == unknown.reason


@pytest.mark.parametrize(
    ("found", "rule", "wrong"),
    [
        (state(SSH, on=True), {"action": "deny", "port": "22", "place": "first"}, True),
        (state(SSH, on=True), {"action": "deny", "port": "22"}, False),
        (state(SSH, on=True), {"action": "reject", "place": "first"}, True),
        (state(SSH, on=True), {"action": "deny", "application": "OpenSSH", "place": "first"}, True),
        (state(SSH, on=True), {"action": "deny", "protocol": "tcp", "port": "1:100", "place": "first"}, True),
        (state(SSH, on=True), {"action": "deny", "protocol": "udp", "port": "22", "place": "first"}, False),
        (state(SSH, on=True), {"action": "deny", "source": "10.9.0.0/16", "place": "first"}, False),
        (state(SSH, on=True, client="10.9.1.1"), {"action": "deny", "source": "10.9.0.0/16", "place": "first"}, True),
        (state(SSH, on=True, client="10.8.1.1"), {"action": "deny", "source": "10.9.0.0/16", "place": "first"}, False),
        (state(SSH, on=True, client="10.9.1.1"), {"action": "deny", "interface": "eth0", "place": "first"}, True),
        (state(SSH), {"action": "deny", "port": "22", "place": "first"}, False),
        (state(SSH, on=True), {"action": "allow", "application": "Nothing"}, True),
    ],
)
def test_nobody_shuts_himself_out(found: State, rule: dict[str, Any], wrong: bool) -> None:
    assert bool(mistakes(found, rules={"mine": rule})) is wrong


def test_a_machine_as_wanted_needs_nothing() -> None:
    routed = Rule("allow", "route", destination="10.8.0.0/24", interface="eth0", out_interface="wg0")
    logged = Rule("allow", protocol="tcp", port="99", log="log")
    for found in (state(), state(SSH, routed, logged, on=True), state(SSH, on=True, in_kernel=Known(False))):
        assert MODULE.plan(found, MODULE.present(found), Others()).empty


texts = st.text(max_size=12) | st.sampled_from(["22", "80,443", "1:9", "10.0.0.0/8", "fd00::/8", "eth0", "in"])
fields = st.fixed_dictionaries(
    {"action": st.sampled_from(["allow", "deny", "reject", "limit"]) | texts},
    optional={
        "direction": st.sampled_from(["in", "out", "route"]) | texts,
        "protocol": st.sampled_from(["tcp", "udp", "esp"]) | texts,
        "log": st.sampled_from(["log", "log-all"]) | texts,
        **dict.fromkeys(("port", "application", "source", "source_port", "destination", "interface"), texts),
        **dict.fromkeys(("out_interface", "comment", "before", "after"), texts),
    },
)


@given(fields)
@settings(max_examples=2000, deadline=None)
def test_every_rule_is_an_error_or_plain_arguments_that_ufw_reads_back(rule: dict[str, str]) -> None:
    try:
        wanted = rule_of("mine", RuleSettings.model_validate(rule))
    except ValidationError:
        return
    assert not {wanted.comment, wanted.interface, wanted.out_interface, wanted.application} & {"in", "log", "delete"}
    for word in (*arguments(wanted), wanted.comment):
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 .,:;()/_+-]*|_[A-Za-z0-9_.-]*", word), word
    if not wanted.application:
        kept = ufw.parse(line_of(wanted, six=not wanted.v4))
        assert kept is not None and (kept.what, kept.comment) == (wanted.what, wanted.comment)


WEB = Rule("allow", protocol="tcp", port="80", comment="web")
DNS = Rule("deny", port="53", source="10.0.0.0/8", comment="dns", v6=False)
SIX = Rule("deny", port="53", source="fd00::/8", comment="six", v4=False)
FULL = state(SSH, WEB, DNS, SIX, on=True)
DELETE_WEB = "ufw --force delete allow in proto tcp from any to any port 80"
TO_WEB = "in proto tcp from any to any port 80"


@pytest.mark.parametrize(
    ("found", "rules", "argvs"),
    [
        (FULL, {"x": {"action": "deny", "port": "9", "before": "web"}}, ["ufw insert 2 deny in PORT9 comment x"]),
        (FULL, {"x": {"action": "deny", "port": "9", "after": "web"}}, ["ufw insert 3 deny in PORT9 comment x"]),
        (FULL, {"x": {"action": "deny", "port": "9", "after": "dns"}}, ["ufw deny in PORT9 comment x"]),
        (FULL, {"x": {"action": "deny", "port": "9", "after": "SSH"}}, ["ufw insert 2 deny in PORT9 comment x"]),
        (FULL, {"x": {"action": "deny", "port": "9", "number": 1}}, ["ufw insert 1 deny in PORT9 comment x"]),
        (FULL, {"x": {"action": "deny", "port": "9", "number": 99}}, ["ufw deny in PORT9 comment x"]),
        (
            FULL,
            {"x": {"action": "deny", "source": "fd00::1", "before": "six"}},
            ["ufw insert 6 deny in from fd00::1 to any comment x"],
        ),
        (
            FULL,
            {
                "x": {"action": "deny", "port": "9", "before": "y"},
                "y": {"action": "deny", "port": "10", "before": "web"},
            },
            ["ufw insert 2 deny in from any to any port 10 comment y", "ufw insert 2 deny in PORT9 comment x"],
        ),
        (
            FULL,
            {"web": {"action": "allow", "protocol": "tcp", "port": "80", "before": "SSH"}},
            [DELETE_WEB, f"ufw insert 1 allow {TO_WEB} comment web"],
        ),
        (FULL, {"web": {"action": "allow", "protocol": "tcp", "port": "80", "after": "SSH"}}, []),
        (FULL, {"web": {"action": "allow", "protocol": "tcp", "port": "80", "number": 1}}, []),
        (
            FULL,
            {"web": {"action": "deny", "protocol": "tcp", "port": "80", "place": "first"}},
            [f"ufw deny {TO_WEB} comment web"],
        ),
        (
            FULL,
            {"web": {"action": "allow", "protocol": "tcp", "port": "80", "log": "log-all"}},
            ["ufw allow in log-all proto tcp from any to any port 80 comment web"],
        ),
        (
            state(SSH, replace(WEB, comment="new"), on=True),
            {
                "new": {"action": "allow", "protocol": "tcp", "port": "81"},
                "old": {"action": "allow", "protocol": "tcp", "port": "80"},
            },
            ["ufw allow in proto tcp from any to any port 81 comment new"],
        ),
        (
            FULL,
            {"x": {"action": "allow", "direction": "route", "out_interface": "wg0", "source_port": 68}},
            ["ufw route allow out on wg0 from any port 68 to any comment x"],
        ),
        (
            state(SSH, Rule("deny", "route", interface="eth0", log="log", comment="x"), on=True),
            {"x": {"action": "deny", "direction": "route", "interface": "eth0", "state": "absent"}},
            ["ufw --force route delete deny in on eth0 log from any to any"],
        ),
    ],
)
def test_a_rule_goes_to_its_place(found: State, rules: dict[str, Any], argvs: list[str]) -> None:
    made = commands(plan(found, rules=rules))
    wanted = [argv.replace("PORT9", "from any to any port 9") for argv in argvs]
    assert made == [*wanted, *([RELOAD] if wanted else [])]


@pytest.mark.parametrize(
    ("found", "rules", "gone", "stays"),
    [
        (FULL, {}, ["web", "dns", "six"], True),
        (FULL, {"web": {"action": "allow", "protocol": "tcp", "port": "80"}}, ["dns", "six"], True),
        (FULL, {"ssh": {"action": "limit", "protocol": "tcp", "port": "22"}}, ["web", "dns", "six"], False),
        (FULL, {"in-22": {"action": "allow", "application": "OpenSSH"}}, ["SSH", "web", "dns", "six"], False),
        (FULL, {"lan": {"action": "allow", "port": "22", "source": "10.0.0.0/8"}}, ["web", "dns", "six"], True),
        (
            replace(FULL, seat=Seat("ssh", "10.1.1.1", 4711, "10.0.0.2", 22)),
            {"lan": {"action": "allow", "port": "22", "source": "10.0.0.0/8"}},
            ["SSH", "web", "dns", "six"],
            False,
        ),
        (state(SSH, WEB, on=True, incoming="allow"), {}, ["SSH", "web"], False),
        (state(SSH, WEB), {}, ["web"], True),
        (state(replace(SSH, source="10.0.0.0/8", v6=False), WEB, on=True), {}, ["web"], True),
        (state(SSH, on=True), {}, [], False),
    ],
)
def test_an_exclusive_table_takes_the_others_away_but_never_what_keeps_ssh_open(
    found: State, rules: dict[str, Any], gone: list[str], stays: bool
) -> None:
    made = plan(found, rules=rules, exclusive=True)
    there = {rule.comment: rule for rule in known(found.ufw.rules) or ()}
    deleted = [" ".join(("ufw", "--force", "delete", *arguments(there[name]))) for name in gone]
    assert [argv for argv in commands(made) if "delete" in argv] == deleted
    assert any("keeps SSH open:" in notice.text for notice in made.notices) is stays


@pytest.mark.parametrize(
    ("firewall", "why"),
    [
        ({"exclusive": True}, "exclusive"),
        ({"rules": {"a": {"before": "b", "port": "1"}, "b": {"after": "a", "port": "2"}}}, "name each other"),
        ({"rules": {"a": {"before": "a"}}}, "name each other"),
        ({"rules": {"a": {"before": "b", "number": 1}}}, "exclude each other"),
        ({"rules": {"a": {"out_interface": "eth0"}}}, "route"),
        ({"rules": {"a": {"source_port": "1,2"}}}, "protocol"),
        ({"rules": {"a": {"source_port": "1", "application": "OpenSSH"}}}, "application"),
        ({"rules": {"a": {"direction": "route", "comment": "from in to"}}}, "in and out"),
        ({"rules": {"in": {}}}, "word of ufw"),
        ({"rules": {"a": {"comment": "log"}}}, "word of ufw"),
        ({"rules": {"a": {"protocol": "igmp", "source": "fd00::1"}}}, "IPv4"),
    ],
)
def test_what_ufw_could_take_for_something_else_is_a_mistake(firewall: dict[str, Any], why: str) -> None:
    for rule in firewall.get("rules", {}).values():
        rule.setdefault("action", "allow")
    with pytest.raises(ValidationError, match=why):
        SecuritySettings.model_validate({"firewall": firewall})


def test_a_rule_that_nothing_is_known_of_is_no_place() -> None:
    rule = {"action": "allow", "port": "9", "before": "nobody"}
    assert mistakes(FULL, rules={"x": rule}) == ["security.firewall.rules.x.before"]
    assert mistakes(FULL, rules={"x": {**rule, "before": "dns"}}) == []
    several = Rule("allow", application="Samba")
    made = plan(state(SSH, several, several, WEB, on=True), rules={"x": {**rule, "before": "web"}})
    assert made.empty and "several protocols" in made.blocked[0].why


def test_a_source_port_shuts_out_only_whom_it_is_about() -> None:
    rule = {"action": "deny", "protocol": "tcp", "place": "first"}
    assert mistakes(state(SSH, on=True), rules={"x": {**rule, "source_port": "40000"}})
    assert not mistakes(state(SSH, on=True), rules={"x": {**rule, "source_port": "53"}})


def test_two_rules_about_the_same_packets_are_a_mistake() -> None:
    rules = {"one": {"action": "allow", "port": "80"}, "two": {"action": "deny", "port": "80", "direction": "in"}}
    with pytest.raises(ValidationError, match="one and two"):
        SecuritySettings.model_validate({"firewall": {"rules": rules}})


# profiles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_settings_and_single_ones_outrank_it(name: str) -> None:
    assert resolved(SecuritySettings.model_validate(PROFILES[name])) == SecuritySettings.model_validate(PROFILES[name])
    whole = resolved(SecuritySettings.model_validate({"profile": name}))
    assert whole == SecuritySettings.model_validate(PROFILES[name])
    own = resolved(SecuritySettings.model_validate({"profile": name, "ssh": {"root_login": "yes"}}))
    assert own.ssh is not None and whole.ssh is not None
    assert own.ssh.root_login == "yes" and own.ssh.algorithms == whole.ssh.algorithms
    assert own.firewall == whole.firewall


NEEDS = (
    OpenPort("vpn-wg0", "vpn.tunnels.wg0", protocol="udp", port=51820),
    OpenPort("vpn-wg0-out", "vpn.tunnels.wg0", interface="wg0", passed_on=True),
)
GRANTED = [
    "ufw allow in proto udp from any to any port 51820 comment vpn-wg0",
    "ufw route allow in on wg0 from any to any comment vpn-wg0-out",
]
PORT = Rule("allow", protocol="udp", port="51820", comment="vpn-wg0")
OUT = Rule("allow", direction="route", interface="wg0", comment="vpn-wg0-out")


def granted(found: State, *needs: OpenPort, **security: Any) -> Plan:
    settings = SecuritySettings.model_validate(security)
    return MODULE.plan(found, settings, Others(open_ports=needs))


def test_what_another_module_needs_is_granted_while_the_firewall_filters() -> None:
    made = granted(state(SSH, on=True), *NEEDS)
    assert commands(made) == [*GRANTED, RELOAD]
    assert {step.setting for step in made.steps} == {"vpn.tunnels.wg0"}
    assert not made.trials, "it keeps nobody out"
    assert commands(granted(state(SSH), *NEEDS)) == []
    assert commands(granted(state(SSH, PORT, OUT, on=True), *NEEDS)) == []
    assert not granted(state(SSH, PORT, OUT, on=True), *NEEDS).blocked


def test_what_is_not_needed_any_more_goes_and_what_a_person_made_stays() -> None:
    gone = [replace(need, on=False) for need in NEEDS]
    assert commands(granted(state(SSH, PORT, OUT, on=True), *gone)) == [
        "ufw --force delete allow in proto udp from any to any port 51820",
        "ufw --force route delete allow in on wg0 from any to any",
        RELOAD,
    ]
    theirs = replace(PORT, comment="mine")
    assert commands(granted(state(SSH, theirs, on=True), *NEEDS)) == [GRANTED[1], RELOAD]
    assert commands(granted(state(SSH, theirs, on=True), *gone)) == []


def test_a_rule_that_serves_two_needs_stays_while_one_of_them_is_there() -> None:
    """A port that changes on probation: the old one stays open beside the new one, until a later change."""
    new, old = replace(NEEDS[0], port=51821), replace(NEEDS[0], name="vpn-wg0-before")
    added = "ufw allow in proto udp from any to any port 51821 comment vpn-wg0"
    assert commands(granted(state(SSH, PORT, on=True), new, old)) == [added, RELOAD]
    both = state(SSH, PORT, replace(PORT, port="51821"), on=True)
    assert commands(granted(both, new, old)) == []
    assert commands(granted(both, new)) == ["ufw --force delete allow in proto udp from any to any port 51820", RELOAD]


def test_needs_are_among_the_rules_of_a_firewall_that_comes() -> None:
    made = granted(state(SSH), *NEEDS, firewall={"enabled": True})
    assert commands(made) == [*GRANTED, ON, RELOAD] and made.trials
    exclusive = {"enabled": True, "rules": {}, "exclusive": True}
    assert commands(granted(state(SSH, PORT, OUT, on=True), *NEEDS, firewall=exclusive)) == []
    other = replace(NEEDS[0], port=51821)
    assert commands(granted(state(SSH, PORT, on=True), other)) == [
        "ufw --force delete allow in proto udp from any to any port 51820",
        "ufw allow in proto udp from any to any port 51821 comment vpn-wg0",
        RELOAD,
    ]
