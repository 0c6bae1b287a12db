"""install.sh on machines that have nothing but their base system and this checkout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pi_installer_tui import __version__
from pi_installer_tui.system.host import Completed

from .conftest import REPOSITORY
from .machine import CHECKOUT, PATH, Machine
from .program import until

one_suite = pytest.mark.parametrize("suite", ["trixie"], indirect=True)

PREFIX = "/opt/pi-installer-tui"
STUBS = "/root/stubs"


def install(machine: Machine, *arguments: str, check: bool = True, stubs: bool = False) -> Completed:
    env = {"PATH": f"{STUBS}:{PATH}"} if stubs else {}
    return machine.run(["sh", f"{CHECKOUT}/install.sh", *arguments], check=check, env=env)


def version(machine: Machine) -> str:
    return machine.run(["pi-installer-tui", "--version"]).stdout.strip()


def current(machine: Machine) -> str:
    return machine.run(["readlink", f"{PREFIX}/current"]).stdout.strip()


@pytest.fixture
def checkout(machine: Machine) -> Machine:
    """A bare machine with this checkout in it."""
    machine.push_checkout(REPOSITORY)
    return machine


def test_a_bare_machine_gets_a_program_that_starts(checkout: Machine) -> None:
    assert not checkout.run(["sh", "-c", "command -v python3"], check=False).ok, (
        "the base is not as bare as it should be"
    )
    done = install(checkout)
    assert __version__ in version(checkout)
    assert checkout.run(["readlink", "-f", "/usr/local/bin/pi-installer-tui"]).stdout.startswith(f"{PREFIX}/versions/")
    assert "Installing Debian's packages" in done.stdout and "is installed" in done.stdout
    assert checkout.ssh(["pi-installer-tui", "--version"]).stdout.strip() == version(checkout)


@pytest.mark.long
def test_uninstalling_leaves_nothing_but_the_state_directory(checkout: Machine) -> None:
    tops = ("/boot", "/etc", "/home", "/opt", "/root", "/srv", "/usr", "/var")
    # what apt and the system write by themselves: lists of packages, logs, caches, the record of what dpkg did
    ignored = re.compile(
        r"/var/(cache|log|tmp|backups|lib/apt|lib/dpkg|lib/systemd|lib/NetworkManager|lib/private|lib/docker)(/|$)"
        r"|/var/lib/containers(/|$)|/root/\.cache$"
    )
    before, packages, manual = checkout.listing(*tops), checkout.packages(), checkout.packages("manual")
    install(checkout, "--first-boot")
    assert checkout.run(["systemctl", "is-enabled", "pi-installer-tui-first-boot.service"]).stdout == "enabled\n"
    checkout.run(["mkdir", "-p", "-m", "700", "/var/lib/pi-installer-tui/jobs", "/etc/pi-installer-tui"])
    checkout.write("/etc/pi-installer-tui/example.yaml", "kept: yes\n")

    done = install(checkout, "--uninstall")

    after = checkout.listing(*tops)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    left = {path for path in changed if not ignored.match(path)}
    assert {path for path in left if not path.startswith("/var/lib/pi-installer-tui")} == set()
    assert "/var/lib/pi-installer-tui/jobs" in left
    assert "stays in /var/lib/pi-installer-tui" in done.stdout
    assert checkout.packages() == packages
    assert checkout.packages("manual") == manual

    install(checkout)
    assert checkout.read("/etc/pi-installer-tui/example.yaml") == b"kept: yes\n"


@pytest.mark.long
@one_suite
def test_uninstalling_keeps_packages_that_something_else_needs_by_now(checkout: Machine) -> None:
    install(checkout)
    checkout.run(["apt-get", "install", "-y", "--no-install-recommends", "python3-yaml"])
    done = install(checkout, "--uninstall")
    kept = checkout.packages()
    assert "python3" in kept and "python3-yaml" in kept
    assert "python3-venv" not in kept
    assert "so they stay:" in done.stdout
    assert checkout.run(["python3", "-c", "import yaml; print(yaml.safe_load('a: 1'))"]).stdout == "{'a': 1}\n"


@one_suite
def test_an_upgrade_takes_the_place_of_the_old_version_in_one_step(installed: Machine) -> None:
    old = current(installed)
    installed.run(
        ["sed", "-i", 's/__version__ = .*/__version__ = "9.9.9"/', f"{CHECKOUT}/pi_installer_tui/__init__.py"]
    )
    install(installed)
    assert "9.9.9" in version(installed)
    assert current(installed) != old
    assert installed.run(["ls", f"{PREFIX}/versions"]).stdout.split() == [current(installed).removeprefix("versions/")]


@pytest.mark.long
@one_suite
def test_an_upgrade_leaves_a_running_program_its_files(installed: Machine) -> None:
    old = current(installed)
    # what a job that goes on during the upgrade does: import later what it hasn't needed so far
    script = "import sys; sys.stdin.readline(); import pi_installer_tui.tasks.plan, pydantic; print('imported')"
    running = installed.start_process([f"{PREFIX}/{old}/bin/python", "-I", "-c", script])
    done = install(installed)
    assert "still in use" in done.stdout
    out, _ = running.communicate(b"\n", timeout=60)
    assert out == b"imported\n"
    install(installed)
    assert installed.run(["ls", f"{PREFIX}/versions"]).stdout.split() == [current(installed).removeprefix("versions/")]


@one_suite
def test_a_running_program_is_not_pulled_away(installed: Machine) -> None:
    running = installed.start_process([f"{PREFIX}/current/bin/python", "-I", "-c", "import sys; sys.stdin.readline()"])
    until(lambda: installed.run(["pgrep", "-f", f"^{PREFIX}/current/bin/python .*readline"], check=False).ok)
    refused = install(installed, "--uninstall", check=False)
    assert refused.status == 1 and "is running" in refused.stderr
    assert __version__ in version(installed)
    running.communicate(b"\n", timeout=60)
    assert install(installed, "--uninstall").ok


@one_suite
@pytest.mark.parametrize("broken", ["a hash is wrong", "the package doesn't start", "it is cut off"])
def test_a_failed_upgrade_leaves_the_old_version(installed: Machine, broken: str) -> None:
    old, before = current(installed), installed.listing("/opt", "/usr/local")
    if broken == "a hash is wrong":
        installed.run(["sed", "-i", "s/sha256:[0-9a-f]\\{8\\}/sha256:00000000/", f"{CHECKOUT}/requirements.lock"])
        failed = install(installed, check=False)
    elif broken == "the package doesn't start":
        installed.run(["tee", "-a", f"{CHECKOUT}/pi_installer_tui/__init__.py"], stdin="raise SystemExit('broken')\n")
        failed = install(installed, check=False)
    else:
        failed = installed.run(["timeout", "-s", "TERM", "2", "sh", f"{CHECKOUT}/install.sh"], check=False)
    assert not failed.ok
    if broken != "it is cut off":
        assert "The installed version stays as it was." in failed.stderr
    assert current(installed) == old
    assert installed.listing("/opt", "/usr/local") == before
    assert __version__ in version(installed)


@one_suite
def test_with_a_terminal_attached_it_opens_the_program(installed: Machine) -> None:
    with installed.tty(["sh", f"{CHECKOUT}/install.sh"]) as terminal:
        terminal.wait_for("is installed", 120)
        terminal.wait_for(installed.addr, 60)  # the home screen shows it
    with installed.tty(["sh", f"{CHECKOUT}/install.sh", "--no-open"]) as terminal:
        assert terminal.wait(120) == 0


# -- the lock where pip has a second index -----------------------------------------------------------------------------

SECOND_INDEX = '''
import base64, hashlib, http.server, io, pathlib, re, sys, zipfile

"""A second index as Raspberry Pi OS adds one: the locked versions as wheels that any Python here takes, with contents,
and so with hashes, of its own. Their build number makes pip prefer them. In /with their links tell the hashes."""

lock = pathlib.Path(sys.argv[1]).read_text()
files = {}
for name, version in re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lock, re.MULTILINE):
    stem = f"{name.replace('-', '_')}-{version}"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as wheel:
        wheel.writestr(f"{name.replace('-', '_')}.py", "raise SystemExit('a file of the second index')")
        wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")
    files[name] = (f"{stem}-1-py3-none-any.whl", data.getvalue())


class Index(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, _, rest = self.path.strip("/").partition("/")
        name = rest.split("/")[0]
        if name not in files:
            return self.send_error(404)
        file, data = files[name]
        if not self.path.endswith(".whl"):
            mark = "#sha256=" + hashlib.sha256(data).hexdigest() if kind == "with" else ""
            data = f'<a href="/{kind}/{name}/{file}{mark}">{file}</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if self.path.endswith(".whl") else "text/html")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", 8099), Index).serve_forever()
'''


@contextmanager
def second_index(machine: Machine, kind: str) -> Iterator[None]:
    """/etc/pip.conf names a second index, as it does on Raspberry Pi OS, and that index answers."""
    machine.write("/root/second_index.py", SECOND_INDEX)
    server = machine.start_process(["python3", "/root/second_index.py", f"{CHECKOUT}/requirements.lock"])
    conf = machine.read("/etc/pip.conf").decode()
    machine.write("/etc/pip.conf", conf + f"extra-index-url = http://127.0.0.1:8099/{kind}/\n")
    try:
        machine.run(["curl", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "-fsS", _page(kind)])
        yield
    finally:
        server.kill()
        machine.run(["pkill", "-f", "second_index.py"], check=False)
        server.communicate()


def _page(kind: str) -> str:
    return f"http://127.0.0.1:8099/{kind}/textual/"


@pytest.mark.long
@pytest.mark.parametrize("kind", ["with", "without"])
def test_the_lock_holds_where_a_second_index_has_other_files_of_the_same_version(installed: Machine, kind: str) -> None:
    with second_index(installed, kind):
        # the trap is real: without hashes pip takes that index's file
        pip = [f"{PREFIX}/current/bin/python", "-m", "pip", "download", "-q", "--no-deps", "-d", "/root/trap"]
        installed.run([*pip, "mdurl==0.1.2"])
        assert installed.run(["ls", "/root/trap"]).stdout == "mdurl-0.1.2-1-py3-none-any.whl\n"
        install(installed)
    assert __version__ in version(installed)
    check = "import mdurl, textual, pydantic, psutil, yaml; print(textual.__name__)"
    assert installed.run([f"{PREFIX}/current/bin/python", "-I", "-c", check]).stdout == "textual\n"


# -- boards and systems that it isn't for ------------------------------------------------------------------------------


def stub(machine: Machine, name: str, script: str) -> None:
    machine.write(f"{STUBS}/{name}", f"#!/bin/sh\n{script}\n", 0o755)


@one_suite
def test_what_it_does_not_run_on_is_refused_in_words_and_untouched(checkout: Machine) -> None:
    before, packages = checkout.listing("/etc", "/opt", "/usr/local"), checkout.packages()
    release = checkout.read("/etc/os-release").decode()

    stub(checkout, "uname", "echo armv6l")
    refused = install(checkout, check=False, stubs=True)
    assert refused.status == 1 and "ARMv6" in refused.stderr and "Pi 2" in refused.stderr
    checkout.run(["rm", "-r", STUBS])

    stub(checkout, "dpkg", "echo riscv64")
    refused = install(checkout, check=False, stubs=True)
    assert refused.status == 1 and "riscv64" in refused.stderr
    checkout.run(["rm", "-r", STUBS])

    other = 'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n'
    checkout.run(["cp", "-P", "/etc/os-release", "/root/os-release"])
    checkout.run(["rm", "/etc/os-release"])
    checkout.write("/etc/os-release", other)
    refused = install(checkout, check=False)
    assert refused.status == 1 and "bullseye" in refused.stderr and "Debian 12 and 13" in refused.stderr
    checkout.run(["mv", "/root/os-release", "/etc/os-release"])
    assert checkout.read("/etc/os-release").decode() == release

    readable = "/home/pi/checkout"
    checkout.push_checkout(REPOSITORY, readable)
    refused = checkout.run(["sh", f"{readable}/install.sh"], check=False, user="pi")
    assert refused.status == 1 and "sudo sh" in refused.stderr

    refused = install(checkout, "--remove", check=False)
    assert refused.status == 3 and "--remove" in refused.stderr

    assert checkout.listing("/etc", "/opt", "/usr/local") == before
    assert checkout.packages() == packages


@pytest.mark.long
def test_armhf_builds_what_has_no_wheel_from_locked_sources(installed: Machine) -> None:
    """The way that armhf takes, second index and all, on this machine's own processor: dpkg says armhf, the compiler
    does the rest."""
    stub(installed, "dpkg", '[ "$1" != --print-architecture ] || { echo armhf; exit; }\nexec /usr/bin/dpkg "$@"')
    with second_index(installed, "without"):
        install(installed, stubs=True)
    shown = installed.run(["sh", "-c", f"cat {PREFIX}/current/lib/python3*/site-packages/psutil-*.dist-info/WHEEL"])
    assert "Generator: setuptools (80" in shown.stdout  # ours, not that of the index's wheel
    check = "import psutil, yaml; print(psutil.virtual_memory().total > 0, yaml.safe_load('a: [1]'))"
    assert installed.run([f"{PREFIX}/current/bin/python", "-I", "-c", check]).stdout == "True {'a': [1]}\n"


@one_suite
def test_a_held_dpkg_lock_is_waited_for_and_its_holder_named(checkout: Machine) -> None:
    waits = "DPkg::Pre-Invoke::=touch /root/held; until test -e /root/go; do sleep 0.1; done"
    holder = checkout.start_process(["apt-get", "-o", waits, "install", "-y", "pv"])
    until(lambda: checkout.run(["test", "-e", "/root/held"], check=False).ok)
    installing = checkout.start_process(["sh", f"{CHECKOUT}/install.sh"])
    assert installing.stdout is not None
    said = b""
    while not re.search(rb"held by process \d+ \(apt-get\)", said):
        line = installing.stdout.readline()
        assert line, said.decode()
        said += line
    checkout.write("/root/go", "")
    said += installing.communicate(timeout=300)[0]
    assert installing.returncode == 0, said.decode()
    holder.communicate(timeout=60)
    assert __version__ in version(checkout)
    assert "pv" in checkout.packages()
