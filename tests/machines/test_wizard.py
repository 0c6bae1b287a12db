"""The wizard on real machines: from the first key to the report, the same on a second one by its file, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from pi_installer_tui.wizard import KEPT

from .machine import Image, Machine
from .program import Before, newest_job, tui, undo, until

NAME = "attic"
PAGES = ("Goals", "System", "Users", "Security", "Monitoring", "Backup", "Check")


class Wizard:
    """The program at a terminal of root's, opened on the wizard."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.terminal = machine.ssh_tty(["sudo", "env", "TERM=screen-256color", "pi-installer-tui"])
        self.terminal.wait_for("Wizard, 1 of", 60)
        self.terminal.wait_for("The plan so far", 60)

    def key(self, keys: str, until: str, seconds: float = 60) -> str:
        self.terminal.type(keys)
        return self.terminal.wait_for(until, seconds)

    def go_on(self, page: str) -> None:
        """To the next page."""
        self.key("n", f">{PAGES.index(page) + 2} {page}")
        self.terminal.read(0.5)  # until the answers are kept

    def keeps(self, page: str) -> bool:
        """The answers up to a page are kept."""
        path = self.machine.root / f"var/lib/pi-installer-tui/{KEPT}"
        kept = json.loads(path.read_bytes()) if path.exists() else {}
        named = PAGES.index(page) < PAGES.index("System") or NAME in json.dumps(kept)
        return kept.get("page") == page.lower() and bool(kept["goals"]) and named

    def kill(self) -> None:
        """The line breaks, and nothing of the program is left."""
        self.machine.run(["pkill", "-KILL", "-f", "bin/pi-installer-tui$"], check=False)  # no job: those have arguments
        self.terminal.close()


@pytest.fixture
def wizard(installed: Machine) -> Iterator[Wizard]:
    opened = Wizard(installed)
    yield opened
    opened.terminal.close()


def answer(wizard: Wizard) -> None:
    """A home server with another name, up to the page with what stands in the way."""
    wizard.go_on("Goals")
    wizard.key(" ", "[x]")
    wizard.go_on("System")
    wizard.key("\r\x15" + NAME + "\r", "was ")
    for page in PAGES[2:]:
        wizard.go_on(page)
    wizard.terminal.wait_for("n shows the whole plan")


def begin(wizard: Wizard) -> None:
    """Agrees to the plan, until its job runs and is shown: the review too has a heading for steps."""
    wizard.key("n", "in all", 120)
    wizard.key("y", "c cancel", 120)


def run(wizard: Wizard) -> str:
    """Agrees to the plan, confirms it from a new login, and returns the job once the report is there."""
    begin(wizard)
    machine = wizard.machine
    until(lambda: _asks(machine), 600)
    job = newest_job(machine)
    assert machine.ssh(["sudo", "pi-installer-tui", "confirm", job]).ok
    wizard.terminal.wait_for("To do next", 180)
    return job


def _asks(machine: Machine) -> bool:
    shown = json.loads(tui(machine, "jobs", "--json").stdout)["jobs"]
    assert not shown or shown[0]["status"] in ("queued", "running", "waiting", "done"), shown[0]
    folder = machine.root / "var/lib/pi-installer-tui/jobs"
    return any(folder.glob("*/probation/asking"))


@pytest.mark.long
def test_a_home_server_from_the_first_key_and_a_second_one_by_its_file(
    wizard: Wizard, installed: Machine, boot: Callable[[Image], Machine], installed_image: Image
) -> None:
    before = Before(installed)
    answer(wizard)
    wizard.key("w", "Save the answers as:")
    wizard.key("\x15home\r", "apply home")
    job = run(wizard)
    report = wizard.terminal.text
    assert "checks proven" in report and " failed" not in report.splitlines()[2], report
    shown = json.loads(tui(installed, "jobs", "show", job, "--json").stdout)
    first = {check["id"]: check["status"] for check in shown["checks"]}
    assert first and set(first.values()) <= {"ok", "not-here"}, first
    wizard.key("f", "Written to ~/pi-installer-tui-")
    (kept,) = installed.run(["sh", "-c", "cat /home/pi/pi-installer-tui-*.txt"]).stdout.splitlines()[0:1]
    assert kept.startswith(NAME)

    text = installed.read("/var/lib/pi-installer-tui/setups/home.yaml").decode()
    assert "goals:" in text and f"hostname: {NAME}" in text
    second = boot(installed_image)
    second.write("/root/home.yaml", text)
    done = json.loads(tui(second, "apply", "/root/home.yaml", "--yes", "--json", "--confirm", "none").stdout)
    assert done["changed"] and not done["failed"], done
    again = json.loads(tui(second, "jobs", "show", newest_job(second), "--json").stdout)
    assert {check["id"]: check["status"] for check in again["checks"]} == first, "the same checks, the same answers"
    for machine in (installed, second):
        machine.write("/root/home.yaml", text)
        assert json.loads(tui(machine, "plan", "/root/home.yaml", "--json").stdout)["changed"] is False

    undo(installed, job)
    before.assert_as_before(upgraded=True)


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES)
def test_killed_at_each_page_it_opens_there_again(installed: Machine, page: str) -> None:
    wizard = Wizard(installed)
    for each in PAGES[: PAGES.index(page) + 1]:
        wizard.go_on(each)
        if each == "Goals":
            wizard.key(" ", "[x]")
        if each == "System":
            wizard.key("\r\x15" + NAME + "\r", "was ")
    until(lambda: wizard.keeps(page))
    wizard.kill()
    again = Wizard(installed)
    again.terminal.wait_for(f">{PAGES.index(page) + 2} {page}", 60)
    text = again.terminal.text
    again.terminal.close()
    assert f"of {len(PAGES) + 1}" in text, "the goal is still chosen"
    if PAGES.index(page) >= PAGES.index("System"):
        assert "nothing to do" not in text


@pytest.mark.long
def test_a_killed_program_leaves_the_job_running_and_finds_it_at_home(wizard: Wizard, installed: Machine) -> None:
    answer(wizard)
    begin(wizard)
    wizard.kill()
    until(lambda: _asks(installed), 600)
    with installed.ssh_tty(["sudo", "env", "TERM=screen-256color", "pi-installer-tui"]) as home:
        home.wait_for("Waiting for you", 60)
        home.type("g\r")
        home.wait_for("Steps", 30)
        assert installed.ssh(["sudo", "pi-installer-tui", "confirm", newest_job(installed)]).ok
        home.wait_for("To do next", 180)
