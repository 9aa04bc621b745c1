"""Runs contestants in turn, so that whatever else the machine does falls on all of them alike."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

__all__ = ["Samples", "in_turn", "quantile"]


@dataclass(frozen=True)
class Samples:
    """What one contestant reached, round by round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest."""
        return min(self.values), max(self.values)


def in_turn(
    contestants: Mapping[str, Callable[[], float]], n_rounds: int, *, warm_up: bool = True
) -> dict[str, Samples]:
    """Run each contestant once per round (A B A B ...) and collect what they return.

    Parameters
    ----------
    contestants : mapping
        By name; each call measures once and returns the figure.
    n_rounds : int
        Rounds that count.
    warm_up : bool
        Whether one round that does not count goes before them.

    Returns
    -------
    dict of Samples
        By name; position i of each belongs to the same round.
    """
    values: dict[str, list[float]] = {name: [] for name in contestants}
    for round_number in range(-1 if warm_up else 0, n_rounds):
        for name, contestant in contestants.items():
            gc.collect()
            value = contestant()
            if round_number >= 0:
                values[name].append(value)
    return {name: Samples(tuple(collected)) for name, collected in values.items()}


def quantile(values: list[float], q: float) -> float:
    """Return the order statistic at quantile ``q``, 0 to 1; none is invented between two values."""
    ordered = sorted(values)
    return ordered[min(math.ceil(q * len(ordered)), len(ordered)) - 1 if q > 0 else 0]
