"""The tuning screen: move a control, wait, and read what it shows."""

import json
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from codomyrmex_lab.dashboards import TuningDashboard
from codomyrmex_lab.errors import ConfigFileError, SettingError, WorkloadError
from codomyrmex_lab.export import load_config
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
)
from codomyrmex_lab.plots.theme import DARK
from codomyrmex_lab.simulation import ServiceProfile, simulate_summary
from codomyrmex_lab.workloads import Workload
from tests.dashboards.conftest import WAIT_S, double, made_profile

Open = Callable[..., TuningDashboard]
START = OptimizationConfig(batch_timeout_ms=5.0)


@pytest.fixture
def open_dashboard(opened: Any, workload: Workload, profile: ServiceProfile) -> Open:
    def open_one(model: Any = double, traffic: Workload = workload, **more: Any) -> TuningDashboard:
        settings = {"config": START, "profile": profile, "verify_s": 0.3, **more}
        return answered(opened(TuningDashboard(model, traffic, **settings)))

    return open_one


def answered(dashboard: TuningDashboard) -> TuningDashboard:
    assert dashboard.wait(WAIT_S)
    return dashboard


def foreseen(dashboard: TuningDashboard) -> TuningDashboard:
    assert dashboard._answers.wait_foreseen(WAIT_S)
    return dashboard


def pixels(dashboard: TuningDashboard) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(dashboard.picture.png)).convert("RGB"))


def test_it_answers_from_the_simulator_and_says_so(
    open_dashboard: Open, workload: Workload, profile: ServiceProfile
) -> None:
    dashboard = open_dashboard()
    assert dashboard.findings.summary == simulate_summary(workload, profile, START)
    assert "simulated, n = 200" in dashboard.status.lower()
    assert f"{dashboard.findings.summary.cache_hit_rate:.1%}" in dashboard.words.value
    assert ">simulated<" in dashboard.table.value
    assert pixels(dashboard).std() > 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_batch_size", 4),
        ("batch_timeout_ms", 1.0),
        ("cache_max_size", 5),
        ("num_workers", 1),
        ("enable_caching", False),
        ("batching_strategy", BatchingStrategy.FIXED),
        ("batching_strategy", BatchingStrategy.ADAPTIVE),
    ],
)
def test_each_moved_control_is_answered(
    open_dashboard: Open, workload: Workload, profile: ServiceProfile, name: str, value: object
) -> None:
    dashboard = open_dashboard()
    dashboard.controls.settings[name].value = value
    answered(dashboard)
    config = START.replace(**{name: value})
    assert dashboard.findings.config == config
    assert dashboard.findings.summary == simulate_summary(workload, profile, config)


def test_the_newest_setting_wins(open_dashboard: Open) -> None:
    dashboard = open_dashboard()
    for size in range(2, 60):
        dashboard.controls.settings["max_batch_size"].value = size
    answered(dashboard)
    assert dashboard.findings.config.max_batch_size == 59


def test_the_load_slider_hastens_the_workload(
    open_dashboard: Open, workload: Workload, profile: ServiceProfile
) -> None:
    dashboard = open_dashboard()
    dashboard.load = 3.0
    answered(dashboard)
    hastened = simulate_summary(workload.scale_rate(3.0), profile, START)
    assert dashboard.findings.summary == hastened


def test_more_than_the_settings_can_serve_is_said(open_dashboard: Open) -> None:
    config = OptimizationConfig(max_batch_size=1, num_workers=1, enable_caching=False)
    dashboard = open_dashboard(config=config, load=10.0)
    assert dashboard.findings.load_factor > 1
    assert "times what these settings can serve" in dashboard.status


def test_settings_beyond_the_profile_are_marked(open_dashboard: Open) -> None:
    dashboard = open_dashboard(config=START.replace(max_batch_size=100))
    assert "Extrapolated: the profile holds batches of up to 64" in dashboard.status
    assert dashboard.controls.settings["num_workers"].max == 4


@pytest.mark.parametrize("size", [3, 5, 6, 9, 64])
def test_wherever_a_key_sends_a_slider_in_use_is_drawn_before(
    open_dashboard: Open, size: int
) -> None:
    dashboard = open_dashboard(config=START.replace(max_batch_size=2))
    slider = dashboard.controls.settings["max_batch_size"]
    slider.value = 4
    before = foreseen(dashboard).picture.png
    slider.value = size
    ready = dashboard.picture.png
    assert ready != before
    assert answered(dashboard).picture.png == ready
    assert dashboard.findings.config.max_batch_size == size
    slider.value = 4
    assert dashboard.picture.png == before


@pytest.mark.parametrize(("place", "size"), [(36, 37), (1, 3)])
def test_where_a_hand_is_about_to_put_a_slider_is_drawn_before(
    open_dashboard: Open, place: int, size: int
) -> None:
    dashboard = open_dashboard(config=START.replace(max_batch_size=2))
    before = foreseen(dashboard).picture.png
    dashboard.page.aim.value = f"Batch size|{place}|1234.5"
    assert foreseen(dashboard).picture.png == before
    assert dashboard.config.max_batch_size == 2
    dashboard.controls.settings["max_batch_size"].value = size
    ready = dashboard.picture.png
    assert ready != before
    assert answered(dashboard).picture.png == ready
    assert dashboard.findings.config.max_batch_size == size


@pytest.mark.parametrize(
    "sent", ["", "Batch size", "Batch size|x|1", "Batch size|999|1", "A|1|2|3"]
)
def test_a_pointer_that_rests_nowhere_changes_nothing(open_dashboard: Open, sent: str) -> None:
    dashboard = open_dashboard()
    before = dashboard.picture.png
    dashboard.page.aim.value = sent
    assert foreseen(dashboard).picture.png == before


@pytest.mark.parametrize(
    ("slider", "text", "name", "value"),
    [
        ("Timeout (ms)", "7", "batch_timeout_ms", 7.0),
        ("Timeout (ms)", "0.42", "batch_timeout_ms", 0.42),
        ("Cache size", "12,345", "cache_max_size", 12_345),
        ("Target (ms)", "none", "latency_target_ms", None),
        ("Target (ms)", "12.5", "latency_target_ms", 12.5),
    ],
)
def test_a_number_that_is_typed_beside_a_slider_is_taken_over(
    open_dashboard: Open, slider: str, text: str, name: str, value: object
) -> None:
    start = START.replace(batching_strategy=BatchingStrategy.ADAPTIVE, latency_target_ms=5.0)
    dashboard = open_dashboard(config=start)
    dashboard.page.typed.value = f"{slider}|{text}|1.5"
    answered(dashboard)
    assert dashboard.config == start.replace(**{name: value})
    assert dashboard.findings.config == dashboard.config


def test_a_load_that_is_typed_is_taken_over(open_dashboard: Open) -> None:
    dashboard = open_dashboard()
    dashboard.page.typed.value = "Load (×)|2.5|1.5"
    assert dashboard.load == 2.5


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("Timeout (ms)|soon|1", "Timeout (ms) is 'soon'; expected a number."),
        ("Timeout (ms)|-1|1", "batch_timeout_ms is -1.0"),
        ("Timeout (ms)|nan|1", "batch_timeout_ms is nan"),
        ("Cache size|2.5|1", "cache_max_size is 2.5"),
        ("Cache size|inf|1", "cache_max_size is inf"),
        ("Load (×)|0|1", "load is 0"),
        ("Load (×)|fast|1", "Load (×) is 'fast'; expected a number."),
    ],
)
def test_what_is_typed_and_no_setting_is_refused(
    open_dashboard: Open, typed: str, said: str
) -> None:
    dashboard = open_dashboard()
    dashboard.page.typed.value = typed
    assert dashboard.status.startswith(f"Refused: {said}")
    assert (dashboard.config, dashboard.load) == (START, 1.0)


def test_what_was_not_foreseen_is_answered_all_the_same(open_dashboard: Open) -> None:
    dashboard = open_dashboard(config=START.replace(max_batch_size=2))
    before = foreseen(dashboard).picture.png
    dashboard.controls.settings["max_batch_size"].value = 37
    assert dashboard.picture.png == before
    assert answered(dashboard).picture.png != before
    assert dashboard.findings.config.max_batch_size == 37


def test_a_picture_that_was_foreseen_is_not_shown_in_another_theme(open_dashboard: Open) -> None:
    dashboard = open_dashboard(config=START.replace(max_batch_size=3))
    slider = dashboard.controls.settings["max_batch_size"]
    slider.value = 4
    foreseen(dashboard)
    dashboard.page.theme.value = "dark"
    slider.value = 5
    answered(dashboard)
    assert tuple(pixels(dashboard)[0, 0]) == (0x11, 0x11, 0x11)


def test_a_setting_without_effect_is_said(open_dashboard: Open) -> None:
    dashboard = open_dashboard()
    assert "Target (ms): no effect: only ADAPTIVE uses it" in dashboard.controls.notes
    assert "a lone request waits the whole 5 ms, by definition" in dashboard.controls.notes


def test_verify_measures_beside_the_prediction_and_says_the_error(open_dashboard: Open) -> None:
    dashboard = open_dashboard()
    before = dashboard.picture.png
    dashboard.actions.verify_button.click()
    answered(dashboard)
    verification = dashboard.verification
    assert verification is not None
    assert verification.measured.distribution.scope.origin == "measured"
    assert verification.predicted.distribution.scope.origin == "simulated"
    n = len(verification.load.workload)
    assert verification.measured.summary.n_requests == n == 200
    assert verification.predicted.summary.n_requests == n
    assert "Verified on the real engine" in dashboard.status
    assert "error of the prediction" in dashboard.table.value
    assert dashboard.picture.png != before

    dashboard.controls.settings["max_batch_size"].value = 4
    answered(dashboard)
    assert dashboard.verification is None
    assert "error of the prediction" not in dashboard.table.value


def test_a_movement_gives_a_verification_up(open_dashboard: Open) -> None:
    began = threading.Event()

    def slow(inputs: list[int]) -> list[int]:
        began.set()
        return inputs

    dashboard = open_dashboard(slow, Workload([0.0, 3600.0]), verify_s=3600.0)
    dashboard.verify()
    assert began.wait(WAIT_S)
    dashboard.controls.settings["max_batch_size"].value = 4
    answered(dashboard)
    assert dashboard.verification is None


def test_a_model_that_fails_is_told_by_the_verification(open_dashboard: Open) -> None:
    def broken(inputs: list[int]) -> list[int]:
        raise RuntimeError("out of order")

    dashboard = open_dashboard(broken)
    dashboard.verify()
    answered(dashboard)
    assert dashboard.verification.measured.summary.n_errors == 200
    assert "200 requests failed" in dashboard.status


def test_a_pinned_line_stays_to_compare_with(open_dashboard: Open) -> None:
    dashboard = open_dashboard()
    dashboard.actions.pin_button.click()
    dashboard.controls.settings["max_batch_size"].value = 2
    answered(dashboard)
    assert "pinned, simulated" in dashboard.table.value
    assert "Pinned" not in dashboard.status


def test_what_was_pinned_is_said_and_how_to_forget_it(open_dashboard: Open) -> None:
    dashboard = open_dashboard(load=2.0)
    before = dashboard.status
    dashboard.actions.pin_button.click()
    answered(dashboard)
    assert dashboard.status == (
        f"{before} Pinned: FP32 · DYNAMIC · batch 32 · 5 ms · cache 1,000 · 4 workers, at a load "
        "of 2×. It shows beside other settings; Pin pressed again here forgets it."
    )
    dashboard.actions.pin_button.click()
    answered(dashboard)
    assert dashboard.status == f"{before} Nothing is pinned any more."
    dashboard.controls.settings["max_batch_size"].value = 2
    answered(dashboard)
    assert "pinned" not in dashboard.status + dashboard.table.value


def test_a_variant_that_was_not_profiled_is_said_and_survived(open_dashboard: Open) -> None:
    model = {QuantizationType.FP32: double, QuantizationType.INT8: double}
    dashboard = open_dashboard(model)
    dashboard.controls.settings["quantization"].value = QuantizationType.INT8
    answered(dashboard)
    assert "not for INT8" in dashboard.status
    dashboard.controls.settings["quantization"].value = QuantizationType.FP32
    answered(dashboard)
    assert dashboard.findings.config.quantization is QuantizationType.FP32


def test_quality_stands_beside_speed(open_dashboard: Open) -> None:
    both = (QuantizationType.FP32, QuantizationType.INT8)
    quality = pd.DataFrame(
        {"top1_agreement": [1.0, 0.985], "n_samples": [200, 200]},
        index=pd.Index([one.value for one in both], name="variant"),
    )
    dashboard = open_dashboard(
        dict.fromkeys(both, double), quality=quality, profile=made_profile(*both)
    )
    dashboard.controls.settings["quantization"].value = QuantizationType.INT8
    answered(dashboard)
    assert "98.5%" in dashboard.words.value
    assert "n = 200" in dashboard.words.value


def test_the_profile_is_measured_where_none_is_given(
    opened: Any, workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODOMYRMEX_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr("codomyrmex_lab.dashboards.prediction._PROFILE_S", 0.5)
    dashboard = answered(opened(TuningDashboard(double, workload, START)))
    assert dashboard.profile is not None
    assert dashboard.findings is not None


def test_something_that_is_no_model_is_reported(opened: Any, workload: Workload) -> None:
    dashboard = answered(opened(TuningDashboard(42, workload)))
    assert dashboard.status.startswith("Failed: ")
    assert dashboard.findings is None


def test_arguments_outside_their_range_are_refused(workload: Workload) -> None:
    before = threading.active_count()
    with pytest.raises(SettingError, match="load"):
        TuningDashboard(double, workload, load=0)
    with pytest.raises(SettingError, match="verify_s"):
        TuningDashboard(double, workload, verify_s=-1)
    with pytest.raises(WorkloadError, match="expected a Workload"):
        TuningDashboard(double, "traffic.csv")  # type: ignore[arg-type]
    assert threading.active_count() == before


def test_what_is_exported_brings_its_evidence(
    open_dashboard: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dashboard = open_dashboard()
    dashboard.controls.settings["max_batch_size"].value = 24
    answered(dashboard)
    dashboard.export_panel.button.click()
    assert load_config(tmp_path / "tuned.json") == dashboard.config
    evidence = json.loads((tmp_path / "tuned.json").read_text())["evidence"]
    predicted = evidence["predicted"]
    assert predicted["p99_ms"] == pytest.approx(dashboard.findings.summary.p99_ms, rel=1e-5)
    assert predicted["n_requests"] == 200
    assert "measured" not in evidence


def test_its_state_is_saved_and_restored(open_dashboard: Open, tmp_path: Path) -> None:
    dashboard = open_dashboard()
    dashboard.controls.settings["max_batch_size"].value = 13
    dashboard.load = 2.0
    dashboard.tabs.selected_index = 2
    path = dashboard.save(tmp_path / "screen.json")
    other = open_dashboard()
    other.restore(path)
    assert (other.config, other.load, other.tabs.selected_index) == (dashboard.config, 2.0, 2)
    with pytest.raises(ConfigFileError, match="cannot be written"):
        dashboard.save(tmp_path / "no" / "screen.json")


@pytest.mark.parametrize(
    ("name", "value"), [("view", 3), ("view", "x"), ("view", True), ("view", None), ("load", 1e9)]
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(
    open_dashboard: Open, tmp_path: Path, name: str, value: object
) -> None:
    dashboard = open_dashboard()
    path = dashboard.save(tmp_path / "screen.json")
    record = json.loads(path.read_text())
    record["config"]["max_batch_size"] = 13
    path.write_text(json.dumps({**record, name: value}))
    with pytest.raises(ConfigFileError, match=rf"{name} is {value!r}; expected"):
        dashboard.restore(path)
    assert (dashboard.config, dashboard.load, dashboard.tabs.selected_index) == (START, 1.0, 0)


def test_the_page_tells_its_theme(open_dashboard: Open) -> None:
    dashboard = open_dashboard()
    dashboard.page.theme.value = "dark"
    answered(dashboard)
    assert dashboard.theme is DARK
    assert pixels(dashboard)[0, 0].tolist() == [0x11, 0x11, 0x11]


def test_close_frees_threads_and_widgets(workload: Workload, profile: ServiceProfile) -> None:
    before = set(threading.enumerate())
    dashboard = TuningDashboard(double, workload, profile=profile)
    dashboard.close()
    assert set(threading.enumerate()) <= before
    assert dashboard.picture.comm is None
    assert dashboard.wait(0)
    dashboard.close()
    dashboard.config = OptimizationConfig(max_batch_size=2)
    assert set(threading.enumerate()) <= before


def test_it_shows_itself_where_there_are_no_widgets(open_dashboard: Open) -> None:
    bundle = open_dashboard()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"].startswith("TuningDashboard(FP32 · DYNAMIC · batch 32 · 5 ms")
    assert "Simulated, n = 200" in bundle["text/plain"]
    assert bundle["image/png"].startswith("iVBOR")
