"""After a job that made peers: which of them is handed its configuration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.app import App

from pi_installer_tui.i18n import _

_START, _PASSPHRASE = "vpn.", ".passphrase"


def peers(secrets: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The tunnels and peers whose private keys these secrets are."""
    found = (name.removeprefix(_START).partition(".") for name in secrets if name.startswith(_START))
    return tuple((tunnel, peer) for tunnel, _dot, peer in found if peer and not peer.endswith(_PASSPHRASE))


async def hand_over(app: App[Any], secrets: Iterable[str]) -> bool:
    """Shows the screen of one of them, the one that is chosen, until it is left; False where no secret is a peer's. To
    be called in a worker."""
    from pi_installer_tui.screens.vpn.handing import HandoverScreen
    from pi_installer_tui.widgets.form.choose import ChooseScreen

    found = {f"{peer} ({tunnel})": (tunnel, peer) for tunnel, peer in peers(secrets)}
    if not found:
        return False
    chosen = next(iter(found))
    if len(found) > 1:
        choice = await app.push_screen_wait(
            ChooseScreen(_("Hand over which one?"), tuple(found), None, None, leave=False)
        )
        if choice is None:
            return True
        chosen = choice[1]
    await app.push_screen_wait(HandoverScreen(*found[chosen]))
    return True
