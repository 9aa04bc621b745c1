"""Many threads, and everything that can happen to a request, at once; then the books are balanced.

Every input is a number that no other request has, or one of a few that many have, so that an
output tells whose input it was computed from. Requests without caching may reach the model once at
most; every answer carries the id of its request, which no other answer may carry.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from codomyrmex_lab.errors import DeadlineExceededError, NotRunningError, QueueFullError
from codomyrmex_lab.optimization import (
    BatchingStrategy,
    InferenceOptimizer,
    InferenceResult,
    OptimizationConfig,
    QueueFullAction,
)

__all__ = ["StressRecord", "run_stress"]

Answer = InferenceResult[int]

PATIENCE_S = 60.0
N_OUTSTANDING = 32
N_SHARED_INPUTS = 500
CHAOS_PAUSE_S = 0.01
RESTART_PAUSE_S = 0.0005


@dataclass
class StressRecord:
    """What became of the requests of one run.

    ``lost`` were never answered, ``duplicated`` were computed or answered more than once,
    ``cross_wired`` got the output of another input, ``unexpected`` failed with an error that
    nothing in the run explains. Every other request is in exactly one of the counts before these.
    A request that a stopped engine ``refused`` is sent again until it is accepted.
    """

    answered: int = 0
    model_failed: int = 0
    cancelled: int = 0
    expired: int = 0
    queue_full: int = 0
    lost: int = 0
    duplicated: int = 0
    cross_wired: int = 0
    unexpected: int = 0
    refused: int = 0
    reconfigures: int = 0
    restarts: int = 0
    took_s: float = 0.0
    memory_growth_bytes: int | None = None

    @property
    def n_requests(self) -> int:
        """All that ended in some way."""
        return (
            self.answered
            + self.model_failed
            + self.cancelled
            + self.expired
            + self.queue_full
            + self.lost
            + self.cross_wired
            + self.unexpected
        )

    def add(self, other: StressRecord) -> None:
        """Add the counts of another thread."""
        for field in fields(self):
            if isinstance(getattr(other, field.name), int):
                setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


class ModelFailedError(Exception):
    """The model's own failure, on purpose."""


def run_stress(n_requests: int, n_threads: int, seed: int) -> StressRecord:
    """Send requests from many threads while an engine fails, is reconfigured and restarted.

    Parameters
    ----------
    n_requests : int
        Requests in all, a multiple of ``n_threads``.
    n_threads : int
        Callers.
    seed : int
        Of every random choice; the interleaving is the machine's.

    Returns
    -------
    StressRecord
        The balance.
    """
    model = _Model(n_requests, seed)
    engine = InferenceOptimizer(model, _random_config(random.Random(seed)))
    each = n_requests // n_threads
    ids = bytearray(4 * n_requests)  # those of refused requests are never answered
    callers = [
        _Caller(engine, n_requests, range(index * each, (index + 1) * each), ids, seed + 1 + index)
        for index in range(n_threads)
    ]
    record = StressRecord()
    memory = _MemoryGrowth(callers, n_requests)
    over = threading.Event()
    chaos = threading.Thread(target=_disturb, args=(engine, over, record, memory, seed))
    began_s = time.perf_counter()
    with _no_log():
        engine.start()
        threads = [threading.Thread(target=caller.run) for caller in callers]
        for thread in (*threads, chaos):
            thread.start()
        for thread in threads:
            thread.join()
        over.set()
        chaos.join()
        engine.stop()
    record.took_s = time.perf_counter() - began_s
    record.memory_growth_bytes = memory.growth_bytes()
    for caller in callers:
        record.add(caller.record)
    record.duplicated += sum(max(n - 1, 0) for counts in (model.n_calls, ids) for n in counts)
    return record


class _Model:
    """Maps x to ``_output(x)``; fails now and then; counts how often it saw each unique input."""

    def __init__(self, n_requests: int, seed: int) -> None:
        self.n_calls = bytearray(n_requests)
        self._n_requests = n_requests
        self._random = random.Random(seed)

    def __call__(self, inputs: list[int]) -> list[int]:
        for x in inputs:
            if x < self._n_requests:
                self.n_calls[x] += 1
        if self._random.random() < 0.02:
            raise ModelFailedError
        if self._random.random() < 0.05:
            time.sleep(0.001)
        return [_output(x) for x in inputs]


def _output(x: int) -> int:
    return x * 2_654_435_761 + 1


class _Caller:
    """One thread's share of the requests, a few of them outstanding at any time."""

    def __init__(
        self,
        engine: InferenceOptimizer,
        n_requests: int,
        inputs: range,
        ids: bytearray,
        seed: int,
    ) -> None:
        self.record = StressRecord()
        self.n_done = 0
        self._engine = engine
        self._inputs = inputs
        self._ids = ids
        self._random = random.Random(seed)
        self._first_shared_input = n_requests
        self._outstanding: deque[tuple[int, Future[Answer]]] = deque()

    def run(self) -> None:
        """Send all, and see what becomes of them."""
        for x in self._inputs:
            self._send(x)
            if len(self._outstanding) >= N_OUTSTANDING:
                self._await_oldest()
        while self._outstanding:
            self._await_oldest()

    def _send(self, x: int) -> None:
        draw = self._random.random()
        use_cache = draw < 0.3
        if use_cache:
            x = self._first_shared_input + self._random.randrange(N_SHARED_INPUTS)
        timeout_ms = 50.0 if 0.3 <= draw < 0.33 else None
        priority = self._random.randrange(3)
        other_door = draw > 0.99
        future = self._infer(x) if other_door else self._submit(x, priority, use_cache, timeout_ms)
        if 0.9 <= draw < 0.95:
            future.cancel()
        self._outstanding.append((x, future))

    def _submit(
        self, x: int, priority: int, use_cache: bool, timeout_ms: float | None
    ) -> Future[Answer]:
        while True:
            try:
                return self._engine.submit(
                    x, priority=priority, use_cache=use_cache, timeout_ms=timeout_ms
                )
            except NotRunningError:
                self.record.refused += 1
                time.sleep(RESTART_PAUSE_S)
            except Exception as error:
                failed: Future[Answer] = Future()
                failed.set_exception(error)
                return failed

    def _infer(self, x: int) -> Future[Answer]:
        """Call one of the other front doors; its outcome is judged like all others."""
        future: Future[Answer] = Future()
        draw = self._random.random()
        try:
            if draw < 0.3:
                future.set_result(self._engine.infer(x, use_cache=False))
            elif draw < 0.6:
                future.set_result(asyncio.run(self._engine.ainfer(x, use_cache=False)))
            else:
                future.set_result(self._engine.infer_batch([x], use_cache=False)[0])
        except Exception as error:
            future.set_exception(error)
        return future

    def _await_oldest(self) -> None:
        x, future = self._outstanding.popleft()
        record = self.record
        self.n_done += 1
        try:
            result = future.result(PATIENCE_S)
        except CancelledError:
            record.cancelled += 1
        except ModelFailedError:
            record.model_failed += 1
        except DeadlineExceededError:
            record.expired += 1
        except QueueFullError:
            record.queue_full += 1
        except NotRunningError:
            record.refused += 1
            self._send(x)
        except TimeoutError:
            record.lost += 1
        except Exception:
            record.unexpected += 1
        else:
            self._ids[int(result.request_id)] += 1
            if result.output == _output(x):
                record.answered += 1
            else:
                record.cross_wired += 1


def _disturb(
    engine: InferenceOptimizer,
    over: threading.Event,
    record: StressRecord,
    memory: _MemoryGrowth,
    seed: int,
) -> None:
    """Reconfigure, restart, flush and clear the cache, until all callers are served."""
    chance = random.Random(seed)
    while not over.wait(CHAOS_PAUSE_S * chance.random()):
        memory.look()
        draw = chance.random()
        if draw < 0.05:
            engine.stop()
            engine.start()
            record.restarts += 1
        elif draw < 0.1:
            engine.clear_cache()
        elif draw < 0.2:
            engine.flush()
        else:
            engine.reconfigure(_random_config(chance))
            record.reconfigures += 1


def _random_config(chance: random.Random) -> OptimizationConfig:
    return OptimizationConfig(
        max_batch_size=chance.choice([1, 2, 7, 32, 64]),
        batch_timeout_ms=chance.choice([0.0, 0.5, 2.0]),
        batching_strategy=chance.choice(list(BatchingStrategy)),
        num_workers=chance.randint(1, 4),
        enable_caching=chance.random() < 0.9,
        cache_max_size=chance.choice([1, 50, 1000]),
        max_queue_size=chance.choice([None, None, None, 200, 1000]),
        queue_full=chance.choice(list(QueueFullAction)),
        priority_ageing_ms=chance.choice([1.0, 1000.0]),
        latency_target_ms=chance.choice([None, 5.0]),
    )


class _MemoryGrowth:
    """Resident memory at the end beside that after a fifth of the requests."""

    def __init__(self, callers: list[_Caller], n_requests: int) -> None:
        self._callers = callers
        self._n_warm_up = n_requests // 5
        self._before_bytes: int | None = None

    def look(self) -> None:
        """Note the memory in use, once, when the engine is warm."""
        if self._before_bytes is None and self._n_done() >= self._n_warm_up:
            self._before_bytes = _resident_bytes()

    def growth_bytes(self) -> int | None:
        """Return the growth since then; None where the system does not tell."""
        after_bytes = _resident_bytes()
        if self._before_bytes is None or after_bytes is None:
            return None
        return after_bytes - self._before_bytes

    def _n_done(self) -> int:
        return sum(caller.n_done for caller in self._callers)


def _resident_bytes() -> int | None:
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return None
    return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def _no_log() -> Iterator[None]:
    """Silence the engine, which logs each of the failures that are meant."""
    log = logging.getLogger("codomyrmex_lab")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)
