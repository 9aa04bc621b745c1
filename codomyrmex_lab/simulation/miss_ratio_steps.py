"""From keys to the steps of a hit-ratio curve: exactly, or from a sample of the keys."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.simulation.miss_ratio_kernel import count_distances
from codomyrmex_lab.workloads.key_codes import key_codes_of

__all__ = ["exact_steps", "sampled_steps"]

_MODULUS = 2**24
_N_GROUPS = 8
_STUDENT_T = 2.365  # 97.5% quantile with 7 degrees of freedom
_FEWEST_KEYS = 64
_POPULAR_KEYS = 16
"""So many keys of the sample at most get a share of the requests that makes a difference."""

Steps = tuple[NDArray[np.int64], NDArray[np.float64]]


def exact_steps(codes: NDArray[np.int32]) -> Steps:
    """Return capacities and hit ratios of all requests.

    Parameters
    ----------
    codes : int32, shape (n_requests,)
        Keys numbered from 0 on, in order of arrival.
    """
    counts = count_distances(codes, int(codes.max()) + 1)
    distances = np.flatnonzero(counts)
    hits = np.cumsum(counts[distances])
    return np.append(0, distances + 1), np.append(0.0, hits / len(codes))


def sampled_steps(
    keys: NDArray[Any], rate: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return capacities, hit ratios and their errors, estimated from a share of the keys.

    Keys with ``hash(key) mod P < T`` are looked at; distances among them are ``rate = T / P`` of
    the true ones. As many requests as the sample has too few or too many count as hits of the
    smallest cache: it is the most popular keys that make the difference (SHARDS_adj). The error is
    that of the mean of eight parts of the sample, told from how they differ. No part knows of
    popular keys that fell out of the sample, or fell into it by luck: that as many requests do not
    belong where they are counted is part of the error, up to the size of cache that holds them all.
    """
    hashed = _hashes(keys, seed)
    threshold = max(round(rate * _MODULUS), 1)
    rate = threshold / _MODULUS
    looked_at = hashed % np.uint64(_MODULUS) < threshold
    sampled, group = keys[looked_at], (hashed[looked_at] >> np.uint64(40)) % np.uint64(_N_GROUPS)
    codes = key_codes_of(sampled)
    parts = [codes[group == one] for one in range(_N_GROUPS)]
    if len(codes) == 0 or codes.max() + 1 < _FEWEST_KEYS or min(map(len, parts)) == 0:
        raise SettingError(
            f"sampling_rate is {rate:.3g}, which leaves {len(np.unique(codes))} keys of "
            f"{len(keys)} requests; take a rate at which at least {_FEWEST_KEYS} are left."
        )
    capacities, ratios = _scaled(codes, rate, len(keys))
    estimates = [
        _at(
            capacities,
            *_scaled(key_codes_of(part), rate / _N_GROUPS, len(keys)),
        )
        for part in parts
    ]
    errors = _STUDENT_T * np.std(estimates, axis=0, ddof=1) / np.sqrt(_N_GROUPS)
    misplaced = abs(1 - len(codes) / (rate * len(keys)))
    small = (capacities > 0) & (capacities * rate <= _POPULAR_KEYS)
    errors = np.where(small, np.hypot(errors, misplaced), errors)
    no_hit_is_sure = (capacities > 0) & (capacities * rate < 1)  # distance 0 stands for some more
    errors = np.where(no_hit_is_sure, np.maximum(errors, ratios), errors)
    return capacities, ratios, errors


def _scaled(codes: NDArray[np.int32], rate: float, n_requests: int) -> Steps:
    counts = count_distances(codes, int(codes.max()) + 1)
    distances = np.append(0, np.flatnonzero(counts[1:]) + 1)
    expected = rate * n_requests
    hits = np.cumsum(counts[distances]) + expected - len(codes)
    capacities = np.append(0, (distances / rate).astype(np.int64) + 1)
    return capacities, np.append(0.0, np.clip(hits / expected, 0.0, 1.0))


def _at(
    wanted: NDArray[np.int64], capacities: NDArray[np.int64], ratios: NDArray[np.float64]
) -> NDArray[np.float64]:
    found: NDArray[np.float64] = ratios[np.searchsorted(capacities, wanted, side="right") - 1]
    return found


def _hashes(keys: NDArray[Any], seed: int) -> NDArray[np.uint64]:
    """Return 64 well-mixed bits per request, equal for equal keys (the splitmix64 generator)."""
    whole = keys if keys.dtype.kind in "iu" else key_codes_of(keys)
    start = 0x9E3779B97F4A7C15 * (seed + 1) % 2**64
    mixed = whole.astype(np.uint64) + np.uint64(start)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
