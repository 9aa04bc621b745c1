"""From measured points to the time of every batch size beside every number of other calls."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import ProfileError
from codomyrmex_lab.optimization.models import QuantizationType, check_integer

__all__ = ["MeasuredRange", "VariantTimes", "line_through"]

_Points = tuple[NDArray[np.float64], NDArray[np.float64]]


class MeasuredRange(NamedTuple):
    """Ends of what was measured of a variant: zeros for nothing."""

    smallest_batch: int
    largest_batch: int
    fewest_calls: int
    most_calls: int


class VariantTimes:
    """What was measured of one variant, as plain arrays: a frame takes 3 ms to select from.

    Parameters
    ----------
    points : pandas.DataFrame
        Of :class:`ServiceProfile`, all variants.
    cold_starts : pandas.DataFrame
        Of the same.
    quantization : QuantizationType
        The variant; it need not have been measured.
    """

    def __init__(
        self, points: pd.DataFrame, cold_starts: pd.DataFrame, quantization: QuantizationType
    ) -> None:
        self._quantization = quantization
        self._measured = [QuantizationType(one).name for one in points["quantization"].unique()]
        rows = points[points["quantization"] == quantization.value]
        sizes, workers = rows["batch_size"], rows["busy_workers"]
        ends = [sizes.min(), sizes.max(), workers.min(), workers.max()] if len(rows) else [0] * 4
        self.measured_range = MeasuredRange(*map(int, ends))
        self._by_cost: list[list[tuple[int, _Points]]] = [
            [
                (busy, _columns(of_busy, "batch_size", "service_ms"))
                for busy, of_busy in _groups(rows[rows["cost"] == cost], "busy_workers")
            ]
            for cost in np.unique(points["cost"].to_numpy(dtype=np.float64))
        ]
        cold = cold_starts[cold_starts["quantization"] == quantization.value]
        self._cold: dict[int, list[tuple[int, _Points]]] = {
            n_workers: [
                (size, _columns(of_size, "idle_ms", "extra_ms"))
                for size, of_size in _groups(of_workers, "batch_size")
            ]
            for n_workers, of_workers in _groups(cold, "n_workers")
        }

    def service_table_ns(
        self, n_workers: int, max_batch_size: int, *, extrapolate: bool
    ) -> NDArray[np.float64]:
        """Return the table that :meth:`ServiceProfile.service_table_ns` describes."""
        check_integer("n_workers", n_workers, at_least=1)
        check_integer("max_batch_size", max_batch_size, at_least=1)
        if not self.measured_range.largest_batch:
            raise ProfileError(
                f"The profile was measured for {', '.join(self._measured)}, not for "
                f"{self._quantization.name}; choose one of these, or measure the profile anew "
                "with it."
            )
        if not extrapolate:
            self._refuse_beyond(n_workers, max_batch_size)
        sizes = np.arange(1, max_batch_size + 1, dtype=np.float64)
        workers = np.arange(1, n_workers + 1, dtype=np.float64)
        table = np.zeros((len(self._by_cost), n_workers + 1, max_batch_size + 1))
        for row, of_cost in enumerate(self._by_cost):
            measured_workers = np.array([busy for busy, _ in of_cost], dtype=np.float64)
            by_size = np.stack([line_through(sizes, *points) for _, points in of_cost])
            table[row, 1:, 1:] = line_through(workers, measured_workers, by_size)
            table[row, 0] = table[row, 1]
        table *= 1e6
        table.setflags(write=False)
        return table

    def cold_start(
        self, n_workers: int, max_batch_size: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what :meth:`ServiceProfile.cold_start` describes."""
        nearest = max((one for one in self._cold if one <= n_workers), default=None)
        if nearest is None:
            return np.zeros(1), np.zeros((1, max_batch_size + 1))
        by_size = self._cold[nearest]
        idle_ms = np.unique(np.concatenate([[0.0], *(idle for _, (idle, _) in by_size)]))
        rows_ms = np.transpose(
            [np.interp(idle_ms, np.append(0.0, x), np.append(0.0, y)) for _, (x, y) in by_size]
        )
        sizes, measured = np.arange(max_batch_size + 1), [size for size, _ in by_size]
        extra_ms = [np.interp(sizes, measured, row_ms) for row_ms in rows_ms]
        return idle_ms * 1e6, np.array(extra_ms) * 1e6

    def _refuse_beyond(self, n_workers: int, max_batch_size: int) -> None:
        measured = self.measured_range
        for name, value, end in (
            ("n_workers", n_workers, measured.most_calls),
            ("max_batch_size", max_batch_size, measured.largest_batch),
        ):
            if value > end:
                raise ProfileError(
                    f"{name} is {value}, but the profile was measured up to {end}; choose no "
                    "more, measure it further, or pass extrapolate=True."
                )
        if measured.smallest_batch > 1:
            raise ProfileError(
                f"The smallest profiled batch is {measured.smallest_batch}; measure smaller ones "
                "as well, or pass extrapolate=True."
            )


def _groups(rows: pd.DataFrame, column: str) -> list[tuple[int, pd.DataFrame]]:
    values = np.unique(rows[column].to_numpy(dtype=np.int64)).tolist()
    return [(value, rows[rows[column] == value]) for value in values]


def _columns(rows: pd.DataFrame, x: str, y: str) -> _Points:
    return rows[x].to_numpy(dtype=np.float64), rows[y].to_numpy(dtype=np.float64)


def line_through(
    at: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate along the first axis of ``y``, and go on straight outside of ``x``."""
    if len(x) == 1:
        return np.repeat(y[:1], len(at), axis=0)
    left = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    share = (at - x[left]) / (x[left + 1] - x[left])
    share = share.reshape(-1, *[1] * (y.ndim - 1))
    lowest = y.min() * 1e-3  # a straight line may go below 0, a time may not
    line: NDArray[np.float64] = np.maximum(y[left] + share * (y[left + 1] - y[left]), lowest)
    return line
