"""What is wrong with settings on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.cron import timers
from pi_installer_tui.modules.cron.drafts import Drafts
from pi_installer_tui.modules.cron.lines import Wrong, halves, line_of
from pi_installer_tui.modules.cron.plan import found, timer_of
from pi_installer_tui.modules.cron.present import secret
from pi_installer_tui.modules.cron.settings import CronSettings, JobSettings
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.system.cron.lines import escaped
from pi_installer_tui.system.cron.read import SPOOL
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Known
from pi_installer_tui.system.timers import calendar
from pi_installer_tui.tasks.plan import Mistake


def validate(state: State, settings: CronSettings) -> Sequence[Mistake]:
    """Mistakes that only this machine shows."""
    hidden = any(path.startswith(SPOOL) for path, _why in state.cron.unread)
    wrong: list[Mistake] = []
    for name, wanted in (settings.jobs or {}).items():
        if wanted.state != "absent":
            wrong += _job(state, f"cron.jobs.{name}", name, wanted, hidden=hidden)
    for name, timer in (settings.timers or {}).items():
        if timer.state != "absent":
            try:
                timers.looked_over(state, timer_of(name, timer, state.units.get(name)))
            except Wrong as error:
                place = "" if error.place == "name" else f".{error.place}"
                wrong.append(Mistake(f"cron.timers.{name}{place}", str(error)))
    return wrong


def _job(state: State, at: str, name: str, wanted: JobSettings, *, hidden: bool) -> Iterator[Mistake]:
    there = list(found(state, Drafts(state), name))
    if not there and not hidden:
        for key in ("user", "schedule", "command"):
            if getattr(wanted, key) is None:
                yield Mistake(f"{at}.{key}", _("is needed: there is no job of this name"))
    if wanted.user is not None and state.cron.users and wanted.user not in state.cron.users:
        yield Mistake(f"{at}.user", _("there is no user {user}").format(user=wanted.user))
    user = wanted.user or (there[0].draft.user if there else "")
    record = wanted.record
    if record is not None and record.ping is not None and user and record.ping != secret(user, name):
        yield Mistake(f"{at}.record.ping", _("has to be called {name}").format(name=secret(user, name)))
    if wanted.command is not None:
        try:
            # that cron takes it for a command, whatever the schedule
            line_of(wanted.schedule or "@daily", wanted.command if wanted.raw else escaped(wanted.command), None)
            if wanted.raw and record is not None and not halves(wanted.command)[0]:
                yield Mistake(f"{at}.command", _("there is no command before the first %"))
        except ValueError as error:
            place = error.place if isinstance(error, Wrong) else "command"
            yield Mistake(f"{at}.{place}", str(error))


async def probe(host: Host, settings: CronSettings) -> Sequence[Mistake]:
    """Expressions that systemd refuses."""
    wrong = []
    for name, timer in (settings.timers or {}).items():
        asked = await calendar.ask(host, timer.calendars or (), iterations=1) if timer.calendars else Known(())
        for number, answer in enumerate(asked.value if isinstance(asked, Known) else ()):
            if answer.mistake is not None:
                wrong.append(Mistake(f"cron.timers.{name}.calendars[{number}]", answer.mistake.text))
    return wrong
