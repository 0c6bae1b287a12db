"""What restic, ssh and servers printed when something was wrong, and what is made of it. The texts are 0.14's and
0.18's own; tests/restic/cases.py brings most of them about."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.restic.answers import Cause, Reason, Trouble
from pi_installer_tui.restic.troubles import scrub, trouble
from pi_installer_tui.restic.words import sentence

_WHERE = "Is there a repository at the following location?"
_GCS = 'Get "https://storage.googleapis.com/storage/v1/b/bbb/o/x%2Fconfig?alt=json": '

SAID: list[tuple[int, str, Reason, Cause]] = [
    (1, "Fatal: unable to open config file: stat /srv/config: no such file or directory\n" + _WHERE,
     "no-repository", ""),
    (10, "Fatal: repository does not exist: unable to open config file: Stat: no", "no-repository", ""),
    (1, f"Fatal: unable to open config file: file does not exist\n{_WHERE}", "no-repository", ""),
    (1, "Fatal: wrong password or no key found", "wrong-password", ""),
    (1, "Fatal: Resolving password failed: Fatal: /srv/secret does not exist", "refused", "password-file"),
    (12, "Fatal: wrong password or no key found", "wrong-password", ""),
    (
        1,
        f'Fatal: unable to open config file: client.Head: Head "http://127.0.0.1:1/x/config": dial tcp 127.0.0.1:1: '
        f"connect: connection refused\n{_WHERE}\nrest:http://127.0.0.1:1/x/",
        "unreachable",
        "no-answer",
    ),
    (1, f"Fatal: unable to open config file: dial tcp: lookup nas.lan: no such host\n{_WHERE}", "unreachable", "name"),
    (1, f"Fatal: unable to open config file: unexpected HTTP response (401): 401 Unauthorized\n{_WHERE}", "refused",
     "credentials"),
    (1, f"Fatal: unable to open config file: unexpected HTTP response (500): 500 Internal Server Error\n{_WHERE}",
     "unreachable", "server"),
    (1, f"Fatal: unable to open config file: Stat: Access Denied.\n{_WHERE}", "refused", "forbidden"),
    (1, "Fatal: create repository failed: client.MakeBucket: The specified bucket does not exist", "refused", "bucket"),
    (1, 'Head "https://u:***@localhost:1/b/config": x509: certificate signed by unknown authority', "refused",
     "certificate"),
    (1, 'Stat(<config/>) returned error, retrying after 1.03s: Head "https://localhost/b": tls: failed to verify '
        "certificate: x509: certificate signed by unknown authority", "refused", "certificate"),
    (1, f"{_GCS}private key should be a PEM or plain PKCS1 or PKCS8; parse error", "refused", "credentials"),
    (1, f'{_GCS}oauth2: cannot fetch token: Post "https://oauth2.invalid/token": dial tcp: lookup oauth2.invalid on '
        "1.1.1.1:53: no such host", "unreachable", "name"),
    (1, "Fatal: unable to open repository at gs:bbb:/x: getStorageClient: google: error getting credentials using "
        "GOOGLE_APPLICATION_CREDENTIALS environment variable: open /none.json: no such file or directory", "refused",
     "credentials"),
    (1, "subprocess ssh: ssh: connect to host 127.0.0.1 port 22: Connection refused\nFatal: unable to open repository "
        "at sftp://root@127.0.0.1:22//srv: unable to start the sftp session, error: EOF", "unreachable", "no-answer"),
    (1, "subprocess ssh: ssh: Could not resolve hostname nas.invalid: Name or service not known\nFatal: unable to "
        "start the sftp session, error: EOF", "unreachable", "name"),
    (1, "subprocess ssh: @    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nsubprocess ssh: Host key "
        "verification failed.\nFatal: unable to start the sftp session", "refused", "host-key-changed"),
    (1, "subprocess ssh: No ED25519 host key is known for nas and you have requested strict checking.\nsubprocess ssh: "
        "Host key verification failed.", "refused", "host-key-unknown"),
    (1, "subprocess ssh: pi@nas: Permission denied (publickey,password).\nFatal: unable to start the sftp session",
     "refused", "ssh-key"),
    (1, "Fatal: unable to save snapshot: write /mnt/usb/pi/data/26/26-tmp-1: no space left on device", "no-space", ""),
    (1, "Fatal: unable to save snapshot: Write: write /tmp/restic-temp-pack-364171961: no space left on device",
     "no-space", "here"),
    (1, "Save(<lock/3d5>) returned error, retrying after 552ms: open /mnt/usb/locks/3d5-tmp-1: read-only file system",
     "refused", "read-only"),
    (1, "Fatal: unable to open config file: open /srv/pi/config: permission denied", "refused", "permission"),
    (1, "Fatal: unable to create lock in backend: repository is already locked by PID 4 on pi by root (UID 0, GID 0)\n"
        "lock was created at 2026-11-27 17:51:26 (1m ago)\nstorage ID 0123\nthe `unlock` command can be used", "locked",
     ""),
    (11, "Fatal: unable to create lock in backend: repository is already locked exclusively by PID 4", "locked", ""),
    (1, "error: error loading index cdb: load <index/cdb>: invalid data returned\nFatal: LoadIndex returned errors",
     "damaged", ""),
    (1, '{"message_type":"exit_error","code":1,"message":"LoadRaw(\\u003cindex/2a6\\u003e): invalid data returned"}',
     "damaged", ""),
    (1, f"Load(<data/d8e92b5f44>, 1, 0) failed: open /srv/data/d8/d8e{'0' * 61}: no such file or directory",
     "damaged", ""),
    (1, "\x1b[2Ksignal interrupt received, cleaning up\nFatal: unable to save snapshot: context canceled",
     "interrupted", ""),
    (130, "", "interrupted", ""),
    (-9, "", "interrupted", ""),
    (1, "unknown flag: --overwrite", "not-able", ""),
    (1, f'Stat(<config/>) returned error, retrying after 43.6s: {_GCS}oauth2: cannot fetch token: 400 Bad Request',
     "refused", "credentials"),
    (1, "googleapi: got HTTP response code 500 with body: out of order\n"
        + "github.com/restic/restic/internal/restic.newLock\n\tgithub.com/restic/restic/internal/lock.go:105\n" * 30
        + "runtime.goexit\n\truntime/asm_amd64.s:1594\nunable to create lock in backend", "unreachable", "server"),
    (1, "Fatal: something new", "failed", ""),
]  # fmt: skip


@pytest.mark.parametrize(("status", "text", "reason", "cause"), SAID)
def test_what_was_printed_says_why(status: int, text: str, reason: Reason, cause: Cause) -> None:
    found = trouble(status, text.splitlines())
    assert (found.reason, found.values.get("cause", "")) == (reason, cause), found.values


@pytest.mark.parametrize("reason", get_args(Reason))
def test_each_reason_has_three_sentences(reason: Reason) -> None:
    for cause in get_args(Cause) if reason in ("unreachable", "refused") else ("",):
        said = sentence(Trouble(reason, place="attic", cause=cause, device="LABEL=backup", mount="/mnt/usb", line="no"))
        assert said.count(". ") + said.count("; ") >= 2, said
        assert "attic" in said or reason in ("not-able", "interrupted"), said
        assert "{" not in said, said


def test_what_was_mounted_is_named() -> None:
    def said(wrong: str) -> str:
        return sentence(
            Trouble(
                "not-mounted", place="usb", device="LABEL=backup", mount="/mnt/usb", wrong=wrong, source="/dev/sdb1"
            )
        )

    assert "Another disk (/dev/sdb1)" in said("other")
    assert "isn't mounted at /mnt/usb" in said("nothing")
    assert "isn't any more" in said("pulled") and "Nothing was written" not in said("pulled")


def test_a_full_disk_here_is_told_from_a_full_place() -> None:
    said = "Fatal: unable to save snapshot: Write: write /var/tmp/restic-temp-pack-3: no space left on device"
    found = trouble(1, [said])
    found.values["place"] = "usb"
    assert "No room is left in /var/tmp of this machine" in sentence(found) and "usb is full" not in sentence(found)


def test_a_name_with_braces_is_only_a_name() -> None:
    assert "{mount}" in sentence(Trouble("locked", place="{mount}"))


@given(secret=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=4, max_size=30))
def test_no_secret_is_left(secret: str) -> None:
    from urllib.parse import quote

    lines = [f"open {secret}: no", f"https://pi:{quote(secret, safe='')}@nas/x", f"https://pi:{quote(secret)}@nas/x"]
    cleaned = "\n".join(scrub(lines, [secret]))
    for form in (secret, quote(secret, safe="")):
        assert form not in cleaned or form in "open : no https://pi:***@nas/x"


def test_the_password_of_an_address_goes_though_nobody_gave_it() -> None:
    assert scrub(["Head https://pi:hunter2@nas/x: no"], []) == ("Head https://pi:***@nas/x: no",)
