"""All that cron runs on a machine, by one command and a read of each file: the users' crontabs, /etc/crontab,
/etc/cron.d, the folders of scripts and who runs them, /etc/anacrontab. What can't be read is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pi_installer_tui.i18n import _
from pi_installer_tui.system.accounts import PASSWD, Account, accounts
from pi_installer_tui.system.host import FileStat, Host, HostError

from .anacron import Anacrontab, parse
from .table import Table

SPOOL = "/var/spool/cron/crontabs"
CRONTAB = "/etc/crontab"
FOLDER = "/etc/cron.d"
ANACRONTAB = "/etc/anacrontab"
ANACRON = "/usr/sbin/anacron"
DEFAULTS = "/etc/default/cron"
Period = Literal["hourly", "daily", "weekly", "monthly", "yearly"]
PERIODS: tuple[Period, ...] = ("hourly", "daily", "weekly", "monthly", "yearly")
#: packages that bring a cron, and anacron
DAEMONS = ("cron", "cronie", "systemd-cron", "bcron")

#: bytes of a crontab that is read: of 10,000 lines with 400 bytes each. crontab(1) takes any size from a user
LARGEST = 4 * 1024 * 1024

# run-parts(8), and valid_name() of Debian's database.c: plain, and with `cron -l`
_PLAIN = re.compile(r"[a-zA-Z0-9_-]+")
_LSB = re.compile(r"_?([a-z0-9_.]+-)+[a-z0-9]+")
_LSB_NOT = re.compile(r"[a-z0-9-].*dpkg-(old|dist)")
_TRADITIONAL = re.compile(r"[a-z0-9][a-z0-9-]*")
_REVISION = re.compile(r"3\.0pl1-(\d+)")
_OPTIONS = re.compile(r"""^\s*EXTRA_OPTS\s*=\s*["']?(?P<options>[^"'#]*)""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Crontab:
    """A file of cron's. user: whose it is, "" where its entries have a column for the user. stat: of the file itself,
    where it is a link of what it leads to; link: its own then. refused: why cron takes nothing of it before it reads a
    line of it, in words."""

    path: str
    user: str
    table: Table
    stat: FileStat
    link: FileStat | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A file in one of the folders. refused: why run-parts leaves it out, in words."""

    path: str
    stat: FileStat
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Scripts:
    """A folder of scripts. by: who runs it: `/etc/crontab:17`, `/etc/anacrontab:12`, "" for nobody."""

    period: Period
    path: str
    scripts: tuple[Script, ...]
    by: str = ""


@dataclass(frozen=True, slots=True)
class Cron:
    """What was read. daemon: the package, "" where none is installed; revision: of Debian's cron 3.0pl1, 0 for another
    one. unread: what couldn't be read, and why in words."""

    crontabs: tuple[Crontab, ...] = ()
    scripts: tuple[Scripts, ...] = ()
    anacrontab: Anacrontab | None = None
    anacron: bool = False
    daemon: str = ""
    version: str = ""
    revision: int = 0
    lsb: bool = False
    users: Mapping[str, Account] = field(default_factory=dict)
    unread: tuple[tuple[str, str], ...] = ()


async def read(host: Host) -> Cron:
    """What cron runs. Never raises for what is lacking."""
    reader = _Reader(host)
    daemon, version, anacron = await reader.packages()
    revision = int(found[1]) if (found := _REVISION.match(version)) and daemon == "cron" else 0
    options = _OPTIONS.findall(await reader.text(DEFAULTS))
    lsb = bool(options) and any(word.startswith("-") and "l" in word for word in options[-1].split())
    users = accounts({PASSWD: await reader.text(PASSWD)})
    crontabs: list[Crontab] = []
    if (found_one := await reader.system_crontab(CRONTAB, "")) is not None:
        crontabs.append(found_one)
    for name in await reader.names(FOLDER):
        path = f"{FOLDER}/{name}"
        if name.startswith("."):
            continue
        if (found_one := await reader.system_crontab(path, why_ignored(name, lsb=lsb))) is not None:
            crontabs.append(found_one)
    for name in await reader.names(SPOOL):
        if not name.startswith(".") and (found_one := await reader.user_crontab(name, users.get(name))) is not None:
            crontabs.append(found_one)
    text = await reader.bytes(ANACRONTAB)
    anacrontab = None if text is None else parse(text)
    folders = [await reader.scripts(period, crontabs, anacrontab, anacron) for period in PERIODS]
    return Cron(
        tuple(crontabs),
        tuple(folder for folder in folders if folder.scripts or folder.by),
        anacrontab,
        anacron,
        daemon,
        version,
        revision,
        lsb,
        users,
        tuple(reader.unread),
    )


def why_ignored(name: str, *, lsb: bool = False) -> str:
    """Why cron ignores a file of /etc/cron.d by its name, in words; "" where it doesn't. lsb: cron runs with -l."""
    if lsb:
        hierarchical = _LSB.fullmatch(name) is not None
        taken = _LSB_NOT.fullmatch(name) is None if hierarchical else _TRADITIONAL.fullmatch(name) is not None
    else:
        taken = _PLAIN.fullmatch(name) is not None
    if taken:
        return ""
    if "." in name:
        return _("cron ignores files whose name has a dot")
    return _("cron ignores files whose name has other characters than letters, digits, _ and -")


class _Reader:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.unread: list[tuple[str, str]] = []

    def lacks(self, path: str, error: OSError) -> None:
        denied = isinstance(error, PermissionError)
        why = _("no permission for {path}").format(path=path) if denied else error.strerror or str(error)
        self.unread.append((path, why))

    async def packages(self) -> tuple[str, str, bool]:
        """The package of cron and its version, and whether anacron is there."""
        asked = ["dpkg-query", "-W", "-f=${db:Status-Abbrev} ${Package} ${Version}\\n", *DAEMONS, "anacron"]
        try:
            done = await self.host.run(asked)
        except HostError as error:
            self.unread.append(("dpkg-query", str(error)))
            return "", "", False
        rows = [line.split() for line in done.stdout.splitlines() if line.startswith("ii")]
        installed = {row[1]: row[2] for row in rows if len(row) == 3}
        daemon = next((name for name in DAEMONS if name in installed), "")
        return daemon, installed.get(daemon, ""), "anacron" in installed or "cronie-anacron" in installed

    async def names(self, folder: str) -> tuple[str, ...]:
        try:
            return await self.host.listdir(folder)
        except OSError as error:
            self.lacks(folder, error)
            return ()

    async def crontab(self, path: str, stat: FileStat, *, follow: bool = True) -> bytes | None:
        if stat.size > LARGEST:
            self.unread.append((path, _("it is larger than {size} MiB").format(size=LARGEST // 2**20)))
            return None
        return await self.bytes(path, follow=follow)

    async def bytes(self, path: str, *, follow: bool = True) -> bytes | None:
        try:
            return await self.host.read(path, follow=follow)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.lacks(path, error)
            return None

    async def text(self, path: str) -> str:
        return (await self.bytes(path) or b"").decode("utf-8", "surrogateescape")

    async def stat(self, path: str) -> FileStat | None:
        try:
            return await self.host.stat(path)
        except OSError as error:
            self.lacks(path, error)
            return None

    async def system_crontab(self, path: str, refused: str) -> Crontab | None:
        """process_crontab() without a user: a link has to be root's and what it leads to too."""
        link, stat = None, await self.stat(path)
        if stat is None:
            return None
        if stat.kind == "link":
            link, stat = stat, await self.stat(await self.host.realpath(path))
            if stat is None:
                broken = _("the link leads to nothing")
                return Crontab(path, "", Table(system=True), link, link, refused or broken)
        if stat.kind != "file":
            why = _("it is no file")
            return None if stat.kind == "directory" else Crontab(path, "", Table(system=True), stat, link, why)
        if not refused and link is not None and link.uid != 0:
            refused = _("the link isn't root's")
        if not refused and stat.uid != 0:
            refused = _("it isn't root's")
        if not refused and stat.mode & 0o022:
            refused = _("others than root may write to it (mode {mode:04o})").format(mode=stat.mode)
        data = await self.crontab(path, stat)
        return None if data is None else Crontab(path, "", Table(data, system=True), stat, link, refused)

    async def user_crontab(self, user: str, account: Account | None) -> Crontab | None:
        """process_crontab() with a user: no link, the user's or root's, nobody else may even read it."""
        path = f"{SPOOL}/{user}"
        stat = await self.stat(path)
        if stat is None or stat.kind == "directory":
            return None
        refused = ""
        if account is None:
            if user.startswith("tmp."):
                return None
            refused = _("there is no user {user}").format(user=user)
        elif stat.kind != "file":
            return Crontab(path, user, Table(), stat, None, _("it is no file"))
        elif stat.uid not in (account.uid, 0):
            refused = _("it is neither the user's nor root's")
        elif stat.mode != 0o600:
            refused = _("its mode has to be 0600, and is {mode:04o}").format(mode=stat.mode)
        data = await self.crontab(path, stat, follow=False)
        return None if data is None else Crontab(path, user, Table(data), stat, None, refused)

    async def scripts(
        self, period: Period, crontabs: list[Crontab], anacrontab: Anacrontab | None, anacron: bool
    ) -> Scripts:
        folder = f"/etc/cron.{period}"
        found = []
        for name in await self.names(folder):
            path = f"{folder}/{name}"
            if name.startswith(".") or (stat := await self.stat(path)) is None:
                continue
            if stat.kind == "link":
                stat = await self.stat(await self.host.realpath(path)) or stat
            found.append(Script(path, stat, why_left_out(name, stat)))
        return Scripts(period, folder, tuple(found), runner(folder, crontabs, anacrontab, anacron=anacron))


def why_left_out(name: str, stat: FileStat) -> str:
    """Why run-parts(8) leaves a file out, in words; "" where it runs it."""
    if _PLAIN.fullmatch(name) is None:
        return _("run-parts leaves out files whose name has other characters than letters, digits, _ and -")
    if stat.kind == "link":
        return _("the link leads to nothing")
    if stat.kind != "file":
        return _("it is no file")
    if not stat.mode & 0o111:
        return _("it isn't executable")
    return ""


def runner(folder: str, crontabs: list[Crontab], anacrontab: Anacrontab | None, *, anacron: bool) -> str:
    """Where a folder of scripts is run from, "" for nowhere. Debian's /etc/crontab leaves all but cron.hourly to
    anacron where that is installed: `test -x /usr/sbin/anacron || ...`."""
    named = re.compile(rf"{re.escape(folder)}(?![\w.-])")
    if anacron and anacrontab is not None:
        for job in anacrontab.jobs:
            if "run-parts" in job.command and named.search(job.command):
                return f"{ANACRONTAB}:{job.line}"
    for crontab in crontabs:
        for entry in crontab.table.entries if not crontab.refused else ():
            if entry.enabled and "run-parts" in entry.shell and named.search(entry.shell):
                left = anacron and re.search(rf"-x\s+{re.escape(ANACRON)}\s*\|\|", entry.shell)
                if not left:
                    return f"{crontab.path}:{entry.line}"
    return ""
