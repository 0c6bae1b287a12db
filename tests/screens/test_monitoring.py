"""Monitoring on the screen: a collector is planned in the form; alerts are read and acknowledged; a channel is tested;
rules are tried against the past before anything is planned."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui import planning
from pi_installer_tui.app import Opened
from pi_installer_tui.metrics.clock import Clock
from pi_installer_tui.metrics.recorder import Recorder
from pi_installer_tui.modules.monitoring import past
from pi_installer_tui.screens.item import ItemScreen
from pi_installer_tui.screens.monitoring.alerts import AlertsScreen
from pi_installer_tui.screens.monitoring.channels import ChannelsScreen
from pi_installer_tui.screens.monitoring.past import PastScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.tasks import jobs
from pi_installer_tui.widgets.form import Form
from tests.screens import golden
from tests.screens.conftest import Program
from tests.screens.test_form import go

Start = Callable[..., AbstractAsyncContextManager[Program]]
NOW = 1_795_000_000.0


@pytest.fixture(autouse=True)
def pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PACE, "0")


async def collects(machine: Opened, **document: Any) -> None:
    """The collector runs on the demo machine, told this."""
    setup = planning.combine([{"version": 1, "monitoring": {"enabled": True, **document}}])
    planned = await planning.plan(machine.host, setup)
    host = machine.host
    job = machine.store.create(planned.plan, who="maria", host_kind=host.kind, host_address=host.address)
    await jobs.launch(machine.store, job, host)
    async for _batch in jobs.follow(machine.store, job):
        pass
    assert machine.store.summary(job).status == "done"


def alert(machine: Opened, number: int, rule: str, of: str, **values: Any) -> None:
    """Puts an alert into the collector's book, as its engine does."""
    from pi_installer_tui.alerts.ledger import Ledger

    folder = past.folder(machine.host)
    Ledger(folder).close()
    row = {"id": number, "rule": rule, "what": "metric", "of": of, "severity": "warning", "fired": NOW, "value": 93.5,
           "detail": "", "told": NOW, **values}  # fmt: skip
    with sqlite3.connect(folder / "alerts.db") as file:
        marks = ", ".join(f":{name}" for name in row)
        file.execute(f"INSERT INTO alerts ({', '.join(row)}) VALUES ({marks})", row)


def sending(machine: Opened, number: int, name: str, **values: Any) -> None:
    row = {"id": name, "alert": number, "channel": "phone", "made": NOW, "waits": 0, "facts": '{"kind": "fired"}',
           "tries": 1, "said": "", **values}  # fmt: skip
    with sqlite3.connect(past.folder(machine.host) / "alerts.db") as file:
        marks = ", ".join(f":{name}" for name in row)
        file.execute(f"INSERT INTO outbox ({', '.join(row)}) VALUES ({marks})", row)


@pytest.fixture
async def alerted(machine: Opened) -> AsyncIterator[Opened]:
    """A machine with a critical alert that fires, one of a service, and one that is over."""
    await collects(machine, usual_rules=True)
    alert(machine, 1, "swap", "swap.used", fired=NOW - 9000, ended=NOW - 8760, ending="recovered", told=0)
    alert(machine, 2, "disk-almost-full", "disk./srv.used", severity="critical", value=98.25)
    alert(
        machine, 3, "failed-services", "nginx.service", what="service", value=1.0, detail="failed (failed), exit-code"
    )
    sending(machine, 2, "2.phone", sent=NOW + 2, said="200 OK")
    sending(machine, 3, "3.phone", said="Connection refused")
    yield machine


async def test_a_collector_is_planned_in_the_form(start: Start) -> None:
    async with start() as program:
        program.app.open_module("monitoring")
        await program.until("Usual rules")
        await golden.check(program.app, "monitoring")
        await go(program.pilot, "enabled")
        await program.press("space", "p")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        assert "pi-installer-tui-collector.service" in program.text


async def test_a_channel_is_added_in_the_form_and_its_token_gets_into_its_file_alone(
    start: Start, machine: Opened
) -> None:
    await collects(machine)
    async with start() as program:
        program.app.open_module("monitoring")
        await program.until("Usual rules")
        await go(program.pilot, "channels")
        await program.press("enter")
        await program.type("phone")
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, ItemScreen))
        await go(program.pilot, "by")
        await program.press("enter", "home", "down", "down", "enter")
        await program.until("Token")
        await go(program.pilot, "url")
        await program.press("enter")
        await program.type("https://ntfy.sh/attic")
        await program.press("enter")
        await go(program.pilot, "token")
        await program.press("enter")
        await program.type("hunter2hunter2")
        await program.press("enter")
        await golden.check(program.app, "monitoring-channel")
        await program.press("escape", "p")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        assert "hunter2" not in program.text
        await program.press("y")
        await program.until("Done")
    name = "monitoring.channels.phone.token"
    assert await machine.host.text(f"/etc/pi-installer-tui/secrets/{name}") == "hunter2hunter2"
    for path in machine.store.root.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path


async def test_alerts_that_fire_stand_first_and_are_acknowledged(start: Start, alerted: Opened) -> None:
    async with start() as program:
        program.app.open_module("monitoring")
        await program.until("Usual rules")
        await program.press("n")
        await program.until(lambda: isinstance(program.app.screen, AlertsScreen))
        await program.until("2 firing")
        await program.until("nginx.service")
        await program.until("Connection refused")
        await program.press("down")
        await program.until("200 OK")
        await golden.check(program.app, "alerts")
        await program.press("c")
        await program.until("A note to it")
        await program.press("escape", "c")
        await program.until("A note to it")
        await program.press(*"a new disk", "enter")
        await program.until("seen by maria")
        await program.until("a new disk")
        with sqlite3.connect(past.folder(alerted.host) / "alerts.db") as file:
            question = "SELECT id, acknowledged_by, note FROM alerts WHERE acknowledged IS NOT NULL"
            found = file.execute(question).fetchall()
        assert found == [(2, "maria", "a new disk")]


async def test_who_may_only_look_acknowledges_nothing(start: Start, alerted: Opened) -> None:
    async with start(read_only="not root") as program:
        program.app.push_screen(AlertsScreen())
        await program.until("nginx.service")
        assert "acknowledge" not in program.text
        await program.press("c")
        await program.until("nginx.service")
    with sqlite3.connect(past.folder(alerted.host) / "alerts.db") as file:
        assert file.execute("SELECT count(*) FROM alerts WHERE acknowledged IS NOT NULL").fetchone() == (0,)


async def test_without_a_collector_there_is_nothing_to_see(start: Start) -> None:
    async with start() as program:
        program.app.push_screen(AlertsScreen())
        await program.until("There was no alert yet")
        program.app.push_screen(ChannelsScreen())
        await program.until("There is no channel")


async def test_a_channel_is_tested_and_the_answer_shown(start: Start, machine: Opened) -> None:
    hidden = "topic-that-is-a-secret"
    await collects(machine, channels={"phone": {"by": "ntfy", "url": f"https://ntfy.sh/{hidden}"}})
    async with start() as program:
        program.app.push_screen(ChannelsScreen())
        await program.until("phone")
        await program.until("Not tested")
        assert hidden not in program.text and "ntfy.sh" in program.text
        await program.press("t")
        await program.until("nothing is sent from a machine that is only played")


async def test_rules_are_tried_against_the_past_before_they_are_planned(start: Start, machine: Opened) -> None:
    await collects(machine, rules={"busy": {"what": "metric", "metric": "cpu.used", "at": 90}})
    kept(past.folder(machine.host), [95.0, 95.0, 10.0, 10.0, 97.0, 10.0, 10.0])
    async with start() as program:
        program.app.open_module("monitoring")
        await program.until("busy")
        await program.press("t")
        await program.until(lambda: isinstance(program.app.screen, PastScreen))
        await program.until("would have fired 2 times")
        await program.press("escape")
        form = program.app.screen.query_one(Form)
        form.draft.set(("rules", "busy"), {"what": "metric", "at": 99})
        await program.press("t")
        await program.until("not once")


def kept(folder: Path, values: list[float]) -> None:
    """A history in which the processor was so busy in each of the last minutes."""
    for name in ("history.db", "history.db-wal", "history.db-shm"):
        (folder / name).unlink(missing_ok=True)
    clock = Clock()
    recorder = Recorder(folder, folder, raw=2, minutes=100, hours=10, boot="a", clock=clock, say=print)
    begin = time.monotonic() - 60 * len(values) - 600
    for minute, value in enumerate(values):
        for second in (1, 30, 59):
            recorder.sample(begin + 60 * minute + second, {"cpu.used": value})
    recorder.close()
