"""Lays out the recorded machines of recorded/metrics below a folder."""

from __future__ import annotations

from pathlib import Path

RECORDED = Path(__file__).parent / "recorded" / "metrics"


def lay_out(name: str, root: Path) -> None:
    """The first look of a machine."""
    _write(_text(name)[0], root)


def change(name: str, root: Path) -> None:
    """What is another one at the second look, ten seconds later."""
    _write(_text(name)[1], root)


def _text(name: str) -> tuple[str, str]:
    before, _mark, after = (RECORDED / f"{name}.txt").read_text(encoding="utf-8").partition("%%% after\n")
    return before, after


def _write(text: str, root: Path) -> None:
    for part in text.split("%% ")[1:]:
        head, _newline, content = part.partition("\n")
        path, arrow, target = head.partition(" -> ")
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if arrow:
            place.symlink_to(target)
        else:
            place.write_text(content, encoding="utf-8")
