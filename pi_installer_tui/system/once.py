"""A file handed out once on the local network: a web server of the standard library, in a process of its own.

`python -m pi_installer_tui.system.once` reads from its standard input what it hands out (`Offer.dump`), and says in
lines what becomes of it: `at URL`, `seen ADDRESS`, `given ADDRESS`, `over`, `failed WHY`. What it serves is in its
memory only. Messengers and browsers fetch a link before anybody has opened it, so GET and HEAD get a page with a
button, and only the button's POST hands the file out.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import html
import ipaddress
import json
import os
import resource
import secrets
import socket
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

from pi_installer_tui.i18n import _

#: seconds that a link works
LASTS = 600.0
#: seconds that it still says that the file is gone, after somebody has fetched it
LINGERS = 60.0
#: bytes of the token in the path
TOKEN = 16
#: seconds that a connection may take to say what it wants, and to take what it gets
PATIENCE = 10.0
#: connections at a time
_MOST = 16
#: bytes of a request's body that are read
_BODY = 1024
#: user and group without rights of their own (nobody, nogroup), which it becomes where it is root
_NOBODY = 65_534
_FIELD = b"take=yes"
_PAGE = """\
<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>body{{font:18px sans-serif;margin:2em auto;max-width:30em;padding:0 1em}}
button{{font:inherit;padding:.6em 1.2em}}</style></head><body><h1>{title}</h1>{body}</body></html>
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """What is handed out. title: what it is called on the page. name: the file's. address: where the server listens,
    an address of this machine's; port: 0 for any that is free. seconds: how long the link works."""

    content: str
    title: str
    name: str
    address: str
    port: int = 0
    seconds: float = LASTS

    def dump(self) -> str:
        """As the process reads it."""
        return json.dumps(asdict(self))


class Once:
    """The server. said: called with each line of what becomes of it. clock: seconds, only goes on.

    Raises OSError where the address isn't to be had."""

    def __init__(self, offer: Offer, said: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.token = secrets.token_urlsafe(TOKEN)
        self._content: bytes | None = offer.content.encode()
        self._offer = offer
        self._said = said
        self._clock = clock
        self.ends = clock() + offer.seconds
        self._handing = threading.Lock()  # one at a time: the second one finds that it is gone
        self._server = _Server((offer.address, offer.port), _handler(self))
        self._server.timeout = 0.2

    @property
    def url(self) -> str:
        """The link."""
        address = ipaddress.ip_address(self._offer.address)
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"http://{host}:{self._server.server_address[1]}/{self.token}"

    def serve(self) -> None:
        """Serves until its time is over, or the file was fetched and the last one had time to read so."""
        try:
            while self._clock() < self.ends:
                self._server.handle_request()
        finally:
            self._content = None
            self._server.server_close()
            self._said("over")

    # what the handler asks --------------------------------------------------------------------------------------------

    def is_for(self, path: str) -> bool:
        """Whether a path is the link's."""
        return hmac.compare_digest(path.encode("utf-8", "replace"), f"/{self.token}".encode())

    @property
    def there(self) -> bool:
        """It can still be fetched."""
        return self._content is not None and self._clock() < self.ends

    def page(self) -> str:
        """The page with the button."""
        told = _("It can be fetched once. Import it into the WireGuard app: add a tunnel, from a file.")
        button = (
            f'<form method="post"><input type="hidden" name="take" value="yes"><button>{_("Fetch it")}</button></form>'
        )
        return _PAGE.format(title=html.escape(self._offer.title), body=f"<p>{html.escape(told)}</p>{button}")

    def gone(self) -> str:
        """The page when it was fetched, or its time is over."""
        told = _("It was fetched, or its time is over. If that wasn't you: have the peer's keys renewed.")
        return _PAGE.format(title=html.escape(_("Gone")), body=f"<p>{html.escape(told)}</p>")

    def seen(self, who: str) -> None:
        """Somebody looked at the page."""
        self._said(f"seen {who}")

    def hand(self, who: str, send: Callable[[bytes, str], bool]) -> bool:
        """Hands the file out. send: sends it, and says whether all of it arrived. False where it is gone."""
        with self._handing:
            content = self._content
            if content is None or self._clock() >= self.ends:
                return False
            if send(content, self._offer.name):
                self._content = None
                self.ends = min(self.ends, self._clock() + LINGERS)
                self._said(f"given {who}")
            return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = False

    def __init__(self, at: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
        self._free = threading.BoundedSemaphore(_MOST)
        super().__init__(at, handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks the DNS for a name
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke; nothing of it is printed."""


def _handler(once: Once) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE

        def version_string(self) -> str:
            return "once"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's own word)
            """Nothing is logged: a path holds the token."""

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_POST(self) -> None:
            if not once.is_for(self.path):
                self._page(404, "", body=True)
                return
            length = self.headers.get("Content-Length", "")
            body = self.rfile.read(min(int(length), _BODY)) if length.isascii() and length.isdigit() else b""
            if _FIELD not in body.split(b"&"):
                self._page(400, "", body=True)
            elif not once.hand(self.client_address[0], self._file):
                self._page(410, once.gone(), body=True)

        def _answer(self, *, body: bool) -> None:
            if not once.is_for(self.path):
                self._page(404, "", body=body)
            elif not once.there:
                self._page(410, once.gone(), body=body)
            else:
                if body:
                    once.seen(self.client_address[0])
                self._page(200, once.page(), body=body)

        def _head(self, status: int, kind: str, length: int) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(length))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("X-Robots-Tag", "noindex, nofollow")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header(
                "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
            )

        def _page(self, status: int, text: str, *, body: bool) -> None:
            data = text.encode()
            self._head(status, "text/html; charset=utf-8", len(data))
            self.end_headers()
            if body:
                self.wfile.write(data)

        def _file(self, content: bytes, name: str) -> bool:
            """Sends it; whether the other side has acknowledged every byte."""
            try:
                self._head(200, "application/octet-stream", len(content))
                self.send_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name)}")
                self.end_headers()
                self.wfile.write(content)
                self.wfile.flush()
                return _acknowledged(self.connection, PATIENCE)
            except OSError:
                return False

    return Handler


def _acknowledged(connection: socket.socket, seconds: float) -> bool:
    """Waits until the kernel of the other side has all that was sent (SIOCOUTQ, tcp(7)). Raises OSError."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if error := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))
        (left,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))
        if left == 0:
            return True
        time.sleep(0.01)
    return False


def _without_rights() -> None:
    """Nothing is needed once it listens."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)


def _say(line: str) -> None:
    # who started it may be gone
    with contextlib.suppress(OSError):
        print(line, flush=True)


def main() -> int:
    """The process."""
    offer = Offer(**json.load(sys.stdin))
    try:
        once = Once(offer, _say)
    except OSError as error:
        _say(f"failed {error.strerror}")
        return 1
    _without_rights()
    _say(f"at {once.url}")
    once.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
