"""What was found out about one value of the machine: the value, that there is none, or that it is unknown and why.

Nothing here is ever guessed: a tool that is absent, a permission that is lacking and output that can't be parsed are
`Unknown`, with the reason in words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value stands: a file and, where it has one, its line (counted from 1)."""

    path: str
    line: int | None = None

    def __str__(self) -> str:
        return self.path if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A value that was read."""

    value: T
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """It was looked for in the right place and isn't set."""

    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """It could not be read. `reason` is a translated phrase: `nmcli is not installed`, `no permission for /etc/x`."""

    reason: str


Reading: TypeAlias = Known[T] | Missing | Unknown
MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Value(Generic[T]):
    """The three forms of one setting, and who owns it.

    configured: what the machine's files say (with file and line).
    effective:  what runs now.
    pending:    what will be after a reboot; None where that can't differ from what is configured.
    owner:      the program that rewrites the setting by itself (`cloud-init`, `netplan`, `NetworkManager`), or "".
    """

    configured: Reading[T]
    effective: Reading[T]
    pending: Reading[T] | None = None
    owner: str = ""

    @property
    def best(self) -> Reading[T]:
        """What a form starts with: configured where it is known, else effective."""
        return self.configured if isinstance(self.configured, Known) else self.effective


def known(reading: Reading[T] | None) -> T | None:
    """The value of a reading, None where it is missing or unknown."""
    return reading.value if isinstance(reading, Known) else None


def mapped(value: Value[Any], shown: Callable[[Any], str]) -> Value[str]:
    """The same value in words."""

    def one(reading: Reading[Any]) -> Reading[str]:
        return Known(shown(reading.value), reading.source) if isinstance(reading, Known) else reading

    pending = None if value.pending is None else one(value.pending)
    return Value(one(value.configured), one(value.effective), pending, value.owner)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def reading_json(reading: Reading[Any] | None, plain: Callable[[Any], Any] = _listed) -> Any:
    """A reading for `status --json`: missing: null, unknown: {"unknown": reason}."""
    if isinstance(reading, Known):
        return plain(reading.value)
    return {"unknown": reading.reason} if isinstance(reading, Unknown) else None


def value_json(value: Value[Any], plain: Callable[[Any], Any] = _listed) -> dict[str, Any]:
    """A value for `status --json`: {configured, effective, pending, owner, source}."""
    source = None if isinstance(value.configured, Unknown) else value.configured.source
    return {
        "configured": reading_json(value.configured, plain),
        "effective": reading_json(value.effective, plain),
        "pending": reading_json(value.pending, plain),
        "owner": value.owner or None,
        "source": str(source) if source else None,
    }
