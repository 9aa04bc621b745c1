"""What one simulated request takes.

The kernel alone, warm, on one core, from arrays to arrays: 20,000 requests per second of 10,000
Zipf-distributed keys through a cache of 1,000, DYNAMIC with batches up to 32 and 2 ms, one worker,
service times with noise. *Reference*: the same in plain Python, out of the engine's own parts, at
100,000 requests. ``simpy``: the same model, each request a process as in its documentation, at
100,000 requests; ``lean simpy``, there for information: one process for all arrivals. The answers
of both are those of the kernel to the ns, or the measure fails. 100,000 requests are over in 2 ms,
so that twenty runs in a row are timed in each round. *Everything on*: three priorities, deadlines,
a bounded queue that sheds, and a time to live.
"""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from codomyrmex_lab.optimization import BatchingStrategy, QueueFullAction
from codomyrmex_lab.simulation.events.kernel import run_kernel
from codomyrmex_lab.simulation.events.plan import Plan, make_plan
from codomyrmex_lab.simulation.events.reference import run_reference
from codomyrmex_lab.simulation.events.traffic import Traffic, make_traffic
from codomyrmex_lab.tracing.columns import NONE
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.request_numbers import TIMEOUT_COLUMN
from tests.benchmarks.report import Reach, Row, against, alone
from tests.benchmarks.runner import in_turn
from tests.benchmarks.simulation.model import CONFIG, profile, workload
from tests.benchmarks.simulation.simpy_model import ArrivalsInOneProcess, ProcessPerRequest

N_REQUESTS = 1_000_000
N_FEW = 100_000
N_IN_A_ROW = 20
N_ROUNDS = 5


def rows() -> list[Row]:
    measured = profile()
    plan = make_plan(measured, CONFIG)
    traffic, few = (make_traffic(workload(n), plan) for n in (N_REQUESTS, N_FEW))
    adaptive = make_plan(measured, CONFIG.replace(batching_strategy=BatchingStrategy.ADAPTIVE))
    demanding = CONFIG.replace(
        max_queue_size=64, queue_full=QueueFullAction.SHED_OLDEST, cache_ttl_s=10.0
    )
    all_on = make_plan(measured, demanding)
    all_on_traffic = make_traffic(_demanding(workload(N_REQUESTS)), all_on)
    for model in (ProcessPerRequest, ArrivalsInOneProcess):
        _check(model(few, plan).run(), few, plan)
    timed = in_turn(
        {
            "kernel": lambda: _each_ns(lambda: run_kernel(traffic, plan), N_REQUESTS),
            "adaptive": lambda: _each_ns(lambda: run_kernel(traffic, adaptive), N_REQUESTS),
            "all on": lambda: _each_ns(lambda: run_kernel(all_on_traffic, all_on), N_REQUESTS),
            "few": lambda: _each_ns(lambda: _in_a_row(few, plan), N_FEW * N_IN_A_ROW),
            "reference": lambda: _each_ns(lambda: run_reference(few, plan, CONFIG), N_FEW),
            "simpy": lambda: _each_ns(lambda: ProcessPerRequest(few, plan).run(), N_FEW),
            "lean simpy": lambda: _each_ns(lambda: ArrivalsInOneProcess(few, plan).run(), N_FEW),
        },
        N_ROUNDS,
    )
    unit = "ns/request"
    peers = {"simpy": Reach(ratio_at_least=300), "lean simpy": None, "reference": None}
    return [
        alone("1M requests, DYNAMIC, cache on", unit, timed["kernel"], Reach(at_most=25)),
        alone("1M requests, ADAPTIVE, cache on", unit, timed["adaptive"]),
        alone("1M requests, DYNAMIC, everything on", unit, timed["all on"]),
        *(
            against(
                "100k requests, DYNAMIC, cache on",
                unit,
                timed["few"],
                peer,
                timed[peer],
                less_is_better=True,
                reach=reach,
            )
            for peer, reach in peers.items()
        ),
    ]


def _check(end_ns, traffic, plan) -> None:
    outcome = run_kernel(traffic, plan)
    ours_ns = np.where(
        outcome.batch == NONE, traffic.arrival_ns, outcome.calls.end_ns[outcome.batch]
    )
    if not np.array_equal(ours_ns, end_ns):
        raise AssertionError("The model for simpy does not agree with the kernel.")


def _demanding(plain: Workload) -> Workload:
    rng = np.random.default_rng(1)
    columns = pd.DataFrame({TIMEOUT_COLUMN: rng.choice([np.nan, 5.0, 50.0], len(plain))})
    priorities = rng.integers(0, 3, len(plain))
    return Workload(plain.arrival_s, plain.keys, plain.payloads, priorities, columns)


def _in_a_row(traffic: Traffic, plan: Plan) -> None:
    for _ in range(N_IN_A_ROW):
        run_kernel(traffic, plan)


def _each_ns(run: Callable[[], object], n_requests: int) -> float:
    began_ns = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - began_ns) / n_requests
