"""The figures of a screen, one picture each."""

from collections.abc import Callable
from io import BytesIO

from PIL import Image

from codomyrmex_lab.dashboards import TuningDashboard
from codomyrmex_lab.dashboards.panels import FigurePanels
from tests.dashboards.conftest import WAIT_S


def test_each_figure_has_a_picture_of_its_own(open_dashboard: Callable[..., TuningDashboard]):
    dashboard = open_dashboard(max_requests=30)
    assert dashboard.wait(WAIT_S)
    panels = FigurePanels()
    panels.show(dashboard.trace)
    pictures = [image.value for image in panels.images.values()]
    assert len(set(pictures)) == len(pictures) == 4
    assert {Image.open(BytesIO(picture)).size for picture in pictures} == {(774, 495)}


def test_an_empty_panel_is_no_picture_yet():
    assert not any(image.value for image in FigurePanels().images.values())
