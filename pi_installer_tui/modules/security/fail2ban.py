"""What fail2ban does: whether it runs, its jails with who is banned, what its files say of each jail, and for which
services of this machine it has a jail."""

from __future__ import annotations

import asyncio
import configparser
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from ipaddress import ip_network

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown, Value, known

SERVICE = "fail2ban.service"
FOLDER = "/etc/fail2ban"
OWN = f"{FOLDER}/jail.d/zz-pi-installer-tui.local"


@dataclass(frozen=True, slots=True)
class Filter:
    """A jail that fail2ban's package has a filter for. units: of the service, any of them. log: the files that the
    service logs to, "" for the journal; journal: what of the journal is its (journalmatch; "" as its filter has it).
    asked: only where it is asked for by name. tuned: jail.conf has tries and times of its own for it."""

    units: tuple[str, ...]
    log: str = ""
    journal: str = ""
    asked: bool = False
    tuned: bool = False


SSHD = "sshd"
RECIDIVE = "recidive"
#: who was banned by any jail is in fail2ban's own log
LOG = "/var/log/fail2ban.log"
_NGINX, _APACHE = ("nginx.service",), ("apache2.service",)
_NGINX_LOG, _APACHE_LOG = "/var/log/nginx/*error.log", "/var/log/apache2/*error.log"
#: jail.conf, paths-debian.conf and filter.d of fail2ban 1.0.2 and 1.1.0, without sshd. Postfix's unit is an instance in
#: Debian 12.
FILTERS: Mapping[str, Filter] = {
    "nginx-http-auth": Filter(_NGINX, _NGINX_LOG),
    "nginx-botsearch": Filter(_NGINX, _NGINX_LOG),
    "nginx-limit-req": Filter(_NGINX, _NGINX_LOG, asked=True),
    "apache-auth": Filter(_APACHE, _APACHE_LOG),
    "apache-botsearch": Filter(_APACHE, _APACHE_LOG, tuned=True),
    "apache-overflows": Filter(_APACHE, _APACHE_LOG, tuned=True),
    "apache-shellshock": Filter(_APACHE, _APACHE_LOG, tuned=True),
    "postfix": Filter(("postfix.service",), journal="_SYSTEMD_UNIT=postfix.service + _SYSTEMD_UNIT=postfix@-.service"),
    "dovecot": Filter(("dovecot.service",)),
    "exim": Filter(("exim4.service",), "/var/log/exim4/mainlog"),
    "proftpd": Filter(("proftpd.service",), "/var/log/proftpd/proftpd.log"),
    "vsftpd": Filter(("vsftpd.service",), "/var/log/vsftpd.log"),
    RECIDIVE: Filter((), LOG, asked=True, tuned=True),
}


@dataclass(frozen=True, slots=True)
class Ban:
    """An address that is shut out. since, until: seconds since 1970, None where fail2ban doesn't say; until None: for
    good."""

    address: str
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Jail:
    """A jail that runs, and whom it has banned now."""

    name: str
    bans: tuple[Ban, ...]
    failed: int
    total_banned: int

    @property
    def banned(self) -> tuple[str, ...]:
        """The addresses."""
        return tuple(ban.address for ban in self.bans)


@dataclass(frozen=True, slots=True)
class Fail2ban:
    """enabled: whether the service is enabled, and whether it runs. jails: those that run.
    files: what the files say, section to key to value with its place, the later file winning. networks: those that
    this machine is in. own: our own file, "" for none. services: the units of FILTERS that this machine has. logs:
    those of their logs that are there. lacks: what it needs to shut somebody out and isn't installed, as packages."""

    installed: bool
    enabled: Value[bool]
    jails: Reading[tuple[Jail, ...]] = MISSING
    files: Reading[Mapping[str, Mapping[str, tuple[str, Source]]]] = MISSING
    networks: tuple[str, ...] = ()
    own: str = ""
    services: frozenset[str] = frozenset()
    logs: frozenset[str] = frozenset()
    lacks: tuple[str, ...] = ()

    def says(self, jail: str, key: str) -> Value[str]:
        """A key of a jail, or of DEFAULT where the jail has none of its own."""
        if not isinstance(self.files, Known):
            return Value(self.files, self.files)
        for section in (jail, "DEFAULT"):
            if (found := self.files.value.get(section, {}).get(key)) is not None:
                reading = Known(found[0], found[1])
                return Value(reading, reading)
        return Value(MISSING, MISSING)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The jails that the files enable."""
        files = known(self.files) or {}
        return tuple(name for name in files if name != "DEFAULT" and known(self.says(name, "enabled").best) == "true")


async def read(host: Host) -> Fail2ban:
    """What fail2ban does; asking it needs root."""
    networks = await _networks(host)
    services, logs = await _services(host), await _logs(host)
    if await host.which("fail2ban-client") is None:
        lacks = await _lacks(host, MISSING)
        nothing: Value[bool] = Value(MISSING, Known(False))
        return Fail2ban(False, nothing, networks=networks, services=services, logs=logs, lacks=lacks)
    configured: Reading[bool] = Unknown(_("{program} is not installed").format(program="systemctl"))
    running: Reading[bool] = configured
    try:
        asked = (host.run(["systemctl", verb, SERVICE]) for verb in ("is-enabled", "is-active"))
        enabled, active = await asyncio.gather(*asked)
        configured, running = Known(enabled.stdout.strip() == "enabled"), Known(active.stdout.strip() == "active")
    except CommandNotFound:
        pass
    jails = await _jails(host) if known(running) else MISSING
    own = await host.text(OWN) or ""
    files = await _files(host)
    found = Fail2ban(True, Value(configured, running), jails, files, networks, own, services, logs)
    return replace(found, lacks=await _lacks(host, found.says("DEFAULT", "banaction").effective))


async def _lacks(host: Host, action: Reading[str]) -> tuple[str, ...]:
    """fail2ban only recommends the programs by which it bans: iptables (so in Debian 12) or nftables (13), and counts
    failures without them too. action: what its files say, MISSING before they are there."""
    wanted = {"iptables": "iptables", "nftables": "nft"}
    if isinstance(action, Known):
        wanted = {package: program for package, program in wanted.items() if action.value.startswith(package)}
    return tuple([package for package, program in wanted.items() if await host.which(program) is None])


async def _services(host: Host) -> frozenset[str]:
    """The services that are installed, whether they run or not."""
    units = sorted({unit for each in FILTERS.values() for unit in each.units})
    try:
        said = await host.run(["systemctl", "show", "--property=Id,LoadState", *units])
    except CommandNotFound:
        return frozenset()
    blocks = [dict(line.split("=", 1) for line in b.splitlines() if "=" in line) for b in said.stdout.split("\n\n")]
    return frozenset(block["Id"] for block in blocks if block.get("LoadState") == "loaded" and "Id" in block)


async def _logs(host: Host) -> frozenset[str]:
    """Those of the logs that are there: fail2ban doesn't start with a jail that has none."""
    found = set()
    for log in {each.log for each in FILTERS.values() if each.log}:
        folder, _slash, pattern = log.rpartition("/")
        try:
            if any(fnmatchcase(name, pattern) for name in await host.listdir(folder)):
                found.add(log)
        except OSError:  # no permission, no folder: as fail2ban sees it, which is root, can't be told
            continue
    return frozenset(found)


async def _networks(host: Host) -> tuple[str, ...]:
    """The networks of this machine's addresses; of IPv6 those that its router gave out and its own link."""
    found = set()
    try:
        answer = await host.run(["ip", "-json", "address", "show"])
        for link in json.loads(answer.stdout or "[]"):
            for info in link.get("addr_info", ()):
                if info.get("scope") == "global" and info.get("prefixlen", 0) > 0:
                    found.add(str(ip_network(f"{info['local']}/{info['prefixlen']}", strict=False)))
    except (CommandNotFound, ValueError, KeyError):
        return ()
    return tuple(sorted(found))


async def _jails(host: Host) -> Reading[tuple[Jail, ...]]:
    if not host.privileged:
        return Unknown(_("fail2ban tells its jails to root only"))
    answer = await host.run(["fail2ban-client", "status"])
    listed = re.search(r"Jail list:\s*(.*)", answer.stdout)
    if not answer.ok or listed is None:
        return Unknown(_("`fail2ban-client status` fails"))
    names = [name for part in listed[1].split(",") if (name := part.strip())]
    return Known(tuple(await asyncio.gather(*(_jail(host, name) for name in names))))


async def _jail(host: Host, name: str) -> Jail:
    said = (await host.run(["fail2ban-client", "status", name])).stdout

    def number(title: str) -> int:
        match = re.search(rf"{title}:\s*(\d+)", said)
        return int(match[1]) if match else 0

    banned = re.search(r"Banned IP list:\s*(.*)", said)
    addresses = tuple(banned[1].split()) if banned else ()
    bans = await _bans(host, name) if addresses else {}
    return Jail(name, tuple(bans.get(a, Ban(a)) for a in addresses), number("Total failed"), number("Total banned"))


#: fail2ban/server/banmanager.py, getBanList: an address, when it was banned, seconds, until when, in local time
_BAN = re.compile(r"(\S+)\s+(\S+ \S+) \+ (-?[0-9]+) = (\S+ \S+)")


async def _bans(host: Host, jail: str) -> dict[str, Ban]:
    """Who is banned in a jail, with the times; an older fail2ban than 0.11 doesn't tell these."""
    answer = await host.run(["fail2ban-client", "get", jail, "banip", "--with-time"])
    found = {}
    for line in answer.stdout.splitlines() if answer.ok else ():
        if (said := _BAN.fullmatch(line.strip())) is None:
            continue
        since = _moment(said[2])
        ends = since is not None and int(said[3]) >= 0
        found[said[1]] = Ban(said[1], since, _moment(said[4]) if ends else None)
    return found


def _moment(local: str) -> float | None:
    try:
        return time.mktime(time.strptime(local, "%Y-%m-%d %H:%M:%S"))
    except (ValueError, OverflowError):
        return None


async def _files(host: Host) -> Reading[Mapping[str, Mapping[str, tuple[str, Source]]]]:
    """jail.conf(5): jail.conf, jail.d/*.conf, jail.local, jail.d/*.local, the later one winning."""
    try:
        names = await host.listdir(f"{FOLDER}/jail.d")
        paths = [f"{FOLDER}/jail.conf", *(f"{FOLDER}/jail.d/{n}" for n in names if n.endswith(".conf"))]
        paths += [f"{FOLDER}/jail.local", *(f"{FOLDER}/jail.d/{n}" for n in names if n.endswith(".local"))]
        found: dict[str, dict[str, tuple[str, Source]]] = {}
        for path in paths:
            text = await host.text(path)
            if text is None:
                continue
            parser = configparser.RawConfigParser(default_section="", strict=False, interpolation=None)
            parser.read_string(text)
            numbers = _lines(text)
            for section in parser.sections():
                for key, value in parser[section].items():
                    place = Source(path, numbers.get((section, key)))
                    found.setdefault(section, {})[key] = (value, place)
    except PermissionError as error:
        return Unknown(_("no permission for {path}").format(path=error.filename or FOLDER))
    except configparser.Error as error:
        return Unknown(_("{path} isn't understood: {why}").format(path=FOLDER, why=str(error).splitlines()[0]))
    return Known(found)


def _lines(text: str) -> Mapping[tuple[str, str], int]:
    """The number of the line in which each key of each section stands last."""
    section, found = "", {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("["):
            section = line.strip()[1:-1]
        elif match := re.match(r"(\S[^=:]*?)\s*[=:]", line):
            found[section, match[1].lower()] = number
    return found
