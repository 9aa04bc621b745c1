"""Measures what engine and driver add to the model's own time, on the engine itself.

Short replays with a model that takes no time: requests far apart tell how late a timer and a
wake-up are; bursts, how long a worker needs from one batch to the next and the driver from one
request to the next; one input again and again, how long an answer from the cache takes. With the
model itself: what a call takes longer after a pause, and how late the driver is.
"""

from __future__ import annotations

import itertools
import math
import warnings
from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import LateDriverWarning
from codomyrmex_lab.optimization.keys import exact_key
from codomyrmex_lab.optimization.models import BatchFunction, CloseReason, OptimizationConfig
from codomyrmex_lab.optimization.observer import ObservedBatch, ObservedRequest
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.simulation.events.crew import IDLE_WEIGHT
from codomyrmex_lab.simulation.overheads import Overheads
from codomyrmex_lab.simulation.profile_points import OUTLIER
from codomyrmex_lab.workloads import Workload, replay

__all__ = [
    "ColdStarts",
    "Ticks",
    "mean_without_accidents",
    "measure_cold_starts",
    "measure_overheads",
]

_SIZES = (1, 32)
_N_APART = 50
_APART_S, _WITHIN_S = 1e-3, 2e-5
_N_BURSTS, _BATCHES_PER_BURST = 4, 30
_TIMEOUT_NS = 2_000_000
_N_HITS = 300
_IDLE_MS = (0.3, 0.6, 1.2, 2.5, 5.0, 10.0, 30.0)
_N_TURNS, _TURN_MS, _FEWEST_CALLS = 4, 60.0, 3
_WARM_UP_MS = 15.0
_ANSWERED_NS = 1_000_000  # so long after a model call its requests are answered
_LONG_MS = 60_000.0


def measure_overheads(
    payloads: Sequence[Any], output: Any, gaps_ns: Mapping[int, Sequence[int]]
) -> Overheads:
    """Return the constants of engine and driver on this machine.

    Parameters
    ----------
    payloads : sequence
        Inputs of the model.
    output : object
        What the model makes of one of them.
    gaps_ns : mapping of int to sequence of int
        By batch size: times from one model call to the next that could begin at once, under load.
    """

    def answer(inputs: list[Any]) -> list[Any]:
        return [output] * len(inputs)

    def run(workload: Workload, **settings: Any) -> Ticks:
        return _replayed(workload, answer, OptimizationConfig(num_workers=1, **settings))

    def burst(size: int, **settings: Any) -> Ticks:
        arrival_s = np.repeat(np.arange(_N_BURSTS) * 0.1, size * _BATCHES_PER_BURST)
        workload = _of(arrival_s, payloads)
        return run(workload, max_batch_size=size, batch_timeout_ms=_LONG_MS, **settings)

    woken = [
        run(_groups(size, payloads), max_batch_size=size, batch_timeout_ms=_LONG_MS)
        for size in _SIZES
    ]
    timed = run(_groups(1, payloads), max_batch_size=64, batch_timeout_ms=_TIMEOUT_NS / 1e6)
    plain = [burst(size, enable_caching=False) for size in _SIZES]
    cached = [burst(size, enable_caching=True) for size in _SIZES]
    wake_ns, dispatch_request_ns = _line([one.wake_ns() for one in woken])
    _, plain_request_ns = _line([one.gap_ns() for one in plain])
    _, cached_request_ns = _line([one.gap_ns() for one in cached])
    # of means: what an engine can serve is what all its gaps come to, long ones among them
    gaps = {size: mean_without_accidents(times) for size, times in gaps_ns.items() if times}
    deliver_ns, gap_request_ns = _line(list(gaps.values()), list(gaps))
    interval_ns = float(np.median([one.interval_ns() for one in plain]))
    keyed_ns = float(np.median([one.interval_ns() for one in cached]))
    same = Workload(
        np.repeat(np.arange(_N_BURSTS) * 0.05, _N_HITS),
        np.zeros(_N_BURSTS * _N_HITS),
        [payloads[0]] * (_N_BURSTS * _N_HITS),
    )
    hits = run(same, max_batch_size=1)
    return Overheads(
        submit_interval_ns=interval_ns,
        key_ns=max(keyed_ns - interval_ns, 0.0),
        hit_ns=hits.hit_ns(),
        wake_ns=wake_ns,
        timer_ns=max(timed.timer_ns() - dispatch_request_ns, 0.0),
        dispatch_request_ns=dispatch_request_ns,
        deliver_ns=deliver_ns,
        deliver_request_ns=max(gap_request_ns - dispatch_request_ns, 0.0),
        store_request_ns=max(cached_request_ns - plain_request_ns, 0.0),
    )


def measure_cold_starts(
    function: BatchFunction, payloads: Sequence[Any], size: int, warm_ms: float
) -> ColdStarts:
    """Return what a call takes longer after some time without one, in an engine.

    An idle processor slows down and forgets the model: it needs some calls until it is as fast as
    before. Requests come at random, as those of real traffic do: after rests that are all alike,
    in which alone requests come, a call takes longer than after other rests of the same average.
    That average is the one that the simulation forms.

    Parameters
    ----------
    function : callable
        The model.
    payloads : sequence
        Its inputs.
    size : int
        Of the batches, in requests.
    warm_ms : float
        What such a call takes when one follows the other.
    """
    config = OptimizationConfig(
        num_workers=1, max_batch_size=size, batch_timeout_ms=_LONG_MS, enable_caching=False
    )
    rng = np.random.default_rng(size)
    seen: dict[float, list[Ticks]] = {idle_ms: [] for idle_ms in _IDLE_MS}
    for _ in range(_N_TURNS):
        for idle_ms in _IDLE_MS:
            n_calls = 1 + max(_FEWEST_CALLS, math.ceil(_TURN_MS / (idle_ms + warm_ms)))
            every_s = (idle_ms + warm_ms) / size / 1e3
            arrival_s = np.cumsum(rng.exponential(every_s, n_calls * size))
            seen[idle_ms].append(_replayed(_of(arrival_s, payloads), function, config))
    pairs = []
    for turns in seen.values():
        calls = [call for one in turns for call in one.idle_and_service_ms()]
        idle_ms, service_ms = np.median(calls, axis=0)
        pairs.append((float(idle_ms), max(float(service_ms) - warm_ms, 0.0)))
    pairs.sort()
    extra_ms = _rising([extra_ms for _, extra_ms in pairs])
    return ColdStarts(
        list(zip((idle_ms for idle_ms, _ in pairs), extra_ms, strict=True)),
        [late for turns in seen.values() for one in turns for late in one.late_ns()],
    )


class ColdStarts(NamedTuple):
    """What is seen of an engine that is idle now and then.

    ``extra_ms`` holds times without a call and what the next one takes longer, both in ms;
    ``late_ns`` how late the driver was with each request for which it had slept.
    """

    extra_ms: list[tuple[float, float]]
    late_ns: list[int]


class Ticks:
    """An observer that keeps the ticks of batches and hits."""

    def __init__(self) -> None:
        self._batches: list[tuple[int, int, CloseReason, list[int], list[int]]] = []
        self._hits: list[int] = []

    def on_batch(self, batch: ObservedBatch) -> None:
        """Keep the ticks of a batch."""
        enqueued = [request.enqueue_ns for request in batch.requests]
        arrived = [request.arrival_ns for request in batch.requests]
        self._batches.append((batch.start_ns, batch.end_ns, batch.reason, enqueued, arrived))

    def on_cache_hit(
        self, request_id: int, priority: int, key: Any, arrival_ns: int, end_ns: int
    ) -> None:
        """Keep when a hit was answered."""
        self._hits.append(end_ns)

    def on_unserved(self, request: ObservedRequest, end_ns: int, error: BaseException) -> None:
        """Nothing is measured on a request without a batch."""

    def wake_ns(self) -> float:
        """Return the time from the arrival that filled a batch to its model call."""
        return _median(
            start - max(enqueued)
            for start, _, reason, enqueued, _ in self._batches
            if reason is CloseReason.FULL
        )

    def timer_ns(self) -> float:
        """Return the time from the due time of a batch to its model call."""
        return _median(
            start - min(enqueued) - _TIMEOUT_NS
            for start, _, reason, enqueued, _ in self._batches
            if reason is CloseReason.TIMEOUT
        )

    def late_ns(self) -> list[int]:
        """Return how late the driver was with each request for which it had slept.

        Not where a worker answered others, which holds the driver up and is a matter of its own.
        """
        ordered = sorted(
            pair
            for *_, enqueued, arrived in self._batches
            for pair in zip(arrived, enqueued, strict=True)
        )
        ends_ns = sorted(end for _, end, *_ in self._batches)
        return [
            max(enqueue - arrival, 1)
            for (_, before), (arrival, enqueue) in itertools.pairwise(ordered)
            if before < arrival
            and bisect_left(ends_ns, arrival - _ANSWERED_NS) == bisect_left(ends_ns, enqueue)
        ]

    def gap_ns(self) -> float:
        """Return the time from one model call to the next that could begin at once."""
        ordered = sorted(self._batches, key=lambda batch: batch[0])
        return _median(
            after[0] - before[1]
            for before, after in itertools.pairwise(ordered)
            if max(after[3]) < before[1]
        )

    def idle_and_service_ms(self) -> list[tuple[float, float]]:
        """Return of each call after the warm-up how long none ran before, on average, and its time.

        That is the average of the simulation; in ms.
        """
        ordered = sorted(self._batches, key=lambda batch: batch[0])
        warm_ns = ordered[0][0] + _WARM_UP_MS * 1e6
        rests_ms = [
            min((after[0] - before[1]) / 1e6, _IDLE_MS[-1])
            for before, after in itertools.pairwise(ordered)
        ]
        averages_ms = itertools.accumulate(
            rests_ms, lambda average, rest: average + IDLE_WEIGHT * (rest - average)
        )
        return [
            (average_ms, (end - start) / 1e6)
            for average_ms, (start, end, *_) in zip(averages_ms, ordered[1:], strict=True)
            if start >= warm_ns
        ]

    def interval_ns(self) -> float:
        """Return the time from one submission to the next where the driver was behind."""
        enqueued = np.sort([tick for batch in self._batches for tick in batch[3]])
        return _median(np.diff(enqueued).tolist())

    def hit_ns(self) -> float:
        """Return the time from one answer from the cache to the next, one right after the other."""
        return _median(np.diff(np.sort(self._hits)).tolist())


def _replayed(workload: Workload, function: BatchFunction, config: OptimizationConfig) -> Ticks:
    ticks, numbers = Ticks(), itertools.count()
    own_key = workload.n_keys > 1

    def key(payload: Any) -> Hashable:
        """Cost what an exact key costs; no two requests share one, unless all are to be hits."""
        return (exact_key(payload), next(numbers) if own_key else 0)

    with (
        warnings.catch_warnings(),
        InferenceOptimizer(function, config, observer=ticks, key_fn=key) as engine,
    ):
        warnings.simplefilter("ignore", LateDriverWarning)
        replay(engine, workload, progress=False)
    return ticks


def _groups(size: int, payloads: Sequence[Any]) -> Workload:
    """Return requests in groups far apart, the members of each 0.1 ms apart."""
    begins_s = np.arange(_N_APART)[:, np.newaxis] * (_APART_S + size * _WITHIN_S)
    return _of((begins_s + np.arange(size) * _WITHIN_S).ravel(), payloads)


def _of(arrival_s: NDArray[np.float64], payloads: Sequence[Any]) -> Workload:
    taken = [payloads[row % len(payloads)] for row in range(len(arrival_s))]
    return Workload(arrival_s, payloads=taken)


def _line(times_ns: list[float], sizes: Sequence[int] = _SIZES) -> tuple[float, float]:
    """Fit a + b·size, neither negative."""
    if len(sizes) < 2:
        return (times_ns[0] if times_ns else 0.0), 0.0
    slope, constant = np.polyfit(sizes, times_ns, 1, w=1 / np.maximum(times_ns, 1.0))
    return max(float(constant), 0.0), max(float(slope), 0.0)


def _rising(values: Sequence[float]) -> list[float]:
    """Return values that never fall, midway between the largest so far and the smallest to come."""
    so_far = np.maximum.accumulate(values)
    to_come = np.minimum.accumulate(values[::-1])[::-1]
    rising: list[float] = ((so_far + to_come) / 2).tolist()
    return rising


def mean_without_accidents(times: Sequence[float]) -> float:
    """Return the mean of times, but for those that are accidents of the machine."""
    found = np.array(times)
    return float(found[found < OUTLIER * np.median(found)].mean())


def _median(values: Any) -> float:
    found = list(values)
    return float(np.median(found)) if found else 0.0
