"""Templates of jobs: no value becomes a second word or command, own files are read or refused in words, and the
program's own commands do what they say (those that need a machine: tests/machines/test_cron_templates.py)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_installer_tui.modules.cron import templates_command as commands
from pi_installer_tui.modules.cron import templates_own as own
from pi_installer_tui.modules.cron.templates import Filled, Template, fill, mistakes
from pi_installer_tui.modules.cron.templates_command import CannotFill
from pi_installer_tui.modules.cron.templates_parameters import Parameter, mistake
from pi_installer_tui.modules.cron.templates_usual import USUAL
from pi_installer_tui.system.cron.lines import split
from pi_installer_tui.system.cron.table import written
from pi_installer_tui.system.demo import DemoHost

#: what shells, cron and templates read as more than text
HOSTILE = "ab /\"'\\$%{}();#&|<>*?~`![]=-@:+\t09é☃"
values = st.one_of(
    st.text(st.sampled_from(HOSTILE), max_size=12),
    st.sampled_from(["if", "done", "2", "-n", "$(id)", "`id`", "';id;'", "a b", "", "*", "~root", "PATH=x", "{a,b}"]),
)
SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]


def run(filled: Filled, *, cwd: Path, path: str = "/usr/bin:/bin", status: int = 0) -> str:
    """Runs a job's command as cron does: what cron makes of its line, in its few variables."""
    line = written(filled.schedule, filled.command)
    shell, stdin = split(line.split(maxsplit=5)[5])
    assert (shell, stdin) == (filled.command, None)
    env = {"PATH": path, "HOME": str(cwd), "LOGNAME": "nobody", "SHELL": "/bin/sh"}
    done = subprocess.run(["/bin/sh", "-c", shell], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=25, deadline=None)
@given(data=st.lists(st.tuples(values, values), min_size=20, max_size=20))
def test_a_value_is_always_a_part_of_one_word(shell: str, data: list[tuple[str, str]]) -> None:
    template = "printf '%s\\0' {a} x{b}y/{a} --to={b} {b}>&1; : $(: {a} | : {b}) && x={a}"
    script = "\n".join(commands.filled(template, {"a": a, "b": b}) for a, b in data)
    said = subprocess.run([shell, "-c", script], capture_output=True, check=True)
    assert said.stderr == b""
    expected = [word for a, b in data for word in (a, f"x{b}y/{a}", f"--to={b}", b)]
    assert said.stdout.decode().split("\0") == [*expected, ""]


@given(value=values)
def test_what_a_value_makes_survives_cron(value: str) -> None:
    command = commands.filled("printf %s {a} >/dev/null", {"a": value})
    line = written("@daily", command)
    assert split(line.split(maxsplit=1)[1]) == (command, None)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("echo '{a}'", "stands in quotes"),
        ('echo "x {a}"', "stands in quotes"),
        ("echo \\{a}", "behind a backslash"),
        ("echo ${a}", "${{a}}"),
        ("echo `id {a}`", "` isn't taken"),
        ('echo "$(id {a})"', "$( in double quotes"),
        ('echo "$(id "{a}")"', "$( in double quotes"),
        ("echo $(( {a} + 1 ))", "(( isn't taken"),
        ("[[ {a} -eq 1 ]]", "[[ isn't taken"),
        ("cat <<< {a}", "<< isn't taken"),
        ("echo $'{{' {a}", "$' isn't taken"),
        ("echo ${{x:-{a}}}", "${ isn't taken"),
        ("eval echo {a}", "eval isn't taken"),
        ("true; eval {a}", "eval isn't taken"),
        ("echo {a} 'x", "isn't closed"),
        ("echo {A}", "written twice"),
        ("awk '{print}' {a}", "written twice"),
        ("awk '{ print }' {a}", "written twice"),
        ("echo {a}\nid", "one line"),
    ],
)
def test_a_command_in_which_quoting_promises_nothing_is_refused(command: str, why: str) -> None:
    with pytest.raises(CannotFill) as refused:
        commands.parse(command)
    assert why in str(refused.value)


def test_brackets_of_the_shell_stay() -> None:
    assert commands.filled("for f in {a}/*; do echo ${{f}} '{{}}'; done", {"a": "/x y"}) == (
        "for f in '/x y'/*; do echo ${f} '{}'; done"
    )


PATH_OF_OWN = Parameter(kind="path", title="Folder", system=False)


@pytest.mark.parametrize(
    "path",
    [
        *("/", "//", "/.", "/etc", "/etc/", "//etc/ssh", "/usr/local/share", "/home", "/home/", "/var", "/var/lib/x"),
        *("/./etc", "/boot/firmware", "/root", "/srv", "/tmp", "/home/../etc", "home", "-rf", "/a\nb", "/var/cache"),
    ],
)
def test_nothing_of_the_system_is_cleared_away(path: str) -> None:
    assert mistake(PATH_OF_OWN, path)
    assert mistakes(USUAL["clean-up"], {"folder": path}).keys() == {"folder"}


@pytest.mark.parametrize("path", ["/home/pi/Downloads", "/srv/x", "/var/backups/mine", "/etcetera", "/tmp/a b", "/r/x"])
def test_what_is_anyones_may_be(path: str) -> None:
    assert mistakes(USUAL["clean-up"], {"folder": path}) == {}


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("name", ["home", "a.b-c@1"], ["-x", "a b", "a;b", "é", "a/b", "x" * 101]),
        ("host", ["nas.lan", "::1", "10.0.0.1", "a_b"], ["a b", "-x", "a..b", "http://x", "x" * 254]),
        ("url", ["https://example.org/x?a=1", "http://[::1]:80/"], [
            *("ftp://x", "https://", "https://a b", "https://u:p@x/", "https://u@x/", "https://x/?token=1"),
            *("https://x/?api_key=1", "https://hc-ping.com/8a4c7f0e-1111-2222-3333-444455556666", "https://x:99999/"),
        ]),
        ("number", ["0", "7"], ["-1", "1e3", "x", "1000001", "٣"]),
        ("time", ["00:00", "23:59"], ["24:00", "3:30", "03:60", "03:30:00"]),
        ("text", ["a b", "*.tmp", "é"], ["-x", "a\tb", "\x1b[2J"]),
        ("secret", ["/root/x.curl"], ["x", "hunter2", "/root/../x"]),
    ],
)  # fmt: skip
def test_kinds(kind: str, good: list[str], bad: list[str]) -> None:
    parameter = Parameter.model_validate({"kind": kind, "title": "It"})
    assert [value for value in good if mistake(parameter, value)] == []
    assert [value for value in bad if not mistake(parameter, value)] == []
    assert mistake(parameter, "") == "is needed"
    assert not any("hunter2" in mistake(parameter, value) for value in bad)


def test_a_template_that_would_archive_its_archives_is_refused() -> None:
    wrong = mistakes(USUAL["backup-tar"], {"source": "/home", "target": "/home/pi/archives"})
    assert wrong == {"target": "lies in Folder"}


def test_what_gets_too_long_for_cron_is_told() -> None:
    deep = "/" + "/".join(["x" * 90] * 4)
    wrong = mistakes(USUAL["temperature"], {"log": deep})
    assert list(wrong) == [""] and "998 bytes" in wrong[""]


# own files ------------------------------------------------------------------------------------------------------------


def test_the_example_is_a_template_and_stands_in_the_documentation() -> None:
    found = own.parse(own.EXAMPLE)
    assert isinstance(found, Template)
    filled = fill(found, {"target": "/mnt/nas/photos", "source": "/home/pi/my photos"})
    assert filled.schedule == "30 2 * * *" and filled.user == "pi"
    assert filled.command == "rsync -a --bwlimit=0 '/home/pi/my photos'/ /mnt/nas/photos/"
    page = Path(__file__).parents[2] / "docs" / "cron-templates.md"
    assert own.EXAMPLE in page.read_text("utf-8").replace("\n    ", "\n")


def test_a_text_may_be_folded() -> None:
    found = own.parse("title: x\nsummary: >\n  It does\n  this.\nschedule: '@daily'\ncommand: id\n")
    assert isinstance(found, Template) and found.summary == "It does this."


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "one key and its value"),
        ("title: [", "Line 1: this isn't YAML"),
        ("title: x", "schedule is needed"),
        ("title: x\nschedule: '* * * * *'\ncommand: id\nshedule: y", "shedule there is no such setting"),
        ("title: x\nschedule: '99 * * * *'\ncommand: id", "its schedule isn't one"),
        ("title: x\nschedule: '@daily'\ncommand: id {x}", "{x} is no parameter"),
        ("title: x\nschedule: '@daily'\ncommand: id\nparameters: {x: {kind: text, title: X}}", "used nowhere"),
        ("title: x\nschedule: '@daily'\ncommand: id {x}\nparameters: {x: {kind: word, title: X}}", "must be one of"),
        ("title: x\nschedule: '{x} * * * *'\ncommand: id\nparameters: {x: {kind: text, title: X}}", "in a schedule"),
        ("title: x\nschedule: '@daily'\ncommand: id '{x}'\nparameters: {x: {kind: text, title: X}}", "in quotes"),
        ("title: x\nschedule: '@daily'\ncommand: id {x}\nparameters: {x: {kind: choice, title: X}}", "has choices"),
        (
            "title: x\nschedule: '@daily'\ncommand: id {x}\n"
            "parameters: {x: {kind: number, title: X, most: 5, default: 9}}",
            "its default isn't from 0 to 5",
        ),
        ("title: x\nschedule: '@daily'\ncommand: id\nuser: a b", "user"),
        ("a: &a [x]\nb: [" + "*a, " * 60 + "]", "too many aliases"),
        ("[" * 3000, "this isn't YAML"),
        ("title: \x07", "a character"),
        ('title: "\\e[2J"\nschedule: "@daily"\ncommand: id', "title has characters that can't be printed"),
    ],
)
def test_mistakes_of_an_own_file_are_told(text: str, why: str) -> None:
    found = own.parse(text)
    assert isinstance(found, tuple)
    assert why in " ".join(found) or (text.startswith("[[") and "nested" in " ".join(found))


broken = st.tuples(
    st.integers(0, len(own.EXAMPLE)), st.text(st.sampled_from("{}[]:,'\"&*!|>%@`#?-\n\t a0\x07é"), max_size=8)
)


@settings(max_examples=60, deadline=None)
@given(changes=st.lists(broken, min_size=1, max_size=4))
def test_any_file_is_a_template_or_has_its_mistakes(changes: list[tuple[int, str]]) -> None:
    text = own.EXAMPLE
    for at, inserted in changes:
        text = text[:at] + inserted + text[at + len(inserted) :]
    found = own.parse(text)
    assert isinstance(found, Template) or (found and all(found))


async def test_own_files_are_read_and_those_that_others_may_write_are_not(tmp_path: Path) -> None:
    host = DemoHost.create(str(tmp_path / "machine"))
    assert await own.read(host) == ()
    await host.mkdir(own.FOLDER, mode=0o755, uid=0, gid=0)
    for name, text, mode, uid in [
        ("photos.yaml", own.EXAMPLE, 0o644, 0),
        ("theirs.yaml", own.EXAMPLE, 0o644, 1000),
        ("open.yaml", own.EXAMPLE, 0o666, 0),
        ("Odd Name.yaml", own.EXAMPLE, 0o644, 0),
        ("huge.yaml", "#" * 70_000, 0o644, 0),
        ("wrong.yaml", "title: x\n", 0o644, 0),
        ("notes.txt", "no template", 0o644, 0),
    ]:
        await host.replace(f"{own.FOLDER}/{name}", text.encode(), mode=mode, uid=uid, gid=0)
    found = {each.name: each for each in await own.read(host)}
    assert found.keys() == {"photos", "theirs", "open", "Odd Name", "huge", "wrong"}
    assert found["photos"].template is not None and not found["photos"].mistakes
    assert "root's alone" in found["theirs"].mistakes[0] and "root's alone" in found["open"].mistakes[0]
    assert "small letters" in found["Odd Name"].mistakes[0]
    assert "larger than" in found["huge"].mistakes[0]
    assert found["wrong"].mistakes == ("schedule is needed", "command is needed")


# the program's own ----------------------------------------------------------------------------------------------------

#: what those need that don't have a default for everything
GIVEN: Mapping[str, Mapping[str, str]] = {
    "backup-job": {"job": "home"},
    "backup-tar": {"target": "/mnt/disk"},
    "dynamic-dns": {"file": "/etc/ddns.curl"},
    "clean-up": {"folder": "/home/pi/Downloads"},
    "ping": {"file": "/etc/ping.curl"},
    "postgresql": {"database": "shop"},
    "mariadb": {"database": "shop"},
}


@pytest.mark.parametrize("name", USUAL)
def test_each_makes_a_line_that_cron_takes(name: str) -> None:
    filled = fill(USUAL[name], GIVEN.get(name, {}))
    line = written(filled.schedule, filled.command)
    assert split(line.split(maxsplit=5)[5]) == (filled.command, None)
    assert "{" not in filled.schedule


def test_a_folder_is_archived_and_the_oldest_archives_go(tmp_path: Path) -> None:
    source, target = tmp_path / "my photos", tmp_path / "$(id) it's"
    source.mkdir()
    target.mkdir()
    (source / "one").write_text("1")
    for day in ("20240101-000000", "20240102-000000"):
        (target / f"photos-{day}.tar.gz").touch()
    (target / "photos-mine.tar.gz").touch()
    values = {"source": str(source), "target": str(target), "name": "photos", "keep": "2"}
    run(fill(USUAL["backup-tar"], values), cwd=tmp_path)
    left = sorted(path.name for path in target.iterdir())
    assert len(left) == 3 and "photos-20240101-000000.tar.gz" not in left and "photos-mine.tar.gz" in left
    new = next(name for name in left if name not in ("photos-20240102-000000.tar.gz", "photos-mine.tar.gz"))
    with tarfile.open(target / new) as archive:
        assert sorted(archive.getnames()) == [".", "./one"]
    assert (target / new).stat().st_mode & 0o077 == 0


def test_an_archive_that_failed_replaces_none(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    values = {"source": str(tmp_path / "nowhere"), "target": str(target), "keep": "1"}
    run(fill(USUAL["backup-tar"], values), cwd=tmp_path, status=1 if not (tmp_path / "nowhere").exists() else 0)
    assert not list(target.glob("*.tar.gz"))


def test_only_old_files_below_the_folder_go(tmp_path: Path) -> None:
    folder, beside = tmp_path / "down loads", tmp_path / "beside"
    (folder / "deep").mkdir(parents=True)
    beside.mkdir()
    long_ago = 1_600_000_000
    for path in (folder / "old.tmp", folder / "deep" / "old.tmp", folder / "old.txt", beside / "old.tmp"):
        path.touch()
        os.utime(path, (long_ago, long_ago))
    (folder / "new.tmp").touch()
    (folder / "away").symlink_to(beside)
    values = {"folder": str(folder), "days": "30", "pattern": "*.tmp"}
    run(fill(USUAL["clean-up"], values), cwd=tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"down loads/new.tmp", "down loads/old.txt", "beside/old.tmp"}


def test_temperatures_are_kept_and_the_log_to_its_lines(tmp_path: Path) -> None:
    sensor, log = tmp_path / "temp", tmp_path / "it's a log"
    sensor.write_text("48312\n")
    log.write_text("".join(f"old {n}\n" for n in range(30)))
    template = USUAL["temperature"]
    values = {"sensor": str(sensor), "log": str(log), "lines": "10"}
    run(fill(template, values), cwd=tmp_path)
    lines = log.read_text().splitlines()
    assert len(lines) == 10 and lines[0] == "old 21"
    at, degrees = lines[-1].split()
    assert degrees == "48.3" and at[10] == "T" and at[-5] in "+-"


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """An HTTP server of this machine, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(500 if "fail" in self.path else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its own word)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{found.server_address[1]}", asked
        found.shutdown()
        thread.join()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl isn't installed")
def test_the_url_with_its_token_comes_from_a_file(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    address, asked = server
    file = tmp_path / "d n s.curl"
    file.write_text(f'url = "{address}/update?token=hunter2"\n')
    filled = fill(USUAL["dynamic-dns"], {"file": str(file), "every": "10"})
    assert "hunter2" not in filled.command
    assert run(filled, cwd=tmp_path) == ""
    assert asked == ["/update?token=hunter2"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl isn't installed")
def test_a_ping_is_sent_while_the_disk_has_room(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    address, asked = server
    file = tmp_path / "ping.curl"
    file.write_text(f'url = "{address}/8a4c7f0e"\n')
    usage = shutil.disk_usage(tmp_path)
    full = -(-usage.used * 100 // max(1, usage.used + usage.free))
    values = {"file": str(file), "disk": str(tmp_path)}
    run(fill(USUAL["ping"], {**values, "full": "100"}), cwd=tmp_path, status=0 if full < 100 else 1)
    assert asked == (["/8a4c7f0e"] if full < 100 else [])
    run(fill(USUAL["ping"], {**values, "full": "1"}), cwd=tmp_path, status=1 if full >= 1 else 0)
    assert len(asked) <= 1
