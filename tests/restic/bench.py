"""What the cases work on: folders, repositories, a tree with every kind of name, servers that answer as told."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from pi_installer_tui.restic.answers import Reason, Trouble
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.local import LocalHost

from .ready import ready

PASSWORD = "correct horse battery staple"

#: names that a shell, a pattern, a terminal or an encoding may trip over
NAMES = (
    b"plain", b"glob[1]*?", b"glob1xx", b"new\nline", b"bad\xff\xfe", b"back\\slash", b" blanks ", b"!mark", b"#hash",
    b"$HOME", "\u00fcml\u00e4ut \u732b".encode(), b'quote"d', b"tab\t", b"-dash", b"{brace}", b"bell\x07\x1b[31m",
)  # fmt: skip


class CannotRun(Exception):
    """Why a case can't run here."""


class Bench:
    """A folder for a case. folder: of all cases of a run, which share the repository that others are copied from."""

    def __init__(self, folder: Path, name: str) -> None:
        self._shared = folder
        self.folder = folder / name
        self.folder.mkdir()
        self.host = LocalHost()
        self.secret("password", PASSWORD)

    def secret(self, name: str, value: str) -> str:
        path = self.folder / name
        path.write_text(value)
        path.chmod(0o600)
        return str(path)

    def place(self, path: Path | None = None, **values: Any) -> Place:
        return Place("attic", "folder", self.password, path=str(path or self.folder / "repository"), **values)

    @property
    def password(self) -> str:
        return str(self.folder / "password")

    def restic(self, place: Place | None = None, *, patience: float = 8) -> Restic:
        return Restic(self.host, place or self.place(), cache=str(self.folder / "cache"), patience=patience)

    def tree(self) -> Path:
        """A folder with a file of each name, its content the name, and some more."""
        source = self._shared / "source"
        if not source.exists():
            (source / "names").mkdir(parents=True)
            for name in NAMES:
                Path(os.fsdecode(os.fsencode(source / "names") + b"/" + name)).write_bytes(name)
            (source / "deep" / "er").mkdir(parents=True)
            (source / "deep" / "er" / "Notes.txt").write_text("notes")
            (source / "link").symlink_to("nowhere")
            (source / "suid").write_text("s")
            (source / "suid").chmod(0o4755)
            (source / "large").write_bytes(os.urandom(3_000_000))
        return source

    def empty(self, path: Path, place: Place | None = None) -> Restic:
        """A repository with nothing in it. place: that has it there; usually the folder itself."""
        ready(path, PASSWORD)
        return self.restic(place or self.place(path))

    async def filled(self) -> Restic:
        """A repository with one snapshot of `tree`: a copy, where it was made already."""
        template = self._shared / "template"
        if not template.exists():
            making = self.empty(self._shared / "making")
            await making.back_up([str(self.tree())], tags=["job=attic", "run=1"])
            shutil.move(self._shared / "making", template)
        shutil.copytree(template, self.folder / "repository")
        return self.restic()

    @contextmanager
    def tmpfs(self, megabytes: int) -> Iterator[Path]:
        """A file system of that size."""
        at = self.folder / "tmpfs"
        at.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(at)], capture_output=True, check=False
        )
        if mounted.returncode:
            raise CannotRun(mounted.stderr.decode())
        try:
            yield at
        finally:
            subprocess.run(["umount", "--lazy", str(at)], check=False)

    @contextmanager
    def disk(self, label: str) -> Iterator[Path]:
        """A disk with a file system of that label, as a loop device."""
        image = self.folder / f"{label}.img"
        with image.open("wb") as file:
            file.truncate(64 << 20)
        try:
            command("mkfs.ext4", "-q", "-L", label, image)
            device = Path(command("losetup", "--find", "--show", image).decode().strip())
        except (OSError, subprocess.CalledProcessError) as error:
            raise CannotRun(f"no loop device: {error}") from None
        try:
            yield device
        finally:
            command("losetup", "--detach", device)

    @asynccontextmanager
    async def holder(self, restic: Restic) -> AsyncIterator[int]:
        """A backup that goes on until it is left: its process's id, when it has its lock."""
        argv, env = restic.argv("backup", "--stdin", "--quiet"), await restic.environment()
        with started(argv, env) as process:
            try:
                locks = self.folder / "repository" / "locks"
                while not [each for each in locks.iterdir() if len(each.name) == 64]:
                    assert process.poll() is None
                yield process.pid
            finally:
                process.kill()


def started(argv: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, stdin=subprocess.PIPE, env={**os.environ, **(env or {})})


def command(*argv: str | Path, env: Mapping[str, str] | None = None) -> bytes:
    """What a command that succeeds prints."""
    return subprocess.run(argv, check=True, capture_output=True, env=env).stdout


def contents(folder: str | Path) -> dict[bytes, bytes]:
    """Of the files in a folder, by name."""
    return {os.fsencode(each.name): each.read_bytes() for each in Path(folder).iterdir() if each.is_file()}


def children() -> list[int]:
    """The processes that this one started and that are restic. Source: proc(5)."""
    found = [int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()]
    return [pid for pid in found if Path(f"/proc/{pid}/comm").read_text().strip() == "restic"]


@contextmanager
def mounted_at(device: Path, mount: Path) -> Iterator[None]:
    command("mount", device, mount)
    try:
        yield
    finally:
        command("umount", mount)


@contextmanager
def sshd(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """An SSH server with the host key `host`, that lets in who has the key `client`: its port, and it."""
    if not Path("/usr/sbin/sshd").exists():
        raise CannotRun("openssh-server isn't installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = folder / "sshd_config"
    configuration.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/client.pub\n"
        f"StrictModes no\nPidFile none\nUsePAM no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    with started(["/usr/sbin/sshd", "-D", "-f", str(configuration)]) as server:
        try:
            while not answers(port):
                assert server.poll() is None
                time.sleep(0.1)
            yield port, server
        finally:
            server.terminate()


def answers(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def answering(status: int, body: str = "") -> Iterator[str]:
    """An HTTP server that gives each request the same answer: its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


async def fails(reason: Reason, call: Callable[[], Any], cause: str | None = None) -> Trouble:
    """The Trouble that a call ends with. Its words must be there, and no secret in it."""
    from pi_installer_tui.restic.words import sentence

    try:
        await call()
    except Trouble as trouble:
        assert trouble.reason == reason, (trouble.reason, trouble.values, trouble.tail)
        assert cause is None or trouble.values.get("cause", "") == cause, (trouble.values, trouble.tail)
        said = sentence(trouble)
        assert said.count(".") >= 3, said
        assert "{" not in said, said
        for text in (said, *trouble.tail, *trouble.values.values()):
            assert "s3cret" not in text, text
            assert "correct horse" not in text, text
        return trouble
    raise AssertionError(f"no Trouble {reason}")
