"""The way from what is to what is wanted: packages, a tunnel's file and rules, what the kernel forwards, what is
remembered, the unit, timers. What runs follows without dropping anybody. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.vpn import applied, checks, forwarding, keeping, notices, own_way, rules, timers
from pi_installer_tui.modules.vpn.reading import unit
from pi_installer_tui.modules.vpn.settings import PeerSettings, TunnelSettings, VpnSettings
from pi_installer_tui.modules.vpn.state import State, Tunnel
from pi_installer_tui.modules.vpn.wanted import allowed, rules_of, wanted
from pi_installer_tui.system.reading import MISSING, Known, Unknown, known
from pi_installer_tui.system.wireguard.conf import Conf, Section, names
from pi_installer_tui.tasks.plan import Blocked, Others, Plan
from pi_installer_tui.tasks.steps import (
    Directory,
    EncryptedKey,
    InstallPackages,
    Probation,
    RemoveFile,
    RunCommand,
    SecretFile,
    Step,
    SyncTunnel,
    Unit,
    WriteFile,
)
from pi_installer_tui.tasks.steps import Tunnel as TunnelFile
from pi_installer_tui.tasks.steps.wireguard import Keys, PeerChange

NAME = "vpn"
_CONFIG, _FOLDER, _PACKAGES = f"{NAME}.config", f"{NAME}.secrets", f"{NAME}.packages"
#: mode of files with keys
_PRIVATE = 0o600


def plan(
    state: State, settings: VpnSettings, others: Others, *, rotate: Collection[tuple[str, str]] = frozenset()
) -> Plan:
    """The whole plan. rotate: tunnels and peers that get new keys."""
    return _Planning(state, settings, others, rotate).part.plan(settings)


class _Planning:
    """One plan, as it is made."""

    def __init__(
        self, state: State, settings: VpnSettings, others: Others, rotate: Collection[tuple[str, str]]
    ) -> None:
        self.part, self.state, self.settings = Part(NAME), state, settings
        self.others, self.rotate = others, rotate
        if not settings.tunnels:
            return
        for reading in (state.applied, state.tunnels, state.wg):
            if isinstance(reading, Unknown):
                self.part.block(reading.reason)
                return
        try:
            self.wanted = wanted(state, settings)
        except ValueError as error:
            self.part.block(str(error))
            return
        named = [name for name in settings.tunnels if self._is_ours(name)]
        self._packages([name for name in named if name in (self.wanted.tunnels or {})])
        for name in named:
            if (tunnel := (self.wanted.tunnels or {}).get(name)) is None:
                self._remove(name)
            else:
                self._stops(name, tunnel)
                self._file(name, tunnel, settings.tunnels[name])
        self.part.steps += forwarding.steps(state, self.wanted)
        self._remember()
        for name in named:
            if (tunnel := (self.wanted.tunnels or {}).get(name)) is not None:
                self._runs(name, tunnel)
        self._units()
        self._confirmed()
        self.part.checks += forwarding.checks(self.part.steps)

    def _confirmed(self) -> None:
        """What could cut off the owner, who is here through a tunnel, waits for a confirmation."""
        self.part.steps = own_way.on_probation(self.state, self.part.steps)
        for trial in (step for step in self.part.steps if isinstance(step, Probation)):
            name = trial.setting.rpartition(".")[2]
            text = _("your connection comes through {tunnel}: the change goes back unless it is confirmed")
            self.part.notice(text.format(tunnel=name))
            if self.state.firewall == Known("ufw"):
                text = _(
                    "what the firewall lets through for {tunnel} stays until the next change: this one may go back"
                )
                self.part.notice(text.format(tunnel=name))

    def _is_ours(self, name: str) -> bool:
        there = self.state.by_name.get(name)
        if there is None or there.ours:
            return True
        why = _("{file} was made by hand or by another program: adopt it first").format(file=there.file)
        self.part.blocked.append(Blocked(setting=f"{NAME}.tunnels.{name}", why=why))
        return False

    def _add(self, step: Step) -> None:
        self.part.steps.append(step)

    def _there(self, *ids: str) -> tuple[str, ...]:
        """Those of these steps that are in the plan."""
        return tuple(each for each in self.part.ids() if each in ids)

    def _packages(self, tunnels: Collection[str]) -> None:
        state, wants = self.state, [(self.wanted.tunnels or {})[name] for name in tunnels]
        lacking = ["wireguard-tools"] if tunnels and state.wg == MISSING else []
        if tunnels and state.kernel == Known(False) and "wireguard-go" not in state.programs:
            lacking.append("wireguard-go")
        if any(each.reach is not None for each in wants) and "nft" not in state.programs:
            lacking.append("nftables")
        keeps = {peer.keeping for each in wants for peer in (each.peers or {}).values()}
        if "encrypted" in keeps and "gpg" not in state.programs:
            lacking.append("gpg")
        if lacking:
            step = InstallPackages(id=_PACKAGES, setting=NAME, risks=("download",), packages=tuple(lacking))
            self._add(step)

    # the file ---------------------------------------------------------------------------------------------------------

    def _file(self, name: str, tunnel: TunnelSettings, given: TunnelSettings) -> None:
        there = self.state.by_name.get(name)
        setting, conf = f"{NAME}.tunnels.{name}", Conf(there.text if there is not None else "")
        peers = self._peers(name, tunnel, given, names(conf))
        managed = tunnel.reach is not None
        own = conf.interface
        hooks = checks.hooks(name, docker=self.state.docker)
        lacking = tuple((key, value) for key, value in hooks if own is None or value not in own.get(key))
        step = TunnelFile(
            id=f"{NAME}.{name}.file",
            setting=setting,
            needs=self._there(_PACKAGES),
            path=f"/etc/wireguard/{name}.conf",
            interface=_interface(tunnel, given, conf, new=there is None),
            lines=lacking if managed else (),
            peers=tuple(peers.values()),
        )
        edited = step.edited(conf, Keys.hidden(len(step.peers))).text
        if edited != conf.text or there is None or there.mode != _PRIVATE:
            self._add(step)
        text = rules_of(self.state, name, tunnel)
        if text and self.state.rules.get(name) != text:
            path = rules.path(name)
            self._add(
                WriteFile(
                    id=f"{NAME}.{name}.rules",
                    setting=setting,
                    needs=self._there(_PACKAGES),
                    path=path,
                    content=text,
                    mode=_PRIVATE,
                )
            )
        for peer in given.peers or {}:
            want = (tunnel.peers or {}).get(peer, PeerSettings())
            self._keep(name, peer, want, peers.get(peer, PeerChange(name=peer)))
        self._say(name, tunnel, peers)

    def _peers(
        self, name: str, tunnel: TunnelSettings, given: TunnelSettings, there: Mapping[str, Section]
    ) -> dict[str, PeerChange]:
        """What becomes of the peers that the settings name."""
        found: dict[str, PeerChange] = {}
        for peer, said in (given.peers or {}).items():
            section, want = there.get(peer), (tunnel.peers or {}).get(peer)
            if want is None:
                if section is not None:
                    found[peer] = PeerChange(name=section.name or peer, key=section.public_key, gone=True)
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
            elif (change := self._changed(name, peer, section, want, said)) is not None:
                found[peer] = change
        return found

    def _changed(
        self, name: str, peer: str, section: Section, want: PeerSettings, said: PeerSettings
    ) -> PeerChange | None:
        anew = (name, peer) in self.rotate
        has = bool(section.one("presharedkey"))
        preshared = want.preshared if want.preshared is not None and want.preshared != has else None
        change = PeerChange(
            name=section.name if section.named else peer,
            key=section.public_key,
            private=keeping.secret(name, peer) if anew else None,
            allowed=allowed(want) if _nets(section.get("allowedips")) != _nets(allowed(want)) else None,
            preshared=True if anew and (has or want.preshared) else preshared,
            paused=bool(want.paused) if want.paused is not None and want.paused != section.paused else None,
        )
        same = PeerChange(name=section.name or peer, key=section.public_key)
        return None if change == same and section.named else change

    def _keep(self, name: str, peer: str, want: PeerSettings, change: PeerChange) -> None:
        """The private half of keys that are made is kept, or what was kept of old ones goes."""
        there = self.state.by_name.get(name)
        old = there.peers.get(peer) if there is not None else None
        before = old.kept if old is not None else ""
        setting, step_id = f"{NAME}.tunnels.{name}.peers.{peer}", f"{NAME}.{name}.key.{peer}"
        how = want.keeping or "forget"
        made = change.private is not None
        needs = self._there(_PACKAGES, f"{NAME}.{name}.file")
        if old is not None and before and (change.gone or (made and how != before) or want.keeping == "forget"):
            path = keeping.path(name, peer, before, old.title)
            self._add(RemoveFile(id=f"{step_id}.gone", setting=setting, needs=needs, path=path, sensitive=True))
        if not made or how == "forget":
            return
        if _FOLDER not in self.part.ids():
            self._add(Directory(id=_FOLDER, setting=NAME, path=keeping.SECRETS, mode=0o700))
        path, secret = keeping.path(name, peer, how), keeping.secret(name, peer)
        if how == "plain":
            self._add(SecretFile(id=step_id, setting=setting, needs=needs, path=path, name=secret, make=True))
        else:
            self._add(
                EncryptedKey(
                    id=step_id,
                    setting=setting,
                    needs=needs,
                    path=path,
                    name=secret,
                    passphrase=keeping.passphrase(name, peer),
                )
            )

    def _say(self, name: str, tunnel: TunnelSettings, peers: Mapping[str, PeerChange]) -> None:
        shown = [peer for peer, change in peers.items() if change.private is not None]
        new = self.state.by_name.get(name) is None
        given = (self.settings.tunnels or {})[name]
        for text in notices.of(self.state, name, tunnel, given, shown, new=new):
            self.part.notice(text)

    # what runs --------------------------------------------------------------------------------------------------------

    def _stops(self, name: str, tunnel: TunnelSettings) -> None:
        """It is stopped by the file that it was started with, and what takes that back starts it by that one."""
        now = _enabled(self.state.by_name.get(name))
        if tunnel.enabled is False and isinstance(now, Known) and any(now.value):
            cuts = (f"interface:{name}",)
            self._add(_unit(name, f"{NAME}.tunnels.{name}", enabled=False, active=False, cuts=cuts))

    def _runs(self, name: str, tunnel: TunnelSettings) -> None:
        there, setting = self.state.by_name.get(name), f"{NAME}.tunnels.{name}"
        now = _enabled(there)
        if isinstance(now, Unknown):
            self.part.blocked.append(Blocked(setting=f"{setting}.enabled", why=now.reason))
            return
        configured, effective = now.value
        needs = self._there(f"{NAME}.{name}.file", f"{NAME}.{name}.rules")
        cuts = (f"interface:{name}",)
        if tunnel.enabled is False:
            return
        if tunnel.enabled and not (configured and effective):
            self._add(_unit(name, setting, needs=needs, enabled=True, active=True))
            self.part.checks += checks.runs(name, tunnel, setting)
        elif effective and there is not None:
            if _restarts(there, tunnel) or self._tells_docker(name):
                self._add(_unit(name, setting, needs=needs, active=True, restart=True, cuts=cuts))
                self.part.checks += checks.runs(name, tunnel, setting)
            elif needs or self._drifted(name, there, tunnel):
                sync = SyncTunnel(
                    id=f"{NAME}.{name}.sync",
                    setting=setting,
                    needs=needs,
                    interface=name,
                    rules=rules.path(name),
                    table=rules.table(name),
                    cuts=cuts if self._takes_away(name) else (),
                    routes=self._routes(name, there),
                )
                self._add(sync)
                self.part.checks += checks.runs(name, tunnel, setting)
        if effective or tunnel.enabled:
            self.part.checks += checks.peers(name, tunnel, self._file_step(name), setting)

    def _routes(self, name: str, there: Tunnel) -> tuple[str, ...] | None:
        """The networks behind peers as they are now, where the step before changes what peers may send from."""
        step = self._file_step(name)
        if step is None or not any(
            peer.gone or peer.allowed is not None or peer.paused is not None for peer in step.peers
        ):
            return None
        own = [ipaddress.ip_interface(each).network for each in there.address]
        nets = [
            ipaddress.ip_network(each, strict=False) for p in there.peers.values() if not p.paused for each in p.allowed
        ]
        outer = [net for net in nets if not any(net.version == o.version and net.subnet_of(o) for o in own)]  # type: ignore[arg-type]
        return tuple(dict.fromkeys(str(net) for net in outer if net.prefixlen))

    def _file_step(self, name: str) -> TunnelFile | None:
        return next((s for s in self.part.steps if isinstance(s, TunnelFile) and s.id == f"{NAME}.{name}.file"), None)

    def _tells_docker(self, name: str) -> bool:
        """Docker's packet filter is told by lines that only a start runs."""
        step = self._file_step(name)
        return step is not None and any("FORWARD" in value for _key, value in step.lines)

    def _takes_away(self, name: str) -> bool:
        """Whether somebody who is connected may be cut off."""
        step = self._file_step(name)
        before, now = (self.state.settings.tunnels or {}).get(name, TunnelSettings()), (self.wanted.tunnels or {})[name]
        if (before.reach, before.between, before.upstream) != (now.reach, now.between, now.upstream):
            return True
        was, now_peers = before.peers or {}, now.peers or {}
        if any(
            (was[peer].reach, was[peer].nets) != (now_peers[peer].reach, now_peers[peer].nets)
            for peer in was.keys() & now_peers.keys()
        ):
            return True
        changed = step.peers if step is not None else ()
        return any(peer.gone or peer.paused or peer.private for peer in changed if peer.key)

    def _drifted(self, name: str, there: Tunnel, tunnel: TunnelSettings) -> bool:
        """What runs isn't what the file says, or its packet rules have gone."""
        running = there.live.peers if there.live is not None else {}
        files = {p.public_key: _nets(p.allowed) for p in there.peers.values() if not p.paused}
        if there.live is not None and files != {key: _nets(peer.allowed) for key, peer in running.items()}:
            return True
        tables = known(self.state.tables)
        return tunnel.reach is not None and tables is not None and rules.table(name) not in tables

    # the rest ---------------------------------------------------------------------------------------------------------

    def _remove(self, name: str) -> None:
        there, setting = self.state.by_name.get(name), f"{NAME}.tunnels.{name}"
        needs: tuple[str, ...] = ()
        now = _enabled(there)
        if isinstance(now, Unknown):
            self.part.blocked.append(Blocked(setting=setting, why=now.reason))
            return
        if any(now.value):
            cuts = (f"interface:{name}",)
            self._add(_unit(name, setting, enabled=False, active=False, cuts=cuts))
            needs = self.part.ids()[-1:]
        if there is not None:
            step = f"{NAME}.{name}.gone"
            self._add(RemoveFile(id=step, setting=setting, needs=needs, path=there.file, sensitive=True))
            for peer in (each for each in there.peers.values() if each.kept):
                path = keeping.path(name, peer.name, peer.kept, peer.title)
                gone = f"{NAME}.{name}.key.{peer.name}.gone"
                self._add(RemoveFile(id=gone, setting=setting, needs=needs, path=path, sensitive=True))
        if name in self.state.rules:
            step = f"{NAME}.{name}.rules.gone"
            self._add(RemoveFile(id=step, setting=setting, needs=needs, path=rules.path(name)))

    def _remember(self) -> None:
        state = self.state
        if not self.wanted.tunnels and not state.settings.tunnels:
            return
        if not self.wanted.tunnels:
            self._add(RemoveFile(id=_CONFIG, setting=NAME, path=applied.PATH))
        elif self.wanted != state.settings or state.mode & 0o077:
            text = applied.dump(self.wanted)
            self._add(WriteFile(id=_CONFIG, setting=NAME, path=applied.PATH, content=text, mode=_PRIVATE))

    def _units(self) -> None:
        wants = timers.units(self.wanted, self.state.python)
        for file in sorted(self.state.units, key=lambda file: file.endswith(".service")):  # a timer before its service
            if file not in wants:
                self._no_unit(file)
        for file, text in wants.items():
            if self.state.units.get(file) != text:
                path = f"{timers.FOLDER}/{file}"
                self._add(WriteFile(id=f"{NAME}.unit.{file}", setting=NAME, path=path, content=text, mode=0o644))
        for file in (each for each in wants if each.endswith(".timer")):
            changed = self.state.units.get(file) != wants[file]
            if changed or not self.state.timers.get(file):
                files = {f"{NAME}.unit.{file}", f"{NAME}.unit.{file.replace('.timer', '.service')}"}
                step = Unit(
                    id=f"{NAME}.timer.{file}",
                    setting=NAME,
                    needs=self._there(*files),
                    name=file,
                    enabled=True,
                    active=True,
                    restart=changed and bool(self.state.timers.get(file)),
                )
                self._add(step)

    def _no_unit(self, file: str) -> None:
        needs: tuple[str, ...] = ()
        if file.endswith(".timer"):
            stop = f"{NAME}.timer.{file}"
            self._add(Unit(id=stop, setting=NAME, name=file, enabled=False, active=False))
            needs = (stop,)
            if file == f"{timers.MAPPING}.timer":  # its way back is the timer, which asks for the port again
                argv = (*timers.verb(self.state.python), "map", "--back")
                back = RunCommand(
                    id=timers.BACK, setting=NAME, needs=needs, argv=argv, probe="repeatable", covered=True
                )
                self._add(back)
        path = f"{timers.FOLDER}/{file}"
        self._add(RemoveFile(id=f"{NAME}.unit.{file}", setting=NAME, needs=needs, path=path))


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


def _restarts(there: Tunnel, tunnel: TunnelSettings) -> bool:
    """What only a new start of the interface changes."""
    return there.address != tuple(tunnel.address or ()) or (tunnel.mtu is not None and there.mtu != tunnel.mtu)


def _nets(allowed: Collection[str]) -> frozenset[str]:
    return frozenset(str(ipaddress.ip_network(each, strict=False)) for each in allowed)


def _enabled(there: Tunnel | None) -> Known[tuple[bool, bool]] | Unknown:
    """Whether it starts at boot, and whether it runs."""
    if there is None:
        return Known((False, False))
    found: list[bool] = []
    for reading in (there.enabled.configured, there.enabled.effective):
        if isinstance(reading, Unknown):
            return reading
        found.append(isinstance(reading, Known) and reading.value)
    return Known((found[0], found[1]))


def _unit(tunnel: str, setting: str, **fields: Any) -> Unit:
    return Unit(id=f"{NAME}.{tunnel}.unit", setting=setting, name=unit(tunnel), **fields)
