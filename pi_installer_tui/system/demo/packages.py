"""Players of packages: apt-get, apt-mark, apt-cache, dpkg, dpkg-query. What is installed stands in dpkg's own status
file, what can be had in apt's own list; both are a recording of arm64's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from pi_installer_tui.system.demo import tunnel, ufw, units
from pi_installer_tui.system.demo.players import Call, Options, Refused, player
from pi_installer_tui.system.demo.tree import Machine

STATUS = "/var/lib/dpkg/status"
LISTS = "/var/lib/apt/lists"
MARKS = "/var/lib/apt/extended_states"
MIRROR = "http://mirror.example.org/debian"

Stanza = dict[str, str]

#: the services that come with packages of the list, and start when they are installed
SERVICES = {
    "apache2": ("apache2", "The Apache HTTP Server"),
    "auditd": ("auditd", "Security Audit Logging Service"),
    "avahi-daemon": ("avahi-daemon", "Avahi mDNS/DNS-SD Stack"),
    "chrony": ("chrony", "chrony, an NTP client/server"),
    "docker.io": ("docker", "Docker Application Container Engine"),
    "fail2ban": ("fail2ban", "Fail2Ban Service"),
    "mariadb-server": ("mariadb", "MariaDB database server"),
    "mosquitto": ("mosquitto", "Mosquitto MQTT Broker"),
    "nftables": ("nftables", "nftables"),
    "nginx": ("nginx", "A high performance web server and a reverse proxy server"),
    "postfix": ("postfix", "Postfix Mail Transport Agent"),
    "postgresql": ("postgresql", "PostgreSQL RDBMS"),
    "prometheus-node-exporter": ("prometheus-node-exporter", "Prometheus exporter for machine metrics"),
    "redis-server": ("redis-server", "Advanced key-value store"),
    "samba": ("smbd", "Samba SMB Daemon"),
    "smartmontools": ("smartmontools", "Self Monitoring and Reporting Technology (SMART) Daemon"),
    "systemd-resolved": ("systemd-resolved", "Network Name Resolution"),
    "systemd-timesyncd": ("systemd-timesyncd", "Network Time Synchronization"),
    "ufw": ("ufw", "Uncomplicated firewall"),
    "unattended-upgrades": ("unattended-upgrades", "Unattended Upgrades Shutdown"),
}

#: the configuration that comes with packages, where something of it is asked for
FILES = {
    "unattended-upgrades": {
        "/etc/apt/apt.conf.d/20auto-upgrades": 'APT::Periodic::Update-Package-Lists "1";\n'
        'APT::Periodic::Unattended-Upgrade "1";\n',
        "/etc/apt/apt.conf.d/50unattended-upgrades": "Unattended-Upgrade::Origins-Pattern {\n"
        '        "origin=Debian,codename=${distro_codename},label=Debian";\n'
        '        "origin=Debian,codename=${distro_codename},label=Debian-Security";\n'
        '        "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";\n};\n',
    },
    "debsums": {"/etc/default/debsums": "CRON_CHECK=never\n"},
    "ufw": {path: text for path, (_mode, text) in ufw.FILES.items()},
}

#: services that their packages enable but don't start
_NOT_STARTED = ("ufw",)

_PASSWORDS = "/etc/pam.d/common-password"
_PROFILE = "/usr/share/pam-configs/pwquality"


# dpkg's and apt's files ---------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _parsed(text: str) -> dict[str, Stanza]:
    found = {}
    for paragraph in text.split("\n\n"):
        stanza = {}
        for line in paragraph.splitlines():
            name, _, value = line.partition(": ")
            stanza[name] = value
        if "Package" in stanza:
            found[stanza["Package"]] = stanza
    return found


def status(machine: Machine) -> dict[str, Stanza]:
    """dpkg's status file."""
    return _parsed(machine.text(STATUS) or "")


def available(machine: Machine) -> dict[str, Stanza]:
    """apt's lists."""
    names = [name for name in machine.files.listdir(LISTS) if name.endswith("_Packages")]
    return _parsed("\n\n".join(machine.text(f"{LISTS}/{name}") or "" for name in names))


def installed(machine: Machine, name: str) -> bool:
    """Whether a package is installed and configured."""
    return status(machine).get(name, {}).get("Status") == "install ok installed"


def _write(machine: Machine, path: str, stanzas: Iterable[Stanza]) -> None:
    text = "\n".join("".join(f"{name}: {value}\n" for name, value in stanza.items()) for stanza in stanzas)
    machine.write(path, text)


def set_status(machine: Machine, name: str, state: str | None) -> None:
    """Puts a package's state into dpkg's file; None: it is unknown there."""
    known = dict(status(machine))
    if state is None:
        known.pop(name, None)
    else:
        stanza = known.get(name) or available(machine)[name]
        stanza = {k: v for k, v in stanza.items() if k not in ("Filename", "Size", "SHA256")}
        known[name] = {"Package": name, "Status": state, **{k: v for k, v in stanza.items() if k != "Status"}}
        known[name]["Package"] = name
    _write(machine, STATUS, [known[key] for key in sorted(known)])


def automatic(machine: Machine) -> set[str]:
    """The packages that were installed because others needed them."""
    return {name for name, stanza in _parsed(machine.text(MARKS) or "").items() if stanza.get("Auto-Installed") == "1"}


def mark(machine: Machine, names: Iterable[str], *, auto: bool) -> None:
    marked = automatic(machine)
    marked = marked | set(names) if auto else marked - set(names)
    architecture = {"Architecture": "arm64", "Auto-Installed": "1"}
    _write(machine, MARKS, [{"Package": name, **architecture} for name in sorted(marked)])


def dependencies(stanza: Stanza, recommends: bool = False) -> list[list[str]]:
    """What a package needs: alternatives in their order."""
    fields = [stanza.get("Depends", ""), stanza.get("Recommends", "") if recommends else ""]
    found = []
    for one in ",".join(fields).split(","):
        choices = [choice.strip().partition(" ")[0].partition(":")[0] for choice in one.split("|")]
        if choices != [""]:
            found.append(choices)
    return found


def to_install(machine: Machine, names: Sequence[str], recommends: bool) -> list[str]:
    """The packages that come in, what others need first. Raises Refused for one that nobody has."""
    have, offered = status(machine), available(machine)
    there = {name for name in have if installed(machine, name)}
    provided = {p.strip().partition(" ")[0]: n for n, s in offered.items() for p in s.get("Provides", "").split(",")}
    there |= {p.strip().partition(" ")[0] for n in there for p in offered.get(n, {}).get("Provides", "").split(",")}
    order: list[str] = []
    seen: set[str] = set()

    def visit(name: str, direct: bool) -> None:
        if name in seen or name in there:
            return
        seen.add(name)
        for choices in dependencies(offered[name], recommends):
            if not any(choice in there or choice in seen for choice in choices):
                found = next((c for c in (*choices, *(provided.get(c, "") for c in choices)) if c in offered), None)
                if found:
                    visit(found, False)
        order.append(name)

    for name in names:
        if name not in offered and name not in have:
            raise Refused(f"E: Unable to locate package {name}", 100)
        if name in offered:
            visit(name, True)
    return order


def to_remove(machine: Machine, names: Sequence[str]) -> list[str]:
    """The packages that go: those named and all that need them."""
    there = {name for name in status(machine) if installed(machine, name)}
    gone = [name for name in names if name in there]
    for name in gone:  # grows as it goes
        for other in sorted(there - set(gone)):
            needs = dependencies(status(machine)[other])
            if any(name in choices and not any(c in there and c not in gone for c in choices) for choices in needs):
                gone.append(other)
    return gone


def unneeded(machine: Machine) -> list[str]:
    """Automatic packages that nothing installed needs any more."""
    there = {name for name in status(machine) if installed(machine, name)}
    auto = automatic(machine) & there
    needed = there - auto
    todo = list(needed)
    while todo:
        for choices in dependencies(status(machine)[todo.pop()], recommends=True):
            new = [choice for choice in choices if choice in auto and choice not in needed]
            needed.update(new)
            todo += new
    return sorted(auto - needed)


def size(amount: float) -> str:
    """A size as apt writes it (SizeToStr in apt-pkg/contrib/strutl.cc)."""
    for at, unit in enumerate(" kMGT"):
        if amount < 100 and at:
            return f"{amount:.1f} {unit}"
        if amount < 10_000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.0f} P"


# apt-get ------------------------------------------------------------------------------------------------------


@player("apt-get")
async def apt_get(call: Call) -> int:
    try:
        options = call.options(
            *("-y", "--yes", "--assume-yes", "-q", "-qq", "--quiet", "-s", "--simulate", "--dry-run", "--print-uris"),
            *("--no-install-recommends", "--install-recommends", "--purge", "--auto-remove", "--autoremove", "-u"),
            *("--no-auto-remove", "--no-remove", "-f", "--fix-broken", "--reinstall", "-V", "--no-upgrade"),
            *("--allow-downgrades", "--only-upgrade", "-d", "--download-only", "-o=", "--option=", "-t="),
        )
    except Refused as refused:
        name = refused.message.rpartition("'")[0].rpartition("'")[2]
        raise Refused(f"E: Command line option '{name.strip('-')}' [from {name}] is not understood in combination "
                      "with the other options.", 100) from None  # fmt: skip
    verb, *names = options.words or [""]
    if verb == "update":
        return await _update(call)
    if verb in ("install", "remove", "purge", "autoremove", "upgrade", "dist-upgrade", "full-upgrade", "check"):
        return await _change(call, options, verb, [name.partition("=")[0].partition(":")[0] for name in names])
    if verb in ("clean", "autoclean"):
        return 0
    raise Refused(f"E: Invalid operation {verb}", 100)


def _setting(options: Options, name: str, default: str = "") -> str:
    """An apt.conf(5) setting given with -o."""
    pairs = (value.partition("=") for value in options.values("-o", "--option"))
    return next((value for key, _, value in reversed(list(pairs)) if key.lower() == name.lower()), default)


async def _update(call: Call) -> int:
    suites = (
        ("trixie InRelease", 140_000),
        ("trixie-updates InRelease", 47_300),
        ("trixie-security InRelease", 43_400),
    )
    for at, (suite, amount) in enumerate(suites, 1):
        await call.pause(0.25)
        await call.out(f"Get:{at} {MIRROR} {suite} [{size(amount)}B]")
    await call.pause(0.3)
    await call.out("Fetched 231 kB in 1s (231 kB/s)\nReading package lists...")
    return 0


async def _change(call: Call, options: Options, verb: str, names: list[str]) -> int:
    machine = call.machine
    simulate = options.has("-s", "--simulate", "--dry-run")
    quiet = options.has("-qq")
    recommends = not options.has("--no-install-recommends")
    recommends = recommends and _setting(options, "APT::Install-Recommends", "true") not in ("false", "0", "no")
    purge = verb == "purge" or options.has("--purge")
    if not options.has("--print-uris") and not quiet:
        await call.out("Reading package lists...\nBuilding dependency tree...\nReading state information...")
    unpacked = [name for name, stanza in status(machine).items() if stanza["Status"] == "install ok unpacked"]
    if unpacked and not simulate:
        raise Refused(
            "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. ", 100
        )
    new, gone = [], []
    if verb == "install":
        known = {**available(machine), **status(machine)}
        wrong = [name for name in names if name not in known]
        if wrong:
            raise Refused("\n".join(f"E: Unable to locate package {name}" for name in wrong), 100)
        new = to_install(machine, names, recommends)
        for name in names:
            if name not in new:
                await call.out(f"{name} is already the newest version ({status(machine)[name]['Version']}).")
    elif verb in ("remove", "purge"):
        for name in names:
            if name not in status(machine) and name not in available(machine):
                raise Refused(f"E: Unable to locate package {name}", 100)
            left = purge and name in status(machine)
            if not installed(machine, name) and not left:
                await call.out(f"Package '{name}' is not installed, so not removed")
        gone = to_remove(machine, names)
        gone += [name for name in names if purge and name in status(machine) and name not in gone]
    if verb == "autoremove" or options.has("--auto-remove", "--autoremove"):
        gone += [name for name in unneeded(machine) if name not in gone]
    if options.has("--print-uris"):
        for name in new:
            stanza = available(machine)[name]
            file = f"{name}_{stanza['Version'].replace(':', '%3a')}_{stanza['Architecture']}.deb"
            await call.out(f"'{MIRROR}/{stanza['Filename']}' {file} {stanza['Size']} SHA256:{stanza['SHA256']}")
        return 0
    if not quiet:
        await _announce(call, names, new, gone, purge, simulate)
    if simulate:
        for name in gone:
            await call.out(f"{'Purg' if purge else 'Remv'} {name} [{status(machine)[name]['Version']}]")
        for word in ("Inst", "Conf"):
            for name in new:
                stanza = available(machine)[name]
                await call.out(f"{word} {name} ({stanza['Version']} Debian:13.8/stable [{stanza['Architecture']}])")
        return 0
    if not new and not gone:
        with machine.locked():
            if verb == "install":
                mark(machine, names, auto=False)
        return 0
    if not options.has("-y", "--yes", "--assume-yes") and (gone or set(new) - set(names)):
        raise Refused("E: Trivial Only specified but this is not a trivial operation.\nAbort.", 1)
    descriptor = int(_setting(options, "APT::Status-Fd", "-1") or "-1")
    if new:
        await _install(call, names, new, descriptor)
    if gone:
        await _remove(call, gone, purge, descriptor)
    return 0


async def _announce(call: Call, names: list[str], new: list[str], gone: list[str], purge: bool, simulate: bool) -> None:
    offered, have = available(call.machine), status(call.machine)
    for title, group in (
        ("The following additional packages will be installed:", [n for n in new if n not in names]),
        ("The following packages will be REMOVED:", [f"{n}*" if purge else n for n in gone]),
        ("The following NEW packages will be installed:", new),
    ):
        if group:
            await call.out(f"{title}\n  {' '.join(sorted(group))}")
    await call.out(f"0 upgraded, {len(new)} newly installed, {len(gone)} to remove and 0 not upgraded.")
    if simulate or not (new or gone):
        return
    if new:
        await call.out(f"Need to get {size(sum(int(offered[name]['Size']) for name in new))}B of archives.")
    disk = sum(int(offered[n].get("Installed-Size", "0")) for n in new)
    disk -= sum(int(have[n].get("Installed-Size", "0")) for n in gone)
    used = "of additional disk space will be used" if disk >= 0 else "disk space will be freed"
    await call.out(f"After this operation, {size(abs(disk) * 1024)}B {used}.")


async def _install(call: Call, names: list[str], new: list[str], descriptor: int) -> None:
    machine, offered = call.machine, available(call.machine)
    total, fetched = sum(int(offered[name]["Size"]) for name in new), 0
    pace = min(1.0, 24 / len(new))  # many packages take longer, but not in proportion: it is a demo
    for at, name in enumerate(new, 1):
        amount, stanza = int(offered[name]["Size"]), offered[name]
        await call.out(f"Get:{at} {MIRROR} trixie/main arm64 {name} {stanza['Architecture']} {stanza['Version']} "
                       f"[{size(amount)}B]")  # fmt: skip
        for part in range(4):
            done = 100 * (fetched + amount * part / 4) / total
            call.tell(descriptor, f"dlstatus:{at}:{done:.4f}:Retrieving file {at} of {len(new)}\n")
            await call.pause(0.12 * pace)
        fetched += amount
    call.tell(descriptor, f"dlstatus:{len(new)}:100.0000:Retrieving file {len(new)} of {len(new)}\n")
    await call.out(f"Fetched {size(total)}B in 2s ({size(total / 2)}B/s)")
    step, at_step = 100 / (5 * len(new)), 0

    def tell(package: str, text: str) -> None:
        call.tell(descriptor, f"pmstatus:{package}:{at_step * step:.4f}:{text}\n")

    tell("dpkg-exec", "Running dpkg")
    files = 61_583
    for at, name in enumerate(new):
        version, architecture = offered[name]["Version"], offered[name]["Architecture"]
        await call.out(f"Selecting previously unselected package {name}.")
        if not at:
            await call.out(f"(Reading database ... {files} files and directories currently installed.)")
        tell(name, f"Preparing {name} ({architecture})")
        await call.out(f"Preparing to unpack .../{name}_{version.replace(':', '%3a')}_{architecture}.deb ...")
        await call.pause(0.1 * pace)
        at_step += 1
        tell(name, f"Unpacking {name} ({architecture})")
        await call.out(f"Unpacking {name} ({version}) ...")
        await call.pause(0.2 * pace)
        at_step += 1
        with machine.locked():
            set_status(machine, name, "install ok unpacked")
            mark(machine, [name], auto=name not in names)
        tell(name, f"Installing {name} ({architecture})")
    tell("dpkg-exec", "Running dpkg")
    for name in new:
        architecture = offered[name]["Architecture"]
        tell(name, f"Preparing to configure {name} ({architecture})")
        at_step += 1
        tell(name, f"Configuring {name} ({architecture})")
        await call.out(f"Setting up {name} ({offered[name]['Version']}) ...")
        await call.pause(0.25 * pace)
        await _configured(call, name)
        at_step += 1
        tell(name, f"Installed {name} ({architecture})")
    await call.out("Processing triggers for libc-bin (2.41-12+deb13u5) ...")
    await call.pause(0.2)


async def _configured(call: Call, name: str) -> None:
    """What a package's own scripts do at the end."""
    machine = call.machine
    with machine.locked():
        set_status(machine, name, "install ok installed")
        for path, text in FILES.get(name, {}).items():
            if not machine.exists(path):
                machine.write(path, text, ufw.FILES.get(path, (0o644, ""))[0])
        if name == "libpam-pwquality":
            _ask_pwquality(machine, True)
        if name == "wireguard-tools":
            tunnel.unpacked(machine)
        if name in SERVICES:
            unit, description = SERVICES[name]
            path = f"{units.LIB}/{unit}.service"
            if not machine.exists(path):
                machine.write(path, f"[Unit]\nDescription={description}\n\n[Service]\nType=simple\n\n"
                                    "[Install]\nWantedBy=multi-user.target\n")  # fmt: skip
            said = units.set_enabled(machine, unit, True)
            units.set_active(machine, unit, name not in _NOT_STARTED)
        else:
            said = []
    if said:
        await call.out("\n".join(said))


def _ask_pwquality(machine: Machine, asked: bool) -> None:
    """What pam-auth-update(8) makes of PAM's stack for passwords."""
    module, before, after = (
        "password\trequisite\t\t\tpam_pwquality.so retry=3\n",
        "obscure ",
        "obscure use_authtok try_first_pass ",
    )
    unix = "password\t[success=1 default=ignore]\tpam_unix.so "
    text = machine.text(_PASSWORDS) or ""
    if asked:
        machine.write(_PROFILE, "Name: Pwquality password strength checking\nDefault: yes\n")
        text = text.replace(f"{unix}{before}", f"{module}{unix}{after}")
    else:
        machine.remove(_PROFILE)
        text = text.replace(f"{module}{unix}{after}", f"{unix}{before}")
    machine.write(_PASSWORDS, text)


def _remove_tree(machine: Machine, path: str) -> None:
    """What the postrm of most packages does with their folders."""
    found = machine.files.stat(path)
    if found is not None and found.kind == "directory":
        for name in machine.files.listdir(path):
            _remove_tree(machine, f"{path}/{name}")
        machine.remove(path)
    elif found is not None and path.count("/") > 3:
        machine.remove(path)


async def _remove(call: Call, gone: list[str], purge: bool, descriptor: int) -> None:
    machine = call.machine
    step, at_step = 100 / (5 * len(gone)), 0
    words = ["Preparing for removal of", "Removing", "Removing"]
    words += ["Completely removing", "Completely removed"] if purge else ["Removed"]
    call.tell(descriptor, "pmstatus:dpkg-exec:0.0000:Running dpkg\n")
    await call.out("(Reading database ... 61613 files and directories currently installed.)")
    for name in gone:
        stanza = status(machine)[name]
        await call.out(f"Removing {name} ({stanza['Version']}) ...")
        for word in words:
            call.tell(descriptor, f"pmstatus:{name}:{at_step * step:.4f}:{word} {name} ({stanza['Architecture']})\n")
            at_step += 1
            await call.pause(0.08)
        with machine.locked():
            if name in SERVICES:
                unit = SERVICES[name][0]
                units.set_active(machine, unit, False)
                units.set_enabled(machine, unit, False)
                machine.remove(f"{units.LIB}/{unit}.service")
            if name == "libpam-pwquality":
                _ask_pwquality(machine, False)
            if name == "ufw":
                ufw.unload(machine)
            if purge:
                for path in FILES.get(name, {}):
                    machine.remove(path)
                for folder in ("/var/lib", "/var/log", "/etc"):
                    _remove_tree(machine, f"{folder}/{name}")
            set_status(machine, name, None if purge else "deinstall ok config-files")
            mark(machine, [name], auto=False)
    await call.out("Processing triggers for man-db (2.13.1-1) ...")


# the others ---------------------------------------------------------------------------------------------------


@player("apt-mark")
async def apt_mark(call: Call) -> int:
    options = call.options("-q", "-qq")
    verb, *names = options.words or [""]
    machine = call.machine
    there = [name for name in status(machine) if installed(machine, name)]
    if verb in ("showauto", "showmanual"):
        auto = automatic(machine)
        shown = [n for n in there if (n in auto) == (verb == "showauto") and (not names or n in names)]
        if shown:
            await call.out("\n".join(sorted(shown)))
    elif verb in ("auto", "manual"):
        for name in names:
            if name not in available(machine) and name not in status(machine):
                raise Refused(f"E: Unable to locate package {name}\nE: No packages found", 100)
        with machine.locked():
            before = automatic(machine)
            mark(machine, [name for name in names if name in there], auto=verb == "auto")
        for name in names:
            kind = "automatically" if verb == "auto" else "manually"
            already = (name in before) == (verb == "auto")
            await call.out(f"{name} {'was already ' if already else ''}set to {kind} installed.")
    elif verb in ("showhold", "hold", "unhold"):
        return 0
    else:
        raise Refused(f"E: Invalid operation {verb}", 100)
    return 0


@player("apt-cache")
async def apt_cache(call: Call) -> int:
    options = call.options("-q", "-n", "--names-only", "--no-all-versions", "-a")
    verb, *names = options.words or [""]
    offered, have = available(call.machine), status(call.machine)
    for name in names:
        stanza = offered.get(name)
        if verb == "show":
            if stanza is None:
                raise Refused("E: No packages found", 100)
            await call.out("".join(f"{key}: {value}\n" for key, value in stanza.items()))
        elif verb == "policy" and stanza:
            there = have[name]["Version"] if installed(call.machine, name) else "(none)"
            await call.out(f"{name}:\n  Installed: {there}\n  Candidate: {stanza['Version']}\n  Version table:")
            await call.out(f" {'***' if there != '(none)' else '   '} {stanza['Version']} 500")
            await call.out(f"        500 {MIRROR} trixie/main arm64 Packages")
    if verb not in ("show", "policy"):
        raise Refused(f"E: Invalid operation {verb}", 100)
    return 0


@player("dpkg-query")
async def dpkg_query(call: Call) -> int:
    options = call.options(
        *("-W", "--show", "-l", "--list", "-s", "--status", "-L", "--listfiles", "-f=", "--showformat=", "--no-pager"),
        *("-S", "--search", "-c", "--control-path"),
    )
    if options.has("-S", "--search"):
        return await _search(call, options.words)
    if options.has("-c", "--control-path"):  # the recording has no packages' scripts
        raise Refused("", 1)
    return await _query(call, options)


#: what the recorded packages have in common
_SHARED = ("/etc", "/srv", "/usr", "/var", "/var/cache", "/var/lib", "/var/log", "/var/spool")


async def _search(call: Call, paths: Sequence[str]) -> int:
    result = 0
    for path in paths:
        if path in _SHARED:
            await call.out(f"base-files: {path}")
        else:
            await call.err(f"dpkg-query: no path found matching pattern {path}")
            result = 1
    return result


@player("dpkg")
async def dpkg(call: Call) -> int:
    options = call.options(
        *("--print-architecture", "--print-foreign-architectures", "--audit", "-C", "--configure", "-a", "--pending"),
        *("-l", "--list", "-s", "--status", "--get-selections", "--no-pager"),
        *("--force-confold", "--force-confdef"),
    )
    machine = call.machine
    if options.has("--print-architecture"):
        await call.out("arm64")
    elif options.has("--audit", "-C"):
        bad = [name for name, stanza in status(machine).items() if stanza["Status"] == "install ok unpacked"]
        if bad:
            await call.out(_UNPACKED)
            for name in bad:
                await call.out(f" {name:<20} {status(machine)[name].get('Description', '')}")
    elif options.has("--configure"):
        for name, stanza in list(status(machine).items()):
            if stanza["Status"] == "install ok unpacked":
                await call.out(f"Setting up {name} ({stanza['Version']}) ...")
                await call.pause(0.25)
                await _configured(call, name)
    elif options.has("--get-selections"):
        for name in status(machine):
            await call.out(f"{name}\t\t\t\tinstall")
    elif not options.has("--print-foreign-architectures"):
        return await _query(call, options)
    return 0


_UNPACKED = """\
The following packages have been unpacked but not yet configured.
They must be configured using dpkg --configure or the configure
menu option in dselect for them to work:"""

_ABBREVIATIONS = {
    "install ok installed": "ii ",
    "install ok unpacked": "iU ",
    "deinstall ok config-files": "rc ",
}


async def _query(call: Call, options: Options) -> int:
    """dpkg-query -W, -l and -s."""
    known = status(call.machine)
    names = [name.partition(":")[0] for name in options.words]
    result = 0
    if options.has("-s", "--status"):
        for name in names:
            if name not in known:
                raise Refused(f"dpkg-query: package '{name}' is not installed and no information is available\n"
                              "Use dpkg --info (= dpkg-deb --info) to examine archive files.")  # fmt: skip
            await call.out("".join(f"{key}: {value}\n" for key, value in known[name].items()))
        return 0
    if options.has("-L", "--listfiles"):
        for name in names:
            if name not in known:
                raise Refused(f"dpkg-query: package '{name}' is not installed")
            unit = [f"{units.LIB}/{SERVICES[name][0]}.service"] if name in SERVICES else []
            paths = ["/.", "/usr", "/usr/share", "/usr/share/doc", f"/usr/share/doc/{name}", *unit]
            await call.out("\n".join(paths))
        return 0
    shown = []
    for name in names or sorted(known):
        matches = [n for n in known if re.fullmatch(re.escape(name).replace(r"\*", ".*").replace(r"\?", "."), n)]
        if not matches:
            await call.err(f"dpkg-query: no packages found matching {name}")
            result = 1
        shown += matches
    if options.has("-l", "--list"):
        for name in sorted(set(shown)):
            stanza = known[name]
            await call.out(f"{_ABBREVIATIONS[stanza['Status']]} {name} {stanza['Version']} {stanza['Architecture']}")
        return result
    pattern = options.value("-f", "--showformat", default="${binary:Package}\\t${Version}\\n")
    pattern = pattern.replace("\\n", "\n").replace("\\t", "\t")
    text = ""
    for name in sorted(set(shown)):
        stanza = known[name]
        values = {
            **stanza,
            "binary:Package": name,
            "db:Status-Status": stanza["Status"].rpartition(" ")[2],
            "db:Status-Abbrev": _ABBREVIATIONS[stanza["Status"]],
            "db:Status-Want": stanza["Status"].partition(" ")[0],
        }
        text += re.sub(r"\$\{([A-Za-z:-]+)(;-?\d+)?\}", lambda m, v=values: v.get(m[1], ""), pattern)  # type: ignore[misc]
    await call.out(text, end="")
    return result
