"""`python -m benchmarks.backup_tree`: what it costs to open the tree of a snapshot with half a million entries, and to
look into it. It makes the tree and a repository, reads it as the screens do (restic/index.py) in a process of its own,
and for comparison as objects in memory; `restic ls` alone is the floor. Exit status 1 when a goal is missed;
docs/performance.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import machine
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.restic.index import Index
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.local import LocalHost

PER_FOLDER = 250


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backup_tree", description=__doc__)
    parser.add_argument("--entries", type=int, default=500_000)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="a folder on a disk (/var/tmp)")
    parser.add_argument("--read", choices=["index", "objects", "nothing"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        print(json.dumps(asyncio.run(READERS[args.read](repository(args.folder)))))
        return 0
    print(f"{machine.describe()}; load {Path('/proc/loadavg').read_text(encoding='ascii').split()[0]}\n")
    with TemporaryDirectory(dir=args.folder, prefix="tree-") as name:
        folder = Path(name)
        make(folder, args.entries)
        floor = listed(folder)
        taken = {kind: in_a_process(folder, kind) for kind in READERS}
    index, objects, nothing = taken["index"], taken["objects"], taken["nothing"]
    more = index["rss"] - nothing["rss"]
    rows = [
        ("entries", "", f"{index['count']:,.0f}", None),
        ("restic ls --json alone", "", f"{floor:.1f} s", None),
        ("open the tree", "at most 3 times that", f"{index['seconds']:.1f} s", index["seconds"] <= 3 * floor),
        ("the loop of the program stood still meanwhile, longest", "", f"{index['still'] * 1000:.0f} ms", None),
        ("memory of the process more than without a tree (peak RSS)", "at most 30 MB", f"{more:.1f} MB", more <= 30),
        ("size of the file", "", f"{index['file']:.0f} MB", None),
        ("what is in a folder of 250, median", "under 20 ms", f"{index['folder']:.1f} ms", index["folder"] < 20),
        ("what is in the folder of all folders", "", f"{index['top']:.1f} ms", None),
        ("search a name, three are found", "under 0.5 s", f"{index['search']:.0f} ms", index["search"] < 500),
        ("end it half-way, until restic is gone", "", f"{index['ended']:.2f} s", None),
        ("as objects in memory: open", "", f"{objects['seconds']:.1f} s", None),
        ("as objects in memory: memory more", "", f"{objects['rss'] - nothing['rss']:.1f} MB", None),
    ]
    print("| what | goal | measured | met |\n|---|---|---|---|")
    for what, goal, measured, met in rows:
        print(f"| {what} | {goal} | {measured} | {'' if met is None else 'yes' if met else 'no'} |")
    return 0 if all(met is not False for *_rest, met in rows) else 1


def repository(folder: Path) -> Restic:
    place = Place("tree", "folder", str(folder / "password"), path=str(folder / "repository"))
    return Restic(LocalHost(), place, cache=str(folder / "cache"))


def make(folder: Path, entries: int) -> None:
    """Files of many names (hard links, which are entries like any others) in folders of 250, and a snapshot of them."""
    (folder / "password").write_text("correct horse battery staple")
    files = folder / "files"
    files.mkdir()
    folders = entries // (PER_FOLDER + 1)
    source = files / "first"
    for number in range(folders):
        at = files / f"folder-{number:05}"
        at.mkdir()
        for each in range(PER_FOLDER):
            if each % 50 == 0:
                source = at / f"document-{number * PER_FOLDER + each:07}.txt"
                source.write_text(f"{number}")
            else:
                os.link(source, at / f"document-{number * PER_FOLDER + each:07}.txt")

    async def back_up() -> None:
        restic = repository(folder)
        await restic.init()
        await restic.back_up([str(files)])

    asyncio.run(back_up())


def listed(folder: Path) -> float:
    """Seconds that restic takes by itself, the second time."""
    restic = repository(folder)
    env = {**os.environ, **asyncio.run(restic.environment())}
    seconds = 0.0
    for _time in range(2):
        began = time.monotonic()
        argv = restic.argv("ls", "--json", "--no-lock", "latest")
        subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, check=True)
        seconds = time.monotonic() - began
    return seconds


def in_a_process(folder: Path, kind: str) -> dict[str, float]:
    argv = [sys.executable, "-m", "benchmarks.backup_tree", "--read", kind, "--folder", str(folder)]
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def rss() -> float:
    """MB at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


async def read_index(restic: Restic) -> dict[str, float]:
    still = asyncio.create_task(stood_still())
    began = time.monotonic()
    index = await Index.read(restic, "latest")
    seconds = time.monotonic() - began
    still.cancel()
    peak = rss()
    top = index.search("files", most=1)[0].path
    folders = [each.path for each in index.children(top)]
    found = {
        "count": index.count,
        "seconds": seconds,
        "rss": peak,
        "still": await still,
        "file": os.stat(index.path).st_size / 1e6,  # noqa: PTH116
        "folder": statistics.median(took(lambda each=each: index.children(each)) for each in folders[::20]),  # type: ignore[misc]
        "top": took(lambda: index.children(top)),
        "search": took(lambda: index.search("000123")),
    }
    index.close()
    half = asyncio.Event()
    ending = asyncio.create_task(
        Index.read(restic, "latest", told=lambda count: half.set() if count > 50_000 else None)
    )
    await half.wait()
    began = time.monotonic()
    ending.cancel()
    with suppress(asyncio.CancelledError):
        await ending
    return {**found, "ended": time.monotonic() - began}


async def stood_still() -> float:
    """The longest time in which nothing else had its turn, in seconds, until it is cancelled."""
    longest = 0.0
    with suppress(asyncio.CancelledError):
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - began - 0.005)
    return longest


def took(call: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


async def read_objects(restic: Restic) -> dict[str, float]:
    began = time.monotonic()
    async with aclosing(restic.tree("latest")) as entries:
        kept = {entry.path: entry async for entry in entries}
    return {"count": len(kept), "seconds": time.monotonic() - began, "rss": rss()}


async def read_nothing(restic: Restic) -> dict[str, float]:
    await restic.snapshots()
    return {"rss": rss()}


READERS = {"index": read_index, "objects": read_objects, "nothing": read_nothing}


if __name__ == "__main__":
    sys.exit(main())
