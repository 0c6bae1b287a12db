"""The keys that do something with a scheduled job, wherever one is shown: each asks for a plan, which is reviewed, or
opens what leads to one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pi_installer_tui.i18n import _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.cron import seen
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.listing import Row
    from pi_installer_tui.screens.cron.seen import Scheduled

#: where systemd's units of the administrator are, and in a home those of a user
_UNITS = ("/etc/systemd/system/", "/.config/systemd/user/")
_OURS = "/etc/systemd/system/pi-installer-tui-"
_FILES = ("/etc/crontab", "/etc/cron.d/")
CHANGING = ("edit", "copy", "move", "switch", "delete", "run", "convert", "record")


def can(action: str, row: Row, scheduled: Scheduled) -> bool:
    """Whether something can be done with such a row."""
    line, timer = seen.is_line(row), row.timer
    own_unit = timer is not None and any(folder in row.path for folder in _UNITS) and not row.path.startswith(_OURS)
    match action:
        case "edit":
            return line or (timer is not None and timer.name.removesuffix(".timer") in scheduled.state.units)
        case "copy" | "move" | "record" | "compare":
            return line
        case "switch":
            return line or row.kind == "script" or timer is not None
        case "delete":
            return line or row.kind in ("at", "script") or own_unit
        case "run":
            return row.kind != "at"
        case "convert":
            return line or (own_unit and timer is not None and not timer.owner)
        case "history":
            return row.kind not in ("at", "anacron")
    return True


def told(row: Row) -> dict[str, object]:
    """What names a row for an action: its key, and what its line said."""
    return {"job": row.key, "text": row.text}


class JobKeys(ShellScreen):
    """A screen that shows a scheduled job."""

    @property
    def one(self) -> Row | None:
        """The job that is meant."""
        raise NotImplementedError

    @property
    def scheduled(self) -> Scheduled | None:
        """All that is scheduled, None while it isn't read."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in (*CHANGING, "history", "compare"):
            row, scheduled = self.one, self.scheduled
            if row is None or scheduled is None or (action in CHANGING and self.shell.read_only):
                return False
            return can(action, row, scheduled)
        return True

    def _act(self, verb: str, arguments: dict[str, object]) -> None:
        self.shell.act(seen.MODULE, verb, arguments)

    def _open(self, module: str, cls: str, *arguments: Any) -> None:
        """Opens another screen of these, imported by then."""
        screen = getattr(import_module(f"pi_installer_tui.screens.cron.{module}"), cls)
        self.app.push_screen(screen(*arguments))

    def action_edit(self) -> None:
        row, scheduled = self.one, self.scheduled
        if row is None or scheduled is None:
            return
        if row.timer is not None:
            self._open("timer", "TimerScreen", row, scheduled.state)
        else:
            self._open("editor", "EditorScreen", row, scheduled.state)

    def action_switch(self) -> None:
        if (row := self.one) is not None:
            on = row.enabled or bool(row.refused and row.entry is not None and row.entry.enabled)
            self._act("disable" if on else "enable", {"jobs": (row.key,), "texts": (row.text,)})

    def action_delete(self) -> None:
        if (row := self.one) is not None:
            self._act("delete", {"jobs": (row.key,), "texts": (row.text,)})

    def action_run(self) -> None:
        if (row := self.one) is not None:
            self._act("run", told(row))

    def action_convert(self) -> None:
        row, scheduled = self.one, self.scheduled
        if row is not None and scheduled is not None:
            self._open("convert", "ConvertScreen", row, scheduled.state)

    def action_record(self) -> None:
        if (row := self.one) is not None:
            self._open("recording", "RecordingScreen", row)

    def action_history(self) -> None:
        from pi_installer_tui.screens.cron.history import HistoryScreen

        row, scheduled = self.one, self.scheduled
        if row is not None and scheduled is not None:
            self.app.push_screen(HistoryScreen(row, scheduled))

    def action_compare(self) -> None:
        from pi_installer_tui.screens.cron.running import CompareScreen

        row, scheduled = self.one, self.scheduled
        if row is not None and scheduled is not None:
            self.app.push_screen(CompareScreen(row, scheduled))

    # to another crontab -----------------------------------------------------------------------------------------------

    def action_copy(self) -> None:
        self._elsewhere("copy", _("Copy it to"))

    def action_move(self) -> None:
        self._elsewhere("move", _("Move it to"))

    def _elsewhere(self, verb: str, title: str) -> None:
        """Asks for the crontab, then, where its lines name a user, for that."""
        from pi_installer_tui.widgets.form.choose import ChooseScreen

        row, scheduled = self.one, self.scheduled
        if row is None or scheduled is None:
            return
        own, people = places(scheduled)
        here = row.owner if row.kind == "crontab" else row.path
        options = [each for each in (*people, *own) if verb == "copy" or each != here]

        def chosen(answer: tuple[bool, Any] | None) -> None:
            if answer is None:
                return
            place = str(answer[1])
            if not place.startswith(_FILES):
                self._act(verb, {**told(row), "user": place})
                return
            self._ask_user(verb, row, place, people)

        self.app.push_screen(ChooseScreen(title, options, here, options[:1], leave=False, free=True), chosen)

    def _ask_user(self, verb: str, row: Row, place: str, people: list[str]) -> None:
        from pi_installer_tui.widgets.form.choose import ChooseScreen

        def chosen(answer: tuple[bool, Any] | None) -> None:
            if answer is not None:
                self._act(verb, {**told(row), "file": place, "as_user": str(answer[1])})

        title = _("{place}: it runs as").format(place=printable(place))
        self.app.push_screen(ChooseScreen(title, people, row.owner, row.owner, leave=False, free=True), chosen)


def places(scheduled: Scheduled) -> tuple[list[str], list[str]]:
    """Where a line can stand: files of the machine's, and users who can have a crontab (root and people)."""
    state = scheduled.state
    files = [crontab.path for crontab in state.cron.crontabs if not crontab.user and not crontab.refused]
    people = [name for name, one in state.cron.users.items() if one.uid == 0 or 1000 <= one.uid < 65534]
    having = [crontab.user for crontab in state.cron.crontabs if crontab.user in state.cron.users]
    return files, sorted({*people, *having}, key=lambda name: (state.cron.users[name].uid, name))
