"""A scroll bar that every font can show: Textual's own draws its ends with eighth blocks."""

from __future__ import annotations

from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style
from textual.scrollbar import ScrollBarRender

from pi_installer_tui.console import Glyphs

#: the colours are the terminal's own, whatever is asked for
_ANY = Color.default()


def plain(glyphs: Glyphs) -> type[ScrollBarRender]:
    """A renderer for `ScrollBar.renderer`: a thumb of full blocks on a line."""

    class PlainScrollBar(ScrollBarRender):
        @classmethod
        def render_bar(
            cls,
            size: int = 25,
            virtual_size: float = 50,
            window_size: float = 20,
            position: float = 0,
            thickness: int = 1,
            vertical: bool = True,
            back_color: Color = _ANY,
            bar_color: Color = _ANY,
        ) -> Segments:
            track = glyphs.vertical if vertical else glyphs.line
            start = end = 0
            if window_size and size and virtual_size > window_size:
                length = max(1, round(size * window_size / virtual_size))
                start = round((size - length) * position / (virtual_size - window_size))
                start = max(0, min(size - length, start))
                end = start + length
            segments = []
            for cell in range(int(size)):
                if start <= cell < end:
                    segments.append(Segment(glyphs.full, Style(meta={"@mouse.down": "grab"})))
                else:
                    action = "scroll_up" if cell < start else "scroll_down"
                    segments.append(Segment(track, Style(dim=True, meta={"@mouse.down": action})))
            if vertical:
                return Segments(segments, new_lines=True)
            return Segments([*segments, Segment.line()])

    return PlainScrollBar
