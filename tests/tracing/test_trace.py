import numpy as np
import pandas as pd
import pytest

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.tracing import BatchColumns, RequestColumns, Trace
from codomyrmex_lab.tracing.columns import MISSING_TICK

MS = 1_000_000


@pytest.fixture
def trace() -> Trace:
    """Two batches, a hit, a request that joined, one that failed and one that was not served."""
    requests = RequestColumns.of(
        arrival_ns=np.array([0, 1, 2, 3, 4, 5]) * MS + 77,
        start_ns=np.append(np.array([2, 2, 3, 10, 10]) * MS + 77, MISSING_TICK),
        end_ns=np.array([8, 8, 3, 12, 12, 9]) * MS + 77,
        key=[1, 2, 1, 3, 3, 0],
        has_key=[True, True, True, True, True, False],
        from_cache=[False, False, True, False, False, False],
        joined=[False, False, False, False, True, False],
        batch=[0, 0, -1, 1, 1, -1],
        error=[-1, -1, -1, 0, 0, 1],
    )
    batches = BatchColumns.of(
        start_ns=np.array([2, 10]) * MS + 77,
        end_ns=np.array([8, 12]) * MS + 77,
        size=[2, 1],
        id=[20, 21],
        reason=[0, 3],
        worker=[1, 0],
        error=[-1, 0],
    )
    return Trace(requests, batches, errors=("ValueError: x", "DrainTimeoutError: y"))


def test_frames_have_their_documented_types(trace: Trace) -> None:
    assert trace.requests.dtypes.astype(str).to_dict() == {
        "id": "int64",
        "arrival": "timedelta64[ns]",
        "priority": "int32",
        "key": "Int64",
    }
    assert trace.results.dtypes.astype(str).to_dict() == {
        "id": "int64",
        "start": "timedelta64[ns]",
        "end": "timedelta64[ns]",
        "latency_ms": "float64",
        "queue_ms": "float64",
        "service_ms": "float64",
        "from_cache": "bool",
        "joined": "bool",
        "batch_size": "Int64",
        "batch_id": "Int64",
        "error": "string",
    }
    assert trace.batches.dtypes.astype(str).to_dict() == {
        "batch_id": "int64",
        "start": "timedelta64[ns]",
        "end": "timedelta64[ns]",
        "size": "int32",
        "reason": "category",
        "worker": "int32",
        "service_ms": "float64",
        "error": "string",
    }


def test_other_arrivals_change_order_and_latency_and_no_end(trace: Trace) -> None:
    arrival_ns = trace.origin_ns + np.arange(len(trace), 0, -1) * 1_000

    other = trace.with_arrivals(arrival_ns)

    assert other.origin_ns == trace.origin_ns + 1_000
    assert other.requests["id"].tolist() == trace.requests["id"].tolist()[::-1]
    ends = [one.results["end"] + pd.Timedelta(one.origin_ns) for one in (trace, other)]
    assert ends[1].tolist() == ends[0].tolist()[::-1]
    in_ms = (other.results["end"] - other.requests["arrival"]) / pd.Timedelta("1ms")
    assert other.results["latency_ms"].tolist() == pytest.approx(in_ms.tolist())


def test_empty_trace_has_the_same_types_and_figures_without_value(trace: Trace) -> None:
    empty = trace.select(np.zeros(len(trace), dtype=np.bool_))

    assert len(empty) == len(empty.frame()) == len(empty.batches) == empty.origin_ns == 0
    assert (empty.frame().dtypes == trace.frame().dtypes).all()
    assert (empty.batches.dtypes == trace.batches.dtypes).all()
    summary = empty.summary()
    assert (summary.n_requests, summary.throughput_rps, summary.cache_hit_rate) == (0, 0, 0)
    assert np.isnan(summary.p99_ms)
    assert empty.over_time().empty
    assert "0 requests" in repr(empty)


def test_frame_joins_requests_and_results(trace: Trace) -> None:
    joined = trace.requests.merge(trace.results, on="id", validate="one_to_one")

    pd.testing.assert_frame_equal(trace.frame(), joined)


def test_times_count_from_the_first_arrival(trace: Trace) -> None:
    frame = trace.frame()

    assert frame["arrival"].iloc[0] == pd.Timedelta(0)
    assert frame["end"].iloc[0] == pd.Timedelta(8, "ms")
    assert frame["start"].isna().tolist() == [False] * 5 + [True]
    assert trace.batches["start"].tolist() == [pd.Timedelta(2, "ms"), pd.Timedelta(10, "ms")]


def test_missing_values_are_missing(trace: Trace) -> None:
    frame = trace.frame()

    assert frame["key"].isna().tolist() == [False] * 5 + [True]
    assert frame["batch_id"].isna().tolist() == [False, False, True, False, False, True]
    assert frame["batch_size"].dropna().tolist() == [2, 2, 1, 1]
    assert frame["error"].isna().tolist() == [True, True, True, False, False, False]
    assert frame["latency_ms"].notna().all()
    assert frame["queue_ms"].isna().tolist() == [False] * 5 + [True]


def test_selection_keeps_the_batches_of_its_requests(trace: Trace) -> None:
    some = trace.select(trace.requests["id"].isin([2, 3, 5]).to_numpy())

    assert some.requests["id"].tolist() == [2, 3, 5]
    assert some.batches["batch_id"].tolist() == [21]
    assert some.results["batch_id"].astype(object).tolist()[1] == 21
    assert some.requests["arrival"].iloc[0] == pd.Timedelta(0)
    assert some.results["error"].tolist()[1:] == ["ValueError: x", "DrainTimeoutError: y"]
    assert some.results["latency_ms"].tolist() == [1, 9, 4]


def test_requests_are_sorted_by_arrival() -> None:
    trace = Trace(RequestColumns.of([5, 3, 5, 1], [6] * 4, [7] * 4), BatchColumns.of())

    assert trace.requests["id"].tolist() == [3, 1, 0, 2]


def test_repr_says_what_it_holds(trace: Trace) -> None:
    assert repr(trace) == "<Trace, measured: 6 requests in 2 batches, 3 errors, 0.012 s>"
    trace.metadata["simulated"] = True
    assert "simulated" in repr(trace)


@pytest.mark.parametrize("column", ["batch", "error"])
def test_reference_to_nothing_is_refused(column: str) -> None:
    requests = RequestColumns.of([0], [1], [2], **{column: [0]})

    with pytest.raises(TraceError, match=f"'{column}' refers to row 0 of 0"):
        Trace(requests, BatchColumns.of())


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(TraceError, match="'end_ns'"):
        RequestColumns.of([0, 1], [1, 2], [2])
    with pytest.raises(TraceError, match="'size'"):
        BatchColumns.of([0, 1], [1, 2])
