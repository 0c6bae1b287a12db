"""The secrets that are given with a setup file, by the names that it has: `--secrets FILE`, or systemd's credentials
(systemd.exec(5), CREDENTIALS). What is wrong with one is told without its value."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pi_installer_tui import setup_file
from pi_installer_tui.i18n import _
from pi_installer_tui.mistakes import place
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.tasks.plan import Mistake
from pi_installer_tui.tasks.secrets import SECRET

#: characters of a secret: what a line for chpasswd(8) has room for
MAX_LENGTH = 500
#: secrets that may have several lines: SSH keys, service accounts; and their characters
LONG, MAX_LONG = "backup.", 20_000
#: where systemd puts a service's credentials
CREDENTIALS = "CREDENTIALS_DIRECTORY"


def parse(text: str, name: str) -> dict[str, str]:
    """The secrets in a file called `name`: YAML, `name: value`. Raises SetupError."""
    found = setup_file.read(text, name)
    wrong = [mistake for key, value in found.items() for mistake in _wrong(key, value)]
    if wrong:
        raise SetupError(*wrong)
    return found


def credentials(document: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Those of systemd's credentials that are called as a secret which a setup's document names, each without a last
    line end. Raises SetupError."""
    folder = environ.get(CREDENTIALS, "")
    if not folder:
        return {}
    found: dict[str, str] = {}
    wrong: list[Mistake] = []
    for name in dict.fromkeys(_texts(document)):
        if not SECRET.fullmatch(name):
            continue
        try:
            value = Path(folder, name).read_text("utf-8").removesuffix("\n")
        except FileNotFoundError:
            continue
        except UnicodeDecodeError:
            wrong.append(Mistake(place(name), _("the credential isn't UTF-8")))
            continue
        except OSError as error:
            wrong.append(Mistake(place(name), _("the credential can't be read: {why}").format(why=error.strerror)))
            continue
        wrong += _wrong(name, value)
        found[name] = value
    if wrong:
        raise SetupError(*wrong)
    return found


def _wrong(key: str, value: object) -> Iterator[Mistake]:
    if not SECRET.fullmatch(key):
        yield Mistake(place(key), _("isn't the name of a secret"))
    elif not isinstance(value, str) or not value:
        yield Mistake(place(key), _('must be text; put a number or true/false in quotes ("…")'))
    elif key.startswith(LONG):
        if len(value) > MAX_LONG or any(ord(character) < 32 and character not in "\t\n\r" for character in value):
            yield Mistake(place(key), _("must be text, up to {n} characters").format(n=MAX_LONG))
    elif len(value) > MAX_LENGTH or any(ord(character) < 32 or ord(character) == 127 for character in value):
        yield Mistake(place(key), _("must be one line, up to {n} characters").format(n=MAX_LENGTH))


def _texts(value: object) -> Iterator[str]:
    """All texts in plain data, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for below in value.values():
            yield from _texts(below)
    elif isinstance(value, list | tuple):
        for below in value:
            yield from _texts(below)
