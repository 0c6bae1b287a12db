"""The demo's restic, and what it has from the start. (What it says is held to the real one in contract/backups.py.)"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.restic.answers import Progress, Trouble
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.calendars import elapse

USB = Place(
    *("usb", "folder", "/etc/pi-installer-tui/secrets/backup.usb", "/mnt/backup/restic"),
    device="LABEL=backup",
    mount="/mnt/backup",
)
READINGS = "/home/pi/weather/readings.csv"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    return DemoHost.create(str(tmp_path / "demo"))


async def told(host: DemoHost, *argv: str) -> Any:
    """The JSON of a command that has one line of it."""
    return json.loads((await Restic(host, USB).run(*argv)).stdout)


async def runs(host: DemoHost) -> list[dict[str, Any]]:
    text = await host.text("/var/lib/pi-installer-tui/runs.jsonl") or ""
    return [json.loads(line) for line in text.splitlines()]


async def test_three_weeks_of_snapshots_are_there_and_the_policy_keeps_them(host: DemoHost) -> None:
    found = await Restic(host, USB).snapshots("job=home")
    assert len(found) == 14 and all(each.paths == ("/home", "/root") for each in found)
    assert 20 < (found[-1].time - found[0].time) / 86400 < 22
    assert 0 < time.time() - found[-1].time < 28 * 3600
    policy = ("--keep-daily", "12", "--keep-weekly", "4", "--group-by", "")
    (group,) = await told(host, "forget", "--json", "--dry-run", "--tag", "job=home", *policy)
    assert group["remove"] is None
    assert "no errors were found" in (await Restic(host, USB).run("check", "--read-data")).stdout


async def test_the_history_of_runs_names_the_snapshots_that_are_there(host: DemoHost) -> None:
    found = {each.id: each for each in await Restic(host, USB).snapshots()}
    history = await runs(host)
    assert [each["started"] for each in history] == sorted(each["started"] for each in history)
    assert {each["outcome"] for each in history} == {"done", "failed", "cancelled"}
    assert {each["action"] for each in history} == {"run", "verify", "drill"}
    named = {each["reported"]["snapshot"]: each for each in history if each["reported"].get("snapshot")}
    assert found.keys() <= named.keys()
    for name, snapshot in found.items():
        assert named[name]["started"] <= snapshot.time <= named[name]["ended"]
    drills = [each for each in history if each["action"] == "drill"]
    assert drills and all(each["reported"]["proven"] for each in drills)


async def test_a_snapshot_has_the_files_of_its_time(host: DemoHost) -> None:
    restic = Restic(host, USB)
    found = await restic.snapshots()
    old, new = [(await restic.run("dump", each.id, READINGS)).stdout for each in (found[0], found[-1])]
    live = await host.text(READINGS) or ""
    assert len(old) < len(new) < len(live) and new.startswith(old) and live.startswith(new)
    letter = "/home/pi/Documents/letter-to-the-landlord.txt"
    assert await host.stat(letter) is None
    hits = await told(host, "find", "--json", "letter*")
    assert 0 < len(hits) < len(found) and hits[0]["matches"][0]["path"] == letter
    entries = [entry async for entry in restic.tree(found[-1].id)]
    by_path = {entry.path: entry for entry in entries}
    assert by_path["/home/pi/Documents/insurance.txt"].mode == 0o600
    assert by_path["/home/pi/garden/camera.py"].uid == 1000 and by_path["/home"].uid == 0


async def test_only_what_changed_since_the_last_night_is_new(host: DemoHost) -> None:
    shown: list[Progress] = []
    live = await host.read(READINGS)  # right after a night it has nothing new by itself
    await host.replace(READINGS, live + b"now\n", mode=0o644, uid=1000, gid=1000)
    done = await Restic(host, USB).back_up(
        ["/home", "/root"], exclude=["/home/*/.cache"], tags=["job=home"], progress=shown.append
    )
    assert (done.files_new, done.files_changed) == (0, 1) and done.files_same > 10
    assert done.size > 20_000_000 and done.added < 100_000
    parts = [each.fraction for each in shown if each.fraction is not None]
    assert len(parts) > 1 and parts == sorted(parts) and shown[0].current
    await host.replace("/home/pi/x", b"x" * 100, mode=0o644, uid=0, gid=0)
    again = await Restic(host, USB).back_up(["/home", "/root"], tags=["job=home"])
    assert (again.files_new, again.files_changed) == (1, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
async def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_kept(host: DemoHost) -> None:
    await host.replace("/home/pi/closed", b"x", mode=0, uid=0, gid=0)
    done = await Restic(host, USB).back_up(["/home/pi"])
    assert done.incomplete and done.unread == ("/home/pi/closed",)


async def test_a_disk_that_is_not_mounted_has_no_repository(host: DemoHost) -> None:
    restic = Restic(host, USB)
    before = await restic.snapshots()
    await host.run(["umount", "/mnt/backup"], check=True)
    with pytest.raises(Trouble) as raised:
        await restic.initialised()
    assert raised.value.reason == "not-mounted"
    bare = {"RESTIC_REPOSITORY": USB.repository, "RESTIC_PASSWORD_FILE": USB.password}
    assert (await host.run(["restic", "snapshots"], env=bare)).status == 10
    assert not (await host.run(["findmnt", "--source", "LABEL=backup"])).ok
    assert (await host.disk("/mnt/backup")).total == (await host.disk("/")).total
    asked = ["lsblk", "--json", "--list", "--output", "LABEL,MOUNTPOINTS", "/dev/sda1"]
    assert json.loads((await host.run(asked, check=True)).stdout) == {
        "blockdevices": [{"label": "backup", "mountpoints": [None]}]
    }
    await host.run(["mount", "LABEL=backup", "/mnt/backup"], check=True)
    assert await restic.snapshots() == before


async def test_what_is_mounted_below_is_left_out_where_that_is_asked(host: DemoHost) -> None:
    for wanted in (True, False):
        done = await Restic(host, USB).back_up(["/mnt"], one_file_system=wanted)
        found = [entry.path async for entry in Restic(host, USB).tree(done.snapshot)]
        assert ("/mnt/backup/restic/config" in found) != wanted and "/mnt/backup" in found


async def test_a_server_is_out_of_reach(host: DemoHost) -> None:
    place = Place("nas", "sftp", USB.password, "/backup", host="nas.lan", user="pi")
    with pytest.raises(Trouble) as raised:
        await Restic(host, place).snapshots()
    assert any("unable to start the sftp session" in line for line in raised.value.tail)


async def test_the_lock_of_a_killed_backup_is_stale_and_can_be_removed(host: DemoHost) -> None:
    restic = Restic(host, USB)
    await restic.snapshots()
    script = """
import os, sys
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.restic.repository import Repository
with Repository(DemoHost(sys.argv[1]).machine, "/mnt/backup/restic").locked(exclusive=True):
    os._exit(9)
"""
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", script, host.address)
    assert await killed.wait() == 9
    with pytest.raises(Trouble) as raised:
        await restic.back_up(["/home"])
    assert raised.value.reason == "locked"
    assert (await restic.run("unlock")).stdout.strip() == "successfully removed 1 locks"
    await restic.back_up(["/home"])


@pytest.mark.parametrize(
    "event, following, last",
    [
        ("*-*-* 03:00", "2026-11-28 03:00", "2026-11-27 03:00"),
        ("Sun *-*-* 05:00", "2026-11-29 05:00", "2026-11-22 05:00"),
        ("Mon,Fri *-*-* 18:00", "2026-11-30 18:00", "2026-11-27 18:00"),
        ("*-*-01 05:30", "2026-12-01 05:30", "2026-11-01 05:30"),
        ("*-01,04,07,10-01 06:00", "2027-01-01 06:00", "2026-10-01 06:00"),
        ("weekly", "2026-11-30 00:00", "2026-11-23 00:00"),
        ("*-*-* 00/6:30", "2026-11-28 00:30", "2026-11-27 18:30"),
    ],
)
def test_timers_elapse_as_systemd_analyze_says(event: str, following: str, last: str) -> None:
    """With `systemd-analyze calendar --base-time='2026-11-27 18:40 UTC'` and --iterations, in UTC."""
    at = time.mktime(time.strptime("2026-11-27 18:40", "%Y-%m-%d %H:%M")) - time.timezone
    found = [elapse(f"[Timer]\nOnCalendar={event}\n", at, name="x.timer", last=each) for each in (False, True)]
    assert [time.strftime("%Y-%m-%d %H:%M", time.gmtime(each)) for each in found if each] == [following, last]


async def test_the_timers_of_the_backup_come_next(host: DemoHost) -> None:
    names = [f"pi-installer-tui-backup-home{proof}.timer" for proof in ("", "-structure", "-data", "-drill")]
    asked = ["systemctl", "show", "--timestamp=unix", "--property=Id,UnitFileState,ActiveState,NextElapseUSecRealtime"]
    for block in (await host.run([*asked, *names], check=True)).stdout.split("\n\n"):
        shown = dict(line.split("=", 1) for line in block.splitlines())
        assert (shown["UnitFileState"], shown["ActiveState"]) == ("enabled", "active")
        assert time.time() < int(shown["NextElapseUSecRealtime"].removeprefix("@")) < time.time() + 32 * 86400
