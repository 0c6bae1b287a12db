"""The firewall's rules: one as ufw's arguments and as the line by which ufw keeps it, and what of a whole table has to
be added, moved and taken away. What ufw does with its two lists, of IPv4 and of IPv6, is worked out beside (ufw 0.36,
backend_iptables.py and frontend.py, set_rule)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.security.settings import RuleSettings
from pi_installer_tui.modules.security.ufw import Rule, Ufw
from pi_installer_tui.system.reading import Known


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
        source_port=wanted.source_port or "",
        destination=wanted.destination or "",
        interface=wanted.interface or "",
        out_interface=wanted.out_interface or "",
        log=wanted.log or "",
        comment=wanted.comment or name,
        v4=both or not six,
        v6=(both or six) and wanted.protocol != "igmp",
    )


def arguments(rule: Rule) -> tuple[str, ...]:
    """The rule as ufw's arguments, without its comment and without the word `route` (ufw(8), RULE SYNTAX)."""
    words = [rule.action]
    if rule.direction != "route":
        words += [rule.direction, *(("on", rule.interface) if rule.interface else ())]
    else:
        words += ["in", "on", rule.interface] if rule.interface else []
        words += ["out", "on", rule.out_interface] if rule.out_interface else []
    words += [rule.log] if rule.log else []
    words += ["proto", rule.protocol] if rule.protocol else []
    words += ["from", rule.source or "any", *(("port", rule.source_port) if rule.source_port else ())]
    words += ["to", rule.destination or "any"]
    if rule.application:
        words += ["app", rule.application]
    elif rule.port:
        words += ["port", rule.port]
    return tuple(words)


def line_of(rule: Rule, *, six: bool) -> str:
    """The comment line by which ufw keeps a rule without an application."""
    anywhere = "::/0" if six else "0.0.0.0/0"
    action = f"{'route:' if rule.direction == 'route' else ''}{rule.action}{f'_{rule.log}' if rule.log else ''}"
    words = ["### tuple ###", action, rule.protocol or "any", rule.port or "any", rule.destination or anywhere]
    words += [rule.source_port or "any", rule.source or anywhere]
    if rule.direction == "route":
        ways = [f"{way}_{name}" for way, name in (("in", rule.interface), ("out", rule.out_interface)) if name]
        words.append("!".join(ways) or "in")
    else:
        words.append(f"{rule.direction}_{rule.interface}" if rule.interface else rule.direction)
    return " ".join([*words, *([f"comment={rule.comment.encode().hex()}"] if rule.comment else [])])


@dataclass(frozen=True, slots=True)
class Edit:
    """One of ufw's commands. what: the end of its step's id; place: `prepend`, the number of `insert`, "" for the last
    place or, where there is a rule about the same, its place. again: the rule comes back, at another place."""

    what: str
    rule: Rule
    delete: bool = False
    place: str = ""
    again: bool = False

    @property
    def argv(self) -> tuple[str, ...]:
        """The command."""
        route = ("route",) if self.rule.direction == "route" else ()
        if self.delete:
            return ("ufw", "--force", *route, "delete", *arguments(self.rule))
        place = ("insert", self.place) if self.place.isdigit() else (self.place,) if self.place else ()
        return ("ufw", *route, *place, *arguments(self.rule), "comment", self.rule.comment)


class CannotPlace(Exception):
    """ufw counts the rules of an application with several protocols in one way and places in another."""

    def __str__(self) -> str:
        return _("ufw can't place a rule among those of an application with several protocols")


class Table:
    """ufw's two lists, as they are after the edits so far."""

    def __init__(self, ufw: Ufw) -> None:
        rules = ufw.rules.value if isinstance(ufw.rules, Known) else ()
        self._four = [rule for rule in rules if rule.v4]
        self._six = list(ufw.six if ufw.six is not None else (rule for rule in rules if rule.v6))
        self._applications = ufw.applications or {}
        self.edits: list[Edit] = []

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules, those of IPv4 first."""
        four, six = {rule.what for rule in self._four}, {rule.what for rule in self._six}
        both = [replace(rule, v4=True, v6=rule.what in six) for rule in self._four]
        return (*both, *(replace(rule, v4=False, v6=True) for rule in self._six if rule.what not in four))

    def find(self, rule: Rule) -> Rule | None:
        """The rule that is about the same."""
        return next((each for each in self.rules if each.about == rule.about), None)

    def delete(self, what: str, rule: Rule, *, again: bool = False) -> None:
        """Takes a rule away."""
        self._four = [each for each in self._four if each.about != rule.about]
        self._six = [each for each in self._six if each.about != rule.about]
        self.edits.append(Edit(what, rule, delete=True, again=again))

    def change(self, what: str, rule: Rule) -> None:
        """Replaces the rule that is about the same, at its place."""
        for one in (self._four, self._six):
            one[:] = [rule if each.about == rule.about else each for each in one]
        self.edits.append(Edit(what, rule))

    def first(self, what: str, rule: Rule) -> None:
        """Adds a rule before all others."""
        self._put(rule, 0, 0)
        self.edits.append(Edit(what, rule, place="prepend"))

    def last(self, what: str, rule: Rule) -> None:
        """Adds a rule after all others."""
        self._put(rule, None, None)
        self.edits.append(Edit(what, rule))

    def before(self, what: str, rule: Rule, other: Rule) -> None:
        """Adds a rule before another one. Raises CannotPlace."""
        four, six = _index(self._four, other), _index(self._six, other)
        if four is not None and rule.v4:
            self._insert(what, rule, four + 1, four, six)
        elif six is not None and rule.v6:
            self._insert(what, rule, len(self._four) + six + 1, four, six)
        else:
            self.last(what, rule)

    def after(self, what: str, rule: Rule, other: Rule) -> None:
        """Adds a rule after another one. Raises CannotPlace."""
        one = self._four if rule.v4 and _index(self._four, other) is not None else self._six
        index = _index(one, other)
        if index is None or index + 1 == len(one):
            self.last(what, rule)
        else:
            self.before(what, rule, one[index + 1])

    def stands(self, rule: Rule, other: Rule, *, before: bool) -> bool:
        """Whether a rule stands before another one, or after it, in every list that has both."""
        for one in (self._four, self._six):
            mine, others = _index(one, rule), _index(one, other)
            if mine is not None and others is not None and (mine < others) != before:
                return False
        return True

    def _insert(self, what: str, rule: Rule, number: int, four: int | None, six: int | None) -> None:
        several = len(self._applications.get(rule.application, ())) > 1
        if several or any(len({each.about for each in one}) < len(one) for one in (self._four, self._six)):
            raise CannotPlace
        self._put(rule, four, six)
        self.edits.append(Edit(what, rule, place=str(number)))

    def _put(self, rule: Rule, four: int | None, six: int | None) -> None:
        for one, index, there in ((self._four, four, rule.v4), (self._six, six, rule.v6)):
            if there:
                one.insert(len(one) if index is None else index, rule)


def _index(rules: Sequence[Rule], rule: Rule) -> int | None:
    return next((number for number, each in enumerate(rules) if each.about == rule.about), None)


def anchor(table: Table, settings: Mapping[str, RuleSettings], name: str) -> Rule | None:
    """The rule that a name stands for: one of the settings, or one that has this comment."""
    if name in settings:
        return table.find(rule_of(name, settings[name]))
    return next((rule for rule in table.rules if rule.comment == name), None)


def in_order(rules: Mapping[str, RuleSettings]) -> tuple[str, ...]:
    """The names, each after the one that it stands before or after."""
    found: dict[str, None] = {}
    for name in rules:
        chain, other = [name], rules[name].other
        while other in rules and other is not None and other not in chain:
            chain.append(other)
            other = rules[other].other
        found.update(dict.fromkeys(reversed(chain)))
    return tuple(found)


def edit(table: Table, settings: Mapping[str, RuleSettings]) -> None:
    """Makes the named rules what they are meant to be. A rule is what it is about: ufw keeps one of it, whatever its
    action. Its comment is its name, so that a changed rule replaces the old one. Raises CannotPlace."""
    mine = {rule_of(name, each).about for name, each in settings.items() if each.state != "absent"}
    for name in in_order(settings):
        setting, rule = settings[name], rule_of(name, settings[name])
        same = table.find(rule)
        named = [r for r in table.rules if r.comment == name and r.about != rule.about and r.about not in mine]
        if setting.state == "absent":
            for number, old in enumerate([*([same] if same is not None else []), *named]):
                table.delete(f"rule-{name}-remove{number or ''}", old)
            continue
        for number, old in enumerate(named):
            table.delete(f"rule-{name}-replace{number or ''}", old)
        if same is None:
            _place(table, settings, f"rule-{name}", rule, setting)
            continue
        other = anchor(table, settings, setting.other or "")
        if other is not None and not table.stands(same, other, before=setting.before is not None):
            rule = replace(rule, comment=rule.comment if setting.comment else same.comment or rule.comment)
            table.delete(f"rule-{name}-move", same, again=True)
            _place(table, settings, f"rule-{name}", rule, setting)
        elif (same.action, same.log) != (rule.action, rule.log) or (setting.comment and same.comment != rule.comment):
            table.change(f"rule-{name}", rule)


def _place(table: Table, settings: Mapping[str, RuleSettings], what: str, rule: Rule, setting: RuleSettings) -> None:
    other = anchor(table, settings, setting.other or "")
    if setting.place == "first":
        table.first(what, rule)
    elif setting.number is not None and setting.number <= len(table.rules):
        table.before(what, rule, table.rules[setting.number - 1])
    elif other is not None and setting.before:
        table.before(what, rule, other)
    elif other is not None:
        table.after(what, rule, other)
    else:
        table.last(what, rule)
