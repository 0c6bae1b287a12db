"""The program restic on a repository: what it is told beside a command, how it is started, followed and ended, and
what it can. The commands are in engine.py and upkeep.py."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Any, Literal

from pi_installer_tui.restic import mounted
from pi_installer_tui.restic.answers import Trouble
from pi_installer_tui.restic.place import Place
from pi_installer_tui.restic.troubles import scrub, trouble
from pi_installer_tui.system.host import CommandNotFound, Completed, Host, HostError, Process

CACHE = "/var/cache/pi-installer-tui/restic"

#: seconds that restic gets to take its locks away when it is ended
GRACE = 60
#: seconds of retries after which a look (snapshots, locks) is given up; restic itself tries for 15 minutes
PATIENCE = 60.0
#: seconds between two looks whether the disk is still there while restic works on it
DISK = 15.0
#: looks at a full disk in a row, and seconds of a processor from one to the next below which nothing is done: a restic
#: that waits for itself takes none, one that reads 3 MB/s more than that
_LOOKS, _IDLE = 3, 0.05
#: lines of its text that are kept
_KEPT = 200
_PIECE = 64 * 1024  # bytes
#: bytes: what restic writes at once (its design document, pack files)
_PACK = 16 * 1024 * 1024

Ability = Literal[
    "restore-progress", "restore-overwrite", "restore-sparse", "check-json", "stdin-from-command", "include-file"
]
#: since which version restic has it (its changelog)
_SINCE: dict[Ability, tuple[int, ...]] = {
    "restore-sparse": (0, 15),
    "restore-progress": (0, 17),
    "restore-overwrite": (0, 17),
    "stdin-from-command": (0, 17),
    "include-file": (0, 17),
    "check-json": (0, 18),
}

#: puts standard output of a program on a descriptor that it is given, so that what it says of itself stays apart
_OUTPUT_TO = "import os, sys; os.dup2(int(sys.argv[1]), 1); os.execvp(sys.argv[2], sys.argv[2:])"


class Program:
    """restic on a place. cache: the folder below which it keeps one a repository; patience: see `run`, in seconds."""

    def __init__(self, host: Host, place: Place, *, cache: str = CACHE, patience: float = PATIENCE) -> None:
        self.host = host
        self.place = place
        self._cache = cache
        self._patience = patience
        self._version: tuple[int, ...] | None = None

    # the program ------------------------------------------------------------------------------------------------------

    async def version(self) -> tuple[int, ...]:
        """(0, 14, 0). Raises CommandNotFound."""
        if self._version is None:
            said = (await self.host.run(["restic", "version"])).stdout
            found = re.match(r"restic (\d+(?:\.\d+)*)", said)
            self._version = tuple(map(int, found[1].split("."))) if found else ()
        return self._version

    async def able(self, what: Ability) -> bool:
        """Whether the installed one can do that. Raises CommandNotFound."""
        return await self.version() >= _SINCE[what]

    async def environment(self) -> dict[str, str]:
        """What restic is told beside its arguments: secrets too, which argv never has. Raises Trouble `refused` where a
        file of a secret can't be read."""
        place = self.place
        env = {
            "RESTIC_REPOSITORY": place.repository,
            "RESTIC_PASSWORD_FILE": place.password,
            "RESTIC_PROGRESS_FPS": "2",
        }
        secret = await self._secret(place.secret) if place.secret and place.kind in ("rest", "s3") else ""
        match place.kind:
            case "rest" if place.user:
                from urllib.parse import quote

                scheme, _slashes, rest = place.repository.removeprefix("rest:").partition("://")
                login = f"{quote(place.user, safe='')}:{quote(secret, safe='')}"
                env["RESTIC_REPOSITORY"] = f"rest:{scheme}://{login}@{rest}"
            case "s3":
                env |= {"AWS_ACCESS_KEY_ID": place.access_key, "AWS_SECRET_ACCESS_KEY": secret}
                if place.region:
                    env["AWS_DEFAULT_REGION"] = place.region
            case "gcs":
                env["GOOGLE_APPLICATION_CREDENTIALS"] = place.secret
                if place.project:
                    env["GOOGLE_PROJECT_ID"] = place.project
        return env

    async def _secret(self, path: str) -> str:
        try:
            return (await self.host.read(path)).decode("utf-8", "replace").strip("\r\n")
        except OSError as error:
            raise Trouble("refused", error=f"{path}: {error.strerror}") from None

    def argv(self, *command: str) -> list[str]:
        """A command with what the place asks for."""
        place, options = self.place, ["--cache-dir", self._cache]
        if place.ca:
            options += ["--cacert", place.ca]
        if place.upload:
            options += ["--limit-upload", str(place.upload)]
        if place.download:
            options += ["--limit-download", str(place.download)]
        if place.kind == "sftp":
            options += ["--option", f"sftp.command={shlex.join(self._ssh())}"]
        return ["restic", *options, *command]

    async def held(self, argv: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        """A command of `argv` and its environment, with the folder of the repository as its working directory: where a
        disk is pulled out or unmounted (umount(2), MNT_DETACH) that still leads to the disk. Its path would lead to the
        card then, where restic makes the folders that are missing and goes on."""
        env, path = await self.environment(), self.place.path
        with suppress(OSError):
            if self.place.kind == "folder" and self.host.kind == "local" and await self.host.stat(path) is not None:
                return ["env", f"--chdir={path}", *argv], {**env, "RESTIC_REPOSITORY": "."}
        return [*argv], env

    def _ssh(self) -> list[str]:
        """ssh as the sftp backend starts it; restic splits it as a shell would (its documentation, `sftp.command`)."""
        place = self.place
        argv = ["ssh", *(word for option in self._ssh_options() for word in ("-o", option))]
        if place.port:
            argv += ["-p", str(place.port)]
        return [*argv, *(["-l", place.user] if place.user else []), place.host, "-s", "sftp"]

    def _ssh_options(self) -> list[str]:
        """ssh_config(5)"""
        place = self.place
        options = ["BatchMode=yes", "ServerAliveInterval=20", "ServerAliveCountMax=6", "StrictHostKeyChecking=yes"]
        if place.known_hosts:
            options.append(f"UserKnownHostsFile={place.known_hosts}")
        if place.key:
            options += [f"IdentityFile={place.key}", "IdentitiesOnly=yes"]
        return options

    # how it is run ----------------------------------------------------------------------------------------------------

    async def ready(self, *, write: bool = False) -> None:
        """That a folder's disk is there. write: and can be written. Raises Trouble `not-mounted`, `refused`."""
        if self.place.kind == "folder" and (write or self.place.device):
            await mounted.require(self.host, self.place, write=write)

    async def writable(self) -> bool:
        """Whether a folder's place can be written; of others nobody knows before they refuse. Raises Trouble."""
        if self.place.kind != "folder":
            return True
        return (await mounted.require(self.host, self.place)).wrong == ""

    async def run(self, *command: str, write: bool = False, patient: bool = False) -> Completed:
        """A command to its end, both of its outputs in `stdout`, without what restic says of retries. It may retry
        for `patience` and be silent for twice that; when `patient` or with `write` as long as it wants. Raises Trouble,
        CommandNotFound."""
        patience = None if write or patient else self._patience
        text: list[str] = []
        status = 0
        async with aclosing(self.lines(*command, write=write, patience=patience)) as lines:
            async for line in lines:
                if isinstance(line, int):
                    status = line
                else:
                    text.append(line)
        if status:
            raise await self.failure(status, text)
        kept = [line for line in text if not _RETRY.match(line)]
        return Completed(("restic", *command), status, "\n".join(kept), "")

    async def messages(
        self, *command: str, write: bool = False, patience: float | None = None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """What a command prints with --json, line by line; what isn't JSON comes as {"text": line}. At the end
        {"status": the exit status}. Close it (`contextlib.aclosing`) to end restic early. Raises Trouble where the
        place isn't there or what restic retries can't get better, CommandNotFound."""
        async with aclosing(self.lines(*command, write=write, patience=patience)) as lines:
            async for line in lines:
                yield {"status": line} if isinstance(line, int) else _message(line)

    async def dump(self, snapshot: str, path: str) -> AsyncGenerator[bytes, None]:
        """The content of a file of a snapshot. Close it (`contextlib.aclosing`) to end early. Raises Trouble, at the
        end too: what came by then is not all of it."""
        await self.ready()
        command, env = self.argv("dump", "--no-lock", snapshot, path), await self.environment()
        if self.host.kind != "local":  # one that is played prints the file and nothing else
            async with self.host.start(command, env=env, grace=GRACE) as process:
                async for chunk in process.chunks():
                    yield chunk
                status = await process.wait()
            if status:
                raise await self.failure(status, [])
            return
        text: list[str] = []
        read, write = os.pipe()
        try:
            argv = [sys.executable, "-I", "-S", "-c", _OUTPUT_TO, str(write), *command]
            async with self.host.start(argv, env=env, pass_fds=(write,), grace=GRACE) as process:
                os.close(write)
                write = -1
                saying = asyncio.ensure_future(_text(process, text))
                try:
                    async with aclosing(_pieces(read)) as pieces:
                        async for piece in pieces:
                            yield piece
                    status = await process.wait()
                    await saying
                except BaseException:
                    saying.cancel()
                    os.close(read)  # or it would wait for somebody who reads
                    read = -1
                    await self._interrupt(process)
                    raise
        finally:
            for descriptor in (read, write):
                if descriptor >= 0:
                    os.close(descriptor)
        if status:
            raise await self.failure(status, text)

    async def failure(self, status: int, lines: Sequence[str]) -> Trouble:
        """What restic's end means, without a secret in it."""
        found = trouble(status, scrub(lines, await self._secrets()))
        if self.place.kind == "sftp" and found.values.get("cause") == "cut-off":
            found = trouble(status, [*found.tail, *await self._ssh_says()])
        if found.values.get("cause") == "sftp-failure" and await self._full():
            line = found.values.get("line", "")
            found = Trouble("no-space", found.tail, status=str(status), line=line)
        if self.place.kind == "folder" and self.place.device:
            with suppress(CommandNotFound, HostError, OSError):
                if not (await mounted.look(self.host, self.place)).readable:
                    found = Trouble("not-mounted", found.tail, wrong="pulled", **self._disk())
        found.values.setdefault("place", self.place.name)
        return found

    async def _full(self) -> bool:
        """Whether an SFTP server has no room for another pack, by its `df` (statvfs@openssh.com); False where it
        doesn't tell."""
        host = f"[{self.place.host}]" if ":" in self.place.host else self.place.host
        where = f"{self.place.user}@{host}" if self.place.user else host
        port = ["-P", str(self.place.port)] if self.place.port else []
        argv = ["sftp", "-b", "-", *(word for option in self._ssh_options() for word in ("-o", option)), *port, where]
        with suppress(CommandNotFound, HostError, TimeoutError):
            async with asyncio.timeout(GRACE):
                done = await self.host.run(argv, input=f'df "{self.place.path}"\n'.encode())
            # KiB: size, used, available, for root, and how full
            rows = [line.split() for line in done.stdout.splitlines() if not line.startswith("sftp>")]
            numbers = next((row for row in rows if len(row) >= 4 and all(word.isdigit() for word in row[:4])), None)
            return done.ok and numbers is not None and int(numbers[2]) * 1024 < _PACK
        return False

    def _disk(self) -> dict[str, str]:
        return {"device": self.place.device, "mount": self.place.mount, "path": self.place.path}

    async def _ssh_says(self) -> tuple[str, ...]:
        """Why ssh doesn't connect. restic often ends before it has printed that; nothing, where it connects now."""
        with suppress(CommandNotFound, HostError, TimeoutError):
            async with asyncio.timeout(GRACE):
                done = await self.host.run(self._ssh())
            if not done.ok:
                return tuple(f"subprocess ssh: {line}" for line in done.stderr.splitlines())
        return ()

    async def _secrets(self) -> tuple[str, ...]:
        place, found = self.place, []
        for path in (place.password, place.secret if place.kind in ("rest", "s3") else ""):
            with suppress(OSError):
                if path:
                    found.append((await self.host.read(path)).decode("utf-8", "replace").strip("\r\n"))
        return tuple(found)

    async def lines(
        self, *command: str, write: bool = False, patience: float | None = None
    ) -> AsyncGenerator[str | int, None]:
        """The lines that a command prints, then its exit status; as `messages` otherwise. Leaving early interrupts
        restic, so that it takes its locks with it. It is silent between two tries, at last for minutes: where that
        exhausts the patience the Trouble is that of its last try. A disk that is pulled ends it: restic would try for
        a quarter of an hour, of which 0.14 says nothing."""
        await self.ready(write=write)
        loop = asyncio.get_running_loop()
        rest, since, refused = b"", 0.0, 0
        found: Trouble | None = None
        argv, env = await self.held(self.argv(*command))
        async with self.host.start(argv, env=env, grace=GRACE) as process:
            gone: list[Trouble] = []
            watching = asyncio.create_task(self._watch_disk(process, gone, fills=command[0] == "backup"))
            try:
                async for chunk in _chunks(process, patience):
                    *lines, rest = (rest + chunk).split(b"\n")
                    for raw in lines:
                        line = raw.decode("utf-8", "surrogateescape")
                        if not line.strip():
                            continue
                        yield line
                        if not _RETRY.match(line):
                            continue
                        since = since or loop.time()
                        found = await self.failure(1, [line])
                        refused += found.reason in ("refused", "no-space", "not-mounted")
                        if refused > 1 or (patience is not None and loop.time() - since > patience):
                            raise found
                if rest.strip():
                    yield rest.decode("utf-8", "surrogateescape")
                status = await process.wait()
                if not gone:
                    yield status
            except TimeoutError:
                await self._interrupt(process)
                raise (found or Trouble("unreachable", cause="timeout", place=self.place.name)) from None
            except BaseException:
                await self._interrupt(process)
                raise
            finally:
                watching.cancel()
            if gone:
                raise gone[0]

    async def _watch_disk(self, process: Process, gone: list[Trouble], *, fills: bool) -> None:
        """Ends restic when the disk that it works on isn't there any more, or, where it `fills` it, is full and nothing
        is done (0.14 can wait for itself then, and never ends). Says so in `gone`."""
        spent, idle = -1.0, 0
        while self.place.kind == "folder" and not gone:
            await asyncio.sleep(DISK)
            with suppress(CommandNotFound, HostError, OSError):
                disk, before = await mounted.look(self.host, self.place), spent
                spent = await self._spent(process.pid)
                full = fills and disk.free is not None and disk.free < _PACK
                rests = before >= 0 and spent - before < _IDLE
                idle = idle + 1 if full and rests else 0
                if not disk.readable and self.place.device:
                    gone.append(Trouble("not-mounted", (), wrong="pulled", place=self.place.name, **self._disk()))
                elif idle >= _LOOKS:
                    gone.append(Trouble("no-space", place=self.place.name))
        if gone:
            with suppress(CommandNotFound, HostError):
                await self.host.run(["kill", "-INT", str(process.pid)])
                await asyncio.sleep(GRACE)
                await self.host.run(["kill", "-KILL", str(process.pid)])

    async def _spent(self, pid: int) -> float:
        """Seconds of a processor that a process has had (proc_pid_stat(5), utime and stime). Raises OSError."""
        text = await self.host.text(f"/proc/{pid}/stat") or ""
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if len(fields) > 12 else -1.0

    async def _interrupt(self, process: Process) -> None:
        """Asks restic to end, as Ctrl-C would: 0.14 lets its locks lie when it is ended by SIGTERM. What it still
        prints is taken from it, or it would wait."""
        taking = asyncio.ensure_future(_text(process, []))
        try:
            with suppress(CommandNotFound, HostError, TimeoutError):
                await self.host.run(["kill", "-INT", str(process.pid)])
                async with asyncio.timeout(GRACE):
                    await process.wait()
        finally:
            taking.cancel()


#: what restic prints before it tries again, and of one try of several (0.14 and 0.18)
_RETRY = re.compile(r"^\w+\(.*\) (?:returned error, retrying after|failed:|operation successful after)")


async def _chunks(process: Process, patience: float | None) -> AsyncGenerator[bytes, None]:
    """What it prints. Raises TimeoutError where it is silent for too long."""
    chunks = process.chunks()
    while True:
        async with asyncio.timeout(None if patience is None else 2 * patience):
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
        yield chunk


async def _text(process: Process, text: list[str]) -> None:
    async for chunk in process.chunks():
        text += chunk.decode("utf-8", "replace").splitlines()
        del text[:-_KEPT]


async def _pieces(descriptor: int) -> AsyncGenerator[bytes, None]:
    """What comes through a pipe, until its other end is closed."""
    loop = asyncio.get_running_loop()
    os.set_blocking(descriptor, False)
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        while True:
            try:
                piece = os.read(descriptor, _PIECE)
            except BlockingIOError:
                ready.clear()
                await ready.wait()
                continue
            if not piece:
                return
            yield piece
    finally:
        loop.remove_reader(descriptor)


def _message(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        return {"text": text}
    try:
        found = json.loads(text)
    except ValueError:
        return {"text": text}
    return found if isinstance(found, dict) else {"text": text}


def document(text: str) -> Any:
    """The JSON document in what a command printed, after whatever warnings. Raises Trouble `failed` without one."""
    at = 0
    for line in text.splitlines(keepends=True):
        if line[:1] in "[{" or line.strip() == "null":
            with suppress(ValueError):
                return json.loads(text[at:])
        at += len(line)
    raise Trouble("failed", tuple(text.splitlines()[-5:]), status="0")
