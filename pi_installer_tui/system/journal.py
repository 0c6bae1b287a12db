"""systemd's journal, a window at a time: journalctl reads on from a cursor, so a journal of a million entries costs no
more than one of a hundred. Source: journalctl(1), systemd.journal-fields(7), "Journal JSON Format" (systemd.io)."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.system.entries import Entry, Field, Log, LogError, Note, Page, Pattern, Wanted, pattern
from pi_installer_tui.system.host import CommandNotFound, Host, HostError

#: the pseudo unit of the kernel's own messages
KERNEL = "kernel"
_FIELDS = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM,_PID,SYSLOG_PID,_SYSTEMD_UNIT,UNIT"
#: journalctl.c: what it says where it was built without PCRE, and where the library isn't installed
_NO_PCRE = re.compile(r"without pattern matching support|PCRE2 support is not|pcre2.*not (?:supported|installed)", re.I)
#: what it says where only a part of the journal, or nothing, may be read
_REFUSED = re.compile(r"not seeing messages from other users|insufficient permissions|Permission denied", re.I)
_BOOT = re.compile(r"\s*(-?\d+)\s+([0-9a-f]{32})\s+(.*)")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Boot:
    """A boot that the journal knows. number: 0 the present one, -1 the one before. first, last: its first and its last
    entry, seconds since 1970."""

    number: int
    id: str
    first: float
    last: float


class Journal(Log):
    """The journal of a host."""

    def __init__(self, host: Host) -> None:
        self.title = _("the journal")
        self._host = host
        #: numbers of the boots that were listed, by their ids
        self.numbers: dict[str, int] = {}
        #: journalctl can't look for a text: it is looked for here
        self._looks_here = False

    # pages --------------------------------------------------------------------------------------------------------

    async def last(self, wanted: Wanted, count: int) -> Page:
        argv = ["--reverse"]
        if wanted.since is not None:
            argv.append(_since(wanted.since))
        if wanted.until is not None:
            argv.append(_until(wanted.until))
        return await self._page(argv, wanted, count, reverse=True)

    async def first(self, wanted: Wanted, count: int) -> Page:
        argv = [_since(wanted.since)] if wanted.since is not None else []
        if wanted.until is not None:
            argv.append(_until(wanted.until))
        return await self._page(argv, wanted, count)

    async def before(self, cursor: str, wanted: Wanted, count: int) -> Page:
        # not --after-cursor: where that entry is gone, it would leave out the one before it
        return await self._page([f"--cursor={cursor}", "--reverse"], wanted, count, beside=cursor, reverse=True)

    async def after(self, cursor: str, wanted: Wanted, count: int) -> Page:
        argv = [f"--cursor={cursor}"]
        if wanted.until is not None:
            argv.append(_until(wanted.until))
        return await self._page(argv, wanted, count, beside=cursor)

    async def _page(
        self, argv: Sequence[str], wanted: Wanted, count: int, *, beside: str = "", reverse: bool = False
    ) -> Page:
        """Entries in the direction that is read; `beside` isn't one of them."""
        text = pattern(wanted.text)
        while True:
            found: list[Entry] = []
            said: list[str] = []
            more = False
            here = self._looks_here and text is not None
            command = [*_command(wanted, None if here else text), *argv]
            if reverse and not here:
                command.append(f"--lines={count + 2}")  # the one beside, and whether there is one more
            async with aclosing(self._lines(command)) as lines:
                async for line in lines:
                    entry = parse(line)
                    if entry is None:
                        said.append(line.decode("utf-8", "replace").strip())
                        continue
                    if reverse and beside and wanted.since is not None and (entry.at or 0) < wanted.since:
                        break  # journalctl takes no --since beside a cursor
                    if entry.cursor == beside or (here and text and not text.compiled.search(entry.message)):
                        continue
                    if len(found) == count:
                        more = True
                        break
                    found.append(entry)
            if text is not None and not here and any(_NO_PCRE.search(line) for line in said):
                self._looks_here = True
                continue
            return Page(tuple(reversed(found) if reverse else found), more, _said(said, text, nothing=not found))

    async def _lines(self, argv: Sequence[str]) -> AsyncGenerator[bytes, None]:
        """What journalctl prints, line by line; leaving early ends it."""
        rest = b""
        try:
            async with self._host.start(argv) as process:
                async for chunk in process.chunks():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        if line:
                            yield line
                if rest:
                    yield rest
        except CommandNotFound:
            raise LogError(_("journalctl is not installed: this machine has no journal.")) from None
        except HostError as error:
            raise LogError(str(error)) from None

    # following ----------------------------------------------------------------------------------------------------

    async def follow(self, cursor: str, wanted: Wanted) -> AsyncIterator[list[Entry]]:
        text = pattern(wanted.text)
        here = self._looks_here
        argv = [*_command(wanted, None if here else text), "--follow"]
        argv += ["--no-tail", f"--cursor={cursor}"] if cursor else ["--lines=0"]
        rest = b""
        try:
            async with self._host.start(argv) as process:
                async for chunk in process.chunks():
                    *lines, rest = (rest + chunk).split(b"\n")
                    found = [entry for line in lines if (entry := parse(line)) and entry.cursor != cursor]
                    if here and text is not None:
                        found = [entry for entry in found if text.compiled.search(entry.message)]
                    if found:
                        yield found
                    elif lines and not any(line.startswith(b"{") for line in lines):
                        said = lines[0].decode("utf-8", "replace")
                        if said and not _REFUSED.search(said) and not said.startswith("--"):
                            raise LogError(said)
        except HostError as error:
            raise LogError(str(error)) from None

    # one entry ----------------------------------------------------------------------------------------------------

    async def fields(self, entry: Entry) -> tuple[Field, ...]:
        argv = [
            "journalctl",
            "--quiet",
            "--no-pager",
            "--output=json",
            "--all",
            "--lines=1",
            f"--cursor={entry.cursor}",
        ]
        try:
            done = await self._host.run(argv)
        except HostError as error:
            raise LogError(str(error)) from None
        for line in done.stdout.splitlines():
            data = _object(line)
            if data is not None and data.get("__CURSOR") == entry.cursor:
                return _fields(data)
        raise LogError(_("The journal doesn't have this entry any more."))

    # what there is ------------------------------------------------------------------------------------------------

    async def boots(self) -> tuple[Boot, ...]:
        """The boots that it knows, the present one first."""
        # older versions print a table whatever is asked for
        argv = ["journalctl", "--quiet", "--no-pager", "--utc", "--list-boots", "--output=json"]
        found = boots(await self._said(argv))
        self.numbers = {boot.id: boot.number for boot in found}
        return found

    async def units(self) -> tuple[str, ...]:
        """The units that logged something, sessions left out."""
        said = await self._said(["journalctl", "--quiet", "--no-pager", "--field=_SYSTEMD_UNIT"])
        kept = (".service", ".socket", ".timer", ".mount", ".path")
        return tuple(sorted({line for line in said.splitlines() if line.endswith(kept) and line.isprintable()}))

    async def _said(self, argv: Sequence[str]) -> str:
        try:
            return (await self._host.run(argv)).stdout
        except HostError as error:
            raise LogError(str(error)) from None


# asking -----------------------------------------------------------------------------------------------------------


def _command(wanted: Wanted, text: Pattern | None) -> list[str]:
    argv = ["journalctl", "--no-pager", "--output=json", f"--output-fields={_FIELDS}"]
    if wanted.priority is not None:
        argv.append(f"--priority={wanted.priority}")
    if text is not None:
        argv += [f"--grep={text.source}", f"--case-sensitive={'no' if text.folded else 'yes'}"]
    if wanted.unit == KERNEL:
        argv.append("_TRANSPORT=kernel")
    elif wanted.unit:
        argv.append(f"--unit={_exactly(wanted.unit)}")
    if _ID.fullmatch(wanted.boot):
        argv.append(f"_BOOT_ID={wanted.boot}")
    return argv


def _exactly(unit: str) -> str:
    """A unit's name, which isn't taken for a pattern (journalctl would look through all units for those that fit)."""
    return re.sub(r"[*?\[\]]", "_", unit)


def _since(at: float) -> str:
    return f"--since=@{at:.6f}"


def _until(at: float) -> str:
    return f"--until=@{at:.6f}"


def _said(lines: Sequence[str], text: Pattern | None, *, nothing: bool) -> str:
    """What journalctl said beside the entries, in words. Raises LogError where it is why there are none."""
    told = [line for line in lines if line and not line.startswith("--")]
    if any(_REFUSED.search(line) for line in told):
        why = _("Only a part of the journal may be read: that takes root, or the group adm or systemd-journal.")
        if any("No journal files were opened" in line for line in told):
            raise LogError(_("The journal may not be read: that takes root, or the group adm or systemd-journal."))
        return why
    if nothing and told:
        if "No journal files were found" in told[0]:
            raise LogError(_("There is no journal on this machine."))
        if text is not None and "Bad pattern" in told[0]:
            raise LogError(_("journalctl doesn't understand the expression: {why}").format(why=told[0]))
        raise LogError(_("journalctl says: {what}").format(what=told[0]))
    return ""


# answers ----------------------------------------------------------------------------------------------------------


def _object(line: str | bytes) -> dict[str, Any] | None:
    if line[:1] not in ("{", b"{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _text(value: Any) -> tuple[str, Note]:
    """A field's value: text, an array of numbers where its bytes aren't printable text, an array of values where the
    field is there several times, null where it is longer than 4096 bytes."""
    if isinstance(value, str):
        return value, ""
    if value is None:
        return "", "left-out"
    if isinstance(value, list):
        if value and all(isinstance(each, int) and 0 <= each < 256 for each in value):
            data = bytes(value)
            try:
                text = data.decode()
            except UnicodeDecodeError:
                return data.decode("utf-8", "replace"), "binary"
            return text, "binary" if "\0" in text else ""
        parts = [_text(each) for each in value]
        return "\n".join(text for text, _note in parts), next((note for _text_, note in parts if note), "")
    return str(value), ""


def parse(line: str | bytes) -> Entry | None:
    """An entry as `--output=json` prints it, None for anything else."""
    data = _object(line)
    if data is None or not isinstance(cursor := data.get("__CURSOR"), str):
        return None
    message, note = _text(data["MESSAGE"]) if "MESSAGE" in data else ("", "no-message")
    unit = _text(data.get("UNIT", data.get("_SYSTEMD_UNIT", "")))[0]
    who = next((text for name in ("SYSLOG_IDENTIFIER", "_COMM") if (text := _text(data.get(name, ""))[0])), unit)
    priority = _number(data.get("PRIORITY"))
    pid = _number(data.get("_PID", data.get("SYSLOG_PID")))
    at = _number(data.get("__REALTIME_TIMESTAMP"))
    return Entry(
        cursor,
        at / 1e6 if at is not None else None,
        message,
        priority if priority is not None and 0 <= priority <= 7 else None,
        who,
        unit,
        pid,
        note,
    )


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def _fields(data: dict[str, Any]) -> tuple[Field, ...]:
    def order(name: str) -> tuple[int, str]:
        return (0 if name == "MESSAGE" else 1 if not name.startswith("_") else 2 if name[:2] != "__" else 3, name)

    found = []
    for name in sorted(data, key=order):
        text, note = _text(data[name])
        found.append(Field(name, text, note == "binary"))
    return tuple(found)


def boots(text: str) -> tuple[Boot, ...]:
    """`journalctl --utc --list-boots`, as JSON or as a table, the present boot first."""
    found: list[Boot] = []
    if text.lstrip().startswith("["):
        for each in json.loads(text):
            first, last = each["first_entry"] / 1e6, each["last_entry"] / 1e6
            found.append(Boot(int(each["index"]), str(each["boot_id"]), first, last))
    else:
        for line in text.splitlines():
            if match := _BOOT.fullmatch(line):
                times = [_utc(time) for time in _TIME.findall(match[3])]
                if times:
                    found.append(Boot(int(match[1]), match[2], times[0], times[-1]))
    # counted from the last one: without an entry of the present boot, 0 is the newest that there is
    newest = sorted(found, key=lambda boot: -boot.number)
    return tuple(Boot(boot.number - newest[0].number, boot.id, boot.first, boot.last) for boot in newest)


def _utc(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
