"""ImportTunnel: a file of wg-quick's out of what wg-easy keeps, with the same keys. None of them is in an argument,
output, event, preview or plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.wireguard import wg_easy
from pi_installer_tui.system.wireguard.conf import Conf
from pi_installer_tui.tasks.fingerprints import fingerprint
from pi_installer_tui.tasks.steps.base import AbsolutePath, Overlay, Preview, Seen, StepContext, StepError
from pi_installer_tui.tasks.steps.diff import clipped, unified
from pi_installer_tui.tasks.steps.files import Named, look

_MODE = 0o600


class ImportTunnel(Named):
    """A file of wg-quick's out of what wg-easy keeps (`source`), with the same keys. One that is there is left alone.
    StepError `not-valid` where the source isn't what it was."""

    kind: Literal["wireguard-import"] = "wireguard-import"
    source: AbsolutePath
    sensitive: Literal[True] = True

    def describe(self) -> str:
        return clipped(_("make {path} of wg-easy's keys"), self.path)

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        found = dict(await super().fingerprint(host))
        sources = (self.source, wg_easy.log_of(self.source))
        return {**found, **{f"source:{each}": await fingerprint(host, each) for each in sources}}

    async def _text(self, host: Host) -> str:
        try:
            return wg_easy.written(await wg_easy.read(host, self.source))
        except (ValueError, OSError) as error:
            why = str(error) if isinstance(error, ValueError) else str(error.strerror)
            raise StepError("not-valid", path=self.source, error=why) from None

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        text = Conf(await self._text(host)).redacted
        old = await look(host, overlay, self.path)
        if old.kind:
            return Preview("note", _("nothing changes"), self.path)
        new = Seen("file", text.encode(), _MODE, 0, 0)
        overlay.files[self.path] = new
        return Preview("diff", unified(self.path, old, new), self.path)

    async def done(self, host: Host) -> bool:
        return await host.stat(self.path) is not None

    async def apply(self, context: StepContext) -> None:
        if await self.done(context.host):
            return
        text = await self._text(context.host)
        await self._make_parents(context, self.path)
        context.reached("file:replacing")
        await context.host.replace(self.path, text.encode(), mode=_MODE, uid=0, gid=0)
        context.reached("file:replaced")
