"""A place is tried before it is applied: each permission on its own, with what the provider answered. Nothing is left
behind there. One file for each kind of place; tried.py what is said, given.py what it works with, thread.py what
blocks, web.py one HTTP request, repository.py whether one is there and the password fits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.places import FolderPlace, GcsPlace, PlaceSettings, RestPlace, S3Place, SftpPlace
from pi_installer_tui.modules.backup.trial.given import values
from pi_installer_tui.modules.backup.trial.tried import TITLES, Scrub, Tried, What
from pi_installer_tui.system.host import Host

__all__ = ["SECONDS", "TITLES", "Tried", "What", "trial"]

#: what a single try may take
SECONDS = 60.0


async def trial(
    host: Host, settings: PlaceSettings, secrets: Mapping[str, str], *, create: bool = False, seconds: float = SECONDS
) -> AsyncIterator[Tried]:
    """Tries a place as it was typed in, and says one thing after the other. secrets: the values that were given, by
    their names; others are read where they lie on the machine. create: a bucket that isn't there is made (which stays).
    seconds: what a single try may take. Cancelling it ends what runs."""
    if host.kind != "local" and not isinstance(settings, FolderPlace):
        yield Tried("reach", None, _("a machine that is only played reaches no server"))
        return
    have = await values(host, settings, secrets)
    tries = _tries(host, settings, have, Scrub(have.values()), create)
    try:
        while True:
            async with asyncio.timeout(seconds):
                tried = await anext(tries, None)
            if tried is None:
                return
            yield tried
    except TimeoutError:
        yield Tried("limit", False, _("nothing more came within {seconds:g} s").format(seconds=seconds))
    finally:
        await tries.aclose()


async def _tries(
    host: Host, settings: PlaceSettings, have: Mapping[str, str], scrub: Scrub, create: bool
) -> AsyncGenerator[Tried, None]:
    match settings:
        case FolderPlace():
            from pi_installer_tui.modules.backup.trial import folder

            found = folder.tries(host, settings)
        case SftpPlace():
            from pi_installer_tui.modules.backup.trial import sftp

            found = sftp.tries(host, settings, have, scrub)
        case RestPlace():
            from pi_installer_tui.modules.backup.trial import rest

            found = rest.tries(settings, have, scrub)
        case S3Place():
            from pi_installer_tui.modules.backup.trial import s3

            found = s3.tries(settings, have, scrub, create)
        case GcsPlace():
            from pi_installer_tui.modules.backup.trial import google

            found = google.tries(host, settings, have, scrub, create)
    there = False
    async for tried in found:
        yield tried
        there = there or (tried.what == "repository" and tried.ok is True)
    if there:
        from pi_installer_tui.modules.backup.trial.repository import password

        yield await password(host, settings, have, scrub)
