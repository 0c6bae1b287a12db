"""Who can get in and change the machine: accounts with a shell, their password, their keys as sshd would accept them,
and whether sudo lets them do everything."""

from __future__ import annotations

import asyncio
import posixpath
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.security.sshd import Effective
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown, known

#: login.defs(5), UID_MIN of Debian
FIRST_UID = 1000
_NO_SHELL = ("/nologin", "/false", "/sync")
_DAY = 86400
_KEY_TYPE = re.compile(r"(?:^|\s)(?:ssh-|ecdsa-|sk-ssh-|sk-ecdsa-)[A-Za-z0-9@.-]+\s+[A-Za-z0-9+/]+=*")


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account, or root's.

    password: set, none (it opens without one), or locked. keys: how many keys sshd would accept without conditions.
    sudo: it may run everything as root. expired: the account is over.
    """

    name: str
    uid: int
    home: str
    shell: str
    groups: tuple[str, ...]
    password: Reading[str]
    sudo: Reading[bool]
    keys: Reading[int] = MISSING
    expired: bool = False


async def read(host: Host) -> tuple[Account, ...]:
    """Root and everybody who has a shell; their keys are read by `with_keys`."""
    shadow = await _shadow(host)
    people = []
    for line in (await host.text("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) != 7 or not fields[2].isdigit():
            continue
        uid, shell = int(fields[2]), fields[6]
        if (uid == 0 or FIRST_UID <= uid < 60000) and not shell.endswith(_NO_SHELL):
            people.append(fields)
    return tuple(await asyncio.gather(*(_account(host, fields, shadow) for fields in people)))


async def _account(host: Host, fields: Sequence[str], shadow: Reading[Mapping[str, Sequence[str]]]) -> Account:
    name, uid = fields[0], int(fields[2])
    password, expired = _password(shadow, name)
    return Account(
        name=name,
        uid=uid,
        home=fields[5],
        shell=fields[6],
        groups=await _groups(host, name, int(fields[3])),
        password=password,
        sudo=Known(True) if uid == 0 else await _sudo(host, name),
        expired=expired,
    )


async def with_keys(host: Host, account: Account, sshd: Reading[Effective]) -> Account:
    """The same with its keys. sshd: what sshd says of this user."""
    from dataclasses import replace

    return replace(account, keys=await _keys(host, account, sshd))


def lets_in(account: Account, sshd: Effective) -> bool:
    """Whether sshd's lists of users and groups let an account in. Source: sshd_config(5), in the order DenyUsers,
    AllowUsers, DenyGroups, AllowGroups. A pattern with @host counts as no permission, for it depends on where one
    comes from."""
    denied, allowed = _words(sshd, "denyusers"), _words(sshd, "allowusers")
    if any(fnmatchcase(account.name, p.partition("@")[0]) for p in denied):
        return False
    if allowed and not any("@" not in p and fnmatchcase(account.name, p) for p in allowed):
        return False
    if any(fnmatchcase(g, p) for g in account.groups for p in _words(sshd, "denygroups")):
        return False
    groups = _words(sshd, "allowgroups")
    return not groups or any(fnmatchcase(g, p) for g in account.groups for p in groups)


def ways_in(account: Account, sshd: Effective) -> tuple[str, ...]:
    """How an account gets in under these settings: key, password. What is unknown is no way."""
    if account.expired or not lets_in(account, sshd):
        return ()
    root = "".join(sshd.get("permitrootlogin", ("yes",)))
    if account.uid == 0 and root in ("no", "forced-commands-only"):
        return ()
    found = []
    if "yes" in sshd.get("pubkeyauthentication", ("yes",)) and (known(account.keys) or 0) > 0:
        found.append("key")
    only_keys = account.uid == 0 and root in ("prohibit-password", "without-password")
    asked = {*sshd.get("passwordauthentication", ()), *sshd.get("kbdinteractiveauthentication", ())}
    if "yes" in asked and known(account.password) == "set" and not only_keys:
        found.append("password")
    methods = sshd.get("authenticationmethods", ("any",))
    return tuple(found) if methods in (("any",), ()) else ()


def _words(sshd: Effective, keyword: str) -> list[str]:
    return [word for value in sshd.get(keyword, ()) for word in value.split()]


async def _groups(host: Host, name: str, gid: int) -> tuple[str, ...]:
    found = []
    for line in (await host.text("/etc/group") or "").splitlines():
        fields = line.split(":")
        if len(fields) == 4 and (fields[2] == str(gid) or name in fields[3].split(",")):
            found.append(fields[0])
    return tuple(found)


async def _shadow(host: Host) -> Reading[Mapping[str, Sequence[str]]]:
    try:
        text = await host.text("/etc/shadow")
    except PermissionError:
        return Unknown(_("no permission for {path}").format(path="/etc/shadow"))
    if text is None:
        return MISSING
    return Known({line.split(":")[0]: line.split(":") for line in text.splitlines() if line.count(":") >= 7})


def _password(shadow: Reading[Mapping[str, Sequence[str]]], name: str) -> tuple[Reading[str], bool]:
    """shadow(5): what the second field says, and whether the eighth (days since 1970) is over."""
    if not isinstance(shadow, Known):
        return (shadow if isinstance(shadow, Unknown) else MISSING), False
    fields = shadow.value.get(name)
    if fields is None:
        return MISSING, False
    word, day = fields[1], fields[7]
    expired = day.isdigit() and int(day) * _DAY <= time.time()
    if not word:
        return Known("none"), expired
    return Known("locked" if word[0] in "!*" else "set"), expired


async def _sudo(host: Host, name: str) -> Reading[bool]:
    """Whether sudo lets a user do everything, as `sudo -l -U` says. It tells of others to root only."""
    if not host.privileged:
        return Unknown(_("`sudo -l -U` says it to root only"))
    try:
        answer = await host.run(["sudo", "-n", "-l", "-U", name])
    except CommandNotFound:
        return Known(False)
    if not answer.ok:
        return Unknown(_("`sudo -l -U` fails"))
    lines = [line.strip() for line in answer.stdout.splitlines()]
    return Known(any(re.fullmatch(r"\((?:ALL|root)(?: : ALL)?\) (?:[A-Z]+: ?)*ALL", line) for line in lines))


async def _keys(host: Host, account: Account, sshd: Reading[Effective]) -> Reading[int]:
    """How many keys sshd would accept, whatever they are used for and from where. Files that others may write don't
    count (sshd_config(5), StrictModes)."""
    if not isinstance(sshd, Known):
        return sshd if isinstance(sshd, Unknown) else MISSING
    if sshd.value.get("authorizedkeyscommand", ("none",)) != ("none",):
        return Unknown(_("a command tells sshd which keys there are"))
    strict = sshd.value.get("strictmodes", ("yes",)) == ("yes",)
    count = 0
    for pattern in _words(sshd.value, "authorizedkeysfile"):
        path = pattern.replace("%u", account.name).replace("%h", account.home).replace("%%", "%")
        path = posixpath.normpath(posixpath.join(account.home, path))
        try:
            text = await host.text(path)
            if text is None or (strict and not await _safe(host, account, path)):
                continue
        except PermissionError:
            return Unknown(_("no permission for {path}").format(path=path))
        except OSError:
            continue
        count += await _valid(host, text)
    return Known(count)


async def _safe(host: Host, account: Account, path: str) -> bool:
    """Nobody else can write the file, nor a folder above it up to the home (misc.c, safe_path)."""
    while True:
        found = await host.stat(path)
        if found is None or found.uid not in (0, account.uid) or found.mode & 0o022:
            return False
        if path in (account.home, "/"):
            return True
        path = posixpath.dirname(path)


async def _valid(host: Host, text: str) -> int:
    """Lines with a key that ssh-keygen can read, and no condition that narrows what it is good for."""
    count = 0
    for line in text.splitlines():
        found = _KEY_TYPE.search(line)
        if line.lstrip().startswith("#") or found is None or line[: found.start()].strip():
            continue
        try:
            asked = await host.run(["ssh-keygen", "-l", "-f", "-"], input=f"{found[0].strip()}\n".encode())
        except CommandNotFound:
            return count
        count += asked.ok
    return count


def administrators(accounts: Sequence[Account]) -> tuple[str, ...]:
    """The accounts that can change everything."""
    return tuple(a.name for a in accounts if known(a.sudo))


def unknown_sudo(accounts: Sequence[Account]) -> Unknown | None:
    """Why it isn't known who may use sudo; None where it is."""
    return next((a.sudo for a in accounts if isinstance(a.sudo, Unknown)), None)
