"""The hit ratio of every cache size, against one run of a cache simulator per size.

1,000,000 requests for 100,000 keys, Zipf with exponent 1. Ours: ``miss_ratio_curve`` of the array
of keys, all sizes in one pass, the numbering of the keys included. ``libcachesim``: its LRU cache,
at 20 sizes from 10 to 100,000, fed by its own compiled reader from a binary file in memory's page
cache; opening the file counts, writing it does not. Both give the same hits at each of the 20
sizes, or the measure fails. *A tenth of the keys*: SHARDS, with the largest difference from the
exact curve at these sizes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import libcachesim
import numpy as np

from codomyrmex_lab.simulation import MissRatioCurve, miss_ratio_curve
from codomyrmex_lab.workloads import Zipf
from tests.benchmarks.report import Reach, Row, against, alone
from tests.benchmarks.runner import Samples, in_turn

_N_REQUESTS, _N_KEYS = 1_000_000, 100_000
_SIZES = np.unique(np.geomspace(10, _N_KEYS, 20).astype(int)).tolist()
_RECORD = np.dtype([("time", "<u4"), ("key", "<u8"), ("size", "<u4"), ("next", "<i8")])
_RATE = 0.1


def rows() -> list[Row]:
    keys = Zipf(1.0).sample(_N_REQUESTS, _N_KEYS, np.random.default_rng(0))
    with tempfile.TemporaryDirectory() as folder:
        trace = _written(keys, Path(folder))
        _check(miss_ratio_curve(keys), _hit_ratios(trace))
        timed = in_turn(
            {
                "ours": lambda: _seconds(lambda: miss_ratio_curve(keys)),
                "sampled": lambda: _seconds(lambda: miss_ratio_curve(keys, sampling_rate=_RATE)),
                "libcachesim": lambda: _seconds(lambda: _hit_ratios(trace)),
            },
            n_rounds=3,
        )
    exact = miss_ratio_curve(keys).hit_ratio(_SIZES)
    off = []
    for seed in range(5):
        sampled = miss_ratio_curve(keys, sampling_rate=_RATE, seed=seed)
        off.append(100 * float(np.abs(sampled.hit_ratio(_SIZES) - exact).max()))
    return [
        alone("miss-ratio curve of 1M requests, exact", "s", timed["ours"], Reach(at_most=0.1)),
        against(
            "hit ratio of 1M requests at 20 sizes",
            "s",
            timed["ours"],
            "libcachesim, a run per size",
            timed["libcachesim"],
            less_is_better=True,
            reach=Reach(ratio_at_least=20),
        ),
        alone("miss-ratio curve from a tenth of the keys", "s", timed["sampled"]),
        alone("its largest error at 20 sizes, 5 seeds", "points", Samples(tuple(off))),
    ]


def _written(keys: np.ndarray, folder: Path) -> Path:
    """Write the requests in libcachesim's binary form, each object of size 1."""
    records = np.zeros(len(keys), _RECORD)
    records["time"], records["key"] = np.arange(len(keys)), keys + 1
    records["size"], records["next"] = 1, -1
    path = folder / "requests.oracleGeneral"
    records.tofile(path)
    return path


def _hit_ratios(trace: Path) -> list[float]:
    found = []
    for size in _SIZES:
        reader = libcachesim.open_trace(str(trace), libcachesim.TraceType.ORACLE_GENERAL_TRACE)
        found.append(1 - libcachesim.LRU(size).process_trace(reader))
    return found


def _check(curve: MissRatioCurve, theirs: list[float]) -> None:
    np.testing.assert_allclose(curve.hit_ratio(_SIZES), theirs, atol=1e-6)


def _seconds(run: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    run()
    return time.perf_counter() - began_s
