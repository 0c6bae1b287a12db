"""Who is logged in by SSH, over which connection and since when, as the kernel knows it: open connections (ss(8)), the
processes of sshd that hold them, and when these began (proc_pid_stat(5))."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pi_installer_tui.system.host import Host

#: clock ticks in a second that the kernel counts in for programs (USER_HZ)
_TICKS = 100
#: what sshd calls the process of somebody who is logged in; before that it has no @ (sshd.c, session.c)
_LOGGED_IN = re.compile(r"sshd(?:-session)?: ([^\s@\[\]]+)@")


@dataclass(frozen=True, slots=True)
class Login:
    """One SSH connection with somebody logged in. since: seconds of CLOCK_BOOTTIME at which it was made."""

    user: str
    client: str
    server: str
    server_port: int
    since: float


async def logins(host: Host) -> tuple[Login, ...]:
    """Everyone who is logged in by SSH now. Only root sees others' processes. Raises HostError."""
    answer = await host.run(["ss", "-H", "-t", "-n", "-p", "state", "established"], check=True)
    uids = {}
    for line in (await host.text("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) == 7:
            uids[fields[0]] = fields[2]
    found = []
    for line in answer.stdout.splitlines():
        ends = re.match(r"\d+\s+\d+\s+(\S+):(\d+)\s+(\S+):\d+\s", line)
        if ends is None:
            continue
        users, begun = set(), []
        for pid in re.findall(r"pid=(\d+)", line):
            title, uid, since = await _process(host, pid)
            begun.append(since)
            named = _LOGGED_IN.match(title)
            if named is not None and uids.get(named[1]) == uid:
                users.add(named[1])
        for user in sorted(users):
            client, server = (end.strip("[]").removeprefix("::ffff:") for end in (ends[3], ends[1]))
            found.append(Login(user, client, server, int(ends[2]), min(begun)))
    return tuple(found)


async def _process(host: Host, pid: str) -> tuple[str, str, float]:
    """A process's title, the user it runs as (effective), and when it began; nothing of one that has gone."""
    try:
        title = (await host.text(f"/proc/{pid}/cmdline") or "").replace("\0", " ").strip()
        status = re.search(r"^Uid:\s+\d+\s+(\d+)", await host.text(f"/proc/{pid}/status") or "", re.MULTILINE)
        fields = (await host.text(f"/proc/{pid}/stat") or "").rpartition(")")[2].split()
        return title, status[1] if status else "", int(fields[19]) / _TICKS
    except (OSError, IndexError, ValueError):
        return "", "", 0.0
