"""Predicted beside measured, and measured beside measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

__all__ = ["FIGURES", "FidelityReport"]

FIGURES = (
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "mean_batch_size",
    "throughput_rps",
    "cache_hit_rate",
)
_SHARES = ("cache_hit_rate",)
"""Figures whose error is a difference, in points; that of all others is relative."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FidelityReport:
    """What a simulation said of some runs, and what came of them.

    Parameters
    ----------
    runs : pandas.DataFrame
        One row per run: ``case``, its name; ``kind``, ``predicted`` or ``measured``;
        ``n_requests``, and the figures.
    host : mapping
        Machine of the measured runs.
    """

    runs: pd.DataFrame
    host: Mapping[str, Any]

    @classmethod
    def joined(cls, reports: Mapping[str, Self]) -> Self:
        """Return several reports of one machine as one; their names go before those of the cases.

        Parameters
        ----------
        reports : mapping of str to FidelityReport
            At least one.
        """
        parts = [
            report.runs.assign(case=f"{name}, " + report.runs["case"])
            for name, report in reports.items()
        ]
        return cls(pd.concat(parts, ignore_index=True), next(iter(reports.values())).host)

    def frame(self) -> pd.DataFrame:
        """Return one row per case and figure.

        Columns: ``predicted`` and ``measured``, the medians of the predictions and of the replays;
        ``measured_low``, ``measured_high``; ``error`` of the prediction and ``noise``, how far two
        replays lie apart in the median of all pairs, both relative to ``measured`` (for hit
        rates: as they are); ``n_replays``.
        """
        by = self._long("predicted").groupby(["case", "figure"], sort=False)["value"]
        predicted = by.median()
        by = self._long("measured").groupby(["case", "figure"], sort=False)["value"]
        found = by.agg(measured="median", measured_low="min", measured_high="max", n_replays="size")
        found.insert(0, "predicted", predicted.reindex(found.index))
        figure = found.index.get_level_values("figure")
        scale = np.where(np.isin(figure, _SHARES), 1.0, found["measured"].abs().clip(lower=1e-12))
        found["error"] = (found["predicted"] - found["measured"]) / scale
        found["noise"] = by.agg(_apart) / scale
        return found.reset_index()

    def errors(self) -> pd.DataFrame:
        """Return one row per figure: median and worst ``error`` (without sign), and ``noise``.

        ``worst_beyond_noise`` is the worst error among the cases where it is more than twice the
        noise of the replays of that case; 0 where there is none.
        """
        frame = self.frame()
        frame["error"] = frame["error"].abs()
        frame["beyond"] = frame["error"].where(frame["error"] > 2 * frame["noise"], 0.0)
        by = frame.groupby("figure", sort=False)
        return pd.DataFrame(
            {
                "median_error": by["error"].median(),
                "worst_error": by["error"].max(),
                "median_noise": by["noise"].median(),
                "worst_noise": by["noise"].max(),
                "worst_beyond_noise": by["beyond"].max(),
                "n_cases": by.size(),
            }
        )

    def markdown(self) -> str:
        """Return :meth:`errors` as a Markdown table."""
        lines = [
            "| figure | median error | worst | worst beyond twice the noise of its case "
            "| noise: median | worst | cases |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, row in self.errors().iterrows():
            unit = " points" if name in _SHARES else "%"
            cells = [
                f"{100 * row[column]:.1f}{unit}"
                for column in (
                    "median_error",
                    "worst_error",
                    "worst_beyond_noise",
                    "median_noise",
                    "worst_noise",
                )
            ]
            lines.append(f"| {name} | " + " | ".join(cells) + f" | {row['n_cases']:.0f} |")
        return "\n".join(lines)

    def _long(self, kind: str) -> pd.DataFrame:
        runs = self.runs[self.runs["kind"] == kind]
        return runs.melt(["case"], list(FIGURES), "figure", "value")

    def __repr__(self) -> str:
        errors = self.errors()
        told = ", ".join(f"{name} {errors['median_error'][name]:.1%}" for name in FIGURES[:3])
        return f"<FidelityReport: {self.runs['case'].nunique()} cases; median errors {told}>"

    def _repr_html_(self) -> str:
        html: str = self.errors().map(lambda value: f"{value:.4g}").to_html()
        return html


def _apart(replays: pd.Series[float]) -> float:
    """Return the median distance of two replays."""
    values = replays.to_numpy()
    first, second = np.triu_indices(len(values), 1)
    return float(np.median(np.abs(values[first] - values[second])))
