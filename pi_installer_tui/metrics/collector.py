"""The collector: `python -I -m pi_installer_tui.metrics.collector`, a systemd service. It looks at the machine at a
fixed interval, keeps the history, feeds the alerts, and wakes up for nothing else.

SIGTERM writes what is there and ends, SIGHUP reads the configuration anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pi_installer_tui.alerts import config as configuration
from pi_installer_tui.alerts.config import Config
from pi_installer_tui.i18n import _
from pi_installer_tui.metrics import prometheus, rates
from pi_installer_tui.metrics.clock import Clock
from pi_installer_tui.metrics.exporter import Exporter
from pi_installer_tui.metrics.look import Look
from pi_installer_tui.metrics.places import FOLDER, RUNTIME
from pi_installer_tui.metrics.reading import Reader
from pi_installer_tui.metrics.recorder import Recorder, boot_id
from pi_installer_tui.metrics.sensors import BITS
from pi_installer_tui.metrics.service import Notifier

if TYPE_CHECKING:
    from pi_installer_tui.alerts.engine import Engine

#: for tests, which can't wait: seconds between two looks, and of what a minute and an hour are (docs/monitoring.md)
INTERVAL, MINUTE, HOUR = (f"PI_INSTALLER_TUI_COLLECTOR_{name}" for name in ("INTERVAL", "MINUTE", "HOUR"))

_NICE = 10


class Collector:
    """The loop. `run` returns when it is told to stop."""

    def __init__(
        self, path: Path, folder: Path = FOLDER, runtime: Path = RUNTIME, reader: Reader | None = None
    ) -> None:
        self._path, self._folder, self._runtime = path, folder, runtime
        self._reader = reader or Reader()
        self._selector = selectors.DefaultSelector()
        self._notifier = Notifier()
        self._signals: list[int] = []
        self._values: rates.Values = {}
        self._before: Look | None = None
        self._exporter: Exporter | None = None
        self._alerts: Engine | None = None
        self._config = Config()
        self._recorder: Recorder | None = None

    def run(self) -> None:
        """Looks until SIGTERM or SIGINT. Raises BlockingIOError where another collector writes to the same place."""
        with contextlib.suppress(PermissionError, FileNotFoundError):
            self._runtime.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._lock = os.open(self._runtime, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._listen_to_signals()
        self._begin()
        self._notifier.say("READY=1")
        due = time.monotonic()
        while True:
            self._wait(due)
            if signal.SIGTERM in self._signals or signal.SIGINT in self._signals:
                break
            if signal.SIGHUP in self._signals:
                while signal.SIGHUP in self._signals:  # one by one: SIGTERM may come in between
                    self._signals.remove(signal.SIGHUP)
                self._notifier.say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
                self._end()
                self._begin()
                self._notifier.say("READY=1")
                due = time.monotonic()
            if time.monotonic() >= due:
                self._look()
                due += self._interval
                if due < time.monotonic():  # it was held up, or slept
                    due = time.monotonic() + self._interval
        self._notifier.say("STOPPING=1")
        self._end()

    @property
    def _interval(self) -> float:
        return _seconds(INTERVAL, max(1.0, float(self._config.interval)))

    # one look --------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        assert self._recorder is not None
        look = self._reader.read()
        values = rates.values(self._before, look)
        first, self._before, self._values = self._before is None, look, values
        if first:
            return  # it has no rates; a minute would begin with half of its metrics
        at = self._recorder.sample(look.at, values)
        if self._alerts is not None:
            try:
                self._alerts.sample(at, look.at, values)
            except Exception as error:  # the history goes on whatever the alerts do
                _say(_("alerts: {error}").format(error=f"{type(error).__name__}: {error}"))
        trouble = self._recorder.trouble
        status = _("history in memory only: {trouble}").format(trouble=trouble) if trouble else ""
        self._notifier.say("WATCHDOG=1", f"STATUS={status}")

    # beginning and ending --------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._config = config = _read_config(self._path)
        minute = _seconds(MINUTE, 60.0)
        self._recorder = Recorder(
            self._folder,
            self._runtime,
            raw=max(2, min(100_000, int(max(1, config.raw) * minute / self._interval))),
            minutes=max(120, min(1_000_000, config.minutes)),  # hours are made of them
            hours=max(2, min(1_000_000, config.hours)),
            boot=boot_id(),
            clock=Clock(),
            say=_say,
            minute=minute,
            hour=_seconds(HOUR, 3600.0),
        )
        earlier = self._recorder.last()
        self._reader.sensors.remember({bit for bit in BITS if earlier.get(f"power.{bit}-since-boot")})
        self._alerts = _alerts(config, self._folder)
        if config.exporter is not None:
            to = config.exporter
            try:
                self._exporter = Exporter(self._selector, to.address, to.port, lambda: prometheus.text(self._values))
            except (OSError, OverflowError) as error:
                place = f"{to.address}:{to.port}"
                _say(_("metrics aren't served on {place}: {error}").format(place=place, error=error))

    def _end(self) -> None:
        if self._exporter is not None:
            self._exporter.close()
            self._exporter = None
        if self._alerts is not None:
            with contextlib.suppress(Exception):
                self._alerts.close()
        self._alerts = None
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None

    # waiting ---------------------------------------------------------------------------------------------------------

    def _listen_to_signals(self) -> None:
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda given, _frame: self._signals.append(given))
        self._woken = (ours, theirs)

        def drain() -> None:
            with contextlib.suppress(BlockingIOError):
                ours.recv(4096)

        self._selector.register(ours, selectors.EVENT_READ, drain)

    def _wait(self, due: float) -> None:
        """Until it is time to look or a signal came; meanwhile the exporter is served."""
        while not self._signals:
            left = due - time.monotonic()
            if left <= 0:
                return
            expires = self._exporter.expire() if self._exporter is not None else None
            pauses = (left, self._notifier.every, left if expires is None else max(0.0, expires))
            ready = self._selector.select(min(pauses))
            for key, _events in ready:
                key.data()
            if not ready and time.monotonic() < due:
                self._notifier.say("WATCHDOG=1")


def _alerts(config: Config, folder: Path) -> Engine | None:
    """The engine, imported only where there are rules, or were: what still fires ends then."""
    from pi_installer_tui.alerts.ledger import NAME

    if not (config.rules or config.dead_man or (folder / NAME).exists()):
        return None
    try:
        from pi_installer_tui.alerts.engine import Engine

        return Engine(config, folder)
    except Exception as error:  # without alerts the history is still worth keeping
        _say(_("alerts: {error}").format(error=f"{type(error).__name__}: {error}"))
        return None


def _read_config(path: Path) -> Config:
    try:
        return configuration.load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Config()
    except (OSError, ValueError) as error:
        _say(_("{path}: {error}: the defaults are used").format(path=path, error=error))
        return Config()


def _seconds(name: str, usual: float) -> float:
    try:
        return max(0.001, float(os.environ.get(name, usual)))
    except ValueError:
        return usual


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Runs the service. The arguments, which tests give: configuration, folder, folder of what is in memory."""
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    path, folder, runtime = map(Path, (*sys.argv[1:], *(configuration.PATH, FOLDER, RUNTIME)[len(sys.argv) - 1 :]))
    try:
        Collector(path, folder, runtime).run()
    except BlockingIOError:
        _say(_("another collector writes to {path}").format(path=runtime))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
