"""All rules over time: the collector hands over each sample, and the engine fires, repeats, recovers, tells and keeps
account.

Nothing in `sample` waits for anything but the disk: commands run beside it and are looked at with the next sample.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pi_installer_tui.alerts import login, outbox, words
from pi_installer_tui.alerts.child import Child
from pi_installer_tui.alerts.config import Channel, Config, Rule, Severity
from pi_installer_tui.alerts.ledger import Ledger
from pi_installer_tui.alerts.rules import Happening, State
from pi_installer_tui.alerts.watch import Reading, Readings, Watcher

#: how long something has been so is kept over a restart for rules that need at least so long, written once an hour
LONG = 3600.0  # seconds
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(slots=True)
class _Alert:
    id: int
    fired: float
    line: str


@dataclass(slots=True)
class _Watched:
    """One rule on one thing. saved: monotonic time at which its streak was last written down."""

    rule: Rule
    of: str
    state: State
    alert: _Alert | None = None
    saved: float | None = None


class Engine:
    """What the collector calls with each sample. folder: where alerts.db lies. motd: the login message."""

    def __init__(self, config: Config, folder: Path, *, motd: Path = login.MOTD) -> None:
        self._config = config
        self._rules = {rule.name: effective(rule) for rule in config.rules if rule.enabled}
        self._gap = max(60.0, 3.0 * config.interval)
        self._motd = motd
        self._told: list[str] | None = None
        self._ledger = Ledger(folder)
        self._outbox = outbox.Outbox(
            self._ledger, {c.name: c for c in config.channels if c.by != "login-message"}, config.quiet
        )
        self._watchers = watchers(list(self._rules.values()), config.interval)
        self._watched: dict[tuple[str, str], _Watched] = {}
        self._names: frozenset[str] = frozenset()
        self._matching: dict[str, list[str]] = {}
        self._acknowledged: set[int] = set()
        self._changed = 0
        self._next = 1
        self._restored = False
        self._pinging: Child | None = None
        self._ping_due = 0.0
        self._ping_trouble: str | None = None

    def sample(self, at: float, monotonic: float, values: Mapping[str, float]) -> None:
        """The next sample. at: seconds since 1970; monotonic: of a clock that never jumps; values: by metrics.names."""
        time.tzset()  # a time zone may have been set since
        if not self._restored:
            self._restore(at, monotonic)
            self._restored = True
        self._outbox.take(at, monotonic)
        for watcher in self._watchers.values():
            with contextlib.suppress(OSError, RuntimeError):  # no file descriptors, no threads left: the next time
                watcher.look(at, monotonic)
        self._see_acknowledged()
        for rule in self._rules.values():
            for of, reading in (self._readings(rule, at, monotonic, values) or {}).items():
                self._step(rule, of, reading, at, monotonic)
        self._ledger.flush()
        with contextlib.suppress(OSError):
            self._outbox.send(at, monotonic)
        self._ping(at, monotonic)
        self._ledger.flush()
        self._log_in_message()

    def close(self) -> None:
        """Writes what waits, and ends what watches. What is being sent goes on by itself."""
        for watcher in self._watchers.values():
            watcher.close()
        self._outbox.close()
        if self._pinging is not None:
            self._pinging.leave()
        self._ledger.flush()
        self._ledger.close()
        with contextlib.suppress(OSError):
            login.tell([], self._motd)

    # what is known ----------------------------------------------------------------------------------------------------

    def _readings(self, rule: Rule, at: float, now: float, values: Mapping[str, float]) -> Readings | None:
        if rule.what != "metric":
            return self._watchers[rule.what].readings(rule, at, now)
        if self._names != values.keys():
            self._names, self._matching = frozenset(values), {}
        matching = self._matching.get(rule.name)
        if matching is None:
            gone = {of for name, of in self._watched if name == rule.name} - self._names
            found = pattern(rule.of)
            matching = sorted({name for name in self._names if found.fullmatch(name)} | gone)
            self._matching[rule.name] = matching
        return {name: Reading(values.get(name)) for name in matching}

    def _see_acknowledged(self) -> None:
        with contextlib.suppress(OSError):
            changed = self._ledger.path.stat().st_mtime_ns
            if changed != self._changed:
                self._changed = changed
                question = "SELECT id FROM alerts WHERE ended IS NULL AND acknowledged IS NOT NULL"
                self._acknowledged = {row["id"] for row in self._ledger.rows(question)}

    # what happens -----------------------------------------------------------------------------------------------------

    def _step(self, rule: Rule, of: str, reading: Reading, at: float, now: float) -> None:
        watched = self._watched.get((rule.name, of))
        if watched is None:
            if reading.value is None:
                return
            watched = self._watched[rule.name, of] = _Watched(rule, of, State(rule, self._gap))
        if reading.value is None and watched.state.seen is None:
            return  # what lasted before a restart isn't over because nothing is known yet
        happened = watched.state.step(now, reading.value)
        if happened == "fired":
            self._fire(watched, reading, at)
        elif watched.alert is not None and happened == "repeated":
            if watched.alert.id not in self._acknowledged:
                self._ledger.do("UPDATE alerts SET told = ? WHERE id = ?", at, watched.alert.id)
                old = "DELETE FROM outbox WHERE alert = ? AND sent < ? AND json_extract(facts, '$.kind') = 'repeated'"
                self._ledger.do(old, watched.alert.id, at - 24 * 3600.0)
                self._tell(watched, "repeated", reading, at)
        elif watched.alert is not None and happened == "recovered":
            self._end(watched.alert.id, "recovered", at)
            self._tell(watched, "recovered", reading, at)
            watched.alert = None
        self._keep_streak(watched, at, now)

    def _fire(self, watched: _Watched, reading: Reading, at: float) -> None:
        rule = watched.rule
        watched.alert = _Alert(self._next, at, "")
        self._next += 1
        watched.alert.line = _line(self._facts(watched, "fired", reading, at))
        statement = """INSERT OR REPLACE INTO alerts (id, rule, what, of, severity, fired, value, detail, told)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
        whose = (watched.alert.id, rule.name, rule.what, watched.of, rule.severity)
        self._ledger.do(statement, *whose, at, reading.value, reading.detail, at)
        self._ledger.prune()
        self._tell(watched, "fired", reading, at)

    def _end(self, alert: int, ending: str, at: float) -> None:
        self._ledger.do("UPDATE alerts SET ended = ?, ending = ? WHERE id = ?", at, ending, alert)

    def _tell(self, watched: _Watched, kind: Happening, reading: Reading, at: float) -> None:
        rule = watched.rule
        assert watched.alert is not None
        for channel in self._channels(rule):
            if channel.by != "login-message":
                facts = self._facts(watched, kind, reading, at)
                waits = rule.quiet and rule.severity != "critical"
                self._outbox.put(watched.alert.id, channel.name, facts, at, waits=waits)

    def _channels(self, rule: Rule) -> list[Channel]:
        return [
            channel
            for channel in self._config.channels
            if (not rule.channels or channel.name in rule.channels)
            and _SEVERITIES.index(rule.severity) >= _SEVERITIES.index(channel.least)
        ]

    def _facts(self, watched: _Watched, kind: Happening, reading: Reading, at: float) -> dict[str, Any]:
        assert watched.alert is not None
        rule = watched.rule
        return {
            "kind": kind,
            "alert": watched.alert.id,
            "host": os.uname().nodename,
            "rule": rule.name,
            "what": rule.what,
            "of": watched.of,
            "severity": rule.severity,
            "value": reading.value,
            "detail": reading.detail,
            "side": rule.side,
            "limit": rule.at,
            "fired": watched.alert.fired,
            "at": at,
        }

    # over a restart ---------------------------------------------------------------------------------------------------

    def _restore(self, at: float, now: float) -> None:
        """What fired goes on firing, without being told anew; what belongs to no rule any more ends."""
        for row in self._ledger.rows("SELECT * FROM alerts WHERE ended IS NULL ORDER BY id"):
            rule = self._rules.get(row["rule"])
            key = (row["rule"], row["of"])
            if rule is None or rule.what != row["what"] or not covers(rule, row["of"]) or key in self._watched:
                self._end(row["id"], "withdrawn", at)
                continue
            watched = self._watched[key] = _Watched(rule, row["of"], State(rule, self._gap))
            watched.state.firing = True
            watched.state.told = now - max(0.0, at - row["told"])
            watched.alert = _Alert(row["id"], row["fired"], "")
            reading = Reading(row["value"], row["detail"])
            watched.alert.line = _line(self._facts(watched, "fired", reading, row["fired"]))
        for row in self._ledger.rows("SELECT * FROM streaks"):
            rule = self._rules.get(row["rule"])
            key = (row["rule"], row["of"])
            # what nobody saw while the machine was off isn't known, so it doesn't count; too long, and it is a gap
            if rule is None or abs(at - row["seen"]) > max(2 * LONG, rule.lasts / 10) or not covers(rule, row["of"]):
                self._ledger.do("DELETE FROM streaks WHERE rule = ? AND of = ?", *key)
            elif key not in self._watched:
                watched = self._watched[key] = _Watched(rule, row["of"], State(rule, self._gap), saved=now)
                watched.state.since = now - max(0.0, row["seen"] - row["since"])
        for row in self._ledger.rows("SELECT max(id) AS last FROM alerts"):
            self._next = (row["last"] or 0) + 1

    def _keep_streak(self, watched: _Watched, at: float, now: float) -> None:
        state = watched.state
        if state.since is None or state.firing:
            if watched.saved is not None:
                watched.saved = None
                self._ledger.do("DELETE FROM streaks WHERE rule = ? AND of = ?", watched.rule.name, watched.of)
        elif watched.rule.lasts >= LONG and (watched.saved is None or now - watched.saved >= LONG):
            watched.saved = now
            began = at - (now - state.since)
            statement = "INSERT OR REPLACE INTO streaks (rule, of, since, seen) VALUES (?, ?, ?, ?)"
            self._ledger.do(statement, watched.rule.name, watched.of, began, at)

    # beside the channels ----------------------------------------------------------------------------------------------

    def _ping(self, at: float, now: float) -> None:
        man = self._config.dead_man
        if man is None:
            return
        if self._pinging is not None and (ended := self._pinging.look(now)) is not None:
            self._pinging = None
            answer = outbox.trial_answer(ended.output)
            trouble = "" if answer.taken else answer.said
            if trouble != self._ping_trouble:
                self._ping_trouble = trouble
                statement = "INSERT OR REPLACE INTO notes (name, text, at) VALUES ('dead-man', ?, ?)"
                self._ledger.do(statement, trouble, at)
        if self._pinging is None and now >= self._ping_due:
            self._ping_due = now + man.every
            with contextlib.suppress(OSError):
                self._pinging = Child(outbox.ARGV, now, outbox.LIMIT, given=json.dumps({"ping": man.url}))

    def _log_in_message(self) -> None:
        told_by = [channel for channel in self._config.channels if channel.by == "login-message"]
        firing = [w for w in self._watched.values() if w.alert is not None] if told_by else []
        lines = [
            w.alert.line
            for w in sorted(firing, key=lambda w: -_SEVERITIES.index(w.rule.severity))
            if w.alert is not None
            and w.alert.id not in self._acknowledged
            and any(channel in told_by for channel in self._channels(w.rule))
        ]
        if lines != self._told:
            with contextlib.suppress(OSError):
                login.tell(lines, self._motd)
                self._told = lines


def _line(facts: Mapping[str, Any]) -> str:
    return f"{words.severity(facts['severity'])}: {words.said(facts)}, {words.when(facts['fired'])}"


def effective(rule: Rule) -> Rule:
    """The rule on the value that its watcher gives: 1 for what is wrong, or a number of lines."""
    if rule.what in ("service", "reach"):
        return replace(rule, side="above", at=0.5, clears=None)
    if rule.what == "log":  # the watcher counts within `lasts`; it is over when the last line is as old
        return replace(rule, side="above", at=max(1, rule.count) - 0.5, clears=0.5, lasts=0.0)
    return rule


def pattern(of: str) -> re.Pattern[str]:
    """A metric's name, in which `*` stands for anything."""
    return re.compile(".*".join(re.escape(part) for part in of.split("*")), re.DOTALL)


def covers(rule: Rule, of: str) -> bool:
    """Whether a rule is on that."""
    if rule.what == "updates":
        return of == "apt"
    if rule.what == "log":
        return of == (rule.unit or "journal")
    if rule.what == "service":
        from pi_installer_tui.alerts.watch.services import unit

        return pattern(unit(rule.of)).fullmatch(of) is not None
    return pattern(rule.of).fullmatch(of) is not None


def watchers(rules: list[Rule], interval: float) -> dict[str, Watcher]:
    """Who looks for these rules, by what they are on. Only what is needed is imported."""
    of = {what: [rule for rule in rules if rule.what == what] for what in {rule.what for rule in rules}}
    found: dict[str, Watcher] = {}
    if "service" in of:
        from pi_installer_tui.alerts.watch.services import Services

        found["service"] = Services(of["service"], interval)
    if "log" in of:
        from pi_installer_tui.alerts.watch.journal import Journal

        found["log"] = Journal(of["log"])
    if "reach" in of:
        from pi_installer_tui.alerts.watch.reach import Reach

        found["reach"] = Reach(of["reach"])
    if "certificate" in of:
        from pi_installer_tui.alerts.watch.certificates import Certificates

        found["certificate"] = Certificates(of["certificate"])
    if "updates" in of:
        from pi_installer_tui.alerts.watch.updates import Updates

        found["updates"] = Updates(of["updates"])
    return found
