"""The last seconds of some figures, which scroll."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from codomyrmex_lab.dashboards.canvas import Cell
from codomyrmex_lab.dashboards.panels.legend import Legend
from codomyrmex_lab.dashboards.panels.limits import Ceiling, Decades
from codomyrmex_lab.dashboards.panels.look import dress, line, logarithmic, on_log_axis
from codomyrmex_lab.plots.style import FLOOR_MS
from codomyrmex_lab.plots.theme import Theme

__all__ = ["RollingFigure", "RollingPanel"]

_LEAST = 0.01
"""The least that a logarithmic axis shows."""

Scale = Literal["logarithmic", "from zero", "share"]


@dataclass(frozen=True, slots=True)
class RollingFigure:
    """One line of a rolling panel.

    Parameters
    ----------
    name : str
        Column that it shows.
    label : str
        In the legend.
    colour : str
        Name of a colour of the theme.
    style : str
        Line style.
    """

    name: str
    label: str
    colour: str
    style: str = "-"


class RollingPanel:
    """Draws some figures over the last seconds, with a line where a setting changed.

    Parameters
    ----------
    cell : Cell
        Where.
    theme : Theme
        In which colours.
    title, y : str
        Words over it and beside it.
    figures : sequence of RollingFigure
        What is drawn.
    scale : str
        ``"logarithmic"``, ``"from zero"`` or ``"share"``, from 0 to 1.
    span_s : float
        Time shown, in s.
    lowest : float
        The least that the upper end of a scale from zero is.
    """

    def __init__(
        self,
        cell: Cell,
        theme: Theme,
        title: str,
        y: str,
        figures: Sequence[RollingFigure],
        *,
        scale: Scale,
        span_s: float,
        lowest: float = 1.0,
    ) -> None:
        self._cell, self._scale = cell, scale
        self._ceiling, self._range = Ceiling(lowest), Decades(_LEAST)
        dress(cell, theme, title, "seconds ago", y)
        axes = cell.main
        axes.set_xlim(-span_s, 0)
        if scale == "logarithmic":
            logarithmic(axes.yaxis)
            axes.set_ylim(0.1, 100)
        elif scale == "share":
            axes.set_ylim(-0.02, 1.02)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        else:
            axes.set_ylim(0, self._ceiling.value)
            axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
        self.changes = line(cell, theme.faint_text, linestyle=(0, (1, 1)), linewidth=1.2)
        self.changes.set_transform(axes.get_xaxis_transform())
        self.lines = {
            figure.name: line(
                cell, getattr(theme, figure.colour), linestyle=figure.style, linewidth=1.5
            )
            for figure in figures
        }
        entries = [(self.lines[figure.name], figure.label) for figure in figures]
        Legend(cell, theme).show(entries)

    def show(
        self,
        ago_s: NDArray[np.float64],
        columns: Mapping[str, NDArray[np.float64]],
        changes_ago_s: Sequence[float],
    ) -> None:
        """Draw the figures of some moments.

        Parameters
        ----------
        ago_s : float64, shape (n_moments,)
            Ascending times before now, in s: 0 or less; NaN where lines break.
        columns : mapping of str to float64, shape (n_moments,)
            Figures by name; NaN leaves a gap.
        changes_ago_s : sequence of float
            When settings changed, in s, 0 or less.
        """
        values = np.concatenate([np.empty(0), *(columns[name] for name in self.lines)])
        finite = values[np.isfinite(values)]
        self._set_limits(finite)
        for name, drawn in self.lines.items():
            shown = columns[name]
            if self._scale == "logarithmic":
                shown = on_log_axis(shown, FLOOR_MS)
            drawn.set_data(ago_s, shown)
        times = np.repeat(np.asarray(changes_ago_s, dtype=np.float64), 3)
        self.changes.set_data(times, np.tile([0.0, 1.0, np.nan], len(changes_ago_s)))

    def _set_limits(self, finite: NDArray[np.float64]) -> None:
        if not len(finite) or self._scale == "share":
            return
        axes = self._cell.main
        if self._scale == "logarithmic":
            low, high = self._range.around(float(finite.min()), float(finite.max()))
            self._cell.limit(axes, y=(low, high))
        else:
            self._cell.limit(axes, y=(0.0, self._ceiling.over(1.2 * float(finite.max()))))
