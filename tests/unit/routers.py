"""A router on a loopback address of its own, for tests: UDP and HTTP are real, what it says is told by the test."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

_numbers = itertools.count(1)


def loopback() -> str:
    """A loopback address that no other test here uses."""
    return f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}.{next(_numbers) % 250 + 1}"


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, say: Callable[[bytes], list[bytes]]) -> None:
        self._say = say
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for one in self._say(data):
            self._transport.sendto(one, addr)


@asynccontextmanager
async def by_udp(address: str, port: int, say: Callable[[bytes], list[bytes]]) -> AsyncIterator[None]:
    """Answers each datagram with what `say` makes of it."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Answers(say), local_addr=(address, port))
    try:
        yield
    finally:
        transport.close()


@asynccontextmanager
async def by_http(address: str, say: Callable[[bytes], Awaitable[bytes]]) -> AsyncIterator[int]:
    """Answers each request (head and body) with the bytes that `say` makes of it. Gives the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in asked.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        asked += await reader.readexactly(int(lengths[0].partition(b":")[2])) if lengths else b""
        writer.write(await say(asked))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, address, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def page(body: bytes, status: str = "200 OK") -> bytes:
    """An answer of a web server's."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
