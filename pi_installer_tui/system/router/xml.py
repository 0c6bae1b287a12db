"""XML of strangers: no document type, so no entities; bounded in size, depth and number of elements; names without
their namespace."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from xml.parsers import expat

_BYTES, _DEPTH, _ELEMENTS = 256 * 1024, 40, 4000


class XmlError(Exception):
    """It isn't XML, or more than we read of a stranger."""


def parse(data: bytes) -> ET.Element:
    """The root element. Raises XmlError."""
    if len(data) > _BYTES:
        raise XmlError("too long")
    builder = ET.TreeBuilder()
    depth = seen = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, seen
        depth, seen = depth + 1, seen + 1
        if depth > _DEPTH or seen > _ELEMENTS:
            raise XmlError("too many elements")
        builder.start(name.rpartition("\n")[2], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name.rpartition("\n")[2])

    def refuse(*_what: object) -> int:
        raise XmlError("it declares what a document isn't asked for")

    parser = expat.ParserCreate(namespace_separator="\n")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    try:
        # some routers end with NULs, or send a line before the declaration
        parser.Parse(data.strip(b"\0\r\n\t "), True)
        root = builder.close()
    except (expat.ExpatError, AssertionError, ValueError, LookupError):
        raise XmlError("it isn't XML") from None
    return root


def text(element: ET.Element, name: str) -> str:
    """The text of the first child of that name, "" where there is none."""
    found = element.find(name)
    return (found.text or "").strip() if found is not None else ""
