import warnings
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from codomyrmex_lab.errors import OverloadWarning, ProfileError, SettingError, WorkloadError
from codomyrmex_lab.optimization import (
    BatchingStrategy,
    InferenceOptimizer,
    OptimizationConfig,
    QueueFullAction,
)
from codomyrmex_lab.simulation import (
    ServiceProfile,
    simulate,
    simulate_columns,
    simulate_summary,
)
from codomyrmex_lab.tracing import TraceSummary
from codomyrmex_lab.workloads import Workload, replay

from .events.cases import cases, profile_of

QUICK = profile_of(lambda calls, size, cost: 1.0 + 0.1 * size)
CONFIG = OptimizationConfig(max_batch_size=4, num_workers=1, batch_timeout_ms=2.0)


def test_oldest_request_leaves_at_its_timeout_and_the_last_at_the_flush():
    trace = simulate(Workload([0.0, 0.001, 0.010]), QUICK, CONFIG)
    assert trace.batches["reason"].tolist() == ["timeout", "flush"]
    assert trace.results["latency_ms"].tolist() == pytest.approx([3.2, 2.2, 1.1])
    assert trace.metadata["simulated"] is True
    assert trace.metadata["config"] == CONFIG


RESTS = {0.5: 0.0, 10.0: 1.0}
"""Nothing is added after rests of up to 0.5 ms, and up to 1 ms after longer ones."""
ONE_BY_ONE = OptimizationConfig(
    max_batch_size=1, num_workers=1, batch_timeout_ms=0.0, enable_caching=False
)


def service_ms(arrival_ms):
    """Return the time of each call, where a warm one takes 1 ms."""
    slow_after_rests = profile_of(lambda calls, size, cost: 1.0, cold_ms=RESTS)
    workload = Workload(np.array(arrival_ms) / 1e3)
    return simulate(workload, slow_after_rests, ONE_BY_ONE).batches["service_ms"].to_numpy()


def test_after_a_long_rest_some_calls_go_by_until_they_are_as_fast_as_before():
    times = service_ms(np.zeros(100))
    assert times[0] == pytest.approx(2.0)
    assert (np.diff(times) <= 1e-6).all()
    assert times[10] < 1.2
    assert times[-1] == pytest.approx(1.0)


def test_short_rest_of_a_processor_that_rests_much_is_no_warm_one():
    every_11_ms = np.arange(60) * 11.0
    soon_after = np.append(every_11_ms, every_11_ms[-1] + 2.6)
    in_a_row = np.append(np.zeros(60), 120.0)
    assert service_ms(soon_after)[-1] > 1.5
    assert service_ms(in_a_row)[-2:].tolist() == pytest.approx([1.0, 1.12], abs=0.05)


def test_call_varies_as_those_do_that_have_as_many_others_beside_them():
    profile = replace(
        profile_of(lambda calls, size, cost: 10.0),
        residuals=np.array([1.0, 3.0]),
        residual_sources=np.array([(1, 1), (2, 1)]),
    )
    beside_and_alone = Workload([0.0, 0.001, 0.1])
    times = simulate(beside_and_alone, profile, ONE_BY_ONE.replace(num_workers=2)).batches
    assert times["service_ms"].tolist() == pytest.approx([10.0, 30.0, 10.0])


def test_deadline_that_passes_while_all_workers_compute_is_seen_when_one_is_idle():
    workload = Workload(
        [0.0, 0.0, 0.0005, 0.1],  # until the last has come nothing is flushed
        columns=pd.DataFrame({"timeout_ms": [np.nan, np.nan, 0.2, np.nan]}),
    )
    config = CONFIG.replace(max_batch_size=2, batch_timeout_ms=50.0)
    frame = simulate(workload, QUICK, config).frame()
    late = frame["error"].str.startswith("DeadlineExceededError", na=False)
    assert late.tolist() == [False, False, True, False]
    assert frame["error"].notna().tolist() == late.tolist()
    assert frame["latency_ms"].tolist() == pytest.approx([1.2, 1.2, 0.7, 1.1])


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_summary_without_frames_is_that_of_the_trace(case):
    simulated = simulate_columns(case.workload, case.profile, case.config, seed=case.seed)
    quick, slow = simulated.summary(), simulated.trace().summary()
    for field in fields(TraceSummary):
        mine, theirs = getattr(quick, field.name), getattr(slow, field.name)
        if field.name == "intervals":
            assert mine.keys() == theirs.keys()
            mine, theirs = list(mine.values()), list(theirs.values())
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, err_msg=field.name)
    bare = simulated.summary(intervals=False)
    assert np.isnan(list(bare.intervals.values())).all()
    assert str(replace(bare, intervals=quick.intervals)) == str(quick)


@settings(max_examples=30, deadline=None)
@given(case=cases())
def test_every_request_of_the_trace_is_answered_or_says_why_not(case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OverloadWarning)
        trace = simulate(case.workload, case.profile, case.config, seed=case.seed)
    frame = trace.frame()
    assert len(frame) == len(case.workload)
    assert frame["end"].notna().all()
    assert (frame["latency_ms"] >= 0).all()
    assert (frame["error"].notna() | frame["from_cache"] | frame["batch_id"].notna()).all()


def test_distribution_ends_at_all_requests_and_never_lies_below_them():
    workload = Workload.poisson(2000, 5000, n_keys=50)
    simulated = simulate_columns(workload, QUICK, CONFIG)
    latency_ms, share = simulated.distribution()
    ordered_ms = simulated.ordered_ms
    assert share[-1] == 1
    at = ordered_ms[np.rint(share * len(ordered_ms)).astype(int) - 1]
    assert (latency_ms >= at).all()
    assert (latency_ms <= at * (1 + 1 / 64) + 1e-9).all()


def test_workload_beyond_capacity_is_answered_and_says_so():
    workload = Workload(Workload.poisson(8000, 2000).arrival_s)  # no two alike
    with pytest.warns(OverloadWarning, match=r"asks for 2\.\d+ times"):
        trace = simulate(workload, QUICK, CONFIG)
    assert trace.metadata["load_factor"] == pytest.approx(8000 / (4 / 1.4e-3), rel=0.1)
    assert len(trace.metadata["warnings"]) == 1
    assert trace.results["error"].isna().all()


def test_batches_beyond_the_profile_are_refused_or_marked():
    config = CONFIG.replace(max_batch_size=9)
    with pytest.raises(ProfileError, match="max_batch_size is 9"):
        simulate(Workload([0.0]), QUICK, config)
    marked = simulate_columns(Workload([0.0]), QUICK, config, extrapolate=True)
    assert marked.warnings == (
        "Extrapolated: the profile holds batches of up to 5 and 3 calls at once.",
    )


def test_batches_below_the_profile_are_refused_or_marked():
    large = ServiceProfile(QUICK.points[QUICK.points["batch_size"] >= 3], QUICK.residuals)
    with pytest.raises(ProfileError, match="smallest profiled batch is 3"):
        simulate(Workload([0.0]), large, CONFIG)
    marked = simulate_columns(Workload([0.0]), large, CONFIG, extrapolate=True)
    assert "batches of 3 to 5" in marked.warnings[0]
    assert marked.latency_ms.tolist() == pytest.approx([1.1])


def test_keys_of_different_types_are_different_inputs_as_in_the_engine():
    keys = np.array([1, 1.0, True, "1"] * 5, dtype=object)
    workload = Workload(np.arange(20) * 0.01, keys)
    assert workload.n_keys == 4
    assert simulate(workload, QUICK, CONFIG).batches["size"].sum() == 4
    with InferenceOptimizer(list, CONFIG) as engine:
        measured = replay(engine, workload, progress=False)
    assert measured.batches["size"].sum() == 4


def test_equal_seeds_give_equal_runs_and_others_do_not():
    noisy = profile_of(lambda calls, size, cost: 1.0, residuals=(0.5, 1.0, 1.5))
    workload = Workload.poisson(500, 300)
    one, same, other = (simulate_summary(workload, noisy, CONFIG, seed=s) for s in (1, 1, 2))
    assert one == same
    assert one != other


def test_speed_is_that_of_a_hastened_workload():
    workload = Workload.poisson(100, 300, n_keys=20)
    assert simulate_summary(workload, QUICK, CONFIG, speed=3.0) == simulate_summary(
        workload.scale_rate(3.0), QUICK, CONFIG
    )


def test_settings_under_which_no_batch_could_leave_are_refused():
    config = CONFIG.replace(
        batching_strategy=BatchingStrategy.FIXED,
        max_queue_size=2,
        queue_full=QueueFullAction.BLOCK,
    )
    with pytest.raises(SettingError, match="no batch ever leaves"):
        simulate(Workload([0.0]), QUICK, config)


@pytest.mark.parametrize("timeouts", [[np.nan, -1.0], [0.0, 1.0], [np.inf, 1.0], ["soon", "1"]])
def test_deadlines_that_are_none_are_refused(timeouts):
    workload = Workload([0.0, 1.0], columns=pd.DataFrame({"timeout_ms": timeouts}))
    with pytest.raises(WorkloadError, match="timeout_ms"):
        simulate(workload, QUICK, CONFIG)


def test_what_is_not_simulated_is_said():
    config = CONFIG.replace(cache_max_bytes=1000, processor_timeout_ms=5.0)
    told = simulate_columns(Workload([0.0]), QUICK, config).warnings
    assert [sentence.split()[0] for sentence in told] == [
        "cache_max_bytes",
        "processor_timeout_ms",
    ]
