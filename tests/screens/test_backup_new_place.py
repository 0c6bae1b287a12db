"""A new place whose key has more than a line: read from a file, or made here, and looked at before it is tried."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from pi_installer_tui.app import Opened
from pi_installer_tui.modules.backup import keys
from pi_installer_tui.screens.backup.new_place import NewPlaceScreen
from pi_installer_tui.screens.backup.trial import TrialScreen
from pi_installer_tui.screens.code import CodeScreen
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.system.local import LocalHost
from tests.screens import golden
from tests.screens.conftest import Program
from tests.screens.test_backup_overview import put, to_places
from tests.screens.test_form import go

Start = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture(autouse=True)
def pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PACE, "0")


async def fill(program: Program, **fields: str) -> None:
    for name, value in fields.items():
        await go(program.pilot, name)
        await program.press("enter")
        await program.type(value)
        await program.press("enter")


async def to_new_place(program: Program, kind: str) -> None:
    await to_places(program)
    await program.press("n")
    await program.until("What is the new place called?")
    await program.type("attic")
    await program.press("enter")
    await program.until("Google Cloud Storage")
    for _n in range({"sftp": 1, "gcs": 4}[kind]):
        await program.press("down")
    await program.press("enter")
    await program.until(lambda: isinstance(program.app.screen, NewPlaceScreen))
    await program.until("`t` tries it.")


async def test_an_ssh_key_is_read_from_a_file_and_what_is_wrong_with_it_said(start: Start, machine: Opened) -> None:
    pair = await keys.make(LocalHost(), "x")
    await put(machine, "/root/nas", pair.private)
    await put(machine, "/root/nas.pub", pair.public)
    async with start() as program:
        await to_new_place(program, "sftp")
        await fill(program, host="nas.lan", path="restic", key="/root/nas.pub")
        assert "(the content of /root/nas.pub)" in program.text
        await program.press("t")
        await program.until("public half of a key")
        await golden.check(program.app, "backup-new-place-key")
        await go(program.pilot, "key")
        await program.press("enter", *["backspace"] * 4, "enter")
        await program.press("t")
        await program.until(lambda: isinstance(program.app.screen, TrialScreen))
        await program.until("only played")
        given = program.app.screen._secrets  # type: ignore[attr-defined]
        assert given == {"backup.places.attic.key": pair.private}
        assert pair.private.splitlines()[1] not in program.text


async def test_a_key_is_made_and_its_public_half_shown(start: Start) -> None:
    async with start() as program:
        await to_new_place(program, "sftp")
        await fill(program, host="nas.lan", path="restic")
        await program.press("m")
        await program.until(lambda: isinstance(program.app.screen, CodeScreen))
        await program.press("t")
        await program.until("ssh-ed25519 AAAA")
        await program.press("escape")
        await program.until("shows the key's public half again")
        assert "(secret, changed)" in program.text
        form = program.app.screen.query_one("#form")
        (secret,) = form.secrets.values()  # type: ignore[attr-defined]
        assert keys.ssh_mistake(secret) == ""


async def test_a_service_accounts_file_is_looked_at(start: Start, machine: Opened) -> None:
    await put(machine, "/root/me.json", '{"type": "authorized_user",\n"client_secret": "geheim"}\n')
    async with start() as program:
        await to_new_place(program, "gcs")
        await fill(program, bucket="backups-of-mine", secret="/root/me.json")
        await program.press("m")
        await program.press("t")
        await program.until("isn't a service account's file")
        assert "geheim" not in program.text
