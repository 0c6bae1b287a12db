"""Undo's promises: the exact bytes come back, nobody else's change is lost, and an undo can be undone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import Reviewed, review
from pi_installer_tui.tasks.steps import (
    Directory,
    Edit,
    EditFile,
    InstallPackages,
    Link,
    Overlay,
    Probe,
    RemoveFile,
    RemovePackages,
    Restore,
    RunCommand,
    Step,
    StepContext,
    StepError,
    Unit,
)
from pi_installer_tui.tasks.store import Store
from pi_installer_tui.tasks.undo import keeps_data, plan_undo

from .jobs import Run, listing, make_machine, scripted, write

#: one of each kind that changes files, two of them on one path
STEPS: tuple[Step, ...] = (
    write("hostname", "attic\n"),
    write("deep", path="/etc/made/by/us/file", mode=0o600),
    EditFile(
        id="hosts",
        path="/etc/hosts",
        format="hosts",
        edits=(Edit(key=("127.0.1.1",), value=("attic",)),),
    ),
    EditFile(id="hosts-again", path="/etc/hosts", format="hosts", edits=(Edit(key=("10.0.0.1",), value=("nas",)),)),
    EditFile(id="locale", path="/etc/locale", format="keyvalue", edits=(Edit(key=("LANG",), value="de_DE.UTF-8"),)),
    RemoveFile(id="old", path="/etc/old"),
    Link(id="localtime", path="/etc/localtime", target="/usr/share/zoneinfo/Europe/Berlin"),
    Directory(id="folder", path="/etc/folder/inner", mode=0o750),
    Directory(id="folder-mode", path="/etc/conf.d", mode=0o700),
)


@pytest.fixture
def machine(tmp_path: Path) -> LocalHost:
    return make_machine(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


@pytest.fixture
def etc(machine: LocalHost) -> Path:
    return Path(machine.address) / "etc"


async def apply(store: Store, host: Host, plan: Plan) -> str:
    run = Run(store, (await review(plan, host)).plan, host)
    ended = await run.run()
    assert (ended.outcome, ended.reason) == ("done", ""), list(store.events(run.id))
    return run.id


async def undone(store: Store, host: Host, job: str) -> str:
    return await apply(store, host, await plan_undo(store, job, host))


async def reviewed(store: Store, host: Host, job: str) -> Reviewed:
    return await review(await plan_undo(store, job, host), host)


async def test_undo_restores_the_exact_bytes(store: Store, machine: LocalHost) -> None:
    as_it_was = listing(machine)
    job = await apply(store, machine, Plan(steps=STEPS))
    assert listing(machine) != as_it_was
    undo = await undone(store, machine, job)
    assert listing(machine) == as_it_was
    assert (store.summary(undo).undoes, store.summary(job).undone_by) == (job, undo)


async def test_a_step_and_its_undo_keep_attributes(store: Store, machine: LocalHost, etc: Path) -> None:
    for name in ("hostname", "old"):
        os.setxattr(etc / name, "user.origin", b"by hand")
    steps = (write("hostname", "attic\n"), RemoveFile(id="old", path="/etc/old"))
    job = await apply(store, machine, Plan(steps=steps))
    assert os.getxattr(etc / "hostname", "user.origin") == b"by hand"
    await undone(store, machine, job)
    assert os.getxattr(etc / "hostname", "user.origin") == b"by hand"
    assert os.getxattr(etc / "old", "user.origin") == b"by hand"


async def test_an_undo_can_be_undone_as_often_as_one_likes(store: Store, machine: LocalHost) -> None:
    as_it_was = listing(machine)
    job = await apply(store, machine, Plan(steps=STEPS))
    changed = listing(machine)
    for _ in range(2):
        job = await undone(store, machine, job)
        assert listing(machine) == as_it_was
        job = await undone(store, machine, job)
        assert listing(machine) == changed
    assert [each.undone_by != "" for each in store.jobs()] == [False, True, False, True, False]


async def test_the_last_undo_decides_whether_a_job_is_undone(store: Store, machine: LocalHost) -> None:
    job = await apply(store, machine, Plan(steps=STEPS))
    undo = await undone(store, machine, job)
    assert store.summary(job).undone_by == undo
    await undone(store, machine, undo)
    assert store.summary(job).undone_by == ""


async def test_only_what_was_changed_is_taken_back(store: Store, machine: LocalHost) -> None:
    job = await apply(store, machine, Plan(steps=(write("hostname", "raspberrypi\n"), write("locale"))))
    plan = await plan_undo(store, job, machine)
    assert [step.id for step in plan.steps] == ["undo-locale"]


async def test_the_review_of_an_undo_shows_the_way_back(store: Store, machine: LocalHost) -> None:
    job = await apply(store, machine, Plan(steps=STEPS))
    shown = await reviewed(store, machine, job)
    by_step = dict(zip([step.id for step in shown.plan.steps], shown.previews, strict=True))
    assert "-attic\n+raspberrypi" in by_step["undo-hostname"].text
    # both edits of one file, each as it will go
    assert "-10.0.0.1\tnas" in by_step["undo-hosts-again"].text
    assert "-127.0.1.1\tattic\n+127.0.1.1\traspberrypi" in by_step["undo-hosts"].text
    assert "10.0.0.1" not in by_step["undo-hosts"].text
    assert all(step.describe().startswith("take back: ") for step in shown.plan.steps)


async def test_a_secret_is_not_shown_on_its_way_back(store: Store, machine: LocalHost, etc: Path) -> None:
    (etc / "key").write_text("hunter1\n")
    job = await apply(store, machine, Plan(steps=(write("key", "hunter2\n", sensitive=True),)))
    shown = await reviewed(store, machine, job)
    assert "hunter" not in repr(shown)
    (etc / "key").write_text("hunter3\n")
    assert "hunter" not in repr(await plan_undo(store, job, machine))


async def test_what_somebody_else_changed_since_stays_and_is_shown(store: Store, machine: LocalHost, etc: Path) -> None:
    job = await apply(store, machine, Plan(steps=STEPS))
    (etc / "hosts").write_text((etc / "hosts").read_text() + "192.168.1.9\tprinter\n")
    theirs = (etc / "hosts").read_bytes()
    plan = await plan_undo(store, job, machine)
    assert len(plan.blocked) == 1
    assert "/etc/hosts stays as it is: somebody has changed it since" in plan.blocked[0].why
    assert "+192.168.1.9\tprinter" in plan.blocked[0].why
    assert "-127.0.1.1" not in plan.blocked[0].why  # what they changed, not what we did
    await apply(store, machine, plan)
    assert (etc / "hosts").read_bytes() == theirs
    assert (etc / "hostname").read_text() == "raspberrypi\n"


async def test_what_a_later_job_of_ours_changed_names_that_job(store: Store, machine: LocalHost, etc: Path) -> None:
    first = await apply(store, machine, Plan(steps=(write("hostname", "attic\n"), write("other"))))
    second = await apply(store, machine, Plan(steps=(write("hostname", "cellar\n"),)))
    plan = await plan_undo(store, first, machine)
    assert [step.id for step in plan.steps] == ["undo-other"]
    assert second in plan.blocked[0].why
    await undone(store, machine, second)
    plan = await plan_undo(store, first, machine)
    assert plan.blocked == ()
    await apply(store, machine, plan)
    assert (etc / "hostname").read_text() == "raspberrypi\n"


async def test_somebody_elses_file_keeps_the_folder_that_we_made(store: Store, machine: LocalHost, etc: Path) -> None:
    job = await apply(store, machine, Plan(steps=STEPS))
    (etc / "folder/inner/theirs").touch()
    plan = await plan_undo(store, job, machine)
    assert "/etc/folder/inner stays: /etc/folder/inner/theirs is in it" in plan.blocked[0].why
    await apply(store, machine, plan)
    assert (etc / "folder/inner/theirs").exists()
    assert not (etc / "made").exists()


async def test_a_change_of_mode_alone_is_a_change(store: Store, machine: LocalHost, etc: Path) -> None:
    job = await apply(store, machine, Plan(steps=(write("hostname", "attic\n"),)))
    (etc / "hostname").chmod(0o600)
    plan = await plan_undo(store, job, machine)
    assert plan.steps == ()
    assert "0644 -> 0600" in plan.blocked[0].why


async def test_an_undo_of_a_machine_that_changes_after_its_review_does_nothing(
    store: Store, machine: LocalHost, etc: Path
) -> None:
    job = await apply(store, machine, Plan(steps=STEPS))
    plan = (await reviewed(store, machine, job)).plan
    (etc / "hostname").write_text("somebody else\n")
    as_it_is = listing(machine)
    ended = await Run(store, plan, machine).run()
    assert ended.outcome == "stale"
    assert listing(machine) == as_it_is


async def test_a_failed_job_is_taken_back_with_what_the_failed_step_did(store: Store, machine: LocalHost) -> None:
    as_it_was = listing(machine)

    async def fail(context: StepContext) -> None:
        raise StepError("command-failed", command="x", status="1")

    run = Run(
        store, Plan.model_validate({"steps": (write("first"), scripted("locale", fail), write("third"))}), machine
    )
    assert (await run.run()).outcome == "failed"
    await undone(store, machine, run.id)
    assert listing(machine) == as_it_was


async def test_an_interrupted_job_is_taken_back_and_says_what_was_in_flight(store: Store, machine: LocalHost) -> None:
    as_it_was = listing(machine)

    class PowerCut(BaseException):
        pass

    async def cut(context: StepContext) -> None:
        raise PowerCut

    run = Run(store, Plan.model_validate({"steps": (write("first"), scripted("locale", cut))}), machine)
    with pytest.raises(PowerCut):
        await run.run()
    plan = await plan_undo(store, run.id, machine)
    assert "cut off in the middle" in plan.notices[0].text
    await apply(store, machine, plan)
    assert listing(machine) == as_it_was
    assert store.summary(run.id).undone_by


async def test_half_an_undo_can_be_done_again(store: Store, machine: LocalHost, etc: Path) -> None:
    as_it_was = listing(machine)
    job = await apply(store, machine, Plan(steps=STEPS))
    plan = await plan_undo(store, job, machine)
    half = Plan(steps=plan.steps[:3], undoes=job)
    run = Run(store, half, machine)
    run.runner.cancel("pi")
    await run.run()
    assert store.summary(job).undone_by == ""
    await apply(store, machine, Plan(steps=plan.steps[:3]))
    await undone(store, machine, job)
    assert listing(machine) == as_it_was


async def test_what_is_undone_already_is_not_undone_again(store: Store, machine: LocalHost) -> None:
    job = await apply(store, machine, Plan(steps=STEPS))
    undo = await undone(store, machine, job)
    plan = await plan_undo(store, job, machine)
    assert plan.steps == ()
    assert undo in plan.blocked[0].why


async def test_a_job_that_still_waits_and_one_of_another_machine_are_refused(
    store: Store, machine: LocalHost, tmp_path: Path
) -> None:
    job = await apply(store, machine, Plan(steps=STEPS))
    other = make_machine(tmp_path / "other")
    assert "another machine" in (await plan_undo(store, job, other)).blocked[0].why
    waiting = store.create(Plan(steps=STEPS), who="", host_kind="local", host_address=machine.address)
    assert "hasn't ended" in (await plan_undo(store, waiting, machine)).blocked[0].why
    with pytest.raises(KeyError):
        await plan_undo(store, "20260101-000000-aaaa", machine)


# what isn't a file -----------------------------------------------------------------------------------------------


@pytest.fixture
def demo(tmp_path: Path) -> DemoHost:
    return DemoHost.create(str(tmp_path / "demo"))


def hostname(name: str, back: str) -> RunCommand:
    return RunCommand(
        id="hostnamectl",
        argv=("hostnamectl", "hostname", name),
        probe=Probe(argv=("hostnamectl", "--static", "hostname"), output=name),
        touches=("/etc/hostname",),
        undo_argv=("hostnamectl", "hostname", back),
    )


async def test_commands_and_units_are_taken_back_and_done_again(demo: DemoHost) -> None:
    store = Store(demo.state)
    as_it_was = listing(demo)
    name = (await demo.read("/etc/hostname")).decode().strip()
    steps = (
        hostname("attic", name),
        Unit(id="timesyncd", name="systemd-timesyncd.service", enabled=False, active=False),
    )

    async def state() -> tuple[str, ...]:
        questions = (
            ("hostnamectl", "hostname"),
            ("systemctl", "is-enabled", "systemd-timesyncd.service"),
            ("systemctl", "is-active", "systemd-timesyncd.service"),
        )
        return tuple([(await demo.run(argv)).stdout.strip() for argv in questions])

    before = await state()
    job = await apply(store, demo, Plan(steps=steps))
    after = await state()
    assert after == ("attic", "disabled", "inactive")
    undo = await undone(store, demo, job)
    assert (await state(), listing(demo)) == (before, as_it_was)
    redo = await undone(store, demo, undo)
    assert await state() == after
    await undone(store, demo, redo)
    assert (await state(), listing(demo)) == (before, as_it_was)


async def test_what_makes_changes_take_effect_runs_again_after_they_were_put_back(demo: DemoHost) -> None:
    store = Store(demo.state)
    steps = (
        write("sshd", path="/etc/ssh/sshd_config.d/ours.conf"),
        RunCommand(id="reload", argv=("systemctl", "daemon-reload"), probe="repeatable", again=True),
        Unit(id="restart", name="ssh.service", restart=True),
    )
    job = await apply(store, demo, Plan(steps=steps))
    plan = await plan_undo(store, job, demo)
    assert [step.id for step in plan.steps] == ["undo-sshd", "again-reload", "again-restart"]
    undo = await apply(store, demo, plan)
    redo = await plan_undo(store, undo, demo)
    assert [step.id for step in redo.steps] == ["redo-sshd", "again-reload", "again-restart"]


async def test_a_unit_that_a_later_job_changed_stays_and_names_that_job(demo: DemoHost) -> None:
    store = Store(demo.state)
    unit = "systemd-timesyncd.service"
    first = await apply(store, demo, Plan(steps=(Unit(id="off", name=unit, enabled=False, active=False),)))
    second = await apply(store, demo, Plan(steps=(Unit(id="on", name=unit, enabled=True, active=True),)))
    plan = await plan_undo(store, first, demo)
    assert plan.steps == ()
    assert second in plan.blocked[0].why


async def test_a_command_without_a_way_back_says_so(demo: DemoHost) -> None:
    store = Store(demo.state)
    job = await apply(
        store,
        demo,
        Plan(steps=(RunCommand(id="once", argv=("systemctl", "daemon-reload"), probe="repeatable"), write("x"))),
    )
    plan = await plan_undo(store, job, demo)
    assert [step.id for step in plan.steps] == ["undo-x"]
    assert "can't be taken back" in plan.notices[0].text


async def test_a_restore_whose_job_is_gone_says_so(demo: DemoHost) -> None:
    step = Restore(id="x", state=str(demo.state), job="20260101-000000-aaaa", step="x")
    with pytest.raises(StepError, match="job-missing"):
        await step.preview(demo, Overlay())


async def test_the_review_shows_what_takes_back_commands_units_and_packages(
    demo: DemoHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    store = Store(demo.state)
    steps = (
        hostname("attic", "raspberrypi"),
        Unit(id="timesyncd", name="systemd-timesyncd.service", enabled=False, active=False),
        InstallPackages(id="htop", packages=("htop",)),
        RemovePackages(id="rsync", packages=("rsync",)),
    )
    job = await apply(store, demo, Plan(steps=steps))
    rsync, htop, unit, name = (await reviewed(store, demo, job)).previews
    assert [(change.name, change.action) for change in rsync.packages] == [("rsync", "install")]
    assert [(change.name, change.action) for change in htop.packages] == [("htop", "purge")]
    assert unit.text.splitlines()[:2] == [
        "systemctl enable systemd-timesyncd.service",
        "systemctl start systemd-timesyncd.service",
    ]
    assert name.text.splitlines()[0] == "hostnamectl hostname raspberrypi"
    assert "-attic" in name.text and "+raspberrypi" in name.text

    undo = await undone(store, demo, job)
    name, unit, htop, rsync = (await reviewed(store, demo, undo)).previews
    assert name.text.splitlines()[0] == "hostnamectl hostname attic"
    assert "systemctl disable" in unit.text and "systemctl stop" in unit.text
    assert [(change.name, change.action) for change in htop.packages] == [("htop", "install")]
    assert [(change.name, change.action) for change in rsync.packages] == [("rsync", "remove")]


async def test_taking_packages_back_removes_where_they_were_downloaded_and_downloads_where_they_were_removed(
    demo: DemoHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    store = Store(demo.state)
    steps = (
        InstallPackages(id="htop", risks=("download",), packages=("htop",)),
        RemovePackages(id="rsync", risks=("packages-removed",), packages=("rsync",)),
    )
    job = await apply(store, demo, Plan(steps=steps))
    back = await plan_undo(store, job, demo)
    assert [step.risks for step in back.steps] == [("download",), ("packages-removed",)]

    again = await plan_undo(store, await undone(store, demo, job), demo)
    assert [step.risks for step in again.steps] == [("download",), ("packages-removed",)]


# data that packages made ------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")


FAIL2BAN = InstallPackages(id="fail2ban", setting="security.fail2ban", packages=("fail2ban",))
BANS = "/var/lib/fail2ban/fail2ban.sqlite3"


async def state_of(host: DemoHost, package: str) -> str:
    return (await host.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package])).stdout


async def actions(store: Store, host: DemoHost, plan: Plan) -> set[str]:
    return {change.action for preview in (await review(plan, host)).previews for change in preview.packages}


@pytest.mark.usefixtures("quick")
async def test_data_made_since_is_named_by_size_and_stays(demo: DemoHost) -> None:
    store = Store(demo.state)
    job = await apply(store, demo, Plan(steps=(FAIL2BAN,)))
    demo.machine.write(BANS, "x" * 2500)
    plan = await plan_undo(store, job, demo)
    assert await actions(store, demo, plan) == {"remove"}
    assert [notice.text for notice in plan.notices] == [
        f"fail2ban: removed, not purged, so that this stays: {BANS} (2.5 kB)"
    ]
    assert keeps_data(plan) == (plan.notices[0].text,)
    await apply(store, demo, plan)
    assert await state_of(demo, "fail2ban") == "config-files"
    assert await demo.text(BANS) == "x" * 2500


@pytest.mark.usefixtures("quick")
async def test_data_is_deleted_when_that_was_asked_for_and_the_review_names_it(demo: DemoHost) -> None:
    store = Store(demo.state)
    job = await apply(store, demo, Plan(steps=(FAIL2BAN,)))
    demo.machine.write(BANS, "x" * 2500)
    demo.machine.write("/var/lib/fail2ban/more", "x" * 500)
    plan = await plan_undo(store, job, demo, delete_data=True)
    assert await actions(store, demo, plan) == {"purge"}
    assert plan.steps[0].risks == ("irreversible",)
    assert [notice.text for notice in plan.notices] == [
        "fail2ban: purged; that deletes for good /var/lib/fail2ban (2 files, 3.0 kB)"
    ]
    assert keeps_data(plan) == ()
    await apply(store, demo, plan)
    assert await state_of(demo, "fail2ban") == ""
    assert await demo.text(BANS) is None


@pytest.mark.usefixtures("quick")
async def test_logs_go_with_their_packages_and_the_review_names_them(demo: DemoHost) -> None:
    store = Store(demo.state)
    job = await apply(store, demo, Plan(steps=(FAIL2BAN,)))
    demo.machine.write("/var/log/fail2ban/fail2ban.log", "x" * 100)
    plan = await plan_undo(store, job, demo)
    assert await actions(store, demo, plan) == {"purge"}
    assert "deletes for good /var/log/fail2ban/fail2ban.log (100 B)" in plan.notices[0].text
    await apply(store, demo, plan)
    assert await state_of(demo, "fail2ban") == ""


@pytest.mark.usefixtures("quick")
async def test_what_the_job_wrote_for_its_packages_is_no_data_made_since(demo: DemoHost) -> None:
    as_it_was = listing(demo)
    store = Store(demo.state)
    ours = write("jail", path="/etc/fail2ban/jail.local", content="[sshd]\nenabled = true\n")
    job = await apply(store, demo, Plan(steps=(FAIL2BAN, ours)))
    plan = await plan_undo(store, job, demo)
    assert await actions(store, demo, plan) == {"purge"}
    assert plan.notices == ()
    await apply(store, demo, plan)
    assert listing(demo) == as_it_was


@pytest.mark.usefixtures("quick")
async def test_what_was_given_back_before_the_packages_go_is_no_data_made_since(demo: DemoHost) -> None:
    """netbase's script names /etc/hosts, which another step of the job may have changed."""
    demo.machine.write("/etc/htop", "somebody's\n")
    as_it_was = listing(demo)
    htop = InstallPackages(id="htop", packages=("htop",))
    store = Store(demo.state)
    earlier = write("earlier", path="/etc/htop", content="ours\n")
    later = Unit(id="later", name="cron.service", restart=True)
    job = await apply(store, demo, Plan(steps=(earlier, htop, later)))
    plan = await plan_undo(store, job, demo)
    assert [step.describe() for step in plan.steps][-1] == "take back: install the package htop"
    assert plan.notices == ()
    await apply(store, demo, plan)
    assert await state_of(demo, "htop") == ""
    assert listing(demo) == as_it_was


@pytest.mark.usefixtures("quick")
async def test_what_the_job_wrote_through_a_link_is_no_data_made_since(demo: DemoHost) -> None:
    demo.machine.write("/etc/jails.conf", "[sshd]\n")
    await demo.symlink("/etc/fail2ban", "jails.conf")
    store = Store(demo.state)
    ours = write("jail", path="/etc/fail2ban", content="[sshd]\nenabled = true\n")
    job = await apply(store, demo, Plan(steps=(FAIL2BAN, ours)))
    assert await demo.text("/etc/jails.conf") == "[sshd]\nenabled = true\n"
    plan = await plan_undo(store, job, demo)
    assert await actions(store, demo, plan) == {"purge"}
    assert plan.notices == ()


@pytest.mark.usefixtures("quick")
async def test_a_configuration_somebody_wrote_since_stays(demo: DemoHost) -> None:
    store = Store(demo.state)
    ours = write("jail", path="/etc/fail2ban/jail.local", content="[sshd]\nenabled = true\n")
    job = await apply(store, demo, Plan(steps=(FAIL2BAN, ours)))
    demo.machine.write("/etc/fail2ban/jail.local", "by hand\n")
    plan = await plan_undo(store, job, demo)
    assert "/etc/fail2ban/jail.local (8 B)" in plan.notices[0].text
    await apply(store, demo, plan)
    assert await demo.text("/etc/fail2ban/jail.local") == "by hand\n"


@pytest.mark.usefixtures("quick")
async def test_data_that_comes_between_review_and_removal_stays(demo: DemoHost) -> None:
    store = Store(demo.state)
    job = await apply(store, demo, Plan(steps=(FAIL2BAN,)))
    plan = (await reviewed(store, demo, job)).plan
    demo.machine.write(BANS, "x" * 2500)
    await Run(store, plan, demo).run()
    assert await demo.text(BANS) == "x" * 2500


@pytest.mark.usefixtures("quick")
async def test_an_installation_done_again_and_taken_back_again_keeps_data_too(demo: DemoHost) -> None:
    store = Store(demo.state)
    first = await undone(store, demo, await apply(store, demo, Plan(steps=(FAIL2BAN,))))
    again = await undone(store, demo, first)
    assert await state_of(demo, "fail2ban") == "installed"
    demo.machine.write(BANS, "x" * 2500)
    plan = await plan_undo(store, again, demo)
    assert await actions(store, demo, plan) == {"remove"}
    await apply(store, demo, plan)
    assert await demo.text(BANS) == "x" * 2500


@pytest.mark.usefixtures("quick")
async def test_a_purge_in_a_plan_names_the_data_that_it_deletes(demo: DemoHost) -> None:
    demo.machine.write("/var/lib/rsync/state", "x" * 2500)
    step = RemovePackages(id="rsync", packages=("rsync",), purge=True)
    shown = await step.preview(demo, Overlay())
    assert shown.text == "deletes for good: /var/lib/rsync/state (2.5 kB)"
