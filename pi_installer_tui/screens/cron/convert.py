"""A crontab's line as a timer of systemd, and back: both texts, where the two differ, or why it can't be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.cron.making import MakingScreen, Said, borrowed, model, values, wide
from pi_installer_tui.system.timers import unit
from pi_installer_tui.system.timers.conversion import CannotConvert, to_cron, to_timer
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.listing import Row
    from pi_installer_tui.modules.cron.state import State
    from pi_installer_tui.widgets.form.form import Form

#: lines of unit files that say something
_TELLING = re.compile(r"On|Persistent|Randomized|User|Environment|ExecStart")


class ConvertScreen(MakingScreen):
    """A row that is a line of a crontab, or a timer."""

    where = N_("Scheduled jobs: to the other kind")
    about = N_(
        "A job of cron's as a timer, or a timer as a job of cron's. Above stands what there is, and what comes of "
        "it; where the two don't do exactly the same it is said. What the other one can't say at all isn't "
        "converted, with every reason.\n"
        "Plan shows both files. The old one goes when the new one is there; undo brings it back."
    )
    LINES: ClassVar[int] = 14

    def __init__(self, row: Row, state: State) -> None:
        self._row = row
        self._state = state
        self._why: tuple[str, ...] = ()
        super().__init__()

    @property
    def _from_cron(self) -> bool:
        return self._row.entry is not None

    def form(self) -> Form[Any]:
        from pi_installer_tui.modules.cron.actions import ToTimer
        from pi_installer_tui.screens.cron.editor import where

        if self._from_cron:
            begin = {"name": self._row.name or _called(self._row.command)}
            made = model("AsTimer", borrowed(ToTimer, "name", "persistent", "random_delay", begin=begin))
            return wide(made, made.model_construct(None, **begin), self._choices, new=False)
        made = model("AsLine", {"where": where()})
        return wide(made, made.model_construct(None, where=self._row.owner or "root"), self._choices, new=False)

    def _choices(self, name: str) -> Sequence[str]:
        from pi_installer_tui.screens.cron.editor import places

        return places(self._state, name)

    def begin(self) -> None:
        self.say_where(_("As a timer") if self._from_cron else _("As a line of a crontab"))

    async def look(self) -> Sequence[Said]:
        from pydantic import ValidationError

        from pi_installer_tui.modules.cron.lines import Wrong

        self._why = ()
        try:
            return self._as_timer() if self._from_cron else self._as_lines()
        except CannotConvert as error:
            self._why = error.reasons
        except Wrong as error:
            self._why = (str(error),)
        except ValidationError:
            return [(_("Mend what is marked with ! first."), "warn")]
        return [(_("It can't be converted:"), "bad"), *((f"- {reason}", "bad") for reason in self._why)]

    def _as_timer(self) -> list[Said]:
        from pi_installer_tui.modules.cron import timers
        from pi_installer_tui.modules.cron.actions import ToTimer

        entry = self._row.entry
        assert entry is not None
        to_timer(entry.schedule.text)  # with every reason why it can't be
        told = ToTimer.model_validate({"job": self._row.key, "text": self._row.text, **values(self._form)})
        job, made = timers.to_timer(self._state, told)
        lines = [*unit.timer_text(job).splitlines(), *unit.service_text(job).splitlines()]
        shown = [line for line in lines if _TELLING.match(line)]
        return [
            (printable(self._row.text), "quiet"),
            (_("becomes {name}.timer and {name}.service:").format(name=job.name), "strong"),
            *((f"  {printable(line)}", "plain") for line in shown),
            *((note, "warn") for note in made.notices),
        ]

    def _as_lines(self) -> list[Said]:
        from pi_installer_tui.modules.cron import timers
        from pi_installer_tui.modules.cron.actions import ToCron

        timer = self._row.timer
        assert timer is not None
        to_cron(timer.timing)
        told = ToCron.model_validate({"job": self._row.key, **self._place()})
        _timer, made = timers.to_cron(self._state, told)
        found: list[Said] = [(f"OnCalendar={printable(each)}", "quiet") for each in timer.timing.calendars]
        for draft in made.drafts:
            found.append((_("becomes in {path}:").format(path=draft.path), "strong"))
            after = draft.after()
            found += [(f"  {printable(after.text(number))}", "plain") for number in sorted(draft.changed())]
        return [*found, *((note, "warn") for note in made.notices)]

    def _place(self) -> dict[str, str]:
        where = str(values(self._form).get("where") or "")
        return {"file": where} if where.startswith("/") else {"user": where}

    def act(self) -> str:
        if self._why:
            return " ".join(self._why)
        said = values(self._form)
        if self._from_cron:
            self.shell.act("cron", "to-timer", {"job": self._row.key, "text": self._row.text, **said})
            return ""
        self.shell.act("cron", "to-cron", {"job": self._row.key, **self._place()})
        return ""


def _called(command: str) -> str:
    """A name for a timer by what it runs, "" where that gives none."""
    word = command.split()[0].rpartition("/")[2] if command.split() else ""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", word.rpartition(".")[0] or word).strip("-_")[:40] or "job"
