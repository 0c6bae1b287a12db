"""Timers on real machines: read of all managers, units from hostile settings run by the real systemd, the past from the
real journal, and cron's schedules judged by the machine's own systemd-analyze."""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from pi_installer_tui.system.timers.conversion import Timing, to_timer
from pi_installer_tui.system.timers.unit import Job, units
from tests.unit.test_timers_conversion import BEGIN, END, cron_runs

from .lab import Lab
from .machine import Image, Machine
from .program import says, until

PYTHON = "/opt/pi-installer-tui/current/bin/python"

LOOKS = """
import asyncio, dataclasses, json, sys
from pi_installer_tui.system.entries import LogError
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.reading import Known
from pi_installer_tui.system.timers import at, calendar, history, read

asked = []

class Counting(LocalHost):
    async def run(self, argv, **more):
        asked.append(list(argv))
        return await super().run(argv, **more)

def plain(value):
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value

async def main(verb, wanted):
    host = Counting()
    if verb == "timers":
        found = await read.read(host)
        return {"timers": [plain(t) for t in found.timers], "untold": found.untold, "commands": len(asked)}
    if verb == "at":
        jobs = await at.read(host)
        told = [plain(job) for job in jobs.value] if isinstance(jobs, Known) else str(jobs)
        return {"jobs": told, "commands": len(asked)}
    if verb == "history":
        runs, further, pages = [], None, 0
        whose = history.Asked(True, tuple(wanted["units"]), (("pi", 1000, "mine.service"),))
        while True:
            try:
                page = await history.read(host, whose, wanted["count"], further)
            except LogError as error:
                return {"refused": str(error)}
            runs += [plain(run) for run in page.runs]
            pages += 1
            if (further := page.further) is None:
                return {"runs": runs, "pages": pages, "begins": page.begins, "untold": page.untold}
    answers = []
    for base, expressions in wanted:
        found = await calendar.ask(host, expressions, iterations=15, base=base, zone="UTC")
        answers.append([plain(answer) for answer in found.value])
    return answers

print(json.dumps(asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))))
"""

#: what shows how it was started: its arguments, its surroundings, as whom
SHOW = """#!/bin/sh
cat /proc/$$/cmdline >"/run/shown/$1.argv"
cat /proc/$$/environ >"/run/shown/$1.env"
id -un >"/run/shown/$1.user"
"""
PROGRAMS = ("/usr/local/bin/show", "/opt/it is 100%h $HOME ${x};é#/show")
ALPHABET = "ab \"'\\$%{}();#&|<>*?~`!\n\r\t=-@:+x07\x01\x1b\x7fé☃\u2028\x85"
ENVIRONMENT = [c for c in ALPHABET if c not in "\r\x01\x1b\x7f"]


def look(machine: Machine, verb: str, wanted: Any = None, user: str = "root") -> Any:
    argv = [PYTHON, "-I", "-c", LOOKS, verb, json.dumps(wanted)]
    return json.loads(machine.run(argv, user=user).stdout)


def prepare(machine: Machine) -> None:
    machine.run(["apt-get", "update", "-qq"])
    machine.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "at"])


@pytest.fixture
def scheduled(lab: Lab, installed_image: Image) -> Iterator[Machine]:
    """A machine with timers of the system and of users, that have run or not, at jobs, and a cron that logs all."""
    with lab.machine(lab.layer(installed_image, "timers", "at", prepare)) as booted:
        make(booted)
        yield booted


def make(machine: Machine) -> None:
    system, mine = "/etc/systemd/system", "/home/pi/.config/systemd/user"
    for name, text in {
        f"{system}/ok.timer": "[Timer]\nOnCalendar=Mon 05:00\nOnCalendar=*-*-1 04:00\nOnUnitActiveSec=90min\n"
        "OnBootSec=20h\nRandomizedDelaySec=10min\n",
        f"{system}/ok.service": "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'sleep 0.3; echo done'\n",
        f"{system}/bad.timer": "[Timer]\nOnActiveSec=0\nAccuracySec=1ms\n",
        f"{system}/bad.service": "[Service]\nType=oneshot\nUser=nobody\nExecStart=/bin/sh -c 'exit 3'\n",
        f"{system}/asleep.timer": "[Timer]\nOnCalendar=hourly\nPersistent=yes\n[Install]\nWantedBy=timers.target\n",
        f"{system}/asleep.service": "[Service]\nExecStart=/bin/true\n",
        f"{mine}/mine.timer": "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n",
        f"{mine}/mine.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
        "/root/.config/systemd/user/roots.timer": "[Timer]\nOnCalendar=weekly\n",
        "/etc/cron.d/once": "@reboot root true one\n@reboot pi exit 5\n",
        "/etc/default/cron": 'EXTRA_OPTS="-L 15"\n',
    }.items():
        machine.write(name, text)
    machine.run(["chown", "-R", "pi:pi", "/home/pi/.config"])
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["loginctl", "enable-linger", "pi"])
    machine.run(["systemctl", "start", "ok.timer", "bad.timer", "ok.service"])
    machine.run(["rm", "-f", "/run/crond.reboot"])  # what tells cron that it has been started since the machine was
    machine.run(["systemctl", "restart", "cron"])
    until(lambda: machine.run(["test", "-S", "/run/user/1000/systemd/private"], check=False).ok)
    control(machine, "daemon-reload")
    control(machine, "start", "mine.timer")
    control(machine, "start", "mine.service", check=False)
    until(lambda: says(machine, "systemctl", "show", "-P", "Result", "bad.service") == "exit-code")


def control(machine: Machine, *argv: str, check: bool = True) -> None:
    """A user's systemctl."""
    env = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    machine.run(["systemctl", "--user", *argv], user="pi", env=env, check=check)


def next_runs_agree(machine: Machine) -> bool:
    """Whether a timer's next run is the one that systemd tells, of all that had none between the two looks."""
    found = {t["name"]: t["next"].get("value") for t in look(machine, "timers")["timers"] if not t["owner"]}
    listed = json.loads(says(machine, "systemctl", "list-timers", "--all", "--output=json"))
    return all(found[each["unit"]] == (each["next"] and each["next"] / 1e6) for each in listed)


def past_of(machine: Machine, wanted: Any) -> dict[str, Any]:
    """What ran, by its unit or command; of each the oldest."""
    return {run["unit"] or run["command"]: run for run in look(machine, "history", wanted)["runs"]}


def test_everything_that_is_scheduled_is_read_and_what_ran_is_told(scheduled: Machine) -> None:
    found = look(scheduled, "timers")
    timers = {(timer["owner"], timer["name"]): timer for timer in found["timers"]}
    assert found["commands"] <= 10 and found["untold"] == []
    ok, bad = timers["", "ok.timer"], timers["", "bad.timer"]
    assert ok["timing"]["calendars"] == ["Mon *-*-* 05:00:00", "*-*-01 04:00:00"]
    assert ok["monotonic"] == [["OnUnitActiveSec", 5400.0], ["OnBootSec", 72000.0]]
    assert ok["timing"]["random_delay"] == 600.0 and ok["run"]["value"]["result"] == "success"
    assert 0.3 < ok["run"]["value"]["seconds"] < 60 and ok["file"] == "/etc/systemd/system/ok.timer"
    until(lambda: next_runs_agree(scheduled))
    run = bad["run"]["value"]
    assert (run["result"], run["code"], run["status"], bad["user"]) == ("exit-code", "exited", 3, "nobody")
    assert abs(bad["last"]["value"] - run["at"]) < 60 and bad["commands"] == ["/bin/sh -c exit 3"]
    asleep = timers["", "asleep.timer"]
    assert (asleep["enabled"], asleep["active"], asleep["timing"]["persistent"]) == ("disabled", False, True)
    mine, roots = timers["pi", "mine.timer"], timers["root", "roots.timer"]
    assert mine["active"] and mine["run"]["value"]["status"] == 1 and mine["next"]["value"] > ok["run"]["value"]["at"]
    assert "doesn't run" in roots["next"]["reason"] and roots["timing"]["calendars"] == ["weekly"]
    files = json.loads(says(scheduled, "systemctl", "list-unit-files", "--type=timer", "--output=json"))
    assert {each["unit_file"] for each in files} <= {name for owner, name in timers if not owner}

    others = look(scheduled, "timers", user="games")
    assert any("pi" in said and "root" in said for said in others["untold"])
    assert {t["name"] for t in others["timers"]} >= {"ok.timer", "bad.timer"}

    scheduled.run(["at", "-q", "c", "05:00 2027-12-24"], stdin='echo "a job"; sleep 1\n')
    scheduled.run(["at", "06:00 2027-12-24"], stdin="date\n", user="pi")
    jobs = look(scheduled, "at")
    assert [(job["user"], job["queue"], job["command"]["value"]) for job in jobs["jobs"]] == [
        ("root", "c", 'echo "a job"; sleep 1'),
        ("pi", "a", "date"),
    ]
    assert [job["at"] for job in jobs["jobs"]] == [1829624400.0, 1829628000.0] and jobs["commands"] == 2

    wanted = {"units": ["ok.service", "bad.service"], "count": 50}
    ended = {"exit 5", "true one", "ok.service", "bad.service", "mine.service"}
    until(lambda: ended <= {name for name, run in past_of(scheduled, wanted).items() if run["seconds"] is not None})
    past = look(scheduled, "history", wanted)
    told = past_of(scheduled, wanted)
    assert (told["exit 5"]["user"], told["exit 5"]["result"], told["exit 5"]["status"]) == ("pi", "exit-code", 5)
    assert told["true one"]["user"] == "root" and told["true one"]["result"] == ""
    assert (told["ok.service"]["result"], told["bad.service"]["status"]) == ("success", 3)
    assert 0.3 < told["ok.service"]["seconds"] < 60
    assert (told["mine.service"]["user"], told["mine.service"]["result"]) == ("pi", "exit-code")
    assert past["begins"] <= min(run["at"] for run in past["runs"]) and past["untold"]
    paged = look(scheduled, "history", {**wanted, "count": 1})
    began = [(run["at"], run["unit"], run["command"]) for run in past["runs"]]
    again = [(run["at"], run["unit"], run["command"]) for run in paged["runs"]]
    assert paged["pages"] >= len(again) and [run for run in again if run in began] == began, "others may have begun"
    assert "may not be read" in look(scheduled, "history", wanted, user="games")["refused"]


def hostile(number: int) -> Job:
    chance = random.Random(number)

    def text(alphabet: Any, most: int) -> str:
        return "".join(chance.choice(alphabet) for _each in range(chance.randrange(most)))

    words = [text(ALPHABET, 9) for _each in range(chance.randrange(5))]
    odd = ["", ";", "$HOME", "${HOME}", "$$", "%h", "%%", "\\", "-", "'", "a\nExecStart=/bin/false", "#", "\\;", "~"]
    environment = {f"V{n}": text(ENVIRONMENT, 9) for n in range(chance.randrange(3))}
    return Job(
        f"hostile-{number}",
        (chance.choice(PROGRAMS), f"hostile-{number}", *words, *chance.sample(odd, 3)),
        Timing(("*-01-01 00:00:00",)),
        description="100 % $HOME; it's",
        user=chance.choice(["", "pi"]),
        environment=environment,
    )


def test_whatever_the_arguments_are_each_arrives_as_it_is(installed: Machine) -> None:
    jobs = [hostile(number) for number in range(40)]
    for program in PROGRAMS:
        installed.run(["mkdir", "-p", program.rpartition("/")[0]])
        installed.write(program, SHOW, 0o755)
    installed.run(["mkdir", "-m", "1777", "/run/shown"])
    written = {name: text for job in jobs for name, text in units(job).items()}
    script = "".join(f"printf %s {shlex.quote(text)} >/etc/systemd/system/{name}\n" for name, text in written.items())
    installed.run(["sh"], stdin=script)
    installed.run(["systemctl", "daemon-reload"])
    verified = installed.run(["systemd-analyze", "verify", *(f"/etc/systemd/system/{name}" for name in written)])
    assert "hostile" not in verified.stderr, verified.stderr
    installed.run(["systemctl", "start", *(f"{job.name}.service" for job in jobs)])
    shown = installed.run(["sh", "-c", "cd /run/shown && for f in *; do echo $f; od -An -v -tx1 $f; done"]).stdout
    found: dict[str, bytes] = {}
    name = ""
    for line in shown.splitlines():
        if line.startswith("hostile"):
            name, found[line] = line, b""
        else:
            found[name] += bytes.fromhex(line)
    for job in jobs:
        argv = ["/bin/sh", *job.command]
        assert found[f"{job.name}.argv"] == b"".join(word.encode() + b"\0" for word in argv), job
        values = found[f"{job.name}.env"].split(b"\0")
        assert all(f"{key}={value}".encode() in values for key, value in job.environment.items()), job
        assert found[f"{job.name}.user"].decode().strip() == (job.user or "root")
        assert says(installed, "systemctl", "show", "-P", "Description", job.name) == job.description


SCHEDULES = (
    *("*/7 * * * *", "0 3 1 * mon", "0 3 */2 * mon", "0 0 * * 7", "0 0 * * 5-7", "0 0 29 2 *", "0 0 31 2 *"),
    *("5-59/9,0 1-5,23 * jan-mar,12 *", "*/100 */50 * * *", "15 2,14 */10 * */2", "0 0 13 * 5", "59 23 31 12 *"),
)


def test_a_schedule_runs_at_the_same_times_for_the_systemd_of_the_machine(installed: Machine) -> None:
    bases = [BEGIN + timedelta(days=days, minutes=days) for days in (0, 90, 400, 600)]
    wanted = [[base.timestamp(), to_timer(each).timing.calendars] for each in SCHEDULES for base in bases]
    pairs = [(schedule, base) for schedule in SCHEDULES for base in bases]
    for (schedule, base), answers in zip(pairs, look(installed, "calendar", wanted), strict=True):
        ours = [time for _number, time in zip(range(10), cron_runs([schedule], base), strict=False)]
        theirs = {time for answer in answers for time in answer["runs"] if time < END.timestamp()}
        assert ours == sorted(theirs)[:10], (schedule, base)
    # the hole that schedules are kept out of: expression.uneven
    evening = 1796065200.0  # 30 November 2026, 19:00
    hole = look(installed, "calendar", [[evening, ["00/5:00", "00..20/5:00"]]])[0]
    assert [answer["runs"][1] - evening for answer in hole] == [10 * 3600, 5 * 3600]
    refused = look(installed, "calendar", [[0.0, ["*:*/5", "Sat..Mon", "25:00", "*:50/20", "daily"]]])[0]
    assert [bool(answer["mistake"]) for answer in refused] == [True, True, True, True, False]
