"""A place's recovery kit: what gives everything back on a bare machine, page by page as text and as QR codes, written
to a file, and read back once. The only screen that shows a repository's password."""

from __future__ import annotations

import asyncio
import os
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.code import write_to_home
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.qr import QrCode
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.backup.kit import Kit
    from pi_installer_tui.modules.backup.places import PlaceSettings

#: where disks are mounted that somebody takes along (the FHS, 3.11 and 3.12; udisks2)
_TAKEN_ALONG = ("/media/", "/mnt/", "/run/media/")


class KitScreen(ShellScreen):
    """The kit of a place."""

    place = "backup_kit"
    where = N_("Backup: recovery kit")
    PARTS = ("said", "pages")
    about = N_(
        "All that it takes to have everything back on a bare machine with nothing but Debian: where the repository "
        "lies, its password, and the commands, word by word. Print it, write it down, or take it along by phone, and "
        "keep it where neither a fire nor a thief gets both this machine and the kit.\n"
        "Then read it back: type from your copy what it asks for. Only that proves that there is a copy which can be "
        "read, and until then no backup counts as proven."
    )
    CSS = """
    KitScreen #pages { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_kit")]

    def __init__(self, name: str, settings: PlaceSettings) -> None:
        super().__init__()
        self._called = name
        self._settings = settings
        self._kit: Kit | None = None
        self._page = 0

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading it ..."), "quiet")]], id="said")
        with Container(id="pages"):
            page = TextPane(id="page")
            page.text.can_focus = False
            yield page

    def on_mount(self) -> None:
        self.say_where(_("Recovery kit of {place}").format(place=self._called))
        self._read()

    def on_unmount(self) -> None:
        self._kit = None

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.modules.backup.kit import kit

        try:
            self._kit = await kit(self.shell.host, self._called, self._settings)
        except OSError as error:
            self._say(_("The password can't be read: {error}").format(error=error.strerror), "bad")
            return
        except Exception as error:
            # its words could quote the password
            self._say(_("This can't be read: {error}").format(error=type(error).__name__), "bad")
            return
        await self._show()

    def _say(self, text: str, tone: Tone = "plain") -> None:
        """Says something above the page; a code needs the room for itself."""
        if not self.closing:
            lines = textwrap.wrap(text, max(20, self.size.width - 4))
            self.query_one("#said", Panel).set_lines([[Cell(line, tone)] for line in lines])

    # pages --------------------------------------------------------------------------------------------------------

    def _pages(self) -> list[list[str]]:
        """The text in pages that fit the screen."""
        assert self._kit is not None
        area = self.query_one("#pages").size
        width, height = max(20, area.width - 2), max(4, area.height - 1)
        lines: list[str] = []
        for line in self._kit.text.splitlines():
            indent = " " * (len(line) - len(line.lstrip()))
            pieces = textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True)
            lines += pieces or [""]
        pages: list[list[str]] = []
        while lines:
            # a page ends at an empty line where there is one in its second half
            at = min(height, len(lines))
            if at < len(lines):
                at = next((n for n in range(at, height // 2, -1) if not lines[n - 1].strip()), at)
            pages.append(lines[:at])
            lines = lines[at:]
            while lines and not lines[0].strip():
                lines.pop(0)
        return pages

    def _codes(self) -> Sequence[str]:
        assert self._kit is not None
        return self._kit.qr

    async def _show(self) -> None:
        if self._kit is None or self.closing:
            return
        pages, codes = self._pages(), self._codes()
        count = len(pages) + len(codes)
        self._page = max(0, min(self._page, count - 1))
        page = self.query_one("#page", TextPane)
        await self.query(QrCode).remove()
        if self._page < len(pages):
            page.display = True
            page.set("", pages[self._page])
        else:
            page.display = False
            code = QrCode(codes[self._page - len(pages)])
            await self.query_one("#pages", Container).mount(code)
            code.focus()
        hint = _("Note it and keep it elsewhere; then `r` proves that you have it.")
        self._say(hint if page.display else "", "warn")
        where = _("Recovery kit of {place}, page {n} of {count}")
        self.say_where(where.format(place=self._called, n=self._page + 1, count=count))
        self.refresh_bindings()

    async def on_resize(self) -> None:
        await self._show()

    # keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "proof":
            return self._kit is not None and not self.shell.read_only
        return action not in ("page", "file") or self._kit is not None

    async def action_page(self, by: int) -> None:
        self._page += by
        await self._show()

    @work(exclusive=True, group="file")
    async def on_qr_code_file_wanted(self) -> None:
        await self._write()

    @work(exclusive=True, group="file")
    async def action_file(self) -> None:
        await self._write()

    async def _write(self) -> None:
        """Writes the text to a file of the person's, or to a disk that can be taken along."""
        from pi_installer_tui.widgets.form.choose import ChooseScreen

        if self._kit is None:
            return
        text, home = self._kit.text, _("(my home directory)")
        options = (home, *await self._disks())
        chosen: tuple[bool, Any] | None = (False, home)
        if len(options) > 1:
            chosen = await self.app.push_screen_wait(ChooseScreen(_("Write it to"), options, None, None, leave=False))
        if chosen is None:
            return
        name = f"recovery-kit-{self._called}.txt"
        try:
            if chosen[1] == home:
                path = await asyncio.to_thread(write_to_home, self.shell.who, name, text)
                told = _("Written to {path}, for you alone. Whoever reads it can read every backup: take it elsewhere.")
                self._say(told.format(path=f"~/{path.name}"), "good")
            else:
                target = f"{chosen[1].rstrip('/')}/{name}"
                await self.shell.host.replace(target, text.encode(), mode=0o600, uid=os.geteuid(), gid=os.getegid())
                told = _("Written to {path}. Whoever gets hold of that disk can read every backup.")
                self._say(printable(told.format(path=target)), "good")
        except (OSError, KeyError) as error:
            self._say(_("Not written: {error}").format(error=error), "bad")

    async def _disks(self) -> tuple[str, ...]:
        """Where disks are mounted that can be taken along, without the one that the repository lies on."""
        from pi_installer_tui.modules.backup import state

        mounts = (await state.read(self.shell.host)).mounts
        own = getattr(self._settings, "mount", None) or getattr(self._settings, "path", None) or ""
        found = [mount for mount in mounts if mount.startswith(_TAKEN_ALONG)]
        return tuple(mount for mount in found if not f"{own}/".startswith(f"{mount}/"))

    @work(exclusive=True, group="proof")
    async def action_proof(self) -> None:
        from pi_installer_tui.screens.line import AskLine

        question = _("From your copy: the password, or the check code")
        wrong = _("type it; blanks and dashes don't matter")
        typed = await self.app.push_screen_wait(AskLine(question, re.compile(r"\S.*"), wrong))
        if typed is None or self._kit is None:
            return
        if self._kit.proves(typed):
            self.shell.act("backup", "kit", {"place": self._called, "code": self._kit.code})
        else:
            self._say(_("That isn't it. Look at your copy again, and try once more."), "bad")

    async def action_back(self) -> None:
        self._kit = None
        await self.app.pop_screen()
