"""Sends messages in a process of its own, so that the collector holds neither ssl nor http: `python -I -m
pi_installer_tui.alerts.deliver`. What to send comes by standard input (outbox.request); for each message a line of JSON
goes out: id, taken, and what the server said.

Secrets are read here, from the file that the channel names, and are in nothing that leaves this process but what goes
to the server: every text that comes back is searched for them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sqlite3
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pi_installer_tui.alerts.channels import Message, Refused, way
from pi_installer_tui.alerts.config import Channel

#: seconds; SIGALRM ends this process then, also one whose collector is gone
LIMIT = 120
#: seconds to wait for the process before, whose collector was killed
_WAIT = 60.0


def main() -> int:
    """Does what standard input says. Errors have no values in them."""
    signal.alarm(LIMIT)
    given = json.load(sys.stdin)
    if "ping" in given:
        _print("ping", *_pinged(Path(given["ping"])))
        return 0
    raw = given["channel"]
    channel = Channel(**{**raw, "to": tuple(raw["to"])})
    messages: list[dict[str, Any]] = given["messages"]
    ledger = Path(given["ledger"]) if given["ledger"] else None
    with _alone(channel, ledger) as alone:
        if not alone:
            for facts in messages:
                _print(facts["id"], False, "an earlier delivery still runs")
            return 0
        sent = _sent(ledger, [facts["id"] for facts in messages])
        unheard = ""
        for facts in messages:
            if facts["id"] in sent:
                _print(facts["id"], True, sent[facts["id"]])
                continue
            if unheard:  # nobody answers: the others needn't wait for that
                _print(facts["id"], False, unheard)
                continue
            taken, said, heard = _one(channel, facts)
            if taken and ledger is not None:
                _keep(ledger, facts["id"], said)
            _print(facts["id"], taken, said)
            unheard = "" if heard else said
    return 0


def _print(message: str, taken: bool, said: str) -> None:
    print(json.dumps({"id": message, "taken": taken, "said": said}), flush=True)


def _one(channel: Channel, facts: dict[str, Any]) -> tuple[bool, str, bool]:
    """Whether it was taken, what was said, and whether anybody answered."""
    from pi_installer_tui.alerts import words

    try:
        secret = read_secret(channel.secret) if channel.secret else ""
    except (OSError, UnicodeDecodeError) as error:
        return False, f"the secret's file can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}", True
    message = Message(
        facts["id"], words.title(facts), words.text(facts), facts["severity"], facts["kind"], facts["at"], facts
    )
    try:
        return True, hide(way(channel.by)(channel, secret, message), channel, secret), True
    except Refused as error:
        return False, hide(str(error), channel, secret), True
    except OSError as error:
        return False, hide(no_answer(error), channel, secret), False
    except Exception as error:  # its text might hold what must not be seen
        return False, type(error).__name__, True


def no_answer(error: OSError) -> str:
    """Why there is no answer, in words."""
    reason = getattr(error, "verify_message", "") or error.strerror or str(error) or type(error).__name__
    return " ".join(str(reason).split())[:300]


def read_secret(path: str) -> str:
    """A secret's file, without the end of its line. Raises OSError, UnicodeDecodeError."""
    return Path(path).read_text("utf-8").strip("\r\n")


def hide(text: str, channel: Channel, secret: str) -> str:
    """A text without the secret, and without what a URL has beside its host: there tokens stand too."""
    parts = set()
    with contextlib.suppress(ValueError):
        url = urlsplit(channel.url)
        parts = {url.path, url.path.strip("/"), url.query, url.password or "", channel.url}
        parts |= {each for each in url.path.split("/") if len(each) >= 16}
        parts |= {pair.partition("=")[2] for pair in url.query.split("&")}
    parts |= {secret, quote(secret, safe=""), quote(secret)}
    if secret:
        import base64

        for plain in (secret, f"{channel.user}:{secret}", f"\0{channel.user}\0{secret}"):
            parts.add(base64.b64encode(plain.encode()).decode())
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= 4:
            text = text.replace(part, "(secret)")
    return text


def _pinged(file: Path) -> tuple[bool, str]:
    """A dead-man ping: a GET of the URL in the file."""
    from pi_installer_tui.alerts.channels.http import request

    try:
        url = read_secret(str(file)).strip()
    except (OSError, UnicodeDecodeError) as error:
        return False, f"the URL's file can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}"
    as_channel = Channel(name="dead-man", by="webhook", url=url)
    try:
        return True, hide(request("GET", url), as_channel, url)
    except Refused as error:
        return False, hide(str(error), as_channel, url)
    except OSError as error:
        return False, hide(no_answer(error), as_channel, url)
    except Exception as error:
        return False, type(error).__name__


# the ledger: what was sent is written down here too, for a collector that was killed meanwhile -----------------------


@contextlib.contextmanager
def _alone(channel: Channel, ledger: Path | None) -> Iterator[bool]:
    """Holds the channel's lock, so that no message goes out twice at a time. False: another process keeps it."""
    if ledger is None:
        yield True
        return
    try:
        name = f"deliver-{zlib.crc32(channel.name.encode()):08x}.lock"
        file = os.open(ledger.parent / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:  # no room for a lock: better twice than never
        yield True
        return
    try:
        yield _locked(file)
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    end = time.monotonic() + _WAIT
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.1)


def _sent(ledger: Path | None, ids: list[str]) -> dict[str, str]:
    """Those that were taken already, with what the server said."""
    if ledger is None:
        return {}
    try:
        with contextlib.closing(_file(ledger)) as file:
            marks = ", ".join("?" * len(ids))
            question = f"SELECT id, said FROM outbox WHERE sent IS NOT NULL AND id IN ({marks})"
            return {row[0]: row[1] for row in file.execute(question, ids)}
    except sqlite3.Error:
        return {}


def _keep(ledger: Path, message: str, said: str) -> None:
    with contextlib.suppress(sqlite3.Error), contextlib.closing(_file(ledger)) as file:
        file.execute(
            "UPDATE outbox SET sent = ?, said = ?, tries = tries + 1 WHERE id = ?", (time.time(), said, message)
        )
        file.commit()


def _file(ledger: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=rw", uri=True, timeout=5)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as error:  # no traceback: it would show what was sent
        print(type(error).__name__, file=sys.stderr)
        sys.exit(1)
