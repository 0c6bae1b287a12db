"""Accounts: who has no password, one that everybody knows, or root's number."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.base import Check, Evidence, Finding
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown

PASSWD, SHADOW, GROUP = "/etc/passwd", "/etc/shadow", "/etc/group"

#: the passwords that images of boards ship with: Raspberry Pi OS to 2022, DietPi, Armbian, Ubuntu, BeagleBoard, Kali,
#: Orange Pi, Radxa, ODROID, Volumio, LibreELEC, OSMC (their own documentation)
DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "pi": ("raspberry",),
    "root": ("raspberry", "dietpi", "1234", "toor", "orangepi", "odroid", "libreelec"),
    "debian": ("temppwd",),
    "*": ("password",),
}

#: compares with crypt(3), the library that login itself uses, so that it knows every kind of hash that login knows.
#: Words and hashes come by standard input; perl-base is essential on Debian.
CRYPT = (
    "perl",
    "-e",
    r"while (<STDIN>) { chomp; my ($w, $h) = split /\t/, $_, 2; my $c = crypt($w, $h); "
    r'print defined $c && $c eq $h ? "1\n" : "0\n"; }',
)

EMPTY = Check(
    "accounts.empty-password",
    "accounts",
    10,
    N_("Has every account that can log in a password, or none that works?"),
    N_("Whoever knows the account's name is in."),
    N_("Set a password (`passwd NAME`) or lock it (`passwd -l NAME`)."),
    "users.accounts",
)
DEFAULT = Check(
    "accounts.default-password",
    "accounts",
    10,
    N_("Is no account's password its image's default or its own name?"),
    N_("These passwords are the first that every robot on the internet tries."),
    N_("Set another password: `passwd NAME`."),
    "users.accounts",
)
ROOT = Check(
    "accounts.second-root",
    "accounts",
    8,
    N_("Is root the only account with the number 0?"),
    N_("Such an account is root under another name, which hardly anyone notices."),
    N_("Give it a number of its own, or remove it."),
)
CHECKS = (EMPTY, DEFAULT, ROOT)


@dataclass(frozen=True, slots=True)
class Account:
    """A line of /etc/passwd. password: empty, locked (a hash that nothing matches), hash, shadow's is missing ("")."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    password: str = ""

    @property
    def logs_in(self) -> bool:
        """A shell that lets somebody in (nologin(8), false(1) don't)."""
        return self.shell.rpartition("/")[2] not in ("nologin", "false", "sync", "halt", "shutdown")


@dataclass(frozen=True, slots=True)
class Accounts:
    """known_words: names whose password is a default one; None in place of it: nothing was to be compared."""

    accounts: tuple[Account, ...] | Unknown
    #: why the states of passwords are unknown, "" where they are known
    hidden: str = ""
    default: tuple[str, ...] | Unknown = ()
    compared: tuple[str, ...] = ()


def parse(passwd: str, shadow: str | None) -> tuple[tuple[Account, ...], dict[str, str]]:
    """The accounts, and the hashes of those that have one (they go no further than to crypt). Source: passwd(5),
    shadow(5)."""
    fields = [line.split(":") for line in (shadow or "").splitlines()]
    secrets = {f[0]: f[1] for f in fields if len(f) >= 2}
    accounts: list[Account] = []
    hashes: dict[str, str] = {}
    for line in passwd.splitlines():
        parts = line.split(":")
        if len(parts) != 7 or not parts[2].isdecimal() or not parts[3].isdecimal():
            continue
        name = parts[0]
        secret = parts[1] if parts[1] != "x" else secrets.get(name, "*")
        state = "empty" if not secret else "locked" if secret[0] in "!*" else "hash"
        if state == "hash":
            hashes[name] = secret
        accounts.append(Account(name, int(parts[2]), int(parts[3]), parts[5], parts[6] or "/bin/sh", state))
    return tuple(accounts), hashes


async def read(host: Host) -> Accounts:
    """Reads the accounts and compares the hashes with the default passwords."""
    passwd, shadow = await asyncio.gather(base.text(host, PASSWD), base.text(host, SHADOW))
    if not isinstance(passwd, str):
        return Accounts(passwd or Unknown(_("{path} is missing").format(path=PASSWD)))
    hidden = shadow.reason if isinstance(shadow, Unknown) else ""
    accounts, hashes = parse(passwd, shadow if isinstance(shadow, str) else None)
    if hidden:
        return Accounts(accounts, hidden, Unknown(hidden))
    pairs = [
        (name, word)
        for name in hashes
        for word in dict.fromkeys((*DEFAULTS.get(name, ()), *DEFAULTS["*"], name))
        if "\t" not in word
    ]
    said: str | Unknown = ""
    if pairs:
        lines = "".join(f"{word}\t{hashes[name]}\n" for name, word in pairs)
        said = await base.say(host, *CRYPT, stdin=lines.encode("utf-8", "surrogateescape"))
    default: tuple[str, ...] | Unknown
    if isinstance(said, Unknown):
        default = said
    elif len(answers := said.split()) != len(pairs):
        default = Unknown(_("{program}'s answer can't be read").format(program="perl"))
    else:
        default = tuple(dict.fromkeys(name for (name, _w), answer in zip(pairs, answers, strict=True) if answer == "1"))
    return Accounts(accounts, "", default, tuple(hashes))


def judge(facts: Accounts) -> tuple[Finding, ...]:
    """The findings on accounts."""
    if isinstance(facts.accounts, Unknown):
        return tuple(base.unknown(check, facts.accounts) for check in CHECKS)
    return _empty(facts, facts.accounts), _default(facts), _root(facts.accounts)


def _empty(facts: Accounts, accounts: tuple[Account, ...]) -> Finding:
    if facts.hidden:
        return base.unknown(EMPTY, facts.hidden)
    states = [f"{a.name}: {_STATES[a.password]}" for a in accounts if a.logs_in or a.password == "empty"]
    empty = [a.name for a in accounts if a.password == "empty"]
    return base.found(EMPTY, empty, base.evidence(SHADOW, states))


_STATES = {"empty": "empty", "locked": "locked (* or !)", "hash": "(hash)"}


def _default(facts: Accounts) -> Finding:
    if isinstance(facts.default, Unknown):
        return base.unknown(DEFAULT, facts.default)
    if not facts.compared:
        return base.not_here(DEFAULT, _("no account has a password"), Evidence(SHADOW, ""))
    said = [f"{name}: {'matches' if name in facts.default else 'no match'}" for name in facts.compared]
    return base.found(DEFAULT, facts.default, base.evidence(f"crypt(3), {SHADOW}", said))


def _root(accounts: tuple[Account, ...]) -> Finding:
    zero = [a for a in accounts if a.uid == 0]
    lines = [f"{a.name}:x:{a.uid}:{a.gid}:...:{a.home}:{a.shell}" for a in zero]
    return base.found(ROOT, (a.name for a in zero if a.name != "root"), base.evidence(PASSWD, lines))
