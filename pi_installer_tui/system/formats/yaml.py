"""YAML with its comments (netplan, cloud-init): one value is replaced where PyYAML's marks say it stands, the file is
never dumped again. The new text is parsed and compared with what was meant; where it differs nothing is changed.

The key is a path of mapping keys. Aliases are seen through, merge keys (`<<`) are not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from pi_installer_tui.system.formats import Entry, FormatError, insert, lines_of, one_line

#: characters; a configuration file of that size is something else
_MOST = 1_000_000

#: what every YAML version and reader takes as text when it isn't quoted
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+@-]*(:[A-Za-z0-9_./+@-]+)*")
_NUMBER = re.compile(r"[-+]?(0[xX][0-9a-fA-F_]+|0o[0-7]+|[0-9.][0-9_.:]*([eE][-+]?[0-9]+)?)")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+(/\d+)?")
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


def get(text: str, key: tuple[str, ...]) -> Entry | None:
    """The value at that path (dict, list, str, int, float, bool, None) and its line."""
    return _found(_Document(text), key)


def edit(text: str, key: tuple[str, ...], value: object) -> str:
    """Sets the value at that path, makes the mappings on the way, or takes it away with None. A mapping that loses its
    last key stays as `{}`. Raises FormatError for what can't be done without touching something else: anchors, tags,
    keys in several lines."""
    if not key:
        raise FormatError("the key must not be empty")
    path = tuple(one_line(part) for part in key)
    document = _Document(text)
    meant = _meant(document.data, path, _checked(value) if value is not None else None, value is None)
    if _same(document.data or {}, meant):
        return text
    edited = document.removed(path) if value is None else document.set(path, _checked(value))
    if not _same(_Document(edited).data or {}, meant):
        raise FormatError("this place can't be changed without changing others", document.line(path))
    return edited


def _found(document: _Document, key: tuple[str, ...]) -> Entry | None:
    node, data, line = document.root, document.data, 1
    for part in key:
        pair = _pair(node, part)
        if pair is None or not isinstance(data, dict):
            return None
        line = document.row(pair[0].start_mark.index) + 1
        node, data = pair[1], data[part]
    return Entry(data, line)


def _checked(value: object) -> Any:
    """The value with lists for tuples; every text in it on one line."""
    if isinstance(value, dict):
        return {one_line(name): _checked(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_checked(item) for item in value]
    if isinstance(value, str) and (one_line(value) != value or yaml.reader.Reader.NON_PRINTABLE.search(value)):
        raise FormatError("the value has a character that can't stand in YAML")
    if value is None or isinstance(value, str | bool | int):
        return value
    raise FormatError("the value must be made of texts, whole numbers, booleans, lists and mappings")


def _meant(data: object, path: tuple[str, ...], value: object, remove: bool) -> dict[str, Any]:
    if data is not None and not isinstance(data, dict):
        raise FormatError(f"{path[0]} can't stand here: it isn't a mapping")
    result: dict[str, Any] = dict(data or {})
    first, rest = path[0], path[1:]
    if remove and first not in result:
        return result
    if rest:
        below = result.get(first)
        if remove and not isinstance(below, dict):
            return result
        changed = _meant(below, rest, value, remove)
        if not (remove and changed == below):
            result[first] = changed
    elif remove:
        del result[first]
    else:
        result[first] = value
    return result


def _same(one: object, other: object) -> bool:
    """Equal, of equal types, all the way down; terminates on aliases that hold themselves."""
    seen: set[tuple[int, int]] = set()
    todo = [(one, other)]
    while todo:
        a, b = todo.pop()
        if a is b or (id(a), id(b)) in seen:
            continue
        if type(a) is not type(b):
            return False
        if isinstance(a, dict) and isinstance(b, dict):
            seen.add((id(a), id(b)))
            if list(a) != list(b) and set(a) != set(b):
                return False
            todo.extend((a[name], b[name]) for name in a)
        elif isinstance(a, list) and isinstance(b, list):
            seen.add((id(a), id(b)))
            if len(a) != len(b):
                return False
            todo.extend(zip(a, b, strict=True))
        elif a != b and not (isinstance(a, float) and repr(a) == repr(b)):
            return False
    return True


def _pair(node: yaml.Node | None, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return key, value
    return None


@dataclass(frozen=True, slots=True)
class _Place:
    """An entry of a mapping on the way to a key."""

    parent: yaml.MappingNode
    key: yaml.Node
    value: yaml.Node


class _Document:
    """A parsed text: its nodes with their marks, and its data. Raises FormatError."""

    def __init__(self, text: str) -> None:
        if len(text) > _MOST:
            raise FormatError("the file is too large")
        self.text = text
        try:
            self._loader = yaml.SafeLoader(text)
            self.root: yaml.Node | None = self._loader.get_single_node()
            self._memo: dict[int, Any] = {}
            self.data: Any = None if self.root is None else self._value(self.root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise FormatError(error.problem or error.context or "no YAML", mark.line + 1 if mark else 0) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise FormatError("a character that can't stand in YAML", line) from None
        except RecursionError:
            raise FormatError("it is nested too deeply") from None

    def _value(self, node: yaml.Node) -> Any:
        if id(node) in self._memo:
            return self._memo[id(node)]
        if isinstance(node, yaml.MappingNode):
            mapping: dict[str, Any] = {}
            self._memo[id(node)] = mapping
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise FormatError("a key that isn't text", self.row(key.start_mark.index) + 1)
                if key.value in mapping:
                    raise FormatError("the same key twice", self.row(key.start_mark.index) + 1)
                mapping[key.value] = self._value(value)
            return mapping
        if isinstance(node, yaml.SequenceNode):
            sequence: list[Any] = []
            self._memo[id(node)] = sequence
            sequence.extend(self._value(item) for item in node.value)
            return sequence
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if kind in ("int", "bool", "float", "null"):
            try:
                return self._loader.construct_object(node)
            except (ValueError, KeyError):
                raise FormatError(f"no value of the type {kind}", self.row(node.start_mark.index) + 1) from None
        return str(node.value)

    def line(self, path: tuple[str, ...]) -> int:
        """The line of the deepest part of the path that is there, from 1; 0 where none is."""
        places = list(self._places(path))
        return self.row(places[-1].key.start_mark.index) + 1 if places else 0

    def row(self, index: int) -> int:
        """The line of a character, from 0. (PyYAML's marks count other line breaks too.)"""
        return self.text.count("\n", 0, index)

    def _places(self, path: tuple[str, ...]) -> Iterator[_Place]:
        node = self.root
        for part in path:
            pair = _pair(node, part)
            if pair is None or not isinstance(node, yaml.MappingNode):
                return
            yield _Place(node, *pair)
            node = pair[1]

    # setting ----------------------------------------------------------------------------------------------------------

    def set(self, path: tuple[str, ...], value: Any) -> str:
        """The text with the value at that path. The caller has checked that mappings lead there."""
        places = list(self._places(path))
        rest = path[len(places) :]
        if not rest:
            return self._replaced(places[-1], value)
        parent = places[-1].value if places else self.root
        for part in reversed(rest[1:]):
            value = {part: value}
        if isinstance(parent, yaml.MappingNode) and parent.value:
            return self._added(parent, rest[0], value)
        if places:
            return self._replaced(places[-1], {rest[0]: value})
        if self.root is not None and self.root.end_mark.index > self.root.start_mark.index:  # {} or null, written out
            return self._spliced(self.root.start_mark.index, self.root.end_mark.index, _flow({rest[0]: value}))
        lines = lines_of(self.text)
        return "".join(insert(lines, len(lines), self._block({rest[0]: value}, 0)))

    def _replaced(self, place: _Place, value: Any) -> str:
        node = place.value
        start, colon = node.start_mark.index, self._colon(place.key)
        if start < colon or self.text[start : start + 1] in ("&", "!", "*"):
            raise FormatError("an anchor, alias or tag stands there", self.row(place.key.start_mark.index) + 1)
        end = self._end(node)
        nested = isinstance(value, dict | list) and bool(value)
        written = start != end and (isinstance(node, yaml.ScalarNode) or not _is_block(node))
        if place.parent.flow_style or written:
            return self._spliced(max(start, colon), max(end, colon), ("" if start > colon else " ") + _flow(value))
        indent = place.key.start_mark.column
        if start == end:  # nothing stands behind the colon
            if not nested:
                return self._spliced(colon, colon, " " + _flow(value))
            at = self.row(colon) + 1
            return "".join(insert(lines_of(self.text), at, self._block(value, indent + self._step())))
        if isinstance(value, list) and value and isinstance(node, yaml.SequenceNode):
            return self._items_replaced(node, value)
        first, last = self.row(node.start_mark.index), self.row(end)
        lines = lines_of(self.text)
        if nested:
            column = node.start_mark.column if isinstance(node, yaml.MappingNode) else indent + self._step()
            return "".join(insert(lines[:first], first, self._block(value, column)) + lines[last + 1 :])
        lines[first : last + 1] = []
        at = self.row(place.key.start_mark.index)
        before = sum(len(line) for line in lines[:at])
        colon -= before
        lines[at] = lines[at][:colon] + " " + _flow(value) + lines[at][colon:]
        return "".join(lines)

    def _items_replaced(self, node: yaml.SequenceNode, value: list[Any]) -> str:
        """A block list: items that stay in their place keep their lines and comments."""
        lines = lines_of(self.text)
        old = self._value(node)
        column = node.start_mark.column
        # an item begins on the line of its dash, which is the one of its value unless comments stand between
        spans = [(self.row(item.start_mark.index), self.row(self._end(item)) + 1) for item in node.value]
        keep = 0
        while keep < min(len(old), len(value)) and _same(old[keep], value[keep]):
            keep += 1
        at = spans[keep - 1][1] if keep else self.row(node.start_mark.index)
        end = max(spans[-1][1], at)
        new = self._block(value[keep:], column) if value[keep:] else []
        return "".join(insert(lines[:at], at, new) + lines[end:])

    def _added(self, parent: yaml.MappingNode, name: str, value: Any) -> str:
        end = self._end(parent)
        if parent.flow_style:
            inside = self.text[: end - 1].rstrip()
            comma = "" if inside.endswith(",") else ","
            return self._spliced(len(inside), len(inside), f"{comma} {_flow(name)}: {_flow(value)}")
        at = self.row(end) + 1
        column = parent.value[0][0].start_mark.column
        new = self._block({name: value}, column)
        lines = lines_of(self.text)
        unfinished = at >= len(lines) and not self.text.endswith("\n")
        result = "".join(insert(lines, at, new))
        return result.removesuffix("\n").removesuffix("\r") if unfinished else result

    # removing ---------------------------------------------------------------------------------------------------------

    def removed(self, path: tuple[str, ...]) -> str:
        """The text without that path, which is there."""
        places = list(self._places(path))
        place = places[-1]
        pairs = place.parent.value
        if len(pairs) == 1 and (len(places) > 1 or place.parent.flow_style):
            if len(places) > 1:
                return self._replaced(places[-2], {})
            return self._spliced(place.parent.start_mark.index, place.parent.end_mark.index, "{}")
        number = next(i for i, (key, _) in enumerate(pairs) if key is place.key)
        if place.parent.flow_style:
            if number == 0:
                return self._spliced(place.key.start_mark.index, pairs[1][0].start_mark.index, "")
            return self._spliced(self._pair_end(*pairs[number - 1]), self._pair_end(*pairs[number]), "")
        end = self._pair_end(place.key, place.value)
        begin = place.key.start_mark.index
        if self.text[self.text.rfind("\n", 0, begin) + 1 : begin].strip(" \t\ufeff"):
            raise FormatError("something stands before the key", self.row(begin) + 1)
        lines = lines_of(self.text)
        return "".join(lines[: self.row(place.key.start_mark.index)] + lines[self.row(end) + 1 :])

    # the text ---------------------------------------------------------------------------------------------------------

    def _spliced(self, start: int, end: int, new: str) -> str:
        return self.text[:start] + new + self.text[end:]

    def _colon(self, key: yaml.Node) -> int:
        """The index behind the colon of a key."""
        match = re.compile(r"[ \t]*:").match(self.text, key.end_mark.index)
        if not match:
            raise FormatError("a key without a colon, or in several lines", self.row(key.start_mark.index) + 1)
        return match.end()

    def _end(self, node: yaml.Node) -> int:
        """Where a node's text ends: PyYAML's end mark of a block lies behind the comments that follow it."""
        start, end = node.start_mark.index, node.end_mark.index
        if not _is_block(node):
            return end
        if isinstance(node, yaml.ScalarNode):  # | and >
            return start + len(self.text[start:end].rstrip())
        last = node.value[-1]
        if isinstance(last, tuple):
            return self._pair_end(*last)
        if last.start_mark.index < start:
            raise FormatError("an alias ends the list", self.row(node.start_mark.index) + 1)
        return self._end(last)

    def _pair_end(self, key: yaml.Node, value: yaml.Node) -> int:
        """Where an entry's text ends. An alias has its anchor's marks, so its line is looked at instead."""
        if value.start_mark.index >= key.end_mark.index:
            return self._end(value)
        match = re.compile(r"[ \t]*:[ \t]*\*[^\s,\[\]{}]+").match(self.text, key.end_mark.index)
        if not match:
            raise FormatError("an alias in several lines", self.row(key.start_mark.index) + 1)
        return match.end()

    def _step(self) -> int:
        """By how many columns this file indents."""
        todo = [self.root]
        while todo:
            node = todo.pop(0)
            if isinstance(node, yaml.MappingNode) and not node.flow_style:
                for key, value in node.value:
                    if isinstance(value, yaml.MappingNode) and not value.flow_style:
                        step = value.value[0][0].start_mark.column - key.start_mark.column
                        if step > 0:
                            return int(step)
                    todo.append(value)
        return 2

    def _block(self, value: dict[str, Any] | list[Any], column: int) -> list[str]:
        """A collection that isn't empty as lines in block style, without ends; lists of plain things in it in flow."""
        indent, step = " " * column, self._step()
        lines = []
        if isinstance(value, list):
            return [f"{indent}- {_flow(item)}" for item in value]
        for name, item in value.items():
            if isinstance(item, dict) and item:
                lines += [f"{indent}{_flow(name)}:", *self._block(item, column + step)]
            else:
                lines.append(f"{indent}{_flow(name)}: {_flow(item)}")
        return lines


def _is_block(node: yaml.Node) -> bool:
    if isinstance(node, yaml.ScalarNode):
        return node.style in ("|", ">")
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def _flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(name)}: {_flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    bare = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    if bare and (_ADDRESS.fullmatch(text) or not _NUMBER.fullmatch(text)) and text not in (".", "..", "..."):
        resolver: Any = yaml.resolver.Resolver()
        if resolver.resolve(yaml.ScalarNode, text, (True, False)) == "tag:yaml.org,2002:str":
            return text
    return json.dumps(text, ensure_ascii=False)
