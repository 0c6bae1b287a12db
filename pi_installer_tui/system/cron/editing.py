"""Who has a crontab open: crontab -e edits a copy and puts it in place whole, whatever was changed meanwhile
(edit_cmd() of crontab.c)."""

from __future__ import annotations

import getopt
from collections.abc import Mapping

from pi_installer_tui.system.host import Host, HostError

_ASK = ("ps", "-C", "crontab", "-o", "pid=,ruser:64=,args=")


async def editors(host: Host) -> Mapping[str, int]:
    """The process of `crontab -e` by whose crontab it edits; none where that can't be asked. Source: ps(1)."""
    try:
        done = await host.run(_ASK)
    except HostError:
        return {}
    found = {}
    for line in done.stdout.splitlines():
        pid, user, *argv = [*line.split(), "", ""]
        try:
            told, _files = getopt.getopt(argv[1:], "u:lerin")
        except getopt.GetoptError:
            continue
        options = dict(told)
        if "-e" in options and pid.isdecimal():
            found[options.get("-u", user)] = int(pid)
    return found
