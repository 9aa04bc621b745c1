"""64 callers that each send their next request when the last is answered.

*Timeout 2 ms*: the processor returns its inputs; batches of up to 64 wait at most 2 ms, one worker.
*Service 2 ms*: the processor sleeps 2 ms per batch, a wait that takes no lock and releases the GIL;
64 callers can then have no more than 64 answers in 2 ms, 32,000 a second, whatever serves them. The
best peers come to two thirds of that on threads and to more than four fifths on asyncio, so that
1.5 and 1.2 times as much is all there is, or more: these rows have no mark to reach.
Settings there are those at which each contestant was quickest in a scan of 1 to 32 workers,
batches of up to 64, 32, 16, 8, 4, 2 and timeouts of 0 to 20 ms, and are written with the rows (w:
workers, b: largest batch, t: timeout in ms).

Threads call ``submit_async(...).result()`` of ``RequestBatcher``, the same of the plain batcher and
the blocking call of ``batched`` (always one worker). On asyncio, ``InferenceOptimizer.ainfer``
without caching runs against ``async-batcher``, whose processor is on an executor where it blocks
and a coroutine on the loop, which is quicker for it, where it does not.

*Plain SimpleQueue*: the plain batcher on a queue that is written in C, which few who write one
take; it has no mark either. *Floor*: that batcher with one bare lock in place of each future. It
has nothing left that could be left out but the wake-up of one thread for each request, by the
operating system, all at once; ours wakes two, of which each wakes one more.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from batched import BatchProcessor

from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig, RequestBatcher
from tests.benchmarks.engine.peers import (
    BlockingAsyncBatcher,
    OneLock,
    PlainBatcher,
    Processor,
    TrivialAsyncBatcher,
)
from tests.benchmarks.report import Reach, Row, against
from tests.benchmarks.runner import Samples, in_turn

N_CLIENTS = 64
N_REQUESTS_EACH = 300
BATCH = 64
FLOOR = "floor: one lock per request"
QUICKER = "plain SimpleQueue"
SERVICE_S = 0.002
N_ROUNDS = 7


def rows() -> list[Row]:
    return [
        *_compare("64 threads, timeout 2 ms", _threads_with_timeout(), 1.5),
        *_compare("64 threads, service 2 ms", _threads_with_service(), None),
        *_compare("64 asyncio clients, timeout 2 ms", _tasks_with_timeout(), 1.2),
        *_compare("64 asyncio clients, service 2 ms", _tasks_with_service(), None),
    ]


def _compare(
    measure: str, contestants: dict[str, Callable[[], float]], ratio: float | None
) -> list[Row]:
    """Return a row per peer; the first contestant is ours, and the best peer has the mark."""
    samples = in_turn(contestants, N_ROUNDS)
    ours_name = next(iter(samples))
    ours: Samples = samples.pop(ours_name)
    peers = [name for name in samples if name != FLOOR and not name.startswith(QUICKER)]
    best = max(peers, key=lambda name: samples[name].median)
    return [
        against(
            measure if ours_name == "ours" else f"{measure} (ours: {ours_name})",
            "requests/s",
            ours,
            f"{name}, the best" if name == best else name,
            theirs,
            less_is_better=False,
            reach=Reach(ratio_at_least=ratio) if ratio and name == best else None,
        )
        for name, theirs in samples.items()
    ]


def _threads_with_service() -> dict[str, Callable[[], float]]:
    return {
        "w4 b64 t0": lambda: ours_threads(sleep_2_ms, 4, 0.0),
        "plain Queue w4 b64 t0": lambda: plain_threads(sleep_2_ms, 4, 0.0, queue.Queue),
        "plain SimpleQueue w4 b64 t0": lambda: plain_threads(sleep_2_ms, 4, 0.0, queue.SimpleQueue),
        "batched b64 t2": lambda: batched_threads(sleep_2_ms, 2.0),
        FLOOR: lambda: plain_threads(sleep_2_ms, 4, 0.0, queue.SimpleQueue, OneLock),
    }


def _threads_with_timeout() -> dict[str, Callable[[], float]]:
    return {
        "ours": lambda: ours_threads(identity, 1, 2.0),
        "plain Queue": lambda: plain_threads(identity, 1, 2.0, queue.Queue),
        "plain SimpleQueue": lambda: plain_threads(identity, 1, 2.0, queue.SimpleQueue),
        "batched": lambda: batched_threads(identity, 2.0),
        FLOOR: lambda: plain_threads(identity, 1, 2.0, queue.SimpleQueue, OneLock),
    }


def _tasks_with_service() -> dict[str, Callable[[], float]]:
    return {
        "w8 b8 t0": lambda: ours_tasks(sleep_2_ms, 8, 0.0, 8),
        "async-batcher w4 b16 t0.5": lambda: async_batcher_tasks(sleep_2_ms, 4, 0.5, 16),
    }


def _tasks_with_timeout() -> dict[str, Callable[[], float]]:
    return {
        "ours": lambda: ours_tasks(identity, 1, 2.0),
        "async-batcher": lambda: async_batcher_tasks(None, 1, 2.0),
    }


def ours_threads(processor: Processor, n_workers: int, timeout_ms: float) -> float:
    batcher: RequestBatcher[Any] = RequestBatcher(
        BATCH, timeout_ms, processor, num_workers=n_workers
    )
    with batcher:
        return _threads(lambda item: batcher.submit_async(item).result())


def plain_threads(
    processor: Processor,
    n_workers: int,
    timeout_ms: float,
    make_queue: Callable[[], Any],
    make_future: Callable[[], Any] = Future,
) -> float:
    with PlainBatcher(
        processor, BATCH, timeout_ms / 1e3, n_workers, make_queue, make_future
    ) as batcher:
        return _threads(lambda item: batcher.submit(item).result())


def batched_threads(processor: Processor, timeout_ms: float) -> float:
    batched = BatchProcessor(processor, batch_size=BATCH, timeout_ms=timeout_ms)
    batched.start()
    try:
        return _threads(batched)
    finally:
        batched.shutdown()


def ours_tasks(
    processor: Processor, n_workers: int, timeout_ms: float, batch: int = BATCH
) -> float:
    config = OptimizationConfig(
        max_batch_size=batch,
        batch_timeout_ms=timeout_ms,
        num_workers=n_workers,
        enable_caching=False,
    )

    async def run() -> float:
        with InferenceOptimizer(processor, config) as engine:

            async def infer(item: int) -> int:
                return (await engine.ainfer(item)).output  # type: ignore[no-any-return]

            return await _tasks(infer)

    return asyncio.run(run())


def async_batcher_tasks(
    processor: Processor | None, n_workers: int, timeout_ms: float, batch: int = BATCH
) -> float:
    async def run() -> float:
        settings: dict[str, Any] = {"max_batch_size": batch, "max_queue_time": timeout_ms / 1e3}
        batcher = (
            TrivialAsyncBatcher(concurrency=n_workers, **settings)
            if processor is None
            else BlockingAsyncBatcher(processor, n_workers, **settings)
        )
        rate = await _tasks(batcher.process)
        await batcher.stop(force=True)
        if batcher.executor is not None:
            batcher.executor.shutdown()
        return rate

    return asyncio.run(run())


def _threads(call: Callable[[int], int]) -> float:
    """Return the requests per second of 64 threads."""
    ready = threading.Barrier(N_CLIENTS + 1)
    wrong: list[int] = []

    def client(first: int) -> None:
        ready.wait()
        for item in range(first, first + N_REQUESTS_EACH):
            if call(item) != item:
                wrong.append(item)

    threads = [
        threading.Thread(target=client, args=(index * N_REQUESTS_EACH,))
        for index in range(N_CLIENTS)
    ]
    for thread in threads:
        thread.start()
    ready.wait()
    began_s = time.perf_counter()
    for thread in threads:
        thread.join()
    took_s = time.perf_counter() - began_s
    _check(wrong)
    return N_CLIENTS * N_REQUESTS_EACH / took_s


async def _tasks(call: Callable[[int], Awaitable[int]]) -> float:
    """Return the requests per second of 64 tasks."""
    wrong: list[int] = []

    async def client(first: int) -> None:
        for item in range(first, first + N_REQUESTS_EACH):
            if await call(item) != item:
                wrong.append(item)

    began_s = time.perf_counter()
    await asyncio.gather(*[client(index * N_REQUESTS_EACH) for index in range(N_CLIENTS)])
    took_s = time.perf_counter() - began_s
    _check(wrong)
    return N_CLIENTS * N_REQUESTS_EACH / took_s


def sleep_2_ms(inputs: list[Any]) -> list[Any]:
    time.sleep(SERVICE_S)
    return inputs


def identity(inputs: list[Any]) -> list[Any]:
    return inputs


def _check(wrong: list[int]) -> None:
    if wrong:
        raise RuntimeError(f"{len(wrong)} answers are wrong; the figure would mean nothing.")
