"""What the system is now: each value as its files have it, as it runs and as it will be after a reboot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.system import ask, cloud
from pi_installer_tui.modules.system.cloud import CloudInit
from pi_installer_tui.modules.system.network import detect
from pi_installer_tui.modules.system.network.base import EMPTY, Interface
from pi_installer_tui.system.formats import hosts as hosts_format
from pi_installer_tui.system.formats import keyvalue
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Known, Missing, Reading, Source, Unknown, Value, known

HOSTNAME = "/etc/hostname"
HOSTS = "/etc/hosts"
LOCALTIME = "/etc/localtime"
TIMEZONE = "/etc/timezone"
ZONES = "/usr/share/zoneinfo"
LOCALE_GEN = "/etc/locale.gen"
DEFAULT_LOCALE = "/etc/default/locale"
SUPPORTED = "/usr/share/i18n/SUPPORTED"
KEYBOARD = "/etc/default/keyboard"
KEYMAP_CACHE = "/etc/console-setup/cached_UTF-8_del.kmap.gz"
XKB_RULES = "/usr/share/X11/xkb/rules/base.lst"

TIMEDATED = "systemd-timedated.service"
TIMESYNCD = "systemd-timesyncd.service"
#: the services that systemd-timedated knows on Debian (/usr/lib/systemd/ntp-units.d), in its order
NTP_UNITS = ("chrony.service", "ntpsec.service", "openntpd.service", TIMESYNCD)
AVAHI = "avahi-daemon.service"
CRON = "cron.service"


@dataclass(frozen=True, slots=True)
class Keys:
    """A keyboard's layout as /etc/default/keyboard has it."""

    layout: str
    variant: str = ""
    model: str = ""


def _nothing() -> Value[Any]:
    return Value(MISSING, MISSING)


@dataclass(frozen=True, slots=True)
class State:
    """The system. Paths are those that the machine really uses (links in /etc followed)."""

    # name
    hostname: Value[str]
    #: the names of /etc/hosts' line 127.0.1.1, and all names in the file
    hosts_line: Reading[tuple[str, ...]] = MISSING
    hosts_names: frozenset[str] = frozenset()
    cloud: CloudInit | Unknown = field(default_factory=CloudInit)

    # time
    timezone: Value[str] = field(default_factory=_nothing)
    timezone_file: Reading[str] = MISSING
    zones: tuple[str, ...] = ()
    ntp: Value[bool] = field(default_factory=_nothing)
    ntp_unit: str = ""
    #: why the service doesn't start though it is enabled, "" where nothing is known to hinder it
    ntp_hindered: str = ""

    # language
    locale: Value[str] = field(default_factory=_nothing)
    locale_file: str = DEFAULT_LOCALE
    #: LANGUAGE and LC_ALL of that file, which outdo LANG
    locale_overrides: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    locales_built: frozenset[str] | Unknown = frozenset()
    #: locales that can be built, with their character set
    locales_known: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    locale_gen: bool = False

    # keyboard
    keyboard: Value[Keys] = field(default_factory=_nothing)
    #: setupcon is there; the keymap it saved for the next boot, if it saved one, is as new as /etc/default/keyboard
    setupcon: bool = False
    keymap_saved: bool = False
    layouts: tuple[str, ...] = ()
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: EMPTY)
    models: tuple[str, ...] = ()

    # services that read a setting only when they start
    running: frozenset[str] = frozenset()

    # network
    network: Mapping[str, Interface] | Unknown = field(default_factory=lambda: EMPTY)
    network_service: str = ""
    #: who writes /etc/resolv.conf: NetworkManager, systemd-resolved, resolvconf, "" a person, None: not known
    resolver: str | None = None


async def read(host: Host) -> State:
    """Looks at the machine. Never raises for what it lacks."""
    unit_names = (*NTP_UNITS, AVAHI, CRON, *detect.UNITS)
    units, cloud_init = await asyncio.gather(ask.units(host, *unit_names), cloud.read(host))
    name, time, language, keys, (network, service), resolver = await asyncio.gather(
        _hostname(host, cloud_init),
        _time(host, units),
        _language(host),
        _keyboard(host),
        detect.read(host, units, cloud_init),
        detect.resolver(host),
    )
    found: dict[str, Any] = {**name, **time, **language, **keys}
    running = frozenset(n for n in (AVAHI, CRON) if not isinstance(units, Unknown) and _active(units.get(n)))
    return State(
        cloud=cloud_init,
        running=running,
        network=network,
        network_service=service,
        resolver=resolver,
        **found,
    )


def _active(unit: Mapping[str, str] | None) -> bool:
    return unit is not None and unit.get("ActiveState") == "active"


# name -----------------------------------------------------------------------------------------------------------


async def _hostname(host: Host, cloud_init: CloudInit | Unknown) -> dict[str, object]:
    said, content, hosts = await asyncio.gather(
        ask.say(host, "hostnamectl", "--json=short"), ask.text(host, HOSTNAME), ask.text(host, HOSTS)
    )
    configured: Reading[str]
    if isinstance(content, Unknown):
        configured = content
    else:
        configured = Missing(Source(HOSTNAME))
        # hostname(5): blank lines and lines that start with # don't count
        for number, line in enumerate((content or "").splitlines(), 1):
            if line.strip() and not line.lstrip().startswith("#"):
                configured = Known(line.strip(), Source(HOSTNAME, number))
                break
    effective = said if isinstance(said, Unknown) else _running_name(said)
    pending: Reading[str] | None = None
    owner = ""
    if isinstance(cloud_init, Unknown):
        pending = cloud_init
    elif cloud_init.active and not cloud_init.preserve and cloud_init.hostname:
        owner, pending = cloud.NAME, Known(cloud_init.hostname, cloud_init.source)
    found = ask.entry(hosts_format, hosts, HOSTS, "127.0.1.1")
    own: Reading[tuple[str, ...]] = MISSING
    if not isinstance(found, Known):
        own = found
    elif isinstance(found.value, tuple):
        own = Known(found.value, found.source)
    names: set[str] = set()
    for one in (hosts if isinstance(hosts, str) else "").splitlines():
        names.update(one.partition("#")[0].split()[1:])
    return {
        "hostname": Value(configured, effective, pending, owner),
        "hosts_line": own,
        "hosts_names": frozenset(names),
    }


def _running_name(said: str) -> Reading[str]:
    try:
        name = json.loads(said).get("Hostname")
    except (ValueError, AttributeError):
        return Unknown(_("hostnamectl's answer can't be read"))
    return Known(name) if isinstance(name, str) and name else MISSING


# time -----------------------------------------------------------------------------------------------------------


async def _time(host: Host, units: Mapping[str, Mapping[str, str]] | Unknown) -> dict[str, object]:
    shown, listed, file = await asyncio.gather(
        ask.say(host, "timedatectl", "show"),
        ask.say(host, "timedatectl", "list-timezones"),
        ask.text(host, TIMEZONE),
    )
    values = shown if isinstance(shown, Unknown) else (ask.properties(shown) or [{}])[0]
    timezone: Reading[str]
    if isinstance(file, Unknown):
        timezone = file
    elif file is None or not file.strip():
        timezone = Missing(Source(TIMEZONE)) if file is None else Known("", Source(TIMEZONE))
    else:
        timezone = Known(file.strip().splitlines()[0], Source(TIMEZONE, 1))
    return {
        "timezone": Value(await _localtime(host), _property(values, "Timezone")),
        "timezone_file": timezone,
        "zones": () if isinstance(listed, Unknown) else tuple(listed.split()),
        **_ntp(units),
    }


def _property(values: Mapping[str, str] | Unknown, key: str) -> Reading[str]:
    if isinstance(values, Unknown):
        return values
    return Known(values[key]) if values.get(key) else MISSING


async def _localtime(host: Host) -> Reading[str]:
    """The zone that /etc/localtime leads to, a link into /usr/share/zoneinfo (localtime(5))."""
    found = await host.stat(LOCALTIME)
    source = Source(LOCALTIME)
    if found is None:
        return Missing(source)
    if found.kind != "link" or found.target is None:
        return Unknown(_("{path} is a copy, not a link: it doesn't say which zone it is").format(path=LOCALTIME))
    target = PurePosixPath("/etc", found.target)
    parts: list[str] = []
    for part in target.parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    path = "/" + "/".join(p for p in parts if p not in ("/", "."))
    if not path.startswith(f"{ZONES}/"):
        return Unknown(_("{path} leads to {target}, which isn't a time zone").format(path=LOCALTIME, target=path))
    return Known(path.removeprefix(f"{ZONES}/"), source)


def _ntp(units: Mapping[str, Mapping[str, str]] | Unknown) -> dict[str, object]:
    if isinstance(units, Unknown):
        return {"ntp": Value(units, units)}
    for name in NTP_UNITS:
        unit = units.get(name, {})
        if unit.get("LoadState") not in ("loaded", "masked"):
            continue
        enabled = unit.get("UnitFileState") in ("enabled", "enabled-runtime", "static", "generated")
        active = unit.get("ActiveState") in ("active", "activating", "reloading")
        hindered = ""
        if unit.get("LoadState") == "masked":
            hindered = _("{unit} is masked").format(unit=name)
        elif enabled and not active and unit.get("ConditionResult") == "no" and _tested(unit):
            hindered = _("{unit} doesn't start here: a condition in it isn't met (a container has its host's clock)")
            hindered = hindered.format(unit=name)
        return {
            "ntp": Value(Known(enabled, Source(name)), Known(active), owner=name.removesuffix(".service")),
            "ntp_unit": name,
            "ntp_hindered": hindered,
        }
    return {"ntp": Value(MISSING, Known(False))}


def _tested(unit: Mapping[str, str]) -> bool:
    """Whether systemd has looked at the unit's conditions since it was loaded (else ConditionResult says nothing)."""
    return unit.get("ConditionTimestampMonotonic", "0") != "0"


# language -------------------------------------------------------------------------------------------------------


def normalised(locale: str) -> str:
    """A locale's name as `locale -a` prints it: the character set in lower case without hyphens (locale(1))."""
    base, dot, rest = locale.partition(".")
    charset, at, modifier = rest.partition("@")
    return base + dot + charset.lower().replace("-", "") + at + modifier


async def _language(host: Host) -> dict[str, object]:
    said, built, supported, generator, status = await asyncio.gather(
        ask.say(host, "localectl", "status"),
        ask.say(host, "locale", "-a"),
        ask.text(host, SUPPORTED),
        host.which("locale-gen"),
        host.stat(DEFAULT_LOCALE),
    )
    path = DEFAULT_LOCALE
    if status is not None and status.kind == "link":
        # Debian 13: a link to ../locale.conf, which systemd reads too
        path = await host.realpath(DEFAULT_LOCALE)
    content = await ask.text(host, path)
    configured = ask.words(ask.entry(keyvalue, content, path, "LANG"))
    overrides = {
        name: found.value
        for name in ("LC_ALL", "LANGUAGE")
        if isinstance(found := ask.words(ask.entry(keyvalue, content, path, name)), Known) and found.value
    }
    names = built if isinstance(built, Unknown) else frozenset(map(normalised, built.split()))
    charsets: dict[str, str] = {}
    for line in (supported if isinstance(supported, str) else "").splitlines():
        name, _blank, charset = line.strip().partition(" ")
        if name and charset and not name.startswith("#"):
            charsets.setdefault(name, charset)
    effective = said if isinstance(said, Unknown) else _lang(said)
    if isinstance(effective, Known) and not isinstance(names, Unknown) and normalised(effective.value) not in names:
        effective = Known("C")  # setlocale(3): a locale that isn't there leaves a program with C
    return {
        "locale": Value(configured, effective),
        "locale_file": path,
        "locale_overrides": overrides,
        "locales_built": names,
        "locales_known": charsets,
        "locale_gen": generator is not None,
    }


def _lang(status: str) -> Reading[str]:
    for word in status.split():
        if word.startswith("LANG="):
            return Known(word.removeprefix("LANG="))
    return MISSING


# keyboard -------------------------------------------------------------------------------------------------------


async def _keyboard(host: Host) -> dict[str, object]:
    said, content, setupcon, file, cache, rules = await asyncio.gather(
        ask.say(host, "localectl", "status"),
        ask.text(host, KEYBOARD),
        host.which("setupcon"),
        host.stat(KEYBOARD),
        host.stat(KEYMAP_CACHE),
        ask.text(host, XKB_RULES),
    )
    layout = ask.words(ask.entry(keyvalue, content, KEYBOARD, "XKBLAYOUT"))
    variant = ask.words(ask.entry(keyvalue, content, KEYBOARD, "XKBVARIANT"))
    model = ask.words(ask.entry(keyvalue, content, KEYBOARD, "XKBMODEL"))
    configured: Reading[Keys]
    if isinstance(layout, Known):
        configured = Known(Keys(layout.value, known(variant) or "", known(model) or ""), layout.source)
    else:
        configured = layout
    effective: Reading[Keys]
    if isinstance(said, Unknown):
        effective = said
    else:
        shown = dict(x.strip().split(": ", 1) for x in said.splitlines() if ": " in x)
        x11 = {key: "" if shown.get(key) == "(unset)" else shown.get(key, "") for key in _X11}
        effective = Known(Keys(*(x11[key] for key in _X11))) if x11["X11 Layout"] else MISSING
    lists = _rules(rules if isinstance(rules, str) else "")
    return {
        "keyboard": Value(configured, effective),
        "setupcon": setupcon is not None,
        "keymap_saved": file is None or cache is None or cache.mtime_ns >= file.mtime_ns,
        "layouts": tuple(sorted(name for name, _of in lists.get("layout", ()))),
        "models": tuple(name for name, _of in lists.get("model", ())),
        "variants": {
            of: tuple(name for name, other in lists["variant"] if other == of) for _n, of in lists.get("variant", ())
        },
    }


_X11 = ("X11 Layout", "X11 Variant", "X11 Model")


def _rules(text: str) -> dict[str, list[tuple[str, str]]]:
    """base.lst of xkb-data: `! layout` starts a list of names with descriptions; a variant's description starts with
    its layout and a colon."""
    lists: dict[str, list[tuple[str, str]]] = {}
    here: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("! "):
            here = lists.setdefault(line[2:].strip(), [])
        elif words := line.split(None, 1):
            here.append((words[0], words[1].partition(":")[0] if len(words) > 1 else ""))
    return lists
