"""Keys that lie in files: read, looked at, and told in words what is wrong; with real ones, made by ssh-keygen."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pi_installer_tui.modules.backup import MODULE, keys
from pi_installer_tui.modules.backup.places import GcsPlace, PlaceSettings, S3Place, SftpPlace
from pi_installer_tui.modules.backup.settings import BackupSettings
from pi_installer_tui.system.local import LocalHost

HERE = LocalHost()
NAS = SftpPlace(kind="sftp", host="nas.lan", path="restic", key="backup.places.nas.key")
GOOGLE = GcsPlace(kind="gcs", bucket="mine", secret="backup.places.google.secret")
ACCOUNT = {
    "type": "service_account",
    "client_email": "a@b.iam.gserviceaccount.com",
    "private_key": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
}


def made(folder: Path, *options: str, passphrase: str = "") -> Path:
    path = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-N", passphrase, "-C", "x", "-f", str(path), *options], check=True)
    return path


async def told(place: PlaceSettings, path: Path | str) -> tuple[str, str]:
    """The value that comes out, and what is wrong with it."""
    (field,) = keys.fields(place)
    name = getattr(place, field)
    found, wrong = await keys.complete(HERE, {"here": place}, {name: str(path)})
    for mistake in wrong:
        assert mistake.place == f"backup.places.here.{field}"
    return found[name], "; ".join(mistake.message for mistake in wrong)


@pytest.mark.parametrize(
    "options",
    [("-t", "ed25519"), ("-t", "ecdsa"), ("-t", "rsa", "-b", "2048"), ("-t", "rsa", "-b", "2048", "-m", "PEM")],
)
async def test_a_key_is_read_and_one_with_a_passphrase_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = made(tmp_path, *options)
    assert await told(NAS, path) == (path.read_text(), "")
    path.unlink()
    locked = made(tmp_path, *options, passphrase="correct horse")
    _value, why = await told(NAS, locked)
    assert "a passphrase protects this key" in why


async def test_what_isnt_a_private_key_is_told_from_one(tmp_path: Path) -> None:
    path = made(tmp_path, "-t", "ed25519")
    lines = path.read_text().splitlines()
    account = tmp_path / "account.json"
    account.write_text(json.dumps(ACCOUNT))
    wrong = {
        path.with_suffix(".pub").read_text(): "public half",
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n": "PuTTY",
        "hello\nworld\n": "isn't an SSH private key",
        account.read_text(): "",
        "\n".join([lines[0], *lines[2:]]): "damaged",
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n": "ssh-keygen can't read this key",
    }
    for text, words in wrong.items():
        file = tmp_path / "wrong"
        file.write_text(text)
        _value, why = await told(NAS, file)
        assert why and words in why, text
        assert not any(line in why for line in lines[1:-1]), "nothing of a key gets into words"
    sk = keys.ssh_mistake(_openssh(b"none", b"sk-ssh-ed25519@openssh.com"))
    assert "token" in sk


def _openssh(cipher: bytes, kind: bytes) -> str:
    """The head of a key as PROTOCOL.key has it."""
    import base64

    def text(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    blob = b"openssh-key-v1\0" + text(cipher) + text(b"none") + text(b"") + b"\0\0\0\1" + text(text(kind) + b"rest")
    return (
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{base64.b64encode(blob).decode()}\n-----END OPENSSH PRIVATE KEY-----\n"
    )


async def test_a_file_that_cant_be_it_is_named(tmp_path: Path) -> None:
    large, binary = tmp_path / "large", tmp_path / "binary"
    large.write_bytes(b"x" * 30_000)
    binary.write_bytes(b"\xff\xfe\x00")
    for path, words in (
        (tmp_path / "gone", "there is no file"),
        (tmp_path, "isn't a file"),
        (large, "too large"),
        (binary, "isn't text"),
        ("key", "type the whole path"),
        ("/dev/zero", "isn't a file"),
    ):
        assert words in (await told(NAS, path))[1]


async def test_a_service_account_is_told_from_json_of_another_kind(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    file.write_text(json.dumps(ACCOUNT, indent=2))
    assert await told(GOOGLE, file) == (file.read_text(), "")
    file.write_text(json.dumps({"type": "authorized_user", "client_secret": "geheim"}, indent=2))
    why = (await told(GOOGLE, file))[1]
    assert "service_account" in why and "geheim" not in why
    file.write_text(json.dumps({**ACCOUNT, "private_key": None}, indent=2))
    assert "lacks private_key" in (await told(GOOGLE, file))[1]
    file.write_text("no\njson\n")
    assert "isn't JSON" in (await told(GOOGLE, file))[1]


async def test_what_comes_by_a_file_of_secrets_is_judged_too(tmp_path: Path) -> None:
    path = made(tmp_path, "-t", "ed25519", passphrase="correct horse")
    settings = BackupSettings(places={"nas": NAS})
    state = await MODULE.read(HERE)
    (wrong,) = await MODULE.judge(HERE, state, settings, {"backup.places.nas.key": path.read_text()})
    assert wrong.place == "backup.places.nas.key" and "passphrase" in wrong.message
    assert not await MODULE.judge(HERE, state, settings, {"backup.other": "x"})
    s3 = S3Place(kind="s3", bucket="mine", access_key="AK", secret="backup.places.s3.secret")
    assert await keys.complete(HERE, {"s3": s3}, {"backup.places.s3.secret": "/slash"}) == (
        {"backup.places.s3.secret": "/slash"},
        [],
    )


async def test_a_pair_is_made_that_ssh_takes(tmp_path: Path) -> None:
    pair = await keys.make(HERE, "backup-nas")
    path = tmp_path / "key"
    path.write_text(pair.private)
    path.chmod(0o600)
    done = await HERE.run(["ssh-keygen", "-y", "-f", str(path)], check=True)
    assert done.stdout.strip() == pair.public and pair.public.endswith(" backup-nas")
    assert keys.ssh_mistake(pair.private) == ""
