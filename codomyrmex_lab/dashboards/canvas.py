"""A picture that is drawn once and kept: per frame only what moves is drawn anew.

A whole figure takes matplotlib 50 to 100 ms, most of it ticks, labels and text. These change only
with limits, size or theme; lines and bars change with every movement of a slider. So the canvas
keeps the picture of all that stands still, puts it back, and draws the moving artists onto it.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from PIL import Image

from codomyrmex_lab.plots.theme import Theme

__all__ = ["LEFT_IN", "RIGHT_IN", "BlittedCanvas", "Cell", "grid_of_cells", "header_cell"]

_LOOKS_PER_CELL = 16
LEFT_IN, RIGHT_IN = 0.56, 0.46
"""What the main axes of a cell leave free at their sides, in inches."""
_TOP_IN, _BOTTOM_IN = 0.25, 0.37


class Cell:
    """One rectangle of a figure: its axes, and the artists in them that move.

    Parameters
    ----------
    box : Bbox
        The rectangle, in parts of the figure.
    axes : Axes
        The main axes, which leave room for their labels in it.
    """

    def __init__(self, box: Bbox, axes: Axes) -> None:
        self.box = box
        self.main = axes
        self.axes: tuple[Axes, ...] = (self.main,)
        """In the order in which they are drawn."""
        self.moving: list[Artist] = []
        self.words: tuple[str, ...] = ()
        """What its legend says."""
        self.stale = True
        """Whether what stands still has to be drawn anew."""

    @property
    def look(self) -> tuple[object, ...]:
        """All that its standing part hangs on, once it is made."""
        return (self.words, *((axes.get_xlim(), axes.get_ylim()) for axes in self.axes))

    def add_right(self) -> Axes:
        """Return axes behind the main ones, on the same x axis, with a y axis at the right."""
        right = self.main.twinx()
        right.set_zorder(self.main.get_zorder() - 1)
        self.main.patch.set_visible(False)
        self.axes = (right, self.main)
        return right

    def add(self, *artists: Artist) -> None:
        """Let artists move: they are drawn with every frame, in this order."""
        for artist in artists:
            artist.set_animated(True)
            self.moving.append(artist)

    def say(self, words: tuple[str, ...]) -> None:
        """Take note of what the legend says from now on."""
        self.words, self.stale = words, True

    def limit(
        self,
        axes: Axes,
        *,
        x: tuple[float, float] | None = None,
        y: tuple[float, float] | None = None,
    ) -> None:
        """Set the limits of axes; nothing is drawn anew where they stay as they are."""
        if x is not None and x != axes.get_xlim():
            axes.set_xlim(*x)
            self.stale = True
        if y is not None and y != axes.get_ylim():
            axes.set_ylim(*y)
            self.stale = True


class BlittedCanvas:
    """Draws frames of a figure. One thread at a time may use it, and change the artists.

    Parameters
    ----------
    figure : Figure
        Holds the axes of the cells, and nothing else that moves.
    cells : sequence of Cell
        In rows and columns that do not overlap.
    theme : Theme
        Gives the colours of the encoded picture.
    """

    def __init__(self, figure: Figure, cells: Sequence[Cell], theme: Theme) -> None:
        self.figure = figure
        self._agg: Any = FigureCanvasAgg(figure)  # which is not typed
        self._cells = tuple(cells)
        self._background: Any = None
        self._drawn: dict[tuple[int, object], NDArray[np.uint8]] = {}
        self._paper = np.rint(np.array(to_rgba(theme.background)) * 255).astype(np.uint8)
        self._colours = _palette_image(theme)
        self.n_drawn_anew = 0
        """Cells whose standing part was drawn so far."""

    def frame(self) -> NDArray[np.uint8]:
        """Draw what has changed.

        Returns
        -------
        uint8, shape (height, width, 4)
            Red, green, blue and alpha; the canvas's own memory, valid until the next frame.
        """
        if self._background is None:
            self._agg.draw()
            self.n_drawn_anew += len(self._cells)
            self._keep(self._cells)
        else:
            self._agg.restore_region(self._background)
            stale = [cell for cell in self._cells if cell.stale]
            for cell in stale:
                self._put_standing(cell)
            if stale:
                self._keep(stale)
        for cell in self._cells:
            for artist in cell.moving:
                if _shows_something(artist):
                    self.figure.draw_artist(artist)
        return np.asarray(self._agg.buffer_rgba())

    def png(self) -> bytes:
        """Return the next frame as PNG, in the colours of the theme."""
        pixels = self.frame()
        height, width = pixels.shape[:2]
        picture = Image.frombuffer("RGBA", (width, height), pixels, "raw", "RGBA", 0, 1)
        indexed = picture.convert("RGB").quantize(palette=self._colours, dither=Image.Dither.NONE)
        buffer = BytesIO()
        indexed.save(buffer, "png", compress_level=1)
        return buffer.getvalue()

    def _keep(self, drawn: Sequence[Cell]) -> None:
        self._background = self._agg.copy_from_bbox(self.figure.bbox)
        for cell in drawn:
            cell.stale = False

    def _put_standing(self, cell: Cell) -> None:
        """Put a cell's axes without what moves into its part of the picture.

        Whoever moves a slider to and fro sees the same few limits again and again; the latest
        looks are kept.
        """
        pixels = np.asarray(self._agg.buffer_rgba())
        height, width = pixels.shape[:2]
        box = cell.box
        rows = slice(round((1 - box.y1) * height), round((1 - box.y0) * height))
        columns = slice(round(box.x0 * width), round(box.x1 * width))
        part = pixels[rows, columns]
        look = (self._cells.index(cell), cell.look)
        drawn = self._drawn.pop(look, None)
        if drawn is None:
            part[:] = self._paper
            for axes in cell.axes:
                self.figure.draw_artist(axes)
            drawn = part.copy()
            self.n_drawn_anew += 1
        else:
            part[:] = drawn
        self._drawn[look] = drawn  # the latest comes last
        if len(self._drawn) > _LOOKS_PER_CELL * len(self._cells):
            del self._drawn[next(iter(self._drawn))]


def grid_of_cells(
    figure: Figure, n_rows: int, n_columns: int, *, header_in: float = 0.0
) -> list[Cell]:
    """Return cells that share a figure evenly, row by row from the top, each with one axes.

    Parameters
    ----------
    figure : Figure
        What they share.
    n_rows, n_columns : int
        How many there are.
    header_in : float
        Height left free above them, in inches.
    """
    figure_width_in, figure_height_in = figure.get_size_inches()
    top = 1 - header_in / figure_height_in
    width, height = 1 / n_columns, top / n_rows
    left, bottom = LEFT_IN / figure_width_in, _BOTTOM_IN / figure_height_in
    inner_width = width - (LEFT_IN + RIGHT_IN) / figure_width_in
    inner_height = height - (_BOTTOM_IN + _TOP_IN) / figure_height_in
    cells = []
    for row in range(n_rows):
        for column in range(n_columns):
            x, y = column * width, top - (row + 1) * height
            axes = figure.add_axes((x + left, y + bottom, inner_width, inner_height))
            cells.append(Cell(Bbox.from_bounds(x, y, width, height), axes))
    return cells


def header_cell(figure: Figure, header_in: float) -> Cell:
    """Return a cell along the top of a figure, for a line of words above its axes."""
    width_in, height_in = figure.get_size_inches()
    share = header_in / height_in
    inner_width = 1 - (LEFT_IN + RIGHT_IN) / width_in
    axes = figure.add_axes((LEFT_IN / width_in, 1 - share, inner_width, 0.1 * share))
    axes.set_axis_off()
    return Cell(Bbox.from_bounds(0, 1 - share, 1, share), axes)


def _shows_something(artist: Artist) -> bool:
    """Tell whether drawing it leaves a trace: a line without points takes as long as one with."""
    empty = isinstance(artist, Line2D) and not np.size(artist.get_xdata(orig=True))
    return artist.get_visible() and not empty


def _palette_image(theme: Theme) -> Image.Image:
    image = Image.new("P", (1, 1))
    image.putpalette(theme.palette().tobytes())
    return image
