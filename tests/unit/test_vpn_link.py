"""`vpn link`: the configuration is fetched once, and the command says by whom."""

from __future__ import annotations

import http.client
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pi_installer_tui.system.demo import DemoHost, curve
from pi_installer_tui.system.link import NoLink, local_address, start


def test_a_peer_fetches_its_configuration_and_the_command_ends(tmp_path: Path) -> None:
    folder = tmp_path / "machine"
    DemoHost.furnished(str(folder))
    argv = [sys.executable, "-P", "-m", "pi_installer_tui", "--demo-root", str(folder), "vpn", "link", "cabin"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", parts.path, "take=yes", form)
        given = connection.getresponse().read().decode()
        assert f"PrivateKey = {curve.private('wg0 cabin')}" in given
        rest = process.stdout.read()
    assert process.returncode == 0 and "127.0.0.1 has fetched it" in rest and "yAnz" not in rest


def test_an_address_that_is_not_here_is_said_in_words() -> None:
    with pytest.raises(NoLink, match="assign"):
        start("text", "title", "name.conf", "192.0.2.1")


@pytest.mark.parametrize(
    ("addresses", "wanted"),
    [
        (("fd86::2/64", "192.168.1.23/24"), "192.168.1.23"),
        (("fe80::1/64", "fd86::2/64"), "fd86::2"),
        (("93.184.216.34/24", "127.0.0.1/8", "169.254.1.1/16"), ""),
        ((), ""),
    ],
)
def test_a_link_is_offered_on_the_local_network_only(addresses: tuple[str, ...], wanted: str) -> None:
    assert local_address("local", addresses) == wanted


def test_a_link_goes_on_when_the_program_that_started_it_has_ended() -> None:
    script = "from pi_installer_tui.system.link import start; print(start('the text', 't', 'n.conf', '127.0.0.1').url)"
    url = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    parts = urlsplit(url)
    found = []
    for method, body in (("GET", None), ("POST", "take=yes"), ("POST", "take=yes")):
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
        connection.request(method, parts.path, body, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        found.append((answer.status, answer.read().decode() if method == "POST" else ""))
        connection.close()
    assert found[:2] == [(200, ""), (200, "the text")] and found[2][0] == 410
