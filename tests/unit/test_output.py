"""What commands print reaches the journal as whole lines, in few pieces, unable to steer a terminal."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.tasks.output import EVERY, SIZE, Output, clean


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        (b"plain\n", "plain\n"),
        (b"\x1b[1;31mred\x1b[0m\n", "red\n"),
        (b"\x1b]0;title\x07after\n", "after\n"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n", "link\n"),
        (b"\x1b(0lqk\x1b(B\n", "lqk\n"),
        (b"10%\r20%\r100%\n", "100%\n"),
        (b"dos\r\nline\r\n", "dos\nline\n"),
        (b"unfinished drawing\r\n", "unfinished drawing\n"),
        (b"bell\x07 back\x08 nul\x00\ttab\n", "bell back nul\ttab\n"),
        (b"\xff\xfe broken\n", "\ufffd\ufffd broken\n"),
        ("\u202eturned round\u009b31m\n".encode(), "turned round\n"),
        ("grüße \N{SNOWMAN}\n".encode(), "grüße \N{SNOWMAN}\n"),
    ],
)
def test_only_text_is_left_of_what_was_printed(printed: bytes, text: str) -> None:
    assert clean(printed) == text


@given(st.binary(max_size=300))
def test_no_bytes_whatever_leave_a_control_character(printed: bytes) -> None:
    assert not [c for c in clean(printed) if (c < " " and c not in "\t\n") or "\x7f" <= c <= "\x9f"]


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=20))
async def test_how_the_bytes_were_cut_makes_no_difference(chunks: list[bytes]) -> None:
    pieces: list[str] = []
    output = Output(pieces.append)
    for chunk in chunks:
        output.feed(chunk)
    output.flush()
    whole = b"".join(chunks)
    if whole and not whole.endswith(b"\n"):
        whole += b"\n"
    assert "".join(pieces) == clean(whole)


async def test_a_slow_command_is_shown_after_a_moment_and_a_fast_one_in_large_pieces() -> None:
    pieces: list[str] = []
    output = Output(pieces.append)
    output.feed(b"one\ntwo\nthr")
    assert pieces == []
    await asyncio.sleep(EVERY * 2)
    assert pieces == ["one\ntwo\n"]
    output.feed(b"ee\n")
    started = time.process_time()
    line = b"x" * 79 + b"\n"
    for _ in range(1000):
        output.feed(line * 100)
    output.flush()
    assert time.process_time() - started < 3
    assert max(len(piece) for piece in pieces) <= SIZE
    assert len(pieces) < 8_000_000 / SIZE * 1.5 + 3
    assert sum(piece.count("\n") for piece in pieces) == 100_003


async def test_a_line_without_end_comes_in_parts_and_keeps_its_characters() -> None:
    pieces: list[str] = []
    output = Output(pieces.append)
    for _ in range(50):
        output.feed("ü".encode() * 2001)
    output.flush()
    assert "".join(pieces).replace("\n", "") == "ü" * 2001 * 50


async def test_a_progress_bar_without_end_takes_no_memory() -> None:
    pieces: list[str] = []
    output = Output(pieces.append)
    for number in range(10_000):
        output.feed(f"\r{number:60d}".encode())
    output.flush()
    assert "".join(pieces).split() == ["9999"]


async def test_the_tail_is_the_last_lines() -> None:
    output = Output(lambda text: None)
    output.feed(b"".join(b"%d\n" % number for number in range(100)))
    output.flush()
    assert output.tail() == tuple(str(number) for number in range(75, 100))
