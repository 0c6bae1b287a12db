"""The port in the router's firewall for IPv6, where nothing is translated and a firewall lets nobody in: asked for,
asked for again and given back as the mapping of IPv4 is, by PCP or by UPnP's second version."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pi_installer_tui.modules.vpn.mapping import Kept, NotMapped, memory, remember
from pi_installer_tui.modules.vpn.ranges import public
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.router import pcp, pinhole
from pi_installer_tui.system.router.mapped import Mapped, Protocol, RouterError
from pi_installer_tui.system.router.uplink import Way, way

#: the ways to ask, the first one first
PROTOCOLS: tuple[Protocol, ...] = ("pcp", "upnp")


@dataclass(frozen=True, slots=True)
class Ours:
    """gateway: of IPv6, with the interface's name where it is the link's own; address: the one of ours that everybody
    reaches; four: the way by IPv4, by which UPnP is found."""

    gateway: str
    address: str
    four: Way


@dataclass(frozen=True, slots=True)
class Told:
    """What the router told without being changed. wrong: by protocol, why it doesn't serve; service, control: of
    UPnP's firewall."""

    wrong: Mapping[Protocol, RouterError] = field(default_factory=dict)
    service: str = ""
    control: str = ""

    @property
    def answers(self) -> tuple[Protocol, ...]:
        """The protocols that it speaks, the one to ask first first."""
        return tuple(one for one in PROTOCOLS if one not in self.wrong)


def public_address(six: Way) -> str:
    """The address of ours that everybody reaches by IPv6, "" where there is none."""
    own = (one.partition("/")[0] for one in six.addresses)
    return next((one for one in own if public(one)), "")


async def ours(host: Host) -> Ours | None:
    """The way by IPv6; None where nobody reaches us by it anyway."""
    four, six = await asyncio.gather(way(host, 4), way(host, 6))
    address = public_address(six)
    if not six.gateway or not address:
        return None
    gateway = f"{six.gateway}%{six.interface}" if six.gateway.lower().startswith("fe80:") else six.gateway
    return Ours(gateway, address, four)


async def listen(host: Host, own: Ours) -> Told:
    """Asks the router in both ways at the same time; nothing is changed by it. It takes some seconds where the router
    is silent."""
    wrong: dict[Protocol, RouterError] = {}
    found: list[tuple[str, str]] = []

    async def by_pcp() -> None:
        try:
            await pcp.speaks(host, own.gateway, own.address)
        except RouterError as error:
            if error.code != 4:  # UNSUPP_OPCODE: it speaks PCP, but not this question
                wrong["pcp"] = error

    async def by_upnp() -> None:
        if not own.four.gateway or not own.four.source:
            wrong["upnp"] = RouterError("upnp", "silent", "there is no router of IPv4 by which UPnP could be found")
            return
        try:
            found.append(await pinhole.find(host, own.four.gateway, own.four.source))
        except RouterError as error:
            wrong["upnp"] = error

    await asyncio.gather(by_pcp(), by_upnp())
    return Told(wrong, *(found[0] if found else ("", "")))


async def kept(host: Host, tunnel: str) -> Kept | None:
    """The hole that was granted for a tunnel, None where there is none."""
    return (await memory(host)).pinholes.get(tunnel)


async def ask_router(host: Host, tunnel: str, port: int, *, how: str = "auto", now: float | None = None) -> Kept | None:
    """Asks the router to let a UDP port through to us by IPv6, and keeps what it granted; what was kept of this tunnel
    is asked for again. None where there is nothing to ask: no public address of IPv6, or `how` is a way that knows
    none (nat-pmp). Raises NotMapped with what each way was refused with."""
    wished = [one for one in PROTOCOLS if how in ("auto", one)]
    own = await ours(host) if wished else None
    old = await kept(host, tunnel)
    if own is None:
        return None
    if old is not None and not _same(old.mapped, own, port):
        with contextlib.suppress(RouterError):
            await _close(host, old.mapped)
        old = None
    if old is not None and old.mapped.protocol in wished:
        wished.sort(key=lambda one: one != old.mapped.protocol)
    told = await listen(host, own)
    refusals = [told.wrong[one] for one in wished if one in told.wrong]
    for protocol in (one for one in wished if one not in told.wrong):
        try:
            mapped = await _by(protocol, host, own, port, told, old)
        except RouterError as error:
            refusals.append(error)
            continue
        if old is not None and old.mapped.protocol != protocol:
            with contextlib.suppress(RouterError):
                await _close(host, old.mapped)
        granted = Kept(mapped, time.time() if now is None else now)
        what = await memory(host)
        await remember(host, replace(what, pinholes={**what.pinholes, tunnel: granted}))
        return granted
    what = await memory(host)
    left = {name: one for name, one in what.pinholes.items() if name != tunnel}
    if old is not None:
        left[tunnel] = replace(old, failed=str(NotMapped(tuple(refusals))))
    await remember(host, replace(what, pinholes=left))
    raise NotMapped(tuple(refusals))


def _same(mapped: Mapped, own: Ours, port: int) -> bool:
    return (mapped.gateway, mapped.inner_address, mapped.inner_port) == (own.gateway, own.address, port)


async def _by(protocol: Protocol, host: Host, own: Ours, port: int, told: Told, old: Kept | None) -> Mapped:
    again = old.mapped if old is not None and old.mapped.protocol == protocol else None
    if protocol == "pcp":
        nonce = again.nonce if again else ""
        found = await pcp.map_port(host, own.gateway, own.address, port, outer_port=port, nonce=nonce)
        if (found.outer_address, found.outer_port) != (own.address, port):
            with contextlib.suppress(RouterError):
                await pcp.take_back(host, found)
            raise RouterError("pcp", "failed", "the router would translate by IPv6, to another address or port")
        return found
    number = again.pinhole if again else ""
    return await pinhole.open_port(host, told.service, told.control, own.gateway, own.address, port, pinhole=number)


async def take_back(host: Host, tunnel: str) -> bool:
    """Closes a tunnel's hole, and forgets it; False where none is kept. Every hole ends by itself, so it is forgotten
    too where the router refuses or is silent: RouterError says so."""
    what = await memory(host)
    old = what.pinholes.get(tunnel)
    if old is None:
        return False
    try:
        own = await ours(host)
        if own is not None and own.gateway == old.mapped.gateway:  # else that router isn't there any more
            await _close(host, old.mapped)
    finally:
        left = {name: one for name, one in what.pinholes.items() if name != tunnel}
        await remember(host, replace(what, pinholes=left))
    return True


async def _close(host: Host, mapped: Mapped) -> None:
    if mapped.protocol != "pcp":
        await pinhole.take_back(host, mapped)
        return
    try:
        await pcp.take_back(host, mapped)
    except RouterError as error:
        if error.reason != "refused":
            raise
        # miniupnpd 2.3.1 with nftables doesn't know its own hole again; for the shortest time there is it is renewed
        await pcp.map_port(
            host, mapped.gateway, mapped.inner_address, mapped.inner_port, outer_port=mapped.outer_port, lifetime=1,
            nonce=mapped.nonce,
        )  # fmt: skip
