"""The ports of SSH. A change of them opens the new ones beside the old ones, on probation until somebody has logged in
over a new one; the old ones go only then, as a part of the plan of its own (`afterwards`). The firewall lets a new port
in before sshd listens there, and an old one until sshd doesn't any more. Where systemd listens in sshd's place, a
drop-in of ssh.socket says where.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.security.settings import SshSettings
from pi_installer_tui.modules.security.sshd import OWN, SERVICE, SOCKET, Line, Sshd
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.tasks.checks import Check, CommandSays
from pi_installer_tui.tasks.plan import Mistake
from pi_installer_tui.tasks.steps import RunCommand, Step, Unit, WriteFile

SETTING = "security.ssh.port"
#: read after all others of its kind (systemd.unit(5): by name, whatever folder they are in)
DROP_IN = f"/etc/systemd/system/{SOCKET}.d/zz-pi-installer-tui.conf"
#: Linux, ip-sysctl: ip_unprivileged_port_start
PRIVILEGED = 1024
_HEAD = "# Made by pi-installer-tui. The empty line takes away where the socket listened before.\n"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the ports. now: those that are open, wanted: those that are meant to be."""

    now: tuple[int, ...]
    wanted: tuple[int, ...]

    @property
    def both(self) -> tuple[int, ...]:
        """Those that are open until it is confirmed."""
        return tuple(sorted({*self.now, *self.wanted}))

    @property
    def opens(self) -> tuple[int, ...]:
        """Those that are new."""
        return tuple(port for port in self.wanted if port not in self.now)

    @property
    def closes(self) -> tuple[int, ...]:
        """Those that go afterwards."""
        return tuple(port for port in self.now if port not in self.wanted)


def change(sshd: Sshd, settings: SshSettings | None) -> Change | None:
    """What there is to do about the ports; None: nothing."""
    if settings is None or settings.port is None or not isinstance(sshd.effective, Known):
        return None
    now = sshd.ports if sshd.running or sshd.socket else ()
    if settings.port == sshd.configured and settings.port == (now or settings.port):
        return None
    return Change(now, settings.port)


def hindrance(sshd: Sshd) -> str:
    """Why the ports can't be changed, in words; "" where they can."""
    if isinstance(sshd.listening, Unknown):
        return sshd.listening.reason
    for line in sshd.lines:
        if line.keyword == "listenaddress" and any(_with_port(value) for value in line.values):
            return _("{place} names a port with an address; take it away there first").format(place=line.source)
    stray = [port for port in sshd.ports if port not in sshd.configured]
    if stray and sshd.running and not sshd.socket and sshd.loaded == Known(True):
        return _("sshd listens on port {port}, which none of its files says").format(port=stray[0])
    return ""


def _with_port(address: str) -> bool:
    """Whether a value of ListenAddress has a port: host:port, [address]:port (sshd_config(5))."""
    return bool(re.search(r"\]:\d+$", address)) or address.count(":") == 1


def lines(sshd: Sshd, ports: Sequence[int]) -> tuple[str, ...]:
    """The lines of our file by which sshd listens on these ports: what other files say adds up to them."""
    others = {port for line in sshd.lines for port in _set_elsewhere(line)}
    return tuple(f"Port {port}" for port in ports if port not in others)


def _set_elsewhere(line: Line) -> tuple[int, ...]:
    """The port that a line of somebody else's sets."""
    if line.keyword != "port" or line.source.path == OWN:
        return ()
    return tuple(int(value) for value in line.values if value.isdigit())


def elsewhere(sshd: Sshd, ports: Sequence[int]) -> Mapping[str, str]:
    """The files of others that open more than these ports, by path, with those lines commented out."""
    found: dict[str, str] = {}
    for line in sshd.lines:
        if any(port not in ports for port in _set_elsewhere(line)):
            path, number = line.source.path, line.source.line or 1
            texts = found.get(path, sshd.texts[path]).splitlines(keepends=True)
            found[path] = "".join([*texts[: number - 1], "#", *texts[number - 1 :]])
    return found


def drop_in(sshd: Sshd, ports: Sequence[int]) -> str:
    """What lets ssh.socket listen on these ports, each on the addresses that it has now (systemd.socket(5))."""
    where = [f"ListenStream={address}:{port}\n" for port in ports for address in sshd.addresses]
    return f"{_HEAD}[Socket]\nListenStream=\n{''.join(where)}"


def files(sshd: Sshd, ports: Sequence[int], before: Sequence[int] | None, what: str) -> list[Step]:
    """The steps that write everything but our own file of sshd's. before: the ports that they were written for already;
    what: the beginning of the steps' ids."""
    was = elsewhere(sshd, before) if before is not None else {}
    steps: list[Step] = [
        WriteFile(id=f"security.ssh.{what}-file-{number}", setting=SETTING, path=path, content=text)
        for number, (path, text) in enumerate(elsewhere(sshd, ports).items(), 1)
        if was.get(path) != text
    ]
    if sshd.socket:
        text = drop_in(sshd, ports)
        steps.append(WriteFile(id=f"security.ssh.{what}-socket", setting=SETTING, path=DROP_IN, content=text))
    return steps


def test(what: str, needs: Sequence[str]) -> Step:
    """sshd reads its files and says whether it understands them."""
    return RunCommand(
        id=f"security.ssh.{what}",
        setting=SETTING.rpartition(".")[0],
        needs=tuple(needs),
        argv=("sshd", "-t"),
        probe="repeatable",
        covered=True,
    )


def socket_again(what: str, needs: Sequence[str]) -> list[Step]:
    """systemd listens anew in sshd's place. A socket can't begin to listen while its service runs, which is stopped for
    that; whoever is logged in stays so (ssh.service, KillMode=process). Both run afterwards: without its service sshd
    can't say what it does (`sshd -T` needs /run/sshd, the service's RuntimeDirectory)."""

    def command(name: str, *argv: str, offline: bool = False) -> Step:
        return RunCommand(
            id=f"security.ssh.{what}-{name}",
            setting=SETTING,
            needs=tuple(needs),
            argv=("systemctl", *argv),
            probe="repeatable",
            again=True,
            offline=offline,
        )

    return [
        command("read", "daemon-reload", offline=True),
        command("stop", "stop", SOCKET, SERVICE),
        command("start", "start", SOCKET, SERVICE),
    ]


def service_again(what: str, needs: Sequence[str], *, restart: bool) -> Step:
    """sshd itself reads its files again. restart: surely, also where it is still at it from the last time; whoever is
    logged in stays so (ssh.service, KillMode=process)."""
    return Unit(
        id=f"security.ssh.{what}",
        setting=SETTING.rpartition(".")[0],
        needs=tuple(needs),
        name=SERVICE,
        active=None,
        restart=restart,
        reload=not restart,
    )


def checks(sshd: Sshd, change: Change) -> list[Check]:
    """What proves that SSH is open where it is meant to be and nowhere else, and will be so after a restart."""
    found: list[Check] = []
    for port in change.wanted:
        listens = ("ss", "-H", "-l", "-t", "-n", f"sport = :{port}")
        found += [
            CommandSays(id=f"security.ssh.port-{port}", setting=SETTING, argv=("sshd", "-T"), line=f"port {port}"),
            CommandSays(id=f"security.ssh.listens-{port}", setting=SETTING, argv=listens, contains="LISTEN", within=10),
        ]
    for port in change.closes:
        unwanted: list[tuple[tuple[str, ...], str]] = [(("sshd", "-T"), f"port {port}")]
        if sshd.socket:
            says = ("systemctl", "show", "--property=Listen", SOCKET)
            unwanted += [(says, f"Listen={address}:{port} (Stream)") for address in sshd.addresses]
        found += [
            CommandSays(id=f"security.ssh.closed-{port}-{number}", setting=SETTING, argv=argv, without=line)
            for number, (argv, line) in enumerate(unwanted, 1)
        ]
    return found


def in_jail(text: str, ports: Sequence[int]) -> str:
    """A file of fail2ban's with these ports in its jail of sshd."""
    found = re.search(r"^\[sshd\]$(?:\n(?!\[).*)*?\nport = (.*)$", text, re.MULTILINE)
    return text if found is None else f"{text[: found.start(1)]}{','.join(map(str, ports))}{text[found.end(1) :]}"


def validate(sshd: Sshd, settings: SshSettings) -> Sequence[Mistake]:
    """Ports that another program has."""
    made = change(sshd, settings)
    taken = sshd.taken.value if isinstance(sshd.taken, Known) else {}
    return [
        Mistake(SETTING, _("port {port} is taken: {program} listens there").format(port=port, program=taken[port]))
        for port in (made.opens if made is not None else ())
        if port in taken
    ]


def notices(change: Change) -> list[str]:
    """What to know of it."""
    found = []
    if change.closes:
        text = _("port {closes} stays open until somebody has logged in over port {opens}; then it is closed")
        opens = change.opens or change.wanted
        found.append(text.format(closes=_listed(change.closes), opens=_listed(opens)))
    if unprivileged := [port for port in change.opens if port >= PRIVILEGED]:
        text = _("port {port} is above 1023: where sshd doesn't run, any account may listen there in its place")
        found.append(text.format(port=_listed(unprivileged)))
    return found


def _listed(ports: Sequence[int]) -> str:
    return ", ".join(map(str, ports))
