"""The wizard without its screens: what is proposed for goals, what stands in the way, and the answers, kept.

goals ──► proposals ──► documents (as a setup file has them) ──► draft of the plan, advice ──► planning.plan
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from pi_installer_tui import modules, planning, setup_file
from pi_installer_tui.i18n import _
from pi_installer_tui.modules import goals as for_what
from pi_installer_tui.modules.base import Claim, Offer
from pi_installer_tui.system.machine import Machine
from pi_installer_tui.system.reading import known
from pi_installer_tui.system.sockets import Socket
from pi_installer_tui.tasks.journal import write_file
from pi_installer_tui.tasks.plan import Mistake, Others, Plan, merge
from pi_installer_tui.tasks.risks import sentences
from pi_installer_tui.tasks.words import size

VERSION = 1
#: the answers below the state directory
KEPT = "wizard.json"

#: bytes: below these a machine is short of memory, or of room for its own updates
LITTLE_MEMORY = 400 * 1024**2
LITTLE_DISK = 1024**3

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Advice:
    """Something to know. tone: `bad` stands in the way. place: in a setup file, "" where it is about no setting."""

    tone: Literal["bad", "warn", "plain"]
    title: str
    text: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered so far. page: where the person is. documents: what is wanted of each module, as a setup file
    has it, mistakes included; secrets are only names."""

    page: str = ""
    goals: tuple[str, ...] = ()
    documents: Mapping[str, Document] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Nothing was answered yet."""
        return not self.goals and not any(self.documents.values())

    def document(self) -> dict[str, Any]:
        """As one setup file."""
        goals = {"goals": list(self.goals)} if self.goals else {}
        wanted = {name: dict(self.documents[name]) for name in self.modules if self.documents.get(name)}
        return {"version": planning.VERSION, **goals, **wanted}

    @property
    def modules(self) -> tuple[str, ...]:
        """Those that are asked for: what serves the goals, and what a setup file brought that was opened."""
        serving = for_what.serving(self.goals)
        return tuple(name for name in modules.names() if name in serving or self.documents.get(name))

    @staticmethod
    def of(document: Document) -> Answers:
        """The answers in a setup file that was read and is sound."""
        names = modules.names()
        found = {name: value for name, value in document.items() if name in names and isinstance(value, Mapping)}
        return Answers("", tuple(document.get("goals") or ()), found)


# keeping ------------------------------------------------------------------------------------------------------------


def keep(state: Path, answers: Answers) -> None:
    """Keeps the answers for the next time. Raises OSError."""
    data = {
        "version": VERSION,
        "page": answers.page,
        "goals": list(answers.goals),
        "documents": {name: dict(value) for name, value in answers.documents.items()},
    }
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(state / KEPT, json.dumps(data, indent=1).encode())


def kept(state: Path) -> Answers | None:
    """The answers that were kept; None where there are none, or none that this version knows. Raises OSError."""
    try:
        data = json.loads((state / KEPT).read_bytes())
        if data["version"] != VERSION:
            return None
        known_goals = {goal.name for goal in for_what.GOALS}
        documents = {name: dict(data["documents"][name]) for name in modules.names() if name in data["documents"]}
        return Answers(str(data["page"]), tuple(g for g in data["goals"] if g in known_goals), documents)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return None


# proposals ----------------------------------------------------------------------------------------------------------


def offers(states: Mapping[str, Any], answers: Answers) -> dict[str, Offer]:
    """What the modules propose for the goals."""
    goals = frozenset(answers.goals)
    return {name: modules.load(name).offer(states[name], goals) for name in answers.modules if name in states}


def proposed(before: Mapping[str, Offer], after: Mapping[str, Offer], answers: Answers) -> Answers:
    """The answers with the proposals of other goals: what a person changed stays, what was only proposed follows."""
    documents: dict[str, Document] = {}
    for name in {**answers.documents, **after}:
        own = _own(answers.documents.get(name, {}), before[name].wanted if name in before else {})
        documents[name] = setup_file.merge(after[name].wanted if name in after else {}, own)
    return replace(answers, documents={name: documents[name] for name in modules.names() if documents.get(name)})


def _own(document: Document, proposal: Document) -> dict[str, Any]:
    """What is in a document and wasn't proposed; a null for each proposal that was taken back."""
    own: dict[str, Any] = {}
    for key in {**document, **proposal}:
        if key not in document:
            own[key] = None
        elif key not in proposal:
            own[key] = document[key]
        elif isinstance(document[key], Mapping) and isinstance(proposal[key], Mapping):
            if below := _own(document[key], proposal[key]):
                own[key] = below
        elif document[key] != proposal[key]:
            own[key] = document[key]
    return own


# the plan so far ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sketch:
    """The plan that the answers make, from what was read when the wizard was opened; nothing is asked for it."""

    plan: Plan = field(default_factory=Plan)
    mistakes: tuple[Mistake, ...] = ()
    claims: tuple[tuple[str, Claim], ...] = ()


def sketch(states: Mapping[str, Any], answers: Answers, secrets: frozenset[str] = frozenset()) -> Sketch:
    """The plan so far, or what is wrong with the answers. A module whose answers are wrong has no steps."""
    settings: dict[str, Any] = {}
    wrong: list[Mistake] = []
    for name in answers.modules:
        if name not in states or not answers.documents.get(name):
            continue
        try:
            settings[name] = planning.validated(name, dict(answers.documents[name]))
        except planning.SetupError as error:
            wrong += error.mistakes
            continue
        wrong += modules.load(name).validate(states[name], settings[name])
    sound = {n: s for n, s in settings.items() if not any(m.place.partition(".")[0] == n for m in wrong)}
    others = Others(modules=tuple(sound), secrets=secrets)
    loaded = {name: modules.load(name) for name in settings}
    claims = [(n, claim) for n, s in settings.items() for claim in loaded[n].claims(states[n], s)]
    plans = [loaded[name].plan(states[name], s, others) for name, s in sound.items()]
    return Sketch(merge(plans, planning.of(sound).document), tuple(dict.fromkeys(wrong)), tuple(claims))


# advice -------------------------------------------------------------------------------------------------------------


def problems(machine: Machine) -> list[Advice]:
    """What is wrong with the machine, before anything is wanted of it."""
    found: list[Advice] = []
    power = known(machine.power)
    if power is not None and (power.now or power.since_boot):
        now = bool(power.now)
        names = ", ".join(power.now or power.since_boot or ())
        found.append(
            Advice(
                "warn",
                _("power"),
                (_("now: {what}.") if now else _("since it started: {what}.")).format(what=names)
                + " "
                + _("The supply or its cable is too weak, or it is too hot: cards are damaged that way."),
            )
        )
    disks = known(machine.disks) or ()
    root = next((disk for disk in disks if disk.mount == "/"), None)
    if root is not None and root.read_only:
        found.append(Advice("bad", _("disk"), _("The root file system is read-only: nothing can be changed.")))
    if root is not None and root.free < LITTLE_DISK:
        said = _("{free} are free on /: an update alone may take more.").format(free=size(root.free))
        found.append(Advice("warn", _("disk"), said))
    memory = known(machine.memory)
    if memory is not None and memory.total < LITTLE_MEMORY:
        said = _("The machine has {size}: large programs will be slow, or fail.").format(size=size(memory.total))
        found.append(Advice("warn", _("memory"), said))
    addresses = known(machine.addresses)
    if addresses is not None and not addresses:
        found.append(Advice("bad", _("network"), _("No address: packages can't be fetched.")))
    architecture = known(machine.architecture)
    if architecture is not None and architecture.mixed:
        said = _("The kernel is {kernel}, the programs are {userland}: packages are those for {userland}.")
        text = said.format(kernel=architecture.kernel, userland=architecture.userland)
        found.append(Advice("plain", _("architecture"), text))
    return found


def advice(machine: Machine, sockets: Sequence[Socket], offered: Mapping[str, Offer], found: Sketch) -> list[Advice]:
    """What stands in the way of the plan, then what to know before it is reviewed."""
    bad = [Advice("bad", _("mistake"), str(mistake), mistake.place) for mistake in found.mistakes]
    said = [*bad, *(Advice("warn", _("left out"), f"{b.setting}: {b.why}", b.setting) for b in found.plan.blocked)]
    said += [*_clashes(found.claims), *_taken(found.claims, sockets), *_room(machine, offered)]
    said += [Advice("warn", _("risk"), text) for text in sentences(r for s in found.plan.flat for r in s.risks)]
    for trial in found.plan.trials:
        text = _("{n} steps go back by themselves unless they are confirmed within {seconds} s.")
        said.append(Advice("warn", _("on probation"), text.format(n=len(trial.steps), seconds=trial.seconds)))
        if trial.leaves:
            moved = _("The machine leaves {old}: log in anew at its new address to confirm that.")
            said.append(
                Advice(
                    "warn",
                    _("address"),
                    moved.format(old=", ".join(place.host or place.interface for place in trial.leaves)),
                )
            )
    said += [Advice("plain", _("know"), notice.text, notice.setting) for notice in found.plan.notices]
    return sorted(said, key=lambda each: ("bad", "warn", "plain").index(each.tone))


def _clashes(claims: Sequence[tuple[str, Claim]]) -> list[Advice]:
    found = []
    for number, (name, one) in enumerate(claims):
        for other_name, other in claims[number + 1 :]:
            if one.kind != other.kind or (name, one.setting) == (other_name, other.setting):
                continue
            if one.kind == "subnet" and name == other_name:
                continue  # two interfaces in one network: that is the person's own
            if one.what == other.what if one.kind == "port" else _overlap(one.what, other.what):
                text = _("{one} and {other} both want {what}.").format(one=one.title, other=other.title, what=one.what)
                found.append(Advice("bad", _("conflict"), text, f"{other_name}.{other.setting}"))
    return found


def _overlap(one: str, other: str) -> bool:
    a, b = ip_network(one, strict=False), ip_network(other, strict=False)
    return a.version == b.version and a.overlaps(b)


def _taken(claims: Sequence[tuple[str, Claim]], sockets: Sequence[Socket]) -> list[Advice]:
    """Ports that are wanted, and at which another program listens."""
    found = []
    for name, claim in claims:
        if claim.kind != "port":
            continue
        port, _slash, proto = claim.what.partition("/")
        for socket in sockets:
            if str(socket.port) == port and socket.proto == proto and socket.process not in {*claim.programs, ""}:
                text = _("{what} is wanted for {title}, and {program} listens there.")
                text = text.format(what=claim.what, title=claim.title, program=socket.process)
                found.append(Advice("bad", _("conflict"), text, f"{name}.{claim.setting}"))
    return found


def _room(machine: Machine, offered: Mapping[str, Offer]) -> list[Advice]:
    """Memory, disk and architecture that will not do."""
    found = []
    memory, disk = sum(o.memory for o in offered.values()), sum(o.disk for o in offered.values())
    there = known(machine.memory)
    if there is not None and memory > there.available:
        text = _("What you chose takes about {wanted} of memory; {free} are free.")
        text = text.format(wanted=size(memory), free=size(there.available))
        found.append(Advice("warn", _("memory"), text))
    root = next((each for each in known(machine.disks) or () if each.mount == "/"), None)
    if root is not None and disk > root.free:
        text = _("What you chose takes about {wanted} on the disk; {free} are free.")
        found.append(Advice("bad", _("disk"), text.format(wanted=size(disk), free=size(root.free))))
    architecture = known(machine.architecture)
    for name, offer in offered.items():
        if architecture is not None and offer.architectures and architecture.userland not in offer.architectures:
            text = _("{module} isn't there for {architecture}.")
            text = text.format(module=_(modules.listed(name).title), architecture=architecture.userland)
            found.append(Advice("bad", _("architecture"), text))
    return found
