"""What is wrong with a crontab by its text alone; lint.py adds what only the machine knows."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Literal

from pi_installer_tui.i18n import _

from .fields import Mistake, days_explained, never
from .lines import NEWEST, Broken, Entry, Setting
from .table import Table, safe

What = Literal[
    "broken", "columns", "user-missing", "user-extra", "unknown-user", "unfinished", "too-long", "crlf", "percent",
    "backslashes", "never", "days", "skipped", "wide", "backwards", "setting", "mailto", "relative", "not-found",
    "writable", "shell", "file-name", "file", "script", "unrun",
]  # fmt: skip
#: error: cron ignores the file or the job can't work; warning: it hardly does what was meant; note: worth knowing
Severity = Literal["error", "warning", "note"]


#: what begins a command where a user was forgotten
_COMMANDS = frozenset({"cd", "test", "[", "echo", "sh", "bash", "python3", "php", "rsync", "sudo", "run-parts"})


@dataclass(frozen=True, slots=True)
class Finding:
    """line, column: from 1, 0 for the whole file or line. text: what is so, advice: what to do, both in words."""

    what: What
    severity: Severity
    path: str
    line: int
    column: int
    text: str
    advice: str = ""


def of_table(
    table: Table, path: str = "", *, revision: int = NEWEST, users: Container[str] | None = None
) -> Iterator[Finding]:
    """The findings in a crontab's text, by line. revision, users: as in `Table.refused`."""
    for broken in table.refused(revision=revision, users=users):
        yield _broken(table, path, broken, users)
    for line in table.lines:
        if isinstance(line, Setting):
            yield from _setting(table, path, line)
        elif isinstance(line, Entry) and line.enabled:
            yield from _schedule(path, line)
            yield from _command(table, path, line, users)


def _broken(table: Table, path: str, broken: Broken, users: Container[str] | None) -> Finding:
    mistake, line = broken.mistake, broken.line
    whole = _("Cron ignores the whole file until it is mended.")

    def found(what: What, advice: str) -> Finding:
        return Finding(what, "error", path, line, mistake.column, mistake.what, f"{advice} {whole}".strip())

    match mistake.cron:
        case "missing newline before EOF":
            return found("unfinished", _("Add a newline at the end of the file."))
        case "crontab is too long" | "command too long":
            return found("too-long", _("Put the commands into a script and call that."))
        case "unsafe mail":
            return found("mailto", _("Use letters, digits and @!:%-.,_+=/ only, the first one a letter or digit."))
    text = table.text(line)
    if not text.strip("\r \t"):
        what = _("the line has only a carriage return, which is no blank for cron")
        mistake = Mistake("", 1, what, mistake.cron)
        return found("crlf", _("Save the file with line ends of Unix."))
    if re.match(r"\s*(export|set|declare)\s+\w+=", text):
        return found("setting", _("Write NAME=value alone: a crontab is no shell script."))
    if re.match(r"""\s*\w+\s*=\s*(".*"|'.*')\s*\S""", text):
        return found("setting", _("Nothing may follow the quotes, a comment neither."))
    if mistake.field == "user":
        if _like_command(_word(text, mistake.column)):
            return found("user-missing", _("Files of this kind have a column for the user: put root in front."))
        return found("unknown-user", _("Files of this kind have a column for the user in front of the command."))
    if mistake.field == "command":
        return found("columns", _("A schedule has five fields."))
    if mistake.field == "day of week" and len(text.split()) < 6:
        return found("columns", _("A schedule has five fields, and the command follows."))
    if not table.system and mistake.field == "day of week" and re.match(r"\s*(\S+\s+){4}[/a-z]", text):
        return found("columns", _("A schedule has five fields; there seem to be four in front of the command."))
    return found("broken", "")


def _setting(table: Table, path: str, line: Setting) -> Iterator[Finding]:
    text = table.text(line.line)
    column = text.find("=") + 2

    def found(what: What, severity: Severity, said: str, advice: str) -> Finding:
        return Finding(what, severity, path, line.line, column, said, advice)

    literal = _("Cron replaces nothing in a value: it is taken as it is written.")
    if re.search(r"\$\w|\$\{|\$\(|`", line.value):
        mend = _("Write the value out, or set it in the command.")
        yield found("setting", "error" if line.name == "PATH" else "warning", literal, mend)
    elif re.search(r"(^|:)~", line.value) and line.name in ("PATH", "HOME", "SHELL"):
        yield found("setting", "error", literal, _("Write the folder out instead of ~."))
    if re.search(r"\s#", line.value) and text.rstrip()[-1:] not in ("'", '"'):
        said = _("What follows # is part of the value here, not a comment.")
        yield found("setting", "warning", said, _("Put the comment on a line of its own."))
    if line.name == "LOGNAME":
        yield found("setting", "warning", _("Cron sets LOGNAME itself."), _("Remove the line."))
    if line.name == "SHELL" and not line.value.startswith("/"):
        yield found("shell", "error", _("SHELL has to be an absolute path."), _("Write /bin/sh or /bin/bash."))
    if line.name in ("CRON_TZ", "TZ"):
        said = _("Debian's cron runs all jobs by the machine's time zone; {name} only reaches the command.")
        yield found("setting", "warning", said.format(name=line.name), _("Convert the time, or use a timer."))
    if line.name in ("MAILTO", "MAILFROM") and table.system and not safe(line.value):
        yield found("mailto", "warning", _("Cron sends no mail to such an address."), _("Write it without blanks."))
    if line.name == "RANDOM_DELAY":
        yield found("setting", "warning", _("Debian's cron doesn't know RANDOM_DELAY."), _("Sleep in the command."))


def _schedule(path: str, entry: Entry) -> Iterator[Finding]:
    column = entry.columns[0]

    def found(what: What, severity: Severity, at: int, said: str, advice: str = "") -> Finding:
        return Finding(what, severity, path, entry.line, at, said, advice)

    why = never(entry.schedule)
    if why:
        yield found("never", "error", column, why, _("Change the schedule."))
    for each in entry.schedule.fields:
        if each.skipped:
            said = _("cron reads {read} and skips {skipped}").format(
                read=each.text.removesuffix(each.skipped), skipped=each.skipped
            )
            at = each.column + len(each.text) - len(each.skipped)
            yield found("skipped", "warning", at, said, _("Debian's cron knows no ~, #, L, W: write the values."))
        if each.backwards and not why:
            said = _("{range} goes backwards: cron takes nothing of it").format(range=", ".join(each.backwards))
            yield found("backwards", "warning", each.column, said, _("Write two ranges, such as 22-23,0-3."))
        if each.wide:
            said = _("the step of {range} is wider than the range: only its first value counts")
            said = said.format(range=", ".join(each.wide))
            yield found("wide", "warning", each.column, said, _("Write that value alone."))
    if explained := days_explained(entry.schedule):
        yield found("days", "note", entry.schedule.day.column, explained)


def _command(table: Table, path: str, entry: Entry, users: Container[str] | None) -> Iterator[Finding]:
    command, begin = entry.command, entry.columns[2]

    def found(what: What, severity: Severity, at: int, said: str, advice: str = "") -> Finding:
        return Finding(what, severity, path, entry.line, at, said, advice)

    if command.endswith("\r"):
        said = _("the line ends with a carriage return, which becomes part of the command")
        yield found("crlf", "error", begin + len(command) - 1, said, _("Save the file with line ends of Unix."))
    if not command.strip():
        yield found("columns", "error", begin, _("there is no command"), _("A schedule has five fields."))
    at = _percent(command)
    if at >= 0:
        cut = re.search(r"\bdate\b[^|;&]*\+\S*$", entry.shell) or _open(entry.shell)
        said = _("% ends the command here; what follows is its standard input")
        mend = _("Write \\% where a percent sign is meant.")
        yield found("percent", "error" if cut else "note", begin + at, said, mend)
    if (twice := entry.shell) and "\\\\" in command[: at if at >= 0 else None]:
        said = _("two backslashes reach the shell as one: {shell}").format(shell=twice)
        yield found("backslashes", "note", begin + command.index("\\\\"), said, _("Write four for two."))
    words = entry.shell.split(maxsplit=2)
    if not table.system and users is not None and len(words) > 1 and words[0] in users and _like_command(words[1]):
        said = _("{user} is taken for the command: a user's own crontab has no column for the user")
        yield found("user-extra", "error", begin, said.format(user=words[0]), _("Remove the user."))


def _percent(command: str) -> int:
    """Where the first `%` without a backslash is, -1 for nowhere."""
    found = re.match(r"(?:[^\\%]|\\.)*%", command, re.DOTALL)
    return found.end() - 1 if found else -1


def _open(shell: str) -> bool:
    """A quote or a bracket that was opened isn't closed."""
    bare = re.sub(r"\\.", "", shell)
    bare = re.sub(r"'[^']*'", "", bare)
    return bare.count("'") % 2 == 1 or bare.count('"') % 2 == 1 or bare.count("(") > bare.count(")")


def _word(text: str, column: int) -> str:
    return text[column - 1 :].split(maxsplit=1)[0] if text[column - 1 :].strip() else ""


def _like_command(word: str) -> bool:
    return "/" in word or word in (
        "cd",
        "test",
        "[",
        "echo",
        "sh",
        "bash",
        "python3",
        "php",
        "rsync",
        "sudo",
        "run-parts",
    )
