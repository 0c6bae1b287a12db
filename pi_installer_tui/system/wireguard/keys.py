"""Keys of WireGuard's: Curve25519, 32 bytes in base64 (wg(8))."""

from __future__ import annotations

import base64
import binascii

_BYTES = 32


def is_key(text: str) -> bool:
    """Whether this is a key, private, public or preshared, as wg(8) writes them."""
    try:
        return len(text) == 44 and len(base64.b64decode(text, validate=True)) == _BYTES
    except (binascii.Error, ValueError):
        return False
