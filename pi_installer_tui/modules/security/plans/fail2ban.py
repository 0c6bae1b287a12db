"""Bans: a file of ours with a jail for sshd, fed from systemd's journal, and one for each other service that is here
and that fail2ban has a filter for."""

from __future__ import annotations

from collections.abc import Mapping

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.fail2ban import FILTERS, LOG, OWN, RECIDIVE, SERVICE, SSHD, Fail2ban
from pi_installer_tui.modules.security.settings import BanSettings, JailSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.reading import Known, Unknown, known
from pi_installer_tui.tasks.checks import CommandSays, UnitActive
from pi_installer_tui.tasks.plan import Blocked
from pi_installer_tui.tasks.steps import InstallPackages, Probe, RunCommand, Unit, WriteFile

SETTING = "security.bans"
LOOPBACK = ("127.0.0.0/8", "::1")
_HEAD = "# Made by pi-installer-tui. fail2ban reads this file last.\n"


def obstacle(state: State, jail: str) -> str:
    """Why there can be no such jail on this machine; "" where there can."""
    if jail == SSHD:
        return "" if isinstance(state.sshd.effective, Known) else _("there is no SSH server here")
    if jail == RECIDIVE:
        return ""
    found = FILTERS[jail]
    if not state.fail2ban.services & set(found.units):
        return _("there is no {unit} here").format(unit=found.units[0])
    if found.log and found.log not in state.fail2ban.logs:
        return _("there is no {path} here yet").format(path=found.log)
    return ""


def jails(state: State, settings: BanSettings) -> Mapping[str, JailSettings]:
    """The jails that there will be, each with all that is wanted of it."""
    found = {}
    for name in (SSHD, *FILTERS):
        own = (settings.jails or {}).get(name, JailSettings())
        asked = name in FILTERS and FILTERS[name].asked
        if not (own.enabled or (own.enabled is None and not asked)) or obstacle(state, name):
            continue
        tuned = name in FILTERS and FILTERS[name].tuned
        general = {} if tuned else {key: getattr(settings, key) for key in ("tries", "within", "ban_time")}
        found[name] = JailSettings.model_validate({**general, **own.model_dump(exclude_none=True), "enabled": True})
    return found


def content(state: State, settings: BanSettings) -> str:
    """Our file. Debian 12 and later have no /var/log/auth.log, so the journal is read (jail.conf(5), backend)."""
    never = " ".join(dict.fromkeys((*LOOPBACK, *state.fail2ban.networks, *(settings.never or ()))))
    sections = []
    for name, jail in jails(state, settings).items():
        lines = [f"[{name}]", "enabled = true"]
        if name == SSHD:
            lines += ["backend = systemd", f"port = {','.join(map(str, state.sshd.ports or (22,)))}"]
        elif FILTERS[name].log:
            lines += ["backend = auto", f"logpath = {FILTERS[name].log}"]
        else:
            match = FILTERS[name].journal
            lines += ["backend = systemd", *([f"journalmatch = {match}"] if match else [])]
        lines.append(f"ignoreip = {never}")
        for key, value in (("maxretry", jail.tries), ("findtime", jail.within), ("bantime", jail.ban_time)):
            if value is not None:
                lines.append(f"{key} = {value}")
        sections.append("".join(f"{line}\n" for line in lines))
    return _HEAD + "\n".join(sections)


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
    wanted = jails(state, settings)
    if not wanted:
        return part.block(_("there is no service here whose failures could be counted"))
    _steps(part, now, wanted, content(state, settings))
    for name, jail in (settings.jails or {}).items():
        if jail.enabled and (why := obstacle(state, name)):
            part.blocked.append(Blocked(setting=f"{SETTING}.jails.{name}", why=why))
    return part


def _steps(part: Part, now: Fail2ban, wanted: Mapping[str, JailSettings], text: str) -> None:
    if RECIDIVE in wanted and LOG not in now.logs:  # fail2ban doesn't start with a jail that has no log
        there = Probe(argv=("test", "-e", LOG))
        part.steps.append(RunCommand(id="security.bans.log", setting=SETTING, argv=("touch", LOG), probe=there))
    if now.own != text:
        part.steps.append(WriteFile(id="security.bans.file", setting=SETTING, path=OWN, content=text))
    if now.lacks:  # by themselves, for fail2ban's own package has made data when it is taken back
        what = "security.bans.programs"
        part.steps.append(InstallPackages(id=what, setting=SETTING, risks=("download",), packages=now.lacks))
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
    runs = {jail.name for jail in known(now.jails) or ()}
    all_run = not isinstance(now.jails, Known) or runs >= set(wanted)
    if part.steps or not (now.enabled.configured == now.enabled.effective == Known(True) and all_run):
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
        part.checks.append(UnitActive(id="security.bans.runs", setting=SETTING, name=SERVICE))
        for name in wanted:
            asks = ("fail2ban-client", "status", name)
            part.checks.append(CommandSays(id=f"security.bans.jail-{name}", setting=SETTING, argv=asks, within=20))
