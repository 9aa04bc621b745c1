"""A table of requests with named columns, and what a workload takes from it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError, WorkloadError
from codomyrmex_lab.optimization.keys import exact_key
from codomyrmex_lab.workloads.arrival_check import check_arrivals

__all__ = ["Columns", "RequestTable", "TimeUnit"]

_NESTED = (dict, list, set, np.ndarray)
_INT32 = np.iinfo(np.int32)
_ZONE = r"[T ].*(?:[Zz]|[+-]\d\d(?::?\d\d)?)$"

TimeUnit = Literal["s", "ms", "us", "ns"]
"""What the numbers of a column of times count."""

_PER_SECOND = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a table is which.

    Parameters
    ----------
    arrival : str
        Arrival times: numbers, or timestamps.
    key, payload, priority : str or None
        As for :meth:`Workload.from_csv`.
    time_unit : {"s", "ms", "us", "ns"}
        What arrival times count that are numbers.

    Raises
    ------
    SettingError
        The unit is none of these.
    """

    arrival: str
    key: str | None = None
    payload: str | None = None
    priority: str | None = None
    time_unit: TimeUnit = "s"

    def __post_init__(self) -> None:
        if self.time_unit not in _PER_SECOND:
            known = ", ".join(map(repr, _PER_SECOND))
            raise SettingError(f"time_unit is {self.time_unit!r}; expected one of {known}.")

    @property
    def used(self) -> tuple[str | None, ...]:
        """Names of all columns that are used."""
        return (self.arrival, self.key, self.payload, self.priority)


@dataclass(frozen=True, slots=True)
class RequestTable:
    """Rows read from somewhere; every complaint names the place.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per request.
    source : str
        Name of the file, or of the frame.
    row_name : callable
        Name of the row at a position, as a person finds it in the source.
    """

    frame: pd.DataFrame
    source: str
    row_name: Callable[[int], str]

    def require(self, columns: Sequence[str | None]) -> None:
        """Raise ``WorkloadError`` unless there are rows, and columns of the given names."""
        if len(self.frame) == 0:
            raise WorkloadError(f"{self.source} holds no requests; expected at least one row.")
        for column in columns:
            if column is not None and column not in self.frame.columns:
                present = ", ".join(repr(name) for name in self.frame.columns) or "none"
                raise WorkloadError(f"{self.source} has no column {column!r}; it has {present}.")
            if column is not None and (n := list(self.frame.columns).count(column)) > 1:
                raise WorkloadError(f"{self.source} has {n} columns {column!r}; expected one.")

    def require_each(self, column: str, is_good: Callable[[object], bool], expected: str) -> None:
        """Raise ``WorkloadError`` unless every value of a column is of the right kind."""
        for row, value in enumerate(self.frame[column]):
            if not is_good(value):
                raise WorkloadError(
                    f"{self._place(row, column)} is {_shown(self.frame[column], row)}; "
                    f"expected {expected}."
                )

    def in_order_of(self, column: str) -> RequestTable:
        """Return the rows sorted by a column; equal ones keep their order."""
        order = self.frame[column].argsort(kind="stable").to_numpy()
        frame = self.frame.iloc[order].reset_index(drop=True)
        return RequestTable(frame, self.source, lambda row: self.row_name(int(order[row])))

    def arrival_s(self, column: str, unit: TimeUnit = "s") -> NDArray[np.float64]:
        """Return the arrival times in s since the first."""
        raw = self.frame[column]
        seconds = _seconds(raw, _PER_SECOND[unit])
        unreadable = np.isnan(seconds)
        if unreadable.any():
            row = int(np.argmax(unreadable))
            raise WorkloadError(
                f"{self._place(row, column)}: arrival is {_shown(raw, row)}; expected a number of "
                f"{_WORDS[unit]} or an ISO 8601 timestamp, the same in all rows, with a time zone "
                "in all or in none."
            )
        check_arrivals(seconds, lambda row: self._place(row, column), lambda row: _shown(raw, row))
        since_first: NDArray[np.float64] = seconds - seconds[0]
        return since_first

    def keys(self, column: str) -> NDArray[Any]:
        """Return a column that tells equal inputs apart; nested values become numbers."""
        values = self._complete(column)
        if not any(isinstance(value, _NESTED) for value in values):
            return values.to_numpy()
        numbers: dict[Hashable, int] = {}
        return np.array([numbers.setdefault(exact_key(value), len(numbers)) for value in values])

    def payloads(self, column: str) -> list[Any]:
        """Return a column of inputs as plain Python values."""
        return self._complete(column).tolist()

    def priorities(self, column: str) -> NDArray[np.int32]:
        """Return a column of whole numbers."""
        raw = self.frame[column]
        values = _numbers(raw)
        good = (values == np.floor(values)) & (values >= _INT32.min) & (values <= _INT32.max)
        if not good.all():
            row = int(np.argmin(good))
            raise WorkloadError(
                f"{self._place(row, column)}: priority is {_shown(raw, row)}; expected a whole "
                f"number from {_INT32.min} to {_INT32.max}."
            )
        return values.astype(np.int32)

    def others(self, used: Sequence[str | None]) -> pd.DataFrame:
        """Return the columns that are not used otherwise."""
        kept = [column for column in self.frame.columns if column not in used]
        return self.frame[kept].reset_index(drop=True)

    def _complete(self, column: str) -> pd.Series[Any]:
        values = self.frame[column]
        missing = values.isna().to_numpy()
        if missing.any():
            row = int(np.argmax(missing))
            raise WorkloadError(
                f"{self._place(row, column)} has no value; expected one per request."
            )
        return values

    def _place(self, row: int, column: str) -> str:
        return f"{self.source}, {self.row_name(row)}, column {column!r}"


def _numbers(raw: pd.Series[Any]) -> NDArray[np.float64]:
    """Return a column as float64, NaN where there is no number."""
    try:
        numbers = pd.to_numeric(raw, errors="coerce")
    except OverflowError:  # whole numbers beyond all floats
        numbers = pd.to_numeric(raw.astype(str), errors="coerce")
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _seconds(raw: pd.Series[Any], per_s: float) -> NDArray[np.float64]:
    """Return times as float64 s; timestamps since the first; NaN where there is none."""
    if pd.api.types.is_datetime64_any_dtype(raw.dtype):
        return _since_first(pd.to_datetime(raw, utc=True))
    if pd.api.types.is_timedelta64_dtype(raw.dtype):
        return np.asarray(raw.dt.total_seconds(), dtype=np.float64)
    if pd.api.types.is_bool_dtype(raw.dtype):
        return np.full(len(raw), np.nan)
    numbers = _numbers(raw)
    if not np.isnan(numbers[0]):
        return numbers / per_s
    text = raw.astype(str).str.strip()
    has_zone = text.str.contains(_ZONE, regex=True)
    text = text.where(has_zone == has_zone.iloc[0])
    return _since_first(pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce"))


def _since_first(stamps: pd.Series[Any]) -> NDArray[np.float64]:
    ticks = stamps.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")
    since = ticks - ticks[0]
    seconds: NDArray[np.float64] = since.astype(np.int64) / 1e9
    seconds[np.isnat(since)] = np.nan
    return seconds


def _shown(raw: pd.Series[Any], row: int) -> str:
    value = raw.iloc[row]
    missing = bool(raw.isna().iloc[row]) or (isinstance(value, str) and value == "")
    text = str(value)
    return "missing" if missing else repr(text if len(text) <= 80 else f"{text[:80]}...")
