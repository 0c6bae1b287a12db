"""What is done beside settings, through the whole program: the command line on a demo machine, its job, its proof, its
way back. Each module's actions have what the seam asks for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pi_installer_tui import modules, planning
from pi_installer_tui.setup_file import SetupError
from tests.unit.test_cli_verbs import Demo

BANS = json.dumps({"version": 1, "security": {"bans": {"enabled": True, "ban_time": 86400}}})
ADDRESS = "203.0.113.77"


@pytest.fixture(name="demo")
def a_demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path)


@pytest.fixture(name="once", scope="module")
def a_demo_with_bans_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    demo = Demo(tmp_path_factory.mktemp("bans"))
    done = demo.run("apply", "-", "--yes", given=BANS)
    assert done.returncode == 0, done.stdout + done.stderr
    return demo.folder


@pytest.fixture(name="banned")
def a_demo_with_bans(once: Path, demo: Demo) -> Demo:
    shutil.copytree(once, demo.folder, symlinks=True, dirs_exist_ok=True)
    return demo


def shut_out(demo: Demo) -> list[str]:
    found: list[str] = demo.json("status", "security")["modules"]["security"]["fail2ban"]["banned"]["sshd"]
    return found


def test_every_action_has_a_model_with_titles_and_help() -> None:
    listed = [(m.name, action) for m in modules.MODULES for action in m.actions]
    assert listed
    for name, action in listed:
        model = modules.load(name).arguments(action.name)
        for field in model.model_fields.values():
            assert field.title and field.description, f"{name} {action.name}"
        assert action.title and action.help and modules.action(name, action.name) is action
    with pytest.raises(KeyError):
        modules.load("system").arguments("nothing-like-it")


def test_an_action_runs_as_a_job_is_proven_and_taken_back(banned: Demo) -> None:
    done = banned.json("act", "security", "unban", f"address={ADDRESS}", "jail=sshd", "--yes")
    assert done["outcome"] == "done" and done["changed"] and done["settings"] == ["security.unban"]
    assert [check["status"] for check in done["checks"]] == ["ok"]
    assert ADDRESS not in shut_out(banned)
    assert "security.unban" in banned.run("jobs").stdout
    again = banned.json("act", "security", "unban", f"address={ADDRESS}", "--yes")
    assert again["changed"] is False and again["action"]["arguments"] == {"address": ADDRESS}
    assert len(banned.jobs()) == 2, "nothing to do is no job"
    assert banned.run("undo", done["job"], "--yes").returncode == 0
    assert ADDRESS in shut_out(banned)


def test_an_action_is_shown_and_asks_before_it_runs(banned: Demo) -> None:
    with banned.on_terminal("act", "security", "unban", f"address={ADDRESS}") as line:
        line.until("Go ahead? [y/N]")
        assert "fail2ban-client set sshd unbanip" in line.text and "an undo bans it anew" in line.text
        line.send("n\n")
        assert line.ended(20) == 130
    assert ADDRESS in shut_out(banned)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("security", "unbann", "address=1.2.3.4"), "did you mean unban"),
        (("security", "unban"), "address: is needed"),
        (("security", "unban", "address=1.2.3.4", "address=1.2.3.5"), "stands there twice"),
        (("security", "unban", "addres=1.2.3.4"), "did you mean address"),
        (("security", "unban", "address=1.2.3.4", "jail=x y"), "isn't the name of a jail"),
    ],
)
def test_what_is_wrong_is_said_in_words_and_nothing_is_done(demo: Demo, words: tuple[str, ...], said: str) -> None:
    done = demo.run("act", *words, "--yes")
    assert done.returncode == 3 and said in done.stderr, done.stderr
    assert demo.json("act", *words, "--yes", status=3)["failed"]
    assert demo.jobs() == []


def test_a_mistake_that_only_the_machine_shows(banned: Demo) -> None:
    done = banned.run("act", "security", "unban", "address=1.2.3.4", "jail=dovecot", "--yes")
    assert done.returncode == 3 and "those that run: sshd" in done.stderr


def test_without_fail2ban_it_is_not_possible_and_says_why(demo: Demo) -> None:
    done = demo.run("act", "security", "unban", "address=1.2.3.4", "--yes")
    assert done.returncode == 1 and "fail2ban doesn't run here" in done.stdout


def test_text_becomes_what_its_field_is() -> None:
    told = planning.arguments("security", "unban", {"address": "1.2.3.4"})
    assert told.model_dump(exclude_none=True) == {"address": "1.2.3.4"}
    with pytest.raises(SetupError):
        planning.arguments("security", "unban", {"address": ""})
