"""The live screen: frames per second, what it takes from the engine, and silence.

An engine answers 5,000 requests per second, half of them from its cache, with the screen and
without it, in turn. Then a closed loop of 32 clients asks for all that the engine can give, again
with and without.
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable

from codomyrmex_lab.dashboards import LiveDashboard
from codomyrmex_lab.dashboards.paced_load import PacedLoad
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.workloads import Workload, run_closed_loop
from tests.benchmarks.report import Reach, Row, alone
from tests.benchmarks.runner import Samples, in_turn

CONFIG = OptimizationConfig(batch_timeout_ms=2.0, cache_max_size=2_000, num_workers=2)
RUN_S = 5.0
REACH = Reach(at_least=95.0)


def rows() -> list[Row]:
    workload = Workload.poisson(5_000, 20_000, n_keys=20_000, seed=0)
    frames_per_s: list[float] = []
    offered = in_turn(
        {
            "with": lambda: _offered_rps(workload, frames_per_s),
            "without": lambda: _offered_rps(workload, None),
        },
        5,
    )
    saturated = in_turn(
        {
            "with": lambda: _saturated_rps(workload, screen=True),
            "without": lambda: _saturated_rps(workload, screen=False),
        },
        5,
    )
    threads_left, idle_share = _paused_and_closed(workload)
    return [
        alone(
            "frames per second at 5,000 requests/s",
            "frames/s",
            Samples(tuple(frames_per_s)),
            Reach(at_least=5.0),
        ),
        _ratio("throughput at 5,000 offered: with the screen against without", offered, REACH),
        _ratio("throughput of 32 closed-loop clients: with against without", saturated, None),
        alone("processor time of a paused screen", "%", Samples((idle_share,)), Reach(at_most=0.5)),
        alone("threads left by a closed screen", "threads", _count(threads_left), Reach(at_most=0)),
    ]


def _ratio(measure: str, found: dict[str, Samples], reach: Reach | None) -> Row:
    pairs = zip(found["with"].values, found["without"].values, strict=True)
    shares = Samples(tuple(100 * one / other for one, other in pairs))
    return alone(measure, "%", shares, reach)


def _count(n: int) -> Samples:
    return Samples((float(n),))


def _model(inputs: list[int]) -> list[int]:
    time.sleep(0.0005 + 0.00002 * len(inputs))  # as a device would, without the interpreter lock
    return inputs


def _offered_rps(workload: Workload, frames_per_s: list[float] | None) -> float:
    with InferenceOptimizer(_model, CONFIG) as engine:
        if frames_per_s is None:
            load = PacedLoad(engine, workload, print)
            load.start()
            rate = _answered_per_s(engine, lambda: time.sleep(RUN_S))
            load.close()
            return rate
        screen = LiveDashboard(engine, workload)
        screen.start()
        before, began_s = screen.n_frames, time.perf_counter()
        rate = _answered_per_s(engine, lambda: time.sleep(RUN_S))
        frames_per_s.append((screen.n_frames - before) / (time.perf_counter() - began_s))
        screen.close()
        return rate


def _saturated_rps(workload: Workload, *, screen: bool) -> float:
    with InferenceOptimizer(_model, CONFIG) as engine:
        shown = LiveDashboard(engine) if screen else None
        rate = _answered_per_s(
            engine,
            lambda: run_closed_loop(
                engine, workload, n_clients=32, duration_s=RUN_S, progress=False
            ),
        )
        if shown is not None:
            shown.close()
        return rate


def _answered_per_s(engine: InferenceOptimizer, during: Callable[[], object]) -> float:
    before, began_s = engine.stats.total_requests, time.perf_counter()
    during()
    return (engine.stats.total_requests - before) / (time.perf_counter() - began_s)


def _paused_and_closed(workload: Workload) -> tuple[int, float]:
    threads = set(threading.enumerate())
    engine = InferenceOptimizer(_model, CONFIG)
    screen = LiveDashboard(engine, workload)
    screen.start()
    time.sleep(RUN_S)
    screen.pause()
    engine.stop()
    time.sleep(1)
    began, began_s = _processor_s(), time.perf_counter()
    time.sleep(3)
    idle_share = 100 * (_processor_s() - began) / (time.perf_counter() - began_s)
    screen.close()
    return len(set(threading.enumerate()) - threads), idle_share


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
