"""The plan for sshd as a table, and who gets in afterwards. Pure: no machine is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from pi_installer_tui.modules.security import MODULE
from pi_installer_tui.modules.security.accounts import Account
from pi_installer_tui.modules.security.auditd import Auditd
from pi_installer_tui.modules.security.fail2ban import Fail2ban
from pi_installer_tui.modules.security.settings import SecuritySettings
from pi_installer_tui.modules.security.sshd import OWN, Effective, Line, Sshd
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.modules.security.sysctl import Sysctl
from pi_installer_tui.modules.security.ufw import Ufw
from pi_installer_tui.modules.security.updates import Updates
from pi_installer_tui.system.reading import MISSING, Known, Source, Unknown, Value
from pi_installer_tui.system.seat import Seat
from pi_installer_tui.tasks.plan import Others, Plan
from pi_installer_tui.tasks.steps import Probation, WriteFile

OFF: Value[bool] = Value(MISSING, Known(False))
SAYS: dict[str, tuple[str, ...]] = {
    "port": ("22",),
    "permitrootlogin": ("without-password",),
    "passwordauthentication": ("yes",),
    "kbdinteractiveauthentication": ("no",),
    "pubkeyauthentication": ("yes",),
    "maxauthtries": ("6",),
    "x11forwarding": ("yes",),
    "ciphers": ("chacha20-poly1305@openssh.com,aes256-ctr",),
    "macs": ("umac-64@openssh.com,hmac-sha2-256,hmac-sha1",),
    "kexalgorithms": ("sntrup761x25519-sha512,ecdh-sha2-nistp256",),
}
PI = Account("pi", 1000, "/home/pi", "/bin/bash", ("pi", "sudo"), Known("set"), Known(True), Known(1))
ROOT = Account("root", 0, "/root", "/bin/bash", ("root",), Known("locked"), Known(True), Known(0))


def line(keyword: str, value: str, path: str, number: int = 1, match: str = "") -> Line:
    return Line(keyword.lower(), tuple(value.split()), Source(path, number), f"{keyword} {value}", match)


INCLUDE = line("Include", "/etc/ssh/sshd_config.d/*.conf", "/etc/ssh/sshd_config", 12)


def state(says: Effective | None = None, *more: Line, accounts: tuple[Account, ...] = (ROOT, PI), **sshd: Any) -> State:
    effective = Known({**SAYS, **(says or {})})
    values = {
        "effective": effective,
        "users": {account.name: effective for account in accounts},
        "lines": (INCLUDE, *more),
        "includes": True,
        "running": True,
        "loaded": Known(True),
    }
    return State(
        sshd=Sshd(**{**values, **sshd}),
        ufw=Ufw(False, OFF, {}),
        fail2ban=Fail2ban(False, OFF),
        updates=Updates(False, MISSING),
        sysctl=Sysctl({}, {}),
        auditd=Auditd(False, OFF),
        accounts=accounts,
        starter="pi",
        seat=Seat("unknown"),
    )


def plan(state: State, **ssh: Any) -> Plan:
    return MODULE.plan(state, SecuritySettings.model_validate({"ssh": ssh}), Others())


def mistakes(state: State, **ssh: Any) -> list[str]:
    return [m.place for m in MODULE.validate(state, SecuritySettings.model_validate({"ssh": ssh}))]


def written(made: Plan) -> str:
    (step,) = (step for step in made.flat if isinstance(step, WriteFile))
    assert step.path == OWN
    return "".join(text for text in step.content.splitlines(True) if not text.startswith("#"))


@pytest.mark.parametrize(
    ("ssh", "content"),
    [
        ({"password_login": False}, "PasswordAuthentication no\n"),
        ({"root_login": "no", "max_auth_tries": 3}, "PermitRootLogin no\nMaxAuthTries 3\n"),
        ({"users": ["pi", "maria"]}, "AllowUsers pi maria\n"),
        ({"algorithms": "modern"}, "MACs hmac-sha2-256\nKexAlgorithms sntrup761x25519-sha512\n"),
        ({"idle_timeout": 900}, "ChannelTimeout session:*=900\nUnusedConnectionTimeout 900\n"),
    ],
)
def test_only_what_differs_is_written_and_it_is_on_probation(ssh: dict[str, Any], content: str) -> None:
    made = plan(state(), **ssh)
    assert written(made) == content
    (trial,) = made.steps
    assert isinstance(trial, Probation) and trial.login is not None and trial.login.users == ("pi",)
    assert [step.kind for step in trial.steps] == ["write-file", "run-command", "unit"]


def test_what_our_file_says_already_stays_in_it() -> None:
    own = [line("X11Forwarding", "no", OWN), line("MaxAuthTries", "4", OWN, 2)]
    made = plan(state({"x11forwarding": ("no",), "maxauthtries": ("4",)}, *own), max_auth_tries=3)
    assert written(made) == "X11Forwarding no\nMaxAuthTries 3\n"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (state(effective=Unknown("no permission")), "no permission"),
        (state(effective=MISSING), "no SSH server"),
        (state(includes=False), "doesn't include"),
        (state(None, line("MaxAuthTries", "6", "/etc/ssh/sshd_config.d/00-a.conf", 7)), "00-a.conf:7"),
    ],
)
def test_what_would_not_win_or_is_not_known_is_blocked(changed: State, why: str) -> None:
    made = plan(changed, max_auth_tries=3)
    assert made.empty and why in made.blocked[0].why


def test_lists_that_add_up_are_blocked_with_their_place() -> None:
    made = plan(
        state({"allowusers": ("maria",)}, line("AllowUsers", "maria", "/etc/ssh/sshd_config", 40)), users=["pi"]
    )
    assert made.empty and "/etc/ssh/sshd_config:40" in made.blocked[0].why


def test_cloud_inits_file_comes_after_ours_and_is_no_hindrance() -> None:
    cloud = line("PasswordAuthentication", "yes", "/etc/ssh/sshd_config.d/50-cloud-init.conf")
    assert written(plan(state(None, cloud), password_login=False)) == "PasswordAuthentication no\n"


def test_a_file_that_sshd_has_not_read_yet_is_read_and_nothing_written() -> None:
    made = plan(state({"maxauthtries": ("3",)}, loaded=Known(False)), max_auth_tries=3)
    assert [step.kind for step in made.flat] == ["probation", "run-command", "unit"]


def test_a_machine_as_wanted_needs_nothing() -> None:
    for found in (state(), state({"allowusers": ("pi",)}), state(loaded=Known(False)), state(effective=MISSING)):
        assert MODULE.plan(found, MODULE.present(found), Others()).empty
    assert plan(state(), password_login=True, root_login="prohibit-password").empty


@pytest.mark.parametrize(
    ("accounts", "ssh", "places"),
    [
        ((ROOT, PI), {"password_login": False}, []),
        ((ROOT, replace(PI, keys=Known(0))), {"password_login": False}, ["security.ssh.password_login"]),
        ((ROOT, replace(PI, keys=Unknown("?"))), {"password_login": False}, ["security.ssh.password_login"]),
        ((ROOT, replace(PI, sudo=Known(False))), {"password_login": False}, ["security.ssh.password_login"]),
        ((ROOT, replace(PI, sudo=Unknown("?"))), {"password_login": False}, ["security.ssh.password_login"]),
        ((ROOT, replace(PI, expired=True)), {"password_login": False}, ["security.ssh.password_login"]),
        ((ROOT, PI), {"users": ["maria"]}, ["security.ssh.users", "security.ssh"]),
        ((ROOT, PI, replace(PI, name="maria")), {"users": ["maria"]}, ["security.ssh.users"]),
        ((ROOT, PI), {"groups": ["ssh"]}, ["security.ssh.groups", "security.ssh"]),
        ((ROOT, PI), {"groups": ["sudo"]}, []),
        ((ROOT, PI), {"key_login": False, "password_login": False}, ["security.ssh.password_login"]),
        ((ROOT, replace(PI, password=Known("locked"))), {"key_login": False}, ["security.ssh"]),
        ((ROOT, replace(PI, keys=Known(0))), {"x11_forwarding": False}, []),
    ],
)
def test_nobody_is_locked_out(accounts: tuple[Account, ...], ssh: dict[str, Any], places: list[str]) -> None:
    assert mistakes(state(accounts=accounts), **ssh) == places


def test_a_match_block_that_keeps_the_password_of_one_user_is_named() -> None:
    own = Known({**SAYS, "passwordauthentication": ("yes",)})
    general = Known({**SAYS, "passwordauthentication": ("challenge",)})
    exception = line("PasswordAuthentication", "yes", "/etc/ssh/sshd_config", 90, "User pi")
    made = plan(state(None, exception, effective=general, users={"pi": own, "root": general}), password_login=False)
    assert any("/etc/ssh/sshd_config:90" in notice.text and "pi" in notice.text for notice in made.notices)


@pytest.mark.parametrize("name", ["-pi", "pi\nPermitRootLogin yes", "p i", "pi@*", "*", "!pi", "", "ö", "x" * 33])
def test_no_name_is_more_than_a_name(name: str) -> None:
    with pytest.raises(ValidationError):
        SecuritySettings.model_validate({"ssh": {"users": [name]}})
