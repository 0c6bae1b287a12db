"""Backup on the screen: since when it is proven that all comes back, what the runs were, what is in a job and how
large; a place set up step by step; which snapshots stay; a kit that is read back; locks explained."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import pytest

from pi_installer_tui import planning
from pi_installer_tui.app import Opened
from pi_installer_tui.console.glyphs import GLYPHS
from pi_installer_tui.modules.backup import applied, state
from pi_installer_tui.modules.backup.settings import BackupSettings, Keep, Schedule
from pi_installer_tui.modules.backup.timers import calendar
from pi_installer_tui.modules.backup.usual import job_of
from pi_installer_tui.screens.backup.contents import ContentsScreen
from pi_installer_tui.screens.backup.keeping import KeepingScreen, in_a_year, policy
from pi_installer_tui.screens.backup.kit import KitScreen
from pi_installer_tui.screens.backup.overview import BackupScreen, headline
from pi_installer_tui.screens.backup.places import PlacesScreen
from pi_installer_tui.screens.backup.runs import RunsScreen
from pi_installer_tui.screens.backup.schedule import runs_from
from pi_installer_tui.screens.backup.seen import look
from pi_installer_tui.screens.backup.trial import TrialScreen
from pi_installer_tui.screens.item import ItemScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks import jobs
from pi_installer_tui.widgets.qr import QrCode
from tests.screens import golden
from tests.screens.conftest import Program
from tests.screens.test_form import go

Start = Callable[..., AbstractAsyncContextManager[Program]]
HOUR, DAY = 3600.0, 86400.0
SECRETS = "/etc/pi-installer-tui/secrets"
RUNS = "/var/lib/pi-installer-tui/runs.jsonl"
PASSWORD = "Kx3mP-aB4cD-9wQzT-7hJkL"
SETTINGS: dict[str, Any] = {
    "places": {
        "usb": {"kind": "folder", "path": "/mnt/backup/restic", "password": "backup.usb"},
        "nas": {"kind": "sftp", "host": "nas.lan", "user": "pi", "path": "restic", "password": "backup.nas"},
    },
    "jobs": {
        "home": {
            "what": ["home"],
            "exclude": ["*.tmp"],
            "places": ["usb", "nas"],
            "schedule": {"times": ["03:00"]},
            "keep": {"daily": 7, "weekly": 4},
        },
        "etc": {"paths": ["/etc"], "places": ["usb"]},
    },
}


@pytest.fixture(autouse=True)
def pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PACE, "0")


class Played(Protocol):
    """What has a machine."""

    @property
    def host(self) -> Host: ...


async def folder(machine: Played, path: str) -> None:
    """A folder on the machine, and those above it."""
    for each in [*reversed(PurePosixPath(path).parents), PurePosixPath(path)]:
        if await machine.host.stat(str(each)) is None:
            await machine.host.mkdir(str(each), mode=0o755, uid=0, gid=0)


async def put(machine: Played, path: str, text: str, mode: int = 0o600) -> None:
    """A file on the machine, and the folders above it."""
    await folder(machine, str(PurePosixPath(path).parent))
    await machine.host.replace(path, text.encode(), mode=mode, uid=0, gid=0)


def run(
    action: str,
    ago: float,
    outcome: str = "done",
    *,
    job: str = "",
    place: str = "",
    reason: str = "",
    values: dict[str, str] | None = None,
    **reported: Any,
) -> dict[str, Any]:
    """A run as the history has it, that began so many seconds ago."""
    started = time.time() - ago
    return {
        "job": f"20261101-020000-{int(ago) % 10000:04}",
        "module": "backup",
        "action": action,
        "arguments": {name: value for name, value in (("job", job), ("place", place)) if value},
        "who": "root",
        "started": started,
        "ended": started + 95,
        "outcome": outcome,
        "reason": reason,
        "values": values or {},
        "reported": reported,
    }


DRILL: dict[str, Any] = {"files": 20, "differ": 0, "databases": 1, "proven": True}
BACKUP: dict[str, Any] = {
    "snapshot": "5f2c9e10aa",
    "new": 12,
    "changed": 3,
    "same": 985,
    "added": 4_300_000,
    "files": 1000,
}


DAMAGED: dict[str, Any] = {
    **run("verify", 5000, "failed", place="usb", reason="restic-damaged", values={"place": "usb"}),
    "reported": {"share": 10, "errors": 2, "packs": ["ab" * 32]},
}


def good_runs() -> list[dict[str, Any]]:
    """Both jobs ran and were drilled."""
    return [
        run("drill", 3 * DAY + HOUR, job="home", place="usb", **DRILL),
        run("drill", 2 * DAY + HOUR, job="etc", place="usb", **DRILL),
        run("run", 9 * HOUR, job="home", place="nas", size=2_000_000_000, **BACKUP),
        run("run", 8 * HOUR, job="home", place="usb", size=2_000_000_000, **BACKUP),
        run("run", 4 * HOUR, job="etc", place="usb", size=8_000_000, **BACKUP),
    ]


async def backed_up(
    machine: Played,
    runs: list[dict[str, Any]] | None = None,
    *,
    kits: tuple[str, ...] = ("usb", "nas"),
    settings: dict[str, Any] = SETTINGS,
) -> None:
    """A machine with these settings applied, and these runs."""
    await put(machine, applied.PATH, applied.dump(BackupSettings.model_validate(settings)))
    for name in settings["places"]:
        await put(machine, f"{SECRETS}/backup.{name}", f"{PASSWORD}\n")
    for name in kits:
        await put(machine, f"{state.KITS}/{name}", "ABCD-EFGH")
    found = good_runs() if runs is None else runs
    await put(machine, RUNS, "".join(f"{json.dumps(each)}\n" for each in sorted(found, key=lambda r: r["started"])))


async def to_backup(program: Program) -> None:
    await program.until("NetworkManager")
    program.app.open_module("backup")
    await program.until(lambda: isinstance(program.app.screen, BackupScreen))
    await program.until("proven restorable")


# the overview -----------------------------------------------------------------------------------------------------


async def test_the_headline_is_since_when_all_is_proven_restorable(start: Start, machine: Opened) -> None:
    await backed_up(machine)
    async with start() as program:
        await to_backup(program)
        assert "Last proven restorable: 3 days ago (2" in program.text, "the oldest of the jobs' dates counts"
        (line,) = [line for line in program.text.splitlines() if " home " in line and "usb, nas" in line]
        assert "done 8 h" in line and "2.0 GB" in line and line.endswith(" 3 d")
        assert "12 new, 3 changed, 985 as before" in program.text
        await golden.check(program.app, "backup")


@pytest.mark.parametrize(
    ("runs", "kits", "said"),
    [
        ([], ("usb", "nas"), "home was never backed up"),
        (good_runs()[2:], ("usb", "nas"), "home was never restored in a drill"),
        (good_runs(), ("usb",), "the recovery kit of nas was not read back"),
        (
            [*good_runs(), run("drill", HOUR, job="home", place="usb", files=20, differ=2, proven=False)],
            ("usb", "nas"),
            "the last restore drill of home from usb didn't prove it",
        ),
        (
            [each for each in good_runs() if each["action"] != "run" or each["arguments"]["job"] != "home"]
            + [run("run", 5 * DAY, job="home", place="usb", size=1, **BACKUP)],
            ("usb", "nas"),
            "home is overdue by",
        ),
        (
            [*good_runs(), run("run", HOUR, "failed", job="home", place="usb", reason="not-mounted")],
            ("usb", "nas"),
            "the last run of home failed",
        ),
        ([*good_runs(), DAMAGED], ("usb", "nas"), "the repository at usb is damaged: `u`"),
    ],
)
async def test_the_headline_says_what_is_wrong(
    machine: Opened, runs: list[dict[str, Any]], kits: tuple[str, ...], said: str
) -> None:
    await backed_up(machine, runs, kits=kits)
    found = await look(machine.host)
    assert found.why.startswith(said)
    line = headline(found, time.time(), GLYPHS["ascii"], 76)[1][0].text
    assert line.strip().startswith(said) and len(line) <= 80


@pytest.mark.parametrize(
    ("found", "since", "damaged"),
    [
        ({"share": 10, "errors": 1}, {"share": 10, "errors": 0}, True),
        ({"share": 10, "errors": 1}, {"share": 100, "errors": 0}, False),
        ({"share": 0, "errors": 1}, {"share": 0, "errors": 0}, False),
        ({"share": 0, "errors": 1}, {"share": 10}, True),
        ({"share": 0, "errors": 0}, {"share": 0, "errors": 0}, False),
    ],
)
async def test_damage_is_told_until_a_verification_that_must_have_seen_it_finds_none(
    machine: Opened, found: dict[str, Any], since: dict[str, Any], damaged: bool
) -> None:
    """A share of the data is picked anew each time, and one that was cancelled has found nothing."""
    verified = [{**run("verify", ago, place="usb"), "reported": told} for ago, told in ((2 * DAY, found), (DAY, since))]
    await backed_up(machine, [*good_runs(), *verified])
    places = (await look(machine.host)).places
    assert (places["usb"].damaged, places["nas"].damaged) == (damaged, False)


async def test_a_run_is_planned_for_the_place_that_is_chosen(start: Start, machine: Opened) -> None:
    await backed_up(machine)
    async with start() as program:
        await to_backup(program)
        await program.press("r")
        await program.until("Back up to which place?")
        await program.press("down", "enter")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        assert "back up home to nas" in program.text


async def test_what_runs_now_is_shown_with_its_progress(
    start: Start, machine: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PACE, "4")
    told = planning.arguments("backup", "run", {"job": "home", "place": "usb"})
    planned = await planning.plan_action(machine.host, "backup", "run", told)
    async with start() as program:
        await to_backup(program)
        await program.until("every day at 03:00")
        where = {"host_kind": machine.host.kind, "host_address": machine.host.address}
        job = machine.store.create(planned.plan, who="maria", **where)
        await jobs.launch(machine.store, job, machine.host)
        await program.press("i")
        await program.until("» backup: home, usb")
        await program.until(lambda: re.search(r"backup: home, usb +█*░* +\d+ %", program.text) is not None)
        await jobs.cancel(machine.store, job, "maria", machine.host)
        await program.until(lambda: "» backup" not in program.text, 60)
        await program.until("cancelled now")


# runs -------------------------------------------------------------------------------------------------------------


async def test_the_history_has_every_run_and_is_filtered_by_job_and_result(start: Start, machine: Opened) -> None:
    failed = run("run", 2 * HOUR, "failed", job="etc", place="usb", reason="io-error",
                 values={"path": "/etc/shadow", "error": "gone"})  # fmt: skip
    await backed_up(machine, [*good_runs(), failed, run("verify", 1000, place="usb", share=0, errors=2)])
    async with start() as program:
        await to_backup(program)
        await program.press("u")
        await program.until(lambda: isinstance(program.app.screen, RunsScreen))
        await program.until("4 runs  shown: home, all")
        await program.press("f")
        await program.until("7 runs  shown: all jobs, all")
        await program.press("g")
        assert "2 things are damaged or missing" in program.text, "the newest one's details"
        assert "What to do next stands on its job's screen" in program.text
        await golden.check(program.app, "backup-runs")
        await program.press("o", "o")
        await program.until("2 runs  shown: all jobs, didn't go well")
        await program.press("down")
        await program.until("/etc/shadow: gone")
        await program.press("enter")
        await program.until("isn't kept any more")


# places -----------------------------------------------------------------------------------------------------------


async def to_places(program: Program) -> None:
    await to_backup(program)
    await program.press("p")
    await program.until(lambda: isinstance(program.app.screen, PlacesScreen))
    await program.until("recovery kit")


async def test_a_place_says_whether_its_kit_was_read_back(start: Start, machine: Opened) -> None:
    await backed_up(machine, kits=("usb",))
    async with start() as program:
        await to_places(program)
        await program.until("pi@nas.lan:restic")
        lines = program.text.splitlines()
        assert "read back" in next(line for line in lines if " folder " in line)
        assert "not yet" in next(line for line in lines if " sftp " in line)
        await golden.check(program.app, "backup-places")


async def test_a_new_place_is_tried_before_it_is_planned(start: Start, machine: Opened) -> None:
    await folder(machine, "/mnt/second")
    async with start() as program:
        await to_places(program)
        await program.press("n")
        await program.until("What is the new place called?")
        await program.type("usb")
        await program.press("enter")
        await program.until("not one that is taken")
        await program.type("-2")
        await program.press("enter")
        await program.until("Google Cloud Storage")
        await program.press("enter")
        await program.until("New place usb-2")
        await program.until("Mounted at")
        await program.press("t")
        await program.until("Not tried: fill in what it needs")
        await go(program.pilot, "path")
        await program.press("enter")
        await program.type("/mnt/second/restic")
        await program.press("enter")
        await go(program.pilot, "password")
        await program.press("enter")
        await program.type(PASSWORD)
        await program.press("enter")
        assert PASSWORD not in program.text
        await golden.check(program.app, "backup-new-place")
        await program.press("t")
        await program.until(lambda: isinstance(program.app.screen, TrialScreen))
        await program.until("All of it works")
        for what in ("List", "Write", "Read back", "Delete"):
            assert f"works    {what}" in program.text
        await golden.check(program.app, "backup-trial")
        await program.press("p")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        assert PASSWORD not in program.text
        plan = program.app.screen._plan.model_dump_json()  # type: ignore[attr-defined]
        assert PASSWORD not in plan and "/mnt/second/restic" in plan
        assert await machine.host.listdir("/mnt/second") == (), "nothing was kept there"


async def test_a_place_that_does_not_work_says_why_and_is_not_planned(start: Start, machine: Opened) -> None:
    usb = {"kind": "folder", "path": "/mnt/broken/restic"}
    await backed_up(machine, settings={**SETTINGS, "places": {**SETTINGS["places"], "usb": usb}})
    await put(machine, "/mnt/broken", "a file")
    async with start() as program:
        await to_places(program)
        await program.until("/mnt/broken")
        await program.press("t")
        await program.until("It doesn't work like that")
        assert "p plan" not in program.text.splitlines()[-1]


# recovery kit -----------------------------------------------------------------------------------------------------


async def to_kit(program: Program) -> None:
    await to_places(program)
    await program.until("pi@nas.lan:restic")
    await program.press("c")
    await program.until("Show the recovery kit of usb?")
    assert PASSWORD not in program.text, "it warns first"
    await program.press("y")
    await program.until(lambda: isinstance(program.app.screen, KitScreen))
    await program.until("page 1 of")


async def test_a_kit_is_shown_page_by_page_as_text_and_as_codes(start: Start, machine: Opened) -> None:
    await backed_up(machine, kits=())
    async with start() as program:
        await to_kit(program)
        seen = program.text
        for _n in range(20):
            await program.press("n")
            if program.app.screen.query(QrCode):
                break
            seen += program.text
        assert PASSWORD in seen and "apt-get" in seen
        code = program.app.screen.query_one(QrCode)
        assert code.drawn is not None, "it fits"
        await golden.check(program.app, "backup-kit-code")
        await program.press("left")
        await program.until(lambda: not program.app.screen.query(QrCode))


async def test_only_what_is_read_back_from_the_kit_marks_it(start: Start, machine: Opened) -> None:
    await backed_up(machine, kits=())
    async with start() as program:
        await to_kit(program)
        await program.press("r")
        await program.until("From your copy")
        await program.type("wrong")
        await program.press("enter")
        await program.until("That isn't it.")
        assert await machine.host.listdir(state.KITS) == ()
        await program.press("r")
        await program.until("From your copy")
        await program.type(PASSWORD.lower().replace("-", ""))
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        assert PASSWORD not in program.app.screen._plan.model_dump_json()  # type: ignore[attr-defined]
        await program.press("y")
        await program.until("Done")
        assert await machine.host.listdir(state.KITS) == ("usb",)
        await program.press("escape")
        await program.until(lambda: isinstance(program.app.screen, PlacesScreen))
        await program.press("escape")
        assert isinstance(program.app.screen, BackupScreen), "where the places were opened from, and not Home"
        for path in machine.store.root.rglob("*"):
            assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


async def test_a_kit_is_written_for_its_reader_alone(
    start: Start, machine: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await backed_up(machine, kits=())
    mine = pwd.getpwuid(os.getuid())
    fields = [*mine[:5], str(tmp_path), mine[6]]
    monkeypatch.setattr("pwd.getpwnam", lambda name: pwd.struct_passwd(fields))
    async with start() as program:
        await to_kit(program)
        await program.press("f")
        await program.until("Written to ~/recovery-kit-usb.txt, for you alone.")
    file = tmp_path / "recovery-kit-usb.txt"
    assert file.stat().st_mode & 0o777 == 0o600
    assert PASSWORD in file.read_text()


# contents ---------------------------------------------------------------------------------------------------------


async def test_what_is_in_a_job_is_measured_and_left_out_in_the_form(start: Start, machine: Opened) -> None:
    await put(machine, "/home/pi/.cache/thumbnails", "x" * 9_000_000)
    async with start() as program:
        await to_backup(program)
        await program.until("every day at 03:00")
        await program.press("c")
        await program.until(lambda: isinstance(program.app.screen, ContentsScreen))
        await program.until("/home/*/.cache")
        await program.until(lambda: "measuring" not in program.text)
        await golden.check(program.app, "backup-contents")
        await program.press("g", "enter")
        await program.until("What is in home: /home")
        await program.until(lambda: "measuring" not in program.text and "pi" in program.text)
        await program.press("enter")
        await program.until("What is in home: /home/pi")
        await program.until(lambda: "measuring" not in program.text and "Pictures" in program.text)
        assert "Left out" in program.text and "/home/pi/.cache" in program.text
        sizes = [float(size) for size in re.findall(r"([\d.]+) MB  ", program.text)]
        assert len(sizes) > 1 and sizes == sorted(sizes, reverse=True), "the largest first"
        await program.press("g", "x")
        await program.until(lambda: isinstance(program.app.screen, ItemScreen))
        await program.until("2 lines: /home/*/.cache")
        assert "Daily" in program.text and "12" in program.text, "what is set already is there"


# retention --------------------------------------------------------------------------------------------------------


async def test_what_the_numbers_would_do_is_shown_while_they_change_and_then_planned(start: Start) -> None:
    async with start() as program:
        await to_backup(program)
        await program.until("every day at 03:00")
        await program.press("t")
        await program.until(lambda: isinstance(program.app.screen, KeepingScreen))
        await program.until("in a year there would be")
        stay = program.text.count("√ stays")
        assert stay and "its day's" in program.text
        await go(program.pilot, "daily")
        await program.press("enter", "backspace", "backspace", "2", "enter")
        await go(program.pilot, "weekly")
        await program.press("enter", "backspace", "1", "enter")
        await program.until("2 stay, 12 go; in a year there would be 2")
        assert "none of the numbers keeps it" in program.text
        await program.press("p")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        review = program.app.screen
        assert isinstance(review, ReviewScreen)
        assert review._plan.settings["backup"]["jobs"]["home"]["keep"] == {"daily": 2, "weekly": 1}


@pytest.mark.parametrize(
    ("keep", "schedule", "there"),
    [
        (Keep(daily=7), Schedule(times=("03:00",)), 7),
        (Keep(last=3), Schedule(times=("03:00", "15:00")), 3),
        (Keep(daily=7, monthly=6), Schedule(times=("03:00",)), 12),
        (Keep(), Schedule(times=("03:00",)), 365),
        (Keep(daily=7), Schedule(times=tuple(f"{hour:02}:00" for hour in range(24))), 7),
    ],
)
def test_in_a_year_there_are_as_many_as_the_numbers_keep(keep: Keep, schedule: Schedule, there: int) -> None:
    assert in_a_year((), policy(keep), schedule, datetime(2026, 11, 27, 12).timestamp()) == there
    assert in_a_year((), policy(keep), None, 0) is None


# locks ------------------------------------------------------------------------------------------------------------


async def lock(machine: Opened, number: int, host: str, ago: float) -> None:
    """A lock in the repository, renewed so many seconds ago."""
    when = datetime.fromtimestamp(time.time() - ago).astimezone().isoformat()
    said = {"time": when, "exclusive": False, "hostname": host, "username": "root", "pid": 4711, "uid": 0, "gid": 0}
    await put(machine, f"/mnt/backup/restic/locks/{number:064x}", json.dumps(said))


async def test_locks_are_explained_before_they_may_go(start: Start, machine: Opened) -> None:
    async with start() as program:
        await to_places(program)
        await program.until("LABEL=backup")
        await program.press("l")
        await program.until("Nobody holds a lock")
        await lock(machine, 1, "raspberrypi", 7200)
        await lock(machine, 2, "nas", 120)
        await program.press("i")
        await program.until("2 locks")
        await program.press("g")
        await program.until("left behind")
        assert "There is no such process any more" in program.text
        await golden.check(program.app, "backup-locks")
        await program.press("down")
        await program.until("most likely held")
        await program.press("u")
        await program.until("Is nothing at work on nas any more?")
        await program.press("n", "up", "u")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        await program.press("y")
        await program.until("Done")
        locks = await machine.host.listdir("/mnt/backup/restic/locks")
        assert locks == (f"{2:064x}",), "only the one that nobody holds"


# schedules --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze isn't here to be compared with")
@pytest.mark.parametrize(
    "schedule",
    [
        {"times": ["03:00"]},
        {"times": ["22:15", "06:45"], "days": ["mon", "thu"]},
        {"times": ["02:30"], "days": ["sun"]},
        {"times": ["12:00"], "monthly": 28},
    ],
)
@pytest.mark.parametrize("since", ["2026-03-27 12:00:00", "2026-10-23 12:00:00", "2026-12-31 23:30:00"])
def test_the_next_runs_are_those_that_systemd_says(
    monkeypatch: pytest.MonkeyPatch, schedule: dict[str, Any], since: str
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        settings = BackupSettings.model_validate({"jobs": {"home": {"schedule": schedule}}})
        argv = ["systemd-analyze", "calendar", "--iterations=6", f"--base-time={since}"]
        argv += calendar(job_of("home", settings))
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        utc = re.findall(r"\(in UTC\): \S+ (\S+ \S+) UTC", said)
        theirs = sorted(datetime.fromisoformat(f"{each}+00:00").timestamp() for each in utc)
        now = datetime.fromisoformat(since).timestamp()
        assert settings.jobs is not None
        assert list(islice(runs_from(settings.jobs["home"].schedule, now), 6)) == theirs[:6]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_does_not_run_by_itself_has_no_next_run() -> None:
    assert list(runs_from(None, 0)) == []
    assert list(runs_from(Schedule(times=("03:00",), enabled=False), 0)) == []
    assert list(runs_from(Schedule(days=("mon",)), 0)) == []
