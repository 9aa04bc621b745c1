"""200,000 requests, submitted one by one as fast as one caller can, until all are answered.

The processor returns its inputs; batches of 32, one worker, 5 ms timeout for all that have one.
Ours: ``RequestBatcher.submit_async`` under DYNAMIC. Plain: a ``concurrent.futures.Future`` per
item through ``queue.Queue``, and through the quicker ``queue.SimpleQueue``. ``batched``: one
``_schedule`` per request, because its public calls all wait for the answer. ``async-batcher``: its
processor is a coroutine on the event loop (quicker for it than an executor), one task per request.
"""

import asyncio
import gc
import queue
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from batched import BatchProcessor

from codomyrmex_lab.optimization import RequestBatcher
from tests.benchmarks.engine.peers import PlainBatcher, TrivialAsyncBatcher, batched_submit
from tests.benchmarks.report import Reach, Row, against, alone
from tests.benchmarks.runner import in_turn

N_REQUESTS = 200_000
BATCH = 32
TIMEOUT_MS = 5.0
N_ROUNDS = 5


def rows() -> list[Row]:
    samples = in_turn(
        {
            "ours": _ours,
            "plain (queue.Queue)": lambda: _plain(queue.Queue),
            "plain (SimpleQueue)": lambda: _plain(queue.SimpleQueue),
            "batched": _batched,
            "async-batcher": _async_batcher,
        },
        N_ROUNDS,
    )
    ours = samples.pop("ours")
    best = min(samples, key=lambda name: samples[name].median)
    measure, unit = "200k open-loop submits", "µs/request"
    table = [alone(measure, unit, ours, Reach(at_most=4.0))]
    for name, theirs in samples.items():
        reach = Reach(ratio_at_least=4.0) if name == best else None
        peer = f"{name}, the best" if name == best else name
        table.append(against(measure, unit, ours, peer, theirs, less_is_better=True, reach=reach))
    return table


def _ours() -> float:
    batcher: RequestBatcher[int] = RequestBatcher(BATCH, TIMEOUT_MS, _identity)
    with batcher:
        return _microseconds_per_request(batcher.submit_async)


def _plain(make_queue: Callable[[], Any]) -> float:
    with PlainBatcher(_identity, BATCH, TIMEOUT_MS / 1e3, make_queue=make_queue) as batcher:
        return _microseconds_per_request(batcher.submit)


def _batched() -> float:
    processor = BatchProcessor(_identity, batch_size=BATCH, timeout_ms=TIMEOUT_MS)
    processor.start()
    try:
        return _microseconds_per_request(lambda item: batched_submit(processor, item))
    finally:
        processor.shutdown()


def _async_batcher() -> float:
    async def run() -> float:
        batcher = TrivialAsyncBatcher(max_batch_size=BATCH, max_queue_time=TIMEOUT_MS / 1e3)
        began_s = time.perf_counter()
        outputs = await asyncio.gather(*[batcher.process(item) for item in range(N_REQUESTS)])
        took_s = time.perf_counter() - began_s
        await batcher.stop(force=True)
        _check(outputs)
        return took_s / N_REQUESTS * 1e6

    return asyncio.run(run())


def _microseconds_per_request(submit: Callable[[int], Future[Any]]) -> float:
    gc.collect()
    began_s = time.perf_counter()
    futures = [submit(item) for item in range(N_REQUESTS)]
    outputs = [future.result() for future in futures]
    took_s = time.perf_counter() - began_s
    _check(outputs)
    return took_s / N_REQUESTS * 1e6


def _identity(inputs: list[Any]) -> list[Any]:
    return inputs


def _check(outputs: list[Any]) -> None:
    if outputs != list(range(N_REQUESTS)):
        raise RuntimeError("An answer is wrong; the figure would mean nothing.")
