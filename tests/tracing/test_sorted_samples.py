import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.tracing.sorted_samples import SortedSamples, percentiles_over

DURATION_NS = st.one_of(
    st.integers(-5, 5), st.integers(900, 1100), st.integers(0, 10**13), st.just(4_000_000)
)


@given(
    parts=st.lists(st.lists(DURATION_NS, max_size=50), min_size=1, max_size=5).filter(any),
    percent=st.one_of(st.sampled_from((0, 50, 95, 99, 100)), st.floats(0, 100)),
)
def test_percentiles_over_parts_are_those_of_all_samples(
    parts: list[list[int]], percent: float
) -> None:
    found = percentiles_over(
        [SortedSamples(np.array(part, dtype=np.int64)) for part in parts], [percent]
    )

    assert found[0] == pytest.approx(
        np.percentile(np.concatenate(parts), percent), rel=1e-12, abs=1e-9
    )


def test_neighbouring_ranks_in_parts_far_apart_are_both_found() -> None:
    slow, fast = (SortedSamples(np.array([ns])) for ns in (3_000_000_000, 2_000))

    assert percentiles_over([slow, fast], (25, 50)) == (750_001_500, 1_500_001_000)
