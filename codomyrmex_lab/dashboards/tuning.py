"""The screen on which a person moves settings and sees what a model would do under its traffic."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import pandas as pd

from codomyrmex_lab.dashboards.actions import Actions
from codomyrmex_lab.dashboards.arguments import check_workload
from codomyrmex_lab.dashboards.controls import ConfigControls
from codomyrmex_lab.dashboards.export_panel import ExportPanel
from codomyrmex_lab.dashboards.findings import Findings
from codomyrmex_lab.dashboards.given_up import GivenUpError
from codomyrmex_lab.dashboards.load_slider import LoadSlider, check_load, load_from_state
from codomyrmex_lab.dashboards.newest_wins import NewestWins
from codomyrmex_lab.dashboards.numbers_table import shortened
from codomyrmex_lab.dashboards.page import PointerDrag
from codomyrmex_lab.dashboards.pareto_panel import ParetoPanel
from codomyrmex_lab.dashboards.quality_words import QualityWords
from codomyrmex_lab.dashboards.screen import CONTROLS_WIDTH, Screen, paragraph
from codomyrmex_lab.dashboards.settings import config_from_state, describe_config
from codomyrmex_lab.dashboards.tuning_answers import TuningAnswers
from codomyrmex_lab.dashboards.tuning_view import TuningView
from codomyrmex_lab.dashboards.tuning_words import evidence_of, readings_of
from codomyrmex_lab.dashboards.variants import missing_variants
from codomyrmex_lab.dashboards.verification import Verification, verifications_frame
from codomyrmex_lab.dashboards.verifier import Verifier
from codomyrmex_lab.errors import ConfigFileError, LabError, VariantError
from codomyrmex_lab.export.record import record_from_config
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.optimization.optimizer import Model
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.ranges import check_number

if TYPE_CHECKING:
    from codomyrmex_lab.simulation import ServiceProfile

__all__ = ["TuningDashboard"]

_log = get_logger(__name__)

_TABS = ("What if", "Pareto front", "Export")

Errand = Callable[[threading.Event], None]
"""Work in the background, given up when the event is set."""


class TuningDashboard(Screen):
    """Tune by hand: each movement of a control is answered by the simulator at once.

    The model's service times are measured first, and kept on disk if it has an ``identity``.
    **Verify** replays the first seconds of the workload on the real engine, in the background, and
    draws what it measured beside what was predicted.

    Parameters
    ----------
    model : Model
        A batch function, a dict of them by ``QuantizationType``, or a model with variants.
    workload : Workload
        Traffic to simulate and to replay.
    config : OptimizationConfig or None
        Where the sliders begin; the defaults if None.
    profile : ServiceProfile or None
        Service times of the model; measured, or read from disk, if None.
    quality : pandas.DataFrame or None
        What variants cost in answers: ``model.quality(...)``, or the frame of a quality report.
    load : float
        How many times faster than the workload's own times, from 0.001 to 10,000.
    verify_s : float
        Time that a verification replays, in s.

    Raises
    ------
    SettingError
        ``load`` or ``verify_s`` outside its range.
    WorkloadError
        ``workload`` is something else.
    """

    kind = "tuning"
    _closed = True  # until the constructor is through

    def __init__(
        self,
        model: Model,
        workload: Workload,
        config: OptimizationConfig | None = None,
        *,
        profile: ServiceProfile | None = None,
        quality: pd.DataFrame | None = None,
        load: float = 1.0,
        verify_s: float = 5.0,
    ) -> None:
        check_workload(workload)
        check_load(load)
        check_number("verify_s", verify_s, above_zero=True)
        super().__init__()
        self._served_model, self.workload = model, workload
        self._given_profile = profile
        self._verifier = Verifier(model, workload, verify_s)
        self.quality = QualityWords(model, workload, quality)
        self._view = TuningView(self.theme, self.picture, self.words, self.quality)
        self.controls = ConfigControls(
            config or OptimizationConfig(),
            missing_variants(model),
            on_change=self._on_movement,
            on_refusal=self._refuse,
        )
        self.load_slider = LoadSlider(load, self._on_movement)
        self._pin_words = ""  # what Pin did, until something else is asked for
        self._make_widgets()
        self._closed = False
        self._answers = TuningAnswers(
            self.controls,
            lambda: self.load,
            self._verifier,
            self._view,
            self._say_answer,
            self._refresh_export,
        )
        self._errands: NewestWins[Errand] = NewestWins(
            lambda errand, stop: errand(stop), settle_s=0.0, name="tuning-errands"
        )
        self._errands.submit(self._prepare)

    # -- what programs use --------------------------------------------------------------------

    @property
    def config(self) -> OptimizationConfig:
        """Settings on screen; set it to move the sliders."""
        return self.controls.config

    @config.setter
    def config(self, config: OptimizationConfig) -> None:
        self.controls.show(config)

    @property
    def load(self) -> float:
        """How many times faster than its own times the workload is; set it to move the slider."""
        return self.load_slider.load

    @load.setter
    def load(self, load: float) -> None:
        self.load_slider.load = load

    @property
    def profile(self) -> ServiceProfile | None:
        """Service times that the answers rest on, or None before they are measured."""
        what_if = self._answers.what_if
        return None if what_if is None else what_if.profile

    @property
    def findings(self) -> Findings | None:
        """What the simulator said of the settings on screen, or None before its first answer."""
        return self._answers.now

    @property
    def verification(self) -> Verification | None:
        """Measured beside predicted for the settings on screen, where they were verified."""
        return self._verifier.of(self.config, self.load)

    def frame(self) -> pd.DataFrame:
        """Return what was verified so far: a row each, measured beside ``predicted_`` figures."""
        return verifications_frame(self._verifier.done)

    @property
    def summary(self) -> str:
        """What the screen shows, as plain text."""
        words = f"TuningDashboard({describe_config(self.config)}). {self._status_text}"
        if self.findings is None:
            return words
        readings = ", ".join(f"{one.name} {one.value}" for one in readings_of(self.findings))
        return f"{words} Simulated: {readings}."

    @property
    def state(self) -> dict[str, Any]:
        """Settings, load and the part that is in view."""
        return {
            "config": record_from_config(self.config),
            "load": self.load,
            "view": self.tabs.selected_index,
        }

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        config, load, view = config_from_state(state), load_from_state(state), state.get("view")
        if type(view) is not int or view not in range(len(_TABS)):
            raise ConfigFileError(
                f"In the saved state view is {view!r}; expected a whole number from 0 to "
                f"{len(_TABS) - 1}."
            )
        self.config, self.load = config, load
        self.tabs.selected_index = view

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all work is done and the settings on screen are answered, or have failed.

        Parameters
        ----------
        timeout_s : float or None
            Longest wait, in s, for each of the two; None waits for as long as it takes.

        Returns
        -------
        bool
            Whether that came within the timeout.
        """
        return self._closed or (self._errands.wait(timeout_s) and self._answers.wait(timeout_s))

    def verify(self) -> None:
        """Replay the first seconds of the workload on the real engine, in the background."""
        if self._answers.what_if is not None and not self._closed:
            self._errands.submit(self._verify)

    def pin(self) -> None:
        """Keep what is simulated now as a dotted line to compare with; once more forgets it."""
        now = self.findings
        if now is None:
            return
        self._pin_words = (
            f"Pinned: {describe_config(now.config)}, at a load of {self.load:g}×. It shows beside "
            "other settings; Pin pressed again here forgets it."
            if self._view.pin(now)
            else "Nothing is pinned any more."
        )
        self._answers.submit(self.config)

    def close(self) -> None:
        """Stop what runs, end the threads and let go of the widgets."""
        if self._closed:
            return
        self._closed = True
        self._errands.close()
        self._answers.close()
        super().close()

    # -- events -------------------------------------------------------------------------------

    def _on_movement(self, _setting: object = None) -> None:
        if self._closed:
            return
        self._pin_words = ""
        if self._verifier.is_busy:
            self._errands.submit(self._give_up)
        self._answers.submit(self.config)

    def _on_drag(self, drag: PointerDrag) -> None:
        if self.tabs.selected_index == _TABS.index("Pareto front"):
            self.pareto.follow(drag)

    def _on_aim(self, slider: str, place: int) -> None:
        self._answers.expect(self.controls.aimed(slider, place))

    def _say_answer(self, sentence: str) -> None:
        self._say(" ".join(filter(None, (sentence, self._pin_words))))

    def _on_typed(self, slider: str, text: str) -> None:
        self.controls.type(slider, text)
        self.load_slider.type(slider, text, self._refuse)

    def _refresh_export(self) -> None:
        if self.tabs.selected_index == _TABS.index("Export"):
            self.export_panel.refresh()

    def _retheme(self) -> None:
        self._view.retheme(self.theme)
        self.pareto.retheme(self.theme)

    # -- the thread that measures -------------------------------------------------------------

    def _prepare(self, stop: threading.Event) -> None:
        """Measure the profile, or read it, and answer for the first time."""
        self._say(
            "Preparing the simulator; its first use on a machine compiles it, for some seconds."
            if self._given_profile
            else "Measuring the model's service times; those of a model with an identity are kept "
            "on disk for the next time."
        )
        try:
            prediction = import_module("codomyrmex_lab.dashboards.prediction")
            profile = self._given_profile or prediction.measured_profile(
                self._served_model, self.workload, stop, self.actions.show_progress
            )
            what_if = prediction.WhatIf(self.workload, profile)
            curve = prediction.hit_rate_curve(self.workload)
        except GivenUpError:
            return
        except VariantError as error:
            self._fail(str(error))
            return
        except Exception as error:
            _log.exception("The profile could not be measured")
            self._fail(f"{type(error).__name__}: {error}")
            return
        caveats = profile.foreign(self._served_model)
        self.caveat_line.value = "".join(paragraph(caveat) for caveat in caveats)
        self.controls.bound(profile.max_batch_size, profile.max_workers)
        self._view.set_curve(curve)
        self._answers.what_if = what_if
        self.actions.enable()
        self._answers.submit(self.config)
        self.quality.judge(stop)
        self.pareto.ready(lambda: what_if.at(self.load), profile, self.quality.frame)
        self._answers.submit(self.config)

    def _verify(self, stop: threading.Event) -> None:
        what_if, config, load = self._answers.what_if, self.config, self.load
        assert what_if is not None  # the button is disabled before
        self._say(f"Verifying with {self._verifier.offered(load)} ...")
        self.actions.begin()
        try:
            self._verifier.verify(what_if, config, load, stop, self.actions.show_progress)
        except LabError as error:
            self._fail(str(error))
        except Exception as error:
            _log.exception("Verifying %s failed", config)
            self._fail(f"{type(error).__name__}: {error}")
        else:
            self._answers.submit(config)
        finally:
            self.actions.enable()

    def _give_up(self, _stop: threading.Event) -> None:
        self._say("The verification was given up: the settings changed meanwhile.")

    def _fail(self, reason: str) -> None:
        self._say(f"Failed: {shortened(reason)}")

    # -- widgets ------------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        self.actions = Actions(self.verify, self.pin, CONTROLS_WIDTH)
        self.caveat_line = widgets.HTML(layout={"width": CONTROLS_WIDTH})
        self.table = self._view.table
        self.export_panel = ExportPanel(lambda: (self.config, self._evidence()))
        self.pareto = ParetoPanel(self.theme, self._errand, lambda config: _set(self, config))
        self.tabs = widgets.Tab(
            [
                widgets.VBox([self.words, self.picture]),
                self.pareto,
                self.export_panel,
            ],
            titles=_TABS,
            layout={"width": "auto"},
        )
        self.tabs.observe(lambda _change: self.export_panel.refresh(), names="selected_index")
        self._arrange(
            [
                self.controls,
                self.load_slider,
                self.actions,
                self.status_line,
                self.caveat_line,
            ],
            [self.tabs],
            [self.table],
        )

    def _errand(self, errand: Errand) -> None:
        self._errands.submit(errand)

    def _evidence(self) -> dict[str, Any] | None:
        """Return where the settings on screen come from."""
        now, profile = self.findings, self.profile
        if now is None or now.config != self.config or profile is None:
            return None
        return evidence_of(self.workload, self.load, profile, now, self.verification)


def _set(screen: TuningDashboard, config: OptimizationConfig) -> None:
    screen.config = config
