"""The tuning screen: move a control, wait, and read what it shows."""

import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codomyrmex_lab.dashboards import TuningDashboard
from codomyrmex_lab.dashboards.measurement import describe_config
from codomyrmex_lab.errors import SettingError, WorkloadError
from codomyrmex_lab.export import load_config
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
)
from codomyrmex_lab.runtimes import OnnxModel
from codomyrmex_lab.workloads import Workload
from tests.dashboards.conftest import WAIT_S, double

Open = Callable[..., TuningDashboard]


def measured(dashboard: TuningDashboard) -> TuningDashboard:
    assert dashboard.wait(WAIT_S)
    return dashboard


def test_opening_measures_the_first_settings(open_dashboard: Open, workload: Workload) -> None:
    config = OptimizationConfig(max_batch_size=8, batch_timeout_ms=2.0)
    dashboard = measured(open_dashboard(config=config))
    (run,) = dashboard.runs
    assert run.config == dashboard.config == config
    assert dashboard.trace is run.trace
    assert len(dashboard.trace) == len(workload)
    assert dashboard.trace.summary().n_errors == 0
    assert "Run 1 measured: 200 requests" in dashboard.status
    assert dashboard.progress.value == dashboard.progress.max == 200


def test_the_screen_shows_the_picture_and_the_numbers(open_dashboard: Open) -> None:
    dashboard = measured(open_dashboard())
    for image in dashboard.figures.images.values():
        picture = Image.open(BytesIO(image.value))
        assert picture.format == "PNG"
        assert picture.width > 700
    summary = dashboard.trace.summary()
    for number in (f"{summary.p50_ms:.3g}", f"{summary.cache_hit_rate:.1%}", "200"):
        assert number in dashboard.table.value
    assert "1× their own pace" in dashboard.load_line.value
    assert describe_config(dashboard.config) in dashboard.table.value.replace("&nbsp;", " ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_batch_size", 4),
        ("batch_timeout_ms", 1.0),
        ("cache_max_size", 5),
        ("num_workers", 1),
        ("enable_caching", False),
        ("batching_strategy", BatchingStrategy.FIXED),
    ],
)
def test_a_moved_control_is_measured(open_dashboard: Open, name: str, value: object) -> None:
    dashboard = measured(open_dashboard(max_requests=40))
    first = dashboard.trace
    dashboard.controls.settings[name].value = value
    measured(dashboard)
    assert dashboard.runs[0].config == OptimizationConfig().replace(**{name: value})
    assert dashboard.trace is not first
    assert [run.number for run in dashboard.runs] == [2, 1]
    assert dashboard.trace.summary().n_errors == 0


def test_the_settings_really_reach_the_engine(open_dashboard: Open) -> None:
    dashboard = measured(open_dashboard(max_requests=100))
    dashboard.config = OptimizationConfig(max_batch_size=3, enable_caching=False)
    measured(dashboard)
    assert dashboard.trace.batches["size"].max() == 3
    assert dashboard.trace.requests["key"].isna().all()


def test_the_newest_setting_wins_and_nothing_queues_up(open_dashboard: Open) -> None:
    dashboard = open_dashboard(double, Workload.poisson(500.0, 1_000, seed=0))
    slider = dashboard.controls.settings["max_batch_size"]
    for size in (2, 3, 4, 5, 6):
        slider.value = size
    measured(dashboard)
    assert dashboard.runs[0].config.max_batch_size == 6
    assert dashboard.trace.batches["size"].max() <= 6
    assert len(dashboard.runs) <= 2


def test_a_movement_ends_the_measurement_before_it_at_once(open_dashboard: Open) -> None:
    calls: list[int] = []
    backlog = threading.Event()

    def model(inputs: list[int]) -> list[int]:
        calls.append(len(inputs))
        if len(calls) == 20:
            backlog.set()
        threading.Event().wait(0.05)
        return inputs

    traffic = Workload(np.zeros(4_000))  # 200 s of work at batch size 1
    dashboard = open_dashboard(
        model, traffic, config=OptimizationConfig(max_batch_size=1, num_workers=1)
    )
    assert backlog.wait(WAIT_S)
    dashboard.config = OptimizationConfig(max_batch_size=4_000)
    measured(dashboard)
    assert [run.config.max_batch_size for run in dashboard.runs] == [4_000]


def test_the_runs_are_a_frame_of_settings_and_figures(open_dashboard: Open) -> None:
    dashboard = open_dashboard(max_requests=30)
    assert measured(dashboard).frame()["n_requests"].to_dict() == {1: 30}
    dashboard.controls.settings["max_batch_size"].value = 7
    frame = measured(dashboard).frame()
    assert frame.index.to_list() == [1, 2]
    assert frame["max_batch_size"].to_list() == [32, 7]
    assert frame["batching_strategy"].to_list() == ["DYNAMIC", "DYNAMIC"]
    assert frame.loc[2, "p99_ms"] == dashboard.trace.summary().p99_ms


def test_the_frame_is_empty_before_the_first_run(open_dashboard: Open) -> None:
    assert open_dashboard(42).frame().empty


def test_earlier_runs_are_kept_up_to_five_and_cleared(open_dashboard: Open) -> None:
    dashboard = measured(open_dashboard(max_requests=20))
    for _ in range(6):
        dashboard.again.click()
        measured(dashboard)
    assert [run.number for run in dashboard.runs] == [7, 6, 5, 4, 3, 2]
    assert dashboard.table.value.count("<tr") == 7
    distribution = dashboard.figures.images["latency_distribution"]
    with_earlier = distribution.value
    dashboard.clear_button.click()
    assert [run.number for run in dashboard.runs] == [7]
    assert dashboard.table.value.count("<tr") == 2
    assert distribution.value != with_earlier


def test_a_model_that_fails_on_some_inputs_is_counted(open_dashboard: Open) -> None:
    def picky(inputs: list[int]) -> list[int]:
        if any(value % 7 == 3 for value in inputs):
            raise ValueError("seven <again>")
        return inputs

    dashboard = measured(open_dashboard(picky, config=OptimizationConfig(max_batch_size=1)))
    summary = dashboard.trace.summary()
    assert 0 < summary.n_errors < 200
    assert f"{summary.n_errors} of them failed" in dashboard.status
    assert "ValueError: seven <again>" in dashboard.status
    assert "seven &lt;again&gt;" in dashboard.status_line.value


def test_a_model_that_always_fails_is_reported_and_survived(open_dashboard: Open) -> None:
    broken = threading.Event()
    broken.set()

    def model(inputs: list[int]) -> list[int]:
        if broken.is_set():
            raise RuntimeError("out of order")
        return inputs

    dashboard = measured(open_dashboard(model, max_requests=30))
    assert "30 of them failed" in dashboard.status
    assert "RuntimeError: out of order" in dashboard.status
    broken.clear()
    dashboard.again.click()
    measured(dashboard)
    assert dashboard.trace.summary().n_errors == 0


def test_a_model_with_too_few_outputs_is_reported(open_dashboard: Open) -> None:
    dashboard = measured(open_dashboard(lambda inputs: inputs[1:], max_requests=10))
    assert "OutputCountError" in dashboard.status


def test_a_refused_variant_is_reported_and_survived(open_dashboard: Open) -> None:
    dashboard = measured(open_dashboard(max_requests=20))
    dashboard.controls.settings["quantization"].value = QuantizationType.INT8
    measured(dashboard)
    assert dashboard.status.startswith("Failed: quantization is INT8, but a plain callable")
    assert len(dashboard.runs) == 1
    dashboard.controls.settings["quantization"].value = QuantizationType.FP32
    measured(dashboard)
    assert len(dashboard.runs) == 2


def test_a_plain_callable_says_that_it_has_one_variant(open_dashboard: Open) -> None:
    dashboard = open_dashboard()
    assert "a plain callable runs as it is" in dashboard.controls.notes
    assert dashboard.controls.settings["quantization"].disabled


def test_a_dict_of_functions_offers_what_it_holds(open_dashboard: Open) -> None:
    model = {QuantizationType.FP32: double, QuantizationType.INT8: lambda inputs: inputs}
    dashboard = measured(open_dashboard(model, max_requests=20))
    assert "FP16 is not available: no function was given for it" in dashboard.controls.notes
    dashboard.controls.settings["quantization"].value = QuantizationType.INT8
    measured(dashboard)
    assert dashboard.runs[0].config.quantization is QuantizationType.INT8
    assert dashboard.trace.summary().n_errors == 0


def test_something_that_is_no_model_is_reported(open_dashboard: Open) -> None:
    dashboard = measured(open_dashboard(42))
    assert dashboard.status.startswith("Failed: The model is a int")
    assert dashboard.trace is None


def test_a_refused_setting_is_reported(open_dashboard: Open) -> None:
    dashboard = measured(open_dashboard(max_requests=20))
    dashboard.controls.settings["num_workers"].min = -1
    dashboard.controls.settings["num_workers"].value = 0
    assert dashboard.status.startswith("Refused: num_workers is 0")
    assert len(measured(dashboard).runs) == 1


def test_arguments_outside_their_range_are_refused(workload: Workload) -> None:
    before = threading.active_count()
    with pytest.raises(SettingError, match="speed"):
        TuningDashboard(double, workload, speed=0)
    with pytest.raises(SettingError, match="max_requests"):
        TuningDashboard(double, workload, max_requests=0)
    with pytest.raises(WorkloadError, match="expected a Workload"):
        TuningDashboard(double, "traffic.csv")  # type: ignore[arg-type]
    assert threading.active_count() == before


def test_export_writes_the_settings_on_screen(
    open_dashboard: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dashboard = open_dashboard(max_requests=20)
    dashboard.controls.settings["max_batch_size"].value = 24
    dashboard.export_panel.format.value = "yaml"
    dashboard.export_panel.button.click()
    assert load_config(tmp_path / "tuned.yaml") == dashboard.config
    assert dashboard.config.max_batch_size == 24


def test_close_stops_a_measurement_and_frees_everything() -> None:
    before = set(threading.enumerate())
    began = threading.Event()

    def model(inputs: list[int]) -> list[int]:
        began.set()
        return inputs

    dashboard = TuningDashboard(model, Workload([0.0, 3600.0]), speed=1.0)
    assert began.wait(WAIT_S)
    dashboard.close()
    assert set(threading.enumerate()) <= before
    assert dashboard.comm is None
    assert all(image.comm is None for image in dashboard.figures.images.values())
    assert dashboard.wait(0)
    dashboard.close()
    dashboard.config = OptimizationConfig(max_batch_size=2)
    assert set(threading.enumerate()) <= before


def test_it_shows_itself_in_a_cell(open_dashboard: Open) -> None:
    dashboard = open_dashboard()
    bundle = dashboard._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"].startswith("TuningDashboard(FP32 · DYNAMIC · batch 32 · 100 ms")


def test_the_shipped_model_is_tuned_in_two_variants(
    open_dashboard: Open, digits: tuple[Path, list[np.ndarray]]
) -> None:
    path, images = digits
    traffic = Workload.poisson(400.0, 150, n_keys=len(images), seed=0, payloads=images)
    with OnnxModel(path) as model:
        dashboard = measured(open_dashboard(model, traffic))
        assert dashboard.trace.summary().n_errors == 0
        dashboard.controls.settings["quantization"].value = QuantizationType.INT8
        measured(dashboard)
        assert [run.config.quantization.name for run in dashboard.runs] == ["INT8", "FP32"]
        assert dashboard.trace.summary().n_errors == 0
