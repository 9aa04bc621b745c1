"""The share of requests answered within each latency."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.ticker import PercentFormatter

from codomyrmex_lab.dashboards.canvas import Cell
from codomyrmex_lab.dashboards.panels.legend import Legend
from codomyrmex_lab.dashboards.panels.limits import Decades
from codomyrmex_lab.dashboards.panels.look import (
    dress,
    line,
    logarithmic,
    on_log_axis,
)
from codomyrmex_lab.plots.latency_distribution import LatencyDistribution
from codomyrmex_lab.plots.style import FLOOR_MS
from codomyrmex_lab.plots.theme import Theme

__all__ = ["DistributionPanel"]


class DistributionPanel:
    """Draws latency distributions; the one of now with its p50, p95 and p99.

    Parameters
    ----------
    cell : Cell
        Where.
    theme : Theme
        In which colours.
    title : str
        Over it.
    """

    def __init__(self, cell: Cell, theme: Theme, title: str = "Latency") -> None:
        self._cell, self._range_ms = cell, Decades(FLOOR_MS)
        dress(cell, theme, title, "latency (ms)", "requests answered within")
        logarithmic(cell.main.xaxis)
        cell.main.set_ylim(0, 1.02)
        cell.main.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        self.lines = {
            "pinned": line(cell, theme.faint_text, "pinned"),
            "now": line(cell, theme.blue),
            "measured": line(cell, theme.vermillion, "measured"),
        }
        self._marks = {}
        for percent, marker, colour in (
            (50, "o", theme.green),
            (95, "s", theme.orange),
            (99, "D", theme.vermillion),
        ):
            mark = line(cell, colour, linestyle="none", marker=marker, markersize=6)
            mark.set_markeredgecolor(theme.text)
            mark.set_markeredgewidth(0.6)
            self._marks[percent] = mark

        Legend(cell, theme).show([(mark, f"p{percent}") for percent, mark in self._marks.items()])

    def show(self, shown: Mapping[str, LatencyDistribution]) -> None:
        """Draw distributions by ``now``, ``measured`` and ``pinned``; not what is left out."""
        ends = [
            end
            for one in shown.values()
            if len(one.latency_ms)
            for end in (one.latency_ms[len(one.latency_ms) // 100], one.latency_ms[-1])
        ]
        if ends:
            self._cell.limit(self._cell.main, x=self._range_ms.around(min(ends), max(ends)))
        for kind, drawn in self.lines.items():
            if (one := shown.get(kind)) is not None:
                drawn.set_data(on_log_axis(one.latency_ms, FLOOR_MS), one.fraction)
            else:
                drawn.set_data([], [])
        self._show_percentiles(shown.get("now"))

    def _show_percentiles(self, now: LatencyDistribution | None) -> None:
        found = {} if now is None else {mark.percent: mark.value_ms for mark in now.percentiles}
        for percent, mark in self._marks.items():
            value_ms = found.get(percent, math.nan)
            if math.isfinite(value_ms):
                mark.set_data([max(value_ms, FLOOR_MS)], [percent / 100])
            else:
                mark.set_data([], [])
