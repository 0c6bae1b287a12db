"""The demo's WireGuard: keys that are keys, what wg(8) says, and that others stay when one changes."""

from __future__ import annotations

import base64
import itertools
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_installer_tui import modules, planning
from pi_installer_tui.system.demo import DemoHost, curve, tunnel, units, wireguard
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.system.wireguard import live
from pi_installer_tui.system.wireguard.live import LivePeer


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv(PACE, "0")
    host = DemoHost.create(str(tmp_path / "demo"))
    tunnel.make(host.machine)
    return host


def named(name: str) -> str:
    """The public key of a peer of the demo's."""
    return curve.public(curve.private(f"wg0 {name}"))


async def said(host: DemoHost, *argv: str, given: str = "") -> str:
    return (await host.run(argv, input=given.encode(), check=True)).stdout


async def now(host: DemoHost) -> dict[str, LivePeer]:
    return dict(live.parse(await said(host, "wg", "show", "all", "dump"))["wg0"].peers)


@settings(max_examples=20, deadline=None)
@given(key=st.binary(min_size=32, max_size=32))
def test_a_public_key_is_the_one_that_others_compute(key: bytes) -> None:
    theirs = X25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
    assert curve.public(base64.b64encode(key).decode()) == base64.b64encode(theirs).decode()


async def test_keys_are_made_and_go_by_standard_input(host: DemoHost) -> None:
    private = await said(host, "wg", "genkey")
    assert private != await said(host, "wg", "genkey")
    assert (await said(host, "wg", "pubkey", given=private)).strip() == curve.public(private.strip())
    wrong = await host.run(("wg", "pubkey"), input=b"not a key\n")
    assert (wrong.status, wrong.stderr) == (1, "wg: Key is not the correct length or format\n")


async def test_each_peer_does_what_it_is_there_for(host: DemoHost) -> None:
    peers, at = await now(host), time.time()
    assert named("anna") not in peers
    ages = {name: at - peers[named(name)].handshake for name in ("phone", "travel", "cabin", "tablet", "guest")}
    assert max(ages["phone"], ages["travel"], ages["cabin"]) < 180 < 3600 < ages["guest"] < 86_400 * 30 < ages["tablet"]
    assert peers[named("doorbell")].handshake == 0 == peers[named("doorbell")].received
    assert peers[named("travel")].endpoint.startswith("[2001:db8:")
    assert "192.168.30.0/24" in peers[named("cabin")].allowed


def test_transfer_grows_and_never_runs_backwards() -> None:
    key = named("phone")
    seen = [wireguard.lives(key, 1000.0, 1000.0 + n / 2) for n in range(400)]
    assert all(a[2] <= b[2] and a[3] <= b[3] and a[1] <= b[1] for a, b in itertools.pairwise(seen))
    assert seen[-1][2] - seen[0][2] > 199 * 10_000


async def test_who_stays_keeps_what_it_has_when_another_is_added(host: DemoHost) -> None:
    before = await now(host)
    key = curve.public(curve.private("somebody new"))
    stripped = (
        await said(host, "wg-quick", "strip", "wg0") + f"\n[Peer]\nPublicKey = {key}\nAllowedIPs = 10.86.0.9/32\n"
    )
    await said(host, "wg", "syncconf", "wg0", "/dev/stdin", given=stripped)
    after = await now(host)
    assert after.keys() - before.keys() == {key} and not before.keys() - after.keys()
    assert all(after[each].received >= before[each].received for each in before)
    await said(host, "wg", "set", "wg0", "peer", named("phone"), "remove")
    assert named("phone") not in await now(host)


async def test_strip_leaves_out_what_only_wg_quick_knows_and_keeps_the_comments(host: DemoHost) -> None:
    stripped = await said(host, "wg-quick", "strip", "wg0")
    assert "Address" not in stripped and "# Name = phone" in stripped and "#[disabled] [Peer]" in stripped
    assert (await host.run(("wg", "syncconf", "wg0", "/dev/stdin"), input=b"[Peer]\nWhat = 1\n")).status == 1


async def test_the_unit_brings_it_up_and_takes_it_away(host: DemoHost) -> None:
    await said(host, "systemctl", "stop", "wg-quick@wg0")
    assert await said(host, "wg", "show", "all", "dump") == ""
    assert "wg0" not in await said(host, "ip", "-j", "addr")
    gone = await host.run(("wg", "show", "wg0", "dump"))
    assert (gone.status, gone.stderr) == (1, "Unable to access interface: No such device\n")
    await said(host, "systemctl", "start", "wg-quick@wg0")
    assert "10.86.0.1" in await said(host, "ip", "-j", "addr")
    assert ":51820" in await said(host, "ss", "-H", "-l", "-n", "-u")
    host.machine.write("/etc/wireguard/wg0.conf", "[Interface]\nNonsense\n")
    await host.run(("systemctl", "restart", "wg-quick@wg0"))
    assert not units.is_active(host.machine, "wg-quick@wg0")


async def test_a_machine_without_the_package_has_no_wg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PACE, "0")
    host = DemoHost.create(str(tmp_path / "other"))
    assert await host.which("wg") is None
    await said(host, "apt-get", "-y", "install", "wireguard-tools")
    assert await host.which("wg") == "/usr/bin/wg"
    found = await host.stat("/etc/wireguard")
    assert found is not None and found.mode == 0o700
    assert (await said(host, "systemctl", "is-enabled", "ssh")).strip() == "enabled"


async def test_the_tunnel_is_as_the_module_would_make_it(host: DemoHost) -> None:
    module = modules.load("vpn")
    state = await module.read(host)
    planned = await planning.plan(host, planning.of({"vpn": state.settings}))
    assert planned.reviewed is not None
    assert [step.id for step in planned.reviewed.plan.steps] == [] and not planned.reviewed.plan.blocked
    assert module.present(state) == state.settings
