"""Mistakes that only a tool of the machine knows: whether a key is one (ssh-keygen(1)), whether a password is good
enough (pwscore(1))."""

from __future__ import annotations

from collections.abc import Mapping

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.users import keys as key_lines
from pi_installer_tui.modules.users.plan import setting_of
from pi_installer_tui.modules.users.settings import Account, Policy, UsersSettings, public_key
from pi_installer_tui.modules.users.state import Person, State
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import Known, Unknown, known
from pi_installer_tui.tasks.plan import Mistake
from pi_installer_tui.tasks.steps.accounts import hashed, refused

#: NIST SP 800-131A: what an RSA key needs
_LEAST_RSA = 2048  # bits


async def complete(host: Host, settings: UsersSettings) -> tuple[UsersSettings, list[Mistake]]:
    """Reads the files that keys come from. A mistake names the line, never what stands in it."""
    wrong: list[Mistake] = []
    changed: dict[str, Account] = {}
    for name, account in (settings.accounts or {}).items():
        keys = list(account.keys or ())
        for path in account.keys_from or ():
            try:
                keys += _keys_in(path, await host.text(path))
            except ValueError as error:
                wrong.append(Mistake(f"{setting_of(name)}.keys_from", str(error)))
            except OSError as error:
                text = _("{path} can't be read: {error}").format(path=path, error=error.strerror or error)
                wrong.append(Mistake(f"{setting_of(name)}.keys_from", text))
        if account.keys_from:
            by_fingerprint = {line.fingerprint: key for key in keys if (line := key_lines.line(key)) is not None}
            changed[name] = account.model_copy(
                update={"keys": tuple(by_fingerprint.values()) or None, "keys_from": None}
            )
    if not changed:
        return settings, wrong
    return settings.model_copy(update={"accounts": {**(settings.accounts or {}), **changed}}), wrong


def _keys_in(path: str, text: str | None) -> list[str]:
    """The keys in a file. Raises ValueError where there is none, or a line is something else."""
    if text is None:
        raise ValueError(_("there is no file {path}").format(path=path))
    found = []
    for number, row in enumerate(text.splitlines(), 1):
        if not row.strip() or row.lstrip().startswith("#"):
            continue
        try:
            found.append(public_key(row))
        except ValueError as error:
            raise ValueError(_("{path}, line {n}: {why}").format(path=path, n=number, why=error)) from None
    if not found:
        raise ValueError(_("{path} has no key in it").format(path=path))
    return found


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


async def judge(host: Host, state: State, settings: UsersSettings, secrets: Mapping[str, str]) -> list[Mistake]:
    """Holds the passwords that were given to the rules: to those that are wanted by the same run, and to those that the
    machine has, by its own tool."""
    wrong = []
    policy = settings.policy or Policy()
    for name, account in (settings.accounts or {}).items():
        value = secrets.get(account.password or "", "")
        if not value or hashed(value):
            continue
        why = short_of(policy, value)
        if not why and known(state.rules.asked):
            why = await refused(host, name, value)
        if why:
            text = _("the rules for passwords refuse it: {why}")
            wrong.append(Mistake(f"{setting_of(name)}.password", text.format(why=why)))
    return wrong


def short_of(policy: Policy, value: str) -> str:
    """What a password lacks of rules that aren't there yet, in words; "" nothing."""
    if policy.min_length is not None and len(value) < policy.min_length:
        return _("it is shorter than {n} characters").format(n=policy.min_length)
    kinds = (str.islower, str.isupper, str.isdigit, lambda sign: not (sign.isalpha() or sign.isdigit()))
    found = sum(any(map(kind, value)) for kind in kinds)
    if policy.classes is not None and found < policy.classes:
        return _("it has fewer than {n} kinds of characters").format(n=policy.classes)
    return ""


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
