"""Objectives and constraints as users write them."""

import numpy as np
import pytest

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tuning import FIGURES, OBJECTIVES, Constraint, Objective


def test_a_constraint_is_read_and_printed() -> None:
    for text in ("p99_ms <= 50", " p99_ms<=5e1 ", "p99_ms  <=  50.0"):
        assert Constraint.parse(text) == Constraint("p99_ms", "<=", 50.0)
        assert str(Constraint.parse(text)) == "p99_ms <= 50"


@pytest.mark.parametrize(
    "text",
    [
        *("", "p99 <= 50", "p99_ms = 50", "p99_ms <= 1.2.3", "p99_ms <= inf", "p99_ms <= nan", 5),
        *("p99_ms <= 50 and quality >= 1", "__import__('os') <= 1", "p99_ms <= 1e999"),
    ],
)
def test_a_text_that_is_no_constraint_is_refused(text: object) -> None:
    with pytest.raises(SettingError, match="expected a figure, one of < <= > >= and a number"):
        Constraint.parse(text)  # type: ignore[arg-type]


def test_a_constraint_holds_up_to_its_bound() -> None:
    values = np.array([9.0, 10.0, 11.0, np.nan])
    expected = {"<=": [1, 1, 0, 0], "<": [1, 0, 0, 0], ">=": [0, 1, 1, 0], ">": [0, 0, 1, 0]}
    for sign, held in expected.items():
        constraint = Constraint("p99_ms", sign, 10.0)
        assert constraint.holds(values).tolist() == [bool(one) for one in held]
        assert ((constraint.excess(values) == 0) == constraint.holds(values)).all()
    assert Constraint("p99_ms", "<=", 10.0).excess(values)[2] == pytest.approx(0.1)


def test_an_unknown_objective_is_refused_with_all_that_there_are() -> None:
    with pytest.raises(SettingError, match="expected one of throughput, p99, cost, size"):
        Objective.named("latency")
    assert set(OBJECTIVES) == {"throughput", "p99", "cost", "size"}
    assert all(objective.figure.name in FIGURES for objective in OBJECTIVES.values())


def test_less_loss_is_better_and_the_unknown_is_worst() -> None:
    values = np.array([3.0, 1.0, np.nan])
    assert np.argsort(Objective.named("throughput").loss(values)).tolist() == [0, 1, 2]
    assert np.argsort(Objective.named("p99").loss(values)).tolist() == [1, 0, 2]
