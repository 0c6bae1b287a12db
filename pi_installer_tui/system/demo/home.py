"""What pi has in the home folder of the demo machine, how that came about, and the backups of it: the files, and the
history of runs. (What they left in the repository is made when restic first looks: restic/past.py.)"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pi_installer_tui.system.demo.tree import Machine

DAY = 86_400
_MIB = 2**20
HOME = "/home/pi"
#: the repository's folder, and its id
REPOSITORY = "/mnt/backup/restic"
IDENTITY = "5c1e0b7f42d9a8636f1d5b90c7e2a4381de6f09b7a35c84211f0d9e6b3a7c582"
RUNS = "/var/lib/pi-installer-tui/runs.jsonl"
#: when the job runs: seconds after midnight, UTC, and a random delay like systemd's
_HOUR, _DELAY = 3 * 3600, 15 * 60
#: days ago with a snapshot that retention kept: twelve days, and the newest of two weeks before
NIGHTS = (22, 15, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
#: days ago: the disk wasn't plugged in; somebody cancelled a run by hand
FAILED, CANCELLED = 13, 4


@dataclass(frozen=True, slots=True)
class Kept:
    """A file. text: what it says, or size: bytes of a picture. since: days ago that it came; changed: days ago that it
    got the text it has (older: what it said before); until: days ago that it was deleted, 0: it is there."""

    path: str
    text: str = ""
    size: int = 0
    since: int = 200
    changed: int = 0
    older: str = ""
    until: int = 0
    mode: int = 0o644


_STATION = """\
import csv, time
from datetime import datetime

def read():
    with open("/sys/bus/w1/devices/28-0316a2794fff/temperature") as sensor:
        return int(sensor.read()) / 1000

while True:
    with open("readings.csv", "a") as file:
        csv.writer(file).writerow([datetime.now().isoformat(timespec="minutes"), f"{read():.1f}"])
    time.sleep(600)
"""
_CAMERA = """\
import argparse, subprocess, time

parser = argparse.ArgumentParser()
parser.add_argument("--every", type=int, default=60)
while True:
    name = time.strftime("/home/pi/garden/%Y-%m-%d-%H%M.jpg")
    subprocess.run(["rpicam-still", "-n", "-o", name], check=True)
    time.sleep(parser.parse_args().every * 60)
"""
_PLAN = "# Garden\n\n- [x] rake the leaves\n- [x] garlic into the ground\n- [ ] cut the apple tree\n- [ ] order seeds\n"

FILES = (
    Kept(".bashrc", "# ~/.bashrc: executed by bash(1) for non-login shells.\nalias ll='ls -l'\n"),
    Kept("Documents/insurance.txt", "Household insurance, policy 4711-0815, due every March.\n", mode=0o600),
    Kept(
        "Documents/recipes.md",
        "# Bread\n\n500 g flour, 350 g water, 10 g salt, 100 g sourdough\n",
        changed=18,
        older="# Bread\n\n500 g flour, 320 g water, 10 g salt, yeast\n",
    ),
    Kept(
        "Documents/tax-2026.csv",
        "date,what,amount\n2026-01-31,heating,412.80\n2026-06-30,water,96.10\n",
        changed=8,
        older="date,what,amount\n2026-01-31,heating,412.80\n",
    ),
    Kept(
        "Documents/letter-to-the-landlord.txt",
        "Dear Ms Weber,\n\nthe tap in the kitchen drips again.\n",
        since=20,
        until=6,
    ),
    Kept("garden/camera.py", _CAMERA, mode=0o755),
    Kept("garden/plan.md", _PLAN, changed=3, older=_PLAN.replace("[x]", "[ ]")),
    Kept("garden/apple-tree.jpg", size=3_412_776, since=90),
    Kept("garden/hedgehog.jpg", size=2_871_404, since=14),
    Kept("garden/first-frost.jpg", size=3_120_518, since=7),
    Kept("garden/robin.jpg", size=2_640_933, since=2),
    Kept("Pictures/lake/evening.jpg", size=4_011_207),
    Kept("Pictures/lake/boat.jpg", size=3_790_112),
    Kept("Pictures/lake/jetty.jpg", size=3_655_840),
    Kept("Pictures/hut.jpg", size=2_955_021, since=60),
    Kept("weather/station.py", _STATION, changed=11, older=_STATION.replace("600", "60"), mode=0o755),
    Kept("weather/readings.csv", changed=-1),
)


def content(file: Kept, days: int, now: float) -> bytes | None:
    """What a file held so many days ago; None: it wasn't there."""
    if days > file.since or days < file.until:
        return None
    if file.size:
        return b"".join(_picture(file, at) for at in range(0, file.size, _MIB))
    if file.changed == -1:
        return _readings(days, now)
    return (file.older if 0 < file.changed < days else file.text).encode()


def _picture(file: Kept, at: int) -> bytes:
    """A piece of it: its own, and nothing to look at."""
    return f"{file.path} {at}\n".encode().ljust(min(_MIB, file.size - at), b"\0")


def _readings(days: int, now: float) -> bytes:
    """The sensor's file: a line every two hours of the last forty days."""
    first, end = int(now - now % DAY) - 40 * DAY, int(night(days, now) if days else now)
    lines = []
    for at in range(first, end, 7200):
        lines.append(f"{time.strftime('%Y-%m-%dT%H:%M', time.gmtime(at))},{7 + at // 7200 * 37 % 61 / 10:.1f}\n")
    return "".join(lines).encode()


def changed_at(file: Kept, days: int, now: float) -> float:
    """When a file that was there so many days ago had last been written, in seconds since 1970."""
    if file.changed == -1:
        end = night(days, now) if days else now
        return end - end % 7200
    ago = file.changed if file.changed and days <= file.changed else file.since
    return night(ago, now) - 9 * 3600 if ago else now - 4 * 3600


def night(days: int, now: float) -> float:
    """When the job ran, the last time (1) or so many days before it, in seconds since 1970."""
    last = now - _HOUR - _DELAY - 60
    midnight = last - last % DAY - (days - 1) * DAY
    return midnight + _HOUR + int(hashlib.sha256(str(days).encode()).hexdigest(), 16) % _DELAY


def snapshot_id(days: int, now: float) -> str:
    return hashlib.sha256(f"{night(days, now):.0f}".encode()).hexdigest()


# making it ------------------------------------------------------------------------------------------------------------


def make(machine: Machine, now: float) -> None:
    """Puts the files there, and the history of the backups."""
    top = machine.files.at(HOME)
    paths, made = [], {""}
    for file in FILES:
        if file.until:
            continue
        folder = file.path.rpartition("/")[0]
        for above in (folder.partition("/")[0], folder):
            if above not in made:
                made.add(above)
                os.mkdir(f"{top}/{above}", 0o755)  # noqa: PTH102
                paths.append(f"{HOME}/{above}")
        at = f"{top}/{file.path}"
        descriptor = os.open(at, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if file.size:
            os.ftruncate(descriptor, file.size)  # a picture is mostly a hole
            for start in range(0, file.size, _MIB):
                os.pwrite(descriptor, f"{file.path} {start}\n".encode(), start)
        else:
            os.write(descriptor, content(file, 0, now) or b"")
        os.fchmod(descriptor, file.mode)
        os.close(descriptor)
        written = changed_at(file, 0, now)
        os.utime(at, (written, written))
        paths.append(f"{HOME}/{file.path}")
    machine.files.own(paths, 1000, 1000)
    began = Path(machine.files.at("/run/demo/began"))
    began.touch()
    os.utime(began, (now, now))
    runs = Path(machine.files.at(RUNS))
    runs.write_text("".join(f"{json.dumps(run)}\n" for run in history(now)), encoding="ascii")
    runs.chmod(0o600)


def there(days: int) -> list[Kept]:
    return [file for file in FILES if file.until <= days <= file.since]


def sums(days: int, before: int | None) -> dict[str, int]:
    """Files that are new, changed and the same in a snapshot, against the one before."""
    files = there(days)
    if before is None:
        return {"new": len(files), "changed": 0, "same": 0}
    new = sum(file.since < before for file in files)
    changed = sum(file.changed == -1 or (days <= file.changed < before) for file in files if file.since >= before)
    return {"new": new, "changed": changed, "same": len(files) - new - changed}


def _length(file: Kept, days: int) -> int:
    if file.changed == -1:
        return (41 - days) * 12 * 21
    return file.size or len(file.older if 0 < file.changed < days else file.text)


def history(now: float) -> Iterator[dict[str, Any]]:
    """The runs of three weeks as tasks/runs.py keeps them, the oldest first."""
    sunday = next(days for days in range(1, 8) if time.gmtime(night(days, now)).tm_wday == 6)
    for days in range(22, 0, -1):
        yield _backup(days, now)
        if days == CANCELLED:
            yield _run(days, now, 11.3 * 3600, 9, "run", {"job": "home", "place": "usb"}, {}, "cancelled", who="pi")
        if days in (sunday, sunday + 7, sunday + 14):
            yield _run(days, now, 2 * 3600, 8, "verify", {"place": "usb", "share": 0}, {"share": 0, "errors": 0})
        if time.gmtime(night(days, now)).tm_mday == 1:
            yield _run(days, now, 2.5 * 3600, 12, "verify", {"place": "usb", "share": 10}, {"share": 10, "errors": 0})
        if days in (sunday, sunday + 7, sunday + 14):
            told = {"files": len(there(days)), "differ": 0, "changed_since": 1, "databases": 0, "proven": True}
            yield _run(days, now, 3 * 3600, 6, "drill", {"job": "home", "place": "usb"}, told)


def _backup(days: int, now: float) -> dict[str, Any]:
    asked = {"job": "home", "place": "usb"}
    if days == FAILED:
        values = {"place": "usb", "device": "LABEL=backup", "mount": "/mnt/backup"}
        return _run(days, now, 0, 1, "run", asked, {}, "failed", "restic-not-mounted", values)
    files, before = there(days), days + 1 if days < max(NIGHTS) else None
    found = sums(days, before)
    fresh = [file for file in files if before is None or file.since < before or file.changed == -1]
    told: dict[str, Any] = {
        "snapshot": snapshot_id(days, now),
        "snapshots": [],
        **found,
        "added": sum(_length(file, days) for file in fresh) + 3_900,
        "files": len(files),
        "size": sum(_length(file, days) for file in files),
        "seconds": 4.0 + sum(_length(file, days) for file in fresh) / 12e6,
        "unread": 0,
        "removed": 1 if days < 12 else 0,
        "kept": len(NIGHTS),
        "freed": 5_120 if days < 12 else 0,
    }
    return _run(days, now, 0, told["seconds"] + 2, "run", asked, told)


def _run(
    days: int, now: float, later: float, lasted: float, action: str, asked: dict[str, Any], told: dict[str, Any],
    outcome: str = "done", reason: str = "", values: dict[str, str] | None = None,
    who: str = "root",
) -> dict[str, Any]:  # fmt: skip
    started = night(days, now) + later
    tail = hashlib.md5(f"{days}{action}{later}".encode()).hexdigest()[:4].translate(str.maketrans("01", "xy"))
    return {
        "job": f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(started))}-{tail}",
        "module": "backup",
        "action": action,
        "arguments": asked,
        "who": who,
        "started": started,
        "ended": started + lasted,
        "outcome": outcome,
        "reason": reason,
        "values": values or {},
        "reported": told,
    }
