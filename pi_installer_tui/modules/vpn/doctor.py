"""The doctor: looks at everything that could be in the way of the VPN. What is asked of the machine is here, what it
means in findings.py."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.vpn import findings, leading, outside, verdict
from pi_installer_tui.modules.vpn.findings import Facts, Finding, Receipt
from pi_installer_tui.modules.vpn.reading import unit
from pi_installer_tui.modules.vpn.settings import TunnelSettings
from pi_installer_tui.modules.vpn.state import State
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.system.netfilter import iptables, nft
from pi_installer_tui.system.netfilter.rules import Table
from pi_installer_tui.system.reading import known
from pi_installer_tui.system.router import igd

__all__ = ["Finding", "Receipt", "examine", "judge"]

_RULES = ("nft", "-j", "list", "ruleset")
_SAVE: tuple[tuple[str, Literal["ip", "ip6"]], ...] = (("iptables-save", "ip"), ("ip6tables-save", "ip6"))
#: to nobody (RFC 5737), two steps far, in one piece, as large as Ethernet's 1500 bytes (ping(8))
_PROBE = ("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-t", "2", "-s", "1472", "192.0.2.1")
_ROUTE = ("ip", "-json", "route", "get", _PROBE[-1])
_TOO_LARGE = re.compile(r"\bmtu ?= ?(\d+)\b")


async def examine(host: Host, state: State, *, ask: str = "", now: float | None = None) -> tuple[Finding, ...]:
    """All findings. ask: as of `verdict.look`. It takes some seconds where the router is silent. What can't be asked is
    unknown in its finding; nothing is changed."""
    if not state.by_name:
        return ()
    (tables, unknown, asked), clock, mtus, (path, said) = await asyncio.gather(
        _tables(host), _clock(host), _mtus(host), _path(host)
    )
    facts = Facts(
        now=time.time() if now is None else now,
        tables=tables,
        rules_unknown=unknown,
        firewalls=asked,
        clock=clock,
        mtus=mtus,
    )
    uplink = known(state.uplink)
    widest = mtus.get(uplink.interface, 0) if uplink else 0
    if widest and (not path or widest < path):
        path, said = widest, Receipt(f"ip -json link show dev {uplink.interface}" if uplink else "", f"mtu {widest}")
    seen, resolved, listed, up = {}, {}, {}, {}
    for name, tunnel in state.by_name.items():
        told = (state.settings.tunnels or {}).get(name)
        if told is not None and (told.endpoint or told.mapping not in (None, "none")):
            seen[name] = await verdict.look(host, tunnel.port, ask, tunnel=name)
            listed[name] = await _listed(host, seen[name])
        if told is not None and told.endpoint:
            resolved[name] = await leading.resolved(host, told.endpoint)
        up[name] = await _up(host, name)
    made = replace(facts, path=path, path_said=said, seen=seen, resolved=resolved, listed=listed, up=up)
    return tuple(judge(state, made))


def judge(state: State, facts: Facts) -> Iterator[Finding]:
    """What the facts mean: first what concerns the machine, then each tunnel."""
    if not state.by_name:
        return
    yield findings.clock(facts)
    for name, tunnel in state.by_name.items():
        told = (state.settings.tunnels or {}).get(name, TunnelSettings())
        yield findings.running(tunnel)
        yield findings.secret(tunnel)
        yield findings.port(state, tunnel)
        yield from findings.forwarding(state, tunnel, told)
        yield findings.table(state, tunnel, told)
        yield from findings.firewall(state, tunnel, facts, told)
        yield outside.mtu(tunnel, facts)
        yield from outside.endpoint(name, told, facts)
        yield from outside.mapped(state, tunnel, told, facts)
        yield findings.stale(tunnel, facts)


async def _tables(host: Host) -> tuple[tuple[Table, ...] | None, str, tuple[str, ...]]:
    """All packet rules, or why they can't be read; and the commands that were asked. nft shows iptables' tables too,
    but not all that their rules ask, so those that iptables-save knows are taken from there."""
    found: list[Table] = []
    asked: list[str] = []
    try:
        for program, family in _SAVE:
            try:
                done = await host.run((program,))
            except CommandNotFound:
                continue
            if not done.ok:
                return None, (done.stderr.strip().splitlines() or [program])[-1], (program,)
            if tables := iptables.parse(done.stdout, family):
                found += tables
                asked.append(program)
        done = await host.run(_RULES)
    except CommandNotFound as error:
        return (tuple(found), "", tuple(asked)) if asked else (None, str(error), (error.program,))
    except (HostError, ValueError, KeyError, IndexError) as error:
        return None, str(error), ()
    asked.append(" ".join(_RULES))
    if not done.ok:
        return None, (done.stderr.strip().splitlines() or ["nft"])[-1], tuple(asked)
    there = {(table.family, table.name) for table in found}
    try:
        found += [table for table in nft.parse(done.stdout) if (table.family, table.name) not in there]
    except (ValueError, KeyError, TypeError):
        return None, _("{program}'s answer can't be read").format(program="nft"), tuple(asked)
    return tuple(found), "", tuple(asked)


async def _clock(host: Host) -> str:
    try:
        done = await host.run(("timedatectl", "show", "--property=NTPSynchronized", "--value"))
    except HostError as error:
        return str(error)
    return done.stdout.strip() or (done.stderr.strip().splitlines() or ["?"])[-1]


async def _mtus(host: Host) -> dict[str, int]:
    try:
        done = await host.run(("ip", "-json", "link", "show"))
        return {one["ifname"]: int(one["mtu"]) for one in json.loads(done.stdout)} if done.ok else {}
    except (HostError, ValueError, KeyError, TypeError):
        return {}


async def _path(host: Host) -> tuple[int, Receipt | None]:
    """What the way out lets through, where it is less than Ethernet's 1500 bytes: who can't pass a packet of that size
    on says so (RFC 1191). For some minutes the kernel remembers that, and sends nothing so large."""
    try:
        done = await host.run(_PROBE)
    except HostError:
        return 0, None
    said = done.stdout + done.stderr
    for line in said.splitlines():
        if (found := _TOO_LARGE.search(line)) and 576 <= int(found[1]) <= 1500:
            return int(found[1]), Receipt(" ".join(_PROBE), line.strip())
    return await _remembered(host) if "essage too long" in said else (0, None)


async def _remembered(host: Host) -> tuple[int, Receipt | None]:
    """What the kernel was told of the way out (ip-route(8), metrics)."""
    try:
        done = await host.run(_ROUTE)
        (route,) = json.loads(done.stdout) if done.ok else ({},)
        found = next(int(each["mtu"]) for each in route.get("metrics", ()) if "mtu" in each)
    except (HostError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return 0, None
    return found, Receipt(" ".join(_ROUTE), f"mtu {found}")


async def _listed(host: Host, seen: verdict.Seen) -> bool | None:
    """Whether a router that speaks UPnP lists the mapping as ours."""
    if seen.kept is None or "upnp" not in seen.answers:
        return None
    mapped = seen.kept.mapped
    try:
        found = await igd.find(host, mapped.gateway, mapped.inner_address)
        entry = await igd.listed(host, *found.connections[0], mapped.outer_port)
    except HostError:
        return None
    if entry is None:
        # not every router lists what it granted by another protocol
        return False if mapped.protocol == "upnp" else None
    return (entry.inner_address, entry.inner_port) == (mapped.inner_address, mapped.inner_port)


async def _up(host: Host, tunnel: str) -> float:
    """Seconds that a tunnel runs; 0 where that isn't known (org.freedesktop.systemd1(5))."""
    try:
        done = await host.run(
            ("systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "--value", unit(tunnel))
        )
        began = int(done.stdout.strip() or 0)
        uptime = float((await host.text("/proc/uptime") or "0").split()[0])
    except (HostError, OSError, ValueError, IndexError):
        return 0.0
    return max(0.0, uptime - began / 1e6) if began else 0.0
