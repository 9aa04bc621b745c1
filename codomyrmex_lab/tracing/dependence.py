"""Intervals for samples that depend on their neighbours, as the latencies in a queue do.

Neighbouring requests wait behind the same others, so a thousand of them tell less than a thousand
independent ones. The samples are taken in the order of arrival and cut into about ``sqrt(n)``
blocks of equal length; how much more the blocks' means vary than those of independent samples
would (batch means) widens the interval. This holds where the dependence dies out within a block
and the traffic does not change from one end of the run to the other.

References
----------
P. K. Sen, On the Bahadur representation of sample quantiles for sequences of phi-mixing random
variables, Journal of Multivariate Analysis 2, 1972.
H. R. Künsch, The jackknife and the bootstrap for general stationary observations, Annals of
Statistics 17, 1989.
A. M. Law, Simulation Modeling and Analysis, 5th ed., McGraw-Hill, 2015, section 9.5.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing.percentiles import Percentile, percentiles

__all__ = ["Estimate", "bootstrap_mean", "dependent_percentiles", "variance_inflation"]

_FEWEST = 100
_TOO_FEW = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its confidence interval.

    Parameters
    ----------
    value, ci_low, ci_high : float
        NaN without samples.
    n_samples : int
        Samples that it rests on.
    """

    value: float
    ci_low: float
    ci_high: float
    n_samples: int


def variance_inflation(samples: ArrayLike) -> float:
    """Return how many times more the mean varies than that of independent samples, at least 1.

    Parameters
    ----------
    samples : float64, shape (n_samples,)
        In the order of arrival. Fewer than a hundred tell nothing: 1.
    """
    values = np.asarray(samples, dtype=np.float64)
    length = math.isqrt(len(values))
    if len(values) < _FEWEST or values.var() == 0:
        return 1.0
    means = values[: length * (len(values) // length)].reshape(-1, length).mean(axis=1)
    return max(float(length * means.var(ddof=1) / values.var(ddof=1)), 1.0)


def dependent_percentiles(
    samples: ArrayLike, percents: Sequence[float], confidence: float = 0.95
) -> list[Percentile]:
    """Return percentiles with order-statistic intervals that are widened for dependence.

    The number of samples below a percentile is taken as normal, with its variance multiplied by
    :func:`variance_inflation` of "below it or not".

    Parameters
    ----------
    samples : float64, shape (n_samples,)
        In the order of arrival, without NaN.
    percents : sequence of float
        Above 0 and below 100.
    confidence : float
        Above 0 and below 1.
    """
    values = np.asarray(samples, dtype=np.float64)
    bounded = np.concatenate(([-np.inf], np.sort(values), [np.inf]))
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    found = []
    for independent in percentiles(values, percents, confidence):
        p, n = independent.percent / 100, len(values)
        reach = z * math.sqrt(n * p * (1 - p) * variance_inflation(values <= independent.value))
        low, high = max(math.floor(n * p - reach), 0), min(math.ceil(n * p + reach) + 1, n + 1)
        found.append(
            Percentile(
                independent.percent,
                independent.value,
                min(independent.ci_low, float(bounded[low])) if n else math.nan,
                max(independent.ci_high, float(bounded[high])) if n else math.nan,
                n,
            )
        )
    return found


def bootstrap_mean(
    samples: ArrayLike, confidence: float = 0.95, *, n_resamples: int = 1000, seed: int = 0
) -> Estimate:
    """Return the mean with its percentile interval from a circular block bootstrap.

    Parameters
    ----------
    samples : float64, shape (n_samples,)
        In the order of arrival, without NaN. Fewer than ten bound nothing.
    confidence : float
        Above 0 and below 1.
    n_resamples : int
        Means that are drawn, at least 1.
    seed : int
        Of the draws.
    """
    if not 0 < confidence < 1:
        raise SettingError(f"confidence is {confidence!r}; expected a number above 0 and below 1.")
    values: NDArray[np.float64] = np.asarray(samples, dtype=np.float64)
    n = len(values)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    if n < _TOO_FEW:
        return Estimate(float(values.mean()), -math.inf, math.inf, n)
    length = max(math.isqrt(n), 1)
    n_blocks = -(-n // length)
    circle = np.concatenate((values, values[:length]))
    total = np.concatenate(([0.0], np.cumsum(circle)))
    block_mean = (total[length : length + n] - total[:n]) / length
    rng = np.random.default_rng(seed)
    means = [block_mean[rng.integers(0, n, n_blocks)].mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
    return Estimate(float(values.mean()), low, high, n)
