"""The search: what it finds, why, and what it refuses."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from codomyrmex_lab.errors import (
    ForeignProfileWarning,
    InfeasibleError,
    ProfileError,
    SettingError,
)
from codomyrmex_lab.optimization.models import (
    OptimizationConfig,
    QuantizationType,
    QueueFullAction,
)
from codomyrmex_lab.simulation import simulate_columns, simulate_summary
from codomyrmex_lab.tuning import SearchSpace, TuningResult, config_of, tune
from codomyrmex_lab.tuning.space import simplicity
from tests.tuning.cases import QUALITY, SPACE, affine_profile, traffic


@pytest.fixture(scope="module")
def result() -> TuningResult:
    return tune(
        traffic(),
        affine_profile(),
        "cost",
        ["p99_ms <= 12", "quality >= 0.99"],
        SPACE,
        quality=QUALITY,
        progress=False,
    )


def test_every_trial_has_the_figures_of_the_simulation(result: TuningResult) -> None:
    workload, profile = traffic(), affine_profile()
    assert len(result.trials) == len(result.tried) == len(list(SearchSpace(SPACE)))
    for row in range(0, len(result.trials), 17):
        config = config_of(result.trials.iloc[row])
        assert config == result.tried[row]
        summary = simulate_summary(workload, profile, config)
        assert result.trials["p99_ms"].iloc[row] == summary.p99_ms
        assert result.trials["throughput_rps"].iloc[row] == summary.throughput_rps
        assert result.trials["worker_s_per_1k"].iloc[row] == pytest.approx(
            config.num_workers * summary.duration_s / len(workload) * 1000
        )


def test_the_answer_is_the_simplest_of_the_best_that_hold(result: TuningResult) -> None:
    trials = result.trials
    held = (trials["p99_ms"] <= 12) & (trials["quality"] >= 0.99)
    assert trials["feasible"].tolist() == held.tolist()
    best = trials.loc[held, "worker_s_per_1k"].min()
    good = [
        config
        for config, fits, cost in zip(result.tried, held, trials["worker_s_per_1k"], strict=True)
        if fits and cost <= best * 1.01
    ]
    assert result.config == min(good, key=simplicity)
    assert result.config.quantization is QuantizationType.FP32
    assert result.ranking[0] == result.config
    assert len(result.ranking) == held.sum()
    assert result.figures_of(result.config) == pytest.approx(result.predicted, nan_ok=True)


def test_the_explanation_is_one_sentence_of_what_was_found(result: TuningResult) -> None:
    n_held = int(result.trials["feasible"].sum())
    assert result.explanation.startswith(
        f"{n_held} of all {len(result.trials)} settings hold p99_ms <= 12 and quality >= 0.99;"
    )
    assert result.explanation.endswith(".")
    assert ". " not in result.explanation
    assert f"p99_ms {result.predicted['p99_ms']:.4g}" in result.explanation


def test_the_front_is_whole(result: TuningResult) -> None:
    figures = ["worker_s_per_1k", "p99_ms", "quality"]
    better = np.array([1, 1, -1])
    losses = result.trials[figures].to_numpy() * better
    expected = [
        row
        for row, own in enumerate(losses)
        if not any((other <= own).all() and (other < own).any() for other in losses)
    ]
    assert sorted(result.pareto.index) == expected
    assert len(expected) > 2


def test_sensitivity_covers_each_setting_and_the_load(result: TuningResult) -> None:
    frame = result.sensitivity
    idle = {"batch_timeout_ms", "cache_max_size"}  # of a batch of one, and without a cache
    assert set(frame["setting"]) == {*SPACE, "load"} - idle
    assert frame.loc[frame["setting"] == "load", "value"].tolist() == [0.8, 1.2]
    one = frame[(frame["setting"] == "quantization") & (frame["value"] == "int8")].iloc[0]
    other = result.figures_of(result.config.replace(quantization=QuantizationType.INT8))
    assert one["p99_ms"] == other["p99_ms"]
    assert not one["feasible"]
    faster = frame[(frame["setting"] == "load") & (frame["value"] == 1.2)].iloc[0]
    summary = simulate_summary(traffic().scale_rate(1.2), affine_profile(), result.config)
    assert faster["p99_ms"] == summary.p99_ms


def test_evidence_says_where_the_config_comes_from(result: TuningResult) -> None:
    evidence = json.loads(json.dumps(result.evidence, allow_nan=False))
    assert evidence["workload"]["n_requests"] == 2000
    assert len(evidence["workload"]["sha256"]) == 64
    assert evidence["profile"]["model"] == "affine"
    assert evidence["profile"]["host"]["cpu"] == affine_profile().host["cpu"]
    assert evidence["latency_slo_ms"] == 12
    assert evidence["predicted"]["p99_ms"] == result.predicted["p99_ms"]
    assert evidence["verified"] is None
    assert "numpy" in evidence["versions"]
    space = {"num_workers": [1], "max_batch_size": [8]}
    other = tune(traffic(seed=2), affine_profile(), space=space, progress=False)
    assert other.evidence["workload"]["sha256"] != evidence["workload"]["sha256"]


@pytest.mark.parametrize(
    ("constraints", "promised_ms"),
    [
        (["mean_ms <= 50", "p99_ms <= 400", "p95_ms <= 200"], 400),
        (["p99_ms <= 400", "p99_ms < 300"], 300),
        (["p90_ms <= 200"], 200),
        (["mean_ms <= 50", "p50_ms <= 50", "p99_ms >= 0"], None),
    ],
)
def test_the_latency_that_clients_are_promised_is_that_of_the_highest_percentile(
    constraints: list[str], promised_ms: float | None
) -> None:
    space = {"max_batch_size": [8]}
    found = tune(traffic(), affine_profile(), "p99", constraints, space, progress=False)
    assert found.evidence["latency_slo_ms"] == promised_ms


@pytest.mark.parametrize("objective", ["throughput", "p99", "cost", "size"])
def test_each_objective_is_pushed_its_way(objective: str) -> None:
    frame = pd.DataFrame(
        {"file_mb": [4.0, 1.0], "accuracy": [0.97, 0.96]},
        index=pd.Index(["fp32", "int8"], name="variant"),
    )
    found = tune(
        traffic(3000),
        affine_profile(),
        objective,
        space=SPACE,
        quality=frame,
        tolerance=0.0,
        progress=False,
    )
    values = found.trials[found.objective.figure.name]
    best = values.min() if found.objective.figure.less_is_better else values.max()
    assert found.predicted[found.objective.figure.name] == best
    assert found.predicted["quality"] in (0.97, 0.96)


def test_turning_requests_away_does_not_hold_a_limit() -> None:
    workload, profile = traffic(9000, 3000), affine_profile()
    base = OptimizationConfig(
        num_workers=1, enable_caching=False, max_batch_size=8, queue_full=QueueFullAction.REJECT
    )
    space = SearchSpace({"max_queue_size": [10, 1900, None]}, base)
    found = tune(workload, profile, "p99", space=space, progress=False)
    rates = found.trials["error_rate"].tolist()
    assert 0.5 < rates[0] < 1
    assert 0 < rates[1] < 0.05
    assert found.trials["p99_ms"].iloc[0] == np.inf
    simulated = simulate_columns(workload, profile, base.replace(max_queue_size=1900))
    late_ms = [*simulated.latency_ms, *[np.inf] * simulated.summary().n_errors]
    assert found.trials["p50_ms"].iloc[1] == sorted(late_ms)[1500]
    assert found.config.max_queue_size is None
    only = SearchSpace({"max_queue_size": [10]}, base)
    with pytest.raises(InfeasibleError, match="the best value of all is inf"):
        tune(workload, profile, "p99", "p99_ms <= 9e9", only, progress=False)


def test_requests_that_fail_stand_in_the_explanation() -> None:
    config = OptimizationConfig(
        num_workers=1, enable_caching=False, max_queue_size=10, queue_full=QueueFullAction.REJECT
    )
    space = SearchSpace({"max_batch_size": [8]}, config)
    found = tune(traffic(9000, 3000), affine_profile(), space=space, progress=False)
    assert found.predicted["error_rate"] > 0.1
    assert f"error_rate {found.predicted['error_rate']:.4g}" in found.explanation


def test_memory_counts_the_model_and_the_cache() -> None:
    frame = pd.DataFrame({"file_mb": [4.0], "resident_mb": [30.0]}, index=["fp32"])
    space = {"enable_caching": [False, True], "cache_max_size": [500]}
    found = tune(
        traffic(),
        affine_profile(),
        space=SearchSpace(space, OptimizationConfig(num_workers=1, max_batch_size=8)),
        quality=frame,
        result_bytes=4e3,
        progress=False,
    )
    assert found.trials["memory_mb"].tolist() == [30.0, 32.0]


def test_a_constraint_that_excludes_everything_is_named_with_the_nearest() -> None:
    with pytest.raises(InfeasibleError) as error:
        tune(
            traffic(),
            affine_profile(),
            "cost",
            ["p99_ms <= 0.1", "throughput_rps >= 1"],
            SPACE,
            progress=False,
        )
    message = str(error.value)
    assert message.startswith("No settings hold p99_ms <= 0.1: the best value of all is ")
    assert "The nearest of 120 settings reaches p99_ms" in message
    assert "throughput_rps >= 1:" not in message


def test_constraints_that_contradict_each_other_are_named_together() -> None:
    with pytest.raises(InfeasibleError) as error:
        tune(
            traffic(),
            affine_profile(),
            "throughput",
            ["p99_ms <= 1.15", "worker_s_per_1k <= 5", "quality >= 0.99"],
            SPACE,
            quality=QUALITY,
            progress=False,
        )
    assert str(error.value).startswith(
        "No settings hold p99_ms <= 1.15 and quality >= 0.99 together, though each alone can be."
    )


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"constraints": "quality >= 0.99"}, "constraint 'quality >= 0.99' asks for quality"),
        ({"constraints": "memory_mb <= 200"}, "asks for memory_mb, of which nothing is known"),
        ({"objective": "size"}, "objective 'size' asks for size_mb"),
        ({"objective": "speed"}, "objective is 'speed'"),
        ({"constraints": "p99 <= 5"}, "constraint 'p99 <= 5' is none"),
        ({"space": {"speed": [1]}}, "Unknown setting 'speed'"),
        ({"n_trials": 0}, "n_trials is 0"),
        ({"n_jobs": 0}, "n_jobs is 0"),
        ({"n_jobs": 1.5}, "n_jobs is 1.5"),
        ({"tolerance": -1.0}, "tolerance is -1.0"),
        ({"quality": 5}, "quality is int"),
        ({"quality": {"int3": 1.0}}, "quality is given for 'int3'"),
    ],
)
def test_bad_input_is_one_sentence(arguments: dict[str, object], part: str) -> None:
    with pytest.raises(SettingError) as error:
        tune(traffic(), affine_profile(), progress=False, **arguments)  # type: ignore[arg-type]
    assert part in str(error.value)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_a_profile_of_another_machine_is_warned_of() -> None:
    elsewhere = replace(affine_profile(), host={"cpu": "another", "n_cores": 64})
    space = {"max_batch_size": [4]}
    with pytest.warns(ForeignProfileWarning, match="measured on another machine") as told:
        tune(traffic(n_requests=50), elsewhere, "p99", space=space, progress=False)
    assert told[0].filename == __file__


@pytest.mark.parametrize(
    ("space", "part"),
    [
        ({"num_workers": [1, 8]}, "space has num_workers 8, but the profile was measured up to 2"),
        ({"max_batch_size": [17]}, "space has max_batch_size 17, but the profile was measured up"),
        (
            {"quantization": [QuantizationType.INT4]},
            "space has quantization int4, but the profile was measured for fp32, int8;",
        ),
        (SearchSpace({"enable_caching": [True]}), "space has max_batch_size 32, but"),
    ],
)
def test_a_space_beyond_the_profile_is_refused_before_anything_is_run(
    space: SearchSpace | dict[str, list[object]], part: str
) -> None:
    told: list[int] = []
    with pytest.raises(ProfileError) as error:
        tune(traffic(), affine_profile(), space=space, progress=lambda n, _: told.append(n))
    assert str(error.value).startswith(part)
    assert not told


def test_settings_that_the_space_leaves_out_stay_within_the_profile() -> None:
    found = tune(traffic(), affine_profile(), space={"batch_timeout_ms": [1.0]}, progress=False)
    assert found.config == OptimizationConfig(
        num_workers=2, max_batch_size=16, batch_timeout_ms=1.0
    )


def test_a_sample_comes_near_the_best_of_all() -> None:
    space = SearchSpace(
        {
            **SPACE,
            "quantization": [QuantizationType.FP32],
            "max_batch_size": list(range(1, 17)),
            "batch_timeout_ms": [float(ms) for ms in range(12)],
        }
    )
    arguments = (traffic(900), affine_profile(), "p99", ["worker_s_per_1k <= 1.5"], space)
    every = tune(*arguments, progress=False)
    some = tune(*arguments, n_trials=60, progress=False)
    assert every.evidence["search"]["exhaustive"]
    assert not some.evidence["search"]["exhaustive"]
    assert len(some.trials) < 120
    assert len(every.trials) > 1000
    assert some.predicted["p99_ms"] <= 1.02 * every.predicted["p99_ms"]
    assert "sampled settings" in some.explanation
    again = tune(*arguments, n_trials=60, progress=False)
    assert again.tried == some.tried


def test_processes_find_the_same_as_threads(result: TuningResult) -> None:
    with joblib.parallel_config(backend="loky", n_jobs=2):
        found = tune(
            traffic(),
            affine_profile(),
            "cost",
            ["p99_ms <= 12", "quality >= 0.99"],
            SPACE,
            quality=QUALITY,
            progress=False,
        )
    pd.testing.assert_frame_equal(found.trials, result.trials)
    assert found.config == result.config


def test_progress_is_told_up_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    tune(
        traffic(),
        affine_profile(),
        space=SPACE,
        progress=lambda n, total: told.append((n, total)),
    )
    counts = [n for n, _ in told]
    assert counts == sorted(counts)
    assert told[-1][0] == told[-1][1]
    assert len(told) > 2


def test_a_bar_shows_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    tune(traffic(), affine_profile(), space=SPACE)
    shown = capsys.readouterr().err
    assert "Tune:" in shown
    assert "config/s" in shown
    assert "<" in shown


KILLED = """
import os, signal, sys
from tests.tuning.cases import SPACE, affine_profile, traffic
from codomyrmex_lab.tuning import tune

def told(n, total):
    if n >= total / 3:
        os.kill(os.getpid(), signal.SIGKILL)

tune(traffic(), affine_profile(), "cost", ["p99_ms <= 12"], SPACE,
     store=sys.argv[1], progress=told, n_jobs=1)
"""


def test_a_search_that_was_killed_goes_on(tmp_path: Path, repository: Path) -> None:
    store = tmp_path / "trials.sqlite"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(store)], cwd=repository, check=False, timeout=120
    )
    assert killed.returncode == -9
    told: list[int] = []
    arguments = (traffic(), affine_profile(), "cost", ["p99_ms <= 12"], SPACE)
    resumed = tune(*arguments, store=store, progress=lambda n, _: told.append(n))
    assert 40 <= told[0] < 120  # what the killed process had finished is not run again
    whole = tune(*arguments, progress=False)
    pd.testing.assert_frame_equal(resumed.trials, whole.trials)
    assert resumed.config == whole.config
    assert not math.isnan(resumed.predicted["p99_ms"])
