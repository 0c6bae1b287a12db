"""The wizard: what this machine is, what it should be, a short form for each module that this needs, what stands in the
way; then the review, the job and its report. Answers are kept with every page, so that it can be left at any time."""

from __future__ import annotations

import asyncio
import contextlib
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from textual import work
from textual.binding import BindingType
from textual.containers import Container
from textual.timer import Timer
from textual.widget import Widget

from pi_installer_tui import modules
from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.modules import goals as for_what
from pi_installer_tui.screens import facts as show
from pi_installer_tui.screens import glance
from pi_installer_tui.screens.ask import Ask
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.item import ItemScreen
from pi_installer_tui.screens.message import Problem
from pi_installer_tui.screens.planning import Planning
from pi_installer_tui.system.reading import Known, Reading, Unknown
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Tone
from pi_installer_tui.widgets.panel import Line, Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading, remark
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.base import Fact, Offer
    from pi_installer_tui.planning import Planned
    from pi_installer_tui.system.machine import Machine
    from pi_installer_tui.system.sockets import Socket
    from pi_installer_tui.widgets.form import Form
    from pi_installer_tui.wizard import Advice, Answers, Sketch

#: seconds without a change after which the plan so far is made again, and the answers are kept
REST = 0.3
#: lines of what is said of the row under the cursor
SAID = 3

#: mistakes of a file that are told at once
TOLD = 8

MACHINE, GOALS, CHECK = "machine", "goals", "check"


class Choices(Rows):
    """Rows that are chosen and not opened."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("goals")]


class WizardScreen(ShellScreen):
    """The way from a fresh machine to one that does what its owner wants."""

    place = "wizard"
    where = N_("Wizard")
    about = N_(
        "From a fresh machine to one that does what you want: what it is, what it should be, a few questions for each "
        "part, what stands in the way, then one plan to read and to agree to. Nothing is changed before that.\n"
        "What you answered is kept, so you can leave at any time and go on later from Home. A form has the few "
        "settings that matter; `more` has all of them. What is proposed is marked with a star and can be taken back; "
        "what you don't touch is left as it is.\n"
        "Below the questions stands the plan that your answers make, as far as they go."
    )
    CSS = """
    WizardScreen #said { height: auto; }
    WizardScreen #page { height: 1fr; layout: vertical; }
    WizardScreen #list { height: 1fr; }
    WizardScreen #detail { height: 3; }
    WizardScreen.-tall #steps { margin-bottom: 1; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-tall")]
    PARTS = ("steps", "said", "page", "sum")
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("wizard")]

    def __init__(self) -> None:
        super().__init__()
        self._page = MACHINE
        self._answers: Answers | None = None
        self._machine: Machine | None = None
        self._software: Reading[tuple[str, ...]] | None = None
        self._sockets: tuple[Socket, ...] = ()
        self._states: Mapping[str, Any] = {}
        self._facts: dict[str, Sequence[Fact]] = {}
        self._offers: dict[str, Offer] = {}
        self._forms: dict[str, Form[Any]] = {}
        self._secrets: dict[str, str] = {}
        self._sketch: Sketch | None = None
        self._advice: list[Advice] = []
        self._wrong: dict[str, str] = {}
        self._rest: Timer | None = None
        self._planning = Planning(
            self,
            say=lambda *cells: self._said([cells]),
            over=self._draw_said,
            refuse=self._refuse,
            stays=_("Your answers are kept; try again when the cause is gone."),
        )
        self._resumed = False
        self._turning = asyncio.Lock()
        #: a setup file that lies on the boot partition
        self._boot = ""

    def body(self) -> Iterable[Widget]:
        yield Panel([[]], id="steps")
        yield Panel([], id="said")
        yield Container(id="page")
        yield Panel([[Cell(_("Reading the machine ..."), "quiet")]], id="sum")

    async def on_mount(self) -> None:
        await self._show_page()
        self.shell.opened.subscribe(self, lambda _none: self._read())
        if self.shell.is_open:
            self._read()

    # reading ------------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="read", exit_on_error=False)
    async def _read(self) -> None:
        """The machine first, then what was answered before, then what each module finds."""
        from pi_installer_tui import boot_file, planning, wizard
        from pi_installer_tui.system import machine, sockets, software

        answers = None
        with contextlib.suppress(OSError):
            answers = await asyncio.to_thread(wizard.kept, self.shell.store.root)
        self._answers = answers or wizard.Answers()
        self._resumed = answers is not None and not answers.empty
        self._machine = await machine.read(self.shell.host)
        self._boot = await boot_file.offered(self.shell.host, self.shell.store.root) or ""
        self._draw()
        self._software, found = await asyncio.gather(software.read(self.shell.host), sockets.listening(self.shell.host))
        self._sockets = () if isinstance(found, Unknown) else found
        self._draw()
        try:
            states = await planning.read(self.shell.host, modules.names())
            self._facts = {name: modules.load(name).facts(states[name]) for name in states}
        except Exception as error:
            # what a module can't read is in its state; this is a fault, and must not take the screens with it
            self._said([[Cell(_("This can't be read: {error}").format(error=error), "bad")]])
            return
        self._states = states
        self._offers = wizard.offers(states, self._answers)
        if not self._resumed:
            self._answers = wizard.proposed({}, self._offers, self._answers)
        if self._resumed and self._answers.page in self._pages:
            self._page = self._answers.page
        await self._show_page()
        self._sketch_now()

    @property
    def _pages(self) -> tuple[str, ...]:
        names = self._answers.modules if self._answers is not None else for_what.serving(())
        return (MACHINE, GOALS, *names, CHECK)

    @property
    def _asks(self) -> str:
        """The module whose form is shown, "" on another page."""
        return self._page if self._page in modules.names() else ""

    # pages --------------------------------------------------------------------------------------------------------

    async def _show_page(self) -> None:
        """Mounts what the page is made of, one page at a time."""
        async with self._turning:
            if not self.closing:
                await self._mount_page()

    async def _mount_page(self) -> None:
        page = self.query_one("#page", Container)
        name = self._asks
        if name and self._states:
            form = self._forms.get(name) or self._form(name)
            self._forms[name] = form
            for each in page.children:
                each.display = each is form
            if form not in page.children:
                await page.mount(form)
            form.focus_first()
        else:
            for each in page.children:
                each.display = False
            await page.query("#list").remove()
            await page.query("#detail").remove()
            if not name:
                rows = Choices((3, 16, 0), id="list") if self._page == GOALS else Rows((16, 0), id="list")
                await page.mount(rows, Panel([[] for _n in range(SAID)], id="detail"))
                rows.focus()
        self._draw()
        for rows in self.query("#list").results(Rows):
            rows.action_first()
        self.refresh_bindings()

    def _form(self, name: str) -> Form[Any]:
        from pi_installer_tui.widgets.form import Form

        assert self._answers is not None
        module, state = modules.load(name), self._states[name]
        return Form(
            module.settings,
            module.present(state),
            lambda choice: module.choices(state, choice),
            name,
            notes=show.notes(self._facts[name]),
            wanted=self._answers.documents.get(name),
            asked=self._offers[name].asked,
            id=f"form-{name}",
        )

    def _draw(self) -> None:
        if self.closing:
            return
        self._draw_steps()
        self._draw_said()
        for rows in self.query("#list").results(Rows):
            if not self._asks:
                made = {MACHINE: self._machine_rows, GOALS: self._goal_rows, CHECK: self._check_rows}[self._page]()
                rows.set_rows(made)
        self._draw_detail()

    def _draw_steps(self) -> None:
        pages = self._pages
        number = pages.index(self._page) + 1 if self._page in pages else 1
        farthest = sorted(pages, key=lambda page: -abs(pages.index(page) + 1 - number))
        cells, named = self._steps(pages), len(pages)
        while sum(cell_len(cell.text) for cell in cells) > self.size.width - 1 and named:
            named -= 1  # what is farthest away goes by its number alone
            cells = self._steps(pages, farthest[: len(pages) - named])
        self.query_one("#steps", Panel).set_lines([cells])
        self.say_where(_("Wizard, {n} of {count}").format(n=number, count=len(pages)))

    def _steps(self, pages: Sequence[str], short: Collection[str] = ()) -> list[Cell]:
        signs, cells = glyphs(self), []
        for number, page in enumerate(pages, 1):
            here = page == self._page
            mark = signs.cursor if here else " "
            text = f"{mark}{number}" if page in short and not here else f"{mark}{number} {self._title(page)}"
            cells += [Cell(text, "strong" if here else "quiet"), Cell(" ")]
        return cells

    def _title(self, page: str) -> str:
        if page in modules.names():
            return _(modules.listed(page).title)
        return {MACHINE: _("Machine"), GOALS: _("Goals"), CHECK: _("Check")}[page]

    def _draw_said(self) -> None:
        lines: list[Line] = []
        name, width = self._asks, max(20, self.size.width - 2)
        if self._page == MACHINE:
            text = _("This is the machine. n goes on; nothing is changed before you agree.")
            if self._boot:
                text = _("A setup file lies on the boot partition: o opens it. n goes on without it.")
            elif self._resumed:
                text = _("Welcome back: your answers are as you left them. n goes on, x starts over.")
            lines = [[Cell(text)]]
        elif self._page == GOALS:
            lines = [[Cell(_("What should it be? Choose one, several, or nothing yet."))]]
        elif self._page == CHECK:
            text = _("This stands in the way: Enter goes to its place.") if self._blocked else ""
            lines = [[Cell(text or _("n shows the whole plan, step by step."), "bad" if text else "plain")]]
        elif name and self._states:
            form = self._forms.get(name)
            remark = self._offers[name].remark if name in self._offers else ""
            lines = [[Cell(line, "warn")] for line in textwrap.wrap(remark, width)[:2]]
            if form is not None and form.short and form.hidden:
                hidden = ngettext("{n} more setting: m.", "{n} more settings: m.", form.hidden).format(n=form.hidden)
                lines.append([Cell(_("What you don't touch is left as it is.") + " " + hidden, "quiet")])
        elif name:
            lines = [[Cell(_("Reading the machine ..."), "quiet")]]
        self._said(lines)

    def _said(self, lines: Sequence[Line]) -> None:
        self.query_one("#said", Panel).set_lines(lines)

    def on_rows_moved(self) -> None:
        self._draw_detail()

    def _draw_detail(self) -> None:
        """What there is to say of the row under the cursor, and has no room in it."""
        parts = [*self.query("#list").results(Rows), *self.query("#detail").results(Panel)]
        if len(parts) < 2:  # the page is being turned
            return
        rows, detail = parts[0], parts[1]
        assert isinstance(rows, Rows) and isinstance(detail, Panel)
        row = rows.row
        said: list[Line] = []
        kind, _colon, rest = (row.id if row else "").partition(":")
        width = max(20, self.size.width - 2)
        if kind == "goal":
            goal = for_what.goal(rest)
            said = [[Cell(line)] for line in textwrap.wrap(_(goal.brings), width)[:2]]
            brought = [_(modules.listed(m).title) for m in for_what.serving((goal.name,))]
            if goal.coming:
                said.append([Cell(_("It is coming; it can't be chosen yet."), "warn")])
            else:
                said.append([Cell(_("Sets up: {modules}").format(modules=", ".join(brought)), "quiet")])
        elif kind == "advice":
            told = self._problems if self._page == MACHINE else self._advice
            text = told[int(rest)].text if int(rest) < len(told) else ""
            said = [[Cell(line)] for line in textwrap.wrap(printable(text), width)[:SAID]]
        elif row is not None and len(row.cells) > 1:
            said = [[Cell(line, "quiet")] for line in textwrap.wrap(row.cells[-1].text, width)[:SAID]]
        detail.set_lines([*said, *([] for _n in range(SAID - len(said)))])

    # the machine --------------------------------------------------------------------------------------------------

    @property
    def _problems(self) -> list[Advice]:
        from pi_installer_tui import wizard

        return wizard.problems(self._machine) if self._machine is not None else []

    def _machine_rows(self) -> list[Row]:
        if self._machine is None:
            return [remark(Cell(_("Reading the machine ..."), "quiet"))]
        rows: list[Row] = []
        if problems := self._problems:
            rows += [heading(_("Problems first")), *self._advice_rows(problems), remark(Cell(""))]
        rows.append(heading(_("This machine")))
        for title, text in glance.named(self._machine):
            rows.append(Row(f"fact:{title}", (Cell(title, "quiet"), Cell(text))))
        software = self._software
        if isinstance(software, Known):
            text = ", ".join(software.value) or _("nothing that this program would have to know of")
            rows.append(Row("fact:installed", (Cell(_("installed"), "quiet"), Cell(text))))
        elif isinstance(software, Unknown):
            rows.append(Row("fact:installed", (Cell(_("installed"), "quiet"), Cell(f"? {software.reason}", "warn"))))
        return rows

    def _advice_rows(self, told: Sequence[Advice]) -> list[Row]:
        signs = glyphs(self)
        marks: dict[str, tuple[str, Tone]] = {
            "bad": (signs.failed, "bad"),
            "warn": (signs.warning, "warn"),
            "plain": (" ", "plain"),
        }
        rows = []
        for number, each in enumerate(told):
            sign, tone = marks[each.tone]
            rows.append(Row(f"advice:{number}", (Cell(f"{sign} {each.title}", tone), Cell(printable(each.text)))))
        return rows

    # the goals ----------------------------------------------------------------------------------------------------

    def _goal_rows(self) -> list[Row]:
        chosen = self._answers.goals if self._answers is not None else ()
        rows = []
        for goal in for_what.GOALS:
            mark = Cell("   " if goal.coming else "[x]" if goal.name in chosen else "[ ]", "key")
            tone: Tone = "quiet" if goal.coming else "strong"
            text = Cell(_("coming") if goal.coming else _(goal.brings), "quiet" if goal.coming else "plain")
            rows.append(Row(f"goal:{goal.name}", (mark, Cell(_(goal.title), tone), text)))
        return rows

    async def on_rows_opened(self, message: Rows.Opened) -> None:
        kind, _colon, rest = (message.row.id if message.row else "").partition(":")
        if kind == "goal":
            await self._toggle(rest)
        elif kind == "advice" and self._page == CHECK:
            await self._go_to(self._advice[int(rest)].place)
        elif self._page == MACHINE:
            await self.action_next()

    async def _toggle(self, name: str) -> None:
        """Chooses a goal, or not any more; proposals follow, and what was typed stays."""
        from pi_installer_tui import wizard

        if self._answers is None or for_what.goal(name).coming:
            return
        chosen = {*self._answers.goals} ^ {name}
        goals = tuple(goal.name for goal in for_what.GOALS if goal.name in chosen)
        self._answers = replace(self._answers, goals=goals)
        if self._states:
            before, self._offers = self._offers, wizard.offers(self._states, self._answers)
            self._answers = wizard.proposed(before, self._offers, self._answers)
            for form in self._forms.values():
                await form.remove()
            self._forms = {}
        self._draw()
        self._touched()

    # what stands in the way ---------------------------------------------------------------------------------------

    @property
    def _blocked(self) -> bool:
        return any(each.tone == "bad" for each in self._advice)

    def _check_rows(self) -> list[Row]:
        if self._sketch is None:
            return [remark(Cell(_("Planning ..."), "quiet"))]
        rows = self._advice_rows(self._advice)
        if not self._blocked:
            good = _("nothing stands in the way") if not rows else _("nothing stands in the way; this is to be known:")
            if self._sketch.plan.empty:
                good = _("The machine already is as wanted: there is nothing to do.")
            rows.insert(0, remark(Cell(f"{glyphs(self).ok} {good}", "good")))
        return rows

    async def _go_to(self, place: str) -> None:
        """To the form that has a place, its field marked."""
        name = place.partition(".")[0]
        if name in self._pages and name in modules.names():
            await self._turn(name)
            wrong = {each.place: each.text.removeprefix(f"{each.place}: ") for each in self._advice if each.place}
            self._forms[name].reject({at: text for at, text in wrong.items() if at.partition(".")[0] == name})

    # what is answered ---------------------------------------------------------------------------------------------

    def on_fields_changed(self) -> None:
        name = self._asks
        form = self._forms.get(name)
        if self._answers is None or form is None:
            return
        documents = {**self._answers.documents, name: form.draft.document()}
        self._secrets.update(form.secrets)
        self._answers = replace(self._answers, documents=documents)
        self._draw_said()
        self._touched()

    def on_fields_item_opened(self, event: Any) -> None:
        self.app.push_screen(ItemScreen(event))

    def _touched(self) -> None:
        """Plans, and keeps the answers, once nothing is changed for a moment."""
        self._planning.stop()
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST, self._sketch_now)

    @work(exclusive=True, group="sketch", exit_on_error=False)
    async def _sketch_now(self) -> None:
        from pi_installer_tui import wizard

        if self._answers is None or not self._states:
            return
        answers, secrets = replace(self._answers, page=self._page), frozenset(self._secrets)
        if not self.shell.read_only:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(wizard.keep, self.shell.store.root, answers)
        self._sketch = await asyncio.to_thread(wizard.sketch, self._states, answers, secrets)
        if self._machine is not None:
            self._advice = wizard.advice(self._machine, self._sockets, self._offers, self._sketch)
        if not self.closing:
            self.query_one("#sum", Panel).set_lines([self._sum(self._sketch)])
            self._draw()

    def _sum(self, found: Sketch) -> Line:
        """The plan so far in a line."""
        plan = found.plan
        if found.mistakes:
            count = len(found.mistakes)
            wrong = ngettext("{n} answer is wrong", "{n} answers are wrong", count).format(n=count)
            return [Cell(_("The plan so far: "), "quiet"), Cell(f"! {wrong}", "bad")]
        if plan.empty:
            return [Cell(_("The plan so far: nothing to do"), "quiet")]
        steps = len(plan.flat)
        said = [ngettext("{n} step", "{n} steps", steps).format(n=steps)]
        restarts = sum("service-restart" in step.risks for step in plan.flat)
        if restarts:
            said.append(ngettext("{n} restart", "{n} restarts", restarts).format(n=restarts))
        if plan.trials:
            said.append(_("on probation at the end"))
        if any("reboot" in step.risks for step in plan.flat):
            said.append(_("a reboot"))
        packages = [package for step in plan.flat for package in getattr(step, "packages", ())]
        if packages:
            said.append(_("installs {names}").format(names=", ".join(dict.fromkeys(packages))))
        return [Cell(_("The plan so far: "), "quiet"), Cell(", ".join(said))]

    # back and forth -----------------------------------------------------------------------------------------------

    async def _turn(self, page: str) -> None:
        self._page = page
        await self._show_page()
        self._touched()

    async def action_next(self) -> None:
        if self._answers is None or self._planning.running:
            return
        pages = self._pages
        at = pages.index(self._page)
        if at + 1 < len(pages):
            await self._turn(pages[at + 1])
        elif self._blocked:
            self._draw_said()
        elif self._sketch is not None and not self._sketch.plan.empty:
            self._planning.start(self._plan, lambda: self._secrets)

    async def action_before(self) -> None:
        pages = self._pages
        at = pages.index(self._page) if self._page in pages else 0
        if at > 0:
            await self._turn(pages[at - 1])

    async def action_back(self) -> None:
        if self._planning.stop():
            return
        if self._page == MACHINE:
            await self.app.pop_screen()
        else:
            await self.action_before()

    def action_more(self) -> None:
        form = self._forms[self._asks]
        form.short = not form.short
        self._draw_said()
        self.refresh_bindings()

    # files --------------------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        from pi_installer_tui.screens.setups import SetupsScreen

        self.app.push_screen(SetupsScreen(self._open_setup, self._boot))

    @work(exclusive=True, group="file", exit_on_error=False)
    async def _open_setup(self, text: str) -> None:
        """Takes over the answers of a setup file, in place of those that were there."""
        from pi_installer_tui import planning, wizard

        try:
            setup = await asyncio.to_thread(planning.parse, text)
        except planning.SetupError as error:
            told = "\n".join(str(mistake) for mistake in error.mistakes[:TOLD])
            self.app.push_screen(Problem(told, _("Nothing was changed, and your answers are as they were.")))
            return
        await self._start_with(wizard.Answers.of(setup.document))

    def action_save(self) -> None:
        from pi_installer_tui import setups
        from pi_installer_tui.screens.line import AskLine

        wrong = _("Small letters, digits, - and _, up to 40.")
        suggested = self.shell.machine_name if setups.NAME.fullmatch(self.shell.machine_name) else ""
        question = AskLine(_("Save the answers as:"), setups.NAME, wrong, value=suggested)
        self.app.push_screen(question, self._save)

    async def _save(self, name: str | None) -> None:
        from pi_installer_tui import planning, setups

        if name is None or self._answers is None:
            return
        stays = _("Your answers are as they were.")
        try:
            setup = planning.combine([self._answers.document()])
            await asyncio.to_thread(setups.save, self.shell.store.root, name, setup)
        except planning.SetupError as error:
            told = "\n".join(str(mistake) for mistake in error.mistakes[:TOLD])
            self.app.push_screen(Problem(_("Not saved, some answers are wrong:") + "\n" + told, stays))
        except OSError as error:
            self.app.push_screen(Problem(_("Not saved: {error}").format(error=error), stays))
        else:
            said = _("Saved. The same again elsewhere: pi-installer-tui apply {name}").format(name=name)
            self._said([[Cell(said, "good")]])

    def action_over(self) -> None:
        lost = _("Your answers here are forgotten. Nothing was changed on the machine.")
        self.app.push_screen(Ask(_("Start over?"), [lost]), self._over)

    async def _over(self, sure: bool | None) -> None:
        from pi_installer_tui import wizard

        if not sure:
            return
        await self._start_with(wizard.Answers())

    async def _start_with(self, answers: Answers) -> None:
        """Begins anew with these answers. Where there are none yet, with what is proposed."""
        from pi_installer_tui import wizard

        for form in self._forms.values():
            await form.remove()
        self._forms, self._secrets, self._resumed = {}, {}, False
        self._answers = answers
        if self._states:
            self._offers = wizard.offers(self._states, answers)
            if answers.empty:
                self._answers = wizard.proposed({}, self._offers, answers)
        await self._turn(MACHINE if answers.empty else GOALS)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "more":
                form = self._forms.get(self._asks)
                return form is not None and (not form.short or form.hidden > 0)
            case "before":
                return self._page != MACHINE
            case "open":
                return self._answers is not None and self._page in (MACHINE, GOALS)
            case "save":
                return self._answers is not None and not self._answers.empty and not self.shell.read_only
            case "next":
                return self._answers is not None and (self._page != CHECK or not self._blocked)
        return True

    # the plan -----------------------------------------------------------------------------------------------------

    async def _plan(self) -> Planned:
        from pi_installer_tui import planning

        assert self._answers is not None
        setup = planning.combine([self._answers.document()])
        return await planning.plan(self.shell.host, setup, secrets=self._secrets)

    def _refuse(self, mistakes: Iterable[Any]) -> None:
        from pi_installer_tui.wizard import Advice

        told = [Advice("bad", _("mistake"), str(mistake), mistake.place) for mistake in mistakes]
        self._advice = [*told, *(each for each in self._advice if each.tone != "bad")]
        self._draw()
        self.refresh_bindings()
