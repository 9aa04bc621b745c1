"""How long a model takes for a batch: measured points, and the table that a simulation reads."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import ForeignProfileWarning, ProfileError
from codomyrmex_lab.optimization.models import OptimizationConfig, QuantizationType
from codomyrmex_lab.simulation.overheads import Overheads
from codomyrmex_lab.simulation.profile_checks import (
    COLD_COLUMNS,
    checked_cold_starts,
    checked_points,
    checked_ratios,
)
from codomyrmex_lab.simulation.profile_file import read_profile, write_profile
from codomyrmex_lab.simulation.profile_from_trace import profile_parts_of
from codomyrmex_lab.simulation.variant_times import MeasuredRange, VariantTimes
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.tracing.provenance import model_identity, provenance

__all__ = ["ServiceProfile"]

_MOST_TABLES = 512


@dataclass(frozen=True, eq=False, repr=False)
class ServiceProfile:
    """Service times of one model on one machine.

    Parameters
    ----------
    points : pandas.DataFrame
        One row per measured ``quantization`` (the value of a :class:`QuantizationType`),
        ``busy_workers`` (model calls that run at once, this one included), ``batch_size`` and
        ``cost`` (of the batch's costliest request, 0 where cost was not measured): median
        ``service_ms``, its confidence interval ``ci_low_ms`` to ``ci_high_ms``, ``n_samples``.
    residuals : float64, shape (n_residuals,)
        Ratios of measured service times to the medians of their points.
    residual_sources : int64, shape (n_residuals, 2) or (0, 2)
        ``busy_workers`` and ``batch_size`` of each residual's point; none where that is unknown.
    model : str
        Identity of the model.
    host : mapping
        Processor, cores and system that it was measured on.
    versions : mapping
        Versions of the libraries that took part.
    n_payloads : int
        Different inputs that the batches were made of.
    cost : str or None
        Column of :attr:`Workload.columns` that the costs were taken from.
    cold_starts : pandas.DataFrame
        What a call takes longer after nothing ran for a while: ``extra_ms`` by ``quantization``,
        ``n_workers`` of the engine, ``batch_size`` and ``idle_ms`` since the last call of any of
        them. Empty where it was not measured.
    overheads : Overheads
        What engine and driver add.
    submit_residuals : float64, shape (n_submit_residuals,)
        Ratios of how late the driver woke to its ``submit_ns``.
    settings : mapping
        How it was measured.

    Raises
    ------
    ProfileError
        A column is missing, or holds what no measurement gives.
    """

    points: pd.DataFrame
    residuals: NDArray[np.float64]
    model: str = "unknown"
    host: Mapping[str, Any] = field(default_factory=lambda: provenance()["host"])
    versions: Mapping[str, str] = field(default_factory=lambda: provenance()["versions"])
    n_payloads: int = 0
    cost: str | None = None
    cold_starts: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=list(COLD_COLUMNS))
    )
    overheads: Overheads = Overheads()  # noqa: RUF009 (it is immutable)
    submit_residuals: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    settings: Mapping[str, Any] = field(default_factory=dict)
    residual_sources: NDArray[np.int64] = field(default_factory=lambda: np.ones((0, 2), np.int64))
    _tables: dict[tuple[Any, ...], NDArray[np.float64]] = field(
        init=False, repr=False, default_factory=dict
    )
    _variants: dict[QuantizationType, VariantTimes] = field(
        init=False, repr=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", checked_points(self.points))
        for name in ("residuals", "submit_residuals"):
            object.__setattr__(self, name, checked_ratios(name, getattr(self, name)))
        object.__setattr__(self, "cold_starts", checked_cold_starts(self.cold_starts))
        if len(self.residual_sources) not in {0, len(self.residuals)}:
            raise ProfileError(
                f"residual_sources has {len(self.residual_sources)} rows; expected one for each of "
                f"the {len(self.residuals)} residuals, or none."
            )

    @classmethod
    def from_trace(
        cls, trace: Trace, *, model: Any = None, overheads: Overheads | None = None
    ) -> Self:
        """Fit a profile to the model calls of a trace.

        Only what the trace has seen is known: its quantization, its batch sizes, and the numbers
        of calls that it saw running at once. Where that is less than a config allows (the trace's
        own, perhaps), a simulation asks for ``extrapolate``.

        Parameters
        ----------
        trace : Trace
            Batches that failed are left out.
        model : Any
            What was recorded, to mark the profile with; where it is None, what the trace's
            metadata say.
        overheads : Overheads or None
            Of engine and driver, where they were measured; none if None.

        Raises
        ------
        ProfileError
            The trace holds no model call without error.
        """
        parts = profile_parts_of(trace)
        if model is not None:
            parts["model"] = model_identity(model)
        if overheads is not None:
            parts["overheads"] = overheads
        return cls(**parts)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return a profile that was saved.

        Raises
        ------
        ProfileError
            There is no such file, or it is no profile, or one of a newer form.
        """
        return cls(**read_profile(Path(path)))

    def save(self, path: str | Path) -> Path:
        """Write the profile to a Parquet file, which appears when it is complete.

        Raises
        ------
        ProfileError
            The file cannot be written.
        """
        return write_profile(self, Path(path))

    @property
    def quantizations(self) -> tuple[QuantizationType, ...]:
        """The variants that were measured."""
        return tuple(QuantizationType(name) for name in self.points["quantization"].unique())

    @cached_property
    def costs(self) -> NDArray[np.float64]:
        """The measured costs, ascending; ``[0.0]`` where cost was not measured."""
        return np.unique(self.points["cost"].to_numpy(dtype=np.float64))

    @property
    def max_batch_size(self) -> int:
        """The largest measured batch, in requests."""
        return int(self.points["batch_size"].max())

    @property
    def max_workers(self) -> int:
        """The largest measured number of calls at once."""
        return int(self.points["busy_workers"].max())

    @property
    def unsettled(self) -> pd.DataFrame:
        """The points whose interval is wider than was asked for when the budget was spent.

        None where nothing was asked for.
        """
        return self.less_certain_than(self._precision)

    def less_certain_than(self, precision: float) -> pd.DataFrame:
        """Return the points whose interval reaches further than this share of their median."""
        half_ms = (self.points["ci_high_ms"] - self.points["ci_low_ms"]) / 2
        return self.points[half_ms > precision * self.points["service_ms"]]

    @property
    def _precision(self) -> float:
        return float(self.settings.get("precision", np.inf))

    def covers(self, config: OptimizationConfig) -> bool:
        """Tell whether all that a config can lead to lies within the measured range."""
        measured = self.measured_range(config.quantization)
        return (
            measured.smallest_batch == measured.fewest_calls == 1
            and measured.largest_batch >= config.max_batch_size
            and measured.most_calls >= config.num_workers
        )

    def measured_range(self, quantization: QuantizationType) -> MeasuredRange:
        """Return the ends of what was measured of a variant; zeros for nothing."""
        return self._variant(quantization).measured_range

    def service_times_ns(
        self,
        quantization: QuantizationType,
        n_workers: int,
        max_batch_size: int,
        *,
        extrapolate: bool = False,
    ) -> NDArray[np.float64]:
        """Return the time of a batch of each size while so many calls run all the while.

        Parameters
        ----------
        quantization : QuantizationType
            The variant.
        n_workers, max_batch_size : int
            Ends of the table, at least 1.
        extrapolate : bool
            Go on in a straight line beyond what was measured.

        Returns
        -------
        float64, shape (n_workers + 1, max_batch_size + 1)
            In ns, by number of calls running (this one included) and batch size; linear between
            measured points, and below the fewest measured calls. Row 0 repeats row 1; column 0 is
            0.

        Raises
        ------
        ProfileError
            The variant was not measured, the table goes beyond the measured range and
            ``extrapolate`` is not set, or the profile depends on cost.
        """
        if len(self.costs) > 1:
            raise ProfileError(
                f"The profile depends on cost, at {len(self.costs)} values; read "
                "service_table_ns(), or measure a profile without cost."
            )
        table = self.service_table_ns(
            quantization, n_workers, max_batch_size, extrapolate=extrapolate
        )
        first: NDArray[np.float64] = table[0]
        return first

    def service_table_ns(
        self,
        quantization: QuantizationType,
        n_workers: int,
        max_batch_size: int,
        *,
        extrapolate: bool = False,
    ) -> NDArray[np.float64]:
        """Return :meth:`service_times_ns` for each of :attr:`costs`.

        Returns
        -------
        float64, shape (n_costs, n_workers + 1, max_batch_size + 1)
            In ns. Between two costs the time is linear; outside of them it is that of the nearest.
        """
        key = (quantization, n_workers, max_batch_size, extrapolate)
        table = self._tables.get(key)
        if table is None:
            if len(self._tables) >= _MOST_TABLES:
                self._tables.clear()
            table = self._variant(quantization).service_table_ns(
                n_workers, max_batch_size, extrapolate=extrapolate
            )
            self._tables[key] = table
        return table

    def noise(self, n_calls: int, max_batch_size: int) -> NDArray[np.float64]:
        """Return the residuals of so many calls at once.

        Small batches, and calls that other calls disturb, vary more: only residuals of as many
        calls at once count, and of batches up to four times smaller than the largest.

        Returns
        -------
        float64, shape (n_residuals,)
            At least one; all of them where it is unknown what they are of.
        """
        if not len(self.residual_sources):
            return self.residuals
        key = ("noise", n_calls, max_batch_size)
        if key not in self._tables:
            calls, sizes = self.residual_sources.T
            near = calls == _nearest_up(calls, n_calls)
            largest = _nearest_up(sizes[near], max_batch_size)
            self._tables[key] = self.residuals[near & (sizes <= largest) & (4 * sizes > largest)]
        return self._tables[key]

    def cold_start(
        self, quantization: QuantizationType, n_workers: int = 1, max_batch_size: int = 1
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what a call takes longer after nothing ran for a while.

        Parameters
        ----------
        quantization : QuantizationType
            The variant.
        n_workers : int
            Of the engine. The largest measured number that is no larger counts.
        max_batch_size : int
            Of the engine, in requests.

        Returns
        -------
        idle_ns : float64, shape (n_gaps,)
            Ascending times since the end of the last call of any worker.
        extra_ns : float64, shape (n_gaps, max_batch_size + 1)
            The times to add, by gap and batch size: linear in between, constant beyond the last;
            nothing after no gap, since that is what service times are measured at.
        """
        return self._variant(quantization).cold_start(n_workers, max_batch_size)

    def _variant(self, quantization: QuantizationType) -> VariantTimes:
        found = self._variants.get(quantization)
        if found is None:
            found = VariantTimes(self.points, self.cold_starts, quantization)
            self._variants[quantization] = found
        return found

    def foreign(self, model: Any = None) -> tuple[str, ...]:
        """Say, a sentence each, whether the profile is of another machine or another model."""
        here = _here()
        told = []
        differing = [name for name in here if self.host.get(name) != here[name]]
        if differing:
            facts = "; ".join(
                f"{name} {self.host.get(name)!r}, here {here[name]!r}" for name in differing
            )
            told.append(
                f"The profile was measured on another machine ({facts}); measure it here before "
                "trusting a prediction."
            )
        identity = None if model is None else model_identity(model)
        if identity is not None and identity != self.model:
            told.append(
                f"The profile is of model {self.model!r}, not of {identity!r}; measure a profile "
                "of this one."
            )
        return tuple(told)

    def warn_if_foreign(self, model: Any = None, *, stacklevel: int = 2) -> None:
        """Warn where the profile is of another machine, or of another model than this one.

        Warns
        -----
        ForeignProfileWarning
            Says what differs.
        """
        for sentence in self.foreign(model):
            warnings.warn(sentence, ForeignProfileWarning, stacklevel=stacklevel + 1)

    def __repr__(self) -> str:
        variants = ", ".join(one.name for one in self.quantizations)
        n_unsettled = len(self.unsettled)
        less_certain = f", {n_unsettled} of them less certain than ±{self._precision:.0%}"
        return (
            f"<ServiceProfile of {self.model}: {variants}; batches up to {self.max_batch_size}, "
            f"{self.max_workers} calls at once, {len(self.points)} points"
            f"{less_certain if n_unsettled else ''}>"
        )


def _nearest_up(measured: NDArray[np.int64], wanted: int) -> int:
    """Return the smallest measured number that is no less than ``wanted``, or the largest."""
    enough = measured[measured >= wanted]
    return int(enough.min() if len(enough) else measured.max())


@cache
def _here() -> dict[str, Any]:
    host: dict[str, Any] = provenance()["host"]
    return host
