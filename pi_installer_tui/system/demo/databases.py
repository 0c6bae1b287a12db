"""Plays PostgreSQL to our own processes that ask, dump and load (pi_installer_tui/databases), and the one that holds
the pipe between a dump and restic (restic/stream.py). A database is kept as its dump, of which all the rest is told."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from pi_installer_tui.system.demo import packages, units
from pi_installer_tui.system.demo.players import PLAYERS, Call, Refused, player
from pi_installer_tui.system.demo.tree import Machine

FOLDER = "/var/lib/postgresql/17/main"
_APPLIED = "/etc/pi-installer-tui/backup.yaml"
#: what those processes call a server's roles, a dump that is only read, and the first line of a dump
_ACCOUNTS, _CHECK, _HEADER = "(accounts)", "(check)", "-- pi-installer-tui: "
_PACKAGES = ("postgresql-common", "postgresql-17", "postgresql-client-common", "postgresql-client-17")
_UNIT = """\
[Unit]
Description=PostgreSQL RDBMS

[Service]
Type=oneshot
ExecStart=/bin/true
ExecReload=/bin/true
RemainAfterExit=on

[Install]
WantedBy=multi-user.target
"""
#: bytes of a database with nothing in it, as PostgreSQL 17 has it
_EMPTY = 7_660_195
_ABOUT = {"collate": "en_GB.UTF-8", "ctype": "en_GB.UTF-8", "encoding": "UTF8", "grants": None, "owner": "pi",
          "restricted": False, "settings": None}  # fmt: skip
_COMPLETE = "--\n-- PostgreSQL database dump complete\n--\n"
_ROLES = """\
--
-- PostgreSQL database cluster dump
--

CREATE ROLE pi;
ALTER ROLE pi WITH NOSUPERUSER INHERIT NOCREATEROLE CREATEDB LOGIN NOREPLICATION NOBYPASSRLS;
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS;

--
-- PostgreSQL database cluster dump complete
--
"""
#: a table's rows in a dump: its name, then a line each until `\.`
_COPY = re.compile(r"^COPY (\S+) \([^)]*\) FROM stdin;\n(.*?)^\\\.$", re.MULTILINE | re.DOTALL)

_Tables: TypeAlias = Mapping[str, Sequence[tuple[str, ...]]]


def make(machine: Machine) -> None:
    """A server with two databases, which has run since the machine started, and which the job `home` holds too."""
    for name in _PACKAGES:
        packages.set_status(machine, name, "install ok installed")
    machine.write("/usr/lib/systemd/system/postgresql.service", _UNIT)
    units.set_enabled(machine, "postgresql", True)
    units.set_active(machine, "postgresql", True)
    applied = machine.text(_APPLIED) or ""
    machine.write(_APPLIED, applied.replace("    - home\n", "    - home\n    - postgresql\n", 1), 0o600)
    _keep(machine, "weather", _dump(_weather()))
    _keep(machine, "recipes", _dump(_recipes()))


def _weather() -> _Tables:
    first = int(time.time()) // 7200 * 7200 - 40 * 86_400
    moments = range(first, first + 40 * 86_400, 7200)
    taken = [(time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(at)), "1", f"{7 + at // 7200 * 37 % 61 / 10:.1f}")
             for at in moments]  # fmt: skip
    return {
        "public.sensors (id, place)": [("1", "garden"), ("2", "cellar")],
        "public.readings (at, sensor, value)": taken,
    }


def _recipes() -> _Tables:
    bread = [("1", "Bread", "500 g flour, 350 g water, 10 g salt, 100 g sourdough"), ("2", "Soup", "1 kg pumpkin")]
    return {"public.recipes (id, name, what)": bread}


def _dump(tables: _Tables) -> str:
    lines = ["--", "-- PostgreSQL database dump", "--", "", "SET client_encoding = 'UTF8';", ""]
    for table, rows in tables.items():
        name, _blank, columns = table.partition(" ")
        lines += [f"CREATE TABLE {name} {columns.replace(',', ' text,').replace(')', ' text)')};", ""]
        lines += [f"COPY {table} FROM stdin;", *("\t".join(row) for row in rows), "\\.", ""]
    return f"{_HEADER}{json.dumps(_ABOUT, sort_keys=True)}\n" + "\n".join(lines) + "\n" + _COMPLETE


def dumps(machine: Machine) -> dict[str, str]:
    """What a run of the job would have dumped, by database; nothing on a machine without a server."""
    return {**kept, _ACCOUNTS: _ROLES} if (kept := _read(machine)) else {}


# what is kept ---------------------------------------------------------------------------------------------------------


def _kept(machine: Machine) -> dict[str, str]:
    """The dumps by database. Raises Refused where there is no server."""
    if not machine.exists(FOLDER) or not packages.installed(machine, _PACKAGES[-1]):
        raise Refused("psql: error: connection to server failed: No such file or directory")
    if not units.is_active(machine, "postgresql"):
        raise Refused("psql: error: connection to server failed: Connection refused")
    return _read(machine)


def _read(machine: Machine) -> dict[str, str]:
    names = machine.files.listdir(FOLDER) if machine.exists(FOLDER) else []
    return {
        name.removesuffix(".sql"): machine.text(f"{FOLDER}/{name}") or "" for name in names if name.endswith(".sql")
    }


def _keep(machine: Machine, name: str, dump: str) -> None:
    machine.write(f"{FOLDER}/{name}.sql", dump, 0o600)


def _counts(dump: str) -> dict[str, int]:
    return {name: rows.count("\n") for name, rows in _COPY.findall(dump)}


# our own processes ----------------------------------------------------------------------------------------------------


async def answering(call: Call) -> int:
    """VERB ENGINE DATABASE CONTAINER (databases/answering.py)."""
    verb, engine, database, _container = call.argv[-4:]
    kept = _served(call, engine)
    match verb:
        case "list":
            sizes = {name: _EMPTY + len(dump) for name, dump in kept.items()}
            await call.out(json.dumps({"databases": sizes, "folder": FOLDER}))
        case "count" if database in kept:
            await call.out(json.dumps(_counts(kept[database])))
        case "count":
            raise Refused(f'FATAL:  database "{database}" does not exist')
        case "drop" if database in kept:
            call.machine.files.remove(f"{FOLDER}/{database}.sql")
    return 0


async def dumping(call: Call) -> int:
    """ENGINE DATABASE CONTAINER (databases/dumping.py)."""
    engine, database, _container = call.argv[-3:]
    kept = _served(call, engine)
    await call.pause(0.8)
    if database != _ACCOUNTS and database not in kept:
        raise Refused(f"there is no database {database}")
    await call.out(_ROLES if database == _ACCOUNTS else kept[database], end="")
    return 0


async def loading(call: Call) -> int:
    """ENGINE DATABASE CONTAINER (databases/loading.py)."""
    engine, database, _container = call.argv[-3:]
    _served(call, engine)
    dump = call.input.decode("utf-8", "replace")
    await call.pause(0.8)
    if "dump complete" not in dump[-200:]:
        raise Refused("the dump is cut off")
    if database not in (_ACCOUNTS, _CHECK):
        _keep(call.machine, database, dump)
    return 0


def _served(call: Call, engine: str) -> dict[str, str]:
    if engine != "postgresql":
        raise Refused(f"{engine}: nothing of it is here")
    return _kept(call.machine)


async def stream(call: Call) -> int:
    """One line of JSON on its input: `from`, `into`, `restic` (restic/stream.py)."""
    told = json.loads(call.input)
    tail: list[str] = []
    passed = bytearray()
    restic = ("from", "into")[told["restic"]]

    async def keep(fd: int, data: bytes) -> None:
        if fd == 1:
            passed.extend(data)
        else:
            await _say("from", fd, data)

    async def end(fd: int, data: bytes) -> None:
        await _say("into", fd, data)

    async def _say(which: str, fd: int, data: bytes) -> None:
        if which == restic:
            await call.emit(fd, data)
        else:
            tail.extend(data.decode("utf-8", "replace").splitlines())

    ends = {"from": await _part(call, told["from"], b"", keep), "into": 0}
    if not ends["from"]:
        ends["into"] = await _part(call, told["into"], bytes(passed), end)
    failed = next((name for name, status in ends.items() if status), "")
    await call.out(json.dumps({"message_type": "stream", **ends, "failed": failed, "tail": tail[-25:]}))
    return 1 if failed else 0


async def _part(call: Call, argv: list[str], given: bytes, emit: Callable[[int, bytes], Awaitable[None]]) -> int:
    """One of the two."""
    found = PLAYERS["python3" if "-m" in argv else argv[0].rpartition("/")[2]]
    try:
        return await found.play(Call(call.machine, tuple(argv), given, call.env, {}, emit))
    except Refused as refused:
        await emit(2, refused.message.encode() + b"\n")
        return refused.status


@player("pg_dump", package=_PACKAGES[-1])
async def pg_dump(call: Call) -> int:
    """Is there; our own processes ask for what it does."""
    raise Refused('pg_dump: error: connection to server failed: FATAL:  role "root" does not exist')


MODULES: dict[str, Callable[[Call], Awaitable[int]]] = {
    "pi_installer_tui.databases.answering": answering,
    "pi_installer_tui.databases.dumping": dumping,
    "pi_installer_tui.databases.loading": loading,
    "pi_installer_tui.restic.stream": stream,
}
