"""/etc/anacrontab (anacrontab(5)): jobs that are run when their days have passed, whenever the machine is on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

#: anacrontab(5): a setting, a job by days, a job by name
_SETTING = re.compile(r"\s*(?P<name>[^\s=]+)\s*=\s*(?P<value>.*?)\s*")
_JOB = re.compile(r"\s*(?P<period>\d+|@\w+)\s+(?P<delay>\d+)\s+(?P<id>\S+)\s+(?P<command>.*\S)\s*")
_NAMED = {"@daily": 1, "@weekly": 7, "@monthly": 31, "@yearly": 366, "@annually": 366}


@dataclass(frozen=True, slots=True)
class Job:
    """days: between runs; @monthly, @yearly and their kin are their longest, and named says so. delay: minutes."""

    line: int
    days: int
    delay: int
    identifier: str
    command: str
    named: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Anacrontab:
    """broken: the numbers of lines that are neither a job nor a setting, which anacron skips."""

    jobs: tuple[Job, ...] = ()
    broken: tuple[int, ...] = ()


def parse(data: bytes) -> Anacrontab:
    """The jobs of the file's bytes."""
    settings: dict[str, str] = {}
    jobs: list[Job] = []
    broken: list[int] = []
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if found := _JOB.fullmatch(line):
            period = found["period"]
            days = _NAMED.get(period, 0) if period.startswith("@") else int(period)
            if days:
                named = period if period.startswith("@") else ""
                job = Job(number, days, int(found["delay"]), found["id"], found["command"], named, dict(settings))
                jobs.append(job)
                continue
        elif found := _SETTING.fullmatch(line):
            settings[found["name"]] = found["value"]
            continue
        broken.append(number)
    return Anacrontab(tuple(jobs), tuple(broken))
