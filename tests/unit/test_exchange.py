"""One question over the network: what comes back is bounded, and only who was asked is heard."""

from __future__ import annotations

import asyncio
import time

import pytest

from pi_installer_tui.system.host import Datagram, HostError
from pi_installer_tui.system.local import LocalHost

from .routers import by_http, by_udp, loopback, page


def _any(_came: Datagram) -> bool:
    return True


def test_a_datagram_is_repeated_until_it_is_answered() -> None:
    heard: list[bytes] = []

    def say(data: bytes) -> list[bytes]:
        heard.append(data)
        return [b"junk", b"yes"] if len(heard) == 3 else []

    async def ask() -> Datagram | None:
        there = loopback()
        async with by_udp(there, 5351, say):
            return await LocalHost().datagram(
                there, 5351, b"hello", waits=(0.05, 0.05, 30.0), wanted=lambda came: came.data == b"yes"
            )

    came = asyncio.run(ask())
    assert came is not None and (came.data, came.port) == (b"yes", 5351)
    assert heard == [b"hello"] * 3


def test_nobody_who_listens_is_told_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(LocalHost().datagram(loopback(), 5351, b"x", waits=(30.0,), wanted=_any))
    assert time.monotonic() - started < 15


def test_silence_is_none() -> None:
    async def ask() -> Datagram | None:
        there = loopback()
        async with by_udp(there, 5351, lambda _data: []):
            return await LocalHost().datagram(there, 5351, b"x", waits=(0.01, 0.01), wanted=_any)

    assert asyncio.run(ask()) is None


def _fetch(answer: bytes, *, most: int = 1000, seconds: float = 10.0, **words: object) -> tuple[int, bytes]:
    async def run() -> tuple[int, bytes]:
        async def say(_asked: bytes) -> bytes:
            return answer

        there = loopback()
        async with by_http(there, say) as port:
            got = await LocalHost().fetch(f"http://{there}:{port}/x", seconds=seconds, most=most)
            return got.status, got.body

    return asyncio.run(run())


def test_a_page_is_fetched_whole_or_in_chunks() -> None:
    assert _fetch(page(b"five!")) == (200, b"five!")
    assert _fetch(page(b"no", "500 Internal Error")) == (500, b"no")
    assert _fetch(b"HTTP/1.0 200 OK\r\n\r\nto the end") == (200, b"to the end")
    assert _fetch(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") == (
        200,
        b"abcde",
    )
    assert _fetch(page(b"elsewhere", "302 Found\r\nLocation: http://192.0.2.1/")) == (302, b"elsewhere")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40000 + b"\r\n\r\n",
        page(b"x" * 5000),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    ],
)
def test_what_is_no_answer_is_an_error_in_words(answer: bytes) -> None:
    with pytest.raises(HostError):
        _fetch(answer)


def test_a_slow_answer_is_not_awaited() -> None:
    async def run() -> None:
        async def say(_asked: bytes) -> bytes:
            await asyncio.sleep(60)
            return b""

        there = loopback()
        async with by_http(there, say) as port:
            await LocalHost().fetch(f"http://{there}:{port}/", seconds=0.2)

    with pytest.raises(HostError, match="didn't answer"):
        asyncio.run(run())


@pytest.mark.parametrize(
    "url", ["ftp://x/", "http://", "file:///etc/passwd", "http://x:0/", "http://a/\r\nX: y", "http://ü/é"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(HostError):
        asyncio.run(LocalHost().fetch(url, seconds=2))


def test_headers_and_body_are_sent_as_given() -> None:
    asked: list[bytes] = []

    async def run() -> None:
        async def say(got: bytes) -> bytes:
            asked.append(got)
            return page(b"ok")

        there = loopback()
        async with by_http(there, say) as port:
            await LocalHost().fetch(
                f"http://{there}:{port}/p?q=1", method="POST", headers={"SOAPAction": '"a"'}, body=b"<x/>"
            )

    asyncio.run(run())
    head, _blank, body = asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /p?q=1 HTTP/1.1\r\n") and b'\r\nSOAPAction: "a"' in head and body == b"<x/>"
    with pytest.raises(HostError):
        asyncio.run(LocalHost().fetch("http://127.0.0.1/", headers={"X": "a\r\nY: b"}))
