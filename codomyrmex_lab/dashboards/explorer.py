"""The screen on which a person takes a trace apart."""

from __future__ import annotations

import threading
from typing import Any

import ipywidgets as widgets
import pandas as pd

from codomyrmex_lab.dashboards.arguments import check_trace
from codomyrmex_lab.dashboards.explorer_picture import N_SLOWEST, ExplorerPicture
from codomyrmex_lab.dashboards.explorer_tables import comparison_table, slowest_table
from codomyrmex_lab.dashboards.newest_wins import NewestWins
from codomyrmex_lab.dashboards.page import PointerDrag
from codomyrmex_lab.dashboards.readout import Reading, number, readout
from codomyrmex_lab.dashboards.screen import Screen, paragraph
from codomyrmex_lab.dashboards.slowest import togetherness
from codomyrmex_lab.dashboards.trace_filters import TraceFilters
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.tracing import Trace

__all__ = ["TraceExplorer"]

_log = get_logger(__name__)

_CALM_S = 0.1  # the tables wait until a slider has rested for this long
_LEAST_DRAG = 0.01  # of the picture's width: less is a click, which selects all


class TraceExplorer(Screen):
    """Filter a trace, brush a span of time, and look at its slowest requests.

    Dragging the pointer over the upper left panel brushes a span; a click there selects all of
    the time again. The sliders do the same from the keyboard.

    Parameters
    ----------
    trace : Trace
        Measured or simulated.
    other : Trace or None
        Another run to compare with.

    Raises
    ------
    TraceError
        A trace holds no request, or is none.
    """

    kind = "explorer"
    _closed = True  # until the constructor is through

    def __init__(self, trace: Trace, other: Trace | None = None) -> None:
        check_trace(trace)
        if other is not None:
            check_trace(other)
        super().__init__()
        self.trace, self.other = trace, other
        reasons = trace.batches.set_index("batch_id")["reason"].astype(str)
        frame = trace.frame()
        self._frame = frame.assign(reason=frame["batch_id"].map(reasons))
        self._selected = trace
        self._drawing = threading.RLock()
        self._drawn = ExplorerPicture(self.theme, trace, other)
        self.picture.brush = self._drawn.time_panel
        self.filters = TraceFilters(frame, self._request)
        self.table = widgets.HTML(layout={"width": "100%"})
        self.comparison = widgets.HTML(layout={"width": "100%"})
        self._arrange(
            [self.filters, self.status_line],
            [self.words, self.picture],
            [self.comparison, self.table],
        )
        self._draw()
        self._closed = False
        self._answers = NewestWins(self._answer, settle_s=0.0, name="trace-explorer")
        self._request()

    # -- what programs use --------------------------------------------------------------------

    @property
    def selected(self) -> Trace:
        """The requests that pass the filters, as a trace."""
        return self._selected

    @property
    def summary(self) -> str:
        """What the screen shows, as plain text."""
        readings = ", ".join(f"{one.name} {one.value}" for one in _readings(self._selected))
        return f"TraceExplorer. {self._status_text} Of these: {readings}."

    @property
    def state(self) -> dict[str, Any]:
        """The filters."""
        return self.filters.state

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.filters.restore(state)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the filters on screen are answered; return whether that came."""
        return self._closed or self._answers.wait(timeout_s)

    def close(self) -> None:
        """End the thread and let go of the widgets."""
        if self._closed:
            return
        self._closed = True
        self._answers.close()
        super().close()

    # -- events -------------------------------------------------------------------------------

    def _request(self) -> None:
        if not self._closed:
            self._answers.submit(None)

    def _on_drag(self, drag: PointerDrag) -> None:
        with self._drawing:
            begin, end = (self._drawn.time_s(x, drag.y0) for x in (drag.x0, drag.x1))
        if begin is None:
            return
        if abs(drag.x1 - drag.x0) < _LEAST_DRAG or end is None:
            self.filters.reset_time()
        else:
            self.filters.brush(begin, end)

    def _retheme(self) -> None:
        with self._drawing:
            self._drawn = ExplorerPicture(self.theme, self.trace, self.other)
        self._request()

    # -- the thread that answers --------------------------------------------------------------

    def _answer(self, _item: None, newer: threading.Event) -> None:
        try:
            selected, slowest = self._draw()
            if newer.wait(_CALM_S):
                return
            words = paragraph(togetherness(slowest)) if len(slowest) else ""
            self.table.value = words + slowest_table(slowest)
            self._say(f"{len(selected):,} of {len(self.trace):,} requests selected.")
            if self.other is not None:
                self.comparison.value = comparison_table(selected, self.other)
        except Exception as error:
            _log.exception("Exploring failed")
            self._say(f"Failed: {type(error).__name__}: {error}")

    def _draw(self) -> tuple[Trace, pd.DataFrame]:
        """Draw what passes the filters; return it, and its slowest requests."""
        rows = self.filters.rows()
        selected = self.trace.select(rows)
        slowest = self._frame[rows].nlargest(N_SLOWEST, "latency_ms")
        with self._drawing:
            self._selected = selected
            self.picture.png = self._drawn.png(selected, self.filters.span_s, slowest)
        kind = "simulated" if selected.metadata.get("simulated") else "measured"
        self.words.value = readout(_readings(selected), f"Of the selected requests, {kind}")
        return selected, slowest


def _readings(trace: Trace) -> list[Reading]:
    summary = trace.summary()
    return [
        Reading("selected", f"{summary.n_requests:,}"),
        Reading("p50", number(summary.p50_ms, " ms")),
        Reading("p95", number(summary.p95_ms, " ms")),
        Reading("p99", number(summary.p99_ms, " ms")),
        Reading("hit rate", f"{summary.cache_hit_rate:.1%}"),
        Reading("mean batch", number(summary.mean_batch_size)),
        Reading("failed", f"{summary.n_errors:,}"),
    ]
