"""What fail2ban does: whether it runs, its jails with who is banned, and what its files say of each jail."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown, Value, known

SERVICE = "fail2ban.service"
FOLDER = "/etc/fail2ban"
OWN = f"{FOLDER}/jail.d/zz-pi-installer-tui.local"


@dataclass(frozen=True, slots=True)
class Jail:
    """A jail that runs: addresses it has banned now, and what its files say (`backend`, `bantime`...)."""

    name: str
    banned: tuple[str, ...]
    failed: int
    total_banned: int


@dataclass(frozen=True, slots=True)
class Fail2ban:
    """enabled: whether the service is enabled, and whether it runs. jails: those that run.
    files: what the files say, section to key to value with its place, the later file winning. networks: those that
    this machine is in. own: our own file, "" for none."""

    installed: bool
    enabled: Value[bool]
    jails: Reading[tuple[Jail, ...]] = MISSING
    files: Reading[Mapping[str, Mapping[str, tuple[str, Source]]]] = MISSING
    networks: tuple[str, ...] = ()
    own: str = ""

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
    if await host.which("fail2ban-client") is None:
        return Fail2ban(False, Value(MISSING, Known(False)), networks=networks)
    configured: Reading[bool] = Unknown(_("{program} is not installed").format(program="systemctl"))
    running: Reading[bool] = configured
    try:
        configured = Known((await host.run(["systemctl", "is-enabled", SERVICE])).stdout.strip() == "enabled")
        running = Known((await host.run(["systemctl", "is-active", SERVICE])).stdout.strip() == "active")
    except CommandNotFound:
        pass
    jails = await _jails(host) if known(running) else MISSING
    own = await host.text(OWN) or ""
    return Fail2ban(True, Value(configured, running), jails, await _files(host), networks, own)


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
    found = []
    for name in filter(None, (part.strip() for part in listed[1].split(","))):
        said = (await host.run(["fail2ban-client", "status", name])).stdout

        def number(title: str, said: str = said) -> int:
            match = re.search(rf"{title}:\s*(\d+)", said)
            return int(match[1]) if match else 0

        banned = re.search(r"Banned IP list:\s*(.*)", said)
        addresses = tuple(banned[1].split()) if banned else ()
        found.append(Jail(name, addresses, number("Total failed"), number("Total banned")))
    return Known(tuple(found))


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
