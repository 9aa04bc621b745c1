import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.tracing import BatchColumns, RequestColumns, Trace

MS = 1_000_000


def test_figures_of_a_small_trace() -> None:
    requests = RequestColumns.of(
        arrival_ns=np.array([0, 100, 200, 300]) * MS,
        start_ns=np.array([50, 150, 210, 310]) * MS,
        end_ns=np.array([60, 160, 210, 500]) * MS,
        key=[1, 2, 1, 3],
        from_cache=[False, False, True, False],
        batch=[0, 1, -1, 2],
        error=[-1, -1, -1, 0],
    )
    starts = np.array([50, 150, 310]) * MS
    batches = BatchColumns.of(starts, starts + 10 * MS, [2, 1, 3])

    summary = Trace(requests, batches, errors=["ValueError: x"]).summary()

    assert (summary.n_requests, summary.n_errors) == (4, 1)
    assert summary.duration_s == 0.5
    assert summary.throughput_rps == 3 / 0.5
    assert summary.cache_hit_rate == 0.25
    assert summary.mean_batch_size == 2
    assert summary.p50_ms == 60
    assert summary.mean_ms == pytest.approx((60 + 60 + 10) / 3)
    assert summary.intervals["p99_ms"][1] == math.inf


@given(st.lists(st.integers(1, 10**10), min_size=1, max_size=100))
def test_percentiles_are_those_of_the_frame(latency_ns: list[int]) -> None:
    arrival_ns = np.arange(len(latency_ns)) * 1000
    end_ns = arrival_ns + np.array(latency_ns)
    trace = Trace(RequestColumns.of(arrival_ns, arrival_ns, end_ns), BatchColumns.of())

    summary, latency_ms = trace.summary(), trace.results["latency_ms"]

    for percent in (50, 90, 95, 99):
        name = f"p{percent}_ms"
        assert getattr(summary, name) == np.percentile(latency_ms, percent)
        low, high = summary.intervals[name]
        assert low <= high
    assert summary.throughput_rps == pytest.approx(len(latency_ns) / (end_ns.max() / 1e9))


def test_hit_rate_is_zero_where_the_cache_was_never_asked() -> None:
    trace = Trace(RequestColumns.of([0], [1], [2]), BatchColumns.of())

    assert trace.summary().cache_hit_rate == 0


def test_frame_and_html_show_every_figure() -> None:
    arrivals = np.arange(1500) * MS
    trace = Trace(RequestColumns.of(arrivals, arrivals, arrivals + 2 * MS), BatchColumns.of())

    frame, html = trace.summary().frame(), trace.summary()._repr_html_()

    assert frame.loc["p95_ms"].tolist() == [2, 2, 2]
    assert frame.loc["n_requests", "value"] == 1500
    assert np.isnan(frame.loc["mean_ms", "ci_low"])
    assert "1,500" in html
    assert all(name in html for name in frame.index)
