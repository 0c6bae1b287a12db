"""The running card is copied to another disk: from which to which, what is on them, why one can't be taken, what will
be copied. The copy itself goes through the review; before it the disk's name has to be typed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.line import AskLine
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.backup.asking import Asked
    from pi_installer_tui.system.disks import Block

#: the columns, in cells: disk, size, model, whether it can be taken
WIDTHS = (14, 9, 22, 0)


class _Disks(Rows, inherit_bindings=True):
    """The disks, of which only one that can be taken is opened."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.screen.check_action("copy", ()) if action == "open" else True


class CloneScreen(ShellScreen):
    """The disks, and the way to a copy."""

    place = "backup_clone"
    where = N_("Backup: copy the card")
    PARTS = ("source", "disks", "detail")
    about = N_(
        "The disk that this machine runs from is copied to another one, which boots in its place when it dies. It is "
        "no backup: it knows one moment, and lies beside the machine.\n"
        "Of each other disk stands here what is on it, and why it can't be taken, if so: never one that is mounted or "
        "swapped on, or is too small. All that is on the chosen one is lost; so its serial number has to be typed (its "
        "path, where it has none), and the plan shows it once more.\n"
        "File systems are made anew and the files copied; the copy has identities of its own, in fstab and cmdline.txt."
    )
    CSS = """
    CloneScreen #source { margin-bottom: 1; }
    CloneScreen #detail { height: 9; }
    """
    AUTO_FOCUS = "#disks"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_clone")]

    def __init__(self) -> None:
        super().__init__()
        self._asked: Asked | None = None

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading the machine ..."), "quiet")]], id="source")
        names = (_("disk"), _("size"), _("model"), _("can be taken"))
        titles = "  ".join(name.ljust(width) for name, width in zip(names, WIDTHS, strict=True))
        yield Panel([[Cell(f"  {titles}", "quiet")]])
        yield _Disks(WIDTHS, id="disks")
        detail = TextPane(id="detail")
        detail.text.can_focus = False
        yield detail

    def on_mount(self) -> None:
        self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.modules.backup.asking import ask
        from pi_installer_tui.modules.backup.cloning import Clone
        from pi_installer_tui.modules.backup.settings import BackupSettings

        self._asked = await ask(self.shell.host, BackupSettings(), "clone", Clone.model_construct(target=""))
        if not self.closing:
            self._draw()

    # drawing ------------------------------------------------------------------------------------------------------

    @property
    def _disks(self) -> tuple[Block, ...]:
        return (self._asked.disks if self._asked is not None else None) or ()

    def _draw(self) -> None:
        from pi_installer_tui.modules.backup.cloning import running

        assert self._asked is not None
        source = running(self._disks)
        panel = self.query_one("#source", Panel)
        if source is None:
            why = self._asked.trouble or _("The disk that this machine runs from isn't known.")
            panel.set_lines([[Cell(printable(why), "bad")]])
        else:
            what = _("This machine runs from {disk}, {size}, of which {used} are used.")
            said = what.format(disk=source.path, size=size(source.size), used=size(self._asked.used))
            panel.set_lines([[Cell(printable(said), "strong")]])
        rows = [self._row(each) for each in self._disks if each is not source and each.kind == "disk"]
        self.query_one(Rows).set_rows(
            rows or [remark(Cell(_("There is no other disk. Plug one in; `i` looks again.")))]
        )
        self._tell()

    def _row(self, disk: Block) -> Row:
        signs, why = glyphs(self), self._why(disk)
        verdict = Cell(f"{signs.failed} {why}", "warn") if why else Cell(f"{signs.ok} {_('yes')}", "good")
        cells = (Cell(disk.path, "strong"), Cell(size(disk.size)), Cell(printable(disk.model or "-")), verdict)
        return Row(disk.path, cells)

    def _why(self, disk: Block) -> str:
        from pi_installer_tui.modules.backup.cloning import why_not

        assert self._asked is not None
        return printable(why_not(self._disks, self._asked.used, disk))

    @property
    def _one(self) -> Block | None:
        row = self.query_one(Rows).row if self._asked is not None and not self.closing else None
        return next((each for each in self._disks if row is not None and each.path == row.id), None)

    def _tell(self) -> None:
        one, pane = self._one, self.query_one("#detail", TextPane)
        if one is None:
            pane.set("", [])
        else:
            pane.set(printable(f"{one.model} {one.serial}".strip() or one.path), self._details(one))
        self.refresh_bindings()

    def _details(self, disk: Block) -> list[Cell]:
        from pi_installer_tui.modules.backup.cloning import running

        there = ", ".join(_described(each) for each in disk.all if each is not disk)
        lines: list[Cell] = [Prose(printable(_("On it: {what}").format(what=there or _("nothing"))))]
        if why := self._why(disk):
            return [*lines, Prose(_("It can't be taken: {why}.").format(why=why), "warn")]
        lines.append(Prose(_("All of that is lost for good when it becomes the copy."), "bad" if there else "plain"))
        if (source := running(self._disks)) is not None:
            what = ", ".join(_described(each) for each in source.holds)
            text = _("Copied: {what}. The last partition takes what room there is.")
            lines.append(Prose(printable(text.format(what=what))))
            lines.append(Prose(_("Left out: swap files, /tmp, what runs (/proc, /sys, /dev, /run)."), "quiet"))
        return lines

    def on_rows_moved(self) -> None:
        self._tell()

    def on_rows_opened(self) -> None:
        if self.check_action("copy", ()):  # a click opens too
            self.action_copy()

    # keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "copy":
            one = self._one if self.is_mounted else None
            return one is not None and not self._why(one) and not self.shell.read_only
        return True

    def action_refresh(self) -> None:
        self._read()

    @work(exclusive=True, group="copy")
    async def action_copy(self) -> None:
        from pi_installer_tui.modules.backup.cloning import name_of

        one = self._one
        if one is None:
            return
        name = name_of(one)
        question = _("All on {disk} will be lost. Type {name}").format(disk=one.path, name=printable(name))
        wrong = _("that isn't its name")
        typed = await self.app.push_screen_wait(AskLine(question, re.compile(re.escape(name)), wrong, longest=200))
        if typed is not None:
            self.shell.act("backup", "clone", {"target": one.path, "confirm": typed})


def _described(block: Block) -> str:
    """`ext4 rootfs 30 GB (/)`"""
    words = [each for each in (block.file_system or block.kind, block.label, size(block.size)) if each]
    return " ".join(words) + (f" ({', '.join(block.mounts)})" if block.mounts else "")
