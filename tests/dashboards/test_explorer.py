"""The trace explorer: its numbers are those of the frames behind it."""

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codomyrmex_lab.dashboards import TraceExplorer
from codomyrmex_lab.dashboards.page import PointerDrag
from codomyrmex_lab.dashboards.trace_filters import time_positions
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
    explorer.page.pointer.value = "0.15|0.25|0.3|0.25|1"
    answered(explorer)
    low, high = explorer.filters.time.value
    assert 0 < low < high < explorer.filters.time.max
    assert explorer._drawn.time_s(0.15, 0.75) == pytest.approx(low, abs=explorer.filters.time.step)
    explorer.page.pointer.value = "0.2|0.25|0.2|0.25|2"
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
    assert "brackets hold 95% intervals" in explorer.comparison.value


def test_an_interval_that_too_few_requests_bound_is_said_in_words(opened: Any) -> None:
    few, many = build_trace([1.0, 2.0, 3.0, 9.0]), build_trace([float(n) for n in range(400)])
    explorer = answered(opened(TraceExplorer(few, many)))
    assert "no lower bound" in explorer.comparison.value
    assert "inf" not in explorer.comparison.value
    explorer.filters.answered.value = "failed"
    answered(explorer)
    assert "too few requests to bound it" in explorer.comparison.value
    assert "nan" not in explorer.comparison.value


def test_its_filters_are_saved_and_restored(explorer: TraceExplorer, tmp_path: Path) -> None:
    explorer.filters.time.value = (0.5, 1.5)
    explorer.filters.priority.value = 1
    path = explorer.save(tmp_path / "filters.json")
    explorer.filters.reset()
    explorer.restore(path)
    assert explorer.filters.priority.value == 1
    assert explorer.filters.time.value == pytest.approx((0.5, 1.5), abs=explorer.filters.time.step)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("time_s", [float("nan"), 1], r"two ascending numbers around a part of .* 0 to 2\.99"),
        ("time_s", ["nan", 1], "two ascending numbers"),
        ("time_s", [0.1], "two ascending numbers"),
        ("time_s", 7, "two ascending numbers"),
        ("time_s", [0.5, 0.1], "two ascending numbers"),
        ("time_s", [4.0, 6.0], "two ascending numbers"),
        ("priority", 77, "'all', 0 or 1"),
        ("priority", True, "'all', 0 or 1"),
        ("priority", None, "'all', 0 or 1"),
        ("answered", "nope", "'all', 'computed'"),
        ("answered", ["all"], "'all', 'computed'"),
        ("batch_size", [9, 20], "two ascending whole numbers around a part of .* 0 to 8"),
        ("batch_size", [1.5, 2], "two ascending whole numbers"),
        ("batch_size", [False, True], "two ascending whole numbers"),
    ],
)
def test_filters_that_do_not_fit_are_refused_and_change_nothing(
    explorer: TraceExplorer, tmp_path: Path, name: str, value: Any, expected: str
) -> None:
    before = explorer.state
    path = explorer.save(tmp_path / "filters.json")
    others = {"time_s": [0.5, 1.5], "priority": 1, "answered": "computed", "batch_size": [2, 3]}
    path.write_text(json.dumps({**json.loads(path.read_text()), **others, name: value}))
    with pytest.raises(ConfigFileError, match=rf"{name} is .*; expected {expected}") as refused:
        explorer.restore(path)
    assert repr(json.loads(json.dumps(value))) in str(refused.value)
    assert explorer.state == before


def test_filters_that_are_not_there_are_refused(explorer: TraceExplorer, tmp_path: Path) -> None:
    path = tmp_path / "filters.json"
    path.write_text('{"screen": "explorer", "format_version": 1}')
    with pytest.raises(ConfigFileError, match="priority is None; expected"):
        explorer.restore(path)
    path.write_text('{"screen": "live", "format_version": 1}')
    with pytest.raises(ConfigFileError, match="screen is 'live'; expected 'explorer'"):
        explorer.restore(path)


def test_filters_of_a_longer_trace_select_what_they_say_of_this_one(
    explorer: TraceExplorer, tmp_path: Path
) -> None:
    path = explorer.save(tmp_path / "filters.json")
    wider = {"time_s": [2.0, 9.0], "batch_size": [7, 64]}
    path.write_text(json.dumps({**json.loads(path.read_text()), **wider}))
    explorer.restore(path)
    answered(explorer)
    frame = explorer.trace.frame()
    late = frame["arrival"].dt.total_seconds() >= 2.0
    assert len(explorer.selected) == int((late & (frame["batch_size"] >= 7)).sum()) > 0


def test_a_brushed_span_has_few_digits(explorer: TraceExplorer) -> None:
    explorer.filters.brush(1 / 3, 2 / 3)
    assert explorer.filters.time.value == (0.33, 0.67)
    explorer.filters.reset()
    assert explorer.filters.span_s is None
    assert len(answered(explorer).selected) == 300


@pytest.mark.parametrize("end_s", [0.0, 4e-6, 0.03, 1.9876543210987654, 4.97, 86_399.5])
def test_the_time_slider_has_round_positions_that_hold_the_whole_trace(end_s: float) -> None:
    step, last = time_positions(end_s)
    assert end_s <= last <= max(end_s, 1e-6) + step
    assert 400 < last / step < 1_100
    assert len(f"{last:.9g}") < 9


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
