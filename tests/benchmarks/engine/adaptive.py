"""ADAPTIVE beside DYNAMIC with fixed settings: three workloads, a model of 2 ms + 0.1 ms·n.

Open loop at seeded Poisson arrivals; latency counts from the time at which a request was due.
Batches of up to 32, one worker, no cache; the model sleeps. *10x steps*: 150 requests/s, then
1,500, then 150 again, 1.5 s each; the latency target is 12 ms. *low rate*: 100 requests/s for 4 s.
*saturated*: 12,000 requests/s for 1 s, twice what the model can do at its best.

ADAPTIVE may wait 20 ms and has the latency target in *10x steps* alone. DYNAMIC waits a fixed
20 ms (the same bound), 5 ms, and 0 ms. The last takes whatever waits as soon as the worker is idle,
which no rule beats by much on a single worker, so nothing is to be reached against it. Neither can
a rule help where every batch is full anyway: *saturated* is there to show it.
"""

import random
import time
from collections.abc import Callable
from typing import NamedTuple

from codomyrmex_lab.optimization import BatchingStrategy, InferenceOptimizer, OptimizationConfig
from tests.benchmarks.report import Reach, Row, against, alone
from tests.benchmarks.runner import Samples, in_turn, quantile

N_ROUNDS = 3
TARGET_MS = 12.0
BOUND_MS = 20.0

ADAPTIVE = OptimizationConfig(
    max_batch_size=32,
    batch_timeout_ms=BOUND_MS,
    batching_strategy=BatchingStrategy.ADAPTIVE,
    enable_caching=False,
    num_workers=1,
)
FIXED_TIMEOUTS_MS = (20.0, 5.0, 0.0)


class Outcome(NamedTuple):
    """What one run reached."""

    mean_ms: float
    p99_ms: float
    throughput_rps: float


def rows() -> list[Row]:
    steps = _poisson([(150, 1.5), (1500, 1.5), (150, 1.5)])
    low = _poisson([(100, 4.0)])
    saturated = _poisson([(12_000, 1.0)])
    on_steps = _run_in_turn(steps, ADAPTIVE.replace(latency_target_ms=TARGET_MS))
    on_low = _run_in_turn(low, ADAPTIVE)
    on_saturated = _run_in_turn(saturated, ADAPTIVE)
    return [
        alone(
            "10x steps: p99 under ADAPTIVE",
            "ms",
            _figures(on_steps["ADAPTIVE"], "p99_ms"),
            Reach(at_most=TARGET_MS),
        ),
        *_rows("10x steps: p99", "ms", on_steps, "p99_ms", less_is_better=True),
        *_rows("10x steps: mean latency", "ms", on_steps, "mean_ms", less_is_better=True),
        *_rows("10x steps: throughput", "req/s", on_steps, "throughput_rps"),
        *_rows("low rate: mean latency", "ms", on_low, "mean_ms", less_is_better=True),
        *_rows("low rate: p99", "ms", on_low, "p99_ms", less_is_better=True),
        *_rows("low rate: throughput", "req/s", on_low, "throughput_rps"),
        *_rows("saturated: throughput", "req/s", on_saturated, "throughput_rps"),
        *_rows("saturated: mean latency", "ms", on_saturated, "mean_ms", less_is_better=True),
    ]


def _rows(
    measure: str,
    unit: str,
    outcomes: dict[str, list[Outcome]],
    figure: str,
    *,
    less_is_better: bool = False,
) -> list[Row]:
    """Return a row per DYNAMIC; a fifth less mean latency is to be reached against all but 0 ms."""
    ours = _figures(outcomes["ADAPTIVE"], figure)
    asked = figure == "mean_ms" and not measure.startswith("saturated")
    return [
        against(
            f"{measure}, ADAPTIVE",
            unit,
            ours,
            name,
            _figures(theirs, figure),
            less_is_better=less_is_better,
            reach=Reach(ratio_at_least=1.25) if asked and name != "DYNAMIC 0 ms" else None,
        )
        for name, theirs in outcomes.items()
        if name != "ADAPTIVE"
    ]


def _figures(outcomes: list[Outcome], figure: str) -> Samples:
    return Samples(tuple(getattr(outcome, figure) for outcome in outcomes))


def _run_in_turn(due_s: list[float], adaptive: OptimizationConfig) -> dict[str, list[Outcome]]:
    configs = {"ADAPTIVE": adaptive}
    for timeout_ms in FIXED_TIMEOUTS_MS:
        configs[f"DYNAMIC {timeout_ms:g} ms"] = ADAPTIVE.replace(
            batching_strategy=BatchingStrategy.DYNAMIC, batch_timeout_ms=timeout_ms
        )
    outcomes: dict[str, list[Outcome]] = {name: [] for name in configs}

    def contestant(name: str) -> Callable[[], float]:
        def run() -> float:
            outcome = _replay(due_s, configs[name])
            outcomes[name].append(outcome)
            return outcome.mean_ms

        return run

    in_turn({name: contestant(name) for name in configs}, N_ROUNDS, warm_up=False)
    return outcomes


def _poisson(phases: list[tuple[float, float]]) -> list[float]:
    """Return arrival times in s, for phases of a rate in requests/s and a duration in s."""
    chance = random.Random(0)
    due_s: list[float] = []
    begin_s = 0.0
    for rate_rps, duration_s in phases:
        at_s = begin_s + chance.expovariate(rate_rps)
        while at_s < begin_s + duration_s:
            due_s.append(at_s)
            at_s += chance.expovariate(rate_rps)
        begin_s += duration_s
    return due_s


def _replay(due_s: list[float], config: OptimizationConfig) -> Outcome:
    with InferenceOptimizer(_model, config) as engine:
        origin_ns = time.perf_counter_ns()
        futures = []
        for at_s in due_s:
            due_ns = origin_ns + int(at_s * 1e9)
            while (left_ns := due_ns - time.perf_counter_ns()) > 0:
                time.sleep(left_ns / 1e9)
            futures.append(engine.submit(0, arrival_ns=due_ns))
        latencies_ms = [future.result().latency_ms for future in futures]
        took_s = (time.perf_counter_ns() - origin_ns) / 1e9
    return Outcome(
        sum(latencies_ms) / len(latencies_ms),
        quantile(latencies_ms, 0.99),
        len(latencies_ms) / took_s,
    )


def _model(inputs: list[int]) -> list[int]:
    time.sleep(0.002 + 0.0001 * len(inputs))
    return inputs
