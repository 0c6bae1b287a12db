"""The verb `first-boot`: applies the setup file on the boot partition by itself, where that says `unattended: true`,
once per content. pi-installer-tui-first-boot.service starts it at each boot (docs/install.md).

What is durable before what, so that a power cut anywhere repeats or continues and never loops:

    job made and secrets kept ─► its id remembered ─► job started ─► file of secrets taken away ─► that remembered
"""

from __future__ import annotations

import contextlib
import os
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pi_installer_tui import boot_file, given, planning
from pi_installer_tui.boot_file import BootFile, Record
from pi_installer_tui.cli.arguments import PROGRAM
from pi_installer_tui.cli.printing import clean
from pi_installer_tui.cli.status import Exit, Stop
from pi_installer_tui.i18n import _
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.system.paths import MOTD_BOOT_FILE
from pi_installer_tui.tasks import jobs, news, words
from pi_installer_tui.tasks.before import Unreadable
from pi_installer_tui.tasks.lock import Lock
from pi_installer_tui.tasks.points import CRASH, Points
from pi_installer_tui.tasks.secrets import give, names
from pi_installer_tui.tasks.steps import Reboot
from pi_installer_tui.tasks.steps.probation import MOST, Confirmation, Probation

if TYPE_CHECKING:
    from pi_installer_tui.cli.machine import Machine
    from pi_installer_tui.tasks.plan import Plan

#: how often a job that was cut off is begun again
TRIES = 3
#: mistakes that the login message has room for
_TOLD = 5


async def first_boot(_args: Namespace, machine: Machine) -> int:
    """Looks for the file, and does what is to be done about it."""
    machine.store.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = Lock(machine.store.root / "first-boot.lock")
    if not lock.take(""):
        raise Stop(Exit.FAILED, _("it is at work already"))
    with lock:
        found = None
        try:
            found = await boot_file.find(machine.host)
            if found is None:
                return _tell(machine, ())
            return await _deal_with(machine, found)
        except SetupError as error:
            lines = [str(mistake) for mistake in error.mistakes[:_TOLD]]
            more = len(error.mistakes) - len(lines)
            nothing = _("{path} was not applied:").format(path=found.path) if found else _("Not applied:")
            return _tell(machine, [nothing, *lines, *([f"... (+{more})"] if more > 0 else [])], Exit.INPUT)
        except jobs.JobError as error:
            why = _("the job of the boot partition's setup file could not be started: {why}").format(why=error)
            return _tell(machine, [why], Exit.FAILED)


async def _deal_with(machine: Machine, found: BootFile) -> int:
    setup = planning.parse(found.text)
    met = boot_file.record(machine.store.root)
    if met is None or met.digest != found.digest:
        met = Record(found.digest)
    if met.job:
        await _go_on(machine, found, met)
        return _tell(machine, await _left(machine, found))
    if met.settled:
        return _tell(machine, await _left(machine, found))
    if not setup.unattended:
        said = _("{path} is there: {program} offers it, or: sudo {program} apply {path}")
        return _tell(machine, [said.format(path=found.path, program=PROGRAM)])
    return await _begin(machine, found, setup, met)


async def _begin(machine: Machine, found: BootFile, setup: planning.Setup, met: Record) -> int:
    """Plans, makes the job and starts it."""
    host, store = machine.host, machine.store
    await _withdraw(machine)
    values = given.credentials(setup.document)
    text = await boot_file.secrets(host, found)
    if text is not None:
        values |= given.parse(text, found.secrets)
    planned = await planning.plan(host, setup, Confirmation(by="auto"), secrets=values)
    if planned.reviewed is None:
        raise SetupError(*planned.mistakes)
    if planned.reviewed.refused:
        refused = [f"{each.step}: {words.failure(each.reason, each.values)}" for each in planned.reviewed.refused]
        return _tell(machine, [_("{path} was not applied:").format(path=found.path), *refused[:_TOLD]], Exit.FAILED)
    plan = for_nobody(planned.reviewed.plan)
    blocked = [f"{each.setting}: {each.why}" for each in plan.blocked]
    if plan.empty:
        boot_file.remember(store.root, replace(met, settled=True))
        said = _("{path}: the machine is as it says").format(path=found.path)
        return _tell(machine, [*(blocked or [said]), *await _left(machine, found)])
    points = Points(os.environ.get(CRASH, ""))
    points.step = news.FIRST_BOOT
    job = store.create(plan, who=news.FIRST_BOOT, host_kind=host.kind, host_address=host.address)
    give(store.root, plan, values)
    news.keep(store, job)
    points.reached("job-made")
    met = replace(met, job=job, taken=text is None)
    boot_file.remember(store.root, met)
    points.reached("remembered")
    await jobs.launch(store, job, host)
    points.reached("launched")
    problem = "" if met.taken else await _take_secrets_away(machine, found, met)
    made = [
        _("{name} was made by the job:  sudo {program} secret {name}").format(name=name, program=PROGRAM)
        for name in names(plan)
        if name not in values
    ]
    return _tell(machine, [*made, *blocked, *([problem] if problem else [])])


async def _go_on(machine: Machine, found: BootFile, met: Record) -> None:
    """The content's job was made, in this boot or an earlier one. Raises JobError."""
    store, host = machine.store, machine.host
    if not met.taken:
        await _take_secrets_away(machine, found, met)
        met = replace(met, taken=True)
    try:
        summary = store.summary(met.job)
    except (KeyError, Unreadable):
        return  # long ago
    started = store.progress(met.job).started
    if not summary.open or summary.undone_by or store.alive(met.job) or met.tries >= TRIES:
        return
    if summary.status == "interrupted" or not started:
        boot_file.remember(store.root, replace(met, tries=met.tries + 1))
        if summary.status == "interrupted":
            await jobs.resume(store, met.job, host)
        else:
            await jobs.launch(store, met.job, host)


async def _withdraw(machine: Machine) -> None:
    """Jobs of ours that were made and never begun, since the power was cut before their id was remembered."""
    for summary in machine.store.jobs():
        if summary.who == news.FIRST_BOOT and summary.open and not machine.store.progress(summary.id).started:
            await jobs.cancel(machine.store, summary.id, news.FIRST_BOOT, machine.host)


def for_nobody(plan: Plan) -> Plan:
    """The plan where nobody sits: it reboots when it must, and what only a new login confirms has an hour for it."""
    steps = []
    for step in plan.steps:
        if isinstance(step, Reboot):
            step = step.model_copy(update={"when": "now"})
        elif isinstance(step, Probation) and step.login is not None:
            step = step.model_copy(update={"seconds": MOST})
        steps.append(step)
    return plan.model_copy(update={"steps": tuple(steps)})


# the file of secrets --------------------------------------------------------------------------------------------


async def _take_secrets_away(machine: Machine, found: BootFile, met: Record) -> str:
    """Once the job has them; "" or what is wrong."""
    problem = ""
    if await machine.host.stat(found.secrets) is not None:
        why = await boot_file.take_away(machine.host, found.secrets)
        if why:
            problem = _("{path} could not be taken away ({why}): delete it").format(path=found.secrets, why=why)
    boot_file.remember(machine.store.root, replace(met, taken=True))
    return problem


async def _left(machine: Machine, found: BootFile) -> Sequence[str]:
    """A file of secrets that nothing takes: whoever holds the card reads it."""
    if await machine.host.stat(found.secrets) is None:
        return ()
    return (_("{path} is still there, and nothing needs it: delete it").format(path=found.secrets),)


# what is told ---------------------------------------------------------------------------------------------------


def _tell(machine: Machine, lines: Iterable[str], status: Exit = Exit.DONE) -> int:
    """Prints the lines, for the journal, and makes them the login message of this boot."""
    told = [clean(line) for line in lines]
    for line in told:
        print(line)
    with contextlib.suppress(OSError):
        news.say(machine.store, Path(MOTD_BOOT_FILE), told)
        news.tell(machine.store)
    return status
