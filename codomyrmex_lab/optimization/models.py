"""What the engine is told and what it tells: settings, requests, results, batches, statistics."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from dataclasses import replace as dataclass_replace
from datetime import UTC, datetime
from enum import Enum
from numbers import Integral, Real
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from codomyrmex_lab.errors import SettingError

T = TypeVar("T")
NS_PER_MS = 1_000_000

BatchFunction = Callable[[list[Any]], Any]
"""Maps a list of inputs to a sequence of outputs of the same length and order."""


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


class QueueFullAction(Enum):
    """What happens to a request that finds the queue full."""

    BLOCK = "block"
    """Its caller waits for a place."""
    REJECT = "reject"
    """It fails."""
    SHED_OLDEST = "shed_oldest"
    """It enters, and the request that has waited longest fails."""


class CloseReason(Enum):
    """Why a batch left the queue."""

    FULL = "full"
    TIMEOUT = "timeout"
    TARGET = "target"
    FLUSH = "flush"
    STOP = "stop"
    DIRECT = "direct"

    __hash__ = object.__hash__  # counted by at every batch; the inherited one is Python code


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
    priority_ageing_ms : float
        Waiting that makes up for one level of priority, in ms, above 0: bounds how long requests
        of larger priority can keep others waiting.
    max_queue_size : int or None
        Requests that may wait, at least 1; no bound if None.
    queue_full : QueueFullAction
        What happens to a request that finds the queue full.
    cache_ttl_s : float or None
        Age at which a cached result is no longer used, in s, above 0; never if None.
    cache_max_bytes : int or None
        Bound of the cache's estimated size, in bytes, at least 1; none if None. What is counted
        is said at :func:`codomyrmex_lab.optimization.sizes.size_bytes`.
    processor_timeout_ms : float or None
        Longest model call, in ms, above 0; its callers then fail and a new worker takes over.
        Calls in a caller's own thread have no limit: those of ``infer_batch``, and of an engine
        that is not started.

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
    priority_ageing_ms: float = 1000.0
    max_queue_size: int | None = None
    queue_full: QueueFullAction = QueueFullAction.BLOCK
    cache_ttl_s: float | None = None
    cache_max_bytes: int | None = None
    processor_timeout_ms: float | None = None

    def __post_init__(self) -> None:
        check_member("quantization", self.quantization, QuantizationType)
        check_member("batching_strategy", self.batching_strategy, BatchingStrategy)
        check_member("queue_full", self.queue_full, QueueFullAction)
        if not isinstance(self.enable_caching, bool):
            raise SettingError(
                f"enable_caching is {self.enable_caching!r}; expected True or False."
            )
        for name in ("max_batch_size", "cache_max_size", "num_workers"):
            self._set(name, check_integer(name, getattr(self, name), at_least=1))
        for name in ("max_queue_size", "cache_max_bytes"):
            if getattr(self, name) is not None:
                self._set(name, check_integer(name, getattr(self, name), at_least=1))
        self._set("batch_timeout_ms", check_duration("batch_timeout_ms", self.batch_timeout_ms))
        self._set(
            "priority_ageing_ms",
            check_duration("priority_ageing_ms", self.priority_ageing_ms, above_zero=True),
        )
        for name in ("latency_target_ms", "cache_ttl_s", "processor_timeout_ms"):
            if getattr(self, name) is not None:
                self._set(name, check_duration(name, getattr(self, name), above_zero=True))

    def _set(self, name: str, value: object) -> None:
        """Keep a plain Python number in place of one of numpy or pandas, which no file can hold."""
        object.__setattr__(self, name, value)

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

    Every request ends in ``total_requests`` exactly once, when it is answered: from the cache, by
    a batch, by joining an identical request in flight (``joined_requests``), or with an error
    (``failed_requests``; of these, ``expired_requests`` missed their deadline, ``shed_requests``
    made room in a full queue and ``cancelled_requests`` were withdrawn). A request that a full
    queue turned away was never accepted and is counted in ``rejected_requests`` alone.
    ``cache_hits + cache_misses`` is the number of cache look-ups. ``total_batches`` counts model
    calls, ``avg_batch_size`` the requests that each computed and ``close_reasons`` why it left.
    """

    total_requests: int = 0
    total_batches: int = 0
    avg_batch_size: float = 0.0
    avg_latency_ms: float = 0.0
    cache_hits: int = 0
    cache_misses: int = 0
    joined_requests: int = 0
    failed_requests: int = 0
    expired_requests: int = 0
    shed_requests: int = 0
    cancelled_requests: int = 0
    rejected_requests: int = 0
    cache_evictions: int = 0
    cache_size: int = 0
    cache_bytes: int = 0
    close_reasons: dict[CloseReason, int] = field(default_factory=dict)

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


def check_integer(name: str, value: object, *, at_least: int) -> int:
    """Return a whole number as an ``int``, of whatever library it is.

    Raises
    ------
    SettingError
        It is none, or less than ``at_least``.
    """
    if isinstance(value, bool) or not isinstance(value, int | Integral) or value < at_least:
        raise SettingError(f"{name} is {value!r}; expected a whole number of at least {at_least}.")
    return int(value)


def check_duration(name: str, value: object, *, above_zero: bool = False) -> float:
    """Return a time as a plain number, of whatever library it is.

    Raises
    ------
    SettingError
        It is no finite number, negative, or 0 where that is not allowed.
    """
    unit = "seconds" if name.endswith("_s") else "milliseconds"
    allowed = f"a finite number of {unit} " + ("above 0" if above_zero else "of at least 0")
    number = isinstance(value, int | float | Real) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0 or (above_zero and value == 0):  # type: ignore[arg-type, operator]
        raise SettingError(f"{name} is {value!r}; expected {allowed}.")
    return int(value) if isinstance(value, int | Integral) else float(value)  # type: ignore[arg-type]


def check_member(name: str, value: object, enum: type[Enum]) -> None:
    """Raise ``SettingError`` unless ``value`` is a member of ``enum``."""
    if not isinstance(value, enum):
        allowed = ", ".join(f"{enum.__name__}.{member.name}" for member in enum)
        raise SettingError(f"{name} is {value!r}; expected one of {allowed}.")
