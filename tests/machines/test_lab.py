"""The lab keeps its own promises: what the other machine tests rely on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .lab import Lab
from .machine import Machine, run_on_host
from .program import until

one_suite = pytest.mark.parametrize("suite", ["trixie"], indirect=True)


def test_a_machine_is_a_booted_debian_with_a_network(machine: Machine, suite: str) -> None:
    assert f"VERSION_CODENAME={suite}" in machine.run(["cat", "/etc/os-release"]).stdout
    assert machine.run(["hostname"]).stdout.strip() == "raspberrypi"
    assert machine.run(["nmcli", "-t", "-f", "STATE", "general"]).stdout.strip() == "connected"
    assert machine.addr in machine.run(["ip", "-4", "addr", "show", "eth0"]).stdout
    machine.run(["apt-get", "update"])
    failed = machine.run(["systemctl", "--failed", "--plain", "--no-legend"]).stdout
    assert "NetworkManager" not in failed and "ssh" not in failed, failed


@one_suite
def test_ssh_logs_in_as_pi_who_may_sudo(machine: Machine) -> None:
    assert machine.ssh(["sh", "-c", "echo $(id -un) $(sudo id -un)"]).stdout == "pi root\n"


@one_suite
def test_the_disk_outlives_reboot_and_power_cut(machine: Machine) -> None:
    machine.write("/etc/kept", "before the reboot")
    machine.reboot()
    assert machine.read("/etc/kept") == b"before the reboot"
    machine.write("/etc/kept", "before the cut")
    started = machine.run(["systemctl", "show", "-p", "UserspaceTimestampMonotonic"]).stdout
    machine.kill()
    assert not machine.running
    machine.start()
    assert machine.read("/etc/kept") == b"before the cut"
    assert machine.run(["systemctl", "show", "-p", "UserspaceTimestampMonotonic"]).stdout != started


@one_suite
def test_a_terminal_inside_has_a_name_a_type_and_a_size(machine: Machine) -> None:
    with machine.tty(["sh", "-c", "tty; stty size; echo $TERM; read line; echo got $line"], term="vt220") as tty:
        tty.wait_for("vt220")
        assert "/dev/pts/" in tty.text and "24 80" in tty.text
        tty.type("hello\n")
        assert "got hello" in tty.wait_for("got hello")
        assert tty.wait() == 0


@one_suite
def test_hanging_up_ends_what_runs_on_the_line(machine: Machine) -> None:
    with machine.ssh_tty() as line:
        line.wait_for("$")
        line.type("sleep 1234\n")
        line.read(1)
    for _ in range(50):
        if not machine.run(["pgrep", "-f", "sleep 1234"], check=False).ok:
            return
        machine.run(["sleep", "0.1"])
    pytest.fail("sleep outlived its line")


@one_suite
def test_files_go_in_and_out_and_a_listing_tells_what_changed(machine: Machine, tmp_path: Path) -> None:
    before = machine.listing("/etc")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(b"\0\xff")
    machine.push(tmp_path / "tree", "/etc/tree")
    after = machine.listing("/etc")
    assert after.keys() - before.keys() == {"/etc/tree", "/etc/tree/file"}
    assert {path for path in before if before[path] != after.get(path)} == set()
    machine.pull("/etc/tree", tmp_path / "back")
    assert (tmp_path / "back" / "file").read_bytes() == b"\0\xff"


@one_suite
def test_a_time_zone_is_the_machines_own_and_the_clock_nobodys(machine: Machine) -> None:
    before = time.time() - time.monotonic()
    machine.run(["timedatectl", "set-timezone", "Asia/Kolkata"])
    assert machine.run(["date", "+%Z"]).stdout == "IST\n"
    assert machine.run(["sh", "-c", "date -s @$(date +%s)"], check=False).status != 0
    assert abs(time.time() - time.monotonic() - before) < 1


LEFT = """
import time
from tests.machines.lab import Lab
with Lab.open() as lab, lab.machine(lab.base("trixie")) as machine:
    print(machine.leader, machine.folder, flush=True)
    time.sleep(600)
"""


@one_suite
@pytest.mark.parametrize("gone", ["the run", "systemd-nspawn and its folder too"])
def test_what_a_killed_run_left_goes_with_the_next_one(machine: Machine, gone: str) -> None:
    argv = (sys.executable, "-c", LEFT)
    with subprocess.Popen(argv, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        leader, folder = run.stdout.readline().split()
        status = Path(f"/proc/{leader}/status").read_text()
        run.kill()
    if gone != "the run":
        os.kill(int(status.partition("PPid:")[2].split()[0]), signal.SIGKILL)
        run_on_host("umount", "--lazy", f"{folder}/root")
        shutil.rmtree(Path(folder).parent)
    assert Path(f"/proc/{leader}/ns/pid").exists()
    with Lab.open():
        pass
    until(lambda: not Path(f"/proc/{leader}/ns/pid").exists())
    assert not Path(folder).exists()
    assert machine.run(["true"]).ok, "one that still runs is left alone"
