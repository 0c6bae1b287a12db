"""One booted Debian: what a test may do to it.

The machine has systemd as PID 1, NetworkManager on eth0, openssh, and a user `pi` with sudo without a password, as
Raspberry Pi OS Lite has. Its kernel is the host's; its network namespace, its disk and its processes are its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import re
import shlex
import shutil
import signal
import struct
import subprocess
import tarfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Network
from pathlib import Path
from typing import Literal

from pi_installer_tui.system.host import Completed

from .terminal import Terminal

#: what a comparison of /etc leaves out: the list in docs/undo.md
LEFT_OUT = {
    *(f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")),
    "/etc/ld.so.cache",
    "/etc/.pwd.lock",
    "/etc/.updated",
    "/etc/mtab",
    "/etc/adjtime",
}

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CHECKOUT = "/root/pi-installer-tui"
#: what systemd says when all is stopped and unmounted
_DOWN = re.compile(r"Reached target .*(?:poweroff|reboot)\.target")
# ioctl_tty(2), not in termios: unlock a terminal, and open its other end whatever is mounted here
_TIOCSPTLCK, _TIOCGPTPEER = 0x40045431, 0x5441


class MachineError(Exception):
    """A machine didn't do what a test needs of it: boot, stop, or run a command."""


@dataclass(frozen=True)
class Image:
    """What a machine's disk stands on. layers: folders, the uppermost first; never written to."""

    suite: str
    layers: tuple[Path, ...]
    private_key: Path

    @property
    def public_key(self) -> str:
        return self.private_key.with_suffix(".pub").read_text()


@dataclass(frozen=True)
class Network:
    """A bridge with a private subnet, translated to the host's own address on its way out. Machines are plugged in."""

    name: str  # of the bridge, and of the nft table
    subnet: IPv4Network
    nameservers: tuple[str, ...]

    @property
    def gateway(self) -> str:
        return str(self.subnet[1])

    def namespace(self, number: int) -> str:
        return f"{self.name}m{number}"

    def up(self) -> None:
        run_on_host("ip", "link", "add", self.name, "type", "bridge")
        run_on_host("ip", "addr", "add", f"{self.gateway}/{self.subnet.prefixlen}", "dev", self.name)
        run_on_host("ip", "link", "set", self.name, "up")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
        run_on_host("nft", "add", "table", "ip", self.name)
        run_on_host("nft", "add", "chain", "ip", self.name, "post", "{ type nat hook postrouting priority 100 ; }")
        rule = ["add", "rule", "ip", self.name, "post"]
        run_on_host("nft", *rule, "ip", "saddr", str(self.subnet), "oifname", "!=", self.name, "masquerade")

    def plug(self, number: int) -> None:
        """Make the namespace of machine `number`, with eth0 on the bridge."""
        space, link = self.namespace(number), f"{self.name}v{number}"
        run_on_host("ip", "netns", "add", space)
        peer = ("peer", "name", "eth0", "netns", space)
        run_on_host("ip", "link", "add", link, "master", self.name, "type", "veth", *peer)
        run_on_host("ip", "link", "set", link, "up")
        run_on_host("ip", "-n", space, "link", "set", "lo", "up")

    def unplug(self, number: int) -> None:
        run_on_host("ip", "link", "del", f"{self.name}v{number}", check=False)
        run_on_host("ip", "netns", "del", self.namespace(number), check=False)


class Machine:
    """A Debian of its own. Made by `Lab.machine`; `destroy` leaves nothing of it."""

    def __init__(self, folder: Path, image: Image, network: Network, number: int) -> None:
        self.folder = folder
        self.image = image
        self.network = network
        self.number = number
        self.id = f"{network.name}m{number}"
        self.addr = str(network.subnet[number])
        self.hostname = "raspberrypi"
        self.root = folder / "root"  # its disk, as seen from the host, running or not
        self._nspawn: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<Machine {self.id} {self.image.suite} {self.addr}>"

    # -- life ------------------------------------------------------------------------------------------------------

    def create(self) -> None:
        """A new disk on the image, with its name, address and ssh key. Not booted yet."""
        for name in ("upper", "work", "root", "docker", "containers"):
            (self.folder / name).mkdir(parents=True)
        lower = ":".join(str(layer) for layer in self.image.layers)
        options = f"lowerdir={lower},upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
        # volatile: fsync isn't handed to the disk below, which makes dpkg several times as fast
        run_on_host("mount", "-t", "overlay", "overlay", "-o", f"{options},volatile", str(self.root))
        # unlike an empty one, a fresh id doesn't ask systemd to set every unit to its preset at the first boot
        self._put("/etc/machine-id", os.urandom(16).hex() + "\n", 0o444)
        self._put("/etc/hostname", f"{self.hostname}\n")
        self._put("/etc/hosts", f"127.0.0.1\tlocalhost\n127.0.1.1\t{self.hostname}\n::1\tlocalhost ip6-localhost\n")
        self._put(
            "/etc/NetworkManager/system-connections/wired.nmconnection",
            "[connection]\nid=wired\ntype=ethernet\ninterface-name=eth0\nautoconnect=true\n\n"
            f"[ipv4]\nmethod=manual\naddress1={self.addr}/{self.network.subnet.prefixlen},{self.network.gateway}\n"
            f"dns={';'.join(self.network.nameservers)};\n\n[ipv6]\nmethod=disabled\n",
            0o600,
        )
        ssh = self.root / "home/pi/.ssh"
        ssh.mkdir(0o700, exist_ok=True)
        os.chown(ssh, 1000, 1000)
        self._put("/home/pi/.ssh/authorized_keys", self.image.public_key, 0o600)
        os.chown(ssh / "authorized_keys", 1000, 1000)
        self.network.plug(self.number)

    def _put(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.root / path.lstrip("/")
        file.unlink(missing_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def start(self, seconds: float = 120, *, wait: bool = True) -> None:
        """Boot it and wait until systemd says that all is started, NetworkManager's connections and name servers too;
        without `wait` only for systemd itself. MachineError after `seconds`."""
        if self.running:
            return
        optional = ["--bind=/dev/net/tun"] if Path("/dev/net/tun").exists() else []
        with (self.folder / "console.log").open("ab") as console:
            self._nspawn = subprocess.Popen(
                [
                    "systemd-nspawn",
                    f"--directory={self.root}",
                    f"--machine={self.id}",
                    f"--hostname={self.hostname}",
                    "--register=no",
                    "--keep-unit",
                    f"--network-namespace-path=/run/netns/{self.network.namespace(self.number)}",
                    "--resolv-conf=off",
                    "--timezone=off",
                    "--link-journal=no",
                    "--capability=all",
                    # setting a time zone would set the host's clock: the kernel warps it at the first settimeofday(2)
                    "--drop-capability=CAP_SYS_TIME",
                    "--system-call-filter=@keyring bpf",
                    f"--bind={self.folder / 'docker'}:/var/lib/docker",
                    f"--bind={self.folder / 'containers'}:/var/lib/containers",
                    *optional,
                    "--console=passive",
                    "--boot",
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                env={
                    "PATH": PATH,
                    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                    "SYSTEMD_NSPAWN_LOCK": "0",
                    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
                },
            )
        state = ""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._nspawn.poll() is not None:
                raise MachineError(f"{self} ended while it booted:\n{self.console[-2000:]}")
            if self.leader is not None:
                state = self.run(["systemctl", "is-system-running"], check=False).stdout.strip()
                if state in ("running", "degraded") and not self._connecting and self.knows_its_name_servers:
                    return
                if not wait and state in ("initializing", "starting"):
                    return
            time.sleep(0.2)
        raise MachineError(f"{self} is not up after {seconds} s (state {state!r}):\n{self.console[-2000:]}")

    @property
    def _connecting(self) -> bool:
        """NetworkManager still brings up what it found at boot."""
        return self.run(["nmcli", "-t", "-f", "STATE", "general"], check=False).stdout.startswith("connecting")

    @property
    def knows_its_name_servers(self) -> bool:
        """NetworkManager has written those of its connections into /etc/resolv.conf, which it does some time after a
        connection is up; or it knows none (after a reboot the interface still has its address, and is none of its
        connections), or isn't there."""
        shown = self.run(["nmcli", "-t", "-f", "IP4.DNS,IP6.DNS", "device", "show"], check=False)
        text = self.run(["cat", "/etc/resolv.conf"], check=False).stdout
        known = {line.partition(":")[2].replace("\\", "") for line in shown.stdout.splitlines() if ".DNS[" in line}
        written = {line.split()[1].partition("%")[0] for line in text.splitlines() if line.startswith("nameserver ")}
        return not shown.ok or not known or known == written

    @property
    def console(self) -> str:
        """What it wrote to its console since it was made."""
        return (self.folder / "console.log").read_text(errors="replace")

    @property
    def leader(self) -> int | None:
        """The process id, out here, of its PID 1. None while it isn't running."""
        if self._nspawn is None or self._nspawn.poll() is not None:
            return None
        pid = self._nspawn.pid
        try:
            children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            for child in children:
                namespace = Path(f"/proc/{child}/ns/pid").readlink()
                comm = Path(f"/proc/{child}/comm").read_text()
                if namespace != Path("/proc/self/ns/pid").readlink() and comm == "systemd\n":
                    return child
        except OSError:
            return None
        return None

    @property
    def running(self) -> bool:
        return self._nspawn is not None and self._nspawn.poll() is None

    def wait_stopped(self, seconds: float = 150) -> None:
        """Until it has powered off or rebooted by itself; `start` boots the same disk again. A service may take its 90
        seconds to stop (DefaultTimeoutStopSec, systemd-system.conf(5))."""
        if self._nspawn is None:
            return
        until = time.monotonic() + seconds
        down = 0.0
        while time.monotonic() < until:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._nspawn.wait(0.5)
                return
            if not down and _DOWN.search(self.console.rpartition("Spawning container")[2]):
                down = time.monotonic()
            elif down and time.monotonic() - down > 20:  # PID 1 has missed its own last job; nothing is left to be lost
                self.kill()
                return
        raise MachineError(f"{self} still runs after {seconds} s\n{self.console[-3000:]}")

    def reboot(self) -> None:
        """An orderly reboot. Returns when it is up again."""
        self._stop("reboot.target")
        self.start()

    def poweroff(self) -> None:
        """An orderly shutdown. The disk stays."""
        if self.running:
            self._stop("poweroff.target")

    def _stop(self, target: str) -> None:
        # straight to systemd: `systemctl poweroff` asks logind, which may lose the request while it is restarted
        start = ["systemctl", "start", "--no-block", "--job-mode=replace-irreversibly", target]
        self.run(start)
        try:
            self.wait_stopped(100)
        except MachineError:
            self.run(start, check=False)
            self.wait_stopped()

    def kill(self) -> None:
        """A power cut: every process ends at once, the disk stays as it was. (What was written but not synced stays
        too: it lies in the host's page cache. This tests order and journals, not fsync.)"""
        if self._nspawn is None:
            return
        if (leader := self.leader) is not None:
            # systemd-nspawn ends when its child has; killed too, it would leave it to the host's init, which takes
            # more than a second to notice
            with contextlib.suppress(ProcessLookupError):
                os.kill(leader, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._nspawn.wait(5)
        self._nspawn.kill()
        self._nspawn.wait(30)
        until = time.monotonic() + 30
        while leader is not None and Path(f"/proc/{leader}/ns/pid").exists() and time.monotonic() < until:
            time.sleep(0.02)

    def destroy(self) -> None:
        """Nothing of it stays."""
        self.kill()
        run_on_host("umount", "--lazy", str(self.root), check=False)
        self.network.unplug(self.number)
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep_disk(self, to: Path) -> None:
        """Keep what was written to its disk as `to`, a layer that other machines can stand on, and destroy the rest."""
        self.poweroff()
        run_on_host("umount", str(self.root))
        (self.folder / "upper").rename(to)
        self.destroy()

    # -- commands --------------------------------------------------------------------------------------------------

    def enter(self, argv: Sequence[str], *, user: str = "root", env: Mapping[str, str] | None = None) -> list[str]:
        """The host's command line that runs `argv` inside, without a login session (`ssh` has one)."""
        if (leader := self.leader) is None:
            raise MachineError(f"{self} is not running")
        home = "/root" if user == "root" else f"/home/{user}"
        variables = {"PATH": PATH, "HOME": home, "USER": user, "LOGNAME": user, "LANG": "C.UTF-8", **(env or {})}
        command = ["nsenter", f"--target={leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        command += ["--root", "--wd", "--", "env", "--ignore-environment"]
        command += [f"{name}={value}" for name, value in variables.items()]
        command += ["setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time"]
        if user != "root":
            command += [f"--reuid={user}", f"--regid={user}", "--init-groups"]
        return [*command, *argv]

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        stdin: str | bytes | None = None,
        user: str = "root",
        env: Mapping[str, str] | None = None,
        seconds: float = 600,
    ) -> Completed:
        """Run a command inside and wait for it. With `check`, a status other than 0 is a MachineError."""
        return _run(self.enter(argv, user=user, env=env), argv, stdin, seconds, check)

    def start_process(self, argv: Sequence[str], *, user: str = "root") -> subprocess.Popen[bytes]:
        """A command that goes on beside the test, in a process group of its own. Whoever starts it ends it."""
        return subprocess.Popen(
            self.enter(argv, user=user),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def tty(
        self,
        argv: Sequence[str],
        *,
        term: str = "xterm-256color",
        size: tuple[int, int] = (80, 24),
        user: str = "root",
        env: Mapping[str, str] | None = None,
    ) -> Terminal:
        """A command under a terminal of the machine's own (/dev/pts/N there). size: columns, rows."""
        master = os.open(f"/proc/{self.leader}/root/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
        slave = fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
        if user != "root":
            os.fchown(slave, int(self.run(["id", "-u", user]).stdout), -1)
        return Terminal(self.enter(argv, user=user, env={"TERM": term, **(env or {})}), pty=(master, slave), size=size)

    # -- ssh -------------------------------------------------------------------------------------------------------

    def ssh_command(self, argv: Sequence[str] = (), *, address: str | None = None, tty: bool = False) -> list[str]:
        """The host's command line of an ssh connection as `pi`, by key. An empty `argv` is a login shell."""
        options = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "ConnectTimeout": "5",
            "LogLevel": "ERROR",
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
        }
        command = ["ssh", "-F", "none", "-i", str(self.image.private_key), *(["-tt"] if tty else [])]
        command += [f"-o{name}={value}" for name, value in options.items()]
        return [*command, f"pi@{address or self.addr}", *([shlex.join(argv)] if argv else [])]

    def ssh(
        self,
        argv: Sequence[str],
        *,
        address: str | None = None,
        check: bool = True,
        stdin: str | bytes | None = None,
        seconds: float = 600,
    ) -> Completed:
        """Run a command as `pi` over the machine's network. Status 255: there was no connection."""
        return _run(self.ssh_command(argv, address=address), argv, stdin, seconds, check)

    def ssh_tty(
        self,
        argv: Sequence[str] = (),
        *,
        address: str | None = None,
        term: str = "xterm-256color",
        size: tuple[int, int] = (80, 24),
    ) -> Terminal:
        """An ssh session with a terminal; `close` drops the line as a train does in a tunnel."""
        env = {"PATH": os.environ["PATH"], "TERM": term, "LANG": "C.UTF-8"}
        return Terminal(self.ssh_command(argv, address=address, tty=True), size=size, env=env)

    # -- files -----------------------------------------------------------------------------------------------------

    def push(self, source: Path, to: str) -> None:
        """Copy a file or a folder to the path `to`, root's there."""
        self._extract([(source, Path(to).name)], str(Path(to).parent))

    def push_checkout(self, checkout: Path, to: str = CHECKOUT) -> str:
        """Copy what git tracks or would add (ignored files stay here). Returns the folder in the machine."""
        listed = run_on_host("git", "-C", str(checkout), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        names = [name for name in listed.stdout.split("\0") if name and (checkout / name).is_file()]
        self.run(["rm", "-rf", to])
        self._extract([(checkout / name, name) for name in names], to)
        return to

    def _extract(self, files: Iterable[tuple[Path, str]], folder: str) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for source, name in files:
                tar.add(source, name)
        self.run(["mkdir", "-p", folder])
        self.run(["tar", "-C", folder, "-xf", "-", "--no-same-owner"], stdin=archive.getvalue())

    def pull(self, path: str, to: Path) -> None:
        """Copy the file or folder `path` out, as `to`."""
        source = self.root / path.lstrip("/")
        if source.is_dir():
            shutil.copytree(source, to, symlinks=True)
        else:
            shutil.copy2(source, to)

    def read(self, path: str) -> bytes:
        """A file's bytes, as the machine sees them (/run and /proc too)."""
        done = subprocess.run(self.enter(["cat", "--", path]), capture_output=True, check=False)
        if done.returncode:
            raise FileNotFoundError(done.stderr.decode(errors="replace").strip())
        return done.stdout

    def write(self, path: str, data: str | bytes, mode: int = 0o644) -> None:
        """Put `data` there as a new file of root's, in place of an old one."""
        self.run(["install", "-D", "-m", f"{mode:o}", "/dev/stdin", path], stdin=data)

    def listing(self, *tops: str) -> dict[str, str]:
        """Each path on its disk below `tops` with kind, mode, owner and content (SHA-256), to compare before and after.
        No times, and no inode numbers."""
        found: dict[str, str] = {}
        for top in tops:
            start = self.root / top.lstrip("/")
            paths = [start, *(Path(at) / name for at, dirs, files in os.walk(start) for name in (*dirs, *files))]
            for path in paths:
                if not os.path.lexists(path):
                    continue
                found["/" + str(path.relative_to(self.root))] = _describe(path)
        return found

    def packages(self, which: Literal["installed", "manual"] = "installed") -> dict[str, str]:
        """Package -> version and state; or those that were asked for by name (`apt-mark showmanual`)."""
        if which == "manual":
            return dict.fromkeys(self.run(["apt-mark", "showmanual"]).stdout.split(), "manual")
        shown = self.run(["dpkg-query", "-W", "-f", "${binary:Package} ${Version} ${db:Status-Abbrev}\n"]).stdout
        return {name: rest for name, _, rest in (line.partition(" ") for line in shown.splitlines())}


def _describe(path: Path) -> str:
    stat = path.lstat()
    if path.is_symlink():
        return f"link {stat.st_uid}:{stat.st_gid} -> {path.readlink()}"
    owner = f"{stat.st_mode:o} {stat.st_uid}:{stat.st_gid}"
    return f"{owner} {sha256(path.read_bytes()).hexdigest()}" if path.is_file() else owner


def run_on_host(*argv: str, check: bool = True) -> Completed:
    """Run a command out here. With `check`, a status other than 0 is a MachineError."""
    return _run(argv, argv, None, 600, check)


def _run(
    command: Sequence[str], argv: Sequence[str], stdin: str | bytes | None, seconds: float, check: bool
) -> Completed:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(stdin.encode() if isinstance(stdin, str) else stdin, timeout=seconds)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    done = Completed(tuple(argv), process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
    if check and not done.ok:
        raise MachineError(f"{shlex.join(argv)} ended with {done.status}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done
