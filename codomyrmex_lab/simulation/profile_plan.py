"""What is measured for a profile, and how thoroughly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import QuantizationType, check_integer, check_member
from codomyrmex_lab.simulation.profile_inputs import Inputs
from codomyrmex_lab.simulation.profile_measurement import Point
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["ProfilePlan", "several"]

T = TypeVar("T")


def several(name: str, values: Sequence[T]) -> tuple[T, ...]:
    """Return a sequence as a tuple, or raise ``SettingError``."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise SettingError(f"{name} is {values!r}; expected a sequence.")
    return tuple(values)


@dataclass(frozen=True, slots=True)
class ProfilePlan:
    """The settings of :func:`~codomyrmex_lab.simulation.profile`, checked."""

    quantizations: tuple[QuantizationType, ...]
    batch_sizes: tuple[int, ...]
    workers: tuple[int, ...]
    cost: str | None
    confidence: float
    precision: float
    budget_s: float
    with_engine: bool
    seed: int

    def __post_init__(self) -> None:
        for name in ("quantizations", "batch_sizes", "workers"):
            if not getattr(self, name):
                raise SettingError(f"{name} is empty; expected at least one.")
        for one in self.quantizations:
            check_member("quantizations", one, QuantizationType)
        for name in ("batch_sizes", "workers"):
            for number in getattr(self, name):
                check_integer(name, number, at_least=1)
        check_number("precision", self.precision, above_zero=True)
        check_number("budget_s", self.budget_s, above_zero=True)
        check_integer("seed", self.seed, at_least=0)
        check_number("confidence", self.confidence, above_zero=True)
        if self.confidence >= 1:
            raise SettingError(
                f"confidence is {self.confidence!r}; expected a number above 0 and below 1."
            )

    def points(self, inputs: Inputs) -> list[Point]:
        """Return all that is to be measured."""
        return [
            Point(quantization, busy, size, cost)
            for quantization in self.quantizations
            for busy in sorted(set(self.workers))
            for size in sorted(set(self.batch_sizes))
            for cost in inputs.cost_levels
        ]
