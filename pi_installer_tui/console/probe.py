"""Asks the terminal what it is, once, before Textual owns it: its device and speed from the kernel, the font of a
virtual console from the kernel too, and from the terminal itself whether it takes UTF-8 and how large it is.

The question is 32 bytes: 3 ms at 115200 baud, 18 ms at 9600. A line that doesn't answer costs `PATIENCE`.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import struct
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pi_installer_tui.console.profile import ENVIRONMENT, SETTINGS, Profile, Terminal, detect, kind, setting

#: seconds to wait for a terminal's answer
PATIENCE: Final = 0.7

_CURSOR: Final = re.compile(rb"\x1b\[(\d+);(\d+)R")
_DEVICE: Final = re.compile(rb"\x1b\[\?[0-9;]*c")
_GIO_UNIMAP: Final = 0x4B66  # linux/kd.h: the Unicode map of the console's font
_SPEEDS: Final = {
    value: int(name[1:]) for name, value in vars(termios).items() if name[0] == "B" and name[1:].isdigit()
}


def look(
    environment: Mapping[str, str], wish: str = "", *, stdin: int = 0, stdout: int = 2, settings: str = SETTINGS
) -> Profile:
    """The profile of this process's terminal. Raises ProfileError for a wish that isn't understood."""
    tty = ""
    with contextlib.suppress(OSError):
        tty = os.ttyname(stdin)
    if not wish and not environment.get(ENVIRONMENT):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            wish = setting(Path(settings).read_text(encoding="utf-8"), tty)
    detect(environment, Terminal(), wish)  # a mistake in it is told before anything is asked
    facts = Terminal(tty=tty, speed=_speed(stdin))
    name = kind(environment, tty, wish)
    if name == "hdmi":
        facts = Terminal(tty=tty, speed=facts.speed, font=console_font(stdin))
    elif os.isatty(stdin) and os.isatty(stdout):
        utf8, size = ask(stdin, stdout)
        facts = Terminal(tty=tty, speed=facts.speed, utf8=utf8, size=size if name == "serial" else None)
    return detect(environment, facts, wish)


def _speed(fd: int) -> int | None:
    with contextlib.suppress(termios.error):
        return _SPEEDS.get(termios.tcgetattr(fd)[5]) or None
    return None


def console_font(fd: int) -> frozenset[str] | None:
    """The characters that the font of a Linux virtual console has (ioctl GIO_UNIMAP, see console_ioctl(2)); None
    where `fd` is no virtual console."""
    import ctypes
    import fcntl

    room = 4096
    pairs = (ctypes.c_ushort * (2 * room))()
    description = bytearray(struct.pack("HP", room, ctypes.addressof(pairs)))
    try:
        fcntl.ioctl(fd, _GIO_UNIMAP, description)
    except OSError:
        return None
    count = struct.unpack_from("H", description)[0]
    return frozenset(chr(pairs[2 * n]) for n in range(count) if pairs[2 * n] >= 0xA0)


def ask(stdin: int, stdout: int, patience: float = PATIENCE) -> tuple[bool | None, tuple[int, int] | None]:
    """Whether the terminal takes UTF-8, and its columns and rows; None for what it didn't answer.

    Two cursor position reports (ECMA-48 8.3.14) after one two-byte character and after a move to the far corner, with
    the device attributes as the end mark.
    """
    try:
        before = termios.tcgetattr(stdin)
        raw = termios.tcgetattr(stdin)
        raw[3] &= ~(termios.ECHO | termios.ICANON)
        raw[6][termios.VMIN], raw[6][termios.VTIME] = 0, 0
        termios.tcsetattr(stdin, termios.TCSANOW, raw)
    except termios.error:
        return None, None
    try:
        os.write(stdout, b"\r\xc3\xa9\x1b[6n\r\x1b[K\x1b7\x1b[999;999H\x1b[6n\x1b8\x1b[c")
        answer = b""
        end = time.monotonic() + patience
        while not _DEVICE.search(answer) and (left := end - time.monotonic()) > 0:
            if not select.select([stdin], [], [], left)[0]:
                break
            chunk = os.read(stdin, 256)
            if not chunk:
                break
            answer += chunk
    except OSError:
        return None, None
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(stdin, termios.TCSANOW, before)
    reports = [(int(m[1]), int(m[2])) for m in _CURSOR.finditer(answer)]
    if len(reports) < 2:
        return None, None
    rows, columns = reports[1]
    fits = 1 < rows < 1000 and 1 < columns < 1000
    return reports[0][1] == 2, (columns, rows) if fits else None


def prepare(profile: Profile, environment: dict[str, str] | os._Environ[str]) -> None:
    """Sets what Textual reads when it is imported: no animation, a change drawn within 8 ms (how often it is sent is
    the driver's affair), every colour (the driver maps them), and a lone Esc told from a sequence on this line."""
    environment["TEXTUAL_ANIMATIONS"] = "none"
    environment["TEXTUAL_SMOOTH_SCROLL"] = "0"
    environment["TEXTUAL_FPS"] = "120"
    environment["TEXTUAL_COLOR_SYSTEM"] = "truecolor"
    environment["TEXTUAL_DISABLE_KITTY_KEY"] = "1"
    environment["ESCDELAY"] = str(round(profile.escape * 1000))
    environment.pop("NO_COLOR", None)
    if environment.get("TERM", "") in ("", "dumb", "unknown"):
        environment["TERM"] = "vt100"  # Rich takes a dumb terminal for one without any colour system
