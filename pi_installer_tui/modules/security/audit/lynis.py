"""Lynis, a second opinion: its hardening index, from its own report."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.system.reading import MISSING, Known, Missing, Reading, Source, Unknown

REPORT = "/var/log/lynis-report.dat"
#: it writes REPORT and /var/log/lynis.log, as it always does (lynis(8))
COMMAND = ("lynis", "audit", "system", "--quick", "--quiet", "--no-colors")


@dataclass(frozen=True, slots=True)
class Lynis:
    """A report. index: 0 to 100; at: when it was made, as Lynis writes it (`2026-11-24 19:56:00`); warnings: its
    own words, with the ids of its tests."""

    index: int
    at: str
    version: str
    warnings: tuple[str, ...]


def parse(text: str) -> Reading[Lynis]:
    """A report: `key=value` lines, `key[]=value` for lists."""
    values: dict[str, str] = {}
    warnings: list[str] = []
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if key == "warning[]":
            warnings.append(" ".join(part for part in value.split("|")[:2] if part))
        elif equals:
            values[key] = value
    index = values.get("hardening_index", "")
    if not index.isdecimal() or int(index) > 100:
        return Unknown(_("{path} has no hardening index").format(path=REPORT))
    at = values.get("report_datetime_end", "")
    return Known(Lynis(int(index), at, values.get("lynis_version", ""), tuple(warnings)), Source(REPORT))


async def read(host: Host) -> Reading[Lynis]:
    """The last report; missing where Lynis isn't installed or never ran."""
    if await host.which("lynis") is None:
        return MISSING
    text = await base.text(host, REPORT)
    if isinstance(text, Unknown):
        return text
    return Missing(Source(REPORT)) if text is None else parse(text)


async def run(host: Host) -> Reading[Lynis]:
    """Lets Lynis look at the machine, which takes it a minute, and reads its report. It needs root: without, it
    leaves out tests and another index comes of it."""
    if await host.which("lynis") is None:
        return MISSING
    if not host.privileged:
        return Unknown(_("Lynis needs root to look at everything"))
    began = time.time()
    try:
        await host.run(COMMAND)
    except (CommandNotFound, HostError) as error:
        return Unknown(str(error))
    made = await host.stat(REPORT)
    if made is None or made.mtime_ns / 1e9 < began - 1:
        return Unknown(_("Lynis wrote no report"))
    return await read(host)
