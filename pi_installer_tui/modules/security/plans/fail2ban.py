"""Bans: a file of ours with a jail for sshd, where there is one, fed from systemd's journal."""

from __future__ import annotations

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.fail2ban import OWN, SERVICE
from pi_installer_tui.modules.security.settings import BanSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.tasks.checks import CommandSays, UnitActive
from pi_installer_tui.tasks.steps import InstallPackages, Unit, WriteFile

SETTING = "security.bans"
LOOPBACK = ("127.0.0.0/8", "::1")
_HEAD = "# Made by pi-installer-tui. fail2ban reads this file last.\n"


def content(state: State, settings: BanSettings) -> str:
    """Our file. Debian 12 and later have no /var/log/auth.log, so the journal is read (jail.conf(5), backend)."""
    never = dict.fromkeys((*LOOPBACK, *state.fail2ban.networks, *(settings.never or ())))
    lines = ["[sshd]", "enabled = true", "backend = systemd", f"port = {','.join(map(str, state.sshd.ports or (22,)))}"]
    lines.append(f"ignoreip = {' '.join(never)}")
    for key, value in (("maxretry", settings.tries), ("findtime", settings.within), ("bantime", settings.ban_time)):
        if value is not None:
            lines.append(f"{key} = {value}")
    return _HEAD + "".join(f"{line}\n" for line in lines)


def plan(state: State, settings: BanSettings) -> Part:
    """The steps to what is wanted."""
    part = Part(SETTING)
    now = state.fail2ban
    for reading in (now.enabled.configured, now.enabled.effective):
        if isinstance(reading, Unknown):
            return part.block(reading.reason)
    if settings.enabled is None:
        return part.block(_("bans are switched on with `enabled: true`")) if settings != BanSettings() else part
    if not settings.enabled:
        if now.installed and not (now.enabled.configured == now.enabled.effective == Known(False)):
            part.steps.append(Unit(id="security.bans.unit", setting=SETTING, name=SERVICE, enabled=False, active=False))
            part.checks.append(UnitActive(id="security.bans.off", setting=SETTING, name=SERVICE, active=False))
        return part
    if not isinstance(state.sshd.effective, Known):
        return part.block(_("there is no service here whose failures could be counted"))
    text = content(state, settings)
    if now.own != text:
        part.steps.append(WriteFile(id="security.bans.file", setting=SETTING, path=OWN, content=text))
    if not now.installed:  # it starts with our file, without which Debian 12's ends at once
        part.steps.append(
            InstallPackages(
                id="security.bans.package",
                setting=SETTING,
                needs=part.ids(),
                risks=("download",),
                packages=("fail2ban", "python3-systemd"),
            )
        )
    if part.steps or not (now.enabled.configured == now.enabled.effective == Known(True)):
        part.steps.append(
            Unit(
                id="security.bans.unit",
                setting=SETTING,
                needs=part.ids(),
                name=SERVICE,
                enabled=True,
                active=True,
                restart=now.installed,
            )
        )
        part.checks += [
            UnitActive(id="security.bans.runs", setting=SETTING, name=SERVICE),
            CommandSays(
                id="security.bans.jail", setting=SETTING, argv=("fail2ban-client", "status"), contains="sshd", within=20
            ),
        ]
    return part
