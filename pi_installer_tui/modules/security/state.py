"""What is: each area's reader, asked at the same time, and who sits at the machine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pi_installer_tui.modules.security import (
    accounts,
    auditd,
    dumps,
    fail2ban,
    issue,
    modprobe,
    sshd,
    sysctl,
    ufw,
    updates,
)
from pi_installer_tui.modules.security.accounts import Account
from pi_installer_tui.modules.security.auditd import Auditd
from pi_installer_tui.modules.security.dumps import Dumps
from pi_installer_tui.modules.security.fail2ban import Fail2ban
from pi_installer_tui.modules.security.issue import Issue
from pi_installer_tui.modules.security.modprobe import Modprobe
from pi_installer_tui.modules.security.sshd import Sshd
from pi_installer_tui.modules.security.sysctl import Sysctl
from pi_installer_tui.modules.security.ufw import Ufw
from pi_installer_tui.modules.security.updates import Updates
from pi_installer_tui.system import seat
from pi_installer_tui.system.caller import caller
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.seat import Seat


@dataclass(frozen=True, slots=True)
class State:
    """Every area, the accounts that can get in, who started this program (`starter`) and from where (`seat`)."""

    sshd: Sshd
    ufw: Ufw
    fail2ban: Fail2ban
    updates: Updates
    sysctl: Sysctl
    auditd: Auditd
    accounts: tuple[Account, ...]
    starter: str
    seat: Seat
    modprobe: Modprobe = field(default_factory=Modprobe)
    dumps: Dumps = field(default_factory=Dumps)
    issue: Issue = field(default_factory=Issue)


async def read(host: Host) -> State:
    """The state of all areas."""
    here = seat.at(host)
    people = await accounts.read(host)
    found_sshd, found_ufw, found_fail2ban, found_updates, found_sysctl, found_auditd = await asyncio.gather(
        sshd.read(host, [account.name for account in people], here.client),
        ufw.read(host),
        fail2ban.read(host),
        updates.read(host),
        sysctl.read(host, everything=True),
        auditd.read(host),
    )
    with_keys = await asyncio.gather(
        *(accounts.with_keys(host, each, found_sshd.users.get(each.name, found_sshd.effective)) for each in people)
    )
    return State(
        sshd=found_sshd,
        ufw=found_ufw,
        fail2ban=found_fail2ban,
        updates=found_updates,
        sysctl=found_sysctl,
        auditd=found_auditd,
        accounts=tuple(with_keys),
        starter=caller() if host.kind == "local" else "",
        seat=here,
        modprobe=await modprobe.read(host),
        dumps=await dumps.read(host),
        issue=await issue.read(host),
    )
