"""Limits that move in steps."""

import math

from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.dashboards.panels.limits import Ceiling, Decades, Span


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
    first, last = Decades(1e-3).around(low, high)
    assert first <= max(low, 1e-3) * (1 + 1e-6)
    assert last >= max(high, 1e-3) * (1 - 1e-6)
    assert last >= 10 * first * (1 - 1e-9)


def test_decades_stay_while_values_wander_within_them() -> None:
    decades = Decades(1e-3)
    assert decades.around(0.5, 20) == (0.1, 100)
    assert decades.around(2, 9) == (0.1, 100)
    assert decades.around(20, 90) == (10, 100)
    assert decades.around(0.02, 90) == (0.01, 100)
    assert decades.around(0.02, 0.9) == (0.01, 1)


def test_a_span_follows_only_what_leaves_it_or_fills_it_no_longer() -> None:
    span = Span()
    end = span.over(5.0)
    assert 5.0 <= end <= 5.2
    assert {span.over(value) for value in (5.003, 4.95, 5.01)} == {end}
    assert span.over(6.0) >= 6.0
    assert span.over(5.0) < 5.2
