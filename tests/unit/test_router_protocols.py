"""PCP, NAT-PMP and UPnP by their standards: what is sent, what is understood, and that no answer does more than say
no."""

from __future__ import annotations

import struct
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_installer_tui.system.router import igd, natpmp, pcp, ssdp, xml
from pi_installer_tui.system.router.mapped import RouterError

GATEWAY = "192.168.178.1"
NONCE = bytes(range(12))


def _pcp(code: int = 0, *, opcode: int = 0x81, nonce: bytes = NONCE, outer: int = 51820, lifetime: int = 7200) -> bytes:
    head = struct.pack("!BBBBII12x", 2, opcode, 0, code, lifetime, 77)
    address = b"\0" * 10 + b"\xff\xff" + bytes((8, 20, 30, 2))
    return head + struct.pack("!12sB3xHH16s", nonce, 17, 51820, outer, address)


# -- PCP -------------------------------------------------------------------------------------------------------------


def test_a_request_of_pcp_is_as_the_rfc_draws_it() -> None:
    asked = pcp.request(NONCE, "192.168.178.20", 51820, lifetime=7200, outer_port=443)
    assert asked[:8] == bytes.fromhex("0201000000001c20")  # version 2, MAP, 7200 s
    assert asked[8:24] == bytes.fromhex("00000000000000000000ffffc0a8b214")
    assert asked[24:36] == NONCE and asked[36:40] == bytes.fromhex("11000000")  # UDP
    assert asked[40:44] == bytes.fromhex("ca6c01bb") and asked[44:] == bytes.fromhex("00000000000000000000ffff00000000")
    assert len(asked) == 60
    assert len(pcp.announce("fd00::1")) == 24


def test_what_pcp_grants_is_read() -> None:
    found = pcp.granted(_pcp(outer=40000))
    assert (found.outer_address, found.outer_port, found.inner_port, found.lifetime) == (
        "8.20.30.2",
        40000,
        51820,
        7200,
    )
    assert pcp.is_answer(_pcp(), nonce=NONCE) and not pcp.is_answer(_pcp(), nonce=b"another one!")
    assert not pcp.is_answer(pcp.request(NONCE, "10.0.0.2", 1, lifetime=1, outer_port=1), nonce=NONCE)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1, "unsupported"), (2, "refused"), (8, "full"), (11, "conflict"), (12, "refused"), (99, "failed")],
)
def test_how_pcp_refuses(code: int, reason: str) -> None:
    with pytest.raises(RouterError) as raised:
        pcp.granted(_pcp(code))
    assert (raised.value.reason, raised.value.code) == (reason, code)


def test_a_router_that_knows_nat_pmp_only_is_told_apart() -> None:
    """RFC 6886, 3.5 and RFC 6887, 9: an answer of eight octets, version 0, unsupported version."""
    answer = bytes.fromhex("0080000100000000")
    assert pcp.is_answer(answer, nonce=NONCE)
    with pytest.raises(RouterError, match="UNSUPP_VERSION"):
        pcp.granted(answer)


# -- NAT-PMP ---------------------------------------------------------------------------------------------------------


def test_nat_pmp_is_as_the_rfc_draws_it() -> None:
    assert natpmp.address_request() == b"\0\0"
    assert natpmp.request(51820, 443, 7200) == bytes.fromhex("00010000ca6c01bb00001c20")
    assert natpmp.address(bytes.fromhex("008000000000004d08141e02")) == "8.20.30.2"
    found = natpmp.granted(bytes.fromhex("008100000000004dca6c01bb00001c20"))
    assert (found.inner_port, found.outer_port, found.lifetime) == (51820, 443, 7200)


@pytest.mark.parametrize(("code", "reason"), [(1, "unsupported"), (2, "refused"), (3, "failed"), (4, "full")])
def test_how_nat_pmp_refuses(code: int, reason: str) -> None:
    with pytest.raises(RouterError) as raised:
        natpmp.granted(struct.pack("!BBHIHHI", 0, 129, code, 0, 51820, 0, 0))
    assert raised.value.reason == reason


# -- UPnP ------------------------------------------------------------------------------------------------------------

LOCATION = f"http://{GATEWAY}:49000/igddesc.xml"
FOUND = (
    "HTTP/1.1 200 OK\r\nLOCATION: {url}\r\nSERVER: fritz.box UPnP/1.0 AVM FRITZ!Box\r\nCACHE-CONTROL: max-age=1800\r\n"
    "EXT:\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nUSN: uuid:x\r\n\r\n"
)


def test_only_a_description_at_the_gateway_counts() -> None:
    assert ssdp.location(FOUND.format(url=LOCATION).encode(), GATEWAY) == LOCATION
    for url in (
        "http://192.168.178.66:49000/igddesc.xml",
        "https://192.168.178.1/",
        "http://fritz.box/igd",
        f"http://{GATEWAY}@evil.example/",
        f"http://{GATEWAY}:99999/",
        "",
    ):
        assert ssdp.location(FOUND.format(url=url).encode(), GATEWAY) == ""
    assert ssdp.location(FOUND.format(url=LOCATION).replace("200 OK", "404 No").encode(), GATEWAY) == ""
    assert ssdp.location(FOUND.format(url=LOCATION).replace("InternetGateway", "Media").encode(), GATEWAY) == ""
    assert ssdp.search(ssdp.TARGETS[0]).endswith(b"\r\n\r\n")


def describe(kinds: dict[str, str], maker: str = "AVM Berlin", base: str = "") -> bytes:
    services = "".join(
        f"<service><serviceType>urn:schemas-upnp-org:service:{kind}</serviceType><serviceId>x</serviceId>"
        f"<controlURL>{escape(url)}</controlURL></service>"
        for kind, url in kinds.items()
    )
    where = f"<URLBase>{base}</URLBase>" if base else ""
    return (
        f'<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">{where}<device><manufacturer>{maker}'
        "</manufacturer><modelName>FRITZ!Box 7590</modelName><deviceList><device><serviceList>"
        f"{services}</serviceList></device></deviceList></device></root>"
    ).encode()


def test_a_description_gives_the_connections_the_best_first() -> None:
    data = describe(
        {"WANPPPConnection:1": "/ppp", "WANIPConnection:1": "/igdupnp/control/WANIPConn1", "Layer3Forwarding:1": "/l3"}
    )
    found = igd.described(data, LOCATION, GATEWAY)
    assert found.connections == (
        ("urn:schemas-upnp-org:service:WANIPConnection:1", f"http://{GATEWAY}:49000/igdupnp/control/WANIPConn1"),
        ("urn:schemas-upnp-org:service:WANPPPConnection:1", f"http://{GATEWAY}:49000/ppp"),
    )
    assert (found.maker, found.model) == ("AVM Berlin", "FRITZ!Box 7590")
    based = igd.described(describe({"WANIPConnection:2": "c"}, base=f"http://{GATEWAY}:80/a/"), LOCATION, GATEWAY)
    assert based.connections[0][1] == f"http://{GATEWAY}:80/a/c"


@pytest.mark.parametrize(
    "data",
    [
        describe({}),
        describe({"WANIPConnection:1": "http://192.168.178.66/control"}),
        describe({"Layer3Forwarding:1": "/x"}),
        b"<html>",
        b"",
    ],
)
def test_a_description_that_leads_elsewhere_is_none(data: bytes) -> None:
    with pytest.raises(RouterError):
        igd.described(data, LOCATION, GATEWAY)


BOMB = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><root><device>&b;</device></root>'
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><root>&x;</root>'


@pytest.mark.parametrize(
    "data",
    [
        BOMB,
        OUTSIDE,
        b'<!DOCTYPE r SYSTEM "http://192.0.2.1/x.dtd"><root/>',
        b"<root>&undefined;</root>",
        b"<a>" * 50 + b"</a>" * 50,
        b"<r>" + b"<a/>" * 5000 + b"</r>",
        b"<r>" + b"x" * 300_000 + b"</r>",
        b'<?xml version="1.0" encoding="klingon"?><r/>',
        b"<r><b></r>",
        b"\xff\xfe",
    ],
)
def test_xml_that_asks_for_more_is_refused(data: bytes) -> None:
    with pytest.raises(xml.XmlError):
        xml.parse(data)


def fault(code: int, text: str) -> bytes:
    return (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        "<faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
        f'<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>{code}</errorCode>'
        f"<errorDescription>{escape(text)}</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>"
    ).encode()


def says(action: str, **values: str) -> bytes:
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
    return (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<u:{action}Response xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1">{inner}</u:{action}Response>'
        "</s:Body></s:Envelope>"
    ).encode()


@pytest.mark.parametrize(
    ("code", "reason"),
    [(718, "conflict"), (725, "permanent"), (606, "refused"), (501, "failed"), (728, "full"), (401, "unsupported")],
)
def test_how_upnp_refuses(code: int, reason: str) -> None:
    with pytest.raises(RouterError) as raised:
        igd.answer(500, fault(code, "No<t> now"), "AddPortMapping")
    assert (raised.value.reason, raised.value.code) == (reason, code)


@pytest.mark.parametrize(
    ("told", "address"), [("8.20.30.2", "8.20.30.2"), ("", ""), ("0.0.0.0", ""), ("100.64.0.9", "100.64.0.9")]
)
def test_the_address_outside(told: str, address: str) -> None:
    answer = says("GetExternalIPAddress", NewExternalIPAddress=told)
    assert igd.outside(igd.answer(200, answer, "GetExternalIPAddress")) == address


def test_an_entry_is_read_and_a_wrong_one_refused() -> None:
    values = {
        "NewInternalClient": "192.168.178.20",
        "NewInternalPort": "51820",
        "NewEnabled": "1",
        "NewLeaseDuration": "3599",
    }
    assert igd.entry(values) == igd.Entry("192.168.178.20", 51820, True, "", 3599)
    for name, value in (
        ("NewInternalClient", "fritz"),
        ("NewInternalPort", "70000"),
        ("NewLeaseDuration", "-1"),
        ("NewLeaseDuration", "²"),
    ):
        with pytest.raises(RouterError):
            igd.entry({**values, name: value})


def test_an_envelope_holds_what_it_is_given_and_no_more() -> None:
    sent = igd.envelope("urn:x", "AddPortMapping", {"NewPortMappingDescription": "</a><b>&"})
    assert b"<NewPortMappingDescription>&lt;/a&gt;&lt;b&gt;&amp;</NewPortMappingDescription>" in sent


# -- malformed answers -----------------------------------------------------------------------------------------------


def _bent(good: bytes) -> st.SearchStrategy[bytes]:
    """A good answer with bytes changed, cut or added."""

    def bend(changes: list[tuple[int, int]], cut: int, more: bytes) -> bytes:
        made = bytearray(good)
        for place, value in changes:
            made[place % len(made)] = value
        return bytes(made[: len(made) - cut % (len(made) + 1)]) + more

    return st.builds(
        bend,
        st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=4),
        st.just(0) | st.integers(0, 4000),
        st.just(b"") | st.binary(max_size=40),
    )


@settings(max_examples=2000)
@given(st.binary(max_size=1200) | _bent(_pcp()))
def test_no_datagram_does_more_than_say_no_to_pcp(data: bytes) -> None:
    assert pcp.is_answer(data, nonce=NONCE) in (True, False)
    try:
        found = pcp.granted(data)
    except RouterError:
        return
    assert 0 < found.inner_port < 65536 and (not found.lifetime or found.outer_port)


@settings(max_examples=2000)
@given(st.binary(max_size=80) | _bent(bytes.fromhex("008100000000004dca6c01bb00001c20")))
def test_no_datagram_does_more_than_say_no_to_nat_pmp(data: bytes) -> None:
    for opcode in (0, 1):
        assert natpmp.is_answer(data, opcode) in (True, False)
    for read in (natpmp.address, natpmp.granted):
        try:
            read(data)
        except RouterError:
            continue


@settings(max_examples=2000)
@given(st.binary(max_size=600) | _bent(FOUND.format(url=LOCATION).encode()))
def test_no_answer_to_a_search_leads_away_from_the_gateway(data: bytes) -> None:
    found = ssdp.location(data, GATEWAY)
    assert found == "" or ssdp.at_gateway(found, GATEWAY)


@settings(max_examples=2000)
@given(
    st.binary(max_size=600)
    | _bent(describe({"WANIPConnection:1": "/c"}))
    | _bent(
        says(
            "GetSpecificPortMappingEntry", NewInternalClient="192.168.178.20", NewInternalPort="1", NewLeaseDuration="5"
        )
    )
    | _bent(fault(718, "ConflictInMappingEntry")),
    st.sampled_from([200, 500]),
)
def test_no_page_does_more_than_say_no_to_upnp(data: bytes, status: int) -> None:
    try:
        for _kind, control in igd.described(data, LOCATION, GATEWAY).connections:
            assert ssdp.at_gateway(control, GATEWAY)
    except RouterError:
        pass
    try:
        values = igd.answer(status, data, "GetSpecificPortMappingEntry")
        igd.entry(values)
        igd.outside(values)
    except RouterError:
        pass
