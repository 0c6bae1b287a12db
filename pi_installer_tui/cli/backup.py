"""The verb `backup`: runs jobs, lists what there is, proves it, brings it back. What changes something goes the way of
every action; with --scheduled, as timers call it, nobody is asked."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pi_installer_tui import planning
from pi_installer_tui.cli import documents, pages
from pi_installer_tui.cli.printing import Printer, print_json
from pi_installer_tui.cli.status import Exit, Stop
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.modules.backup import MODULE
from pi_installer_tui.modules.backup.placing import place_of
from pi_installer_tui.modules.backup.usual import job_of
from pi_installer_tui.restic.answers import Snapshot, Trouble
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.system.caller import caller
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.machine import power
from pi_installer_tui.system.reading import Unknown, known
from pi_installer_tui.tasks import jobs as running
from pi_installer_tui.tasks import runs, words
from pi_installer_tui.tasks.plan import Mistake
from pi_installer_tui.tasks.store import new_id

if TYPE_CHECKING:
    from pi_installer_tui.cli.machine import Machine
    from pi_installer_tui.modules.backup.state import State
    from pi_installer_tui.tasks.review import Reviewed

#: seconds that a scheduled run waits at the most while something else must not be disturbed, and between two looks
PATIENCE, LOOK = 2 * 3600, 15
#: whoever changes packages holds one of these (apt-get(8), dpkg(1))
_APT = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")


#: what a scheduled run waits for
_HINDRANCES = {
    "power": N_("the power supply is too weak (under-voltage)"),
    "packages": N_("packages are being installed or updated"),
}


class GaveUp(Stop):
    """A scheduled run waited in vain. reason: as the history has it; hours: how long."""

    def __init__(self, reason: str, hours: str) -> None:
        super().__init__(Exit.FAILED, words.failure(reason, {"hours": hours}))
        self.reason, self.hours = reason, hours


async def backup(args: Namespace, machine: Machine) -> int:
    """All of them: without a further word how the jobs stand."""
    match args.backup_verb:
        case "run" | "drill":
            state = await _state(machine.host)
            return await _work(args, machine, args.backup_verb, _places(state, args))
        case "verify":
            told = [{"place": place, "share": args.share} for place in dict.fromkeys(args.places)]
            return await _work(args, machine, "verify", told)
        case "restore":
            told_once = {
                "place": args.place,
                "snapshot": args.snapshot,
                "paths": args.paths,
                "target": args.to,
                "existing": args.existing,
            }
            return await _once(args, machine, "restore", told_once)
        case "restore-database":
            told_once = {"place": args.place, "snapshot": args.snapshot, "into": args.into}
            return await _once(args, machine, "restore-database", told_once)
        case "unlock":
            return await _once(args, machine, "unlock", {"place": args.place, "lock": args.lock})
        case "list":
            return await _list(args, machine.host)
        case "history":
            return _history(args, await runs.read(machine.host))
    return await _standing(args, machine.host)


async def _state(host: Host) -> State:
    state = await MODULE.read(host)
    if isinstance(state.config, Unknown):
        raise Stop(Exit.FAILED, state.config.reason)
    return state


# what changes something -------------------------------------------------------------------------------------------


def _places(state: State, args: Namespace) -> list[dict[str, Any]]:
    """A job's runs: one to each of its places, or to the one that is named."""
    job = args.job
    if job not in (state.applied.jobs or {}) or args.place:
        return [{"job": job, "place": args.place or ""}]  # what is wrong with it, planning says
    return [{"job": job, "place": place} for place in job_of(job, state.applied).places] or [{"job": job}]


async def _work(args: Namespace, machine: Machine, action: str, told: Sequence[Mapping[str, Any]]) -> int:
    """One job after the other; one that fails stops none of the others. Ctrl-C leaves it, and it goes on."""
    found: list[Mapping[str, Any]] = []
    worst = int(Exit.DONE)
    args.yes = args.yes or args.scheduled
    began = time.time()
    if args.scheduled:
        try:
            await _quiet(machine.host)
        except GaveUp as error:
            why = {"hours": error.hours}
            await _note(machine, began, error.reason, why, [(action, each) for each in told])
            raise
    for each in told:
        status = await _one(args, machine, action, each, found)
        worst = worst or status
        if status in (Exit.CANCELLED, Exit.INPUT):
            break
    if args.json:
        changed, failed = (any(document.get(key) for document in found) for key in ("changed", "failed"))
        print_json(documents.document(changed=changed, failed=failed or bool(worst), jobs=found))
    return worst


async def _one(
    args: Namespace, machine: Machine, action: str, told: Mapping[str, Any], found: list[Mapping[str, Any]]
) -> int:
    from pi_installer_tui.cli.verbs import agree_and_run

    began = time.time()
    try:
        arguments = planning.arguments("backup", action, told)
        planned = await planning.plan_action(machine.host, "backup", action, arguments)
        if planned.reviewed is None:
            raise SetupError(*planned.mistakes)
        if args.scheduled and (why := _not_begun(planned.reviewed)) is not None:
            await _note(machine, began, *why, [(action, told)])
        return await agree_and_run(args, machine, planned.reviewed, cancels=False, emit=found.append)
    except SetupError as error:
        if args.scheduled:
            said = {"why": "; ".join(map(str, error.mistakes))}
            await _note(machine, began, "not-begun", said, [(action, told)])
        if not found:
            raise
        _said(error.mistakes)
        return Exit.INPUT
    except Stop as stop:
        if stop.status in (Exit.CANCELLED, Exit.INPUT):
            raise
        _said((str(stop),))
        return int(stop.status)
    except running.JobError as error:
        _said((str(error),))
        return Exit.FAILED


def _not_begun(reviewed: Reviewed) -> tuple[str, Mapping[str, str]] | None:
    """Why a plan starts no job, as a reason and its values; None where it does, or there is nothing to do."""
    if reviewed.refused:
        return reviewed.refused[0].reason, reviewed.refused[0].values
    if reviewed.plan.empty and reviewed.plan.blocked:
        return "not-begun", {"why": "; ".join(each.why for each in reviewed.plan.blocked)}
    return None


async def _note(
    machine: Machine,
    began: float,
    reason: str,
    values: Mapping[str, str],
    told: Sequence[tuple[str, Mapping[str, Any]]],
) -> None:
    """Puts runs that ended before a job began into the history, where the screens and the alerts see them."""
    now = time.time()
    found = [
        runs.Run(
            job=new_id(now),
            module="backup",
            action=action,
            arguments={name: value for name, value in each.items() if value != ""},
            who=caller(),
            started=began,
            ended=now,
            outcome="failed",
            reason=reason,
            values=dict(values),
        )
        for action, each in told
    ]
    await runs.add(machine.store, machine.host, *found)


def _said(lines: Sequence[object]) -> None:
    import sys

    printer = Printer(sys.stderr)
    for line in lines:
        printer.line(str(line), "bad")


async def _once(args: Namespace, machine: Machine, action: str, told: Mapping[str, Any]) -> int:
    from pi_installer_tui.cli.verbs import agree_and_run

    arguments = planning.arguments("backup", action, told)
    planned = await planning.plan_action(machine.host, "backup", action, arguments)
    if planned.reviewed is None:
        raise SetupError(*planned.mistakes)
    return await agree_and_run(args, machine, planned.reviewed)


async def _quiet(host: Host) -> None:
    """Waits while packages are changed, or the firmware says under-voltage. Raises GaveUp where that doesn't end."""
    until, told = time.monotonic() + PATIENCE, ""
    while why := await hindrance(host):
        if time.monotonic() > until:
            raise GaveUp(f"{why}-too-long", f"{PATIENCE / 3600:g}")
        if why != told:
            print(_("It waits: {why}.").format(why=_(_HINDRANCES[why])), flush=True)
            told = why
        await asyncio.sleep(LOOK)


async def hindrance(host: Host) -> str:
    """Why no backup should begin now, a word of _HINDRANCES; "" where nothing is in its way."""
    if (found := known(await power(host))) is not None and "under-voltage" in found.now:
        return "power"
    if await _packages_change(host):
        return "packages"
    return ""


async def _packages_change(host: Host) -> bool:
    """Whether one of apt's and dpkg's locks is held: proc_locks(5) has the inodes."""
    try:
        answer = await host.run(["stat", "--format=%i", "--", *_APT])
        held = await host.text("/proc/locks") or ""
    except (CommandNotFound, OSError):
        return False
    inodes = set(answer.stdout.split())
    fields = [line.replace("-> ", "").split() for line in held.splitlines()]
    return any(len(words_) > 5 and words_[5].rpartition(":")[2] in inodes for words_ in fields)


# reading ----------------------------------------------------------------------------------------------------------


async def _standing(args: Namespace, host: Host) -> int:
    state = await _state(host)
    if args.json:
        print_json(documents.status({"backup": state}, False))
    else:
        pages.status(Printer(), {"backup": state}, False)
    return Exit.DONE


async def _list(args: Namespace, host: Host) -> int:
    """The snapshots of a job or of all, place by place. One that doesn't answer leaves the others."""
    state = await _state(host)
    jobs, places = state.applied.jobs or {}, state.applied.places or {}
    if args.job and args.job not in jobs:
        there = ", ".join(jobs) or _("none")
        raise SetupError(Mistake("job", _("there is no such job; there are: {names}").format(names=there)))
    wanted = [args.place] if args.place else job_of(args.job, state.applied).places if args.job else list(places)
    if args.place and args.place not in places:
        there = ", ".join(places) or _("none")
        raise SetupError(Mistake("place", _("there is no such place; there are: {names}").format(names=there)))
    found: dict[str, tuple[Snapshot, ...] | Trouble] = {}
    for name in wanted:
        try:
            tags = (f"job={args.job}",) if args.job else ()
            found[name] = await Restic(host, place_of(name, places[name])).snapshots(*tags)
        except Trouble as error:
            found[name] = error
    failed = any(isinstance(each, Trouble) for each in found.values())
    if args.json:
        print_json(documents.document(failed=failed, places={name: _plain(each) for name, each in found.items()}))
    else:
        _show(Printer(), found)
    return Exit.FAILED if failed else Exit.DONE


def _plain(found: tuple[Snapshot, ...] | Trouble) -> dict[str, Any]:
    if isinstance(found, Trouble):
        return {"trouble": found.reason, "snapshots": []}
    return {
        "trouble": None,
        "snapshots": [
            {
                "id": each.id,
                "time": each.time,
                "host": each.host,
                "job": each.tagged("job") or None,
                "run": each.tagged("run") or None,
                "database": each.tagged("database") or None,
                "paths": list(each.paths),
                "tags": list(each.tags),
            }
            for each in found
        ],
    }


def _show(printer: Printer, found: Mapping[str, tuple[Snapshot, ...] | Trouble]) -> None:
    from pi_installer_tui.restic.words import sentence

    if not found:
        printer.line(_("There is no place yet."))
    for name, each in found.items():
        printer.line(name, "bold")
        if isinstance(each, Trouble):
            printer.sentence(sentence(each), "  ", style="bad")
            continue
        if not each:
            printer.line("  " + _("no snapshot yet"))
        for one in each:
            what = one.tagged("database") or ", ".join(one.paths)
            printer.sentence(what, " " * 40, f"  {one.short}  {_moment(one.time)}  {one.tagged('job') or '-':10}  ")


def _history(args: Namespace, found: Sequence[runs.Run]) -> int:
    if args.json:
        print_json(documents.document(runs=[run_document(each) for each in found]))
        return Exit.DONE
    printer = Printer()
    if not found:
        printer.line(_("Nothing has run yet."))
    for each in found:
        about = " ".join(str(each.arguments[key]) for key in ("job", "place") if each.arguments.get(key))
        row = f"{_moment(each.started)}  {each.action:8}  {about:20}  {words.status(each.outcome)}"
        printer.line(row, "" if each.outcome == "done" else "bad")
        printer.sentence("; ".join(_told(each)), " " * 18, style="faint")
    return Exit.DONE


def run_document(run: runs.Run) -> dict[str, Any]:
    """A run for programs."""
    return {
        "job": run.job,
        "action": run.action,
        "arguments": dict(run.arguments),
        "who": run.who,
        "started": run.started,
        "ended": run.ended,
        "outcome": run.outcome,
        "reason": run.reason or None,
        "reported": dict(run.reported),
    }


def _told(run: runs.Run) -> list[str]:
    """What a run has to say of itself, in words."""
    known_, said = run.reported, [_("took {time}").format(time=duration(run.seconds))]
    if "files" in known_ and run.action == "run":
        changed = int(known_.get("new", 0)) + int(known_.get("changed", 0))
        said.append(ngettext("{n} file new or changed", "{n} files new or changed", changed).format(n=changed))
        said.append(_("{size} added").format(size=words.size(int(known_.get("added", 0)))))
    if unread := int(known_.get("unread", 0)):
        said.append(ngettext("{n} couldn't be read", "{n} couldn't be read", unread).format(n=unread))
    if "proven" in known_:
        said.append(_("proven restorable") if known_["proven"] else _("not proven"))
    if run.outcome == "failed" and run.reason:
        said.append(words.failure(run.reason, run.values))
    return said


def duration(seconds: float) -> str:
    """`12 s`, `3 min`, `2 h 5 min`"""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
