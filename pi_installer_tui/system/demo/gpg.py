"""The player of gpg with a passphrase: what it makes is no OpenPGP and guards nothing, but only the same passphrase
opens it again."""

from __future__ import annotations

import base64
import hashlib
import hmac

from pi_installer_tui.system.demo.players import Call, Refused, player

_BEGIN, _END = "-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----"


def _stream(passphrase: bytes, length: int) -> bytes:
    key = hashlib.sha256(b"demo" + passphrase).digest()
    blocks = (hmac.digest(key, n.to_bytes(8, "big"), "sha256") for n in range(-(-length // 32)))
    return b"".join(blocks)[:length]


def _joined(data: bytes, passphrase: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(data, _stream(passphrase, len(data)), strict=True))


@player("gpg", package="gpg")
async def gpg(call: Call) -> int:
    options = call.options(
        *("--batch", "--quiet", "-q", "--no-tty", "--yes", "--symmetric", "-c", "--decrypt", "-d", "--armor", "-a"),
        *("--pinentry-mode=", "--passphrase-fd=", "--output=", "-o=", "--homedir=", "--cipher-algo=", "--s2k-mode="),
        *(
            "--s2k-digest-algo=",
            "--s2k-count=",
            "--no-autostart",
            "--no-keyring",
            "--no-symkey-cache",
            "--no-options",
            "--version",
        ),
    )
    if options.has("--version"):
        await call.out("gpg (GnuPG) 2.4.7")
        return 0
    passphrase, rest = b"", call.input
    match options.value("--passphrase-fd"):
        case "0":
            passphrase, _newline, rest = call.input.partition(b"\n")
        case "":
            raise Refused("gpg: no passphrase was given", 2)
        case number:
            import os

            passphrase = os.read(call.fds[int(number)], 4096).partition(b"\n")[0]
    if options.has("--decrypt", "-d"):
        text = call.machine.text(options.words[0]) if options.words else rest.decode("ascii", "replace")
        if text is None:
            raise Refused(f"gpg: can't open '{options.words[0]}': No such file or directory", 2)
        lines = text.strip().splitlines()
        if len(lines) < 3 or (lines[0], lines[-1]) != (_BEGIN, _END):
            raise Refused("gpg: no valid OpenPGP data found.", 2)
        data = base64.b64decode("".join(lines[1:-1]))
        plain = _joined(data[32:], passphrase)
        if not hmac.compare_digest(hashlib.sha256(passphrase + plain).digest(), data[:32]):
            raise Refused("gpg: decryption failed: Bad session key", 2)
        await call.out(plain.decode(), end="")
        return 0
    if not options.has("--symmetric", "-c"):
        raise Refused("gpg: only --symmetric and --decrypt are played", 2)
    sealed = base64.b64encode(hashlib.sha256(passphrase + rest).digest() + _joined(rest, passphrase)).decode()
    made = "\n".join([_BEGIN, "", *(sealed[at : at + 64] for at in range(0, len(sealed), 64)), _END, ""])
    if path := options.value("--output", "-o"):
        call.machine.write(path, made, 0o600)
    else:
        await call.out(made, end="")
    return 0
