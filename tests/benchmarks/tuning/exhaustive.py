"""Seconds that ``tune()`` takes to enumerate over 2,000 configs on 100,000 requests, with front,
ranking and sensitivity; and per config.

The space of ``case.py``, on threads, two at once; the kernel is compiled before. Five rounds.
"""

import time

from codomyrmex_lab.tuning import tune
from tests.benchmarks.report import Reach, Row, alone
from tests.benchmarks.runner import in_turn
from tests.benchmarks.tuning.case import service_profile, space, workload

REACH = Reach(at_most=5.0)
N_REQUESTS = 100_000


def rows() -> list[Row]:
    n_configs = len(list(space()))
    warm = workload(1000)
    tune(warm, service_profile(), "p99", space=space(), n_jobs=2, progress=False)
    took_s = in_turn({"ours": _seconds}, 5, warm_up=False)["ours"]
    per_2000 = [value / n_configs * 2000 for value in took_s.values]
    return [
        alone(f"{n_configs:,} configs x 100,000 requests", "s", took_s),
        alone("the same, per 2,000 configs", "s", type(took_s)(tuple(per_2000)), REACH),
    ]


def _seconds() -> float:
    began_s = time.perf_counter()
    tune(
        workload(N_REQUESTS),
        service_profile(),
        "p99",
        "worker_s_per_1k <= 0.55",
        space(),
        n_jobs=2,
        progress=False,
    )
    return time.perf_counter() - began_s
