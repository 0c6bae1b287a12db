"""The base of every model that goes to disk or comes from outside: frozen, strict about unknown keys, and silent about
the input in its errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A frozen model. Tuples and frozen mappings inside, so that it can be compared, hashed by content and shared."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=False,
        defer_build=True,
        use_attribute_docstrings=False,
    )
