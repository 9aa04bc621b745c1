"""One intra-op thread per worker against several, on one shared session.

As many callers as cores run batches of 8 (MiniLM, INT8) or 32 (digits, FP32) for half a second;
inputs answered per second. *Ours*: one intra-op thread per call, the default.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import Machine
from tests.benchmarks.quantization.subjects import WAYS, Subject, Way, open_way, subjects
from tests.benchmarks.report import Row, against
from tests.benchmarks.runner import in_turn

N_ROUNDS = 7
DURATION_S = 0.5
MEASURED = {"digits": ("FP32", 32), "MiniLM": ("INT8 dynamic, per channel", 8)}


def rows() -> list[Row]:
    return [row for subject in subjects() for row in _rows(subject)]


def _rows(subject: Subject) -> list[Row]:
    name, batch_size = MEASURED[subject.name]
    (way,) = [way for way in WAYS if way.name == name]
    n_cores = Machine.here(()).n_cores
    batch = list(subject.payloads[:batch_size])
    with tempfile.TemporaryDirectory() as folder:
        one, several = (_opened(subject, way, folder, n) for n in (1, n_cores))
        samples = in_turn(
            {
                "ours": lambda: _rate(one, batch, n_cores),
                f"{n_cores} intra-op threads, {n_cores} callers": lambda: _rate(
                    several, batch, n_cores
                ),
                f"{n_cores} intra-op threads, 1 caller": lambda: _rate(several, batch, 1),
                "1 intra-op thread, 1 caller": lambda: _rate(one, batch, 1),
            },
            N_ROUNDS,
        )
    ours = samples.pop("ours")
    measure = f"{subject.name} {name}, 1 intra-op thread, {n_cores} callers"
    return [
        against(measure, "inputs/s", ours, peer, theirs, less_is_better=False)
        for peer, theirs in samples.items()
    ]


def _opened(subject: Subject, way: Way, folder: str, intra_op_threads: int) -> Any:
    model = open_way(subject, way, Path(folder), intra_op_threads=intra_op_threads)
    return model.variant(way.quantization)


def _rate(function: Any, batch: list[Any], n_callers: int) -> float:
    n_calls = [0] * n_callers
    began_s = time.perf_counter()

    def call(index: int) -> None:
        while time.perf_counter() - began_s < DURATION_S:
            function(batch)
            n_calls[index] += 1

    callers = [threading.Thread(target=call, args=(index,)) for index in range(n_callers)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return sum(n_calls) * len(batch) / (time.perf_counter() - began_s)
