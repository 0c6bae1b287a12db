"""What a job came to, to be read and kept: its checks with what the machine answered, where things can be reached now,
what to write down and what to do next. It holds no secret."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from pi_installer_tui import modules, planning
from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.system import machine
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import known
from pi_installer_tui.tasks import words
from pi_installer_tui.tasks.checks import Check
from pi_installer_tui.tasks.events import CheckDone, CheckStatus
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.secrets import Secrets, names
from pi_installer_tui.tasks.store import JobSummary, Store

#: the Debian way to say that a reboot is due (update-notifier-common, unattended-upgrades)
REBOOT_REQUIRED = "/run/reboot-required"


@dataclass(frozen=True, slots=True)
class Proof:
    """A check and what it found; status "" where it was never asked."""

    check: Check
    status: CheckStatus | str
    evidence: str


@dataclass(frozen=True, slots=True)
class Report:
    """A job that is over. links: an address or a command, and what it is; secrets: the names of those that wait to be
    written down; reboot: one is due."""

    job: JobSummary
    plan: Plan
    host: str
    proofs: tuple[Proof, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    reboot: bool = False

    @property
    def failed(self) -> int:
        """Checks that did not prove what they should."""
        return sum(proof.status == "failed" for proof in self.proofs)


async def make(store: Store, job: str, host: Host, who: str) -> Report:
    """The report of a job. Raises KeyError, OSError, tasks.before.Unreadable."""
    summary, plan, found, waiting = await asyncio.to_thread(_look_up, store, job)
    asked = [found.get(check.id) for check in plan.checks]
    proofs = tuple(
        Proof(check, event.status if event else "", event.evidence if event else "")
        for check, event in zip(plan.checks, asked, strict=True)
    )
    addresses = known(await machine.addresses(host)) or ()
    states = await planning.read(host, [name for name in plan.modules if name in modules.names()])
    links: dict[tuple[str, str], None] = {}
    for name, state in states.items():
        for link in modules.load(name).links(state):
            for address in addresses:
                if address.family == 4 or len(addresses) == 1:
                    links[link.address.format(user=who, host=address.address), link.what] = None
    return Report(
        job=summary,
        plan=plan,
        host=((await host.text("/proc/sys/kernel/hostname")) or "").strip(),
        proofs=proofs,
        links=tuple(links),
        secrets=waiting,
        reboot=await host.stat(REBOOT_REQUIRED) is not None,
    )


def _look_up(store: Store, job: str) -> tuple[JobSummary, Plan, dict[str, CheckDone], tuple[str, ...]]:
    found = {event.check: event for event in store.events(job) if isinstance(event, CheckDone)}
    plan = store.plan(job)
    waiting = tuple(name for name in names(plan) if Secrets(store.root).waits(name))
    return store.summary(job), plan, found, waiting


def to_do(report: Report) -> list[str]:
    """What to do next, the most pressing first."""
    found = []
    if report.failed:
        found.append(_("Look at the checks that failed; undo takes back what the job changed."))
    if report.secrets:
        found.append(_("Write down what was made: s on the job's screen shows each secret, once."))
    if report.reboot:
        found.append(_("Reboot when it suits you: some changes take effect only then."))
    if report.links:
        found.append(_("Log in anew before you close this session, to see that it works."))
    found.append(_("Keep this report, and the setup file: it makes the next machine the same."))
    found.append(_("To take all of it back: pi-installer-tui undo {job}").format(job=report.job.id))
    return found


def head(report: Report) -> str:
    """How it went, in a sentence."""
    proven = sum(proof.status == "ok" for proof in report.proofs)
    count = len(report.proofs)
    said = words.status(report.job.status).capitalize() + ": "
    said += ngettext("{n} step", "{n} steps", report.job.steps).format(n=report.job.steps)
    if count:
        said += ", " + _("{n} of {count} checks proven").format(n=proven, count=count)
    if report.failed:
        said += ", " + ngettext("{n} failed", "{n} failed", report.failed).format(n=report.failed)
    return said + "."


def text(report: Report) -> str:
    """The report as a plain text, to be kept."""
    when = datetime.datetime.fromtimestamp(report.job.created).astimezone()
    lines = [f"{report.host}, {when:%Y-%m-%d %H:%M}, {report.job.id}", head(report), ""]
    lines += _section(_("Changed"), report.job.settings_paths)
    lines += _section(_("Reached at"), [f"{address}  ({what})" for address, what in report.links])
    lines += _section(_("Secrets to be written down"), report.secrets)
    lines += _section(_("To do next"), to_do(report))
    lines += [_("Checks"), ""]
    for proof in report.proofs:
        status = words.check_status(proof.status) if proof.status else _("not asked")
        lines.append(f"[{status}] {proof.check.describe()}")
        lines += [f"    {line}" for line in proof.evidence.splitlines()]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, items: Sequence[str]) -> list[str]:
    return [title, "", *(f"  {item}" for item in items), ""] if items else []
