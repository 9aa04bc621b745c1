"""The slowest requests, from their arrival to their answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import Transform, blended_transform_factory, offset_copy
from numpy.typing import NDArray

from codomyrmex_lab.dashboards.canvas import Cell
from codomyrmex_lab.dashboards.panels.legend import Legend
from codomyrmex_lab.dashboards.panels.limits import Ceiling
from codomyrmex_lab.dashboards.panels.look import SMALL, X_LABEL_IN, dress, line
from codomyrmex_lab.dashboards.slowest import Record, arrival_ms, lined_up
from codomyrmex_lab.plots.theme import Theme

__all__ = ["GanttPanel"]

_ROOM = 1.5
"""Of the axis, for the longest bar and the words behind it."""


class GanttPanel:
    """Draws a bar per request, in the order of time: its wait, then its batch's model call.

    Bars of requests that were there at the same time share a time axis; where nothing was there
    in between, a line separates them and the time begins anew. At the left stand the requests'
    ids, at the right when each stretch of time begins.

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
        dress(cell, theme, "Slowest requests", "ms since the stretch began", "")
        axes = cell.main
        axes.set_ylim(n_rows - 0.4, -0.6)
        axes.set_yticks([])
        axes.grid(visible=False, axis="y")
        bar: dict[str, Any] = {"linewidth": 75 / max(n_rows, 8), "solid_capstyle": "butt"}
        self.waiting = line(cell, theme.orange, **bar)
        self.service = line(cell, theme.blue, **bar)
        self._breaks = line(cell, theme.faint_text, linewidth=0.6)
        self._breaks.set_transform(axes.get_yaxis_transform())
        look: dict[str, Any] = {"fontsize": SMALL, "color": theme.text, "va": "center"}
        self.words = [axes.text(0, row, "", clip_on=True, **look) for row in range(n_rows)]
        """What is said of each bar, behind it."""
        left, right = (_beside(axes, points) for points in (-3, 3))
        self.ids = [
            axes.text(0, row, "", ha="right", transform=left, **look) for row in range(n_rows)
        ]
        self.starts = [axes.text(1, row, "", transform=right, **look) for row in range(n_rows)]
        cell.add(*self.words, *self.ids, *self.starts)
        for side, ha, words in ((0, "right", "request"), (1, "left", "from (s)")):
            below = offset_copy(axes.transAxes, axes.get_figure(root=True), y=-X_LABEL_IN)
            axes.text(
                side, 0, words, ha=ha, va="top", fontsize=SMALL, color=theme.text, transform=below
            )
        Legend(cell, theme).show([(self.waiting, "waiting"), (self.service, "model call")])

    def show(self, slowest: pd.DataFrame) -> None:
        """Draw rows of a trace's frame, the slowest first."""
        stretches = lined_up(slowest.head(self._n_rows))
        records = [record for stretch in stretches for record in stretch]
        from_ms = np.array([arrival_ms(one[0]) for one in stretches for _ in one])
        arrived = np.array([arrival_ms(record) for record in records])
        latency, queue, service = (
            np.array([record[name] for record in records], dtype=np.float64)
            for name in ("latency_ms", "queue_ms", "service_ms")
        )
        begin = arrived - from_ms
        called = begin + np.where(np.isnan(queue), latency, queue)
        done = called + np.nan_to_num(service)
        at = np.arange(len(records))
        self.waiting.set_data(_bars(begin, called), np.repeat(at, 3))
        self.service.set_data(_bars(called, done), np.repeat(at, 3))
        end = self._end.over(_ROOM * float(done.max(initial=0.07)))
        self._cell.limit(self._cell.main, x=(0.0, end))
        firsts = np.cumsum([0, *(len(stretch) for stretch in stretches)])[:-1]
        self._breaks.set_data(
            np.tile([0.0, 1.0, np.nan], len(firsts[1:])), np.repeat(firsts[1:] - 0.5, 3)
        )
        self._write(records, done, {int(first): from_ms[first] / 1e3 for first in firsts})

    def _write(
        self, records: list[Record], done: NDArray[np.float64], from_s: dict[int, float]
    ) -> None:
        for place in range(self._n_rows):
            there = place < len(records)
            self.ids[place].set_text(f"{records[place]['id']}" if there else "")
            self.words[place].set_text(" " + _batch_words(records[place]) if there else "")
            self.words[place].set_x(float(done[place]) if there else 0.0)
            self.starts[place].set_text(_time_words(from_s[place]) if place in from_s else "")


def _bars(begin: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([begin, end, np.full(len(begin), np.nan)], axis=1).ravel()


def _beside(axes: Axes, points: float) -> Transform:
    """Return coordinates of rows, with the sides of the axes, some points away, for 0 and 1."""
    across = offset_copy(axes.transAxes, axes.get_figure(root=True), x=points, units="points")
    return blended_transform_factory(across, axes.transData)


def _time_words(at_s: float) -> str:
    """Return a time in no more figures than there is room for."""
    decimals = 3 if at_s < 100 else 1 if at_s < 10_000 else 0
    return f"{at_s:.{decimals}f}"


def _batch_words(record: Record) -> str:
    if record["from_cache"]:
        return "from the cache"
    if pd.isna(record["batch_size"]):
        return "never reached the model"
    return f"{record['batch_size']} in batch {record['batch_id']}"
