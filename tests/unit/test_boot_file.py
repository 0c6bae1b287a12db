"""The setup file on the boot partition, found on the demo machine; what is remembered of it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_installer_tui import boot_file
from pi_installer_tui.boot_file import Record
from pi_installer_tui.cli import first_boot
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.steps import Link, Probation, Reboot
from pi_installer_tui.tasks.steps.probation import USUAL, NewLogin

TEXT = "version: 1\nsystem: {hostname: attic}\n"


@pytest.fixture
def host(tmp_path: Path) -> DemoHost:
    return DemoHost.create(str(tmp_path / "demo"))


def put(host: DemoHost, text: str | bytes, folder: str = "boot/firmware", name: str = boot_file.NAME) -> Path:
    path = Path(host.address, "root", folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o644)
    return path


async def test_a_file_is_offered_until_it_was_dealt_with(host: DemoHost) -> None:
    state = host.state
    assert await boot_file.offered(host, state) is None
    put(host, TEXT, "boot")
    assert await boot_file.offered(host, state) == "/boot/pi-installer-tui.yaml"
    put(host, TEXT + "# newer\n")
    assert await boot_file.offered(host, state) == "/boot/firmware/pi-installer-tui.yaml"
    await boot_file.settle(host, state)
    assert await boot_file.offered(host, state) is None
    put(host, TEXT + "# changed\n")
    assert await boot_file.offered(host, state) == "/boot/firmware/pi-installer-tui.yaml"


async def test_what_others_may_write_a_link_or_no_text_isnt_taken(host: DemoHost) -> None:
    path = put(host, TEXT)
    path.chmod(0o666)
    with pytest.raises(SetupError, match="others than root"):
        await boot_file.find(host)
    put(host, b"\xff")
    with pytest.raises(SetupError, match="UTF-8"):
        await boot_file.find(host)
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(SetupError, match="isn't a file"):
        await boot_file.find(host)
    assert await boot_file.offered(host, host.state) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"digest": 1}', '{"digest": "x", "tries": "3"}', '{"x": 1}'])
def test_a_record_that_cant_be_read_is_none(tmp_path: Path, text: str) -> None:
    kept = Record("0" * 64, job="20250131-174502-x7k2", tries=2, taken=True)
    boot_file.remember(tmp_path / "state", kept)
    assert boot_file.record(tmp_path / "state") == kept
    (path,) = (tmp_path / "state").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(text)
    assert boot_file.record(tmp_path / "state") is None


def test_a_file_of_secrets_is_named_beside_it() -> None:
    found = boot_file.BootFile("/boot/pi-installer-tui.yaml", "", "")
    assert found.secrets == "/boot/pi-installer-tui.secrets.yaml"


def test_where_nobody_sits_a_reboot_comes_by_itself_and_a_new_login_has_an_hour() -> None:
    link = Link(id="a.link", path="/etc/a", target="/etc/b")
    wired = Probation(id="a.network", steps=(link,), confirm="auto")
    shell = Probation(
        id="a.ssh", steps=(link.model_copy(update={"id": "a.other"}),), confirm="auto", login=NewLogin(users=("ada",))
    )
    plan = first_boot.for_nobody(Plan(modules=("a",), steps=(wired, shell, Reboot(id="a.reboot", when="ask"))))
    network, ssh, reboot = plan.steps
    assert isinstance(network, Probation) and network.seconds == USUAL
    assert isinstance(ssh, Probation) and (ssh.seconds, ssh.confirm) == (3600, "auto")
    assert isinstance(reboot, Reboot) and reboot.when == "now"
