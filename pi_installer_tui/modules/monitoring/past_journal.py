"""Rules on log lines and services tried against the past: the journal has kept when a line was written, and when a
service failed and came back. It is asked by the same words as the collector asks it with."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pi_installer_tui.alerts.config import Rule
from pi_installer_tui.alerts.rules import Span
from pi_installer_tui.alerts.watch.journal import LEAST_WINDOW
from pi_installer_tui.alerts.watch.services import unit
from pi_installer_tui.modules.monitoring.past import DAYS, Tried
from pi_installer_tui.system.host import Host

#: sd-messages.h: SD_MESSAGE_UNIT_FAILURE_RESULT, SD_MESSAGE_UNIT_STARTED, SD_MESSAGE_UNIT_STOPPED
FAILED = "d9b373ed55a64feb8242e02dbe79a49c"
STARTED = "39f53479d3a045ac8e11786248231fbf"
STOPPED = "9d1aaa27d60140bd96365438aad20286"
#: lines that are counted of one rule; one that matches more fires all the time anyway
MOST = 50_000
#: what a rule on any unit's lines is about, as the collector calls it
JOURNAL = "journal"


def spans_of_lines(rule: Rule, written: Sequence[float], now: float) -> list[Span]:
    """When so many lines were there within the rule's time, until the last of them was as old. written: seconds since
    1970, in order."""
    window, count = max(rule.lasts, LEAST_WINDOW), max(1, rule.count)
    spans: list[Span] = []
    for number, at in enumerate(written):
        over = not spans or (spans[-1].until is not None and spans[-1].until < at)
        if over and number + 1 - bisect_right(written, at - window, 0, number) >= count:
            spans.append(Span(at, at + window))
        elif not over:
            spans[-1] = Span(spans[-1].since, at + window)
    return [Span(span.since, None if span.until is not None and span.until > now else span.until) for span in spans]


@dataclass(frozen=True, slots=True)
class Noted:
    """An entry of the journal. at: seconds since 1970; unit: that systemd tells of, ""; boot, message: their ids."""

    at: float
    unit: str
    boot: str
    message: str


def spans_of_failures(rule: Rule, noted: Iterable[Noted], now: float) -> list[Span]:
    """When a unit had failed for longer than the rule's time. noted: of that unit, in order. A new boot knows of no
    failure."""
    spans: list[Span] = []
    failed: Noted | None = None
    for each in noted:
        if failed is not None and (each.message != FAILED or each.boot != failed.boot):
            if each.at - failed.at >= rule.lasts:
                spans.append(Span(failed.at + rule.lasts, each.at))
            failed = None
        if failed is None and each.message == FAILED:
            failed = each
    if failed is not None and now - failed.at >= rule.lasts:
        spans.append(Span(failed.at + rule.lasts))
    return spans


async def tried(rules: Sequence[Rule], now: float, host: Host) -> tuple[float | None, tuple[Tried, ...]]:
    """Rules on log lines and services, against the last week of the journal, and since when that goes back, in seconds
    since 1970; None: nothing was kept. Raises HostError."""
    since = f"--since=@{int(now - DAYS * 86400)}"
    first = await _first(host, since)
    found = []
    for rule in rules:
        if rule.what == "log":
            written = [each.at async for each in _entries(host, _lines_of(rule, since))]
            of, spans = rule.unit or JOURNAL, spans_of_lines(rule, written, now)
            found.append(Tried(rule, (of,) if first is not None else (), tuple((of, span) for span in spans)))
        elif rule.what == "service":
            found.append(await _service(rule, since, now, host))
    return first, tuple(found)


async def _service(rule: Rule, since: str, now: float, host: Host) -> Tried:
    wanted = unit(rule.of)
    argv = [since, *(f"MESSAGE_ID={each}" for each in (FAILED, STARTED, STOPPED))]
    of: dict[str, list[Noted]] = {}
    async for each in _entries(host, argv):
        if fnmatchcase(each.unit, wanted):
            of.setdefault(each.unit, []).append(each)
    spans = [(name, span) for name, seen in of.items() for span in spans_of_failures(rule, seen, now)]
    return Tried(rule, tuple(sorted(of)), tuple(sorted(spans, key=lambda each: each[1].since)))


def _lines_of(rule: Rule, since: str) -> list[str]:
    named = [f"--unit={unit(rule.unit)}"] if rule.unit else []
    return [since, "--case-sensitive=true", f"--grep={rule.of}", *named]


async def _first(host: Host, since: str) -> float | None:
    async with aclosing(_entries(host, [since], most=1)) as entries:
        async for each in entries:
            return each.at
    return None


async def _entries(host: Host, argv: Sequence[str], *, most: int = MOST) -> AsyncGenerator[Noted, None]:
    """Entries, the oldest first (systemd.journal-fields(7))."""
    command = ["journalctl", "--quiet", "--no-pager", "--output=json", "--output-fields=UNIT,MESSAGE_ID,_BOOT_ID"]
    rest, count = b"", 0
    async with host.start([*command, *argv]) as process:
        async for chunk in process.chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                try:
                    entry = json.loads(line)
                    at = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
                except (ValueError, KeyError, TypeError):
                    continue  # what journalctl says beside
                yield Noted(at, *(str(entry.get(name, "")) for name in ("UNIT", "_BOOT_ID", "MESSAGE_ID")))
                count += 1
                if count >= most:
                    return
