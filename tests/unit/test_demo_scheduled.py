"""What is scheduled on the demo machine: it is read as any machine's, its journal tells of it, and a job that is run
ends as it would."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui import modules
from pi_installer_tui.modules.cron import listing
from pi_installer_tui.modules.cron import state as cron_state
from pi_installer_tui.system.cron import environment, records
from pi_installer_tui.system.cron.read import SPOOL
from pi_installer_tui.system.demo import DemoHost, scheduled
from pi_installer_tui.system.demo.crontabs import queued, spooled
from pi_installer_tui.system.host import Completed
from pi_installer_tui.system.reading import known
from pi_installer_tui.system.timers import at, history
from pi_installer_tui.tasks.plan import Others


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoHost]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
        made = DemoHost.create(str(Path(tmp_path_factory.mktemp("demo"), "machine")))
        scheduled.make(made.machine)
        yield made


async def test_all_of_it_is_read_with_the_mistakes_that_are_in_it(host: DemoHost) -> None:
    state = await cron_state.read_all(host)
    assert state.cron.unread == () and state.cron.daemon == "cron" and known(state.zone) == "Europe/London"
    kinds = {row.kind for row in listing.rows(state)}
    assert kinds == {"crontab", "system", "script", "timer", "at"}
    found = {each.what for each in state.findings}
    assert {"percent", "not-found", "writable", "never", "user-missing", "file-name", "script"} <= found


async def test_nothing_is_planned_for_it_as_it_is(host: DemoHost) -> None:
    module = modules.load("cron")
    state = await module.read(host)
    assert module.plan(state, module.present(state), Others()).steps == ()


async def test_at_jobs_are_kept_told_and_removed(host: DemoHost) -> None:
    later = time.time() + 3600
    number = queued(host.machine, "pi", later, "echo one\necho two")
    jobs = {job.number: job for job in known(await at.read(host)) or ()}
    assert jobs[number].user == "pi" and known(jobs[number].command) == "echo one\necho two"
    assert jobs[number].at == later // 60 * 60 and len(jobs) == 2
    assert (await host.run(["atrm", str(number)])).ok
    assert [job.number for job in known(await at.read(host)) or ()] == [one for one in jobs if one != number]
    assert not (await host.run(["atrm", str(number)])).ok


async def test_its_journal_tells_what_cron_and_timers_started(host: DemoHost) -> None:
    page = await history.read(host, history.Asked(units=("water.service",)), 500)
    cron = {run.command for run in page.runs if run.kind == "cron"}
    assert "/home/pi/weather/upload.sh" in cron and any("tar czf" in command for command in cron)
    units = (await history.read(host, history.Asked(cron=False, units=("water.service",)), 50)).runs
    assert {run.unit for run in units} == {"water.service"}
    assert {(run.result, run.status) for run in units} == {("success", 0), ("exit-code", 1)}
    assert all(run.seconds is not None and run.seconds > 1 for run in units)


async def test_what_is_in_the_crontab_now_runs_from_now_on(host: DemoHost, tmp_path: Path) -> None:
    before = int(time.time())
    other = DemoHost.create(str(tmp_path / "other"))
    scheduled.make(other.machine)
    spooled(other.machine, "pi", b"* * * * * /bin/new\n")
    runs = (await history.read(other, history.Asked(), 100)).runs
    # a minute may have begun since it was made
    assert all(run.at is not None and run.at >= before - 1 for run in runs if run.command == "/bin/new")
    assert any(run.command == "/home/pi/weather/upload.sh" for run in runs), "the past stays"


async def test_a_job_ends_as_its_environment_lets_it(host: DemoHost) -> None:
    account = await environment.account_of(host, "pi")
    assert account is not None
    state = await cron_state.read(host)
    row = next(row for row in listing.rows(state) if row.command.startswith("weather-report"))
    assert row.entry is not None
    cron = environment.start(
        account, await environment.of_cron(host, row.entry, account), ("/bin/sh", "-c", row.command), "/home/pi"
    )
    done = await host.run(cron.argv, env=cron.env)
    assert (done.status, done.stdout) == (127, "sh: 1: weather-report: not found\n")
    login = environment.start(
        account, await environment.of_login(host, account), ("/bin/bash", "-l", "-c", row.command), "/home/pi"
    )
    done = await host.run(login.argv, env=login.env)
    assert done.status == 0 and "no frost" in done.stdout


async def test_a_recorded_job_is_recorded(host: DemoHost) -> None:
    before = await records.read(host, "root", "dyndns")
    assert len(before) == 61 and before[0].what == "failed" and "Could not resolve host" in before[0].tail
    account = await environment.account_of(host, "root")
    assert account is not None
    entry = next(row.entry for row in listing.rows(await cron_state.read(host)) if row.name == "dyndns")
    assert entry is not None
    began = environment.start(
        account, await environment.of_cron(host, entry, account), ("/bin/sh", "-c", entry.shell), "/root"
    )
    assert (await host.run(began.argv, env=began.env)).status == 6
    after = await records.read(host, "root", "dyndns")
    assert len(after) == 62 and after[1:] == before and (after[0].what, after[0].status) == ("failed", 6)


async def test_a_script_is_switched_by_its_mode(host: DemoHost) -> None:
    script = "/etc/cron.daily/dpkg"
    assert (await host.run(["test", "-x", script])).ok
    assert (await host.run(["chmod", "a-x", script])).ok
    assert not (await host.run(["test", "-x", script])).ok
    assert (await host.run(["chmod", "a+x", script])).ok
    stat = await host.stat(f"{SPOOL}/pi")
    assert stat is not None and (stat.uid, stat.mode) == (1000, 0o600)


async def test_a_summary_takes_less_reading_and_says_the_same(host: DemoHost) -> None:
    module = modules.load("cron")
    ran: list[tuple[str, ...]] = []
    read = await module.read(host)

    class Counting(DemoHost):
        async def run(self, argv: Sequence[str], **more: Any) -> Completed:
            ran.append(tuple(argv))
            return await super().run(argv, **more)

    counting = Counting(host.address)
    said = module.summary(await module.read_summary(counting))
    assert said == module.summary(read) and said.endswith("2 are ignored") and " timers, " in said
    assert sorted(argv[0] for argv in ran) == ["dpkg-query", "systemctl"]


async def test_the_recorders_own_text_is_read_only_where_there_is_one_to_compare(
    host: DemoHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable() -> str:
        raise PermissionError("a checkout of root's")

    monkeypatch.setattr(cron_state, "script", unreadable)
    bare = DemoHost.create(str(tmp_path / "machine"))
    assert (await cron_state.read(bare)).recorder == cron_state.Recorder()
    with pytest.raises(PermissionError):
        await cron_state.read(host)
