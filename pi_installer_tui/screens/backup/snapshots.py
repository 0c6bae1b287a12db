"""What was backed up, newest first: a line for each run of a job at each place, with its dumps. From here one goes into
its files, to what changed between two, to a search over all of them, and to restoring."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget
from textual.worker import Worker

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.backup import taken as runs
from pi_installer_tui.screens.finding import Finding
from pi_installer_tui.screens.larger import Larger
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading, remark
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import TextLine, TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.screens.backup.library import Library
    from pi_installer_tui.screens.backup.taken import Taken

#: the columns, in cells: mark, age, when, job, place, whether it is proven, what it holds
_WIDTHS = (1, 14, 11, 9, 8, 6, 0)
#: lines that what went wrong at a place may take
_SAID = 4


class SnapshotsScreen(Finding, Larger):
    """The runs. job, place: only those of that job, at that place. library: where they are read from; None: the places
    of the settings. Who lends one closes it."""

    place = "backup_snapshots"
    where = N_("Snapshots")
    stays = True
    PARTS = ("head", "snapshots", "detail")
    about = N_(
        "Everything that can be had back, newest first. A line is one run of a job at one place: its files, and the "
        "databases that were dumped in the same run.\n"
        "`proven` means that a restore drill has really restored from it and compared; how sure the others are, the "
        "verification of the place says.\n"
        "Enter opens the files, to look at them and to choose what is restored. `c` shows what changed since the run "
        "before, or, where `m` has marked another line, between the two. `s` looks for a name in all snapshots, `d` "
        "restores a database. Nothing is changed before a plan was reviewed and agreed to."
    )
    CSS = """
    SnapshotsScreen #detail { height: 8; }
    SnapshotsScreen.-tall #detail { height: 14; }
    SnapshotsScreen.-larger #detail { height: 1fr; }
    SnapshotsScreen.-larger #snapshots, SnapshotsScreen.-larger #head { display: none; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-tall")]
    AUTO_FOCUS = "#snapshots"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_snapshots")]

    def __init__(self, job: str = "", place: str = "", library: Library | None = None) -> None:
        super().__init__()
        self._job = job
        self._place = place
        self._library = library
        self._lent = library is not None
        self._taken: tuple[Taken, ...] = ()
        #: places that haven't answered yet, and why others couldn't be read
        self._asked: set[str] = set()
        self._failed: dict[str, str] = {}
        self._fault = ""
        self.ready = False
        self._marked = ""
        self._reading: Worker[None] | None = None

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading ..."), "quiet")], []], id="head")
        yield SearchField(_("a part of a job's, a place's or a path's name, or of a date"))
        yield Rows(_WIDTHS, id="snapshots")
        yield TextPane(id="detail")

    def on_mount(self) -> None:
        self.shell.opened.subscribe(self, lambda _none: self._look())
        if self.shell.is_open:
            self._look()

    def on_screen_resume(self) -> None:
        if self.ready and not self.closing:
            self._draw()  # they are older by now

    def on_unmount(self) -> None:
        if self._library is not None and not self._lent:
            self._library.close()

    # reading ------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._reading = self.run_worker(self._read, group="read", exclusive=True)

    async def _read(self) -> None:
        from pi_installer_tui.screens.backup import library, sources

        self.say_doing(_("asking the places ..."))
        found: list[Taken] = []
        try:
            if not self._lent:
                places = await sources.places(self.shell.host)
                if self._library is None:
                    self._library = library.Library(self.shell.host, places)
                else:
                    self._library.use(places)
            assert self._library is not None
            if self._place not in self._library.places:
                self._place = ""
            self._asked = set(self._library.places)
            self._failed, self._fault = {}, ""
            if not self._asked:
                self._taken = ()
            drills = await sources.drills(self.shell.host)
            async with aclosing(self._library.runs()) as answers:
                async for place, answer in answers:
                    self._asked.discard(place)
                    if isinstance(answer, Exception):
                        self._failed[place] = library.said_of(place, answer)
                    else:
                        found += answer
                    ordered = sorted(found, key=lambda one: one.time, reverse=True)
                    self._taken = runs.with_proofs(ordered, drills)
                    if self.closing:
                        return
                    self._draw()
        except Exception as error:
            # what a place answers is in its line; this is a fault, and must not take the screens with it
            self._fault = library.said(error)
        self.ready = True
        if not self.closing:
            self.say_doing("")
            self._draw()

    # what is shown ------------------------------------------------------------------------------------------------

    @property
    def _shown(self) -> list[Taken]:
        return [
            one
            for one in self._taken
            if (not self._place or one.place == self._place)
            and (not self._job or one.job == self._job)
            and self.seeks(f"{one.job} {one.place} {moment(one.time)} {runs.holds(one)} {' '.join(one.tags)}")
        ]

    def _draw(self) -> None:
        rows, shown = self.query_one(Rows), self._shown
        lines: list[Row] = []
        failed = [why for place, why in sorted(self._failed.items()) if self._place in ("", place)]
        for wrong in [*failed, *([self._fault] if self._fault else [])]:
            pieces = textwrap.wrap(printable(wrong), max(20, self.size.width - 5))
            lines += [remark(Cell(piece, "bad")) for piece in pieces[:_SAID]]
        month = ""
        for one in shown:
            if (now := moment(one.time)[:7]) != month:
                month = now
                lines.append(heading(month))
            lines.append(self._row(one))
        if not shown and self.ready and not lines:
            lines.append(remark(Cell(self._none(), "quiet")))
        rows.set_rows(lines)
        self.query_one("#head", Panel).set_lines([self._said(), self._titles()])
        self._draw_detail()
        self.refresh_bindings()

    def _none(self) -> str:
        if self.sought or (self._taken and (self._job or self._place)):
            return _("there is none like that")
        if self._library is not None and not self._library.places:
            return _("There is no place for backups yet: Backup has a guided way to one.")
        return _("Nothing was backed up there yet.")

    def _said(self) -> list[Cell]:
        n = len(self._shown)
        cells = [Cell(ngettext("{n} run", "{n} runs", n).format(n=n), "strong")]
        of = [_("of {job}").format(job=self._job)] if self._job else []
        of.append(_("at {place}").format(place=self._place) if self._place else _("at all places"))
        note = " ".join(of) + self.only_sought()
        if self._asked:
            note += ", " + _("asking {places} ...").format(places=", ".join(sorted(self._asked)))
        if self._marked and (marked := self._of(self._marked)):
            note += ", " + _("marked: {when}").format(when=moment(marked.time))
        return [*cells, Cell(f" {printable(note)}", "quiet")]

    def _titles(self) -> list[Cell]:
        names = ("", _("taken"), _("when"), _("job"), _("place"), _("proven"), _("holds"))
        cells = [name.ljust(width) for name, width in zip(names, _WIDTHS, strict=True)]
        return [Cell("  " + "  ".join(cells), "quiet")]

    def _row(self, one: Taken) -> Row:
        signs = glyphs(self)
        proven = Cell(f"{signs.ok} {_('yes')}", "good") if one.proven is not None else Cell("-", "quiet")
        return Row(
            one.id,
            (
                Cell("*" if one.id == self._marked else " ", "key"),
                Cell(runs.ago(time.time() - one.time)),
                Cell(moment(one.time)[5:]),
                Cell(printable(one.job) or "-"),
                Cell(printable(one.place)),
                proven,
                Cell(printable(runs.holds(one)), "quiet"),
            ),
        )

    def _of(self, row: str) -> Taken | None:
        return next((one for one in self._taken if one.id == row), None)

    @property
    def _one(self) -> Taken | None:
        row = self.query_one(Rows).row if not self.closing else None
        return self._of(row.id) if row is not None else None

    def _draw_detail(self) -> None:
        one, pane = self._one, self.query_one("#detail", TextPane)
        if one is None:
            pane.set("", [])
            return
        title = _("{job}, {when}").format(job=one.job or one.first.short, when=moment(one.time))
        pane.set(printable(title), self._detail(one))

    def _detail(self, one: Taken) -> list[TextLine]:
        lines: list[TextLine] = []
        if one.proven is not None:
            age = runs.ago(time.time() - one.proven)
            lines.append(
                Cell(_("Proven restorable {ago}: a drill had files of it back and compared them.").format(ago=age))
            )
        else:
            lines.append(Cell(_("No drill has restored from it."), "quiet"))
        if one.files is not None:
            lines.append(Cell(_("Files, snapshot {id}:").format(id=one.files.short), "strong"))
            lines += [Cell(f"  {path}") for path in one.files.paths]
        for dump in one.dumps:
            lines.append(Cell(_("Database, snapshot {id}:").format(id=dump.short), "strong"))
            lines.append(Cell(f"  {runs.database(dump)}"))
        by = _("of {machine}, as {user}").format(machine=one.first.host, user=one.first.user)
        lines.append(Cell(by, "quiet"))
        if one.tags:
            lines.append(Cell(_("tags: {tags}").format(tags=", ".join(one.tags)), "quiet"))
        return lines

    # keys ---------------------------------------------------------------------------------------------------------

    def found_anew(self) -> None:
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        one = self._one
        match action:
            case "restore_database":
                return one is not None and bool(one.dumps)
            case "compare" | "mark":
                return one is not None and one.files is not None
            case "search":
                return bool(self._taken)
            case "where":
                return self._library is not None and len(self._library.places) > 1
        return True

    def on_rows_moved(self) -> None:
        self._draw_detail()
        self.refresh_bindings()

    def on_rows_opened(self) -> None:
        from pi_installer_tui.screens.backup.tree import TreeScreen

        one = self._one
        if one is not None and one.files is not None and self._library is not None:
            self.app.push_screen(TreeScreen(self._library, one.place, one.files))
        elif one is not None:
            self.action_restore_database()

    def action_refresh(self) -> None:
        if self._library is not None:
            self._library.forget()
        self._look()

    def action_mark(self) -> None:
        one = self._one
        if one is not None:
            self._marked = "" if self._marked == one.id else one.id
            self._draw()

    def action_where(self) -> None:
        """The next place, then all of them again."""
        if self._library is not None:
            every = ["", *self._library.places]
            self._place = every[(every.index(self._place) + 1) % len(every)] if self._place in every else ""
            self._draw()

    def action_compare(self) -> None:
        from pi_installer_tui.screens.backup.compare import CompareScreen
        from pi_installer_tui.screens.message import Problem

        one, marked = self._one, self._of(self._marked)
        if one is None or one.files is None or self._library is None:
            return
        other = marked if marked is not None and marked.id != one.id else runs.before(one, self._taken)
        if other is None or other.files is None:
            why = _("It is the first run of its job here: there is nothing before it.")
            self.app.push_screen(Problem(why, then=_("`m` marks another line to compare with.")))
        elif other.place != one.place:
            why = _("Snapshots of two places can't be compared: each has a repository of its own.")
            self.app.push_screen(Problem(why, then=_("Mark one at the same place.")))
        else:
            old, new = sorted((other.files, one.files), key=lambda each: each.time)
            self.app.push_screen(CompareScreen(self._library, one.place, old, new))

    def action_search(self) -> None:
        from pi_installer_tui.screens.backup.search import SearchScreen

        if self._library is not None:
            self.app.push_screen(SearchScreen(self._library, (self._place,) if self._place else self._library.places))

    @work(exclusive=True, group="database")
    async def action_restore_database(self) -> None:
        from pi_installer_tui.screens.backup.database import ask

        one = self._one
        if one is not None and one.dumps:
            await ask(self, one)
