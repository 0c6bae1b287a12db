"""Text for people: English is the source, gettext catalogues translate it.

`_()` translates now. `N_()` only marks a text (a model's field title, a table of names) that is translated where it is
shown: keep the English in the data, call `_()` on it in the screen or the printer.
"""

from __future__ import annotations

import gettext as _gettext
from functools import lru_cache
from pathlib import Path

DOMAIN = "pi_installer_tui"


@lru_cache(maxsize=1)
def _catalogue() -> _gettext.NullTranslations:
    return _gettext.translation(DOMAIN, str(Path(__file__).with_name("locale")), fallback=True)


def _(text: str) -> str:
    """`text` in the language of LANGUAGE, LC_ALL, LC_MESSAGES or LANG; English where there is no catalogue."""
    return _catalogue().gettext(text) if text else ""


def ngettext(one: str, many: str, count: int) -> str:
    """The form of a text for `count` things."""
    return _catalogue().ngettext(one, many, count)


def N_(text: str) -> str:  # gettext's own name for "mark, don't translate yet"
    """Marks a text for the catalogue and returns it as it is."""
    return text
