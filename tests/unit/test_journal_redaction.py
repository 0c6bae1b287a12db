"""Nothing of the known forms survives redaction, whatever stands around it; what tells nobody anything stays."""

from __future__ import annotations

import base64
import ipaddress
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.system.redaction import KINDS, Kind, Redactor

#: what may stand beside something in a log
_AROUND = st.text(st.sampled_from(" \t\n,;:()[]{}<>\"'=|/#_"), min_size=1, max_size=4)
_WORDS = st.sampled_from(["", "from ", "error: ", "user=root ", "größe ", "東京 ", "a@b ", "12:30:01 ", "::", "-"])
_WORD = st.text(string.ascii_letters + string.digits + "_-", min_size=8, max_size=40)
UNITS = {"service", "path", "target", "timer", "scope", "mount", "device", "slice", "socket", "swap"}
_ALNUM = string.ascii_letters + string.digits
_MAC = st.lists(st.integers(0, 255), min_size=6, max_size=6)


def redacted(text: str) -> str:
    return Redactor().redact(text)


def placed(before: str, left: str, secret: str, right: str, after: str) -> str:
    return f"{before}{left}{secret}{right}{after}"


@given(_WORDS, _AROUND, st.ip_addresses(v=4), _AROUND, _WORDS)
def test_no_ipv4_address_survives(
    before: str, left: str, address: ipaddress.IPv4Address, right: str, after: str
) -> None:
    assert str(address) not in redacted(placed(before, left, str(address), right, after))


@given(
    _WORDS,
    st.sampled_from([" ", "[", "(", "=", '"', ",", "from ", "addr: "]),
    st.ip_addresses(v=6),
    st.sampled_from([" ", "]", ")", '"', ",", "/64", "%eth0", "]:443", ". "]),
    _WORDS,
    st.sampled_from(["compressed", "exploded", "upper"]),
)
def test_no_ipv6_address_survives(
    before: str, left: str, address: ipaddress.IPv6Address, right: str, after: str, form: str
) -> None:
    text = {"compressed": address.compressed, "exploded": address.exploded, "upper": str(address).upper()}[form]
    out = redacted(placed(before, left, text, right, after))
    if address != ipaddress.IPv6Address("::"):
        assert text not in out
    for word in re.findall(r"[0-9A-Fa-f:]{3,}", out):
        if word.count(":") > 1 and "::" in word.strip(":"):
            with pytest.raises(ValueError):
                ipaddress.IPv6Address(word)


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_in_an_ipv6_one_survives(address: ipaddress.IPv4Address) -> None:
    out = redacted(f"from ::ffff:{address} and 64:ff9b::{address}.")
    assert str(address) not in out and not re.search(r"\d+\.\d+", out)


@given(_WORDS, _MAC, st.sampled_from([":", "-"]), st.booleans(), _WORDS)
def test_no_mac_address_survives(before: str, mac: list[int], between: str, upper: bool, after: str) -> None:
    text = between.join(f"{byte:02X}" if upper else f"{byte:02x}" for byte in mac)
    assert text not in redacted(f"{before} {text} {after}") and text not in redacted(f"wlan0: {text}: x")


@given(_WORDS, st.emails(), _WORDS)
def test_no_mail_address_survives(before: str, mail: str, after: str) -> None:
    out = redacted(f"{before} <{mail}> {after}")
    name, _at, domain = mail.rpartition("@")
    if domain.rpartition(".")[2] in {
        "service",
        "path",
        "target",
        "scope",
        "mount",
        "device",
        "slice",
        "socket",
        "swap",
    }:
        return  # a unit's name, as far as can be told
    assert f"{name}@{domain}" not in out


TOKENS = st.one_of(
    st.text(_ALNUM, min_size=36, max_size=36).map(lambda text: f"ghp_{text}"),
    st.text(_ALNUM + "_", min_size=40, max_size=60).map(lambda text: f"github_pat_{text}"),
    st.text(_ALNUM, min_size=20, max_size=20).map(lambda text: f"glpat-{text}"),
    st.text(_ALNUM + "-", min_size=20, max_size=40).map(lambda text: f"xoxb-{text}"),
    st.text(_ALNUM, min_size=32, max_size=48).map(lambda text: f"sk-{text}"),
    st.text(string.ascii_uppercase + string.digits, min_size=16, max_size=16).map(lambda text: f"AKIA{text}"),
    st.text(_ALNUM + "_-", min_size=35, max_size=35).map(lambda text: f"123456789:{text}"),
    st.text(_ALNUM, min_size=20, max_size=60).map(lambda text: f"eyJhbGciOi.eyJzdWIi.{text}"),
    st.binary(min_size=32, max_size=32).map(lambda data: base64.b64encode(data).decode()),
    st.binary(min_size=16, max_size=64).map(bytes.hex),
    st.text(string.ascii_lowercase + string.digits, min_size=29, max_size=29).map(lambda text: f"tk_{text}"),
)


@given(
    _WORDS,
    st.sampled_from([" ", "(", '"', "'", "<", "=", "bot"]),
    TOKENS,
    st.sampled_from([" ", ")", '"', "'", ">", "/"]),
)
def test_no_token_survives(before: str, left: str, token: str, right: str) -> None:
    assert token not in redacted(f"{before}{left}{token}{right}") or left == "bot"


@given(
    st.sampled_from(["password", "DB_PASSWORD", "passwd", "api_key", "apiKey", "client_secret", "token", "PSK", "pin"]),
    st.sampled_from(["=", ": ", " = ", '="', "='", '": "']),
    _WORD,
)
def test_no_named_secret_survives(name: str, between: str, secret: str) -> None:
    quote = between[-1] if between[-1] in "\"'" else ""
    assert secret not in redacted(f"start {name}{between}{secret}{quote} end")
    assert redacted(f"x {name}{between}{secret}{quote} end").endswith(" end")


@given(_WORD, st.sampled_from(["https", "postgres", "ftp", "rtsp"]), st.text(string.printable.strip(), min_size=1))
def test_no_password_in_an_address_survives(user: str, scheme: str, password: str) -> None:
    password = "pw" + re.sub(r"[\s/?#]", "x", password)
    out = redacted(f"GET {scheme}://{user}:{password}@example.org/path")
    assert f":{password}@" not in out and f"//{user}" not in out


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("curl -H 'Authorization: Basic YWxhZGRpbjpvcGVu'", "YWxhZGRpbjpvcGVu"),
        ("mysql --password hunter2 -u root", "hunter2"),
        ("run --api-token=hunter22", "hunter22"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----", "b3BlbnNzaC1rZXk"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow cut off", "MIIEow"),
        ("GET https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw8/getMe", "AAHdqTcvCH1v"),
        ("POST https://hooks.slack.com/services/T0/B0/XXXXXXXX", "XXXXXXXX"),
        ("IN=eth0 OUT= MAC=dc:a6:32:00:00:01:00:11:22:33:44:55:08:00 SRC=10.0.0.9", "dc:a6:32"),
        ("port aabb.ccdd.eeff learned", "aabb.ccdd.eeff"),
        ('{"password": "with \\" quote", "user": "x"}', "quote"),
    ],
)
def test_other_forms_are_known_too(text: str, gone: str) -> None:
    assert gone in text and gone not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "15:04:05 systemd[1]: Started user@1000.service - User Manager for UID 1000.",
        "Linux version 6.12.47+rpt-rpi-v8, 3884032K/4050944K",
        "Failed password for root port 22 ssh2",
        "std::vector, Foo::bar, a = b; ping: ok; mapping: 12 entries",
        "2026-11-27T15:04:05+0100 upgrade base-files:arm64 13.8+deb13u1",
    ],
)
def test_what_tells_nobody_anything_stays(text: str) -> None:
    assert redacted(text) == text


def test_the_same_address_keeps_its_number() -> None:
    redactor = Redactor()
    assert redactor.redact("10.0.0.1 10.0.0.2 10.0.0.1") == "[IPv4 1] [IPv4 2] [IPv4 1]"
    assert redactor.redact("FE80::1 then fe80::1, mail a.b@example.org") == "[IPv6 1] then [IPv6 1], mail [mail 1]"
    assert redactor.counts == {"addresses": 5, "mail": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_is_left_in_stays(kind: Kind) -> None:
    text = "10.0.0.1 maria@example.org token=abcdefgh"
    out = Redactor(set(KINDS) - {kind}).redact(text)
    kept = dict(zip(KINDS, text.split(), strict=True))
    assert all((kept[each] in out) == (each == kind) for each in KINDS)


@given(st.text())
def test_redacting_twice_changes_nothing_more_and_nothing_breaks(text: str) -> None:
    once = redacted(text)
    assert "\x00" in once or isinstance(once, str)
    assert len(once) <= 20 * len(text) + 20
