"""What a step replaced comes back exactly, and is never overwritten by what it left half way."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.before import Before, Unreadable
from pi_installer_tui.tasks.fingerprints import fingerprint
from pi_installer_tui.tasks.steps.base import StepError


@pytest.fixture
def machine(tmp_path: Path) -> LocalHost:
    root = tmp_path / "root"
    (root / "etc/conf.d").mkdir(parents=True)
    (root / "etc/plain").write_bytes(b"\x00binary\xff\n")
    (root / "etc/secret").write_text("s")
    (root / "etc/secret").chmod(0o640)
    (root / "etc/link").symlink_to("../usr/share/zone")
    (root / "etc/conf.d").chmod(0o750)
    return LocalHost(str(root))


PATHS = ("/etc/plain", "/etc/secret", "/etc/link", "/etc/conf.d", "/etc/new", "/etc/made", "/etc/made/in")


async def kept(machine: LocalHost, folder: Path) -> Before:
    before = Before(folder, machine)
    for path in PATHS:
        await before.save_path(path)
    before.finish()
    return Before(folder, machine)  # what another process finds


async def test_restoring_gives_back_content_kind_mode_owner_and_absence(machine: LocalHost, tmp_path: Path) -> None:
    etc = Path(machine.address) / "etc"
    as_it_was = {path: await fingerprint(machine, path) for path in PATHS}
    before = await kept(machine, tmp_path / "before")
    assert {path: before.fingerprint(path) for path in PATHS} == as_it_was

    (etc / "plain").unlink()
    (etc / "plain").mkdir()
    (etc / "secret").chmod(0o777)
    (etc / "link").unlink()
    (etc / "link").write_text("no link")
    (etc / "conf.d").rmdir()
    (etc / "new").symlink_to("/nowhere")
    (etc / "made").mkdir()
    (etc / "made/in").write_text("x")

    for path in reversed(before.paths()):
        await before.restore_path(path)
    assert {path: await fingerprint(machine, path) for path in PATHS} == as_it_was


async def test_restoring_gives_back_exactly_the_attributes_that_a_file_had(machine: LocalHost, tmp_path: Path) -> None:
    etc = Path(machine.address) / "etc"
    os.setxattr(etc / "plain", "user.origin", b"by hand\xff")
    before = await kept(machine, tmp_path / "before")
    (etc / "plain").unlink()
    (etc / "plain").write_text("another")
    os.setxattr(etc / "secret", "user.origin", b"somebody else's")

    for path in ("/etc/plain", "/etc/secret"):
        await before.restore_path(path)
    assert await machine.xattrs("/etc/plain") == {"user.origin": b"by hand\xff"}
    assert await machine.xattrs("/etc/secret") == {}
    index = json.loads((tmp_path / "before/index.json").read_text())
    assert [entry["path"] for entry in index["paths"] if "xattrs" in entry] == ["/etc/plain"]


async def test_only_the_paths_that_may_be_given_back_are(machine: LocalHost, tmp_path: Path) -> None:
    etc = Path(machine.address) / "etc"
    await kept(machine, tmp_path / "before")
    (etc / "plain").write_text("theirs")
    (etc / "secret").write_text("ours")
    before = Before(tmp_path / "before", machine, only=("/etc/secret",))
    for path in before.paths():
        await before.restore_path(path)
    assert ((etc / "plain").read_text(), (etc / "secret").read_text()) == ("theirs", "s")


async def test_a_folder_with_something_else_in_it_is_not_removed(machine: LocalHost, tmp_path: Path) -> None:
    before = await kept(machine, tmp_path / "before")
    made = Path(machine.address) / "etc/made"
    made.mkdir()
    (made / "theirs").touch()
    with pytest.raises(StepError) as caught:
        await before.restore_path("/etc/made")
    assert (caught.value.reason, caught.value.values) == ("directory-not-empty", {"path": "/etc/made"})
    assert (made / "theirs").exists()


async def test_what_was_kept_first_stays_kept(machine: LocalHost, tmp_path: Path) -> None:
    before = await kept(machine, tmp_path / "before")
    (Path(machine.address) / "etc/plain").write_text("half way")
    before = Before(tmp_path / "before", machine)
    await before.save_path("/etc/plain")
    before.put("was", 1)
    before.put("was", 2)
    again = Before(tmp_path / "before")
    assert (again.content("/etc/plain"), again.get("was")) == (b"\x00binary\xff\n", 1)


async def test_only_what_was_finished_counts_as_kept(machine: LocalHost, tmp_path: Path) -> None:
    """A crash before that leaves blobs that nobody names, and the step has changed nothing yet."""
    folder = tmp_path / "before"
    passed: list[tuple[str, bool, bool]] = []

    def look(point: str) -> None:
        blobs = (folder / "blobs").exists() and any((folder / "blobs").iterdir())
        passed.append((point, blobs, Before(folder).complete))

    before = Before(folder, machine, reached=look)
    await before.save_path("/etc/plain")
    before.finish()
    assert passed == [
        ("before:blob", False, False),
        ("before:finishing", True, False),
        ("before:index", True, False),
    ]
    assert Before(folder).complete


async def test_nobody_else_can_read_what_was_kept(machine: LocalHost, tmp_path: Path) -> None:
    await kept(machine, tmp_path / "before")
    for where, folders, files in os.walk(tmp_path / "before"):
        assert {(Path(where) / name).stat().st_mode & 0o777 for name in folders} <= {0o700}
        assert {(Path(where) / name).stat().st_mode & 0o777 for name in files} <= {0o600}


@pytest.mark.parametrize("damage", ["changed", "gone"])
async def test_a_damaged_copy_is_never_given_back(machine: LocalHost, tmp_path: Path, damage: str) -> None:
    before = await kept(machine, tmp_path / "before")
    for blob in (tmp_path / "before/blobs").iterdir():
        blob.write_text("other") if damage == "changed" else blob.unlink()
    plain = Path(machine.address) / "etc/plain"
    plain.write_text("what is there now")
    with pytest.raises(Unreadable):
        await before.restore_path("/etc/plain")
    assert plain.read_text() == "what is there now"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 1}', '{"version": 99, "paths": 5}', '{"version": 1, "paths": [1]}']
)
async def test_a_damaged_index_is_told(machine: LocalHost, tmp_path: Path, text: str) -> None:
    await kept(machine, tmp_path / "before")
    (tmp_path / "before/index.json").write_text(text)
    with pytest.raises(Unreadable):
        Before(tmp_path / "before")
