from pathlib import Path

import pandas as pd
import pytest

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.tracing import TraceRecorder, write_csv

from .conftest import MakeRequest
from .traces import trace_of


def test_times_are_exact_seconds_and_missing_values_are_empty(
    tmp_path: Path, make_request: MakeRequest
) -> None:
    recorder = TraceRecorder()
    recorder.on_cache_hit(7, 0, "key", 0, 10_000_000_000_000_001)
    recorder.on_unserved(make_request(8, 5), 9, ValueError('a, "b"'))

    table = pd.read_csv(write_csv(recorder.trace(), tmp_path / "trace.csv"), dtype=str)

    assert table["end_s"].tolist() == ["10000000.000000001", "0.000000009"]
    assert table["arrival_s"].tolist() == ["0.000000000", "0.000000005"]
    assert table["start_s"].isna().tolist() == [False, True]
    assert table["error"].tolist()[1] == 'ValueError: a, "b"'
    assert table["batch_id"].isna().all()


def test_unwritable_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be written"):
        write_csv(trace_of([0], [0], [1]), tmp_path / "nowhere" / "trace.csv")
