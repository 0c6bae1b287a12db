"""Backups on real machines, as somebody sets them up by a file: to a disk and over SFTP, by the timer's service,
proven, restored and taken back, refused where the disk isn't there; in the end nothing is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.modules.cron.templates import fill
from pi_installer_tui.modules.cron.templates_usual import USUAL

from .machine import Machine, run_on_host
from .program import Before, newest_job, says, tui, until

UUID = "3f8c1f0e-2a6b-4c0e-9d59-4f0f3b6f1a11"
MOUNT = "/mnt/backup"
NIGHTLY = "pi-installer-tui-backup-home.service"


class Disk:
    """A file system of 200 MB on a loop device, for the machine as a USB disk is."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine, self.image, self._device = machine, folder / "disk.img", ""
        with self.image.open("wb") as file:
            file.truncate(200 * 1024 * 1024)
        run_on_host("mkfs.ext4", "-q", "-U", UUID, str(self.image))

    def plug(self) -> None:
        """It is plugged in, and mounted."""
        self._device = run_on_host("losetup", "--find", "--show", str(self.image)).stdout.strip()
        self.machine.run(["mknod", "/dev/backup", "b", "7", self._device.removeprefix("/dev/loop")])
        self.machine.run(["mkdir", "-p", MOUNT])
        self.machine.run(["mount", "/dev/backup", MOUNT])

    def pull(self) -> None:
        """It is gone. The kernel lets go of a loop device by itself where somebody has asked it to."""
        self.machine.run(["umount", MOUNT], check=False)
        self.machine.run(["rm", "-f", "/dev/backup"])
        run_on_host("losetup", "--detach", self._device, check=False)


@contextmanager
def disk(machine: Machine, folder: Path) -> Iterator[Disk]:
    """One that is there."""
    found = Disk(machine, folder)
    try:
        found.plug()
        yield found
    finally:
        found.pull()


def let_in(machine: Machine) -> tuple[str, str]:
    """A key that root's SSH on the machine itself takes, and the server's own."""
    machine.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/backup-key"])
    machine.run(["mkdir", "-p", "-m", "0700", "/root/.ssh"])
    public = machine.read("/root/backup-key.pub").decode()
    machine.run(["sh", "-c", "cat >>/root/.ssh/authorized_keys"], stdin=public)
    kind, key = machine.read("/etc/ssh/ssh_host_ed25519_key.pub").decode().split()[:2]
    return machine.read("/root/backup-key").decode(), f"{kind} {key}"


def document(host_key: str) -> dict[str, Any]:
    return {
        "places": {
            "usb": {"kind": "folder", "path": f"{MOUNT}/restic", "device": f"UUID={UUID}", "mount": MOUNT},
            "nas": {"kind": "sftp", "host": "127.0.0.1", "user": "root", "path": "/srv/nas/restic",
                    "key": "backup.nas-key", "host_key": host_key},
        },
        "jobs": {
            "home": {
                "paths": ["/srv/data"],
                "exclude": ["*.tmp"],
                "tags": ["test"],
                "places": ["usb", "nas"],
                "schedule": {"times": ["03:00"], "enabled": True},
                "keep": {"last": 3},
            }
        },
    }  # fmt: skip


def setup(**backup: Any) -> str:
    return json.dumps({"version": 1, "backup": backup})


def state(machine: Machine) -> Any:
    return json.loads(tui(machine, "status", "backup", "--json").stdout)["modules"]["backup"]


def runs(machine: Machine) -> list[Any]:
    found: list[Any] = json.loads(tui(machine, "backup", "history", "--json").stdout)["runs"]
    return found


@pytest.mark.long
def test_backups_are_set_up_run_by_themselves_are_proven_restored_and_taken_back(
    installed: Machine, tmp_path: Path
) -> None:
    machine = installed
    key, host_key = let_in(machine)
    machine.run(["mkdir", "-p", "/srv/data", "/srv/nas"])
    machine.write("/srv/data/letter", "as it was\n", 0o640)
    machine.write("/srv/data/draft.tmp", "left out\n")
    machine.run(["sh", "-c", "for n in $(seq 60); do echo $n >/srv/data/file-$n; done"])
    machine.write("/root/secrets.yaml", json.dumps({"backup.nas-key": key}), 0o600)
    before = Before(machine)
    with disk(machine, tmp_path) as usb:
        wanted = setup(**document(host_key))
        job = it_is_set_up(machine, wanted, key)
        the_timers_service_backs_up_to_both_places(machine)
        it_is_proven(machine)
        a_file_comes_back_and_the_undo_takes_it_away_again(machine)
        a_line_of_a_crontab_runs_the_job_too(machine)
        again = json.loads(tui(machine, "plan", "-", "--json", setup=wanted).stdout)
        assert not again["changed"] and not again["failed"], again
        exported = tui(machine, "export", "backup").stdout
        assert "home" in exported and "UUID=" in exported
        assert not json.loads(tui(machine, "plan", "-", "--json", setup=exported).stdout)["changed"]
        a_disk_that_isnt_there_is_refused_and_nothing_is_written_in_its_place(machine, usb)
        tui(machine, "undo", job, "--yes")
    before.assert_as_before(upgraded=True)
    left = says(machine, "systemctl", "list-units", "--all", "--plain", "--no-legend", "pi-installer-tui-backup-*")
    assert left == ""


def it_is_set_up(machine: Machine, wanted: str, key: str) -> str:
    done = json.loads(
        tui(machine, "apply", "-", "--yes", "--json", "--secrets=/root/secrets.yaml", setup=wanted).stdout
    )
    assert done["outcome"] == "done" and {check["status"] for check in done["checks"]} == {"ok"}, done
    assert says(machine, "stat", "--format=%a %U", "/etc/pi-installer-tui/backup.yaml") == "600 root"
    for name in ("backup.usb", "backup.nas", "backup.nas-key"):
        assert says(machine, "stat", "--format=%a %U", f"/etc/pi-installer-tui/secrets/{name}") == "600 root"
    assert machine.read("/etc/pi-installer-tui/secrets/backup.nas-key").decode() == key
    password = machine.read("/etc/pi-installer-tui/secrets/backup.usb").decode()
    assert len(password.replace("-", "")) == 20 and password not in json.dumps(done)
    shown = tui(machine, "secret", "backup.usb").stdout.strip()
    assert shown == password, "it is shown once, so that its owner can keep it"
    found = state(machine)
    timers = found["timers"]
    assert len(timers) == 4 and all(timer["enabled"] and timer["active"] and timer["next"] for timer in timers.values())
    assert found["jobs"]["home"]["next"] and found["proven"] is None
    return newest_job(machine)


def the_timers_service_backs_up_to_both_places(machine: Machine) -> None:
    started = machine.run(["systemctl", "start", NIGHTLY], check=False)
    assert started.ok, says(machine, "journalctl", "--no-pager", "--output=cat", f"--unit={NIGHTLY}")
    assert says(machine, "systemctl", "show", "--value", "--property=Result", NIGHTLY) == "success"
    listed = json.loads(tui(machine, "backup", "list", "home", "--json").stdout)["places"]
    for place in ("usb", "nas"):
        (snapshot,) = listed[place]["snapshots"]
        assert snapshot["job"] == "home" and snapshot["run"] and "test" in snapshot["tags"]
    ran = [run for run in runs(machine) if run["action"] == "run"]
    assert [(run["arguments"]["place"], run["outcome"]) for run in ran] == [("nas", "done"), ("usb", "done")]
    assert all(run["reported"]["new"] == 61 for run in ran), "the pattern left one out"
    assert not (found := state(machine)["jobs"]["home"])["failed"] and not found["overdue"]


def a_line_of_a_crontab_runs_the_job_too(machine: Machine) -> None:
    """The command of the template, as cron runs it."""
    before = [run for run in runs(machine) if run["action"] == "run"]
    filled = fill(USUAL["backup-job"], {"job": "home"})
    environment = ("PATH=/usr/bin:/bin", "HOME=/root", "LOGNAME=root", "SHELL=/bin/sh")
    machine.run(["env", "-i", *environment, "/bin/sh", "-c", filled.command])
    after = [run for run in runs(machine) if run["action"] == "run"]
    assert len(after) == len(before) + 2 and {run["outcome"] for run in after} == {"done"}, "to both places"


def it_is_proven(machine: Machine) -> None:
    done = json.loads(tui(machine, "backup", "drill", "home", "--place", "usb", "--yes", "--json").stdout)
    assert [job["outcome"] for job in done["jobs"]] == ["done"]
    drill = runs(machine)[0]
    assert drill["action"] == "drill" and drill["reported"]["proven"] is True and drill["reported"]["differ"] == 0
    tui(machine, "backup", "verify", "usb", "nas", "--share", "100", "--yes")
    found = state(machine)["jobs"]["home"]["places"]
    assert found["usb"]["verified"] and found["nas"]["verified"] and found["usb"]["drilled"]
    assert found["usb"]["proven"] is None, "nobody has read the recovery kit back"
    tui(machine, "act", "backup", "kit", "place=usb", "code=WRONG-CODE", "--yes", status=3)
    password = machine.read("/etc/pi-installer-tui/secrets/backup.usb").decode()
    tui(machine, "act", "backup", "kit", "place=usb", f"code={password}", "--yes")
    assert state(machine)["proven"] == found["usb"]["drilled"]
    assert not machine.run(["grep", "-rqF", password, "/var/lib/pi-installer-tui"], check=False).ok


def a_file_comes_back_and_the_undo_takes_it_away_again(machine: Machine) -> None:
    machine.write("/srv/data/letter", "changed since\n", 0o600)
    machine.run(["rm", "/srv/data/file-7"])
    argv = ("backup", "restore", "usb", "latest", "/srv/data", "--existing", "replace", "--yes", "--json")
    done = json.loads(tui(machine, *argv).stdout)
    assert done["outcome"] == "done"
    assert machine.read("/srv/data/letter") == b"as it was\n" and machine.read("/srv/data/file-7") == b"7\n"
    assert says(machine, "stat", "--format=%a", "/srv/data/letter") == "640"
    tui(machine, "undo", done["job"], "--yes")
    assert machine.read("/srv/data/letter") == b"changed since\n"
    assert not machine.run(["test", "-e", "/srv/data/file-7"], check=False).ok


def a_disk_that_isnt_there_is_refused_and_nothing_is_written_in_its_place(machine: Machine, usb: Disk) -> None:
    usb.pull()
    refused = tui(machine, "backup", "run", "home", "--scheduled", status=1)
    assert "mounted" in refused.stdout + refused.stderr
    assert says(machine, "find", MOUNT, "-mindepth", "1") == ""
    newest = [run for run in runs(machine) if run["action"] == "run"][:2]
    outcomes = {run["arguments"]["place"]: run["outcome"] for run in newest}
    assert outcomes == {"usb": "failed", "nas": "done"}, "one that fails stops none of the others"
    assert state(machine)["jobs"]["home"]["failed"]
    usb.plug()
    until(lambda: tui(machine, "backup", "run", "home", "--place", "usb", "--yes").status == 0)
    assert not state(machine)["jobs"]["home"]["failed"]
