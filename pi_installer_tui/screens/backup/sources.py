"""What the screens of restoring need of Backup's settings and history: the places, and the drills that proved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _

if TYPE_CHECKING:
    from pi_installer_tui.restic.place import Place
    from pi_installer_tui.system.host import Host


async def places(host: Host) -> tuple[Place, ...]:
    """The places of the settings as they were applied. Raises Unreadable."""
    from pi_installer_tui.modules.backup import applied
    from pi_installer_tui.modules.backup.placing import place_of
    from pi_installer_tui.screens.backup.library import Unreadable

    try:
        text = await host.text(applied.PATH)
        settings = applied.load(text) if text is not None else None
    except PermissionError:
        raise Unreadable(_("no permission for {path}").format(path=applied.PATH)) from None
    except ValueError as error:
        raise Unreadable(f"{applied.PATH}: {error}") from None
    found = (settings.places if settings is not None else None) or {}
    return tuple(place_of(name, place) for name, place in found.items())


async def drills(host: Host) -> tuple[tuple[str, str, float], ...]:
    """Those that proved: job, place, when they began, in seconds since 1970."""
    from pi_installer_tui.tasks.runs import read

    try:
        runs = await read(host)
    except OSError:
        return ()
    return tuple(
        (str(run.arguments.get("job", "")), str(run.arguments.get("place", "")), run.started)
        for run in runs
        if run.module == "backup" and run.action == "drill" and run.reported.get("proven") is True
    )
