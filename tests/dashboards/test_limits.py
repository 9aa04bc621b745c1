"""Limits that move in steps."""

import math

from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.dashboards.panels.limits import Ceiling, decades


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_a_ceiling_is_never_below_what_it_covers(values: list[float]) -> None:
    ceiling = Ceiling(1.0)
    for value in values:
        assert ceiling.over(value) >= value * (1 - 1e-6)


def test_a_ceiling_stays_while_values_change_a_little() -> None:
    ceiling = Ceiling(1.0)
    assert ceiling.over(8) == 10
    assert {ceiling.over(value) for value in (9.9, 7, 5, 4.1)} == {10}
    assert ceiling.over(3.9) == 5
    assert ceiling.over(math.nan) == 5
    assert ceiling.over(0) == 1


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_decades_hold_their_values(one: float, other: float) -> None:
    low, high = sorted((one, other))
    first, last = decades(low, high, 1e-3)
    assert first <= max(low, 1e-3) * (1 + 1e-6)
    assert last >= max(high, 1e-3) * (1 - 1e-6)
    assert last >= 10 * first * (1 - 1e-9)
