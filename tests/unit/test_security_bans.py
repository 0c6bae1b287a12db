"""Bans: which jails there will be, who is banned, and a ban that is lifted. Pure, or with recorded output."""

from __future__ import annotations

import configparser
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pi_installer_tui import planning
from pi_installer_tui.modules.security import MODULE, fail2ban
from pi_installer_tui.modules.security.actions import Unban
from pi_installer_tui.modules.security.fail2ban import FILTERS, OWN, Ban, Fail2ban, Jail
from pi_installer_tui.modules.security.settings import SecuritySettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.host import Completed
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown, Value
from pi_installer_tui.tasks.plan import Others, Plan
from pi_installer_tui.tasks.steps import InstallPackages, RunCommand, WriteFile
from tests.unit.test_security_ssh import state

ON: Value[bool] = Value(Known(True), Known(True))
NGINX: dict[str, Any] = {"services": frozenset({"nginx.service"}), "logs": frozenset({"/var/log/nginx/*error.log"})}


def machine(jails: Reading[tuple[Jail, ...]] = MISSING, **more: Any) -> State:
    found = {"installed": True, "enabled": ON, "jails": jails, "networks": ("192.168.1.0/24",), **more}
    return replace(state(), fail2ban=Fail2ban(**found))


def plan(of: State, **bans: Any) -> Plan:
    return MODULE.plan(of, SecuritySettings.model_validate({"bans": {"enabled": True, **bans}}), Others())


def written(made: Plan) -> configparser.RawConfigParser:
    """Our file as fail2ban reads it."""
    (file,) = [step for step in made.steps if isinstance(step, WriteFile)]
    assert file.path == OWN
    parser = configparser.RawConfigParser(default_section="")
    parser.read_string(file.content)
    return parser


def test_every_service_that_is_here_gets_its_jail_and_no_other() -> None:
    assert written(plan(machine())).sections() == ["sshd"]
    assert written(plan(machine(**NGINX))).sections() == ["sshd", "nginx-http-auth", "nginx-botsearch"]
    mail = machine(services=frozenset({"postfix.service", "dovecot.service"}))
    parser = written(plan(mail))
    assert parser.sections() == ["sshd", "postfix", "dovecot"]
    assert parser["postfix"]["backend"] == "systemd" and "postfix@-.service" in parser["postfix"]["journalmatch"]


def test_a_service_whose_log_is_not_there_gets_none_for_fail2ban_would_not_start() -> None:
    assert written(plan(machine(services=NGINX["services"]))).sections() == ["sshd"]
    made = plan(machine(services=NGINX["services"]), jails={"nginx-http-auth": {"enabled": True}})
    assert [(b.setting, "error.log" in b.why) for b in made.blocked] == [("security.bans.jails.nginx-http-auth", True)]
    assert written(made).sections() == ["sshd"], "the others are set up all the same"


def test_a_jail_that_is_asked_for_where_its_service_is_not_is_named() -> None:
    made = plan(machine(), jails={"vsftpd": {"enabled": True}, "dovecot": {"tries": 3}})
    assert [b.setting for b in made.blocked] == ["security.bans.jails.vsftpd"]


def test_the_own_networks_are_never_banned_by_any_jail() -> None:
    parser = written(plan(machine(**NGINX), never=["203.0.113.9"]))
    for section in parser.sections():
        never = parser[section]["ignoreip"].split()
        assert {"127.0.0.0/8", "::1", "192.168.1.0/24", "203.0.113.9"} <= set(never), section


def test_a_jail_outranks_what_is_said_of_all_and_keeps_what_the_package_tuned() -> None:
    apache = machine(services=frozenset({"apache2.service"}), logs=frozenset({"/var/log/apache2/*error.log"}))
    parser = written(plan(apache, tries=5, ban_time=600, jails={"apache-auth": {"tries": 3}, "sshd": {"ban_time": 60}}))
    assert parser["sshd"]["maxretry"] == "5" and parser["sshd"]["bantime"] == "60"
    assert parser["apache-auth"]["maxretry"] == "3" and parser["apache-auth"]["bantime"] == "600"
    assert "maxretry" not in parser["apache-shellshock"], "one try is enough there, says jail.conf"


def test_recidive_comes_when_it_is_asked_for_and_finds_its_log() -> None:
    assert "recidive" not in written(plan(machine())).sections()
    made = plan(machine(), jails={"recidive": {"enabled": True, "ban_time": 604800}})
    assert written(made)["recidive"]["logpath"] == "/var/log/fail2ban.log"
    assert ("touch", "/var/log/fail2ban.log") in [s.argv for s in made.steps if isinstance(s, RunCommand)]
    logged = machine(logs=frozenset({"/var/log/fail2ban.log"}))
    assert not [s for s in plan(logged, jails={"recidive": {"enabled": True}}).steps if isinstance(s, RunCommand)]


def test_a_jail_can_be_left_out_and_bans_without_ssh() -> None:
    made = plan(machine(**NGINX), jails={"sshd": {"enabled": False}})
    assert written(made).sections() == ["nginx-http-auth", "nginx-botsearch"]
    assert [c.id for c in made.checks if "jail" in c.id] == [
        "security.bans.jail-nginx-http-auth",
        "security.bans.jail-nginx-botsearch",
    ]


def applied(of: State, **bans: Any) -> State:
    """The machine after the job."""
    made = plan(of, **bans)
    (file,) = [step for step in made.steps if isinstance(step, WriteFile)]
    jails = Known(tuple(Jail(name, (), 0, 0) for name in written(made).sections()))
    touched = {step.argv[1] for step in made.steps if isinstance(step, RunCommand)}
    return replace(of, fail2ban=replace(of.fail2ban, own=file.content, jails=jails, logs=of.fail2ban.logs | touched))


@pytest.mark.parametrize(
    "bans",
    [
        {},
        {"tries": 4, "within": 300, "ban_time": 900, "never": ["10.9.0.0/16"]},
        {"tries": 4, "jails": {"nginx-botsearch": {"enabled": False}, "nginx-http-auth": {"tries": 2}}},
        {"jails": {"recidive": {"enabled": True}}},
        {"jails": {"sshd": {"enabled": False}}},
    ],
)
def test_what_is_there_is_presented_and_planned_again_changes_nothing(bans: Mapping[str, Any]) -> None:
    after = applied(machine(**NGINX), **bans)
    assert plan(after, **bans).empty
    presented = MODULE.present(after).bans
    assert presented is not None and presented.enabled
    assert MODULE.plan(after, MODULE.present(after), Others()).empty


def test_a_jail_that_does_not_run_gives_steps_again() -> None:
    after = applied(machine(**NGINX))
    half = replace(after, fail2ban=replace(after.fail2ban, jails=Known((Jail("sshd", (), 0, 0),))))
    assert [step.kind for step in plan(half).steps] == ["unit"]


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_gets_into_the_file_or_a_command_as_more_than_one_value(name: str, address: str) -> None:
    try:
        SecuritySettings.model_validate({"bans": {"enabled": True, "jails": {name: {"tries": 3}}}})
    except ValidationError:
        pass
    else:
        assert name in ("sshd", *FILTERS)
    try:
        told = Unban.model_validate({"address": address, "jail": name})
    except ValidationError:
        return
    for value in (told.address, told.jail or ""):
        assert value.isascii() and not value.startswith("-") and len(value.split()) == 1


# who is banned ----------------------------------------------------------------------------------------------------

STATUS = """Status for the jail: sshd
|- Filter
|  |- Currently failed:	1
|  |- Total failed:	12
|  `- Journal matches:	_SYSTEMD_UNIT=ssh.service + _COMM=sshd
`- Actions
   |- Currently banned:	2
   |- Total banned:	3
   `- Banned IP list:	203.0.113.77 2001:db8::5
"""
TIMES = (
    "203.0.113.77 \t2026-11-24 10:00:00 + 600 = 2026-11-24 10:10:00\n"
    "2001:db8::5 \t2026-11-24 09:00:00 + -1 = 9999-12-31 23:59:59\n"
)


class Fails2ban(DemoHost):
    """A demo machine on which fail2ban says what is recorded."""

    def __init__(self, address: str, times: str) -> None:
        super().__init__(address)
        self.times = times

    async def which(self, program: str) -> str | None:
        return "/usr/bin/fail2ban-client" if program == "fail2ban-client" else await super().which(program)

    async def run(self, argv: Sequence[str], **options: Any) -> Completed:
        if argv[0] != "fail2ban-client":
            if argv[:2] == ["systemctl", "is-active"]:
                return Completed(tuple(argv), 0, "active\n", "")
            return await super().run(argv, **options)
        said = {"status": "Status\n|- Number of jail:\t1\n`- Jail list:\tsshd\n", "status sshd": STATUS}
        text = said.get(" ".join(argv[1:]), self.times)
        return Completed(tuple(argv), 0 if text else 255, text, "")


async def test_bans_are_read_with_their_times(tmp_path: Any) -> None:
    DemoHost.create(str(tmp_path))
    found = await fail2ban.read(Fails2ban(str(tmp_path), TIMES))
    assert isinstance(found.jails, Known)
    (jail,) = found.jails.value
    at = time.mktime(time.strptime("2026-11-24 10:00", "%Y-%m-%d %H:%M"))
    assert jail.bans == (Ban("203.0.113.77", at, at + 600), Ban("2001:db8::5", at - 3600, None))


async def test_a_fail2ban_that_tells_no_times_still_tells_who(tmp_path: Any) -> None:
    DemoHost.create(str(tmp_path))
    found = await fail2ban.read(Fails2ban(str(tmp_path), ""))
    assert isinstance(found.jails, Known)
    assert found.jails.value[0].bans == (Ban("203.0.113.77"), Ban("2001:db8::5"))


# lifting a ban ----------------------------------------------------------------------------------------------------

BANNED: Known[tuple[Jail, ...]] = Known(
    (Jail("sshd", (Ban("203.0.113.77"), Ban("2001:db8::5")), 9, 2), Jail("recidive", (Ban("203.0.113.77"),), 3, 1))
)


def unban(of: State, **told: Any) -> Plan:
    return MODULE.plan_action(of, "unban", planning.arguments("security", "unban", told))


def test_a_ban_is_lifted_in_every_jail_and_proven_and_can_be_taken_back() -> None:
    made = unban(machine(BANNED), address="203.0.113.77")
    steps = [step for step in made.steps if isinstance(step, RunCommand)]
    assert [step.argv for step in steps] == [
        ("fail2ban-client", "set", "sshd", "unbanip", "203.0.113.77"),
        ("fail2ban-client", "set", "recidive", "unbanip", "203.0.113.77"),
    ]
    assert steps[0].undo_argv == ("fail2ban-client", "set", "sshd", "banip", "203.0.113.77")
    assert [c.describe() for c in made.checks] == [
        "`fail2ban-client get sshd banned 203.0.113.77` says 0",
        "`fail2ban-client get recidive banned 203.0.113.77` says 0",
    ]


def test_a_ban_can_be_lifted_in_one_jail_only() -> None:
    assert len(unban(machine(BANNED), address="203.0.113.77", jail="recidive").steps) == 1
    assert unban(machine(BANNED), address="2001:DB8:0::5", jail="sshd").steps, "an address has many spellings"


def test_who_is_not_banned_needs_nothing_and_unknown_is_blocked() -> None:
    assert unban(machine(BANNED), address="192.0.2.1").empty
    assert unban(machine(Unknown("to root only")), address="192.0.2.1").blocked[0].why == "to root only"
    assert unban(machine(MISSING), address="192.0.2.1").blocked


def test_a_jail_that_does_not_run_is_a_mistake() -> None:
    told = planning.arguments("security", "unban", {"address": "192.0.2.1", "jail": "dovecot"})
    assert [m.place for m in MODULE.validate_action(machine(BANNED), "unban", told)] == ["jail"]


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({}, "address"),
        ({"address": "somewhere"}, "address"),
        ({"address": "1.2.3.4; id"}, "address"),
        ({"address": "1.2.3.4", "jail": "--all"}, "jail"),
        ({"address": "1.2.3.4", "jial": "sshd"}, "jial"),
    ],
)
def test_what_an_action_is_told_is_checked_in_words(told: Mapping[str, object], place: str) -> None:
    with pytest.raises(SetupError) as caught:
        planning.arguments("security", "unban", told)
    assert [mistake.place for mistake in caught.value.mistakes] == [place]


def test_what_it_bans_by_is_installed_too_and_by_itself() -> None:
    bare = machine(installed=False, enabled=Value(MISSING, Known(False)), lacks=("nftables",))
    packages = [step.packages for step in plan(bare).steps if isinstance(step, InstallPackages)]
    assert packages == [("nftables",), ("fail2ban", "python3-systemd")]
    blunt = applied(machine())
    lacking = replace(blunt, fail2ban=replace(blunt.fail2ban, lacks=("iptables",)))
    assert [step.kind for step in plan(lacking).steps] == ["install-packages", "unit"], "it counted and banned nobody"
