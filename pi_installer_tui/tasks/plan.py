"""A plan: the steps from what is to what is wanted, the checks that prove it, and what can't be done and why. It is
pure data, made by a module's `plan(state, settings, others)`, and is stored as JSON beside its job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import model_validator

from pi_installer_tui.tasks.checks import Check
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.steps import Probation, Step
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

    @property
    def flat(self) -> tuple[Step, ...]:
        """Every step in the order they run; one that wraps others comes before them."""
        return tuple(each for step in self.steps for each in (step, *cast("tuple[Step, ...]", step.inner())))

    @property
    def trials(self) -> tuple[Probation, ...]:
        """The steps that put others on probation."""
        return tuple(step for step in self.steps if isinstance(step, Probation))

    def to_be_confirmed(self, how: Confirmation) -> Plan:
        """The same plan, what is on probation confirmed in this way. To be reviewed afterwards. Raises ValueError."""
        if how.by == "none":
            return self.model_copy(update={"steps": without_probation(self.steps)})
        change = {"confirm": how.by, "seconds": how.seconds, "peers": how.peers}
        return self.model_copy(
            update={
                "steps": tuple(
                    step.model_copy(update=change) if isinstance(step, Probation) else step for step in self.steps
                )
            }
        )

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
        return self


def merge(plans: Iterable[Plan], settings: Mapping[str, Any]) -> Plan:
    """One plan out of several modules', in the order given."""
    parts = tuple(plans)
    return Plan(
        modules=tuple(m for p in parts for m in p.modules),
        settings=dict(settings),
        steps=tuple(s for p in parts for s in p.steps),
        checks=tuple(c for p in parts for c in p.checks),
        blocked=tuple(b for p in parts for b in p.blocked),
        notices=tuple(n for p in parts for n in p.notices),
    )


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong in the input, with its place: `system.network.eth0.gateway`."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


@dataclass(frozen=True, slots=True)
class Others:
    """What the modules of the same run offer and need, as typed data, what the run will create included. A need gets a
    field here when the first module has it."""

    modules: tuple[str, ...] = ()
    #: the names of the secrets that were given with the run
    secrets: frozenset[str] = frozenset()
