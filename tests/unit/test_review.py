"""The review shows what will happen and remembers what it saw."""

from __future__ import annotations

from pathlib import Path

from pi_installer_tui.system.host import FileStat
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import UNREADABLE, differences, review
from pi_installer_tui.tasks.risks import SENTENCES, sentences
from pi_installer_tui.tasks.steps import Edit, EditFile, Probe, RunCommand, WriteFile


def tree(tmp_path: Path) -> tuple[Path, LocalHost]:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text("127.0.1.1 pi\n")
    return tmp_path / "etc", LocalHost(str(tmp_path))


def edit(name: str, step: str = "edit") -> EditFile:
    return EditFile(id=step, path="/etc/hosts", format="hosts", edits=(Edit(key=("127.0.1.1",), value=(name,)),))


async def test_previews_follow_each_other_and_nothing_is_changed(tmp_path: Path) -> None:
    etc, host = tree(tmp_path)
    plan = Plan(steps=(edit("one"), edit("two", "again"), WriteFile(id="new", path="/etc/new", content="x\n")))
    reviewed = await review(plan, host)
    assert "-127.0.1.1 one\n+127.0.1.1 two" in reviewed.previews[1].text
    assert sorted(path.name for path in etc.iterdir()) == ["hosts"]
    assert (etc / "hosts").read_text() == "127.0.1.1 pi\n"
    assert reviewed.plan.expects["new"] == {"/etc/new": "missing"}
    assert reviewed.refused == ()
    assert await differences(reviewed.plan, host) == ()
    assert Plan.model_validate_json(reviewed.plan.model_dump_json()) == reviewed.plan


async def test_a_file_changed_since_the_review_is_a_difference(tmp_path: Path) -> None:
    etc, host = tree(tmp_path)
    reviewed = await review(Plan(steps=(edit("one"), edit("two", "again"))), host)
    (etc / "hosts").chmod(0o600)
    found = await differences(reviewed.plan, host)
    assert [(stale.step, stale.path) for stale in found] == [("edit", "/etc/hosts"), ("again", "/etc/hosts")]
    assert found[0].expected == reviewed.plan.expects["edit"]["/etc/hosts"] != found[0].found


async def test_a_link_put_there_since_the_review_is_a_difference(tmp_path: Path) -> None:
    etc, host = tree(tmp_path)
    reviewed = await review(Plan(steps=(edit("one"),)), host)
    (etc / "hosts").unlink()
    (etc / "hosts").symlink_to("/home/pi/x")
    assert [stale.found for stale in await differences(reviewed.plan, host)] == ["link-refused"]


async def test_a_step_that_can_not_be_done_is_refused_in_words(tmp_path: Path) -> None:
    etc, host = tree(tmp_path)
    (etc / "hosts").write_text("no address\n")
    reviewed = await review(Plan(steps=(edit("one"),)), host)
    assert [(refused.step, refused.reason) for refused in reviewed.refused] == [("edit", "not-editable")]
    assert "line 1" in reviewed.previews[0].text


class Unprivileged(LocalHost):
    """A user who may not read /etc/hosts."""

    async def read(self, path: str, *, follow: bool = True) -> bytes:
        raise PermissionError(13, "Permission denied", path)

    async def stat(self, path: str) -> FileStat | None:
        return await super().stat(path)


async def test_what_only_root_can_read_is_said_and_expected_as_such(tmp_path: Path) -> None:
    _, root = tree(tmp_path)
    reviewed = await review(Plan(steps=(edit("one"),)), Unprivileged(str(tmp_path)))
    assert reviewed.previews[0].text == "/etc/hosts can only be read as root"
    assert reviewed.plan.expects == {"edit": {"/etc/hosts": UNREADABLE}}
    assert len(await differences(reviewed.plan, root)) == 1


async def test_a_command_is_reviewed_without_running(tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    step = RunCommand(id="c", argv=("touch", str(flag)), probe=Probe(argv=("test", "-e", str(flag))))
    reviewed = await review(Plan(steps=(step,)), LocalHost())
    assert reviewed.previews[0].text == f"touch {flag}"
    assert not flag.exists()


def test_every_risk_has_a_sentence_and_is_told_once() -> None:
    from typing import get_args

    from pi_installer_tui.tasks.steps import Risk

    assert set(SENTENCES) == set(get_args(Risk))
    assert sentences(["download", "connection", "download"]) == (SENTENCES["connection"], SENTENCES["download"])
