"""The program on real terminals: the kernel's own console, tmux, and a serial program over a pair of ptys."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APP = Path(__file__).with_name("sample_app.py")
CONSOLE = Path("/dev/tty1")
CELLS = Path("/dev/vcsu1")
ATTRIBUTES = Path("/dev/vcsa1")


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/nonexistent", "LANG": "C.UTF-8", **more}


def until(holds: object, seconds: float = 15.0) -> None:
    """Waits until a function gives something true."""
    end = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


# the kernel's console -------------------------------------------------------------------------------------------------


def console_there() -> bool:
    return all(os.access(path, os.R_OK | os.W_OK) for path in (CONSOLE, CELLS, ATTRIBUTES))


def console_rows() -> list[str]:
    """The characters that the kernel has on its first console (vcs(4): /dev/vcsu, UTF-32)."""
    rows, columns = ATTRIBUTES.read_bytes()[:2]
    cells = CELLS.read_bytes().decode(f"utf-32-{sys.byteorder[0]}e")
    return [cells[y * columns : (y + 1) * columns] for y in range(rows)]


@dataclass
class OnConsole:
    """A program that writes to the kernel's console; its keys come from a pty."""

    process: subprocess.Popen[bytes]
    keys: int

    def press(self, key: str) -> None:
        os.write(self.keys, key.encode())


@contextlib.contextmanager
def on_console(argv: list[str], environ: dict[str, str]) -> Iterator[OnConsole]:
    keys, slave = pty.openpty()
    screen = os.open(CONSOLE, os.O_RDWR | os.O_NOCTTY)
    os.write(screen, b"\x1b%G\x1b[m\x1b[2J\x1b[H")
    process = subprocess.Popen(argv, env=environ, stdin=slave, stdout=screen, stderr=screen, start_new_session=True)
    try:
        yield OnConsole(process, keys)
    finally:
        process.kill()
        process.wait()
        os.write(screen, b"\x1b[m\x1b[2J\x1b[H\x1b[?25h")
        for fd in (keys, slave, screen):
            os.close(fd)


@pytest.mark.skipif(not console_there(), reason="needs root and a Linux virtual console (/dev/tty1, /dev/vcsu1)")
def test_the_kernels_console_shows_what_was_drawn(tmp_path: Path) -> None:
    drawn = tmp_path / "drawn.json"
    with on_console([sys.executable, str(APP)], environment(TERM="linux", SAMPLE_DUMP=str(drawn))) as console:
        until(lambda: "Quit" in console_rows()[-1])
        for key in ("\x1b[B", "\x1b[B", "\t", "\x1b[6~"):
            console.press(key)
            time.sleep(0.3)
        os.kill(console.process.pid, signal.SIGUSR1)
        until(drawn.exists)
        time.sleep(0.3)
        want = ["".join(cell[0] for cell in row) for row in json.loads(drawn.read_text())]
        assert console_rows() == want
        assert "\ufffd" not in "".join(want)
        console.press("q")
        assert console.process.wait(5) == 0
        until(lambda: not "".join(console_rows()).strip())


@pytest.mark.skipif(not console_there(), reason="needs root and a Linux virtual console (/dev/tty1, /dev/vcsu1)")
def test_the_program_draws_on_the_kernels_console() -> None:
    argv = [sys.executable, "-m", "pi_installer_tui", "--demo"]
    with on_console(argv, environment(TERM="linux", COLORTERM="truecolor")) as console:
        until(lambda: any("Raspberry Pi" in row for row in console_rows()))
        rows, columns = struct.unpack("BB", ATTRIBUTES.read_bytes()[:2])
        assert all(len(row) == columns for row in console_rows()) and len(console_rows()) == rows
        assert any("──" in row for row in console_rows())
        console.press("\r")
        until(lambda: any("Hostname" in row for row in console_rows()))
        console.press("q")
        time.sleep(0.5)
        console.press("q")
        assert console.process.wait(5) == 0


# tmux -----------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (95, 30)])
def test_tmux_shows_what_was_drawn(size: tuple[int, int], tmp_path: Path) -> None:
    drawn = tmp_path / "drawn.json"
    socket = str(tmp_path / "tmux")

    def tmux(*words: str) -> str:
        argv = ["tmux", "-S", socket, "-f", "/dev/null", *words]
        return subprocess.run(argv, env=environment(), capture_output=True, text=True, check=True).stdout

    def shown() -> list[str]:
        return [line.rstrip() for line in tmux("capture-pane", "-p", "-t", "t").splitlines()]

    command = f"env SAMPLE_DUMP={drawn} {sys.executable} {APP} & echo $! > {tmp_path}/pid; wait"
    tmux("new-session", "-d", "-s", "t", "-x", str(size[0]), "-y", str(size[1]), f"exec {command.split(' & ')[0]}")
    try:
        until(lambda: any("Quit" in row for row in shown()))
        for key in ("Down", "Down", "Tab", "f", "Escape", "l"):
            tmux("send-keys", "-t", "t", key)
            time.sleep(0.3)
        tmux("send-keys", "-t", "t", "l")
        time.sleep(0.6)
        pid = int(tmux("list-panes", "-t", "t", "-F", "#{pane_pid}"))
        os.kill(pid, signal.SIGUSR1)
        until(drawn.exists)
        time.sleep(0.3)
        want = ["".join(cell[0] for cell in row).rstrip() for row in json.loads(drawn.read_text())]
        assert shown()[: len(want)] == want
    finally:
        tmux("kill-server")


# a serial cable -------------------------------------------------------------------------------------------------------


class Cable:
    """Two ptys joined, a byte taking as long as at `baud`: what is typed at one end comes out at the other."""

    def __init__(self, baud: int) -> None:
        self.baud = baud
        self.masters, self.slaves = zip(*(pty.openpty() for _ in range(2)), strict=True)
        for fd in self.slaves:
            tty.setraw(fd)
        self.ends = tuple(os.ttyname(fd) for fd in self.slaves)
        self.pid = os.fork()
        if self.pid == 0:
            self._carry()

    def _carry(self) -> None:
        while True:
            for fd in select.select(self.masters, [], [])[0]:
                data = os.read(fd, 32)
                time.sleep(len(data) * 10 / self.baud)
                os.write(self.masters[1 - self.masters.index(fd)], data)

    def cut(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        for fd in (*self.masters, *self.slaves):
            os.close(fd)


@pytest.mark.parametrize(
    ("program", "end"),
    [
        (["picocom", "--quiet", "--noreset", "-b", "115200"], "\x01\x18"),
        (["minicom", "-b", "115200", "-o", "-D"], "\x01xy\r"),
    ],
    ids=["picocom", "minicom"],
)
def test_a_serial_program_shows_what_was_drawn(program: list[str], end: str, tmp_path: Path) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"needs {program[0]}")
    socket = str(tmp_path / "tmux")
    drawn = tmp_path / "drawn.json"

    def tmux(*words: str) -> str:
        argv = ["tmux", "-S", socket, "-f", "/dev/null", *words]
        environ = environment(TERM="xterm") | {"HOME": str(tmp_path)}
        return subprocess.run(argv, env=environ, capture_output=True, text=True, check=True).stdout

    def shown() -> list[str]:
        return [line.rstrip() for line in tmux("capture-pane", "-p", "-t", "t").splitlines()]

    cable = Cable(115200)
    try:
        # minicom keeps a line for its status: one row more than the terminal has
        tmux("new-session", "-d", "-s", "t", "-x", "80", "-y", "25", " ".join([*program, cable.ends[1]]))
        time.sleep(1.0)
        environ = environment(TERM="vt220", SAMPLE_DUMP=str(drawn), PI_INSTALLER_TUI_CONSOLE="serial,size=80x24")
        slave = os.open(cable.ends[0], os.O_RDWR | os.O_NOCTTY)
        process = subprocess.Popen(
            [sys.executable, str(APP)], env=environ, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        try:
            until(lambda: any("Quit" in row for row in shown()))
            for key in ("Down", "Down", "Tab", "Down"):
                tmux("send-keys", "-t", "t", key)
                time.sleep(0.4)
            os.kill(process.pid, signal.SIGUSR1)
            until(drawn.exists)
            time.sleep(0.5)
            want = ["".join(cell[0] for cell in row).rstrip() for row in json.loads(drawn.read_text())]
            assert any(row.startswith("VPN") for row in want)
            assert shown()[:24] == want
        finally:
            process.kill()
            process.wait()
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            tmux("kill-server")
        cable.cut()
