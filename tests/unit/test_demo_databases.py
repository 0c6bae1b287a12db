"""The demo's PostgreSQL: found, dumped by a run, restored from its dump, and given back by an undo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pi_installer_tui.databases import ACCOUNTS, Dump, dump_argv, finding
from pi_installer_tui.databases.scratch import scratch
from pi_installer_tui.modules.backup import MODULE
from pi_installer_tui.modules.backup.actions import dump_of
from pi_installer_tui.modules.backup.discovery import discover
from pi_installer_tui.modules.backup.placing import place_of
from pi_installer_tui.restic import stream
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.system.demo import DemoHost, units
from pi_installer_tui.system.demo.databases import FOLDER
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.steps import BackUp, RestoreDatabase, RestoreDrill
from pi_installer_tui.tasks.store import Store
from pi_installer_tui.tasks.undo import plan_undo

from .jobs import Run

LESS = "COPY public.readings (at) FROM stdin;\nnow\n\\.\n-- PostgreSQL database dump complete\n"
WEATHER = Dump("postgresql", "weather")


@pytest.fixture
async def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DemoHost]:
    monkeypatch.setenv(PACE, "0")
    yield DemoHost.furnished(str(tmp_path / "demo"))


async def done(host: DemoHost, plan: Plan) -> str:
    run = Run(Store(host.state), plan, host)
    assert (await run.run()).outcome == "done", list(Store(host.state).events(run.id))
    return run.id


async def rows(host: DemoHost) -> int:
    async with scratch(host, WEATHER) as one:
        return (await one.live()).tables["public.readings"]


async def test_its_databases_are_found_and_proposed(demo: DemoHost) -> None:
    found = {each.dump.of: each for each in await finding.find(demo, roots=())}
    assert set(found) == {"recipes", "weather", ACCOUNTS} and found["weather"].size
    assert "postgresql" in {each.what for each in (await MODULE.read(demo)).worthwhile}
    assert {"postgresql:weather", "postgresql:recipes"} <= {each.what for each in await discover(demo)}
    units.set_active(demo.machine, "postgresql", False)
    (asleep,) = await finding.find(demo, roots=())
    assert asleep.why
    bare = DemoHost.create(str(Path(demo.address).with_name("bare")))
    assert await finding.find(bare, roots=()) == ()


async def test_a_database_is_dumped_proven_restored_and_given_back(demo: DemoHost) -> None:
    state = await MODULE.read(demo)
    place = place_of("usb", (state.applied.places or {})["usb"])
    save = BackUp(id="backup.run", place=place, job="home", dumps=(WEATHER, Dump("postgresql", ACCOUNTS)))
    await done(demo, Plan(modules=("backup",), lane="work", name="backup.usb", steps=(save,)))
    engine = Restic(demo, place)
    *past, snapshot = [each for each in await engine.snapshots("job=home") if dump_of(each) == WEATHER]
    assert len(past) == 3
    drill = RestoreDrill(id="backup.drill", place=place, job="home", files=0, dumps=(WEATHER,))
    await done(demo, Plan(modules=("backup",), lane="work", name="backup.usb", steps=(drill,)))

    before = await rows(demo)
    demo.machine.write(f"{FOLDER}/weather.sql", LESS)
    assert await rows(demo) == 1
    step = RestoreDatabase(id="backup.database", place=place, snapshot=snapshot.id, dump=WEATHER)
    job = await done(demo, Plan(modules=("backup",), steps=(step,)))
    assert await rows(demo) == before > 100
    await done(demo, await plan_undo(Store(demo.state), job, demo))
    assert await rows(demo) == 1


async def test_a_dump_that_fails_leaves_no_snapshot(demo: DemoHost) -> None:
    place = place_of("usb", ((await MODULE.read(demo)).applied.places or {})["usb"])
    engine = Restic(demo, place)
    before = await engine.snapshots()
    lost = replace(WEATHER, of="lost")
    with pytest.raises(stream.StreamFailed) as failed:
        await stream.back_up(engine, dump_argv(lost), file=lost.file, tags=["x"])
    assert failed.value.tail[-1] == "there is no database lost"
    assert await engine.snapshots() == before
