"""Players of what guards the machine: sshd, fail2ban-client, sysctl, augenrules, auditctl, apt-config."""

from __future__ import annotations

import configparser
import fnmatch
import re
import shlex
import time
from pathlib import Path
from typing import Any

from pi_installer_tui.system.demo import units
from pi_installer_tui.system.demo.players import Call, Refused, player
from pi_installer_tui.system.demo.tree import Machine

# sshd -----------------------------------------------------------------------------------------------------------

CONFIG = "/etc/ssh/sshd_config"
#: `sshd -T` of Debian 13 without a configuration
DEFAULTS = Path(__file__).with_name("sshd.txt")
#: keywords whose lines add up (sshd_config(5))
_ADDING = ("allowusers", "allowgroups", "denyusers", "denygroups", "acceptenv", "port", "hostkey", "listenaddress")
_WORDS = {"prohibit-password": "without-password"}


def sshd_says(machine: Machine) -> list[tuple[str, str]]:
    """What `sshd -T` prints: of most keywords the first value counts. Raises Refused for a keyword it doesn't know."""
    known = [line.split(" ", 1) for line in DEFAULTS.read_text("utf-8").splitlines()]
    said = {keyword: [v for k, v in known if k == keyword] for keyword, _value in known}
    added = {"allowusers", "allowgroups", "denyusers", "denygroups"}  # without a value they aren't printed
    given: dict[str, list[str]] = {}
    for path, number, keyword, words in _sshd_lines(machine, CONFIG):
        if keyword not in said and keyword not in added and keyword != "channeltimeout":
            raise Refused(f"{path}: line {number}: Bad configuration option: {keyword}\n"
                          f"{path}: terminating, 1 bad configuration options", 255)  # fmt: skip
        values = words if keyword in _ADDING else [" ".join(_WORDS.get(word, word) for word in words)]
        if keyword in _ADDING:
            given.setdefault(keyword, []).extend(values)
        else:
            given.setdefault(keyword, values)
    return [(keyword, value) for keyword, values in {**said, **given}.items() for value in values]


def _sshd_lines(machine: Machine, path: str) -> list[tuple[str, int, str, list[str]]]:
    """The lines outside of Match blocks: path, number, keyword, values; those of what is included in their place."""
    found = []
    for number, line in enumerate((machine.text(path) or "").splitlines(), 1):
        words = shlex.split(line.replace("=", " ", 1) if re.match(r"\s*\w+=", line) else line, comments=True)
        if not words:
            continue
        keyword = words[0].lower()
        if keyword == "match":
            break
        if keyword == "include":
            for pattern in words[1:]:
                folder, _slash, names = pattern.rpartition("/")
                for name in sorted(n for n in _listdir(machine, folder) if fnmatch.fnmatchcase(n, names)):
                    found += _sshd_lines(machine, f"{folder}/{name}")
        elif keyword != "subsystem":
            found.append((path, number, keyword, words[1:]))
    return found


def _listdir(machine: Machine, folder: str) -> tuple[str, ...]:
    try:
        return tuple(machine.files.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return ()


@player("sshd", folder="/usr/sbin")
async def sshd(call: Call) -> int:
    options = call.options("-T", "-t", "-C=")
    said = sshd_says(call.machine)
    if options.has("-T"):
        await call.out("\n".join(f"{keyword} {value}" for keyword, value in said))
    elif not options.has("-t"):
        raise Refused("sshd re-exec requires execution with an absolute path", 255)
    return 0


# fail2ban -------------------------------------------------------------------------------------------------------

#: who is banned in the jail of sshd soon after fail2ban has begun to read the journal (RFC 5737, RFC 3849)
_VISITORS = ("203.0.113.77", "198.51.100.23", "2001:db8:7::5")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def jails(machine: Machine) -> dict[str, dict[str, str]]:
    """The jails that the files enable, with their keys; Debian's own file enables the one of sshd."""
    parser = configparser.RawConfigParser(default_section="DEFAULT", strict=False)
    parser.read_dict({"DEFAULT": {"bantime": "10m", "enabled": "false"}, "sshd": {"enabled": "true"}})
    folder = "/etc/fail2ban/jail.d"
    names = _listdir(machine, folder)
    for path in (
        *(f"{folder}/{n}" for n in names if n.endswith(".conf")),
        "/etc/fail2ban/jail.local",
        *(f"{folder}/{n}" for n in names if n.endswith(".local")),
    ):
        parser.read_string(machine.text(path) or "")
    return {name: dict(parser[name]) for name in parser.sections() if parser[name].get("enabled") == "true"}


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(-?[0-9]+)([smhdw]?)", text.strip())
    return int(found[1]) * _UNITS[found[2]] if found else 600


def bans(machine: Machine) -> dict[str, dict[str, list[int]]]:
    """Who is banned now: jail, address, since when (seconds since 1970), for how many seconds."""
    since = int(units.active_units(machine)["fail2ban.service"].since / 1e6)
    known: dict[str, Any] = machine.memory("fail2ban")
    if known.get("since") != since:
        there = jails(machine)
        seconds = _seconds(there.get("sshd", {}).get("bantime", "10m"))
        seen = {"sshd": {address: [since, seconds] for address in _VISITORS}} if "sshd" in there else {}
        known = {"since": since, "bans": {**{jail: {} for jail in there}, **seen}}
        machine.remember("fail2ban", known)
    now = time.time()
    return {
        jail: {address: [at, n] for address, (at, n) in of.items() if n < 0 or at + n > now}
        for jail, of in known["bans"].items()
    }


@player("fail2ban-client", package="fail2ban")
async def fail2ban_client(call: Call) -> int:
    words = call.options("--with-time").words
    with_time = "--with-time" in call.argv
    machine = call.machine
    if not units.is_active(machine, "fail2ban"):
        raise Refused("Failed to access socket path: /var/run/fail2ban/fail2ban.sock. Is fail2ban running?", 255)
    with machine.locked():
        now = bans(machine)
    match words:
        case ["ping"]:
            await call.out("Server replied: pong")
        case ["status"]:
            await call.out(f"Status\n|- Number of jail:\t{len(now)}\n`- Jail list:\t{', '.join(sorted(now))}")
        case ["status", jail]:
            await call.out(_status(jail, _of(now, jail), jails(machine).get(jail, {})))
        case ["get", jail, "banip"]:
            of = sorted(_of(now, jail).items(), key=lambda pair: pair[1][0] + pair[1][1])
            lines = [f"{address} \t{_local(at)} + {n} = {_local(at + n)}" for address, (at, n) in of]
            await call.out("\n".join(lines) if with_time else " ".join(address for address, _times in of))
        case ["get", jail, "banned", address]:
            await call.out("1" if address in _of(now, jail) else "0")
        case ["set", jail, ("banip" | "unbanip") as verb, address]:
            was = address in _of(now, jail)
            with machine.locked():
                known = machine.memory("fail2ban")
                if verb == "banip":
                    seconds = _seconds(jails(machine).get(jail, {}).get("bantime", "10m"))
                    known["bans"][jail][address] = [int(time.time()), seconds]
                else:
                    known["bans"][jail].pop(address, None)
                machine.remember("fail2ban", known)
            await call.out(str(int(was != (verb == "banip"))))
        case _:
            raise Refused("Sorry but the command is invalid", 255)
    return 0


def _of(now: dict[str, dict[str, list[int]]], jail: str) -> dict[str, list[int]]:
    if jail not in now:
        raise Refused(f"Sorry but the jail '{jail}' does not exist", 255)
    return now[jail]


def _local(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _status(jail: str, banned: dict[str, list[int]], keys: dict[str, str]) -> str:
    read = f"File list:\t{keys['logpath']}" if "logpath" in keys else "Journal matches:\t_SYSTEMD_UNIT=ssh.service"
    return (
        f"Status for the jail: {jail}\n|- Filter\n|  |- Currently failed:\t0\n|  |- Total failed:\t{5 * len(banned)}\n"
        f"|  `- {read}\n`- Actions\n   |- Currently banned:\t{len(banned)}\n   |- Total banned:\t{len(banned)}\n"
        f"   `- Banned IP list:\t{' '.join(banned)}"
    )


# sysctl ---------------------------------------------------------------------------------------------------------

PROC = "/proc/sys"


@player("sysctl", package="procps", folder="/usr/sbin")
async def sysctl(call: Call) -> int:
    options = call.options("-n", "-w", "-a")
    machine = call.machine
    names = _tree(machine, PROC) if options.has("-a") else options.words
    for word in names:
        name, equals, value = word.partition("=")
        path = f"{PROC}/{name.replace('.', '/')}"
        if machine.text(path) is None:
            raise Refused(f"sysctl: cannot stat {path}: No such file or directory", 255)
        if equals:
            with machine.locked():
                machine.write(path, f"{value}\n")
        shown = (machine.text(path) or "").strip()
        await call.out(shown if options.has("-n") else f"{name} = {shown}")
    return 0


def _tree(machine: Machine, folder: str) -> list[str]:
    found = []
    for name in sorted(_listdir(machine, folder)):
        path = f"{folder}/{name}"
        below = machine.files.stat(path)
        if below is not None and below.kind == "directory":
            found += _tree(machine, path)
        else:
            found.append(path.removeprefix(f"{PROC}/").replace("/", "."))
    return found


@player("modprobe", package="kmod", folder="/usr/sbin")
async def modprobe(call: Call) -> int:
    if call.argv[1:] != ("--showconfig",):
        raise Refused("modprobe: only --showconfig is played")
    folder = "/etc/modprobe.d"
    for name in (n for n in _listdir(call.machine, folder) if n.endswith(".conf")):
        for line in (call.machine.text(f"{folder}/{name}") or "").splitlines():
            if line.strip() and not line.startswith("#"):
                await call.out(" ".join(line.split()))
    return 0


@player("runuser", folder="/usr/sbin")
async def runuser(call: Call) -> int:
    """Only the limit of core dumps that a session has (limits.conf(5)), in bytes."""
    if call.argv[1:] != ("-u", "nobody", "--", "prlimit", "--core", "--noheadings", "--output=HARD"):
        raise Refused("runuser: only prlimit is played")
    limit, folder = "unlimited", "/etc/security/limits.d"
    for name in (n for n in _listdir(call.machine, folder) if n.endswith(".conf")):
        for line in (call.machine.text(f"{folder}/{name}") or "").splitlines():
            words = line.split()
            if words[:3] in (["*", "hard", "core"], ["*", "-", "core"]):
                limit = words[3]
    await call.out(limit)
    return 0


@player("debsums", package="debsums")
async def debsums(call: Call) -> int:
    await call.pause(2.0)
    return 0


@player("crontab", package="cron")
async def crontab(call: Call) -> int:
    raise Refused("no crontab for root")


# auditd ---------------------------------------------------------------------------------------------------------

RULES = "/etc/audit/rules.d"
MERGED = "/etc/audit/audit.rules"


@player("augenrules", package="auditd", folder="/usr/sbin")
async def augenrules(call: Call) -> int:
    options = call.options("--load", "--check")
    machine = call.machine
    texts = [machine.text(f"{RULES}/{name}") or "" for name in _listdir(machine, RULES) if name.endswith(".rules")]
    rules = [line for text in texts for line in text.splitlines() if line.strip() and not line.startswith("#")]
    merged = "".join(f"{line}\n" for line in (f"## This file is automatically generated from {RULES}", *rules))
    if machine.text(MERGED) == merged:
        await call.out("augenrules: No change")
    with machine.locked():
        if machine.text(MERGED) != merged and not options.has("--check"):
            machine.write(MERGED, merged, 0o640)
        if options.has("--load"):
            machine.remember("audit", {"rules": [rule for rule in rules if rule.startswith(("-w ", "-a "))]})
    return 0


@player("auditctl", package="auditd", folder="/usr/sbin")
async def auditctl(call: Call) -> int:
    if not call.options("-l").has("-l"):
        raise Refused("auditctl: only -l is played")
    rules = call.machine.memory("audit").get("rules", [])
    await call.out("\n".join(rules) or "No rules")
    return 0


# updates --------------------------------------------------------------------------------------------------------

CONF = "/etc/apt/apt.conf.d"
#: apt.conf(5): a directive, a text, a sign, a word
_TOKENS = re.compile(r'#clear\b|"([^"]*)"|[{};]|[^\s"{};]+')


def apt_settings(machine: Machine) -> list[tuple[str, str]]:
    """What apt.conf.d sets, in the order of the files: names with values; of a list the name ends in `::`."""
    found: list[tuple[str, str]] = []
    for name in _listdir(machine, CONF):
        text = re.sub(r"/\*.*?\*/", "", machine.text(f"{CONF}/{name}") or "", flags=re.DOTALL)
        lines = (re.split(r"//|^\s*#(?!clear\b)", line)[0] for line in text.splitlines())
        words: list[str] = []
        inside: list[str] = []
        for token in _TOKENS.finditer("\n".join(lines)):
            match token[0]:
                case "{":
                    inside.append(words.pop())
                case "}":
                    inside.pop()
                case ";" if words[:1] == ["#clear"]:
                    gone = words[1]
                    found = [(n, v) for n, v in found if n != gone and not n.startswith(f"{gone}::")]
                    words = []
                case ";":
                    if words:
                        where = [*inside, *words[:-1]] if len(words) > 1 else [*inside, ""]
                        found.append(("::".join(where), words[-1]))
                    words = []
                case _:
                    words.append(token[0] if token[1] is None else token[1])
    return found


@player("apt-config")
async def apt_config(call: Call) -> int:
    if call.argv[1:] != ("dump",):
        raise Refused("apt-config: only dump is played", 100)
    await call.out('APT "";\nAPT::Architecture "arm64";')
    said: dict[str, str] = {}
    for name, value in apt_settings(call.machine):
        if name.endswith("::"):
            await call.out(f'{name} "{value}";')
        else:
            said[name] = value
    await call.out("\n".join(f'{name} "{value}";' for name, value in said.items()))
    return 0


@player("unattended-upgrade", package="unattended-upgrades")
async def unattended_upgrade(call: Call) -> int:
    await call.pause(2.0)
    return 0
