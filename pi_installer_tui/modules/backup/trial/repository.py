"""Whether the password opens the repository that a trial has found: restic itself is asked, with the secrets in files
for as long as it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.modules.backup.places import PlaceSettings, SftpPlace
from pi_installer_tui.modules.backup.placing import known_hosts_line, place_of
from pi_installer_tui.modules.backup.trial.given import Scratch, scratch
from pi_installer_tui.modules.backup.trial.tried import Scrub, Tried
from pi_installer_tui.restic.answers import Trouble
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.restic.place import Place
from pi_installer_tui.restic.words import sentence
from pi_installer_tui.system.host import CommandNotFound, Host

#: what restic's repositories have at their top (its documentation, `Repository Format`)
_ITS_OWN = {"config", "data", "index", "keys", "locks", "snapshots"}


def found(names: set[str] | frozenset[str]) -> Tried:
    """What lies at the place: a repository, nothing, or something else. names: what was listed there."""
    if "config" in names:
        return Tried("repository", True, _("a repository is there"))
    others = len(names - _ITS_OWN)
    if not others:
        return Tried("repository", None, _("none is there yet; the first run makes it"))
    text = ngettext(
        "none is there yet; the first run makes it beside {count} other thing",
        "none is there yet; the first run makes it beside {count} other things",
        others,
    )
    return Tried("repository", None, text.format(count=others))


async def password(host: Host, settings: PlaceSettings, have: Mapping[str, str], scrub: Scrub) -> Tried:
    """Whether it opens the repository."""
    if "password" not in have:
        return Tried("password", False, _("the repository has one already: it has to be given"))
    try:
        async with scratch(host) as folder:
            there = await _place(settings, have, folder)
            opened = await Restic(host, there, cache=f"{folder.path}/cache", patience=20).initialised()
    except CommandNotFound:
        return Tried("password", None, _("restic isn't installed yet, so nobody can tell"))
    except Trouble as error:
        if error.reason == "wrong-password":
            return Tried("password", False, _("the repository has another one than was given"))
        error.values["place"] = _("the place")
        return Tried("password", False, scrub(sentence(error)))
    except OSError as error:
        return Tried("password", None, scrub(str(error)))
    if not opened:
        return Tried("password", False, _("restic finds no repository there"))
    return Tried("password", True, _("it opens the repository"))


async def _place(settings: PlaceSettings, have: Mapping[str, str], folder: Scratch) -> Place:
    """The place, the secrets in files of the trial."""
    files = {field: await folder.put(field, value.rstrip("\n") + "\n") for field, value in have.items()}
    known = await folder.put("known_hosts", known_hosts_line(settings)) if isinstance(settings, SftpPlace) else ""
    return replace(
        place_of("trial", settings),
        password=files.get("password", ""),
        secret=files.get("secret", ""),
        key=files.get("key", ""),
        known_hosts=known,
        upload=None,
        download=None,
    )
