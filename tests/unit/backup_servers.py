"""Real servers for backups to go to, each a process or a thread of its own: moto's and rclone's S3, rclone as an SSH
server and as restic's REST server, Google Cloud Storage's emulator behind TLS with a token service that checks what was
signed, and a front that fails when it is told to."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.alert_servers import Authority

#: rclone wants ten characters and more of both
ACCESS_KEY, SECRET_KEY = "TRIALACCESSKEY01", "a-secret-key-that-nobody-repeats"
USER, PASSWORD = "attic", "rest password, with / and @ in it"
_BIN = Path(sys.executable).parent


def free_port(host: str) -> int:
    """A port that nobody listens at just now."""
    with socket.socket() as made:
        made.bind((host, 0))
        return int(made.getsockname()[1])


def answers(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
        return True
    return False


@contextmanager
def _served(argv: list[str], host: str, port: int, *, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """A server's process until the end of the context. RuntimeError where it doesn't come up within a minute."""
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    ) as process:
        try:
            until = time.monotonic() + 60
            while not answers(host, port):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{argv[0]} doesn't answer at {host}:{port} (status {process.poll()})")
                time.sleep(0.05)
            yield
        finally:
            process.kill()
            process.wait()


@contextmanager
def moto(host: str = "127.0.0.1", *, free_requests: int | None = None) -> Iterator[str]:
    """moto's server, and its URL. free_requests: after so many it asks for known keys and their permissions."""
    port = free_port(host)
    env = {} if free_requests is None else {"INITIAL_NO_AUTH_ACTION_COUNT": str(free_requests)}
    with _served([str(_BIN / "moto_server"), "-H", host, "-p", str(port)], host, port, env=env):
        yield f"http://{host}:{port}"


@contextmanager
def rclone_s3(folder: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """rclone as S3 upon a folder, each folder in it a bucket, and its URL."""
    port = free_port(host)
    argv = [str(_BIN / "rclone"), "serve", "s3", "--addr", f"{host}:{port}", str(folder)]
    with _served(argv, host, port, env={"RCLONE_AUTH_KEY": f'"{ACCESS_KEY},{SECRET_KEY}"'}):
        yield f"http://{host}:{port}"


@contextmanager
def rest(
    folder: Path, host: str = "127.0.0.1", *, port: int = 0, append_only: bool = False, password: str = PASSWORD
) -> Iterator[str]:
    """rclone as restic's REST server upon a folder, and its URL."""
    port = port or free_port(host)
    argv = [
        str(_BIN / "rclone"),
        "serve",
        "restic",
        "--addr",
        f"{host}:{port}",
        *(["--append-only"] if append_only else []),
    ]
    with _served([*argv, str(folder)], host, port, env={"RCLONE_USER": USER, "RCLONE_PASS": password}):
        yield f"http://{host}:{port}"


def basic(user: str, password: str) -> str:
    """A header's `Authorization` (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ssh_key(path: Path) -> str:
    """A new key pair; the private one."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "trial", "-f", str(path)], check=True)
    return path.read_text()


@dataclass(frozen=True)
class Ssh:
    """An SSH server. key: what it lets in; host_key: its own, public."""

    port: int
    key: str
    host_key: str


@contextmanager
def sftp(served: Path, folder: Path, host: str = "127.0.0.1", *, read_only: bool = False) -> Iterator[Ssh]:
    """rclone as an SSH server upon `served`; its keys lie in `folder`."""
    port, key = free_port(host), ssh_key(folder / "user")
    ssh_key(folder / "host")
    argv = [str(_BIN / "rclone"), "serve", "sftp", "--addr", f"{host}:{port}", "--user", USER]
    argv += ["--authorized-keys", str(folder / "user.pub"), "--key", str(folder / "host")]
    with _served([*argv, *(["--read-only"] if read_only else []), str(served)], host, port):
        public = " ".join((folder / "host.pub").read_text().split()[:2])
        yield Ssh(port, key, public)


Fault = Callable[[str, str], tuple[int, bytes] | None]


class Front:
    """An HTTP server before another one: everything goes on to it but what `fault(method, path)` answers itself.
    `gone`: connections are closed without an answer; `logins`: what it lets through, None: whatever there is."""

    def __init__(
        self, upstream: str, host: str = "127.0.0.1", *, port: int = 0, authority: Authority | None = None
    ) -> None:
        self.fault: Fault = lambda _method, _path: None
        self.gone = False
        self.logins: set[str] | None = None
        self.seen: list[tuple[str, str]] = []
        front, behind = self, urlsplit(upstream)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                body = _body(self)
                front.seen.append((self.command, self.path))
                if front.gone:
                    self.close_connection = True
                    return
                answer = front.fault(self.command, self.path)
                if answer is None:
                    answer = front.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
                if answer is not None:
                    self._say(answer[0], {}, answer[1])
                    return
                onward = http.client.HTTPConnection(behind.hostname or "", behind.port, timeout=60)
                try:
                    dropped = ("transfer-encoding", "connection", "expect", "content-length")
                    headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
                    if body or self.command in ("POST", "PUT"):
                        headers["Content-Length"] = str(len(body))
                    onward.request(self.command, self.path, body or None, headers)
                    got = onward.getresponse()
                    self._say(got.status, dict(got.headers.items()), got.read())
                finally:
                    onward.close()

            def _say(self, status: int, headers: Mapping[str, str], said: bytes) -> None:
                self.send_response(status)
                length = next((value for name, value in headers.items() if name.lower() == "content-length"), "")
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                head = self.command == "HEAD"
                if status not in (204, 304):
                    self.send_header("Content-Length", length if head and length else str(len(said)))
                self.end_headers()
                if not head:
                    self.wfile.write(said)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = _pass

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        if authority is not None:
            self._server.socket = authority.context().wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if authority else 'http'}://{host}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, method: str, path: str, login: str, body: bytes) -> tuple[int, bytes] | None:
        """What it answers by itself; None: what is behind it does."""
        return None if self.logins is None or login in self.logins else (401, b"Unauthorized")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in handler.headers.get("Transfer-Encoding", ""):
        return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    body = b""
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


@dataclass
class Google:
    """Google as the emulator plays it. account: the service account's JSON; front: whom everything goes through."""

    account: str
    front: GoogleFront
    authority: Authority


class GoogleFront(Front):
    """Before the emulator: gives out tokens to whom its account's key has signed for, and asks for one."""

    def __init__(self, upstream: str, public: Path, authority: Authority, host: str, port: int) -> None:
        self._public = public
        self._tokens: set[str] = set()
        self._revoked = False
        super().__init__(upstream, host, port=port, authority=authority)

    def answer(self, method: str, path: str, login: str, body: bytes) -> tuple[int, bytes] | None:
        if path.startswith("/token"):
            return self._token(body)
        if login.removeprefix("Bearer ") in self._tokens:
            return None
        return 401, json.dumps({"error": {"code": 401, "message": f"Invalid Credentials: {login}"}}).encode()

    def revoke(self) -> None:
        """The account's key is taken back, and its tokens with it."""
        self._revoked = True
        self._tokens.clear()

    def renew(self) -> None:
        """It is good again."""
        self._revoked = False

    def _token(self, body: bytes) -> tuple[int, bytes]:
        assertion = parse_qs(body.decode())["assertion"][0]
        text, _dot, signature = assertion.rpartition(".")
        claims = json.loads(_decoded(text.split(".")[1]))
        known = verified(self._public, text.encode(), _decoded(signature)) and claims["exp"] > time.time()
        if self._revoked or not known:
            said = {"error": "invalid_grant", "error_description": f"Invalid JWT Signature. {assertion}"}
            return 400, json.dumps(said).encode()
        token = secrets.token_urlsafe(30)
        self._tokens.add(token)
        return 200, json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 3600}).encode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(public: Path, text: bytes, signature: bytes) -> bool:
    """Whether openssl finds that the key signed it."""
    file = public.with_name("signature")
    file.write_bytes(signature)
    argv = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", str(file)]
    return subprocess.run(argv, input=text, capture_output=True, check=False).returncode == 0


@contextmanager
def google(
    folder: Path, host: str = "127.0.0.1", *, port: int = 0, names: tuple[str, ...] = (), api: str = ""
) -> Iterator[Google]:
    """The emulator behind TLS. names: more of its certificate's, as openssl has them; api: where its tokens are had,
    when that isn't the front's own URL."""
    behind = free_port("127.0.0.1")
    private, public = folder / "account.pem", folder / "account.pub"
    subprocess.run(["openssl", "genrsa", "-out", str(private), "2048"], check=True, capture_output=True)
    subprocess.run(
        ["openssl", "rsa", "-in", str(private), "-pubout", "-out", str(public)], check=True, capture_output=True
    )
    authority = Authority.create(folder, *names)
    argv = [str(_BIN / "gcp-storage-emulator"), "start", "--host", "127.0.0.1", "--port", str(behind), "-M", "-q"]
    with _served(argv, "127.0.0.1", behind):
        front = GoogleFront(f"http://127.0.0.1:{behind}", public, authority, host, port)
        try:
            account: dict[str, Any] = {
                "type": "service_account",
                "project_id": "attic-project",
                "private_key_id": "0123456789abcdef",
                "private_key": private.read_text(),
                "client_email": "backup@attic-project.iam.gserviceaccount.com",
                "client_id": "1234567890",
                "token_uri": f"{api or front.url}/token",
            }
            yield Google(json.dumps(account), front, authority)
        finally:
            front.close()
