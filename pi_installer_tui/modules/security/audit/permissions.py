"""Keys and secrets: who else can read or change them."""

from __future__ import annotations

from dataclasses import dataclass

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security.audit import accounts, base
from pi_installer_tui.modules.security.audit.base import Check, Finding
from pi_installer_tui.system.host import FileStat, Host
from pi_installer_tui.system.reading import Unknown

HASHES = Check(
    "permissions.password-files",
    "permissions",
    8,
    N_("Can only root read the passwords' hashes and change the accounts?"),
    N_("Hashes can be tried offline; who can write these files is root."),
    N_("chown root:shadow /etc/shadow /etc/gshadow; chmod 640 them; chmod 644 /etc/passwd /etc/group"),
)
SUDOERS = Check(
    "permissions.sudoers",
    "permissions",
    8,
    N_("Can only root change the rules of sudo?"),
    N_("Who can write such a file can become root."),
    N_("chown root:root FILE; chmod 440 FILE"),
)
HOST_KEYS = Check(
    "permissions.host-keys",
    "permissions",
    8,
    N_("Can only root read this machine's SSH host keys?"),
    N_("Who has a host key can pose as this machine and take the passwords that are typed."),
    N_("chown root:root FILE; chmod 600 FILE; make new keys if somebody else may have read them"),
)
AUTHORIZED = Check(
    "permissions.authorized-keys",
    "permissions",
    8,
    N_("Can nobody but its owner and root change who may log in to an account with a key?"),
    N_("Who can add a key there can log in as that account."),
    N_("chmod go-w ~ ~/.ssh ~/.ssh/authorized_keys; chown them to the account"),
    "users.accounts",
)
PRIVATE = Check(
    "permissions.private-keys",
    "permissions",
    7,
    N_("Can nobody else read the private SSH keys of accounts?"),
    N_("Who has such a key can go wherever it opens."),
    N_("chmod 600 FILE; replace the key if somebody else may have read it"),
    "users.accounts",
)
STORED = Check(
    "permissions.stored-secrets",
    "permissions",
    6,
    N_("Can nobody else read Wi-Fi passwords, VPN keys, and keys of certificates?"),
    N_("Every account, a broken web server's too, could take them."),
    N_("chown root FILE; chmod o= FILE (for Wi-Fi and WireGuard: 600)"),
)
CHECKS = (HASHES, SUDOERS, HOST_KEYS, AUTHORIZED, PRIVATE, STORED)

#: folders whose files hold secrets, and the endings of those that do; "" all of them
FOLDERS = (
    ("/etc/NetworkManager/system-connections", ""),
    ("/etc/wireguard", ".conf"),
    ("/etc/ssl/private", ""),
    ("/etc/wpa_supplicant", ".conf"),
    ("/etc/netplan", ".yaml"),
)
#: names of private keys in ~/.ssh (ssh_config(5), IdentityFile)
KEYS = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_dsa")


@dataclass(frozen=True, slots=True)
class Path:
    """A path and what it is; stat is None where nothing is there. real: where it leads, of a link. owner: whose
    account it belongs to."""

    path: str
    stat: FileStat | Unknown | None
    owner: int = 0

    def line(self, people: dict[int, str]) -> str:
        """As `stat -c '%a %U %n'` prints it."""
        if isinstance(self.stat, Unknown):
            return f"? ? {self.path}"
        if self.stat is None:
            return f"- - {self.path}"
        return f"{self.stat.mode:o} {people.get(self.stat.uid, self.stat.uid)} {self.path}"


@dataclass(frozen=True, slots=True)
class Permissions:
    """Paths by the check that looks at them; what keeps one from being answered stands in `hidden`."""

    paths: dict[str, tuple[Path, ...]]
    hidden: dict[str, str]
    people: dict[int, str]
    ssh: bool


async def _stat(host: Host, path: str, owner: int = 0) -> Path:
    try:
        found = await host.stat(path)
        if found is not None and found.kind == "link":
            found = await host.stat(await host.realpath(path))
    except PermissionError:
        return Path(path, Unknown(_("no permission for {path}").format(path=path)), owner)
    return Path(path, found, owner)


async def read(host: Host) -> Permissions:
    """Looks at the permissions; starts no program."""
    passwd = await base.text(host, accounts.PASSWD)
    people = accounts.parse(passwd, None)[0] if isinstance(passwd, str) else ()
    found: dict[str, list[Path]] = {check.id: [] for check in CHECKS}
    hidden: dict[str, str] = {}
    if isinstance(passwd, Unknown) or passwd is None:
        why = passwd.reason if passwd else _("{path} is missing").format(path=accounts.PASSWD)
        hidden[AUTHORIZED.id] = hidden[PRIVATE.id] = why

    async def folder(check: Check, path: str) -> tuple[str, ...]:
        listed = await base.names(host, path)
        if isinstance(listed, Unknown):
            hidden.setdefault(check.id, listed.reason)
            return ()
        return listed

    async def look(check: Check, path: str, owner: int = 0) -> None:
        found[check.id].append(await _stat(host, path, owner))

    for path in (accounts.PASSWD, accounts.GROUP, accounts.SHADOW, "/etc/gshadow"):
        await look(HASHES, path)
    await look(SUDOERS, "/etc/sudoers")
    await look(SUDOERS, "/etc/sudoers.d")
    for name in await folder(SUDOERS, "/etc/sudoers.d"):
        await look(SUDOERS, f"/etc/sudoers.d/{name}")
    for name in await folder(HOST_KEYS, "/etc/ssh"):
        if name.startswith("ssh_host_") and name.endswith("_key"):
            await look(HOST_KEYS, f"/etc/ssh/{name}")
    for person in people:
        if not person.logs_in or not person.home.startswith("/") or person.home == "/":
            continue
        ssh = f"{person.home}/.ssh"
        listed = await base.names(host, ssh)
        if isinstance(listed, Unknown):
            hidden.setdefault(AUTHORIZED.id, listed.reason)
            hidden.setdefault(PRIVATE.id, listed.reason)
            continue
        for name in ("authorized_keys", "authorized_keys2"):
            if name in listed:
                for path in (person.home, ssh, f"{ssh}/{name}"):
                    await look(AUTHORIZED, path, person.uid)
        for name in listed:
            if name in KEYS or (name.startswith("id_") and not name.endswith(".pub")):
                await look(PRIVATE, f"{ssh}/{name}", person.uid)
    for top, ending in FOLDERS:
        inside = await _stat(host, top)
        if isinstance(inside.stat, FileStat) and not inside.stat.mode & 0o001 and inside.stat.uid == 0:
            continue  # nobody else gets into the folder
        for name in await folder(STORED, top):
            if name.endswith(ending):
                await look(STORED, f"{top}/{name}")
    by_check = {check: tuple(dict.fromkeys(paths)) for check, paths in found.items()}
    return Permissions(by_check, hidden, {p.uid: p.name for p in reversed(people)}, bool(by_check[HOST_KEYS.id]))


def _wrong(check: Check, stat: FileStat, path: Path) -> bool:
    if check is HASHES:
        secret = path.path.endswith("shadow")
        return stat.uid != 0 or bool(stat.mode & (0o037 if secret else 0o022))
    if check is SUDOERS:
        return stat.uid != 0 or bool(stat.mode & 0o022)
    if check is HOST_KEYS:
        return stat.uid != 0 or bool(stat.mode & 0o077)
    if check is AUTHORIZED:
        return stat.uid not in (0, path.owner) or bool(stat.mode & 0o022)
    if check is PRIVATE:
        return stat.uid not in (0, path.owner) or bool(stat.mode & 0o077)
    return stat.kind == "file" and bool(stat.mode & 0o006)


_NONE = {
    HOST_KEYS: N_("there are no SSH host keys"),
    SUDOERS: N_("sudo isn't there"),
    AUTHORIZED: N_("no account has authorized_keys"),
    PRIVATE: N_("no account has a private key"),
    STORED: N_("there is none that others could reach"),
}


def judge(facts: Permissions) -> tuple[Finding, ...]:
    """The findings on permissions."""
    return tuple(_one(check, facts) for check in CHECKS)


def _one(check: Check, facts: Permissions) -> Finding:
    paths = [p for p in facts.paths[check.id] if p.stat is not None]
    closed = next((p.stat for p in paths if isinstance(p.stat, Unknown)), None)
    known = [(p, p.stat) for p in paths if isinstance(p.stat, FileStat)]
    wrong = [p for p, stat in known if _wrong(check, stat, p)]
    # what is wrong stands first: a receipt is bounded
    shown = [*wrong, *(p for p, _s in known if p not in wrong)]
    receipt = base.evidence("stat -c '%a %U %n'", (p.line(facts.people) for p in shown))
    if wrong:
        return base.found(check, (p.path for p in wrong), receipt)
    if why := facts.hidden.get(check.id):
        return base.unknown(check, why)
    if closed is not None:
        return base.unknown(check, closed)
    if not known:
        return base.not_here(check, _(_NONE.get(check, N_("there is none"))))
    return base.found(check, (), receipt)
