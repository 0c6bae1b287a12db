"""A setup file is YAML without surprises: what it says is what is read, and a fault is told with its line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui import setup_file
from pi_installer_tui.setup_file import SetupError


def wrong(text: str) -> list[str]:
    with pytest.raises(SetupError) as caught:
        setup_file.read(text, "s.yaml")
    return [str(m) for m in caught.value.mistakes]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("12:30:45", "12:30:45"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("2025-01-01", "2025-01-01"),
        ("10.0.0.1", "10.0.0.1"),
        ("true", True),
        ("42", 42),
        ("1.5", 1.5),
        ("", None),
        ("~", None),
        ('"42"', "42"),
        ("=", "="),
    ],
)
def test_a_scalar_is_what_it_looks_like(text: str, value: object) -> None:
    read = setup_file.read(f"key: {text}")["key"]
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize("key", ["no", "1", "true", "null", "1.5", "2025-01-01"])
def test_a_key_is_text(key: str) -> None:
    assert setup_file.read(f"{key}: 1") == {key: 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "s.yaml:3: a stands here twice, first in line 1"),
        ("a:\n  b: 1\n  b: 1\n", "s.yaml:3: b stands here twice, first in line 2"),
        ("a: [1,\n", "s.yaml:2: this isn't YAML: "),
        ("a:\n\tb: 1\n", "s.yaml:2: YAML is indented by spaces, here is a tab"),
        ("- a\n", "s.yaml:1: a setup file is `version: 1` and one key per module"),
        ("text", "s.yaml:1: a setup file is `version: 1` and one key per module"),
        ("a: !!python/object/apply:os.system [id]\n", "s.yaml:1: tags (!…) have no meaning in a setup file"),
        ("a: !secret b\n", "s.yaml:1: tags (!…) have no meaning in a setup file"),
        ("a: &x [*x]\n", "s.yaml:1: it contains itself"),
        ("? [a]\n: 1\n", "s.yaml:1: a key must be text"),
        ("a: 1\nb: \x01\n", "s.yaml:2: a character that YAML doesn't allow"),
        ("a: *nowhere\n", "s.yaml:1: this isn't YAML: "),
        ("a: 1\n---\nb: 1\n", "s.yaml:2: this isn't YAML: "),
        ("a: " + "[" * 5000, "s.yaml: it is nested too deeply"),
        ("a: " + "9" * 5000, "s.yaml:1: the number is too long"),
        ("a: !!int x\n", "s.yaml:1: not a number"),
        ("a" * 1_000_001, "s.yaml: the file is larger than a setup file may be (1 MB)"),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, said: str) -> None:
    assert wrong(text)[0].startswith(said)


def test_every_key_that_stands_twice_is_told() -> None:
    assert len(wrong("a: 1\na: 2\nb: 1\nb: 2\n")) == 2


def test_anchors_cannot_blow_a_file_up() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    assert wrong(bomb) == ["s.yaml: it has more values than a setup file may have"]


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert setup_file.read("") == setup_file.read("# nothing\n") == {}


def test_files_are_merged_key_by_key_and_the_later_one_wins() -> None:
    first = {"system": {"hostname": "attic", "network": {"eth0": {"method": "dhcp"}}, "dns": ["a", "b"]}}
    second = {"system": {"hostname": "cellar", "network": {"wlan0": {"method": "dhcp"}}, "dns": ["c"]}}
    assert setup_file.merge(first, second) == {
        "system": {
            "hostname": "cellar",
            "network": {"eth0": {"method": "dhcp"}, "wlan0": {"method": "dhcp"}},
            "dns": ["c"],
        }
    }


def test_a_null_in_a_later_file_takes_a_setting_back() -> None:
    assert setup_file.merge({"system": {"hostname": "attic", "ntp": True}}, {"system": {"hostname": None}}) == {
        "system": {"ntp": True}
    }
    assert setup_file.merge({}, {"system": {"network": {"eth0": None}}}) == {"system": {"network": {}}}


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=10), plain, max_size=5))
def test_what_is_written_is_read_back(data: dict[str, Any]) -> None:
    try:
        text = setup_file.write(data, ("a comment",))
        assert setup_file.read(text) == data
    except SetupError as error:
        # a control character can't stand in YAML other than escaped, which PyYAML does
        raise AssertionError(str(error)) from error


@given(st.text() | st.text(alphabet="ab:-[]{}&*!|>'\"%@`#?, \n\t0129.~"))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        read = setup_file.read(text, "s.yaml")
    except SetupError as error:
        assert error.mistakes and all(m.place.startswith("s.yaml") and m.message for m in error.mistakes)
    else:
        assert isinstance(read, dict)
