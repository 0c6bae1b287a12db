"""A machine's scheduled jobs as they were at one moment, for tests of what is drawn of them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.system.accounts import Account
from pi_installer_tui.system.cron.read import SPOOL, Cron, Crontab, Script, Scripts
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.scheduled import programs
from pi_installer_tui.system.host import FileStat
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.system.timers.at import AtJob
from pi_installer_tui.system.timers.conversion import Timing
from pi_installer_tui.system.timers.read import Found, LastRun, Timer

#: Saturday, 28 November 2026, 04:18 by the clock of Berlin
NOW = 1_795_835_880.0
HOUR, DAY = 3600.0, 86_400.0
PI = """\
PATH=/usr/local/bin:/usr/bin:/bin
MAILTO=pi
API_TOKEN=hunter2

*/15 * * * * /home/pi/weather/upload.sh
# Name = photos
30 3 * * * /usr/local/bin/cron-record -n photos -l -t 3600 -- 'rsync -a --delete /home/pi/garden/ /mnt/backup/garden/'
30 3 * * * tar czf /mnt/backup/notes-$(date +%F).tgz -C /home/pi Documents
#off# 0 6 1 * * tar czf /mnt/backup/letters.tgz Documents
30 2 * * * /home/pi/bin/night.sh
@reboot /home/pi/garden/camera.py
"""
REBOOT = "0 4 * * 1 /sbin/shutdown -r +5\n"
DAILY = "25 6 * * * root test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }\n"


def key(line: int) -> str:
    """The row of a line of pi's crontab."""
    return f"{SPOOL}/pi:{line}"


def state(more: str = "", timers: Sequence[Timer] = ()) -> State:
    """more: further lines of pi's crontab."""
    users = {
        "root": Account("root", 0, 0, "", "/root", "/bin/bash"),
        "pi": Account("pi", 1000, 1000, "", "/home/pi", "/bin/bash"),
    }
    stat = FileStat("file", 0o644, 0, 0, 100, 0, None)
    crontabs = (
        Crontab("/etc/crontab", "", Table(DAILY.encode(), system=True), stat),
        Crontab("/etc/cron.d/reboot", "", Table(REBOOT.encode(), system=True), stat),
        Crontab(f"{SPOOL}/pi", "pi", Table((PI + more).encode()), stat),
    )
    scripts = (Script("/etc/cron.daily/dpkg", stat), Script("/etc/cron.daily/old.sh", stat, "its name has a dot"))
    folder = Scripts("daily", "/etc/cron.daily", scripts, "/etc/crontab:1")
    cron = Cron(crontabs, (folder,), daemon="cron", version="3.0pl1-197", revision=197, users=users)
    queued = AtJob(3, NOW + 20 * HOUR, "a", "pi", running=False, command=Known("echo seeds | mail pi"))
    own = (_backup(), _water())
    return State(cron, Found((*own, *timers)), Known((queued,)), Known("Europe/Berlin"))


def _backup() -> Timer:
    timing = Timing(("*-*-* 03:00:00",), persistent=True, random_delay=900.0)
    ran = LastRun(NOW - HOUR, "success", "exited", 0, 250.0)
    return Timer(
        name="pi-installer-tui-backup-home.timer",
        owner="",
        starts="pi-installer-tui-backup-home.service",
        timing=timing,
        next=Known(NOW + 23 * HOUR + 600),
        last=Known(NOW - HOUR),
        run=Known(ran),
        description="When: Backup home",
        commands=("/opt/pi-installer-tui/current/bin/python -I -m pi_installer_tui backup run home usb",),
        enabled="enabled",
        active=True,
        file="/etc/systemd/system/pi-installer-tui-backup-home.timer",
    )


def _water() -> Timer:
    ran = LastRun(NOW - 8 * HOUR, "exit-code", "exited", 1, 23.0)
    return Timer(
        name="water.timer",
        owner="",
        starts="water.service",
        timing=Timing(("Mon..Sat *-*-* 06,20:00:00",)),
        next=Known(NOW + HOUR + 2520),
        last=Known(NOW - 8 * HOUR),
        run=Known(ran),
        description="Waters the tomatoes",
        commands=("/usr/bin/python3 /home/pi/garden/water.py",),
        user="pi",
        enabled="enabled",
        active=True,
        file="/etc/systemd/system/water.timer",
    )


def unknown(name: str) -> Timer:
    """A timer of a user whose manager doesn't run."""
    rests = Unknown("the manager of pi doesn't run")
    return Timer(name, "pi", "x.service", Timing(("*-*-* 22:30:00",)), rests, rests, rests)


def furnish(host: DemoHost) -> None:
    """What the jobs call, and what was recorded of `photos`: ten nights, one failed, the last one took long."""
    programs(host.machine)
    for path in ("weather/upload.sh", "garden/camera.py", "bin/night.sh"):
        host.machine.write(f"/home/pi/{path}", "", 0o755)
    lines = []
    for days in range(9, -1, -1):
        begin, status = NOW - 2880 - days * DAY, 11 if days == 4 else 0
        about = {"v": 1, "id": f"boot-{days}-1", "begin": begin}
        took = 213.0 if days == 0 else 42.0 + days % 3
        end = {
            "end": begin + took,
            "status": status,
            "seconds": took,
            "tries": 1,
            "what": "failed" if status else "done",
        }
        tail = "rsync: write failed: No space left on device (28)\n\x1b[31mrsync error\x1b[0m\n" if status else ""
        lines += [about, {**about, **end, **({"tail": tail} if tail else {})}]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    host.machine.write("/var/log/cron-record/pi/photos.jsonl", text, 0o600)
