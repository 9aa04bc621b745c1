"""Workloads made of others: nothing is lost, nothing is out of order."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomyrmex_lab.errors import SettingError, WorkloadError
from codomyrmex_lab.workloads import Constant, Scan, Uniform, Workload


def build(arrival_s: list[float], name: str) -> Workload:
    """Every request says in each of its parts which one it is."""
    n = len(arrival_s)
    return Workload(
        sorted(arrival_s),
        keys=[f"{name}{i % 3}" for i in range(n)],
        payloads=[f"{name}{i % 3}" for i in range(n)],
        priorities=np.arange(n),
        columns=pd.DataFrame({"row": range(n), "source": name}),
    )


def rows(workload: Workload) -> list[tuple[object, ...]]:
    """Each request but its time."""
    return list(
        zip(
            workload.keys,
            workload.payloads,
            workload.priorities.tolist(),
            workload.columns["row"],
            workload.columns["source"],
            strict=True,
        )
    )


times = st.lists(st.floats(0, 100), min_size=1, max_size=30)
workloads = times.map(lambda arrival_s: build(arrival_s, "a"))
others = times.map(lambda arrival_s: build(arrival_s, "b"))


@settings(deadline=None)
@given(workloads, st.floats(0.01, 100))
def test_scaled_workload_has_the_same_requests_at_other_times(
    workload: Workload, factor: float
) -> None:
    scaled = workload.scale_rate(factor)

    assert rows(scaled) == rows(workload)
    np.testing.assert_allclose(scaled.arrival_s * factor, workload.arrival_s, atol=1e-9)


@settings(deadline=None)
@given(workloads, st.floats(0, 100))
def test_slices_on_both_sides_of_a_time_make_up_the_whole(workload: Workload, at_s: float) -> None:
    before = workload.arrival_s < at_s
    parts = []
    if before.any():
        first = workload.slice(0, at_s)
        assert first.arrival_s.tolist() == workload.arrival_s[before].tolist()
        parts += rows(first)
    if not before.all():
        second = workload.slice(at_s)
        np.testing.assert_allclose(second.arrival_s + at_s, workload.arrival_s[~before], atol=1e-9)
        parts += rows(second)

    assert parts == rows(workload)


@settings(deadline=None)
@given(workloads, st.floats(0.01, 1), st.integers(0, 99))
def test_sample_is_a_share_of_the_requests_in_order(
    workload: Workload, fraction: float, seed: int
) -> None:
    sample, again = (workload.sample(fraction, seed) for _ in range(2))

    assert len(sample) == max(round(fraction * len(workload)), 1)
    kept = sample.columns["row"].to_numpy()
    assert (np.diff(kept) > 0).all()
    assert rows(sample) == [rows(workload)[row] for row in kept] == rows(again)
    assert (sample.arrival_s == workload.arrival_s[kept]).all()


@settings(deadline=None)
@given(workloads, others)
def test_merged_workload_holds_both_in_order(one: Workload, other: Workload) -> None:
    merged = one.merge(other)

    assert (merged.arrival_s == np.sort([*one.arrival_s, *other.arrival_s])).all()
    assert Counter(rows(merged)) == Counter([*rows(one), *rows(other)])
    for source, name in ((one, "a"), (other, "b")):
        own = (merged.columns["source"] == name).to_numpy()
        assert (merged.arrival_s[own] == source.arrival_s).all()
        assert [row for row in rows(merged) if row[-1] == name] == rows(source)


@settings(deadline=None)
@given(workloads, st.integers(1, 5))
def test_repeated_workload_holds_each_request_so_often(workload: Workload, n: int) -> None:
    repeated = workload.repeat(n)

    assert rows(repeated) == rows(workload) * n
    assert (repeated.arrival_s[: len(workload)] == workload.arrival_s).all()


def test_repetition_keeps_the_rate() -> None:
    workload = Workload.generate(Constant(4), 10)

    assert workload.repeat(3).arrival_s.tolist() == (np.arange(30) / 4).tolist()
    assert (
        workload.repeat(2, every_s=100).arrival_s[10:].tolist()
        == (100 + np.arange(10) / 4).tolist()
    )


def test_keys_of_equal_payloads_stay_equal_when_merged() -> None:
    cats = Workload([0, 1], keys=[0, 1], payloads=["cat", "lynx"])
    more = Workload([2, 3], keys=[0, 2], payloads=["cat", "puma"])

    assert cats.merge(more).keys.tolist() == [0, 1, 0, 2]


def test_one_key_for_different_payloads_becomes_two_when_merged() -> None:
    cats = Workload([0, 1, 2], keys=[0, 1, 1], payloads=["cat", "lynx", "lynx"])
    dogs = Workload([3, 4, 5], keys=[0, 1, 0], payloads=["dog", "lynx", "dog"])

    merged = cats.merge(dogs)

    cat, lynx, _, dog, other_lynx, other_dog = merged.keys.tolist()
    assert dog == other_dog
    assert lynx == other_lynx
    assert len({cat, lynx, dog}) == 3
    assert merged.payloads == ("cat", "lynx", "lynx", "dog", "lynx", "dog")


def test_keys_of_different_types_stay_different_when_merged() -> None:
    merged = Workload([0], keys=[1]).merge(Workload([1], keys=["1"]))

    assert merged.n_keys == 2
    assert merged.payloads == (1, "1")


def test_payloads_that_no_key_can_be_made_of_are_compared_by_identity() -> None:
    thing, another = object(), object()
    one = Workload([0], keys=[0], payloads=[thing])

    assert one.merge(Workload([1], keys=[0], payloads=[thing])).n_keys == 1
    assert one.merge(Workload([1], keys=[0], payloads=[another])).n_keys == 2


def test_new_keys_are_payloads_and_leave_the_rest() -> None:
    workload = build([0, 1, 2, 3], "a")

    changed = workload.with_keys(Scan(), n_keys=3)

    assert changed.keys.tolist() == [0, 1, 2, 0]
    assert changed.payloads == (0, 1, 2, 0)
    assert changed.columns.equals(workload.columns)
    assert changed.priorities.tolist() == [0, 1, 2, 3]
    assert (workload.with_keys(Uniform(), 9, seed=1).keys < 9).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.scale_rate(0), "factor is 0; expected a finite number above 0"),
        (lambda w: w.slice(-1), "start_s is -1"),
        (lambda w: w.slice(0, float("nan")), "end_s is nan"),
        (lambda w: w.sample(0), "fraction is 0"),
        (lambda w: w.sample(1.5), "fraction is 1.5; expected at most 1"),
        (lambda w: w.repeat(0), "n is 0"),
        (lambda w: w.repeat(2, every_s=1), "every_s is 1; expected at least the 5 s"),
        (lambda w: w.with_keys(Scan(), 0), "n_keys is 0"),
    ],
)
def test_settings_outside_their_range_are_refused(
    change: Callable[[Workload], Workload], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        change(Workload([0, 5]))


def test_slice_without_requests_is_refused() -> None:
    with pytest.raises(WorkloadError, match=r"No request is due from 1 to 2 s; .* 0 to 5 s"):
        Workload([0, 5]).slice(1, 2)
