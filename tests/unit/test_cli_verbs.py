"""The verbs in real processes on a demo machine: every way to end has its exit status, and nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.terminal.line import Line

SETUP = "version: 1\nsystem:\n  hostname: attic\n  timezone: Europe/Berlin\n"


class Demo:
    """A demo machine, and the program on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"

    def environment(self, **more: str) -> dict[str, str]:
        return dict(os.environ) | {"PI_INSTALLER_TUI_DEMO_PACE": "0", "TERM": "xterm", "COLUMNS": "80"} | more

    def argv(self, *argv: str) -> list[str]:
        return [sys.executable, "-m", "pi_installer_tui", "--demo-root", str(self.folder), *argv]

    def run(self, *argv: str, given: str | bytes = "", **more: str) -> subprocess.CompletedProcess[str]:
        data = given if isinstance(given, bytes) else given.encode()
        done = subprocess.run(
            self.argv(*argv), input=data, capture_output=True, check=False, env=self.environment(**more), timeout=120
        )
        assert b"Traceback" not in done.stderr and b"fault of the program" not in done.stderr, done.stderr.decode()
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def json(self, *argv: str, given: str = "", status: int = 0, **more: str) -> dict[str, Any]:
        done = self.run(*argv, "--json", given=given, **more)
        assert done.returncode == status, done.stderr + done.stdout
        document: dict[str, Any] = json.loads(done.stdout)
        assert document["version"] == 1
        assert {"changed", "failed", "unknown", "reboot_needed"} <= set(document)
        return document

    def on_terminal(self, *argv: str, **more: str) -> Line:
        return Line(self.argv(*argv), self.environment(**more), rows=200)

    def jobs(self) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self.json("jobs")["jobs"]
        return jobs

    def listing(self) -> dict[str, tuple[int, bytes]]:
        """Content and mode of every file in /etc."""
        found = {}
        for path in sorted((self.root / "etc").rglob("*")):
            mode = path.lstat().st_mode
            content = (
                str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            )
            found[str(path)] = (mode, content)
        return found


@pytest.fixture(name="demo")
def a_demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path)


# looking -----------------------------------------------------------------------------------------------------------


def test_status_shows_what_is_at_80_columns(demo: Demo) -> None:
    done = demo.run("status")
    assert done.returncode == 0
    assert "raspberrypi" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert demo.json("status", "system")["modules"]["system"]["hostname"]["configured"] == "raspberrypi"


def test_export_is_a_setup_file_that_changes_nothing(demo: Demo) -> None:
    exported = demo.run("export").stdout
    assert demo.run("plan", "-", given=exported).returncode == 0
    assert demo.run("apply", "-", given=exported).returncode == 0  # and asks nothing
    assert demo.jobs() == []


def test_schema_is_json(demo: Demo) -> None:
    assert "system" in json.loads(demo.run("schema").stdout)["properties"]


def test_plan_shows_diffs_and_ends_with_2_and_changes_nothing(demo: Demo) -> None:
    demo.run("status")
    before = demo.listing()
    done = demo.run("plan", "-", given=SETUP)
    assert done.returncode == 2
    assert "+attic" in done.stdout and "-raspberrypi" in done.stdout
    document = demo.json("plan", "-", given=SETUP, status=2)
    assert document["changed"] and not document["failed"]
    assert {step["preview"]["kind"] for step in document["steps"]} >= {"diff", "command"}
    assert demo.listing() == before
    assert demo.jobs() == []


def test_files_are_merged_left_to_right(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\nsystem: {hostname: one, timezone: Europe/Berlin}\n")
    (tmp_path / "b.yaml").write_text("version: 1\nsystem: {hostname: two}\n")
    argv = ("plan", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"), "-")
    document = demo.json(*argv, given="version: 1\nsystem: {timezone: null}\n", status=2)
    assert "+two" in json.dumps(document)
    assert {step["setting"] for step in document["steps"]} == {"system.hostname"}


# changing ----------------------------------------------------------------------------------------------------------


def test_apply_then_again_then_undo(demo: Demo) -> None:
    demo.run("status")
    before = demo.listing()
    first = demo.json("apply", "-", "--yes", given=SETUP)
    assert first["changed"] and first["outcome"] == "done" and first["who"]
    assert {check["status"] for check in first["checks"]} == {"ok"}
    assert (demo.root / "etc/hostname").read_text() == "attic\n"

    again = demo.run("apply", "-", "--yes", given=SETUP)
    assert (again.returncode, again.stdout) == (0, "Nothing to do: everything is as wanted.\n")
    assert not demo.json("apply", "-", given=SETUP)["changed"]
    assert len(demo.jobs()) == 1  # nothing was started the second time

    undone = demo.run("undo", first["job"], "--yes")
    assert undone.returncode == 0, undone.stdout
    assert demo.listing() == before
    assert (demo.root / "proc/sys/kernel/hostname").read_text() == "raspberrypi\n"
    assert [job["undoes"] for job in demo.jobs()] == [first["job"], ""]
    shown = demo.run("jobs")
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "undone by" in shown.stdout


def test_a_job_can_be_shown_and_attached_to_when_it_is_over(demo: Demo) -> None:
    job = demo.json("apply", "-", "--yes", given=SETUP)["job"]
    shown = demo.run("jobs", "show", job)
    assert shown.returncode == 0
    assert "+attic" in shown.stdout and "run hostname" in shown.stdout
    attached = demo.run("attach", job)
    assert attached.returncode == 0
    assert "[1/" in attached.stdout and "Done." in attached.stdout
    assert demo.json("jobs", "show", job)["outcome"] == "done"


def test_without_a_terminal_apply_asks_for_yes(demo: Demo) -> None:
    done = demo.run("apply", "-", given=SETUP)
    assert done.returncode == 3
    assert "--yes" in done.stderr
    assert demo.jobs() == []


def test_ctrl_c_at_the_question_does_nothing(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SETUP)
    with demo.on_terminal("apply", str(tmp_path / "s.yaml")) as line:
        line.until("Go ahead? [y/N]")
        line.send("\x03")
        assert line.ended() == 130
        assert "Traceback" not in line.text
    assert demo.jobs() == []


@pytest.mark.parametrize("answer", ["n\n", "\n", "yeah\n"])
def test_anything_but_yes_does_nothing(demo: Demo, tmp_path: Path, answer: str) -> None:
    (tmp_path / "s.yaml").write_text(SETUP)
    with demo.on_terminal("apply", str(tmp_path / "s.yaml")) as line:
        line.until("Go ahead? [y/N]")
        assert "+attic" in line.text
        line.send(answer)
        line.until("nothing was done")
        assert line.ended() == 130
    assert demo.jobs() == []


def test_yes_on_the_terminal_runs_it(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SETUP)
    with demo.on_terminal("apply", str(tmp_path / "s.yaml")) as line:
        line.until("Go ahead? [y/N]")
        line.send("y\n")
        line.until("Done.")
        assert line.ended() == 0


def test_what_changed_since_the_review_is_stale_and_nothing_is_done(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SETUP)
    with demo.on_terminal("apply", str(tmp_path / "s.yaml")) as line:
        line.until("Go ahead? [y/N]")
        (demo.root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 somebody\n")
        before = demo.listing()
        line.send("y\n")
        line.until("Nothing was done")
        assert line.ended() == 5
    assert demo.listing() == before
    assert demo.jobs()[0]["status"] == "stale"


def test_detach_prints_the_jobs_id_and_attach_gives_its_end(demo: Demo) -> None:
    done = demo.run("apply", "-", "--yes", "--detach", given=SETUP)
    assert done.returncode == 0
    job = done.stdout.strip()
    followers = [subprocess.Popen(demo.argv("attach", job), stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = {follower.communicate(timeout=60)[0] for follower in followers}
    assert {follower.returncode for follower in followers} == {0}
    assert len(outputs) == 1 and "[1/" in outputs.pop()


def test_a_demo_without_a_folder_of_its_own_does_not_detach() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pi_installer_tui", "--demo", "apply", "-", "--yes", "--detach"],
        input=SETUP, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3


def test_an_interrupted_job_is_told_and_continued(demo: Demo) -> None:
    plan = demo.json("plan", "-", given=SETUP, status=2)
    crash = f"{plan['steps'][0]['id']}:file:replaced"
    done = demo.run("apply", "-", "--yes", given=SETUP, PI_INSTALLER_TUI_CRASH=crash)
    job = demo.jobs()[0]
    assert (job["status"], job["step"]) == ("interrupted", plan["steps"][0]["id"])
    assert done.returncode == 1
    assert f"continue {job['id']}" in done.stdout
    went_on = demo.run("continue", job["id"])
    assert went_on.returncode == 0, went_on.stdout
    assert (demo.root / "etc/hostname").read_text() == "attic\n"
    refused = demo.run("continue", job["id"])
    assert refused.returncode == 1 and "has ended" in refused.stderr


SLOW = "version: 1\nsystem: {locale: de_DE.UTF-8}\n"


def test_ctrl_c_cancels_the_job_and_ends_with_130(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SLOW)
    with demo.on_terminal("apply", str(tmp_path / "s.yaml"), "--yes", PI_INSTALLER_TUI_DEMO_PACE="5") as line:
        line.until("[2/")
        line.send("\x03")
        line.until("Cancelled")
        assert line.ended() == 130
    assert demo.jobs()[0]["status"] == "cancelled"


def test_a_second_job_waits_for_the_first_and_says_so(demo: Demo, tmp_path: Path) -> None:
    slow = {"PI_INSTALLER_TUI_DEMO_PACE": "5"}
    first = demo.run("apply", "-", "--yes", "--detach", given=SLOW, **slow).stdout.strip()
    second = demo.run("apply", "-", "--yes", given="version: 1\nsystem: {hostname: attic}\n")
    assert second.returncode == 0, second.stdout
    assert f"waiting for job {first}" in second.stdout
    assert [job["status"] for job in demo.jobs()] == ["done", "done"]


def test_ctrl_c_in_attach_leaves_and_cancel_stops(demo: Demo) -> None:
    slow = {"PI_INSTALLER_TUI_DEMO_PACE": "10"}
    job = demo.run("apply", "-", "--yes", "--detach", given=SLOW, **slow).stdout.strip()
    with demo.on_terminal("attach", job) as line:
        line.until("[2/")
        line.send("\x03")
        line.until("Left.")
        assert line.ended() == 130
    assert demo.jobs()[0]["status"] in ("running", "waiting")
    cancelled = demo.run("cancel", job)
    assert cancelled.returncode == 0, cancelled.stderr
    assert demo.run("attach", job).returncode == 130
    assert demo.run("cancel", job).returncode == 1


def test_a_terminal_that_goes_away_leaves_the_job_alone(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SLOW)
    with demo.on_terminal("apply", str(tmp_path / "s.yaml"), "--yes") as line:
        line.until("[1/")
        os.kill(line.pid, signal.SIGHUP)
        line.ended()
    end = time.monotonic() + 60
    while demo.jobs()[0]["status"] != "done":
        assert time.monotonic() < end, demo.jobs()
        time.sleep(0.2)


# refusing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [("jobs", "show"), ("attach",), ("cancel",), ("continue",), ("undo",)])
def test_a_job_that_does_not_exist_ends_with_3(demo: Demo, verb: tuple[str, ...]) -> None:
    done = demo.run(*verb, "20250131-174502-x7k2")
    assert done.returncode == 3
    assert "there is no job" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "version: 1\nsystem: {network: {eth0: {method: static, address: 192.168.1.10/24, gateway: 192.168.2.1}}}\n",
            "system.network.eth0.gateway: 192.168.2.1 is outside 192.168.1.0/24\n",
        ),
        ("version: 1\nsystem: {timezone: Europe/Atlantis}\n", "system.timezone: "),
        ("version: 1\nversion: 1\n", "-:2: version stands here twice, first in line 1\n"),
        (b"version: 1\nsystem: {hostname: \xff}\n", "-:2: isn't UTF-8\n"),
        ("a: \x1b[2J", "-:1: "),
    ],
)
def test_wrong_input_ends_with_3_and_its_place(demo: Demo, text: str | bytes, said: str) -> None:
    for verb in ("plan", "apply"):
        done = demo.run(verb, "-", given=text)
        assert done.returncode == 3
        assert done.stdout == ""
        assert done.stderr.startswith(said)
        assert "\x1b" not in done.stderr


def test_mistakes_are_json_too(demo: Demo) -> None:
    document = demo.json("plan", "-", given="version: 1\nsystem: {hostnam: a}\n", status=3)
    assert document["mistakes"] == [
        {"place": "system.hostnam", "message": "there is no such setting; did you mean hostname?"}
    ]
    assert document["failed"] and not document["changed"]


def test_of_many_mistakes_the_first_50_are_told_and_json_has_all(demo: Demo) -> None:
    text = "version: 1\nsystem: {" + ", ".join(f"no{n}: 1" for n in range(1000)) + "}\n"
    lines = demo.run("plan", "-", given=text).stderr.splitlines()
    assert lines[0].startswith("system.no0: ")
    assert lines[50:] == ["... and 950 more"]
    assert len(demo.json("plan", "-", given=text, status=3)["mistakes"]) == 1000


@pytest.mark.parametrize("name", ["/nonexistent.yaml", "/", "/proc/self/mem", "a" * 300])
def test_a_file_that_cannot_be_read_ends_with_3(demo: Demo, name: str) -> None:
    assert demo.run("plan", name).returncode == 3


def test_what_is_wanted_and_cannot_be_planned_is_told_and_is_no_success(demo: Demo) -> None:
    demo.run("status")
    (demo.root / "etc/hosts").unlink()
    (demo.root / "etc/hosts").mkdir()
    planned = demo.json("plan", "-", given="version: 1\nsystem: {hostname: attic}\n", status=1)
    assert [each["setting"] for each in planned["unknown"]] == ["system.hostname"]
    done = demo.run("apply", "-", "--yes", given=SETUP)
    assert done.returncode == 1
    assert "Not possible:" in done.stdout
    assert (demo.root / "etc/hostname").read_text() == "raspberrypi\n"


def test_a_reader_that_goes_away_is_no_fault(demo: Demo) -> None:
    demo.run("status")
    command = subprocess.Popen(
        demo.argv("schema"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=demo.environment()
    )
    assert command.stdout is not None and command.stderr is not None
    command.stdout.close()
    assert command.wait(60) == 1
    assert command.stderr.read() == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["apply", "-"], 4),
        (["undo", "20250131-174502-x7k2"], 4),
        (["cancel", "20250131-174502-x7k2"], 4),
        (["continue", "20250131-174502-x7k2"], 4),
        (["status"], 0),
    ],
)
def test_without_root_looking_works_and_changing_ends_with_4(argv: list[str], status: int) -> None:
    script = (
        "import importlib, os, pkgutil, sys\n"
        # the checkout may lie where nobody else may read: all that the command line takes is imported before
        "from pi_installer_tui import cli, modules, planning, setup_file, system, tasks\n"
        "for package in (cli, modules, system, tasks):\n"
        "    for each in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        '.demo' in each.name or importlib.import_module(each.name)\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "from pi_installer_tui.cli import main\n"
        f"sys.exit(main({argv!r}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=SETUP, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stderr
    if status == 4:
        assert "needs root" in done.stderr and len(done.stderr.splitlines()) == 1


# anything at all ---------------------------------------------------------------------------------------------------

ALPHABET = "version: 1\nsytem{}[],&*!-#'\""


@given(st.binary(max_size=200) | st.text(alphabet=ALPHABET).map(lambda text: f"version: 1\n{text}".encode()))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_end_with_a_status_that_is_documented(
    tmp_path_factory: pytest.TempPathFactory, given_bytes: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any-bytes"
    folder.mkdir(exist_ok=True)
    done = Demo(folder).run("plan", "-", given=given_bytes)
    assert done.returncode in (0, 1, 2, 3)
    if done.returncode == 3:
        assert done.stderr.strip()
        assert all(c == "\n" or c.isprintable() for c in done.stderr)


def test_every_key_of_the_json_documents_is_documented(demo: Demo) -> None:
    text = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    free = {"modules", "values", "settings"}  # what is below them is a module's, or a code's

    def keys(node: Any) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(keys, node))
        if not isinstance(node, dict):
            return set()
        return set(node).union(*(keys(value) for key, value in node.items() if key not in free))

    planned = demo.json("plan", "-", given=SETUP, status=2)
    documents = (
        planned,
        demo.json("plan", "-", given="version: 1\nsystem: {hostnam: a}\n", status=3),
        demo.json("status"),
        demo.json("apply", "-", "--yes", given=SETUP),
        demo.json("jobs"),
    )
    named = {key for document in documents for key in keys(document)}
    assert {"preview", "evidence", "reboot_needed", "mistakes"} <= named
    assert [key for key in sorted(named) if f"`{key}`" not in text and f'"{key}"' not in text] == []
