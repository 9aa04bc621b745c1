"""Search under a limit on latency, and the trade-offs that it found, to be picked."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import pandas as pd

from codomyrmex_lab.dashboards.given_up import GivenUpError, until_given_up
from codomyrmex_lab.dashboards.numbers_table import shortened
from codomyrmex_lab.dashboards.page import PointerDrag
from codomyrmex_lab.dashboards.pareto_picture import ParetoPicture
from codomyrmex_lab.dashboards.pareto_words import figure_in_words, sentence_in_words
from codomyrmex_lab.dashboards.picture import Picture
from codomyrmex_lab.dashboards.screen import paragraph
from codomyrmex_lab.dashboards.settings import describe_config
from codomyrmex_lab.errors import LabError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.plots.theme import Theme
from codomyrmex_lab.workloads import Workload

if TYPE_CHECKING:
    from codomyrmex_lab.simulation import ServiceProfile
    from codomyrmex_lab.tuning import TuningResult

__all__ = ["ParetoPanel"]

_log = get_logger(__name__)

_OBJECTIVES = {
    "worker time": ("cost", "worker_s_per_1k", "worker-seconds per 1,000 requests"),
    "throughput": ("throughput", "throughput_rps", "answered per second"),
}
"""Objective, column and words of what is drawn against latency."""
_NO_POINT = -1  # a slider cannot stand on None
_LIMITED = ("p99_ms", "p99 latency (ms)")
"""Column and words of what is limited."""

_Asked = tuple[Callable[[], Workload], "ServiceProfile", pd.DataFrame | None]


class ParetoPanel(widgets.VBox):  # type: ignore[misc]
    """Searches in the background; picking a point moves the sliders there.

    Parameters
    ----------
    theme : Theme
        In which colours.
    run : callable
        Takes work to be done in the background.
    on_pick : callable
        Told the config of the point that was picked.
    """

    def __init__(
        self,
        theme: Theme,
        run: Callable[[Callable[[threading.Event], None]], object],
        on_pick: Callable[[OptimizationConfig], object],
    ) -> None:
        self._theme, self._run, self._on_pick = theme, run, on_pick
        self._drawing = threading.RLock()
        self._asked: _Asked | None = None
        self.result: TuningResult | None = None
        """What the latest search found, or None."""
        self._drawn: ParetoPicture | None = None
        self._picking = False
        self.objective = widgets.Dropdown(
            options=list(_OBJECTIVES),
            description="Best",
            tooltip="What is to be as good as possible within the limits",
            style={"description_width": "36px"},
            layout={"width": "158px"},
        )
        self.limit = widgets.BoundedFloatText(
            value=50.0,
            min=0.01,
            max=1e6,
            description="p99 (ms) ≤",
            tooltip="Latency limit that a config must hold",
            style={"description_width": "84px"},
            layout={"width": "162px"},
        )
        self.quality = widgets.BoundedFloatText(
            value=0.0,
            min=0.0,
            max=1.0,
            step=0.01,
            description="quality ≥",
            tooltip="Quality that a variant must have, 0 to 1; needs quality data",
            disabled=True,
            style={"description_width": "76px"},
            layout={"width": "150px"},
        )
        self.search_button = widgets.Button(
            description="Search",
            icon="search",
            tooltip="Simulate many configs and keep the best trade-offs",
            disabled=True,
            layout={"width": "92px"},
        )
        self.progress = widgets.IntProgress(
            min=0, max=1, layout={"width": "96%", "height": "8px", "visibility": "hidden"}
        )
        self.words = widgets.HTML()
        self.points = widgets.SelectionSlider(
            options=[("none", _NO_POINT)],
            description="Point",
            tooltip="A best trade-off; picking it moves the sliders there",
            disabled=True,
            readout=False,
            style={"description_width": "60px"},
            layout={"width": "420px"},
        )
        self.chosen = widgets.HTML()
        self.picture = Picture(
            "Pareto front; its points are those of the slider below",
            display="none",  # until there is a picture
        )
        super().__init__(
            children=[
                widgets.HBox([self.objective, self.limit, self.quality, self.search_button]),
                self.progress,
                self.words,
                self.picture,
                self.points,
                self.chosen,
            ]
        )
        self.search_button.on_click(lambda _button: self.search())
        self.points.observe(self._pick, names="value")

    def ready(
        self,
        workload: Callable[[], Workload],
        profile: ServiceProfile,
        quality: pd.DataFrame | None,
    ) -> None:
        """Let searches begin.

        Parameters
        ----------
        workload : callable
            Returns what is to be served.
        profile : ServiceProfile
            Service times of the model.
        quality : pandas.DataFrame or None
            One row per variant.
        """
        self._asked = workload, profile, quality
        self.search_button.disabled = False
        self.quality.disabled = quality is None
        self.words.value = paragraph(
            "Search simulates every config of a grid on this workload, at the load of the slider."
        )

    def search(self) -> None:
        """Search in the background."""
        if self._asked is not None:
            self.search_button.disabled = True
            self._run(self._search)

    def follow(self, drag: PointerDrag) -> None:
        """Pick the point nearest to where the pointer was pressed on the picture."""
        with self._drawing:
            if self._drawn is None:
                return
            place = self._drawn.nearest(drag.x0, drag.y0)
        self.points.value = place

    def retheme(self, theme: Theme) -> None:
        """Draw in other colours."""
        self._theme = theme
        self._draw_all()

    # -- the thread that searches -------------------------------------------------------------

    def _search(self, stop: threading.Event) -> None:
        assert self._asked is not None  # the button is disabled before
        workload, profile, quality = self._asked
        self.progress.layout.visibility = "visible"
        self.words.value = paragraph("Searching ...", role="status")

        def show(n_done: int, n_total: int) -> None:
            self.progress.max, self.progress.value = max(n_total, 1), n_done

        try:
            tuning = import_module("codomyrmex_lab.tuning")
            objective, _, _ = _OBJECTIVES[self.objective.value]
            self.result = tuning.tune(
                workload(),
                profile,
                objective=objective,
                constraints=self._constraints(),
                quality=quality,
                progress=until_given_up(stop, show),
            )
        except GivenUpError:
            self.words.value = paragraph("The search was given up.", role="status")
        except LabError as error:
            words = sentence_in_words(shortened(str(error)))
            self.words.value = paragraph(words, role="status")
        except Exception as error:
            _log.exception("The search failed")
            self.words.value = paragraph(f"{type(error).__name__}: {error}", role="status")
        else:
            self._draw_all()
            words = sentence_in_words(self.result.explanation)
            self.words.value = paragraph(words, role="status")
        finally:
            self.search_button.disabled = False
            self.progress.layout.visibility = "hidden"

    def _constraints(self) -> list[str]:
        asked = [f"p99_ms <= {self.limit.value:g}"]
        if self.quality.value > 0 and not self.quality.disabled:
            asked.append(f"quality >= {self.quality.value:g}")
        return asked

    # -- points -------------------------------------------------------------------------------

    @property
    def front(self) -> pd.DataFrame | None:
        """The best trade-offs that the latest search found, by ascending latency."""
        if self.result is None:
            return None
        tuning = import_module("codomyrmex_lab.tuning")
        _, column, _ = _OBJECTIVES[self.objective.value]
        found: pd.DataFrame = tuning.pareto_front(self.result.trials, [_LIMITED[0], column])
        return found.sort_values(_LIMITED[0])

    def _draw_all(self) -> None:
        front = self.front
        if front is None or self.result is None:
            return
        _, column, words = _OBJECTIVES[self.objective.value]
        with self._drawing:
            self._drawn = ParetoPicture(
                self._theme, self.result.trials, front, _LIMITED, (column, words), self.limit.value
            )
            self._picking = True
            self.points.options = [
                ("none", _NO_POINT),
                *((f"p99 {ms:.3g} ms", place) for place, ms in enumerate(front[_LIMITED[0]])),
            ]
            self.points.value = _NO_POINT
            self.points.disabled = False
            self._front = front
            self._picking = False
            self.picture.png = self._drawn.png(_NO_POINT)
            self.picture.layout.display = None

    def _pick(self, change: dict[str, Any]) -> None:
        if self._picking or self._drawn is None:
            return
        place = change["new"]
        with self._drawing:
            self.picture.png = self._drawn.png(place)
        if place == _NO_POINT:
            self.chosen.value = ""
            return
        tuning = import_module("codomyrmex_lab.tuning")
        row = self._front.iloc[place]
        config = tuning.config_of(row)
        _, column, _ = _OBJECTIVES[self.objective.value]
        columns = [_LIMITED[0], column, *([] if math.isnan(row["quality"]) else ["quality"])]
        figures = ", ".join(figure_in_words(one, row[one]) for one in columns)
        self.chosen.value = paragraph(f"{figures}: {describe_config(config)}")
        self._on_pick(config)
