"""What is drawn in a panel, named beside its title, where it covers nothing.

Matplotlib's own legend takes as long to draw as all ticks of an axes together.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.textpath import text_to_path

from codomyrmex_lab.dashboards.canvas import Cell
from codomyrmex_lab.dashboards.panels.look import SMALL
from codomyrmex_lab.plots.theme import Theme

__all__ = ["Legend"]

_GAP_PT, _SAMPLE_PT, _UP_PT, _THICKEST_PT = 8.0, 15.0, 4.0, 5.0


class Legend:
    """Names the artists of a cell, from the right end of its title line to the left.

    Parameters
    ----------
    cell : Cell
        Of which.
    theme : Theme
        In which colours.
    """

    def __init__(self, cell: Cell, theme: Theme) -> None:
        self._cell, self._theme = cell, theme
        self._shown: list[Artist] = []
        self.names: list[str] = []
        """The names that are shown."""

    def show(self, entries: Sequence[tuple[Artist, str]]) -> None:
        """Show names; nothing is drawn anew where they stay as they are."""
        names = [name for _, name in entries]
        if names == self.names:
            return
        self.names = names
        self._cell.say(tuple(names))
        for artist in self._shown:
            artist.remove()
        self._shown = []
        axes = self._cell.main
        points_per_pixel = 72 / axes.figure.dpi
        points_wide = axes.bbox.width * points_per_pixel
        up = 1 + _UP_PT / (axes.bbox.height * points_per_pixel)
        right = 1.0
        for artist, name in reversed(entries):
            width = _width_pt(name) / points_wide
            words = axes.text(
                right,
                up,
                name,
                transform=axes.transAxes,
                ha="right",
                va="baseline",
                fontsize=SMALL,
                color=self._theme.text,
            )
            left = right - width - (_SAMPLE_PT + 3) / points_wide
            sample = self._sample(artist, left, up, _SAMPLE_PT / points_wide)
            self._shown += [words, sample]
            right = left - _GAP_PT / points_wide

    def _sample(self, artist: Artist, left: float, up: float, width: float) -> Artist:
        """Return a likeness of an artist that stands still."""
        axes = self._cell.main
        height = 5 / (axes.bbox.height / axes.figure.dpi * 72)
        sample: Artist
        if isinstance(artist, Line2D):
            only_marker = artist.get_linestyle() == "None"
            xs = [left + width / 2] if only_marker else [left, left + width]
            sample = Line2D(xs, [up + height / 2] * len(xs))
            sample.update_from(artist)
            sample.set_linewidth(min(artist.get_linewidth(), _THICKEST_PT))
            axes.add_artist(sample)
        else:
            sample = Rectangle((left, up), width, height)
            if isinstance(artist, Patch):
                sample.update_from(artist)
            axes.add_artist(sample)
        sample.set_animated(False)
        sample.set_visible(True)  # whatever it is a likeness of may be empty for now
        sample.set_transform(axes.transAxes)
        sample.set_clip_on(False)
        return sample


def _width_pt(words: str) -> float:
    # from the advance of the letters: the extent of their outlines takes 15 ms to find
    width_pt, _, _ = text_to_path.get_text_width_height_descent(
        words, FontProperties(size=SMALL), ismath=False
    )
    return float(width_pt)
