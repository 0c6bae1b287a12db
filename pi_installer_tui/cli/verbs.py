"""The verbs. Each reads its arguments, asks planning or the jobs, prints, and returns an exit status."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import sys
import termios
from argparse import Namespace
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pi_installer_tui import given, modules, planning, setup_file, setups
from pi_installer_tui.cli import documents, pages
from pi_installer_tui.cli.arguments import CHANGING, PROGRAM, in_full
from pi_installer_tui.cli.following import Follower, ask
from pi_installer_tui.cli.machine import Machine, opened
from pi_installer_tui.cli.printing import Printer, print_json
from pi_installer_tui.cli.status import Exit, Stop
from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.mistakes import unknown
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.system.caller import caller
from pi_installer_tui.system.host import HostError
from pi_installer_tui.system.seat import find, with_interface
from pi_installer_tui.tasks import jobs, news, probation, words
from pi_installer_tui.tasks.before import Unreadable
from pi_installer_tui.tasks.plan import Mistake, Plan
from pi_installer_tui.tasks.reboot import agree
from pi_installer_tui.tasks.review import Reviewed
from pi_installer_tui.tasks.secrets import Secrets, give, handed_over, take
from pi_installer_tui.tasks.steps import Reboot
from pi_installer_tui.tasks.steps.probation import USUAL, Confirmation

#: mistakes in the input that are printed; --json has all
_TOLD = 50

_OUTCOMES = {"done": Exit.DONE, "failed": Exit.FAILED, "stale": Exit.STALE, "cancelled": Exit.CANCELLED}


def run(args: Namespace) -> int:
    """Runs the verb in `args`. Raises Stop."""
    below = getattr(args, "jobs_verb", None) or getattr(args, "setups_verb", None)
    verb = f"{args.verb} {below}" if below else args.verb
    try:
        if verb == "schema":
            print_json(planning.schema(_names(args)))
            return Exit.DONE
        with opened(args) as machine:
            if (args.verb in CHANGING or in_full(args) in CHANGING) and not machine.host.privileged:
                raise Stop(Exit.ROOT, _("`{verb}` needs root: sudo {program} ...").format(verb=verb, program=PROGRAM))
            return asyncio.run(_VERBS[verb](args, machine))
    except SetupError as error:
        return _wrong(error.mistakes, bool(getattr(args, "json", False)))
    except PermissionError as error:
        where = error.filename or ""
        raise Stop(Exit.ROOT, _("no permission for {path}: this needs root").format(path=where)) from None
    except jobs.JobError as error:
        raise Stop(Exit.FAILED, _job_error(error)) from None
    except HostError as error:
        raise Stop(Exit.FAILED, str(error)) from None
    except Unreadable as error:
        raise Stop(Exit.FAILED, words.unreadable(error)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is None:
            raise
        text = _("{path}: {error}").format(path=os.fsdecode(error.filename), error=error.strerror)
        raise Stop(Exit.FAILED, text) from None


def _job_error(error: jobs.JobError) -> str:
    match error.reason:
        case "running":
            return _("the job is running")
        case "ended":
            return _("the job has ended: {status}").format(status=words.status(error.detail))
        case "not-started":
            return _("the job could not be started: {detail}").format(detail=error.detail or "?")
    return str(error)


def _names(args: Namespace) -> tuple[str, ...]:
    return (args.module,) if args.module else modules.names()


def _wrong(mistakes: tuple[Mistake, ...], as_json: bool) -> int:
    if as_json:
        print_json(documents.mistakes(mistakes))
    else:
        printer = Printer(sys.stderr)
        for mistake in mistakes[:_TOLD]:
            printer.line(str(mistake), "bad")
        if (more := len(mistakes) - _TOLD) > 0:
            printer.line(ngettext("... and {n} more", "... and {n} more", more).format(n=more), "bad")
    return Exit.INPUT


# setup files -----------------------------------------------------------------------------------------------------


def read_setup(names: list[str], state: Path) -> planning.Setup:
    """The setup in files, merged left to right; the name of one that is kept below the state directory counts where the
    current folder has no file of that name. Raises SetupError for everything that is wrong with them, a missing file
    too."""
    if names.count("-") > 1:
        raise SetupError(Mistake("-", _("standard input can be read once")))
    return planning.combine([setup_file.read(_text(_file(name, state)), name) for name in names])


def _file(name: str, state: Path) -> str:
    """The file that a setup's name stands for; says so where it could be another one than somebody thinks."""
    if not setups.NAME.fullmatch(name):
        return name
    kept = setups.path(state, name)
    if Path(name).exists():
        with contextlib.suppress(PermissionError):
            if kept.exists():
                said = _("The file {name} of this folder is taken, not the setup that is saved under this name.")
                Printer(sys.stderr).sentence(said.format(name=name))
        return name
    if not kept.exists():
        raise SetupError(Mistake(name, _("there is no such file, and no setup is saved under this name")))
    said = _("{name} is the setup that is saved under this name: {path}")
    Printer(sys.stderr).sentence(said.format(name=name, path=kept))
    return str(kept)


def read_secrets(args: Namespace, setup: planning.Setup) -> dict[str, str]:
    """The secrets that were given, by name; those of --secrets outrank systemd's credentials. Raises SetupError, in
    which no value is repeated."""
    found = given.credentials(setup.document)
    name = getattr(args, "secrets", None)
    if name is None:
        return found
    if name == "-" and "-" in args.setup:
        raise SetupError(Mistake("-", _("standard input can be read once")))
    return found | given.parse(_text(name, private=True), name)


def _text(name: str, *, private: bool = False) -> str:
    """A file's text, or standard input's. private: a file that others may read or write isn't taken. Raises
    SetupError."""
    limit = setup_file.MAX_SIZE + 1
    try:
        if name == "-":
            data = sys.stdin.buffer.read(limit)
        else:
            with Path(name).open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if private and stat.S_ISREG(mode) and mode & 0o066:
                    why = _("others may read or write it (mode {mode}): chmod 600 it, or give it by standard input")
                    raise SetupError(Mistake(name, why.format(mode=f"{stat.S_IMODE(mode):04o}")))
                data = file.read(limit)
        return data.decode("utf-8-sig")
    except OSError as error:
        raise SetupError(Mistake(name, error.strerror or type(error).__name__)) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SetupError(Mistake(f"{name}:{line}", _("isn't UTF-8"))) from None
    except ValueError:
        raise SetupError(Mistake("", _("that isn't a file's name"))) from None


def _confirmation(args: Namespace) -> Confirmation | None:
    """How what is on probation is confirmed: as the options say, else by whether somebody sits at a terminal."""
    if args.verb not in ("act", "apply", "undo"):
        return None
    by = args.confirm or ("wait" if _terminal() else "auto")
    return Confirmation(by=by, seconds=args.within or USUAL, peers=tuple(args.peer))


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _rebooting(args: Namespace, plan: Plan) -> Plan:
    """The plan with its reboots at the time that the options say."""
    when = getattr(args, "reboot", None) or ("ask" if _terminal() else "now")
    steps = tuple(s.model_copy(update={"when": when}) if isinstance(s, Reboot) else s for s in plan.steps)
    return plan.model_copy(update={"steps": steps})


async def _planned(args: Namespace, machine: Machine) -> Reviewed:
    setup = read_setup(args.setup, machine.store.root)
    args.given = read_secrets(args, setup)
    planned = await planning.plan(machine.host, setup, _confirmation(args), secrets=args.given)
    if planned.reviewed is None:
        raise SetupError(*planned.mistakes)
    return planned.reviewed


# reading ---------------------------------------------------------------------------------------------------------


async def _status(args: Namespace, machine: Machine) -> int:
    states = await planning.read(machine.host, _names(args))
    reboot = await machine.host.stat("/run/reboot-required") is not None
    if args.json:
        print_json(documents.status(states, reboot))
    else:
        pages.status(Printer(), states, reboot)
    return Exit.DONE


async def _audit(args: Namespace, machine: Machine) -> int:
    from pi_installer_tui.cli.audit import audit

    return await audit(args, machine)


async def _alerts(args: Namespace, machine: Machine) -> int:
    from pi_installer_tui.cli.alerts import alerts

    return await alerts(args, machine)


async def _metrics(args: Namespace, machine: Machine) -> int:
    from pi_installer_tui.cli.metrics import metrics

    return await metrics(args, machine)


async def _export(args: Namespace, machine: Machine) -> int:
    sys.stdout.write(await planning.export(machine.host, _names(args)))
    return Exit.DONE


async def _plan(args: Namespace, machine: Machine) -> int:
    reviewed = await _planned(args, machine)
    if args.json:
        print_json(documents.plan(reviewed))
    else:
        pages.plan(Printer(), reviewed)
    if reviewed.refused or (reviewed.plan.empty and reviewed.plan.blocked):
        return Exit.FAILED
    return Exit.DONE if reviewed.plan.empty else Exit.PENDING


# changing --------------------------------------------------------------------------------------------------------


async def _apply(args: Namespace, machine: Machine) -> int:
    return await agree_and_run(args, machine, await _planned(args, machine))


async def _act(args: Namespace, machine: Machine) -> int:
    known = [action.name for action in modules.listed(args.module).actions]
    if args.action not in known:
        raise SetupError(Mistake(args.module, unknown(args.action, known, _("there is no such action"))))
    if twice := sorted({key for key, _value in args.told if [k for k, _v in args.told].count(key) > 1}):
        raise SetupError(Mistake(twice[0], _("stands there twice")))
    if args.secrets is not None:
        args.given = given.parse(_text(args.secrets, private=True), args.secrets)
    told = planning.arguments(args.module, args.action, dict(args.told))
    names = args.given if args.secrets is not None else ()
    planned = await planning.plan_action(
        machine.host, args.module, args.action, told, _confirmation(args), secrets=names
    )
    if planned.reviewed is None:
        raise SetupError(*planned.mistakes)
    return await agree_and_run(args, machine, planned.reviewed)


async def _cron(args: Namespace, machine: Machine) -> int:
    from pi_installer_tui.cli.cron import cron

    return await cron(args, machine)


async def _vpn(args: Namespace, machine: Machine) -> int:
    from pi_installer_tui.cli.vpn import vpn

    return await vpn(args, machine)


async def _backup(args: Namespace, machine: Machine) -> int:
    from pi_installer_tui.cli.backup import backup

    return await backup(args, machine)


async def _undo(args: Namespace, machine: Machine) -> int:
    from pi_installer_tui.tasks.review import review
    from pi_installer_tui.tasks.undo import plan_undo

    _job(machine, args.job)
    plan = await plan_undo(machine.store, args.job, machine.host, delete_data=args.delete_data)
    how = _confirmation(args)
    reviewed = await review(plan if how is None else plan.to_be_confirmed(how), machine.host)
    return await agree_and_run(args, machine, reviewed)


async def agree_and_run(
    args: Namespace,
    machine: Machine,
    reviewed: Reviewed,
    *,
    cancels: bool = True,
    emit: Callable[[Mapping[str, Any]], None] = print_json,
) -> int:
    """Shows a reviewed plan, asks, and runs it. An empty one starts no job. cancels: Ctrl-C cancels the job, else it is
    left; emit: takes the JSON document."""
    as_json, detach = bool(getattr(args, "json", False)), bool(getattr(args, "detach", False))
    plan = _rebooting(args, reviewed.plan)
    reviewed = replace(reviewed, plan=plan)
    if plan.empty or reviewed.refused:
        if as_json:
            emit(documents.plan(reviewed, changed=False))
        elif not detach:
            pages.plan(Printer(), reviewed)
        if reviewed.refused:
            raise Stop(Exit.FAILED, _("a step can't be done, so nothing was"))
        return Exit.FAILED if plan.blocked else Exit.DONE
    if not args.yes:
        if not _terminal():
            raise Stop(Exit.INPUT, _("there is no terminal to ask at: with --yes it goes ahead without asking"))
        seat = await with_interface(find(), machine.host) if plan.trials else None
        pages.plan(Printer(sys.stderr if as_json or detach else sys.stdout), reviewed, seat)
        if not ask(_("Go ahead?")):
            raise Stop(Exit.CANCELLED, _("nothing was done"))
    elif not as_json and not detach:
        pages.plan(Printer(), reviewed)
    with _Interrupts() as interrupts:
        job = machine.store.create(plan, who=caller(), host_kind=machine.host.kind, host_address=machine.host.address)
        give(machine.store.root, plan, getattr(args, "given", {}))
        await jobs.launch(machine.store, job, machine.host)
        if not detach:
            return await _follow(machine, job, plan, interrupts, as_json=as_json, cancels=cancels, emit=emit)
    if as_json:
        emit(documents.detached(reviewed, job))
    else:
        print(job)
    return Exit.DONE


async def _follow(
    machine: Machine,
    job: str,
    plan: Plan,
    interrupts: _Interrupts,
    *,
    as_json: bool = False,
    cancels: bool = False,
    emit: Callable[[Mapping[str, Any]], None] = print_json,
) -> int:
    """Follows a job from its first line to its end. Ctrl-C: the first one cancels the job (`cancels`) and goes on to
    watch it end, the next one leaves it; without `cancels` the first one leaves."""
    printer = Printer(sys.stderr if as_json else sys.stdout)
    if not as_json:
        printer.line(_("Job {job}").format(job=job), "bold")
        printer.line(
            _("It goes on without this terminal: {command}").format(command=f"{PROGRAM} attach {job}"), "faint"
        )
    answer = _Answer(cancels and not as_json and _terminal())
    follower = Follower(plan, printer, asked=lambda: _ask_to_confirm(machine, job, printer, answer))
    batches = aiter(jobs.follow(machine.store, job))
    coming = asyncio.ensure_future(anext(batches, None))
    while True:
        pressed = asyncio.ensure_future(interrupts.pressed.wait())
        answered = asyncio.ensure_future(answer.given.wait())
        await asyncio.wait((coming, pressed, answered), return_when=asyncio.FIRST_COMPLETED)
        pressed.cancel()
        answered.cancel()
        if answer.take():
            await _confirm_from_here(machine, job, printer, answer)
        if interrupts.take():
            if not cancels:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
                printer.line(_("Left. The job goes on: {command}").format(command=f"{PROGRAM} attach {job}"))
                return Exit.CANCELLED
            cancels = False
            with contextlib.suppress(jobs.JobError):  # it has just ended
                await jobs.cancel(machine.store, job, caller(), machine.host)
        if coming.done():
            batch = coming.result()
            if batch is None:
                answer.close()
                break
            if not as_json:
                for event in batch:
                    follower.show(event)
            coming = asyncio.ensure_future(anext(batches, None))
    summary = machine.store.summary(job)
    _seen(machine, job)
    status = _OUTCOMES.get(summary.status, Exit.FAILED)
    if as_json:
        emit(documents.job(machine.store, job))
    elif summary.status == "interrupted":
        pages.interrupted(printer, job)
    elif summary.status in ("done", "failed", "cancelled"):
        pages.after(printer, summary)
        waiting = handed_over(plan)
        for name, value in take(machine.store.root, plan, but=waiting):
            parted = "\n" if "\n" in value else " "
            printer.line(_("{name}, shown this once:").format(name=name) + parted + value.rstrip("\n"), "bold")
        for name in waiting if summary.status == "done" else ():
            command = f"{PROGRAM} vpn show {name.rpartition('.')[2]} --tunnel {name.split('.')[1]}"
            printer.sentence(_("To be handed over, once: {command}").format(command=command))
        pages.blocked(printer, plan)
    return Exit.FAILED if status == Exit.DONE and plan.blocked else status


def _ask_to_confirm(machine: Machine, job: str, printer: Printer, answer: _Answer) -> None:
    """Says that a change waits for its confirmation, how long, and where the machine can be reached by now."""
    trial = probation.look(machine.store, job)
    if trial is None or not trial.open:
        return
    seat = find()
    if trial.users:
        printer.sentence(words.log_in_anew(trial), "      ")
    if trial.confirm == "auto":
        printer.sentence(_("It is confirmed when gateway and peers have answered for a while."), "      ")
        return
    left = _("The change is made. It goes back by itself in {seconds} s.").format(seconds=round(trial.left))
    printer.sentence(left, "      ", style="warn")
    for address in trial.reaches:
        if address:
            printer.line(f"      {_('New address')}: {words.connect(caller(), address, seat)}")
    if seat.server in trial.leaves:
        printer.sentence(_("This connection ends with the confirmation. From a new one:"), "      ")
    elif answer.open:
        printer.sentence(_("If all is well: `y` and Enter here; or from another connection:"), "      ")
    else:
        printer.sentence(_("If all is well:"), "      ")
    printer.line(f"        sudo {PROGRAM} confirm {job}", "bold")
    if answer.open and seat.server not in trial.leaves:
        answer.listen()


async def _confirm_from_here(machine: Machine, job: str, printer: Printer, answer: _Answer) -> None:
    try:
        await probation.confirm(machine.store, job, caller(), machine.host)
    except probation.ConfirmError as error:
        printer.sentence(words.not_confirmed(error.reason, error.ports), "      ", style="bad")
    answer.close()


class _Answer:
    """A `y` that is typed while a job is followed. open: there is somebody to type it."""

    def __init__(self, can_be_given: bool) -> None:
        self.open = can_be_given
        self.given = asyncio.Event()
        self._listening = False

    def listen(self) -> None:
        self._listening = True
        termios.tcflush(0, termios.TCIFLUSH)  # what was typed before anybody could look counts for nothing
        asyncio.get_running_loop().add_reader(0, self._read)

    def _read(self) -> None:
        line = sys.stdin.readline()
        if line.strip().lower() in ("y", "yes", _("y"), _("yes")):
            self.given.set()
        elif not line:
            self.close()

    def take(self) -> bool:
        was = self.given.is_set()
        self.given.clear()
        return was

    def close(self) -> None:
        if self._listening:
            asyncio.get_running_loop().remove_reader(0)
            self._listening = False


class _Interrupts:
    """Ctrl-C as an event while it is entered, instead of KeyboardInterrupt."""

    def __init__(self) -> None:
        self.pressed = asyncio.Event()

    def __enter__(self) -> _Interrupts:
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self.pressed.set)
        return self

    def __exit__(self, *_exc: object) -> None:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)

    def take(self) -> bool:
        """Whether it was pressed since the last look."""
        was = self.pressed.is_set()
        self.pressed.clear()
        return was


# jobs ------------------------------------------------------------------------------------------------------------


def _job(machine: Machine, job: str) -> None:
    try:
        machine.store.summary(job)
    except KeyError:
        raise Stop(Exit.INPUT, _("there is no job {job}; `jobs` lists them").format(job=job)) from None


async def _list(args: Namespace, machine: Machine) -> int:
    summaries, unreadable = machine.store.jobs(), machine.store.unreadable()
    if args.json:
        print_json(documents.jobs(summaries, unreadable))
    else:
        pages.jobs(Printer(), summaries, unreadable)
    return Exit.DONE


async def _show(args: Namespace, machine: Machine) -> int:
    _job(machine, args.job)
    if args.json:
        print_json(documents.job(machine.store, args.job))
    else:
        pages.job(Printer(), machine, args.job)
    _seen(machine, args.job)
    return Exit.DONE


def _seen(machine: Machine, job: str) -> None:
    """Somebody has seen how a job ended; who may not change the machine leaves that to others."""
    if machine.host.privileged and not machine.store.summary(job).open:
        news.seen(machine.store, job)


async def _setups(args: Namespace, machine: Machine) -> int:
    found = setups.saved(machine.store.root)
    if args.json:
        print_json(documents.setups(found))
    else:
        pages.setups(Printer(), found)
    return Exit.DONE


async def _show_setup(args: Namespace, machine: Machine) -> int:
    try:
        text = setups.read(machine.store.root, args.name)
    except UnicodeDecodeError:
        raise SetupError(Mistake(args.name, _("isn't UTF-8"))) from None
    if text is None:
        raise Stop(Exit.INPUT, _("no setup is saved as {name}; `setups` lists them").format(name=args.name))
    sys.stdout.write(text)
    return Exit.DONE


async def _attach(args: Namespace, machine: Machine) -> int:
    _job(machine, args.job)
    with _Interrupts() as interrupts:
        return await _follow(machine, args.job, machine.store.plan(args.job), interrupts)


async def _cancel(args: Namespace, machine: Machine) -> int:
    _job(machine, args.job)
    await jobs.cancel(machine.store, args.job, caller(), machine.host)
    async for _batch in jobs.follow(machine.store, args.job):
        pass
    ended = machine.store.summary(args.job)
    pages.ended(Printer(), ended)
    return Exit.DONE if ended.status == "cancelled" else Exit.FAILED


async def _confirm(args: Namespace, machine: Machine) -> int:
    _job(machine, args.job)
    trial = probation.look(machine.store, args.job)
    seat = find()
    if trial is not None and trial.can_be_confirmed and seat.server in trial.leaves and not args.anyway:
        raise Stop(Exit.FAILED, words.confirm_from_elsewhere(trial.reaches, trial.leaves, caller(), seat))
    try:
        anyway = bool(args.anyway) and seat.at_the_machine
        await probation.confirm(machine.store, args.job, caller(), machine.host, anyway=anyway)
    except probation.ConfirmError as error:
        raise Stop(Exit.FAILED, words.not_confirmed(error.reason, error.ports)) from None
    print(_("Confirmed: the change stays."))
    return Exit.DONE


async def _reboot(args: Namespace, machine: Machine) -> int:
    _job(machine, args.job)
    summary = machine.store.summary(args.job)
    step = next((s for s in machine.store.plan(args.job).steps if s.id == summary.step), None)
    if summary.status != "waiting" or not isinstance(step, Reboot):
        raise Stop(Exit.FAILED, _("the job doesn't wait for a reboot"))
    agree(machine.store, args.job, args.at or "now")
    print(_("It reboots at {time}.").format(time=args.at) if args.at else _("It reboots now."))
    return Exit.DONE


async def _continue(args: Namespace, machine: Machine) -> int:
    _job(machine, args.job)
    with _Interrupts() as interrupts:
        await jobs.resume(machine.store, args.job, machine.host)
        return await _follow(machine, args.job, machine.store.plan(args.job), interrupts, cancels=True)


async def _first_boot(args: Namespace, machine: Machine) -> int:
    from pi_installer_tui.cli.first_boot import first_boot

    return await first_boot(args, machine)


async def _secret(args: Namespace, machine: Machine) -> int:
    value = Secrets(machine.store.root).show(args.name)
    if value is None:
        raise Stop(Exit.INPUT, _("no secret {name} waits to be shown").format(name=args.name))
    print(value.rstrip("\n"))
    return Exit.DONE


_VERBS: dict[str, Callable[[Namespace, Machine], Coroutine[Any, Any, int]]] = {
    "act": _act,
    "status": _status,
    "alerts": _alerts,
    "audit": _audit,
    "backup": _backup,
    "cron": _cron,
    "vpn": _vpn,
    "metrics": _metrics,
    "plan": _plan,
    "apply": _apply,
    "export": _export,
    "setups": _setups,
    "setups show": _show_setup,
    "jobs": _list,
    "jobs show": _show,
    "attach": _attach,
    "cancel": _cancel,
    "confirm": _confirm,
    "continue": _continue,
    "first-boot": _first_boot,
    "reboot": _reboot,
    "secret": _secret,
    "undo": _undo,
}
