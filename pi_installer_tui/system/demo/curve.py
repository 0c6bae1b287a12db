"""The public half of a Curve25519 key, for the player of `wg pubkey`. Not for keys that guard anything: it takes a time
that depends on the key."""

from __future__ import annotations

import base64
import hashlib

_P = 2**255 - 19
_A24 = 121_665


def private(seed: str) -> str:
    """A private key in base64 that is always the same for a text."""
    return base64.b64encode(clamped(hashlib.sha256(seed.encode()).digest())).decode()


def clamped(key: bytes) -> bytes:
    """32 bytes as a private key (RFC 7748, 5, decodeScalar25519)."""
    return bytes((key[0] & 248, *key[1:31], key[31] & 127 | 64))


def public(private_key: str) -> str:
    """The public key of a private one, both in base64. Raises ValueError for what isn't 32 bytes. Source: RFC 7748, 5:
    the Montgomery ladder, from the base point 9."""
    raw = base64.b64decode(private_key, validate=True)
    if len(raw) != 32:
        raise ValueError("a key has 32 bytes")
    k = int.from_bytes(clamped(raw), "little")
    x2, z2, x3, z3, swap = 1, 0, 9, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % _P, b * b % _P, d * a % _P, c * b % _P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % _P, 9 * (da - cb) ** 2 % _P
        x2, z2 = aa * bb % _P, e * (aa + _A24 * e) % _P
    if swap:
        x2, z2 = x3, z3
    return base64.b64encode((x2 * pow(z2, _P - 2, _P) % _P).to_bytes(32, "little")).decode()
