"""Secrets on the command line: given by a file or standard input, made and shown once, and never repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_installer_tui import planning

from .test_cli_verbs import Demo

SETUP = "version: 1\nusers: {accounts: {ada: {password: users.ada}, bob: {password: users.bob}}}\n"
SECRET = "hunter2 hunter2: 'x'"


@pytest.fixture(name="demo")
def a_demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path)


@pytest.fixture
def setup(tmp_path: Path) -> str:
    path = tmp_path / "setup.yaml"
    path.write_text(SETUP)
    return str(path)


def everything(demo: Demo) -> bytes:
    """All files of the machine and its state."""
    return b"".join(path.read_bytes() for path in demo.folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_a_given_secret_is_used_up_and_a_made_one_is_shown_once(demo: Demo, setup: str) -> None:
    given = f'users.ada: "{SECRET}"\n'
    done = demo.run("apply", setup, "--secrets", "-", "--yes", given=given)
    assert done.returncode == 0
    assert "hunter2" not in done.stdout + done.stderr
    assert b"hunter2" not in everything(demo)
    (line,) = [line for line in done.stdout.splitlines() if "shown this once" in line]
    assert line.startswith("users.bob")
    made = line.split()[-1]
    assert len(made) == 23
    assert made.encode() not in everything(demo)
    assert demo.run("secret", "users.bob").returncode == 3
    # nothing is set again, unless it is given again
    assert demo.run("plan", setup).returncode == 0
    assert demo.run("plan", setup, "--secrets", "-", given=given).returncode == 2


def test_json_shows_no_secret_and_the_verb_shows_it_once(demo: Demo, setup: str) -> None:
    told = demo.json("apply", setup, "--yes")
    assert told["changed"]
    made = demo.run("secret", "users.ada").stdout.strip()
    assert len(made) == 23 and made not in str(told)
    assert demo.run("secret", "users.ada").returncode == 3


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("users.ada: 12345678\n", "users.ada"),
        ('users.ada: "hunter2\\nroot:hunter2"\n', "users.ada"),
        ("users.ada: [hunter2]\n", "users.ada"),
        ('"../x": hunter2\n', "../x"),
        ("users.ada: &a !hunter2 hunter2\n", ""),
        ("hunter2\n", ""),
        (f"users.ada: {'hunter2' * 100}\n", "users.ada"),
    ],
)
def test_a_secret_that_cant_be_one_is_refused_and_not_repeated(demo: Demo, setup: str, text: str, place: str) -> None:
    done = demo.run("apply", setup, "--secrets", "-", "--yes", given=text)
    assert done.returncode == 3
    assert place in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert demo.jobs() == []


def test_standard_input_is_read_once(demo: Demo) -> None:
    done = demo.run("apply", "-", "--secrets", "-", "--yes", given=SETUP)
    assert done.returncode == 3 and "once" in done.stderr


# where they come from -----------------------------------------------------------------------------------------------


def test_a_file_that_others_may_read_is_refused(demo: Demo, setup: str, tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    path.write_text(f'users.ada: "{SECRET}"\n')
    for mode in (0o644, 0o640, 0o604, 0o622):
        path.chmod(mode)
        done = demo.run("apply", setup, "--secrets", str(path), "--yes")
        assert done.returncode == 3
        assert f"mode {mode:04o}" in done.stderr and "hunter2" not in done.stderr
    assert demo.jobs() == []
    path.chmod(0o600)
    assert demo.run("apply", setup, "--secrets", str(path), "--yes").returncode == 0


def shadow(demo: Demo, name: str) -> str:
    """An account's line in /etc/shadow."""
    lines = (demo.root / "etc/shadow").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{name}:"))


def test_a_systemd_credential_is_a_secret_and_a_given_file_outranks_it(
    demo: Demo, setup: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("credentials")
    (folder / "users.ada").write_text(f"{SECRET}\n")
    (folder / "users.bob").write_text(SECRET)
    (folder / "unrelated").write_bytes(b"\xff")
    done = demo.run("apply", setup, "--yes", CREDENTIALS_DIRECTORY=str(folder))
    assert done.returncode == 0, done.stderr
    assert "shown this once" not in done.stdout and "hunter2" not in done.stdout + done.stderr
    assert b"hunter2" not in everything(demo)
    by_credential = shadow(demo, "ada")
    argv = ("apply", setup, "--secrets", "-", "--yes")
    assert demo.run(*argv, given="users.ada: other\n", CREDENTIALS_DIRECTORY=str(folder)).returncode == 0
    assert shadow(demo, "ada") != by_credential

    (folder / "users.ada").write_bytes(b"hunter2\xff")
    (folder / "users.bob").write_text("hunter2\nroot:hunter2")
    done = demo.run("apply", setup, "--yes", CREDENTIALS_DIRECTORY=str(folder))
    assert done.returncode == 3
    assert "users.ada" in done.stderr and "users.bob" in done.stderr and "hunter2" not in done.stderr


@pytest.mark.parametrize(
    "password",
    ["hunter2", '"hunter 2!"', "Users.hunter2", "accounts.hunter2", '"users.hunter2 "', "users.", "[hunter2]", "72837",
     "*hunter2", "!hunter2 x", "!hunter2!x y", "@hunter2", '"hunter2', "{hunter2: 1", "hunter2: hunter2"],
)  # fmt: skip
def test_a_setup_file_that_holds_a_secret_is_refused_and_it_is_not_repeated(password: str) -> None:
    with pytest.raises(planning.SetupError) as refused:
        planning.parse(f"version: 1\nusers: {{accounts: {{ada: {{password: {password}}}}}}}\n")
    assert "hunter" not in str(refused.value) and "72837" not in str(refused.value)


def test_the_refusal_of_a_secret_says_where_it_belongs(demo: Demo) -> None:
    done = demo.run("apply", "-", "--yes", given="version: 1\nusers: {accounts: {ada: {password: hunter2}}}\n")
    assert done.returncode == 3 and demo.jobs() == []
    told = " ".join(done.stderr.split())
    assert "users.accounts.ada.password" in told and "holds no secret itself" in told and "hunter2" not in told
