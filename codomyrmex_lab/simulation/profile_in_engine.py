"""Measures model calls where they will be made: by the workers of an engine, under a driver's load.

A call in an engine takes longer than the same call in a loop: its inputs were made on another
core, and between two calls the processor ran other things than the model. Requests are due one
after the other, evenly, and a little faster than the workers compute, so that the next batch is
complete when one ends. Calls count while requests still come: two cores are often one that does
two things at a time, where a call takes up to a quarter longer beside a driver at work.
"""

from __future__ import annotations

import itertools
import math
import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from codomyrmex_lab.errors import LateDriverWarning
from codomyrmex_lab.optimization.models import (
    BatchFunction,
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
)
from codomyrmex_lab.optimization.observer import ObservedBatch, ObservedRequest
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.simulation.profile_inputs import Inputs
from codomyrmex_lab.simulation.profile_measurement import Point, check_outputs
from codomyrmex_lab.workloads import Workload, replay

__all__ = ["EngineVisits", "SeenCalls"]

_FEWEST_CALLS, _MOST_CALLS = 2, 100
_WARM_UP_MS, _VISIT_MS = 4.0, 8.0
_WARM_UP_CALLS, _WARM_UP_CALLS_MS = 8, 32.0
_OVERLOAD = 1.2
_BESIDE = 0.8
_SHORTEST_MS = 0.01
_N_TURNS = 5
_LONG_MS = 60_000.0
_DYNAMIC, _ADAPTIVE = BatchingStrategy.DYNAMIC, BatchingStrategy.ADAPTIVE


class EngineVisits:
    """Measures one point after the other, some calls each time.

    Parameters
    ----------
    functions : mapping
        The model, by variant.
    inputs : Inputs
        What batches are made of.
    """

    def __init__(self, functions: Mapping[QuantizationType, BatchFunction], inputs: Inputs) -> None:
        self._functions = functions
        self._inputs = inputs
        self.cycle_ms: dict[Point, float] = {}
        """Of the latest visit: time from the start of one call of a worker to that of its next."""
        self.gaps_ns: dict[int, list[int]] = {}
        """By batch size: times from one call to the next, where one worker was alone."""

    def __call__(self, point: Point) -> list[float]:
        """Return the service times, in ms, of some calls of a point."""
        n_workers = point.busy_workers
        n_warm_up, seen = self._visit(point, _DYNAMIC)
        if n_workers == 1:
            self.gaps_ns.setdefault(point.batch_size, []).extend(seen.gaps_ns(n_warm_up))
        self.cycle_ms[point] = max(seen.cycle_ms(n_workers), _SHORTEST_MS)
        return seen.service_ms(n_workers * n_warm_up, n_workers)

    def learning_ns(self, point: Point) -> float:
        """Return how much more of the time between two calls ADAPTIVE takes, per request."""
        gaps_ns: dict[BatchingStrategy, list[int]] = {_DYNAMIC: [], _ADAPTIVE: []}
        for _ in range(_N_TURNS):
            for strategy in gaps_ns:
                n_warm_up, seen = self._visit(point, strategy)
                gaps_ns[strategy] += seen.gaps_ns(n_warm_up, point.batch_size)
        if not all(gaps_ns.values()):
            return 0.0
        more_ns = float(np.median(gaps_ns[_ADAPTIVE]) - np.median(gaps_ns[_DYNAMIC]))
        return max(more_ns, 0.0) / point.batch_size

    def _visit(self, point: Point, strategy: BatchingStrategy) -> tuple[int, SeenCalls]:
        """Return how many calls of each worker are its warm-up, and what was seen of all."""
        n_workers, size = point.busy_workers, point.batch_size
        expected_ms = self._expected_ms(point)
        n_warm_up = min(math.ceil(_WARM_UP_MS / expected_ms), _MOST_CALLS)
        # a model's weights come back into the processor's cache call by call
        n_warm_up = max(n_warm_up, min(_WARM_UP_CALLS, int(_WARM_UP_CALLS_MS / expected_ms)))
        n_calls = min(max(math.ceil(_VISIT_MS / expected_ms), _FEWEST_CALLS), _MOST_CALLS)
        n_calls = math.ceil((n_calls + n_warm_up + 1) * _OVERLOAD)
        batches = [self._inputs.batch(size, point.cost) for _ in range(n_workers * n_calls)]
        payloads = list(itertools.chain.from_iterable(batches))
        every_s = expected_ms / 1e3 / _OVERLOAD / (n_workers * size)
        workload = Workload(np.arange(len(payloads)) * every_s, payloads=payloads)
        config = OptimizationConfig(
            batching_strategy=strategy,
            max_batch_size=size,
            batch_timeout_ms=_LONG_MS,
            enable_caching=False,
            num_workers=n_workers,
        )
        seen = SeenCalls()
        function = self._functions[point.quantization]
        with (
            warnings.catch_warnings(),
            InferenceOptimizer(function, config, observer=seen) as engine,
        ):
            warnings.simplefilter("ignore", LateDriverWarning)
            replay(engine, workload, progress=False)
        return n_warm_up, seen

    def _expected_ms(self, point: Point) -> float:
        """Return the time from one call of a worker to its next, as it was before."""
        if point not in self.cycle_ms:
            function = self._functions[point.quantization]
            for _ in range(2):  # the first call finds nothing ready
                batch = self._inputs.batch(point.batch_size, point.cost)
                began_ns = time.perf_counter_ns()
                outputs = function(batch)
                ended_ns = time.perf_counter_ns()
                check_outputs(outputs, len(batch))
            self.cycle_ms[point] = max((ended_ns - began_ns) / 1e6, _SHORTEST_MS)
        return self.cycle_ms[point]


class SeenCalls:
    """An observer that keeps when batches were complete, began and ended."""

    def __init__(self) -> None:
        self._ticks: list[tuple[int, int, int, int]] = []

    def on_batch(self, batch: ObservedBatch) -> None:
        """Keep the ticks of a batch."""
        complete_ns = max(request.enqueue_ns for request in batch.requests)
        self._ticks.append((batch.start_ns, batch.end_ns, complete_ns, len(batch.requests)))

    def on_cache_hit(
        self, request_id: int, priority: int, key: Any, arrival_ns: int, end_ns: int
    ) -> None:
        """There is no cache."""

    def on_unserved(self, request: ObservedRequest, end_ns: int, error: BaseException) -> None:
        """Nothing is measured on a request without a batch."""

    def service_ms(self, n_first: int, n_workers: int) -> list[float]:
        """Return the time of each call that is typical of a busy engine, or of all if none is.

        The first ``n_first`` find the processor cold; the last ones have no driver beside them; and
        where a worker had nothing to do, others had fewer calls beside theirs.
        """
        ordered = np.array(sorted(self._ticks)[n_first:-n_workers], dtype=np.int64)
        start, end = ordered[:, 0], ordered[:, 1]
        times_ms = (end - start) / 1e6
        shared = np.minimum.outer(end, end) - np.maximum.outer(start, start)
        n_beside = np.clip(shared, 0, None).sum(axis=1) / np.maximum(end - start, 1) - 1
        typical = (end <= self._driven_until_ns()) & (n_beside >= _BESIDE * (n_workers - 1))
        chosen: list[float] = (times_ms[typical] if typical.any() else times_ms).tolist()
        return chosen

    def cycle_ms(self, n_workers: int) -> float:
        """Return the time from the start of one call of a worker to the start of its next."""
        starts_ns = np.sort([start for start, *_ in self._ticks])
        return float(np.median(starts_ns[n_workers:] - starts_ns[:-n_workers])) / 1e6

    def gaps_ns(self, n_first: int, fewest_requests: int = 1) -> list[int]:
        """Return the times between two calls of one worker, of those that could begin at once.

        Those before batches of fewer requests do not count.
        """
        until_ns = self._driven_until_ns()
        return [
            after[0] - before[1]
            for before, after in itertools.pairwise(sorted(self._ticks)[n_first:])
            if after[2] < before[1] and after[0] <= until_ns and after[3] >= fewest_requests
        ]

    def _driven_until_ns(self) -> int:
        """Return when the last request came."""
        return max(complete for *_, complete, _ in self._ticks)
