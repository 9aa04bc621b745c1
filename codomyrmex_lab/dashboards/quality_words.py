"""What the chosen variant costs in answers, beside what it buys in speed."""

from __future__ import annotations

import math
import threading
from typing import Any

import pandas as pd

from codomyrmex_lab.dashboards.readout import Reading
from codomyrmex_lab.errors import LabError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.optimization.optimizer import Model
from codomyrmex_lab.workloads import Workload

__all__ = ["QualityWords"]

_log = get_logger(__name__)

_MOST_PAYLOADS = 200
_FIGURES = {"quality": "quality", "accuracy": "accuracy", "top1_agreement": "same answer as FP32",
            "mean_cosine": "cosine to FP32"}  # fmt: skip


class QualityWords:
    """Knows how good each variant's answers are.

    Parameters
    ----------
    model : Model
        Judged by its own ``quality`` method where nothing is given, and it has one.
    workload : Workload
        Its payloads are what it is judged on then.
    frame : pandas.DataFrame or None
        One row per variant; see :func:`codomyrmex_lab.runtimes.quality_report`.
    """

    def __init__(self, model: Model, workload: Workload, frame: pd.DataFrame | None) -> None:
        self._model, self._workload = model, workload
        self.frame = frame
        """One row per variant, or None where nothing is known."""

    def judge(self, stop: threading.Event) -> None:
        """Judge the variants on some payloads of the workload, where that is possible."""
        judge = getattr(self._model, "quality", None)
        if self.frame is not None or judge is None or stop.is_set():
            return
        try:
            self.frame = judge(_different_payloads(self._workload))
        except LabError as error:
            _log.info("The variants were not judged: %s", error)

    def readings(self, config: OptimizationConfig) -> list[Reading]:
        """Return how good the answers of a config's variant are, for the row of figures."""
        frame, name = self.frame, config.quantization.value
        if frame is None or name not in frame.index:
            return []
        row: dict[str, Any] = frame.loc[name].to_dict()  # type: ignore[assignment]
        for column, words in _FIGURES.items():
            value = float(row.get(column, math.nan))
            if math.isfinite(value):
                n = row.get("n_samples", row.get("n_examples"))
                return [Reading(words, _share(value), f"n = {int(n):,}" if n else "")]
        return []


def _different_payloads(workload: Workload) -> list[Any]:
    """Return payloads of different keys, in order of first appearance."""
    first = pd.Series(workload.keys).drop_duplicates().index[:_MOST_PAYLOADS]
    return [workload.payloads[row] for row in first]


def _share(value: float) -> str:
    return f"{value:.4g}" if abs(value) > 1 else f"{value:.1%}"
