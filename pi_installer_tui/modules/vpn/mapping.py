"""The port at the router: asked for, asked for again before the router forgets it, and given back. What was granted is
kept, and so is who refused, for the verdict and the doctor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.vpn.routers import steps_for_router, values_for_router
from pi_installer_tui.system.host import Host, HostError
from pi_installer_tui.system.paths import STATE
from pi_installer_tui.system.router import igd, natpmp, pcp
from pi_installer_tui.system.router.mapped import PROTOCOLS, Mapped, Protocol, RouterError
from pi_installer_tui.system.router.uplink import Way, way

__all__ = ["ask_router", "kept", "renew", "steps_for_router", "take_back", "values_for_router"]

PATH = str(STATE / "vpn-mapping.json")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """A mapping that was granted. granted: seconds since 1970 of the last time; failed: why it couldn't be renewed
    since, "" where it could."""

    mapped: Mapped
    granted: float
    failed: str = ""

    @property
    def until(self) -> float:
        """Seconds since 1970 at which the router forgets it; infinite for one without an end."""
        return self.granted + self.mapped.lifetime if self.mapped.lifetime else float("inf")


@dataclass(frozen=True, slots=True)
class Memory:
    """What the file says. tunnels: mappings by tunnel; refused: by gateway, what each protocol was refused with;
    pinholes: by tunnel, holes in a firewall for IPv6 (pinholes.py)."""

    tunnels: Mapping[str, Kept] = field(default_factory=dict)
    refused: Mapping[str, Mapping[Protocol, str]] = field(default_factory=dict)
    pinholes: Mapping[str, Kept] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Renewed:
    """How asking again went. kept: None where the tunnel has none any more; moved: the port or address outside is
    another one now, so peers must be told; failed: why not, "" where it went well."""

    tunnel: str
    kept: Kept | None
    moved: bool = False
    failed: str = ""


class NotMapped(HostError):
    """The router gave the port in none of the ways."""

    def __init__(self, refusals: tuple[RouterError, ...]) -> None:
        said = "; ".join(dict.fromkeys(str(one) for one in refusals))
        super().__init__(said or _("there is no router to be asked"))
        self.refusals = refusals


# -- what is kept ----------------------------------------------------------------------------------------------------


async def memory(host: Host) -> Memory:
    """What is kept; nothing where the file isn't there or can't be read as ours."""
    try:
        text = await host.text(PATH)
    except OSError:
        return Memory()
    return _parsed(text or "")


def _parsed(text: str) -> Memory:
    try:
        data = json.loads(text)
        if data["version"] != _VERSION:
            return Memory()
        tunnels, pinholes = _each(data["tunnels"]), _each(data.get("pinholes", {}))
        refused = {str(gateway): dict(one) for gateway, one in data.get("refused", {}).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return Memory()
    return Memory(tunnels, refused, pinholes)


def _each(data: Mapping[str, Any]) -> dict[str, Kept]:
    names = {one.name for one in fields(Mapped)}
    return {
        str(name): Kept(
            Mapped(**{key: value for key, value in one["mapped"].items() if key in names}),
            float(one["granted"]),
            str(one.get("failed", "")),
        )
        for name, one in data.items()
    }


async def kept(host: Host, tunnel: str) -> Kept | None:
    """The mapping of a tunnel that was granted, None where there is none."""
    return (await memory(host)).tunnels.get(tunnel)


async def remember(host: Host, what: Memory) -> None:
    """Writes it down; with nothing to remember there is no file."""
    folder = PATH.rpartition("/")[0]
    if not what.tunnels and not what.refused and not what.pinholes:
        with contextlib.suppress(FileNotFoundError):
            await host.remove(PATH)
        return
    if await host.stat(folder) is None:
        with contextlib.suppress(FileExistsError):
            await host.mkdir(folder, mode=0o700, uid=0, gid=0)
    data: dict[str, Any] = {
        "version": _VERSION,
        "tunnels": {name: asdict(one) for name, one in what.tunnels.items()},
        "refused": {gateway: dict(one) for gateway, one in what.refused.items()},
        "pinholes": {name: asdict(one) for name, one in what.pinholes.items()},
    }
    await host.replace(PATH, (json.dumps(data, indent=1) + "\n").encode(), mode=0o600, uid=0, gid=0)


# -- who is there ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What the router told without being changed. wrong: by protocol, why it doesn't serve; addresses: by protocol, its
    address outside ("" it says that it has none: miniupnpd says so of one of a private range too)."""

    wrong: Mapping[Protocol, RouterError] = field(default_factory=dict)
    addresses: Mapping[Protocol, str] = field(default_factory=dict)
    igd: igd.Igd | None = None

    @property
    def answers(self) -> tuple[Protocol, ...]:
        """The protocols that it speaks, the one to ask first first."""
        return tuple(one for one in PROTOCOLS if one not in self.wrong)


async def listen(host: Host, gateway: str, ours: str) -> Told:
    """Asks the router by all protocols at the same time; nothing is changed by it. It takes some seconds where the
    router is silent."""
    wrong: dict[Protocol, RouterError] = {}
    addresses: dict[Protocol, str] = {}
    found: list[igd.Igd] = []

    async def by_pcp() -> None:
        try:
            await pcp.speaks(host, gateway, ours)
        except RouterError as error:
            if error.code != 4:  # UNSUPP_OPCODE: it speaks PCP, but not this question
                wrong["pcp"] = error

    async def by_natpmp() -> None:
        try:
            addresses["nat-pmp"] = await natpmp.outer_address(host, gateway)
        except RouterError as error:
            if error.reason == "failed":  # Network Failure: it has no address, or none that could be reached
                addresses["nat-pmp"] = ""
            else:
                wrong["nat-pmp"] = error

    async def by_upnp() -> None:
        try:
            found.append(await igd.find(host, gateway, ours))
            addresses["upnp"] = (await igd.outer_address(host, found[0]))[0]
        except RouterError as error:
            wrong["upnp"] = error

    await asyncio.gather(by_pcp(), by_natpmp(), by_upnp())
    if addresses.get("nat-pmp") == "0.0.0.0":
        addresses["nat-pmp"] = ""
    return Told(wrong, addresses, found[0] if found else None)


# -- asked for, again, and given back --------------------------------------------------------------------------------


async def ask_router(
    host: Host, tunnel: str, port: int, *, how: str = "auto", outer_port: int = 0, now: float | None = None
) -> Kept:
    """Asks the router to pass a UDP port on to us, and keeps what it granted. how: auto, pcp, nat-pmp, upnp. What was
    kept of this tunnel is asked for again. Raises NotMapped with what each way was refused with."""
    ours = await way(host, 4)
    if not ours.gateway or not ours.source:
        raise NotMapped(())
    before = await memory(host)
    old = before.tunnels.get(tunnel)
    if old is not None and not _same(old.mapped, ours, port):
        with contextlib.suppress(RouterError):
            await _give_back(host, old.mapped, ours)
        old = None
    told = await listen(host, ours.gateway, ours.source)
    wished: tuple[Protocol, ...] = tuple(one for one in PROTOCOLS if how in ("auto", one))
    if old is not None and old.mapped.protocol in wished:
        first = old.mapped.protocol
        wished = (first, *(one for one in wished if one != first))
    refusals = [told.wrong[one] for one in wished if one in told.wrong]
    for protocol in wished:
        if protocol in told.wrong:
            continue
        try:
            mapped = await _by(protocol, host, ours, port, outer_port or port, told, old)
        except RouterError as error:
            refusals.append(error)
            continue
        if old is not None and (old.mapped.protocol, old.mapped.outer_port) != (mapped.protocol, mapped.outer_port):
            with contextlib.suppress(RouterError):
                await _give_back(host, old.mapped, ours)
        granted = Kept(mapped, time.time() if now is None else now)
        refused = {gateway: one for gateway, one in before.refused.items() if gateway != ours.gateway}
        await remember(host, replace(before, tunnels={**before.tunnels, tunnel: granted}, refused=refused))
        return granted
    said: dict[Protocol, str] = {one.protocol: str(one) for one in refusals}
    left = before.tunnels if old is not None else {n: one for n, one in before.tunnels.items() if n != tunnel}
    await remember(host, replace(before, tunnels=left, refused={**before.refused, ours.gateway: said}))
    raise NotMapped(tuple(refusals))


def _same(mapped: Mapped, ours: Way, port: int) -> bool:
    return (mapped.gateway, mapped.inner_address, mapped.inner_port) == (ours.gateway, ours.source, port)


async def _by(
    protocol: Protocol, host: Host, ours: Way, port: int, outer_port: int, told: Told, old: Kept | None
) -> Mapped:
    again = old.mapped if old is not None and old.mapped.protocol == protocol else None
    outer_port = again.outer_port if again else outer_port
    if protocol == "pcp":
        nonce = again.nonce if again else ""
        return await pcp.map_port(host, ours.gateway, ours.source, port, outer_port=outer_port, nonce=nonce)
    if protocol == "nat-pmp":
        return await natpmp.map_port(host, ours.gateway, ours.source, port, outer_port=outer_port)
    assert told.igd is not None
    return await igd.map_port(host, told.igd, ours.source, port, outer_port=outer_port)


async def renew(host: Host, *, now: float | None = None) -> tuple[Renewed, ...]:
    """Asks again for every mapping that is kept, in the way that served; where that one is gone, in the others. To be
    called every half of a lifetime. Never raises for what the router refuses: that is kept, and said."""
    results = []
    for tunnel, old in (await memory(host)).tunnels.items():
        try:
            new = await ask_router(host, tunnel, old.mapped.inner_port, outer_port=old.mapped.outer_port, now=now)
        except NotMapped as error:
            results.append(Renewed(tunnel, await note_failure(host, tunnel, str(error), old), failed=str(error)))
            continue
        results.append(Renewed(tunnel, new, moved=_outside(new) != _outside(old)))
    return tuple(results)


async def note_failure(host: Host, tunnel: str, why: str, old: Kept | None = None) -> Kept | None:
    """Keeps that a mapping couldn't be renewed, with the reason; what was kept of it, None where nothing is. old: what
    there was before, where it is gone meanwhile."""
    what = await memory(host)
    there = what.tunnels.get(tunnel, old)
    if there is None:
        return None
    failed = replace(there, failed=why)
    await remember(host, replace(what, tunnels={**what.tunnels, tunnel: failed}))
    return failed


def _outside(one: Kept) -> tuple[str, int]:
    return one.mapped.outer_address, one.mapped.outer_port


async def take_back(host: Host, tunnel: str) -> bool:
    """Gives the tunnel's port back, and forgets it; False where none is kept. Raises RouterError where the router
    refuses or is silent: of a mapping that ends by itself it is forgotten nevertheless, another one is kept."""
    what = await memory(host)
    old = what.tunnels.get(tunnel)
    if old is None:
        return False
    try:
        await _give_back(host, old.mapped, await way(host, 4))
    except RouterError:
        if not old.mapped.lifetime:
            raise
        await _forget(host, what, tunnel)
        raise
    await _forget(host, what, tunnel)
    return True


async def _forget(host: Host, what: Memory, tunnel: str) -> None:
    await remember(host, replace(what, tunnels={n: one for n, one in what.tunnels.items() if n != tunnel}))


async def _give_back(host: Host, mapped: Mapped, ours: Way) -> None:
    if mapped.gateway != ours.gateway:
        return  # another network: that router isn't there any more
    if mapped.protocol == "pcp":
        await pcp.take_back(host, mapped)
    elif mapped.protocol == "nat-pmp":
        await natpmp.take_back(host, mapped)
    else:
        with contextlib.suppress(RouterError):  # where it listens may have changed since
            found = await igd.find(host, mapped.gateway, ours.source)
            service, control = found.connections[0]
            same = next((one for one in found.connections if one[0] == mapped.service), (service, control))
            mapped = replace(mapped, service=same[0], control=same[1])
        await igd.take_back(host, mapped)
