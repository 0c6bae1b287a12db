"""A plan before it is agreed to: every step with its exact diff or command, what it downloads, what restarts, what is
risky, what can't be planned, and what will prove it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from pi_installer_tui import modules
from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens import signs as show
from pi_installer_tui.screens.diffs import noted, toned
from pi_installer_tui.screens.larger import Larger
from pi_installer_tui.screens.message import Problem
from pi_installer_tui.tasks import words
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Line, Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading
from pi_installer_tui.widgets.text import TextPane

if TYPE_CHECKING:
    from pi_installer_tui.tasks.checks import Check
    from pi_installer_tui.tasks.plan import Plan
    from pi_installer_tui.tasks.review import Refused, Reviewed
    from pi_installer_tui.tasks.steps import Preview, Risk, Step
    from pi_installer_tui.tasks.steps.probation import Confirmation

#: the word at a step for the gravest of its risks, gravest first
_FLAGS: dict[Risk, str] = {
    "connection": N_("connection"),
    "irreversible": N_("for good"),
    "reboot": N_("reboot"),
    "packages-removed": N_("removes"),
    "service-restart": N_("restart"),
    "download": N_("download"),
}

#: seconds to confirm in, from which `t` chooses
_SECONDS = (60, 120, 300, 600)


class ReviewScreen(Larger):
    """A reviewed plan. `y` agrees and runs it."""

    place = "review"
    where = N_("Review")
    about = N_(
        "What will happen, before it happens. Nothing has been changed yet.\n"
        "The list has what to know beforehand, the steps in the order they run, and the checks that will prove the "
        "result. The other part shows the line under the cursor: a difference, an exact command, packages with their "
        "sizes. What is shown is what runs: if the machine changes meanwhile, the job stops before its first step.\n"
        "Agree runs the plan as a job of its own, which goes on when this program is closed.\n"
        "What could cut you off is on probation: it goes back by itself unless you confirm it in time. The steps that "
        "touch your own connection are marked. At the machine itself you can go without."
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

    def __init__(self, reviewed: Reviewed, secrets: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._secrets = dict(secrets or {})
        self._plan: Plan = reviewed.plan
        self._previews: tuple[Preview, ...] = reviewed.previews
        self._refused: tuple[Refused, ...] = reviewed.refused
        self._agreed = False
        #: the plan with its probation, while it is shown without
        self._with: Plan | None = None

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
        if proofs := len(plan.checks):
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
        inner = {each.id for trial in plan.trials for each in trial.steps}
        for n, step in enumerate(plan.flat):
            title = ("  " if step.id in inner else "") + step.describe()
            rows.append(Row(f"step:{n}", (Cell(f"{n + 1:2}", "quiet"), Cell(title), self._flag(step))))
        if plan.checks:
            rows.append(heading(_("Proven by")))
        for n, check in enumerate(plan.checks):
            rows.append(Row(f"check:{n}", (Cell(signs.unknown, "quiet"), Cell(check.describe()))))
        return rows

    def _flag(self, step: Step) -> Cell:
        if self._cuts_me(step):
            return Cell(f"{glyphs(self).warning} {_('your line')}", "warn")
        for risk, word in _FLAGS.items():
            if risk in step.risks:
                return Cell(f"{glyphs(self).warning} {_(word)}", "warn")
        return Cell("")

    def _cuts_me(self, step: Step) -> bool:
        """Whether a step touches the person's own connection."""
        seat = self.shell.seat
        return seat is not None and seat.cut_by(step.cuts)

    def _on_connections(self) -> list[tuple[str, str, str]]:
        """What is on probation, and what becomes of the connection that the person is on."""
        plan, seat = self._plan, self.shell.seat
        found = []
        for trial in plan.trials:
            count = len(trial.steps)
            said = ngettext(
                "{seconds} s to confirm, or {count} step goes back by itself",
                "{seconds} s to confirm, or {count} steps go back by themselves",
                count,
            )
            found.append((_("on probation"), said.format(seconds=trial.seconds, count=count), "plain"))
            if seat is not None and seat.at_the_machine:
                said = _("no network change can strand you here; w goes without probation")
                found.append((_("at the machine"), said, "plain"))
        if self._with is not None:
            said = _("what is changed stays, even where it cuts off the network; w puts it on probation again")
            found.append((_("not on probation"), said, "warn"))
        if seat is not None and seat.kind == "ssh" and (plan.trials or any(map(self._cuts_me, plan.flat))):
            client = f"[{seat.client}]" if ":" in seat.client else seat.client
            own = _("{client}:{port} to {server}").format(client=client, port=seat.client_port, server=seat.server)
            if seat.interface:
                own += _(" on {interface}").format(interface=seat.interface)
            if not any(map(self._cuts_me, plan.flat)):
                own += _("; no step is known to touch it")
            found.append((_("your connection"), own, "warn"))
        return found

    def _in_all(self) -> str:
        """What a plan over several modules comes to."""
        plan = self._plan
        titles = ", ".join(_(modules.listed(name).title) for name in plan.modules if name in modules.names())
        changes = [change for preview in self._previews for change in preview.packages]
        coming = [change.name for change in changes if change.action in ("install", "upgrade")]
        said = []
        if coming:
            count = len(coming)
            said.append(ngettext("{n} package", "{n} packages", count).format(n=count))
        disk = sum(preview.disk or 0 for preview in self._previews)
        if disk > 0:
            said.append(_("{size} on the disk").format(size=words.size(disk)))
        files = {preview.path for preview in self._previews if preview.kind == "diff"}
        if files:
            count = len(files)
            said.append(ngettext("{n} file", "{n} files", count).format(n=count))
        if plan.ports:
            said.append(_("ports in use: {ports}").format(ports=", ".join(plan.ports)))
        if any("reboot" in step.risks for step in plan.flat):
            said.append(_("a reboot"))
        return f"{titles}: {', '.join(said)}" if said else titles

    def _warnings(self) -> list[tuple[str, str, str]]:
        from pi_installer_tui.tasks.risks import sentences

        titles = {step.id: step.describe() for step in self._plan.flat}
        found = [(_("in all"), self._in_all(), "plain")] if len(self._plan.modules) > 1 else []
        found += [
            (_("can't be done"), f"{titles[r.step]}: {words.failure(r.reason, r.values)}", "bad") for r in self._refused
        ]
        found += [(_("can't be planned"), f"{b.setting}: {b.why}", "bad") for b in self._plan.blocked]
        found += [(_("risk"), r, "warn") for r in sentences(risk for step in self._plan.flat for risk in step.risks)]
        found += self._on_connections()
        found += [(_("know"), n.text, "plain") for n in self._plan.notices]
        return found

    def on_rows_moved(self, message: Rows.Moved) -> None:
        self._show(message.row)

    def _show(self, row: Row | None) -> None:
        pane = self.query_one("#detail", TextPane)
        if row is None:
            pane.set("", [])
            return
        kind, _colon, number = row.id.partition(":")
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
        seat = self.shell.seat
        match action:
            case "agree":
                return not self._plan.empty and not self._agreed and not self._refused
            case "seconds":
                return bool(self._plan.trials)
            case "without":
                here = seat is not None and seat.at_the_machine
                return self._with is not None or (here and bool(self._plan.trials))
        return True

    def on_rows_opened(self) -> None:
        self.query_one("#detail", TextPane).text.focus()

    def action_seconds(self) -> None:
        from pi_installer_tui.tasks.steps.probation import Confirmation

        now = self._plan.trials[0]
        seconds = next((each for each in _SECONDS if each > now.seconds), _SECONDS[0])
        self._again(self._plan, Confirmation(by=now.confirm, seconds=seconds, peers=now.peers))

    def action_without(self) -> None:
        from pi_installer_tui.tasks.steps.probation import Confirmation

        if self._with is not None:
            plan, self._with = self._with, None
            self._again(plan)
        else:
            self._with = self._plan
            self._again(self._plan, Confirmation(by="none"))

    @work(exclusive=True, group="again")
    async def _again(self, plan: Plan, how: Confirmation | None = None) -> None:
        """Reviews the plan anew, to be confirmed in another way."""
        from pi_installer_tui.tasks.review import review

        self._agreed = True  # what isn't shown yet can't be agreed to
        self.refresh_bindings()
        try:
            found = await review(plan if how is None else plan.to_be_confirmed(how), self.shell.host)
        finally:
            self._agreed = False
        self._plan, self._previews, self._refused = found.plan, found.previews, found.refused
        self.query_one("#summary", Panel).set_lines(self._summary())
        rows = self.query_one("#steps", Rows)
        rows.set_rows(self._rows())
        self._show(rows.row)
        self.refresh_bindings()

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
        self.shell.start_job(self._plan, self._secrets)

    def on_screen_resume(self) -> None:
        self._agreed = False
        self.refresh_bindings()
