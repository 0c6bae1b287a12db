"""Where the private halves of peers' keys lie after they were handed over, if they do: a file of each, root's and 0600,
as it is or encrypted with a passphrase (OpenPGP, by gpg(1))."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pi_installer_tui.system.host import Host
from pi_installer_tui.system.paths import ETC
from pi_installer_tui.system.wireguard.conf import Conf
from pi_installer_tui.system.wireguard.keys import is_key

SECRETS = f"{ETC}/secrets"
ENCRYPTED = ".gpg"
#: where PiVPN keeps what it gave to its clients
PIVPN = "/etc/wireguard/configs"
#: gpg makes no folder of its own that isn't there
_NOWHERE = "/run/pi-installer-tui-gpg-none"


def secret(tunnel: str, peer: str) -> str:
    """The name of the secret that a peer's private key is."""
    return f"vpn.{tunnel}.{peer}"


def passphrase(tunnel: str, peer: str) -> str:
    """The name of the secret that encrypts it."""
    return f"{secret(tunnel, peer)}.passphrase"


def path(tunnel: str, peer: str, how: str, title: str = "") -> str:
    """Its file. how: `plain`, `encrypted` or `pivpn`, which has it by the peer's title."""
    if how == "pivpn":
        return f"{PIVPN}/{title}.conf"
    return f"{SECRETS}/{secret(tunnel, peer)}{ENCRYPTED if how == 'encrypted' else ''}"


def kept(tunnel: str, names: Iterable[str]) -> Mapping[str, str]:
    """How peers' keys are kept, by peer, out of the names of the files in SECRETS."""
    start, found = f"vpn.{tunnel}.", {}
    for name in sorted(names):
        if name.startswith(start):
            peer = name.removeprefix(start)
            found[peer.removesuffix(ENCRYPTED)] = "encrypted" if peer.endswith(ENCRYPTED) else "plain"
    return found


async def private_key(host: Host, tunnel: str, peer: str, title: str = "") -> str | None:
    """A peer's private key where it is kept as it is; None where it isn't. title: as PiVPN calls it. Raises
    PermissionError."""
    text = await host.text(path(tunnel, peer, "plain"))
    if text is not None and is_key(text.strip()):
        return text.strip()
    text = await host.text(f"{PIVPN}/{title}.conf") if title and "/" not in title else None
    found = Conf(text or "").interface
    key = found.one("privatekey") if found is not None else ""
    return key if is_key(key) else None


async def decrypted(host: Host, tunnel: str, peer: str, passphrase: str) -> str:
    """A peer's private key out of what is kept encrypted (tasks/steps/encrypted.py made it). Raises ValueError where
    the passphrase is another one, CommandNotFound, PermissionError."""
    where = path(tunnel, peer, "encrypted")
    argv = ["gpg", "--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback", "--passphrase-fd", "0"]
    argv += ["--no-autostart", "--no-keyring", "--decrypt", where]
    done = await host.run(argv, input=f"{passphrase}\n".encode(), env={"GNUPGHOME": _NOWHERE})
    key = done.stdout.strip()
    if not done.ok or not is_key(key):
        raise ValueError("it can't be decrypted")
    return key
