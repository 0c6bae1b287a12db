"""Accounts on the screen: who can log in and how; a password that is typed reaches its account, and nothing else; what
a job made is shown once; keys are pasted."""

from __future__ import annotations

import asyncio
import base64
import re
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual._xterm_parser import XTermParser
from textual.pilot import Pilot

from pi_installer_tui.console.driver import _Keys
from pi_installer_tui.screens.item import ItemScreen
from pi_installer_tui.screens.job import JobScreen
from pi_installer_tui.screens.module import ModuleScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.screens.secret import SecretScreen
from pi_installer_tui.screens.users.people import PersonScreen, UsersScreen
from pi_installer_tui.system import accounts
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.widgets.form.lines import LinesScreen
from pi_installer_tui.widgets.rows import Rows
from tests.screens import golden
from tests.screens.golden import picture as text
from tests.screens.test_form import go, keys
from tests.screens.test_module import app_on, shown, until


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv(PACE, "0")
    return DemoHost.create(str(tmp_path / "demo"))


@pytest.fixture
async def listed(host: DemoHost) -> AsyncIterator[Pilot[None]]:
    """The list of accounts."""
    async with app_on(host).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        pilot.app.open_module("users")  # type: ignore[attr-defined]
        await until(pilot, "last SSH login")
        await until(pilot, "can log in,")
        yield pilot


@pytest.fixture
async def pilot(listed: Pilot[None]) -> Pilot[None]:
    """The form."""
    await keys(listed, "s")
    await until(listed, "Accounts")
    return listed


async def test_a_typed_password_reaches_the_account_and_is_shown_nowhere(pilot: Pilot[None], host: DemoHost) -> None:
    before = accounts.own(await host.text(accounts.SHADOW) or "", "pi")
    await go(pilot, "pi")
    await keys(pilot, "enter")
    await shown(pilot, ItemScreen)
    await go(pilot, "password")
    await keys(pilot, "enter", "hunter2hunter2", "enter")
    assert "hunter2" not in text(pilot.app)
    await keys(pilot, "escape", "p")
    review = await shown(pilot, ReviewScreen)
    assert review._plan.settings["users"]["accounts"]["pi"] == {"password": "users.accounts.pi.password"}
    assert "hunter2" not in text(pilot.app)
    await keys(pilot, "y")
    for _ in range(300):
        await asyncio.sleep(0.1)
        if accounts.own(await host.text(accounts.SHADOW) or "", "pi") != before:
            break
    assert accounts.own(await host.text(accounts.SHADOW) or "", "pi") != before
    await until(pilot, "Done")
    for path in host.state.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path


async def started(pilot: Pilot[None]) -> None:
    """Agrees to the review, and waits for the job's end."""
    await shown(pilot, ReviewScreen)
    await keys(pilot, "y")
    await shown(pilot, JobScreen)
    await until(pilot, "Done")


# the list -------------------------------------------------------------------------------------------------------


async def test_the_list_says_who_can_log_in_and_how(listed: Pilot[None]) -> None:
    assert "1 person, 1 can log in, 1 of them may do everything by sudo" in text(listed.app)
    assert re.search(r"pi +. yes +set +\S+ +all, unasked", text(listed.app)), text(listed.app)
    assert re.search(r"root +. no +", text(listed.app)), text(listed.app)
    await golden.check(listed.app, "users")


async def test_an_account_is_shown_with_its_keys_groups_and_rules(listed: Pilot[None], host: DemoHost) -> None:
    await keys(listed, "enter")
    await shown(listed, PersonScreen)
    await until(listed, "What sudo lets it do")
    assert "(ALL : ALL) NOPASSWD: ALL" in text(listed.app) or "(ALL) NOPASSWD: ALL" in text(listed.app)
    assert "SHA256:" in text(listed.app)
    await golden.check(listed.app, "user")


async def test_accounts_are_found_by_what_is_typed_and_put_in_another_order(listed: Pilot[None]) -> None:
    await keys(listed, "slash", "root")
    assert "pi   " not in text(listed.app) and "is root" in text(listed.app)
    await keys(listed, "enter")
    assert "only root" in text(listed.app)
    await keys(listed, "slash", "ctrl+u", "nobody-at-all")
    assert "nobody is called like that" in text(listed.app)
    await keys(listed, "escape")
    assert "pi   " in text(listed.app) and "by name" in text(listed.app)
    await keys(listed, "o")
    assert "by last login" in text(listed.app)
    await keys(listed, "o")
    assert "by number" in text(listed.app)
    rows = [line.split()[0] for line in text(listed.app).splitlines() if "yes" in line or "is root" in line]
    assert rows[0] == "root" or rows[0] == "►"


async def test_root_is_shown_and_left_alone(listed: Pilot[None]) -> None:
    listed.app.screen.query_one(Rows).select("root")
    await listed.pause()
    for key in "elxd":
        await keys(listed, key)
        assert isinstance(listed.app.screen, UsersScreen), key


ASKED = [
    ("l", {"locked": True}),
    ("d", {"state": "absent", "home": "keep"}),
]


@pytest.mark.parametrize(("key", "document"), ASKED)
async def test_a_key_opens_the_form_with_that_already_in_it(
    listed: Pilot[None], key: str, document: dict[str, object]
) -> None:
    listed.app.screen.query_one(Rows).select("pi")
    await listed.pause()
    await keys(listed, key)
    item = await shown(listed, ItemScreen)
    assert "Users" in text(listed.app) or "pi" in text(listed.app)
    assert item._entry.fields.draft.document() == document
    assert item._entry.fields.current.line.path[-1] in {*document}
    await keys(listed, "escape")
    form = (await shown(listed, ModuleScreen))._form
    assert form.draft.document() == {"accounts": {"pi": document}}


async def test_locking_the_last_one_is_refused_where_it_stands(listed: Pilot[None]) -> None:
    listed.app.screen.query_one(Rows).select("pi")
    await listed.pause()
    await keys(listed, "l")
    await shown(listed, ItemScreen)
    await keys(listed, "escape")
    await shown(listed, ModuleScreen)
    await keys(listed, "p")
    await until(listed, "Not planned")
    assert "last one who can log in" in text(listed.app)


async def test_a_new_account_is_made_from_the_list_and_its_password_shown_once(
    listed: Pilot[None], host: DemoHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await keys(listed, "n")
    await until(listed, "type a part of its name")
    await keys(listed, "ada", "enter")
    await shown(listed, ItemScreen)
    await go(listed, "password")
    await keys(listed, "enter", "enter")  # nothing typed: one is made
    assert "(one is made)" in text(listed.app)
    await keys(listed, "escape", "p")
    await started(listed)
    await until(listed, "Press s to see it, once")
    (made,) = (host.state / "secrets/made").iterdir()
    value = made.read_text()
    assert value not in text(listed.app)
    await keys(listed, "s")
    await shown(listed, SecretScreen)
    await until(listed, value)
    assert not list((host.state / "secrets/made").iterdir())
    monkeypatch.setattr("pi_installer_tui.screens.secret.write_to_home", written := Written(tmp_path))
    await keys(listed, "f")
    await until(listed, "for you alone")
    assert written.texts == {"users.accounts.ada.password": f"{value}\n"}
    await keys(listed, "q")
    await until(listed, "This was the only time")
    await keys(listed, "y")
    await shown(listed, JobScreen)
    assert value not in text(listed.app) and "Press s" not in text(listed.app)
    for path in host.state.rglob("*"):
        assert not path.is_file() or value.encode() not in path.read_bytes(), path


class Written:
    """Stands where the screen writes to somebody's home, which a test must not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts: dict[str, str] = {}

    def __call__(self, user: str, name: str, text: str) -> Path:
        self.texts[name] = text
        return self.folder / name


async def test_a_new_key_is_made_and_its_private_half_shown_once(pilot: Pilot[None], host: DemoHost) -> None:
    await go(pilot, "pi")
    await keys(pilot, "enter")
    await shown(pilot, ItemScreen)
    await go(pilot, "new_key")
    await keys(pilot, "enter", "pi-laptop", "enter", "escape", "p")
    await started(pilot)
    await until(pilot, "Press s to see it, once")
    assert (await host.text("/home/pi/.ssh/authorized_keys") or "").endswith(" pi-laptop\n")
    await keys(pilot, "s")
    await shown(pilot, SecretScreen)
    await until(pilot, "-----BEGIN OPENSSH PRIVATE KEY-----")
    assert "-----END OPENSSH PRIVATE KEY-----" in text(pilot.app)


# keys that are pasted -------------------------------------------------------------------------------------------


def rsa() -> str:
    """A public key of 4096 bits, as ssh-keygen writes one: 700 characters in one line."""
    number = b"\0" + bytes([0x80 | 7]) + bytes(n % 251 for n in range(511))
    data = b"".join(struct.pack(">I", len(part)) + part for part in (b"ssh-rsa", b"\1\0\1", number))
    return f"ssh-rsa {base64.b64encode(data).decode()} ada@office"


ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRlbW9kZW1vZGVtb2RlbW9kZW1vZGVtb2RlbW9kZW1v pi@desk"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPYveCnZuwn36KJsgrkuzDKkWVBeZgF4muKyWgV56EEB x"


async def test_pasted_keys_become_the_accounts_a_long_one_and_several_at_once(
    pilot: Pilot[None], host: DemoHost
) -> None:
    before = await host.text("/home/pi/.ssh/authorized_keys") or ""
    await go(pilot, "pi")
    await keys(pilot, "enter")
    await shown(pilot, ItemScreen)
    await go(pilot, "keys")
    await keys(pilot, "enter")
    lines = await shown(pilot, LinesScreen)
    await pasted(pilot, rsa())
    await pasted(pilot, f"{ED25519}\r\n\n  {OTHER} \n")
    assert lines._lines[-3:] == [rsa(), ED25519, OTHER]
    await keys(pilot, "escape", "escape", "p")
    await started(pilot)
    assert await host.text("/home/pi/.ssh/authorized_keys") == before + "".join(
        f"{key}\n" for key in (rsa(), ED25519, OTHER)
    )


async def pasted(pilot: Pilot[None], what: str) -> None:
    """What a terminal with bracketed paste sends, through the driver's own reader."""
    parser = _Keys(XTermParser(), 0.1)
    sent = f"\x1b[200~{what}\x1b[201~"
    for start in range(0, len(sent), 64):  # a serial line brings it in pieces
        for message in parser.read(sent[start : start + 64]):
            pilot.app.post_message(message)
    await pilot.pause()


async def test_a_pasted_private_key_is_refused_and_shown_nowhere(pilot: Pilot[None]) -> None:
    await go(pilot, "pi")
    await keys(pilot, "enter")
    await shown(pilot, ItemScreen)
    await go(pilot, "keys")
    await keys(pilot, "enter")
    await shown(pilot, LinesScreen)
    await pasted(pilot, "-----BEGIN OPENSSH PRIVATE KEY-----")
    await keys(pilot, "escape")
    await until(pilot, "must not leave its owner")
