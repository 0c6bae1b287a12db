"""Every way out against real servers: what arrives, what the server's answer becomes, and that no secret is in anything
that comes back."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.alerts import outbox
from pi_installer_tui.alerts.channels.http import reason
from pi_installer_tui.alerts.config import Channel
from pi_installer_tui.alerts.outbox import Answer
from tests.unit.alert_servers import Authority, Mailbox, Request, Smtp, Web

TOKEN = "7312:AAH-verysecrettoken_9"
FACTS: dict[str, Any] = {
    "id": "6565f0a0.00ff",
    "kind": "fired",
    "alert": 3,
    "host": "attic",
    "rule": "disks",
    "what": "metric",
    "of": "disk./srv/fotos äü.used",
    "severity": "critical",
    "value": 96.2,
    "detail": "",
    "side": "above",
    "limit": 90.0,
    "fired": 1764255600.0,
    "at": 1764255600.0,
}
TITLE = "attic: critical: /srv/fotos äü: space in use 96.2 %"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "secret"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def web(authority: Authority) -> Iterator[Web]:
    server = Web(authority)
    yield server
    server.close()


@pytest.fixture
def smtp(authority: Authority) -> Iterator[Callable[..., tuple[Smtp, Mailbox]]]:
    servers = []

    def start(tls: bool = False, **behaves: Any) -> tuple[Smtp, Mailbox]:
        box = Mailbox(user="pi", password=TOKEN, **behaves)
        server = Smtp(authority, box, tls=tls)
        servers.append(server)
        return server, box

    yield start
    for server in servers:
        server.close()


def deliver(channel: Channel, ca: Path | None, *facts: dict[str, Any]) -> list[Answer]:
    """In the process that the collector starts. What it prints has no secret in it, whatever happened."""
    given = outbox.request(channel, list(facts or (FACTS,)))
    assert TOKEN not in given
    env = {key: value for key, value in os.environ.items() if not key.startswith("SSL_CERT")}
    env |= {} if ca is None else {"SSL_CERT_FILE": str(ca)}
    done = subprocess.run(outbox.ARGV, input=given, capture_output=True, text=True, env=env, check=False, timeout=60)
    for hidden in (
        TOKEN,
        base64.b64encode(TOKEN.encode()).decode(),
        base64.b64encode(f"\0pi\0{TOKEN}".encode()).decode(),
    ):
        assert hidden not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return list(outbox.parse(done.stdout).values())


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# mail -------------------------------------------------------------------------------------------------------------


def mail(port: int, secret: str, **more: Any) -> Channel:
    told: dict[str, Any] = {"user": "pi", "sender": "pi@attic.example", "to": ("o@example.org",), "host": "localhost"}
    return Channel(name="mail", by="mail", port=port, secret=secret, **(told | more))


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_mail_arrives_encrypted_and_logged_in(
    smtp: Callable[..., tuple[Smtp, Mailbox]], authority: Authority, secret: str, tls: str
) -> None:
    server, box = smtp(tls=tls == "tls")
    answer = deliver(mail(server.port, secret, tls=tls), authority.ca)
    assert answer == [Answer(True, "250 2.0.0 Ok: queued as 4F2A")]
    (got,) = box.mails
    assert box.encrypted == [True]
    assert str(got["Subject"]) == TITLE
    assert got["Message-ID"] == "<6565f0a0.00ff@attic.example>"
    assert got["Auto-Submitted"] == "auto-generated"
    assert "rule disks" in got.get_content()


def test_a_certificate_that_nobody_vouches_for_isnt_believed(
    smtp: Callable[..., tuple[Smtp, Mailbox]], secret: str
) -> None:
    server, box = smtp()
    (answer,) = deliver(mail(server.port, secret), None)
    assert not answer.taken and "certificate" in answer.said
    assert not any(line.startswith(("AUTH", "MAIL")) for line in box.said)


def test_a_certificate_of_another_name_isnt_believed(
    smtp: Callable[..., tuple[Smtp, Mailbox]], authority: Authority, secret: str
) -> None:
    server, box = smtp()
    (answer,) = deliver(mail(server.port, secret, host="127.0.0.2"), authority.ca)
    assert not answer.taken
    assert box.mails == []


@pytest.mark.parametrize(
    ("behaves", "channel", "said"),
    [
        ({"offers_starttls": False}, {}, "the server offers no STARTTLS"),
        ({}, {"user": "other"}, "535 5.7.8 Bad credentials: (secret) (secret)"),
        ({"rejects": {"o@example.org": "550 5.1.1 No such user here"}}, {}, "550 5.1.1 No such user here"),
        ({"after_data": "554 5.7.1 Spam"}, {}, "554 5.7.1 Spam"),
        ({}, {"to": ("a\r\nRCPT TO:<b>",)}, "an address isn't one"),
        ({}, {"to": ()}, ""),
    ],
)
def test_what_a_mail_server_answers_is_kept_in_words(
    smtp: Callable[..., tuple[Smtp, Mailbox]],
    authority: Authority,
    secret: str,
    behaves: dict[str, Any],
    channel: dict[str, Any],
    said: str,
) -> None:
    server, box = smtp(**behaves)
    (answer,) = deliver(mail(server.port, secret, **channel), authority.ca)
    assert not answer.taken and said in answer.said
    assert box.mails == []


def test_one_of_two_addresses_is_said_and_the_other_gets_it(
    smtp: Callable[..., tuple[Smtp, Mailbox]], authority: Authority, secret: str
) -> None:
    server, box = smtp(rejects={"gone@example.org": "550 5.1.1 No such user"})
    channel = mail(server.port, secret, to=("gone@example.org", "o@example.org"))
    assert deliver(channel, authority.ca) == [Answer(True, "250 2.0.0 Ok: queued as 4F2A; 550 5.1.1 No such user")]
    assert len(box.mails) == 1


def test_what_a_server_says_after_it_took_a_mail_changes_nothing(
    smtp: Callable[..., tuple[Smtp, Mailbox]], authority: Authority, secret: str
) -> None:
    server, box = smtp(after_quit="421 4.3.2 The system goes down")
    assert deliver(mail(server.port, secret), authority.ca) == [Answer(True, "250 2.0.0 Ok: queued as 4F2A")]
    assert len(box.mails) == 1


def test_a_password_isnt_sent_without_tls(authority: Authority, secret: str) -> None:
    box = Mailbox(user="pi", password=TOKEN)
    server = Smtp(authority, box, host="127.0.0.2")
    try:
        channel = mail(server.port, secret, host="127.0.0.2", tls="none")
        assert deliver(channel, authority.ca) == [Answer(False, "a password isn't sent without TLS")]
    finally:
        server.close()
    assert [line.split()[0].upper() for line in box.said] == ["EHLO"]


def test_nobody_listens(secret: str, authority: Authority) -> None:
    with_two = deliver(mail(1, secret), authority.ca, FACTS, FACTS | {"id": "two"})
    assert with_two == [Answer(False, "Connection refused")] * 2


# HTTP -------------------------------------------------------------------------------------------------------------


def channels(url: str, secret: str) -> dict[str, Channel]:
    return {
        "webhook": Channel("w", "webhook", url=f"{url}/hooks/{{secret}}?wait=true", secret=secret),
        "bearer": Channel("b", "webhook", url=f"{url}/hook", secret=secret),
        "ntfy": Channel("n", "ntfy", url=f"{url}/my-topic", secret=secret),
        "ntfy-user": Channel("n", "ntfy", url=f"{url}/my-topic", user="pi", secret=secret),
        "telegram": Channel("t", "telegram", url=url, chat="-100", secret=secret),
        "gotify": Channel("g", "gotify", url=f"{url}/base/", secret=secret),
    }


def test_a_webhook_gets_the_facts_and_the_words(web: Web, authority: Authority, secret: str) -> None:
    assert deliver(channels(web.url, secret)["webhook"], authority.ca) == [Answer(True, "200 OK")]
    (got,) = web.requests
    told = json.loads(got.body)
    assert got.path == f"/hooks/{TOKEN.replace(':', '%3A')}?wait=true"
    assert told["title"] == TITLE and told["text"].startswith(TITLE)
    assert {key: told[key] for key in FACTS} == FACTS
    assert got.headers["Idempotency-Key"] == FACTS["id"]
    assert "Authorization" not in got.headers


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("bearer", ("Authorization", f"Bearer {TOKEN}")),
        ("ntfy", ("Authorization", f"Bearer {TOKEN}")),
        ("ntfy-user", ("Authorization", f"Basic {base64.b64encode(f'pi:{TOKEN}'.encode()).decode()}")),
        ("gotify", ("X-Gotify-Key", TOKEN)),
    ],
)
def test_a_token_goes_where_the_server_looks_for_it(
    web: Web, authority: Authority, secret: str, name: str, header: tuple[str, str]
) -> None:
    assert deliver(channels(web.url, secret)[name], authority.ca) == [Answer(True, "200 OK")]
    assert web.requests[0].headers[header[0]] == header[1]


def test_ntfy_gets_title_priority_and_text(web: Web, authority: Authority, secret: str) -> None:
    deliver(
        channels(web.url, secret)["ntfy"], authority.ca, FACTS, FACTS | {"id": "2", "kind": "recovered", "value": 40.0}
    )
    fired, recovered = web.requests
    assert fired.path == "/my-topic"
    assert str(make_header(decode_header(fired.headers["Title"]))) == TITLE
    assert (fired.headers["Priority"], recovered.headers["Priority"]) == ("5", "3")
    assert "96.2 %" in fired.body.decode()


def test_telegram_and_gotify_get_their_documents(web: Web, authority: Authority, secret: str) -> None:
    for name in ("telegram", "gotify"):
        deliver(channels(web.url, secret)[name], authority.ca)
    telegram, gotify = web.requests
    assert telegram.path == f"/bot{TOKEN}/sendMessage"
    assert json.loads(telegram.body)["chat_id"] == "-100"
    assert json.loads(telegram.body)["text"].startswith(TITLE)
    assert gotify.path == "/base/message"
    assert json.loads(gotify.body)["priority"] == 8


@pytest.mark.parametrize("name", ["webhook", "bearer", "ntfy", "ntfy-user", "telegram", "gotify"])
def test_what_a_web_server_answers_is_kept_in_words_without_the_secret(
    web: Web, authority: Authority, secret: str, name: str
) -> None:
    def repeats(request: Request) -> tuple[int, bytes]:
        told = {"description": f"no {request.path} for {request.headers.get('Authorization', '')} {TOKEN}"}
        return 403, json.dumps(told).encode()

    web.answer = repeats
    (answer,) = deliver(channels(web.url, secret)[name], authority.ca)
    assert not answer.taken
    assert answer.said.startswith("403 Forbidden: no ")


def test_a_message_that_is_refused_holds_up_no_other(web: Web, authority: Authority, secret: str) -> None:
    web.answer = lambda request: (400, b"too long") if len(web.requests) == 0 else (200, b"")
    answers = deliver(channels(web.url, secret)["bearer"], authority.ca, FACTS, FACTS | {"id": "two"})
    assert answers == [Answer(False, "400 Bad Request: too long"), Answer(True, "200 OK")]


def test_a_redirection_isnt_followed(web: Web, authority: Authority, secret: str) -> None:
    web.answer = lambda _request: (302, b"")
    assert deliver(channels(web.url, secret)["bearer"], authority.ca) == [Answer(False, "302 Found")]
    assert len(web.requests) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"https://127.0.0.1:1/{TOKEN}", "Connection refused"),
        (f"https://localhost:99999999/{TOKEN}", "the URL isn't one"),
        (f"https://local host/{TOKEN}", "the URL isn't one"),
        (f"ftp://localhost/{TOKEN}", "the URL isn't one"),
        (f"/{TOKEN}", "the URL isn't one"),
        (f"https://localhost/{TOKEN} x\r\ny", "the URL isn't one"),
    ],
)
def test_a_token_in_the_url_is_in_no_error(url: str, said: str) -> None:
    given = outbox.request(Channel("w", "webhook", url=url), [FACTS])
    done = subprocess.run(outbox.ARGV, input=given, capture_output=True, text=True, check=False, timeout=60)
    assert list(outbox.parse(done.stdout).values()) == [Answer(False, said)]
    assert TOKEN not in done.stdout + done.stderr


def test_the_secrets_file_is_missing(web: Web, authority: Authority, tmp_path: Path) -> None:
    channel = channels(web.url, str(tmp_path / "gone"))["bearer"]
    (answer,) = deliver(channel, authority.ca)
    assert answer == Answer(False, "the secret's file can't be read: No such file or directory")
    assert web.requests == []


def test_what_cant_be_read_ends_without_showing_it() -> None:
    done = subprocess.run(
        outbox.ARGV, input=f'{{"channel": "{TOKEN}"}}', capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert TOKEN not in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_a_test_message_says_what_the_server_answered(web: Web, authority: Authority, secret: str) -> None:
    channel = channels(web.url, secret)["ntfy"]
    given = outbox.trial_request(channel, "attic", 1764255600.0)
    env = dict(os.environ) | {"SSL_CERT_FILE": str(authority.ca)}
    done = subprocess.run(outbox.ARGV, input=given, capture_output=True, text=True, env=env, check=False, timeout=60)
    assert outbox.trial_answer(done.stdout) == Answer(True, "200 OK")
    assert web.requests[0].headers["Title"] == "attic: this is a test"


def test_a_dead_man_ping_asks_the_url_in_its_file(web: Web, authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(f"{web.url}/ping/{TOKEN}\n")
    env = dict(os.environ) | {"SSL_CERT_FILE": str(authority.ca)}

    def ping() -> tuple[str, str]:
        given = json.dumps({"ping": str(file)})
        done = subprocess.run(
            outbox.ARGV, input=given, capture_output=True, text=True, env=env, check=False, timeout=60
        )
        assert TOKEN not in done.stdout + done.stderr
        answer = outbox.trial_answer(done.stdout)
        return ("taken" if answer.taken else "not"), answer.said

    assert ping() == ("taken", "200 OK")
    web.answer = lambda request: (404, f"{request.path} is not known".encode())
    assert ping() == ("not", "404 Not Found: (secret) is not known")
    assert [(r.method, r.path) for r in web.requests] == [("GET", f"/ping/{TOKEN}")] * 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"ok": false, "description": "Unauthorized"}', "Unauthorized"),
        (b'{"error": {"code": 1}}', '{"error": {"code": 1}}'),
        (b"<html>a page</html>", ""),
        (b"plain\n text", "plain text"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_a_servers_reason_is_found(body: bytes, said: str) -> None:
    assert reason(body) == said


def test_the_collector_imports_neither_ssl_nor_http() -> None:
    code = "import sys, pi_installer_tui.alerts.engine; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"ssl", "_ssl", "http.client", "smtplib", "asyncio", "email", "hashlib", "pydantic", "textual"}


def test_a_channel_goes_there_and_back() -> None:
    channel = replace(mail(25, "/x"), to=("a@b", "c@d"))
    raw = json.loads(outbox.request(channel, []))["channel"]
    assert Channel(**{**raw, "to": tuple(raw["to"])}) == channel
    assert raw == json.loads(json.dumps(asdict(channel)))
