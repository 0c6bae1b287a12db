"""The audit log: auditd with a file of our rules. What a container can't show is written and said to be `not here`."""

from __future__ import annotations

from collections.abc import Iterator

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.auditd import MERGED, OWN, SERVICE, Auditd
from pi_installer_tui.modules.security.settings import AuditLogSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.tasks.checks import CommandSays, UnitActive
from pi_installer_tui.tasks.steps import InstallPackages, RunCommand, Unit, WriteFile

SETTING = "security.audit_log"
_HEAD = "## Made by pi-installer-tui. augenrules(8) puts all files of this folder together.\n"

#: by key: files and folders whose change is written down (audit.rules(7))
_WATCHED = {
    "identity": ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/security/opasswd"),
    "sudo": ("/etc/sudoers", "/etc/sudoers.d"),
    "ssh": ("/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d", "/root/.ssh"),
    "time": ("/etc/localtime",),
    "modules": ("/etc/modules", "/etc/modules-load.d", "/etc/modprobe.d"),
    "startup": ("/etc/crontab", "/etc/cron.d", "/etc/systemd/system", "/etc/ld.so.preload"),
    "audit": ("/etc/audit",),
    "pi-installer-tui": ("/etc/pi-installer-tui", "/var/lib/pi-installer-tui/secrets"),
}
#: by key: system calls that are written down. Not adjtimex(2), by which every time service sets the clock all day.
_CALLED = {
    "time": ("clock_settime", "settimeofday"),
    "modules": ("init_module", "finit_module", "delete_module"),
}


def rules(machine: str) -> tuple[str, ...]:
    """The rules `baseline` for a kernel (`uname -m`), as auditctl(8) takes and lists them: one call in each, for it
    lists several in an order of its own. A 64-bit kernel of a PC or a Pi runs 32-bit programs too."""
    both = machine in ("x86_64", "aarch64")
    bits = ("b64", "b32") if both else ("b32",) if machine.startswith(("arm", "i")) else ("b64",)
    found = [f"-w {path} -p wa -k {key}" for key, paths in _WATCHED.items() for path in paths]
    for key, calls in _CALLED.items():
        found += [f"-a always,exit -F arch={bit} -S {call} -F key={key}" for call in calls for bit in bits]
    return tuple(found)


def content(machine: str) -> str:
    """Our file."""
    return _HEAD + "".join(f"{rule}\n" for rule in rules(machine))


def plan(state: State, settings: AuditLogSettings) -> Part:
    """The steps to what is wanted."""
    part = Part(SETTING)
    now = state.auditd
    if settings.enabled is None:
        why = _("the audit log is switched on with `enabled: true`")
        return part if settings == AuditLogSettings() else part.block(why)
    for reading in (now.enabled.configured, now.written, *((now.enabled.effective, now.loaded) if now.here else ())):
        if isinstance(reading, Unknown):
            return part.block(reading.reason)
    if not settings.enabled:
        _off(part, now)
        return part
    if isinstance(now.written, Known) and any(rule.split() == ["-e", "2"] for rule in now.written.value):
        return part.block(_("its rules are locked until the next boot (-e 2), by a file in /etc/audit/rules.d"))
    if not now.machine:
        return part.block(_("`uname -m` doesn't say for what kernel the rules are"))
    part.steps += _on(now)
    if part.steps:
        wanted = rules(now.machine)
        if now.here:
            part.checks.append(UnitActive(id="security.audit-log.runs", setting=SETTING, name=SERVICE))
        asks = ("auditctl", "-l") if now.here else ("cat", MERGED)
        part.checks.append(CommandSays(id="security.audit-log.rules", setting=SETTING, argv=asks, lines=wanted))
        if not now.here:
            part.notice(_("not here: a container has no audit log of its own; the rules are written, and not loaded"))
    return part


def _on(now: Auditd) -> Iterator[InstallPackages | WriteFile | RunCommand | Unit]:
    wanted = rules(now.machine)
    ids: list[str] = []
    if not now.installed:
        ids.append("security.audit-log.package")
        yield InstallPackages(id=ids[0], setting=SETTING, risks=("download",), packages=("auditd",))
    differs = now.own != content(now.machine)
    if differs:
        path = "security.audit-log.file"
        yield WriteFile(id=path, setting=SETTING, needs=tuple(ids), path=OWN, content=content(now.machine), mode=0o640)
        ids.append(path)
    loaded = isinstance(now.loaded, Known) and set(wanted) <= set(now.loaded.value)
    runs = now.enabled.configured == Known(True) and (not now.here or now.enabled.effective == Known(True))
    if not now.installed or not runs:
        unit, active = "security.audit-log.unit", True if now.here else None
        yield Unit(id=unit, setting=SETTING, needs=tuple(ids), name=SERVICE, enabled=True, active=active)
    if differs or (now.here and not loaded):
        yield RunCommand(
            id="security.audit-log.load",
            setting=SETTING,
            needs=tuple(ids),
            argv=("augenrules", *(("--load",) if now.here else ())),
            probe="repeatable",
            touches=(MERGED, f"{MERGED}.prev"),
            again=True,
        )


def _off(part: Part, now: Auditd) -> None:
    runs = now.here and now.enabled.effective == Known(True)
    if now.installed and (runs or now.enabled.configured == Known(True)):
        active = False if now.here else None
        part.steps.append(
            Unit(id="security.audit-log.unit", setting=SETTING, name=SERVICE, enabled=False, active=active)
        )
        if now.here:
            part.checks.append(UnitActive(id="security.audit-log.off", setting=SETTING, name=SERVICE, active=False))
