"""Steps that change files, on a real tree of files (LocalHost below a temporary root)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.before import Before
from pi_installer_tui.tasks.fingerprints import fingerprint
from pi_installer_tui.tasks.steps import (
    Directory,
    Edit,
    EditFile,
    Link,
    Overlay,
    RemoveFile,
    StepBase,
    StepContext,
    StepError,
    WriteFile,
)
from pi_installer_tui.tasks.steps.diff import clipped, printable

ME = {"owner": str(os.getuid()), "group": str(os.getgid())}


class Machine:
    """A tree of files, and what a step kept of it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.kept = folder / "before"
        (self.root / "etc").mkdir(parents=True)
        (self.root / "etc/passwd").write_text(f"root:x:{os.getuid()}:0::/:\npi:x:{os.getuid()}:0::/:\n")
        (self.root / "etc/group").write_text(f"root:x:{os.getgid()}:\n")
        self.host = LocalHost(str(self.root))
        self.points: list[str] = []

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def write(self, path: str, content: bytes | str, mode: int = 0o644) -> Path:
        at = self.at(path)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(content if isinstance(content, bytes) else content.encode())
        at.chmod(mode)
        return at

    def before(self) -> Before:
        return Before(self.kept, self.host)

    def context(self) -> StepContext:
        return StepContext(
            host=self.host,
            before=self.before(),
            output=lambda chunk: None,
            progress=lambda *args: None,
            waiting=lambda what, holder: None,
            reached=self.points.append,
        )

    def listing(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for at in sorted(self.root.rglob("*")):
            if at.is_symlink():
                found[str(at)] = ("link", str(at.readlink()))
            else:
                stat = at.lstat()
                found[str(at)] = (stat.st_mode, stat.st_uid, stat.st_gid, None if at.is_dir() else at.read_bytes())
        return found

    async def apply(self, step: StepBase) -> None:
        context = self.context()
        before = Before(self.kept, self.host)
        await step.capture(replace(context, before=before))
        before.finish()
        await step.apply(replace(context, before=before))

    async def undo(self, step: StepBase) -> None:
        await step.undo(self.context(), self.before())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def write(path: str, content: str = "new\n", **fields: Any) -> WriteFile:
    return WriteFile(id="w", path=path, content=content, **{**ME, **fields})


HOSTS = "127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n"
RENAME = EditFile(id="e", path="/etc/hosts", format="hosts", edits=(Edit(key=("127.0.1.1",), value=("attic",)),))


async def test_a_written_file_has_its_content_mode_and_owner_and_is_done(machine: Machine) -> None:
    step = write("/etc/a", mode=0o600)
    assert not await step.done(machine.host)
    await machine.apply(step)
    assert machine.at("/etc/a").read_bytes() == b"new\n"
    assert machine.at("/etc/a").stat().st_mode & 0o7777 == 0o600
    assert await step.done(machine.host)


async def test_a_replaced_file_keeps_its_mode(machine: Machine) -> None:
    machine.write("/etc/hosts", HOSTS, 0o640)
    await machine.apply(RENAME)
    assert machine.at("/etc/hosts").read_text() == HOSTS.replace("raspberrypi", "attic")
    assert machine.at("/etc/hosts").stat().st_mode & 0o7777 == 0o640


async def test_a_mode_alone_is_changed_without_writing_the_file_again(machine: Machine) -> None:
    at = machine.write("/etc/a", "new\n")
    inode = at.stat().st_ino
    await machine.apply(write("/etc/a", mode=0o600))
    assert (at.stat().st_ino, at.stat().st_mode & 0o7777) == (inode, 0o600)


@pytest.mark.parametrize(
    "step",
    [
        write("/etc/hosts"),
        write("/etc/new"),
        write("/etc/a/b/c.conf", mode=0o600),
        write("/etc/own"),
        write("/etc/localtime"),
        RENAME,
        EditFile(id="e", path="/etc/x/y", format="keyvalue", edits=(Edit(key=("A",), value="1"),), mode=0o600),
        RemoveFile(id="r", path="/etc/hosts"),
        RemoveFile(id="r", path="/etc/own"),
        Link(id="l", path="/etc/localtime", target="/usr/share/zoneinfo/Europe/Berlin"),
        Link(id="l", path="/etc/hosts", target="elsewhere"),
        Link(id="l", path="/etc/deep/down", target="../hosts"),
        Directory(id="d", path="/etc/kept", mode=0o700),
        Directory(id="d", path="/etc/made/below", mode=0o750),
    ],
    ids=lambda step: f"{step.kind} {step.path}",
)
async def test_undo_restores_the_exact_bytes_modes_links_and_folders(machine: Machine, step: StepBase) -> None:
    machine.write("/etc/hosts", HOSTS.encode() + b"# \xff\r\n", 0o604)
    machine.write("/usr/share/zoneinfo/UTC", "TZif")
    machine.write("/etc/real/target", "mine\n", 0o600)
    machine.at("/etc/own").symlink_to("real/target")
    machine.at("/etc/localtime").symlink_to("/usr/share/zoneinfo/UTC")
    machine.at("/etc/kept").mkdir(mode=0o755)
    listing = machine.listing()
    shown = await step.preview(machine.host, Overlay())
    assert machine.listing() == listing, "the preview changed something"
    assert shown.kind == "diff"
    assert shown.text
    await machine.apply(step)
    assert machine.listing() != listing
    assert await step.done(machine.host)
    applied = machine.listing()
    await machine.apply(step)
    assert machine.listing() == applied, "applied again it changed something"
    await machine.undo(step)
    assert machine.listing() == listing


async def test_a_parent_folder_that_others_use_since_stays(machine: Machine) -> None:
    step = write("/etc/a/b/c")
    await machine.apply(step)
    machine.write("/etc/a/theirs", "x")
    await machine.undo(step)
    assert machine.at("/etc/a/theirs").exists()
    assert not machine.at("/etc/a/b").exists()


async def test_an_administrators_link_inside_etc_is_followed_and_stays_a_link(machine: Machine) -> None:
    machine.write("/etc/own/hosts", HOSTS)
    machine.at("/etc/hosts").symlink_to("own/hosts")
    assert await RENAME.fingerprint(machine.host) == {
        "/etc/hosts": "link:own/hosts",
        "/etc/own/hosts": await fingerprint(machine.host, "/etc/own/hosts"),
    }
    await machine.apply(RENAME)
    assert machine.at("/etc/hosts").is_symlink()
    assert "attic" in machine.at("/etc/own/hosts").read_text()


@pytest.mark.parametrize("target", ["/usr/lib/os-release", "../home/pi/x", "/etc/../usr/lib/os-release", "/etc/folder"])
async def test_any_other_link_is_refused_and_nothing_changes(machine: Machine, target: str) -> None:
    machine.write("/usr/lib/os-release", "ID=debian\n")
    machine.write("/home/pi/x", "theirs\n")
    machine.at("/etc/folder").mkdir()
    machine.at("/etc/link").symlink_to(target)
    listing = machine.listing()
    with pytest.raises(StepError) as caught:
        await write("/etc/link").apply(machine.context())
    assert caught.value.reason == "link-refused"
    assert machine.listing() == listing


async def test_a_file_below_somebodys_link_is_refused(machine: Machine) -> None:
    machine.write("/home/pi/x", "theirs\n")
    machine.at("/etc/link").symlink_to("/home/pi")
    for step in (write("/etc/link/x"), RemoveFile(id="r", path="/etc/link/x"), Directory(id="d", path="/etc/link/d")):
        with pytest.raises(StepError) as caught:
            await step.apply(machine.context())
        assert caught.value.reason == "link-refused"
    assert machine.at("/home/pi/x").read_text() == "theirs\n"


async def test_resolv_conf_is_replaced_and_never_written_through(machine: Machine) -> None:
    generated = machine.write("/run/systemd/resolve/stub-resolv.conf", "generated\n")
    machine.at("/etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    step = write("/etc/resolv.conf", "nameserver 9.9.9.9\n")
    await machine.apply(step)
    assert generated.read_text() == "generated\n"
    assert not machine.at("/etc/resolv.conf").is_symlink()
    await machine.undo(step)
    assert str(machine.at("/etc/resolv.conf").readlink()) == "../run/systemd/resolve/stub-resolv.conf"


async def test_a_file_that_does_not_parse_is_refused(machine: Machine) -> None:
    machine.write("/etc/hosts", "this is no address\n")
    with pytest.raises(StepError) as caught:
        await RENAME.apply(machine.context())
    assert caught.value.reason == "not-editable"
    assert "line 1" in caught.value.values["error"]
    assert machine.at("/etc/hosts").read_text() == "this is no address\n"


async def test_an_unknown_owner_is_refused(machine: Machine) -> None:
    with pytest.raises(StepError) as caught:
        await write("/etc/a", owner="nobody-here").apply(machine.context())
    assert (caught.value.reason, caught.value.values) == ("unknown-user", {"name": "nobody-here"})
    assert not machine.at("/etc/a").exists()


async def test_a_folder_in_a_files_place_is_refused(machine: Machine) -> None:
    machine.at("/etc/a").mkdir()
    for step in (write("/etc/a"), Link(id="l", path="/etc/a", target="b"), RemoveFile(id="r", path="/etc/a")):
        with pytest.raises(StepError) as caught:
            await step.apply(machine.context())
        assert caught.value.reason == "not-a-file"


async def test_a_later_preview_sees_what_earlier_steps_leave(machine: Machine) -> None:
    overlay = Overlay()
    await write("/etc/hosts", HOSTS).preview(machine.host, overlay)
    shown = await RENAME.preview(machine.host, overlay)
    assert "-127.0.1.1\traspberrypi\n+127.0.1.1\tattic" in shown.text
    await RemoveFile(id="r", path="/etc/hosts").preview(machine.host, overlay)
    shown = await write("/etc/hosts", "x\n").preview(machine.host, overlay)
    assert shown.text.startswith("--- /dev/null\n+++ /etc/hosts")
    assert not machine.at("/etc/hosts").exists()


async def test_a_diff_is_a_unified_diff_with_mode_and_missing_last_newline(machine: Machine) -> None:
    machine.write("/etc/a", "one\ntwo", 0o600)
    shown = await write("/etc/a", "one\nthree\n", mode=0o644).preview(machine.host, Overlay())
    assert shown.text.splitlines() == [
        "/etc/a: mode 0600 -> 0644",
        "--- /etc/a",
        "+++ /etc/a",
        "@@ -1,2 +1,2 @@",
        " one",
        "-two",
        "\\ No newline at end of file",
        "+three",
    ]


async def test_a_files_content_can_not_send_terminal_sequences(machine: Machine) -> None:
    machine.write("/etc/a", b"\x1b]0;title\x07\xff \xe2\x80\xae\x9b2J\r\n")
    shown = await write("/etc/a").preview(machine.host, Overlay())
    assert "-\\x1b]0;title\\x07\\xff \\u202e\\x9b2J\\r" in shown.text
    assert printable(shown.text) == shown.text


async def test_a_binary_file_is_described_and_not_shown(machine: Machine) -> None:
    machine.write("/etc/a", b"\0\1\2")
    assert (await write("/etc/a").preview(machine.host, Overlay())).text == "/etc/a: 3 bytes become 4 bytes"


async def test_a_secret_is_in_no_preview_and_in_no_repr(machine: Machine) -> None:
    machine.write("/etc/a", "hunter1\n")
    step = write("/etc/a", "hunter2\n", sensitive=True)
    shown = await step.preview(machine.host, Overlay())
    assert shown.text == "(secret, changed)"
    assert "hunter" not in f"{step!r} {step} {shown!r}"


def test_descriptions_fit() -> None:
    long = "/etc/" + "x" * 300
    edits = tuple(Edit(key=(f"key{i}",), value="1") for i in range(30))
    for step in (
        WriteFile(id="w", path=long, content=""),
        EditFile(id="e", path=long, format="keyvalue", edits=edits),
        EditFile(id="e", path="/etc/x", format="keyvalue", edits=edits),
        Link(id="l", path=long, target=long),
        Directory(id="d", path="/etc/\x1b[2J"),
    ):
        assert len(step.describe()) <= 70
        assert step.describe().isprintable()
    assert RENAME.describe() == "change 127.0.1.1 in /etc/hosts"
    assert clipped("write {path}", "/etc/hostname") == "write /etc/hostname"


@pytest.mark.parametrize("path", ["etc/a", "/etc/../a", "/etc//a", "/etc/a/", "/etc/a\n", "/etc/\0", "//etc"])
def test_a_path_is_absolute_and_plain(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        WriteFile(id="w", path=path, content="")
