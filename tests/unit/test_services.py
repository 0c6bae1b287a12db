"""Services and containers as the programs tell of them: recorded on Debian 12 and 13, read back as what they mean."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.system import containers, services
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.players import PLAYERS, Call, Player
from pi_installer_tui.system.demo.units import fail
from pi_installer_tui.system.host import Completed
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.system.services import Service, merged, ordered

RECORDED = Path(__file__).with_name("recorded") / "services"
#: of each recording: seconds since 1970, and since the kernel began
TIMES = {"bookworm": (1795793482.0, 3340.33), "trixie": (1795793615.0, 3472.59)}
SUITES = tuple(TIMES)


def recorded(suite: str, *, later: float = 0.0, uptime: bool = True) -> Mapping[str, Service]:
    """The units of a recording. later: by how much the clock was set forward before it was read."""
    now, up = TIMES[suite]
    shown = (RECORDED / f"{suite}-show.txt").read_text()
    files = json.loads((RECORDED / f"{suite}-files.json").read_text())
    return {unit.name: unit for unit in merged(shown, files, now + later, up if uptime else None)}


@pytest.mark.parametrize("suite", SUITES)
def test_what_failed_comes_first_then_what_keeps_being_started_then_the_names(suite: str) -> None:
    names = [*recorded(suite)]
    failed = sorted(f"t-{each}.service" for each in ("killed", "limit", "missing", "slow", "status", "user"))
    assert names[:6] == failed and names[6] == "t-again.service"
    assert names[7:] == sorted(names[7:], key=str.casefold)


@pytest.mark.parametrize("suite", SUITES)
def test_only_what_is_there_is_shown(suite: str) -> None:
    units = recorded(suite)
    shown = (RECORDED / f"{suite}-show.txt").read_text()
    assert shown.count("LoadState=not-found") == 2 and all(unit.load != "not-found" for unit in units.values())
    assert not any("@." in name for name in units), "a template is no service"
    assert "sshd.service" not in units and "sshd.service" in units["ssh.service"].aliases
    assert not units["t-once.service"].in_memory and units["t-fine.service"].in_memory


@pytest.mark.parametrize("suite", SUITES)
def test_what_is_not_set_is_not_a_number(suite: str) -> None:
    units = recorded(suite)
    assert units["ssh.service"].memory is None and units["ssh.socket"].restarts is None
    assert units["ssh.service"].restarts == 0 and units["t-limit.service"].restarts in (1, 2)


@pytest.mark.parametrize("suite", SUITES)
def test_since_when_does_not_depend_on_the_clock_on_the_wall(suite: str) -> None:
    """As on a Pi without a battery, whose clock is set by the network after everything was started."""
    (now, _up), year = TIMES[suite], 365 * 86400.0
    before, after, by_wall = recorded(suite), recorded(suite, later=year), recorded(suite, uptime=False)
    for name, unit in before.items():
        if unit.since is None:
            continue
        moved = after[name].since
        assert moved is not None and moved - unit.since == year, "it is as long ago as before"
        wall = by_wall[name].since
        assert wall is not None and abs(wall - unit.since) < 3, "the clock was right here"
        assert 0 <= now - unit.since < 4000
    assert before["t-once.service"].since is None


@given(st.lists(st.builds(Service, st.text(min_size=1, max_size=9), active=st.sampled_from(["active", "failed"]))))
def test_no_service_gets_lost_in_the_order(found: list[Service]) -> None:
    assert sorted(map(id, ordered(found))) == sorted(map(id, found))
    failed = [unit.active == "failed" for unit in ordered(found)]
    assert failed == sorted(failed, reverse=True)


def test_what_is_stopped_with_it_is_known_through_others_too() -> None:
    def block(name: str, along: str) -> str:
        return f"Id={name}\nLoadState=loaded\nActiveState=active\nSubState=running\nBoundBy={along}"

    shown = "\n\n".join(
        [block("a.service", "b.service"), block("b.service", "c.service"), block("c.service", "a.service")]
    )
    units = {unit.name: unit for unit in merged(shown, [], 0.0, None)}
    assert units["a.service"].takes_along == ("b.service", "c.service"), "and a circle ends"


# the log --------------------------------------------------------------------------------------------------------


class Says(DemoHost):
    """A demo machine whose journal says what was recorded."""

    said = ("", "", 0)

    async def run(self, argv: Sequence[str], **more: Any) -> Completed:
        if argv[0] != "journalctl":
            return await super().run(argv, **more)
        out, err, status = self.said
        return Completed(tuple(argv), status, out, err)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Says:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    DemoHost.create(str(tmp_path / "demo"))
    return Says(str(tmp_path / "demo"))


@pytest.mark.parametrize("suite", SUITES)
async def test_the_last_lines_of_a_log_have_their_time_and_weight(host: Says, suite: str) -> None:
    host.said = (RECORDED / f"{suite}-journal.txt").read_text(), "", 0
    lines = await services.last_lines(host, "t-status.service")
    assert isinstance(lines, Known)
    assert [(line.source, line.text) for line in lines.value][1] == ("sh", "it broke")
    assert lines.value[-1].priority == 4 and "exit-code" in lines.value[-1].text
    assert all(abs(line.at - TIMES[suite][0]) < 120 for line in lines.value)


async def test_a_log_with_bytes_in_it_is_read_and_one_without_permission_is_unknown(host: Says) -> None:
    entry = {"__REALTIME_TIMESTAMP": "1000000", "PRIORITY": "3"}
    told = [{**entry, "MESSAGE": [104, 105, 255]}, {**entry, "MESSAGE": None}, {"MESSAGE": "no time"}]
    host.said = "\n".join(json.dumps(each) for each in told) + "\nnot JSON\n", "", 0
    lines = await services.last_lines(host, "x.service")
    assert isinstance(lines, Known) and [line.text for line in lines.value] == ["hi\ufffd", ""]
    host.said = "", "No journal files were opened due to insufficient permissions.\n", 1
    assert await services.last_lines(host, "x.service") == Unknown("no permission for the journal")
    host.said = "", "Failed to add match: Invalid argument\n", 1
    found = await services.last_lines(host, "x.service")
    assert isinstance(found, Unknown) and "Invalid argument" in found.reason


async def test_a_demo_machine_is_read_like_a_real_one(host: Says) -> None:
    fail(host.machine, "cron")
    found = await services.read(host)
    assert isinstance(found, Known)
    first = next(iter(found.value.values()))
    assert first.name == "cron.service" and first.failed and first.result == "exit-code"
    whole = await services.read(host, everything=True)
    assert isinstance(whole, Known) and set(whole.value) == set(found.value)


async def test_without_systemd_there_is_nothing_to_ask(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    found = await services.read(LocalHost(str(tmp_path)))
    assert isinstance(found, Unknown) and "systemd doesn't run here" in found.reason


# containers -----------------------------------------------------------------------------------------------------


def engine(monkeypatch: pytest.MonkeyPatch, name: str, answers: Mapping[str, tuple[str, str, int]]) -> None:
    """An engine on the demo machine that says what a real one said, by its verb."""

    async def play(call: Call) -> int:
        out, err, status = answers[call.argv[1]]
        await call.out(out, "")
        await call.err(err, "")
        return status

    monkeypatch.setitem(PLAYERS, name, Player(play, f"/usr/bin/{name}"))


@pytest.mark.parametrize("name", ["docker", "podman"])
async def test_containers_of_both_engines_mean_the_same(host: Says, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    engine(monkeypatch, name, {"ps": ((RECORDED / f"{name}-ps.txt").read_text(), "", 0)})
    found = await containers.read(host)
    assert set(found) == {name}, "the other one isn't installed"
    reading = found[name]
    assert isinstance(reading, Known)
    by_name = {one.name: one for one in reading.value}
    assert (by_name["sleeps"].state, by_name["sleeps"].troubled) == ("running", False)
    assert (by_name["fails"].state, by_name["fails"].troubled) == ("exited", True)
    assert by_name["sleeps"].image in ("all", "localhost/all:latest") and len(by_name["sleeps"].id) == 64
    if name == "docker":
        assert by_name["serves"].ports.startswith("0.0.0.0:8080->80/tcp")


@pytest.mark.parametrize(
    ("state", "status", "troubled"),
    [
        ("running", "Up 3 hours (healthy)", False),
        ("running", "Up 3 hours (unhealthy)", True),
        ("restarting", "Restarting (1) 5 seconds ago", True),
        ("exited", "Exited (0) 2 days ago", False),
        ("exited", "Exited (143) 2 days ago", False),
        ("exited", "Exited (139) 2 days ago", True),
        ("created", "Created", False),
    ],
)
def test_a_container_that_needs_a_look_is_told_from_one_that_was_stopped(
    state: str, status: str, troubled: bool
) -> None:
    assert containers.Container("docker", "x", "x", "x", state, status).troubled is troubled


REFUSALS = [
    ("permission denied while trying to connect to the Docker daemon socket", "no permission to ask docker"),
    ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", "Docker doesn't run"),
    ("something else", "docker doesn't answer: something else"),
]


@pytest.mark.parametrize(("error", "reason"), REFUSALS)
async def test_an_engine_that_does_not_answer_is_unknown_with_the_reason(
    host: Says, monkeypatch: pytest.MonkeyPatch, error: str, reason: str
) -> None:
    engine(monkeypatch, "docker", {"ps": ("", f"{error}\n", 1)})
    assert (await containers.read(host))["docker"] == Unknown(reason)


async def test_docker_is_not_asked_while_its_service_sleeps(host: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, "docker", {})
    assert (await containers.read(host, docker_sleeps=True))["docker"] == Unknown("Docker doesn't run")


async def test_what_a_container_takes_is_asked_of_one_that_runs(host: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    one = containers.Container("docker", "x", "x", "x", "running")
    told = '{"CPUPerc":"1.25%","MemUsage":"38.2MiB / 3.7GiB","Name":"x"}\n'
    engine(monkeypatch, "docker", {"stats": (told, "", 0)})
    assert await containers.usage(host, one) == Known(containers.Usage("1.25%", "38.2MiB / 3.7GiB"))
    engine(monkeypatch, "docker", {"stats": (told.replace("38.2MiB / 3.7GiB", "0B / 0B"), "", 0)})
    assert await containers.usage(host, one) == Known(containers.Usage("1.25%", "")), "nobody counts it"
    stopped = containers.Container("docker", "x", "x", "x", "exited")
    assert not isinstance(await containers.usage(host, stopped), Known | Unknown)
