"""The way to the backup that is wanted, as tables: which steps, in which order, and when there are none."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from pi_installer_tui.databases import Dump
from pi_installer_tui.modules.backup import MODULE, applied, due, proof, timers
from pi_installer_tui.modules.backup.actions import dump_of
from pi_installer_tui.modules.backup.asking import Asked
from pi_installer_tui.modules.backup.discovery import Contents
from pi_installer_tui.modules.backup.settings import BackupSettings
from pi_installer_tui.modules.backup.state import State, Timer
from pi_installer_tui.modules.backup.usual import jobs_of
from pi_installer_tui.restic.answers import Lock, Snapshot
from pi_installer_tui.system.disks import Block
from pi_installer_tui.system.reading import MISSING, Known, Unknown
from pi_installer_tui.tasks.plan import Others, Plan
from pi_installer_tui.tasks.runs import Run
from pi_installer_tui.tasks.steps import (
    BackUp,
    InstallPackages,
    KeepSnapshots,
    OpenRepository,
    RestoreDatabase,
    RestoreFiles,
    SecretFile,
    UnlockRepository,
    WriteFile,
)

PYTHON = "/opt/pi-installer-tui/current/bin/python"
BARE = State(MISSING, 0, PYTHON, secrets=Known(frozenset()), timers=Known({}), ssh=True, mounts=("/", "/mnt/usb"))
USB = {"kind": "folder", "path": "/mnt/usb/restic", "device": "UUID=1234", "mount": "/mnt/usb"}
NAS = {"kind": "sftp", "host": "nas.lan", "user": "pi", "path": "backup", "key": "backup.nas-key",
       "host_key": "ssh-ed25519 AAAA", "port": 2222}  # fmt: skip
HOME = {"what": ["home"], "schedule": {"times": ["03:00"], "enabled": True}, "keep": {"daily": 7}}


def so(**document: Any) -> State:
    """A machine on which that was applied, and nothing happened since."""
    now = applied.merged(BackupSettings(), BackupSettings.model_validate(document))
    units: dict[str, str] = {}
    for job in jobs_of(now):
        units |= timers.units(job, PYTHON)
    found = {name: Timer(enabled=True, active=True, following=2e9) for name in units if name.endswith(".timer")}
    return replace(
        BARE,
        config=Known(now),
        mode=0o600,
        secrets=Known(applied.secrets(now)),
        folder=True,
        known_hosts={"nas": "[nas.lan]:2222 ssh-ed25519 AAAA\n"} if "nas" in (now.places or {}) else {},
        units=units,
        timers=Known(found),
        due=due.text(now),
        restic=Known("0.18.0"),
        repositories=frozenset(name for name, place in (now.places or {}).items() if place.kind == "folder"),
    )


def plan(state: State, given: Collection[str] = (), **document: Any) -> Plan:
    settings = BackupSettings.model_validate(document)
    assert list(MODULE.validate(state, settings)) == []
    return MODULE.plan(state, settings, Others(secrets=frozenset(given)))


def wrong(state: State, **document: Any) -> list[str]:
    return [mistake.place for mistake in MODULE.validate(state, BackupSettings.model_validate(document))]


def steps(made: Plan) -> list[str]:
    return [step.id.removeprefix("backup.") for step in made.steps]


# settings ---------------------------------------------------------------------------------------------------------


def test_everything_is_made_in_the_order_in_which_it_is_needed() -> None:
    made = plan(BARE, places={"usb": USB}, jobs={"home": HOME})
    assert steps(made) == [
        *("packages", "secrets", "secret.usb", "open.usb", "config", "due"),
        *(f"unit.pi-installer-tui-backup-home{each}" for each in (
            ".service", ".timer", "-structure.service", "-structure.timer", "-data.service", "-data.timer",
            "-drill.service", "-drill.timer",
        )),
        *(f"timer.pi-installer-tui-backup-home{each}.timer" for each in ("", "-structure", "-data", "-drill")),
    ]  # fmt: skip
    by_id = {step.id: step for step in made.steps}
    packages, secret, config = by_id["backup.packages"], by_id["backup.secret.usb"], by_id["backup.config"]
    assert isinstance(packages, InstallPackages) and packages.packages == ("restic",)
    assert isinstance(secret, SecretFile) and secret.make and secret.path == "/etc/pi-installer-tui/secrets/backup.usb"
    assert isinstance(config, WriteFile) and config.mode == 0o600 and "backup.open.usb" in config.needs
    assert applied.load(config.content).places is not None
    checks = {check.id.removeprefix("backup.") for check in made.checks}
    assert checks == {
        "answers.usb",
        *(f"waits.pi-installer-tui-backup-home{e}.timer" for e in ("", "-structure", "-data", "-drill")),
    }
    assert not made.blocked


def test_on_a_machine_that_is_so_nothing_is_planned() -> None:
    for state in (BARE, so(), so(places={"usb": USB, "nas": NAS}, jobs={"home": HOME, "files": {"paths": ["/srv"]}})):
        made = MODULE.plan(state, MODULE.present(state), Others())
        assert made.steps == () and made.blocked == () and made.checks == () and made.notices == ()
    state = so(places={"usb": USB}, jobs={"home": HOME})
    assert MODULE.present(state) == state.applied
    assert plan(state, places={"usb": USB}, jobs={"home": HOME}).empty


def test_what_is_not_so_is_not_presented_and_made_again() -> None:
    state = so(places={"usb": USB}, jobs={"home": HOME})
    assert isinstance(state.timers, Known)
    off = replace(state, timers=Known({**state.timers.value, timers.timer("home"): Timer(enabled=False, active=False)}))
    assert MODULE.present(off).jobs is None and MODULE.present(off).places is not None
    assert steps(plan(off, jobs={"home": HOME})) == ["timer.pi-installer-tui-backup-home.timer"]
    edited = replace(state, units={**state.units, "pi-installer-tui-backup-home.timer": "[Timer]\n"})
    assert steps(plan(edited, jobs={"home": HOME})) == [
        "unit.pi-installer-tui-backup-home.timer",
        "timer.pi-installer-tui-backup-home.timer",
    ]


@pytest.mark.parametrize("document", [{"places": {"usb": USB}}, {"jobs": {"home": HOME}}])
def test_a_lost_password_is_asked_for_again_and_made_only_where_nothing_lies(document: dict[str, Any]) -> None:
    """Also by who names the job alone, that can't run without it."""
    state = so(places={"usb": USB}, jobs={"home": HOME})
    lost = replace(state, secrets=Known(frozenset()))
    assert MODULE.present(lost) == BackupSettings()
    told = plan(lost, **document)
    assert [blocked.setting for blocked in told.blocked] == ["backup.places.usb.password"] and told.empty
    assert "backup.usb" in told.blocked[0].why
    assert steps(plan(lost, ["backup.usb"], **document)) == ["secret.usb", "open.usb"]
    wiped = replace(lost, repositories=frozenset())
    assert steps(plan(wiped, **document)) == ["secret.usb", "open.usb"]
    assert plan(replace(wiped, mounts=("/",)), **document).blocked, "nobody knows what lies on a disk that isn't here"


def test_a_lost_key_of_a_jobs_place_is_asked_for_and_another_place_isnt() -> None:
    state = so(places={"usb": USB, "nas": NAS}, jobs={"home": {**HOME, "places": ["nas"]}})
    lost = replace(state, secrets=Known(frozenset({"backup.nas"})))
    told = plan(lost, jobs={"home": HOME})
    assert [blocked.setting for blocked in told.blocked] == ["backup.places.nas.key"] and told.empty
    assert steps(plan(lost, ["backup.nas-key"], jobs={"home": HOME})) == ["secret.nas-key", "open.nas"]


def test_what_isnt_named_is_left_alone() -> None:
    state = so(places={"usb": USB}, jobs={"home": HOME})
    made = plan(state, jobs={"files": {"paths": ["/srv"], "places": ["usb"]}})
    assert steps(made) == ["config"]
    (config,) = [step for step in made.steps if isinstance(step, WriteFile)]
    now = applied.load(config.content)
    assert set(now.jobs or {}) == {"home", "files"} and (now.jobs or {})["home"] == (state.applied.jobs or {})["home"]
    assert plan(replace(state, units={}, timers=Known({})), places={"usb": USB}).empty, "the job isn't asked for"


def test_an_absent_job_takes_its_timers_along_and_an_absent_place_its_secrets() -> None:
    state = so(places={"usb": USB, "nas": NAS}, jobs={"home": {**HOME, "places": ["usb"]}})
    made = plan(state, jobs={"home": {"state": "absent"}})
    assert steps(made)[:2] == ["config", "due"]
    assert {step.id for step in made.steps if step.kind == "remove-file"} >= {f"backup.unit.{n}" for n in state.units}
    stopped = steps(made).index("timer.pi-installer-tui-backup-home.timer")
    assert stopped < steps(made).index("unit.pi-installer-tui-backup-home.timer")
    gone = plan(state, places={"nas": {"state": "absent"}})
    assert steps(gone) == ["config", "forget.nas", "forget.nas-key", "forget-host-key.nas"]
    assert any("recovery kit" in notice.text for notice in gone.notices)
    tried = replace(state, trials=frozenset({"nas", "usb"}))
    assert "forget-trial.nas" in steps(plan(tried, places={"nas": {"state": "absent"}}))
    assert not [each for each in steps(plan(tried, places={"nas": NAS, "usb": USB})) if "trial" in each]


def test_a_job_that_goes_to_every_place_gets_another_verification_with_a_new_place() -> None:
    state = so(places={"usb": USB}, jobs={"home": HOME})
    made = plan(state, ["backup.nas-key"], places={"nas": NAS})
    services = [step for step in made.steps if isinstance(step, WriteFile) and step.path.endswith("structure.service")]
    assert "verify usb nas --scheduled" in services[0].content


def test_a_disk_that_isnt_mounted_is_noticed_and_nothing_is_opened() -> None:
    made = plan(replace(BARE, mounts=("/",)), places={"usb": USB})
    assert "open.usb" not in steps(made) and "config" in steps(made)
    assert any("isn't mounted at /mnt/usb" in notice.text for notice in made.notices)


def test_a_folder_on_the_systems_own_disk_is_a_warning() -> None:
    made = plan(BARE, places={"here": {"kind": "folder", "path": "/srv/restic"}})
    assert any("same disk as the system" in notice.text for notice in made.notices)
    other = plan(BARE, places={"here": {"kind": "folder", "path": "/mnt/usb/restic"}})
    assert not any("same disk" in notice.text for notice in other.notices)


def test_secrets_that_are_lacking_block_their_place_alone() -> None:
    made = plan(BARE, places={"nas": NAS, "usb": USB})
    assert [blocked.setting for blocked in made.blocked] == ["backup.places.nas.key"]
    assert "open.usb" in steps(made) and "open.nas" not in steps(made)
    with_it = plan(BARE, ["backup.nas-key"], places={"nas": NAS})
    assert steps(with_it) == [
        "packages",
        "secrets",
        "secret.nas",
        "secret.nas-key",
        "host-key.nas",
        "open.nas",
        "config",
    ]
    (host_key,) = [step for step in with_it.steps if step.id == "backup.host-key.nas"]
    assert isinstance(host_key, WriteFile) and host_key.content == "[nas.lan]:2222 ssh-ed25519 AAAA\n"


def test_a_repositorys_password_is_given_or_made_once_and_then_stays() -> None:
    state = so(places={"usb": USB})
    made = plan(BARE, ["backup.usb"], places={"usb": USB})
    (secret,) = [step for step in made.steps if isinstance(step, SecretFile)]
    assert secret.make, "what was given outranks what would be made"
    assert plan(state, ["backup.usb"], places={"usb": USB}).empty
    again = plan(replace(BARE, secrets=Known(frozenset({"backup.usb"}))), ["backup.usb"], places={"usb": USB})
    assert any(isinstance(step, SecretFile) and not step.make for step in again.steps), "it was typed wrong before"


def test_a_kit_that_was_read_back_counts_no_more_for_another_repository() -> None:
    state = replace(so(places={"usb": USB}), kits={"usb": "7K2M-Q9XW"})
    assert plan(state, places={"usb": USB}).empty
    elsewhere = {**USB, "path": "/mnt/usb/other"}
    assert steps(plan(state, places={"usb": elsewhere})) == ["open.usb", "config", "forget-kit.usb"]
    assert "forget-kit.usb" in steps(plan(state, places={"usb": {"state": "absent"}}))
    wiped = replace(state, secrets=Known(frozenset()), repositories=frozenset())
    assert "forget-kit.usb" in steps(plan(wiped, places={"usb": USB}))


def test_another_disk_is_another_repository_and_the_old_one_is_told_of() -> None:
    state = replace(so(places={"usb": USB}, jobs={"home": HOME}), kits={"usb": "7K2M-Q9XW"})
    other = {**USB, "device": "UUID=5678"}
    old = Block("/dev/sda1", "part", 1, file_system="ext4", uuid="1234", mounts=("/mnt/usb",))
    here = replace(state, devices=Known((replace(old, uuid="5678"),)))
    moved = plan(here, places={"usb": other})
    assert steps(moved) == ["open.usb", "config", "forget-kit.usb"]
    (told,) = [notice.text for notice in moved.notices]
    assert "/mnt/usb/restic (UUID=1234)" in told and "recovery kit" in told
    for away_state in (replace(state, devices=Known((old,))), replace(state, mounts=("/",))):  # the old one; nothing
        away = plan(away_state, places={"usb": other})
        assert steps(away) == ["config", "forget-kit.usb"]
        assert [notice.text for notice in away.notices if "first run that finds it" in notice.text]
        assert told in [notice.text for notice in away.notices]
    assert plan(state, places={"usb": USB}).notices == ()


def test_runs_at_the_old_repository_count_no_more_for_the_new_one() -> None:
    ran = {"job": "home", "place": "usb"}
    run, drill = (
        Run("j", "backup", action, ran, "root", 1.0, 2.0, "done", reported={"proven": True}, repository=where)
        for action, where in (("run", "/mnt/usb/restic (UUID=1234)"), ("drill", ""))
    )
    state = replace(so(places={"usb": USB}, jobs={"home": HOME}), runs=(run, replace(drill, repository=run.repository)))
    moved = so(places={"usb": {**USB, "device": "UUID=5678"}}, jobs={"home": HOME})
    moved = replace(moved, runs=state.runs)
    contents = Asked(contents=Contents(("/home",), (), (), (), ()))
    for there, kinds in (
        (state, ["back-up", "keep-snapshots"]),
        (moved, ["open-repository", "back-up", "keep-snapshots"]),
    ):
        arguments = MODULE.arguments("run").model_validate({"job": "home"})
        made = MODULE.plan_action(replace(there, asked=contents), "run", arguments)
        assert [step.kind for step in made.steps] == kinds, "the first run that finds the disk makes the repository"
    proven = [proof.standings(each.applied, each.runs, {"usb"}, {}, 3.0)[0].proven for each in (state, moved)]
    assert proven == [2.0, None], "nothing of the new one has come back yet"


def test_what_cant_be_read_is_blocked() -> None:
    made = plan(replace(BARE, config=Unknown("no permission")), places={"usb": USB})
    assert made.empty and [blocked.why for blocked in made.blocked] == ["no permission"]


@pytest.mark.parametrize(
    ("document", "places"),
    [
        ({"places": {"a": {"kind": "folder"}}}, ["places.a.path"]),
        ({"places": {"a": {"kind": "folder", "path": "/m/x", "device": "LABEL=b"}}}, ["places.a.mount"]),
        ({"places": {"a": {"kind": "folder", "path": "/x", "device": "LABEL=b", "mount": "/m"}}}, ["places.a.path"]),
        ({"places": {"a": {"kind": "sftp", "host": "h"}}}, ["places.a.path"]),
        ({"places": {"a": {"kind": "rest"}}}, ["places.a.url"]),
        ({"places": {"a": {"kind": "s3", "bucket": "abc"}}}, ["places.a.access_key", "places.a.secret"]),
        ({"places": {"a": {"kind": "gcs", "secret": "backup.a", "bucket": "abc"}}}, ["places.a"]),
        ({"jobs": {"j": {}}}, ["jobs.j.what"]),
        ({"jobs": {"j": {"what": ["home"], "places": ["b"]}}}, ["jobs.j.places"]),
        ({"jobs": {"j-drill": {"what": ["home"]}}}, ["jobs.j-drill"]),
        ({"jobs": {"j": {"what": ["home"], "schedule": {"enabled": True}}}}, ["jobs.j.schedule.times"]),
        ({"jobs": {"j": {"what": ["home"], "keep": {"daily": 0}}}}, ["jobs.j.keep"]),
    ],
)
def test_mistakes_have_their_place(document: dict[str, Any], places: list[str]) -> None:
    assert wrong(BARE, **document) == [f"backup.{place}" for place in places]


def test_a_place_that_a_job_names_cant_go() -> None:
    state = so(places={"usb": USB}, jobs={"home": {**HOME, "places": ["usb"]}})
    assert wrong(state, places={"usb": {"state": "absent"}}) == ["backup.places.usb"]
    assert wrong(state, places={"usb": {"state": "absent"}}, jobs={"home": {"state": "absent"}}) == []


# actions ----------------------------------------------------------------------------------------------------------

STATE = so(
    places={"usb": USB, "nas": NAS},
    jobs={"home": {**HOME, "places": ["usb"], "tags": ["pi"]}, "all": {"what": ["home"]}},
)
DUMP = Dump("postgresql", "app")
FILES = Snapshot("a" * 64, 1e9, "pi", "root", ("/home",), ("job=home", "run=x"))
DATABASE = Snapshot("b" * 64, 1e9, "pi", "root", (DUMP.file,), ("job=home", DUMP.tag))


def act(action: str, asked: Asked = Asked(), **told: Any) -> Plan:  # noqa: B008
    state = replace(STATE, asked=asked)
    arguments = MODULE.arguments(action).model_validate(told)
    assert list(MODULE.validate_action(state, action, arguments)) == []
    return MODULE.plan_action(state, action, arguments)


def refused(action: str, asked: Asked = Asked(), **told: Any) -> list[str]:  # noqa: B008
    arguments = MODULE.arguments(action).model_validate(told)
    return [m.place for m in MODULE.validate_action(replace(STATE, asked=asked), action, arguments)]


def test_a_run_opens_backs_up_and_thins_out_beside_changes() -> None:
    contents = Contents(("/home",), ("*.tmp",), (DUMP,), ("unit:wiki.service",), ("sqlite:/x isn't here",))
    made = act("run", Asked(contents=contents), job="home")
    opened, saved, kept = made.steps
    assert isinstance(opened, OpenRepository) and isinstance(saved, BackUp) and isinstance(kept, KeepSnapshots)
    assert (saved.sources, saved.dumps, saved.stops, saved.tags) == (("/home",), (DUMP,), contents.stops, ("pi",))
    assert saved.exclude == ("*.tmp", "/mnt/usb/restic"), "a repository never backs up itself"
    assert (kept.daily, kept.weekly) == (7, 0) and kept.needs == (saved.id,)
    assert (made.lane, made.name) == ("work", "backup.usb")
    assert made.asked is not None and made.asked.arguments == {"job": "home", "place": "usb"}
    assert [notice.text for notice in made.notices] == ["sqlite:/x isn't here"]


def test_a_repository_that_was_there_is_not_made_again() -> None:
    """One that has gone, with a disk that was wiped, is told and not begun anew."""
    contents = Asked(contents=Contents(("/home",), (), (), (), ()))
    run = Run("j", "backup", "run", {"job": "home", "place": "usb"}, "root", 1.0, 2.0, "done")

    def kinds(*runs: Run) -> list[str]:
        arguments = MODULE.arguments("run").model_validate({"job": "home"})
        made = MODULE.plan_action(replace(STATE, asked=contents, runs=runs), "run", arguments)
        return [step.kind for step in made.steps]

    assert kinds(run) == ["back-up", "keep-snapshots"]
    failed, elsewhere = replace(run, outcome="failed"), replace(run, arguments={"job": "home", "place": "nas"})
    assert kinds(failed, elsewhere, replace(run, action="verify"))[0] == "open-repository"
    restored = replace(run, action="restore", reported={"aside": "/srv/.pi-installer-tui-replaced-x"})
    assert kinds(run, restored) == ["back-up", "clear-aside", "keep-snapshots"], "what it put aside has its time"
    assert kinds(run, replace(run, action="restore")) == ["back-up", "keep-snapshots"], "it replaced nothing"
    assert kinds(run, replace(run, action="restore-database")) == ["back-up", "clear-aside", "keep-snapshots"]


def test_a_run_of_nothing_is_blocked() -> None:
    made = act("run", Asked(contents=Contents(missing=("mail isn't here",))), job="home")
    assert made.empty and "mail isn't here" in made.blocked[0].why
    assert act("run", Asked(trouble="the server doesn't answer"), job="home").blocked[0].why.startswith("the server")


def test_an_action_that_names_what_isnt_there_is_a_mistake() -> None:
    assert refused("run", job="other") == ["job"]
    assert refused("run", job="home", place="nas") == ["place"]
    assert refused("run", job="all") == ["place"], "it goes to both"
    assert refused("keep", job="all", place="usb") == ["job"], "it keeps everything"
    assert refused("verify", place="x") == ["place"]
    asked = Asked(snapshots=(FILES, DATABASE))
    assert refused("restore", asked, place="usb", snapshot="c" * 8, paths=["/"]) == ["snapshot"]
    assert refused("restore-database", asked, place="usb", snapshot="a" * 8) == ["snapshot"]
    assert refused("unlock", Asked(locks=()), place="usb", lock="c" * 8) == ["lock"]


def test_files_and_databases_come_back_as_changes() -> None:
    asked = Asked(snapshots=(FILES, DATABASE))
    made = act("restore", asked, place="usb", snapshot="aaaaaaaa", paths=["/home/pi"], existing="replace")
    (step,) = made.steps
    assert isinstance(step, RestoreFiles) and made.lane == "change"
    assert (step.snapshot, step.chosen, step.existing, step.target) == ("a" * 64, ("/home/pi",), "replace", "")
    (loaded,) = act("restore-database", asked, place="usb", snapshot="latest").steps
    assert isinstance(loaded, RestoreDatabase) and loaded.dump == DUMP and loaded.snapshot == "b" * 64


@pytest.mark.parametrize(
    "dump",
    [
        DUMP,
        Dump("postgresql", "a/b"),
        Dump("mariadb", "shop,1", "wiki-db"),
        Dump("postgresql", "app", "podman:db"),
        Dump("sqlite", "/srv/app.db"),
        Dump("sqlite", "/data/app.db", "wiki"),
    ],
)
def test_a_dump_is_known_again_by_its_snapshot(dump: Dump) -> None:
    assert dump_of(replace(DATABASE, paths=(dump.file,), tags=("job=x", dump.tag))) == dump


def test_only_locks_that_nobody_holds_are_removed_unless_one_is_named() -> None:
    held, stale = (Lock(sign * 64, 1e9, exclusive=False, host="pi", user="root", pid=1) for sign in "cd")
    asked = Asked(locks=(held, stale), stale=frozenset({stale.id}))
    (step,) = act("unlock", asked, place="usb").steps
    assert isinstance(step, UnlockRepository) and step.locks == (stale.id,)
    (named,) = act("unlock", asked, place="usb", lock="cccccccc").steps
    assert isinstance(named, UnlockRepository) and named.locks == (held.id,)
    assert act("unlock", replace(asked, stale=frozenset()), place="usb").blocked
    assert act("unlock", Asked(locks=()), place="usb").empty
