"""What is wrong with what cron runs on a machine: its text (findings.py), and what the machine's files say of it. Each
path is looked at once."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterator, Sequence
from posixpath import dirname, normpath

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import PATH, FileStat, Host

from .findings import Finding, Severity, What, of_table
from .lines import NEWEST, Entry
from .read import Cron, Crontab

__all__ = ["Finding", "lint", "of_table"]

#: what a shell does itself or what begins more than a command: dash(1), bash(1)
_BUILTINS = frozenset(
    [
        ".",
        ":",
        "[",
        "[[",
        "alias",
        "bg",
        "break",
        "case",
        "cd",
        "command",
        "continue",
        "echo",
        "eval",
        "exec",
        "exit",
        "export",
        "false",
        "fg",
        "for",
        "if",
        "kill",
        "printf",
        "pwd",
        "read",
        "return",
        "set",
        "shift",
        "source",
        "test",
        "time",
        "times",
        "trap",
        "true",
        "type",
        "ulimit",
        "umask",
        "unset",
        "until",
        "wait",
        "while",
        "{",
        "(",
        "!",
        "function",
    ]
)
#: programs that run what they are given: how many words of theirs come before it, and which options take a word
_WRAPPERS = {
    "chronic": (0, ""),
    "env": (0, "uC"),
    "flock": (1, "wE"),
    "ionice": (0, "cn"),
    "nice": (0, "n"),
    "nohup": (0, ""),
    "setsid": (0, ""),
    "stdbuf": (0, "ioe"),
    "sudo": (0, "ugpC"),
    "systemd-cat": (0, "tp"),
    "timeout": (1, "ks"),
}
#: lines of a crontab after which others have a turn
_TURN = 50
_INTERPRETERS = re.compile(r"(ba|da|z|k)?sh|python[\d.]*|perl|ruby|node|php[\d.]*")
_TESTS = re.compile(r"-[xefs]\s")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


async def lint(host: Host, cron: Cron) -> tuple[Finding, ...]:
    """All findings, by file and line."""
    looked = _Looked(host)
    found: list[Finding] = []
    for crontab in cron.crontabs:
        if crontab.refused:
            found.append(_refused(crontab))
        users = cron.users or None
        found += of_table(crontab.table, crontab.path, revision=cron.revision or NEWEST, users=users)
        for number, entry in enumerate(crontab.table.entries, 1):
            if number % _TURN == 0:
                await asyncio.sleep(0)  # of a long crontab: a key may have been pressed
            if entry.enabled:
                user = crontab.user or entry.user or "root"
                account = cron.users.get(user)
                found += await _entry(looked, crontab.path, entry, user, account.home if account else "/")
    for folder in cron.scripts:
        for script in folder.scripts:
            if script.refused:
                said = _("it isn't run: {why}").format(why=script.refused)
                found.append(Finding("script", "warning", script.path, 0, 0, said))
            elif folder.by:
                found += await looked.unsafe(script.path, script.path, 0, 0)
        if folder.scripts and not folder.by:
            said = _("nothing runs what is in {folder}").format(folder=folder.path)
            found.append(Finding("unrun", "warning", folder.path, 0, 0, said))
    return tuple(sorted(found, key=lambda each: (each.path, each.line, each.column)))


def _refused(crontab: Crontab) -> Finding:
    name = crontab.path.rpartition("/")[2]
    said = _("cron ignores the file: {why}").format(why=crontab.refused)
    by_name = not crontab.user and re.fullmatch(r"[A-Za-z0-9_-]+", name) is None
    if by_name:
        return Finding("file-name", "warning", crontab.path, 0, 0, said, _("Rename it, where it is to be run."))
    mode = "0600" if crontab.user else "0644"
    mend = _("Make it a file of {owner} with mode {mode}.").format(owner=crontab.user or "root", mode=mode)
    return Finding("file", "error", crontab.path, 0, 0, said, mend)


class _Looked:
    """The machine's files, each looked at once."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.hidden: set[str] = set()
        self._stats: dict[str, FileStat | None] = {}

    async def stat(self, path: str) -> FileStat | None:
        """Of what a path leads to; None where nothing is there, and where it may not be looked at: then it is in
        `hidden`."""
        if path not in self._stats:
            found = None
            try:
                found = await self.host.stat(path)
                if found is not None and found.kind == "link":
                    found = await self.host.stat(await self.host.realpath(path))
            except PermissionError:
                self.hidden.add(path)
            except OSError:
                found = None
            self._stats[path] = found
        return self._stats[path]

    async def program(self, path: str) -> bool:
        """Whether it can be run, as far as one may look."""
        found = await self.stat(path)
        return path in self.hidden or (found is not None and found.kind == "file" and bool(found.mode & 0o111))

    async def which(self, name: str, folders: Sequence[str]) -> str:
        for folder in folders:
            if folder.startswith("/") and await self.program(f"{folder}/{name}"):
                return f"{folder}/{name}"
        return ""

    async def unsafe(self, script: str, path: str, line: int, column: int) -> list[Finding]:
        """A file that root runs and others may write, or that lies in a folder in which they may."""
        found: list[Finding] = []
        mend = _("Make it root's, and take the right to write from others: chmod go-w.")
        try:
            real = await self.host.realpath(script)
        except OSError:
            real = script
        for place in dict.fromkeys((script, dirname(script), dirname(real))):
            stat = await self.stat(place)
            if stat is None:
                continue
            sticky = stat.kind == "directory" and stat.mode & 0o1000
            if stat.uid != 0:
                why = _("{place} isn't root's, and root runs {script}")
            elif stat.mode & 0o002 and not sticky:
                why = _("everybody may write to {place}, and root runs {script}")
            elif stat.mode & 0o020 and stat.gid != 0 and not sticky:
                why = _("a group may write to {place}, and root runs {script}")
            else:
                continue
            said = why.format(place=place, script=script)
            found.append(Finding("writable", "error", path, line, column, said, mend))
        return found


async def _entry(looked: _Looked, path: str, entry: Entry, user: str, home: str) -> list[Finding]:
    found: list[Finding] = []
    column = entry.columns[2]

    def tell(what: What, severity: Severity, said: str, advice: str = "") -> None:
        found.append(Finding(what, severity, path, entry.line, column, said, advice))

    environment = entry.environment(user, home)
    shell = environment["SHELL"]
    if shell.startswith("/") and not await looked.program(shell):
        tell("shell", "error", _("there is no shell {shell}").format(shell=shell))
    folders = environment["PATH"].split(":")
    words = _first_command(entry.shell)
    programs = list(_programs(words))
    for number, program in enumerate(programs):
        if "$" in program or "`" in program or "*" in program:
            continue
        if program.startswith("/"):
            stat = await looked.stat(program)
            if stat is None:
                if program not in looked.hidden and not _guarded(entry.shell, program):
                    tell("not-found", "error", _("there is no {program}").format(program=program))
            elif stat.kind == "file" and not stat.mode & 0o111 and not (number and _interpreted(words, program)):
                mend = _("Make it executable: chmod +x.")
                tell("not-found", "error", _("{program} isn't executable").format(program=program), mend)
            elif stat.kind == "file" and user == "root":
                found += await looked.unsafe(normpath(program), path, entry.line, column)
        elif program.startswith("~"):
            continue
        elif "/" in program or (number and _interpreted(words, program)):
            said = _("{program} is looked for in {home}, where cron starts the job").format(program=program, home=home)
            tell("relative", "warning", said, _("Write the whole path."))
        elif not await looked.which(program, folders):
            elsewhere = await looked.which(program, PATH.split(":"))
            said = _("{program} isn't found in PATH={path}").format(program=program, path=environment["PATH"])
            mend = _("Write {path}.").format(path=elsewhere) if elsewhere else _("Write the whole path.")
            tell("not-found", "error", said, mend)
    return found


def _first_command(shell: str) -> list[str]:
    """The words of the first simple command; none where the line can't be taken apart."""
    lexer = shlex.shlex(shell, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        for word in lexer:
            if word and set(word) <= set(";&|()<>"):
                break
            words.append(word)
    except ValueError:
        return []
    while words and _ASSIGNMENT.match(words[0]):
        words.pop(0)
    return words


def _programs(words: list[str]) -> Iterator[str]:
    """What the command runs: its program, what that one starts, and the script of an interpreter."""
    rest = list(words)
    while rest:
        program = rest.pop(0)
        if program in _BUILTINS:
            return
        yield program
        name = program.rpartition("/")[2]
        if name in _WRAPPERS:
            before, options = _WRAPPERS[name]
            while rest and (rest[0].startswith("-") or _ASSIGNMENT.match(rest[0])):
                option = rest.pop(0)
                if len(option) == 2 and option[1] in options and rest:
                    rest.pop(0)
            rest = rest[before:]
            if rest and rest[0].startswith("-"):  # flock's -c: a line for a shell
                return
            continue
        if _INTERPRETERS.fullmatch(name) and rest and not rest[0].startswith("-"):
            yield rest[0]
        return


def _interpreted(words: list[str], program: str) -> bool:
    at = words.index(program) if program in words else 0
    return at > 0 and _INTERPRETERS.fullmatch(words[at - 1].rpartition("/")[2]) is not None


def _guarded(shell: str, program: str) -> bool:
    """The line itself looks first whether it is there: `test -x PROGRAM && PROGRAM`, `[ -x PROGRAM ]`."""
    return _TESTS.search(shell) is not None and re.search(rf"-[xefs]\s+{re.escape(program)}\b", shell) is not None
