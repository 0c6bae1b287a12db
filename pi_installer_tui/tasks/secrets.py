"""The values behind the names of secrets. Settings and plans hold only a name; the value lies below the state
directory, root's and 0600, for as long as it is needed:

    secrets/given/NAME   given by a form or a file; a step uses it up
    secrets/made/NAME    made by a step where none was given; shown once, then gone
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from pi_installer_tui.i18n import _
from pi_installer_tui.tasks.journal import sync_folder, write_file

SECRET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
SecretName = Annotated[str, Field(pattern=rf"^{SECRET.pattern}$")]

if TYPE_CHECKING:
    from pi_installer_tui.tasks.plan import Plan


def reference(module: str) -> tuple[BeforeValidator, WithJsonSchema]:
    """What makes a text the name of a secret in a module's settings: `users.` and a name. What looks otherwise may be a
    secret itself that somebody wrote there, so it is refused, and not repeated."""

    known = re.compile(rf"{module}\.[A-Za-z0-9_.-]{{1,160}}")

    def check(value: object) -> str:
        if not isinstance(value, str) or not known.fullmatch(value):
            raise ValueError(
                _(
                    "isn't the name of a secret, which is {module} with a dot and letters, digits, _, - or dots behind "
                    "it. A setup file holds no secret itself: that is given under its name (--secrets FILE), or made"
                ).format(module=module)
            )
        return value

    return BeforeValidator(check), WithJsonSchema({"type": "string", "pattern": f"^{known.pattern}$"})


#: letters and digits that nobody takes for another one when it is read from a screen
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUP = 5
#: letters and digits of a value that is made: 116 bits
LENGTH = 20


class Secrets:
    """The secrets below a state directory. Names are `SecretName`s."""

    def __init__(self, state: Path) -> None:
        self._root = state / "secrets"

    def give(self, name: str, value: str) -> None:
        """Keeps a value until a step uses it. Raises OSError."""
        self._put("given", name, value)

    def given(self, name: str) -> str | None:
        """A value that waits to be used. Raises OSError."""
        return self._get("given", name)

    def used(self, name: str) -> None:
        """The value isn't needed any more. Raises OSError."""
        self._forget("given", name)

    def make(self, name: str, length: int = LENGTH) -> str:
        """A new random value of that many letters and digits at least, in groups of five: `Kx3mP-...`; the same one
        until it was shown, so that a step that runs again after a crash finds it. It has small letters, capitals,
        digits and another sign, whatever rules there are for passwords. Raises OSError."""
        found = self._get("made", name)
        if found is None:
            found = _random(length)
            self._put("made", name, found)
        return found

    def keep(self, name: str, value: str) -> None:
        """Keeps a value that a step has made some other way, until it is shown. Raises OSError."""
        self._put("made", name, value)

    def made(self, name: str) -> str | None:
        """A value that was made and wasn't shown yet; it stays. Raises OSError."""
        return self._get("made", name)

    def show(self, name: str) -> str | None:
        """A value that was made, for the only time: it is gone afterwards. Raises OSError."""
        found = self._get("made", name)
        self._forget("made", name)
        return found

    def waits(self, name: str) -> bool:
        """A value was made and nobody has seen it. Raises OSError."""
        return self._get("made", name) is not None

    def _put(self, kind: str, name: str, value: str) -> None:
        for folder in (self._root.parent, self._root, self._root / kind):
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                sync_folder(folder.parent)
        write_file(self._root / kind / name, value.encode())

    def _get(self, kind: str, name: str) -> str | None:
        try:
            return (self._root / kind / name).read_text()
        except FileNotFoundError:
            return None

    def _forget(self, kind: str, name: str) -> None:
        path = self._root / kind / name
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            sync_folder(path.parent)


def _random(length: int) -> str:
    while True:
        groups = ["".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(-(-length // _GROUP))]
        found = "-".join(groups)
        if any(c.islower() for c in found) and any(c.isupper() for c in found) and any(c.isdigit() for c in found):
            return found


def names(plan: Plan) -> tuple[str, ...]:
    """The secrets that a plan's steps use or make."""
    return tuple(dict.fromkeys(name for step in plan.flat for name in step.secrets))


def give(state: Path, plan: Plan, values: Mapping[str, str]) -> None:
    """Keeps those of the values that a plan's steps use, until they do. Raises OSError."""
    for name in names(plan):
        if name in values:
            Secrets(state).give(name, values[name])


def forget(state: Path, plan: Plan) -> None:
    """A job that is over needs no value that was given any more. Raises OSError."""
    for name in names(plan):
        Secrets(state).used(name)


def unseen(state: Path, plan: Plan) -> tuple[str, ...]:
    """The names of the secrets that a plan's steps have made and nobody has seen; they stay. Raises OSError."""
    return tuple(name for name in names(plan) if Secrets(state).made(name) is not None)


def handed_over(plan: Plan) -> tuple[str, ...]:
    """The secrets that a plan's steps make and that are of no use alone: a peer's key, which it is given with the rest
    of its configuration."""
    return tuple(dict.fromkeys(name for step in plan.flat for name in step.handed_over))


def take(state: Path, plan: Plan, but: Collection[str] = ()) -> tuple[tuple[str, str], ...]:
    """The secrets that a plan's steps have made and nobody has seen, each with its name, for the only time. but: those
    that are left. Raises OSError."""
    found = ((name, Secrets(state).show(name)) for name in names(plan) if name not in but)
    return tuple((name, value) for name, value in found if value is not None)
