"""What arrives when: the requests that are offered to an engine, or to a simulation of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import SettingError, WorkloadError
from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.workloads.arrivals import check_arrivals, poisson_arrivals
from codomyrmex_lab.workloads.keys import KeySampler, Zipf
from codomyrmex_lab.workloads.payloads import payload_pool, plain_values
from codomyrmex_lab.workloads.readers import read_csv, read_frame, read_jsonl, read_parquet
from codomyrmex_lab.workloads.table import RequestTable

__all__ = ["Workload"]

_DEFAULT_KEYS = 1000


@dataclass(frozen=True, slots=True, eq=False, init=False, repr=False)
class Workload:
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
        There is no request, an arrival is NaN, infinite, negative or before its predecessor, or
        lengths differ.
    """

    arrival_s: NDArray[np.float64]
    keys: NDArray[Any]
    payloads: Sequence[Any]
    priorities: NDArray[np.int32]
    columns: pd.DataFrame

    def __init__(
        self,
        arrival_s: ArrayLike,
        keys: ArrayLike | None = None,
        payloads: Iterable[Any] | None = None,
        priorities: ArrayLike | None = None,
        columns: pd.DataFrame | None = None,
    ) -> None:
        arrival = _frozen("arrival_s", arrival_s, np.float64)
        n = len(arrival)
        if n == 0:
            raise WorkloadError("The workload holds no requests; expected at least one.")
        check_arrivals(
            arrival, lambda row: f"arrival_s[{row}]", lambda row: f"{float(arrival[row])!r} s"
        )
        key_array = _frozen("keys", np.arange(n) if keys is None else keys)
        columns_given: dict[str, Any] = {
            "keys": key_array,
            "payloads": tuple(plain_values(key_array if payloads is None else payloads)),
            "priorities": _frozen(
                "priorities", [0] * n if priorities is None else priorities, np.int32
            ),
            "columns": pd.DataFrame(index=pd.RangeIndex(n)) if columns is None else columns,
        }
        object.__setattr__(self, "arrival_s", arrival)
        for name, values in columns_given.items():
            if len(values) != n:
                raise WorkloadError(
                    f"{name} has {len(values)} rows for {n} arrivals; expected {n}."
                )
            object.__setattr__(self, name, values)

    # -- from files and frames ----------------------------------------------------------------

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        *,
        arrival: str,
        key: str | None = None,
        payload: str | None = None,
        priority: str | None = None,
    ) -> Self:
        """Read a CSV file with a header line.

        Parameters
        ----------
        path : path-like
            A UTF-8 file.
        arrival : str
            Column of arrival times, sorted: numbers of seconds, or ISO 8601 timestamps, read to
            the nanosecond. The workload's times count from the first.
        key : str or None
            Column that is equal for equal inputs; the payload's by default, else all differ.
        payload : str or None
            Column of inputs; the key's by default.
        priority : str or None
            Column of whole numbers, larger leaves first; 0 by default.

        Returns
        -------
        Workload
            With the file's other columns in ``columns``.

        Raises
        ------
        WorkloadError
            Names the file, and the column and the row, that cannot be used.
        """
        return cls._from_table(read_csv(path), arrival, key, payload, priority)

    @classmethod
    def from_jsonl(
        cls,
        path: str | Path,
        *,
        arrival: str,
        key: str | None = None,
        payload: str | None = None,
        priority: str | None = None,
    ) -> Self:
        """Read a file with one JSON object per line; parameters as for :meth:`from_csv`."""
        return cls._from_table(read_jsonl(path), arrival, key, payload, priority)

    @classmethod
    def from_parquet(
        cls,
        path: str | Path,
        *,
        arrival: str,
        key: str | None = None,
        payload: str | None = None,
        priority: str | None = None,
    ) -> Self:
        """Read a Parquet file; parameters as for :meth:`from_csv`."""
        return cls._from_table(read_parquet(path), arrival, key, payload, priority)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        arrival: str,
        key: str | None = None,
        payload: str | None = None,
        priority: str | None = None,
    ) -> Self:
        """Take a frame with one row per request; parameters as for :meth:`from_csv`."""
        return cls._from_table(read_frame(frame), arrival, key, payload, priority)

    @classmethod
    def _from_table(
        cls,
        table: RequestTable,
        arrival: str,
        key: str | None,
        payload: str | None,
        priority: str | None,
    ) -> Self:
        table.require([arrival, key, payload, priority])
        key = key or payload
        payload = payload or key
        return cls(
            table.arrival_s(arrival),
            keys=None if key is None else table.keys(key),
            payloads=None if payload is None else table.payloads(payload),
            priorities=None if priority is None else table.priorities(priority),
            columns=table.others([arrival, key, payload, priority]),
        )

    # -- generated ----------------------------------------------------------------------------

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

        Parameters
        ----------
        rate_rps : float
            Mean rate, in requests per s, above 0.
        n_requests : int
            At least 1.
        n_keys : int or None
            Different inputs, at least 1; as many as there are payloads, else 1,000, by default.
        zipf_exponent : float
            See :class:`Zipf`.
        payloads : iterable or None
            One input per key, the most popular first; the keys by default.
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
        arrival_rng, key_rng = _generators(seed)
        pool = None if payloads is None else payload_pool(payloads)
        if n_keys is None:
            n_keys = _DEFAULT_KEYS if pool is None else len(pool)
        check_integer("n_keys", n_keys, at_least=1)
        if pool is not None and n_keys > len(pool):
            raise SettingError(
                f"n_keys is {n_keys}; expected at most one per payload, {len(pool)}."
            )
        arrival_s = poisson_arrivals(rate_rps, n_requests, arrival_rng)
        keys = Zipf(zipf_exponent).sample(n_requests, n_keys, key_rng)
        return cls(arrival_s, keys, None if pool is None else [pool[key] for key in keys.tolist()])

    def with_payloads(
        self, payloads: Iterable[Any], keys: KeySampler | None = None, seed: int = 0
    ) -> Self:
        """Return the same arrivals with other payloads, drawn at random.

        Parameters
        ----------
        payloads : iterable
            One input per key, the most popular first.
        keys : KeySampler or None
            Draws the key, which is the position of the payload, of each request;
            ``Zipf(1.1)`` by default.
        seed : int
            At least 0.
        """
        pool = payload_pool(payloads)
        sampler = Zipf() if keys is None else keys
        _, key_rng = _generators(seed)
        drawn = sampler.sample(len(self), len(pool), key_rng)
        return type(self)(
            self.arrival_s,
            drawn,
            [pool[key] for key in drawn.tolist()],
            self.priorities,
            self.columns,
        )

    # -- as a whole ---------------------------------------------------------------------------

    def head(self, n: int) -> Self:
        """Return the first ``n`` requests, or all if there are fewer."""
        check_integer("n", n, at_least=1)
        return type(self)(
            self.arrival_s[:n],
            self.keys[:n],
            self.payloads[:n],
            self.priorities[:n],
            self.columns.iloc[:n],
        )

    @property
    def duration_s(self) -> float:
        """When the last request is due, in s."""
        return float(self.arrival_s[-1])

    @property
    def n_keys(self) -> int:
        """Number of different keys."""
        return int(pd.Series(self.keys).nunique())

    def describe(self) -> pd.DataFrame:
        """Return one row per figure with its ``value``.

        ``inter_arrival_cv`` is the coefficient of variation of the gaps between arrivals: 0 for
        a constant rate, 1 for Poisson arrivals, more for bursts; NaN below 3 requests.
        """
        gaps_s = np.diff(self.arrival_s)
        mean_gap_s = float(gaps_s.mean()) if len(gaps_s) else 0.0
        varies = len(gaps_s) > 1 and mean_gap_s > 0
        figures = {
            "n_requests": len(self),
            "duration_s": self.duration_s,
            "mean_rate_rps": 1 / mean_gap_s if mean_gap_s else np.nan,
            "inter_arrival_cv": float(gaps_s.std()) / mean_gap_s if varies else np.nan,
            "n_keys": self.n_keys,
        }
        return pd.DataFrame({"value": pd.Series(figures, dtype=np.float64).rename_axis("figure")})

    def __len__(self) -> int:
        return len(self.arrival_s)

    def __repr__(self) -> str:
        return (
            f"<Workload: {len(self):,} requests in {self.duration_s:,.6g} s, "
            f"{self.n_keys:,} different keys>"
        )


def _frozen(name: str, values: ArrayLike, dtype: type[Any] | None = None) -> NDArray[Any]:
    """Copy into a one-dimensional array that cannot be written to."""
    try:
        array = np.array(values, dtype=dtype)
        if dtype is np.int32 and (array != np.asarray(values)).any():
            raise ValueError("expected whole numbers")
    except (TypeError, ValueError, OverflowError) as error:
        raise WorkloadError(f"{name} cannot be read as an array: {error}") from None
    if array.ndim != 1:
        raise WorkloadError(f"{name} has shape {array.shape}; expected one value per request.")
    array.setflags(write=False)
    return array


def _generators(seed: int) -> list[np.random.Generator]:
    """One generator for arrivals and one for keys, so that neither changes with the other."""
    check_integer("seed", seed, at_least=0)
    return np.random.default_rng(seed).spawn(2)
