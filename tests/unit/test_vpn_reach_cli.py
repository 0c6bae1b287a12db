"""`vpn verdict`, `vpn doctor` and `vpn map` in real processes on a demo machine that has a tunnel."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

from pi_installer_tui.modules.vpn import applied, keeping, mapping
from pi_installer_tui.modules.vpn.settings import VpnSettings
from pi_installer_tui.system.demo import curve

from .test_cli_verbs import Demo

KEY = base64.b64encode(b"\7" * 32).decode()
CONF = f"[Interface]\nPrivateKey = {KEY}\nAddress = 10.86.0.1/24\nListenPort = 51820\n"
WANTED = {"tunnels": {"wg0": {"port": 51820, "address": ["10.86.0.1/24"], "mapping": "auto"}}}


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    made = Demo(tmp_path / "demo")
    made.run("status")
    for path, text in (
        ("etc/wireguard/wg0.conf", CONF),
        (applied.PATH[1:], applied.dump(VpnSettings.model_validate(WANTED))),
    ):
        file = made.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o600)
    return made


def _nonce(text: str) -> str:
    return str(json.loads(text)["tunnels"]["wg0"]["mapped"]["nonce"])


def test_a_port_is_asked_for_again_and_given_back(demo: Demo) -> None:
    before = demo.json("vpn", "verdict")
    assert (before["kind"], before["mapping"]) == ("one-nat", "pcp")
    (row,) = demo.json("vpn", "map")["tunnels"]
    assert row["done"] and (row["mapped"]["protocol"], row["mapped"]["outer_port"]) == ("pcp", 51820)
    assert demo.json("vpn", "verdict")["mapping"] == "granted"
    kept = (demo.root / mapping.PATH[1:]).read_text()
    (again,) = demo.json("vpn", "map", "--renew")["tunnels"]
    assert again["done"] and not again["moved"] and _nonce(kept) == _nonce((demo.root / mapping.PATH[1:]).read_text())
    (back,) = demo.json("vpn", "map", "--back")["tunnels"]
    assert back["done"] and demo.json("vpn", "verdict")["mapping"] == "pcp"
    assert demo.run("vpn", "map", "--tunnel", "wg7").returncode == 3


def test_the_port_is_asked_for_and_given_back_by_jobs(tmp_path: Path) -> None:
    """On the demo's own tunnel, whose port the router passes on already."""
    demo = Demo(tmp_path / "demo")
    demo.json("act", "vpn", "unmap", "--yes")
    assert demo.json("vpn", "verdict")["mapping"] == "pcp" and not (demo.root / mapping.PATH[1:]).exists()
    done = demo.json("act", "vpn", "map", "how=upnp", "--yes")
    assert done["changed"] and demo.json("vpn", "verdict")["mapping"] == "granted"
    assert "mapping: upnp" in (demo.root / applied.PATH[1:]).read_text()
    assert json.loads((demo.root / mapping.PATH[1:]).read_text())["tunnels"]["wg0"]["mapped"]["protocol"] == "upnp"


def test_a_peer_is_told_the_port_that_was_granted(demo: Demo) -> None:
    """The router had no 51820 to give: what a peer is handed has the port that leads here, as long as it does."""
    private = curve.private("phone")
    conf = demo.root / "etc/wireguard/wg0.conf"
    conf.write_text(f"{CONF}\n[Peer]\n# Name = phone\nPublicKey = {curve.public(private)}\nAllowedIPs = 10.86.0.2/32\n")
    phone = {"keeping": "plain", "address": ["10.86.0.2"]}
    wanted = {"wg0": {**WANTED["tunnels"]["wg0"], "endpoint": "home.example.org", "peers": {"phone": phone}}}
    (demo.root / applied.PATH[1:]).write_text(applied.dump(VpnSettings.model_validate({"tunnels": wanted})))
    kept = demo.root / keeping.path("wg0", "phone", "plain")[1:]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(private)
    demo.json("vpn", "map")
    file = demo.root / mapping.PATH[1:]
    granted = json.loads(file.read_text())

    def told(**more: object) -> str:
        granted["tunnels"]["wg0"] |= more
        file.write_text(json.dumps(granted))
        lines = demo.json("vpn", "show", "phone")["configuration"].splitlines()
        return str(next(line for line in lines if line.startswith("Endpoint = ")))

    mapped = {**granted["tunnels"]["wg0"]["mapped"], "outer_port": 50001}
    assert told(mapped=mapped) == "Endpoint = home.example.org:50001"
    assert told(failed="silent") == "Endpoint = home.example.org:51820"
    assert told(failed="", mapped={**mapped, "inner_port": 51999}) == "Endpoint = home.example.org:51820"


def test_what_no_setting_wants_any_more_is_given_back(demo: Demo) -> None:
    demo.json("vpn", "map")
    wanted = {"tunnels": {"wg0": {**WANTED["tunnels"]["wg0"], "mapping": "none"}}}
    (demo.root / applied.PATH[1:]).write_text(applied.dump(VpnSettings.model_validate(wanted)))
    (row,) = demo.json("vpn", "map", "--renew")["tunnels"]
    assert row["done"] and demo.json("vpn", "map", "--renew")["tunnels"] == []


def test_the_doctor_shows_what_it_asked(demo: Demo) -> None:
    found = {one["id"]: one for one in demo.json("vpn", "doctor")["findings"]}
    assert found["wg0.mapping"]["verdict"] == "wrong" and found["wg0.mode"]["verdict"] == "ok"
    said = demo.run("vpn", "doctor").stdout
    assert "$ stat" not in said and "vpn map" in said and KEY not in said  # what is well needs no evidence
    assert all(len(line) <= 80 for line in said.splitlines() if "$" not in line)


def test_the_verdict_at_80_columns(demo: Demo) -> None:
    said = demo.run("vpn", "verdict", "--ask", "https://address.example/").stdout
    assert "https://address.example/" in said and all(len(line) <= 80 for line in said.splitlines())


def test_what_may_not_be_read_is_not_taken_for_no_tunnel(demo: Demo) -> None:
    folder = demo.root / "etc/wireguard"
    shutil.rmtree(folder)
    folder.write_text("")
    refused = demo.run("vpn", "doctor")
    assert refused.returncode == 1 and "/etc/wireguard" in refused.stderr and not refused.stdout
