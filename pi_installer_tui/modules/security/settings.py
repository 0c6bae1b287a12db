"""What can be wanted of the machine's security. None leaves a setting alone.

Every text ends up in a file or an argument list, so each has a narrow form: no blank, quote, control character or
leading dash gets past this file.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from ipaddress import ip_network
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.base import Settings
from pi_installer_tui.modules.security.fail2ban import FILTERS, SSHD
from pi_installer_tui.tasks.frozen import Frozen

#: what useradd(8) of Debian takes, capitals too, which older accounts may have
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(_("isn't the name of a user or group: up to 32 letters, digits, _, . and -"))
    return name


def _no_doubles(values: tuple[Any, ...]) -> tuple[Any, ...]:
    seen: set[Hashable] = set()
    for value in values:
        if value in seen:
            raise ValueError(_("{value} is there twice").format(value=value))
        seen.add(value)
    return values


def _several(value: object) -> object:
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else value


Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
#: sshd takes 16 sockets (sshd.c, MAX_LISTEN_SOCKS), one for each version of IP
SshPorts = Annotated[
    tuple[Port, ...],
    Field(min_length=1, max_length=8),
    BeforeValidator(_several, json_schema_input_type=int | tuple[int, ...]),
    AfterValidator(_no_doubles),
    AfterValidator(lambda ports: tuple(sorted(ports))),
]
Name = Annotated[str, AfterValidator(_name)]
Names = Annotated[tuple[Name, ...], Field(min_length=1, max_length=64), AfterValidator(_no_doubles)]
RootLogin = Literal["no", "prohibit-password", "yes"]


#: net/core/dev.c, dev_valid_name; ufw takes no other characters (0.36, common.py)
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
_PORTS = re.compile(r"[0-9]{1,5}(?::[0-9]{1,5})?(?:,[0-9]{1,5}(?::[0-9]{1,5})?)*")
#: ufw(8), APPLICATION INTEGRATION
_APPLICATION = re.compile(r"[A-Za-z][A-Za-z0-9 ._+-]{0,63}")
_RULE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
#: which ufw takes for its own wherever they stand (0.36, parser.py)
_WORDS = frozenset(("in", "out", "on", "log", "log-all", "delete", "comment", "from", "to", "proto", "port", "app"))
_COMMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,.:;()/_+-]{0,99}")
#: ufw takes 15 ports in one rule, a range counting twice (multiport)
_MOST_PORTS = 15


def _port(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _PORTS.fullmatch(text):
        raise ValueError(_("isn't a port (22), several (80,443) or a range (6000:6010)"))
    count = 0
    for part in text.split(","):
        ends = [int(end) for end in part.split(":")]
        count += len(ends)
        if not all(1 <= end <= 65535 for end in ends) or ends != sorted(set(ends)):
            raise ValueError(_("ports go from 1 to 65535, a range from the smaller to the larger"))
    if count > _MOST_PORTS:
        raise ValueError(_("a rule has at most 15 ports, a range counting twice"))
    parts = [[int(end) for end in part.split(":")] for part in text.split(",")]
    return ",".join(":".join(map(str, ends)) for ends in sorted(parts))  # the order in which ufw keeps them


def _network(value: object) -> str:
    try:
        if not isinstance(value, str) or "%" in value:
            raise ValueError
        network = ip_network(value)
    except ValueError:
        raise ValueError(_("isn't an address or a network, such as 192.168.1.0/24")) from None
    if network.prefixlen == 0:
        raise ValueError(_("leave it out for everywhere"))
    address = inet_ntop(AF_INET6 if network.version == 6 else AF_INET, network.network_address.packed)  # as ufw does
    return address if network.prefixlen == network.max_prefixlen else f"{address}/{network.prefixlen}"


def _matching(pattern: re.Pattern[str], why: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(_(why))
        return value

    return AfterValidator(check)


def _not_a_word() -> AfterValidator:
    def check(value: str) -> str:
        if value in _WORDS:
            raise ValueError(_("{word} is a word of ufw's own").format(word=value))
        return value

    return AfterValidator(check)


Origin = Annotated[
    str,
    _matching(
        re.compile(r"[a-z]+=[A-Za-z0-9 ._${}*/:+-]{1,80}(?:,[a-z]+=[A-Za-z0-9 ._${}*/:+-]{1,80}){0,5}"),
        N_("isn't a pattern of an origin, such as origin=Debian,label=Debian-Security"),
    ),
]
ClockTime = Annotated[str, _matching(re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"), N_("isn't a time, such as 04:00"))]
_MAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}(?:@[A-Za-z0-9][A-Za-z0-9.-]{0,252})?")
Mail = Annotated[str, _matching(_MAIL, N_("isn't an address"))]
Ports = Annotated[str, BeforeValidator(_port)]
Net = Annotated[str, BeforeValidator(_network)]
InterfaceName = Annotated[str, _matching(_INTERFACE, N_("isn't the name of an interface")), _not_a_word()]
Application = Annotated[str, _matching(_APPLICATION, N_("isn't the name of an application profile")), _not_a_word()]
RuleName = Annotated[
    str, _matching(_RULE, N_("a rule's name has small letters, digits, - and _, up to 40")), _not_a_word()
]
Comment = Annotated[
    str, _matching(_COMMENT, N_("may have letters, digits, blanks and , . : ; ( ) / _ + -")), _not_a_word()
]
JAILS = (SSHD, *FILTERS)
JailName = Annotated[str, AfterValidator(lambda name: _jail(name))]
Policy = Literal["allow", "deny", "reject"]


class RuleSettings(Frozen):
    """One rule of the firewall. Left out: everything of that kind."""

    action: Literal["allow", "deny", "reject", "limit"] = Field(
        title=N_("Action"),
        description=N_("allow, deny (no answer), reject (says no), limit (allow, but not six times in 30 s)."),
    )
    direction: Literal["in", "out", "route"] | None = Field(
        default=None,
        title=N_("Direction"),
        description=N_("in: what comes to this machine; out: what leaves it; route: what it passes on to others."),
    )
    protocol: Literal["tcp", "udp", "esp", "ah", "gre", "igmp"] | None = Field(
        default=None, title=N_("Protocol"), description=N_("Needed for several ports and for ranges.")
    )
    port: Ports | None = Field(
        default=None, title=N_("Port"), description=N_("22, or several: 80,443, or a range: 6000:6010.")
    )
    application: Application | None = Field(
        default=None,
        title=N_("Application"),
        description=N_("A profile that a package brings, in place of protocol and port: OpenSSH."),
        json_schema_extra={"choices": "applications"},
    )
    source: Net | None = Field(
        default=None, title=N_("Source"), description=N_("Only from this address or network: 192.168.1.0/24.")
    )
    source_port: Ports | None = Field(
        default=None, title=N_("Source port"), description=N_("Only from this port of the other side: 67, or several.")
    )
    destination: Net | None = Field(
        default=None, title=N_("Destination"), description=N_("Only to this address or network.")
    )
    interface: InterfaceName | None = Field(
        default=None,
        title=N_("Interface"),
        description=N_("Only over this interface: eth0. With route: the one by which it comes."),
    )
    out_interface: InterfaceName | None = Field(
        default=None,
        title=N_("Out interface"),
        description=N_("With route only: the interface by which it leaves: wg0."),
    )
    log: Literal["log", "log-all"] | None = Field(
        default=None,
        title=N_("Log"),
        description=N_("log: new connections get into the kernel's log; log-all: every packet does."),
    )
    comment: Comment | None = Field(
        default=None, title=N_("Comment"), description=N_("What it is for; its name where nothing stands here.")
    )
    place: Literal["first", "last"] | None = Field(
        default=None, title=N_("Place"), description=N_("Where a new rule goes. The first one that fits counts.")
    )
    number: Annotated[int, Field(ge=1, le=9999)] | None = Field(
        default=None,
        title=N_("Number"),
        description=N_("Where a new rule goes: 1 for the first place, 2 for the next."),
    )
    before: Comment | None = Field(
        default=None,
        title=N_("Before"),
        description=N_("The rule that it stands before, by its name or comment. One that doesn't is moved."),
    )
    after: Comment | None = Field(
        default=None,
        title=N_("After"),
        description=N_("The rule that it stands after, by its name or comment. One that doesn't is moved."),
    )
    state: Literal["present", "absent"] | None = Field(
        default=None, title=N_("State"), description=N_("absent: the rule goes away.")
    )

    @property
    def other(self) -> str | None:
        """The rule that it stands before or after."""
        return self.before or self.after

    @model_validator(mode="after")
    def _fits(self) -> RuleSettings:
        if self.application is not None and (self.port is not None or self.protocol is not None):
            raise ValueError(_("an application has its own protocol and ports; leave these out"))
        if self.application is not None and self.source_port is not None:
            raise ValueError(_("an application has no source port; name protocol and port"))
        ports = f"{self.port or ''}{self.source_port or ''}"
        if ports and self.protocol not in (None, "tcp", "udp"):
            raise ValueError(_("only tcp and udp have ports"))
        if self.protocol is None and re.search("[:,]", ports):
            raise ValueError(_("several ports and ranges need a protocol, tcp or udp"))
        if self.out_interface is not None and self.direction != "route":
            raise ValueError(_("only what is passed on (direction route) has an out interface"))
        if self.direction == "route" and {"in", "out"} & {*(self.comment or "").split(" ")}:
            raise ValueError(_("in the comment of such a rule ufw takes the words in and out for its own"))
        if self.protocol == "igmp" and ":" in f"{self.source or ''}{self.destination or ''}":
            raise ValueError(_("igmp is of IPv4"))
        if sum(each is not None for each in (self.place, self.number, self.before, self.after)) > 1:
            raise ValueError(_("place, number, before and after exclude each other"))
        if self.source and self.destination and (":" in self.source) != (":" in self.destination):
            raise ValueError(_("source and destination must both be IPv4, or both IPv6"))
        return self


class FirewallSettings(Frozen):
    """ufw, which sets the kernel's packet filter."""

    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Firewall"),
        description=N_("Whether packets are filtered, now and after a reboot. SSH stays open."),
    )
    incoming: Policy | None = Field(
        default=None, title=N_("Incoming"), description=N_("What happens to what comes in and no rule is about.")
    )
    outgoing: Policy | None = Field(
        default=None, title=N_("Outgoing"), description=N_("What happens to what goes out and no rule is about.")
    )
    rules: Mapping[RuleName, RuleSettings] | None = Field(
        default=None,
        title=N_("Rules"),
        description=N_("Rules by a name of yours. One that isn't named here is left alone."),
        json_schema_extra={"key_title": N_("Rule")},
    )
    exclusive: StrictBool | None = Field(
        default=None,
        title=N_("No other rules"),
        description=N_("Whether rules that aren't named above go. What keeps SSH open stays."),
    )

    @field_validator("rules")
    @classmethod
    def _one_of_each(cls, rules: Mapping[str, RuleSettings] | None) -> Mapping[str, RuleSettings] | None:
        names: dict[Hashable, str] = {}
        for name, rule in (rules or {}).items():
            what = (rule.direction or "in", rule.protocol, rule.port, rule.application, rule.source_port)
            about = (*what, rule.source, rule.destination, rule.interface, rule.out_interface)
            if about in names:
                both = _("{one} and {other} are about the same packets; a firewall keeps one of them")
                raise ValueError(both.format(one=names[about], other=name))
            names[about] = name
        return rules

    @field_validator("rules")
    @classmethod
    def _in_some_order(cls, rules: Mapping[str, RuleSettings] | None) -> Mapping[str, RuleSettings] | None:
        for name in rules or {}:
            seen, other = [name], (rules or {})[name].other
            while other in (rules or {}) and other is not None:
                if other in seen:
                    raise ValueError(_("{names} name each other").format(names=", ".join(seen)))
                seen.append(other)
                other = (rules or {})[other].other
        return rules

    @model_validator(mode="after")
    def _fits(self) -> FirewallSettings:
        if self.exclusive and self.rules is None:
            raise ValueError(_("`exclusive` needs `rules`, if only none: {}"))
        return self


class SshSettings(Frozen):
    """How one logs in by SSH."""

    port: SshPorts | None = Field(
        default=None,
        title=N_("Ports"),
        description=N_(
            "Where sshd listens: 22, or several. The old port stays open until somebody has logged in over the new one."
        ),
    )
    root_login: RootLogin | None = Field(
        default=None,
        title=N_("Root login"),
        description=N_("no: nobody logs in as root. prohibit-password: by key only. yes: by password too."),
    )
    password_login: StrictBool | None = Field(
        default=None,
        title=N_("Password login"),
        description=N_(
            "Whether a password lets one in. It can be switched off only while a key lets someone in who may use sudo."
        ),
    )
    key_login: StrictBool | None = Field(
        default=None, title=N_("Key login"), description=N_("Whether a key lets one in.")
    )
    users: Names | None = Field(
        default=None,
        title=N_("Allowed users"),
        description=N_("Only these log in by SSH. You have to be among them."),
        json_schema_extra={"choices": "logins"},
    )
    groups: Names | None = Field(
        default=None,
        title=N_("Allowed groups"),
        description=N_("Only members of one of these groups log in by SSH."),
    )
    max_auth_tries: Annotated[int, Field(ge=1, le=20)] | None = Field(
        default=None,
        title=N_("Tries to log in"),
        description=N_("How often one connection may try; each key that is offered counts."),
    )
    idle_timeout: Annotated[int, Field(ge=60, le=86400)] | None = Field(
        default=None,
        title=N_("Idle timeout"),
        description=N_("After so many seconds without a key pressed or anything printed a session is closed."),
        json_schema_extra={"unit": "s"},
    )
    tcp_forwarding: Literal["no", "local", "yes"] | None = Field(
        default=None,
        title=N_("Port forwarding"),
        description=N_("no, only from the one who connects (local), or both ways (yes)."),
    )
    agent_forwarding: StrictBool | None = Field(
        default=None,
        title=N_("Agent forwarding"),
        description=N_("Whether keys of one's own machine serve here."),
    )
    x11_forwarding: StrictBool | None = Field(
        default=None, title=N_("X11 forwarding"), description=N_("Whether windows of programs here may open there.")
    )
    algorithms: Literal["modern"] | None = Field(
        default=None,
        title=N_("Algorithms"),
        description=N_(
            "modern: those out of date (SHA-1, 64-bit MACs, CBC, NIST curves) are taken away; all others stay."
        ),
    )


def _jail(name: str) -> str:
    if name not in JAILS:
        raise ValueError(_("isn't one of {jails}").format(jails=", ".join(JAILS)))
    return name


class JailSettings(Frozen):
    """One jail: who fails at one service."""

    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Jail"),
        description=N_("Whether who fails at this service is shut out. A service that isn't here gets no jail."),
    )
    tries: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, title=N_("Tries"), description=N_("After so many failures one is banned.")
    )
    within: Annotated[int, Field(ge=10, le=604800)] | None = Field(
        default=None,
        title=N_("Within"),
        description=N_("The time in which the failures count together."),
        json_schema_extra={"unit": "s"},
    )
    ban_time: Annotated[int, Field(ge=10, le=31536000)] | None = Field(
        default=None, title=N_("Ban"), description=N_("How long a ban lasts."), json_schema_extra={"unit": "s"}
    )


class BanSettings(Frozen):
    """fail2ban, which shuts out for a while who keeps failing to log in."""

    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Bans"),
        description=N_("Whether who fails to log in too often is shut out for a while. Your own network never is."),
    )
    tries: Annotated[int, Field(ge=2, le=100)] | None = Field(
        default=None, title=N_("Tries"), description=N_("After so many failures one is banned.")
    )
    within: Annotated[int, Field(ge=10, le=604800)] | None = Field(
        default=None,
        title=N_("Within"),
        description=N_("The time in which the failures count together."),
        json_schema_extra={"unit": "s"},
    )
    ban_time: Annotated[int, Field(ge=10, le=31536000)] | None = Field(
        default=None, title=N_("Ban"), description=N_("How long a ban lasts."), json_schema_extra={"unit": "s"}
    )
    never: Annotated[tuple[Net, ...], Field(max_length=64), AfterValidator(_no_doubles)] | None = Field(
        default=None,
        title=N_("Never banned"),
        description=N_("Addresses and networks beside the machine's own ones that are never banned."),
    )
    jails: Mapping[JailName, JailSettings] | None = Field(
        default=None,
        title=N_("Jails"),
        description=N_(
            "sshd and each service that fail2ban knows has one, where it is installed; here is what one of them has of "
            "its own."
        ),
        json_schema_extra={"choices": "jails", "key_title": N_("Jail")},
    )


class UpdateSettings(Frozen):
    """unattended-upgrades, which installs updates by itself."""

    enabled: StrictBool | None = Field(
        default=None, title=N_("Automatic updates"), description=N_("Whether updates are installed every day.")
    )
    origins: Annotated[tuple[Origin, ...], Field(min_length=1, max_length=64), AfterValidator(_no_doubles)] | None = (
        Field(
            default=None,
            title=N_("Origins"),
            description=N_("What may be updated, as patterns: origin=Debian,codename=trixie-security."),
        )
    )
    reboot: StrictBool | None = Field(
        default=None, title=N_("Reboot"), description=N_("Whether the machine reboots when an update needs it.")
    )
    reboot_time: ClockTime | None = Field(
        default=None, title=N_("Reboot at"), description=N_("When it may reboot: 04:00.")
    )
    mail: Mail | None = Field(
        default=None, title=N_("Mail to"), description=N_("Who is told what was updated. The machine must send mail.")
    )
    mail_when: Literal["always", "only-on-error", "on-change"] | None = Field(
        default=None, title=N_("Mail when"), description=N_("always, only when something failed, or on a change.")
    )


#: sysctl.d(5), with dots; an interface that has dots in its own name can't be named so
_SYSCTL = re.compile(r"(?:dev|fs|kernel|net|user|vm)(?:\.[A-Za-z0-9_-]{1,40}){1,7}")
_SYSCTL_VALUE = re.compile(r"[A-Za-z0-9_.,:+/-]{1,64}(?: [A-Za-z0-9_.,:+/-]{1,64}){0,15}")
#: what isn't set from here, and why: a wrong value can't be taken back over a connection that it has cut
_RUNS, _CUTS = N_("names a program that the kernel runs as root"), N_("could cut this machine off")
_STOPS, _STAYS = N_("could stop this machine"), N_("can't be taken back before the next boot")
_REFUSED: Mapping[str, str] = {
    r"kernel\.(core_pattern|modprobe|hotplug|poweroff_cmd|usermodehelper\..*)": _RUNS,
    r"net\.ipv6\.conf\..*\.(disable_ipv6|accept_ra.*|autoconf|forwarding|addr_gen_mode|router_solicit.*)": _CUTS,
    r"net\.ipv4\.conf\..*\.(arp_.*|disable_policy|disable_xfrm|drop_.*)": _CUTS,
    r"net\.ipv[46]\.(neigh|route)\..*": _CUTS,
    r"net\.ipv4\.(tcp_mem|udp_mem|ip_local_port_range|ip_local_reserved_ports|tcp_max_orphans)": _CUTS,
    r"net\.(netfilter\.)?nf_conntrack_(max|buckets)": _CUTS,
    r"kernel\.(modules_disabled|kexec_load_disabled)": _STAYS,
    r"kernel\.(pid_max|threads-max|panic.*|hung_task_panic)": _STOPS,
    r"fs\.(file-max|nr_open|mount-max)": _STOPS,
    r"vm\.(min_free_kbytes|nr_hugepages.*|nr_overcommit_hugepages|overcommit_.*|panic_on_oom)": _STOPS,
    r"user\..*": _STOPS,
}


def _sysctl(name: str) -> str:
    if not _SYSCTL.fullmatch(name):
        raise ValueError(_("isn't the name of a kernel setting, such as net.ipv4.tcp_syncookies"))
    for pattern, why in _REFUSED.items():
        if re.fullmatch(pattern, name):
            raise ValueError(_("isn't set from here: it {why}").format(why=_(why)))
    return name


def _sysctl_value(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _SYSCTL_VALUE.fullmatch(" ".join(text.split())):
        raise ValueError(_("isn't a number or words of letters and digits"))
    return " ".join(text.split())


SysctlName = Annotated[str, AfterValidator(_sysctl)]


class SysctlSettings(Frozen):
    """One setting of the kernel. In a setup file its value alone will do."""

    value: Annotated[str, BeforeValidator(_sysctl_value)] | None = Field(
        default=None, title=N_("Value"), description=N_("What the kernel is told, now and at each boot.")
    )
    state: Literal["present", "absent"] | None = Field(
        default=None, title=N_("State"), description=N_("absent: it isn't set any more from the next boot on.")
    )

    @model_validator(mode="before")
    @classmethod
    def _alone(cls, data: Any) -> Any:
        return data if isinstance(data, (Mapping, cls)) else {"value": data}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": ["string", "integer"]}, handler(core)]}

    @model_validator(mode="after")
    def _has_one(self) -> SysctlSettings:
        if (self.value is None) != (self.state == "absent"):
            raise ValueError(_("needs a value, or `state: absent`"))
        return self


class KernelSettings(Frozen):
    """Settings of the kernel and its network (sysctl)."""

    hardened: Literal[True] | None = Field(
        default=None,
        title=N_("Hardened"),
        description=N_("A list of settings that shut well-known ways of attack; the review names each."),
    )
    rare_protocols: StrictBool | None = Field(
        default=None,
        title=N_("Rare protocols"),
        description=N_(
            "Whether the kernel loads DCCP, RDS, SCTP and TIPC for whoever asks. Hardly anything needs them."
        ),
    )
    values: Mapping[SysctlName, SysctlSettings] | None = Field(
        default=None,
        title=N_("Single settings"),
        description=N_("Settings by their names, which outrank the list: net.ipv4.tcp_syncookies. Others stay."),
        json_schema_extra={"key_title": N_("Setting")},
    )


class AuditLogSettings(Frozen):
    """auditd, which writes down who changes what decides about this machine."""

    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Audit log"),
        description=N_("Whether the kernel's audit log is kept, in /var/log/audit."),
    )
    rules: Literal["baseline"] | None = Field(
        default=None,
        title=N_("Rules"),
        description=N_(
            "baseline, also when left out: changes of accounts, sudo, SSH, clock, kernel modules and what starts by "
            "itself."
        ),
    )


class SecuritySettings(Settings):
    """The key `security` of a setup file."""

    profile: Literal["home", "internet", "ci"] | None = Field(
        default=None,
        title=N_("Profile"),
        description=N_(
            "A set of the settings below: home (behind a router), internet (reachable from everywhere), ci (builds). "
            "What is set below outranks it."
        ),
    )

    firewall: FirewallSettings | None = Field(
        default=None, title=N_("Firewall"), description=N_("What gets in and out. What isn't named is left alone.")
    )
    ssh: SshSettings | None = Field(
        default=None, title=N_("SSH"), description=N_("How one logs in by SSH. What isn't named here is left alone.")
    )
    bans: BanSettings | None = Field(
        default=None, title=N_("Bans"), description=N_("Who keeps failing to log in is shut out for a while.")
    )
    updates: UpdateSettings | None = Field(
        default=None, title=N_("Updates"), description=N_("Updates that are installed without anybody asking.")
    )
    kernel: KernelSettings | None = Field(
        default=None, title=N_("Kernel"), description=N_("Settings of the kernel and its network.")
    )
    audit_log: AuditLogSettings | None = Field(
        default=None, title=N_("Audit log"), description=N_("What is written down of changes that matter.")
    )
