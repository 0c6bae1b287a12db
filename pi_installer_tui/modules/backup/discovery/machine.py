"""What every machine has that is worth keeping: its settings, its people's files, this program's own state, mail, and
the things of a home."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.discovery.found import Worthwhile
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.paths import ETC

#: what a Debian is told to be: settings, crontabs, own scripts, which packages there are and (extended_states) which of
#: them came by themselves; the firmware's settings of a Pi
_SYSTEM = (
    "/etc",
    "/var/spool/cron/crontabs",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/etc",
    "/var/lib/dpkg/status",
    "/var/lib/apt/extended_states",
    "/boot/firmware/config.txt",
    "/boot/firmware/cmdline.txt",
    "/boot/config.txt",
    "/boot/cmdline.txt",
)
#: below a home: what its programs make again
_CACHES = (
    ".cache",
    ".local/share/Trash",
    ".thumbnails",
    ".npm/_cacache",
    ".cargo/registry",
    ".rustup/toolchains",
    ".gradle/caches",
    ".m2/repository",
    "go/pkg/mod",
    ".mozilla/firefox/*/cache2",
    ".config/*/Cache",
    ".config/*/*/Cache",
    ".config/*/*/Code Cache",
    ".var/app/*/cache",
    "**/node_modules",
    "**/__pycache__",
)
_MAIL = ("/var/mail", "/var/vmail", "/var/spool/mail", "/var/lib/dovecot", "/srv/mail", "/srv/vmail")
#: where Home Assistant has its settings when it isn't in a container (its documentation, `Core` and `Supervised`)
_HOME_ASSISTANT = (
    "/usr/share/hassio",
    "/srv/homeassistant",
    "/home/homeassistant/.homeassistant",
    "/var/lib/homeassistant",
)
#: of packages, and of the administrator
_UNITS = ("/usr/lib/systemd/system", "/lib/systemd/system", "/etc/systemd/system")
_ASSISTANT_LEFT_OUT = ("home-assistant.log*", "**/tts", "**/deps", "**/__pycache__")


async def system(host: Host) -> list[Worthwhile]:
    paths = await there(host, _SYSTEM)
    about = _("settings in /etc, crontabs, own scripts, which packages there are, the Pi's boot settings")
    return [Worthwhile("system", _("System settings"), about, paths)] if paths else []


async def home(host: Host) -> list[Worthwhile]:
    """Of people (from UID 1000 on, adduser's FIRST_UID) and root, without caches."""
    homes = {"/root"}
    for line in (await host.text("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isdigit() and 1000 <= int(fields[2]) < 60000 and fields[5].count("/") > 1:
            homes.add(posixpath.normpath(fields[5]))
    found = await there(host, sorted(homes))
    inside = any(path.startswith("/home/") for path in found)
    paths = tuple(path for path in (["/home"] if inside else []) + [p for p in found if not p.startswith("/home/")])
    tops = ["/home/*" if path == "/home" else path for path in paths]
    excludes = tuple(f"{top}/{cache}" for top in tops for cache in _CACHES)
    return [Worthwhile("home", _("Home directories"), _("without caches"), paths, excludes)] if paths else []


async def state(host: Host) -> list[Worthwhile]:
    """Of this program: settings applied, secrets, jobs and what they replaced."""
    paths = await there(host, ("/etc/pi-installer-tui", "/var/lib/pi-installer-tui"))
    excludes = tuple(f"/var/lib/pi-installer-tui/{name}" for name in ("scratch", "metrics"))
    about = _("of this program: its settings, secrets, jobs and what they replaced")
    return [Worthwhile("state", _("This program's state"), about, paths, excludes)] if paths else []


async def mail(host: Host) -> list[Worthwhile]:
    paths: list[str] = []
    for path in await there(host, _MAIL):
        found = await host.stat(path)
        if found and found.kind == "directory" and await _names(host, path):
            paths.append(path)
    writers = await units(host, "dovecot", "exim4", "postfix") if paths else ()
    return [Worthwhile("mail", _("Mail"), _("mailboxes"), tuple(paths), writers=writers)] if paths else []


async def wireguard(host: Host) -> list[Worthwhile]:
    """With what this program remembers of it: names, expiries, and peers' keys that are kept."""
    if not await _names(host, "/etc/wireguard"):
        return []
    kept = sorted(name for name in await _names(host, f"{ETC}/secrets") if name.startswith("vpn."))
    paths = await there(host, ("/etc/wireguard", f"{ETC}/vpn.yaml", *(f"{ETC}/secrets/{name}" for name in kept)))
    return [Worthwhile("wireguard", _("WireGuard"), _("its tunnels, peers and keys"), paths, within="system")]


async def home_assistant(host: Host) -> list[Worthwhile]:
    """Outside of containers; one in a container is found with it."""
    paths = await there(host, _HOME_ASSISTANT)
    excludes = tuple(f"{path}/{name}" for path in paths for name in _ASSISTANT_LEFT_OUT)
    title, about = _("Home Assistant"), _("its configuration, without logs")
    names = ("home-assistant", "homeassistant", "hassio-supervisor", "home-assistant@homeassistant")
    writers = await units(host, *names) if paths else ()
    return [Worthwhile("home-assistant", title, about, paths, excludes, writers=writers)] if paths else []


async def mosquitto(host: Host) -> list[Worthwhile]:
    paths = await there(host, ("/var/lib/mosquitto", "/etc/mosquitto"))
    title, about = _("Mosquitto"), _("retained messages, users and settings")
    writers = await units(host, "mosquitto")
    return [Worthwhile("mosquitto", title, about, paths, writers=writers)] if "/var/lib/mosquitto" in paths else []


async def units(host: Host, *services: str) -> tuple[str, ...]:
    """Those of the services that have a unit file, as `unit:NAME`. Where they are: systemd.unit(5)."""
    found = []
    for name in services:
        file = f"{name.partition('@')[0]}@.service" if "@" in name else f"{name}.service"
        if await there(host, [f"{folder}/{file}" for folder in _UNITS]):
            found.append(f"unit:{name}.service")
    return tuple(found)


async def there(host: Host, paths: Sequence[str]) -> tuple[str, ...]:
    """Those that exist, but for links."""
    found = []
    for path in paths:
        try:
            at = await host.stat(path)
        except OSError:
            continue
        if at and at.kind in ("file", "directory"):
            found.append(path)
    return tuple(found)


async def _names(host: Host, folder: str) -> tuple[str, ...]:
    """What is in it; nothing where nobody may look."""
    try:
        return await host.listdir(folder)
    except OSError:
        return ()
