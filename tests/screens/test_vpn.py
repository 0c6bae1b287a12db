"""The VPN on the screen: who is connected, live; what is asked of a peer becomes a plan; what is handed over can be
read by a phone, and is gone afterwards where it isn't kept."""

from __future__ import annotations

import asyncio
import http.client
import pwd
import re
import shutil
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from textual.pilot import Pilot

from pi_installer_tui import planning
from pi_installer_tui.console import Terminal, detect
from pi_installer_tui.modules.vpn.settings import VpnSettings
from pi_installer_tui.modules.vpn.state import State
from pi_installer_tui.screens.ask import Ask
from pi_installer_tui.screens.item import ItemScreen
from pi_installer_tui.screens.job import JobScreen
from pi_installer_tui.screens.line import AskLine
from pi_installer_tui.screens.module import ModuleScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.screens.vpn.handing import HandoverScreen, compact, hidden
from pi_installer_tui.screens.vpn.module import VpnScreen
from pi_installer_tui.screens.vpn.peer import PeerScreen
from pi_installer_tui.screens.vpn.waiting import WaitingScreen
from pi_installer_tui.system.demo import DemoHost, curve, tunnel
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.link import file_name
from pi_installer_tui.system.reading import Unknown
from pi_installer_tui.tasks import jobs
from pi_installer_tui.tasks.secrets import Secrets
from pi_installer_tui.tasks.store import Store
from pi_installer_tui.widgets.actions import ACTIONS
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.qr import QrCode
from pi_installer_tui.widgets.rows import Rows
from pi_installer_tui.widgets.text import Text
from tests.screens import golden
from tests.screens.golden import picture as text
from tests.screens.test_form import keys
from tests.screens.test_module import app_on, shown, until
from tests.screens.test_qr import CONSOLES, photograph, read

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv(PACE, "0")
    host = DemoHost.create(str(tmp_path / "demo"))
    tunnel.make(host.machine)
    return host


@pytest.fixture
async def pilot(host: DemoHost) -> AsyncIterator[Pilot[None]]:
    async with app_on(host).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        pilot.app.open_module("vpn")  # type: ignore[attr-defined]
        await until(pilot, "cabin")
        yield pilot


async def at(pilot: Pilot[None], name: str) -> None:
    """Puts the cursor on a peer."""
    assert pilot.app.screen.query_one(Rows).select(f"wg0/{name}"), text(pilot.app)
    await pilot.pause()


async def done(pilot: Pilot[None]) -> None:
    """Agrees to the plan, and waits for the job's end."""
    await shown(pilot, ReviewScreen)
    await keys(pilot, "y")
    await shown(pilot, JobScreen)
    await until(pilot, "Done")


async def again(pilot: Pilot[None]) -> None:
    """The table again, from a job's screen, which is over it."""
    await keys(pilot, "q")
    await shown(pilot, VpnScreen)
    await until(pilot, "cabin")


def line_of(pilot: Pilot[None], name: str) -> str:
    return next(line for line in text(pilot.app).splitlines() if re.match(rf"[ ►]*{name} ", line))


# the table --------------------------------------------------------------------------------------------------------


async def test_each_peer_has_its_state_in_a_word_and_a_sign(pilot: Pilot[None]) -> None:
    states = {name: line_of(pilot, name) for name, *_rest in tunnel.PEERS}
    assert "√ connected" in states["phone"] and "now" in states["phone"]
    assert "~ long gone" in states["tablet"] and "47 d" in states["tablet"]
    assert "· away" in states["guest"] and states["guest"].endswith("5 d")
    assert "x paused" in states["anna"] and "· never yet" in states["doorbell"]
    assert "7 peers, 3 connected" in text(pilot.app)
    assert "√ runs" in text(pilot.app) and "home.example.org" in text(pilot.app)


async def test_what_passes_is_seen_while_it_is_on_the_screen(pilot: Pilot[None]) -> None:
    await until(pilot, "kB/s")
    assert re.search(r"cabin .* \d+(\.\d)? [kM]B/s", text(pilot.app)), text(pilot.app)
    assert " -  " in line_of(pilot, "tablet")
    await keys(pilot, "m")
    await until(pilot, "[2001:db8:77::5]:51820")
    assert "from" in text(pilot.app)


async def test_nothing_is_asked_while_another_screen_is_above(
    pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pi_installer_tui.screens.vpn import seen

    asked: list[str] = []
    real = seen.live

    async def counted(host: Host) -> object:
        asked.append(type(pilot.app.screen).__name__)
        return await real(host)

    monkeypatch.setattr(seen, "live", counted)
    screen = await shown(pilot, VpnScreen)
    await keys(pilot, "question_mark")
    asked.clear()
    screen._look()
    await pilot.pause(0.1)
    assert asked == []
    await keys(pilot, "q")
    await until(pilot, "7 peers")
    screen._look()
    await pilot.pause(0.1)
    assert asked


async def test_the_help_has_every_key(pilot: Pilot[None]) -> None:
    await keys(pilot, "question_mark")
    await until(pilot, "a new peer, in the form")
    said = " ".join(line.text for line in pilot.app.screen.query_one(Text)._lines if isinstance(line, Cell))
    for action in ACTIONS:
        assert action.place != "vpn" or action.help in said, action


async def test_peers_are_found_and_ordered(pilot: Pilot[None]) -> None:
    await keys(pilot, "slash", "2001:db8", "enter")
    assert "travel" in text(pilot.app) and "phone" not in text(pilot.app)
    await keys(pilot, "slash", "ctrl+u", "paused", "enter")
    assert "anna" in text(pilot.app) and "travel" not in text(pilot.app)
    await keys(pilot, "slash", "escape")
    orders = {"by state": "cabin", "by last handshake": "", "by transfer": "cabin", "by expiry": "guest"}
    for words, first in orders.items():
        await keys(pilot, "o")
        assert words in text(pilot.app)
        rows = pilot.app.screen.query_one(Rows).rows
        assert not first or rows[0].id == f"wg0/{first}"


async def test_a_peer_is_shown_with_all_that_is_known(pilot: Pilot[None]) -> None:
    await at(pilot, "guest")
    await keys(pilot, "enter")
    await shown(pilot, PeerScreen)
    await until(pilot, "Public key")
    assert "d revoke" in text(pilot.app).splitlines()[-1]
    assert "a friend's laptop" in text(pilot.app)
    assert curve.public(curve.private("wg0 guest")) in text(pilot.app)
    assert "198.51.100.9:40112" in text(pilot.app)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_pictures(host: DemoHost, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    from pi_installer_tui.screens.vpn import module, words

    monkeypatch.setattr(module, "EVERY", 3600.0)
    monkeypatch.setattr(words, "rate", lambda _rate: "-")
    monkeypatch.setattr(module, "spark", lambda *_of: "")
    monkeypatch.setattr(module, "size", lambda _bytes: "SIZE")
    async with app_on(host).run_test(size=size) as pilot:
        await pilot.pause()
        pilot.app.open_module("vpn")  # type: ignore[attr-defined]
        await until(pilot, "cabin")
        await golden.check(pilot.app, "vpn")


# what is done to one ----------------------------------------------------------------------------------------------

ACTS = [("p", "phone", "pause"), ("p", "anna", "resume"), ("t", "phone", "rotate"), ("d", "tablet", "revoke")]


@pytest.mark.parametrize(("key", "name", "verb"), ACTS)
async def test_a_key_becomes_a_plan(pilot: Pilot[None], key: str, name: str, verb: str) -> None:
    await at(pilot, name)
    await keys(pilot, key)
    review = await shown(pilot, ReviewScreen)
    asked = review._plan.asked
    assert asked is not None and (asked.module, asked.action) == ("vpn", verb)
    assert asked.arguments == {"tunnel": "wg0", "peer": name}


async def test_a_paused_peer_is_cut_and_the_table_says_so(pilot: Pilot[None], host: DemoHost) -> None:
    await at(pilot, "phone")
    await keys(pilot, "p")
    await done(pilot)
    assert curve.public(curve.private("wg0 phone")) not in (await host.run(("wg", "show", "all", "dump"))).stdout
    await again(pilot)
    await until(pilot, "7 peers, 2 connected")
    assert "x paused" in line_of(pilot, "phone")


async def elsewhere(host: DemoHost, action: str, peer: str) -> None:
    """Somebody else does something with a peer: the command line, a timer, a second screen."""
    told = planning.arguments("vpn", action, {"tunnel": "wg0", "peer": peer})
    planned = await planning.plan_action(host, "vpn", action, told)
    store = Store(host.state)
    job = store.create(planned.plan, who="maria", host_kind=host.kind, host_address=host.address)
    await jobs.launch(store, job, host)
    async for _batch in jobs.follow(store, job):
        pass
    assert store.summary(job).status == "done"


async def test_what_is_changed_elsewhere_is_seen_here(pilot: Pilot[None], host: DemoHost) -> None:
    screen = await shown(pilot, VpnScreen)
    await elsewhere(host, "pause", "phone")
    screen._look()
    await until(pilot, "7 peers, 2 connected")
    assert "x paused" in line_of(pilot, "phone")
    await at(pilot, "travel")
    await keys(pilot, "enter")
    peer = await shown(pilot, PeerScreen)
    await until(pilot, "Public key")
    peer._look()
    await until(pilot, "kB/s")
    await elsewhere(host, "revoke", "travel")
    peer._look()
    await until(pilot, "It is gone")
    assert "Public key" not in text(pilot.app)


async def test_a_peer_gets_another_name(pilot: Pilot[None]) -> None:
    await at(pilot, "guest")
    await keys(pilot, "i")
    await shown(pilot, AskLine)
    await keys(pilot, "ctrl+u", "No Name", "enter")
    await until(pilot, "small letters")
    await keys(pilot, "ctrl+u", "visitor", "enter")
    await done(pilot)
    await again(pilot)
    await until(pilot, "visitor")
    assert "guest" not in text(pilot.app)


async def test_a_tunnel_that_was_made_by_hand_can_be_adopted(host: DemoHost) -> None:
    host.machine.remove("/etc/pi-installer-tui/vpn.yaml")
    async with app_on(host).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        pilot.app.open_module("vpn")  # type: ignore[attr-defined]
        await until(pilot, "not made here")
        await keys(pilot, "a")
        await until(pilot, "wg-easy's file")


async def test_a_peer_is_changed_in_its_own_form(pilot: Pilot[None]) -> None:
    await at(pilot, "guest")
    await keys(pilot, "e")
    for _ in range(300):
        if isinstance(pilot.app.screen, ItemScreen) and "guest" in text(pilot.app).splitlines()[0]:
            break
        await pilot.pause(0.02)
    await until(pilot, "a friend's laptop")
    assert "Peers: guest" in text(pilot.app)


@pytest.mark.parametrize("key", ["e", "n", "s"])
async def test_a_tunnel_whose_unit_was_disabled_by_hand_is_in_the_form(
    pilot: Pilot[None], host: DemoHost, key: str
) -> None:
    done = await host.run(("systemctl", "disable", "--now", "wg-quick@wg0.service"))
    assert done.ok, done.stderr
    await keys(pilot, "r")
    await until(pilot, "is down")
    await at(pilot, "guest")
    await keys(pilot, key)
    await until(pilot, {"e": "Peers: guest", "n": "Tunnels: wg0", "s": "wg0"}[key])
    await until(pilot, {"e": "a friend's laptop", "n": "► + add", "s": "51820"}[key])
    form = next(screen for screen in pilot.app.screen_stack if isinstance(screen, ModuleScreen))._form
    assert form is not None
    settings = form.settings()
    assert isinstance(settings, VpnSettings)
    (said,) = (settings.tunnels or {}).values()
    assert said.enabled and said.endpoint == "home.example.org"
    assert set(said.peers or {}) == {name for name, *_rest in tunnel.PEERS}


async def test_a_new_peer_is_made_and_handed_over(pilot: Pilot[None], host: DemoHost) -> None:
    await keys(pilot, "n")
    await until(pilot, "Tunnels: wg0")
    await until(pilot, "► + add")
    await keys(pilot, "balcony", "enter")
    await until(pilot, "Peers: balcony")
    await keys(pilot, "q", "q", "p")
    await done(pilot)
    await until(pilot, "The job made a secret")
    await keys(pilot, "s")
    await until(pilot, "is forgotten when you go back")
    await keys(pilot, "t")
    assert "Address = 10.86.0.9/32" in text(pilot.app)
    await keys(pilot, "q", "y")
    await shown(pilot, JobScreen)
    await again(pilot)
    assert "8 peers" in text(pilot.app)


async def test_a_new_peer_with_a_wrong_name_says_how_it_goes_away(pilot: Pilot[None]) -> None:
    await keys(pilot, "n")
    await until(pilot, "► + add")
    await keys(pilot, "Balc ony", "enter")
    await until(pilot, "Peers: Balc ony")
    await keys(pilot, "q")
    await until(pilot, "! d removes it: may have small letters, digits, _ and -")
    await keys(pilot, "d")
    await until(pilot, "Balc ony", gone=True)


# handing over -----------------------------------------------------------------------------------------------------


async def made(pilot: Pilot[None], name: str = "guest") -> None:
    """Gives a peer new keys, and goes on to hand them over from the job's screen."""
    await at(pilot, name)
    await keys(pilot, "t")
    await done(pilot)
    await until(pilot, "The job made a secret")
    await keys(pilot, "s")
    await shown(pilot, HandoverScreen)
    await until(pilot, "is forgotten when you go back")


async def test_a_new_key_is_handed_over_and_then_forgotten(pilot: Pilot[None], host: DemoHost) -> None:
    await made(pilot)
    private = Secrets(host.state).made("vpn.wg0.guest")
    assert private is not None and private.strip() not in text(pilot.app)
    await keys(pilot, "t")
    assert "PrivateKey = (hidden)" in text(pilot.app)
    await keys(pilot, "s")
    assert f"PrivateKey = {private.strip()}" in text(pilot.app)
    await keys(pilot, "q")
    await shown(pilot, Ask)
    assert "forgotten now" in text(pilot.app)
    await keys(pilot, "n")
    await shown(pilot, HandoverScreen)
    assert Secrets(host.state).made("vpn.wg0.guest") is not None
    await keys(pilot, "q", "y")
    await shown(pilot, JobScreen)
    assert Secrets(host.state).made("vpn.wg0.guest") is None
    for path in host.state.rglob("*"):
        assert not path.is_file() or private.strip().encode() not in path.read_bytes(), path
    await again(pilot)
    await at(pilot, "guest")
    await keys(pilot, "x")
    await until(pilot, "Its private key isn't here")


async def test_a_kept_key_is_shown_again_without_a_question(pilot: Pilot[None]) -> None:
    await at(pilot, "cabin")
    await keys(pilot, "x")
    await until(pilot, "kept here")
    assert "the QR code needs" in text(pilot.app)  # in 80x24
    await keys(pilot, "q")
    await shown(pilot, VpnScreen)


async def test_a_key_under_a_passphrase_is_asked_for(pilot: Pilot[None], host: DemoHost) -> None:
    path = "/etc/pi-installer-tui/secrets/vpn.wg0.phone.gpg"
    options = ("--batch", "--passphrase-fd", "0", "--pinentry-mode", "loopback", "--armor", "-o", path)
    key = curve.private("wg0 phone")
    assert (await host.run(("gpg", *options, "--symmetric"), input=f"open sesame\n{key}\n".encode())).ok
    await at(pilot, "phone")
    await keys(pilot, "x")
    await shown(pilot, AskLine)
    await keys(pilot, "nonsense", "enter")
    await until(pilot, "That isn't it")
    assert "nonsense" not in text(pilot.app)
    await keys(pilot, "open sesame", "enter")
    await until(pilot, "kept here")
    await keys(pilot, "t", "s")
    assert f"PrivateKey = {key}" in text(pilot.app)


async def test_the_file_is_the_persons_own_and_named_as_the_apps_take_it(
    pilot: Pilot[None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    account = pwd.struct_passwd(("maria", "x", os.getuid(), os.getgid(), "", str(tmp_path), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _name: account)
    await at(pilot, "cabin")
    await keys(pilot, "x")
    await until(pilot, "kept here")
    await keys(pilot, "f")
    await until(pilot, "~/cabin.conf, for you alone")
    written = tmp_path / "cabin.conf"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert f"PrivateKey = {curve.private('wg0 cabin')}" in written.read_text()


async def test_a_link_works_once_and_goes_on_when_the_screen_is_left(pilot: Pilot[None]) -> None:
    await at(pilot, "cabin")
    await keys(pilot, "x")
    await until(pilot, "kept here")
    await keys(pilot, "l")
    await until(pilot, "It works once")
    await golden_free(pilot)
    url = re.search(r"http://\S+", text(pilot.app))
    assert url is not None
    await keys(pilot, "q")
    await shown(pilot, VpnScreen)
    parts = urlsplit(url[0])

    def ask(method: str, body: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        connection.request(method, parts.path, body, FORM if body else {})
        answer = connection.getresponse()
        found = answer.status, answer.read().decode()
        connection.close()
        return found

    assert (await asyncio.to_thread(ask, "GET"))[0] == 200
    status, given = await asyncio.to_thread(ask, "POST", "take=yes")
    assert status == 200 and f"PrivateKey = {curve.private('wg0 cabin')}" in given
    assert (await asyncio.to_thread(ask, "POST", "take=yes"))[0] == 410
    await at(pilot, "cabin")
    await keys(pilot, "x")
    await until(pilot, "kept here")
    screen = await shown(pilot, HandoverScreen)
    assert screen._link is not None
    screen._follow()
    assert screen._link.given == "127.0.0.1" and screen._link.over
    screen._link.stop()


async def test_from_a_link_that_is_dead_there_is_a_way_back_to_the_code(pilot: Pilot[None]) -> None:
    """Leaving the screen would forget a key that isn't kept."""
    await at(pilot, "cabin")
    await keys(pilot, "x")
    await until(pilot, "kept here")
    await keys(pilot, "l")
    await until(pilot, "It works once")
    await keys(pilot, "x")
    await until(pilot, "The link is dead")
    await keys(pilot, "l")
    await until(pilot, "the QR code needs")
    first = (await shown(pilot, HandoverScreen))._link
    await keys(pilot, "l")
    await until(pilot, "It works once")
    screen = await shown(pilot, HandoverScreen)
    assert screen._link is not first
    screen._link.stop()


async def golden_free(pilot: Pilot[None]) -> None:
    """The link's own code fits where the configuration's doesn't."""
    code = pilot.app.screen.query_one(QrCode)
    assert code.drawn is not None
    assert "w wait  x end it  q back" in text(pilot.app)


# waiting ----------------------------------------------------------------------------------------------------------


async def test_waiting_says_what_is_missing_until_it_works(pilot: Pilot[None]) -> None:
    await at(pilot, "doorbell")
    await keys(pilot, "w")
    await until(pilot, "~ a packet arrives at the port")
    assert "What to do" in text(pilot.app) and "· something passes" in text(pilot.app)
    await golden.check(pilot.app, "vpn-waiting")
    await keys(pilot, "q")
    await shown(pilot, VpnScreen)
    await made(pilot)
    await keys(pilot, "w")
    await shown(pilot, WaitingScreen)
    await until(pilot, "√ something passes")
    assert "~" not in text(pilot.app)
    await keys(pilot, "q")
    await shown(pilot, HandoverScreen)


# the code ---------------------------------------------------------------------------------------------------------

PEER = """\
[Interface]
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
Address = 10.86.0.8/32, fd86:1:2::8/128
DNS = 10.86.0.1  # its own

[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 0.0.0.0/0, ::/0
"""


def test_a_compact_configuration_says_the_same() -> None:
    found = compact(PEER)
    assert "PrivateKey=yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=" in found.splitlines()
    assert "Address=10.86.0.8/32,fd86:1:2::8/128" in found.splitlines()
    assert "DNS=10.86.0.1" in found.splitlines() and "#" not in found and "\n\n" not in found


def test_keys_are_hidden_and_names_of_files_are_such_that_apps_take_them() -> None:
    assert "yAnz5TF" not in hidden(PEER) and "xTIBA5" in hidden(PEER)
    assert file_name("phone") == "phone.conf"
    assert file_name("Grandma's télé in the living room") == "Grandma-s-t-l-i.conf"
    assert file_name("../../etc/passwd") == "etc-passwd.conf" and file_name("é") == "peer.conf"


@pytest.mark.skipif(shutil.which("zbarimg") is None, reason="zbarimg (package zbar-tools) reads the picture")
@pytest.mark.parametrize("console", CONSOLES)
async def test_a_phone_reads_the_configuration_from_the_screen(host: DemoHost, console: str, tmp_path: Path) -> None:
    environment, room = CONSOLES[console]
    app = app_on(host)
    app.profile = detect(environment, Terminal(utf8=True))
    async with app.run_test(size=room) as pilot:
        await pilot.pause()
        pilot.app.open_module("vpn")  # type: ignore[attr-defined]
        await until(pilot, "cabin")
        await at(pilot, "cabin")
        await keys(pilot, "x")
        await until(pilot, "kept here")
        await pilot.pause()
        photograph(app).save(tmp_path / "screen.png")
    said = read(tmp_path / "screen.png").splitlines()
    assert f"PrivateKey={curve.private('wg0 cabin')}" in said
    assert f"PublicKey={curve.public(curve.private('wg0'))}" in said
    assert "Endpoint=home.example.org:51820" in said


# the doctor, and the verdict --------------------------------------------------------------------------------------


async def test_the_doctor_puts_what_is_wrong_first_and_mends_it(pilot: Pilot[None]) -> None:
    await keys(pilot, "c")
    await until(pilot, "1 wrong")
    first = pilot.app.screen.query_one(Rows).rows[0]
    assert first.cells[0].text == "x wrong"
    await golden.check(pilot.app, "vpn-doctor")
    await keys(pilot, "enter")
    await until(pilot, "What mends it")
    assert "$ ping -n -c 1" in text(pilot.app) and "mtu = 1492" in text(pilot.app)
    await keys(pilot, "p")
    review = await shown(pilot, ReviewScreen)
    assert review._plan.settings["vpn"]["tunnels"]["wg0"] == {"mtu": 1412}


async def test_a_machine_without_a_tunnel_has_nothing_to_be_examined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PACE, "0")
    bare = DemoHost.create(str(tmp_path / "bare"))
    async with app_on(bare).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        pilot.app.open_module("vpn")  # type: ignore[attr-defined]
        await until(pilot, "There is no tunnel yet")
        await keys(pilot, "c")
        await until(pilot, "no tunnel to be examined")
        await keys(pilot, "q", "n")
        await until(pilot, "Tunnels: wg0")
        await until(pilot, "► Endpoint")
        assert re.search(r"Addresses +\* 10\.\d+\.\d+\.1/24, fd", text(pilot.app)), text(pilot.app)
        assert re.search(r"Port +\* 51820", text(pilot.app)) and "everything" in text(pilot.app)
        await keys(pilot, "enter", *"home.example.org", "enter", "q", "p")
        review = await shown(pilot, ReviewScreen)
        assert review._plan.settings["vpn"]["tunnels"]["wg0"]["endpoint"] == "home.example.org"


async def test_tunnels_that_may_not_be_read_are_not_taken_for_none(
    pilot: Pilot[None], host: DemoHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pi_installer_tui.screens.vpn import seen

    state: State = await seen.read(host)
    unreadable = replace(state, tunnels=Unknown("no permission for /etc/wireguard"))

    async def read(_host: Host) -> State:
        return unreadable

    monkeypatch.setattr(seen, "read", read)
    await keys(pilot, "c")
    await until(pilot, "This can't be read: no permission for /etc/wireguard")
    assert "no tunnel" not in text(pilot.app)


async def test_the_verdict_is_in_words_with_what_it_rests_on(pilot: Pilot[None]) -> None:
    await keys(pilot, "v")
    await until(pilot, "one NAT: it can be reached once something is done")
    assert "What can be done, the best first" in text(pilot.app)
    await keys(pilot, "G")
    await until(pilot, "ip -4 route show default")
    await keys(pilot, "a")
    await shown(pilot, AskLine)
    await keys(pilot, "not an address", "enter")
    await until(pilot, "That is no web address")
    await keys(pilot, "escape", "q")
    await shown(pilot, VpnScreen)
    await until(pilot, "√ runs, one NAT")


async def test_the_router_is_asked_for_the_port_by_a_plan(pilot: Pilot[None]) -> None:
    await keys(pilot, "v")
    await until(pilot, "one NAT: it can be reached once something is done")
    await keys(pilot, "m")
    review = await shown(pilot, ReviewScreen)
    assert review._plan.settings["vpn"]["tunnels"]["wg0"] == {"mapping": "auto"}


# 200 peers --------------------------------------------------------------------------------------------------------


async def test_with_200_peers_a_look_is_one_call_and_draws_only_rows_that_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pi_installer_tui.screens.vpn import module, seen

    monkeypatch.setenv(PACE, "0")
    monkeypatch.setattr(module, "EVERY", 3600.0)
    host = DemoHost.create(str(tmp_path / "many"))
    tunnel.make(host.machine, more=193)
    async with app_on(host).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        pilot.app.open_module("vpn")  # type: ignore[attr-defined]
        await until(pilot, "device-001")
        assert "200 peers" in text(pilot.app)
        screen, asked, drawn = await shown(pilot, VpnScreen), list[tuple[str, ...]](), list[int]()
        rows = screen.query_one(Rows)
        real, refresh = seen.live, rows._refresh_row

        async def live(host: Host) -> object:
            asked.append(("wg", "show", "all", "dump"))
            return await real(host)

        def counted(y: int) -> None:
            drawn.append(y)
            refresh(y)

        monkeypatch.setattr(seen, "live", live)
        monkeypatch.setattr(rows, "_refresh_row", counted)
        for _ in range(3):  # rates are known from the second one on
            await pilot.pause(0.3)
            drawn.clear()
            asked.clear()
            await screen._look_once()
        assert len(asked) == 1
        still = {
            y for y, row in enumerate(rows.rows) if row.id in ("wg0/anna", "wg0/tablet", "wg0/doorbell", "wg0/guest")
        }
        assert len(still) == 4 and not still & set(drawn) and 0 < len(drawn) <= 196
