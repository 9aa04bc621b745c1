"""Where the zero of LoadGen's clock lies on ours.

Each time that a request is handed back, LoadGen reads its clock between two readings of ours. None
of the pairs can be wrong, so the narrowest stretch that satisfies them all holds the zero. Nothing
is fitted: no latency, ours or LoadGen's, goes into it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import LoadGenError

__all__ = ["LoadGenClock", "read_clock"]


@dataclass(frozen=True, slots=True)
class LoadGenClock:
    """Where LoadGen's clock stands on ours.

    Parameters
    ----------
    zero_ns : int
        Our tick at LoadGen's zero.
    uncertainty_ns : int
        It may be as much earlier or later.
    """

    zero_ns: int
    uncertainty_ns: int


def read_clock(
    before_ns: NDArray[np.int64], loadgen_ns: NDArray[np.int64], after_ns: NDArray[np.int64]
) -> LoadGenClock:
    """Return where LoadGen's clock stands, from its readings and ours before and after each.

    Parameters
    ----------
    before_ns, loadgen_ns, after_ns : int64, shape (n_readings,)
        At least one; ours are ticks, LoadGen's count from its zero.

    Raises
    ------
    LoadGenError
        No zero satisfies them all: a clock was set meanwhile.
    """
    earliest_ns = int((before_ns - loadgen_ns).max())
    latest_ns = int((after_ns - loadgen_ns).min())
    if latest_ns < earliest_ns:
        raise LoadGenError(
            f"LoadGen's clock moved by {(earliest_ns - latest_ns) / 1e6:.3g} ms or more against "
            "ours during the run; expected a clock that nobody sets. Run again when the machine's "
            "time is synchronized."
        )
    return LoadGenClock((earliest_ns + latest_ns) // 2, (latest_ns - earliest_ns + 1) // 2)
