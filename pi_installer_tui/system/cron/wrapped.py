"""A crontab's command that is recorded: `/usr/local/bin/cron-record -n dump -l -t 3600 -- 'the command'`. The words in
front say all of it but the address of a ping, which is nobody's business and lies in a file of the user's."""

from __future__ import annotations

from dataclasses import dataclass

PROGRAM = "/usr/local/bin/cron-record"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """How a command is recorded. name: of its record, unique for the user. lock: it isn't started while it still runs.
    timeout: seconds after which it is ended, 0: never. retries: how often it is tried again, wait: seconds before each.
    ping: a dead man's switch is told of each begin and end. keep: bytes that its record has at the most. command: the
    command as the shell was given it before (`%` unescaped)."""

    name: str
    command: str
    lock: bool = False
    timeout: int = 0
    retries: int = 0
    wait: int = 60
    ping: bool = False
    keep: int = 256 * 1024
