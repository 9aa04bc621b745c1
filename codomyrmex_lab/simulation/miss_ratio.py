"""The hit ratio of a cache of every size, from one pass over the requests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.simulation.miss_ratio_steps import exact_steps, sampled_steps
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.key_codes import key_codes_of
from codomyrmex_lab.workloads.ranges import check_number, check_share

__all__ = ["MissRatioCurve", "miss_ratio_curve"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MissRatioCurve:
    """What a cache that evicts the key used longest ago answers, by its capacity.

    A result counts as cached from its request on. The engine stores it when it is computed: of
    the hits of this curve those that come sooner share that computation, and are no hits there.

    Parameters
    ----------
    capacities : int64, shape (n_steps,)
        Ascending from 0: the results kept, where the hit ratio changes.
    hit_ratios : float64, shape (n_steps,)
        Share of requests answered, 0 to 1; that of the largest capacity holds for all beyond.
    errors : float64, shape (n_steps,)
        Half the width of the 95% confidence interval of each; 0 where the curve is exact.
    n_requests : int
        Of the workload.
    sampling_rate : float
        Share of the keys that was looked at; 1 where the curve is exact.
    """

    capacities: NDArray[np.int64]
    hit_ratios: NDArray[np.float64]
    errors: NDArray[np.float64]
    n_requests: int
    sampling_rate: float = 1.0

    def hit_ratio(self, capacity: ArrayLike) -> float | NDArray[np.float64]:
        """Return the share of requests that caches of one capacity, or of several, answer."""
        found: NDArray[np.float64] = self.hit_ratios[self._step(capacity)]
        return float(found) if found.ndim == 0 else found

    def error(self, capacity: ArrayLike) -> float | NDArray[np.float64]:
        """Return half the width of the 95% confidence interval of :meth:`hit_ratio`."""
        found: NDArray[np.float64] = self.errors[self._step(capacity)]
        return float(found) if found.ndim == 0 else found

    def miss_ratio(self, capacity: ArrayLike) -> float | NDArray[np.float64]:
        """Return the share of requests that caches of one capacity, or of several, pass on."""
        return 1.0 - self.hit_ratio(capacity)

    @property
    def largest_hit_ratio(self) -> float:
        """What a cache that never evicts answers."""
        return float(self.hit_ratios[-1])

    def smallest_cache(self, hit_ratio: float) -> int:
        """Return the smallest capacity that reaches a hit ratio, at least 1.

        Raises
        ------
        SettingError
            ``hit_ratio`` is not from 0 to 1, or more than any cache reaches.
        """
        check_share("hit_ratio", hit_ratio)
        if hit_ratio > self.largest_hit_ratio:
            raise SettingError(
                f"hit_ratio is {hit_ratio!r}, but only {self.largest_hit_ratio:.4g} of the "
                "requests repeat an earlier one; ask for no more."
            )
        step = int(np.searchsorted(np.maximum.accumulate(self.hit_ratios), hit_ratio))
        return max(int(self.capacities[step]), 1)

    def frame(self) -> pd.DataFrame:
        """Return one row per step: ``capacity``, ``hit_ratio``, ``ci_low``, ``ci_high``."""
        return pd.DataFrame(
            {
                "capacity": self.capacities,
                "hit_ratio": self.hit_ratios,
                "ci_low": np.clip(self.hit_ratios - self.errors, 0.0, 1.0),
                "ci_high": np.clip(self.hit_ratios + self.errors, 0.0, 1.0),
            }
        )

    def __repr__(self) -> str:
        kind = "exact" if self.sampling_rate == 1 else f"{self.sampling_rate:.3g} of the keys"
        return (
            f"<MissRatioCurve, {kind}: {self.n_requests:,} requests, hit ratio up to "
            f"{self.largest_hit_ratio:.4g} with {self.capacities[-1]:,} results>"
        )

    def _step(self, capacity: ArrayLike) -> NDArray[np.int64]:
        wanted = np.asarray(capacity)
        if wanted.dtype.kind not in "iu" or (wanted < 0).any():
            raise SettingError(f"capacity is {capacity!r}; expected whole numbers of at least 0.")
        return np.searchsorted(self.capacities, wanted, side="right") - 1


def miss_ratio_curve(
    requests: Workload | ArrayLike, *, sampling_rate: float = 1.0, seed: int = 0
) -> MissRatioCurve:
    """Return the hit ratio of every cache size, of the keys used last.

    Parameters
    ----------
    requests : Workload or array, shape (n_requests,)
        A workload, or keys in order of arrival.
    sampling_rate : float
        Share of the keys to look at, above 0 to 1: less time for very many requests, at an error
        that the curve states. A hash of the key decides which, so that every request of a key is
        looked at, or none. Caches of fewer than ``16 / sampling_rate`` results get a wide interval
        where some keys are popular, since it is luck which of them the sample holds.
    seed : int
        Of that hash; at least 0.

    Returns
    -------
    MissRatioCurve
        Exact for a rate of 1.

    Raises
    ------
    SettingError
        A setting is outside its range, or too few keys fall into the sample.

    References
    ----------
    R. L. Mattson et al., Evaluation techniques for storage hierarchies, IBM Systems Journal 9,
    1970. C. A. Waldspurger et al., Efficient MRC Construction with SHARDS, FAST 2015.
    """
    check_number("sampling_rate", sampling_rate, above_zero=True)
    check_share("sampling_rate", sampling_rate)
    check_integer("seed", seed, at_least=0)
    keys = requests.keys if isinstance(requests, Workload) else np.asarray(requests)
    if keys.ndim != 1 or len(keys) == 0:
        raise SettingError(
            f"requests has shape {keys.shape}; expected a workload, or one key per request."
        )
    if sampling_rate == 1:
        codes = requests.key_codes if isinstance(requests, Workload) else key_codes_of(keys)
        capacities, hit_ratios = exact_steps(codes)
        errors = np.zeros(len(hit_ratios))
    else:
        capacities, hit_ratios, errors = sampled_steps(keys, sampling_rate, seed)
    return MissRatioCurve(capacities, hit_ratios, errors, len(keys), float(sampling_rate))
