"""sudo: who becomes root without being asked for a password, by sudo's own parser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.accounts import GROUP, PASSWD
from pi_installer_tui.modules.security.audit.base import Check, Evidence, Finding
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown

SUDOERS = "/etc/sudoers"
COMMAND = ("cvtsudoers", "-f", "json", SUDOERS)

NOPASSWD = Check(
    "sudo.no-password",
    "accounts",
    6,
    N_("Does sudo ask everybody for a password before they become root?"),
    N_("Whatever runs in that account, a broken browser or a stolen key, is root at once."),
    N_("Take NOPASSWD out of the rule (`visudo -f FILE`), after the account has a password that is known."),
    "users.accounts",
)
CHECKS = (NOPASSWD,)


@dataclass(frozen=True, slots=True)
class Rule:
    """Somebody may run something without a password. who: `pi`, `%sudo`; all_commands: any of them."""

    who: str
    all_commands: bool
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sudo:
    """rules: those without a password; members: of the groups. None: sudo isn't there."""

    rules: tuple[Rule, ...] | Unknown | None
    members: Mapping[str, tuple[str, ...]]


def parse(document: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules without a password. Source: cvtsudoers(1); a document that is built otherwise raises KeyError,
    TypeError or AttributeError."""
    aliases: dict[str, list[Any]] = {**document.get("User_Aliases", {}), **document.get("Command_Aliases", {})}
    everyone: list[str] = []  # whom Defaults ask for no password
    for entry in document.get("Defaults", ()):
        if any(option.get("authenticate") is False for option in entry["Options"]):
            if "Binding" in entry:
                everyone += [who for each in entry["Binding"] for who in _who(each, aliases)]
            else:
                everyone.append("ALL")
    rules: list[Rule] = []
    for spec in document.get("User_Specs", ()):
        users = [who for each in spec["User_List"] for who in _who(each, aliases)]
        for part in spec["Cmnd_Specs"]:
            asks = next((o["authenticate"] for o in part.get("Options", ()) if "authenticate" in o), None)
            commands = tuple(c for each in part["Commands"] for c in _commands(each, aliases))
            for user in users:
                if asks is False or (asks is None and ("ALL" in everyone or user in everyone)):
                    rules.append(Rule(user, "ALL" in commands, commands))
    return tuple(rules)


def _who(each: Mapping[str, Any], aliases: Mapping[str, list[Any]]) -> Iterator[str]:
    if each.get("negated"):
        return
    for kind, sign in (("username", ""), ("usergroup", "%"), ("netgroup", "+")):
        if kind in each:
            yield f"{sign}{each[kind]}"
    for kind, sign in (("userid", "#"), ("usergid", "%#")):
        if kind in each:
            yield f"{sign}{each[kind]}"
    for member in aliases.get(each.get("useralias", ""), ()):
        yield from _who(member, aliases)


def _commands(each: Mapping[str, Any], aliases: Mapping[str, list[Any]]) -> Iterator[str]:
    if each.get("negated"):
        return
    if "command" in each:
        yield str(each["command"])
    for member in aliases.get(each.get("cmndalias", ""), ()):
        yield from _commands(member, aliases)


def members(passwd: str, group: str) -> dict[str, tuple[str, ...]]:
    """Who is in a group, by its name: those it lists, and those whose first group it is (group(5))."""
    first: dict[str, list[str]] = {}
    for line in passwd.splitlines():
        parts = line.split(":")
        if len(parts) == 7:
            first.setdefault(parts[3], []).append(parts[0])
    found: dict[str, tuple[str, ...]] = {}
    for line in group.splitlines():
        parts = line.split(":")
        if len(parts) == 4:
            listed = [name for name in parts[3].split(",") if name]
            found[parts[0]] = tuple(dict.fromkeys([*listed, *first.get(parts[2], ())]))
    return found


async def read(host: Host) -> Sudo:
    """Asks cvtsudoers, which comes with sudo and follows its includes."""
    if await host.which("sudo") is None:
        return Sudo(None, {})
    said, passwd, group = await asyncio.gather(
        base.say(host, *COMMAND), base.text(host, PASSWD), base.text(host, GROUP)
    )
    if isinstance(said, Unknown):
        return Sudo(said, {})
    try:
        rules = parse(json.loads(said))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Sudo(Unknown(_("{program}'s answer can't be read").format(program="cvtsudoers")), {})
    known = isinstance(passwd, str) and isinstance(group, str)
    return Sudo(rules, members(passwd, group) if known else {})  # type: ignore[arg-type]


def judge(facts: Sudo) -> tuple[Finding, ...]:
    """The finding on sudo. A rule for single commands is shown, and isn't bad by itself; neither is one for a group
    that nobody is in."""
    if facts.rules is None:
        return (base.not_here(NOPASSWD, _("{program} is not installed").format(program="sudo")),)
    if isinstance(facts.rules, Unknown):
        return (base.unknown(NOPASSWD, facts.rules),)
    lines = []
    bad: list[str] = []
    for rule in facts.rules:
        of = facts.members.get(rule.who[1:], ()) if rule.who.startswith("%") else (rule.who,)
        inside = f" ({', '.join(of) or 'nobody'})" if rule.who.startswith("%") else ""
        lines.append(f"{rule.who}{inside} NOPASSWD: {', '.join(rule.commands)}")
        if rule.all_commands and of and rule.who not in ("root", "#0"):
            bad.append(rule.who)
    receipt = base.evidence(COMMAND, lines) if lines else Evidence(" ".join(COMMAND), _("no rule with NOPASSWD"))
    return (base.found(NOPASSWD, dict.fromkeys(bad), receipt),)
