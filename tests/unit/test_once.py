"""A file is handed out once, over real HTTP: previews don't use it up, ten minutes end it, who comes second is late."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pi_installer_tui.system.once import LASTS, Offer, Once

CONTENT = "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Clock:
    """A clock that is set."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Running:
    once: Once
    clock: Clock
    said: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self, method: str, path: str | None = None, body: str | None = None) -> tuple[int, str, dict[str, str]]:
        parts = urlsplit(self.once.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        connection.request(method, parts.path if path is None else path, body, FORM if body is not None else {})
        answer = connection.getresponse()
        found = answer.status, answer.read().decode(), dict(answer.getheaders())
        connection.close()
        return found

    def take(self) -> tuple[int, str]:
        status, text, _headers = self.ask("POST", body="take=yes")
        return status, text


@pytest.fixture
def running() -> Iterator[Running]:
    clock, said = Clock(), list[str]()
    once = Once(Offer(CONTENT, "phone", "phone.conf", "127.0.0.1"), said.append, clock)
    found = Running(once, clock, said)

    def serve() -> None:
        once.serve()
        found.over.set()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield found
    clock.now += 1e6
    thread.join(10)
    assert found.over.is_set() and said[-1] == "over"


def test_it_is_handed_out_once_and_then_it_is_gone(running: Running) -> None:
    status, page, headers = running.ask("GET")
    assert status == 200 and "phone" in page and "PrivateKey" not in page
    assert headers["Cache-Control"] == "no-store"
    status, text, headers = running.ask("POST", body="take=yes")
    assert (status, text) == (200, CONTENT)
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''phone.conf"
    assert running.take()[0] == 410
    assert running.ask("GET")[0] == 410
    assert [line.split()[0] for line in running.said] == ["seen", "given"]


def test_previews_of_messengers_do_not_use_it_up(running: Running) -> None:
    for _ in range(5):
        assert running.ask("HEAD")[:2] == (200, "")
        assert "PrivateKey" not in running.ask("GET")[1]
    assert running.ask("POST")[0] == 400
    assert running.ask("POST", body="x=1&take=no")[0] == 400
    assert running.take() == (200, CONTENT)


def test_without_the_token_there_is_nothing(running: Running) -> None:
    assert len(re.sub(r"[^A-Za-z0-9_-]", "", running.once.token)) >= 22  # 128 bits in base64
    for path in ("/", "/favicon.ico", running.once.url[:-1].rpartition("/")[2], f"/{running.once.token}x", "//"):
        assert running.ask("GET", path)[0] == 404
        assert running.ask("POST", path, "take=yes")[0] == 404
    assert running.take()[0] == 200


def test_ten_minutes_end_it(running: Running) -> None:
    running.clock.now = LASTS - 1
    assert running.ask("GET")[0] == 200
    running.clock.now = LASTS + 1
    assert running.over.wait(10)
    with pytest.raises(OSError):
        running.take()
    assert "given 127.0.0.1" not in running.said


def test_after_it_was_fetched_it_stays_for_a_minute_to_say_so(running: Running) -> None:
    assert running.take()[0] == 200
    assert running.take()[0] == 410  # the first one is over and done with
    running.clock.now = 59
    assert running.take()[0] == 410
    running.clock.now = 61
    assert running.over.wait(10)


def test_of_many_at_once_one_gets_it(running: Running) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = [each.result()[0] for each in [pool.submit(running.take) for _ in range(8)]]
    assert sorted(found) == [200, *[410] * 7]


def test_a_connection_that_breaks_off_does_not_use_it_up(running: Running) -> None:
    parts = urlsplit(running.once.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    connection.putrequest("POST", parts.path)
    connection.putheader("Content-Length", "8")
    connection.endheaders()
    connection.close()
    assert running.take() == (200, CONTENT)


def test_the_process_has_it_from_its_standard_input_alone() -> None:
    argv = [sys.executable, "-P", "-m", "pi_installer_tui.system.once"]
    offer = Offer(CONTENT, "phone", "phone.conf", "127.0.0.1")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(offer.dump())
        process.stdin.close()
        url = process.stdout.readline().removeprefix("at ").strip()
        seen = [Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
        assert not any(b"yAnz5TF" in each for each in seen)
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        connection.request("POST", parts.path, "take=yes", FORM)
        assert connection.getresponse().read().decode() == CONTENT
        assert process.stdout.readline() == "given 127.0.0.1\n"
        process.terminate()


def test_an_address_that_is_not_here_is_said() -> None:
    argv = [sys.executable, "-P", "-m", "pi_installer_tui.system.once"]
    offer = Offer(CONTENT, "phone", "phone.conf", "192.0.2.1")
    done = subprocess.run(argv, input=offer.dump(), capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout.startswith("failed ")
    assert json.loads(offer.dump())["address"] == "192.0.2.1"
