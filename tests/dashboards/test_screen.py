"""What all screens share."""

from collections.abc import Callable

import pytest
from ipywidgets.widgets.widget import _instances as widget_registry

from codomyrmex_lab.dashboards import LiveDashboard, TraceExplorer, TuningDashboard
from codomyrmex_lab.dashboards.screen import Screen
from codomyrmex_lab.optimization import InferenceOptimizer
from codomyrmex_lab.workloads import Workload
from tests.dashboards.conftest import WAIT_S, double, made_profile
from tests.plots.traces import build_trace

TRAFFIC = Workload.poisson(1_000.0, 200, n_keys=20, seed=1)


@pytest.mark.parametrize(
    "open_screen",
    [
        lambda: TuningDashboard(double, TRAFFIC, profile=made_profile()),
        lambda: LiveDashboard(InferenceOptimizer(double), TRAFFIC),
        lambda: TraceExplorer(build_trace([1.0, 2.0, 3.0])),
    ],
    ids=["tuning", "live", "explorer"],
)
def test_a_closed_screen_leaves_no_widget_layout_or_style(
    open_screen: Callable[[], Screen],
) -> None:
    before = set(widget_registry)
    screen = open_screen()
    assert screen.wait(WAIT_S)
    assert len(set(widget_registry) - before) > 30
    screen.close()
    assert {type(widget_registry[one]).__name__ for one in set(widget_registry) - before} == set()
    screen.close()
