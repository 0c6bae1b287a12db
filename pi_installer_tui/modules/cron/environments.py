"""What a job has in its environment when cron starts it, beside what its user has after logging in: the usual reason
why something works by hand and not from cron."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pi_installer_tui.i18n import _
from pi_installer_tui.system.cron import environment
from pi_installer_tui.system.host import Host, HostError

#: a login and a password in an address
_LOGIN = re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*(?=@)")
#: the shell sets these for itself
_SHELLS_OWN = frozenset({"_", "SHLVL", "PWD", "OLDPWD"})


async def login(host: Host, user: str) -> dict[str, str]:
    """What a login shell of the user has when it has read its files. Takes root, or the user. Raises HostError, in
    words."""
    account = await environment.account_of(host, user)
    if account is None:
        raise HostError(_("there is no user {user}").format(user=user))
    if account.shell in environment.NO_SHELLS:
        raise HostError(_("{user} has no login shell").format(user=user))
    env = await environment.of_login(host, account)
    began = environment.start(account, env, (env["SHELL"], "-l", "-c", "exec env -0"), account.home)
    done = await host.run(began.argv, env=began.env)
    if not done.ok:
        raise HostError(_("the shell of {user} ended with status {status}").format(user=user, status=done.status))
    first, *rest = done.stdout.split("\0")
    # what its files print comes before the first variable
    pairs = (pair.partition("=") for pair in (first.rpartition("\n")[2], *rest))
    return {name: value for name, equals, value in pairs if equals}


def difference(cron: Mapping[str, str], login: Mapping[str, str]) -> tuple[str, ...]:
    """What isn't the same, in lines: a variable's name, PATH first, and below it its value for cron and in a login
    shell. Secrets aren't shown."""
    names = sorted((cron.keys() | login.keys()) - _SHELLS_OWN, key=lambda name: (name != "PATH", name))
    lines: list[str] = []
    for name in names:
        before, after = cron.get(name), login.get(name)
        if before != after:
            values = (shown(name, before), shown(name, after))
            lines += [
                name,
                _("  cron:  {value}").format(value=values[0]),
                _("  shell: {value}").format(value=values[1]),
            ]
    return tuple(lines)


def shown(name: str, value: str | None) -> str:
    """A variable's value as it may be seen; None: it isn't set."""
    if value is None:
        return _("not set")
    return _("(secret)") if environment.SECRET.search(name) else _LOGIN.sub(_("(secret)"), value)
