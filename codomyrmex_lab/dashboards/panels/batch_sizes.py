"""How large the batches were, and why they left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from codomyrmex_lab.dashboards.canvas import Cell
from codomyrmex_lab.dashboards.panels.legend import Legend
from codomyrmex_lab.dashboards.panels.limits import Ceiling
from codomyrmex_lab.dashboards.panels.look import dress, line
from codomyrmex_lab.optimization.models import CloseReason
from codomyrmex_lab.plots.batch_sizes import BatchSizes
from codomyrmex_lab.plots.theme import Theme

__all__ = ["BatchSizesPanel"]


class BatchSizesPanel:
    """Draws the share of batches of each size, stacked by the reason for which they left.

    Parameters
    ----------
    cell : Cell
        Where.
    theme : Theme
        In which colours.
    """

    def __init__(self, cell: Cell, theme: Theme) -> None:
        self._cell, self._legend = cell, Legend(cell, theme)
        dress(cell, theme, "Batch sizes", "requests per batch", "share of batches")
        cell.main.xaxis.set_major_locator(MaxNLocator(integer=True))
        cell.main.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        self._end = Ceiling(0.05)
        self._seen: set[CloseReason] = set()
        self.bars: dict[CloseReason, Any] = {}
        for reason in CloseReason:
            colour, hatch = theme.reason(reason)
            patch = cell.main.stairs(
                [0.0],
                [0.0, 1.0],
                fill=True,
                facecolor=colour,
                edgecolor=theme.background,
                hatch=hatch,
                linewidth=0.3,
            )
            cell.add(patch)
            self.bars[reason] = patch
        self.outlines = {
            "pinned": line(cell, theme.faint_text, "pinned", drawstyle="steps-post"),
            "measured": line(cell, theme.vermillion, "measured", drawstyle="steps-post"),
        }

    def show(self, shown: Mapping[str, BatchSizes]) -> None:
        """Draw bars for ``now`` and outlines for ``measured`` and ``pinned``."""
        now = shown.get("now")
        entries = [] if now is None else self._show_bars(now)
        highest = 0.0
        for kind, drawn in self.outlines.items():
            if (one := shown.get(kind)) is None:
                drawn.set_data([], [])
                continue
            share = _shares(one)
            drawn.set_data(one.edges, np.append(share, share[-1:]))
            highest = max(highest, float(share.max(initial=0)))
        if now is not None:
            highest = max(highest, float(_shares(now).max(initial=0)))
            self._cell.limit(self._cell.main, x=(0.5, _widest(shown)))
        self._cell.limit(self._cell.main, y=(0.0, min(self._end.over(1.15 * highest), 1.05)))
        self._legend.show(entries)

    def _show_bars(self, now: BatchSizes) -> list[tuple[Artist, str]]:
        n_batches = max(int(now.total.sum()), 1)
        bottom: NDArray[np.float64] = np.zeros(len(now.edges) - 1)
        entries: list[tuple[Artist, str]] = []
        for reason, patch in self.bars.items():
            count = now.counts.get(reason)
            patch.set_visible(count is not None)
            if count is None:
                if reason in self._seen:
                    entries.append((patch, reason.value))
                continue
            self._seen.add(reason)  # its name stays, so that the legend seldom changes
            top = bottom + count / (n_batches * np.diff(now.edges))
            patch.set_data(top, now.edges, bottom)
            bottom = top
            entries.append((patch, reason.value))
        return entries


def _shares(sizes: BatchSizes) -> NDArray[np.float64]:
    """Return the share of batches of each size, also where a bar stands for several sizes."""
    shares: NDArray[np.float64] = sizes.total / (max(sizes.total.sum(), 1) * np.diff(sizes.edges))
    return shares


def _widest(shown: Mapping[str, BatchSizes]) -> float:
    """Return the end of the axis: a power of two, half a request more."""
    largest = max(one.edges[-1] - 0.5 for one in shown.values())
    return float(2 ** np.ceil(np.log2(max(largest, 4)))) + 0.5
