"""Account: an account is made, changed, locked or removed with Debian's own tools (useradd(8), usermod(8), chage(1),
chpasswd(8), userdel(8)).

What it keeps are the account's own lines in the account files and its places in the groups' lists, not the whole files:
undo gives back exactly these, field by field, whatever became of other accounts since.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pi_installer_tui.i18n import _
from pi_installer_tui.system import accounts
from pi_installer_tui.system.accounts import FILES, GROUP, LISTS, LOCKED, NEVER, PASSWD
from pi_installer_tui.system.files import LEFTOVER
from pi_installer_tui.system.host import AccountsLocked, CommandNotFound, Host, HostError
from pi_installer_tui.tasks.secrets import LENGTH, SecretName
from pi_installer_tui.tasks.steps.base import (
    AbsolutePath,
    Before,
    Overlay,
    Preview,
    StepBase,
    StepContext,
    StepError,
)
from pi_installer_tui.tasks.steps.commands import run, shown
from pi_installer_tui.tasks.steps.data import Data
from pi_installer_tui.tasks.steps.diff import clipped

#: useradd(8): 32 characters at most. Wider than what a new account may be called: old ones can be changed and removed.
AccountName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}$")]
#: gecos(5): one field of a line
Comment = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f:]*$", max_length=200)]
Days = Annotated[int, Field(ge=-1, le=99999)]

#: crypt(5): a password that is hashed already
_HASHED = re.compile(r"\$(?:y|gy|7|2[abxy]|6|5|1)\$[A-Za-z0-9./$=,]{8,200}")
SKEL = "/etc/skel"
CRONTABS = "/var/spool/cron/crontabs"
_REMOVE = ("rm", "--recursive", "--force", "--one-file-system", "--")
_ARGUMENTS = ["--acls", "--xattrs", "--numeric-owner"]


class Account(StepBase):
    """An account as it is wanted; None leaves a part alone.

    uid, home: of one that is made; its home is made out of /etc/skel, unless it is there already.
    absent: it goes, and its home then is kept, packed into `archive` and removed, or removed for good (`home_then`).
    groups: all its supplementary groups. expires: days since 1970-01-01, -1: never.
    locked: True: it can't be logged in to by any way; False: it can, and a locked password counts again.
    password: the secret that becomes its password, or its ready hash; one is made where none was given.
    held: a password is held to the machine's rules, as pwscore(1) says them. length: of one that is made, at least.
    data, given_back: what undo does with a home that it made, see InstallPackages.
    """

    kind: Literal["account"] = "account"
    name: AccountName
    absent: bool = False
    uid: Annotated[int, Field(ge=1000, le=59999)] | None = None
    comment: Comment | None = None
    shell: AbsolutePath | None = None
    home: AbsolutePath | None = None
    groups: tuple[AccountName, ...] | None = None
    expires: Annotated[int, Field(ge=-1, le=100_000)] | None = None
    min_days: Days | None = None
    max_days: Days | None = None
    warn_days: Days | None = None
    locked: bool | None = None
    password: SecretName | None = None
    held: bool = False
    length: Annotated[int, Field(ge=LENGTH, le=200)] = LENGTH
    home_then: Literal["keep", "archive", "remove"] = "keep"
    archive: AbsolutePath | None = None
    data: Literal["look", "keep", "delete"] = "look"
    given_back: tuple[AbsolutePath, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Account:
        if self.uid is not None and self.home is None:
            raise ValueError("an account that is made needs a home")
        if self.home_then == "archive" and self.archive is None:
            raise ValueError("an archive needs a path")
        if self.home_then != "keep" and not re.fullmatch(r"/home/[^/]+", self.home or ""):
            raise ValueError("only a folder in /home is packed or removed")
        return self

    @property
    def secret(self) -> str | None:
        return self.password

    def describe(self) -> str:
        if self.absent:
            return clipped(_("remove the account {path}"), self.name)
        if self.uid is not None:
            return clipped(_("make the account {path}"), self.name)
        if self.locked is not None and self._only("locked"):
            return clipped(_("lock the account {path}") if self.locked else _("unlock the account {path}"), self.name)
        if self._only("password"):
            return clipped(_("set the password of {path}"), self.name)
        return clipped(_("change the account {path}"), self.name)

    def _only(self, name: str) -> bool:
        parts = ("comment", "shell", "groups", "expires", "min_days", "max_days", "warn_days", "locked", "password")
        return all(getattr(self, each) is None for each in parts if each != name)

    def paths(self) -> tuple[str, ...]:
        return (f"{CRONTABS}/{self.name}",) if self.absent else ()

    def folders(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("/etc", *super().folders())))

    # what is to be done -------------------------------------------------------------------------------------------

    async def _now(self, host: Host) -> accounts.Account | None:
        return accounts.accounts(await accounts.read_files(host)).get(self.name)

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        now = await self._now(host)
        told = "missing" if now is None else hashlib.sha256(repr(now).encode()).hexdigest()
        return {f"account:{self.name}": told}

    def _commands(self, now: accounts.Account | None) -> list[tuple[str, ...]]:
        """What makes the account as it is wanted, but for its password and its home."""
        if self.absent:
            return [] if now is None else [("userdel", self.name)]
        found: list[tuple[str, ...]] = []
        if now is None:
            if self.uid is None:
                raise StepError("unknown-user", name=self.name)
            found.append(
                (
                    "useradd",
                    *("--no-create-home", "--user-group", "--uid", str(self.uid), "--home-dir", str(self.home)),
                    *("--shell", self.shell or "/bin/bash", "--comment", self.comment or "", self.name),
                )
            )
        found += [("usermod", *part, self.name) for part in (self._fields(now),) if part]
        if self.groups is not None and set(self.groups) != set(now.groups if now else ()):
            found.append(("usermod", "--groups", ",".join(self.groups), self.name))
        ages = self._ages(now)
        if ages:
            found.append(("chage", *ages, self.name))
        locking = self._locking(now)
        if locking:
            found.append(("usermod", *locking, self.name))
        return found

    def _fields(self, now: accounts.Account | None) -> tuple[str, ...]:
        if now is None:
            return ()
        comment = ("--comment", self.comment) if self.comment is not None and self.comment != now.comment else ()
        shell = ("--shell", self.shell) if self.shell is not None and self.shell != now.shell else ()
        return (*comment, *shell)

    def _ages(self, now: accounts.Account | None) -> tuple[str, ...]:
        wanted = {
            "--mindays": (self.min_days, now.min_days if now else None),
            "--maxdays": (self.max_days, now.max_days if now else None),
            "--warndays": (self.warn_days, now.warn_days if now else None),
        }
        return tuple(word for name, (new, old) in wanted.items() if new not in (None, old) for word in (name, str(new)))

    def _locking(self, now: accounts.Account | None) -> tuple[str, ...]:
        """usermod(8), --lock: to lock the account, not only its password, it has to expire on day 1."""
        expires = now.expires if now else NEVER
        hashed = now.password if now else "none"
        if self.locked:
            lock = ("--lock",) if hashed in ("set", "empty") or self.password is not None else ()
            return lock if now and now.locked else (*lock, "--expiredate", str(LOCKED))
        unlock = ("--unlock",) if self.locked is False and hashed == "locked" and self.password is None else ()
        wanted = self.expires
        if wanted is None and self.locked is False and now is not None and now.locked:
            wanted = NEVER
        if wanted is None or wanted == expires:
            return unlock
        return (*unlock, "--expiredate", "" if wanted == NEVER else day(wanted))

    async def done(self, host: Host) -> bool:
        now = await self._now(host)
        if self.absent:
            gone = self.home_then == "keep" or await host.stat(str(self.home)) is None
            return now is None and gone and await host.stat(self.paths()[0]) is None
        if now is None or self.password is not None or self._commands(now):
            return False
        return self.uid is None or await host.stat(str(self.home)) is not None

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        now = await self._now(host)
        told = [shown(argv) for argv in self._commands(now)]
        if self.absent:
            told += await self._home_told(host)
            if await host.stat(self.paths()[0]) is not None:
                told.append(_("# its crontab goes: {path}").format(path=self.paths()[0]))
        elif self.uid is not None and await host.stat(str(self.home)) is None:
            told.insert(1, _("# its home is made: {home}, with what is in {skel}").format(home=self.home, skel=SKEL))
        if self.password is not None:
            place = next((n for n, line in enumerate(told) if "--lock" in line.split()), len(told))
            told.insert(place, f"chpasswd  # {self.name}:" + _("(secret)"))
        if not told:
            return Preview("note", _("nothing changes"))
        back = shown(("userdel", self.name)) if now is None else ""
        return Preview("command", "\n".join(told), undo_text=back)

    async def _home_told(self, host: Host) -> list[str]:
        if await host.stat(str(self.home)) is None:
            return []
        home = await _size(host, str(self.home))
        match self.home_then:
            case "archive":
                told = _("# {home} is packed into {archive}, and removed")
            case "remove":
                told = _("# {home} is removed for good")
            case _:
                told = _("# {home} stays")
        return [told.format(home=home, archive=self.archive)]

    # doing it -----------------------------------------------------------------------------------------------------

    async def capture(self, context: StepContext) -> None:
        await super().capture(context)
        texts = await accounts.read_files(context.host)
        context.before.put("lines", _lines(texts, self.name))
        context.before.put("members", _members(texts, self.name))
        if self.uid is not None:
            context.before.put("home", await context.host.stat(str(self.home)) is not None)
        if self.archive is not None and self.absent:
            context.before.put("archive", await context.host.stat(self.archive) is not None)

    async def apply(self, context: StepContext) -> None:
        host = context.host
        now = await self._now(host)
        if self.absent:
            await self._remove(context, now)
            return
        commands = self._commands(now)
        if now is None:
            context.reached("account:making")
            await run(context, commands.pop(0))
        if self.uid is not None and not context.before.get("home"):
            await self._make_home(context)
        locks = [argv for argv in commands if "--lock" in argv]
        for argv in (argv for argv in commands if argv not in locks):
            context.reached("account:changing")
            await run(context, argv)
        if self.password is not None:
            await self._set_password(context, self.password)
        for argv in locks:
            context.reached("account:locking")
            await run(context, argv)
        if self.uid is not None and not context.before.get("home"):
            context.before.put("marks", await _marks(host, str(self.home)))
        texts = await accounts.read_files(host)
        context.before.put("lines-after", _lines(texts, self.name))
        context.before.put("members-after", _members(texts, self.name))
        context.reached("account:ended")

    async def _make_home(self, context: StepContext) -> None:
        """The home, as useradd(8) makes it out of /etc/skel, but nobody else's to read. It is made beside its place and
        moved there: it is never there in part."""
        now = await self._now(context.host)
        assert now is not None
        host, beside = context.host, _beside(now.home)
        if await host.stat(now.home) is not None:
            return
        context.reached("account:home")
        await run(context, (*_REMOVE, beside))
        await host.mkdir(beside, mode=0o700, uid=now.uid, gid=now.gid)
        todo = [SKEL]
        while todo:
            folder = todo.pop()
            for name in await host.listdir(folder):
                source = f"{folder}/{name}"
                target = beside + source.removeprefix(SKEL)
                found = await host.stat(source)
                if found is None:
                    continue
                if found.kind == "directory":
                    await host.mkdir(target, mode=found.mode, uid=now.uid, gid=now.gid)
                    todo.append(source)
                elif found.kind == "link":
                    await host.symlink(target, found.target or "")
                elif found.kind == "file":
                    await host.replace(target, await host.read(source), mode=found.mode, uid=now.uid, gid=now.gid)
        await run(context, ("mv", "--no-target-directory", beside, now.home))

    async def _set_password(self, context: StepContext, name: str) -> None:
        secrets = context.secrets
        if secrets is None:
            raise StepError("internal-error", type="Secrets", where=self.id)
        if context.before.get("password") is None:
            value = secrets.given(name) or secrets.make(name, self.length)
            if self.held and (why := await refused(context.host, self.name, value)):
                raise StepError("weak-password", name=self.name, error=why)
            argv = ("chpasswd", "--encrypted") if hashed(value) else ("chpasswd",)
            context.reached("account:password")
            done = await context.host.run(argv, input=f"{self.name}:{value}\n".encode())
            if not done.ok:
                # what it says may have the password in it
                raise StepError("command-failed", command=shown(argv), status=str(done.status))
            context.before.put("password", True)
        secrets.used(name)

    async def _remove(self, context: StepContext, now: accounts.Account | None) -> None:
        host, home = context.host, str(self.home)
        if now is not None:
            await _unused(host, self.name, now.uid)
        there = self.home_then != "keep" and await host.stat(home) is not None
        if there and now is not None:
            await _really_its_home(host, home, now.uid)
        if there and self.home_then == "archive":
            await self._pack(context, home)
        for argv in self._commands(now):
            context.reached("account:removing")
            await run(context, argv)
        if there:
            context.reached("account:home")
            await run(context, (*_REMOVE, home))
        for path in self.paths():
            with contextlib.suppress(FileNotFoundError):
                await host.remove(path)
        texts = await accounts.read_files(host)
        context.before.put("lines-after", _lines(texts, self.name))
        context.before.put("members-after", _members(texts, self.name))
        context.reached("account:ended")

    async def _pack(self, context: StepContext, home: str) -> None:
        """Packs the home, and looks whether the archive has all of it."""
        archive, partial = str(self.archive), f"{self.archive}.partial"
        if await context.host.stat(archive) is not None:  # packed before a crash
            return
        folder, name = posixpath.split(home)
        context.reached("account:packing")
        await run(context, ("install", "--mode=600", "/dev/null", partial))
        await run(
            context, ("tar", "--create", "--gzip", *_ARGUMENTS, f"--file={partial}", f"--directory={folder}", name)
        )
        await run(context, ("tar", "--compare", "--gzip", f"--file={partial}", f"--directory={folder}"))
        await run(context, ("mv", "--no-target-directory", partial, archive))

    # the way back -------------------------------------------------------------------------------------------------

    async def made_since(self, host: Host, before: Before) -> tuple[Data, ...]:
        """What is in a home that the step made, and wasn't there when it was through: all that an undo would delete.
        Raises HostError."""
        if self.uid is None or before.get("home") is not False:
            return ()
        was: dict[str, list[str]] = before.get("marks") or {}
        home = str(self.home)
        files = {
            path: mark
            for path, mark in (await _marks(host, home)).items()
            if mark[0] != "d"
            and mark != was.get(path)
            and path not in self.given_back
            and not LEFTOVER.fullmatch(posixpath.basename(path))
            and not await _same(host, path, SKEL + path.removeprefix(home))
        }
        if not files:
            return ()
        return (Data(str(self.home), len(files), sum(int(mark[1]) for mark in files.values())),)

    async def undo(self, context: StepContext, before: Before) -> None:
        host = context.host
        texts = await accounts.read_files(host)
        new = self._given_back(before, texts)
        made = self.uid is not None and before.get("home") is False
        keeps = self.data == "keep" or (self.data == "look" and made and bool(await self.made_since(host, before)))
        now = accounts.accounts(texts).get(self.name)
        if now is not None and self.name not in accounts.accounts(new):
            await _unused(host, self.name, now.uid)
        if self.absent and self.home_then == "archive" and not before.get("archive"):
            await self._unpack(context)
        await self._give_back(context, before)
        if made and not keeps:
            context.reached("account:home")
            await run(context, (*_REMOVE, str(self.home), _beside(str(self.home))))
        await super().undo(context, before)

    async def _give_back(self, context: StepContext, before: Before) -> None:
        """Puts its lines back. The files are read again under the lock: what another program wrote until then stays."""
        host = context.host
        try:
            async with host.lock_accounts():
                texts = await accounts.read_files(host)
                for path, text in self._given_back(before, texts).items():
                    if text == texts[path]:
                        continue
                    found = await host.stat(path)
                    mode, uid, gid = (found.mode, found.uid, found.gid) if found else (0o600, 0, 0)
                    context.reached("account:giving-back")
                    data = text.encode("utf-8", "surrogateescape")
                    await host.replace(path, data, mode=mode, uid=uid, gid=gid)
        except AccountsLocked:
            raise StepError("accounts-locked") from None

    async def _unpack(self, context: StepContext) -> None:
        """Unpacks the home beside its place and moves it there: it is never there in part."""
        host, home, archive = context.host, str(self.home), str(self.archive)
        name = posixpath.basename(home)
        beside = _beside(home)
        if await host.stat(archive) is None:
            return
        if await host.stat(home) is None:
            context.reached("account:unpacking")
            await run(context, (*_REMOVE, beside))
            await host.mkdir(beside, mode=0o700, uid=0, gid=0)
            extract = ("tar", "--extract", "--gzip", "--same-permissions", "--same-owner", *_ARGUMENTS)
            await run(context, (*extract, f"--file={archive}", f"--directory={beside}"))
            context.reached("account:unpacked")
            await run(context, ("mv", "--no-target-directory", f"{beside}/{name}", home))
        elif await host.stat(beside) is None:
            raise StepError("file-changed", path=home)
        context.reached("account:home")
        await run(context, (*_REMOVE, beside))
        await host.remove(archive)

    async def undo_preview(self, host: Host, before: Before) -> Preview | None:
        texts = await accounts.read_files(host)
        told = []
        for path, text in self._given_back(before, texts).items():
            old, new = texts[path].split("\n"), text.split("\n")
            told += [f"{path}: - {_shown(path, line)}" for line in old if line not in new]
            told += [f"{path}: + {_shown(path, line)}" for line in new if line not in old]
        if self.absent and self.home_then == "archive" and await host.stat(str(self.archive)) is not None:
            told.append(_("# {home} comes back out of {archive}").format(home=self.home, archive=self.archive))
        if self.absent and self.home_then == "remove":
            told.append(_("# {home} was removed for good").format(home=self.home))
        if self.uid is not None and before.get("home") is False and await host.stat(str(self.home)) is not None:
            stays = self.data == "keep"
            home = _("# {home} stays") if stays else _("# {home} is removed for good")
            told.append(home.format(home=await _size(host, str(self.home))))
        return Preview("command", "\n".join(told)) if told else None

    def _given_back(self, before: Before, texts: Mapping[str, str]) -> dict[str, str]:
        """The files with the account as it was. What somebody changed since stays as it is, field by field. Raises
        StepError."""
        was: dict[str, list[list[str]]] = before.get("lines") or {}
        left: dict[str, list[list[str]]] = before.get("lines-after") or _lines(texts, self.name)
        new = {}
        self._same_account(texts, was)
        for path, text in texts.items():
            old, after = was.get(path, []), left.get(path, [])
            present = accounts.own(text, self.name)
            if [line for line, _name in old] == [line for line, _name in after]:
                new[path] = text
            elif not old:
                new[path] = accounts.without_own(text, self.name)
            elif not after:
                for line, name in [] if present else old:
                    text = accounts.with_own(text, line, name)
                new[path] = text
            else:
                new[path] = _merged(text, self.name, old, after)
        joined: dict[str, dict[str, int]] = before.get("members") or {}
        since: dict[str, dict[str, int]] = before.get("members-after") or _members(texts, self.name)
        for path in LISTS:
            for group in since.get(path, {}):
                if group not in joined.get(path, {}):
                    new[path] = accounts.without_member(new[path], group, self.name)
            for group, at in joined.get(path, {}).items():
                if group not in since.get(path, {}):
                    new[path] = accounts.with_member(new[path], group, self.name, at)
        return new

    def _same_account(self, texts: Mapping[str, str], was: Mapping[str, list[list[str]]]) -> None:
        """Refuses where another account has the name by now: StepError `file-changed`."""
        present = accounts.own(texts[PASSWD], self.name)
        if present and was.get(PASSWD) and present[0][0].split(":")[2:4] != was[PASSWD][0][0].split(":")[2:4]:
            raise StepError("file-changed", path=PASSWD)


def hashed(value: str) -> bool:
    """Whether a secret is a password's hash (crypt(5)) and no password."""
    return _HASHED.fullmatch(value) is not None


async def refused(host: Host, name: str, value: str) -> str:
    """Why the machine's rules refuse a password for an account, as pwscore(1) says it; "" where they don't, or can't be
    asked. What it says has nothing of the password in it."""
    if hashed(value):
        return ""
    try:
        done = await host.run(["pwscore", name], input=f"{value}\n".encode())
    except CommandNotFound:
        return ""
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return "" if done.ok else said[-1] if said else str(done.status)


def day(number: int) -> str:
    """A day since 1970-01-01 as chage(1) and people write it."""
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=number)).isoformat()


def _lines(texts: Mapping[str, str], name: str) -> dict[str, list[list[str]]]:
    return {path: [list(each) for each in accounts.own(texts[path], name)] for path in FILES}


def _members(texts: Mapping[str, str], name: str) -> dict[str, dict[str, int]]:
    return {path: accounts.memberships(texts[path], name) for path in LISTS}


def _merged(text: str, name: str, old: Sequence[Sequence[str]], after: Sequence[Sequence[str]]) -> str:
    """An account's line with the fields that the step changed as they were, unless they were changed since."""
    present = accounts.own(text, name)
    if [line for line, _name in present] == [line for line, _name in after] or len(present) != 1:
        fresh = [line for line, _name in old]
    else:
        was, left, now = (each[0][0].split(":") for each in (old, after, present))
        if len(was) != len(left) or len(left) != len(now):
            return text
        fresh = [":".join(w if a == n else n for w, a, n in zip(was, left, now, strict=True))]
    rows = []
    for line in text.split("\n"):
        if line and line.partition(":")[0] == name:
            rows += fresh
            fresh = []
        else:
            rows.append(line)
    return "\n".join(rows)


def _shown(path: str, line: str) -> str:
    """A line without what may be a password's hash."""
    fields = line.split(":")
    if path not in (PASSWD, GROUP) and len(fields) > 3:
        fields[1] = _("(secret)")
    return ":".join(fields)


def _beside(home: str) -> str:
    """Where a home is made, to be moved to its place when it is whole."""
    folder, name = posixpath.split(home)
    return f"{folder}/.pi-installer-tui-{name}"


async def _unused(host: Host, name: str, uid: int) -> None:
    """Refuses where processes of the account run: StepError `account-in-use`. Its service manager, which stays for a
    while after the last logout (logind.conf(5), UserStopDelaySec), is stopped."""
    if await _processes(host, uid) and await _logged_out(host, name):
        await host.run(["systemctl", "stop", f"user@{uid}.service"])
    if count := await _processes(host, uid):
        raise StepError("account-in-use", name=name, count=str(count))


async def _processes(host: Host, uid: int) -> int:
    count = 0
    for each in await host.listdir("/proc"):
        if each.isdecimal():
            found = await host.stat(f"/proc/{each}")
            count += found is not None and found.uid == uid
    return count


async def _logged_out(host: Host, name: str) -> bool:
    """Whether it has no session, and no services that are to run without one (loginctl(1), enable-linger)."""
    try:
        done = await host.run(["loginctl", "show-user", "--property=State", "--value", name])
    except CommandNotFound:
        return False
    return done.ok and done.stdout.strip() == "closing"


async def _really_its_home(host: Host, home: str, uid: int) -> None:
    found = await host.stat(home)
    if found is None or found.kind != "directory":
        raise StepError("not-a-directory", path=home)
    if found.uid != uid:
        raise StepError("not-its-home", path=home)


async def _marks(host: Host, home: str) -> dict[str, Any]:
    """Of each path in a home its kind, size in bytes and time."""
    if await host.stat(home) is None:
        return {}
    done = await host.run(["find", "-H", home, "-xdev", "-printf", r"%y %s %T@ %p\0"])
    found = {}
    for entry in done.stdout.split("\0"):
        if entry:
            kind, size, time, path = entry.split(" ", 3)
            found[path] = [kind, size, time] if kind != "d" else ["d", "0", ""]
    return found


async def _same(host: Host, path: str, other: str) -> bool:
    """Whether both are files with the same content, or links with the same target."""
    one, two = await host.stat(path), await host.stat(other)
    if one is None or two is None or (one.kind, one.size, one.target) != (two.kind, two.size, two.target):
        return False
    return one.kind == "link" or (one.kind == "file" and await host.read(path) == await host.read(other))


async def _size(host: Host, home: str) -> str:
    """A home with the number and size of its files."""
    try:
        marks = await _marks(host, home)
    except HostError:
        return home
    files = [mark for mark in marks.values() if mark[0] != "d"]
    return str(Data(posixpath.normpath(home), len(files), sum(int(mark[1]) for mark in files))) if files else home
