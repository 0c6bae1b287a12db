"""Account and SudoersFile on the demo machine; tests/machines has them with Debian's own tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.system import accounts
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.secrets import Secrets
from pi_installer_tui.tasks.steps import Account, Overlay, Step, StepError, SudoersFile
from pi_installer_tui.tasks.store import Store
from pi_installer_tui.tasks.undo import keeps_data, plan_undo

from .jobs import Run


class Jobs:
    """A demo machine and jobs on it."""

    def __init__(self, folder: Path) -> None:
        self.host = DemoHost.create(str(folder / "demo"))
        self.store = Store(folder / "state")
        self.secrets = Secrets(self.store.root)

    async def run(self, plan: Plan | Step) -> str:
        plan = plan if isinstance(plan, Plan) else Plan(steps=(plan,))
        run = Run(self.store, (await review(plan, self.host)).plan, self.host)
        ended = await run.run()
        assert ended.outcome == "done", list(self.store.events(run.id))
        return run.id

    async def undo(self, job: str, **options: Any) -> Plan:
        plan = await plan_undo(self.store, job, self.host, **options)
        await self.run(plan)
        return plan

    def whole(self) -> dict[str, tuple[str, int, int, int, bytes]]:
        """/etc, /home and /var with contents, modes and owners, but for the backups that the account tools write."""
        files = self.host.machine.files
        found: dict[str, tuple[str, int, int, int, bytes]] = {}
        todo = ["/etc", "/home", "/var/spool", "/var/backups"]
        while todo:
            path = todo.pop()
            seen = files.stat(path)
            if seen is None or (path.endswith("-") and path.count("/") == 2):
                continue
            content = files.read(path) if seen.kind == "file" else (seen.target or "").encode()
            found[path] = seen.kind, seen.mode, seen.uid, seen.gid, content
            todo += [f"{path}/{name}" for name in (files.listdir(path) if seen.kind == "directory" else ())]
        return found

    async def account(self, name: str) -> accounts.Account:
        return accounts.accounts(await accounts.read_files(self.host))[name]

    def line(self, path: str, name: str) -> str:
        return accounts.own(self.host.machine.text(path) or "", name)[0][0]


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv(PACE, "0")
    return Jobs(tmp_path)


def ada(**fields: Any) -> Account:
    return Account(id="ada", name="ada", uid=1001, home="/home/ada", **fields)


def change(name: str = "ada", **fields: Any) -> Account:
    return Account(id=name, name=name, **fields)


async def test_an_account_is_made_with_its_home_and_undone_to_the_byte(jobs: Jobs) -> None:
    before = jobs.whole()
    step = ada(comment="Ada L.", groups=("video", "audio"), expires=30_000, max_days=90)
    job = await jobs.run(step)
    found = await jobs.account("ada")
    assert (found.uid, found.gid, found.comment, found.shell) == (1001, 1001, "Ada L.", "/bin/bash")
    assert (set(found.groups), found.expires, found.max_days) == ({"audio", "video"}, 30_000, 90)
    assert found.password == "none"
    home = await jobs.host.stat("/home/ada")
    assert home is not None and (home.mode, home.uid, home.gid) == (0o700, 1001, 1001)
    assert await jobs.host.read("/home/ada/.bashrc") == await jobs.host.read("/etc/skel/.bashrc")
    assert await step.done(jobs.host)
    await jobs.undo(job)
    assert jobs.whole() == before


async def test_a_password_is_set_from_a_secret_and_used_up(jobs: Jobs) -> None:
    jobs.secrets.give("users.ada", "correct horse")
    job = await jobs.run(ada(password="users.ada", sensitive=True))
    assert (await jobs.account("ada")).password == "set"
    assert jobs.secrets.given("users.ada") is None
    assert jobs.secrets.show("users.ada") is None
    for path in (jobs.store.folder(job)).rglob("*"):
        assert not path.is_file() or b"correct horse" not in path.read_bytes()


async def test_a_password_that_nobody_gave_is_made_and_shown_once(jobs: Jobs) -> None:
    job = await jobs.run(ada(password="p", sensitive=True))
    made = jobs.secrets.show("p")
    assert made is not None and len(made) == 23
    assert jobs.secrets.show("p") is None
    for path in (jobs.store.folder(job)).rglob("*"):
        assert not path.is_file() or made.encode() not in path.read_bytes()


async def test_a_ready_hash_is_taken_as_it_is(jobs: Jobs) -> None:
    hashed = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"
    jobs.secrets.give("p", hashed)
    await jobs.run(ada(password="p", sensitive=True))
    assert jobs.line(accounts.SHADOW, "ada").split(":")[1] == hashed


async def test_locking_closes_every_way_in_and_unlocking_gives_it_back(jobs: Jobs) -> None:
    jobs.secrets.give("p", "secret")
    await jobs.run(ada(password="p", sensitive=True))
    before = jobs.whole()
    hashed = jobs.line(accounts.SHADOW, "ada").split(":")[1]
    job = await jobs.run(change(locked=True))
    found = await jobs.account("ada")
    assert (found.password, found.expires, found.locked) == ("locked", accounts.LOCKED, True)
    await jobs.run(change(locked=False))
    assert jobs.line(accounts.SHADOW, "ada").split(":")[1] == hashed
    assert not (await jobs.account("ada")).locked
    assert jobs.whole() == before
    assert not (await plan_undo(jobs.store, job, jobs.host)).blocked


async def test_a_removed_account_comes_back_line_by_line_with_its_groups_and_crontab(jobs: Jobs) -> None:
    machine = jobs.host.machine
    await jobs.run(ada(groups=("audio", "video", "users")))
    await jobs.run(Account(id="bob", name="bob", uid=1002, home="/home/bob", groups=("audio",)))
    machine.write("/var/spool/cron/crontabs/ada", "@daily true\n", 0o600)
    before = jobs.whole()
    job = await jobs.run(change(absent=True, home="/home/ada"))
    assert "ada" not in accounts.accounts(await accounts.read_files(jobs.host))
    assert await jobs.host.stat("/home/ada/.bashrc") is not None
    assert await jobs.host.stat("/var/spool/cron/crontabs/ada") is None
    await jobs.undo(job)
    assert jobs.whole() == before


async def test_a_home_is_packed_before_it_goes_and_comes_back_whole(jobs: Jobs) -> None:
    await jobs.run(ada())
    jobs.host.machine.write("/home/ada/work/letter", "dear Charles\n", 0o640)
    jobs.host.machine.write("/var/backups/x", "", 0o600)
    before = jobs.whole()
    archive = "/var/backups/home-ada-1001.tar.gz"
    job = await jobs.run(change(absent=True, home="/home/ada", home_then="archive", archive=archive))
    assert await jobs.host.stat("/home/ada") is None
    packed = await jobs.host.stat(archive)
    assert packed is not None and packed.mode == 0o600
    await jobs.undo(job)
    assert jobs.whole() == before


async def test_a_home_that_is_removed_for_good_is_named_with_its_size(jobs: Jobs) -> None:
    await jobs.run(ada())
    jobs.host.machine.write("/home/ada/big", "x" * 5000)
    step = change(absent=True, home="/home/ada", home_then="remove")
    shown = await step.preview(jobs.host, Overlay())
    assert "/home/ada (4 files, " in shown.text and "for good" in shown.text
    await jobs.run(step)
    assert await jobs.host.stat("/home/ada") is None


async def test_undo_keeps_a_home_in_which_somebody_has_worked(jobs: Jobs) -> None:
    job = await jobs.run(ada())
    jobs.host.machine.write("/home/ada/letter", "dear Charles\n")
    plan = await plan_undo(jobs.store, job, jobs.host)
    assert any("/home/ada" in text for text in keeps_data(plan))
    await jobs.undo(job)
    assert "ada" not in accounts.accounts(await accounts.read_files(jobs.host))
    assert await jobs.host.read("/home/ada/letter") == b"dear Charles\n"


async def test_undo_deletes_a_home_with_data_only_when_told_to(jobs: Jobs) -> None:
    before = jobs.whole()
    job = await jobs.run(ada())
    jobs.host.machine.write("/home/ada/letter", "dear Charles\n")
    plan = await jobs.undo(job, delete_data=True)
    assert "irreversible" in plan.steps[0].risks
    assert jobs.whole() == before


async def test_undo_leaves_what_others_did_since(jobs: Jobs) -> None:
    await jobs.run(ada(comment="old"))
    job = await jobs.run(change(comment="new", shell="/bin/sh", groups=("audio",)))  # noqa: S604
    await jobs.run(Account(id="bob", name="bob", uid=1002, home="/home/bob", groups=("audio",)))
    await jobs.host.run(["usermod", "--shell", "/bin/dash", "ada"], check=True)
    await jobs.undo(job)
    found = await jobs.account("ada")
    assert (found.comment, found.shell, found.groups) == ("old", "/bin/dash", ())
    assert (await jobs.account("bob")).groups == ("audio",)


async def test_another_account_of_the_name_made_since_is_not_overwritten(jobs: Jobs) -> None:
    await jobs.run(ada())
    job = await jobs.run(change(absent=True, home="/home/ada"))
    await jobs.run(Account(id="new", name="ada", uid=1007, home="/home/ada2"))
    reviewed = await review(await plan_undo(jobs.store, job, jobs.host), jobs.host)
    assert [refused.reason for refused in reviewed.refused] == ["file-changed"]


async def test_an_account_whose_processes_run_is_not_removed(jobs: Jobs) -> None:
    await jobs.run(ada())
    jobs.host.machine.write("/proc/4242/stat", "")
    jobs.host.machine.files.chmod("/proc/4242", mode=0o555, uid=1001, gid=1001)
    run = Run(jobs.store, Plan(steps=(change(absent=True, home="/home/ada"),)), jobs.host)
    assert (await run.run()).outcome == "failed"
    assert "ada" in accounts.accounts(await accounts.read_files(jobs.host))


@pytest.mark.parametrize("name", ["x; id", "--help", "-x", "a" * 33, "ädä", "", "a b", "a:b", "a\nb", "$(id)", "a/b"])
def test_no_step_takes_such_a_name(name: str) -> None:
    with pytest.raises(ValueError):
        Account(id="a", name=name)


SUDO = SudoersFile(id="s", path="/etc/sudoers.d/ours", content="pi ALL=(ALL:ALL) NOPASSWD: ALL\n")


async def test_a_rule_for_sudo_is_put_there_readable_for_root_and_taken_back(jobs: Jobs) -> None:
    before = jobs.whole()
    job = await jobs.run(SUDO)
    found = await jobs.host.stat(SUDO.path)
    assert found is not None and found.mode == 0o440
    await jobs.undo(job)
    assert jobs.whole() == before


async def test_a_rule_that_visudo_refuses_is_refused_in_the_review_and_never_written(jobs: Jobs) -> None:
    wrong = SUDO.model_copy(update={"content": "pi ALL=((\n"})
    reviewed = await review(Plan(steps=(wrong,)), jobs.host)
    assert [refused.reason for refused in reviewed.refused] == ["not-valid"]
    run = Run(jobs.store, Plan(steps=(wrong,)), jobs.host)
    assert (await run.run()).outcome == "failed"
    assert await jobs.host.stat(SUDO.path) is None


async def test_an_unreadable_shadow_is_no_account_without_password(jobs: Jobs) -> None:
    with pytest.raises(StepError):
        await change("nobody-here", comment="x").preview(jobs.host, Overlay())
