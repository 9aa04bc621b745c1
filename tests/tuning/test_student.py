"""Student's t against the tables."""

import math

import pytest

from codomyrmex_lab.tuning.student import mean_interval, student_quantile

# quantiles at 0.975 and 0.995, as every textbook prints them
TABLE = {1: (12.706, 63.657), 2: (4.303, 9.925), 3: (3.182, 5.841), 4: (2.776, 4.604)}
TABLE |= {5: (2.571, 4.032), 10: (2.228, 3.169), 30: (2.042, 2.750), 120: (1.980, 2.617)}


@pytest.mark.parametrize("degrees", TABLE)
def test_quantiles_are_those_of_the_tables(degrees: int) -> None:
    for share, expected in zip((0.975, 0.995), TABLE[degrees], strict=True):
        assert student_quantile(share, degrees) == pytest.approx(expected, abs=6e-4)


def test_the_interval_of_a_mean() -> None:
    found = mean_interval([9.0, 10.0, 11.0], 0.95)
    assert found.value == 10.0
    assert found.ci_high - 10.0 == pytest.approx(4.303 / math.sqrt(3), abs=1e-3)
    assert mean_interval([5.0], 0.95).ci_high == math.inf
    assert math.isnan(mean_interval([], 0.95).value)
    assert mean_interval([math.inf] * 3, 0.95).ci_low == math.inf
    assert mean_interval([1.0, math.inf], 0.95).ci_low == -math.inf
