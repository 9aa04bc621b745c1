from pathlib import Path

import pytest

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.workloads import Workload

OLDER = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45,ChatGPT,1087,230,1317,Conversation log
118,GPT-4,417,0,417,API log
"""
NEWER = """Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type
5.5,12,3.2,ChatGPT,472,18,490,Conversation log
7.25,,1.5,GPT-4,417,276,693,API log
"""  # noqa: E501


def test_older_form_counts_seconds_from_its_first_request(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(OLDER)

    workload = Workload.from_burstgpt(path)

    assert workload.arrival_s.tolist() == [0, 40, 113]
    assert workload.n_keys == 3
    assert workload.columns["Response tokens"].tolist() == [18, 230, 0]
    assert workload.columns["Model"].tolist() == ["ChatGPT", "ChatGPT", "GPT-4"]


def test_newer_form_keeps_sessions_as_columns(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(NEWER)

    workload = Workload.from_burstgpt(path)

    assert workload.arrival_s.tolist() == [0, 1.75]
    assert workload.n_keys == 2
    assert workload.columns["Session ID"].isna().tolist() == [False, True]
    assert workload.columns["Elapsed time"].tolist() == [3.2, 1.5]


def test_line_with_a_bad_time_is_named(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(OLDER.replace("118", "7"))

    with pytest.raises(WorkloadError, match=r"line 4, column 'Timestamp': arrival '7' comes"):
        Workload.from_burstgpt(path)
