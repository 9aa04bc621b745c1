"""What the first answer takes in a fresh process, from its start.

Python's own start, the imports (numba's among them), and one ``simulate_summary`` of 1,000
requests. *Cold*: the kernel is compiled. *From disk*: its machine code is there. *Everything on*:
with a bounded queue, which needs the kernel's other form.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.report import Reach, Row, alone
from tests.benchmarks.runner import Samples

N_ROUNDS = 3
_PROGRAM = """
import runpy
from codomyrmex_lab.simulation import simulate_summary
model = runpy.run_path({model!r})
config = model["CONFIG"].replace(max_queue_size={places})
simulate_summary(model["workload"](model["FEWEST"]), model["profile"](), config)
"""
_MODEL = str(Path(__file__).with_name("model.py"))  # by itself, without the peers of this package


def rows() -> list[Row]:
    cold, warm, cold_all, warm_all = [], [], [], []
    for _ in range(N_ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            cold.append(_seconds(folder, None))
            warm.append(_seconds(folder, None))
            cold_all.append(_seconds(folder, 64))
            warm_all.append(_seconds(folder, 64))
    measures = (
        ("first answer of a process, cold", cold, 5.0),
        ("first answer of a process, from disk", warm, 2.0),
        ("the same with everything on, cold", cold_all, 5.0),
        ("the same with everything on, from disk", warm_all, 2.0),
    )
    return [
        alone(measure, "s", Samples(tuple(values)), Reach(at_most=most))
        for measure, values, most in measures
    ]


def _seconds(folder: str, places: int | None) -> float:
    environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
    began_s = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(model=_MODEL, places=places)],
        env=environment,
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began_s
