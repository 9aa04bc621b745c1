"""What the engine is told and what it tells: settings, requests, results, batches, statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from dataclasses import replace as dataclass_replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from codomyrmex_lab.errors import SettingError

T = TypeVar("T")
NS_PER_MS = 1_000_000

BatchFunction = Callable[[list[Any]], Sequence[Any]]
"""Maps a list of inputs to outputs of the same length and order."""


class QuantizationType(Enum):
    """Number format of a model's weights."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"
    INT4 = "int4"


class BatchingStrategy(Enum):
    """When a batch leaves; the rules are stated in :mod:`codomyrmex_lab.optimization.policy`."""

    FIXED = "fixed"
    DYNAMIC = "dynamic"
    ADAPTIVE = "adaptive"


class CloseReason(Enum):
    """Why a batch left the queue."""

    FULL = "full"
    TIMEOUT = "timeout"
    TARGET = "target"
    FLUSH = "flush"
    STOP = "stop"
    DIRECT = "direct"


@runtime_checkable
class SupportsVariants(Protocol):
    """A model that exists in several number formats."""

    def variant(self, quantization: QuantizationType) -> BatchFunction:
        """Return the batch function of one variant, or raise ``VariantError`` saying why not."""
        ...


@dataclass(frozen=True, slots=True)
class OptimizationConfig:
    """Settings of one engine; immutable, changed through :meth:`replace`.

    Parameters
    ----------
    quantization : QuantizationType
        Variant of the model that runs.
    max_batch_size : int
        Largest batch, in requests, at least 1.
    batch_timeout_ms : float
        Longest wait of the oldest request for its batch to fill, in ms, at least 0.
        Has no effect under ``FIXED``.
    enable_caching : bool
        Answer repeated inputs from the cache, and identical inputs in flight from one computation.
    cache_max_size : int
        Results kept in the cache, at least 1.
    num_workers : int
        Batches that may run at once, at least 1.
    batching_strategy : BatchingStrategy
        Rule by which a batch leaves.
    latency_target_ms : float or None
        Latency that ``ADAPTIVE`` tries to hold, in ms, above 0. Has no effect otherwise.

    Raises
    ------
    SettingError
        A ``ValueError`` that names field, value and allowed range.
    """

    quantization: QuantizationType = QuantizationType.FP32
    max_batch_size: int = 32
    batch_timeout_ms: float = 100.0
    enable_caching: bool = True
    cache_max_size: int = 1000
    num_workers: int = 4
    batching_strategy: BatchingStrategy = BatchingStrategy.DYNAMIC
    latency_target_ms: float | None = None

    def __post_init__(self) -> None:
        check_member("quantization", self.quantization, QuantizationType)
        check_integer("max_batch_size", self.max_batch_size, at_least=1)
        check_milliseconds("batch_timeout_ms", self.batch_timeout_ms)
        if not isinstance(self.enable_caching, bool):
            raise SettingError(
                f"enable_caching is {self.enable_caching!r}; expected True or False."
            )
        check_integer("cache_max_size", self.cache_max_size, at_least=1)
        check_integer("num_workers", self.num_workers, at_least=1)
        check_member("batching_strategy", self.batching_strategy, BatchingStrategy)
        if self.latency_target_ms is not None:
            check_milliseconds("latency_target_ms", self.latency_target_ms, above_zero=True)

    def replace(self, **changes: Any) -> OptimizationConfig:
        """Return a copy with some settings changed.

        Parameters
        ----------
        **changes
            New values by field name.

        Returns
        -------
        OptimizationConfig
            A new, checked config; this one is unchanged.

        Raises
        ------
        SettingError
            An unknown field name, or a value outside its range.
        """
        known = [f.name for f in fields(self)]
        unknown = sorted(set(changes) - set(known))
        if unknown:
            raise SettingError(
                f"Unknown setting {unknown[0]!r}; expected one of {', '.join(known)}."
            )
        return dataclass_replace(self, **changes)


@dataclass(slots=True)
class InferenceStats:
    """Counts since the engine was made; a snapshot that does not change any more.

    ``cache_hits + cache_misses`` is the number of cache look-ups. ``total_batches`` counts model
    calls and ``avg_batch_size`` the requests that each computed.
    """

    total_requests: int = 0
    total_batches: int = 0
    avg_batch_size: float = 0.0
    avg_latency_ms: float = 0.0
    cache_hits: int = 0
    cache_misses: int = 0

    @property
    def cache_hit_rate(self) -> float:
        """Hits among all cache look-ups, 0 to 1; 0.0 when there were none."""
        lookups = self.cache_hits + self.cache_misses
        return self.cache_hits / lookups if lookups else 0.0


@dataclass(slots=True)
class InferenceRequest(Generic[T]):
    """One input on its way to the model.

    Larger ``priority`` goes first. ``created_at`` is the wall-clock time of creation.
    """

    id: int | str
    input_data: T
    priority: int = 0
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def age_ms(self) -> float:
        """Time since creation, in ms."""
        return (datetime.now(self.created_at.tzinfo) - self.created_at).total_seconds() * 1e3


@dataclass(slots=True)
class InferenceResult(Generic[T]):
    """One output and how it came about.

    ``queue_ms`` and ``service_ms`` sum to ``latency_ms``. ``joined`` marks a request that shared
    the computation of an identical one in flight; ``batch_id`` is None where the cache answered.
    """

    request_id: int | str
    output: T
    latency_ms: float
    from_cache: bool = False
    batch_size: int = 1
    queue_ms: float = 0.0
    service_ms: float = 0.0
    batch_id: int | None = None
    joined: bool = False


def check_integer(name: str, value: object, *, at_least: int) -> None:
    """Raise ``SettingError`` unless ``value`` is a whole number of at least ``at_least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise SettingError(f"{name} is {value!r}; expected a whole number of at least {at_least}.")


def check_milliseconds(name: str, value: object, *, above_zero: bool = False) -> None:
    """Raise ``SettingError`` unless ``value`` is a finite time in ms that is not negative."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    allowed = "a finite number of milliseconds " + ("above 0" if above_zero else "of at least 0")
    if not number or not math.isfinite(value) or value < 0 or (above_zero and value == 0):  # type: ignore[arg-type, operator]
        raise SettingError(f"{name} is {value!r}; expected {allowed}.")


def check_member(name: str, value: object, enum: type[Enum]) -> None:
    """Raise ``SettingError`` unless ``value`` is a member of ``enum``."""
    if not isinstance(value, enum):
        allowed = ", ".join(f"{enum.__name__}.{member.name}" for member in enum)
        raise SettingError(f"{name} is {value!r}; expected one of {allowed}.")
