"""What proves a job: a small vocabulary of questions to the machine, as data, stored beside the steps.

A check never changes anything. Its result is ok, failed or unknown, with the evidence: what was asked and what the
machine answered.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from pi_installer_tui.system.formats import FormatName
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.events import CheckStatus
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.steps.base import AbsolutePath, Argument, StepId
from pi_installer_tui.tasks.steps.commands import UnitName


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found."""

    status: CheckStatus
    evidence: str


class CheckBase(Frozen):
    """The fields that all checks have."""

    kind: str
    id: StepId
    setting: str = ""
    #: seconds in which it may become true (a lease that has to arrive)
    within: Annotated[float, Field(ge=0, le=600)] = 0

    @abstractmethod
    def describe(self) -> str:
        """The question, a translated phrase: `the hostname is attic`."""

    @abstractmethod
    async def look(self, host: Host) -> Result:
        """Asks once."""


class FileValue(CheckBase):
    """A key of a configuration file has this value (None: isn't set)."""

    kind: Literal["file-value"] = "file-value"
    path: AbsolutePath
    format: FormatName
    key: tuple[str, ...]
    value: str | int | bool | tuple[str, ...] | None


class PathIs(CheckBase):
    """A path has this fingerprint (steps.files.fingerprint): used by undo, and where a whole file counts."""

    kind: Literal["path-is"] = "path-is"
    path: AbsolutePath
    fingerprint: str


class CommandSays(CheckBase):
    """A command ends with 0 and prints a line (stripped) that equals `line`, or with `contains` has it as a word among
    others separated by blanks."""

    kind: Literal["command-says"] = "command-says"
    argv: Annotated[tuple[Argument, ...], Field(min_length=1)]
    line: str = ""
    contains: str = ""


class UnitActive(CheckBase):
    """A unit is active and stays so for `seconds` without a restart (or is inactive, with active=False)."""

    kind: Literal["unit-active"] = "unit-active"
    name: UnitName
    active: bool = True
    seconds: float = 5.0


class AddressUp(CheckBase):
    """An interface has an address (with prefix; "" any, from DHCP) and the default route goes over `gateway`."""

    kind: Literal["address-up"] = "address-up"
    interface: str
    address: str = ""
    gateway: str = ""


class Answers(CheckBase):
    """A host answers on the network: ping, or a TCP connection with `port`."""

    kind: Literal["answers"] = "answers"
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] | None = None


Check: TypeAlias = Annotated[
    FileValue | PathIs | CommandSays | UnitActive | AddressUp | Answers, Field(discriminator="kind")
]
