"""The steps of backups, one a file: a repository opened, filled, thinned out, verified, and what is in it given back.
working.py is what they share."""

from pi_installer_tui.tasks.steps.backup.back_up import BackUp
from pi_installer_tui.tasks.steps.backup.clear_aside import Aside, ClearAside
from pi_installer_tui.tasks.steps.backup.keep_snapshots import KeepSnapshots
from pi_installer_tui.tasks.steps.backup.open_repository import OpenRepository
from pi_installer_tui.tasks.steps.backup.restore_database import RestoreDatabase
from pi_installer_tui.tasks.steps.backup.restore_drill import RestoreDrill
from pi_installer_tui.tasks.steps.backup.restore_files import RestoreFiles
from pi_installer_tui.tasks.steps.backup.unlock_repository import UnlockRepository
from pi_installer_tui.tasks.steps.backup.verify_repository import VerifyRepository

__all__ = [
    "Aside",
    "BackUp",
    "ClearAside",
    "KeepSnapshots",
    "OpenRepository",
    "RestoreDatabase",
    "RestoreDrill",
    "RestoreFiles",
    "UnlockRepository",
    "VerifyRepository",
]
