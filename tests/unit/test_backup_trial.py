"""A place is tried against real servers: what is allowed, what isn't, in whose words, and that nothing stays there."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from pi_installer_tui.modules.backup.places import FolderPlace, GcsPlace, PlaceSettings, RestPlace, S3Place, SftpPlace
from pi_installer_tui.modules.backup.trial import Tried, google, trial
from pi_installer_tui.modules.backup.trial.given import scratch
from pi_installer_tui.modules.backup.trial.tried import MOST, Scrub
from pi_installer_tui.system.demo.host import DemoHost
from pi_installer_tui.system.local import LocalHost
from tests.unit import backup_servers as servers
from tests.unit.alert_servers import Authority

GOOD = "the password of the repository"
with_restic = pytest.mark.skipif(shutil.which("restic") is None, reason="restic makes the repositories")
with_ssh = pytest.mark.skipif(
    shutil.which("sftp") is None, reason="sftp (package openssh-client) is what is tried with"
)
ALLOWED = ("list", "write", "read", "delete")
SECRETS = {"backup.password": GOOD, "backup.secret": servers.SECRET_KEY, "backup.rest": servers.PASSWORD}


async def tried(settings: PlaceSettings, secrets: Mapping[str, str] = SECRETS, **how: Any) -> dict[str, Tried]:
    """What was said, by what; no secret is in any of it."""
    found = [each async for each in trial(LocalHost(), settings, secrets, **how)]
    assert len({each.what for each in found}) == len(found)
    for each in found:
        assert not any(secret in each.said + each.value for secret in secrets.values()), each.what
    return {each.what: each for each in found}


def goes(found: dict[str, Tried]) -> dict[str, bool | None]:
    return {what: each.ok for what, each in found.items()}


def restic(repository: str, *command: str, **env: str) -> str:
    done = subprocess.run(
        ["restic", "--no-cache", *command],
        env={**os.environ, "RESTIC_REPOSITORY": repository, "RESTIC_PASSWORD": GOOD, **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def run(*argv: object) -> str:
    return subprocess.run([str(each) for each in argv], capture_output=True, text=True, check=True).stdout


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def mode(path: str) -> int | None:
    return Path(path).stat().st_mode & 0o7777 if Path(path).exists() else None


def until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not met():
        assert time.monotonic() < end
        time.sleep(0.01)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


# a folder -------------------------------------------------------------------------------------------------------------


async def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    found = await tried(FolderPlace(kind="folder", path=f"{tmp_path}/deep/repository"))
    assert [each for each, ok in goes(found).items() if ok] == ["place", "list", "write", "read", "delete"]
    assert found["disk"].ok is None and "fills the card" in found["disk"].said
    assert "free" in found["space"].said
    assert found["repository"].ok is None
    assert tree(tmp_path) == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="root can mount")
async def test_a_folder_on_another_disk_is_refused(tmp_path: Path) -> None:
    place = FolderPlace(kind="folder", path=f"{tmp_path}/repository", device="LABEL=backup", mount=str(tmp_path))
    found = await tried(place)
    assert goes(found) == {"disk": False} and "nothing is mounted" in found["disk"].said
    run("mount", "-t", "tmpfs", "tmpfs", tmp_path)
    try:
        found = await tried(place)
        assert goes(found) == {"disk": False} and "is another disk: tmpfs" in found["disk"].said
        run("mount", "-o", "remount,ro", tmp_path)
        found = await tried(FolderPlace(kind="folder", path=f"{tmp_path}/repository"))
        assert found["write"].ok is False and "Read-only file system" in found["write"].said
    finally:
        run("umount", tmp_path)


@with_restic
async def test_a_repository_is_found_and_its_password_proven(tmp_path: Path) -> None:
    restic(str(tmp_path), "init")
    before = tree(tmp_path)
    place = FolderPlace(kind="folder", path=str(tmp_path), password="backup.password")
    found = await tried(place)
    assert found["repository"].ok and found["password"].ok
    found = await tried(place, {"backup.password": "not what it was"})
    assert found["password"].ok is False and "another one than was given" in found["password"].said
    found = await tried(place, {})
    assert found["password"].ok is False and "has to be given" in found["password"].said
    assert tree(tmp_path) == before


async def test_files_with_secrets_are_roots_and_go_away() -> None:
    with pytest.raises(asyncio.CancelledError):
        async with scratch(LocalHost()) as folder:
            file = await folder.put("password", GOOD)
            assert [mode(each) for each in (file, folder.path)] == [0o600, 0o700]
            run("mkdir", "-p", f"{folder.path}/cache/deeper")
            raise asyncio.CancelledError
    assert mode(folder.path) is None


async def test_a_played_machine_reaches_no_server(tmp_path: Path) -> None:
    host = DemoHost.create(str(tmp_path))
    found = [each async for each in trial(host, RestPlace(kind="rest", url="http://127.0.0.1:1"), {})]
    assert [(each.what, each.ok) for each in found] == [("reach", None)]


# S3 -------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with servers.moto() as url:
        yield url


def s3(url: str, bucket: str, **more: Any) -> S3Place:
    return S3Place(
        kind="s3",
        url=url,
        bucket=bucket,
        **{"access_key": servers.ACCESS_KEY, "secret": "backup.secret", "password": "backup.password", **more},
    )


def client(url: str, service: Any = "s3", key: str = servers.ACCESS_KEY, secret: str = servers.SECRET_KEY) -> Any:
    return boto3.client(
        service, endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1"
    )


def versions(url: str, bucket: str) -> int:
    found = client(url).list_object_versions(Bucket=bucket)
    return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", []))


async def test_a_bucket_is_made_only_when_that_is_wanted(moto: str) -> None:
    place = s3(moto, "attic-new", region="eu-central-1", path="pi/4")
    found = await tried(place)
    assert goes(found) == {"reach": True, "login": True, "place": False}
    assert "NoSuchBucket" in found["place"].said and "can be made" in found["place"].said
    found = await tried(place, create=True)
    assert all(found[each].ok for each in ("place", "list", "write", "read", "delete"))
    assert found["region"].value == "eu-central-1"
    assert found["lock"].said == "none: what is deleted is gone"
    assert versions(moto, "attic-new") == 0


async def test_what_versions_and_object_lock_mean_is_said(moto: str) -> None:
    make = client(moto)
    make.create_bucket(Bucket="attic-versions")
    make.put_bucket_versioning(Bucket="attic-versions", VersioningConfiguration={"Status": "Enabled"})
    found = await tried(s3(moto, "attic-versions"))
    assert "versions are kept" in found["lock"].said
    assert found["delete"].ok and versions(moto, "attic-versions") == 0

    make.create_bucket(Bucket="attic-lock", ObjectLockEnabledForBucket=True)
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}}
    make.put_object_lock_configuration(Bucket="attic-lock", ObjectLockConfiguration=rule)
    found = await tried(s3(moto, "attic-lock"))
    assert "30 days (COMPLIANCE)" in found["lock"].said
    assert found["write"].ok and found["delete"].ok and "a hidden version of 64 bytes stays" in found["delete"].said


@with_restic
async def test_a_repository_in_a_bucket_is_opened(moto: str) -> None:
    client(moto).create_bucket(Bucket="attic-full")
    env = {"AWS_ACCESS_KEY_ID": servers.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": servers.SECRET_KEY}
    restic(f"s3:{moto}/attic-full/pi", "init", **env)
    before = versions(moto, "attic-full")
    found = await tried(s3(moto, "attic-full", path="pi"))
    assert found["repository"].ok and found["password"].ok
    assert versions(moto, "attic-full") == before
    assert (await tried(s3(moto, "attic-full")))["repository"].ok is None


async def test_rclones_s3_takes_only_its_key(tmp_path: Path) -> None:
    (tmp_path / "attic").mkdir()
    with servers.rclone_s3(tmp_path) as url:
        found = await tried(s3(url, "attic"))
        assert all(found[each].ok for each in ("reach", "login", "place", "list", "write", "read", "delete"))
        assert tree(tmp_path) == {"attic"}
        found = await tried(s3(url, "attic"), {"backup.secret": "not the right key"})
        assert goes(found) == {"reach": True, "login": False} and "SignatureDoesNotMatch" in found["login"].said
        found = await tried(s3(url, "attic", access_key="SOMEBODYELSE1234"))
        assert goes(found) == {"reach": True, "login": False}


async def test_each_permission_of_a_key_is_told_apart() -> None:
    """moto asks for permissions as Amazon does, once its keys are made."""
    may = ["s3:ListBucket", "s3:PutObject"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": may, "Resource": "*"}]}
    with servers.moto(free_requests=4) as url:
        client(url).create_bucket(Bucket="attic")
        iam = client(url, "iam")
        iam.create_user(UserName="backup")
        iam.put_user_policy(UserName="backup", PolicyName="some", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName="backup")["AccessKey"]
        place = s3(url, "attic", access_key=key["AccessKeyId"])
        secrets = {**SECRETS, "backup.secret": key["SecretAccessKey"]}
        found = await tried(place, secrets)
        assert goes(found) | {"region": None} == {
            "reach": True,
            "login": True,
            "place": True,
            "region": None,
            "lock": None,
            "list": True,
            "write": True,
            "read": False,
            "delete": False,
            "space": None,
            "repository": None,
        }
        assert "403 AccessDenied" in found["read"].said
        assert "stays there, and old snapshots could not be removed either" in found["delete"].said
        assert "can't be told: 403" in found["lock"].said
        found = await tried(s3(url, "attic", access_key="AKIAREVOKED000000000"), secrets)
        assert goes(found) == {"reach": True, "login": False}
        assert "doesn't know the access key: 403 InvalidAccessKeyId" in found["login"].said


async def test_a_server_that_is_gone_fails_or_has_no_trusted_certificate(tmp_path: Path, moto: str) -> None:
    found = await tried(s3(f"http://127.0.0.1:{servers.free_port('127.0.0.1')}", "attic"))
    assert goes(found) == {"reach": False} and "Connection refused" in found["reach"].said
    authority = Authority.create(tmp_path)
    front = servers.Front(moto, authority=authority)
    try:
        client(moto).create_bucket(Bucket="attic-tls")
        found = await tried(s3(front.url, "attic-tls"))
        assert goes(found) == {"reach": False} and "certificate" in found["reach"].said
        assert (await tried(s3(front.url, "attic-tls", ca=str(authority.ca))))["delete"].ok
        front.fault = lambda method, _path: (
            (500, b"<Error><Code>InternalError</Code></Error>") if method == "PUT" else None
        )
        found = await tried(s3(front.url, "attic-tls", ca=str(authority.ca)))
        assert found["list"].ok and found["write"].ok is False and "500 InternalError" in found["write"].said
    finally:
        front.close()


async def test_who_waits_is_told_and_who_leaves_need_not_wait() -> None:
    silent = threading.Event()
    front = servers.Front("http://127.0.0.1:1")
    front.fault = lambda _method, _path: (500, b"") if silent.wait(60) else None
    try:
        place = RestPlace(kind="rest", url=front.url)
        found = await tried(place, seconds=0.5)
        assert goes(found) == {"limit": False}
        asked = asyncio.ensure_future(tried(place))
        await asyncio.to_thread(until, lambda: len(front.seen) == 2)
        asked.cancel()
        begun = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert time.monotonic() - begun < 5 and not silent.is_set()
    finally:
        silent.set()
        front.close()


async def test_what_was_written_goes_when_the_trial_is_left(tmp_path: Path) -> None:
    with servers.rest(tmp_path) as url:
        front = servers.Front(url)
        try:
            place = RestPlace(kind="rest", url=front.url, user=servers.USER, secret="backup.rest")
            async for each in trial(LocalHost(), place, SECRETS):
                if each.what == "write":
                    break
            await asyncio.to_thread(until, lambda: not files(tmp_path))
            assert front.seen[-1][0] == "DELETE"
        finally:
            front.close()


# restic's REST server -------------------------------------------------------------------------------------------------


@with_restic
async def test_a_rest_server_is_tried_and_nothing_stays(tmp_path: Path) -> None:
    with servers.rest(tmp_path) as url:
        place = RestPlace(kind="rest", url=url, path="pi", user=servers.USER, secret="backup.rest")
        found = await tried(place)
        assert all(found[each].ok for each in ("reach", "login", "list", "write", "read", "delete"))
        assert found["repository"].ok is None
        assert not files(tmp_path)
        found = await tried(place, {"backup.rest": "wrong one"})
        assert goes(found) == {"reach": True, "login": False} and "401" in found["login"].said

        place = place.model_copy(update={"password": "backup.password"})
        login = "attic:rest%20password%2C%20with%20%2F%20and%20%40%20in%20it"
        restic(f"rest:{url.replace('://', f'://{login}@')}/pi/", "init")
        before = files(tmp_path)
        found = await tried(place)
        assert found["repository"].ok and found["password"].ok
        assert files(tmp_path) == before  # (rclone keeps the folder in data)


async def test_append_only_is_recognised(tmp_path: Path) -> None:
    with servers.rest(tmp_path, append_only=True) as url:
        found = await tried(RestPlace(kind="rest", url=url, user=servers.USER, secret="backup.rest"))
        assert found["write"].ok and found["read"].ok
        assert found["delete"].ok is None and "append-only" in found["delete"].said
        assert not files(tmp_path)


# SFTP -----------------------------------------------------------------------------------------------------------------


@with_ssh
async def test_an_ssh_servers_key_is_shown_and_never_taken_over(tmp_path: Path) -> None:
    served, keys = tmp_path / "served", tmp_path / "keys"
    served.mkdir()
    keys.mkdir()
    with servers.sftp(served, keys) as server:
        secrets = {"backup.key": server.key}
        place = SftpPlace(
            kind="sftp", host="127.0.0.1", port=server.port, user=servers.USER, path="deep/repository", key="backup.key"
        )
        found = await tried(place, secrets)
        assert goes(found) == {"host-key": None} and found["host-key"].value == server.host_key
        assert run("ssh-keygen", "-lf", keys / "host.pub").split()[1] in found["host-key"].said

        place = place.model_copy(update={"host_key": server.host_key})
        found = await tried(place, secrets)
        assert {what for what, ok in goes(found).items() if ok} == {"host-key", "reach", "login", "place", *ALLOWED}
        assert found["repository"].ok is None and tree(served) == set()

        other = servers.ssh_key(tmp_path / "other")
        found = await tried(place, {"backup.key": other})
        assert found["login"].ok is False and "Permission denied" in found["login"].said
        public = " ".join((tmp_path / "other.pub").read_text().split()[:2])
        found = await tried(place.model_copy(update={"host_key": public}), secrets)
        assert goes(found) == {"host-key": False} and "another key than" in found["host-key"].said
    found = await tried(place, secrets)
    assert goes(found) == {"reach": False}


@with_ssh
async def test_an_ssh_server_that_only_gives_is_found_out(tmp_path: Path) -> None:
    served, keys = tmp_path / "served", tmp_path / "keys"
    served.mkdir()
    keys.mkdir()
    (served / "config").touch()
    with servers.sftp(served, keys, read_only=True) as server:
        place = SftpPlace(
            kind="sftp",
            host="127.0.0.1",
            port=server.port,
            user=servers.USER,
            path=".",
            key="backup.key",
            host_key=server.host_key,
        )
        found = await tried(place, {"backup.key": server.key})
        assert found["list"].ok and found["write"].ok is False and "read" not in found
        assert found["repository"].ok and tree(served) == {"config"}


# Google Cloud Storage -------------------------------------------------------------------------------------------------


async def test_a_service_account_is_tried_at_google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.google(tmp_path) as played:
        monkeypatch.setenv("SSL_CERT_FILE", str(played.authority.ca))

        async def ask(account: str, *, create: bool = False) -> dict[str, Tried]:
            place = GcsPlace(kind="gcs", bucket="attic", path="pi", secret="backup.account")
            scrub = Scrub([account])
            parts = google.tries(LocalHost(), place, {"secret": account}, scrub, create, api=played.front.url)
            return {each.what: each async for each in parts}

        found = await ask(played.account)
        assert goes(found) == {"reach": True, "login": True, "place": False}
        found = await ask(played.account, create=True)
        assert all(found[each].ok for each in ("place", "list", "write", "read", "delete"))
        found = await ask(played.account)
        assert found["place"].ok and found["repository"].ok is None and found["region"].value

        other = json.loads(played.account)
        run("openssl", "genrsa", "-out", tmp_path / "other.pem", "2048")
        other["private_key"] = (tmp_path / "other.pem").read_text()
        found = await ask(json.dumps(other))
        assert goes(found) == {"reach": True, "login": False}
        assert "invalid_grant: Invalid JWT Signature. ***" in found["login"].said
        played.front.revoke()
        assert goes(await ask(played.account)) == {"reach": True, "login": False}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not JSON, but a secret", "isn't JSON"),
        ("{}", "isn't a service account's file"),
        ('{"type": "service_account"}', "lacks client_email, private_key"),
        ('{"type": "service_account", "client_email": "a@b", "private_key": "no key"}', "private key isn't one"),
    ],
)
async def test_what_isnt_a_service_accounts_file_is_said(text: str, said: str) -> None:
    found = await tried(GcsPlace(kind="gcs", bucket="attic", secret="backup.account"), {"backup.account": text})
    assert goes(found) == {"settings": False} and said in found["settings"].said


# words ----------------------------------------------------------------------------------------------------------------


def test_boto3_comes_only_with_a_bucket() -> None:
    ours = "pi_installer_tui.modules.backup"
    asked = f"import sys, {ours}.trial.s3, {ours}.trial.google, {ours}.kit; print(*sys.modules)"
    loaded = run(sys.executable, "-c", asked).split()
    assert f"{ours}.trial.s3" in loaded
    assert not {"boto3", "botocore", "urllib3", "textual"} & set(loaded)


def test_secrets_are_taken_out_in_every_form() -> None:
    scrub = Scrub(["pass/word 1", "-----BEGIN KEY-----\nabcdefgh\nijklmnop\n-----END KEY-----"])
    said = scrub("a pass/word 1, pass%2Fword%201, pass%2Fword+1, cGFzcy93b3JkIDE=, ijklmnop\x1b[31m\nnext")
    assert said == "a ***, ***, ***, ***, *** [31m next"
    assert len(scrub("x" * 1000)) == MOST
