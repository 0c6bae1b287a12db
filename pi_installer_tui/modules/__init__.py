"""What can be managed. This table is all that Home, the palette and the command line need to list the modules; a
module itself is imported when it is opened (`load`)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pi_installer_tui.i18n import N_

if TYPE_CHECKING:
    from pi_installer_tui.modules.base import Module


@dataclass(frozen=True, slots=True)
class ListedAction:
    """Something that a module does and that isn't a setting. name: its word on the command line; title: what it does,
    in a phrase."""

    name: str
    title: str
    help: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A module's line in the table. name: its key in a setup file. after: modules that are applied before it.
    screen: `package.module:Class` of its own screen, "" for the general one. goals: what it serves in the wizard
    (goals.py) beside those that can't be without it; always: the wizard asks for it whatever the machine is for.
    actions: what it does beside settings. needs: it needs something of the firewall (Module.needs)."""

    name: str
    title: str
    group: str
    summary: str
    after: tuple[str, ...] = ()
    screen: str = ""
    actions: tuple[ListedAction, ...] = ()
    goals: tuple[str, ...] = ()
    always: bool = False
    needs: bool = False


MODULES: tuple[Listed, ...] = (
    Listed(
        name="system",
        title=N_("System"),
        group=N_("Base"),
        summary=N_("hostname, time, locale, keyboard, network"),
        always=True,
    ),
    Listed(
        name="users",
        title=N_("Users"),
        group=N_("Base"),
        summary=N_("accounts, passwords, SSH keys, groups, sudo"),
        after=("system",),
        screen="pi_installer_tui.screens.users.people:UsersScreen",
        always=True,
    ),
    Listed(
        name="security",
        title=N_("Security"),
        group=N_("Base"),
        summary=N_("firewall, SSH, bans, updates, kernel, audit log"),
        after=("system", "users"),
        screen="pi_installer_tui.screens.security.module:SecurityScreen",
        actions=(
            ListedAction(
                name="unban",
                title=N_("lift a ban"),
                help=N_("an address that fail2ban has shut out is let in again"),
            ),
        ),
        goals=("vpn-gateway", "development", "web-server", "mail-server", "smart-home", "ci-runner"),
    ),
    Listed(
        name="monitoring",
        title=N_("Monitoring"),
        group=N_("Base"),
        summary=N_("history, alerts, services, logs"),
        after=("system", "users", "security"),
        screen="pi_installer_tui.screens.monitoring.module:MonitoringScreen",
        actions=(
            ListedAction("start", N_("start a service"), N_("it runs now; whether it does at boot stays as it is")),
            ListedAction("stop", N_("stop a service"), N_("it doesn't run any more, until it is started")),
            ListedAction("restart", N_("restart a service"), N_("it ends and starts anew, and reads its files again")),
            ListedAction("enable", N_("enable a service"), N_("it starts with the machine from now on")),
            ListedAction("disable", N_("disable a service"), N_("it doesn't start with the machine any more")),
        ),
        goals=("home-server", "vpn-gateway", "development", "web-server", "mail-server", "smart-home", "ci-runner"),
    ),
    Listed(
        name="backup",
        title=N_("Backup"),
        group=N_("Base"),
        summary=N_("what is kept, where, and whether it can be had back"),
        after=("system", "users", "security", "monitoring"),
        screen="pi_installer_tui.screens.backup.overview:BackupScreen",
        actions=(
            ListedAction("run", N_("back up now"), N_("a job runs to one of its places")),
            ListedAction(
                "verify", N_("verify a repository"), N_("its structure is looked through, or data read again")
            ),
            ListedAction("drill", N_("prove a backup"), N_("some of it is really restored, and compared")),
            ListedAction("keep", N_("thin out snapshots"), N_("those go that a job's retention doesn't keep")),
            ListedAction("restore", N_("restore files"), N_("files and folders of a snapshot come back")),
            ListedAction("restore-database", N_("restore a database"), N_("it comes back from its dump")),
            ListedAction("unlock", N_("unlock a repository"), N_("locks go that nobody holds any more")),
            ListedAction("kit", N_("confirm a recovery kit"), N_("its code was read back: somebody else can restore")),
            ListedAction("clone", N_("copy the card"), N_("the running disk to another one, which boots in its place")),
        ),
        goals=("home-server", "vpn-gateway", "development", "web-server", "mail-server", "smart-home", "ci-runner"),
    ),
    Listed(
        name="cron",
        title=N_("Scheduled jobs"),
        group=N_("Base"),
        summary=N_("crontabs, timers, what runs when, and how it ended"),
        after=("system", "users", "security", "monitoring", "backup"),
        screen="pi_installer_tui.screens.cron.module:CronScreen",
        actions=(
            ListedAction("create", N_("make a job"), N_("a line in a crontab")),
            ListedAction("change", N_("change a job"), N_("its schedule, its command, its name")),
            ListedAction("copy", N_("copy a job"), N_("to the same crontab, or to another one")),
            ListedAction("move", N_("move a job"), N_("to another user, or to a file of /etc")),
            ListedAction("enable", N_("switch jobs on"), N_("they run again when their time comes")),
            ListedAction("disable", N_("switch jobs off"), N_("they stay where they are, and don't run")),
            ListedAction("delete", N_("delete jobs"), N_("their lines or files go")),
            ListedAction("record", N_("record a job"), N_("result, duration and output of each run are kept")),
            ListedAction("unrecord", N_("record no more"), N_("its line is as it was before; the record stays")),
            ListedAction("run", N_("run a job now"), N_("as cron would, with what it prints")),
            ListedAction("timer", N_("make a timer"), N_("or change one: of systemd, in /etc/systemd/system")),
            ListedAction("to-timer", N_("job to timer"), N_("its line goes, a timer of systemd comes")),
            ListedAction("to-cron", N_("timer to job"), N_("the timer goes, a line in a crontab comes")),
        ),
    ),
    Listed(
        name="vpn",
        title=N_("VPN"),
        group=N_("Network"),
        summary=N_("WireGuard: tunnels, peers, what they may reach"),
        screen="pi_installer_tui.screens.vpn.module:VpnScreen",
        after=("system", "users", "security"),
        actions=(
            ListedAction("pause", N_("pause a peer"), N_("it keeps its keys and addresses, but can't connect")),
            ListedAction("resume", N_("resume a peer"), N_("it can connect again")),
            ListedAction("revoke", N_("revoke a peer"), N_("its keys and addresses are gone")),
            ListedAction("rotate", N_("give a peer new keys"), N_("its old ones don't count any more")),
            ListedAction("rename", N_("rename a peer"), N_("its keys and addresses stay, and it stays connected")),
            ListedAction("forget", N_("forget a peer's private key"), N_("what was kept here of it goes")),
            ListedAction("adopt", N_("adopt a tunnel"), N_("one made by hand, by PiVPN or wg-easy, with its keys")),
            ListedAction("map", N_("map the port"), N_("the router is asked for it now, and again before it forgets")),
            ListedAction("unmap", N_("unmap the port"), N_("it is given back to the router, and asked for no more")),
        ),
        goals=("vpn-gateway",),
        needs=True,
    ),
)


def names() -> tuple[str, ...]:
    """The modules' names, in the order they are applied."""
    return tuple(m.name for m in MODULES)


def listed(name: str) -> Listed:
    """A module's line. Raises KeyError."""
    for module in MODULES:
        if module.name == name:
            return module
    raise KeyError(name)


def action(module: str, name: str) -> ListedAction:
    """An action's line. Raises KeyError."""
    for each in listed(module).actions:
        if each.name == name:
            return each
    raise KeyError(name)


def can_be_set(setting: str) -> bool:
    """Whether a module has a setting (`security.ssh.root_login`); of a table its name is enough."""
    name, _dot, path = setting.partition(".")
    if name not in names():
        return False
    from pi_installer_tui.modules.base import has_setting

    return has_setting(load(name).settings, path)


def load(name: str) -> Module[Any, Any]:
    """Imports a module. Raises KeyError for a name that isn't in the table."""
    listed(name)
    module: Module[Any, Any] = import_module(f"pi_installer_tui.modules.{name}").MODULE
    return module
