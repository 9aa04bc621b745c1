"""What the batches of a profile are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError, WorkloadError
from codomyrmex_lab.simulation.request_columns import costs_of
from codomyrmex_lab.workloads import Workload

__all__ = ["Inputs"]

T = TypeVar("T")
_MOST_PAYLOADS = 512
_COST_QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)


class Inputs:
    """Draws batches from some payloads.

    Parameters
    ----------
    payloads : sequence
        At least one.
    costs : float64, shape (n_payloads,), or None
        What each costs.
    seed : int
        Of the draws.
    """

    def __init__(
        self, payloads: Sequence[Any], costs: NDArray[np.float64] | None, seed: int
    ) -> None:
        self.payloads = payloads
        self._costs = np.zeros(len(payloads)) if costs is None else costs
        self._rng = np.random.default_rng(seed)

    @classmethod
    def of(cls, model: Any, workload: Workload | None, cost: str | None, seed: int) -> Self:
        """Take them from a workload; without one, make up what a model says it takes.

        Whatever the order of the requests, the same ones are taken, in the same order.

        Raises
        ------
        SettingError
            There is neither, or the workload has no such column of costs.
        WorkloadError
            The workload is none, or a cost is not a finite number of at least 0.
        """
        if workload is None:
            return cls(_made_up(model, seed), None, seed)
        if not isinstance(workload, Workload):
            raise WorkloadError(
                f"The workload is a {type(workload).__name__}; expected a Workload, as from "
                "Workload.poisson(..., payloads=...)."
            )
        rows = _some_of_each(workload, seed)
        costs = None
        if cost is not None:
            if cost not in workload.columns:
                raise SettingError(
                    f"cost is {cost!r}, which is no column of the workload; expected one of "
                    f"{', '.join(map(str, workload.columns.columns)) or 'none, as it has none'}."
                )
            costs = costs_of(workload, cost)[rows]
        return cls([workload.payloads[row] for row in rows.tolist()], costs, seed)

    @property
    def cost_levels(self) -> list[float]:
        """The costs to measure at: from the cheapest payload to the costliest."""
        levels = np.quantile(self._costs, _COST_QUANTILES, method="nearest")
        return [float(level) for level in np.unique(levels)]

    @property
    def typical_cost(self) -> float:
        """The cost of the payload in the middle."""
        return float(np.quantile(self._costs, 0.5, method="nearest"))

    def batch(self, size: int, cost: float) -> list[Any]:
        """Return a batch whose costliest member costs so much, the others no more than it."""
        affordable = np.flatnonzero(self._costs <= cost)
        drawn = self._rng.choice(affordable, size)
        drawn[0] = self._rng.choice(np.flatnonzero(self._costs == cost))
        return [self.payloads[row] for row in drawn.tolist()]

    def like(self, cost: float) -> list[Any]:
        """Return the payloads of one cost."""
        return [self.payloads[row] for row in np.flatnonzero(self._costs == cost).tolist()]

    def in_random_order(self, things: Sequence[T]) -> list[T]:
        """Return some things in an order drawn anew."""
        return [things[row] for row in self._rng.permutation(len(things)).tolist()]

    def digest(self) -> str:
        """Return a hash of all payloads and costs."""
        hashed = hashlib.blake2b(self._costs.tobytes(), digest_size=16)
        for payload in self.payloads:
            _feed(hashed, payload)
        return hashed.hexdigest()


def _some_of_each(workload: Workload, seed: int) -> NDArray[np.int64]:
    """Return one request of each of some keys, ordered by what it holds."""
    _, rows = np.unique(workload.key_codes, return_index=True)
    if len(rows) > _MOST_PAYLOADS:
        keys = workload.keys[rows]
        if keys.dtype.kind not in "iuf":
            keys = np.array([repr(key) for key in keys.tolist()], dtype=object)
        drawn = pd.util.hash_array(keys, categorize=False) * np.uint64(2 * seed + 1)
        rows = rows[np.argsort(drawn)[:_MOST_PAYLOADS]]
    return np.array(sorted(rows.tolist(), key=lambda row: _digest(workload.payloads[row])))


def _digest(payload: Any) -> bytes:
    hashed = hashlib.blake2b(digest_size=16)
    _feed(hashed, payload)
    return hashed.digest()


def _made_up(model: Any, seed: int) -> list[Any]:
    """Return payloads of the shape that a model says it takes."""
    specs = getattr(model, "inputs", None)
    if not specs or any(None in spec.shape for spec in specs):
        raise SettingError(
            "Without a workload there is nothing to make batches of; give one that holds what "
            "the model takes."
        )
    rng = np.random.default_rng(seed)
    rows = [
        {spec.name: rng.standard_normal(spec.shape).astype(spec.dtype) for spec in specs}
        for _ in range(_MOST_PAYLOADS)
    ]
    return rows if len(specs) > 1 else [next(iter(row.values())) for row in rows]


def _feed(hashed: Any, payload: Any) -> None:
    if isinstance(payload, np.ndarray) and not payload.dtype.hasobject:
        hashed.update(f"{payload.dtype}{payload.shape}".encode())
        hashed.update(np.ascontiguousarray(payload).tobytes())
    elif isinstance(payload, Mapping):
        for name, value in payload.items():
            hashed.update(str(name).encode())
            _feed(hashed, value)
    else:
        hashed.update(repr(payload).encode())
