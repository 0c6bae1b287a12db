"""Backups to real servers of each kind by the restic of both Debians: tried, made, listed, restored, and had back on a
bare machine by the recovery kit alone. Servers that fail, go away or take a key back: nothing that is kept is lost."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest

from pi_installer_tui.databases import Dump, Engine
from tests.unit import backup_servers as servers

from .conftest import REPOSITORY
from .lab import Lab
from .machine import CHECKOUT, Image, Machine
from .program import until

PYTHON = "/opt/pi-installer-tui/current/bin/python"
SECRETS = "/etc/pi-installer-tui/secrets"
PASSWORD = "Kx3mP-abcde-FGHJK-22345"
KINDS = ("folder", "sftp", "rest", "s3-moto", "s3-rclone", "gcs")
ALLOWED = ("list", "write", "read", "delete")
SCRIPT = f'cd {CHECKOUT} && exec {PYTHON} -m tests.machines.backup_driver "$@"'


@dataclass
class Server:
    """Where to. settings: of the place; secrets: by name; create: its bucket isn't there yet. front: what fails when it
    is told to. revoke, renew: what the machine logs in by is taken back, and given again. prepare: what a machine needs
    beside the kit."""

    settings: dict[str, Any]
    secrets: dict[str, str]
    create: bool = False
    front: servers.Front | None = None
    revoke: Callable[[], object] = lambda: None
    renew: Callable[[Machine], object] = lambda machine: None
    prepare: Callable[[Machine], object] = lambda machine: None


@pytest.fixture
def server(
    request: pytest.FixtureRequest, lab: Lab, boot: Callable[[Image], Machine], bare_image: Image, tmp_path: Path
) -> Iterator[Server]:
    """A server of the kind that the test asks for, on the host where machines reach it, or on a machine of its own."""
    makers: dict[str, Callable[..., Server]] = {
        "folder": _folder,
        "sftp": _sftp,
        "rest": _rest,
        "s3-moto": _moto,
        "s3-rclone": _rclone,
        "gcs": _google,
    }
    with ExitStack() as stack:
        yield makers[request.param](stack, lab.network.gateway, tmp_path, lambda: boot(bare_image))


Boot = Callable[[], Machine]


def _folder(_stack: ExitStack, _gateway: str, _folder: Path, _boot: Boot) -> Server:
    return Server({"kind": "folder", "path": "/srv/far/restic"}, {})


def _sftp(_stack: ExitStack, _gateway: str, _folder: Path, boot: Boot) -> Server:
    machine = boot()
    allowed = machine.read("/home/pi/.ssh/authorized_keys")
    key = " ".join(machine.read("/etc/ssh/ssh_host_ed25519_key.pub").decode().split()[:2])
    settings = {"kind": "sftp", "host": machine.addr, "user": "pi", "path": "far/restic", "key": "backup.key"}
    return Server(
        {**settings, "host_key": key},
        {"backup.key": machine.image.private_key.read_text()},
        revoke=lambda: machine.write("/home/pi/.ssh/authorized_keys", ""),
        renew=lambda _client: machine.write("/home/pi/.ssh/authorized_keys", allowed),
    )


def _rest(stack: ExitStack, gateway: str, folder: Path, _boot: Boot) -> Server:
    front = _front(stack, stack.enter_context(servers.rest(folder)), gateway)
    front.logins = {servers.basic(servers.USER, servers.PASSWORD)}
    settings = {"kind": "rest", "url": front.url, "path": "pi", "user": servers.USER, "secret": "backup.rest"}
    return _revocable(Server(settings, {"backup.rest": servers.PASSWORD}, front=front))


def _revocable(server: Server) -> Server:
    assert server.front is not None
    front, logins = server.front, server.front.logins

    def revoke() -> None:
        front.logins = set()

    def renew(_client: Machine) -> None:
        front.logins = logins

    server.revoke, server.renew = revoke, renew
    return server


def _moto(stack: ExitStack, gateway: str, _folder: Path, _boot: Boot) -> Server:
    """moto with keys as Amazon has them: made by IAM, and taken back there."""
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    url = stack.enter_context(servers.moto(free_requests=6))
    front = _front(stack, url, gateway)
    iam = _iam(url, servers.ACCESS_KEY, servers.SECRET_KEY)
    iam.create_user(UserName="backup")
    iam.put_user_policy(UserName="backup", PolicyName="all", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="backup")["AccessKey"]
    iam.create_user(UserName="root")
    iam.put_user_policy(UserName="root", PolicyName="all", PolicyDocument=json.dumps(policy))
    root = iam.create_access_key(UserName="root")["AccessKey"]
    other = _iam(url, root["AccessKeyId"], root["SecretAccessKey"])

    made = Server(
        {"kind": "s3", "url": front.url, "bucket": "attic", "path": "pi", "region": "eu-central-1"},
        {},
        create=True,
        front=front,
    )
    made.settings |= {"access_key": key["AccessKeyId"], "secret": "backup.secret"}
    made.secrets["backup.secret"] = key["SecretAccessKey"]

    def renew(machine: Machine) -> None:
        """A new one, since Amazon gives none a second time."""
        another = other.create_access_key(UserName="backup")["AccessKey"]
        made.settings["access_key"] = another["AccessKeyId"]
        machine.write(f"{SECRETS}/backup.secret", another["SecretAccessKey"], 0o600)

    made.revoke = lambda: other.delete_access_key(UserName="backup", AccessKeyId=key["AccessKeyId"])
    made.renew = renew
    return made


def _iam(url: str, key: str, secret: str) -> Any:
    words: Any = {"aws_access_key_id": key, "aws_secret_access_key": secret}
    return boto3.client("iam", endpoint_url=url, region_name="us-east-1", **words)


def _rclone(stack: ExitStack, gateway: str, folder: Path, _boot: Boot) -> Server:
    url = stack.enter_context(servers.rclone_s3(folder, gateway))
    settings = {
        "kind": "s3",
        "url": url,
        "bucket": "attic",
        "access_key": servers.ACCESS_KEY,
        "secret": "backup.secret",
    }
    return Server(settings, {"backup.secret": servers.SECRET_KEY}, create=True)


def _google(stack: ExitStack, gateway: str, folder: Path, _boot: Boot) -> Server:
    names = ("storage.googleapis.com", "oauth2.googleapis.com")
    certified = tuple(f"DNS:{name}" for name in names)
    played = stack.enter_context(servers.google(folder, gateway, port=443, names=certified, api="https://" + names[1]))

    def prepare(machine: Machine) -> None:
        hosts = machine.read("/etc/hosts").decode()
        machine.write("/etc/hosts", hosts + f"{gateway} {' '.join(names)}\n")
        machine.write("/usr/local/share/ca-certificates/played.crt", played.authority.ca.read_bytes())
        machine.run(["update-ca-certificates"])
        machine.write("/root/recovery/account.json", played.account, 0o600)

    return Server(
        {"kind": "gcs", "bucket": "attic", "path": "pi", "secret": "backup.account"},
        {"backup.account": played.account},
        create=True,
        front=played.front,
        revoke=played.front.revoke,
        renew=lambda _client: played.front.renew(),
        prepare=prepare,
    )


def _front(stack: ExitStack, url: str, gateway: str) -> servers.Front:
    front = servers.Front(url, gateway)
    stack.callback(front.close)
    return front


@pytest.fixture
def client(lab: Lab, installed_image: Image, boot: Callable[[Image], Machine], server: Server) -> Machine:
    """A machine with the program and restic, the place's secrets, and something to keep."""
    image = lab.layer(installed_image, "restic", sha256(b"restic").hexdigest(), _restic)
    machine = boot(image)
    machine.push_checkout(REPOSITORY)
    server.prepare(machine)
    server.settings["password"] = "backup.password"
    for name, value in {**server.secrets, "backup.password": PASSWORD}.items():
        machine.write(f"{SECRETS}/{name}", value, 0o600)
    machine.run(["mkdir", "-p", "/srv/kept/deep"])
    machine.write("/srv/kept/deep/notes", "what is worth keeping\n")
    machine.run(["dd", "if=/dev/urandom", "of=/srv/kept/large", "bs=1M", "count=8", "status=none"])
    return machine


def _restic(machine: Machine) -> None:
    machine.run(["apt-get", "update"])
    machine.run(["apt-get", "install", "-y", "--no-install-recommends", "restic"])


def ask(machine: Machine, server: Server, verb: str, *words: str) -> Any:
    """What the driver tells."""
    done = machine.run(["sh", "-c", SCRIPT, "driver", verb, *words], stdin=json.dumps(server.settings))
    return json.loads(done.stdout.splitlines()[-1])


def tried(machine: Machine, server: Server, *words: str) -> dict[str, dict[str, Any]]:
    return {each["what"]: each for each in ask(machine, server, "trial", *words)}


@pytest.mark.long
@pytest.mark.parametrize("server", KINDS, indirect=True)
def test_a_place_is_tried_used_and_had_back_by_its_kit(client: Machine, server: Server, machine: Machine) -> None:
    found = tried(client, server, *(["create"] if server.create else []))
    assert all(found[each]["ok"] for each in ALLOWED), found
    assert found["repository"]["ok"] is None and "password" not in found
    assert ask(client, server, "init") is None
    assert tried(client, server)["password"]["ok"]
    made = ask(client, server, "back-up", "300", "/srv/kept")
    assert made["files_new"] == 2 and not made["incomplete"]
    assert (
        ask(client, server, "snapshots") == [made["snapshot"]]
        or made["snapshot"] in ask(client, server, "snapshots")[0]
    )
    assert ask(client, server, "restore", made["snapshot"], "/srv/back") is None
    client.run(["diff", "-r", "/srv/kept", "/srv/back/srv/kept"])
    kit = ask(client, server, "kit")
    kept = client.run(["sha256sum", "/srv/kept/large"]).stdout.split()[0]

    if server.settings["kind"] == "folder":  # the disk is put into the other machine
        machine.push(client.root / "srv/far", "/srv/far")
    server.prepare(machine)
    machine.write("/root/kit.txt", kit, 0o600)
    done = machine.run(["bash", "-e", "/root/kit.txt"], stdin=f"{made['snapshot'][:8]}\n", check=False)
    assert done.ok, done.stdout[-3000:] + done.stderr[-3000:]
    assert machine.read("/root/recovery/files/srv/kept/deep/notes") == b"what is worth keeping\n"
    assert machine.run(["sha256sum", "/root/recovery/files/srv/kept/large"]).stdout.split()[0] == kept
    assert not machine.run(["sh", "-c", "command -v pi-installer-tui"], check=False).ok


@pytest.mark.long
@pytest.mark.parametrize("server", ["sftp", "rest", "s3-moto", "gcs"], indirect=True)
def test_a_login_that_is_taken_back_is_said_and_costs_nothing(client: Machine, server: Server) -> None:
    first = _begun(client, server)
    server.revoke()
    for verb in (("snapshots",), ("back-up", "300", "/srv/kept")):
        told = ask(client, server, *verb)
        assert told["trouble"] == "refused", told
    assert tried(client, server)["login"]["ok"] is False
    server.renew(client)
    # sshd of Debian 13 shuts an address out for a while after refusals (PerSourcePenalties, sshd_config(5))
    until(lambda: "trouble" not in ask(client, server, "snapshots"), 300)
    _goes_on(client, server, first)


@pytest.mark.long
@pytest.mark.parametrize("server", ["rest", "s3-moto", "gcs"], indirect=True)
def test_a_server_that_fails_and_then_goes_costs_nothing(client: Machine, server: Server) -> None:
    first, front = _begun(client, server), server.front
    assert front is not None
    begun = len(front.seen)

    def fault(method: str, path: str) -> tuple[int, bytes] | None:
        """What is written fails; a while later nothing answers any more."""
        front.gone = len(front.seen) > begun + 60
        good = "/token" in path or "/locks/" in path
        return (500, b"out of order") if method in ("PUT", "POST") and not good else None

    front.fault = fault
    # only 0.14 gives up by itself in less than minutes, and only where the backend doesn't try again on its own
    gives_up = client.image.suite == "bookworm" and server.settings["kind"] == "rest"
    told = ask(client, server, "back-up", "300" if gives_up else "20", "/srv/kept")
    assert told["trouble"] in (("unreachable",) if gives_up else ("unreachable", "ended")), told
    front.gone = True
    assert ask(client, server, "snapshots")["trouble"] == "unreachable"
    assert tried(client, server)["reach"]["ok"] is False
    front.gone, front.fault = False, lambda _method, _path: None
    _goes_on(client, server, first)


def _begun(client: Machine, server: Server) -> dict[str, Any]:
    if server.create:
        assert tried(client, server, "create")["place"]["ok"]
    assert ask(client, server, "init") is None
    first: dict[str, Any] = ask(client, server, "back-up", "300", "/srv/kept")
    client.write("/srv/kept/deep/later", "what came later\n")
    return first


def _goes_on(client: Machine, server: Server, first: dict[str, Any]) -> None:
    """The next run is good, and what was kept is whole."""
    second = ask(client, server, "back-up", "300", "/srv/kept")
    assert (second["files_new"], second["files_same"]) == (1, 2), second
    kept = ask(client, server, "snapshots")
    assert [any(each.startswith(made["snapshot"]) for each in kept) for made in (first, second)] == [True, True]
    assert ask(client, server, "check") is None
    assert ask(client, server, "restore", first["snapshot"], "/srv/before") is None
    client.run(["rm", "/srv/kept/deep/later"])
    client.run(["diff", "-r", "/srv/kept", "/srv/before/srv/kept"])


MADE = {
    "postgresql": ["runuser -u postgres -- createdb app", "runuser -u postgres -- psql app -c '{sql}'"],
    "mariadb": ["mariadb -e 'create database app'", "mariadb app -e '{sql}'"],
    "sqlite": ["true", "sqlite3 /srv/app.db '{sql}'"],
}
GONE = {
    "postgresql": "runuser -u postgres -- dropdb app",
    "mariadb": "mariadb -e 'drop database app'",
    "sqlite": "rm /srv/app.db",
}
ASKED = {
    "postgresql": "runuser -u postgres -- psql -At app -c '{sql}'",
    "mariadb": "mariadb -N app -e '{sql}'",
    "sqlite": "sqlite3 app.db '{sql}'",
}
PACKAGES = {"postgresql": "postgresql", "mariadb": "mariadb-server", "sqlite": "sqlite3"}


@pytest.mark.long
@pytest.mark.parametrize("engine", PACKAGES)
@pytest.mark.parametrize("server", ["folder"], indirect=True)
def test_a_database_comes_back_by_the_kits_lines(client: Machine, server: Server, engine: Engine) -> None:
    client.run(["apt-get", "install", "-y", "--no-install-recommends", PACKAGES[engine]])
    insert = "create table t(id int); insert into t values (7), (8)"
    client.run(["sh", "-ec", "\n".join(each.format(sql=insert) for each in MADE[engine])])
    assert ask(client, server, "init") is None
    dump = Dump(engine, "/srv/app.db" if engine == "sqlite" else "app")
    argv = [PYTHON, "-I", "-m", "pi_installer_tui.databases.dumping", dump.engine, dump.of, dump.container]
    store = f"restic backup --stdin --stdin-filename {shlex.quote(dump.file)}"
    kit = ask(client, server, "kit")
    told = "\n".join(line for line in kit.splitlines() if line.startswith("export "))
    client.run(["bash", "-o", "pipefail", "-ec", f"{told}\n{shlex.join(argv)} | {store}\n{GONE[engine]}"])

    word = {"postgresql": "postgres", "mariadb": "mariadb", "sqlite": "sqlite"}[engine]
    lines = [line.removeprefix("# ") for line in kit.splitlines() if line.startswith("# ") and word in line]
    lines = [line.replace("NAME", "app") for line in lines if "NAME" in line]
    assert len(lines) == (1 if engine == "sqlite" else 2)
    script = "\n".join([told, "ID=latest", *lines])
    client.run(["bash", "-o", "pipefail", "-ec", f"cd /root\n{script}"])
    count = ASKED[engine].format(sql="select sum(id) from t")
    assert client.run(["sh", "-ec", f"cd /root\n{count}"]).stdout == "15\n"
