"""What is wrong with settings is said with its place in the file, in words, and without quoting the input."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError, field_validator

from pi_installer_tui.mistakes import mistakes, place
from pi_installer_tui.modules.base import Settings


class Dhcp(Settings):
    method: Literal["dhcp"]


class Static(Settings):
    method: Literal["static"]
    address: str
    gateway: str | None = None
    dns: tuple[str, ...] | None = None

    @field_validator("gateway")
    @classmethod
    def _inside(cls, value: str | None) -> str | None:
        if value == "192.168.2.1":
            raise ValueError("192.168.2.1 is outside 192.168.1.0/24")
        return value


Way = Annotated[Dhcp | Static, Field(discriminator="method")]


class Sample(Settings):
    hostname: Annotated[str, Field(pattern=r"^[a-z]+$", max_length=10)] | None = None
    ntp: bool | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    level: Literal["low", "high"] | None = None
    network: dict[str, Way] | None = None
    until: date | None = None


def found(data: Any) -> list[str]:
    try:
        Sample.model_validate(data)
    except ValidationError as error:
        return [str(m) for m in mistakes(error, Sample, data, "sample")]
    return []


STATIC = {"method": "static", "address": "192.168.1.10/24"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"network": {"eth0": STATIC | {"gateway": "192.168.2.1"}}},
            "sample.network.eth0.gateway: 192.168.2.1 is outside 192.168.1.0/24",
        ),
        ({"network": {"eth0": {"method": "static"}}}, "sample.network.eth0.address: is needed"),
        (
            {"network": {"eth0": STATIC | {"gatway": "x"}}},
            "sample.network.eth0.gatway: there is no such setting; did you mean gateway?",
        ),
        ({"network": {"eth0": STATIC | {"dns": ["1.1.1.1", 9]}}}, "sample.network.eth0.dns[1]: must be text"),
        ({"network": {"eth0": {"method": "statc"}}}, "sample.network.eth0: method must be one of 'dhcp', 'static'"),
        ({"network": {"eth0": {"address": "x"}}}, "sample.network.eth0: method is needed, one of 'dhcp', 'static'"),
        ({"network": {"eth0": "dhcp"}}, "sample.network.eth0: must have keys and values of its own below it"),
        ({"network": ["eth0"]}, "sample.network: must have keys and values of its own below it"),
        ({"hostnam": "attic"}, "sample.hostnam: there is no such setting; did you mean hostname?"),
        ({"zzz": "attic"}, "sample.zzz: there is no such setting"),
        ({"hostname": True}, "sample.hostname: must be text; put a number or true/false in quotes"),
        ({"hostname": "a_b"}, "sample.hostname: has a character or a form that isn't allowed here"),
        ({"hostname": "a" * 11}, "sample.hostname: must have at most 10 characters"),
        ({"ntp": "perhaps"}, "sample.ntp: must be true or false"),
        ({"until": "tomorrow"}, "sample.until: isn't a day, such as 2027-03-01"),
        ({"until": "2027-02-30"}, "sample.until: isn't a day, such as 2027-03-01"),
        ({"until": []}, "sample.until: isn't a day, such as 2027-03-01"),
        ({"port": 0}, "sample.port: must be at least 1"),
        ({"port": 1.5}, "sample.port: must be a whole number"),
        ({"level": "middle"}, "sample.level: must be one of 'low' or 'high'"),
        ("text", "sample: must have keys and values of its own below it"),
        ([1], "sample: must have keys and values of its own below it"),
    ],
)
def test_a_mistake_has_its_place_and_is_said_in_words(data: Any, said: str) -> None:
    (only,) = found(data)
    assert only.startswith(said)


def test_every_mistake_is_said_at_once() -> None:
    assert len(found({"hostnam": 1, "ntp": "perhaps", "network": {"eth0": {"method": "static"}}})) == 3


@pytest.mark.parametrize("key", ["hostname", "ntp", "port", "level", "network"])
def test_a_mistake_never_quotes_the_input(key: str) -> None:
    for value in ("hunter2-SECRET", ["hunter2-SECRET"], {"method": "hunter2-SECRET"}, {"x": {"y": "hunter2-SECRET"}}):
        assert "hunter2" not in " ".join(found({key: value}))


def test_a_place_is_shown_without_control_characters_and_not_endless() -> None:
    assert place("system", "a\x1b[31m", 2) == "system.a\N{REPLACEMENT CHARACTER}[31m[2]"
    assert len(place("system", "x" * 1000)) < 80
