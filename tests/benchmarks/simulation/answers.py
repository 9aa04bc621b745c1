"""What one movement of a slider takes.

``simulate_columns`` with its summary, confidence intervals included, and the data of the
distribution, of a workload that was simulated before; each round moves the batch timeout. *The
trace*: ``simulate`` and the frame of all requests. Model and settings as for ``kernel``.
"""

import itertools
import time

from codomyrmex_lab.simulation import simulate, simulate_columns
from tests.benchmarks.report import Reach, Row, alone
from tests.benchmarks.runner import in_turn
from tests.benchmarks.simulation.model import CONFIG, profile, workload

N_ROUNDS = 11


def rows() -> list[Row]:
    measured = profile()
    timeouts_ms = itertools.cycle([1.0, 1.5, 2.0, 2.5, 3.0])
    few, many = workload(100_000), workload(1_000_000)

    def moved(requests) -> float:
        began_s = time.perf_counter()
        config = CONFIG.replace(batch_timeout_ms=next(timeouts_ms))
        simulated = simulate_columns(requests, measured, config)
        simulated.summary()
        simulated.distribution()
        return (time.perf_counter() - began_s) * 1e3

    def traced() -> float:
        began_s = time.perf_counter()
        simulate(few, measured, CONFIG).frame()
        return (time.perf_counter() - began_s) * 1e3

    timed = in_turn(
        {"few": lambda: moved(few), "many": lambda: moved(many), "trace": traced}, N_ROUNDS
    )
    return [
        alone("slider movement, 100k requests", "ms", timed["few"], Reach(at_most=10)),
        alone("slider movement, 1M requests", "ms", timed["many"], Reach(at_most=80)),
        alone("trace and frame, 100k requests", "ms", timed["trace"]),
    ]
