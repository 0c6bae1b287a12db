"""Moving about in a log at random. It needs nothing but Python's standard library: it runs on test machines too."""

from __future__ import annotations

import random

from pi_installer_tui.screens.monitoring.logs_window import MOST, Window
from pi_installer_tui.system.entries import Entry, Log, Wanted


async def whole(log: Log, wanted: Wanted) -> list[Entry]:
    return list((await log.last(wanted, 10**6)).entries)


async def wander(log: Log, wanted: Wanted, seed: int) -> None:
    """Moves about at random; at every moment the window is a piece of the whole."""
    every = await whole(log, wanted)
    assert len(every) == len({entry.cursor for entry in every})
    assert every == list((await log.first(wanted, 10**6)).entries)
    chance, window = random.Random(seed), Window(log, wanted)
    await window.to_end()
    for _step in range(25):
        match chance.choice(("before", "before", "after", "around", "start", "end")):
            case "before":
                await window.before()
            case "after":
                await window.after()
            case "around" if every:
                await window.around(chance.choice(every))
            case "start":
                await window.to_start()
            case "end":
                await window.to_end()
        assert len(window.entries) <= MOST
        if window.entries:
            at = every.index(window.entries[0])
            assert window.entries == every[at : at + len(window.entries)]
            assert not window.at_start or at == 0
            assert not window.at_end or window.entries[-1] == every[-1]
