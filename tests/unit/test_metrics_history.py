"""The history: what is written is what was sampled, whatever happens to the disk, the clock and the process."""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.metrics.clock import Clock
from pi_installer_tui.metrics.database import Database, Row
from pi_installer_tui.metrics.history import History
from pi_installer_tui.metrics.packed import Gathering, Span, pack, unpack
from pi_installer_tui.metrics.places import KEPT, RAW
from pi_installer_tui.metrics.recorder import Recorder

DAY = 24 * 3600
START = 1_700_000_000.0


class Machine:
    """A machine whose clock the test turns, and what its collector says."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runtime = folder / "state", folder / "run"
        self.monotonic, self.wall = 100.0, START
        self.boot, self.synchronised = "first", True
        self.said: list[str] = []

    def recorder(self, raw: int = 720, minutes: int = 10080, hours: int = 9600) -> Recorder:
        return Recorder(
            self.folder,
            self.runtime,
            raw=raw,
            minutes=minutes,
            hours=hours,
            boot=self.boot,
            clock=Clock(lambda: self.monotonic, lambda: self.wall, lambda: self.synchronised),
            say=self.said.append,
        )

    def goes_on(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds

    def sample(self, recorder: Recorder, count: int, seconds: float = 10.0, **values: float) -> None:
        """So many samples; each has its own number beside the values that were given."""
        for _ in range(count):
            self.goes_on(seconds)
            recorder.sample(self.monotonic, {"monotonic": self.monotonic, **values})

    def reboot(self, boot: str, *, off: float, clock: float | None = None) -> None:
        """clock: what it says after the start, if it isn't right."""
        for file in self.runtime.glob("*"):
            file.unlink()
        self.wall = self.wall + off if clock is None else clock
        self.monotonic, self.boot = 20.0, boot

    def history(self) -> History:
        return History.open(self.folder, self.runtime)

    def rows(self, ring: str = "minutes") -> list[Row]:
        database = Database.read(str(self.folder / KEPT))
        with closing(database):
            size = int(database.about(f"size.{ring}") or 0)
            newest = database.newest(ring, size) or 0
            return list(database.rows(ring, size, database.oldest(ring, size), newest))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# rows as bytes -------------------------------------------------------------------------------------------------------

values = st.floats(allow_nan=False, allow_infinity=False, width=32)
spans = st.tuples(values, values, values).map(lambda three: Span(*sorted(three)))


@given(st.dictionaries(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=8), spans, max_size=40))
def test_a_row_says_what_was_put_into_it(given_spans: dict[str, Span]) -> None:
    layout = tuple(sorted(given_spans))
    found = unpack(pack(given_spans, layout), layout)
    for name, span in given_spans.items():
        expected = Span(*[span.average] * 3) if span.least == span.most else span
        assert found[name] == expected


@given(st.binary(max_size=40), st.integers(0, 20))
def test_bytes_of_another_layout_are_refused_or_read_but_nothing_else(data: bytes, count: int) -> None:
    layout = tuple(f"{n:02}" for n in range(count))
    with suppress(ValueError):
        assert set(unpack(data, layout)) == set(layout)


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=50))
def test_an_average_lies_between_the_least_and_the_most(samples: list[float]) -> None:
    gathering = Gathering()
    for sample in samples:
        gathering.add({"x": sample})
    span = gathering.spans()["x"]
    assert (span.least, span.most) == (min(samples), max(samples))
    assert span.least <= span.average <= span.most
    assert span.average == pytest.approx(sum(samples) / len(samples), rel=1e-6, abs=1e-3)


# minutes and hours ---------------------------------------------------------------------------------------------------


def test_minutes_and_hours_say_what_was_sampled(machine: Machine) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 3 * 360 + 6, load=2.0)
    recorder.close()
    minutes, hours = machine.rows(), machine.rows("hours")
    assert sum(row.samples for row in minutes) == 3 * 360 + 6
    assert all(row.samples == 6 for row in minutes[1:-1])
    assert sum(row.samples for row in hours) in range(2 * 360, 3 * 360 + 1)
    with machine.history() as history:
        (point,) = history.series(["load"], machine.wall - 600, machine.wall, 1)["load"]
        assert point[1:4] == (2.0, 2.0, 2.0) and 54 <= point.samples <= 60
        long = history.series(["monotonic"], START, machine.wall, 3)["monotonic"]
        assert long[0].least == 110.0
        assert long[-1].most == pytest.approx(machine.monotonic)
        assert [a.most <= b.least for a, b in itertools.pairwise(long)] == [True] * (len(long) - 1)


def test_what_is_asked_for_closely_is_of_single_samples(machine: Machine) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 400)
    with machine.history() as history:
        points = history.series(["monotonic"], machine.wall - 600, machine.wall, 60)["monotonic"]
    assert len(points) == 60
    assert all(point.least <= point.average <= point.most for point in points)
    assert points[-1].most == machine.monotonic
    recorder.close()


def test_the_parts_of_a_range_come_from_what_still_holds_them_without_overlap(machine: Machine) -> None:
    recorder = machine.recorder(raw=12, minutes=70)
    machine.sample(recorder, 6 * 60 * 5)
    with machine.history() as history:
        points = history.series(["monotonic"], machine.wall - 3 * 3600, machine.wall, 1000)["monotonic"]
    recorder.close()
    assert [a.at < b.at for a, b in itertools.pairwise(points)] == [True] * (len(points) - 1)
    singles = [point for point in points if point.least == point.most]
    assert len(singles) >= 10  # two minutes of single samples, before them minutes, before them hours
    assert any(point.most - point.least > 3000 for point in points[:3])


@pytest.mark.parametrize("begins", range(0, 60, 7))
def test_what_is_kept_as_minutes_is_not_told_by_an_hour_again(machine: Machine, begins: int) -> None:
    """Whatever minute of the hour it began in: before it there is nothing, and no gap behind it."""
    machine.goes_on(begins * 60.0)
    recorder = machine.recorder()
    machine.sample(recorder, 720)
    recorder.close()
    with machine.history() as history:
        points = history.series(["monotonic"], machine.wall - 24 * 3600, machine.wall, 144)["monotonic"]
    steps = [later.at - one.at for one, later in itertools.pairwise(points)]
    assert 12 <= len(points) <= 13 and max(steps) < 700 and points[0].at >= machine.wall - 7260


def test_the_newest_sample_is_there_at_once_and_after_the_collector_has_gone(machine: Machine) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 1, load=1.5)
    with machine.history() as history:
        assert history.last() == (machine.wall, {"load": 1.5, "monotonic": machine.monotonic})
    recorder.close()
    (machine.runtime / RAW).unlink()
    with machine.history() as history:
        last = history.last()
    assert last is not None
    assert last[1]["load"] == 1.5


def test_nothing_kept_is_said(machine: Machine) -> None:
    with pytest.raises(FileNotFoundError):
        machine.history()


def test_names_that_could_break_something_are_left_out(machine: Machine) -> None:
    recorder = machine.recorder()
    machine.goes_on(10)
    bad = {"disk./a\nb.used": 1.0, "disk./\udc80.used": 1.0, "x": float("nan"), "y": float("inf"), "z": 1e300}
    recorder.sample(machine.monotonic, {**bad, "disk./tür.used": 3.0})
    recorder.close()
    with machine.history() as history:
        assert history.names() == ["disk./tür.used"]


# fixed size ----------------------------------------------------------------------------------------------------------


def test_three_years_don_t_grow() -> None:
    with TemporaryDirectory(dir="/dev/shm") as folder:  # 26000 minutes that are synced, each an hour of its own
        machine = Machine(Path(folder))
        recorder = machine.recorder(raw=12)
        sizes = []
        for day in range(3 * 365):
            usb = {"io.sda.read": float(day)} if day % 7 == 0 else {}
            machine.sample(recorder, 24, seconds=3600.0, load=day, **usb)
            if day in (500, 800, 3 * 365 - 1):
                recorder.close()
                sizes.append(sum(file.stat().st_size for file in machine.folder.iterdir()))
                recorder = machine.recorder(raw=12)
        recorder.close()
        assert len(machine.rows()) == 10080
        assert len(machine.rows("hours")) == 9600
        assert sizes[2] == sizes[1]


def test_a_full_ring_keeps_its_pages(machine: Machine) -> None:
    recorder = machine.recorder(raw=12, minutes=200, hours=50)
    pages = []
    for _ in range(6):
        machine.sample(recorder, 600, seconds=60.0, load=1.0)
        with closing(sqlite3.connect(machine.folder / KEPT)) as connection:
            pages.append(connection.execute("PRAGMA page_count").fetchone()[0])
    recorder.close()
    assert len(set(pages[-3:])) == 1
    assert len(machine.rows()) == 200


def test_metrics_that_come_and_go_don_t_pile_up(machine: Machine) -> None:
    recorder = machine.recorder(raw=12, minutes=100, hours=20)
    for number in range(1000):
        machine.sample(recorder, 2, seconds=30.0, **{f"net.usb{number}.sent": 1.0})
    recorder.close()
    with closing(sqlite3.connect(machine.folder / KEPT)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM layouts").fetchone()
    assert count <= 200


def test_starting_again_and_again_doesn_t_pile_up(machine: Machine) -> None:
    for number in range(30):
        machine.reboot(f"run {number}", off=30)
        recorder = machine.recorder(minutes=100, hours=3)
        if number % 10 == 0:
            machine.sample(recorder, 12)
        recorder.close()
    with closing(Database.read(str(machine.folder / KEPT))) as database:
        # three had samples, and the last one goes on
        assert [run.boot for run in database.runs()] == ["run 0", "run 10", "run 20", "run 29"]
    assert [row.run for row in machine.rows()] == sorted(row.run for row in machine.rows())
    assert sum(row.samples for row in machine.rows()) == 36


@pytest.mark.parametrize("size", [5, 30, 400])
def test_a_ring_of_another_size_keeps_the_newest(machine: Machine, size: int) -> None:
    recorder = machine.recorder(minutes=40)
    machine.sample(recorder, 6 * 100)
    recorder.close()
    before = machine.rows()
    recorder = machine.recorder(minutes=size)
    machine.sample(recorder, 6 * 3)
    recorder.close()
    rows = machine.rows()
    assert len(rows) == min(size, len(before) + len(rows) - len(before))
    assert [row.number for row in rows] == list(range(rows[0].number, rows[-1].number + 1))
    kept = [row for row in rows if row.number <= before[-1].number]
    assert kept == before[len(before) - len(kept) :]
    assert len(rows) <= size


@given(st.integers(1, 9), st.integers(0, 60))
def test_the_newest_and_the_oldest_row_are_found(size: int, count: int) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with closing(connection):
        database = Database(connection)
        database._prepare({"ring": size})
        for number in range(1, count + 1):
            database.put("ring", size, Row(number, 1, float(number), 1, 1, b""))
        assert database.newest("ring", size) == (count or None)
        assert database.oldest("ring", size) == max(1, count - size + 1)
        found = [row.number for row in database.rows("ring", size, database.oldest("ring", size), count)]
        assert found == list(range(max(1, count - size + 1), count + 1))


# the clock -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-400 * DAY, -3 * 3600, -90, 90, 5 * 3600, 400 * DAY])
def test_a_clock_that_is_set_moves_this_run_s_past_with_it_and_loses_nothing(machine: Machine, jump: float) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 6 * 30)
    machine.wall += jump
    machine.sample(recorder, 6 * 30)
    recorder.close()
    rows = machine.rows()
    assert sum(row.samples for row in rows) == 360
    with machine.history() as history:
        points = history.series(["monotonic"], machine.wall - 3700, machine.wall, 61)["monotonic"]
    assert min(point.least for point in points) == 110.0
    for point in points:
        # what was sampled 1000 s ago is shown 1000 s ago, by the clock that is right now
        assert machine.wall - point.at == pytest.approx(machine.monotonic - point.average, abs=65)


def test_a_clock_back_and_forth_leaves_the_times_right(machine: Machine) -> None:
    recorder = machine.recorder()
    for jump in (0, -7200, 3600, -DAY, DAY + 3600):
        machine.wall += jump
        machine.sample(recorder, 60)
    recorder.close()
    assert machine.wall == pytest.approx(START + 3000)
    assert sum(row.samples for row in machine.rows()) == 300
    with machine.history() as history:
        (point,) = history.series(["monotonic"], START - 60, machine.wall, 1)["monotonic"]
    assert (point.least, point.most) == (110.0, machine.monotonic)


def test_a_clock_before_the_last_row_goes_on_from_there_until_it_is_set_right(machine: Machine) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 60)
    recorder.close()
    last = machine.wall
    # no real-time clock: a day later it starts with a time of last week, and nothing keeps it right yet
    machine.reboot("second", off=0, clock=START - 7 * DAY)
    machine.synchronised = False
    recorder = machine.recorder()
    machine.goes_on(10)
    at = recorder.sample(machine.monotonic, {"monotonic": machine.monotonic})
    assert last < at < last + 200
    machine.sample(recorder, 60)
    machine.synchronised = True
    machine.wall = last + DAY
    machine.sample(recorder, 1)
    recorder.close()
    assert [row.run for row in machine.rows()] == sorted(row.run for row in machine.rows())
    with machine.history() as history:
        second = history.series(["monotonic"], machine.wall - 700, machine.wall, 1)["monotonic"]
        first = history.series(["monotonic"], START, last, 1)["monotonic"]
    assert second[0].least == 30.0
    assert first[0].most == 700.0


def test_a_past_of_a_clock_that_was_ahead_doesn_t_hold_up_one_that_is_right(machine: Machine) -> None:
    machine.wall = START + 9000 * DAY
    recorder = machine.recorder()
    machine.sample(recorder, 60)
    recorder.close()
    machine.reboot("second", off=0, clock=START)
    recorder = machine.recorder()
    machine.goes_on(10)
    assert recorder.sample(machine.monotonic, {"x": 1.0}) == pytest.approx(machine.wall)
    recorder.close()


def test_the_time_that_the_machine_was_off_is_empty(machine: Machine) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 60)
    recorder.close()
    machine.reboot("second", off=3600)
    recorder = machine.recorder()
    machine.sample(recorder, 60)
    recorder.close()
    with machine.history() as history:
        points = history.series(["monotonic"], START, machine.wall, 80)["monotonic"]
    gaps = [b.at - a.at for a, b in itertools.pairwise(points)]
    assert max(gaps) == pytest.approx(3600, abs=150)
    assert sum(gap > 200 for gap in gaps) == 1


# the process ---------------------------------------------------------------------------------------------------------


def test_a_collector_that_dies_without_a_word_loses_no_sample(machine: Machine) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 6 * 5 + 3)
    del recorder  # nothing is closed or written any more
    again = machine.recorder()
    machine.sample(again, 6 * 5 + 3)
    again.close()
    assert sum(row.samples for row in machine.rows()) == 66


def test_after_a_power_cut_at_most_the_minute_is_lost_that_wasn_t_written(machine: Machine) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 6 * 5 + 3)
    kept = machine.rows()
    del recorder
    machine.reboot("second", off=60)
    again = machine.recorder()
    machine.sample(again, 12)
    again.close()
    rows = machine.rows()
    assert rows[: len(kept)] == kept
    assert 33 - sum(row.samples for row in kept) <= 6
    assert sum(row.samples for row in rows[len(kept) :]) == 12


def test_what_an_earlier_process_saw_of_this_run_is_there_again(machine: Machine) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 2, load=7.0)
    recorder.close()
    assert machine.recorder().last()["load"] == 7.0
    machine.reboot("second", off=60)
    assert machine.recorder().last() == {}


# the disk ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for little."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    place = tmp_path / "state"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], check=False).returncode:
        pytest.skip("a tmpfs can't be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path: Path) -> None:
    """Takes all the room that there is."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        for size in (4096, 1):
            with suppress(OSError):
                while file.write(bytes(size)):
                    pass


def test_a_full_disk_is_said_once_and_what_waited_is_written_when_there_is_room(
    machine: Machine, small_disk: Path
) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 60)
    ballast = small_disk / "ballast"
    fill(ballast)
    machine.sample(recorder, 6 * 400)
    assert recorder.trouble == "full"
    assert len(machine.said) == 1
    assert "history.db" in machine.said[0]
    with machine.history() as history:
        assert history.trouble() == "full"
        assert history.series(["monotonic"], machine.wall - 600, machine.wall, 60)["monotonic"]
    ballast.unlink()
    machine.sample(recorder, 12)
    assert recorder.trouble == ""
    assert len(machine.said) == 2
    recorder.close()
    assert sum(row.samples for row in machine.rows()) == 60 + 2400 + 12
    assert [row.number for row in machine.rows()] == list(range(1, len(machine.rows()) + 1))
    with closing(sqlite3.connect(small_disk / KEPT)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_disk_that_is_full_from_the_start_doesn_t_stop_it(machine: Machine, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    fill(ballast)
    recorder = machine.recorder()
    machine.sample(recorder, 60)
    assert recorder.trouble
    ballast.unlink()
    machine.sample(recorder, 12)
    recorder.close()
    assert sum(row.samples for row in machine.rows()) == 72


@pytest.mark.parametrize("how", ["text", "holes", "cut", "empty-header"])
def test_a_damaged_database_is_set_aside_and_a_new_one_begun(machine: Machine, how: str) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 6 * 200)
    recorder.close()
    path = machine.folder / KEPT
    data = bytearray(path.read_bytes())
    match how:
        case "text":
            data[:] = b"this is no database\n" * 100
        case "holes":
            data[4096 : 4096 * 4] = bytes(range(256)) * 48
        case "cut":
            del data[len(data) // 2 :]
        case "empty-header":
            data[:100] = bytes(100)
    path.write_bytes(data)
    recorder = machine.recorder()
    machine.sample(recorder, 12)
    recorder.close()
    aside = [file for file in machine.folder.glob(f"{KEPT}.damaged-*") if not file.name.endswith("-wal")]
    assert [file.read_bytes() for file in aside] == [bytes(data)]
    assert any(str(aside[0]) in said for said in machine.said)
    # the last two hours were in memory as well
    assert sum(row.samples for row in machine.rows()) == 720 + 12


def test_a_database_that_is_damaged_while_it_is_written_is_set_aside_as_well(machine: Machine) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 6 * 300)
    path = machine.folder / KEPT
    assert recorder._kept is not None
    recorder._kept.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    recorder._kept.connection.execute("PRAGMA shrink_memory")
    with path.open("r+b") as file:
        file.write(b"\xff" * 40960)
    machine.sample(recorder, 60)
    recorder.close()
    assert list(machine.folder.glob(f"{KEPT}.damaged-*"))
    assert machine.rows()


def test_no_permission_is_said_and_doesn_t_stop_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.folder = Path("/proc/no-such-folder")
    recorder = machine.recorder()
    machine.sample(recorder, 12)
    assert recorder.trouble == "unwritable"
    assert len(machine.said) == 1
    machine.folder = machine.runtime
    recorder.close()


def test_the_files_are_their_owner_s_alone(machine: Machine) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 60)
    assert machine.folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o077 for file in (*machine.folder.iterdir(), *machine.runtime.iterdir())} == {0}
    recorder.close()


def test_each_minute_is_synced_to_the_disk(machine: Machine) -> None:
    recorder = machine.recorder()
    assert recorder._kept is not None
    assert recorder._kept.connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert recorder._kept.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    recorder.close()


def test_a_reader_doesn_t_hold_up_the_writer(machine: Machine) -> None:
    recorder = machine.recorder()
    machine.sample(recorder, 60)
    with machine.history() as history:
        assert history._kept is not None
        history._kept.connection.execute("BEGIN")
        before = history._kept.connection.execute("SELECT count(*) FROM minutes").fetchone()
        machine.sample(recorder, 60)
        assert recorder.trouble == ""
        assert history._kept.connection.execute("SELECT count(*) FROM minutes").fetchone() == before
        history._kept.connection.execute("COMMIT")
        with pytest.raises(sqlite3.OperationalError):
            history._kept.connection.execute("DELETE FROM minutes")
    recorder.close()
