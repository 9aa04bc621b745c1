"""The figures of runs as a table."""

import re

import pytest

from codomyrmex_lab.dashboards.findings import Findings, findings_of_trace
from codomyrmex_lab.dashboards.load import first_seconds
from codomyrmex_lab.dashboards.numbers_table import numbers_table, shortened
from codomyrmex_lab.dashboards.settings import changes_between, describe_config
from codomyrmex_lab.dashboards.verification import Verification
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
    QueueFullAction,
)
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.workloads import Workload
from tests.plots.traces import build_trace


def found(trace: Trace) -> Findings:
    return findings_of_trace(trace, OptimizationConfig())


def cells(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr.*?</tr>", html, flags=re.DOTALL)
    return [
        [
            re.sub(r"<.*?>", "", cell.replace("<br>", " ")).replace("\u00a0", " ")
            for cell in re.findall(r"<t[hd].*?</t[hd]>", row)
        ]
        for row in rows
    ]


def test_each_run_has_a_row_that_says_where_it_comes_from() -> None:
    slow = build_trace([float(n) for n in range(1, 101)])
    fast = build_trace([1.0] * 100, from_cache=[False] * 25 + [True] * 75)
    head, first, second = cells(
        numbers_table([("simulated", found(fast)), ("measured", found(slow))])
    )
    row = dict(zip(head, first, strict=True))
    assert row["run"] == "simulated"
    assert row["settings"] == describe_config(OptimizationConfig())
    assert (row["hit rate"], row["n"], row["failed"]) == ("75.0%", "100", "0")
    assert row["p50 ms"] == "1 [1, 1]"
    low, high = slow.summary().intervals["p95_ms"]
    assert dict(zip(head, second, strict=True))["p95 ms"] == f"95 [{low:.3g}, {high:.3g}]"


def test_a_verification_adds_the_prediction_of_the_same_requests_and_its_error() -> None:
    measured = found(build_trace([2.0] * 50))
    predicted = found(build_trace([3.0] * 50))
    load = first_seconds(Workload([0.0, 1.0]), 1.0, 5.0)
    verification = Verification(load, predicted, measured, 0.0)
    head, *rows = cells(numbers_table([("measured", measured)], verification))
    same, error = (dict(zip(head, row, strict=True)) for row in rows[1:])
    assert same["run"] == "simulated, the same requests"
    assert same["p99 ms"].startswith("3 ")
    assert error["p99 ms"] == "+50.0%"
    assert error["hit rate"] == "+0.0 points"
    assert "p50 +50.0%" in verification.sentence


def test_a_late_driver_and_failures_are_told() -> None:
    failed = found(build_trace([1.0] * 4, failed=[True, False, False, False]))
    load = first_seconds(Workload([0.0, 1.0]), 1.0, 5.0)
    sentence = Verification(load, found(build_trace([1.0] * 4)), failed, 5.0).sentence
    assert "1 requests failed" in sentence
    assert "5 ms by which this process submitted late" in sentence


def test_a_percentile_that_too_few_samples_bound_is_open() -> None:
    head, row = cells(numbers_table([("measured", found(build_trace([1.0, 2.0, 3.0])))]))
    assert dict(zip(head, row, strict=True))["p99 ms"].endswith("∞)")


def test_a_run_without_answers_has_no_percentiles() -> None:
    run = found(build_trace([1.0, 2.0], failed=[True, True]))
    head, row = cells(numbers_table([("measured", run)]))
    assert dict(zip(head, row, strict=True))["p50 ms"] == "–"


def test_no_run_is_no_table() -> None:
    assert numbers_table([]) == ""


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (OptimizationConfig(), "FP32 · DYNAMIC · batch 32 · 100 ms · cache 1,000 · 4 workers"),
        (
            OptimizationConfig(
                QuantizationType.INT8, 8, 2.5, False, num_workers=1,
                batching_strategy=BatchingStrategy.ADAPTIVE, latency_target_ms=20.0,
            ),
            "INT8 · ADAPTIVE · batch 8 · 2.5 ms · target 20 ms · no cache · 1 worker",
        ),
        (
            OptimizationConfig(
                batching_strategy=BatchingStrategy.FIXED, max_queue_size=5,
                queue_full=QueueFullAction.REJECT,
            ),
            "FP32 · FIXED · batch 32 · cache 1,000 · 4 workers · max_queue_size=5 · "
            "queue_full=REJECT",
        ),
    ],
)  # fmt: skip
def test_settings_are_one_line(config: OptimizationConfig, words: str) -> None:
    assert describe_config(config) == words


def test_changes_are_named_from_what_to_what() -> None:
    before = OptimizationConfig()
    after = before.replace(max_batch_size=8, enable_caching=False, batch_timeout_ms=2.5)
    assert changes_between(before, after) == "batch 32 → 8, timeout ms 100 → 2.5, caching on → off"


def test_a_long_message_is_cut() -> None:
    assert shortened("a\n b") == "a b"
    assert len(shortened("x" * 1_000)) == 300
