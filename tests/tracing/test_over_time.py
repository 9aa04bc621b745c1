import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing import BatchColumns, RequestColumns, Trace
from codomyrmex_lab.tracing.columns import MISSING_TICK

S = 1_000_000_000


def test_figures_of_each_second() -> None:
    requests = RequestColumns.of(
        arrival_ns=np.array([0.0, 0.5, 2.0]) * S,
        start_ns=np.array([0.25, 1.5, 2.0]) * S,
        end_ns=np.array([0.75, 1.75, 2.5]) * S,
        key=[1, 1, 2],
        from_cache=[False, True, False],
    )

    figures = Trace(requests, BatchColumns.of()).over_time(1.0)

    assert figures.index.tolist() == [pd.Timedelta(i, "s") for i in range(3)]
    assert figures["offered_load_rps"].tolist() == [2, 0, 1]
    assert figures["throughput_rps"].tolist() == [1, 1, 1]
    assert figures["p50_ms"].tolist() == pytest.approx([1000, np.nan, 500], nan_ok=True)
    assert figures["p95_ms"].iloc[0] == pytest.approx(750 + 0.95 * 500)
    assert figures["queue_ms"].tolist() == pytest.approx([625, np.nan, 0], nan_ok=True)
    assert figures["hit_rate"].tolist() == pytest.approx([0.5, np.nan, 0], nan_ok=True)
    assert figures["queue_length"].tolist() == pytest.approx([0.75, 0.5, 0])


times = st.integers(0, 10 * S)


@given(
    st.lists(st.tuples(times, times, times, st.booleans(), st.booleans()), min_size=1, max_size=60),
    st.sampled_from([0.1, 0.37, 1.0, 60.0]),
)
def test_nothing_is_lost_between_the_bins(
    rows: list[tuple[int, int, int, bool, bool]], bin_s: float
) -> None:
    waited, served = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    arrival_ns = np.array([row[0] for row in rows])
    start_ns, started = arrival_ns + waited, np.array([row[3] for row in rows])
    failed = np.array([row[4] for row in rows])
    requests = RequestColumns.of(
        arrival_ns,
        np.where(started, start_ns, MISSING_TICK),
        np.where(started, start_ns + served, start_ns),
        error=np.where(failed | ~started, 0, -1),
    )
    trace = Trace(requests, BatchColumns.of(), errors=["ValueError: x"])

    figures = trace.over_time(bin_s)

    assert round(figures["offered_load_rps"].sum() * bin_s) == len(rows)
    assert round(figures["throughput_rps"].sum() * bin_s) == int((started & ~failed).sum())
    assert figures["queue_length"].sum() * bin_s * 1e9 == pytest.approx(waited.sum(), abs=1e4)
    assert (figures["queue_length"] >= -1e-6).all()


@pytest.mark.parametrize("bin_s", [0, -1, float("nan"), float("inf"), "1"])
def test_bin_outside_its_range_is_refused(bin_s: float) -> None:
    trace = Trace(RequestColumns.of([0], [1], [2]), BatchColumns.of())

    with pytest.raises(SettingError, match="bin_s is"):
        trace.over_time(bin_s)


def test_too_many_bins_are_refused() -> None:
    trace = Trace(RequestColumns.of([0], [1], [3600 * S]), BatchColumns.of())

    with pytest.raises(SettingError, match="longer bin"):
        trace.over_time(1e-6)
