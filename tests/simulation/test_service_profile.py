import dataclasses
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from codomyrmex_lab.errors import ForeignProfileWarning, ProfileError
from codomyrmex_lab.optimization import OptimizationConfig, QuantizationType
from codomyrmex_lab.simulation.caveats import caveats
from codomyrmex_lab.simulation.overheads import Overheads
from codomyrmex_lab.simulation.service_profile import ServiceProfile
from codomyrmex_lab.tracing import BatchColumns, RequestColumns, Trace
from tests.simulation.profiles import linear_profile

FP32 = QuantizationType.FP32


def with_costs():
    """Service time size·cost ms, measured at two sizes and costs."""
    rows = [("fp32", 1, size, cost, size * cost, 0, 9, 9) for size in (1, 8) for cost in (1, 3)]
    names = "quantization busy_workers batch_size cost service_ms ci_low_ms ci_high_ms n_samples"
    return ServiceProfile(pd.DataFrame(rows, columns=names.split()), np.ones(1), cost="tokens")


def test_table_is_linear_between_points_in_size_and_in_calls_at_once():
    table = linear_profile().service_times_ns(FP32, 4, 32)
    assert table.shape == (5, 33)
    np.testing.assert_allclose(table[1, 1:], (2 + 0.1 * np.arange(1, 33)) * 1e6)
    np.testing.assert_allclose(table[3, 20], (2 + 0.1 * 20) * 2 * 1e6)
    np.testing.assert_array_equal(table[0], table[1])
    assert (table[:, 0] == 0).all()


def test_table_is_made_once_and_cannot_be_written_to():
    profile = linear_profile()
    table = profile.service_table_ns(FP32, 2, 8)
    assert profile.service_table_ns(FP32, 2, 8) is table
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 1


def test_table_by_cost_has_one_layer_per_measured_cost():
    profile = with_costs()
    np.testing.assert_array_equal(profile.costs, [1, 3])
    table = profile.service_table_ns(FP32, 1, 8)
    np.testing.assert_allclose(table[:, 1, 1:], np.outer([1, 3], np.arange(1, 9)) * 1e6)
    with pytest.raises(ProfileError, match="service_table_ns"):
        profile.service_times_ns(FP32, 1, 8)


@pytest.mark.parametrize(
    ("n_workers", "size", "named"), [(5, 8, "n_workers"), (1, 33, "max_batch_size")]
)
def test_beyond_the_measured_range_is_refused_unless_asked_for(n_workers, size, named):
    profile = linear_profile()
    with pytest.raises(ProfileError, match=f"{named} is .* extrapolate=True"):
        profile.service_times_ns(FP32, n_workers, size)
    table = profile.service_times_ns(FP32, n_workers, size, extrapolate=True)
    expected_ms = (2 + 0.1 * size) * (1 + 0.5 * (n_workers - 1))
    np.testing.assert_allclose(table[n_workers, size], expected_ms * 1e6)


def test_covers_says_whether_a_config_stays_within_what_was_measured():
    profile = linear_profile()
    assert profile.covers(OptimizationConfig(max_batch_size=32, num_workers=4))
    assert not profile.covers(OptimizationConfig(max_batch_size=33))
    assert not profile.covers(OptimizationConfig(num_workers=5))
    assert not profile.covers(OptimizationConfig(quantization=QuantizationType.INT8))


def test_points_less_certain_than_asked_for_are_told():
    points = linear_profile().points.assign(service_ms=10.0, ci_low_ms=9.6, ci_high_ms=10.4)
    points.loc[3, ["ci_low_ms", "ci_high_ms"]] = 9.4, 10.8
    points.loc[7, ["ci_low_ms", "ci_high_ms"]] = -np.inf, np.inf
    asked = ServiceProfile(points, np.ones(1), settings={"precision": 0.05})
    assert asked.unsettled.index.tolist() == [3, 7]
    assert "2 of them less certain than ±5%" in repr(asked)
    not_asked = ServiceProfile(points, np.ones(1))
    assert not_asked.unsettled.empty
    assert "certain" not in repr(not_asked)


def test_variant_that_was_not_measured_is_refused():
    with pytest.raises(ProfileError, match="measured for FP32, not for INT8"):
        linear_profile().service_times_ns(QuantizationType.INT8, 1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"service_ms": -1.0},
        {"service_ms": np.nan},
        {"batch_size": 0},
        {"busy_workers": 0},
        {"quantization": "fp7"},
        {"batch_size": np.nan},
        {"batch_size": "1x"},
        {"service_ms": "fast"},
        {"cost": np.nan},
        {"cost": -1},
    ],
)
def test_points_that_no_measurement_gives_are_refused(change):
    points = linear_profile().points.assign(**change).head(1)
    with pytest.raises(ProfileError):
        ServiceProfile(points, np.ones(1))


@pytest.mark.parametrize("residuals", [[0.0], [], [np.nan], 1.0, ["much"], [[1.0]]])
def test_residuals_that_are_no_ratios_are_refused(residuals):
    with pytest.raises(ProfileError, match="residuals"):
        ServiceProfile(linear_profile().points, residuals)


def test_cold_starts_of_no_number_of_workers_are_refused():
    cold = {"quantization": ["fp32"], "n_workers": ["x"], "idle_ms": [1], "extra_ms": [1]}
    with pytest.raises(ProfileError, match="cold_starts must hold"):
        linear_profile(cold_starts=pd.DataFrame(cold))


def test_saved_profile_comes_back_whole(tmp_path):
    cold = pd.DataFrame(
        {
            "quantization": "fp32",
            "n_workers": 1,
            "batch_size": [1, 1, 3, 3],
            "idle_ms": [0, 4, 0, 8],
            "extra_ms": [0, 0.5, 0, 1.0],
        }
    )
    profile = linear_profile(
        model="digits",
        n_payloads=7,
        cold_starts=cold,
        overheads=Overheads(hit_ns=5.0),
        settings={"seed": 3},
        residual_sources=np.array([[1, 4]]),
    )
    again = ServiceProfile.load(profile.save(tmp_path / "profile.parquet"))
    pd.testing.assert_frame_equal(again.points, profile.points)
    pd.testing.assert_frame_equal(again.cold_starts, profile.cold_starts)
    for field in ("model", "host", "versions", "n_payloads", "cost", "overheads", "settings"):
        assert getattr(again, field) == getattr(profile, field)
    np.testing.assert_array_equal(again.residual_sources, [[1, 4]])


def test_cold_start_is_linear_in_the_pause_and_in_the_batch_size():
    cold = pd.DataFrame(
        {
            "quantization": "fp32",
            "n_workers": 1,
            "batch_size": [1, 1, 3, 3],
            "idle_ms": [0, 4, 0, 8],
            "extra_ms": [0, 0.5, 0, 1.0],
        }
    )
    idle_ns, extra_ns = linear_profile(cold_starts=cold).cold_start(FP32, 2, 4)
    np.testing.assert_array_equal(idle_ns, [0, 4e6, 8e6])
    np.testing.assert_allclose(extra_ns[:, 1], [0, 0.5e6, 0.5e6])
    np.testing.assert_allclose(extra_ns[:, 3], [0, 0.5e6, 1.0e6])
    np.testing.assert_allclose(extra_ns[2], [0.5e6, 0.5e6, 0.75e6, 1.0e6, 1.0e6])


def test_call_right_after_another_takes_nothing_longer():
    cold = pd.DataFrame(
        {
            "quantization": "fp32",
            "n_workers": 1,
            "batch_size": 1,
            "idle_ms": [0.5, 4],
            "extra_ms": [0.1, 0.5],
        }
    )
    idle_ns, extra_ns = linear_profile(cold_starts=cold).cold_start(FP32, 1, 1)
    np.testing.assert_array_equal(idle_ns, [0, 0.5e6, 4e6])
    np.testing.assert_allclose(extra_ns[:, 1], [0, 0.1e6, 0.5e6])


def test_noise_of_a_call_is_that_of_as_many_calls_at_once_and_of_batches_like_its_own():
    sources = [(1, 1), (1, 4), (1, 32), (2, 32), (2, 32)]
    profile = ServiceProfile(
        linear_profile().points, [0.5, 0.8, 1.0, 1.2, 1.5], residual_sources=np.array(sources)
    )
    assert profile.noise(1, 20).tolist() == [1.0]
    assert profile.noise(1, 3).tolist() == [0.8]
    assert profile.noise(2, 8).tolist() == [1.2, 1.5]
    with pytest.raises(ProfileError, match="residual_sources has 2 rows"):
        ServiceProfile(profile.points, [1.0], residual_sources=np.ones((2, 2), np.int64))


def test_saving_leaves_no_part_of_a_file_behind(tmp_path):
    linear_profile().save(tmp_path / "profile.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["profile.parquet"]
    with pytest.raises(ProfileError, match="cannot be written"):
        linear_profile().save(tmp_path / "no-folder" / "profile.parquet")


def test_files_that_are_no_profile_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(ProfileError, match="no readable service profile"):
        ServiceProfile.load(tmp_path / "nothing.parquet")
    (tmp_path / "text.parquet").write_text("text")
    with pytest.raises(ProfileError, match="no readable service profile"):
        ServiceProfile.load(tmp_path / "text.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(ProfileError, match="but not a service profile"):
        ServiceProfile.load(tmp_path / "other.parquet")


def test_file_of_a_newer_form_is_refused(tmp_path):
    path = linear_profile().save(tmp_path / "profile.parquet")
    table = pq.read_table(path)
    ((key, header),) = table.schema.metadata.items()
    newer = json.dumps({**json.loads(header), "format_version": 99})
    pq.write_table(table.replace_schema_metadata({key: newer}), path)
    with pytest.raises(ProfileError, match="format version 99"):
        ServiceProfile.load(path)


def test_profile_of_another_machine_or_model_is_warned_of():
    linear_profile().warn_if_foreign()
    other = dataclasses.replace(linear_profile(), host={"cpu": "other", "n_cores": 96})
    with pytest.warns(ForeignProfileWarning, match="another machine .*'other'"):
        other.warn_if_foreign()

    def model(inputs):
        return inputs

    with pytest.warns(ForeignProfileWarning, match="is of model 'unknown', not of"):
        linear_profile().warn_if_foreign(model)


def trace_of(start_ms, end_ms, sizes, config=None):
    arrival_ns = np.zeros(sum(sizes), np.int64)
    batch = np.repeat(np.arange(len(sizes)), sizes)
    start_ns = (np.array(start_ms) * 1e6).astype(np.int64)
    end_ns = (np.array(end_ms) * 1e6).astype(np.int64)
    return Trace(
        RequestColumns.of(arrival_ns, start_ns[batch], end_ns[batch], batch=batch),
        BatchColumns.of(start_ns, end_ns, sizes),
        metadata={"config": config or OptimizationConfig()},
    )


def test_profile_of_a_trace_holds_its_sizes_and_medians():
    start_ms = np.arange(20) * 10.0
    sizes = [1, 4] * 10
    trace = trace_of(start_ms, start_ms + 2 + 0.5 * np.array(sizes), sizes)
    profile = ServiceProfile.from_trace(trace)
    assert profile.points["batch_size"].tolist() == [1, 4]
    assert profile.points["busy_workers"].tolist() == [1, 1]
    np.testing.assert_allclose(profile.points["service_ms"], [2.5, 4])
    assert profile.points["n_samples"].tolist() == [10, 10]
    np.testing.assert_allclose(profile.residuals, 1.0)


def test_profile_of_a_trace_tells_calls_that_ran_at_once_apart():
    alone_ms, together_ms = np.arange(10) * 100.0, 2000 + np.arange(10) * 100.0
    start_ms = np.concatenate([alone_ms, together_ms, together_ms])
    end_ms = np.concatenate([alone_ms + 10, together_ms + 15, together_ms + 15])
    profile = ServiceProfile.from_trace(trace_of(start_ms, end_ms, [3] * 30))
    assert profile.points["busy_workers"].tolist() == [1, 2]
    np.testing.assert_allclose(profile.points["service_ms"], [10, 15])


@pytest.mark.parametrize("workers", [(2, 4), (4,)])
def test_calls_that_ran_alone_are_missed_where_they_were_not_profiled(workers):
    config = OptimizationConfig(max_batch_size=8, num_workers=1)
    never_alone = linear_profile(workers=workers)
    assert not never_alone.covers(config)
    assert caveats(never_alone, config) == (
        "Extrapolated: the profile holds batches of up to 32 and 4 calls at once, but none of "
        f"fewer than {workers[0]}.",
    )


def one_after_another(begin_ms, sizes, service_ms, n_at_once=1):
    """Return starts, ends and sizes of calls, so many of which run at any time."""
    every_ms = 3 * max(service_ms)
    start_ms = np.repeat(begin_ms + every_ms * np.arange(len(sizes)), n_at_once)
    return start_ms, start_ms + np.repeat(service_ms, n_at_once), np.repeat(sizes, n_at_once)


def trace_that_saw_few_calls_at_once():
    """Of 2 + 0.25·n ms alone, and 1.5 times as much beside another call: once, in a batch of 8."""
    sizes = np.array([1, 4, 16] * 20)
    alone = one_after_another(0, sizes, 2 + 0.25 * sizes)
    beside = one_after_another(10_000, [8], [1.5 * 4.0], n_at_once=2)
    start_ms, end_ms, both = (np.concatenate(parts) for parts in zip(alone, beside, strict=True))
    return trace_of(start_ms, end_ms, both)


def test_calls_at_once_that_a_trace_saw_seldom_take_their_shape_from_those_it_saw_often():
    profile = ServiceProfile.from_trace(trace_that_saw_few_calls_at_once())
    alone, beside = profile.service_times_ns(FP32, 2, 16)[1:, 1:]
    np.testing.assert_allclose(alone, (2 + 0.25 * np.arange(1, 17)) * 1e6)
    np.testing.assert_allclose(beside, 1.5 * alone)
    rows = profile.points[profile.points["busy_workers"] == 2]
    assert (rows["n_samples"] == 0).all()


def test_simulation_says_on_how_few_calls_it_rests(tmp_path):
    profile = ServiceProfile.from_trace(trace_that_saw_few_calls_at_once())
    kept = ServiceProfile.load(profile.save(tmp_path / "profile.parquet"))
    config = OptimizationConfig(max_batch_size=16, num_workers=2)
    assert caveats(kept, config) == (
        "Uncertain: the profile rests on only 2 calls with 2 at once; record more of them, or "
        "measure a profile.",
    )
    assert caveats(kept, config.replace(num_workers=1)) == ()


def test_times_of_one_batch_size_say_nothing_of_others():
    sizes = np.array([1, 4, 16] * 20)
    alone = one_after_another(0, sizes, 2 + 0.25 * sizes)
    beside = one_after_another(10_000, [8] * 20, [1.5 * 4.0] * 20, n_at_once=2)
    start_ms, end_ms, both = (np.concatenate(parts) for parts in zip(alone, beside, strict=True))
    profile = ServiceProfile.from_trace(trace_of(start_ms, end_ms, both))
    table = profile.service_times_ns(FP32, 2, 16)
    np.testing.assert_allclose(table[2, 1:], 1.5 * table[1, 1:])


def test_profile_of_a_trace_knows_its_quantization(tmp_path):
    config = OptimizationConfig(quantization=QuantizationType.INT8)
    trace = trace_of([0.0], [1.0], [1], config)
    assert ServiceProfile.from_trace(trace).quantizations == (QuantizationType.INT8,)
    opened = Trace.open(trace.save(tmp_path / "trace.parquet"))
    assert ServiceProfile.from_trace(opened).quantizations == (QuantizationType.INT8,)


def test_trace_without_model_calls_gives_no_profile():
    requests = RequestColumns.of([0], [1], [1], from_cache=True, has_key=True)
    with pytest.raises(ProfileError, match="holds no model call"):
        ServiceProfile.from_trace(Trace(requests, BatchColumns.of()))


def test_overheads_are_never_negative():
    with pytest.raises(ProfileError, match="timer_ns is -1"):
        Overheads(timer_ns=-1)
