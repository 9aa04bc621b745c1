"""Two traces beside each other: what differs, and whether that is more than noise.

Each figure of each trace has an interval that allows for the dependence between neighbouring
requests (:mod:`codomyrmex_lab.tracing.dependence`). The interval of a difference follows from the
two by the method of variance estimates recovery, which takes the traces as independent of each
other. A difference is distinguishable from noise where its interval does not hold 0. Each figure
is judged by itself: of twenty that do not differ, one is expected to look as if it did.

References
----------
G. Y. Zou, A. Donner, Construction of confidence limits about effect measures: a general approach,
Statistics in Medicine 27, 2008.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from codomyrmex_lab.tracing.dependence import Estimate, bootstrap_mean, dependent_percentiles
from codomyrmex_lab.tracing.trace import Trace

__all__ = ["Difference", "TraceComparison", "compare"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two traces.

    Parameters
    ----------
    figure : str
        Which one.
    before, after : float
        Its two values.
    difference : float
        After minus before.
    ci_low, ci_high : float
        Confidence interval of the difference; infinite where there are too few samples.
    distinguishable : bool
        Whether the interval leaves 0 out.
    """

    figure: str
    before: float
    after: float
    difference: float
    ci_low: float
    ci_high: float
    distinguishable: bool


@dataclass(frozen=True, slots=True)
class TraceComparison:
    """How the latency of one trace differs from that of another.

    Parameters
    ----------
    differences : tuple of Difference
        Of the mean and of each percentile, in ms.
    confidence : float
        Probability with which an interval is to hold the true difference.
    n_before, n_after : int
        Requests answered without error.
    """

    differences: tuple[Difference, ...]
    confidence: float
    n_before: int
    n_after: int

    @property
    def differs(self) -> bool:
        """Whether any difference is distinguishable from noise."""
        return any(difference.distinguishable for difference in self.differences)

    def frame(self) -> pd.DataFrame:
        """Return one row per figure."""
        return pd.DataFrame([asdict(row) for row in self.differences]).set_index("figure")


def compare(
    before: Trace,
    after: Trace,
    percents: Sequence[float] = (50, 90, 95, 99),
    confidence: float = 0.95,
) -> TraceComparison:
    """Compare the latencies of the requests that two runs answered without error.

    Parameters
    ----------
    before, after : Trace
        Two runs that did not disturb each other.
    percents : sequence of float
        Above 0 and below 100.
    confidence : float
        Above 0 and below 1.
    """
    samples = [_latency_ms(before), _latency_ms(after)]
    rows = [_difference("mean_ms", *(bootstrap_mean(some, confidence) for some in samples))]
    for one, other in zip(
        *(dependent_percentiles(some, percents, confidence) for some in samples), strict=True
    ):
        name = f"p{one.percent:g}_ms"
        rows.append(
            _difference(
                name,
                Estimate(one.value, one.ci_low, one.ci_high, one.n_samples),
                Estimate(other.value, other.ci_low, other.ci_high, other.n_samples),
            )
        )
    return TraceComparison(tuple(rows), confidence, len(samples[0]), len(samples[1]))


def _latency_ms(trace: Trace) -> pd.Series[float]:
    frame = trace.frame(["latency_ms", "error"])
    return frame.loc[frame["error"].isna(), "latency_ms"]


def _difference(figure: str, before: Estimate, after: Estimate) -> Difference:
    difference = after.value - before.value
    low = math.hypot(after.value - after.ci_low, before.ci_high - before.value)
    high = math.hypot(after.ci_high - after.value, before.value - before.ci_low)
    ci_low, ci_high = difference - low, difference + high
    return Difference(
        figure,
        before.value,
        after.value,
        difference,
        ci_low,
        ci_high,
        distinguishable=ci_low > 0 or ci_high < 0,
    )
