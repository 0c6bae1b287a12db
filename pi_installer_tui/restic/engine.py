"""The program restic on a repository: one method for each of its commands that we use. What it prints is read as it
comes; what goes wrong is a `Trouble`. 0.14 (Debian 12) and 0.18 (Debian 13) differ: `able` says what the installed one
can."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from pi_installer_tui.restic.answers import Entry, Progress, Snapshot, Sum, Trouble
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.host import Completed, Host

CACHE = "/var/cache/pi-installer-tui/restic"

#: restic's exit statuses (its documentation, `Scripting`): of 0.17 and later from 10 on
_INCOMPLETE = 3
_NO_REPOSITORY, _LOCKED, _WRONG_PASSWORD, _INTERRUPTED = 10, 11, 12, 130

Ability = Literal["stdin-from-command", "restore-progress", "check-json", "include-file"]
#: since which version restic has it (its changelog)
_SINCE: dict[Ability, tuple[int, ...]] = {
    "stdin-from-command": (0, 17),
    "restore-progress": (0, 17),
    "check-json": (0, 18),
    "include-file": (0, 17),
}


class Restic:
    """A repository, and the program that works on it. folder: the cache's (below it restic keeps one a repository)."""

    def __init__(self, host: Host, place: Place, *, cache: str = CACHE) -> None:
        self.host = host
        self.place = place
        self._cache = cache
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

    def _ssh(self) -> list[str]:
        """ssh as the sftp backend starts it; restic splits it as a shell would (its documentation, `sftp.command`)."""
        place = self.place
        options = ["BatchMode=yes", "ServerAliveInterval=20", "ServerAliveCountMax=6", "StrictHostKeyChecking=yes"]
        if place.known_hosts:
            options.append(f"UserKnownHostsFile={place.known_hosts}")
        if place.key:
            options += [f"IdentityFile={place.key}", "IdentitiesOnly=yes"]
        argv = ["ssh", *(word for option in options for word in ("-o", option))]
        if place.port:
            argv += ["-p", str(place.port)]
        return [*argv, *(["-l", place.user] if place.user else []), place.host, "-s", "sftp"]

    async def run(self, *command: str) -> Completed:
        """A command to its end. Raises Trouble, CommandNotFound."""
        done = await self.host.run(self.argv(*command), env=await self.environment())
        if not done.ok:
            raise trouble(done.status, (done.stderr or done.stdout).splitlines())
        return done

    async def messages(self, *command: str) -> AsyncIterator[dict[str, Any]]:
        """What a command prints with --json, line by line; what isn't JSON comes as {"text": line}. At the end
        {"status": the exit status}. Raises CommandNotFound."""
        rest = b""
        async with self.host.start(self.argv(*command), env=await self.environment(), grace=60) as process:
            async for chunk in process.chunks():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield _message(line)
            if rest.strip():
                yield _message(rest)
            yield {"status": await process.wait()}

    # what is there ----------------------------------------------------------------------------------------------------

    async def initialised(self) -> bool:
        """Whether a repository is there. Raises Trouble where that can't be told, or the password is wrong."""
        try:
            await self.run("cat", "config", "--no-lock")
        except Trouble as error:
            if error.reason == "no-repository":
                return False
            raise
        return True

    async def init(self) -> None:
        """Makes a repository. Raises Trouble."""
        await self.run("init")

    async def snapshots(self, *tags: str) -> tuple[Snapshot, ...]:
        """All of them that have each of the tags, the oldest first. Raises Trouble."""
        wanted = ["--tag", ",".join(tags)] if tags else []
        done = await self.run("snapshots", "--json", "--no-lock", *wanted)
        found = [_snapshot(each) for each in json.loads(done.stdout or "[]") or []]
        return tuple(sorted(found, key=lambda each: each.time))

    async def tree(self, snapshot: str) -> AsyncIterator[Entry]:
        """Every entry of a snapshot, folders before what is in them. Raises Trouble."""
        text: list[str] = []
        async for message in self.messages("ls", "--json", "--no-lock", snapshot):
            if message.get("struct_type") == "node" or message.get("message_type") == "node":
                yield _entry(message)
            elif "text" in message:
                text.append(message["text"])
            elif message.get("status"):
                raise trouble(message["status"], text)

    # what it does -----------------------------------------------------------------------------------------------------

    async def back_up(
        self,
        paths: Sequence[str],
        *,
        exclude: Sequence[str] = (),
        tags: Sequence[str] = (),
        one_file_system: bool = False,
        progress: Callable[[Progress], None] = lambda progress: None,
        said: Callable[[str], None] = lambda line: None,
    ) -> Sum:
        """A snapshot of paths. said: called with what it couldn't read. Raises Trouble."""
        options = [word for pattern in exclude for word in ("--exclude", pattern)]
        options += [word for tag in tags for word in ("--tag", tag)]
        if one_file_system:
            options.append("--one-file-system")
        text: list[str] = []
        unread: list[str] = []
        summary: dict[str, Any] = {}
        status = 0
        async for message in self.messages("backup", "--json", *options, "--", *paths):
            match message.get("message_type"):
                case "status":
                    progress(_progress(message))
                case "summary":
                    summary = message
                case "error":
                    unread.append(str(message.get("item", "")))
                    said(f"{message.get('item', '')}: {_error(message)}")
                case _ if "text" in message:
                    text.append(message["text"])
                    said(message["text"])
            status = message.get("status", status)
        if status not in (0, _INCOMPLETE) or not summary:
            raise trouble(status, text)
        return _sum(summary, status == _INCOMPLETE, tuple(unread))


def trouble(status: int, lines: Sequence[str]) -> Trouble:
    """Why restic ended with that status, by what it printed."""
    tail = tuple(line for line in lines if line.strip())[-25:]
    text = "\n".join(tail)
    if status == _WRONG_PASSWORD or "wrong password or no key found" in text:
        return Trouble("wrong-password", tail)
    if status == _LOCKED or "repository is already locked" in text:
        return Trouble("locked", tail)
    if status == _NO_REPOSITORY or "Is there a repository at the following location?" in text:
        return Trouble("no-repository", tail)
    if status == _INTERRUPTED or status < 0:
        return Trouble("interrupted", tail)
    if "no space left on device" in text:
        return Trouble("no-space", tail)
    return Trouble("failed", tail, status=str(status))


def _message(line: bytes) -> dict[str, Any]:
    text = line.decode("utf-8", "surrogateescape")
    try:
        found = json.loads(text)
    except ValueError:
        return {"text": text}
    return found if isinstance(found, dict) else {"text": text}


def _error(message: dict[str, Any]) -> str:
    error = message.get("error")
    return str(error.get("message", "") if isinstance(error, dict) else error or "")


def _time(text: str) -> float:
    """RFC 3339 with nanoseconds, as Go writes it."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).timestamp()


def _snapshot(found: dict[str, Any]) -> Snapshot:
    return Snapshot(
        id=found["id"],
        time=_time(found["time"]),
        host=found.get("hostname", ""),
        user=found.get("username", ""),
        paths=tuple(found.get("paths") or ()),
        tags=tuple(found.get("tags") or ()),
        parent=found.get("parent") or "",
    )


def _entry(found: dict[str, Any]) -> Entry:
    mode = int(found.get("mode") or 0)
    special = (0o4000 if mode & 1 << 23 else 0) | (0o2000 if mode & 1 << 22 else 0) | (0o1000 if mode & 1 << 20 else 0)
    return Entry(
        path=found["path"],
        kind=found.get("type", ""),
        size=found.get("size", 0) if found.get("type") == "file" else None,
        mode=mode & 0o777 | special,  # Go's os.FileMode has these three elsewhere
        uid=int(found.get("uid") or 0),
        gid=int(found.get("gid") or 0),
        user=found.get("user", ""),
        group=found.get("group", ""),
        mtime=_time(found["mtime"]) if found.get("mtime") else 0.0,
        target=found.get("linktarget", ""),
    )


def _progress(found: dict[str, Any]) -> Progress:
    total = int(found.get("total_bytes") or 0)
    return Progress(
        fraction=float(found.get("percent_done") or 0) if total else None,
        bytes_done=int(found.get("bytes_done") or 0),
        bytes_total=total,
        files_done=int(found.get("files_done") or 0),
        files_total=int(found.get("total_files") or 0),
        errors=int(found.get("error_count") or 0),
        seconds_left=found.get("seconds_remaining"),
        current=tuple(found.get("current_files") or ()),
    )


def _sum(found: dict[str, Any], incomplete: bool, unread: tuple[str, ...]) -> Sum:
    number = {
        name: int(found.get(name) or 0)
        for name in found
        if name not in ("total_duration", "snapshot_id") and isinstance(found[name], int | float)
    }
    return Sum(
        snapshot=str(found.get("snapshot_id", "")),
        files_new=number.get("files_new", 0),
        files_changed=number.get("files_changed", 0),
        files_same=number.get("files_unmodified", 0),
        dirs_new=number.get("dirs_new", 0),
        dirs_changed=number.get("dirs_changed", 0),
        dirs_same=number.get("dirs_unmodified", 0),
        added=number.get("data_added", 0),
        files=number.get("total_files_processed", 0),
        size=number.get("total_bytes_processed", 0),
        seconds=float(found.get("total_duration") or 0),
        incomplete=incomplete,
        unread=unread,
    )
