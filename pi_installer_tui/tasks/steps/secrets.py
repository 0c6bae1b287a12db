"""SecretFile: a secret that was given, or is made, becomes the whole content of a file, for a service that reads it
from there. Its value is in no argument, output, event, preview or plan."""

from __future__ import annotations

from typing import Literal

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.secrets import SecretName
from pi_installer_tui.tasks.steps.base import Overlay, Preview, Seen, StepContext, StepError
from pi_installer_tui.tasks.steps.diff import clipped
from pi_installer_tui.tasks.steps.files import Named, destination, look, number

_MODE, _READ = 0o600, 0o400


class SecretFile(Named):
    """A file that holds the secret `name` and nothing else; a line end only where it has several lines. There has to be
    a value under that name: StepError `secret-missing`; with `make` one is made where none was given, and shown once at
    the end of the job. A link in the file's place is refused. owner, group: whose it is, by name or number; where that
    isn't root, it can only be read (0400)."""

    kind: Literal["secret-file"] = "secret-file"
    name: SecretName
    make: bool = False
    owner: str = "root"
    group: str = "root"
    sensitive: Literal[True] = True

    @property
    def secret(self) -> str | None:
        return self.name

    def describe(self) -> str:
        text = _("make a secret in {path}") if self.make else _("put a secret into {path}")
        return clipped(text, self.path)

    async def _old(self, host: Host, overlay: Overlay | None = None) -> Seen:
        await destination(host, overlay, self.path)
        old = await look(host, overlay, self.path)
        if old.kind not in ("file", ""):
            raise StepError("not-a-file", path=self.path)
        return old

    async def _whose(self, host: Host) -> tuple[int, int, int]:
        uid, gid = await number(host, "/etc/passwd", self.owner), await number(host, "/etc/group", self.group)
        return _MODE if self.owner == "root" else _READ, uid, gid

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        await self._old(host, overlay)
        overlay.files[self.path] = Seen("file", b"", *await self._whose(host))
        return Preview("diff", _("(secret, changed)"), self.path)

    async def done(self, host: Host) -> bool:
        return False  # whether the value is the one that was given is only known while it is being written

    async def apply(self, context: StepContext) -> None:
        if context.secrets is None:
            raise StepError("internal-error", type="Secrets", where=self.id)
        await self._old(context.host)
        value = context.secrets.given(self.name)
        if value is None:
            if context.before.get("written"):
                return
            if not self.make:
                raise StepError("secret-missing", name=self.name)
            value = context.secrets.make(self.name)
        await self._make_parents(context, self.path)
        context.reached("file:replacing")
        if "\n" in value and not value.endswith("\n"):
            value += "\n"  # OpenSSH reads no private key that lacks its last line end
        mode, uid, gid = await self._whose(context.host)
        await context.host.replace(self.path, value.encode(), mode=mode, uid=uid, gid=gid, xattrs={})
        context.before.put("written", True)
        context.secrets.used(self.name)
        context.reached("file:replaced")
