"""Time that recording adds to a request, in the thread that calls the recorder.

Finished batches (of 32 and of 1; with and without a cache key) go to ``on_batch``, packing of what
was noted included. The same few thousand requests come again and again, so that they are in the
processor's cache, as those are that an engine has just answered; *not in that cache*: each
comes once. The peers keep less: the histograms count latencies alone. Only the list of dataclasses
keeps as much. *Cache hits*: ``on_cache_hit``.
"""

import time
from collections.abc import Callable
from typing import Any

from codomyrmex_lab.optimization.batch import Batch
from codomyrmex_lab.tracing import TraceRecorder
from tests.benchmarks.report import Reach, Row, against, alone
from tests.benchmarks.runner import in_turn
from tests.benchmarks.tracing.events import make_batches
from tests.benchmarks.tracing.peers import DataclassList, HdrLatency, PrometheusLatency

N_REQUESTS = 65_536
N_AT_HAND = 2_048
N_ROUNDS = 9
PEERS = {
    "list of dataclasses": DataclassList,
    "hdrhistogram": HdrLatency,
    "prometheus_client": PrometheusLatency,
}
REACH = Reach(at_most=0.5)
UNIT = "µs/request"


def rows() -> list[Row]:
    table = []
    for size, keyed in ((32, False), (32, True), (1, False), (1, True)):
        at_hand = make_batches(N_AT_HAND, size, keyed=keyed)
        batches = at_hand * (N_REQUESTS // N_AT_HAND)
        contestants: dict[str, Callable[[], Any]] = {"ours": TraceRecorder, **PEERS}
        samples = in_turn(
            {
                name: lambda make=make, batches=batches: _batches(make(), batches)
                for name, make in contestants.items()
            },
            N_ROUNDS,
        )
        ours = samples.pop("ours")
        measure = f"recorded in batches of {size}, {'with' if keyed else 'no'} cache key"
        table.append(alone(measure, UNIT, ours, REACH))
        for peer, theirs in samples.items():
            table.append(against(measure, UNIT, ours, peer, theirs, less_is_better=True))
    far = make_batches(N_REQUESTS, 1, keyed=True)
    others = in_turn({"hits": _hits, "far": lambda: _batches(TraceRecorder(), far)}, N_ROUNDS)
    return [
        *table,
        alone(f"{measure}, not in the processor's cache", UNIT, others["far"]),
        alone("recorded cache hits", UNIT, others["hits"], REACH),
    ]


def _batches(recorder: Any, batches: list[Batch]) -> float:
    on_batch = recorder.on_batch
    began_s = time.perf_counter()
    for batch in batches:
        on_batch(batch)
    return (time.perf_counter() - began_s) / N_REQUESTS * 1e6


def _hits() -> float:
    on_cache_hit, key = TraceRecorder().on_cache_hit, ("fp32", (int, 5))
    began_s = time.perf_counter()
    for number in range(N_REQUESTS):
        on_cache_hit(number, 0, key, 10**15 + number, 10**15 + number)
    return (time.perf_counter() - began_s) / N_REQUESTS * 1e6
