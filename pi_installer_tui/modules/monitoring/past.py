"""Rules tried against the past: when they would have fired, by the history that was kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pi_installer_tui.alerts.config import Rule
from pi_installer_tui.alerts.rules import Span, would_have_fired
from pi_installer_tui.metrics.history import History
from pi_installer_tui.metrics.places import FOLDER, RUNTIME
from pi_installer_tui.system.host import Host

DAYS = 7
#: of the past, one a minute
_POINTS = DAYS * 24 * 60


def _inside(host: Host, path: Path) -> Path:
    """A path of the machine, as this process finds it: a demo's lies in a folder."""
    root = Path(host.address) if host.kind == "local" else Path(host.address, "root")
    return root / path.relative_to("/")


def folder(host: Host) -> Path:
    """Where the machine's history and alerts lie. They are databases, which only SQLite can read, so they are no matter
    of `Host`."""
    return _inside(host, FOLDER)


def runtime(host: Host) -> Path:
    """Where its single readings lie."""
    return _inside(host, RUNTIME)


@dataclass(frozen=True, slots=True)
class Tried:
    """When a rule would have fired. of: the metrics that it is about; spans: with the metric, the oldest first."""

    rule: Rule
    of: tuple[str, ...]
    spans: tuple[tuple[str, Span], ...]


@dataclass(frozen=True, slots=True)
class Past:
    """What came of the trial. since: seconds since 1970 from which on something was kept; None: nothing was."""

    since: float | None
    tried: tuple[Tried, ...]


def tried(rules: Sequence[Rule], now: float, folder: Path, runtime: Path) -> Past:
    """Rules about metrics, against the last week. now: seconds since 1970. Raises PermissionError, OSError."""
    about = [rule for rule in rules if rule.what == "metric"]
    try:
        history = History.open(folder, runtime)
    except FileNotFoundError:
        return Past(None, tuple(Tried(rule, (), ()) for rule in about))
    with history:
        names = history.names()
        found, oldest = [], now
        for rule in about:
            of = tuple(name for name in names if fnmatchcase(name, rule.of))
            spans: list[tuple[str, Span]] = []
            for name, points in history.series(of, now - DAYS * 86400, now, _POINTS).items():
                oldest = min([oldest, *(point.at for point in points[:1])])
                spans += [(name, span) for span in would_have_fired(rule, [point[:4] for point in points])]
            found.append(Tried(rule, of, tuple(sorted(spans, key=lambda each: each[1].since))))
    return Past(oldest, tuple(found))
