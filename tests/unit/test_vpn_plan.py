"""The VPN's plan: what is made of settings, on machines as they are; pure, and empty where all is so."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.modules.vpn import addresses, applied, handover
from pi_installer_tui.modules.vpn.actions import Adopt, Map, OfPeer, OfTunnel, Rename
from pi_installer_tui.modules.vpn.actions import plan as act
from pi_installer_tui.modules.vpn.actions import validate as act_wrong
from pi_installer_tui.modules.vpn.needs import needs
from pi_installer_tui.modules.vpn.offer import offer
from pi_installer_tui.modules.vpn.present import choices, present, summary
from pi_installer_tui.modules.vpn.settings import PeerSettings, TunnelSettings, VpnSettings
from pi_installer_tui.modules.vpn.state import State, read
from pi_installer_tui.modules.vpn.validating import validate
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.reading import Known, Unknown, Value
from pi_installer_tui.system.wireguard.conf import Conf
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.steps import RemoveFile, RunCommand, SyncTunnel, Unit, WriteFile
from pi_installer_tui.tasks.steps import Tunnel as TunnelFile
from pi_installer_tui.tasks.steps.wireguard import Keys

from .vpns import after, bare, key, planned, wanted

PEERS: dict[str, Any] = {
    "phone": {},
    "laptop": {"reach": "lan", "expires": "2027-03-01", "note": "Ada's"},
    "cabin": {"reach": "machine", "behind": ["192.168.40.0/24"], "keeping": "plain", "ipv6": False},
}
WANTED = wanted({"endpoint": "home.example.org", "peers": PEERS, "mapping": "auto"})


def ready(**fields: Any) -> State:
    """A machine with that tunnel."""
    state = bare(**fields)
    return after(state, planned(state, WANTED))


def ids(made: Plan) -> list[str]:
    return [step.id for step in made.steps]


def conf(made: Plan, state: State) -> Conf:
    (step,) = [each for each in made.steps if isinstance(each, TunnelFile)]
    there = state.by_name.get("wg0")
    return step.edited(Conf(there.text if there is not None else ""), Keys.hidden(len(step.peers)))


def test_a_tunnel_from_nothing() -> None:
    made = planned(bare(), WANTED)
    assert ids(made) == [
        "vpn.packages",
        "vpn.wg0.file",
        "vpn.wg0.rules",
        "vpn.secrets",
        "vpn.wg0.key.cabin",
        "vpn.forwarding.file",
        "vpn.forwarding.net.ipv4.ip_forward",
        "vpn.forwarding.net.ipv6.conf.all.forwarding",
        "vpn.config",
        "vpn.wg0.unit",
        "vpn.unit.pi-installer-tui-vpn-expiry.service",
        "vpn.unit.pi-installer-tui-vpn-expiry.timer",
        "vpn.unit.pi-installer-tui-vpn-mapping.service",
        "vpn.unit.pi-installer-tui-vpn-mapping.timer",
        "vpn.timer.pi-installer-tui-vpn-expiry.timer",
        "vpn.timer.pi-installer-tui-vpn-mapping.timer",
    ]
    file = conf(made, bare())
    assert [peer.name for peer in file.peers] == ["phone", "laptop", "cabin"]
    assert [len(peer.get("allowedips")) for peer in file.peers] == [2, 2, 2]
    assert file.peers[2].get("allowedips")[1] == "192.168.40.0/24"
    assert file.interface is not None and file.interface.one("listenport") == "51820"


@pytest.mark.parametrize(
    "tunnel",
    [
        {},
        {"enabled": False},
        {"peers": PEERS},
        {"reach": "machine", "between": True, "mtu": 1380, "peers": {"a": {"paused": True, "preshared": False}}},
        {"address": ["10.9.0.1/24"], "port": 4711, "peers": {"b": {"address": ["10.9.0.77"], "public_key": key("b")}}},
    ],
)
def test_what_was_applied_is_so_afterwards(tunnel: dict[str, Any]) -> None:
    state = bare()
    settings_ = wanted(tunnel)
    assert not validate(state, settings_)
    then = after(state, planned(state, settings_))
    assert ids(planned(then, settings_)) == []
    assert ids(planned(then, present(then))) == [] and (present(then).tunnels or {}).keys() == {"wg0"}
    assert applied.load(applied.dump(then.settings)) == then.settings


def test_a_file_of_ours_from_another_version_hides_no_tunnel() -> None:
    """Units, packet rules and the kernel's settings are whole files of ours: the plan writes them anew."""
    asked = wanted({"mapping": "auto", "peers": {"phone": {"expires": "2027-03-01"}}})
    then = after(bare(), planned(bare(), asked))
    assert len(then.units) == 4 and then.rules and then.sysctl
    older = replace(
        then,
        units={**{file: text + "# older\n" for file, text in then.units.items()}, "pi-installer-tui-vpn-x.timer": ""},
        rules={name: text + "# older\n" for name, text in then.rules.items()},
        sysctl=then.sysctl + "# older\n",
    )
    assert present(older) == present(then) == then.settings
    renewed = after(older, planned(older, present(older)))
    assert (renewed.units, renewed.rules, renewed.sysctl) == (then.units, then.rules, then.sysctl)
    assert present(replace(then, units={})).tunnels is None, "what is lacking isn't so"
    assert present(replace(then, tables=Known(frozenset()))).tunnels is None


def test_from_what_is_unknown_nothing_is_planned() -> None:
    for field in ("applied", "tunnels", "wg"):
        made = planned(bare(**{field: Unknown("no permission")}), WANTED)
        assert not made.steps and made.blocked[0].why == "no permission"


def test_where_the_kernel_has_no_wireguard_another_program_serves() -> None:
    made = planned(bare(kernel=Known(False), programs=frozenset()), WANTED)
    packages = made.steps[0].model_dump()["packages"]
    assert packages == ("wireguard-tools", "wireguard-go", "nftables")


def test_a_peer_is_added_live_and_the_others_stay_as_they_are() -> None:
    state = ready()
    before = Conf(state.by_name["wg0"].text)
    made = planned(state, wanted({"peers": {"tablet": {}}}))
    assert ids(made) == ["vpn.wg0.file", "vpn.wg0.rules", "vpn.config", "vpn.wg0.sync"]
    assert conf(made, state).text.startswith(before.text)
    assert made.steps[0].describe() == "add tablet to /etc/wireguard/wg0.conf"
    (sync,) = [step for step in made.steps if isinstance(step, SyncTunnel)]
    assert sync.cuts == () and sync.activates
    four = [peer.get("allowedips")[0] for peer in conf(made, state).peers]
    assert len(set(four)) == 4


@pytest.mark.parametrize("action", ["pause", "revoke", "rotate"])
def test_what_cuts_somebody_off_says_so(action: str) -> None:
    state = ready()
    made = act(state, action, OfPeer(peer="phone"))
    (sync,) = [step for step in made.steps if isinstance(step, SyncTunnel)]
    assert sync.cuts == ("interface:wg0",)
    assert {step.setting for step in made.steps} == {f"vpn.{action}"}
    then = after(state, made)
    phone = then.by_name["wg0"].peers.get("phone")
    if action == "pause":
        assert phone is not None and phone.paused
        assert not act(then, "pause", OfPeer(peer="phone")).steps
        assert not after(then, act(then, "resume", OfPeer(peer="phone"))).by_name["wg0"].peers["phone"].paused
    elif action == "revoke":
        assert phone is None
    else:
        assert phone is not None and phone.public_key != state.by_name["wg0"].peers["phone"].public_key
        assert phone.allowed == state.by_name["wg0"].peers["phone"].allowed


def test_a_kept_key_is_forgotten_and_goes_with_its_peer() -> None:
    state = ready()
    assert state.by_name["wg0"].peers["cabin"].kept == "plain"
    forgotten = act(state, "forget", OfPeer(peer="cabin"))
    assert [step.path for step in forgotten.steps if isinstance(step, RemoveFile)] == [
        "/etc/pi-installer-tui/secrets/vpn.wg0.cabin"
    ]
    revoked = act(state, "revoke", OfPeer(peer="cabin"))
    assert "vpn.wg0.key.cabin.gone" in ids(revoked) and _waiting(revoked) == [("vpn.wg0.cabin", None)]
    assert act_wrong(state, "forget", OfPeer(peer="phone")) and act_wrong(state, "pause", OfPeer(peer="nobody"))


def _waiting(made: Plan) -> list[tuple[str | None, str | None]]:
    """What becomes of keys that wait to be handed over."""
    return [(peer.waits, peer.becomes) for step in made.steps if isinstance(step, TunnelFile) for peer in step.peers]


def test_a_peer_gets_another_name_and_keeps_the_rest() -> None:
    state = ready()
    told = Rename(peer="cabin", to="hut")
    assert not act_wrong(state, "rename", told)
    assert act_wrong(state, "rename", Rename(peer="cabin", to="phone"))[0].place == "to"
    made = act(state, "rename", told)
    assert ids(made) == ["vpn.wg0.file", "vpn.config", "vpn.wg0.key"]
    assert _waiting(made) == [("vpn.wg0.cabin", "vpn.wg0.hut")]
    then = after(state, made)
    before, now = state.by_name["wg0"].peers["cabin"], then.by_name["wg0"].peers["hut"]
    assert (now.public_key, now.allowed) == (before.public_key, before.allowed)
    was, is_ = ((each.settings.tunnels or {})["wg0"].peers or {} for each in (state, then))
    assert list(is_) == ["phone", "laptop", "hut"] and is_["hut"] == was["cabin"]
    assert not planned(then, then.settings).steps


def test_the_port_at_the_router_is_an_action() -> None:
    """The router is asked first: where it refuses, nothing else has changed. An undo gives back what wasn't there."""
    plain = wanted({"endpoint": "home.example.org", "peers": PEERS})
    state = after(bare(), planned(bare(), plain))
    python = ("/opt/pi-installer-tui/current/bin/python", "-I", "-m", "pi_installer_tui", "vpn", "map")
    made = act(state, "map", Map(how="pcp"))
    first = made.steps[0]
    assert isinstance(first, RunCommand) and first.argv == (*python, "--tunnel", "wg0", "--how", "pcp")
    assert first.undo_argv == (*python, "--tunnel", "wg0", "--back")
    assert made.asked is not None and made.asked.arguments == {"tunnel": "wg0", "how": "pcp"}
    then = after(state, made)
    assert (then.settings.tunnels or {})["wg0"].mapping == "pcp" and all(then.timers.values())
    again = act(then, "map", Map(how="pcp"))
    assert ids(again) == ["vpn.wg0.port"] and not again.steps[0].model_dump()["undo_argv"], "it was there before"
    gone = act(then, "unmap", OfTunnel())
    assert [step.argv for step in gone.steps if isinstance(step, RunCommand)] == [
        (*python, "--tunnel", "wg0", "--back")
    ]
    left = after(then, gone)
    assert (left.settings.tunnels or {})[
        "wg0"
    ].mapping == "none" and "pi-installer-tui-vpn-mapping.timer" not in left.units
    assert {each.place for each in act_wrong(state, "map", Map(tunnel="wg7"))} == {"tunnel"}


def test_what_to_know_is_said() -> None:
    def said(tunnel: dict[str, Any], **machine: Any) -> str:
        return " ".join(notice.text for notice in planned(bare(**machine), wanted(tunnel)).notices)

    assert "no endpoint" in said({"peers": {"a": {}}}) and "shown once" in said({"peers": {"a": {}}})
    assert "private address" in said({"endpoint": "192.168.1.7"}) and "private" not in said({"endpoint": "a.example"})
    assert "many have at home" in said({"address": ["10.8.0.1/24"]})
    assert "another program filters" in said({}, firewall=Known("nftables"))
    assert "k3s" in said({}, flannel=True, ports={51820: ""}) and "51821" in said({}, flannel=True, ports={51820: ""})


def test_docker_is_told_by_a_new_start() -> None:
    state = replace(ready(), docker=True)
    steps = planned(state, wanted({})).steps
    assert any(isinstance(step, Unit) and step.restart for step in steps)
    assert "iptables -w 5 -I FORWARD -i wg0 -j ACCEPT" in conf(planned(state, wanted({})), state).text


def test_only_other_addresses_restart_the_interface() -> None:
    state = ready()
    for tunnel, restarts in (({"port": 51999}, False), ({"mtu": 1380}, True), ({"reach": "lan"}, False)):
        steps = planned(state, wanted(tunnel)).steps
        assert any(isinstance(step, Unit) and step.restart for step in steps) is restarts, tunnel
        assert any(isinstance(step, SyncTunnel) for step in steps) is not restarts, tunnel


def test_a_tunnel_is_stopped_by_the_file_that_it_was_started_with() -> None:
    """What is taken back comes in the other order: it is started when its file is as before."""
    made = ids(planned(ready(), wanted({"enabled": False, "peers": {"phone": {"state": "absent"}}})))
    assert made[:2] == ["vpn.wg0.unit", "vpn.wg0.file"]


def test_a_tunnel_that_goes_takes_all_of_it_along() -> None:
    state = ready()
    made = planned(state, wanted({"state": "absent"}))
    assert [step.describe().split()[0] for step in made.steps][:1] == ["disable,"]
    then = after(state, made)
    assert not then.by_name and not then.rules and not then.units and not then.sysctl
    assert then.settings == VpnSettings()
    paths = {step.path for step in made.steps if isinstance(step, RemoveFile)}
    assert {"/etc/pi-installer-tui/vpn.yaml", "/etc/pi-installer-tui/secrets/vpn.wg0.cabin"} <= paths
    waits = [step.waits for step in made.steps if isinstance(step, RemoveFile) and step.path.endswith("wg0.conf")]
    assert waits == [("vpn.wg0.phone", "vpn.wg0.laptop", "vpn.wg0.cabin")]


def test_what_runs_otherwise_than_the_file_says_is_made_to_follow() -> None:
    state = ready()
    there = state.by_name["wg0"]
    assert there.live is not None
    drifted = replace(state, tunnels=Known({"wg0": replace(there, live=replace(there.live, peers={}))}))
    assert ids(planned(drifted, WANTED)) == ["vpn.wg0.sync"]
    assert ids(planned(replace(state, tables=Known(frozenset())), WANTED)) == ["vpn.wg0.sync"]


def test_a_machine_that_listens_to_its_router_goes_on_and_is_as_before_afterwards() -> None:
    state = ready(slaac=True)
    assert "net/ipv6/conf/eth0/accept_ra = 2" in state.sysctl
    gone = planned(replace(state, slaac=False), wanted({"state": "absent"}))
    commands = [step.argv[-1] for step in gone.steps if isinstance(step, RunCommand)]
    assert "net/ipv6/conf/eth0/accept_ra=1" in commands


def test_a_new_tunnel_is_proposed_with_the_dns_server_that_runs_here() -> None:
    goals = frozenset({"vpn-gateway"})
    (alone,) = offer(bare(), goals).wanted["tunnels"].values()
    assert "dns" not in alone and alone["port"] == 51820 and not validate(bare(), wanted(alone))
    for program, asked in (("pihole-FTL", True), ("systemd-resolve", False), ("dnsmasq", False)):
        found = offer(bare(ports={53: program}), goals)
        (tunnel,) = found.wanted["tunnels"].values()
        assert (tunnel.get("dns") == [tunnel["address"][0].partition("/")[0]]) is asked
        assert (program in found.remark) is asked
        assert not validate(bare(), wanted(tunnel))


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"/etc/resolv.conf": "search lan\nnameserver 192.168.1.1\nnameserver 9.9.9.9\nnameserver\n"}, ["192.168.1.1"]),
        ({"/etc/resolv.conf": "nameserver 9.9.9.9\n"}, []),
        (
            {
                "/etc/resolv.conf": "nameserver 127.0.0.53\n",
                "/run/systemd/resolve/resolv.conf": "nameserver fe80::1%eth0\nnameserver 192.168.1.2\n",
            },
            ["192.168.1.2"],
        ),
    ],
)
def test_the_dns_servers_of_the_lan_and_of_this_machine_are_choices(
    files: dict[str, str], found: list[str], tmp_path: Path
) -> None:
    host = DemoHost.create(str(tmp_path / "demo"))
    host.machine.files.remove("/etc/resolv.conf")
    for path, content in files.items():
        host.machine.write(path, content)
    state = asyncio.run(read(host))
    assert list(state.resolvers) == found
    own, _six = ready().by_name["wg0"].address
    for programs, here in (({}, []), ({53: "pihole-FTL"}, [own.partition("/")[0]])):
        asked = replace(ready(ports=programs), resolvers=tuple(found))
        assert list(choices(asked, "resolvers")) == [*here, *found]


def test_what_only_this_machine_shows_to_be_wrong() -> None:
    state = ready()

    def wrong(tunnel: dict[str, Any], on: State = state, name: str = "wg0") -> list[str]:
        return [mistake.place for mistake in validate(on, wanted(tunnel, name))]

    assert wrong({"address": ["192.168.1.77/24"]}) == ["vpn.tunnels.wg0.address"]
    assert wrong({"address": [state.by_name["wg0"].address[0]]}, name="wg1") == ["vpn.tunnels.wg1.address"]
    assert wrong({"port": 51820}, name="wg1") == ["vpn.tunnels.wg1.port"]
    assert wrong({"port": 53}, bare(ports={53: "dnsmasq"})) == ["vpn.tunnels.wg0.port"]
    stopped = replace(state.by_name["wg0"], live=None, enabled=Value(Known(True), Known(False)))
    taken = replace(state, tunnels=Known({"wg0": stopped}), ports={51820: "k3s"})
    assert wrong({"mtu": 1400}, taken) == ["vpn.tunnels.wg0.port"] and not wrong({"enabled": False}, taken)
    assert not wrong({"mtu": 1400}, replace(taken, interfaces=("wg0",))), "it is the tunnel itself that has it"
    assert wrong({"peers": {"x": {"address": ["10.0.0.1"]}}}) == ["vpn.tunnels.wg0.peers.x.address"]
    assert wrong({"peers": {"x": {"behind": ["192.168.1.0/24"]}}}) == ["vpn.tunnels.wg0.peers.x.behind"]
    assert wrong({"peers": {"x": {"behind": ["192.168.40.0/24"]}}}) == ["vpn.tunnels.wg0.peers.x"]
    assert wrong({"peers": {"x": {"expires": "2020-01-01"}}}) == ["vpn.tunnels.wg0.peers.x.expires"]
    assert wrong({"peers": {"phone": {"keeping": "plain"}}}) == ["vpn.tunnels.wg0.peers.phone.keeping"]
    assert wrong({"peers": {"phone": {"public_key": key("else")}}}) == ["vpn.tunnels.wg0.peers.phone.public_key"]
    assert wrong({}, bare(interfaces=("lo", "wg0"))) == ["vpn.tunnels.wg0"]


def test_others_tunnels_are_left_alone_until_they_are_adopted() -> None:
    text = (
        "[Interface]\nAddress = 10.9.0.1/24\nPrivateKey = (secret)\nListenPort = 51820\n\n"
        f"[Peer]\nPublicKey = {key('a')}\nAllowedIPs = 10.9.0.2/32, 192.168.50.0/24\n"
    )
    state = ready()
    made = replace(state.by_name["wg0"], ours=False, text=text, address=("10.9.0.1/24",), peers={}, live=None)
    foreign = replace(bare(), wg=Known("1"), tunnels=Known({"wg0": made}))
    assert validate(foreign, wanted({"port": 1})) and planned(foreign, wanted({"port": 1})).blocked
    then = act(foreign, "adopt", Adopt())
    assert not [step for step in then.steps if isinstance(step, WriteFile) and step.path.endswith(".nft")]
    assert not [step for step in then.steps if isinstance(step, RunCommand | Unit)]


def test_networks_are_proposed_that_nobody_has() -> None:
    seen = set()
    for number in range(300):
        four, six = addresses.propose(f"machine {number}", "wg0", ("10.1.0.0/16", "192.168.1.0/24"))
        assert not addresses.overlaps(four, "10.1.0.0/16") and six.startswith("fd") and six.endswith("::1/64")
        assert (four, six) == addresses.propose(f"machine {number}", "wg0", ("10.1.0.0/16", "192.168.1.0/24"))
        seen.add(six)
    assert len(seen) == 300


def test_a_full_network_is_said_to_be_full() -> None:
    tunnel = {"address": ["10.9.0.1/29"], "peers": {f"p{n}": {} for n in range(5)}}
    assert not validate(bare(), wanted(tunnel))
    tunnel["peers"]["p5"] = {}  # type: ignore[index]
    assert "full" in str(validate(bare(), wanted(tunnel))[0]) and planned(bare(), wanted(tunnel)).blocked


def test_what_a_peer_is_given() -> None:
    tunnel = TunnelSettings.model_validate(
        {"address": ["10.9.0.1/24", "fd01::1/64"], "port": 1000, "endpoint": "2001:db8::1", "endpoint_port": 2000,
         "reach": "lan", "dns": ["10.9.0.1", "home.arpa"], "mtu": 1380,
         "peers": {"cabin": {"behind": ["10.7.0.0/24"], "address": ["10.9.0.9"]}}}
    )  # fmt: skip
    seen = handover.view("wg0", key("server"), tunnel, ("192.168.1.0/24", "fd77::/64"))
    peer = PeerSettings(address=("10.9.0.2",), nets=("10.20.0.0/16",), keepalive=0)
    assert handover.client(seen, peer, "PRIVATE", "PSK") == (
        "[Interface]\nPrivateKey = PRIVATE\nAddress = 10.9.0.2/32\nDNS = 10.9.0.1, home.arpa\nMTU = 1380\n\n"
        f"[Peer]\nPublicKey = {key('server')}\nPresharedKey = PSK\n"
        "AllowedIPs = 10.9.0.0/24, 192.168.1.0/24, 10.7.0.0/24, 10.20.0.0/16\nEndpoint = [2001:db8::1]:2000\n"
    )
    everything = handover.client(seen, peer.model_copy(update={"reach": "everything"}), "P", "")
    assert "AllowedIPs = 0.0.0.0/0, ::/0\n" in everything
    with pytest.raises(ValueError, match="nothing"):
        handover.client(handover.view("wg0", "", tunnel, ()), peer, "P", "")


def test_the_firewall_is_asked_while_the_tunnel_runs() -> None:
    state = ready()
    asked = needs(state, WANTED)
    assert [(each.name, each.port, each.interface, each.passed_on, each.on) for each in asked] == [
        ("vpn-wg0", 51820, "", False, True),
        ("vpn-wg0-machine", 0, "wg0", False, True),
        ("vpn-wg0-out", 0, "wg0", True, True),
    ]
    for gone in ({"state": "absent"}, {"enabled": False}):
        assert {each.on for each in needs(state, wanted(gone))} == {False}


def test_home_is_told_who_is_connected() -> None:
    assert summary(bare()) == "no tunnel"
    assert summary(ready()) == "wg0, 0 of 3 peers connected"
