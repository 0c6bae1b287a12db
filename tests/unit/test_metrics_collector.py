"""The collector as a process: killed at any moment, told to stop, to read its configuration anew, asked over HTTP."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from pi_installer_tui.metrics.collector import HOUR, INTERVAL, MINUTE
from pi_installer_tui.metrics.database import Database, Row
from pi_installer_tui.metrics.history import History
from pi_installer_tui.metrics.places import KEPT, RAW

from .metrics_trees import lay_out

SHORT = 0.1  # seconds of what is a minute here


class Service:
    """A collector with folders of its own; what it says to systemd comes to a socket of the test's."""

    def __init__(self, folder: Path) -> None:
        self.config, self.kept, self.run = folder / "collector.json", folder / "state", folder / "run"
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.told.bind(str(folder / "notify"))
        self.told.settimeout(20)
        self.log = folder / "log"
        self.environ = {INTERVAL: "0.01", MINUTE: str(SHORT), HOUR: "1", "NOTIFY_SOCKET": str(folder / "notify")}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-m", "pi_installer_tui.metrics.collector"]
                + [str(path) for path in (self.config, self.kept, self.run)],
                env={**os.environ, **self.environ},
                stderr=log,
            )

    def hears(self, word: str) -> None:
        """Waits until it says so to systemd."""
        while word not in self.told.recv(4096).decode():
            pass

    def stop(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(20)
        self.process = None
        self.told.setblocking(False)
        try:
            while self.told.recv(4096):
                pass
        except BlockingIOError:
            pass
        self.told.settimeout(20)
        return status

    def rows(self, path: Path, ring: str) -> list[Row]:
        with closing(Database.read(str(path))) as database:
            assert database.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            size = int(database.about(f"size.{ring}") or 0)
            return list(database.rows(ring, size, database.oldest(ring, size), database.newest(ring, size) or 0))

    def minutes(self) -> list[Row]:
        return self.rows(self.kept / KEPT, "minutes")

    def singles(self) -> list[Row]:
        return self.rows(self.run / RAW, "raw")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait()
    made.told.close()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_kills_lose_no_sample_and_damage_nothing(service: Service, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(10):
        service.start()
        service.hears("STATUS=")
        time.sleep(dice.uniform(0, 4 * SHORT))
        assert service.stop(signal.SIGKILL) == -signal.SIGKILL
        singles = service.singles()
        assert [row.number for row in singles] == list(range(1, len(singles) + 1))
    service.start()
    service.hears("STATUS=")
    assert service.stop(signal.SIGTERM) == 0
    minutes, singles = service.minutes(), service.singles()
    assert sum(row.samples for row in minutes) == len(singles) > 10
    assert [row.at for row in minutes] == sorted(row.at for row in minutes)
    assert {row.at for row in minutes} <= {row.at for row in singles}
    assert service.log.read_bytes() == b""


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_where_memory_is_lost_as_well_no_minute_is_but_the_last(service: Service, seed: int) -> None:
    dice = random.Random(seed)
    kept: list[Row] = []
    for _ in range(10):
        service.start()
        service.hears("STATUS=")
        time.sleep(dice.uniform(SHORT, 4 * SHORT))
        service.stop(signal.SIGKILL)
        minutes, singles = service.minutes(), service.singles()
        assert minutes[: len(kept)] == kept
        # of this run only the minute that went on may be missing, and the one before while the first sample of the
        # next, with which it is written, was being kept
        begun = int(singles[-1].at / SHORT)
        missing = {int(row.at / SHORT) for row in singles if not minutes or row.at > minutes[-1].at}
        assert missing <= {begun - 1, begun}
        assert len(missing) <= 1 or [int(row.at / SHORT) for row in singles].count(begun) == 1
        kept = minutes
        for file in service.run.iterdir():
            file.unlink()
    assert len(kept) > 10


def test_sigterm_writes_the_minute_that_goes_on(service: Service) -> None:
    service.environ |= {MINUTE: "60", HOUR: "3600"}
    service.start()
    for _ in range(5):
        service.hears("STATUS=")
    assert service.stop(signal.SIGTERM) == 0
    assert sorted(file.name for file in service.kept.iterdir()) == [KEPT]
    assert sum(row.samples for row in service.minutes()) == len(service.singles()) >= 5
    with History.open(service.kept, service.run) as history:
        last = history.last()
    assert last is not None
    assert abs(time.time() - last[0]) < 20
    assert last[1]["memory.available"] > 0


def test_a_watchdog_that_is_shorter_than_the_interval_hears_from_it(service: Service) -> None:
    service.environ |= {INTERVAL: "600", "WATCHDOG_USEC": "400000"}
    service.start()
    service.hears("READY=1")
    for _ in range(3):
        before = time.monotonic()
        service.hears("WATCHDOG=1")
        assert time.monotonic() - before < 5


def test_sighup_reads_the_configuration_anew(service: Service) -> None:
    service.start()
    service.hears("READY=1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service.config.write_text(
        json.dumps({"version": 1, "hours": 10, "exporter": {"address": "127.0.0.1", "port": port}})
    )
    assert service.process is not None
    service.process.send_signal(signal.SIGHUP)
    service.hears("RELOADING=1")
    service.hears("READY=1")
    service.hears("STATUS=")
    head, body = ask(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n")
    assert f"Content-Length: {len(body.encode())}\r\n" in f"{head}\r\n"
    assert "\npi_installer_tui_memory_available_bytes " in body
    service.stop(signal.SIGTERM)
    with closing(sqlite3.connect(service.kept / KEPT)) as connection:
        assert connection.execute("SELECT value FROM about WHERE key = 'size.hours'").fetchone() == (10,)


def test_a_second_one_says_so_and_leaves_the_first_one_alone(service: Service) -> None:
    service.start()
    service.hears("STATUS=")
    command = [sys.executable, "-I", "-m", "pi_installer_tui.metrics.collector"]
    paths = [str(path) for path in (service.config, service.kept, service.run)]
    second = subprocess.run([*command, *paths], capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode == 1
    assert "another collector" in second.stderr
    service.hears("STATUS=")
    service.stop(signal.SIGTERM)
    assert sum(row.samples for row in service.minutes()) == len(service.singles())


def test_a_listener_that_does_not_read_holds_up_no_end(service: Service) -> None:
    service.told.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    service.start()
    service.hears("STATUS=")
    time.sleep(3)  # its queue is full by now
    began = time.monotonic()
    service.stop(signal.SIGTERM)
    assert time.monotonic() - began < 10


def test_a_configuration_that_is_wrong_is_said_and_the_defaults_are_used(service: Service) -> None:
    service.config.write_text('{"version": 1, "interval": "often"}')
    service.start()
    service.hears("STATUS=")
    service.stop(signal.SIGTERM)
    log = service.log.read_text()
    assert "collector.json: interval: not a number" in log
    assert "often" not in log


def test_it_imports_little(service: Service) -> None:
    code = "import sys, pi_installer_tui.metrics.collector as c; print(*sys.modules)"
    modules = set(subprocess.check_output([sys.executable, "-I", "-c", code], text=True).split())
    heavy = {"asyncio", "textual", "rich", "pydantic", "yaml", "psutil", "http", "ssl", "argparse", "logging", "ctypes"}
    assert modules & heavy == set()


# the exporter --------------------------------------------------------------------------------------------------------


def ask(port: int, request: bytes) -> tuple[str, str]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.sendall(request)
        data = b""
        while part := link.recv(65536):
            data += part
    head, _empty, body = data.partition(b"\r\n\r\n")
    return head.decode(), body.decode()


@pytest.fixture
def port(service: Service) -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    service.environ[INTERVAL] = "0.2"
    service.config.write_text(json.dumps({"version": 1, "exporter": {"address": "127.0.0.1", "port": number}}))
    service.start()
    service.hears("STATUS=")
    return number


def test_only_get_metrics_is_answered(port: int) -> None:
    assert ask(port, b"GET / HTTP/1.1\r\n\r\n")[0].startswith("HTTP/1.1 404 ")
    assert ask(port, b"GET /metrics/../etc HTTP/1.1\r\n\r\n")[0].startswith("HTTP/1.1 404 ")
    assert ask(port, b"POST /metrics HTTP/1.1\r\n\r\n")[0].startswith("HTTP/1.1 405 ")
    assert ask(port, b"\xff\xfe\r\n\r\n")[0].startswith("HTTP/1.1 405 ")
    head, body = ask(port, b"HEAD /metrics HTTP/1.1\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 ")
    assert body == ""
    assert ask(port, b"GET /metrics?x=1 HTTP/1.0\r\n\r\n")[0].startswith("HTTP/1.1 200 ")


def test_a_request_without_end_is_cut_off(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.sendall(b"GET /metrics HTTP/1.1\r\n" + b"x" * 5000)
        with suppress(ConnectionResetError):
            assert link.recv(10) == b""


def test_many_that_say_nothing_don_t_hold_up_the_looks(service: Service, port: int) -> None:
    links = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(30)]
    service.told.settimeout(5)
    for _ in range(3):
        service.hears("STATUS=")
    for link in links:
        link.close()
    deadline = time.monotonic() + 10
    while not ask_or_nothing(port):
        assert time.monotonic() < deadline
    assert ask_or_nothing(port).startswith("HTTP/1.1 200 ")


def ask_or_nothing(port: int) -> str:
    try:
        return ask(port, b"GET /metrics HTTP/1.1\r\n\r\n")[0]
    except OSError:
        return ""


# what a Pi says since its start --------------------------------------------------------------------------------------


def test_under_voltage_since_the_start_outlives_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pi_installer_tui.metrics.collector import Collector
    from pi_installer_tui.metrics.reading import Reader

    root = tmp_path / "root"
    lay_out("pi4", root)

    def collector() -> Collector:
        made = Collector(tmp_path / "none.json", tmp_path / "state", tmp_path / "run", Reader(root))
        made._begin()
        return made

    first = collector()
    for _ in range(2):
        first._look()
    first._end()
    (root / "sys/devices/platform/soc/soc:firmware/get_throttled").write_text("0\n")
    second = collector()
    second._look()
    second._end()
    assert second._values["power.under-voltage"] == 0.0
    assert second._values["power.under-voltage-since-boot"] == 1.0
    assert second._values["power.soft-limit-since-boot"] == 0.0


# alerts --------------------------------------------------------------------------------------------------------------


def test_without_rules_no_engine_is_imported_and_one_that_fails_doesn_t_stop_the_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from types import ModuleType

    from pi_installer_tui.metrics.collector import Collector

    class Engine:
        happened: list[str] = []

        def __init__(self, config: object, folder: Path) -> None:
            assert folder == tmp_path / "state"
            self.happened.append("made")

        def sample(self, at: float, monotonic: float, values: dict[str, float]) -> None:
            assert abs(at - time.time()) < 60
            assert values["memory.available"] > 0
            self.happened.append("sampled")
            raise RuntimeError("broken")

        def close(self) -> None:
            self.happened.append("closed")

    module = ModuleType("pi_installer_tui.alerts.engine")
    module.Engine = Engine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def run(config: str) -> None:
        (tmp_path / "collector.json").write_text(config)
        collector = Collector(tmp_path / "collector.json", tmp_path / "state", tmp_path / "run")
        collector._begin()
        for _ in range(2):
            collector._look()
        collector._end()

    run('{"version": 1}')
    assert Engine.happened == []
    run('{"version": 1, "rules": [{"name": "hot", "what": "metric", "of": "temperature.*.now", "at": 80}]}')
    assert Engine.happened == ["made", "sampled", "closed"]
    assert "RuntimeError: broken" in capsys.readouterr().err
    with History.open(tmp_path / "state", tmp_path / "run") as history:
        assert history.last() is not None
