"""The demo machine: it stays in its folder, its players change what the next one sees, in every process."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.host import CommandFailed, CommandNotFound


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    return DemoHost.create(str(tmp_path / "demo"))


def link(host: DemoHost, name: str, target: str) -> None:
    """A link in the tree's root, past the host."""
    Path(host.address, "root", name).symlink_to(target)


async def said(host: DemoHost, *argv: str) -> str:
    """What a command that succeeds prints."""
    return (await host.run(argv, check=True)).stdout


async def test_a_fresh_one_is_made_quickly_and_is_a_raspberry_pi(host: DemoHost, tmp_path: Path) -> None:
    start = time.process_time()
    other = DemoHost.create(str(tmp_path / "other"))
    assert time.process_time() - start < 1
    assert await other.text("/proc/device-tree/model") == "Raspberry Pi 4 Model B Rev 1.5\0"
    assert (await said(host, "hostnamectl", "hostname")).strip() == "raspberrypi"
    assert host.privileged
    assert host.state.is_dir()


@pytest.fixture
def secret(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "secret"
    path.write_text("outside")
    yield path
    assert path.read_text() == "outside"


@pytest.mark.parametrize("path", ["/../../secret", "/link/secret", "/away", "/etc/../../../secret"])
async def test_no_path_leads_out_of_the_tree(host: DemoHost, secret: Path, path: str) -> None:
    link(host, "link", "../..")
    link(host, "away", str(secret))
    with pytest.raises(FileNotFoundError):
        await host.read(path)
    assert await host.listdir("/../..") == await host.listdir("/")


async def test_writing_through_a_link_stays_inside(host: DemoHost, secret: Path) -> None:
    link(host, "away", str(secret.parent))
    with pytest.raises(FileNotFoundError):
        await host.replace("/away/secret", b"changed", mode=0o644, uid=0, gid=0)


async def test_a_program_that_nobody_plays_is_not_installed(host: DemoHost) -> None:
    for program in ("sh", "vcgencmd", "/bin/sh", "../bin/true"):
        with pytest.raises(CommandNotFound):
            await host.run([program, "-c", "true"])
        assert await host.which(program) is None


async def test_a_program_comes_with_its_package(host: DemoHost) -> None:
    await host.run(["apt-get", "-y", "purge", "iputils-arping"], check=True)
    assert await host.which("arping") is None
    await host.run(["apt-get", "-y", "install", "iputils-arping"], check=True)
    assert await host.which("arping") == "/usr/bin/arping"
    assert (await host.run(["/bin/arping", "-c", "1", "-D", "192.168.1.99"])).ok


async def test_owners_are_kept_without_being_root(host: DemoHost) -> None:
    await host.replace("/etc/x", b"", mode=0o4755, uid=1000, gid=50)
    found = await host.stat("/etc/x")
    assert found is not None
    assert (found.uid, found.gid, found.mode) == (1000, 50, 0o4755)
    await host.remove("/etc/x")
    await host.replace("/etc/x", b"", mode=0o600, uid=0, gid=0)
    found = await host.stat("/etc/x")
    assert found is not None
    assert (found.uid, found.gid) == (0, 0)


async def test_another_process_sees_and_changes_the_same_machine(host: DemoHost) -> None:
    script = """
import asyncio, sys
from pi_installer_tui.system.demo import DemoHost
host = DemoHost(sys.argv[1])
asyncio.run(host.run(["hostnamectl", "set-hostname", "attic"], check=True))
asyncio.run(host.run(["apt-get", "-y", "install", "htop"], check=True))
"""
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", script, host.address)
    assert await other.wait() == 0
    assert await host.text("/etc/hostname") == "attic\n"
    assert (await said(host, "hostnamectl", "hostname")).strip() == "attic"
    assert "htop" in await said(host, "apt-mark", "showmanual")


async def test_a_keyfile_counts_after_reload_and_runs_after_up(host: DemoHost) -> None:
    path = "/etc/NetworkManager/system-connections/Wired connection 1.nmconnection"
    text = (await host.read(path)).replace(
        b"[ipv4]\nmethod=auto", b"[ipv4]\nmethod=manual\naddress1=192.168.1.10/24\ngateway=192.168.1.1\ndns=9.9.9.9;"
    )
    await host.replace(path, text, mode=0o600, uid=0, gid=0)
    shown = ("nmcli", "-g", "ipv4.method", "connection", "show", "Wired connection 1")
    assert await said(host, *shown) == "auto\n"
    await said(host, "nmcli", "connection", "reload")
    assert await said(host, *shown) == "manual\n"
    assert "192.168.1.23" in await said(host, "ip", "-j", "addr", "show", "eth0")
    await said(host, "nmcli", "device", "reapply", "eth0")
    addresses = await said(host, "ip", "-j", "addr", "show", "eth0")
    assert "192.168.1.10" in addresses
    assert "192.168.1.23" not in addresses
    assert "nameserver 9.9.9.9" in (await host.text("/etc/resolv.conf") or "")


async def test_a_keyfile_that_others_can_read_is_ignored(host: DemoHost) -> None:
    await host.replace("/etc/NetworkManager/system-connections/x.nmconnection", b"[connection]\nid=x\n",
                       mode=0o644, uid=0, gid=0)  # fmt: skip
    await said(host, "nmcli", "connection", "reload")
    assert (await host.run(["nmcli", "connection", "show", "x"])).status == 10


async def test_apt_tells_its_progress_and_marks_what_it_brought(host: DemoHost) -> None:
    read, write = os.pipe()
    argv = ["apt-get", "-y", "--no-install-recommends", "-o", f"APT::Status-Fd={write}", "install", "nginx"]
    async with host.start(argv, pass_fds=[write]) as process:
        os.close(write)
        output = b"".join([chunk async for chunk in process.chunks()]).decode()
        assert await process.wait() == 0
    with os.fdopen(read) as lines:
        told = lines.read().splitlines()
    assert "Setting up nginx" in output
    kinds = [line.split(":")[0] for line in told]
    assert kinds == sorted(kinds), "the download comes first"
    for kind in ("dlstatus", "pmstatus"):
        fractions = [float(line.split(":")[2]) for line in told if line.startswith(kind)]
        assert fractions == sorted(fractions)
        assert 0 <= fractions[0] < fractions[-1] <= 100
    assert await said(host, "apt-mark", "showauto") == "nginx-common\n"
    assert (await said(host, "systemctl", "is-active", "nginx")).strip() == "active"


async def test_cancelling_apt_leaves_what_dpkg_can_finish(host: DemoHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0.3")
    async with host.start(["apt-get", "-y", "install", "nginx"]) as process:
        seen = ""
        async for chunk in process.chunks():
            seen += chunk.decode()
            if "Setting up nginx-common" in seen:
                await process.end()
        assert await process.wait() < 0
    assert "nginx" in await said(host, "dpkg", "--audit")
    assert (await host.run(["apt-get", "-y", "install", "htop"])).status == 100
    await said(host, "dpkg", "--configure", "-a")
    assert await said(host, "dpkg", "--audit") == ""
    assert await said(host, "dpkg-query", "-W", "-f=${db:Status-Status}", "nginx") == "installed"


async def test_autoremove_takes_what_nobody_needs(host: DemoHost) -> None:
    await said(host, "apt-get", "-y", "install", "nginx")
    await said(host, "apt-get", "-y", "purge", "nginx")
    assert "nginx-common" in await said(host, "apt-get", "-s", "autoremove")
    await said(host, "apt-get", "-y", "--purge", "autoremove")
    assert await said(host, "apt-mark", "showauto") == ""


async def test_a_locale_must_be_built_before_it_is_set(host: DemoHost) -> None:
    with pytest.raises(CommandFailed, match="not installed"):
        await said(host, "localectl", "set-locale", "LANG=de_DE.UTF-8")
    text = (await host.read("/etc/locale.gen")).replace(b"# de_DE.UTF-8 UTF-8", b"de_DE.UTF-8 UTF-8")
    await host.replace("/etc/locale.gen", text, mode=0o644, uid=0, gid=0)
    assert "de_DE.utf8" not in await said(host, "locale", "-a")
    await said(host, "locale-gen")
    assert {"de_DE.utf8", "en_GB.utf8"} <= set((await said(host, "locale", "-a")).split())
    await said(host, "update-locale", "LANG=de_DE.UTF-8")
    assert "LANG=de_DE.UTF-8" in await said(host, "localectl", "status")
    found = await host.stat("/etc/default/locale")
    assert found is not None
    assert found.kind == "link", "written through, as update-locale does on Debian 13"


async def test_every_zone_can_be_chosen_and_no_other(host: DemoHost) -> None:
    zones = (await said(host, "timedatectl", "list-timezones")).split()
    assert len(zones) > 400
    await said(host, "timedatectl", "set-timezone", "Europe/Berlin")
    assert "Timezone=Europe/Berlin" in await said(host, "timedatectl", "show")
    with pytest.raises(CommandFailed, match="Invalid or not installed"):
        await said(host, "timedatectl", "set-timezone", "../../etc/passwd")


async def test_sshd_listens_where_its_files_say(host: DemoHost) -> None:
    await host.mkdir("/etc/ssh/sshd_config.d", mode=0o755, uid=0, gid=0)
    await host.replace("/etc/ssh/sshd_config.d/00-ports.conf", b"Port 22\nPort 2222\n", mode=0o644, uid=0, gid=0)
    listening = await said(host, "ss", "-H", "-l", "-t", "-n", "-p")
    assert [listening.count(f":{port} ") for port in (22, 2222)] == [2, 2]
    assert (await said(host, "ss", "-H", "-l", "-t", "-n", "sport = :2222")).split()[:1] == ["LISTEN"]
    assert await said(host, "ss", "-H", "-l", "-t", "-n", "sport = :80") == ""


async def test_an_unknown_option_is_refused_as_by_the_real_one(host: DemoHost) -> None:
    done = await host.run(["systemctl", "--frobnicate", "status"])
    assert (done.status, done.stdout) == (1, "")
    assert "unrecognized option '--frobnicate'" in done.stderr


async def test_leaving_a_command_early_ends_it(host: DemoHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "1")
    start = time.monotonic()
    task = asyncio.ensure_future(host.run(["sleep", "600"]))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - start < 5


def test_a_folder_that_is_no_demo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DemoHost(str(tmp_path))
