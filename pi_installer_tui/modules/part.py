"""What one setting adds to a module's plan."""

from __future__ import annotations

from dataclasses import dataclass, field

from pi_installer_tui.modules.base import Settings
from pi_installer_tui.tasks.checks import Check
from pi_installer_tui.tasks.plan import Blocked, Notice, Plan
from pi_installer_tui.tasks.steps import Step


@dataclass
class Part:
    """What one setting adds to the plan."""

    setting: str
    steps: list[Step] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def block(self, why: str) -> Part:
        """Nothing is done for this setting, and this is why."""
        self.steps, self.checks, self.notices = [], [], []
        self.blocked.append(Blocked(setting=self.setting, why=why))
        return self

    def notice(self, text: str) -> None:
        """Something to know before agreeing."""
        self.notices.append(Notice(setting=self.setting, text=text))

    def ids(self) -> tuple[str, ...]:
        """All steps so far, for one that needs them."""
        return tuple(s.id for s in self.steps)

    def plan(self, settings: Settings) -> Plan:
        """The whole plan of a module, whose name is the setting."""
        return Plan(
            modules=(self.setting,),
            settings={self.setting: settings.model_dump(mode="json", exclude_none=True)},
            steps=tuple(self.steps),
            checks=tuple(self.checks) if self.steps else (),
            blocked=tuple(self.blocked),
            notices=tuple(self.notices) if self.steps else (),
        )

    @property
    def settled(self) -> bool:
        """The machine is so already."""
        return not self.steps and not self.blocked
