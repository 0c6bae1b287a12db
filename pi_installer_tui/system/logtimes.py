"""The time at the start of a line in a log file, as syslog daemons, package managers and web servers write it."""

from __future__ import annotations

import re
from datetime import datetime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: RFC 3339 (rsyslog since Debian 12), dpkg, fail2ban (with milliseconds after a comma), nginx's error log (with /)
_ISO = re.compile(
    r"\[?(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,]\d{1,9})?(Z|[+-]\d\d:?\d\d)?\]?(?:\s+|$)"
)
#: RFC 3164: no year
_OLD = re.compile(rf"({'|'.join(_MONTHS)}) ([ \d]\d) (\d\d):(\d\d):(\d\d)\s+")
#: the Common Log Format of web servers: `ADDRESS - USER [27/Nov/2026:15:04:05 +0000] ...`
_WEB = re.compile(rf"\S+ \S+ \S+ \[(\d\d)/({'|'.join(_MONTHS)})/(\d{{4}}):(\d\d):(\d\d):(\d\d) ([+-]\d{{4}})\] ")
_DAY = 86400.0


class Clock:
    """Reads times. written: when the file was written last (seconds since 1970), which tells the year of times that
    have none. A time without a zone is the machine's local one."""

    def __init__(self, written: float) -> None:
        self._written = written

    def read(self, line: str) -> tuple[float | None, str]:
        """The time in seconds since 1970, None where there is none, and the line without it."""
        try:
            if match := _ISO.match(line):
                year, month, day, hour, minute, second, zone = match.groups()
                text = f"{year}-{month}-{day}T{hour}:{minute}:{min(int(second), 59):02}"
                text += "+00:00" if zone == "Z" else zone or ""
                return datetime.fromisoformat(text).timestamp(), line[match.end() :]
            if match := _OLD.match(line):
                return self._without_year(*match.groups()), line[match.end() :]
            if match := _WEB.match(line):
                day, name, year, hour, minute, second, zone = match.groups()
                month = _MONTHS.index(name) + 1
                text = f"{year}-{month:02}-{day}T{hour}:{minute}:{min(int(second), 59):02}{zone[:3]}:{zone[3:]}"
                return datetime.fromisoformat(text).timestamp(), line
        except (ValueError, OverflowError, OSError):
            pass
        return None, line

    def _without_year(self, month: str, day: str, hour: str, minute: str, second: str) -> float:
        last = datetime.fromtimestamp(self._written)
        number = _MONTHS.index(month) + 1
        for year in range(last.year, last.year - 5, -1):  # the last 29 February may be four years ago
            try:
                at = datetime(year, number, int(day), int(hour), int(minute), min(int(second), 59)).timestamp()
            except ValueError:
                continue
            if at <= self._written + _DAY:
                return at
        raise ValueError(month)
