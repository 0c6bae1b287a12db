"""The keys that do something with a peer, wherever one is shown: each asks for a plan, which is reviewed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.module import ModuleScreen, Start
from pi_installer_tui.screens.vpn import seen

if TYPE_CHECKING:
    from pi_installer_tui.modules.vpn.state import State
    from pi_installer_tui.screens.vpn.seen import PeerSeen

_CHANGING = ("pause", "rotate", "revoke", "forget", "rename", "change")
#: what modules/values.py takes as a name
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class PeerKeys(ShellScreen):
    """A screen that shows a peer."""

    @property
    def one(self) -> PeerSeen | None:
        """The peer that is meant."""
        raise NotImplementedError

    @property
    def state(self) -> State | None:
        """What is, None while it isn't read."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in (*_CHANGING, "hand", "wait"):
            one = self.one
            if one is None or (action in ("hand", *_CHANGING[:5]) and self.shell.read_only):
                return False
            return action != "forget" or bool(one.peer.kept)
        return True

    def _act(self, verb: str) -> None:
        if (one := self.one) is not None:
            self.shell.act(seen.MODULE, verb, {"tunnel": one.tunnel, "peer": one.name})

    def action_pause(self) -> None:
        if (one := self.one) is not None:
            self._act("resume" if one.peer.paused else "pause")

    def action_rotate(self) -> None:
        self._act("rotate")

    def action_revoke(self) -> None:
        self._act("revoke")

    def action_forget(self) -> None:
        self._act("forget")

    def action_rename(self) -> None:
        from pi_installer_tui.screens.line import AskLine

        one = self.one
        if one is None:
            return

        def named(to: str | None) -> None:
            if to and to != one.name:
                told = {"tunnel": one.tunnel, "peer": one.name, "to": to}
                self.shell.act(seen.MODULE, "rename", told)

        wrong = _("small letters, digits, _ and -, with a letter or digit first")
        self.app.push_screen(AskLine(_("Its new name:"), _NAME, wrong, value=one.name), named)

    def action_change(self) -> None:
        if (one := self.one) is not None and (state := self.state) is not None:
            wanted = seen.wanted_anew(state, one.tunnel, one.name)
            self.app.push_screen(ModuleScreen(seen.MODULE, Start(wanted, ("tunnels", one.tunnel, "peers", one.name))))

    def action_hand(self) -> None:
        from pi_installer_tui.screens.vpn.handing import HandoverScreen

        if (one := self.one) is not None:
            self.app.push_screen(HandoverScreen(one.tunnel, one.name))

    def action_wait(self) -> None:
        from pi_installer_tui.screens.vpn.waiting import WaitingScreen

        if (one := self.one) is not None:
            self.app.push_screen(WaitingScreen(one.tunnel, one.name))
