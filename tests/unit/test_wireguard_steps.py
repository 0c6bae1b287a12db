"""The steps on WireGuard's files, with wg(8) itself: keys are made once and shown nowhere, a step that was cut off
converges, and an undo gives back the exact bytes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.system.host import Completed
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.wireguard.conf import Conf
from pi_installer_tui.system.wireguard.keys import is_key
from pi_installer_tui.tasks.before import Before
from pi_installer_tui.tasks.events import JobEnded
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.secrets import Secrets, handed_over, names, take
from pi_installer_tui.tasks.steps import ImportTunnel, RemoveFile, Step, StepContext, StepError, Tunnel
from pi_installer_tui.tasks.steps.base import Overlay
from pi_installer_tui.tasks.steps.wireguard import PeerChange
from pi_installer_tui.tasks.store import Store
from pi_installer_tui.tasks.undo import plan_undo

from .jobs import Run, listing, make_machine
from .test_wireguard_easy import PRIVATE, old
from .vpns import key

PATH = "/etc/wireguard/wg0.conf"
NEW = Tunnel(
    id="tunnel",
    path=PATH,
    interface=(("Address", ("10.9.0.1/24", "fd01::1/64")), ("ListenPort", ("51820",))),
    lines=(("PostUp", "nft -f /etc/wireguard/wg0.nft"),),
    peers=(
        PeerChange(name="phone", private="vpn.wg0.phone", allowed=("10.9.0.2/32",), preshared=True),
        PeerChange(name="laptop", private="vpn.wg0.laptop", allowed=("10.9.0.3/32",), preshared=True),
        PeerChange(name="own", own=key("theirs"), allowed=("10.9.0.4/32",), preshared=False, paused=True),
    ),
)


class Crash(Exception):
    """The step was cut off."""


class Folder(LocalHost):
    """A machine that is a folder. Keys are made by the wg of the machine that the test runs on: it touches no file."""

    async def run(self, argv: Sequence[str], **more: Any) -> Completed:
        return await LocalHost("/").run(argv, **more) if argv[0] == "wg" else await super().run(argv, **more)


class Machine:
    """Such a machine, and jobs on it."""

    def __init__(self, folder: Path) -> None:
        self.host = Folder(make_machine(folder).address)
        self.store = Store(folder / "state")
        self.secrets = Secrets(self.store.root)
        self.folder = folder

    async def run(self, *steps: Step) -> str:
        reviewed = await review(Plan(steps=steps), self.host)
        assert not reviewed.refused
        run = Run(self.store, reviewed.plan, self.host)
        ended = await run.run()
        assert isinstance(ended, JobEnded) and ended.outcome == "done", list(self.store.events(run.id))
        return run.id

    async def undo(self, job: str) -> None:
        await self.run(*(await plan_undo(self.store, job, self.host)).steps)

    async def conf(self) -> Conf:
        return Conf(await self.host.text(PATH) or "")

    def context(self, before: Before, reached: Callable[[str], None]) -> StepContext:
        def nothing(*_args: Any, **_more: Any) -> None: ...

        return StepContext(self.host, before, nothing, nothing, nothing, reached, self.secrets)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def public(private: str) -> str:
    done = subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True, check=True)
    return done.stdout.strip()


async def test_a_tunnel_with_its_keys(machine: Machine) -> None:
    before = listing(machine.host)
    job = await machine.run(NEW)
    conf = await machine.conf()
    found = await machine.host.stat(PATH)
    assert found is not None and found.mode == 0o600
    assert conf.interface is not None and is_key(conf.interface.one("privatekey"))
    phone, laptop, own = conf.peers
    assert (phone.name, laptop.name, own.name, own.paused) == ("phone", "laptop", "own", True)
    plan = Plan(steps=(NEW,))
    assert names(plan) == handed_over(plan) == ("vpn.wg0.phone", "vpn.wg0.laptop")
    private = {name: machine.secrets.made(name) or "" for name in names(plan)}
    assert [public(private[f"vpn.wg0.{p.name}"]) for p in (phone, laptop)] == [phone.public_key, laptop.public_key]
    assert take(machine.store.root, plan, but=handed_over(plan)) == ()
    secret = [conf.interface.one("privatekey"), *private.values(), phone.one("presharedkey")]
    jobs = [path.read_text() for path in machine.store.root.joinpath("jobs").rglob("*.json*")]
    assert not [text for text in jobs for each in secret if each in text]
    await machine.undo(job)
    assert listing(machine.host) == before
    assert not [name for name in names(plan) if machine.secrets.made(name)], "nobody can use them any more"


async def test_previews_have_no_keys_and_all_peers(machine: Machine) -> None:
    text = (await NEW.preview(machine.host, Overlay())).text
    assert text.count("[Peer]") == 3 and "PrivateKey = (secret)" in text
    await machine.run(NEW)
    secret = [line.partition(" = ")[2] for line in (await machine.conf()).text.splitlines() if "Key = " in line]
    more = NEW.model_copy(update={"peers": (PeerChange(name="new", private="vpn.wg0.new", allowed=("10.9.0.9/32",)),)})
    shown = (await more.preview(machine.host, Overlay())).text
    conf = await machine.conf()
    assert "+# Name = new" in shown and "-" not in {line[:1] for line in shown.splitlines()[2:]}
    assert not [each for each in secret if each in shown and conf.peer(each) is None]


async def test_one_peer_changes_and_every_other_byte_stays(machine: Machine) -> None:
    await machine.run(NEW)
    text = (await machine.conf()).text
    phone = (await machine.conf()).peers[0]
    for change, there in (
        (PeerChange(name="phone", key=phone.public_key, paused=True), "#[disabled] # Name = phone"),
        (PeerChange(name="phone", key=phone.public_key, allowed=("10.9.0.77/32",)), "AllowedIPs = 10.9.0.77/32"),
        (PeerChange(name="mobile", key=phone.public_key), "# Name = mobile"),
        (PeerChange(name="phone", key=phone.public_key, preshared=False), "# Name = phone"),
        (PeerChange(name="phone", key=phone.public_key, private="vpn.wg0.phone", preshared=True), "# Name = phone"),
        (PeerChange(name="phone", key=phone.public_key, gone=True), "[Peer]"),
    ):
        job = await machine.run(Tunnel(id="change", path=PATH, peers=(change,)))
        changed = (await machine.conf()).text
        assert there in changed and changed != text
        assert changed.startswith(text[: text.index("[Peer]")]) or change.gone
        assert changed.endswith(text[text.index("[Peer]\n# Name = laptop") :])
        await machine.undo(job)
        assert (await machine.conf()).text == text


async def test_new_keys_are_new_even_where_the_old_one_was_never_shown(machine: Machine) -> None:
    await machine.run(NEW)
    before = (await machine.conf()).peers[0]
    change = PeerChange(name="phone", key=before.public_key, private="vpn.wg0.phone", preshared=True)
    await machine.run(Tunnel(id="rotate", path=PATH, peers=(change,)))
    after = (await machine.conf()).peers[0]
    assert after.public_key != before.public_key and after.one("presharedkey") != before.one("presharedkey")
    assert public(machine.secrets.made("vpn.wg0.phone") or "") == after.public_key


async def test_who_was_revoked_does_not_come_back_with_another_of_the_same_name(machine: Machine) -> None:
    """Its key may still wait here: it was handed over from a screen that a broken line took away."""
    await machine.run(NEW)
    old = (await machine.conf()).peers[0]
    await machine.run(Tunnel(id="revoke", path=PATH, peers=(PeerChange(name="phone", key=old.public_key, gone=True),)))
    add = PeerChange(name="phone", private="vpn.wg0.phone", allowed=("10.9.0.2/32",), preshared=False)
    await machine.run(Tunnel(id="add", path=PATH, peers=(add,)))
    (new,) = (peer for peer in (await machine.conf()).peers if peer.name == "phone")
    assert new.public_key != old.public_key
    assert public(machine.secrets.made("vpn.wg0.phone") or "") == new.public_key


async def test_a_key_that_waits_goes_with_its_peer(machine: Machine) -> None:
    """Under the other name when it is renamed, and away when it is revoked."""
    await machine.run(NEW)
    phone = (await machine.conf()).peers[0].public_key
    names = {"waits": "vpn.wg0.phone", "becomes": "vpn.wg0.mobile"}
    renamed = await machine.run(Tunnel(id="rename", path=PATH, peers=(PeerChange(name="mobile", key=phone, **names),)))
    assert public(machine.secrets.made("vpn.wg0.mobile") or "") == phone
    assert machine.secrets.made("vpn.wg0.phone") is None
    await machine.undo(renamed)
    assert public(machine.secrets.made("vpn.wg0.phone") or "") == phone
    assert machine.secrets.made("vpn.wg0.mobile") is None
    change = PeerChange(name="phone", key=phone, gone=True, waits="vpn.wg0.phone")
    await machine.run(Tunnel(id="revoke", path=PATH, peers=(change,)))
    assert machine.secrets.made("vpn.wg0.phone") is None and machine.secrets.made("vpn.wg0.laptop") is not None


async def test_keys_that_wait_go_with_their_tunnel_and_come_back_with_it(machine: Machine) -> None:
    await machine.run(NEW)
    before = {name: machine.secrets.made(name) for name in ("vpn.wg0.phone", "vpn.wg0.laptop")}
    machine.secrets.show("vpn.wg0.laptop")  # it was handed over meanwhile
    gone = await machine.run(RemoveFile(id="gone", path=PATH, sensitive=True, waits=tuple(before)))
    assert machine.secrets.made("vpn.wg0.phone") is None
    jobs = [path.read_text() for path in machine.store.root.joinpath("jobs").rglob("*.json*")]
    assert not [text for text in jobs if (before["vpn.wg0.phone"] or "") in text]
    await machine.undo(gone)
    assert machine.secrets.made("vpn.wg0.phone") == before["vpn.wg0.phone"] is not None
    assert machine.secrets.made("vpn.wg0.laptop") is None


async def test_cut_off_at_any_point_it_converges_and_can_be_taken_back(tmp_path: Path) -> None:
    points = 0
    while True:
        points += 1
        machine = Machine(tmp_path / str(points))
        original = listing(machine.host)
        before = Before(machine.folder / "before", machine.host)
        passed = 0

        def reached(_point: str, at: int = points) -> None:
            nonlocal passed
            passed += 1
            if passed == at:
                raise Crash

        await NEW.capture(machine.context(before, lambda point: None))
        before.finish()
        try:
            await NEW.apply(machine.context(before, reached))
        except Crash:
            crashed = True
        else:
            crashed = False
        await NEW.apply(machine.context(before, lambda point: None))
        conf = await machine.conf()
        assert [peer.name for peer in conf.peers] == ["phone", "laptop", "own"]
        for peer in conf.peers[:2]:
            assert public(machine.secrets.made(f"vpn.wg0.{peer.name}") or "") == peer.public_key
        await NEW.undo(machine.context(before, lambda point: None), before)
        assert listing(machine.host) == original
        if not crashed:
            break
    assert points > 4


async def test_a_peer_that_is_gone_meanwhile_is_said(machine: Machine) -> None:
    await machine.run(NEW)
    change = PeerChange(name="phone", key=key("nobody's"), allowed=("10.9.0.9/32",))
    with pytest.raises(StepError, match="peer-missing"):
        await Tunnel(id="change", path=PATH, peers=(change,)).preview(machine.host, Overlay())


async def test_wg_easys_keys_come_over_once(machine: Machine) -> None:
    source = "/etc/wg-easy/wg0.json"
    await machine.host.mkdir("/etc/wg-easy", mode=0o700, uid=0, gid=0)
    await machine.host.replace(source, old({"name": "phone"}), mode=0o600, uid=0, gid=0)
    before = listing(machine.host)
    step = ImportTunnel(id="import", path=PATH, source=source)
    shown = (await step.preview(machine.host, Overlay())).text
    assert "# Name = phone" in shown and PRIVATE not in shown
    job = await machine.run(step)
    conf = await machine.conf()
    assert conf.interface is not None and conf.interface.one("privatekey") == PRIVATE
    assert await step.done(machine.host)
    await machine.undo(job)
    assert listing(machine.host) == before
    await machine.host.replace(source, b"{}", mode=0o600, uid=0, gid=0)
    with pytest.raises(StepError, match="not-valid"):
        await step.preview(machine.host, Overlay())
