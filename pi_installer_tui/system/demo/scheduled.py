"""What runs by the clock on the demo machine: Debian's own, pi's and root's crontabs, some of them with mistakes that
people make, timers, an at job, and what was recorded of two jobs. All of it is put there when the machine is made."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

from pi_installer_tui.system.cron.wrapped import PROGRAM, script
from pi_installer_tui.system.demo import packages, units
from pi_installer_tui.system.demo.crontabs import queued, spooled
from pi_installer_tui.system.demo.tree import Machine

DAY = 86_400
RECORDS = "/var/log/cron-record"
#: what the journal has of cron's past (journal.py)
PAST = "scheduled"

_CRONTAB = """\
# /etc/crontab: system-wide crontab
# Unlike any other crontab you don't have to run the `crontab'
# command to install the new version when you edit this file
# and files in /etc/cron.d. These files also have username fields,
# that none of the other crontabs do.

SHELL=/bin/sh
# You can also override PATH, but by default, newer versions inherit it from the environment
#PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin

17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly
25 6\t* * *\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }
47 6\t* * 7\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.weekly; }
52 6\t1 * *\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.monthly; }
#
"""
_E2SCRUB = """\
30 3 * * 0 root test -e /run/systemd/system || SERVICE_MODE=1 /usr/lib/aarch64-linux-gnu/e2fsprogs/e2scrub_all_cron
10 3 * * * root test -e /run/systemd/system || SERVICE_MODE=1 /sbin/e2scrub_all -A -r
"""
_CERTBOT = """\
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin

0 */12 * * * root test -x /usr/bin/certbot && certbot -q renew
"""
_REBOOT = "# every Monday, so that it never hangs\n0 4 * * 1 /sbin/shutdown -r +5\n"
_PI = """\
# m h  dom mon dow   command
PATH=/usr/local/bin:/usr/bin:/bin
MAILTO=pi

# the weather station
*/15 * * * * /home/pi/weather/upload.sh
0 * * * * cd weather && python3 report.py >report.html
# Name = photos
30 3 * * * /usr/local/bin/cron-record -n photos -l -t 3600 -- 'rsync -a --delete /home/pi/garden/ /mnt/backup/garden/'
@reboot /home/pi/garden/camera.py --every 10
#off# 0 6 1 * * tar czf /mnt/backup/letters.tgz -C /home/pi Documents

15 4 * * * tar czf /mnt/backup/notes-$(date +%F).tgz -C /home/pi Documents
0 8 * * 1-5 weather-report --days 3
"""
_ROOT = """\
# Name = dyndns
*/10 * * * * /usr/local/bin/cron-record -n dyndns -- 'curl -fsS https://dyndns.example.org/update'
0 3 * * * /home/pi/bin/thin-out.sh
30 2 30 2 * /usr/local/sbin/leap-check
"""
#: the files: text, mode, owner
_FILES: tuple[tuple[str, str, int, int], ...] = (
    ("/etc/crontab", _CRONTAB, 0o644, 0),
    ("/etc/cron.d/e2scrub_all", _E2SCRUB, 0o644, 0),
    ("/etc/cron.d/certbot", _CERTBOT, 0o644, 0),
    ("/etc/cron.d/reboot", _REBOOT, 0o644, 0),
    ("/etc/cron.d/old.backup", "0 1 * * * root /usr/local/sbin/backup.sh\n", 0o644, 0),
    ("/etc/cron.daily/apt-compat", "#!/bin/sh\nexec /usr/lib/apt/apt.systemd.daily\n", 0o755, 0),
    ("/etc/cron.daily/dpkg", "#!/bin/sh\nexit 0\n", 0o755, 0),
    ("/etc/cron.daily/man-db", "#!/bin/sh\nexit 0\n", 0o755, 0),
    ("/etc/cron.daily/clean-tmp.sh", "#!/bin/sh\nfind /tmp -mtime +30 -delete\n", 0o755, 0),
    ("/etc/cron.weekly/man-db", "#!/bin/sh\nexit 0\n", 0o755, 0),
    ("/etc/cron.monthly/report", "#!/bin/sh\ndf -h / | mail -s disk root\n", 0o644, 0),
    ("/etc/default/cron", '# Extra options for cron, e.g. "-L 5"\nEXTRA_OPTS=""\n', 0o644, 0),
    ("/home/pi/weather/upload.sh", "#!/bin/sh\ncurl -fsS -T /home/pi/weather/readings.csv weather.example.org\n", 0o755,
     1000),
    ("/home/pi/weather/report.py", "print(open('readings.csv').readlines()[-1])\n", 0o644, 1000),
    ("/home/pi/.local/bin/weather-report", "#!/usr/bin/python3\nprint(open('/home/pi/weather/report.html').read())\n",
     0o755, 1000),
    ("/home/pi/bin/thin-out.sh", "#!/bin/sh\nfind /home/pi/garden -mtime +400 -delete\n", 0o775, 1000),
)  # fmt: skip
#: what these jobs call: there, and empty
_PROGRAMS = (
    *("/usr/bin/sh", "/usr/bin/bash", "/usr/bin/test", "/usr/bin/tar", "/usr/bin/rsync", "/usr/bin/curl"),
    *("/usr/bin/python3", "/usr/bin/run-parts", "/usr/bin/find", "/usr/sbin/shutdown", "/usr/bin/certbot"),
    *("/usr/sbin/e2scrub_all", "/usr/lib/aarch64-linux-gnu/e2fsprogs/e2scrub_all_cron"),
)
#: the services of Debian's own timers, and what they run
_SERVICES = (
    ("apt-daily", "Daily apt download activities", "/usr/lib/apt/apt.systemd.daily update"),
    ("apt-daily-upgrade", "Daily apt upgrade and clean activities", "/usr/lib/apt/apt.systemd.daily install"),
    ("dpkg-db-backup", "Daily dpkg database backup service", "/usr/libexec/dpkg/dpkg-db-backup"),
    ("fstrim", "Discard unused filesystem blocks", "/sbin/fstrim --listed-in /etc/fstab:/proc/self/mountinfo"),
    ("man-db", "Daily man-db regeneration", "/usr/bin/mandb --quiet"),
    ("systemd-tmpfiles-clean", "Cleanup of Temporary Directories", "systemd-tmpfiles --clean"),
)
_TMPFILES = (
    "[Unit]\nDescription=Daily Cleanup of Temporary Directories\n\n[Timer]\nOnBootSec=15min\nOnUnitActiveSec=1d\n"
)
_WATER = (
    "[Unit]\nDescription=Waters the tomatoes\n\n[Timer]\nOnCalendar=Mon..Sat *-*-* 06,20:00\nPersistent=true\n"
    "RandomizedDelaySec=5min\n\n[Install]\nWantedBy=timers.target\n"
)
_WATER_SERVICE = (
    "[Unit]\nDescription=Waters the tomatoes\n\n[Service]\nType=oneshot\nUser=pi\n"
    "ExecStart=/usr/bin/python3 /home/pi/garden/water.py --seconds 90\n"
)
_DIM = "[Unit]\nDescription=Dims the display\n\n[Timer]\nOnCalendar=22:30\n\n[Install]\nWantedBy=timers.target\n"
_USERS = "/home/pi/.config/systemd/user"


def make(machine: Machine, now: float | None = None) -> None:
    """Puts all of it there."""
    at = time.time() if now is None else now
    for period in ("hourly", "daily", "weekly", "monthly"):
        _folder(machine, f"/etc/cron.{period}")
    for path, text, mode, uid in _FILES:
        _put(machine, path, text, mode, uid)
    programs(machine)
    spooled(machine, "pi", _PI.encode())
    spooled(machine, "root", _ROOT.encode())
    _at_jobs(machine, at)
    _timers(machine)
    _records(machine, at)
    past = [("pi", "*/15 * * * *", "/home/pi/weather/upload.sh"), ("root", "*/10 * * * *", _dyndns())]
    past += [("pi", "0 * * * *", "cd weather && python3 report.py >report.html")]
    past += [("pi", "15 4 * * *", _PI.split("15 4 * * * ")[1].partition("\n")[0]), ("pi", "30 3 * * *", _photos())]
    past += [("root", "0 3 * * *", "/home/pi/bin/thin-out.sh")]
    machine.remember(PAST, {"jobs": past})


def programs(machine: Machine) -> None:
    """Puts there what the jobs call."""
    for path in _PROGRAMS:
        if not machine.exists(path):
            _put(machine, path, "", 0o755, 0)
    _put(machine, PROGRAM, script(), 0o755, 0)


def _photos() -> str:
    return _PI.split("30 3 * * * ")[1].partition("\n")[0]


def _dyndns() -> str:
    return _ROOT.split("*/10 * * * * ")[1].partition("\n")[0]


def _folder(machine: Machine, path: str, mode: int = 0o755, uid: int = 0, gid: int = 0) -> None:
    above = ""
    for part in path.split("/")[1:]:
        above += f"/{part}"
        if not machine.exists(above):
            last = above == path
            machine.files.mkdir(above, mode=mode if last else 0o755, uid=uid if last else 0, gid=gid if last else 0)


def _put(machine: Machine, path: str, text: str, mode: int, uid: int) -> None:
    folder = path.rpartition("/")[0]
    owner = 1000 if folder.startswith("/home/pi/") else 0
    _folder(machine, folder, 0o755, owner, owner)
    machine.files.replace(path, text.encode(), mode=mode, uid=uid, gid=uid)


def _at_jobs(machine: Machine, now: float) -> None:
    """Package at isn't among those that the demo's apt knows."""
    about = "Version: 3.2.5-2.1\nArchitecture: arm64\nSection: admin\nPriority: optional\nInstalled-Size: 218\n"
    stanza = (
        f"Package: at\nStatus: install ok installed\n{about}Description: Delayed job execution and batch processing\n"
    )
    machine.write(packages.STATUS, f"{(machine.text(packages.STATUS) or '').rstrip()}\n\n{stanza}")
    evening = now - now % DAY + DAY + 20 * 3600
    queued(machine, "pi", evening, "echo 'order seeds' | mail -s garden pi")


def _timers(machine: Machine) -> None:
    for name, about, command in _SERVICES:
        text = f"[Unit]\nDescription={about}\n\n[Service]\nType=oneshot\nExecStart={command}\n"
        machine.write(f"{units.LIB}/{name}.service", text)
    machine.write(f"{units.LIB}/systemd-tmpfiles-clean.timer", _TMPFILES)
    machine.write(f"{units.ETC}/water.service", _WATER_SERVICE)
    machine.write(f"{units.ETC}/water.timer", _WATER)
    units.set_enabled(machine, "water.timer", True)
    units.set_active(machine, "water.timer", True)
    _folder(machine, f"{_USERS}/timers.target.wants", 0o755, 1000, 1000)
    _put(machine, f"{_USERS}/dim.timer", _DIM, 0o644, 1000)
    service = "[Unit]\nDescription=Dims the display\n\n[Service]\nExecStart=/usr/bin/vcgencmd display_power 0\n"
    _put(machine, f"{_USERS}/dim.service", service, 0o644, 1000)


# what was recorded ----------------------------------------------------------------------------------------------------


def _records(machine: Machine, now: float) -> None:
    _folder(machine, RECORDS)
    for user, uid, name, runs in (("pi", 1000, "photos", _of_photos(now)), ("root", 0, "dyndns", _of_dyndns(now))):
        _folder(machine, f"{RECORDS}/{user}", 0o700, uid, uid)
        text = "".join(f"{json.dumps(run)}\n" for run in runs)
        machine.files.replace(f"{RECORDS}/{user}/{name}.jsonl", text.encode(), mode=0o600, uid=uid, gid=uid)


def _run(
    name: str, begin: float, seconds: float, status: int, what: str, tail: str, tries: int = 1
) -> Iterator[dict[str, Any]]:
    boot = hashlib.md5(f"{name}{begin}".encode()).hexdigest()[:8]
    about = {"v": 1, "id": f"{boot}-{2000 + int(begin) % 20_000}-{int(begin) % 600_000}", "begin": round(begin, 3)}
    yield about
    end = {"end": round(begin + seconds, 3), "status": status, "seconds": round(seconds, 3)}
    yield {**about, **end, "tries": tries, "what": what, "tail": tail}


def _of_photos(now: float) -> Iterator[dict[str, Any]]:
    """Three weeks of nights: a little longer each, once the disk was full, the last one out of line."""
    last = now - (now - 3.5 * 3600) % DAY
    for days in range(20, -1, -1):
        begin = last - days * DAY + 1.2
        if days == 6:
            full = 'rsync: write failed on "/mnt/backup/garden/robin.jpg": No space left on device (28)\n'
            yield from _run("photos", begin, 12.4, 11, "failed", full + "rsync error: error in file IO (code 11)\n")
        else:
            took = 214.0 if days == 0 else 41.0 + (20 - days) * 0.8 + days * 7 % 5
            yield from _run("photos", begin, took, 0, "done", "")


def _of_dyndns(now: float) -> Iterator[dict[str, Any]]:
    """Half a day; the last one hasn't found the name."""
    last = now - now % 600
    for turn in range(60, -1, -1):
        begin = last - turn * 600 + 0.4
        if turn == 0:
            said = "curl: (6) Could not resolve host: dyndns.example.org\n"
            yield from _run("dyndns", begin, 10.2, 6, "failed", said)
        else:
            yield from _run("dyndns", begin, 0.4 + turn % 3 * 0.1, 0, "done", "good 203.0.113.20\n")
