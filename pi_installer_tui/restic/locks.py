"""Locks explained: who holds one, and whether they still live, so that nobody unlocks a repository that is at work."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi_installer_tui.restic.answers import Lock

if TYPE_CHECKING:
    from pi_installer_tui.restic.upkeep import Upkeep
    from pi_installer_tui.system.host import Host

#: seconds after which restic takes a lock for left behind that nobody renewed (its source, staleLockTimeout); it renews
#: its own every five minutes
STALE = 30 * 60

#: what /proc counts a second in (USER_HZ, proc(5)): 100 on every machine that Debian runs on
_TICKS = 100
#: seconds by which the clock may have been set since
_SLACK = 5.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a lock. here: it is of this machine; alive: whether its process is at work, None where that can't be told
    from here; age: seconds since it was made or renewed; stale: restic itself takes it for left behind."""

    lock: Lock
    here: bool
    alive: bool | None
    age: float
    stale: bool


async def holders(restic: Upkeep, now: float) -> tuple[Holder, ...]:
    """All locks of a repository, explained. now: seconds since 1970. Raises Trouble."""
    return tuple([await explain(restic.host, lock, now) for lock in await restic.locks()])


async def explain(host: Host, lock: Lock, now: float) -> Holder:
    """Who has that lock. A process that lives but isn't restic, or began after the lock was made, is another one: the
    one of the lock is gone."""
    name = (await host.text("/proc/sys/kernel/hostname") or "").strip()
    here = bool(name) and lock.host == name
    alive = await _runs(host, lock) if here else None
    age = max(0.0, now - lock.time)
    return Holder(lock, here, alive, age, age > STALE or alive is False)


async def _runs(host: Host, lock: Lock) -> bool | None:
    try:
        name = await host.text(f"/proc/{lock.pid}/comm")
        said = await host.text(f"/proc/{lock.pid}/stat")
    except OSError:
        return None
    if name is None or said is None or name.strip() != "restic":
        return False
    with suppress(OSError, ValueError, IndexError, StopIteration):
        boot = next(line for line in (await host.text("/proc/stat") or "").splitlines() if line.startswith("btime "))
        ticks = int(said.rpartition(")")[2].split()[19])  # starttime, the 22nd field (proc_pid_stat(5))
        return int(boot.split()[1]) + ticks / _TICKS <= lock.time + _SLACK
    return True
