"""Records of runs as the screens have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi_installer_tui.modules.cron.listing import Last
from pi_installer_tui.screens.cron.past import Ran
from pi_installer_tui.system.host import Host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi_installer_tui.modules.cron.listing import Row
    from pi_installer_tui.system.cron.records import Record


async def read(host: Host, row: Row) -> Sequence[Record]:
    """What was recorded of a row, the newest first."""
    from pi_installer_tui.system.cron import records

    return await records.read(host, row.owner, row.wrapped.name) if row.wrapped is not None else ()


def last(record: Record) -> Last:
    """A record as any other run."""
    return ran(record).last


def ran(record: Record) -> Ran:
    """A record with its output. What ended by a signal was killed, whoever sent it."""
    what, status = record.what, record.status
    if record.signal is not None and what == "failed":
        what = "killed"
    return Ran(
        Last(record.begin, what, record.signal if what == "killed" else status, record.seconds),
        record.tries,
        tuple(record.tail.rstrip("\n").split("\n")) if record.tail else (),
    )
