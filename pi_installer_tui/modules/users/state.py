"""Who can log in, and how: accounts with their passwords' state, keys, groups and rights as they really are."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.users import keys as key_lines
from pi_installer_tui.modules.users import policy
from pi_installer_tui.system import accounts
from pi_installer_tui.system.accounts import GROUP, PASSWD, SHADOW
from pi_installer_tui.system.caller import caller
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown

EMPTY: Mapping[str, Any] = MappingProxyType({})

SHELLS = "/etc/shells"
HOMES = "/home"
BACKUPS = "/var/backups"
SUDOERS = "/etc/sudoers.d"
#: login.defs(5) as Debian ships it; 65534 is nobody
PEOPLE = range(1000, 60000)
#: what a shell is called that lets nobody in
_NO_SHELLS = ("nologin", "false", "true", "sync", "shutdown", "halt")
#: entries of the journal that are looked through, the newest first
_ENTRIES = 3000
#: auth2.c of OpenSSH; `sshd-session` since 9.8
_ACCEPTED = re.compile(r"Accepted (\S+) for (\S+) from \S+ port [0-9]+(?: ssh2)?(?:: \S+ (SHA256:\S+))?.*")
#: of `sudo -l`: what may be run as whom; the tags are sudoers(5)'s
_ALL = re.compile(r"\([^)]*\) (?:[A-Z_]+: ?)*ALL")


@dataclass(frozen=True, slots=True)
class Key:
    """A key that may log in. kind: ED25519, RSA and so on; last_used: seconds since 1970, where the journal says it."""

    fingerprint: str
    kind: str
    bits: int
    comment: str
    options: str
    line: str
    last_used: int | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """An account of a person (its number is one of 1000 to 59999), or root's.

    password: its state is unknown without the right to read /etc/shadow.
    keys_text: authorized_keys as it is, None where there is none; has_ssh: ~/.ssh is there.
    sudo: what `sudo -l -U` says that it may run; rule: our drop-in for it is there.
    last_login: seconds since 1970, by SSH, as far as the journal goes back.
    """

    account: accounts.Account
    password: Reading[accounts.Password]
    keys: Reading[tuple[Key, ...]] = MISSING
    keys_text: str | None = None
    has_ssh: bool = False
    sudo: Reading[tuple[str, ...]] = MISSING
    rule: Reading[str] = MISSING
    last_login: Reading[int] = MISSING

    @property
    def login_shell(self) -> bool:
        """Its shell lets somebody in."""
        return self.account.shell.rpartition("/")[2] not in _NO_SHELLS

    def everything(self) -> int:
        """How many of sudo's rules let it run everything."""
        rules = self.sudo.value if isinstance(self.sudo, Known) else ()
        return sum(_ALL.fullmatch(rule) is not None for rule in rules)

    def unasked(self) -> bool:
        """One of sudo's rules lets it run everything without a password."""
        rules = self.sudo.value if isinstance(self.sudo, Known) else ()
        return any(_ALL.fullmatch(rule) is not None and "NOPASSWD:" in rule for rule in rules)


@dataclass(frozen=True, slots=True)
class State:
    """The accounts. people: those of people, by name; others: all other accounts, with their numbers.

    homes: the folders in /home with their owners' numbers. starter: who works with this program. today: in days since
    1970-01-01. has_sudo: sudo is installed. rules: for passwords.
    """

    people: Mapping[str, Person] | Unknown = field(default_factory=lambda: EMPTY)
    root: Person | None = None
    others: Mapping[str, int] = field(default_factory=lambda: EMPTY)
    groups: Mapping[str, int] = field(default_factory=lambda: EMPTY)
    shells: tuple[str, ...] = ()
    homes: Mapping[str, int] = field(default_factory=lambda: EMPTY)
    backups: frozenset[str] = frozenset()
    rules: policy.Rules = field(default_factory=lambda: policy.Rules())
    has_sudo: bool = False
    starter: str = ""
    today: int = 0


def rule_path(name: str) -> str:
    """Where our drop-in for an account lies. sudoers(5) skips names with a dot, so it is written otherwise."""
    return f"{SUDOERS}/pi-installer-tui-{name.replace('.', '_-_')}"


def rule_text(name: str) -> str:
    """Our drop-in for an account."""
    return f"{name} ALL=(ALL:ALL) NOPASSWD: ALL\n"


async def read(host: Host) -> State:
    """Looks at the machine. Never raises for what it lacks."""
    starter, today = caller(), int(time.time() // 86400)
    texts: dict[str, str] = {}
    hidden = ""
    for path in (PASSWD, GROUP, SHADOW):
        try:
            texts[path] = await host.text(path) or ""
        except PermissionError:
            hidden = _("no permission to read {path}").format(path=path)
    if PASSWD not in texts or GROUP not in texts:
        return State(people=Unknown(hidden), rules=await policy.read(host), starter=starter, today=today)
    found = accounts.accounts(texts)
    people = {name: one for name, one in found.items() if one.uid in PEOPLE}
    root = next((one for one in found.values() if one.uid == 0), None)
    looked = [*people.values(), *((root,) if root else ())]
    has_sudo = await host.which("sudo") is not None
    logins, files, homes, backups, shells, where = await asyncio.gather(
        _logins(host),
        asyncio.gather(*(_keys_file(host, one) for one in looked)),
        _owners(host),
        _names(host, BACKUPS),
        _shells(host),
        _keys_where(host),
    )
    said = await _said(host, [text for text, _has in files if isinstance(text, str)])
    rights = await asyncio.gather(*(_rights(host, one.name, has_sudo) for one in looked))
    rules = await asyncio.gather(*(_rule(host, one.name) for one in looked))
    read_people = {
        one.name: Person(
            account=one,
            password=Unknown(hidden) if hidden else Known(one.password, Source(SHADOW)),
            keys=_keys(one, text, said, where, logins),
            keys_text=text if isinstance(text, str) else None,
            has_ssh=has_ssh,
            sudo=may,
            rule=rule,
            last_login=_last(logins, one.name),
        )
        for one, (text, has_ssh), may, rule in zip(looked, files, rights, rules, strict=True)
    }
    groups = {f[0]: int(f[2]) for f in accounts.lines(texts[GROUP]) if len(f) > 2 and f[2].isdecimal()}
    return State(
        people={name: one for name, one in read_people.items() if name in people},
        root=read_people.get(root.name) if root else None,
        others={name: one.uid for name, one in found.items() if name not in people},
        groups=groups,
        shells=shells,
        homes=homes,
        backups=backups,
        rules=await policy.read(host),
        has_sudo=has_sudo,
        starter=starter,
        today=today,
    )


# keys -----------------------------------------------------------------------------------------------------------


def keys_path(home: str) -> str:
    """Where sshd looks for an account's keys, unless it is told otherwise."""
    return f"{home.rstrip('/')}/.ssh/authorized_keys"


async def _keys_file(host: Host, one: accounts.Account) -> tuple[str | Unknown | None, bool]:
    path = keys_path(one.home)
    try:
        folder = await host.stat(path.rpartition("/")[0])
        # it is root who reads: a link in somebody's home could lead to any file
        text = (await host.read(path, follow=False)).decode("utf-8", "surrogateescape")
        return text, folder is not None
    except FileNotFoundError:
        return None, folder is not None
    except PermissionError:
        return Unknown(_("no permission to read {path}").format(path=path)), False
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Unknown(_("{path} is behind a link, which isn't followed").format(path=path)), False
        return Unknown(f"{path}: {error.strerror or error}"), False


async def _keys_where(host: Host) -> str:
    """Why the keys aren't where they are usually, "" where they are: sshd's AuthorizedKeysFile."""
    try:
        done = await host.run(["sshd", "-T"])
    except CommandNotFound:
        return ""
    for line in done.stdout.splitlines() if done.ok else ():
        name, _blank, value = line.partition(" ")
        if name == "authorizedkeysfile" and ".ssh/authorized_keys" not in value.split():
            return _("sshd reads keys from {path}").format(path=value)
    return ""


async def _said(host: Host, texts: list[str]) -> dict[str, tuple[int, str]] | Unknown:
    """What ssh-keygen says of all keys at once."""
    lines = [row for text in texts for row in text.split("\n") if key_lines.line(row) is not None]
    if not lines:
        return {}
    data = "".join(f"{row}\n" for row in lines).encode("utf-8", "surrogateescape")
    try:
        done = await host.run(["ssh-keygen", "-l", "-f", "-"], input=data)
    except CommandNotFound as error:
        return Unknown(_("{program} is not installed").format(program=error.program))
    return key_lines.said(done.stdout)


def _keys(
    one: accounts.Account,
    text: str | Unknown | None,
    said: dict[str, tuple[int, str]] | Unknown,
    where: str,
    logins: _Logins | Unknown,
) -> Reading[tuple[Key, ...]]:
    if isinstance(text, Unknown):
        return text
    if where:
        return Unknown(where)
    if isinstance(said, Unknown) and text:
        return said
    found = []
    for line in key_lines.lines(text or ""):
        if isinstance(said, Unknown) or line.fingerprint not in said:
            continue
        bits, kind = said[line.fingerprint]
        used = None if isinstance(logins, Unknown) else logins.keys.get((one.name, line.fingerprint))
        row = (text or "").split("\n")[line.number - 1].strip()
        found.append(Key(line.fingerprint, kind, bits, line.comment, line.options, row, used))
    return Known(tuple(found), Source(keys_path(one.home)))


# logins ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Logins:
    """The latest logins by SSH, in seconds since 1970: by name, and by name and key."""

    names: Mapping[str, int]
    keys: Mapping[tuple[str, str], int]


async def _logins(host: Host) -> _Logins | Unknown:
    argv = ["journalctl", "--quiet", "--output=json", "--output-fields=MESSAGE", "--reverse", f"--lines={_ENTRIES}"]
    argv += ["--identifier=sshd", "--identifier=sshd-session", "--grep=^Accepted "]
    try:
        done = await host.run(argv)
    except CommandNotFound as error:
        return Unknown(_("{program} is not installed").format(program=error.program))
    if not host.privileged:
        return Unknown(_("no permission to read the journal"))
    names: dict[str, int] = {}
    keys: dict[tuple[str, str], int] = {}
    for line in done.stdout.splitlines():
        try:
            entry = json.loads(line)
            when, message = int(entry["__REALTIME_TIMESTAMP"]) // 1_000_000, str(entry["MESSAGE"])
        except (ValueError, KeyError, TypeError):
            continue
        if match := _ACCEPTED.fullmatch(message):
            names.setdefault(match[2], when)
            keys.setdefault((match[2], match[3] or ""), when)
    return _Logins(names, keys)


def _last(logins: _Logins | Unknown, name: str) -> Reading[int]:
    if isinstance(logins, Unknown):
        return logins
    return Known(logins.names[name]) if name in logins.names else MISSING


# rights ---------------------------------------------------------------------------------------------------------


async def _rights(host: Host, name: str, has_sudo: bool) -> Reading[tuple[str, ...]]:
    """The rules that sudo has for an account, as it says them itself: `(ALL : ALL) NOPASSWD: ALL`."""
    if not has_sudo:
        return MISSING
    if not host.privileged:
        return Unknown(_("only root can ask for the rights of others"))
    done = await host.run(["sudo", "-n", "-l", "-U", name])
    if f"User {name} is not allowed to run sudo" in done.stdout:
        return Known(())
    head, may, rules = done.stdout.partition("may run the following commands")
    if not done.ok or not may:
        said = (done.stderr.strip() or head.strip()).splitlines()
        return Unknown(_("{program} says: {what}").format(program="sudo", what=said[-1] if said else done.status))
    return Known(tuple(line.strip() for line in rules.splitlines()[1:] if line.startswith("    (")))


async def _rule(host: Host, name: str) -> Reading[str]:
    path = rule_path(name)
    try:
        found = await host.text(path)
    except PermissionError:
        return Unknown(_("no permission to read {path}").format(path=path))
    return MISSING if found is None else Known(found, Source(path))


# what there is --------------------------------------------------------------------------------------------------


async def _owners(host: Host) -> Mapping[str, int]:
    found = {}
    for name in await _names(host, HOMES):
        seen = await host.stat(f"{HOMES}/{name}")
        if seen is not None:
            found[name] = seen.uid
    return found


async def _names(host: Host, folder: str) -> frozenset[str]:
    try:
        return frozenset(await host.listdir(folder))
    except OSError:
        return frozenset()


async def _shells(host: Host) -> tuple[str, ...]:
    try:
        text = await host.text(SHELLS) or ""
    except OSError:
        return ()
    return tuple(line.strip() for line in text.splitlines() if line.startswith("/"))
