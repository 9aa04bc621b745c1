"""Percentiles with a confidence interval that assumes no distribution.

The interval runs between two of the sorted samples. Their ranks follow from the binomial
distribution of the number of samples below the true percentile, so it holds for any continuous
distribution of *independent* samples. Latencies of requests that queue behind each other are
not independent: then the interval is narrower than it should be.

References
----------
W. J. Conover, Practical Nonparametric Statistics, 3rd ed., Wiley, 1999, section 3.2.
G. J. Hahn, W. Q. Meeker, Statistical Intervals, Wiley, 1991, section 5.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import SettingError

__all__ = ["Percentile", "check_percent", "percentiles", "rank_interval"]

_TAIL_SIGMAS = 12


@dataclass(frozen=True, slots=True)
class Percentile:
    """One percentile of some samples and its confidence interval.

    Parameters
    ----------
    percent : float
        Which percentile, 0 to 100.
    value : float
        Its estimate, interpolated linearly between samples; NaN without samples.
    ci_low, ci_high : float
        Ends of the interval; infinite where there are too few samples to bound it.
    n_samples : int
        Samples that it rests on.
    """

    percent: float
    value: float
    ci_low: float
    ci_high: float
    n_samples: int


def percentiles(
    samples: ArrayLike, percents: Sequence[float], confidence: float = 0.95
) -> list[Percentile]:
    """Return percentiles of samples with their confidence intervals.

    Parameters
    ----------
    samples : float64, shape (n_samples,)
        In any order; without NaN.
    percents : sequence of float
        Above 0 and below 100.
    confidence : float
        Probability with which an interval is to hold the true percentile, above 0 and below 1.

    Returns
    -------
    list of Percentile
        One for each of ``percents``.
    """
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    n = len(ordered)
    if n == 0:
        return [Percentile(percent, math.nan, math.nan, math.nan, 0) for percent in percents]
    bounded = np.concatenate(([-np.inf], ordered, [np.inf]))
    found = []
    for percent in percents:
        low, high = rank_interval(n, percent, confidence)
        value = float(np.percentile(ordered, percent))
        # interpolation between very few samples can leave the interval: it is widened then
        ci_low, ci_high = min(float(bounded[low]), value), max(float(bounded[high]), value)
        found.append(Percentile(percent, value, ci_low, ci_high, n))
    return found


def check_percent(percent: float) -> None:
    """Raise ``SettingError`` unless a percentile is above 0 and below 100."""
    if not 0 < percent < 100:
        raise SettingError(f"percent is {percent!r}; expected a number above 0 and below 100.")


def rank_interval(n_samples: int, percent: float, confidence: float = 0.95) -> tuple[int, int]:
    """Return the ranks of the samples between which a true percentile lies.

    Parameters
    ----------
    n_samples : int
        At least 1.
    percent : float
        Above 0 and below 100.
    confidence : float
        Above 0 and below 1; each end is missed with half the remaining probability at most.

    Returns
    -------
    low, high : int
        Ranks from 1 to ``n_samples``; 0 and ``n_samples + 1`` where no sample bounds that end.
    """
    if n_samples < 1:
        raise SettingError(f"n_samples is {n_samples!r}; expected at least 1.")
    check_percent(percent)
    if not 0 < confidence < 1:
        raise SettingError(f"confidence is {confidence!r}; expected a number above 0 and below 1.")
    counts, at_most = _binomial_cdf(n_samples, percent / 100)
    miss = (1 - confidence) / 2
    # P(true percentile < sample of rank r) = P(at most r - 1 samples lie below it)
    low = int(counts[0] + np.searchsorted(at_most, miss, side="right"))
    high = int(counts[0] + np.searchsorted(at_most, 1 - miss, side="left") + 1)
    return low, high


def _binomial_cdf(n: int, p: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """P(X <= k) for X ~ Binomial(n, p), at all k whose probability is above rounding error."""
    reach = int(_TAIL_SIGMAS * math.sqrt(n * p * (1 - p))) + 50
    mode = int((n + 1) * p)
    k = np.arange(max(mode - reach, 0), min(mode + reach, n) + 1)
    steps = np.log((n - k[:-1]) / (k[:-1] + 1)) + math.log(p / (1 - p))
    log_pmf = np.concatenate(([0.0], np.cumsum(steps)))
    pmf = np.exp(log_pmf - log_pmf.max())
    return k, np.cumsum(pmf) / pmf.sum()
