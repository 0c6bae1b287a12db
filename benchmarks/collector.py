"""`python -m benchmarks.collector`: what the collector costs. One runs here for some minutes at its usual interval, in
folders of its own; then a day's minutes are written to a history that is full, and what reaches the disk is counted.
Exit status 1 when a goal is missed; docs/performance.md."""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import machine
from pi_installer_tui.alerts.config import Config
from pi_installer_tui.metrics.clock import Clock
from pi_installer_tui.metrics.places import KEPT
from pi_installer_tui.metrics.reading import Reader
from pi_installer_tui.metrics.recorder import Recorder

MEGABYTE = 1_000_000
MINUTES = 24 * 60

#: a Pi with a card, a USB disk, two interfaces and a fan: what it reports (names.py) and between what it moves
PI = {
    "cpu.used": (1, 60), "load.1": (0, 3), "load.5": (0, 2), "load.15": (0, 1),
    **{f"core.{n}.used": (0, 80) for n in range(4)}, **{f"core.{n}.frequency": (600, 1800) for n in range(4)},
    "memory.used": (30, 32), "memory.available": (2.5e9, 2.6e9), "swap.used": (0, 0),
    **{f"disk.{of}.{f}": (v, v) for of in ("/", "/boot/firmware", "/srv") for f, v in
       (("used", 54.0), ("free", 6e9), ("inodes", 12.0))},
    **{f"io.{of}.{f}": (0, most) for of in ("mmcblk0", "sda") for f, most in
       (("read", 2e5), ("written", 4e5), ("busy", 9))},
    **{f"net.{of}.{f}": (0, 1e5) for of in ("eth0", "wlan0") for f in ("received", "sent")},
    "temperature.cpu-thermal.now": (48, 56), "temperature.rp1_adc.now": (50, 57), "fan.pwmfan.speed": (1400, 2100),
    **{f"power.{bit}{since}": (0, 0) for bit in ("under-voltage", "frequency-capped", "throttled", "soft-limit")
       for since in ("", "-since-boot")},
    "system.processes": (150, 160),
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collector", description=__doc__)
    parser.add_argument("--seconds", type=int, default=180, help="how long the collector runs (180)")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="a folder on a disk (/var/tmp)")
    args = parser.parse_args()
    print(f"{machine.describe()}; load {Path('/proc/loadavg').read_text(encoding='ascii').split()[0]}\n")
    rows = []
    with TemporaryDirectory(dir=args.folder, prefix="collector-") as folder:
        rows += process(Path(folder), args.seconds)
        rows += disk(Path(folder))
    print("| what | goal | measured | met |\n|---|---|---|---|")
    for what, goal, measured, met in rows:
        print(f"| {what} | {goal} | {measured} | {'' if met is None else 'yes' if met else 'no'} |")
    return 0 if all(met is not False for *_rest, met in rows) else 1


Row = tuple[str, str, str, bool | None]


def process(folder: Path, seconds: int) -> list[Row]:
    """A collector as it is by default, over some time after its first look."""
    with TemporaryDirectory(dir="/run", prefix="collector-") as runtime:
        command = [sys.executable, "-I", "-m", "pi_installer_tui.metrics.collector"]
        started = subprocess.Popen([*command, str(folder / "none.json"), str(folder / "process"), runtime])
        try:
            time.sleep(15)
            proc = Path("/proc", str(started.pid))
            before, at = counters(proc), time.monotonic()
            time.sleep(seconds)
            after, lasted = counters(proc), time.monotonic() - at
            memory = int(found(r"^Pss:\s+(\d+)", proc / "smaps_rollup")) / 1000
            resident = int(found(r"^VmRSS:\s+(\d+)", proc / "status")) / 1000
        finally:
            started.terminate()
            started.wait()
    share = 100 * (after["cpu"] - before["cpu"]) / 1e9 / lasted
    wakes = (after["wakes"] - before["wakes"]) / lasted
    return [
        ("memory (PSS)", "at most 20 MB", f"{memory:.1f} MB", memory <= 20),
        ("memory (RSS)", "", f"{resident:.1f} MB", None),
        (f"processor, one core, a look every {Config().interval} s", "at most 0.2 %", f"{share:.3f} %", share <= 0.2),
        ("times that it is woken up, a second", "", f"{wakes:.2f}", None),
    ]


def counters(proc: Path) -> dict[str, int]:
    status = proc / "status"
    return {
        "cpu": int((proc / "schedstat").read_text(encoding="ascii").split()[0]),
        "wakes": int(found(r"^voluntary_ctxt_switches:\s+(\d+)", status)),
    }


def disk(folder: Path) -> list[Row]:
    """What a day writes to a full history, without what goes to memory (/run)."""
    now = {"monotonic": 1000.0}
    clock = Clock(lambda: now["monotonic"], lambda: 1_700_000_000 + now["monotonic"], lambda: True)
    config = Config()

    class Kept(Recorder):
        """Keeps minutes and hours only."""

        def _open_raw(self) -> None:
            pass

    recorder = Kept(
        folder / "day",
        folder,
        raw=1,
        minutes=config.minutes,
        hours=config.hours,
        boot="benchmark",
        clock=clock,
        say=print,
    )
    dice = random.Random(7)

    def minutes(count: int) -> None:
        for _ in range(count * 60 // config.interval):
            now["monotonic"] += config.interval
            recorder.sample(now["monotonic"], {name: dice.uniform(*of) for name, of in PI.items()})

    kept = recorder._kept
    assert kept is not None
    kept.connection.execute("PRAGMA synchronous = OFF")
    minutes(config.minutes + 2 * MINUTES)
    kept.connection.execute("PRAGMA synchronous = FULL")
    before = written()
    started = time.process_time()
    minutes(MINUTES)
    spent = time.process_time() - started
    handed, reached = (after - earlier for earlier, after in zip(before, written(), strict=True))
    recorder.close()
    size = (folder / "day" / KEPT).stat().st_size
    return [
        (f"written a day: handed to write(2), {len(PI)} metrics", "at most 5 MB", f"{handed / MEGABYTE:.2f} MB",
         handed <= 5 * MEGABYTE),
        ("written a day: in blocks of the file system (write_bytes)", "", f"{reached / MEGABYTE:.2f} MB", None),
        ("size of the history, 7 days of minutes full", "", f"{size / MEGABYTE:.1f} MB", None),
        ("processor for a day's minutes and hours", "", f"{spent:.1f} s", None),
        ("one look", "", f"{look():.2f} ms", None),
    ]  # fmt: skip


def written() -> tuple[int, int]:
    io = Path("/proc/self/io")
    return int(found(r"^wchar: (\d+)", io)), int(found(r"^write_bytes: (\d+)", io))


def look() -> float:
    reader = Reader()
    reader.read()
    started = time.process_time()
    for _ in range(50):
        reader.read()
    return (time.process_time() - started) * 1000 / 50


def found(pattern: str, path: Path) -> str:
    match = re.search(pattern, path.read_text(encoding="ascii"), re.MULTILINE)
    assert match, f"{path} has no {pattern}"
    return match[1]


if __name__ == "__main__":
    sys.exit(main())
