"""Controls that say which requests of a trace are looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.dashboards.screen import CONTROLS_WIDTH
from codomyrmex_lab.errors import ConfigFileError

__all__ = ["TraceFilters"]

_ALL = "all"
_ANSWERS = (_ALL, "computed", "from the cache", "shared a computation", "failed")
_LOOK: dict[str, Any] = {
    "style": {"description_width": "92px"},
    "layout": {"width": CONTROLS_WIDTH},
}


class TraceFilters(widgets.VBox):  # type: ignore[misc]
    """Filters by time, priority, kind of answer and batch size.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per request, as ``trace.frame()`` gives it.
    on_change : callable
        Called when another selection is asked for.
    """

    def __init__(self, frame: pd.DataFrame, on_change: Callable[[], object]) -> None:
        self._frame = frame
        self._arrival_s: NDArray[np.float64] = frame["arrival"].dt.total_seconds().to_numpy()
        self._size = frame["batch_size"].fillna(0).to_numpy(dtype=np.int64)
        end_s = max(float(self._arrival_s[-1]), 1e-6)
        largest = max(int(self._size.max()), 1)
        self.time = widgets.FloatRangeSlider(
            description="Time (s)",
            tooltip="Arrivals from when to when, in s since the first",
            min=0.0,
            max=end_s,
            value=(0.0, end_s),
            step=end_s / 1000,
            readout_format=_time_format(end_s),
            **_LOOK,
        )
        self.priority = widgets.Dropdown(
            description="Priority",
            tooltip="Requests of which priority",
            options=[_ALL, *sorted(frame["priority"].unique().tolist())],
            **_LOOK,
        )
        self.answered = widgets.Dropdown(
            description="Answered",
            tooltip="How the requests were answered",
            options=_ANSWERS,
            **_LOOK,
        )
        self.batch_size = widgets.IntRangeSlider(
            description="Batch size",
            tooltip="Sizes of the batches that answered; 0 stands for the cache",
            min=0,
            max=largest,
            value=(0, largest),
            **_LOOK,
        )
        self.reset_button = widgets.Button(
            description="Select all",
            icon="undo",
            tooltip="Take every filter back",
            layout={"width": CONTROLS_WIDTH},
        )
        self.reset_button.on_click(lambda _button: self.reset())
        controls = (self.time, self.priority, self.answered, self.batch_size)
        super().__init__([*controls, self.reset_button])
        for widget in controls:
            widget.observe(lambda _change: on_change(), names="value")

    @property
    def span_s(self) -> tuple[float, float] | None:
        """The time that is selected; None where it is all of it."""
        begin, end = self.time.value
        return None if (begin, end) == (self.time.min, self.time.max) else (begin, end)

    def brush(self, begin_s: float, end_s: float) -> None:
        """Select a span of time, within what there is."""
        low, high = sorted((begin_s, end_s))
        self.time.value = (max(low, self.time.min), min(high, self.time.max))

    def reset_time(self) -> None:
        """Select all of the time."""
        self.time.value = (self.time.min, self.time.max)

    def reset(self) -> None:
        """Take every filter back."""
        self.priority.value = self.answered.value = _ALL
        self.reset_time()
        self.batch_size.value = (self.batch_size.min, self.batch_size.max)

    def rows(self) -> NDArray[np.bool_]:
        """Return which requests pass."""
        begin, end = self.time.value
        rows: NDArray[np.bool_] = (self._arrival_s >= begin) & (self._arrival_s <= end)
        if self.priority.value != _ALL:
            rows &= self._frame["priority"].to_numpy() == self.priority.value
        if self.answered.value != _ALL:
            rows &= self._are(self.answered.value)
        low, high = self.batch_size.value
        if (low, high) != (self.batch_size.min, self.batch_size.max):
            rows &= (self._size >= low) & (self._size <= high)
        return rows

    def _are(self, answered: str) -> NDArray[np.bool_]:
        """Return which requests were answered in a way."""
        failed = self._frame["error"].notna().to_numpy()
        hit, joined = (self._frame[name].to_numpy() for name in ("from_cache", "joined"))
        found: dict[str, NDArray[np.bool_]] = {
            "computed": ~failed & ~hit & ~joined,
            "from the cache": hit,
            "shared a computation": joined & ~failed,
            "failed": failed,
        }
        return found[answered]

    @property
    def state(self) -> dict[str, Any]:
        """Plain values to restore the filters from."""
        return {
            "time_s": list(self.time.value),
            "priority": self.priority.value,
            "answered": self.answered.value,
            "batch_size": list(self.batch_size.value),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over saved filters.

        Raises
        ------
        ConfigFileError
            They are none, or those of quite another trace.
        """
        try:
            self.time.value = tuple(map(float, state["time_s"]))
            self.priority.value = state["priority"]
            self.answered.value = state["answered"]
            self.batch_size.value = tuple(map(int, state["batch_size"]))
        except Exception as error:  # a trait's own error, whatever the value was
            raise ConfigFileError(
                f"The saved filters do not fit this trace ({error}); expected those that save() "
                "wrote for it."
            ) from error


def _time_format(end_s: float) -> str:
    """Return a format in which both ends of a span fit beside the slider."""
    return next((form for below, form in ((10, ".2f"), (100, ".1f")) if end_s < below), ".0f")
