# ruff: noqa: ASYNC221
"""Writes into a file what the restic of this host answers, as JSON: the version, and of each case the command, its
exit status and all that it printed. tests/unit/test_restic_recorded.py reads it for both versions on every host.

python3 -m tests.restic.record tests/restic/recorded/0.18.json
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pi_installer_tui.restic.engine import Restic

from .bench import Bench

#: root may open it, and nobody can read it (proc_pid_clear_refs(5))
UNREADABLE = "/proc/self/clear_refs"


class Recording:
    """What was asked so far, by the name of its case. The paths are those of a folder /bench, on a machine `pi`."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.said: dict[str, Any] = {}

    async def ask(self, case: str, restic: Restic, *command: str) -> None:
        """Standard error comes with standard output, as the program reads them."""
        env = {**os.environ, **await restic.environment()}
        argv = restic.argv(*command)
        done = subprocess.run(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        self.said[case] = {
            "command": [self._plain(word) for word in command],
            "status": done.returncode,
            "printed": self._plain(done.stdout.decode()),
        }

    def _plain(self, text: str) -> str:
        node = re.escape(os.uname().nodename)
        folder = self.bench.folder.parent
        text = text.replace(str(folder), "/bench").replace(folder.name, "bench")
        return re.sub(rf'(?<=hostname":"){node}(?=")|(?<= on ){node}(?= by )|(?<=@){node}(?=>)', "pi", text)


def flipped(path: Path, at: int) -> None:
    """Changes one bit of a file."""
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


async def record(folder: Path) -> dict[str, Any]:
    """All cases."""
    bench = Bench(folder, "record")
    recording = Recording(bench)
    restic = bench.restic()
    tree = str(bench.tree() / "deep")
    await recording.ask("nothing there", restic, "cat", "config", "--no-lock")
    bench.empty(bench.folder / "repository")
    await recording.ask("backup", restic, "backup", "--json", "--tag", "job=attic,run=7", "--", tree)
    await recording.ask("backup, one unreadable", restic, "backup", "--json", "--", tree, UNREADABLE)
    await recording.ask("snapshots", restic, "snapshots", "--json", "--no-lock")
    await recording.ask("ids", restic, "list", "snapshots", "--no-lock")
    first, second = await restic.snapshots()
    await recording.ask("forgotten", restic, "forget", "--quiet", "--", second.id, "0" * 64)
    await restic.back_up([str(bench.tree() / "large")])
    large = (await restic.snapshots())[-1].id
    await recording.ask("found", restic, "find", "--json", "--no-lock", "--ignore-case", "--", "NOTES*")
    await recording.ask("compared", restic, "diff", "--json", "--no-lock", "--metadata", first.id, large)
    await recording.ask("sizes", restic, "stats", "--json", "--no-lock", "--mode", "raw-data")
    await recording.ask("would free", restic, "forget", "--dry-run", "--prune", "--no-lock", "--", large)
    await recording.ask("tree", restic, "ls", "--json", "--no-lock", first.id)
    await recording.ask("restored", restic, "restore", "--json", "--target", str(bench.folder / "out"), first.id)
    await recording.ask("whole", restic, "check", *await _json(restic), "--read-data-subset", "100%")
    async with bench.holder(restic):
        await recording.ask("locked", restic, "check", *await _json(restic))
    await restic.unlock_stale()
    bench.secret("password", "another one")
    await recording.ask("wrong password", restic, "cat", "config", "--no-lock")
    bench.secret("password", "correct horse battery staple")

    pack = max(bench.folder.glob("repository/data/*/*"), key=lambda path: path.stat().st_size)
    flipped(pack, 5000)
    await recording.ask("a flipped bit", restic, "check", *await _json(restic), "--read-data-subset", "100%")
    out = str(bench.folder / "damaged")
    await recording.ask("restored, one damaged", restic, "restore", "--json", "--target", out, large)
    pack.unlink()
    await recording.ask("a missing pack", restic, "check", *await _json(restic))
    flipped(next(bench.folder.glob("repository/index/*")), 20)
    await recording.ask("a damaged index", restic, "check", *await _json(restic))
    return {"version": ".".join(map(str, await restic.version())), "said": recording.said}


async def _json(restic: Restic) -> list[str]:
    return ["--json"] if await restic.able("check-json") else []


if __name__ == "__main__":
    with TemporaryDirectory(dir="/var/tmp", prefix="restic-") as made:
        Path(sys.argv[1]).write_text(json.dumps(asyncio.run(record(Path(made))), indent=1) + "\n")
