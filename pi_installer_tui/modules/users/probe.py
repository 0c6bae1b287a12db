"""Mistakes that only ssh-keygen knows: whether a key is one."""

from __future__ import annotations

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.users import keys as key_lines
from pi_installer_tui.modules.users.plan import setting_of
from pi_installer_tui.modules.users.settings import UsersSettings
from pi_installer_tui.modules.users.state import Person, State
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.tasks.plan import Mistake

#: NIST SP 800-131A: what an RSA key needs
_LEAST_RSA = 2048  # bits


async def probe(host: Host, state: State, settings: UsersSettings) -> list[Mistake]:
    """Asks ssh-keygen about every new key."""
    wrong = []
    for name, account in (settings.accounts or {}).items():
        one = None if isinstance(state.people, Unknown) else state.people.get(name)
        for key in account.keys or ():
            line = key_lines.line(key)
            if line is None or line.fingerprint in _there(one):
                continue
            if why := await _mistake(host, key, line.fingerprint):
                wrong.append(Mistake(f"{setting_of(name)}.keys", why))
    return wrong


def _there(one: Person | None) -> set[str]:
    keys = one.keys.value if one is not None and isinstance(one.keys, Known) else ()
    return {key.fingerprint for key in keys}


async def _mistake(host: Host, key: str, fingerprint: str) -> str:
    try:
        done = await host.run(["ssh-keygen", "-l", "-f", "-"], input=f"{key}\n".encode())
    except CommandNotFound as error:
        return _("{program} is not installed").format(program=error.program)
    found = key_lines.said(done.stdout).get(fingerprint)
    if not done.ok or found is None:
        return _("ssh-keygen doesn't take it for a public key")
    bits, kind = found
    if kind == "RSA" and bits < _LEAST_RSA:
        return _("an RSA key of {bits} bits is too short; {least} are the least").format(bits=bits, least=_LEAST_RSA)
    return ""
