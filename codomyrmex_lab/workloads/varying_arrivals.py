"""When requests arrive if the rate changes over time.

A Poisson process of any rate is one of rate 1 on a stretched clock: if ``L(t)`` is the number of
requests expected until ``t``, and ``u`` are the times of a process of rate 1, then ``t`` with
``L(t) = u`` are its times (time rescaling). Each process here inverts its own ``L`` exactly.

References
----------
E. Cinlar, Introduction to Stochastic Processes, Prentice-Hall 1975, section 4.7.
W. Fischer and K. Meier-Hellstern, The Markov-modulated Poisson process (MMPP) cookbook,
Performance Evaluation 18, 1993.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.workloads.ranges import check_number, check_share

__all__ = ["Diurnal", "MarkovModulatedPoisson", "Ramp", "Step"]

_MOST_STAYS = 20_000_000


@dataclass(frozen=True, slots=True)
class Ramp:
    """Poisson arrivals whose rate goes evenly from one to another, and stays there.

    Parameters
    ----------
    start_rps : float
        Rate at the beginning, in requests per s, at least 0.
    end_rps : float
        Rate after the ramp, above 0; it may be the lower one.
    over_s : float
        How long the ramp takes, in s, above 0.

    Raises
    ------
    SettingError
        A parameter is outside its range.
    """

    start_rps: float
    end_rps: float
    over_s: float

    def __post_init__(self) -> None:
        check_number("start_rps", self.start_rps, above_zero=False)
        check_number("end_rps", self.end_rps, above_zero=True)
        check_number("over_s", self.over_s, above_zero=True)

    def sample(self, n_requests: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the times, the first at the beginning of the ramp."""
        expected = _unit_rate(n_requests, rng)
        at_end = (self.start_rps + self.end_rps) / 2 * self.over_s
        slope = (self.end_rps - self.start_rps) / self.over_s
        on_ramp = np.minimum(expected, at_end)
        # The root of start t + slope t²/2, in the form that loses no digits for small slopes.
        rate = np.sqrt(np.maximum(self.start_rps**2 + 2 * slope * on_ramp, 0.0))
        on_ramp_s = np.zeros(n_requests)
        np.divide(2 * on_ramp, self.start_rps + rate, out=on_ramp_s, where=on_ramp > 0)
        return _sorted(on_ramp_s + (expected - on_ramp) / self.end_rps)


@dataclass(frozen=True, slots=True)
class Step:
    """Poisson arrivals whose rate jumps at given times.

    Parameters
    ----------
    rates_rps : tuple of float
        One rate more than there are jumps, each in requests per s, above 0; the last one stays.
    at_s : tuple of float
        Times of the jumps, in s, above 0, ascending.

    Raises
    ------
    SettingError
        A parameter is outside its range, or the numbers of rates and times do not fit.
    """

    rates_rps: tuple[float, ...]
    at_s: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates_rps", _as_tuple("rates_rps", self.rates_rps))
        object.__setattr__(self, "at_s", _as_tuple("at_s", self.at_s))
        for rate in self.rates_rps:
            check_number("rates_rps", rate, above_zero=True)
        for time in self.at_s:
            check_number("at_s", time, above_zero=True)
        if len(self.rates_rps) != len(self.at_s) + 1:
            raise SettingError(
                f"rates_rps has {len(self.rates_rps)} rates for {len(self.at_s)} times in at_s; "
                "expected one rate more than times."
            )
        if any(after <= before for before, after in zip(self.at_s, self.at_s[1:], strict=False)):
            raise SettingError(f"at_s is {self.at_s!r}; expected ascending times.")

    def sample(self, n_requests: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the times, the first at the beginning."""
        edge_s = np.array([0.0, *self.at_s])
        edge_expected = np.cumsum([0.0, *(np.diff(edge_s) * self.rates_rps[:-1])])
        expected = _unit_rate(n_requests, rng)
        time_s = np.interp(expected, edge_expected, edge_s)
        beyond = np.maximum(expected - edge_expected[-1], 0.0)
        return _sorted(time_s + beyond / self.rates_rps[-1])


@dataclass(frozen=True, slots=True)
class Diurnal:
    """Poisson arrivals whose rate swings like a day: from trough to peak and back, as a cosine.

    Parameters
    ----------
    mean_rps : float
        Rate on average over a period, in requests per s, above 0.
    swing : float
        Peak over mean, less 1, from 0 to 1: 0.8 goes from 0.2 to 1.8 times the mean.
    period_s : float
        Time from trough to trough, in s, above 0; a day by default. It begins at a trough.

    Raises
    ------
    SettingError
        A parameter is outside its range.
    """

    mean_rps: float
    swing: float
    period_s: float = 86_400.0

    def __post_init__(self) -> None:
        check_number("mean_rps", self.mean_rps, above_zero=True)
        check_share("swing", self.swing)
        check_number("period_s", self.period_s, above_zero=True)

    def sample(self, n_requests: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the times, the first at the trough."""
        periods = _unit_rate(n_requests, rng) / (self.mean_rps * self.period_s)
        whole = np.floor(periods)
        angle = _solve_kepler((periods - whole) * (2 * math.pi), self.swing)
        return _sorted((whole + angle / (2 * math.pi)) * self.period_s)


@dataclass(frozen=True, slots=True)
class MarkovModulatedPoisson:
    """Poisson arrivals that change between two rates, each kept for an exponential time.

    Parameters
    ----------
    rates_rps : (float, float)
        Rates of the two states, in requests per s, at least 0, not both 0.
    mean_stays_s : (float, float)
        How long each state lasts on average, in s, above 0.

    Raises
    ------
    SettingError
        A parameter is outside its range.
    """

    rates_rps: tuple[float, float]
    mean_stays_s: tuple[float, float]

    def __post_init__(self) -> None:
        for name in ("rates_rps", "mean_stays_s"):
            pair = _as_tuple(name, getattr(self, name))
            if len(pair) != 2:
                raise SettingError(f"{name} is {pair!r}; expected two numbers, one per state.")
            for value in pair:
                check_number(name, value, above_zero=name == "mean_stays_s")
            object.__setattr__(self, name, pair)
        if not any(self.rates_rps):
            raise SettingError(f"rates_rps is {self.rates_rps!r}; expected one above 0 at least.")

    @property
    def mean_rps(self) -> float:
        """Rate on average, in requests per s."""
        return self._per_cycle / sum(self.mean_stays_s)

    @property
    def _per_cycle(self) -> float:
        """Requests expected in one stay in each state."""
        return float(np.dot(self.rates_rps, self.mean_stays_s))

    def sample(self, n_requests: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the times of the process as seen from one of its requests."""
        expected = _unit_rate(n_requests, rng)
        # A request finds a state in proportion to the requests that come in it.
        first = int(rng.random() * self._per_cycle >= self.rates_rps[0] * self.mean_stays_s[0])
        edge_s, edge_expected = self._stays_until(expected[-1], first, rng)
        return _sorted(np.interp(expected, edge_expected, edge_s))

    def _stays_until(
        self, expected: float, first: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return when states change, and the requests expected until then."""
        order = [first, 1 - first]
        if 2 * expected / self._per_cycle > _MOST_STAYS:
            raise SettingError(
                f"mean_stays_s is {self.mean_stays_s!r}, which means more than {_MOST_STAYS:,} "
                "changes of state; expected longer stays, or fewer requests."
            )
        mean_s, rate = (np.array(pair)[order] for pair in (self.mean_stays_s, self.rates_rps))
        stays_s = np.empty((0, 2))
        while float((stays_s @ rate).sum()) <= expected:
            missing = expected - float((stays_s @ rate).sum())
            n_cycles = int(missing / self._per_cycle) + 16
            stays_s = np.concatenate([stays_s, rng.exponential(mean_s, (n_cycles, 2))])
        edges = (np.cumsum((stays_s * factor).ravel()) for factor in (np.ones(2), rate))
        edge_s, edge_expected = (np.concatenate([[0.0], edge]) for edge in edges)
        return edge_s, edge_expected


def _unit_rate(n_requests: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the times of a Poisson process of rate 1, as seen from one of its requests."""
    gaps = rng.standard_exponential(n_requests)
    gaps[0] = 0.0
    return np.cumsum(gaps)


def _solve_kepler(anomaly: NDArray[np.float64], swing: float) -> NDArray[np.float64]:
    """Return ``x`` from 0 to 2π with ``x - swing sin(x) = anomaly``: Newton from a table."""
    u = np.linspace(-1, 1, 8193)
    # Nodes crowd at the ends, where the curve is flat if the swing is near 1.
    nodes = math.pi * (1 + np.sign(u) * (1 - (1 - np.abs(u)) ** 3))
    values, distinct = np.unique(nodes - swing * np.sin(nodes), return_index=True)
    nodes = nodes[distinct]
    x: NDArray[np.float64] = np.interp(anomaly, values, nodes)
    above = np.clip(np.searchsorted(values, anomaly), 1, len(nodes) - 1)
    low, high = nodes[above - 1], nodes[above]
    for _ in range(3):
        slope = (1 - swing) + 2 * swing * np.sin(x / 2) ** 2
        residual = x - swing * np.sin(x) - anomaly
        step = np.divide(residual, slope, out=np.zeros_like(x), where=slope > 0)
        np.clip(x - step, low, high, out=x)
    return x


def _sorted(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo what rounding did to the first time, and to the order of nearly equal ones."""
    time_s[0] = 0.0
    return np.maximum.accumulate(time_s)


def _as_tuple(name: str, values: object) -> tuple[float, ...]:
    if not isinstance(values, tuple | list):
        raise SettingError(f"{name} is {values!r}; expected a tuple of numbers.")
    return tuple(values)
