"""The tables say what was measured: ratios, marks reached and missed."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.machine import Machine
from tests.benchmarks.report import AreaReport, Reach, against, alone, markdown_table, write_report
from tests.benchmarks.runner import Samples, in_turn, quantile

OURS, THEIRS = Samples((2.0, 4.0, 2.0)), Samples((8.0, 8.0, 9.0))


def test_a_ratio_above_one_means_ours_is_better_where_less_is_better():
    row = against("time", "µs", OURS, "peer", THEIRS, less_is_better=True)
    assert (row.ours, row.peer_value) == (2.0, 8.0)
    assert (row.ratio, row.worst_ratio) == (4.0, 2.0)


def test_a_ratio_above_one_means_ours_is_better_where_more_is_better():
    row = against("rate", "1/s", THEIRS, "peer", OURS, less_is_better=False)
    assert (row.ratio, row.worst_ratio) == (4.0, 2.0)


@pytest.mark.parametrize(
    ("reach", "met"),
    [
        (None, None),
        (Reach(ratio_at_least=4.0), True),
        (Reach(ratio_at_least=4.1), False),
        (Reach(ratio_at_least=4.0, at_most=1.9), False),
        (Reach(at_most=2.0), True),
        (Reach(at_least=3.0), False),
    ],
)
def test_a_row_is_met_only_if_all_its_bounds_hold(reach, met):
    row = against("time", "µs", OURS, "peer", THEIRS, less_is_better=True, reach=reach)
    assert row.met is met


def test_contestants_run_in_turn_and_the_warm_up_does_not_count():
    order = []
    contestants = {name: lambda name=name: order.append(name) or len(order) for name in "ab"}
    samples = in_turn(contestants, 2)
    assert order == list("ababab")
    assert samples["a"].values == (3, 5)
    assert samples["b"].spread == (4, 6)


@pytest.mark.parametrize(("q", "value"), [(0, 1), (0.5, 50), (0.99, 99), (1, 100)])
def test_a_quantile_is_one_of_the_values(q, value):
    assert quantile([float(v) for v in range(100, 0, -1)], q) == value


def test_a_row_that_falls_short_is_named_in_both_files(tmp_path: Path):
    rows = [
        alone("speed", "µs", OURS, Reach(at_most=1.0)),
        against("time", "µs", OURS, "peer", THEIRS, less_is_better=True),
    ]
    machine = Machine("cpu", 2, "CPython", "Linux", 0.1, {"codomyrmex-lab": "0"})
    report = AreaReport("area", machine, rows, {"speed": "How."}, ["An idea, no gain."])
    markdown, record = write_report(report, tmp_path)
    text = markdown.read_text(encoding="utf-8")
    assert markdown_table(rows) in text
    assert "## Falls short\n\n- speed: 2 µs, to reach ≤ 1 µs" in text
    assert "- An idea, no gain." in text
    content = json.loads(record.read_text(encoding="utf-8"))
    assert content["versions"] == {"codomyrmex-lab": "0"}
    assert content["rows"][0]["met"] is False
    assert content["rows"][1]["ratio"] == 4.0
    named = {"measure", "unit", "ours", "peer", "peer_value", "ratio", "reach", "met"}
    assert named <= content["rows"][0].keys()
