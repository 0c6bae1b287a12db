"""Timers, at jobs and what ran, as recorded on Debian 12 and 13."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.system.entries import LogError
from pi_installer_tui.system.host import Completed, FileStat
from pi_installer_tui.system.reading import MISSING, Known, Unknown
from pi_installer_tui.system.timers import at, history
from pi_installer_tui.system.timers.conversion import Timing
from pi_installer_tui.system.timers.history import Asked, Run
from pi_installer_tui.system.timers.read import LastRun, Timer, blocks, merged, read

from .replayed import ReplayedHost

RECORDED = Path(__file__).with_name("recorded") / "timers"
each_suite = pytest.mark.parametrize("suite", ["bookworm", "trixie"])
NOTHING: dict[str, Any] = {"commands": [], "files": {}, "stats": {}, "folders": {}, "programs": {}, "links": {}}


def recorded(suite: str) -> dict[str, Timer]:
    timers, services = (blocks((RECORDED / f"{suite}-{each}.txt").read_text()) for each in ("timers", "services"))
    times = json.loads((RECORDED / f"{suite}-list.json").read_text())
    return {timer.name: timer for timer in merged(timers, services, times)}


@each_suite
def test_a_timer_has_its_times_its_command_and_its_last_run(suite: str) -> None:
    found = recorded(suite)
    ok, bad, man, clean, sleeping = (
        found[f"{name}.timer"] for name in ("ok", "bad", "man-db", "systemd-tmpfiles-clean", "sleeping")
    )
    calendars = ("Mon *-*-* 05:00:00", "*-*-01 04:00:00")
    assert ok.timing == Timing(calendars, on_boot=3600.0, others=("OnUnitActiveSec",), random_delay=600.0)
    assert ok.monotonic == (("OnBootSec", 3600.0), ("OnUnitActiveSec", 5400.0))
    assert ok.commands == ("/bin/sh -c sleep 0.3; echo 'hi there'", "/bin/true")
    assert ok.starts == "ok.service" and ok.active and isinstance(ok.next, Known) and 1.79e9 < ok.next.value < 1.8e9
    assert isinstance(ok.run, Known) and ok.run.value.result == "success" and ok.last == MISSING
    assert ok.run.value.seconds is not None and 0.3 < ok.run.value.seconds < 1

    assert isinstance(bad.run, Known) and isinstance(bad.last, Known) and bad.next == MISSING
    assert (bad.run.value.result, bad.run.value.code, bad.run.value.status) == ("exit-code", "exited", 3)
    assert abs(bad.last.value - bad.run.value.at) < 2

    assert man.timing == Timing(("*-*-* 00:00:00",), persistent=True, random_delay=43200.0)
    assert man.enabled == "enabled" and man.file.endswith("/man-db.timer") and man.run == MISSING
    assert man.user == "man"
    assert clean.timing.on_boot == 900.0 and clean.enabled == "static"
    assert not sleeping.active and sleeping.next == MISSING
    assert isinstance(sleeping.last, Unknown) and sleeping.run == sleeping.last


@each_suite
def test_what_ran_before_the_start_of_the_machine_is_unknown_and_what_runs_has_no_end(suite: str) -> None:
    timers, services = (blocks((RECORDED / f"{suite}-{each}.txt").read_text()) for each in ("timers", "services"))
    times = [{"unit": "man-db.timer", "next": None, "last": 1795829975292709}]
    (man,) = merged([t for t in timers if t["Id"] == "man-db.timer"], services, times)
    assert (
        man.timing.persistent
        and man.last == Known(1795829975.292709)
        and isinstance(man.run, Unknown)
        and man.next == MISSING
    )
    runs = [{**each, "ActiveState": "activating"} for each in services if each["Id"] == "ok.service"]
    (ok,) = merged([t for t in timers if t["Id"] == "ok.timer"], runs, [])
    assert isinstance(ok.run, Known) and ok.run.value.running and ok.run.value.seconds is None
    (gone,) = merged([t for t in timers if t["Id"] == "ok.timer"], [], [])
    assert isinstance(gone.run, Unknown)
    refused = [{**each, "ConditionResult": "no", "ConditionTimestamp": "@1895829974"} for each in runs]
    (ok,) = merged([t for t in timers if t["Id"] == "ok.timer"], refused, [])
    assert ok.run == Known(LastRun(1895829974.0, "condition"))


async def test_a_user_whose_manager_does_not_run_has_the_timers_of_the_home() -> None:
    folder = "/home/pi/.config/systemd/user"
    files = {
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/:/bin/sh\npi:x:1000:1000::/home/pi:/bin/sh\n",
        f"{folder}/mine.timer": "[Timer]\nOnCalendar=daily\nOnBootSec=1h\n[Install]\nWantedBy=timers.target\n",
        f"{folder}/mine.service": "[Service]\nExecStart=/bin/true a\n",
        f"{folder}/odd.timer": "[Timer]\nOnBootSec=soon\n",
        f"{folder}/secret.timer": None,
    }
    names = ["mine.service", "mine.timer", "odd.timer", "secret.timer", "timers.target.wants", "x@.timer"]
    folders = {folder: names, f"{folder}/timers.target.wants": ["mine.timer"]}
    host = ReplayedHost({**NOTHING, "files": files, "folders": folders})
    host.privileged = True

    async def none(argv: Sequence[str], **_more: object) -> Completed:
        return Completed(tuple(argv), 1, "", "Failed to connect to bus\n")

    host.run = none  # type: ignore[method-assign]
    found = await read(host)
    (mine,) = found.timers
    assert (mine.owner, mine.name, mine.starts, mine.enabled) == ("pi", "mine.timer", "mine.service", "enabled")
    assert mine.timing == Timing(("daily",), on_boot=3600.0) and mine.commands == ("/bin/true a",)
    assert mine.next == mine.last == Unknown("the manager of pi doesn't run") and mine.file == f"{folder}/mine.timer"
    assert sorted(found.untold) == [
        "/home/pi/.config/systemd/user/odd.timer can't be read.",
        "/home/pi/.config/systemd/user/secret.timer can't be read.",
        "The system's timers: systemctl doesn't answer: Failed to connect to bus.",
    ]


async def test_without_root_the_timers_of_others_are_not_told() -> None:
    passwd = "pi:x:4321:4321::/home/pi:/bin/sh\n"
    host = ReplayedHost({**NOTHING, "files": {"/etc/passwd": passwd}})
    host.privileged = False
    host.stats["/run/user/4321/systemd/private"] = FileStat("other", 0o666, 4321, 4321, 0, 0)

    async def none(argv: Sequence[str], **_more: object) -> Completed:
        return Completed(tuple(argv), 0, "[]" if "--output=json" in argv else "", "")

    host.run = none  # type: ignore[method-assign]
    assert (await read(host)).untold == ("The timers of pi can't be told: that takes root.",)


# at ---------------------------------------------------------------------------------------------------------------


class AtHost(ReplayedHost):
    """at's two commands, of a recording."""

    def __init__(self, listed: str, scripts: Mapping[str, str]) -> None:
        super().__init__(NOTHING)
        self.say(["atq"], 0, listed)
        for numbers, text in scripts.items():
            self.say(["at", "-c", *numbers.split()], 0, text)


@each_suite
async def test_at_jobs_are_told_with_what_they_run(suite: str) -> None:
    host = AtHost((RECORDED / f"{suite}-atq.txt").read_text(), {"2 1": (RECORDED / f"{suite}-at.txt").read_text()})
    found = await at.read(host)
    assert isinstance(found, Known)
    soon, eve = found.value
    assert (soon.number, soon.user, soon.queue, soon.running) == (1, "root", "a", False)
    assert soon.command == Known('echo "hello at"; sleep 1')
    assert (eve.user, eve.queue, eve.at, eve.command) == ("pi", "b", 1798088400.0, Known("date"))


async def test_a_job_that_plays_two_is_asked_for_by_itself() -> None:
    head = "#!/bin/sh\n# atrun uid=0 gid=0\n# mail root 0\numask 22\ncd / || {\n\t echo 'no' >&2\n\t exit 1\n}\n"
    listed = "1\tSat Nov 28 03:40:00 2026 a pi\n2\tSat Nov 28 03:41:00 2026 = root\n"
    one, two = f"{head}true\n{head}rm -rf /\n", f"{head}date\n"
    found = await at.read(AtHost(listed, {"1 2": one + two, "1": one, "2": two}))
    assert isinstance(found, Known)
    assert found.value[1].command == Known("date") and found.value[1].running
    host = AtHost("", {})
    assert await at.read(host) == Known(())
    host.absent(["atq"])
    assert await at.read(host) == MISSING


# what ran ---------------------------------------------------------------------------------------------------------


class JournalHost(ReplayedHost):
    """journalctl over recorded entries, the newest first, as --lines and --cursor have it."""

    def __init__(self, lines: Sequence[str], stderr: str = "") -> None:
        super().__init__(NOTHING)
        self.lines, self.stderr = list(lines), stderr
        self.most = 0

    async def run(self, argv: Sequence[str], **_more: object) -> Completed:
        if "--list-boots" in argv:
            boot = {"index": 0, "boot_id": "a" * 32, "first_entry": 1795829000000000, "last_entry": 1795830000000000}
            return Completed(tuple(argv), 0, json.dumps([boot]), "")
        (count,) = (int(word[8:]) for word in argv if word.startswith("--lines="))
        cursor = next((word[9:] for word in argv if word.startswith("--cursor=")), "")
        start = [n for n, line in enumerate(self.lines) if cursor and json.loads(line)["__CURSOR"] == cursor]
        found = self.lines[(start or [0])[0] :][:count]
        self.most = max(self.most, len(found))
        return Completed(tuple(argv), 0, "".join(f"{line}\n" for line in found), self.stderr)


def journal_of(suite: str) -> JournalHost:
    lines = (RECORDED / f"{suite}-journal.jsonl").read_text().split("\n")
    return JournalHost([line for line in lines if line])


ASKED = Asked(units=("ok.service", "bad.service"), of_users=(("pi", 1000, "mine.service"),))


@each_suite
async def test_what_ran_is_told_with_result_and_time(suite: str) -> None:
    page = await history.read(journal_of(suite), ASKED)
    assert page.further is None and page.begins == 1795829000.0 and "only in memory" in page.untold[0]
    times = [run.at for run in page.runs if run.at is not None]
    assert len(times) == len(page.runs) and times == sorted(times, reverse=True)
    cron = [run for run in page.runs if run.kind == "cron"]
    assert {(run.user, run.command, run.result, run.status) for run in cron if run.command.startswith("f")} == {
        ("pi", "false", "exit-code", 1)
    }
    assert {(run.user, run.result) for run in cron if run.command == "echo one"} == {("root", "")}
    units = {run.unit: run for run in page.runs if run.kind == "timer"}
    ok, bad, mine = units["ok.service"], units["bad.service"], units["mine.service"]
    assert (ok.result, ok.status) == ("success", 0) and ok.seconds is not None and 0.3 < ok.seconds < 1
    assert (bad.result, bad.status, mine.result, mine.status, mine.user) == ("exit-code", 3, "exit-code", 1, "pi")


@each_suite
@pytest.mark.parametrize("count", [1, 2, 3, 5])
async def test_pages_are_the_same_runs_and_none_reads_all(suite: str, count: int) -> None:
    host = journal_of(suite)
    whole = await history.read(host, ASKED)
    host.most = 0
    pages: list[Run] = []
    further = None
    while True:
        page = await history.read(host, ASKED, count, further)
        assert len(page.runs) <= count or page.further is None
        pages += page.runs
        if (further := page.further) is None:
            break
    assert pages == list(whole.runs)
    assert host.most <= count * 6 + 1


def entry(number: int, message: str, kind: str, **fields: str) -> str:
    times = {"__REALTIME_TIMESTAMP": f"{number}000000", "__MONOTONIC_TIMESTAMP": f"{number}000000"}
    more = {"UNIT": "x.service", "_BOOT_ID": "b", **fields}
    return json.dumps({"__CURSOR": f"c{number}", **times, "MESSAGE": message, "MESSAGE_ID": kind, **more})


async def test_what_the_machine_cut_off_what_began_before_and_what_stays_running() -> None:
    lines = [
        entry(9, "Started x", history._STARTED, INVOCATION_ID="now", _BOOT_ID="now"),
        entry(8, "Starting x", history._STARTING, INVOCATION_ID="now", _BOOT_ID="now"),
        entry(6, "Starting x", history._STARTING, INVOCATION_ID="cut"),
        entry(5, "Finished x", history._STARTED, INVOCATION_ID="old"),
        entry(4, "x: Deactivated successfully.", history._SUCCESS, INVOCATION_ID="old"),
    ]
    host = JournalHost(lines)
    host.files["/proc/sys/kernel/random/boot_id"] = "now"
    page = await history.read(host, Asked(cron=False, units=("x.service",)))
    running, cut, old = page.runs
    assert running == Run("timer", 9.0, unit="x.service"), "it runs; that it was `Starting` before makes no second run"
    assert cut == Run("timer", 6.0, unit="x.service", result="interrupted")
    assert old == Run("timer", None, unit="x.service", result="success", status=0)
    first = await history.read(host, Asked(cron=False, units=("x.service",)), 1)
    second = await history.read(host, Asked(cron=False, units=("x.service",)), 1, first.further)
    assert (first.runs, second.runs) == ((running,), (cut,))


async def test_cron_without_process_numbers_is_paired_by_its_command() -> None:
    def said(number: int, pid: str, message: str) -> str:
        return entry(number, message, "", SYSLOG_IDENTIFIER="CRON", _PID=pid)

    lines = [
        said(9, "7", "(root) END (   cd / && run-parts /etc/cron.hourly)"),
        said(8, "7", "(CRON) error (grandchild #8 terminated by signal 15 (core dumped))"),
        said(5, "8", "(root) CMD (   cd / && run-parts /etc/cron.hourly)"),
        said(4, "7", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"),
        said(2, "4", "(pi) CMD ([ -x /bin/x ] && echo (a) b)"),
    ]
    page = await history.read(JournalHost(lines), Asked())
    hourly = Run("cron", 5.0, "root", "cd / && run-parts /etc/cron.hourly", result="signal", status=15, seconds=4.0)
    assert page.runs == (hourly, Run("cron", 2.0, "pi", "[ -x /bin/x ] && echo (a) b"))


async def test_a_journal_that_may_not_be_read_says_so() -> None:
    hint = "Hint: You are currently not seeing messages from other users and the system.\n"
    page = await history.read(JournalHost([], hint), Asked())
    assert "Only a part" in page.untold[0]
    with pytest.raises(LogError, match="may not be read"):
        await history.read(
            JournalHost([], f"{hint}No journal files were opened due to insufficient permissions."), ASKED
        )
    with pytest.raises(LogError, match="no journal on"):
        await history.read(JournalHost([], "No journal files were found.\n"), ASKED)
    assert (await history.read(JournalHost([]), Asked(cron=False))).runs == ()
    assert replace(page, untold=()).runs == ()
