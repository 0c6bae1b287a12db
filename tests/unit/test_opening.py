"""Opening is quick because little is imported until the first frame is drawn."""

from __future__ import annotations

from benchmarks import opening


def test_nothing_heavy_and_no_screen_that_is_not_shown_is_imported_before_the_first_paint() -> None:
    imported = opening.imported_before_first_paint()
    assert opening.unwanted(imported) == []
    assert "textual.widgets._markdown" not in imported
