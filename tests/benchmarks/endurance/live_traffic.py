"""Half an hour of live traffic before a browser: what kernel and page hold at its end.

The live screen in JupyterLab on an engine that answers 5,000 requests per second, half of them from
its cache. Two minutes after the start all of the screen's last seconds are filled; what is there
then is compared with what is there 30 minutes later, after a garbage collection of the page.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import CDPSession, Page

from tests.benchmarks.report import Reach, Row, alone
from tests.benchmarks.runner import Samples
from tests.benchmarks.screens.page import notebook_in_lab

FILL_S, RUN_S = 120.0, 1_800.0
_CELL = """
import json, threading, time
from pathlib import Path
import codomyrmex_lab as lab

def model(inputs):
    time.sleep(0.0005 + 0.00002 * len(inputs))
    return inputs

def note():
    pages = int(open("/proc/self/statm").read().split()[1])
    now = {"resident_mb": pages * 4096 / 1e6, "answered": engine.stats.total_requests}
    Path("kernel.json").write_text(json.dumps(now))
    later = threading.Timer(5.0, note)
    later.daemon = True
    later.start()

engine = lab.InferenceOptimizer(
    model, lab.OptimizationConfig(batch_timeout_ms=2.0, cache_max_size=2_000, num_workers=2)
)
live = lab.LiveDashboard(engine, lab.Workload.poisson(5_000, 20_000, n_keys=20_000, seed=0))
note()
live.start()
live
"""


@dataclass(frozen=True, slots=True)
class _Held:
    resident_mb: float
    answered: float
    nodes: float
    heap_mb: float


def rows() -> list[Row]:
    with notebook_in_lab([_CELL]) as (page, folder):
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        page.wait_for_timeout(FILL_S * 1e3)
        before = _held(page, session, folder / "kernel.json")
        page.wait_for_timeout(RUN_S * 1e3)
        after = _held(page, session, folder / "kernel.json")
    rate = (after.answered - before.answered) / RUN_S
    return [
        _row("half an hour of live traffic: answered", "requests/s", rate, None),
        _row(
            "half an hour of live traffic: growth of the kernel",
            "MB",
            after.resident_mb - before.resident_mb,
            Reach(at_most=16.0),
        ),
        _row(
            "half an hour of live traffic: growth of the page's nodes",
            "%",
            100 * (after.nodes / before.nodes - 1),
            Reach(at_most=5.0),
        ),
        _row(
            "half an hour of live traffic: growth of the page's heap",
            "%",
            100 * (after.heap_mb / before.heap_mb - 1),
            Reach(at_most=5.0),
        ),
    ]


def _held(page: Page, session: CDPSession, kernel: Path) -> _Held:
    session.send("HeapProfiler.collectGarbage")
    page.wait_for_timeout(1_000)
    session.send("HeapProfiler.collectGarbage")
    metrics = {
        one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]
    }
    noted = json.loads(kernel.read_text(encoding="utf-8"))
    return _Held(
        noted["resident_mb"], noted["answered"], metrics["Nodes"], metrics["JSHeapUsedSize"] / 1e6
    )


def _row(measure: str, unit: str, value: float, reach: Reach | None) -> Row:
    return alone(measure, unit, Samples((value,)), reach)
