"""Which slice of a workload one measurement replays, and how fast."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.optimization.models import OptimizationConfig, check_integer
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer, Model
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["LoadChoice", "OfferedLoad"]

_RUN_S = 2.5
_FEWEST_REQUESTS = 50
_MOST_REQUESTS = 20_000
_FALLBACK_RPS = 200.0
_HIGHEST_RPS = 2_000.0


@dataclass(frozen=True, slots=True)
class OfferedLoad:
    """The traffic of one measurement.

    Parameters
    ----------
    workload : Workload
        The first requests of the whole workload.
    speed : float
        Factor by which their arrivals are hastened.
    n_whole : int
        Requests of the whole workload.
    """

    workload: Workload
    speed: float
    n_whole: int

    @property
    def rate_rps(self) -> float:
        """Requests per second offered to the engine; infinite where all arrive at once."""
        duration_s = self.workload.duration_s / self.speed
        return len(self.workload) / duration_s if duration_s else math.inf

    def __str__(self) -> str:
        n = len(self.workload)
        part = f"all {n:,}" if n == self.n_whole else f"the first {n:,} of {self.n_whole:,}"
        rate = f"{self.rate_rps:,.4g} requests/s" if math.isfinite(self.rate_rps) else "all at once"
        return f"{part} requests at {self.speed:.3g}× their own pace: {rate}"


@dataclass(frozen=True, slots=True)
class LoadChoice:
    """How a user bounds the traffic of one measurement; what is left open is chosen for them.

    Parameters
    ----------
    workload : Workload
        Traffic to take from.
    max_requests : int or None
        Requests replayed; None takes what arrives within 2.5 s.
    speed : float or None
        Factor by which arrivals are hastened. None takes the load at which one worker without
        batching would just be busy, rounded to 1, 2 or 5 times a power of ten, at most
        2,000 requests/s and never less than the workload's own pace.

    Raises
    ------
    SettingError
        ``max_requests`` or ``speed`` outside its range.
    WorkloadError
        ``workload`` is something else.
    """

    workload: Workload
    max_requests: int | None = None
    speed: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.workload, Workload):
            raise WorkloadError(
                f"The workload is a {type(self.workload).__name__}; expected a Workload, as from "
                "Workload.from_csv(...) or Workload.poisson(...)."
            )
        if self.max_requests is not None:
            check_integer("max_requests", self.max_requests, at_least=1)
        if self.speed is not None:
            check_number("speed", self.speed, above_zero=True)

    def settle(self, model: Model, config: OptimizationConfig) -> OfferedLoad:
        """Return the load, measuring a few single calls of the model where the speed is open."""
        workload = self.workload
        speed = self.speed
        if speed is None:
            wanted_rps = _busy_rate_rps(model, config, workload.payloads[0])
            speed = max(1.0, wanted_rps * workload.duration_s / len(workload))
        n = self.max_requests
        if n is None:
            within = int((workload.arrival_s <= _RUN_S * speed).sum())
            n = min(max(within, _FEWEST_REQUESTS), _MOST_REQUESTS)
        return OfferedLoad(workload.head(n), speed, len(workload))


def _busy_rate_rps(model: Model, config: OptimizationConfig, payload: object) -> float:
    """Return the rate that keeps one worker busy with single requests, as a round number."""
    engine = InferenceOptimizer(model, config)
    try:
        calls = [engine.infer(payload, use_cache=False) for _ in range(4)]
    except Exception:  # logged by the engine; the replay meets and reports the same error
        return _FALLBACK_RPS
    service_ms = median(call.service_ms for call in calls[1:])
    return min(_round_down(1e3 / max(service_ms, 1e-3)), _HIGHEST_RPS)


def _round_down(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return float(max(step for step in (1, 2, 5) if step * power <= value)) * power
