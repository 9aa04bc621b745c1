import json
import re
from pathlib import Path

import pytest

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.workloads import Workload

ROWS = [
    {"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1, 2]},
    {"timestamp": 3000, "input_length": 7319, "output_length": 490, "hash_ids": [0, 3]},
    {"timestamp": 3001, "input_length": 6758, "output_length": 20, "hash_ids": [0, 1, 2]},
]


def written(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_equal_lists_of_blocks_are_equal_prompts(tmp_path: Path) -> None:
    workload = Workload.from_mooncake(written(tmp_path / "trace.jsonl", ROWS))

    assert workload.arrival_s.tolist() == [0, 3, 3.001]
    assert workload.keys.tolist() == [0, 1, 0]
    assert workload.payloads == ([0, 1, 2], [0, 3], [0, 1, 2])
    assert workload.columns.to_dict("list") == {
        "input_length": [6758, 7319, 6758],
        "output_length": [500, 490, 20],
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hash_ids": []}, r"line 2, column 'hash_ids' is '\[\]'; expected a list of at least one"),
        ({"hash_ids": 5}, r"line 2, column 'hash_ids' is '5'; expected a list"),
        ({"hash_ids": None}, r"line 2, column 'hash_ids' is missing; expected a list"),
        ({"timestamp": "soon"}, r"line 2, column .timestamp.: .* a number of milliseconds"),
        ({"timestamp": -1}, r"line 2, column 'timestamp': arrival '-1' comes before"),
    ],
)  # fmt: skip
def test_bad_line_is_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = written(tmp_path / "trace.jsonl", [ROWS[0], {**ROWS[1], **change}, ROWS[2]])

    with pytest.raises(WorkloadError) as caught:
        Workload.from_mooncake(path)
    assert re.search(message, str(caught.value))
