"""Memory that a recorded request takes, by ``tracemalloc``, with everything that it drags along.

A batch is a record of its own, so that a request in a batch of one takes two. The bound holds per
record; the rows give bytes per request.
"""

import gc
import tracemalloc
from typing import Any

from codomyrmex_lab.tracing import TraceRecorder
from tests.benchmarks.report import Reach, Row, against
from tests.benchmarks.runner import Samples
from tests.benchmarks.tracing.events import make_batches
from tests.benchmarks.tracing.peers import DataclassList

N_REQUESTS = 100_000
MOST_PER_RECORD = 64


def rows() -> list[Row]:
    table = []
    for size in (32, 1):
        reach = Reach(at_most=MOST_PER_RECORD * (1 + 1 / size))
        table.append(
            against(
                f"memory, batches of {size}",
                "bytes/request",
                _bytes_per_request(TraceRecorder(), size),
                "list of dataclasses",
                _bytes_per_request(DataclassList(), size),
                less_is_better=True,
                reach=reach,
            )
        )
    return table


def _bytes_per_request(recorder: Any, size: int) -> Samples:
    batches = make_batches(N_REQUESTS, size, keyed=True)
    gc.collect()
    tracemalloc.start()
    try:
        for batch in batches:
            recorder.on_batch(batch)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return Samples((grown / N_REQUESTS,))
