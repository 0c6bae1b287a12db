"""The doctor's judgements: pure, each over what was found, with what it rests on, why it matters, what mends it and how
that is taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.modules.vpn.judgement import Seen
from pi_installer_tui.modules.vpn.reading import unit
from pi_installer_tui.modules.vpn.settings import TunnelSettings
from pi_installer_tui.modules.vpn.state import State, Tunnel, Uplink
from pi_installer_tui.system.netfilter.passing import Passing, passing
from pi_installer_tui.system.netfilter.rules import Packet, Table
from pi_installer_tui.system.reading import Unknown, known

Standing = Literal["ok", "wrong", "unknown"]

#: days without a handshake after which a peer is asked after
STALE = 90
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was asked (a command, a file) and what the answer was; without keys."""

    asked: str
    answer: str


@dataclass(frozen=True, slots=True)
class Finding:
    """verdict: ok, wrong or unknown. why: what that means, in a sentence. fix_words: what mends it; settings: as the
    part of a setup file, or action: with its arguments, where the program can do it (else by hand); undo: how that is
    taken back."""

    id: str
    question: str
    verdict: Standing
    evidence: tuple[Receipt, ...] = ()
    why: str = ""
    fix_words: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    action: tuple[str, Mapping[str, str]] | None = None
    undo: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was asked of the machine beside its state. tables: all packet rules, None where they can't be read, then
    with the reason in rules_unknown; firewalls: whose rules are asked, as commands. clock: timedatectl's answer. mtus:
    by interface, bytes. path: the largest packet that gets out, and path_said how that is known. resolved: the
    endpoint's addresses by tunnel, None where it can't be asked. listed: by tunnel, whether the router still lists its
    mapping; None where it can't be asked. up: seconds that a tunnel runs. now: seconds since 1970."""

    now: float
    tables: tuple[Table, ...] | None = ()
    rules_unknown: str = ""
    firewalls: tuple[str, ...] = ()
    clock: str = ""
    mtus: Mapping[str, int] = field(default_factory=dict)
    path: int = 0
    path_said: Receipt | None = None
    resolved: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    listed: Mapping[str, bool | None] = field(default_factory=dict)
    up: Mapping[str, float] = field(default_factory=dict)
    seen: Mapping[str, Seen] = field(default_factory=dict)


def again(tunnel: Tunnel, **more: Any) -> dict[str, Any]:
    """The fix that is the tunnel's own settings once more: what is as they say gives no steps."""
    if not tunnel.ours:
        return {"action": ("adopt", {"tunnel": tunnel.name})}
    return {
        "settings": {"vpn": {"tunnels": {tunnel.name: more}}},
        "undo": _("The job can be undone from the history."),
    }


def mended(tunnel: Tunnel) -> str:
    if not tunnel.ours:
        return _("Adopt the tunnel: it keeps its keys and peers, and gets what it lacks.")
    return _("Apply the tunnel's settings again.")


def clock(facts: Facts) -> Finding:
    asked = Receipt("timedatectl show --property=NTPSynchronized --value", facts.clock)
    question = _("Is the clock right?")
    if facts.clock == "yes":
        return Finding("clock", question, "ok", (asked,), _("It is synchronised."))
    if facts.clock == "no":
        return Finding(
            "clock", question, "wrong", (asked,),
            _("It isn't synchronised. After a jump back handshakes are refused: each must be later than the last."),
            _("Switch the synchronisation of time on: System, NTP."),
            {"system": {"ntp": True}}, undo=_("The job can be undone from the history."),
        )  # fmt: skip
    return Finding("clock", question, "unknown", (asked,), _("Nobody says whether it is synchronised."))


def running(tunnel: Tunnel) -> Finding:
    name, question = f"{tunnel.name}.unit", _("Does {tunnel} run, and start by itself?").format(tunnel=tunnel.name)
    enabled, active = known(tunnel.enabled.configured), known(tunnel.enabled.effective)
    said = {True: "enabled", False: "disabled", None: _("unknown")}[enabled]
    runs = {True: "active", False: "inactive", None: _("unknown")}[active]
    evidence = (
        Receipt(f"systemctl is-enabled {unit(tunnel.name)}", said),
        Receipt(f"systemctl is-active {unit(tunnel.name)}", runs),
    )
    if enabled is None or active is None:
        return Finding(name, question, "unknown", evidence, _("systemd doesn't say."))
    if enabled and active:
        return Finding(name, question, "ok", evidence, _("It does."))
    why = _("It doesn't run: nobody can connect.") if not active else _("It runs, but won't after the next start.")
    fix = _("Switch it on.") if tunnel.ours else mended(tunnel)
    return Finding(name, question, "wrong", evidence, why, fix, **again(tunnel, enabled=True))


def secret(tunnel: Tunnel) -> Finding:
    question = _("Are the keys of {tunnel} readable for root only?").format(tunnel=tunnel.name)
    evidence = (Receipt(f"stat -c %a {tunnel.file}", f"{tunnel.mode:o}"),)
    if tunnel.mode & 0o077 == 0:
        return Finding(f"{tunnel.name}.mode", question, "ok", evidence, _("They are."))
    why = _("Others on this machine can read the file, and with it be this machine to every peer.")
    return Finding(f"{tunnel.name}.mode", question, "wrong", evidence, why, mended(tunnel), **again(tunnel))


def port(state: State, tunnel: Tunnel) -> Finding:
    name = f"{tunnel.name}.port"
    question = _("Does it listen at UDP port {port}?").format(port=tunnel.port)
    if tunnel.live is None:
        user = state.ports.get(tunnel.port)
        evidence = (Receipt("wg show all dump", _("{tunnel} isn't there").format(tunnel=tunnel.name)),)
        if user is None:
            return Finding(name, question, "wrong", evidence, _("It doesn't run."), mended(tunnel), **again(tunnel))
        who = Receipt(f"ss -Hulpn sport = :{tunnel.port}", user or _("a process that isn't known"))
        why = _("Another program has the port: {program}.").format(program=user or _("unknown"))
        if state.flannel:
            why += " " + _("k3s uses 51820 and 51821 for its own WireGuard.")
        fix = _("Choose another port for the tunnel; peers must be told, and the router.")
        return Finding(name, question, "wrong", (*evidence, who), why, fix)
    evidence = (Receipt("wg show all dump", f"{tunnel.name} {tunnel.live.port}"),)
    if tunnel.live.port == tunnel.port:
        return Finding(name, question, "ok", evidence, _("It does."))
    why = _("It listens at {port}, not where its file says: it was started before the file was changed.").format(
        port=tunnel.live.port
    )
    return Finding(name, question, "wrong", evidence, why, mended(tunnel), **again(tunnel))


def forwarding(state: State, tunnel: Tunnel, told: TunnelSettings) -> Iterator[Finding]:
    if _stays_here(told):
        return
    for version, value, file in (
        (4, state.forwards, "ipv4/ip_forward"),
        (6, state.forwards6, "ipv6/conf/all/forwarding"),
    ):
        if not any((":" in address) is (version == 6) for address in tunnel.address):
            continue
        name = f"{tunnel.name}.forwarding{version}"
        question = _("Does the kernel pass IPv{version} on?").format(version=version)
        runs = known(value.effective)
        said = {True: "1", False: "0", None: _("unknown")}[runs]
        evidence = [Receipt(f"cat /proc/sys/net/{file}", said)]
        configured = known(value.configured)
        if runs is None:
            yield Finding(name, question, "unknown", tuple(evidence), _("The kernel doesn't say."))
            continue
        if not runs:
            why = _("Peers reach this machine, and nothing behind it.")
            yield Finding(name, question, "wrong", tuple(evidence), why, mended(tunnel), **again(tunnel))
            continue
        source = getattr(value.configured, "source", None)
        evidence.append(Receipt("sysctl.d(5)", str(source) if configured and source else _("not set")))
        if not configured and not state.docker:
            why = _("It does now, but no file says so: it won't after the next start.")
            yield Finding(name, question, "wrong", tuple(evidence), why, mended(tunnel), **again(tunnel))
            continue
        if version == 6 and state.slaac and (uplink := known(state.uplink)) is not None:
            evidence.append(Receipt(f"cat /proc/sys/net/ipv6/conf/{uplink.interface}/accept_ra", "1"))
            why = _(
                "It does, and so it doesn't listen to the router any more (accept_ra 1, not 2): its own IPv6 address "
                "and way out are lost as soon as their time is over."
            )
            yield Finding(name, question, "wrong", tuple(evidence), why, mended(tunnel), **again(tunnel))
            continue
        yield Finding(name, question, "ok", tuple(evidence), _("It does."))


def _stays_here(told: TunnelSettings) -> bool:
    """No peer may reach more than this machine."""
    reaches = {told.reach, *(peer.reach for peer in (told.peers or {}).values())} - {None}
    return reaches == {"machine"} and not any(peer.nets for peer in (told.peers or {}).values())


def table(state: State, tunnel: Tunnel, told: TunnelSettings) -> Finding:
    """The tunnel's own rules, which masquerade."""
    name, question = f"{tunnel.name}.nat", _("Are the tunnel's rules loaded, which translate its addresses?")
    mine = f"pi_installer_tui_{tunnel.name}"
    if isinstance(state.tables, Unknown):
        return Finding(
            name, question, "unknown", (Receipt("nft list tables", state.tables.reason),), state.tables.reason
        )
    tables = known(state.tables)
    if tables is None:
        why = _("nft isn't installed: nothing translates, and nothing is kept apart.")
        return Finding(name, question, "wrong", (Receipt("which nft", "-"),), why, mended(tunnel), **again(tunnel))
    evidence = (Receipt("nft list tables", "\n".join(f"table inet {one}" for one in sorted(tables)) or _("none")),)
    if mine in tables:
        return Finding(name, question, "ok", evidence, _("They are."))
    if not tunnel.ours or told.reach is None:
        why = _(
            "The program's rules aren't there; whether the tunnel's own commands (PostUp) load others isn't looked at."
        )
        fix = (
            _("Say what peers may reach (reach): then the program brings its own rules.")
            if tunnel.ours
            else mended(tunnel)
        )
        return Finding(name, question, "unknown", evidence, why, fix, **({} if tunnel.ours else again(tunnel)))
    why = _("They aren't: what peers send to others goes out under addresses that nobody answers to.")
    return Finding(name, question, "wrong", evidence, why, mended(tunnel), **again(tunnel))


# -- firewalls -------------------------------------------------------------------------------------------------------


def firewall(state: State, tunnel: Tunnel, facts: Facts, told: TunnelSettings) -> Iterator[Finding]:
    """Whether the tunnel's packets come in, go on and come back, by all rules but the tunnel's own; by IPv6 too where
    the machine has an address of it."""
    uplink = known(state.uplink) or Uplink()
    own = (uplink.addresses or ("",))[0].partition("/")[0]
    ways: list[tuple[Literal[4, 6], str, str]] = [(4, "" if ":" in own else own, "1.1.1.1")]
    if uplink.global6:
        ways.append((6, uplink.global6[0].partition("/")[0], "2606:4700:4700::1111"))
    arriving, leaving, returning = [], [], []
    for version, mine, world in ways:
        arriving.append(Packet(version, "udp", tunnel.port, uplink.interface, (mine,) if mine else (), source=world))
        if peer := next(iter(_addresses(tunnel, version)), ""):
            leaving.append(
                Packet(version, "tcp", 443, tunnel.name, (world,), uplink.interface, forwarded=True, source=peer)
            )
            back = Packet(version, "tcp", 40000, uplink.interface, (peer,), tunnel.name, forwarded=True, source=world)
            returning.append(replace(back, established=True))
    question = _("Does a firewall of this machine let UDP port {port} in?").format(port=tunnel.port)
    why = _("What peers send is dropped before WireGuard sees it.")
    yield _walked(state, tunnel, facts, f"{tunnel.name}.firewall-in", question, arriving, why)
    if not _stays_here(told) and leaving:
        why = _("The handshake works, and nothing behind this machine answers.")
        question = _("Does a firewall here let peers' packets on?")
        yield _walked(state, tunnel, facts, f"{tunnel.name}.firewall-on", question, leaving, why)
        question = _("Does a firewall here let the answers back?")
        yield _walked(state, tunnel, facts, f"{tunnel.name}.firewall-back", question, returning, why)


def _addresses(tunnel: Tunnel, version: int) -> Iterator[str]:
    for peer in tunnel.peers.values():
        for net in peer.allowed:
            address = net.partition("/")[0]
            if (":" in address) is (version == 6):
                yield address


def _walked(
    state: State, tunnel: Tunnel, facts: Facts, name: str, question: str, packets: Sequence[Packet], why: str
) -> Finding:
    asked = ", ".join(facts.firewalls) or "nft -j list ruleset"
    if facts.tables is None:
        return Finding(name, question, "unknown", (Receipt(asked, facts.rules_unknown),), facts.rules_unknown)
    mine = ("inet", f"pi_installer_tui_{tunnel.name}")
    tables = [one for one in facts.tables if (one.family, one.name) != mine]
    ways = [(packet, passing(tables, packet)) for packet in packets]
    for outcome in ("dropped", "unknown"):
        for packet, found in ways:
            if found.outcome != outcome:
                continue
            said = _("IPv{version}, {where}: it is dropped there").format(version=packet.version, where=found.where)
            evidence = (Receipt(asked, said),)
            if outcome == "unknown":
                why = _("It depends on a rule there that isn't understood.")
                return Finding(name, question, "unknown", evidence, why)
            fix, more = _let_through(state, tunnel, found, packet)
            return Finding(name, question, "wrong", evidence, why, fix, **more)
    return Finding(name, question, "ok", (Receipt(asked, _("no rule drops it")),), _("It does."))


def _let_through(state: State, tunnel: Tunnel, found: Passing, packet: Packet) -> tuple[str, dict[str, Any]]:
    # both are at work in the table of iptables(8); who has a table of its own is somebody else
    theirs = found.where.split()[:2] in (["ip", "filter"], ["ip6", "filter"])
    if theirs and known(state.firewall) == "ufw":
        return _("Apply the tunnel's settings again: ufw is told by the module Security."), again(tunnel)
    if theirs and state.docker and packet.forwarded:
        return _("Apply the tunnel's settings again: with Docker it brings rules of its own."), again(tunnel)
    match = (
        f"udp dport {tunnel.port} accept"
        if not packet.forwarded
        else f'iifname "{tunnel.name}" accept'
        if packet.iif == tunnel.name
        else f'oifname "{tunnel.name}" ct state established,related accept'
    )
    return (
        _(
            "These rules are somebody else's. Bring in before the rule that drops: nft insert rule {where} {match}"
        ).format(where=found.where, match=match),
        {"undo": _("Take that rule out again (nft -a list ruleset shows its handle).")},
    )


def stale(tunnel: Tunnel, facts: Facts) -> Finding:
    """Peers that weren't seen for long. WireGuard forgets when it last saw one as soon as it is started again."""
    name, question = f"{tunnel.name}.stale", _("Does every peer still connect now and then?")
    days = {}
    for peer in tunnel.peers.values():
        if peer.paused or peer.live is None:
            continue
        seconds = facts.now - peer.live.handshake if peer.live.handshake else facts.up.get(tunnel.name, 0.0)
        if seconds > STALE * _DAY:
            days[peer.name] = int(seconds // _DAY)
    if tunnel.live is None:
        return Finding(name, question, "unknown", (), _("It doesn't run."))
    if not days:
        return Finding(
            name, question, "ok", (Receipt("wg show all dump", _("none is older")),),
            _("None was away for {days} days, as far as the running tunnel remembers.").format(days=STALE),
        )  # fmt: skip
    said = "\n".join(
        ngettext("{peer}: {count} day", "{peer}: {count} days", count).format(peer=peer, count=count)
        for peer, count in days.items()
    )
    why = _("A key that nobody uses is a key that nobody misses when it is stolen.")
    first = next(iter(days))
    return Finding(
        name, question, "wrong", (Receipt("wg show all dump", said),), why,
        _("Pause or revoke: {peers}.").format(peers=", ".join(days)),
        action=("pause", {"tunnel": tunnel.name, "peer": first}) if len(days) == 1 and tunnel.ours else None,
        undo=_("A paused peer is resumed."),
    )  # fmt: skip
