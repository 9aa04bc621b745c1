import threading
import time

import numpy as np
import pandas as pd
import pytest

from codomyrmex_lab.errors import ProfileError, SettingError, WorkloadError
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig, QuantizationType
from codomyrmex_lab.simulation import ServiceProfile, profile
from codomyrmex_lab.workloads import Workload

FP32, INT8 = QuantizationType.FP32, QuantizationType.INT8
WORKLOAD = Workload(np.arange(30) * 0.01, payloads=[float(n) for n in range(30)])
QUICK = {
    "batch_sizes": (1, 4),
    "workers": (1, 2),
    "budget_s": 1.0,
    "precision": 0.5,
    "with_engine": False,
    "progress": False,
}


class Sleeper:
    """Takes ``fixed_ms`` and so much per request."""

    def __init__(self, identity=None, fixed_ms=2.0, per_request_ms=0.5):
        self.times_ms = (fixed_ms, per_request_ms)
        self.n_calls = 0
        if identity is not None:
            self.identity = identity

    def __call__(self, inputs):
        self.n_calls += 1
        fixed_ms, per_request_ms = self.times_ms
        time.sleep((fixed_ms + per_request_ms * len(inputs)) / 1e3)
        return list(inputs)


def in_python(inputs):
    """Compute for 15 ms without letting any other thread do so."""
    end_s = time.thread_time() + 0.015
    while time.thread_time() < end_s:
        pass
    return inputs


def medians(found):
    return found.points.set_index(["busy_workers", "batch_size"])["service_ms"]


def test_profile_holds_every_size_and_number_of_calls_at_once():
    found = profile(Sleeper(), WORKLOAD, **QUICK)
    assert sorted(medians(found).index) == [(1, 1), (1, 4), (2, 1), (2, 4)]
    assert (found.points["n_samples"] >= 2).all()
    assert (found.points["ci_low_ms"] <= found.points["service_ms"]).all()
    assert found.n_payloads == 30
    assert medians(found)[1, 4] >= 4.0  # the model sleeps for so long


def test_what_engine_and_driver_add_is_measured_on_the_engine():
    found = profile(Sleeper(), WORKLOAD, **{**QUICK, "batch_sizes": (1, 4), "with_engine": True})
    added = found.overheads
    assert added.deliver_ns + added.deliver_request_ns > 0
    assert added.submit_ns > 0
    assert np.median(found.submit_residuals) == pytest.approx(1, rel=0.1)
    idle_ns, extra_ns = found.cold_start(FP32)
    assert (np.diff(idle_ns) > 0).all()
    assert (np.diff(extra_ns) >= 0).all()


def test_calls_one_after_the_other_are_warm_although_the_engine_rests_between_them():
    found = profile(Sleeper(), WORKLOAD, **{**QUICK, "batch_sizes": (1, 4), "with_engine": True})
    for _, of_size in found.cold_starts.groupby("batch_size"):
        assert of_size["extra_ms"].iloc[0] == 0
        assert of_size["idle_ms"].is_monotonic_increasing
        assert 0 < of_size["idle_ms"].iloc[0] < of_size["idle_ms"].iloc[1]


def test_calls_that_take_time_from_each_other_take_longer_at_once():
    found = medians(profile(in_python, WORKLOAD, **QUICK))
    assert found[2, 4] > 1.5 * found[1, 4]


def test_each_variant_is_measured():
    model = {FP32: Sleeper(), INT8: Sleeper(fixed_ms=0.2)}
    found = profile(model, WORKLOAD, **QUICK)
    assert found.quantizations == (FP32, INT8)
    by = found.points.set_index(["quantization", "busy_workers", "batch_size"])["service_ms"]
    assert by["int8", 1, 1] < by["fp32", 1, 1]


def test_service_time_is_measured_by_the_cost_of_the_costliest_request():
    def model(inputs):
        time.sleep(max(inputs) / 1e3)
        return inputs

    workload = WORKLOAD.with_costs(lambda payload: payload // 10 * 3)
    workload = workload.with_payloads(np.repeat([1.0, 4.0, 7.0], 10)).with_costs(
        lambda payload: payload
    )
    found = profile(model, workload, cost="cost", **QUICK)
    assert found.cost == "cost"
    np.testing.assert_array_equal(found.costs, [1.0, 4.0, 7.0])
    table = found.service_table_ns(FP32, 1, 4)
    assert (table[:, 1, 4] >= np.array([1.0, 4.0, 7.0]) * 1e6).all()


def test_profile_of_a_model_with_an_identity_is_kept_on_disk(tmp_path):
    model = Sleeper("model@1")
    first = profile(model, WORKLOAD, cache_dir=tmp_path, **QUICK)
    n_calls = model.n_calls
    again = profile(model, WORKLOAD, cache_dir=tmp_path, **QUICK)
    assert model.n_calls == n_calls
    assert again.points.equals(first.points)
    assert again.overheads == first.overheads
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("change", ["identity", "payloads", "settings", "refresh"])
def test_profile_is_measured_anew_when_anything_changes(tmp_path, change):
    profile(Sleeper("model@1"), WORKLOAD, cache_dir=tmp_path, **QUICK)
    model = Sleeper("model@2" if change == "identity" else "model@1")
    workload = WORKLOAD.head(9) if change == "payloads" else WORKLOAD
    settings = {**QUICK, "batch_sizes": (1, 3)} if change == "settings" else QUICK
    profile(model, workload, cache_dir=tmp_path, refresh=change == "refresh", **settings)
    assert model.n_calls > 0


def asked_for_twice(tmp_path, workload=WORKLOAD, then=WORKLOAD, **changes):
    """Return how many calls a model got for the second of two profiles that are asked for."""
    patient = {**QUICK, "budget_s": 60.0}
    profile(Sleeper("model@1"), workload, cache_dir=tmp_path, **patient)
    model = Sleeper("model@1")
    profile(model, then, cache_dir=tmp_path, **patient | changes)
    return model.n_calls


def test_profile_is_used_again_for_other_arrivals_of_the_same_payloads(tmp_path):
    payloads = [f"prompt {n}" for n in range(9)]
    one, other = (Workload.poisson(300, 900, payloads=payloads, seed=seed) for seed in (0, 1))
    assert asked_for_twice(tmp_path, one, other) == 0
    assert asked_for_twice(tmp_path, one, one.scale_rate(2).head(700)) == 0


def test_of_many_payloads_the_same_ones_are_taken_whatever_their_order(tmp_path):
    keys = [f"prompt {n}" for n in range(1_000)]
    one, other = Workload(np.arange(1_000), keys), Workload(np.arange(1_000), keys[::-1])
    assert asked_for_twice(tmp_path, one, other) == 0


def test_other_costs_of_the_same_payloads_are_measured(tmp_path):
    one, other = (WORKLOAD.with_costs(lambda payload, n=n: n * payload + 1) for n in (1, 2))
    profile(Sleeper("model@1"), one, cost="cost", cache_dir=tmp_path, **QUICK)
    model = Sleeper("model@1")
    profile(model, other, cost="cost", cache_dir=tmp_path, **QUICK)
    assert model.n_calls > 0


@pytest.mark.parametrize("thorough", [{"budget_s": 90.0}, {"budget_s": 0.5}, {"precision": 0.9}])
def test_profile_is_used_again_where_it_is_as_precise_as_asked_for(tmp_path, thorough):
    assert asked_for_twice(tmp_path, **thorough) == 0


def test_profile_is_measured_anew_where_more_precision_is_asked_for(tmp_path):
    assert asked_for_twice(tmp_path, precision=1e-6, budget_s=0.2) > 0


def test_function_with_an_identity_is_kept(tmp_path):
    def model(inputs):
        return inputs

    model.identity = "model@1"
    profile(model, WORKLOAD, cache_dir=tmp_path, **QUICK)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("workload", [[1, 2], np.arange(3)])
def test_what_is_no_workload_is_refused(workload):
    with pytest.raises(WorkloadError, match="expected a Workload"):
        profile(Sleeper(), workload, **QUICK)


def test_damaged_profile_on_disk_is_measured_anew(tmp_path, caplog):
    model = Sleeper("model@1")
    profile(model, WORKLOAD, cache_dir=tmp_path, **QUICK)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"garbage")
    n_calls = model.n_calls
    profile(model, WORKLOAD, cache_dir=tmp_path, **QUICK)
    assert model.n_calls > n_calls
    assert "is measured anew" in caplog.text
    assert ServiceProfile.load(kept)


def test_profile_that_cannot_be_kept_is_returned(tmp_path, caplog):
    no_folder = tmp_path / "file"
    no_folder.write_text("")
    assert len(profile(Sleeper("model@1"), WORKLOAD, cache_dir=no_folder, **QUICK).points) == 4
    assert "is not kept" in caplog.text


def test_profile_of_a_plain_function_is_not_kept(tmp_path):
    profile(lambda inputs: inputs, WORKLOAD, cache_dir=tmp_path, **QUICK)
    assert not list(tmp_path.iterdir())


def test_progress_ends_at_the_number_of_points():
    told = []
    profile(Sleeper(), WORKLOAD, **{**QUICK, "progress": lambda *counts: told.append(counts)})
    assert told[-1] == (4, 4)
    assert told == sorted(told)


def test_payloads_are_made_up_for_a_model_that_tells_its_inputs(repository):
    from codomyrmex_lab.runtimes import OnnxModel

    with OnnxModel(repository / "data" / "digits.onnx") as model:
        found = profile(model, quantizations=[FP32], refresh=True, **QUICK)
    assert found.model == model.identity


def test_without_workload_other_models_are_refused():
    with pytest.raises(SettingError, match="Without a workload"):
        profile(lambda inputs: inputs, **QUICK)


def test_unknown_cost_column_is_refused():
    with pytest.raises(SettingError, match="cost is 'tokens', which is no column"):
        profile(Sleeper(), WORKLOAD, cost="tokens", **QUICK)


@pytest.mark.parametrize("costs", [[np.nan, 1.0] * 15, [-1.0] * 30, [np.inf] * 30, ["many"] * 30])
def test_costs_that_are_none_are_refused(costs):
    workload = Workload(
        WORKLOAD.arrival_s, payloads=WORKLOAD.payloads, columns=pd.DataFrame({"tokens": costs})
    )
    with pytest.raises(WorkloadError, match="Column 'tokens'"):
        profile(Sleeper(), workload, cost="tokens", **QUICK)


def test_model_that_does_not_answer_one_to_one_is_refused():
    with pytest.raises(ProfileError, match="expected a sequence of one output"):
        profile(lambda inputs: [], WORKLOAD, **QUICK)


@pytest.mark.parametrize("with_engine", [True, False])
def test_model_that_answers_one_input_of_many_is_refused(with_engine):
    settings = {**QUICK, "with_engine": with_engine}
    with pytest.raises(ProfileError, match=r"answered 4 inputs with list .* one output for each"):
        profile(lambda inputs: inputs[:1], WORKLOAD, **settings)


def test_model_that_fails_in_one_of_several_calls_at_once_ends_the_measurement():
    first_to_run_beside_another = threading.Lock()

    def model(inputs):
        if threading.active_count() > n_threads and first_to_run_beside_another.acquire(False):
            raise MemoryError("no room")
        return inputs

    n_threads = threading.active_count() + 1
    with pytest.raises(MemoryError, match="no room"):
        profile(model, WORKLOAD, **{**QUICK, "workers": (2,)})


@pytest.mark.parametrize(
    "setting",
    [
        {"batch_sizes": ()},
        {"batch_sizes": (0,)},
        {"batch_sizes": 8},
        {"quantizations": ["int8"]},
        {"quantizations": "int8"},
        {"workers": (1.5,)},
        {"precision": 0},
        {"confidence": 1.0},
        {"confidence": "high"},
        {"budget_s": -1},
        {"seed": -1},
    ],
)
def test_settings_outside_their_range_are_refused(setting):
    with pytest.raises(SettingError, match=next(iter(setting))):
        profile(Sleeper(), WORKLOAD, **{**QUICK, **setting})


def test_profile_from_a_trace_of_the_engine_agrees_with_the_model():
    from codomyrmex_lab.workloads import replay

    config = OptimizationConfig(max_batch_size=4, num_workers=1, enable_caching=False)
    model = Sleeper("model@1", fixed_ms=4.0)
    with InferenceOptimizer(model, config) as engine:
        trace = replay(engine, WORKLOAD.scale_rate(4.0), progress=False)
    found = ServiceProfile.from_trace(trace, model=model)
    assert not found.foreign(model)
    assert len(found.foreign(Sleeper("model@2"))) == 1
    full = found.points[found.points["batch_size"] == 4]
    assert full["service_ms"].item() >= 6.0
