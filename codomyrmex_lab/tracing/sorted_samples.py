"""Percentiles of samples that lie in several sorted arrays, without putting all of them together.

Each array knows how many of its samples lie below each of some fixed edges. Added up, these
numbers tell between which edges a percentile lies, and only the samples there are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["SortedSamples", "percentiles_over"]

_EDGES_NS = np.geomspace(1e3, 1e12, 301).astype(np.int64)  # ten per doubling, 1 µs to 17 min


class SortedSamples:
    """Samples in ascending order, which can be had in parts.

    Parameters
    ----------
    samples : int64, shape (n_samples,)
        Durations in ns, in any order.

    Attributes
    ----------
    starts : int64, shape (n_parts + 1,)
        Where each part begins among the samples, and where the last one ends.
    """

    def __init__(self, samples: NDArray[np.int64]) -> None:
        self._samples = np.sort(samples)
        below = np.searchsorted(self._samples, _EDGES_NS)
        self.starts: NDArray[np.int64] = np.concatenate(([0], below, [len(samples)]))

    def parts(self, first: int, last: int) -> NDArray[np.int64]:
        """Return the samples of the parts from one to before another."""
        return self._samples[self.starts[first] : self.starts[last]]


def percentiles_over(
    samples: Sequence[SortedSamples], percents: Sequence[float]
) -> tuple[float, ...]:
    """Return percentiles of all samples together, interpolated as ``numpy.percentile`` does.

    Parameters
    ----------
    samples : sequence of SortedSamples
        Together at least one sample.
    percents : sequence of float
        From 0 to 100.
    """
    starts = np.sum([some.starts for some in samples], axis=0)
    n = int(starts[-1])
    found = []
    for percent in percents:
        rank = (n - 1) * percent / 100
        ranks = np.array([int(rank), min(int(rank) + 1, n - 1)])
        first, last = np.searchsorted(starts, ranks, side="right").tolist()
        near = np.concatenate([some.parts(first - 1, last) for some in samples])
        ranks -= starts[first - 1]
        near.partition(ranks)
        low, high = near[ranks].tolist()
        found.append(low + (high - low) * (rank - int(rank)))
    return tuple(found)
