"""The firewall, by what its rules do, and what stands open in spite of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security.audit import base, exposure
from pi_installer_tui.modules.security.audit.base import Check, Evidence, Finding
from pi_installer_tui.modules.security.audit.exposure import Exposure
from pi_installer_tui.modules.security.audit.netfilter.ruleset import passage
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown

IPV4 = Check(
    "firewall.ipv4",
    "firewall",
    8,
    N_("Does a firewall refuse IPv4 connections to what it doesn't name?"),
    N_("Every program that starts to listen is open to the network at once."),
    N_("Switch ufw on, with incoming connections denied by default"),
    "security.firewall",
)
IPV6 = Check(
    "firewall.ipv6",
    "firewall",
    8,
    N_("Does a firewall refuse IPv6 connections to what it doesn't name?"),
    N_("With IPv6 there is no router's translation in between: the machine itself is on the internet."),
    N_("Switch ufw on, with IPV6=yes in /etc/default/ufw"),
    "security.firewall",
)
BOOT = Check(
    "firewall.boot",
    "firewall",
    5,
    N_("Will the firewall be there after a restart?"),
    N_("After the next power cut the machine is open."),
    N_("ufw enable; or systemctl enable nftables"),
    "security.firewall",
)
DATABASES = Check(
    "listening.databases",
    "firewall",
    8,
    N_("Can nobody outside reach databases and remote controls that are meant for this machine?"),
    N_("They trust who reaches them, or are guessed: data is stolen and held to ransom in hours."),
    N_("Bind it to 127.0.0.1 in its configuration, or let the firewall refuse its port"),
    "security.firewall",
)
STRAYS = Check(
    "listening.strays",
    "firewall",
    5,
    N_("Does every program that outside can reach come from a package?"),
    N_("Nobody updates it, and nobody may know that it is there."),
    N_("Find out who started it (`systemctl status PID`), stop it, or let the firewall refuse its port"),
    "security.firewall",
)
DOCKER = Check(
    "firewall.docker",
    "firewall",
    7,
    N_("Does Docker open no port past the firewall?"),
    N_("The firewall says closed, and everybody gets in: Docker's rules come before ufw's."),
    N_("Publish it to 127.0.0.1 only (-p 127.0.0.1:8080:80), or drop it in the chain DOCKER-USER"),
)
CHECKS = (IPV4, IPV6, BOOT, DATABASES, STRAYS, DOCKER)

#: a port that nothing names: it stands for every other (the last one; no service is registered for it)
OTHER = 65535
#: ports of databases, caches and remote controls that trust who reaches them, and their usual processes
TRUSTING = {
    3306: "MySQL",
    5432: "PostgreSQL",
    6379: "Redis",
    27017: "MongoDB",
    11211: "memcached",
    9200: "Elasticsearch",
    5984: "CouchDB",
    2375: "Docker's API",
    2379: "etcd",
    10250: "kubelet",
    5900: "VNC",
    5901: "VNC",
    111: "rpcbind",
    2049: "NFS",
    139: "SMB",
    873: "rsync",
    6000: "X11",
}
NAMES = frozenset(
    (
        "mysqld",
        "mariadbd",
        "postgres",
        "redis-server",
        "valkey-server",
        "mongod",
        "memcached",
        "etcd",
        "Xvnc",
        "Xtightvnc",
        "x11vnc",
        "rpcbind",
        "smbd",
        "rsync",
    )
)
UNITS = ("ufw.service", "nftables.service", "netfilter-persistent.service", "firewalld.service")
UFW = "/etc/ufw/ufw.conf"


@dataclass(frozen=True, slots=True)
class Boot:
    """units: those that bring a firewall when the machine starts. ufw: whether ufw.conf says ENABLED=yes."""

    units: Mapping[str, Mapping[str, str]] | Unknown
    ufw: bool | Unknown
    nftables: str | Unknown | None = None  # what nftables.service loads


async def read(host: Host) -> Boot:
    """Looks at what brings the firewall back. ufw's unit alone says nothing: it is enabled where ufw is off too."""
    shown = await base.say(host, "systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState", "--", *UNITS)
    conf = await base.text(host, UFW)
    ufw: bool | Unknown
    if isinstance(conf, Unknown):
        ufw = conf
    else:
        values = [line.partition("=")[2].strip().strip("'\"") for line in (conf or "").splitlines() if _enabled(line)]
        ufw = bool(values) and values[-1].lower() == "yes"
    loaded = await base.text(host, "/etc/nftables.conf")
    return Boot(shown if isinstance(shown, Unknown) else base.properties(shown), ufw, loaded)


def _enabled(line: str) -> bool:
    return line.strip().startswith("ENABLED=")


def judge(boot: Boot, facts: Exposure) -> tuple[Finding, ...]:
    """The findings on the firewall and what listens."""
    four, six = _default(IPV4, 4, facts), _default(IPV6, 6, facts)
    return four, six, _boot(boot, four, six), _databases(facts), _strays(facts), _docker(facts)


def _default(check: Check, version: int, facts: Exposure) -> Finding:
    rules = facts.rules
    tables = rules.tables[version]
    if isinstance(tables, Unknown):
        return base.unknown(check, tables)
    if version == 6 and not rules.addresses[6]:
        return base.not_here(check, _("this machine has no IPv6 address"))
    verdicts = {proto: passage(rules, 4 if version == 4 else 6, proto, OTHER) for proto in ("tcp", "udp")}
    chains = [
        f"{t.family} {t.name} {name}: policy {c.policy}, {len(c.rules)} rules"
        for t in tables
        for name, c in t.chains.items()
        if c.hook == "input"
    ]
    lines = [*(chains or [_("no rules for incoming connections")])]
    lines += [
        f"{proto} {OTHER} from anyone on {', '.join(rules.outside)}: {found}" for proto, found in verdicts.items()
    ]
    receipt = base.evidence("; ".join(rules.asked), lines)
    if "unknown" in verdicts.values():
        return base.unknown(check, _("a rule can't be decided"), receipt)
    return base.found(check, (proto for proto, found in verdicts.items() if found == "open"), receipt)


def _boot(boot: Boot, four: Finding, six: Finding) -> Finding:
    if isinstance(boot.units, Unknown):
        return base.unknown(BOOT, boot.units)
    if "good" not in (four.verdict, six.verdict):
        return base.not_here(BOOT, _("there is no firewall now"))
    enabled = {name for name, unit in boot.units.items() if unit.get("UnitFileState") == "enabled"}
    lines = [f"{name}: {boot.units.get(name, {}).get('UnitFileState') or 'not-found'}" for name in UNITS]
    receipt = Evidence("systemctl show " + " ".join(UNITS), "\n".join(lines))
    if "ufw.service" in enabled:
        if isinstance(boot.ufw, Unknown):
            return base.unknown(BOOT, boot.ufw, receipt)
        receipt = Evidence(receipt.asked, f"{receipt.output}\n{UFW}: ENABLED={'yes' if boot.ufw else 'no'}")
        if not boot.ufw:
            enabled.discard("ufw.service")
    if "nftables.service" in enabled:
        if isinstance(boot.nftables, Unknown):
            return base.unknown(BOOT, boot.nftables, receipt)
        if "hook input" not in (boot.nftables or "") and "include" not in (boot.nftables or ""):
            enabled.discard("nftables.service")
    return base.found(BOOT, () if enabled else ("systemd",), receipt)


def _databases(facts: Exposure) -> Finding:
    if isinstance(facts.sockets, Unknown):
        return base.unknown(DATABASES, facts.sockets)
    trusting = [r for r in facts.sockets if r.socket.port in TRUSTING or r.socket.process in NAMES]
    if not trusting:
        return base.found(DATABASES, (), Evidence("ss -H -tulpn", _("none listens")))
    bad = [r for r in trusting if r.anyone]
    receipt = exposure.receipt([*bad, *(r for r in trusting if r not in bad)])
    if not bad and any("unknown" in (r.ipv4, r.ipv6) for r in trusting):
        return base.unknown(DATABASES, _("what the firewall does isn't known"), receipt)
    return base.found(DATABASES, dict.fromkeys(f"{r.socket.proto} {r.socket.port}" for r in bad), receipt)


def _strays(facts: Exposure) -> Finding:
    if isinstance(facts.sockets, Unknown):
        return base.unknown(STRAYS, facts.sockets)
    reached = [r for r in facts.sockets if r.outside and not r.published]
    strays = [r for r in reached if r.socket.package == "" and r.anyone]
    receipt = exposure.receipt([*strays, *(r for r in reached if r not in strays)])
    if not strays and reached and all(r.socket.pid == 0 for r in reached):
        return base.unknown(STRAYS, _("whose they are takes root"), receipt)
    if not strays and any(r.socket.pid and r.socket.package is None and r.anyone for r in reached):
        return base.unknown(STRAYS, _("whose a program is isn't known"), receipt)
    return base.found(STRAYS, dict.fromkeys(r.socket.program for r in strays), receipt)


def _docker(facts: Exposure) -> Finding:
    unknown = next((t for t in facts.rules.tables.values() if isinstance(t, Unknown)), None)
    rows = [] if isinstance(facts.sockets, Unknown) else list(facts.sockets)
    proxied = [r for r in rows if r.socket.process == exposure.PROXY or r.published]
    if not proxied and not facts.published:
        if unknown is not None and isinstance(facts.sockets, Unknown):
            return base.unknown(DOCKER, unknown)
        return base.not_here(DOCKER, _("no port is published"))
    past = [
        r
        for r in proxied
        if r.anyone
        and any(
            reach == "open" and passage(facts.rules, 4 if v == 4 else 6, r.socket.proto, r.socket.port) != "open"
            for v, reach in ((4, r.ipv4), (6, r.ipv6))
            if v in r.socket.versions
        )
    ]
    receipt = exposure.receipt([*past, *(r for r in proxied if r not in past)])
    if not past and any("unknown" in (r.ipv4, r.ipv6) for r in proxied):
        return base.unknown(DOCKER, _("what the firewall does isn't known"), receipt)
    return base.found(DOCKER, dict.fromkeys(f"{r.socket.proto} {r.socket.port}" for r in past), receipt)
