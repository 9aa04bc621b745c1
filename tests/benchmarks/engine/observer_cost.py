"""What the place for observers costs while there is none.

The engine as it is, against the same engine whose group of observers is replaced by ``None``, so
that nothing is left of the observers but a test of a constant. Many short rounds in turn, because
one percent is less than the noise of a single one. *Cache hits*: the cheapest call, where anything
shows most. *Batches of one*: 2,000 requests submitted, then awaited, each its own batch of a model
that returns its inputs.
"""

import time
from typing import Any

from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig
from tests.benchmarks.report import Reach, Row, against
from tests.benchmarks.runner import in_turn

N_HITS = 5_000
N_BATCHES = 2_000
N_ROUNDS = 150


def rows() -> list[Row]:
    table = []
    config = OptimizationConfig(max_batch_size=1, num_workers=1)
    with (
        InferenceOptimizer(_identity, config) as engine,
        InferenceOptimizer(_identity, config) as without,
    ):
        _cut_out_observers(without)
        for name, n, measure in (
            ("cache hits", N_HITS, _hits),
            ("batches of one", N_BATCHES, _batches),
        ):
            samples = in_turn(
                {
                    "with": lambda measure=measure: measure(engine),
                    "without": lambda measure=measure: measure(without),
                },
                N_ROUNDS if n == N_HITS else N_ROUNDS // 3,
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
    began_s = time.perf_counter()
    futures = [engine.submit(item, use_cache=False) for item in range(N_BATCHES)]
    for future in futures:
        future.result()
    return (time.perf_counter() - began_s) / N_BATCHES * 1e6


def _identity(inputs: list[Any]) -> list[Any]:
    return inputs
