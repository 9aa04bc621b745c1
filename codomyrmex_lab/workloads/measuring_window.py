"""Which requests of a run count: those neither in its warm-up nor in its cool-down."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["MeasuringWindow"]

_PHASES = ("warm-up", "measured", "cool-down")


@dataclass(frozen=True, slots=True)
class MeasuringWindow:
    """The rule by which requests at both ends of a run are left out of its figures.

    A request is in the warm-up, or the cool-down, if the rule in seconds or the rule in requests
    says so; by the time at which it was due, not at which it was answered, so that slow answers
    cannot choose to be left out. The warm-up goes before the cool-down.

    Parameters
    ----------
    warmup_s, cooldown_s : float
        Time after the first arrival, and before the last, in s, at least 0.
    warmup_requests, cooldown_requests : int
        Requests that arrive first, and last, at least 0.

    Raises
    ------
    SettingError
        A parameter is outside its range.
    """

    warmup_s: float = 0.0
    cooldown_s: float = 0.0
    warmup_requests: int = 0
    cooldown_requests: int = 0

    def __post_init__(self) -> None:
        check_number("warmup_s", self.warmup_s, above_zero=False)
        check_number("cooldown_s", self.cooldown_s, above_zero=False)
        check_integer("warmup_requests", self.warmup_requests, at_least=0)
        check_integer("cooldown_requests", self.cooldown_requests, at_least=0)

    def phases(self, trace: Trace) -> pd.Categorical[str]:
        """Mark each row of a trace's frames as ``warm-up``, ``measured`` or ``cool-down``."""
        arrival_ns = trace.requests["arrival"].to_numpy().astype(np.int64)
        codes = np.ones(len(arrival_ns), dtype=np.int8)
        codes[self._cooling(arrival_ns)] = 2
        codes[self.warming(arrival_ns)] = 0
        return pd.Categorical.from_codes(codes, pd.Index(_PHASES), ordered=True)

    def select(self, trace: Trace) -> Trace:
        """Return the trace of the measured requests only.

        Its metadata hold the rule and the numbers left out as ``measuring_window``.
        """
        phases = self.phases(trace)
        measured = trace.select(np.asarray(phases == "measured", dtype=np.bool_))
        left_out: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        left_out["n_warmup"] = int((phases == "warm-up").sum())
        left_out["n_cooldown"] = int((phases == "cool-down").sum())
        measured.metadata["measuring_window"] = left_out
        return measured

    def warming(self, arrival_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which arrivals, in any order, are in the warm-up."""
        if not len(arrival_ns):
            return np.zeros(0, dtype=np.bool_)
        inside: NDArray[np.bool_] = arrival_ns - arrival_ns.min() < self.warmup_s * 1e9
        inside[np.argsort(arrival_ns, kind="stable")[: self.warmup_requests]] = True
        return inside

    def _cooling(self, arrival_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
        if not len(arrival_ns):
            return np.zeros(0, dtype=np.bool_)
        inside: NDArray[np.bool_] = arrival_ns.max() - arrival_ns < self.cooldown_s * 1e9
        n_before = max(len(arrival_ns) - self.cooldown_requests, 0)
        inside[np.argsort(arrival_ns, kind="stable")[n_before:]] = True
        return inside
