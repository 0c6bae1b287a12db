"""Nothing that comes from outside (names, notes, addresses of a setup file, of wg-easy's, of a file that others made)
becomes a line that wasn't meant: it is refused, or stands where it should. One property, of 2,000 examples with
--all."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pi_installer_tui.modules.vpn import adopting, handover
from pi_installer_tui.modules.vpn.actions import Adopt
from pi_installer_tui.modules.vpn.actions import plan as act
from pi_installer_tui.modules.vpn.state import Peer, Tunnel
from pi_installer_tui.modules.vpn.validating import validate
from pi_installer_tui.system.reading import Known, Value
from pi_installer_tui.system.wireguard.conf import Conf, names
from pi_installer_tui.system.wireguard.keys import is_key
from pi_installer_tui.system.wireguard.wg_easy import parse, written
from pi_installer_tui.tasks.steps import Tunnel as TunnelFile
from pi_installer_tui.tasks.steps.wireguard import Keys

from .test_wireguard_conf import PIVPN, PLAIN, WG_EASY
from .test_wireguard_easy import old
from .vpns import after, bare, key, planned, wanted

PARTS, EXAMPLES = 10, 200
_TEXTS = st.text(max_size=60) | st.sampled_from(
    [
        *("x\nPostUp = sh", "a\r[Peer]", "1.1.1.1\n", "# x", "home #", "10.9.0.2/32\n", "a\n[Peer]", "x ###"),
        *("a\r[Interface]", "\x85y", "a\u2028b", "1\nPostUp = sh", "x # y", "", " ", "\tz", "### begin x ###"),
    ]
)
_OLD = st.fixed_dictionaries(
    {
        "name": _TEXTS,
        "address": _TEXTS | st.sampled_from(["10.8.0.9\nPostUp = sh", "10.8.0.9", "10.8.0.9", "::1"]),
        "expireAt": _TEXTS | st.sampled_from(["2027-03-01T00:00:00.000Z", None]),
    }
)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_becomes_a_line_that_was_not_meant(part: int) -> None:
    @seed(part)
    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(
        name=_TEXTS | st.sampled_from(["phone", "a"]),
        note=_TEXTS,
        dns=_TEXTS | st.just("9.9.9.9"),
        endpoint=_TEXTS | st.just("home.example.org"),
        address=_TEXTS | st.just("10.9.0.9"),
        easy=_OLD,
        text=st.sampled_from([PLAIN, PIVPN, WG_EASY, "", "[Interface]"]),
    )
    def holds(
        name: str, note: str, dns: str, endpoint: str, address: str, easy: Mapping[str, object], text: str
    ) -> None:
        settings_hold(name, note, dns, endpoint, address)
        wg_easys_file_holds(easy)
        a_file_of_others_holds(text, name, note)
        an_edit_holds(text, name, note)

    holds()


def settings_hold(name: str, note: str, dns: str, endpoint: str, address: str) -> None:
    """The tunnel's file, and what a peer is given, have the lines that they should have."""
    try:
        found = wanted(
            {"address": ["10.9.0.1/24"], "endpoint": endpoint, "dns": [dns],
             "peers": {name: {"note": note, "address": [address], "reach": "machine"}}}
        )  # fmt: skip
    except ValidationError:
        return
    if validate(bare(), found):
        return
    made = planned(bare(), found)
    (step,) = [each for each in made.steps if isinstance(each, TunnelFile)]
    lines = step.edited(Conf(""), Keys.hidden(len(step.peers))).text.splitlines()
    assert [line.partition(" = ")[0] for line in lines] == [
        "[Interface]", "Address", "ListenPort", "PrivateKey", "PostUp", "PostDown", "",
        "[Peer]", "# Name", "PublicKey", "PresharedKey", "AllowedIPs",
    ]  # fmt: skip
    (tunnel,) = (after(bare(), made).settings.tunnels or {}).values()
    (peer,) = (tunnel.peers or {}).values()
    text = handover.client(handover.view("wg0", key("s"), tunnel, ()), peer, "P", "")
    assert [line.partition(" = ")[0] for line in text.split("\n")] == [
        "[Interface]", "PrivateKey", "Address", "DNS", "",
        "[Peer]", "PublicKey", "AllowedIPs", "Endpoint", "PersistentKeepalive", "",
    ]  # fmt: skip


def wg_easys_file_holds(client: Mapping[str, object]) -> None:
    try:
        server = parse(old(dict(client)))
        text = written(server)
    except ValueError:
        return
    assert [line.partition(" = ")[0] for line in text.split("\n")] == [
        "[Interface]", "Address", "ListenPort", "PrivateKey", "",
        "[Peer]", "# Name", "PublicKey", "PresharedKey", "AllowedIPs", "",
    ]  # fmt: skip
    _state, found = adopting.imported(bare(), "wg0", server)
    (peer,) = ((found.tunnels or {})["wg0"].peers or {}).values()
    assert peer.expires is None or str(peer.expires) == str(client["expireAt"])[:10]


def a_file_of_others_holds(text: str, comment: str, note: str) -> None:
    """Any comment in it: adopting it keeps every line, and every peer what it was."""
    said = f"{text}\n# {comment}\n[Peer]\n# {note}\nPublicKey = {key('z')}\nAllowedIPs = 10.6.0.77/32\n"
    conf = Conf(said)
    own = conf.interface
    if own is None or not own.one("privatekey"):
        return
    peers = {
        peer: Peer(peer, each.public_key, each.get("allowedips"), paused=each.paused, named=each.named, title=each.name)
        for peer, each in names(conf).items()
        if is_key(each.public_key)
    }
    there = Tunnel(
        "wg0", "/etc/wireguard/wg0.conf", 0o644, own.get("address"), int(own.one("listenport") or 0), has_key=True,
        peers=peers, text=said,
        enabled=Value(Known(False), Known(False)),
    )  # fmt: skip
    state = bare(wg=Known("1"), tunnels=Known({"wg0": there}))
    try:
        made = act(state, "adopt", Adopt())
    except (ValueError, ValidationError):
        return  # two peers with one address, a network with no room: said to be so
    for step in made.steps:
        if isinstance(step, TunnelFile):
            then = step.edited(conf, Keys.hidden(len(step.peers)))
            kept = [line for line in said.splitlines() if line.strip() and "saveconfig" not in line.lower()]
            lines = then.text.splitlines()
            assert all(line in lines for line in kept if not line.lstrip().startswith("#"))
            assert [dict(each.values) for each in then.peers] == [dict(each.values) for each in conf.peers]
            news = [line for line in lines if line not in said.splitlines() and line.strip()]
            own_lines = {"SaveConfig = false", "ListenPort = 51820"}
            assert all(line.startswith("# Name = ") or line in own_lines for line in news), news


def an_edit_holds(text: str, name: str, value: str) -> None:
    """A peer that is added is refused, or has the lines that it was meant to have."""
    before = Conf(text)
    try:
        then = before.with_peer(name, [("PublicKey", "Z" * 43 + "="), ("Endpoint", value)])
    except ValueError:
        return
    blank = [""] if text and not text.endswith("\n\n") else []
    expected = [*blank, "[Peer]", f"# Name = {name}", f"PublicKey = {'Z' * 43}=", f"Endpoint = {value}", ""]
    start = text if text.endswith("\n") or not text else text + "\n"
    assert then.text == start + "\n".join(expected)
    assert len(then.peers) == len(before.peers) + 1
    assert (then.interface is None) == (before.interface is None)
    if before.interface is not None and then.interface is not None:
        assert dict(then.interface.values) == dict(before.interface.values)
    assert then.peers[-1].get("endpoint") == (value,)
    assert [dict(each.values) for each in then.peers[:-1]] == [dict(each.values) for each in before.peers]
