"""What services and containers are said to be, in words."""

from __future__ import annotations

import pytest

from pi_installer_tui.console import SSH
from pi_installer_tui.screens.monitoring import unit_words as words
from pi_installer_tui.system import containers
from pi_installer_tui.system.reading import Known
from pi_installer_tui.system.services import LogLine, Service

from .test_services import SUITES, recorded

#: what is said of each, and why it failed
TROUBLES = {
    "t-status": ("failed", "its program ended with an error, status 3"),
    "t-missing": ("failed", "its program ended with an error, status 203: its program isn't there or can't be run"),
    "t-user": ("failed", "its program ended with an error, status 217: its user (User=) isn't there"),
    "t-killed": ("failed", "SIGSEGV"),
    "t-slow": ("failed", "it took too long to start or to stop, SIGTERM"),
    "t-again": ("restarts", "its program ended with an error, status 1"),
    "t-limit": ("failed", "its program ended with an error, status 1"),
    "t-fine": ("running", ""),
    "t-once": ("stopped", ""),
    "e2scrub_reap": ("masked", ""),
    "ssh": ("running", ""),
}


@pytest.mark.parametrize("suite", SUITES)
def test_a_state_and_why_it_failed_are_said_in_words(suite: str) -> None:
    units = recorded(suite)
    for name, (state, why) in TROUBLES.items():
        unit = units[f"{name}.service"]
        assert words.state(unit, SSH.glyphs).text.endswith(f" {state}"), (name, unit)
        assert why in words.why(unit) and bool(why) == bool(words.why(unit)), (name, words.why(unit))


def test_all_that_is_known_of_a_service_is_said_and_nothing_that_is_not() -> None:
    unit = Service("x.service", "X", active="active", sub="running", enabled="enabled", since=1000.0, pid=7)
    said = [cell.text for cell in words.detail(unit, 1090.0, SSH.glyphs, ())]
    assert len(said) == 2 and "running, since" in said[0] and "1 min, process 7" in said[0]
    assert said[1] == "At boot: it starts with the machine"
    more = Service(
        "x.service", active="active", sub="running", memory=5_000_000, main_only=True, restarts=3, stale=True,
        requires=("a.slice", "db.service"), takes_along=("b.service",), triggered_by=("x.socket",), enabled="static",
    )  # fmt: skip
    said = [cell.text for cell in words.detail(more, 0.0, SSH.glyphs, ("you are out.",))]
    text = "\n".join(said)
    for part in ("5.0 MB in its main process", "started it again 3 times", "started by x.socket", "needs db.service;",
                 "stopped with it: b.service", "Its file has changed", "Stopping it: you are out."):  # fmt: skip
        assert part in text, part
    assert "a.slice" not in text


def test_a_line_of_a_log_cannot_move_the_cursor_and_shows_its_weight() -> None:
    lines = (LogLine(0.0, 3, "sh", "bad\x1b[2J"), LogLine(0.0, 4, "sh", "hm"), LogLine(0.0, 6, "sh", "ok"))
    cells = [*words.log_lines(Known(lines), 10.0)]
    assert [cell.tone for cell in cells] == ["bad", "warn", "plain"]
    assert "\x1b" not in cells[0].text
    (cell,) = words.log_lines(Known(()), 10.0)
    assert "no line" in cell.text


def test_a_container_says_what_it_takes() -> None:
    one = containers.Container("docker", "x" * 64, "x", "img", "running", "Up 1 hour", "80->80/tcp")
    for used, said in (
        (None, "Asking"),
        (Known(containers.Usage("1%", "3MiB / 4GiB")), "1% of a processor and 3MiB / 4GiB of memory"),
        (Known(containers.Usage("1%", "")), "isn't counted here"),
    ):
        assert said in "\n".join(cell.text for cell in words.container_detail(one, used, SSH.glyphs))
