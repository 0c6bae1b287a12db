"""The verb `cron` in real processes on a demo machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_cli_verbs import Demo


@pytest.fixture(name="demo")
def a_demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path)


def test_what_runs_by_the_clock_is_listed_and_shown(demo: Demo) -> None:
    jobs = {each["job"]: each for each in demo.json("cron", "list", "--next")["jobs"]}
    timer = jobs["apt-daily.timer"]
    assert timer["kind"] == "timer" and timer["enabled"] and timer["next"] > 1.7e9
    coming = [each["next"] for each in jobs.values()]
    known = [at for at in coming if at is not None]
    assert known == sorted(known) and coming[: len(known)] == known
    shown = demo.run("cron", "show", "apt-daily.timer")
    assert shown.returncode == 0 and "switched on" in shown.stdout and max(map(len, shown.stdout.splitlines())) <= 80
    unknown = demo.run("cron", "show", "no-such-job")
    assert unknown.returncode == 3 and "`cron list` lists them" in unknown.stderr


def test_when_a_schedule_comes_is_told_and_a_mistake_has_its_place(demo: Demo) -> None:
    runs = demo.json("cron", "next", "0 12 * * *", "3")["runs"]
    assert [run["wall"][11:] for run in runs] == ["12:00:00"] * 3 and runs[1]["at"] - runs[0]["at"] in (
        82800,
        86400,
        90000,
    )
    said = demo.run("cron", "next", "0 12 * 13 *")
    assert said.returncode == 3 and "13 is no month" in said.stderr and "column 8" in said.stderr
