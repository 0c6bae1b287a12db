"""What a job can name on this machine, found in a moment, for the form and the wizard: discovery without what takes its
time (SQLite's files are looked for, servers asked, when a job runs)."""

from __future__ import annotations

import asyncio

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.discovery import FINDERS, Worthwhile, containers, machine
from pi_installer_tui.system.host import Host, HostError

#: where a server's databases lie in Debian (postgresql-common(7), mariadbd(8))
_SERVERS = (("postgresql", "PostgreSQL", "/var/lib/postgresql"), ("mariadb", "MariaDB", "/var/lib/mysql"))


async def propose(host: Host) -> tuple[Worthwhile, ...]:
    """All of it; what can't be looked at is left out."""
    found = await asyncio.gather(*(find(host) for find in (*FINDERS, _servers, _containers)), return_exceptions=True)
    kept: list[Worthwhile] = []
    for each in found:
        if isinstance(each, list):
            kept += each
        elif not isinstance(each, OSError | HostError):
            raise each
    return tuple(kept)


async def _servers(host: Host) -> list[Worthwhile]:
    there = [(what, title) for what, title, path in _SERVERS if path in await machine.there(host, (path,))]
    return [
        Worthwhile(what, title, _("all of its databases"), writers=await machine.units(host, what))
        for what, title in there
    ]


async def _containers(host: Host) -> list[Worthwhile]:
    return containers.worthwhile(await containers.look(host), ())
