"""`vpn link`: a peer fetches its configuration itself, by a link on the local network that works once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from pi_installer_tui.cli.status import Exit, Stop
from pi_installer_tui.i18n import _
from pi_installer_tui.system.link import Link, NoLink, file_name, local_address, start
from pi_installer_tui.system.reading import known

if TYPE_CHECKING:
    from pi_installer_tui.cli.machine import Machine
    from pi_installer_tui.modules.vpn.state import State


async def hand(machine: Machine, state: State, peer: str, text: str) -> bool:
    """Prints the link and waits until somebody has fetched the configuration; False where nobody did in its time. The
    link ends with the command."""
    uplink = known(state.uplink)
    address = local_address(machine.host.kind, uplink.addresses if uplink is not None else ())
    if not address:
        raise Stop(Exit.FAILED, _("this machine has no address on a local network"))
    try:
        link = await asyncio.to_thread(start, text, f"WireGuard: {peer}", file_name(peer), address)
    except NoLink as error:
        raise Stop(Exit.FAILED, _("no link: {why}").format(why=error)) from None
    print(link.url, flush=True)
    until = time.strftime("%H:%M", time.localtime(link.until))
    print(_("It works once, until {time}, on the local network. Ctrl-C ends it.").format(time=until), flush=True)
    try:
        return await _fetched(link)
    finally:
        if not link.over:
            link.stop()


async def _fetched(link: Link) -> bool:
    while not link.over:
        await asyncio.sleep(0.2)
        link.look()
    if link.given:
        print(_("{address} has fetched it; the link is dead.").format(address=link.given))
    else:
        print(_("The link is dead; nobody has fetched it."))
    return bool(link.given)
