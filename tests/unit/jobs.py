"""What the tests of jobs share: a small machine in a folder, plans for it, and a runner in this process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from pi_installer_tui.system.host import Host
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.checks import Check, Result, run_check
from pi_installer_tui.tasks.events import JobEnded, Stale
from pi_installer_tui.tasks.journal import Journal
from pi_installer_tui.tasks.lock import Lock
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.points import Points
from pi_installer_tui.tasks.review import differences
from pi_installer_tui.tasks.runner import Runner
from pi_installer_tui.tasks.steps import StepContext, WriteFile
from pi_installer_tui.tasks.store import Store


def make_machine(folder: Path) -> LocalHost:
    """A machine that is a folder: files of several kinds, no commands."""
    etc = folder / "root/etc"
    (etc / "conf.d").mkdir(parents=True)
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (etc / "group").write_text("root:x:0:\n")
    (etc / "hostname").write_text("raspberrypi\n")
    (etc / "hosts").write_text("127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n")
    (etc / "locale").write_text("LANG=C\n")
    (etc / "locale").chmod(0o640)
    (etc / "old").write_text("to go\n")
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/UTC")
    return LocalHost(str(folder / "root"))


#: bytes; larger files, such as the demo's pictures, are the same when they are as large: listings are many
LARGE = 1_000_000


def listing(host: Host, folder: str = "etc") -> dict[str, tuple[str, int, int, int, bytes]]:
    """All below a machine's / (a demo's /etc, or another folder of it): kind, mode, owner, content. They are equal when
    the machines are."""
    root = Path(host.address) if host.kind == "local" else Path(host.address, "root", folder)
    found = {}
    for where, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(where, name)
            status = path.lstat()
            if path.is_symlink():
                kind, content = "link", os.fsencode(path.readlink())
            elif path.is_dir():
                kind, content = "directory", b""
            else:
                large = status.st_size > LARGE
                kind, content = "file", f"{status.st_size} bytes".encode() if large else path.read_bytes()
            mode = status.st_mode & 0o7777
            found[f"/{path.relative_to(root)}"] = kind, mode, status.st_uid, status.st_gid, content
    return found


class Scripted(WriteFile):
    """A file step that does `during` amid its work."""

    def during(self, action: Callable[[StepContext], Awaitable[None]]) -> Scripted:
        object.__setattr__(self, "_during", action)
        return self

    async def apply(self, context: StepContext) -> None:
        await super().apply(context)
        action: Callable[[StepContext], Awaitable[None]] = self.__dict__["_during"]
        await action(context)


def write(name: str, content: str = "new\n", **fields: object) -> WriteFile:
    return WriteFile.model_validate({"id": name, "path": f"/etc/{name}", "content": content, **fields})


def scripted(name: str, action: Callable[[StepContext], Awaitable[None]], **fields: object) -> Scripted:
    values = {"id": name, "path": f"/etc/{name}", "content": "new\n", **fields}
    return Scripted.model_validate(values).during(action)


def create(store: Store, plan: Plan, host: Host) -> str:
    return store.create(plan, who="pi", host_kind=host.kind, host_address=host.address)


class Run:
    """A job and its runner in this process."""

    def __init__(
        self,
        store: Store,
        plan: Plan,
        host: Host,
        *,
        job: str = "",
        stale: Sequence[Stale] | None = None,
        result: Result | None = None,
        points: Points | None = None,
    ) -> None:
        self.store, self.plan = store, plan
        self.id = job or create(store, plan, host)
        self._held = contextlib.ExitStack()
        self.journal = Journal(store.journal(self.id))

        async def compare(plan: Plan, host: Host) -> Sequence[Stale]:
            return await differences(plan, host) if stale is None else stale

        async def look(check: Check, host: Host) -> Result:
            return await run_check(check, host) if result is None else result

        self.runner = Runner(store, self.id, host, self.journal, compare=compare, look=look, points=points)

    async def run(self, *, resume: bool = False) -> JobEnded:
        lock = Lock(self.store.folder(self.id) / "worker.lock")
        assert lock.take("1")
        try:
            return await self.runner.run(self.plan, resume=resume)
        finally:
            self.journal.close()
            lock.release()

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.store.events(self.id)]
