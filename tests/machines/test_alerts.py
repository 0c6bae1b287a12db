"""Alerts on real machines: a service killed, a disk and its inodes used up, a port closed, a certificate about to end.
Each alert and each recovery arrives once, by mail at a real SMTP server and by HTTP, whatever happens to the
collector; killed at the wrong moment it sends a second copy, which says that it is one."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_string
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.alerts.config import Channel, Config, Rule, dump
from pi_installer_tui.alerts.watch.services import PROPERTIES, judge, parse
from tests.unit.alert_servers import Authority, Web

from .machine import Machine, run_on_host
from .program import says, tui, until

PASSWORD = "correct horse battery 7"
TOKEN = "a-token-that-nobody-else-sees"
CONFIG, SECRETS = "/etc/pi-installer-tui/collector.json", "/etc/pi-installer-tui/secrets"
MAIL = "/var/mail/pi"
PYTHON = "/opt/pi-installer-tui/current/bin/python"
MOTD = "/run/motd.d/52-pi-installer-tui-alerts"
UNIT = """[Service]
Type=notify
ExecStart={python} -I -m pi_installer_tui.metrics.collector
Environment=PI_INSTALLER_TUI_COLLECTOR_INTERVAL=1
Restart=always
RestartSec=1
StateDirectory=pi-installer-tui/metrics
StateDirectoryMode=0700
RuntimeDirectory=pi-installer-tui
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_NET_RAW
ProtectSystem=strict
ReadWritePaths=/run
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
"""
POSTFIX = {
    "mydestination": "localhost, raspberrypi",
    "inet_protocols": "ipv4",
    "smtpd_tls_cert_file": "/etc/ssl/mail.pem",
    "smtpd_tls_key_file": "/etc/ssl/mail.key",
    "smtpd_sasl_local_domain": "raspberrypi",
}
SUBMISSION = {
    "smtpd_tls_security_level": "encrypt",
    "smtpd_tls_auth_only": "yes",
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_client_restrictions": "permit_sasl_authenticated,reject",
}
SASL = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n"
#: how often the collector is killed, and whatever it has started with it
KILLS = 5
SERVICE = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"


@pytest.fixture
def web(lab: Any) -> Iterator[Web]:
    """An HTTP server on the machines' network."""
    server = Web(host=str(lab.network.gateway))
    yield server
    server.close()


@dataclass(frozen=True)
class Arrived:
    """What a server has taken. id: by which it can tell a second copy."""

    title: str
    id: str


def mails(machine: Machine) -> list[Arrived]:
    """What the mail server has taken, in order."""
    if not machine.run(["test", "-e", MAIL], check=False).ok:
        return []
    parts = re.split(r"(?m)^From .*\n", machine.read(MAIL).decode())[1:]
    letters = [message_from_string(part, policy=default) for part in parts]
    return [Arrived(str(letter["Subject"]), str(letter["Message-ID"])) for letter in letters]


def posted(web: Web) -> list[Arrived]:
    """What the HTTP server has taken, in order."""
    told = [(request.headers, json.loads(request.body)) for request in web.requests]
    assert all(headers["Idempotency-Key"] == body["id"] for headers, body in told)
    return [Arrived(body["title"], body["id"]) for _headers, body in told]


def titles(arrived: list[Arrived]) -> set[str]:
    return {each.title for each in arrived}


def assert_each_came_once(arrived: list[Arrived], killed: set[str]) -> None:
    """A second copy has the id of the first. There is one for a kill at most, and only of what was on its way then."""
    assert len({each.id for each in arrived}) == len(titles(arrived)), arrived
    copies = [each.title for each, count in Counter(arrived).items() for _copy in range(count - 1)]
    assert len(copies) <= KILLS and set(copies) <= killed, copies


def posts(web: Web) -> list[tuple[str, str, str]]:
    return [(told["kind"], told["rule"], told["of"]) for told in (json.loads(r.body) for r in web.requests)]


def serve_mail(machine: Machine, authority: Authority) -> None:
    """Postfix on port 587: TLS and a password are needed, the mail goes to a user's mailbox."""
    machine.run(["apt-get", "update", "-qq"])
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    packages = ["postfix", "sasl2-bin", "libsasl2-modules", "iputils-ping"]
    machine.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=env)
    machine.write("/etc/ssl/mail.pem", authority.certificate.read_bytes())
    machine.write("/etc/ssl/mail.key", authority.key.read_bytes(), 0o600)
    machine.write("/usr/local/share/ca-certificates/test.crt", authority.ca.read_bytes())
    machine.run(["update-ca-certificates"])
    machine.write("/etc/postfix/sasl/smtpd.conf", SASL)
    machine.run(["saslpasswd2", "-p", "-c", "-u", "raspberrypi", "pi"], stdin=PASSWORD)
    machine.run(["usermod", "-aG", "sasl", "postfix"])
    machine.run(["postconf", "-e", *(f"{name}={value}" for name, value in POSTFIX.items())])
    machine.run(["postconf", "-M", "submission/inet=submission inet n - n - - smtpd"])
    machine.run(["postconf", "-P", *(f"submission/inet/{name}={value}" for name, value in SUBMISSION.items())])
    machine.run(["systemctl", "restart", "postfix.service"])


@contextmanager
def small_disk(machine: Machine, folder: Path) -> Iterator[str]:
    """A file system of 32 MB on a loop device, and where the machine has it."""
    image = folder / "small.img"
    with image.open("wb") as file:
        file.truncate(32 * 1024 * 1024)
    device = run_on_host("losetup", "--find", "--show", str(image)).stdout.strip()
    try:
        run_on_host("mkfs.ext4", "-q", device)
        machine.run(["mknod", "/dev/small", "b", "7", device.removeprefix("/dev/loop")])
        machine.run(["mkdir", "-p", "/srv/small"])
        machine.run(["mount", "/dev/small", "/srv/small"])
        yield "/srv/small"
        machine.run(["umount", "--lazy", "/srv/small"], check=False)
    finally:
        run_on_host("losetup", "--detach", device)


def start(machine: Machine, config: Config) -> None:
    machine.run(["mkdir", "-p", "-m", "0700", SECRETS])
    machine.write(f"{SECRETS}/mail", PASSWORD + "\n", 0o600)
    machine.write(f"{SECRETS}/hook", TOKEN + "\n", 0o600)
    machine.write(CONFIG, dump(config), 0o600)
    machine.write("/etc/systemd/system/collector.service", UNIT.format(python=PYTHON))
    machine.write("/etc/systemd/system/sleeper.service", SERVICE)
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["systemctl", "enable", "--now", "sleeper.service"])
    machine.run(["systemctl", "start", "collector.service"])


RULES = (
    Rule(name="service", what="service", of="sleeper", severity="critical"),
    Rule(name="disk", what="metric", of="disk./srv/small.used", at=90, clears=80),
    # nothing else on the host makes or removes these
    Rule(name="files", what="metric", of="disk./srv/small.inodes", at=60, clears=20, lasts=3),
    Rule(name="log", what="log", of="^the roof leaks", count=2, lasts=20),
    Rule(name="port", what="reach", of="127.0.0.1:8099"),
    Rule(name="certificate", what="certificate", of="/srv/*.pem", side="below", at=14),
    Rule(name="updates", what="updates", at=-1),
)


def test_on_a_fresh_machine_no_service_is_as_it_shouldnt_be(machine: Machine) -> None:
    until(lambda: says(machine, "systemctl", "is-system-running") in ("running", "degraded"), 60)
    machine.run(["systemctl", "start", "NetworkManager-dispatcher.service"])  # it ends by itself, and is enabled
    until(lambda: machine.run(["systemctl", "is-active", "NetworkManager-dispatcher"], check=False).status != 0, 60)
    properties = f"--property={','.join(PROPERTIES)}"
    shown = parse(says(machine, "systemctl", "show", properties, "*.service", "NetworkManager-dispatcher.service"))
    assert len(shown) > 10
    listed = says(machine, "systemctl", "list-units", "--state=failed", "--plain")
    failed = set(re.findall(r"[\w@.-]+\.service", listed))
    assert {unit["Id"] for unit in shown if judge(unit).value} == failed
    assert judge(parse(says(machine, "systemctl", "show", "no-such-thing.service"))[0]).value is None


@pytest.mark.long
def test_each_alert_and_each_recovery_arrive_once_by_mail_and_by_http(
    installed: Machine, web: Web, tmp_path: Path
) -> None:
    soon = Authority.create(folder(tmp_path, "soon"), days=9)
    later = Authority.create(folder(tmp_path, "later"), days=99)
    serve_mail(installed, later)
    installed.write("/srv/short.pem", soon.certificate.read_bytes())
    rules = (*RULES, Rule(name="host", what="reach", of=installed.addr))
    channels = (
        Channel(
            name="mail",
            by="mail",
            host="localhost",
            user="pi",
            sender="pi@raspberrypi",
            to=("pi@localhost",),
            secret=f"{SECRETS}/mail",
        ),
        Channel("hook", "webhook", url=f"{web.url}/hook", secret=f"{SECRETS}/hook"),
        Channel("login", "login-message"),
    )
    with small_disk(installed, tmp_path) as disk:
        start(installed, Config(interval=1, rules=rules, channels=channels))

        def comes(kind: str, rule: str, of: str, seconds: float = 60) -> None:
            until(lambda: (kind, rule, of) in posts(web), seconds)

        comes("fired", "port", "127.0.0.1:8099")
        comes("fired", "certificate", "/srv/short.pem")
        comes("fired", "updates", "apt", 120)
        assert b"certificate /srv/short.pem ends in 8 days" in installed.read(MOTD)
        a_channel_is_tested(installed)
        installed.write("/srv/short.pem", later.certificate.read_bytes())
        run_beside(installed, "listens", "python3", "-m", "http.server", "8099")

        # nobody takes mail for a while
        installed.run(["systemctl", "stop", "postfix.service"])
        installed.run(["systemctl", "kill", "-s", "KILL", "sleeper.service"])
        comes("fired", "service", "sleeper.service")
        assert not any("sleeper.service doesn't run" in title for title in titles(mails(installed)))
        installed.run(["systemctl", "restart", "sleeper.service"])
        comes("recovered", "service", "sleeper.service")
        installed.run(["systemctl", "start", "postfix.service"])

        # the collector dies again and again, and whatever it has started with it
        installed.run(["sh", "-c", f"cat /dev/zero >{disk}/big"], check=False)
        comes("fired", "disk", "disk./srv/small.used")
        for _n in range(KILLS):
            installed.run(["systemctl", "kill", "-s", "KILL", "collector.service"])
            time.sleep(2.5)
        installed.run(["rm", f"{disk}/big"])
        comes("recovered", "disk", "disk./srv/small.used")
        killed = titles(posted(web))

        files(installed, disk, 6000)
        comes("fired", "files", "disk./srv/small.inodes")
        for number in (3000, 6000):  # it isn't over at the threshold, and what it is back above is no second alert
            files(installed, disk, number)
            looks(installed, 5)
        files(installed, disk, 0)
        comes("recovered", "files", "disk./srv/small.inodes")

        installed.run(["logger", "the roof leaks in the attic"])
        installed.run(["logger", "the roof leaks"])
        comes("fired", "log", "journal", 90)
        comes("recovered", "log", "journal", 180)
        comes("recovered", "port", "127.0.0.1:8099", 90)
        comes("recovered", "certificate", "/srv/short.pem", 200)
        test = "raspberrypi: this is a test"
        until(lambda: titles(mails(installed)) == {test, *titles(posted(web))}, 120)
        installed.run(["systemctl", "stop", "collector.service"])

    for arrived in (mails(installed), posted(web)):
        assert_each_came_once(arrived, killed)
    assert len(titles(posted(web))) == len(set(posts(web)))
    assert titles(mails(installed)) == {test, *titles(posted(web))}
    fired = {(rule, of) for kind, rule, of in posts(web) if kind == "fired"}
    recovered = {(rule, of) for kind, rule, of in posts(web) if kind == "recovered"}
    assert fired - recovered == {("updates", "apt")} and recovered <= fired
    assert any("over: /srv/small: inodes in use" in title for title in titles(mails(installed)))
    nothing_shows_a_secret(installed, web)


def files(machine: Machine, where: str, number: int) -> None:
    """So many empty files, of the 8192 that fit."""
    script = 'rm -rf "$1" && mkdir "$1" && cd "$1" && seq "$2" | xargs -r touch'
    machine.run(["sh", "-c", script, "-", f"{where}/files", str(number)])


def looks(machine: Machine, seconds: float) -> None:
    """Waits until the collector has looked for so long."""

    def at() -> float:
        document = json.loads(tui(machine, "metrics", "--json").stdout)
        assert document["source"] == "collector"
        return float(document["at"])

    begun = at()
    until(lambda: at() - begun > seconds, 60)


def folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def run_beside(machine: Machine, unit: str, *argv: str) -> None:
    machine.run(["systemd-run", "--quiet", f"--unit={unit}", *argv])


def a_channel_is_tested(machine: Machine) -> None:
    assert "The server answered: 250 " in tui(machine, "alerts", "test", "mail").stdout
    machine.write(f"{SECRETS}/mail", "wrong\n", 0o600)
    refused = tui(machine, "alerts", "test", "mail", status=1).stderr
    assert "it wasn't sent: 535" in refused
    machine.write(f"{SECRETS}/mail", PASSWORD + "\n", 0o600)


def nothing_shows_a_secret(machine: Machine, web: Web) -> None:
    """Neither the journal, nor what is kept, nor what is listed; the server alone got it."""
    assert {request.headers["Authorization"] for request in web.requests} == {f"Bearer {TOKEN}"}
    journal = says(machine, "journalctl", "--no-pager", "--output=export")
    listed = tui(machine, "alerts", "history", "--json").stdout
    kept = machine.read("/var/lib/pi-installer-tui/metrics/alerts.db").decode("latin-1")
    for secret in (PASSWORD, TOKEN):
        assert secret not in journal + listed + kept
    first = json.loads(listed)["alerts"][-1]
    ways = {(sending["channel"], sending["kind"]) for sending in first["sendings"]}
    assert ways >= {("mail", "fired"), ("hook", "fired")}
    assert all(s["said"].startswith("2") for s in first["sendings"])
