"""Debian's own cron on odd crontabs: what it takes, what it makes of fields, settings and commands, and which files it
runs are the same as what pi_installer_tui/system/cron says."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Mapping, Sequence

import pytest

from pi_installer_tui.system.cron import fields
from pi_installer_tui.system.cron.lines import Setting, split
from pi_installer_tui.system.cron.lint import lint
from pi_installer_tui.system.cron.read import Cron, read
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.host import Completed
from pi_installer_tui.system.local import LocalHost

from .machine import Machine
from .program import until

one_suite = pytest.mark.parametrize("suite", ["trixie"], indirect=True)

FIELDS = [
    *(
        "*/60",
        "*/59",
        "*/0",
        "0-5/10",
        "5-5/3",
        "5/2",
        "*5",
        "1,",
        "1,,2",
        "60",
        "10-5",
        "1-",
        "?",
        "~",
        "0~30",
        "1-5-7",
    ),
    *("*,", "*/5x", "05", "000005", "4294967296", "4294967355", "0;", "1_", "*-5", "*/5/2", "*,*", "1-3,50-59/3"),
    *("-5", "+5", "5-", ",5", "*/", "*/-1", "00-07/02", "99999999999999999999", "1:2", "L", "W", "#", "5#2"),
]
DAYS = [
    *("7", "8", "0-7", "5-7", "7-1", "sun-sat", "fri-sun", "sat-sun", "mon,wed", "MON", "Mo", "monday", "mon#1", "5l"),
    *("*/7", "*/8", "1-7/2", "sun,7,0"),
]
MONTHS = ["jan", "january", "Jan-Mar", "dec-jan", "jan,mar", "0", "13", "*/12", "*/13", "1-12/5", "JAN,12"]
WHOLE = [
    b"", b"\n", b" ", b"\t\n", b"#", b"# x", b"\t#x\n", b"\r\n", b"A=b\n", b"A=b", b"A = b\n", b"A=\n", b"A= \n",
    b'A=""\n', b"A=''\n", b"'A B' = 1\n", b'A="x y"\n', b'A="x y" z\n', b'A="x\n', b"PATH=$PATH:/x\n", b"=x\n",
    b'"A"=\n', b'""=x\n', b"A=b=c\n", b"A\tb=c\n", b"export A=b\n", b"A=1\r\n", b"@daily=5\n", b"0=5\n",
    b"0 0 * * *=5 x\n", b"* * * * * true", b"* * * * * true\r\n", b"@daily\n", b"@daily true\n", b"@DAILY true\n",
    b"@every true\n", b"@ daily true\n", b"@\n", b"@reboot\ttrue\n", b"@rebootx true\n", b"* * * * *\n",
    b"* * * * * \n", b"* * * * * * true\n", b"* * * *\n", b"* * * * true\n", b"*\n", b"* \n", b"  * * * * * true\n",
    b"\x0c* * * * * true\n", b"-* * * * * true\n", b"\xff\n", b"\xff=1\n", b"1\xff * * * * x\n", b"*\xff * * * * x\n",
    b"*\r * * * * x\n", b"* * * * * \xff\xfe\n", b"* * * * *true\n", b"0 0 1 1 0true true\n", b"MAILTO=a b\n",
    b"MAILTO=root;x\n", b'MAILTO="a,b@c"\n', b"MAILTO=-x\n", b"MAILFROM=a b\n", b"\x00* * * * * true\n",
    b"* * * * * tr\x00ue\n", b"@daily\x00x true\n", b"A=1\x00\nx\n", b"#\x00\n", b"* * * * * true\n\n\n\n",
    b"* * * * * " + b"x" * 998 + b"\n", b"* * * * * " + b"x" * 999 + b"\n", b"A=" + b"x" * 2000 + b"\n",
    b"#x\n" * 10_000, b"#x\n" * 10_001, b"#off# 61 * * * * true\n", b"* * * * * true\n61 * * * * true\n", b"\x0b\n",
    b'A=\'"x"\'\n', b'a"b=c\n', b"A=b'c d'\n", b"' '='  x  '\n",
]  # fmt: skip
PIECES = ["*", "*/5", "1-5", "0", "7", "31", "60", " ", " ", " ", "\t", ",", "-", "/", "mon", "Feb", "sun", "x", "~",
          "A=b", '"', "'", "=", "#", "\r", "@daily", "* * * * *", "* * * *", "é", "%", "\\"]  # fmt: skip


def corpus(amount: int) -> list[bytes]:
    """The odd ones, and so many lines put together by a seeded hand; none has NUL where cron goes on behind it."""
    odd = [f"{each} * * * * true\n" for each in FIELDS]
    odd += [f"0 0 {each} * * true\n" for each in FIELDS]
    odd += [f"0 0 1 * {each} true\n" for each in DAYS] + [f"0 0 1 {each} * true\n" for each in MONTHS]
    chance = random.Random("crontabs")
    for _number in range(amount):
        line = "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 14)))
        odd.append(f"{line}\n")
        columns = " ".join("".join(chance.choice(PIECES[:14]) for _ in range(chance.randint(1, 4))) for _ in range(5))
        odd.append(f"{columns} true\n")
    return [*WHOLE, *(each.encode() for each in odd)]


def schedules(amount: int) -> list[str]:
    """So many that cron takes: numbers, names, ranges, steps and lists of them."""
    chance = random.Random("schedules")

    def one(low: int, high: int, names: Sequence[str]) -> str:
        def value() -> str:
            return chance.choice(names) if names and chance.random() < 0.3 else f"{chance.randint(low, high):02d}"

        def part() -> str:
            whole = chance.choice(["*", value(), f"{value()}-{value()}"])
            return whole if whole.isalnum() or chance.random() < 0.5 else f"{whole}/{chance.randint(1, high + 2)}"

        return ",".join(part() for _ in range(chance.choice([1, 1, 1, 2, 3])))

    bounds = zip(fields.BOUNDS, ((), (), (), fields.MONTHS, fields.DAYS), strict=True)
    columns = [(low, high, names) for (low, high), names in bounds]
    return [" ".join(one(*column) for column in columns) for _number in range(amount)]


class Inside(LocalHost):
    """A booted machine: its files below its root, its commands run in it."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(str(machine.root))
        self.machine = machine

    async def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002
        env: Mapping[str, str] | None = None,
        check: bool = False,
    ) -> Completed:
        return self.machine.run(argv, stdin=input, env=env, check=check)


def known(machine: Machine) -> Cron:
    return asyncio.run(read(Inside(machine)))


@pytest.fixture
def amount(request: pytest.FixtureRequest) -> int:
    return 1000 if request.config.getoption("--all") else 150


def test_cron_takes_what_we_say_it_takes(machine: Machine, amount: int) -> None:
    tables = corpus(amount)
    cron = known(machine)
    revision = cron.revision
    assert revision in (162, 197) and not cron.unread
    assert asyncio.run(lint(Inside(machine), cron)) == ()  # Debian's own
    folder = machine.root / "var/tmp/crontabs"
    folder.mkdir()
    for number, data in enumerate(tables):
        (folder / str(number)).write_bytes(data)
    look = 'cd /var/tmp/crontabs; for f in *; do LC_ALL=C crontab -u pi -n "$f" 2>"$f.said"; echo "$f $?"; done'
    verdicts = dict(line.split() for line in machine.run(["sh", "-c", look]).stdout.splitlines())
    wrong = []
    for number, data in enumerate(tables):
        taken = verdicts[str(number)] == "0"
        refused = list(Table(data).refused(revision=revision))
        told = (folder / f"{number}.said").read_bytes()
        why = refused[0].mistake.cron.encode() if refused and b"\0" not in data else b""
        if taken != (not refused) or why not in told:
            wrong.append((data[:60], taken, [each.mistake.cron for each in refused], told))
    assert wrong == []
    assert 100 < list(verdicts.values()).count("0") < len(tables) - 100


def test_an_installed_crontab_is_read_as_it_was_given(machine: Machine) -> None:
    given = b"# mine\n\n\tA = b\r\n#off# 30 3 * * * x\n  */5\t* * * *  /bin/echo \xff\\%%in \n@reboot y\n"
    for _again in range(2):
        machine.run(["crontab", "-u", "pi", "-"], stdin=given)
        [crontab] = [each for each in known(machine).crontabs if each.user == "pi"]
        assert (crontab.table.body, crontab.refused) == (given, "")
        assert [entry.enabled for entry in crontab.table.entries] == [False, True, True]
        given = Table(given).enabled(4, on=True).body
        machine.run(["crontab", "-u", "pi", "-"], stdin=given)
        given = Table(given).enabled(4, on=False).body


@one_suite
def test_cron_makes_the_same_of_fields_and_settings(machine: Machine, amount: int) -> None:
    """Debian 13's cron tells with -x what it sets for each field, and what it took for a setting."""
    lines = [data for data in corpus(amount) if not list(Table(data).refused()) and b"\0" not in data]
    lines = [data for data in lines if data.count(b"\n") == 1 and not data.startswith(b"MAIL")]
    text = b"MARK=here\n"
    for data in lines:
        found = Table(data).lines
        if found and isinstance(found[0], Setting):
            text += data
        elif jobs := Table(data).entries:
            text += jobs[0].schedule.text.encode("utf-8", "surrogateescape") + b" root true\n"
    text += "".join(f"{each} root true\n" for each in schedules(amount)).encode()
    machine.write("/etc/cron.d/odd", text)
    machine.run(["systemctl", "stop", "cron.service"])
    process = machine.start_process(["sh", "-c", "exec cron -N -x pars,ext,test 2>/dev/null"])
    told = process.communicate()[0]
    [part] = [each for each in told.split(b"load_user()\n") if b"<MARK=here>\n" in each]

    table = Table(text, system=True)
    assert not list(table.refused(users={"root"}))
    settings = re.findall(rb"load_env, <.*> <.*> -> <((?:.|\n)*?)>\n", part)
    ours = [f"{each.name}={each.value}".encode("utf-8", "surrogateescape") for each in table.settings]
    assert settings == ours

    parsed = part.split(b"load_entry()...about to parse numerics\n")[1:]
    entries = [entry for entry in table.entries if not entry.schedule.form]
    assert len(parsed) == len(entries) > amount
    for entry, said in zip(entries, parsed, strict=True):
        lists = said.partition(b"load_entry()")[0].split(b"get_list()...entered\n")[1:]
        values = [{int(number) for number in re.findall(rb"set_element\(\?,\d+,\d+,(\d+)\)", each)} for each in lists]
        values[4] = {value % 7 for value in values[4]}
        assert values == [set(field.values) for field in entry.schedule.fields], entry.schedule.text


#: what each job's shell is given, and its standard input, is written down by that "shell"
RECORD = b"""#!/bin/sh
number=${2#: }
number=${number%%;*}
{ printf '%s\\0%s|%s|%s\\0' "$2" "$HOME" "$LOGNAME" "$GREETING"; cat; } >/var/tmp/part.$number
mv /var/tmp/part.$number /var/tmp/got.$number
"""
COMMANDS = [
    "plain",
    "date +\\%F",
    "date +%F",
    "a\\\\b c\\d",
    "cat%one%two\\%three%",
    "x%",
    "x%%a\\\\%b\\x\\",
    "\\\\%in",
    "end\\",
]
FILES = {
    # name: mode, owner
    "good": (0o644, "root"),
    "Good_2-x": (0o600, "root"),
    "with.dot": (0o644, "root"),
    "tilde~": (0o644, "root"),
    "pis": (0o644, "pi"),
    "open": (0o664, "root"),
}


def prepare(machine: Machine) -> bytes:
    """Jobs that are due each minute and leave a trace in /var/tmp; the table of those that are written down."""
    machine.run(["systemctl", "stop", "cron.service"])
    machine.write("/var/tmp/record", RECORD, 0o755)
    lines = ["SHELL=/var/tmp/record", 'GREETING = "  hello  "', "LOGNAME=nobody"]
    lines += [f"* * * * * root : {number}; {command}" for number, command in enumerate(COMMANDS)]
    text = "\n".join([*lines, ""]).encode()
    machine.write("/etc/cron.d/print", text)
    for name, (mode, owner) in FILES.items():
        path = f"/etc/cron.d/{name}"
        machine.write(path, f"* * * * * root touch '/var/tmp/ran.{name}'\n", mode)
        machine.run(["chown", owner, path])
    machine.write("/etc/cron.d/unfinished", "* * * * * root touch /var/tmp/ran.unfinished")
    machine.write("/etc/cron.d/ghost", "* * * * * ghost touch /var/tmp/ran.ghost\n")
    machine.write("/etc/cron.d/broken", "* * * * * root touch /var/tmp/ran.broken\n61 * * * * root x\n")
    return text


def judge(machine: Machine, text: bytes) -> None:
    cron = known(machine)
    ours = {
        crontab.path.rpartition("/")[2]
        for crontab in cron.crontabs
        if crontab.path.startswith("/etc/cron.d/")
        and not crontab.refused
        and not list(crontab.table.refused(revision=cron.revision, users=cron.users))
    }
    ran = {path.name.removeprefix("ran.") for path in (machine.root / "var/tmp").glob("ran.*")}
    assert ran == ours - {"print", "e2scrub_all"} == {"good", "Good_2-x"}
    for number, entry in enumerate(Table(text, system=True).entries):
        shell, stdin = split(entry.command)
        environment = entry.environment("root", cron.users["root"].home)
        home, logname, greeting = (environment[name] for name in ("HOME", "LOGNAME", "GREETING"))
        wanted = f"{shell}\0{home}|{logname}|{greeting}\0{stdin or ''}"
        assert (machine.root / f"var/tmp/got.{number}").read_bytes().decode() == wanted


@pytest.mark.long
def test_the_daemon_runs_what_we_say_it_runs(machine: Machine) -> None:
    text = prepare(machine)
    machine.run(["systemctl", "start", "cron.service"])
    traces = [f"got.{number}" for number in range(len(COMMANDS))] + ["ran.good", "ran.Good_2-x"]
    until(lambda: all((machine.root / "var/tmp" / name).exists() for name in traces), seconds=240)
    machine.run(["systemctl", "stop", "cron.service"])
    judge(machine, text)
