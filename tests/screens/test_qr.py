"""The QR code on every console, photographed and read by a QR reader."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from textual.app import App, ComposeResult

from pi_installer_tui.app import PiInstallerApp
from pi_installer_tui.console import Profile, Terminal, detect
from pi_installer_tui.console.cells import REVERSE, Canvas
from pi_installer_tui.console.colours import mapper
from pi_installer_tui.console.glyphs import translator
from pi_installer_tui.screens.code import write_to_home
from pi_installer_tui.widgets.qr import QUIET, QrCode, draw, modules, size
from tests.screens.conftest import Program

Start = Callable[..., AbstractAsyncContextManager[Program]]

PEER = """[Interface]
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
Address = 10.8.0.2/32
DNS = 10.8.0.1

[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
Endpoint = vpn.example.org:51820
AllowedIPs = 0.0.0.0/0, ::/0
"""
CONSOLES = {
    "ssh": ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, (100, 50)),
    "hdmi": ({"TERM": "linux"}, (100, 50)),
    "serial": ({"TERM": "vt220"}, (140, 75)),
}


class Show(App[None]):
    """One code."""

    def __init__(self, text: str, profile: Profile) -> None:
        self.profile = profile
        super().__init__()
        self.text = text
        self.wanted: list[str] = []

    def compose(self) -> ComposeResult:
        yield QrCode(self.text)

    def on_qr_code_file_wanted(self, message: QrCode.FileWanted) -> None:
        self.wanted.append(message.code.text)


def photograph(app: Show | PiInstallerApp) -> Image.Image:
    """The screen as the console shows it: each cell 8 by 16 pixels, light text on a dark screen."""
    width, height = app.size
    profile = app.profile
    canvas = Canvas(width, height, style=mapper(profile.colours), text=translator(profile.glyph_set, profile.font))
    canvas.feed(app.screen._compositor.render_full_update().render_segments(app.console))
    picture = Image.new("L", (8 * width, 16 * height), 0)
    halves = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    for y, row in enumerate(canvas.rows):
        for x, (char, style) in enumerate(zip(row.chars, row.styles, strict=True)):
            ink, paper = 200, 0
            if style.fg is not None or style.bg is not None:
                ink = 0 if style.fg in (0, (0, 0, 0)) else 255
                paper = 255 if style.bg in (15, 7, (255, 255, 255)) else 0
            if style.flags & REVERSE:
                ink, paper = paper, ink
            for half, on in enumerate(halves.get(char, (0, 0))):
                picture.paste(ink if on else paper, (8 * x, 16 * y + 8 * half, 8 * x + 8, 16 * y + 8 * half + 8))
    return picture


def read(picture: Path) -> str:
    """What a QR reader finds."""
    argv = ["zbarimg", "--quiet", "--raw", str(picture)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(shutil.which("zbarimg") is None, reason="zbarimg (package zbar-tools) reads the picture")
@pytest.mark.parametrize("console", CONSOLES)
async def test_a_phone_reads_the_code_from_the_screen(console: str, tmp_path: Path) -> None:
    environment, room = CONSOLES[console]
    app = Show(PEER, detect(environment, Terminal(utf8=True)))
    async with app.run_test(size=room) as pilot:
        await pilot.pause()
        photograph(app).save(tmp_path / "screen.png")
    assert read(tmp_path / "screen.png").removesuffix("\n") == PEER


async def test_a_code_that_does_not_fit_says_what_it_needs_and_offers_the_text() -> None:
    app = Show(PEER, detect({"TERM": "vt220"}, Terminal()))
    async with app.run_test(size=(80, 24)) as pilot:
        code = app.query_one(QrCode)
        assert code.drawn is None
        columns, rows = code.needs or (0, 0)
        assert f"{columns}x{rows}" in code.lines()[0]
        await pilot.press("t")
        assert code.lines()[1].startswith("PrivateKey")
        await pilot.press("f")
        await pilot.pause()
        assert app.wanted == [PEER]


async def test_a_text_too_long_for_any_code_is_told_so() -> None:
    app = Show("x" * 5000, detect({"TERM": "linux"}, Terminal()))
    async with app.run_test(size=(80, 24)):
        code = app.query_one(QrCode)
        assert code.needs is None
        assert "too long" in code.lines()[0]


@settings(max_examples=25, deadline=None)
@given(text=st.text(min_size=1, max_size=80), half=st.booleans())
def test_a_drawn_code_has_the_size_that_was_said(text: str, half: bool) -> None:
    code = modules(text)
    for quiet in QUIET:
        drawn = draw(code, quiet, half)
        assert (drawn.columns, len(drawn.rows)) == size(len(code), quiet, half)
        assert all(sum(len(s.text) for s in row) == drawn.columns for row in drawn.rows)


def test_a_file_is_the_persons_own_and_takes_no_others_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = pwd.struct_passwd(("ada", "x", os.getuid(), os.getgid(), "", str(tmp_path), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwnam", {"ada": account}.__getitem__)
    outside = tmp_path / "outside"
    (tmp_path / "code.txt").symlink_to(outside)
    for number in (2, 3):
        path = write_to_home("ada", "code.txt", f"{number}\n")
        assert path == tmp_path / f"code-{number}.txt" and path.read_text() == f"{number}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not outside.exists()
    with pytest.raises(KeyError):
        write_to_home("nobody here", "code.txt", "")


async def test_where_the_file_is_stands_above_the_code(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = pwd.struct_passwd(("maria", "x", os.getuid(), os.getgid(), "", str(tmp_path), "/bin/sh"))
    async with start() as program:
        await program.until("192.168.1.23")
        monkeypatch.setattr(pwd, "getpwnam", {"maria": account}.__getitem__)
        await program.press("a", "f")
        await program.until("~/address.txt, for you alone")
    assert (tmp_path / "address.txt").read_text() == "ssh://maria@192.168.1.23"
