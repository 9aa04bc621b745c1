"""Time that ``recorder.window(seconds)`` takes while 20,000 requests per second pass.

A thread submits 20 requests every ms to a running engine (batches of at most 64, 2 workers, a model
of 1 ms; half the inputs repeat and hit the cache); another asks for the window ten times a second.
Wall-clock time of the calls, so waiting for the GIL is in it: the median and the longest. *The
first call* comes after six seconds of traffic and works out all that the later ones know already.
"""

import threading
import time
from typing import Any

from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.tracing import TraceRecorder
from tests.benchmarks.report import Reach, Row, alone
from tests.benchmarks.runner import Samples

RATE_RPS = 20_000
CONFIG = OptimizationConfig(max_batch_size=64, batch_timeout_ms=5, num_workers=2)
N_CALLS = 40
REACH = Reach(at_most=5.0)


def rows() -> list[Row]:
    recorder = TraceRecorder()
    stop = threading.Event()
    with InferenceOptimizer(_sleep, CONFIG, observer=recorder) as engine:
        driver = threading.Thread(target=_drive, args=(engine, stop))
        driver.start()
        try:
            stop.wait(6)
            first_ms = _timed(recorder, 1.0)
            took_ms = {seconds: _ask(recorder, seconds, stop) for seconds in (1.0, 5.0)}
            rate_rps = recorder.window(5.0).throughput_rps
        finally:
            stop.set()
            driver.join()
    table = [alone("window: traffic while it was asked for", "requests/s", Samples((rate_rps,)))]
    table.append(alone("window of 1 s, the first call", "ms", Samples((first_ms,))))
    for seconds, values in took_ms.items():
        calls = Samples(tuple(values))
        table.append(alone(f"window of {seconds:g} s, each call", "ms", calls, REACH))
        longest = Samples((max(values),))
        table.append(alone(f"window of {seconds:g} s, the longest call", "ms", longest, REACH))
    return table


def _ask(recorder: TraceRecorder, seconds: float, stop: threading.Event) -> list[float]:
    took_ms = []
    for _ in range(N_CALLS):
        stop.wait(0.1)
        took_ms.append(_timed(recorder, seconds))
    return took_ms


def _timed(recorder: TraceRecorder, seconds: float) -> float:
    began_s = time.perf_counter()
    recorder.window(seconds)
    return (time.perf_counter() - began_s) * 1e3


def _drive(engine: InferenceOptimizer, stop: threading.Event) -> None:
    began_s, number = time.perf_counter(), 0
    while not stop.is_set():
        due = int((time.perf_counter() - began_s) * RATE_RPS)
        for _ in range(due - number):
            engine.submit(number // 2 if number % 2 else number)
            number += 1
        time.sleep(0.001)


def _sleep(inputs: list[Any]) -> list[Any]:
    time.sleep(0.001)
    return inputs
