"""A change on probation, on disk: `<job>/probation/` with the way back as a script and one file whose name says where
the change stands. Whoever renames `armed` decides, so that a confirmation and the way back can't both win.

    armed ──► confirmed                  somebody said that all is well
      └─────► reverting ──► reverted     nobody did: a timer, or the unit that runs at boot, runs the script

While `asking` is there beside `armed`, the change is made and can be confirmed. Where there is no systemd (a demo, a
container) there is no timer and no unit; the worker takes the change back by itself, once: what it could not take back
whole is `failed`, and an undo is the way to try again.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pi_installer_tui.i18n import _
from pi_installer_tui.system.paths import MOTD
from pi_installer_tui.tasks import way_back
from pi_installer_tui.tasks.events import Output, StepSkipped
from pi_installer_tui.tasks.journal import Journal, sync_folder, write_file
from pi_installer_tui.tasks.lock import Lock
from pi_installer_tui.tasks.output import clean
from pi_installer_tui.tasks.store import MARK, PROBATION

if TYPE_CHECKING:
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.steps import Probation
    from pi_installer_tui.tasks.store import Store

Standing = Literal["armed", "confirmed", "reverting", "reverted", "failed"]
STANDINGS: tuple[Standing, ...] = ("armed", "confirmed", "reverting", "reverted", "failed")
ASKING = "asking"
SCRIPT = "way-back"
LOG = "log"
LOCK = "lock.change"

#: the unit that takes an unconfirmed change back at boot; there is one, since one job at a time changes the machine
UNIT = "/etc/systemd/system/pi-installer-tui-way-back.service"
WANTED_BY = "/etc/systemd/system/multi-user.target.wants/pi-installer-tui-way-back.service"

#: properties of the service that the timer starts (systemd.service(5)): it tries again until it has succeeded
_PROPERTIES = ("Type=oneshot", "Restart=on-failure", "RestartSec=5", "StartLimitIntervalSec=0", "SendSIGHUP=no")


class ConfirmError(Exception):
    """A change that can't be confirmed. `reason` is a code: `nothing`, `not-yet` (its steps still run), `taken-back`,
    `no-login` (nobody has logged in by SSH since the change, in the way that the change asks for: over one of `ports`,
    where it names some)."""

    def __init__(self, reason: str, ports: Sequence[int] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.ports = tuple(ports)


@dataclass(frozen=True, slots=True)
class Trial:
    """A change on probation, as the file says that is renamed.

    until:     when the way back runs: seconds of CLOCK_BOOTTIME, in the boot `boot`; the clock of a Pi may be set
    reaches:   where the machine will be reachable ("" at an address that DHCP says), leaves: where it won't be any more
    outside:   the way back runs without this program
    users:     one of them has to have logged in by SSH since the change, over one of `ports` (none: over any); nobody
               named: no login is needed
    asked:     since when it can be confirmed: seconds of CLOCK_BOOTTIME
    """

    step: str
    steps: tuple[str, ...]
    seconds: int
    until: float
    boot: str
    confirm: str
    reaches: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    outside: bool = True
    users: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    job: str = ""
    standing: Standing = "armed"
    asking: bool = False
    asked: float = 0.0

    @property
    def left(self) -> float:
        """Seconds until the way back runs; 0 for now."""
        if self.standing != "armed" or self.boot != boot_id():
            return 0.0
        return max(0.0, self.until - time.clock_gettime(time.CLOCK_BOOTTIME))

    @property
    def open(self) -> bool:
        """It is neither confirmed nor taken back."""
        return self.standing in ("armed", "reverting")

    @property
    def can_be_confirmed(self) -> bool:
        return self.standing == "armed" and self.asking and self.left > 0


#: of a trial, what its file doesn't say
_FOUND = ("job", "standing", "asking", "asked")


def boot_id() -> str:
    """The kernel's id of this boot (random(4)), "" where there is none."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def look(store: Store, job: str) -> Trial | None:
    """A job's last probation; None where it has none. Raises KeyError, PermissionError."""
    folder = store.folder(job) / PROBATION
    for _try in range(3):  # it may be renamed while we look
        for standing in STANDINGS:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                return _read(folder / standing, job, standing)
        if not folder.is_dir():
            return None
    return None


def _read(path: Path, job: str, standing: Standing) -> Trial | None:
    data = path.read_bytes()
    asking, asked = path.with_name(ASKING).exists(), 0.0
    with contextlib.suppress(OSError, ValueError):
        asked = float(path.with_name(ASKING).read_text())
    try:
        said: dict[str, Any] = json.loads(data)
        names = {each.name for each in fields(Trial)} - set(_FOUND)
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in said.items() if k in names}
        return Trial(**values, job=job, standing=standing, asking=asking, asked=asked)
    except (ValueError, TypeError, AttributeError):
        return Trial("", (), 0, 0, "", "wait", job=job, standing=standing)


def open_trial(store: Store) -> Trial | None:
    """The change that is neither confirmed nor taken back; None where there is none. Raises PermissionError."""
    for job in store.ids():
        if (store.folder(job) / PROBATION).is_dir():
            trial = look(store, job)
            if trial is not None and trial.open:
                return trial
    return None


async def confirm(store: Store, job: str, by: str, host: Host, *, anyway: bool = False) -> None:
    """Says that all is well: the change stays. anyway: without the login that it asks for, by somebody whom no sshd can
    keep out. Raises KeyError, ConfirmError, OSError."""
    trial = look(store, job)
    if trial is None or trial.standing == "confirmed":
        raise ConfirmError("nothing")
    if trial.standing == "armed" and not trial.asking:
        raise ConfirmError("not-yet")
    if not trial.can_be_confirmed:
        raise ConfirmError("taken-back")
    if trial.users and not anyway and not await logged_in(trial, host):
        raise ConfirmError("no-login", trial.ports)
    folder = store.folder(job) / PROBATION
    write_file(folder / "by", by.encode("utf-8", "replace"), durable=False)
    try:
        (folder / "armed").rename(folder / "confirmed")
    except FileNotFoundError:
        raise ConfirmError("taken-back") from None
    sync_folder(folder)
    if trial.outside:
        await disarm(job, host)


async def logged_in(trial: Trial, host: Host) -> bool:
    """Whether one of those who count has logged in by SSH since the change was made, and still is."""
    from pi_installer_tui.system.host import HostError
    from pi_installer_tui.system.logins import logins

    try:
        found = await logins(host)
    except HostError:
        return False
    return any(
        each.user in trial.users and each.since > trial.asked and (not trial.ports or each.server_port in trial.ports)
        for each in found
    )


def confirmed_by(store: Store, job: str) -> str:
    """Who confirmed a job's change."""
    with contextlib.suppress(OSError):
        return (store.folder(job) / PROBATION / "by").read_text("utf-8", "replace")
    return ""


async def disarm(job: str, host: Host) -> None:
    """Takes the timer and the boot-time unit away, if it is this job's. What is gone already is fine."""
    if f"/{job}/" in (await host.text(UNIT) or ""):
        for path in (WANTED_BY, UNIT):
            with contextlib.suppress(FileNotFoundError):
                await host.remove(path)
    name = way_back.unit_name(job)
    await host.run(["systemctl", "stop", f"{name}.timer"])


async def give_back(store: Store, job: str, host: Host) -> None:
    """Lets the way back run now, in a process that isn't ours. It ends the job's worker first. Raises HostError."""
    name = way_back.unit_name(job)
    started = await host.run(["systemctl", "start", "--no-block", f"{name}.service"])
    if not started.ok:  # the timer has gone
        await _start(store, job, host, ())


async def _start(store: Store, job: str, host: Host, when: Sequence[str]) -> None:
    properties = [f"--property={line}" for line in _PROPERTIES]
    script = str((store.folder(job) / PROBATION / SCRIPT).absolute())
    name = f"--unit={way_back.unit_name(job)}"
    await host.run(
        ["systemd-run", "--quiet", "--collect", name, *when, *properties, "--", "/bin/sh", script], check=True
    )


async def outside(host: Host) -> bool:
    """Whether a timer and a unit of the machine's own can take changes back."""
    return host.kind == "local" and host.address == "/" and os.geteuid() == 0 and await host.systemd()


class Guard:
    """The probation of a step, as the worker of its job has it.

    reached: called with the name of each point that is passed
    """

    def __init__(
        self, store: Store, job: str, probation: Probation, host: Host, reached: Callable[[str], None]
    ) -> None:
        self._store = store
        self._job = job
        self._probation = probation
        self._host = host
        self._reached = reached
        self._folder = store.folder(job) / PROBATION
        self.outside = False

    @property
    def trial(self) -> Trial | None:
        """Where it stands; None: it was never armed."""
        trial = look(self._store, self._job)
        return trial if trial is not None and trial.step == self._probation.id else None

    async def arm(self) -> None:
        """The way back is on disk and its timer runs when this returns. The timer is first, so that what is armed goes
        back whenever this process ends. Armed already, before a crash, it goes on as it was. Raises OSError,
        HostError."""
        self.outside = await outside(self._host)
        trial = self.trial
        if trial is None or trial.standing == "reverted":  # cut off before it said so, and taken back meanwhile
            self._folder.mkdir(mode=0o700, exist_ok=True)
            for old in self._folder.iterdir():
                old.unlink()
            if self.outside:
                await self._write_way_back()
            trial = Trial(
                step=self._probation.id,
                steps=tuple(step.id for step in self._probation.steps),
                seconds=self._probation.seconds,
                until=time.clock_gettime(time.CLOCK_BOOTTIME) + self._probation.seconds,
                boot=boot_id(),
                confirm=self._probation.confirm,
                reaches=tuple(place.host for place in self._probation.reaches),
                leaves=tuple(place.host for place in self._probation.leaves),
                outside=self.outside,
                users=self._probation.login.users if self._probation.login is not None else (),
                ports=self._probation.login.ports if self._probation.login is not None else (),
            )
            await self._start_timer(trial)
            self._reached("probation:timer")
            about = {k: v for k, v in asdict(trial).items() if k not in _FOUND}
            write_file(self._folder / "armed", json.dumps(about).encode())
            self._reached("probation:armed")
        await self._start_timer(trial)  # after a crash; or it ran out before there was something to take back

    async def _start_timer(self, trial: Trial) -> None:
        if not self.outside or not trial.open:
            return
        timer = f"{way_back.unit_name(self._job)}.timer"
        if not (await self._host.run(["systemctl", "is-active", timer])).ok:
            when = (f"--on-active={max(1.0, trial.left):.1f}", "--timer-property=AccuracySec=100ms")
            await _start(self._store, self._job, self._host, when)

    async def _write_way_back(self) -> None:
        text = way_back.script(
            job=self._job,
            folder=self._folder.absolute(),
            lock=(self._store.root / LOCK).absolute(),
            unit=Path(UNIT),
            wanted_by=Path(WANTED_BY),
            backs=[
                with_attributes(self._folder, back)
                for step in reversed(self._probation.steps)
                for back in step.way_back(self._store.before(self._job, step.id))
            ],
            activations=activations(self._probation.steps),
            done=_("pi-installer-tui: nobody confirmed the change of job {job}, so it was taken back.").format(
                job=self._job
            ),
            restart=_(
                "pi-installer-tui: the change of job {job} was taken back; restart the machine: not all took effect."
            ).format(job=self._job),
            failed=_(
                "pi-installer-tui: the change of job {job} could NOT be taken back whole; it is tried again.\n"
                "  what happened: {log}   by hand: sudo sh {script}"
            ).format(job=self._job, log=self._folder.absolute() / LOG, script=self._folder.absolute() / SCRIPT),
            motd=MOTD,
        )
        write_file(self._folder / SCRIPT, text)
        self._reached("probation:script")
        unit = way_back.boot_unit(self._folder.absolute() / SCRIPT, self._store.root.absolute())
        await self._host.replace(UNIT, unit.encode(), mode=0o644, uid=0, gid=0)
        with contextlib.suppress(FileExistsError):
            await self._host.mkdir(os.path.dirname(WANTED_BY), mode=0o755, uid=0, gid=0)  # noqa: PTH120
        await self._host.symlink(WANTED_BY, UNIT)
        self._reached("probation:unit")

    def ask(self) -> None:
        """The change is made: from now on it can be confirmed."""
        write_file(self._folder / ASKING, f"{time.clock_gettime(time.CLOCK_BOOTTIME):.2f}".encode())

    def take(self) -> bool:
        """Decides that the change goes back; False: it was confirmed in this moment. For a worker that takes it back by
        itself."""
        try:
            (self._folder / "armed").rename(self._folder / "reverting")
        except FileNotFoundError:
            return (self._folder / "reverting").exists()
        return True

    def taken_back(self, *, whole: bool = True) -> None:
        """The worker has taken the change back, or as much of it as it could."""
        (self._folder / "reverting").rename(self._folder / ("reverted" if whole else "failed"))
        sync_folder(self._folder)

    async def disarm(self) -> None:
        """As the function `disarm`, where there is something to take away."""
        if self.outside:
            await disarm(self._job, self._host)

    async def give_back(self) -> None:
        """As the function `give_back`. The worker is ended by it."""
        await give_back(self._store, self._job, self._host)


def with_attributes(folder: Path, back: way_back.Back) -> way_back.Back:
    """Puts a file with a file's attributes into `folder`, for the script to copy them from. Raises OSError."""
    if not (isinstance(back, way_back.PutFile) and back.xattrs):
        return back
    like = folder / f"like-{hashlib.sha256(os.fsencode(back.path)).hexdigest()[:16]}"
    with like.open("wb") as file:
        os.fchown(file.fileno(), back.uid, back.gid)
        os.fchmod(file.fileno(), back.mode)
        for name, value in back.xattrs.items():
            os.setxattr(file.fileno(), name, base64.b64decode(value))
        os.fsync(file.fileno())  # its name is made durable with the script's
    return replace(back, like=str(like.absolute()))


def activations(steps: Sequence[Any]) -> list[way_back.Run]:
    """The commands that make take effect what was put back, in the steps' order."""
    from pi_installer_tui.tasks.steps import RunCommand, SyncTunnel, Unit

    found: list[way_back.Run] = []
    for step in steps:
        activation = step.activation()
        if isinstance(activation, RunCommand):
            found.append(way_back.Run(activation.argv, offline=activation.offline, sensitive=activation.sensitive))
        elif isinstance(activation, Unit):
            found += [way_back.Run(argv) for argv in activation.commands()]
        elif isinstance(activation, SyncTunnel):
            found += activation.runs()
    return found


def settle(store: Store, job: str) -> bool:
    """Writes the end of a job into its journal, whose way back ran outside and ended its worker. Whether there was one
    to write. Raises OSError."""
    reverted = store.folder(job) / PROBATION / "reverted"
    if not reverted.exists() or store.alive(job):
        return False
    lock = Lock(store.folder(job) / "worker.lock")
    if not lock.take(""):
        return False
    with lock, contextlib.closing(Journal(store.journal(job))) as journal:
        so_far = store.written(job)
        if not so_far.probation:
            return False
        with contextlib.suppress(OSError):
            log = clean((reverted.with_name(LOG)).read_bytes()[-64 * 1024 :])
            if log:
                journal.last_words(Output(step=so_far.probation, text=log if log.endswith("\n") else log + "\n"))
        back, ended = so_far.taken_back(reverted.stat().st_mtime)
        journal.last_words(back)
        begun = {*so_far.done, *so_far.on_probation, so_far.probation, so_far.failed}
        for step in store.about(job).steps:
            if step not in begun:
                journal.last_words(StepSkipped(step=step, because=so_far.probation))
        journal.last_words(ended)
    (store.folder(job) / MARK).unlink(missing_ok=True)
    return True
