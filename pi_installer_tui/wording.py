"""pydantic's errors put into words, each at its place in the data. The input is never quoted: it may be a secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pi_installer_tui.i18n import _

if TYPE_CHECKING:
    from pydantic import ValidationError


def explain(error: ValidationError, data: object) -> dict[tuple[str | int, ...], str]:
    """What is wrong with `data`, by place: the first mistake at each."""
    found: dict[tuple[str | int, ...], str] = {}
    for item in error.errors(include_url=False, include_input=False):
        path = place(item["loc"], data, missing=item["type"] == "missing")
        found.setdefault(path, in_words(item["type"], item.get("ctx", {}), item["msg"]))
    return found


def place(loc: Sequence[str | int], data: object, *, missing: bool = False) -> tuple[str | int, ...]:
    """pydantic's location without what is not in the data: a union's tag, a validator's or a scalar type's name.
    missing: the last part is what should be there."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        is_key = isinstance(data, Mapping) and part in data
        is_index = isinstance(data, (list, tuple)) and isinstance(part, int) and part < len(data)
        if is_key or is_index:
            path.append(part)
            data = data[part]  # type: ignore[index]
        elif missing and index == len(loc) - 1:
            path.append(part)
    return tuple(path)


def in_words(kind: str, context: Mapping[str, Any], message: str) -> str:
    """A pydantic error type (docs.pydantic.dev, "Validation Errors") as a phrase that follows its place."""
    match kind:
        case "missing":
            return _("is needed")
        case "value_error" | "assertion_error":
            return str(context.get("error", "")) or _("isn't valid")
        case "string_type":
            return _('must be text; put a number or true/false in quotes ("…")')
        case "int_type" | "int_parsing" | "int_from_float" | "int_parsing_size":
            return _("must be a whole number")
        case "float_type" | "float_parsing" | "finite_number" | "decimal_parsing" | "decimal_type":
            return _("must be a number")
        case "bool_type" | "bool_parsing":
            return _("must be true or false")
        case "date_type" | "date_parsing" | "date_from_datetime_parsing" | "date_from_datetime_inexact":
            return _("isn't a day, such as 2027-03-01")
        case "list_type" | "tuple_type" | "set_type" | "frozen_set_type":
            return _("must be a list")
        case "dict_type" | "mapping_type" | "model_type" | "model_attributes_type" | "dataclass_type":
            return _("must have keys and values of its own below it")
        case "literal_error" | "enum":
            return _("must be one of {choices}").format(choices=context.get("expected", ""))
        case "union_tag_invalid" | "union_tag_not_found":
            key = str(context.get("discriminator", "")).strip("'")
            choices = str(context.get("expected_tags", ""))
            if choices:
                return _("{key} must be one of {choices}").format(key=key, choices=choices)
            return _("{key} is needed").format(key=key)
        case "string_too_long" | "bytes_too_long":
            return _("must have at most {count} characters").format(count=context.get("max_length"))
        case "string_too_short" | "bytes_too_short":
            return _("must have at least {count} characters").format(count=context.get("min_length"))
        case "too_long":
            return _("must have at most {count} items").format(count=context.get("max_length"))
        case "too_short":
            return _("must have at least {count} items").format(count=context.get("min_length"))
        case "greater_than_equal":
            return _("must be at least {limit}").format(limit=context.get("ge"))
        case "greater_than":
            return _("must be more than {limit}").format(limit=context.get("gt"))
        case "less_than_equal":
            return _("must be at most {limit}").format(limit=context.get("le"))
        case "less_than":
            return _("must be less than {limit}").format(limit=context.get("lt"))
        case "string_pattern_mismatch":
            return _("has a character or a form that isn't allowed here")
        case "extra_forbidden":
            return _("there is no such setting")
        case "recursion_loop" | "none_required" | "is_instance_of" | "json_invalid":
            return _("isn't valid")
        case _:
            # pydantic's own sentence: it names what is expected and doesn't quote the input
            return message.removeprefix("Input should be ").removeprefix("Value is ").rstrip(".")
