"""One run over modules: mistakes before anything is done, and a plan that is empty on a machine that is as wanted."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_installer_tui import modules, planning
from pi_installer_tui.planning import SetupError
from pi_installer_tui.system.demo import DemoHost

HEAD = "version: 1\nsystem:\n"


@pytest.fixture(name="host", scope="module")
def a_demo_machine(tmp_path_factory: pytest.TempPathFactory) -> DemoHost:
    return DemoHost.create(str(tmp_path_factory.mktemp("demo")))


def wrong(*texts: str) -> list[str]:
    with pytest.raises(SetupError) as caught:
        planning.parse(*texts)
    return [str(m) for m in caught.value.mistakes]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("system: {}\n", "version: is needed: a setup file starts with `version: 1`"),
        ("version: 2\n", "version: this program knows version 1"),
        ("version: true\n", "version: this program knows version 1"),
        ("version: '1'\n", "version: this program knows version 1"),
        ("version: 1\nsytem: {}\n", "sytem: there is no such module; did you mean system?"),
        ("version: 1\nVersion: 1\n", "Version: there is no such module; did you mean version?"),
        (HEAD + "  hostnam: attic\n", "system.hostnam: there is no such setting; did you mean hostname?"),
        (
            HEAD + "  network: {eth0: {method: static, address: 192.168.1.10/24, gateway: 192.168.2.1}}\n",
            "system.network.eth0.gateway: 192.168.2.1 is outside 192.168.1.0/24",
        ),
        (HEAD + "  network: {eth0: {method: static}}\n", "system.network.eth0.address: is needed"),
        (
            HEAD + "  network: {eth0: {method: dhcp, dns: [1.1.1.1, x]}}\n",
            "system.network.eth0.dns[1]: isn't an IP address",
        ),
        (HEAD + "  network: {eth0: {dns: []}}\n", "system.network.eth0: method is needed, one of 'dhcp', 'static'"),
        (HEAD + "  network: {'eth 0': {method: dhcp}}\n", "system.network.eth 0: isn't the name of an interface"),
        ("version: 1\nsystem: [a]\n", "system: must have keys and values of its own below it"),
    ],
)
def test_a_mistake_in_a_setup_file_has_its_place(text: str, said: str) -> None:
    (only,) = wrong(text)
    assert only.startswith(said)


def test_every_mistake_of_every_file_is_told_at_once() -> None:
    assert len(wrong("version: 1\nsytem: {}\n", "version: 3\nsystem: {hostname: '-', ntp: 3}\n")) == 4


def test_later_files_win_and_null_takes_back() -> None:
    setup = planning.parse(
        "version: 1\nsystem: {hostname: one, timezone: Europe/Berlin}\n",
        "version: 1\nsystem: {hostname: two, timezone: null}\n",
    )
    assert setup.document == {"version": 1, "system": {"hostname": "two"}}


def test_what_the_machine_is_for_stands_in_the_file() -> None:
    setup = planning.parse("version: 1\ngoals: [home-server]\nunattended: true\nsystem: {hostname: one}\n")
    assert setup.goals == ("home-server",) and setup.unattended
    assert planning.of(setup.settings, setup.goals, unattended=True).document == setup.document
    assert wrong("version: 1\ngoals: [home-sever]\nunattended: 1\n") == [
        "goals[0]: there is no such goal; did you mean home-server?",
        "unattended: must be true or false",
    ]


def test_an_empty_module_wants_nothing() -> None:
    assert planning.parse("version: 1\nsystem:\n").document == {"version": 1, "system": {}}
    assert planning.parse("version: 1\n").settings == {}


async def test_what_is_exported_is_a_setup_file_that_changes_nothing(host: DemoHost) -> None:
    text = await planning.export(host)
    planned = await planning.plan(host, planning.parse(text))
    assert planned.mistakes == ()
    assert planned.plan.empty
    assert set(planned.states) == set(modules.names())


async def test_a_plan_is_reviewed_and_names_what_it_was_made_for(host: DemoHost) -> None:
    planned = await planning.plan(host, planning.parse(HEAD + "  hostname: attic\n"))
    assert planned.reviewed is not None
    assert planned.plan.modules == ("system",)
    assert planned.plan.settings == {"version": 1, "system": {"hostname": "attic"}}
    assert len(planned.reviewed.previews) == len(planned.plan.steps) > 0
    assert set(planned.plan.expects) == {step.id for step in planned.plan.steps}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (HEAD + "  timezone: Europe/Atlantis\n", "system.timezone"),
        (HEAD + "  network: {nope0: {method: dhcp}}\n", "system.network.nope0"),
    ],
)
async def test_what_only_the_machine_shows_is_a_mistake_and_no_plan(host: DemoHost, text: str, place: str) -> None:
    planned = await planning.plan(host, planning.parse(text))
    assert [m.place for m in planned.mistakes] == [place]
    assert planned.reviewed is None
    with pytest.raises(SetupError):
        _ = planned.plan


def test_the_schema_is_one_document_without_open_references() -> None:
    schema = planning.schema()
    text = json.dumps(schema)
    assert schema["required"] == ["version"] and schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"version", "goals", "unattended", *modules.names()}
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/$defs/')[1:]}:
        assert reference in schema["$defs"]


keys = st.sampled_from(
    ["hostname", "timezone", "ntp", "locale", "keyboard", "layout", "network", "eth0", "method", "address", "dns"]
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | keys, inner, max_size=4),
    max_leaves=15,
)
values = plain | st.sampled_from(["static", "dhcp", "192.168.1.10/24", "192.168.2.1", "Europe/Berlin", "attic"])


@given(st.dictionaries(keys, st.dictionaries(keys, st.dictionaries(keys, values, max_size=4) | values) | values))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_data_becomes_settings_or_mistakes_with_places(data: dict[str, Any]) -> None:
    text = yaml.safe_dump({"version": 1, "system": data}, allow_unicode=True)
    try:
        setup = planning.parse(text)
    except SetupError as error:
        for mistake in error.mistakes:
            assert mistake.place.startswith(("system", "line ")), mistake
            assert mistake.message
    else:
        again = planning.combine([setup.document])
        assert again == setup
