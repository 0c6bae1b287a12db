"""Who can log in, and how: the list of people's accounts, and one of them with all that is known of it.

Nothing is changed from here: the keys open the form of settings with what is wanted already in it, and the plan that
comes of it is reviewed as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.worker import Worker

from pi_installer_tui import modules
from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.facts import value
from pi_installer_tui.screens.finding import Finding
from pi_installer_tui.screens.module import ModuleScreen, Start
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.system.reading import Known, Missing, Unknown
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.form.choose import ChooseScreen
from pi_installer_tui.widgets.lines import Cell, Prose, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.modules.users.state import Person, State

#: the columns, in cells: name, can somebody log in, password, keys, sudo, last login (and groups where there is room)
_WIDTHS = (14, 11, 8, 4, 14, 0)
_ROOMY = 110  # cells
_ORDERS = ("name", "login", "number")


def standing(state: State, one: Person, signs: Glyphs) -> Cell:
    """Whether somebody can log in, as a sign and a word."""
    from pi_installer_tui.modules.users.present import standing as of

    words: Mapping[str, tuple[str, str, Tone]] = {
        "yes": (signs.ok, _("yes"), "good"),
        "no": (signs.todo, _("no"), "quiet"),
        "locked": (signs.failed, _("locked"), "warn"),
        "expired": (signs.failed, _("expired"), "warn"),
        "unknown": (signs.unknown, _("unknown"), "warn"),
    }
    sign, word, tone = words[of(state, one)]
    return Cell(f"{sign} {word}", tone)


def password(one: Person) -> Cell:
    """A password's state in a word."""
    if not isinstance(one.password, Known):
        return Cell("?", "warn")
    words: Mapping[str, tuple[str, Tone]] = {
        "set": (_("set"), "plain"),
        "none": (_("none"), "quiet"),
        "locked": (_("locked"), "quiet"),
        "empty": (_("empty"), "bad"),
    }
    return Cell(*words[one.password.value])


def keys(one: Person) -> Cell:
    """How many keys log in."""
    if isinstance(one.keys, Unknown):
        return Cell("?", "warn")
    count = len(one.keys.value) if isinstance(one.keys, Known) else 0
    return Cell(str(count) if count else "-", "plain" if count else "quiet")


def rights(one: Person) -> Cell:
    """What sudo lets it do, in a word or two."""
    if one.account.uid == 0:
        return Cell(_("is root"))
    if isinstance(one.sudo, Unknown):
        return Cell("?", "warn")
    rules = one.sudo.value if isinstance(one.sudo, Known) else ()
    if not rules:
        return Cell("-", "quiet")
    if not one.everything():
        return Cell(_("some"))
    return Cell(_("all, unasked"), "warn") if one.unasked() else Cell(_("all"))


class UsersScreen(Finding):
    """The accounts."""

    place = "users"
    where = N_("Users")
    PARTS = ("head", "people")
    about = N_(
        "Who can log in on this machine, and how: by password, by SSH keys, and with what rights by sudo, as sudo "
        "itself says. People's accounts are shown, and root's.\n"
        "Open an account to see its keys with their fingerprints and last use, its groups and its rules. `all, "
        "unasked` means that sudo asks for no password.\n"
        "New, change, lock, expire and delete open the form with that already in it; nothing is done before the plan "
        "was reviewed and agreed to. Who is logged in, and the last one with sudo, can't be locked or deleted."
    )
    AUTO_FOCUS = "#people"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("users")]

    def __init__(self, module: str = "users") -> None:
        super().__init__()
        self._module = module
        self._state: State | None = None
        self._reading: Worker[None] | None = None
        self._order = _ORDERS[0]

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading the machine ..."), "quiet")], []], id="head")
        yield SearchField(_("a part of a name, group, key or state"))
        yield Rows(_WIDTHS, id="people")

    def on_mount(self) -> None:
        self.shell.opened.subscribe(self, lambda _none: self._read_again())
        if self.shell.is_open:
            self._read_again()

    def on_resize(self) -> None:
        if self._state is not None:
            self._draw()

    # reading ------------------------------------------------------------------------------------------------------

    def _read_again(self) -> None:
        self._reading = self.run_worker(self._read, group="read", exclusive=True)

    async def _read(self) -> None:
        try:
            state = await modules.load(self._module).read(self.shell.host)
        except Exception as error:
            # what can't be read is in the state; this is a fault, and must not take the screens with it
            if not self.closing:
                said = Cell(_("This can't be read: {error}").format(error=error), "bad")
                self.query_one("#head", Panel).set_lines([[said], []])
            return
        self._state = state
        if not self.closing:
            self._draw()
            self.refresh_bindings()

    # drawing ------------------------------------------------------------------------------------------------------

    @property
    def _people(self) -> list[Person]:
        """Those that are shown, in their order."""
        state = self._state
        if state is None or isinstance(state.people, Unknown):
            return []
        found = [*state.people.values(), *((state.root,) if state.root else ())]
        match self._order:
            case "name":
                found.sort(key=lambda one: one.account.name)
            case "number":
                found.sort(key=lambda one: one.account.uid)
            case "login":
                found.sort(key=lambda one: -one.last_login.value if isinstance(one.last_login, Known) else 0)
        return [one for one in found if self.seeks(self._text(one))]

    def _text(self, one: Person) -> str:
        """What a person is found by."""
        assert self._state is not None
        now = one.account
        cells = (standing(self._state, one, glyphs(self)), password(one), rights(one))
        found = list(one.keys.value) if isinstance(one.keys, Known) else []
        parts = [now.name, now.comment, *now.groups, *(cell.text for cell in cells)]
        parts += [text for key in found for text in (key.comment, key.fingerprint, key.kind)]
        return " ".join(parts).casefold()

    def _draw(self) -> None:
        state, rows = self._state, self.query_one(Rows)
        assert state is not None
        if isinstance(state.people, Unknown):
            rows.set_rows([remark(Cell(printable(state.people.reason), "warn"))])
            self.query_one("#head", Panel).set_lines([[], []])
            return
        signs = glyphs(self)
        found = [
            Row(
                one.account.name,
                (
                    Cell(printable(one.account.name)),
                    standing(state, one, signs),
                    password(one),
                    keys(one),
                    rights(one),
                    Cell(self._last(one), "quiet"),
                ),
            )
            for one in self._people
        ]
        rows.set_rows(found or [remark(Cell(_("nobody is called like that"), "quiet"))])
        self.query_one("#head", Panel).set_lines([self._said(state), self._titles()])

    def _last(self, one: Person) -> str:
        when = moment(one.last_login.value) if isinstance(one.last_login, Known) else "-"
        if isinstance(one.last_login, Unknown):
            when = "?"
        if self.size.width < _ROOMY:
            return when
        return f"{when.ljust(16)}  {printable(', '.join(one.account.groups) or '-')}"

    def _said(self, state: State) -> list[Cell]:
        from pi_installer_tui.modules.users.present import standing as of

        assert not isinstance(state.people, Unknown)
        count = len(state.people)
        inside = [one for one in state.people.values() if of(state, one) == "yes"]
        able = [one for one in inside if one.everything()]
        said = ngettext("{n} person", "{n} people", count).format(n=count)
        said += ", " + _("{n} can log in, {able} of them may do everything by sudo").format(
            n=len(inside), able=len(able)
        )
        orders = {"name": _("by name"), "login": _("by last login"), "number": _("by number")}
        note = orders[self._order]
        note += self.only_sought()
        return [Cell(said), Cell(f"  {note}", "quiet")]

    def _titles(self) -> list[Cell]:
        last = _("last SSH login")
        if self.size.width >= _ROOMY:
            last = f"{last.ljust(16)}  " + _("groups")
        names = (_("name"), _("can log in"), _("password"), _("keys"), _("sudo"), last)
        cells = [name.ljust(width) for name, width in zip(names, _WIDTHS, strict=True)]
        return [Cell("  " + "  ".join(cells), "quiet")]

    # finding ------------------------------------------------------------------------------------------------------

    def found_anew(self) -> None:
        if self._state is not None:
            self._draw()

    def action_sort(self) -> None:
        self._order = _ORDERS[(_ORDERS.index(self._order) + 1) % len(_ORDERS)]
        if self._state is not None:
            self._draw()

    # keys ---------------------------------------------------------------------------------------------------------

    @property
    def _one(self) -> Person | None:
        row = self.query_one(Rows).row if not self.closing else None
        return next((one for one in self._people if row is not None and one.account.name == row.id), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return _may(action, self._one) if self._state is not None else action not in _CHANGING

    def on_rows_moved(self) -> None:
        self.refresh_bindings()

    def on_rows_opened(self) -> None:
        if self._one is not None and self._state is not None:
            self.app.push_screen(PersonScreen(self._state, self._one))

    def action_refresh(self) -> None:
        if self.shell.is_open:
            self._read_again()

    def action_settings(self) -> None:
        self.app.push_screen(ModuleScreen(self._module))

    def action_new(self) -> None:
        self.app.push_screen(ModuleScreen(self._module, Start(path=("accounts",))))

    def action_change(self) -> None:
        _change(self, self._one)

    def action_lock(self) -> None:
        _lock(self, self._one)

    def action_expire(self) -> None:
        _change(self, self._one, {}, "expires")

    def action_delete(self) -> None:
        _change(self, self._one, {"state": "absent", "home": "keep"}, "home")


#: what isn't to be had of root, nor while nothing was read
_CHANGING = ("new", "change", "lock", "expire", "delete", "remove_key")


def _may(action: str, one: Person | None) -> bool:
    """Whether a key does something for the account under the cursor."""
    if action not in _CHANGING or action == "new":
        return True
    if one is None or one.account.uid == 0:
        return False
    return action != "remove_key" or (isinstance(one.keys, Known) and bool(one.keys.value))


def _change(screen: ShellScreen, one: Person | None, wanted: Mapping[str, Any] | None = None, field: str = "") -> None:
    """Opens the form at an account, with something already wanted of it."""
    if one is not None:
        name = one.account.name
        document = {"accounts": {name: dict(wanted)}} if wanted else {}
        screen.app.push_screen(ModuleScreen("users", Start(document, ("accounts", name), field)))


def _lock(screen: ShellScreen, one: Person | None) -> None:
    if one is not None:
        _change(screen, one, {"locked": not one.account.locked}, "locked")


class PersonScreen(ShellScreen):
    """One account."""

    place = "person"
    where = N_("An account")
    about = N_(
        "All that is known of an account: how one logs in as it, its keys with type, length, fingerprint and last use, "
        "its groups, and what sudo lets it do.\n"
        "Last logins and the last use of keys are sshd's, as far back as the journal goes."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("person")]

    def __init__(self, state: State, one: Person) -> None:
        super().__init__()
        self._state = state
        self._one = one

    def body(self) -> Iterable[Widget]:
        yield TextPane(id="person")

    def on_mount(self) -> None:
        self.say_where(_("Users: {name}").format(name=self._one.account.name))
        pane = self.query_one(TextPane)
        pane.set("", self._lines())
        pane.text.focus()

    def _lines(self) -> list[Cell]:
        from pi_installer_tui.modules.users import present

        one, now = self._one, self._one.account
        found: list[Cell] = [standing(self._state, one, glyphs(self))]
        for title, text in (
            (_("Full name"), printable(now.comment) or "-"),
            (_("Number"), f"{now.uid}, {_('group')} {now.gid}"),
            (_("Home"), printable(now.home)),
            (_("Shell"), printable(now.shell)),
            (_("Password"), value(present.password(one))),
            (_("Expires"), present.expiry(self._state, one)),
            (_("Last login"), self._when()),
            (_("Groups"), printable(", ".join(now.groups)) or _("none but its own")),
        ):
            found.append(Prose(f"{title.ljust(12)} {text}"))
        found += [Cell(""), Cell(_("SSH keys"), "strong"), *self._keys()]
        found += [Cell(""), Cell(_("What sudo lets it do"), "strong"), *self._rights()]
        return found

    def _when(self) -> str:
        last = self._one.last_login
        if isinstance(last, Known):
            return moment(last.value)
        return value(last) if isinstance(last, Unknown) else _("none that the journal knows")

    def _keys(self) -> list[Cell]:
        found = self._one.keys
        if isinstance(found, Unknown):
            return [Prose("  " + value(found), "warn")]
        if isinstance(found, Missing) or not found.value:
            return [Cell("  " + _("none"), "quiet")]
        lines: list[Cell] = []
        for key in found.value:
            used = _("last used {when}").format(when=moment(key.last_used)) if key.last_used else _("no use is known")
            lines.append(Prose(f"  {key.kind} {key.bits}  {printable(key.comment)}"))
            lines.append(Cell(f"    {key.fingerprint}", "quiet"))
            lines.append(Cell(f"    {used}", "quiet"))
            if key.options:
                lines.append(Prose("    " + _("only with: {options}").format(options=printable(key.options))))
        return lines

    def _rights(self) -> list[Cell]:
        found = self._one.sudo
        if self._one.account.uid == 0:
            return [Cell("  " + _("everything: it is root"))]
        if isinstance(found, Unknown):
            return [Prose("  " + value(found), "warn")]
        if isinstance(found, Missing):
            return [Cell("  " + _("sudo is not installed"), "quiet")]
        return [Prose(f"  {printable(rule)}") for rule in found.value] or [Cell("  " + _("nothing"), "quiet")]

    # keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return _may(action, self._one)

    def action_change(self) -> None:
        _change(self, self._one)

    def action_lock(self) -> None:
        _lock(self, self._one)

    def action_expire(self) -> None:
        _change(self, self._one, {}, "expires")

    def action_delete(self) -> None:
        _change(self, self._one, {"state": "absent", "home": "keep"}, "home")

    def action_remove_key(self) -> None:
        found = self._one.keys.value if isinstance(self._one.keys, Known) else ()
        names = {f"{key.kind} {key.comment or '-'} {key.fingerprint}": key.fingerprint for key in found}

        def chosen(choice: tuple[bool, Any] | None) -> None:
            if choice is not None:
                _change(self, self._one, {"remove_keys": [names[choice[1]]]}, "remove_keys")

        self.app.push_screen(ChooseScreen(_("Which key goes?"), tuple(names), None, None, leave=False), chosen)
