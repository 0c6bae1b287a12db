"""Crontabs as they will be: edits of their lines are gathered, a step for each file comes out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.modules.cron.values import slug
from pi_installer_tui.system.cron import lint
from pi_installer_tui.system.cron.findings import Finding
from pi_installer_tui.system.cron.read import SPOOL, Cron, Crontab
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.host import FileStat, Host
from pi_installer_tui.tasks.steps import Crontab as Step
from pi_installer_tui.tasks.steps import LineEdit
from pi_installer_tui.tasks.steps.crontab import coded


@dataclass
class Draft:
    """A crontab that is edited. user: whose, "" of one with the user's column. Lines are counted in the file as it is,
    whatever was edited before."""

    path: str
    user: str
    before: Table
    stat: FileStat | None = None
    there: bool = True
    edits: list[LineEdit] = field(default_factory=list)

    @property
    def system(self) -> bool:
        return not self.user

    def add(self, text: str, after: int | None = None) -> None:
        """A new line behind another one; at the end when left out."""
        self.edits.append(
            LineEdit(what="add", line=len(self.before.lines) if after is None else after, new=coded(text))
        )

    def replace(self, line: int, text: str) -> None:
        """Another text for a line; one that was replaced already is replaced again."""
        old = self.before.text(line)
        end = "\r" if old.endswith("\r") and not text.endswith("\r") else ""
        self.edits = [edit for edit in self.edits if (edit.what, edit.line) != ("replace", line)]
        if text + end != old:
            self.edits.append(LineEdit(what="replace", line=line, old=coded(old), new=coded(text + end)))

    def remove(self, line: int) -> None:
        """A line goes."""
        self.edits = [edit for edit in self.edits if (edit.what, edit.line) != ("replace", line)]
        self.edits.append(LineEdit(what="remove", line=line, old=coded(self.before.text(line))))

    def text(self, line: int) -> str:
        """What a line will say."""
        for edit in self.edits:
            if (edit.what, edit.line) == ("replace", line):
                return edit.new.encode("latin-1").decode("utf-8", "surrogateescape")
        return self.before.text(line)

    def step(self, number: int, setting: str, needs: Iterable[str] = ()) -> Step | None:
        """What writes it; None where nothing is edited."""
        if not self.edits:
            return None
        made = Step(
            id=f"cron.crontab.{number}.{slug(self.user or self.path.rpartition('/')[2])}",
            setting=setting,
            needs=tuple(needs),
            path=self.path,
            user=self.user,
            edits=tuple(self.edits),
        )
        return made.model_copy(update={"becomes": hashlib.sha256(bytes(self.after())).hexdigest()})

    def after(self) -> Table:
        """The crontab with all edits."""
        if not self.edits:
            return self.before
        return Step(id="cron", path=self.path, user=self.user, edits=tuple(self.edits)).table(bytes(self.before))

    def changed(self) -> frozenset[int]:
        """The numbers of new and replaced lines, in the crontab as it will be."""
        changes = [{"add": 1, "remove": -1, "replace": 0}[edit.what] for edit in self.edits]
        # the lines that crontab(1) takes off may have come in front
        shift, found = len(self.after().lines) - len(self.before.lines) - sum(changes), set[int]()
        by_line: dict[int, list[str]] = {}
        for edit in self.edits:
            by_line.setdefault(edit.line or 0, []).append(edit.what)
        for number in sorted(by_line):
            what = by_line[number]
            if "remove" in what:
                shift -= 1
            elif "replace" in what:
                found.add(number + shift)
            for _each in range(what.count("add")):
                shift += 1
                found.add(number + shift)
        return frozenset(found)


class Drafts:
    """All crontabs that an action or settings edit, each once."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._found: dict[str, Draft] = {}

    def __iter__(self) -> Iterator[Draft]:
        return iter(self._found.values())

    def of(self, path: str) -> Draft:
        """The draft of a file, of one that isn't there too."""
        if path not in self._found:
            user = path.removeprefix(f"{SPOOL}/") if path.startswith(f"{SPOOL}/") else ""
            there = crontab(self._state, path)
            if there is None:
                self._found[path] = Draft(path, user, Table(system=not user), there=False)
            else:
                self._found[path] = Draft(path, user, there.table, there.stat)
        return self._found[path]


def crontab(state: State, path: str) -> Crontab | None:
    """A crontab of the machine."""
    return next((each for each in state.cron.crontabs if each.path == path), None)


def path_of(user: str, file: str) -> str:
    """The crontab of a user, or that file."""
    return file or f"{SPOOL}/{user}"


def unread(state: State, path: str) -> str:
    """Why a crontab couldn't be read, "" where it could, or isn't there."""
    folder = path.rpartition("/")[0]
    return next((why for each, why in state.cron.unread if each in (path, folder)), "")


async def foresee(host: Host, state: State, drafts: Iterable[Draft]) -> State:
    """The state with what there is to say of the lines that are new."""
    edited = {draft.path: draft for draft in drafts if draft.edits}
    new = FileStat("file", 0o600, 0, 0, 0, 0)
    crontabs = tuple(Crontab(path, draft.user, draft.after(), draft.stat or new) for path, draft in edited.items())
    cron: Cron = replace(state.cron, crontabs=crontabs, scripts=(), anacrontab=None)
    found = await lint.lint(host, cron)
    return replace(state, foreseen=_new(found, {path: draft.changed() for path, draft in edited.items()}))


def _new(found: Iterable[Finding], lines: Mapping[str, frozenset[int]]) -> tuple[Finding, ...]:
    return tuple(each for each in found if each.line in lines.get(each.path, ()))


def told(found: Iterable[Finding]) -> tuple[str, ...]:
    """Findings as sentences."""
    return tuple(dict.fromkeys(_sentence(each) for each in found))


def opened(state: State, drafts: Iterable[Draft]) -> Iterator[str]:
    """Whose crontab somebody else is about to replace, as sentences."""
    for draft in drafts:
        if draft.edits and draft.user in state.editing:
            text = _("The crontab of {user} is open in crontab -e (process {pid}): what it saves replaces this change.")
            yield text.format(user=draft.user, pid=state.editing[draft.user])


def _sentence(each: Finding) -> str:
    text = each.text if each.text.endswith(".") else f"{each.text}."
    where = each.path if not each.line else f"{each.path}:{each.line}"
    return _("{where}: {text} {advice}").format(where=where, text=text, advice=each.advice).strip()
