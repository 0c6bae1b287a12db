"""Plans the way back from a job: its journal and its before/ folder tell what to restore. What somebody changed since
is not overwritten; the plan names it, with the difference."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import cast

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.checks import PathIs
from pi_installer_tui.tasks.events import StepDone, StepFailed
from pi_installer_tui.tasks.fingerprints import MISSING, fingerprint
from pi_installer_tui.tasks.plan import Blocked, Notice, Plan
from pi_installer_tui.tasks.steps import (
    Account,
    InstallPackages,
    KeepAddress,
    Probation,
    Reboot,
    Restore,
    RunCommand,
    Step,
    Unit,
)
from pi_installer_tui.tasks.steps.base import Risk
from pi_installer_tui.tasks.steps.data import listed
from pi_installer_tui.tasks.steps.diff import unified
from pi_installer_tui.tasks.steps.files import look
from pi_installer_tui.tasks.steps.probation import Wrapped
from pi_installer_tui.tasks.steps.restore import FILE_STEPS
from pi_installer_tui.tasks.store import OF_RUNS, JobSummary, Store

#: lines of a difference that are shown with what can't be given back
LINES = 60
_PREFIXES = ("undo-", "redo-", "again-")


@dataclass
class _Left:
    """What a job left: the last fingerprint of each path, and steps of which nobody knows (cut off amid)."""

    after: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    unsure: set[str] = field(default_factory=set)


async def plan_undo(store: Store, job: str, host: Host, *, delete_data: bool = False) -> Plan:
    """The plan that takes a job back. Nothing is changed by planning. Raises KeyError, HostError.

    delete_data: packages that the job brought in are purged with the data that was made since.
    """
    summary = store.summary(job)
    about = store.about(job)
    plan = store.plan(job)
    if summary.status in ("queued", "running", "waiting"):
        return _refused(plan, job, _("the job hasn't ended yet"))
    if summary.probation:
        return _refused(plan, job, _("its change is on probation: cancelling the job takes that back"))
    if summary.undone_by:
        return _refused(plan, job, _("job {job} has taken it back already").format(job=summary.undone_by))
    if (about.host_kind, about.host_address) != (host.kind, host.address):
        return _refused(plan, job, _("the job was run on another machine"))
    left = _left(store, job, plan)
    later = [
        each
        for each in store.jobs()
        if each.number > summary.number and each.changed and not each.undone_by and each.lane == "change"
    ]
    return await _Undo(store, job, host, plan, left, later, delete_data).plan()


def keeps_data(plan: Plan) -> tuple[str, ...]:
    """The data, by name and size, for the sake of which a planned undo doesn't purge packages."""
    keeping = {step.setting for step in plan.steps if isinstance(step, Restore) and step.data == "keep"}
    return tuple(notice.text for notice in plan.notices if notice.setting in keeping)


class _Undo:
    """The planning of one undo."""

    def __init__(
        self,
        store: Store,
        job: str,
        host: Host,
        plan: Plan,
        left: _Left,
        later: list[JobSummary],
        delete_data: bool,
    ) -> None:
        self._store = store
        self._job = job
        self._host = host
        self._old = plan
        self._left = left
        self._later = later
        self._delete_data = delete_data
        self._blocked: list[Blocked] = []
        self._notices: list[Notice] = []
        #: of each path: its fingerprint before the job, its present one, the settings it serves
        self._original: dict[str, str] = {}
        self._present: dict[str, str] = {}
        self._owner: dict[str, Step] = {}
        #: steps whose files are as before, while folders that they made are still there
        self._folders: set[str] = set()

    async def plan(self) -> Plan:
        stays = await self._what_stays()
        restores = [(each, step) for step in reversed(self._left.steps) if (each := self._restore(step, stays))]
        restored = {path: step for restore, step in restores for path in restore.files}
        steps: list[Step] = [await self._with_data(restore, step, restored) for restore, step in restores]
        if steps:
            steps += [again for step in self._left.steps if (again := _again(step)) is not None]
            steps = _packages_last(_on_probation(_numbered(steps), self._old))
        brought = self._by_packages()
        return Plan(
            modules=self._old.modules,
            steps=tuple(steps),
            checks=tuple(
                PathIs(id=f"path-{number}", setting=step.setting, path=path, fingerprint=self._original[path])
                for number, (path, step) in enumerate(restored.items(), 1)
                if step.id not in brought
            ),
            blocked=tuple(self._blocked),
            notices=tuple(self._notices),
            undoes=self._job,
        )

    def _by_packages(self) -> set[str]:
        """Steps that need packages which this job brought in. What they kept is what the packages came with, and goes
        with them: it can't be asked for afterwards."""
        found: set[str] = set()
        for step in self._left.steps:
            if isinstance(step, InstallPackages) or found & set(step.needs):
                found.add(step.id)
        return found

    async def _what_stays(self) -> set[str]:
        """The paths that aren't given back: they are as before already, or somebody has changed them since."""
        for step in self._left.steps:
            before = self._store.before(self._job, step.id)
            for path in before.paths():
                self._original.setdefault(path, before.fingerprint(path))
                self._owner[path] = step
            if any([await self._host.stat(folder) is not None for folder in before.get("parents") or ()]):
                self._folders.add(step.id)
        stays: set[str] = set()
        for path, original in self._original.items():
            present = self._present[path] = await fingerprint(self._host, path)
            if present == original:
                stays.add(path)
            elif path not in self._left.unsure and present != self._left.after.get(path, present):
                stays.add(path)
                await self._block(path)
        # folders that the job made go away, if nothing else is in them by now; the deepest first
        for path in sorted(self._original, key=lambda path: path.count("/"), reverse=True):
            made = self._original[path] == MISSING and self._present[path].startswith("directory:")
            if path in stays or not made:
                continue
            inside = {f"{path}/{name}" for name in await self._host.listdir(path)}
            others = [name for name in sorted(inside) if name in stays or self._original.get(name) != MISSING]
            if others:
                stays.add(path)
                self._say(path, _("{path} stays: {others} is in it").format(path=path, others=", ".join(others[:5])))
        return stays

    def _restore(self, step: Step, stays: set[str]) -> Restore | None:
        """The step that takes `step` back, None where there is nothing to do or it can't be done."""
        before = self._store.before(self._job, step.id)
        only_files = _first_kind(step) in FILE_STEPS
        files = tuple(path for path in before.paths() if path not in stays or not only_files)
        if only_files and not files and step.id not in self._folders:
            return None
        if not only_files:
            changed = [path for path in files if path in stays and self._present[path] != self._original[path]]
            if changed:
                why = _("{step}: stays, with {paths}").format(step=step.describe(), paths=", ".join(changed))
                self._blocked.append(Blocked(setting=step.setting, why=why))
                return None
            if self._needed_later(step):
                return None
            if not files and not {*before.values} - OF_RUNS and not _can_be_undone(step):
                if not step.activates and not _taken_back_by_others(step):
                    text = _("{step}: can't be taken back").format(step=step.describe())
                    self._notices.append(Notice(setting=step.setting, text=text))
                return None
        if step.id in self._left.unsure:
            text = _("{step}: the job was cut off in the middle of it; what is there now is replaced")
            self._notices.append(Notice(setting=step.setting, text=text.format(step=step.describe())))
        return Restore(
            id=_name(step),
            setting=step.setting,
            risks=_risks_back(step),
            sensitive=step.sensitive,
            state=str(self._store.root.absolute()),
            job=self._job,
            step=step.id,
            files=files,
        )

    async def _with_data(self, restore: Restore, step: Step, given_back: Collection[str]) -> Restore:
        """The same, told what to do with the data that packages made since, which is named."""
        first = restore.first()
        if not isinstance(first, InstallPackages | Account) or not restore.takes_back():
            return restore
        restore = restore.model_copy(update={"given_back": tuple(given_back)})
        first = first.model_copy(update={"given_back": restore.given_back})
        found = await first.made_since(self._host, self._store.before(self._job, step.id))
        data = listed(each for each in found if not each.beside)
        beside = listed(each for each in found if each.beside)
        packages = " ".join(first.packages) if isinstance(first, InstallPackages) else first.name
        told: list[str] = []
        if data and not self._delete_data:
            restore = restore.model_copy(update={"data": "keep"})
            told.append(
                _("{packages}: removed, not purged, so that this stays: {data}")
                if isinstance(first, InstallPackages)
                else _("{packages}: the account goes; this stays: {data}")
            )
        elif data or beside:
            told.append(
                _("{packages}: purged; that deletes for good {data}")
                if isinstance(first, InstallPackages)
                else _("{packages}: the account goes; that deletes for good {data}")
            )
            data = ", ".join(filter(None, (data, beside)))
        if data and self._delete_data:
            risks = (*restore.risks, *(() if "irreversible" in restore.risks else ("irreversible",)))
            restore = restore.model_copy(update={"data": "delete", "risks": risks})
        for text in told:
            said = text.format(packages=packages, data=data)
            self._notices.append(Notice(setting=step.setting, text=said))
        return restore

    def _needed_later(self, step: Step) -> bool:
        """Whether a later job of ours builds on what isn't a file; it is named then."""
        if not isinstance(step, InstallPackages | Unit):
            return False
        for each in self._later:
            for other in self._store.plan(each.id).flat:
                if isinstance(step, InstallPackages) and isinstance(other, InstallPackages):
                    shared = ", ".join(sorted(set(step.packages) & set(other.packages)))
                elif isinstance(step, Unit) and isinstance(other, Unit) and not _only_activates(other):
                    shared = step.name if step.name == other.name and not _only_activates(step) else ""
                else:
                    continue
                if shared:
                    why = _("{what} stays: job {job} needs it since").format(what=shared, job=each.id)
                    self._blocked.append(Blocked(setting=step.setting, why=why))
                    return True
        return False

    async def _block(self, path: str) -> None:
        """Says that a path stays because somebody changed it since, who, and how."""
        who = next((each.id for each in self._later if self._left_by(each.id, path) == self._present[path]), "")
        if who:
            why = _("{path} stays as it is: job {job} has changed it since").format(path=path, job=who)
        else:
            why = _("{path} stays as it is: somebody has changed it since").format(path=path)
        difference = _("(secret, changed)") if self._owner[path].sensitive else await self._difference(path)
        self._say(path, f"{why}\n{difference}".rstrip())

    async def _difference(self, path: str) -> str:
        """From what the job left, where a copy of that was kept, else from what was before it, to what is now."""
        kept = self._store.after(self._job, self._owner[path].id)
        if path not in kept.paths():
            kept = next(
                before
                for step in self._left.steps
                if path in (before := self._store.before(self._job, step.id)).paths()
            )
        lines = unified(path, kept.seen(path), await look(self._host, None, path)).splitlines()
        if len(lines) > LINES:
            lines[LINES:] = [_("... {count} more lines").format(count=len(lines) - LINES)]
        return "\n".join(lines)

    def _left_by(self, job: str, path: str) -> str:
        return _after(self._store, job).get(path, "")

    def _say(self, path: str, why: str) -> None:
        self._blocked.append(Blocked(setting=self._owner[path].setting, why=why))


def _refused(plan: Plan, job: str, why: str) -> Plan:
    return Plan(modules=plan.modules, blocked=(Blocked(setting="", why=why),), undoes=job)


def _left(store: Store, job: str, plan: Plan) -> _Left:
    """What the journal says that the job changed, or may have."""
    progress = store.progress(job)
    left = _Left(after=_after(store, job))
    changed = {*progress.changed, progress.in_flight} - {""}
    for step in plan.flat:
        before = store.before(job, step.id)
        if step.id in changed and (before.complete or step.id in progress.changed):
            left.steps.append(step)
            if step.id == progress.in_flight:
                left.unsure.update((step.id, *before.paths()))
    for each in reversed(store.jobs()):
        if each.undoes == job and each.status != "done":  # a way back that was gone in part
            left.after.update(_after(store, each.id))
            if each.status == "interrupted" and each.step:
                left.unsure.update(store.before(each.id, each.step).paths())
    return left


def _after(store: Store, job: str) -> dict[str, str]:
    """The fingerprint that each path had when the job was through with it."""
    after: dict[str, str] = {}
    for event in store.events(job):
        if isinstance(event, StepDone | StepFailed):
            after.update(event.after)
    return after


def _first_kind(step: Step) -> str:
    return step.first().kind if isinstance(step, Restore) else step.kind


def _risks_back(step: Step) -> tuple[Risk, ...]:
    """What taking a step back may do: packages that came are removed, and those that went are downloaded again."""
    if _first_kind(step) not in ("install-packages", "remove-packages"):
        return step.risks
    back: dict[Risk, Risk] = {"download": "packages-removed", "packages-removed": "download"}
    return tuple(back.get(risk, risk) for risk in step.risks)


def _only_activates(unit: Unit) -> bool:
    return unit.enabled is None and unit.active is None


def _can_be_undone(step: Step) -> bool:
    """Whether its undo does something although it kept nothing."""
    return isinstance(step, Restore) or (isinstance(step, RunCommand) and bool(step.undo_argv))


def _taken_back_by_others(step: Step) -> bool:
    """Whether there is nothing of its own to be taken back, so that nothing has to be said about it."""
    return isinstance(step, KeepAddress | Probation | Reboot) or (isinstance(step, RunCommand) and step.covered)


def _on_probation(steps: list[Step], old: Plan) -> list[Step]:
    """What takes back steps that were on probation is on probation itself, at the end of the plan."""
    trials = [step for step in old.steps if isinstance(step, Probation)]
    were = {inner.id for trial in trials for inner in trial.steps}
    again = {_base(inner) for trial in trials for inner in trial.steps}
    wrapped = [step for step in steps if (step.step in were if isinstance(step, Restore) else _base(step) in again)]
    if not wrapped:
        return steps
    gone = [place for trial in trials for place in trial.reaches if place.address]
    stays = [
        KeepAddress(id=f"{_base(trials[0])[:100]}.keep-{n}", interface=place.interface, address=place.address)
        for n, place in enumerate(gone, 1)
    ]
    ids = {step.id for step in wrapped}
    trial = Probation(
        id=f"undo-{_base(trials[0])}"[:121],
        setting=trials[0].setting,
        risks=trials[0].risks,
        cuts=trials[0].cuts,
        steps=tuple(cast("list[Wrapped]", [*wrapped, *stays])),
        seconds=trials[0].seconds,
        reaches=tuple(place for trial in trials for place in trial.leaves),
        leaves=tuple(gone),
        login=next((trial.login.reversed() for trial in trials if trial.login is not None), None),
    )
    return [*(step for step in steps if step.id not in ids), trial]


def _packages_last(steps: list[Step]) -> list[Step]:
    """Packages that came go after what makes take effect what was put back, for that may be by their programs
    (`ufw reload`)."""
    if not any(isinstance(step, Probation) or step.id.startswith("again-") for step in steps):
        return steps
    packages = [s for s in steps if s.id.startswith("undo-") and _first_kind(s) == "install-packages"]
    return [*(step for step in steps if step not in packages), *packages]


def _again(step: Step) -> Step | None:
    """The part of a step that makes others take effect, to be run after they were put back."""
    activation = step.activation()
    if activation is None:
        return None
    return cast("Step", activation.model_copy(update={"id": f"again-{_base(step)}"[:121], "needs": ()}))


def _base(step: Step) -> str:
    """A step's id without what we put before it."""
    name = step.id
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _name(step: Step) -> str:
    prefix = "redo" if isinstance(step, Restore) and step.takes_back() else "undo"
    return f"{prefix}-{_base(step)}"[:121]


def _numbered(steps: Iterable[Step]) -> list[Step]:
    """Ids that are there once."""
    seen: set[str] = set()
    result: list[Step] = []
    for step in steps:
        name, number = step.id, 1
        while name in seen:
            number += 1
            name = f"{step.id[:115]}-{number}"
        seen.add(name)
        result.append(step if name == step.id else step.model_copy(update={"id": name}))
    return result
