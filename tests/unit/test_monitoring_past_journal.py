"""Rules on log lines and services tried against what the journal has kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.alerts.config import Rule
from pi_installer_tui.alerts.engine import effective
from pi_installer_tui.alerts.rules import Span, State
from pi_installer_tui.modules.monitoring.past_journal import (
    FAILED,
    STARTED,
    STOPPED,
    Noted,
    spans_of_failures,
    spans_of_lines,
    tried,
)
from pi_installer_tui.system.demo import DemoHost

LINES = Rule(name="oops", what="log", of="oops", count=3, lasts=60)
SERVICE = Rule(name="web", what="service", of="nginx", lasts=30)


def test_so_many_lines_within_the_time_fire_until_the_last_is_as_old() -> None:
    assert spans_of_lines(LINES, [0, 50, 100, 150], 1000) == []
    assert spans_of_lines(LINES, [0, 10, 20, 70], 1000) == [Span(20, 130)]
    assert spans_of_lines(LINES, [0, 10, 20, 900, 910, 990], 1000) == [Span(20, 80)]
    assert spans_of_lines(LINES, [0, 10, 20, 970, 980, 990], 1000) == [Span(20, 80), Span(990, None)]


@given(st.lists(st.integers(0, 600), max_size=25), st.integers(1, 4))
def test_it_is_as_the_collector_does_it(written: list[int], count: int) -> None:
    """The collector's own state machine, looking every second at how many lines there are."""
    rule = replace(LINES, count=count)
    state, times = State(effective(rule)), sorted(written)
    spans: list[Span] = []
    for now in range(1000):
        happened = state.step(now, float(sum(now - 60 < at <= now for at in times)))
        if happened == "fired":
            spans.append(Span(now))
        elif happened == "recovered":
            spans[-1] = Span(spans[-1].since, now)
    assert spans_of_lines(rule, times, 1000) == spans


def noted(*what: tuple[float, str], boot: str = "a") -> list[Noted]:
    return [Noted(at, "nginx.service", boot, message) for at, message in what]


def test_a_service_that_failed_fires_until_it_runs_again() -> None:
    assert spans_of_failures(SERVICE, noted((10, FAILED), (20, STARTED)), 1000) == [], "it was back soon enough"
    assert spans_of_failures(SERVICE, noted((10, FAILED), (50, FAILED), (90, STARTED)), 1000) == [Span(40, 90)]
    assert spans_of_failures(SERVICE, noted((10, STOPPED), (900, STARTED)), 1000) == []
    assert spans_of_failures(SERVICE, noted((10, FAILED)), 1000) == [Span(40, None)]
    assert spans_of_failures(SERVICE, noted((990, FAILED)), 1000) == []
    again = noted((10, FAILED)) + noted((100, FAILED), boot="b")
    assert spans_of_failures(SERVICE, again, 1000) == [Span(40, 100), Span(130, None)]


async def test_the_journal_is_asked_for_lines_and_units(tmp_path_factory: Any) -> None:
    host = DemoHost.create(str(tmp_path_factory.mktemp("demo")))
    asked: list[Sequence[str]] = []
    start = host.start

    def noting(argv: Sequence[str], **more: Any) -> Any:
        asked.append(argv)
        return start(argv, **more)

    host.start = noting  # type: ignore[method-assign]
    every = await host.run(["journalctl", "--quiet", "--output=json", "--output-fields=MESSAGE"])
    messages: list[Mapping[str, str]] = [json.loads(line) for line in every.stdout.splitlines()]
    now = int(messages[-1]["__REALTIME_TIMESTAMP"]) / 1e6 + 1
    text = str(messages[-1]["MESSAGE"])[:12]
    rules = [Rule(name="l", what="log", of=text, count=1, lasts=60), replace(SERVICE, of="*")]
    first, (lines, service) = await tried(rules, now, host)
    assert first is not None and first <= now
    assert lines.of == ("journal",) and lines.spans[-1][1].until is None
    assert service.rule == rules[1] and all(name.endswith(".service") for name in service.of)
    assert any(f"--grep={text}" in argv for argv in asked)
