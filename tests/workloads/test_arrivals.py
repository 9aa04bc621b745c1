from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.workloads import (
    ArrivalProcess,
    Constant,
    Diurnal,
    Gamma,
    MarkovModulatedPoisson,
    Poisson,
    Ramp,
    Step,
)

rates = st.floats(0.01, 1e5)
spans = st.floats(0.01, 1e5)
stays = st.floats(1, 1e5)
processes = st.one_of(
    st.builds(Constant, rates),
    st.builds(Poisson, rates),
    st.builds(Gamma, rates, st.floats(0.05, 20)),
    st.builds(Ramp, st.floats(0, 1e5), rates, spans),
    st.builds(lambda a, b, c, at: Step((a, b, c), (at, 2 * at)), rates, rates, rates, spans),
    st.builds(Diurnal, rates, st.floats(0, 1), spans),
    st.builds(lambda a, b, s: MarkovModulatedPoisson((a, b), (s, 2 * s)), rates, rates, stays),
)


@settings(max_examples=200, deadline=None)
@given(processes, st.integers(1, 300), st.integers(0, 2**32))
def test_times_are_sorted_from_zero_and_repeat_with_their_seed(
    process: ArrivalProcess, n_requests: int, seed: int
) -> None:
    first, second = (process.sample(n_requests, np.random.default_rng(seed)) for _ in range(2))

    assert first.shape == (n_requests,)
    assert first.dtype == np.float64
    assert first[0] == 0
    assert np.isfinite(first).all()
    assert (np.diff(first) >= 0).all()
    assert (first == second).all()


def gaps_s(process: ArrivalProcess, n_requests: int = 200_000) -> np.ndarray:
    return np.diff(process.sample(n_requests, np.random.default_rng(3)))


def test_constant_gaps_are_equal() -> None:
    assert Constant(4).sample(3, np.random.default_rng()).tolist() == [0, 0.25, 0.5]


@pytest.mark.parametrize("cv", [0.2, 1.0, 3.0])
def test_gamma_gaps_have_the_mean_and_variation_asked_for(cv: float) -> None:
    gaps = gaps_s(Gamma(50, cv))

    assert gaps.mean() == pytest.approx(1 / 50, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.03)


def test_gamma_gaps_with_variation_one_are_exponential() -> None:
    gamma, poisson = (np.sort(gaps_s(process)) for process in (Gamma(50, 1), Poisson(50)))

    assert np.abs(gamma[::1000] - poisson[::1000])[:190].max() < 0.003


def integrated_ramp(time_s: np.ndarray) -> np.ndarray:
    on_ramp = np.minimum(time_s, 60)
    return 5 * on_ramp + (80 - 5) / 60 / 2 * on_ramp**2 + 80 * (time_s - on_ramp)


def integrated_step(time_s: np.ndarray) -> np.ndarray:
    return (
        10 * np.minimum(time_s, 30)
        + 200 * np.clip(time_s - 30, 0, 5)
        + 20 * np.maximum(time_s - 35, 0)
    )


def integrated_day(time_s: np.ndarray) -> np.ndarray:
    return 50 * (time_s - 0.9 * 60 / (2 * np.pi) * np.sin(2 * np.pi * time_s / 60))


@pytest.mark.parametrize(
    ("process", "expected_until"),
    [
        (Ramp(5, 80, over_s=60), integrated_ramp),
        (Step((10, 200, 20), at_s=(30, 35)), integrated_step),
        (Diurnal(50, swing=0.9, period_s=60), integrated_day),
    ],
    ids=["ramp", "step", "diurnal"],
)
def test_on_its_own_clock_a_varying_process_is_a_poisson_process_of_rate_one(
    process: ArrivalProcess, expected_until: Callable[[np.ndarray], np.ndarray]
) -> None:
    expected = expected_until(process.sample(20_000, np.random.default_rng(3)))

    reference = np.cumsum(np.diff(expected, prepend=0.0))
    unit = np.random.default_rng(3).standard_exponential(20_000)
    unit[0] = 0
    np.testing.assert_allclose(expected, np.cumsum(unit), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(reference, expected)


def test_ramp_downwards_and_from_nothing_end_at_their_rate() -> None:
    for ramp in (Ramp(200, 20, over_s=30), Ramp(0, 20, over_s=30)):
        time_s = ramp.sample(50_000, np.random.default_rng(3))
        assert (time_s > 60).sum() / (time_s[-1] - 60) == pytest.approx(20, rel=0.03)


def test_day_is_quiet_at_its_trough_and_busy_at_its_peak() -> None:
    time_s = Diurnal(100, swing=1, period_s=60).sample(300_000, np.random.default_rng(3))

    counts, _ = np.histogram(time_s % 60, bins=6, range=(0, 60))

    assert counts.max() == counts[2:4].max()
    assert counts[[0, 5]].max() < counts[[1, 4]].min() < counts[[2, 3]].min()
    assert counts[2] / counts[0] == pytest.approx(10.56, rel=0.03)  # of 1 - cos, integrated


def test_markov_modulated_process_has_its_mean_rate_and_comes_in_bursts() -> None:
    process = MarkovModulatedPoisson((10, 400), (0.4, 0.05))

    gaps = gaps_s(process)

    assert process.mean_rps == pytest.approx((4 + 20) / 0.45)
    assert 1 / gaps.mean() == pytest.approx(process.mean_rps, rel=0.05)
    # Of Fischer and Meier-Hellstern, for the squared variation of gaps of two states.
    low, high, up, down = 10, 400, 1 / 0.4, 1 / 0.05
    squared = 1 + 2 * up * down * (low - high) ** 2 / (
        (up + down) ** 2 * (low * high + low * down + high * up)
    )
    assert (gaps.std() / gaps.mean()) ** 2 == pytest.approx(squared, rel=0.06)


def test_first_request_finds_a_state_as_often_as_requests_come_in_it() -> None:
    process = MarkovModulatedPoisson((1, 1000), (100, 0.3))

    first_gaps = [process.sample(2, np.random.default_rng(seed))[1] for seed in range(2000)]

    # A quarter in the slow state; of the gaps there, exp(-0.1) are longer than 0.1 s.
    assert np.mean(np.array(first_gaps) > 0.1) == pytest.approx(0.25 * np.exp(-0.1), abs=0.035)


def test_markov_modulated_process_may_fall_silent() -> None:
    gaps = gaps_s(MarkovModulatedPoisson((0, 1000), (10, 0.1)), 20_000)

    assert np.median(gaps) < 0.002
    assert gaps.max() > 10


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Poisson(0), "rate_rps is 0"),
        (lambda: Constant(float("inf")), "rate_rps is inf"),
        (lambda: Gamma(1, 0), "cv is 0; expected a finite number above 0"),
        (lambda: Ramp(-1, 1, 1), "start_rps is -1"),
        (lambda: Ramp(1, 0, 1), "end_rps is 0"),
        (lambda: Step((1, 2), ()), "2 rates for 0 times"),
        (lambda: Step((1, 0), (1,)), "rates_rps is 0"),
        (lambda: Step((1, 2, 3), (2, 2)), r"at_s is \(2, 2\); expected ascending"),
        (lambda: Step(1, 2), "rates_rps is 1; expected a tuple"),  # type: ignore[arg-type]
        (lambda: Diurnal(1, 1.5), "swing is 1.5; expected a number from 0 to 1"),
        (lambda: Diurnal(1, True), "swing is True"),
        (lambda: MarkovModulatedPoisson((0, 0), (1, 1)), "expected one above 0"),
        (lambda: MarkovModulatedPoisson((1,), (1, 1)), "expected two numbers"),  # type: ignore[arg-type]
        (lambda: MarkovModulatedPoisson((1, 2), (1, 0)), "mean_stays_s is 0"),
    ],
)
def test_settings_outside_their_range_are_refused(
    make: Callable[[], ArrivalProcess], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        make()


def test_numbers_of_numpy_are_numbers() -> None:
    rate = np.arange(1, 11)[-1]

    assert gaps_s(Constant(rate), 2).tolist() == [0.1]
    with pytest.raises(SettingError, match="rate_rps is np"):
        Constant(np.True_)  # type: ignore[arg-type]


def test_stays_too_short_to_count_are_refused() -> None:
    process = MarkovModulatedPoisson((1, 2), (1e-9, 1e-9))

    with pytest.raises(SettingError, match="expected longer stays"):
        process.sample(1000, np.random.default_rng())
