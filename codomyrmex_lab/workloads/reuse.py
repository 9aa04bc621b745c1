"""How soon keys come again: the reuse distances of a sequence of keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["reuse_distances"]


def reuse_distances(keys: NDArray[Any], most_samples: int | None = None) -> NDArray[np.float64]:
    """Return how many other keys were requested since the previous request of the same key.

    A cache that keeps the ``c`` keys used last answers exactly the requests with a distance
    below ``c``.

    Parameters
    ----------
    keys : array, shape (n_requests,)
        In order of arrival.
    most_samples : int or None
        Compute the distances of so many evenly spread requests, if there are more; each is exact.

    Returns
    -------
    float64, shape (n_samples,)
        Numbers of different keys, in order of arrival; infinite for a key's first request.

    References
    ----------
    R. L. Mattson et al., Evaluation techniques for storage hierarchies, IBM Systems Journal 9,
    1970.
    """
    previous = _previous_positions(keys)
    n = len(previous)
    sampled = np.arange(n)
    if most_samples is not None and n > most_samples:
        sampled = np.linspace(0, n - 1, most_samples).astype(np.int64)
    # The keys in between are those whose previous request lies before this key's own. Up to that
    # one all requests have such a previous one, so only their number must be subtracted.
    before = previous[sampled]
    distance = _count_below(previous, sampled, before) - (before + 1.0)
    return np.where(before < 0, np.inf, distance)


def _previous_positions(keys: NDArray[Any]) -> NDArray[np.int64]:
    """Return where each key was last requested, -1 at its first request."""
    codes = pd.factorize(keys)[0]
    order = np.argsort(codes, kind="stable")
    again = codes[order[1:]] == codes[order[:-1]]
    previous = np.full(len(codes), -1, dtype=np.int64)
    previous[order[1:][again]] = order[:-1][again]
    return previous


def _count_below(
    values: NDArray[np.int64], ends: NDArray[np.int64], limits: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count, for each pair, the values before position ``end`` that are less than ``limit``.

    Sorts by one bit after another, the highest first, and follows each pair through the sort
    (a wavelet matrix: F. Claude, G. Navarro and A. Ordonez, Information Systems 47, 2015).
    """
    values, limits = values + 1, limits + 1
    low, high = np.zeros_like(ends), ends
    count = np.zeros_like(ends)
    for bit in reversed(range(len(values).bit_length())):
        is_one = (values >> bit & 1).astype(bool)
        zeros_before = np.concatenate([[0], np.cumsum(~is_one)])
        n_zeros = zeros_before[-1]
        low_zeros, high_zeros = zeros_before[low], zeros_before[high]
        limit_is_one = (limits >> bit & 1).astype(bool)
        count += np.where(limit_is_one, high_zeros - low_zeros, 0)
        low = np.where(limit_is_one, n_zeros + low - low_zeros, low_zeros)
        high = np.where(limit_is_one, n_zeros + high - high_zeros, high_zeros)
        values = np.concatenate([values[~is_one], values[is_one]])
    return count
