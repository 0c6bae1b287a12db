"""What is done beside settings: a ban is lifted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.base import Arguments
from pi_installer_tui.modules.security.settings import Net
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.plan import Blocked, Mistake, Notice, Plan
from pi_installer_tui.tasks.steps import Probe, RunCommand

NAME = "security"


def _jail(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise ValueError(_("isn't the name of a jail"))
    return name


class Unban(Arguments):
    """security unban"""

    address: Net = Field(
        title=N_("Address"),
        description=N_("Who is to be let in again."),
        json_schema_extra={"choices": "banned"},
    )
    jail: Annotated[str, AfterValidator(_jail)] | None = Field(
        default=None,
        title=N_("Jail"),
        description=N_("Out of this jail only; left out: out of all."),
        json_schema_extra={"choices": "banning"},
    )


ARGUMENTS: Mapping[str, type[Arguments]] = {"unban": Unban}


def validate(state: State, arguments: Arguments) -> Sequence[Mistake]:
    """A jail that doesn't run."""
    assert isinstance(arguments, Unban)
    jails = state.fail2ban.jails
    if arguments.jail is None or not isinstance(jails, Known):
        return ()
    if arguments.jail in (names := [jail.name for jail in jails.value]):
        return ()
    there = ", ".join(names) or _("none")
    return (Mistake("jail", _("there is no such jail; those that run: {jails}").format(jails=there)),)


def plan(state: State, arguments: Arguments) -> Plan:
    """Lifts the ban in each jail that has the address; nothing where none has it."""
    assert isinstance(arguments, Unban)
    setting, found = f"{NAME}.unban", state.fail2ban.jails
    if not isinstance(found, Known):
        why = found.reason if isinstance(found, Unknown) else _("fail2ban doesn't run here")
        return Plan(modules=(NAME,), blocked=(Blocked(setting=setting, why=why),))
    address = arguments.address
    jails = [j.name for j in found.value if address in j.banned and arguments.jail in (None, j.name)]
    asks = {jail: ("fail2ban-client", "get", jail, "banned", address) for jail in jails}
    return Plan(
        modules=(NAME,),
        steps=tuple(
            RunCommand(
                id=f"{setting}-{number}",
                setting=setting,
                argv=("fail2ban-client", "set", jail, "unbanip", address),
                probe=Probe(argv=asks[jail], output="0"),
                undo_argv=("fail2ban-client", "set", jail, "banip", address),
            )
            for number, jail in enumerate(jails, 1)
        ),
        checks=tuple(
            CommandSays(id=f"{setting}-{number}", setting=setting, argv=asks[jail], line="0")
            for number, jail in enumerate(jails, 1)
        ),
        notices=(Notice(setting=setting, text=_("an undo bans it anew, for the jail's whole time")),) if jails else (),
    )
