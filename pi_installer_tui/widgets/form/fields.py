"""What a settings model is made of, as a form sees it: its fields with kind, title, help, unit and choices, sections,
variants of a union and keyed tables. Pure introspection of pydantic models; nothing here draws."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import pydantic
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pi_installer_tui.i18n import _

#: A value as a setup file has it.
Plain: TypeAlias = "bool | int | float | str | list[Any] | dict[str, Any] | None"

Kind = Literal[
    "bool", "choice", "text", "number", "address", "interface", "secret", "list", "lines", "section", "table"
]  # fmt: skip

_ADDRESSES: tuple[Any, ...] = (
    ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Interface, ipaddress.IPv6Interface,
    ipaddress.IPv4Network, ipaddress.IPv6Network,
    pydantic.IPvAnyAddress, pydantic.IPvAnyInterface, pydantic.IPvAnyNetwork,
)  # fmt: skip
_WIDGETS: Mapping[str, Kind] = {
    "address": "address",
    "interface": "interface",
    "secret": "secret",
    "text": "text",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model.

    name:          its key in the setup file; title and help: translated.
    required:      the model has no default for it.
    choices:       what a Literal or an enum allows, as a setup file has it.
    choices_from:  the name of choices that come from the machine (`timezones`); of a table: of its keys.
    item:          a list's item, for its kind and choices.
    shape:         a section's fields, or those of a table's item.
    several:       of a list: its choices from the machine are put in or out, one by one.
    made:          of a secret: an empty one is made by the job, and shown once.
    file:          of a secret: it has several lines, and what is typed is the path of a file that it is in.
    usual:         what a new entry has where this is left out, in words; "": nothing is known of that.
    """

    name: str
    title: str
    help: str
    kind: Kind
    required: bool = False
    unit: str = ""
    choices: tuple[Any, ...] = ()
    choices_from: str = ""
    item: Field | None = None
    several: bool = False
    shape: Shape | None = None
    made: bool = False
    file: bool = False
    usual: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of a model, or of each variant of a union. discriminator: the field that tells the variants apart,
    "" for a plain model, whose fields are under the key ""."""

    variants: Mapping[str, tuple[Field, ...]]
    discriminator: str = ""

    def fields(self, tag: str = "") -> tuple[Field, ...]:
        """The fields of a variant, its discriminator first; of an unknown one only the discriminator."""
        if not self.discriminator:
            return self.variants[""]
        if tag in self.variants:
            return self.variants[tag]
        any_variant = next(iter(self.variants.values()))
        return any_variant[:1]


def shape_of(model: type[BaseModel]) -> Shape:
    """The shape of a model. Raises TypeError for a field that no form can show."""
    return Shape({"": tuple(_field(info.alias or name, info) for name, info in model.model_fields.items())})


def _field(name: str, info: FieldInfo) -> Field:
    annotation, extra, discriminator = _unwrap(info.annotation, info)
    title = _(str(extra.get("title") or "")) or name.replace("_", " ").capitalize()
    described = _(str(extra.get("description") or ""))
    common: dict[str, Any] = {
        "name": name,
        "title": title,
        "help": described,
        "required": info.is_required(),
        "unit": _(str(extra.get("unit") or "")),
        "choices_from": str(extra.get("choices") or ""),
        "several": extra.get("widget") == "several",
        "made": bool(extra.get("made")),
        "file": bool(extra.get("file")),
        "usual": _(str(extra.get("usual") or "")),
    }
    return Field(**common, **_kind(name, annotation, extra, discriminator))


def _kind(name: str, annotation: Any, extra: Mapping[str, Any], discriminator: str) -> dict[str, Any]:
    """The fields of `Field` that the type decides."""
    origin = get_origin(annotation)
    if extra.get("widget") in _WIDGETS and not (isinstance(origin, type) and issubclass(origin, (Mapping, Sequence))):
        return {"kind": _WIDGETS[str(extra["widget"])]}
    if origin is Literal:
        return {"kind": "choice", "choices": get_args(annotation)}
    if origin in (Union, UnionType):
        members = get_args(annotation)
        if discriminator and all(_is_model(m) for m in members):
            return {"kind": "section", "shape": _union(members, discriminator)}
        if any(_is_model(m) for m in members):
            raise TypeError(f"{name}: a union of models needs a discriminator")
        return {"kind": "address" if all(m in _ADDRESSES for m in members) else "text"}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        inner, _extra, tag = _unwrap(get_args(annotation)[1], None)
        below = _kind(name, inner, {}, tag)
        if below["kind"] != "section":
            raise TypeError(f"{name}: a table's items must be models")
        return {"kind": "table", "shape": below["shape"]}
    if isinstance(origin, type) and issubclass(origin, (Sequence, AbstractSet)):
        inner, more, _tag = _unwrap(get_args(annotation)[0], None)
        item = Field(name=name, title="", help="", **_kind(name, inner, {**extra, **more}, ""))
        if item.kind in ("section", "table", "list"):
            raise TypeError(f"{name}: a list's items must be plain values")
        # entries with blanks in them can't stand side by side in one line
        return {"kind": "lines" if extra.get("widget") == "lines" else "list", "item": item}
    if not isinstance(annotation, type):
        raise TypeError(f"{name}: a form has no field for {annotation!r}")
    return _plain_kind(name, annotation)


def _plain_kind(name: str, cls: type) -> dict[str, Any]:
    if issubclass(cls, BaseModel):
        return {"kind": "section", "shape": shape_of(cls)}
    if issubclass(cls, Enum):
        return {"kind": "choice", "choices": tuple(member.value for member in cls)}
    if cls is bool:
        return {"kind": "bool"}
    if issubclass(cls, (int, float, Decimal)):
        return {"kind": "number"}
    if cls in _ADDRESSES:
        return {"kind": "address"}
    if issubclass(cls, pydantic.SecretStr):
        return {"kind": "secret"}
    return {"kind": "text"}


def _union(members: Sequence[type[BaseModel]], discriminator: str) -> Shape:
    """A union's shape: one variant for each value that its models' discriminator may have."""
    owners = {tag: model for model in members for tag in _tags(model, discriminator)}
    variants: dict[str, tuple[Field, ...]] = {}
    for tag, model in owners.items():
        fields = shape_of(model).fields()
        chooser = next(f for f in fields if f.name == discriminator)
        first = Field(
            name=discriminator, title=chooser.title, help=chooser.help, kind="choice", required=True,
            choices=tuple(owners),
        )  # fmt: skip
        variants[tag] = (first, *(f for f in fields if f.name != discriminator))
    return Shape(variants, discriminator)


def _tags(model: type[BaseModel], discriminator: str) -> tuple[str, ...]:
    annotation, _extra, _tag = _unwrap(model.model_fields[discriminator].annotation, None)
    return tuple(m.value if isinstance(m, Enum) else str(m) for m in get_args(annotation))


def _unwrap(annotation: Any, info: FieldInfo | None) -> tuple[Any, dict[str, Any], str]:
    """The type without Annotated, aliases and None; what its FieldInfos say, the outermost first; its discriminator."""
    extra: dict[str, Any] = {}
    discriminator = ""

    def learn(found: Any) -> None:
        nonlocal discriminator
        tag = getattr(found, "discriminator", None)
        tag = getattr(tag, "discriminator", tag)
        discriminator = discriminator or (tag if isinstance(tag, str) else "")
        if isinstance(found, FieldInfo):
            said = found.json_schema_extra if isinstance(found.json_schema_extra, dict) else {}
            for key, value in {"title": found.title, "description": found.description, **said}.items():
                if value is not None:
                    extra.setdefault(key, value)

    if info is not None:
        learn(info)
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *metadata = get_args(annotation)
            for item in metadata:
                learn(item)
        elif hasattr(annotation, "__value__"):  # an alias made with `type` or TypeAliasType
            annotation = annotation.__value__
        elif hasattr(origin, "__value__"):
            annotation = origin.__value__[get_args(annotation)]
        elif origin in (Union, UnionType) and NoneType in get_args(annotation):
            members = tuple(m for m in get_args(annotation) if m is not NoneType)
            annotation = Union[members]  # noqa: UP007  (made at run time)
        elif origin in (Union, UnionType) and any(_hides(m) for m in get_args(annotation)):
            annotation = Union[tuple(_bare(m) for m in get_args(annotation))]  # noqa: UP007
        else:
            return annotation, extra, discriminator


def _hides(member: Any) -> bool:
    return get_origin(member) is Annotated or hasattr(member, "__value__")


def _bare(member: Any) -> Any:
    if not _hides(member):
        return member
    return get_args(member)[0] if get_origin(member) is Annotated else member.__value__


def _is_model(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, BaseModel)
