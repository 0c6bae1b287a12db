"""A form's content without its looks: what the machine has, what was touched, and the settings that come of it. Only
what was touched goes into the settings; all else is left alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pydantic import BaseModel, ValidationError

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.widgets.form.fields import Field, Kind, Plain, Shape, shape_of
from pi_installer_tui.wording import explain

#: A place inside the form's model: ("network", "eth0", "dns", 1)
Path: TypeAlias = tuple[str | int, ...]
#: What is wrong, by place, in words.
Errors: TypeAlias = Mapping[Path, str]


class _Absent:
    """There is no value here (None is one: it says `not set`)."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = _Absent()

_INTEGER = re.compile(r"[-+]?[0-9]{1,30}", re.ASCII)
_DECIMAL = re.compile(r"[-+]?([0-9]{1,30}\.[0-9]{0,30}|\.[0-9]{1,30})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a form. kind: a field's, or `heading` (of a section or table), `item` (of a table), `add` (to it).
    path: inside the model; for `add` the table's. depth: of indentation."""

    path: Path
    field: Field
    kind: Kind | str
    title: str
    depth: int = 0


class Draft:
    """What a form holds.

    shape:   the fields.
    present: what the machine has, as plain data.
    wanted:  what was touched before, as plain data (a table's item that is opened again).
    check:   what is wrong with a document, by place.
    new:     of something that isn't there yet: nothing can be left as it is.
    """

    def __init__(
        self,
        shape: Shape,
        present: Mapping[str, Any],
        check: Callable[[dict[str, Any]], Errors],
        wanted: Mapping[str, Any] | None = None,
        *,
        new: bool = False,
    ) -> None:
        self.shape = shape
        self.new = new
        self.present = present
        self._check = check
        self._touched: dict[Path, Plain] = {}
        #: secrets that were typed; the settings hold only their names
        self.secrets: dict[Path, str] = {}
        self.errors: Errors = {}
        if wanted:
            self._touch(shape, (), wanted)
        self.errors = self._check(self.document())

    @classmethod
    def of(
        cls, model: type[BaseModel], initial: BaseModel, wanted: Mapping[str, Any] | None = None, *, new: bool = False
    ) -> Draft:
        """The draft of a model's settings, starting with what is, and with what is wanted already."""
        return cls(shape_of(model), plain(initial), lambda document: mistakes(model, document), wanted, new=new)

    # values -------------------------------------------------------------------------------------------------------

    @property
    def changed(self) -> bool:
        """Something was touched."""
        return bool(self._touched)

    def touched(self, path: Path) -> bool:
        """Something at the path or below it was touched."""
        return any(known[: len(path)] == path for known in self._touched)

    def was(self, path: Path) -> Any:
        """What the machine has there, ABSENT where it has nothing."""
        here: Any = self.present
        for part in path:
            if not isinstance(here, Mapping) or part not in here:
                return ABSENT
            here = here[part]
        return ABSENT if here is None else here

    def value(self, path: Path) -> Any:
        """What the form shows there: what was touched, else what is."""
        return self._touched[path] if path in self._touched else self.was(path)

    def set(self, path: Path, value: Plain) -> None:
        """Wants a value there, also where it is the present one."""
        self._touched[path] = value
        self.errors = self._check(self.document())

    def leave(self, path: Path) -> None:
        """Leaves what is there alone; what was only wanted is gone."""
        for values in (self._touched, self.secrets):
            for known in [known for known in values if known[: len(path)] == path]:
                del values[known]
        self.errors = self._check(self.document())

    def tag(self, shape: Shape, path: Path) -> str:
        """Which variant of a union is shown at a path, "" for none yet and for a plain model."""
        value = self.value((*path, shape.discriminator)) if shape.discriminator else ABSENT
        return "" if value is ABSENT else str(value)

    # lines --------------------------------------------------------------------------------------------------------

    def lines(self) -> list[Line]:
        """The form's lines, from top to bottom."""
        return list(self._lines(self.shape, (), 0))

    def _lines(self, shape: Shape, path: Path, depth: int) -> Iterator[Line]:
        for field in shape.fields(self.tag(shape, path)):
            here = (*path, field.name)
            if self.new and field.name == "state" and "absent" in field.choices:
                continue
            if field.shape is None:
                yield Line(here, field, field.kind, field.title, depth)
                continue
            yield Line(here, field, "heading", field.title, depth)
            if field.kind == "section":
                yield from self._lines(field.shape, here, depth + 1)
                continue
            for key in self.keys(here):
                yield Line((*here, key), field, "item", key, depth + 1)
            yield Line(here, field, "add", _("+ add"), depth + 1)

    def keys(self, table: Path) -> list[str]:
        """The names in a table: those that are, then those that were added."""
        present = self.was(table)
        keys = [str(key) for key in present] if isinstance(present, Mapping) else []
        added = [str(p[len(table)]) for p in self._touched if p[: len(table)] == table and len(p) == len(table) + 1]
        return [*keys, *(key for key in added if key not in keys)]

    def item(self, line: Line) -> Draft:
        """The draft of a table's item, for its editor; `set` it back when it changed."""
        assert line.field.shape is not None
        present = self.was(line.path)
        wanted = self._touched.get(line.path)
        below = Draft(
            line.field.shape,
            present if isinstance(present, Mapping) else {},
            lambda document: self._errors_below(line.path, document),
            wanted if isinstance(wanted, Mapping) else None,
            new=present is ABSENT,
        )
        return below

    def removable(self, line: Line) -> bool:
        """An item's model has a `state` that may be `absent`."""
        assert line.field.shape is not None
        fields = (field for variant in line.field.shape.variants.values() for field in variant)
        return any(field.name == "state" and "absent" in field.choices for field in fields)

    def _errors_below(self, path: Path, document: dict[str, Any]) -> Errors:
        if not document and self.was(path) is not ABSENT:
            return {}
        errors = self._check(self.document({**self._touched, path: document}))
        return {at[len(path) :]: words for at, words in errors.items() if at[: len(path)] == path}

    # the document -------------------------------------------------------------------------------------------------

    def document(self, touched: Mapping[Path, Any] | None = None) -> dict[str, Any]:
        """What was touched, as a setup file has it, and what a model that was touched can't do without."""
        return self._document(self.shape, (), self._touched if touched is None else touched)

    def _document(self, shape: Shape, path: Path, touched: Mapping[Path, Any]) -> dict[str, Any]:
        if not any(known[: len(path)] == path for known in touched):
            return {}
        tag = touched.get((*path, shape.discriminator), self.tag(shape, path)) if shape.discriminator else ""
        document: dict[str, Any] = {}
        for field in shape.fields(str(tag)):
            here = (*path, field.name)
            if field.kind == "section" and field.shape is not None:
                if below := self._document(field.shape, here, touched):
                    document[field.name] = below
                elif field.required and isinstance(self.was(here), Mapping):
                    document[field.name] = self.was(here)
            elif field.kind == "table":
                items = {p[-1]: v for p, v in touched.items() if p[: len(here)] == here and len(p) == len(here) + 1}
                if items:
                    document[field.name] = items
            elif here in touched:
                document[field.name] = touched[here]
            elif field.required and self.was(here) is not ABSENT:
                document[field.name] = self.was(here)
        return document

    def _touch(self, shape: Shape, path: Path, wanted: Mapping[str, Any]) -> None:
        """Takes over what was wanted before; what is only there because its model needs it isn't touched."""
        for field in shape.fields(str(wanted.get(shape.discriminator, ""))):
            here = (*path, field.name)
            if field.name not in wanted:
                continue
            value = wanted[field.name]
            if field.kind == "section" and field.shape is not None:
                self._touch(field.shape, here, value)
            elif field.kind == "table":
                self._touched.update({(*here, key): item for key, item in value.items()})
            elif not (field.required and value == self.was(here)):
                self._touched[here] = value


def plain(settings: BaseModel) -> dict[str, Any]:
    """Settings as a setup file has them, without what is left alone."""
    data: dict[str, Any] = settings.model_dump(mode="json", exclude_none=True, by_alias=True)
    return data


def mistakes(model: type[BaseModel], document: dict[str, Any]) -> Errors:
    """What a model has against a document, by place and in words."""
    try:
        model.model_validate(document)
    except ValidationError as error:
        return explain(error, document)
    return {}


def parse(field: Field, text: str) -> Plain:
    """A typed text as the value that a setup file would give. What isn't of the field's kind stays text, for the model
    to refuse."""
    if field.kind == "list":
        assert field.item is not None
        return [parse(field.item, part) for part in re.split(r"[,\s]+", text) if part]
    text = text.strip()
    if field.kind == "number":
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return float(text)
    if field.kind == "choice":
        return next((choice for choice in field.choices if str(choice) == text), text)
    return text


def shown(field: Field, value: Any) -> str:
    """A value as the text that `parse` reads; of whole lines as a phrase."""
    if value is ABSENT or value is None:
        return ""
    if field.kind == "lines" and isinstance(value, list):
        return counted(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def counted(lines: list[Any]) -> str:
    """Lines in a phrase: how many, and the last word of each, which says what it is."""
    if not lines:
        return ""
    said = ngettext("{n} line", "{n} lines", len(lines)).format(n=len(lines))
    return f"{said}: " + ", ".join(str(line).split()[-1][:30] for line in lines if str(line).split())


def summary(shape: Shape, item: Any) -> str:
    """A table's item in a phrase: what it can't do without, then what else it says with its title. Switches and small
    choices are left to the editor."""
    if not isinstance(item, Mapping):
        return ""
    if item.get("state") == "absent":
        return _("to be removed")
    needed: list[str] = []
    titled: list[str] = []
    for field in shape.fields(str(item.get(shape.discriminator, ""))):
        text = shown(field, item.get(field.name))
        if not text or field.kind in ("section", "table", "secret"):
            continue
        if field.required:
            needed.append(text)
        elif field.kind not in ("bool", "choice"):
            titled.append(f"{field.title} {text}")
    return ", ".join([" ".join(needed), *titled] if needed else titled)
