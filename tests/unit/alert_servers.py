"""Real servers for alerts to arrive at: SMTP with STARTTLS or TLS and AUTH, HTTP with or without TLS, each in a thread.
Their certificate is signed by an authority of the test's own."""

from __future__ import annotations

import asyncio
import base64
import ssl
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Authority:
    """ca: what a client must trust; certificate: the server's, for `localhost` and 127.0.0.1."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def create(cls, folder: Path, *names: str, days: int = 30) -> Self:
        """names: more of the server's names, as openssl has them (`IP:10.0.0.1`)."""
        ca, ca_key = folder / "ca.pem", folder / "ca.key"
        certificate, key, asked, extra = (folder / n for n in ("server.pem", "server.key", "server.csr", "server.ext"))
        usage = "keyUsage=critical,keyCertSign"  # Python 3.13 asks for it (VERIFY_X509_STRICT)
        new = ["openssl", "req", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        run(
            [
                *new,
                "-x509",
                "-days",
                "3650",
                "-subj",
                "/CN=test authority",
                "-addext",
                usage,
                "-keyout",
                ca_key,
                "-out",
                ca,
            ]
        )
        run([*new, "-subj", "/CN=localhost", "-keyout", key, "-out", asked])
        names_too = ",".join(["DNS:localhost", "IP:127.0.0.1", *names])
        extra.write_text(f"subjectAltName={names_too}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        signed = ["openssl", "x509", "-req", "-in", asked, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial"]
        run([*signed, "-days", str(days), "-extfile", extra, "-out", certificate])
        return cls(ca, certificate, key)

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def run(argv: list[object]) -> None:
    subprocess.run([str(each) for each in argv], check=True, capture_output=True)


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Web:
    """An HTTP server that keeps what it was asked. answer: what it says to the next request: status, body."""

    def __init__(self, authority: Authority | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], tuple[int, bytes]] = lambda _request: (200, b"{}")
        web = self

        class Handler(BaseHTTPRequestHandler):
            def _take(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:  # whoever sends it was killed
                    return
                request = Request(self.command, self.path, dict(self.headers), body)
                status, said = web.answer(request)
                web.requests.append(request)
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = _take

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer((host, port), Handler)
        if authority is not None:
            self._server.socket = authority.context().wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if authority is None else "https"
        name = "localhost" if authority is not None and host == "127.0.0.1" else host
        self.url = f"{scheme}://{name}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Mailbox:
    """How an SMTP server behaves, and what it got. rejects: addresses that it doesn't take, with its answer."""

    user: str = ""
    password: str = ""
    rejects: dict[str, str] = field(default_factory=dict)
    after_data: str = "250 2.0.0 Ok: queued as 4F2A"
    after_quit: str = "221 bye"
    offers_starttls: bool = True
    mails: list[EmailMessage] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


class Smtp:
    """An SMTP server (RFC 5321) with STARTTLS (RFC 3207) and AUTH PLAIN (RFC 4954)."""

    def __init__(self, authority: Authority, box: Mailbox, *, tls: bool = False, host: str = "127.0.0.1") -> None:
        self._authority, self._box, self._tls, self._host = authority, box, tls, host
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        context = self._authority.context() if self._tls else None
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, self._host, 0, ssl=context))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        box, encrypted, known = self._box, self._tls, False

        async def say(*lines: str) -> None:
            writer.write("".join(f"{line}\r\n" for line in lines).encode())
            await writer.drain()

        await say("220 test ESMTP")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            box.said.append(line)
            verb = line.upper()
            if verb.startswith("EHLO"):
                offers = ["STARTTLS"] if box.offers_starttls and not encrypted else []
                offers += ["AUTH PLAIN"] if box.user and encrypted else []
                offers += ["8BITMIME"]
                await say("250-test", *(f"250-{each}" for each in offers[:-1]), f"250 {offers[-1]}")
            elif verb == "STARTTLS":
                await say("220 ready")
                await writer.start_tls(self._authority.context())
                encrypted = True
            elif verb.startswith("AUTH PLAIN"):
                _zid, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
                known = (user, password) == (box.user, box.password)
                # a server that repeats what it was given, which ours must not repeat again
                await say("235 2.7.0 Ok" if known else f"535 5.7.8 Bad credentials: {line.split()[2]} {password}")
            elif box.user and not known and verb.startswith("MAIL"):
                await say("530 5.7.0 Authentication required")
            elif verb.startswith("RCPT") and any(each in line for each in box.rejects):
                await say(next(answer for address, answer in box.rejects.items() if address in line))
            elif verb == "DATA":
                await say("354 go on")
                data = await reader.readuntil(b"\r\n.\r\n")
                if box.after_data.startswith("250"):
                    mail = message_from_bytes(data[:-5].replace(b"\r\n..", b"\r\n."), policy=default)
                    assert isinstance(mail, EmailMessage)
                    box.mails.append(mail)
                    box.encrypted.append(encrypted)
                await say(box.after_data)
            elif verb == "QUIT":
                await say(box.after_quit)
                return
            else:
                await say("250 2.1.0 Ok")
