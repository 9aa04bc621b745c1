"""Panels of the screens: artists that take new data in place, for a canvas that is kept."""

from codomyrmex_lab.dashboards.panels.batch_sizes import BatchSizesPanel
from codomyrmex_lab.dashboards.panels.distribution import DistributionPanel
from codomyrmex_lab.dashboards.panels.gantt import GanttPanel
from codomyrmex_lab.dashboards.panels.hit_rate import HitRatePanel
from codomyrmex_lab.dashboards.panels.over_time import OverTimePanel
from codomyrmex_lab.dashboards.panels.rolling import RollingFigure, RollingPanel

__all__ = [
    "BatchSizesPanel",
    "DistributionPanel",
    "GanttPanel",
    "HitRatePanel",
    "OverTimePanel",
    "RollingFigure",
    "RollingPanel",
]
