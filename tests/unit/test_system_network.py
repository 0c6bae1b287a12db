"""Addresses through each backend: what its files say, and that what is written says what was wanted."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.modules.system import MODULE
from pi_installer_tui.modules.system.cloud import CloudInit
from pi_installer_tui.modules.system.network import arp, netplan, networkd, networkmanager
from pi_installer_tui.modules.system.network.base import Addressing, Interface, in_effect, step_id, wanted
from pi_installer_tui.modules.system.settings import Dhcp, Static, SystemSettings
from pi_installer_tui.system.formats import ini, yaml
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown, known
from pi_installer_tui.tasks.plan import Others, Plan
from pi_installer_tui.tasks.steps import RunCommand, WriteFile

from .replayed import ReplayedHost, recording, replayed
from .test_system_plan import KEYFILE, NOW, PATH, PI, edited, eth0, ids, plan, static, steps


def addressing(**values: Any) -> Addressing:
    return Addressing(
        values.get("method", "static"),
        tuple(map(IPv4Interface, values.get("addresses", ()))),
        IPv4Address(values["gateway"]) if values.get("gateway") else None,
        tuple(map(ip_address, values.get("dns", ()))),
        tuple(values.get("search", ())),
        values.get("ipv6", "auto"),
    )


# what is left out ---------------------------------------------------------------------------------------------------


def test_what_is_left_out_stays() -> None:
    changed = wanted(Static.model_validate({"method": "static", "address": "192.168.1.30/24"}), eth0())
    assert changed == replace(NOW, addresses=(IPv4Interface("192.168.1.30/24"),))


def test_an_address_does_not_outlive_the_change_to_dhcp() -> None:
    assert wanted(Dhcp(method="dhcp"), eth0()) == replace(NOW, method="dhcp", addresses=(), gateway=None)


def test_further_addresses_stay() -> None:
    two = replace(NOW, addresses=(IPv4Interface("192.168.1.20/24"), IPv4Interface("10.9.9.9/8")))
    setting = Static.model_validate({"method": "static", "address": "192.168.1.30/24"})
    found = wanted(setting, eth0(configured=Known(two))).addresses
    assert found == (IPv4Interface("192.168.1.30/24"), IPv4Interface("10.9.9.9/8"))


def test_an_empty_list_takes_the_dns_servers_away() -> None:
    found = plan(PI, network=static("192.168.1.20/24", dns=[]))
    assert ini.get(edited(found, "network.eth0.profile", KEYFILE), ("ipv4", "dns")) is None


def test_a_gateway_that_stays_must_fit_the_new_subnet() -> None:
    (wrong,) = MODULE.validate(PI, SystemSettings.model_validate({"network": static("10.0.0.2/24")}))
    assert wrong.place == "system.network.eth0.gateway"
    assert "192.168.1.1 is outside 10.0.0.0/24" in wrong.message


def test_an_interface_that_is_not_there_is_a_mistake_that_names_those_that_are() -> None:
    settings = SystemSettings.model_validate({"network": {"eth7": {"method": "dhcp"}}})
    (wrong,) = MODULE.validate(PI, settings)
    assert str(wrong) == "system.network.eth7: there is no such interface; this machine has: eth0"


def test_an_ipv6_server_needs_ipv6() -> None:
    settings = SystemSettings.model_validate({"network": static(gateway="192.168.1.1", dns=["::1"], ipv6="disabled")})
    (wrong,) = MODULE.validate(PI, settings)
    assert wrong.place == "system.network.eth0.dns"


# what is in effect --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effective", "as_wanted"),
    [
        (NOW, True),
        (replace(NOW, dns=(*NOW.dns, ip_address("fe80::1"))), True),
        (replace(NOW, method="dhcp"), False),
        (replace(NOW, addresses=()), False),
        (replace(NOW, addresses=(*NOW.addresses, IPv4Interface("192.168.1.99/24"))), False),
        (replace(NOW, gateway=None), False),
        (replace(NOW, dns=()), False),
        (replace(NOW, dns=(*NOW.dns, ip_address("192.168.1.2"))), False),
        (replace(NOW, ipv6="disabled"), False),
    ],
)
def test_a_profile_that_is_written_but_not_applied_gives_the_steps_that_apply_it(
    effective: Addressing, as_wanted: bool
) -> None:
    there = eth0(effective=Known(effective))
    assert in_effect(NOW, there) is as_wanted
    found = plan(replace(PI, network={"eth0": there}), network=static("192.168.1.20/24"))
    assert ids(found) == ([] if as_wanted else ["network.eth0.reload", "network.eth0.apply"])


def test_an_interface_without_a_cable_waits_for_it() -> None:
    unplugged = eth0(connected=False, effective=MISSING)
    found = plan(replace(PI, network={"eth0": unplugged}), network=static())
    assert ids(found) == ["network.eth0.profile", "network.eth0.reload"]
    assert not found.checks and "no link" in found.notices[0].text


# NetworkManager -----------------------------------------------------------------------------------------------------


def test_a_keyfile_is_edited_and_every_other_byte_stays() -> None:
    found = plan(PI, network=static(gateway="192.168.1.1", dns=["192.168.1.1", "9.9.9.9"]))
    assert ids(found) == ["network.eth0.profile", "network.eth0.reload", "network.eth0.apply"]
    after = edited(found, "network.eth0.profile", KEYFILE)
    assert after == KEYFILE.replace("192.168.1.20/24", "192.168.1.10/24").replace(
        "dns=192.168.1.1;", "dns=192.168.1.1;9.9.9.9;"
    )
    argv = [step.argv for step in steps(found) if isinstance(step, RunCommand)]
    assert argv == [("nmcli", "connection", "reload"), ("nmcli", "device", "reapply", "eth0")]
    assert steps(found)[-1].risks == ("connection",)


@pytest.mark.parametrize(
    ("section", "means"),
    [
        ("method=auto", addressing(method="dhcp")),
        ("", addressing(method="dhcp")),
        ("address1=10.0.0.2/24,10.0.0.1", addressing(addresses=["10.0.0.2/24"], gateway="10.0.0.1")),
        ("method=manual\naddresses=10.0.0.2/24;10.0.0.3/24;\ngateway=10.0.0.1",
         addressing(addresses=["10.0.0.2/24", "10.0.0.3/24"], gateway="10.0.0.1")),
        ("method=manual\naddress1=10.0.0.2/24,0.0.0.0", addressing(addresses=["10.0.0.2/24"])),
        ("method=shared\naddress1=10.0.0.1/24", addressing(method="shared", addresses=["10.0.0.1/24"])),
        ("method=disabled", addressing(method="off")),
        ("method=auto\ndns=9.9.9.9;1.1.1.1\ndns-search=a.b;c",
         addressing(method="dhcp", dns=["9.9.9.9", "1.1.1.1"], search=["a.b", "c"])),
    ],
)  # fmt: skip
def test_a_keyfile_is_read_as_networkmanager_reads_it(section: str, means: Addressing) -> None:
    found, _places = networkmanager.configuration(f"[connection]\nid=x\n[ipv4]\n{section}\n", PATH)
    assert found == Known(means, Source(PATH))


def test_a_keyfile_that_does_not_parse_is_unknown() -> None:
    for text in ("[ipv4\nmethod=auto\n", "[ipv4]\naddress1=10.0.0.300/24\n"):
        assert isinstance(networkmanager.configuration(text, PATH)[0], Unknown)


def test_values_have_their_file_and_line() -> None:
    _found, places = networkmanager.configuration(KEYFILE, PATH)
    assert str(places["address"]) == f"{PATH}:9" and str(places["dns"]) == f"{PATH}:11"


def test_a_keyfile_with_a_password_is_not_shown() -> None:
    text = KEYFILE + "\n[wifi-security]\npsk=S3cr3t\n"
    form = replace(eth0().form, text=text)
    found = plan(replace(PI, network={"eth0": eth0(form=form)}), network=static())
    assert steps(found)[0].sensitive
    assert "S3cr3t" not in found.model_dump_json()


RUNTIME = """[connection]
id=Wired connection 1
uuid=0a1b2c3d-0000-3000-8000-000000000000
type=ethernet
autoconnect-priority=-999
interface-name=eth0
timestamp=1700000000

[ethernet]

[ipv4]
method=auto

[ipv6]
addr-gen-mode=default
method=auto

[.nmmeta]
nm-generated=true
"""


def in_memory(text: str = RUNTIME, **more: Any) -> Interface:
    path = "/run/NetworkManager/system-connections/Wired connection 1.nmconnection"
    now = addressing(method="dhcp")
    form = networkmanager.Profile("0a1b2c3d-0000-3000-8000-000000000000", path, False, text, now, True, **more)
    effective = addressing(method="dhcp", addresses=["192.168.1.57/24"], gateway="192.168.1.1")
    return eth0(configured=Known(now, Source(path)), effective=Known(effective), form=form)


def test_a_profile_that_lies_in_memory_gets_a_file_of_its_own() -> None:
    found = plan(replace(PI, network={"eth0": in_memory()}), network=static(gateway="192.168.1.1"))
    assert ids(found) == [f"network.eth0.{s}" for s in ("profile", "reload", "apply", "restart")]
    file = steps(found)[0]
    assert isinstance(file, WriteFile)
    assert (file.path, file.mode) == ("/etc/NetworkManager/system-connections/eth0.nmconnection", 0o600)
    assert "nmmeta" not in file.content and "nm-generated" not in file.content and "0a1b2c3d" not in file.content
    means, _places = networkmanager.configuration(file.content, file.path)
    assert known(means) == addressing(addresses=["192.168.1.10/24"], gateway="192.168.1.1")
    up = steps(found)[2]
    assert isinstance(up, RunCommand)
    assert ini.get(file.content, ("connection", "uuid")).value == up.argv[4]  # type: ignore[union-attr]


def test_a_profile_in_memory_that_is_right_is_left_there() -> None:
    assert plan(replace(PI, network={"eth0": in_memory()}), network={"eth0": {"method": "dhcp"}}).empty


def test_a_password_in_memory_never_gets_into_a_plan() -> None:
    secret = in_memory(RUNTIME + "\n[802-1x]\npassword=S3cr3t\n")
    found = plan(replace(PI, network={"eth0": secret}), network=static())
    assert found.empty and "holds a password" in found.blocked[0].why
    assert "S3cr3t" not in found.model_dump_json()


def test_a_file_of_that_name_is_not_overwritten() -> None:
    found = plan(replace(PI, network={"eth0": in_memory(taken=True)}), network=static())
    assert found.empty and "is there already" in found.blocked[0].why


def test_terse_output_is_split_at_colons_that_are_not_escaped() -> None:
    assert networkmanager.fields(r"a:b\:c:d\\:") == ["a", "b:c", "d\\", ""]


async def test_two_interfaces_on_one_profile_are_refused() -> None:
    host = replayed("trixie-networkmanager")
    argv = ("nmcli", "--terse", "--fields", "UUID,TYPE,DEVICE,FILENAME", "connection", "show")
    answer = host.commands[argv]
    assert answer is not None
    line = next(x for x in answer.stdout.splitlines() if ":eth0:" in x)
    host.say(argv, stdout=answer.stdout + line.replace(":eth0:", ":eth1:") + "\n")
    state = await MODULE.read(host)
    assert not isinstance(state.network, Unknown)
    assert state.network["eth0"].refused == "its profile serves other interfaces too"


# netplan ------------------------------------------------------------------------------------------------------------

YAML = """# written by hand
network:
  version: 2
  renderer: NetworkManager
  ethernets:
    eth0:
      addresses: [192.168.1.20/24, "2001:db8::20/64"]  # home
      routes:
        - to: 10.8.0.0/16
          via: 192.168.1.9
        - to: default
          via: 192.168.1.1
      nameservers:
        addresses: [192.168.1.1]
      mtu: 1400
"""


def definition(text: str = YAML, path: str = "/etc/netplan/10-home.yaml", renderer: str = "") -> netplan.Definition:
    network = yaml.get(text, ("network",))
    assert network is not None and isinstance(network.value, dict)
    body = network.value["ethernets"]["eth0"] or {}
    used = renderer or network.value.get("renderer", "networkd")
    return netplan.Definition(path, ("network", "ethernets", "eth0"), body, used, False)


def through_netplan(text: str = YAML, **changes: Any) -> Interface:
    defined = definition(text)
    below = eth0() if defined.renderer == "NetworkManager" else eth0(backend="systemd-networkd")
    configured, places = netplan.configuration(defined, text)
    form = netplan.Form(defined, below, True)
    return replace(below, backend="netplan", configured=configured, places=places, form=replace(form, **changes))


def test_netplan_s_file_is_edited_and_every_other_byte_stays() -> None:
    there = through_netplan()
    assert known(there.configured) == NOW
    found = plan(replace(PI, network={"eth0": there}), network=static(gateway="192.168.1.2"))
    assert ids(found) == [f"network.eth0.{s}" for s in ("netplan", "generate", "reload", "apply")]
    after = edited(found, "network.eth0.netplan", YAML)
    for kept in ("# written by hand", "# home", "2001:db8::20/64", "mtu: 1400", "10.8.0.0/16", "renderer:"):
        assert kept in after
    means = known(netplan.configuration(definition(after), after)[0])
    assert means == replace(NOW, addresses=(IPv4Interface("192.168.1.10/24"),), gateway=IPv4Address("192.168.1.2"))
    argv = [step.argv for step in steps(found) if isinstance(step, RunCommand)]
    assert argv[0] == ("netplan", "generate")
    assert ("netplan", "apply") not in argv


def test_networkd_below_netplan_is_told_by_networkctl() -> None:
    there = through_netplan(YAML.replace("NetworkManager", "networkd"))
    found = plan(replace(PI, network={"eth0": there}), network=static(gateway="192.168.1.1"))
    argv = [step.argv[:2] for step in steps(found) if isinstance(step, RunCommand)]
    assert argv == [("netplan", "generate"), ("networkctl", "reload"), ("networkctl", "reconfigure")]


def test_the_old_word_for_a_gateway_gives_way_to_a_route() -> None:
    old = "network:\n  ethernets:\n    eth0:\n      addresses: [192.168.1.20/24]\n      gateway4: 192.168.1.1\n"
    assert known(netplan.configuration(definition(old), old)[0]) == replace(NOW, dns=())
    edits = dict(netplan.changes(definition(old), replace(NOW, gateway=IPv4Address("192.168.1.2"), dns=())))
    assert edits == {("routes",): ({"to": "default", "via": "192.168.1.2"},), ("gateway4",): None}


def test_what_cloud_init_would_write_anew_is_changed_where_cloud_init_reads_it() -> None:
    seed = netplan.Definition(
        "/boot/firmware/network-config", ("network", "ethernets", "eth0"), {"dhcp4": True, "optional": True}, "", False
    )
    pending = known(netplan.configuration(seed, "")[0])
    assert pending is not None
    there = replace(through_netplan(seed=seed), pending=Known(pending), owner="cloud-init")
    found = plan(replace(PI, network={"eth0": there}), network=static(gateway="192.168.1.1"))
    assert ids(found)[:2] == ["network.eth0.netplan", "network.eth0.cloud"]
    text = "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      optional: true\n"
    after = edited(found, "network.eth0.cloud", text)
    means = known(netplan.configuration(definition(after, renderer="NetworkManager"), after)[0])
    assert means is not None and means.method == "static"
    # 50-cloud-init.yaml alone is as wanted: the next boot would not be
    half = plan(replace(PI, network={"eth0": there}), network=static("192.168.1.20/24"))
    assert ids(half) == ["network.eth0.cloud"]


def test_cloud_init_is_told_to_leave_a_network_alone_that_it_has_no_file_for() -> None:
    there = replace(through_netplan(keep=True), owner="cloud-init")
    found = plan(replace(PI, network={"eth0": there}), network=static(gateway="192.168.1.1"))
    step = steps(found)[1]
    assert isinstance(step, WriteFile)
    assert step.path == "/etc/cloud/cloud.cfg.d/99-disable-network-config.cfg"
    assert yaml.get(step.content, ("network", "config")).value == "disabled"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("body", "mine"),
    [
        ({}, True),
        ({"match": {"name": "eth*"}}, True),
        ({"match": {"name": "en*"}}, False),
        ({"match": {"macaddress": "DC:A6:32:00:00:01"}}, True),
        ({"match": {"macaddress": "dc:a6:32:00:00:02"}}, False),
        ({"match": {"driver": "bcmgenet"}}, False),
        ({"match": {"macaddress": "dc:a6:32:00:00:02"}, "set-name": "eth0"}, True),
    ],
)
def test_a_definition_is_an_interface_s_as_netplan_matches_it(body: Mapping[str, Any], mine: bool) -> None:
    defined = netplan.Definition("/etc/netplan/a.yaml", ("network", "ethernets", "eth0"), body, "networkd", False)
    assert netplan.matching(defined, "eth0", "dc:a6:32:00:00:01") is mine


async def test_an_interface_that_two_of_netplan_s_files_define_is_refused() -> None:
    host = replayed("trixie-netplan-networkmanager")
    name = "/etc/netplan/60-mine.yaml"
    host.folders["/etc/netplan"] = (*host.folders["/etc/netplan"], "60-mine.yaml")
    host.files[name] = "network: {ethernets: {eth0: {dhcp4: true}}}\n"
    state = await MODULE.read(host)
    assert not isinstance(state.network, Unknown)
    assert name in state.network["eth0"].refused
    found = MODULE.plan(state, SystemSettings.model_validate({"network": {"eth0": {"method": "dhcp"}}}), Others())
    assert found.empty and name in found.blocked[0].why


async def test_raspberry_pi_os_13_is_read_through_its_whole_chain() -> None:
    state = await MODULE.read(replayed("trixie-netplan-networkmanager"))
    assert not isinstance(state.network, Unknown)
    there = state.network["eth0"]
    assert (there.backend, there.owner, state.network_service) == ("netplan", "cloud-init", "netplan (NetworkManager)")
    assert str(there.places["address"]) == "/etc/netplan/50-cloud-init.yaml:7"
    assert known(there.pending) == addressing(method="dhcp")
    assert state.hostname.owner == "cloud-init" and known(state.hostname.pending) == "raspberrypi"


# systemd-networkd ---------------------------------------------------------------------------------------------------

NETWORK = """[Match]
Name=eth0

[Network]
# home
Address=192.168.1.20/24
Address=2001:db8::20/64
Gateway=192.168.1.1
DNS=192.168.1.1
Domains=~corp.example
"""


def networkd_interface(text: str = NETWORK) -> Interface:
    path = "/etc/systemd/network/10-eth0.network"
    configured, places = networkd.configuration(text, path)
    form = networkd.NetworkFile(path, text)
    return eth0(backend="systemd-networkd", configured=configured, places=places, form=form)


def test_a_network_file_is_edited_and_every_other_byte_stays() -> None:
    there = networkd_interface()
    assert known(there.configured) == NOW
    found = plan(replace(PI, network={"eth0": there}), network=static(gateway="192.168.1.1", search=["lan"]))
    assert ids(found) == ["network.eth0.file", "network.eth0.reload", "network.eth0.apply"]
    after = edited(found, "network.eth0.file", NETWORK)
    assert after == NETWORK.replace("192.168.1.20/24", "192.168.1.10/24").replace("~corp", "lan ~corp")


@pytest.mark.parametrize(
    ("section", "means"),
    [
        ("DHCP=yes", addressing(method="dhcp")),
        ("DHCP=ipv4", addressing(method="dhcp")),
        ("DHCP=no", addressing(method="off")),
        ("Address=10.0.0.2/24\nAddress=\nAddress=10.0.0.3/24", addressing(addresses=["10.0.0.3/24"])),
        ("DNS=9.9.9.9 1.1.1.1\nDNS=8.8.8.8", addressing(method="off", dns=["9.9.9.9", "1.1.1.1", "8.8.8.8"])),
        ("LinkLocalAddressing=no\nIPv6AcceptRA=no", addressing(method="off", ipv6="disabled")),
        ("IPv6AcceptRA=no", addressing(method="off", ipv6="link-local")),
    ],
)
def test_a_network_file_is_read_as_networkd_reads_it(section: str, means: Addressing) -> None:
    assert known(networkd.configuration(f"[Match]\nName=eth0\n[Network]\n{section}\n", "x")[0]) == means


def test_sections_that_say_more_than_can_be_set_are_unknown() -> None:
    found: Reading[Addressing] = networkd.configuration(NETWORK + "\n[Address]\nAddress=10.0.0.5/8\n", "x")[0]
    assert isinstance(found, Unknown)


# every backend ------------------------------------------------------------------------------------------------------

hosts_of = st.integers(2, 250)
#: what can be wanted, all of it at once
addressings = st.builds(
    lambda method, hosts, gateway, dns, search, ipv6: Addressing(
        method,
        tuple(IPv4Interface(f"10.{h}.0.2/24") for h in hosts) if method == "static" else (),
        IPv4Address("10.0.0.1") if gateway and method == "static" else None,
        tuple(map(ip_address, dns)),
        tuple(search),
        ipv6,
    ),
    st.sampled_from(["dhcp", "static"]),
    st.lists(hosts_of, min_size=1, max_size=2, unique=True),
    st.booleans(),
    st.lists(st.sampled_from(["9.9.9.9", "1.1.1.1", "192.168.1.1"]), unique=True),
    st.lists(st.sampled_from(["lan", "home.arpa"]), unique=True),
    st.sampled_from(["auto", "link-local", "disabled"]),
)


@given(addressings, addressings)
def test_a_keyfile_says_what_was_written(first: Addressing, second: Addressing) -> None:
    text = KEYFILE
    for want in (first, second, second):
        for edit in networkmanager._edits(text, want):
            text = ini.edit(text, edit.key, edit.value)
        assert known(networkmanager.configuration(text, PATH)[0]) == want
    assert networkmanager._edits(text, second) == ()
    assert "# given by the provider\n" in text and "uuid=6bd0cf31" in text


@given(addressings, addressings, st.sampled_from(["NetworkManager", "networkd"]))
def test_netplan_s_file_says_what_was_written(first: Addressing, second: Addressing, renderer: str) -> None:
    text = YAML.replace("NetworkManager", renderer)
    for want in (first, second):
        for key, value in netplan.changes(definition(text), want):
            text = yaml.edit(text, ("network", "ethernets", "eth0", *key), value)
        assert known(netplan.configuration(definition(text), text)[0]) == want
    assert netplan.changes(definition(text), second) == []
    assert "# written by hand\n" in text and "2001:db8::20/64" in text and "10.8.0.0/16" in text


@given(addressings, addressings)
def test_a_network_file_says_what_was_written(first: Addressing, second: Addressing) -> None:
    text = NETWORK
    for want in (first, second):
        for edit in networkd._edits(text, want):
            text = ini.edit(text, edit.key, edit.value)
        assert known(networkd.configuration(text, "x")[0]) == want
    assert networkd._edits(text, second) == ()
    assert "# home\n" in text and "2001:db8::20/64" in text and "~corp.example" in text


# those that are refused ---------------------------------------------------------------------------------------------


def of_service(unit: str) -> ReplayedHost:
    """A machine whose addresses are set by another service."""
    made = recording("trixie-networkmanager")
    for argv, answer in made["commands"]:
        if argv[:2] == ["systemctl", "show"]:
            blocks = answer[1].split("\n\n")
            for index, block in enumerate(blocks):
                values = dict(line.split("=", 1) for line in block.splitlines())
                if values["Id"] == "NetworkManager.service":
                    values["ActiveState"] = "inactive"
                if values["Id"] == unit:
                    values |= {"ActiveState": "active", "LoadState": "loaded"}
                blocks[index] = "\n".join(f"{key}={value}" for key, value in values.items())
            answer[1] = "\n\n".join(blocks)
    return ReplayedHost(made)


@pytest.mark.parametrize(
    ("unit", "name"),
    [("networking.service", "ifupdown"), ("dhcpcd.service", "dhcpcd"), ("connman.service", "ConnMan"), ("", "")],
)
async def test_a_backend_that_is_not_written_for_is_named_and_refused(unit: str, name: str) -> None:
    host = of_service(unit)
    host.files["/etc/network/interfaces"] = "auto eth0\niface eth0 inet static\n  address 10.77.0.3/24\n"
    state = await MODULE.read(host)
    assert state.network_service == name
    settings = SystemSettings.model_validate({"network": {"eth0": {"method": "dhcp"}}})
    assert not MODULE.validate(state, settings)
    found: Plan = MODULE.plan(state, settings, Others())
    assert found.empty
    assert name in found.blocked[0].why
    assert MODULE.present(state).network is None
    assert MODULE.choices(state, "interfaces") == ()


# the address is free ------------------------------------------------------------------------------------------------


def test_an_arp_probe_is_from_nobody_and_asks_for_the_address() -> None:
    frame = arp.request(bytes.fromhex("dca632000001"), "192.168.1.10")
    assert len(frame) == 42
    assert frame[:14] == b"\xff" * 6 + bytes.fromhex("dca632000001") + b"\x08\x06"
    assert struct.unpack("!HHBBH", frame[14:22]) == (1, 0x0800, 6, 4, 1)
    assert frame[28:32] == bytes(4) and frame[38:42] == socket.inet_aton("192.168.1.10")


def reply(sender: str, address: str) -> bytes:
    head = bytes.fromhex("dca632000001") + bytes.fromhex(sender) + b"\x08\x06" + b"\x00\x01\x08\x00\x06\x04\x00\x02"
    return head + bytes.fromhex(sender) + socket.inet_aton(address) + bytes(10)


def test_only_somebody_else_who_claims_the_address_has_it() -> None:
    own = bytes.fromhex("dca632000001")
    assert arp.answer(reply("aabbccddeeff", "192.168.1.10"), own, "192.168.1.10") == "aa:bb:cc:dd:ee:ff"
    assert arp.answer(reply("dca632000001", "192.168.1.10"), own, "192.168.1.10") == ""
    assert arp.answer(reply("aabbccddeeff", "192.168.1.11"), own, "192.168.1.10") == ""
    assert arp.answer(arp.request(bytes.fromhex("aabbccddeeff"), "192.168.1.10"), own, "192.168.1.10") == ""
    assert arp.answer(b"", own, "192.168.1.10") == ""


class Asked(ReplayedHost):
    """Notes which addresses are asked about; somebody has 10.77.0.66."""

    def __init__(self) -> None:
        super().__init__(recording("trixie-networkmanager"))
        self.probed: list[str] = []

    async def run(self, argv: Any, **values: Any) -> Any:
        if "-I" in argv:
            self.probed.append(argv[4])
            self.say(argv, 0 if argv[4] == "10.77.0.66" else 1, "aa:bb:cc:dd:ee:ff\n")
        return await super().run(argv, **values)


@pytest.mark.parametrize(("address", "probed"), [("10.77.0.66", 1), ("10.77.0.67", 1), ("10.77.0.3", 0)])
async def test_an_address_that_somebody_has_is_a_mistake_and_the_machines_own_is_never_asked_about(
    address: str, probed: int
) -> None:
    host = Asked()
    state = await MODULE.read(host)
    settings = SystemSettings.model_validate({"network": static(f"{address}/24", gateway="10.77.0.1")})
    found = await MODULE.probe(host, state, settings)
    assert len(host.probed) == probed
    assert [str(m) for m in found] == (
        ["system.network.eth0.address: 10.77.0.66 is taken: aa:bb:cc:dd:ee:ff answers for it"]
        if address == "10.77.0.66"
        else []
    )


# reading ------------------------------------------------------------------------------------------------------------


async def test_without_root_the_address_is_seen_but_not_changed() -> None:
    state = await MODULE.read(replayed("trixie-unprivileged"))
    assert not isinstance(state.network, Unknown)
    there = state.network["eth0"]
    assert known(there.configured) is not None and "no permission" in there.refused
    found = MODULE.plan(state, SystemSettings.model_validate({"network": {"eth0": {"method": "dhcp"}}}), Others())
    assert found.empty and "no permission" in found.blocked[0].why


async def test_the_state_is_json_with_a_reason_for_what_is_unknown() -> None:
    state = await MODULE.read(of_service("networking.service"))
    found = json.loads(json.dumps(MODULE.state_json(state)))
    assert found["network"]["eth0"]["configured"]["unknown"]
    assert found["hostname"] == {
        "configured": "sysmt", "effective": "sysmt", "pending": None, "owner": None, "source": "/etc/hostname:1",
    }  # fmt: skip


async def test_tools_that_are_absent_are_reasons_and_not_errors() -> None:
    host = replayed("trixie-networkmanager")
    for argv in list(host.commands):
        host.absent(argv)
    host.files.clear()
    host.stats.clear()
    state = await MODULE.read(host)
    for value in (state.hostname.effective, state.timezone.effective, state.ntp.configured, state.locale.effective):
        assert isinstance(value, Unknown) and value.reason.endswith("is not installed")
    assert isinstance(state.network, Unknown)
    assert MODULE.present(state) == SystemSettings()
    assert MODULE.facts(state) and MODULE.summary(state) == "unknown"


def test_names_that_differ_in_case_have_steps_of_their_own() -> None:
    assert step_id("ETH0", "file") != step_id("eth0", "file")
    assert step_id("enP4p65s0", "file").startswith("system.network.enp4p65s0-")


async def test_cloud_init_that_is_not_there_owns_nothing() -> None:
    state = await MODULE.read(replayed("trixie-networkmanager"))
    assert state.cloud == CloudInit() and state.hostname.owner == ""


async def test_an_interface_that_networkmanager_only_watches_is_refused() -> None:
    host = replayed("trixie-networkmanager")
    argv = ("nmcli", "--terse", "--fields", "GENERAL,IP4,DHCP4", "device", "show")
    answer = host.commands[argv]
    assert answer is not None
    host.say(argv, stdout=answer.stdout.replace("100 (connected)", "100 (connected (externally))"))
    state = await MODULE.read(host)
    assert not isinstance(state.network, Unknown)
    assert "something else has set it up" in state.network["eth0"].refused


@pytest.mark.parametrize(
    ("resolver", "told"),
    [("NetworkManager", False), ("systemd-resolved", False), ("resolvconf", False), (None, False), ("", True)],
)
def test_dns_servers_that_nobody_will_ask_are_said_to_be_so(resolver: str | None, told: bool) -> None:
    found = plan(replace(PI, resolver=resolver), network=static("192.168.1.20/24", dns=["9.9.9.9"]))
    assert any("/etc/resolv.conf" in n.text for n in found.notices) is told


def test_networkd_s_dns_servers_are_asked_through_resolved_only() -> None:
    state = replace(PI, network={"eth0": networkd_interface()}, resolver="resolvconf")
    assert "/etc/resolv.conf" in plan(state, network=static("192.168.1.20/24", dns=["9.9.9.9"])).notices[0].text


@pytest.mark.parametrize(
    ("real", "text", "who"),
    [
        ("/run/systemd/resolve/stub-resolv.conf", "", "systemd-resolved"),
        ("/run/NetworkManager/resolv.conf", "", "NetworkManager"),
        ("/etc/resolv.conf", "# Generated by NetworkManager\nnameserver 9.9.9.9\n", "NetworkManager"),
        ("/etc/resolv.conf", "# Generated by resolvconf\n", "resolvconf"),
        ("/etc/resolv.conf", "nameserver 9.9.9.9\n", ""),
        ("/etc/resolv.conf", None, None),
    ],
)
async def test_who_writes_resolv_conf_is_read_from_it(real: str, text: str | None, who: str | None) -> None:
    host = replayed("trixie-networkmanager")
    host.links["/etc/resolv.conf"] = real
    host.files["/etc/resolv.conf"] = text
    assert (await MODULE.read(host)).resolver == who
