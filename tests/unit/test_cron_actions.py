"""What actions on scheduled jobs plan: which line differs, what else is needed, what is refused and where. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui import modules, planning
from pi_installer_tui.modules.cron import listing
from pi_installer_tui.modules.cron.state import Recorder, State
from pi_installer_tui.system.accounts import Account
from pi_installer_tui.system.cron.read import Cron, Crontab, Script, Scripts
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.cron.wrapped import PROGRAM, unwrap
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.host import FileStat
from pi_installer_tui.system.reading import MISSING, Known
from pi_installer_tui.system.timers.at import AtJob
from pi_installer_tui.system.timers.conversion import Timing
from pi_installer_tui.system.timers.read import Found, Timer
from pi_installer_tui.system.timers.unit import Job
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.steps import Crontab as Step
from pi_installer_tui.tasks.steps import (
    InstallPackages,
    RemoveFile,
    RunAsCron,
    RunCommand,
    SecretFile,
    Unit,
    WriteFile,
)
from pi_installer_tui.tasks.steps.crontab import HEADER

MODULE = modules.load("cron")
SPOOL = "/var/spool/cron/crontabs"
PI, ROOT, ETC, OWN = f"{SPOOL}/pi", f"{SPOOL}/root", "/etc/crontab", "/etc/cron.d/own"
TABS = {
    PI: b"MAILTO=a@b.c\n# Name = dump\n\t0 3  * * * dump 100\\%  caf\xe9\r\n#off# @daily old\n5 5 * * * cat%a%b",
    ETC: b"SHELL=/bin/sh\n17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n* * * * * pi true\n",
}
USERS = {
    "root": Account("root", 0, 0, "", "/root", "/bin/bash"),
    "pi": Account("pi", 1000, 1000, "", "/home/pi", "/bin/bash"),
    "daemon": Account("daemon", 1, 1, "", "/usr/sbin", "/usr/sbin/nologin"),
}


def stat(uid: int, mode: int) -> FileStat:
    return FileStat("file", mode, uid, 0, 0, 0)


def crontab(path: str, data: bytes) -> Crontab:
    user = path.removeprefix(f"{SPOOL}/") if path.startswith(SPOOL) else ""
    return Crontab(path, user, Table(data, system=not user), stat(0, 0o600 if user else 0o644))


def timer(name: str, **fields: Any) -> Timer:
    usual: dict[str, Any] = {
        "owner": "", "starts": name.replace(".timer", ".service"), "timing": Timing(("*-*-* 04:00:00",)),
        "next": MISSING, "last": MISSING, "run": MISSING, "enabled": "enabled", "active": True,
        "file": f"/etc/systemd/system/{name}",
    }  # fmt: skip
    return Timer(name, **{**usual, **fields})


def state(tabs: dict[str, bytes] = TABS, *, daemon: str = "cron", **fields: Any) -> State:
    tables = tuple(crontab(path, data) for path, data in tabs.items())
    hourly = Scripts("hourly", "/etc/cron.hourly", (Script("/etc/cron.hourly/own", stat(0, 0o755)),), f"{ETC}:2")
    cron = Cron(tables, (hourly,), None, False, daemon, "3.0pl1-162" if daemon else "", 162, False, USERS)
    return State(cron, zone=Known("UTC"), **fields)


def plan(action: str, at: State | None = None, **told: Any) -> Plan:
    now = state() if at is None else at
    arguments = planning.arguments("cron", action, told)
    assert MODULE.validate_action(now, action, arguments) == ()
    made = MODULE.plan_action(now, action, arguments)
    return Plan.model_validate_json(made.model_dump_json())


def wrong(action: str, at: State | None = None, **told: Any) -> str:
    (mistake,) = MODULE.validate_action(state() if at is None else at, action, planning.arguments("cron", action, told))
    return str(mistake)


def after(made: Plan, tabs: dict[str, bytes] = TABS) -> dict[str, bytes]:
    """The crontabs that a plan leaves, those that it doesn't touch left out."""
    found = {step.path: bytes(step.table(tabs.get(step.path, b""))) for step in made.steps if isinstance(step, Step)}
    assert all(not step.becomes or len(step.becomes) == 64 for step in made.steps if isinstance(step, Step))
    return found


def line(data: bytes, number: int) -> bytes:
    return data.split(b"\n")[number - 1]


def others(before: bytes, now: bytes, *but: int) -> bool:
    """All lines are the same, but for these."""
    old, new = before.split(b"\n"), now.split(b"\n")
    return len(old) == len(new) and all(
        a == b for n, (a, b) in enumerate(zip(old, new, strict=True), 1) if n not in but
    )


def row(key: str, at: State | None = None) -> listing.Row:
    return next(each for each in listing.rows(state() if at is None else at) if each.key == key)


# lines ------------------------------------------------------------------------------------------------------------


def test_a_new_job_is_the_last_line_and_every_byte_before_it_stays() -> None:
    made = plan("create", user="pi", schedule="*/5 * * * *", command="date +%F >> 50%", name="stamp")
    added = b"\n# Name = stamp\n*/5 * * * * date +\\%F >> 50\\%\n"
    assert after(made) == {PI: TABS[PI] + added}
    assert {check.id for check in made.checks} == {"cron.crontab.1", "cron.daemon"}
    off = plan("create", user="root", schedule="@daily", command="a%b", raw=True, enabled=False)
    assert after(off) == {ROOT: HEADER + b"#off# @daily a%b\n"}
    (own,) = after(plan("create", file=OWN, schedule="@daily", command="true", as_user="pi")).items()
    assert own == (OWN, b"@daily pi true\n")
    assert after(plan("create", file=ETC, schedule="@daily", command="true"))[ETC].endswith(b"@daily root true\n")


def test_cron_is_installed_where_it_is_missing() -> None:
    made = plan("create", state({}, daemon=""), user="pi", schedule="@daily", command="true")
    first, second = made.steps
    assert isinstance(first, InstallPackages) and first.packages == ("cron",) and second.needs == (first.id,)


def test_one_entry_is_changed_and_its_blanks_and_bytes_stay() -> None:
    made = plan("change", job=f"{PI}:3", schedule="30 4 * * 1-5")
    assert line(after(made)[PI], 3) == b"\t30 4 * * 1-5 dump 100\\%  caf\xe9\r"
    assert others(TABS[PI], after(made)[PI], 3)
    made = plan("change", job=f"{PI}:3", command="other 5%", name="other")
    assert line(after(made)[PI], 3) == b"\t0 3  * * * other 5\\%\r" and line(after(made)[PI], 2) == b"# Name = other"
    assert others(TABS[PI], after(made)[PI], 2, 3)
    made = plan("change", job=f"{ETC}:2", as_user="pi")
    assert line(after(made)[ETC], 2) == b"17 *\t* * *\tpi\tcd / && run-parts --report /etc/cron.hourly"
    assert plan("change", job=f"{PI}:3", schedule="0 3  * * *").steps == ()


def test_jobs_are_switched_off_and_on_again_to_the_byte() -> None:
    keys = [f"{PI}:3", f"{PI}:5", f"{ETC}:3"]
    off = after(plan("disable", jobs=keys))
    assert (
        line(off[PI], 3) == b"#off# \t0 3  * * * dump 100\\%  caf\xe9\r"
        and line(off[PI], 5) == b"#off# 5 5 * * * cat%a%b"
    )
    assert line(off[ETC], 3) == b"#off# * * * * * pi true"
    again = {**TABS, **off}
    assert after(plan("enable", state(again), jobs=keys), again) == {PI: TABS[PI], ETC: TABS[ETC]}
    assert plan("disable", jobs=[f"{PI}:4"]).steps == ()


def test_a_deleted_job_takes_its_name_along_and_nothing_else() -> None:
    made = after(plan("delete", jobs=[f"{PI}:3", f"{PI}:4"]))
    assert made == {PI: b"MAILTO=a@b.c\n5 5 * * * cat%a%b"}


def test_a_job_moves_with_its_name_and_is_there_before_it_goes() -> None:
    made = plan("move", job=f"{PI}:3", user="root")
    assert [step.path for step in made.steps if isinstance(step, Step)] == [ROOT, PI]
    assert made.steps[1].needs == (made.steps[0].id,)
    moved = after(made)
    assert moved[ROOT] == HEADER + b"# Name = dump\n\t0 3  * * * dump 100\\%  caf\xe9\n"
    assert moved[PI] == b"MAILTO=a@b.c\n#off# @daily old\n5 5 * * * cat%a%b"
    told = " ".join(notice.text for notice in made.notices)
    assert "ran as pi, and will run as root" in told and "sets MAILTO" in told and "a@b.c" not in told
    made = plan("move", job=f"{PI}:5", file=OWN)
    assert any("Everybody on the machine can read" in notice.text for notice in made.notices)
    to_etc = after(made)
    assert to_etc[OWN] == b"5 5 * * * pi cat%a%b\n", "as whom it ran before"
    assert after(plan("copy", job=f"{ETC}:3", user="pi"))[PI] == TABS[PI] + b"\n* * * * * true\n"
    assert after(plan("copy", job=f"{PI}:5"))[PI] == TABS[PI] + b"\n5 5 * * * cat%a%b\n"


@pytest.mark.parametrize(
    ("action", "told", "said"),
    [
        ("create", {"schedule": "@daily", "command": "x"}, "user: name either a user, or a file"),
        ("create", {"user": "pi", "file": OWN, "schedule": "@daily", "command": "x"}, "user: name either"),
        ("create", {"user": "nobody-here", "schedule": "@daily", "command": "x"}, "user: there is no user nobody-here"),
        ("create", {"user": "pi", "schedule": "@daily", "command": "x", "record": True}, "name: is needed"),
        ("create", {"user": "pi", "schedule": "@daily", "command": "x", "name": "dump"}, "name: another job is called"),
        ("create", {"user": "pi", "schedule": "0 0 * * *", "command": "* x"}, "command: there is a sixth field"),
        ("create", {"user": "pi", "schedule": "@daily", "command": "= x"}, "command: cron would take this line"),
        ("create", {"user": "pi", "as_user": "root", "schedule": "@daily", "command": "x"}, "as_user: a user's own"),
        ("change", {"job": f"{PI}:3", "text": "something else", "schedule": "@daily"}, "text: the line says something"),
        ("change", {"job": f"{PI}:1", "schedule": "@daily"}, "job: there is no such job"),
        ("change", {"job": f"{PI}:99", "schedule": "@daily"}, "job: there is no such job"),
        ("change", {"job": "/etc/passwd:1", "schedule": "@daily"}, "job: there is no such job"),
        ("change", {"job": f"{PI}:3", "as_user": "root"}, "as_user: a user's own"),
        ("enable", {"jobs": [f"{PI}:4"], "texts": ["#off# @daily new"]}, "text: the line says something else"),
        ("move", {"job": f"{PI}:3", "user": "pi"}, "user: it is in that crontab already"),
        ("disable", {"jobs": ["at:5"]}, "jobs: there is no such job: at:5"),
        ("run", {"job": f"{PI}:2"}, "job: there is no such job"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_place(action: str, told: dict[str, Any], said: str) -> None:
    assert wrong(action, **told).startswith(said)


def test_what_a_row_says_is_what_an_action_compares() -> None:
    for each in listing.rows(state()):
        if each.entry is not None:
            assert plan("delete", jobs=[each.key], texts=[each.text]).steps
    assert "\\xe9" in row(f"{PI}:3").text


def test_a_broken_file_can_be_changed_and_says_that_cron_ignores_it() -> None:
    tabs = {PI: b"61 * * * * bad\n@daily good\n"}
    made = plan("disable", state(tabs), jobs=[f"{PI}:2"])
    assert after(made, tabs)[PI] == b"61 * * * * bad\n#off# @daily good\n"
    made = plan("create", state(tabs), user="pi", schedule="@daily", command="true")
    assert "cron ignores all of" in made.notices[0].text and "line 1" in made.notices[0].text
    assert row(f"{PI}:2", state(tabs)).refused and not row(f"{PI}:2", state(tabs)).enabled


def check_of(made: Plan) -> CommandSays:
    [check] = [check for check in made.checks if isinstance(check, CommandSays)]
    return check


def test_who_may_not_use_crontab_is_told() -> None:
    for now in (state(deny=frozenset({"pi"})), state(allow=frozenset({"root"}))):
        made = plan("create", now, user="pi", schedule="@daily", command="true")
        assert "may not edit the crontab by hand" in made.notices[0].text
        assert check_of(made).argv == ("cat", PI), "crontab(1) would show root nothing of it"
    made = plan("create", state(allow=frozenset({"pi"})), user="pi", schedule="@daily", command="true")
    assert not made.notices and check_of(made).argv == ("crontab", "-l", "-u", "pi")
    gone = state({**TABS, "/var/spool/cron/crontabs/gone": b"@daily x\n"})
    made = plan("disable", gone, jobs=["/var/spool/cron/crontabs/gone:1"])
    assert check_of(made).argv == ("cat", "/var/spool/cron/crontabs/gone")
    assert check_of(made).quiet, "other lines of a crontab may be secrets"


def test_that_a_crontab_is_open_in_an_editor_is_told() -> None:
    open_one = state(editing={"pi": 4711})
    for made in (
        plan("disable", open_one, jobs=[f"{PI}:5"]),
        plan("move", open_one, job=f"{PI}:5", user="root"),
        plan("create", open_one, user="pi", schedule="@daily", command="true"),
    ):
        assert "open in crontab -e (process 4711): what it saves replaces" in made.notices[0].text
    assert not any("crontab -e" in each.text for each in plan("run", open_one, job=f"{PI}:5").notices)
    assert not plan("create", open_one, user="root", schedule="@daily", command="true").notices


# recording --------------------------------------------------------------------------------------------------------


def test_a_job_is_recorded_and_stands_alone_again() -> None:
    made = plan("record", job=f"{PI}:5", name="cat", lock=True, timeout=60, ping=True)
    kinds = [(type(step), getattr(step, "path", "")) for step in made.steps]
    assert kinds[0] == (WriteFile, PROGRAM) and (SecretFile, "/etc/cron-record/pi/cat.ping") in kinds
    secret = next(step for step in made.steps if isinstance(step, SecretFile))
    assert secret.name == "cron.pi.cat.ping" and (secret.owner, secret.group) == ("pi", "1000")
    recorded = after(made)[PI]
    assert others(TABS[PI], recorded, 5)
    assert line(recorded, 5).startswith(f"5 5 * * * {PROGRAM} -n cat -l -p -t 60 -- ".encode())
    assert line(recorded, 5).endswith(b"%a%b"), "its standard input stays its own"
    tabs = {**TABS, PI: recorded}
    ready = Recorder(True, True, frozenset({"/var/log/cron-record", "/var/log/cron-record/pi"}), frozenset({"pi/cat"}))
    then = state(tabs, recorder=ready)
    assert row(f"{PI}:5", then).name == "cat" and row(f"{PI}:5", then).command == "cat"
    again = {"job": f"{PI}:5", "name": "cat", "lock": True, "timeout": 60, "ping": True}
    assert not plan("record", then, **again).steps
    anew = plan("record", MODULE.given(then, frozenset({"cron.pi.cat.ping"})), **again).steps
    assert isinstance(anew[-1], SecretFile) and anew[-1].path == "/etc/cron-record/pi/cat.ping", "another address came"
    assert after(plan("unrecord", then, job=f"{PI}:5"), tabs)[PI] == TABS[PI]
    changed = plan("change", then, job=f"{PI}:5", command="dog")
    found = listing.rows(state({**TABS, **after(changed, tabs)}))
    wrapped = next(each.wrapped for each in found if each.key == f"{PI}:5")
    assert wrapped is not None and (wrapped.command, wrapped.lock, wrapped.timeout) == ("dog", True, 60)
    assert [type(step) for step in changed.steps] == [Step]


def test_a_copy_of_a_recorded_job_has_a_record_of_its_own() -> None:
    tabs = {PI: after(plan("record", job=f"{PI}:5", name="cat"))[PI]}
    copied = after(plan("copy", state(tabs), job=f"{PI}:5"), tabs)[PI]
    last = Table(copied).entries[-1]
    wrapped = unwrap(last.shell)
    assert wrapped is not None and wrapped.name == "cat-2" and last.stdin == "a\nb\n"


# run --------------------------------------------------------------------------------------------------------------


def test_a_run_is_work_beside_changes_and_knows_its_line() -> None:
    made = plan("run", job=f"{PI}:3", where="shell")
    (step,) = made.steps
    assert isinstance(step, RunAsCron) and (step.user, step.line, step.where) == ("pi", 3, "shell")
    assert (
        step.text.encode("latin-1") == line(TABS[PI], 3) and made.lane == "work" and made.name.startswith("cron-run-")
    )
    (script,) = plan("run", job="/etc/cron.hourly/own").steps
    assert isinstance(script, RunAsCron) and (script.path, script.line) == (ETC, 2)
    (start,) = plan("run", state(timers=Found((timer("own.timer"),))), job="own.timer").steps
    assert isinstance(start, RunCommand) and start.argv == ("systemctl", "start", "own.service")


# timers, scripts, at ----------------------------------------------------------------------------------------------


def test_a_timer_is_made_changed_and_left_alone_where_it_is_so() -> None:
    told: dict[str, Any] = {
        "name": "own",
        "calendars": ["Mon,Tue 10:00"],
        "command": "date +%F",
        "random_delay": 60,
        "user": "pi",
    }
    made = plan("timer", **told)
    files = {step.path: step.content for step in made.steps if isinstance(step, WriteFile)}
    assert files["/etc/systemd/system/own.timer"].count("OnCalendar=Mon,Tue 10:00\n") == 1
    assert 'ExecStart=/bin/sh -c "date +%%F"\n' in files["/etc/systemd/system/own.service"]
    job = Job("own", ("/bin/sh", "-c", "date +%F"), Timing(("Mon,Tue 10:00",), random_delay=60.0), user="pi")
    there = state(
        timers=Found((timer("own.timer"),)), units={"own": job}, files=frozenset({"own.timer", "own.service"})
    )
    assert plan("timer", there, **told).steps == ()
    (switched,) = plan("timer", there, **{**told, "enabled": False}).steps
    assert isinstance(switched, Unit) and (switched.enabled, switched.active) == (False, False)
    assert "name: " in wrong("timer", state(files=frozenset({"own.timer"})), **told)
    assert "name: a package has" in wrong("timer", state(elsewhere=frozenset({"own.service"})), **told)
    assert wrong("timer", name="own", calendars=["daily"]).startswith("command: ")
    assert wrong("timer", name="own", calendars=["daily"], words=["true"]).startswith("words: the program is named")
    assert wrong("timer", name="own", command="x").startswith("calendars: ")


def test_that_a_units_environment_is_public_is_told() -> None:
    told: dict[str, Any] = {"name": "x", "calendars": ["daily"], "command": "true"}
    made = plan("timer", environment=["API_TOKEN=hunter2", "RESTIC_PASSWORD_FILE=/root/key"], **told)
    [notice] = made.notices
    assert notice.text.startswith("Everybody on the machine can read API_TOKEN:") and "hunter2" not in notice.text
    assert not plan("timer", environment=["A=b"], **told).notices


def test_timers_scripts_and_at_jobs_are_switched_and_deleted_as_each_can_be() -> None:
    job = AtJob(5, 2e9, "a", "pi", False, Known("true"))
    own, package = timer("own.timer"), timer("apt.timer", file="/usr/lib/systemd/system/apt.timer")
    now = state(timers=Found((own, package)), at=Known((job,)), files=frozenset({"own.timer", "own.service"}))
    kinds = [type(step) for step in plan("delete", now, jobs=["own.timer"]).steps]
    assert kinds == [Unit, RemoveFile, RemoveFile]
    assert "came with a package" in wrong("delete", now, jobs=["apt.timer"])
    (off,) = plan("disable", now, jobs=["apt.timer"]).steps
    assert isinstance(off, Unit) and off.enabled is False and off.active is False
    (gone,) = (made := plan("delete", now, jobs=["at:5"])).steps
    assert isinstance(gone, RunCommand) and gone.argv == ("atrm", "5") and "irreversible" in gone.risks
    assert "can't be had back" in made.notices[0].text
    assert "can only be deleted" in wrong("disable", now, jobs=["at:5"])
    (bits,) = plan("disable", now, jobs=["/etc/cron.hourly/own"]).steps
    assert isinstance(bits, RunCommand) and bits.argv == ("chmod", "a-x", "/etc/cron.hourly/own")


def test_a_line_becomes_a_timer_and_a_timer_a_line() -> None:
    tabs = {PI: b'PATH=/opt/bin:/bin\nMAILTO=""\n# Name = dump\n0 3 * * 1-5 dump 100\\%\n'}
    made = plan("to-timer", state(tabs), job=f"{PI}:4", name="dump")
    assert after(made, tabs)[PI] == b'PATH=/opt/bin:/bin\nMAILTO=""\n'
    files = {step.path: step.content for step in made.steps if isinstance(step, WriteFile)}
    service = files["/etc/systemd/system/dump.service"]
    assert "User=pi\n" in service and "Environment=PATH=/opt/bin:/bin\n" in service and "dump 100%%" in service
    assert "OnCalendar=Mon..Fri *-*-* 03:00:00\nPersistent=true" in files["/etc/systemd/system/dump.timer"]
    assert isinstance(made.steps[-1], Step), "the line goes when the timer is there"
    assert "standard input" in wrong("to-timer", job=f"{PI}:5", name="x")
    assert any("Everybody on the machine can read" in notice.text for notice in made.notices)
    secret = state({PI: b"DB_PASSWORD=hunter2\n@daily dump\n"})
    place = state({PI: b"RESTIC_PASSWORD_FILE=/root/key\nXAUTHORITY=/x\n@daily dump\n"})
    assert plan("to-timer", place, job=f"{PI}:3", name="x").steps
    said = wrong("to-timer", secret, job=f"{PI}:2", name="x")
    assert "sets DB_PASSWORD, which everybody could read" in said and "hunter2" not in said
    command = ("/bin/sh", "-c", "cd || exit; dump 100%")
    job = Job("dump", command, Timing(("Mon..Fri *-*-* 03:00:00",)), user="pi", environment={"PATH": "/usr/bin:/bin"})
    found = Found((timer("dump.timer", timing=Timing(("Mon..Fri *-*-* 03:00:00",))),))
    now = state({}, timers=found, units={"dump": job}, files=frozenset({"dump.timer", "dump.service"}))
    back = plan("to-cron", now, job="dump.timer", user="pi")
    assert after(back, {})[PI] == b"0 3 * * 1-5 dump 100\\%\n"
    assert [type(step) for step in back.steps] == [Step, Unit, RemoveFile, RemoveFile]
    assert wrong("to-cron", now, job="dump.timer", user="root").startswith("user: it runs as pi")


# the whole way, on the demo machine -------------------------------------------------------------------------------


async def test_what_cron_would_make_of_a_new_line_is_told_before(tmp_path: Path) -> None:
    host = DemoHost.create(str(tmp_path))
    await host.replace("/home/pi/job.sh", b"#!/bin/sh\n", mode=0o777, uid=0, gid=0)

    async def notices(**told: Any) -> str:
        arguments = planning.arguments("cron", "create", {"user": "root", "schedule": "@daily", **told})
        planned = await planning.plan_action(host, "cron", "create", arguments)
        assert planned.reviewed is not None and planned.reviewed.refused == ()
        assert planned.reviewed.plan.steps and planned.reviewed.previews[-1].kind == "diff"
        return " ".join(notice.text for notice in planned.plan.notices)

    assert "root runs /home/pi/job.sh" in await notices(command="/home/pi/job.sh --all")
    assert "day 30 never comes in February" in await notices(command="/bin/true", schedule="0 3 30 2 *")
    assert "no-such-program" in await notices(command="no-such-program")
