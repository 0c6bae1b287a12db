"""What a step may do to its owner beyond its own words, in sentences for the review."""

from __future__ import annotations

from collections.abc import Iterable

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.tasks.steps.base import Risk

SENTENCES: dict[Risk, str] = {
    "connection": N_("The connection to this machine may break off, and its address may change."),
    "service-restart": N_("A service restarts; what uses it is interrupted for a moment."),
    "reboot": N_("It takes full effect only after a reboot."),
    "download": N_("Something is downloaded from the network."),
    "irreversible": N_("Part of this can't be undone."),
    "packages-removed": N_("Installed packages are removed."),
}


def sentence(risk: Risk) -> str:
    """A risk as a translated sentence."""
    return _(SENTENCES[risk])


def sentences(risks: Iterable[Risk]) -> tuple[str, ...]:
    """Each of these risks once, the gravest first."""
    given = set(risks)
    return tuple(sentence(risk) for risk in SENTENCES if risk in given)
