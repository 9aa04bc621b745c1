"""What arrives when: the requests that are offered to an engine, or to a simulation of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.workloads.arrival_check import check_arrivals
from codomyrmex_lab.workloads.arrivals import ArrivalProcess, Poisson
from codomyrmex_lab.workloads.description import describe_requests
from codomyrmex_lab.workloads.drawing import check_samples, draw_inputs, generators
from codomyrmex_lab.workloads.frozen_array import check_keys, frozen_array
from codomyrmex_lab.workloads.key_codes import key_codes_of
from codomyrmex_lab.workloads.keys import KeySampler, Zipf
from codomyrmex_lab.workloads.loading import Loadable
from codomyrmex_lab.workloads.payloads import plain_values
from codomyrmex_lab.workloads.ranges import check_number
from codomyrmex_lab.workloads.rearranging import merged_keys, repetition_starts_s, sampled_rows
from codomyrmex_lab.workloads.table import Columns, RequestTable

__all__ = ["Workload"]


@dataclass(frozen=True, slots=True, eq=False, init=False, repr=False)
class Workload(Loadable):
    """Requests with their arrival times; immutable.

    Parameters
    ----------
    arrival_s : float64, shape (n_requests,)
        When each request is due, in s, at least 0, sorted.
    keys : array, shape (n_requests,)
        Equal for requests with equal payloads; by default all differ.
    payloads : sequence, length n_requests
        Inputs of the model; the keys if not given.
    priorities : int32, shape (n_requests,)
        Larger leaves first; 0 by default.
    columns : pandas.DataFrame
        Whatever else is known of each request.

    Raises
    ------
    WorkloadError
        There is no request, an arrival is NaN, infinite, negative or before its predecessor, a
        key is missing or not hashable, or lengths differ.
    """

    arrival_s: NDArray[np.float64]
    keys: NDArray[Any]
    payloads: Sequence[Any]
    priorities: NDArray[np.int32]
    columns: pd.DataFrame
    _derived: dict[str, NDArray[Any]]

    def __init__(
        self,
        arrival_s: ArrayLike,
        keys: ArrayLike | None = None,
        payloads: Iterable[Any] | None = None,
        priorities: ArrayLike | None = None,
        columns: pd.DataFrame | None = None,
    ) -> None:
        arrival = frozen_array("arrival_s", arrival_s, np.float64)
        n = len(arrival)
        if n == 0:
            raise WorkloadError("The workload holds no requests; expected at least one.")
        check_arrivals(
            arrival, lambda row: f"arrival_s[{row}]", lambda row: f"{float(arrival[row])!r} s"
        )
        key_array = frozen_array("keys", np.arange(n) if keys is None else keys)
        check_keys(key_array)
        columns_given: dict[str, Any] = {
            "keys": key_array,
            "payloads": tuple(plain_values(key_array if payloads is None else payloads)),
            "priorities": frozen_array(
                "priorities", [0] * n if priorities is None else priorities, np.int32
            ),
            "columns": pd.DataFrame(index=pd.RangeIndex(n)) if columns is None else columns,
        }
        object.__setattr__(self, "arrival_s", arrival)
        object.__setattr__(self, "_derived", {})
        for name, values in columns_given.items():
            if len(values) != n:
                raise WorkloadError(
                    f"{name} has {len(values)} rows for {n} arrivals; expected {n}."
                )
            object.__setattr__(self, name, values)

    @classmethod
    def _from_table(cls, table: RequestTable, columns: Columns) -> Self:
        table.require(columns.used)
        key = columns.key or columns.payload
        payload = columns.payload or key
        return cls(
            table.arrival_s(columns.arrival, columns.time_unit),
            keys=None if key is None else table.keys(key),
            payloads=None if payload is None else table.payloads(payload),
            priorities=None if columns.priority is None else table.priorities(columns.priority),
            columns=table.others(columns.used),
        )

    @classmethod
    def generate(
        cls,
        arrivals: ArrivalProcess,
        n_requests: int,
        *,
        keys: KeySampler | None = None,
        n_keys: int | None = None,
        payloads: Iterable[Any] | None = None,
        seed: int = 0,
    ) -> Self:
        """Generate requests.

        Parameters
        ----------
        arrivals : ArrivalProcess
            Draws arrival times: :class:`Poisson`, :class:`Constant`, :class:`Gamma`,
            :class:`MarkovModulatedPoisson`, :class:`Diurnal`, :class:`Ramp` or :class:`Step`.
        n_requests : int
            At least 1.
        keys : KeySampler or None
            Draws keys: :class:`Zipf` (with exponent 1.1 the default), :class:`Uniform`,
            :class:`Scan` or :class:`TemporalLocality`.
        n_keys : int or None
            Different inputs, at least 1; as many as there are payloads, else 1,000, by default.
        payloads : iterable or None
            One input per key, for Zipf the most popular first; the keys by default.
        seed : int
            At least 0. Equal seeds give equal workloads, and equal arrivals for any keys.

        Returns
        -------
        Workload
            Its first request is due at 0.

        Raises
        ------
        SettingError
            A parameter is outside its range.
        """
        check_integer("n_requests", n_requests, at_least=1)
        check_samples("arrivals", arrivals, "an arrival process, such as Poisson(100)")
        arrival_rng, key_rng = generators(seed)
        drawn = draw_inputs(n_requests, keys, n_keys, payloads, key_rng)
        return cls(arrivals.sample(n_requests, arrival_rng), *drawn)

    @classmethod
    def poisson(
        cls,
        rate_rps: float,
        n_requests: int,
        *,
        n_keys: int | None = None,
        zipf_exponent: float = 1.1,
        payloads: Iterable[Any] | None = None,
        seed: int = 0,
    ) -> Self:
        """Generate Poisson arrivals that ask for Zipf-distributed keys.

        Short for ``generate(Poisson(rate_rps), n_requests, keys=Zipf(zipf_exponent), ...)``.
        """
        return cls.generate(
            Poisson(rate_rps),
            n_requests,
            keys=Zipf(zipf_exponent),
            n_keys=n_keys,
            payloads=payloads,
            seed=seed,
        )

    def with_payloads(
        self, payloads: Iterable[Any], keys: KeySampler | None = None, seed: int = 0
    ) -> Self:
        """Return the same arrivals with other payloads, drawn at random.

        Parameters
        ----------
        payloads : iterable
            One input per key, for Zipf the most popular first.
        keys : KeySampler or None
            Draws the key, which is the position of the payload, of each request;
            ``Zipf(1.1)`` by default.
        seed : int
            At least 0.
        """
        drawn = draw_inputs(len(self), keys, None, payloads, generators(seed)[1])
        return type(self)(self.arrival_s, *drawn, self.priorities, self.columns)

    def with_keys(self, keys: KeySampler, n_keys: int, seed: int = 0) -> Self:
        """Return the same arrivals with other keys, drawn at random, which are the payloads."""
        drawn = draw_inputs(len(self), keys, n_keys, None, generators(seed)[1])
        return type(self)(self.arrival_s, *drawn, self.priorities, self.columns)

    def with_costs(self, costs: ArrayLike | Callable[[Any], float], column: str = "cost") -> Self:
        """Return the same requests with what each costs to compute, in a column of that name.

        Parameters
        ----------
        costs : array of float64, shape (n_requests,), or callable
            The cost of each request (its tokens, say), or a function that tells it of a payload.
        column : str
            Where it goes in :attr:`columns`.

        Raises
        ------
        WorkloadError
            A cost is not a finite number, or there is not one per request.
        """
        given = [costs(payload) for payload in self.payloads] if callable(costs) else costs
        values = frozen_array(column, given, np.float64)
        if len(values) != len(self) or not np.isfinite(values).all():
            raise WorkloadError(
                f"{len(values)} costs are given for {len(self)} requests, "
                f"{int(np.isfinite(values).sum())} of them finite; expected a finite one for each."
            )
        columns = self.columns.assign(**{column: values})
        return type(self)(self.arrival_s, self.keys, self.payloads, self.priorities, columns)

    def head(self, n: int) -> Self:
        """Return the first ``n`` requests, or all if there are fewer."""
        check_integer("n", n, at_least=1)
        return self._taken(np.arange(min(n, len(self))))

    def scale_rate(self, factor: float) -> Self:
        """Return the same requests, ``factor`` times as fast; more than 0."""
        check_number("factor", factor, above_zero=True)
        return self._taken(np.arange(len(self)), self.arrival_s / factor)

    def slice(self, start_s: float, end_s: float | None = None) -> Self:
        """Return the requests due from ``start_s`` to before ``end_s``, with ``start_s`` as 0."""
        check_number("start_s", start_s, above_zero=False)
        until = np.inf if end_s is None else end_s
        if end_s is not None:
            check_number("end_s", end_s, above_zero=True)
        first, last = np.searchsorted(self.arrival_s, [start_s, until])
        if first >= last:
            raise WorkloadError(
                f"No request is due from {start_s!r} to {until!r} s; "
                f"expected a part of 0 to {self.duration_s:.6g} s that holds one."
            )
        rows = np.arange(first, last)
        return self._taken(rows, self.arrival_s[rows] - start_s)

    def sample(self, fraction: float, seed: int = 0) -> Self:
        """Return a random share of the requests, above 0 to 1 of all, at their own times."""
        return self._taken(sampled_rows(len(self), fraction, generators(seed)[1]))

    def merge(self, other: Workload) -> Self:
        """Return the requests of both at their own times; where equal, this one's come first.

        Keys stay as they are, unless one stands for different payloads in the two: then the
        other's are told apart, and all keys become numbers.
        """
        arrival_s = np.concatenate([self.arrival_s, other.arrival_s])
        both = type(self)(
            np.zeros(len(arrival_s)),
            merged_keys(self.keys, self.payloads, other.keys, other.payloads),
            (*self.payloads, *other.payloads),
            np.concatenate([self.priorities, other.priorities]),
            pd.concat([self.columns, other.columns], ignore_index=True),
        )
        order = np.argsort(arrival_s, kind="stable")
        return both._taken(order, arrival_s[order])

    def repeat(self, n: int, every_s: float | None = None) -> Self:
        """Return the requests ``n`` times over.

        Parameters
        ----------
        n : int
            At least 1.
        every_s : float or None
            Time from one beginning to the next, in s, no less than from the first request to
            the last; by default a mean gap more than the last request's time.
        """
        check_integer("n", n, at_least=1)
        starts_s = repetition_starts_s(self.arrival_s, n, every_s)
        arrival_s = np.maximum.accumulate((starts_s[:, np.newaxis] + self.arrival_s).ravel())
        return self._taken(np.tile(np.arange(len(self)), n), arrival_s)

    def _taken(self, rows: NDArray[np.int64], arrival_s: NDArray[np.float64] | None = None) -> Self:
        """Return the requests at these positions, at their own times or at others."""
        return type(self)(
            self.arrival_s[rows] if arrival_s is None else arrival_s,
            self.keys[rows],
            [self.payloads[row] for row in rows.tolist()],
            self.priorities[rows],
            self.columns.iloc[rows].reset_index(drop=True),
        )

    @property
    def duration_s(self) -> float:
        """When the last request is due, in s."""
        return float(self.arrival_s[-1])

    @property
    def arrival_ns(self) -> NDArray[np.int64]:
        """When each request is due, in whole ns, shape (n_requests,); computed once."""
        return self._once("arrival_ns", lambda: np.rint(self.arrival_s * 1e9).astype(np.int64))

    @property
    def key_codes(self) -> NDArray[np.int32]:
        """Numbers from 0 on, in the order of first appearance, equal for equal keys; made once."""
        return self._once("key_codes", lambda: key_codes_of(self.keys))

    def _once(self, name: str, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        if name not in self._derived:
            dtype = np.int32 if name == "key_codes" else np.int64
            array = make().astype(dtype, copy=False)
            array.setflags(write=False)
            self._derived[name] = array
        return self._derived[name]

    @property
    def n_keys(self) -> int:
        """Number of different keys."""
        return int(self.key_codes.max()) + 1

    def describe(self) -> pd.DataFrame:
        """Return one row per figure with its ``value``; see :func:`describe_requests`."""
        figures = describe_requests(self.arrival_s, self.keys)
        return pd.DataFrame({"value": pd.Series(figures, dtype=np.float64).rename_axis("figure")})

    def __len__(self) -> int:
        return len(self.arrival_s)

    def __repr__(self) -> str:
        return (
            f"<Workload: {len(self):,} requests in {self.duration_s:,.6g} s, "
            f"{self.n_keys:,} different keys>"
        )
