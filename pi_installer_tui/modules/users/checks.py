"""What proves an account: the tools that own it are asked, and what answers is never a password's hash."""

from __future__ import annotations

from pi_installer_tui.modules.users.state import keys_path
from pi_installer_tui.tasks.checks import Check, CommandSays, NoAccount


def gone(step: str, setting: str, name: str) -> list[Check]:
    """Nobody is called that."""
    return [NoAccount(id=f"{step}.gone", setting=setting, name=name)]


def there(step: str, setting: str, line: str) -> list[Check]:
    """The machine's name service has the account, just so."""
    name = line.partition(":")[0]
    return [CommandSays(id=f"{step}.is", setting=setting, argv=("getent", "passwd", name), line=line)]


def groups(step: str, setting: str, name: str, wanted: tuple[str, ...]) -> list[Check]:
    """It is in each of the groups."""
    argv = ("id", "-nG", name)
    return [
        CommandSays(id=f"{step}.group-{n}", setting=setting, argv=argv, contains=group)
        for n, group in enumerate(wanted, 1)
    ]


def password(step: str, setting: str, name: str) -> list[Check]:
    """It has a password that counts (passwd(1): P)."""
    return [CommandSays(id=f"{step}.password", setting=setting, argv=("passwd", "-S", name), contains="P")]


def expires(step: str, setting: str, name: str, day: str) -> list[Check]:
    """The day on which it expires, as chage(1) prints it."""
    argv = ("chage", "-l", name)
    return [CommandSays(id=f"{step}.expires", setting=setting, argv=argv, line=f"Account expires\t\t\t\t\t\t: {day}")]


def keys(step: str, setting: str, home: str, fingerprints: tuple[str, ...]) -> list[Check]:
    """ssh-keygen finds each key in the file that sshd reads."""
    argv = ("ssh-keygen", "-l", "-f", keys_path(home))
    return [
        CommandSays(id=f"{step}.key-{n}", setting=setting, argv=argv, contains=fingerprint)
        for n, fingerprint in enumerate(fingerprints, 1)
    ]


def called(step: str, setting: str, home: str, name: str) -> list[Check]:
    """ssh-keygen finds a key of that comment in the file that sshd reads."""
    argv = ("ssh-keygen", "-l", "-f", keys_path(home))
    return [CommandSays(id=f"{step}.new-key", setting=setting, argv=argv, contains=name)]


def sudo(step: str, setting: str, name: str) -> list[Check]:
    """sudo itself says that no password is asked for."""
    argv = ("sudo", "-n", "-l", "-U", name)
    return [CommandSays(id=f"{step}.sudo", setting=setting, argv=argv, line="(ALL : ALL) NOPASSWD: ALL")]
