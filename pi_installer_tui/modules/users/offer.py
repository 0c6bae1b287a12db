"""What the wizard asks about people: an account of one's own, where there is none yet."""

from __future__ import annotations

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.base import Offer
from pi_installer_tui.modules.users.present import may_log_in
from pi_installer_tui.modules.users.state import State
from pi_installer_tui.system.reading import Unknown


def offer(state: State, goals: frozenset[str]) -> Offer:
    """The accounts; where nobody but root can log in and run everything, that one is missing."""
    remark = ""
    if not isinstance(state.people, Unknown):
        able = [name for name, one in state.people.items() if one.everything() and may_log_in(state, one)]
        if not able:
            remark = _("Nobody but root can log in and use sudo here yet: add an account with the role administrator.")
    return Offer(asked=("accounts",), remark=remark)
