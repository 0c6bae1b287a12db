"""A very small HTTP server: `GET /metrics` and nothing else, few connections at a time, in the collector's own loop."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable

from pi_installer_tui.metrics.prometheus import CONTENT_TYPE

CONNECTIONS = 8
#: bytes of a request at most, and seconds that one may take from its first byte to the end of the answer
LONGEST, SECONDS = 4096, 10.0


class _Connection:
    def __init__(self, link: socket.socket, until: float) -> None:
        self.link, self.until = link, until
        self.request, self.answer = b"", b""


class Exporter:
    """Listens on an address and answers with what `text` says. Raises OSError where it can't listen."""

    def __init__(self, selector: selectors.BaseSelector, address: str, port: int, text: Callable[[], str]) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._selector, self._text = selector, text
        self._open: dict[int, _Connection] = {}
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((address, port))
            self._socket.listen(CONNECTIONS)
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        selector.register(self._socket, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        for connection in list(self._open.values()):
            self._drop(connection)
        self._selector.unregister(self._socket)
        self._socket.close()

    def expire(self) -> float | None:
        """Drops connections that take too long; seconds until the next one does."""
        now = time.monotonic()
        for connection in list(self._open.values()):
            if connection.until <= now:
                self._drop(connection)
        return min((connection.until - now for connection in self._open.values()), default=None)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            link, _address = self._socket.accept()
            if len(self._open) >= CONNECTIONS:
                link.close()
                return
            link.setblocking(False)
            connection = _Connection(link, time.monotonic() + SECONDS)
            self._open[link.fileno()] = connection
            self._selector.register(link, selectors.EVENT_READ, lambda: self._receive(connection))

    def _receive(self, connection: _Connection) -> None:
        try:
            part = connection.link.recv(LONGEST)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        connection.request += part
        if not part or (len(connection.request) > LONGEST and b"\r\n\r\n" not in connection.request[:LONGEST]):
            self._drop(connection)
        elif b"\r\n\r\n" in connection.request:
            connection.answer = self._answer(connection.request)
            self._selector.modify(connection.link, selectors.EVENT_WRITE, lambda: self._send(connection))

    def _send(self, connection: _Connection) -> None:
        try:
            connection.answer = connection.answer[connection.link.send(connection.answer) :]
        except BlockingIOError:
            return
        except OSError:
            connection.answer = b""
        if not connection.answer:
            self._drop(connection)

    def _answer(self, request: bytes) -> bytes:
        method, _blank, rest = request.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return _response("405 Method Not Allowed", "only GET\n", "Allow: GET, HEAD\r\n")
        if path != "/metrics":
            return _response("404 Not Found", "only /metrics\n")
        whole = _response("200 OK", self._text())
        return whole if method == "GET" else whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    def _drop(self, connection: _Connection) -> None:
        self._open.pop(connection.link.fileno(), None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection.link)
        connection.link.close()


def _response(status: str, text: str, more: str = "") -> bytes:
    body = text.encode("utf-8", "replace")
    kind = CONTENT_TYPE if status.startswith("200") else "text/plain; charset=utf-8"
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode("latin-1") + body
