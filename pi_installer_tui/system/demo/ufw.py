"""Players of the firewall: ufw, and iptables, which says what ufw has put into the kernel.

ufw.txt is from a Debian 13 machine (ufw 0.36.2): the files of the package, and below `%% iptables` and `%% ip6tables`
what these say with -S once ufw is on, without the rules and without what follows from the default policies.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pi_installer_tui.system.demo.players import Call, Refused, player
from pi_installer_tui.system.demo.tree import Machine

CONF = "/etc/ufw/ufw.conf"
DEFAULTS = "/etc/default/ufw"
APPLICATIONS = "/etc/ufw/applications.d"
RULES = {False: "/etc/ufw/user.rules", True: "/etc/ufw/user6.rules"}
ANYWHERE = {False: "0.0.0.0/0", True: "::/0"}

#: ufw's words for a direction: those of its setting, of the built-in chain and of its own chains
DIRECTIONS = {
    "incoming": ("DEFAULT_INPUT_POLICY", "INPUT", "input"),
    "outgoing": ("DEFAULT_OUTPUT_POLICY", "OUTPUT", "output"),
    "routed": ("DEFAULT_FORWARD_POLICY", "FORWARD", "forward"),
}
POLICIES = {"allow": "ACCEPT", "deny": "DROP", "reject": "REJECT"}
_LIMITED = "-m limit --limit 3/min --limit-burst 10"

Outcome = Literal["added", "inserted", "updated", "deleted", "same", "there", "missing"]


def _sections() -> dict[str, str]:
    text = Path(__file__).with_suffix(".txt").read_text("utf-8")
    pairs = (part.split("\n", 1) for part in text.removeprefix("%% ").split("\n%% "))
    return {header: f"{content.removesuffix(chr(10))}\n" for header, content in pairs}


#: the files of the package: path, then mode and text
FILES = {
    header.split(" ")[0]: (int(header.split(" ")[1], 8), text)
    for header, text in _sections().items()
    if header.startswith("/")
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule by the words of its line `### tuple ###`; source, destination: "any" for anywhere, application with %20
    for a space, ways: direction with interface, comment in hexadecimal."""

    action: str
    route: bool = False
    log: str = ""
    protocol: str = "any"
    port: str = "any"
    destination: str = "any"
    source_port: str = "any"
    source: str = "any"
    application: str = ""
    ways: str = "in"
    comment: str = ""

    @property
    def about(self) -> Rule:
        """What of the packets it is about."""
        return replace(self, action="", log="", comment="")

    def line(self, six: bool) -> str:
        """The comment line by which ufw reads it back."""
        action = f"{'route:' if self.route else ''}{self.action}{f'_{self.log}' if self.log else ''}"
        source, destination = (ANYWHERE[six] if end == "any" else end for end in (self.source, self.destination))
        words = [action, self.protocol, self.port, destination, self.source_port, source]
        words += [self.application, "-"] if self.application else []
        words += [self.ways, *([f"comment={self.comment}"] if self.comment else [])]
        return f"### tuple ### {' '.join(words)}"


def _read(line: str) -> Rule:
    words = line.split(" ")[3:]
    comment = words.pop().removeprefix("comment=") if words[-1].startswith("comment=") else ""
    action, protocol, port, destination, source_port, source, *application, ways = words
    action, _, log = action.removeprefix("route:").partition("_")
    source, destination = ("any" if end in ANYWHERE.values() else end for end in (source, destination))
    return Rule(
        action,
        words[0].startswith("route:"),
        log,
        protocol,
        port,
        destination,
        source_port,
        source,
        application[0] if application else "",
        ways,
        comment,
    )


def rules(machine: Machine, six: bool) -> list[Rule]:
    """The rules of a file."""
    lines = (machine.text(RULES[six]) or "").splitlines()
    return [_read(line) for line in lines if line.startswith("### tuple ###")]


# what ufw writes ------------------------------------------------------------------------------------------------


def _interfaces(rule: Rule) -> dict[str, str]:
    return {way: name for way, _, name in (part.partition("_") for part in rule.ways.split("!")) if name}


def _made(rule: Rule, six: bool) -> list[str]:
    """The lines for iptables-restore (format_rule in common.py, _get_rules_from_formatted in backend_iptables.py)."""
    prefix = "ufw6" if six else "ufw"
    suffix = "forward" if rule.route else "output" if rule.ways.startswith("out") else "input"
    chain, logging = f"{prefix}-user-{suffix}", f"{prefix}-user-logging-{suffix}"
    ports = (rule.port, rule.source_port) != ("any", "any")
    several = any(sign in f"{rule.port}{rule.source_port}" for sign in ",:")
    made = []
    for protocol in ("tcp", "udp") if rule.protocol == "any" and ports else (rule.protocol,):
        interfaces = _interfaces(rule)
        words = [f"-{way[0]} {interfaces[way]}" for way in ("in", "out") if way in interfaces]
        words += [f"-p {protocol}"] if protocol != "any" else []
        ends = (("d", rule.destination, rule.port), ("s", rule.source, rule.source_port))
        words += [f"-m multiport --{end}ports {port}" for end, _, port in ends if several and port != "any"]
        for end, address, port in ends:
            words += [f"-{end} {address}"] if address != "any" else []
            words += [f"--{end}port {port}"] if not several and port != "any" else []
        match = f"{' '.join(words)} " if words else ""
        named = f" -m comment --comment 'dapp_{rule.application}'" if rule.application else ""
        if rule.log:
            word = {"allow": "ALLOW", "limit": "LIMIT"}.get(rule.action, "BLOCK")
            new = "-m conntrack --ctstate NEW " if rule.log == "log" else ""
            made.append(f'-A {logging} {match}{new}{_LIMITED} -j LOG --log-prefix "[UFW {word}] "{named}')
            made += [f"-A {logging} {match}-j RETURN{named}", f"-A {chain} {match}-j {logging}{named}"]
        if rule.action == "limit":
            recent = f"-A {chain} {match}-m conntrack --ctstate NEW -m recent"
            made.append(f"{recent} --set{named}")
            made.append(f"{recent} --update --seconds 30 --hitcount 6 -j {prefix}-user-limit{named}")
            made.append(f"-A {chain} {match}-j {prefix}-user-limit-accept{named}")
            continue
        reset = " --reject-with tcp-reset" if (rule.action, protocol) == ("reject", "tcp") else ""
        made.append(f"-A {chain} {match}-j {POLICIES[rule.action]}{reset}{named}")
    return made


def _write(machine: Machine, six: bool, kept: Sequence[Rule]) -> None:
    prefix = "ufw6" if six else "ufw"
    chains = [f"user-{suffix}" for suffix in ("input", "output", "forward")]
    for kind in ("before", "user", "after"):
        chains += [f"{kind}-logging-{suffix}" for suffix in ("input", "output", "forward")]
    chains += ["logging-deny", "logging-allow", "user-limit", "user-limit-accept"]
    text = "*filter\n" + "".join(f":{prefix}-{chain} - [0:0]\n" for chain in chains) + "### RULES ###\n"
    for rule in kept:
        text += "\n" + "".join(f"{line}\n" for line in (rule.line(six), *_made(rule, six)))
    text += "\n### END RULES ###\n\n### LOGGING ###\n"
    for word, (_key, _chain, suffix) in DIRECTIONS.items():
        if policy(machine, word) != "allow":
            text += f'-A {prefix}-after-logging-{suffix} -j LOG --log-prefix "[UFW BLOCK] " {_LIMITED}\n'
    text += (
        f"-I {prefix}-logging-deny -m conntrack --ctstate INVALID -j RETURN {_LIMITED}\n"
        f'-A {prefix}-logging-deny -j LOG --log-prefix "[UFW BLOCK] " {_LIMITED}\n'
        f'-A {prefix}-logging-allow -j LOG --log-prefix "[UFW ALLOW] " {_LIMITED}\n'
        "### END LOGGING ###\n\n### RATE LIMITING ###\n"
        f'-A {prefix}-user-limit -m limit --limit 3/minute -j LOG --log-prefix "[UFW LIMIT BLOCK] "\n'
        f"-A {prefix}-user-limit -j REJECT\n-A {prefix}-user-limit-accept -j ACCEPT\n"
        "### END RATE LIMITING ###\nCOMMIT\n"
    )
    machine.write(RULES[six], text)


# what the kernel has --------------------------------------------------------------------------------------------

#: IP's numbers, where iptables shows them
_NUMBERS = {"igmp": "2", "ipv6": "41", "gre": "47", "vrrp": "112"}
_BUILT_IN = ("INPUT", "FORWARD", "OUTPUT")


def policy(machine: Machine, word: str) -> str:
    """A default policy: allow, deny, reject."""
    value = machine.values(DEFAULTS).get(DIRECTIONS[word][0], "")
    return next((name for name, target in POLICIES.items() if target == value), "deny")


def enabled(machine: Machine) -> bool:
    """Whether ufw is configured to be on."""
    return machine.values(CONF).get("ENABLED", "").lower() == "yes"


def _shown(line: str, six: bool) -> str:
    """A line for iptables-restore as iptables -S shows it."""
    words = shlex.split(line)
    found: dict[str, str] = {}
    rest: list[str] = []
    target: list[str] = []
    while words:
        word = words.pop(0)
        if word in ("-A", "-s", "-d", "-i", "-o", "-p", "--sport", "--dport", "--comment"):
            found[word] = words.pop(0)
        elif word == "-j":
            target = [word, words.pop(0)]
        elif word == "--log-prefix":
            target += [word, f'"{words.pop(0)}"']
        elif word == "--reject-with":
            target += [word, words.pop(0)]
        elif (word, words[:1]) == ("-m", ["comment"]):
            words.pop(0)
        else:
            rest.append(word)
    shown = ["-A", found["-A"]]
    for end in ("-s", "-d"):
        shown += [end, str(ipaddress.ip_network(found[end], strict=False))] if end in found else []
    shown += [word for way in ("-i", "-o") if way in found for word in (way, found[way])]
    shown += ["-p", _NUMBERS.get(found["-p"], found["-p"])] if "-p" in found else []
    ports = [word for end in ("--sport", "--dport") if end in found for word in (end, found[end])]
    shown += ["-m", found["-p"], *ports] if ports else []
    if "recent" in rest:
        rest += ["--name", "DEFAULT", "--mask", "ffff:" * 7 + "ffff" if six else "255.255.255.255", "--rsource"]
    shown += rest
    shown += ["-m", "comment", "--comment", f"\"\\'{found['--comment']}\\'\""] if "--comment" in found else []
    return " ".join([*shown, *target, *(_with(six) if target == ["-j", "REJECT"] else ())])


def _with(six: bool) -> tuple[str, str]:
    return ("--reject-with", "icmp6-port-unreachable" if six else "icmp-port-unreachable")


def _load(machine: Machine) -> None:
    """Puts the rules of the files into the kernel."""
    kernel = {}
    for six, program in ((False, "iptables"), (True, "ip6tables")):
        prefix = "ufw6" if six else "ufw"
        lines = _sections()[program].splitlines()
        policies = []
        for word, (_key, chain, suffix) in DIRECTIONS.items():
            found = policy(machine, word)
            policies.append(f"-P {chain} {'ACCEPT' if found == 'allow' else 'DROP'}")
            reject = " ".join(("-j REJECT", *_with(six)))
            target = reject if found == "reject" else f"-j {POLICIES[found]}"
            lines.append(f"-A {prefix}-skip-to-policy-{suffix} {target}")
            if found == "allow":
                new = "-m conntrack --ctstate NEW -j ACCEPT"
                lines += [f"-A {prefix}-track-{suffix} -p {protocol} {new}" for protocol in ("tcp", "udp")]
            else:
                lines.append(f'-A {prefix}-after-logging-{suffix} {_LIMITED} -j LOG --log-prefix "[UFW BLOCK] "')
            if found == "reject":
                lines.append(f"-A {prefix}-reject-{suffix} {reject}")
        for line in (machine.text(RULES[six]) or "").partition("### END RULES")[0].splitlines():
            if re.match(r"-A ufw6?-user-(logging-)?(input|output|forward) ", line):
                lines.append(_shown(line, six))
        kernel[program] = [*_by_direction(policies), *sorted(lines, key=_place)]
    machine.remember("netfilter", kernel)


def _by_direction(policies: list[str]) -> list[str]:
    return sorted(policies, key=lambda line: _BUILT_IN.index(line.split()[1]))


def _place(line: str) -> tuple[bool, int, str]:
    """Where iptables shows a line: the chains, then the rules of each, the built-in chains first."""
    verb, chain = line.split(" ")[:2]
    return verb == "-A", _BUILT_IN.index(chain) if chain in _BUILT_IN else len(_BUILT_IN), chain


def unload(machine: Machine) -> None:
    """Stops the firewall: some chains stay, empty, and the way into them (ufw-init stop)."""
    stays = re.compile(r"-N ufw6?-(after|before|reject|track)-|-A (INPUT|FORWARD|OUTPUT) ")
    open_ = [f"-P {chain} ACCEPT" for chain in _BUILT_IN]
    there = machine.memory("netfilter")
    machine.remember(
        "netfilter",
        {name: [*open_, *(line for line in lines if stays.match(line))] for name, lines in there.items()},
    )


@player("iptables", "ip6tables", package="iptables", folder="/usr/sbin")
async def iptables(call: Call) -> int:
    options = call.options("-w=", "-S")
    if not options.has("-S") or options.words:
        raise Refused(f"{call.program}: only -S is played", 2)
    there = call.machine.memory("netfilter").get(call.program)
    await call.out("\n".join(there or [f"-P {chain} ACCEPT" for chain in _BUILT_IN]))
    return 0


@player("iptables-save", "ip6tables-save", package="iptables", folder="/usr/sbin")
async def iptables_save(call: Call) -> int:
    lines = call.machine.memory("netfilter").get(call.program.removesuffix("-save"), [])
    chains = [line.split() for line in lines if not line.startswith("-A ")]
    if lines:
        await call.out(f"# Generated by {call.program} v1.8.11 (nf_tables)\n*filter")
        await call.out("\n".join(f":{words[1]} {words[2] if words[2:] else '-'} [0:0]" for words in chains))
        await call.out("\n".join(line for line in lines if line.startswith("-A ")))
        await call.out("COMMIT\n# Completed")
    return 0


# ufw ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """What a command line asks for. position: 0 for the last place, -1 for the first."""

    rule: Rule
    remove: bool = False
    position: int = 0


def _order(words: Sequence[str]) -> Order:
    """A command line in the full syntax (ufw(8), RULE SYNTAX)."""
    todo = list(words)

    def given(*names: str) -> bool:
        return bool(todo) and todo[0] in names and bool(todo.pop(0))

    def value() -> str:
        if not todo:
            raise Refused("ERROR: Wrong number of arguments")
        return todo.pop(0)

    route = given("route")
    remove = given("delete")
    position = -1 if given("prepend") else int(value()) if given("insert") else 0
    action = value()
    if action not in (*POLICIES, "limit"):
        raise Refused("ERROR: Invalid syntax")
    ways: dict[str, str] = {}
    while todo[:1] in (["in"], ["out"]) and (route or not ways):
        way = value()
        ways[way] = value() if given("on") else ""
    if not todo:
        raise Refused("ERROR: Wrong number of arguments")
    rule = Rule(action, route, todo.pop(0) if todo[0] in ("log", "log-all") else "")
    while todo:
        match value():
            case "proto":
                rule = replace(rule, protocol=value())
            case "from":
                rule = replace(rule, source=value())
                rule = replace(rule, source_port=value()) if given("port") else rule
            case "to":
                rule = replace(rule, destination=value())
                rule = replace(rule, port=value()) if given("port") else rule
                rule = replace(rule, application=value()) if given("app") else rule
            case "comment":
                rule = replace(rule, comment=value().encode().hex())
            case word:
                raise Refused(f"ERROR: Invalid token '{word}'")
    shown = "!".join(f"{way}_{name}" for way, name in ways.items() if name)
    return Order(replace(rule, ways=shown or ("in" if route else next(iter(ways), "in"))), remove, position)


def _each(machine: Machine, rule: Rule) -> list[Rule]:
    """A rule with a profile in place of ports: one for each of its ports. Raises Refused for one that isn't there."""
    if not rule.application:
        return [rule]
    for name in machine.files.listdir(APPLICATIONS):
        section = ""
        for line in (machine.text(f"{APPLICATIONS}/{name}") or "").splitlines():
            section = line[1:-1] if line.startswith("[") else section
            if section == rule.application and line.startswith("ports="):
                pairs = (ports.partition("/") for ports in line.removeprefix("ports=").split("|"))
                named = replace(rule, application=section.replace(" ", "%20"))
                return [replace(named, port=port, protocol=protocol or "any") for port, _, protocol in pairs]
    raise Refused(f"ERROR: Could not find a profile matching '{rule.application}'")


def _set(kept: list[Rule], order: Order) -> tuple[list[Rule], Outcome]:
    """One of the two lists with a rule added, moved in, changed or taken away (set_rule in backend_iptables.py)."""
    rule, position = order.rule, order.position
    if position > len(kept):
        raise Refused(f"ERROR: Invalid position '{position}'")
    new: list[Rule] = []
    found = modified = inserted = matches = False
    last = ""
    for count, each in enumerate(kept, 1):
        current = each.application
        if count == position:
            if (not last and count > 1) or not current or last != current:
                inserted = True
                new.append(rule)
            else:
                position += 1
        last = current
        same = each.about == rule.about
        as_well = same and (each.action, each.log) == (rule.action, rule.log)
        matches = matches or same
        if order.remove:
            gone = as_well and (each.comment == rule.comment or not rule.comment)
            found = found or gone
            new += [] if gone else [each]
        elif same and not inserted:
            found = True
            modified = modified or each != rule
            new.append(rule)
        else:
            new.append(each)
    if order.remove:
        return (new, "deleted") if found else (kept, "missing")
    if inserted:
        return (kept, "there") if matches else (new, "inserted")
    if not found:
        return [*new, rule], "added"
    return (new, "updated") if modified else (kept, "same")


_SAYS: dict[Outcome, str] = {
    "added": "Rule added",
    "inserted": "Rule inserted",
    "updated": "Rule updated",
    "deleted": "Rule deleted",
    "same": "Skipping adding existing rule",
    "there": "Skipping inserting existing rule",
    "missing": "Could not delete non-existent rule",
}


def _change(machine: Machine, order: Order) -> list[str]:
    """What set_rule of frontend.py does: a rule goes into both lists unless its addresses are of one of them. A place
    counts both lists, those of IPv4 first; what it means in the other list is the place of the same rule there."""
    rule, place = order.rule, order.position
    said: list[str] = []
    ends = f"{rule.source}{rule.destination}"
    versions = (False, True) if ends == "anyany" and rule.protocol not in ("ipv6", "igmp") else (":" in ends,)
    each = _each(machine, rule)
    for count, one in enumerate(reversed(each) if place else each):
        four = _count(rules(machine, False))
        all_ = four + _count(rules(machine, True))
        if place > all_ or (place > 0 and len(versions) == 1 and (place > four) != versions[0]):
            raise Refused(f"ERROR: Invalid position '{place}'")
        said = []  # of several ports only the last is told of
        for six in versions:
            kept = rules(machine, six)
            at = place
            if place < 0:
                at = 0 if not count and not kept else 1
            elif place and versions == (six,):
                at = place - four if six else place
            elif place > four and not six:
                at = _same(rules(machine, True), kept, place - four + count)
            elif place and six:  # the other list may have grown meanwhile
                four = _count(rules(machine, False))
                at = place + 1
                if at <= four:
                    found = _same(rules(machine, False), kept, at)
                    at = found - count if found else 0
                at = at - four if at > four else at
            new, outcome = _set(kept, replace(order, rule=one, position=at))
            if new != kept:
                _write(machine, six, new)
            changed = outcome not in ("same", "there", "missing") and not enabled(machine)
            said.append(f"{'Rules updated' if changed else _SAYS[outcome]}{' (v6)' if six else ''}")
    if enabled(machine):
        _load(machine)
    return said


def _profile(rule: Rule) -> tuple[str, ...]:
    return rule.application, rule.destination, rule.source, rule.ways


def _count(kept: Sequence[Rule]) -> int:
    """The rules as a person counts them: a profile with several ports is one."""
    named = {_profile(rule) for rule in kept if rule.application}
    return len(named) + sum(not rule.application for rule in kept)


def _same(kept: Sequence[Rule], others: Sequence[Rule], place: int) -> int:
    """The place in the other list of the rule at a place of this one; 0 where it isn't there (find_other_position)."""
    named = [_profile(rule) for rule in kept[:place] if rule.application]
    rule = kept[place - 1 + len(named) - len(set(named))]
    return others.index(rule) + 1 if rule in others else 0


@player("ufw", package="ufw", folder="/usr/sbin")
async def ufw(call: Call) -> int:
    machine, words = call.machine, list(call.argv[1:])
    force = words[:1] == ["--force"]
    words = words[1:] if force else words
    with machine.locked():
        match words:
            case ["status"]:
                said = _status(machine)
            case ["reload"] if not enabled(machine):
                said = ["Firewall not enabled (skipping reload)"]
            case ["reload"]:
                _load(machine)
                said = ["Firewall reloaded"]
            case ["enable" | "disable" as verb] if force:
                on = verb == "enable"
                text = re.sub(r"(?m)^ENABLED=.*$", f"ENABLED={'yes' if on else 'no'}", machine.text(CONF) or "")
                machine.write(CONF, text)
                (_load if on else unload)(machine)
                state = "active and enabled" if on else "stopped and disabled"
                said = [f"Firewall {'is ' if on else ''}{state} on system startup"]
            case ["default", ("allow" | "deny" | "reject") as name, word] if word in DIRECTIONS:
                line = f'{DIRECTIONS[word][0]}="{POLICIES[name]}"'
                machine.write(DEFAULTS, re.sub(rf"(?m)^{DIRECTIONS[word][0]}=.*$", line, machine.text(DEFAULTS) or ""))
                for six in (False, True):
                    _write(machine, six, rules(machine, six))
                if enabled(machine):
                    _load(machine)
                said = [f"Default {word} policy changed to '{name}'", "(be sure to update your rules accordingly)"]
            case _:
                said = _change(machine, _order(words))
    await call.out("\n".join(said))
    return 0


def _status(machine: Machine) -> list[str]:
    if not enabled(machine):
        return ["Status: inactive"]
    groups: list[list[str]] = [[], [], []]
    for six in (False, True):
        for rule in dict.fromkeys(_named(each) for each in rules(machine, six)):
            which = 2 if rule.route else 1 if rule.ways.startswith("out") else 0
            action = f"{rule.action.upper()}{('', ' OUT', ' FWD')[which]}"
            notes = f"{f' ({rule.log})' if rule.log else ''}"
            notes += f" # {bytes.fromhex(rule.comment).decode()}" if rule.comment else ""
            interfaces = _interfaces(rule)
            on = {way: f" on {name}" for way, name in interfaces.items()}
            there = on.get("out", "") if rule.route else on.get("in", "")
            here = on.get("in", "") if rule.route else on.get("out", "")
            to = f"{_end(rule, rule.destination, rule.port, rule.application, six)}{there}"
            source = f"{_end(rule, rule.source, rule.source_port, '', six)}{here}"
            groups[which].append(f"{to:<26} {action:<11} {source:<26}{notes}")
    found = [line for group in groups if group for line in (*group, "")]
    head = ["", f"{'To':<26} {'Action':<11} From", f"{'--':<26} {'------':<11} ----"]
    return ["Status: active", *([*head, *found] if found else [])]


def _named(rule: Rule) -> Rule:
    return replace(rule, port="any", protocol="any") if rule.application else rule


def _end(rule: Rule, address: str, port: str, application: str, six: bool) -> str:
    """One end of a rule, as a person reads it (get_status in backend_iptables.py)."""
    version = " (v6)" if six else ""
    protocol = "" if rule.protocol == "any" or rule.application else f"/{rule.protocol}"
    no_ports = rule.port == rule.source_port
    if application:
        port = f"{application.replace('%20', ' ')}{version if address == 'any' else ''}"
    if port != "any":
        shown = f"{'' if address == 'any' else f'{address} '}{port}{protocol}"
        plain = (rule.source, rule.destination) == ("any", "any") and version not in shown
        return f"{shown}{version if plain else ''}"
    if address != "any":
        return f"{address}{protocol if no_ports else ''}"
    return f"Anywhere{protocol if no_ports and rule.source == rule.destination else ''}{version}"
