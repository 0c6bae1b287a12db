"""Repositories that are ready: copies of one that restic's own `init` made, its key wrapped again with the smallest
scrypt. restic reads N, r and p from the key's file, so it is a repository as any, that opens in no time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from base64 import b64decode, b64encode
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

#: scrypt's cost, the smallest there is (RFC 7914, 2)
_N = 2


def ready(path: Path, password: str) -> None:
    """An empty repository. Where there is no `openssl` its key is as dear as `init` made it."""
    shutil.copytree(Path(_made(password).name) / "repository", path)


@cache
def _made(password: str) -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="restic-ready-")
    repository = Path(folder.name) / "repository"
    env = {**os.environ, "RESTIC_PASSWORD": password, "RESTIC_CACHE_DIR": f"{folder.name}/cache"}
    subprocess.run(["restic", "-r", repository, "init"], env=env, check=True, capture_output=True)
    if shutil.which("openssl"):
        _wrap_again(next((repository / "keys").iterdir()), password)
    return folder


def _wrap_again(path: Path, password: str) -> None:
    """Of the file of a key (restic's design document, Keys, Encryption and MAC)."""
    key = json.loads(path.read_bytes())
    sealed = b64decode(key["data"])
    nonce, text, mac = sealed[:16], sealed[16:-16], sealed[-16:]
    derived = _derived(password, key)
    assert _poly1305(derived[32:], nonce, text) == mac, "the password, or how this reads a key, is wrong"
    opened = _aes("aes-256-ctr", derived[:32], text, nonce)
    key["N"], nonce = _N, os.urandom(16)
    derived = _derived(password, key)
    text = _aes("aes-256-ctr", derived[:32], opened, nonce)
    key["data"] = b64encode(nonce + text + _poly1305(derived[32:], nonce, text)).decode()
    content = json.dumps(key).encode()
    path.unlink()
    path.with_name(hashlib.sha256(content).hexdigest()).write_bytes(content)


def _derived(password: str, key: dict[str, int | str]) -> bytes:
    """Of AES-256-CTR (32 bytes), of Poly1305-AES (k and r, 16 each)."""
    n, r, p = (int(key[name]) for name in ("N", "r", "p"))
    salt = b64decode(str(key["salt"]))
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r + (1 << 20), dklen=64)


def _poly1305(key: bytes, nonce: bytes, text: bytes) -> bytes:
    """Poly1305-AES (Bernstein, 2005)."""
    k, r = key[:16], int.from_bytes(key[16:], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(text), 16):
        total = (total + int.from_bytes(text[at : at + 16] + b"\1", "little")) * r % ((1 << 130) - 5)
    total += int.from_bytes(_aes("aes-128-ecb", k, nonce), "little")
    return (total % (1 << 128)).to_bytes(16, "little")


def _aes(cipher: str, key: bytes, text: bytes, nonce: bytes = b"") -> bytes:
    argv = ["openssl", "enc", f"-{cipher}", "-nopad", "-K", key.hex(), *(["-iv", nonce.hex()] if nonce else [])]
    return subprocess.run(argv, input=text, capture_output=True, check=True).stdout
