"""What is in a job, and how large: its paths as they are measured, largest first, databases, what is left out, what is
not there any more. A folder opens; what is found too large is left out from here, in the form."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget
from textual.worker import Worker

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.tasks import words
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, bar
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading, remark
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.backup.discovery import Contents, Measured
    from pi_installer_tui.modules.backup.settings import JobSettings

#: the columns, in cells: size, its share as a bar, files, path
WIDTHS = (10, 12, 8, 0)
#: seconds between two pictures while it measures
BEAT = 0.5
#: entries of a folder that are measured one by one
MOST = 500


class ContentsScreen(ShellScreen):
    """What a job holds now. folder: one of its folders, whose entries are shown; "" for all of the job."""

    place = "backup_contents"
    where = N_("Backup: contents")
    PARTS = ("said", "contents")
    about = N_(
        "What the job would keep if it ran now, with sizes as they are measured: the first run sends all of it, later "
        "ones only what is new. Enter opens a folder.\n"
        "`leave out` and `take in` open the job's form with that already in it; nothing changes before the plan was "
        "reviewed and agreed to. Measuring reads no file's content, stays on what the job names, and can be left at "
        "any time."
    )
    AUTO_FOCUS = "#contents"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_contents")]

    def __init__(self, job: str, settings: JobSettings, folder: str = "", contents: Contents | None = None) -> None:
        super().__init__()
        self._job = job
        self._settings = settings
        self._folder = folder
        self._contents = contents
        self._paths: tuple[str, ...] = ()
        self._left_out: tuple[str, ...] = ()
        self._measured: dict[str, Measured] = {}
        self._measuring: Worker[None] | None = None
        self._drawn = 0.0
        self._over = False

    def body(self) -> Iterable[Widget]:
        names = (_("size"), "", _("files"), _("what"))
        titles = "  ".join(name.ljust(width) for name, width in zip(names, WIDTHS, strict=True))
        yield Panel([[Cell(_("Looking for what is in it ..."), "quiet")]], id="said")
        yield Panel([[Cell(f"  {titles}", "quiet")]])
        yield Rows(WIDTHS, id="contents")

    def on_mount(self) -> None:
        where = f"{self._job}: {self._folder}" if self._folder else self._job
        self.say_where(_("What is in {job}").format(job=printable(where)))
        self._start()

    def _start(self) -> None:
        self._measured, self._over = {}, False
        self._measuring = self.run_worker(self._measure, group="measure", exclusive=True)

    # measuring ----------------------------------------------------------------------------------------------------

    async def _measure(self) -> None:
        from pi_installer_tui.modules.backup import discovery

        host = self.shell.host
        try:
            if self._contents is None:
                self._contents = await discovery.resolve(host, self._settings)
            self._paths, self._left_out = await self._entries(self._contents)
            self._draw()
            wanted = _below(self._contents, self._paths)
            async for each in discovery.measure(host, wanted):
                self._measured[each.path] = each
                self._draw_soon()
        except Exception as error:
            # what can't be looked into is counted; this is a fault, and must not take the screens with it
            self._say(Cell(_("This can't be measured: {error}").format(error=printable(str(error))), "bad"))
            return
        self._over = True
        self._draw()

    async def _entries(self, contents: Contents) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What stands in the list, and what of the folder is left out."""
        if not self._folder:
            return contents.paths, ()
        from pi_installer_tui.modules.backup.discovery.patterns import leaving_out

        names = await self.shell.host.listdir(self._folder)
        paths = [posixpath.join(self._folder, name) for name in names]
        out = set(filter(leaving_out(contents.exclude), paths))
        return tuple(path for path in paths[:MOST] if path not in out), tuple(sorted(out))

    def _draw_soon(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._drawn >= BEAT:
            self._drawn = now
            self._draw()

    # drawing ------------------------------------------------------------------------------------------------------

    def _say(self, *cells: Cell) -> None:
        if not self.closing:
            self.query_one("#said", Panel).set_lines([cells])

    def _draw(self) -> None:
        if self._contents is None or self.closing:
            return
        total = sum(each.bytes for each in self._measured.values())
        files = sum(each.files for each in self._measured.values())
        said = _("{size} in {files}").format(
            size=words.size(total), files=ngettext("{n} file", "{n} files", files).format(n=files)
        )
        unread = sum(each.unread for each in self._measured.values())
        cells = [Cell(said, "strong")]
        if not self._over:
            cells.append(
                Cell(
                    "  "
                    + _("measuring, {done} of {all} done; Esc stops it").format(
                        done=sum(each.done for each in self._measured.values()), all=len(self._paths)
                    ),
                    "quiet",
                )
            )
        if unread:
            text = ngettext("{n} folder can't be looked into", "{n} folders can't be looked into", unread)
            cells.append(Cell("  " + text.format(n=unread), "warn"))
        self._say(*cells)
        self.query_one(Rows).set_rows(self._rows(total))
        self.refresh_bindings()

    def _rows(self, total: int) -> list[Row]:
        contents = self._contents
        assert contents is not None
        signs = glyphs(self)
        sizes = {path: self._measured[path].bytes if path in self._measured else 0 for path in self._paths}
        rows: list[Row] = []
        for path in sorted(self._paths, key=lambda path: (-sizes[path], path)):
            each = self._measured.get(path)
            share = bar(sizes[path] / total if total else 0.0, WIDTHS[1], signs)
            size = "..." if each is None else words.size(each.bytes)
            count = "" if each is None else str(each.files)
            name = posixpath.basename(path) if self._folder else path
            tone = Cell(size, "plain" if each is not None and each.done else "quiet")
            rows.append(Row(path, (tone, Cell(share, "quiet"), Cell(count), Cell(printable(name), "strong"))))
        if not rows:
            rows.append(remark(Cell(_("Nothing of it is here."), "warn")))
        return [*rows, *self._others(contents)]

    def _others(self, contents: Contents) -> list[Row]:
        """What is in it beside files, and what isn't."""
        rows: list[Row] = []
        empty = (Cell(""), Cell(""), Cell(""))
        if self._folder:
            if self._left_out:
                rows += [heading(_("Left out"))]
                rows += [Row(f"out:{path}", (*empty, Cell(printable(path), "quiet"))) for path in self._left_out]
            return rows
        if contents.dumps:
            rows.append(heading(_("Databases, dumped beside the files")))
            for dump in contents.dumps:
                name = f"{dump.engine} {dump.container + '/' if dump.container else ''}{dump.of}"
                rows.append(Row(f"dump:{dump.file}", (*empty, Cell(printable(name)))))
        if contents.stops:
            rows.append(heading(_("Stopped meanwhile, started again afterwards")))
            rows += [remark(Cell(printable(stop))) for stop in contents.stops]
        if contents.exclude:
            rows.append(heading(_("Left out")))
            own = self._settings.exclude or ()
            for pattern in sorted(contents.exclude, key=lambda pattern: pattern not in own):
                note = "" if pattern in own else "  " + _("(always)")
                rows.append(Row(f"pattern:{pattern}", (*empty, Cell(printable(pattern) + note, "quiet"))))
        if contents.missing:
            rows.append(heading(_("Named, and not here")))
            rows += [remark(Cell(printable(line), "warn")) for line in contents.missing]
        return rows

    # keys ---------------------------------------------------------------------------------------------------------

    @property
    def _at(self) -> tuple[str, str]:
        """What is under the cursor: its kind (`path`, `pattern`, `out`, `dump`, "") and its name."""
        row = self.query_one(Rows).row if self.is_mounted and not self.closing else None
        if row is None:
            return "", ""
        if row.id.startswith("/"):
            return "path", row.id
        kind, _colon, name = row.id.partition(":")
        return kind, name

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        kind, name = self._at
        if action == "leave_out":
            return kind == "path" and not self.shell.read_only
        if action == "take_in":
            return bool(self._pattern(kind, name)) and not self.shell.read_only
        return True

    def _pattern(self, kind: str, name: str) -> str:
        """The job's own pattern that leaves out what is under the cursor; "" where there is none."""
        own = self._settings.exclude or ()
        return name if kind in ("pattern", "out") and name in own else ""

    def on_rows_moved(self) -> None:
        self.refresh_bindings()

    @work(exclusive=True, group="open")
    async def on_rows_opened(self) -> None:
        kind, name = self._at
        if kind != "path":
            return
        status = await self.shell.host.stat(name)
        if status is not None and status.kind == "directory":
            self.app.push_screen(ContentsScreen(self._job, self._settings, name, self._contents))

    def action_leave_out(self) -> None:
        kind, name = self._at
        if kind == "path":
            from pi_installer_tui.modules.backup.discovery.found import literally

            self._to_form({"exclude": [*(self._settings.exclude or ()), literally(name)]}, "exclude")

    def action_take_in(self) -> None:
        if pattern := self._pattern(*self._at):
            self._to_form({"exclude": [each for each in self._settings.exclude or () if each != pattern]}, "exclude")

    def action_settings(self) -> None:
        self._to_form({}, "")

    def _to_form(self, wanted: dict[str, Any], field: str) -> None:
        from pi_installer_tui.screens.backup.module import BackupForm
        from pi_installer_tui.screens.module import Start

        document = {"jobs": {self._job: wanted}} if wanted else {}
        self.app.push_screen(BackupForm("backup", Start(document, ("jobs", self._job), field)))

    def action_refresh(self) -> None:
        if self._folder == "":
            self._contents = None
        self._start()

    async def action_back(self) -> None:
        if self._measuring is not None and self._measuring.is_running and not self._over:
            self._measuring.cancel()
            self._over = True
            self._draw()
            if self._contents is not None:
                return
        await self.app.pop_screen()


def _below(contents: Contents, paths: tuple[str, ...]) -> Contents:
    """The same contents with other paths."""
    from dataclasses import replace

    return replace(contents, paths=paths)
