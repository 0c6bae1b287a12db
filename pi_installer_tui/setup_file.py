"""The setup file as text: YAML in, plain data out, and back. What the data means is planning's business.

It is YAML 1.2's core: `no`, `on` and `12:30` are text, a key is always text, and a key that stands twice is refused.
Nothing but mappings, lists, text, numbers, true, false and null comes out, whatever tags the text has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.tasks.plan import Mistake

#: bytes of one setup file, and values in it once its anchors are expanded
MAX_SIZE = 1_000_000
MAX_VALUES = 100_000

_CORE = "tag:yaml.org,2002:"
_NO_TAGS = N_("tags (!…) have no meaning in a setup file")


class SetupError(Exception):
    """The setup file is wrong; nothing was read or changed. `mistakes` has at least one."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2's core schema (yaml.org/spec/1.2.2, 10.3.2)."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


def _resolver(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"{_CORE}{tag}", re.compile(f"^(?:{pattern})$"), list(first))


_resolver("null", r"~|null|Null|NULL|", "~nN")
_resolver("bool", r"true|True|TRUE|false|False|FALSE", "tTfF")
_resolver("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789")
_resolver("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", "-+.0123456789")
_Loader.yaml_implicit_resolvers.setdefault("", []).append((f"{_CORE}null", re.compile("^$")))


def read(text: str, name: str = "") -> dict[str, Any]:
    """The data of a setup file called `name` (for the places in mistakes). An empty file is an empty mapping.

    Raises SetupError, with line numbers counted from 1.
    """
    if len(text) > MAX_SIZE:
        raise SetupError(Mistake(name, _("the file is larger than a setup file may be (1 MB)")))
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is None:
            return {}
        mistakes: list[Mistake] = []
        data = _Plain(name, mistakes).value(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SetupError(Mistake(_line(name, mark), _syntax(error))) from None
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1
        raise SetupError(Mistake(_at(name, line), _("a character that YAML doesn't allow"))) from None
    except RecursionError:
        raise SetupError(Mistake(name, _("it is nested too deeply"))) from None
    if mistakes:
        raise SetupError(*mistakes)
    if not isinstance(data, dict):
        raise SetupError(
            Mistake(_line(name, node.start_mark), _("a setup file is `version: 1` and one key per module"))
        )
    return data


def merge(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """`first` with `second` on top: mappings are merged key by key, anything else is replaced, and a null in `second`
    takes the key away."""
    merged = dict(first)
    for key, value in second.items():
        present = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = merge(present if isinstance(present, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def write(data: Mapping[str, Any], comments: tuple[str, ...] = ()) -> str:
    """The data as the text of a setup file, which `read` gives back unchanged. `comments` go on top."""
    body = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100)
    return "".join(f"# {line}\n" for line in comments) + body


class _Dumper(yaml.SafeDumper):
    """SafeDumper without anchors. It quotes what YAML 1.1 would misread, so any reader gets the same data."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # PyYAML writes a next-line character (U+0085) bare, and reads it back as a line break
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar(f"{_CORE}str", text, style=style)


_Dumper.add_representer(str, _text)


class _Plain:
    """Makes plain data of composed nodes; notes keys that stand twice and values that have no place here."""

    def __init__(self, name: str, mistakes: list[Mistake]) -> None:
        self.name = name
        self.mistakes = mistakes
        self.count = 0
        self.inside: set[int] = set()

    def value(self, node: yaml.Node) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            raise SetupError(Mistake(self.name, _("it has more values than a setup file may have")))
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if id(node) in self.inside:
            self.wrong(node, _("it contains itself"))
            return None
        self.inside.add(id(node))
        try:
            if node.tag not in (f"{_CORE}map", f"{_CORE}seq"):
                self.wrong(node, _(_NO_TAGS))
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item) for item in node.value]
            return self.mapping(node)
        finally:
            self.inside.discard(id(node))

    def mapping(self, node: yaml.Node) -> dict[str, Any]:
        data: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.wrong(key_node, _("a key must be text"))
                continue
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in lines:
                self.wrong(
                    key_node, _("{key} stands here twice, first in line {line}").format(key=key, line=lines[key])
                )
                continue
            lines[key] = line
            data[key] = self.value(value_node)
        return data

    def scalar(self, node: yaml.ScalarNode) -> Any:
        text = str(node.value)
        match node.tag.removeprefix(_CORE):
            case "str":
                return text
            case "null" if not text or text.lower() in ("~", "null"):
                return None
            case "bool" if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case "int" | "float" as kind if len(text) < 30:
                try:
                    return int(text) if kind == "int" else float(text)
                except ValueError:
                    self.wrong(node, _("not a number"))
            case "int" | "float":
                self.wrong(node, _("the number is too long"))
            case _:
                self.wrong(node, _(_NO_TAGS))
        return None

    def wrong(self, node: yaml.Node, message: str) -> None:
        self.mistakes.append(Mistake(_line(self.name, node.start_mark), message))


def _syntax(error: yaml.MarkedYAMLError) -> str:
    problem = (error.problem or error.context or "").strip()
    if "\\t" in problem or "'\t'" in problem:
        return _("YAML is indented by spaces, here is a tab")
    # PyYAML's words may quote what it met: a character, its own name for a token, but a word of the text nowhere
    problem = re.sub(r" '[^'<][^']+'", "", problem)
    return _("this isn't YAML: {problem}").format(problem=problem)


def _line(name: str, mark: yaml.Mark | None) -> str:
    return _at(name, mark.line + 1) if mark is not None else name


def _at(name: str, line: int) -> str:
    return f"{name}:{line}" if name else _("line {line}").format(line=line)
