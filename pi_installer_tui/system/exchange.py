"""One question over the network and its answer: a datagram by UDP, or a request by HTTP. What answers is believed in
nothing: sizes and times are bounded, redirections aren't followed, no proxy is asked."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import re
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from pi_installer_tui.system.host import Datagram, Fetched, HostError

_CHUNK = 16 * 1024  # bytes
_HEADERS_MAX = 16 * 1024  # bytes


async def datagram(
    address: str,
    port: int,
    data: bytes,
    *,
    waits: Sequence[float],
    wanted: Callable[[Datagram], bool],
    source: str = "",
) -> Datagram | None:
    """As `Host.datagram`."""
    loop = asyncio.get_running_loop()
    asked = _Asked(loop.create_future(), wanted)
    many = address.startswith("239.") or address.lower().startswith("ff")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if source or many:
            sock.bind((source, 0))
        if many and source and family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, struct.pack("b", 2))  # UDA 1.1, 1.3.2
        if not many:
            # only its answers are taken, and that nobody listens is told; %INTERFACE is getaddrinfo's to understand
            sock.connect(socket.getaddrinfo(address, port, family, flags=socket.AI_NUMERICHOST)[0][4])
    except OSError:
        sock.close()
        raise
    transport, _ = await loop.create_datagram_endpoint(lambda: asked, sock=sock)
    try:
        for seconds in waits:
            transport.sendto(data, (address, port) if many else None)
            done, _pending = await asyncio.wait({asked.answer}, timeout=seconds)
            if done:
                return asked.answer.result()
        return None
    finally:
        asked.answer.cancel()
        transport.close()


class _Asked(asyncio.DatagramProtocol):
    """Waits for the first answer that is wanted."""

    def __init__(self, answer: asyncio.Future[Datagram], wanted: Callable[[Datagram], bool]) -> None:
        self.answer = answer
        self._wanted = wanted

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        came = Datagram(data, addr[0], addr[1])
        if not self.answer.done() and self._wanted(came):
            self.answer.set_result(came)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    seconds: float = 5.0,
    most: int = 256 * 1024,
    version: int = 0,
    source: str = "",
) -> Fetched:
    """As `Host.fetch`."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise HostError("that isn't an address of the web")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # the name of our own interface means nothing to others (RFC 6874, 2)
    fields = {
        "Host": re.sub(r"%[^\]]*", "", parts.netloc.rpartition("@")[2]),
        "Connection": "close",
        "Accept-Encoding": "identity",
    }
    fields |= {"User-Agent": "pi-installer-tui", **(headers or {})}
    if method != "GET":
        fields["Content-Length"] = str(len(body))
    asked = "".join(f"{line}\r\n" for line in (f"{method} {path} HTTP/1.1", *(f"{n}: {v}" for n, v in fields.items())))
    if not asked.isascii() or asked.count("\r") != 1 + len(fields) or asked.count("\n") != 1 + len(fields):
        raise HostError("that isn't an address of the web")
    context = None
    if secure:
        import ssl

        context = ssl.create_default_context()
    family = {4: socket.AF_INET, 6: socket.AF_INET6}.get(version, socket.AF_UNSPEC)
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                parts.hostname,
                port or (443 if secure else 80),
                ssl=context,
                family=family,
                limit=_HEADERS_MAX,
                local_addr=(source, 0) if source else None,
            )
            try:
                writer.write(f"{asked}\r\n".encode() + body)
                said = await _all(reader, most)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    writer.transport.abort()
    except TimeoutError:
        raise HostError(f"{parts.hostname} didn't answer in {seconds:g} s") from None
    except OSError as error:
        raise HostError(f"{parts.hostname} can't be reached: {error.strerror or type(error).__name__}") from None
    try:
        return _parsed(said, method)
    except (http.client.HTTPException, ValueError):
        raise HostError(f"{parts.hostname} doesn't answer as a web server does") from None


async def _all(reader: asyncio.StreamReader, most: int) -> bytes:
    """Everything that it says, to its end or to the length that it told."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.LimitOverrunError, asyncio.IncompleteReadError):
        raise HostError("the answer is no web server's") from None
    length = None
    for line in head.split(b"\r\n")[1:]:
        name, _colon, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit() and len(value) < 12:
            length = int(value)
    said = bytearray()
    while length is None or len(said) < length:
        chunk = await reader.read(_CHUNK)
        if not chunk:
            break
        said += chunk
        if len(said) > most:
            raise HostError("the answer is too long")
    return head + bytes(said)


def _parsed(said: bytes, method: str) -> Fetched:
    response = http.client.HTTPResponse(_Said(said), method=method)  # type: ignore[arg-type]  # of a socket it asks this
    response.begin()
    return Fetched(response.status, response.read())


class _Said:
    """What was said, as http.client asks a socket for it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_args: object, **_words: object) -> io.BytesIO:
        return io.BytesIO(self._data)
