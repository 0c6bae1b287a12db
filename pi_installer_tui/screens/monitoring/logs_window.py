"""What of a log is kept while it is looked at: some hundred entries next to each other. Pages come at either end and go
at the other, so that nothing is there twice and nothing is left out."""

from __future__ import annotations

from collections.abc import Sequence

from pi_installer_tui.system.entries import Entry, Log, Page, Wanted, pattern

#: entries that are kept, and that are read at once
MOST = 600
STEP = 200
#: entries that are looked through at once for a text where there is a wanted one already
_SOUGHT = 1000


class Window:
    """The entries. at_start, at_end: nothing lies before the first or after the last one (when that was read). said:
    what the log said beside them."""

    def __init__(self, log: Log, wanted: Wanted) -> None:
        self.log = log
        self.wanted = wanted
        self.entries: list[Entry] = []
        self.at_start = True
        self.at_end = True
        self.said = ""

    async def to_end(self) -> None:
        """The newest entries."""
        page = await self.log.last(self.wanted, STEP)
        self._set(page.entries, at_start=not page.more, at_end=True, said=page.said)

    async def to_start(self) -> None:
        """The oldest entries."""
        page = await self.log.first(self.wanted, STEP)
        self._set(page.entries, at_start=True, at_end=not page.more, said=page.said)

    async def around(self, entry: Entry) -> None:
        """An entry with what is next to it."""
        before = await self.log.before(entry.cursor, self.wanted, STEP // 2)
        after = await self.log.after(entry.cursor, self.wanted, STEP // 2)
        entries = (*before.entries, entry, *after.entries)
        self._set(entries, at_start=not before.more, at_end=not after.more, said=before.said)

    def _set(self, entries: Sequence[Entry], *, at_start: bool, at_end: bool, said: str) -> None:
        self.entries = list(entries)
        self.at_start, self.at_end, self.said = at_start, at_end, said

    async def before(self) -> int:
        """Reads on towards the start; how many entries came in front."""
        if self.at_start or not self.entries:
            return 0
        page = await self.log.before(self.entries[0].cursor, self.wanted, STEP)
        self.entries[:0] = page.entries
        self.at_start = not page.more
        if len(self.entries) > MOST:
            del self.entries[MOST:]
            self.at_end = False
        return len(page.entries)

    async def after(self) -> int:
        """Reads on towards the end; how many entries went at the front."""
        if not self.entries:
            await self.to_end()
            return 0
        page = await self.log.after(self.entries[-1].cursor, self.wanted, STEP)
        self.at_end = not page.more
        return self._add(page.entries)

    def arrived(self, entries: Sequence[Entry]) -> int:
        """Entries that were logged after the last one; how many went at the front."""
        return self._add(entries)

    def _add(self, entries: Sequence[Entry]) -> int:
        self.entries.extend(entries)
        gone = max(0, len(self.entries) - MOST)
        if gone:
            del self.entries[:gone]
            self.at_start = False
        return gone

    async def find(self, text: str, beside: int, by: int) -> Entry | None:
        """The next entry that has a text: from that with the number `beside` on, towards the start (by -1) or the end
        (1). The whole log is looked through."""
        sought = pattern(text)
        if sought is None or not self.entries:
            return None
        number = beside + by
        while 0 <= number < len(self.entries):
            if sought.compiled.search(self.entries[number].message):
                return self.entries[number]
            number += by
        cursor = self.entries[0 if by < 0 else -1].cursor
        if not self.wanted.text:
            page = await self._beside(cursor, self.wanted.having(text), 1, by)
            return page.entries[0] if page.entries else None
        while True:
            page = await self._beside(cursor, self.wanted, _SOUGHT, by)
            for entry in page.entries[::by]:
                if sought.compiled.search(entry.message):
                    return entry
            if not page.more or not page.entries:
                return None
            cursor = page.entries[0 if by < 0 else -1].cursor

    async def _beside(self, cursor: str, wanted: Wanted, count: int, by: int) -> Page:
        read = self.log.before if by < 0 else self.log.after
        return await read(cursor, wanted, count)
