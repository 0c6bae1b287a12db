"""A timer and its service as unit files: written from typed settings, so that any argument stays one argument, and read
back. Sources: systemd.syntax(7), systemd.service(5) COMMAND LINES, systemd.exec(5), systemd.timer(5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from pi_installer_tui.i18n import _
from pi_installer_tui.system.timers.conversion import Timing
from pi_installer_tui.system.timers.quoting import expand_nothing, quoted, split, unescaped_percent

FOLDER = "/etc/systemd/system"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.-]{0,199}")
#: user_record's relaxed names (systemd.io/USER_NAMES), without blanks
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: what a calendar expression is made of: no specifier, no line break
_CALENDAR = re.compile(r"[A-Za-z0-9*,./:~ _+-]+")
_PREFIXES = "-@:+!|"
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zµμ]*)\s*", re.IGNORECASE)
#: systemd.time(7), PARSING TIME SPANS; in seconds
_UNITS = {
    **dict.fromkeys(("usec", "us", "µs", "μs"), 1e-6),
    **dict.fromkeys(("msec", "ms"), 1e-3),
    **dict.fromkeys(("seconds", "second", "sec", "s", ""), 1.0),
    **dict.fromkeys(("minutes", "minute", "min", "m"), 60.0),
    **dict.fromkeys(("hours", "hour", "hr", "h"), 3600.0),
    **dict.fromkeys(("days", "day", "d"), 86400.0),
    **dict.fromkeys(("weeks", "week", "w"), 604800.0),
    **dict.fromkeys(("months", "month"), 2629800.0),
    **dict.fromkeys(("years", "year", "y"), 31557600.0),
}
#: all that a Job says
_SETTINGS = {
    "Unit": {"Description"},
    "Service": {"Type", "User", "Environment", "ExecStart"},
    "Timer": {"OnCalendar", "OnBootSec", "Persistent", "RandomizedDelaySec", "Unit"},
    "Install": {"WantedBy"},
}
#: starts that OnCalendar= and OnBootSec= aren't
MONOTONIC = ("OnActiveSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec")


class CannotWrite(Exception):
    """systemd has no way to write this in a unit file; the message is a sentence in words, without the value."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a timer starts, and when. name: of both units, without `.timer`. command: its program by an absolute path,
    and the arguments, each of which arrives as it is. user: "" root (in a user's own manager: that user)."""

    name: str
    command: tuple[str, ...]
    timing: Timing
    description: str = ""
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def units(job: Job) -> dict[str, str]:
    """Both unit files by their names. Raises CannotWrite."""
    if not _NAME.fullmatch(job.name):
        raise CannotWrite(_("A unit's name has letters, digits and `:_.-`, and begins with a letter or a digit."))
    return {f"{job.name}.service": service_text(job), f"{job.name}.timer": timer_text(job)}


def service_text(job: Job) -> str:
    """The service's unit file. Raises CannotWrite."""
    lines = ["[Unit]", f"Description={_plain(job.description or job.name)}", "", "[Service]", "Type=oneshot"]
    if job.user:
        if not _USER.fullmatch(job.user):
            raise CannotWrite(_("This can't be the name of an account."))
        lines.append(f"User={job.user}")
    lines += [f"Environment={_assignment(name, value)}" for name, value in job.environment.items()]
    return "\n".join([*lines, f"ExecStart={command_line(job.command)}", ""])


def timer_text(job: Job) -> str:
    """The timer's unit file. Raises CannotWrite."""
    timing = job.timing
    if timing.others:
        raise CannotWrite(_("A timer with {settings} isn't written here.").format(settings=", ".join(timing.others)))
    if not timing.calendars and timing.on_boot is None:
        raise CannotWrite(_("A timer needs a time at which it starts something."))
    lines = ["[Unit]", f"Description={_plain(job.description or job.name)}", "", "[Timer]"]
    for each in timing.calendars:
        if not _CALENDAR.fullmatch(each) or each != each.strip():
            raise CannotWrite(_("This is no calendar expression."))
        lines.append(f"OnCalendar={each}")
    if timing.on_boot is not None:
        lines.append(f"OnBootSec={_seconds(timing.on_boot)}")
    if timing.persistent:
        lines.append("Persistent=true")
    if timing.random_delay:
        lines.append(f"RandomizedDelaySec={_seconds(timing.random_delay)}")
    return "\n".join([*lines, "", "[Install]", "WantedBy=timers.target", ""])


def command_line(command: Sequence[str]) -> str:
    """ExecStart='s value. With a `$` anywhere the prefix `:` switches variables off (since systemd 244), so that it
    stays a `$` in the program's name too. Raises CannotWrite."""
    if not command:
        raise CannotWrite(_("There is no command."))
    program = command[0]
    if not program.startswith("/") or program.endswith("/") or "/../" in f"{program}/":
        raise CannotWrite(_("The program is named by its whole path, beginning with `/`."))
    if any(c in "\"'\\\x7f" or c < " " for c in program):
        raise CannotWrite(_("systemd takes no program with quotes, backslashes or control characters in its path."))
    prefix = ":" if any("$" in word for word in command) else ""
    first, *rest = (quoted(word) for word in map(_text, command))
    return " ".join([f'"{prefix}{first[1:]}' if first.startswith('"') else prefix + first, *rest])


def _assignment(name: str, value: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise CannotWrite(_("A variable's name has letters, digits and `_`, and begins with no digit."))
    if any((c < " " and c not in "\t\n") or c == "\x7f" for c in value):
        raise CannotWrite(_("systemd takes no control characters in a variable but tabs and line breaks."))
    return quoted(f"{name}={_text(value)}")


def _text(text: str) -> str:
    if "\0" in text:
        raise CannotWrite(_("No argument and no variable has a zero byte in it."))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise CannotWrite(_("A unit file is UTF-8, and this is not.")) from None
    return text


def _plain(text: str) -> str:
    """A value that isn't taken apart into words: it has no quoting."""
    if text != text.strip() or text.endswith("\\") or any(c < " " or c == "\x7f" for c in text):
        raise CannotWrite(_("A description is one line, with no blanks around it and no backslash at its end."))
    return expand_nothing(_text(text))


def _seconds(seconds: float) -> str:
    if not 0 <= seconds < 2**31:
        raise CannotWrite(_("A time span isn't below 0, and not endless."))
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


# reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnitFile:
    """A unit file's settings, in their order: of a section and a name all values, what an empty one took back left
    out. Specifiers are not expanded."""

    values: tuple[tuple[str, str, str], ...] = ()

    def get(self, section: str, name: str) -> tuple[str, ...]:
        """All values of a setting; an empty one takes those before it back (systemd.syntax(7))."""
        found: list[str] = []
        for in_section, key, value in self.values:
            if (in_section, key) == (section, name):
                found = [*found, value] if value else []
        return tuple(found)

    def one(self, section: str, name: str) -> str:
        """The last value, "" where it isn't set."""
        return (self.get(section, name) or ("",))[-1]


def read_file(text: str) -> UnitFile:
    """A unit file as systemd.syntax(7) has it: comments, lines that go on after a backslash."""
    found: list[tuple[str, str, str]] = []
    section, going_on = "", ""
    for raw in re.split(r"\r\n|\n\r|[\n\r\0]", text):
        bare = raw.lstrip(" \t")
        if bare.startswith(("#", ";")):
            continue  # also between the parts of a line
        line = going_on + raw
        if re.search(r"(?<!\\)(?:\\\\)*\\\Z", line):  # an odd number of backslashes
            going_on = line[:-1] + " "
            continue
        going_on = ""
        line = line.strip(" \t")
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line:
            name, _equals, value = line.partition("=")
            found.append((section, name.rstrip(" \t"), value.lstrip(" \t")))
    return UnitFile(tuple(found))


def read_units(name: str, service: str, timer: str) -> Job:
    """Both files as a Job. Raises ValueError where they have more than a Job can say, so that nothing gets lost when
    they are written again: other settings, several commands, prefixes, variables or specifiers in a command, another
    unit that is started."""
    of_service, of_timer = read_file(service), read_file(timer)
    more = [
        key for section, key, _value in of_service.values + of_timer.values if key not in _SETTINGS.get(section, ())
    ]
    if more or of_service.one("Service", "Type") != "oneshot":
        raise ValueError("it has more settings: " + (", ".join(more) or "Type"))
    commands = of_service.get("Service", "ExecStart")
    if len(commands) != 1 or of_timer.one("Timer", "Unit") not in ("", f"{name}.service"):
        raise ValueError("it starts something else than one command")
    pairs = [pair.partition("=") for line in of_service.get("Service", "Environment") for pair in split(line)]
    description = _literal(of_service.one("Unit", "Description"))
    return Job(
        name=name,
        command=read_command(commands[0]),
        timing=timing(of_timer),
        description="" if description == name else description,
        user=of_service.one("Service", "User"),
        environment=MappingProxyType({key: _literal(value) for key, _equals, value in pairs}),
    )


def read_command(line: str) -> tuple[str, ...]:
    """ExecStart='s value as a command. Raises ValueError for what is more than one."""
    words = tuple(map(_literal, split(line, one_command=True)))
    if not words:
        raise ValueError("there is no command")
    literal = words[0].startswith(":")
    program = words[0].removeprefix(":")
    if program[:1] in _PREFIXES:
        raise ValueError("its command has a prefix")
    words = (program, *words[1:])
    if literal:
        return words
    for word in words:
        if re.search(r"\$\{", word.replace("$$", "")) or re.fullmatch(r"\$[A-Za-z_]\w*", word):
            raise ValueError("its command has variables")
    return tuple(word.replace("$$", "$") for word in words)


def _literal(text: str) -> str:
    """Without doubled percent signs. Raises ValueError where there is a specifier."""
    if unescaped_percent(text):
        raise ValueError("it has specifiers")
    return text.replace("%%", "%")


def timing(file: UnitFile) -> Timing:
    """When a timer's file starts something. Raises ValueError for a time span that is none."""
    boots = file.get("Timer", "OnBootSec")
    flags = [name for name in ("OnClockChange", "OnTimezoneChange") if truth(file.one("Timer", name))]
    others = [name for name in MONOTONIC if file.get("Timer", name)]
    return Timing(
        calendars=file.get("Timer", "OnCalendar"),
        on_boot=min(map(span, boots)) if boots else None,
        others=(*others, *flags),
        persistent=truth(file.one("Timer", "Persistent")),
        random_delay=span(file.one("Timer", "RandomizedDelaySec") or "0"),
    )


def truth(text: str) -> bool:
    """A switch as systemd.syntax(7) has them."""
    return text.lower() in ("1", "yes", "y", "true", "t", "on")


def span(text: str) -> float:
    """A time span in seconds (systemd.time(7)): `1h 30min`, `90`. Raises ValueError."""
    total, at, bare = 0.0, 0, text.strip()
    while at < len(bare):
        match = _SPAN.match(bare, at)
        scale = None if match is None else _UNITS.get(match[2], 60.0 * 60 * 24 * 30.4375 if match[2] == "M" else None)
        if match is None or scale is None:
            raise ValueError(f"no time span: {text}")
        total += float(match[1]) * scale
        at = match.end()
    if not bare:
        raise ValueError("no time span")
    return total
