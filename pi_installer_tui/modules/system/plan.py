"""The way from the system as it is to the system as it is wanted. Pure: all it knows is the state and the settings.

Files come first and what makes them take effect comes after, so that an undo puts the bytes back and activates again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.system import checks, cloud
from pi_installer_tui.modules.system.cloud import CloudInit
from pi_installer_tui.modules.system.network import base, netplan, networkd
from pi_installer_tui.modules.system.network.backends import BACKENDS
from pi_installer_tui.modules.system.settings import Dhcp, Keyboard, Static, SystemSettings, gateway_mistake
from pi_installer_tui.modules.system.state import (
    AVAHI,
    CRON,
    HOSTNAME,
    HOSTS,
    KEYBOARD,
    KEYMAP_CACHE,
    LOCALE_GEN,
    LOCALTIME,
    TIMEDATED,
    TIMESYNCD,
    TIMEZONE,
    ZONES,
    Keys,
    State,
    normalised,
)
from pi_installer_tui.system.reading import Missing, Unknown, known
from pi_installer_tui.tasks.plan import Mistake, Others, Plan
from pi_installer_tui.tasks.steps import Edit, EditFile, InstallPackages, Link, Probe, RunCommand, Step, Unit, WriteFile

NAME = "system"
LOCALE_ARCHIVE = "/usr/lib/locale/locale-archive"
#: what `setupcon -k --save` writes
KEYMAP_FILES = (
    KEYMAP_CACHE,
    "/etc/console-setup/cached_setup_keyboard.sh",
    "/etc/console-setup/cached_setup_terminal.sh",
    "/etc/console-setup/cached_setup_font.sh",
)


def plan(state: State, settings: SystemSettings, _others: Others) -> Plan:
    """The whole plan. The network comes last: what other steps download is there before an address changes."""
    parts = list(parts_of(state, settings))
    steps = [s for p in parts for s in p.steps]
    if isinstance(state.network, dict):
        steps = base.on_probation(steps, state.network, settings.network or {})
    return Plan(
        modules=(NAME,),
        settings={NAME: settings.model_dump(mode="json", exclude_none=True)},
        steps=tuple(steps),
        checks=tuple(c for p in parts for c in p.checks if p.steps),
        blocked=tuple(b for p in parts for b in p.blocked),
        notices=tuple(n for p in parts for n in p.notices if p.steps),
    )


def parts_of(state: State, settings: SystemSettings) -> Iterable[Part]:
    """Each setting that is wanted with its part of the plan, in the order they run."""
    if settings.hostname is not None:
        yield hostname(state, settings.hostname)
    if settings.timezone is not None:
        yield timezone(state, settings.timezone)
    if settings.ntp is not None:
        yield ntp(state, settings.ntp)
    if settings.locale is not None:
        yield locale(state, settings.locale)
    if settings.keyboard is not None:
        yield keyboard(state, settings.keyboard)
    for name, wanted in (settings.network or {}).items():
        yield interface(state, name, wanted)


# name -----------------------------------------------------------------------------------------------------------


def hostname(state: State, name: str) -> Part:
    """/etc/hostname, the line 127.0.1.1 of /etc/hosts, cloud-init's user-data where that would undo it."""
    part = Part("system.hostname")
    setting, value = part.setting, state.hostname
    for reading in (value.configured, value.effective, state.hosts_line, state.cloud):
        if isinstance(reading, Unknown):
            return part.block(reading.reason)
    assert isinstance(state.cloud, CloudInit)

    old = known(value.configured)
    if old != name:
        part.steps.append(WriteFile(id="system.hostname.file", setting=setting, path=HOSTNAME, content=f"{name}\n"))
    if old != name or known(value.effective) != name:
        part.steps.append(
            RunCommand(
                id="system.hostname.set",
                setting=setting,
                needs=part.ids(),
                argv=("hostname", "-F", HOSTNAME),
                probe=Probe(argv=("hostname",), output=name),
                again=True,
            )
        )
    line = known(state.hosts_line)
    if name not in (line if line is not None else state.hosts_names):
        names = hosts_names(line or (), (old, known(value.effective)), name)
        edit = Edit(key=("127.0.1.1",), value=names)
        part.steps.append(
            EditFile(id="system.hostname.hosts", setting=setting, path=HOSTS, format="hosts", edits=(edit,))
        )
    if value.pending is not None and known(value.pending) != name:
        part.steps += _cloud_keeps(state.cloud, name)
        part.notice(
            _("cloud-init names this machine at every boot; what it reads is changed too, so that {name} stays")
        )
    if AVAHI in state.running and part.steps and old != name:
        part.steps.append(
            Unit(id="system.hostname.avahi", setting=setting, needs=("system.hostname.set",), name=AVAHI, restart=True)
        )
    part.checks = checks.hostname(name)
    return part


def hosts_names(line: Sequence[str], old: Sequence[str | None], new: str) -> tuple[str, ...]:
    """The names for 127.0.1.1: the old name's places are the new one's, with their domains; aliases stay."""
    short = new.partition(".")[0]
    gone = {o.partition(".")[0] for o in old if o and o.partition(".")[0] != "localhost"} | {o for o in old if o}
    names: list[str] = []
    for name in line:
        host, dot, domain = name.partition(".")
        if name in gone:
            names.append(new)
        elif host in gone and dot:
            names.append(f"{short}.{domain}")
        else:
            names.append(name)
    if new not in names:
        names.insert(0, new)
    if "." in new and short not in names:
        names.insert(names.index(new) + 1, short)
    return tuple(dict.fromkeys(names))


def _cloud_keeps(cloud_init: CloudInit, name: str) -> list[Step]:
    """user-data and a drop-in, both: at the start of the next boot cloud-init still goes by its copy of the old
    user-data, to which a drop-in is added; where that copy says otherwise, it is changed too."""
    setting = "system.hostname"
    content = "# The hostname is set by hand: /etc/hostname\npreserve_hostname: true\n"
    keep = WriteFile(id="system.hostname.keep", setting=setting, path=cloud.KEEP_HOSTNAME, content=content)
    steps: list[Step] = [keep]
    if cloud_init.last:
        steps.append(
            EditFile(
                id="system.hostname.last",
                setting=setting,
                path=cloud_init.last,
                format="yaml",
                edits=(Edit(key=("preserve_hostname",), value=True),),
                sensitive=True,
            )
        )
    if not cloud_init.user_data:
        return steps
    edits = [Edit(key=("hostname",), value=name), Edit(key=("preserve_hostname",), value=True)]
    if cloud_init.fqdn:
        domain = cloud_init.fqdn.partition(".")[2]
        fqdn = name if "." in name or not domain else f"{name}.{domain}"
        edits.insert(1, Edit(key=("fqdn",), value=fqdn))
    user_data = EditFile(
        id="system.hostname.cloud",
        setting=setting,
        path=cloud_init.user_data,
        format="yaml",
        edits=tuple(edits),
        sensitive=cloud_init.sensitive,
    )
    return [user_data, *steps]


# time -----------------------------------------------------------------------------------------------------------


def timezone(state: State, zone: str) -> Part:
    """The link /etc/localtime, and /etc/timezone where the machine has it (Debian 12)."""
    part = Part("system.timezone")
    setting = part.setting
    for reading in (state.timezone.configured, state.timezone_file):
        if isinstance(reading, Unknown):
            return part.block(reading.reason)
    if known(state.timezone.configured) != zone:
        part.steps.append(Link(id="system.timezone.link", setting=setting, path=LOCALTIME, target=f"{ZONES}/{zone}"))
        part.steps.append(
            RunCommand(
                id="system.timezone.timedated",
                setting=setting,
                needs=("system.timezone.link",),
                # it reads the link when it starts, and lives on for half a minute after each question
                argv=("systemctl", "try-restart", TIMEDATED),
                probe="repeatable",
                again=True,
            )
        )
        if CRON in state.running:
            part.steps.append(
                Unit(
                    id="system.timezone.cron",
                    setting=setting,
                    needs=("system.timezone.link",),
                    risks=("service-restart",),
                    name=CRON,
                    restart=True,
                )
            )
            part.notice(_("cron is started again, so that its times are those of {zone}").format(zone=zone))
    if not isinstance(state.timezone_file, Missing) and known(state.timezone_file) != zone:
        part.steps.append(WriteFile(id="system.timezone.file", setting=setting, path=TIMEZONE, content=f"{zone}\n"))
    part.checks = checks.timezone(zone)
    return part


def ntp(state: State, on: bool) -> Part:
    """The service that sets the clock: enabled and running, or neither. Installed where there is none."""
    part = Part("system.ntp")
    value, unit = state.ntp, state.ntp_unit
    for reading in (value.configured, value.effective):
        if isinstance(reading, Unknown):
            return part.block(reading.reason)
    if not unit:
        if not on:
            return part
        unit = TIMESYNCD
        part.steps.append(
            InstallPackages(
                id="system.ntp.package", setting=part.setting, risks=("download",), packages=("systemd-timesyncd",)
            )
        )
    elif (known(value.configured), known(value.effective)) == (on, on):
        return part
    elif on and state.ntp_hindered:
        return part.block(state.ntp_hindered)
    part.steps.append(
        Unit(id="system.ntp.unit", setting=part.setting, needs=part.ids(), name=unit, enabled=on, active=on)
    )
    part.checks = checks.ntp(unit, on)
    return part


# language -------------------------------------------------------------------------------------------------------


def locale(state: State, name: str) -> Part:
    """Its line in /etc/locale.gen, building it, and LANG. Other lines stay, other locales too."""
    part = Part("system.locale")
    setting = part.setting
    for reading in (state.locale.configured, state.locales_built):
        if isinstance(reading, Unknown):
            return part.block(reading.reason)
    assert not isinstance(state.locales_built, Unknown)
    if normalised(name) not in state.locales_built and name not in ("C", "POSIX"):
        if not state.locale_gen:
            part.steps.append(
                InstallPackages(id="system.locale.package", setting=setting, risks=("download",), packages=("locales",))
            )
        item = f"{name} {state.locales_known.get(name, 'UTF-8')}"
        part.steps.append(
            EditFile(
                id="system.locale.list",
                setting=setting,
                needs=part.ids(),
                path=LOCALE_GEN,
                format="lines",
                edits=(Edit(key=(item,), value=True),),
            )
        )
        part.steps.append(
            RunCommand(
                id="system.locale.build",
                setting=setting,
                needs=part.ids(),
                argv=("locale-gen", "--keep-existing"),
                probe="repeatable",
                touches=(LOCALE_ARCHIVE,),
            )
        )
    edits = [] if known(state.locale.configured) == name else [Edit(key=("LANG",), value=name)]
    edits += [
        Edit(key=(key,), value=None) for key, other in state.locale_overrides.items() if _outdoes(key, other, name)
    ]
    if edits:
        part.steps.append(
            EditFile(
                id="system.locale.default",
                setting=setting,
                needs=part.ids(),
                path=state.locale_file,
                format="keyvalue",
                edits=tuple(edits),
            )
        )
        part.notice(_("what runs already keeps its language until it is started again; log in again to see it"))
    part.checks = checks.locale(name, normalised(name))
    return part


def _outdoes(key: str, value: str, name: str) -> bool:
    """Whether LC_ALL or LANGUAGE would hide the locale (gettext manual, 2.3)."""
    if key == "LC_ALL":
        return value != name
    language = name.partition(".")[0].partition("@")[0]
    return value.split(":")[0] not in (language, language.partition("_")[0])


# keyboard -------------------------------------------------------------------------------------------------------


def keyboard(state: State, wanted: Keyboard) -> Part:
    """/etc/default/keyboard, then the console's keymap, made and kept for the next boot by setupcon(1)."""
    part = Part("system.keyboard")
    setting = part.setting
    if isinstance(state.keyboard.configured, Unknown):
        return part.block(state.keyboard.configured.reason)
    now = known(state.keyboard.configured)
    keys = keys_for(wanted, now)
    if not state.setupcon:
        packages = ("console-setup", "keyboard-configuration")
        part.steps.append(
            InstallPackages(id="system.keyboard.package", setting=setting, risks=("download",), packages=packages)
        )
    old = now or Keys("")
    values = {"XKBLAYOUT": (old.layout, keys.layout), "XKBVARIANT": (old.variant, keys.variant)}
    values["XKBMODEL"] = (old.model, keys.model)
    edits = tuple(Edit(key=(key,), value=new) for key, (before, new) in values.items() if before != new)
    if now is None:
        # the package brings the file; its own choice of variant isn't ours
        edits = (Edit(key=("XKBLAYOUT",), value=keys.layout), Edit(key=("XKBVARIANT",), value=keys.variant))
        edits += (Edit(key=("XKBMODEL",), value=keys.model),) if keys.model else ()
    if edits:
        part.steps.append(
            EditFile(
                id="system.keyboard.file",
                setting=setting,
                needs=part.ids(),
                path=KEYBOARD,
                format="keyvalue",
                edits=edits,
            )
        )
    if part.steps or not state.keymap_saved:
        part.steps.append(
            RunCommand(
                id="system.keyboard.console",
                setting=setting,
                needs=part.ids(),
                # --force: from SSH too, where setupcon would find itself not on the console
                argv=("setupcon", "-k", "--save", "--force"),
                probe="repeatable",
                touches=KEYMAP_FILES,
                # where this plan brings the package, the undo takes it away with all of this
                again=state.setupcon,
            )
        )
    part.checks = checks.keyboard(keys.layout)
    return part


def keys_for(wanted: Keyboard, now: Keys | None) -> Keys:
    """What is wanted with what stays: a variant belongs to its layout and goes with it."""
    same = now is not None and now.layout == wanted.layout
    kept = now.variant if same and now else ""
    return Keys(
        layout=wanted.layout,
        variant=kept if wanted.variant is None else wanted.variant,
        model=(now.model if now else "") if wanted.model is None else wanted.model,
    )


# network --------------------------------------------------------------------------------------------------------


def interface(state: State, name: str, wanted: Dhcp | Static) -> Part:
    """The backend's steps for one interface: they stand together, and are files, links, units and argument lists
    only, so that they can be put on probation as a whole."""
    part = Part(base.setting_of(name))
    if isinstance(state.network, Unknown):
        return part.block(state.network.reason)
    found = state.network.get(name)
    if found is None:
        return part.block(_("there is no interface {name}").format(name=name))
    if found.refused:
        return part.block(found.refused)
    if isinstance(found.configured, Unknown):
        return part.block(found.configured.reason)
    want = base.wanted(wanted, found)
    part.steps, part.blocked = BACKENDS[found.backend](found, want)
    if part.steps and found.connected:
        below = found.form.below.backend if isinstance(found.form, netplan.Form) else found.backend
        part.checks = checks.interface(name, want, below)
        if wanted.dns and state.resolver is not None and not _asks(below, state.resolver):
            unused = _("names are asked of those in /etc/resolv.conf, which {service} doesn't write on this machine")
            part.notice(unused.format(service=below))
    if part.steps and not found.connected:
        part.notice(_("{name} has no link now: this takes effect when it gets one").format(name=name))
    if part.steps and want.method == "static" and want.gateway is None:
        part.notice(_("without a gateway {name} reaches its own subnet only").format(name=name))
    return part


def _asks(service: str, resolver: str) -> bool:
    """Whether the DNS servers that a network service knows are those that are asked: systemd-networkd hands them to
    systemd-resolved only, NetworkManager to all but a person's own file."""
    return resolver == "systemd-resolved" if service == networkd.NAME else resolver != ""


# mistakes that the machine shows --------------------------------------------------------------------------------


def validate(state: State, settings: SystemSettings) -> list[Mistake]:
    """What is wrong with the settings on this machine."""
    wrong: list[Mistake] = []
    if settings.timezone and state.zones and settings.timezone not in state.zones:
        wrong.append(Mistake("system.timezone", _("this machine doesn't know that time zone")))
    if settings.locale and not _locale_possible(state, settings.locale):
        wrong.append(Mistake("system.locale", _("this machine can't build that locale")))
    if settings.keyboard:
        wrong += _keyboard_mistakes(state, settings.keyboard)
    for name, wanted in (settings.network or {}).items():
        wrong += _network_mistakes(state, name, wanted)
    return wrong


def _locale_possible(state: State, name: str) -> bool:
    built = isinstance(state.locales_built, frozenset) and normalised(name) in state.locales_built
    return built or name in ("C", "POSIX") or not state.locales_known or name in state.locales_known


def _keyboard_mistakes(state: State, wanted: Keyboard) -> Iterable[Mistake]:
    place = "system.keyboard"
    layouts = wanted.layout.split(",")
    if state.layouts and not set(layouts) <= set(state.layouts):
        yield Mistake(f"{place}.layout", _("there is no such layout"))
        return
    variants = (wanted.variant or "").split(",")
    if wanted.variant and len(variants) > len(layouts):
        yield Mistake(f"{place}.variant", _("has more parts than the layout"))
    elif state.layouts:
        for layout, variant in zip(layouts, variants, strict=False):
            if variant and variant not in state.variants.get(layout, ()):
                yield Mistake(f"{place}.variant", _("the layout {layout} has no such variant").format(layout=layout))
    if wanted.model and state.models and wanted.model not in state.models:
        yield Mistake(f"{place}.model", _("there is no such model"))


def _network_mistakes(state: State, name: str, wanted: Dhcp | Static) -> Iterable[Mistake]:
    place = base.setting_of(name)
    if isinstance(state.network, Unknown):
        return
    found = state.network.get(name)
    if found is None:
        there = ", ".join(state.network) or _("none")
        yield Mistake(place, _("there is no such interface; this machine has: {there}").format(there=there))
        return
    if found.refused or isinstance(found.configured, Unknown):
        return
    want = base.wanted(wanted, found)
    if want.ipv6 == "disabled" and any(d.version == 6 for d in want.dns):
        yield Mistake(f"{place}.dns", _("an IPv6 DNS server can't be asked where IPv6 is disabled"))
    if isinstance(wanted, Static) and wanted.gateway is None and want.gateway is not None:
        wrong = gateway_mistake(want.gateway, wanted.address)
        if wrong:
            yield Mistake(
                f"{place}.gateway", _("is needed, for the present one doesn't fit: {what}").format(what=wrong)
            )
