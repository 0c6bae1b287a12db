"""`python -m benchmarks.backup`: a first run, a run after changes and a restoration by our steps, beside the bare
restic on the same data, one after the other in each round. Needs root and restic. Exit status 1 when a goal is missed;
docs/performance.md."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import machine
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.checks import run_check
from pi_installer_tui.tasks.journal import Journal
from pi_installer_tui.tasks.lock import Lock
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import differences
from pi_installer_tui.tasks.runner import Runner
from pi_installer_tui.tasks.steps import BackUp, OpenRepository, RestoreFiles, Step
from pi_installer_tui.tasks.store import Store

#: how much longer ours may take
GOAL = 1.05
HERE = LocalHost("/")


class Taken(NamedTuple):
    """Seconds, and seconds of a processor, which tell more on a busy machine."""

    wall: float
    processor: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backup", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000, help="how much data (1000)")
    parser.add_argument("--files", type=int, default=5000, help="in how many files (5000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is done (3)")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="a folder on a disk (/var/tmp)")
    args = parser.parse_args()
    restic = subprocess.run(["restic", "version"], check=True, capture_output=True, text=True).stdout.split()[1]
    load = Path("/proc/loadavg").read_text(encoding="ascii").split()[0]
    print(f"{machine.describe()}; restic {restic}; load {load}; {args.megabytes} MB in {args.files} files\n")
    found: dict[str, list[tuple[Taken, Taken]]] = {}
    with TemporaryDirectory(dir=args.folder, prefix="backup-") as folder:
        for number in range(args.rounds):
            round_ = Path(folder, str(number))
            for what, times in asyncio.run(_round(round_, args.megabytes * 1_000_000, args.files, number)).items():
                found.setdefault(what, []).append(times)
            shutil.rmtree(round_)
    print("| what | bare restic | our steps | times | goal | met | processor: bare | ours |")
    print("|---|---|---|---|---|---|---|---|")
    good = True
    for what, pairs in found.items():
        ratio = median(mine.wall / theirs.wall for theirs, mine in pairs)
        good = good and ratio <= GOAL
        bare, ours = ([pair[who] for pair in pairs] for who in (0, 1))
        wall = [f"{median(each.wall for each in side):.2f} s" for side in (bare, ours)]
        processor = [f"{median(each.processor for each in side):.2f} s" for side in (bare, ours)]
        met = "yes" if ratio <= GOAL else "**no**"
        print(f"| {what} | {' | '.join(wall)} | {ratio:.3f} | at most {GOAL} | {met} | {' | '.join(processor)} |")
    return 0 if good else 1


async def _round(folder: Path, size: int, files: int, number: int) -> dict[str, tuple[Taken, Taken]]:
    data = folder / "data"
    _make(data, size, files, number)
    (folder / "password").write_text("correct horse\n")
    places = {who: Place("usb", "folder", str(folder / "password"), path=str(folder / who)) for who in ("bare", "ours")}
    store = Store(folder / "state")

    def bare(*command: str) -> Taken:
        os.sync()
        began, processor = time.monotonic(), _processor()
        argv = ["restic", "--cache-dir", str(folder / "cache"), "--repo", places["bare"].path]
        argv += ["--password-file", places["bare"].password]
        for each in " ".join(command).split(" ; "):
            subprocess.run([*argv, *each.split(" ")], check=True, capture_output=True)
            if "restore" in each:  # ours ends when all of it is on the disk
                subprocess.run(["sync", "--file-system", str(folder)], check=True)
        return Taken(time.monotonic() - began, _processor() - processor)

    async def ours(*steps: Step) -> Taken:
        os.sync()
        began, processor = time.monotonic(), _processor()
        await _run(store, Plan(modules=("backup",), steps=steps))
        return Taken(time.monotonic() - began, _processor() - processor)

    place = places["ours"]
    opened = OpenRepository(id="open", place=place)
    saved = BackUp(id="run", place=place, job="daily", paths=(str(data),))
    # which of them is first changes from round to round
    first: dict[str, tuple[Taken, Taken]] = {}
    todo: tuple[tuple[str, str, tuple[Step, ...]], ...] = (
        ("first run", f"init ; backup {data}", (opened, saved)),
        ("run after a tenth has changed", f"backup {data}", (saved,)),
        (
            "restoration, each file read again and compared, and all on the disk",
            f"restore latest --verify --target {folder}/back-bare",
            (),
        ),
    )
    for what, command, steps in todo:
        if not steps:  # a plan names the snapshot that it was made for
            newest = (await Restic(HERE, place).snapshots())[-1].id
            target = f"{folder}/back-ours"
            steps = (RestoreFiles(id="back", place=place, snapshot=newest, paths=("/",), target=target),)
        if number % 2:
            mine = await ours(*steps)
            first[what] = bare(command), mine
        else:
            theirs = bare(command)
            first[what] = theirs, await ours(*steps)
        if what == "first run":
            _make(data, size // 10, files // 10, number + 1000)
    return first


def _processor() -> float:
    """Seconds of this process, and of all that it started and that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


async def _run(store: Store, plan: Plan) -> None:
    """A job in this process."""
    job = store.create(plan, who="benchmark", host_kind="local", host_address="/")
    with closing(Journal(store.journal(job))) as journal, Lock(store.folder(job) / "worker.lock") as lock:
        lock.take("")
        ended = await Runner(store, job, HERE, journal, compare=differences, look=run_check).run(plan)
    if ended.outcome != "done":
        raise SystemExit(f"{plan.steps[-1].kind}: {ended}")


def _make(folder: Path, size: int, files: int, seed: int) -> None:
    """Files of many sizes, half of them of text that compresses."""
    chance = random.Random(seed)
    weights = [chance.paretovariate(1.2) for _file in range(files)]
    for number, weight in enumerate(weights):
        path = folder / f"{number % 97}" / f"file {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        length = int(size * weight / sum(weights))
        content = chance.randbytes(length if number % 2 else length // 2)
        path.write_bytes(content if number % 2 else content.hex().encode())


if __name__ == "__main__":
    sys.exit(main())
