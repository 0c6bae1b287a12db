"""One HTTP request of a trial, by urllib: certificates are checked, redirections aren't followed, proxies of the
environment are used as restic uses them."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pi_installer_tui import __version__
from pi_installer_tui.i18n import _

#: seconds that a server may stay silent
SILENCE = 20.0
_MOST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; any status."""

    status: int
    reason: str
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def said(self) -> str:
        """`403 Forbidden: why, in its own words`. Not scrubbed."""
        status = f"{self.status} {self.reason}".strip()
        told = self._told()
        return f"{status}: {told}" if told else status

    def _told(self) -> str:
        text = self.body.decode("utf-8", "replace").strip()
        try:
            found = json.loads(text)
        except ValueError:
            return "" if text.startswith("<") else text[:200]
        if not isinstance(found, dict):
            return ""
        error = found.get("error", found)
        if isinstance(error, dict):
            return str(error.get("message") or error.get("error_description") or "")
        return ": ".join(str(part) for part in (error, found.get("error_description")) if part)

    def json(self) -> dict[str, Any]:
        """Raises ValueError for what isn't an object."""
        found = json.loads(self.body)
        if not isinstance(found, dict):
            raise ValueError("not an object")
        return found


class Silent(Exception):
    """There was no answer: why, in words."""


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_named: object) -> None:
        return None


class Web:
    """ca: a PEM file of the certificates to trust instead of the system's, as restic takes it; "": the system's."""

    def __init__(self, ca: str = "") -> None:
        self._ca = ca

    def ask(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Answer:
        """Raises Silent."""
        told = {"User-Agent": f"pi-installer-tui/{__version__}", **(headers or {})}
        try:
            context = ssl.create_default_context(cafile=self._ca or None)
            opener = urllib.request.build_opener(_NoRedirection, urllib.request.HTTPSHandler(context=context))
            request = urllib.request.Request(url, data=body, headers=told, method=method)
            with opener.open(request, timeout=SILENCE) as answer:
                return Answer(answer.status, answer.reason, answer.read(_MOST))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.reason, error.read(_MOST))
        except urllib.error.URLError as error:
            raise Silent(silence(error.reason)) from None
        except (OSError, http.client.HTTPException) as error:
            raise Silent(silence(error)) from None


def silence(error: BaseException | str) -> str:
    """Why there was no answer, in words."""
    match error:
        case ssl.SSLCertVerificationError():
            said = _("the server's certificate isn't one to trust: {why}")
            return said.format(why=error.verify_message)
        case ssl.SSLError():
            return _("no encrypted connection: {why}").format(why=error.reason or error)
        case TimeoutError():
            return _("no answer within {seconds:g} s").format(seconds=SILENCE)
        case OSError(strerror=str(why)):
            return why
        case http.client.HTTPException():
            return _("what answers there doesn't speak HTTP: {why}").format(why=type(error).__name__)
        case _:
            return str(error)
