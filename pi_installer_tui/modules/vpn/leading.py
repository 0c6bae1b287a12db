"""Whether an endpoint that is wanted leads here: the doctor's question, asked before anybody agrees. What comes of it
is a sentence in the review, and stops nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.vpn import outside, verdict
from pi_installer_tui.modules.vpn.findings import Facts
from pi_installer_tui.modules.vpn.judgement import Seen
from pi_installer_tui.modules.vpn.ranges import public
from pi_installer_tui.modules.vpn.settings import TunnelSettings, VpnSettings
from pi_installer_tui.modules.vpn.state import State
from pi_installer_tui.modules.vpn.wanted import PORT
from pi_installer_tui.system.host import Host, HostError

#: seconds that a plan waits for a name server and a router that don't answer
_PATIENCE = 10.0


async def ask(host: Host, state: State, settings: VpnSettings) -> State:
    """The state with what is known of each endpoint that is new."""
    before = state.settings.tunnels or {}
    new = {
        name: wants
        for name, wants in (settings.tunnels or {}).items()
        if wants.endpoint and wants.endpoint != before.get(name, TunnelSettings()).endpoint
    }
    said = await asyncio.gather(*(_said(host, state, name, wants) for name, wants in new.items()))
    return replace(state, leads=dict(zip(new, said, strict=True))) if new else state


async def _said(host: Host, state: State, name: str, wants: TunnelSettings) -> str:
    endpoint = wants.endpoint or ""
    there = state.by_name.get(name)
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await resolved(host, endpoint)
            seen: dict[str, Seen] = {}
            if found and any(public(one) for one in found):  # else nothing is compared with the router's answer
                port = wants.port or (there.port if there is not None else 0) or PORT
                seen[name] = await verdict.look(host, port, tunnel=name)
    except (TimeoutError, HostError) as error:
        why = str(error) or _("neither a name server nor the router has answered in time.")
        return _("whether {endpoint} leads here isn't known: {why}").format(endpoint=endpoint, why=why)
    (finding,) = outside.endpoint(name, wants, Facts(now=0.0, resolved={name: found}, seen=seen))
    if finding.verdict == "ok":
        return _("{endpoint} leads here").format(endpoint=endpoint)
    text = (
        _("whether {endpoint} leads here isn't known: {why}") if finding.verdict == "unknown" else "{endpoint}: {why}"
    )
    return text.format(endpoint=endpoint, why=f"{finding.why} {finding.fix_words}".strip())


async def resolved(host: Host, name: str) -> tuple[str, ...] | None:
    """The addresses that a name has; None where it can't be asked for (getent(1))."""
    if outside.usable(name):
        return (name,)
    try:
        done = await host.run(("getent", "ahosts", name))
    except HostError:
        return None
    if done.status not in (0, 2):  # 2: no such key
        return None
    words = (line.split() for line in done.stdout.splitlines())
    return tuple(dict.fromkeys(parts[0] for parts in words if parts and outside.usable(parts[0])))
