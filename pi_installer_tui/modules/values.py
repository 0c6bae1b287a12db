"""Kinds of values that the settings of several modules have."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from pi_installer_tui.i18n import _


def text(value: object) -> object:
    """YAML makes numbers and booleans of what looks like one: `0123`, and in older readers `no` and `1:30`. Raises
    ValueError for what isn't text."""
    if isinstance(value, bool | int | float):
        raise ValueError(_('must be text; put a number or true/false in quotes ("…")'))
    return value


def no_doubles(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Raises ValueError where one is there twice."""
    seen: set[Hashable] = set()
    for value in values:
        if value in seen:
            raise ValueError(_("{value} is there twice").format(value=value))
        seen.add(value)
    return values


Text: TypeAlias = Annotated[str, BeforeValidator(text)]
