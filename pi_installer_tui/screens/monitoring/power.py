"""What a Raspberry Pi's firmware says about supply and heat, in words, and what to do about it.

The bits and what they mean: Raspberry Pi documentation, "vcgencmd get_throttled" and "Power supply" (under-voltage is
below 4.63 V, 5 per cent more or less); temperatures: "Frequency management and thermal control".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.signs import span
from pi_installer_tui.widgets.lines import Cell

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.screens.monitoring.sampling import View

_BITS: Mapping[str, tuple[str, str]] = {
    "under-voltage": (N_("under-voltage"), N_("Under-voltage")),
    "frequency-capped": (N_("a capped frequency"), N_("The frequency is capped")),
    "throttled": (N_("throttling"), N_("Throttled")),
    "soft-limit": (N_("the soft temperature limit"), N_("At the soft temperature limit")),
}
_SUPPLY = N_(
    "Use the supply made for the board (5.1 V) with a short, thick cable, and give USB disks a supply of their own: "
    "files on the card can break, and the processor is slowed down."
)
_HEAT = N_("Give it a heat sink or a fan, and room for the air: from 80 °C on the processor is slowed down.")


def known(values: Mapping[str, float]) -> bool:
    """Whether this machine tells."""
    return any(name.startswith("power.") for name in values)


def said(view: View, signs: Glyphs) -> tuple[list[Cell], str]:
    """What was found, and what to do about it; nothing where all is well."""
    values = view.values
    now = [bit for bit in _BITS if view.range.live and values.get(f"power.{bit}")]
    was = [bit for bit in _BITS if view.range.live and values.get(f"power.{bit}-since-boot") and bit not in now]
    cells = []
    if now:
        told = ", ".join(_(_BITS[bit][1]) for bit in now)
        cells.append(Cell(f"{signs.warning} " + _("{what}: now").format(what=told), "bad"))
    if was:
        told = ", ".join(_(_BITS[bit][0]) for bit in was)
        cells.append(Cell(f"{signs.warning} " + _("Since the start there was: {what}").format(what=told), "warn"))
    if not view.range.live:
        for bit in _BITS:
            # the mean of a flag is the share of the time that it stood; the highest tells a short one too
            if view.highest.get(f"power.{bit}"):
                lasted = span(max(1.0, values[f"power.{bit}"] * view.range.seconds))
                told = _("{what} for {span} in {range}")
                told = told.format(what=_(_BITS[bit][0]), span=lasted, range=_(view.range.title))
                cells.append(Cell(f"{signs.warning} {told}", "warn"))
                was.append(bit)
    found = {*now, *was}
    if "under-voltage" in found:
        return cells, _(_SUPPLY)
    return cells, _(_HEAT) if found else ""
