"""Processes as /proc has them: this one is found with what it uses, and what isn't a process isn't."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from pi_installer_tui.screens.monitoring.scan import Scanner


def test_this_process_is_found_with_what_it_uses() -> None:
    scanner = Scanner()
    begun = os.times()
    scanner.scan(time.monotonic())
    at = time.monotonic()
    while os.times().user - begun.user < 0.3:
        sum(range(10_000))
    own = next(one for one in scanner.scan(time.monotonic()) if one.pid == os.getpid())
    used = (os.times().user + os.times().system - begun.user - begun.system) / (time.monotonic() - at) * 100
    assert abs(own.cpu - used) < max(15.0, used / 3)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    assert abs(own.memory - pages * os.sysconf("SC_PAGE_SIZE")) < 8_000_000
    assert "pytest" in own.command or "python" in own.command


def test_a_command_that_a_process_changes_to_is_seen() -> None:
    code = "import os, time; time.sleep(0.4); os.execvp('sleep', ['sleep', '77'])"
    child = subprocess.Popen([sys.executable, "-c", code])
    try:
        scanner = Scanner()
        # more scans than it takes for a command to be believed
        for _scan in range(6):
            before = next(one for one in scanner.scan(time.monotonic()) if one.pid == child.pid)
        assert "execvp" in before.command
        end = time.monotonic() + 10
        while time.monotonic() < end:
            now = next(one for one in scanner.scan(time.monotonic()) if one.pid == child.pid)
            if now.command == "sleep 77":
                break
            time.sleep(0.05)
        assert now.command == "sleep 77"
    finally:
        child.kill()
        child.wait()


def put(root: Path, pid: int, name: str, ticks: int, started: int, pages: int = 10, command: str = "") -> None:
    folder = root / "proc" / str(pid)
    folder.mkdir(parents=True, exist_ok=True)
    fields = ["S", "1", "1", "1", "0", "-1", "0", "0", "0", "0", "0", str(ticks), "0", "0", "0", "20", "0", "1", "0"]
    text = f"{pid} ({name}) {' '.join(fields)} {started} 0 {pages} 0\n"
    (folder / "stat").write_text(text, encoding="utf-8")
    (folder / "cmdline").write_text("".join(f"{word}\0" for word in command.split()), encoding="utf-8")
    (folder / "status").write_text("Name:\tx\nUid:\t0\t1000\t0\t0\n", encoding="utf-8")


def test_a_number_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    scanner = Scanner(tmp_path)
    put(tmp_path, 7, "old", 900, 10, command="old one")
    scanner.scan(0.0)
    put(tmp_path, 7, "new", 20, 99, command="new one")
    (found,) = scanner.scan(1.0)
    assert (found.command, found.cpu) == ("new one", 0.0)
    put(tmp_path, 7, "new", 20 + os.sysconf("SC_CLK_TCK") // 2, 99, command="new one")
    (found,) = scanner.scan(2.0)
    assert round(found.cpu) == 50


def test_names_with_brackets_and_threads_of_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("pi:x:1000:1000::/home/pi:/bin/sh\n", encoding="utf-8")
    put(tmp_path, 8, "a) S (b", 0, 1)
    put(tmp_path, 9, "torn", 0, 1)
    (tmp_path / "proc/9/stat").write_text("9 (torn", encoding="utf-8")
    (tmp_path / "proc/self").mkdir()
    (found,) = Scanner(tmp_path).scan(0.0)
    assert (found.command, found.user, found.memory) == ("[a) S (b]", "pi", 10 * os.sysconf("SC_PAGE_SIZE"))
