"""The FRITZ!Box of the demo machine, asked by the same code as a real one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pi_installer_tui.modules.vpn import mapping, verdict, waiting
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.router import OUTSIDE
from pi_installer_tui.system.router import igd


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    return DemoHost.create(str(tmp_path / "demo"))


def test_the_verdict_on_the_demo(host: DemoHost) -> None:
    found = verdict.judge(asyncio.run(verdict.look(host, 51820, "https://address.example/")))
    assert (found.kind, found.mapping, found.address) == ("one-nat", "pcp", OUTSIDE)
    assert any(one.what == "Seen from outside" and one.value == OUTSIDE for one in found.evidence)


@pytest.mark.parametrize("how", ["pcp", "nat-pmp", "upnp"])
def test_a_port_comes_and_goes(host: DemoHost, how: str) -> None:
    async def run() -> None:
        kept = await mapping.ask_router(host, "wg0", 51820, how=how, now=1000.0)
        assert (kept.mapped.protocol, kept.mapped.outer_address, kept.until) == (how, OUTSIDE, 8200.0)
        assert (await host.stat(mapping.PATH)) is not None
        assert verdict.judge(await verdict.look(host, 51820)).mapping == "granted"
        router = await igd.find(host, "192.168.1.1", "192.168.1.23")
        entry = await igd.listed(host, *router.connections[0], 51820)
        assert entry is not None and (entry.inner_port, entry.inner_address) == (51820, "192.168.1.23")
        (renewed,) = await mapping.renew(host, now=4000.0)
        assert not renewed.moved and not renewed.failed and renewed.kept is not None and renewed.kept.until == 11200.0
        assert await mapping.take_back(host, "wg0") is True
        assert await igd.listed(host, *router.connections[0], 51820) is None
        assert await host.stat(mapping.PATH) is None
        assert await mapping.take_back(host, "wg0") is False

    asyncio.run(run())


def test_a_file_that_isnt_ours_is_nothing(host: DemoHost) -> None:
    async def run() -> None:
        folder = mapping.PATH.rpartition("/")[0]
        if await host.stat(folder) is None:
            await host.mkdir(folder, mode=0o700, uid=0, gid=0)
        for text in (
            "",
            "{",
            "[]",
            '{"version": 2}',
            '{"version": 1, "tunnels": {"wg0": {"mapped": {}, "granted": 1}}}',
        ):
            await host.replace(mapping.PATH, text.encode(), mode=0o600, uid=0, gid=0)
            assert await mapping.memory(host) == mapping.Memory()

    asyncio.run(run())


def test_another_network_means_another_router(host: DemoHost) -> None:
    """What was granted by a router that isn't there any more is neither renewed by its number nor given back to a
    stranger."""

    async def run() -> None:
        kept = await mapping.ask_router(host, "wg0", 51820, how="pcp")
        text = (await host.read(mapping.PATH)).decode().replace('"192.168.1.1"', '"10.0.0.1"')
        await host.replace(mapping.PATH, text.encode(), mode=0o600, uid=0, gid=0)
        new = await mapping.ask_router(host, "wg0", 51820, how="pcp")
        assert new.mapped.gateway == "192.168.1.1" and new.mapped.nonce != kept.mapped.nonce

    asyncio.run(run())


def test_dns_is_asked(host: DemoHost) -> None:
    assert asyncio.run(waiting.dns_answers(host, "192.168.1.1"))
    assert not asyncio.run(waiting.dns_answers(host, "192.168.1.23"))
    assert not asyncio.run(waiting.dns_answers(host, "9.9.9.9"))
