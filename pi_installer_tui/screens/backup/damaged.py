"""What to do when a verification found damage, in lines for the job's screen: restic's own way (its manual,
"Troubleshooting"), with the packs that were named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.widgets.lines import Cell, Prose

#: ids of packs that are written out
_PACKS = 5

_FIRST = (
    N_(
        "No run mends it by itself: what the repository believes to have isn't saved again. So later snapshots may "
        "lack the same files."
    ),
    N_(
        "1. Look for the cause: a disk that fails, its cable, the memory. Where the disk fails, copy the repository to "
        "another one before anything else."
    ),
)
_ALL = N_("2. Verify all of the data: that names all that is damaged.")
_ALL_WAS = N_("2. All of the data was read: nothing else is damaged.")
_THEN = (
    N_(
        "3. Restore what you need now. What is whole comes back as ever; a restoration that meets the damage fails, "
        "and names the file."
    ),
    N_("4. Mend it by hand. The recovery kit's lines let restic open the repository; then:"),
)
_LAST = (
    N_(
        "   The restic of Debian 12 (0.14) has neither: there move the packs' files away (data/, then the first two "
        "letters, then the id), and `restic rebuild-index`."
    ),
    N_("5. Run the place's jobs: what is still on this machine is saved again."),
    N_(
        "6. Verify all of the data once more. Snapshots that still lack something have lost it for good: `restic "
        "repair snapshots --forget` takes that out of them, `restic forget` removes them."
    ),
    N_("Or leave it as it is for its old snapshots, and begin anew at another place."),
)


def found(reported: Mapping[str, Any]) -> bool:
    """Whether a verification found damage."""
    return bool(reported.get("errors"))


def lines(reported: Mapping[str, Any]) -> list[Cell]:
    """What to do next, of what the verification reported; nothing of one that found no damage."""
    if not found(reported):
        return []
    packs = [str(each) for each in reported.get("packs") or ()]
    told: list[Cell] = [Cell(_("What to do next"), "strong")]
    told += [Prose(_(each)) for each in (*_FIRST, _ALL_WAS if reported.get("share") == 100 else _ALL, *_THEN)]
    if packs:
        # an id has 64 letters: on a line of its own it is whole at 80 columns
        ids = " \\\n     ".join(packs[:_PACKS])
        told += [Cell(line, "key") for line in f"   restic repair packs \\\n     {ids}".split("\n")]
    if len(packs) > _PACKS:
        told.append(Prose("   " + _("(and so on for each pack that is named in the output)")))
    told.append(Cell("   restic repair index", "key"))
    return [*told, *(Prose(_(each)) for each in _LAST)]
