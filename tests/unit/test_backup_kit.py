"""The recovery kit: a page that is a script, QR codes that fit a console, and the proof that somebody has read it. Its
commands run on a bare machine in tests/machines/test_backup_places.py."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from pi_installer_tui.modules.backup.kit import MOST, Kit, NoPassword, code, compose, kit, parts, proves
from pi_installer_tui.modules.backup.places import FolderPlace, GcsPlace, PlaceSettings, RestPlace, S3Place, SftpPlace
from pi_installer_tui.system.demo.host import DemoHost
from pi_installer_tui.widgets.qr import modules
from tests.unit.backup_servers import ssh_key

PASSWORD = "Kx3mP-abcde-FGHJK-22345"
SECRET = 'it\'s "odd" & $HOME/+='
PLACES: dict[str, PlaceSettings] = {
    "folder": FolderPlace(kind="folder", path="/mnt/back up/restic", device="LABEL=back up", mount="/mnt/back up"),
    "sftp": SftpPlace(
        kind="sftp",
        host="nas.lan",
        port=2222,
        user="attic",
        path="/srv/pi",
        key="backup.k",
        host_key="ssh-ed25519 AAAA",
    ),
    "rest": RestPlace(
        kind="rest", url="https://nas.lan:8000", path="pi", user="attic", secret="backup.s", ca="/ca.pem"
    ),
    "s3": S3Place(
        kind="s3",
        url="https://s3.eu-west-1.amazonaws.com",
        bucket="attic",
        access_key="AKIA0",
        region="eu-west-1",
    ),
    "gcs": GcsPlace(kind="gcs", bucket="attic", path="pi", project="attic-project"),
}


def of(kind: str) -> Kit:
    secret = '{"client_email": "backup@attic-project", "private_key": "never on the page"}' if kind == "gcs" else SECRET
    have = {"password": PASSWORD, "secret": secret, "key": "-----BEGIN KEY-----\nabcd\n-----END KEY-----\n"}
    return compose(kind, PLACES[kind], have, machine="attic", ca="-----BEGIN CERTIFICATE-----\n")


@pytest.mark.parametrize("kind", PLACES)
def test_the_page_is_a_script_that_sets_what_restic_asks_for(kind: str) -> None:
    made = of(kind)
    assert subprocess.run(["bash", "-n"], input=made.text, text=True, capture_output=True, check=True).stderr == ""
    exports = "\n".join(line for line in made.text.splitlines() if line.startswith("export "))
    shown = subprocess.run(
        ["env", "-i", "bash", "-c", f"{exports}\nenv"], text=True, capture_output=True, check=True
    ).stdout.splitlines()
    assert f"RESTIC_PASSWORD={PASSWORD}" in shown
    expected = {
        "folder": ["RESTIC_REPOSITORY=/mnt/back up/restic"],
        "sftp": ["RESTIC_REPOSITORY=sftp://attic@nas.lan:2222//srv/pi"],
        "rest": [
            "RESTIC_REPOSITORY=rest:https://attic:it%27s%20%22odd%22%20%26%20%24HOME%2F%2B%3D@nas.lan:8000/pi/",
        ],
        "s3": [
            "RESTIC_REPOSITORY=s3:https://s3.eu-west-1.amazonaws.com/attic",
            "AWS_ACCESS_KEY_ID=AKIA0",
            f"AWS_SECRET_ACCESS_KEY={SECRET}",
            "AWS_DEFAULT_REGION=eu-west-1",
        ],
        "gcs": [
            "RESTIC_REPOSITORY=gs:attic:/pi",
            "GOOGLE_APPLICATION_CREDENTIALS=/root/recovery/account.json",
            "GOOGLE_PROJECT_ID=attic-project",
        ],
    }
    assert set(expected[kind]) <= set(shown)


@pytest.mark.parametrize("kind", PLACES)
def test_the_page_can_be_printed(kind: str) -> None:
    lines = of(kind).text.splitlines()
    assert len(lines) <= 60
    assert all(len(line) <= 78 for line in lines if line.startswith("# ") and "restic dump" not in line)
    assert "never on the page" not in "\n".join(lines)


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.skipif(shutil.which("zbarimg") is None, reason="zbarimg (package zbar-tools) reads the picture")
def test_a_phone_reads_each_code_from_an_80x24_console(kind: str, tmp_path: Path) -> None:
    made = of(kind)
    read: list[str] = []
    for part in made.qr:
        dark = modules(part)
        assert len(dark) + 4 <= 2 * 21  # two modules a row, below a title and above a footer and a line
        size = len(dark) + 8
        picture = Image.new("L", (size, size), 255)
        for y, row in enumerate(dark):
            for x, module in enumerate(row):
                picture.putpixel((x + 4, y + 4), 0 if module else 255)
        picture.resize((size * 8, size * 8), Image.Resampling.NEAREST).save(tmp_path / "code.png")
        argv = ["zbarimg", "--quiet", "--raw", str(tmp_path / "code.png")]
        read.append(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.removesuffix("\n"))
    assert tuple(read) == made.qr
    whole = "".join(part.split("\n", 1)[1] for part in read) if len(read) > 1 else read[0]
    exports = [line for line in made.text.splitlines() if line.startswith("export ")]
    assert whole == "\n".join([*exports, f"# {made.code}"])


def test_parts_are_whole_and_cut_no_character() -> None:
    assert parts("short") == ("short",)
    text = "ä€𝄞" * 100
    found = parts(text)
    assert all(len(part.encode()) <= MOST for part in found)
    assert [part.split("\n")[0] for part in found] == [f"{at}/{len(found)}" for at in range(1, len(found) + 1)]
    assert "".join(part.split("\n")[1] for part in found) == text


def test_what_was_typed_back_proves_it() -> None:
    made = of("s3")
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", made.code)
    assert made.text.rstrip().endswith(made.code)
    for typed in (PASSWORD, "kx3mpABCDEfghjk 22345", made.code, made.code.lower().replace("-", " ")):
        assert made.proves(typed), typed
    like_letters = made.code.replace("0", "O").replace("1", "l")
    assert made.proves(like_letters)
    for typed in ("", "-", PASSWORD[:-1], made.code[:-1], f"{PASSWORD}x"):
        assert not made.proves(typed), typed
    assert proves("- -", "0000-0000", "- -") and not proves("--", "0000-0000", "- -")


def test_the_code_names_place_and_password_and_gives_neither_away() -> None:
    codes = {code(name, where, password) for name in "ab" for where in "cd" for password in "ef"}
    assert len(codes) == 8
    assert code("a", "c", "e") == code("a", "c", "e")
    assert PASSWORD not in repr(of("s3")) and of("s3").code not in repr(of("s3"))


async def test_a_kit_is_made_of_what_lies_on_the_machine(tmp_path: Path) -> None:
    host = DemoHost.create(str(tmp_path))
    settings = S3Place(kind="s3", bucket="attic", access_key="AKIA0", secret="backup.s", password="backup.p")
    with pytest.raises(NoPassword):
        await kit(host, "far", settings)
    for name, value in {"p": f"{PASSWORD}\n", "s": SECRET}.items():
        path = f"/etc/pi-installer-tui/secrets/backup.{name}"
        await host.replace(path, value.encode(), mode=0o600, uid=0, gid=0)
    made = await kit(host, "far", settings)
    assert made.password == PASSWORD and "machine raspberrypi" in made.text
    assert made == compose("far", settings, {"password": PASSWORD, "secret": SECRET}, machine="raspberrypi")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen (package openssh-client) makes the key")
def test_a_key_that_a_page_has_no_room_for_is_asked_for(tmp_path: Path) -> None:
    have = {"password": PASSWORD, "key": ssh_key(tmp_path / "short")}
    assert have["key"] in compose("sftp", PLACES["sftp"], have).text
    long = "\n".join(["-----BEGIN KEY-----", *["A" * 70] * 48, "-----END KEY-----"])
    text = compose("sftp", PLACES["sftp"], {"password": PASSWORD, "key": long}).text
    assert "A" * 70 not in text and "put a private key there" in text
