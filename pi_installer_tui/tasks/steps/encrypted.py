"""EncryptedKey: a secret that a step before has made is kept under a passphrase, by gpg(1), which gets both through its
standard input. Nothing of either is in an argument, output, event, preview or plan."""

from __future__ import annotations

import hashlib
from typing import Literal

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.secrets import SecretName
from pi_installer_tui.tasks.steps.base import Overlay, Preview, Seen, StepContext, StepError
from pi_installer_tui.tasks.steps.commands import run, shown
from pi_installer_tui.tasks.steps.diff import clipped
from pi_installer_tui.tasks.steps.files import Named, destination, look

_MODE = 0o600
_REMOVE = ("rm", "--recursive", "--force", "--one-file-system", "--")
#: gpg(1): nobody is asked, the first line of standard input is the passphrase, what follows is encrypted. No agent is
#: needed where it needn't be asked how many rounds the passphrase is worth: as many as there can be
_OPTIONS = ("--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback", "--passphrase-fd", "0")
_ALONE = ("--no-autostart", "--no-keyring", "--s2k-count", "65011712")


class EncryptedKey(Named):
    """A file, root's and 0600, with the secret `name` encrypted by the secret `passphrase`, which is made, and shown
    once, where none was given. StepError `secret-missing` where there is no such secret."""

    kind: Literal["encrypted-key"] = "encrypted-key"
    name: SecretName
    passphrase: SecretName
    sensitive: Literal[True] = True

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.passphrase,)

    def describe(self) -> str:
        return clipped(_("encrypt a key into {path}"), self.path)

    async def _old(self, host: Host, overlay: Overlay | None = None) -> Seen:
        await destination(host, overlay, self.path)
        old = await look(host, overlay, self.path)
        if old.kind not in ("file", ""):
            raise StepError("not-a-file", path=self.path)
        return old

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        await self._old(host, overlay)
        overlay.files[self.path] = Seen("file", b"", _MODE, 0, 0)
        return Preview("diff", _("(secret, changed)"), self.path)

    async def done(self, host: Host) -> bool:
        return False

    async def apply(self, context: StepContext) -> None:
        secrets, host = context.secrets, context.host
        if secrets is None:
            raise StepError("internal-error", type="Secrets", where=self.id)
        await self._old(host)
        key = secrets.made(self.name)
        if key is None:
            if context.before.get("written"):
                return
            raise StepError("secret-missing", name=self.name)
        passphrase = secrets.given(self.passphrase) or secrets.make(self.passphrase)
        folder = f"/run/pi-installer-tui-gpg-{hashlib.sha256(self.id.encode()).hexdigest()[:16]}"
        await run(context, (*_REMOVE, folder))
        await host.mkdir(folder, mode=0o700, uid=0, gid=0)
        try:
            what = ("--armor", "--cipher-algo", "AES256", "--symmetric")
            argv = ("gpg", "--homedir", folder, *_OPTIONS, *_ALONE, *what)
            done = await host.run(argv, input=f"{passphrase}\n{key}\n".encode())
        finally:
            await run(context, (*_REMOVE, folder))
        if not done.ok or not done.stdout.startswith("-----BEGIN PGP MESSAGE-----"):
            raise StepError("command-failed", command=shown(("gpg", "--symmetric")), status=str(done.status))
        await self._make_parents(context, self.path)
        context.reached("file:replacing")
        await host.replace(self.path, done.stdout.encode(), mode=_MODE, uid=0, gid=0, xattrs={})
        context.before.put("written", True)
        secrets.used(self.passphrase)
        context.reached("file:replaced")
