"""The journal promises: numbers without gaps, no half line ever counted, and last words on a full disk."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_installer_tui.tasks.events import JobEnded, Output, StepDone, StepStarted
from pi_installer_tui.tasks.journal import Journal, Reader, read_all, write_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 160 KiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k,mode=0700", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
        while filler.write(b"x" * 4096):
            pass


def test_events_are_numbered_from_one_without_gaps(path: Path) -> None:
    with contextlib.closing(Journal(path)) as journal:
        for number in range(5):
            journal.append(StepStarted(step=f"s{number}"))
    with contextlib.closing(Journal(path)) as journal:
        journal.append(JobEnded(outcome="done"))
    assert [event.seq for event in read_all(path)] == [1, 2, 3, 4, 5, 6]


def test_a_line_torn_at_any_byte_is_no_event_and_is_cut_off_by_the_next_writer(path: Path) -> None:
    with contextlib.closing(Journal(path)) as journal:
        journal.append(StepStarted(step="first"))
        whole = path.stat().st_size
        journal.append(StepDone(step="first", changed=True, after={"/etc/ä": "file:644"}))
    data = path.read_bytes()
    for cut in range(whole, len(data)):
        path.write_bytes(data[:cut])
        assert [event.seq for event in read_all(path)] == [1]
        with contextlib.closing(Journal(path)) as journal:
            journal.append(JobEnded(outcome="failed"))
        assert [(event.seq, event.kind) for event in read_all(path)] == [(1, "step-started"), (2, "job-ended")]


@pytest.mark.parametrize("left", [b"\0" * 40 + b"\n", b"{}garbage\n", b'{"kind":"step-started"}\n', b"[]\n"])
def test_a_journal_ends_before_what_a_power_cut_left(path: Path, left: bytes) -> None:
    with contextlib.closing(Journal(path)) as journal:
        journal.append(StepStarted(step="first"))
    with path.open("ab") as file:
        file.write(left)
    assert [event.seq for event in read_all(path)] == [1]
    with contextlib.closing(Journal(path)) as journal:
        journal.append(JobEnded(outcome="failed"))
    assert [event.seq for event in read_all(path)] == [1, 2]


def test_a_reader_gives_each_event_once_while_the_journal_grows(path: Path) -> None:
    reader = Reader(path)
    assert reader.read() == []
    with contextlib.closing(Journal(path)) as journal:
        seen = []
        for number in range(20):
            journal.append(Output(step="s", text=f"{number}\n"))
            seen += [event.seq for event in reader.read()]
    assert seen == list(range(1, 21))


def test_a_line_longer_than_a_chunk_is_read_whole(path: Path) -> None:
    with contextlib.closing(Journal(path)) as journal:
        journal.append(Output(step="s", text="x" * 10_000 + "\n"))
        journal.append(JobEnded(outcome="done"))
    reader = Reader(path)
    assert [event.kind for event in reader.read(limit=1000)] == ["output", "job-ended"]


def test_reading_from_a_number_on_leaves_out_what_came_before(path: Path) -> None:
    with contextlib.closing(Journal(path)) as journal:
        for _ in range(4):
            journal.append(StepStarted(step="s"))
    assert [event.seq for event in read_all(path, after=2)] == [3, 4]


def test_on_a_full_disk_nothing_half_is_written_and_the_end_can_still_be_told(small_disk: Path) -> None:
    path = small_disk / "events.jsonl"
    with contextlib.closing(Journal(path)) as journal:
        assert not journal.tight
        journal.append(StepStarted(step="s"))
        fill(small_disk)
        with pytest.raises(OSError, match="No space"):
            journal.append(Output(step="s", text="y" * 20_000 + "\n"))
        assert [event.seq for event in read_all(path)] == [1]
        journal.last_words(StepDone(step="s", changed=True, after={f"/etc/{n}": "x" * 70 for n in range(100)}))
        journal.last_words(JobEnded(outcome="failed", reason="disk-full"))
    assert [(event.seq, event.kind) for event in read_all(path)] == [
        (1, "step-started"),
        (2, "step-done"),
        (3, "job-ended"),
    ]


def test_without_space_for_last_words_a_journal_says_that_it_is_tight(small_disk: Path) -> None:
    path = small_disk / "events.jsonl"
    path.touch()
    fill(small_disk)
    with contextlib.closing(Journal(path)) as journal:
        assert journal.tight


def test_a_file_that_does_not_fit_leaves_the_old_one_and_nothing_beside_it(small_disk: Path) -> None:
    path = small_disk / "index.json"
    write_file(path, b"old")
    with pytest.raises(OSError, match="No space"):
        write_file(path, b"n" * 500_000)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in small_disk.iterdir()] == ["index.json"]


def test_our_files_are_nobody_elses_to_read(path: Path) -> None:
    Journal(path).close()
    write_file(path.with_name("plan.json"), b"{}")
    assert {entry.stat().st_mode & 0o777 for entry in path.parent.iterdir()} == {0o600}
