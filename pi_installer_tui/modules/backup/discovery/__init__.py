"""What on this machine is worth keeping, and what a job's words mean when it runs.

found.py      the dataclasses; machine.py, web.py, containers.py, stores.py find things of one kind each
resolving.py  a job's settings become paths, excludes, dumps and what has to stop
measuring.py  how large that is; patterns.py what restic leaves out
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pi_installer_tui.databases import finding
from pi_installer_tui.modules.backup.discovery import containers, machine, measuring, resolving, stores
from pi_installer_tui.modules.backup.discovery.found import Contents, Measured, Worthwhile
from pi_installer_tui.modules.backup.discovery.web import web
from pi_installer_tui.system.host import Host

if TYPE_CHECKING:
    from pi_installer_tui.modules.backup.settings import JobSettings

__all__ = ["FINDERS", "Contents", "Measured", "Worthwhile", "discover", "measure", "resolve"]

#: what is found by looking at files alone, in a moment
FINDERS = (
    machine.system,
    machine.home,
    machine.state,
    web,
    machine.mail,
    machine.wireguard,
    machine.home_assistant,
    machine.mosquitto,
)


async def discover(host: Host) -> tuple[Worthwhile, ...]:
    """What is worth keeping on this machine, in the order in which people look for it. Sizes of files aren't measured.
    It asks servers and engines, and looks for SQLite's files for half a minute at most."""
    boxes = await containers.look(host)
    roots = (*finding.ROOTS, *boxes.volumes.values())
    found = await asyncio.gather(*(find(host) for find in FINDERS))
    databases = await finding.find(host, boxes.servers, roots)
    compose = containers.worthwhile(boxes, databases)
    projects = {
        dump.container: each.what for each in compose if each.what.startswith("compose:") for dump in each.dumps
    }
    kept = [one for each in found for one in each] + stores.servers(databases, projects) + compose
    return tuple(stores.files(databases, kept))


async def resolve(host: Host, job: JobSettings) -> Contents:
    """What a job holds at this moment."""
    return await resolving.resolve(host, job, await discover(host) if job.what else ())


def measure(host: Host, contents: Contents) -> AsyncIterator[Measured]:
    """How large a job's paths are, without what it leaves out: each grows as it is looked through, then is `done`."""
    return measuring.measure(host, contents)
