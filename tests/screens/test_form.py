"""The form as a person uses it: keys in, settings out."""

from __future__ import annotations

import random
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from pi_installer_tui.widgets.form import Invalid
from pi_installer_tui.widgets.form.form import Fields
from tests.screens import golden
from tests.screens.form_example import Example, ExampleApp
from tests.screens.golden import picture as text


def line(app: App[None], title: str) -> str:
    """The line with a title."""
    return next(row for row in text(app).splitlines() if row.strip().removeprefix("►").strip().startswith(title))


async def shows(pilot: Pilot[None], row: int, words: str) -> None:
    """Waits until the screen's row has the words."""
    for _ in range(100):
        if words in text(pilot.app).splitlines()[row]:
            return
        await pilot.pause(0.02)
    raise AssertionError(text(pilot.app))


async def go(pilot: Pilot[None], name: str) -> None:
    """Puts the focus on a field."""
    form = pilot.app.screen.query_one(Fields)
    next(row for row in form.rows if row.line.path[-1] == name and row.can_focus).focus()
    await pilot.pause()


async def keys(pilot: Pilot[None], *pressed: str) -> None:
    """Presses keys; a word of more than one letter that is no key's name is typed."""
    named = {
        "question_mark",
        "slash",
        "enter",
        "escape",
        "space",
        "down",
        "up",
        "tab",
        "home",
        "end",
        "delete",
        "backspace",
        "ctrl+u",
    }
    for word in pressed:
        await pilot.press(*([word] if word in named or len(word) == 1 else word))
    await pilot.pause()


#: field, keys, what a setup file would say
EVERY_KIND: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("hostname", ("enter", "ctrl+u", "cellar", "enter"), {"hostname": "cellar"}),
    ("timezone", ("enter", "brus", "enter"), {"timezone": "Europe/Brussels"}),
    ("timezone", ("enter", "mars/base", "enter"), {"timezone": "mars/base"}),
    ("ntp", ("space",), {"ntp": False}),
    ("ntp", ("enter", "enter"), {"ntp": True}),
    ("swap", ("enter", "ctrl+u", "512", "escape"), {"swap": 512}),
    ("factor", ("enter", "1.5", "enter"), {"factor": 1.5}),
    ("level", ("enter", "down", "enter"), {"level": "high"}),
    ("level", ("space",), {"level": "high"}),
    ("uplink", ("enter", "down", "enter"), {"uplink": "eth0"}),
    ("router", ("enter", "10.0.0.1", "down"), {"router": "10.0.0.1"}),
    ("dns", ("enter", "ctrl+u", "1.1.1.1", "space", "8.8.8.8", "enter"), {"dns": ["1.1.1.1", "8.8.8.8"]}),
    ("dns", ("enter", "ctrl+u", "enter"), {"dns": []}),
    ("layout", ("enter", "ctrl+u", "gb", "enter"), {"keyboard": {"layout": "gb"}}),
    ("variant", ("enter", "neo", "enter"), {"keyboard": {"layout": "de", "variant": "neo"}}),
    ("secret", ("enter", "hunter2", "enter"), {"secret": "example.secret"}),
]


@pytest.mark.parametrize(("field", "pressed", "document"), EVERY_KIND)
async def test_every_kind_of_field_gives_what_a_setup_file_would_say(
    field: str, pressed: tuple[str, ...], document: dict[str, Any]
) -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        await go(pilot, field)
        await keys(pilot, *pressed)
        assert app.document == document
        assert app.form.settings() == Example.model_validate(document)


async def test_what_is_not_touched_is_left_alone() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        await keys(pilot, *["tab"] * 5, "enter", "escape", "up", "enter", "escape")
        assert app.form.settings() == Example()
        assert not app.form.changed


async def test_leave_as_is_takes_a_change_back() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        await go(pilot, "ntp")
        await keys(pilot, "space")
        assert "* [ ] off" in line(app, "Time sync")
        assert "was [x] on" in line(app, "Time sync")
        await keys(pilot, "u")
        assert "*" not in line(app, "Time sync")
        assert app.document == {}


async def test_a_switch_goes_through_off_on_and_leave_as_is() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        await go(pilot, "ntp")
        seen = []
        for _ in range(3):
            await keys(pilot, "space")
            seen.append(app.document.get("ntp"))
        assert seen == [False, True, None]


async def test_a_mistake_is_said_in_words_while_it_is_typed() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        await go(pilot, "swap")
        await keys(pilot, "enter", "ctrl+u", "9999")
        assert "! must be at most 4096" in line(app, "Swap")
        await keys(pilot, "backspace")
        assert "!" not in line(app, "Swap")
        await keys(pilot, "x", "enter")
        assert app.form.settings() == Invalid({"example.swap": "must be a whole number"})


async def test_a_mistake_in_a_list_says_which() -> None:
    app = ExampleApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await go(pilot, "dns")
        await keys(pilot, "enter", ",x", "enter")
        assert "number 3: " in line(app, "DNS servers")


async def test_in_a_field_letters_are_text_and_outside_they_are_keys() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        await keys(pilot, "enter", "u", "q", "enter")
        assert app.document == {"hostname": "atticuq"}
        await keys(pilot, "u")
        assert app.document == {}


async def test_the_help_of_the_field_with_the_focus_is_shown() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        await shows(pilot, 21, "letters, digits and hyphens.")
        await keys(pilot, "tab", "tab")
        await shows(pilot, 21, "Sets the clock from the network.")


async def test_a_secret_is_never_shown_and_not_in_the_settings() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        await go(pilot, "secret")
        await keys(pilot, "enter", "hunter2")
        assert "hunter2" not in text(app)
        await keys(pilot, "enter")
        assert "(secret, changed)" in line(app, "Passphrase")
        assert "hunter2" not in repr(app.form.settings()) + text(app)
        assert app.form.secrets == {"example.secret": "hunter2"}
        await keys(pilot, "u")
        assert app.form.secrets == {}


async def test_a_table_shows_its_items_and_edits_one_on_a_screen_of_its_own() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        assert "static 192.168.1.10/24" in line(app, "wlan0")
        await go(pilot, "wlan0")
        await keys(pilot, "enter")
        await go(pilot, "gateway")
        await keys(pilot, "enter", "ctrl+u", "192.168.2.1")
        assert "! 192.168.2.1 is outside" in line(app, "Gateway")
        await keys(pilot, "enter", "escape")
        assert "*" in line(app, "wlan0")
        assert app.form.settings() == Invalid(
            {"example.network.wlan0.gateway": "192.168.2.1 is outside 192.168.1.0/24"}
        )
        await keys(pilot, "enter")
        await go(pilot, "gateway")
        await keys(pilot, "enter", "ctrl+u", "192.168.1.254", "enter", "escape")
        assert app.document == {
            "network": {"wlan0": {"method": "static", "address": "192.168.1.10/24", "gateway": "192.168.1.254"}}
        }


async def test_choosing_a_variant_shows_its_fields() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        await go(pilot, "eth0")
        await keys(pilot, "enter")
        assert "Gateway" not in text(app)
        await keys(pilot, "space")
        assert "Gateway" in text(app)
        assert "! is needed" in line(app, "Address")
        await go(pilot, "address")
        await keys(pilot, "enter", "10.0.0.2/8", "enter", "escape")
        assert app.document == {"network": {"eth0": {"method": "static", "address": "10.0.0.2/8"}}}
        await keys(pilot, "u")
        assert app.document == {}


async def test_looking_at_an_item_changes_nothing() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        await go(pilot, "wlan0")
        await keys(pilot, "enter", "tab", "tab", "escape")
        assert app.document == {}


async def test_an_item_is_added_by_name_and_can_be_dropped_again() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        await go(pilot, "network")
        await keys(pilot, "enter", "down", "enter")
        await keys(pilot, "space", "escape")
        assert app.document == {"network": {"usb0": {"method": "dhcp"}}}
        assert "usb0" in text(app)
        await go(pilot, "usb0")
        await keys(pilot, "d")
        assert app.document == {}
        assert "usb0" not in text(app)


async def test_an_item_is_removed_where_its_model_can_say_so() -> None:
    app = ExampleApp()
    async with app.run_test(size=(80, 40)) as pilot:
        await go(pilot, "anna")
        await keys(pilot, "d")
        assert app.document == {"peers": {"anna": {"state": "absent"}}}
        await go(pilot, "eth0")
        await keys(pilot, "d")
        assert app.document == {"peers": {"anna": {"state": "absent"}}}


async def test_a_wrong_name_of_an_item_is_said_at_its_line() -> None:
    app = ExampleApp()
    async with app.run_test(size=(80, 40)) as pilot:
        await go(pilot, "peers")
        await keys(pilot, "enter", "X9", "enter", "escape")
        assert "!" in line(app, "X9")
        assert isinstance(app.form.settings(), Invalid)


async def test_mistakes_found_elsewhere_stand_at_their_fields_until_these_change() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        app.form.reject(
            {"example.timezone": "this machine doesn't know it", "example.network.eth0.dns[1]": "no answer"}
        )
        await pilot.pause()
        assert "! this machine" in line(app, "Time zone")
        assert "! dns[1]: no answer" in line(app, "eth0")
        assert "►" in line(app, "Time zone")
        await keys(pilot, "enter", "brus", "enter")
        assert "!" not in line(app, "Time zone")


async def test_what_was_there_before_the_first_change_is_said() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        assert "/etc/hostname:1" in line(app, "Hostname")
        await keys(pilot, "enter", "x", "enter")
        assert "was attic" in line(app, "Hostname")


async def test_a_tab_to_the_next_field_changes_few_cells() -> None:
    app = ExampleApp()
    async with app.run_test() as pilot:
        await pilot.pause()
        before = text(app).splitlines()
        await keys(pilot, "tab")
        changed = [(a, b) for a, b in zip(before, text(app).splitlines(), strict=True) if a != b]
        assert len(changed) == 3  # the two rows and the help


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_it_looks_as_in_its_picture(size: tuple[int, int]) -> None:
    app = ExampleApp()
    async with app.run_test(size=size) as pilot:
        await shows(pilot, size[1] - 3, "The machine's name")
        await golden.check(app, "form")
        await keys(pilot, "down", "enter", "berl")
        await golden.check(app, "form-choice")
        await keys(pilot, "enter", "down", "space", "down", "enter", "9", "escape")
        await golden.check(app, "form-changed")


async def test_control_characters_never_reach_the_screen() -> None:
    app = ExampleApp()
    async with app.run_test(size=(80, 40)) as pilot:
        app.form.draft.set(("hostname",), "a\x1b[31mb\r\nc")
        app.form.draft.set(("peers", "x\x1b]0;y\x07"), {"note": "\x9b2J"})
        app.form.annotate({})
        app.form.choices = lambda name: ("\x1b[2J",)
        await go(pilot, "timezone")
        await keys(pilot, "enter")
        shown = text(app)
        assert all(c.isprintable() or c == "\n" for c in shown)
        assert "a?[31mb c" in shown


async def test_any_keys_in_any_order_leave_the_form_standing() -> None:
    pressed = random.Random(7)
    names = "up down tab shift+tab enter escape space u d delete home end pageup pagedown backspace a 9 / q ctrl+u left"
    app = ExampleApp()
    async with app.run_test() as pilot:
        for _ in range(150):
            await pilot.press(pressed.choice(names.split()))
        settings = app.form.settings()
        if isinstance(settings, Invalid):
            assert settings.mistakes
        else:
            assert settings == Example.model_validate(app.document)
