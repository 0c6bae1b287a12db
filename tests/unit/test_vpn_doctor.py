"""The doctor as a table: what is, which finding says so, and that what mends it can be planned."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from pi_installer_tui import planning
from pi_installer_tui.modules.vpn.doctor import examine, judge
from pi_installer_tui.modules.vpn.findings import Facts, Finding
from pi_installer_tui.modules.vpn.judgement import Seen
from pi_installer_tui.modules.vpn.mapping import Kept
from pi_installer_tui.modules.vpn.plan import plan
from pi_installer_tui.modules.vpn.settings import VpnSettings
from pi_installer_tui.modules.vpn.state import Peer, State, Tunnel, Uplink
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.tunnel import make as tunnel_make
from pi_installer_tui.system.host import Completed
from pi_installer_tui.system.netfilter import iptables
from pi_installer_tui.system.reading import MISSING, Known, Source, Unknown, Value
from pi_installer_tui.system.router.mapped import Mapped
from pi_installer_tui.system.router.uplink import Way
from pi_installer_tui.system.wireguard.live import LivePeer, LiveTunnel
from pi_installer_tui.tasks.plan import Others

from .test_packet_passing import DOCKER, UFW

NOW = 1_800_000_000.0
DAY = 86_400
KEY = base64.b64encode(b"\1" * 32).decode()
SET = {"address": ["10.86.0.1/24", "fd86:1:2::1/64"], "port": 51820, "endpoint": "home.example.org", "mapping": "auto",
       "reach": "everything", "enabled": True}  # fmt: skip
APPLIED = VpnSettings.model_validate({"tunnels": {"wg0": {**SET, "peers": {"phone": {"public_key": KEY}}}}})
ON = Value(Known(True, Source("/etc/sysctl.d/60-pi-installer-tui-vpn.conf", 2)), Known(True))
LIVE = LivePeer(KEY, "1.1.1.9:40000", ("10.86.0.2/32",), int(NOW - 60), 10_000, 10_000)
PEER = Peer("phone", KEY, ("10.86.0.2/32", "fd86:1:2::2/128"), live=LIVE)
TUNNEL = Tunnel(
    "wg0", "/etc/wireguard/wg0.conf", 0o600, ("10.86.0.1/24", "fd86:1:2::1/64"), 51820, 0, True, True, {"phone": PEER},
    Value(Known(True), Known(True)), LiveTunnel("wg0", KEY, 51820, {KEY: LIVE}),
)  # fmt: skip
STATE = State(
    wg=Known("1.0.20210914"),
    kernel=Known(True),
    applied=Known(APPLIED),
    tunnels=Known({"wg0": TUNNEL}),
    uplink=Known(Uplink("eth0", "192.168.178.1", ("192.168.178.20/24",))),
    nets=("192.168.178.0/24",),
    forwards=ON,
    forwards6=ON,
    firewall=Known("none"),
    tables=Known(frozenset({"pi_installer_tui_wg0"})),
    timers={"pi-installer-tui-vpn-mapping.timer": True},
    programs=frozenset({"wg", "wg-quick", "nft"}),
)
KEPT = Kept(Mapped("upnp", "192.168.178.1", "192.168.178.20", 51820, "88.1.2.3", 51820, 7200), NOW - 600)
HOME = Way("eth0", "192.168.178.1", ("192.168.178.20/24",), "192.168.178.20", 1500)
SEEN = Seen(way4=HOME, router="88.1.2.3", answers=("upnp",), kept=KEPT)
FACTS = Facts(
    now=NOW,
    firewalls=("iptables-save",),
    clock="yes",
    mtus={"eth0": 1500, "wg0": 1420},
    path=1500,
    resolved={"wg0": ("88.1.2.3",)},
    listed={"wg0": True},
    up={"wg0": 100 * DAY},
    seen={"wg0": SEEN},
)


def tunnel(**changes: Any) -> State:
    return dataclasses.replace(STATE, tunnels=Known({"wg0": dataclasses.replace(TUNNEL, **changes)}))


def state(**changes: Any) -> State:
    return dataclasses.replace(STATE, **changes)


def facts(**changes: Any) -> Facts:
    return dataclasses.replace(FACTS, **changes)


def kept(**changes: Any) -> Facts:
    return facts(seen={"wg0": dataclasses.replace(SEEN, kept=dataclasses.replace(KEPT, **changes))})


def through(**changes: Any) -> Facts:
    """A line with IPv6 alone, whose router was asked to let the port in."""
    six = Way("eth0", "fe80::1", ("2a02:8109:1:2::20/64",), "2a02:8109:1:2::20", 1500)
    hole = Mapped("pcp", "fe80::1%eth0", "2a02:8109:1:2::20", 51820, "2a02:8109:1:2::20", 51820, 7200)
    return facts(seen={"wg0": Seen(way6=six, kept6=dataclasses.replace(Kept(hole, NOW - 600), **changes))})


def away(days: int) -> State:
    live = dataclasses.replace(LIVE, handshake=int(NOW - days * DAY) if days else 0)
    return tunnel(peers={"phone": dataclasses.replace(PEER, live=live)})


def rules(text: str, family: Literal["ip", "ip6"] = "ip") -> Facts:
    return facts(tables=iptables.parse(text, family))


OFF = Value(MISSING, Known(False))
SIX = state(uplink=Known(Uplink("eth0", "192.168.178.1", ("192.168.178.20/24",), ("2a02:8109:1:2::20/64",))))
CASES: dict[str, tuple[State, Facts, str, str]] = {
    "all is well": (STATE, FACTS, "", ""),
    "the clock": (STATE, facts(clock="no"), "clock", "wrong"),
    "no timedatectl": (STATE, facts(clock="timedatectl is not installed"), "clock", "unknown"),
    "it is stopped": (tunnel(enabled=Value(Known(True), Known(False)), live=None), FACTS, "wg0.unit", "wrong"),
    "it isn't enabled": (tunnel(enabled=Value(Known(False), Known(True))), FACTS, "wg0.unit", "wrong"),
    "no systemd": (tunnel(enabled=Value(Unknown("x"), Unknown("x"))), FACTS, "wg0.unit", "unknown"),
    "a readable key": (tunnel(mode=0o644), FACTS, "wg0.mode", "wrong"),
    "another port": (tunnel(live=LiveTunnel("wg0", KEY, 40000, {KEY: LIVE})), FACTS, "wg0.port", "wrong"),
    "a port in use": (
        dataclasses.replace(tunnel(live=None), ports={51820: "k3s"}, flannel=True),
        FACTS,
        "wg0.port",
        "wrong",
    ),
    "no forwarding": (state(forwards=OFF), FACTS, "wg0.forwarding4", "wrong"),
    "forwarding until the next start": (state(forwards=Value(MISSING, Known(True))), FACTS, "wg0.forwarding4", "wrong"),
    "Docker forwards": (state(forwards=Value(MISSING, Known(True)), docker=True), FACTS, "wg0.forwarding4", "ok"),
    "no forwarding of IPv6": (state(forwards6=OFF), FACTS, "wg0.forwarding6", "wrong"),
    "forwards, and is deaf to the router": (state(slaac=True), FACTS, "wg0.forwarding6", "wrong"),
    "no rules": (state(tables=Known(frozenset())), FACTS, "wg0.nat", "wrong"),
    "rules of its own": (
        state(
            tables=Known(frozenset()),
            applied=Known(VpnSettings.model_validate({"tunnels": {"wg0": {"enabled": True}}})),
        ),
        FACTS,
        "wg0.nat",
        "unknown",
    ),
    "rules aren't told": (state(tables=Unknown("root only")), FACTS, "wg0.nat", "unknown"),
    "ufw, in": (state(firewall=Known("ufw")), rules(UFW.format(more="")), "wg0.firewall-in", "wrong"),
    "ufw, on": (state(firewall=Known("ufw")), rules(UFW.format(more="")), "wg0.firewall-on", "wrong"),
    "ufw lets back": (state(firewall=Known("ufw")), rules(UFW.format(more="")), "wg0.firewall-back", "ok"),
    "Docker": (state(docker=True), rules(DOCKER.format(more="")), "wg0.firewall-on", "wrong"),
    "Docker, back": (state(docker=True), rules(DOCKER.format(more="")), "wg0.firewall-back", "wrong"),
    "a firewall of IPv6, on": (SIX, rules(UFW.format(more=""), "ip6"), "wg0.firewall-on", "wrong"),
    "a firewall of IPv6, in": (SIX, rules(UFW.format(more=""), "ip6"), "wg0.firewall-in", "wrong"),
    "a firewall of IPv6 without IPv6": (STATE, rules(UFW.format(more=""), "ip6"), "", ""),
    "rules can't be read": (STATE, facts(tables=None, rules_unknown="root only"), "wg0.firewall-in", "unknown"),
    "PPPoE": (tunnel(), facts(path=1492, mtus={"wg0": 1440}), "wg0.mtu", "wrong"),
    "PPPoE fits": (tunnel(), facts(path=1492), "wg0.mtu", "ok"),
    "1492 by IPv6": (
        tunnel(peers={"phone": dataclasses.replace(PEER, live=dataclasses.replace(LIVE, endpoint="[2a02::9]:4"))}),
        facts(path=1492),
        "wg0.mtu",
        "wrong",
    ),
    "the name is of before": (STATE, facts(resolved={"wg0": ("88.9.9.9",)}), "wg0.endpoint", "wrong"),
    "the name is of nobody": (STATE, facts(resolved={"wg0": ()}), "wg0.endpoint", "wrong"),
    "the name is of home": (STATE, facts(resolved={"wg0": ("192.168.178.20",)}), "wg0.endpoint", "wrong"),
    "the name can't be asked": (STATE, facts(resolved={"wg0": None}), "wg0.endpoint", "unknown"),
    "outside isn't known": (STATE, facts(seen={"wg0": Seen(way4=HOME, kept=KEPT)}), "wg0.endpoint", "unknown"),
    "never mapped": (STATE, facts(seen={"wg0": dataclasses.replace(SEEN, kept=None)}), "wg0.mapping", "wrong"),
    "mapping refused": (STATE, kept(failed="606"), "wg0.mapping", "wrong"),
    "IPv6 alone, let through": (STATE, through(), "wg0.mapping", "ok"),
    "IPv6 alone, not any more": (STATE, through(failed="606"), "wg0.mapping", "wrong"),
    "IPv6 alone, nobody asks again": (STATE, through(granted=NOW - 7201), "wg0.mapping", "wrong"),
    "mapping ran out": (STATE, kept(granted=NOW - 7201), "wg0.mapping", "wrong"),
    "mapping forgotten": (STATE, facts(listed={"wg0": False}), "wg0.mapping", "wrong"),
    "another port outside": (
        STATE,
        kept(mapped=dataclasses.replace(KEPT.mapped, outer_port=40000)),
        "wg0.mapping",
        "wrong",
    ),
    "nobody asks again": (state(timers={}), FACTS, "wg0.mapping", "wrong"),
    "away for 91 days": (away(91), FACTS, "wg0.stale", "wrong"),
    "away for 89 days": (away(89), FACTS, "wg0.stale", "ok"),
    "never, in 100 days": (away(0), FACTS, "wg0.stale", "wrong"),
    "never, since yesterday": (away(0), facts(up={"wg0": DAY}), "wg0.stale", "ok"),
}


def found(name: str) -> tuple[Finding, ...]:
    what, told, _id, _verdict = CASES[name]
    return tuple(judge(what, told))


@pytest.mark.parametrize("name", CASES)
def test_a_finding(name: str) -> None:
    *_, wanted, verdict = CASES[name]
    made = found(name)
    assert len({one.id for one in made}) == len(made)
    for one in made:
        assert one.question.endswith("?") and one.why and "{" not in one.why + one.fix_words + one.question
        assert one.evidence or one.verdict == "unknown"
        if one.verdict == "wrong":
            assert one.fix_words and (one.undo or not one.settings)
    if wanted:
        assert next(one.verdict for one in made if one.id == wanted) == verdict
    else:
        assert {one.verdict for one in made} == {"ok"}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[3] == "wrong"])
def test_what_mends_it_is_a_setup_file(name: str) -> None:
    """What a finding offers as settings is taken by the module; where the state itself differs, it gives steps."""
    for one in found(name):
        for module, data in one.settings.items():
            made = planning.validated(module, data)
            if one.id == CASES[name][2] and one.id.rpartition(".")[2] in ("forwarding4", "forwarding6", "mode", "nat"):
                assert isinstance(made, VpnSettings)
                assert plan(CASES[name][0], made, Others()).steps


def test_what_has_rules_of_its_own_is_not_mended_by_what_docker_and_ufw_are_told() -> None:
    dropped = rules(UFW.format(more=""))
    assert dropped.tables is not None
    own = facts(tables=tuple(dataclasses.replace(one, name="strict") for one in dropped.tables))
    for what in (state(docker=True), state(firewall=Known("ufw"))):
        for told, settings in ((dropped, True), (own, False)):
            one = next(one for one in judge(what, told) if one.id == "wg0.firewall-on")
            assert one.verdict == "wrong" and bool(one.settings) is settings
            assert settings or "insert rule ip strict FORWARD" in one.fix_words


def test_a_tunnel_of_others_is_to_be_adopted() -> None:
    what = dataclasses.replace(tunnel(ours=False, mode=0o644), applied=MISSING)
    one = next(one for one in judge(what, FACTS) if one.id == "wg0.mode")
    assert one.action == ("adopt", {"tunnel": "wg0"}) and not one.settings


def test_without_a_tunnel_there_is_nothing_to_be_examined() -> None:
    assert tuple(judge(state(tunnels=Known({})), FACTS)) == ()


def test_nothing_of_a_key_is_evidence() -> None:
    for name in CASES:
        for one in found(name):
            assert KEY not in "".join(f"{receipt.asked}{receipt.answer}" for receipt in one.evidence)


def test_the_demo_is_examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    host = DemoHost.create(str(tmp_path / "demo"))
    made = asyncio.run(examine(host, STATE, now=NOW))
    assert {one.id: one.verdict for one in made}["clock"] == "ok"
    assert {one.verdict for one in made} <= {"ok", "wrong", "unknown"}


class Remembers(DemoHost):
    """A demo machine whose kernel was told a moment ago that the way out is narrower: recorded with iputils 20240905
    and iproute2 6.15."""

    async def run(self, argv: Sequence[str], **options: Any) -> Completed:
        if argv[0] == "ping" and "-M" in argv:
            said = "PING 192.0.2.1 (192.0.2.1) 1472(1500) bytes of data.\n"
            return Completed(tuple(argv), 1, said, "ping: sendmsg: Message too long\n")
        if list(argv) == ["ip", "-json", "route", "get", "192.0.2.1"]:
            said = '[{"dst":"192.0.2.1","gateway":"10.77.0.1","dev":"eth0","cache":[],"metrics":[{"mtu":1400}]}]\n'
            return Completed(tuple(argv), 0, said, "")
        return await super().run(argv, **options)


def test_a_narrow_way_out_is_found_again_while_the_kernel_remembers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    DemoHost.create(str(tmp_path / "demo"))
    tunnel_make(DemoHost(str(tmp_path / "demo")).machine)
    made = asyncio.run(examine(Remembers(str(tmp_path / "demo")), STATE, now=NOW))
    (one,) = (one for one in made if one.id == "wg0.mtu")
    assert one.verdict == "wrong" and "1400" in one.why, one
    assert one.evidence[-1].asked == "ip -json route get 192.0.2.1"
