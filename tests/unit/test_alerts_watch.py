"""What watchers make of systemctl, journalctl, ping, certificates and apt; none of them makes the collector wait."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.alerts.child import MOST, Child, Ended
from pi_installer_tui.alerts.config import Rule
from pi_installer_tui.alerts.expiry import look, not_after, of_file
from pi_installer_tui.alerts.watch import Kept, Reading, Watcher
from pi_installer_tui.alerts.watch.certificates import Certificates
from pi_installer_tui.alerts.watch.changed import Changed
from pi_installer_tui.alerts.watch.journal import Journal, entries
from pi_installer_tui.alerts.watch.reach import Reach, pinged, target
from pi_installer_tui.alerts.watch.services import Services, judge, parse
from pi_installer_tui.alerts.watch.updates import pending
from tests.unit.alert_servers import Authority, Web


def wait_for(ended: Callable[[], Any], seconds: float = 20) -> Any:
    end = time.monotonic() + seconds
    while (found := ended()) is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def read(watcher: Watcher, rule: Rule) -> dict[str, Reading]:
    """Asks a watcher, by a clock of its own, until it knows."""

    def ask() -> dict[str, Reading] | None:
        began = time.monotonic()
        watcher.look(time.time(), began)
        found = watcher.readings(rule, time.time(), began)
        assert time.monotonic() - began < 5, "it made its caller wait"
        return None if found is None else dict(found)

    found: dict[str, Reading] = wait_for(ask)
    return found


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder before all others in PATH, for programs that hang or fail as the real ones can."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    yield folder


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


# a command beside the loop ----------------------------------------------------------------------------------------


def test_a_command_says_how_it_ended() -> None:
    child = Child(["sh", "-c", "cat; echo wrong >&2; exit 3"], 0, 10, given="ä\n")
    assert wait_for(lambda: child.look(1)) == Ended(3, "ä\n", "wrong\n")


def test_a_command_that_isnt_there() -> None:
    child = Child(["/no/such/program"], 0, 10)
    assert child.look(0) == Ended(None, "", "/no/such/program: No such file or directory")


def test_a_command_that_takes_too_long_ends_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    child = Child(["sh", "-c", f"sleep 60 & echo $! $$ > {pids}; wait"], 0, 10)
    wait_for(lambda: (pids.exists() and pids.read_text()) or None)
    assert child.look(9.9) is None
    assert child.look(10) == Ended(None, "", "")
    for pid in pids.read_text().split():
        wait_for(lambda pid=pid: not Path(f"/proc/{pid}").exists() or None)  # type: ignore[misc]


def test_a_command_that_says_too_much_is_ended() -> None:
    child = Child(["yes"], 0, 1000)
    ended = wait_for(lambda: child.look(1))
    assert ended.status is None and len(ended.output) == MOST


def test_nothing_is_left_open() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _n in range(20):
        child = Child(["true"], 0, 10, given="x")
        wait_for(lambda child=child: child.look(1))  # type: ignore[misc]
        Child(["sleep", "60"], 0, 10).stop()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_reading_is_kept_for_three_looks() -> None:
    kept = Kept(10)
    kept.put(Reading(1.0), 0)
    kept.put(Reading(None, "failed"), 20)
    assert kept.get(20) == Reading(1.0)
    kept.put(Reading(None, "failed"), 31)
    assert kept.get(31) == Reading(None, "failed")
    kept.put(Reading(0.0), 40)
    assert kept.get(80) == Reading(0.0)
    found = kept.get(81)
    assert found is not None and found.value is None


# services ---------------------------------------------------------------------------------------------------------


def shown(**more: str) -> dict[str, str]:
    usual = {
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "UnitFileState": "enabled",
        "Type": "simple",
        "Result": "success",
        "ConditionResult": "yes",
        "TriggeredBy": "",
    }
    return usual | more


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        (shown(), 0.0),
        (shown(ActiveState="failed", SubState="failed", Result="signal"), 1.0),
        (shown(ActiveState="activating", SubState="auto-restart", Result="exit-code"), 1.0),
        (shown(ActiveState="activating", SubState="start"), 0.0),
        (shown(ActiveState="reloading", SubState="reload"), 0.0),
        (shown(ActiveState="inactive", SubState="dead"), 1.0),
        (shown(ActiveState="inactive", SubState="dead", UnitFileState="disabled"), 0.0),
        (shown(ActiveState="inactive", SubState="dead", UnitFileState="static"), 0.0),
        (shown(ActiveState="inactive", SubState="dead", Type="oneshot"), 0.0),
        (shown(ActiveState="inactive", SubState="dead", Type="oneshot", Result="exit-code"), 1.0),
        (shown(ActiveState="inactive", SubState="dead", Type="dbus"), 0.0),
        (shown(ActiveState="inactive", SubState="dead", ConditionResult="no"), 0.0),
        (shown(ActiveState="inactive", SubState="dead", TriggeredBy="ssh.socket"), 0.0),
        (shown(LoadState="masked", ActiveState="inactive", UnitFileState="masked"), 0.0),
        (shown(LoadState="not-found", ActiveState="inactive", UnitFileState=""), None),
    ],
)
def test_when_a_service_isnt_as_it_should_be(unit: dict[str, str], value: float | None) -> None:
    assert judge(unit).value == value


def test_systemctl_shows_blocks() -> None:
    output = "Id=a.service\nResult=success\n\nId=b.service\nResult=exit=code\n"
    assert parse(output) == [
        {"Id": "a.service", "Result": "success"},
        {"Id": "b.service", "Result": "exit=code"},
    ]


def test_services_are_found_by_each_of_their_names_and_by_patterns(programs: Path) -> None:
    blocks = [
        "Id=ssh.service\nNames=ssh.service sshd.service\nLoadState=loaded\nActiveState=active\nSubState=running",
        "Id=ab.service\nNames=ab.service\nLoadState=loaded\nActiveState=failed\nSubState=failed",
    ]
    program(programs, "systemctl", "cat <<'END'\n" + "\n\n".join(blocks) + "\nEND")
    rules = [Rule(name=of, what="service", of=of) for of in ("sshd", "a*", "*")]
    services = Services(rules, 10)
    assert read(services, rules[0]) == {"sshd.service": Reading(0.0, "active (running)")}
    assert list(read(services, rules[1])) == ["ab.service"]
    assert list(read(services, rules[2])) == ["ssh.service", "ab.service"]


def test_a_systemctl_that_hangs_makes_nobody_wait(programs: Path) -> None:
    program(programs, "systemctl", "exec sleep 600")
    services = Services([Rule(name="s", what="service", of="ssh")], 10)
    for now in (0.0, 10, 19, 21, 31):
        services.look(0, now)
        assert services.readings(Rule(name="s", what="service", of="ssh"), 0, now) is None
    services.close()


# the journal ------------------------------------------------------------------------------------------------------


def test_entries_of_the_journal() -> None:
    lines: list[dict[str, Any]] = [
        {"__CURSOR": "a", "MESSAGE": "text"},
        {"__CURSOR": "b", "MESSAGE": list(b"\xff\xc3\xa4")},
        {"__CURSOR": "c", "MESSAGE": None},
        {"__CURSOR": "d"},
    ]
    output = "\n".join(json.dumps({**line, "__REALTIME_TIMESTAMP": "1500000"}) for line in lines)
    found = entries(output + '\n{"__CURSOR": "cut')
    assert found == [("a", "text", 1.5), ("b", "\ufffdä", 1.5), ("c", "", 1.5), ("d", "", 1.5)]


JOURNAL = """
import json, re, sys
lines = [json.loads(line) for line in open({path!r})]
found = dict(a[2:].split("=", 1) for a in sys.argv[1:] if a.startswith("--") and "=" in a)
if "grep" in found:
    since = int(found.get("since", "@0")[1:]) * 1e6
    after = found.get("after-cursor")
    start = 1 + max([n for n, line in enumerate(lines) if line["__CURSOR"] == after], default=-1)
    lines = [line for line in lines[start:] if re.search(found["grep"], line["MESSAGE"])]
    lines = [line for line in lines if int(line["__REALTIME_TIMESTAMP"]) >= since]
else:
    lines = lines[-1:]
print("\\n".join(map(json.dumps, lines)))
sys.exit(0 if lines else 1)
"""


def test_lines_are_counted_once_each_also_those_that_come_while_it_looks(programs: Path, tmp_path: Path) -> None:
    """A player of journalctl on a file; the real one is in tests/machines."""
    path, script = tmp_path / "journal", tmp_path / "journal.py"
    script.write_text(JOURNAL.format(path=str(path)))
    program(programs, "journalctl", f'exec {sys.executable} {script} "$@"')
    number = 0

    def write(*messages: str, at: float = 1000) -> None:
        nonlocal number
        with path.open("a") as file:
            for message in messages:
                number += 1
                entry = {"__CURSOR": f"c{number}", "MESSAGE": message, "__REALTIME_TIMESTAMP": str(int(at * 1e6))}
                file.write(json.dumps(entry) + "\n")

    rule = Rule(name="l", what="log", of="error [0-9]", lasts=600)
    journal = Journal([rule], pace=0)
    now = 0.0

    def count(wanted: float) -> None:
        nonlocal now
        until = time.monotonic() + 20
        while True:
            now += 1
            journal.look(1000, now)
            found = journal.readings(rule, 1000, now)
            if found is not None and found["journal"].value == wanted:
                return
            assert time.monotonic() < until, found
            time.sleep(0.01)

    write("error 0", at=390)
    write("error 1", "before the first look", at=500)
    count(1)
    write("error 2", "other", "error 3")
    count(3)
    for each in range(40):
        write(f"error {each % 10}")
        now += 0.01
        journal.look(1000, now)
    count(43)
    reading = journal.readings(rule, 1000, now)
    assert reading is not None and reading["journal"].detail == "error 9"
    old = journal.readings(rule, 1000, 200)
    assert old is not None and old["journal"].value == 42, "the first one was written 500 s ago"
    old = journal.readings(rule, 1000, now + 601)
    assert old is not None and old["journal"].value == 0
    journal.close()


def test_a_pattern_that_journalctl_doesnt_take_is_said(programs: Path) -> None:
    entry = json.dumps({"__CURSOR": "c", "__REALTIME_TIMESTAMP": "1"})
    script = f"case \"$*\" in *--grep*) echo 'Bad pattern' >&2; exit 1;; *) echo '{entry}';; esac"
    program(programs, "journalctl", script)
    rule = Rule(name="l", what="log", of="(")
    journal = Journal([rule], pace=0)
    now = 0.0

    def ask() -> Reading | None:
        nonlocal now
        now += 1
        journal.look(0, now)
        found = journal.readings(rule, 0, now)
        return found["journal"] if found and found["journal"].value is None else None

    assert wait_for(ask) == Reading(None, "Bad pattern")


# hosts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "found"),
    [
        ("example.org", ("example.org", None)),
        ("example.org:443", ("example.org", 443)),
        ("10.0.0.1", ("10.0.0.1", None)),
        ("fd00::1", ("fd00::1", None)),
        ("[fd00::1]:22", ("fd00::1", 22)),
        ("[fd00::1]", ("fd00::1", None)),
    ],
)
def test_a_target_is_a_host_or_a_port_of_it(of: str, found: tuple[str, int | None]) -> None:
    assert target(of) == found


@pytest.mark.parametrize("of", ["", ":22", "-f", "a:b", "a:0", "a:70000", "[::1", "[]:2"])
def test_what_is_no_target(of: str) -> None:
    with pytest.raises(ValueError):
        target(of)


@pytest.mark.parametrize(
    ("ended", "value"),
    [
        (Ended(0, "1 received", ""), 0.0),
        (Ended(1, "0 received", ""), 1.0),
        (Ended(2, "", "ping: nowhere.example: Name or service not known"), 1.0),
        (Ended(2, "", "ping: connect: Network is unreachable"), 1.0),
        (Ended(2, "", "ping: socktype: SOCK_RAW: Operation not permitted"), None),
        (Ended(None, "", ""), 1.0),
        (Ended(None, "", "ping: No such file or directory"), None),
    ],
)
def test_what_ping_says(ended: Ended, value: float | None) -> None:
    assert pinged(ended).value == value


def test_a_port_answers_until_it_is_closed() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    rule = Rule(name="r", what="reach", of=f"127.0.0.1:{server.getsockname()[1]}")
    assert read(Reach([rule]), rule) == {rule.of: Reading(0.0)}
    server.close()
    assert read(Reach([rule]), rule) == {rule.of: Reading(1.0, "Connection refused")}


def test_a_host_that_never_answers_makes_nobody_wait() -> None:
    """A listener whose queue is full drops what comes (tcp(7)), so connecting takes until the time is over."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    held = [socket.socket() for _n in range(4)]
    for each in held:
        each.setblocking(False)
        each.connect_ex(server.getsockname())
    rule = Rule(name="r", what="reach", of=f"127.0.0.1:{server.getsockname()[1]}")
    reach = Reach([rule])
    began = time.monotonic()
    for now in (0.0, 10, 20, 29):
        reach.look(0, now)
        assert reach.readings(rule, 0, now) is None
    reach.look(0, 31)
    assert reach.readings(rule, 0, 31) == {rule.of: Reading(1.0, "no answer")}
    assert time.monotonic() - began < 8, "an answer has ten seconds"
    for each in (*held, server):
        each.close()


# certificates -----------------------------------------------------------------------------------------------------


def openssl_says(path: Path) -> float:
    argv = ["openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    text = done.stdout.strip().partition("=")[2]
    return float(subprocess.run(["date", "-d", text, "+%s"], capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("days", [1, 30, 10_000])
def test_a_certificates_end_is_what_openssl_says(tmp_path: Path, days: int) -> None:
    """10,000 days are beyond 2050, where the format of times changes."""
    authority = Authority.create(tmp_path, days=days)
    assert of_file(str(authority.certificate)) == openssl_says(authority.certificate)
    der = tmp_path / "server.der"
    argv = ["openssl", "x509", "-in", str(authority.certificate), "-outform", "DER", "-out", str(der)]
    subprocess.run(argv, check=True)
    assert of_file(str(der)) == openssl_says(authority.certificate)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(authority.ca.read_bytes() + authority.certificate.read_bytes())
    ends = [openssl_says(authority.ca), openssl_says(authority.certificate)]
    assert of_file(str(chain)) == min(ends)


@pytest.mark.parametrize(
    "data", [b"", b"\x30", b"\x30\x82\xff\xff", b"\x30\x03\x30\x01\x00", b"text", b"\x30\x80\x00\x00"]
)
def test_what_is_no_certificate(data: bytes) -> None:
    with pytest.raises(ValueError):
        not_after(data)


def test_certificates_of_files_and_of_a_server(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, days=9)
    (tmp_path / "broken.pem").write_text("nothing")
    web = Web(authority)
    files = Rule(name="c", what="certificate", of=f"{tmp_path}/*.pem", side="below", at=14)
    server = Rule(name="s", what="certificate", of=f"127.0.0.1:{web.port}", side="below", at=14)
    watcher = Certificates([files, server])
    found = read(watcher, files) | read(watcher, server)
    web.close()
    days = {Path(of).name: reading.value for of, reading in found.items()}
    assert days["server.pem"] == pytest.approx(9, abs=0.01)
    assert days[f"127.0.0.1:{web.port}"] == pytest.approx(9, abs=0.01)
    assert days["ca.pem"] == pytest.approx(3650, abs=0.01)
    assert found[f"{tmp_path}/broken.pem"].value is None
    assert look(str(tmp_path / "gone.pem")) == {str(tmp_path / "gone.pem"): "No such file or directory"}


def test_files_that_change_are_seen_once_they_are_still(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("1")
    changed = Changed(str(tmp_path / "*"))
    assert not changed.look(0)
    file.write_text("2")
    os.utime(file, (1, 1))
    assert not changed.look(59)
    assert not changed.look(60)
    os.utime(file, (2, 2))
    assert not changed.look(120)
    assert changed.look(180)
    assert not changed.look(240)
    file.unlink()
    assert not changed.look(300)
    assert changed.look(360)


# updates ----------------------------------------------------------------------------------------------------------


def test_security_updates_are_told_from_the_others() -> None:
    output = """Inst libc6 [2.36-9+deb12u9] (2.36-9+deb12u10 Debian-Security:12/stable-security [arm64]) []
Inst bash [5.2-1] (5.2-2 Debian:12.9/stable [arm64])
Inst openssl [3.0.15] (3.0.16 Debian:12.9/stable, Debian-Security:12/stable-security [arm64])
Inst curl [7] (8 Ubuntu:24.04/noble-updates, Ubuntu:24.04/noble-security [amd64])
Conf libc6 (2.36-9+deb12u10 Debian-Security:12/stable-security [arm64])
"""
    assert pending(output) == ["libc6", "openssl", "curl"]
