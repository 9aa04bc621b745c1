"""Which input each request asks for: samplers of keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["KeySampler", "Zipf"]


class KeySampler(Protocol):
    """Draws the key of each request."""

    def sample(self, n_requests: int, n_keys: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return ``n_requests`` keys from 0 to ``n_keys - 1``."""
        ...


@dataclass(frozen=True, slots=True)
class Zipf:
    """Popularity falls with rank: key ``k`` is drawn in proportion to ``1 / (k + 1)**exponent``.

    Parameters
    ----------
    exponent : float
        At least 0; 0 makes all keys equally popular, requests for web pages show 0.6 to 1.1.

    Raises
    ------
    SettingError
        The exponent is not a finite number of at least 0.

    References
    ----------
    L. Breslau et al., Web Caching and Zipf-like Distributions, INFOCOM 1999.
    """

    exponent: float = 1.1

    def __post_init__(self) -> None:
        check_number("exponent", self.exponent, above_zero=False)

    def sample(self, n_requests: int, n_keys: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return ``n_requests`` keys from 0, the most popular, to ``n_keys - 1``."""
        weight = np.arange(1, n_keys + 1, dtype=np.float64) ** -float(self.exponent)
        cumulative = np.cumsum(weight)
        drawn = np.searchsorted(cumulative, rng.random(n_requests) * cumulative[-1], side="right")
        keys: NDArray[np.int64] = np.minimum(drawn, n_keys - 1).astype(np.int64)
        return keys
