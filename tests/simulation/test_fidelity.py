import time

import numpy as np
import pandas as pd
import pytest

from codomyrmex_lab.errors import ForeignProfileWarning, ProfileError, SettingError
from codomyrmex_lab.optimization import OptimizationConfig
from codomyrmex_lab.simulation import FIGURES, FidelityReport, fidelity
from codomyrmex_lab.simulation.fidelity import at_load
from codomyrmex_lab.tracing.provenance import model_identity
from codomyrmex_lab.workloads import Workload
from tests.simulation.profiles import linear_profile

CONFIG = OptimizationConfig(max_batch_size=4, batch_timeout_ms=5, num_workers=1)
WORKLOAD = Workload.poisson(200, 80, n_keys=40, seed=1)


def model(inputs):
    time.sleep((2 + 0.1 * len(inputs)) / 1e3)
    return list(inputs)


def report_of(predicted, *measured):
    rows = [{"case": "a", "kind": "predicted", "n_requests": 9, **predicted}]
    rows += [{"case": "a", "kind": "measured", "n_requests": 9, **one} for one in measured]
    return FidelityReport(pd.DataFrame(rows), {"cpu": "here"})


def figures(value):
    return dict.fromkeys(FIGURES, value)


def test_report_compares_predicted_with_the_middle_and_the_replays_with_each_other():
    frame = report_of(figures(0.9), figures(0.8), figures(1.2)).frame().set_index("figure")
    assert frame["measured"].tolist() == [1.0] * len(FIGURES)
    np.testing.assert_allclose(frame["error"], -0.1)
    np.testing.assert_allclose(frame["noise"], 0.4)
    assert (frame["n_replays"] == 2).all()


def test_noise_is_the_median_distance_of_two_replays():
    frame = report_of(figures(1.0), figures(0.9), figures(1.0), figures(1.3)).frame()
    assert frame["measured"].tolist() == [1.0] * len(FIGURES)
    np.testing.assert_allclose(frame["noise"], 0.3)  # of 0.1, 0.3 and 0.4


def test_errors_of_hit_rates_are_differences():
    measured = figures(100.0) | {"cache_hit_rate": 0.5}
    predicted = figures(110.0) | {"cache_hit_rate": 0.45}
    errors = report_of(predicted, measured, measured).errors()
    assert errors["worst_error"]["p50_ms"] == pytest.approx(0.1)
    assert errors["worst_error"]["cache_hit_rate"] == pytest.approx(0.05)
    assert errors["worst_beyond_noise"]["p50_ms"] == pytest.approx(0.1)


def test_errors_within_twice_the_noise_are_told_apart():
    errors = report_of(figures(1.15), figures(0.95), figures(1.05)).errors()
    assert errors["worst_error"]["p95_ms"] == pytest.approx(0.15)
    assert errors["worst_beyond_noise"]["p95_ms"] == 0


def test_reports_are_joined_by_name():
    one = report_of(figures(1.0), figures(1.0), figures(1.0))
    both = FidelityReport.joined({"50%": one, "85%": one})
    assert both.runs["case"].unique().tolist() == ["50%, a", "85%, a"]
    assert both.markdown().count("\n") == 1 + len(FIGURES)


def test_fidelity_replays_every_config_as_often_as_asked_for():
    told = []
    configs = {"cached": CONFIG, "plain": CONFIG.replace(enable_caching=False)}
    report = fidelity(
        model,
        WORKLOAD,
        configs,
        profile=linear_profile(model=f"{__name__}.model"),
        progress=lambda *counts: told.append(counts),
    )
    runs = report.runs.groupby(["case", "kind"]).size()
    assert runs["cached", "measured"] == runs["plain", "measured"] == 2
    assert runs["cached", "predicted"] == 1
    assert told[-1] == (4, 4)
    frame = report.frame().set_index(["case", "figure"])
    assert frame["measured"]["plain", "cache_hit_rate"] == 0
    assert abs(frame["error"]["cached", "cache_hit_rate"]) < 0.2


def test_a_profile_that_is_a_function_is_measured_before_each_round():
    profiles = [linear_profile(fixed_ms=ms, model=f"{__name__}.model") for ms in (1.0, 2.0, 9.0)]
    measured = iter(profiles)
    report = fidelity(
        model,
        WORKLOAD,
        {"a": CONFIG},
        profile=lambda: next(measured),
        n_replays=3,
        progress=False,
    )
    kinds = report.runs["kind"].tolist()
    assert kinds == ["predicted", "measured"] * 3
    predicted = report.runs.loc[report.runs["kind"] == "predicted", "p50_ms"]
    assert predicted.is_monotonic_increasing
    frame = report.frame().set_index("figure")
    assert frame["predicted"]["p50_ms"] == predicted.median()


def test_load_is_a_share_of_what_the_engine_serves_at_most():
    one_by_one = CONFIG.replace(max_batch_size=1, enable_caching=False)
    scaled = at_load(model, WORKLOAD, one_by_one, 0.5)
    assert len(scaled) / scaled.duration_s <= 0.5 / 2.1e-3


def test_a_foreign_profile_is_warned_of():
    with pytest.warns(ForeignProfileWarning, match="is of model 'other'"):
        fidelity(
            model,
            WORKLOAD.head(5),
            {"a": CONFIG},
            profile=linear_profile(model="other"),
            progress=False,
        )


def test_one_replay_alone_is_refused():
    with pytest.raises(SettingError, match="n_replays"):
        fidelity(model, WORKLOAD, {"a": CONFIG}, n_replays=1)
    with pytest.raises(SettingError, match="at least one config"):
        fidelity(model, WORKLOAD, {})


AT_ONCE = Workload([0.0] * 4)


@pytest.mark.parametrize(
    ("workload", "configs", "settings", "told"),
    [
        (WORKLOAD, [CONFIG], {}, "expected at least one config by its name"),
        (WORKLOAD, CONFIG, {}, "expected at least one config by its name"),
        ([1.0, 2.0], {"a": CONFIG}, {}, "workload is a list"),
        (AT_ONCE, {"a": CONFIG}, {"load": 0.5}, "due at once"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_replayed(
    workload, configs, settings, told
):
    with pytest.raises(SettingError, match=told):
        fidelity(model, workload, configs, profile=linear_profile(), progress=False, **settings)


def test_config_beyond_the_profile_is_refused_unless_asked_for():
    configs = {"large": CONFIG.replace(max_batch_size=64)}
    profile = linear_profile(model=model_identity(model))
    with pytest.raises(ProfileError, match="extrapolate=True"):
        fidelity(model, WORKLOAD, configs, profile=profile, progress=False)
    report = fidelity(model, WORKLOAD, configs, profile=profile, progress=False, extrapolate=True)
    assert report.runs["case"].unique().tolist() == ["large"]
