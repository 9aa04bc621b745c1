import json
import re
from pathlib import Path
from typing import Any

import pytest

from codomyrmex_lab.errors import SettingError, WorkloadError
from codomyrmex_lab.workloads import Workload


def written(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "file.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def finished(sent_ns: object, **metrics: float) -> dict[str, Any]:
    return {
        "metadata": {"conversation_id": "c", "request_start_ns": sent_ns, "was_cancelled": False},
        "metrics": {name: {"value": value, "unit": "ms"} for name, value in metrics.items()},
        "error": None,
    }


def test_schedule_in_milliseconds_with_blocks(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        [
            {"timestamp": 0, "input_length": 1200, "output_length": 52, "hash_ids": [0, 1]},
            {"timestamp": 105, "input_length": 1800, "output_length": 26, "hash_ids": [0, 3]},
        ],
    )

    workload = Workload.from_load_tool_jsonl(path)

    assert workload.arrival_s.tolist() == [0, 0.105]
    assert workload.payloads == ([0, 1], [0, 3])
    assert workload.columns.columns.tolist() == ["input_length", "output_length"]


def test_schedule_in_seconds_without_content(tmp_path: Path) -> None:
    rows = [{"timestamp": 10.5, "input_length": 5}, {"timestamp": 12, "input_length": 5}]

    workload = Workload.from_load_tool_jsonl(written(tmp_path, rows), time_unit="s")

    assert workload.arrival_s.tolist() == [0, 1.5]
    assert workload.n_keys == 2


@pytest.mark.parametrize("field", ["messages", "text_input", "input_text", "text", "prompt"])
def test_input_is_key_and_payload(tmp_path: Path, field: str) -> None:
    content = [{"role": "user", "content": "hi"}] if field == "messages" else "hi"
    rows = [{"timestamp": at, field: content, "hash_ids": [at]} for at in (0, 5)]

    workload = Workload.from_load_tool_jsonl(written(tmp_path, rows))

    assert workload.payloads == (content, content)
    assert workload.n_keys == 1


def test_finished_requests_are_sorted_by_when_they_were_sent(tmp_path: Path) -> None:
    start_ns = 1_759_813_207_532_900_363
    rows = [
        finished(start_ns + 1_000_001, request_latency=3.5),
        {**finished(start_ns), "metrics": None},
        finished(start_ns + 500, request_latency=2.5, output_token_count=9),
    ]

    workload = Workload.from_load_tool_jsonl(written(tmp_path, rows))

    assert workload.arrival_s.tolist() == [0, 5e-7, 0.001000001]
    assert workload.columns["request_latency"].iloc[1:].tolist() == [2.5, 3.5]
    assert workload.columns["request_latency"].isna().tolist() == [True, False, False]
    assert workload.columns["conversation_id"].tolist() == ["c"] * 3
    assert workload.n_keys == 3


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"timestamp": 0}, {"delay": 5}], "line 2, column 'timestamp': arrival is missing"),
        ([{"text": "hi"}], "has no column 'timestamp'; it has 'text'"),
        ([{"timestamp": 0, "text": "a"}, {"timestamp": 1}], "line 2, column 'text' has no value"),
        ([finished(1), finished(None)], "line 2, column 'metadata' is .*request_start_ns"),
        ([finished(1), finished(2**64)], "line 2, column 'metadata' is .*request_start_ns"),
        ([finished(1), {"metadata": 5}], "line 2, column 'metadata' is '5'; expected an object"),
    ],
)
def test_bad_line_is_named(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        Workload.from_load_tool_jsonl(written(tmp_path, rows))
    assert re.search(message, str(caught.value))


def test_unknown_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="time_unit is 'h'; expected one of 's', 'ms'"):
        Workload.from_load_tool_jsonl(tmp_path, time_unit="h")  # type: ignore[arg-type]
