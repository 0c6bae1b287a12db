"""The guided way to a new place: a form of what its kind needs, keys read from files or made, then the trial of each
permission (trial.py), the plan, and back to the list of places, which leads on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from pi_installer_tui import modules
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.backup.keys import Pair
    from pi_installer_tui.modules.backup.places import PlaceSettings
    from pi_installer_tui.widgets.form.form import Form

#: what each kind is
KINDS: Mapping[str, str] = {
    "folder": N_("a folder, on a USB disk best"),
    "sftp": N_("a server with SSH (SFTP)"),
    "rest": N_("restic's REST server"),
    "s3": N_("Amazon S3, or what speaks it"),
    "gcs": N_("Google Cloud Storage"),
}


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
        self._form = Form(model, model(), choices, f"backup.places.{self._called}", new=True, id="form")
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
        if self._form is None or not self._form.changed:
            await self.app.pop_screen()
            return
        from pi_installer_tui.screens.ask import ask_to_leave

        ask_to_leave(self.app)


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
