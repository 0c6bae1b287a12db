"""A list that only tells: what there is to know of a row stands below it."""

from __future__ import annotations

from pi_installer_tui.widgets.rows import Rows


class Told(Rows, inherit_bindings=True):
    """Rows behind which there is nothing to open."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "open"
