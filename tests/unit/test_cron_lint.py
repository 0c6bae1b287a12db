"""What is read of a machine's cron, and what is said to be wrong with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_installer_tui.system.cron import read as cron_read
from pi_installer_tui.system.cron.anacron import parse as parse_anacrontab
from pi_installer_tui.system.cron.findings import of_table
from pi_installer_tui.system.cron.lint import lint
from pi_installer_tui.system.cron.read import CRONTAB, Cron, Crontab, read, runner, why_ignored
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.host import FileStat

from .test_cron_table import TABLES

USERS = ("root", "pi")
ETC_CRONTAB = b"""SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
17 *	* * *	root	cd / && run-parts --report /etc/cron.hourly
25 6	* * *	root	test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }
"""
ANACRONTAB = b"""SHELL=/bin/sh
HOME=/root
LOGNAME=root
1\t5\tcron.daily\trun-parts --report /etc/cron.daily
7 10 cron.weekly run-parts --report /etc/cron.weekly
@monthly 15 cron.monthly run-parts --report /etc/cron.monthly
nonsense
"""


@pytest.fixture
def host(tmp_path: Path) -> DemoHost:
    return DemoHost.create(str(tmp_path / "demo"))


async def put(host: DemoHost, path: str, data: bytes, mode: int = 0o644, uid: int = 0, gid: int = 0) -> None:
    folder = path.rpartition("/")[0]
    missing = []
    while folder and await host.stat(folder) is None:
        missing.append(folder)
        folder = folder.rpartition("/")[0]
    for each in reversed(missing):
        await host.mkdir(each, mode=0o755, uid=0, gid=0)
    await host.replace(path, data, mode=mode, uid=uid, gid=gid)


def said(data: bytes, *, system: bool = False) -> set[tuple[str, str, int, int]]:
    return {(f.what, f.severity, f.line, f.column) for f in of_table(Table(data, system=system), users=USERS)}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("0 1 * * * tar c /x >/b-$(date +%F).tar", ("percent", "error", 1, 32)),
        ("0 1 * * * date +\\%F >/x; mail pi%Done%", ("percent", "note", 1, 33)),
        ("0 1 * * * echo 'a%b'", ("percent", "error", 1, 18)),
        ("0 1 * * * sed s/a\\\\b/c/ /x", ("backslashes", "note", 1, 18)),
        ("0 1 31 2 * /x", ("never", "error", 1, 1)),
        ("0 1 1 * 1 /x", ("days", "note", 1, 5)),
        ("0~30 1 * * * /x", ("skipped", "warning", 1, 2)),
        ("0 1 * * mon#1 /x", ("skipped", "warning", 1, 12)),
        ("0 1 1 * fri-sun /x", ("backwards", "warning", 1, 9)),
        ("*/60 * * * * /x", ("wide", "warning", 1, 1)),
        ("0 1 * * * root /usr/bin/x", ("user-extra", "error", 1, 11)),
        ("0 1 * * * /x\r", ("crlf", "error", 1, 13)),
        ("\r", ("crlf", "error", 1, 1)),
        ("0 1 * * *", ("columns", "error", 1, 10)),
        ("0 1 * * * * /x", ("columns", "error", 1, 11)),
        ("0 1 * * /bin/x --all", ("columns", "error", 1, 9)),
        ("0 1 * *", ("columns", "error", 1, 8)),
        ("0 1 * * 9 /x", ("broken", "error", 1, 9)),
        ("@dayly /x", ("broken", "error", 1, 1)),
        ("PATH=$PATH:/x", ("setting", "error", 1, 6)),
        ("PATH=~/bin:/usr/bin", ("setting", "error", 1, 6)),
        ("NAME=$(hostname)", ("setting", "warning", 1, 6)),
        ("A=b # c", ("setting", "warning", 1, 3)),
        ('A="b" # c', ("setting", "error", 1, 1)),
        ("export A=b", ("setting", "error", 1, 1)),
        ("CRON_TZ=UTC", ("setting", "warning", 1, 9)),
        ("SHELL=bash", ("shell", "error", 1, 7)),
        ("MAILTO=a b", ("mailto", "error", 1, 1)),
    ],
)
def test_a_line_has_its_finding_at_its_place(line: str, wanted: tuple[str, str, int, int]) -> None:
    assert wanted in said(line.encode() + b"\n")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("0 1 * * * /usr/bin/x --all", ("user-missing", "error", 1, 11)),
        ("0 1 * * * reboot", ("unknown-user", "error", 1, 11)),
        ("0 1 * * * ghost /usr/bin/x", ("unknown-user", "error", 1, 11)),
        ("@daily test -x /x", ("user-missing", "error", 1, 8)),
    ],
)
def test_the_column_of_the_user(line: str, wanted: tuple[str, str, int, int]) -> None:
    assert wanted in said(line.encode() + b"\n", system=True)


def test_a_missing_last_newline_is_found_at_the_end() -> None:
    assert said(b"A=b\n0 1 * * * /x") == {("unfinished", "error", 2, 13)}


@pytest.mark.parametrize(
    "line",
    [
        "30 3 * * * /usr/local/bin/backup --all",
        "0 1 * * * date +\\%F > /tmp/x",
        "# 0 1 31 2 * /x %",
        "#off# 0 1 31 2 * /x %",
        'MAILTO=""',
        "PATH=/usr/bin:/bin",
        "@reboot /x",
        "*/59 * * * * /x",
    ],
)
def test_nothing_is_said_of_what_is_right(line: str) -> None:
    assert said(line.encode() + b"\n") == set()


@pytest.mark.parametrize(
    ("name", "lsb", "taken"),
    [
        ("backup", False, True),
        ("My_Job-2", False, True),
        ("backup.sh", False, False),
        ("a b", False, False),
        ("backup~", False, False),
        ("My_Job-2", True, False),
        ("org.debian-cron", True, True),
        ("php5.dpkg-old", True, False),
        ("a-php5.dpkg-old", True, False),
        ("backup", True, True),
    ],
)
def test_names_in_cron_d(name: str, lsb: bool, taken: bool) -> None:
    assert (why_ignored(name, lsb=lsb) == "") is taken


async def test_a_machine_is_read_by_one_command(host: DemoHost, monkeypatch: pytest.MonkeyPatch) -> None:
    await put(host, "/bin/sh", b"", 0o755)
    await put(host, "/usr/bin/true", b"", 0o755)
    await put(host, "/etc/crontab", ETC_CRONTAB)
    await put(host, "/etc/cron.d/good", b"@daily root /usr/bin/true\n")
    await put(host, "/etc/cron.d/with.dot", b"@daily root true\n")
    await put(host, "/etc/cron.d/pis", b"@daily root true\n", uid=1000)
    await put(host, "/etc/cron.d/open", b"@daily root true\n", mode=0o664)
    await put(host, "/etc/cron.d/.placeholder", b"")
    await put(host, "/var/spool/cron/crontabs/pi", b"@daily true\n", mode=0o600, uid=1000)
    await put(host, "/var/spool/cron/crontabs/root", b"@daily true\n", mode=0o644)
    await put(host, "/var/spool/cron/crontabs/ghost", b"@daily true\n", mode=0o600)
    await put(host, "/var/spool/cron/crontabs/tmp.x1", b"", mode=0o600)
    await put(host, "/etc/cron.hourly/poll", b"#!/bin/sh\n", mode=0o755)
    await put(host, "/etc/cron.daily/clean.sh", b"#!/bin/sh\n", mode=0o755)
    await put(host, "/etc/cron.daily/idle", b"#!/bin/sh\n", mode=0o644)
    await put(host, "/etc/cron.weekly/never", b"#!/bin/sh\n", mode=0o755)
    commands: list[list[str]] = []
    run = host.run

    async def counted(argv: list[str], **more: object) -> object:
        commands.append(argv)
        return await run(argv, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(host, "run", counted)
    cron = await read(host)
    assert len(commands) == 1
    refused = {each.path.rpartition("/")[2]: each.refused for each in cron.crontabs if each.refused}
    assert refused == {
        "with.dot": "cron ignores files whose name has a dot",
        "pis": "it isn't root's",
        "open": "others than root may write to it (mode 0664)",
        "root": "its mode has to be 0600, and is 0644",
        "ghost": "there is no user ghost",
    }
    owners = {(each.user, each.table.system) for each in cron.crontabs}
    assert owners == {("", True), ("pi", False), ("root", False), ("ghost", False)}
    folders = {each.period: each for each in cron.scripts}
    assert folders["hourly"].by == "/etc/crontab:3" and folders["daily"].by == "/etc/crontab:4"
    assert folders["weekly"].by == ""
    left_out = {s.path for each in cron.scripts for s in each.scripts if s.refused}
    assert {"/etc/cron.daily/clean.sh", "/etc/cron.daily/idle"} <= left_out
    findings = await lint(host, cron)
    told = {(f.what, f.path) for f in findings}
    assert {
        ("file-name", "/etc/cron.d/with.dot"),
        ("file", "/etc/cron.d/pis"),
        ("script", "/etc/cron.daily/clean.sh"),
        ("unrun", "/etc/cron.weekly"),
    } <= told
    assert not any(f.path == "/etc/cron.d/good" for f in findings)


async def test_what_may_not_be_read_is_told(host: DemoHost, monkeypatch: pytest.MonkeyPatch) -> None:
    await put(host, "/etc/crontab", ETC_CRONTAB)
    listdir = host.listdir

    async def refused(path: str) -> tuple[str, ...]:
        if path.startswith("/var/spool"):
            raise PermissionError(13, "Permission denied", path)
        return await listdir(path)

    monkeypatch.setattr(host, "listdir", refused)
    cron = await read(host)
    assert cron.unread == (("/var/spool/cron/crontabs", "no permission for /var/spool/cron/crontabs"),)
    assert any(each.path == "/etc/crontab" for each in cron.crontabs)


async def test_a_crontab_of_gigabytes_is_told_and_not_read(host: DemoHost, monkeypatch: pytest.MonkeyPatch) -> None:
    large = "/var/spool/cron/crontabs/pi"
    await put(host, large, b"@daily true\n", mode=0o600)
    await put(host, "/etc/cron.d/large", b"@daily root true\n")
    monkeypatch.setattr(cron_read, "LARGEST", 4)
    cron = await read(host)
    assert {path for path, why in cron.unread if "it is larger than" in why} >= {large, "/etc/cron.d/large"}
    assert not any(each.path in (large, "/etc/cron.d/large") for each in cron.crontabs)


async def findings_of(host: DemoHost, lines: str, user: str = "root") -> set[tuple[str, str]]:
    stat = FileStat("file", 0o600, 0, 0, 0, 0)
    users = (await read(host)).users
    cron = Cron((Crontab(f"/var/spool/cron/crontabs/{user}", user, Table(lines.encode()), stat),), users=users)
    return {(found.what, found.text) for found in await lint(host, cron)}


async def test_commands_are_looked_for_in_the_path_of_their_crontab(host: DemoHost) -> None:
    await put(host, "/bin/sh", b"", 0o755)
    await put(host, "/usr/sbin/here", b"", 0o755)
    await put(host, "/usr/bin/flock", b"", 0o755)
    await put(host, "/usr/bin/python3", b"", 0o755)
    await put(host, "/opt/plain", b"", 0o644)
    assert await findings_of(host, "@daily here\n") == {("not-found", "here isn't found in PATH=/usr/bin:/bin")}
    for right in (
        "PATH=/usr/sbin:/usr/bin\n@daily here\n",
        "@daily /usr/sbin/here\n",
        "@daily A=b /usr/sbin/here >/dev/null 2>&1\n",
        "@daily cd /x && ./y\n",
        "@daily test -x /none && /none\n",
        "@daily [ -x /none ] && /none\n",
        "@daily $HOME/bin/x\n",
        "@daily flock -n /run/lock/x /usr/sbin/here\n",
        "#off# @daily nothere\n",
    ):
        assert await findings_of(host, right) == set(), right
    assert await findings_of(host, "@daily flock -n /x nothere\n") == {
        ("not-found", "nothere isn't found in PATH=/usr/bin:/bin")
    }
    relative = await findings_of(host, "PATH=$PATH:~/bin\n@daily here\n")
    assert ("not-found", "here isn't found in PATH=$PATH:~/bin") in relative
    assert await findings_of(host, "@daily /none --x\n") == {("not-found", "there is no /none")}
    assert await findings_of(host, "@daily /opt/plain\n") == {("not-found", "/opt/plain isn't executable")}
    assert await findings_of(host, "@daily python3 /opt/plain\n") == set()
    assert await findings_of(host, "SHELL=/bin/zsh\n@daily cd\n") == {("shell", "there is no shell /bin/zsh")}
    assert await findings_of(host, "@daily bin/x\n", "pi") == {
        ("relative", "bin/x is looked for in /home/pi, where cron starts the job")
    }
    assert {what for what, _text in await findings_of(host, "@daily python3 x.py\n", "pi")} == {"relative"}


async def test_what_others_may_change_and_root_runs(host: DemoHost) -> None:
    for path, mode, uid, gid in [
        ("/bin/sh", 0o755, 0, 0),
        ("/usr/bin/python3", 0o755, 0, 0),
        ("/opt/right", 0o755, 0, 0),
        ("/opt/everybody", 0o757, 0, 0),
        ("/opt/group", 0o775, 0, 1000),
        ("/home/pi/x.py", 0o644, 1000, 1000),
        ("/srv/open/x", 0o755, 0, 0),
    ]:
        await put(host, path, b"", mode, uid, gid)
    await host.chmod("/srv/open", mode=0o777, uid=0, gid=0)
    assert await findings_of(host, "@daily /opt/right\n") == set()
    assert await findings_of(host, "@daily /opt/everybody\n") == {
        ("writable", "everybody may write to /opt/everybody, and root runs /opt/everybody")
    }
    assert await findings_of(host, "@daily /opt/group\n") == {
        ("writable", "a group may write to /opt/group, and root runs /opt/group")
    }
    mine = await findings_of(host, "@daily python3 /home/pi/x.py\n")
    assert ("writable", "/home/pi/x.py isn't root's, and root runs /home/pi/x.py") in mine
    assert await findings_of(host, "@daily /srv/open/x\n") == {
        ("writable", "everybody may write to /srv/open, and root runs /srv/open/x")
    }
    assert await findings_of(host, "@daily /opt/everybody\n", "pi") == set()
    await host.symlink("/opt/link", "/srv/open/x")
    assert await findings_of(host, "@daily /opt/link\n") == {
        ("writable", "everybody may write to /srv/open, and root runs /opt/link")
    }


async def test_what_may_not_be_looked_at_is_not_called_missing(host: DemoHost, monkeypatch: pytest.MonkeyPatch) -> None:
    await put(host, "/bin/sh", b"", 0o755)
    stat = host.stat

    async def refused(path: str) -> FileStat | None:
        if path.startswith("/root/"):
            raise PermissionError(13, "Permission denied", path)
        return await stat(path)

    monkeypatch.setattr(host, "stat", refused)
    assert await findings_of(host, "PATH=/root/bin:/usr/bin\n@daily secret\n@daily /root/bin/job\n") == set()
    assert await findings_of(host, "@daily secret\n") != set()


def test_anacron_runs_the_folders_where_it_is_installed() -> None:
    table = parse_anacrontab(ANACRONTAB)
    assert [(job.line, job.days, job.delay, job.identifier, job.named) for job in table.jobs] == [
        (4, 1, 5, "cron.daily", ""),
        (5, 7, 10, "cron.weekly", ""),
        (6, 31, 15, "cron.monthly", "@monthly"),
    ]
    assert table.jobs[0].settings["HOME"] == "/root" and table.broken == (7,)
    crontabs = [Crontab(CRONTAB, "", Table(ETC_CRONTAB, system=True), FileStat("file", 0o644, 0, 0, 0, 0))]
    assert runner("/etc/cron.daily", crontabs, table, anacron=True) == "/etc/anacrontab:4"
    assert runner("/etc/cron.daily", crontabs, table, anacron=False) == "/etc/crontab:4"
    assert runner("/etc/cron.daily", crontabs, None, anacron=True) == ""
    assert runner("/etc/cron.hourly", crontabs, table, anacron=True) == "/etc/crontab:3"


@given(TABLES, st.booleans())
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_any_bytes_something_is_said_and_each_refusal_has_its_finding(
    host: DemoHost, data: bytes, system: bool
) -> None:
    table = Table(data, system=system)
    crontab = Crontab("/etc/cron.d/any", "" if system else "root", table, FileStat("file", 0o644, 0, 0, 0, 0))
    found = asyncio.run(lint(host, Cron((crontab,))))
    assert {broken.line for broken in table.refused()} <= {each.line for each in found if each.severity == "error"}
    for each in found:
        assert 0 <= each.line <= data.count(b"\n") + 1 and each.text
        if each.line and each.column:
            assert each.column <= len(table.text(each.line)) + 1
