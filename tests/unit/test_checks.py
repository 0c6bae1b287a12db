"""Checks ask the machine and show what it answered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from pi_installer_tui.system.host import Completed
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks import checks
from pi_installer_tui.tasks.checks import (
    AddressUp,
    Answers,
    Check,
    CommandSays,
    FileValue,
    PathIs,
    UnitActive,
    WrittenLately,
    run_check,
)
from pi_installer_tui.tasks.fingerprints import fingerprint

HOST = LocalHost()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text("# c\nA='x y'\nN=5\n")
    return path


@pytest.mark.parametrize(
    ("key", "value", "status", "evidence"),
    [
        ("A", "x y", "ok", "{path}:2: A = x y"),
        ("A", "x", "failed", "{path}:2: A = x y"),
        ("N", 5, "ok", "{path}:3: N = 5"),
        ("B", None, "ok", "{path}: B isn't set"),
        ("B", "1", "failed", "{path}: B isn't set"),
        ("A", None, "failed", "{path}:2: A = x y"),
    ],
)
async def test_a_files_value_is_shown_with_its_line(
    config: Path, key: str, value: str | int | None, status: str, evidence: str
) -> None:
    check = FileValue(id="c", path=str(config), format="keyvalue", key=(key,), value=value)
    result = await run_check(check, HOST)
    assert (result.status, result.evidence) == (status, evidence.format(path=config))


async def test_a_file_that_does_not_parse_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("if x\n")
    check = FileValue(id="c", path=str(tmp_path / "c"), format="keyvalue", key=("A",), value="1")
    assert (await run_check(check, HOST)).status == "unknown"


async def test_a_boolean_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a: true\nb: 'true'\nc: [x, y]\n")

    async def status(key: str, value: str | bool | tuple[str, ...]) -> str:
        check = FileValue(id="c", path=str(tmp_path / "c"), format="yaml", key=(key,), value=value)
        return (await run_check(check, HOST)).status

    assert [await status("a", True), await status("a", "true"), await status("b", "true")] == ["ok", "failed", "ok"]
    assert [await status("c", ("x", "y")), await status("c", ("y", "x"))] == ["ok", "failed"]


async def test_a_path_is_what_its_fingerprint_says(config: Path) -> None:
    right = await fingerprint(HOST, str(config))
    assert (await run_check(PathIs(id="c", path=str(config), fingerprint=right), HOST)).status == "ok"
    await HOST.chmod(str(config), mode=0o600, uid=os.getuid(), gid=os.getgid())
    result = await run_check(PathIs(id="c", path=str(config), fingerprint=right), HOST)
    assert result.status == "failed"
    assert right in result.evidence


@pytest.mark.parametrize(
    ("script", "fields", "status"),
    [
        ("echo '  attic '", {"line": "attic"}, "ok"),
        ("echo attic2", {"line": "attic"}, "failed"),
        ("echo attic; exit 3", {"line": "attic"}, "failed"),
        ("echo inactive", {"contains": "active"}, "failed"),
        ("echo is active now", {"contains": "active"}, "ok"),
        ("echo LANG=x >&2", {"contains": "LANG=x"}, "failed"),
        ("true", {}, "ok"),
    ],
)
async def test_a_command_says_it(script: str, fields: dict[str, str], status: str) -> None:
    result = await run_check(CommandSays(id="c", argv=("sh", "-c", script), **fields), HOST)
    assert result.status == status
    assert result.evidence.startswith("$ sh -c ")


async def test_of_what_is_written_to_one_file_has_to_be_new(config: Path) -> None:
    missing, old = str(config.with_name("missing")), config.with_name("old")
    old.touch()
    os.utime(old, (0, 0))
    check = WrittenLately(id="c", paths=(missing, str(old), str(config)), seconds=30)
    result = await run_check(check, HOST)
    assert result.status == "ok" and f"{missing} is missing" in result.evidence
    for paths in ((missing,), (str(old),), (str(config.parent),)):
        assert (await run_check(WrittenLately(id="c", paths=paths, seconds=30), HOST)).status == "failed"


async def test_of_what_a_quiet_check_reads_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "said").write_text("PASSWORD=hunter2\nwanted\n")
    for wanted in ("wanted", "PASSWORD=hunter3"):
        check = CommandSays(id="c", argv=("cat", str(tmp_path / "said"), "/no/such"), lines=(wanted,), quiet=True)
        result = await run_check(check, HOST)
        assert "hunter" not in result.evidence and "/no/such" in result.evidence
        assert ("it lacks 1 line" in result.evidence) == (wanted != "wanted")
    check = CommandSays(id="c", argv=("cat", str(tmp_path / "said")), lines=("wanted",), quiet=True)
    assert (await run_check(check, HOST)).status == "ok"


async def test_what_can_not_be_asked_is_unknown() -> None:
    result = await run_check(CommandSays(id="c", argv=("no-such-program",)), HOST)
    assert (result.status, result.evidence) == ("unknown", "no-such-program is not installed")


async def test_evidence_is_bounded_and_safe_to_show() -> None:
    result = await run_check(CommandSays(id="c", argv=("sh", "-c", r"seq 1000; printf '\033[2J'"), line="5"), HOST)
    assert result.status == "ok"
    assert len(result.evidence.splitlines()) == 12
    assert result.evidence.endswith("\\x1b[2J")


async def test_a_check_with_time_waits_until_it_holds(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    check = CommandSays(id="c", argv=("test", "-e", str(flag)), within=20)
    running = asyncio.create_task(run_check(check, HOST))
    await asyncio.sleep(0.2)
    assert not running.done()
    flag.touch()
    assert (await running).status == "ok"


async def test_a_check_without_time_looks_once() -> None:
    assert (await run_check(CommandSays(id="c", argv=("false",), within=0), HOST)).status == "failed"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_an_open_port_answers_and_a_closed_one_does_not(port: int) -> None:
    result = await run_check(Answers(id="c", host="127.0.0.1", port=port), HOST)
    assert (result.status, result.evidence) == ("ok", f"$ connect 127.0.0.1 {port}\nconnected to 127.0.0.1 {port}")
    result = await run_check(Answers(id="c", host="127.0.0.1", port=1), HOST)
    assert result.status == "failed"
    assert "refused" in result.evidence


@pytest.mark.parametrize("host", ["-f", "a b", "a;b", "", "a\n"])
def test_a_host_is_no_option(host: str) -> None:
    with pytest.raises(ValueError, match="host"):
        Answers(id="c", host=host)


async def test_an_interface_that_is_not_there_has_no_address() -> None:
    result = await run_check(AddressUp(id="c", interface="nosuch0", address="192.0.2.1/24"), HOST)
    assert result.status == "failed"
    assert "nosuch0" in result.evidence


def test_checks_are_data() -> None:
    adapter: TypeAdapter[Check] = TypeAdapter(Check)
    check = FileValue(id="c", path="/etc/x", format="ini", key=("a", "b"), value=("1", "2"), within=3)
    assert adapter.validate_json(adapter.dump_json(check)) == check
    assert check.describe() == "/etc/x sets a.b to 1 2"


async def test_a_service_that_reads_its_files_again_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = ["reloading", "reloading", "active", "reloading", "active"]

    async def run(argv: Sequence[str], **more: object) -> Completed:
        state = states.pop(0) if len(states) > 1 else states[0]
        return Completed(tuple(argv), 0, f"ActiveState={state}\nNRestarts=0\nInvocationID=a\n", "")

    host = LocalHost(str(tmp_path))
    monkeypatch.setattr(host, "run", run)
    monkeypatch.setattr(checks, "_PAUSE", 0.01)
    assert (await UnitActive(id="a", name="x.service", seconds=0.01).look(host)).status == "ok"
    assert states == ["active"]
    states[:] = ["reloading"]
    monkeypatch.setattr(checks, "_RELOADS", 0.05)
    assert (await UnitActive(id="a", name="x.service", seconds=0.01).look(host)).status == "failed"
