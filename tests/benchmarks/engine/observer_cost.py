"""What the place for observers costs while there is none.

The engine as it is, against the same engine whose group of observers is replaced by ``None``, so
that nothing is left of the observers but a test of a constant. Many short rounds in turn, because
one percent is less than the noise of a single one. *Cache hits*: the cheapest call, where anything
shows most. *Batches of one*: requests that the engine, not started, computes at once in the
caller's thread, each its own batch of a model that returns its inputs; the switching of threads
would be noisier than one percent.
"""

import time
from typing import Any

from codomyrmex_lab.optimization import InferenceOptimizer
from tests.benchmarks.report import Reach, Row, against
from tests.benchmarks.runner import in_turn

N_HITS = 5_000
N_BATCHES = 2_000
N_ROUNDS = 150


def rows() -> list[Row]:
    table = []
    engine, without = InferenceOptimizer(_identity), InferenceOptimizer(_identity)
    _cut_out_observers(without)
    for name, measure in (("cache hits", _hits), ("batches of one", _batches)):
        samples = in_turn(
            {
                "with": lambda measure=measure: measure(engine),
                "without": lambda measure=measure: measure(without),
            },
            N_ROUNDS,
        )
        table.append(
            against(
                f"no observer attached: {name}",
                "µs/request",
                samples["with"],
                "observers cut out",
                samples["without"],
                less_is_better=True,
                reach=Reach(ratio_at_least=0.99),
            )
        )
    return table


def _cut_out_observers(engine: InferenceOptimizer) -> None:
    nobody: Any = None
    engine._intake._observers = nobody
    engine._intake.answers._observers = nobody


def _hits(engine: InferenceOptimizer) -> float:
    infer = engine.infer
    infer("x")
    began_s = time.perf_counter()
    for _ in range(N_HITS):
        infer("x")
    return (time.perf_counter() - began_s) / N_HITS * 1e6


def _batches(engine: InferenceOptimizer) -> float:
    infer = engine.infer
    began_s = time.perf_counter()
    for item in range(N_BATCHES):
        infer(item, use_cache=False)
    return (time.perf_counter() - began_s) / N_BATCHES * 1e6


def _identity(inputs: list[Any]) -> list[Any]:
    return inputs
