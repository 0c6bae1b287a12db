"""The firewall: ufw's own commands, as lists of typed arguments, with ufw's own files kept before and put back by the
way back. SSH, and the connection that this is asked for from, stay open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.settings import FirewallSettings, RuleSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.modules.security.ufw import CONF, DEFAULTS, RULES, RULES6, Rule, Ufw
from pi_installer_tui.system.reading import Known, Unknown, known
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.plan import Mistake
from pi_installer_tui.tasks.steps import InstallPackages, RunCommand, Step

SETTING = "security.firewall"
#: what the package brings (Debian, ufw 0.36)
FRESH = {"incoming": "deny", "outgoing": "allow", "routed": "deny"}


def rule_of(name: str, wanted: RuleSettings) -> Rule:
    """A rule as ufw keeps it."""
    six = ":" in f"{wanted.source or ''}{wanted.destination or ''}"
    both = not wanted.source and not wanted.destination
    return Rule(
        action=wanted.action,
        direction=wanted.direction or "in",
        protocol=wanted.protocol or "",
        port=wanted.port or "",
        application=wanted.application or "",
        source=wanted.source or "",
        destination=wanted.destination or "",
        interface=wanted.interface or "",
        comment=wanted.comment or name,
        v4=both or not six,
        v6=both or six,
    )


def arguments(rule: Rule) -> tuple[str, ...]:
    """The rule as ufw's arguments, without its comment (ufw(8), RULE SYNTAX)."""
    words = [rule.action, rule.direction, *(("on", rule.interface) if rule.interface else ())]
    if rule.protocol:
        words += ["proto", rule.protocol]
    words += ["from", rule.source or "any", "to", rule.destination or "any"]
    if rule.application:
        words += ["app", rule.application]
    elif rule.port:
        words += ["port", rule.port]
    return tuple(words)


def line_of(rule: Rule, *, six: bool) -> str:
    """The comment line by which ufw keeps a rule without an application."""
    anywhere = "::/0" if six else "0.0.0.0/0"
    words = ["### tuple ###", rule.action, rule.protocol or "any", rule.port or "any"]
    words += [rule.destination or anywhere, "any", rule.source or anywhere]
    words.append(f"{rule.direction}_{rule.interface}" if rule.interface else rule.direction)
    return " ".join([*words, *([f"comment={rule.comment.encode().hex()}"] if rule.comment else [])])


def plan(state: State, settings: FirewallSettings, ports: Sequence[int] = ()) -> Part:
    """The steps to what is wanted; all but the installation have to be put on probation. ports: those of SSH that stay
    open, or are to be; none: those that sshd listens on."""
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
    rules = _there(ufw)
    on = _on(ufw)
    will = on if settings.enabled is None else settings.enabled
    kept = list(part.steps)
    for name, wanted in (("incoming", settings.incoming), ("outgoing", settings.outgoing)):
        if wanted is not None and policy(ufw, name) != wanted:
            _run(part, f"policy-{name}", ("ufw", "default", wanted, name), (DEFAULTS, RULES, RULES6))
    for name, setting in (settings.rules or {}).items():
        _rule(part, rules, name, setting)
    after = afterwards(rules, settings)
    if will:
        for port in ports or state.sshd.ports or (22,):
            if lets_in(ufw, after, settings, port, state.seat.client) is None:
                _add(part, f"keep-ssh-{port}", keeping(port), first=False)
                part.notice(_("a rule is added that keeps SSH (port {port}) open").format(port=port))
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


def close(state: State, settings: FirewallSettings, ports: Sequence[int], added: Sequence[Step]) -> Part:
    """What is left to do when sshd doesn't listen on these ports any more: the rules of ours for them go. added: the
    steps that run before. A firewall that is off keeps its rules: they aren't looked at by whoever switches it on."""
    part = Part(SETTING)
    will = _on(state.ufw) if settings.enabled is None else settings.enabled
    named = {rule_of(name, rule).about for name, rule in (settings.rules or {}).items()}
    kept = {(rule.what, rule.comment) for rule in _there(state.ufw)}
    ids = {step.id for step in added}
    for port in ports if will else ():
        rule = keeping(port)
        there = (rule.what, rule.comment) in kept or f"security.firewall.keep-ssh-{port}" in ids
        if there and rule.about not in named:
            _delete(part, f"close-ssh-{port}", rule)
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


def _there(ufw: Ufw) -> tuple[Rule, ...]:
    return ufw.rules.value if isinstance(ufw.rules, Known) else ()


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


def _rule(part: Part, rules: Sequence[Rule], name: str, setting: RuleSettings) -> None:
    """A rule is what it is about: ufw keeps one of it, whatever its action. Its comment is its name, so that a changed
    rule replaces the old one."""
    rule = rule_of(name, setting)
    same = next((r for r in rules if r.about == rule.about), None)
    named = [r for r in rules if r.comment == name and r.about != rule.about and not _foreign(r)]
    if setting.state == "absent":
        for number, old in enumerate([*([same] if same is not None else []), *named]):
            _delete(part, f"rule-{name}-remove{number or ''}", old)
        return
    for number, old in enumerate(named):
        _delete(part, f"rule-{name}-replace{number or ''}", old)
    if same is None or same.action != rule.action or (setting.comment is not None and same.comment != rule.comment):
        _add(part, f"rule-{name}", rule, first=setting.place == "first")


def _foreign(rule: Rule) -> bool:
    """Whether a rule has something that can't be said here, and so isn't one of ours."""
    return bool(rule.log or rule.source_port or rule.out_interface) or rule.direction == "route"


def _add(part: Part, what: str, rule: Rule, *, first: bool) -> None:
    argv = ("ufw", *(("prepend",) if first else ()), *arguments(rule), "comment", rule.comment)
    _run(part, what, argv, (RULES, RULES6))
    if not rule.application:
        path = RULES if rule.v4 else RULES6
        part.checks.append(_says(what, ("cat", path), line_of(rule, six=not rule.v4)))


def _delete(part: Part, what: str, rule: Rule) -> None:
    _run(part, what, ("ufw", "--force", "delete", *arguments(rule)), (RULES, RULES6))
    for six, there, path in ((False, rule.v4, RULES), (True, rule.v6, RULES6)):
        if there and not rule.application:
            check = _says(f"{what}-{6 if six else 4}", ("cat", path), "")
            part.checks.append(check.model_copy(update={"without": line_of(rule, six=six)}))


def _says(what: str, argv: tuple[str, ...], line: str) -> CommandSays:
    return CommandSays(id=f"security.firewall.{what}", setting=SETTING, argv=argv, line=line)


def afterwards(rules: Sequence[Rule], settings: FirewallSettings) -> tuple[Rule, ...]:
    """The rules in their order, as they will be."""
    found = list(rules)
    for name, setting in (settings.rules or {}).items():
        rule = rule_of(name, setting)
        gone = [r for r in found if r.comment == name and r.about != rule.about and not _foreign(r)]
        if setting.state == "absent":
            gone += [r for r in found if r.about == rule.about]
        found = [rule if r.about == rule.about else r for r in found if r not in gone]
        if setting.state != "absent" and rule not in found:
            found.insert(0 if setting.place == "first" else len(found), rule)
    return tuple(found)


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
    if rule.source_port:
        return rule.action not in ("allow", "limit")
    if rule.application:
        profile = (ufw.applications or {}).get(rule.application, ())
        return any(_has(p.partition("/")[0], port) and p.partition("/")[2] in ("", "tcp") for p in profile)
    return rule.protocol in ("", "tcp") and (not rule.port or _has(rule.port, port))


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
    will = _on(state.ufw) if settings.enabled is None else settings.enabled
    if not plan(state, settings, ports).steps or not will:
        return found
    rules = afterwards(_there(state.ufw), settings)
    mine: Mapping[Rule, str] = {rule_of(name, rule).about: name for name, rule in (settings.rules or {}).items()}
    for port in ports or state.sshd.ports or (22,):
        decides = lets_in(state.ufw, rules, settings, port, state.seat.client)
        if isinstance(decides, Rule) and decides.action in ("deny", "reject"):
            name = mine.get(decides.about)
            place = f"{SETTING}.rules.{name}" if name else SETTING
            found.append(Mistake(place, _("would shut out SSH (port {port})").format(port=port)))
    return found
