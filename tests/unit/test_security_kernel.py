"""Single settings of the kernel, and the rules of the audit log: the plans as tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pi_installer_tui.modules.security import MODULE, sysctl
from pi_installer_tui.modules.security.auditd import Auditd
from pi_installer_tui.modules.security.plans import auditd
from pi_installer_tui.modules.security.settings import SecuritySettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.modules.security.sysctl import OWN, Sysctl
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.host import Completed
from pi_installer_tui.system.reading import MISSING, Known, Unknown, Value, known
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.plan import Others, Plan
from pi_installer_tui.tasks.steps import RunCommand, WriteFile
from tests.unit.test_security_ssh import state

SWAP, SYN, TRACE = "vm.swappiness", "net.ipv4.tcp_syncookies", "kernel.yama.ptrace_scope"


def kernel(own: dict[str, str] | None = None, **values: str) -> State:
    """A machine with these settings and what our own file has."""
    named = {SWAP: "60", SYN: "1", TRACE: "1", **values}
    mine = own or {}
    read = {n: Value(Known(mine[n]) if n in mine else MISSING, Known(v)) for n, v in named.items()}
    return replace(state(), sysctl=Sysctl(read, dict.fromkeys(read, True), mine, Known(True)))


def plan(of: State, **settings: Any) -> Plan:
    return MODULE.plan(of, SecuritySettings.model_validate(settings), Others())


def files(made: Plan) -> dict[str, str]:
    return {step.path: step.content for step in made.steps if isinstance(step, WriteFile)}


def commands(made: Plan) -> list[tuple[str, ...]]:
    return [step.argv for step in made.steps if isinstance(step, RunCommand)]


def test_a_single_setting_is_written_and_told_to_the_kernel_and_proven() -> None:
    made = plan(kernel(), kernel={"values": {SWAP: 10}})
    assert "\nvm.swappiness = 10\n" in files(made)[OWN]
    assert commands(made) == [("sysctl", "-w", "vm.swappiness=10")]
    (step,) = [step for step in made.steps if isinstance(step, RunCommand)]
    assert step.undo_argv == ("sysctl", "-w", "vm.swappiness=60")
    assert [c.line for c in made.checks if isinstance(c, CommandSays)] == ["10"]


def test_a_single_setting_outranks_the_list() -> None:
    made = plan(kernel(), kernel={"hardened": True, "values": {TRACE: 0, SYN: 1}})
    assert ("sysctl", "-w", f"{TRACE}=0") in commands(made)
    text = files(made)[OWN]
    assert f"{TRACE} = 0" in text and text.count(TRACE) == 1
    assert f"{SYN} = 1" in text, "what is wanted by name is kept over a boot, the kernel's own value or not"


def test_what_is_so_already_needs_nothing_and_is_presented() -> None:
    there = kernel({SWAP: "10"}, **{SWAP: "10"})
    assert plan(there, kernel={"values": {SWAP: 10}}).empty
    presented = MODULE.present(there)
    assert presented.kernel is not None and presented.kernel.values is not None
    assert presented.kernel.values[SWAP].value == "10"
    assert MODULE.plan(there, presented, Others()).empty


def test_absent_takes_it_out_of_the_file_and_says_that_it_stays_until_the_next_boot() -> None:
    made = plan(kernel({SWAP: "10", SYN: "1"}), kernel={"values": {SWAP: {"state": "absent"}}})
    assert "swappiness" not in files(made)[OWN] and f"{SYN} = 1" in files(made)[OWN]
    assert "next boot" in made.notices[0].text and not commands(made)
    assert plan(kernel(), kernel={"values": {SWAP: {"state": "absent"}}}).empty


def test_what_the_kernel_does_not_have_is_blocked_by_its_name() -> None:
    made = plan(kernel(), kernel={"values": {"kernel.nothing_like_it": 1, SWAP: 10}})
    assert [b.setting for b in made.blocked] == ["security.kernel.values.kernel.nothing_like_it"]
    assert commands(made) == [("sysctl", "-w", "vm.swappiness=10")]


def test_from_unknown_nothing_is_planned() -> None:
    of = kernel()
    dark = replace(of, sysctl=replace(of.sysctl, others=Unknown("sysctl is not installed")))
    assert plan(dark, kernel={"values": {"vm.dirty_ratio": 5}}).blocked[0].why == "sysctl is not installed"


@pytest.mark.parametrize(
    "name",
    [
        "kernel.core_pattern",
        "kernel.modprobe",
        "kernel.modules_disabled",
        "net.ipv6.conf.all.disable_ipv6",
        "net.ipv6.conf.eth0.accept_ra",
        "net.ipv4.conf.all.arp_ignore",
        "vm.min_free_kbytes",
        "vm.nr_hugepages",
        "fs.file-max",
        "user.max_user_namespaces",
        "net/ipv4/tcp_syncookies",
        "sunrpc.debug",
        "-w",
        "net.ipv4.*",
    ],
)
def test_what_could_cut_off_stop_or_take_over_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        SecuritySettings.model_validate({"kernel": {"values": {name: 1}}})


@given(st.text(max_size=60), st.text(max_size=60) | st.integers() | st.booleans() | st.floats())
def test_no_text_gets_into_the_file_or_a_command_as_more_than_one_setting(name: str, value: object) -> None:
    try:
        wanted = SecuritySettings.model_validate({"kernel": {"values": {name: value}}})
    except ValidationError:
        return
    assert wanted.kernel is not None and wanted.kernel.values is not None
    (text,) = [single.value for single in wanted.kernel.values.values()]
    assert name.isascii() and name.isprintable() and " " not in name and not name.startswith("-")
    assert text is not None and text.isascii() and text.isprintable() and "=" not in text


SAID = "vm.swappiness = 60\nnet.ipv4.tcp_rmem = 4096\t131072\t6291456\nnet.ipv4.conf.eth0/100.rp_filter = 0\n"
REFUSED = "sysctl: permission denied on key 'kernel.cad_pid'\n"


class Tells(DemoHost):
    """A demo machine on which sysctl says what is recorded, as somebody who isn't root."""

    async def run(self, argv: Sequence[str], **options: Any) -> Completed:
        if list(argv) == ["sysctl", "-a"]:
            return Completed(tuple(argv), 0, SAID, REFUSED)
        return await super().run(argv, **options)


async def test_every_setting_is_read_and_what_only_root_may_read_is_unknown(tmp_path: Path) -> None:
    DemoHost.create(str(tmp_path))
    found = await sysctl.read(Tells(str(tmp_path)), everything=True)
    assert found.others == Known(True)
    assert known(found.values["net.ipv4.tcp_rmem"].effective) == "4096 131072 6291456"
    assert isinstance(found.values["kernel.cad_pid"].effective, Unknown)
    assert not [name for name in found.values if "eth0" in name], "a name with dots of its own can't be told apart"
    assert known(found.values["kernel.kptr_restrict"].effective) == "0", "the list is read by itself"


# the audit log ----------------------------------------------------------------------------------------------------

ON: Value[bool] = Value(Known(True), Known(True))
HERE = "not here: a container has no audit log of its own"


def audited(**found: Any) -> State:
    values = {"installed": True, "enabled": ON, "written": Known(("-D",)), "loaded": Known(()), "machine": "aarch64"}
    return replace(state(), auditd=Auditd(**{**values, **found}))


def test_the_rules_are_written_loaded_and_proven_by_the_kernel() -> None:
    fresh = audited(installed=False, enabled=Value(MISSING, Known(False)), written=MISSING, loaded=MISSING)
    made = plan(fresh, audit_log={"enabled": True})
    assert [step.kind for step in made.steps] == ["install-packages", "write-file", "unit", "run-command"]
    assert commands(made) == [("augenrules", "--load")]
    (check,) = [c for c in made.checks if isinstance(c, CommandSays)]
    assert check.argv == ("auditctl", "-l") and set(check.lines) == set(auditd.rules("aarch64"))
    assert all(rule in files(made)["/etc/audit/rules.d/60-pi-installer-tui.rules"] for rule in check.lines)


def test_in_a_container_they_are_written_and_said_to_be_not_here() -> None:
    container = audited(here=False, enabled=Value(Known(True), Unknown(HERE)), loaded=Unknown(HERE))
    made = plan(container, audit_log={"enabled": True, "rules": "baseline"})
    assert commands(made) == [("augenrules",)], "nothing is loaded into the host's kernel"
    assert "not here" in made.notices[0].text and not made.blocked
    (check,) = made.checks
    assert isinstance(check, CommandSays) and check.argv == ("cat", "/etc/audit/audit.rules")


def test_a_log_that_is_as_wanted_needs_nothing_and_is_presented() -> None:
    there = audited(own=auditd.content("aarch64"), loaded=Known(auditd.rules("aarch64")))
    assert plan(there, audit_log={"enabled": True}).empty
    presented = MODULE.present(there).audit_log
    assert presented is not None and presented.enabled and presented.rules == "baseline"


def test_rules_that_the_kernel_has_lost_are_loaded_again() -> None:
    half = audited(own=auditd.content("aarch64"), loaded=Known(auditd.rules("aarch64")[1:]))
    assert commands(plan(half, audit_log={"enabled": True})) == [("augenrules", "--load")]


def test_rules_that_are_locked_are_left_alone_with_the_reason() -> None:
    locked = audited(written=Known(("-D", "-e 2")))
    assert "locked until the next boot" in plan(locked, audit_log={"enabled": True}).blocked[0].why


def test_off_is_off_and_unknown_is_blocked() -> None:
    assert [step.kind for step in plan(audited(), audit_log={"enabled": False}).steps] == ["unit"]
    dark = audited(enabled=Value(Unknown("no"), Unknown("no")))
    assert plan(dark, audit_log={"enabled": True}).blocked[0].why == "no"
    assert plan(audited(), audit_log={"rules": "baseline"}).blocked


@pytest.mark.parametrize(
    ("machine", "bits"),
    [
        ("x86_64", {"b64", "b32"}),
        ("aarch64", {"b64", "b32"}),
        ("armv7l", {"b32"}),
        ("i686", {"b32"}),
        ("riscv64", {"b64"}),
    ],
)
def test_system_calls_are_named_for_every_kind_of_program_that_the_kernel_runs(machine: str, bits: set[str]) -> None:
    found = {word.removeprefix("arch=") for rule in auditd.rules(machine) for word in rule.split() if "arch=" in word}
    assert found == bits
