"""Until when certificates are valid, in a process of its own: `python -I -m pi_installer_tui.alerts.expiry WHAT ...`
prints one JSON object, by file or `host:port` the end in seconds since 1970 or why it isn't known. No certificate is
verified: when it ends is asked, also of one that nobody trusts."""

from __future__ import annotations

import base64
import json
import re
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

SECONDS = 15.0
_PEM = re.compile(b"-----BEGIN (?:TRUSTED )?CERTIFICATE-----(.*?)-----END (?:TRUSTED )?CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _VERSION, _UTC_TIME, _GENERAL_TIME = 0x30, 0xA0, 0x17, 0x18


def not_after(der: bytes) -> float:
    """The end of a certificate's validity (RFC 5280, 4.1): tbsCertificate's fifth field. Raises ValueError."""
    _tag, certificate, _rest = _element(der, _SEQUENCE)
    _tag, body, _rest = _element(certificate, _SEQUENCE)
    if body[:1] == bytes([_VERSION]):
        _tag, _version, body = _element(body)
    for _field in ("serialNumber", "signature", "issuer"):
        _tag, _value, body = _element(body)
    _tag, validity, _rest = _element(body, _SEQUENCE)
    _tag, _not_before, rest = _element(validity)
    tag, value, _rest = _element(rest)
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        text = ("20" if int(text[:2]) < 50 else "19") + text  # RFC 5280, 4.1.2.5.1
    elif tag != _GENERAL_TIME:
        raise ValueError("no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _element(data: bytes, expected: int | None = None) -> tuple[int, bytes, bytes]:
    """The first element of DER: its tag, its content, and what follows (X.690, 8.1)."""
    if len(data) < 2 or (expected is not None and data[0] != expected):
        raise ValueError("not a certificate")
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if start + length > len(data):
        raise ValueError("cut off")
    return data[0], data[start : start + length], data[start + length :]


def of_file(path: str) -> float:
    """The earliest end of a file's certificates, in PEM or DER: a chain ends with its first link. Raises OSError,
    ValueError."""
    data = Path(path).read_bytes()
    found = [base64.b64decode(each) for each in _PEM.findall(data)]
    return min(map(not_after, found)) if found else not_after(data)


def of_host(host: str, port: int) -> float:
    """The end of the certificate that a TLS server shows. Raises OSError, ValueError."""
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, port), timeout=SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as encrypted,
    ):
        shown = encrypted.getpeercert(binary_form=True)
    if shown is None:
        raise ValueError("no certificate")
    return not_after(shown)


def look(what: str) -> dict[str, float | str]:
    """A file, files by a pattern, or `host:port`."""
    from pi_installer_tui.alerts.watch.reach import target

    if not what.startswith("/"):
        try:
            host, port = target(what)
            return {what: of_host(host, port or 443)}
        except (OSError, ValueError) as error:
            return {what: getattr(error, "strerror", None) or str(error) or type(error).__name__}
    found: dict[str, float | str] = {}
    for path in sorted(map(str, Path("/").glob(what.lstrip("/")))) or [what]:
        try:
            found[path] = of_file(path)
        except (OSError, ValueError) as error:
            found[path] = getattr(error, "strerror", None) or str(error)
    return found


if __name__ == "__main__":
    together: dict[str, float | str] = {}
    for each in sys.argv[1:]:
        together |= look(each)
    print(json.dumps(together))
