"""Makes debian.txt, the part of the demo's recording that comes from a Debian machine. Run as root on a fresh Debian 13
with what is named here installed and arm64's package lists fetched:

    dpkg --add-architecture arm64 && apt-get update && apt-get install -y keyboard-configuration console-setup restic
    python3 record.py > debian.txt

Versions, sizes and dependencies are arm64's. What is a Raspberry Pi's own stands in raspberry.txt, by hand.
"""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

#: what the demo's apt knows beside what is installed, each with all that it depends on
CATALOGUE = """
apache2 arping avahi-daemon borgbackup build-essential certbot chrony bind9-dnsutils docker.io fail2ban git htop
iputils-arping jq lynis mariadb-server mc mosquitto mosquitto-clients msmtp-mta ncdu needrestart nftables nginx nmap
nodejs ntpsec php-fpm postfix postgresql prometheus-node-exporter python3-pip python3-venv qrencode rclone
redis-server restic rsync samba smartmontools sqlite3 systemd-resolved systemd-timesyncd tcpdump tmux ufw
unattended-upgrades vim wireguard wireguard-tools zram-tools auditd netplan.io ifupdown openresolv
"""

FILES = """
/etc/adduser.conf /etc/apt/apt.conf.d/01autoremove /etc/debian_version /etc/group /etc/host.conf /etc/issue
/etc/locale.gen /etc/login.defs /etc/nsswitch.conf /etc/passwd /etc/profile /etc/shells /etc/ssh/sshd_config
/etc/ssh/ssh_config /etc/sudoers /etc/systemd/timesyncd.conf /etc/default/console-setup
/etc/NetworkManager/NetworkManager.conf /usr/lib/os-release /usr/share/i18n/SUPPORTED
/usr/share/X11/xkb/rules/base.lst /usr/share/zoneinfo/zone1970.tab
"""

FIELDS = ("Package", "Version", "Architecture", "Section", "Priority", "Depends", "Recommends", "Installed-Size")
LISTED = (*FIELDS, "Filename", "Size", "SHA256", "Provides", "Description")


def said(*argv: str) -> str:
    """What a command prints."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def stanzas(text: str) -> list[dict[str, str]]:
    """The paragraphs of a deb822 file."""
    found = []
    for paragraph in text.split("\n\n"):
        fields = re.findall(r"^([A-Za-z0-9-]+):[ \t]*(.*(?:\n[ \t].*)*)", paragraph, re.MULTILINE)
        if fields:
            found.append({name: value.split("\n")[0] if name == "Description" else value for name, value in fields})
    return found


def written(stanza: dict[str, str], names: tuple[str, ...]) -> str:
    return "".join(f"{name}: {stanza[name]}\n" for name in names if stanza.get(name))


def name_of(dependency: str) -> str:
    return dependency.strip().split(" ")[0].split(":")[0]


def emit(path: str, content: str, mode: int = 0o644) -> None:
    """One file of the recording."""
    end = "" if content.endswith("\n") or not content else "\n"
    print(f"%% {path} {mode:o}\n{content}", end=end)


def packages() -> tuple[str, str]:
    """dpkg's status file and apt's list."""
    available: dict[str, dict[str, str]] = {}
    provided: dict[str, str] = {}
    for path in sorted(Path("/var/lib/apt/lists").glob("*_binary-arm64_Packages*"), reverse=True):
        for stanza in stanzas(said("/usr/lib/apt/apt-helper", "cat-file", str(path))):
            available[stanza["Package"]] = stanza
            for virtual in stanza.get("Provides", "").split(","):
                provided.setdefault(name_of(virtual), stanza["Package"])
    installed = [n for n in said("dpkg-query", "-W", "-f=${Package}\\n").split() if n in available]
    status = []
    for name in sorted(set(installed)):
        stanza = {**available[name], "Status": "install ok installed"}
        status.append(written(stanza, ("Package", "Status", *FIELDS[1:], "Description")))
    wanted, todo = set[str](), [*CATALOGUE.split(), *installed]
    for name in CATALOGUE.split():
        todo += [
            name_of(d.split("|")[0]) for d in available.get(name, {}).get("Recommends", "").split(",") if d.strip()
        ]
    while todo:
        name = todo.pop()
        name = name if name in available else provided.get(name, "")
        if not name or name in wanted:
            continue
        wanted.add(name)
        stanza = available[name]
        for dependency in f"{stanza.get('Pre-Depends', '')},{stanza.get('Depends', '')}".split(","):
            choices = [name_of(choice) for choice in dependency.split("|") if choice.strip()]
            if choices and not any(choice in wanted or choice in installed for choice in choices):
                todo.append(choices[0])
    lists = [written(available[name], LISTED) for name in sorted(wanted - set(installed))]
    lists += [written(available[name], LISTED) for name in sorted(set(installed))]
    return "\n".join(status), "\n".join(lists)


def units() -> None:
    """The unit files of what runs, can be enabled or is started on demand, shortened to what systemctl tells of them,
    their aliases, and the links that enable them."""
    running = said("systemctl", "list-units", "--no-legend", "--plain").split()
    kept = set[str]()
    for path in sorted(Path("/usr/lib/systemd/system").iterdir()):
        if path.suffix not in (".service", ".timer", ".socket", ".target", ".path") or path.name.startswith("initrd-"):
            continue
        if path.is_symlink():
            continue
        unit = configparser.RawConfigParser(strict=False, allow_no_value=True, delimiters=("=",))
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        try:
            unit.read_string(path.read_text())
        except configparser.Error:
            continue
        on_demand = unit.has_option("Service", "BusName")
        if path.name not in running and not unit.has_section("Install") and not on_demand:
            continue
        kept.add(path.name)
        shown = {
            "Unit": ("Description", "Documentation"),
            "Service": ("Type", "ExecStart", "RemainAfterExit", "BusName"),
            "Timer": ("OnCalendar", "Persistent"),
            "Socket": ("ListenStream",),
            "Install": ("WantedBy", "RequiredBy", "Alias", "Also", "DefaultInstance"),
        }
        lines: list[str] = []
        for section, names in shown.items():
            values = [(n, unit[section][n]) for n in names if unit.has_section(section) and n in unit[section]]
            if values:
                lines += [f"[{section}]", *(f"{n}={(v or '').splitlines()[0] if v else ''}" for n, v in values), ""]
        emit(str(path), "\n".join(lines))
    for path in sorted(Path("/usr/lib/systemd/system").iterdir()):
        if path.is_symlink() and (path.readlink().name in kept or str(path.readlink()) == "/dev/null"):
            print(f"%% {path} -> {path.readlink()}")
    for path in sorted(Path("/etc/systemd/system").rglob("*")):
        if path.is_symlink():
            print(f"%% {path} -> {path.readlink()}")


def main() -> None:
    for path in FILES.split():
        text = (
            Path(path).read_text().replace("\n# en_GB.UTF-8 UTF-8", "\nen_GB.UTF-8 UTF-8")
        )  # as Raspberry Pi OS comes
        emit(path, text, Path(path).stat().st_mode & 0o7777)
    status, lists = packages()
    emit("/var/lib/dpkg/status", status)
    emit("/var/lib/apt/lists/mirror.example.org_debian_dists_trixie_main_binary-arm64_Packages", lists)
    units()
    emit("/usr/share/zoneinfo/zones", said("timedatectl", "list-timezones"))
    active = said("systemctl", "list-units", "--type=service,timer,socket", "--no-legend", "--plain").splitlines()
    emit("/run/demo/active", "\n".join(" ".join(line.split()[:4]) for line in active))


main()
