"""Kernel modules, core dumps, the notice, the package check and sshd's connections: the plans as tables, the readers on
the demo machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pi_installer_tui.modules.security import MODULE, dumps, issue, modprobe
from pi_installer_tui.modules.security.dumps import COREDUMP, FILES, LIMITS, Dumps
from pi_installer_tui.modules.security.issue import CONSOLE, NETWORK, NOTICE, Issue
from pi_installer_tui.modules.security.modprobe import GROUPS, OWN, Modprobe
from pi_installer_tui.modules.security.plans.issue import console, network
from pi_installer_tui.modules.security.settings import SecuritySettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.reading import MISSING, Known, Unknown
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.plan import Others, Plan
from pi_installer_tui.tasks.steps import EditFile, InstallPackages, RemoveFile, WriteFile
from tests.unit.test_security_ssh import state, written

PROTOCOLS, FIREWIRE = frozenset(GROUPS["rare_protocols"]), frozenset(GROUPS["firewire"])
OFF = {"rare_protocols": False, "rare_filesystems": False, "firewire": False}


def plan(of: State, **settings: Any) -> Plan:
    return MODULE.plan(of, SecuritySettings.model_validate(settings), Others())


def files(made: Plan) -> dict[str, str]:
    return {step.path: step.content for step in made.flat if isinstance(step, WriteFile)}


def with_modules(refused: frozenset[str] = frozenset(), **more: frozenset[str]) -> State:
    return replace(state(), modprobe=Modprobe(Known(refused), **more))


# kernel modules -----------------------------------------------------------------------------------------------------


def test_what_is_off_is_refused_by_modprobe_and_what_is_loaded_is_named() -> None:
    made = plan(with_modules(frozenset({"dccp"}), loaded=frozenset({"sctp"})), kernel={"rare_protocols": False})
    (text,) = files(made).values()
    assert re.findall(r"^install (\w+) /bin/false$", text, re.MULTILINE) == ["dccp", "rds", "sctp", "tipc"]
    assert "sctp" in made.notices[0].text
    (check,) = made.checks
    assert isinstance(check, CommandSays) and check.argv == ("modprobe", "--showconfig") and len(check.lines) == 4


def test_several_groups_share_one_file_and_each_can_be_taken_back() -> None:
    every = frozenset(name for names in GROUPS.values() for name in names)
    text = files(plan(with_modules(), kernel=OFF))[OWN]
    assert set(re.findall(r"^install (\w+) /bin/false$", text, re.MULTILINE)) == every
    done = with_modules(every, own=every)
    assert plan(done, kernel=OFF).empty
    back = files(plan(done, kernel={"firewire": True}))[OWN]
    assert "firewire" not in back and "dccp" in back and "cramfs" in back
    more = files(plan(with_modules(PROTOCOLS, own=PROTOCOLS), kernel={"firewire": False}))[OWN]
    assert "install dccp" in more and "install firewire_core" in more
    (gone,) = plan(with_modules(FIREWIRE, own=FIREWIRE), kernel={"firewire": True}).steps
    assert isinstance(gone, RemoveFile) and gone.path == OWN


def test_what_another_file_refuses_needs_none_of_ours() -> None:
    assert plan(with_modules(PROTOCOLS), kernel={"rare_protocols": False}).empty


def test_a_file_system_that_is_in_use_and_a_disk_on_firewire_stay_and_are_named() -> None:
    used = with_modules(loaded=frozenset({"jffs2", "firewire_sbp2", "firewire_core"}))
    made = plan(used, kernel=OFF)
    assert {b.setting: b.why.rpartition(" ")[2] for b in made.blocked} == {
        "security.kernel.rare_filesystems": "jffs2",
        "security.kernel.firewire": "firewire_sbp2",
    }
    text = files(made)[OWN]
    assert "dccp" in text and "jffs2" not in text and "firewire" not in text
    idle = plan(with_modules(loaded=frozenset({"firewire_core", "firewire_ohci"})), kernel={"firewire": False})
    assert not idle.blocked and "next boot" in idle.notices[0].text, "a controller that nothing is plugged into"


def test_from_unknown_nothing_is_planned() -> None:
    dark = replace(state(), modprobe=Modprobe(Unknown("modprobe is not installed")), dumps=Dumps(Unknown("no right")))
    made = plan(dark, kernel={**OFF, "core_dumps": False})
    assert made.empty and [b.why for b in made.blocked] == ["modprobe is not installed", "no right"]


# core dumps ---------------------------------------------------------------------------------------------------------


def test_core_dumps_are_off_for_logins_and_for_systemd_and_come_back() -> None:
    made = plan(state(), kernel={"core_dumps": False})
    assert files(made) == dict(FILES)
    assert "* hard core 0\nroot hard core 0\n" in FILES[LIMITS] and "Storage=none" in FILES[COREDUMP]
    done = replace(state(), dumps=Dumps(Known(FILES)))
    assert plan(done, kernel={"core_dumps": False}).empty
    presented = MODULE.present(done).kernel
    assert presented is not None and presented.core_dumps is False
    before = MODULE.present(state()).kernel
    assert before is None or before.core_dumps is None
    assert {s.path for s in plan(done, kernel={"core_dumps": True}).steps if isinstance(s, RemoveFile)} == set(FILES)


# the notice ---------------------------------------------------------------------------------------------------------

DEBIAN = Issue(Known("Debian GNU/Linux 13 \\n \\l\n\n"), Known("Debian GNU/Linux 13\n"))


def test_the_notice_stands_above_what_the_console_shows_and_hides_the_release_from_the_network() -> None:
    made = plan(replace(state(), issue=DEBIAN), ssh={"notice": True})
    shown = files(made)
    assert shown[CONSOLE] == f"{NOTICE}\nDebian GNU/Linux 13 \\n \\l\n\n"
    assert shown[NETWORK] == NOTICE
    assert "\nBanner /etc/issue.net\n" in shown["/etc/ssh/sshd_config.d/00-pi-installer-tui.conf"]
    trial = [step.kind for step in made.steps]
    assert trial == ["write-file", "write-file", "probation"], "the files alone can't keep anybody out"


def test_what_the_owner_wrote_before_the_login_stays() -> None:
    own = Issue(Known("IP: \\4\n"), Known("Ask Maria before you come in.\n"))
    shown = files(plan(replace(state({"banner": ("/etc/issue.net",)}), issue=own), ssh={"notice": True}))
    assert shown == {CONSOLE: f"{NOTICE}\nIP: \\4\n", NETWORK: f"{NOTICE}Ask Maria before you come in.\n"}


@given(st.text(alphabet="abD\\n\n 1", max_size=30))
def test_the_notice_comes_once_and_goes_without_a_trace(text: str) -> None:
    for change in (console, network):
        there = change(text, True)
        assert there.startswith(NOTICE) and there.count(NOTICE) == 1
        assert change(there, True) == there
        assert change(change(text, True), False) == text


def test_without_the_notice_sshd_shows_none() -> None:
    there = Issue(Known(f"{NOTICE}\nmine\n"), Known(NOTICE))
    made = plan(replace(state({"banner": ("/etc/issue.net",)}), issue=there), ssh={"notice": False})
    assert files(made)[CONSOLE] == "mine\n" and files(made)[NETWORK] == ""
    assert "Banner none" in files(made)["/etc/ssh/sshd_config.d/00-pi-installer-tui.conf"]
    dark = replace(state(), issue=Issue(Unknown("no right"), MISSING))
    assert [b.setting for b in plan(dark, ssh={"notice": True}).blocked] == ["security.ssh.notice"]


# sshd ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ssh", "content"),
    [
        ({"keepalive": 300}, "ClientAliveInterval 300\nClientAliveCountMax 2\nTCPKeepAlive no\n"),
        ({"max_sessions": 4}, "MaxSessions 4\n"),
        ({"log_level": "verbose"}, "LogLevel VERBOSE\n"),
    ],
)
def test_sshd_is_told_in_its_own_words(ssh: dict[str, Any], content: str) -> None:
    made = MODULE.plan(state(), SecuritySettings.model_validate({"ssh": ssh}), Others())
    assert written(made) == content


def test_what_sshd_says_is_presented_and_planned_again_without_a_step() -> None:
    says = {"clientaliveinterval": ("300",), "clientalivecountmax": ("2",), "tcpkeepalive": ("no",)}
    says |= {"loglevel": ("VERBOSE",), "maxsessions": ("10",), "banner": ("none",)}
    ssh = MODULE.present(state(says)).ssh
    assert ssh is not None
    assert (ssh.keepalive, ssh.log_level, ssh.max_sessions, ssh.notice) == (300, "verbose", 10, False)
    half = MODULE.present(state({**says, "tcpkeepalive": ("yes",)})).ssh
    assert half is not None and half.keepalive is None, "half of it isn't it"


@pytest.mark.parametrize("ssh", [{"keepalive": 5}, {"max_sessions": 0}, {"log_level": "debug"}, {"notice": "x"}])
def test_what_sshd_would_choke_on_is_refused(ssh: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SecuritySettings.model_validate({"ssh": ssh})


# the package check --------------------------------------------------------------------------------------------------


def checked(check: Any, cron: bool = True) -> State:
    of = state()
    return replace(of, updates=replace(of.updates, values=Known({}), package_check=check, cron=cron))


@pytest.mark.parametrize(
    ("of", "packages"),
    [
        (checked(MISSING), ("debsums",)),
        (checked(MISSING, cron=False), ("debsums", "cron")),
        (checked(Known("never")), ()),
        (checked(Known("weekly"), cron=False), ("cron",)),
    ],
)
def test_the_package_check_brings_what_it_lacks(of: State, packages: tuple[str, ...]) -> None:
    made = plan(of, updates={"package_check": "weekly"})
    assert tuple(p for s in made.steps if isinstance(s, InstallPackages) for p in s.packages) == packages
    edits = [step for step in made.steps if isinstance(step, EditFile)]
    assert [edit.edits[0].value for edit in edits] == (
        [] if of.updates.package_check == Known("weekly") else ["weekly"]
    )


def test_a_check_that_is_so_already_needs_nothing_and_an_unreadable_one_is_blocked() -> None:
    assert plan(checked(Known("weekly")), updates={"package_check": "weekly"}).empty
    assert plan(checked(MISSING), updates={"package_check": "never"}).empty
    updates = MODULE.present(checked(Known("weekly"))).updates
    assert updates is not None and updates.package_check == "weekly"
    dark = plan(checked(Unknown("a shell script")), updates={"package_check": "daily"})
    assert [b.setting for b in dark.blocked] == ["security.updates.package_check"] and dark.empty


# read ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    return DemoHost.create(str(tmp_path / "demo"))


async def test_the_readers_tell_what_the_files_say(host: DemoHost) -> None:
    assert (await modprobe.read(host)).own == frozenset()
    lines = (
        "install firewire-core /bin/false\ninstall dccp /usr/bin/true\n# install rds /bin/false\ninstall x /bin/false\n"
    )
    await host.mkdir("/etc/modprobe.d", mode=0o755, uid=0, gid=0)
    await host.replace(OWN, lines.encode(), mode=0o644, uid=0, gid=0)
    found = await modprobe.read(host)
    assert found.own == {"firewire_core", "dccp"} and found.refused == Known(frozenset({"firewire_core", "dccp"}))
    assert (await dumps.read(host)).own == MISSING
    assert "Debian" in str((await issue.read(host)).console)
