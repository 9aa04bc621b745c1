"""Throughput at saturation, beside the model's own at its best batch size.

The raw model runs full batches in as many threads as the engine has workers, with nothing around
it. The engine always has several full batches waiting: one caller keeps eight batches' requests
outstanding through ``RequestBatcher.submit_async``, waiting for the oldest before it submits more;
timeout 100 ms, which never comes. *sleep*: batches of 64, 2 ms and 20 µs per input, releasing the
GIL, in any number of threads at once. *device*: the same, but one batch at a time, as on an
accelerator that executes in order what was queued; with two workers one batch is prepared while the
other runs. *encoder*: the MiniLM sentence encoder on sentences of the STS test set; *digits*: the
ONNX model in ``data/``, FP32; one thread per model call, and batches of the size at which the raw
model has the highest throughput, of those that take 2 ms or more. *Floor*: the same load on a plain
batcher, with one bare lock in place of each future, which does nothing but queue, collect, call the
model and wake.

Of a sleeping batch's 3.4 ms, 0.06 to 0.11 go into answering 64 callers and collecting the next 64,
with the machine's hour; the floor's do too. An input of the digits model takes 15 to 25 µs, of
which 0.97 would leave 0.5 to 0.8 between two model calls; a thread's wake-up and the memory that
comes from the other core's cache take the floor as much. The digits with two workers carry no mark:
there the raw model has both cores to itself, while engine and floor share them with the thread that
submits, which takes 2 to 3 µs of processor time per request (open_loop).
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from codomyrmex_lab.optimization import RequestBatcher
from codomyrmex_lab.runtimes import OnnxModel
from codomyrmex_lab.runtimes.encoder import SentenceEncoder, read_sentence_pairs
from tests.benchmarks.engine.peers import OneLock, PlainBatcher
from tests.benchmarks.public_data import sentences_at_hand
from tests.benchmarks.report import Reach, Row, against
from tests.benchmarks.runner import in_turn

SLEEPING_BATCH = 64
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SERVICE_AT_LEAST_S = 0.002
RUN_S = 1.0
N_OUTSTANDING_BATCHES = 8
N_ROUNDS = 5
DATA = Path(__file__).resolve().parents[3] / "data"

Model = Callable[[list[Any]], Any]


def rows() -> list[Row]:
    table = [
        *_rows("sleep, 1 worker", sleep_by_size, [0] * SLEEPING_BATCH, 1),
        *_rows("sleep, 2 workers", sleep_by_size, [0] * SLEEPING_BATCH, 2),
        *_rows("device, 2 workers", _Device(), [0] * SLEEPING_BATCH, 2),
    ]
    if sentences := sentences_at_hand():
        with SentenceEncoder() as encoder:
            best = _best_batch(encoder, read_sentence_pairs(sentences).texts)
            table += _rows("encoder, 1 worker", encoder, best, 1)
    pixels = np.loadtxt(DATA / "digits_heldout.csv", delimiter=",", skiprows=1, dtype=np.float32)
    with OnnxModel(DATA / "digits.onnx") as model:
        best = _best_batch(model, [row[: model.inputs[0].shape[-1]] for row in pixels])
        table += [
            *_rows("digits, 1 worker", model, best, 1),
            *_rows("digits, 2 workers", model, best, 2, marked=False),
        ]
    return table


def _best_batch(model: Model, inputs: Sequence[Any]) -> list[Any]:
    """Return the batch with the highest throughput, of those that take 2 ms or more."""
    batches = [list(inputs[:size]) for size in SIZES]
    services_s = [_service_of(model, batch) for batch in batches]
    slow = [pair for pair in zip(services_s, batches, strict=True) if pair[0] >= SERVICE_AT_LEAST_S]
    return min(slow, key=lambda pair: pair[0] / len(pair[1]))[1]


def _service_of(model: Model, batch: list[Any]) -> float:
    """Return the median time that a call takes, in s."""
    model(batch)
    times_s = []
    while sum(times_s) < RUN_S / 4 or len(times_s) < 3:
        began_s = time.perf_counter()
        model(batch)
        times_s.append(time.perf_counter() - began_s)
    return median(times_s)


def _rows(
    name: str, model: Model, inputs: list[Any], n_workers: int, marked: bool = True
) -> list[Row]:
    n_batches = max(
        round(RUN_S * n_workers / _service_of(model, inputs)), 4 * N_OUTSTANDING_BATCHES
    )
    samples = in_turn(
        {
            "engine": lambda: _engine(model, inputs, n_workers, n_batches),
            "the raw model": lambda: _raw(model, inputs, n_workers, n_batches),
            "floor: one lock per request": lambda: _floor(model, inputs, n_workers, n_batches),
        },
        N_ROUNDS,
    )
    engine = samples.pop("engine")
    return [
        against(
            f"saturated: {name}, batches of {len(inputs)}",
            "requests/s",
            engine,
            peer,
            theirs,
            less_is_better=False,
            reach=Reach(ratio_at_least=0.97) if marked and peer == "the raw model" else None,
        )
        for peer, theirs in samples.items()
    ]


def _engine(model: Model, inputs: list[Any], n_workers: int, n_batches: int) -> float:
    with RequestBatcher(len(inputs), 100.0, model, num_workers=n_workers) as batcher:
        return _saturate(batcher.submit_async, inputs, n_batches)


def _floor(model: Model, inputs: list[Any], n_workers: int, n_batches: int) -> float:
    with PlainBatcher(model, len(inputs), 0.1, n_workers, queue.SimpleQueue, OneLock) as batcher:
        return _saturate(batcher.submit, inputs, n_batches)


def _saturate(submit: Callable[[Any], Any], inputs: list[Any], n_batches: int) -> float:
    n_requests = len(inputs) * n_batches
    n_outstanding = len(inputs) * N_OUTSTANDING_BATCHES
    outstanding: deque[Any] = deque()
    began_s = time.perf_counter()
    for index in range(n_requests):
        outstanding.append(submit(inputs[index % len(inputs)]))
        if len(outstanding) >= n_outstanding:
            outstanding.popleft().result()
    while outstanding:
        outstanding.popleft().result()
    return n_requests / (time.perf_counter() - began_s)


def _raw(model: Model, inputs: list[Any], n_threads: int, n_batches: int) -> float:
    def work() -> None:
        for _ in range(n_batches // n_threads):
            model(inputs)

    threads = [threading.Thread(target=work) for _ in range(n_threads)]
    began_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(inputs) * (n_batches // n_threads * n_threads) / (time.perf_counter() - began_s)


def sleep_by_size(inputs: list[Any]) -> list[Any]:
    time.sleep(_service_s(inputs))
    return inputs


class _Device:
    """Executes batches in order; a caller sleeps until its batch is done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy_until_s = 0.0

    def __call__(self, inputs: list[Any]) -> list[Any]:
        with self._lock:
            begin_s = max(time.perf_counter(), self._busy_until_s)
            done_s = self._busy_until_s = begin_s + _service_s(inputs)
        time.sleep(max(done_s - time.perf_counter(), 0.0))
        return inputs


def _service_s(inputs: list[Any]) -> float:
    return 0.002 + 20e-6 * len(inputs)
