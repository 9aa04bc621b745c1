"""How late a load driver was, and a warning where that is not negligible."""

from __future__ import annotations

import math
import warnings
from array import array

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import LateDriverWarning

__all__ = ["lateness_ms", "warn_if_late"]

_NEGLIGIBLE_MS = 1.0
_NEGLIGIBLE_SHARE = 0.1


def lateness_ms(late_ns: array[int] | NDArray[np.int64]) -> dict[str, float]:
    """Return percentiles of the time from due to sent, as ``p50``, ``p99`` and ``max``.

    Parameters
    ----------
    late_ns : int64, shape (n_requests,)
        In ns; the percentiles are NaN where there is none.
    """
    if not len(late_ns):
        return {"p50": math.nan, "p99": math.nan, "max": math.nan}
    late_ms = np.frombuffer(late_ns, dtype=np.int64) / 1e6
    p50, p99, longest = np.percentile(late_ms, [50, 99, 100]).tolist()
    return {"p50": p50, "p99": p99, "max": longest}


def warn_if_late(late_ms: dict[str, float], p50_latency_ms: float, *, stacklevel: int) -> None:
    """Warn where the driver's p99 lateness is above 1 ms and a tenth of the median latency."""
    p99 = late_ms["p99"]
    if not (p99 > _NEGLIGIBLE_MS and p99 > _NEGLIGIBLE_SHARE * p50_latency_ms):
        return
    warnings.warn(
        f"The load driver was late: 1% of the requests were sent more than {p99:.3g} ms after "
        f"they were due, beside a median latency of {p50_latency_ms:.3g} ms. The load was not the "
        "one asked for. Offer fewer requests per second, run fewer clients, or give the driver a "
        "core of its own: close other programs, or use models that release the interpreter lock.",
        LateDriverWarning,
        stacklevel=stacklevel + 1,
    )
