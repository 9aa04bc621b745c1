import math

import pytest

from codomyrmex_lab.dashboards.verification import VerifiedFigure


@pytest.mark.parametrize(
    ("name", "predicted", "measured", "words"),
    [
        ("p99", 11.0, 10.0, "+10.0%"),
        ("p99", 9.0, 10.0, "-10.0%"),
        ("p50", 0.01, 0.05, "-0.04 ms"),  # a share would say nothing
        ("throughput", 0.01, 0.05, "-80.0%"),
        ("p50", 3.0, math.nan, "unknown"),  # every request failed
    ],
)
def test_error_is_told_in_the_terms_that_say_something(name, predicted, measured, words):
    assert str(VerifiedFigure(name, predicted, measured)) == words


def test_error_of_nothing_measured_is_no_number():
    assert math.isnan(VerifiedFigure("throughput", 5.0, 0.0).error)
