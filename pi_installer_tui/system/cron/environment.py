"""The environments that a job has: cron's own, and that of a login shell, to compare with. Source: /etc/pam.d/cron of
Debian (pam_env.so, pam_env.so envfile=/etc/default/locale), build_env() of do_command.c, pam_env(8)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pi_installer_tui.system.accounts import PASSWD, Account, accounts
from pi_installer_tui.system.host import Host

from .lines import Entry

#: what pam_env reads for cron, in this order; later ones count
_PAM = ("/etc/environment", "/etc/default/locale")
#: PATH before /etc/profile sets it: login.defs(5), ENV_PATH and ENV_SUPATH of Debian
_LOGIN_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
_ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: shells that let nobody in
NO_SHELLS = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false")
#: names of variables whose values aren't shown
SECRET = re.compile(r"PASS|TOKEN|KEY|SECRET|CREDENTIAL|AUTH|COOKIE|PRIVATE", re.IGNORECASE)
#: where cron itself is (chdir(CRONDIR) in main())
CRONS = "/var/spool/cron"
_SETPRIV, _PYTHON = "/usr/bin/setpriv", "/usr/bin/python3"
#: in front of each variable's name and value, which stand in the value of another variable
_HANDED = "job:"
#: What runs as the user: a folder, a program, its arguments. setpriv runs as root, and must not have the variables of
#: somebody's crontab: LD_PRELOAD would load their code as root (ld.so(8)). Python ignores two signals (signal(3)).
_BECOME = f"""
import os, signal, sys
given = [value for name, value in os.environb.items() if name.startswith(b"{_HANDED}")]
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
home, *words = sys.argv[1:]
status = 125
try:
    os.chdir(home)
    status = 127
    os.execve(words[0], words, dict(each.split(b"=", 1) for each in given if each[:1] != b"="))
except OSError as error:
    print(f"{{words[0] if status == 127 else home}}: {{error.strerror}}", file=sys.stderr)
sys.exit(status)
"""


@dataclass(frozen=True, slots=True)
class Start:
    """A command, ready for `Host.start`: argv and env, of which no value stands in argv. words: the program itself with
    its arguments, home: where it begins, variables: all of its environment."""

    argv: tuple[str, ...]
    env: dict[str, str]
    words: tuple[str, ...]
    home: str
    variables: dict[str, str]


def pam_env(text: str) -> Iterator[tuple[str, str]]:
    """The variables of such a file, as _parse_env_file() of pam_env.c takes them: what follows `#` is a comment,
    `export ` may be in front, quotes are taken off."""
    for raw in text.splitlines():
        line = raw.lstrip(" \t\n").partition("#")[0].removeprefix("export ").lstrip(" \t").rstrip(" \t\r")
        name, equals, value = line.partition("=")
        if not equals or not name or not all(c.isascii() and (c.isalnum() or c == "_") for c in name):
            continue
        if value[:1] in ('"', "'"):
            value = value[1:]
            value = value[:-1] if value[-1:] in ('"', "'") else value
        yield name, value


async def of_pam(host: Host) -> dict[str, str]:
    """What pam_env gives every session, cron's jobs among them."""
    found: dict[str, str] = {}
    for path in _PAM:
        found.update(pam_env(await host.text(path) or ""))
    return found


async def of_cron(host: Host, entry: Entry, account: Account) -> dict[str, str]:
    """All that a job has: the crontab's settings win over those of PAM."""
    return {**await of_pam(host), **entry.environment(account.name, account.home)}


async def folder(host: Host, home: str) -> str:
    """Where a job begins: in HOME, or where that is no folder in cron's own: its chdir() fails, and it goes on. (One
    that the user may not enter isn't found out here.)"""
    path = posixpath.join(CRONS, home)
    try:
        found = await host.stat(await host.realpath(path)) if home else None
    except (OSError, ValueError):
        return path
    return path if found is not None and found.kind == "directory" else CRONS


async def of_login(host: Host, account: Account) -> dict[str, str]:
    """What a login shell starts with, before it reads /etc/profile and the user's own files."""
    path = _ROOT_PATH if account.uid == 0 else _LOGIN_PATH
    own = {"HOME": account.home, "USER": account.name, "LOGNAME": account.name, "SHELL": account.shell or "/bin/sh"}
    return {"PATH": path, **await of_pam(host), **own}


def start(account: Account, env: dict[str, str], words: Sequence[str], home: str) -> Start:
    """A program as a user, with that environment and no other, in a folder. words: its path, and its arguments. Neither
    limits (pam_limits) nor a session are made as cron makes them."""
    program, *rest = words
    if "/" not in program:
        program = f"./{program}"  # cron looks into no PATH for its shell (execle)
    who = (_SETPRIV, f"--reuid={account.uid}", f"--regid={account.gid}", "--init-groups", "--")
    handed = {f"{_HANDED}{number}": "=".join(pair) for number, pair in enumerate(env.items())}
    argv = (*who, _PYTHON, "-IS", "-c", _BECOME, home, program, *rest)
    return Start(argv, handed, (program, *rest), home, env)


def handed(env: Mapping[str, str]) -> dict[str, str]:
    """The variables in an environment that `start` made."""
    pairs = (value.partition("=") for name, value in env.items() if name.startswith(_HANDED))
    return {name: value for name, _equals, value in pairs}


async def account_of(host: Host, user: str) -> Account | None:
    """A user's account, without its groups and password."""
    return accounts({PASSWD: await host.text(PASSWD) or ""}).get(user)
