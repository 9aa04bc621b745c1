"""The slowest requests, from their arrival to their answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.dashboards.canvas import Cell
from codomyrmex_lab.dashboards.panels.legend import Legend
from codomyrmex_lab.dashboards.panels.limits import Ceiling
from codomyrmex_lab.dashboards.panels.look import SMALL, dress, line
from codomyrmex_lab.plots.theme import Theme

__all__ = ["GanttPanel"]


class GanttPanel:
    """Draws a bar per request: its wait, then its batch's model call.

    Parameters
    ----------
    cell : Cell
        Where.
    theme : Theme
        In which colours.
    n_rows : int
        How many requests there is room for.
    """

    def __init__(self, cell: Cell, theme: Theme, n_rows: int) -> None:
        self._cell, self._n_rows, self._end = cell, n_rows, Ceiling(0.1)
        dress(cell, theme, "Slowest requests", "ms since arrival", "request")
        cell.main.set_ylim(n_rows - 0.4, -0.6)
        cell.main.set_yticks([])
        cell.main.grid(visible=False, axis="y")
        bar: dict[str, Any] = {"linewidth": 75 / max(n_rows, 8), "solid_capstyle": "butt"}
        self.waiting = line(cell, theme.orange, **bar)
        self.service = line(cell, theme.blue, **bar)
        self._words = [
            cell.main.text(0, row, "", fontsize=SMALL, color=theme.text, va="center", clip_on=True)
            for row in range(n_rows)
        ]
        cell.add(*self._words)
        Legend(cell, theme).show([(self.waiting, "waiting"), (self.service, "model call")])

    def show(self, slowest: pd.DataFrame) -> None:
        """Draw rows of a trace's frame, the slowest first, with ``reason`` joined."""
        rows = slowest.head(self._n_rows)
        queue, service = (rows[name].fillna(0).to_numpy() for name in ("queue_ms", "service_ms"))
        failed = rows["queue_ms"].isna().to_numpy()
        queue = np.where(failed, rows["latency_ms"].to_numpy(), queue)
        at = np.arange(len(rows))
        self.waiting.set_data(_bars(np.zeros(len(rows)), queue), np.repeat(at, 3))
        self.service.set_data(_bars(queue, queue + service), np.repeat(at, 3))
        end = self._end.over(1.55 * float((queue + service).max(initial=0.07)))
        self._cell.limit(self._cell.main, x=(0.0, end))
        records = rows.to_dict("records")
        for place, words in enumerate(self._words):
            if place < len(records):
                words.set_text(" " + _batch_words(records[place]))
                words.set_x(float(queue[place] + service[place]))
            words.set_visible(place < len(records))


def _bars(begin: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([begin, end, np.full(len(begin), np.nan)], axis=1).ravel()


def _batch_words(record: dict[Any, Any]) -> str:
    if record["from_cache"]:
        return "from the cache"
    if pd.isna(record["batch_size"]):
        return "never reached the model"
    return f"{record['batch_size']} in batch {record['batch_id']}"
