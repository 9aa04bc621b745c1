"""Throughput of an engine with a recorder attached, beside the same engine without.

One caller keeps 512 requests outstanding. *Model of 2 ms*: 2 ms and 20 µs per input, in batches of
at most 64, two workers; in memory, and spilling to a folder. *No model*: a function that returns
its inputs, so that nothing but the engine's own work hides what recording costs: no mark there.
"""

import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.tracing import TraceRecorder
from tests.benchmarks.report import Reach, Row, against
from tests.benchmarks.runner import in_turn

N_REQUESTS = 20_000
N_OUTSTANDING = 512
N_ROUNDS = 9
CONFIG = OptimizationConfig(max_batch_size=64, num_workers=2, enable_caching=False)

Model = Callable[[list[Any]], list[Any]]


def rows() -> list[Row]:
    table = []
    for name, model, reach in (
        ("model of 2 ms", _sleep, Reach(ratio_at_least=0.97)),
        ("no model", _identity, None),
    ):
        samples = in_turn(
            {
                "untraced": lambda model=model: _rate(model, None),
                "in memory": lambda model=model: _rate(model, TraceRecorder()),
                "spilling": lambda model=model: _spilling_rate(model),
            },
            N_ROUNDS,
        )
        untraced = samples.pop("untraced")
        for how, ours in samples.items():
            table.append(
                against(
                    f"traced throughput, {name}, {how}",
                    "requests/s",
                    ours,
                    "untraced",
                    untraced,
                    less_is_better=False,
                    reach=reach,
                )
            )
    return table


def _spilling_rate(model: Model) -> float:
    with tempfile.TemporaryDirectory() as folder:
        recorder = TraceRecorder(spill_to=Path(folder) / "run", chunk_size=5_000)
        with recorder:
            return _rate(model, recorder)


def _rate(model: Model, recorder: TraceRecorder | None) -> float:
    outstanding: deque[Future[Any]] = deque()
    with InferenceOptimizer(model, CONFIG, observer=recorder) as engine:
        began_s = time.perf_counter()
        for number in range(N_REQUESTS):
            outstanding.append(engine.submit(number))
            if len(outstanding) >= N_OUTSTANDING:
                outstanding.popleft().result()
        while outstanding:
            outstanding.popleft().result()
        return N_REQUESTS / (time.perf_counter() - began_s)


def _sleep(inputs: list[Any]) -> list[Any]:
    time.sleep(0.002 + 20e-6 * len(inputs))
    return inputs


def _identity(inputs: list[Any]) -> list[Any]:
    return inputs
