"""The journal: lines that match a rule's pattern. journalctl itself looks for them, so that a pattern which takes for
ever delays nothing here, and reads only what came since the last look."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable

from pi_installer_tui.alerts.child import Child, Ended
from pi_installer_tui.alerts.config import Rule
from pi_installer_tui.alerts.watch import Reading, Readings
from pi_installer_tui.alerts.watch.services import unit

PACE = 30.0  # seconds
LIMIT = 25.0  # seconds
#: lines are counted within at least this time, so that a rule without a duration sees more than one look's
LEAST_WINDOW = 60.0  # seconds
_MOST_LINES = 10_000
_ENGLISH = {"LC_ALL": "C.UTF-8"}


def entries(output: str) -> list[tuple[str, str, float]]:
    """Cursor, message and time (seconds since 1970) of each entry of `journalctl -o json` (systemd.journal-fields(7));
    a message that isn't UTF-8 comes as a list of bytes, one that is too long as null."""
    found = []
    for line in output.splitlines():
        try:
            entry = json.loads(line)
            cursor, message = entry["__CURSOR"], entry.get("MESSAGE")
            at = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        except (ValueError, KeyError, TypeError):
            continue  # cut off where the command was ended
        if isinstance(message, list):
            message = bytes(each for each in message if isinstance(each, int) and 0 <= each < 256).decode(
                "utf-8", "replace"
            )
        found.append((str(cursor), message if isinstance(message, str) else "", at))
    return found


class _Search:
    """One rule's lines. cursor: where the last complete look ended; counted: those after it that are counted
    already."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.cursor = ""
        self.counted: frozenset[str] = frozenset()
        self.matches: deque[float] = deque(maxlen=_MOST_LINES)
        self.last = ""
        self.child: Child | None = None
        self.until = ""
        self.trouble = ""

    @property
    def window(self) -> float:
        """Seconds within which lines are counted."""
        return max(self.rule.lasts, LEAST_WINDOW)

    def begin(self, tail: str, at: float, now: float) -> None:
        """Looks at what came after the cursor; the first time at what is still to be counted, so that a restart of the
        collector forgets nothing. tail: the newest entry before this look."""
        argv = ["journalctl", "--quiet", "--output=json", "--output-fields=MESSAGE", "--no-pager"]
        argv += [f"--after-cursor={self.cursor}" if self.cursor else f"--since=@{int(at - self.window)}"]
        argv += ["--case-sensitive=true", f"--grep={self.rule.of}"]
        argv += [f"--unit={unit(self.rule.unit)}"] if self.rule.unit else []
        self.until = tail
        self.child = Child(argv, now, LIMIT, env=_ENGLISH)

    def take(self, ended: Ended, at: float, now: float) -> None:
        # journalctl ends with 1 and says nothing where nothing matches
        if ended.status is None or (ended.status != 0 and ended.error.strip()):
            said = ended.error.strip() or ("too slow" if ended.status is None else "")
            self.trouble = said[:300]
            if "cursor" in said.lower():  # the entry has gone with its file
                self.cursor = ""
            return
        self.trouble = ""
        found = entries(ended.output)
        for cursor, message, written in found:
            if cursor not in self.counted:
                # by how long ago it was, since `now` is of another clock; a clock that was set meanwhile counts as now
                age = at - written if 0 <= at - written <= self.window else 0.0
                self.matches.append(now - age)
                self.last = message[:500]
        # entries that came while this look ran stand after `until`, so the next one finds them again
        self.cursor, self.counted = self.until, frozenset(cursor for cursor, _message, _at in found)

    def reading(self, now: float) -> Reading:
        if self.trouble:
            return Reading(None, self.trouble)
        while self.matches and now - self.matches[0] > self.window:
            self.matches.popleft()
        return Reading(float(len(self.matches)), self.last)


class Journal:
    """Rules on lines of the journal. The value is how many matched within the rule's time."""

    def __init__(self, rules: Iterable[Rule], pace: float = PACE) -> None:
        self.pace = pace
        self._searches = {rule.name: _Search(rule) for rule in rules}
        self._due = 0.0
        self._tail: Child | None = None
        self._ready = False

    def look(self, at: float, now: float) -> None:
        busy = False
        for search in self._searches.values():
            if search.child is not None and (ended := search.child.look(now)) is not None:
                search.child = None
                search.take(ended, at, now)
            busy = busy or search.child is not None
        if self._tail is not None and (ended := self._tail.look(now)) is not None:
            self._tail = None
            tail = entries(ended.output)
            if ended.status == 0 and tail:
                self._ready = True
                for search in self._searches.values():
                    search.begin(tail[-1][0], at, now)
            elif ended.status != 0:
                for search in self._searches.values():
                    search.trouble = (ended.error.strip() or "too slow")[:300]
        elif self._tail is None and not busy and now >= self._due:
            self._due = now + self.pace
            argv = ["journalctl", "--quiet", "--output=json", "--output-fields=MESSAGE", "--no-pager", "--lines=1"]
            self._tail = Child(argv, now, LIMIT, env=_ENGLISH)

    def readings(self, rule: Rule, at: float, now: float) -> Readings | None:
        search = self._searches.get(rule.name)
        if search is None or not (self._ready or search.trouble):
            return None
        return {rule.unit or "journal": search.reading(now)}

    def close(self) -> None:
        for child in (self._tail, *(search.child for search in self._searches.values())):
            if child is not None:
                child.stop()
