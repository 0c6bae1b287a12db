"""NewKey: a pair of keys is made with ssh-keygen(1); its public half may log in, its private half waits to be shown,
once.

The private half is written by ssh-keygen into a folder of root's on a file system in memory, goes from there to the
secrets that were made, and the folder goes. It is in no argument, output, event or plan.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.secrets import SecretName
from pi_installer_tui.tasks.steps.base import Before, Overlay, Preview, Seen, StepContext, StepError
from pi_installer_tui.tasks.steps.commands import run, shown
from pi_installer_tui.tasks.steps.diff import clipped
from pi_installer_tui.tasks.steps.files import Named, destination, look

#: tmpfs on every system with systemd (file-hierarchy(7)), root's
_RUN = "/run"
_REMOVE = ("rm", "--recursive", "--force", "--one-file-system", "--")
_BEGIN, _END = "-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"
_MAGIC = b"openssh-key-v1\0"

Comment = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
Number = Annotated[int, Field(ge=0, le=2**32 - 2)]


class NewKey(Named):
    """A new key (Ed25519) in an authorized_keys, made where none in it has the comment `name`. private: the secret
    that its private half becomes. uid, gid: whose the file will be where it isn't there yet."""

    kind: Literal["new-key"] = "new-key"
    name: Comment
    private: SecretName
    uid: Number
    gid: Number

    @property
    def secret(self) -> str | None:
        return self.private

    def describe(self) -> str:
        return clipped(_("make the SSH key {path}"), self.name)

    def _command(self, folder: str) -> tuple[str, ...]:
        return ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", f"{folder}/key")

    @property
    def _folder(self) -> str:
        return f"{_RUN}/pi-installer-tui-key-{hashlib.sha256(self.id.encode()).hexdigest()[:16]}"

    async def _text(self, host: Host, overlay: Overlay | None = None) -> Seen:
        path = await destination(host, overlay, self.path)
        old = await look(host, overlay, path)
        if old.kind not in ("file", ""):
            raise StepError("not-a-file", path=path)
        return old

    def _there(self, content: bytes) -> bool:
        """A key is called so: its comment is the end of its line (sshd(8))."""
        lines = content.decode("utf-8", "surrogateescape").splitlines()
        return any(line.split()[-1:] == [self.name] and not line.lstrip().startswith("#") for line in lines)

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        old = await self._text(host, overlay)
        if self._there(old.content):
            return Preview("note", _("nothing changes"), self.path)
        if not old.kind:
            overlay.files[self.path] = Seen("file", b"", 0o600, self.uid, self.gid)
        told = [
            shown(self._command(self._folder)),
            "# " + _("its public half becomes a line of {path}").format(path=self.path),
            "# " + _("its private half is shown once after the job, and kept nowhere"),
        ]
        return Preview("command", "\n".join(told), self.path)

    async def done(self, host: Host) -> bool:
        return self._there((await self._text(host)).content)

    async def apply(self, context: StepContext) -> None:
        host, secrets = context.host, context.secrets
        if secrets is None:
            raise StepError("internal-error", type="Secrets", where=self.id)
        old = await self._text(host)
        if not self._there(old.content):
            private = secrets.made(self.private)
            if private is None or public_half(private) is None:
                private = await self._make(context)
                secrets.keep(self.private, private)
            public = public_half(private)
            if public is None:
                raise StepError("internal-error", type="key", where=self.id)
            before = old.content + (b"\n" if old.content and not old.content.endswith(b"\n") else b"")
            mode, uid, gid = (old.mode, old.uid, old.gid) if old.kind else (0o600, self.uid, self.gid)
            context.reached("file:replacing")
            await host.replace(self.path, before + f"{public} {self.name}\n".encode(), mode=mode, uid=uid, gid=gid)
        context.reached("key:removing")
        await run(context, (*_REMOVE, self._folder))
        context.reached("file:replaced")

    async def _make(self, context: StepContext) -> str:
        host, folder = context.host, self._folder
        context.reached("key:making")
        await run(context, (*_REMOVE, folder))
        await host.mkdir(folder, mode=0o700, uid=0, gid=0)
        await run(context, self._command(folder))
        context.reached("key:made")
        return (await host.read(f"{folder}/key", follow=False)).decode("ascii", "replace")

    async def undo(self, context: StepContext, before: Before) -> None:
        await run(context, (*_REMOVE, self._folder))
        await super().undo(context, before)


def public_half(private: str) -> str | None:
    """The type and data of the public key in a private one, as a .pub file has them; None for what is no private key
    without a passphrase. Source: PROTOCOL.key of OpenSSH."""
    rows = private.strip().splitlines()
    if len(rows) < 3 or rows[0] != _BEGIN or rows[-1] != _END:
        return None
    try:
        data = base64.b64decode("".join(rows[1:-1]), validate=True)
        if not data.startswith(_MAGIC):
            return None
        cipher, rest = _field(data[len(_MAGIC) :])
        _kdf, rest = _field(rest)
        _options, rest = _field(rest)
        public, _rest = _field(rest[4:])  # behind the number of keys
        kind, _rest = _field(public)
        return f"{kind.decode('ascii')} {base64.b64encode(public).decode()}" if cipher == b"none" else None
    except (binascii.Error, struct.error, ValueError):
        return None


def _field(data: bytes) -> tuple[bytes, bytes]:
    """A string of RFC 4251, 5, and what follows it. Raises ValueError, struct.error."""
    (length,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + length:
        raise ValueError("it ends early")
    return data[4 : 4 + length], data[4 + length :]
