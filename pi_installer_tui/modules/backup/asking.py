"""What only an action has to know, asked for it alone: what a job holds now, a repository's snapshots and locks, what
its recovery kit would be. A repository that doesn't answer leaves `trouble`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.placing import place_of
from pi_installer_tui.restic.answers import Lock, Snapshot, Trouble
from pi_installer_tui.system.disks import Block, disks
from pi_installer_tui.system.host import Host, HostError

if TYPE_CHECKING:
    from pi_installer_tui.modules.backup.discovery import Contents
    from pi_installer_tui.modules.backup.settings import BackupSettings
    from pi_installer_tui.modules.base import Arguments


@dataclass(frozen=True, slots=True)
class Asked:
    """contents: of the job that is named. snapshots, locks, code (of the recovery kit): of the place that is named;
    stale: ids of the locks that nobody holds any more; proven: what was typed in from the kit is right. disks:
    those of the machine; used: bytes that its root file system holds. trouble: why
    something couldn't be asked, in words."""

    contents: Contents | None = None
    snapshots: tuple[Snapshot, ...] | None = None
    locks: tuple[Lock, ...] | None = None
    stale: frozenset[str] = frozenset()
    code: str = ""
    proven: bool = False
    disks: tuple[Block, ...] | None = None
    used: int = 0
    trouble: str = ""


async def ask(host: Host, config: BackupSettings, action: str, told: Arguments) -> Asked:
    """What `action` has to know."""
    job, place = getattr(told, "job", ""), getattr(told, "place", "")
    jobs, places = config.jobs or {}, config.places or {}
    try:
        if action in ("run", "drill") and job in jobs:
            from pi_installer_tui.modules.backup.discovery import resolve

            return Asked(contents=await resolve(host, jobs[job]))
        if action == "clone":
            return Asked(disks=await disks(host), used=(await host.disk("/")).used)
        if place not in places:
            return Asked()
        match action:
            case "restore" | "restore-database":
                from pi_installer_tui.restic.engine import Restic

                return Asked(snapshots=await Restic(host, place_of(place, places[place])).snapshots())
            case "unlock":
                return await _locks(host, config, place)
            case "kit":
                from pi_installer_tui.modules.backup.kit import kit

                found = await kit(host, place, places[place])
                return Asked(code=found.code, proven=found.proves(getattr(told, "code", "")))
    except Trouble as error:
        from pi_installer_tui.restic.words import sentence

        return Asked(trouble=sentence(error))
    except (HostError, OSError) as error:
        return Asked(trouble=str(error) or _("it can't be read"))
    return Asked()


async def _locks(host: Host, config: BackupSettings, place: str) -> Asked:
    from pi_installer_tui.restic.engine import Restic
    from pi_installer_tui.restic.locks import holders

    found = await holders(Restic(host, place_of(place, (config.places or {})[place])), time.time())
    return Asked(locks=tuple(each.lock for each in found), stale=frozenset(h.lock.id for h in found if h.stale))
