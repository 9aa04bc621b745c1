"""Throughput at saturation, beside the model's own at its best batch size.

The raw model runs full batches of 64 in as many threads as the engine has workers, with nothing
around it. The engine always has several full batches waiting: one caller keeps 512 requests
outstanding through ``RequestBatcher.submit_async``, waiting for the oldest before it submits more;
timeout 100 ms, which never comes. *sleep*: 2 ms and 20 µs per input, releasing the GIL, in any
number of threads at once. *device*: the same, but one batch at a time, as on an accelerator that
executes in order; with two workers one batch is prepared while the other runs, and the raw model
is called from one thread. *digits*: the ONNX model in ``data/``, FP32, one thread per model call; a
batch of 64 takes 2-3 ms. *Floor*: the same load on a plain batcher, with one bare lock in place
of each future, which does nothing but queue, collect, call the model and wake.

Where it falls short the floor does too, or all but does: of 3.4 ms per batch, 0.11 go into
answering 64 callers and collecting the next 64. With two workers and the digits, the raw model has
both cores to itself; engine and floor share them with the thread that submits.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from codomyrmex_lab.optimization import RequestBatcher
from codomyrmex_lab.runtimes import OnnxModel
from tests.benchmarks.engine.peers import OneLock, PlainBatcher
from tests.benchmarks.report import Reach, Row, against
from tests.benchmarks.runner import in_turn

BATCH = 64
N_BATCHES = 300
N_OUTSTANDING = 512
N_ROUNDS = 5
DATA = Path(__file__).resolve().parents[3] / "data"

Model = Callable[[list[Any]], Any]


def rows() -> list[Row]:
    device = _OneAtATime(sleep_by_size)
    table = [
        *_rows("sleep, 1 worker", sleep_by_size, [0] * BATCH, 1),
        *_rows("sleep, 2 workers", sleep_by_size, [0] * BATCH, 2),
        *_rows("device, 2 workers", device, [0] * BATCH, 2, n_raw_threads=1),
    ]
    pixels = np.loadtxt(DATA / "digits_heldout.csv", delimiter=",", skiprows=1, dtype=np.float32)
    with OnnxModel(DATA / "digits.onnx") as model:
        payloads = [row[: model.inputs[0].shape[-1]] for row in pixels[:BATCH]]
        table += [
            *_rows("digits, 1 worker", model, payloads, 1),
            *_rows("digits, 2 workers", model, payloads, 2),
        ]
    return table


def _rows(
    name: str, model: Model, inputs: list[Any], n_workers: int, n_raw_threads: int | None = None
) -> list[Row]:
    samples = in_turn(
        {
            "engine": lambda: _engine(model, inputs, n_workers),
            "the raw model": lambda: _raw(model, inputs, n_raw_threads or n_workers),
            "floor: one lock per request": lambda: _floor(model, inputs, n_workers),
        },
        N_ROUNDS,
    )
    engine = samples.pop("engine")
    return [
        against(
            f"saturated: {name}",
            "requests/s",
            engine,
            peer,
            theirs,
            less_is_better=False,
            reach=Reach(ratio_at_least=0.97) if peer == "the raw model" else None,
        )
        for peer, theirs in samples.items()
    ]


def _engine(model: Model, inputs: list[Any], n_workers: int) -> float:
    with RequestBatcher(BATCH, 100.0, model, num_workers=n_workers) as batcher:
        return _saturate(batcher.submit_async, inputs)


def _floor(model: Model, inputs: list[Any], n_workers: int) -> float:
    with PlainBatcher(model, BATCH, 0.1, n_workers, queue.SimpleQueue, OneLock) as batcher:
        return _saturate(batcher.submit, inputs)


def _saturate(submit: Callable[[Any], Any], inputs: list[Any]) -> float:
    n_requests = BATCH * N_BATCHES
    outstanding: deque[Any] = deque()
    began_s = time.perf_counter()
    for index in range(n_requests):
        outstanding.append(submit(inputs[index % BATCH]))
        if len(outstanding) >= N_OUTSTANDING:
            outstanding.popleft().result()
    while outstanding:
        outstanding.popleft().result()
    return n_requests / (time.perf_counter() - began_s)


def _raw(model: Model, inputs: list[Any], n_threads: int) -> float:
    def work() -> None:
        for _ in range(N_BATCHES // n_threads):
            model(inputs)

    threads = [threading.Thread(target=work) for _ in range(n_threads)]
    began_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return BATCH * N_BATCHES / (time.perf_counter() - began_s)


def sleep_by_size(inputs: list[Any]) -> list[Any]:
    time.sleep(0.002 + 20e-6 * len(inputs))
    return inputs


class _OneAtATime:
    def __init__(self, model: Model) -> None:
        self._model = model
        self._lock = threading.Lock()

    def __call__(self, inputs: list[Any]) -> Any:
        with self._lock:
            return self._model(inputs)
