"""Entries for systemd-journal-remote(8), in the Journal Export Format (systemd.io): a journal that is made up, with the
times and boots that a test wants. It needs nothing but Python's standard library."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Mapping

REMOTE = "/usr/lib/systemd/systemd-journal-remote"
BOOTS = tuple(f"{n:032x}" for n in (0xA1, 0xB2, 0xC3))
#: seconds since 1970 of the first entry
BEGAN = 1_750_000_000
_WORDS = (
    "connection",
    "accepted",
    "from",
    "peer",
    "closed",
    "by",
    "remote",
    "lease",
    "renewed",
    "state",
    "changed",
    "value",
)


def exported(fields: Mapping[str, str | bytes]) -> bytes:
    """An entry. A value that has a line break, or isn't text, goes with its length."""
    out = []
    for name, value in fields.items():
        data = value if isinstance(value, bytes) else value.encode()
        if isinstance(value, bytes) or b"\n" in data:
            out.append(name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n")
        else:
            out.append(f"{name}=".encode() + data + b"\n")
    return b"".join(out) + b"\n"


def entry(number: int, message: str | bytes | None, *, boot: str = BOOTS[-1], **fields: str | bytes) -> bytes:
    """An entry one second after the one with the number before; message None: it has none."""
    usec = (BEGAN + number) * 1_000_000
    named: dict[str, str | bytes] = {
        "__REALTIME_TIMESTAMP": str(usec),
        "__MONOTONIC_TIMESTAMP": str(number * 1_000_000 + 1),
        "_BOOT_ID": boot,
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "made",
        "_SYSTEMD_UNIT": "made.service",
        **fields,
    }
    if message is not None:
        named["MESSAGE"] = message
    return exported(named)


def many(count: int) -> Iterator[bytes]:
    """`count` entries over three boots, as a busy machine has them: 40 units, all priorities, messages of some 100
    characters that are all different."""
    for number in range(count):
        unit = f"service-{number * 7 % 40}.service" if number % 50_000 else "rare.service"
        words = " ".join(_WORDS[number * k % len(_WORDS)] for k in range(1, 9))
        yield entry(
            number,
            f"{words} {number} {number * 2654435761 % 2**32:08x}",
            boot=BOOTS[number * 3 // count],
            _SYSTEMD_UNIT=unit,
            SYSLOG_IDENTIFIER=unit.removesuffix(".service"),
            _PID=str(1000 + number % 300),
            PRIORITY=str((6, 6, 6, 5, 6, 4, 6, 7, 6, 3)[number % 10] if number % 100_000 else 2),
        )


if __name__ == "__main__":
    for part in many(int(sys.argv[1])):
        sys.stdout.buffer.write(part)
