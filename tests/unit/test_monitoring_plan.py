"""The way to the collector that is wanted, as tables: which steps, in which order, and when there are none. Then on the
demo machine, from nothing to a collector and back."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.alerts.config import PATH, Channel, Config, Exporter, Rule, load
from pi_installer_tui.alerts.ledger import Ledger
from pi_installer_tui.modules.monitoring import MODULE, past, service
from pi_installer_tui.modules.monitoring.settings import MonitoringSettings
from pi_installer_tui.modules.monitoring.state import File, State
from pi_installer_tui.modules.monitoring.state import read as read_state
from pi_installer_tui.modules.monitoring.usual import NAMES, USUAL
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown, Value
from pi_installer_tui.tasks.plan import Others, Plan
from pi_installer_tui.tasks.steps import RemoveFile, RunCommand, SecretFile, Unit, WriteFile
from tests.unit.test_account_steps import Jobs

PYTHON = "/opt/pi-installer-tui/current/bin/python"
NONE = State(MISSING, 0, "", PYTHON, Value(Known(False), Known(False)), secrets=Known(frozenset()))
RULE = Rule("heat", "metric", of="temperature.*.now", at=80.0, clears=75.0, lasts=300.0)
SECRET = "/etc/pi-installer-tui/secrets/monitoring.phone"
PHONE = Channel("phone", "ntfy", url="https://ntfy.sh/x", secret=SECRET)


def running(config: Config = Config(), **changes: Any) -> State:  # noqa: B008
    """A machine whose collector runs, told this."""
    on = replace(NONE, config=Known(config), mode=0o600, unit=service.unit(PYTHON), folder=True)
    return replace(on, enabled=Value(Known(True, Source(service.PATH)), Known(True)), **changes)


def plan(state: State, secrets: Collection[str] = (), **document: Any) -> Plan:
    settings = MonitoringSettings.model_validate(document)
    assert MODULE.validate(state, settings) == []
    return MODULE.plan(state, settings, Others(secrets=frozenset(secrets)))


def steps(made: Plan) -> list[str]:
    return [step.id.removeprefix("monitoring.") for step in made.steps]


def unit(made: Plan) -> Unit:
    (found,) = [step for step in made.steps if isinstance(step, Unit)]
    return found


def config(made: Plan) -> Config:
    (text,) = [step.content for step in made.steps if isinstance(step, WriteFile) and step.path == PATH]
    return load(text)


def test_a_collector_is_told_what_to_do_then_started_and_proven() -> None:
    made = plan(NONE, enabled=True, usual_rules=True)
    assert steps(made) == ["config", "unit-file", "service"]
    assert config(made) == Config(rules=USUAL)
    assert (unit(made).enabled, unit(made).active, unit(made).restart) == (True, True, False)
    assert [check.id for check in made.checks] == ["monitoring.runs", "monitoring.writes"]
    written = {step.path: step.mode for step in made.steps if isinstance(step, WriteFile)}
    assert written == {PATH: 0o600, service.PATH: 0o644}


def test_on_a_machine_that_is_so_nothing_is_planned() -> None:
    for state in (
        NONE,
        running(),
        running(Config(rules=USUAL, channels=(PHONE,)), secrets=Known(frozenset({"monitoring.phone"}))),
    ):
        settings = MODULE.present(state)
        made = MODULE.plan(state, settings, Others())
        assert made.steps == () and made.blocked == () and made.checks == ()
    assert MODULE.present(running()).enabled is True and MODULE.present(NONE).enabled is False


def test_a_change_of_a_rule_is_written_and_the_collector_reads_it() -> None:
    made = plan(running(Config(rules=(RULE,))), rules={"heat": {"what": "metric", "at": 82}})
    assert steps(made) == ["config", "service"] and unit(made).activates and unit(made).reload
    assert config(made).rules == (replace(RULE, at=82.0),)


def test_a_collector_that_hasnt_read_its_file_is_told_to() -> None:
    made = plan(running(stale=True), enabled=True)
    assert steps(made) == ["service"] and unit(made).reload


def test_one_that_doesnt_run_is_started_and_one_with_another_file_restarted() -> None:
    stopped = replace(running(), enabled=Value(Known(True), Known(False)))
    assert steps(plan(stopped, enabled=True)) == ["service"] and not unit(plan(stopped, enabled=True)).restart
    moved = plan(running(unit="[Service]\nExecStart=/old/python\n"), enabled=True)
    assert steps(moved) == ["unit-file", "service"] and unit(moved).restart
    assert MODULE.present(running(unit="[Service]\n")).enabled is None, "it isn't as this version wants it"


def test_a_secret_that_was_given_goes_into_a_file_and_not_into_the_plan() -> None:
    document = {"channels": {"phone": {"by": "ntfy", "url": "https://ntfy.sh/x", "token": "monitoring.phone"}}}
    made = plan(NONE, ["monitoring.phone"], enabled=True, **document)
    assert steps(made) == ["secrets", "secret.phone", "config", "unit-file", "service"]
    (step,) = [step for step in made.steps if isinstance(step, SecretFile)]
    assert (step.path, step.name, step.sensitive) == (SECRET, "monitoring.phone", True)
    assert config(made).channels == (PHONE,)

    there = running(Config(channels=(PHONE,)), secrets=Known(frozenset({"monitoring.phone"})))
    assert plan(there, **document).empty, "it isn't asked for again"
    assert steps(plan(there, ["monitoring.phone"], **document)) == ["secret.phone", "service"]


def test_a_secret_that_nobody_gave_blocks_its_channel_alone() -> None:
    phone = {"by": "ntfy", "url": "https://ntfy.sh/x", "token": "monitoring.phone"}
    made = plan(NONE, enabled=True, channels={"phone": phone, "login": {"by": "login-message"}})
    assert [blocked.setting for blocked in made.blocked] == ["monitoring.channels.phone.token"]
    assert [channel.name for channel in config(made).channels] == ["login"]


def test_a_channel_that_goes_takes_its_secret_along() -> None:
    state = running(Config(channels=(PHONE,)), secrets=Known(frozenset({"monitoring.phone", "monitoring.other"})))
    made = plan(state, channels={"phone": {"state": "absent"}})
    assert steps(made) == ["config", "service", "forget.phone"]
    (step,) = [step for step in made.steps if isinstance(step, RemoveFile)]
    assert step.path == SECRET and step.sensitive


def test_switched_off_it_goes_and_the_history_stays_unless_asked() -> None:
    kept: Reading[tuple[File, ...]] = Known((File(f"{service.FOLDER}/history.db", 4_800_000, 0.0),))
    made = plan(running(history=kept), enabled=False)
    assert steps(made) == ["service", "unit-file"]
    assert (unit(made).enabled, unit(made).active) == (False, False)
    assert "4.8 MB" in made.notices[0].text and "stays" in made.notices[0].text
    gone = plan(running(history=kept), enabled=False, history="remove")
    assert steps(gone) == ["service", "unit-file", "history"]
    (command,) = [step for step in gone.steps if isinstance(step, RunCommand)]
    assert command.argv[-1] == service.FOLDER and command.risks == ("irreversible",)
    assert service.FOLDER in gone.notices[0].text and "4.8 MB" in gone.notices[0].text
    assert plan(replace(NONE, history=kept), enabled=False).empty


def test_what_isnt_known_is_blocked_and_nothing_is_planned() -> None:
    for state in (
        replace(NONE, config=Unknown("no permission")),
        replace(NONE, secrets=Unknown("no permission")),
        replace(NONE, enabled=Value(Unknown("no systemctl"), Unknown("no systemctl"))),
    ):
        made = MODULE.plan(state, MonitoringSettings(enabled=True), Others())
        assert made.empty and len(made.blocked) == 1


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"rules": {"a": {"what": "metric", "metric": "cpu.used"}}}, "rules.a.at"),
        ({"rules": {"a": {"what": "metric", "at": 1}}}, "rules.a.metric"),
        ({"rules": {"a": {"what": "service"}}}, "rules.a.unit"),
        ({"rules": {"heat": {"what": "metric", "at": 70}}}, "rules.heat.clears"),
        ({"rules": {"a": {"what": "reach", "host": "a.org", "channels": ["no"]}}}, "rules.a.channels"),
        ({"channels": {"a": {"by": "mail", "host": "a.org", "sender": "a@b.org"}}}, "channels.a.to"),
        ({"channels": {"a": {"by": "gotify", "url": "https://a.org"}}}, "channels.a.token"),
        ({"channels": {"phone": {"state": "absent"}}}, "channels.phone"),
        ({"dead_man": {"enabled": True}}, "dead_man.url"),
        ({"quiet_hours": {"enabled": True, "since": "07:00"}}, "quiet_hours.until"),
    ],
)
def test_what_only_this_machine_shows_to_be_wrong(document: dict[str, Any], place: str) -> None:
    state = running(Config(rules=(replace(RULE, channels=("phone",)),), channels=(replace(PHONE, secret=""),)))
    found = MODULE.validate(state, MonitoringSettings.model_validate(document))
    assert [mistake.place for mistake in found] == [f"monitoring.{place}"]


def test_an_exporter_that_others_reach_is_warned_of_and_claims_its_port() -> None:
    made = plan(running(), exporter={"enabled": True, "address": "0.0.0.0"})
    assert [notice.text for notice in made.notices if "9105" in notice.text and "without a password" in notice.text]
    settings = MonitoringSettings.model_validate({"exporter": {"enabled": True}})
    assert plan(running(), exporter={"enabled": True}).notices == ()
    assert [claim.what for claim in MODULE.claims(running(), settings)] == ["9105/tcp"]
    assert MODULE.claims(running(), MonitoringSettings()) == []
    listens = running(Config(exporter=Exporter(port=9200)))
    assert [claim.what for claim in MODULE.claims(listens, MonitoringSettings())] == ["9200/tcp"]
    assert [link.address for link in MODULE.links(listens)] == ["http://127.0.0.1:9200/metrics"]


def test_the_unit_starts_this_program_whatever_its_path() -> None:
    assert f"ExecStart={PYTHON} -I -m pi_installer_tui.metrics.collector\n" in service.unit(PYTHON)
    assert 'ExecStart="/my $$HOME/100%% \\"x\\"/python" -I' in service.unit('/my $HOME/100% "x"/python')


# on the demo machine ----------------------------------------------------------------------------------------------


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv(PACE, "0")
    return Jobs(tmp_path)


async def test_the_demo_machine_gets_a_collector_and_loses_it_to_the_byte(jobs: Jobs) -> None:
    host, before = jobs.host, jobs.whole()
    state = await read_state(host)
    assert MODULE.summary(state) == "no history is kept" and state.python == PYTHON
    made = plan(state, enabled=True, usual_rules=True, channels={"login": {"by": "login-message"}})
    job = await jobs.run(made)
    state = await read_state(host)
    assert state.runs and not state.stale and MODULE.summary(state) == "collecting"
    assert MODULE.plan(state, MODULE.present(state), Others()).empty
    said = json.loads(json.dumps(MODULE.state_json(state)))
    assert said["settings"]["usual_rules"] is True and said["collector"]["enabled"]["effective"] is True
    await jobs.undo(job)
    assert jobs.whole() == before


async def test_what_fires_is_said_in_the_summary(jobs: Jobs) -> None:
    await jobs.run(plan(await read_state(jobs.host), enabled=True, usual_rules=True))
    folder = past.folder(jobs.host)
    Ledger(folder).close()
    with sqlite3.connect(folder / "alerts.db") as file:
        file.execute(
            "INSERT INTO alerts (id, rule, what, of, severity, fired, detail, told)"
            " VALUES (1, 'swap', 'metric', 'swap.used', 'warning', ?, '', 0)",
            (time.time(),),
        )
    state = await read_state(jobs.host)
    assert isinstance(state.collected, Known) and state.collected.value.firing == 1
    assert MODULE.summary(state) == "1 alert, collecting, no channel"


def test_the_names_of_the_usual_rules_are_those_that_the_settings_allow() -> None:
    MonitoringSettings.model_validate({"rules": {name: {"state": "absent"} for name in NAMES}})
