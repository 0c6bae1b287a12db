"""Reboot: the job stops before it, the machine reboots when somebody agrees, and the job goes on afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.steps.base import Before, Overlay, Preview, StepBase, StepContext

#: systemctl(1): apt inhibits `systemctl reboot` while dpkg works, and logind may lose a request while it restarts
REBOOT = ("systemctl", "start", "--no-block", "--job-mode=replace-irreversibly", "reboot.target")
BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Reboot(StepBase):
    """A reboot amid a job. when: ask: somebody agrees (tasks/reboot.py); now; or the next HH:MM of the machine's clock.
    Whatever else reboots the machine meanwhile counts as well."""

    kind: Literal["reboot"] = "reboot"
    when: Literal["ask", "now"] | Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "ask"

    def describe(self) -> str:
        if self.when == "ask":
            return _("reboot, when you agree to it then, and go on")
        if self.when == "now":
            return _("reboot, and go on")
        return _("reboot at {time}, and go on").format(time=self.when)

    def paths(self) -> tuple[str, ...]:
        return ()

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        return {}

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        text = _("The machine reboots here. The job goes on by itself at the next boot, before anyone logs in.")
        if self.when == "ask":
            text = _("The job waits here until you agree to the reboot.") + " " + text
        return Preview("note", text)

    async def done(self, host: Host) -> bool:
        return False

    async def capture(self, context: StepContext) -> None:
        context.before.put("boot", (await context.host.text(BOOT_ID) or "").strip())

    async def apply(self, context: StepContext) -> None:
        raise NotImplementedError("the runner works on it")

    async def undo(self, context: StepContext, before: Before) -> None:
        """There is nothing to be taken back."""
