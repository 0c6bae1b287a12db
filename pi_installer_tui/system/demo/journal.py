"""The demo machine's journal: three boots of a Raspberry Pi that stands on the internet with a weak power supply. It
is made up anew at each call, always the same for the same machine; the newest entries come while one looks."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from pi_installer_tui.system.demo.players import PACE, Call, Refused, player
from pi_installer_tui.system.demo.tree import Machine

#: identifier, unit, pid, priority, message; a further one has other fields
_Line: TypeAlias = "tuple[str, str, int, int, str] | tuple[str, str, int, int, str, Mapping[str, str]]"

_BOOTS = ("3f0c9a61d2b84e5d9b7a1c60e4f85a12", "b81e5d70c34f4a0e8d296f1b7ac05e93", "d6a2714f90be4c1886c3e50f7d19b240")
#: seconds before the machine was made at which its boots began and ended
_TIMES = ((6 * 86400, 4 * 86400), (4 * 86400 - 300, 4 * 3600 + 120), (4 * 3600, 0))
#: seconds between the entries that come while one looks
_EVERY = 15

_START: tuple[_Line, ...] = (
    ("kernel", "", 0, 5, "Linux version 6.12.47+rpt-rpi-v8 (serge@raspberrypi.com) (aarch64-linux-gnu-gcc-14)"),
    ("kernel", "", 0, 6, "Machine model: Raspberry Pi 4 Model B Rev 1.4"),
    ("kernel", "", 0, 6, "Memory: 3884032K/4050944K available"),
    ("kernel", "", 0, 6, "mmc0: new ultra high speed DDR50 SDHC card at address aaaa"),
    ("kernel", "", 0, 6, "EXT4-fs (mmcblk0p2): mounted filesystem with ordered data mode. Quota mode: none."),
    ("systemd", "init.scope", 1, 6, "systemd 257.8-1~deb13u2 running in system mode"),
    ("systemd", "init.scope", 1, 5, "Hostname set to <raspberrypi>."),
    ("NetworkManager", "NetworkManager.service", 512, 6, "<info>  device (eth0): state change: config -> activated"),
    (
        "NetworkManager",
        "NetworkManager.service",
        512,
        6,
        "<info>  dhcp4 (eth0): state changed new lease, address=192.168.1.23",
    ),
    ("sshd", "ssh.service", 702, 6, "Server listening on 0.0.0.0 port 22."),
    ("sshd", "ssh.service", 702, 6, "Server listening on :: port 22."),
    ("systemd", "init.scope", 1, 6, "Reached target multi-user.target - Multi-User System."),
    ("systemd-timesyncd", "systemd-timesyncd.service", 398, 6, "Contacted time server 192.168.1.1:123 (192.168.1.1)."),
)  # fmt: skip
_END: tuple[_Line, ...] = (
    ("systemd-logind", "systemd-logind.service", 455, 5, "The system will reboot now!"),
    ("systemd", "init.scope", 1, 6, "Stopped target multi-user.target - Multi-User System."),
    ("systemd-journald", "systemd-journald.service", 240, 6, "Journal stopped"),
)
#: what goes on: every so many seconds, beginning at; {n} counts
_USUAL: tuple[tuple[int, int, _Line], ...] = (
    (3600, 1020, ("CRON", "cron.service", 2210, 6, "(root) CMD (cd / && run-parts --report /etc/cron.hourly)")),
    (1800, 60, ("NetworkManager", "NetworkManager.service", 512, 6,
         "<info>  dhcp4 (eth0): state changed extended lease")),
    (2700, 400, ("sshd-session", "ssh.service", 1803, 6, "Invalid user oracle from 203.0.113.77 port 4{n:04}")),
    (2700, 402, ("sshd-session", "ssh.service", 1803, 6,
         "Failed password for invalid user oracle from 203.0.113.77 port 4{n:04} ssh2")),
    (5400, 1900, ("sshd-session", "ssh.service", 1944, 6,
         "Failed password for root from 2001:db8:77::5 port 5{n:04} ssh2")),
    (7200, 3000, ("kernel", "", 0, 4, "hwmon hwmon1: Undervoltage detected!")),
    (7200, 3004, ("kernel", "", 0, 6, "hwmon hwmon1: Voltage normalised")),
    (21600, 900, ("systemd", "apt-daily.service", 1, 6, "Finished apt-daily.service - Daily apt download activities.")),
    (86400, 5000, ("systemd", "fstrim.service", 1, 6, "Finished fstrim.service - Discard unused blocks.")),
    (10800, 3200, ("backup.sh", "backup.service", 2604, 3,
         "upload to https://ada:s3cret@backup.example.org failed: No space left on device")),
    (10800, 3201, ("systemd", "backup.service", 1, 4,
         "backup.service: Main process exited, code=exited, status=1/FAILURE")),
    (10800, 3202, ("systemd", "backup.service", 1, 4, "backup.service: Failed with result 'exit-code'.")),
    (14400, 8000, ("kernel", "", 0, 3,
         "Out of memory: Killed process 2871 (node) total-vm:1894408kB, anon-rss:812044kB")),
    (14400, 7000, ("weather.py", "weather.service", 1310, 6,
         "\x1b[32mOK\x1b[0m Zürich 21 °C, 東京 27 °C, القاهرة 34 °C")),
)  # fmt: skip
_LIVE: tuple[_Line, ...] = (
    ("weather.py", "weather.service", 1310, 6, "reading {n}: 21.4 °C"),
    ("NetworkManager", "NetworkManager.service", 512, 7, "<debug> connectivity: checked eth0"),
    ("sshd-session", "ssh.service", 3050, 6, "Failed password for root from 203.0.113.77 port 6{n:04} ssh2"),
)

_KNOWN = (
    *("--quiet", "-q", "--no-pager", "--output=", "-o=", "--output-fields=", "--lines=", "-n=", "--reverse", "-r"),
    *("--follow", "-f", "--no-tail", "--cursor=", "--after-cursor=", "--unit=", "-u=", "--priority=", "-p="),
    *("--since=", "--until=", "--grep=", "-g=", "--case-sensitive=", "--all", "-a", "--list-boots", "--utc"),
    *("--field=", "-F=", "--identifier=", "-t=", "--boot", "-b"),
)


def _entry(number: int, at: float, boot: str, began: float, line: _Line) -> dict[str, str]:
    who, unit, pid, priority, message, *more = line
    usec, mono = round(at * 1e6), round((at - began) * 1e6)
    entry = {
        "__CURSOR": f"s=5c1e;i={number:x};b={boot};m={mono:x};t={usec:x};x={number:x}",
        "__REALTIME_TIMESTAMP": str(usec),
        "__MONOTONIC_TIMESTAMP": str(mono),
        "_BOOT_ID": boot,
        "_HOSTNAME": "raspberrypi",
        "PRIORITY": str(priority),
        "SYSLOG_IDENTIFIER": who,
        "MESSAGE": message,
        "_TRANSPORT": "kernel" if who == "kernel" else "syslog",
    }
    if who != "kernel":
        entry |= {"_PID": str(pid), "_COMM": who[:15], "_UID": "0", "_SYSTEMD_UNIT": "init.scope" if pid == 1 else unit}
    if pid == 1 and unit != "init.scope":
        entry["UNIT"] = unit
    for fields in more:
        entry |= fields
    return entry


def _made(machine: Machine) -> float:
    return int(Path(machine.folder, "state").stat().st_ctime)


def entries(machine: Machine) -> list[dict[str, str]]:
    """All entries up to now, oldest first."""
    made = _made(machine)
    lines: list[tuple[float, str, float, _Line]] = []
    for boot, (before, until) in zip(_BOOTS, _TIMES, strict=True):
        began, ended = made - before, made - until
        own = [(began + 0.35 * n, line) for n, line in enumerate(_START)]
        for every, first, line in _USUAL:
            own += [(began + at, _numbered(line, at // every)) for at in range(first, int(ended - began), every)]
        if until:
            own += [(ended + 0.2 * n, line) for n, line in enumerate(_END)]
        lines += [(at, boot, began, line) for at, line in sorted(own, key=lambda each: each[0])]
    lines += _scheduled(machine, made)
    lines.sort(key=lambda each: each[0])
    began = made - _TIMES[-1][0]
    if float(os.environ.get(PACE, "1")):
        lines += [
            (made + n * _EVERY, _BOOTS[-1], began, _numbered(_LIVE[n % len(_LIVE)], n))
            for n in range(1, int((time.time() - made) / _EVERY) + 1)
        ]
    return [_entry(n, at, boot, began, line) for n, (at, boot, began, line) in enumerate(lines, 1)]


def _scheduled(machine: Machine, made: float) -> list[tuple[float, str, float, _Line]]:
    """What cron and timers did, while the machine ran."""
    if not machine.exists("/run/demo/scheduled.json"):
        return []
    from pi_installer_tui.system.demo.past import ran

    found: list[tuple[float, str, float, _Line]] = []
    for boot, (before, until) in zip(_BOOTS, _TIMES, strict=True):
        began, ended = made - before, (made - until if until else time.time())
        found += [(at, boot, began, line) for at, line in ran(machine, began, ended, made)]
    return found


def _numbered(line: _Line, number: int) -> _Line:
    return (line[0], line[1], line[2], line[3], line[4].format(n=number))


@player("journalctl")
async def journalctl(call: Call) -> int:
    options = call.options(*_KNOWN)
    found = entries(call.machine)
    if options.has("--list-boots"):
        return await _boots(call, found)
    if name := options.value("--field", "-F"):
        for value in sorted({entry[name] for entry in found if name in entry}):
            await call.out(value)
        return 0
    fits = _Fits(call)
    kept = [entry for entry in found if fits(entry)]
    if beside := options.value("--cursor", "--after-cursor"):
        at = _place(beside)
        if options.has("--reverse", "-r"):
            kept = [entry for entry in kept if _place(entry["__CURSOR"]) <= at]
        else:
            kept = [entry for entry in kept if _place(entry["__CURSOR"]) >= at]
        kept = [e for e in kept if e["__CURSOR"] != options.value("--after-cursor")]
    if options.has("--reverse", "-r"):
        kept.reverse()
    lines = options.value("--lines", "-n", default="10" if options.has("--follow", "-f") else "all")
    if lines != "all" and not options.has("--no-tail"):
        from_end = not beside and not options.has("--reverse", "-r")
        kept = kept[len(kept) - min(int(lines), len(kept)) :] if from_end else kept[: int(lines)]
    for entry in kept:
        await _print(call, entry)
    if not kept and not options.has("--quiet", "-q", "--follow", "-f"):
        await call.out("-- No entries --")
    if options.has("--follow", "-f"):
        await _follow(call, fits, _place(found[-1]["__CURSOR"]))
    return 0


async def _follow(call: Call, fits: _Fits, last: int) -> None:
    while True:
        await asyncio.sleep(1.0)
        for entry in entries(call.machine)[last:]:
            last += 1
            if fits(entry):
                await _print(call, entry)


def _place(cursor: str) -> int:
    match = re.search(r"i=([0-9a-f]+)", cursor)
    if match is None:
        raise Refused("Failed to seek to cursor: Invalid argument")
    return int(match[1], 16)


class _Fits:
    """Whether an entry is what the options ask for."""

    def __init__(self, call: Call) -> None:
        options = call.options(*_KNOWN)
        self._units = [u if "." in u else f"{u}.service" for u in options.values("--unit", "-u")]
        self._who = options.values("--identifier", "-t")
        self._priority = int(options.value("--priority", "-p", default="7"))
        self._since, self._until = (_time(options.value(name)) for name in ("--since", "--until"))
        #: + stands between groups, of which one is enough (journalctl(1))
        self._groups: list[list[tuple[str, str]]] = [[]]
        for word in options.words:
            if word == "+":
                self._groups.append([])
            else:
                name, _equals, value = word.partition("=")
                self._groups[-1].append((name, value))
        self._boot = options.value("--boot", "-b") or _BOOTS[-1] if options.has("--boot", "-b") else ""
        text = options.value("--grep", "-g")
        case = options.value("--case-sensitive") or ("no" if text == text.lower() else "yes")
        try:
            self._text = re.compile(text, 0 if case in ("yes", "true", "1") else re.IGNORECASE)
        except re.error as error:
            raise Refused(f'Bad pattern "{text}": {error.msg}') from None

    def __call__(self, entry: dict[str, str]) -> bool:
        at = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        return (
            (not self._units or entry.get("UNIT", entry.get("_SYSTEMD_UNIT")) in self._units)
            and (not self._who or entry["SYSLOG_IDENTIFIER"] in self._who)
            and int(entry["PRIORITY"]) <= self._priority
            and (self._since is None or at >= self._since)
            and (self._until is None or at <= self._until)
            and self._boot in ("", entry["_BOOT_ID"])
            and any(
                all(entry.get(name) in [v for n, v in group if n == name] for name, _value in group)
                for group in self._groups
            )
            and self._text.search(entry["MESSAGE"]) is not None
        )


def _time(text: str) -> float | None:
    return float(text[1:]) if text.startswith("@") else None


async def _print(call: Call, entry: dict[str, str]) -> None:
    options = call.options(*_KNOWN)
    if options.value("--output", "-o") == "json":
        kept = [name for name in options.value("--output-fields").split(",") if name]
        shown = {k: v for k, v in entry.items() if not kept or k in kept or k[:2] == "__" or k == "_BOOT_ID"}
        # what isn't printable is an array of its bytes
        await call.out(json.dumps({k: v if _plain(v) else list(v.encode()) for k, v in shown.items()}))
        return
    pid = f"[{entry['_PID']}]" if "_PID" in entry else ""
    when = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1e6)
    text = entry["MESSAGE"] if _plain(entry["MESSAGE"]) else f"[{len(entry['MESSAGE'].encode())}B blob data]"
    head = f"{when:%b %d %H:%M:%S} {entry['_HOSTNAME']} {entry['SYSLOG_IDENTIFIER']}{pid}: "
    await call.out(text if options.value("--output", "-o") == "cat" else head + text)


def _plain(text: str) -> bool:
    return all(c >= " " or c in "\t\n" for c in text)


async def _boots(call: Call, found: list[dict[str, str]]) -> int:
    """As systemd 257 prints them."""
    boots: list[dict[str, Any]] = []
    for number, boot in enumerate(_BOOTS, 1 - len(_BOOTS)):
        own = [int(entry["__REALTIME_TIMESTAMP"]) for entry in found if entry["_BOOT_ID"] == boot]
        boots.append({"index": number, "boot_id": boot, "first_entry": own[0], "last_entry": own[-1]})
    if call.options(*_KNOWN).value("--output", "-o") == "json":
        await call.out(json.dumps(boots))
        return 0
    await call.out("IDX BOOT ID                          FIRST ENTRY                 LAST ENTRY")
    for each in boots:
        seconds = [datetime.fromtimestamp(each[name] / 1e6, UTC) for name in ("first_entry", "last_entry")]
        times = [f"{at:%a %Y-%m-%d %H:%M:%S} UTC" for at in seconds]
        await call.out(f"{each['index']:>3} {each['boot_id']} {times[0]} {times[1]}")
    return 0
