"""The firewall: ufw's own commands, as lists of typed arguments, with ufw's own files kept before and put back by the
way back. SSH, and the connection that this is asked for from, stay open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.plans.rules import CannotPlace, Edit, Table, arguments, edit, line_of, rule_of
from pi_installer_tui.modules.security.settings import FirewallSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.modules.security.ufw import CONF, DEFAULTS, RULES, RULES6, Rule, Ufw
from pi_installer_tui.system.reading import Known, Unknown, known
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.plan import Mistake
from pi_installer_tui.tasks.steps import InstallPackages, RunCommand

SETTING = "security.firewall"
#: what the package brings (Debian, ufw 0.36)
FRESH = {"incoming": "deny", "outgoing": "allow", "routed": "deny"}


@dataclass(frozen=True, slots=True)
class Result:
    """What has to be done to the rules, and how they are afterwards. stays: those that nobody names but that keep SSH
    open; opened: the ports of SSH that get a rule of ours."""

    edits: tuple[Edit, ...]
    rules: tuple[Rule, ...]
    stays: tuple[Rule, ...] = ()
    opened: tuple[int, ...] = ()


def work_out(state: State, settings: FirewallSettings, ports: Sequence[int]) -> Result:
    """The way from the rules as they are to those that are wanted. ports: those of SSH that stay open. Raises
    CannotPlace."""
    ufw, client, wanted = state.ufw, state.seat.client, settings.rules or {}
    table = Table(ufw)
    edit(table, wanted)
    stays: list[Rule] = []
    if settings.exclusive:
        mine = {rule_of(name, rule).about for name, rule in wanted.items() if rule.state != "absent"}
        named = [rule for rule in table.rules if rule.about in mine]
        others = [rule for rule in table.rules if rule.about not in mine]
        shut = [port for port in ports if lets_in(ufw, named, settings, port, client) is None]
        stays = [rule for rule in others if any(_opens(ufw, rule, port) for port in shut)]
        for number, rule in enumerate((each for each in others if each not in stays), 1):
            table.delete(f"other-{number}", rule)
    opened = []
    for port in ports if _will(state, settings) else ():
        if lets_in(ufw, table.rules, settings, port, client) is None:
            opened.append(port)
            rule = keeping(port)
            (table.change if table.find(rule) is not None else table.last)(f"keep-ssh-{port}", rule)
    return Result(tuple(table.edits), table.rules, tuple(stays), tuple(opened))


def _will(state: State, settings: FirewallSettings) -> bool:
    """Whether the firewall is on afterwards."""
    return _on(state.ufw) if settings.enabled is None else settings.enabled


def plan(state: State, settings: FirewallSettings, ports: Sequence[int] = (), closes: Sequence[int] = ()) -> Part:
    """The steps to what is wanted; all but the installation have to be put on probation. ports: those of SSH that stay
    open, or are to be; none: those that sshd listens on. closes: those of them that go when it is confirmed."""
    part = Part(SETTING)
    ufw = state.ufw
    for reading in (ufw.rules, ufw.enabled.configured, ufw.enabled.effective, ufw.in_kernel):
        if isinstance(reading, Unknown):
            return part.block(reading.reason)
    if not ufw.installed:
        if not settings.enabled and not settings.rules:
            return part
        part.steps.append(
            InstallPackages(id="security.firewall.package", setting=SETTING, risks=("download",), packages=("ufw",))
        )
    try:
        result = work_out(state, settings, ports or state.sshd.ports or (22,))
    except CannotPlace as error:
        return part.block(str(error))
    on, will = _on(ufw), _will(state, settings)
    kept = list(part.steps)
    for name, wanted in (("incoming", settings.incoming), ("outgoing", settings.outgoing)):
        if wanted is not None and policy(ufw, name) != wanted:
            _run(part, f"policy-{name}", ("ufw", "default", wanted, name), (DEFAULTS, RULES, RULES6))
    closing = {keeping(port) for port in closes}
    for each in result.edits:
        _edit(part, each, proven=each.rule not in closing)
    for port in result.opened:
        part.notice(_("a rule is added that keeps SSH (port {port}) open").format(port=port))
    if result.stays and part.steps != kept:
        part.notice(
            _("stays, although no rule here names it, for it keeps SSH open: {rules}").format(
                rules="; ".join(" ".join(arguments(rule)) for rule in result.stays)
            )
        )
    if settings.enabled is not None and (known(ufw.enabled.configured), known(ufw.enabled.effective)) != (will, will):
        verb, back = ("enable", "disable") if will else ("disable", "enable")
        if not (not will and not ufw.installed):
            _run(part, verb, ("ufw", "--force", verb), (CONF,), back=("ufw", "--force", back) if on != will else ())
            if will:
                part.checks.append(_says("on", ("iptables", "-S"), "-A INPUT -j ufw-before-input"))
    if part.steps != kept or (will and ufw.in_kernel == Known(False)):
        part.steps.append(_reload("reload", part.ids()))
    return part


def keeping(port: int) -> Rule:
    """The rule of ours that keeps SSH open."""
    return Rule("allow", protocol="tcp", port=str(port), comment="SSH")


def close(state: State, settings: FirewallSettings, ports: Sequence[int], closes: Sequence[int]) -> Part:
    """What is left to do when sshd doesn't listen on these ports any more: the rules of ours for them go. ports: as for
    `plan`, which runs before. A firewall that is off keeps its rules: who switches it on by hand may need them."""
    part = Part(SETTING)
    named = {rule_of(name, rule).about for name, rule in (settings.rules or {}).items()}
    will_be = work_out(state, settings, ports).rules if _will(state, settings) else ()
    for port in closes:
        rule = next((r for r in will_be if (r.what, r.comment) == (keeping(port).what, keeping(port).comment)), None)
        if rule is not None and rule.about not in named:
            _edit(part, Edit(f"close-ssh-{port}", rule, delete=True))
    if part.steps:
        part.steps.append(_reload("close-reload", part.ids()))
    return part


def _reload(what: str, needs: Sequence[str]) -> RunCommand:
    return RunCommand(
        id=f"security.firewall.{what}",
        setting=SETTING,
        needs=tuple(needs),
        argv=("ufw", "reload"),
        probe="repeatable",
        again=True,
    )


def _on(ufw: Ufw) -> bool:
    return ufw.enabled.effective == Known(True)


def policy(ufw: Ufw, name: str) -> str:
    """A default policy: what ufw has, or will have when it is installed."""
    found = known(ufw.policies[name].effective) if name in ufw.policies else None
    return found or FRESH[name]


def _run(part: Part, what: str, argv: tuple[str, ...], touches: tuple[str, ...], back: tuple[str, ...] = ()) -> None:
    part.steps.append(
        RunCommand(
            id=f"security.firewall.{what}",
            setting=SETTING,
            needs=part.ids()[:1] if part.steps and isinstance(part.steps[0], InstallPackages) else (),
            argv=argv,
            probe="repeatable",
            touches=touches,
            undo_argv=back,
        )
    )


def _edit(part: Part, edit: Edit, *, proven: bool = True) -> None:
    """The step of an edit, and what proves it; not where a later one undoes it."""
    rule = edit.rule
    _run(part, edit.what, edit.argv, (RULES, RULES6))
    if rule.application or edit.again or not proven:
        return
    if not edit.delete:
        path = RULES if rule.v4 else RULES6
        part.checks.append(_says(edit.what, ("cat", path), line_of(rule, six=not rule.v4)))
        return
    for six, there, path in ((False, rule.v4, RULES), (True, rule.v6, RULES6)):
        if there:
            check = _says(f"{edit.what}-{6 if six else 4}", ("cat", path), "")
            part.checks.append(check.model_copy(update={"without": line_of(rule, six=six)}))


def _says(what: str, argv: tuple[str, ...], line: str) -> CommandSays:
    return CommandSays(id=f"security.firewall.{what}", setting=SETTING, argv=argv, line=line)


def lets_in(ufw: Ufw, rules: Sequence[Rule], settings: FirewallSettings, port: int, client: str) -> Rule | str | None:
    """What decides about a TCP connection to a port, from a client ("" for anywhere): the rule, or "" where the default
    policy lets it in; None where nothing lets it in. A rule that is about some clients, interfaces or addresses only
    counts for what it may shut out, and for what it lets in only where the client is known to be among them."""
    for rule in rules:
        if rule.direction != "in" or not _about(ufw, rule, port):
            continue
        narrowed = bool(rule.interface or rule.destination or (rule.source and not client))
        if rule.source and client and not _within(client, rule.source):
            continue
        if narrowed and (rule.action in ("allow", "limit") or not client):
            continue
        return rule
    return "" if (settings.incoming or policy(ufw, "incoming")) == "allow" else None


def _about(ufw: Ufw, rule: Rule, port: int) -> bool:
    if rule.source_port and (rule.action in ("allow", "limit") or not _has_above(rule.source_port, _CLIENTS)):
        return False
    if rule.application:
        profile = (ufw.applications or {}).get(rule.application, ())
        return any(_has(p.partition("/")[0], port) and p.partition("/")[2] in ("", "tcp") for p in profile)
    return rule.protocol in ("", "tcp") and (not rule.port or _has(rule.port, port))


#: the lowest port that a client's system gives it by itself (RFC 6335, the registered and the dynamic ones)
_CLIENTS = 1024


def _has_above(ports: str, lowest: int) -> bool:
    return any(int(part.rpartition(":")[2]) >= lowest for part in ports.split(","))


def _opens(ufw: Ufw, rule: Rule, port: int) -> bool:
    """Whether a rule lets SSH in, for whomever."""
    return rule.direction == "in" and rule.action in ("allow", "limit") and _about(ufw, rule, port)


def _has(ports: str, port: int) -> bool:
    for part in ports.split(","):
        first, _colon, last = part.partition(":")
        if first.isdigit() and int(first) <= port <= int(last or first):
            return True
    return False


def _within(address: str, network: str) -> bool:
    try:
        return ip_address(address) in ip_network(network, strict=False)
    except ValueError:
        return False


def validate(state: State, settings: FirewallSettings, ports: Sequence[int] = ()) -> Sequence[Mistake]:
    """Rules that would shut out SSH or the connection this is asked for from, and profiles that aren't there. ports: as
    for `plan`."""
    profiles = state.ufw.applications or {}
    found = [
        Mistake(f"{SETTING}.rules.{name}.application", _("there is no such profile on this machine"))
        for name, rule in (settings.rules or {}).items()
        if rule.application is not None and state.ufw.installed and rule.application not in profiles
    ]
    found += [
        Mistake(f"{SETTING}.rules.{name}", _("ufw has no IPv6 here (IPV6=no in {path})").format(path=DEFAULTS))
        for name, rule in (settings.rules or {}).items()
        if not state.ufw.ipv6 and not rule_of(name, rule).v4
    ]
    wanted = settings.rules or {}
    comments = {rule.comment for rule in (state.ufw.rules.value if isinstance(state.ufw.rules, Known) else ())}
    for name, rule in wanted.items():
        for key, other in (("before", rule.before), ("after", rule.after)):
            absent = other in wanted and other is not None and wanted[other].state == "absent"
            if other is not None and (absent or (other not in wanted and other not in comments)):
                place = f"{SETTING}.rules.{name}.{key}"
                found.append(Mistake(place, _("there is no rule {name}").format(name=other)))
    ports = ports or state.sshd.ports or (22,)
    made = plan(state, settings, ports)
    if not made.steps:
        ports = [port for port in ports if port not in state.sshd.ports]
    if not _will(state, settings) or made.blocked:
        return found
    rules = work_out(state, settings, ports).rules
    mine: Mapping[Rule, str] = {rule_of(name, rule).about: name for name, rule in wanted.items()}
    for port in ports:
        decides = lets_in(state.ufw, rules, settings, port, state.seat.client)
        if isinstance(decides, Rule) and decides.action in ("deny", "reject"):
            name = mine.get(decides.about, "")
            place = f"{SETTING}.rules.{name}" if name else SETTING
            found.append(Mistake(place, _("would shut out SSH (port {port})").format(port=port)))
    return found
