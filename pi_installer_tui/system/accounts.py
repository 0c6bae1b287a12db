"""The account files of a machine, line by line: passwd(5), shadow(5), group(5), gshadow(5), subuid(5), subgid(5).

Lines are read and put back as they are: what isn't asked for stays byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pi_installer_tui.system.host import Host

PASSWD = "/etc/passwd"
SHADOW = "/etc/shadow"
GROUP = "/etc/group"
GSHADOW = "/etc/gshadow"
SUBUID = "/etc/subuid"
SUBGID = "/etc/subgid"

#: the files with a line of its own for an account, or several (subuid, subgid)
FILES = (PASSWD, SHADOW, GROUP, GSHADOW, SUBUID, SUBGID)
#: those whose last field lists members
LISTS = (GROUP, GSHADOW)

#: shadow(5): the day of 1970-01-02; usermod(8) says to lock an account, not only its password, with it
LOCKED = 1
NEVER = -1

Password = Literal["set", "none", "locked", "empty"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the files have it.

    groups:  the names of its supplementary groups, in the file's order.
    password: set; none: no password fits; locked: one is there, with a `!` before it; empty: none is asked for.
    changed, expires: days since 1970-01-01 (expires NEVER: not at all); min_days, max_days, warn_days: NEVER where
    they aren't said.
    """

    name: str
    uid: int
    gid: int
    comment: str
    home: str
    shell: str
    groups: tuple[str, ...] = ()
    password: Password = "none"
    changed: int = NEVER
    min_days: int = NEVER
    max_days: int = NEVER
    warn_days: int = NEVER
    expires: int = NEVER

    @property
    def locked(self) -> bool:
        """Nobody logs in, by whatever way: it has expired on the day that stands for that."""
        return 0 <= self.expires <= LOCKED


def lines(text: str) -> list[list[str]]:
    """The fields of each line; a line without a colon (NIS's `+`) is one field."""
    return [line.split(":") for line in text.split("\n") if line]


async def read_files(host: Host) -> dict[str, str]:
    """The texts of the account files, "" for one that isn't there. Raises PermissionError for those of root."""
    return {path: await host.text(path) or "" for path in FILES}


def accounts(texts: Mapping[str, str]) -> dict[str, Account]:
    """The accounts by name, in passwd's order, out of the texts of passwd, group and, where it is there, shadow."""
    shadow = {fields[0]: fields for fields in lines(texts.get(SHADOW, ""))}
    member: dict[str, list[str]] = {}
    for fields in lines(texts.get(GROUP, "")):
        for name in fields[-1].split(",") if len(fields) > 3 else ():
            member.setdefault(name, []).append(fields[0])
    found: dict[str, Account] = {}
    for fields in lines(texts.get(PASSWD, "")):
        if len(fields) < 7 or not fields[2].isdecimal() or not fields[3].isdecimal() or fields[0] in found:
            continue
        name, hashed, uid, gid, comment, home, shell = fields[:7]
        line = [*shadow.get(name, ()), *[""] * 9]
        if name in shadow:
            hashed = line[1]
        found[name] = Account(
            name=name,
            uid=int(uid),
            gid=int(gid),
            comment=comment,
            home=home,
            shell=shell,
            groups=tuple(dict.fromkeys(member.get(name, ()))),
            password=password_state(hashed),
            changed=_days(line[2]),
            min_days=_days(line[3]),
            max_days=_days(line[4]),
            warn_days=_days(line[5]),
            expires=_days(line[7]),
        )
    return found


def password_state(hashed: str) -> Password:
    """What the second field of shadow(5) means."""
    if not hashed:
        return "empty"
    if hashed[0] == "!" and len(hashed.lstrip("!")) > 1:
        return "locked"
    return "none" if hashed[0] in "!*" or hashed == "x" else "set"


def _days(field: str) -> int:
    return int(field) if field.isdecimal() else NEVER


# one account's part of a file ---------------------------------------------------------------------------------------


def own(text: str, name: str) -> list[tuple[str, str]]:
    """An account's own lines, each with the name in the line before it ("" for the first line)."""
    found = []
    before = ""
    for line in text.split("\n"):
        first = line.partition(":")[0]
        if first == name and line:
            found.append((line, before))
        before = first
    return found


def memberships(text: str, name: str) -> dict[str, int]:
    """The groups that list a member, with the place in their list."""
    found = {}
    for fields in lines(text):
        members = fields[3].split(",") if len(fields) > 3 else []
        if name in members:
            found[fields[0]] = members.index(name)
    return found


def without_own(text: str, name: str) -> str:
    """The text without an account's own lines."""
    return "\n".join(line for line in text.split("\n") if not line or line.partition(":")[0] != name)


def with_own(text: str, line: str, before: str) -> str:
    """The text with a line put back behind the one of that name, at the end where that is gone."""
    rows = text.split("\n")
    at = len(rows) - (not rows[-1]) if before else 0
    for number, row in enumerate(rows):
        if before and row.partition(":")[0] == before:
            at = number + 1
    return "\n".join([*rows[:at], line, *rows[at:]])


def with_member(text: str, group: str, name: str, at: int) -> str:
    """The text with a member put back into a group's list, at its place."""
    rows = text.split("\n")
    for number, row in enumerate(rows):
        fields = row.split(":")
        if fields[0] == group and len(fields) > 3:
            members = [each for each in fields[3].split(",") if each]
            if name not in members:
                members.insert(at, name)
            rows[number] = ":".join([*fields[:3], ",".join(members)])
    return "\n".join(rows)


def without_member(text: str, group: str, name: str) -> str:
    """The text with a member taken out of a group's list."""
    rows = text.split("\n")
    for number, row in enumerate(rows):
        fields = row.split(":")
        if fields[0] == group and len(fields) > 3:
            members = [each for each in fields[3].split(",") if each and each != name]
            rows[number] = ":".join([*fields[:3], ",".join(members)])
    return "\n".join(rows)
