"""What at(1) and batch(1) keep to run once: atq(1) for when and whose, `at -c` for what. Two commands for all jobs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown

_LINE = re.compile(r"(\d+)\s+\w{3} (\w{3} +\d+ \d\d:\d\d:\d\d \d{4}) (\S) (\S+)")
_HEAD = re.compile(r"^#!/bin/sh\n# atrun uid=\d+ gid=\d+\n# mail ", re.MULTILINE)
#: at.c: the last lines that it writes itself; what was given follows
_BEGIN = re.compile(r"^cd .*(?:\n.*)*?\|\| \{\n\t? ?echo '[^\n]*\n\t? ?exit 1\n\}\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class AtJob:
    """A job. at: seconds since 1970. queue: its letter (`b` is batch(1)'s). running: it has been started. command: the
    lines that were given, without the environment that at(1) keeps with them."""

    number: int
    at: float
    queue: str
    user: str
    running: bool
    command: Reading[str]


async def read(host: Host) -> Reading[tuple[AtJob, ...]]:
    """The jobs, the next one first: all of them for root, else one's own. Missing where at isn't installed."""
    try:
        asked = await host.run(["atq"], env={"TZ": "UTC"})
    except CommandNotFound:
        return MISSING
    if not asked.ok:
        return Unknown(_("atq doesn't answer: {why}").format(why=(asked.stderr or asked.stdout).strip()[:200]))
    rows = [match for line in asked.stdout.splitlines() if (match := _LINE.match(line.strip()))]
    scripts = await _scripts(host, [row[1] for row in rows])
    jobs = [_job(row, script) for row, script in zip(rows, scripts, strict=True)]
    return Known(tuple(sorted(jobs, key=lambda job: (job.at, job.number))))


async def _scripts(host: Host, numbers: Sequence[str]) -> list[str]:
    """What `at -c` says of each, "" nothing. Where a job's text looks like two, each is asked for by itself."""
    if not numbers:
        return []
    said = (await host.run(["at", "-c", *numbers])).stdout
    heads = [match.start() for match in _HEAD.finditer(said)]
    if len(heads) == len(numbers):
        return [said[start:end] for start, end in zip(heads, [*heads[1:], len(said)], strict=True)]
    if len(numbers) == 1:
        return [said]
    return [(await host.run(["at", "-c", number])).stdout for number in numbers]


def _job(row: re.Match[str], script: str) -> AtJob:
    at = datetime.strptime(re.sub(r" +", " ", row[2]), "%b %d %H:%M:%S %Y").replace(tzinfo=UTC).timestamp()
    begin = _BEGIN.search(script)
    command: Reading[str] = Unknown(_("at -c doesn't tell what it runs"))
    if begin is not None:
        command = Known(script[begin.end() :].strip("\n"))
    return AtJob(int(row[1]), at, row[3], row[4], row[3] == "=", command)
