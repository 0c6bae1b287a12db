"""The recorder's dead man's switch, against real servers: one that answers, one that hangs, one that is gone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_installer_tui.system.cron import recorder

from .alert_servers import Authority, Web
from .recording import Recorder

SECRET = "5f0c2a7e-not-to-be-seen"


@pytest.fixture
def job(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "recorder")


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.close()


def trouble(job: Recorder) -> str:
    """What was noted of the last run's ping, "" for nothing."""
    lines = job.lines()
    return str(lines[-1].get("ping", "")) if lines[-1]["id"] == job.last()["id"] else ""


def asked(web: Web) -> list[str]:
    return [f"{request.method} {request.path}" for request in web.requests]


@pytest.mark.parametrize(("command", "ending"), [("true", ""), ("exit 3", "/fail"), ("kill $$", "/fail")])
def test_begin_and_end_are_told(job: Recorder, web: Web, command: str, ending: str) -> None:
    job.put_ping(f"{web.url}/{SECRET}/")
    job.run("-p", command)
    assert asked(web) == [f"GET /{SECRET}/start", f"GET /{SECRET}{ending}"]
    assert trouble(job) == ""


def test_the_question_of_an_address_stays_behind(job: Recorder, web: Web) -> None:
    job.put_ping(f"{web.url}/push/{SECRET}?create=1&n=2")
    job.run("-p", "true")
    assert asked(web) == [f"GET /push/{SECRET}/start?create=1&n=2", f"GET /push/{SECRET}?create=1&n=2"]


def test_only_those_who_ask_for_it_are_told_of(job: Recorder, web: Web) -> None:
    job.put_ping(f"{web.url}/{SECRET}")
    job.run("true")
    assert asked(web) == []


def test_a_job_that_is_tried_again_is_one_run_for_the_switch(job: Recorder, web: Web, tmp_path: Path) -> None:
    job.put_ping(f"{web.url}/{SECRET}")
    job.run("-p", "-r", "3", "-w", "0", f"mkdir {tmp_path}/first && exit 1; true")
    assert asked(web) == [f"GET /{SECRET}/start", f"GET /{SECRET}"]


def test_a_job_that_is_not_started_tells_nothing(job: Recorder, web: Web) -> None:
    job.put_ping(f"{web.url}/{SECRET}")
    with job.start("-l", "echo; read x", stdin=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert job.run("-l", "-p", "true").returncode == recorder.LOCKED
        process.communicate(b"\n")
    assert asked(web) == []


def test_what_the_server_refuses_is_noted(job: Recorder, web: Web) -> None:
    web.answer = lambda _request: (404, SECRET.encode())
    job.put_ping(f"{web.url}/{SECRET}")
    assert job.run("-p", "exit 3").returncode == 3
    assert trouble(job) == "the server refused it"
    web.answer = lambda _request: (200, b"")
    job.run("-p", "true")
    assert trouble(job) == ""


def test_a_server_that_hangs_keeps_the_job_from_nothing(tmp_path: Path) -> None:
    job = Recorder(tmp_path, PING=1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        job.put_ping(f"http://127.0.0.1:{server.getsockname()[1]}/{SECRET}")
        with job.start("-p", "-l", "echo ran; exit 3") as process:
            assert process.stdout is not None
            with server.accept()[0]:  # it is asked, and never answers
                assert process.stdout.readline() == b"ran\n"
                assert process.wait() == 3
    assert trouble(job) == "no answer in 1 seconds"
    assert job.last()["what"] == "failed"
    assert job.last()["seconds"] < 60


def test_a_server_that_is_gone(job: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    job.put_ping(f"http://127.0.0.1:{port}/{SECRET}")
    done = job.run("-p", "exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")
    assert trouble(job) == "the server can't be reached"


@pytest.mark.parametrize(
    "url", ["", "ftp://x/y", "http://", f"http://[{SECRET}", f"https:///{SECRET}", "http://x:port/"]
)
def test_an_address_that_is_none(job: Recorder, url: str) -> None:
    job.put_ping(url)
    done = job.run("-p", "echo ran")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"ran\n", b"")
    assert trouble(job)


def test_an_address_that_is_not_there_or_a_link(job: Recorder, tmp_path: Path) -> None:
    assert job.run("-p", "true").returncode == 0
    assert trouble(job) == "its address can't be read"
    (tmp_path / "url").write_text("http://127.0.0.1:1/")
    (job.pings / recorder.user() / "job.ping").symlink_to(tmp_path / "url")
    assert job.run("-p", "true").returncode == 0
    assert trouble(job) == "its address can't be read"


def test_a_server_has_to_prove_who_it_is(job: Recorder, tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    web = Web(authority)
    try:
        job.put_ping(f"{web.url}/{SECRET}")
        job.run("-p", "true", env={"SSL_CERT_FILE": str(authority.ca)})
        assert asked(web) == [f"GET /{SECRET}/start", f"GET /{SECRET}"]
        assert trouble(job) == ""
        job.run("-p", "true", env={"SSL_CERT_FILE": "/dev/null"})
        assert len(asked(web)) == 2
        assert trouble(job) == "the server can't be reached"
    finally:
        web.close()


def test_the_address_is_seen_nowhere(job: Recorder, web: Web) -> None:
    job.put_ping(f"{web.url}/{SECRET}")
    command = "cat /proc/*/cmdline /proc/$PPID/environ /proc/self/environ 2>/dev/null; true"
    done = job.run("-p", command)
    assert asked(web) == [f"GET /{SECRET}/start", f"GET /{SECRET}"]
    for shown in (done.stdout, done.stderr, job.file().read_bytes()):
        assert SECRET.encode() not in shown
