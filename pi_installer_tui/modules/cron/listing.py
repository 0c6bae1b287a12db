"""Everything scheduled as one list: a row is a line of a crontab, a script of a folder, a job of anacron's, a timer, a
job of at's. What it will do next is computed when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pi_installer_tui.system.cron.lines import Entry
from pi_installer_tui.system.cron.wrapped import Wrapped
from pi_installer_tui.system.timers.at import AtJob
from pi_installer_tui.system.timers.read import Timer

#: crontab: a user's own; system: /etc/crontab and /etc/cron.d; script: of /etc/cron.daily and its like
Kind = Literal["crontab", "system", "script", "anacron", "timer", "at"]


@dataclass(frozen=True, slots=True)
class Row:
    """A scheduled thing.

    key:      what names it for an action: `/var/spool/cron/crontabs/pi:12`, `/etc/cron.d/e2scrub_all:4`,
              `/etc/cron.daily/apt-compat`, `/etc/anacrontab:9`, `apt-daily.timer`, `pi/sync.timer`, `at:5`
    owner:    the user whose it is: as whom it runs, of a user's timer whose manager has it
    path, line: where it stands, line 0: the file as a whole, path "": nowhere (a transient timer)
    schedule: as it is written; words: in words, short
    command:  what it runs, without what only records it (`wrapped`)
    name:     its own name, of a job that is recorded or marked with one, else "" (of a timer its unit's)
    enabled:  False: switched off, or not run for the reason `refused`
    """

    key: str
    kind: Kind
    owner: str
    path: str
    line: int
    schedule: str
    words: str
    command: str
    name: str = ""
    enabled: bool = True
    refused: str = ""
    wrapped: Wrapped | None = None
    entry: Entry | None = None
    timer: Timer | None = None
    at: AtJob | None = None
