"""What ufw does: whether the kernel has its rules (never from a word that ufw prints in somebody's language), what is
configured, its default policies, and its rules as data.

Source of the rules' form: ufw's own files, whose comment lines `### tuple ###` it reads back itself (ufw 0.36,
backend_iptables.py); before them nothing of a file counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

from pi_installer_tui.i18n import _
from pi_installer_tui.system.formats import FormatError, get
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown, Value

CONF = "/etc/ufw/ufw.conf"
DEFAULTS = "/etc/default/ufw"
RULES = "/etc/ufw/user.rules"
RULES6 = "/etc/ufw/user6.rules"
APPLICATIONS = "/etc/ufw/applications.d"
ANYWHERE = ("0.0.0.0/0", "::/0")

Action = Literal["allow", "deny", "reject", "limit"]
Direction = Literal["in", "out", "route"]

#: ufw's words for the kernel's (DEFAULT_*_POLICY in /etc/default/ufw)
POLICIES = {"ACCEPT": "allow", "DROP": "deny", "REJECT": "reject"}
_POLICY_KEYS = {"incoming": "DEFAULT_INPUT_POLICY", "outgoing": "DEFAULT_OUTPUT_POLICY"}
_POLICY_KEYS["routed"] = "DEFAULT_FORWARD_POLICY"

_TUPLE = re.compile(r"### tuple ### (?P<route>route:)?(?P<action>[a-z]+)(?:_(?P<log>log(?:-all)?))? (?P<rest>.*)")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. ports: "" for all, `22`, `80,443`, `6000:6010`. application: a profile in place of protocol and port.
    source, destination: networks, "" for anywhere. v4, v6: in which of the two tables it stands."""

    action: str
    direction: str = "in"
    protocol: str = ""
    port: str = ""
    application: str = ""
    source: str = ""
    source_port: str = ""
    destination: str = ""
    interface: str = ""
    out_interface: str = ""
    log: str = ""
    comment: str = ""
    v4: bool = True
    v6: bool = True

    @property
    def what(self) -> Rule:
        """The rule without its comment and the tables it stands in."""
        return replace(self, comment="", v4=True, v6=True)

    @property
    def about(self) -> Rule:
        """What of the packets it is about: of two rules that differ in their action only, ufw keeps the later one."""
        return replace(self.what, action="", log="")


@dataclass(frozen=True, slots=True)
class Ufw:
    """enabled: configured in ufw.conf, effective in the kernel. policies: incoming, outgoing, routed.
    rules: in their order, those of IPv4 first. in_kernel: the kernel has as many rules as the files.
    applications: the profiles that can be named, with their ports. six: the rules of IPv6 alone, in their order."""

    installed: bool
    enabled: Value[bool]
    policies: Mapping[str, Value[str]]
    rules: Reading[tuple[Rule, ...]] = MISSING
    in_kernel: Reading[bool] = MISSING
    ipv6: bool = True
    applications: Mapping[str, tuple[str, ...]] | None = None
    six: tuple[Rule, ...] | None = None


async def read(host: Host) -> Ufw:
    """What ufw does. Where it isn't installed, it is off."""
    if await host.text(CONF) is None:
        nothing: Value[bool] = Value(MISSING, Known(False) if await host.which("ufw") is None else MISSING)
        return Ufw(False, nothing, {name: Value(MISSING, MISSING) for name in _POLICY_KEYS})
    active = await _active(host)
    word = await _key(host, CONF, "ENABLED")
    enabled = word if not isinstance(word, Known) else Known(word.value.lower() == "yes", word.source)
    policies = {}
    for name, key in _POLICY_KEYS.items():
        found = await _key(host, DEFAULTS, key)
        policy = Known(POLICIES.get(found.value, found.value), found.source) if isinstance(found, Known) else found
        policies[name] = Value(policy, policy)
    rules, six, count = await _rules(host)
    ipv6 = await _key(host, DEFAULTS, "IPV6")
    return Ufw(
        installed=True,
        enabled=Value(enabled, active),
        policies=policies,
        rules=rules,
        six=six,
        in_kernel=await _in_kernel(host, count) if active == Known(True) else MISSING,
        ipv6=not isinstance(ipv6, Known) or ipv6.value.lower() == "yes",
        applications=await _applications(host),
    )


async def _key(host: Host, path: str, key: str) -> Reading[str]:
    try:
        entry = get("keyvalue", await host.text(path) or "", (key,))
    except PermissionError:
        return Unknown(_("no permission for {path}").format(path=path))
    except FormatError as error:
        return Unknown(f"{path}: {error}")
    return MISSING if entry is None else Known(str(entry.value), Source(path, entry.line))


async def _active(host: Host) -> Reading[bool]:
    """Whether packets that come in go through ufw's rules. A firewall that was stopped leaves its chains, empty, and
    the way into them."""
    said = await _chains(host, "iptables")
    if not isinstance(said, Known):
        return said
    way_in = any(line.split() == ["-A", "INPUT", "-j", "ufw-before-input"] for line in said.value)
    return Known(way_in and any(line.startswith("-A ufw-before-input ") for line in said.value))


async def _chains(host: Host, program: str) -> Reading[tuple[str, ...]]:
    try:
        answer = await host.run([program, "-w", "5", "-S"])
    except CommandNotFound as error:
        return Unknown(str(error))
    if not answer.ok:
        if not host.privileged:
            return Unknown(_("the kernel tells its packet rules to root only"))
        last = (answer.stderr or answer.stdout).strip().splitlines()[-1:] or [""]
        return Unknown(_("`{program}` fails: {why}").format(program=program, why=last[0]))
    return Known(tuple(answer.stdout.splitlines()))


async def _rules(host: Host) -> tuple[Reading[tuple[Rule, ...]], tuple[Rule, ...], dict[str, int]]:
    """The rules, those of IPv6 alone, and how many of the kernel's each file makes."""
    found: list[Rule] = []
    in_six: list[Rule] = []
    counts = {}
    for path, six in ((RULES, False), (RULES6, True)):
        try:
            text = await host.text(path) or ""
        except PermissionError:
            return Unknown(_("no permission for {path}").format(path=path)), (), {}
        counts["ip6tables" if six else "iptables"] = len(_made(text.splitlines()))
        for number, line in enumerate(text.splitlines(), 1):
            if not line.startswith("### tuple ###"):
                continue
            rule = parse(line)
            if rule is None:
                why = _("{path}:{line} has a rule that isn't understood").format(path=path, line=number)
                return Unknown(why), (), {}
            same = next((i for i, r in enumerate(found) if six and not r.v6 and r.what == rule.what), None)
            if same is not None:
                found[same] = replace(found[same], v6=True)
            else:
                found.append(replace(rule, v4=not six, v6=six))
            if six:
                in_six.append(rule)
    return Known(tuple(found)), tuple(in_six), counts


def _made(lines: Sequence[str]) -> list[str]:
    chains = [f"ufw{version}-user-{way}" for version in ("", "6") for way in ("input", "output", "forward")]
    return [line for line in lines if line.startswith(tuple(f"-A {chain} " for chain in chains))]


async def _in_kernel(host: Host, counts: Mapping[str, int]) -> Reading[bool]:
    """Whether the kernel has as many rules of ours as the files say."""
    for program, count in counts.items():
        said = await _chains(host, program)
        if not isinstance(said, Known):
            return said
        if len(_made(said.value)) != count and not (program == "ip6tables" and not _made(said.value)):
            return Known(False)
    return Known(True)


def parse(line: str) -> Rule | None:
    """A rule from ufw's line: action, protocol, port, destination, source port, source, with profiles both of these,
    then direction with interface, then the comment in hexadecimal. None where it isn't one."""
    found = _TUPLE.fullmatch(line.strip())
    if found is None:
        return None
    words = found["rest"].split(" ")
    comment = ""
    if words[-1].startswith("comment="):
        try:
            comment = bytes.fromhex(words.pop().removeprefix("comment=")).decode()
        except ValueError:
            return None
    if len(words) not in (6, 8):
        return None
    protocol, port, destination, source_port, source = words[:5]
    application = words[5].replace("%20", " ") if len(words) == 8 else "-"
    if len(words) == 8 and words[6] != "-":
        return None  # a profile of the source's side
    way = re.fullmatch(r"(?:(in|out)(?:_([^!]+))?)(?:!(in|out)_(.+))?", words[-1])
    if way is None:
        return None
    interfaces = {way[1]: way[2] or "", **({way[3]: way[4]} if way[3] else {})}
    named = application != "-"
    return Rule(
        action=found["action"],
        direction="route" if found["route"] else cast(str, way[1]),
        protocol="" if named else protocol.replace("any", ""),
        port="" if named else port.replace("any", ""),
        application=application if named else "",
        source="" if source in ANYWHERE else source,
        source_port=source_port.replace("any", ""),
        destination="" if destination in ANYWHERE else destination,
        interface=interfaces.get("in", "") if found["route"] else interfaces.get(cast(str, way[1]), ""),
        out_interface=interfaces.get("out", "") if found["route"] else "",
        log=found["log"] or "",
        comment=comment,
    )


async def _applications(host: Host) -> Mapping[str, tuple[str, ...]]:
    """The profiles of APPLICATIONS: their names with their ports (`80,443/tcp`)."""
    found: dict[str, tuple[str, ...]] = {}
    for name in await host.listdir(APPLICATIONS):
        try:
            text = await host.text(f"{APPLICATIONS}/{name}") or ""
        except OSError:
            continue
        section = ""
        for line in text.splitlines():
            if head := re.fullmatch(r"\[(.+)\]\s*", line):
                section = head[1]
            elif section and line.startswith("ports="):
                found[section] = tuple(line.removeprefix("ports=").strip().split("|"))
    return found
