"""Conversions: how long they take, from the cache too, and what disturbs them.

*Conversion*: each variant of each model three times, where there is none yet, with the start of the
process that converts. *From the cache*: the same again by a new model; 0 s, because nothing is
converted.
*At once*: two processes convert the digits to INT8 into one empty folder. *Killed*: the process
that converts and all its children are killed 0.2 to 1.4 s after the start; a file that is there
afterwards must be whole, and the next process must find or make the variant.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import onnx

from codomyrmex_lab.runtimes.onnx_variant import VariantFile
from tests.benchmarks.quantization.subjects import (
    REPOSITORY,
    WAYS,
    Subject,
    Way,
    open_way,
    subjects,
)
from tests.benchmarks.report import Reach, Row, alone
from tests.benchmarks.runner import Samples

N_ROUNDS = 3
LONGEST_S = 5.0
KILLED_AFTER_S = (0.2, 0.5, 0.8, 1.1, 1.4)
CONVERT = """
import sys
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import OnnxModel
OnnxModel(sys.argv[1], cache_dir=sys.argv[2], progress=False).variant(QuantizationType.INT8)
"""


def rows() -> list[Row]:
    table = [row for subject in subjects() for row in _conversions(subject)]
    return [*table, _at_once(), _killed()]


def _conversions(subject: Subject) -> list[Row]:
    table = []
    with tempfile.TemporaryDirectory() as folder:
        for way in WAYS[1:]:
            cold_s, cached_s = [], []
            for _ in range(N_ROUNDS):
                converted = _converted(subject, way, Path(folder))
                cold_s.append(converted.conversion_s)
                cached_s.append(_converted(subject, way, Path(folder)).conversion_s)
                converted.path.unlink()
            for what, took_s, longest_s in (
                ("conversion", cold_s, LONGEST_S),
                ("conversion, from cache", cached_s, 0.0),
            ):
                measure = f"{subject.name}, {what}: {way.name}"
                table.append(alone(measure, "s", Samples(tuple(took_s)), Reach(at_most=longest_s)))
    return table


def _converted(subject: Subject, way: Way, folder: Path) -> VariantFile:
    with open_way(subject, way, folder) as model:
        file: VariantFile = model.variant(way.quantization).file
    return file


def _at_once() -> Row:
    with tempfile.TemporaryDirectory() as folder:
        processes = [_start(folder) for _ in range(2)]
        succeeded = sum(process.wait() == 0 for process in processes)
        succeeded *= all(_is_whole(path) for path in Path(folder).glob("*.onnx"))
    samples = Samples((float(succeeded),))
    return alone(
        "processes converting one file at once: succeeded", "of 2", samples, Reach(at_least=2.0)
    )


def _killed() -> Row:
    n_broken = 0
    for after_s in KILLED_AFTER_S:
        with tempfile.TemporaryDirectory() as folder:
            process = _start(folder)
            time.sleep(after_s)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            n_broken += not all(_is_whole(path) for path in Path(folder).glob("*.onnx"))
            n_broken += _start(folder).wait() != 0
    measure = f"broken files after {len(KILLED_AFTER_S)} killed conversions"
    return alone(measure, "", Samples((float(n_broken),)), Reach(at_most=0.0))


def _start(folder: str) -> subprocess.Popen[bytes]:
    digits = REPOSITORY / "data" / "digits.onnx"
    return subprocess.Popen(
        [sys.executable, "-c", CONVERT, str(digits), folder], start_new_session=True
    )


def _is_whole(path: Path) -> bool:
    try:
        onnx.checker.check_model(path)
    except (ValueError, onnx.checker.ValidationError):
        return False
    return True
