"""`python -m pi_installer_tui` is the command `pi-installer-tui`."""

import sys

from pi_installer_tui.cli import main

sys.exit(main())
