"""Measured beside predicted, for the same settings and the same requests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Self

import pandas as pd

from codomyrmex_lab.dashboards.findings import Findings, findings_of_trace
from codomyrmex_lab.dashboards.load import OfferedLoad
from codomyrmex_lab.tracing import Trace

__all__ = ["Verification", "VerifiedFigure", "verifications_frame"]

_FIGURES = {
    "p50_ms": "p50",
    "p95_ms": "p95",
    "p99_ms": "p99",
    "throughput_rps": "throughput",
    "mean_batch_size": "mean batch",
}
_LATENCIES = ("p50", "p95", "p99")
_HARDLY_MS = 0.1  # less than this apart, a share says nothing: an answer from the cache takes 0.05


@dataclass(frozen=True, slots=True)
class VerifiedFigure:
    """One figure, predicted and measured."""

    name: str
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """How far the prediction is off, as a share of what was measured."""
        if not self.measured:
            return float("nan")
        return (self.predicted - self.measured) / self.measured

    def __str__(self) -> str:
        difference = self.predicted - self.measured
        if not math.isfinite(difference):
            return "unknown"
        if self.name in _LATENCIES and abs(difference) < _HARDLY_MS:
            return f"{difference:+.2g} ms"
        return f"{self.error:+.1%}"


@dataclass(frozen=True, slots=True)
class Verification:
    """A replay on the real engine and the simulation of the same requests.

    Parameters
    ----------
    load : OfferedLoad
        What was replayed.
    predicted, measured : Findings
        What the simulator said, and what came of it.
    late_ms : float
        99th percentile of how late the load driver itself was.
    """

    load: OfferedLoad
    predicted: Findings
    measured: Findings
    late_ms: float

    @classmethod
    def of(cls, load: OfferedLoad, predicted: Findings, trace: Trace) -> Self:
        """Return the verification of a prediction by a replay."""
        late_ms = trace.metadata.get("lateness_ms", {}).get("p99", 0.0)
        return cls(load, predicted, findings_of_trace(trace, predicted.config), late_ms)

    def figures(self) -> tuple[VerifiedFigure, ...]:
        """Return the figures that can be compared."""
        said, saw = self.predicted.summary, self.measured.summary
        return tuple(
            VerifiedFigure(name, getattr(said, field), getattr(saw, field))
            for field, name in _FIGURES.items()
        )

    @property
    def sentence(self) -> str:
        """What it came to, in words."""
        errors = ", ".join(f"{one.name} {one}" for one in self.figures())
        said, saw = self.predicted.summary, self.measured.summary
        points = 100 * (said.cache_hit_rate - saw.cache_hit_rate)
        words = (
            f"Verified on the real engine with {self.load}. The prediction is off by: {errors}, "
            f"hit rate {points:+.1f} points."
        )
        if saw.n_errors:
            words += f" {saw.n_errors:,} requests failed."
        if self.late_ms > 0.2 * saw.p99_ms:
            words += f" p99 includes {self.late_ms:.3g} ms by which this process submitted late."
        return words


def verifications_frame(verifications: Sequence[Verification]) -> pd.DataFrame:
    """Return one row per verification, counted from 1, with its settings and its figures.

    Figures are measured; those that begin with ``predicted_`` are simulated, of the same requests.
    """
    rows = []
    for number, one in enumerate(verifications, 1):
        settings = {
            name: value.name if isinstance(value, Enum) else value
            for name, value in asdict(one.measured.config).items()
        }
        figures, predicted = asdict(one.measured.summary), asdict(one.predicted.summary)
        del figures["intervals"]
        said = {f"predicted_{name}": predicted[name] for name in (*_FIGURES, "cache_hit_rate")}
        rows.append({"run": number, **settings, "load": one.load.speed, **figures, **said})
    return pd.DataFrame(rows).set_index("run") if rows else pd.DataFrame()
