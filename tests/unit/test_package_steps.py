"""InstallPackages and RemovePackages on the demo machine; tests/machines has them with the real apt-get."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.tasks.before import Before
from pi_installer_tui.tasks.lock import Lock
from pi_installer_tui.tasks.steps import (
    InstallPackages,
    Overlay,
    RemovePackages,
    StepBase,
    StepContext,
    StepError,
    Unit,
)
from pi_installer_tui.tasks.steps.diff import apart
from pi_installer_tui.tasks.steps.packages import _HELD, _Apt

from .replayed import ReplayedHost


class Job:
    """A step's context on a demo machine, and all that the step told."""

    def __init__(self, folder: Path) -> None:
        self.host = DemoHost.create(str(folder / "demo"))
        self.folder = folder
        self.fractions: list[float | None] = []
        self.phases: list[str] = []
        self.points: list[str] = []
        self.waits: list[str] = []
        self.output = b""

    def context(self, name: str = "before") -> StepContext:
        def output(chunk: bytes) -> None:
            self.output += chunk

        def progress(fraction: float | None, phase: str = "", detail: str = "") -> None:
            self.fractions.append(fraction)
            if phase not in self.phases:
                self.phases.append(phase)

        return StepContext(
            host=self.host,
            before=Before(self.folder / name, self.host),
            output=output,
            progress=progress,
            waiting=lambda what, holder: self.waits.append(holder),
            reached=self.points.append,
        )

    async def apply(self, step: StepBase) -> None:
        context = self.context()
        before = Before(self.folder / "before", self.host)
        await step.capture(replace(context, before=before))
        before.finish()
        await step.apply(replace(context, before=before))

    async def undo(self, step: StepBase) -> None:
        context = self.context()
        await step.undo(context, context.before)

    async def installed(self) -> tuple[str, str]:
        packages = await self.host.run(["dpkg-query", "-W", "-f", r"${binary:Package} ${db:Status-Status}\n"])
        return packages.stdout, (await self.host.run(["apt-mark", "showauto"])).stdout


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv(PACE, "0")
    return Job(tmp_path)


FAIL2BAN = InstallPackages(id="p", packages=("fail2ban",))


async def test_undo_removes_exactly_what_the_step_brought_in(job: Job) -> None:
    before = await job.installed()
    assert not await FAIL2BAN.done(job.host)
    await job.apply(FAIL2BAN)
    assert await FAIL2BAN.done(job.host)
    assert await job.installed() != before
    await job.undo(FAIL2BAN)
    assert await job.installed() == before


async def test_progress_is_one_fraction_from_download_to_the_end(job: Job) -> None:
    await job.apply(FAIL2BAN)
    fractions = [fraction for fraction in job.fractions if fraction is not None]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert job.phases == ["download", "install"]
    assert job.points == ["apt:downloading", "apt:unpacking", "apt:configuring"]
    assert b"Setting up fail2ban" in job.output


async def test_the_preview_names_every_package_and_the_bytes_to_download(job: Job) -> None:
    before = await job.installed()
    shown = await FAIL2BAN.preview(job.host, Overlay())
    assert shown.kind == "packages"
    assert "fail2ban" in [change.name for change in shown.packages if change.action == "install"]
    assert all(change.version for change in shown.packages)
    assert shown.download
    assert shown.disk
    assert await job.installed() == before


async def test_the_preview_says_what_an_undo_leaves() -> None:
    host = ReplayedHost({"commands": [], "files": {}, "stats": {}, "folders": {}, "programs": {}, "links": {}})
    fields = r"${binary:Package}\t${db:Status-Status}\t${Version}\t${Installed-Size}\n"
    host.say(["dpkg-query", "-W", "-f", fields], stdout="libssl3\tinstalled\t3.0.15\t6000\n")
    wanted = ("--no-install-recommends", "install", "openssl")
    brings = "Inst libssl3 [3.0.15] (3.0.16 Debian:12/stable [amd64])\nInst openssl (3.0.16 Debian:12/stable [amd64])\n"
    host.say(["apt-get", "-s", "-q", *wanted], stdout=brings)
    host.say(["apt-cache", "show", "--no-all-versions", "libssl3", "openssl"])
    shown = await InstallPackages(id="p", packages=("openssl",)).preview(host, Overlay())
    assert shown.text.splitlines() == [
        "When this is undone, these stay upgraded: libssl3.",
        "When this is undone, an account that a package made may stay.",
    ]


async def test_what_lies_in_apts_archive_is_not_fetched_again() -> None:
    here = {"/var/cache/apt/archives": ["aa_1%3a2%5f3_amd64.deb", "bb_1_amd64.deb.part", "lock"]}
    host = ReplayedHost({"commands": [], "files": {}, "stats": {}, "folders": here, "programs": {}, "links": {}})
    host.say(["dpkg-query", "-W", "-f", r"${binary:Package}\t${db:Status-Status}\t${Version}\t${Installed-Size}\n"])
    wanted = ("--no-install-recommends", "install", "aa", "bb")
    brings = "Inst aa (1:2_3 Debian:12/stable [amd64])\nInst bb (1 Debian:12/stable [amd64])\n"
    host.say(["apt-get", "-s", "-q", *wanted], stdout=brings)
    known = """\
Package: aa
Version: 1:2_3
Installed-Size: 10
Architecture: amd64
Description-en: something
 Size: 7
Size: 1000

Package: bb
Version: 1
Installed-Size: 20
Architecture: amd64
Size: 500
"""
    host.say(["apt-cache", "show", "--no-all-versions", "aa", "bb"], stdout=known)
    shown = await InstallPackages(id="p", packages=("aa", "bb")).preview(host, Overlay())
    assert (shown.download, shown.disk) == (500, 30 * 1024)


async def test_a_mark_counts_for_what_is_there() -> None:
    marks = """\
Package: gone
Architecture: amd64
Auto-Installed: 1

Package: mine
Architecture: amd64
Auto-Installed: 0

Package: came
Architecture: amd64
Auto-Installed: 1
"""
    files = {"/var/lib/apt/extended_states": marks}
    host = ReplayedHost({"commands": [], "files": files, "stats": {}, "folders": {}, "programs": {}, "links": {}})
    fields = r"${binary:Package}\t${db:Status-Status}\t${Version}\t${Installed-Size}\n"
    host.say(["dpkg-query", "-W", "-f", fields], stdout="mine\tinstalled\t1\t1\ncame:amd64\tinstalled\t1\t1\n")
    step = InstallPackages(id="p", packages=("came", "gone", "mine"))
    assert await step.fingerprint(host) == {
        "package:came": "installed,automatic",
        "package:gone": "missing",
        "package:mine": "installed",
    }


async def test_a_package_that_nobody_has_is_named_after_the_list_was_refreshed(job: Job) -> None:
    with pytest.raises(StepError) as caught:
        await job.apply(InstallPackages(id="p", packages=("no-such-package",)))
    assert (caught.value.reason, caught.value.values) == ("package-not-found", {"packages": "no-such-package"})
    assert "apt:updating" in job.points


async def test_an_automatic_package_becomes_a_manual_one_and_automatic_again(job: Job) -> None:
    await job.host.run(["apt-mark", "auto", "nano"], check=True)
    before = await job.installed()
    step = InstallPackages(id="p", packages=("nano",))
    assert await step.fingerprint(job.host) == {"package:nano": "installed,automatic"}
    assert (await step.preview(job.host, Overlay())).text == "apt-mark manual nano"
    await job.apply(step)
    assert await step.done(job.host)
    assert await job.installed() != before
    await job.undo(step)
    assert await job.installed() == before


async def test_a_removed_package_comes_back(job: Job) -> None:
    step = RemovePackages(id="r", packages=("nano",))
    await job.apply(step)
    assert await step.done(job.host)
    assert (await step.preview(job.host, Overlay())).kind == "note"
    await job.undo(step)
    assert not await step.done(job.host)


@pytest.mark.parametrize("purge", [False, True])
@pytest.mark.parametrize("active", [False, True])
async def test_a_removed_service_comes_back_enabled_and_running_as_it_was(job: Job, active: bool, purge: bool) -> None:
    async def state() -> list[str]:
        name = "systemd-timesyncd.service"
        return [(await job.host.run(["systemctl", ask, name])).stdout for ask in ("is-enabled", "is-active")]

    if not active:
        await job.host.run(["systemctl", "disable", "--now", "systemd-timesyncd.service"], check=True)
    before = await state()
    step = RemovePackages(id="r", packages=("systemd-timesyncd",), purge=purge)
    await job.apply(step)
    told = await step.undo_preview(job.host, job.context().before)
    assert told is not None
    assert told.text == "systemd-timesyncd.service " + ("enabled active" if active else "disabled inactive")
    await job.undo(step)
    assert await state() == before


async def test_what_others_need_is_not_removed(job: Job) -> None:
    step = RemovePackages(id="r", packages=("libc6",))
    before = await job.installed()
    for look in (lambda: step.preview(job.host, Overlay()), lambda: job.apply(step)):
        with pytest.raises(StepError) as caught:
            await look()
        assert caught.value.reason == "would-remove"
    assert await job.installed() == before


async def test_an_apt_get_whose_job_was_killed_is_waited_for(job: Job) -> None:
    await job.apply(FAIL2BAN)
    installed = await job.installed()
    lock = Lock(job.folder / "before" / "apt-get.lock")
    assert lock.take("12 apt-get")
    apt_get = await asyncio.create_subprocess_exec("sleep", "600", pass_fds=[lock.fd or 0])
    lock.release()
    try:
        undo = asyncio.create_task(job.undo(FAIL2BAN))
        while not job.waits:  # noqa: ASYNC110  (the step tells by a call)
            await asyncio.sleep(0.01)
        assert job.waits == ["12 apt-get"]
        assert await job.installed() == installed
    finally:
        apt_get.kill()
        await apt_get.wait()
    await undo
    assert job.waits == ["12 apt-get", ""]
    assert not await FAIL2BAN.done(job.host)


@pytest.mark.parametrize("name", ["-y", "a b", "A", "nano-", "a;b", "nano=1", "../x.deb", "./x.deb", "", "nano\n"])
def test_a_packages_name_is_no_option_no_path_and_no_removal(name: str) -> None:
    with pytest.raises(ValueError, match="packages"):
        InstallPackages(id="p", packages=(name,))


LOCK = b"Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 373 (python3)..."


@pytest.mark.parametrize(
    ("chunks", "waits", "printed"),
    [
        ([LOCK, b"\n", b"\n" + LOCK, b"\nReading\n"], ["373 python3", ""], b"\nReading\n"),
        ([LOCK + b"\n" + LOCK + b"\nReading\n"], ["373 python3", ""], b"\nReading\n"),
        ([LOCK, LOCK.replace(b"373 (python3)", b"4 (apt-get)"), b"x"], ["373 python3", "4 apt-get", ""], b"x"),
        ([b"Reading\n", b"\n"], [], b"Reading\n\n"),
    ],
)
def test_a_wait_for_the_lock_names_its_holder_once(
    job: Job, chunks: list[bytes], waits: list[str], printed: bytes
) -> None:
    apt = _Apt(job.context(), "install")
    assert b"".join(apt._printed(chunk) for chunk in chunks) == printed
    assert job.waits == waits


def test_while_it_tries_again_nothing_of_the_output_is_lost(job: Job) -> None:
    apt = _Apt(job.context(), "install")
    apt._waits(_HELD.search(LOCK.decode()) or pytest.fail("no holder"))
    apt._retries = True
    chunks = [b"Reading", b"\n", b"E:", b" ", b"Could not get lock"]
    assert [apt._printed(chunk) for chunk in chunks] == chunks
    assert job.waits == ["373 python3"]


def test_sentences_and_diffs_of_a_preview_are_told_apart() -> None:
    diff = "--- /etc/a\n+++ /etc/a\n@@ -1 +1 @@\n-  x\n+  y\n"
    assert apart("one\ntwo\n" + diff) == ("one\ntwo", diff)
    assert apart(diff) == ("", diff)
    assert apart("one") == ("one", "")


# units, on the same machine -------------------------------------------------------------------------------------


@pytest.mark.parametrize("active", [True, False])
async def test_a_units_undo_gives_back_its_links_and_whether_it_ran(job: Job, active: bool) -> None:
    async def state() -> Any:
        words = [(await job.host.run(["systemctl", ask, "cron.service"])).stdout for ask in ("is-enabled", "is-active")]
        return words, await job.host.listdir("/etc/systemd/system/multi-user.target.wants")

    if not active:
        await job.host.run(["systemctl", "disable", "--now", "cron.service"], check=True)
    before = await state()
    step = Unit(id="u", name="cron.service", enabled=not active, active=not active)
    await job.apply(step)
    assert await step.done(job.host)
    assert await state() != before
    await job.undo(step)
    assert await state() == before


async def test_a_unit_named_by_its_alias_is_stopped_and_comes_back(job: Job) -> None:
    async def state() -> list[str]:
        return [(await job.host.run(["systemctl", ask, "ssh.service"])).stdout for ask in ("is-enabled", "is-active")]

    before = await state()
    step = Unit(id="u", name="sshd.service", enabled=False, active=False)
    assert (await step.preview(job.host, Overlay())).text.splitlines() == [
        "systemctl disable ssh.service",
        "systemctl stop ssh.service",
    ]
    await job.apply(step)
    assert await state() == ["disabled\n", "inactive\n"]
    await job.undo(step)
    assert await state() == before


async def test_a_restart_is_never_done_and_changes_no_state(job: Job) -> None:
    step = Unit(id="u", name="cron.service", restart=True)
    assert await step.fingerprint(job.host) == {}
    await job.apply(step)
    assert not await step.done(job.host)
    assert (await step.preview(job.host, Overlay())).text == "systemctl try-restart cron.service"
