"""Draws the inputs of a workload's requests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.workloads.keys import KeySampler, Zipf
from codomyrmex_lab.workloads.payloads import payload_pool

__all__ = ["check_samples", "draw_inputs", "generators"]

_DEFAULT_KEYS = 1000


def generators(seed: int) -> list[np.random.Generator]:
    """Return one generator for arrivals and one for keys, so that neither changes the other."""
    check_integer("seed", seed, at_least=0)
    return np.random.default_rng(seed).spawn(2)


def check_samples(name: str, value: object, expected: str) -> None:
    """Raise ``SettingError`` unless ``value`` has a method ``sample``."""
    if not callable(getattr(value, "sample", None)):
        raise SettingError(f"{name} is {value!r}; expected {expected}.")


def draw_inputs(
    n_requests: int,
    keys: KeySampler | None,
    n_keys: int | None,
    payloads: Iterable[Any] | None,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], list[Any] | None]:
    """Return each request's key and, if there are payloads, its payload.

    Parameters are those of :meth:`Workload.generate`.
    """
    pool = None if payloads is None else payload_pool(payloads)
    if n_keys is None:
        n_keys = _DEFAULT_KEYS if pool is None else len(pool)
    check_integer("n_keys", n_keys, at_least=1)
    if pool is not None and n_keys > len(pool):
        raise SettingError(f"n_keys is {n_keys}; expected at most one per payload, {len(pool)}.")
    sampler = Zipf() if keys is None else keys
    check_samples("keys", sampler, "a sampler of keys, such as Zipf(1.1)")
    drawn = sampler.sample(n_requests, n_keys, rng)
    return drawn, None if pool is None else [pool[key] for key in drawn.tolist()]
