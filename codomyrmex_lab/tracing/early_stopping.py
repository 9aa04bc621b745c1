"""How many samples a percentile needs: the statistics of MLPerf LoadGen, for any trace.

Two ways to know. :func:`required_samples` fixes the number beforehand. Early stopping looks at
how many requests, of those seen, were over the target: with ``t`` of them the target holds for
the percentile ``p``, at confidence ``c``, once ``h`` requests were within it and
``I(p - d; h, t + 1) <= 1 - c``, where ``I`` is the regularised incomplete beta function and ``d``
the tolerance. That is the probability of at most ``t`` among ``h + t`` being over the target if
only ``p - d`` of all requests were within it, a binomial sum that is computed exactly here.

Like LoadGen's, these figures assume independent requests.

References
----------
V. J. Reddi et al., MLPerf Inference Benchmark, ISCA 2020, section III-D.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.tracing.percentiles import check_percent

__all__ = [
    "EarlyStopping",
    "early_stopping",
    "early_stopping_estimate",
    "early_stopping_samples",
    "required_samples",
]

_CONFIDENCE = 0.99
_MARGIN_PARTS = 20


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """Whether enough requests were seen to say that a percentile is within its target.

    Parameters
    ----------
    met : bool
        Whether the run may stop: the target holds at the confidence asked for.
    n_samples, n_over_target : int
        Requests seen, and those of them over the target.
    n_required : int
        Requests that would have been enough with as many over the target.
    """

    met: bool
    n_samples: int
    n_over_target: int
    n_required: int

    @property
    def n_missing(self) -> int:
        """Requests still to be seen, all of them within the target."""
        return max(self.n_required - self.n_samples, 0)


def required_samples(
    percent: float, *, confidence: float = _CONFIDENCE, margin: float | None = None
) -> int:
    """Return the samples needed to know which share of requests is within a percentile.

    Parameters
    ----------
    percent : float
        Percentile, above 0 and below 100.
    confidence : float
        Above 0 and below 1.
    margin : float or None
        Half width of the interval of that share, 0 to 1; a twentieth of the share above the
        percentile by default.

    Returns
    -------
    int
        ``z² p (1 - p) / d²``, rounded to a whole number.
    """
    share = _share(percent)
    _check_share("confidence", confidence)
    if margin is None:
        margin = (1 - share) / _MARGIN_PARTS
    _check_share("margin", margin)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return round(z**2 * share * (1 - share) / margin**2)


def early_stopping_samples(
    percent: float,
    n_over_target: int = 0,
    *,
    confidence: float = _CONFIDENCE,
    tolerance: float = 0.0,
) -> int:
    """Return the smallest number of samples that bears so many over the target.

    Parameters
    ----------
    percent : float
        Percentile that is to be within the target, above 0 and below 100.
    n_over_target : int
        Samples over the target, at least 0.
    confidence : float
        Above 0 and below 1.
    tolerance : float
        Taken off the percentile's share, at least 0 and below it.

    Returns
    -------
    int
        All samples, those over the target included.
    """
    share = _share(percent)
    check_integer("n_over_target", n_over_target, at_least=0)
    _check_share("confidence", confidence)
    if not 0 <= tolerance < share:
        raise SettingError(
            f"tolerance is {tolerance!r}; expected a number of at least 0 and below {share:g}."
        )
    over = 1 - (share - tolerance)
    log_miss = math.log1p(-confidence)
    low = n_over_target  # n of these would all be over the target: never enough
    high = 2 * (n_over_target + 1)
    while _log_at_most(n_over_target, high, over) > log_miss:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _log_at_most(n_over_target, middle, over) > log_miss:
            low = middle
        else:
            high = middle
    return high


def early_stopping(
    latency_ms: ArrayLike,
    target_ms: float,
    percent: float = 99,
    *,
    confidence: float = _CONFIDENCE,
    tolerance: float = 0.0,
) -> EarlyStopping:
    """Tell whether latencies are enough to say that their percentile is within a target.

    Parameters
    ----------
    latency_ms : float64, shape (n_samples,)
        In any order.
    target_ms : float
        A latency above it is over the target.
    percent, confidence, tolerance
        As for :func:`early_stopping_samples`.
    """
    latencies = np.asarray(latency_ms, dtype=np.float64)
    n_over = int((~(latencies <= target_ms)).sum())
    n_required = early_stopping_samples(percent, n_over, confidence=confidence, tolerance=tolerance)
    return EarlyStopping(len(latencies) >= n_required, len(latencies), n_over, n_required)


def early_stopping_estimate(
    latency_ms: ArrayLike,
    percent: float = 99,
    *,
    confidence: float = _CONFIDENCE,
    tolerance: float = 0.0,
) -> float:
    """Return the lowest latency that the percentile is known not to exceed.

    Parameters
    ----------
    latency_ms : float64, shape (n_samples,)
        In any order, without NaN.
    percent, confidence, tolerance
        As for :func:`early_stopping_samples`.

    Returns
    -------
    float
        LoadGen's early stopping estimate, in ms; NaN where it would ask for more samples.
    """
    ordered = np.sort(np.asarray(latency_ms, dtype=np.float64))
    n = len(ordered)
    if n < early_stopping_samples(percent, 1, confidence=confidence, tolerance=tolerance):
        return math.nan
    over, log_miss = 1 - (_share(percent) - tolerance), math.log1p(-confidence)
    most, too_many = 1, n
    while too_many - most > 1:
        middle = (most + too_many) // 2
        if _log_at_most(middle, n, over) <= log_miss:
            most = middle
        else:
            too_many = middle
    return float(ordered[n - most])


def _log_at_most(k: int, n: int, p: float) -> float:
    """Logarithm of P(X <= k) for X ~ Binomial(n, p), by an exact sum of its k + 1 terms."""
    if k >= n:
        return 0.0
    terms = np.arange(k + 1, dtype=np.float64)
    steps = np.log((n - terms[:-1]) / (terms[:-1] + 1)) + math.log(p) - math.log1p(-p)
    log_pmf = n * math.log1p(-p) + np.concatenate(([0.0], np.cumsum(steps)))
    largest = float(log_pmf.max())
    return largest + math.log(float(np.exp(log_pmf - largest).sum()))


def _share(percent: float) -> float:
    check_percent(percent)
    return percent / 100


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise SettingError(f"{name} is {value!r}; expected a number above 0 and below 1.")
