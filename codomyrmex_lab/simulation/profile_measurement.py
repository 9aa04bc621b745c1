"""Measures model calls: in rounds, so that a slow minute of the machine falls on all points alike.

A point is visited once per round, in an order drawn anew. A visit without an engine calls the batch
function in as many threads as the point has calls at once, warms up, then measures; calls that did
not run beside all the others do not count.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from codomyrmex_lab.errors import ProfileError
from codomyrmex_lab.optimization.models import BatchFunction, QuantizationType
from codomyrmex_lab.simulation.profile_inputs import Inputs
from codomyrmex_lab.tracing import percentiles

__all__ = ["Point", "check_outputs", "measure_points", "visit_alone"]

_CALLS_PER_VISIT = 2
_VISIT_NS = 4_000_000
_FEWEST_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Point:
    """What is measured together."""

    quantization: QuantizationType
    busy_workers: int
    batch_size: int
    cost: float


def check_outputs(outputs: Any, n_inputs: int) -> None:
    """Raise ``ProfileError`` where a model did not answer one output per input."""
    if hasattr(outputs, "__len__") and len(outputs) == n_inputs:
        return
    raise ProfileError(
        f"The model answered {n_inputs} input{'s' if n_inputs > 1 else ''} with "
        f"{type(outputs).__name__} {outputs!r:.80}; expected a sequence of one output for each."
    )


def measure_points(
    visit: Callable[[Point], list[float]],
    points: Sequence[Point],
    inputs: Inputs,
    *,
    confidence: float,
    precision: float,
    budget_s: float,
    show: Callable[[int, int], object],
) -> dict[Point, list[float]]:
    """Return the service times, in ms, of each point; ``visit`` measures some of one.

    Goes round all points at least once, and then until the confidence interval of each point's
    median lies within ``precision`` of it, eight times at least, or the budget is spent.

    ``show`` is told how many points are settled, or which part of them the spent budget stands
    for if that is more, and how many there are; after each visit.
    """
    samples: dict[Point, list[float]] = {point: [] for point in points}
    unsettled = list(points)
    begin_s = time.perf_counter()
    end_s = begin_s + budget_s
    n_rounds = 0

    def show_progress() -> None:
        spent = min((time.perf_counter() - begin_s) / budget_s, 1.0)
        show(max(len(points) - len(unsettled), int(spent * len(points))), len(points))

    while unsettled and (n_rounds == 0 or time.perf_counter() < end_s):
        for point in inputs.in_random_order(unsettled):
            if n_rounds == 0 or time.perf_counter() < end_s:
                samples[point] += visit(point)
                show_progress()
        n_rounds += 1
        if n_rounds >= _FEWEST_ROUNDS:
            unsettled = [
                point for point in unsettled if not _settled(samples[point], confidence, precision)
            ]
    return samples


def visit_alone(
    functions: Mapping[QuantizationType, BatchFunction],
    inputs: Inputs,
    threads: ThreadPoolExecutor,
    point: Point,
) -> list[float]:
    """Return the service times, in ms, of some calls that nothing but the model's own disturb."""
    function = functions[point.quantization]
    batches = [
        [inputs.batch(point.batch_size, point.cost) for _ in range(_CALLS_PER_VISIT)]
        for _ in range(point.busy_workers)
    ]
    company = _Company(point.busy_workers)
    runs = list(threads.map(lambda own: _run(function, own, company), batches))
    begin_ns = max(run[0][0] for run in runs)
    calls = [call for run in runs for call in run]
    beside_all = [call for call in calls if call[0] >= begin_ns and call[1] <= company.end_ns]
    return [service_ms for _, _, service_ms in beside_all or calls]


class _Company:
    """Threads that begin together, and go on until each has measured enough."""

    def __init__(self, n_threads: int) -> None:
        self.begin = threading.Barrier(n_threads)
        self.end_ns = 0
        self._n_missing = n_threads
        self._lock = threading.Lock()

    @property
    def all_have_enough(self) -> bool:
        return self._n_missing == 0

    def one_has_enough(self) -> None:
        with self._lock:
            self._n_missing -= 1
            self.end_ns = time.perf_counter_ns()


def _run(
    function: BatchFunction, batches: Sequence[list[Any]], company: _Company
) -> list[tuple[int, int, float]]:
    company.begin.wait()
    has_enough = False
    try:
        check_outputs(function(batches[0]), len(batches[0]))  # warm-up
        calls = [_timed(function, batches[0])]
        while not company.all_have_enough:
            calls.append(_timed(function, batches[len(calls) % len(batches)]))
            lasted_ns = calls[-1][1] - calls[0][0]
            if not has_enough and len(calls) > _CALLS_PER_VISIT and lasted_ns >= _VISIT_NS:
                has_enough = True
                company.one_has_enough()
    finally:
        if not has_enough and not company.all_have_enough:
            company.one_has_enough()  # a call that failed: the others need not go on for it
    return calls


def _timed(function: BatchFunction, batch: list[Any]) -> tuple[int, int, float]:
    started_ns = time.perf_counter_ns()
    function(batch)
    ended_ns = time.perf_counter_ns()
    return started_ns, ended_ns, (ended_ns - started_ns) / 1e6


def _settled(times_ms: list[float], confidence: float, precision: float) -> bool:
    (median,) = percentiles(times_ms, [50], confidence)
    return median.ci_high - median.ci_low <= 2 * precision * median.value
