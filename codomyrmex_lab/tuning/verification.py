"""What the real engine said of the finalists of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from codomyrmex_lab.errors import TuningError
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.tuning.verdict import Verdict

__all__ = ["Verification"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Verification:
    """Finalists of a search, measured.

    Parameters
    ----------
    finalists : tuple of OptimizationConfig
        What was measured.
    chosen : int or None
        Position of the config that is reported as tuned; None where none is known to hold the
        constraints.
    verdict : Verdict
        What the runs say of each finalist.
    explanation : str
        What came of it, in one sentence.
    runs : pandas.DataFrame
        One row per ``round`` and ``finalist``, with the measured figures.
    comparison : pandas.DataFrame
        One row per ``finalist`` and ``figure``: ``predicted``, ``measured`` with its interval
        ``ci_low`` to ``ci_high``, and ``error``, the prediction's as a share of the measured.
    traces : tuple of Trace
        Of each finalist's last run.
    evidence : mapping
        Where the config comes from, for its export.
    """

    finalists: tuple[OptimizationConfig, ...]
    chosen: int | None
    verdict: Verdict
    explanation: str
    runs: pd.DataFrame
    comparison: pd.DataFrame
    traces: tuple[Trace, ...]
    evidence: Mapping[str, Any]

    @property
    def settled(self) -> bool:
        """Whether the runs decided on the constraints and on the ranking of all finalists."""
        return self.verdict.settled

    @property
    def holds(self) -> bool:
        """Whether a finalist is known to hold all constraints in reality."""
        return self.chosen is not None

    @property
    def config(self) -> OptimizationConfig:
        """The tuned config.

        Raises
        ------
        TuningError
            No finalist is known to hold the constraints.
        """
        if self.chosen is None:
            raise TuningError(f"There is no tuned config: {self.explanation}")
        return self.finalists[self.chosen]

    def __repr__(self) -> str:
        return f"<Verification (measured): {self.explanation}>"

    def _repr_html_(self) -> str:
        table = self.comparison.to_html(float_format="{:,.4g}".format, na_rep="")
        return f"<p>{escape(self.explanation)}</p>{table}"
