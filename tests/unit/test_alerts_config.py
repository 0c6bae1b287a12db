"""What the collector is told, there and back, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.alerts.config import Channel, Config, DeadMan, Exporter, QuietHours, Rule, dump, load
from pi_installer_tui.metrics import names

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        Config,
        interval=st.integers(1, 3600),
        raw=st.integers(1, 1000),
        minutes=st.integers(1, 100_000),
        hours=st.integers(1, 100_000),
        rules=st.lists(st.builds(Rule, at=NUMBERS, clears=st.none() | NUMBERS, lasts=NUMBERS, repeats=NUMBERS)).map(
            tuple
        ),
        channels=st.lists(st.builds(Channel)).map(tuple),
        quiet=st.none() | st.builds(QuietHours),
        dead_man=st.none() | st.builds(DeadMan),
        exporter=st.none() | st.builds(Exporter),
    )
)
def test_what_is_dumped_is_what_is_loaded(config: Config) -> None:
    assert load(dump(config)) == config


def test_what_is_left_out_has_its_default() -> None:
    assert load('{"version": 1}') == Config()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version is not 1"),
        ({"interval": "ten"}, "interval: not a number"),
        ({"interval": True}, "interval: not a number"),
        ({"rules": [{"name": "a", "what": "metrics"}]}, "rules[0].what: not one of metric, service"),
        ({"rules": [{"what": "metric"}]}, "rules[0].: incomplete"),
        ({"rules": {"a": 1}}, "rules: not a list"),
        ({"strange": 1}, "strange: unknown"),
        (
            {"channels": [{"name": "a", "by": "mail", "tls": "hunter2"}]},
            "channels[0].tls: not one of starttls, tls, none",
        ),
        ({"quiet": {"since": 5}}, "quiet.since: not a text"),
        ({"rules": [{"name": "a", "what": "metric", "quiet": 1}]}, "rules[0].quiet: not true or false"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        load(json.dumps({"version": 1, **change}))
    assert str(caught.value).startswith(said)


def test_names_of_metrics_are_taken_apart() -> None:
    assert names.parts("disk./srv/a.b.used") == ("disk", "/srv/a.b", "used")
    assert names.parts("cpu.used") == ("cpu", "", "used")
    assert names.kind("net.eth0.100.sent").unit == "B/s"
    assert names.named("disk", "used", "/") == "disk./.used"
    for wrong in ("cpu", "cpu.0.used", "disk.used", "net.eth0.lost", ""):
        with pytest.raises(KeyError):
            names.kind(wrong)
