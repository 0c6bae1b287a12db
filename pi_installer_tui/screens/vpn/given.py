"""What is handed over to a peer: its configuration with its private key, from where that lies now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _
from pi_installer_tui.system.reading import known
from pi_installer_tui.tasks.secrets import Secrets

if TYPE_CHECKING:
    from pi_installer_tui.modules.vpn.state import State
    from pi_installer_tui.system.host import Host


class Gone(Exception):
    """There is no private key to be had; why, in words."""


class Locked(Exception):
    """It is kept under a passphrase. wrong: one was given, and isn't it."""

    def __init__(self, *, wrong: bool) -> None:
        super().__init__("locked")
        self.wrong = wrong


@dataclass(frozen=True, slots=True)
class Given:
    """A configuration. made: its key still waits to be shown, under the name `secret`. kept: it can be had again.
    address: of this machine on the local network, "" for none; firewall: something may keep a link's port shut."""

    text: str = field(repr=False)
    secret: str
    made: bool
    kept: bool
    address: str
    firewall: bool


async def give(host: Host, root: Path, tunnel: str, peer: str, passphrase: str | None = None) -> Given:
    """A peer's configuration. root: the state directory. Raises Gone, Locked, OSError."""
    from pi_installer_tui.modules.vpn import handover, keeping
    from pi_installer_tui.screens.vpn import seen

    state = await seen.read(host)
    found = seen.tunnels(state).get(tunnel)
    one = found.peers.get(peer) if found is not None else None
    if one is None:
        raise Gone(_("There is no such peer any more."))
    name = keeping.secret(tunnel, peer)
    private = await asyncio.to_thread(Secrets(root).made, name)
    if private is not None and not await handover.belongs(host, private, one.public_key):
        private = None
    made = private is not None
    if private is None and one.kept == "encrypted":
        if passphrase is None:
            raise Locked(wrong=False)
        try:
            private = await keeping.decrypted(host, tunnel, peer, passphrase)
        except ValueError:
            raise Locked(wrong=True) from None
    elif private is None:
        private = await keeping.private_key(host, tunnel, peer, one.title)
    if private is not None and not await handover.belongs(host, private, one.public_key):
        private = None
    if private is None:
        raise Gone(
            _(
                "Its private key isn't here: it was forgotten once it was handed over, or the peer made it itself. New "
                "keys (`t` on the peer) give it a new configuration; the old one ends then."
            )
        )
    try:
        text = await handover.configuration(host, state, tunnel, peer, private.strip())
    except (KeyError, ValueError):
        raise Gone(
            _(
                "The tunnel has no endpoint yet: the name or address by which its peers find this machine. It is set "
                "in the settings (`s` on the overview); `reachable?` says which it could be."
            )
        ) from None
    firewall = known(state.firewall) not in (None, "none")
    return Given(text, name, made, bool(one.kept), _address(host, state), firewall)


def _address(host: Host, state: State) -> str:
    from pi_installer_tui.system.link import local_address

    uplink = known(state.uplink)
    return local_address(host.kind, uplink.addresses if uplink is not None else ())
