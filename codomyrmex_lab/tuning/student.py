"""Intervals of a mean from a few repeated runs.

References
----------
M. Abramowitz, I. A. Stegun, Handbook of Mathematical Functions, 1964, 26.7.3 and 26.7.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from codomyrmex_lab.tracing import Estimate

__all__ = ["mean_interval", "student_quantile"]

_HALVINGS = 200


def mean_interval(values: Sequence[float], confidence: float) -> Estimate:
    """Return the mean of independent runs with its interval by Student's t.

    Parameters
    ----------
    values : sequence of float
        One per run. Fewer than two bound nothing, nor do some infinite ones among others.
    confidence : float
        Above 0 and below 1.
    """
    n = len(values)
    mean = float(np.mean(values)) if n else math.nan
    if n >= 2 and all(value == math.inf for value in values):
        return Estimate(mean, mean, mean, n)
    if n < 2 or not math.isfinite(mean):
        return Estimate(mean, -math.inf, math.inf, n)
    reach = student_quantile((1 + confidence) / 2, n - 1) * float(np.std(values, ddof=1))
    reach /= math.sqrt(n)
    return Estimate(mean, mean - reach, mean + reach, n)


def student_quantile(share: float, degrees: int) -> float:
    """Return the value that a share of Student's t distribution, 0.5 to 1, lies below."""
    low, high = 0.0, 1.0
    while _within(high, degrees) < 2 * share - 1:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _within(middle, degrees) < 2 * share - 1:
            low = middle
        else:
            high = middle
    return high


def _within(t: float, degrees: int) -> float:
    """P(|T| <= t), a finite sum for a whole number of degrees of freedom."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine = math.cos(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = 0.0 if degrees == 1 else term
    for k in range(2 if odd else 1, degrees - 1, 2):
        term *= cosine**2 * k / (k + 1)
        total += term
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total
