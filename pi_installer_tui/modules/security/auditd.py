"""Whether the kernel's audit log is kept: the daemon, the rules in its files and those that the kernel has. A container
has no audit of its own, and then nothing here can be true or false."""

from __future__ import annotations

from dataclasses import dataclass

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown, Value

SERVICE = "auditd.service"
FOLDER = "/etc/audit/rules.d"
OWN = f"{FOLDER}/60-pi-installer-tui.rules"
#: what augenrules(8) makes of the folder
MERGED = "/etc/audit/audit.rules"


@dataclass(frozen=True, slots=True)
class Auditd:
    """enabled: whether the service is enabled, and whether it runs. written: the rules of the files, in the order in
    which augenrules(8) reads them; loaded: those that the kernel has. own: what our own file holds, "" for none.
    here: whether this machine can have an audit log at all (not in a container). machine: the kernel's architecture, as
    `uname -m` says it, "" where it doesn't."""

    installed: bool
    enabled: Value[bool]
    written: Reading[tuple[str, ...]] = MISSING
    loaded: Reading[tuple[str, ...]] = MISSING
    own: str = ""
    here: bool = True
    machine: str = ""


async def read(host: Host) -> Auditd:
    """What auditd does; its rules are told to root only."""
    here = not await _container(host)
    if await host.which("auditctl") is None:
        return Auditd(False, Value(MISSING, Known(False)), here=here, machine=await _machine(host))
    configured: Reading[bool] = MISSING
    running: Reading[bool] = MISSING
    try:
        configured = Known((await host.run(["systemctl", "is-enabled", SERVICE])).stdout.strip() == "enabled")
        running = Known((await host.run(["systemctl", "is-active", SERVICE])).stdout.strip() == "active")
    except CommandNotFound as error:
        configured = running = Unknown(str(error))
    if not here:
        running = Unknown(_("not here: a container has no audit log of its own"))
    written: Reading[tuple[str, ...]]
    own = ""
    try:
        rules: list[str] = []
        for name in await host.listdir(FOLDER):
            if name.endswith(".rules"):
                text = await host.text(f"{FOLDER}/{name}") or ""
                rules += [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        written = Known(tuple(rules))
        own = await host.text(OWN) or ""
    except PermissionError:
        written = Unknown(_("no permission for {path}").format(path=FOLDER))
    loaded, machine = await _loaded(host, here), await _machine(host)
    return Auditd(True, Value(configured, running), written, loaded, own, here, machine)


async def _machine(host: Host) -> str:
    try:
        return (await host.run(["uname", "-m"])).stdout.strip()
    except CommandNotFound:
        return ""


async def _container(host: Host) -> bool:
    try:
        return (await host.run(["systemd-detect-virt", "--container", "--quiet"])).ok
    except CommandNotFound:
        return False


async def _loaded(host: Host, here: bool) -> Reading[tuple[str, ...]]:
    if not here:
        return Unknown(_("not here: a container has no audit log of its own"))
    answer = await host.run(["auditctl", "-l"])
    if not answer.ok:
        return Unknown(_("`auditctl -l` says it to root only"))
    return Known(tuple(line.strip() for line in answer.stdout.splitlines() if line.strip() != "No rules"))
