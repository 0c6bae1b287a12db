"""The state for people and programs: as settings, as lines to show, as JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.base import Fact
from pi_installer_tui.modules.security.fail2ban import FILTERS, SSHD, Jail
from pi_installer_tui.modules.security.issue import NETWORK
from pi_installer_tui.modules.security.modprobe import GROUPS
from pi_installer_tui.modules.security.plan import parts_of
from pi_installer_tui.modules.security.plans.fail2ban import LOOPBACK, obstacle
from pi_installer_tui.modules.security.settings import JAILS, SecuritySettings
from pi_installer_tui.modules.security.sshd import Sshd
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.modules.security.sysctl import HARDENED
from pi_installer_tui.modules.security.updates import MAIL, MAIL_WHEN, REBOOT, REBOOT_TIME
from pi_installer_tui.system.reading import (
    MISSING,
    Known,
    Reading,
    Unknown,
    Value,
    known,
    mapped,
    reading_json,
    value_json,
)


def present(state: State) -> SecuritySettings:
    """The machine as settings. What isn't settled is left out, so that planning them changes nothing."""
    ssh = {key: value for key, value in _ssh(state.sshd).items() if _settled(state, {"ssh": {key: value}})}
    firewall = _firewall(state)
    areas = {"firewall": firewall, "ssh": ssh, "bans": _bans(state), "updates": _updates(state)}
    areas["kernel"] = _kernel(state)
    areas["audit_log"] = _audit_log(state)
    return SecuritySettings.model_validate({name: values for name, values in areas.items() if values})


def _settled(state: State, model: dict[str, Any]) -> bool:
    try:
        settings = SecuritySettings.model_validate(model)
    except ValueError:
        return False
    return all(part.settled for part in parts_of(state, settings))


def _firewall(state: State) -> dict[str, Any]:
    """What ufw does, in the settings' words. A rule that can't be wanted here is left out."""
    ufw = state.ufw
    if not ufw.installed:
        return {}
    found: dict[str, Any] = {"enabled": known(ufw.enabled.effective)}
    found |= {name: known(ufw.policies[name].effective) for name in ("incoming", "outgoing")}
    found = {k: v for k, v in found.items() if v is not None and _settled(state, {"firewall": {k: v}})}
    rules: dict[str, dict[str, Any]] = {}
    there = ufw.rules.value if isinstance(ufw.rules, Known) else ()
    for number, rule in enumerate(there, 1):
        name = rule.comment if rule.comment not in rules else ""
        values = {
            "action": rule.action,
            "direction": rule.direction if rule.direction != "in" else None,
            **{key: getattr(rule, key) or None for key in ("protocol", "port", "application", "source")},
            **{key: getattr(rule, key) or None for key in ("source_port", "destination", "interface")},
            **{key: getattr(rule, key) or None for key in ("out_interface", "log")},
        }
        plain = {key: value for key, value in values.items() if value is not None}
        for each in (name, f"rule-{number}"):
            if each and _settled(state, {"firewall": {"rules": {each: plain}}}):
                rules[each] = plain
                break
    return {**found, "rules": rules} if rules else found


def _bans(state: State) -> dict[str, Any]:
    """Our own jail in the settings' words, or that there are no bans."""
    own = state.fail2ban.own
    if not own or state.fail2ban.enabled.effective != Known(True):
        return {"enabled": False} if _settled(state, {"bans": {"enabled": False}}) else {}
    sections = {section.partition("]")[0]: section for section in own.split("\n[")[1:]}
    jails = {name: _numbers(text) for name, text in sections.items() if name in JAILS}
    general = jails.get(SSHD, {})
    found: dict[str, Any] = {"enabled": True, **general}
    if said := re.search(r"^ignoreip = (.*)$", own, re.MULTILINE):
        found["never"] = [n for n in said[1].split() if n not in (*LOOPBACK, *state.fail2ban.networks)]
    different: dict[str, dict[str, Any]] = {}
    for name in JAILS:
        there, usual = name in jails, not (name in FILTERS and FILTERS[name].asked)
        if there and jails[name] != ({} if name in FILTERS and FILTERS[name].tuned else general):
            different[name] = {"enabled": True, **jails[name]}
        elif there != usual and not obstacle(state, name):
            different[name] = {"enabled": there}
    if different:
        found["jails"] = different
    return found if _settled(state, {"bans": found}) else {}


def _numbers(section: str) -> dict[str, int]:
    """What a jail of our file says in numbers, in the settings' words."""
    found = {}
    for name, key in (("tries", "maxretry"), ("within", "findtime"), ("ban_time", "bantime")):
        if said := re.search(rf"^{key} = ([0-9]+)$", section, re.MULTILINE):
            found[name] = int(said[1])
    return found


def _kernel(state: State) -> dict[str, Any]:
    """The settings of our own file that the list doesn't have, and the list where all of it is so."""
    singles = {name: value for name, value in state.sysctl.own.items() if HARDENED.get(name) != value}
    values = {name: {"value": value} for name, value in singles.items() if _settled(state, _of_kernel(name, value))}
    found: dict[str, Any] = {"values": values} if values else {}
    for name in (*GROUPS, "core_dumps"):
        if _settled(state, {"kernel": {name: False}}):
            found[name] = False
    hardened = {**found, "hardened": True}
    return hardened if _settled(state, {"kernel": hardened}) else found


def _of_kernel(name: str, value: str) -> dict[str, Any]:
    return {"kernel": {"values": {name: {"value": value}}}}


def _audit_log(state: State) -> dict[str, Any]:
    """Whether there is an audit log with our rules, or none at all."""
    on = bool(state.auditd.own) and state.auditd.enabled.configured == Known(True)
    found: dict[str, Any] = {"enabled": True, "rules": "baseline"} if on else {"enabled": False}
    return found if _settled(state, {"audit_log": found}) else {}


def _updates(state: State) -> dict[str, Any]:
    """What apt's configuration says, in the settings' words."""
    found: dict[str, Any] = {"enabled": known(state.updates.automatic), "origins": known(state.updates.origins)}
    for name, key in (("reboot", REBOOT), ("reboot_time", REBOOT_TIME), ("mail", MAIL), ("mail_when", MAIL_WHEN)):
        said = (known(state.updates.says(key)) or ("",))[-1]
        found[name] = {"true": True, "false": False}.get(said) if name == "reboot" else said or None
    found["package_check"] = known(state.updates.package_check)
    return {
        name: value
        for name, value in found.items()
        if value is not None and _settled(state, {"updates": {name: value}})
    }


def _ssh(sshd: Sshd) -> dict[str, Any]:
    """What sshd says, in the settings' words."""

    def says(keyword: str) -> str:
        return known(sshd.says(keyword)) or ""

    found: dict[str, Any] = {
        "port": list(sshd.ports),
        "root_login": says("PermitRootLogin").replace("without-password", "prohibit-password"),
        "users": says("AllowUsers").split(),
        "groups": says("AllowGroups").split(),
        "tcp_forwarding": says("AllowTcpForwarding"),
        "algorithms": "modern" if isinstance(sshd.effective, Known) else None,
    }
    for name, keyword in _NUMBERS.items():
        if says(keyword).isdigit():
            found[name] = int(says(keyword))
    found["log_level"] = {"INFO": "info", "VERBOSE": "verbose"}.get(says("LogLevel"))
    found["notice"] = {NETWORK: True, "none": False}.get(says("Banner"))
    for name, keyword in _SWITCHES.items():
        found[name] = {"yes": True, "no": False}.get(says(keyword))
    return {key: value for key, value in found.items() if value not in (None, "", [])}


_NUMBERS = {
    "max_auth_tries": "MaxAuthTries",
    "idle_timeout": "UnusedConnectionTimeout",
    "max_sessions": "MaxSessions",
    "keepalive": "ClientAliveInterval",
}
_SWITCHES = {
    "password_login": "PasswordAuthentication",
    "key_login": "PubkeyAuthentication",
    "agent_forwarding": "AllowAgentForwarding",
    "x11_forwarding": "X11Forwarding",
}


def summary(state: State) -> str:
    """One phrase: the firewall, how one logs in, whether updates come."""
    parts = []
    match state.ufw.enabled.effective:
        case Known(on):
            parts.append(_("firewall on") if on else _("no firewall"))
        case Unknown():
            parts.append(_("firewall unknown"))
    match state.sshd.says("PasswordAuthentication"):
        case Known("no"):
            parts.append(_("SSH by key"))
        case Known():
            parts.append(_("SSH by password"))
    match state.updates.automatic:
        case Known(True):
            parts.append(_("automatic updates"))
        case Known(False):
            parts.append(_("no automatic updates"))
    return ", ".join(parts) or _("unknown")


def facts(state: State) -> Sequence[Fact]:
    """What is, a line a value."""
    ports: Reading[str] = MISSING
    if not isinstance(state.sshd.effective, Unknown):
        ports = Known(" ".join(map(str, state.sshd.ports))) if state.sshd.ports else MISSING
    else:
        ports = state.sshd.effective
    sshd = state.sshd
    rules = state.ufw.rules
    lines = [
        Fact("firewall.enabled", _("Firewall"), mapped(state.ufw.enabled, _on)),
        Fact("", _("Firewall rules"), _single(_counted(rules))),
        Fact("ssh.port", _("SSH ports"), _single(ports)),
        Fact("ssh.root_login", _("SSH root login"), sshd.value("PermitRootLogin")),
        Fact("ssh.password_login", _("SSH password login"), sshd.value("PasswordAuthentication")),
        Fact("ssh.key_login", _("SSH key login"), sshd.value("PubkeyAuthentication")),
        Fact("ssh.users", _("SSH users"), sshd.value("AllowUsers")),
        Fact("bans.enabled", _("Bans"), mapped(state.fail2ban.enabled, _on)),
        *(
            []
            if state.fail2ban.jails == MISSING
            else [Fact("", _("Banned"), mapped(_single(state.fail2ban.jails), _banned))]
        ),
        Fact("updates.enabled", _("Automatic updates"), mapped(_single(state.updates.automatic), _on)),
        Fact("audit_log.enabled", _("Audit log"), mapped(state.auditd.enabled, _on)),
    ]
    return lines


def _banned(jails: tuple[Jail, ...]) -> str:
    return str(len({address for jail in jails for address in jail.banned}))


def _on(on: bool) -> str:
    return _("on") if on else _("off")


def _single(reading: Reading[Any]) -> Value[Any]:
    return Value(reading, reading)


def _counted(reading: Reading[tuple[Any, ...]]) -> Reading[str]:
    return Known(str(len(reading.value)), reading.source) if isinstance(reading, Known) else reading


def state_json(state: State) -> dict[str, Any]:
    """Every value as {configured, effective, pending, owner, source}; missing: null, unknown: {"unknown": reason}."""
    sshd = state.sshd
    keywords: tuple[str, ...] = (
        "PermitRootLogin",
        "PasswordAuthentication",
        "PubkeyAuthentication",
        "AllowUsers",
        "AllowGroups",
    )
    keywords += ("MaxAuthTries", "X11Forwarding", "AllowTcpForwarding", "AllowAgentForwarding")
    return {
        "sshd": {
            "ports": list(sshd.ports),
            "loaded": reading_json(sshd.loaded),
            "socket": sshd.socket,
            **{keyword.lower(): value_json(sshd.value(keyword)) for keyword in keywords},
        },
        "firewall": {
            "enabled": value_json(state.ufw.enabled),
            **{name: value_json(value) for name, value in state.ufw.policies.items()},
            "rules": reading_json(_counted(state.ufw.rules)),
        },
        "fail2ban": {
            "enabled": value_json(state.fail2ban.enabled),
            "banned": {jail.name: list(jail.banned) for jail in known(state.fail2ban.jails) or ()},
            "bans": [
                {"jail": jail.name, "address": ban.address, "since": ban.since, "until": ban.until}
                for jail in known(state.fail2ban.jails) or ()
                for ban in jail.bans
            ],
        },
        "updates": {"automatic": reading_json(state.updates.automatic), "origins": reading_json(state.updates.origins)},
        "sysctl": {n: value_json(v) for n, v in state.sysctl.values.items() if n in HARDENED or n in state.sysctl.own},
        "auditd": {"enabled": value_json(state.auditd.enabled), "here": state.auditd.here},
    }


def choices(state: State, name: str) -> Sequence[str]:
    """The choices that the settings' fields name."""
    match name:
        case "logins":
            return tuple(account.name for account in state.accounts)
        case "applications":
            return tuple(state.ufw.applications or ())
        case "jails":
            return tuple(jail for jail in JAILS if not obstacle(state, jail))
        case "banned":
            return tuple(dict.fromkeys(a for jail in known(state.fail2ban.jails) or () for a in jail.banned))
        case "banning":
            return tuple(jail.name for jail in known(state.fail2ban.jails) or () if jail.banned)
    return ()
