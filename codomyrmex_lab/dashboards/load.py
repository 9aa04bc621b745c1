"""The part of a workload that a verification replays on the real engine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from codomyrmex_lab.workloads import Workload

__all__ = ["OfferedLoad", "first_seconds"]

_FEWEST_REQUESTS = 50
_MOST_REQUESTS = 50_000


@dataclass(frozen=True, slots=True)
class OfferedLoad:
    """The traffic of one verification.

    Parameters
    ----------
    workload : Workload
        The first requests of the whole workload, at their own pace.
    speed : float
        Factor by which their arrivals are hastened.
    n_whole : int
        Requests of the whole workload.
    """

    workload: Workload
    speed: float
    n_whole: int

    @property
    def rate_rps(self) -> float:
        """Requests per second offered to the engine; infinite where all arrive at once."""
        duration_s = self.workload.duration_s / self.speed
        return len(self.workload) / duration_s if duration_s else math.inf

    def __str__(self) -> str:
        n = len(self.workload)
        part = f"all {n:,}" if n == self.n_whole else f"the first {n:,} of {self.n_whole:,}"
        rate = f"{self.rate_rps:,.4g} requests/s" if math.isfinite(self.rate_rps) else "all at once"
        return f"{part} requests at {self.speed:.3g}× their own pace: {rate}"


def first_seconds(workload: Workload, speed: float, seconds: float) -> OfferedLoad:
    """Return the requests that arrive within some seconds of a replay at a speed.

    At least 50 requests, where there are as many, and at most 50,000.
    """
    within = int((workload.arrival_s <= seconds * speed).sum())
    n = min(max(within, _FEWEST_REQUESTS), _MOST_REQUESTS)
    return OfferedLoad(workload.head(n), speed, len(workload))
