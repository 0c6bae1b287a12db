"""Steps for WireGuard: Tunnel edits a file of wg-quick's.

Keys are made by wg(8) through its standard input and output. A tunnel's own stays in its file; the private half of a
peer's goes to the secrets that were made. None is in an argument, output, event, preview or plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.wireguard.conf import SECRET, Conf, Section
from pi_installer_tui.system.wireguard.keys import is_key
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.secrets import SecretName, Secrets
from pi_installer_tui.tasks.steps.base import (
    Before,
    Overlay,
    Preview,
    Seen,
    StepContext,
    StepError,
)
from pi_installer_tui.tasks.steps.commands import shown
from pi_installer_tui.tasks.steps.diff import clipped, unified
from pi_installer_tui.tasks.steps.files import Named, destination, look

_MODE = 0o600
#: what stands in a preview where the job will put a key that it makes
MADE = "(made by the job)"


def _one_line(text: str) -> str:
    if not text.isprintable() or text != text.strip() or not text:
        raise ValueError("isn't one line of text")
    return text


def _setting(text: str) -> str:
    if "#" in _one_line(text):
        raise ValueError("has a # in it")
    return text


def _public(text: str) -> str:
    if text and not is_key(text):
        raise ValueError("isn't a key of WireGuard's")
    return text


Line = Annotated[str, Field(max_length=1000), AfterValidator(_one_line)]
Setting = Annotated[str, Field(max_length=1000), AfterValidator(_setting)]
Public = Annotated[str, AfterValidator(_public)]
Interface = Annotated[str, Field(pattern=r"^[A-Za-z0-9_=+.-]{1,15}$")]


class PeerChange(Frozen):
    """What becomes of a peer. key: its public key in the file, "" for one that is added. name: as the comment before it
    says. own: the public key of one that made its keys itself; private: the secret that the private half of new keys
    becomes, where they are made here (of one that is in the file: instead of its old ones). allowed, preshared, paused:
    None leaves them. gone: it is taken out. waits: the secret that its private key is while it waits to be handed over;
    it goes on under the name `becomes`, or is forgotten."""

    name: Line
    key: Public = ""
    own: Public = ""
    private: SecretName | None = None
    allowed: tuple[Setting, ...] | None = None
    preshared: bool | None = None
    paused: bool | None = None
    gone: bool = False
    waits: SecretName | None = None
    becomes: SecretName | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys that were made for an edit: the tunnel's own private one, and of peers by their number among the changes
    their public halves and preshared ones. Nothing of it is shown."""

    own: str = field(default="", repr=False)
    public: Mapping[int, str] = field(default_factory=dict, repr=False)
    preshared: Mapping[int, str] = field(default_factory=dict, repr=False)

    @classmethod
    def hidden(cls, count: int) -> Keys:
        """What stands in their place for so many peers where the file is only looked at."""
        public = {number: f"{MADE[:-1]}, {number + 1})" for number in range(count)}
        return cls(SECRET, public, dict.fromkeys(range(count), SECRET))


class Tunnel(Named):
    """A file of wg-quick's: settings of its interface (no values: it goes), lines that it has or hasn't among others of
    their key (PostUp), and its peers. Its private key is made where it has none. Every other byte stays."""

    kind: Literal["wireguard-tunnel"] = "wireguard-tunnel"
    interface: tuple[tuple[Setting, tuple[Setting, ...]], ...] = ()
    lines: tuple[tuple[Setting, Setting], ...] = ()
    without: tuple[tuple[Setting, Setting], ...] = ()
    peers: tuple[PeerChange, ...] = ()
    sensitive: Literal[True] = True

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(peer.private for peer in self.peers if peer.private is not None)

    @property
    def handed_over(self) -> tuple[str, ...]:
        return self.secrets

    def describe(self) -> str:
        names = [peer.name for peer in self.peers]
        if len(names) == 1 and not self.interface and not self.lines and not self.without:
            what = _what(self.peers[0]).format(name=names[0])
            return clipped("{name} {path}", self.path, name=what)
        return clipped(_("write {path}"), self.path)

    def edited(self, conf: Conf, keys: Keys) -> Conf:
        """The file afterwards. Pure. Raises StepError `peer-missing`."""
        for key, values in self.interface:
            conf = conf.with_values(None, key, values)
        if conf.interface is None:
            conf = conf.with_values(None, "ListenPort", ("51820",))
        if not conf.interface or not conf.interface.one("privatekey"):
            conf = conf.with_values(None, "PrivateKey", (keys.own,))
        for key, value in self.without:
            conf = conf.without_line(key, value)
        for key, value in self.lines:
            conf = conf.with_line(key, value)
        for number, peer in enumerate(self.peers):
            conf = self._peer(conf, number, peer, keys)
        return conf

    def _peer(self, conf: Conf, number: int, change: PeerChange, keys: Keys) -> Conf:
        key = change.key or change.own or keys.public.get(number, "")
        found = conf.peer(key) if key else None
        if found is None and change.private is not None:  # it has its new keys already
            key = keys.public.get(number, "")
            found = conf.peer(key) if key else None
        if change.gone:
            return conf if found is None else conf.without_peer(found)
        if found is None:
            if change.key:
                raise StepError("peer-missing", name=change.name, path=self.path)
            lines = [("PublicKey", key)]
            if change.preshared:
                lines.append(("PresharedKey", keys.preshared[number]))
            lines.append(("AllowedIPs", ", ".join(change.allowed or ())))
            return conf.with_peer(change.name, lines, paused=bool(change.paused))
        if found.name != change.name:
            conf = conf.renamed(found, change.name)
        place = key
        for name, values in self._settings(found, number, change, keys):
            conf = conf.with_values(conf.peer(place), name, values)
            if name == "PublicKey":
                place = values[0]
        found = conf.peer(place)
        if found is not None and change.paused is not None:
            conf = conf.paused(found, on=change.paused)
        return conf

    def _settings(
        self, found: Section, number: int, change: PeerChange, keys: Keys
    ) -> list[tuple[str, tuple[str, ...]]]:
        wanted: list[tuple[str, tuple[str, ...]]] = []
        anew = change.private is not None
        if anew:
            wanted.append(("PublicKey", (keys.public[number],)))
        if change.preshared is False:
            wanted.append(("PresharedKey", ()))
        elif change.preshared and (anew or not found.one("presharedkey")):
            wanted.append(("PresharedKey", (keys.preshared[number],)))
        if change.allowed is not None:
            wanted.append(("AllowedIPs", change.allowed))
        return wanted

    async def _old(self, host: Host, overlay: Overlay | None = None) -> tuple[str, Seen, Conf]:
        path = await destination(host, overlay, self.path)
        old = await look(host, overlay, path)
        if old.kind not in ("file", ""):
            raise StepError("not-a-file", path=path)
        return path, old, Conf(old.content.decode("utf-8", "surrogateescape"))

    async def _really(self, host: Host) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.path, await destination(host, None, self.path))))

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        path, old, conf = await self._old(host, overlay)
        shown_now = Conf(conf.redacted)
        new = self.edited(shown_now, Keys.hidden(len(self.peers)))
        before = Seen(old.kind, shown_now.text.encode("utf-8", "surrogateescape"), old.mode, old.uid, old.gid)
        after = Seen("file", new.text.encode("utf-8", "surrogateescape"), _MODE, 0, 0)
        overlay.files[path] = after
        text = unified(path, before, after)
        return Preview("diff", text, path) if text else Preview("note", _("nothing changes"), path)

    async def done(self, host: Host) -> bool:
        _path, old, conf = await self._old(host)
        if old.kind != "file" or old.mode != _MODE or any(peer.private for peer in self.peers):
            return False
        return self.edited(conf, Keys.hidden(len(self.peers))).text == conf.text

    async def apply(self, context: StepContext) -> None:
        path, old, conf = await self._old(context.host)
        keys = await self._keys(context, conf)
        new = self.edited(conf, keys).text
        if context.secrets is not None:
            for peer in self.peers:
                _pass_on(context.secrets, peer.waits, peer.becomes)
        await self._make_parents(context, path)
        context.reached("file:replacing")
        data = new.encode("utf-8", "surrogateescape")
        if old.kind != "file" or old.content != data or old.mode != _MODE:
            await context.host.replace(path, data, mode=_MODE, uid=0, gid=0)
        context.reached("file:replaced")

    async def undo(self, context: StepContext, before: Before) -> None:
        """What nobody has seen yet of the keys that were made goes too: they aren't in the file any more."""
        await super().undo(context, before)
        if context.secrets is not None:
            for name in self.secrets:
                context.secrets.show(name)
            for peer in self.peers:
                _pass_on(context.secrets, peer.becomes, peer.waits)

    async def _keys(self, context: StepContext, conf: Conf) -> Keys:
        """The keys that the edit needs. A private one that was made for it and is in the file since before a crash is
        used again."""
        host, own = context.host, ""
        if conf.interface is None or not conf.interface.one("privatekey"):
            own = await _wg(host, "genkey")
        public: dict[int, str] = {}
        preshared: dict[int, str] = {}
        for number, peer in enumerate(self.peers):
            if peer.gone:
                continue
            if peer.private is not None:
                public[number] = await self._public(context, peer, conf)
            if peer.preshared:
                preshared[number] = await _wg(host, "genpsk")
        return Keys(own=own, public=public, preshared=preshared)

    async def _public(self, context: StepContext, peer: PeerChange, conf: Conf) -> str:
        """The public half of a peer's new key. One that waits to be handed over and isn't in the file is of a peer
        of this name that was revoked: it must not open anything again."""
        if context.secrets is None or peer.private is None:
            raise StepError("internal-error", type="Secrets", where=self.id)
        private = context.secrets.made(peer.private)
        public = await _wg(context.host, "pubkey", private) if private is not None and is_key(private) else ""
        there = conf.peer(public) if public and public != peer.key else None
        if there is None or there.name != peer.name:
            private = await _wg(context.host, "genkey")
            public = await _wg(context.host, "pubkey", private)
            context.secrets.keep(peer.private, private)
            context.reached("key:made")
        return public


def _pass_on(secrets: Secrets, before: str | None, after: str | None) -> None:
    """A key that waits goes on under another name, or is forgotten."""
    if before is not None and (value := secrets.made(before)) is not None:
        if after is not None:
            secrets.keep(after, value)
        secrets.show(before)


def _what(peer: PeerChange) -> str:
    if peer.gone:
        return _("revoke {name} in")
    if not peer.key:
        return _("add {name} to")
    if peer.private is not None:
        return _("new keys for {name} in")
    if peer.paused is not None:
        return _("pause {name} in") if peer.paused else _("resume {name} in")
    return _("change {name} in")


async def _wg(host: Host, verb: Literal["genkey", "genpsk", "pubkey"], private: str = "") -> str:
    """A key, by wg(8). Raises StepError `command-failed` without what it printed, CommandNotFound."""
    done = await host.run(["wg", verb], input=f"{private}\n".encode() if private else None)
    key = done.stdout.strip()
    if not done.ok or not is_key(key):
        raise StepError("command-failed", command=shown(("wg", verb)), status=str(done.status))
    return key
