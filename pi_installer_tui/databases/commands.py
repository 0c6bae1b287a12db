"""The engines' own programs as argument lists: on this machine as whom the server knows without a password, in a
container by the container's own environment. So no password is ever an argument, here or there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from typing import IO

_END = 64 * 1024  # bytes

#: Container images: postgres and those made from it keep who the superuser is in POSTGRES_USER.
_IN_POSTGRESQL = """
w=${POSTGRES_PASSWORD-}
[ -n "$w" ] || [ ! -f "${POSTGRES_PASSWORD_FILE-}" ] || w=$(cat "$POSTGRES_PASSWORD_FILE")
PGPASSWORD=$w exec "$0" -U "${POSTGRES_USER:-postgres}" "$@"
"""
#: mariadb and mysql: root's password, or where that was random and never kept, that of the one user. Images of MySQL
#: and old ones of MariaDB have the programs by their old names.
_IN_MARIADB = """
p=$0
if ! command -v "$p" >/dev/null; then case $p in mariadb-dump) p=mysqldump;; mariadb) p=mysql;; esac; fi
u=root w=${MARIADB_ROOT_PASSWORD:-${MYSQL_ROOT_PASSWORD-}} f=${MARIADB_ROOT_PASSWORD_FILE:-${MYSQL_ROOT_PASSWORD_FILE-}}
[ -n "$w" ] || [ ! -f "$f" ] || w=$(cat "$f")
if [ -z "$w${MARIADB_ALLOW_EMPTY_ROOT_PASSWORD-}${MYSQL_ALLOW_EMPTY_PASSWORD-}" ]; then
  u=${MARIADB_USER:-${MYSQL_USER:-root}} w=${MARIADB_PASSWORD:-${MYSQL_PASSWORD-}}
fi
MYSQL_PWD=$w exec "$p" --user="$u" "$@"
"""


class DatabaseError(Exception):
    """Why a database can't be asked, dumped or loaded; the message is one sentence and holds no secret."""


def in_container(container: str, *argv: str, stdin: bool = False) -> list[str]:
    """A command in a container: NAME is Docker's, `podman:NAME` Podman's."""
    engine, _colon, name = container.rpartition(":")
    return [engine or "docker", "exec", *(["--interactive"] if stdin else []), name, *argv]


def postgresql(container: str, program: str, *arguments: str, stdin: bool = False) -> list[str]:
    """A client program of PostgreSQL. On the machine it is run as `postgres`, which the server knows by its socket
    (pg_hba.conf as Debian ships it: `local all postgres peer`)."""
    if container:
        return in_container(container, "sh", "-c", _IN_POSTGRESQL, program, *arguments, stdin=stdin)
    become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
    return [*become, program, *arguments]


def mariadb(container: str, program: str, *arguments: str, stdin: bool = False) -> list[str]:
    """A client program of MariaDB. On the machine it is run as root, which the server knows by its socket (Debian's
    README.Debian.gz: unix_socket); what root's own .my.cnf says counts."""
    if container:
        return in_container(container, "sh", "-c", _IN_MARIADB, program, *arguments, stdin=stdin)
    return [program, *arguments]


def spoken(argv: Sequence[str]) -> str:
    """What a command printed, however it ended."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", check=False)
    return done.stdout.decode("utf-8", "surrogateescape")


def ask(argv: Sequence[str], *, stdin: bytes = b"") -> str:
    """A command's output. Raises DatabaseError with the last line that it said."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, cwd="/", check=False)
    except OSError as error:
        raise DatabaseError(f"{argv[0]}: {error.strerror}") from None
    if done.returncode:
        raise DatabaseError(reason(done.stderr, done.returncode))
    return done.stdout.decode("utf-8", "surrogateescape")


def said_by(file: IO[bytes]) -> bytes:
    """The end of what a program said: some repeat the whole statement first."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - _END))
    return file.read()


def reason(stderr: bytes, status: int) -> str:
    """What a program said went wrong: the first line that tells of an error, else the last one. Pieces of statements,
    in which there may be data, are left out."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if "ERROR" in line or "FATAL" in line or "error:" in line.lower()]
    found = (telling or lines[-1:] or [f"exit status {status}"])[0]
    return re.sub(r" near '.*", "", found)[:300]
