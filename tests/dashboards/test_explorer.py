"""The trace explorer: its numbers are those of the frames behind it."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codomyrmex_lab.dashboards import TraceExplorer
from codomyrmex_lab.dashboards.page import PointerDrag
from codomyrmex_lab.errors import ConfigFileError, TraceError
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.tracing.columns import BatchColumns, RequestColumns
from tests.dashboards.conftest import WAIT_S
from tests.plots.traces import MS, build_trace


def mixed_trace() -> Trace:
    """300 requests, 10 ms apart: three priorities; each third from the cache; some that failed."""
    n = 300
    arrival = np.arange(n) * 10 * MS
    hit = np.arange(n) % 3 == 0
    latency = np.where(hit, 1, 5 + np.arange(n) // 10) * MS
    error = np.where(np.arange(n) % 50 == 1, 0, -1)
    batch = np.where(hit, -1, np.cumsum(~hit) - 1)
    start = arrival + latency // 2
    ran = ~hit
    return Trace(
        RequestColumns.of(
            arrival, start, arrival + latency, key=np.arange(n), from_cache=hit, batch=batch,
            error=error, priority=np.arange(n) % 2,
        ),
        BatchColumns.of(start[ran], (arrival + latency)[ran], 1 + np.arange(ran.sum()) % 8,
                        error=error[ran]),
        errors=["ValueError: no"],
    )  # fmt: skip


@pytest.fixture
def explorer(opened: Any) -> TraceExplorer:
    return answered(opened(TraceExplorer(mixed_trace())))


def answered(explorer: TraceExplorer) -> TraceExplorer:
    assert explorer.wait(WAIT_S)
    return explorer


def test_it_begins_with_all_requests(explorer: TraceExplorer) -> None:
    assert len(explorer.selected) == 300
    assert explorer.status == "300 of 300 requests selected."
    summary = explorer.trace.summary()
    assert f"{summary.p95_ms:.3g} ms" in explorer.words.value


def test_a_span_of_time_is_brushed(explorer: TraceExplorer) -> None:
    explorer.filters.time.value = (1.0, 2.0)
    answered(explorer)
    arrival_s = explorer.trace.requests["arrival"].dt.total_seconds()
    assert len(explorer.selected) == int(((arrival_s >= 1) & (arrival_s <= 2)).sum()) == 101
    assert f"{explorer.selected.summary().p99_ms:.3g} ms" in explorer.words.value


def test_each_filter_selects_what_it_says(explorer: TraceExplorer) -> None:
    frame = explorer.trace.frame()
    explorer.filters.priority.value = 1
    answered(explorer)
    assert len(explorer.selected) == int((frame["priority"] == 1).sum())
    explorer.filters.reset()
    for name, rows in {
        "from the cache": frame["from_cache"],
        "failed": frame["error"].notna(),
        "computed": ~frame["from_cache"] & frame["error"].isna(),
        "shared a computation": frame["joined"],
    }.items():
        explorer.filters.answered.value = name
        answered(explorer)
        assert len(explorer.selected) == int(rows.sum()), name
    explorer.filters.reset()
    explorer.filters.batch_size.value = (3, 5)
    answered(explorer)
    assert set(explorer.selected.results["batch_size"]) == {3, 4, 5}
    explorer.filters.reset_button.click()
    answered(explorer)
    assert len(explorer.selected) == 300


def test_an_empty_selection_is_survived(explorer: TraceExplorer) -> None:
    explorer.filters.answered.value = "shared a computation"
    answered(explorer)
    assert explorer.status == "0 of 300 requests selected."


def test_the_slowest_requests_are_listed_with_their_batches(explorer: TraceExplorer) -> None:
    slowest = explorer.trace.frame().nlargest(10, "latency_ms")
    for record in slowest.to_dict("records"):
        assert f">{record['id']}<" in explorer.table.value
        assert f">{record['latency_ms']:.4g}<" in explorer.table.value
    assert ">full<" in explorer.table.value


def test_the_pointer_brushes_and_a_click_takes_the_brush_back(explorer: TraceExplorer) -> None:
    explorer.page.pointer.value = "0.15 0.25 0.3 0.25 1"
    answered(explorer)
    low, high = explorer.filters.time.value
    assert 0 < low < high < explorer.filters.time.max
    assert explorer._drawn.time_s(0.15, 0.75) == pytest.approx(low, abs=explorer.filters.time.step)
    explorer.page.pointer.value = "0.2 0.25 0.2 0.25 2"
    answered(explorer)
    assert explorer.filters.time.value == (explorer.filters.time.min, explorer.filters.time.max)


def test_a_drag_elsewhere_selects_nothing(explorer: TraceExplorer) -> None:
    explorer._on_drag(PointerDrag(0.6, 0.2, 0.9, 0.2))
    explorer.page.pointer.value = "nonsense"
    assert explorer.filters.time.value == (explorer.filters.time.min, explorer.filters.time.max)


def test_two_traces_are_compared(opened: Any) -> None:
    rng = np.random.default_rng(0)
    slow, quick = (build_trace((scale * rng.gamma(2, 1, 400)).tolist()) for scale in (10, 1))
    explorer = answered(opened(TraceExplorer(slow, quick)))
    assert "Selected against the other trace" in explorer.comparison.value
    assert ">differs<" in explorer.comparison.value


def test_its_filters_are_saved_and_restored(explorer: TraceExplorer, tmp_path: Path) -> None:
    explorer.filters.time.value = (0.5, 1.5)
    explorer.filters.priority.value = 1
    path = explorer.save(tmp_path / "filters.json")
    explorer.filters.reset()
    explorer.restore(path)
    assert explorer.filters.priority.value == 1
    assert explorer.filters.time.value == pytest.approx((0.5, 1.5), abs=explorer.filters.time.step)
    path.write_text(path.read_text().replace('"all"', '"none of these"'))
    with pytest.raises(ConfigFileError, match="do not fit this trace"):
        explorer.restore(path)


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        (42, "trace is an int; expected a Trace"),
        (pd.DataFrame({"latency_ms": [1.0]}), "trace is a DataFrame; expected a Trace"),
        (build_trace([]), "holds nothing to explore"),
    ],
    ids=["number", "frame", "empty"],
)
def test_what_holds_no_request_is_refused(trace: Any, words: str) -> None:
    with pytest.raises(TraceError, match=words):
        TraceExplorer(trace)
    with pytest.raises(TraceError, match=words):
        TraceExplorer(mixed_trace(), trace)


def test_close_frees_its_thread() -> None:
    before = set(threading.enumerate())
    explorer = TraceExplorer(mixed_trace())
    explorer.close()
    assert set(threading.enumerate()) <= before
    explorer.close()
