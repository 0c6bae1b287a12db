"""Scheduled jobs on real machines: crontabs that other programs read too, cron's own daemon, and every byte that wasn't
edited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .machine import Machine
from .program import Before, newest_job, says, tui, undo, until

SPOOL = "/var/spool/cron/crontabs"
PI = f"{SPOOL}/pi"
ODD = (
    b"# mine\r\n\tMAILTO = \"\"\r\nX='a b'\n\n  # prose: 0 5 * * 1 tar\n5 4 * * sun\techo caf\xe9 \\% >> /tmp/out\r\n"
    b"#off# @daily old%in\n\t*/30  1-3\t* * * cat%one%two\n@reboot true \xff\xfe\nY=\n0 0 1 1 * echo last"
)


def act(machine: Machine, action: str, *told: str, status: int = 0, more: tuple[str, ...] = ()) -> Any:
    argv = ("act", "cron", action, *told, "--yes", "--json", *more)
    return json.loads(tui(machine, *argv, status=status).stdout)


def jobs(machine: Machine) -> dict[str, Any]:
    found = json.loads(tui(machine, "cron", "list", "--json").stdout)["jobs"]
    return {each["job"]: each for each in found}


def runs(machine: Machine, job: str) -> list[Any]:
    found: list[Any] = json.loads(tui(machine, "cron", "history", job, "--json").stdout)["runs"]
    return found


def spool(machine: Machine) -> dict[str, str]:
    return machine.listing("/var/spool/cron")


@contextmanager
def as_it_was(machine: Machine) -> Iterator[None]:
    """/etc, the packages and the spool are as before in the end."""
    before, tabs = Before(machine), spool(machine)
    yield
    before.assert_as_before()
    assert spool(machine) == tabs


def differing(before: bytes, after: bytes) -> list[int]:
    old, new = before.split(b"\n"), after.split(b"\n")
    assert len(old) == len(new)
    return [number for number, pair in enumerate(zip(old, new, strict=True), 1) if pair[0] != pair[1]]


def installed_by_hand(machine: Machine, user: str, data: bytes) -> bytes:
    """As somebody does it; what is in the spool then."""
    machine.run(["crontab", "-u", user, "-"], stdin=data)
    return machine.read(f"{SPOOL}/{user}")


def revision(machine: Machine) -> int:
    return int(says(machine, "dpkg-query", "-W", "-f=${Version}", "cron").rpartition("-")[2])


@pytest.mark.long
def test_only_what_was_edited_differs_and_two_at_once_lose_nothing(installed: Machine) -> None:
    machine = installed
    # NAME= without quotes is refused before revision 187
    data = ODD if revision(machine) >= 187 else ODD.replace(b"Y=\n", b'Y=""\n')
    installed_by_hand(machine, "pi", data + b"\n")
    tab = machine.read(PI).removesuffix(b"\n")
    machine.run(["sh", "-c", f"truncate -s -1 {PI}"])  # cron ignores it then, and crontab(1) wouldn't take it
    assert machine.read(PI) == tab
    with as_it_was(machine):
        listed = jobs(machine)
        key = next(key for key, job in listed.items() if job["schedule"] == "5 4 * * sun")
        assert listed[key]["refused"] and "\\xe9" in listed[key]["text"]
        line = listed[key]["line"]
        changed = act(machine, "change", f"job={key}", f"text={listed[key]['text']}", "schedule=35 5 * * sun")
        assert changed["outcome"] == "done" and [check["status"] for check in changed["checks"]] == ["ok"]
        now = machine.read(PI)
        assert differing(tab, now) == [line] and b"35 5 * * sun\techo caf\xe9 \\% >> /tmp/out\r" in now
        assert says(machine, "stat", "-c", "%a %U %G", PI) == "600 pi crontab"
        first = newest_job(machine)
        act(machine, "create", "user=pi", "schedule=@weekly", "command=date +%F > /tmp/%d", "name=stamp")
        assert machine.read(PI) == now + b"\n# Name = stamp\n@weekly date +\\%F > /tmp/\\%d\n"
        assert not jobs(machine)[key]["refused"], "the line that was last has an end by now"
        undo(machine, newest_job(machine))
        a_pings_address_is_the_users_alone(machine)
        who_may_not_use_crontab_has_jobs_all_the_same(machine)
        undo(machine, first)
        somebody_elses_edit_is_not_lost(machine, key, tab)


def a_pings_address_is_the_users_alone(machine: Machine) -> None:
    address = "https://ping.example.org/5c1e0b7f"
    machine.write("/root/secrets.yaml", f"cron.pi.piped.ping: {address}\n", 0o600)
    key = next(key for key, job in jobs(machine).items() if job["command"] == "cat%one%two")
    told = (f"job={key}", "name=piped", "ping=true", "lock=true")
    done = act(machine, "record", *told, more=("--secrets", "/root/secrets.yaml"))
    assert done["outcome"] == "done" and address not in json.dumps(done)
    where = "/etc/cron-record/pi/piped.ping"
    assert machine.read(where).decode() == address and says(machine, "stat", "-c", "%a %U", where) == "400 pi"
    assert jobs(machine)[key]["recorded"] and b" -n piped -l -p -- cat" in machine.read(PI).replace(b"'", b"")
    held = machine.run(["grep", "-rl", address, "/var/lib/pi-installer-tui"], check=False)
    assert not held.ok, held.stdout
    undo(machine, newest_job(machine))
    machine.run(["rm", "/root/secrets.yaml"])


def who_may_not_use_crontab_has_jobs_all_the_same(machine: Machine) -> None:
    machine.write("/etc/cron.allow", "nobody\n")
    assert not machine.run(["crontab", "-l", "-u", "pi"], check=False).ok
    done = act(machine, "create", "user=pi", "schedule=@weekly", "command=true")
    assert done["outcome"] == "done" and [check["status"] for check in done["checks"]] == ["ok", "ok"]
    assert "Y=" not in json.dumps(done["checks"]), "other lines of the crontab are none of the check's"
    machine.run(["rm", "/etc/cron.allow"])
    undo(machine, newest_job(machine))


def somebody_elses_edit_is_not_lost(machine: Machine, key: str, tab: bytes) -> None:
    argv = ("pi-installer-tui", "act", "cron", "disable", f"jobs={key}")
    with machine.tty(argv, size=(120, 60)) as terminal:
        terminal.wait_for("Go ahead? [y/N]")
        installed_by_hand(machine, "pi", b"@daily theirs\n")
        theirs = machine.read(PI)
        terminal.type("y\n")
        terminal.wait_for("the machine changed since the review")
        assert terminal.wait() != 0
    assert machine.read(PI) == theirs
    machine.run(["rm", PI])
    machine.run(["sh", "-c", f"cat >{PI}; chown pi:crontab {PI}; chmod 600 {PI}"], stdin=tab)


EVERYTHING = (
    "exec >/tmp/$NAME.new 2>&1; env | grep -v ^NAME= | sort; pwd; id -u; id -G; cat; readlink /proc/$$/exe; "
    "mv /tmp/$NAME.new /tmp/$NAME"
)


@pytest.mark.long
def test_the_daemon_runs_what_was_made_and_a_run_by_hand_is_the_same(installed: Machine) -> None:
    machine = installed
    machine.run(["apt-get", "purge", "-y", "-qq", "cron"])
    machine.run(["rm", "-rf", "/var/spool/cron"])
    machine.write("/etc/environment", 'LANG_OF=machine\nPATH="/nowhere"\n')
    before = Before(machine)
    command = f"NAME=env; {EVERYTHING}"
    made = act(machine, "create", "user=pi", "schedule=* * * * *", f"command={command}%one%two", "raw=true", "name=env")
    assert made["outcome"] == "done" and {check["status"] for check in made["checks"]} == {"ok"}
    created = newest_job(machine)
    key = f"{PI}:5"
    assert b"\n# Name = env\n* * * * * " in machine.read(PI)
    record = act(machine, "create", "user=pi", "schedule=* * * * *", "command=echo 50% >&2; exit 3",
                 "name=fails", "record=true")  # fmt: skip
    assert record["outcome"] == "done"
    recorded = newest_job(machine)
    until(lambda: machine.run(["test", "-e", "/tmp/env"], check=False).ok, 150)
    by_cron = machine.read("/tmp/env")
    assert b"\none\ntwo\n" in by_cron and b"LANG_OF=machine" in by_cron and b"/home/pi\n" in by_cron
    machine.run(["rm", "/tmp/env"])
    until(lambda: any(run["what"] == "failed" for run in runs(machine, "fails")), 150)
    assert next(run for run in runs(machine, "fails") if run["what"] == "failed")["status"] == 3
    assert runs(machine, key)
    off = act(machine, "disable", f"jobs={key},{PI}:7")
    assert off["outcome"] == "done" and machine.read(PI).count(b"\n#off# * * * * * ") == 2
    disabled = newest_job(machine)
    machine.run(["rm", "-f", "/tmp/env"])
    ran = act(machine, "run", f"job={key}")
    assert ran["outcome"] == "done" and machine.read("/tmp/env") == by_cron
    failed = act(machine, "run", f"job={PI}:7", status=1)
    assert failed["outcome"] == "failed"
    shell = act(machine, "run", f"job={key}", "where=shell")
    assert shell["outcome"] == "done" and machine.read("/tmp/env") != by_cron
    for job in (disabled, recorded, created):
        undo(machine, job)
    before.assert_as_before()
    assert not machine.run(["test", "-e", PI], check=False).ok
    assert machine.run(["test", "-e", "/var/log/cron-record/pi/fails.jsonl"], check=False).ok, (
        "what was recorded is data"
    )


@pytest.mark.long
def test_timers_are_made_started_switched_and_turned_into_lines_and_back(installed: Machine) -> None:
    machine = installed
    with as_it_was(machine):
        act(
            machine,
            "timer",
            "name=own",
            "calendars=Mon,Tue 10:00; *-*-1 4:00",
            "command=echo 100% >/tmp/own",
            "user=pi",
        )
        made = newest_job(machine)
        assert "Mon,Tue *-*-* 10:00:00" in says(machine, "systemctl", "show", "own.timer", "--property=TimersCalendar")
        act(machine, "run", "job=own.timer")
        assert machine.read("/tmp/own") == b"100%\n" and runs(machine, "own.timer")[0]["what"] == "done"
        exported = tui(machine, "export", "cron").stdout
        assert "own:" in exported
        tui(machine, "plan", "-", setup=exported)  # nothing to do
        act(machine, "to-cron", "job=own.timer", "user=root", status=3)
        act(machine, "to-cron", "job=own.timer", "user=pi")
        line = newest_job(machine)
        made_of_it = b"echo 100\\% >/tmp/own\n"
        assert machine.read(PI) == b"0 10 * * 1,2 " + made_of_it + b"0 4 1 * * " + made_of_it
        assert not machine.run(["systemctl", "cat", "own.timer"], check=False).ok
        act(machine, "to-timer", f"job={PI}:1", "name=again")
        back = newest_job(machine)
        assert (
            machine.read(PI) == b"0 4 1 * * " + made_of_it
            and says(machine, "systemctl", "is-active", "again.timer") == "active"
        )
        for job in (back, line, made):
            undo(machine, job)


@pytest.mark.long
def test_scripts_and_a_users_own_timer_are_switched_off_and_given_back(installed: Machine) -> None:
    machine = installed
    machine.write("/etc/cron.daily/own", "#!/bin/sh\necho own\n", 0o755)
    folder = "/home/pi/.config/systemd/user"
    machine.run(["mkdir", "-p", folder], user="pi")
    machine.write(f"{folder}/mine.timer", "[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target\n")
    machine.write(f"{folder}/mine.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'id -un >/tmp/mine'\n")
    machine.run(["chown", "-R", "pi:pi", "/home/pi/.config"])
    machine.run(["loginctl", "enable-linger", "pi"])
    until(lambda: "pi/mine.timer" in jobs(machine) and jobs(machine)["pi/mine.timer"]["owner"] == "pi", 60)
    control = ["setpriv", "--reuid=1000", "--regid=1000", "--init-groups", "env", "XDG_RUNTIME_DIR=/run/user/1000"]
    control += ["systemctl", "--user"]
    until(lambda: machine.run([*control, "enable", "--now", "mine.timer"], check=False).ok, 60)
    mine = machine.listing(folder)
    with as_it_was(machine):
        act(machine, "disable", "jobs=/etc/cron.daily/own,pi/mine.timer")
        assert "own" not in says(machine, "run-parts", "--test", "/etc/cron.daily")
        assert says_anyway(machine, *control, "is-enabled", "mine.timer") == "disabled"
        assert says_anyway(machine, *control, "is-active", "mine.timer") == "inactive"
        off = newest_job(machine)
        act(machine, "run", "job=/etc/cron.daily/own", status=3)
        act(machine, "run", "job=pi/mine.timer")
        assert machine.read("/tmp/mine") == b"pi\n"
        undo(machine, off)
        ran = act(machine, "run", "job=/etc/cron.daily/own")
        assert "own" in ran["steps"][0]["output"]
        act(machine, "delete", "jobs=pi/mine.timer,/etc/cron.daily/own")
        assert not machine.run(["test", "-e", f"{folder}/mine.timer"], check=False).ok
        undo(machine, newest_job(machine))
    assert machine.listing(folder) == mine
    assert says(machine, *control, "is-active", "mine.timer") == "active"


def says_anyway(machine: Machine, *argv: str) -> str:
    return machine.run(argv, check=False).stdout.strip()
