"""SSH, as `sshd -T` says it is and not as a file says."""

from __future__ import annotations

from collections.abc import Mapping

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security import sshd as reader
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.base import Check, Finding
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Known, Unknown

#: for root, from an address that no Match block is likely to name (RFC 5737)
COMMAND = ("sshd", "-T", "-C", "user=root,host=example.net,addr=192.0.2.1")

ROOT = Check(
    "ssh.root-login",
    "ssh",
    7,
    N_("Can root not log in with a password?"),
    N_("root is on every machine: only the password has to be guessed."),
    N_("PermitRootLogin no"),
    "security.ssh.root_login",
)
PASSWORDS = Check(
    "ssh.passwords",
    "ssh",
    7,
    N_("Does SSH take keys only?"),
    N_("Passwords can be guessed, and robots do nothing else; a key can't."),
    N_("PasswordAuthentication no, once a key works"),
    "security.ssh.password_login",
)
EMPTY = Check(
    "ssh.empty-passwords",
    "ssh",
    9,
    N_("Does SSH refuse empty passwords?"),
    N_("An account without a password is open to everybody."),
    N_("PermitEmptyPasswords no"),
)
TRIES = Check(
    "ssh.max-auth-tries",
    "ssh",
    2,
    N_("Does SSH hang up after a few wrong guesses (4 at most)?"),
    N_("More guesses in each connection make guessing quicker."),
    N_("MaxAuthTries 4"),
    "security.ssh.max_auth_tries",
)
X11 = Check(
    "ssh.x11-forwarding",
    "ssh",
    2,
    N_("Does SSH not carry X11 windows?"),
    N_("A broken server could read the keys that are typed on the desk of who logs in."),
    N_("X11Forwarding no"),
    "security.ssh.x11_forwarding",
)
STRICT = Check(
    "ssh.strict-modes",
    "ssh",
    4,
    N_("Does SSH refuse keys from files that others may change?"),
    N_("Whoever may write into a home folder could add a key."),
    N_("StrictModes yes"),
)
CRYPTO = Check(
    "ssh.algorithms",
    "ssh",
    3,
    N_("Does SSH offer modern algorithms only?"),
    N_("Old ciphers and digests can be broken or are about to be."),
    N_("Leave out what is named: KexAlgorithms, Ciphers, MACs, HostKeyAlgorithms"),
    "security.ssh.algorithms",
)
CHECKS = (ROOT, PASSWORDS, EMPTY, TRIES, X11, STRICT, CRYPTO)

MOST_TRIES = 4
#: parts of names of what is broken or of 64 bits (RFC 8758, RFC 9142, OpenSSH's own release notes)
WEAK = {
    "ciphers": ("3des", "arcfour", "blowfish", "cast128", "-cbc"),
    "macs": ("md5", "hmac-sha1", "umac-64", "ripemd"),
    "kexalgorithms": ("sha1",),
    "hostkeyalgorithms": ("ssh-dss", "ssh-rsa"),
}


async def read(host: Host) -> Mapping[str, str] | Unknown | None:
    """What is in effect for a new connection, the first value of each keyword; None where there is no sshd."""
    if await host.which("sshd") is None:
        return None
    said = await reader.ask(host, COMMAND)
    if isinstance(said, Known):
        return {keyword: values[0] for keyword, values in said.value.items()}
    return said if isinstance(said, Unknown) else None


def weak(values: Mapping[str, str]) -> list[str]:
    """The algorithms offered that shouldn't be."""
    found = []
    for key, parts in WEAK.items():
        for name in values.get(key, "").split(","):
            plain = name.partition("@")[0]
            exact = key == "hostkeyalgorithms"
            if any(plain == part if exact else part in plain for part in parts):
                found.append(name)
    return found


def judge(facts: Mapping[str, str] | Unknown | None) -> tuple[Finding, ...]:
    """The findings on SSH."""
    if facts is None:
        why = _("{program} is not installed").format(program="sshd")
        return tuple(base.not_here(check, why) for check in CHECKS)
    if isinstance(facts, Unknown):
        return tuple(base.unknown(check, facts) for check in CHECKS)
    return (
        _value(ROOT, facts, "permitrootlogin", ("no", "without-password", "prohibit-password", "forced-commands-only")),
        _passwords(facts),
        _value(EMPTY, facts, "permitemptypasswords", ("no",)),
        _tries(facts),
        _value(X11, facts, "x11forwarding", ("no",)),
        _value(STRICT, facts, "strictmodes", ("yes",)),
        base.found(CRYPTO, weak(facts), base.evidence(COMMAND, (f"{k} {facts.get(k, '')}" for k in WEAK))),
    )


def _value(check: Check, facts: Mapping[str, str], key: str, good: tuple[str, ...]) -> Finding:
    if key not in facts:
        return base.unknown(check, _("sshd doesn't say {key}").format(key=key))
    line = f"{key} {facts[key]}"
    return base.found(check, () if facts[key] in good else (line,), base.evidence(COMMAND, [line]))


def _passwords(facts: Mapping[str, str]) -> Finding:
    keys = ("passwordauthentication", "kbdinteractiveauthentication")
    if any(key not in facts for key in keys):
        return base.unknown(PASSWORDS, _("sshd doesn't say {key}").format(key=keys[0]))
    lines = [f"{key} {facts[key]}" for key in keys]
    return base.found(PASSWORDS, (line for line in lines if line.endswith(" yes")), base.evidence(COMMAND, lines))


def _tries(facts: Mapping[str, str]) -> Finding:
    value = facts.get("maxauthtries", "")
    if not value.isdecimal():
        return base.unknown(TRIES, _("sshd doesn't say {key}").format(key="maxauthtries"))
    line = f"maxauthtries {value}"
    return base.found(TRIES, (line,) if int(value) > MOST_TRIES else (), base.evidence(COMMAND, [line]))
