"""The Textual driver that sends only what changed.

Textual writes whole regions; `write` takes them into a `Canvas` and returns at once. A thread of its own, the pump,
compares the canvas with what the terminal shows and sends the difference, a row at a time, at the pace of the line. So
frames that are out of date are never sent, the event loop never waits for the terminal, and what follows a key press
goes first.

No sequence that the profile's terminal doesn't know is ever sent: the canvas drops all that isn't a cell.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import termios
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

from pi_installer_tui.console.cells import REVERSE, Canvas, Painter, Row
from pi_installer_tui.console.colours import mapper
from pi_installer_tui.console.glyphs import DEC, GlyphSet, translator
from pi_installer_tui.console.profile import Profile
from pi_installer_tui.i18n import _

if TYPE_CHECKING:
    from textual.app import App
    from textual.message import Message

#: every screen is made for so many columns and rows; a smaller terminal shows a part
LEAST: Final = (80, 24)
#: what follows a key press within this time goes first (seconds)
_AFTER_KEY: Final = 0.25
#: a frame is sent when Textual was quiet for so long, or at the latest after _SETTLE_MOST (seconds)
_SETTLE: Final = 0.008
_SETTLE_MOST: Final = 0.03
#: bytes that may wait in the line's own buffers: small, so that a key's answer never queues behind much
_AHEAD: Final = 48
#: how long a key that was typed ahead waits for what the one before started (seconds, in each queue)
_KEY_DONE: Final = 1.0
#: how long the last frame may take when the program ends (seconds)
_LAST_FRAME: Final = 1.0

_MOUSE_ON: Final = b"\x1b[?1000h\x1b[?1002h\x1b[?1006h"
_MOUSE_OFF: Final = b"\x1b[?1006l\x1b[?1002l\x1b[?1000l"
#: seconds after the last byte in which a sequence may still be under way
_ALERT: Final = 1.0
_MEASURE: Final = b"\x1b7\x1b[999;999H\x1b[6n\x1b8"
_LONE_ESC: Final = re.compile(r"(\x1b)(?=[^\[O])")
_DEC_TABLE: Final = {ord(glyph): byte for glyph, byte in DEC.items()}


class CellDriver(LinuxDriver):
    """Draws an app that has a `profile` on the terminal of standard input, through standard error."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        self.profile: Profile = app.profile  # type: ignore[attr-defined]
        super().__init__(app, debug=debug, mouse=mouse and self.profile.mouse, size=size)
        assert self._file is not None
        self._out = self._file.fileno()
        self._wake = threading.Condition()
        self._urgent = bytearray()
        self._clear = True
        self._stopping = False
        self._lost = False
        self._pump: threading.Thread | None = None
        self._key_at = 0.0
        self._touched: dict[int, float] = {}
        self._first_touch = self._last_touch = 0.0
        self._line_free = 0.0
        self._idle = False
        #: rows of the frame that is being sent, and when it was begun
        self._frame: set[int] = set()
        self._frame_at = 0.0
        self._measuring = False
        self._typed: asyncio.Queue[events.Key] = asyncio.Queue()
        self._typist: asyncio.Task[None] | None = None
        #: an eventfd(2) that ends the reading of keys
        self._leave: int | None = None
        self._equip(*self._get_terminal_size())

    def _equip(self, width: int, height: int) -> None:
        """A canvas and a painter for a terminal of this size. One below LEAST shows a part of the canvas, the view,
        under a line that says so; the view follows the cursor."""
        profile = self.profile
        self._canvas = Canvas(
            max(width, LEAST[0]),
            max(height, LEAST[1]),
            style=mapper(profile.colours),
            text=translator(profile.glyph_set, profile.font),
        )
        self._painter = Painter(width, height, profile.abilities, _encoder(profile.glyph_set))
        self._frame = set()
        self._small = (width, height) != (self._canvas.width, self._canvas.height)
        self._look_at(0, 0)

    # a terminal that is too small -----------------------------------------------------------------------------------

    def _look_at(self, x: int, y: int) -> None:
        shown = self._painter.height - self._small
        x = max(0, min(x, self._canvas.width - self._painter.width))
        y = max(0, min(y, self._canvas.height - shown))
        self._view = (x, y)
        self.cursor_origin = (-x, self._small - y) if self._small else None

    def scroll(self, columns: int, rows: int) -> None:
        """Moves the view of a terminal that is too small."""
        with self._wake:
            if self._small:
                self._look_at(self._view[0] + columns, self._view[1] + rows)
                self._touch(set(range(self._canvas.height)))
                self._wake.notify()

    def _follow_cursor(self) -> None:
        """After a key the view holds what is newly in reverse video: the cursor of a list, of a form, of a field."""
        (left, top), shown = self._view, self._painter.height - self._small
        for y in sorted(self._canvas.dirty):
            marked = [x for x, style in enumerate(self._canvas.rows[y].styles) if style.flags & REVERSE]
            if not marked or len(marked) == self._canvas.width:
                continue
            x = left if left <= marked[0] < left + self._painter.width else marked[0] - self._painter.width // 2
            if x != left or not top <= y < top + shown:
                self._look_at(x, y - shown // 2)
                self._touch(set(range(self._canvas.height)))
            return

    def _shown(self, y: int) -> Row:
        """A row as the terminal is to show it."""
        width = self._painter.width
        if not self._small:
            return self._canvas.rows[y].copy()
        if y == 0:
            text = _("{width}x{height} is less than 80x24: < > {{ }} scroll").format(
                width=width, height=self._painter.height
            )
            return Row([*text[:width].ljust(width)], [self._canvas.plain] * width)
        (left, top), rows = self._view, self._canvas.rows
        row = rows[top + y - 1]
        chars = row.chars[left : left + width]
        if chars[0] == "":
            chars[0] = " "
        if left + width < len(row.chars) and row.chars[left + width] == "":
            chars[-1] = " "
        return Row(chars, row.styles[left : left + width])

    # what the app says ----------------------------------------------------------------------------------------------

    def write(self, data: str) -> None:
        """Takes a drawing. Never blocks longer than a row takes to copy."""
        with self._wake:
            if data.startswith("\x1b]52;") and self.profile.name == "ssh":
                self._urgent += data.encode()  # the clipboard, which terminals behind SSH know
            else:
                self._canvas.feed(data)
                if self._canvas.bell:
                    self._canvas.bell = False
                    self._urgent += b"\a"
                if self._small and time.monotonic() - self._key_at < _AFTER_KEY:
                    self._follow_cursor()
                self._touch(self._canvas.dirty)
                self._canvas.dirty.clear()
            self._wake.notify()

    @property
    def caught_up(self) -> bool:
        """All that was drawn has been sent."""
        with self._wake:
            return self._idle and not self._urgent and not self._touched

    def flush(self) -> None:
        """Nothing waits here."""

    def _touch(self, rows: set[int]) -> None:
        """Rows of the canvas that were drawn; those that are out of view don't count."""
        now = time.monotonic()
        if self._small:
            top, height = self._view[1], self._painter.height
            rows = {y - top + 1 for y in rows if top <= y < top + height - 1} | ({0} if self._clear else set())
        if not self._touched:
            self._first_touch = now
        for row in rows:
            self._touched[row] = now
        if rows:
            self._last_touch = now

    def repaint(self, *, measure: bool = False) -> None:
        """Draws everything anew on an empty screen; `measure` asks the terminal for its size first."""
        with self._wake:
            if measure:
                self._measuring = True
                self._urgent += _MEASURE
            self._clear = True
            self._touch(set(range(self._canvas.height)))
            self._wake.notify()

    def use(self, profile: Profile) -> None:
        """Draws by another profile from now on; the app has to draw everything again."""
        with self._wake:
            if self.profile.glyph_set == "dec" and profile.glyph_set != "dec":
                self._urgent += b"\x0f"
            elif profile.glyph_set == "dec":
                self._urgent += b"\x1b)0"
            self.profile = profile
            self._equip(self._painter.width, self._painter.height)
            self._touched.clear()
            self._clear = True
            self._wake.notify()

    # size -----------------------------------------------------------------------------------------------------------

    def _get_terminal_size(self) -> tuple[int, int]:
        """Columns and rows: what the terminal said when it was asked, else what the kernel says, else 80x24."""
        if self.profile.size is not None:
            return self.profile.size
        return self._kernel_size() or (80, 24)

    def _kernel_size(self) -> tuple[int, int] | None:
        for fd in (self._out, self.fileno):
            with contextlib.suppress(OSError):
                width, height = os.get_terminal_size(fd)
                if width and height:
                    return width, height
        return None

    def _resized(self, width: int, height: int) -> None:
        with self._wake:
            if (width, height) != (self._painter.width, self._painter.height):
                self._equip(width, height)
                self._touched.clear()
            self._clear = True
            self._touch(set(range(self._canvas.height)))
            self._wake.notify()
        size = Size(self._canvas.width, self._canvas.height)
        self._post(events.Resize(size, size))

    def _post(self, message: Message) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            asyncio.run_coroutine_threadsafe(self._app._post_message(message), self._loop)

    # start and end --------------------------------------------------------------------------------------------------

    def start_application_mode(self) -> None:
        """Raw mode, an empty screen, the threads that read and send."""
        self.exit_event.clear()
        self.attrs_before = None
        with contextlib.suppress(termios.error):
            self.attrs_before = termios.tcgetattr(self.fileno)
            raw = termios.tcgetattr(self.fileno)
            flow = raw[0] & termios.IXON if self.profile.name == "serial" else 0
            raw[0] = self._patch_iflag(raw[0]) | flow
            raw[1] &= ~termios.OPOST
            raw[3] = self._patch_lflag(raw[3])
            raw[6][termios.VMIN] = 1
            raw[6][termios.VTIME] = 0
            termios.tcsetattr(self.fileno, termios.TCSANOW, raw)
        self._loop.add_signal_handler(signal.SIGWINCH, self._window_changed)
        for number in (signal.SIGHUP, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._end, number)
        width, height = self._get_terminal_size()
        with self._wake:
            self._urgent += self._opening()
            self._clear = True
            self._stopping = False
        self._pump = threading.Thread(target=self._send, name="console-pump", daemon=True)
        self._pump.start()
        self._resized(width, height)
        self._typist = self._loop.create_task(self._hand_over())
        self._leave = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._key_thread = threading.Thread(target=self._run_input_thread, name="console-keys", daemon=True)
        self._key_thread.start()
        if self._must_signal_resume:
            self._must_signal_resume = False
            self._post(self.SignalResume())

    def _opening(self) -> bytes:
        profile = self.profile
        parts = [b"\x1b[?1049h"] if profile.alternate_screen else []
        if profile.glyph_set == "dec":
            parts.append(b"\x1b)0")
        parts.append(b"\x1b[?25l")
        if self._mouse:
            parts.append(_MOUSE_ON)
        if profile.bracketed_paste:
            parts.append(b"\x1b[?2004h")
        return b"".join(parts)

    def _closing(self) -> bytes:
        profile = self.profile
        parts = [b"\x1b[?2004l"] if profile.bracketed_paste else []
        if self._mouse:
            parts.append(_MOUSE_OFF)
        if profile.glyph_set == "dec":
            parts.append(b"\x0f")
        parts.append(b"\x1b[m")
        parts.append(b"\x1b[?1049l" if profile.alternate_screen else b"\x1b[H\x1b[2J")
        parts.append(b"\x1b[?25h")
        return b"".join(parts)

    def _window_changed(self) -> None:
        # Called by the loop, not within the signal: amid the first a second one would be overtaken by the older size.
        if size := self._kernel_size():  # a terminal that tells of a change knows its size
            self.profile = replace(self.profile, size=None)
            self._resized(*size)

    def _end(self, number: int) -> None:
        """The line is gone, or somebody ends the program: leave at once, quietly."""
        self._app.exit(return_code=128 + number)

    def disable_input(self) -> None:
        """Stops reading keys."""
        if self.exit_event.is_set():
            return
        self.exit_event.set()
        if self._typist is not None:
            self._typist.cancel()
        if self._leave is not None:
            os.eventfd_write(self._leave, 1)
        if self._key_thread is not None and self._key_thread is not threading.current_thread():
            self._key_thread.join(1.0)
            if self._leave is not None and not self._key_thread.is_alive():
                os.close(self._leave)
                self._leave = None
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGWINCH):
            with contextlib.suppress(ValueError, RuntimeError):
                self._loop.remove_signal_handler(number)
        if not self._lost:
            with contextlib.suppress(termios.error):
                termios.tcflush(self.fileno, termios.TCIFLUSH)

    def stop_application_mode(self) -> None:
        """The terminal as it was found."""
        self.disable_input()
        self.exit_event.clear()
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._pump is not None:
            self._pump.join(_LAST_FRAME)
        if not self._lost:
            self._write_for(self._closing(), _LAST_FRAME)
        if self.attrs_before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)

    def close(self) -> None:
        """Nothing is open any more."""

    # sending --------------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        try:
            while self._send_next():
                pass
        except OSError:
            self._line_lost()

    def _send_next(self) -> bool:
        with self._wake:
            if self._stopping:
                return False
            if not self._urgent and not self._touched:
                self._idle = True
                self._wake.wait()
                self._idle = False
                return True
            urgent = bytes(self._urgent)
            self._urgent.clear()
            if not urgent:
                pause = self._settling()
                if pause > 0:
                    self._wake.wait(pause)
                    return True
        if urgent:
            self._pace(len(urgent))
            self._write_all(urgent)
            return True
        if not self._wait_for_line():
            return True
        with self._wake:
            data = b""
            painter = self._painter
            if self._clear:
                data = painter.clear()
                self._touch(set(range(self._canvas.height)))
                self._clear = False
            rows = self._next_rows()
        data += b"".join(painter.paint(y, row) for y, row in rows)
        if data:
            self._pace(len(data))
            self._write_all(data)
        return True

    def _settling(self) -> float:
        """Seconds until the drawing is worth sending: Textual paints in several passes."""
        now = time.monotonic()
        quiet = min(self._last_touch + _SETTLE, self._first_touch + _SETTLE_MOST) - now
        if self._frame or now - self._key_at < _AFTER_KEY:
            return quiet
        return max(quiet, self._frame_at + 1 / self.profile.fps - now)

    def _next_rows(self) -> list[tuple[int, Row]]:
        """What is sent at once: a row where the line has a pace, so that a key's answer can go between two; else all.
        (Between two writes this thread has to wait for the interpreter, 5 ms each time while another one computes.)"""
        rows: list[tuple[int, Row]] = []
        while (y := self._next_row()) is not None:
            del self._touched[y]
            self._frame.discard(y)
            rows.append((y, self._shown(y)))
            if self.profile.baud:
                break
        return rows

    def _next_row(self) -> int | None:
        """After a key press the row that changed with it and least; otherwise those of a frame from the top."""
        if not self._touched:
            return None
        now = time.monotonic()
        if now - self._key_at >= _AFTER_KEY:
            if not self._frame:
                self._frame = set(self._touched)
                self._frame_at = now
            return min(self._frame)

        def cost(y: int) -> tuple[bool, int]:
            have, want = self._painter.front[y], self._shown(y)
            changed = sum(map(str.__ne__, have.chars, want.chars)) + sum(
                s is not t and s != t for s, t in zip(have.styles, want.styles, strict=True)
            )
            return self._touched[y] < self._key_at, changed

        return min(self._touched, key=cost)

    def _wait_for_line(self) -> bool:
        """False where something more urgent may have come meanwhile."""
        wait = self._line_free - time.monotonic()
        if wait > 0:
            time.sleep(min(wait, 0.02))
            return False
        if self.profile.baud:
            with contextlib.suppress(OSError):
                queued = struct.unpack("i", fcntl.ioctl(self._out, termios.TIOCOUTQ, b"\0\0\0\0"))[0]
                if queued > _AHEAD:
                    time.sleep((queued - _AHEAD) * 10 / self.profile.baud)
                    return False
        return True

    def _pace(self, size: int) -> None:
        if self.profile.baud:
            per_byte = 10 / self.profile.baud
            self._line_free = max(self._line_free, time.monotonic() - _AHEAD * per_byte) + size * per_byte

    def _write_all(self, data: bytes) -> None:
        """Writes a little at a time, each when the terminal takes it. Raises OSError when the line is gone."""
        view = memoryview(data)
        piece = 256 if self.profile.baud else 4096
        while view and not self._stopping:
            if select.select([], [self._out], [], 0.2)[1]:
                view = view[os.write(self._out, view[:piece]) :]

    def _write_for(self, data: bytes, seconds: float) -> None:
        """Writes, but gives up on a terminal that doesn't read."""
        end = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            while data and (left := end - time.monotonic()) > 0:
                if select.select([], [self._out], [], left)[1]:
                    data = data[os.write(self._out, data[:256]) :]

    # keys -----------------------------------------------------------------------------------------------------------

    def run_input_thread(self) -> None:
        """Reads keys until the program ends or the line is gone. It looks again and again only as long as what came
        last may be the start of a sequence; otherwise it sleeps until a key or the end comes."""
        keys = _Keys(XTermParser(self._debug), self.profile.escape)
        decode = getincrementaldecoder("utf-8")("replace").decode
        leave, alert = self._leave, 0.0
        assert leave is not None
        while not self.exit_event.is_set():
            try:
                wait = 0.1 if time.monotonic() < alert else None
                ready = select.select([self.fileno, leave], [], [], wait)[0]
                data = os.read(self.fileno, 4096) if self.fileno in ready else None
            except OSError:
                data = b""
            if data == b"":
                self._line_lost()
                return
            if data:
                alert = time.monotonic() + max(_ALERT, 2 * self.profile.escape)
            for message in keys.read(decode(data) if data else ""):
                self._key_at = time.monotonic()
                self.process_message(message)

    def process_message(self, message: Message) -> None:
        """Answers to our own questions stay here; keys are handed over one after another."""
        if isinstance(message, events.Key):
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._typed.put_nowait, message)
            return
        if isinstance(message, events.CursorPosition):
            if self._measuring:
                self._measuring = False
                self._loop.call_soon_threadsafe(self._resized, message.x + 1, message.y + 1)
            return
        super().process_message(message)

    async def _hand_over(self) -> None:
        """Gives the app a key when it is done with the one before. Textual passes keys from queue to queue: of keys
        that were typed ahead, a later one could overtake the action of an earlier one, and letters meant for a field
        that is about to open would be taken for commands."""
        while True:
            key = await self._typed.get()
            key.set_sender(self._app)
            await self._app._post_message(key)
            if not self._typed.empty():
                await self._done_with_key()

    async def _done_with_key(self) -> None:
        """Returns when the focus has come to rest and every queue from it up to the app was emptied."""
        app = self._app
        before: object = self
        for _round in range(5):
            focused = app.focused
            if focused is before:
                return
            before = focused
            for node in (app, *(focused.ancestors_with_self if focused else app.screen.ancestors_with_self)):
                done = asyncio.Event()
                if node.is_running and node.call_later(done.set):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(done.wait(), _KEY_DONE)

    def _line_lost(self) -> None:
        if not self._lost and not self.exit_event.is_set():
            self._lost = True
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._end, signal.SIGHUP)


class _Keys:
    """Tells a lone Esc from the start of a sequence.

    An Esc before anything but `[` and `O` is the key, at once; one at the end of what was read is held for `patience`
    seconds (a slow line tears sequences). So Esc and a letter right after it are two keys and never Alt.
    """

    def __init__(self, parser: XTermParser, patience: float) -> None:
        self._parser = parser
        self._patience = patience
        self._held_since: float | None = None

    def read(self, text: str) -> Iterator[Message]:
        """The messages of a text; "" when nothing came."""
        if self._held_since is not None:
            if text:
                text = "\x1b" + text
                self._held_since = None
            elif time.monotonic() - self._held_since >= self._patience:
                self._held_since = None
                yield events.Key("escape", "\x1b")
        if text.endswith("\x1b"):
            self._held_since = time.monotonic()
            text = text[:-1]
        for number, part in enumerate(_LONE_ESC.split(text)):
            if number % 2:
                yield events.Key("escape", "\x1b")
            elif part:  # an empty text would be the parser's end of input
                yield from self._parser.feed(part)
        yield from self._parser.tick()


def _encoder(glyphs: GlyphSet) -> Callable[[str], bytes]:
    if glyphs == "dec":
        return _encode_dec
    if glyphs == "ascii":
        return lambda text: text.encode("ascii", "replace")
    return lambda text: text.encode("utf-8", "replace")


def _encode_dec(text: str) -> bytes:
    """Line drawing between SO and SI."""
    if text.isascii():
        return text.encode()
    out: list[str] = []
    shifted = False
    for char in text:
        drawing = ord(char) in _DEC_TABLE
        if drawing != shifted:
            out.append("\x0e" if drawing else "\x0f")
            shifted = drawing
        out.append(_DEC_TABLE.get(ord(char), char))
    if shifted:
        out.append("\x0f")
    return "".join(out).encode("ascii", "replace")
