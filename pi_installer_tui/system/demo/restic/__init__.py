"""Plays restic 0.18 on a folder: it keeps what it is given, and answers as the real one does.

repository.py   the repository's files: blobs, trees, snapshots, locks
command.py      one command: its options, which snapshots it means, patterns
reading.py      snapshots, ls, find, diff, stats, list, cat, dump
backing_up.py   backup;  restoring.py   restore
keeping.py      forget, prune, unlock;  checking.py   check
past.py         the repository that the demo has from the start
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pi_installer_tui.system.demo.players import Call, Options, Refused, player
from pi_installer_tui.system.demo.restic import backing_up, checking, keeping, past, reading, restoring
from pi_installer_tui.system.demo.restic.command import Command
from pi_installer_tui.system.demo.restic.repository import VERSION, Damaged, Failed, Repository, compact

_SWITCHES = """
--json --no-lock --dry-run -n --one-file-system -x --stdin --stdin-from-command --prune --read-data --remove-all
--metadata --long -l --recursive --quiet -q --verbose -v --compact -c --skip-if-unchanged --no-scan --force -f
--ignore-ctime --ignore-inode --no-cache --cleanup-cache --verify --delete --sparse --ignore-case -i --with-cache
--exclude-caches
"""
_VALUES = """
--repo -r --password-file -p --cache-dir --cacert --limit-upload --limit-download --option -o --tag --exclude -e
--include --exclude-file --host -H --path --time --target -t --group-by -g --keep-last --keep-hourly --keep-daily
--keep-weekly --keep-monthly --keep-yearly --keep-within --keep-tag --mode --overwrite --read-data-subset --snapshot -s
--retry-lock --stdin-filename --parent --compression --pack-size --max-unused --latest --include-file --files-from
"""
_OPTIONS = (*_SWITCHES.split(), *(f"{name}=" for name in _VALUES.split()))

_COMMANDS: dict[str, Callable[[Command], Awaitable[int]]] = {
    "backup": backing_up.backup,
    "cat": reading.cat,
    "check": checking.check,
    "diff": reading.diff,
    "dump": reading.dump,
    "find": reading.find,
    "forget": keeping.forget,
    "list": reading.listing,
    "ls": reading.ls,
    "prune": keeping.prune,
    "restore": restoring.restore,
    "snapshots": reading.snapshots,
    "stats": reading.stats,
    "unlock": keeping.unlock,
}


@player("restic", package="restic")
async def restic(call: Call) -> int:
    """One command. What --json is for comes as JSON, the reason for a failure too."""
    try:
        options = call.options(*_OPTIONS)
    except Refused as refused:
        raise Refused(f"unknown flag: {refused.message.rpartition(' ')[2].strip(chr(39))}") from None
    verb, *words = options.words or [""]
    if verb == "version":
        await call.out(f"restic {VERSION} compiled with go1.24.4 on linux/arm64")
        return 0
    try:
        return await _command(call, options, verb, words)
    except Failed as failed:
        if options.has("--json") and verb not in ("cat", "list", "prune", "unlock"):
            message = {"message_type": "exit_error", "code": failed.status, "message": failed.message}
            raise Refused(compact(message), failed.status) from None
        raise Refused(failed.message, failed.status) from None
    except Damaged as damaged:
        what = "does not exist" if damaged.missing else "ciphertext verification failed"
        raise Refused(f"Fatal: load <data/{damaged.blob[:10]}>: {what}") from None


async def _command(call: Call, options: Options, verb: str, words: list[str]) -> int:
    path = options.value("-r", "--repo", default=call.env.get("RESTIC_REPOSITORY", ""))
    if verb not in _COMMANDS and verb != "init":
        raise Failed(f'unknown command "{verb}" for "restic"')
    if not path:
        raise Failed("Fatal: Please specify repository location (-r or --repository-file)")
    repository = Repository(call.machine, _folder(path))
    password = _password(call, options)
    await call.pause(0.3)  # scrypt takes that long
    if verb == "init":
        identity = repository.make(password)
        if options.has("--json"):
            await call.out(compact({"message_type": "initialized", "id": identity, "repository": path}))
        else:
            await call.out(f"created restic repository {identity[:10]} at {path}\n\n{_PLEASE_NOTE}")
        return 0
    past.fill(repository)
    repository.opened(password)
    return await _COMMANDS[verb](Command(call, options, repository, words))


_PLEASE_NOTE = """\
Please note that knowledge of your password is required to access
the repository. Losing your password means that your data is
irrecoverably lost."""


def _password(call: Call, options: Options) -> bytes:
    path = options.value("-p", "--password-file", default=call.env.get("RESTIC_PASSWORD_FILE", ""))
    if not path:
        given = call.env.get("RESTIC_PASSWORD", "")
        if not given:
            raise Failed("Fatal: an empty password is not allowed by default. Pass the flag `--insecure-no-password`")
        return given.encode()
    text = call.machine.text(path)
    if text is None:
        raise Failed(f"Fatal: Resolving password failed: Fatal: {path} does not exist\n")
    return text.strip().encode()


def _folder(repository: str) -> str:
    """Where it lies. Raises Failed: no server is in the demo's reach."""
    kind, colon, _rest = repository.partition(":")
    if repository.startswith("/"):
        return repository.rstrip("/") or "/"
    if kind == "local" and colon:
        return _folder(repository.removeprefix("local:"))
    why = {
        "sftp": "unable to start the sftp session, error: error receiving version packet from server: server "
        "unexpectedly closed connection: unexpected EOF",
        "rest": "Head: dial tcp: lookup failed: no such host",
        "s3": "Stat: dial tcp: lookup failed: no such host",
        "gs": "Stat: dial tcp: lookup failed: no such host",
    }
    if kind not in why:
        raise Failed(f"Fatal: unable to open repository at {repository}: it isn't a whole path")
    raise Failed(f"Fatal: unable to open repository at {repository}: {why[kind]}")
