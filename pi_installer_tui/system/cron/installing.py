"""What a crontab's file has to be so that cron takes it, and what the machine's own cron says of it beforehand."""

from __future__ import annotations

import re

from pi_installer_tui.system.host import CommandNotFound, Host

from .lines import NEWEST
from .read import DAEMONS, SPOOL

#: crontab.c, replace_cmd(): the user's, who may read and write it and nobody else
USER_MODE = 0o600
#: /etc/crontab and /etc/cron.d as Debian has them; cron wants nobody but root to write there
SYSTEM_MODE = 0o644
_REVISION = re.compile(r"cron 3\.0pl1-(\d+)")
#: it couldn't write its copy: the disk is full, or the spool can't be changed. That is no word on the crontab
_NO_COPY = re.compile(r"crontabs/tmp\.\S+: |: mkstemp: ")
#: getopt(3) of a crontab(1) without -n, before revision 143
_UNKNOWN_OPTION = re.compile(r"invalid option|illegal option|unrecognized option", re.IGNORECASE)


async def revision(host: Host) -> int:
    """Of Debian's package 3.0pl1; the newest that is known where another cron is installed, or none."""
    done = await host.run(["dpkg-query", "-W", "-f=${Package} ${Version}\\n", *DAEMONS])
    found = _REVISION.search(done.stdout)
    return int(found[1]) if found else NEWEST


async def spool_group(host: Host) -> int | None:
    """The group that users' crontabs have: that of their folder, which crontab(1) has by its setgid bit. None: there is
    no such folder, cron isn't installed."""
    folder = await host.stat(SPOOL)
    return folder.gid if folder is not None and folder.kind == "directory" else None


async def refused(host: Host, data: bytes) -> str:
    """What `crontab -n` says is wrong with a user's crontab, which it doesn't install; "" where it takes it, and where
    the machine's cron has no such dry run. It is asked as root: of a user who may not use it (/etc/cron.allow) it looks
    at nothing, root may always. Source: crontab(1) of Debian."""
    try:
        done = await host.run(["crontab", "-n", "-"], input=data)
    except CommandNotFound:
        return ""
    if done.ok or _UNKNOWN_OPTION.search(done.stderr) or _NO_COPY.search(done.stderr):
        return ""
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[0].removeprefix('"-":') if lines else str(done.status)
