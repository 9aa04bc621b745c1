"""The check that all arrival times must pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import WorkloadError

__all__ = ["check_arrivals"]

_LATEST_S = 9_000_000_000


def check_arrivals(
    arrival_s: NDArray[np.float64], place: Callable[[int], str], shown: Callable[[int], str]
) -> None:
    """Raise ``WorkloadError`` unless arrival times are finite, sorted and not negative.

    Parameters
    ----------
    arrival_s : float64, shape (n_requests,)
        In s.
    place : callable
        Says where the time at a position was read.
    shown : callable
        Says how the time at a position was written.
    """
    finite = np.isfinite(arrival_s)
    if not finite.all():
        row = int(np.argmin(finite))
        raise WorkloadError(
            f"{place(row)}: arrival is {shown(row)}; expected a finite number of seconds."
        )
    backwards = np.flatnonzero(arrival_s[1:] < arrival_s[:-1])
    if len(backwards):
        row = int(backwards[0]) + 1
        raise WorkloadError(
            f"{place(row)}: arrival {shown(row)} comes before the previous one, "
            f"{shown(row - 1)}; sort the rows by arrival."
        )
    if len(arrival_s) and arrival_s[-1] > _LATEST_S:
        row = len(arrival_s) - 1
        raise WorkloadError(
            f"{place(row)}: arrival {shown(row)} is later than {_LATEST_S:,} s, the most that "
            "nanoseconds can count; is it in another unit?"
        )
    if len(arrival_s) and arrival_s[0] < 0:
        raise WorkloadError(f"{place(0)}: arrival {shown(0)} is negative; expected at least 0.")
