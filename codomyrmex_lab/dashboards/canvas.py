"""A picture that is drawn once and kept: per frame only what moves is drawn anew.

A whole figure takes matplotlib 50 to 100 ms, most of it ticks, labels and text. These change only
with limits, size or theme; lines and bars change with every movement of a slider. So the canvas
keeps the picture of all that stands still, puts it back, and draws the moving artists onto it.

What stands still is put together from layers, one for each axis and one for the rest. A layer is
drawn once for each pair of limits and then kept, as the few pixels that it has: the x axis of a
panel is not drawn again because its y axis has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.spines import Spine
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from PIL import Image

from codomyrmex_lab.plots.theme import Theme

__all__ = ["LEFT_IN", "RIGHT_IN", "BlittedCanvas", "Cell", "grid_of_cells", "header_cell"]

_LAYERS_PER_CELL = 64
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

    def layers(self) -> Iterator[tuple[tuple[object, ...], list[Artist]]]:
        """Yield the artists of each layer of its standing part, with all that they hang on."""
        limits = [(axes.get_xlim(), axes.get_ylim()) for axes in self.axes]
        for number, axes in enumerate(self.axes):
            standing = [
                one
                for one in sorted(axes.get_children(), key=lambda one: one.get_zorder())
                if not one.get_animated() and one is not axes.patch  # which is as the paper
            ]
            if axes.axison:
                yield ("x", number, axes.get_xlim()), [axes.xaxis]
                yield ("y", number, axes.get_ylim()), [axes.yaxis]
            else:
                standing = [one for one in standing if not isinstance(one, Spine)]
            rest = [one for one in standing if not isinstance(one, Axis)]
            on_data = [one for one in rest if one.get_transform().contains_branch(axes.transData)]
            if on_data:
                yield ("data", number, self.words, *limits), on_data
            yield ("rest", number, self.words), [one for one in rest if one not in on_data]

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
        Holds the axes of the cells, and nothing else.
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
        self._layers: dict[tuple[object, ...], _Layer] = {}  # the latest last
        self._paper = np.rint(np.array(to_rgba(theme.background)) * 255).astype(np.uint8)
        self._colours = _palette_image(theme)
        self.n_drawn_anew = 0
        """Layers that were drawn so far."""

    def frame(self) -> NDArray[np.uint8]:
        """Draw what has changed.

        Returns
        -------
        uint8, shape (height, width, 4)
            Red, green, blue and alpha; the canvas's own memory, valid until the next frame.
        """
        if self._background is None:
            np.asarray(self._agg.get_renderer().buffer_rgba())[:] = self._paper
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
        """Put a cell's axes without what moves into its part of the picture."""
        pixels = np.asarray(self._agg.buffer_rgba())
        layers = [self._layer(cell, look, artists) for look, artists in cell.layers()]
        pixels[self._part(cell)] = self._paper
        for layer in layers:
            layer.put_on(pixels)

    def _layer(self, cell: Cell, look: tuple[object, ...], artists: list[Artist]) -> _Layer:
        """Return a layer; whoever moves a slider to and fro sees the same few again and again."""
        key = (self._cells.index(cell), *look)
        layer = self._layers.pop(key, None)
        if layer is None:
            pixels = np.asarray(self._agg.buffer_rgba())
            rows, columns = self._part(cell)
            pixels[rows, columns] = 0
            for artist in artists:
                self.figure.draw_artist(artist)
            layer = _Layer.of(pixels, rows, columns)
            self.n_drawn_anew += 1
        self._layers[key] = layer
        if len(self._layers) > _LAYERS_PER_CELL * len(self._cells):
            del self._layers[next(iter(self._layers))]
        return layer

    def _part(self, cell: Cell) -> tuple[slice, slice]:
        """Return the rows and columns of a cell."""
        width, height = self._agg.get_width_height()
        box = cell.box
        rows = slice(round((1 - box.y1) * height), round((1 - box.y0) * height))
        return rows, slice(round(box.x0 * width), round(box.x1 * width))


class _Layer(NamedTuple):
    """The pixels of a picture that something was drawn on."""

    places: NDArray[np.intp]
    """Counted along the rows of the picture."""
    colours: NDArray[np.float32]
    """Times their opacity."""
    seen_through: NDArray[np.float32]
    """What they leave of the colours behind them, 0 to 1."""

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], rows: slice, columns: slice) -> _Layer:
        """Return what was drawn onto a transparent part."""
        drawn_rows, drawn_columns = np.nonzero(pixels[rows, columns, 3])
        places = (drawn_rows + rows.start) * pixels.shape[1] + drawn_columns + columns.start
        drawn = pixels.reshape(-1, 4)[places].astype(np.float32)
        opacity = drawn[:, 3:] / np.float32(255)
        drawn[:, 3] = 255
        return cls(places, drawn * opacity, np.float32(1) - opacity)

    def put_on(self, pixels: NDArray[np.uint8]) -> None:
        """Put the layer onto a picture that is opaque."""
        colours = pixels.reshape(-1, 4)
        behind = colours.take(self.places, axis=0)
        colours[self.places] = self.colours + self.seen_through * behind + np.float32(0.5)


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
