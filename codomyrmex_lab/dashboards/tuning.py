"""The screen on which a person moves settings and sees what the model does under its traffic."""

from __future__ import annotations

import threading
from collections import deque
from html import escape
from typing import Any

import ipywidgets as widgets
import pandas as pd

from codomyrmex_lab.dashboards.controls import ConfigControls
from codomyrmex_lab.dashboards.export_panel import ExportPanel
from codomyrmex_lab.dashboards.load import LoadChoice, OfferedLoad
from codomyrmex_lab.dashboards.measurement import Run, describe_config, measure, runs_frame
from codomyrmex_lab.dashboards.newest_wins import NewestWins
from codomyrmex_lab.dashboards.numbers_table import numbers_table, run_sentence, shortened
from codomyrmex_lab.dashboards.panels import FigurePanels
from codomyrmex_lab.dashboards.variants import missing_variants
from codomyrmex_lab.errors import LabError, VariantError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.optimization.optimizer import Model
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.workloads import Workload

__all__ = ["TuningDashboard"]

_log = get_logger(__name__)

_EARLIER_RUNS = 5
_SETTLE_S = 0.12  # while a slider is dragged, its values follow each other faster than this


class TuningDashboard(widgets.VBox):  # type: ignore[misc]
    """Tune by hand: each movement measures the settings on the real engine, in the background.

    A movement replays the first requests of the workload on a fresh engine. The newest setting
    wins: a movement ends the measurement of the one before. Earlier runs stay as faint lines.

    Parameters
    ----------
    model : Model
        A batch function, a dict of them by ``QuantizationType``, or a model with variants.
    workload : Workload
        Traffic to replay.
    config : OptimizationConfig or None
        Where the sliders begin; the defaults if None.
    max_requests : int or None
        Requests per measurement; None takes what arrives within 2.5 s.
    speed : float or None
        Factor by which arrivals are hastened; None takes the load at which one worker without
        batching would just be busy, at most 2,000 requests/s. The screen states the load.

    Raises
    ------
    SettingError
        ``max_requests`` or ``speed`` outside its range.
    WorkloadError
        ``workload`` is something else.
    """

    _runner: NewestWins[OptimizationConfig] | None = None  # also where the constructor refused

    def __init__(
        self,
        model: Model,
        workload: Workload,
        config: OptimizationConfig | None = None,
        *,
        max_requests: int | None = None,
        speed: float | None = None,
    ) -> None:
        self._load_choice = LoadChoice(workload, max_requests, speed)
        self._load: OfferedLoad | None = None
        self._served_model = model
        self._runs: deque[Run] = deque(maxlen=1 + _EARLIER_RUNS)  # the newest first
        self._n_runs = 0
        self._screen = threading.RLock()  # one thread at a time draws and writes
        self._status_text = ""

        self.controls = ConfigControls(
            config or OptimizationConfig(),
            missing_variants(model),
            on_change=self._request,
            on_refusal=lambda reason: self._say(f"Refused: {reason}"),
        )
        self.export_panel = ExportPanel(lambda: self.config)
        self.again = widgets.Button(
            description="Measure again",
            icon="refresh",
            tooltip="Replay the same settings once more",
            layout={"width": "166px"},
        )
        self.clear_button = widgets.Button(
            description="Clear",
            icon="eraser",
            tooltip="Forget the earlier runs",
            layout={"width": "166px"},
        )
        self.progress = widgets.IntProgress(
            description="Replay",
            min=0,
            max=1,
            style={"description_width": "50px"},
            layout={"width": "340px"},
        )
        # As high as its longest usual sentence, so that nothing below it jumps.
        self.status_line = widgets.HTML(layout={"width": "340px", "min_height": "76px"})
        self.load_line = widgets.HTML(layout={"width": "340px"})
        self.figures = FigurePanels()
        self.table = widgets.HTML(layout={"width": "100%"})
        super().__init__(children=self._arranged(), layout={"width": "100%"})

        self._runner = NewestWins(self._measure, settle_s=_SETTLE_S, name="tuning-dashboard")
        self.again.on_click(self._on_again)
        self.clear_button.on_click(self._on_clear)
        self._request(self.config)

    # -- what programs use --------------------------------------------------------------------

    @property
    def config(self) -> OptimizationConfig:
        """Settings on screen; set it to move the sliders."""
        return self.controls.config

    @config.setter
    def config(self, config: OptimizationConfig) -> None:
        self.controls.show(config)

    @property
    def trace(self) -> Trace | None:
        """Trace of the latest completed run, or None before the first."""
        with self._screen:
            return self._runs[0].trace if self._runs else None

    @property
    def runs(self) -> tuple[Run, ...]:
        """Completed runs, the latest first: that one and up to five earlier ones."""
        with self._screen:
            return tuple(self._runs)

    def frame(self) -> pd.DataFrame:
        """Return the completed runs on screen: one row each with settings and figures."""
        return runs_frame(self.runs[::-1])

    @property
    def load(self) -> OfferedLoad | None:
        """Traffic of each run, or None before it is settled."""
        return self._load

    @property
    def status(self) -> str:
        """What the screen says is going on, as plain text."""
        return self._status_text

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the settings on screen are measured, or have failed.

        Parameters
        ----------
        timeout_s : float or None
            Longest wait, in s; None waits for as long as it takes.

        Returns
        -------
        bool
            Whether that came within the timeout.
        """
        return self._runner is None or self._runner.wait(timeout_s)

    def clear(self) -> None:
        """Forget the earlier runs."""
        with self._screen:
            while len(self._runs) > 1:
                self._runs.pop()
            self._draw()

    def close(self) -> None:
        """Stop measuring, end the thread and let go of the widgets."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self.again.on_click(self._on_again, remove=True)
        self.clear_button.on_click(self._on_clear, remove=True)
        runner.close()
        for widget in _descendants(self):
            widget.unobserve_all()
            widget.close()
        super().close()

    def __repr__(self) -> str:
        return f"TuningDashboard({describe_config(self.config)})"

    # -- events -------------------------------------------------------------------------------

    def _on_again(self, _button: object) -> None:
        self._request(self.config)

    def _on_clear(self, _button: object) -> None:
        self.clear()

    def _request(self, config: OptimizationConfig) -> None:
        if self._runner is not None:
            self._runner.submit(config)

    # -- the background thread ----------------------------------------------------------------

    def _measure(self, config: OptimizationConfig, stop: threading.Event) -> None:
        self._say(f"Running: {describe_config(config)}.")
        self.progress.bar_style = ""
        try:
            load = self._settled_load(config)
            self.progress.max = len(load.workload)
            trace = measure(self._served_model, config, load, stop, self._show_progress)
            if stop.is_set():
                return
            self._take_over(config, trace)
        except VariantError as error:
            self.controls.mark_missing(config.quantization, str(error))
            self._fail(str(error))
        except LabError as error:
            self._fail(str(error))
        except Exception as error:
            _log.exception("Measuring %s failed", config)
            self._fail(f"{type(error).__name__}: {error}")

    def _settled_load(self, config: OptimizationConfig) -> OfferedLoad:
        if self._load is None:
            self._load = self._load_choice.settle(self._served_model, config)
            self.load_line.value = _paragraph(f"Load: {self._load}.")
        return self._load

    def _show_progress(self, n_done: int, _n_total: int) -> None:
        self.progress.value = n_done

    def _take_over(self, config: OptimizationConfig, trace: Trace) -> None:
        with self._screen:
            self._n_runs += 1
            run = Run(self._n_runs, config, trace, trace.summary())
            self._runs.appendleft(run)
            self._draw()
            self._say(run_sentence(run))
            self.progress.bar_style = "warning" if run.summary.n_errors else "success"

    def _fail(self, reason: str) -> None:
        self._say(f"Failed: {shortened(reason)}")
        self.progress.bar_style = "danger"

    # -- drawing ------------------------------------------------------------------------------

    def _draw(self) -> None:
        if not self._runs:
            return
        current, *earlier = self._runs
        self.figures.show(current.trace, [run.trace for run in earlier])
        self.table.value = numbers_table(self._runs, f"Measured; load: {self._load}")

    def _say(self, sentence: str) -> None:
        with self._screen:
            self._status_text = sentence
            self.status_line.value = _paragraph(sentence, role="status")

    def _arranged(self) -> list[Any]:
        left = widgets.VBox(
            [
                self.controls,
                widgets.HBox([self.again, self.clear_button]),
                self.progress,
                self.status_line,
                self.load_line,
                self.export_panel,
            ],
            layout={"width": "350px", "flex": "0 0 350px", "overflow": "hidden"},
        )
        right = widgets.VBox(
            [self.figures], layout={"flex": "1 1 0", "min_width": "0", "overflow": "hidden"}
        )
        return [widgets.HBox([left, right], layout={"width": "100%"}), self.table]


def _paragraph(text: str, *, role: str = "note") -> str:
    return f"<div role='{role}' style='line-height:1.35'>{escape(text)}</div>"


def _descendants(widget: Any) -> list[Any]:
    """Return the widgets inside a container, the innermost first."""
    found: list[Any] = []
    for child in getattr(widget, "children", ()):
        found += [*_descendants(child), child]
    return found
