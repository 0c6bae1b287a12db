"""A crontab's command that is recorded: `/usr/local/bin/cron-record -n dump -l -t 3600 -- 'the command'`. The words in
front say all of it but the address of a ping, which is nobody's business and lies in a file of the user's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pi_installer_tui.i18n import _

PROGRAM = "/usr/local/bin/cron-record"
#: of a record, which is a file's name: recorder.py has the same
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: recorder.py has the same
WAIT, KEEP, LEAST_KEEP = 60, 256 * 1024, 4096

_WORD = re.compile(
    r"""(?P<blank>[ \t]+)
    | '(?P<single>[^']*)'
    | "(?P<double>[^"$`\\]*)"
    | \\(?P<escaped>.)
    | (?P<plain>[A-Za-z0-9_./:@%+,-]+)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBERS = {"-t": "timeout", "-r": "retries", "-w": "wait", "-k": "keep"}
_FLAGS = {"-l": "lock", "-p": "ping"}


@dataclass(frozen=True, slots=True)
class Wrapped:
    """How a command is recorded. name: of its record, unique for the user. lock: it isn't started while it still runs.
    timeout: seconds after which it is ended, 0: never. retries: how often it is tried again, wait: seconds before each.
    ping: a dead man's switch is told of each begin and end. keep: bytes that its record has at the most. command: the
    command as the shell was given it before (`%` unescaped)."""

    name: str
    command: str
    lock: bool = False
    timeout: int = 0
    retries: int = 0
    wait: int = WAIT
    ping: bool = False
    keep: int = KEEP


def wrap(wrapped: Wrapped) -> str:
    """The command that records, for the shell; in a crontab its `%` and backslashes are escaped like any other's.
    Raises ValueError for what can't be written."""
    if NAME.fullmatch(wrapped.name) is None:
        raise ValueError(_("a record's name has up to 64 letters, digits, dots, - and _, none of these three first"))
    if min(wrapped.timeout, wrapped.retries, wrapped.wait) < 0 or wrapped.keep < LEAST_KEEP:
        raise ValueError(_("numbers aren't negative, and a record has at least {least} bytes").format(least=LEAST_KEEP))
    if "\n" in wrapped.command or "\0" in wrapped.command:
        raise ValueError(_("a command in a crontab is one line"))
    usual = Wrapped(wrapped.name, wrapped.command)
    words = [PROGRAM, "-n", wrapped.name]
    words += [flag for flag, field in _FLAGS.items() if getattr(wrapped, field)]
    for option, field in _NUMBERS.items():
        if (value := getattr(wrapped, field)) != getattr(usual, field):
            words += [option, str(value)]
    quoted = "'" + wrapped.command.replace("'", "'\\''") + "'"
    return " ".join([*words, "--", quoted])


def unwrap(command: str) -> Wrapped | None:
    """What a shell's command records; None where it isn't the recorder and nothing else. Options may come in any order
    and words may be quoted in another way, as by somebody's hand."""
    if not command.lstrip(" \t").startswith(PROGRAM):
        return None
    words = _words(command)
    if words is None or words[0] != PROGRAM or "--" not in words:
        return None
    end = words.index("--")
    options, rest = words[1:end], words[end + 1 :]
    found: dict[str, str | int | bool] = {}
    while options:
        option = options.pop(0)
        if option in _FLAGS:
            found[_FLAGS[option]] = True
        elif option in _NUMBERS and options and re.fullmatch(r"[0-9]{1,9}", options[0]):
            found[_NUMBERS[option]] = int(options.pop(0))
        elif option == "-n" and options:
            found["name"] = options.pop(0)
        else:
            return None
    if len(rest) != 1 or NAME.fullmatch(str(found.get("name", ""))) is None:
        return None
    return Wrapped(command=rest[0], **found)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def script() -> str:
    """The recorder's text, for the file PROGRAM (0755, root's). It needs nothing of this program."""
    return Path(__file__).with_name("recorder.py").read_text(encoding="utf-8")


def _words(command: str) -> list[str] | None:
    """A shell's words as long as the shell would do nothing else with them than take their quotes off."""
    words: list[str] = []
    inside = False
    at = 0
    while at < len(command):
        found = _WORD.match(command, at)
        if found is None or found["escaped"] == "\n":
            return None
        at = found.end()
        if found["blank"] is not None:
            inside = False
            continue
        text = next(part for part in found.groups()[1:] if part is not None)
        if inside:
            words[-1] += text
        else:
            words.append(text)
        inside = True
    return words
