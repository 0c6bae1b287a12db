"""`python -m benchmarks.dashboard`: what the dashboard costs, against htop, btop and glances (in its terminal and as a
server that is asked once a second), one after another on this machine, on a VT220 of 80x24 with one look a second.
htop and btop are Debian's; glances comes from pip's index into an environment of its own. docs/performance.md."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine
from benchmarks.terminal import environment, python
from tests.terminal.line import Line

SECONDS = 60.0
#: until a program has drawn all it has, before it is measured
SETTLE = 6.0
#: how many times less processor time than glances, at least
TIMES_LESS = 5.0
TERM = {"TERM": "vt220", "COLORTERM": ""}
_HZ = os.sysconf("SC_CLK_TCK")
_PORT = 61_290


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one program while it ran for `seconds`. cpu: seconds of processor time, its children's too. memory: PSS in
    bytes at the end. sent: bytes to the terminal, None where it has none. wakeups: times that one of its threads went
    to sleep by itself, and was woken (voluntary context switches, proc_pid_status(5))."""

    name: str
    seconds: float
    cpu: float
    memory: int
    sent: int | None
    wakeups: int


@dataclass(frozen=True, slots=True)
class _Spent:
    """Until now."""

    cpu: float
    wakeups: int
    memory: int


def family(pid: int) -> list[int]:
    """A process and what descends from it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").iterdir():
            found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def spent(pid: int) -> _Spent:
    """What a process and its descendants have used. Fields: proc_pid_stat(5); children that ended count with their
    parent."""
    cpu = wakeups = memory = 0
    for one in family(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{one}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            cpu += sum(map(int, fields[11:15]))
            for task in Path(f"/proc/{one}/task").iterdir():
                status = (task / "status").read_text(encoding="utf-8")
                wakeups += int(re.search(r"(?m)^voluntary_ctxt_switches:\s+(\d+)", status)[1])  # type: ignore[index]
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii")
            memory += int(re.search(r"(?m)^Pss:\s+(\d+) kB", rollup)[1]) * 1024  # type: ignore[index]
    return _Spent(cpu / _HZ, wakeups, memory)


def on_terminal(
    name: str,
    argv: Sequence[str],
    environ: Mapping[str, str],
    shows: str,
    seconds: float,
    begin: Callable[[Line], None] | None = None,
) -> Cost:
    """A program on a terminal, once it shows something."""
    with Line(argv, environ, 80, 24) as line:
        if begin is not None:
            begin(line)
        line.until(shows, 60.0)
        _watch(line, SETTLE)
        before, received, started = spent(line.pid), len(line.received), time.monotonic()
        _watch(line, seconds)
        after, lasted = spent(line.pid), time.monotonic() - started
        sent = len(line.received) - received
        if line.ended(0.0) is not None:
            raise RuntimeError(f"{name} ended:\n{line.text}")
    return Cost(name, lasted, after.cpu - before.cpu, after.memory, sent, after.wakeups - before.wakeups)


def _watch(line: Line, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        line.read(left)


def ours(seconds: float, view: str = "dashboard") -> Cost:
    """Our dashboard, or another view of it."""
    with tempfile.TemporaryDirectory() as folder:
        environ = environment(PI_INSTALLER_TUI_STATE=folder, **TERM)

        def begin(line: Line) -> None:
            line.until("Last changes", 60.0)
            _watch(line, 3.0)
            line.send("m")
            if view == "processes":
                line.until("all cores", 30.0)
                line.send("p")

        name = f"pi-installer-tui, {view}"
        shows = {"dashboard": "all cores", "processes": "by processor time"}[view]
        return on_terminal(name, python("-m", "pi_installer_tui", "--read-only"), environ, shows, seconds, begin)


def htop(seconds: float) -> Cost:
    """With its own settings, and one look a second."""
    with tempfile.TemporaryDirectory() as folder:
        environ = environment(**TERM) | {"HTOPRC": f"{folder}/htoprc"}
        return on_terminal(f"htop {_version(['htop', '--version'])}", ["htop", "-d", "10"], environ, "Load av", seconds)


def btop(seconds: float) -> Cost:
    """With its own settings but for the interval, in its mode for terminals of few colours."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "btop").mkdir()
        Path(folder, "btop/btop.conf").write_text("update_ms = 1000\n", encoding="ascii")
        environ = environment(**TERM) | {"XDG_CONFIG_HOME": folder}
        argv = ["btop", "--low-color", "--utf-force"]
        return on_terminal(f"btop {_version(['btop', '--version'])}", argv, environ, "cpu", seconds)


def glances(program: str, seconds: float) -> Cost:
    """In its terminal."""
    argv = [program, "--time", "1", "--disable-check-update"]
    return on_terminal(f"glances {_version([program, '--version'])}", argv, environment(**TERM), "CPU", seconds)


def glances_server(program: str, seconds: float) -> Cost:
    """Its server, which looks when it is asked; it is asked for all it has once a second. Without `--cached-time 0` it
    gives what it had before to every second question: the second that it keeps it begins after its look."""
    argv = [
        program,
        "-s",
        "--time",
        "1",
        "--cached-time",
        "0",
        "-p",
        str(_PORT),
        "-B",
        "127.0.0.1",
        "--disable-check-update",
    ]
    with _running(argv) as process:
        server = xmlrpc.client.ServerProxy(f"http://127.0.0.1:{_PORT}")
        _asked(server, SETTLE, patient=True)
        before, started = spent(process.pid), time.monotonic()
        _asked(server, seconds)
        after, lasted = spent(process.pid), time.monotonic() - started
    return Cost("glances -s, asked once a second", lasted, after.cpu - before.cpu, after.memory, None,
                after.wakeups - before.wakeups)  # fmt: skip


def _asked(server: xmlrpc.client.ServerProxy, seconds: float, patient: bool = False) -> None:
    """Asks once a second. patient: it may still be starting, for half a minute at the most."""
    end, next_one = time.monotonic() + seconds, time.monotonic()
    last = end + 30
    while time.monotonic() < end:
        try:
            if not str(server.getAll()).startswith("{"):
                raise RuntimeError("glances -s answers something else")
            patient = False
        except ConnectionError:
            if not patient or time.monotonic() > last:
                raise
            end = time.monotonic() + seconds
        next_one += 1
        time.sleep(max(0.0, next_one - time.monotonic()))


@contextmanager
def _running(argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def get_glances() -> str:
    """The program, in an environment of its own that is kept for the next run."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "pi-installer-tui-benchmarks", "glances")
    program = folder / "bin/glances"
    if not program.exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", "glances"], check=True)
    return str(program)


def _version(argv: Sequence[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
    return found[0] if found else ""


def measure(seconds: float) -> list[Cost]:
    """Ours first; of the others those that are there."""
    found = [ours(seconds)]
    for name, run in (("htop", htop), ("btop", btop)):
        if shutil.which(name):
            found.append(run(seconds))
        else:
            print(f"{name} isn't installed (apt install {name})", file=sys.stderr)
    program = get_glances()
    found += [glances(program, seconds), glances_server(program, seconds), ours(seconds, "processes")]
    return found


def main() -> int:
    """Prints the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="that each is measured")
    seconds = parser.parse_args().seconds
    load = os.getloadavg()[0]
    costs = measure(seconds)
    print(f"{machine.describe()}; load {load:.1f} before; {seconds:.0f} seconds each.\n")
    print("| one look a second, vt220, 80x24 | processor time | memory (PSS) | to the terminal | wake-ups |")
    print("|---|---|---|---|---|")
    for cost in costs:
        sent = f"{cost.sent / cost.seconds:.0f} B/s" if cost.sent is not None else ""
        row = (
            cost.name,
            f"{cost.cpu:.2f} s, {cost.cpu / cost.seconds * 100:.1f} %",
            f"{cost.memory / 1e6:.1f} MB",
            sent,
            f"{cost.wakeups / cost.seconds:.1f}/s",
        )
        print(f"| {' | '.join(row)} |")
    own = costs[0]
    print("\n| goal | measured | met |\n|---|---|---|")
    met = True
    goals: tuple[tuple[str, str, Callable[[Cost], float], float], ...] = (
        ("bytes a second: fewer than htop's", "htop", lambda it: (it.sent or 0) / max(1, own.sent or 0), 1.0),
        ("processor time: a fifth of glances' at the most", "glances", lambda it: it.cpu / own.cpu, TIMES_LESS),
    )
    for name, of, ratio, goal in goals:
        for other in costs:
            if other.name.startswith(of):
                times = ratio(other)
                met = met and times >= goal
                print(f"| {name} ({other.name}) | {times:.1f} times less | {'yes' if times >= goal else '**no**'} |")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
