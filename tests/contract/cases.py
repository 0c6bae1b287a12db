"""What a host promises, as cases that run the same on the demo machine and on a real Debian (as root, with nothing but
its Python). What the players print is thus held to what the real programs print.

A case leaves the machine as usable as it found it: on a real one they all run after each other.
"""

from __future__ import annotations

import asyncio
import configparser
import json
import os
import re
import signal
from collections.abc import Awaitable, Callable

from pi_installer_tui.system import accounts, machine
from pi_installer_tui.system.entries import Wanted
from pi_installer_tui.system.host import CommandFailed, CommandNotFound, Completed, Host
from pi_installer_tui.system.journal import Journal
from pi_installer_tui.system.reading import Known, known
from pi_installer_tui.system.router import uplink

Case = Callable[[Host], Awaitable[None]]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


async def said(host: Host, *argv: str) -> str:
    """What a command that succeeds prints."""
    return (await host.run(argv, check=True)).stdout


async def refused(host: Host, *argv: str) -> Completed:
    done = await host.run(argv)
    assert not done.ok, f"{argv} succeeded: {done.stdout}"
    return done


async def raises(error: type[Exception], awaitable: Awaitable[object]) -> Exception:
    try:
        await awaitable
    except error as raised:
        return raised
    raise AssertionError(f"no {error.__name__}")


def properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


# files --------------------------------------------------------------------------------------------------------


@case
async def files_keep_content_mode_and_owner(host: Host) -> None:
    await host.mkdir("/etc/contract", mode=0o750, uid=0, gid=4)
    await host.replace("/etc/contract/file", b"\0\xff", mode=0o640, uid=1, gid=2)
    folder, file = await host.stat("/etc/contract"), await host.stat("/etc/contract/file")
    assert folder is not None and file is not None
    assert (folder.kind, folder.mode, folder.uid, folder.gid) == ("directory", 0o750, 0, 4)
    assert (file.kind, file.mode, file.uid, file.gid, file.size) == ("file", 0o640, 1, 2, 2)
    assert await host.read("/etc/contract/file") == b"\0\xff"
    await host.chmod("/etc/contract/file", mode=0o4711, uid=0, gid=0)
    file = await host.stat("/etc/contract/file")
    assert file is not None and (file.mode, file.uid, file.gid) == (0o4711, 0, 0)
    assert await host.listdir("/etc/contract") == ("file",)
    await raises(OSError, host.remove("/etc/contract"))
    await host.remove("/etc/contract/file")
    await host.remove("/etc/contract")
    assert await host.stat("/etc/contract") is None


@case
async def links_are_never_written_through(host: Host) -> None:
    await host.replace("/etc/contract-target", b"precious", mode=0o600, uid=0, gid=0)
    await host.symlink("/etc/contract-link", "contract-target")
    assert await host.read("/etc/contract-link") == b"precious"
    assert await host.realpath("/etc/contract-link") == "/etc/contract-target"
    await raises(OSError, host.chmod("/etc/contract-link", mode=0o777, uid=0, gid=0))
    await host.replace("/etc/contract-link", b"new", mode=0o644, uid=0, gid=0)
    link, target = await host.stat("/etc/contract-link"), await host.stat("/etc/contract-target")
    assert link is not None and link.kind == "file"
    assert target is not None and target.mode == 0o600
    assert await host.read("/etc/contract-target") == b"precious"
    await host.remove("/etc/contract-link")
    await host.remove("/etc/contract-target")


@case
async def what_is_not_there_is_told_the_same_way(host: Host) -> None:
    assert await host.stat("/etc/nothing") is None
    assert await host.listdir("/etc/nothing") == ()
    assert await host.text("/etc/nothing") is None
    await raises(FileNotFoundError, host.read("/etc/nothing"))
    await raises(FileNotFoundError, host.remove("/etc/nothing"))
    await raises(FileNotFoundError, host.replace("/etc/nothing/x", b"", mode=0o644, uid=0, gid=0))
    await raises(IsADirectoryError, host.read("/etc"))
    await raises(NotADirectoryError, host.listdir("/etc/hostname"))
    await raises(FileExistsError, host.mkdir("/etc", mode=0o755, uid=0, gid=0))
    await raises(ValueError, host.read("etc/hostname"))


@case
async def a_piece_of_a_file_is_read(host: Host) -> None:
    await host.replace("/etc/contract-part", b"0123456789", mode=0o644, uid=0, gid=0)
    part = await host.read_part("/etc/contract-part", 8, 5)
    assert (part.data, part.size) == (b"89", 10) and part.identity[1] > 0
    await raises(FileNotFoundError, host.read_part("/etc/contract-nothing", 0, 1))
    await host.remove("/etc/contract-part")


@case
async def the_journal_is_read_in_pages(host: Host) -> None:
    journal = Journal(host)
    page = await journal.last(Wanted(), 20)
    assert len(page.entries) == 20 and page.more and not page.said
    older = await journal.before(page.entries[0].cursor, Wanted(), 10)
    again = await journal.before(page.entries[-1].cursor, Wanted(), 29)
    assert again.entries == (*older.entries, *page.entries[:-1])
    newer = await journal.after(older.entries[0].cursor, Wanted(), 9)
    assert newer.entries == older.entries[1:] and newer.more
    fields = {field.name: field.value for field in await journal.fields(page.entries[0])}
    assert fields["__CURSOR"] == page.entries[0].cursor and fields.get("MESSAGE", "") == page.entries[0].message
    (now, *_before) = await journal.boots()
    assert now.number == 0 and now.first <= now.last
    assert any(unit.endswith(".service") for unit in await journal.units())
    assert (await journal.first(Wanted(), 1)).entries != page.entries[-1:]
    assert all((entry.priority or 0) <= 4 for entry in (await journal.last(Wanted(priority=4), 5)).entries)
    assert (await journal.last(Wanted(text="this is logged nowhere"), 5)).entries == ()


@case
async def files_are_found_with_their_size_and_target(host: Host) -> None:
    await host.mkdir("/etc/contract", mode=0o755, uid=0, gid=0)
    await host.replace("/etc/contract/a file", b"12345", mode=0o644, uid=0, gid=0)
    await host.symlink("/etc/contract/link", "a file")
    argv = ["find", "-H", "/etc/contract", "-printf", r"%y\t%s\t%l\t%p\0"]
    lines = sorted(line for line in (await said(host, *argv)).split("\0") if line and line[0] != "d")
    assert lines == ["f\t5\t\t/etc/contract/a file", "l\t6\ta file\t/etc/contract/link"]
    found = await host.stat("/etc/contract/link")
    time = float(await said(host, "find", "/etc/contract/link", "-printf", "%T@"))
    assert found is not None and abs(found.mtime_ns / 1e9 - time) < 1e-3
    assert await said(host, "find", "/etc/contract/link", "-printf", "%y") == "l"
    assert await said(host, "find", "-H", "/etc/contract/link", "-printf", "%y") == "f"
    assert (await host.run(["find", "/etc/contract/nothing", "-printf", "%p"])).status == 1
    for name in ("a file", "link"):
        await host.remove(f"/etc/contract/{name}")
    await host.remove("/etc/contract")


# accounts -----------------------------------------------------------------------------------------------------


@case
async def accounts_are_made_changed_locked_and_removed_by_debians_tools(host: Host) -> None:
    before = await accounts.read_files(host)
    made = ["--no-create-home", "--user-group", "--uid", "1234", "--home-dir", "/home/contract"]
    await said(host, "useradd", *made, "--shell", "/bin/bash", "--comment", "A B", "contract")
    assert await said(host, "getent", "passwd", "contract") == "contract:x:1234:1234:A B:/home/contract:/bin/bash\n"
    after = await accounts.read_files(host)
    for path, old in before.items():
        # each has one line more, at its end: what an undo relies on
        assert after[path].startswith(old) and after[path][len(old) :].startswith("contract:"), path
        assert accounts.without_own(after[path], "contract") == old
    assert (await refused(host, "useradd", *made, "contract")).status == 9
    assert (await host.run(["passwd", "-S", "contract"])).stdout.startswith("contract L ")
    await said(host, "usermod", "--comment", "C", "--shell", "/bin/sh", "contract")
    await said(host, "usermod", "--groups", "audio,video", "contract")
    assert (await said(host, "id", "-nG", "contract")).split() == ["contract", "audio", "video"]
    await said(host, "usermod", "--groups", "video", "contract")
    assert (await said(host, "id", "-nG", "contract")).split() == ["contract", "video"]
    await said(host, "chage", "--maxdays", "90", "--warndays", "14", "contract")
    given = await host.run(["chpasswd"], input="contract:s' \"$(id);é\n".encode())
    assert given.ok and (await host.run(["passwd", "-S", "contract"])).stdout.split()[1] == "P"
    found = accounts.accounts(await accounts.read_files(host))["contract"]
    assert (found.comment, found.shell, found.password) == ("C", "/bin/sh", "set")
    assert (found.max_days, found.warn_days, found.expires) == (90, 14, accounts.NEVER)
    await said(host, "usermod", "--lock", "--expiredate", "1", "contract")
    found = accounts.accounts(await accounts.read_files(host))["contract"]
    assert (found.password, found.expires, found.locked) == ("locked", accounts.LOCKED, True)
    assert "Account expires\t\t\t\t\t\t: Jan 02, 1970\n" in await said(host, "chage", "-l", "contract")
    await said(host, "usermod", "--unlock", "--expiredate", "", "contract")
    assert "Account expires\t\t\t\t\t\t: never\n" in await said(host, "chage", "-l", "contract")
    await said(host, "usermod", "--expiredate", "2031-12-09", "contract")
    assert "Account expires\t\t\t\t\t\t: Dec 09, 2031\n" in await said(host, "chage", "-l", "contract")
    hashed = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"
    assert (await host.run(["chpasswd", "--encrypted"], input=f"contract:{hashed}\n".encode())).ok
    assert f"contract:{hashed}:" in (await accounts.read_files(host))[accounts.SHADOW]
    await said(host, "userdel", "contract")
    assert (await refused(host, "getent", "passwd", "contract")).status == 2
    assert await accounts.read_files(host) == before


@case
async def keys_and_rules_are_judged_by_their_own_programs(host: Host) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPYveCnZuwn36KJsgrkuzDKkWVBeZgF4muKyWgV56EEB"
    fingerprint = "SHA256:0hs8xshl/kOtVAQDmeXODVbbQHic7UN0MAdM63Xt/rE"
    for given, told in (
        (f"{key} me@x y\n", [f"256 {fingerprint} me@x y (ED25519)"]),
        (f"{key}\n", [f"256 {fingerprint} no comment (ED25519)"]),
        (f'# x\n\nno-pty,command="a b" {key} c\n', [f"256 {fingerprint} c (ED25519)"]),
        ("ssh-ed25519 AAAA\n", []),
        (f"{key.replace('ssh-ed25519', 'ssh-rsa')}\n", []),
    ):
        done = await host.run(["ssh-keygen", "-l", "-f", "-"], input=given.encode())
        assert done.stdout.splitlines() == told and done.ok == bool(told), (given, done)
    for rule, sound in (("pi ALL=(ALL:ALL) NOPASSWD: ALL\n", True), ("pi ALL=((\n", False)):
        assert (await host.run(["visudo", "--check", "--file=-"], input=rule.encode())).ok is sound
    assert (await host.run(["visudo", "--check"])).ok
    may = await said(host, "sudo", "-n", "-l", "-U", "pi")
    assert "User pi may run the following commands on " in may
    assert may.splitlines()[-2:] == ["    (ALL : ALL) ALL", "    (ALL) NOPASSWD: ALL"]
    assert "User daemon is not allowed to run sudo on " in await said(host, "sudo", "-n", "-l", "-U", "daemon")


@case
async def a_folder_is_packed_compared_and_unpacked(host: Host) -> None:
    await host.mkdir("/home/contract", mode=0o700, uid=1234, gid=1234)
    await host.replace("/home/contract/file", b"x\0y", mode=0o640, uid=1234, gid=1)
    await host.symlink("/home/contract/link", "file")
    archive = "/var/backups/contract.tar.gz"
    await said(host, "install", "--mode=600", "/dev/null", archive)
    options = ("--gzip", "--acls", "--xattrs", "--numeric-owner", f"--file={archive}")
    await said(host, "tar", "--create", *options, "--directory=/home", "contract")
    await said(host, "tar", "--compare", "--gzip", f"--file={archive}", "--directory=/home")
    await said(host, "rm", "--recursive", "--force", "--one-file-system", "--", "/home/contract", "/home/nothing")
    assert await host.stat("/home/contract") is None
    await host.mkdir("/home/beside", mode=0o700, uid=0, gid=0)
    await said(host, "tar", "--extract", "--same-permissions", "--same-owner", *options, "--directory=/home/beside")
    await said(host, "mv", "--no-target-directory", "/home/beside/contract", "/home/contract")
    folder, file = await host.stat("/home/contract"), await host.stat("/home/contract/file")
    assert folder is not None and (folder.mode, folder.uid, folder.gid) == (0o700, 1234, 1234)
    assert file is not None and (file.mode, file.uid, file.gid) == (0o640, 1234, 1)
    assert await host.read("/home/contract/link") == b"x\0y"
    packed = await host.stat(archive)
    assert packed is not None and packed.mode == 0o600
    await said(host, "rm", "--recursive", "--force", "--", "/home/contract", "/home/beside", archive)


# commands -----------------------------------------------------------------------------------------------------


@case
async def commands_end_with_their_output(host: Host) -> None:
    done = await host.run(["echo", "a b", "$HOME"])
    assert (done.status, done.stdout, done.stderr) == (0, "a b $HOME\n", "")
    assert (await host.run(["false"])).status == 1
    assert (await host.run(["cat"], input=b"x" * 300_000)).stdout == "x" * 300_000
    assert (await host.run(["cat"])).stdout == ""
    await raises(CommandNotFound, host.run(["no-such-program"]))
    await raises(CommandFailed, host.run(["false"], check=True))
    await raises(ValueError, host.run(["echo", "a\0b"]))
    assert await host.which("no-such-program") is None
    assert (await host.which("systemctl") or "").endswith("/systemctl")


@case
async def a_stream_comes_in_chunks_and_can_be_ended(host: Host) -> None:
    async with host.start(["cat"], input=b"line\n" * 50_000) as process:
        chunks = [chunk async for chunk in process.chunks()]
        assert await process.wait() == 0
    assert b"".join(chunks) == b"line\n" * 50_000
    assert max(map(len, chunks)) <= 65536
    async with host.start(["sleep", "600"]) as process:
        await process.end()
        assert await process.wait() == -signal.SIGTERM
    task = asyncio.ensure_future(host.run(["sleep", "600"]))
    await asyncio.sleep(0.1)
    task.cancel()
    await raises(asyncio.CancelledError, task)  # type: ignore[arg-type]


# names, time, language ----------------------------------------------------------------------------------------


@case
async def a_hostname_is_set_everywhere_at_once(host: Host) -> None:
    before = (await said(host, "hostnamectl", "hostname")).strip()
    await said(host, "hostnamectl", "set-hostname", "attic")
    assert await host.text("/etc/hostname") == "attic\n"
    assert await host.text("/proc/sys/kernel/hostname") == "attic\n"
    assert await said(host, "hostnamectl", "--static") == "attic\n"
    assert await said(host, "hostname") == "attic\n"
    told = json.loads(await said(host, "hostnamectl", "--json=short"))
    assert (told["Hostname"], told["StaticHostname"]) == ("attic", "attic")
    await said(host, "hostnamectl", "hostname", before)
    assert await said(host, "hostnamectl", "hostname") == f"{before}\n"


@case
async def a_zone_is_a_link_that_timedatectl_reads(host: Host) -> None:
    zones = (await said(host, "timedatectl", "list-timezones")).split()
    assert len(zones) > 400
    assert {"Europe/Berlin", "America/Argentina/Ushuaia", "UTC"} <= set(zones)
    before = properties(await said(host, "timedatectl", "show"))["Timezone"]
    await said(host, "timedatectl", "set-timezone", "Europe/Berlin")
    link = await host.stat("/etc/localtime")
    assert link is not None
    assert (link.kind, link.target) == ("link", "../usr/share/zoneinfo/Europe/Berlin")
    shown = properties(await said(host, "timedatectl", "show"))
    assert shown["Timezone"] == "Europe/Berlin"
    assert {"NTP", "CanNTP", "NTPSynchronized", "TimeUSec", "LocalRTC"} <= set(shown)
    done = await refused(host, "timedatectl", "set-timezone", "Foo/Bar")
    assert done.stderr == "Failed to set time zone: Invalid or not installed time zone 'Foo/Bar'\n"
    await host.symlink("/etc/localtime", "/usr/share/zoneinfo/Asia/Tokyo")
    await said(host, "systemctl", "stop", "systemd-timedated.service")  # it reads the link when it starts
    assert await said(host, "timedatectl", "show", "-p", "Timezone", "--value") == "Asia/Tokyo\n"
    await said(host, "timedatectl", "set-timezone", before)


@case
async def a_locale_is_built_before_it_is_set(host: Host) -> None:
    list_before = await host.read("/etc/locale.gen")
    default_before = await host.read("/etc/default/locale")
    supported = (await host.read("/usr/share/i18n/SUPPORTED")).decode().splitlines()
    assert "de_AT.UTF-8 UTF-8" in supported
    assert "de_AT.utf8" not in (await said(host, "locale", "-a")).split()
    assert not (await host.run(["update-locale", "LANG=de_AT.UTF-8"])).ok
    text = list_before.replace(b"\n# de_AT.UTF-8 UTF-8", b"\nde_AT.UTF-8 UTF-8")
    assert text != list_before
    await host.replace("/etc/locale.gen", text, mode=0o644, uid=0, gid=0)
    output = await said(host, "locale-gen")
    assert output.startswith("Generating locales (this might take a while)...\n  ")
    assert "  de_AT.UTF-8... done\n" in output
    assert output.endswith("Generation complete.\n")
    assert {"C", "C.utf8", "POSIX", "de_AT.utf8"} <= set((await said(host, "locale", "-a")).split())
    await said(host, "update-locale", "LANG=de_AT.UTF-8")
    assert b"LANG=de_AT.UTF-8\n" in await host.read("/etc/default/locale")
    shown = (await said(host, "localectl", "status")).splitlines()
    assert shown[0] == "System Locale: LANG=de_AT.UTF-8"
    assert (shown[1].strip(), shown[2][:14]) == ("VC Keymap: (unset)", "   X11 Layout:")
    for path, data in (("/etc/locale.gen", list_before), (await host.realpath("/etc/default/locale"), default_before)):
        await host.replace(path, data, mode=0o644, uid=0, gid=0)
    await said(host, "locale-gen")
    assert "de_AT.utf8" not in (await said(host, "locale", "-a")).split()


@case
async def the_keyboard_is_what_its_file_says(host: Host) -> None:
    before = await host.read("/etc/default/keyboard")
    lines = b'XKBMODEL="pc105"\nXKBLAYOUT="de"\nXKBVARIANT="nodeadkeys"\nXKBOPTIONS=""\nBACKSPACE="guess"\n'
    await host.replace("/etc/default/keyboard", lines, mode=0o644, uid=0, gid=0)
    await host.run(["systemctl", "try-restart", "systemd-localed.service"])
    shown = dict(line.strip().split(": ", 1) for line in (await said(host, "localectl", "status")).splitlines())
    assert (shown["X11 Layout"], shown["X11 Model"], shown["X11 Variant"]) == ("de", "pc105", "nodeadkeys")
    layouts = (await host.read("/usr/share/X11/xkb/rules/base.lst")).decode()
    assert re.search(r"(?m)^! layout$", layouts) and re.search(r"(?m)^  de +German$", layouts)
    await host.replace("/etc/default/keyboard", before, mode=0o644, uid=0, gid=0)


# units --------------------------------------------------------------------------------------------------------


@case
async def a_units_state_is_told_and_changed(host: Host) -> None:
    wanted = "Id,LoadState,ActiveState,SubState,UnitFileState,NRestarts,FragmentPath"
    shown = properties(await said(host, "systemctl", "show", "cron.service", "-p", wanted))
    path = shown.pop("FragmentPath")
    assert path.endswith("/lib/systemd/system/cron.service")
    assert shown == {"Id": "cron.service", "LoadState": "loaded", "ActiveState": "active", "SubState": "running",
                     "UnitFileState": "enabled", "NRestarts": "0"}  # fmt: skip
    await said(host, "systemctl", "stop", "cron")
    done = await host.run(["systemctl", "is-active", "cron"])
    assert (done.status, done.stdout) == (3, "inactive\n")
    await said(host, "systemctl", "start", "cron")
    assert await said(host, "systemctl", "is-active", "cron") == "active\n"
    done = await host.run(["systemctl", "disable", "cron"], check=True)
    assert "multi-user.target.wants/cron.service" in done.stderr
    assert await host.stat("/etc/systemd/system/multi-user.target.wants/cron.service") is None
    assert (await host.run(["systemctl", "is-enabled", "cron"])).stdout == "disabled\n"
    await said(host, "systemctl", "enable", "--now", "cron")
    assert await said(host, "systemctl", "is-enabled", "cron") == "enabled\n"
    link = await host.stat("/etc/systemd/system/multi-user.target.wants/cron.service")
    assert link is not None and link.kind == "link"
    started = ("systemctl", "show", "cron", "-p", "ActiveEnterTimestampMonotonic", "--value")
    before = int(await said(host, *started))
    await said(host, "systemctl", "restart", "cron")
    assert int(await said(host, *started)) > before
    await said(host, "systemctl", "mask", "cron")
    shown = properties(await said(host, "systemctl", "show", "cron", "-p", "LoadState,UnitFileState"))
    assert shown == {"LoadState": "masked", "UnitFileState": "masked"}
    await said(host, "systemctl", "unmask", "cron")
    await said(host, "systemctl", "daemon-reload")
    await said(host, "systemctl", "restart", "cron")


@case
async def a_unit_that_is_not_there_is_told_so(host: Host) -> None:
    shown = await said(
        host, "systemctl", "show", "-p", "Id,LoadState,ActiveState", "--", "nope.service", "cron.service"
    )
    first, second = (properties(block) for block in shown.split("\n\n"))
    assert first == {"Id": "nope.service", "LoadState": "not-found", "ActiveState": "inactive"}
    assert second["Id"] == "cron.service"
    done = await refused(host, "systemctl", "restart", "nope")
    assert (done.status, done.stderr) == (5, "Failed to restart nope.service: Unit nope.service not found.\n")
    assert (await refused(host, "systemctl", "enable", "nope")).status == 1
    assert (await refused(host, "systemctl", "is-enabled", "nope")).status in (1, 4)  # 4 since systemd 255
    assert (await host.run(["systemctl", "is-active", "nope"])).stdout == "inactive\n"
    assert properties(await said(host, "systemctl", "show", "sshd", "-p", "Id"))["Id"] == "ssh.service"


# network ------------------------------------------------------------------------------------------------------


async def wired(host: Host) -> tuple[str, str, str]:
    """Name, UUID and keyfile of the connection on eth0."""
    shown = await said(host, "nmcli", "-t", "-f", "NAME,UUID,TYPE,DEVICE,FILENAME", "connection", "show", "--active")
    for line in shown.splitlines():
        name, uuid, kind, device, path = re.split(r"(?<!\\):", line)
        if device == "eth0":
            assert kind == "802-3-ethernet"
            return name, uuid, path
    raise AssertionError(f"eth0 isn't connected: {shown}")


@case
async def a_profile_counts_after_reload_and_holds_after_reapply(host: Host) -> None:
    name, uuid, path = await wired(host)
    file = await host.stat(path)
    assert file is not None and file.mode == 0o600
    before = await host.read(path)
    keyfile = configparser.RawConfigParser(delimiters=("=",))
    keyfile.read_string(before.decode())
    asked = ("nmcli", "-g", "ipv4.dns", "connection", "show", "uuid", uuid)
    old = await said(host, *asked)
    servers = [server for server in keyfile.get("ipv4", "dns", fallback="").split(";") if server]
    text = before.decode()
    line = f"dns={''.join(f'{s};' for s in (*servers, '203.0.113.53'))}"
    text = re.sub(r"(?m)^dns=.*$\n", "", text).replace("[ipv4]\n", f"[ipv4]\n{line}\n")
    await host.replace(path, text.encode(), mode=0o600, uid=0, gid=0)
    assert await said(host, *asked) == old, "NetworkManager has not read it yet"
    await said(host, "nmcli", "connection", "reload")
    assert "203.0.113.53" in await said(host, *asked)
    shown = await said(host, "nmcli", "-t", "-f", "IP4", "device", "show", "eth0")
    assert "203.0.113.53" not in shown
    done = await said(host, "nmcli", "device", "reapply", "eth0")
    assert "Connection successfully reapplied to device 'eth0'." in done
    shown = await said(host, "nmcli", "-t", "-f", "GENERAL,IP4", "device", "show", "eth0")
    values = dict(line.split(":", 1) for line in shown.splitlines())
    assert "203.0.113.53" in [v for k, v in values.items() if k.startswith("IP4.DNS[")]
    assert values["GENERAL.STATE"] == "100 (connected)"
    assert (values["GENERAL.DEVICE"], values["GENERAL.TYPE"]) == ("eth0", "ethernet")
    assert (values["GENERAL.CONNECTION"], values["GENERAL.CON-UUID"]) == (name, uuid)
    assert values["GENERAL.NM-MANAGED"] == "yes"
    await host.replace(path, before, mode=0o600, uid=0, gid=0)
    await said(host, "nmcli", "connection", "reload")
    done = await said(host, "nmcli", "connection", "up", "uuid", uuid)
    assert done.startswith("Connection successfully activated (D-Bus active path: /org/freedesktop/NetworkManager/")
    assert "203.0.113.53" not in await said(host, "nmcli", "-t", "-f", "IP4", "device", "show", "eth0")


@case
async def a_profile_that_others_can_read_is_ignored(host: Host) -> None:
    path = "/etc/NetworkManager/system-connections/contract.nmconnection"
    text = b"[connection]\nid=contract\ntype=ethernet\ninterface-name=none9\nautoconnect=false\n"
    for mode, found in ((0o644, False), (0o600, True)):
        await host.replace(path, text, mode=mode, uid=0, gid=0)
        await said(host, "nmcli", "connection", "reload")
        assert (await host.run(["nmcli", "connection", "show", "contract"])).ok is found, oct(mode)
    await host.remove(path)
    await said(host, "nmcli", "connection", "reload")
    done = await refused(host, "nmcli", "connection", "show", "contract")
    assert (done.status, done.stderr) == (10, "Error: contract - no such connection profile.\n")


@case
async def nmcli_lists_and_refuses(host: Host) -> None:
    assert await said(host, "nmcli", "-t", "-f", "STATE", "general") == "connected\n"
    assert "eth0:ethernet:connected" in await said(host, "nmcli", "-t", "-f", "DEVICE,TYPE,STATE", "device")
    assert (await refused(host, "nmcli", "device", "show", "nope9")).stderr == "Error: Device 'nope9' not found.\n"
    done = await refused(host, "nmcli", "connection", "up", "nope")
    assert (done.status, done.stderr) == (10, "Error: unknown connection 'nope'.\n")
    done = await refused(host, "nmcli", "-f", "NOPE", "device")
    assert done.status == 2 and "invalid field 'NOPE'" in done.stderr
    assert (await refused(host, "nmcli", "foo")).status == 2


@case
async def ip_tells_addresses_and_routes(host: Host) -> None:
    links = {link["ifname"]: link for link in json.loads(await said(host, "ip", "-j", "addr"))}
    keys = {"ifindex", "ifname", "flags", "mtu", "operstate", "link_type", "address", "addr_info"}
    assert all(keys <= set(link) for link in links.values())
    assert "LOOPBACK" in links["lo"]["flags"] and links["eth0"]["link_type"] == "ether"
    own = next(info for info in links["eth0"]["addr_info"] if info["family"] == "inet")
    assert {"local", "prefixlen", "scope", "broadcast", "label"} <= set(own)
    routes = json.loads(await said(host, "ip", "-json", "-4", "route", "show", "default"))
    assert routes[0]["dst"] == "default" and routes[0]["dev"] == "eth0" and routes[0]["gateway"]
    taken = json.loads(await said(host, "ip", "-j", "route", "get", "192.0.2.1"))[0]
    assert (taken["dev"], taken["gateway"], taken["prefsrc"]) == ("eth0", routes[0]["gateway"], own["local"])
    one = json.loads(await said(host, "ip", "-j", "addr", "show", "dev", "eth0"))
    assert [link["ifname"] for link in one if link] == ["eth0"]
    done = await refused(host, "ip", "-j", "addr", "show", "dev", "nope9")
    assert done.stderr == 'Device "nope9" does not exist.\n'
    assert (await host.run(["ping", "-c", "1", "-W", "2", routes[0]["gateway"]])).status == 0
    network = own["local"].rpartition(".")[0]
    assert (await host.run(["ping", "-c", "1", "-W", "1", f"{network}.251"])).status == 1


# packages -----------------------------------------------------------------------------------------------------


SHOW = ("apt-cache", "show", "--no-all-versions")


@case
async def apt_installs_with_progress_and_takes_away(host: Host) -> None:
    await said(host, "apt-get", "update")
    await said(host, "apt-get", "clean")
    dry = await said(host, "apt-get", "-s", "install", "--no-install-recommends", "htop")
    assert "The following NEW packages will be installed:" in dry
    assert re.search(r"(?m)^Inst htop \(\S+ .*\[\w+\]\)$", dry) and re.search(r"(?m)^Conf htop ", dry)
    uris = await said(host, "apt-get", "-qq", "--print-uris", "--no-install-recommends", "install", "htop")
    assert re.search(r"(?m)^'\S+/htop_\S+\.deb' htop_\S+\.deb \d+ \w+:[0-9a-f]+$", uris)
    shown = dict(line.split(": ", 1) for line in (await said(host, *SHOW, "htop")).splitlines() if ": " in line)
    assert {"Package", "Version", "Architecture", "Size", "Installed-Size"} <= set(shown)
    assert f" {shown['Size']} " in uris
    read, write = os.pipe()
    argv = ["apt-get", "-y", "-o", f"APT::Status-Fd={write}", "-o", "Dpkg::Use-Pty=0", "--no-install-recommends"]
    try:
        async with host.start([*argv, "install", "htop"], pass_fds=[write]) as process:
            os.close(write)
            output = b"".join([chunk async for chunk in process.chunks()]).decode()
            assert await process.wait() == 0, output
        told = os.read(read, 1_000_000).decode().splitlines()
    finally:
        os.close(read)
    assert re.search(r"(?m)^Setting up htop \(", output)
    for kind in ("dlstatus", "pmstatus"):
        lines = [line.split(":", 3) for line in told if line.startswith(f"{kind}:")]
        assert lines and all(0 <= float(line[2]) <= 100 and len(line) == 4 for line in lines)
    assert await said(host, "dpkg-query", "-W", "-f=${db:Status-Status} ${Package}", "htop") == "installed htop"
    assert "htop\n" in await said(host, "apt-mark", "showmanual")
    assert "htop is already the newest version" in await said(host, "apt-get", "-y", "install", "htop")
    await said(host, "apt-get", "-y", "purge", "htop")
    done = await host.run(["dpkg-query", "-W", "htop", "cron"])
    assert done.status == 1 and done.stderr == "dpkg-query: no packages found matching htop\n"
    assert done.stdout.startswith("cron\t")
    await said(host, "apt-get", "-y", "--purge", "autoremove")


@case
async def what_apt_brings_for_others_is_marked_and_goes_with_them(host: Host) -> None:
    before = set((await said(host, "apt-mark", "showauto")).split())
    await said(host, "apt-get", "-y", "--no-install-recommends", "install", "nginx")
    assert "nginx-common" in set((await said(host, "apt-mark", "showauto")).split()) - before
    assert await said(host, "systemctl", "is-active", "nginx") == "active\n"
    assert await said(host, "systemctl", "is-enabled", "nginx") == "enabled\n"
    await said(host, "apt-get", "-y", "purge", "nginx")
    assert "Remv nginx-common" in await said(host, "apt-get", "-s", "autoremove")
    await said(host, "apt-get", "-y", "--purge", "autoremove")
    assert (await host.run(["dpkg-query", "-W", "nginx-common"])).status == 1


@case
async def folders_that_packages_share_name_their_owners(host: Host) -> None:
    done = await host.run(["dpkg-query", "--search", "/var/lib", "/var/lib/no-such-folder"])
    owners, _colon, path = done.stdout.strip().partition(": ")
    assert path == "/var/lib" and "base-files" in owners.split(", ")
    assert done.status == 1
    assert done.stderr == "dpkg-query: no path found matching pattern /var/lib/no-such-folder\n"


@case
async def packages_that_are_not_there_are_refused(host: Host) -> None:
    done = await refused(host, "apt-get", "-y", "install", "no-such-package")
    assert (done.status, done.stderr) == (100, "E: Unable to locate package no-such-package\n")
    assert (await refused(host, "apt-mark", "auto", "no-such-package")).status == 100
    done = await refused(host, "dpkg", "-s", "no-such-package")
    assert done.stderr.startswith("dpkg-query: package 'no-such-package' is not installed")
    assert await said(host, "dpkg", "--audit") == ""
    assert await said(host, "dpkg", "--configure", "-a") == ""
    assert (await said(host, "dpkg", "--print-architecture")).strip() in ("amd64", "arm64", "armhf")


# facts --------------------------------------------------------------------------------------------------------


@case
async def the_machine_is_read_at_a_glance(host: Host) -> None:
    found = await machine.read(host)
    for name in ("release", "kernel", "architecture", "uptime", "addresses", "memory", "load", "disks"):
        assert isinstance(getattr(found, name), Known), name
    assert any(address.interface == "eth0" for address in known(found.addresses) or ())
    assert await host.systemd()
    usage = await host.disk("/")
    assert 0 < usage.used <= usage.total and usage.free < usage.total


@case
async def a_port_where_nobody_listens_refuses(host: Host) -> None:
    there = await uplink.way(host, 4)
    assert there.source and there.gateway and there.mtu
    try:
        await host.datagram(there.source, 5351, b"\0\0", waits=(5.0,), wanted=lambda _came: True)
    except ConnectionRefusedError:
        return
    raise AssertionError("somebody listens")
