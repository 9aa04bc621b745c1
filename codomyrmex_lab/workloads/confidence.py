"""When a run has seen enough: once a percentile of its latencies is known well enough."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing.dependence import dependent_percentiles
from codomyrmex_lab.tracing.percentiles import Percentile
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["Confidence", "ConfidenceWatch"]

_CHECK_EVERY_S = 0.1
_GROWTH = 1.1


@dataclass(frozen=True, slots=True)
class Confidence:
    """Until when a run goes on.

    Parameters
    ----------
    percent : float
        Percentile of the latency, above 0 and below 100.
    relative_width : float
        Width of its confidence interval over its value at which the run ends, above 0.
    confidence : float
        Of the interval, above 0 and below 1.
    within_s : float
        Time after which the run ends anyway, in s, above 0.

    Raises
    ------
    SettingError
        A parameter is outside its range.
    """

    percent: float = 99.0
    relative_width: float = 0.1
    confidence: float = 0.95
    within_s: float = 60.0

    def __post_init__(self) -> None:
        check_number("relative_width", self.relative_width, above_zero=True)
        check_number("within_s", self.within_s, above_zero=True)
        for name, value, limit in (
            ("percent", self.percent, 100),
            ("confidence", self.confidence, 1),
        ):
            check_number(name, value, above_zero=True)
            if value >= limit:
                raise SettingError(f"{name} is {value!r}; expected a number below {limit}.")

    def estimate(self, latency_ms: ArrayLike) -> Percentile:
        """Return the percentile and its interval, for latencies in the order of their answers."""
        return dependent_percentiles(latency_ms, [self.percent], self.confidence)[0]

    def reached(self, estimate: Percentile) -> bool:
        """Tell whether an estimate is as narrow as asked."""
        return _relative_width(estimate) <= self.relative_width


def _relative_width(estimate: Percentile) -> float:
    width = estimate.ci_high - estimate.ci_low
    return width / estimate.value if estimate.value > 0 else math.inf


class ConfidenceWatch:
    """Looks at the latencies of a run from a thread of its own; use it as a context manager.

    Parameters
    ----------
    wanted : Confidence or None
        Until when the run goes on; if None the watch does nothing.
    latencies : callable
        Returns the latencies so far, in ms, in the order of their answers.
    """

    def __init__(
        self, wanted: Confidence | None, latencies: Callable[[], NDArray[np.float64]]
    ) -> None:
        self._wanted = wanted
        self._latencies = latencies
        self._estimate = Percentile(math.nan, math.nan, math.nan, math.nan, 0)
        self._reached = False
        self._left = threading.Event()
        self._thread: threading.Thread | None = None
        self.over = threading.Event()
        """Set once the run has seen enough, or has had all its time."""

    def __enter__(self) -> Self:
        if self._wanted is not None:
            self._thread = threading.Thread(
                target=self._watch, args=(self._wanted,), name="confidence-watch", daemon=True
            )
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._left.set()
        if self._thread is not None:
            self._thread.join()

    def verdict(self) -> dict[str, Any]:
        """Return what was asked, whether it was ``reached``, and the estimate that decided it."""
        if self._wanted is None:
            return {}
        estimate = self._estimate
        return {
            **asdict(self._wanted),
            "reached": self._reached,
            "value_ms": estimate.value,
            "ci_low_ms": estimate.ci_low,
            "ci_high_ms": estimate.ci_high,
            "n_independent": estimate.n_samples,
        }

    def _watch(self, wanted: Confidence) -> None:
        end_ns = time.perf_counter_ns() + int(wanted.within_s * 1e9)
        n_next = 1.0
        while not self._left.is_set():
            latencies = self._latencies()
            left_s = (end_ns - time.perf_counter_ns()) / 1e9
            if len(latencies) and (len(latencies) >= n_next or left_s <= 0):
                n_next = len(latencies) * _GROWTH
                self._estimate = wanted.estimate(latencies)
                self._reached = wanted.reached(self._estimate)
            if self._reached or left_s <= 0:
                self.over.set()
                return
            self._left.wait(min(_CHECK_EVERY_S, left_s))
