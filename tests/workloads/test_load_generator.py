import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codomyrmex_lab.errors import (
    LoadGenError,
    NotRunningError,
    SettingError,
    UnkeyableInputError,
)
from codomyrmex_lab.optimization import BatchingStrategy, InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.tracing.early_stopping import early_stopping_estimate
from codomyrmex_lab.workloads.load_generator import LoadGenRun, LoadGenScenario, run_loadgen
from codomyrmex_lab.workloads.load_generator_log import read_summary, read_times

SINGLE_STREAM, SERVER, OFFLINE = LoadGenScenario
CONFIG = OptimizationConfig(
    max_batch_size=16, batch_timeout_ms=0.5, enable_caching=False, num_workers=1
)
PAYLOADS = [f"payload {i}" for i in range(50)]
SHORT = {"min_duration_s": 0.05, "min_queries": 20}


def serve(inputs: list[Any]) -> list[Any]:
    """Take about 8 ms, in which the interpreter is free."""
    threading.Event().wait(0.008)
    return inputs


def echo(inputs: list[Any]) -> list[Any]:
    return inputs


@pytest.fixture(scope="module", autouse=True)
def loadgen() -> Any:
    return pytest.importorskip("mlperf_loadgen", reason="mlcommons-loadgen is not installed")


def measured(
    scenario: LoadGenScenario, target_rps: float | None, min_duration_s: float
) -> LoadGenRun:
    with InferenceOptimizer(serve, CONFIG) as engine:
        return run_loadgen(
            engine,
            PAYLOADS,
            scenario,
            target_rps=target_rps,
            min_duration_s=min_duration_s,
            min_queries=100,
        )


@pytest.mark.parametrize(
    ("scenario", "target_rps", "min_duration_s"),
    [(SINGLE_STREAM, None, 1.5), (SERVER, 400, 1.5), (OFFLINE, 3000, 0.5)],
)
def test_loadgen_and_we_agree_on_every_run(
    scenario: LoadGenScenario, target_rps: float | None, min_duration_s: float
) -> None:
    run = measured(scenario, target_rps, min_duration_s)

    # from LoadGen's due times to our ticks of handing back, against LoadGen's own latencies
    compared = run.comparison()
    allowed = np.maximum(0.02 * compared["loadgen"], 0.05)
    assert (compared["difference"].abs() <= allowed).all(), compared
    assert len(run.trace) == len(run.requests) >= 100
    assert run.trace.results["error"].isna().all()
    assert run.trace.metadata["scenario"] == scenario.value
    assert run.trace.metadata["model"].endswith("test_load_generator.serve")


@pytest.mark.parametrize(
    ("scenario", "target_rps"), [(SINGLE_STREAM, None), (SERVER, 400), (OFFLINE, 3000)]
)
def test_each_request_passes_its_stations_in_order(
    scenario: LoadGenScenario, target_rps: float | None
) -> None:
    run = measured(scenario, target_rps, 0.3)

    requests, unsure_ms = run.requests, run.trace.metadata["clock_uncertainty_ms"]
    assert (requests["late_ms"] >= -unsure_ms).all()
    assert (requests["latency_ms"] > requests["late_ms"]).all()
    assert (requests["client_ms"] > requests["latency_ms"]).all()
    assert (requests["loadgen_ms"] >= requests["client_ms"] - unsure_ms).all()


def test_arrivals_are_the_times_at_which_loadgen_was_to_send(tmp_path: Path) -> None:
    with InferenceOptimizer(echo, CONFIG) as engine:
        run = run_loadgen(engine, PAYLOADS, SERVER, target_rps=500, folder=tmp_path, **SHORT)

    due_ns = read_times(tmp_path, len(run.requests)).due_ns
    arrival_ns = run.trace.requests["arrival"].to_numpy().astype(np.int64)
    assert (arrival_ns == due_ns - due_ns[0]).all()
    in_trace = np.sort(run.trace.results["latency_ms"])
    assert in_trace == pytest.approx(np.sort(run.requests["latency_ms"]), abs=1e-5)


def test_arrivals_depend_on_the_seed_and_not_on_the_engine() -> None:
    def arrivals(model: Any, seed: int) -> list[int]:
        with InferenceOptimizer(model, CONFIG) as engine:
            run = run_loadgen(engine, PAYLOADS, SERVER, target_rps=400, seed=seed, **SHORT)
        return run.trace.requests["arrival"].to_numpy().astype(np.int64).tolist()  # type: ignore[no-any-return]

    assert arrivals(echo, 3) == arrivals(serve, 3) != arrivals(echo, 4)


def test_early_stopping_estimate_is_loadgens_own() -> None:
    with InferenceOptimizer(echo, CONFIG) as engine:
        run = run_loadgen(engine, PAYLOADS, SINGLE_STREAM, min_duration_s=0.1, min_queries=300)

    ours = early_stopping_estimate(run.requests["loadgen_ms"], 90)
    assert ours == pytest.approx(run.summary.early_stopping_estimate_ms, rel=1e-12)
    assert run.summary.valid
    assert run.summary.reasons == ()
    assert run.summary.early_stopping_met


def test_single_stream_sends_one_at_a_time() -> None:
    with InferenceOptimizer(echo, CONFIG) as engine:
        run = run_loadgen(engine, PAYLOADS, SINGLE_STREAM, **SHORT)

    frame = run.trace.frame()
    assert (frame["arrival"].to_numpy()[1:] >= frame["end"].to_numpy()[:-1]).all()


def test_offline_sends_all_at_once() -> None:
    with InferenceOptimizer(echo, CONFIG) as engine:
        run = run_loadgen(engine, PAYLOADS, OFFLINE, target_rps=2000, **SHORT)

    assert len(run.trace) >= 100
    assert run.trace.requests["arrival"].nunique() == 1


def test_server_that_misses_its_target_is_invalid_and_says_why() -> None:
    with InferenceOptimizer(serve, CONFIG) as engine:
        run = run_loadgen(engine, PAYLOADS, SERVER, target_rps=200, latency_target_ms=1, **SHORT)

    assert not run.summary.valid
    assert "Reduce target QPS to improve latency." in run.summary.reasons
    assert "MLPerf Results Summary" in run.summary.text


def test_partial_batches_leave_at_the_end() -> None:
    config = CONFIG.replace(batching_strategy=BatchingStrategy.FIXED)
    with InferenceOptimizer(echo, config) as engine:
        run = run_loadgen(engine, PAYLOADS, OFFLINE, target_rps=1001, **SHORT)

    assert run.trace.results["error"].isna().all()


def test_model_that_fails_is_recorded_and_not_raised_into_loadgen() -> None:
    def model(inputs: list[str]) -> list[str]:
        if PAYLOADS[7] in inputs:
            raise ValueError("seven")
        return inputs

    with InferenceOptimizer(model, CONFIG.replace(max_batch_size=1)) as engine:
        run = run_loadgen(engine, PAYLOADS, OFFLINE, target_rps=4000, **SHORT)

    errors = run.trace.results["error"].dropna()
    assert 0 < len(errors) < len(run.trace) == len(run.requests)
    assert set(errors) == {"ValueError: seven"}


def test_error_of_submitting_comes_after_the_run() -> None:
    config = CONFIG.replace(enable_caching=True)
    with InferenceOptimizer(echo, config) as engine:
        with pytest.raises(UnkeyableInputError, match="key_fn"):
            run_loadgen(engine, [object()], SINGLE_STREAM, **SHORT)
        assert engine.infer("still alive").output == "still alive"


def test_log_files_stay_where_they_are_wanted(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there yet"
    with InferenceOptimizer(echo, CONFIG) as engine:
        run = run_loadgen(engine, PAYLOADS, SINGLE_STREAM, folder=folder, **SHORT)

    assert read_summary(folder) == run.summary
    assert len(read_times(folder, len(run.requests)).due_ns) == len(run.requests)


def test_missing_or_unreadable_logs_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LoadGenError, match="left no log"):
        read_summary(tmp_path)
    with pytest.raises(LoadGenError, match="left no trace"):
        read_times(tmp_path, 1)
    (tmp_path / "mlperf_log_detail.txt").write_text(':::MLLOG {"key": "power_begin"')
    (tmp_path / "mlperf_log_summary.txt").write_text("")
    (tmp_path / "mlperf_log_trace.json").write_text("{}")
    with pytest.raises(LoadGenError, match="no readable result"):
        read_summary(tmp_path)
    with pytest.raises(LoadGenError, match="has 0 of 1 samples"):
        read_times(tmp_path, 1)


def test_second_run_at_the_same_time_is_refused() -> None:
    refused: list[str] = []

    def model(inputs: list[Any]) -> list[Any]:
        if not refused:
            with pytest.raises(LoadGenError) as caught:
                run_loadgen(engine, PAYLOADS, SINGLE_STREAM, **SHORT)
            refused.append(str(caught.value))
        return inputs

    with InferenceOptimizer(model, CONFIG) as engine:
        run_loadgen(engine, PAYLOADS, SINGLE_STREAM, **SHORT)

    assert refused == ["LoadGen runs already; wait for that run, it is one per process."]


def test_without_loadgen_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    with InferenceOptimizer(echo) as engine, pytest.raises(LoadGenError, match=r"\[loadgen\]"):
        run_loadgen(engine, PAYLOADS, SINGLE_STREAM)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"scenario": "Server"}, "scenario is 'Server'"),
        ({"scenario": SERVER}, "target_rps is missing; SERVER needs the rate of arrivals"),
        ({"scenario": OFFLINE}, "target_rps is missing; OFFLINE needs the highest rate"),
        ({"target_rps": 0}, "target_rps is 0"),
        ({"latency_target_ms": -1}, "latency_target_ms is -1"),
        ({"min_duration_s": 0}, "min_duration_s is 0"),
        ({"min_queries": 0}, "min_queries is 0"),
        ({"payloads": []}, "payloads is empty"),
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, Any], said: str) -> None:
    asked = {"payloads": PAYLOADS, "scenario": SINGLE_STREAM, **settings}
    with InferenceOptimizer(echo) as engine, pytest.raises(SettingError, match=said):
        run_loadgen(engine, **asked)


def test_single_stream_under_fixed_is_refused() -> None:
    config = CONFIG.replace(batching_strategy=BatchingStrategy.FIXED)
    with InferenceOptimizer(echo, config) as engine, pytest.raises(SettingError, match="FIXED"):
        run_loadgen(engine, PAYLOADS, SINGLE_STREAM)


def test_engine_that_is_not_started_is_refused() -> None:
    with pytest.raises(NotRunningError, match="with engine:"):
        run_loadgen(InferenceOptimizer(echo), PAYLOADS, SINGLE_STREAM)


def test_comparison_is_a_frame_of_both() -> None:
    with InferenceOptimizer(echo, CONFIG) as engine:
        run: LoadGenRun = run_loadgen(engine, PAYLOADS, SINGLE_STREAM, **SHORT)

    compared = run.comparison()
    assert compared.index.tolist() == ["p50_ms", "p90_ms", "p99_ms", "throughput_rps"]
    assert compared.columns.tolist() == ["loadgen", "ours", "difference", "relative", "engine"]
