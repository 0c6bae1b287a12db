"""One run over modules: a setup file in, mistakes or one reviewed plan out; and the way back, the machine's present
settings as a setup file. Screens and the command line ask here; nothing here changes the machine.

    parse(text) ──► Setup ──► plan(host, setup) ──► Planned(reviewed plan | mistakes)
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema

from pi_installer_tui import modules, setup_file
from pi_installer_tui.i18n import _
from pi_installer_tui.mistakes import mistakes, place, unknown
from pi_installer_tui.modules.base import Arguments, Fact, Settings
from pi_installer_tui.modules.goals import GOALS
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown
from pi_installer_tui.tasks.plan import Asked, Mistake, OpenPort, Others, Plan, merge
from pi_installer_tui.tasks.review import Reviewed, review
from pi_installer_tui.tasks.steps.probation import Confirmation

VERSION = 1
#: the module that owns the firewall, and grants what others need of it
_FIREWALL = "security"

__all__ = [
    "Planned",
    "Setup",
    "SetupError",
    "arguments",
    "combine",
    "export",
    "of",
    "parse",
    "plain",
    "plan",
    "plan_action",
    "read",
    "schema",
    "typed",
    "validated",
]


@dataclass(frozen=True, slots=True)
class Setup:
    """What is wanted: a module's settings by its name, in the order modules are applied. document: the same as plain
    data, as it goes into the plan. goals: what the machine is for (modules/goals.py), for the wizard. unattended: the
    file may be applied at boot without anybody agreeing to it."""

    settings: Mapping[str, Settings]
    document: Mapping[str, Any]
    goals: tuple[str, ...] = ()
    unattended: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """What came of a setup: `reviewed` or, where the machine's state shows mistakes, `mistakes`. states: what each
    module read, by its name."""

    reviewed: Reviewed | None
    mistakes: tuple[Mistake, ...]
    states: Mapping[str, Any] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        """The reviewed plan. Raises SetupError where there are mistakes instead."""
        if self.reviewed is None:
            raise SetupError(*self.mistakes)
        return self.reviewed.plan


def parse(text: str, *more: str) -> Setup:
    """The settings in a setup file; each further text is merged on top of those before it. Raises SetupError."""
    return combine([setup_file.read(t) for t in (text, *more)])


def combine(documents: Sequence[Mapping[str, Any]]) -> Setup:
    """The settings in setup files that were read, merged left to right. Raises SetupError with all that is wrong."""
    wrong: list[Mistake] = []
    merged: dict[str, Any] = {}
    for document in documents:
        version = document.get("version")
        if version is None:
            wrong.append(Mistake("version", _("is needed: a setup file starts with `version: 1`")))
        elif type(version) is not int or version != VERSION:
            wrong.append(Mistake("version", _("this program knows version 1")))
        own = {key: value for key, value in document.items() if key != "version"}
        merged = setup_file.merge(merged, own) if merged else own
    goals, unattended = merged.pop("goals", None), merged.pop("unattended", None)
    wrong += _goals_wrong(goals)
    if unattended is not None and type(unattended) is not bool:
        wrong.append(Mistake("unattended", _("must be true or false")))
    known = modules.names()
    for key in merged:
        if key not in known:
            also = [*known, "version", "goals", "unattended"]
            wrong.append(Mistake(place(key), unknown(key, also, _("there is no such module"))))
    settings: dict[str, Settings] = {}
    for name in known:
        if name not in merged:
            continue
        try:
            settings[name] = validated(name, merged[name])
        except SetupError as error:
            wrong += error.mistakes
    if wrong:
        raise SetupError(*dict.fromkeys(wrong))
    return of(settings, tuple(goals or ()), unattended=bool(unattended))


def _goals_wrong(goals: object) -> list[Mistake]:
    if goals is None:
        return []
    if not isinstance(goals, list):
        return [Mistake("goals", _("must be a list"))]
    known = [goal.name for goal in GOALS]
    return [
        Mistake(place("goals", number), unknown(str(name), known, _("there is no such goal")))
        for number, name in enumerate(goals)
        if name not in known
    ]


def of(settings: Mapping[str, Settings], goals: tuple[str, ...] = (), *, unattended: bool = False) -> Setup:
    """The setup of settings that were made some other way: a form's, a wizard's."""
    ordered = {name: settings[name] for name in modules.names() if name in settings}
    about: dict[str, Any] = {"version": VERSION}
    if unattended:
        about["unattended"] = True
    if goals:
        about["goals"] = list(goals)
    document = {**about, **{name: plain(s) for name, s in ordered.items()}}
    return Setup(ordered, document, goals, unattended)


def validated(name: str, data: object) -> Settings:
    """A module's settings from plain data. Raises SetupError, its places starting with the module's name."""
    model: type[Settings] = modules.load(name).settings
    if data is None:
        data = {}
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise SetupError(*mistakes(error, model, data, name)) from None


def plain(settings: Settings) -> dict[str, Any]:
    """Settings as plain data, without what is left alone."""
    data: dict[str, Any] = settings.model_dump(mode="json", exclude_none=True, by_alias=True)
    return data


async def read(host: Host, names: Sequence[str]) -> dict[str, Any]:
    """What modules find on the machine, by name, read at the same time."""
    states = await asyncio.gather(*(modules.load(name).read(host) for name in names))
    return dict(zip(names, states, strict=True))


async def plan(
    host: Host, setup: Setup, how: Confirmation | None = None, *, secrets: Mapping[str, str] | None = None
) -> Planned:
    """From what is wanted to a plan that can be shown: reads the machine, looks for mistakes that only the machine
    shows, asks the outside, plans, merges and reviews. Changes nothing. how: how what is on probation is confirmed;
    None: as its module says. secrets: those that were given, by name; none of their values gets into the plan."""
    states = await read(host, tuple(setup.settings))
    loaded = {name: modules.load(name) for name in setup.settings}
    completed = await asyncio.gather(*(loaded[n].complete(host, s) for n, s in setup.settings.items()))
    whole = dict(zip(setup.settings, (settings for settings, _mistakes in completed), strict=True))
    wrong = [mistake for _settings, found in completed for mistake in found]
    wrong += [m for name, s in whole.items() for m in loaded[name].validate(states[name], s)]
    if not wrong:
        probed = await asyncio.gather(*(loaded[n].probe(host, states[n], s) for n, s in whole.items()))
        judged = await asyncio.gather(*(loaded[n].judge(host, states[n], s, secrets or {}) for n, s in whole.items()))
        wrong = [mistake for found in (*probed, *judged) for mistake in found]
    if wrong:
        return Planned(None, tuple(dict.fromkeys(wrong)), states)
    further = await asyncio.gather(*(loaded[n].look_further(host, states[n], s) for n, s in whole.items()))
    states |= dict(zip(whole, further, strict=True))
    given = secrets or {}
    needs = await _needs(host, whole, states)
    others = Others(
        modules=tuple(setup.settings),
        secrets=frozenset(given),
        to_make=frozenset(name for name, value in given.items() if not value),
        open_ports=needs,
    )
    parts = [loaded[name].plan(states[name], s, others) for name, s in whole.items()]
    if needs and _FIREWALL not in whole:
        parts = [*await _granted(host, others), *parts]
    claims = [c for name, s in whole.items() for c in loaded[name].claims(states[name], s)]
    merged = merge(parts, setup.document, (claim.what for claim in claims if claim.kind == "port"))
    return Planned(await review(merged if how is None else merged.to_be_confirmed(how), host), (), states)


async def _needs(host: Host, settings: Mapping[str, Settings], states: Mapping[str, Any]) -> tuple[OpenPort, ...]:
    """What the firewall has to grant: to the modules of this run and, where the firewall itself is in it, to the others
    as they are."""
    found: list[OpenPort] = []
    for listed in (each for each in modules.MODULES if each.needs):
        module, name = modules.load(listed.name), listed.name
        if name in settings:
            found += module.needs(states[name], settings[name])
        elif _FIREWALL in settings:
            state = await module.read(host)
            found += module.needs(state, module.present(state))
    return tuple(found)


async def _granted(host: Host, others: Others) -> list[Plan]:
    """What the firewall's owner does for needs alone, in a run that is about other modules."""
    owner = modules.load(_FIREWALL)
    made: Plan = owner.plan(await owner.read(host), owner.settings(), others)
    return [made] if made.steps or made.blocked else []


# actions ---------------------------------------------------------------------------------------------------------


def arguments(module: str, action: str, data: Mapping[str, object]) -> Arguments:
    """What an action is told, from plain data; text is taken for what its field is (a list's items stand between
    commas). Raises SetupError, its places the arguments' names, and KeyError."""
    model = modules.load(module).arguments(action)
    known = [*model.model_fields]
    if wrong := [name for name in data if name not in known]:
        raise SetupError(*(Mistake(place(n), unknown(n, known, _("there is no such argument"))) for n in wrong))
    told = {name: _told(model.model_fields[name], value) for name, value in data.items()}
    try:
        return model.model_validate(told)
    except ValidationError as error:
        raise SetupError(*mistakes(error, model, told, "")) from None


def _told(field: FieldInfo, value: object) -> object:
    """A list whose entries have blanks in them, a line each in a form, stands between semicolons."""
    extra = field.json_schema_extra
    lines = isinstance(extra, dict) and extra.get("widget") == "lines"
    return typed(field.annotation, value, ";" if lines else ",")


def typed(annotation: Any, value: object, between: str = ",") -> object:
    """A text that somebody typed as the plain value that a field of this kind takes; numbers are left to the model."""
    if not isinstance(value, str):
        return value
    if get_origin(annotation) in (Union, UnionType):
        annotation = next((a for a in get_args(annotation) if a is not NoneType), annotation)
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is tuple:
        return [part.strip() for part in value.split(between)]
    if annotation is bool:
        return {"true": True, "false": False}.get(value, value)
    return value


async def plan_action(
    host: Host,
    module: str,
    action: str,
    told: Arguments,
    how: Confirmation | None = None,
    *,
    secrets: Collection[str] = (),
) -> Planned:
    """From an action and what it is told to a plan that can be shown, as `plan` does. secrets: the names of those that
    come with it. Changes nothing. Raises KeyError for an action that the module doesn't have."""
    modules.action(module, action)
    loaded = modules.load(module)
    state = loaded.given(await loaded.read_for(host, action, told), frozenset(secrets))
    if wrong := loaded.validate_action(state, action, told):
        return Planned(None, tuple(dict.fromkeys(wrong)), {module: state})
    asked = Asked(module=module, action=action, arguments=told.model_dump(mode="json", exclude_none=True))
    made = loaded.plan_action(state, action, told)
    if made.asked is None:  # a module may know more exactly what was asked for
        made = made.model_copy(update={"asked": asked})
    if made.steps and (needs := tuple(loaded.action_needs(state, action, told))):
        for first in await _granted(host, Others(open_ports=needs)):
            before = {
                key: (*getattr(first, key), *getattr(made, key)) for key in ("modules", "steps", "checks", "blocked")
            }
            made = made.model_copy(update=before)
    return Planned(await review(made if how is None else made.to_be_confirmed(how), host), (), {module: state})


async def export(host: Host, names: Sequence[str] = ()) -> str:
    """The machine's present settings as a setup file; what couldn't be read is named in a comment. Applying it on the
    same machine changes nothing."""
    states = await read(host, tuple(names) or modules.names())
    document: dict[str, Any] = {"version": VERSION}
    comments: list[str] = []
    for name, state in states.items():
        module = modules.load(name)
        document[name] = plain(module.present(state))
        comments += [_left_out(name, fact) for fact in module.facts(state) if _unreadable(fact)]
    return setup_file.write(document, tuple(comments))


def _unreadable(fact: Fact) -> bool:
    return bool(fact.setting) and isinstance(fact.value.best, Unknown)


def _left_out(module: str, fact: Fact) -> str:
    assert isinstance(fact.value.best, Unknown)
    reason = " ".join(fact.value.best.reason.split())
    return _("{setting} is left out: {reason}").format(setting=f"{module}.{fact.setting}", reason=reason)


def schema(names: Sequence[str] = ()) -> dict[str, Any]:
    """The setup file's JSON Schema (draft 2020-12), for an editor or another program."""
    chosen = tuple(names) or modules.names()
    models: dict[str, type[Settings]] = {name: modules.load(name).settings for name in chosen}
    references, definitions = models_json_schema([(m, "validation") for m in models.values()])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pi-installer-tui setup file",
        "type": "object",
        "properties": {
            "version": {"const": VERSION, "description": "The version of the setup file's format."},
            "goals": {
                "type": "array",
                "items": {"enum": [goal.name for goal in GOALS]},
                "description": "What the machine is for; the wizard opens with it.",
            },
            "unattended": {
                "type": "boolean",
                "description": "On the boot partition: may be applied at boot without anybody agreeing to it.",
            },
            **{name: references[model, "validation"] for name, model in models.items()},
        },
        "required": ["version"],
        "additionalProperties": False,
        **definitions,
    }
