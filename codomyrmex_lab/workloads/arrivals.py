"""When requests arrive: processes with a constant mean rate.

Those whose rate changes over time are in :mod:`codomyrmex_lab.workloads.varying_arrivals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["ArrivalProcess", "Constant", "Gamma", "Poisson"]


class ArrivalProcess(Protocol):
    """Draws the arrival time of each request."""

    def sample(self, n_requests: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return ``n_requests`` arrival times in s, sorted; the first is 0."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """Equal gaps: the load of a metronome.

    Parameters
    ----------
    rate_rps : float
        Requests per s, above 0.

    Raises
    ------
    SettingError
        The rate is not a finite number above 0.
    """

    rate_rps: float

    def __post_init__(self) -> None:
        check_number("rate_rps", self.rate_rps, above_zero=True)

    def sample(self, n_requests: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the times; ``rng`` is not used."""
        return np.arange(n_requests, dtype=np.float64) / self.rate_rps


@dataclass(frozen=True, slots=True)
class Poisson:
    """Independent, exponential gaps: many users who know nothing of each other.

    Parameters
    ----------
    rate_rps : float
        Mean rate, in requests per s, above 0.

    Raises
    ------
    SettingError
        The rate is not a finite number above 0.
    """

    rate_rps: float

    def __post_init__(self) -> None:
        check_number("rate_rps", self.rate_rps, above_zero=True)

    def sample(self, n_requests: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the times of the process as seen from one of its requests."""
        return _times(rng.exponential(1 / self.rate_rps, n_requests))


@dataclass(frozen=True, slots=True)
class Gamma:
    """Independent gaps from a gamma distribution with a chosen coefficient of variation.

    Parameters
    ----------
    rate_rps : float
        Mean rate, in requests per s, above 0.
    cv : float
        Standard deviation over mean of the gaps, above 0: below 1 steadier than Poisson, 1 equal
        to it, above 1 in bursts.

    Raises
    ------
    SettingError
        A parameter is not a finite number above 0.
    """

    rate_rps: float
    cv: float

    def __post_init__(self) -> None:
        check_number("rate_rps", self.rate_rps, above_zero=True)
        check_number("cv", self.cv, above_zero=True)

    def sample(self, n_requests: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the times of the process as seen from one of its requests."""
        variance = self.cv**2
        return _times(rng.gamma(1 / variance, variance / self.rate_rps, n_requests))


def _times(gaps_s: NDArray[np.float64]) -> NDArray[np.float64]:
    gaps_s[0] = 0.0
    return np.cumsum(gaps_s)
