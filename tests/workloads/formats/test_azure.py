from pathlib import Path

import pytest

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.workloads import Workload


def test_times_and_token_counts_are_read(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
        "2023-11-16 18:15:46.6805900,374,44\r\n"
        "2023-11-16 18:15:50.9951690,396,109\r\n"
    )

    workload = Workload.from_azure(path)

    assert workload.arrival_s.tolist() == [0, 4.314579]
    assert workload.keys.tolist() == [0, 1]
    assert workload.columns.to_dict("list") == {
        "ContextTokens": [374, 396],
        "GeneratedTokens": [44, 109],
    }


def test_whole_trace_is_read_and_described(shared_data: Path) -> None:
    workload = Workload.from_azure(shared_data / "AzureLLMInferenceTrace_conv.csv")

    figures = workload.describe()["value"]
    assert figures["n_requests"] == 19_366
    assert figures["mean_rate_rps"] == pytest.approx(5.53, abs=0.01)
    assert figures["inter_arrival_cv"] > 1
    assert figures["peak_rate_rps"] >= figures["mean_rate_rps"]
    assert figures["repeat_share"] == 0


def test_another_csv_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("TIMESTAMP,Tokens\n0,1\n")

    with pytest.raises(WorkloadError, match=r"no column 'ContextTokens'; it has 'TIMESTAMP',"):
        Workload.from_azure(path)
