"""Screens that run in a notebook."""

from codomyrmex_lab.dashboards.tuning import TuningDashboard

__all__ = ["TuningDashboard"]
