"""The alerts that were, and those that fire: read beside the collector, and acknowledged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pi_installer_tui.alerts.config import Severity, What
from pi_installer_tui.alerts.ledger import NAME
from pi_installer_tui.metrics.places import FOLDER


@dataclass(frozen=True, slots=True)
class Sending:
    """One message of an alert on its way. kind: fired, repeated, recovered. said: what the server answered, or why it
    couldn't be asked. sent, given_up: seconds since 1970; both None: it waits, and is tried again."""

    id: str
    channel: str
    kind: str
    made: float
    tries: int
    said: str
    sent: float | None
    given_up: float | None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. Times in seconds since 1970. value, detail: as it fired. ended: None while it fires; ending:
    `recovered`, or `withdrawn` when its rule was taken away."""

    id: int
    rule: str
    what: What
    of: str
    severity: Severity
    fired: float
    value: float | None
    detail: str
    told: float
    ended: float | None
    ending: str
    acknowledged: float | None
    acknowledged_by: str
    note: str
    sendings: tuple[Sending, ...] = ()

    @property
    def firing(self) -> bool:
        return self.ended is None


def alerts(folder: Path = FOLDER, *, firing: bool = False, most: int = 1000) -> list[Alert]:
    """Alerts with what became of their messages, the newest first. firing: only those that fire. None where there is no
    collector yet. Raises PermissionError, ValueError (the file is damaged)."""
    with _reading(folder) as file:
        if file is None:
            return []
        sendings: dict[int, list[Sending]] = {}
        question = "SELECT *, json_extract(facts, '$.kind') AS kind FROM outbox ORDER BY made, id"
        for row in file.execute(question):
            sendings.setdefault(row["alert"], []).append(Sending(**{each: row[each] for each in Sending.__slots__}))
        where = "WHERE ended IS NULL" if firing else ""
        rows = file.execute(f"SELECT * FROM alerts {where} ORDER BY id DESC LIMIT ?", (most,)).fetchall()
        return [
            Alert(**{each: row[each] for each in row.keys()}, sendings=tuple(sendings.get(row["id"], ())))  # noqa: SIM118
            for row in rows
        ]


def notes(folder: Path = FOLDER) -> dict[str, tuple[str, float]]:
    """What the collector has to say of itself, by name, with the time: `dead-man`: how its last ping failed. Raises as
    `alerts` does."""
    with _reading(folder) as file:
        if file is None:
            return {}
        return {row["name"]: (row["text"], row["at"]) for row in file.execute("SELECT * FROM notes")}


def acknowledge(alert: int, who: str, note: str, at: float, folder: Path = FOLDER) -> bool:
    """Somebody has seen an alert: it isn't repeated any more. False: there is none of this number. Raises
    PermissionError, OSError (the file can't be written now), ValueError."""
    with _opened(folder, "rw") as file:
        if file is None:
            return False
        changed = file.execute(
            "UPDATE alerts SET acknowledged = ?, acknowledged_by = ?, note = ? WHERE id = ?", (at, who, note, alert)
        )
        file.commit()
        return changed.rowcount == 1


@contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection | None]:
    with _opened(folder, "ro") as file:
        yield file


@contextmanager
def _opened(folder: Path, mode: str) -> Iterator[sqlite3.Connection | None]:
    path = folder / NAME
    try:
        with path.open("rb" if mode == "ro" else "r+b"):  # sqlite3 doesn't say why it can't
            pass
    except FileNotFoundError:
        yield None
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=10)) as file:
            file.row_factory = sqlite3.Row
            made = file.execute("PRAGMA user_version").fetchone()[0]
            yield file if made else None  # the collector is just making it
    except sqlite3.OperationalError as error:
        raise OSError(None, str(error), str(path)) from None
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{path}: {error}") from None
