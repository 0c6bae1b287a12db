"""Steps that change packages: InstallPackages and RemovePackages, both by apt-get.

apt asks nothing, keeps changed configuration files, waits for locks for as long as it takes and has no time limit. It
goes on by itself where the job that started it is killed, and whoever comes next waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.system.host import Host, HostError
from pi_installer_tui.tasks.lock import Lock, holder, is_held
from pi_installer_tui.tasks.steps.base import (
    AbsolutePath,
    Before,
    Overlay,
    PackageChange,
    Preview,
    StepBase,
    StepContext,
    StepError,
)
from pi_installer_tui.tasks.steps.commands import Tail, restore_units, run, shown, unit_states
from pi_installer_tui.tasks.steps.data import Data, Marks, listed, made, marks
from pi_installer_tui.tasks.steps.diff import clipped, printable

#: Debian Policy 5.6.1; a last `-` would mean "remove" to apt-get
PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]$", max_length=128)]

_FORCE = ("--force-confdef", "--force-confold")  # dpkg(1)
_OPTIONS = (
    "-q",
    "-y",
    "-o", "DPkg::Lock::Timeout=-1",  # apt-get(8): wait for ever
    "-o", "Dpkg::Use-Pty=0",
    *(word for force in _FORCE for word in ("-o", f"Dpkg::Options::={force}")),
)  # fmt: skip
_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    "NEEDRESTART_MODE": "l",
    "UCF_FORCE_CONFFOLD": "1",
}
_LISTS = "/var/lib/apt/lists"
_MARKS = "/var/lib/apt/extended_states"
_ARCHIVES = "/var/cache/apt/archives"

#: what apt-get says of a lock that another process has (apt-pkg/deb/debsystem.cc, apt-pkg/contrib/fileutl.cc)
_HELD = re.compile(r"(?:It is held by process|was locked by .{1,200} process with pid) (\d+)(?: \(([^)\n]*)\))?")
_WAITING = re.compile(rb"\n?Waiting for cache lock: [^\n]*")
#: seconds between two tries where apt-get doesn't wait by itself (its lists, its archive)
_AGAIN = 2.0
#: seconds between looks whether an apt-get that nobody reads any more is through
_LOOK = 0.2
#: the lock beside what a step kept, which an apt-get that it runs has too
_RUNS = "apt-get.lock"
#: how often mending is tried while another process has dpkg
_MENDING = 30
#: seconds that dpkg gets to end by itself when a job is cancelled
_GRACE = 30.0

#: a line of `apt-get -s` (apt-pkg/algorithms.cc): Inst name [old] (new origin [arch])
_SIMULATED = re.compile(r"^(Inst|Remv|Purg) (\S+)(?: \[([^\]]*)\])?(?: \((\S+))?")

#: a unit's file in a package (systemd.unit(5)); of templates only their instances have a state
_UNIT = re.compile(r"^(?:/usr)?/lib/systemd/system/([^/@]+\.(?:service|socket|timer|path))$")

_INSTALLED = frozenset({"installed", "triggers-pending", "triggers-awaited"})


@dataclass(frozen=True, slots=True)
class _Package:
    """A line of dpkg's status file. size: KiB."""

    name: str  # with its architecture where dpkg tells several apart: libc6:amd64
    status: str
    version: str
    size: int

    @property
    def installed(self) -> bool:
        return self.status in _INSTALLED


def _base(name: str) -> str:
    return name.partition(":")[0]


async def _packages(host: Host) -> dict[str, _Package]:
    """All packages that dpkg knows, those too of which only the configuration is left. Raises HostError."""
    fields = r"${binary:Package}\t${db:Status-Status}\t${Version}\t${Installed-Size}\n"
    answer = await host.run(["dpkg-query", "-W", "-f", fields], check=True)
    found = {}
    for line in answer.stdout.splitlines():
        name, status, version, size = [*line.split("\t"), "", "", ""][:4]
        if status != "not-installed":
            found[name] = _Package(name, status, version, int(size) if size.isdecimal() else 0)
    return found


async def _automatic(host: Host) -> set[str]:
    """The packages that are marked as automatically installed, maybe also some that are gone. From apt's own file
    (apt-pkg/depcache.cc): `apt-mark showauto` builds the tree of all dependencies for it, seconds on a small Pi."""
    try:
        content = (await host.read(_MARKS)).decode(errors="replace")
    except FileNotFoundError:
        return set()
    return {each["Package"] for each in _stanzas(content) if each.get("Auto-Installed") == "1"}


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    """Of each package the fields of one line (deb822(5))."""
    for stanza in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
        if "Package" in fields:
            yield fields


class _Apt:
    """Runs apt-get in a step, and tells what it does. `unpacking`: dpkg has begun to work."""

    def __init__(self, context: StepContext, phase: str) -> None:
        self._context = context
        self._phase = phase
        self._downloads = False
        self._configures = False
        self._fraction = 0.0
        self._holder = ""
        self._retries = False
        self.unpacking = False

    async def run(self, *arguments: str) -> None:
        """apt-get with these arguments, once more for each lock that it found taken, and after mending what an
        interrupted dpkg left. Raises StepError."""
        mended = False
        while True:
            status, tail = await self._once(arguments)
            errors = "\n".join(line for line in tail if line.startswith(("E: ", "dpkg: error")))
            if status and (held := _HELD.search(errors)):
                self._retries = True
                self._waits(held)
                await asyncio.sleep(_AGAIN)
                continue
            self._retries = False
            self._goes_on()
            if not status:
                return
            if "dpkg was interrupted" in errors and not mended:
                mended = True
                await mend(self._context)
                continue
            if missing := _missing(errors):
                raise StepError("package-not-found", tail, packages=_listed(missing))
            if any("enough free space in" in line or "No space left on device" in line for line in tail):
                raise StepError("disk-full", tail, path="/var")
            raise StepError("command-failed", tail, command=shown(["apt-get", *arguments]), status=str(status))

    async def _once(self, arguments: Sequence[str]) -> tuple[int, tuple[str, ...]]:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        loop = asyncio.get_running_loop()
        pending = b""

        def told() -> None:
            nonlocal pending
            with contextlib.suppress(BlockingIOError):
                while chunk := os.read(reading, 65536):
                    *lines, pending = (pending + chunk).split(b"\n")
                    for line in lines:
                        self._told(line.decode("utf-8", "replace"))

        argv = ["apt-get", *_OPTIONS, "-o", f"APT::Status-Fd={writing}", *arguments]
        tail = Tail()
        loop.add_reader(reading, told)
        lock = Lock(self._context.before.beside(_RUNS))
        with contextlib.suppress(OSError):  # a disk that is full has to let packages go
            lock.take("apt-get")
        fds = (writing,) if lock.fd is None else (writing, lock.fd)
        try:
            async with self._context.host.start(argv, env=_ENVIRONMENT, pass_fds=fds, grace=_GRACE) as process:
                if lock.fd is not None:
                    lock.say(f"{process.pid} apt-get")
                async for chunk in process.chunks():
                    chunk = self._printed(chunk)
                    tail.feed(chunk)
                    self._context.output(chunk)
                status = await process.wait()
            told()
        finally:
            loop.remove_reader(reading)
            lock.release()
            os.close(reading)
            os.close(writing)
        return status, tail.lines()

    def _printed(self, chunk: bytes) -> bytes:
        """A piece of output without what apt-get prints each second while it waits for the lock."""
        for line in _WAITING.findall(chunk):
            if held := _HELD.search(line.decode("utf-8", "replace")):
                self._waits(held)
        rest = _WAITING.sub(b"", chunk)
        if self._holder and not self._retries and not rest.strip(b"\n"):
            return b""
        if not self._retries:
            self._goes_on()
        return rest

    def _waits(self, held: re.Match[str]) -> None:
        holder = f"{held[1]} {printable(held[2] or 'apt or dpkg')}"
        if holder != self._holder:
            self._holder = holder
            self._context.waiting("dpkg-lock", holder)

    def _goes_on(self) -> None:
        if self._holder:
            self._holder = ""
            self._context.waiting("dpkg-lock", "")

    def _told(self, line: str) -> None:
        """A line of the status descriptor (apt's README.progress-reporting): KIND:PACKAGE:PERCENT:DESCRIPTION."""
        kind, _colon, rest = line.partition(":")
        match = re.match(r"(.*?):([0-9.]+):(.*)", rest)
        if not match or kind not in ("dlstatus", "pmstatus"):
            return
        self._goes_on()
        if self._phase == "update":
            self._context.progress(None, "update", match[3])
            return
        done = min(float(match[2]) / 100, 1.0)
        if kind == "dlstatus":
            if not self._downloads:
                self._context.reached("apt:downloading")
            self._downloads = True
            fraction, phase, detail = done / 2, "download", match[3]
        else:
            if not self.unpacking:
                self.unpacking = True
                self._context.reached("apt:unpacking")
            if match[3].startswith("Preparing to configure") and not self._configures:
                self._configures = True
                self._context.reached("apt:configuring")
            fraction = 0.5 + done / 2 if self._downloads else done
            phase, detail = self._phase, match[1] if match[1] != "dpkg-exec" else ""
        self._fraction = max(self._fraction, round(fraction, 4))
        self._context.progress(self._fraction, phase, detail)


_UNKNOWN = re.compile(r"^E: (?:Unable to locate package |Package ')([a-z0-9+.:-]+)", re.M)


def _missing(said: str) -> list[str]:
    """The packages that apt-get says it doesn't know, or has no version of."""
    return _UNKNOWN.findall(said)


async def mend(context: StepContext) -> None:
    """Brings what an interrupted dpkg left into a consistent state: configures what was unpacked, completes or drops
    what was half done. Raises StepError `dpkg-inconsistent` where that fails."""
    context.reached("apt:mending")
    tail: tuple[str, ...] = ()
    for argv in (
        ["dpkg", *_FORCE, "--configure", "-a"],
        ["apt-get", *_OPTIONS, "-f", "install"],
        ["dpkg", *_FORCE, "--configure", "-a"],
    ):
        for _try in range(_MENDING):
            try:
                await run(context, argv, env=_ENVIRONMENT)
                tail = ()
            except StepError as error:
                tail = error.tail
            if not any(_HELD.search(line) for line in tail if line.startswith(("E: ", "dpkg: error"))):
                break
            await asyncio.sleep(_AGAIN)
    audit = await context.host.run(["dpkg", "--audit"])
    if tail or not audit.ok or audit.stdout.strip():
        raise StepError("dpkg-inconsistent", tail or tuple(audit.stdout.splitlines()))


@dataclass(frozen=True, slots=True)
class _Simulated:
    """What apt-get would do. missing: packages it doesn't know; trouble: what it says where it can't."""

    changes: tuple[PackageChange, ...] = ()
    missing: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()

    def named(self, *actions: str) -> list[str]:
        return [change.name for change in self.changes if change.action in actions]


async def _simulate(host: Host, *arguments: str) -> _Simulated:
    answer = await host.run(["apt-get", "-s", "-q", *arguments], env=_ENVIRONMENT)
    if not answer.ok:
        said = f"{answer.stdout}\n{answer.stderr}"
        return _Simulated((), tuple(_missing(said)), tuple(answer.stderr.splitlines()[-25:]) or ("?",))
    changes = []
    for line in answer.stdout.splitlines():
        if match := _SIMULATED.match(line):
            word, name, old, new = match.groups()
            action = {"Remv": "remove", "Purg": "purge"}.get(word) or ("upgrade" if old else "install")
            changes.append(PackageChange(name, action, new or old or ""))
    return _Simulated(tuple(changes))


class _Packages(StepBase):
    """What both steps have in common."""

    packages: Annotated[tuple[PackageName, ...], Field(min_length=1)]

    def paths(self) -> tuple[str, ...]:
        return ()

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        there, automatic = await _packages(host), await _automatic(host)
        state = {_base(name): package.status for name, package in there.items()}
        return {
            f"package:{name}": state.get(name, "missing") + (",automatic" if name in automatic & state.keys() else "")
            for name in self.packages
        }

    async def capture(self, context: StepContext) -> None:
        there = await _packages(context.host)
        context.before.put("packages", {package.name: [package.status, package.version] for package in there.values()})
        context.before.put("automatic", sorted(await _automatic(context.host)))

    async def apply(self, context: StepContext) -> None:
        before = context.before
        await _through(context, before)
        number = next(n for n in itertools.count() if before.get(f"intended-{n}") is None)
        apt = _Apt(context, self._phase())
        try:
            if (await context.host.run(["dpkg", "--audit"])).stdout.strip():
                await _settled(context)
            await self._change(context, apt, number)
            context.progress(1.0, self._phase())
        except asyncio.CancelledError:
            if apt.unpacking:
                await mend(context)
            raise
        finally:
            await self._remember(context, number)

    async def _remember(self, context: StepContext, number: int) -> None:
        """Keeps what came and what was marked: what others change at the same time isn't ours to take back."""
        before = context.before
        if before.get(f"intended-{number}") is None:
            return
        with contextlib.suppress(HostError):
            brought = self._came(before, await _packages(context.host))
            before.put(f"brought-{number}", brought)
            before.put(f"automatic-{number}", sorted(await _automatic(context.host)))
            if brought:
                before.put(f"data-{number}", await marks(context.host, brought))

    def _came(self, before: Before, there: Mapping[str, _Package]) -> list[str]:
        """The packages that apt was to bring in and that weren't there before."""
        was: dict[str, Any] = before.get("packages") or {}
        intended = {name for names in _runs(before, "intended") for name in names}
        return [
            name
            for name, package in there.items()
            if _base(name) in intended and (name not in was or (package.installed and was[name][0] not in _INSTALLED))
        ]

    @abstractmethod
    def _phase(self) -> str: ...

    @abstractmethod
    async def _change(self, context: StepContext, apt: _Apt, number: int) -> None: ...

    async def _restore_marks(self, context: StepContext, before: Before) -> None:
        """Gives back the automatic marks that the step changed and nobody changed since."""
        was, left = set(before.get("automatic") or ()), set((_runs(before, "automatic") or [[]])[-1])
        now = await _automatic(context.host)
        there = {_base(name) for name, package in (await _packages(context.host)).items() if package.installed}
        for verb, wanted, have in (("auto", was - left, there - now), ("manual", left - was, there & now)):
            if names := sorted(wanted & have & set(self.packages)):
                await run(context, ["apt-mark", verb, *names])


def _runs(before: Before, name: str) -> list[list[str]]:
    """What each run of a step kept under that name; a step runs again where its job was cut off."""
    values = (before.get(f"{name}-{number}") for number in itertools.count())
    return list(itertools.takewhile(lambda value: value is not None, values))


async def _through(context: StepContext, *kept: Before) -> None:
    """Waits until the apt-get of an earlier run is through, whose job was killed. It goes on by itself, and what it
    brings in can't be seen before; also while it hasn't come as far as dpkg's own lock. (dpkg and the programs that
    packages bring don't get the lock: apt-pkg/contrib/fileutl.cc, ExecFork.)"""
    for before in kept:
        path, told = before.beside(_RUNS), False
        while is_held(path):
            if not told:
                context.waiting("dpkg-lock", printable(holder(path)))
                told = True
            await asyncio.sleep(_LOOK)
        if told:
            context.waiting("dpkg-lock", "")


async def _settled(context: StepContext) -> None:
    """Waits until the process that has dpkg is through, and mends what an earlier one left."""
    try:
        await _Apt(context, "mend").run("install")
    except StepError:
        await mend(context)
        return
    if (await context.host.run(["dpkg", "--audit"])).stdout.strip():
        await mend(context)


async def _refresh(context: StepContext) -> None:
    """apt-get update."""
    context.reached("apt:updating")
    context.progress(None, "update")
    await _Apt(context, "update").run("update")


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


class InstallPackages(_Packages):
    """Packages that must be there. Undo removes exactly those that this step brought in, and gives back the automatic
    marks; upgraded ones stay upgraded.

    data: what its undo does where data was made since. look: purge where there is none, else remove. keep: remove.
          delete: purge.
    given_back: paths that its undo finds as they were before, or that will be: they are no data.
    """

    kind: Literal["install-packages"] = "install-packages"
    recommends: bool = False
    data: Literal["look", "keep", "delete"] = "look"
    given_back: tuple[AbsolutePath, ...] = ()

    def describe(self) -> str:
        text = ngettext("install the package {path}", "install the packages {path}", len(self.packages))
        return clipped(text, " ".join(self.packages))

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        missing, automatic = await self._missing(host)
        note = ""
        if automatic:
            note = shown(["apt-mark", "manual", *automatic])
        if not missing:
            return Preview("command", note) if note else Preview("note", _("nothing changes"))
        simulated = await _simulate(host, *self._arguments(missing))
        if simulated.missing:
            changes = tuple(PackageChange(name, "install") for name in missing)
            refresh = shown(["apt-get", "update"])
            return Preview("packages", "\n".join(filter(None, (refresh, note))), packages=changes)
        self._refuse(simulated)
        coming = simulated.named("install", "upgrade")
        sizes = await _sizes(host, coming)
        there = {_base(package.name): package.size for package in (await _packages(host)).values() if package.installed}
        disk = sum(size.disk - there.get(name, 0) for name, size in sizes.items()) * 1024 if sizes else None
        download = sum(size.download for size in sizes.values()) if sizes else None
        notes = [note] if note else []
        if upgraded := simulated.named("upgrade"):
            notes.append(_("When this is undone, these stay upgraded: {packages}.").format(packages=_listed(upgraded)))
        notes.append(_("When this is undone, an account that a package made may stay."))
        return Preview("packages", "\n".join(notes), packages=simulated.changes, download=download, disk=disk)

    async def done(self, host: Host) -> bool:
        missing, automatic = await self._missing(host)
        return not missing and not automatic

    async def _missing(self, host: Host) -> tuple[list[str], list[str]]:
        """Of the named packages those that aren't installed, and those that are, but would go with another one."""
        there = {_base(package.name) for package in (await _packages(host)).values() if package.installed}
        marked = await _automatic(host)
        missing = [name for name in self.packages if name not in there]
        return missing, [name for name in self.packages if name in there and name in marked]

    def _arguments(self, names: Iterable[str]) -> tuple[str, ...]:
        return ("--install-recommends" if self.recommends else "--no-install-recommends", "install", *names)

    def _refuse(self, simulated: _Simulated) -> None:
        if simulated.missing:
            raise StepError("package-not-found", simulated.trouble, packages=_listed(simulated.missing))
        if simulated.trouble:
            command = shown(["apt-get", "-s", *self._arguments(self.packages)])
            raise StepError("command-failed", simulated.trouble, command=command, status="100")
        if going := simulated.named("remove", "purge"):
            raise StepError("would-remove", packages=_listed(going))

    def _phase(self) -> str:
        return "install"

    async def _change(self, context: StepContext, apt: _Apt, number: int) -> None:
        host = context.host
        missing, automatic = await self._missing(host)
        intended: list[str] = []
        if missing:
            if not any(name.endswith("_Packages") or "_Packages." in name for name in await host.listdir(_LISTS)):
                await _refresh(context)
            simulated = await _simulate(host, *self._arguments(missing))
            if simulated.missing:
                await _refresh(context)
                simulated = await _simulate(host, *self._arguments(missing))
            self._refuse(simulated)
            intended = [*map(_base, simulated.named("install"))]
        context.before.put(f"intended-{number}", intended)
        if missing:
            try:
                await apt.run("--no-remove", *self._arguments(missing))
            except StepError as error:
                if not any("Failed to fetch" in line for line in error.tail) or apt.unpacking:
                    raise
                await _refresh(context)  # the list names versions that the archive has no more
                await apt.run("--no-remove", *self._arguments(missing))
        if automatic:
            await run(context, ["apt-mark", "manual", *automatic])

    def _going(self, before: Before, there: Mapping[str, _Package]) -> list[str]:
        """What undo removes: the packages that the step brought in."""
        brought = _runs(before, "brought")
        ended = brought and len(brought) == len(_runs(before, "intended"))
        return [name for name in (brought[-1] if ended else self._came(before, there)) if name in there]

    async def made_since(self, host: Host, before: Before) -> tuple[Data, ...]:
        """The data that a purge of what the step brought in would delete, and that wasn't there when it was through.
        Raises HostError."""
        was: dict[str, Any] = before.get("packages") or {}
        names = [name for name in self._going(before, await _packages(host)) if name not in was]
        runs = len(_runs(before, "intended"))
        known: Marks | None = before.get(f"data-{runs - 1}")
        return await made(host, names, known, self.given_back)

    async def undo_preview(self, host: Host, before: Before) -> Preview | None:
        was: dict[str, Any] = before.get("packages") or {}
        there = await _packages(host)
        names = self._going(before, there)
        keeps = {*was} if self.data != "keep" else {*names}
        changes = tuple(PackageChange(name, "remove" if name in keeps else "purge") for name in names)
        size = sum(there[name].size for name in names)
        return Preview("packages", packages=changes, download=0, disk=-size * 1024) if names else None

    async def _holds_data(self, host: Host, before: Before) -> bool:
        return any(not each.beside for each in await self.made_since(host, before))

    async def undo(self, context: StepContext, before: Before) -> None:
        await _through(context, before, context.before)
        was: dict[str, Any] = before.get("packages") or {}
        names = self._going(before, await _packages(context.host))
        if names:
            simulated = await _simulate(context.host, "--no-auto-remove", "purge", *names)
            own = {_base(name) for name in names}
            if others := {name for name in simulated.named("remove", "purge") if _base(name) not in own}:
                raise StepError("needed-by-others", packages=_listed(names), others=_listed(others))
            kept = [name for name in names if name in was]  # their configuration was there before
            if self.data == "keep" or (self.data == "look" and await self._holds_data(context.host, before)):
                kept = names
            apt = _Apt(context, "remove")
            try:
                for verb, some in (("purge", [n for n in names if n not in kept]), ("remove", kept)):
                    if some:
                        await apt.run("--no-auto-remove", verb, *some)
            except asyncio.CancelledError:
                if apt.unpacking:
                    await mend(context)
                raise
        await self._restore_marks(context, before)


class RemovePackages(_Packages):
    """Packages that must not be there; their configuration goes too with `purge`. Refused where others would go with
    them. Undo installs them again, in the same version where it can be had, with the files they had in /etc and their
    units enabled and running as they were."""

    kind: Literal["remove-packages"] = "remove-packages"
    purge: bool = False

    def describe(self) -> str:
        text = ngettext("remove the package {path}", "remove the packages {path}", len(self.packages))
        return clipped(text, " ".join(self.packages))

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        there = await self._there(host)
        if not there:
            return Preview("note", _("nothing changes"))
        simulated = await _simulate(host, *self._arguments(there))
        self._refuse(simulated)
        size = sum(package.size for package in (await _packages(host)).values() if package.name in there)
        lost = await made(host, there, None) if self.purge else ()
        note = _("deletes for good: {data}").format(data=listed(lost)) if lost else ""
        return Preview("packages", note, packages=simulated.changes, download=0, disk=-size * 1024)

    async def done(self, host: Host) -> bool:
        return not await self._there(host)

    async def _there(self, host: Host) -> list[str]:
        return [
            package.name
            for package in (await _packages(host)).values()
            if _base(package.name) in self.packages and (package.installed or self.purge)
        ]

    def _arguments(self, names: Iterable[str]) -> tuple[str, ...]:
        return ("--no-auto-remove", "purge" if self.purge else "remove", *names)

    def _refuse(self, simulated: _Simulated) -> None:
        if simulated.trouble:
            command = shown(["apt-get", "-s", *self._arguments(self.packages)])
            raise StepError("command-failed", simulated.trouble, command=command, status="100")
        if others := {n for n in simulated.named("remove", "purge", "install") if _base(n) not in self.packages}:
            raise StepError("would-remove", packages=_listed(others))

    async def capture(self, context: StepContext) -> None:
        await super().capture(context)
        units: list[str] = []
        for name in await self._there(context.host):
            shipped = await context.host.run(["dpkg-query", "--listfiles", name])
            for path in shipped.stdout.splitlines() if shipped.ok else ():
                units += _UNIT.findall(path)
                if path.startswith("/etc/"):
                    found = await context.host.stat(path)
                    if found is not None and found.kind in ("file", "link"):
                        await context.before.save_path(path)
        if units and await context.host.systemd():
            context.before.put("units", await unit_states(context.host, units))

    def _phase(self) -> str:
        return "remove"

    async def _change(self, context: StepContext, apt: _Apt, number: int) -> None:
        names = await self._there(context.host)
        context.before.put(f"intended-{number}", [])
        if names:
            self._refuse(await _simulate(context.host, *self._arguments(names)))
            await apt.run(*self._arguments(names))

    async def undo(self, context: StepContext, before: Before) -> None:
        await _through(context, before, context.before)
        was: dict[str, Any] = before.get("packages") or {}
        there = {name for name, package in (await _packages(context.host)).items() if package.installed}
        gone = [name for name in was if _base(name) in self.packages and was[name][0] in _INSTALLED]
        gone = [name for name in gone if name not in there]
        if gone:
            exact = [f"{name}={was[name][1]}" for name in gone]
            arguments = ("--no-install-recommends", "install")
            simulated = await _simulate(context.host, *arguments, *exact)
            apt = _Apt(context, "install")
            try:
                await apt.run("--no-remove", *arguments, *(gone if simulated.trouble else exact))
            except asyncio.CancelledError:
                if apt.unpacking:
                    await mend(context)
                raise
        await super().undo(context, before)
        if gone and (units := before.get("units")):
            await restore_units(context, units)
        await self._restore_marks(context, before)

    async def undo_preview(self, host: Host, before: Before) -> Preview | None:
        was: dict[str, Any] = before.get("packages") or {}
        there = {name for name, package in (await _packages(host)).items() if package.installed}
        gone = [name for name in was if _base(name) in self.packages and was[name][0] in _INSTALLED]
        changes = tuple(PackageChange(name, "install", was[name][1]) for name in gone if name not in there)
        units = (before.get("units") or {}).get("units", {})
        note = ", ".join(f"{name} {' '.join(state)}" for name, state in units.items())
        return Preview("packages", note, packages=changes) if changes else None


@dataclass(frozen=True, slots=True)
class _Size:
    """Of a package that comes. disk: KiB when it is installed. download: bytes that are still to fetch."""

    disk: int
    download: int


async def _sizes(host: Host, names: Sequence[str]) -> dict[str, _Size]:
    """The sizes of candidates; empty where apt can't tell. (`apt-get --print-uris` says what is fetched too, and builds
    the tree of all dependencies once more for it.)"""
    if not names:
        return {}
    answer = await host.run(["apt-cache", "show", "--no-all-versions", *names])
    here = await host.listdir(_ARCHIVES)
    found: dict[str, _Size] = {}
    for fields in _stanzas(answer.stdout) if answer.ok else ():
        disk, fetched = fields.get("Installed-Size", ""), fields.get("Size", "")
        if disk.isdecimal() and fetched.isdecimal():
            file = _archive(fields["Package"], fields.get("Version", ""), fields.get("Architecture", ""))
            found.setdefault(fields["Package"], _Size(int(disk), 0 if file in here else int(fetched)))
    return found


def _archive(package: str, version: str, architecture: str) -> str:
    """The name of a package's file in /var/cache/apt/archives (apt-pkg/acquire-item.cc, pkgAcqArchive)."""
    quoted = [re.sub("[_:]", lambda sign: f"%{ord(sign[0]):02x}", each) for each in (package, version, architecture)]
    return f"{'_'.join(quoted)}.deb"
