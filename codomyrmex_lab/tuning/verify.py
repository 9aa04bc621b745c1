"""Measure the finalists of a search on the real engine."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import LateDriverWarning, SettingError, TuningError
from codomyrmex_lab.optimization.models import OptimizationConfig, check_integer
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.tracing.provenance import json_ready, provenance
from codomyrmex_lab.tuning.bar import SearchBar, SearchProgress
from codomyrmex_lab.tuning.choice import in_words
from codomyrmex_lab.tuning.goals import FIGURES
from codomyrmex_lab.tuning.result import TuningResult
from codomyrmex_lab.tuning.space import simplicity
from codomyrmex_lab.tuning.student import mean_interval
from codomyrmex_lab.tuning.trial import figures_of_run
from codomyrmex_lab.tuning.verdict import Held, Standing, Verdict, judge
from codomyrmex_lab.tuning.verification import Verification
from codomyrmex_lab.workloads import Workload, replay

__all__ = ["verify"]

_WARM_UP_REQUESTS = 200
_FEWEST_ROUNDS = 3
_MEASURED_COLUMNS = ["measured", "ci_low", "ci_high"]


def verify(
    result: TuningResult,
    model: Any,
    workload: Workload,
    *,
    n_finalists: int = 3,
    max_rounds: int = 8,
    confidence: float = 0.95,
    progress: bool | SearchProgress = True,
    stop: threading.Event | None = None,
) -> Verification:
    """Replay a workload on the real engine with the best configs of a search.

    In each round every finalist serves the whole workload once, in turns, on an engine of its own
    with an empty cache. The rounds end when the constraints are decided for each finalist and
    the best of those that hold them is told from the others, or shown to be as good.

    Parameters
    ----------
    result : TuningResult
        Of the search.
    model : Model
        What the engine runs.
    workload : Workload
        With payloads that the model takes; the one of the search, or a part of it.
    n_finalists : int
        The chosen config and the best others to measure beside it, at least 1 in all.
    max_rounds : int
        At least 3.
    confidence : float
        Of the whole verdict, above 0 and below 1.
    progress : bool or callable
        Show a bar of runs; or a function of the numbers of runs done and, at most, in total.
    stop : threading.Event or None
        Once set, the round that is running is given up, and the verdict is that of the others.

    Returns
    -------
    Verification
        With a config only where one is known to hold all constraints in reality.

    Warns
    -----
    LateDriverWarning
        The load driver fell behind in some runs.

    Raises
    ------
    SettingError
        A number is outside its range.
    TuningError
        Stopped before the end of the first round.
    """
    check_integer("n_finalists", n_finalists, at_least=1)
    check_integer("max_rounds", max_rounds, at_least=_FEWEST_ROUNDS)
    if not 0 < confidence < 1:
        raise SettingError(f"confidence is {confidence!r}; expected a number above 0 and below 1.")
    finalists = _finalists(result, n_finalists)
    n_decisions = len(finalists) * (len(result.constraints) + 1) * (max_rounds - _FEWEST_ROUNDS + 1)
    each = 1 - (1 - confidence) / n_decisions
    measured = _Measurement(model, workload, result, finalists, stop)
    with SearchBar(progress, max_rounds * len(finalists), "Verify", "run") as bar:
        measured.warm_up()
        while len(measured.rounds) < max_rounds:
            if not measured.run_round(bar):
                break
            if len(measured.rounds) >= _FEWEST_ROUNDS and measured.verdict(each).settled:
                break
    if measured.late:
        warnings.warn(
            f"Runs with a load driver that fell behind: {len(measured.late)}. {measured.late[-1]}",
            LateDriverWarning,
            stacklevel=2,
        )
    if not measured.rounds:
        raise TuningError("The verification was stopped before its first round was complete.")
    return _verification(result, measured, measured.verdict(each), confidence)


def _finalists(result: TuningResult, n: int) -> tuple[OptimizationConfig, ...]:
    """Return the chosen config and the best others, whatever they lack in simplicity."""
    name = result.objective.figure.name
    losses = result.objective.loss(result.trials[name].to_numpy(dtype=np.float64))
    by_config = dict(zip(result.tried, losses.tolist(), strict=True))
    best = sorted(result.ranking, key=lambda config: (by_config[config], simplicity(config)))
    return tuple(dict.fromkeys([result.config, *best]))[:n]


class _Measurement:
    """Runs of the finalists, round by round."""

    def __init__(
        self,
        model: Any,
        workload: Workload,
        result: TuningResult,
        finalists: tuple[OptimizationConfig, ...],
        stop: threading.Event | None,
    ) -> None:
        self.rounds: list[list[dict[str, float]]] = []
        self.traces: list[Trace] = []
        self.late: list[str] = []
        self.finalists = finalists
        self.workload = workload
        self._model = model
        self._result = result
        self._stop = stop

    def warm_up(self) -> None:
        """Let every variant open its files and touch its weights once."""
        part = self.workload.head(_WARM_UP_REQUESTS)
        for config in self.finalists:
            self._replay(config, part.scale_rate(max(part.duration_s, 1.0)))

    def run_round(self, bar: SearchBar) -> bool:
        """Measure each finalist once, beginning with another each time; False if stopped."""
        n = len(self.finalists)
        found: list[tuple[dict[str, float], Trace] | None] = [None] * n
        for turn in range(n):
            place = (len(self.rounds) + turn) % n
            config = self.finalists[place]
            trace = self._replay(config, self.workload)
            if self._stop is not None and self._stop.is_set():
                return False
            found[place] = (self._figures(config, trace), trace)
            bar.advance(1)
        complete = [one for one in found if one is not None]
        self.rounds.append([figures for figures, _ in complete])
        self.traces = [trace for _, trace in complete]
        return True

    def verdict(self, confidence: float) -> Verdict:
        """Return what the rounds so far say, with intervals of that confidence."""
        by_finalist = list(zip(*self.rounds, strict=True))
        result = self._result
        return judge(
            by_finalist, result.objective, result.constraints, result.tolerance, confidence
        )

    def _replay(self, config: OptimizationConfig, workload: Workload) -> Trace:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", LateDriverWarning)
            with InferenceOptimizer(self._model, config) as engine:
                trace = replay(engine, workload, progress=False, stop=self._stop)
        for one in caught:
            if issubclass(one.category, LateDriverWarning):
                self.late.append(str(one.message))  # told once at the end, not once per run
            else:
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        return trace

    def _figures(self, config: OptimizationConfig, trace: Trace) -> dict[str, float]:
        known = self._result.figures_of(config)  # of them, what the model's variants came with
        return {**known, **figures_of_run(trace.summary(), config, lambda: _answered_ms(trace))}


def _answered_ms(trace: Trace) -> NDArray[np.float64]:
    requests = trace.frame(["latency_ms", "error"])
    return requests.loc[requests["error"].isna(), "latency_ms"].to_numpy(dtype=np.float64)


def _verification(
    result: TuningResult, measured: _Measurement, verdict: Verdict, confidence: float
) -> Verification:
    chosen = _chosen(measured.finalists, verdict)
    comparison = _comparison(result, measured, confidence)
    evidence = {**result.evidence, "verified": None}
    if chosen is not None:
        rows = comparison.loc[chosen]
        evidence["predicted"] = json_ready(rows["predicted"].to_dict())
        evidence["verified"] = {
            "n_rounds": len(measured.rounds),
            "n_requests": len(measured.workload),
            "ranking_settled": verdict.settled,
            "confidence": confidence,
            "host": provenance()["host"],
            **{name: json_ready(rows[name].to_dict()) for name in _MEASURED_COLUMNS},
        }
    return Verification(
        finalists=measured.finalists,
        chosen=chosen,
        verdict=verdict,
        explanation=_explanation(result, measured, verdict, chosen),
        runs=_runs(measured),
        comparison=comparison,
        traces=tuple(measured.traces),
        evidence=evidence,
    )


def _chosen(finalists: Sequence[OptimizationConfig], verdict: Verdict) -> int | None:
    """Return the simplest of those that are as good as the best."""
    good = [
        place
        for place, standing in enumerate(verdict.standing)
        if standing in (Standing.BEST, Standing.EQUAL)
    ]
    return min(good, key=lambda place: simplicity(finalists[place]), default=None)


def _runs(measured: _Measurement) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"round": number, "finalist": place, **figures}
            for number, one_round in enumerate(measured.rounds)
            for place, figures in enumerate(one_round)
        ]
    )


def _comparison(result: TuningResult, measured: _Measurement, confidence: float) -> pd.DataFrame:
    rows = []
    for place, config in enumerate(measured.finalists):
        predicted = result.figures_of(config)
        for name in FIGURES:
            values = [one_round[place][name] for one_round in measured.rounds]
            found = mean_interval(values, confidence)
            error = predicted[name] / found.value - 1 if found.value else math.nan
            told = (predicted[name], found.value, found.ci_low, found.ci_high, error)
            rows.append((place, name, *told))
    columns = ["finalist", "figure", "predicted", *_MEASURED_COLUMNS, "error"]
    frame = pd.DataFrame(rows, columns=columns).set_index(["finalist", "figure"])
    return frame.dropna(subset="measured")


def _explanation(
    result: TuningResult, measured: _Measurement, verdict: Verdict, chosen: int | None
) -> str:
    n_rounds, n = len(measured.rounds), len(measured.finalists)
    runs = f"In {n_rounds} rounds of {len(measured.workload):,} requests"
    asked = " and ".join(str(constraint) for constraint in result.constraints)
    name = result.objective.figure.name
    if chosen is None and Held.YES in verdict.held:
        return (
            f"{runs}, too many requests failed for any finalist to have a finite {name}; see the "
            "errors that the engine logged."
        )
    if chosen is None:
        missed = sum(one is Held.NO for one in verdict.held)
        return (
            f"{runs}, none of {n} finalists is known to hold {asked} on the real engine "
            f"({missed} missed it, {n - missed} cannot be told); search again with a tighter "
            "bound, or measure longer."
        )
    reached, failed = (
        float(np.mean([one_round[chosen][figure] for one_round in measured.rounds]))
        for figure in (name, "error_rate")
    )
    held = f" holds {asked} and" if asked else ""
    errors = f" with an error_rate of {failed:.4g}" if failed else ""
    return (
        f"{runs}, {in_words(measured.finalists[chosen])}{held} reaches {name} {reached:.4g}"
        f"{errors}; {_ranking_in_words(verdict, n)}."
    )


def _ranking_in_words(verdict: Verdict, n: int) -> str:
    if n == 1:
        return "nothing was measured beside it"
    if Standing.UNKNOWN in verdict.standing:
        return "its ranking among the finalists is not settled: they differ by less than the noise"
    if Held.UNKNOWN in verdict.held:
        return "whether other finalists hold the constraints is not settled"
    if Standing.EQUAL in verdict.standing:
        return "the best finalists are as good as each other, and it is the simplest of them"
    return "it is the best of the finalists that hold"
