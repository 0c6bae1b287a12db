"""The verb `audit`: looks, and prints what was found, for people or as the JSON document of docs/json.md."""

from __future__ import annotations

import contextlib
import sys
from argparse import Namespace
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pi_installer_tui import modules
from pi_installer_tui.cli import documents
from pi_installer_tui.cli.printing import Printer, print_json
from pi_installer_tui.cli.status import Exit
from pi_installer_tui.i18n import _
from pi_installer_tui.system.reading import Known, Unknown

if TYPE_CHECKING:
    from pi_installer_tui.cli.machine import Machine
    from pi_installer_tui.modules.security.audit.base import Finding
    from pi_installer_tui.modules.security.audit.exposure import Exposed
    from pi_installer_tui.modules.security.audit.report import Report

_STYLES = {"good": "good", "bad": "bad", "unknown": "warn", "not-here": "faint"}


async def audit(args: Namespace, machine: Machine) -> int:
    """Looks at everything; with --quick the files as they were found last time, and Lynis's last report."""
    from pi_installer_tui.modules.security.audit import files, lynis, report

    if args.quick:
        scan, opinion = files.kept(machine.store.root), None
    else:
        if sys.stderr.isatty():
            Printer(sys.stderr).line(_("Looking at every file ..."), "faint")
        scan = await report.scan(machine.host)
        if not isinstance(scan, Unknown):
            with contextlib.suppress(PermissionError):  # it is kept by root only
                files.keep(machine.store.root, scan)
        if await machine.host.which("lynis") is not None and sys.stderr.isatty():
            Printer(sys.stderr).line(_("Lynis looks, which takes a minute or more ..."), "faint")
        opinion = await lynis.run(machine.host)
    made = await report.look(machine.host, scan, opinion)
    if args.json:
        print_json(document(made))
    else:
        _page(Printer(), made)
    return Exit.DONE


# for programs -----------------------------------------------------------------------------------------------------


def document(made: Report) -> dict[str, Any]:
    """The JSON document."""
    unknown = [{"setting": f.check.id, "reason": f.reason} for f in made.of("unknown")]
    sockets = made.exposure.sockets
    if isinstance(sockets, Unknown):
        unknown.append({"setting": "exposure", "reason": sockets.reason})
    second = made.lynis
    return documents.document(
        unknown=unknown,
        score=made.score,
        findings=[_finding(made, finding) for finding in made.findings],
        exposure=[] if isinstance(sockets, Unknown) else [_socket(row) for row in sockets],
        files_looked_at=None if isinstance(made.scan, Unknown) else made.scan.at,
        lynis={
            "index": second.value.index,
            "at": second.value.at,
            "version": second.value.version,
            "warnings": list(second.value.warnings),
        }
        if isinstance(second, Known)
        else None,
    )


def _finding(made: Report, finding: Finding) -> dict[str, Any]:
    check = finding.check
    return {
        "id": check.id,
        "area": check.area,
        "verdict": finding.verdict,
        "weight": check.weight,
        "gain": made.gain(finding) if finding.verdict == "bad" else 0,
        "items": list(finding.items),
        "evidence": [{"asked": e.asked, "output": e.output} for e in finding.evidence],
        "setting": check.setting if modules.can_be_set(check.setting) else None,
    }


def _socket(row: Exposed) -> dict[str, Any]:
    s = row.socket
    return {
        "proto": s.proto,
        "address": s.address or None,
        "port": s.port,
        "process": s.process or None,
        "pid": s.pid or None,
        "unit": s.unit or None,
        "program": s.program or None,
        "package": s.package or None,
        "ipv4": row.ipv4,
        "ipv6": row.ipv6,
        "published": row.published or None,
    }


# for people -------------------------------------------------------------------------------------------------------


def _page(printer: Printer, made: Report) -> None:
    from pi_installer_tui.modules.security.audit.base import AREAS

    counts = {v: len([f for f in made.findings if f.verdict == v]) for v in _STYLES}
    shown = _("unknown") if made.score is None else _("{score} of 100").format(score=made.score)
    printer.line(_("Score: {score}").format(score=shown), "bold")
    said = _("{good} good, {bad} bad; {unknown} unknown and {absent} that don't arise here count neither way")
    printer.sentence(
        said.format(good=counts["good"], bad=counts["bad"], unknown=counts["unknown"], absent=counts["not-here"])
    )
    if isinstance(made.lynis, Known):
        lynis = made.lynis.value
        printer.sentence(_("Lynis says {index} of 100 ({at})").format(index=lynis.index, at=lynis.at))
    for area, title in AREAS.items():
        printer.line()
        printer.line(_(title), "bold")
        for finding in made.findings:
            if finding.check.area == area:
                _one(printer, made, finding)
    _exposure(printer, made)


def _one(printer: Printer, made: Report, finding: Finding) -> None:
    from pi_installer_tui.modules.security.audit import report

    check = finding.check
    said = _(check.question) if not finding.reason else f"{_(check.question)} {finding.reason}"
    word = report.verdict(finding)
    printer.sentence(said, " " * 12, f"  {word:10}", _STYLES[finding.verdict])
    if finding.verdict != "bad":
        return
    for label, text in (
        (_("found"), ", ".join(finding.items[:20])),
        (_("risk"), _(check.risk)),
        (_("fix"), _("{fix} (+{points})").format(fix=_(check.fix), points=made.gain(finding))),
    ):
        printer.sentence(text, " " * 19, f"            {label}: ")
    for receipt in finding.evidence:
        printer.line(f"            $ {receipt.asked[:200]}", "faint")
        for line in receipt.output.splitlines():
            printer.line(f"              {line[:200]}", "faint")


def _exposure(printer: Printer, made: Report) -> None:
    printer.line()
    printer.line(_("Who reaches what listens"), "bold")
    if isinstance(made.exposure.sockets, Unknown):
        printer.sentence(made.exposure.sockets.reason, style="warn")
        return
    rows = [("", _("socket"), "IPv4", "IPv6", _("program"))]
    rows += list(_rows(made.exposure.sockets))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        printer.line("  " + "  ".join([*(c.ljust(w) for c, w in zip(row[:4], widths, strict=True)), row[4]]))


def _rows(found: Iterable[Exposed]) -> Iterable[tuple[str, str, str, str, str]]:
    for row in found:
        s = row.socket
        who = " ".join(part for part in (s.process, f"({s.package})" if s.package else "") if part)
        to = _("Docker leads it on to {where}").format(where=row.published) if row.published else ""
        yield s.proto, s.where, row.ipv4, row.ipv6, " ".join(part for part in (who, to) if part)
