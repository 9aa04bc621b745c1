import numpy as np
import pytest

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing import breakdown, slowest

from .traces import queue_trace, trace_of


def test_shares_follow_the_tail() -> None:
    queue_ms = np.append(np.zeros(90), np.full(10, 30.0))

    table = breakdown(trace_of(np.arange(100), queue_ms, np.full(100, 10.0)))

    assert table.index.tolist() == ["mean", "p50", "p95", "p99"]
    assert table["latency_ms"].tolist() == [13, 10, 40, 40]
    assert table["queue_share"].tolist() == pytest.approx([3 / 13, 0, 0.75, 0.75])
    assert table["n_requests"].tolist() == [100, 2, 2, 2]


def test_parts_add_up_and_percentiles_are_close_to_those_of_the_summary() -> None:
    trace = queue_trace(10_000, 0.7, seed=1)

    table, summary = breakdown(trace), trace.summary()

    assert np.allclose(table["queue_ms"] + table["service_ms"], table["latency_ms"])
    assert table.loc["p95", "latency_ms"] == pytest.approx(summary.p95_ms, rel=0.02)
    assert table.loc["mean", "latency_ms"] == pytest.approx(summary.mean_ms)
    assert table.loc["p99", "queue_share"] > table.loc["p50", "queue_share"]


def test_empty_trace_has_no_shares() -> None:
    table = breakdown(trace_of([], [], []))

    assert table["latency_ms"].isna().all()
    assert (table["n_requests"] == 0).all()
    assert slowest(trace_of([], [], [])).empty


def test_slowest_come_with_their_batch_mates() -> None:
    trace = trace_of([0, 1, 2, 3], [9, 8, 7, 1], [5, 5, 5, 1], batch=[0, 0, 0, 1])

    table = slowest(trace, 2)

    assert table["slowest_id"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["id"].tolist() == [0, 1, 2, 1, 0, 2]
    assert table["latency_ms"].iloc[[0, 3]].tolist() == [14, 13]


def test_settings_outside_their_range_are_refused() -> None:
    with pytest.raises(SettingError, match="n is 0"):
        slowest(queue_trace(10, 0.5, 1), 0)
    with pytest.raises(SettingError, match="percent is 100"):
        breakdown(queue_trace(10, 0.5, 1), [100])
