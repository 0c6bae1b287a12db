"""Recorded jobs as the collector sees them: when a run is missed, when the last one failed, and what that costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.alerts import words
from pi_installer_tui.metrics import cron
from pi_installer_tui.metrics.cron import BOOT, FOLDER, GONE, LOGS, SPOOL, Jobs
from pi_installer_tui.metrics.look import Job, Look
from pi_installer_tui.metrics.rates import values
from pi_installer_tui.system.cron import records
from pi_installer_tui.system.cron.wrapped import PROGRAM, Wrapped, wrap

#: Tuesday 14 November 2023, 22:13:20 UTC; the next midnight
SET_UP, MIDNIGHT = 1_700_000_000, 1_700_006_400
HOUR, DAY = 3600, 86_400
WELL, FAILED = Job(0.0, False), Job(0.0, True)


class Machine:
    """A folder with crontabs and records, and a clock."""

    def __init__(self, root: Path) -> None:
        self.root, self.now = root, float(SET_UP)
        self.jobs = self.collector()

    def collector(self) -> Jobs:
        """As one that was started just now."""
        return Jobs(str(self.root), lambda: self.now)

    def write(self, path: str, data: str | bytes, at: float = 0) -> None:
        where = Path(f"{self.root}{path}")
        where.parent.mkdir(parents=True, exist_ok=True)
        new = where.with_name(".new")
        new.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.utime(new, (at or self.now, at or self.now))
        new.rename(where)

    def crontab(self, *lines: str, user: str = "pi") -> None:
        self.write(f"{SPOOL}/{user}", "".join(f"{line}\n" for line in lines))

    def ran(self, begin: float, what: str = "done", name: str = "dump", user: str = "pi", run: str = "") -> None:
        """what: "" for a run that hasn't ended."""
        said: dict[str, Any] = {"v": 1, "id": run or f"0-{begin}-0", "begin": begin}
        if what:
            said |= {"end": begin + 1, "seconds": 1, "tries": 1, "what": what}
        path = Path(f"{self.root}{LOGS}/{user}/{name}.jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(json.dumps(said) + "\n")

    def look(self, now: float) -> dict[str, Job]:
        self.now = now
        return self.jobs.read()

    def dump(self, now: float) -> Job:
        [(name, job)] = self.look(now).items()
        assert name == "pi.dump"
        return job


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def line(schedule: str = "0 0 * * *", name: str = "dump") -> str:
    return f"{schedule} {wrap(Wrapped(name, 'pg_dumpall'))}"


def test_a_job_is_missed_from_the_minute_on_in_which_it_should_have_begun(machine: Machine) -> None:
    machine.crontab(line())
    assert machine.dump(SET_UP) == machine.dump(MIDNIGHT) == WELL
    assert machine.dump(MIDNIGHT + 60) == Job(60, False)
    machine.ran(MIDNIGHT + 61)
    assert machine.dump(MIDNIGHT + 62) == WELL
    assert machine.dump(MIDNIGHT + DAY) == WELL
    assert machine.dump(MIDNIGHT + 2 * DAY + HOUR) == Job(DAY + HOUR, False), "since the first that was missed"


def test_nobodys_jobs_keep_anothers_from_being_watched(machine: Machine) -> None:
    machine.crontab(*(line(name=f"many{number}") for number in range(200)), user="aaron")
    machine.crontab(*(line(f"{number % 60} 0 * * *") for number in range(200)))
    found = machine.look(SET_UP)
    assert found["pi.dump"] == WELL and len(found) == cron.MOST + 1
    assert len(machine.jobs._jobs["pi", "dump"].lines) == cron.MOST


def test_a_machine_that_was_off_has_missed_its_runs(machine: Machine) -> None:
    machine.crontab(line())
    machine.ran(MIDNIGHT + 1)
    machine.jobs = machine.collector()
    assert machine.dump(MIDNIGHT + DAY + HOUR) == Job(HOUR, False)


def test_what_has_no_run_yet_is_waited_for_since_its_line_was_written(machine: Machine) -> None:
    machine.crontab(line())
    machine.jobs = machine.collector()
    assert machine.dump(MIDNIGHT + 5) == Job(5, False)


def test_another_schedule_is_waited_for_from_its_writing_on(machine: Machine) -> None:
    machine.crontab(line())
    machine.ran(MIDNIGHT)
    assert machine.dump(MIDNIGHT + 12 * HOUR) == WELL
    machine.crontab(line("30 * * * *"))
    assert machine.dump(MIDNIGHT + 12 * HOUR) == WELL, "not twelve hours late"
    assert machine.dump(MIDNIGHT + 12 * HOUR + 1801) == Job(1, False)


def test_an_edit_elsewhere_in_the_file_forgives_no_missed_run(machine: Machine) -> None:
    machine.crontab(line())
    assert machine.dump(MIDNIGHT + HOUR) == Job(HOUR, False)
    machine.crontab("# a remark", line())
    assert machine.dump(MIDNIGHT + 2 * HOUR) == Job(2 * HOUR, False)


def test_a_run_begins_in_its_minute_by_a_clock_that_is_a_little_off(machine: Machine) -> None:
    machine.crontab(line("* * * * *"))
    machine.ran(MIDNIGHT - 0.5)
    assert machine.dump(MIDNIGHT + 59) == WELL
    assert machine.dump(MIDNIGHT + 61) == Job(1, False)


def test_of_two_lines_with_one_name_the_next_is_waited_for(machine: Machine) -> None:
    machine.crontab(line("0 6 * * *"), line("0 18 * * *"))
    machine.ran(MIDNIGHT + 6 * HOUR)
    assert machine.dump(MIDNIGHT + 18 * HOUR + 9) == Job(9, False)


@pytest.mark.parametrize("schedule", ["@reboot", "0 0 30 2 *"])
def test_what_has_no_time_is_never_missed(machine: Machine, schedule: str) -> None:
    machine.crontab(line(schedule))
    assert machine.dump(MIDNIGHT + 400 * DAY) == Job(None, False)
    machine.ran(MIDNIGHT, "failed")
    assert machine.dump(MIDNIGHT + 400 * DAY) == Job(None, True)
    assert values(None, Look(0.0, jobs=machine.jobs.read())) == {"cron.pi.dump.failed": 1.0}


def test_times_are_those_of_the_machines_zone(machine: Machine) -> None:
    machine.crontab(line("0 4 * * *"))
    machine.write("/etc/localtime", Path("/usr/share/zoneinfo/Asia/Tokyo").read_bytes())
    machine.ran(MIDNIGHT + 5 * HOUR)
    four_in_tokyo = MIDNIGHT + 19 * HOUR
    assert machine.dump(four_in_tokyo - 1) == WELL
    assert machine.dump(four_in_tokyo + 5) == Job(5, False)
    machine.write("/etc/localtime", Path("/usr/share/zoneinfo/UTC").read_bytes())
    assert machine.dump(four_in_tokyo + 6) == WELL


def test_a_clock_that_was_ahead_hides_nothing(machine: Machine) -> None:
    machine.crontab(line())
    machine.ran(MIDNIGHT)
    machine.ran(MIDNIGHT + 300 * DAY)
    assert machine.dump(MIDNIGHT + DAY + 5) == Job(5, False)


@pytest.mark.parametrize("begin", [-1e300, 1e300, -5.0, 1e12])
def test_no_number_in_a_record_breaks_it(machine: Machine, begin: float) -> None:
    machine.crontab(line())
    machine.ran(begin)
    assert set(machine.look(MIDNIGHT + 5)) == set(machine.look(1e13)) == {"pi.dump"}


# what came of it ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "failed"),
    [("done", False), ("failed", True), ("timeout", True), ("killed", True), ("locked", False), ("", True)],
)
def test_a_job_failed_when_its_last_run_did_or_never_ended(machine: Machine, what: str, failed: bool) -> None:
    machine.crontab(line())
    machine.ran(MIDNIGHT + 1, what)
    assert machine.dump(MIDNIGHT + 9) == Job(0.0, failed)
    machine.ran(MIDNIGHT + 10)
    assert machine.dump(MIDNIGHT + 11) == WELL


def test_a_run_that_was_locked_out_says_nothing_of_the_one_before(machine: Machine) -> None:
    machine.crontab(line())
    machine.ran(MIDNIGHT + 1, "failed")
    machine.ran(MIDNIGHT + 2, "locked")
    assert machine.dump(MIDNIGHT + 9) == FAILED


def test_while_a_run_goes_on_the_one_before_counts(machine: Machine) -> None:
    began = records.began(Path("/proc/self/stat").read_text())
    machine.write(BOOT, "12345678-aaaa\n")
    machine.write(f"/proc/{os.getpid()}/stat", Path("/proc/self/stat").read_text())
    machine.crontab(line())
    machine.ran(MIDNIGHT, "failed")
    machine.ran(MIDNIGHT + DAY, "", run=f"12345678-{os.getpid()}-{began}")
    assert machine.dump(MIDNIGHT + DAY + 9) == FAILED
    machine.ran(MIDNIGHT - DAY, "done")
    machine.ran(MIDNIGHT + 1, "done")
    assert machine.dump(MIDNIGHT + DAY + 10) == WELL
    Path(f"{machine.root}/proc/{os.getpid()}/stat").unlink()
    assert machine.dump(MIDNIGHT + DAY + 11) == FAILED, "the machine or the recorder was killed"


# which jobs -----------------------------------------------------------------------------------------------------------


def test_jobs_are_those_that_crontabs_run(machine: Machine) -> None:
    off = "#off# " + line(name="off")
    hand = f"@daily {PROGRAM} -l -n by-hand -- date"
    machine.crontab(
        "@daily date", off, line(), hand, f"@daily {PROGRAM} -n ../x -- a", f"@daily {PROGRAM} -n q -- a; b"
    )
    system = f"0 0 * * * backup {wrap(Wrapped('dump', 'x'))}\n".encode()
    machine.write("/etc/crontab", system)
    for name, user in {"mine": "www-data", "mine.dpkg-old": "old", "mine~": "old", ".mine": "old"}.items():
        machine.write(f"{FOLDER}/{name}", system.replace(b"backup", user.encode()))
    machine.write("/usr/lib/cron-d", system.replace(b"backup", b"linked"))
    Path(f"{machine.root}{FOLDER}/link").symlink_to(f"{machine.root}/usr/lib/cron-d")
    Path(f"{machine.root}{SPOOL}/eve").symlink_to(f"{machine.root}{SPOOL}/pi")
    names = {"pi.dump", "pi.by-hand", "backup.dump", "www-data.dump", "linked.dump"}
    assert set(machine.look(SET_UP)) == names


def test_a_broken_line_elsewhere_keeps_cron_from_the_whole_file_so_the_job_is_missed(machine: Machine) -> None:
    machine.crontab(line(), "61 * * * * x")
    assert machine.dump(MIDNIGHT + 5) == Job(5, False)


def test_what_is_switched_off_is_well_again_for_a_while_and_then_not_there(machine: Machine) -> None:
    """So that an alert on it comes to an end: what is merely not there neither fires nor recovers."""
    machine.crontab(line())
    machine.ran(MIDNIGHT, "failed")
    assert machine.dump(MIDNIGHT + 5) == FAILED
    machine.crontab(f"#off# {line()}")
    assert machine.dump(MIDNIGHT + 6) == machine.dump(MIDNIGHT + 5 + GONE) == WELL
    assert machine.look(MIDNIGHT + 7 + GONE) == {}
    machine.crontab(line())
    assert machine.dump(MIDNIGHT + 8 + GONE) == FAILED
    Path(f"{machine.root}{SPOOL}/pi").unlink()
    machine.jobs = machine.collector()
    assert machine.dump(MIDNIGHT + 9 + GONE) == WELL, "also where the collector didn't see it go"


def test_there_are_not_more_than_can_be_kept(machine: Machine) -> None:
    machine.crontab(*(line(name=f"job{number}") for number in range(200)))
    assert len(machine.look(SET_UP)) == cron.MOST


def test_no_bytes_in_a_crontab_break_it(machine: Machine) -> None:
    for data in (b"\xff\0" + PROGRAM.encode() * 9, b"\n" * 9 + line().encode() + b"\r\n\xff", PROGRAM.encode() + b"=1"):
        machine.write(f"{SPOOL}/pi", data)
        machine.look(SET_UP)
    machine.write(f"{SPOOL}/pi", line().encode() + b"\n" + b"#" * cron.LARGEST)
    assert all(job == WELL for job in machine.look(MIDNIGHT + 5).values()), "a file that is too large is left out"
    machine.write(f"{SPOOL}/a b\tc", line().encode() + b"\n")
    assert not any("\t" in name for name in machine.look(SET_UP))


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (119, "119 s"), (301, "5 min"), (93_000, "25 h"), (200_000, "2 d")]
)
def test_an_alert_says_how_late_a_job_is(seconds: float, said: str) -> None:
    facts = {"of": "cron.pi.dump.overdue", "what": "metric", "value": float(seconds)}
    assert words.said(facts) == f"pi.dump: scheduled job overdue {said}"


# what it costs --------------------------------------------------------------------------------------------------------


def test_files_that_did_not_change_are_not_opened(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.crontab(line(), line("@hourly", "other"))
    machine.ran(MIDNIGHT)
    machine.ran(MIDNIGHT, name="other")
    first = machine.look(MIDNIGHT + 1)
    opened: list[str] = []

    def spy(path: str, *_more: object) -> int:
        opened.append(path)
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", spy)
        patched.setattr("builtins.open", spy)
        assert machine.look(MIDNIGHT + 2) == first
        assert opened == []
    machine.ran(MIDNIGHT + 3, "failed", name="other")
    assert machine.look(MIDNIGHT + 4)["pi.other"].failed


def test_without_a_recorded_job_nothing_is_imported_and_with_one_nothing_large(machine: Machine) -> None:
    code = """import sys
from pi_installer_tui.metrics.reading import Reader
from pathlib import Path
Reader(Path(sys.argv[1])).read()
print(*sys.modules)"""

    def imported() -> set[str]:
        argv = [sys.executable, "-c", code, str(machine.root)]
        return set(subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split())

    machine.crontab("@daily date")
    assert not {"pi_installer_tui.system", "datetime", "zoneinfo"} & imported()
    machine.crontab(line())
    found = imported()
    assert "pi_installer_tui.system.cron.runs" in found
    assert not {"asyncio", "pydantic", "pi_installer_tui.system.host", "statistics", "decimal"} & found
