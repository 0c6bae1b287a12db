"""The engine over time, with real deliveries to a real server: told once over restarts, kills, full disks, nights."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.alerts import history, ledger, login, outbox
from pi_installer_tui.alerts.config import Channel, Config, DeadMan, QuietHours, Rule
from pi_installer_tui.alerts.engine import Engine
from pi_installer_tui.alerts.ledger import NAME, Ledger
from tests.unit.alert_servers import Web

DISKS = Rule(name="disks", what="metric", of="disk.*.used", at=90, clears=85, severity="critical")
LOAD = Rule(name="load", what="metric", of="load.5", at=4, lasts=20)
FULL, EMPTY = {"disk./srv.used": 95.0}, {"disk./srv.used": 50.0}
NOON = 1764241200.0  # 2025-11-27 11:00 UTC


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


class Run:
    """An engine on a folder, fed every ten seconds of a time that passes as it is told. `again` is a new process's."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder, self.config = folder, config
        self.at, self.now = NOON, 1000.0
        self.motd = folder / "run" / "motd"
        self.engine = Engine(config, folder, motd=self.motd)

    def feed(self, values: dict[str, float], samples: int = 1, seconds: float = 10) -> None:
        """Feeds on while time flies. What runs beside it doesn't fly: before it would be ended for taking too long, it
        is waited for."""
        for number in range(samples):
            if (number + 1) * seconds >= outbox.LIMIT / 2:
                self.wait()
            self.at, self.now = self.at + seconds, self.now + seconds
            self.engine.sample(self.at, self.now, values)

    def again(self, config: Config | None = None) -> None:
        """As after a SIGKILL: nothing is closed."""
        self.config = config or self.config
        self.now = 5.0
        self.engine = Engine(self.config, self.folder, motd=self.motd)

    def until(self, true: Callable[[], Any], values: dict[str, float], seconds: float = 20) -> None:
        """Feeds on, slowly, while what runs beside it ends."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.05)
            self.feed(values, seconds=0.01)

    def wait(self, seconds: float = 20) -> None:
        """Until what runs beside it has ended."""
        end = time.monotonic() + seconds
        children = [each.child for each in self.engine._outbox._running.values()]
        for child in [*children, *([self.engine._pinging] if self.engine._pinging else [])]:
            while child._process is not None and child._process.poll() is None:
                assert time.monotonic() < end, "it never ended"
                time.sleep(0.01)

    @property
    def alerts(self) -> list[history.Alert]:
        return history.alerts(self.folder)


def told(web: Web) -> list[tuple[str, str]]:
    return [(each["kind"], each["of"]) for each in (json.loads(r.body) for r in web.requests)]


def config(web: Web | None, *rules: Rule, **more: Any) -> Config:
    channels = () if web is None else (Channel("hook", "webhook", url=f"{web.url}/hook"),)
    return Config(rules=rules, channels=channels, **more)


def test_an_alert_and_its_recovery_arrive_once_each(web: Web, tmp_path: Path) -> None:
    run = Run(tmp_path, config(web, DISKS))
    run.feed(EMPTY, 3)
    run.feed(FULL, 3)
    run.until(lambda: told(web) == [("fired", "disk./srv.used")], FULL)
    run.feed({"disk./srv.used": 88.0}, 3)
    run.feed(EMPTY, 3)
    run.until(lambda: len(told(web)) == 2, EMPTY)
    assert told(web)[1] == ("recovered", "disk./srv.used")
    run.until(lambda: all(s.sent for s in run.alerts[0].sendings), EMPTY)
    (alert,) = run.alerts
    assert (alert.rule, alert.value, alert.ending, alert.firing) == ("disks", 95.0, "recovered", False)
    assert [(s.kind, s.tries, s.said) for s in alert.sendings] == [("fired", 1, "200 OK"), ("recovered", 1, "200 OK")]
    ids = {json.loads(request.body)["id"] for request in web.requests}
    assert ids == {s.id for s in alert.sendings}


def test_a_pattern_is_each_metric_for_itself(tmp_path: Path) -> None:
    run = Run(tmp_path, config(None, DISKS))
    run.feed({"disk./.used": 95.0, "disk./a.b.used": 96.0, "disk./c.used": 1.0, "disk./.free": 99.0, "cpu.used": 99.0})
    assert sorted(alert.of for alert in run.alerts) == ["disk./.used", "disk./a.b.used"]
    run.feed({"disk./.used": 95.0, "disk./c.used": 99.0})
    assert sorted(alert.of for alert in run.alerts) == ["disk./.used", "disk./a.b.used", "disk./c.used"]
    run.feed({"disk./.used": 5.0})
    assert {alert.of: alert.firing for alert in run.alerts} == {
        "disk./.used": False,
        "disk./a.b.used": True,  # it has gone, and whether it is well isn't known
        "disk./c.used": True,
    }


def test_severity_and_channels_choose_the_way(tmp_path: Path) -> None:
    channels = (
        Channel("all", "webhook", url="http://127.0.0.1:1/a"),
        Channel("worst", "webhook", url="http://127.0.0.1:1/b", least="critical"),
        Channel("other", "webhook", url="http://127.0.0.1:1/c"),
    )
    rules = (DISKS, replace(LOAD, lasts=0, channels=("worst", "other")))
    run = Run(tmp_path, Config(rules=rules, channels=channels))
    run.feed({"load.5": 9.0, **FULL})
    ways = {alert.rule: sorted(s.channel for s in alert.sendings) for alert in run.alerts}
    assert ways == {"disks": ["all", "other", "worst"], "load": ["other"]}


def test_what_fired_isnt_told_again_after_a_restart_and_recovers_after_it(web: Web, tmp_path: Path) -> None:
    run = Run(tmp_path, config(web, DISKS))
    run.feed(FULL, 2)
    run.until(lambda: run.alerts[0].sendings[0].sent, FULL)
    run.again()
    run.feed(FULL, 5)
    assert len(run.alerts) == 1 and len(told(web)) == 1
    run.feed(EMPTY, 1)
    run.until(lambda: len(told(web)) == 2, EMPTY)
    assert told(web) == [("fired", "disk./srv.used"), ("recovered", "disk./srv.used")]


def test_a_new_configuration_sends_nothing_twice(tmp_path: Path) -> None:
    """The engine is closed while the server thinks; the next one waits for what was begun."""
    web = Web()

    def slow(_request: object) -> tuple[int, bytes]:
        time.sleep(1)
        return 200, b""

    web.answer = slow
    run = Run(tmp_path, config(web, DISKS))
    run.feed(FULL)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for _n in range(3):
        run.engine.close()
        run.again()
        run.feed(FULL)
        time.sleep(0.2)
    run.until(lambda: run.alerts[0].sendings[0].sent, FULL)
    run.until(lambda: not run.engine._outbox.waiting, FULL)
    assert told(web) == [("fired", "disk./srv.used")]
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors
    web.close()


def test_a_rule_that_was_taken_away_ends_its_alert_without_a_word(web: Web, tmp_path: Path) -> None:
    run = Run(tmp_path, config(web, DISKS))
    run.feed(FULL)
    run.until(lambda: run.alerts[0].sendings[0].sent, FULL)
    run.again(config(web, replace(DISKS, of="disk./home.used")))
    run.feed(FULL, 2)
    (alert,) = run.alerts
    assert alert.ending == "withdrawn" and len(alert.sendings) == 1


def test_it_repeats_until_somebody_acknowledges(tmp_path: Path) -> None:
    run = Run(tmp_path, config(None, replace(DISKS, repeats=100)))
    run.feed(FULL, 1)
    first = run.alerts[0].told
    run.feed(FULL, 10)
    assert run.alerts[0].told == first + 100
    run.again()  # the time since is kept
    run.feed(FULL, 9)
    assert run.alerts[0].told == first + 100
    run.feed(FULL, 1)
    assert run.alerts[0].told == first + 200
    assert history.acknowledge(run.alerts[0].id, "pi", "I know", run.at, tmp_path)
    run.feed(FULL, 30)
    (alert,) = run.alerts
    assert (alert.told, alert.acknowledged_by, alert.note) == (first + 200, "pi", "I know")
    assert not history.acknowledge(99, "pi", "", run.at, tmp_path)


def test_how_long_it_has_been_so_survives_a_restart_when_that_is_long(tmp_path: Path) -> None:
    week = Rule(name="old", what="metric", of="load.5", at=1, lasts=7 * 86400.0)
    run = Run(tmp_path, config(None, week))
    run.feed({"load.5": 2.0}, 6 * 1440 + 10, seconds=60)
    run.again()
    run.at += 600  # the machine was off
    run.feed({"load.5": 2.0}, 1380, seconds=60)
    assert run.alerts == []
    run.feed({"load.5": 2.0}, 120, seconds=60)
    assert len(run.alerts) == 1
    run.again(config(None, replace(week, name="new")))
    run.feed({"load.5": 2.0}, 100, seconds=60)
    run.again()
    run.at += 30 * 86400
    run.feed({"load.5": 2.0}, 6 * 1440, seconds=60)
    assert [alert.ending for alert in run.alerts] == ["withdrawn"], "a month off is a gap"


# what can't be sent -----------------------------------------------------------------------------------------------


def test_what_cant_be_sent_waits_and_is_sent_later(tmp_path: Path) -> None:
    web = Web()
    run = Run(tmp_path, config(web, DISKS))
    web.close()
    run.feed(FULL)
    run.until(lambda: run.alerts[0].sendings[0].tries == 1, FULL)
    (sending,) = run.alerts[0].sendings
    assert (sending.sent, sending.said) == (None, "Connection refused")
    run.feed(FULL, 2)
    assert run.alerts[0].sendings[0].tries == 1, "not before 30 s"
    run.feed(EMPTY, 1)
    back = Web(port=web.port)
    run.feed(EMPTY, 3)
    run.until(lambda: len(told(back)) == 2, EMPTY)
    assert told(back) == [("fired", "disk./srv.used"), ("recovered", "disk./srv.used")]
    back.close()


def test_it_is_tried_later_and_later_and_given_up_after_a_week(tmp_path: Path) -> None:
    file = Ledger(tmp_path)
    box = outbox.Outbox(file, {"gone": Channel("gone", "webhook", url="http://127.0.0.1:1/")}, None)
    box.put(1, "gone", {"kind": "fired", **facts()}, NOON, waits=False)
    waits = []
    now, at = 0.0, NOON
    (message,) = box.waiting
    while box.waiting:
        box.answered(message, outbox.Answer(False, "550 no"), at, now)
        waits.append(message.due - now)
        at, now = at + waits[-1], message.due
    assert waits[:8] == [30, 60, 120, 240, 480, 960, 1920, 3600]
    assert 7 * 24 <= len(waits) <= 7 * 24 + 10
    file.flush()
    assert box.given_up == 1
    rows = file.rows("SELECT * FROM outbox")
    assert rows[0]["given_up"] and rows[0]["said"] == "550 no"


def test_a_clock_that_jumps_gives_up_nothing(tmp_path: Path) -> None:
    file = Ledger(tmp_path)
    box = outbox.Outbox(file, {"gone": Channel("gone", "webhook", url="http://127.0.0.1:1/")}, None)
    box.put(1, "gone", {"kind": "fired", **facts()}, 100.0, waits=False)  # made in 1970
    (message,) = box.waiting
    for _try in range(20):
        box.answered(message, outbox.Answer(False, "550 no"), NOON, 0)
    assert box.waiting == [message]


def facts() -> dict[str, Any]:
    return {
        "alert": 1,
        "host": "attic",
        "rule": "disks",
        "what": "metric",
        "of": "disk./srv.used",
        "severity": "critical",
        "value": 95.0,
        "detail": "",
        "fired": NOON,
        "at": NOON,
    }


def test_a_killed_collector_sends_nothing_twice(tmp_path: Path) -> None:
    """The collector is killed while the server thinks: the delivery goes on, and the next collector waits for it."""
    web = Web()

    def slow(_request: object) -> tuple[int, bytes]:
        time.sleep(1.5)
        return 200, b""

    web.answer = slow
    code = (
        "import sys, time; from pathlib import Path\n"
        "from pi_installer_tui.alerts.engine import Engine; from pi_installer_tui.alerts.config import load\n"
        "engine = Engine(load(sys.stdin.read()), Path(sys.argv[1]), motd=Path(sys.argv[1]) / 'motd')\n"
        "while True:\n"
        "    engine.sample(time.time(), time.monotonic(), {'disk./srv.used': 95.0}); time.sleep(0.1)\n"
    )
    from pi_installer_tui.alerts.config import dump

    given = dump(config(web, DISKS))
    for turn in range(4):
        process = subprocess.Popen([sys.executable, "-I", "-c", code, str(tmp_path)], stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(given.encode())
        process.stdin.close()
        if turn == 0:
            wait(lambda: (tmp_path / NAME).exists() and any(a.sendings for a in history.alerts(tmp_path)))
        if turn < 3:
            time.sleep(0.6)
        else:
            wait(lambda: all(s.sent for a in history.alerts(tmp_path) for s in a.sendings), 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert told(web) == [("fired", "disk./srv.used")]
    (alert,) = history.alerts(tmp_path)
    assert [s.sent is not None for s in alert.sendings] == [True]
    web.close()


def wait(true: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_full_disk_keeps_no_alert_back(web: Web, tmp_path: Path) -> None:
    """SQLite itself says that there is no room: its file may not grow any more."""
    run = Run(tmp_path, config(web, DISKS))
    run.feed(EMPTY)
    file = run.engine._ledger._file
    assert file is not None
    file.execute(f"PRAGMA max_page_count = {file.execute('PRAGMA page_count').fetchone()[0]}")
    many = {f"disk./{'x' * 200}{n}.used": 95.0 for n in range(60)}
    run.feed(many, 2)
    assert "full" in run.engine._ledger.trouble
    assert run.alerts == []
    run.until(lambda: len(web.requests) == 60, many)
    file.execute("PRAGMA max_page_count = 100000")
    run.until(lambda: len(run.alerts) == 60 and all(s.sent for a in run.alerts for s in a.sendings), many)
    assert len(web.requests) == 60
    assert run.engine._ledger.trouble == ""


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(os.urandom(8192))
    run = Run(tmp_path, config(None, DISKS))
    run.feed(FULL)
    assert len(run.alerts) == 1
    assert run.engine._ledger.set_aside == tmp_path / f"{NAME}.damaged"
    assert (tmp_path / f"{NAME}.damaged").stat().st_size == 8192


def test_a_folder_that_comes_later_is_no_trouble(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    folder.write_text("in the way")
    file = Ledger(folder)
    file.do("INSERT INTO notes VALUES ('a', 'b', 1)")
    assert not file.flush() and file.trouble
    folder.unlink()
    assert file.flush() and file.trouble == ""
    assert history.notes(folder) == {"a": ("b", 1)}
    assert (folder / NAME).stat().st_mode & 0o777 == 0o600


def test_who_reads_while_the_file_is_made_finds_nothing_or_all_of_it(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    assert history.alerts(tmp_path) == [] and history.notes(tmp_path) == {}
    assert not history.acknowledge(1, "pi", "", 0, tmp_path)
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as file:
        for statement in ledger._SCHEMA.split(";")[:3]:  # up to the first table's index
            file.execute(statement)
        file.execute("PRAGMA busy_timeout = 0")
        assert history.alerts(tmp_path) == []
        file.execute("ROLLBACK")
    Ledger(tmp_path).close()
    assert history.alerts(tmp_path) == [] and history.notes(tmp_path) == {}


def test_the_history_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MOST", 50)
    run = Run(tmp_path, config(None, replace(DISKS, clears=None)))
    for _n in range(80):
        run.feed(FULL)
        run.feed(EMPTY)
    assert len(history.alerts(tmp_path, most=10_000)) in (50, 51)
    with closing(sqlite3.connect(tmp_path / NAME)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_nothing_is_written_while_nothing_happens(tmp_path: Path) -> None:
    run = Run(tmp_path, config(None, DISKS, LOAD))
    run.feed(FULL, 2)
    before = (tmp_path / NAME).stat()
    run.feed(FULL, 1000)
    after = (tmp_path / NAME).stat()
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)


# quiet hours, the login message, the ping -------------------------------------------------------------------------


def test_at_night_only_what_is_critical_is_sent_and_the_rest_in_the_morning(web: Web, tmp_path: Path) -> None:
    quiet = QuietHours("22:00", "07:00")
    run = Run(
        tmp_path, config(web, DISKS, replace(LOAD, lasts=0), replace(LOAD, name="loud", quiet=False), quiet=quiet)
    )
    run.at = NOON + 11.5 * 3600  # 22:30
    values = {"load.5": 9.0, **FULL}
    run.feed(values, 4)
    run.until(lambda: len(told(web)) == 2, values)
    calm = {"load.5": 1.0, **FULL}
    run.feed(calm, 4)
    run.until(lambda: len(told(web)) == 3, calm)
    assert [json.loads(r.body)["rule"] for r in web.requests] == ["disks", "loud", "loud"]
    run.feed(calm, 100)
    run.again()
    run.feed(calm, 5)
    assert len(web.requests) == 3
    run.at += 8.5 * 3600
    run.feed(calm, 1)
    run.until(lambda: len(told(web)) == 5, calm)
    rest = [json.loads(r.body) for r in web.requests[3:]]
    assert [(each["rule"], each["kind"]) for each in rest] == [("load", "fired"), ("load", "recovered")]


def test_the_login_message_says_what_fires(tmp_path: Path) -> None:
    channels = (Channel("login", "login-message", least="warning"),)
    rules = (replace(LOAD, lasts=0, severity="info"), DISKS, replace(DISKS, name="b", of="cpu.*", severity="warning"))
    run = Run(tmp_path, Config(rules=rules, channels=channels))
    run.feed(EMPTY)
    assert not run.motd.exists()
    run.feed({"load.5": 9.0, "cpu.used": 99.0, "disk./a\x1b[2J.used": 95.0})
    first, second = run.motd.read_text().splitlines()
    assert first.startswith("pi-installer-tui: critical: /a?[2J: space in use 95 %, 2025-11-27 11:00")
    assert second.startswith("pi-installer-tui: warning: processor in use 99 %")
    assert run.motd.stat().st_mode & 0o777 == 0o644
    run.again()
    run.motd.unlink()  # a reboot empties /run
    run.feed({"cpu.used": 99.0, "disk./a\x1b[2J.used": 95.0})
    assert len(run.motd.read_text().splitlines()) == 2
    disk = next(a for a in run.alerts if a.rule == "disks")
    history.acknowledge(disk.id, "pi", "", run.at, tmp_path)
    run.feed({"cpu.used": 99.0})
    assert run.motd.read_text().startswith("pi-installer-tui: warning")
    run.feed({"cpu.used": 9.0})
    assert not run.motd.exists()
    assert [alert.sendings for alert in run.alerts] == [(), (), ()]


def test_a_login_message_is_short(tmp_path: Path) -> None:
    login.tell([f"line {n}" for n in range(30)], tmp_path / "motd.d" / "52")
    assert len((tmp_path / "motd.d" / "52").read_text().splitlines()) == 11


def test_a_dead_man_ping_goes_out_and_its_failure_is_kept(web: Web, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(f"{web.url}/ping/secret-token-of-mine\n")
    run = Run(tmp_path, Config(dead_man=DeadMan(str(file), every=300)))
    run.feed({}, 1)
    run.until(lambda: len(web.requests) == 1, {})
    run.feed({}, 20)
    run.until(lambda: history.notes(tmp_path).get("dead-man"), {})
    assert len(web.requests) == 1
    web.answer = lambda request: (500, request.path.encode())
    run.feed({}, 20)
    run.until(lambda: history.notes(tmp_path)["dead-man"][0], {})
    assert history.notes(tmp_path)["dead-man"][0] == "500 Internal Server Error: (secret)"


def test_what_is_asked_of_a_machine_without_a_collector(tmp_path: Path) -> None:
    assert history.alerts(tmp_path) == [] and history.notes(tmp_path) == {}
    assert not history.acknowledge(1, "pi", "", 0, tmp_path)
    (tmp_path / NAME).write_bytes(b"x" * 5000)
    with pytest.raises(ValueError, match="not a database"):
        history.alerts(tmp_path)
