"""The locks of a repository: who holds each, since when, and whether they are still at work; explained before a lock
may be removed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.ask import Ask
from pi_installer_tui.screens.backup import run_words as words
from pi_installer_tui.screens.backup.told import Told
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.restic.locks import Holder
    from pi_installer_tui.screens.backup.seen import PlaceSeen

#: the columns, in cells: whether it is held, host, user, process, since when, what it keeps others from
WIDTHS = (14, 14, 10, 9, 8, 0)


class LocksScreen(ShellScreen):
    """The locks of a place."""

    place = "backup_locks"
    where = N_("Backup: locks")
    stays = True
    PARTS = ("said", "locks", "detail")
    about = N_(
        "restic locks a repository while it works on it: several may add to it at once, but nobody may remove anything "
        "meanwhile. Who dies at work leaves the lock behind.\n"
        "A lock of this machine is held when its process lives and is restic. Of another machine's lock only its age "
        "can be told: restic renews a lock every five minutes, so one that is older than half an hour is most likely "
        "left over. To remove a lock that is in use can damage what is being written."
    )
    CSS = """
    LocksScreen #detail { height: 8; }
    """
    AUTO_FOCUS = "#locks"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_locks")]

    def __init__(self, seen: PlaceSeen) -> None:
        super().__init__()
        self._seen = seen
        self._found: Mapping[str, Holder] = {}

    def body(self) -> Iterable[Widget]:
        names = (_("state"), _("machine"), _("user"), _("process"), _("renewed"), _("keeps off"))
        titles = "  ".join(name.ljust(width) for name, width in zip(names, WIDTHS, strict=True))
        yield Panel([[Cell(_("Asking the repository ..."), "quiet")]], id="said")
        yield Panel([[Cell(f"  {titles}", "quiet")]])
        yield Told(WIDTHS, id="locks")
        detail = TextPane(id="detail")
        detail.text.can_focus = False
        yield detail

    def on_mount(self) -> None:
        self.say_where(_("Locks of {place}").format(place=self._seen.name))

    def on_screen_resume(self) -> None:
        if self.shell.is_open:
            self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.modules.backup.placing import place_of
        from pi_installer_tui.restic.answers import Trouble
        from pi_installer_tui.restic.engine import Restic
        from pi_installer_tui.restic.locks import holders
        from pi_installer_tui.restic.words import sentence

        restic = Restic(self.shell.host, place_of(self._seen.name, self._seen.settings))
        try:
            self._found = {each.lock.id: each for each in await holders(restic, time.time())}
        except Trouble as error:
            self._fail(sentence(error))
            return
        except Exception as error:
            # what restic says is a Trouble; this is a fault, and must not take the screens with it
            self._fail(_("This can't be read: {error}").format(error=printable(str(error))))
            return
        self._draw()

    def _fail(self, said: str) -> None:
        if not self.closing:
            self.query_one("#said", Panel).set_lines([[]])
            self.query_one(Rows).set_rows([remark(Cell(_("The locks are not known."), "warn"))])
            self.query_one("#detail", TextPane).set("", [Prose(printable(said), "bad")])

    def _draw(self) -> None:
        if self.closing:
            return
        signs, now, count = glyphs(self), time.time(), len(self._found)
        rows = [_row(each, now, signs) for each in self._found.values()]
        none = _("Nobody holds a lock: nothing is in the way.")
        self.query_one(Rows).set_rows(rows or [remark(Cell(none, "good"))])
        said = ngettext("{n} lock", "{n} locks", count).format(n=count) if count else ""
        self.query_one("#said", Panel).set_lines([[Cell(said)]])
        self._tell()
        self.refresh_bindings()

    @property
    def _one(self) -> Holder | None:
        row = self.query_one(Rows).row if self.is_mounted and not self.closing else None
        return self._found.get(row.id) if row is not None else None

    def _tell(self) -> None:
        one, pane = self._one, self.query_one("#detail", TextPane)
        pane.set("", _explained(one, time.time()) if one is not None else [])

    def on_rows_moved(self) -> None:
        self._tell()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "unlock":
            return self._one is not None and self._one.alive is not True and not self.shell.read_only
        return True

    def action_refresh(self) -> None:
        self._read()

    def action_unlock(self) -> None:
        one = self._one
        if one is None:
            return

        def unlock(sure: bool | None) -> None:
            if sure:
                self.shell.act("backup", "unlock", {"place": self._seen.name, "lock": one.lock.id})

        if one.alive is False:
            unlock(True)
            return
        question = _("Is nothing at work on {host} any more?").format(host=printable(one.lock.host))
        unsure = _("That can't be told from here. Look there for a process {pid} that is restic.").format(
            pid=one.lock.pid
        )
        danger = _("If it still runs, what it writes may be damaged, and so may snapshots that share data with it.")
        self.app.push_screen(Ask(question, [unsure, danger]), unlock)


_STATES: Mapping[bool | None, tuple[str, Tone]] = {
    True: (N_("at work"), "key"),
    False: (N_("left behind"), "warn"),
    None: (N_("not known"), "warn"),
}


def _row(held: Holder, now: float, signs: Glyphs) -> Row:
    word, tone = _STATES[held.alive]
    sign = {True: signs.running, False: signs.warning, None: signs.unknown}[held.alive]
    lock = held.lock
    what = _("everybody") if lock.exclusive else _("who removes")
    cells = (
        Cell(f"{sign} {_(word)}", tone),
        Cell(printable(lock.host)),
        Cell(printable(lock.user)),
        Cell(str(lock.pid)),
        Cell(words.age(now - lock.time)),
        Cell(what, "quiet"),
    )
    return Row(lock.id, cells)


def _explained(held: Holder, now: float) -> list[Cell]:
    lock = held.lock
    lines: list[Cell] = []
    text = _("Process {pid} of {user} on {host}, renewed {when} ({ago}).")
    said = text.format(
        pid=lock.pid, user=lock.user, host=lock.host, when=moment(lock.time), ago=words.ago(lock.time, now)
    )
    lines.append(Prose(printable(said)))
    if held.alive:
        lines.append(Prose(_("The process lives and is restic: it is at work. Wait for it, or cancel its job."), "key"))
    elif held.alive is False:
        said = _("There is no such process any more: the lock was left behind, and can be removed.")
        lines.append(Prose(said, "good"))
    else:
        said = _("It is another machine's: whether it is still at work can't be told from here.")
        if held.here:
            said = _("Whether its process is still at work can't be told.")
        lines.append(Prose(said, "warn"))
        if held.stale:
            more = _("Nobody has renewed it for half an hour, so that it was most likely left behind.")
        else:
            more = _("It was renewed not long ago, so that it is most likely held.")
        lines.append(Prose(more))
    return lines
