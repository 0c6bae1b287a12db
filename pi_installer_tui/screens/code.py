"""A text as a QR code to be taken along by phone: drawn, or as text, or written to a file of the person's own."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.widgets.bars import TitleBar
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.qr import QrCode

#: files of the same name that are tried, `name-2.txt` and so on
_TRIES = 100


class CodeScreen(ShellScreen):
    """title: what the text is. text: what the code says. name: of the file it may be written to, without its suffix."""

    place = "code"
    about = N_(
        "What stands here as a QR code can be taken along with the camera of a phone. Where the screen is too small "
        "for the code, it says what size it needs.\n"
        "The text can be shown instead of the code, and written to a file in your home directory, which nobody else "
        "can read."
    )
    BINDINGS: ClassVar[list[BindingType]] = []
    CSS = """
    CodeScreen #said { height: auto; }
    """

    def __init__(self, title: str, text: str, name: str) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._name = name

    def body(self) -> Iterable[Widget]:
        yield Panel([], id="said")
        yield QrCode(self._text)

    def on_mount(self) -> None:
        self.query_one(TitleBar).where = self._title
        self.query_one(QrCode).focus()

    @work(exclusive=True)
    async def on_qr_code_file_wanted(self) -> None:
        try:
            path = await asyncio.to_thread(write_to_home, self.shell.who, f"{self._name}.txt", self._text)
            said = Cell(_("Written to {path}, for you alone.").format(path=f"~/{path.name}"), "good")
        except (OSError, KeyError) as error:
            said = Cell(_("Not written: {error}").format(error=error), "bad")
        if not self.closing:
            self.query_one("#said", Panel).set_lines([[said]])


def write_to_home(user: str, name: str, text: str) -> Path:
    """Writes a text to a new file in a user's home directory, 0600 and the user's own, and returns its path: where the
    name is taken, one with a number. Raises OSError; KeyError where there is no such user."""
    account = pwd.getpwnam(user)
    home = os.open(account.pw_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        stem, suffix = os.path.splitext(name)  # noqa: PTH122  (a name, no path)
        for number in range(1, _TRIES + 1):
            tried = name if number == 1 else f"{stem}-{number}{suffix}"
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                file = os.open(tried, flags, 0o600, dir_fd=home)
            except FileExistsError:
                continue
            with os.fdopen(file, "wb") as out:
                if os.geteuid() == 0:
                    os.fchown(file, account.pw_uid, account.pw_gid)
                out.write(text.encode())
            return Path(account.pw_dir, tried)
        raise FileExistsError(name)
    finally:
        os.close(home)
