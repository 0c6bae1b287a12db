"""What every module is to the rest of the program: five verbs over one settings model, and its actions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel

from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Value
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.plan import Mistake, OpenPort, Others, Plan


class Settings(Frozen):
    """The base of a module's settings. Every field has a default of None (left alone), a `title` and a `description`
    marked with N_(); `json_schema_extra` may say how a form shows it:

    choices: "timezones"   the choices are state.choices("timezones")
    unit: "s"              a number's unit
    widget: "address" | "interface" | "secret" | "text"; of a list: "lines", where its entries have blanks in them
    made: true             of a secret: an empty one is made by the job, and shown once
    """


class Arguments(Frozen):
    """The base of what an action is told. A field without a default has to be given; each has a `title` and a
    `description`, and `json_schema_extra` as a setting has. On the command line every value is text (`KEY=VALUE`): a
    list's items stand between commas (of one with the widget `lines` between semicolons), a switch is true or false."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of what a module's screen shows as `what is`. setting: the path inside the module ("" for a fact that
    can't be set); title: a translated label; values are translated and short."""

    setting: str
    title: str
    value: Value[Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a module has to say in the wizard.

    wanted: sensible values for the goals, as a setup file has them, without what the machine is already.
    asked:  the settings of its short form, as paths with dots; all others stand behind `more`.
    remark: what to know before filling in its form, in words.
    memory, disk: bytes that it takes beside what is there. architectures: Debian's names, where not all will do.
    """

    wanted: Mapping[str, Any] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    remark: str = ""
    memory: int = 0
    disk: int = 0
    architectures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What only one can have. kind: `port` (what: `22/tcp`) or `subnet` (`192.168.1.0/24`). setting: where it is set,
    inside the module; title: who it is for. programs: the processes that may have the port already."""

    kind: Literal["port", "subnet"]
    what: str
    setting: str
    title: str
    programs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Link:
    """Where something runs now. address: a URL or a command, in which {user} and {host} stand for the person and each
    address of the machine; what: in words."""

    address: str
    what: str


def has_setting(model: type[BaseModel], path: str) -> bool:
    """Whether a settings model has the field at a path of names with dots."""
    name, _dot, rest = path.partition(".")
    found = model.model_fields.get(name)
    if found is None or not rest:
        return found is not None
    kinds = [found.annotation, *get_args(found.annotation)]
    return any(isinstance(k, type) and issubclass(k, BaseModel) and has_setting(k, rest) for k in kinds)


S = TypeVar("S")  # the module's state
C = TypeVar("C", bound=Settings)


class Module(ABC, Generic[S, C]):
    """A module. `Module` objects are stateless."""

    name: str

    @property
    @abstractmethod
    def settings(self) -> type[C]:
        """The settings model (imported when asked for)."""

    @abstractmethod
    async def read(self, host: Host) -> S:
        """What is. Never raises for what the machine lacks: that is Missing or Unknown in the state."""

    async def read_summary(self, host: Host) -> S:
        """Of what is that which `summary` tells of, for Home; the rest may be missing."""
        return await self.read(host)

    @abstractmethod
    def present(self, state: S) -> C:
        """The settings that describe the machine as it is: planning them gives an empty plan."""

    @abstractmethod
    def facts(self, state: S) -> Sequence[Fact]:
        """The state as lines to show."""

    @abstractmethod
    def summary(self, state: S) -> str:
        """One translated phrase for Home: `attic, Europe/Berlin, NetworkManager`."""

    @abstractmethod
    def state_json(self, state: S) -> dict[str, Any]:
        """The state for `status --json`: every value as {configured, effective, pending, owner, source}, a value
        that is missing as null, one that is unknown as {"unknown": reason}."""

    def choices(self, state: S, name: str) -> Sequence[str]:
        """The choices that a field names (`choices="timezones"`)."""
        return ()

    async def complete(self, host: Host, settings: C) -> tuple[C, Sequence[Mistake]]:
        """The settings with what they only name: the content of a file. Nothing is looked up twice, so what was
        reviewed is what was read."""
        return settings, ()

    @abstractmethod
    def validate(self, state: S, settings: C) -> Sequence[Mistake]:
        """Mistakes that only this machine's state shows: an interface that isn't there, a zone it doesn't know."""

    def offer(self, state: S, goals: frozenset[str]) -> Offer:
        """What it proposes for a machine that is to be this (names of modules/goals.py; none: nothing yet)."""
        return Offer()

    def claims(self, state: S, settings: C) -> Sequence[Claim]:
        """What the machine will have of what only one can have, by these settings."""
        return ()

    def needs(self, state: S, settings: C) -> Sequence[OpenPort]:
        """What it needs of the firewall with these settings. The table's line of a module that has needs says so."""
        return ()

    def links(self, state: S) -> Sequence[Link]:
        """Where what it manages can be reached now, for the report."""
        return ()

    async def probe(self, host: Host, state: S, settings: C) -> Sequence[Mistake]:
        """Mistakes that have to be asked of the outside: an address that somebody else has."""
        return ()

    async def judge(self, host: Host, state: S, settings: C, secrets: Mapping[str, str]) -> Sequence[Mistake]:
        """Mistakes in the secrets that were given with the run, by the names that the settings hold: a password that
        the machine's rules refuse. Nothing of a value gets into a mistake."""
        return ()

    async def look_further(self, host: Host, state: S, settings: C) -> S:
        """The state with what has to be known besides because of these settings, for what the plan says of them. It may
        take some seconds; nothing of it stops the plan."""
        return state

    @abstractmethod
    def plan(self, state: S, settings: C, others: Others) -> Plan:
        """The way from state to settings. Pure: no I/O, no clock, no randomness. Empty when all is as wanted."""

    # actions: those that the table in modules/__init__.py lists -------------------------------------------------------

    def arguments(self, action: str) -> type[Arguments]:
        """What an action is told (imported when asked for). Raises KeyError."""
        raise KeyError(action)

    async def read_for(self, host: Host, action: str, told: Arguments | None = None) -> S:
        """What is, with what only an action has to know of the machine. told: None while its form is filled in."""
        return await self.read(host)

    def validate_action(self, state: S, action: str, arguments: Arguments) -> Sequence[Mistake]:
        """Mistakes that only this machine's state shows; their place is the argument's name."""
        return ()

    def action_needs(self, state: S, action: str, arguments: Arguments) -> Sequence[OpenPort]:
        """What an action needs of the firewall."""
        return ()

    def given(self, state: S, secrets: frozenset[str]) -> S:
        """The state for an action that comes with secrets, by their names: what has one already is to get another."""
        return state

    def plan_action(self, state: S, action: str, arguments: Arguments) -> Plan:
        """What an action does. As pure as `plan`; empty where there is nothing to do. Its steps' setting is
        `module.action`. Raises KeyError."""
        raise KeyError(action)
