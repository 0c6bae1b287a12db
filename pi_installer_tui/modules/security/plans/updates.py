"""Automatic updates: apt's periods in 20auto-upgrades, the rest in a file of ours that apt reads last, the timers."""

from __future__ import annotations

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security import updates
from pi_installer_tui.modules.security.settings import UpdateSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.modules.security.updates import OWN, PERIODIC, Updates
from pi_installer_tui.system.reading import Known, Missing, Unknown, known
from pi_installer_tui.tasks.checks import CommandSays, FileValue
from pi_installer_tui.tasks.plan import Blocked
from pi_installer_tui.tasks.steps import Edit, EditFile, InstallPackages, Unit, WriteFile

SETTING = "security.updates"
_HEAD = "// Made by pi-installer-tui. apt reads this file last, and of a setting the last value counts.\n"


def wanted(settings: UpdateSettings) -> dict[str, str]:
    """Settings of apt with one value each."""
    found = {}
    if settings.reboot is not None:
        found[updates.REBOOT] = "true" if settings.reboot else "false"
    if settings.reboot_time is not None:
        found[updates.REBOOT_TIME] = settings.reboot_time
    if settings.mail is not None:
        found[updates.MAIL] = settings.mail
    if settings.mail_when is not None:
        found[updates.MAIL_WHEN] = settings.mail_when
    return found


def plan(state: State, settings: UpdateSettings) -> Part:
    """The steps to what is wanted."""
    part = Part(SETTING)
    now = state.updates
    if isinstance(now.values, Unknown):
        return part.block(now.values.reason)
    if not now.installed and settings.enabled:
        part.steps.append(
            InstallPackages(
                id="security.updates.package", setting=SETTING, risks=("download",), packages=("unattended-upgrades",)
            )
        )
    if settings.enabled is not None:
        _periods(part, now, settings.enabled)
    differs = {n: v for n, v in wanted(settings).items() if (known(now.says(n)) or ("",))[-1] != v}
    origins = settings.origins if settings.origins not in (None, known(now.origins)) else None
    if differs or origins:
        part.steps.append(
            WriteFile(
                id="security.updates.file",
                setting=SETTING,
                needs=part.ids()[:1] if not now.installed and part.steps else (),
                path=OWN,
                content=content(now, differs, settings.origins),
            )
        )
        part.checks += [_says(name, value) for name, value in differs.items()]
        part.checks += [_says(f"{updates.ORIGINS}::", origin, number) for number, origin in enumerate(origins or ())]
    if settings.enabled:
        for name, timer in now.timers.items():
            for reading in (timer.configured, timer.effective):
                if isinstance(reading, Unknown):
                    return part.block(reading.reason)
            if not timer.configured == timer.effective == Known(True):
                identity = f"security.updates.{name.removesuffix('.timer')}"
                part.steps.append(Unit(id=identity, setting=SETTING, name=name, enabled=True, active=True))
    if settings.package_check is not None:
        _package_check(part, now, settings.package_check)
    if part.steps and settings.mail is not None:
        part.notice(_("mail goes out only if this machine has a program that sends it"))
    return part


def _package_check(part: Part, now: Updates, wanted: str) -> None:
    check = now.package_check
    if isinstance(check, Unknown):
        part.blocked.append(Blocked(setting=f"{SETTING}.package_check", why=check.reason))
        return
    if (known(check) or "never") == wanted and (now.cron or wanted == "never"):
        return
    where = f"{SETTING}.package_check"
    lacks = [*(["debsums"] if isinstance(check, Missing) else []), *([] if now.cron else ["cron"])]
    needs: tuple[str, ...] = ()
    if lacks and wanted != "never":
        needs = ("security.updates.debsums",)
        part.steps.append(InstallPackages(id=needs[0], setting=where, risks=("download",), packages=tuple(lacks)))
    if known(check) != wanted:
        edit = Edit(key=(updates.CHECK,), value=wanted)
        part.steps.append(
            EditFile(
                id="security.updates.check",
                setting=where,
                needs=needs,
                path=updates.DEBSUMS,
                format="keyvalue",
                edits=(edit,),
            )
        )
        part.checks.append(
            FileValue(
                id="security.updates.check",
                setting=where,
                path=updates.DEBSUMS,
                format="keyvalue",
                key=(updates.CHECK,),
                value=wanted,
            )
        )


def _periods(part: Part, now: Updates, on: bool) -> None:
    names = (updates.LISTS, updates.UPGRADE)
    right = [updates.period(now.says(name)) is on for name in names[0 if on else 1 :]]
    if all(right) and (now.installed or not on):
        return
    text = f'{names[0]} "1";\n{names[1]} "{1 if on else 0}";\n'
    part.steps.append(
        WriteFile(id="security.updates.periods", setting=SETTING, needs=part.ids(), path=PERIODIC, content=text)
    )
    part.checks.append(_says(names[1], "1" if on else "0"))


def _says(name: str, value: str, number: int = 0) -> CommandSays:
    identity = name.rpartition("::")[2].lower() or f"origin-{number}"
    return CommandSays(
        id=f"security.updates.{identity}", setting=SETTING, argv=("apt-config", "dump"), line=f'{name} "{value}";'
    )


def content(now: Updates, values: dict[str, str], origins: tuple[str, ...] | None) -> str:
    """Our file: what it says already, with these values."""
    own = {name: value for name, value in now.own if not name.endswith("::")} | values
    patterns = origins or tuple(value for name, value in now.own if name == f"{updates.ORIGINS}::")
    lines = [f'{name} "{value}";' for name, value in own.items()]
    if patterns:
        lines += [f"#clear {updates.ORIGINS};", f"#clear {updates.OLD_ORIGINS};"]
        lines += [f'{updates.ORIGINS}:: "{pattern}";' for pattern in patterns]
    return _HEAD + "".join(f"{line}\n" for line in lines)
