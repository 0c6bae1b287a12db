"""The collector as a systemd service: its unit file, and where it keeps its things."""

from __future__ import annotations

from pi_installer_tui.metrics import places
from pi_installer_tui.modules.interpreter import python, quoted
from pi_installer_tui.system.paths import ETC

__all__ = ["FOLDER", "NAME", "PATH", "READINGS", "python", "unit"]

NAME = "pi-installer-tui-collector.service"
PATH = f"/etc/systemd/system/{NAME}"
FOLDER = str(places.FOLDER)
#: single readings: the file, and where SQLite puts what it hasn't moved into it yet
READINGS = (f"{places.RUNTIME / places.RAW}", f"{places.RUNTIME / places.RAW}-wal")


def unit(interpreter: str) -> str:
    """The unit file (systemd.service(5), systemd.exec(5), systemd.resource-control(5)).

    It reads everything, writes its own folder and below /run (the folder of login messages may have to be made), and
    gains no rights. Its mount namespace is a slave of the machine's, so file systems that are mounted later are
    seen. Patience with an old card: it has
    two minutes to start, and counts as hung once it has missed three of its longest intervals.
    """
    return f"""# Made by pi-installer-tui.
[Unit]
Description=Collector of pi-installer-tui: history and alerts
After=local-fs.target network.target
ConditionPathExists={ETC}/collector.json

[Service]
Type=notify
ExecStart={quoted(interpreter)} -I -m pi_installer_tui.metrics.collector
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=30
TimeoutStartSec=2min
WatchdogSec=15min
WorkingDirectory=/
StateDirectory=pi-installer-tui/metrics
StateDirectoryMode=0700
RuntimeDirectory=pi-installer-tui
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=restart
UMask=0077
Nice=10
IOSchedulingClass=idle
CPUSchedulingPolicy=batch
MemoryMax=192M
TasksMax=64
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_NET_RAW
ProtectSystem=strict
ReadWritePaths=/run
ProtectHome=read-only
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""
