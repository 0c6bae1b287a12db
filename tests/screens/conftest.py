"""What the tests of screens share: the program on a demo machine, under a pilot."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from pi_installer_tui.app import Opened, PiInstallerApp
from pi_installer_tui.console import SSH, Profile
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.seat import Seat
from pi_installer_tui.tasks import jobs
from pi_installer_tui.tasks.checks import Check
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.steps import Step
from pi_installer_tui.tasks.store import Store
from tests.screens import golden

#: where whoever runs the tests sits is nobody's business
NOWHERE = Seat("unknown")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write the golden files of screens anew")


def pytest_configure(config: pytest.Config) -> None:
    golden.update = bool(config.getoption("--update"))


class Program:
    """The program under a pilot, on a demo machine of its own."""

    def __init__(self, app: PiInstallerApp, pilot: Pilot[None], opened: Opened) -> None:
        self.app = app
        self.pilot = pilot
        self.host = opened.host
        self.store = opened.store

    @property
    def text(self) -> str:
        """What is on the screen."""
        return golden.picture(self.app)

    async def press(self, *keys: str) -> None:
        """Presses keys, one after another."""
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Types into a field."""
        await self.press(*text)

    async def until(self, seen: str | Callable[[], bool], seconds: float = 60.0) -> None:
        """Waits until something is on the screen, or is so."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not (seen in self.text if isinstance(seen, str) else seen()):
            assert loop.time() < end, f"{seen!r} isn't seen:\n{self.text}"
            await asyncio.sleep(0.03)
            await self.pilot.pause()

    async def ran(self, *steps: Step, checks: Sequence[Check] = (), settle: bool = True) -> str:
        """Runs steps as a job of this machine, as the command line would, and returns its id."""
        reviewed = await review(Plan(modules=("system",), steps=steps, checks=tuple(checks)), self.host)
        job = self.store.create(reviewed.plan, who="maria", host_kind=self.host.kind, host_address=self.host.address)
        await jobs.launch(self.store, job, self.host)
        if settle:
            async for _batch in jobs.follow(self.store, job):
                pass
        return job


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Opened]:
    """A fresh demo machine; what still runs on it is ended afterwards."""
    folder = tmp_path / "machine"
    host = await asyncio.to_thread(DemoHost.create, str(folder))
    store = Store(host.state)
    yield Opened(host, store)
    for job in store.jobs():
        if job.status in ("queued", "running", "waiting"):
            await jobs.cancel(store, job.id, "test")
            async for _batch in jobs.follow(store, job.id):
                pass
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start(machine: Opened) -> object:
    """Opens the program: `async with start(size=(80, 24), read_only="") as program`."""

    @asynccontextmanager
    async def begin(
        size: tuple[int, int] = (80, 24),
        *,
        read_only: str = "",
        demo: bool = True,
        profile: Profile = SSH,
        seat: Seat = NOWHERE,
    ) -> AsyncIterator[Program]:
        async def opening() -> Opened:
            return machine

        app = PiInstallerApp(opening, read_only=read_only, demo=demo, profile=profile)
        app.who, app.seat = "maria", seat
        async with app.run_test(size=size) as pilot:
            yield Program(app, pilot, machine)

    return begin
