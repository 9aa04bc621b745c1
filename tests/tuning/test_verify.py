"""Finalists on the real engine, with a model whose calls take a known time."""

import itertools
import json
import math
import threading
import time
from typing import Any

import pytest

from codomyrmex_lab.errors import SettingError, TuningError
from codomyrmex_lab.export import export, parse_config
from codomyrmex_lab.optimization.models import QueueFullAction
from codomyrmex_lab.tuning import Held, TuningResult, Verification, tune, verify
from tests.tuning.cases import affine_profile, traffic

SPACE = {"max_batch_size": [1, 4], "batch_timeout_ms": [0.0, 2.0], "num_workers": [2]}
WORKLOAD = traffic(rate_rps=400, n_requests=120)


def model(inputs: list[Any]) -> list[Any]:
    time.sleep((1.0 + 0.2 * len(inputs)) / 1e3)
    return inputs


def slow_model(inputs: list[Any]) -> list[Any]:
    time.sleep(0.03)
    return inputs


def search(bound_ms: float) -> TuningResult:
    constraint = f"p99_ms <= {bound_ms}"
    return tune(WORKLOAD, affine_profile(), "p99", constraint, SPACE, progress=False)


@pytest.fixture(scope="module")
def verification() -> Verification:
    return verify(search(5000), model, WORKLOAD, n_finalists=2, max_rounds=4, progress=False)


def test_every_finalist_is_measured_in_every_round(verification: Verification) -> None:
    runs = verification.runs
    n_rounds = runs["round"].nunique()
    assert 3 <= n_rounds <= 4
    assert (runs.groupby("round")["finalist"].nunique() == 2).all()
    assert len(verification.traces) == 2
    assert all(len(trace) == 120 for trace in verification.traces)
    assert (runs["p99_ms"] > 1).all()  # no call takes less


def test_measured_stands_beside_predicted(verification: Verification) -> None:
    assert verification.holds
    assert verification.verdict.held == (Held.YES, Held.YES)
    row = verification.comparison.loc[(verification.chosen, "p99_ms")]
    assert row["ci_low"] <= row["measured"] <= row["ci_high"]
    assert row["error"] == pytest.approx(row["predicted"] / row["measured"] - 1)
    assert verification.config in verification.finalists
    assert "holds p99_ms <= 5000 and reaches p99_ms" in verification.explanation


def test_the_export_carries_what_was_predicted_and_measured(verification: Verification) -> None:
    text = export(verification, "json")
    evidence = json.loads(text)["evidence"]
    measured = verification.comparison.loc[(verification.chosen, "p99_ms")]
    assert evidence["predicted"]["p99_ms"] == measured["predicted"]
    assert evidence["verified"]["measured"]["p99_ms"] == measured["measured"]
    assert evidence["verified"]["n_requests"] == 120
    assert evidence["verified"]["host"]["n_cores"] >= 1
    assert parse_config(text, "json") == verification.config
    bounded = verification.config.replace(
        enable_caching=False, max_queue_size=64, queue_full=QueueFullAction.REJECT
    )
    assert "verified.measured.p99_ms" in export(
        bounded, "tfserving", evidence=verification.evidence
    )


def test_what_misses_in_reality_is_never_reported_as_tuned() -> None:
    result = search(10)
    assert result.predicted["p99_ms"] <= 10  # the profile promises what the model does not keep
    found = verify(result, slow_model, WORKLOAD, n_finalists=2, max_rounds=3, progress=False)
    assert not found.holds
    assert Held.YES not in found.verdict.held
    assert "is known to hold p99_ms <= 10 on the real engine" in found.explanation
    with pytest.raises(TuningError, match="There is no tuned config"):
        _ = found.config
    with pytest.raises(TuningError, match="There is no tuned config"):
        export(found, "json")
    assert found.evidence["verified"] is None


def test_requests_that_fail_are_not_within_the_limit() -> None:
    """Half of the batches fail, and what is answered is answered at once."""
    n_calls = itertools.count()

    def failing(inputs: list[Any]) -> list[Any]:
        if next(n_calls) % 2:
            raise ValueError("every other batch fails")
        return inputs

    found = verify(search(5000), failing, WORKLOAD, n_finalists=1, max_rounds=3, progress=False)
    assert found.verdict.held == (Held.NO,)
    assert found.comparison.loc[(0, "p99_ms"), "measured"] == math.inf
    with pytest.raises(TuningError, match="1 missed it"):
        _ = found.config
    result = tune(WORKLOAD, affine_profile(), "p99", space=SPACE, progress=False)
    without = verify(result, failing, WORKLOAD, n_finalists=1, max_rounds=3, progress=False)
    assert not without.holds
    assert "too many requests failed for any finalist to have a finite p99_ms" in str(without)


def test_a_stopped_verification_says_what_it_has() -> None:
    stop = threading.Event()
    told: list[tuple[int, int]] = []

    def after_the_first_round(n: int, total: int) -> None:
        told.append((n, total))
        if n == 2:
            stop.set()

    result = search(5000)
    found = verify(
        result,
        model,
        WORKLOAD,
        n_finalists=1,
        max_rounds=8,
        progress=after_the_first_round,
        stop=stop,
    )
    assert told == [(1, 8), (2, 8)]
    assert len(found.runs) == 2
    with pytest.raises(TuningError, match="stopped before its first round"):
        verify(result, model, WORKLOAD, progress=False, stop=stop)


@pytest.mark.parametrize("arguments", [{"n_finalists": 0}, {"max_rounds": 2}, {"confidence": 1.0}])
def test_numbers_outside_their_range_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        verify(search(5000), model, WORKLOAD, progress=False, **arguments)
