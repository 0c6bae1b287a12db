"""Who is banned: every address that fail2ban shuts out, by jail, with its times; a ban can be lifted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.security.fail2ban import Ban, Fail2ban

WIDTHS = (24, 14, 16, 0)


class BansScreen(ShellScreen):
    """The bans."""

    place = "bans"
    where = N_("Who is banned")
    PARTS = ("bans",)
    about = N_(
        "Every address that is shut out for having failed too often, with the jail that did it, since when and until "
        "when. Lifting a ban is planned and shown first; afterwards fail2ban is asked whether it is true, and an undo "
        "bans the address again."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("bans")]

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[str, tuple[str, Ban]] = {}

    def body(self) -> Iterable[Widget]:
        yield Panel([self._titles()], id="titles")
        yield Rows(WIDTHS, id="bans")

    def _titles(self) -> list[Cell]:
        names = (_("address"), _("jail"), _("since"), _("until"))
        widths = (*WIDTHS[:-1], 16)
        return [Cell("  " + "  ".join(n.ljust(w) for n, w in zip(names, widths, strict=True)).rstrip(), "quiet")]

    def on_mount(self) -> None:
        rows = self.query_one(Rows)
        rows.set_rows([remark(Cell(_("Asking fail2ban ..."), "quiet"))])
        rows.focus()

    def on_screen_resume(self) -> None:
        self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.modules.security import fail2ban

        try:
            found = await fail2ban.read(self.shell.host)
        except Exception as error:
            # what can't be read is unknown in the state; this is a fault, and must not take the screens with it
            self._show([remark(Cell(_("This can't be read: {error}").format(error=error), "bad"))])
            return
        self._found = {
            f"{jail.name} {ban.address}": (jail.name, ban)
            for jail in (found.jails.value if isinstance(found.jails, Known) else ())
            for ban in jail.bans
        }
        self._show([_row(key, jail, ban) for key, (jail, ban) in self._found.items()] or [_none(found)])

    def _show(self, rows: list[Row]) -> None:
        if self.closing:
            return
        self.query_one(Rows).set_rows(rows)
        count = len(self._found)
        said = ngettext(": {n} ban", ": {n} bans", count).format(n=count) if count else ""
        self.say_where(_("Who is banned") + said)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "unban" or self.query_one(Rows).row is not None

    def on_rows_moved(self) -> None:
        self.refresh_bindings()

    def on_rows_opened(self) -> None:
        self.action_unban()

    def action_unban(self) -> None:
        row = self.query_one(Rows).row
        if row is not None and row.id in self._found:
            jail, ban = self._found[row.id]
            self.shell.act("security", "unban", {"address": ban.address, "jail": jail})

    def action_refresh(self) -> None:
        self._read()


def _row(key: str, jail: str, ban: Ban) -> Row:
    since = moment(ban.since) if ban.since is not None else _("not known")
    until = _("for good") if ban.since is not None else _("not known")
    cells = (printable(ban.address), printable(jail), since, until if ban.until is None else moment(ban.until))
    return Row(key, tuple(Cell(text) for text in cells))


def _none(found: Fail2ban) -> Row:
    """Why there is no ban to show."""
    if isinstance(found.jails, Unknown):
        return remark(Cell(found.jails.reason, "warn"))
    if not found.installed:
        return remark(Cell(_("fail2ban is not installed: nobody is banned. Switch `Bans` on in Security."), "quiet"))
    if not isinstance(found.jails, Known):
        return remark(Cell(_("fail2ban doesn't run: nobody is banned."), "quiet"))
    return remark(Cell(_("Nobody is banned."), "quiet"))
