"""Places: where repositories lie, what is known of each, what comes next until backups there are proven. The way to a
new one begins here (new_place.py)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.backup import onward
from pi_installer_tui.screens.backup import run_words as words
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.modules.backup.places import PlaceSettings
    from pi_installer_tui.modules.backup.trial.kept import Kept
    from pi_installer_tui.screens.backup.seen import PlaceSeen, Seen

#: the columns, in cells: name, kind, last run, recovery kit, where
WIDTHS = (12, 7, 18, 14, 0)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


class PlacesScreen(ShellScreen):
    """The places."""

    place = "backup_places"
    where = N_("Backup: places")
    stays = True
    PARTS = ("places", "detail")
    about = N_(
        "Where backups are kept. A new place is set up step by step: its kind, what it needs, a trial of each "
        "permission with what the provider answered, the plan.\n"
        "What comes next until backups there are proven stands below the list, and `go on` leads to it: its recovery "
        "kit, a job, the first run, a drill.\n"
        "The kit: all that it takes to have everything back on a bare machine, without this program. It "
        "has to be read back once, since a password that nobody has noted makes every backup worthless."
    )
    CSS = """
    PlacesScreen #detail { height: 8; }
    """
    AUTO_FOCUS = "#places"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_places")]

    def __init__(self) -> None:
        super().__init__()
        self._seen: Seen | None = None
        self._trials: dict[str, Kept] = {}
        #: a place that is being set up: the cursor goes to it once it is there
        self._new = ""

    def body(self) -> Iterable[Widget]:
        names = (_("place"), _("kind"), _("last run"), _("recovery kit"), _("where"))
        titles = "  ".join(name.ljust(width) for name, width in zip(names, WIDTHS, strict=True))
        yield Panel([[Cell(f"  {titles}", "quiet")]])
        yield Rows(WIDTHS, id="places")
        detail = TextPane(id="detail")
        detail.text.can_focus = False
        yield detail

    def on_mount(self) -> None:
        self.query_one(Rows).set_rows([remark(Cell(_("Reading the machine ..."), "quiet"))])

    def on_screen_resume(self) -> None:
        if self.shell.is_open:
            self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.screens.backup.seen import look

        try:
            self._seen = await look(self.shell.host)
            self._trials = await self._tried(self._seen)
        except Exception as error:
            # what can't be read is in what was seen; this is a fault, and must not take the screens with it
            if not self.closing:
                said = _("This can't be read: {error}").format(error=printable(str(error)))
                self.query_one(Rows).set_rows([remark(Cell(said, "bad"))])
            return
        if self.closing:
            return
        now, signs = time.time(), glyphs(self)
        rows = [_row(place, now, signs) for place in self._seen.places.values()]
        new = self._new if self._new in self._seen.places else ""
        if self._seen.trouble:
            rows.append(remark(Cell(printable(self._seen.trouble), "warn")))
        elif not rows:
            rows = [remark(Cell(_("There is no place yet. `n` sets one up, step by step."), "quiet"))]
        self.query_one(Rows).set_rows(rows)
        if new:
            self._new = ""
            self.query_one(Rows).select(new)
        self._tell()
        self.refresh_bindings()

    async def _tried(self, seen: Seen) -> dict[str, Kept]:
        from pi_installer_tui.modules.backup.trial import kept

        found = {one.name: await kept.read(self.shell.host, one.name, one.settings) for one in seen.places.values()}
        return {name: trial for name, trial in found.items() if trial is not None}

    @property
    def _one(self) -> PlaceSeen | None:
        row = self.query_one(Rows).row if self._seen is not None and not self.closing else None
        return self._seen.places.get(row.id) if self._seen is not None and row is not None else None

    def _tell(self) -> None:
        one, pane = self._one, self.query_one("#detail", TextPane)
        if one is None:
            pane.set("", [])
        else:
            pane.set(printable(one.name), _details(one, self._trials.get(one.name), time.time()))

    def on_rows_moved(self) -> None:
        self._tell()
        self.refresh_bindings()

    def on_rows_opened(self) -> None:
        self.action_change()

    # keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        one = self._one if self.is_mounted else None
        if action in ("try", "change", "locks"):
            return one is not None
        if action == "tried":
            return one is not None and one.name in self._trials
        if action == "onward":
            return one is not None and bool(one.following) and not self.shell.read_only
        if action in ("kit", "verify"):
            return one is not None and not self.shell.read_only
        return action != "new" or self._seen is not None

    def action_refresh(self) -> None:
        self._read()

    @work(exclusive=True, group="new")
    async def action_new(self) -> None:
        from pi_installer_tui.screens.line import AskLine
        from pi_installer_tui.widgets.form.choose import ChooseScreen

        taken = self._seen.places if self._seen is not None else {}
        wrong = _("small letters, digits, - _ and dots; not one that is taken")
        free = re.compile(rf"(?!(?:{'|'.join(map(re.escape, taken))})$){_NAME.pattern}") if taken else _NAME
        value = "" if "usb" in taken else "usb"
        name = await self.app.push_screen_wait(AskLine(_("What is the new place called?"), free, wrong, value=value))
        if name is None:
            return
        from pi_installer_tui.screens.backup.new_place import KINDS, NewPlaceScreen

        titles = {_(title): kind for kind, title in KINDS.items()}
        chosen = await self.app.push_screen_wait(ChooseScreen(_("What is it?"), tuple(titles), None, None, leave=False))
        if chosen is not None:
            self._new = name
            self.app.push_screen(NewPlaceScreen(name, titles[chosen[1]]))

    def action_try(self) -> None:
        from pi_installer_tui.screens.backup.trial import TrialScreen

        if (one := self._one) is not None:
            self.app.push_screen(TrialScreen(one.name, one.settings, {}, known=True))

    def action_tried(self) -> None:
        from pi_installer_tui.screens.backup.trial import TrialScreen

        if (one := self._one) is not None:
            trial = self._trials.get(one.name)
            self.app.push_screen(TrialScreen(one.name, one.settings, {}, known=True, kept=trial))

    def action_kit(self) -> None:
        from pi_installer_tui.screens.ask import Ask
        from pi_installer_tui.screens.backup.kit import KitScreen

        one = self._one
        if one is None:
            return

        def show(sure: bool | None) -> None:
            if sure:
                self.app.push_screen(KitScreen(one.name, one.settings))

        consequences = [
            _(
                "The kit shows the repository's password. Whoever sees it, and reaches the place, can read all that "
                "was kept."
            ),
            _("See that nobody looks over your shoulder, and that the screen isn't shared."),
        ]
        self.app.push_screen(Ask(_("Show the recovery kit of {place}?").format(place=one.name), consequences), show)

    def action_onward(self) -> None:
        one = self._one
        if one is None or self._seen is None:
            return
        match one.following:
            case "kit":
                self.action_kit()
            case "job":
                self._to_job(one.name)
            case "run" | "drill":
                self.shell.act("backup", one.following, {"job": one.following_job, "place": one.name})

    @work(exclusive=True, group="job")
    async def _to_job(self, place: str) -> None:
        assert self._seen is not None
        await onward.job_form(self, place, self._seen)

    def action_locks(self) -> None:
        from pi_installer_tui.screens.backup.locks import LocksScreen

        if (one := self._one) is not None:
            self.app.push_screen(LocksScreen(one))

    def action_verify(self) -> None:
        if (one := self._one) is not None:
            self.shell.act("backup", "verify", {"place": one.name})

    def action_change(self) -> None:
        from pi_installer_tui.screens.backup.module import BackupForm
        from pi_installer_tui.screens.module import Start

        if (one := self._one) is not None:
            self.app.push_screen(BackupForm("backup", Start(path=("places", one.name))))


def address(settings: PlaceSettings) -> str:
    """Where a place is, in a few words, without a secret."""
    parts: list[str]
    match settings.kind:
        case "folder":
            parts = [settings.path or "", f"({settings.device})" if settings.device else ""]
        case "sftp":
            user = f"{settings.user}@" if settings.user else ""
            parts = [f"{user}{settings.host or ''}:{settings.path or ''}"]
        case "rest":
            parts = [f"{(settings.url or '').rstrip('/')}/{settings.path or ''}"]
        case "s3":
            parts = [f"{settings.bucket or ''}/{settings.path or ''}", f"({settings.url})" if settings.url else ""]
        case "gcs":
            parts = [f"{settings.bucket or ''}/{settings.path or ''}"]
    return printable(" ".join(part for part in parts if part))


def _row(place: PlaceSeen, now: float, signs: Glyphs) -> Row:
    last = Cell("-", "quiet")
    if place.last is not None:
        stands = words.standing(place.last, signs)
        last = Cell(f"{stands.text} {words.age(now - place.last.started)}", stands.tone)
    kit = Cell(f"{signs.ok} {_('read back')}", "good") if place.kit else Cell(f"{signs.warning} {_('not yet')}", "warn")
    cells = (Cell(place.name, "strong"), Cell(place.settings.kind), last, kit, Cell(address(place.settings), "quiet"))
    return Row(place.name, cells)


def _details(place: PlaceSeen, trial: Kept | None, now: float) -> list[Cell]:
    lines: list[Cell] = [Prose(address(place.settings))]
    if place.password is False:
        lines.append(Prose(_("Its password isn't on this machine: nothing can be kept there or had back."), "bad"))
    if place.damaged:
        lines.append(Prose(_("A verification found damage: `u` on the overview shows what to do next."), "bad"))
    if text := onward.said(place):
        lines.append(Prose(printable(text), "warn" if place.following != "drill" else "plain"))
    if trial is not None:
        lines.append(_tried(trial))
    if place.last is not None:
        lines += [Cell(words.action(place.last.action), "quiet"), *words.details(place.last, now)]
    return lines


def _tried(trial: Kept) -> Cell:
    from pi_installer_tui.modules.backup.trial import TITLES

    if not trial.wrong:
        return Prose(_("Tried {time}: all of it worked.").format(time=moment(trial.at)), "good")
    names = ", ".join(_(TITLES.get(each.what, each.what)) for each in trial.wrong)
    text = _("Tried {time}: this didn't work: {names}. `w` shows what was answered.")
    return Prose(text.format(time=moment(trial.at), names=names), "bad")
