"""The vocabulary of steps. `Step` is any of them, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from pi_installer_tui.tasks.steps.accounts import Account
from pi_installer_tui.tasks.steps.backup import (
    BackUp,
    ClearAside,
    KeepSnapshots,
    OpenRepository,
    RestoreDatabase,
    RestoreDrill,
    RestoreFiles,
    UnlockRepository,
    VerifyRepository,
)
from pi_installer_tui.tasks.steps.base import (
    Before,
    Overlay,
    PackageChange,
    Preview,
    Risk,
    StepBase,
    StepContext,
    StepError,
    StepId,
)
from pi_installer_tui.tasks.steps.clone import CloneDisk
from pi_installer_tui.tasks.steps.commands import Probe, RunCommand, Unit
from pi_installer_tui.tasks.steps.cron_run import RunAsCron
from pi_installer_tui.tasks.steps.crontab import Crontab, LineEdit
from pi_installer_tui.tasks.steps.encrypted import EncryptedKey
from pi_installer_tui.tasks.steps.files import Directory, Edit, EditFile, Link, RemoveFile, SudoersFile, WriteFile
from pi_installer_tui.tasks.steps.keys import NewKey
from pi_installer_tui.tasks.steps.packages import InstallPackages, RemovePackages
from pi_installer_tui.tasks.steps.probation import KeepAddress, Probation
from pi_installer_tui.tasks.steps.reboot import Reboot
from pi_installer_tui.tasks.steps.restore import Restore
from pi_installer_tui.tasks.steps.secrets import SecretFile
from pi_installer_tui.tasks.steps.wireguard import Tunnel
from pi_installer_tui.tasks.steps.wireguard_import import ImportTunnel
from pi_installer_tui.tasks.steps.wireguard_sync import SyncTunnel

Step: TypeAlias = Annotated[
    WriteFile
    | EditFile
    | RemoveFile
    | Link
    | Directory
    | InstallPackages
    | RemovePackages
    | RunCommand
    | Unit
    | Account
    | SudoersFile
    | NewKey
    | SecretFile
    | CloneDisk
    | KeepAddress
    | Probation
    | Reboot
    | Restore
    | OpenRepository
    | BackUp
    | ClearAside
    | KeepSnapshots
    | VerifyRepository
    | RestoreDrill
    | RestoreFiles
    | RestoreDatabase
    | UnlockRepository
    | Tunnel
    | ImportTunnel
    | SyncTunnel
    | EncryptedKey
    | Crontab
    | RunAsCron,
    Field(discriminator="kind"),
]

__all__ = [
    "Account",
    "BackUp",
    "Before",
    "ClearAside",
    "CloneDisk",
    "Crontab",
    "Directory",
    "Edit",
    "EditFile",
    "EncryptedKey",
    "ImportTunnel",
    "InstallPackages",
    "KeepAddress",
    "KeepSnapshots",
    "LineEdit",
    "Link",
    "NewKey",
    "OpenRepository",
    "Overlay",
    "PackageChange",
    "Preview",
    "Probation",
    "Probe",
    "Reboot",
    "RemoveFile",
    "RemovePackages",
    "Restore",
    "RestoreDatabase",
    "RestoreDrill",
    "RestoreFiles",
    "Risk",
    "RunAsCron",
    "RunCommand",
    "SecretFile",
    "Step",
    "StepBase",
    "StepContext",
    "StepError",
    "StepId",
    "SudoersFile",
    "SyncTunnel",
    "Tunnel",
    "Unit",
    "UnlockRepository",
    "VerifyRepository",
    "WriteFile",
]
