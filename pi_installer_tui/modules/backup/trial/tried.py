"""What a trial of a place says: one line for each thing that was tried, without a secret in it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, quote_plus

from pi_installer_tui.i18n import N_

What = Literal[
    "settings",
    "host-key",
    "reach",
    "login",
    "disk",
    "place",
    "region",
    "lock",
    "list",
    "write",
    "read",
    "delete",
    "space",
    "repository",
    "password",
    "limit",
]

#: what each is called, to be translated where it is shown
TITLES: Mapping[What, str] = {
    "settings": N_("Settings"),
    "host-key": N_("Server's key"),
    "reach": N_("Reach it"),
    "login": N_("Log in"),
    "disk": N_("Disk"),
    "place": N_("Folder or bucket"),
    "region": N_("Region"),
    "lock": N_("Object lock and versions"),
    "list": N_("List"),
    "write": N_("Write"),
    "read": N_("Read back"),
    "delete": N_("Delete"),
    "space": N_("Free space"),
    "repository": N_("Repository"),
    "password": N_("Password"),
    "limit": N_("Time limit"),
}

#: characters of an answer that are repeated
MOST = 300
#: shorter ones would take parts of ordinary words away
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing that was tried. ok: None: nothing that is right or wrong, but to be known; said: in words, with what
    the provider answered; value: what the form can take over (host-key: `ssh-ed25519 AAAA...`; region: its name)."""

    what: What
    ok: bool | None
    said: str
    value: str = ""


class Scrub:
    """Takes secrets out of a text: as they are, as URLs and headers carry them, and line by line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        whole = [secret for secret in secrets if secret]
        lines = [line.strip() for secret in whole for line in secret.splitlines() if len(line.strip()) >= _SHORTEST]
        forms = {form for each in (*whole, *lines) for form in (each, quote(each, safe=""), quote_plus(each))}
        forms |= {base64.b64encode(each.encode()).decode() for each in whole}
        self._forms = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """One line of it, printable, not longer than MOST."""
        for form in self._forms:
            text = text.replace(form, "***")
        line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return line if len(line) <= MOST else f"{line[: MOST - 1]}…"
