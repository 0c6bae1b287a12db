"""The recorder run for real: input, output, status and signals are the command's, and the record says what came
of it."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.system.cron import recorder

from .recording import ENVIRONMENT, Recorder, is_root, pid_in, runs, until


@pytest.fixture
def job(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path, GRACE=0.3, LINGER=0.2)


# what it passes on ----------------------------------------------------------------------------------------------------


def test_input_output_and_status_are_passed_on_and_recorded(job: Recorder) -> None:
    before = time.time()
    done = job.run("cat; echo out; echo err >&2; exit 7", stdin=b"in\n")
    assert (done.stdout, done.stderr, done.returncode) == (b"in\nout\n", b"err\n", 7)
    begin, end = job.lines()
    assert begin == {"v": 1, "id": end["id"], "begin": end["begin"]}
    assert sorted(end.pop("tail").split()) == ["err", "in", "out"]
    assert before - 1 <= end["begin"] <= end["end"] <= time.time() + 1
    assert 0 <= end["seconds"] < 120
    rest = {name: end[name] for name in end if name not in ("id", "begin", "end", "seconds")}
    assert rest == {"v": 1, "status": 7, "tries": 1, "what": "failed"}
    assert stat.S_IMODE(job.file().stat().st_mode) == 0o600


def test_output_into_one_pipe_keeps_its_order(job: Recorder) -> None:
    command = "for i in 1 2 3 4 5 6 7 8; do echo o$i; echo e$i >&2; done"
    done = subprocess.run(job.argv(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT)
    assert done.stdout == b"".join(b"o%d\ne%d\n" % (i, i) for i in range(1, 9))
    assert job.last()["tail"].encode() == done.stdout


def test_the_environment_is_as_cron_gave_it(job: Recorder) -> None:
    odd = {"GREETING": "a b", "EMPTY": "", "TWO": "a\nb=c", "BYTES": "\udcff"}
    done = job.run("exec cat /proc/self/environ", env=odd)
    found = {each for each in done.stdout.split(b"\0") if each and not each.startswith((b"PWD=", b"OLDPWD=", b"_="))}
    assert found == {os.fsencode(f"{name}={value}") for name, value in {**ENVIRONMENT, **odd}.items()}


def test_folder_mask_descriptors_and_ignored_signals_are_as_before(job: Recorder, tmp_path: Path) -> None:
    command = "pwd; umask; ls /proc/self/fd; echo $0; grep -h -e SigIgn -e SigBlk /proc/self/status"
    bare = subprocess.run(["/bin/sh", "-c", command], capture_output=True, env=ENVIRONMENT, cwd=tmp_path, umask=0o027)
    argv = job.argv(command)
    done = subprocess.run(argv, capture_output=True, env=ENVIRONMENT, cwd=tmp_path, umask=0o027)
    *rest, ignored = done.stdout.split()
    *wanted, usual = bare.stdout.split()
    assert rest == wanted
    # posix_spawn(3) of glibc has its own 32 and 33 ignored, of which no program can make use
    assert int(ignored, 16) & 0x7FFFFFFF == int(usual, 16) & 0x7FFFFFFF


def test_the_shell_is_the_one_of_the_crontab(job: Recorder) -> None:
    assert job.run("a=(1 2); echo ${a[1]}", env={"SHELL": "/bin/bash"}).stdout == b"2\n"
    done = job.run("echo", env={"SHELL": "/nowhere/sh"})
    assert (done.returncode, job.last()["what"]) == (127, "failed")
    assert done.stderr == b"cron-record: /nowhere/sh: No such file or directory\n"


def test_bytes_that_are_no_text_are_passed_on_and_written_out_in_the_record(job: Recorder) -> None:
    done = job.run(r"printf '\377\000\033[1m\303\244\n'")
    assert done.stdout == b"\xff\0\x1b[1m\xc3\xa4\n"
    assert job.last()["tail"] == "\\xff\0\x1b[1m\xe4\n"
    assert job.file().read_bytes().isascii()


def test_a_hundred_megabytes_of_output_take_no_memory(job: Recorder) -> None:
    command = "head -c 100000000 /dev/zero | tr '\\0' x; echo; grep VmHWM /proc/$PPID/status"
    with job.start(command, stdout=subprocess.DEVNULL) as process:
        assert process.wait() == 0
    line = job.last()
    assert line["cut"] and len(line["tail"]) <= recorder.TAIL
    assert int(line["tail"].split()[-2]) < 40_000, "KiB"


def test_a_reader_that_is_gone_does_not_end_the_job(job: Recorder, tmp_path: Path) -> None:
    command = f"for i in 1 2 3; do seq 20000; done; echo whole >{tmp_path}/ended"
    with job.start(command) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait() == 0
    assert (tmp_path / "ended").read_text() == "whole\n"
    assert job.last()["tail"].endswith("20000\n")


def test_what_a_job_leaves_behind_is_not_waited_for_in_the_record_but_its_output_still_comes(
    job: Recorder, tmp_path: Path
) -> None:
    command = f"(until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo late) & echo early"
    with job.start("-l", command) as process:
        until(lambda: job.file().exists() and len(job.lines()) == 2)
        assert (job.last()["what"], job.last()["tail"]) == ("done", "early\n")
        assert job.run("-l", "true").returncode == 0, "the lock is free again"
        (tmp_path / "go").touch()
        assert process.communicate()[0] == b"early\nlate\n"


# how it ends ----------------------------------------------------------------------------------------------------------


def test_a_command_that_a_signal_ends(job: Recorder) -> None:
    assert job.run("kill -SEGV $$").returncode == 128 + signal.SIGSEGV
    line = job.last()
    assert (line["what"], line["signal"], "status" in line) == ("failed", signal.SIGSEGV, False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_recorder_ends_the_job(job: Recorder, tmp_path: Path, number: signal.Signals) -> None:
    with job.start(f"echo $$ >{tmp_path}/pid; exec sleep 1000") as process:
        child = pid_in(tmp_path / "pid")
        process.send_signal(number)
        assert process.wait() == 128 + number
    assert not runs(child)
    line = job.last()
    assert (line["what"], line["signal"]) == ("killed", number)


def test_the_time_limit_ends_what_ignores_it_too(job: Recorder, tmp_path: Path) -> None:
    hard = (
        f"trap '' TERM; (echo $(exec sh -c 'echo $PPID') >{tmp_path}/pid; while :; do sleep 1; done) & exec sleep 1000"
    )
    done = job.run("-t", "1", f'sh -c "{hard.replace("$", chr(92) + "$")}"; echo never')
    child = pid_in(tmp_path / "pid")
    until(lambda: not runs(child))
    assert done.returncode == recorder.TIMEOUT
    line = job.last()
    assert (line["what"], line["signal"]) == ("timeout", signal.SIGTERM)
    assert line["seconds"] >= 1
    assert b"never" not in done.stdout


def test_the_time_limit_lets_a_job_end_in_order(job: Recorder, tmp_path: Path) -> None:
    slow = Recorder(tmp_path / "slow", LINGER=0.2)
    done = slow.run("-t", "1", "trap 'echo tidy; exit 3' TERM; sleep 1000 & wait")
    assert (done.returncode, done.stdout, slow.last()["status"]) == (recorder.TIMEOUT, b"tidy\n", 3)


def test_a_failing_job_is_tried_again_with_the_same_input(job: Recorder, tmp_path: Path) -> None:
    command = f"echo x >>{tmp_path}/n; cat; test $(wc -l <{tmp_path}/n) = 3"
    done = job.run("-r", "5", "-w", "0", command, stdin=b"in\n")
    assert (done.returncode, done.stdout) == (0, b"in\n" * 3)
    assert (job.last()["tries"], job.last()["what"]) == (3, "done")
    done = job.run("-r", "1", "-w", "1", "exit 4")
    assert (done.returncode, job.last()["tries"], job.last()["status"]) == (4, 2, 4)
    assert job.last()["seconds"] >= 1
    assert len(job.lines()) == 4


def test_waiting_for_another_try_can_be_ended(job: Recorder) -> None:
    with job.start("-r", "1", "-w", "1000", "echo failed; exit 1") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"failed\n"
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM
    assert (job.last()["what"], job.last()["tries"]) == ("killed", 1)


def test_a_recorder_that_is_killed_leaves_a_run_that_never_ended(job: Recorder, tmp_path: Path) -> None:
    with job.start(f"echo $$ >{tmp_path}/pid; exec sleep 1000") as process:
        child = pid_in(tmp_path / "pid")
        process.kill()
        process.wait()
        os.kill(child, signal.SIGKILL)
    assert [set(line) for line in job.lines()] == [{"v", "id", "begin"}]
    job.run("true")
    assert [line.get("what") for line in job.lines()] == [None, None, "done"]


# two at once ----------------------------------------------------------------------------------------------------------


def test_with_the_lock_it_is_not_started_while_it_runs(job: Recorder, tmp_path: Path) -> None:
    with job.start("-l", f"echo $$ >{tmp_path}/pid; read x", stdin=subprocess.PIPE) as process:
        pid_in(tmp_path / "pid")
        second = job.run("-l", f"touch {tmp_path}/second")
        assert second.returncode == recorder.LOCKED
        assert second.stderr == b"cron-record: job still runs, so it isn't started again\n"
        assert job.last()["what"] == "locked"
        assert job.run("echo unlocked").stdout == b"unlocked\n"
        assert job.run("-l", "echo other", name="other").stdout == b"other\n"
        process.communicate(b"\n")
    assert not (tmp_path / "second").exists()
    assert job.run("-l", "echo again").stdout == b"again\n"


def test_a_lock_ends_with_its_holder(job: Recorder, tmp_path: Path) -> None:
    with job.start("-l", f"echo $$ >{tmp_path}/pid; exec sleep 1000") as process:
        child = pid_in(tmp_path / "pid")
        process.kill()
        process.wait()
        os.kill(child, signal.SIGKILL)
    assert job.run("-l", "true").returncode == 0


def test_two_at_once_lose_no_line(job: Recorder) -> None:
    processes = [job.start("-k", "1000000", f"echo {number}") for number in range(12)]
    for process in processes:
        process.communicate()
    tails = [line["tail"] for line in job.lines() if "what" in line]
    assert sorted(tails) == sorted(f"{number}\n" for number in range(12))
    assert len(job.lines()) == 24


# the record -----------------------------------------------------------------------------------------------------------


def test_the_record_keeps_to_its_size(job: Recorder, request: pytest.FixtureRequest, monkeypatch: Any) -> None:
    """By the script's own functions, since to start it so often takes minutes."""
    monkeypatch.setattr(recorder, "LOGS", str(job.logs))
    monkeypatch.setattr(os, "fdatasync", lambda _opened: None)
    chance = random.Random("sizes")
    written = 10_000 if request.config.getoption("--all") else 1000
    for number in range(written):
        record = recorder.Record("job", 20_000)
        told: dict[str, object] = {"v": 1, "id": f"{number}", "begin": number}
        record.write(told, sync=False)
        tail = bytes(chance.randrange(256) for _ in range(chance.choice([0, 10, 100, 3000])))
        record.write({**told, "end": number + 1, "what": "done"}, tail, sync=True)
        os.close(record._folder)
        assert job.file().stat().st_size <= 20_000
    ends = [line["id"] for line in job.lines() if "what" in line]
    assert ends == [str(number) for number in range(written - len(ends), written)], "the newest, in order"
    assert len(ends) > 3
    assert sorted(path.name for path in job.own.iterdir()) == ["job.jsonl"]


def test_a_record_that_is_too_long_is_cut_by_the_next_run(job: Recorder) -> None:
    job.file().write_text('{"v":1,"id":"old","begin":1,"end":2,"what":"done","tail":"x"}\n' * 20_000)
    assert job.run("-k", "5000", "echo new").returncode == 0
    assert job.file().stat().st_size <= 5000
    assert job.last()["tail"] == "new\n"


def test_a_run_that_still_goes_on_stays_known_when_the_record_is_cut(job: Recorder, tmp_path: Path) -> None:
    with job.start(f"echo $$ >{tmp_path}/pid; read x", stdin=subprocess.PIPE) as process:
        pid_in(tmp_path / "pid")
        [begun] = job.lines()
        sizes = [0]
        while sizes[-1] == max(sizes):
            assert job.run("-k", "4096", "head -c 700 /dev/zero | tr '\\0' x").returncode == 0
            sizes.append(job.file().stat().st_size)
        assert len(sizes) > 3 and begun in job.lines()
        process.communicate(b"\n")
    assert job.last()["id"] == begun["id"], "its end is written to the new file"


def test_a_torn_line_does_not_spoil_the_next_one(job: Recorder) -> None:
    job.run("true")
    with job.file().open("a") as file:
        file.write('{"v":1,"id":"torn","be')
    job.run("echo whole")
    lines = job.file().read_text().splitlines()
    assert lines[2] == '{"v":1,"id":"torn","be'
    assert lines[3].startswith('{"v":1,"id"') and '"tail":"whole\\n"' in lines[4]


def test_a_long_output_is_cut_at_the_beginning_of_a_line(job: Recorder) -> None:
    job.run("seq 100000")
    line = job.last()
    first, *_rest, last = line["tail"].split()
    assert line["cut"] and last == "100000" and len(first) == 5
    assert recorder.TAIL // 2 < len(line["tail"]) <= recorder.TAIL


# where it can't be recorded -------------------------------------------------------------------------------------------


def refused(job: Recorder, *words: str, name: str = "job") -> str:
    """Runs a job that has to run all the same; what is said."""
    done = job.run(*words, "echo ran; exit 5", name=name)
    assert (done.stdout, done.returncode) == (b"ran\n", 5)
    said = done.stderr.decode()
    assert said.startswith("cron-record: no record of ") and said.count("\n") == 1
    return said


def test_without_its_folder_the_job_still_runs(job: Recorder) -> None:
    job.own.rmdir()
    assert "No such file or directory" in refused(job)
    assert "No such file or directory" in refused(job, "-l")


@pytest.mark.parametrize("name", ["../x", ".x", "-x", "a b", "ö", "x" * 65, "a\nb", ""])
def test_a_name_that_is_no_file_name_is_refused_and_the_job_still_runs(job: Recorder, name: str) -> None:
    done = job.run("echo ran", name=name)
    assert done.stdout == b"ran\n"
    assert b"its name isn't up to 64 letters" in done.stderr
    assert list(job.own.iterdir()) == []


def test_what_others_may_write_to_is_not_used(job: Recorder) -> None:
    job.own.chmod(0o777)
    assert "others may write to" in refused(job)


def test_no_link_is_followed(job: Recorder, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine\n")
    job.file().symlink_to(other)
    assert "Too many levels of symbolic links" in refused(job)
    job.file().unlink()
    os.link(other, job.file())
    assert "isn't a file of its own" in refused(job)
    job.file().unlink()
    os.mkfifo(job.file())
    assert "isn't a file of its own" in refused(job)
    (job.own / "job.lock").symlink_to(other)
    refused(job, "-l")
    assert other.read_text() == "mine\n"
    target = tmp_path / "elsewhere"
    job.own.rename(target)
    job.own.symlink_to(target)
    assert "Not a directory" in refused(job)


@pytest.mark.skipif(not is_root(), reason="mounting takes root")
def test_on_a_full_disk_the_job_still_runs(job: Recorder) -> None:
    options = "size=16k,mode=700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(job.own)], capture_output=True)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        job.run("true")
        before = job.file().read_bytes()
        with job.file().open("ab") as file:
            file.write(b" " * (4096 - len(before) - 11) + b"\n")
        filled = os.open(job.own / "filler", os.O_WRONLY | os.O_CREAT)
        with pytest.raises(OSError, match="No space"):
            while True:
                os.write(filled, b"x" * 4096)
        os.close(filled)
        refused(job, "-l")
        lines = job.file().read_bytes()
        assert lines.startswith(before) and lines.endswith(b" \n"), "half a line isn't left"
        (job.own / "filler").unlink()
        job.run("true")
        assert job.file().read_bytes().count(b"done") == 2
    finally:
        subprocess.run(["umount", str(job.own)], check=True)


@pytest.mark.parametrize("words", [["-x"], ["-t"], ["-t", "1h"], ["-n"], ["--"]])
def test_options_that_are_not_known_are_refused(job: Recorder, words: list[str]) -> None:
    done = job.run(*words, "echo ran")
    assert (done.returncode, done.stdout) == (recorder.USAGE, b"")
    assert b"usage: cron-record -n NAME" in done.stderr
