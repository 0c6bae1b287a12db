"""Accounts on real machines: made, logged in to by SSH with key and with password, sudo tried, locked, expired,
removed, and everything taken back to the byte."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.system.host import Completed

from .machine import Machine
from .program import LEFT_OUT, Before, newest_job, says, tui, undo, until


def setup_of(accounts: dict[str, Any]) -> str:
    return json.dumps({"version": 1, "users": {"accounts": accounts}})


def apply(machine: Machine, accounts: dict[str, Any], **secrets: str) -> str:
    """Applies a setup, and says which job did it."""
    argv = ["apply", "-", "--yes", "--json"]
    if secrets:
        machine.write("/root/secrets.yaml", json.dumps(secrets), 0o600)
        argv.append("--secrets=/root/secrets.yaml")
    done = json.loads(tui(machine, *argv, setup=setup_of(accounts)).stdout)
    assert done["changed"] and not done["failed"], done
    assert_settled(machine, accounts)
    return newest_job(machine)


def assert_settled(machine: Machine, accounts: dict[str, Any]) -> None:
    plan = json.loads(tui(machine, "plan", "-", "--json", setup=setup_of(accounts)).stdout)
    assert plan["changed"] is False, plan


def refused(machine: Machine, accounts: dict[str, Any]) -> dict[str, str]:
    """The mistakes of a setup that nothing is done of, by their places."""
    done = json.loads(tui(machine, "apply", "-", "--yes", "--json", setup=setup_of(accounts), status=3).stdout)
    return {mistake["place"]: mistake["message"] for mistake in done["mistakes"]}


def whole(machine: Machine) -> dict[str, str]:
    """/etc and /home, with contents, modes, owners and links."""
    found = machine.listing("/etc", "/home", "/var/backups", "/var/spool/cron")
    return {path: entry for path, entry in found.items() if not LEFT_OUT.fullmatch(path)}


class Person:
    """Somebody at another computer, with a key and a password."""

    def __init__(self, folder: Path, machine: Machine, name: str) -> None:
        self.machine, self.name, self.folder = machine, name, folder
        self.key = folder / f"{name}.key"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@laptop", "-f", str(self.key)], check=True
        )

    @property
    def public(self) -> str:
        return self.key.with_suffix(".key.pub").read_text().strip()

    @property
    def fingerprint(self) -> str:
        done = subprocess.run(["ssh-keygen", "-l", "-f", str(self.key)], check=True, capture_output=True, text=True)
        return done.stdout.split()[1]

    def _ssh(self, options: list[str], argv: list[str], env: dict[str, str] | None = None) -> Completed:
        command = ["ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        command += ["-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10", *options, f"{self.name}@{self.machine.addr}"]
        end = time.monotonic() + 90
        while True:
            done = subprocess.run([*command, *argv], capture_output=True, text=True, timeout=60, env=env, check=False)
            # sshd_config(5), PerSourcePenalties: who has failed often isn't listened to for a while
            if "kex_exchange_identification" not in done.stderr or time.monotonic() > end:
                return Completed(tuple(argv), done.returncode, done.stdout, done.stderr)
            time.sleep(2)

    def by_key(self, *argv: str) -> Completed:
        """Logs in with the key alone."""
        options = ["-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "IdentityAgent=none"]
        return self._ssh(options, list(argv))

    def by_password(self, password: str, *argv: str) -> Completed:
        """Logs in with a password alone."""
        answer = self.folder / f"{self.name}.sh"
        answer.write_text('#!/bin/sh\nprintf "%s\\n" "$ANSWER"\n')
        answer.chmod(0o700)
        env = {**os.environ, "SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force", "ANSWER": password}
        options = ["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1"]
        options += ["-o", "PreferredAuthentications=password,keyboard-interactive"]
        return self._ssh(options, list(argv), env)


@pytest.fixture
def ada(tmp_path: Path, installed: Machine) -> Person:
    return Person(tmp_path, installed, "ada")


PASSWORD = "Kein 'Würfel' $(id); # \\ \"x\""


@pytest.mark.long
def test_an_account_is_made_used_locked_expired_removed_and_all_of_it_taken_back(
    installed: Machine, ada: Person
) -> None:
    installed.run(["sh", "-c", "printf '# mine\\n' >> /etc/group; sed -i '$d' /etc/group"])
    before = whole(installed)

    # made, with a password and a key
    account = {
        "comment": "Ada Lovelace, née Byron",
        "role": "administrator",
        "password": "users.ada",
        "keys": [ada.public],
    }
    made = apply(installed, {"ada": account}, **{"users.ada": PASSWORD})
    assert says(installed, "getent", "passwd", "ada") == "ada:x:1001:1001:Ada Lovelace, née Byron:/home/ada:/bin/bash"
    assert ada.by_key("id", "-un").stdout.strip() == "ada"
    assert ada.by_password(PASSWORD, "id", "-un").stdout.strip() == "ada"
    assert ada.by_password("wrong", "true").status == 255
    assert "sudo" in ada.by_key("id", "-nG").stdout.split()
    # sudo asks for the password, and takes it
    assert ada.by_key("sudo", "-n", "id", "-un").status == 1
    asked = subprocess.run(
        [
            *("ssh", "-F", "none", "-i", str(ada.key), "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no"),
            *("-o", "UserKnownHostsFile=/dev/null", f"ada@{installed.addr}", "sudo", "-S", "-p", "''", "id", "-un"),
        ],
        input=f"{PASSWORD}\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert asked.stdout.strip() == "root", asked
    # nothing of the secret is left anywhere but as a hash
    assert not installed.run(["grep", "-rlF", "Würfel", "/var/lib/pi-installer-tui", "/etc"], check=False).stdout

    # who can log in and how
    status = json.loads(tui(installed, "status", "users", "--json").stdout)["modules"]["users"]["accounts"]["ada"]
    assert (status["password"], status["can_log_in"], status["role"]) == ("set", True, "administrator")
    (key,) = status["keys"]
    assert (key["type"], key["bits"], key["fingerprint"], key["comment"]) == (
        "ED25519", 256, ada.fingerprint, "ada@laptop",
    )  # fmt: skip
    assert key["last_used"] and status["last_login"]
    assert status["sudo"] == ["(ALL : ALL) ALL"]

    # sudo without password
    rule = apply(installed, {"ada": {"sudo_without_password": True}})
    assert ada.by_key("sudo", "-n", "id", "-un").stdout.strip() == "root"

    # locked: neither key nor password
    locked = apply(installed, {"ada": {"locked": True}})
    assert ada.by_key("true").status == 255
    assert ada.by_password(PASSWORD, "true").status == 255
    unlocked = apply(installed, {"ada": {"locked": False}})
    assert ada.by_key("true").ok
    assert ada.by_password(PASSWORD, "true").ok

    # expired
    expired = apply(installed, {"ada": {"expires": "2001-02-03"}})
    assert ada.by_key("true").status == 255
    assert ada.by_password(PASSWORD, "true").status == 255
    undo(installed, expired)
    assert ada.by_key("true").ok

    # another key, and the first one no more
    other = Person(ada.folder, installed, "ada2")
    installed.run(["sh", "-c", "printf '# by hand\\n\\n' >> /home/ada/.ssh/authorized_keys"])
    keys = apply(
        installed, {"ada": {"keys": [f'from="10.0.0.0/8",no-pty {other.public}'], "remove_keys": [ada.fingerprint]}}
    )
    assert ada.by_key("true").status == 255
    assert b"# by hand\n\nfrom=" in installed.read("/home/ada/.ssh/authorized_keys")
    undo(installed, keys)
    assert ada.by_key("true").ok
    installed.run(["sed", "-i", "2,$d", "/home/ada/.ssh/authorized_keys"])

    # removed, the home packed
    ada.by_key("sh", "-c", "'mkdir -p work; echo letter > work/letter; chmod 640 work/letter; ln -s work/letter link'")
    installed.run(["sh", "-c", "echo '@daily true' | crontab -u ada -"])
    with_work = whole(installed)
    removed = apply(installed, {"ada": {"state": "absent", "home": "archive"}})
    assert installed.run(["getent", "passwd", "ada"], check=False).status == 2
    assert ada.by_key("true").status == 255
    gone = whole(installed)
    assert not [path for path in gone if path.startswith(("/home/ada", "/etc/sudoers.d/pi-")) or "crontabs/ada" in path]
    archive = "/var/backups/home-ada-1001.tar.gz"
    assert says(installed, "stat", "-c", "%a %U", archive) == "600 root"
    undo(installed, removed)
    assert whole(installed) == with_work
    assert ada.by_key("cat", "link").stdout == "letter\n"

    # everything back
    installed.run(["sh", "-c", "crontab -u ada -r; rm -r /home/ada/work /home/ada/link"])
    installed.run(["rm", "-rf", "/home/ada/.cache", "/home/ada/.sudo_as_admin_successful"])
    for job in (unlocked, locked, rule, made):
        undo(installed, job)
    assert whole(installed) == before


@pytest.mark.long
def test_a_password_that_nobody_gave_is_made_shown_once_and_works(installed: Machine, ada: Person) -> None:
    accounts = {"ada": {"password": "users.ada", "role": "guest"}}
    told = tui(installed, "apply", "-", "--yes", setup=setup_of(accounts)).stdout
    (line,) = [line for line in told.splitlines() if "shown this once" in line]
    password = line.rpartition(" ")[2]
    assert ada.by_password(password, "id", "-un").stdout.strip() == "ada"
    tui(installed, "secret", "users.ada", status=3)
    again = apply(installed, {"bob": {"password": "users.bob"}})
    shown = tui(installed, "secret", "users.bob").stdout.strip()
    assert len(shown) == 23
    tui(installed, "secret", "users.bob", status=3)
    found = installed.run(["grep", "-rlF", "-e", password, "-e", shown, "/var/lib/pi-installer-tui"], check=False)
    assert not found.stdout
    undo(installed, again)


@pytest.mark.parametrize("suite", ["trixie"], indirect=True)
def test_a_password_comes_as_a_credential_of_systemd(installed: Machine, ada: Person) -> None:
    installed.write("/root/setup.yaml", setup_of({"ada": {"role": "guest", "password": "users.ada"}}))
    installed.write("/root/credential", f"{PASSWORD}\n", 0o600)
    service = ["systemd-run", "--quiet", "--wait", "--pipe", "--property=LoadCredential=users.ada:/root/credential"]
    done = installed.run([*service, "pi-installer-tui", "apply", "--yes", "/root/setup.yaml"])
    assert "Würfel" not in done.stdout and "shown this once" not in done.stdout
    assert ada.by_password(PASSWORD, "id", "-un").stdout.strip() == "ada"


@pytest.mark.long
def test_a_home_that_was_kept_is_found_again_by_its_owner(installed: Machine, ada: Person) -> None:
    apply(installed, {"ada": {"keys": [ada.public]}, "bob": {"role": "user"}})
    ada.by_key("touch", "mine")
    apply(installed, {"ada": {"state": "absent"}})
    assert says(installed, "stat", "-c", "%u", "/home/ada/mine") == "1001"
    apply(installed, {"carl": {"role": "guest"}})
    assert says(installed, "id", "-u", "carl") == "1003"
    apply(installed, {"ada": {"comment": "back again"}})
    assert says(installed, "stat", "-c", "%U", "/home/ada/mine") == "ada"
    assert ada.by_key("ls", "mine").stdout == "mine\n"


@pytest.mark.long
def test_nobody_is_locked_out(installed: Machine, ada: Person) -> None:
    before = whole(installed)
    for account in (
        {"locked": True},
        {"state": "absent"},
        {"expires": "2001-01-01"},
        {"shell": "/usr/sbin/nologin"},
    ):
        assert set(refused(installed, {"pi": account})) == {"users.accounts.pi"}, account
    # by pi itself, even where there is another administrator
    apply(installed, {"ada": {"role": "administrator", "keys": [ada.public]}})
    setup = setup_of({"pi": {"locked": True}})
    installed.write("/home/pi/setup.yaml", setup)
    done = installed.ssh(["sudo", "pi-installer-tui", "apply", "setup.yaml", "--yes", "--json"], check=False)
    assert done.status == 3 and "lock you out" in done.stdout
    installed.run(["rm", "-f", "/home/pi/setup.yaml", "/home/pi/.sudo_as_admin_successful"])
    # by root there is no such need
    apply(installed, {"pi": {"locked": True}})
    assert installed.ssh(["true"], check=False).status == 255
    for job in json.loads(tui(installed, "jobs", "--json").stdout)["jobs"][:2]:
        undo(installed, job["id"])
    assert whole(installed) == before


@pytest.mark.long
def test_names_and_rights_that_debian_refuses_are_refused_in_words(installed: Machine) -> None:
    before = whole(installed)
    for name in ("x; id", "--help", "-x", "a" * 33, "ädä", "a b", "$(id)", "a:b", "../x", "a\nb", "Ada"):
        assert refused(installed, {name: {}}), name
    for name in ("root", "daemon", "nobody", "sshd"):
        assert "system" in refused(installed, {name: {"locked": True}})[f"users.accounts.{name}"]
    assert "group" in refused(installed, {"sudo": {}})["users.accounts.sudo"]
    assert whole(installed) == before


@pytest.mark.long
def test_who_is_at_work_is_not_removed_and_nothing_is_half_done(installed: Machine, ada: Person) -> None:
    apply(installed, {"ada": {"keys": [ada.public]}})
    before = whole(installed)
    work = installed.start_process(["sleep", "600"], user="ada")
    until(lambda: installed.run(["pgrep", "-u", "ada", "sleep"], check=False).ok)
    setup = setup_of({"ada": {"state": "absent", "home": "remove"}})
    done = json.loads(tui(installed, "apply", "-", "--yes", "--json", setup=setup, status=1).stdout)
    assert done["failed"]
    assert whole(installed) == before
    work.kill()
    work.wait()


@pytest.mark.long
def test_what_is_exported_changes_nothing(installed: Machine, ada: Person) -> None:
    apply(installed, {"ada": {"role": "developer", "keys": [ada.public], "password_days": 90, "expires": "2199-01-01"}})
    installed.run(["useradd", "--badname", "-m", "-c", "x,y,,", "-s", "/bin/sh", "Odd.Name"], check=False)
    installed.run(["passwd", "-l", "pi"])
    exported = tui(installed, "export", "users").stdout
    installed.write("/root/exported.yaml", exported)
    plan = json.loads(tui(installed, "plan", "/root/exported.yaml", "--json").stdout)
    assert plan["changed"] is False, plan


def apply_users(
    machine: Machine, users: dict[str, Any], secrets: dict[str, str] | None = None, *, status: int = 0
) -> dict[str, Any]:
    """Applies the key `users` of a setup, and gives what was said."""
    argv = ["apply", "-", "--yes", "--json"]
    if secrets:
        machine.write("/root/secrets.yaml", json.dumps(secrets), 0o600)
        argv.append("--secrets=/root/secrets.yaml")
    setup = json.dumps({"version": 1, "users": users})
    found: dict[str, Any] = json.loads(tui(machine, *argv, setup=setup, status=status).stdout)
    return found


@pytest.mark.long
def test_rules_for_passwords_hold_for_everybody_and_are_taken_back_to_the_byte(installed: Machine, ada: Person) -> None:
    before = Before(installed)
    rules = {"min_length": 14, "classes": 3, "dictionary": True, "max_days": 90, "min_days": 0, "warn_days": 14}
    users = {"policy": rules, "accounts": {"ada": {"password": "users.ada"}}}
    # held to the rules of the same run, before anything is done
    weak = apply_users(installed, users, {"users.ada": "Kurz-1"}, status=3)
    assert "14" in weak["mistakes"][0]["message"]
    before.assert_as_before()

    done = apply_users(installed, users)
    assert done["changed"] and not done["failed"] and not done["unknown"], done
    job = newest_job(installed)
    made = tui(installed, "secret", "users.ada").stdout.strip()
    assert len(made) == 23 and ada.by_password(made, "id", "-un").stdout.strip() == "ada"
    assert says(installed, "chage", "-l", "ada").splitlines()[-2:] == [
        "Maximum number of days between password change\t\t: 90",
        "Number of days of warning before password expires\t: 14",
    ]
    plan = json.loads(tui(installed, "plan", "-", "--json", setup=json.dumps({"version": 1, "users": users})).stdout)
    assert plan["changed"] is False, plan
    status = json.loads(tui(installed, "status", "users", "--json").stdout)["modules"]["users"]["policy"]
    assert (status["min_length"]["effective"], status["max_days"]["configured"]) == (14, 90)

    # PAM itself refuses ada a weak one, and takes a good one
    for new, taken in (("Kurz-1", False), ("passwordpassword", False), ("Zx8-kpQv2mWs7Ft", True)):
        asked = installed.run(["runuser", "-u", "ada", "--", "passwd"], stdin=f"{made}\n{new}\n{new}\n", check=False)
        assert asked.ok is taken, (new, asked)
    # and so does this program, in the tool's own words; a ready hash is taken as it is
    alone = {"accounts": {"ada": {"password": "users.ada"}}}
    weak = apply_users(installed, alone, {"users.ada": "passwordpassword"}, status=3)
    assert "less than 3 character classes" in weak["mistakes"][0]["message"]
    hashed = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"
    apply_users(installed, alone, {"users.ada": hashed})
    undo(installed, newest_job(installed))

    undo(installed, job)
    before.assert_as_before()


@pytest.mark.long
def test_a_key_is_made_for_somebody_and_its_private_half_logs_in(installed: Machine, ada: Person) -> None:
    before = whole(installed)
    installed.write("/root/office.pub", f"# from the office\n{ada.public}\n")
    done = apply_users(installed, {"accounts": {"ada": {"keys_from": ["/root/office.pub"], "new_key": "ada-laptop"}}})
    assert done["changed"] and not done["failed"], done
    assert ada.by_key("id", "-un").stdout.strip() == "ada"
    private = tui(installed, "secret", "users.ada-laptop").stdout
    found = ["grep", "-rlF", private.splitlines()[-3], "/var/lib/pi-installer-tui", "/run", "/etc"]
    assert not installed.run(found, check=False).stdout
    ada.key = ada.folder / "laptop.key"  # beside which no other public half lies
    ada.key.write_text(private)
    ada.key.chmod(0o600)
    assert ada.by_key("id", "-un").stdout.strip() == "ada"
    missing = apply_users(installed, {"accounts": {"ada": {"keys_from": ["/etc/shadow", "/nothing"]}}}, status=3)
    assert {m["place"] for m in missing["mistakes"]} == {"users.accounts.ada.keys_from"}
    assert "root:" not in json.dumps(missing)
    undo(installed, newest_job(installed))
    assert whole(installed) == before


#: takes the lock of lckpwdf(3), reads, and writes what it read with a line more, as useradd does
_OTHER = """
import fcntl, os, time
lock = os.open("/etc/.pwd.lock", os.O_WRONLY | os.O_CREAT, 0o600)
fcntl.lockf(lock, fcntl.LOCK_EX)
text = open("/etc/passwd").read()
open("/run/locked", "w").close()
time.sleep(4)
open("/etc/passwd", "w").write(text + "other:x:2001:2001::/nonexistent:/usr/sbin/nologin\\n")
"""


@pytest.mark.long
def test_an_undo_waits_for_other_programs_and_a_link_in_a_home_leads_nowhere(installed: Machine, ada: Person) -> None:
    job = apply(installed, {"ada": {"keys": [ada.public]}, "bob": {"keys": [ada.public]}})

    # bob puts a link where his keys were: nothing is read or written through it
    installed.run(["sh", "-c", "mkdir -m 700 /root/.ssh; echo precious > /root/.ssh/authorized_keys"])
    installed.run(["runuser", "-u", "bob", "--", "sh", "-c", "mv ~/.ssh ~/aside; ln -s /root/.ssh ~/.ssh"])
    users = {"accounts": {"bob": {"keys": [Person(ada.folder, installed, "bob").public]}}}
    setup = json.dumps({"version": 1, "users": users})
    plan = json.loads(tui(installed, "plan", "-", "--json", setup=setup, status=1).stdout)
    assert "link" in json.dumps(plan["unknown"]), plan
    assert says(installed, "cat", "/root/.ssh/authorized_keys") == "precious"
    installed.run(["runuser", "-u", "bob", "--", "sh", "-c", "rm ~/.ssh; mv ~/aside ~/.ssh"])

    other = installed.start_process(["python3", "-c", _OTHER])
    until(lambda: installed.run(["test", "-e", "/run/locked"], check=False).ok)
    undo(installed, job)
    assert other.wait() == 0
    names = [line.partition(":")[0] for line in installed.read("/etc/passwd").decode().splitlines()]
    assert "other" in names and not {"ada", "bob"} & {*names}
