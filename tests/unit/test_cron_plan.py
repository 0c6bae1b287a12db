"""Jobs and timers as settings: what is there is presented, what is wanted becomes steps, nothing else is touched."""

from __future__ import annotations

from typing import Any

import pytest

from pi_installer_tui import modules, planning
from pi_installer_tui.modules.cron.settings import CronSettings
from pi_installer_tui.modules.cron.state import Recorder, State
from pi_installer_tui.system.cron.wrapped import PROGRAM, Wrapped, wrap
from pi_installer_tui.system.timers.conversion import Timing
from pi_installer_tui.system.timers.read import Found
from pi_installer_tui.system.timers.unit import Job
from pi_installer_tui.tasks.plan import Others, Plan
from pi_installer_tui.tasks.steps import Crontab as Step
from pi_installer_tui.tasks.steps import InstallPackages, RemoveFile, SecretFile, Unit, WriteFile
from pi_installer_tui.tasks.steps.crontab import HEADER

from .test_cron_actions import PI, ROOT, after, line, others, state, timer

MODULE = modules.load("cron")
RECORDS = Recorder(
    True,
    True,
    frozenset({"/var/log/cron-record", "/var/log/cron-record/pi", "/etc/cron-record/pi"}),
    frozenset({"pi/kept"}),
)
KEPT = wrap(Wrapped("kept", "backup 100%", timeout=60, ping=True)).replace("%", "\\%")
TABS = {
    PI: b"MINE=x\r\n# Name = dump\n\t0 3  * * * dump 100\\%  x\n#off# @daily prose\n# Name = piped\n5 5 * * * cat%a%b\n"
    + f"@weekly {KEPT}\n# Name = twice\n@daily 1\n# Name = twice\n@daily 2\n# Name = latin\n@daily \xe9".encode(
        "latin-1"
    ),
    ROOT: b"# Name = of-root\n#off# @hourly true\n",
}
JOB = Job(
    "own", ("/bin/sh", "-c", "date"), Timing(("Mon *-*-* 10:00:00",), 60.0, (), True, 30.0), "about", "pi", {"A": "b c"}
)


def there(**fields: Any) -> State:
    return state(
        TABS,
        recorder=RECORDS,
        timers=Found((timer("own.timer"), timer("half.timer", active=False))),
        units={"own": JOB, "half": Job("half", ("/bin/true",), Timing(("daily",)))},
        files=frozenset({"own.timer", "own.service"}),
        **fields,
    )


def plan(now: State, secrets: frozenset[str] = frozenset(), **wanted: Any) -> Plan:
    settings = planning.validated("cron", wanted)
    assert MODULE.validate(now, settings) == []
    made = MODULE.plan(now, settings, Others(secrets=secrets))
    return Plan.model_validate_json(made.model_dump_json())


def wrong(now: State, **wanted: Any) -> list[str]:
    return [str(mistake) for mistake in MODULE.validate(now, planning.validated("cron", wanted))]


def test_what_is_there_is_presented_and_planning_it_does_nothing() -> None:
    now = there()
    presented = MODULE.present(now)
    assert set(presented.jobs or {}) == {"dump", "piped", "kept", "of-root"} and set(presented.timers or {}) == {"own"}
    assert presented.jobs is not None and presented.timers is not None
    dump, piped, kept = (presented.jobs[name] for name in ("dump", "piped", "kept"))
    assert (dump.user, dump.schedule, dump.command, dump.raw) == ("pi", "0 3  * * *", "dump 100%  x", None)
    assert (piped.command, piped.raw) == ("cat%a%b", True)
    assert kept.command == "backup 100%" and kept.record is not None
    assert (kept.record.timeout, kept.record.ping) == (60, "cron.pi.kept.ping")
    assert presented.jobs["of-root"].enabled is False
    made = MODULE.plan(now, presented, Others())
    assert not made.steps and not made.blocked
    again = CronSettings.model_validate(planning.plain(presented))
    assert MODULE.plan(now, again, Others()).steps == ()


def test_what_is_left_out_of_a_job_stays_as_it_is() -> None:
    now = there()
    made = plan(now, jobs={"dump": {"schedule": "30 4 * * *"}, "kept": {"command": "backup 50%"}})
    pi = after(made, TABS)[PI]
    assert others(TABS[PI], pi, 3, 7)
    assert line(pi, 3) == b"\t30 4 * * * dump 100\\%  x"
    assert (
        line(pi, 7)
        == b"@weekly " + wrap(Wrapped("kept", "backup 50%", timeout=60, ping=True)).replace("%", "\\%").encode()
    )
    assert [step.setting for step in made.steps] == ["cron.jobs"]
    off = after(plan(now, jobs={"dump": {"enabled": False}, "of-root": {"enabled": True}}), TABS)
    assert line(off[PI], 3).startswith(b"#off# \t0 3") and line(off[ROOT], 2) == b"@hourly true"


def test_jobs_come_go_are_recorded_and_are_not_any_more() -> None:
    now = there()
    made = plan(
        now,
        frozenset({"cron.pi.fresh.ping"}),
        jobs={
            "dump": {"state": "absent"},
            "fresh": {
                "user": "pi",
                "schedule": "@daily",
                "command": "new 5%",
                "record": {"ping": "cron.pi.fresh.ping"},
            },
            "kept": {"record": {"enabled": False}},
            "gone-already": {"state": "absent"},
        },
    )
    (ping,) = (step for step in made.steps if isinstance(step, SecretFile))
    assert (ping.path, ping.name) == ("/etc/cron-record/pi/fresh.ping", "cron.pi.fresh.ping")
    pi = after(made, TABS)[PI]
    assert b"dump" not in pi and b"\n@weekly backup 100\\%\n" in pi
    assert pi.endswith(b"\n# Name = fresh\n@daily " + PROGRAM.encode() + b" -n fresh -p -- 'new 5\\%'\n")
    assert len([step for step in made.steps if isinstance(step, Step)]) == 1, "a file is written once"


def test_on_a_bare_machine_the_package_comes_first() -> None:
    made = plan(state({}, daemon=""), jobs={"a": {"user": "pi", "schedule": "@daily", "command": "true", "record": {}}})
    assert isinstance(made.steps[0], InstallPackages) and isinstance(made.steps[-1], Step)
    assert set(made.steps[-1].needs) == {step.id for step in made.steps[:-1]}
    assert after(made, {})[PI].startswith(HEADER + b"# Name = a\n@daily " + PROGRAM.encode())


def test_a_timer_is_merged_with_what_is_there_made_and_removed() -> None:
    now = there()
    assert plan(now, timers={"own": {"calendars": ["Mon *-*-* 10:00:00"], "random_delay": 30}}).steps == ()
    made = plan(now, timers={"own": {"calendars": ["Tue 11:00"]}})
    files = {step.path: step.content for step in made.steps if isinstance(step, WriteFile)}
    text = files["/etc/systemd/system/own.timer"]
    assert "OnCalendar=Tue 11:00\n" in text and "OnBootSec=60\n" in text and "Persistent=true" in text
    assert any(isinstance(step, Unit) and step.restart for step in made.steps)
    new = plan(
        now, timers={"new": {"calendars": ["daily"], "words": ["/bin/echo", "a b", "%"], "environment": ["X=1"]}}
    )
    service = next(step.content for step in new.steps if isinstance(step, WriteFile) and step.path.endswith(".service"))
    assert 'ExecStart=/bin/echo "a b" %%\n' in service and "Environment=X=1\n" in service
    gone = plan(now, timers={"own": {"state": "absent"}, "nothing": {"state": "absent"}})
    assert [type(step) for step in gone.steps] == [Unit, RemoveFile, RemoveFile]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"jobs": {"new": {"user": "pi", "schedule": "@daily"}}}, "cron.jobs.new.command: is needed"),
        ({"jobs": {"dump": {"user": "nobody-here"}}}, "cron.jobs.dump.user: there is no user nobody-here"),
        ({"jobs": {"dump": {"command": "= x"}}}, "cron.jobs.dump.command: cron would take this line"),
        ({"jobs": {"kept": {"record": {"ping": "cron.other"}}}}, "cron.jobs.kept.record.ping: has to be called"),
        ({"timers": {"new": {"calendars": ["daily"]}}}, "cron.timers.new.command: a new timer needs a command"),
        ({"timers": {"new": {"command": "x"}}}, "cron.timers.new.calendars: a new timer needs times"),
        ({"timers": {"own": {"words": ["true"]}}}, "cron.timers.own.words: the program is named by its whole path"),
    ],
)
def test_mistakes_have_their_place(wanted: dict[str, Any], said: str) -> None:
    assert any(each.startswith(said) for each in wrong(there(), **wanted)), wrong(there(), **wanted)


def test_what_cannot_be_done_is_blocked_and_says_why() -> None:
    now = there()
    made = MODULE.plan(
        now, planning.validated("cron", {"jobs": {"dump": {"user": "root"}, "twice": {"enabled": False}}}), Others()
    )
    assert [each.setting for each in made.blocked] == ["cron.jobs.dump", "cron.jobs.twice"] and not made.steps
    assert "`act cron move` moves it" in made.blocked[0].why and "several jobs" in made.blocked[1].why
    hidden = state({})
    hidden = State(type(hidden.cron)(users=hidden.cron.users, unread=(("/var/spool/cron/crontabs", "no permission"),)))
    made = MODULE.plan(hidden, planning.validated("cron", {"jobs": {"dump": {"enabled": False}}}), Others())
    assert made.blocked[0].why == "no permission" and not made.steps
