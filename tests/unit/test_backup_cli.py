"""The verb `backup`: its words, what it waits for before a scheduled run, and what it says."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui import cli
from pi_installer_tui import given as secrets
from pi_installer_tui.cli import arguments, backup
from pi_installer_tui.cli.status import Exit
from pi_installer_tui.metrics.backups import Backups
from pi_installer_tui.modules.backup import applied, due
from pi_installer_tui.modules.backup.settings import BackupSettings
from pi_installer_tui.modules.backup.usual import jobs_of
from pi_installer_tui.restic.answers import Snapshot, Trouble
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.system.local import LocalHost


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run home", {"job": "home", "place": None, "scheduled": False, "yes": False, "json": False}),
        ("run home --place usb --scheduled --json", {"place": "usb", "scheduled": True, "json": True}),
        ("drill home --yes", {"job": "home", "yes": True}),
        ("verify usb nas --share 10", {"places": ["usb", "nas"], "share": 10}),
        (
            "restore usb latest /a /b --to /x --existing rename",
            {"paths": ["/a", "/b"], "to": "/x", "existing": "rename"},
        ),
        (
            "restore-database usb 0123abcd --into copy --yes",
            {"place": "usb", "snapshot": "0123abcd", "into": "copy", "yes": True},
        ),
        ("unlock usb", {"place": "usb", "lock": ""}),
        ("list", {"job": None, "place": None, "json": False}),
        ("history --json", {"json": True}),
        ("", {"backup_verb": None}),
    ],
)
def test_its_words(words: str, said: dict[str, Any]) -> None:
    args = vars(arguments.parse(["backup", *words.split()]))
    assert {name: args[name] for name in said} == said


@pytest.mark.parametrize(
    "words",
    ["run", "run ../x", "run home --place", "verify usb --share 101", "verify usb --share x", "list a b", "lock"],
)
def test_wrong_words_end_with_3(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parse(["backup", *words.split()])
    assert ended.value.code == Exit.INPUT and "usage" in capsys.readouterr().err


def test_the_units_call_what_the_command_line_knows() -> None:
    from pi_installer_tui.modules.backup.timers import units

    job = {"what": ["home"], "schedule": {"times": ["03:00"], "enabled": True}}
    places = {name: {"kind": "folder", "path": f"/{name}"} for name in ("usb", "nas")}
    now = applied.merged(BackupSettings(), BackupSettings.model_validate({"places": places, "jobs": {"home": job}}))
    texts = [text for name, text in units(jobs_of(now)[0], "/usr/bin/python3").items() if name.endswith(".service")]
    verbs = []
    for text in texts:
        (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
        args = arguments.parse(line.partition(" pi_installer_tui ")[2].split())
        assert args.scheduled and args.verb == "backup"
        verbs.append(args.backup_verb)
    assert verbs == ["run", "verify", "verify", "drill"]


def test_a_key_of_several_lines_can_be_given_for_a_backup_and_for_nothing_else() -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNz\\n-----END OPENSSH PRIVATE KEY-----\\n"
    found = secrets.parse(f'backup.nas-key: "{key}"\n', "secrets.yaml")
    assert found["backup.nas-key"].count("\n") == 3
    for wrong in (f'users.ada: "{key}"\n', 'backup.x: "a\\0b"\n', f"backup.x: {'x' * 20_001}\n"):
        with pytest.raises(SetupError):
            secrets.parse(wrong, "secrets.yaml")


def test_a_scheduled_run_that_does_not_begin_is_in_the_history_and_counts_as_failed(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {
        "usb": {"kind": "folder", "path": "/mnt/usb/restic", "device": "UUID=12-34", "mount": "/mnt/usb"},
        "nas": {"kind": "folder", "path": "/mnt/nas"},
    }
    job = {"paths": ["/srv/gone"], "places": ["usb", "nas"], "schedule": {"times": ["03:00"], "enabled": True}}
    now = applied.merged(BackupSettings(), BackupSettings.model_validate({"places": places, "jobs": {"home": job}}))
    root = tmp_path / "demo/root"
    for path, text in (("etc/pi-installer-tui/backup.yaml", applied.dump(now)), (due.PATH[1:], due.text(now))):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    async def updating(_host: object) -> str:
        return "packages"

    with monkeypatch.context() as patch:
        patch.setattr(backup, "hindrance", updating)
        patch.setattr(backup, "PATIENCE", -1)
        status, _out, err = run("backup", "run", "home", "--scheduled")
        assert status == Exit.FAILED and "packages were being installed" in err
    runs = json.loads(run("backup", "history", "--json")[1])["runs"]
    assert [(each["action"], each["arguments"]["place"], each["outcome"], each["reason"]) for each in runs] == [
        ("run", place, "failed", "packages-too-long") for place in ("usb", "nas")
    ]
    assert "packages were being installed" in run("backup", "history")[1]
    assert run("backup", "run", "home", "--scheduled")[0] == Exit.FAILED
    runs = json.loads(run("backup", "history", "--json")[1])["runs"]
    assert {(each["arguments"]["place"], each["reason"]) for each in runs[:2]} == {
        ("usb", "not-begun"),
        ("nas", "not-begun"),
    }
    assert Backups(str(root)).read()["home"].failed, "the alert fires"
    # who sits at the terminal sees it, and needs no line in the history
    assert run("backup", "run", "home", "--place", "nas", "--yes")[0] == Exit.FAILED
    assert len(json.loads(run("backup", "history", "--json")[1])["runs"]) == 4


async def test_it_waits_while_somebody_holds_a_lock_of_apt_or_dpkg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    monkeypatch.setattr(backup, "_APT", (str(lock), str(tmp_path / "not there")))
    host = LocalHost()
    assert await backup.hindrance(host) == ""
    with lock.open("w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        assert "packages" in await backup.hindrance(host)
        monkeypatch.setattr(backup, "PATIENCE", 2)
        monkeypatch.setattr(backup, "LOOK", 0.1)
        with pytest.raises(backup.GaveUp, match="packages"):
            await backup._quiet(host)
        assert capsys.readouterr().out.count("It waits") == 1
    await backup._quiet(host)


def test_on_a_machine_without_backups_it_says_so(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    assert run("backup", "run", "home", "--yes")[0] == Exit.INPUT
    assert "there is no such job" in run("backup", "run", "home", "--yes")[2]
    assert "there is no such place" in run("backup", "verify", "usb", "--yes")[2]
    status, out, _err = run("backup", "list", "--json")
    assert status == 0 and json.loads(out)["places"] == {}
    assert run("backup", "list", "home")[0] == Exit.INPUT
    status, _out, err = run("backup", "restore-database", "usb", "latest", "--yes")
    assert status == Exit.INPUT and "there is no such place" in err
    assert json.loads(run("backup", "--json")[1])["modules"]["backup"]["jobs"] == {}


@pytest.fixture(name="run")
def a_command_line_on_a_demo_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    from pi_installer_tui.system.demo import DemoHost

    host = DemoHost.create(str(tmp_path / "demo"))
    for path in ("etc/pi-installer-tui/backup.yaml", "var/lib/pi-installer-tui/runs.jsonl"):
        Path(host.address, "root", path).unlink(missing_ok=True)

    def run(*argv: str) -> tuple[int, str, str]:
        status = cli.main(["--demo-root", str(tmp_path / "demo"), *argv])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_run_that_failed_says_why_in_words() -> None:
    from pi_installer_tui.tasks.runs import Run

    told = {"job": "home", "place": "usb"}
    failed = Run("x", "backup", "run", told, "root", 0.0, 60.0, "failed", "restic-interrupted", {"place": "usb"})
    assert "restic was stopped before it was done" in "; ".join(backup._told(failed))


def test_snapshots_are_listed_place_by_place(capsys: pytest.CaptureFixture[str]) -> None:
    from pi_installer_tui.cli.printing import Printer

    files = Snapshot("a" * 64, 1_700_000_000, "pi", "root", ("/home\x1b[2J",), ("job=home", "run=x"))
    dump = Snapshot(
        "b" * 64, 1_700_000_100, "pi", "root", ("/databases/x.sql",), ("job=home", "database=postgresql:app")
    )
    backup._show(Printer(), {"usb": (files, dump), "nas": Trouble("not-mounted"), "s3": ()})
    out = capsys.readouterr().out
    assert "aaaaaaaa" in out and "postgresql:app" in out and "no snapshot yet" in out
    assert "\x1b" not in out, "a name from a snapshot steers no terminal"


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5400, "1 h 30 min")])
def test_how_long_something_took(seconds: float, said: str) -> None:
    assert backup.duration(seconds) == said
