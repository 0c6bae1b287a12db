"""SyncTunnel: what runs of a tunnel follows its files, and drops nobody. Keys pass from wg-quick(8) to wg(8) through
standard input; none is in an argument, output, event, preview or plan."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.wireguard.conf import Conf
from pi_installer_tui.tasks.steps.base import AbsolutePath, Overlay, Preview, StepBase, StepContext, StepError
from pi_installer_tui.tasks.steps.commands import run, shown
from pi_installer_tui.tasks.steps.diff import clipped
from pi_installer_tui.tasks.steps.wireguard import Interface, Setting
from pi_installer_tui.tasks.way_back import Run

#: interface, file of rules, table: what SyncTunnel does, for the way back, which is a shell script; wg(8) gets the file
#: through a pipe, and not at all where wg-quick(8) can't read it, for an empty one would take all peers away
_FOLLOW = (
    'if [ -e "$2" ]; then nft -f "$2"; else nft delete table inet "$3"; fi; '
    'text=$(wg-quick strip "$1") && printf "%s\\n" "$text" | wg syncconf "$1" /dev/stdin'
)


class SyncTunnel(StepBase):
    """What runs follows the tunnel's file: peers by `wg syncconf`, which leaves those alone that didn't change, routes
    to what is behind peers, and the packet rules in one transaction. A tunnel that doesn't run is left so. rules: the
    file of its rules; table: the table that goes where that file isn't there. routes: the networks behind peers before,
    where the files change them: the way back of a change on probation makes routes to these."""

    kind: Literal["wireguard-sync"] = "wireguard-sync"
    interface: Interface
    rules: AbsolutePath
    table: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    routes: tuple[Setting, ...] | None = None

    @property
    def activates(self) -> bool:
        return True

    def describe(self) -> str:
        return clipped(_("let {path} follow its file"), self.interface)

    def paths(self) -> tuple[str, ...]:
        return ()

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        return {}

    def runs(self) -> tuple[Run, ...]:
        """The commands that do the same without this program."""
        found = [Run(("sh", "-c", _FOLLOW, "sh", self.interface, self.rules, self.table))]
        if self.routes is not None:
            for family in ("-4", "-6"):
                found.append(
                    Run(("ip", family, "route", "flush", "dev", self.interface, "proto", "boot"), wanted=False)
                )
            for net in self.routes:
                found.append(Run(("ip", _family(net), "route", "replace", net, "dev", self.interface), wanted=False))
        return tuple(found)

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        load, sync = shown(("nft", "-f", self.rules)), shown(("wg", "syncconf", self.interface, "/dev/stdin"))
        return Preview("command", f"{load}\nwg-quick strip {self.interface} | {sync}", undo_text=sync)

    async def done(self, host: Host) -> bool:
        return False

    async def apply(self, context: StepContext) -> None:
        host = context.host
        if not (await host.run(["wg", "show", self.interface, "listen-port"])).ok:
            return
        if await host.stat(self.rules) is not None:
            context.reached("tunnel:rules")
            await run(context, ("nft", "-f", self.rules))
        elif await _has_table(host, self.table):
            await run(context, ("nft", "delete", "table", "inet", self.table))
        stripped = await host.run(["wg-quick", "strip", self.interface])
        if not stripped.ok:
            raise StepError("command-failed", command=shown(stripped.argv), status=str(stripped.status))
        context.reached("tunnel:syncing")
        done = await host.run(["wg", "syncconf", self.interface, "/dev/stdin"], input=stripped.stdout.encode())
        if not done.ok:
            raise StepError("command-failed", command=shown(done.argv), status=str(done.status))
        context.reached("tunnel:synced")
        for command in await self._routes(host):
            await run(context, command)

    async def _routes(self, host: Host) -> Sequence[tuple[str, ...]]:
        """The commands that make routes to what peers may send from, as wg-quick(8) makes them when a tunnel starts,
        and take those away that nobody has any more. None with `Table = off`, and none for everything."""
        path = f"/etc/wireguard/{self.interface}.conf"
        conf = Conf(await host.text(path) or "")
        if conf.interface is None or conf.interface.one("table"):
            return ()
        own = [ipaddress.ip_interface(each).network for each in conf.interface.get("address") if "/" in each]
        wanted: dict[str, None] = {}
        for peer in conf.peers:
            for each in () if peer.paused else peer.get("allowedips"):
                net = ipaddress.ip_network(each, strict=False)
                if net.prefixlen and not any(net.version == o.version and net.subnet_of(o) for o in own):  # type: ignore[arg-type]
                    wanted[str(net)] = None
        there: set[str] = set()
        for family in ("-4", "-6"):
            said = await host.run(["ip", "-json", family, "route", "show", "dev", self.interface])
            for row in json.loads(said.stdout or "[]") if said.ok else ():
                to = row.get("dst", "")
                if row.get("protocol", "boot") == "boot" and to != "default" and row.get("scope", "link") == "link":
                    there.add(str(ipaddress.ip_network(to, strict=False)))
        gone = [("ip", _family(net), "route", "del", net, "dev", self.interface) for net in sorted(there - {*wanted})]
        new = [
            ("ip", _family(net), "route", "replace", net, "dev", self.interface) for net in wanted if net not in there
        ]
        return (*gone, *new)


def _family(net: str) -> str:
    return "-6" if ":" in net else "-4"


async def _has_table(host: Host, table: str) -> bool:
    try:
        return (await host.run(["nft", "list", "table", "inet", table])).ok
    except CommandNotFound:
        return False
