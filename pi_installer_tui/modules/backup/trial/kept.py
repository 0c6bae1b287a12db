"""The last trial of a place: what was tried, what was answered, and when. A JSON file of each place, root's and 0600;
there is no secret in what a trial says."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from pi_installer_tui.modules.backup.places import PlaceSettings
from pi_installer_tui.modules.backup.placing import place_of
from pi_installer_tui.modules.backup.state import TRIALS
from pi_installer_tui.modules.backup.trial.tried import Tried
from pi_installer_tui.system.host import Host

VERSION = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """at: seconds since 1970."""

    at: float
    tried: tuple[Tried, ...]

    @property
    def wrong(self) -> tuple[Tried, ...]:
        """What didn't work."""
        return tuple(each for each in self.tried if each.ok is False)


async def keep(host: Host, name: str, settings: PlaceSettings, tried: Sequence[Tried], at: float) -> None:
    """Keeps it in place of the one before. Raises OSError."""
    lines = [{"what": each.what, "ok": each.ok, "said": each.said, "value": each.value} for each in tried]
    document = {"version": VERSION, "at": at, "repository": _lies(name, settings), "tried": lines}
    uid, gid = os.geteuid(), os.getegid()
    above = TRIALS.rpartition("/")[0]
    for folder in (above.rpartition("/")[0], above, TRIALS):
        if await host.stat(folder) is None:
            await host.mkdir(folder, mode=0o700, uid=uid, gid=gid)
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    await host.replace(f"{TRIALS}/{name}.json", text.encode("utf-8", "replace"), mode=0o600, uid=uid, gid=gid)


async def read(host: Host, name: str, settings: PlaceSettings) -> Kept | None:
    """The last one, None where there is none of the repository that the settings name, or it can't be read."""
    try:
        document = json.loads(await host.text(f"{TRIALS}/{name}.json") or "{}")
        if document.get("version") != VERSION or document["repository"] != _lies(name, settings):
            return None
        return Kept(float(document["at"]), tuple(Tried(**line) for line in document["tried"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _lies(name: str, settings: PlaceSettings) -> str:
    return place_of(name, settings).repository
