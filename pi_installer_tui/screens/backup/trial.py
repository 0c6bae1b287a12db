"""A place on trial: each thing it needs is tried on its own, and what was answered is shown as it comes. From here to
the plan; a server's key is compared and accepted here, a bucket made."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.worker import Worker

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.ask import Ask
from pi_installer_tui.screens.backup.told import Told
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.planning import Planning
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.modules.backup.places import PlaceSettings
    from pi_installer_tui.modules.backup.trial import Tried
    from pi_installer_tui.modules.backup.trial.kept import Kept
    from pi_installer_tui.planning import Planned
    from pi_installer_tui.tasks.plan import Mistake

#: the columns, in cells: result, what, what was answered
WIDTHS = (9, 24, 0)


class TrialScreen(ShellScreen):
    """The trial of a place. secrets: those that were typed, by name; others are read where they lie. known: the place
    is applied already, so that there is only something to plan when a key was accepted. kept: the last trial is shown
    instead of a new one."""

    place = "backup_trial"
    where = N_("Backup: a place on trial")
    PARTS = ("said", "tried", "answer")
    about = N_(
        "Each thing that a place needs is tried on its own, and what the provider answered is shown: reaching it, "
        "logging in, listing, writing, reading back, deleting. What was written for that is deleted again.\n"
        "An SSH server's key is shown before anything else: compare its fingerprint with the one that the server "
        "itself says (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there), and accept it only when they are the "
        "same.\n"
        "What came of it is kept, and shown in the list of places.\n"
        "Plan then shows exactly what would be done; nothing is kept before you have agreed to that."
    )
    CSS = """
    TrialScreen #answer { height: 7; }
    """
    AUTO_FOCUS = "#tried"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_trial")]

    def __init__(
        self,
        name: str,
        settings: PlaceSettings,
        secrets: Mapping[str, str],
        *,
        known: bool = False,
        kept: Kept | None = None,
    ) -> None:
        super().__init__()
        self._kept = kept
        self._called = name
        self._settings = settings
        self._secrets = secrets
        self._known = known
        self._changed = not known
        self._tried: list[Tried] = []
        self._trying: Worker[None] | None = None
        self._over = False
        self._planning = Planning(
            self,
            say=self._say,
            over=self._sum_up,
            refuse=self._refuse,
            stays=_("What you typed is still in the form; try again when the cause is gone."),
        )

    def body(self) -> Iterable[Widget]:
        yield Panel([[]], id="said")
        yield Told(WIDTHS, id="tried")
        answer = TextPane(id="answer")
        answer.text.can_focus = False
        yield answer

    def on_mount(self) -> None:
        self.say_where(_("Trial of {name}").format(name=self._called))
        if self._kept is None:
            self._start()
            return
        self._tried, self._over = list(self._kept.tried), True
        self._draw()
        self._sum_up()
        self._show_what_counts()

    def on_unmount(self) -> None:
        self._secrets = {}

    # trying -------------------------------------------------------------------------------------------------------

    def _start(self, *, create: bool = False) -> None:
        self._kept, self._tried, self._over = None, [], False
        self._draw()
        self._trying = self.run_worker(partial(self._try, create), group="try", exclusive=True)

    async def _try(self, create: bool) -> None:
        from pi_installer_tui.modules.backup.trial import trial

        self._say(Cell(_("Trying ... Esc stops it."), "quiet"))
        try:
            async for tried in trial(self.shell.host, self._settings, self._secrets, create=create):
                self._tried.append(tried)
                self._draw()
        except Exception as error:
            # its words could quote what was sent
            self._say(Cell(_("The trial broke off: {error}").format(error=type(error).__name__), "bad"))
            return
        finally:
            self._over = True
        self._draw()
        self._sum_up()
        self._show_what_counts()
        await self._keep()

    async def _keep(self) -> None:
        """Keeps what came of it, for the list of places. Without the right to it is only shown."""
        from pi_installer_tui.modules.backup.trial import kept

        if not self.shell.read_only and self._tried:
            with contextlib.suppress(OSError):
                await kept.keep(self.shell.host, self._called, self._settings, self._tried, time.time())

    @property
    def _good(self) -> bool:
        return self._over and bool(self._tried) and all(tried.ok is not False for tried in self._tried)

    def _found(self, what: str) -> Tried | None:
        return next((tried for tried in self._tried if tried.what == what), None)

    def _sum_up(self) -> None:
        """How it went as a whole, and what comes next."""
        wrong = [tried for tried in self._tried if tried.ok is False]
        if self._kept is not None:
            text = _("As it was answered {time}; `r` tries it again.")
            self._say(Cell(text.format(time=moment(self._kept.at)), "quiet"))
        elif not self._over:
            self._say(Cell(_("Trying ... Esc stops it."), "quiet"))
        elif self._key_waits:
            self._say(Cell(_("Compare the server's key; `a` accepts it, and the trial goes on."), "warn"))
        elif wrong:
            self._say(Cell(_("It doesn't work like that: see what is marked."), "bad"))
        elif self._good and self._changed:
            self._say(Cell(_("All of it works. `p` plans it; then comes its recovery kit."), "good"))
        elif self._good:
            self._say(Cell(_("All of it works."), "good"))
        self.refresh_bindings()

    def _show_what_counts(self) -> None:
        """Puts the cursor on what has to be looked at."""
        at = next((n for n, tried in enumerate(self._tried) if tried.ok is False), None)
        if self._key_waits:
            at = next((n for n, tried in enumerate(self._tried) if tried.what == "host-key"), at)
        if at is not None and not self.closing:
            self.query_one(Rows).select(str(at))

    @property
    def _key_waits(self) -> bool:
        """The server has shown a key that nobody has accepted yet."""
        key = self._found("host-key")
        return key is not None and bool(key.value) and key.value != getattr(self._settings, "host_key", None)

    # drawing ------------------------------------------------------------------------------------------------------

    def _say(self, *cells: Cell) -> None:
        if not self.closing:
            self.query_one("#said", Panel).set_lines([cells])

    def _draw(self) -> None:
        if self.closing:
            return
        signs = glyphs(self)
        self.query_one(Rows).set_rows([_row(n, tried, signs) for n, tried in enumerate(self._tried)])
        self._tell()
        self.refresh_bindings()

    def _tell(self) -> None:
        row, pane = self.query_one(Rows).row, self.query_one("#answer", TextPane)
        tried = self._tried[int(row.id)] if row is not None and int(row.id) < len(self._tried) else None
        if tried is None:
            pane.set("", [])
            return
        lines: list[Cell] = [Prose(printable(tried.said), _TONES[tried.ok])]
        if tried.value:
            lines.append(Prose(printable(tried.value), "strong"))
        pane.set(_title(tried), lines)

    def on_rows_moved(self) -> None:
        self._tell()

    # keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "again":
                return self._over
            case "accept":
                return self._over and self._key_waits
            case "bucket":
                bucket = self._found("place")
                return self._over and self._settings.kind in ("s3", "gcs") and bucket is not None and bucket.ok is False
            case "plan":
                return self._good and self._changed and not self._key_waits and not self.shell.read_only
        return True

    def action_again(self) -> None:
        self._start()

    def action_accept(self) -> None:
        key = self._found("host-key")
        assert key is not None
        self._settings = self._settings.model_copy(update={"host_key": key.value})
        self._changed = True
        self._start()

    def action_bucket(self) -> None:
        def make(sure: bool | None) -> None:
            if sure:
                self._start(create=True)

        question = _("Make the bucket?")
        stays = _("It is made at the provider at once, and stays there. What lies in it may cost money.")
        self.app.push_screen(Ask(question, [stays]), make)

    def action_plan(self) -> None:
        if not self._planning.running:
            secrets = dict(self._secrets)
            self._planning.start(lambda: self._plan(secrets), lambda: secrets)

    async def _plan(self, secrets: Mapping[str, str]) -> Planned:
        from pi_installer_tui import planning
        from pi_installer_tui.modules.backup.settings import BackupSettings

        setup = planning.of({"backup": BackupSettings(places={self._called: self._wanted})})
        return await planning.plan(self.shell.host, setup, secrets=secrets)

    @property
    def _wanted(self) -> PlaceSettings:
        """What was tried, with the bucket's region as the provider has said it, where none was given."""
        region = self._found("region")
        if self._settings.kind == "s3" and not self._settings.region and region is not None and region.value:
            return self._settings.model_copy(update={"region": region.value})
        return self._settings

    def _refuse(self, mistakes: Iterable[Mistake]) -> None:
        self._say(Cell(printable("; ".join(str(mistake) for mistake in mistakes)), "bad"))

    async def action_back(self) -> None:
        if self._planning.stop():
            return
        if self._trying is not None and self._trying.is_running:
            self._trying.cancel()
            self._over = True
            self._say(Cell(_("Stopped. `r` tries again."), "warn"))
            self.refresh_bindings()
            return
        await self.app.pop_screen()


_TONES: Mapping[bool | None, Tone] = {True: "good", False: "bad", None: "plain"}


def _title(tried: Tried) -> str:
    from pi_installer_tui.modules.backup.trial import TITLES

    return _(TITLES.get(tried.what, tried.what))


def _row(number: int, tried: Tried, signs: Glyphs) -> Row:
    words = {True: (signs.ok, _("works")), False: (signs.failed, _("doesn't")), None: (signs.todo, _("to know"))}
    sign, word = words[tried.ok]
    cells = (Cell(f"{sign} {word}", _TONES[tried.ok]), Cell(_title(tried), "strong"), Cell(printable(tried.said)))
    return Row(str(number), cells)
