"""1,000,000 requests from 16 threads while everything happens to them at once.

``tests/optimization/stress.py`` describes the run: random model failures, cancelled requests,
deadlines, full queues, all three strategies, reconfigured every few ms, stopped and started again,
with and without the cache. None may be lost, duplicated, cross-wired or fail for a reason that the
run does not explain. Memory is what the process grew from a fifth of the requests to the end.
"""

from tests.benchmarks.report import Reach, Row, alone
from tests.benchmarks.runner import Samples
from tests.optimization.stress import run_stress

N_REQUESTS = 1_000_000
N_THREADS = 16
SEED = 20


def rows() -> list[Row]:
    record = run_stress(N_REQUESTS, N_THREADS, SEED)
    measure = f"stress, {N_REQUESTS:,} requests from {N_THREADS} threads"
    table = [
        _row(f"{measure}: ended in some way", "requests", record.n_requests),
        _row(f"{measure}: answered right", "requests", record.answered),
        _row(f"{measure}: reconfigured", "times", record.reconfigures),
        _row(f"{measure}: stopped and started", "times", record.restarts),
        _row(f"{measure}: rate", "requests/s", record.n_requests / record.took_s),
    ]
    none = Reach(at_most=0)
    for name in ("lost", "duplicated", "cross_wired", "unexpected"):
        words = name.replace("_", "-")
        table.append(_row(f"{measure}: {words}", "requests", getattr(record, name), none))
    if record.memory_growth_bytes is not None:
        growth_mb = record.memory_growth_bytes / 1e6
        table.append(_row(f"{measure}: memory growth", "MB", growth_mb, Reach(at_most=32.0)))
    return table


def _row(measure: str, unit: str, value: float, reach: Reach | None = None) -> Row:
    return alone(measure, unit, Samples((float(value),)), reach)
