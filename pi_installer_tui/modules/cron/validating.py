"""What is wrong with settings on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from pi_installer_tui.modules.cron.settings import CronSettings
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.plan import Mistake


def validate(state: State, settings: CronSettings) -> Sequence[Mistake]:
    """Mistakes that only this machine shows."""
    return ()


async def probe(host: Host, settings: CronSettings) -> Sequence[Mistake]:
    """Mistakes that systemd finds."""
    return ()
