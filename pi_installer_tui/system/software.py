"""What is on a machine already that somebody will want to know of before anything is set up on it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.system.reading import Known, Reading, Source, Unknown

#: what is told, by the names of its packages
_PACKAGES: Mapping[str, str] = {
    "Docker": r"docker\.io|docker-ce",
    "Podman": r"podman",
    "nginx": r"nginx",
    "Apache": r"apache2",
    "lighttpd": r"lighttpd",
    "Caddy": r"caddy",
    "MariaDB": r"mariadb-server",
    "PostgreSQL": r"postgresql-[0-9]+",
    "Postfix": r"postfix",
    "Exim": r"exim4-daemon-(?:light|heavy)",
    "Dovecot": r"dovecot-core",
    "WireGuard": r"wireguard-tools",
    "OpenVPN": r"openvpn",
    "Mosquitto": r"mosquitto",
    "Samba": r"samba",
    "CUPS": r"cups-daemon",
    "ufw": r"ufw",
    "firewalld": r"firewalld",
    "fail2ban": r"fail2ban",
    "restic": r"restic",
    "BorgBackup": r"borgbackup",
    "Cockpit": r"cockpit-ws",
    "Webmin": r"webmin",
    "GitLab Runner": r"gitlab-runner",
    "Grafana": r"grafana",
    "a desktop": r"lightdm|gdm3|sddm",
}
#: what is told, by a file that its own installer leaves
_FILES: Mapping[str, str] = {
    "Pi-hole": "/etc/pihole/pihole.toml",
    "Pi-hole 5": "/etc/pihole/setupVars.conf",
    "k3s": "/usr/local/bin/k3s",
    "PiVPN": "/etc/pivpn/wireguard/setupVars.conf",
    "DietPi": "/boot/dietpi/.version",
    "Home Assistant Supervised": "/etc/hassio.json",
}


async def read(host: Host) -> Reading[tuple[str, ...]]:
    """The names of programs that are installed, in the order above."""
    found: list[str] = []
    try:
        asked = await host.run(["dpkg-query", "-W", "-f", r"${db:Status-Status} ${Package}\n"], check=True)
    except CommandNotFound as error:
        return Unknown(_("{program} is not installed").format(program=error.program))
    except HostError as error:
        return Unknown(str(error))
    installed = [line.partition(" ")[2] for line in asked.stdout.splitlines() if line.startswith("installed ")]
    for title, names in _PACKAGES.items():
        if any(re.fullmatch(names, package) for package in installed):
            found.append(title)
    for title, path in _FILES.items():
        try:
            if await host.stat(path) is not None:
                found.append(title)
        except OSError:
            continue  # it can't be seen: it isn't told
    return Known(tuple(found), Source("dpkg"))
