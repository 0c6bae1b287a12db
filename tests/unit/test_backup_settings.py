"""What can be wanted of backups: no text becomes more than one value, what was applied comes back as it was, times
become systemd's, and what the runs prove."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pi_installer_tui.modules.backup import applied, due, proof, timers
from pi_installer_tui.modules.backup.placing import known_hosts, place_of
from pi_installer_tui.modules.backup.settings import BackupSettings
from pi_installer_tui.modules.backup.usual import Job, job_of
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.tasks.runs import Run
from pi_installer_tui.tasks.steps import SecretFile

from .test_account_steps import Jobs

USB = {"kind": "folder", "path": "/mnt/usb/restic", "device": "LABEL=backup", "mount": "/mnt/usb"}
NAS = {"kind": "sftp", "host": "nas.lan", "user": "pi", "path": "b", "key": "backup.nas-key", "host_key": "ssh-rsa AA="}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOUR, DAY = 3600, 86_400


def settings(**document: Any) -> BackupSettings:
    return BackupSettings.model_validate(document)


def job(**document: Any) -> Job:
    wanted = settings(places={"usb": USB}, jobs={"j": {"what": ["home"], **document}})
    return job_of("j", applied.merged(BackupSettings(), wanted))


# texts ------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=60), st.sampled_from(["path", "device", "mount", "host", "user", "host_key", "key"]))
def test_no_text_of_a_place_becomes_a_second_line_or_an_option(text: str, field: str) -> None:
    kind = "folder" if field in ("path", "device", "mount") else "sftp"
    try:
        place = settings(places={"p": {"kind": kind, field: text}}).places
    except ValidationError as error:
        assert not text.strip() or len(text) < 8 or text not in str(error), "an error doesn't repeat what was given"
        return
    assert place is not None
    value = getattr(place["p"], field)
    assert value == text and "\n" not in value and "\0" not in value and not value.startswith("-")
    hosts = known_hosts("p", place["p"])
    assert hosts is None or hosts[1].count("\n") == 1


@given(st.text(max_size=40))
def test_a_tag_holds_no_comma_and_looks_like_none_of_ours(text: str) -> None:
    try:
        found = settings(jobs={"j": {"tags": [text]}}).jobs
    except ValidationError:
        return
    assert found is not None and "," not in text and "=" not in text and "\n" not in text


@pytest.mark.parametrize(
    "document",
    [
        {"places": {"p": {"kind": "tape"}}},
        {"places": {"p": {"kind": "folder", "path": "relative"}}},
        {"places": {"p": {"kind": "folder", "path": "/a/../b"}}},
        {"places": {"p": {"kind": "folder", "device": "/dev/sda1"}}},
        {"places": {"p": {"kind": "folder", "password": "hunter2"}}},
        {"places": {"P": USB}},
        {"places": {"p": {**USB, "state": "absent"}}},
        {"jobs": {"j": {"schedule": {"days": ["mon"], "monthly": 1}}}},
        {"jobs": {"j": {"schedule": {"times": ["3:00"]}}}},
        {"jobs": {"j": {"schedule": {"monthly": 31}}}},
        {"jobs": {"j": {"keep": {"within": "a year"}}}},
        {"jobs": {"j": {"stop": ["ssh"]}}},
        {"jobs": {"j": {"exclude": ["-x"]}}},
    ],
)
def test_what_is_wrong_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as wrong:
        settings(**document)
    assert "hunter2" not in str(wrong.value)


# what was applied -------------------------------------------------------------------------------------------------


def test_what_was_applied_comes_back_as_it_was() -> None:
    wanted = settings(
        places={"usb": USB, "nas": NAS, "s3": {"kind": "s3", "bucket": "abc", "access_key": "A", "secret": "backup.s"}},
        jobs={"j": {"what": ["home"], "paths": ["/srv/Ä b"], "schedule": {"times": ["03:00"], "enabled": True},
                    "keep": {"daily": 7}, "proof": {"drill": "never"}, "tags": ["x"]}},
    )  # fmt: skip
    now = applied.merged(BackupSettings(), wanted)
    assert applied.load(applied.dump(now)) == now
    assert applied.merged(now, BackupSettings()) == now == applied.merged(now, wanted)
    assert now.places is not None and now.places["usb"].password == "backup.usb"
    assert applied.secrets(now) == {"backup.usb", "backup.nas", "backup.nas-key", "backup.s3", "backup.s"}


@pytest.mark.parametrize(
    "text", ["", "[]", "version: 2\n", "version: 1\nplaces: {p: {kind: x}}\n", "{", "version: 1\nx: 1\n"]
)
def test_a_file_that_isnt_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        applied.load(text)


def test_what_is_left_out_is_left_alone_and_what_is_absent_goes() -> None:
    schedule = {"times": ["03:00"], "days": ["mon"], "enabled": True}
    nightly = {"what": ["home"], "schedule": schedule, "keep": {"daily": 7}}
    now = applied.merged(BackupSettings(), settings(places={"usb": USB, "nas": NAS}, jobs={"j": nightly}))
    change = settings(
        places={"nas": {"state": "absent"}, "usb": {"kind": "folder", "path": "/mnt/usb/other"}},
        jobs={"j": {"keep": {"weekly": 4}, "schedule": {"monthly": 5}}},
    )
    found = applied.merged(now, change)
    assert found.places is not None and set(found.places) == {"usb"}
    usb, j = place_of("usb", found.places["usb"]), (found.jobs or {})["j"]
    assert (usb.path, usb.device) == ("/mnt/usb/other", "LABEL=backup")
    assert j.keep is not None and (j.keep.daily, j.keep.weekly) == (7, 4)
    assert j.schedule is not None and (j.schedule.monthly, j.schedule.days, j.schedule.times) == (5, None, ("03:00",))
    moved = applied.merged(now, settings(places={"usb": NAS})).places
    assert moved is not None and moved["usb"].kind == "sftp", "another kind starts anew"


def test_a_place_becomes_what_restic_is_told_and_holds_no_secret() -> None:
    (usb, nas) = (
        place_of(name, (settings(places={name: each}).places or {})[name])
        for name, each in (("usb", USB), ("nas", NAS))
    )
    assert usb == Place("usb", "folder", "/etc/pi-installer-tui/secrets/backup.usb", path="/mnt/usb/restic",
                        device="LABEL=backup", mount="/mnt/usb")  # fmt: skip
    assert nas.repository == "sftp://pi@nas.lan/b"
    assert nas.key == "/etc/pi-installer-tui/secrets/backup.nas-key"
    assert nas.known_hosts == "/etc/pi-installer-tui/backup-known-hosts/nas"


# times ------------------------------------------------------------------------------------------------------------


def test_times_become_systemds() -> None:
    assert timers.calendar(job()) == ()
    assert timers.calendar(job(schedule={"times": ["03:00"], "enabled": False})) == ()
    assert timers.calendar(job(schedule={"times": ["15:30", "03:00"]})) == ("*-*-* 03:00", "*-*-* 15:30")
    assert timers.calendar(job(schedule={"times": ["03:00"], "days": ["fri", "mon"]})) == ("Mon,Fri *-*-* 03:00",)
    assert timers.calendar(job(schedule={"times": ["03:00"], "monthly": 5})) == ("*-*-05 03:00",)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze isn't here")
@pytest.mark.parametrize(
    "schedule",
    [
        {"times": ["03:00"]},
        {"times": ["00:00", "23:59"]},
        {"times": ["03:00"], "days": ["sun", "wed"]},
        {"times": ["03:00"], "monthly": 28},
    ],
)
def test_systemd_understands_every_timer_and_no_gap_is_longer(schedule: dict[str, Any], tmp_path: Path) -> None:
    found = job(schedule=schedule, proof={"structure": "daily", "data": "quarterly", "drill": "monthly"})
    for name, text in timers.units(found, "/usr/bin/python3").items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *sorted(map(str, tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if timers.PREFIX in line]
    assert ours == [], ours
    gaps = [b - a for a, b in pairwise(_moments(timers.calendar(found)))]
    assert len(gaps) > 10 and max(gaps) == timers.longest(found)


def _moments(calendars: Sequence[str]) -> list[float]:
    """When systemd would run that in a year, in seconds since 1970."""
    asks = ["systemd-analyze", "calendar", "--iterations=800", "--base-time=2026-01-01 00:00:00 UTC", *calendars]
    told = subprocess.run(asks, capture_output=True, text=True, check=True, env={"TZ": "UTC"}).stdout
    found = re.findall(r"(?:Next elapse|Iter(?:ation|\.) #\d+): \w+ (2026-[-0-9]+ [:0-9]+) UTC", told)
    return sorted(datetime.fromisoformat(f"{each}+00:00").timestamp() for each in found)


@given(
    st.lists(st.integers(0, 1439), min_size=1, max_size=4, unique=True),
    st.lists(st.sampled_from(DAYS), max_size=7, unique=True),
)
def test_the_longest_gap_is_the_longest_of_a_fortnight(minutes: list[int], days: list[str]) -> None:
    times = [f"{minute // 60:02}:{minute % 60:02}" for minute in minutes]
    found = job(schedule={"times": times, "days": days})
    on = [n for n in range(14) if not days or DAYS[n % 7] in days]
    moments = sorted(n * DAY + minute * 60 for n in on for minute in minutes)
    assert timers.longest(found) == max((b - a for a, b in pairwise(moments)), default=7 * DAY)


def test_only_what_runs_by_itself_is_ever_due() -> None:
    assert due.text(settings(places={"usb": USB}, jobs={"j": {"what": ["home"]}})) == ""
    assert '"every": 86400' in due.text(
        settings(places={"usb": USB}, jobs={"j": {"what": ["home"], "schedule": {"times": ["03:00"]}}})
    )


def test_what_doesnt_run_by_itself_isnt_proven_by_itself_unless_wanted() -> None:
    assert (job().structure, job().drill) == ("never", "never")
    assert job(proof={"drill": "monthly"}).drill == "monthly"
    on = job(schedule={"times": ["03:00"]})
    assert (on.structure, on.data, on.drill, on.share, on.files) == ("weekly", "monthly", "weekly", 10, 20)


# proof ------------------------------------------------------------------------------------------------------------


NOW = 1_700_000_000.0
CONFIG = settings(
    places={"usb": USB, "nas": NAS},
    jobs={"home": {"what": ["home"], "places": ["usb"], "schedule": {"times": ["03:00"]}}, "all": {"what": ["system"]}},
)


def ran(action: str, ago: float, outcome: str = "done", place: str = "usb", job: str = "home", **reported: Any) -> Run:
    arguments = {"place": place, **({"job": job} if action != "verify" else {})}
    return Run("x", "backup", action, arguments, "root", NOW - ago - 60, NOW - ago, outcome, reported=reported)


def standings(*runs: Run, kits: tuple[str, ...] = ()) -> dict[str, proof.JobStanding]:
    newest = sorted(runs, key=lambda run: -run.ended)
    return {each.job: each for each in proof.standings(CONFIG, newest, kits, {timers.timer("home"): NOW + 60}, NOW)}


def test_a_drill_proves_only_where_the_recovery_kit_was_read_back() -> None:
    drill = ran("drill", HOUR, proven=True)
    assert standings(drill)["home"].proven is None
    assert standings(drill, kits=("nas",))["home"].proven is None
    assert standings(drill, kits=("usb",))["home"].proven == NOW - HOUR
    later = ran("drill", 60, proven=False)
    assert standings(drill, later, kits=("usb",))["home"].places[0].drill == later
    assert standings(drill, later, kits=("usb",))["home"].proven == NOW - HOUR
    assert standings(ran("drill", 60, "failed", proven=True), kits=("usb",))["home"].proven is None


def test_what_ran_while_the_clock_was_ahead_proves_nothing_and_hides_no_run_that_is_missed() -> None:
    late, ahead = ran("run", 3 * 24 * HOUR), ran("run", -400 * 24 * HOUR)
    drills = ran("drill", HOUR, proven=True), ran("drill", -400 * 24 * HOUR, proven=True)
    found = standings(late, ahead, *drills, kits=("usb",))["home"]
    assert found.good == late and found.overdue > 0
    assert found.proven == NOW - HOUR


def test_all_is_proven_since_the_oldest_of_its_jobs() -> None:
    drills = [ran("drill", HOUR, proven=True), ran("drill", 2 * HOUR, proven=True, job="all"),
              ran("drill", 3 * HOUR, proven=True, job="all", place="nas")]  # fmt: skip
    found = standings(*drills, kits=("usb", "nas"))
    assert proof.proven(found.values()) == NOW - 2 * HOUR
    assert proof.proven(standings(*drills[:1], kits=("usb",)).values()) is None
    assert proof.proven([]) is None


def test_how_a_job_stands() -> None:
    good, failed = ran("run", 5 * HOUR), ran("run", HOUR, "failed")
    found = standings(good, failed, ran("verify", 60, errors=3), ran("verify", 2 * HOUR, errors=0))["home"]
    assert found.last == failed and found.good == good and found.failed and found.following == NOW + 60
    verified = found.places[0].verified
    assert verified is not None and verified.ended == NOW - 2 * HOUR, "one that found errors proves nothing"
    assert not standings(failed, ran("run", 60, "cancelled"))["home"].failed
    assert standings(ran("run", 10, place="nas"))["home"].last is None, "that isn't one of its places any more"


def test_a_job_is_overdue_once_its_run_is_later_than_is_tolerated() -> None:
    late = DAY + due.TOLERANCE + 15 * 60
    assert standings(ran("run", late))["home"].overdue == 0
    assert standings(ran("run", late + 60))["home"].overdue == 60
    assert standings(ran("run", 10 * late, job="all"))["all"].overdue == 0, "nobody expects it"


# a password that the job makes --------------------------------------------------------------------------------------


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv(PACE, "0")
    return Jobs(tmp_path)


async def test_a_password_that_nobody_gave_is_made_kept_and_shown_once(jobs: Jobs) -> None:
    before = jobs.whole()
    path = "/etc/pi-installer-tui/secrets/backup.usb"
    step = SecretFile(id="password", path=path, name="backup.usb", make=True)
    job = await jobs.run(step)
    value = (await jobs.host.read(path)).decode()
    assert len(value.replace("-", "")) == 20 and jobs.secrets.show("backup.usb") == value
    assert jobs.secrets.show("backup.usb") is None
    for found in jobs.store.root.rglob("*"):
        assert not found.is_file() or value.encode() not in found.read_bytes(), found
    await jobs.undo(job)
    assert jobs.whole() == before
    jobs.secrets.give("backup.usb", "a key\nof lines")
    await jobs.run(step)
    assert await jobs.host.read(path) == b"a key\nof lines\n", "OpenSSH wants its last line end"
