"""A job is run now: a line of a crontab and a script as cron would, everything else by its own program."""

from __future__ import annotations

from dataclasses import dataclass

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.cron import lines, timers
from pi_installer_tui.modules.cron.actions import Run
from pi_installer_tui.modules.cron.drafts import Drafts, crontab
from pi_installer_tui.modules.cron.lines import Wrong
from pi_installer_tui.modules.cron.listing import Row, by_line, rows
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.modules.cron.values import slug
from pi_installer_tui.system.cron.environment import NO_SHELLS
from pi_installer_tui.tasks.steps import RunAsCron, RunCommand, Step
from pi_installer_tui.tasks.steps.crontab import coded

_SETTING = "cron.run"
_ID = "cron.run"


@dataclass(frozen=True, slots=True)
class Running:
    """name: of the work, so that a job isn't run twice at once."""

    step: Step
    name: str


def run(state: State, told: Run) -> Running:
    """What runs it. Raises Wrong."""
    row = next((each for each in rows(state) if each.key == told.job), None)
    if row is None or row.entry is not None:
        step: RunAsCron | RunCommand = _line(state, told)
    elif row.kind == "script":
        step = _script(state, row)
    elif told.where == "shell":
        raise Wrong("where", _("only what cron runs can be run by a shell"))
    elif row.timer is not None:
        control = timers.control(state, row.timer.owner) if row.timer.owner else ("systemctl",)
        step = _command((*control, "start", row.timer.starts))
    elif row.kind == "anacron":
        step = _command(("anacron", "-f", "-n", "-d", row.name))
    else:
        raise Wrong("job", _("a job of at's runs at its time only"))
    return Running(step, f"cron-run-{slug(told.job)}")


def _line(state: State, told: Run) -> RunAsCron:
    found = lines.find(state, Drafts(state), told.job, told.text)
    account = state.cron.users.get(found.owner)
    if account is None:
        raise Wrong("job", _("there is no user {user}").format(user=found.owner))
    if told.where == "shell" and account.shell in NO_SHELLS:
        raise Wrong("where", _("{user} has no login shell").format(user=found.owner))
    return RunAsCron(
        id=_ID,
        setting=_SETTING,
        path=found.draft.path,
        user=found.draft.user,
        line=found.line,
        text=coded(found.draft.before.text(found.line)),
        where=told.where,
    )


def _script(state: State, row: Row) -> RunAsCron | RunCommand:
    """By the line that runs its folder; where anacron does, by itself."""
    by = by_line(row, state)
    if by is None:
        return _command((row.path,))
    if row.refused:
        raise Wrong("job", _("run-parts leaves it out: {why}").format(why=row.refused))
    path, line = by
    there = crontab(state, path)
    assert there is not None
    text = coded(there.table.text(line))
    return RunAsCron(id=_ID, setting=_SETTING, path=path, line=line, text=text, user=there.user, script=row.path)


def _command(argv: tuple[str, ...]) -> RunCommand:
    return RunCommand(id=_ID, setting=_SETTING, argv=argv, probe="repeatable")
