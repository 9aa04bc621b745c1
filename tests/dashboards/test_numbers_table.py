"""The numbers of runs, as a table and as a sentence."""

import re

import pytest

from codomyrmex_lab.dashboards.measurement import Run, describe_config
from codomyrmex_lab.dashboards.numbers_table import numbers_table, run_sentence, shortened
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
    QueueFullAction,
)
from codomyrmex_lab.tracing import Trace
from tests.plots.traces import build_trace


def run_of(trace: Trace, number: int = 1) -> Run:
    return Run(number, OptimizationConfig(), trace, trace.summary())


def cells(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr.*?</tr>", html, flags=re.DOTALL)
    return [
        [
            re.sub(r"<.*?>", "", cell).replace("&nbsp;", " ")
            for cell in re.findall(r"<t[hd].*?</t[hd]>", row)
        ]
        for row in rows
    ]


def test_each_run_has_a_row_with_its_numbers_the_newest_first() -> None:
    slow = build_trace([float(n) for n in range(1, 101)])
    fast = build_trace([1.0] * 100, from_cache=[False] * 25 + [True] * 75)
    head, newest, earlier = cells(numbers_table([run_of(fast, 2), run_of(slow)], "Measured"))
    newest_run = dict(zip(head, newest, strict=True))
    assert newest_run["run"] == "2"
    assert newest_run["settings"] == describe_config(OptimizationConfig())
    assert newest_run["hit rate"] == "75.0%"
    assert newest_run["n"] == "100"
    assert newest_run["failed"] == "0"
    assert newest_run["p50 ms"] == "1 [1, 1]"
    low, high = slow.summary().intervals["p95_ms"]
    assert dict(zip(head, earlier, strict=True))["p95 ms"] == f"95 [{low:.3g}, {high:.3g}]"


def test_a_percentile_that_too_few_samples_bound_is_open() -> None:
    head, row = cells(numbers_table([run_of(build_trace([1.0, 2.0, 3.0]))], "Measured"))
    assert dict(zip(head, row, strict=True))["p99 ms"].endswith("∞)")


def test_a_run_without_answers_has_no_percentiles() -> None:
    run = run_of(build_trace([1.0, 2.0], failed=[True, True]))
    head, row = cells(numbers_table([run], "Measured"))
    assert dict(zip(head, row, strict=True))["p50 ms"] == "–"
    assert run_sentence(run) == (
        "Run 1 measured: 2 requests, 2 of them failed, the first with ValueError: no."
    )


def test_the_scope_is_escaped() -> None:
    html = numbers_table([run_of(build_trace([1.0]))], "<script>")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_no_run_is_no_table() -> None:
    assert numbers_table([], "Measured") == ""


def test_lateness_of_the_load_is_told_when_it_matters() -> None:
    trace = build_trace([10.0] * 50)
    trace.metadata["lateness_ms"] = {"p50": 0.0, "p99": 1.0, "max": 9.0}
    assert "late" not in run_sentence(run_of(trace))
    trace.metadata["lateness_ms"]["p99"] = 5.0
    assert "p99 includes 5 ms by which this process submitted late" in run_sentence(run_of(trace))


@pytest.mark.parametrize("length", [10, 300, 301, 5_000])
def test_a_message_is_one_line_of_bounded_length(length: int) -> None:
    text = shortened("line\n" * (length // 5))
    assert "\n" not in text
    assert len(text) <= 300


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (OptimizationConfig(), "FP32 · DYNAMIC · batch 32 · 100 ms · cache 1,000 · 4 workers"),
        (
            OptimizationConfig(
                quantization=QuantizationType.INT8,
                batching_strategy=BatchingStrategy.FIXED,
                enable_caching=False,
                num_workers=1,
                latency_target_ms=5.0,
            ),
            "INT8 · FIXED · batch 32 · no cache · 1 worker",
        ),
        (
            OptimizationConfig(batching_strategy=BatchingStrategy.ADAPTIVE, latency_target_ms=12.5),
            "FP32 · ADAPTIVE · batch 32 · 100 ms · target 12.5 ms · cache 1,000 · 4 workers",
        ),
    ],
)
def test_only_settings_with_an_effect_are_described(config: OptimizationConfig, words: str) -> None:
    assert describe_config(config) == words


def test_a_setting_without_a_control_is_described_where_it_is_not_the_default() -> None:
    config = OptimizationConfig(max_queue_size=50, queue_full=QueueFullAction.REJECT)
    assert describe_config(config).endswith(" · max_queue_size=50 · queue_full=REJECT")
