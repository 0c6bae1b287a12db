"""PostgreSQL: a database as plain SQL of pg_dump, which later versions load too, and which deduplicates well; loaded
into a new one that takes the old one's place by a rename. Sources: its documentation, pg_dump, pg_dumpall, ALTER
DATABASE."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from pi_installer_tui.databases import ACCOUNTS, Counts
from pi_installer_tui.databases.commands import DatabaseError, ask, postgresql

#: settings that are lists of names: their value is already quoted (pg_dump/dumputils.c, variable_is_guc_list_quote)
_LISTS = {
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
}
#: tries to rename a database between the connections of those who come back at once
_TRIES = 20


def name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Source: `String Constants with C-Style Escapes`; right whatever standard_conforming_strings says."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def connection(database: str) -> str:
    """--dbname: a bare name with = in it would be taken for more than a name. Source: `Connection Strings`."""
    return "dbname='" + database.replace("\\", "\\\\").replace("'", "\\'") + "'"


class PostgreSQL:
    """A server. container: "": the machine's own."""

    complete = (b"-- PostgreSQL database dump complete", b"-- PostgreSQL database cluster dump complete")

    def __init__(self, container: str = "") -> None:
        self.container = container

    def rows(self, query: str, database: str = "postgres") -> list[list[Any]]:
        """What a query of one column of JSON arrays answers. Raises DatabaseError."""
        return [json.loads(line) for line in self._say(query, database=database).splitlines() if line]

    def _say(self, *statements: str, database: str = "postgres", together: bool = False) -> str:
        words = ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password", "--set=ON_ERROR_STOP=1"]
        words += ["--single-transaction"] if together else []
        words += [f"--dbname={connection(database)}", *(f"--command={each}" for each in statements)]
        return ask(postgresql(self.container, "psql", *words))

    # what is there

    def databases(self) -> dict[str, int]:
        """Names and bytes of those that people made. Raises DatabaseError."""
        query = """SELECT json_build_array(datname, pg_database_size(oid)) FROM pg_database
            WHERE NOT datistemplate AND datallowconn ORDER BY datname"""
        found = {str(row[0]): int(row[1]) for row in self.rows(query)}
        if "postgres" in found and not self.counts("postgres").tables:
            del found["postgres"]  # it comes with the server
        return found

    def everything(self) -> list[str]:
        return [str(row[0]) for row in self.rows("SELECT json_build_array(datname) FROM pg_database")]

    def folder(self) -> str:
        """Where its files are, as the server sees it."""
        return str(self.rows("SELECT json_build_array(current_setting('data_directory'))")[0][0])

    def counts(self, database: str) -> Counts:
        if database == ACCOUNTS:
            query = "SELECT json_build_array(rolname, 1) FROM pg_roles WHERE rolname !~ '^pg_'"
            return Counts({str(row[0]): 1 for row in self.rows(query)})
        tables = self.rows(
            """SELECT json_build_array(nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
            WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema')""",
            database,
        )
        found: dict[str, int] = {}
        for at in range(0, len(tables), 100):
            counting = " UNION ALL ".join(
                f"SELECT json_build_array({literal(f'{schema}.{table}')}, "
                f"(SELECT count(*) FROM {name(schema)}.{name(table)}))"
                for schema, table in tables[at : at + 100]
            )
            found |= {str(row[0]): int(row[1]) for row in self.rows(counting, database)}
        return Counts(found)

    # dumping

    def about(self, database: str) -> dict[str, Any]:
        """What a database is beside what is in it, which pg_dump leaves out. Raises DatabaseError."""
        found = self.rows(
            f"""SELECT json_build_array(pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype,
            datacl IS NOT NULL, (SELECT json_agg(json_build_array(privilege_type,
                CASE grantee WHEN 0 THEN '' ELSE pg_get_userbyid(grantee) END, is_grantable)) FROM aclexplode(datacl)),
            (SELECT json_agg(setting) FROM pg_db_role_setting, unnest(setconfig) AS setting
                WHERE setdatabase = d.oid AND setrole = 0))
            FROM pg_database d WHERE datname = {literal(database)}"""
        )
        if not found:
            raise DatabaseError(f"there is no database {database}")
        words = ("owner", "encoding", "collate", "ctype", "restricted", "grants", "settings")
        return dict(zip(words, found[0], strict=True))

    def dumping(self, database: str) -> list[str]:
        """The command whose output is the dump."""
        if database == ACCOUNTS:
            return postgresql(self.container, "pg_dumpall", "--globals-only", "--no-password")
        form = ["--format=plain", "--encoding=UTF8", "--no-password", "--lock-wait-timeout=600000"]  # 10 min
        return postgresql(self.container, "pg_dump", *form, f"--dbname={connection(database)}")

    # loading

    def create(self, database: str, about: Mapping[str, Any]) -> None:
        """An empty one. A locale that this server doesn't have becomes C.UTF-8's own order rather than no database."""
        with_all = (
            f"CREATE DATABASE {name(database)} TEMPLATE template0 ENCODING {literal(about.get('encoding', 'UTF8'))}"
        )
        locale = "".join(
            f" {word} {literal(about[key])}"
            for word, key in (("LC_COLLATE", "collate"), ("LC_CTYPE", "ctype"))
            if about.get(key)
        )
        try:
            self._say(with_all + locale)
        except DatabaseError as error:
            if "locale" not in str(error):
                raise
            self._say(with_all)
        target = f"DATABASE {name(database)}"
        said = [f"ALTER {target} OWNER TO {name(about['owner'])}"] if about.get("owner") else []
        if about.get("restricted"):
            said.append(f"REVOKE ALL ON {target} FROM PUBLIC")
        for privilege, role, grantable in about.get("grants") or ():
            who = name(role) if role else "PUBLIC"
            said.append(f"GRANT {privilege} ON {target} TO {who}{' WITH GRANT OPTION' if grantable else ''}")
        for setting in about.get("settings") or ():
            key, _equals, value = setting.partition("=")
            said.append(f"ALTER {target} SET {name(key)} TO {value if key in _LISTS else literal(value)}")
        if said:
            self._say(*said)

    def loading(self, database: str) -> list[str]:
        """The command that a dump is given to."""
        words = ["--no-psqlrc", "--quiet", "--no-password", "--output=/dev/null"]
        if database == ACCOUNTS:
            return postgresql(self.container, "psql", *words, f"--dbname={connection('postgres')}", stdin=True)
        words += ["--set=ON_ERROR_STOP=1", f"--dbname={connection(database)}"]
        return postgresql(self.container, "psql", *words, stdin=True)

    def forgives(self, line: str) -> bool:
        """Whether that is no failure of loading ACCOUNTS: roles that are here stay (their password and rights become
        those of the dump)."""
        return "already exists" in line

    def swap(self, new: str, database: str, old: str) -> None:
        """The new one takes that name, whoever is connected to the one before is sent away, and that goes. Either all
        of it happens or nothing."""
        if database not in self.everything():
            self._say(f"ALTER DATABASE {name(new)} RENAME TO {name(database)}")
            return
        away = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {literal(database)}"
        for attempt in range(_TRIES):
            try:
                self._say(
                    away,
                    f"ALTER DATABASE {name(database)} RENAME TO {name(old)}",
                    f"ALTER DATABASE {name(new)} RENAME TO {name(database)}",
                    together=True,
                )
                break
            except DatabaseError as error:
                if "being accessed by other users" not in str(error) or attempt == _TRIES - 1:
                    raise
                time.sleep(0.2)
        self.drop(old)

    def drop(self, database: str) -> None:
        away = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {literal(database)}"
        self._say(away, f"DROP DATABASE IF EXISTS {name(database)}")

    def prepare(self) -> None:
        """Nothing: a row has no limit that a dump could be over."""

    def finish(self) -> None:
        """See prepare."""
