"""Where to, and what becomes of what is there: shown file by file before the plan is made. The plan is the action
`restore` of the module Backup, reviewed as any other."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.backup import words
from pi_installer_tui.screens.backup.existing import MOST, Differing, Preview, look
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.form.choose import ChooseScreen
from pi_installer_tui.widgets.lines import Cell, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows
from pi_installer_tui.widgets.text import TextLine, TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.restic.answers import Snapshot
    from pi_installer_tui.restic.index import Index
    from pi_installer_tui.screens.backup.chosen import Chosen

#: seconds between two drawings while files are looked at
_BEAT = 0.5
#: what becomes of a file that is there and differs
EXISTING: Mapping[str, tuple[str, str]] = {
    "keep": (N_("kept"), N_("what is there stays as it is; only what is missing comes back")),
    "replace": (N_("replaced"), N_("what is there goes; undo gives it back")),
    "rename": (N_("renamed"), N_("what is there stays beside, under another name")),
}


class RestoreScreen(ShellScreen):
    """The last page before the plan."""

    place = "backup_restore"
    where = N_("Restore")
    PARTS = ("head", "choices", "preview")
    about = N_(
        "Where the files come back to, and what becomes of those that are there already. Below stands what would be "
        "met: what is missing, what is there and the same in size and time, and what differs, with its size now and in "
        "the snapshot. `newer` was changed after what the snapshot has: the change would be lost where it is "
        "replaced.\n"
        "In place means that each file comes to where it was. Elsewhere, it comes below the folder that you name, with "
        "its whole path: /tmp/restored/home/pi/notes.txt.\n"
        "`p` shows the plan. What is restored keeps its owner, rights and times, is compared with the snapshot, and "
        "can be undone."
    )
    CSS = """
    RestoreScreen #choices { height: 2; }
    """
    AUTO_FOCUS = "#choices"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_restore")]

    def __init__(self, tree: Index, place: str, snapshot: Snapshot, chosen: Chosen) -> None:
        super().__init__()
        self._tree = tree
        self._place = place
        self._snapshot = snapshot
        self._paths = chosen.paths
        self._total = chosen.total
        self._target = ""
        self._existing = "rename"
        self._preview = Preview()
        self._told = 0.0

    def body(self) -> Iterable[Widget]:
        yield Panel([[], []], id="head")
        yield Rows((18, 0), id="choices")
        yield TextPane(id="preview")

    def on_mount(self) -> None:
        of = self._snapshot
        self.say_where(
            printable(_("Restore: {job} {when}").format(job=of.tagged("job") or of.short, when=moment(of.time)))
        )
        what = ngettext("{n} is chosen", "{n} are chosen", len(self._paths)).format(n=len(self._paths))
        first = printable(self._paths[0]) + (", ..." if len(self._paths) > 1 else "")
        line = [Cell(f"{what}: {words.many(self._total)}", "strong"), Cell(f"  {first}", "quiet")]
        self.query_one("#head", Panel).set_lines([line, []])
        self._draw()
        self._look()

    # looking ------------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        self._preview = Preview()
        self._told = 0.0
        self.say_doing(_("looking at what is there ..."))
        try:
            await look(self.shell.host, self._tree, self._paths, self._target, self._tell)
        except Exception as error:
            # what can't be looked at is listed; this is a fault, and must not take the screens with it
            if not self.closing:
                said = _("This can't be read: {error}").format(error=error)
                self.query_one(TextPane).set(_("What is there"), [Cell(said, "bad")])
        if not self.closing:
            self.say_doing("")

    def _tell(self, preview: Preview) -> None:
        self._preview = preview
        now = time.monotonic()
        if not self.closing and (preview.over or now >= self._told + _BEAT):
            self._told = now
            self._draw_preview()

    # what is shown ------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        name, meaning = EXISTING[self._existing]
        where = printable(self._target) if self._target else _("in place: each file to where it was")
        self.query_one("#choices", Rows).set_rows(
            [
                Row("target", (Cell(_("Where to")), Cell(where, "strong"))),
                Row("existing", (Cell(_("What is there is")), Cell(f"{_(name)}: {_(meaning)}", "strong"))),
            ]
        )
        self._draw_preview()

    def _draw_preview(self) -> None:
        found, pane = self._preview, self.query_one(TextPane)
        at = pane.text.scroll_offset.y
        title = (
            _("What would be met there")
            if found.over
            else _("What would be met there: looking, {n} so far").format(n=f"{found.looked:,}")
        )
        pane.set(title, [*self._sums(found), *(self._line(each) for each in self._ordered(found))])
        if at:
            pane.text.scroll_to(y=at, animate=False)

    def _sums(self, found: Preview) -> list[TextLine]:
        signs = glyphs(self)
        lines: list[TextLine] = [
            Cell(_("{what} not there: restored").format(what=words.many(found.absent))),
            Cell(
                ngettext("{n} file there already, the same", "{n} files there already, the same", found.same).format(
                    n=f"{found.same:,}"
                )
            ),
        ]
        if not found.differ:
            return [*lines, Cell(_("nothing there differs"), "good")] if found.over else lines
        told = ngettext("{n} there differs, {size}", "{n} there differ, {size}", found.differ)
        said = told.format(n=f"{found.differ:,}", size=size(found.size))
        lines.append(
            Cell(f"{signs.warning} {said}: {self._fate()}", "warn" if self._existing == "replace" else "plain")
        )
        if found.newer:
            n = found.newer
            newer = ngettext("{n} of them is newer than the snapshot's", "{n} of them are newer than the snapshot's", n)
            lines.append(Cell(f"{signs.warning} {newer.format(n=f'{n:,}')}", "warn"))
        lines.append(Cell(""))
        if found.differ > len(found.listed):
            lines.append(Cell(_("The first {n}:").format(n=f"{MOST:,}"), "quiet"))
        return lines

    def _fate(self) -> str:
        return _(EXISTING[self._existing][0])

    @staticmethod
    def _ordered(found: Preview) -> list[Differing]:
        """What would be lost most dearly first."""
        return sorted(found.listed, key=lambda each: (not each.newer, each.path))

    def _line(self, one: Differing) -> Cell:
        here = size(one.here) if one.here is not None else "-"
        there = size(one.there) if one.there is not None else "-"
        tone: Tone = "warn" if one.newer or one.how != "content" else "plain"
        word = {
            "content": _("newer") if one.newer else _("older"),
            "kind": _("other kind"),
            "unknown": _("unknown"),
        }[one.how]
        return Cell(f"{word.ljust(11)}{here.rjust(8)} {glyphs(self).arrow} {there.rjust(8)}  {one.path}", tone)

    # keys ---------------------------------------------------------------------------------------------------------

    def on_rows_opened(self, message: Rows.Opened) -> None:
        if message.row is not None and message.row.id == "target":
            self.action_target()
        elif message.row is not None:
            self.action_existing()

    def action_existing(self) -> None:
        every = list(EXISTING)
        self._existing = every[(every.index(self._existing) + 1) % len(every)]
        self._draw()

    @work(exclusive=True, group="target")
    async def action_target(self) -> None:
        in_place = _("in place")
        options = [in_place, f"/var/tmp/restored-{self._snapshot.short}"]
        if self._target and self._target not in options:
            options.append(self._target)
        title = _("Where to? A folder may be typed")
        answer = await self.app.push_screen_wait(
            ChooseScreen(title, options, None, self._target or in_place, leave=False, free=True)
        )
        if answer is None or self.closing:
            return
        target = "" if answer[1] == in_place else str(answer[1])
        if target and (not target.startswith("/") or posixpath.normpath(target) != target or target == "/"):
            from pi_installer_tui.screens.message import Problem

            what = _("{target} isn't the whole path of a folder.").format(target=target)
            await self.app.push_screen(Problem(what, then=_("Such as /srv/restored. It is made where it isn't there.")))
        elif target != self._target:
            self._target = target
            self._draw()
            self._look()

    def action_plan(self) -> None:
        told: dict[str, object] = {
            "place": self._place,
            "snapshot": self._snapshot.id,
            "paths": list(self._paths),
            "existing": self._existing,
        }
        if self._target:
            told["target"] = self._target
        self.shell.act("backup", "restore", told)
