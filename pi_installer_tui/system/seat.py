"""Where the person sits who runs this program: at the machine itself, where no change of the network strands them, or
at the other end of an SSH connection, which a change may cut.

sudo and su lose SSH_CONNECTION on the way, so the processes above are asked too (proc_pid_environ(5)). A server of tmux
or screen knows where it was started from and not who looks now; there its clients are asked.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pi_installer_tui.system.host import Host

_CONNECTION = re.compile(r"([0-9A-Fa-f:.]+)(?:%\S+)? ([0-9]{1,5}) ([0-9A-Fa-f:.]+)(?:%\S+)? ([0-9]{1,5})")
#: major numbers of terminals (Documentation/admin-guide/devices.txt): the virtual consoles and PC serial ports, then
#: the serial ports of Pis and of USB
_CONSOLE, _SERIAL = 4, frozenset({166, 188, 204, 229})
_FIRST_SERIAL = 64  # of major 4: /dev/ttyS0


@dataclass(frozen=True, slots=True)
class Seat:
    """kind: console (HDMI and keyboard), serial, ssh, or unknown.

    Of an SSH connection: the client's address and port, ours, and the interface that has it ("" where it isn't known).
    through: the interface by which the client is reached, which may be another one: who comes by a tunnel to the
    machine's address in the LAN.
    """

    kind: Literal["console", "serial", "ssh", "unknown"]
    client: str = ""
    client_port: int = 0
    server: str = ""
    server_port: int = 0
    interface: str = ""
    through: str = ""

    @property
    def at_the_machine(self) -> bool:
        """No change of the network can strand who sits here."""
        return self.kind in ("console", "serial")

    def cut_by(self, cuts: tuple[str, ...]) -> bool:
        """Whether a step that `cuts` these (StepBase.cuts) touches this connection."""
        if self.kind != "ssh":
            return False
        interfaces = {f"interface:{each}" for each in (self.interface, self.through) if each}
        return f"port:{self.server_port}" in cuts or not interfaces.isdisjoint(cuts)


def find(environ: Mapping[str, str] = os.environ, pid: int | None = None) -> Seat:
    """The seat of this process."""
    above = list(_ancestors(os.getpid() if pid is None else pid))
    for parent in above:
        if _multiplexer(parent):
            seats = {_sits(list(_ancestors(client)), {}) for client in _clients(parent)}
            return seats.pop() if len(seats) == 1 else Seat("unknown")
    return _sits(above, environ)


def _sits(above: Sequence[int], environ: Mapping[str, str]) -> Seat:
    """The seat of the first of these processes, which stand above one another."""
    if (seat := _ssh(environ.get("SSH_CONNECTION", ""))) is not None:
        return seat
    for parent in above:
        if parent != above[0] and _multiplexer(parent):
            break
        with contextlib.suppress(OSError):
            for entry in Path(f"/proc/{parent}/environ").read_bytes().split(b"\0"):
                name, _equals, value = entry.partition(b"=")
                if name == b"SSH_CONNECTION" and (seat := _ssh(value.decode("ascii", "replace"))) is not None:
                    return seat
        if (kind := _terminal(parent)) is not None:
            return Seat(kind)
    return Seat("unknown")


def at(host: Host) -> Seat:
    """The same of a machine: at one that isn't this one (the demo's) nobody is known to sit."""
    return find() if host.kind == "local" else Seat("unknown")


async def with_interface(seat: Seat, host: Host) -> Seat:
    """The same with the interface that its connection comes in at, and the one by which the client is reached."""
    if seat.kind != "ssh":
        return seat
    asked = await host.run(["ip", "-json", "address", "show"])
    with contextlib.suppress(ValueError, KeyError):
        for link in json.loads(asked.stdout or "[]"):
            if any(info.get("local") == seat.server for info in link.get("addr_info", ())):
                seat = replace(seat, interface=str(link["ifname"]))
                break
    way = await host.run(["ip", "-json", "route", "get", seat.client])
    with contextlib.suppress(ValueError, KeyError, IndexError, TypeError):
        seat = replace(seat, through=str(json.loads(way.stdout if way.ok else "[]")[0]["dev"]))
    return seat


def _ssh(connection: str) -> Seat | None:
    """sshd(8), ENVIRONMENT: client address, client port, server address, server port."""
    found = _CONNECTION.fullmatch(connection)
    if found is None:
        return None
    try:
        client, server = ipaddress.ip_address(found[1]), ipaddress.ip_address(found[3])
    except ValueError:
        return None
    return Seat("ssh", str(client), int(found[2]), str(server), int(found[4]))


def _ancestors(pid: int) -> Iterator[int]:
    """The process and those above it."""
    for _above in range(32):
        if pid <= 1:
            return
        yield pid
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            return


def _multiplexer(pid: int) -> bool:
    """Whether a process is a server of tmux or screen."""
    name = _name(pid)
    return name == "tmux: server" or (name == "screen" and not _number_of_terminal(pid))


def _clients(server: int) -> list[int]:
    """The processes through which the owner of a server of tmux or screen looks at one, here and now."""
    wanted = "tmux: client" if _name(server) == "tmux: server" else "screen"
    found = []
    with contextlib.suppress(OSError):
        owner = Path(f"/proc/{server}").stat().st_uid
        for entry in os.scandir("/proc"):
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and entry.stat().st_uid == owner and _name(pid := int(entry.name)) == wanted:
                    found += [pid] if _number_of_terminal(pid) else []
    return found


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    return ""


def _number_of_terminal(pid: int) -> int:
    """The device number of a process's terminal, 0 for none. Source: proc_pid_stat(5), tty_nr."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[4])
    return 0


def _terminal(pid: int) -> Literal["console", "serial"] | None:
    """What terminal a process has, if it is one of the machine's own."""
    number = _number_of_terminal(pid)
    major, minor = os.major(number), os.minor(number)
    if major == _CONSOLE:
        return "console" if minor < _FIRST_SERIAL else "serial"
    return "serial" if major in _SERIAL else None
