"""How late a DYNAMIC batch leaves, on an otherwise idle machine.

400 single requests, each submitted when the last was answered, into batches of up to 32 with a
timeout of 5 ms: the start of the model call less the arrival and 5 ms, as an observer is told them.
The machine's own lateness is that of ``SimpleQueue.get(timeout=0.005)`` on an empty queue, right
after each request.
"""

import time
from queue import Empty, SimpleQueue

from codomyrmex_lab.optimization import EngineObserver, InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.optimization.observer import ObservedBatch, ObservedRequest
from tests.benchmarks.report import Reach, Row, against
from tests.benchmarks.runner import Samples, in_turn, quantile

TIMEOUT_MS = 5.0
N_REQUESTS = 400
N_ROUNDS = 3


def rows() -> list[Row]:
    ours: list[list[float]] = []
    bare: list[list[float]] = []

    def one_round() -> float:
        engine_late_ms, bare_late_ms = _lateness_ms()
        ours.append(engine_late_ms)
        bare.append(bare_late_ms)
        return 0.0

    in_turn({"both": one_round}, N_ROUNDS, warm_up=False)
    return [
        against(
            f"lateness of a DYNAMIC batch, {name}",
            "ms",
            Samples(tuple(quantile(values, q) for values in ours)),
            "SimpleQueue.get(timeout)",
            Samples(tuple(quantile(values, q) for values in bare)),
            less_is_better=True,
            reach=reach,
        )
        for name, q, reach in (
            ("median", 0.5, Reach(at_most=0.3)),
            ("p99", 0.99, Reach(at_most=2.0)),
            ("maximum", 1.0, None),
        )
    ]


class _Starts(EngineObserver):
    """Keeps by how much each batch began after its oldest request was due."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []

    def on_cache_hit(self, *event: object) -> None:
        """Do nothing."""

    def on_batch(self, batch: ObservedBatch) -> None:
        waited_ns = batch.start_ns - batch.requests[0].arrival_ns
        self.late_ms.append(waited_ns / 1e6 - TIMEOUT_MS)

    def on_unserved(self, request: ObservedRequest, end_ns: int, error: BaseException) -> None:
        raise error


def _lateness_ms() -> tuple[list[float], list[float]]:
    config = OptimizationConfig(
        max_batch_size=32, batch_timeout_ms=TIMEOUT_MS, enable_caching=False, num_workers=1
    )
    starts = _Starts()
    empty: SimpleQueue[None] = SimpleQueue()
    bare_ms: list[float] = []
    with InferenceOptimizer(lambda inputs: inputs, config, observer=starts) as engine:
        for item in range(N_REQUESTS):
            engine.infer(item)
            began_ns = time.perf_counter_ns()
            try:
                empty.get(timeout=TIMEOUT_MS / 1e3)
            except Empty:
                bare_ms.append((time.perf_counter_ns() - began_ns) / 1e6 - TIMEOUT_MS)
    return starts.late_ms, bare_ms
