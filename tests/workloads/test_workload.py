from collections.abc import Callable
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.errors import LabError, SettingError, WorkloadError
from codomyrmex_lab.workloads import Workload, Zipf


def test_keys_stand_in_for_payloads_as_plain_values() -> None:
    workload = Workload([0, 1, 2], keys=np.array([7, 8, 7]))

    assert workload.payloads == (7, 8, 7)
    assert [type(payload) for payload in workload.payloads] == [int] * 3
    assert workload.priorities.dtype == np.int32
    assert workload.n_keys == 2


def test_without_keys_all_requests_differ() -> None:
    assert Workload([0, 0, 0]).keys.tolist() == [0, 1, 2]


def test_nothing_can_be_changed() -> None:
    arrival_s = np.array([0.0, 1.0])
    workload = Workload(arrival_s)
    arrival_s[1] = -5

    assert workload.arrival_s.tolist() == [0, 1]
    with pytest.raises(FrozenInstanceError):
        workload.keys = np.arange(2)  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        workload.arrival_s[0] = 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Workload([]), "holds no requests"),
        (lambda: Workload([0, 2, 1]), r"arrival_s\[2\]: arrival 1.0 s comes before .* 2.0 s"),
        (lambda: Workload([-1, 0]), r"arrival_s\[0\]: arrival -1.0 s is negative"),
        (lambda: Workload([0, float("nan"), 1]), r"arrival_s\[1\]: arrival is nan"),
        (lambda: Workload([0, float("inf")]), r"arrival_s\[1\]: arrival is inf"),
        (lambda: Workload([[0, 1]]), r"arrival_s has shape \(1, 2\)"),
        (lambda: Workload(["soon"]), "arrival_s cannot be read"),
        (lambda: Workload([0, 1], keys=[1]), "keys has 1 rows for 2 arrivals"),
        (lambda: Workload([0, 1], payloads=["a"]), "payloads has 1 rows for 2 arrivals"),
        (lambda: Workload([0], priorities=[0, 1]), "priorities has 2 rows for 1 arrivals"),
        (lambda: Workload([0], priorities=[0.5]), "priorities .* whole numbers"),
        (lambda: Workload([0], priorities=[2**31]), "priorities cannot be read"),
        (lambda: Workload([0], columns=pd.DataFrame({"a": [1, 2]})), "columns has 2 rows"),
        (lambda: Workload([0, 1e10]), r"arrival_s\[1\]: arrival 10000000000.0 s is later than"),
        (lambda: Workload([0, 1], keys=["a", None]), r"keys\[1\] is missing"),
        (lambda: Workload([0, 1], keys=[0.5, float("nan")]), r"keys\[1\] is missing"),
        (lambda: Workload([0], keys=[{}]), r"keys cannot be told apart \(unhashable type: 'dict'"),
        (lambda: Workload([0, 1]).scale_rate(1e-12), "is it in another unit"),
        (lambda: Workload([0, 1]).with_payloads([]), "payloads is empty"),
        (lambda: Workload.poisson(1, 2, payloads=[]), "payloads is empty"),
    ],
)
def test_bad_rows_are_named_in_one_sentence(make: Callable[[], Workload], message: str) -> None:
    with pytest.raises(WorkloadError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Workload.poisson(0, 1), "rate_rps is 0"),
        (lambda: Workload.poisson(float("nan"), 1), "rate_rps is nan"),
        (lambda: Workload.poisson(1, 0), "n_requests is 0"),
        (lambda: Workload.poisson(1, 1, n_keys=0), "n_keys is 0"),
        (lambda: Workload.poisson(1, 1, n_keys=3, payloads="ab"), "n_keys is 3; .* payload, 2"),
        (lambda: Workload.poisson(1, 1, seed=-1), "seed is -1"),
        (lambda: Workload.poisson(1, 1, zipf_exponent=-1), "exponent is -1"),
        (
            lambda: Workload.generate("poisson", 1),  # type: ignore[arg-type]
            r"arrivals is 'poisson'; expected an arrival process, such as Poisson\(100\)",
        ),
        (
            lambda: Workload([0]).with_keys("zipf", 1),  # type: ignore[arg-type]
            r"keys is 'zipf'; expected a sampler of keys, such as Zipf\(1.1\)",
        ),
        (lambda: Workload([0]).head(0), "n is 0"),
        (lambda: Workload([0]).with_payloads("ab", seed=0.5), "seed is 0.5"),
    ],
)
def test_settings_outside_their_range_are_refused(
    make: Callable[[], Workload], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        make()


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20),
    st.lists(st.integers(), max_size=20),
)
def test_a_workload_is_either_sound_or_refused(arrival_s: list[float], keys: list[int]) -> None:
    try:
        workload = Workload(arrival_s, keys=keys)
    except LabError:
        return
    assert len(workload) == len(keys) > 0
    assert np.isfinite(workload.arrival_s).all()
    assert (np.diff(workload.arrival_s) >= 0).all()
    assert workload.arrival_s[0] >= 0


def test_poisson_arrivals_have_the_rate_and_variation_of_the_process() -> None:
    workload = Workload.poisson(50, 40_000, n_keys=10, seed=3)

    figures = workload.describe()["value"]

    assert workload.arrival_s[0] == 0
    assert figures["n_requests"] == 40_000
    assert figures["mean_rate_rps"] == pytest.approx(50, rel=0.02)
    assert figures["inter_arrival_cv"] == pytest.approx(1, rel=0.02)
    assert figures["n_keys"] == 10
    assert figures["duration_s"] == workload.duration_s == workload.arrival_s[-1]


def test_equal_seeds_give_equal_workloads() -> None:
    first, again = (Workload.poisson(50, 500, seed=3) for _ in range(2))
    other = Workload.poisson(50, 500, seed=4)

    assert (first.arrival_s == again.arrival_s).all()
    assert (first.keys == again.keys).all()
    assert (first.arrival_s != other.arrival_s).any()
    assert (first.keys != other.keys).any()


def test_arrivals_do_not_change_with_the_keys() -> None:
    few, many = (Workload.poisson(50, 500, n_keys=n, seed=3) for n in (5, 5000))

    assert (few.arrival_s == many.arrival_s).all()


def test_payloads_belong_to_their_keys() -> None:
    pool = ["first", "second", "third"]
    generated = Workload.poisson(50, 500, payloads=pool)
    paired = generated.with_payloads(pool, keys=Zipf(0.5), seed=9)

    for workload in (generated, paired):
        assert workload.n_keys == 3
        assert [pool[key] for key in workload.keys] == list(workload.payloads)
    assert (generated.keys != paired.keys).any()
    assert (generated.arrival_s == paired.arrival_s).all()


def test_rows_of_an_array_are_payloads() -> None:
    pool = np.arange(6.0).reshape(3, 2)

    workload = Workload.poisson(50, 20, payloads=pool)

    for key, payload in zip(workload.keys, workload.payloads, strict=True):
        assert (payload == pool[key]).all()


def test_other_columns_and_priorities_stay_with_their_arrivals() -> None:
    columns = pd.DataFrame({"tokens": [5, 6, 7]})
    workload = Workload([0, 1, 2], priorities=[2, 0, 1], columns=columns)

    changed = workload.with_payloads("xy").head(2)

    assert changed.columns["tokens"].tolist() == [5, 6]
    assert changed.priorities.tolist() == [2, 0]


def test_head_is_at_most_the_whole() -> None:
    workload = Workload([0, 1, 2], keys=[4, 5, 6])

    assert workload.head(2).keys.tolist() == [4, 5]
    assert len(workload.head(10)) == 3


def test_description_of_too_few_requests_has_no_rate() -> None:
    figures = Workload([0]).describe()["value"]

    assert figures["n_requests"] == 1
    assert np.isnan(figures["mean_rate_rps"])
    assert np.isnan(figures["inter_arrival_cv"])


def test_repr_says_what_it_holds() -> None:
    workload = Workload([0, 0.5, 2.5], keys=["a", "b", "a"])

    assert repr(workload) == "<Workload: 3 requests in 2.5 s, 2 different keys>"


def test_costs_become_a_column_that_stays_with_the_requests():
    workload = Workload([0.0, 1.0, 2.0], payloads=["a", "bcd", "ef"])
    assert workload.with_costs(len).head(2).columns["cost"].tolist() == [1.0, 3.0]
    assert workload.with_costs([4, 5, 6], "tokens").columns["tokens"].tolist() == [4.0, 5.0, 6.0]


@pytest.mark.parametrize("costs", [[1.0], [1.0, float("nan"), 2.0], ["x", "y", "z"]])
def test_costs_that_are_not_one_finite_number_each_are_refused(costs):
    with pytest.raises(WorkloadError):
        Workload([0.0, 1.0, 2.0]).with_costs(costs)
