"""sshd: one file of ours that is read first, since the first value wins; then sshd reads its files again, on probation
until somebody has logged in anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.accounts import Account, lets_in, ways_in
from pi_installer_tui.modules.security.issue import NETWORK
from pi_installer_tui.modules.security.plans import port
from pi_installer_tui.modules.security.settings import SshSettings
from pi_installer_tui.modules.security.sshd import ADDING, FOLDER, OWN, SERVICE, SOCKET, Effective, Sshd
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.reading import Known, Unknown, known
from pi_installer_tui.tasks.checks import CommandSays, UnitActive
from pi_installer_tui.tasks.plan import Mistake
from pi_installer_tui.tasks.steps import WriteFile

SETTING = "security.ssh"
_HEAD = "# Made by pi-installer-tui. sshd reads this file first, and of most keywords the first value counts.\n"

#: what no client of the last ten years needs, as patterns of `ssh -Q` names
OUTDATED: Mapping[str, tuple[str, ...]] = {
    "Ciphers": ("*-cbc", "*-cbc@*", "arcfour*"),
    "MACs": ("hmac-sha1*", "hmac-md5*", "umac-64*"),
    "KexAlgorithms": ("diffie-hellman-group1-*", "diffie-hellman-group14-sha1", "*-sha1", "ecdh-sha2-nistp*"),
}
#: settings that decide who gets in
_GATES = ("PermitRootLogin", "PasswordAuthentication", "KbdInteractiveAuthentication", "PubkeyAuthentication")
GATES = frozenset({*_GATES, "AllowUsers", "AllowGroups", "MaxAuthTries", *OUTDATED})


def wanted(settings: SshSettings, now: Effective) -> dict[str, str]:
    """What is wanted, in sshd's keywords and words. now: what sshd says at present."""
    found: dict[str, str] = {}
    if settings.root_login is not None:
        found["PermitRootLogin"] = settings.root_login
    if settings.password_login is not None:
        found["PasswordAuthentication"] = _word(settings.password_login)
        if not settings.password_login:  # PAM asks for the password by this one
            found["KbdInteractiveAuthentication"] = "no"
    if settings.key_login is not None:
        found["PubkeyAuthentication"] = _word(settings.key_login)
    if settings.users is not None:
        found["AllowUsers"] = " ".join(settings.users)
    if settings.groups is not None:
        found["AllowGroups"] = " ".join(settings.groups)
    if settings.max_auth_tries is not None:
        found["MaxAuthTries"] = str(settings.max_auth_tries)
    if settings.idle_timeout is not None:
        found["ChannelTimeout"] = f"session:*={settings.idle_timeout}"
        found["UnusedConnectionTimeout"] = str(settings.idle_timeout)
    if settings.tcp_forwarding is not None:
        found["AllowTcpForwarding"] = settings.tcp_forwarding
    if settings.agent_forwarding is not None:
        found["AllowAgentForwarding"] = _word(settings.agent_forwarding)
    if settings.x11_forwarding is not None:
        found["X11Forwarding"] = _word(settings.x11_forwarding)
    if settings.max_sessions is not None:
        found["MaxSessions"] = str(settings.max_sessions)
    if settings.keepalive is not None:  # TCP's own keepalive is neither encrypted nor needed beside it
        found |= {"ClientAliveInterval": str(settings.keepalive), "ClientAliveCountMax": "2", "TCPKeepAlive": "no"}
    if settings.log_level is not None:
        found["LogLevel"] = settings.log_level.upper()
    if settings.notice is not None:
        found["Banner"] = NETWORK if settings.notice else "none"
    if settings.algorithms is not None:
        for keyword, patterns in OUTDATED.items():
            names = [n for value in now.get(keyword.lower(), ()) for n in value.split(",")]
            found[keyword] = ",".join(n for n in names if not any(fnmatchcase(n, p) for p in patterns))
    return found


def _word(on: bool) -> str:
    return "yes" if on else "no"


def same(keyword: str, found: str, value: str) -> bool:
    """Whether `sshd -T` says what is wanted; it has a word of its own for one of them, and lists have no order."""
    if keyword in ("AllowUsers", "AllowGroups"):
        return set(found.split()) == set(value.split())
    return found.replace("without-password", "prohibit-password") == value


def plan(state: State, settings: SshSettings) -> Part:
    """The steps to what is wanted, not yet on probation."""
    part = Part(SETTING)
    sshd = state.sshd
    if isinstance(sshd.effective, Unknown):
        return part.block(sshd.effective.reason)
    if not isinstance(sshd.effective, Known):
        return part.block(_("there is no SSH server here"))
    values = wanted(settings, sshd.effective.value)
    differs = different(sshd, values)
    ports = port.change(sshd, settings)
    stale = sshd.loaded == Known(False) and bool(values)
    if not differs and not stale and ports is None:
        return part
    if differs or ports is not None:
        if sshd.unreadable:
            return part.block(sshd.unreadable)
        if why := _outranked(sshd, differs):
            return part.block(why)
        text = content(sshd, differs, ports.both if ports is not None else None)
        if text != sshd.texts.get(OWN):
            part.steps.append(WriteFile(id="security.ssh.file", setting=SETTING, path=OWN, content=text))
    if ports is not None:
        part.steps += port.files(sshd, ports.both, None, "port")
        part.checks += port.checks(sshd, ports)
        for text in port.notices(ports):
            part.notice(text)
    part.steps.append(port.test("test", part.ids()))
    if sshd.socket and ports is not None:
        part.steps += port.socket_again("socket", part.ids())
        part.checks.append(UnitActive(id="security.ssh.runs", setting=SETTING, name=SOCKET))
    elif sshd.running:
        part.steps.append(port.service_again("reload", part.ids(), restart=sshd.socket))
        part.checks.append(UnitActive(id="security.ssh.runs", setting=SETTING, name=SERVICE))
    for keyword, value in differs.items():
        for number, line in enumerate(_lines(keyword, value)):
            part.checks.append(
                CommandSays(
                    id=f"security.ssh.{keyword.lower()}{f'-{number}' if number else ''}",
                    setting=SETTING,
                    argv=("sshd", "-T"),
                    line=line,
                )
            )
    for keyword, value in differs.items():
        for user, where in _exceptions(sshd, keyword, value):
            text = _("a Match block says otherwise of {user}, and that stays: {where}")
            part.notice(f"{keyword}: " + text.format(user=user, where=where))
    return part


def _lines(keyword: str, value: str) -> Sequence[str]:
    """The lines by which `sshd -T` says it."""
    name = keyword.lower()
    if keyword in ("AllowUsers", "AllowGroups"):
        return [f"{name} {word}" for word in value.split()]
    return [f"{name} {value.replace('prohibit-password', 'without-password')}"]


def content(sshd: Sshd, values: Mapping[str, str], ports: Sequence[int] | None = None) -> str:
    """Our file: what it says already, with these values and, where they are meant to change, for these ports."""
    own = [line for line in sshd.lines if line.source.path == OWN and not line.match]
    lines = {line.keyword: line.text for line in own if line.keyword != "port"}
    lines.update({keyword.lower(): f"{keyword} {value}" for keyword, value in values.items()})
    listens = [line.text for line in own if line.keyword == "port"] if ports is None else port.lines(sshd, ports)
    return _HEAD + "".join(f"{text}\n" for text in (*listens, *lines.values()))


def afterwards(sshd: Sshd, settings: SshSettings, ports: port.Change) -> Part:
    """What is left to do when somebody has logged in over a new port: sshd leaves the old ones."""
    part = Part(port.SETTING)
    if not ports.closes:
        return part
    now = known(sshd.effective) or {}
    differs = different(sshd, wanted(settings, now))
    text = content(sshd, differs, ports.wanted)
    if text != content(sshd, differs, ports.both):
        part.steps.append(WriteFile(id="security.ssh.close-file", setting=port.SETTING, path=OWN, content=text))
    part.steps += port.files(sshd, ports.wanted, ports.both, "close-port")
    part.steps.append(port.test("close-test", part.ids()))
    if sshd.socket:
        part.steps += port.socket_again("close-socket", part.ids())
    elif sshd.running:
        part.steps.append(port.service_again("close", part.ids(), restart=True))
    return part


def different(sshd: Sshd, values: Mapping[str, str]) -> dict[str, str]:
    """Those of the values that `sshd -T` doesn't say."""
    return {k: v for k, v in values.items() if not same(k, known(sshd.says(k)) or "", v)}


def _outranked(sshd: Sshd, values: Mapping[str, str]) -> str:
    """Why our file wouldn't win, in words; "" where it does."""
    if not sshd.includes:
        return _("sshd_config doesn't include {folder} before it sets anything, so a file there doesn't win").format(
            folder=FOLDER
        )
    for keyword in values:
        for line in sshd.lines:
            if line.keyword != keyword.lower() or line.match or line.source.path == OWN:
                continue
            if keyword.lower() in ADDING:
                return _("{place} has {keyword} too, and these add up; take that line away first").format(
                    place=line.source, keyword=keyword
                )
            if line.source.path.startswith(f"{FOLDER}/") and line.source.path < OWN:
                return _("{place} sets {keyword} first, and the first value wins").format(
                    place=line.source, keyword=keyword
                )
    return ""


def _exceptions(sshd: Sshd, keyword: str, value: str) -> list[tuple[str, str]]:
    """For whom a Match block says otherwise, and where."""
    places = [str(line.source) for line in sshd.lines if line.keyword == keyword.lower() and line.match]
    general = known(sshd.says(keyword))
    found = []
    for user in sshd.users if places else ():
        says = known(sshd.says(keyword, user))
        if says is not None and says != general and not same(keyword, says, value):
            found.append((user, ", ".join(places)))
    return found


def will_say(state: State, settings: SshSettings, account: Account) -> Effective:
    """What sshd will say of an account: what a Match block says of it stays."""
    general = known(state.sshd.effective) or {}
    own = known(state.sshd.users.get(account.name, state.sshd.effective)) or {}
    will = dict(own)
    for keyword, value in wanted(settings, general).items():
        if own.get(keyword.lower()) == general.get(keyword.lower()):
            will[keyword.lower()] = (value,)
    return will


def keepers(state: State, settings: SshSettings) -> dict[str, tuple[str, ...]]:
    """Who will get in and may change everything, and how: key, password."""
    found = {}
    for account in state.accounts:
        ways = ways_in(account, will_say(state, settings, account))
        if ways and account.sudo == Known(True):
            found[account.name] = ways
    return found


def validate(state: State, settings: SshSettings) -> Sequence[Mistake]:
    """Changes that would lock out who is meant to come back."""
    taken = port.validate(state.sshd, settings)
    part = plan(state, settings)
    if not part.steps or not GATES & {*wanted(settings, known(state.sshd.effective) or {})}:
        return taken
    found = list(taken)
    who = keepers(state, settings)
    starter = next((a for a in state.accounts if a.name == state.starter and a.uid != 0), None)
    if starter is not None and not lets_in(starter, will_say(state, settings, starter)):
        place = f"{SETTING}.{'users' if settings.users is not None else 'groups'}"
        found.append(Mistake(place, _("{user} has to be among them: that is you").format(user=starter.name)))
    if settings.password_login is False and not any("key" in ways for ways in who.values()):
        why = _("nobody who may use sudo could log in by a key that sshd takes; add one to an account first")
        found.append(Mistake(f"{SETTING}.password_login", why))
    elif not who:
        found.append(Mistake(SETTING, _("nobody who may use sudo could log in any more")))
    return found
