"""Steps that change packages: InstallPackages and RemovePackages, both by apt-get."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.tasks.steps.base import StepBase

#: Debian Policy 5.6.1
PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$", max_length=128)]


class InstallPackages(StepBase):
    """Packages that must be there. Undo removes exactly those that this step brought in, and gives back the automatic
    marks; upgraded ones stay upgraded."""

    kind: Literal["install-packages"] = "install-packages"
    packages: Annotated[tuple[PackageName, ...], Field(min_length=1)]
    recommends: bool = False


class RemovePackages(StepBase):
    """Packages that must not be there; their configuration goes too with `purge`."""

    kind: Literal["remove-packages"] = "remove-packages"
    packages: Annotated[tuple[PackageName, ...], Field(min_length=1)]
    purge: bool = False
