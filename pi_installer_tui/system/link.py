"""A link that works once (once.py): its process, which outlives the screen or command that started it."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from pi_installer_tui.i18n import _
from pi_installer_tui.system.once import LASTS, Offer

#: seconds until it says where it is: Python has to start, on a Pi Zero too
_PATIENCE = 20.0


#: what wg-quick(8) and WireGuard's apps take as a tunnel's name, which they make of the file's
_STEM = 15


class NoLink(Exception):
    """It could not be started, in words."""


@dataclass
class Link:
    """A link. until: seconds since 1970. seen, given: the address that opened it last, that fetched it; "" for nobody.
    over: it doesn't work any more."""

    url: str
    until: float
    process: subprocess.Popen[bytes] = field(repr=False)
    seen: str = ""
    given: str = ""
    over: bool = False
    _rest: bytes = field(default=b"", repr=False)

    def look(self) -> None:
        """Takes in what its process has said since; never waits."""
        assert self.process.stdout is not None
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.process.stdout.fileno(), 4096):
                self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            word, _blank, rest = line.decode("utf-8", "replace").partition(" ")
            if word == "seen":
                self.seen = rest
            elif word == "given":
                self.given, self.over = rest, True
            elif word == "over":
                self.over = True
        if self.process.poll() is not None:
            self.over = True

    def stop(self) -> None:
        """Ends it."""
        self.process.terminate()
        self.over = True


def start(content: str, title: str, name: str, address: str) -> Link:
    """Starts one, and waits until it listens: in a thread. The content goes by standard input. Raises NoLink."""
    how = "-I" if sys.flags.isolated else "-P"
    try:
        process = subprocess.Popen(
            [sys.executable, how, "-m", "pi_installer_tui.system.once"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise NoLink(error.strerror or "") from None
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(Offer(content, title, name, address).dump().encode())
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    said = _first_line(process)
    word, _blank, rest = said.partition(" ")
    if word != "at":
        process.kill()
        process.wait()
        process.stdout.close()
        raise NoLink(rest or _("it did not start"))
    os.set_blocking(process.stdout.fileno(), False)
    return Link(rest, time.time() + LASTS, process)


def _first_line(process: subprocess.Popen[bytes]) -> str:
    import select

    assert process.stdout is not None
    descriptor, said, end = process.stdout.fileno(), b"", time.monotonic() + _PATIENCE
    while b"\n" not in said and (left := end - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            data = os.read(descriptor, 1)  # what follows is for `look`
            if not data:
                break
            said += data
    return said.decode("utf-8", "replace").strip()


def local_address(kind: str, addresses: Sequence[str]) -> str:
    """Where somebody on the local network reaches this machine, "" for nowhere: IPv4 rather than IPv6, and a private
    address only. kind: of the host; the demo's addresses are nobody's. addresses: with their networks."""
    if kind == "demo":
        return "127.0.0.1"
    found = [ipaddress.ip_interface(text).ip for text in addresses]
    private = [one for one in found if one.is_private and not one.is_link_local and not one.is_loopback]
    return str(min(private, key=lambda one: one.version)) if private else ""


def file_name(peer: str) -> str:
    """The file's name: the app makes the tunnel's of it, of which letters and digits are certain."""
    return (re.sub(r"[^A-Za-z0-9_-]+", "-", peer)[:_STEM].strip("-") or "peer") + ".conf"
