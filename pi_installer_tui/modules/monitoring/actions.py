"""What is done beside settings: a service is started, stopped, restarted, and started with the machine or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, cast

from pydantic import AfterValidator, Field

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.base import Arguments
from pi_installer_tui.modules.monitoring.cutting import Board, Effect, Verb, effects, role
from pi_installer_tui.system import seat, services
from pi_installer_tui.system.caller import caller
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.system.seat import Seat
from pi_installer_tui.system.services import KINDS, Service
from pi_installer_tui.tasks.checks import Check, CommandSays, UnitActive
from pi_installer_tui.tasks.plan import Blocked, Mistake, Notice, Plan
from pi_installer_tui.tasks.steps import Probation, RunCommand, Step, Unit
from pi_installer_tui.tasks.steps.base import Risk
from pi_installer_tui.tasks.steps.probation import NewLogin, Wrapped

NAME = "monitoring"

#: words of systemd's for a unit that can't be switched on or off, and what they mean (systemctl(1), is-enabled)
_NO_SWITCH: Mapping[str, str] = {
    "static": N_("it has no switch: others start it when they need it"),
    "indirect": N_("it has no switch of its own: what it comes with has"),
    "generated": N_("it was made at this start out of another file, and has no switch"),
    "transient": N_("it was made by a program while the machine runs, and has no file"),
    "alias": N_("it is another name of a unit: name that one"),
    "masked": N_("it is masked: an administrator has shut it off for good (`systemctl unmask` lets it go)"),
    "masked-runtime": N_("it is masked until the next start"),
    "": N_("it has no file"),
}


#: systemd.unit(5), with or without its type
_NAME = r"^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]*)?$"


def _unit(name: str) -> str:
    """A unit's whole name: `ssh` is `ssh.service`."""
    whole = name if name.endswith(tuple(f".{kind}" for kind in KINDS)) else f"{name}.service"
    if "@." in whole or whole.startswith((".", "-")):
        raise ValueError(_("isn't the name of a service"))
    return whole


class OfService(Arguments):
    """monitoring start|stop|restart|enable|disable"""

    unit: Annotated[str, Field(pattern=_NAME, max_length=240), AfterValidator(_unit)] = Field(
        title=N_("Service"),
        description=N_("Its name, `ssh` or `ssh.service`; a socket's or a timer's with its ending."),
        json_schema_extra={"choices": "services"},
    )


ARGUMENTS: Mapping[str, type[Arguments]] = dict.fromkeys(("start", "stop", "restart", "enable", "disable"), OfService)


async def read(host: Host) -> Board:
    """The services, and where the person sits who asks."""
    here = Seat("unknown")
    if host.kind == "local":
        here = await seat.with_interface(seat.find(), host)
    return Board(await services.read(host, everything=True), here, caller() if host.kind == "local" else "")


def validate(board: Board, action: str, arguments: Arguments) -> Sequence[Mistake]:
    """A unit that isn't there, what systemd would refuse, and what would lock out who asks for it."""
    assert isinstance(arguments, OfService)
    if not isinstance(board.units, Known):
        return ()
    verb, unit = cast(Verb, action), _find(board, arguments.unit)
    if unit is None:
        return (Mistake("unit", _("there is no such service here")),)
    if why := _hindrance(unit, verb):
        return (Mistake("unit", why),)
    refused = [each.text for each in effects(board, unit.name, verb) if each.way == "refuse"]
    return tuple(Mistake("unit", text) for text in refused)


def plan(board: Board, action: str, arguments: Arguments) -> Plan:
    """The step and its proof; on probation where it could cut off who asks for it. Empty where it is so already."""
    assert isinstance(arguments, OfService)
    setting, verb = f"{NAME}.{action}", cast(Verb, action)
    if not isinstance(board.units, Known):
        why = board.units.reason if isinstance(board.units, Unknown) else ""
        return Plan(modules=(NAME,), blocked=(Blocked(setting=setting, why=why),))
    unit = _find(board, arguments.unit)
    if unit is None or _is_so(unit, verb):
        return Plan(modules=(NAME,))
    found = effects(board, unit.name, verb)
    notices = [each.text for each in found]
    notices += _besides(board, unit, verb)
    steps = _steps(board, unit, verb, found)
    if any(isinstance(each, RunCommand) and each.undo_argv for step in steps for each in (step, *step.inner())):
        notices.append(
            _("The way back stops {unit}, so that one gets in again; an undo does too.").format(unit=unit.name)
        )
    return Plan(
        modules=(NAME,),
        steps=steps,
        checks=tuple(_checks(unit, verb)),
        notices=tuple(Notice(setting=setting, text=text) for text in notices),
    )


def _find(board: Board, name: str) -> Service | None:
    """A unit by its name or one of its aliases."""
    if name in board.found:
        return board.found[name]
    return next((unit for unit in board.found.values() if name in unit.aliases), None)


def _hindrance(unit: Service, verb: Verb) -> str:
    """Why systemd wouldn't do it, "" where it would."""
    if verb in ("enable", "disable") and unit.enabled in _NO_SWITCH:
        return _(_NO_SWITCH[unit.enabled])
    if verb in ("start", "restart"):
        if unit.load == "masked":
            return _(_NO_SWITCH["masked"])
        if unit.load not in ("loaded", "stub", "merged"):
            return _("its file can't be read by systemd: {state}").format(state=unit.load)
        if not unit.can_start:
            return _("systemd lets nobody start it by hand")
    if verb in ("stop", "restart") and not unit.can_stop:
        return _("systemd lets nobody stop it by hand")
    return ""


def _is_so(unit: Service, verb: Verb) -> bool:
    match verb:
        case "start":
            return unit.runs and not unit.failed
        case "stop":
            return not unit.runs
        case "enable":
            return unit.enabled == "enabled"
        case "disable":
            return unit.enabled in ("disabled", "linked", "linked-runtime")
        case "restart":
            return False


def _besides(board: Board, unit: Service, verb: Verb) -> Iterator[str]:
    """What else becomes of it: what goes with it, what starts it again."""
    if verb in ("stop", "restart"):
        along = _along(board, unit)
        if along:
            text = _("Stopped with it: {units}.") if verb == "stop" else _("Restarted with it: {units}.")
            yield text.format(units=", ".join(along))
    if verb == "stop":
        again = [name for name in unit.triggered_by if name in board.found and board.found[name].runs]
        if again:
            yield _("It is started again when it is needed, by {units}.").format(units=", ".join(again))
        if unit.at_boot:
            yield _("At the next start of the machine it runs again: `disable` keeps it from that.")
    if verb == "disable" and unit.runs:
        yield _("It goes on running until it is stopped, or the machine starts anew.")
    if verb == "enable" and not unit.runs:
        yield _("It doesn't run before it is started, or the machine starts anew.")
    if unit.stale and verb != "disable":
        yield _("Its file has changed since systemd read it: it is read anew.")


def _along(board: Board, unit: Service) -> list[str]:
    """What runs and is stopped with it."""
    return [name for name in unit.takes_along if name in board.found and board.found[name].runs]


def _steps(board: Board, unit: Service, verb: Verb, found: Sequence[Effect]) -> tuple[Step, ...]:
    setting = f"{NAME}.{verb}"
    way = any(each.way == "probation" for each in found)
    cuts = tuple(dict.fromkeys(cut for each in found for cut in each.cuts))
    risks: list[Risk] = ["service-restart"] if verb == "restart" else []
    if cuts or way:
        risks.append("connection")
    first: list[Step] = []
    along: list[Step] = []
    step: Unit | RunCommand
    match verb:
        case "start":
            step = Unit(id=setting, setting=setting, name=unit.name, active=True)
        case "stop":
            # systemd would stop them by itself; as steps of their own they are started again by an undo
            along = [
                Unit(id=f"{setting}.{number}", setting=setting, name=name, active=False, cuts=cuts)
                for number, name in enumerate(_along(board, unit), 1)
            ]
            step = Unit(id=setting, setting=setting, name=unit.name, active=False)
        case "restart" if way and unit.runs:
            argv = ("systemctl", "restart", unit.name)
            back = ("systemctl", "stop", unit.name)
            step = RunCommand(id=setting, setting=setting, argv=argv, probe="repeatable", undo_argv=back)
        case "restart":
            begin = None if unit.active == "active" else True
            step = Unit(id=setting, setting=setting, name=unit.name, active=begin, restart=True)
            if role(unit.name) == "login" and unit.name.startswith("ssh"):
                # sshd that doesn't understand its files doesn't come back; it says so beforehand (sshd(8), -t)
                test = RunCommand(id=f"{setting}.test", setting=setting, argv=("sshd", "-t"), probe="repeatable")
                first, step = [test], step.model_copy(update={"needs": (test.id,)})
        case "enable" | "disable":
            step = Unit(id=setting, setting=setting, name=unit.name, enabled=verb == "enable")
    step = step.model_copy(update={"risks": tuple(risks), "cuts": cuts})
    if not way:
        return (*first, *along, step)
    by_login = any(each.login for each in found) and board.starter
    trial = Probation(
        id=f"{setting}.probation",
        setting=setting,
        risks=("connection",),
        cuts=cuts,
        steps=cast("tuple[Wrapped, ...]", (*along, step)),
        login=NewLogin(users=(board.starter,)) if by_login else None,
    )
    return (*first, trial)


def _checks(unit: Service, verb: Verb) -> Iterator[Check]:
    setting = f"{NAME}.{verb}"
    if verb in ("enable", "disable"):
        asks = ("systemctl", "show", "--property=UnitFileState", "--value", unit.name)
        yield CommandSays(id=setting, setting=setting, argv=asks, line=f"{verb}d")
    elif verb == "stop":
        yield UnitActive(id=setting, setting=setting, name=unit.name, active=False)
    elif unit.ends_by_itself:
        asks = ("systemctl", "show", "--property=Result", "--value", unit.name)
        yield CommandSays(id=setting, setting=setting, argv=asks, line="success")
    else:
        yield UnitActive(id=setting, setting=setting, name=unit.name)
