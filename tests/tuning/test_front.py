"""The Pareto front against its definition."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tuning import pareto_front
from codomyrmex_lab.tuning.front import is_efficient


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(0, 30), st.integers(1, 4)),
        elements=st.integers(0, 5).map(float) | st.just(np.inf),
    )
)
def test_efficient_rows_are_those_that_none_beats(losses: np.ndarray) -> None:
    expected = [
        not any((other <= row).all() and (other < row).any() for other in losses) for row in losses
    ]
    assert is_efficient(losses).tolist() == expected


def test_the_front_knows_which_way_is_good() -> None:
    trials = pd.DataFrame(
        {
            "p99_ms": [1.0, 2.0, 3.0, 2.5],
            "throughput_rps": [10.0, 20.0, 30.0, 15.0],
            "quality": np.nan,
        }
    )
    front = pareto_front(trials, ["throughput_rps", "p99_ms", "quality"])
    assert front.index.tolist() == [0, 1, 2]


def test_an_unknown_figure_is_refused() -> None:
    with pytest.raises(SettingError, match="expected some of throughput_rps"):
        pareto_front(pd.DataFrame({"speed": [1.0]}), ["speed"])
