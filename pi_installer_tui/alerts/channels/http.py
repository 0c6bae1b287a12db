"""One HTTP request. Certificates are verified, redirections aren't followed (a token would go to another server), and
no error has a part of the URL in it."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from pi_installer_tui import __version__
from pi_installer_tui.alerts.channels import Refused

SECONDS = 20.0
_MOST = 64 * 1024
#: what a URL may not hold (RFC 3986), and what a header may not (RFC 9110, 5.5)
_NEVER = re.compile(r"[\x00-\x20\x7f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def request(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None, *, more: str = ""
) -> str:
    """Sends it, and says the server's answer: `200 OK`. more: added to the URL's path. Raises Refused for any answer
    but 2xx, with what the server says of it, and for a URL that can't be; OSError where there is no answer."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Refused("the URL isn't one") from None
    path = (parts.path.rstrip("/") + more if more else parts.path) or "/"
    path = f"{path}?{parts.query}" if parts.query else path
    if parts.scheme not in ("http", "https") or not host or not path.isascii() or _NEVER.search(host + path):
        raise Refused("the URL isn't one")
    connection = _connection(parts.scheme, host, port)
    told = {"User-Agent": f"pi-installer-tui/{__version__}", **(headers or {})}
    try:
        connection.request(method, path, body, {name: _CONTROL.sub(" ", value).strip() for name, value in told.items()})
        answer = connection.getresponse()
        said = answer.read(_MOST)
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP answer: {type(error).__name__}") from None
    except UnicodeEncodeError:
        raise Refused("a character that HTTP can't carry") from None
    finally:
        connection.close()
    status = f"{answer.status} {answer.reason}".strip()
    if not 200 <= answer.status < 300:
        raise Refused(": ".join(part for part in (status, reason(said)) if part))
    return status


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=SECONDS)
    import ssl

    return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=ssl.create_default_context())


def reason(body: bytes) -> str:
    """Why, in a server's own words: of JSON the usual keys, else the text's beginning."""
    text = body.decode("utf-8", "replace").strip()
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if isinstance(told, dict):
        for key in ("description", "errorDescription", "message", "error", "detail", "title"):
            if isinstance(told.get(key), str):
                return str(told[key])[:300]
    return "" if text.startswith("<") else " ".join(text.split())[:200]


def post_json(url: str, document: object, headers: Mapping[str, str] | None = None, *, more: str = "") -> str:
    """A POST of JSON. As `request`."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return request("POST", url, {"Content-Type": "application/json", **(headers or {})}, body, more=more)
