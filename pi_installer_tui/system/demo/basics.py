"""Players of what sets names, time and language: hostnamectl, timedatectl, localectl, locale-gen and their like."""

from __future__ import annotations

import datetime
import fnmatch
import json
import re
import zlib
import zoneinfo
from dataclasses import dataclass, field

from pi_installer_tui.system.demo import packages, units
from pi_installer_tui.system.demo.players import Call, Refused, player
from pi_installer_tui.system.demo.tree import Machine
from pi_installer_tui.system.files import Files

HOSTNAME = "/proc/sys/kernel/hostname"
ZONES = "/usr/share/zoneinfo"
ARCHIVE = "/usr/lib/locale/locale-archive"
KEYMAP = "/etc/console-setup/cached_UTF-8_del.kmap.gz"
KEYBOARD = ("XKBMODEL", "XKBLAYOUT", "XKBVARIANT", "XKBOPTIONS")


# names --------------------------------------------------------------------------------------------------------


def hostname_of(machine: Machine) -> str:
    """What the kernel says."""
    return (machine.text(HOSTNAME) or "").strip()


@player("hostnamectl")
async def hostnamectl(call: Call) -> int:
    options = call.options("--static", "--transient", "--pretty", "--json=", "-j", "--no-ask-password")
    verb, *words = options.words or ["status"]
    machine = call.machine
    static = (machine.text("/etc/hostname") or "").strip()
    kernel = hostname_of(machine)
    if verb in ("hostname", "set-hostname") and words:
        # hostnamed takes away what can't stand in a name instead of refusing it: "bad name!" becomes "badname"
        name = re.sub(r"[^A-Za-z0-9._-]", "", words[0]).strip(".-")[:64]
        await call.pause(0.1)
        with machine.locked():
            if not options.has("--transient"):
                machine.write("/etc/hostname", f"{name}\n")
            machine.write(HOSTNAME, f"{name}\n")
        return 0
    if verb == "hostname" or (verb == "status" and options.has("--static", "--transient")):
        await call.out(static if options.has("--static") else kernel)
    elif verb == "status" and options.has("--json", "-j"):
        values = {
            "Hostname": kernel,
            "StaticHostname": static or None,
            "PrettyHostname": None,
            "DefaultHostname": "localhost",
            "HostnameSource": "static" if static == kernel else "transient",
            "IconName": "computer",
            "Chassis": None,
            "KernelName": "Linux",
            "KernelRelease": (machine.text("/proc/sys/kernel/osrelease") or "").strip(),
            "OperatingSystemPrettyName": machine.values("/usr/lib/os-release").get("PRETTY_NAME"),
            "MachineID": (machine.text("/etc/machine-id") or "").strip(),
        }
        await call.out(json.dumps(values, indent="\t" if options.value("--json") == "pretty" else None))
    elif verb == "status":
        lines = {
            "Static hostname": static or "(unset)",
            "Icon name": "computer",
            "Machine ID": (machine.text("/etc/machine-id") or "").strip(),
            "Boot ID": (machine.text("/proc/sys/kernel/random/boot_id") or "").strip().replace("-", ""),
            "Operating System": machine.values("/usr/lib/os-release").get("PRETTY_NAME", ""),
            "Kernel": f"Linux {(machine.text('/proc/sys/kernel/osrelease') or '').strip()}",
            "Architecture": "arm64",
        }
        for title, value in lines.items():
            await call.out(f"{title:>16}: {value}")
    else:
        raise Refused(f"Unknown command verb '{verb}'.")
    return 0


@player("hostname")
async def hostname(call: Call) -> int:
    options = call.options("-s", "--short", "-F=", "--file=")
    path = options.value("-F") or options.value("--file")
    if path:
        name = call.machine.text(path)
        if name is None:
            raise Refused(f"hostname: can't open `{path}'")
        call.machine.write(HOSTNAME, f"{name.strip()}\n")
    else:
        await call.out(hostname_of(call.machine))
    return 0


@player("uname")
async def uname(call: Call) -> int:
    options = call.options("-m", "-r", "-n", "-s", "-a")
    machine = call.machine
    values = {
        "-s": "Linux",
        "-n": hostname_of(machine),
        "-r": (machine.text("/proc/sys/kernel/osrelease") or "").strip(),
        "-m": (machine.text("/proc/sys/kernel/arch") or "").strip(),
    }
    shown = [v for name, v in values.items() if options.has(name, "-a")] or [values["-s"]]
    await call.out(" ".join(shown))
    return 0


# time ---------------------------------------------------------------------------------------------------------


def zone_of(machine: Machine) -> str:
    """The time zone that /etc/localtime links to."""
    found = machine.files.stat("/etc/localtime")
    target = found.target if found and found.target else ""
    return target.rpartition("/zoneinfo/")[2] or "UTC"


@player("timedatectl")
async def timedatectl(call: Call) -> int:
    options = call.options("--property=", "-p=", "--value", "-P=", "--no-pager", "--no-ask-password", "--all", "-a")
    verb, *words = options.words or ["status"]
    machine = call.machine
    zone = zone_of(machine)
    ntp = units.is_active(machine, "systemd-timesyncd.service")
    can_ntp = packages.installed(machine, "systemd-timesyncd")
    now = datetime.datetime.now(datetime.UTC)
    if verb == "show":
        values = {
            "Timezone": zone,
            "LocalRTC": "no",
            "CanNTP": "yes" if can_ntp else "no",
            "NTP": "yes" if ntp else "no",
            "NTPSynchronized": "yes" if ntp else "no",
            "TimeUSec": f"{now.astimezone(_zone(zone)):%a %Y-%m-%d %H:%M:%S %Z}",
        }
        asked = [n for value in options.values("--property", "-p", "-P") for n in value.split(",")] or list(values)
        for name, value in values.items():
            if name in asked:
                await call.out(value if options.has("--value", "-P") else f"{name}={value}")
    elif verb == "status":
        local = now.astimezone(_zone(zone))
        for title, value in (
            ("Local time", f"{local:%a %Y-%m-%d %H:%M:%S %Z}"),
            ("Universal time", f"{now:%a %Y-%m-%d %H:%M:%S} UTC"),
            ("RTC time", "n/a"),
            ("Time zone", f"{zone} ({local:%Z, %z})"),
            ("System clock synchronized", "yes" if ntp else "no"),
            ("NTP service", ("active" if ntp else "inactive") if can_ntp else "n/a"),
            ("RTC in local TZ", "no"),
        ):
            await call.out(f"{title:>25}: {value}")
    elif verb == "list-timezones":
        await call.out(machine.text(f"{ZONES}/zones") or "", end="")
    elif verb == "set-timezone" and len(words) == 1:
        if words[0] not in (machine.text(f"{ZONES}/zones") or "").split():
            raise Refused(f"Failed to set time zone: Invalid or not installed time zone '{words[0]}'")
        await call.pause(0.1)
        with machine.locked():
            if words[0] != zone:
                machine.files.symlink("/etc/localtime", f"../usr/share/zoneinfo/{words[0]}")
    elif verb == "set-ntp" and len(words) == 1:
        on = _truth(words[0])
        if on is None:
            raise Refused(f"Failed to parse NTP setting '{words[0]}': Invalid argument")
        if not can_ntp:
            raise Refused("Failed to set ntp: NTP not supported")
        await call.pause(0.2)
        with machine.locked():
            units.set_enabled(machine, "systemd-timesyncd.service", on)
            units.set_active(machine, "systemd-timesyncd.service", on)
    else:
        raise Refused(f"Unknown command verb '{verb}'.")
    return 0


def _zone(name: str) -> datetime.tzinfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return datetime.UTC


def _truth(word: str) -> bool | None:
    """systemd's booleans (systemd.syntax(7))."""
    if word.lower() in ("1", "yes", "y", "true", "t", "on"):
        return True
    return False if word.lower() in ("0", "no", "n", "false", "f", "off") else None


# language and keyboard ----------------------------------------------------------------------------------------


def locales_of(machine: Machine) -> list[str]:
    """The locales that are built, as `locale -a` names them, those of the C library apart."""
    return (machine.text(ARCHIVE) or "").split()


def locale_key(name: str) -> str:
    """How the archive spells a locale: the codeset in small letters without dashes (normalize_codeset of glibc)."""
    language, dot, codeset = name.partition(".")
    return f"{language}.{re.sub('[^a-z0-9]', '', codeset.lower())}" if dot else language


@player("locale")
async def locale(call: Call) -> int:
    options = call.options("-a", "--all-locales")
    if options.has("-a", "--all-locales"):
        await call.out("\n".join(sorted({"C", "C.utf8", "POSIX", *locales_of(call.machine)})))
        return 0
    lang = call.env.get("LC_ALL") or call.env.get("LANG", "C")
    await call.out(f"LANG={call.env.get('LANG', '')}\nLANGUAGE=")
    for name in ("CTYPE", "NUMERIC", "TIME", "COLLATE", "MONETARY", "MESSAGES", "PAPER", "NAME", "ADDRESS"):
        await call.out(f'LC_{name}="{lang}"')
    await call.out(f"LC_ALL={call.env.get('LC_ALL', '')}")
    return 0


@player("locale-gen", folder="/usr/sbin")
async def locale_gen(call: Call) -> int:
    options = call.options("--purge", "--keep-existing", "--archive", "--no-archive")
    machine = call.machine
    supported = set((machine.text("/usr/share/i18n/SUPPORTED") or "").splitlines())
    wanted = []
    for line in (machine.text("/etc/locale.gen") or "").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            name, _, charset = line.strip().partition(" ")
            if f"{name} {charset}" not in supported:
                raise Refused(f"error: Bad entry '{line.strip()}'", 1)
            wanted.append((name, charset))
    await call.out("Generating locales (this might take a while)...")
    built = set() if not options.has("--keep-existing") else set(locales_of(machine))
    for name, charset in wanted:
        await call.out(f"  {name.partition('.')[0]}.{charset}...", end="")
        await call.pause(1.1)
        await call.out(" done")
        built.add(locale_key(name if "." in name else f"{name}.{charset}") if charset == "UTF-8" else locale_key(name))
    with machine.locked():
        machine.write(ARCHIVE, "".join(f"{name}\n" for name in sorted(built)))
    await call.out("Generation complete.")
    return 0


@player("update-locale", folder="/usr/sbin")
async def update_locale(call: Call) -> int:
    options = call.options("--reset", "--locale-file=", "--no-checks")
    machine = call.machine
    path = options.value("--locale-file", default="/etc/default/locale")
    with machine.locked():
        values = {} if options.has("--reset") else machine.values(path)
        for word in options.words:
            name, equals, value = word.partition("=")
            if not re.fullmatch(r"LANG|LANGUAGE|LC_[A-Z]+", name):
                raise Refused(f"*** update-locale: Error: invalid variable: {name}", 255)
            known = {"C", "POSIX", "C.utf8", *locales_of(machine)}
            if value and name != "LANGUAGE" and not options.has("--no-checks") and locale_key(value) not in known:
                raise Refused(f"*** update-locale: Error: invalid locale settings:  {name}={value}", 1)
            if equals and value:
                values[name] = value
            else:
                values.pop(name, None)
        lines = ["#  File generated by update-locale", *(f"{name}={value}" for name, value in values.items())]
        machine.write(path, "\n".join(lines) + "\n")
    return 0


@player("localectl")
async def localectl(call: Call) -> int:
    options = call.options("--no-pager", "--no-convert", "--no-ask-password")
    verb, *words = options.words or ["status"]
    machine = call.machine
    keyboard = machine.values("/etc/default/keyboard")
    if verb == "status":
        values = {k: v for k, v in machine.values("/etc/locale.conf").items() if v}
        first, *others = [f"{name}={value}" for name, value in values.items()] or ["(unset)"]
        await call.out(f"System Locale: {first}")
        for line in others:
            await call.out(f"               {line}")
        await call.out("    VC Keymap: (unset)")
        await call.out(f"   X11 Layout: {keyboard.get('XKBLAYOUT') or '(unset)'}")
        for title, name in (("X11 Model", KEYBOARD[0]), ("X11 Variant", KEYBOARD[2]), ("X11 Options", KEYBOARD[3])):
            if keyboard.get(name):
                await call.out(f"{title:>13}: {keyboard[name]}")
    elif verb == "list-locales":
        await call.out("\n".join(sorted({"C.UTF-8", *(n.replace(".utf8", ".UTF-8") for n in locales_of(machine))})))
    elif verb in ("list-x11-keymap-layouts", "list-x11-keymap-models", "list-x11-keymap-options"):
        await call.out("\n".join(sorted(_listed(machine, verb.rpartition("-")[2].removesuffix("s")))))
    elif verb == "list-x11-keymap-variants":
        await call.out("\n".join(sorted(_listed(machine, "variant", words[0] if words else ""))))
    elif verb == "set-locale" and words:
        await call.pause(0.1)
        new = dict(word.partition("=")[::2] for word in (w if "=" in w else f"LANG={w}" for w in words))
        for name, value in new.items():
            if locale_key(value) not in {"C", "POSIX", "C.utf8", *locales_of(machine)}:
                raise Refused(f"Failed to issue method call: Locale {value} not installed, refusing.")
            if not re.fullmatch(r"LANG|LANGUAGE|LC_[A-Z]+", name):
                raise Refused("Failed to issue method call: Invalid Locale data.")
        with machine.locked():
            values = {**machine.values("/etc/locale.conf"), **new}
            machine.write("/etc/locale.conf", "".join(f"{name}={value}\n" for name, value in values.items()))
    elif verb == "set-x11-keymap" and words:
        await call.pause(0.1)
        layout, model, variant, extra = (*words, "", "", "", "")[:4]
        with machine.locked():
            new = dict(zip(KEYBOARD, (model, layout, variant, extra), strict=True))
            lines = [f'{name}="{value}"' for name, value in {**keyboard, **new}.items()]
            machine.write("/etc/default/keyboard", "\n".join(lines) + "\n")
    else:
        raise Refused(f"Unknown command verb '{verb}'.")
    return 0


def _listed(machine: Machine, section: str, layout: str = "") -> list[str]:
    """Names in a section of xkeyboard-config's list (`! layout`); variants of one layout."""
    found, within = [], False
    for line in (machine.text("/usr/share/X11/xkb/rules/base.lst") or "").splitlines():
        if line.startswith("!"):
            within = line.strip("! ") == section
        elif within and line.strip():
            name, _, rest = line.strip().partition(" ")
            if not layout or rest.strip().startswith(f"{layout}:"):
                found.append(name)
    return found


def save_keymap(machine: Machine) -> None:
    """Makes the console's keymap for the next boot out of the keyboard's settings."""
    machine.write(KEYMAP, machine.text("/etc/default/keyboard") or "")


@player("setupcon", package="console-setup")
async def setupcon(call: Call) -> int:
    options = call.options("--save", "--save-only", "-k", "--keyboard-only", "-f", "--force", "-v", "--verbose")
    await call.pause(0.5)
    if options.has("--save", "--save-only"):
        save_keymap(call.machine)
    return 0


@player("dpkg-reconfigure", folder="/usr/sbin")
async def dpkg_reconfigure(call: Call) -> int:
    options = call.options("-f=", "--frontend=", "-p=", "--priority=", "-u", "--unseen-only")
    for name in options.words:
        if not packages.installed(call.machine, name):
            raise Refused(f"dpkg-query: package '{name}' is not installed and no information is available\n"
                          "Use dpkg --info (= dpkg-deb --info) to examine archive files.\n"
                          f"/usr/sbin/dpkg-reconfigure: {name} is not installed")  # fmt: skip
        await call.pause(0.8)
    return 0


@player("udevadm")
async def udevadm(call: Call) -> int:
    verb = call.argv[1:2]
    if verb not in (("trigger",), ("settle",), ("control",), ("info",)):
        raise Refused(f"Unknown command verb '{' '.join(verb)}'.")
    return 0


# the smallest -------------------------------------------------------------------------------------------------


@player("true")
async def true(call: Call) -> int:
    return 0


@player("false")
async def false(call: Call) -> int:
    return 1


@player("sync")
async def sync(call: Call) -> int:
    """A demo need not outlive a power cut; a file that isn't there is told as by the real one."""
    result = 0
    for path in call.options("-f", "--file-system", "-d", "--data").words:
        if not call.machine.exists(path):
            await call.err(f"sync: error opening '{path}': No such file or directory")
            result = 1
    return result


@player("echo")
async def echo(call: Call) -> int:
    await call.out(" ".join(call.argv[1:]))
    return 0


@player("cat")
async def cat(call: Call) -> int:
    """Files, or its input."""
    for path in call.argv[1:]:
        try:
            await call.emit(1, call.machine.files.read(path))
        except (OSError, ValueError) as error:
            raise Refused(f"cat: {path}: {getattr(error, 'strerror', error)}") from None
    if not call.argv[1:]:
        await call.emit(1, call.input)
    return 0


@player("find")
async def find(call: Call) -> int:
    """Everything in the folders that an expression holds for, printed as -printf says (%y %s %m %u %g %T@ %l %p
    %n %D %i).
    Played of expressions: -path, -type, -perm, !, -o, parentheses, -prune, -printf; -xdev changes nothing here.
    -H: a link that is named is followed."""
    words = [word for word in call.argv[1:] if word not in ("-H", "-xdev")]
    starts = next((i for i, word in enumerate(words) if word[0] in "-(!"), len(words))
    folders, expression = words[:starts], words[starts:]
    files, result = call.machine.files, 0
    names = [_names(call.machine.text(path) or "") for path in ("/etc/passwd", "/etc/group")]
    todo = [(path, files.resolve(path, follow="-H" in call.argv)) for path in reversed(folders)]
    while todo:
        shown, path = todo.pop()
        found = files.stat(path)
        if found is None:
            await call.err(f"find: ‘{shown}’: No such file or directory")
            result = 1
            continue
        values = {
            "%y": {"directory": "d", "link": "l", "file": "f"}.get(found.kind, "s"),
            "%s": str(found.size),
            "%m": f"{found.mode:o}",
            "%u": names[0].get(found.uid, str(found.uid)),
            "%g": names[1].get(found.gid, str(found.gid)),
            "%T@": f"{found.mtime_ns / 1e9:.10f}",
            "%l": found.target or "",
            "%n": "1",
            "%D": "1",
            "%i": str(zlib.crc32(path.encode("utf-8", "surrogateescape"))),
            "%p": shown,
            r"\t": "\t",
            r"\n": "\n",
            r"\0": "\0",
        }
        one = _Found(values, found.mode)
        _any(one, list(expression))
        await call.out("".join(one.printed), end="")
        if found.kind == "directory" and not one.pruned:
            todo += [(f"{shown.rstrip('/')}/{name}", f"{path.rstrip('/')}/{name}") for name in _inside(files, path)]
    return result


def _names(text: str) -> dict[int, str]:
    lines = (line.split(":") for line in text.splitlines())
    return {int(parts[2]): parts[0] for parts in lines if len(parts) > 2 and parts[2].isdecimal()}


def _inside(files: Files, path: str) -> list[str]:
    return list(reversed(files.listdir(path)))


@dataclass
class _Found:
    """A path as find looks at it. values: of -printf's directives."""

    values: dict[str, str]
    mode: int
    pruned: bool = False
    printed: list[str] = field(default_factory=list)


def _any(one: _Found, words: list[str], look: bool = True) -> bool:
    """A list of terms with -o between them, up to its end or parenthesis; what comes after the first that holds isn't
    looked at."""
    held = _all(one, words, look)
    while words and words[0] == "-o":
        words.pop(0)
        held = _all(one, words, look and not held) or held
    return held


def _all(one: _Found, words: list[str], look: bool) -> bool:
    held = True
    while words and words[0] not in ("-o", ")"):
        held = _term(one, words, look and held) and held
    return held


def _term(one: _Found, words: list[str], look: bool) -> bool:
    word = words.pop(0)
    if word == "!":
        return not _term(one, words, look)
    if word == "(":
        held = _any(one, words, look)
        words.pop(0)
        return held
    if word == "-prune":
        one.pruned = one.pruned or look
        return True
    value = words.pop(0)
    if word == "-path":
        return fnmatch.fnmatchcase(one.values["%p"], value)
    if word == "-type":
        return one.values["%y"] == value
    if word == "-perm" and value[0] in "/-":
        mask = int(value[1:], 8)
        return bool(one.mode & mask) if value[0] == "/" else one.mode & mask == mask
    if word == "-printf":
        if look:
            one.printed.append(re.sub(r"%T@|%[yslmugpnDi]|\\[tn0]", lambda found: one.values[found[0]], value))
        return True
    raise Refused(f"find: unknown predicate `{word}'")


@player("sleep")
async def sleep(call: Call) -> int:
    await call.pause(float(call.argv[1]))
    return 0
