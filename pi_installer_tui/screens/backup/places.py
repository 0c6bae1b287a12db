"""Places: where repositories lie, what is known of each, and the guided way to a new one: its kind, a form of what that
kind needs, a trial of each permission, the plan, the recovery kit."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from pi_installer_tui import modules
from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
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
    from pi_installer_tui.modules.backup.keys import Pair
    from pi_installer_tui.modules.backup.places import PlaceSettings
    from pi_installer_tui.modules.backup.trial.kept import Kept
    from pi_installer_tui.screens.backup.seen import PlaceSeen, Seen
    from pi_installer_tui.widgets.form.form import Form

#: the columns, in cells: name, kind, last run, recovery kit, where
WIDTHS = (12, 7, 18, 14, 0)
#: what each kind is
KINDS: Mapping[str, str] = {
    "folder": N_("a folder, on a USB disk best"),
    "sftp": N_("a server with SSH (SFTP)"),
    "rest": N_("restic's REST server"),
    "s3": N_("Amazon S3, or what speaks it"),
    "gcs": N_("Google Cloud Storage"),
}
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


class PlacesScreen(ShellScreen):
    """The places."""

    place = "backup_places"
    where = N_("Backup: places")
    PARTS = ("places", "detail")
    about = N_(
        "Where backups are kept. A new place is set up step by step: its kind, what it needs, a trial of each "
        "permission with what the provider answered, the plan.\n"
        "Then its recovery kit: all that it takes to have everything back on a bare machine, without this program. It "
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
        if self._seen.trouble:
            rows.append(remark(Cell(printable(self._seen.trouble), "warn")))
        elif not rows:
            rows = [remark(Cell(_("There is no place yet. `n` sets one up, step by step."), "quiet"))]
        self.query_one(Rows).set_rows(rows)
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
        name = await self.app.push_screen_wait(AskLine(_("What is the new place called?"), free, wrong, example="usb"))
        if name is None:
            return
        titles = {_(title): kind for kind, title in KINDS.items()}
        chosen = await self.app.push_screen_wait(ChooseScreen(_("What is it?"), tuple(titles), None, None, leave=False))
        if chosen is not None:
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


class NewPlaceScreen(ShellScreen):
    """What a new place of a kind needs, in a form; nothing is kept before it was tried and planned."""

    place = "backup_new"
    where = N_("Backup: a new place")
    PARTS = ("said", "new")
    about = N_(
        "What a place of this kind needs. `try` then tries each permission on its own and shows what was answered; "
        "nothing is kept there. Applying comes after that, with a plan to be reviewed.\n"
        "Secrets are typed unseen, and kept in files that only root reads. Where no password is given one is made.\n"
        "An SSH key, or a service account's JSON, is read from a file of this machine: type its path. For an SSH "
        "server `make key` makes one for this place alone, and shows what belongs into ~/.ssh/authorized_keys there."
    )
    CSS = """
    NewPlaceScreen #new { height: 1fr; }
    """
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_new")]

    def __init__(self, name: str, kind: str) -> None:
        super().__init__()
        self._called = name
        self._kind = kind
        self._form: Form[Any] | None = None
        self._pair: Pair | None = None

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading the machine ..."), "quiet")]], id="said")
        yield Container(id="new")

    def on_mount(self) -> None:
        self.say_where(_("New place {name}").format(name=self._called))
        self._open()

    @work(exclusive=True, group="open")
    async def _open(self) -> None:
        from pi_installer_tui.widgets.form import Form

        module = await asyncio.to_thread(modules.load, "backup")
        try:
            state = await module.read(self.shell.host)
        except Exception as error:
            # a fault; without the machine's choices the form still works
            self._say(Cell(_("This can't be read: {error}").format(error=printable(str(error))), "bad"))
            return

        def choices(name: str) -> Sequence[str]:
            return module.choices(state, name)

        if self.closing:
            return
        model = _fields(self._kind)
        self._say_kind()
        self._form = Form(model, model(), choices, f"backup.places.{self._called}", id="form")
        await self.query_one("#new", Container).mount(self._form)
        self._form.focus_first()
        self.refresh_bindings()

    def _say(self, *cells: Cell) -> None:
        if not self.closing:
            self.query_one("#said", Panel).set_lines([cells])

    def _say_kind(self) -> None:
        hint = _("`t` tries it.") if self._pair is None else _("`m` shows the key's public half again, `t` tries it.")
        self._say(Cell(_(KINDS[self._kind])), Cell(f"  {hint}", "quiet"))

    def on_fields_changed(self) -> None:
        self._say_kind()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "key":
            return self._form is not None and self._kind == "sftp"
        return action != "try" or self._form is not None

    def action_try(self) -> None:
        from pi_installer_tui.widgets.form import Invalid

        form = self._form
        assert form is not None
        settings = form.settings()
        if not form.changed or isinstance(settings, Invalid):
            form.reject({})
            self._say(Cell(_("Not tried: fill in what it needs, and mend what is marked with !."), "bad"))
            return
        typed = settings.model_dump(mode="json", exclude_none=True)
        self._begin(_model(self._kind).model_validate({"kind": self._kind, **typed}), form.secrets)

    @work(exclusive=True, group="begin")
    async def _begin(self, place: PlaceSettings, typed: Mapping[str, str]) -> None:
        """Reads the keys that lie in files, and goes on to the trial."""
        from pi_installer_tui.modules.backup.keys import complete
        from pi_installer_tui.screens.backup.trial import TrialScreen

        secrets, wrong = await complete(self.shell.host, {self._called: place}, typed)
        if self.closing or self._form is None:
            return
        if wrong:
            self._form.reject({mistake.place: mistake.message for mistake in wrong})
            self._say(Cell(_("Not tried: see what is marked with !."), "bad"))
            return
        self.app.push_screen(TrialScreen(self._called, place, secrets))

    @work(exclusive=True, group="key")
    async def action_key(self) -> None:
        """Makes a key for this place alone, once, and shows its public half, for the server."""
        from pi_installer_tui.modules.backup import keys
        from pi_installer_tui.screens.code import CodeScreen
        from pi_installer_tui.system.host import HostError
        from pi_installer_tui.widgets.form.rows import SecretFileRow

        form = self._form
        if form is None:
            return
        if self._pair is None:
            try:
                self._pair = await keys.make(self.shell.host, f"backup-{self._called}")
            except (HostError, OSError) as error:
                self._say(Cell(_("No key was made: {error}").format(error=printable(str(error))), "bad"))
                return
        row = next(row for row in form.rows if isinstance(row, SecretFileRow))
        row.give(self._pair.private)
        title = _("For authorized_keys on the server")
        self.app.push_screen(CodeScreen(title, self._pair.public, f"backup-{self._called}.pub"))

    async def action_back(self) -> None:
        from pi_installer_tui.screens.ask import Ask

        if self._form is None or not self._form.changed:
            await self.app.pop_screen()
            return

        def leave(sure: bool | None) -> None:
            if sure:
                self.app.pop_screen()

        question = _("Leave, and forget what you typed here?")
        self.app.push_screen(Ask(question, [_("Nothing was changed on the machine.")]), leave)


def _model(kind: str) -> type[Any]:
    """The settings of a kind of place."""
    from pi_installer_tui.modules.backup import places

    found: Mapping[str, type[Any]] = {
        "folder": places.FolderPlace,
        "sftp": places.SftpPlace,
        "rest": places.RestPlace,
        "s3": places.S3Place,
        "gcs": places.GcsPlace,
    }
    return found[kind]


def _fields(kind: str) -> type[Any]:
    """What a form asks of a place whose kind is settled."""
    from pydantic import create_model

    from pi_installer_tui.tasks.frozen import Frozen

    fields = {name: (info.annotation, info) for name, info in _model(kind).model_fields.items()}
    asked: dict[str, Any] = {name: field for name, field in fields.items() if name not in ("kind", "state")}
    return create_model("NewPlace", __base__=Frozen, **asked)


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
    if not place.kit:
        said = _("Its recovery kit was not read back: without the password nothing comes back. `c` shows it.")
        lines.append(Prose(said, "warn"))
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
