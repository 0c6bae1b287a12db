"""Mail by SMTP: STARTTLS or TLS with verified certificates, a password only inside of one of them."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime

from pi_installer_tui.alerts.channels import Message, Refused
from pi_installer_tui.alerts.config import Channel

SECONDS = 20.0


def send(channel: Channel, secret: str, message: Message) -> str:
    sender = channel.sender or channel.user
    try:
        written = letter(channel, sender, message)
    except (ValueError, IndexError):
        raise Refused("an address isn't one") from None
    try:
        server = _connected(channel, secret)
        try:
            _check(server.mail(sender), "sender")
            refused = []
            for to in channel.to:
                code, said = server.rcpt(to)
                if code not in (250, 251):
                    refused.append(_words(code, said))
            if len(refused) == len(channel.to):
                raise Refused(refused[0] if refused else "nobody to send it to")
            answer = _check(server.data(written))
            return "; ".join([answer, *refused])
        finally:
            _leave(server)
    except smtplib.SMTPServerDisconnected:
        raise OSError("the server closed the connection") from None
    except smtplib.SMTPResponseException as error:
        raise Refused(_words(error.smtp_code, error.smtp_error)) from None
    except smtplib.SMTPNotSupportedError:
        raise Refused("the server offers no STARTTLS, or no way to log in that is known here") from None
    except smtplib.SMTPException as error:
        raise Refused(type(error).__name__) from None
    except UnicodeEncodeError:
        raise Refused("an address isn't ASCII") from None


def _connected(channel: Channel, secret: str) -> smtplib.SMTP:
    if channel.tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            channel.host, channel.port, timeout=SECONDS, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(channel.host, channel.port, timeout=SECONDS)
    try:
        server.ehlo_or_helo_if_needed()
        if channel.tls == "starttls":
            server.starttls(context=ssl.create_default_context())
            server.ehlo_or_helo_if_needed()
        if channel.user and secret:
            if channel.tls == "none" and channel.host not in ("localhost", "127.0.0.1", "::1"):
                raise Refused("a password isn't sent without TLS")
            server.login(channel.user, secret)
    except BaseException:
        server.close()
        raise
    return server


def _leave(server: smtplib.SMTP) -> None:
    """Says goodbye and waits for no answer (RFC 5321, 4.1.1.10, only advises to): what the server has taken counts
    whatever it says now, and is written down at once."""
    with contextlib.suppress(OSError, smtplib.SMTPException):
        server.putcmd("quit")
    server.close()


def letter(channel: Channel, sender: str, message: Message) -> bytes:
    """The message as SMTP carries it. Raises ValueError."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(channel.to)
    mail["Subject"] = " ".join(message.title.split())
    made = datetime.fromtimestamp(message.at, UTC)
    mail["Date"] = format_datetime(localtime(made))
    domain = sender.rpartition("@")[2]
    mail["Message-ID"] = f"<{message.id}@{domain if domain.isascii() and domain else 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence note comes back
    if message.severity == "critical" and message.kind not in ("recovered", "test"):
        mail["Importance"] = "high"
    mail.set_content(message.text or message.title)
    return mail.as_bytes()


def _check(answer: tuple[int, bytes], of: str = "") -> str:
    code, said = answer
    if not 200 <= code < 300:
        raise Refused(f"{of}: {_words(code, said)}" if of else _words(code, said))
    return _words(code, said)


def _words(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(text.split())}"[:300]
