"""Which input each request asks for: samplers of keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.workloads.ranges import check_number, check_share

__all__ = ["KeySampler", "Scan", "TemporalLocality", "Uniform", "Zipf"]


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


@dataclass(frozen=True, slots=True)
class Uniform:
    """All keys are equally popular."""

    def sample(self, n_requests: int, n_keys: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return ``n_requests`` keys from 0 to ``n_keys - 1``."""
        return rng.integers(0, n_keys, n_requests, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Scan:
    """One key after the other, and round again: the worst case of a cache that evicts by age."""

    def sample(self, n_requests: int, n_keys: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the keys 0, 1, ... ``n_keys - 1``, 0, 1, ...; ``rng`` is not used."""
        return np.arange(n_requests, dtype=np.int64) % n_keys


@dataclass(frozen=True, slots=True)
class TemporalLocality:
    """Some requests repeat the key of a recent one, the others draw a fresh key.

    Parameters
    ----------
    repeat_share : float
        Probability that a request repeats, from 0 to 1.
    window : int
        A repeated key is that of one of so many requests before, each equally likely; at least 1.
    fresh : KeySampler
        Draws the fresh keys, which may happen to repeat as well; uniform by default.

    Raises
    ------
    SettingError
        A parameter is outside its range.
    """

    repeat_share: float
    window: int
    fresh: KeySampler = field(default_factory=Uniform)

    def __post_init__(self) -> None:
        check_share("repeat_share", self.repeat_share)
        check_integer("window", self.window, at_least=1)

    def sample(self, n_requests: int, n_keys: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return ``n_requests`` keys from 0 to ``n_keys - 1``."""
        fresh = self.fresh.sample(n_requests, n_keys, rng)
        position = np.arange(n_requests)
        repeats = (rng.random(n_requests) < self.repeat_share) & (position > 0)
        back = 1 + (rng.random(n_requests) * np.minimum(position, self.window)).astype(np.int64)
        source = np.where(repeats, position - back, position)
        # A source may itself repeat another: each round doubles how far all of them look back.
        while not np.array_equal(source, further := source[source]):
            source = further
        return fresh[source]
