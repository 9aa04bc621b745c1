"""From measured points to the time of every batch size beside every number of other calls."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import ProfileError
from codomyrmex_lab.optimization.models import QuantizationType, check_integer

__all__ = ["service_table_ns"]


def service_table_ns(
    points: pd.DataFrame,
    quantization: QuantizationType,
    n_workers: int,
    max_batch_size: int,
    *,
    extrapolate: bool,
) -> NDArray[np.float64]:
    """Return the table that :meth:`ServiceProfile.service_table_ns` describes."""
    costs = np.unique(points["cost"].to_numpy(dtype=np.float64))
    check_integer("n_workers", n_workers, at_least=1)
    check_integer("max_batch_size", max_batch_size, at_least=1)
    rows = points[points["quantization"] == quantization.value]
    if rows.empty:
        measured = ", ".join(QuantizationType(one).name for one in points["quantization"].unique())
        raise ProfileError(
            f"The profile was measured for {measured}, not for {quantization.name}; choose "
            "one of these, or measure the profile anew with it."
        )
    if not extrapolate:
        _refuse_beyond("n_workers", n_workers, rows["busy_workers"])
        _refuse_beyond("max_batch_size", max_batch_size, rows["batch_size"])
        if rows["batch_size"].min() > 1:
            raise ProfileError(
                f"The smallest profiled batch is {rows['batch_size'].min()}; measure smaller "
                "ones as well, or pass extrapolate=True."
            )
    sizes = np.arange(1, max_batch_size + 1, dtype=np.float64)
    workers = np.arange(1, n_workers + 1, dtype=np.float64)
    table = np.zeros((len(costs), n_workers + 1, max_batch_size + 1))
    for row, cost in enumerate(costs):
        of_cost = rows[rows["cost"] == cost]
        measured_workers = np.unique(of_cost["busy_workers"].to_numpy(dtype=np.float64))
        by_size = [_along(sizes, of_cost, "busy_workers", busy) for busy in measured_workers]
        table[row, 1:, 1:] = _line_through(workers, measured_workers, np.stack(by_size))
        table[row, 0] = table[row, 1]
    table *= 1e6
    table.setflags(write=False)
    return table


def _refuse_beyond(name: str, value: int, measured: pd.Series[int]) -> None:
    largest = int(measured.max())
    if value > largest:
        raise ProfileError(
            f"{name} is {value}, but the profile was measured up to {largest}; choose no more, "
            "measure it further, or pass extrapolate=True."
        )


def _along(
    sizes: NDArray[np.float64], rows: pd.DataFrame, name: str, value: float
) -> NDArray[np.float64]:
    """Return the times of some batch sizes, in ms, at one value of another column."""
    chosen = rows[rows[name] == value]
    measured = chosen["batch_size"].to_numpy(dtype=np.float64)
    return _line_through(sizes, measured, chosen["service_ms"].to_numpy(dtype=np.float64))


def _line_through(
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
