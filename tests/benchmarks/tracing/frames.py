"""Time from records to pandas frames, per million requests in batches of 32.

*Ours*: ``recorder.trace()``, its joined frame and its batches, of a million requests. *List of
dataclasses*: ``pandas.DataFrame`` of a fifth as many, times five: it has int64 ticks instead of
times, and no derived columns. *To disk and back*: ``Trace.save``, and ``Trace.open`` to the frame.
"""

import tempfile
import time
from pathlib import Path

import pandas as pd

from codomyrmex_lab.tracing import Trace, TraceRecorder
from tests.benchmarks.report import Reach, Row, against, alone
from tests.benchmarks.runner import in_turn
from tests.benchmarks.tracing.events import make_batches
from tests.benchmarks.tracing.peers import DataclassList

N_REQUESTS = 1_000_000
FEWER = 5
N_ROUNDS = 5


def rows() -> list[Row]:
    recorder, plain = TraceRecorder(), DataclassList()
    for batch in make_batches(N_REQUESTS, 32, keyed=True):
        recorder.on_batch(batch)
        if len(plain.records) < N_REQUESTS // FEWER:
            plain.on_batch(batch)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.parquet"
        samples = in_turn(
            {
                "ours": lambda: _frames(recorder),
                "plain": lambda: _plain_frame(plain),
                "save": lambda: _save(recorder.trace(), path),
                "open": lambda: _open(path),
            },
            N_ROUNDS,
        )
    return [
        against(
            "a million records to frames",
            "s",
            samples["ours"],
            "list of dataclasses",
            samples["plain"],
            less_is_better=True,
            reach=Reach(at_most=0.5),
        ),
        alone("a million records to Parquet", "s", samples["save"]),
        alone("a million records from Parquet to frames", "s", samples["open"]),
    ]


def _frames(recorder: TraceRecorder) -> float:
    began_s = time.perf_counter()
    trace = recorder.trace()
    n_rows = len(trace.frame()) + len(trace.batches)
    took_s = time.perf_counter() - began_s
    if n_rows != N_REQUESTS + N_REQUESTS // 32:
        raise RuntimeError("Records are missing; the figure would mean nothing.")
    return took_s


def _plain_frame(plain: DataclassList) -> float:
    began_s = time.perf_counter()
    pd.DataFrame(plain.records)
    return (time.perf_counter() - began_s) * FEWER


def _save(trace: Trace, path: Path) -> float:
    began_s = time.perf_counter()
    trace.save(path)
    return time.perf_counter() - began_s


def _open(path: Path) -> float:
    began_s = time.perf_counter()
    Trace.open(path).frame()
    return time.perf_counter() - began_s
