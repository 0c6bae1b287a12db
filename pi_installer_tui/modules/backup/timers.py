"""When jobs run by themselves: systemd's timers, and the services that they start. Each service calls the command line,
which starts the same jobs as a person does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pi_installer_tui.modules.backup.settings import Day, Often
from pi_installer_tui.modules.backup.usual import Job
from pi_installer_tui.modules.interpreter import quoted

FOLDER = "/etc/systemd/system"
PREFIX = "pi-installer-tui-backup-"
#: what a job's name can't end with, since its proofs have units of these names
PROOFS = ("structure", "data", "drill")

#: systemd.time(7), calendar events. Proofs come after the night's backups, and not all at once
_OFTEN: Mapping[Often, Mapping[str, str]] = {
    "never": {},
    "daily": {"structure": "*-*-* 05:00", "data": "*-*-* 05:30", "drill": "*-*-* 06:00"},
    "weekly": {"structure": "Sun *-*-* 05:00", "data": "Sun *-*-* 05:30", "drill": "Sun *-*-* 06:00"},
    "monthly": {"structure": "*-*-01 05:00", "data": "*-*-01 05:30", "drill": "*-*-01 06:00"},
    "quarterly": {
        "structure": "*-01,04,07,10-01 05:00",
        "data": "*-01,04,07,10-01 05:30",
        "drill": "*-01,04,07,10-01 06:00",
    },
}
#: minutes
_PROOF_DELAY = 20
_DAYS: Mapping[Day, str] = {
    "mon": "Mon",
    "tue": "Tue",
    "wed": "Wed",
    "thu": "Thu",
    "fri": "Fri",
    "sat": "Sat",
    "sun": "Sun",
}
_DAY_MINUTES = 24 * 60


def calendar(job: Job) -> tuple[str, ...]:
    """When it runs, as systemd has it; one for each time of the day. Empty where it doesn't by itself."""
    days = "".join(f"{','.join(name for day, name in _DAYS.items() if day in job.days)} " if job.days else "")
    date = "*-*-*" if job.monthly is None else f"*-*-{job.monthly:02}"
    return tuple(f"{days}{date} {time}" for time in sorted(job.times))


def longest(job: Job) -> int:
    """Seconds from one run to the next at the most, delays left aside; 0 where it doesn't run by itself."""
    if not job.times:
        return 0
    if job.monthly is not None:
        return 31 * _DAY_MINUTES * 60
    minutes = sorted(int(time[:2]) * 60 + int(time[3:]) for time in job.times)
    days = [number for number, day in enumerate(_DAYS) if not job.days or day in job.days]
    moments = [day * _DAY_MINUTES + minute for day in days for minute in minutes]
    week = 7 * _DAY_MINUTES
    gaps = [later - earlier for earlier, later in zip(moments, [*moments[1:], moments[0] + week], strict=True)]
    return max(gaps) * 60


def timer(job: str, proof: str = "") -> str:
    """A timer's name."""
    return f"{PREFIX}{job}{f'-{proof}' if proof else ''}.timer"


def units(job: Job, interpreter: str) -> dict[str, str]:
    """The unit files of a job by their names; none where it has no place to go to."""
    found: dict[str, str] = {}
    if not job.places:
        return found
    for proof, when, words, title in _wanted(job):
        name = timer(job.name, proof).removesuffix(".timer")
        found[f"{name}.service"] = _service(title, interpreter, words)
        found[f"{name}.timer"] = _timer(title, when, job.delay if not proof else _PROOF_DELAY)
    return found


def _wanted(job: Job) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...], str]]:
    """Of each timer: which proof, when, the words of the command line, a title."""
    if when := calendar(job):
        yield "", when, ("run", job.name), f"Backup {job.name}"
    for proof, often in (("structure", job.structure), ("data", job.data)):
        if when := tuple(filter(None, [_OFTEN[often].get(proof)])):
            share = ("--share", str(job.share)) if proof == "data" else ()
            yield proof, when, ("verify", *job.places, *share), f"Verification of the backup {job.name} ({proof})"
    if when := tuple(filter(None, [_OFTEN[job.drill].get("drill")])):
        yield "drill", when, ("drill", job.name), f"Restore drill of the backup {job.name}"


def _service(title: str, interpreter: str, words: tuple[str, ...]) -> str:
    """systemd.service(5), systemd.exec(5). It has no time limit: a first backup may take days."""
    return f"""# Made by pi-installer-tui.
[Unit]
Description={title} (pi-installer-tui)
After=local-fs.target network-online.target time-sync.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={quoted(interpreter)} -I -m pi_installer_tui backup {" ".join(words)} --scheduled
TimeoutStartSec=infinity
WorkingDirectory=/
Nice=19
IOSchedulingClass=idle
CPUSchedulingPolicy=batch
"""


def _timer(title: str, when: tuple[str, ...], delay: int) -> str:
    """systemd.timer(5). Persistent: what was missed while the machine was off is made up for."""
    calendars = "\n".join(f"OnCalendar={each}" for each in when)
    return f"""# Made by pi-installer-tui.
[Unit]
Description=When: {title} (pi-installer-tui)

[Timer]
{calendars}
Persistent=true
RandomizedDelaySec={delay}min
AccuracySec=1min

[Install]
WantedBy=timers.target
"""


def job_in(file: str) -> str:
    """The job that a unit file of ours is about, proofs left aside."""
    name = re.sub(r"\.(service|timer)$", "", file.removeprefix(PREFIX))
    for proof in PROOFS:
        name = name.removesuffix(f"-{proof}")
    return name
