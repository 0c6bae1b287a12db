"""cloud-init, as far as it owns this module's settings: the hostname, the 127.0.1.1 line, the network.

Raspberry Pi Imager writes its answers for cloud-init to the boot partition (user-data, network-config); what stands
there wins over every file in /etc/cloud, at each boot.
"""

from __future__ import annotations

from dataclasses import dataclass

from pi_installer_tui.modules.system import ask
from pi_installer_tui.system.formats import yaml
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Known, Source, Unknown

NAME = "cloud-init"
CONFIG = "/etc/cloud/cloud.cfg"
DROPINS = "/etc/cloud/cloud.cfg.d"
DISABLED = "/etc/cloud/cloud-init.disabled"
KEEP_HOSTNAME = f"{DROPINS}/99-pi-installer-tui-hostname.cfg"
KEEP_NETWORK = f"{DROPINS}/99-disable-network-config.cfg"
#: where a NoCloud seed lies: Raspberry Pi OS since bookworm, before it, and cloud-init's own place
SEEDS = ("/boot/firmware", "/boot", "/var/lib/cloud/seed/nocloud")

#: what cloud-init made of user-data at the last boot, and goes by at the start of the next
LAST = "/var/lib/cloud/instance/cloud-config.txt"

_SECRETS = ("passwd", "password", "psk", "token", "hashed_passwd", "plain_text_passwd", "chpasswd", "wifis")


@dataclass(frozen=True, slots=True)
class CloudInit:
    """What cloud-init will do to this machine at its next boot.

    active: it is installed and runs. user_data: its user-data file where that is a cloud-config, else "".
    hostname: the name that it gives the machine, "" where it gives none; source: where that stands.
    fqdn: as user-data has it. preserve: it leaves the hostname alone. sensitive: user-data holds secrets.
    last: its copy of the user-data before, where that tells it to set the name whatever a drop-in says, else "".
    hosts: it writes /etc/hosts. network: it writes the network's files; network_config: the seed's, "" where none.
    """

    active: bool = False
    user_data: str = ""
    hostname: str = ""
    source: Source | None = None
    fqdn: str = ""
    preserve: bool = False
    sensitive: bool = False
    last: str = ""
    hosts: bool = False
    network: bool = False
    network_config: str = ""
    network_text: str = ""


async def read(host: Host) -> CloudInit | Unknown:
    """What cloud-init owns. Unknown where one of its files can't be read or parsed."""
    if await host.which("cloud-init") is None or await host.stat(DISABLED) is not None:
        return CloudInit()
    cmdline = await ask.text(host, "/proc/cmdline")
    if isinstance(cmdline, str) and "cloud-init=disabled" in cmdline.split():
        return CloudInit()
    preserve = hosts = False
    network = True
    dropins = [f"{DROPINS}/{n}" for n in await host.listdir(DROPINS) if n.endswith(".cfg")]
    user_data, seed = "", ""
    for folder in SEEDS:
        content = await ask.text(host, f"{folder}/user-data")
        if isinstance(content, Unknown):
            return content
        if content is not None:
            seed = folder
            user_data = f"{folder}/user-data" if content.startswith("#cloud-config") else ""
            break
    hostname, source, fqdn, sensitive = "", None, "", False
    for path in (CONFIG, *dropins, *([user_data] if user_data else ())):
        content = await ask.text(host, path)
        if isinstance(content, Unknown):
            return content
        for key in ("preserve_hostname", "manage_etc_hosts", "hostname", "fqdn"):
            found = ask.entry(yaml, content, path, key)
            if isinstance(found, Unknown):
                return found
            if not isinstance(found, Known):
                continue
            if key == "preserve_hostname":
                preserve = found.value is True
            elif key == "manage_etc_hosts":
                hosts = found.value not in (False, None)
            elif key == "hostname":
                hostname, source = str(found.value), found.source
            else:
                fqdn = str(found.value)
                if not hostname:
                    hostname, source = fqdn.partition(".")[0], found.source
        if path == user_data and isinstance(content, str):
            sensitive = any(f"{word}:" in content for word in _SECRETS)
        elif isinstance(ask.entry(yaml, content, path, "network", "config"), Known):
            network = False
    if seed and not hostname:
        meta = ask.entry(yaml, await ask.text(host, f"{seed}/meta-data"), f"{seed}/meta-data", "local-hostname")
        if isinstance(meta, Known):
            hostname, source = str(meta.value), meta.source
    last = ask.entry(yaml, await ask.text(host, LAST), LAST, "preserve_hostname")
    network_text = await ask.text(host, f"{seed}/network-config") if seed else None
    return CloudInit(
        active=True,
        user_data=user_data,
        hostname=hostname,
        source=source,
        fqdn=fqdn,
        preserve=preserve,
        sensitive=sensitive,
        last=await host.realpath(LAST) if isinstance(last, Known) and last.value is not True else "",
        hosts=hosts,
        network=network,
        network_config=f"{seed}/network-config" if isinstance(network_text, str) else "",
        network_text=network_text if isinstance(network_text, str) else "",
    )
