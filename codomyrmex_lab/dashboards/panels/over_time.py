"""How latency and queue go over the time of a workload."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from codomyrmex_lab.dashboards.canvas import Cell
from codomyrmex_lab.dashboards.panels.legend import Legend
from codomyrmex_lab.dashboards.panels.limits import Ceiling, Decades, Span
from codomyrmex_lab.dashboards.panels.look import (
    dress,
    dress_right,
    fill,
    line,
    logarithmic,
    on_log_axis,
    set_step_fill,
)
from codomyrmex_lab.plots.over_time import TraceOverTime
from codomyrmex_lab.plots.style import FLOOR_MS
from codomyrmex_lab.plots.theme import Theme

__all__ = ["OverTimePanel"]


class OverTimePanel:
    """Draws p95 and p50 latency by arrival, and the number waiting behind them.

    Parameters
    ----------
    cell : Cell
        Where.
    theme : Theme
        In which colours.
    """

    def __init__(self, cell: Cell, theme: Theme) -> None:
        self._cell, self._range_ms, self._end_s = cell, Decades(FLOOR_MS), Span()
        dress(cell, theme, "Latency and queue", "time (s)", "latency (ms)")
        logarithmic(cell.main.yaxis)
        self._right = cell.add_right()
        dress_right(self._right, theme, "requests waiting (filled)")
        self._queue_end = Ceiling(5)
        self._right.set_ylim(0, self._queue_end.value)
        self.queue = fill(cell, self._right, theme.orange, alpha=0.25)
        self.p50 = line(cell, theme.blue, linestyle="-.", linewidth=1.3)
        self.p95 = {
            "pinned": line(cell, theme.faint_text, "pinned"),
            "now": line(cell, theme.blue),
            "measured": line(cell, theme.vermillion, "measured"),
        }

        Legend(cell, theme).show([(self.p95["now"], "p95"), (self.p50, "p50")])

    def show(self, shown: Mapping[str, TraceOverTime]) -> None:
        """Draw p95 by ``now``, ``measured`` and ``pinned``, and p50 and queue of ``now``."""
        latencies = np.concatenate(
            [np.empty(0), *(part for one in shown.values() for part in (one.p50_ms, one.p95_ms))]
        )
        finite = latencies[np.isfinite(latencies)]
        if len(finite):
            limits = self._range_ms.around(float(finite.min()), float(finite.max()))
            self._cell.limit(self._cell.main, y=limits)
        for kind, drawn in self.p95.items():
            if (one := shown.get(kind)) is not None:
                drawn.set_data(one.time_s, on_log_axis(one.p95_ms, FLOOR_MS))
            else:
                drawn.set_data([], [])
        if (now := shown.get("now")) is not None and len(now.time_s):
            self._show_now(now)

    def _show_now(self, now: TraceOverTime) -> None:
        half = now.time_s[0]
        edges = np.append(now.time_s - half, now.time_s[-1] + half)
        self._cell.limit(self._cell.main, x=(0.0, self._end_s.over(float(edges[-1]))))
        self.p50.set_data(now.time_s, on_log_axis(now.p50_ms, FLOOR_MS))
        queue = now.queue_length
        end = self._queue_end.over(float(np.nanmax(queue, initial=0.0)))
        self._cell.limit(self._right, y=(0.0, end))
        set_step_fill(self.queue, queue, edges)
