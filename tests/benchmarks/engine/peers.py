"""The batchers that we are compared with, each behind the two calls that the measures need."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from async_batcher.batcher import AsyncBatcher
from batched import BatchProcessor

__all__ = [
    "BlockingAsyncBatcher",
    "OneLock",
    "PlainBatcher",
    "TrivialAsyncBatcher",
    "batched_submit",
]

Processor = Callable[[list[Any]], list[Any]]


class OneLock:
    """The least that can stand for an answer: one lock, on which its one caller sleeps, once.

    It cannot be cancelled, fail, or be waited for with others; a batcher that uses it shows how far
    a thread per caller can be taken at all.
    """

    __slots__ = ("_lock", "_output")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set_result(self, output: Any) -> None:
        """Answer, and wake the caller."""
        self._output = output
        self._lock.release()

    def result(self) -> Any:
        """Return the answer, waiting for it."""
        self._lock.acquire()
        return self._output


class PlainBatcher:
    """What most services write for themselves: a queue, a ``Future`` per item, worker threads.

    Parameters
    ----------
    processor : callable
        Maps inputs to outputs.
    max_batch_size : int
        Largest batch.
    timeout_s : float
        Longest wait for company, from the batch's first item.
    n_workers : int
        Threads.
    make_queue : callable
        ``queue.Queue``, or the quicker ``queue.SimpleQueue``.
    make_future : callable
        ``Future``, or ``OneLock``, which is not a future but shows the least that one can cost.
    """

    def __init__(
        self,
        processor: Processor,
        max_batch_size: int,
        timeout_s: float,
        n_workers: int = 1,
        make_queue: Callable[[], Any] = queue.Queue,
        make_future: Callable[[], Any] = Future,
    ) -> None:
        self._processor = processor
        self._max_batch_size = max_batch_size
        self._timeout_s = timeout_s
        self._queue = make_queue()
        self._make_future = make_future
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(n_workers)]

    def __enter__(self) -> PlainBatcher:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def submit(self, item: Any) -> Any:
        """Queue one item."""
        future = self._make_future()
        self._queue.put((item, future))
        return future

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            goes_on = self._fill(batch)
            outputs = self._processor([item for item, _ in batch])
            for (_, future), output in zip(batch, outputs, strict=True):
                future.set_result(output)
            if not goes_on:
                return

    def _fill(self, batch: list[Any]) -> bool:
        due_s = time.perf_counter() + self._timeout_s
        while len(batch) < self._max_batch_size:
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                left_s = due_s - time.perf_counter()
                if left_s <= 0:
                    return True
                try:
                    entry = self._queue.get(timeout=left_s)
                except queue.Empty:
                    return True
            if entry is None:
                return False
            batch.append(entry)
        return True


def batched_submit(processor: BatchProcessor[Any, Any], item: Any) -> Future[Any]:
    """Submit one item to ``batched`` without waiting, which its public calls all do."""
    return processor._schedule([item])[0].future


class TrivialAsyncBatcher(AsyncBatcher[Any, Any]):
    """``async-batcher`` whose processor returns its inputs, on the event loop itself."""

    async def process_batch(self, batch: list[Any]) -> list[Any]:
        """Return the inputs."""
        return batch


class BlockingAsyncBatcher(AsyncBatcher[Any, Any]):
    """``async-batcher`` with a processor that blocks, and so runs on its executor."""

    def __init__(self, processor: Processor, n_workers: int, **settings: Any) -> None:
        super().__init__(concurrency=n_workers, executor=ThreadPoolExecutor(n_workers), **settings)
        self._processor = processor

    def process_batch(self, batch: list[Any]) -> list[Any]:
        """Call the processor."""
        return self._processor(batch)
