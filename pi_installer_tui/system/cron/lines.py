"""One line of a crontab as Debian's cron 3.0pl1 reads it: load_env() of env.c, load_entry() of entry.c, and what
do_command.c makes of a command's `%`. Text is UTF-8, other bytes are surrogates, so that all of them come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pi_installer_tui.i18n import _

from . import fields
from .fields import Mistake, Schedule

#: In front of an entry that is switched off, with the blank. Cron takes it for a comment, and so do the tools that take
#: a commented entry for one of theirs: python-crontab (`#`, columns without `#`), Webmin (`#`, a schedule). A bare `#`
#: can't be told from prose: the text that `crontab -e` starts with has `# 0 5 * * 1 tar -zcf ...`.
OFF = "#off# "
#: cron.h, MAX_COMMAND: what is this long in bytes, or longer, is refused
LONGEST_COMMAND = 999
#: cron.h, MAX_ENVSTR: of a longer line of the environment cron reads the first so many bytes
LONGEST_SETTING = 998
#: the revision of Debian's package 3.0pl1 from which `NAME=` is taken, and an unsafe MAILTO refused by crontab(1)
EMPTY_SETTING = 187
NEWEST = 197
_SPACES = " \t\n\v\f\r"


@dataclass(frozen=True, slots=True)
class Setting:
    """A line of the environment, as cron takes it: the value without its quotes, nothing in it replaced. bare: the
    value is empty and has no quotes, which cron refuses before revision 187 (Debian 12)."""

    line: int
    name: str
    value: str
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A job. line: from 1. user: None in a user's own crontab, which has no such column. command: as it is written.
    shell, stdin: what the shell is given and what its standard input is, None for none, by the rules for `%`.
    settings: the lines of the environment above it. columns: where schedule, user and command begin, from 1."""

    line: int
    schedule: Schedule
    user: str | None
    command: str
    enabled: bool
    shell: str
    stdin: str | None
    settings: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[int, int, int] = (1, 0, 0)

    def environment(self, user: str, home: str) -> dict[str, str]:
        """What the job's shell has by the crontab: its settings over cron's own. user: the job's, of whose account
        `home` is. PATH is /usr/bin:/bin however cron was started; LOGNAME can't be set. The machine's
        /etc/environment and /etc/default/locale may add others by pam_env(7). Source: load_entry(), build_env()."""
        return {"SHELL": "/bin/sh", "HOME": home, "PATH": "/usr/bin:/bin", **self.settings, "LOGNAME": user}

    @property
    def mailto(self) -> str | None:
        """Who is sent the output: None is the job's user, "" nobody."""
        return self.settings.get("MAILTO")


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that cron doesn't take. It ignores the whole file then."""

    line: int
    mistake: Mistake


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment or a blank line."""

    line: int
    text: str


Parsed = Setting | Entry | Broken | Remark


def parse(text: str, line: int, *, system: bool, settings: Mapping[str, str]) -> Parsed:
    """A line without its newline. line: its number. system: with the user's column. settings: those above it."""
    begin = len(text) - len(text.lstrip(" \t"))
    if begin == len(text):
        return Remark(line, text)
    if text.startswith(OFF):
        off = _entry(text, len(OFF), line, system, settings, enabled=False)
        entry = "\0" not in text and setting(text[len(OFF) :].lstrip(" \t")) is None
        return off if entry and isinstance(off, Entry) else Remark(line, text)
    if text[begin] == "#":
        return Remark(line, text)
    if "\0" in text:
        # get_string() of misc.c ends at NUL: cron would take the rest for another line
        what = _("there is a NUL byte in the line, where cron ends it")
        return Broken(line, Mistake("", text.index("\0") + 1, what, "bad command"))
    if (found := setting(text[begin:])) is not None:
        return Setting(line, *found)
    return _entry(text, 0, line, system, settings, enabled=True)


def setting(text: str) -> tuple[str, str, bool] | None:
    """name, value and whether it is empty without quotes, None for what is no setting: load_env(), state by state."""
    cut = text.encode("utf-8", "surrogateescape")[:LONGEST_SETTING].decode("utf-8", "surrogateescape")
    found = _quoted(cut, 0, name=True)
    if found is None:
        return None
    name, at, _was_quoted = found
    at = _after_spaces(cut, at)
    if not cut.startswith("=", at):
        return None
    at = _after_spaces(cut, at + 1)
    if at == len(cut):
        return name, "", True
    found = _quoted(cut, at, name=False)
    if found is None:
        return None
    value, at, quoted = found
    if quoted and _after_spaces(cut, at) != len(cut):
        return None
    if not quoted:
        value = value.rstrip(_SPACES)
    value = value.rstrip(_SPACES)
    if len(value) >= 2 and value[0] in "'\"" and value[-1] == value[0]:
        value = value[1:-1]
    return name, value, False


def _quoted(text: str, start: int, *, name: bool) -> tuple[str, int, bool] | None:
    if text[start : start + 1] in ("'", '"'):
        end = text.find(text[start], start + 1)
        if end < 0 or (name and "=" in text[start:end]):
            return None
        return text[start + 1 : end], end + 1, True
    end = start
    while end < len(text) and not (name and (text[end] in _SPACES or text[end] == "=")):
        end += 1
    return text[start:end], end, False


def _after_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACES:
        at += 1
    return at


def _entry(
    text: str, start: int, line: int, system: bool, settings: Mapping[str, str], *, enabled: bool
) -> Entry | Broken:
    begin = len(text) - len(text[start:].lstrip(" \t"))
    try:
        schedule, at = fields.read(text, begin)
        user, user_column = None, 0
        if system:
            user_column = at + 1
            user, at = _user(text, at)
        elif text.startswith("*", at):
            what = _("there is a sixth field where the command begins")
            raise Mistake("command", at + 1, what, "bad command")
        command = text[at:]
        if len(command.encode("utf-8", "surrogateescape")) >= LONGEST_COMMAND:
            what = _("the command is too long: cron takes {most} bytes").format(most=LONGEST_COMMAND - 1)
            raise Mistake("command", at + 1, what, "command too long")
    except Mistake as mistake:
        return Broken(line, mistake)
    shell, stdin = split(command)
    columns = (begin + 1, user_column, at + 1)
    return Entry(line, schedule, user, command, enabled, shell, stdin, settings, columns)


def _user(text: str, at: int) -> tuple[str, int]:
    end = at
    while end < len(text) and text[end] not in " \t":
        end += 1
    user = text[at:end]
    if end == len(text):
        if user:
            what = _("the user or the command is missing: after the schedule there is only {text}").format(text=user)
        else:
            what = _("the user and the command are missing")
        raise Mistake("user", at + 1, what, "bad username")
    while end < len(text) and text[end] in " \t":
        end += 1
    return user, end


def split(command: str) -> tuple[str, str | None]:
    """What the shell gets, and its standard input (None: none). The first `%` without a backslash before it ends the
    command; before it `\\%` is `%` and `\\\\` is `\\`. Source: child_process() of do_command.c."""
    shell: list[str] = []
    escaped = False
    for at, letter in enumerate(command):
        if escaped:
            if letter in "%\\":
                shell.pop()
            shell.append(letter)
            escaped = False
        elif letter == "%":
            return "".join(shell), _stdin(command[at + 1 :])
        else:
            shell.append(letter)
            escaped = letter == "\\"
    return "".join(shell), None


def _stdin(data: str) -> str | None:
    """Of what is behind the first `%`: others are newlines, `\\%` is `%`, and the last line is ended."""
    if not data:
        return None
    out: list[str] = []
    escaped = ended = False
    for letter in data:
        if escaped:
            if letter != "%":
                out.append("\\")
        elif letter == "%":
            letter = "\n"
        escaped = letter == "\\"
        if not escaped:
            out.append(letter)
            ended = letter == "\n"
    if escaped:
        out.append("\\")
    if not ended:
        out.append("\n")
    return "".join(out)


def escaped(command: str) -> str:
    """A shell's command as it is written in a crontab, so that `split` gives it back. Raises ValueError for what has a
    newline or NUL, which can't stand there."""
    if "\n" in command or "\0" in command:
        raise ValueError(_("a command in a crontab is one line"))
    out: list[str] = []
    for at, letter in enumerate(command):
        if letter == "%":
            out.append("\\%")
        elif letter == "\\" and command[at + 1 : at + 2] in ("\\", "%"):
            out.append("\\\\")
        else:
            out.append(letter)
    return "".join(out)
