"""When requests arrive: generated times, and the check that all arrival times must pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["check_arrivals", "poisson_arrivals"]


def poisson_arrivals(
    rate_rps: float, n_requests: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the arrival times of a Poisson process that begins with its first request.

    Parameters
    ----------
    rate_rps : float
        Mean rate, in requests per s, above 0.
    n_requests : int
        At least 1.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    float64, shape (n_requests,)
        In s, from 0, sorted.

    Raises
    ------
    SettingError
        The rate is not a finite number above 0.
    """
    check_number("rate_rps", rate_rps, above_zero=True)
    gaps_s = rng.exponential(1 / rate_rps, n_requests)
    gaps_s[0] = 0.0
    return np.cumsum(gaps_s)


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
    if len(arrival_s) and arrival_s[0] < 0:
        raise WorkloadError(f"{place(0)}: arrival {shown(0)} is negative; expected at least 0.")
