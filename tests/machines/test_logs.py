"""The log viewer's reading on real machines: journalctl of both Debians, a journal with what doesn't belong into one,
and a file that is written to and rotated by the real logrotate."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import REPOSITORY
from .journal_export import BEGAN, BOOTS, REMOTE, entry
from .lab import Lab
from .machine import CHECKOUT, Image, Machine

ODD: dict[str, str | bytes | None] = {
    "plain": "plain text",
    "escape": b"\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m escape",
    "binary": b"\xff\xfe\x00binary",
    "lines": "one\ntwo\nthree lines",
    "long": "long " + "x" * 10_000,
    "none": None,
    "wide": "wide 東京 القاهرة \u202eabc",
}


def prepare(machine: Machine) -> None:
    machine.run(["apt-get", "update"])
    packages = ["python3", "systemd-journal-remote", "logrotate"]
    machine.run(["apt-get", "install", "-y", "--no-install-recommends", *packages])


@pytest.fixture(scope="module")
def machine(lab: Lab, bare_image: Image) -> Iterator[Machine]:
    """One with a made-up journal of three boots, some of it odd, beside its own."""
    with lab.machine(lab.layer(bare_image, "journal", "python3 journal-remote logrotate", prepare)) as booted:
        booted.push_checkout(REPOSITORY)
        odd = [
            entry(n, message, boot=boot, PRIORITY=str(3 if name == "long" else 6), ODD=name)
            for n, (boot, (name, message)) in enumerate((b, item) for b in BOOTS for item in ODD.items())
        ]
        # several entries of one and the same microsecond, and many
        same = [entry(100, f"same {n}") for n in range(20)]
        usual = [entry(200 + n, f"usual {n}", _SYSTEMD_UNIT=f"u{n % 3}.service") for n in range(1500)]
        made(booted, b"".join([*odd, *same, *usual]))
        yield booted


def made(machine: Machine, data: bytes, name: str = "made") -> None:
    """Puts entries into the machine's journal."""
    folder = f"/var/log/journal/{machine.read('/etc/machine-id').decode().strip()}"
    machine.run(["mkdir", "-p", folder])
    machine.run([REMOTE, f"--output={folder}/{name}.journal", "--split-mode=none", "-"], stdin=data)


def command(verb: str, path: str, wanted: dict[str, Any], argument: object = "") -> list[str]:
    script = f'cd {CHECKOUT} && exec python3 -m tests.machines.log_driver "$@"'
    return ["sh", "-c", script, "-", verb, path, json.dumps(wanted), str(argument)]


def asked(
    machine: Machine,
    verb: str,
    wanted: dict[str, Any] | None = None,
    argument: object = "",
    *,
    path: str = "",
    user: str = "root",
) -> list[Any]:
    """What the driver told."""
    done = machine.run(command(verb, path, wanted or {}, argument), user=user)
    return [json.loads(line) for line in done.stdout.splitlines()]


def entries(machine: Machine, count: int, **wanted: Any) -> list[dict[str, Any]]:
    _said, *found = asked(machine, "last", wanted, count)
    return [each for (each,) in found]


ONLY_MADE = {"until": BEGAN + 5000.0}


def test_odd_entries_are_read_as_what_they_are(machine: Machine) -> None:
    found = {}
    for each in entries(machine, 10_000, boot=BOOTS[0], **ONLY_MADE):
        name = next((n for n in ODD if n in each["message"]), each["note"])
        found[name] = (each["message"], each["note"])
    assert found["escape"] == ("\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m escape", "")
    assert found["binary"][1] == "binary" and found["lines"][0] == "one\ntwo\nthree lines"
    assert found["left-out"] == ("", "left-out") and found["no-message"] == ("", "no-message")
    assert found["wide"] == ("wide 東京 القاهرة \u202eabc", "")


def test_the_whole_of_a_long_message_is_in_its_fields(machine: Machine) -> None:
    ((fields,),) = asked(machine, "fields", {"priority": 3, **ONLY_MADE})
    assert fields["MESSAGE"] == ODD["long"] and fields["ODD"] == "long"


def test_all_boots_are_known_and_read_alone(machine: Machine) -> None:
    boots = [each for (each,) in asked(machine, "boots")]
    assert {boot["id"] for boot in boots} > set(BOOTS)
    assert sorted(boot["number"] for boot in boots) == list(range(1 - len(boots), 1))
    first = next(boot for boot in boots if boot["id"] == BOOTS[0])
    assert int(first["first"]) == BEGAN
    assert len(entries(machine, 10_000, boot=BOOTS[1])) == len(ODD)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (ONLY_MADE, 21 + 20 + 1500),
        ({"unit": "u1.service"}, 500),
        ({"boot": BOOTS[0]}, 7),
        ({"text": "same", **ONLY_MADE}, 20),
        ({"text": "/^usual .*7$/"}, 150),
        ({"since": BEGAN + 300.0, "until": BEGAN + 400.0}, 101),
        ({"text": "nothing is called like that"}, 0),
    ],
)
def test_the_journal_scrolls_without_gaps(machine: Machine, wanted: dict[str, Any], count: int) -> None:
    assert asked(machine, "wander", wanted, 7) == [[count]]


def test_filters_are_the_real_journalctls(machine: Machine) -> None:
    assert {each["priority"] for each in entries(machine, 50, priority=3)} <= {0, 1, 2, 3}
    kernel_or_none = entries(machine, 5, unit="kernel")
    assert all(each["who"] == "kernel" for each in kernel_or_none)
    assert "u2.service" in asked(machine, "units")[0][0]
    assert [e["message"] for e in entries(machine, 1, text="USUAL 12")] == ["usual 1299"]
    assert entries(machine, 1, text="/Usual/") == []
    (error,) = asked(machine, "last", {"text": "/a{2,1}/"}, 1)
    assert error[0] == "error" and "expression" in error[1]


def test_who_may_not_read_it_is_told_so(machine: Machine) -> None:
    machine.run(["useradd", "--create-home", "nobody-special"], check=False)
    machine.run(["chmod", "-R", "a+rX", CHECKOUT, "/root"])
    told = asked(machine, "last", {}, 5, user="nobody-special")
    assert any("group adm or systemd-journal" in str(line) for line in told), told


def end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def lines_of(process: subprocess.Popen[bytes], count: int) -> list[str]:
    assert process.stdout is not None
    return [json.loads(process.stdout.readline())[0] for _line in range(count)]


def test_what_is_logged_is_followed(machine: Machine) -> None:
    machine.run(["systemd-cat", "--identifier=test"], stdin="follow me from here\n")
    machine.run(["journalctl", "--sync"])
    process = machine.start_process(command("follow", "", {"text": "follow me"}))
    try:
        assert lines_of(process, 1) == ["following"]
        for text in ("follow me 1", "not this", "follow me 2", "follow me \x1b[31m3"):
            machine.run(["systemd-cat", "--identifier=test"], stdin=f"{text}\n")
        assert lines_of(process, 3) == ["follow me 1", "follow me 2", "follow me \x1b[31m3"]
    finally:
        end(process)


def test_a_file_is_followed_through_the_real_logrotate(machine: Machine) -> None:
    machine.write("/etc/logrotate.d/app", "/var/log/app.log {\n rotate 4\n create\n compress\n delaycompress\n}\n")
    append = ["sh", "-c", 'echo "$1" >> /var/log/app.log', "-"]
    machine.run([*append, "line 0"])
    process = machine.start_process(command("follow", "/var/log/app.log", {}))
    try:
        assert lines_of(process, 1) == ["following"]
        for first in (1, 4, 7):
            lines = [f"line {number}" for number in range(first, first + 3)]
            for line in lines:
                machine.run([*append, line])
            machine.run(["logrotate", "--force", "/etc/logrotate.d/app"])
            assert lines_of(process, 3) == lines
    finally:
        end(process)
    assert machine.run(["ls", "/var/log"]).stdout.count("app.log") == 4
    assert asked(machine, "wander", {}, 1, path="/var/log/app.log") == [[10]]


@pytest.mark.parametrize("suite", ["trixie"], indirect=True)
def test_nothing_in_a_message_reaches_the_terminal(installed: Machine) -> None:
    evil = b"\x1b]0;owned\x07\x1b[2J\x1b[9;9Hevil\x1b[?1049l\x9b5n \xff"
    installed.run(["systemd-cat", "--identifier=evil"], stdin=evil + b"\n")
    with installed.tty(["pi-installer-tui"], term="linux") as terminal:
        terminal.wait_for("n goes on")
        terminal.type("q")
        terminal.wait_for("Modules")
        terminal.type("l")
        terminal.wait_for("evil ")
        terminal.type("/")
        terminal.wait_for("search upwards")
        terminal.type("owned\r")
        terminal.wait_for("Enter open")
        terminal.read(1)
        terminal.type("\r")
        terminal.wait_for("\\x1b]0;owned\\x07")
        for sequence in (b"\x1b]0;", b"\x07", b"\x1b[9;9Hevil", b"\x9b"):
            assert sequence not in terminal.raw
        terminal.type("qf")
        terminal.wait_for("following")
        installed.run(["systemd-cat", "--identifier=later"], stdin="it came by itself\n")
        terminal.wait_for("it came by itself")
        terminal.type("qqq")
