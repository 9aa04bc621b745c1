"""Whether a trace obeys Little's law, which every complete record of a steady run must.

References
----------
J. D. C. Little, A proof for the queuing formula L = λW, Operations Research 9, 1961.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing.trace import Trace

__all__ = ["LittlesLaw", "littles_law"]


@dataclass(frozen=True, slots=True)
class LittlesLaw:
    """Mean number in the system, counted, and as arrival rate times mean time in the system.

    Parameters
    ----------
    mean_in_system : float
        Requests that had arrived and were not answered, averaged over time.
    arrival_rate_rps : float
        Arrivals per second.
    mean_latency_ms : float
        Of the requests that arrived; NaN where none did.
    expected_in_system : float
        Rate times latency.
    relative_difference : float
        Counted over expected, less 1. Far from 0: the run was not steady (load or settings
        changed, or the queue grew), or records are missing.
    """

    mean_in_system: float
    arrival_rate_rps: float
    mean_latency_ms: float
    expected_in_system: float
    relative_difference: float


def littles_law(trace: Trace, trim: float = 0.1) -> LittlesLaw:
    """Check Little's law on the middle of a trace.

    Over a whole run, from an empty system to an empty one, the law holds whatever happened; over
    its middle it holds as far as the run was steady.

    Parameters
    ----------
    trace : Trace
        Of all requests of the system, failed ones included.
    trim : float
        Share of the time between the first and the last arrival that is left out at each end,
        at least 0 and below 0.5.
    """
    if not 0 <= trim < 0.5:
        raise SettingError(f"trim is {trim!r}; expected a share of at least 0 and below 0.5.")
    frame = trace.frame(["arrival", "end"])
    arrival_s = frame["arrival"].dt.total_seconds().to_numpy()
    end_s = frame["end"].dt.total_seconds().to_numpy()
    since_s, until_s = (arrival_s[-1] * np.array([trim, 1 - trim])) if len(frame) else (0.0, 0.0)
    duration_s = until_s - since_s
    if duration_s <= 0:
        return LittlesLaw(0.0, 0.0, np.nan, 0.0, np.nan)
    inside = (arrival_s >= since_s) & (arrival_s < until_s)
    present_s = _clipped(end_s, since_s, until_s) - _clipped(arrival_s, since_s, until_s)
    rate_rps = inside.sum() / duration_s
    latency_s = (end_s - arrival_s)[inside].mean() if inside.any() else np.nan
    counted, expected = present_s.sum() / duration_s, rate_rps * latency_s
    return LittlesLaw(
        mean_in_system=float(counted),
        arrival_rate_rps=float(rate_rps),
        mean_latency_ms=float(latency_s * 1e3),
        expected_in_system=float(expected),
        relative_difference=float(counted / expected - 1) if expected > 0 else np.nan,
    )


def _clipped(times: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    return np.clip(times, low, high)
