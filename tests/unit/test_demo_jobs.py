"""Jobs on the demo machine run in a process of their own, change it, and are taken back to the byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pi_installer_tui import planning
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.tasks import jobs, review
from pi_installer_tui.tasks.checks import UnitActive
from pi_installer_tui.tasks.events import Waiting
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.probation import confirm
from pi_installer_tui.tasks.steps import InstallPackages, RemovePackages
from pi_installer_tui.tasks.store import Store
from pi_installer_tui.tasks.undo import plan_undo

SETUP = """
version: 1
system:
  hostname: attic
  timezone: Europe/Berlin
  locale: de_DE.UTF-8
  keyboard: {layout: de}
  network:
    eth0: {method: static, address: 192.168.1.10/24, gateway: 192.168.1.1, dns: [192.168.1.1, 9.9.9.9]}
"""

FIREWALL = """
version: 1
security:
  firewall:
    enabled: true
    incoming: reject
    rules:
      web: {action: allow, protocol: tcp, port: "80,443", place: first}
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    return DemoHost.create(str(tmp_path / "demo"))


def listing(host: DemoHost) -> dict[str, tuple[int, bytes]]:
    """All files and links of the machine that are on its disk, with their modes and contents."""
    root = Path(host.address, "root")
    found = {}
    for where, folders, names in os.walk(root):
        if Path(where) == root:
            folders[:] = sorted(set(folders) - {"proc", "run", "sys"})
        for name in (*names, *folders):
            path = Path(where, name)
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes() if name in names else b""
            found[str(path.relative_to(root))] = path.lstat().st_mode, content
    return found


async def run(host: DemoHost, plan: Plan) -> str:
    """Runs a plan as a job, to a good end. Returns the job's id."""
    store = Store(host.state)
    job = store.create(
        (await review.review(plan, host)).plan, who="test", host_kind=host.kind, host_address=host.address
    )
    await jobs.launch(store, job, host)
    async for events in jobs.follow(store, job):
        if any(isinstance(event, Waiting) and event.what == "confirmation" for event in events):
            await confirm(store, job, "test", host, anyway=True)
    summary = store.summary(job)
    assert (summary.status, summary.reason) == ("done", ""), list(store.events(job))
    return job


async def take_back(host: DemoHost, job: str) -> None:
    plan = await plan_undo(Store(host.state), job, host)
    assert plan.blocked == ()
    await run(host, plan)


async def test_the_system_is_set_and_undone_to_the_byte(host: DemoHost) -> None:
    before = listing(host)
    planned = await planning.plan(host, planning.parse(SETUP))
    assert planned.reviewed is not None, planned.mistakes
    job = await run(host, planned.reviewed.plan)
    again = await planning.plan(host, planning.parse(SETUP))
    assert again.reviewed is not None
    assert again.reviewed.plan.empty
    assert listing(host) != before
    await take_back(host, job)
    assert listing(host) == before
    assert (await host.run(["hostname"])).stdout == "raspberrypi\n"
    assert "192.168.1.23" in (await host.run(["ip", "-j", "addr"])).stdout


async def test_the_firewall_is_proven_and_undone_to_the_byte(host: DemoHost) -> None:
    before = listing(host)
    planned = await planning.plan(host, planning.parse(FIREWALL))
    assert planned.reviewed is not None, planned.mistakes
    assert len(planned.reviewed.plan.checks) > 2
    job = await run(host, planned.reviewed.plan)
    again = await planning.plan(host, planning.parse(FIREWALL))
    assert again.reviewed is not None
    assert again.reviewed.plan.empty
    await take_back(host, job)
    after = listing(host)
    for path in ("var/lib/apt/extended_states",):
        before.pop(path, None)
        after.pop(path, None)
    assert after == before


async def test_an_address_that_somebody_has_is_a_mistake(host: DemoHost) -> None:
    planned = await planning.plan(host, planning.parse(SETUP.replace("192.168.1.10/24", "192.168.1.20/24")))
    assert [(mistake.place, "is taken" in mistake.message) for mistake in planned.mistakes] == [
        ("system.network.eth0.address", True)
    ]


async def test_packages_come_and_go_with_what_they_brought(host: DemoHost) -> None:
    before = listing(host)
    active = UnitActive(id="active", name="fail2ban.service", seconds=0.1)
    job = await run(host, Plan(steps=(InstallPackages(id="add", packages=("fail2ban", "htop")),), checks=(active,)))
    assert "python3-systemd" in (await host.run(["apt-mark", "showauto"])).stdout
    await run(host, Plan(steps=(RemovePackages(id="remove", packages=("htop",), purge=True),)))
    await take_back(host, job)
    after = listing(host)
    for path in ("var/lib/apt/extended_states",):
        before.pop(path, None)
        after.pop(path, None)
    assert after == before
