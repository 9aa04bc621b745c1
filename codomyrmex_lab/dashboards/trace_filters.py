"""Controls that say which requests of a trace are looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.dashboards.screen import CONTROLS_WIDTH
from codomyrmex_lab.errors import ConfigFileError

__all__ = ["TraceFilters", "time_positions"]

_ALL = "all"
_ANSWERS = (_ALL, "computed", "from the cache", "shared a computation", "failed")
_LOOK: dict[str, Any] = {
    "style": {"description_width": "92px"},
    "layout": {"width": CONTROLS_WIDTH},
}
_MOST_DECIMALS = 4
_ROOM_FOR_TIMES = (
    "<style>.codomyrmex-time.codomyrmex-time .widget-readout"
    "{min-width:108px;max-width:none}</style>"
)
"""Both ends of a span are wider than what a page gives a single number."""


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
        step_s, end_s = time_positions(float(self._arrival_s[-1]))
        largest = max(int(self._size.max()), 1)
        self.time = widgets.FloatRangeSlider(
            description="Time (s)",
            tooltip="Arrivals from when to when, in s since the first",
            min=0.0,
            max=end_s,
            value=(0.0, end_s),
            step=step_s,
            readout_format=f".{min(_decimals(step_s), _MOST_DECIMALS)}f",
            **_LOOK,
        )
        self.time.add_class("codomyrmex-time")
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
        super().__init__([*controls, self.reset_button, widgets.HTML(_ROOM_FOR_TIMES)])
        for widget in controls:
            widget.observe(lambda _change: on_change(), names="value")

    @property
    def span_s(self) -> tuple[float, float] | None:
        """The time that is selected; None where it is all of it."""
        begin, end = self.time.value
        return None if (begin, end) == (self.time.min, self.time.max) else (begin, end)

    def brush(self, begin_s: float, end_s: float) -> None:
        """Select a span of time, within what there is, out to the next positions of the slider."""
        low, high = sorted((begin_s, end_s))
        step_s = self.time.step
        positions = math.floor(low / step_s + 1e-6), math.ceil(high / step_s - 1e-6)
        low, high = (round(position * step_s, _decimals(step_s)) for position in positions)
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
            One of them is none, or selects nothing that this trace has; all stay as they were.
        """
        priority, answered = (
            _choice(name, state.get(name), widget.options)
            for name, widget in (("priority", self.priority), ("answered", self.answered))
        )
        time_s = _span("time_s", state.get("time_s"), self.time, whole=False)
        batch_size = _span("batch_size", state.get("batch_size"), self.batch_size, whole=True)
        self.priority.value, self.answered.value = priority, answered
        self.time.value, self.batch_size.value = time_s, batch_size


def _choice(name: str, given: object, options: Sequence[object]) -> object:
    """Return a saved choice, or raise ``ConfigFileError`` where it is none of these."""
    if not any(type(given) is type(one) and given == one for one in options):
        *most, last = map(repr, options)
        raise _does_not_fit(name, given, f"{', '.join(most)} or {last}" if most else last)
    return given


def _span(name: str, given: object, slider: Any, *, whole: bool) -> tuple[float, float]:
    """Return the part of a saved span that a slider has, or raise ``ConfigFileError``."""
    numbers = given if isinstance(given, list) else []
    fits = (
        len(numbers) == 2
        and all(type(one) is int or (type(one) is float and not whole) for one in numbers)
        and numbers[0] <= numbers[1]
        and numbers[0] <= slider.max
        and numbers[1] >= slider.min
    )
    if not fits:
        kind = "whole numbers" if whole else "numbers"
        raise _does_not_fit(
            name,
            given,
            f"two ascending {kind} around a part of this trace, which has {slider.min:g} to "
            f"{slider.max:g}",
        )
    return max(numbers[0], slider.min), min(numbers[1], slider.max)


def _does_not_fit(name: str, given: object, expected: str) -> ConfigFileError:
    return ConfigFileError(f"In the saved filters {name} is {given!r}; expected {expected}.")


def time_positions(end_s: float) -> tuple[float, float]:
    """Return the step of a slider over a trace and its last position, in s, in few digits."""
    end_s = max(end_s, 1e-6)
    power = 10.0 ** math.floor(math.log10(end_s / 1000))
    step_s = next(one * power for one in (1, 2, 5, 10) if one * power >= end_s / 1000)
    decimals = _decimals(step_s)
    n_steps = math.ceil(end_s / step_s - 1e-6)
    last_s = round(n_steps * step_s, decimals)
    if last_s < end_s:
        last_s = round((n_steps + 1) * step_s, decimals)
    return round(step_s, decimals), last_s


def _decimals(step_s: float) -> int:
    return max(0, -math.floor(math.log10(step_s) + 1e-6))
