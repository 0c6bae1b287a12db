"""Keys: one registry, everywhere the same, and nothing that a serial program or a terminal takes for itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

import pi_installer_tui.screens
import pi_installer_tui.widgets
from pi_installer_tui.app import PiInstallerApp
from pi_installer_tui.widgets.actions import ACTIONS, PLACES, bindings, key_name, table

DOCS = Path(__file__).parents[2] / "docs"

#: printable keys by the names that Textual has for them
_BRACKETS = {"less_than_sign", "greater_than_sign", "left_curly_bracket", "right_curly_bracket"}
_PUNCTUATION = {"question_mark", "colon", "slash", "space"} | _BRACKETS
_NAMED = {"enter", "escape", "tab", "shift+tab", "up", "down", "left", "right"}
_PAGES = {"home", "end", "pageup", "pagedown", "delete"}


def ours() -> Iterator[type[DOMNode]]:
    """Every screen and widget class of the program."""
    yield PiInstallerApp
    for package in (pi_installer_tui.screens, pi_installer_tui.widgets):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            module = importlib.import_module(found.name)
            for value in vars(module).values():
                if isinstance(value, type) and issubclass(value, DOMNode) and value.__module__ == module.__name__:
                    yield value


def test_no_widget_shows_its_state_by_colour_alone_or_moves_by_itself() -> None:
    stock = {"Checkbox", "RadioButton", "RadioSet", "Switch", "ProgressBar", "LoadingIndicator", "SelectionList"}
    used = {base.__name__ for cls in ours() for base in cls.__mro__ if base.__module__.startswith("textual.widgets")}
    imported = {
        value.__name__
        for package in (pi_installer_tui.screens, pi_installer_tui.widgets)
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        for value in vars(importlib.import_module(found.name)).values()
        if isinstance(value, type) and value.__module__.startswith("textual.widgets")
    }
    assert "Input" in imported, "the test sees what is imported"
    assert not (used | imported) & stock


def test_docs_keys_is_what_the_registry_says() -> None:
    assert (DOCS / "keys.md").read_text() == table()


def test_every_binding_of_every_screen_and_widget_comes_from_the_registry() -> None:
    known = {(a.id, a.keys, a.action) for a in ACTIONS}
    for cls in ours():
        for binding in cls.__dict__.get("BINDINGS", ()):
            assert isinstance(binding, Binding), cls
            assert (binding.id, binding.key, binding.action) in known, f"{cls.__name__}: {binding}"


def test_every_action_that_a_key_calls_exists() -> None:
    for cls in ours():
        for binding in cls.__dict__.get("BINDINGS", ()):
            target, _dot, name = binding.action.partition("(")[0].rpartition(".")
            answering = [PiInstallerApp] if target == "app" else [c for c in ours() if issubclass(c, cls)]
            assert any(hasattr(c, f"action_{name}") for c in answering), f"{cls.__name__}: {binding}"


def test_every_place_of_the_registry_is_used() -> None:
    used = {(binding.id or "").partition(".")[0] for cls in ours() for binding in cls.__dict__.get("BINDINGS", ())}
    assert used == {action.place for action in ACTIONS} == set(PLACES)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda a: a.id)
def test_no_key_that_terminals_and_serial_programs_take(action: object) -> None:
    for key in getattr(action, "keys").split(","):  # noqa: B009
        plain = len(key) == 1 and key.isascii() and key.isalnum()
        assert plain or key in _PUNCTUATION | _NAMED | _PAGES or key in {"ctrl+c", "ctrl+l"}, key


@pytest.mark.parametrize("place", PLACES)
def test_one_key_has_one_meaning_in_a_place(place: str) -> None:
    keys = [key for binding in bindings(place) for key in binding.key.split(",")]
    assert keys, f"{place} has no actions"
    assert len(keys) == len(set(keys))


def test_stock_quit_and_palette_keys_are_gone() -> None:
    app_keys = PiInstallerApp._merge_bindings().key_to_bindings
    assert not {"ctrl+q", "ctrl+p", "f1", "ctrl+s"} & set(app_keys)


def test_keys_are_named_as_people_know_them() -> None:
    assert [key_name(k) for k in ("question_mark", "escape", "q")] == ["?", "Esc", "q"]
