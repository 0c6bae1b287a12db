"""A plan: the steps from what is to what is wanted, the checks that prove it, and what can't be done and why. It is
pure data, made by a module's `plan(state, settings, others)`, and is stored as JSON beside its job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from pydantic import Field, model_validator

from pi_installer_tui.tasks.checks import Check
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.steps import Probation, Reboot, Step
from pi_installer_tui.tasks.steps.probation import Confirmation, without_probation

VERSION = 1


class Blocked(Frozen):
    """A setting that is wanted but can't be planned, and why, in words: its present value is unknown, its owner isn't
    supported."""

    setting: str
    why: str


class Notice(Frozen):
    """Something to know before agreeing, in words: what will not come back, what becomes true only after a reboot."""

    setting: str
    text: str


class Asked(Frozen):
    """The action that a plan carries out: whose, which, and what it was told (no secrets: they are references)."""

    module: str
    action: str
    arguments: dict[str, Any] = {}


class Plan(Frozen):
    """Steps in the order they run.

    settings: the setup file's document that was planned (no secrets: they are references).
    asked:    the action that was planned instead of settings.
    expects:  filled in by `review.seal`: for each step what it found, compared again by the worker under the lock.
    undoes:   the job that this plan takes back.
    ports:    those that are in use by what the plan is about (`22/tcp`), as the modules say.
    lane:     `change`: one job at a time changes the machine; `work`: a backup, a verification: beside a change, one at
              a time of each `name`.
    """

    version: int = VERSION
    modules: tuple[str, ...] = ()
    settings: dict[str, Any] = {}
    asked: Asked | None = None
    steps: tuple[Step, ...] = ()
    checks: tuple[Check, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    notices: tuple[Notice, ...] = ()
    expects: dict[str, dict[str, str]] = {}
    undoes: str = ""
    ports: tuple[str, ...] = ()
    lane: Literal["change", "work"] = "change"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")] | Literal[""] = ""

    @property
    def flat(self) -> tuple[Step, ...]:
        """Every step in the order they run; one that wraps others comes before them."""
        return tuple(each for step in self.steps for each in (step, *cast("tuple[Step, ...]", step.inner())))

    @property
    def trials(self) -> tuple[Probation, ...]:
        """The steps that put others on probation."""
        return tuple(step for step in self.steps if isinstance(step, Probation))

    def to_be_confirmed(self, how: Confirmation) -> Plan:
        """The same plan, what is on probation confirmed in this way: by the peers that are named, or by those of the
        module's. To be reviewed afterwards. Raises ValueError."""
        if how.by == "none":
            return self.model_copy(update={"steps": without_probation(self.steps)})
        change = {"confirm": how.by, "seconds": how.seconds}
        steps = [
            step.model_copy(update={**change, "peers": how.peers or step.peers})
            if isinstance(step, Probation)
            else step
            for step in self.steps
        ]
        return self.model_copy(update={"steps": tuple(steps)})

    def without(self, steps: Iterable[str]) -> Plan:
        """The same plan without these steps and without those that need them, and without the checks of settings for
        which nothing is left to be done. To be reviewed afterwards."""
        gone = set(steps)
        kept: list[Step] = []
        for step in self.steps:
            if isinstance(step, Probation):
                inner = []
                for each in step.steps:
                    if each.id in gone or gone.intersection(each.needs):
                        gone.add(each.id)
                    else:
                        inner.append(each)
                step = step.model_copy(update={"steps": tuple(inner)})
                if not inner:
                    gone.add(step.id)
            if step.id in gone or gone.intersection(step.needs):
                gone.update(each.id for each in (step, *cast("tuple[Step, ...]", step.inner())))
            else:
                kept.append(step)
        settings = {each.setting for step in kept for each in cast("tuple[Step, ...]", step.inner()) or (step,)}
        lost = {step.setting for step in self.flat if step.id in gone} - settings
        checks = tuple(check for check in self.checks if check.setting not in lost)
        return self.model_copy(update={"steps": tuple(kept), "checks": checks, "expects": {}})

    @property
    def empty(self) -> bool:
        """Nothing to do."""
        return not self.steps

    @model_validator(mode="after")
    def _sound(self) -> Plan:
        seen: set[str] = set()
        for step in self.flat:
            if step.id in seen:
                raise ValueError(f"two steps are called {step.id}")
            if missing := set(step.needs) - seen:
                raise ValueError(f"step {step.id} needs {sorted(missing)[0]}, which doesn't come before it")
            seen.add(step.id)
        if (self.lane == "work") != bool(self.name):
            raise ValueError("work has a name, and nothing else has one")
        return self


def merge(plans: Iterable[Plan], settings: Mapping[str, Any], ports: Iterable[str] = ()) -> Plan:
    """One plan out of several modules', in the order given; but what is on probation comes after all else, the last
    module's first, for what all others stand on (the network) changes last, and a reboot ends it."""
    parts = tuple(plans)
    return Plan(
        modules=tuple(m for p in parts for m in p.modules),
        settings=dict(settings),
        steps=_ordered([p.steps for p in parts]),
        ports=tuple(dict.fromkeys(ports)),
        checks=tuple(c for p in parts for c in p.checks),
        blocked=tuple(b for p in parts for b in p.blocked),
        notices=tuple(n for p in parts for n in p.notices),
    )


def _ordered(parts: Sequence[tuple[Step, ...]]) -> tuple[Step, ...]:
    first: list[Step] = []
    trials: list[list[Step]] = []
    reboots: list[Step] = []
    for steps in parts:
        late: dict[str, list[Step]] = {}
        mine: list[Step] = []
        for step in steps:
            waited = next((late[need] for need in step.needs if need in late), None)
            if isinstance(step, Reboot):
                where = reboots
            elif isinstance(step, Probation):
                where = mine if waited is None else waited
            else:
                where = first if waited is None else waited
            where.append(step)
            if where is not first:
                late.update({each.id: where for each in (step, *cast("tuple[Step, ...]", step.inner()))})
        trials.insert(0, mine)
    return (*first, *(step for steps in trials for step in steps), *reboots)


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong in the input, with its place: `system.network.eth0.gateway`."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


@dataclass(frozen=True, slots=True)
class OpenPort:
    """What a module needs of the firewall, whose owner grants it while it filters. name: the rule's, no other module's;
    setting: what it is for. protocol and port: what comes in there; interface: what comes over it, to this machine or,
    with `passed_on`, through it to others. on: False: it isn't needed any more."""

    name: str
    setting: str
    protocol: str = ""
    port: int = 0
    interface: str = ""
    passed_on: bool = False
    on: bool = True


@dataclass(frozen=True, slots=True)
class Others:
    """What the modules of the same run offer and need, as typed data, what the run will create included. A need gets a
    field here when the first module has it."""

    modules: tuple[str, ...] = ()
    #: the names of the secrets that were given with the run
    secrets: frozenset[str] = frozenset()
    #: those of them that are empty: the job is to make them
    to_make: frozenset[str] = frozenset()
    #: what the modules need of the firewall
    open_ports: tuple[OpenPort, ...] = ()
