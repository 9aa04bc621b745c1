"""The command on real trace files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codomyrmex_lab.cli import main
from codomyrmex_lab.tracing import BatchColumns, RequestColumns, Trace

MS = 1_000_000


def saved(path: Path, latency_ms: float, seed: int) -> str:
    rng = np.random.default_rng(seed)
    arrival_ns = np.cumsum(rng.integers(1, MS, 2000))
    start_ns = arrival_ns + rng.integers(0, MS, 2000)
    end_ns = start_ns + int(latency_ms * MS)
    batches = BatchColumns.of(start_ns, end_ns, np.ones(2000))
    requests = RequestColumns.of(arrival_ns, start_ns, end_ns, batch=np.arange(2000))
    return str(Trace(requests, batches).save(path))


@pytest.fixture
def quick(tmp_path: Path) -> str:
    return saved(tmp_path / "quick.parquet", 5, seed=1)


def test_summary_prints_the_figures(quick: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "summary", quick]) == 0

    lines = capsys.readouterr().out.splitlines()
    figures = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert figures["n_requests"] == ["2,000", "-", "-"]
    summary = Trace.open(quick).summary()
    assert figures["p99_ms"][0] == f"{summary.p99_ms:.4g}"
    assert figures["p95"][-1] == "21"


def test_requirement_decides_the_exit_code(quick: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "summary", quick, "--require", "p99_ms <= 50"]) == 0
    assert "holds: p99_ms <= 50" in capsys.readouterr().out
    held_and_not = ["--require", "p99_ms<50", "--require", "n_errors > 0"]
    assert main(["trace", "summary", quick, *held_and_not]) == 1
    assert "FAILS: n_errors > 0 (it is 0)" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["p98_ms <= 1", "p99_ms = 1", "p99_ms <= 1.2.3", ""])
def test_requirement_that_is_none_is_refused(
    quick: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "summary", quick, "--require", text]) == 2

    assert "p99_ms" in capsys.readouterr().err


def test_compare_tells_slower_from_equal(
    quick: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = saved(tmp_path / "slow.parquet", 7, seed=2)

    assert main(["trace", "compare", quick, quick]) == 0
    assert "No difference" in capsys.readouterr().out
    assert main(["trace", "compare", quick, slow]) == 1
    out = capsys.readouterr().out
    assert "differ by more than noise" in out
    assert out.count("yes") == 5
    assert main(["trace", "compare", quick, slow, "--confidence", "1"]) == 2


def test_export_writes_each_form(quick: str, tmp_path: Path) -> None:
    outputs = {kind: tmp_path / f"out.{kind}" for kind in ("perfetto", "csv", "parquet")}
    for kind, path in outputs.items():
        assert main(["trace", "export", quick, str(path), "--to", kind]) == 0

    assert "traceEvents" in json.loads(outputs["perfetto"].read_text())
    assert len(outputs["csv"].read_text().splitlines()) == 2001
    assert len(Trace.open(outputs["parquet"])) == 2000


def test_file_that_is_no_trace_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no trace")

    assert main(["trace", "summary", str(tmp_path / "file")]) == 2

    captured = capsys.readouterr()
    assert captured.err.startswith("codomyrmex-lab: ")
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""


@pytest.mark.parametrize("arguments", [[], ["trace"], ["trace", "summary"], ["trace", "draw", "x"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["trace", "compare", "--help"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
        assert "exit codes:" in capsys.readouterr().out


def test_command_runs_as_a_program(quick: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "codomyrmex_lab.cli", "trace", "summary", quick],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert "throughput_rps" in run.stdout
