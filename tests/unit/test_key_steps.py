"""NewKey: made by ssh-keygen, its public half in authorized_keys, its private half nowhere but among the secrets."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.secrets import take, unseen
from pi_installer_tui.tasks.steps import NewKey
from pi_installer_tui.tasks.steps.keys import public_half

from .test_account_steps import Jobs

PATH = "/home/pi/.ssh/authorized_keys"


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    return Jobs(tmp_path)


def step(name: str = "pi-laptop") -> NewKey:
    return NewKey(id="key", path=PATH, name=name, private=f"users.{name}", uid=1000, gid=1000)


async def test_a_key_is_made_once_and_taken_back_to_the_byte(jobs: Jobs) -> None:
    before = jobs.whole()
    job = await jobs.run(step())
    plan = Plan(steps=(step(),))
    assert unseen(jobs.store.root, plan) == ("users.pi-laptop",)
    text = await jobs.host.text(PATH) or ""
    ((name, private),) = take(jobs.store.root, plan)
    assert name == "users.pi-laptop" and text.endswith(f"{public_half(private)} pi-laptop\n")
    assert take(jobs.store.root, plan) == () and unseen(jobs.store.root, plan) == ()
    assert await step().done(jobs.host)
    again = await jobs.run(step())
    assert await jobs.host.text(PATH) == text and unseen(jobs.store.root, plan) == ()
    rows = private.splitlines()[1:-1]
    for path in jobs.store.root.rglob("*"):
        assert not path.is_file() or rows[1].encode() not in path.read_bytes(), path
    assert not [name for name in await jobs.host.listdir("/run") if "key" in name]
    await jobs.undo(again)
    await jobs.undo(job)
    assert jobs.whole() == before


async def test_a_line_without_its_end_stays_a_line_of_its_own(jobs: Jobs) -> None:
    await jobs.host.replace(PATH, b"# mine", mode=0o640, uid=1000, gid=1000)
    await jobs.run(step())
    found = await jobs.host.stat(PATH)
    assert found is not None and found.mode == 0o640
    assert (await jobs.host.read(PATH)).startswith(b"# mine\nssh-ed25519 ")


@pytest.mark.parametrize("passphrase", ["", "x"])
def test_the_public_half_is_found_in_what_ssh_keygen_writes(tmp_path: Path, passphrase: str) -> None:
    path = tmp_path / "key"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "ada@laptop", "-f", str(path)]
    subprocess.run(argv, check=True, env={**os.environ, "HOME": str(tmp_path)})
    public = " ".join(path.with_suffix(".pub").read_text().split()[:2])
    assert public_half(path.read_text()) == (public if not passphrase else None)


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN OPENSSH PRIVATE KEY-----\n!\n-----END OPENSSH PRIVATE KEY-----"])
def test_what_is_no_key_has_no_public_half(text: str) -> None:
    assert public_half(text) is None
