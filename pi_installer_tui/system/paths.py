"""Where the program keeps its own things."""

from __future__ import annotations

import os
from pathlib import Path

#: jobs, secrets, locks: root's, 0700. PI_INSTALLER_TUI_STATE moves it (tests do).
STATE = Path(os.environ.get("PI_INSTALLER_TUI_STATE", "/var/lib/pi-installer-tui"))

#: what is told to whoever logs in (pam_motd(8) shows every file of that folder)
MOTD = "/run/motd.d/50-pi-installer-tui"
#: the same of the setup file on the boot partition
MOTD_BOOT_FILE = "/run/motd.d/51-pi-installer-tui-boot-file"

#: what a module must remember about the machine: root's, written by plans like any other file
ETC = "/etc/pi-installer-tui"
