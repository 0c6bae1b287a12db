"""PostgreSQL and MariaDB on real machines: dumped while writers are at work, loaded into the same and another database,
proven in one that is thrown away; cut off, killed, locked."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.databases import ACCOUNTS
from pi_installer_tui.modules.cron.templates import fill
from pi_installer_tui.modules.cron.templates_usual import USUAL

from .lab import Lab
from .machine import Image, Machine
from .program import says, until

PACKAGES = ("mariadb-server", "postgresql", "python3")
ENGINES = ("postgresql", "mariadb")
#: names that a shell, a connection string or SQL would read as more than a name. (mariadb-dump of 11.8 escapes quotes
#: and backslashes in a name, and then finds no such database.)
BANKS, COPY = {"postgresql": "b\"a'n\\k `=é", "mariadb": "b$(a)nk `=é"}, "co py"
COMMAND = ("python3", "-I", "-m")

POSTGRESQL = r"""
create schema odd; create type odd.mood as enum('sad', 'ok');
create table odd.account(id int primary key, balance bigint, note text, raw bytea, j jsonb, m odd.mood, list int[],
    at timestamptz, amount numeric, span int4range, twice bigint generated always as (id * 2) stored);
insert into odd.account select i, 100, E'ü😀\n\\''' || repeat('x', 200), decode(repeat('00ff0a', 30), 'hex'),
    '{"a": [1, null]}', 'ok', '{1,2}', '2024-01-01 00:00:00.123456+02', 1.2345678901234567890, '[1,3)'
    from generate_series(1, 5000) i;
create table odd.big(id int primary key references odd.account(id) on delete cascade, body text);
insert into odd.big values(1, repeat('0123456789', 2000000));
create index on odd.account(balance); create view odd.rich as select * from odd.account where balance > 100;
create function odd.f(x int) returns int language sql as 'select x + 1';
create sequence odd.s start 77; select nextval('odd.s');
create table part(id int, at date) partition by range(at); create table part_24 partition of part
    for values from ('2024-01-01') to ('2025-01-01'); insert into part values(1, '2024-05-05');
"""
MARIADB = r"""
create table account(id int primary key, balance bigint, note text character set utf8mb4, raw longblob, j json,
    m enum('sad', 'ok'), at timestamp(6), amount decimal(30, 20), bits bit(5), twice bigint as (id * 2) persistent);
insert into account(id, balance, note, raw, j, m, at, amount, bits)
    select seq, 100, concat('ü😀\n\\''', repeat('x', 200)), repeat(x'00ff0a27', 30), '{"a": [1, null]}', 'ok',
    '2024-01-01 00:00:00.123456', 1.2345678901234567890, b'101' from seq_1_to_5000;
create table big(id int primary key, body longblob,
    constraint fk foreign key(id) references account(id) on delete cascade);
insert into big values(1, repeat(x'00ff0a27', 3000000));
create table abig(id int primary key, constraint fk2 foreign key(id) references big(id)); insert into abig values(1);
create view rich as select a.*, b.body from account a left join big b using(id) where balance > 100;
create view a_view_of_it as select id from rich;
create sequence s start with 77; select nextval(s);
delimiter //
create procedure p(in x int) begin select x + 1; end//
create function f(x int) returns int deterministic begin return x + 1; end//
create trigger t before insert on big for each row begin set new.body = coalesce(new.body, 'none'); end//
delimiter ;
create event e on schedule every 1 day do delete from big where id = -1;
"""
#: what moves money without end, so that the sum of all accounts is always the same
WRITERS = {
    "postgresql": r"""
import random, subprocess
p = subprocess.Popen(["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "psql", "-qX", "-d",
    "dbname='b\"a\\'n\\\\k `=é'"], stdin=subprocess.PIPE, text=True)
while True:
    a, b = random.sample(range(1, 5001), 2)
    p.stdin.write(f"begin; update odd.account set balance = balance - 1 where id = {a};"
        f" update odd.account set balance = balance + 1 where id = {b}; commit;\n")
""",
    "mariadb": r"""
import random, subprocess
p = subprocess.Popen(["mariadb", "--database=b$(a)nk `=é"], stdin=subprocess.PIPE, text=True)
while True:
    a, b = random.sample(range(1, 5001), 2)
    p.stdin.write(f"begin; update account set balance = balance - 1 where id = {a};"
        f" update account set balance = balance + 1 where id = {b}; commit;\n")
""",
}

DRILL = """
import asyncio, json, os, subprocess, sys
from pi_installer_tui.databases import Dump
from pi_installer_tui.databases.scratch import scratch
from pi_installer_tui.system.local import LocalHost

async def main(engine, of, path, then=""):
    async with scratch(LocalHost(), Dump(engine, of)) as drill:
        with open(path, "rb") as file:
            done = subprocess.run(drill.argv, stdin=file, capture_output=True, text=True)
        if then == "kill":
            os.kill(os.getpid(), 9)
        if done.returncode:
            print(json.dumps({"failed": done.stderr}))
        else:
            here, live = await drill.count(), await drill.live()
            print(json.dumps({"here": dict(here.tables), "live": dict(live.tables), "lacks": here.lacks(live)}))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def server(lab: Lab, bare_image: Image) -> Iterator[Machine]:
    """A machine with both servers, for all tests here."""

    def install(machine: Machine) -> None:
        machine.run(["apt-get", "update", "-qq"])
        machine.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES])

    image = lab.layer(bare_image, "databases", sha256(" ".join(PACKAGES).encode()).hexdigest(), install)
    with lab.machine(image) as machine:
        folder = machine.push_checkout(Path(__file__).parents[2])
        machine.write("/usr/lib/python3/dist-packages/checkout.pth", folder.encode())
        until(lambda: machine.run(["test", "-S", "/run/postgresql/.s.PGSQL.5432"], check=False).ok, 60)
        until(lambda: machine.run(["mariadb-admin", "ping"], check=False).ok, 60)
        yield machine


def ask(machine: Machine, engine: str, text: str, database: str = "") -> str:
    if engine == "mariadb":
        argv = [
            "mariadb",
            "--batch",
            "--skip-column-names",
            "--default-character-set=utf8mb4",
            *([f"--database={database}"] if database else []),
        ]
        return machine.run(argv, stdin=text).stdout.strip()
    name = (database or "postgres").replace("\\", "\\\\").replace("'", "\\'")
    argv = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "psql", "-qXAt"]
    return machine.run([*argv, "--set=ON_ERROR_STOP=1", f"--dbname=dbname='{name}'"], stdin=text).stdout.strip()


def quoted(engine: str, name: str) -> str:
    mark = "`" if engine == "mariadb" else '"'
    return mark + name.replace(mark, mark * 2) + mark


def names(machine: Machine, engine: str) -> set[str]:
    queries = {"mariadb": "show databases", "postgresql": "select datname from pg_database where not datistemplate"}
    return set(machine.run(["true"]).stdout.splitlines()) | {
        line.replace("\\\\", "\\") if engine == "mariadb" else line
        for line in ask(machine, engine, queries[engine]).splitlines()
    } - {"information_schema", "mysql", "performance_schema", "sys", "postgres"}


@pytest.fixture
def bank(server: Machine, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine with the bank's database and no other."""
    engine = request.getfixturevalue("engine")
    clear(server, engine)
    if engine == "postgresql":
        ask(server, engine, 'drop role if exists "app owner"; create role "app owner" login password \'geheim\'')
        locale = "lc_collate 'C' lc_ctype 'C' template template0"
        create = f'create database {quoted(engine, BANKS[engine])} owner "app owner" {locale};'
        settings = f'alter database {quoted(engine, BANKS[engine])} set search_path = "$user", odd, public;'
        rights = f"revoke all on database {quoted(engine, BANKS[engine])} from public;"
        ask(server, engine, create)
        ask(server, engine, settings + rights)
        ask(server, engine, POSTGRESQL, BANKS[engine])
    else:
        character = "character set latin1 collate latin1_german1_ci"
        ask(server, engine, f"create database {quoted(engine, BANKS[engine])} {character}")
        ask(server, engine, MARIADB, BANKS[engine])
    yield server
    clear(server, engine)


def clear(machine: Machine, engine: str) -> None:
    for name in names(machine, engine):
        ask(machine, engine, f"drop database {quoted(engine, name)}")


def dump(machine: Machine, engine: str, of: str, to: str) -> None:
    script = 'exec "$@" > "$0"'
    machine.run(["sh", "-c", script, to, *COMMAND, "pi_installer_tui.databases.dumping", engine, of, ""])


def load(machine: Machine, engine: str, into: str, path: str) -> str:
    """ "": it went well; else what it said."""
    script = 'exec "$@" < "$0"'
    argv = ["sh", "-c", script, path, *COMMAND, "pi_installer_tui.databases.loading", engine, into, ""]
    done = machine.run(argv, check=False)
    assert done.ok == (done.stderr == ""), done
    return done.stderr


def counts(machine: Machine, engine: str, of: str) -> dict[str, int]:
    module = "pi_installer_tui.databases.answering"
    found: dict[str, int] = json.loads(machine.run([*COMMAND, module, "count", engine, of, ""]).stdout)
    return found


def digest(machine: Machine, engine: str, database: str) -> str:
    """Of every value of the tables with all kinds of them, and what is beside tables."""
    if engine == "postgresql":
        query = """select md5(string_agg(md5(a::text), ',' order by id)) from odd.account a;
            select md5(string_agg(md5(a::text), ',' order by id)) from odd.big a; select last_value from odd.s;
            select odd.f(1), count(*) from odd.rich; select * from part;
            select count(*) from pg_indexes where schemaname = 'odd';
            select count(*) from pg_constraint where contype = 'f'"""
    else:
        values = "id, balance, note, hex(raw), j, m, at, amount, bits + 0, twice"
        query = f"""select md5(group_concat(md5(concat_ws('|', {values})) order by id)) from account;
            select md5(body), length(body) from big; select * from abig; select f(1), count(*) from rich;
            select count(*) from a_view_of_it; call p(1); select next_not_cached_value from s;
            show create trigger t; show create event e; show create procedure p; show create view rich;
            select constraint_name from information_schema.referential_constraints where constraint_schema = database();
            select default_collation_name from information_schema.schemata where schema_name = database()"""
        query = "set group_concat_max_len = 1000000000;" + query.replace("show create trigger t", "show triggers")
    said = ask(machine, engine, query, database)
    said = said.replace(quoted("mariadb", database) + ".", "")
    return re.sub(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "", said).replace(database, "")


def total(machine: Machine, engine: str, database: str) -> str:
    table = "odd.account" if engine == "postgresql" else "account"
    return ask(machine, engine, f"select concat(count(*), ' ', sum(balance)) from {table}", database)


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_a_dump_is_of_one_moment_while_writers_work(bank: Machine, engine: str) -> None:
    moved = "select count(*) from {} where balance <> 100".format(
        "odd.account" if engine == "postgresql" else "account"
    )
    writer = bank.start_process(["python3", "-c", WRITERS[engine]])
    try:
        until(lambda: int(ask(bank, engine, moved, BANKS[engine])) > 10, 60)
        dump(bank, engine, BANKS[engine], "/tmp/bank.sql")
        before = ask(bank, engine, moved, BANKS[engine])
        until(lambda: ask(bank, engine, moved, BANKS[engine]) != before, 60)  # they went on
    finally:
        writer.kill()
        bank.run(["pkill", "-f", "random.sample"], check=False)
        writer.wait()
    assert load(bank, engine, COPY, "/tmp/bank.sql") == ""
    assert total(bank, engine, COPY) == "5000 500000"
    assert int(ask(bank, engine, moved, COPY)) > 10


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_all_comes_back_into_the_same_and_into_another(bank: Machine, engine: str) -> None:
    was, rows = digest(bank, engine, BANKS[engine]), counts(bank, engine, BANKS[engine])
    assert len(rows) >= 3 and sum(rows.values()) > 5000
    dump(bank, engine, BANKS[engine], "/tmp/bank.sql")
    assert load(bank, engine, COPY, "/tmp/bank.sql") == ""
    assert digest(bank, engine, COPY) == was and counts(bank, engine, COPY) == rows

    damage = {
        "postgresql": "drop table odd.big; update odd.account set note = ''; create table odd.late(x int);"
        "insert into odd.late values(1); drop view odd.rich; alter database {} owner to postgres",
        "mariadb": "drop table abig; update account set note = ''; create table late(x int);"
        "insert into late values(1); "
        "drop view rich; drop procedure p; create trigger late_one before insert on late for each row set new.x = 2;",
    }[engine].format(quoted(engine, BANKS[engine]))
    ask(bank, engine, damage, BANKS[engine])
    assert counts(bank, engine, BANKS[engine]) != rows
    sleep = {"postgresql": "select pg_sleep(600)", "mariadb": "select sleep(600)"}[engine]
    name = "dbname='b\"a\\'n\\\\k `=é'"
    become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    client = {
        "postgresql": [*become, "psql", "-d", name, "-c", sleep],
        "mariadb": ["mariadb", f"--database={BANKS[engine]}", "-e", sleep],
    }[engine]
    connected = bank.start_process(client)
    try:
        connections = {
            "postgresql": "select count(*) from pg_stat_activity where query like '%600%' and pid <> pg_backend_pid()",
            "mariadb": "select count(*) from information_schema.processlist where info = 'select sleep(600)'",
        }[engine]
        until(lambda: ask(bank, engine, connections) == "1", 60)
        assert load(bank, engine, BANKS[engine], "/tmp/bank.sql") == ""
    finally:
        connected.kill()
        connected.wait()
    assert digest(bank, engine, BANKS[engine]) == was and counts(bank, engine, BANKS[engine]) == rows
    assert names(bank, engine) == {BANKS[engine], COPY}
    if engine == "postgresql":
        shape = """select pg_get_userbyid(datdba), datcollate, datacl, (select setconfig from pg_db_role_setting
            where setdatabase = d.oid) from pg_database d where datname = '{}'"""
        assert "app owner|C|" in ask(bank, engine, shape.format(BANKS[engine].replace("'", "''")))
        one, other = (ask(bank, engine, shape.format(name.replace("'", "''"))) for name in (BANKS[engine], COPY))
        assert one == other and 'search_path=\\"$user\\", odd, public' in one
    # bytes of a second dump are the first one's, so that a repository keeps them once
    dump(bank, engine, BANKS[engine], "/tmp/again.sql")
    strange = "grep -av restrict"
    assert says(bank, "sh", "-c", f"{strange} /tmp/bank.sql | md5sum") == says(
        bank, "sh", "-c", f"{strange} /tmp/again.sql | md5sum"
    )


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_cut_off_leaves_the_database_as_it_was(bank: Machine, engine: str) -> None:
    was = digest(bank, engine, BANKS[engine])
    dump(bank, engine, BANKS[engine], "/tmp/bank.sql")
    size = int(says(bank, "stat", "-c", "%s", "/tmp/bank.sql"))
    for cut in (size // 2, size // 3, size - 120, 0):
        bank.run(["sh", "-c", f"head -c {cut} /tmp/bank.sql > /tmp/cut.sql"])
        said = load(bank, engine, BANKS[engine], "/tmp/cut.sql")
        assert said.count("\n") == 1 and len(said) < 400, said
    # wrong at its beginning, so that the engine's program goes away while most is to come
    bank.run(["sh", "-c", "sed '1,60s/^CREATE /CRATE /' /tmp/bank.sql > /tmp/cut.sql"])
    said = load(bank, engine, BANKS[engine], "/tmp/cut.sql")
    assert said.count("\n") == 1 and "ERROR" in said, said
    # told to end while it waits for the rest
    script = 'head -c 5000000 /tmp/bank.sql > /tmp/cut.sql; (cat /tmp/cut.sql; sleep 600) | "$@"; echo "status $?"'
    argv = ["sh", "-c", script, "sh", *COMMAND, "pi_installer_tui.databases.loading", engine, BANKS[engine], ""]
    waiting = bank.start_process(argv)
    until(lambda: len(names(bank, engine)) == 2, 60)
    bank.run(["pkill", "-TERM", "-f", "^python3 -I -m pi_installer_tui.databases.loading"])
    until(lambda: names(bank, engine) == {BANKS[engine]}, 60)
    until(lambda: bank.run(["pkill", "-x", "sleep"], check=False).ok, 60)
    assert b"status 1" in waiting.communicate(timeout=60)[0]
    # every statement is there, and not the last words
    bank.run(["sh", "-c", "grep -av -e '-- Dump completed' -e 'database dump complete' /tmp/bank.sql > /tmp/cut.sql"])
    assert "cut off" in load(bank, engine, BANKS[engine], "/tmp/cut.sql")
    assert digest(bank, engine, BANKS[engine]) == was and names(bank, engine) == {BANKS[engine]}


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_a_dump_whose_program_or_server_is_killed_says_so(bank: Machine, engine: str) -> None:
    program = {"postgresql": "pg_dump", "mariadb": "mariadb-dump"}[engine]
    stop = {
        "postgresql": "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_dump'",
        "mariadb": "select concat('kill ', id, ';') from information_schema.processlist where command = 'Query'"
        " and id <> connection_id() and user = 'root'",
    }[engine]
    stands = {
        "postgresql": "select count(*) from pg_stat_activity where application_name = 'pg_dump'"
        " and wait_event = 'ClientWrite'",
        "mariadb": "select count(*) from information_schema.processlist where command = 'Query' and time_ms > 500"
        " and id <> connection_id() and user = 'root'",
    }[engine]
    # its reader takes nothing, so it stands in the middle of the large row until it is let go
    script = 'mkfifo /tmp/$$; "$@" > /tmp/$$ 2>/tmp/said & p=$!; exec 3</tmp/$$; read go; cat <&3 | tail -c 300;'
    script += ' wait $p; echo "status $?"'
    for how in ("program", "server"):
        argv = ["sh", "-c", script, "sh", *COMMAND, "pi_installer_tui.databases.dumping", engine, BANKS[engine], ""]
        running = bank.start_process(argv)
        assert running.stdin is not None and running.stdout is not None
        until(lambda: ask(bank, engine, stands) == "1", 60)  # the pipes between are full
        if how == "program":
            bank.run(["pkill", "-KILL", "-x", program])
        elif engine == "postgresql":
            assert ask(bank, engine, stop) == "t"
        else:
            bank.run(["sh", "-c", f'mariadb -BNe "{stop}" | mariadb'])
        said, _errors = running.communicate(b"go\n", timeout=120)
        assert b"status 1" in said, (how, said[-200:])
        assert b"dump complete" not in said and b"Dump completed" not in said
        assert bank.read("/tmp/said").count(b"\n") == 1, how


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_a_drill_counts_what_it_loaded_and_leaves_nothing(bank: Machine, engine: str) -> None:
    def drill(path: str, *then: str) -> Any:
        done = bank.run(["python3", "-c", DRILL, engine, BANKS[engine], path, *then], check=not then)
        return json.loads(done.stdout) if not then else done.status

    was = digest(bank, engine, BANKS[engine])
    dump(bank, engine, BANKS[engine], "/tmp/bank.sql")
    found = drill("/tmp/bank.sql")
    assert found["here"] == found["live"] and len(found["here"]) >= 3 and found["lacks"] == []
    table = {"postgresql": "odd.late", "mariadb": "late"}[engine]
    ask(bank, engine, f"create table {table}(x int)", BANKS[engine])
    assert drill("/tmp/bank.sql")["lacks"] == [table]
    ask(bank, engine, f"drop table {table}", BANKS[engine])
    bank.run(["sh", "-c", "head -c 1000000 /tmp/bank.sql > /tmp/cut.sql"])
    assert drill("/tmp/cut.sql")["failed"]
    assert names(bank, engine) == {BANKS[engine]}

    assert drill("/tmp/bank.sql", "kill") != 0
    assert len(names(bank, engine)) == 2, "it was killed"
    drill("/tmp/bank.sql")
    assert names(bank, engine) == {BANKS[engine]} and digest(bank, engine, BANKS[engine]) == was


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_accounts_come_back_without_harm_to_those_that_are_there(bank: Machine, engine: str) -> None:
    create = {
        "postgresql": "create role guest login password 'first'",
        "mariadb": "create user guest@localhost identified by 'first'; grant select on mysql.* to guest@localhost",
    }[engine]
    drop = {"postgresql": "drop role guest", "mariadb": "drop user guest@localhost"}[engine]
    secret = {
        "postgresql": "select rolpassword from pg_authid where rolname = 'guest'",
        "mariadb": "show grants for guest@localhost",
    }[engine]
    ask(bank, engine, create)
    was = ask(bank, engine, secret)
    dump(bank, engine, ACCOUNTS, "/tmp/accounts.sql")
    everyone = counts(bank, engine, ACCOUNTS)
    ask(bank, engine, drop)
    assert load(bank, engine, ACCOUNTS, "/tmp/accounts.sql") == ""
    assert ask(bank, engine, secret) == was and counts(bank, engine, ACCOUNTS) == everyone
    assert load(bank, engine, ACCOUNTS, "/tmp/accounts.sql") == "", "twice does no harm"
    bank.run(["sh", "-c", "head -c 400 /tmp/accounts.sql > /tmp/cut.sql"])
    assert load(bank, engine, "(check)", "/tmp/accounts.sql") == ""
    assert "cut off" in load(bank, engine, "(check)", "/tmp/cut.sql")
    ask(bank, engine, drop)


def test_tables_without_transactions_are_locked_for_their_dump(server: Machine) -> None:
    clear(server, "mariadb")
    ask(server, "mariadb", "create database old; create table old.t(x int) engine=MyISAM; insert into old.t values(1)")
    ask(server, "mariadb", "set global log_output = 'TABLE'; set global general_log = 1")
    dump(server, "mariadb", "old", "/tmp/old.sql")
    ask(server, "mariadb", "set global general_log = 0")
    log = ask(server, "mariadb", "select convert(argument using utf8mb4) from mysql.general_log")
    assert "LOCK TABLES `t`" in log and "CONSISTENT SNAPSHOT" not in log
    assert load(server, "mariadb", "old2", "/tmp/old.sql") == ""
    assert counts(server, "mariadb", "old2") == {"t": 1}
    clear(server, "mariadb")


PYTHON = "/opt/pi-installer-tui/current/bin/python"
DISCOVER = """
import asyncio, dataclasses, json, sys
from pi_installer_tui.modules.backup.discovery import discover, measure, resolve
from pi_installer_tui.modules.backup.settings import JobSettings
from pi_installer_tui.system.local import LocalHost

async def main(words):
    host = LocalHost()
    found = await discover(host)
    held = await resolve(host, JobSettings(what=tuple(words)))
    sizes = {one.path: one.bytes async for one in measure(host, held) if one.done}
    told = {each.what: dataclasses.asdict(each) for each in found}
    print(json.dumps({"found": told, "held": dataclasses.asdict(held), "sizes": sizes}))

asyncio.run(main(sys.argv[1:]))
"""
START = {
    "postgresql": """
mkdir -p /run/postgresql /tmp /var; ln -s /run /var/run; chmod 1777 /tmp; chown postgres /run/postgresql "$PGDATA"
become="setpriv --reuid=postgres --regid=postgres --init-groups"
echo geheim > /tmp/word
[ -f "$PGDATA/PG_VERSION" ] || $become initdb --auth=scram-sha-256 --pwfile=/tmp/word -D "$PGDATA"
exec $become postgres -D "$PGDATA" -c listen_addresses=
""",
    "mariadb": """
mkdir -p /run/mysqld /tmp; chmod 1777 /tmp; chown mysql /run/mysqld /var/lib/mysql
[ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --auth-root-authentication-method=normal
echo "ALTER USER root@localhost IDENTIFIED BY 'geheim';" > /tmp/init; chown mysql /tmp/init
exec mariadbd --user=mysql --init-file=/tmp/init --skip-networking
""",
}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_template_of_a_job_dumps_one_and_keeps_the_newest(server: Machine, engine: str) -> None:
    ask(server, engine, "create database shop_2")
    ask(server, engine, "create table a(i int); insert into a values(41), (42);", "shop_2")
    ending, folder = {"postgresql": "dump", "mariadb": "sql.gz"}[engine], f"/srv/it's dumps of {engine}"
    filled = fill(USUAL[engine], {"database": "shop_2", "folder": folder, "keep": "2"})
    server.run(["install", "-d", "-o", filled.user, folder])
    for day in (1, 2):
        server.write(f"{folder}/shop_2-2024010{day}-000000.{ending}", "")
    server.write(f"{folder}/shop_2-mine.{ending}", "")
    environment = ("PATH=/usr/bin:/bin", "HOME=/", f"LOGNAME={filled.user}", "SHELL=/bin/sh")
    server.run(["env", "-i", *environment, "/bin/sh", "-c", filled.command], user=filled.user)
    left = says(server, "ls", "-A", folder).splitlines()
    (new,) = set(left) - {f"shop_2-20240102-000000.{ending}", f"shop_2-mine.{ending}"}
    assert len(left) == 3 and re.fullmatch(rf"shop_2-20\d{{6}}-\d{{6}}\.{re.escape(ending)}", new)
    assert says(server, "stat", "--format=%a %U", f"{folder}/{new}") == f"600 {filled.user}"
    ask(server, engine, "drop database shop_2")
    if engine == "postgresql":
        back = f"createdb shop_2 && pg_restore -d shop_2 {shlex.quote(f'{folder}/{new}')}"
    else:
        back = f"mariadb -e 'create database shop_2' && zcat {shlex.quote(f'{folder}/{new}')} | mariadb shop_2"
    server.run(["sh", "-c", back], user=filled.user)
    assert ask(server, engine, "select sum(i) from a", "shop_2") == "83"
    ask(server, engine, "drop database shop_2")


@pytest.mark.long
@pytest.mark.parametrize("suite", ["trixie"], indirect=True)
def test_what_containers_hold_is_found_dumped_and_drilled(installed: Machine) -> None:
    installed.run(["apt-get", "update", "-qq"])
    packages = ["docker.io", "docker-cli", "postgresql", "mariadb-server", "sqlite3"]
    installed.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages])
    installed.run(["systemctl", "stop", "mariadb"])
    there = "bin sbin lib lib64 usr/bin usr/sbin usr/lib usr/lib64 usr/share/postgresql usr/share/mariadb etc"
    installed.run(["sh", "-c", f"tar -C / -c {there} | docker import - all"])
    version = says(installed, "sh", "-c", "ls /usr/lib/postgresql")
    labels = {"project": "wiki", "project.working_dir": "/srv/wiki", "project.config_files": "/srv/wiki/compose.yml"}
    of_wiki = [word for key, value in labels.items() for word in ("--label", f"com.docker.compose.{key}={value}")]
    installed.run(["mkdir", "-p", "/srv/wiki/data"])
    installed.write("/srv/wiki/compose.yml", b"services: {}\n")
    run = ["docker", "run", "--detach", "--network=none"]
    environment = [f"PG_MAJOR={version}", "PGDATA=/data", "POSTGRES_PASSWORD=geheim"]
    environment.append(f"PATH=/usr/lib/postgresql/{version}/bin:/usr/bin:/bin")
    words = [word for each in environment for word in ("--env", each)]
    start = ["sh", "-c", START["postgresql"]]
    installed.run([*run, "--name=wiki-db-1", *of_wiki, "--volume=wiki_db:/data", *words, "all", *start])
    sleep = ["all", "sleep", "infinity"]
    mounts = ["--volume=wiki_files:/files", "--volume=/srv/wiki/data:/d", "--volume=/etc/localtime:/etc/localtime:ro"]
    installed.run([*run, "--name=wiki-web-1", *of_wiki, *mounts, *sleep])
    words = ["--env=MARIADB_VERSION=11", "--env=MARIADB_ROOT_PASSWORD=geheim", "--volume=shop:/var/lib/mysql"]
    installed.run([*run, "--name=shop", *words, "all", "sh", "-c", START["mariadb"]])
    installed.run([*run, "--name=grafana", "--volume=grafana:/g", *sleep])
    volumes = "/var/lib/docker/volumes"
    installed.run(["sqlite3", f"{volumes}/grafana/_data/grafana.db", "create table t(x); insert into t values(1)"])
    installed.run(["sh", "-c", f"head -c 12345 /dev/zero > {volumes}/wiki_files/_data/file"])

    module = "pi_installer_tui.databases."
    client = ["docker", "exec", "--interactive", "--env=PGPASSWORD=geheim", "wiki-db-1", "psql", "-U", "postgres"]
    until(lambda: installed.run([*client, "-c", "select 1"], check=False).ok, 120)
    server = ["docker", "exec", "--interactive", "--env=MYSQL_PWD=geheim", "shop", "mariadb"]
    until(lambda: installed.run([*server, "-e", "select 1"], check=False).ok, 120)
    installed.run([*client, "-c", "create database pages"])
    installed.run([*client, "-d", "pages", "-c", "create table p(x) as select generate_series(1, 1000)"])
    installed.run([*server, "-e", "create database goods; create table goods.g(x int); insert into goods.g values(1)"])

    job = ["compose:/srv/wiki", "mariadb:shop/", "volume:grafana", "mariadb:old", "postgresql", "volume:wiki_db"]
    said = json.loads(installed.run([PYTHON, "-I", "-c", DISCOVER, *job]).stdout)
    found, held = said["found"], said["held"]
    wiki = found["compose:/srv/wiki"]
    assert wiki["paths"] == ["/srv/wiki", f"{volumes}/wiki_db/_data", f"{volumes}/wiki_files/_data"]
    assert wiki["excludes"] == [f"{volumes}/wiki_db/_data"] and wiki["stops"] == ["container:wiki-web-1"]
    assert {each["of"] for each in wiki["dumps"]} == {"pages", ACCOUNTS}
    assert found["postgresql:wiki-db-1/"]["within"] == "compose:/srv/wiki"
    assert found["mariadb"]["why"] == "its server doesn't run"
    assert found["volume:grafana"]["stops"] == [] and "volume:shop" not in found
    assert found["volume:grafana"]["dumps"][0]["of"] == f"{volumes}/grafana/_data/grafana.db"
    assert {(each["engine"], each["container"], each["of"]) for each in held["dumps"]} >= {
        ("postgresql", "wiki-db-1", "pages"),
        ("mariadb", "shop", "goods"),
        ("sqlite", "", f"{volumes}/grafana/_data/grafana.db"),
    }
    assert [line.partition(":")[0] for line in held["missing"]] == ["mariadb", "volume"], held["missing"]
    assert said["sizes"][f"{volumes}/wiki_db/_data"] == 0, "its live files are left out"
    assert said["sizes"][f"{volumes}/wiki_files/_data"] == 12345
    assert "geheim" not in json.dumps(said)

    for engine, of, box, table in (("postgresql", "pages", "wiki-db-1", "public.p"), ("mariadb", "goods", "shop", "g")):
        was = {table: 1000 if table == "public.p" else 1}

        def do(verb: str, *arguments: str, how: str = 'exec "$@"') -> str:
            return installed.run(["sh", "-c", how, "sh", PYTHON, "-I", "-m", module + verb, *arguments]).stdout

        do("dumping", engine, of, box, how='exec "$@" > /tmp/box.sql')
        do("loading", engine, "copy", box, how='exec "$@" < /tmp/box.sql')
        assert json.loads(do("answering", "count", engine, "copy", box)) == was
        do("loading", engine, of, box, how='exec "$@" < /tmp/box.sql')
        assert json.loads(do("answering", "count", engine, of, box)) == was
        do("dumping", engine, ACCOUNTS, box, how='exec "$@" > /tmp/accounts.sql')
        do("loading", engine, ACCOUNTS, box, how='exec "$@" < /tmp/accounts.sql')
        drill = DRILL.replace("Dump(engine, of)", f"Dump(engine, of, {box!r})")
        proven = json.loads(installed.run([PYTHON, "-I", "-c", drill, engine, of, "/tmp/box.sql"]).stdout)
        assert proven == {"here": was, "live": was, "lacks": []}
        listed = set(json.loads(do("answering", "list", engine, "", box))["databases"])
        assert listed - {"test"} == {of, "copy"}
    stopped = installed.run(["docker", "stop", "--time=1", "shop"])
    assert stopped.ok
    again = json.loads(installed.run([PYTHON, "-I", "-c", DISCOVER, "mariadb:shop/", "volume:shop"]).stdout)
    assert again["held"]["paths"] == [f"{volumes}/shop/_data"], "its files lie still, and are kept as such"
    assert len(again["held"]["missing"]) == 1
    # who may ask nobody still sees what lies open
    other = json.loads(installed.run([PYTHON, "-I", "-c", DISCOVER, "system", "postgresql"], user="games").stdout)
    assert "/etc" in other["held"]["paths"] and other["found"]["postgresql"]["why"]
    assert found["volume:wiki_files"]["within"] == "compose:/srv/wiki"
    assert not any(word.startswith(("compose:", "volume:")) for word in other["found"])
