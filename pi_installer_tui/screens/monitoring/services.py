"""The services: what failed first, each with why, since when, what it takes and the last lines of its log; containers
below them.

Nothing is changed from here: the keys ask for an action of the module Monitoring, whose plan is reviewed as any other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.finding import Finding
from pi_installer_tui.screens.larger import Larger
from pi_installer_tui.screens.monitoring import unit_words as words
from pi_installer_tui.screens.signs import span
from pi_installer_tui.system.reading import Known, Reading, Unknown
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading, remark
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.system.containers import Container, Usage
    from pi_installer_tui.system.services import LogLine, Service

#: the columns, in cells: state, name, restarts, memory, since, at boot (and what it is, where there is room)
_WIDTHS = (10, 24, 5, 8, 10, 0)
_ROOMY = 110  # cells
#: looks in which the machine is asked for one of the list; the log of one and the containers are asked for more rarely
_TICKS, _RARELY = 2.5, 3
#: seconds for which the cursor stays before the log is asked for
_REST = 0.2

VIEWS: Mapping[str, str] = {
    "used": N_("those in use"),
    "all": N_("all"),
    "failed": N_("only those that failed"),
    "own": N_("only those made here"),
}


class Services(Finding, Larger):
    """The services board. unit: the service under the cursor at first."""

    place = "services"
    where = N_("Services")
    PARTS = ("head", "services", "detail")
    about = N_(
        "Every service of systemd, those that failed first: since when, how often systemd had to start it again, its "
        "memory, and whether it starts with the machine. Below: why it failed, what it needs, and the last lines of "
        "its log. `restarts` means that it ends by itself, and systemd tries again.\n"
        "At first what runs, what failed and what starts with the machine is shown; `v` shows all, only those that "
        "failed, or only those whose file was made on this machine and isn't a package's.\n"
        "Start, stop, restart, enable (start with the machine) and disable are planned and shown first. What could cut "
        "you off says so: it is on probation, or refused where it couldn't come back by itself.\n"
        "The containers of Docker and Podman stand below, where one of them is installed; nothing is done to them."
    )
    CSS = """
    Services #detail { height: 10; }
    Services.-tall #detail { height: 16; }
    Services.-larger #detail { height: 1fr; }
    Services.-larger #services, Services.-larger #head { display: none; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-tall")]
    AUTO_FOCUS = "#services"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("services")]

    def __init__(self, unit: str = "") -> None:
        super().__init__()
        self._unit = unit
        self._units: Reading[Mapping[str, Service]] | None = None
        self._containers: Mapping[str, Reading[list[Container]]] = {}
        self._logs: dict[str, Reading[tuple[LogLine, ...]]] = {}
        #: those that systemd has to read anew to know them
        self._whole: dict[str, Service | None] = {}
        self._usage: dict[str, Reading[Usage]] = {}
        self._view = "used"
        self._looks = 0
        self._clock: Timer | None = None
        self._reading: Worker[None] | None = None
        self._asking: Worker[None] | None = None
        self._detailing: Worker[None] | None = None

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Asking systemd ..."), "quiet")], []], id="head")
        yield SearchField(_("a part of a name or of what it is"))
        yield Rows(_WIDTHS, id="services")
        yield TextPane(id="detail")

    def on_mount(self) -> None:
        self._clock = self.set_interval(self.shell.profile.tick * _TICKS, self._look_again, pause=True)
        self.shell.opened.subscribe(self, lambda _none: self._look())

    def on_screen_resume(self) -> None:
        self._looks = 0
        if self._clock is not None:
            self._clock.resume()
        self._look()

    def on_screen_suspend(self) -> None:
        if self._clock is not None:
            self._clock.pause()

    def on_resize(self) -> None:
        if self._units is not None:
            self._draw()

    # reading ------------------------------------------------------------------------------------------------------

    def _look_again(self) -> None:
        if self._reading is None or self._reading.is_finished:
            self._look()

    def _look(self) -> None:
        if self.shell.is_open:
            self._reading = self.run_worker(self._read, group="read", exclusive=True)

    async def _read(self) -> None:
        from pi_installer_tui.system import services

        rarely = self._looks % _RARELY == 0
        self._looks += 1
        try:
            self._units = await services.read(self.shell.host)
        except Exception as error:
            # what can't be read is unknown in the reading; this is a fault, and must not take the screens with it
            self._units = Unknown(_("This can't be read: {error}").format(error=error))
        if self.closing:
            return
        self._draw()
        if self._unit:
            self._find_first()
        if rarely:
            self._read_detail()
            self._asking = self.run_worker(self._read_containers, group="containers", exclusive=True)

    async def _read_containers(self) -> None:
        """Beside the services, so that an engine that hangs holds nothing up."""
        from pi_installer_tui.system import containers

        docker = self._found.get("docker.service")
        sleeps = docker is not None and not docker.runs
        try:
            self._containers = await containers.read(self.shell.host, docker_sleeps=sleeps)
        except Exception as error:
            said = _("This can't be read: {error}").format(error=error)
            self._containers = dict.fromkeys(containers.ENGINES[:1], Unknown(said))
        if not self.closing:
            self._draw()

    def _read_detail(self) -> None:
        row = self.query_one(Rows).row
        if row is not None:
            self._detailing = self.run_worker(partial(self._read_one, row.id), group="detail", exclusive=True)

    async def _read_one(self, row: str) -> None:
        """The log of a service, what a container takes."""
        await asyncio.sleep(_REST)
        host = self.shell.host
        try:
            if (one := self._container(row)) is not None:
                from pi_installer_tui.system import containers

                self._usage[row] = await containers.usage(host, one)
            else:
                from pi_installer_tui.system import services

                self._logs[row] = await services.last_lines(host, row)
                if row in self._found and not self._found[row].in_memory:
                    self._whole[row] = await services.read_one(host, row)
        except Exception as error:
            self._logs[row] = Unknown(_("This can't be read: {error}").format(error=error))
        if not self.closing:
            self._draw_detail()

    def _find_first(self) -> None:
        """Puts the cursor on the service that the screen was opened for."""
        rows, wanted = self.query_one(Rows), self._unit
        self._unit = ""
        if wanted in self._found and not rows.select(wanted):
            self._view = "all"
            self._draw()
            rows.select(wanted)

    # what is shown ------------------------------------------------------------------------------------------------

    @property
    def _found(self) -> Mapping[str, Service]:
        return self._units.value if isinstance(self._units, Known) else {}

    @property
    def _services(self) -> list[Service]:
        """Those that are shown, in their order."""
        found = [each for each in self._found.values() if each.kind == "service" and self._in_view(each)]
        return [each for each in found if self.seeks(f"{each.name} {each.description} {self._word(each)}")]

    def _in_view(self, unit: Service) -> bool:
        match self._view:
            case "used":
                return unit.runs or unit.failed or unit.at_boot
            case "failed":
                return unit.failed
            case "own":
                return unit.own
        return True

    def _word(self, unit: Service) -> str:
        return words.state(unit, glyphs(self)).text

    def _container(self, row: str) -> Container | None:
        for engine, found in self._containers.items():
            for one in found.value if isinstance(found, Known) else ():
                if row == f"{engine}:{one.id}":
                    return one
        return None

    def _draw(self) -> None:
        rows = self.query_one(Rows)
        if isinstance(self._units, Unknown):
            rows.set_rows([remark(Cell(printable(self._units.reason), "warn")), *self._container_rows()])
            self.query_one("#head", Panel).set_lines([[], []])
        elif self._units is not None:
            found = [self._row(each) for each in self._services]
            none = (
                _("No service failed.") if self._view == "failed" and not self.sought else _("there is none like that")
            )
            rows.set_rows([*(found or [remark(Cell(none, "quiet"))]), *self._container_rows()])
            self.query_one("#head", Panel).set_lines([self._said(), self._titles()])
        self._draw_detail()
        self.refresh_bindings()

    def _row(self, unit: Service) -> Row:
        since = span(max(0.0, time.time() - unit.since)) if unit.since is not None else "-"
        boot = unit.enabled or "-"
        if self.size.width >= _ROOMY:
            boot = f"{boot.ljust(10)}  {printable(unit.description)}"
        return Row(
            unit.name,
            (
                words.state(unit, glyphs(self)),
                Cell(printable(unit.name.removesuffix(".service"))),
                Cell(str(unit.restarts) if unit.restarts else "-", "warn" if unit.restarts else "quiet"),
                Cell(size(unit.memory) if unit.memory is not None and unit.runs else "-"),
                Cell(since),
                Cell(boot, "quiet"),
            ),
        )

    def _container_rows(self) -> list[Row]:
        rows: list[Row] = []
        for engine, found in self._containers.items():
            title = _("Containers: {engine}").format(engine=engine)
            if isinstance(found, Unknown):
                rows += [heading(title), remark(Cell(printable(found.reason), "warn"))]
                continue
            every = found.value if isinstance(found, Known) else []
            shown = [
                one
                for one in sorted(every, key=lambda one: (not one.troubled, one.name.casefold()))
                if self.seeks(f"{one.name} {one.image} {one.state}") and (self._view != "failed" or one.troubled)
            ]
            if not shown and (every or self._view == "failed"):
                continue
            rows.append(heading(title, ngettext("{n} container", "{n} containers", len(every)).format(n=len(every))))
            for one in shown:
                cells = (words.container_state(one, glyphs(self)), Cell(printable(one.name)), Cell(""), Cell(""))
                rows.append(Row(f"{engine}:{one.id}", (*cells, Cell(""), Cell(printable(one.image), "quiet"))))
        return rows

    def _said(self) -> list[Cell]:
        every = [each for each in self._found.values() if each.kind == "service"]
        failed = [each for each in every if each.failed]
        running = len([each for each in every if each.runs and not each.failed])
        parts = [Cell(_("nothing failed"), "good")]
        if failed:
            said = ngettext("{n} failed", "{n} failed", len(failed)).format(n=len(failed))
            parts = [Cell(f"{glyphs(self).failed} {said}", "bad")]
        parts.append(Cell(", " + _("{n} run, {count} are there").format(n=running, count=len(every))))
        note = _("shown: {view}").format(view=_(VIEWS[self._view]))
        note += self.only_sought()
        return [*parts, Cell(f"  {note}", "quiet")]

    def _titles(self) -> list[Cell]:
        boot = _("at boot")
        if self.size.width >= _ROOMY:
            boot = f"{boot.ljust(10)}  {_('what it is')}"
        names = (_("state"), _("service"), _("again"), _("memory"), _("for"), boot)
        cells = [name.ljust(width) for name, width in zip(names, _WIDTHS, strict=True)]
        return [Cell("  " + "  ".join(cells), "quiet")]

    def _draw_detail(self) -> None:
        row, pane = self.query_one(Rows).row, self.query_one("#detail", TextPane)
        if row is None:
            pane.set("", [])
        elif (one := self._container(row.id)) is not None:
            pane.set(printable(one.name), [*words.container_detail(one, self._usage.get(row.id), glyphs(self))])
        elif (unit := self._found.get(row.id)) is not None:
            now = time.time()
            unit = unit if unit.in_memory else self._whole.get(row.id) or unit
            lines = [*words.detail(unit, now, glyphs(self), self._warnings(unit))]
            log = self._logs.get(unit.name)
            lines += [Cell(_("Reading its log ..."), "quiet")] if log is None else words.log_lines(log, now)
            about = f": {unit.description}" if unit.description and unit.description != unit.name else ""
            pane.set(printable(unit.name + about), lines)

    def _warnings(self, unit: Service) -> tuple[str, ...]:
        """What stopping it would do to the person who sits here."""
        from pi_installer_tui.modules.monitoring.cutting import Board, effects
        from pi_installer_tui.system.seat import Seat

        board = Board(Known(self._found), self.shell.seat or Seat("unknown"), self.shell.who)
        return tuple(each.text for each in effects(board, unit.name, "stop"))

    # finding ------------------------------------------------------------------------------------------------------

    def found_anew(self) -> None:
        if self._units is not None:
            self._draw()

    def action_view(self) -> None:
        views = list(VIEWS)
        self._view = views[(views.index(self._view) + 1) % len(views)]
        if self._units is not None:
            self._draw()

    # keys ---------------------------------------------------------------------------------------------------------

    @property
    def _one(self) -> Service | None:
        row = self.query_one(Rows).row if not self.closing else None
        return self._found.get(row.id) if row is not None else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        unit = self._one
        match action.removesuffix("_unit"):
            case "start":
                return unit is not None and unit.load == "loaded" and (not unit.runs or unit.restarting)
            case "stop":
                return unit is not None and unit.runs
            case "restart":
                return unit is not None and unit.load == "loaded" and unit.runs
            case "enable":
                return unit is not None and unit.enabled in ("disabled", "linked", "enabled-runtime")
            case "disable":
                return unit is not None and unit.enabled in ("enabled", "enabled-runtime")
            case "logs":
                return unit is not None
        return True

    def on_rows_moved(self) -> None:
        self._draw_detail()
        self._read_detail()
        self.refresh_bindings()

    def on_rows_opened(self) -> None:
        self.query_one("#detail", TextPane).text.focus()

    def action_refresh(self) -> None:
        self._looks = 0
        self._look()

    def action_logs(self) -> None:
        from pi_installer_tui.screens.monitoring.logs import Logs

        if self._one is not None:
            self.app.push_screen(Logs(unit=self._one.name))

    def _act(self, verb: str) -> None:
        if self._one is not None:
            self.shell.act("monitoring", verb, {"unit": self._one.name})

    def action_start_unit(self) -> None:
        self._act("start")

    def action_stop_unit(self) -> None:
        self._act("stop")

    def action_restart_unit(self) -> None:
        self._act("restart")

    def action_enable_unit(self) -> None:
        self._act("enable")

    def action_disable_unit(self) -> None:
        self._act("disable")
