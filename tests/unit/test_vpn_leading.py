"""Before a tunnel is agreed to, the review says whether its endpoint leads here, and stops nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui import planning
from pi_installer_tui.modules.vpn import leading
from pi_installer_tui.planning import Planned
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo import tunnel as demo_tunnel
from pi_installer_tui.system.demo.router import OUTSIDE
from pi_installer_tui.system.host import Completed, Host


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    return DemoHost.create(str(tmp_path / "demo"))


def planned(host: Host, **tunnel: Any) -> Planned:
    setup = planning.of({"vpn": planning.validated("vpn", {"tunnels": {"wg0": tunnel}})})
    return asyncio.run(planning.plan(host, setup))


def said(made: Planned, name: str) -> str:
    return " ".join(notice.text for notice in made.plan.notices if name in notice.text)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (OUTSIDE, "pi.example leads here"),
        ("9.9.9.9", f"pi.example: It leads to 9.9.9.9, and this machine is at {OUTSIDE}. Look after the dynamic DNS"),
        ("192.168.1.23", "pi.example: It is an address that is found at home only"),
    ],
)
def test_where_an_endpoint_leads_is_said_before_it_is_agreed_to(host: DemoHost, address: str, words: str) -> None:
    host.machine.write("/etc/hosts", f"127.0.0.1 localhost\n{address} pi.example\n")
    made = planned(host, endpoint="pi.example")
    assert words in said(made, "pi.example") and made.plan.steps


def test_an_endpoint_that_stays_is_not_asked_after_again(host: DemoHost) -> None:
    demo_tunnel.make(host.machine)
    assert "leads" not in said(planned(host, endpoint="home.example.org", mtu=1400), "home.example.org")
    assert "leads here" in said(planned(host, endpoint="other.example.org"), "other.example.org")


def test_no_plan_waits_for_a_name_server_that_is_silent(host: DemoHost, monkeypatch: pytest.MonkeyPatch) -> None:
    run = DemoHost.run

    async def silent(self: DemoHost, argv: Any, **more: Any) -> Completed:
        if argv[0] == "getent":
            await asyncio.Event().wait()
        return await run(self, argv, **more)

    monkeypatch.setattr(DemoHost, "run", silent)
    monkeypatch.setattr(leading, "_PATIENCE", 0.01)
    made = planned(host, endpoint="pi.example")
    assert "whether pi.example leads here isn't known" in said(made, "pi.example") and made.plan.steps
