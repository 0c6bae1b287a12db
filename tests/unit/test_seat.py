"""Where the person sits: told by SSH_CONNECTION, here or above, or by the terminal of a process above."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pi_installer_tui.system.seat import Seat, _name, find, with_interface
from tests.terminal.line import Line

from .replayed import ReplayedHost

FROM = "192.168.1.7 50044 192.168.1.20 22"
FIND = "from pi_installer_tui.system.seat import find; s = find(); print(s.kind, s.client, s.server_port)"


def test_an_ssh_connection_is_known_by_its_variable() -> None:
    assert find({"SSH_CONNECTION": FROM}) == Seat("ssh", "192.168.1.7", 50044, "192.168.1.20", 22)
    assert find({"SSH_CONNECTION": "fe80::1%eth0 5 fe80::2%eth0 22"}).client == "fe80::1"


@pytest.mark.parametrize("value", ["", "x", "999.1.1.1 1 1.1.1.1 2", "1.1.1.1 1 1.1.1.1", f"{FROM} more"])
def test_what_is_no_connection_is_none(value: str) -> None:
    assert find({"SSH_CONNECTION": value}, pid=1) == Seat("unknown")


def test_it_is_found_above_a_process_that_lost_it() -> None:
    inner = [sys.executable, "-c", FIND]
    outer = f"import subprocess, sys; sys.exit(subprocess.call({inner!r}, env={{'PYTHONPATH': {str(Path.cwd())!r}}}))"
    environment = {"PATH": os.environ["PATH"], "SSH_CONNECTION": FROM}
    done = subprocess.run([sys.executable, "-c", outer], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "ssh 192.168.1.7 22\n"


def test_a_step_touches_a_connection_by_its_interface_or_port() -> None:
    seat = Seat("ssh", "192.168.1.7", 50044, "192.168.1.20", 22, "eth0")
    assert seat.cut_by(("interface:eth0",)) and seat.cut_by(("port:22",))
    assert not seat.cut_by(("interface:wlan0", "port:2222"))
    assert not Seat("console").cut_by(("interface:eth0",)) and Seat("console").at_the_machine


async def test_the_interface_is_the_one_that_has_the_address() -> None:
    host = ReplayedHost({"commands": [], "files": {}, "stats": {}, "folders": {}, "programs": {}, "links": {}})
    said = '[{"ifname":"lo","addr_info":[]},{"ifname":"eth0","addr_info":[{"local":"192.168.1.20"}]}]'
    host.say(["ip", "-json", "address", "show"], 0, said)
    host.say(["ip", "-json", "route", "get", "192.168.1.7"], 0, '[{"dst":"192.168.1.7","dev":"wg0"}]')
    found = await with_interface(find({"SSH_CONNECTION": FROM}), host)
    assert (found.interface, found.through) == ("eth0", "wg0"), "who comes by a tunnel to the address in the LAN"
    assert found.cut_by(("interface:wg0",)) and found.cut_by(("interface:eth0",)) and not found.cut_by(("port:80",))
    host.say(["ip", "-json", "route", "get", "192.168.1.7"], 2, "")
    assert (await with_interface(find({"SSH_CONNECTION": FROM}), host)).through == ""


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_in_tmux_it_is_the_seat_of_those_who_look_and_not_of_who_started_it(tmp_path: Path) -> None:
    if any(_name(int(entry.name)) == "tmux: client" for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        pytest.skip("somebody looks at a tmux already")
    socket, told = tmp_path / "tmux", tmp_path / "told"
    tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
    find_again = f"while sleep 0.1; do {sys.executable} -c '{FIND}' >{told}.new && mv {told}.new {told}; done"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), "TERM": "screen", "LC_ALL": "C.UTF-8"}
    started = {**environment, "SSH_CONNECTION": "192.168.1.99 1 192.168.1.20 22"}
    subprocess.run([*tmux, "new-session", "-d", "-s", "s", find_again], env=started, check=True)
    try:
        says(told, "unknown  0\n")
        with Line([*tmux, "attach"], {**environment, "SSH_CONNECTION": FROM}) as line:
            line.settle()
            says(told, "ssh 192.168.1.7 22\n")
            with Line([*tmux, "attach"], started):
                says(told, "unknown  0\n")
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)


def says(told: Path, wanted: str) -> None:
    end = time.monotonic() + 20
    while not told.exists() or told.read_text() != wanted:
        assert time.monotonic() < end, told.read_text()
        time.sleep(0.05)
