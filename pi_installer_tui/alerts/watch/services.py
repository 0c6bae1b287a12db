"""Services: those that failed, and those that should run and don't, by one `systemctl show` for all rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from pi_installer_tui.alerts.child import Child
from pi_installer_tui.alerts.config import Rule
from pi_installer_tui.alerts.watch import Kept, Reading, Readings

LIMIT = 20.0  # seconds; systemd answers in milliseconds
PROPERTIES = (
    "Id",
    "Names",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Type",
    "Result",
    "ConditionResult",
    "TriggeredBy",
)
_SUFFIXES = (".service", ".socket", ".timer", ".mount", ".path", ".target", ".swap", ".automount", ".slice", ".scope")


def unit(of: str) -> str:
    """A unit's whole name: `ssh` is `ssh.service`."""
    return of if of.endswith(_SUFFIXES) else f"{of}.service"


def parse(output: str) -> list[dict[str, str]]:
    """The blocks of `systemctl show`, one a unit."""
    blocks = []
    for block in output.split("\n\n"):
        found = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if found:
            blocks.append(found)
    return blocks


def judge(shown: Mapping[str, str]) -> Reading:
    """1: the unit failed, or isn't active though it is enabled; 0: as it should be (systemctl(1), systemd.unit(5))."""
    state, sub = shown.get("ActiveState", ""), shown.get("SubState", "")
    if shown.get("LoadState") == "not-found":
        return Reading(None, "not-found")
    if shown.get("LoadState") == "masked":
        return Reading(0.0, "masked")
    detail = f"{state} ({sub})"
    if state == "failed" or sub in ("failed", "auto-restart", "auto-restart-queued"):
        return Reading(1.0, f"{detail}, {shown.get('Result', '')}")
    if state in ("inactive", "deactivating") and shown.get("UnitFileState") in ("enabled", "enabled-runtime"):
        # one that has done its work, waits for its trigger (its name on D-Bus too), or isn't meant for this machine
        # rests rightly
        done = shown.get("Type") in ("oneshot", "dbus") and shown.get("Result") == "success"
        if not (done or shown.get("TriggeredBy") or shown.get("ConditionResult") == "no"):
            return Reading(1.0, detail)
    return Reading(0.0, detail)


class Services:
    """Rules on services. `of` may be a pattern (`docker*`, `*`): each unit that runs or failed for itself."""

    def __init__(self, rules: Iterable[Rule], pace: float) -> None:
        self.pace = pace
        self._asked: Sequence[str] = sorted({unit(rule.of) for rule in rules})
        self._due = 0.0
        self._child: Child | None = None
        self._kept: dict[str, Kept] = {}
        self._names: dict[str, frozenset[str]] = {}

    def look(self, at: float, now: float) -> None:
        if self._child is not None and (ended := self._child.look(now)) is not None:
            self._child = None
            self._take(ended.output if ended.status == 0 else "", ended.error, now)
        if self._child is None and now >= self._due:
            self._due = now + self.pace
            argv = ["systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", *self._asked]
            self._child = Child(argv, now, LIMIT, env={"LC_ALL": "C.UTF-8"})

    def _take(self, output: str, error: str, now: float) -> None:
        seen = set()
        for block in parse(output):
            name = block.get("Id", "")
            seen.add(name)
            self._names[name] = frozenset((name, *block.get("Names", "").split()))
            self._kept.setdefault(name, Kept(self.pace)).put(judge(block), now)
        for name in self._kept.keys() - seen:
            # a pattern no longer finds what was unloaded: systemd forgets units that are at rest and didn't fail
            gone = Reading(0.0, "inactive") if output else Reading(None, error.strip()[:300])
            self._kept[name].put(gone, now)

    def readings(self, rule: Rule, at: float, now: float) -> Readings | None:
        wanted = unit(rule.of)
        found: dict[str, Reading] = {}
        for name, names in self._names.items():
            if wanted in names or any(fnmatchcase(each, wanted) for each in names):
                reading = self._kept[name].get(now)
                if reading is not None:
                    found[wanted if wanted in names else name] = reading
        return found or None

    def close(self) -> None:
        if self._child is not None:
            self._child.stop()
