"""The screen of a running engine: its last seconds, and its settings in one's hand."""

from __future__ import annotations

import threading
import time
from html import escape
from typing import Any

import ipywidgets as widgets

from codomyrmex_lab.dashboards.arguments import check_engine, check_workload
from codomyrmex_lab.dashboards.controls import ConfigControls
from codomyrmex_lab.dashboards.live_history import LiveHistory, Moment
from codomyrmex_lab.dashboards.live_picture import LivePicture
from codomyrmex_lab.dashboards.live_words import caption_of, readings_of
from codomyrmex_lab.dashboards.load_slider import LoadSlider, check_load, load_from_state
from codomyrmex_lab.dashboards.newest_wins import NewestWins
from codomyrmex_lab.dashboards.paced_load import PacedLoad
from codomyrmex_lab.dashboards.readout import number, readout
from codomyrmex_lab.dashboards.run_buttons import RunButtons
from codomyrmex_lab.dashboards.screen import CONTROLS_WIDTH, Screen
from codomyrmex_lab.dashboards.settings import changes_between, config_from_state, describe_config
from codomyrmex_lab.dashboards.ticker import Ticker
from codomyrmex_lab.dashboards.variants import missing_variants
from codomyrmex_lab.errors import LabError, VariantError
from codomyrmex_lab.export.record import record_from_config
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.tracing import Trace, TraceRecorder
from codomyrmex_lab.workloads import Workload

__all__ = ["LiveDashboard"]

_log = get_logger(__name__)

_SPAN_S = 30.0
_PERIOD_S = 0.18  # between five and six frames a second
_WINDOW_S = 1.0
_FRAMES_PER_READOUT = 3
_SETTLE_S = 0.05


class LiveDashboard(Screen):
    """Watch and reconfigure a running engine, under live traffic or a replayed workload.

    Every movement of a control reconfigures the engine, which loses no request; a dotted line
    marks when. With a workload, **Start** offers it over and over and the load slider sets how
    many times faster than its own pace.

    Parameters
    ----------
    engine : InferenceOptimizer
        What is watched; **Start** starts it where it is not running, and **Stop** stops it then.
    workload : Workload or None
        Load to offer; None only watches the requests of others.
    load : float
        How many times faster than the workload's own times, from 0.001 to 10,000.

    Raises
    ------
    SettingError
        ``engine`` is something else, or ``load`` outside its range.
    WorkloadError
        ``workload`` is something else.
    """

    kind = "live"
    _closed = True  # until the constructor is through

    def __init__(
        self, engine: InferenceOptimizer, workload: Workload | None = None, *, load: float = 1.0
    ) -> None:
        check_engine(engine)
        if workload is not None:
            check_workload(workload)
        check_load(load)
        super().__init__()
        self.engine = engine
        self._started_here = False
        self._stopped = True
        self._recorder = TraceRecorder(latest_only=True)
        self._history = LiveHistory(_SPAN_S)
        self._drawing = threading.RLock()
        self._live_picture = LivePicture(self.theme, _SPAN_S)
        self.picture.png = self._live_picture.png(self._history)  # in its shape, still empty
        self._n_frames = 0
        self._n_shown = 0  # requests answered by the time of the last frame
        self._framed = threading.Condition()
        self._load = (
            None if workload is None else PacedLoad(engine, workload, self._on_load_failure)
        )
        self.controls = ConfigControls(
            engine.config,
            missing_variants(engine.model),
            on_change=self._on_change,
            on_refusal=self._refuse,
        )
        self.buttons = RunButtons(self.start, self.pause, self.stop)
        self.load_slider = LoadSlider(load, self._on_speed)
        if self._load is not None:
            self._load.speed = load
        self.changes_line = widgets.HTML(layout={"width": CONTROLS_WIDTH})
        self._arrange(
            [
                self.buttons,
                self.status_line,
                *([self.load_slider] if self._load is not None else []),
                self.controls,
                self.changes_line,
            ],
            [self.words, self.picture],
            [],
        )
        self._closed = False
        self._settings = NewestWins(self._reconfigure, settle_s=_SETTLE_S, name="live-settings")
        self._frames = Ticker(self._show_frame, period_s=_PERIOD_S, name="live-frames")
        engine.attach(self._recorder)
        if engine.is_running and self._load is None:
            self.start()
        else:
            self._say("Stopped. Start begins the load." if self._load else "Stopped.")
            self._frames.once()

    # -- what programs use --------------------------------------------------------------------

    @property
    def config(self) -> OptimizationConfig:
        """Settings on screen; set it to move the sliders and reconfigure the engine."""
        return self.controls.config

    @config.setter
    def config(self, config: OptimizationConfig) -> None:
        self.controls.show(config)

    @property
    def load(self) -> float:
        """How many times faster than its own times the workload is offered."""
        return self.load_slider.load

    @load.setter
    def load(self, load: float) -> None:
        self.load_slider.load = load

    @property
    def is_running(self) -> bool:
        """Whether it watches, and offers its load."""
        return self._frames.is_running

    @property
    def n_frames(self) -> int:
        """Frames drawn so far."""
        return self._n_frames

    @property
    def history(self) -> LiveHistory:
        """The last half minute."""
        return self._history

    @property
    def summary(self) -> str:
        """What the screen shows, as plain text."""
        latest = self._history.latest
        words = f"LiveDashboard({describe_config(self.config)}). {self._status_text}"
        if latest is None:
            return words
        readings = ", ".join(f"{one.name} {one.value}" for one in readings_of(latest))
        return f"{words} {caption_of(latest)}: {readings}."

    @property
    def state(self) -> dict[str, Any]:
        """Settings and load."""
        return {"config": record_from_config(self.config), "load": self.load}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        config, load = config_from_state(state), load_from_state(state)
        self.config, self.load = config, load

    def trace(self) -> Trace:
        """Return the trace of the latest requests, half a million records at most."""
        return self._recorder.trace({"config": self.engine.config})

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the engine follows the settings on screen; return whether that came."""
        return self._settings.wait(timeout_s)

    def watch(self, n_requests: int, timeout_s: float | None = None) -> bool:
        """Wait until so many more requests have been answered and are on screen.

        Returns
        -------
        bool
            Whether that came; not where nothing runs, or the time was over before.
        """
        wanted = self.engine.stats.total_requests + n_requests
        with self._framed:
            self._framed.wait_for(lambda: self._n_shown >= wanted or not self.is_running, timeout_s)
            return self._n_shown >= wanted

    def start(self) -> None:
        """Watch, and offer the load; begins the half minute anew after a stop."""
        if self._closed:
            return
        if self._stopped:
            with self._drawing:
                self._history.clear()
            self._stopped = False
        if not self.engine.is_running:
            self.engine.start()
            self._started_here = True
        if self._load is not None:
            self._load.start()
        self._frames.start()
        self._say_load()
        self._show_buttons()

    def pause(self) -> None:
        """Offer nothing and let the picture stand still; the engine goes on."""
        if self._load is not None:
            self._load.pause()
        self._halt()
        self._frames.once()  # so that figures and picture are of the same moment
        self._say("Paused.")
        self._show_buttons()

    def stop(self) -> None:
        """Offer nothing any more; an engine that was started here answers the rest and stops.

        The last picture and its figures stay until the next start.
        """
        if self._load is not None:
            self._load.pause()
        self._halt()
        if self._started_here:
            self.engine.stop()
            self._started_here = False
        self._stopped = True
        self._frames.once()  # so that figures and picture are of the same moment
        came_before = "; what is shown came before" if len(self._history) else ""
        self._say(f"Stopped{came_before}. Start begins anew.")
        self._show_buttons()

    def close(self) -> None:
        """Stop, end the threads, let go of the engine and of the widgets."""
        if self._closed:
            return
        self._closed = True
        if self._load is not None:
            self._load.close()
        self._halt()
        self._frames.close()
        self._settings.close()
        self.engine.detach(self._recorder)
        if self._started_here:
            self.engine.stop()
            self._started_here = False
        super().close()

    # -- events -------------------------------------------------------------------------------

    def _on_typed(self, slider: str, text: str) -> None:
        self.controls.type(slider, text)
        self.load_slider.type(slider, text, self._refuse)

    def _on_change(self, config: OptimizationConfig) -> None:
        self._settings.submit(config)

    def _reconfigure(self, config: OptimizationConfig, _stop: threading.Event) -> None:
        """Let the engine follow; a variant that is not there leaves everything as it was."""
        before = self.engine.config
        if config == before:
            return
        try:
            self.engine.reconfigure(config)
        except VariantError as error:
            self.controls.mark_missing(config.quantization, str(error))
            self.controls.show(before)
            self._refuse(str(error))
        except LabError as error:
            self.controls.show(before)
            self._refuse(str(error))
        else:
            with self._drawing:
                words = changes_between(before, config)
                self._history.note_change(time.monotonic(), words)
            self._say_load(words)

    def _halt(self) -> None:
        """Draw no more frames, and let those go that wait for one."""
        self._frames.pause()
        with self._framed:
            self._framed.notify_all()

    def _on_load_failure(self, reason: str) -> None:
        self._halt()
        self._say(reason)
        self._show_buttons()

    def _show_buttons(self) -> None:
        self.buttons.show(is_running=self.is_running, is_stopped=self._stopped)

    def _on_speed(self, speed: float) -> None:
        if self._load is None:
            return
        self._load.speed = speed
        with self._drawing:
            self._history.note_change(time.monotonic(), f"load {speed:g}×")
        self._say_load()

    def _retheme(self) -> None:
        with self._drawing:
            self._live_picture = LivePicture(self.theme, _SPAN_S)
        self._frames.once()

    # -- the thread that draws ----------------------------------------------------------------

    def _show_frame(self) -> None:
        n_answered = self.engine.stats.total_requests
        try:
            with self._drawing:
                if self.is_running:
                    figures = self._recorder.window(_WINDOW_S)
                    moment = Moment(time.monotonic(), figures, self.engine.queue_length)
                    self._history.add(moment)
                self.picture.png = self._live_picture.png(self._history)
                if self._n_frames % _FRAMES_PER_READOUT == 0 or not self.is_running:
                    self._show_words()
                self._n_frames += 1
            with self._framed:
                self._n_shown = n_answered
                self._framed.notify_all()
        except Exception as error:
            _log.exception("Drawing a live frame failed")
            self._halt()
            self._say(f"The screen stopped: {type(error).__name__}: {error}")

    def _show_words(self) -> None:
        latest = self._history.latest
        if latest is not None:
            self.words.value = readout(readings_of(latest), caption_of(latest))
        recent = self._history.changes()[:-4:-1]
        self.changes_line.value = "".join(
            f"<div style='font-size:11px;opacity:.75'>{-at_s:.0f} s ago: {escape(words)}</div>"
            for at_s, words in recent
        )

    def _say_load(self, more: str = "") -> None:
        if not self.is_running:
            return
        words = (
            "Watching the engine's own traffic."
            if self._load is None
            else f"Offering {number(self._load.rate_rps)} requests/s, {self.load:g}× the "
            "workload's own pace."
        )
        self._say(f"{words} Changed: {more}." if more else words)
