"""Where test machines come from: base images by debootstrap, a network of their own, layers kept between runs.

Everything lies below one cache folder (PI_INSTALLER_TUI_TEST_CACHE, else /var/cache/pi-installer-tui-tests). Images
are keyed by what they were made of, so a changed recipe makes a new one; what an earlier run left behind when it was
killed is cleared away by the next.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

from .machine import Image, Machine, Network, run_on_host

SUITES = ("bookworm", "trixie")  # Debian 12 and 13
CACHE = Path(os.environ.get("PI_INSTALLER_TUI_TEST_CACHE", "/var/cache/pi-installer-tui-tests"))
KEPT_BASES, KEPT_LAYERS = 2, 4  # of a kind: checkouts that are worked on at the same time don't push each other out

_TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nft": "nftables",
    "ssh": "openssh-client",
    "git": "git",
    "nsenter": "util-linux",
}

#: What Raspberry Pi OS Lite has of its base system and our tests touch. No Python: install.sh has to bring it.
_PACKAGES = (
    "ca-certificates,console-setup,cron,curl,dbus,gpg,iproute2,iputils-ping,keyboard-configuration,kmod,less,"
    "libpam-systemd,locales,network-manager,openssh-server,passwd,polkitd,procps,sudo,systemd,systemd-sysv,"
    "systemd-timesyncd,tzdata"
)

_RECIPE = 3  # count up when `_prepare_base` does something else


class CannotRun(Exception):
    """Why no machine can boot here, in words."""


class Lab:
    """The machines of one test run: `with Lab.open() as lab`."""

    def __init__(self, folder: Path, network: Network, private_key: Path) -> None:
        self.folder = folder
        self.network = network
        self.private_key = private_key
        self._made = 1  # the bridge is the subnet's first address

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Lab]:
        """A lab for the time of the `with`. CannotRun says why there is none."""
        _require()
        with ExitStack() as stack:
            with _locked(CACHE / "lock"):
                _clear_leftovers()
                name = f"pit{random.SystemRandom().randrange(16**5):05x}"
                folder = CACHE / "runs" / name
                folder.mkdir(parents=True)
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
                stack.enter_context(_locked(folder / "lock"))
                key = CACHE / "id"
                if not key.exists():
                    run_on_host("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f", str(key))
                network = Network(name, _free_subnet(), _nameservers())
                stack.callback(_remove_network, name)
                network.up()
            yield cls(folder, network, key)

    def base(self, suite: str) -> Image:
        """The bare image of a suite; debootstrap makes it once (about a minute)."""
        archive, security = _mirrors()
        trust = _trust()
        architecture = run_on_host("dpkg", "--print-architecture").stdout.strip()
        made_of = [suite, _RECIPE, _PACKAGES, archive, security, trust.digest, architecture]
        key = f"{suite}-{sha256(json.dumps(made_of).encode()).hexdigest()[:12]}"
        with _locked(CACHE / f"{suite}.lock"):
            done = CACHE / "base" / key
            if not done.exists():
                making = CACHE / "base" / f".{key}"
                shutil.rmtree(making, ignore_errors=True)
                making.mkdir(parents=True)
                _prepare_base(making, suite, archive, security, trust)
                making.rename(done)
                _prune(done, f"{suite}-[0-9a-f]{{12}}", KEPT_BASES)
            os.utime(done)
        return Image(suite, (done,), self.private_key)

    @contextmanager
    def machine(self, image: Image, *, start: bool = True) -> Iterator[Machine]:
        """A machine with a new disk on `image`, booted, and gone afterwards."""
        with ExitStack() as stack:
            for layer in image.layers:
                stack.enter_context(_used(layer))
            self._made += 1
            machine = Machine(self.folder / f"m{self._made}", image, self.network, self._made)
            stack.callback(machine.destroy)
            machine.create()
            if start:
                machine.start()
            yield machine

    def layer(self, image: Image, kind: str, made_of: str, make: Callable[[Machine], None]) -> Image:
        """`image` with what `make` did to a machine on it. Kept between runs, by `kind` and the digest `made_of`."""
        below = sha256("".join(str(layer) for layer in image.layers).encode()).hexdigest()[:6]
        family = f"{image.suite}-{kind}"
        done = CACHE / "layers" / f"{family}-{below}-{made_of[:12]}"
        with _locked(CACHE / f"{family}.lock"):
            if not done.exists():
                (CACHE / "layers").mkdir(exist_ok=True)
                with self.machine(image) as machine:
                    make(machine)
                    machine.keep_disk(done)
                _prune(done, f"{family}-[0-9a-f]{{6}}-[0-9a-f]{{12}}", KEPT_LAYERS)
            os.utime(done)
        return replace(image, layers=(done, *image.layers))


# -- what the host gives ---------------------------------------------------------------------------------------------


def _require() -> None:
    if platform.system() != "Linux" or not shutil.which("apt-get"):
        raise CannotRun("test machines need a Debian as their host (apt, debootstrap)")
    if os.geteuid() != 0:
        raise CannotRun("test machines need root (systemd-nspawn, overlay mounts, network namespaces): run as root")
    missing = [package for tool, package in _TOOLS.items() if not shutil.which(tool)]
    if missing:
        try:
            _apt("update", "-qq")
            _apt("install", "-y", "-qq", "--no-install-recommends", *missing)
        except subprocess.CalledProcessError as error:
            raise CannotRun(f"{' '.join(missing)} can't be installed: {error.stderr.strip()[-300:]}") from None
    CACHE.mkdir(parents=True, exist_ok=True)
    trial = CACHE / f"trial-{os.getpid()}"
    try:
        for name in ("lower", "upper", "work", "root"):
            (trial / name).mkdir(parents=True)
        folders = f"lowerdir={trial}/lower,upperdir={trial}/upper,workdir={trial}/work"
        done = run_on_host("mount", "-t", "overlay", "overlay", "-o", folders, f"{trial}/root", check=False)
        if not done.ok:
            raise CannotRun(f"no overlay can be mounted below {CACHE}: {done.stderr.strip()}")
        run_on_host("umount", f"{trial}/root")
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    done = run_on_host("ip", "netns", "add", f"pittrial{os.getpid()}", check=False)
    if not done.ok:
        raise CannotRun(f"no network namespace can be made: {done.stderr.strip()}")
    run_on_host("ip", "netns", "del", f"pittrial{os.getpid()}")


def _apt(*argv: str) -> None:
    subprocess.run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=300", *argv],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )


@cache
def _mirrors() -> tuple[str, str]:
    """The archive and the security archive ("" where there is none) that this host's own apt uses."""
    wanted = ("--format", "$(REPO_URI)|$(CODENAME)|$(ORIGIN)", "Created-By: Packages")
    for attempt in range(2):
        found: dict[bool, str] = {}
        for line in run_on_host("apt-get", "indextargets", *wanted).stdout.splitlines():
            uri, codename, origin = line.split("|")
            if origin == "Debian" and uri.startswith(("http://", "https://")):
                found.setdefault(codename.endswith("-security"), uri)
        if False in found:
            return found[False], found.get(True, "")
        if attempt == 0:  # a host whose apt was never updated knows no origins yet
            _apt("update", "-qq")
    raise CannotRun("apt here knows no archive of Debian's (apt-get indextargets): nothing to debootstrap from")


@dataclass(frozen=True)
class _Trust:
    """What makes downloads work in the machine as they do on the host."""

    certificates: tuple[str, ...]  # PEM
    pip: str  # pip.conf
    apt: str  # apt.conf

    @property
    def digest(self) -> str:
        return sha256(json.dumps([self.certificates, self.pip, self.apt]).encode()).hexdigest()


def _certificates(bundle: Path) -> set[str]:
    text = bundle.read_text() if bundle.exists() else ""
    return set(re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.DOTALL))


@cache
def _trust() -> _Trust:
    pip = {"cert": "/etc/ssl/certs/ca-certificates.crt"}
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    for name, value in re.findall(r"^[\w:]*\.([\w-]+)='(.*)'$", listed, re.MULTILINE):
        if name in ("index-url", "extra-index-url", "trusted-host", "proxy"):
            words = [word for word in value.split() if not word.startswith(("file:", "/"))]
            if words:
                pip[name] = " ".join(words)
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")
    if proxy:
        pip.setdefault("proxy", proxy)
    names = ("Acquire::http::Proxy", "Acquire::https::Proxy")
    apt = run_on_host("apt-config", "dump", "--format", '%f "%v";%n', *names, check=False).stdout
    return _Trust(
        tuple(sorted(_certificates(Path("/etc/ssl/certs/ca-certificates.crt")))),
        "[global]\n" + "".join(f"{name} = {value}\n" for name, value in pip.items()),
        "".join(f"{line}\n" for line in apt.splitlines() if not line.endswith(' "";')),
    )


def _nameservers() -> tuple[str, ...]:
    """The host's name servers that a machine can reach too: systemd-resolved's own ones instead of its stub."""
    for file in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
        text = Path(file).read_text() if Path(file).exists() else ""
        found: list[str] = re.findall(r"^nameserver\s+([\d.]+)\s*$", text, re.MULTILINE)
        if usable := [server for server in found if not ipaddress.ip_address(server).is_loopback]:
            return tuple(usable)
    raise CannotRun("the host has no name server that a machine could ask (/etc/resolv.conf names a loopback address)")


def _free_subnet() -> ipaddress.IPv4Network:
    """A private /24 that no address and no route of this host lies in."""
    routes = json.loads(run_on_host("ip", "-4", "-json", "route", "show", "table", "all").stdout or "[]")
    taken = [ipaddress.IPv4Network(route["dst"], strict=False) for route in routes if route["dst"] != "default"]
    candidates = [ipaddress.IPv4Network((0x0A000000 | middle << 8, 24)) for middle in range(100 << 8, 200 << 8)]
    random.SystemRandom().shuffle(candidates)
    for candidate in candidates:
        if not any(candidate.overlaps(one) for one in taken):
            return candidate
    raise CannotRun("no private subnet is free here")


# -- the base image --------------------------------------------------------------------------------------------------


def _prepare_base(root: Path, suite: str, archive: str, security: str, trust: _Trust) -> None:
    include = f"--include={_PACKAGES}"
    done = run_on_host("debootstrap", "--variant=minbase", include, suite, str(root), archive, check=False)
    if not done.ok:
        raise CannotRun(f"debootstrap of {suite} from {archive} failed:\n{done.stdout[-1500:]}{done.stderr[-500:]}")
    sources = [f"deb {archive} {suite} main", f"deb {archive} {suite}-updates main"]
    if security:
        sources.append(f"deb {security} {suite}-security main")
    (root / "etc/apt/sources.list").write_text("\n".join(sources) + "\n")
    if trust.apt:
        (root / "etc/apt/apt.conf.d/90host-proxy").write_text(trust.apt)

    own = root / "usr/local/share/ca-certificates/host"
    own.mkdir(parents=True)
    theirs = _certificates(root / "etc/ssl/certs/ca-certificates.crt")
    for number, certificate in enumerate(trust.certificates):
        if certificate not in theirs:
            (own / f"{number}.crt").write_text(certificate)
    run_on_host("chroot", str(root), "update-ca-certificates")
    (root / "etc/pip.conf").write_text(trust.pip)

    groups = "adm,dialout,cdrom,sudo,audio,video,plugdev,games,users,netdev"
    run_on_host("chroot", str(root), "useradd", "--create-home", "--shell=/bin/bash", f"--groups={groups}", "pi")
    sudoers = root / "etc/sudoers.d/010_pi-nopasswd"
    sudoers.write_text("pi ALL=(ALL) NOPASSWD: ALL\n")
    sudoers.chmod(0o440)

    # Debian tells NetworkManager to leave a container's interfaces alone; here it owns eth0, as on a Pi
    (root / "etc/NetworkManager/conf.d/10-own-eth0.conf").write_text("[keyfile]\nunmanaged-devices=none\n")
    (root / "usr/lib/udev/rules.d/85-nm-unmanaged.rules").unlink(missing_ok=True)
    # On a loaded host PID 1 now and then misses that a process has ended (mostly user@1000.service, whose processes are
    # gone by then), and waits for it as long as it may
    (root / "etc/systemd/system.conf.d").mkdir(parents=True, exist_ok=True)
    (root / "etc/systemd/system.conf.d/stop.conf").write_text("[Manager]\nDefaultTimeoutStopSec=20s\n")
    (root / "etc/systemd/system/user@.service.d").mkdir(parents=True, exist_ok=True)
    (root / "etc/systemd/system/user@.service.d/stop.conf").write_text("[Service]\nTimeoutStopSec=10s\n")
    for package in (root / "var/cache/apt/archives").glob("*.deb"):
        package.unlink()


# -- locks, and what was left behind ---------------------------------------------------------------------------------


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _used(layer: Path) -> Iterator[None]:
    """While a machine stands on it, `_prune` leaves the layer alone."""
    with layer.with_name(f"{layer.name}.used").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def _prune(new: Path, family: str, kept: int) -> None:
    """Of the folders beside `new` whose names match `family`, the ones used last stay, and those in use."""
    olds = [path for path in new.parent.iterdir() if re.fullmatch(family, path.name) and path != new]
    olds.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for old in olds[kept - 1 :]:
        marker = old.with_name(f"{old.name}.used")
        with marker.open("w") as file:
            if not _free(file.fileno()):
                continue
            shutil.rmtree(old, ignore_errors=True)
            marker.unlink()


def _free(lock: int) -> bool:
    """Nobody holds the lock; now we do, until its file is closed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _clear_leftovers() -> None:
    """Take away the machines of runs that were killed: their lock is free, or gone with their folder."""
    (CACHE / "runs").mkdir(exist_ok=True)
    processes: dict[str, list[int]] = defaultdict(list)
    for pid, run in _processes():
        processes[run].append(pid)
    for name in {*processes, *(folder.name for folder in (CACHE / "runs").glob("pit*"))}:
        folder = CACHE / "runs" / name
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("a") as file:
            if not _free(file.fileno()):
                continue
            for pid in processes[name]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for machine in folder.glob("m*"):
                run_on_host("umount", "--lazy", str(machine / "root"), check=False)
            _remove_network(name)
            shutil.rmtree(folder, ignore_errors=True)


def _processes() -> Iterator[tuple[int, str]]:
    """The processes of all machines here, each with the run it belongs to: those inside by the disk they have as `/`
    (proc_pid_mountinfo(5)), and systemd-nspawn by its arguments. Neither dies with the other."""
    inside = re.compile(rf"^\S+ \S+ \S+ / / .*upperdir={re.escape(str(CACHE))}/runs/(pit[0-9a-f]{{5}})/", re.MULTILINE)
    beside = re.compile(rf"^systemd-nspawn\0--directory={re.escape(str(CACHE))}/runs/(pit[0-9a-f]{{5}})/")
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            found = beside.search((folder / "cmdline").read_text()) or inside.search((folder / "mountinfo").read_text())
            if found:
                yield int(folder.name), found[1]


def _remove_network(name: str) -> None:
    run_on_host("nft", "delete", "table", "ip", name, check=False)
    run_on_host("ip", "link", "del", name, check=False)
    spaces = json.loads(run_on_host("ip", "-json", "netns", "list").stdout or "[]")
    for space in [one["name"] for one in spaces if one["name"].startswith(f"{name}m")]:
        run_on_host("ip", "netns", "del", space, check=False)
    for link in json.loads(run_on_host("ip", "-json", "link", "show").stdout):
        if link["ifname"].startswith(f"{name}v"):
            run_on_host("ip", "link", "del", link["ifname"], check=False)
