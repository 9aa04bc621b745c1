"""Intervals for samples that depend on their neighbours, as the latencies in a queue do.

Neighbouring requests wait behind the same others, so a thousand of them tell less than a thousand
independent ones. How much less is measured: the samples are cut into 32 consecutive batches, and
the variance of the batches' means, over what independent samples would show, is the factor by
which the sample count is reduced. This holds where the dependence dies out within a batch and the
traffic does not change from one end of the run to the other.

References
----------
A. M. Law, Simulation Modeling and Analysis, 5th ed., McGraw-Hill, 2015, chapter 9 (batch means).
H. R. Künsch, The jackknife and the bootstrap for general stationary observations, Annals of
Statistics 17, 1989.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.tracing.percentiles import Percentile, check_percent, rank_interval

__all__ = ["Estimate", "bootstrap_mean", "dependent_percentiles", "variance_inflation"]

_N_BATCHES = 32
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
    samples : float64 or bool, shape (n_samples,)
        In the order in which they came about. Fewer than 32 tell nothing: 1.
    """
    values = np.asarray(samples, dtype=np.float64)
    size = len(values) // _N_BATCHES
    if size == 0 or values.var() == 0:
        return 1.0
    means = values[: size * _N_BATCHES].reshape(_N_BATCHES, size).mean(axis=1)
    return max(float(size * means.var(ddof=1) / values.var()), 1.0)


def dependent_percentiles(
    samples: ArrayLike, percents: Sequence[float], confidence: float = 0.95
) -> list[Percentile]:
    """Return percentiles with order-statistic intervals that allow for dependence.

    Parameters
    ----------
    samples : float64, shape (n_samples,)
        In the order in which they came about, without NaN.
    percents : sequence of float
        Above 0 and below 100.
    confidence : float
        Above 0 and below 1.

    Returns
    -------
    list of Percentile
        One for each of ``percents``. Its ``n_samples`` are the independent samples that the given
        ones are worth, by :func:`variance_inflation` of "above the percentile or not".
    """
    values = np.asarray(samples, dtype=np.float64)
    n = len(values)
    if n == 0:
        return [Percentile(percent, math.nan, math.nan, math.nan, 0) for percent in percents]
    ordered = np.sort(values)
    found = []
    for percent in percents:
        check_percent(percent)
        value = float(np.percentile(ordered, percent))
        worth = max(int(n / variance_inflation(values > value)), 1)
        low, high = rank_interval(worth, percent, confidence)
        ci_low = -math.inf if low < 1 else float(ordered[math.floor((low - 1) / worth * n)])
        ci_high = math.inf if high > worth else float(ordered[math.ceil(high / worth * n) - 1])
        found.append(Percentile(percent, value, min(ci_low, value), max(ci_high, value), worth))
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
    check_integer("n_resamples", n_resamples, at_least=1)
    values: NDArray[np.float64] = np.asarray(samples, dtype=np.float64)
    n = len(values)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    if n < _TOO_FEW:
        return Estimate(float(values.mean()), -math.inf, math.inf, n)
    length = max(n // _N_BATCHES, 1)
    n_blocks = -(-n // length)
    circle = np.concatenate((values, values[:length]))
    total = np.concatenate(([0.0], np.cumsum(circle)))
    block_mean = (total[length : length + n] - total[:n]) / length
    rng = np.random.default_rng(seed)
    means = [block_mean[rng.integers(0, n, n_blocks)].mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
    return Estimate(float(values.mean()), low, high, n)
