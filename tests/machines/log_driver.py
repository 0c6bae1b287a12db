"""Reads a log on the machine that it runs on, as the screens do, and prints what it found as JSON lines:

python3 -m tests.machines.log_driver VERB PATH WANTED [ARGUMENT]

PATH: of a file, "" for the journal. WANTED: the filters, as JSON. It needs nothing but Python's standard library.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from dataclasses import asdict

from pi_installer_tui.screens.monitoring.logs_window import Window
from pi_installer_tui.system.entries import Log, LogError, Wanted
from pi_installer_tui.system.journal import Journal
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.logfiles import LogFile
from tests.unit.paging import wander, whole


def tell(*values: object) -> None:
    print(json.dumps(values), flush=True)


async def timed(log: Log, wanted: Wanted, pages: int) -> None:
    """Seconds of opening, of pages upwards and downwards, and of what else is asked of a log."""

    async def take(name: str, window: Window, what: str) -> None:
        began = time.monotonic()
        await getattr(window, what)()
        tell(name, time.monotonic() - began, len(window.entries))

    window = Window(log, wanted)
    await take("open", window, "to_end")
    for _page in range(pages):
        await take("up", window, "before")
    for _page in range(pages):
        await take("down", window, "after")
    await take("first", window, "to_start")
    await take("down", window, "after")
    window = Window(log, wanted)
    await window.to_end()
    began = time.monotonic()
    found = await window.find("a text that is nowhere", len(window.entries) - 1, -1)
    tell("search", time.monotonic() - began, found is not None)
    if isinstance(log, Journal):
        for name, filtered in (("unit", Wanted(unit="rare.service")), ("priority", Wanted(priority=2))):
            await take(name, Window(log, filtered), "to_end")
        began = time.monotonic()
        boots = await log.boots()
        tell("boots", time.monotonic() - began, len(boots))
        began = time.monotonic()
        units = await log.units()
        tell("units", time.monotonic() - began, len(units))
    own, readers = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    tell("memory", own * 1024, readers * 1024)


async def main(verb: str, path: str, text: str, argument: str = "") -> None:
    host = LocalHost()
    log: Log = LogFile(host, path) if path else Journal(host)
    wanted = Wanted(**json.loads(text))
    try:
        match verb:
            case "wander":
                await wander(log, wanted, seed=int(argument))
                tell(len(await whole(log, wanted)))
            case "last":
                page = await log.last(wanted, int(argument))
                tell(page.said)
                for entry in page.entries:
                    tell(asdict(entry))
            case "fields":
                (entry,) = (await log.last(wanted, 1)).entries
                tell({field.name: field.value for field in await log.fields(entry)})
            case "boots" if isinstance(log, Journal):
                for boot in await log.boots():
                    tell(asdict(boot))
            case "units" if isinstance(log, Journal):
                tell(await log.units())
            case "follow":
                newest = (await log.last(wanted, 1)).entries
                tell("following")
                async for entries in log.follow(newest[0].cursor if newest else "", wanted):
                    for entry in entries:
                        tell(entry.message)
            case "timed":
                await timed(log, wanted, int(argument))
    except LogError as error:
        tell("error", str(error))


asyncio.run(main(*sys.argv[1:]))
