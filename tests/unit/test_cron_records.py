"""What is read of the recorder's records: its own lines, and nothing that others may have put there."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.system.cron import records
from pi_installer_tui.system.cron.records import Record, Trend, parse, trend
from pi_installer_tui.system.local import LocalHost

from .recording import Recorder, pid_in


def line(run: str, begin: float, what: str = "", seconds: float = 1.0, **more: Any) -> bytes:
    said: dict[str, Any] = {"v": 1, "id": run, "begin": begin}
    if what:
        said |= {"end": begin + seconds, "seconds": seconds, "tries": 1, "what": what, **more}
    return json.dumps(said).encode() + b"\n"


def took(*seconds: float, what: str = "done") -> tuple[Record, ...]:
    """Runs, the newest first."""
    return tuple(Record(str(n), -n, "done" if n else what, -n + s, s) for n, s in enumerate(seconds))  # type: ignore[arg-type]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    found = Recorder(tmp_path)
    monkeypatch.setattr(records, "LOGS", str(found.logs))
    return found


async def read(job: Recorder, name: str = "job") -> tuple[Record, ...]:
    return await records.read(LocalHost(), job.own.name, name)


async def test_what_the_recorder_wrote_is_read(job: Recorder) -> None:
    assert await read(job) == ()
    job.run("echo one")
    job.run("-r", "1", "-w", "0", "kill $$")
    job.run("-p", "printf '\\377'; exit 4")
    last, killed, done = await read(job)
    assert (done.what, done.status, done.signal, done.tries, done.tail) == ("done", 0, None, 1, "one\n")
    assert (killed.what, killed.status, killed.signal, killed.tries) == ("failed", None, 15, 2)
    assert (last.what, last.status, last.tail, last.ping) == ("failed", 4, "\\xff", "its address can't be read")
    assert done.begin <= killed.begin <= last.begin
    assert done.end is not None and done.seconds is not None and done.end >= done.begin
    assert not (done.ping or done.cut)


async def test_a_run_that_goes_on_is_told_from_one_that_never_ended(job: Recorder, tmp_path: Path) -> None:
    with job.start(f"echo $$ >{tmp_path}/pid; exec sleep 1000") as process:
        child = pid_in(tmp_path / "pid")
        [running] = await read(job)
        assert (running.what, running.end) == ("running", None)
        process.kill()
        process.wait()
        os.kill(child, 9)
    [gone] = await read(job)
    assert gone == Record(running.id, running.begin, "interrupted")


async def test_a_process_of_another_start_of_the_machine_is_not_taken_for_the_run(job: Recorder) -> None:
    host, me = LocalHost(), os.getpid()
    began = records.began((await host.read(f"/proc/{me}/stat")).decode())
    boot = (await host.read(records.BOOT)).decode()[:8]
    runs = [
        f"{boot}-{me}-{began}",
        f"{boot}-{me}-{int(began) + 1}",
        f"00000000-{me}-{began}",
        f"-{me}-{began}",
        "x",
        "",
    ]
    job.file().write_bytes(b"".join(line(run, number) for number, run in enumerate(runs)))
    found = {record.id: record.what for record in await read(job)}
    assert found.pop(runs[0]) == "running"
    assert set(found.values()) == {"interrupted"} and len(found) == len(runs) - 1


async def test_only_the_end_of_a_long_record_is_read(job: Recorder) -> None:
    job.file().write_bytes(b"".join(line(str(number), number, "done") for number in range(1000)))
    found = await records.read(LocalHost(), job.own.name, "job", most=1000)
    assert [record.begin for record in found] == [999.0 - number for number in range(len(found))]
    assert 3 < len(found) < 15


async def test_no_link_and_no_pipe_is_read(job: Recorder, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(line("x", 1, "done"))
    job.file().symlink_to(tmp_path / "other")
    assert await read(job) == ()
    os.mkfifo(job.file("pipe"))
    assert await read(job, "pipe") == ()
    job.file("folder").mkdir()
    assert await read(job, "folder") == ()


@pytest.mark.parametrize(
    ("user", "name"), [("..", "x"), ("a/b", "x"), ("", "x"), ("pi", "../x"), ("pi", ""), ("pi", "ö")]
)
async def test_names_lead_nowhere_else(job: Recorder, user: str, name: str) -> None:
    assert await records.read(LocalHost(), user, name) == ()
    with pytest.raises(ValueError, match=r"^"):
        records.path(user, name)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes two users")
async def test_another_users_record_is_refused_and_not_told_to_be_empty(job: Recorder) -> None:
    job.run("true")
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError):
            await read(job)
    finally:
        os.seteuid(0)


def test_no_process_has_a_number_of_a_thousand_digits() -> None:
    boot = "01234567-89ab"
    assert records.process("01234567-42-99", boot) == (42, "99")
    for run in (f"01234567-{'9' * 5000}-1", "01234567-٤٢-1", "01234567--1-1", f"01234567-1-{'9' * 5000}"):
        assert records.process(run, boot) is None


@pytest.mark.parametrize("at", [0, 253_370_764_800])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue"])
def test_every_time_that_is_taken_is_a_date_anywhere(at: int, zone: str) -> None:
    [run] = parse(line("x", at))
    assert datetime.fromtimestamp(run.begin, ZoneInfo(zone))


def test_half_a_character_is_shown_as_what_it_is() -> None:
    [run] = parse(line("x", 1, "failed", status=1, tail="a\ud800b"))
    assert run.tail == "a\\ud800b"


def test_runs_side_by_side_and_in_any_order() -> None:
    data = (
        line("b", 20)
        + line("a", 10)
        + line("a", 10, "done")
        + line("c", 30, "locked")
        + line("d", 40, "failed", status=1)
    )
    assert [(record.id, record.what) for record in parse(data)] == [
        ("d", "failed"),
        ("c", "locked"),
        ("b", "interrupted"),
        ("a", "done"),
    ]
    assert parse(line("a", 10, "done") + line("a", 10))[0].what == "done", "an end is an end"


ODD: list[Any] = [
    {}, [], 1, None, "x", {"v": 1}, {"v": 2, "id": "x", "begin": 1}, {"v": 1, "id": 5, "begin": 1},
    {"v": 1, "id": "x", "begin": "1"}, {"v": 1, "id": "x", "begin": None}, {"v": 1, "id": "x", "begin": True},
    {"v": 1, "id": "x", "begin": 1, "what": "done"}, {"v": 1, "id": "x", "begin": 1, "what": ["done"], "end": 2},
    {"v": 1, "id": "x", "begin": 1, "end": 2, "seconds": 1, "what": "running"}, {"v": 1, "id": "x", "ping": "y"},
    {"v": 1, "id": "x", "begin": 1, "end": 2, "seconds": 1, "what": "done", "status": "0"},
    {"v": 1, "id": "x", "begin": 10**400}, {"v": 1, "id": "x", "begin": float("nan")},
    {"v": 1, "id": "x", "begin": 1e300}, {"v": 1, "id": "x", "begin": -1}, {"v": 1, "id": "9" * 5000, "begin": 1},
    {"v": 1, "id": "x", "begin": 1, "end": 2, "seconds": 1e300, "what": "done", "status": 0},
    {"v": 1, "id": "x", "begin": 1, "end": 2, "seconds": 1, "what": "failed", "status": 256},
    {"v": 1, "id": "x", "begin": 1, "end": 2, "seconds": 1, "what": "failed", "signal": 99999},
    {"v": 1, "id": "x", "begin": 1, "end": 2, "seconds": 1, "what": "failed", "status": 1e200},
]  # fmt: skip


@pytest.mark.parametrize("said", ODD, ids=str)
def test_what_is_no_line_of_ours_is_left_out(said: Any) -> None:
    whole = line("y", 1, "done")
    assert parse(json.dumps(said).encode() + b"\n" + whole) == parse(whole) != ()


@given(st.binary(max_size=200) | st.text('{}[]":,0123456789.eE-nulltrue vidbegnwhatdo\n', max_size=200).map(str.encode))
def test_no_bytes_break_it(data: bytes) -> None:
    assert any(record.id == "y" for record in parse(data + b"\n" + line("y", 1, "done")))
    parse(b"[" * 100_000)


def test_a_trend_takes_five_runs_that_were_done() -> None:
    assert trend(()) is None
    assert trend(took(10, 10, 10, 10, 10)) is None
    assert trend(took(10, 11, 12, 13, 14, 15)) == Trend(13, (15, 14, 13, 12, 11, 10), "usual")


@pytest.mark.parametrize(
    ("newest", "out"), [(300.0, "usual"), (500.0, "usual"), (620.0, "longer"), (160.0, "usual"), (100.0, "shorter")]
)
def test_a_run_that_is_out_of_line_is_told(newest: float, out: str) -> None:
    found = trend(took(newest, 300, 310, 290, 305, 295, 300))
    assert found is not None and (found.typical, found.newest) == (300, out)


def test_runs_that_scatter_widely_are_all_usual() -> None:
    found = trend(took(900, 10, 400, 30, 600, 5, 300, 200))
    assert found is not None and found.newest == "usual"


def test_seconds_more_or_less_are_usual() -> None:
    found = trend(took(1.9, 0.01, 0.01, 0.01, 0.01, 0.01))
    assert found is not None and found.newest == "usual"
    assert trend(took(0.0, 1.5, 1.5, 1.5, 1.5, 1.5)) == Trend(1.5, (1.5,) * 5 + (0.0,), "usual")


def test_a_run_that_ended_too_early_shows_whatever_came_of_it() -> None:
    found = trend(took(1, 300, 310, 290, 305, 295, 300, what="failed"))
    assert found is not None and (found.newest, found.recent[-1]) == ("shorter", 300)
