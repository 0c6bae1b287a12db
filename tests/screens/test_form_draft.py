"""What a form holds, without its looks: any typed text gives valid settings or a mistake at its field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.widgets.form.choose import find
from pi_installer_tui.widgets.form.draft import ABSENT, Draft, Line, parse, shown
from pi_installer_tui.widgets.form.fields import shape_of
from pi_installer_tui.widgets.form.form import help_lines
from tests.screens.form_example import PRESENT, Example

TYPED = ("text", "number", "address", "interface", "list", "choice")


def draft(present: Mapping[str, Any] = PRESENT) -> Draft:
    return Draft.of(Example, Example.model_validate(present))


def leaves() -> list[Line]:
    return [line for line in draft().lines() if line.kind in TYPED]


@given(line=st.sampled_from(leaves()), text=st.text(max_size=80))
def test_any_text_gives_settings_or_a_mistake_at_its_field(line: Line, text: str) -> None:
    form = draft()
    form.set(line.path, parse(line.field, text))
    for at, words in form.errors.items():
        assert at[: len(line.path)] == line.path
        assert words
    if not form.errors:
        Example.model_validate(form.document())


@given(typed=st.text(st.characters(codec="utf-8"), min_size=4, max_size=40).filter(lambda t: not t.isascii()))
def test_a_mistake_never_repeats_what_was_typed(typed: str) -> None:
    for line in leaves():
        form = draft()
        form.set(line.path, parse(line.field, typed))
        assert not any(typed in words for words in form.errors.values())


@given(text=st.text("0123456789.,: /abx", max_size=30), field=st.sampled_from(leaves()))
def test_what_was_typed_is_what_is_shown_when_the_field_opens_again(text: str, field: Line) -> None:
    value = parse(field.field, text)
    assert parse(field.field, shown(field.field, value)) == value


@given(st.lists(st.tuples(st.sampled_from(leaves()), st.text(max_size=12), st.booleans()), max_size=12))
def test_only_what_is_touched_is_in_the_document(actions: list[tuple[Line, str, bool]]) -> None:
    form = draft()
    touched: set[tuple[str | int, ...]] = set()
    for line, text, leave in actions:
        if leave:
            form.leave(line.path)
            touched.discard(line.path)
        else:
            form.set(line.path, parse(line.field, text))
            touched.add(line.path)
    there = set(paths(form.document()))
    needed = {("keyboard", "layout")} if any(path[0] == "keyboard" for path in touched) else set()
    assert touched <= there <= touched | needed


def paths(document: Mapping[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str | int, ...]]:
    found: list[tuple[str | int, ...]] = []
    for key, value in document.items():
        found += paths(value, (*above, key)) if isinstance(value, Mapping) else [(*above, key)]
    return found


def test_numbers_are_what_a_setup_file_gives() -> None:
    kinds = {line.path[-1]: line.field for line in draft().lines()}
    assert parse(kinds["swap"], " 512 ") == 512
    assert parse(kinds["factor"], "1.5") == 1.5
    assert parse(kinds["swap"], "٣") == "٣"
    assert parse(kinds["swap"], "1e3") == "1e3"
    assert parse(kinds["hostname"], "512") == "512"


def test_a_new_layout_of_a_section_keeps_what_its_model_needs() -> None:
    form = draft()
    form.set(("keyboard", "variant"), "neo")
    assert form.document() == {"keyboard": {"layout": "de", "variant": "neo"}}


def test_a_new_item_is_new_and_cant_be_absent() -> None:
    form = draft({**PRESENT, "peers": {"phone": {"note": "mine"}}})
    there = next(line for line in form.lines() if line.title == "phone")
    added = Line((*there.path[:-1], "tablet"), there.field, "item", "tablet")
    form.set(added.path, {})
    items = [form.item(line) for line in (there, added)]
    assert [item.new for item in items] == [False, True]
    assert [[line.path[-1] for line in item.lines()] for item in items] == [["state", "note"], ["note"]]


def test_an_item_opened_again_has_what_was_wanted_before() -> None:
    form = draft()
    line = next(line for line in form.lines() if line.title == "wlan0")
    first = form.item(line)
    first.set(("gateway",), "192.168.1.9")
    form.set(line.path, first.document())
    again = form.item(line)
    assert again.value(("gateway",)) == "192.168.1.9"
    assert again.was(("gateway",)) == "192.168.1.1"
    assert again.touched(("gateway",)) and not again.touched(("address",))
    again.leave(("gateway",))
    assert not again.changed


def test_another_variant_takes_over_what_both_have_and_needs_the_rest() -> None:
    form = draft()
    line = next(line for line in form.lines() if line.title == "eth0")
    item = form.item(line)
    item.set(("method",), "static")
    assert set(item.errors) == {("address",)}
    item.set(("address",), "10.0.0.2/8")
    assert item.errors == {}
    assert item.document() == {"method": "static", "address": "10.0.0.2/8"}


def test_nothing_there_is_not_the_same_as_empty() -> None:
    form = draft({})
    assert form.value(("dns",)) is ABSENT
    form.set(("dns",), [])
    assert form.document() == {"dns": []}


class Unshowable(Frozen):
    value: Mapping[str, int] = Field(title="No form has this")


class Ambiguous(Frozen):
    class A(Frozen):
        kind: Literal["a"]

    class B(Frozen):
        kind: Literal["b"]

    value: A | B


@pytest.mark.parametrize("model", [Unshowable, Ambiguous])
def test_a_model_that_no_form_can_show_is_refused(model: type[Frozen]) -> None:
    with pytest.raises(TypeError, match="value"):
        shape_of(model)


def test_choices_are_found_by_any_part_of_their_name() -> None:
    zones = ("Africa/Abidjan", "America/Argentina/Buenos_Aires", "Europe/Berlin", "Pacific/Easter")
    assert find(zones, "ber") == ["Europe/Berlin"]
    assert find(zones, "buenos aires") == ["America/Argentina/Buenos_Aires"]
    assert find(zones, "e") == ["Europe/Berlin", "Pacific/Easter", "America/Argentina/Buenos_Aires"]
    assert find(zones, "zz") == []


def test_what_was_typed_whole_comes_before_what_has_its_letters_somewhere() -> None:
    locales = ["de_AT.UTF-8", "de_BE.UTF-8", "de_DE.UTF-8", "dsb_DE", "nds_DE"]
    assert find(locales, "de_DE")[0] == "de_DE.UTF-8"
    assert find(locales, "de_DE.UTF-8") == ["de_DE.UTF-8"]
    assert find(["Etc/GMT+1", "GMT"], "gmt")[0] == "GMT"


def test_help_never_ends_within_a_sentence() -> None:
    text = "The machine's name in the network: letters, digits and hyphens. It is not a domain."
    assert help_lines(text, 76, whole=False) == ["The machine's name in the network: letters, digits and hyphens."]
    assert " ".join(help_lines(text, 40, whole=False)) == text.partition(". ")[0] + "."
