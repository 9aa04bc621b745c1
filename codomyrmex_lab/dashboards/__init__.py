"""Screens that run in a notebook."""

from codomyrmex_lab.dashboards.explorer import TraceExplorer
from codomyrmex_lab.dashboards.live import LiveDashboard
from codomyrmex_lab.dashboards.tuning import TuningDashboard

__all__ = ["LiveDashboard", "TraceExplorer", "TuningDashboard"]
