"""The four figures in one, and the manners of all."""

import subprocess
import sys
from io import BytesIO

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from PIL import Image

from codomyrmex_lab import plots
from codomyrmex_lab.plots import NotebookFigure, plot_overview
from codomyrmex_lab.tracing import Trace


def test_four_panels_state_what_they_rest_on(hundred: Trace, empty: Trace) -> None:
    figure = plot_overview(hundred, earlier=[empty, hundred])
    panels = [axes for axes in figure.axes if axes.get_title("left")]
    assert [axes.get_title("left") for axes in panels] == [
        "Latency distribution",
        "Latency and queue",
        "Cache hit rate",
        "Batch sizes",
    ]
    for axes in panels:
        assert axes.get_title("right").startswith("measured, n = ")
        assert axes.get_xlabel()
        assert axes.get_ylabel()


def test_a_figure_is_a_png_of_its_size(hundred: Trace) -> None:
    figure = plot_overview(hundred, width_in=8, height_in=5)
    picture = Image.open(BytesIO(figure._repr_png_()))
    assert picture.format == "PNG"
    assert picture.size == (8 * figure.dpi, 5 * figure.dpi)


def test_an_empty_trace_has_a_figure(empty: Trace) -> None:
    assert plot_overview(empty).png()


OF_OTHERS = {  # drawn from other things than traces
    "plot_fidelity",
    "plot_miss_ratio_curve",
    "plot_quality",
    "plot_service_profile",
    "plot_workload",
}
OF_TRACES = [n for n in plots.__all__ if n.startswith("plot_") and n not in OF_OTHERS]


@pytest.mark.parametrize("name", OF_TRACES)
def test_global_settings_stay_as_they_are(name: str, hundred: Trace) -> None:
    before = dict(mpl.rcParams)
    getattr(plots, name)(hundred)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", [name for name in OF_TRACES if name != "plot_overview"])
def test_each_figure_draws_into_given_axes_or_its_own(name: str, hundred: Trace) -> None:
    axes = Figure().add_subplot()
    assert getattr(plots, name)(hundred, axes) is axes
    assert isinstance(getattr(plots, name)(hundred).figure, NotebookFigure)


def test_pyplot_is_not_imported() -> None:
    code = "import sys, codomyrmex_lab.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
