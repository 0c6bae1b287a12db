"""The steps that depend on apt, dpkg and systemd, with the real ones: applied, cut off at the worst moments, undone."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from .conftest import REPOSITORY
from .lab import Lab
from .machine import CHECKOUT, LEFT_OUT, Image, Machine
from .program import until

PYTHON = "/opt/pi-installer-tui/current/bin/python"

#: a service with a configuration below /etc, a log, and data as soon as somebody saves some
REDIS = {"kind": "install-packages", "id": "p", "packages": ["redis-server"]}

GAMES = {"kind": "install-packages", "id": "p", "packages": ["sl", "tree"]}

#: takes a lock as dpkg does (fcntl), and says so
HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "a+")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


#: what comes first on the way to apt-get: it halts where it is told to, and goes on with an output that nobody closes
APT_GET = """#!/bin/sh
case "$*" in *Status-Fd*) {halts}; exec >>/root/apt.log 2>&1 ;; esac
exec /usr/bin/apt-get {options} "$@"
"""
DPKG = """#!/bin/sh
readlink /proc/$$/fd/* >/root/fds
case "$*" in *--status-fd*) /root/halts ;; esac
exec /usr/bin/dpkg "$@"
"""
HALTS = """#!/bin/sh
: >/run/halted
while [ ! -e /run/goes-on ]; do sleep 0.1; done
"""
APT_GETS = {
    "before-it-has-a-lock": APT_GET.format(halts="/root/halts", options=""),
    "before-dpkg-begins": APT_GET.format(halts=":", options="-o Dir::Bin::dpkg=/root/dpkg"),
}


class Steps:
    """A machine on which single steps are run. boot: makes one."""

    def __init__(self, boot: Callable[[], Machine]) -> None:
        self._boot = boot
        self.machine = boot()
        self.folder = 0

    def renew(self) -> None:
        """Another machine in its place, since this one isn't as the next test expects it."""
        self.machine.destroy()
        self.machine = self._boot()

    def run(self, verb: str, step: dict[str, Any], ending: str = "", *, fresh: bool = False) -> list[list[Any]]:
        """What the step told. fresh: it is another job's, with nothing kept yet."""
        done = self.machine.run(self._argv(verb, step, ending, fresh), check=not ending)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def begin(self, verb: str, step: dict[str, Any], *, fresh: bool = False) -> subprocess.Popen[bytes]:
        """The same, beside the test."""
        return self.machine.start_process(self._argv(verb, step, "", fresh))

    def _argv(self, verb: str, step: dict[str, Any], ending: str, fresh: bool) -> list[str]:
        self.folder += fresh
        script = f'cd {CHECKOUT} && exec {PYTHON} -m tests.machines.step_driver "$@"'
        return ["sh", "-c", script, "-", verb, f"/root/before{self.folder}", json.dumps(step), ending]

    def apply(self, step: dict[str, Any], ending: str = "") -> list[list[Any]]:
        return self.run("apply", step, ending, fresh=True)

    def again(self, step: dict[str, Any]) -> list[list[Any]]:
        return self.run("apply", step)

    def undo(self, step: dict[str, Any]) -> list[list[Any]]:
        return self.run("undo", step)

    def state(self) -> dict[str, str]:
        """/etc as it lies on the disk, packages with their states and marks, and what runs."""
        found = {path: entry for path, entry in self.machine.listing("/etc").items() if path not in LEFT_OUT}
        query = ["dpkg-query", "-W", "-f", r"${binary:Package} ${db:Status-Abbrev} ${Version}\n"]
        found["packages"] = self.machine.run(query).stdout
        found["automatic"] = self.machine.run(["apt-mark", "showauto"]).stdout
        found["audit"] = self.machine.run(["dpkg", "--audit"]).stdout
        found["running"] = self.machine.run(["systemctl", "is-active", "cron", "ssh", "sshd"], check=False).stdout
        return found


@pytest.fixture(scope="module")
def steps(lab: Lab, installed_image: Image) -> Iterator[Steps]:
    """One machine for the module: every test leaves it as it found it, and says so."""
    with ExitStack() as stack:

        def boot() -> Machine:
            machine = stack.enter_context(lab.machine(installed_image))
            machine.push_checkout(REPOSITORY)
            machine.run(["apt-get", "update"])
            return machine

        yield Steps(boot)


@pytest.fixture
def unchanged(steps: Steps) -> Iterator[Steps]:
    """Holds the test to it that the machine is in the end what it was in the beginning. The next one gets it as it
    was in any case."""
    before = steps.state()
    yield steps
    after = steps.state()
    changed = {key: after.get(key) for key in {*before, *after} if before.get(key) != after.get(key)}
    if changed:
        steps.renew()
    assert changed == {}


def test_undo_leaves_etc_and_the_packages_as_they_were(unchanged: Steps) -> None:
    told = unchanged.apply(GAMES)
    assert told[-1] == ["done", True]
    fractions = [line[1] for line in told if line[0] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert {line[2] for line in told if line[0] == "progress"} >= {"install"}
    assert unchanged.machine.run(["dpkg", "-s", "sl"]).ok
    assert unchanged.undo(GAMES)[-1] == ["done", False]


def test_what_is_to_fetch_is_what_apt_says(unchanged: Steps) -> None:
    run = unchanged.machine.run
    argv = ["apt-get", "-qq", "-y", "--print-uris", "--no-install-recommends", "install", *REDIS["packages"]]
    for _fetched in range(2):
        fetches = [int(line.split()[2]) for line in run(argv).stdout.splitlines()]
        assert unchanged.run("preview", REDIS)[0][:2] == ["shown", sum(fetches)]
        run(["sh", "-c", "cd /var/cache/apt/archives && apt-get -qq download liblzf1"])
    assert len(fetches) > 1
    run(["apt-get", "clean"])


@pytest.mark.parametrize("point", ["apt:unpacking", "apt:configuring"])
def test_a_cancelled_installation_leaves_dpkg_consistent(unchanged: Steps, point: str) -> None:
    told = unchanged.apply(GAMES, f"cancel={point}")
    assert told[-1] == ["cancelled"]
    assert ["reached", "apt:mending"] in told
    assert unchanged.machine.run(["dpkg", "--audit"]).stdout == ""
    assert unchanged.machine.run(["apt-get", "check"]).ok
    assert unchanged.undo(GAMES)[-1] == ["done", False]


@pytest.mark.long
@pytest.mark.parametrize("point", ["apt:unpacking", "apt:configuring"])
def test_after_a_kill_the_same_step_converges(unchanged: Steps, point: str) -> None:
    assert unchanged.apply(GAMES, f"kill={point}")[-1] == ["reached", point]
    assert unchanged.again(GAMES)[-1] == ["done", True]
    assert unchanged.machine.run(["dpkg", "--audit"]).stdout == ""
    assert unchanged.undo(GAMES)[-1] == ["done", False]


@pytest.mark.parametrize("point", ["apt:unpacking", "apt:configuring"])
def test_after_a_kill_an_undo_is_possible_at_once(unchanged: Steps, point: str) -> None:
    unchanged.apply(GAMES, f"kill={point}")
    assert unchanged.undo(GAMES)[-1] == ["done", False]


def next_told(process: subprocess.Popen[bytes]) -> list[Any]:
    assert process.stdout is not None
    told: list[Any] = json.loads(process.stdout.readline())
    return told


def told_by(process: subprocess.Popen[bytes]) -> list[list[Any]]:
    """The rest of what it tells, up to its end."""
    return [json.loads(line) for line in process.communicate()[0].splitlines()]


@contextmanager
def halting(machine: Machine, apt_get: str) -> Iterator[None]:
    """apt-get halts on its way, until /run/goes-on is there."""
    machine.write("/root/halts", HALTS, 0o755)
    machine.write("/root/dpkg", DPKG, 0o755)
    machine.write("/usr/local/sbin/apt-get", apt_get, 0o755)
    try:
        yield
    finally:
        machine.run(["touch", "/run/goes-on"])
        until(lambda: not machine.run(["pgrep", "-x", "apt-get|dpkg"], check=False).ok)
        machine.run(["rm", "-f", "/usr/local/sbin/apt-get", "/run/goes-on", "/run/halted"])


@pytest.mark.parametrize("apt_get", APT_GETS.values(), ids=APT_GETS)
def test_after_a_kill_an_undo_waits_for_apt_get_which_goes_on(unchanged: Steps, apt_get: str) -> None:
    machine = unchanged.machine
    machine.run(["apt-get", "install", "-y", "--download-only", "--no-install-recommends", *GAMES["packages"]])
    with halting(machine, apt_get):
        job = unchanged.begin("apply", GAMES, fresh=True)
        until(lambda: machine.run(["test", "-e", "/run/halted"], check=False).ok)
        machine.run(["pkill", "-KILL", "-f", "python.* -m tests.machines.step_driver"])
        job.communicate()
        undo = unchanged.begin("undo", GAMES)
        told = next_told(undo)
        assert told[:2] == ["waiting", "dpkg-lock"]
        assert told[2].endswith("apt-get")  # its number is known a moment later
        machine.run(["touch", "/run/goes-on"])
        rest = told_by(undo)
        assert rest[0] == ["waiting", "dpkg-lock", ""]
        assert ["reached", "apt:unpacking"] in rest  # what apt-get brought in goes
        assert rest[-1] == ["done", False]
    if "/root/dpkg" in apt_get:  # what a package starts doesn't keep the lock
        assert b"apt-get.lock" not in machine.read("/root/fds")


@pytest.mark.long
@pytest.mark.parametrize(
    "lock", ["/var/lib/dpkg/lock-frontend", "/var/cache/apt/archives/lock"], ids=["dpkg", "archives"]
)
def test_a_lock_is_waited_for_and_its_holder_named_once(unchanged: Steps, lock: str) -> None:
    holder = unchanged.machine.start_process(["python3", "-c", HOLD, lock, "600"])
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    try:
        job = unchanged.begin("apply", GAMES, fresh=True)
        told = [next_told(job)]
        while told[-1][0] != "waiting":
            told.append(next_told(job))
        time.sleep(5)  # apt-get says it each second, or is asked again each two
        unchanged.machine.run(["pkill", "-f", "fcntl.LOCK_EX"])
        told += told_by(job)
    finally:
        holder.kill()
        holder.wait()
    waits = [line[1:] for line in told if line[0] == "waiting"]
    assert [what for what, _ in waits] == ["dpkg-lock", "dpkg-lock"]
    assert waits[0][1].endswith(" python3")
    assert waits[1][1] == ""
    assert told[-1] == ["done", True]
    assert unchanged.undo(GAMES)[-1] == ["done", False]


@pytest.mark.long
def test_a_missing_package_list_is_fetched(unchanged: Steps) -> None:
    unchanged.machine.run(["sh", "-c", "rm -r /var/lib/apt/lists/*"])
    told = unchanged.apply(GAMES)
    assert ["reached", "apt:updating"] in told
    assert told[-1] == ["done", True]
    assert unchanged.undo(GAMES)[-1] == ["done", False]


def test_nothing_is_installed_that_would_remove_something(unchanged: Steps) -> None:
    told = unchanged.apply({"kind": "install-packages", "id": "p", "packages": ["chrony"]})
    assert told[-1][:3] == ["failed", "would-remove", {"packages": "systemd-timesyncd"}]


@pytest.mark.long
def test_undo_refuses_to_take_away_what_another_package_needs(unchanged: Steps) -> None:
    library = {"kind": "install-packages", "id": "p", "packages": ["libncurses6"]}
    unchanged.apply(library)
    unchanged.machine.run(["apt-get", "install", "-y", "sl"])
    assert unchanged.undo(library)[-1][1] == "needed-by-others"
    assert unchanged.machine.run(["dpkg", "-s", "sl"]).ok
    unchanged.machine.run(["apt-get", "purge", "-y", "sl"])
    assert unchanged.undo(library)[-1] == ["done", False]


@pytest.mark.long
def test_undo_of_a_service_that_holds_no_data_leaves_etc_and_the_packages_as_they_were(unchanged: Steps) -> None:
    unchanged.apply(REDIS)
    assert unchanged.machine.run(["redis-cli", "ping"]).stdout == "PONG\n"
    assert unchanged.undo(REDIS)[-1] == ["done", False]


@pytest.mark.long
def test_undo_keeps_data_made_since_until_deleting_it_is_asked_for(unchanged: Steps) -> None:
    unchanged.apply(REDIS)
    for words in (["set", "name", "attic"], ["save"]):
        unchanged.machine.run(["redis-cli", *words])
    unchanged.machine.run(["systemctl", "stop", "redis-server"])
    saved = unchanged.machine.read("/var/lib/redis/dump.rdb")
    unchanged.undo(REDIS)
    query = ["dpkg-query", "-W", "-f", r"${Package} ${db:Status-Status}\n", "redis-server", "redis-tools"]
    assert "redis-server config-files" in unchanged.machine.run(query, check=False).stdout
    assert unchanged.machine.read("/var/lib/redis/dump.rdb") == saved
    # dpkg forgets a removed package without configuration files, so what is left is redis-server's
    unchanged.undo({**REDIS, "data": "delete"})
    assert unchanged.machine.run(["test", "-e", "/var/lib/redis"], check=False).status == 1


@pytest.mark.parametrize("purge", [False, True], ids=["remove", "purge"])
def test_a_removed_service_comes_back_with_its_files_and_links(unchanged: Steps, purge: bool) -> None:
    step = {"kind": "remove-packages", "id": "r", "packages": ["systemd-timesyncd"], "purge": purge}
    assert unchanged.apply(step)[-1] == ["done", True]
    assert unchanged.undo(step)[-1] == ["done", False]


@pytest.mark.long
@pytest.mark.parametrize("purge", [False, True], ids=["remove", "purge"])
@pytest.mark.parametrize("verbs", [("stop",), ("disable", "stop"), ("stop", "mask")], ids="-".join)
def test_a_removed_service_comes_back_in_the_state_it_had(
    unchanged: Steps, verbs: tuple[str, ...], purge: bool
) -> None:
    def state() -> tuple[dict[str, str], list[str]]:
        words = [
            unchanged.machine.run(["systemctl", ask, "systemd-timesyncd"], check=False).stdout
            for ask in ("is-enabled", "is-active")
        ]
        return unchanged.machine.listing("/etc/systemd"), words

    step = {"kind": "remove-packages", "id": "r", "packages": ["systemd-timesyncd"], "purge": purge}
    for verb in verbs:
        unchanged.machine.run(["systemctl", verb, "systemd-timesyncd"])
    before = state()
    unchanged.apply(step)
    unchanged.undo(step)
    after = state()
    for verb in ("unmask", "enable", "start"):
        unchanged.machine.run(["systemctl", verb, "systemd-timesyncd"])
    assert after == before


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("cron.service", False),
        ("sshd.service", False),  # an alias of ssh.service, which goes with its links
        ("systemd-networkd.service", True),
        ("serial-getty@ttyS5.service", True),
    ],
)
def test_a_units_undo_gives_back_the_exact_links(unchanged: Steps, name: str, wanted: bool) -> None:
    step = {"kind": "unit", "id": "u", "name": name, "enabled": wanted}
    if "getty" not in name:
        step["active"] = wanted
    before = unchanged.state()
    assert unchanged.apply(step)[-1] == ["done", True]
    assert unchanged.state() != before
    unchanged.undo(step)
