"""Latencies of a simulation, and exact order statistics of them without sorting them all.

Latencies are counted in bins whose widths grow with them, 64 to each power of two. A rank lies in
one bin, and only what lies in such bins is sorted.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.simulation.compiling import compiled, index
from codomyrmex_lab.tracing.columns import NONE

__all__ = ["N_BINS", "bin_ends_ns", "latencies_ns", "ranked"]

_SHIFT = 46
"""Bits of a float64 that its bin leaves out: all but the exponent and 6 bits of the rest."""
_BASE = int(np.float64(1.0).view(np.int64) >> _SHIFT) - 1
"""Comes before the bin of 1 ns, so that 0 has a bin of its own."""
N_BINS = int(np.float64(2.0**63).view(np.int64) >> _SHIFT) - _BASE + 1


@compiled
def latencies_ns(
    arrival_ns: NDArray[np.int64],
    enqueue_ns: NDArray[np.int64],
    hit_ns: int,
    batch: NDArray[np.int32],
    error: NDArray[np.int8],
    call_end_ns: NDArray[np.int64],
    found_ns: NDArray[np.int64],
    bins: NDArray[np.uint16],
    counts: NDArray[np.int64],
) -> tuple[int, int, float, int]:
    """Write the latencies of the requests that were answered without error, and their bins.

    Returns
    -------
    n, n_hits : int
        Of them all, and of those that the cache answered.
    sum_ns : float
        Of the latencies.
    last_ns : int
        When the last of them was answered.
    """
    n = n_hits = 0
    sum_ns = 0.0
    last_ns = arrival_ns[0]
    for i in range(len(arrival_ns)):
        if error[i] != NONE:
            continue
        if batch[i] == NONE:
            end_ns = enqueue_ns[i] + hit_ns
            n_hits += 1
        else:
            end_ns = call_end_ns[index(batch[i])]
        last_ns = max(last_ns, end_ns)
        latency_ns = end_ns - arrival_ns[i]
        found_ns[n] = latency_ns
        sum_ns += latency_ns
        bin_number = np.int64(0)
        if latency_ns > 0:
            bin_number = (np.float64(latency_ns).view(np.int64) >> _SHIFT) - _BASE
        bins[n] = bin_number
        counts[index(bin_number)] += 1
        n += 1
    return n, n_hits, sum_ns, last_ns


def ranked(
    values_ns: NDArray[np.int64],
    bins: NDArray[np.uint16],
    counts: NDArray[np.int64],
    ranks: Iterable[int],
) -> dict[int, int]:
    """Return the values of some ranks, counted from 0, exactly.

    Parameters
    ----------
    values_ns : int64, shape (n,)
        At least 0, in any order.
    bins : uint16, shape (n,)
        In which bin each of them lies.
    counts : int64, shape (N_BINS,)
        How many of them lie in each bin.
    ranks : iterable of int
        0 to n - 1.
    """
    wanted = np.unique(np.fromiter(ranks, np.int64))
    up_to = np.cumsum(counts)
    bin_of = np.searchsorted(up_to, wanted, side="right")
    chosen = np.zeros(N_BINS, np.bool_)
    chosen[bin_of] = True
    chosen[0] = False  # what lies there is 0
    left_out = (up_to - np.cumsum(np.where(chosen, counts, 0)))[bin_of]
    part = np.append(np.sort(values_ns[chosen[bins]]), 0)
    place = np.where(bin_of == 0, len(part) - 1, wanted - left_out)
    return dict(zip(wanted.tolist(), part[place].tolist(), strict=True))


def bin_ends_ns(bins: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the upper ends of bins, in ns; 0 for the first."""
    ends: NDArray[np.float64] = ((bins + _BASE + 1) << _SHIFT).view(np.float64)
    return np.where(bins == 0, 0.0, ends)
