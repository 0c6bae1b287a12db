"""What can be wanted of the system, and in which words everything else is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from pi_installer_tui import mistakes as words
from pi_installer_tui import setup_file
from pi_installer_tui.modules.system.settings import SystemSettings

WHOLE = """
version: 1
system:
  hostname: attic
  timezone: Europe/Berlin
  ntp: true
  locale: de_DE.UTF-8
  keyboard: {layout: de, variant: nodeadkeys}
  network: {eth0: {method: static, address: 192.168.1.10/24, gateway: 192.168.1.1, dns: [192.168.1.1, 9.9.9.9]}}
"""


def settings(**values: Any) -> SystemSettings:
    return SystemSettings.model_validate(values)


def parsed(text: str) -> SystemSettings:
    return SystemSettings.model_validate(setup_file.read(text)["system"])


def system(line: str) -> list[str]:
    """What is wrong with a setup file that has this line in its section `system`."""
    data = setup_file.read(f"version: 1\nsystem:\n  {line}\n")["system"]
    with pytest.raises(ValidationError) as caught:
        SystemSettings.model_validate(data)
    return [str(m) for m in words.mistakes(caught.value, SystemSettings, data, "system")]


def static(rest: str) -> list[str]:
    return system(f"network: {{eth0: {{method: static, {rest}}}}}")


def test_the_example_of_a_setup_file_is_understood_and_comes_back_the_same() -> None:
    found = parsed(WHOLE)
    assert SystemSettings.model_validate(found.model_dump(mode="json")) == found
    assert found.model_dump(mode="json", exclude_none=True)["network"] == {
        "eth0": {
            "method": "static",
            "address": "192.168.1.10/24",
            "gateway": "192.168.1.1",
            "dns": ["192.168.1.1", "9.9.9.9"],
        }
    }


def test_nothing_wanted_is_a_setup_too() -> None:
    assert settings() == SystemSettings()
    assert SystemSettings().model_dump(exclude_none=True) == {}


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("address: 192.168.1.10/24, gateway: 192.168.2.1", "gateway: 192.168.2.1 is outside 192.168.1.0/24"),
        ("address: 192.168.1.10/24, gateway: 192.168.1.10", "gateway: 192.168.1.10 is the machine's own address"),
        ("address: 192.168.1.10/24, gateway: 192.168.1.255", "gateway: 192.168.1.255 isn't a host's address in"),
        ("address: 192.168.1.0/24", "address: 192.168.1.0 is the address of the network 192.168.1.0/24 itself"),
        ("address: 192.168.1.255/24", "address: 192.168.1.255 is the broadcast address of 192.168.1.0/24"),
        ("address: 127.0.0.1/8", "address: 127.0.0.1 can't be a machine's own address"),
        ("address: 224.0.0.1/24", "address: 224.0.0.1 can't be a machine's own address"),
        ("address: 169.254.1.1/16", "address: 169.254.1.1 can't be a machine's own address"),
        ("address: 0.1.2.3/8", "address: 0.1.2.3 lies in a reserved range"),
        ("address: 240.0.0.1/8", "address: 240.0.0.1 lies in a reserved range"),
        ("address: 192.168.1.10", "address: the prefix is missing: 192.168.1.10/24, for example"),
        ("address: 192.168.1.10/33", "address: the prefix after the / must be a number from 8 to 31"),
        ("address: 192.168.1.10/32", "address: the prefix after the / must be a number from 8 to 31"),
        ("address: 192.168.1.10/255.255.255.0", "address: the prefix after the / must be a number from 8 to 31"),
        ("address: 10.0.0.1/4", "address: the prefix after the / must be a number from 8 to 31"),
        ("address: 192.168.1.300/24", "address: isn't an IPv4 address with prefix, such as 192.168.1.10/24"),
        ("address: 2001:db8::1/64", "address: the prefix after the / must be a number from 8 to 31"),
        ("address: 10", 'address: must be text; put a number or true/false in quotes ("…")'),
        ("dns: [1.1.1.1]", "address: is needed"),
        ("address: 10.0.0.2/24, gateway: 1.1", 'gateway: must be text; put a number or true/false in quotes ("…")'),
        ("address: 10.0.0.2/24, dns: [9.9.9.9, quad9]", "dns[1]: isn't an IP address"),
        ("address: 10.0.0.2/24, dns: [9.9.9.9, 9.9.9.9]", "dns: 9.9.9.9 is there twice"),
        ("address: 10.0.0.2/24, dns: [0.0.0.0]", "dns[0]: 0.0.0.0 can't be a DNS server"),
        ("address: 10.0.0.2/24, dns: ['fe80::1%eth0; x']", "dns[0]: an address with %interface can't be set up here"),
        ("address: 10.0.0.2/24, dns: 9.9.9.9", "dns: must be a list"),
        ("address: 10.0.0.2/24, search: [home arpa]", "search[0]: isn't a domain name, such as home.arpa"),
        ("address: 10.0.0.2/24, ipv6: off", "ipv6: must be one of 'auto', 'link-local' or 'disabled'"),
        ("address: 10.0.0.2/24, mtu: 1400", "mtu: there is no such setting"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused_in_words_at_its_place(rest: str, said: str) -> None:
    found = static(rest)
    assert len(found) == 1
    assert found[0].startswith(f"system.network.eth0.{said}")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("hostname: -attic", "system.hostname: may have letters, digits and hyphens"),
        ("hostname: at_tic", "system.hostname: may have letters, digits and hyphens"),
        ("hostname: 'attic\n\n    evil'", "system.hostname: may have letters, digits and hyphens"),
        (f"hostname: {'a' * 65}", "system.hostname: is longer than the 64 characters Linux allows"),
        ("hostname: 192.168.1.1", "system.hostname: must not end in a number alone"),
        ("hostname: localhost", "system.hostname: localhost is every machine's name for itself"),
        ("hostname: 4711", "system.hostname: must be text; put a number or true/false in quotes"),
        ("hostname: true", "system.hostname: must be text; put a number or true/false in quotes"),
        ("hostname: [attic]", "system.hostname: must be text"),
        ("timezone: ../../etc/passwd", "system.timezone: isn't the name of a time zone"),
        ("timezone: Europe//Berlin", "system.timezone: isn't the name of a time zone"),
        ("timezone: /Europe/Berlin", "system.timezone: isn't the name of a time zone"),
        ("ntp: 'on'", "system.ntp: must be true or false"),
        ("ntp: 1", "system.ntp: must be true or false"),
        ("locale: de_DE.UTF-8 UTF-8", "system.locale: isn't the name of a locale"),
        ("locale: $(id)", "system.locale: isn't the name of a locale"),
        ("keyboard: de", "system.keyboard: must have keys and values of its own below it"),
        ("keyboard: {variant: nodeadkeys}", "system.keyboard.layout: is needed"),
        ("keyboard: {layout: false}", "system.keyboard.layout: must be text; put a number or true/false in quotes"),
        ("keyboard: {layout: 'de\"; id'}", "system.keyboard.layout: may have letters, digits"),
        ("keyboard: {layout: de, model: --help me}", "system.keyboard.model: may have letters, digits"),
        ("network: {eth0: {method: pppoe}}", "system.network.eth0: method must be one of 'dhcp', 'static'"),
        ("network: {eth0: {address: 10.0.0.2/24}}", "system.network.eth0: method is needed"),
        ("network: {'eth 0': {method: dhcp}}", "system.network.eth 0: isn't the name of an interface"),
        ("network: {-eth0: {method: dhcp}}", "system.network.-eth0: isn't the name of an interface"),
        ("network: {eth0/1: {method: dhcp}}", "system.network.eth0/1: isn't the name of an interface"),
        ("network: {sixteencharacter: {method: dhcp}}", "system.network.sixteencharacter: isn't the name of an"),
        ("network: {lo: {method: dhcp}}", "system.network.lo: lo can't be set up here"),
        ("network: [eth0]", "system.network: must have keys and values of its own below it"),
    ],
)
def test_a_value_with_no_meaning_is_refused_in_words_at_its_place(line: str, said: str) -> None:
    found = system(line)
    assert len(found) == 1
    assert found[0].startswith(said)


def test_a_country_called_no_is_text_in_a_setup_file() -> None:
    found = parsed("version: 1\nsystem: {keyboard: {layout: no}, locale: nb_NO.UTF-8}")
    assert found.keyboard is not None
    assert found.keyboard.layout == "no"


def test_two_interfaces_cannot_have_one_address() -> None:
    both = "{eth0: {method: static, address: 10.0.0.2/24}, eth1: {method: static, address: 10.0.0.2/16}}"
    assert system(f"network: {both}") == ["system.network: eth0 and eth1 can't both have 10.0.0.2"]


def test_a_locale_is_spelt_as_the_machine_spells_it() -> None:
    assert settings(locale="de_DE.utf8").locale == "de_DE.UTF-8"
    assert settings(locale="ca_ES.utf8@valencia").locale == "ca_ES.UTF-8@valencia"
    assert settings(locale="C").locale == "C"


def test_a_message_never_repeats_what_was_typed_into_it() -> None:
    for line in ("hostname: 'S3cr3t pw'", "timezone: S3cr3t!", "locale: S3cr3t", "keyboard: {layout: 'S3cr3t!'}"):
        assert "S3cr3t" not in "".join(system(line))
    assert "S3cr3t" not in "".join(static("address: S3cr3t"))


def test_every_field_says_what_it_is_for() -> None:
    schema = SystemSettings.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, field in model["properties"].items():
            assert field.get("title") and field.get("description"), name


anything = st.text(st.characters(exclude_categories=["Cs"]))
#: text that is near to what is allowed, with the characters that files and command lines split at
near = st.text(st.sampled_from("abzAZ019.-_/:@+,;=#%$(){}[]<>|&*?!~^'\"\\` \t\n\r\0\x1b\x7fäßµ١"), max_size=70)


def texts_of(value: object) -> list[str]:
    if isinstance(value, dict):
        return [t for k, v in value.items() for t in (*texts_of(k), *texts_of(v))]
    if isinstance(value, list):
        return [t for item in value for t in texts_of(item)]
    return [value] if isinstance(value, str) else []


#: what no file of ours and no command line takes for more than a part of one word
ONE_WORD = re.compile(r"[A-Za-z0-9._+@:/,-]*")


@given(st.one_of(anything, near), st.sampled_from(["hostname", "timezone", "locale", "layout", "variant", "model",
                                                    "interface", "address", "gateway", "dns", "search"]))  # fmt: skip
@example("-", "layout")
@example("-model", "model")
def test_text_from_outside_is_one_word_or_refused(text: str, place: str) -> None:
    static_one: dict[str, Any] = {"method": "static", "address": "10.0.0.2/24"}
    documents: dict[str, dict[str, Any]] = {
        "hostname": {"hostname": text},
        "timezone": {"timezone": text},
        "locale": {"locale": text},
        "layout": {"keyboard": {"layout": text}},
        "variant": {"keyboard": {"layout": "de", "variant": text}},
        "model": {"keyboard": {"layout": "de", "model": text}},
        "interface": {"network": {text: {"method": "dhcp"}}},
        "address": {"network": {"eth0": {"method": "static", "address": text}}},
        "gateway": {"network": {"eth0": {**static_one, "gateway": text}}},
        "dns": {"network": {"eth0": {**static_one, "dns": [text]}}},
        "search": {"network": {"eth0": {**static_one, "search": [text]}}},
    }
    try:
        found = SystemSettings.model_validate(documents[place])
    except ValueError:
        return
    for word in texts_of(found.model_dump(mode="json", exclude_none=True)):
        assert ONE_WORD.fullmatch(word), repr(word)
        assert not word.startswith("-"), repr(word)
        if place not in ("layout", "variant"):
            assert "," not in word
