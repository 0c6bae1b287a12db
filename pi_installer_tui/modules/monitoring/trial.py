"""A test by a channel: one message that says it is one, and what the server answered."""

from __future__ import annotations

from pi_installer_tui.alerts.config import Channel
from pi_installer_tui.alerts.outbox import ARGV, trial_answer, trial_request
from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host


async def send(host: Host, channel: Channel, name: str, at: float) -> tuple[bool, str]:
    """Whether the server took it, and what it said. name: the machine's; at: seconds since 1970. The secret is read by
    the process that sends, and is in nothing that comes back."""
    if host.kind != "local":
        return False, _("nothing is sent from a machine that is only played")
    answer = await host.run(ARGV, input=trial_request(channel, name, at).encode())
    result = trial_answer(answer.stdout)
    return result.taken, result.said
