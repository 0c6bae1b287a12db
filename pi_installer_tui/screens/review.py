"""A plan before it is agreed to: every step with its exact diff or command, what it downloads, what restarts, what is
risky, what can't be planned, and what will prove it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens import signs as show
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.diffs import noted, toned
from pi_installer_tui.screens.message import Problem
from pi_installer_tui.tasks import words
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Line, Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading
from pi_installer_tui.widgets.text import Text, TextPane

if TYPE_CHECKING:
    from pi_installer_tui.tasks.checks import Check
    from pi_installer_tui.tasks.plan import Plan
    from pi_installer_tui.tasks.review import Refused, Reviewed
    from pi_installer_tui.tasks.steps import Preview, Risk, Step

#: the word at a step for the gravest of its risks, gravest first
_FLAGS: dict[Risk, str] = {
    "connection": N_("connection"),
    "irreversible": N_("for good"),
    "reboot": N_("reboot"),
    "packages-removed": N_("removes"),
    "service-restart": N_("restart"),
    "download": N_("download"),
}


class ReviewScreen(ShellScreen):
    """A reviewed plan. `y` agrees and runs it."""

    place = "review"
    where = N_("Review")
    about = N_(
        "What will happen, before it happens. Nothing has been changed yet.\n"
        "The list has what to know beforehand, the steps in the order they run, and the checks that will prove the "
        "result. The other part shows the line under the cursor: a difference, an exact command, packages with their "
        "sizes. What is shown is what runs: if the machine changes meanwhile, the job stops before its first step.\n"
        "Agree runs the plan as a job of its own, which goes on when this program is closed."
    )
    CSS = """
    ReviewScreen #summary { padding: 0; }
    ReviewScreen #parts { height: 1fr; layout: vertical; }
    ReviewScreen #steps { height: 10; }
    ReviewScreen.-wide #parts { layout: horizontal; }
    ReviewScreen.-wide #steps { height: 1fr; width: 56; margin-right: 1; }
    ReviewScreen.-tall #steps { height: 14; }
    ReviewScreen.-wide.-tall #steps { height: 1fr; }
    ReviewScreen.-larger #steps, ReviewScreen.-larger #summary { display: none; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("review")]

    def __init__(self, reviewed: Reviewed) -> None:
        super().__init__()
        self._plan: Plan = reviewed.plan
        self._previews: tuple[Preview, ...] = reviewed.previews
        self._refused: tuple[Refused, ...] = reviewed.refused
        self._agreed = False

    def body(self) -> Iterable[Widget]:
        yield Panel(self._summary(), id="summary")
        with Container(id="parts"):
            yield Rows((3, 0, 12), id="steps")
            yield TextPane(id="detail")

    def on_mount(self) -> None:
        if self._plan.undoes:
            self.say_where(_("Review: undo of {job}").format(job=self._plan.undoes))
        rows = self.query_one("#steps", Rows)
        rows.set_rows(self._rows())
        rows.action_first()
        rows.focus()

    # what is shown ------------------------------------------------------------------------------------------------

    def _summary(self) -> list[Line]:
        plan = self._plan
        if plan.empty:
            first = [Cell(_("Nothing to do: the machine already is as wanted."), "good")]
            if plan.blocked:
                first = [Cell(_("Nothing can be done: see what stands in the way."), "warn")]
            return [first, []]
        count = len(plan.flat)
        parts = [ngettext("{n} step", "{n} steps", count).format(n=count)]
        coming = [p for p in self._previews if any(change.action in ("install", "upgrade") for change in p.packages)]
        download = [preview.download for preview in coming]
        if download:
            known = sum(d for d in download if d is not None)
            parts.append(
                _("{size} to download").format(size=words.size(known))
                if None not in download
                else _("an unknown size to download")
            )
        restarts = sum(1 for s in plan.flat if "service-restart" in s.risks)
        if restarts:
            parts.append(ngettext("{n} restart", "{n} restarts", restarts).format(n=restarts))
        proofs = len(plan.checks)
        parts.append(ngettext("proven by {n} check", "proven by {n} checks", proofs).format(n=proofs))
        if self._refused:
            second = [Cell(_("It can't be run: a step can't be done, see below."), "bad")]
        elif self.shell.read_only:
            second = [Cell(_("It can't be run: {why}.").format(why=self.shell.read_only), "warn")]
        else:
            second = [Cell(_("Nothing has been changed yet. ")), Cell("y", "key"), Cell(_(" agrees and runs it."))]
        return [[Cell(", ".join(parts), "strong")], second]

    def _rows(self) -> list[Row]:
        signs = glyphs(self)
        plan = self._plan
        rows: list[Row] = []
        warnings = self._warnings()
        if warnings:
            rows.append(heading(_("Know before")))
            for n, (title, text, _tone) in enumerate(warnings):
                rows.append(Row(f"know:{n}", (Cell(signs.warning, "warn"), Cell(f"{title}: {text}"))))
        if plan.steps:
            rows.append(heading(_("Steps")))
        for n, step in enumerate(plan.flat):
            rows.append(Row(f"step:{n}", (Cell(f"{n + 1:2}", "quiet"), Cell(step.describe()), self._flag(step))))
        if plan.checks:
            rows.append(heading(_("Proven by")))
        for n, check in enumerate(plan.checks):
            rows.append(Row(f"check:{n}", (Cell(signs.unknown, "quiet"), Cell(check.describe()))))
        return rows

    def _flag(self, step: Step) -> Cell:
        for risk, word in _FLAGS.items():
            if risk in step.risks:
                return Cell(f"{glyphs(self).warning} {_(word)}", "warn")
        return Cell("")

    def _warnings(self) -> list[tuple[str, str, str]]:
        from pi_installer_tui.tasks.risks import sentences

        titles = {step.id: step.describe() for step in self._plan.flat}
        found = [
            (_("can't be done"), f"{titles[r.step]}: {words.failure(r.reason, r.values)}", "bad") for r in self._refused
        ]
        found += [(_("can't be planned"), f"{b.setting}: {b.why}", "bad") for b in self._plan.blocked]
        found += [(_("risk"), r, "warn") for r in sentences(risk for step in self._plan.flat for risk in step.risks)]
        found += [(_("know"), n.text, "plain") for n in self._plan.notices]
        return found

    def on_rows_moved(self, message: Rows.Moved) -> None:
        pane = self.query_one("#detail", TextPane)
        if message.row is None:
            pane.set("", [])
            return
        kind, _colon, number = message.row.id.partition(":")
        n = int(number)
        if kind == "step":
            pane.set(*self._step(self._plan.flat[n], self._previews[n]))
        elif kind == "check":
            pane.set(_("Check"), self._check(self._plan.checks[n]))
        else:
            title, text, tone = self._warnings()[n]
            pane.set(title, [Prose(text, "warn" if tone != "plain" else "plain")])

    def _step(self, step: Step, preview: Preview) -> tuple[str, list[Cell]]:
        from pi_installer_tui.tasks.risks import sentences

        lines: list[Cell] = []
        for risk in sentences(step.risks):
            lines.append(Prose(f"{glyphs(self).warning} {risk}", "warn"))
        if lines:
            lines.append(Cell(""))
        match preview.kind:
            case "diff":
                title = _("Difference in {path}").format(path=preview.path)
                lines += toned(preview.text) or [Cell(_("Its content stays; mode or owner change."))]
            case "command":
                title = _("Command")
                lines += [Cell(line) for line in preview.text.splitlines()]
                if preview.undo_text:
                    lines += [Cell(""), Cell(_("Undone by:"), "quiet"), Cell(preview.undo_text)]
            case "packages":
                title = _("Packages")
                for package in preview.packages:
                    lines.append(Cell(f"{package.action:<9} {package.name} {package.version}".rstrip()))
                if preview.download is not None:
                    lines += [Cell(""), Cell(_("to download: {size}").format(size=words.size(preview.download)))]
                if preview.disk is not None:
                    said = _("on the disk: {size} more") if preview.disk >= 0 else _("on the disk: {size} freed")
                    lines.append(Cell(said.format(size=words.size(preview.disk))))
                if preview.text:
                    lines += [Cell(""), *noted(preview.text)]
            case _:
                title = _("Step")
                lines += [Prose(line) for line in preview.text.splitlines()]
        return title, lines

    def _check(self, check: Check) -> list[Cell]:
        lines = [Cell(check.describe(), "strong")]
        if check.within:
            lines.append(Prose(_("It may take up to {span} to become true.").format(span=show.span(check.within))))
        lines += [Cell(""), Prose(_("It is asked when all steps have run; the answer is kept with the job."), "quiet")]
        return lines

    # keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "agree":
            return not self._plan.empty and not self._agreed and not self._refused
        return True

    def on_rows_opened(self) -> None:
        self.query_one("#detail", TextPane).text.focus()

    def action_larger(self) -> None:
        self.toggle_class("-larger")
        target = Text if self.has_class("-larger") else Rows
        self.query(target).first().focus()

    def action_agree(self) -> None:
        if self.shell.read_only:
            self.app.push_screen(
                Problem(
                    _("This plan can't be run: {why}.").format(why=self.shell.read_only),
                    _("Nothing was changed."),
                    _("Start the program again with sudo to change the machine. Plans can be read here all the same."),
                )
            )
            return
        self._agreed = True
        self.refresh_bindings()
        self.shell.start_job(self._plan)

    def on_screen_resume(self) -> None:
        self._agreed = False
        self.refresh_bindings()
