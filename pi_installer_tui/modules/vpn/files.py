"""A tunnel's files: wg-quick's with its peers, the packet rules, and private keys of peers that are kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pi_installer_tui.modules.vpn import checks, keeping, notices, rules
from pi_installer_tui.modules.vpn.planning import NAME, PACKAGES, PRIVATE, Planning, nets
from pi_installer_tui.modules.vpn.settings import PeerSettings, TunnelSettings
from pi_installer_tui.modules.vpn.wanted import allowed, rules_of
from pi_installer_tui.system.wireguard.conf import Conf, Section, names
from pi_installer_tui.tasks.steps import Directory, EncryptedKey, RemoveFile, SecretFile, WriteFile
from pi_installer_tui.tasks.steps import Tunnel as TunnelFile
from pi_installer_tui.tasks.steps.wireguard import Keys, PeerChange

_FOLDER = f"{NAME}.secrets"


def steps(made: Planning, name: str, tunnel: TunnelSettings, given: TunnelSettings) -> None:
    there = made.state.by_name.get(name)
    setting, conf = f"{NAME}.tunnels.{name}", Conf(there.text if there is not None else "")
    peers = _peers(made, name, tunnel, given, names(conf))
    managed = tunnel.reach is not None
    own = conf.interface
    hooks = checks.hooks(name, docker=made.state.docker)
    lacking = tuple((key, value) for key, value in hooks if own is None or value not in own.get(key))
    step = TunnelFile(
        id=f"{NAME}.{name}.file",
        setting=setting,
        needs=made.there(PACKAGES),
        path=f"/etc/wireguard/{name}.conf",
        interface=_interface(tunnel, given, conf, new=there is None),
        lines=lacking if managed else (),
        peers=tuple(peers.values()),
    )
    edited = step.edited(conf, Keys.hidden(len(step.peers))).text
    if edited != conf.text or there is None or there.mode != PRIVATE:
        made.add(step)
    text = rules_of(made.state, name, tunnel)
    if text and made.state.rules.get(name) != text:
        path = rules.path(name)
        made.add(
            WriteFile(
                id=f"{NAME}.{name}.rules",
                setting=setting,
                needs=made.there(PACKAGES),
                path=path,
                content=text,
                mode=PRIVATE,
            )
        )
    for peer in given.peers or {}:
        want = (tunnel.peers or {}).get(peer, PeerSettings())
        _keep(made, name, peer, want, peers.get(peer, PeerChange(name=peer)))
    _say(made, name, tunnel, peers)


def _peers(
    made: Planning, name: str, tunnel: TunnelSettings, given: TunnelSettings, there: Mapping[str, Section]
) -> dict[str, PeerChange]:
    """What becomes of the peers that the settings name."""
    found: dict[str, PeerChange] = {}
    for peer, said in (given.peers or {}).items():
        section, want = there.get(peer), (tunnel.peers or {}).get(peer)
        if want is None:
            if section is not None:
                waits = keeping.secret(name, peer)
                found[peer] = PeerChange(name=section.name or peer, key=section.public_key, gone=True, waits=waits)
        elif section is None:
            private = None if want.public_key else keeping.secret(name, peer)
            found[peer] = PeerChange(
                name=peer,
                own=want.public_key or "",
                private=private,
                allowed=allowed(want),
                preshared=want.preshared is not False,
                paused=bool(want.paused),
            )
        elif (change := _changed(made, name, peer, section, want, said)) is not None:
            found[peer] = change
    return found


def _changed(
    made: Planning, name: str, peer: str, section: Section, want: PeerSettings, said: PeerSettings
) -> PeerChange | None:
    anew = (name, peer) in made.rotate
    has = bool(section.one("presharedkey"))
    preshared = want.preshared if want.preshared is not None and want.preshared != has else None
    change = PeerChange(
        name=section.name if section.named else peer,
        key=section.public_key,
        private=keeping.secret(name, peer) if anew else None,
        allowed=allowed(want) if nets(section.get("allowedips")) != nets(allowed(want)) else None,
        preshared=True if anew and (has or want.preshared) else preshared,
        paused=bool(want.paused) if want.paused is not None and want.paused != section.paused else None,
    )
    same = PeerChange(name=section.name or peer, key=section.public_key)
    return None if change == same and section.named else change


def _keep(made: Planning, name: str, peer: str, want: PeerSettings, change: PeerChange) -> None:
    """The private half of keys that are made is kept, or what was kept of old ones goes."""
    there = made.state.by_name.get(name)
    old = there.peers.get(peer) if there is not None else None
    before = old.kept if old is not None else ""
    setting, step_id = f"{NAME}.tunnels.{name}.peers.{peer}", f"{NAME}.{name}.key.{peer}"
    how = want.keeping or "forget"
    anew = change.private is not None
    needs = made.there(PACKAGES, f"{NAME}.{name}.file")
    if old is not None and before and (change.gone or (anew and how != before) or want.keeping == "forget"):
        path = keeping.path(name, peer, before, old.title)
        made.add(RemoveFile(id=f"{step_id}.gone", setting=setting, needs=needs, path=path, sensitive=True))
    if not anew or how == "forget":
        return
    if _FOLDER not in made.part.ids():
        made.add(Directory(id=_FOLDER, setting=NAME, path=keeping.SECRETS, mode=0o700))
    path, secret = keeping.path(name, peer, how), keeping.secret(name, peer)
    if how == "plain":
        made.add(SecretFile(id=step_id, setting=setting, needs=needs, path=path, name=secret, make=True))
    else:
        made.add(
            EncryptedKey(
                id=step_id,
                setting=setting,
                needs=needs,
                path=path,
                name=secret,
                passphrase=keeping.passphrase(name, peer),
            )
        )


def _say(made: Planning, name: str, tunnel: TunnelSettings, peers: Mapping[str, PeerChange]) -> None:
    shown = [peer for peer, change in peers.items() if change.private is not None]
    new = made.state.by_name.get(name) is None
    given = (made.settings.tunnels or {})[name]
    for text in notices.of(made.state, name, tunnel, given, shown, new=new):
        made.part.notice(text)


def _interface(
    tunnel: TunnelSettings, given: TunnelSettings, conf: Conf, *, new: bool
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What of the interface's settings is another than in the file."""
    found: list[tuple[str, tuple[str, ...]]] = []
    if new or given.address is not None:
        found.append(("Address", tuple(tunnel.address or ())))
    if new or given.port is not None:
        found.append(("ListenPort", (str(tunnel.port),)))
    if given.mtu is not None:
        found.append(("MTU", (str(tunnel.mtu),)))
    if conf.interface is not None and conf.interface.one("saveconfig").lower() == "true":
        found.append(("SaveConfig", ("false",)))  # wg-quick(8): it would write over the file when it stops
    own = conf.interface
    return tuple((key, values) for key, values in found if own is None or own.get(key) != values)
