"""LocalHost's commands, with the real programs of the machine that runs the tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from pi_installer_tui.system.host import CommandFailed, CommandNotFound, HostError
from pi_installer_tui.system.local import CHUNK, LocalHost

PYTHON = sys.executable


@pytest.fixture
def host() -> LocalHost:
    return LocalHost()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie doesn't."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def sleepers(seconds: str) -> list[str]:
    """The processes that have this argument."""
    return [p.parent.name for p in Path("/proc").glob("[0-9]*/cmdline") if seconds.encode() in content(p)]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def written(path: Path) -> str:
    """A file's text as soon as it has some."""
    for _ in range(1000):
        if text := content(path):
            return text.decode()
        await asyncio.sleep(0.01)
    raise AssertionError(f"nothing was written to {path}")


async def test_output_and_error_are_kept_apart(host: LocalHost) -> None:
    done = await host.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.status, done.stdout, done.stderr, done.ok) == (3, "out\n", "err\n", False)


async def test_an_argument_stays_one_argument(host: LocalHost) -> None:
    nasty = "a b; $(id) `id` \n'\"*"
    assert (await host.run(["printf", "%s", nasty])).stdout == nasty


async def test_a_program_that_is_not_installed_is_named(host: LocalHost) -> None:
    with pytest.raises(CommandNotFound, match="no-such-program is not installed"):
        await host.run(["no-such-program", "x"])
    assert await host.which("no-such-program") is None
    assert await host.which("sh") in ("/usr/bin/sh", "/bin/sh")


async def test_a_failure_is_raised_when_asked_for_and_names_the_last_line(host: LocalHost) -> None:
    with pytest.raises(CommandFailed, match="sh ended with status 4: second") as caught:
        await host.run(["sh", "-c", "echo first >&2; echo second >&2; exit 4"], check=True)
    assert caught.value.done.status == 4


async def test_a_signal_is_a_negative_status(host: LocalHost) -> None:
    assert (await host.run(["sh", "-c", "kill -9 $$"])).status == -signal.SIGKILL


@pytest.mark.parametrize("argv", [[], "ls", [""], ["echo", "a\0b"], ["echo", 1]])
async def test_what_is_no_list_of_arguments_is_refused(host: LocalHost, argv: list[str]) -> None:
    with pytest.raises((TypeError, ValueError)):
        await host.run(argv)


@pytest.mark.parametrize("env", [{"A=B": "x"}, {"": "x"}, {"A": "x\0y"}])
async def test_what_is_no_variable_is_refused(host: LocalHost, env: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"variable|NUL"):
        await host.run(["true"], env=env)


async def test_nothing_of_our_environment_reaches_a_command(host: LocalHost, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "COLUMNS", "LS_COLORS", "TZ", "PYTHONPATH", "LD_PRELOAD", "SYSTEMD_COLORS", "SECRET"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", "/nowhere")
    found = dict(line.split("=", 1) for line in (await host.run(["env"], env={"OURS": "1"})).stdout.splitlines())
    assert found.pop("OURS") == "1"
    assert found["LC_ALL"] == found["LANG"] == "C.UTF-8"
    assert found["DEBIAN_FRONTEND"] == "noninteractive"
    assert found["TERM"] == "dumb"
    assert found["PATH"].startswith("/usr/local/sbin:")
    assert found["HOME"] not in ("", "/nowhere")
    assert set(found) == {"PATH", "LC_ALL", "LANG", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "DEBIAN_FRONTEND"}


async def test_a_command_runs_in_the_root_with_empty_input_and_our_umask(host: LocalHost) -> None:
    before = os.umask(0o077)
    try:
        done = await host.run(["sh", "-c", "pwd; umask; cat"])
    finally:
        os.umask(before)
    assert done.stdout == "/\n0022\n"


async def test_input_and_output_larger_than_any_pipe_do_not_block(host: LocalHost) -> None:
    data = bytes(range(256)) * 40_000  # 10 MB
    echo = "import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
    done = await host.run(["sh", "-c", 'cat | tee /dev/stderr; echo "$0"', echo], input=data)
    assert len(done.stderr) == len(data.decode("utf-8", "replace"))
    async with host.start(["cat"], input=data) as process:
        assert b"".join([chunk async for chunk in process.chunks()]) == data
        assert await process.wait() == 0


async def test_a_command_that_does_not_want_its_input_just_ends(host: LocalHost) -> None:
    assert (await host.run(["true"], input=b"x" * 5_000_000)).status == 0


async def test_output_comes_in_bounded_chunks_and_waits_for_its_reader(host: LocalHost) -> None:
    async with host.start(["head", "-c", "20000000", "/dev/zero"]) as process:
        await asyncio.sleep(0.5)
        assert alive(process.pid), "it has to wait while nobody reads"
        sizes = [len(chunk) async for chunk in process.chunks()]
        assert await process.wait() == 0
    assert sum(sizes) == 20_000_000
    assert max(sizes) <= CHUNK


async def test_a_stream_joins_errors_in_their_place(host: LocalHost) -> None:
    async with host.start(["sh", "-c", "echo 1; echo 2 >&2; echo 3"]) as process:
        assert b"".join([chunk async for chunk in process.chunks()]) == b"1\n2\n3\n"


async def test_a_descriptor_can_be_passed_on(host: LocalHost) -> None:
    read, write = os.pipe()
    script = f"import os; os.write({write}, b'progress')"
    async with host.start([PYTHON, "-c", script], pass_fds=[write]) as process:
        os.close(write)
        assert await process.wait() == 0
    assert os.read(read, 100) == b"progress"
    os.close(read)


async def test_output_of_a_command_is_not_awaited_from_the_daemon_it_left(host: LocalHost, tmp_path: Path) -> None:
    start = time.monotonic()
    done = await host.run(["sh", "-c", f"setsid sleep 60 & echo $! > {tmp_path}/pid; echo started"])
    assert done.stdout == "started\n"
    assert time.monotonic() - start < 10
    pid = int((tmp_path / "pid").read_text())
    assert alive(pid), "what a command left running on purpose is left alone"
    os.kill(pid, signal.SIGKILL)


FAMILY = """
import os, signal, subprocess, sys, time
if sys.argv[2:]:
    if sys.argv[2] == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(sys.argv[1], "w").write(str(os.getpid()))
    time.sleep(600)
child = subprocess.Popen([sys.executable, "-c", os.environ["FAMILY"], sys.argv[1], os.environ["HEARING"]])
print("up", flush=True)
child.wait()
"""


@pytest.mark.parametrize("hearing", ["obedient", "deaf"])
@pytest.mark.parametrize("way", ["run", "start"])
async def test_cancelling_ends_the_grandchildren_too(host: LocalHost, tmp_path: Path, way: str, hearing: str) -> None:
    pid_file = tmp_path / "pid"
    argv, env = [PYTHON, "-c", FAMILY, str(pid_file)], {"FAMILY": FAMILY, "HEARING": hearing}

    async def work() -> None:
        if way == "run":
            await host.run(argv, env=env)
        else:
            async with host.start(argv, env=env, grace=0.5) as process:
                async for _ in process.chunks():
                    pass

    task = asyncio.ensure_future(work())
    grandchild = int(await written(pid_file))
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(grandchild)
    assert time.monotonic() - start < 60, "by itself it would have slept ten minutes"


async def test_a_second_cancellation_ends_the_group_at_once(host: LocalHost, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    argv = [PYTHON, "-c", FAMILY, str(pid_file)]
    task = asyncio.ensure_future(host.run(argv, env={"FAMILY": FAMILY, "HEARING": "deaf"}))
    grandchild = int(await written(pid_file))
    task.cancel()
    await asyncio.sleep(0.2)
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(grandchild)
    assert time.monotonic() - start < 4.5, "it would have five seconds"


async def test_an_error_in_the_reader_ends_the_command(host: LocalHost) -> None:
    with pytest.raises(ZeroDivisionError):
        async with host.start(["sleep", "600"]) as process:
            pid = process.pid
            raise ZeroDivisionError
    assert not alive(pid)


async def test_a_cancellation_while_starting_leaves_nothing(host: LocalHost) -> None:
    marker = f"6{os.getpid()}.25"
    for delay in (0, 0, 0.0005, 0.001, 0.003):
        task = asyncio.ensure_future(host.run(["sleep", marker]))
        await asyncio.sleep(delay)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert sleepers(marker) == []


async def test_ending_says_by_which_signal(host: LocalHost) -> None:
    async with host.start(["sleep", "600"]) as process:
        await process.end()
        assert await process.wait() == -signal.SIGTERM


async def test_hundreds_of_commands_leave_no_descriptor_open(host: LocalHost) -> None:
    await host.run(["true"])
    before = descriptors()
    for _ in range(20):
        await asyncio.gather(*(host.run(["echo", "x"]) for _ in range(10)))
    await asyncio.sleep(0.05)
    assert descriptors() <= before + 2


async def test_commands_are_refused_below_another_root(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=re.escape(str(tmp_path))):
        await LocalHost(str(tmp_path)).run(["true"])
