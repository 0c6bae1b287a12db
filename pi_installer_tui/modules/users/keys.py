"""Lines of authorized_keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT): options, type, key, comment. Whether a key is one is
ssh-keygen's to say; here lines are only taken apart."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

#: sshd(8); DSA keys, certificates and anything newer aren't taken as new keys
TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_KEY = re.compile(r"((?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+)[ \t]+([A-Za-z0-9+/]+=*)(?:[ \t]+(.*))?")
#: what `ssh-keygen -l` prints: bits, fingerprint, comment, type
_SAID = re.compile(r"([0-9]+) (SHA256:[A-Za-z0-9+/]{43}) (.*) \(([A-Z0-9-]+)\)")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that holds a key. number: of the line, from 1. data: the key in base64."""

    number: int
    options: str
    type: str
    data: str
    comment: str

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen(1) prints it."""
        digest = hashlib.sha256(base64.b64decode(self.data)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def line(text: str, number: int = 1) -> Line | None:
    """A line taken apart, None for one that holds no key: a comment, a blank one, something else."""
    rest = text.strip(" \t\r")
    if not rest or rest.startswith("#"):
        return None
    options = ""
    found = _KEY.fullmatch(rest)
    if found is None:
        options, rest = _options(rest)
        found = _KEY.fullmatch(rest)
    if found is None:
        return None
    kind, data, comment = found.groups()
    try:
        blob = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    if blob[:4] != len(kind).to_bytes(4, "big") or blob[4 : 4 + len(kind)] != kind.encode():
        return None  # RFC 4253, 6.6: the key starts with its own type
    return Line(number, options, kind, data, (comment or "").strip())


def _options(text: str) -> tuple[str, str]:
    """The options before a key end at the first blank that isn't in quotes."""
    quoted, at = False, 0
    while at < len(text) and (quoted or text[at] not in " \t"):
        if text[at] == "\\" and text[at + 1 : at + 2] == '"':
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        at += 1
    return text[:at], text[at:].lstrip(" \t")


def lines(text: str) -> tuple[Line, ...]:
    """All keys of a file."""
    found = (line(each, number) for number, each in enumerate(text.split("\n"), 1))
    return tuple(each for each in found if each is not None)


def said(output: str) -> dict[str, tuple[int, str]]:
    """Bits and type of each key that `ssh-keygen -l` found, by fingerprint."""
    found = {}
    for each in output.splitlines():
        if match := _SAID.fullmatch(each):
            found[match[2]] = (int(match[1]), match[4])
    return found


def changed(text: str, add: Iterable[str], remove: Collection[str]) -> str:
    """A file with keys added at its end and those with the given fingerprints taken out; every other byte stays. A key
    that is there already stays as it is, with the options it has."""
    there = {each.fingerprint: each.number for each in lines(text)}
    gone = {number for fingerprint, number in there.items() if fingerprint in remove}
    gone |= {each.number for each in lines(text) if each.fingerprint in remove}
    rows = [row for number, row in enumerate(text.split("\n"), 1) if number not in gone]
    new = "\n".join(rows)
    for each in add:
        found = line(each)
        if found is None or found.fingerprint in there or found.fingerprint in remove:
            continue
        there[found.fingerprint] = 0
        new = f"{new}\n{each}\n" if new and not new.endswith("\n") else f"{new}{each}\n"
    return new
