"""Files that everybody may change, and programs that run as somebody else: one walk through the local file systems.

The walk takes seconds to minutes, so it is made when asked for and its result is kept (`kept`, `keep`).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.base import Check, Finding
from pi_installer_tui.modules.security.audit.mounts import Mount
from pi_installer_tui.modules.security.audit.packages import owners
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.system.reading import Unknown

WRITABLE = Check(
    "files.world-writable",
    "files",
    6,
    N_("Is no file outside of the temporary folders one that everybody may change?"),
    N_("Any account can change what a program or another person trusts."),
    N_("chmod o-w FILE"),
    scans=True,
)
STICKY = Check(
    "files.folders-not-sticky",
    "files",
    6,
    N_("Can nobody delete others' files in folders where everybody may write?"),
    N_("Any account can put its own file in the place of another one's."),
    N_("chmod o-w FOLDER, or chmod +t FOLDER where everybody has to write"),
    scans=True,
)
SETUID = Check(
    "files.set-uid",
    "files",
    8,
    N_("Does every program that runs as its owner (set-uid, set-gid) come so from Debian?"),
    N_("A set-uid program is a door to root; one that nobody knows of is how intruders come back."),
    N_("chmod ug-s FILE; one that is wanted: dpkg-statoverride --add --update OWNER GROUP MODE FILE"),
    scans=True,
)
CHECKS = (WRITABLE, STICKY, SETUID)

#: what Debian's packages ship set-uid or set-gid, by the owner or group that it runs as (lintian's
#: elevated-privileges, and /usr of Debian 12 and 13 with their desktops and mail servers)
SHIPPED: Mapping[str, frozenset[str]] = {
    "u:root": frozenset(
        [
            "/usr/bin/su",
            "/usr/bin/sudo",
            "/usr/bin/mount",
            "/usr/bin/umount",
            "/usr/bin/passwd",
            "/usr/bin/chsh",
            "/usr/bin/chfn",
            "/usr/bin/gpasswd",
            "/usr/bin/newgrp",
            "/usr/bin/newuidmap",
            "/usr/bin/newgidmap",
            "/usr/bin/pkexec",
            "/usr/bin/fusermount",
            "/usr/bin/fusermount3",
            "/usr/bin/ntfs-3g",
            "/usr/bin/bwrap",
            "/usr/bin/ksu",
            "/usr/bin/doas",
            "/usr/bin/ping",
            "/usr/bin/ping6",
            "/usr/bin/firejail",
            "/usr/bin/singularity",
            "/usr/bin/procmail",
            "/usr/bin/cdrecord",
            "/usr/bin/wodim",
            "/usr/bin/arping",
            "/usr/bin/mtr-packet",
            "/usr/bin/traceroute6.iputils",
            "/usr/bin/nvidia-modprobe",
            "/usr/bin/Xorg",
            "/usr/sbin/pppd",
            "/usr/sbin/mount.nfs",
            "/usr/sbin/mount.cifs",
            "/usr/sbin/mount.davfs",
            "/usr/sbin/mount.ecryptfs_private",
            "/usr/sbin/exim4",
            "/usr/sbin/sensible-mda",
            "/usr/sbin/unix_chkpwd",
            "/usr/sbin/vpnc",
            "/usr/sbin/usernetctl",
            "/usr/lib/openssh/ssh-keysign",
            "/usr/lib/dbus-1.0/dbus-daemon-launch-helper",
            "/usr/lib/polkit-1/polkit-agent-helper-1",
            "/usr/libexec/polkit-agent-helper-1",
            "/usr/lib/policykit-1/polkit-agent-helper-1",
            "/usr/lib/xorg/Xorg.wrap",
            "/usr/lib/eject/dmcrypt-get-device",
            "/usr/lib/snapd/snap-confine",
            "/usr/lib/chromium/chrome-sandbox",
            "/usr/lib/chromium-browser/chrome-sandbox",
            "/usr/lib/spice-gtk/spice-client-glib-usb-acl-helper",
            "/usr/libexec/spice-client-glib-usb-acl-helper",
            "/usr/lib/qemu/qemu-bridge-helper",
            "/usr/libexec/virtualbox/VBoxNetAdpCtl",
            "/usr/lib/virtualbox/VBoxHeadless",
            "/usr/lib/apache2/suexec-pristine",
            "/usr/lib/apache2/suexec-custom",
            "/usr/libexec/lxc/lxc-user-nic",
            "/usr/lib/pt_chown",
            "/usr/libexec/utempter/utempter",
            "/usr/libexec/apptainer/bin/starter-suid",
            "/usr/lib/enlightenment/utils/enlightenment_sys",
        ]
    ),
    "u:uucp": frozenset(["/usr/bin/uucp", "/usr/bin/uux", "/usr/bin/uustat"]),
    "u:daemon": frozenset(["/usr/bin/at"]),
    "g:daemon": frozenset(["/usr/bin/at"]),
    "g:shadow": frozenset(["/usr/bin/chage", "/usr/bin/expiry", "/usr/sbin/unix_chkpwd", "/usr/bin/vlock"]),
    "g:crontab": frozenset(["/usr/bin/crontab"]),
    "g:_ssh": frozenset(["/usr/bin/ssh-agent"]),
    "g:ssh": frozenset(["/usr/bin/ssh-agent"]),
    "g:tty": frozenset(["/usr/bin/wall", "/usr/bin/write", "/usr/bin/write.ul", "/usr/bin/bsd-write"]),
    "g:mail": frozenset(
        [
            "/usr/bin/dotlockfile",
            "/usr/bin/mutt_dotlock",
            "/usr/bin/lockfile",
            "/usr/bin/procmail",
            "/usr/bin/mailq.nullmailer",
            "/usr/sbin/sensible-mda",
            "/usr/libexec/camel-lock-helper-1.2",
            "/usr/lib/evolution/camel-lock-helper-1.2",
            "/usr/libexec/emacs/movemail",
        ]
    ),
    "g:postdrop": frozenset(["/usr/sbin/postdrop", "/usr/sbin/postqueue"]),
    "g:plocate": frozenset(["/usr/bin/plocate"]),
    "g:mlocate": frozenset(["/usr/bin/mlocate"]),
    "g:utmp": frozenset(
        [
            "/usr/bin/screen",
            "/usr/lib/x86_64-linux-gnu/utempter/utempter",
            "/usr/lib/aarch64-linux-gnu/utempter/utempter",
            "/usr/lib/arm-linux-gnueabihf/utempter/utempter",
            "/usr/libexec/utempter/utempter",
        ]
    ),
    "g:msmtp": frozenset(["/usr/bin/msmtp"]),
}

#: folders that hold other systems (containers) or are everybody's by design; they aren't walked
LEFT_OUT = (
    "/tmp",
    "/var/tmp",
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/snap",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/machines",
    "/var/lib/lxc",
    "/var/lib/lxd",
    "/var/lib/flatpak",
)
#: file systems with Unix permissions on a disk of this machine
KINDS = ("ext2", "ext3", "ext4", "btrfs", "xfs", "f2fs", "jfs", "reiserfs", "zfs", "bcachefs", "overlay")
#: paths that are kept of each kind; the walk goes on and counts the others
MOST = 500


class File(BaseModel):
    """What the walk found. kind: `f`, `d`, or what find calls it."""

    model_config = ConfigDict(frozen=True)

    kind: str
    mode: int
    user: str
    group: str
    path: str

    @property
    def line(self) -> str:
        """As `find -printf '%m %u %g %p'` prints it."""
        return f"{self.mode:o} {self.user} {self.group} {self.path}"


class Scan(BaseModel):
    """A walk. at: when, in seconds since 1970; took: seconds. files: what it found; left_off: how many more there are.
    owned: those set-uid programs that belong to a package; overrides: mode and owner that dpkg-statoverride has.
    unreadable: folders that couldn't be read."""

    model_config = ConfigDict(frozen=True)

    version: int = 1
    at: float
    took: float
    command: str
    files: tuple[File, ...]
    left_off: int = 0
    owned: Mapping[str, str] = {}
    overrides: tuple[str, ...] = ()
    unreadable: int = 0


def command(mounts: Iterable[Mount] | Unknown) -> tuple[str, ...]:
    """The walk through the root file system and the other local ones."""
    points = ["/"]
    if not isinstance(mounts, Unknown):
        for mount in mounts:
            inside = any(mount.point == top or mount.point.startswith(f"{top}/") for top in LEFT_OUT)
            local = mount.kind in KINDS and (mount.source.startswith("/dev/") or mount.kind == "zfs")
            # of a nosuid mount too: what everybody may change is found there
            if local and not inside and mount.point not in points:
                points.append(mount.point)
    prune = [word for top in LEFT_OUT for word in ("-path", top, "-o")][:-1]
    return (
        *("find", *points, "-xdev", "(", *prune, ")", "-prune", "-o"),
        *("(", "-type", "f", "-perm", "/6000", "-o", "-perm", "-0002", "!", "-type", "l", ")"),
        *("-printf", r"%y %m %u %g %p\0"),
    )


def parse(output: str) -> tuple[tuple[File, ...], int]:
    """What find printed, and how many were left off. Raises ValueError."""
    files: list[File] = []
    entries = output.split("\0")
    for entry in entries[:-1]:
        kind, mode, user, group, path = entry.split(" ", 4)
        if kind in "fd":
            files.append(File(kind=kind, mode=int(mode, 8), user=user, group=group, path=path))
    files.sort(key=lambda f: (not f.mode & 0o6000, f.path))
    return tuple(files[:MOST]), max(0, len(files) - MOST)


async def scan(host: Host, mounts: Iterable[Mount] | Unknown) -> Scan | Unknown:
    """Walks through the files, and asks dpkg about the programs that run as somebody else."""
    argv = command(mounts)
    began = time.time()
    try:
        done = await host.run(argv)
    except (CommandNotFound, HostError) as error:
        return Unknown(str(error))
    try:
        files, left_off = parse(done.stdout)
    except ValueError:
        return Unknown(_("{program}'s answer can't be read").format(program="find"))
    if not done.ok and not done.stdout and not done.stderr:
        return Unknown(_("{program} says: {what}").format(program="find", what=done.status))
    refused = [line for line in done.stderr.splitlines() if not line.endswith("No such file or directory")]
    special = [f.path for f in files if f.kind == "f" and f.mode & 0o6000]
    owned, overrides = await asyncio.gather(owners(host, special), base.say(host, "dpkg-statoverride", "--list"))
    if isinstance(owned, Unknown):
        return owned
    return Scan(
        at=began,
        took=time.time() - began,
        command=" ".join("'%y %m %u %g %p\\0'" if word.startswith("%y") else word for word in argv),
        files=files,
        left_off=left_off,
        owned=owned,
        overrides=() if isinstance(overrides, Unknown) else tuple(overrides.splitlines()),
        unreadable=len(refused),
    )


def _surprising(file: File, scan: Scan) -> bool:
    path = file.path if file.path.startswith("/usr/") else f"/usr{file.path}"
    overridden = f"{file.user} {file.group} {file.mode:o} {file.path}"
    if any(" ".join(line.split(None, 3)) == overridden for line in scan.overrides):
        return False
    if file.path not in scan.owned:
        return True
    runs_as = [f"u:{file.user}"] * bool(file.mode & 0o4000) + [f"g:{file.group}"] * bool(file.mode & 0o2000)
    return not all(path in SHIPPED.get(who, frozenset()) for who in runs_as) or bool(file.mode & 0o022)


def judge(facts: Scan | Unknown) -> tuple[Finding, ...]:
    """The findings on files."""
    if isinstance(facts, Unknown):
        return tuple(base.unknown(check, facts) for check in CHECKS)
    files, folders, programs = [], [], []
    for file in facts.files:
        if file.mode & 0o002 and file.kind == "f":
            files.append(file)
        if file.kind == "d" and not file.mode & 0o1000:
            folders.append(file)
        if file.kind == "f" and file.mode & 0o6000:
            programs.append(file)
    surprising = [f for f in programs if _surprising(f, facts)]
    shown = [*surprising, *(f for f in programs if f not in surprising)]
    return (
        _one(WRITABLE, files, files, facts),
        _one(STICKY, folders, folders, facts),
        _one(SETUID, surprising, shown, facts),
    )


def _one(check: Check, bad: list[File], shown: list[File], scan: Scan) -> Finding:
    lines = [f.line for f in shown] or [_("none")]
    if scan.left_off:
        lines.insert(0, _("{n} more were left off").format(n=scan.left_off))
    receipt = base.evidence(scan.command, lines)
    if not bad and scan.unreadable:
        return base.unknown(check, _("{n} folders can't be read").format(n=scan.unreadable), receipt)
    return base.found(check, (f.path for f in bad), receipt)


# kept between looks ---------------------------------------------------------------------------------------------


def keep(root: Path, made: Scan) -> None:
    """Keeps a walk in the state directory, where only root reads it."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = root / "audit-files.json.new"
    new.write_text(made.model_dump_json(), encoding="utf-8", errors="surrogatepass")
    new.chmod(0o600)
    new.replace(root / "audit-files.json")


def kept(root: Path) -> Scan | Unknown:
    """The walk that was made last."""
    try:
        text = (root / "audit-files.json").read_text(encoding="utf-8", errors="surrogatepass")
        made = Scan.model_validate(json.loads(text))
        if made.version == 1:
            return made
    except FileNotFoundError:
        pass
    except PermissionError:
        return Unknown(_("no permission to read {path}").format(path=root))
    except (OSError, ValueError, ValidationError):
        return Unknown(_("the files that were looked at last time can't be read"))
    return Unknown(_("the files weren't looked at yet"))
