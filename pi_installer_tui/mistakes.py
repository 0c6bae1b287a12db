"""What pydantic found wrong with a setup file's data, as mistakes: each with its place in the file, in words, and with
the key that was probably meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from pi_installer_tui import wording
from pi_installer_tui.i18n import _
from pi_installer_tui.tasks.plan import Mistake


def place(*parts: str | int) -> str:
    """A place in a setup file: `system.network.eth0.dns[1]`. What a person typed is shortened, and shown without
    control characters."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in part)
            name = name if len(name) <= 60 else f"{name[:57]}..."
            text += f".{name}" if text else name
    return text


def mistakes(error: ValidationError, model: type[BaseModel], data: object, name: str) -> tuple[Mistake, ...]:
    """What pydantic found, with the places of the setup file (`data` is what was validated) and in words. The input is
    never quoted: it may be a secret."""
    found: list[Mistake] = []
    document = model.model_json_schema(by_alias=True)
    for item in error.errors(include_url=False, include_input=False):
        path = wording.place(item["loc"], data, missing=item["type"] == "missing")
        context: Mapping[str, Any] = item.get("ctx", {})
        where = place(name, *path)
        if item["type"] == "extra_forbidden":
            allowed = _keys(document, path[:-1])
            found.append(Mistake(where, unknown(str(path[-1]), allowed, _("there is no such setting"))))
        elif item["type"] == "union_tag_not_found":
            found.append(Mistake(where, _tag_needed(document, path, str(context.get("discriminator", "")).strip("'"))))
        else:
            found.append(Mistake(where, wording.in_words(item["type"], context, item["msg"])))
    return tuple(dict.fromkeys(found))


def _keys(document: Mapping[str, Any], path: Sequence[str | int]) -> list[str]:
    """The keys that a JSON Schema allows at a path."""
    return list(dict.fromkeys(key for form in _at(document, path) for key in form.get("properties", {})))


def _at(document: Mapping[str, Any], path: Sequence[str | int]) -> list[Mapping[str, Any]]:
    """The parts of a JSON Schema for a path: all the forms that a value may have there."""
    here = _forms(document, document)
    for part in path:
        below: list[Mapping[str, Any]] = []
        for form in here:
            if isinstance(part, int):
                nexts = [form.get("items")]
            else:
                nexts = [form.get("properties", {}).get(part), form.get("additionalProperties")]
            below += [f for n in nexts if isinstance(n, Mapping) for f in _forms(n, document)]
        here = below
    return here


def _forms(node: Mapping[str, Any], document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if reference := node.get("$ref"):
        return _forms(document["$defs"][reference.rsplit("/", 1)[-1]], document)
    alternatives = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
    return [node, *(f for a in alternatives for f in _forms(a, document))]


def _tag_needed(document: Mapping[str, Any], path: Sequence[str | int], key: str) -> str:
    choices = [
        repr(tag)
        for form in _at(document, path)
        if form.get("discriminator", {}).get("propertyName") == key
        for tag in form["discriminator"].get("mapping", {})
    ]
    if not choices:
        return _("{key} is needed").format(key=key)
    return _("{key} is needed, one of {choices}").format(key=key, choices=", ".join(choices))


def unknown(key: str, allowed: Sequence[str], sentence: str) -> str:
    """`sentence` about a key that isn't known, and the allowed one that looks like it."""
    close = get_close_matches(key[:60].lower(), allowed, n=1)
    return _("{sentence}; did you mean {name}?").format(sentence=sentence, name=close[0]) if close else sentence
