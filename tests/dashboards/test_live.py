"""The live screen: a running engine, watched and reconfigured."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances as widget_registry

from codomyrmex_lab.dashboards import LiveDashboard
from codomyrmex_lab.dashboards.live_history import LiveHistory, Moment
from codomyrmex_lab.dashboards.live_picture import LivePicture
from codomyrmex_lab.dashboards.live_words import caption_of, readings_of
from codomyrmex_lab.dashboards.readout import readout
from codomyrmex_lab.errors import ConfigFileError, SettingError, WorkloadError
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig, QuantizationType
from codomyrmex_lab.plots.theme import DARK
from codomyrmex_lab.tracing.live import WindowFigures
from codomyrmex_lab.workloads import Workload
from tests.dashboards.conftest import WAIT_S, double

Note = Callable[[LiveDashboard], LiveDashboard]
QUICK = OptimizationConfig(batch_timeout_ms=1.0, num_workers=2)


def frames(dashboard: LiveDashboard, n: int) -> None:
    """Wait until some more frames are drawn."""
    drawn = threading.Semaphore(0)
    dashboard.picture.observe(lambda _change: drawn.release(), names="value")
    for _ in range(n):
        assert drawn.acquire(timeout=WAIT_S)


@pytest.fixture
def dashboard(opened: Note, workload: Workload) -> LiveDashboard:
    return opened(LiveDashboard(InferenceOptimizer(double, QUICK), workload, load=2.0))


def test_start_offers_the_load_and_draws_what_comes_of_it(dashboard: LiveDashboard) -> None:
    dashboard.buttons.start.click()
    frames(dashboard, 4)
    assert dashboard.is_running
    assert dashboard.engine.is_running
    latest = dashboard.history.latest
    assert latest is not None
    assert latest.figures.n_requests > 0
    assert "Offering" in dashboard.status
    assert f"{latest.figures.p99_ms:.3g}"[:3] in dashboard.summary
    assert len(dashboard.picture.png) < 100_000
    assert dashboard.buttons.start.disabled


def test_one_can_wait_until_so_many_requests_were_answered(dashboard: LiveDashboard) -> None:
    dashboard.start()
    assert dashboard.watch(300, WAIT_S)
    assert len(dashboard.trace()) >= 300
    latest = dashboard.history.latest
    assert latest is not None
    assert latest.figures.n_requests > 0


def test_nobody_waits_for_requests_of_a_screen_that_stands_still(dashboard: LiveDashboard) -> None:
    assert not dashboard.watch(1)
    dashboard.start()
    came: list[bool] = []
    waiting = threading.Thread(target=lambda: came.append(dashboard.watch(10**9)))
    waiting.start()
    frames(dashboard, 1)
    dashboard.stop()
    waiting.join(WAIT_S)
    assert came == [False]


def test_a_moved_control_reconfigures_the_engine_and_leaves_a_mark(
    dashboard: LiveDashboard,
) -> None:
    dashboard.start()
    dashboard.controls.settings["max_batch_size"].value = 4
    assert dashboard.wait(WAIT_S)
    assert dashboard.engine.config.max_batch_size == 4
    frames(dashboard, 3)
    assert [words for _, words in dashboard.history.changes()] == ["batch 32 → 4"]
    assert dashboard.trace().summary().n_errors == 0


def test_the_load_slider_changes_the_rate(dashboard: LiveDashboard) -> None:
    dashboard.start()
    dashboard.load_slider.value = 3.0
    assert dashboard.load == 3.0
    assert "3× the" in dashboard.status


def test_a_load_between_the_positions_leaves_one_mark(dashboard: LiveDashboard) -> None:
    dashboard.start()
    dashboard.load = 4.0
    frames(dashboard, 2)
    assert [words for _, words in dashboard.history.changes()] == ["load 4×"]


def test_paused_nothing_is_drawn_and_the_engine_goes_on(dashboard: LiveDashboard) -> None:
    dashboard.start()
    frames(dashboard, 2)
    dashboard.buttons.pause.click()
    assert not dashboard.is_running
    assert dashboard.engine.is_running
    assert dashboard.status == "Paused."


def test_stop_ends_an_engine_that_was_started_here(dashboard: LiveDashboard) -> None:
    dashboard.start()
    frames(dashboard, 2)
    dashboard.buttons.stop.click()
    assert not dashboard.engine.is_running
    assert dashboard.trace().summary().n_errors == 0


def test_stop_keeps_the_last_picture_to_read_and_start_begins_anew(
    dashboard: LiveDashboard,
) -> None:
    dashboard.start()
    assert dashboard.watch(100, WAIT_S)
    dashboard.stop()
    assert dashboard.status.startswith("Stopped; what is shown came before")
    latest = dashboard.history.latest
    assert latest is not None
    drawn = threading.Event()
    dashboard.picture.observe(lambda _change: drawn.set(), names="value")
    dashboard.page.theme.value = "dark"
    assert drawn.wait(WAIT_S)
    with dashboard._drawing:
        assert dashboard.words.value == readout(readings_of(latest), caption_of(latest))
        line = dashboard._live_picture.panels[1].lines["throughput_rps"]
        assert line.get_ydata()[-1] == latest.figures.throughput_rps
    started_s = time.monotonic()
    dashboard.start()
    frames(dashboard, 2)
    with dashboard._drawing:
        latest = dashboard.history.latest
        assert latest is not None
        assert latest.at_s + dashboard.history.ago_s()[0] >= started_s


def test_only_buttons_with_an_effect_can_be_pressed(dashboard: LiveDashboard) -> None:
    def pressable() -> list[str]:
        return [one.description for one in dashboard.buttons.children if not one.disabled]

    assert pressable() == ["Start"]
    dashboard.start()
    assert pressable() == ["Pause", "Stop"]
    dashboard.pause()
    assert pressable() == ["Start", "Stop"]
    dashboard.stop()
    assert pressable() == ["Start"]


def test_it_watches_the_requests_of_others_and_leaves_their_engine_running(opened: Note) -> None:
    with InferenceOptimizer(double, QUICK) as engine:
        dashboard = opened(LiveDashboard(engine))
        assert dashboard.is_running
        for number in range(20):
            engine.infer(number)
        frames(dashboard, 2)
        latest = dashboard.history.latest
        assert latest is not None
        assert latest.figures.n_requests == 20
        dashboard.close()
        assert engine.is_running
        assert engine.infer(7).output == 14


def test_a_variant_that_is_not_there_is_refused_and_the_controls_go_back(opened: Note) -> None:
    model = {QuantizationType.FP32: double}
    dashboard = opened(LiveDashboard(InferenceOptimizer(model, QUICK)))
    dashboard.controls.settings["quantization"].value = QuantizationType.INT8
    assert dashboard.wait(WAIT_S)
    assert dashboard.config.quantization is QuantizationType.FP32
    assert dashboard.status.startswith("Refused")


def test_close_frees_threads_observers_and_widgets(workload: Workload) -> None:
    before = set(threading.enumerate())
    engine = InferenceOptimizer(double, QUICK)
    dashboard = LiveDashboard(engine, workload)
    dashboard.start()
    dashboard.close()
    assert set(threading.enumerate()) <= before
    assert not engine._observers  # nobody is told any more
    assert dashboard.picture.comm is None
    dashboard.close()
    dashboard.start()
    assert set(threading.enumerate()) <= before


def test_its_state_is_saved_and_restored(dashboard: LiveDashboard, tmp_path: Path) -> None:
    dashboard.controls.settings["max_batch_size"].value = 7
    dashboard.load = 0.33
    path = dashboard.save(tmp_path / "live.json")
    assert path.stat().st_size < 2_000
    dashboard.controls.settings["max_batch_size"].value = 9
    dashboard.load = 1.0
    dashboard.restore(path)
    assert (dashboard.config.max_batch_size, dashboard.load) == (7, 0.33)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"screen": "tuning"}', '{"screen": "live", "format_version": 99}']
)
def test_a_file_that_holds_no_such_state_is_refused(
    dashboard: LiveDashboard, tmp_path: Path, text: str
) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(ConfigFileError, match=r"state\.json"):
        dashboard.restore(tmp_path / "state.json")


def test_a_state_without_a_config_is_refused(dashboard: LiveDashboard, tmp_path: Path) -> None:
    record = {"screen": "live", "format_version": 1}
    (tmp_path / "state.json").write_text(json.dumps(record))
    with pytest.raises(ConfigFileError, match="no config"):
        dashboard.restore(tmp_path / "state.json")


@pytest.mark.parametrize("load", [0, -1, "x", None, True, 1e9, 1e-9])
def test_a_state_with_a_load_that_cannot_be_offered_is_refused_and_changes_nothing(
    dashboard: LiveDashboard, tmp_path: Path, load: object
) -> None:
    path = dashboard.save(tmp_path / "state.json")
    record = json.loads(path.read_text())
    record["config"]["max_batch_size"] = 7
    path.write_text(json.dumps({**record, "load": load}))
    with pytest.raises(ConfigFileError, match=r"load is .*; expected"):
        dashboard.restore(path)
    assert (dashboard.config, dashboard.load) == (QUICK, 2.0)


def test_arguments_of_another_kind_are_refused_at_once(workload: Workload) -> None:
    engine = InferenceOptimizer(double, QUICK)
    before = len(widget_registry)
    with pytest.raises(SettingError, match="engine is a function; expected an InferenceOptimizer"):
        LiveDashboard(double)  # type: ignore[arg-type]
    with pytest.raises(WorkloadError, match="workload is an int; expected a Workload"):
        LiveDashboard(engine, 5)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="load is 'x'"):
        LiveDashboard(engine, workload, load="x")  # type: ignore[arg-type]
    assert not engine._observers
    assert len(widget_registry) == before


def test_the_page_tells_its_theme(dashboard: LiveDashboard) -> None:
    frames_before = dashboard.picture.png
    drawn = threading.Event()
    dashboard.picture.observe(lambda _change: drawn.set(), names="value")
    dashboard.page.theme.value = "dark"
    assert drawn.wait(WAIT_S)
    assert dashboard.theme is DARK
    assert dashboard.picture.png != frames_before


def test_it_shows_itself_in_words_and_as_a_picture_where_there_are_no_widgets(
    dashboard: LiveDashboard,
) -> None:
    bundle = dashboard._repr_mimebundle_()
    assert bundle["text/plain"].startswith("LiveDashboard(FP32 · DYNAMIC · batch 32 · 1 ms")
    assert bundle["image/png"].startswith("iVBOR")
    dashboard.start()
    assert dashboard.watch(1, WAIT_S)
    bundle = dashboard._repr_mimebundle_()
    assert "Measured, the last" in bundle["text/plain"]
    assert bundle["image/png"].startswith("iVBOR")
    assert "application/vnd.jupyter.widget-view+json" in bundle


def figures(p50_ms: float, n_requests: int = 1) -> WindowFigures:
    return WindowFigures(1.0, n_requests, 0, 1.0, 0.5, p50_ms, p50_ms, p50_ms, 1.0, 0.0)


def test_a_history_forgets_what_is_past() -> None:
    history = LiveHistory(10.0)
    history.note_change(0.5, "early")
    for second in range(30):
        history.add(Moment(float(second), figures(float(second)), second))
    history.note_change(29.0, "late")
    assert history.ago_s().tolist() == [float(second) for second in range(-10, 1)]
    assert history.column("queue_length")[-1] == 29
    assert history.changes() == [(0.0, "late")]


def test_a_change_shows_with_the_moment_after_it() -> None:
    history = LiveHistory(10.0)
    history.add(Moment(1.0, figures(1.0), 0))
    history.note_change(2.0, "while paused")
    assert history.changes() == []
    history.add(Moment(3.0, figures(1.0), 0))
    assert history.changes() == [(-1.0, "while paused")]


def test_lines_break_where_nothing_was_measured() -> None:
    history, picture = LiveHistory(30.0), LivePicture(DARK, 30.0)
    for second in (0.0, 0.5, 1.0, 9.0, 9.5):  # paused for 8 s; each moment is of the second before
        history.add(Moment(second, figures(2.0), 3))
    picture.png(history)
    for panel in picture.panels:
        for name, drawn in panel.lines.items():
            time_s, values = (np.asarray(one) for one in drawn.get_data())
            assert time_s.tolist()[:3] == [-9.5, -9.0, -8.5], name
            assert np.isnan(values).tolist() == [False, False, False, True, False, False], name
            assert time_s.tolist()[4:] == [-0.5, 0.0], name


def test_a_pause_within_the_measured_second_leaves_no_gap() -> None:
    history = LiveHistory(30.0)
    for second in (0.0, 0.9, 1.8):
        history.add(Moment(second, figures(2.0), 3))
    assert history.gaps() == []


def test_a_moment_without_requests_has_no_hit_rate() -> None:
    assert np.isnan(Moment(0.0, figures(np.nan, 0), 0).column("cache_hit_rate"))
