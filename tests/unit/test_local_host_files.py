"""LocalHost's files: replaced whole or not at all, links never written through, nothing left behind."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from pi_installer_tui.system.files import LEFTOVER, Files
from pi_installer_tui.system.local import LocalHost

UID, GID = os.geteuid(), os.getegid()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def host() -> LocalHost:
    return LocalHost()


async def test_a_replaced_file_has_the_content_mode_and_owner_asked_for(host: LocalHost, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    await host.replace(path, b"one", mode=0o644, uid=UID, gid=GID)
    await host.replace(path, b"two", mode=0o4750, uid=UID, gid=GID)
    found = await host.stat(path)
    assert found is not None
    assert (found.kind, found.mode, found.uid, found.gid, found.size) == ("file", 0o4750, UID, GID, 3)
    assert await host.read(path) == b"two"
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(UID != 0, reason="only root gives files away")
async def test_a_file_can_belong_to_somebody_else(host: LocalHost, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    await host.replace(path, b"", mode=0o640, uid=1234, gid=5678)
    await host.mkdir(str(tmp_path / "folder"), mode=0o2775, uid=1234, gid=5678)
    for name, mode in (("file", 0o640), ("folder", 0o2775)):
        found = await host.stat(str(tmp_path / name))
        assert found is not None
        assert (found.uid, found.gid, found.mode) == (1234, 5678, mode)


#: acl(5) as the kernel keeps it: rw for the owner, r for user 1234, none for the group, r as the mask, none for others
ACCESS_LIST = struct.pack(
    "<I" + "HHI" * 5, 2, 1, 6, 2**32 - 1, 2, 4, 1234, 4, 0, 2**32 - 1, 16, 4, 2**32 - 1, 32, 0, 2**32 - 1
)
#: capabilities(7), VFS_CAP_REVISION_2: net_bind_service, permitted and effective
BIND = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)


async def test_a_replaced_file_keeps_its_attributes_and_access_list(host: LocalHost, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    await host.replace(path, b"one", mode=0o640, uid=UID, gid=GID)
    had = {"user.origin": b"by hand\0", "system.posix_acl_access": ACCESS_LIST}
    if UID == 0:
        had["security.capability"] = BIND
    for name, value in had.items():
        os.setxattr(path, name, value)
    os.setxattr(path, "user.empty", b"")
    await host.replace(path, b"two", mode=0o640, uid=UID, gid=GID)
    assert await host.xattrs(path) == {**had, "user.empty": b""}
    assert await host.read(path) == b"two"


async def test_a_new_mode_is_the_mask_of_a_kept_access_list(host: LocalHost, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    await host.replace(path, b"one", mode=0o640, uid=UID, gid=GID)
    os.setxattr(path, "system.posix_acl_access", ACCESS_LIST)
    await host.replace(path, b"secret", mode=0o600, uid=UID, gid=GID)
    assert (await host.xattrs(path))["system.posix_acl_access"] != ACCESS_LIST
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600  # noqa: PTH116


async def test_a_link_hands_no_attributes_on(host: LocalHost, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    os.setxattr(tmp_path / "target", "user.origin", b"x")
    (tmp_path / "link").symlink_to("target")
    assert await host.xattrs(str(tmp_path / "link")) == {}
    await host.replace(str(tmp_path / "link"), b"new", mode=0o600, uid=UID, gid=GID)
    assert await host.xattrs(str(tmp_path / "link")) == {}


async def test_a_link_is_replaced_and_not_written_through(host: LocalHost, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to("target")
    await host.replace(str(tmp_path / "link"), b"new", mode=0o600, uid=UID, gid=GID)
    assert (tmp_path / "target").read_text() == "precious"
    assert not (tmp_path / "link").is_symlink()


async def test_the_mode_of_a_link_is_never_its_targets(host: LocalHost, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    (tmp_path / "target").chmod(0o600)
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(OSError):
        await host.chmod(str(tmp_path / "link"), mode=0o777, uid=UID, gid=GID)
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o600
    await host.chmod(str(tmp_path / "target"), mode=0o640, uid=UID, gid=GID)
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o640


async def test_an_error_leaves_the_old_file_and_no_other(host: LocalHost, tmp_path: Path) -> None:
    def full_disk(point: str) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    path.write_text("old")
    broken = LocalHost(between=full_disk)
    with pytest.raises(OSError, match="No space left") as caught:
        await broken.replace(str(path), b"new", mode=0o644, uid=UID, gid=GID)
    assert caught.value.filename == str(path)
    with pytest.raises(OSError, match="No space left"):
        await broken.symlink(str(path), "elsewhere")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


CRASH = """
import os, signal, sys
from pi_installer_tui.system.files import Files

def between(point):
    if point == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

files = Files("/", between)
if sys.argv[3] == "file":
    files.replace(sys.argv[1], b"new" * 100000, mode=0o644, uid=os.geteuid(), gid=os.getegid())
else:
    files.symlink(sys.argv[1], "new")
"""


@pytest.mark.parametrize("what", ["file", "link"])
@pytest.mark.parametrize("point", ["temporary-written", "renamed"])
def test_a_crash_leaves_the_old_or_the_new_whole_and_a_leftover_that_can_be_told(
    tmp_path: Path, point: str, what: str
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    crashed = subprocess.run([sys.executable, "-c", CRASH, str(path), point, what], check=False)
    assert crashed.returncode == -9
    others = [name for name in names(tmp_path) if name != "file"]
    if point == "temporary-written":
        assert path.read_text() == "old"
        assert len(others) == 1
        assert LEFTOVER.fullmatch(others[0])
    else:
        assert str(path.readlink()) == "new" if what == "link" else path.read_text() == "new" * 100000
        assert others == []


def test_the_data_is_on_disk_before_the_rename_and_the_rename_before_the_return(tmp_path: Path) -> None:
    if not Path("/usr/bin/strace").exists():
        pytest.skip("needs strace")
    trace = tmp_path / "trace"
    script = f"from pi_installer_tui.system.files import Files; Files().replace({str(tmp_path / 'f')!r}, b'x', "
    script += f"mode=0o640, uid={UID}, gid={GID})"
    calls = "trace=openat,fchmod,fsync,rename,renameat,renameat2"
    argv = ["strace", "-qq", "-e", calls, "-o", str(trace), sys.executable, "-c", script]
    if subprocess.run(argv, check=False).returncode:
        pytest.skip("strace can't trace here")
    lines = trace.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if ".f.pi-installer-tui-" in line)
    names = [line.split("(")[0] for line in lines[start:] if "openat" not in line or "O_CREAT" in line]
    assert names[:5] == ["openat", "fchmod", "fsync", "renameat", "fsync"] or names[3] in ("renameat2", "rename")
    assert "O_EXCL" in lines[start]
    assert "O_NOFOLLOW" in lines[start]
    assert "0600" in lines[start]


async def test_a_name_as_long_as_can_be_is_still_replaced(host: LocalHost, tmp_path: Path) -> None:
    path = str(tmp_path / ("ü" * 127))
    await host.replace(path, b"x", mode=0o644, uid=UID, gid=GID)
    assert await host.read(path) == b"x"


async def test_links_are_put_in_place_of_files_and_links(host: LocalHost, tmp_path: Path) -> None:
    path = str(tmp_path / "localtime")
    for target in ("/usr/share/zoneinfo/UTC", "../usr/share/zoneinfo/Europe/Berlin"):
        await host.symlink(path, target)
        found = await host.stat(path)
        assert found is not None
        assert (found.kind, found.target) == ("link", target)
    assert names(tmp_path) == ["localtime"]


async def test_what_is_not_there_is_none_or_empty_or_named(host: LocalHost, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert await host.stat(missing) is None
    assert await host.stat(missing + "/below") is None
    assert await host.listdir(missing) == ()
    assert await host.text(missing) is None
    for refused in (host.read(missing), host.remove(missing), host.chmod(missing, mode=0o600, uid=UID, gid=GID)):
        with pytest.raises(FileNotFoundError) as caught:
            await refused
        assert caught.value.filename == missing


async def test_folders_are_made_and_removed_one_at_a_time(host: LocalHost, tmp_path: Path) -> None:
    folder = str(tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        await host.mkdir(folder + "/b", mode=0o755, uid=UID, gid=GID)
    await host.mkdir(folder, mode=0o750, uid=UID, gid=GID)
    with pytest.raises(FileExistsError):
        await host.mkdir(folder, mode=0o755, uid=UID, gid=GID)
    await host.mkdir(folder + "/b", mode=0o755, uid=UID, gid=GID)
    assert await host.listdir(str(tmp_path)) == ("a",)
    with pytest.raises(OSError, match="not empty"):
        await host.remove(folder)
    await host.remove(folder + "/b")
    await host.remove(folder)
    assert await host.listdir(str(tmp_path)) == ()


async def test_removing_a_link_to_a_folder_removes_the_link(host: LocalHost, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    await host.remove(str(tmp_path / "link"))
    assert names(tmp_path) == ["folder"]


async def test_a_pipe_or_a_device_is_refused_and_never_waited_for(host: LocalHost, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(OSError, match="not a regular file"):
            await host.read(path)
    with pytest.raises(IsADirectoryError):
        await host.read(str(tmp_path))


@pytest.mark.parametrize("path", ["relative", "", "/a\0b"])
async def test_only_absolute_paths_are_paths(host: LocalHost, path: str) -> None:
    with pytest.raises(ValueError):
        await host.read(path)
    with pytest.raises(ValueError):
        await host.replace(path, b"", mode=0o644, uid=UID, gid=GID)


async def test_realpath_follows_links_and_keeps_what_is_not_there(host: LocalHost, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to("here")
    here = await host.realpath(str(tmp_path / "here"))
    assert await host.realpath(str(tmp_path / "link" / "new" / "file")) == f"{here}/new/file"


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/etc/passwd", "/etc/passwd"),
        ("/../../etc/passwd", "/etc/passwd"),
        ("/absolute/passwd", "/etc/passwd"),
        ("/upwards/etc/passwd", "/etc/passwd"),
        ("/etc/./x/../passwd", "/etc/passwd"),
        ("/dangling", "/nowhere/at/all"),
    ],
)
def test_no_link_and_no_dots_lead_out_of_another_root(tmp_path: Path, path: str, real: str) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("theirs")
    (root / "absolute").symlink_to("/etc")
    (root / "upwards").symlink_to("../../../../..")
    (root / "dangling").symlink_to("/nowhere/at/all")
    files = Files(str(root))
    assert files.realpath(path) == real
    if real == "/etc/passwd":
        assert files.read(path) == b"theirs"


def test_a_circle_of_links_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        Files(str(tmp_path)).read("/a")


# links that others make -----------------------------------------------------------------------------------------


OTHER = 12345


@pytest.mark.skipif(UID != 0, reason="only root gives folders away")
async def test_nothing_is_changed_or_read_through_a_folder_that_its_owner_swapped_for_a_link(
    host: LocalHost, tmp_path: Path
) -> None:
    secret, home = tmp_path / "root/.ssh", tmp_path / "home"
    secret.mkdir(parents=True)
    (secret / "authorized_keys").write_text("root's")
    home.mkdir()
    (home / ".ssh").symlink_to(secret)
    for theirs in (home, home / ".ssh"):
        os.chown(theirs, OTHER, OTHER, follow_symlinks=False)
    path = str(home / ".ssh/authorized_keys")
    tries = (
        host.replace(path, b"theirs", mode=0o600, uid=OTHER, gid=OTHER),
        host.chmod(path, mode=0o666, uid=OTHER, gid=OTHER),
        host.remove(path),
        host.symlink(path, "/etc/shadow"),
        host.mkdir(str(home / ".ssh/folder"), mode=0o700, uid=OTHER, gid=OTHER),
        host.read(path, follow=False),
        host.xattrs(path),
    )
    for each in tries:
        with pytest.raises(OSError, match="could have made") as caught:
            await each
        assert caught.value.errno == errno.ELOOP
    assert (secret / "authorized_keys").read_text() == "root's"
    assert (secret / "authorized_keys").stat().st_uid == 0
    assert names(secret) == ["authorized_keys"]


@pytest.mark.skipif(UID != 0, reason="only root gives folders away")
async def test_a_folder_swapped_while_a_file_is_written_gets_nothing_into_the_links_target(tmp_path: Path) -> None:
    secret, home = tmp_path / "secret", tmp_path / "home"
    secret.mkdir()
    (home / ".ssh").mkdir(parents=True)
    os.chown(home, OTHER, OTHER)

    def swap(point: str) -> None:
        if point == "temporary-written":
            (home / ".ssh").rename(home / "aside")
            (home / ".ssh").symlink_to(secret)

    await LocalHost(between=swap).replace(str(home / ".ssh/keys"), b"x", mode=0o600, uid=OTHER, gid=OTHER)
    assert names(secret) == []
    assert (home / "aside/keys").stat().st_uid == OTHER


@pytest.mark.skipif(UID != 0, reason="only root gives files away")
async def test_a_file_that_its_owner_swapped_for_a_link_is_not_read(host: LocalHost, tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("hashes")
    (tmp_path / "keys").symlink_to(tmp_path / "shadow")
    with pytest.raises(OSError) as caught:
        await host.read(str(tmp_path / "keys"), follow=False)
    assert caught.value.errno == errno.ELOOP
    assert await host.read(str(tmp_path / "keys")) == b"hashes"


async def test_links_of_roots_on_the_way_are_followed_as_the_kernel_does(host: LocalHost, tmp_path: Path) -> None:
    (tmp_path / "usr/lib/deep").mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "up").symlink_to("usr/lib/deep/../deep/..")
    (tmp_path / "far").symlink_to(tmp_path / "lib/deep")
    for n, way in enumerate(("lib/deep", "up/deep", "far", "lib/../lib/deep", "usr/./lib//deep")):
        await host.replace(str(tmp_path / way / f"file{n}"), b"x", mode=0o600, uid=UID, gid=GID)
    assert names(tmp_path / "usr/lib/deep") == [f"file{n}" for n in range(5)]
    (tmp_path / "round").symlink_to("round2")
    (tmp_path / "round2").symlink_to("round")
    with pytest.raises(OSError) as caught:
        await host.replace(str(tmp_path / "round/file"), b"x", mode=0o600, uid=UID, gid=GID)
    assert caught.value.errno == errno.ELOOP
    with pytest.raises(NotADirectoryError):
        await host.replace(str(tmp_path / "far/file0/file"), b"x", mode=0o600, uid=UID, gid=GID)


# the lock of the account files ----------------------------------------------------------------------------------


async def test_the_account_files_lock_is_the_one_that_lckpwdf_takes(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    host = LocalHost(str(tmp_path))
    take = (
        "import fcntl, os, sys; fd = os.open(sys.argv[1], os.O_WRONLY);"
        "fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB); print('taken', flush=True); input()"
    )
    command = [sys.executable, "-c", take, str(tmp_path / "etc/.pwd.lock")]
    pipe = asyncio.subprocess.PIPE
    async with host.lock_accounts():
        refused = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
        assert (await refused.communicate(b"\n"))[0] == b"" and refused.returncode
    other = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert other.stdout is not None and await other.stdout.readline() == b"taken\n"
    waiting = asyncio.create_task(enter(host))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await other.communicate(b"\n")
    await asyncio.wait_for(waiting, 10)
    assert stat.S_IMODE((tmp_path / "etc/.pwd.lock").stat().st_mode) == 0o600


async def enter(host: LocalHost) -> None:
    async with host.lock_accounts():
        pass
