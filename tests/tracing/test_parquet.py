import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.optimization import OptimizationConfig
from codomyrmex_lab.tracing import BatchColumns, RequestColumns, Trace
from codomyrmex_lab.tracing.columns import MISSING_TICK, REASONS

S = 1_000_000_000
HEADER = b"codomyrmex_lab.trace"


def make_trace(n: int, seed: int = 0, payload: list[str | None] | None = None) -> Trace:
    """A trace of every kind of request, in any order of arrival."""
    rng = np.random.default_rng(seed)
    n_batches = n // 3 + 1
    start_ns = rng.integers(2 * S, 3 * S, n_batches)
    batches = BatchColumns.of(
        start_ns,
        start_ns + rng.integers(1, S, n_batches),
        rng.integers(1, 9, n_batches),
        id=rng.permutation(n_batches) + 100,
        reason=rng.integers(0, len(REASONS), n_batches),
        worker=rng.integers(-1, 4, n_batches),
        error=rng.integers(-1, 2, n_batches),
    )
    batch = np.append(np.arange(n_batches), np.full(n, -1))[:n]  # each batch has a request
    computed = batch >= 0
    served = computed | (rng.random(n) < 0.5)
    arrival_ns = rng.integers(S, 2 * S, n)
    end_ns = np.where(computed, batches.end_ns[batch], arrival_ns + 5)
    requests = RequestColumns.of(
        arrival_ns,
        np.where(served, np.where(computed, batches.start_ns[batch], end_ns), MISSING_TICK),
        end_ns,
        id=rng.permutation(n),
        priority=rng.integers(-5, 5, n),
        key=rng.integers(-(2**63), 2**63 - 1, n),
        has_key=rng.random(n) < 0.5,
        from_cache=served & ~computed,
        joined=computed & (rng.random(n) < 0.2),
        batch=batch,
        error=np.where(served, np.where(computed, batches.error[batch], -1), 2),
        payload=payload,
    )
    errors = ["ValueError: a", "ValueError: b, 'c'\n", "QueueFullError: full"]
    return Trace(requests, batches, errors=errors, metadata={"simulated": False, "speed": 2.0})


def assert_same(one: Trace, other: Trace) -> None:
    pd.testing.assert_frame_equal(
        one.frame().sort_values("id", ignore_index=True),
        other.frame().sort_values("id", ignore_index=True),
    )
    pd.testing.assert_frame_equal(
        one.batches.sort_values("batch_id", ignore_index=True),
        other.batches.sort_values("batch_id", ignore_index=True),
    )
    assert one.origin_ns == other.origin_ns


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(n=st.integers(3, 60), seed=st.integers(0, 100))
def test_saved_trace_comes_back_as_it_was(tmp_path: Path, n: int, seed: int) -> None:
    trace = make_trace(n, seed)

    assert_same(Trace.open(trace.save(tmp_path / "trace.parquet")), trace)


def test_empty_trace_comes_back(tmp_path: Path) -> None:
    empty = make_trace(9).select(np.zeros(9, dtype=np.bool_))

    opened = Trace.open(empty.save(tmp_path / "trace.parquet"))

    assert len(opened) == opened.origin_ns == 0
    assert_same(opened, empty)
    assert np.isnan(opened.summary().p99_ms)


def test_payloads_come_back_where_they_were_recorded(tmp_path: Path) -> None:
    trace = make_trace(4, payload=["a", None, "é\n", ""])

    opened = Trace.open(trace.save(tmp_path / "trace.parquet"))

    assert_same(opened, trace)
    assert set(opened.requests["payload"].dropna()) == {"a", "é\n", ""}
    without = Trace.open(make_trace(4).save(tmp_path / "without.parquet"))
    assert "payload" not in without.frame()


def test_file_says_where_it_comes_from_and_what_its_columns_mean(tmp_path: Path) -> None:
    trace = make_trace(5)
    trace.metadata |= {"config": OptimizationConfig(max_batch_size=8), "model": make_trace}

    path = trace.save(tmp_path / "trace.parquet")

    metadata = Trace.open(path).metadata
    assert metadata["speed"] == 2.0
    assert metadata["config"]["max_batch_size"] == 8
    assert metadata["config"]["batching_strategy"] == "dynamic"
    assert metadata["model"].endswith("test_parquet.make_trace")
    assert set(metadata["host"]) == {"cpu", "n_cores", "system"}
    assert {"python", "numpy", "codomyrmex-lab"} <= set(metadata["versions"])
    schema = pq.read_schema(path)
    assert all(field.metadata[b"description"] for field in schema)


def test_saving_again_keeps_the_machine_of_the_recording(tmp_path: Path) -> None:
    trace = make_trace(5)
    trace.metadata["host"] = {"cpu": "another", "n_cores": 7, "system": "x"}

    path = trace.save(tmp_path / "trace.parquet")

    assert Trace.open(path).metadata["host"]["cpu"] == "another"


def test_only_the_headers_are_read_until_more_is_needed(tmp_path: Path) -> None:
    path = make_trace(30).save(tmp_path / "trace.parquet")
    opened = Trace.open(path)
    path.unlink()

    assert len(opened) == 30
    with pytest.raises(TraceError, match="cannot be read"):
        opened.summary()


def test_some_columns_are_read_without_the_others(tmp_path: Path) -> None:
    trace = make_trace(30)
    path = trace.save(tmp_path / "trace.parquet")
    whole = trace.frame()

    for columns in [["latency_ms"], ["id", "arrival"], ["error", "batch_size"], [*whole.columns]]:
        part = Trace.open(path).frame(columns)
        assert part.columns.tolist() == columns
        pd.testing.assert_frame_equal(part, whole[columns])
        pd.testing.assert_frame_equal(trace.frame(columns), whole[columns])
    with pytest.raises(TraceError, match="no column 'latency'"):
        Trace.open(path).frame(["latency"])


def test_a_stretch_of_time_is_read_alone(tmp_path: Path) -> None:
    trace = make_trace(200)
    path = trace.save(tmp_path / "trace.parquet")

    part = Trace.open(path, since_s=0.25, until_s=0.5)

    arrival_s = trace.requests["arrival"].dt.total_seconds()
    inside = ((arrival_s >= 0.25) & (arrival_s < 0.5)).to_numpy()
    assert 0 < len(part) == inside.sum() < 200
    assert_same(part, trace.select(inside))


def test_folder_of_files_is_one_trace(tmp_path: Path) -> None:
    trace = make_trace(90)
    third = np.arange(90) % 3
    for i in range(3):
        trace.select(third == i).save(tmp_path / f"chunk-{i}.parquet")

    assert_same(Trace.open(tmp_path), trace)


def test_trace_is_not_saved_into_its_own_folder_where_it_would_count_twice(tmp_path: Path) -> None:
    make_trace(3).save(tmp_path / "chunk.parquet")

    with pytest.raises(TraceError, match="is in the trace's own folder"):
        Trace.open(tmp_path).save(tmp_path / "whole.parquet")

    assert len(Trace.open(tmp_path)) == 3
    assert len(Trace.open(Trace.open(tmp_path / "chunk.parquet").save(tmp_path / "b.parquet"))) == 3


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a trace", b"PAR1" + bytes(100) + b"PAR1"])
def test_file_that_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trace.parquet"
    path.write_bytes(content)

    with pytest.raises(TraceError, match=r"trace\.parquet is no readable Parquet file"):
        Trace.open(path)


def test_missing_file_and_folder_without_files_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.parquet"):
        with pytest.raises(TraceError, match="holds no trace"):
            Trace.open(path)


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    path = make_trace(50).save(tmp_path / "trace.parquet")
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(TraceError, match="no readable Parquet"):
        Trace.open(path)


def test_newer_or_foreign_file_is_refused(tmp_path: Path) -> None:
    path = make_trace(5).save(tmp_path / "trace.parquet")
    table = pq.read_table(path)
    header = json.loads(table.schema.metadata[HEADER])

    def rewritten(table: pa.Table, header: object) -> Path:
        changed = tmp_path / "changed.parquet"
        pq.write_table(table.replace_schema_metadata({HEADER: json.dumps(header)}), changed)
        return changed

    with pytest.raises(TraceError, match="format version 2; this release reads versions up to 1"):
        Trace.open(rewritten(table, {**header, "format_version": 2}))
    for foreign in ([], {}, {"format_version": 1}, {"format_version": 1, "metadata": 3}):
        with pytest.raises(TraceError, match="not a trace"):
            Trace.open(rewritten(table, foreign))
    with pytest.raises(TraceError, match="column 'end_ns' is missing"):
        Trace.open(rewritten(table.drop_columns("end_ns"), header))
    texts = table.column("id").cast(pa.string())
    with pytest.raises(TraceError, match="column 'id' is string; expected int64"):
        Trace.open(rewritten(table.set_column(0, "id", texts), header))


def test_folder_that_cannot_be_written_to_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be written: No such file"):
        make_trace(5).save(tmp_path / "nowhere" / "trace.parquet")


def test_two_batches_of_one_id_are_refused(tmp_path: Path) -> None:
    requests = RequestColumns.of([0, 1], [1, 2], [2, 3], batch=[0, 1])
    trace = Trace(requests, BatchColumns.of([1, 2], [2, 3], [1, 1], id=[5, 5]))

    with pytest.raises(TraceError, match="Two batches have one id"):
        trace.save(tmp_path / "trace.parquet")
